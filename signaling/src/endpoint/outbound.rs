//! Requests of ours: how they leave, how their responses find them, how a challenge is answered.

use std::time::Instant;

use bytes::Bytes;

use super::path::Direction;
use super::transactions::{
    Cancel, ClientMachine, ClientTransaction, InvitationKind, Purpose, TransactionId,
};
use super::trunk::Trunk;
use super::usage::CallKey;
use super::{Endpoint, Event, Flow, Owner, Path};
use crate::dialog::Dialog;
use crate::digest::{Challenge, Credentials};
use crate::error::Malformed;
use crate::message::{Message, Method, ack_of_rejection, lossy, with_credentials};
use crate::transaction::client::Client;
use crate::transaction::invite_client::InviteClient;
use crate::transaction::timer::PATIENCE;
use crate::transaction::{Class, ClientKey, ClientOutput};

/// What a client transaction starts with.
pub(super) struct Departure {
    pub path: Path,
    pub flow: Flow,
    pub purpose: Purpose,
    pub credentials: Option<Credentials>,
    /// Challenges answered on the way here.
    pub answered: u32,
}

impl Endpoint {
    /// Sends a request and remembers it until its transaction ends.
    ///
    /// # Errors
    ///
    /// What our own parser has against it: the caller's arguments, or something a peer made us repeat.
    pub(super) fn begin_client(
        &mut self,
        now: Instant,
        bytes: Bytes,
        departure: Departure,
    ) -> Result<TransactionId, Malformed> {
        let request = Message::parse(bytes.clone(), usize::MAX).map_err(|refusal| refusal.cause)?;
        let key = ClientKey::of(&request).ok_or(Malformed::Header("Via"))?;
        let Departure {
            path,
            flow,
            purpose,
            credentials,
            answered,
        } = departure;
        let mut out = Vec::new();
        let machine = match request.method() {
            Method::Invite => {
                ClientMachine::Invite(InviteClient::new(bytes, flow.reliability(), now, &mut out))
            }
            _ => ClientMachine::Other(Client::new(bytes, flow.reliability(), now, &mut out)),
        };
        let transaction = ClientTransaction {
            machine,
            flow,
            path,
            request,
            purpose,
            credentials,
            answered,
            give_up: None,
        };
        let bye = match &transaction.purpose {
            Purpose::Bye(call) => Some(call.clone()),
            _ => None,
        };
        let id = self.clients.insert(key, transaction);
        if let Some(call) = bye {
            self.parted.insert(call, id);
        }
        self.carry_out(now, id, out, None);
        Ok(id)
    }

    /// Takes silence for an answer at `at`, where timers B and F would be too long.
    pub(super) fn give_up_at(&mut self, id: TransactionId, at: Instant) {
        if let Some(transaction) = self.clients.get_mut(id) {
            transaction.give_up = Some(at);
        }
        self.settle_client(id);
    }

    pub(super) fn handle_response(
        &mut self,
        now: Instant,
        flow: Flow,
        status: u16,
        response: Message,
    ) {
        // More than one Via means that it isn't for us (RFC 3261 §8.1.3.3).
        let ours = response
            .elements(crate::message::Name::Via)
            .nth(1)
            .is_none();
        let id = ClientKey::of(&response)
            .filter(|_| ours)
            .and_then(|key| self.clients.find(&key));
        let Some((id, transaction)) = id.and_then(|id| Some((id, self.clients.get_mut(id)?)))
        else {
            return self.note_malformed(flow, Malformed::StrayResponse);
        };
        // Nobody else than the one we asked may answer.
        if !self.sockets.is_same_peer(transaction.flow, flow) {
            return self.note_malformed(flow, Malformed::StrayResponse);
        }
        transaction.give_up = None;
        let mut out = Vec::new();
        let ClientTransaction {
            machine, request, ..
        } = transaction;
        match machine {
            ClientMachine::Invite(machine) => {
                let ack = || ack_of_rejection(request, &response);
                machine.handle_response(Class::of(status), ack, now, &mut out);
            }
            ClientMachine::Other(machine) => {
                machine.handle_response(Class::of(status), now, &mut out)
            }
        }
        self.carry_out(now, id, out, Some((status, &response)));
    }

    pub(super) fn client_timeout(&mut self, now: Instant, id: TransactionId) {
        let Some(transaction) = self.clients.get_mut(id) else {
            return;
        };
        if transaction
            .cancel_deadline()
            .is_some_and(|give_up| now >= give_up)
        {
            // RFC 3261 §9.1: the INVITE counts as cancelled, answered or not.
            self.forget_client(id);
            return;
        }
        if transaction.give_up.take_if(|at| now >= *at).is_some() {
            self.take_silence(now, id);
            return self.settle_client(id);
        }
        let mut out = Vec::new();
        match &mut transaction.machine {
            ClientMachine::Invite(machine) => machine.handle_timeout(now, &mut out),
            ClientMachine::Other(machine) => machine.handle_timeout(now, &mut out),
        }
        self.carry_out(now, id, out, None);
    }

    /// A transaction whose connection is gone ends without an answer.
    pub(super) fn abandon_clients_of(&mut self, now: Instant, flow: Flow) {
        let ids: Vec<_> = self
            .clients
            .iter()
            .filter(|(_, transaction)| transaction.flow == flow && transaction.needs_flow())
            .map(|(id, _)| id)
            .collect();
        for id in ids {
            self.deadlines.set(Owner::Client(id), None);
            let Some(transaction) = self.forget_client(id) else {
                continue;
            };
            match transaction.purpose {
                Purpose::Ping => self.tell(Event::Pong { flow, status: 503 }),
                Purpose::Watch(peer) => self.peer_answered(now, peer, 503),
                Purpose::RegisterTrunk(trunk) => self.trunk_unanswered(now, id, trunk),
                Purpose::Invite(invitation) => self.invitation_lost_flow(now, id, &invitation),
                // The registration hears of the connection itself.
                Purpose::Register(_) | Purpose::Cancel => {}
                Purpose::Bye(_) => {
                    self.keep_goodbye(
                        now,
                        transaction.path,
                        transaction.request,
                        transaction.credentials,
                    );
                }
                Purpose::Inside(dialog, errand) => self.errand_lost_flow(dialog, errand),
            }
        }
    }

    fn carry_out(
        &mut self,
        now: Instant,
        id: TransactionId,
        out: Vec<ClientOutput>,
        response: Option<(u16, &Message)>,
    ) {
        let Some(flow) = self.clients.get(id).map(|transaction| transaction.flow) else {
            return;
        };
        for output in out {
            match output {
                ClientOutput::Transmit(bytes) => self.send(flow, bytes),
                ClientOutput::Retransmit(bytes) => self.resend(flow, bytes),
                ClientOutput::Response(class) => {
                    if let Some((status, response)) = response {
                        self.take_response(now, id, class, status, response);
                    }
                }
                ClientOutput::TimedOut => self.take_silence(now, id),
            }
        }
        self.settle_client(id);
    }

    fn forget_client(&mut self, id: TransactionId) -> Option<ClientTransaction> {
        let transaction = self.clients.remove(id)?;
        if let Purpose::Bye(key) = &transaction.purpose
            && self.parted.get(key) == Some(&id)
        {
            self.parted.remove(key);
        }
        Some(transaction)
    }

    /// Forgets a transaction that ended, else brings its deadline in line with its state.
    pub(super) fn settle_client(&mut self, id: TransactionId) {
        let deadline = match self.clients.get(id) {
            Some(transaction) if transaction.is_terminated() => {
                self.forget_client(id);
                None
            }
            Some(transaction) => transaction.poll_timeout(),
            None => None,
        };
        self.deadlines.set(Owner::Client(id), deadline);
    }

    fn take_response(
        &mut self,
        now: Instant,
        id: TransactionId,
        class: Class,
        status: u16,
        response: &Message,
    ) {
        let Some(transaction) = self.clients.get(id) else {
            return;
        };
        let flow = transaction.flow;
        match transaction.purpose.clone() {
            Purpose::Invite(invitation) => {
                self.invitation_answered(now, id, invitation, class, status, response)
            }
            // Non-INVITE requests are brief: their provisional responses say nothing.
            Purpose::Register(_)
            | Purpose::RegisterTrunk(_)
            | Purpose::Ping
            | Purpose::Watch(_)
            | Purpose::Cancel
            | Purpose::Bye(_)
            | Purpose::Inside(..)
                if class == Class::Provisional => {}
            Purpose::Register(line) => self.register_answered(now, id, line, status, response),
            Purpose::RegisterTrunk(trunk) => self.trunk_answered(now, id, trunk, status, response),
            Purpose::Ping => self.tell(Event::Pong { flow, status }),
            Purpose::Watch(peer) => self.peer_answered(now, peer, status),
            Purpose::Cancel | Purpose::Bye(_) => {
                self.answer_challenge(now, id, status, response);
            }
            Purpose::Inside(dialog, errand) => {
                self.errand_answered(now, id, dialog, errand, status, response)
            }
        }
    }

    fn take_silence(&mut self, now: Instant, id: TransactionId) {
        let Some(transaction) = self.clients.get(id) else {
            return;
        };
        let flow = transaction.flow;
        match transaction.purpose.clone() {
            Purpose::Invite(invitation) => self.invitation_unanswered(now, id, invitation),
            Purpose::Register(line) => self.register_unanswered(now, id, line),
            Purpose::RegisterTrunk(trunk) => self.trunk_unanswered(now, id, trunk),
            Purpose::Ping => self.tell(Event::Pong { flow, status: 408 }),
            Purpose::Watch(peer) => {
                self.forget_client(id);
                self.peer_answered(now, peer, 408);
            }
            Purpose::Cancel | Purpose::Bye(_) => {}
            Purpose::Inside(dialog, errand) => self.errand_unanswered(now, id, dialog, errand),
        }
    }

    /// Repeats a challenged request with our credentials; `None` if it wasn't a challenge, or not one to answer (again).
    pub(super) fn answer_challenge(
        &mut self,
        now: Instant,
        id: TransactionId,
        status: u16,
        response: &Message,
    ) -> Option<TransactionId> {
        if !matches!(status, 401 | 407) {
            return None;
        }
        let transaction = self.clients.get(id)?;
        let credentials = transaction.credentials.clone()?;
        let challenge = Challenge::strongest(response, &credentials)?;
        let (path, purpose, answered) = (
            transaction.path,
            transaction.purpose.clone(),
            transaction.answered,
        );
        let request = transaction.request.clone();
        let cseq = request.cseq()?;
        let method = lossy(cseq.method);
        let cnonce = self.random.token(12);
        let (name, value) = challenge.answer(
            &credentials,
            &method,
            &lossy(request.request_uri()),
            &cnonce,
            1,
        );
        // A second challenge by the same party says that our secret is wrong, unless only its nonce was old.
        let repeated = request.text(name).is_some();
        if answered >= MAX_CHALLENGES || (repeated && !challenge.stale) {
            return None;
        }
        let cseq = self.next_cseq_after(&purpose, &request, cseq.number);
        let stamp = self.stamp(path)?;
        let again = with_credentials(&request, &stamp.via, cseq, (name, &value));
        let departure = Departure {
            path,
            flow: stamp.flow,
            purpose,
            credentials: Some(credentials),
            answered: answered + 1,
        };
        self.begin_client(now, again, departure).ok()
    }

    /// The number that a repeated request gets: its dialog's or line's next one.
    fn next_cseq_after(&mut self, purpose: &Purpose, request: &Message, cseq: u32) -> u32 {
        let counted = match purpose {
            Purpose::Register(line) => self.lines.get_mut(line).map(super::line::Line::next_cseq),
            Purpose::RegisterTrunk(trunk) => self.trunks.get_mut(trunk).map(Trunk::next_cseq),
            Purpose::Invite(invitation) if invitation.kind == InvitationKind::Reinvite => self
                .usages
                .get_mut(&invitation.dialog)
                .and_then(|usage| usage.dialog_with(request.tag_in_to()))
                .map(Dialog::next_cseq),
            Purpose::Inside(dialog, _) => self
                .usages
                .get_mut(dialog)
                .and_then(|usage| usage.dialog_with(request.tag_in_to()))
                .map(Dialog::next_cseq),
            Purpose::Invite(_)
            | Purpose::Ping
            | Purpose::Watch(_)
            | Purpose::Cancel
            | Purpose::Bye(_) => None,
        };
        counted.unwrap_or(cseq + 1)
    }

    /// Sends BYE in a dialog that nobody will use any more. A refusal by our own parser leaves the peer to its timers.
    pub(super) fn say_bye(
        &mut self,
        now: Instant,
        path: Path,
        credentials: Option<Credentials>,
        dialog: &mut Dialog,
        reason: Option<&str>,
    ) {
        let Some(stamp) = self.stamp(path) else {
            return self.say_bye_later(now, path, credentials, dialog, reason);
        };
        let cseq = dialog.next_cseq();
        let mut bye = dialog.request("BYE", cseq, &stamp.via, stamp.max_forwards);
        if let Some(reason) = reason {
            bye.header("Reason", reason);
        }
        bye.header("User-Agent", &stamp.user_agent);
        let departure = Departure {
            path,
            flow: stamp.flow.towards(dialog),
            purpose: Purpose::Bye(CallKey::new(dialog.call_id(), dialog.local_tag())),
            credentials,
            answered: 0,
        };
        if let Err(cause) = self.begin_client(now, bye.finish(), departure) {
            self.note_malformed(stamp.flow, cause);
        }
    }

    /// Sends the CANCEL of an INVITE that has been heard of; one that hasn't waits for that.
    pub(super) fn send_cancel(&mut self, now: Instant, id: TransactionId) {
        let Some(transaction) = self.clients.get_mut(id) else {
            return;
        };
        let (Purpose::Invite(invitation), ClientMachine::Invite(machine)) =
            (&mut transaction.purpose, &transaction.machine)
        else {
            return;
        };
        let Cancel::Wanted { reason } = &invitation.cancel else {
            return;
        };
        if !machine.is_proceeding() {
            return;
        }
        let cancel = crate::message::cancel_of(&transaction.request, reason.as_deref());
        invitation.cancel = Cancel::Sent {
            give_up: now + PATIENCE,
        };
        let (path, flow) = (transaction.path, transaction.flow);
        let departure = Departure {
            path,
            flow,
            purpose: Purpose::Cancel,
            credentials: None,
            answered: 0,
        };
        if let Err(cause) = self.begin_client(now, cancel, departure) {
            self.note_malformed(flow, cause);
        }
        self.settle_client(id);
    }

    /// Asks a peer whether it is there; [`Event::Pong`] tells.
    pub fn ping(&mut self, now: Instant, path: Path, target_uri: String) {
        let sent = self.send_options(now, path, &target_uri, Purpose::Ping);
        if sent.is_none()
            && let Some(flow) = self.flow_of(path)
        {
            self.tell(Event::Pong { flow, status: 400 });
        }
    }

    /// Sends OPTIONS; `None` if there is no way to, or the target isn't a URI.
    pub(super) fn send_options(
        &mut self,
        now: Instant,
        path: Path,
        target_uri: &str,
        purpose: Purpose,
    ) -> Option<TransactionId> {
        let tag = self.new_tag(path);
        let call_id = self.random.token(self.profile(path).call_id_length);
        let contact = self.contact(path, Direction::Calling);
        let from = match path {
            Path::Line(line) => self
                .lines
                .get(&line)
                .map(|line| line.address_of_record())
                .unwrap_or_default(),
            Path::Datagram { .. } | Path::Connection { .. } => contact.clone(),
        };
        let stamp = self.stamp(path)?;
        let mut options = crate::message::Builder::request("OPTIONS", target_uri.as_bytes());
        options
            .header("Via", &stamp.via)
            .header("Max-Forwards", stamp.max_forwards.to_string())
            .header("To", format!("<{target_uri}>"))
            .header("From", format!("{from};tag={tag}"))
            .header("Call-ID", call_id)
            .header("CSeq", "1 OPTIONS")
            .header("Contact", contact)
            .header("Accept", super::reply::ACCEPT)
            .header("User-Agent", &stamp.user_agent);
        let flow = stamp.flow;
        let departure = Departure {
            path,
            flow,
            purpose,
            credentials: None,
            answered: 0,
        };
        self.begin_client(now, options.finish(), departure).ok()
    }
}

/// Two proxies and the user agent itself may each ask once.
const MAX_CHALLENGES: u32 = 3;
