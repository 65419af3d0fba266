//! Requests of peers: retransmission or new, acceptable or not, and whose business they are (RFC 3261 §8.2, §17.2.3).

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::refer::objection_outside;
use super::reply::{ACCEPT, ALLOW, UNDERSTOOD, reply, supported};
use super::transactions::{Claim, MergeKey, ServerMachine, ServerTransaction, TransactionId};
use super::usage::{CallKey, InviteUsage};
use super::{Body, DialogId, Ended, Endpoint, Flow, Owner, Source, StreamId};
use crate::dialog::session_timer::{MIN_SE, is_too_brief};
use crate::error::Malformed;
use crate::message::{Message, Method, Name, Uri, UriScheme, lossy};
use crate::transaction::invite_server::InviteServer;
use crate::transaction::server::Server;
use crate::transaction::{Class, ServerKey, ServerOutput};

/// A refusal and the headers that explain it.
pub(super) struct Objection {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
}

impl Objection {
    pub fn plain(status: u16) -> Objection {
        Objection {
            status,
            headers: Vec::new(),
        }
    }

    pub fn with(status: u16, name: &'static str, value: impl Into<String>) -> Objection {
        Objection {
            status,
            headers: vec![(name, value.into())],
        }
    }

    /// The peer shall try again, in a moment.
    pub fn retry_after(status: u16, seconds: u64) -> Objection {
        Objection::with(status, "Retry-After", seconds.to_string())
    }
}

impl Endpoint {
    pub(super) fn handle_request(&mut self, now: Instant, flow: Flow, request: Message) {
        let Some(source) = self.source(flow, &request) else {
            return self.note_malformed(flow, Malformed::UnknownStream);
        };
        if request.method() == Method::Ack {
            return self.handle_ack(now, flow, &request);
        }
        let Some(key) = ServerKey::of(&request, flow) else {
            return;
        };
        if let Some(id) = self.servers.find(&key) {
            return self.handle_retransmission(id);
        }
        if self.servers.len() >= self.config.max_server_transactions {
            let tag = self.random.token(10);
            let mut response = reply(&request, flow, 503, None, Some(tag.as_bytes()));
            response.header("Retry-After", OVERLOAD_PAUSE.to_string());
            return self.send(flow, response.finish());
        }
        let request = Arc::new(request);
        let merge = (request.tag_in_to().is_none() && request.method() != Method::Cancel)
            .then(|| MergeKey::of(&request, flow));
        let merged = merge
            .as_ref()
            .is_some_and(|merge| self.merges.contains_key(merge));
        let id = self.begin_server(key, flow, request.clone(), merge);
        match request.method() {
            Method::Cancel => self.handle_cancel(now, id, flow, &request),
            _ if merged => self.refuse(now, id, Objection::plain(482)),
            _ => match objection(&request) {
                Some(objection) => self.refuse(now, id, objection),
                None => self.dispatch(now, id, flow, source, request),
            },
        }
    }

    fn dispatch(
        &mut self,
        now: Instant,
        id: TransactionId,
        flow: Flow,
        source: Source,
        request: Arc<Message>,
    ) {
        if request.tag_in_to().is_some() {
            return match self.dialog_of(flow, &request) {
                Some(dialog) => self.handle_in_dialog(now, id, dialog, request),
                // Both hung up at once (RFC 3261 §15.1.2 knows the dialog until our BYE is answered).
                None if self.crosses_our_bye(flow, &request) => {
                    self.answer_with(now, id, 200, None, |_| {})
                }
                None => self.refuse(now, id, Objection::plain(481)),
            };
        }
        match request.method() {
            Method::Invite => self.handle_invite(now, id, source, request),
            Method::Options => self.answer_options(now, id),
            method => {
                if let Some(objection) = objection_outside(method) {
                    self.refuse(now, id, objection);
                }
            }
        }
    }

    /// The line or socket a request concerns; `None` on a connection that no line uses.
    fn source(&self, flow: Flow, request: &Message) -> Option<Source> {
        match flow {
            Flow::Datagram { socket, peer } | Flow::Connection { socket, peer } => {
                Some(Source::Socket { socket, peer })
            }
            Flow::Stream(stream) => {
                let lines = &self.streams.get(&stream)?.lines;
                let called = |line| {
                    self.lines
                        .get(line)
                        .is_some_and(|line| line.is_called(request.request_uri()))
                };
                lines
                    .iter()
                    .find(|line| called(line))
                    .or(lines.first())
                    .map(|line| Source::Line(*line))
            }
        }
    }

    /// The call that an in-dialog request belongs to, if it comes from that call's peer.
    pub(super) fn dialog_of(&mut self, flow: Flow, request: &Message) -> Option<DialogId> {
        let key = CallKey::new(request.call_id(), request.tag_in_to()?);
        let dialog = *self.calls.get(&key)?;
        let path = self.usages.get(&dialog)?.path;
        let expected = self.flow_of(path)?;
        let usage = self.usages.get_mut(&dialog)?;
        let known = usage.dialog_with(request.tag_in_from()).is_some();
        (known && !usage.is_leaving() && self.sockets.is_same_peer(expected, flow))
            .then_some(dialog)
    }

    fn crosses_our_bye(&self, flow: Flow, request: &Message) -> bool {
        let our_bye = request
            .tag_in_to()
            .map(|tag| CallKey::new(request.call_id(), tag))
            .and_then(|key| self.clients.get(*self.parted.get(&key)?));
        request.method() == Method::Bye
            && our_bye.is_some_and(|bye| self.sockets.is_same_peer(bye.flow, flow))
    }

    /// 200 to the CANCEL itself, 487 to what it cancels (RFC 3261 §9.2).
    fn handle_cancel(&mut self, now: Instant, id: TransactionId, flow: Flow, cancel: &Message) {
        let target = ServerKey::of_cancelled(cancel, flow).and_then(|key| self.servers.find(&key));
        let Some(target) = target else {
            return self.refuse(now, id, Objection::plain(481));
        };
        let claim = self
            .servers
            .get(target)
            .map_or(Claim::None, |transaction| transaction.claim);
        let local_tag = match claim {
            Claim::Call(dialog) | Claim::Offer(dialog) => self.local_tag_of(dialog),
            Claim::None => None,
        };
        self.answer_with(now, id, 200, local_tag.as_ref(), |_| {});
        match claim {
            Claim::Call(dialog) => {
                self.answer_with(now, target, 487, local_tag.as_ref(), |_| {});
                self.end(dialog, Ended::Cancelled);
            }
            Claim::Offer(dialog) => {
                self.answer_with(now, target, 487, local_tag.as_ref(), |_| {});
                if let Some(usage) = self.usages.get_mut(&dialog) {
                    usage.offers.gate.answer();
                }
            }
            // It was answered: the CANCEL came too late and changes nothing.
            Claim::None => {}
        }
    }

    pub(super) fn answer_options(&mut self, now: Instant, id: TransactionId) {
        let Some(flow) = self.servers.get(id).map(|transaction| transaction.flow) else {
            return;
        };
        self.answer_with(now, id, 200, None, |response| {
            response
                .header("Allow", ALLOW)
                .header("Accept", ACCEPT)
                .header("Supported", supported(flow));
        });
    }

    fn begin_server(
        &mut self,
        key: ServerKey,
        flow: Flow,
        request: Arc<Message>,
        merge: Option<MergeKey>,
    ) -> TransactionId {
        let machine = match request.method() {
            Method::Invite => ServerMachine::Invite(InviteServer::new(flow.reliability())),
            _ => ServerMachine::Other(Server::new(flow.reliability())),
        };
        let transaction = ServerTransaction {
            machine,
            flow,
            request: Some(request),
            claim: Claim::None,
            merge: merge.clone(),
        };
        let id = self.servers.insert(key, transaction);
        if let Some(merge) = merge {
            self.merges.entry(merge).or_insert(id);
        }
        id
    }

    fn handle_retransmission(&mut self, id: TransactionId) {
        self.counts.retransmissions_received += 1;
        let Some(transaction) = self.servers.get_mut(id) else {
            return;
        };
        let mut out = Vec::new();
        match &mut transaction.machine {
            ServerMachine::Invite(machine) => machine.handle_retransmission(&mut out),
            ServerMachine::Other(machine) => machine.handle_retransmission(&mut out),
        }
        self.deliver(id, out);
    }

    pub(super) fn server_timeout(&mut self, now: Instant, id: TransactionId) {
        let Some(transaction) = self.servers.get_mut(id) else {
            return;
        };
        let mut out = Vec::new();
        match &mut transaction.machine {
            ServerMachine::Invite(machine) => machine.handle_timeout(now, &mut out),
            ServerMachine::Other(machine) => machine.handle_timeout(now),
        }
        self.deliver(id, out);
    }

    /// Forgets what was asked on a connection that is gone. INVITEs stay: their answers go on the line's next one.
    pub(super) fn abandon_servers_of(&mut self, flow: Flow) {
        let waits = |transaction: &ServerTransaction| {
            matches!(transaction.machine, ServerMachine::Invite(_))
        };
        let ids: Vec<_> = self
            .servers
            .iter()
            .filter(|(_, transaction)| transaction.flow == flow && !waits(transaction))
            .map(|(id, transaction)| (id, transaction.claim))
            .collect();
        for (id, claim) in ids {
            self.forget_server(id);
            match claim {
                Claim::Offer(dialog) => {
                    if let Some(usage) = self.usages.get_mut(&dialog) {
                        usage.offers.gate.answer();
                    }
                }
                Claim::Call(_) | Claim::None => {}
            }
        }
    }

    /// Answers on `flow` what was asked on `lost` connections, and says the last answers once more (RFC 3261 §18.2.2 lets
    /// a server open a connection for them; behind a registrar only the client can).
    pub(super) fn move_servers(&mut self, lost: &[StreamId], flow: Flow) {
        let ids: Vec<_> = self
            .servers
            .iter()
            .filter(|(_, transaction)| {
                matches!(transaction.flow, Flow::Stream(stream) if lost.contains(&stream))
            })
            .map(|(id, _)| id)
            .collect();
        for id in ids {
            let mut out = Vec::new();
            if let Some(transaction) = self.servers.get_mut(id) {
                transaction.flow = flow;
                if let ServerMachine::Invite(machine) = &mut transaction.machine {
                    machine.handle_retransmission(&mut out);
                }
            }
            self.deliver(id, out);
        }
    }

    /// The INVITE of a call that nobody waits for any more.
    pub(super) fn forget_invitation(&mut self, dialog: DialogId) {
        let incoming = self.usages.get_mut(&dialog).and_then(InviteUsage::incoming);
        if let Some(transaction) = incoming.map(|incoming| incoming.transaction) {
            self.forget_server(transaction);
        }
    }

    /// The ACK of a rejection goes to its transaction, that of a 2xx to its dialog (RFC 3261 §17.2.1, §13.3.1.4).
    fn handle_ack(&mut self, now: Instant, flow: Flow, ack: &Message) {
        let id = ServerKey::of(ack, flow).and_then(|key| self.servers.find(&key));
        if let Some(ServerTransaction {
            machine: ServerMachine::Invite(machine),
            ..
        }) = id.and_then(|id| self.servers.get_mut(id))
        {
            machine.handle_ack(now);
        }
        if let Some(id) = id {
            self.deliver(id, Vec::new());
        }
        let (Some(dialog), Some(cseq)) = (self.acknowledged_dialog(flow, ack), ack.cseq()) else {
            return;
        };
        self.handle_acknowledgement(now, dialog, cseq.number, Body::of(ack));
    }

    /// Like [`Endpoint::dialog_of`], but a call that was hung up still waits for its ACK.
    fn acknowledged_dialog(&mut self, flow: Flow, ack: &Message) -> Option<DialogId> {
        let dialog = *self
            .calls
            .get(&CallKey::new(ack.call_id(), ack.tag_in_to()?))?;
        let expected = self.flow_of(self.usages.get(&dialog)?.path)?;
        let known = self
            .usages
            .get_mut(&dialog)?
            .dialog_with(ack.tag_in_from())
            .is_some();
        (known && self.sockets.is_same_peer(expected, flow)).then_some(dialog)
    }

    pub(super) fn refuse(&mut self, now: Instant, id: TransactionId, objection: Objection) {
        self.answer_with(now, id, objection.status, None, |response| {
            for (name, value) in &objection.headers {
                response.header(name, value);
            }
        });
    }

    /// Answers without a body. Where the request's To has no tag it gets `tag`, or a random one.
    pub(super) fn answer_with(
        &mut self,
        now: Instant,
        id: TransactionId,
        status: u16,
        tag: Option<&Bytes>,
        headers: impl FnOnce(&mut crate::message::Builder),
    ) {
        let random = self.random.token(self.trunk_profile.tag_length);
        let Some(transaction) = self.servers.get(id) else {
            return;
        };
        let Some(request) = &transaction.request else {
            return;
        };
        let tag = tag.map_or(random.as_bytes(), |tag| tag);
        let mut response = reply(request, transaction.flow, status, None, Some(tag));
        headers(&mut response);
        self.answer(now, id, status, response.finish());
    }

    /// Hands a response to its transaction, which sends it.
    pub(super) fn answer(&mut self, now: Instant, id: TransactionId, status: u16, bytes: Bytes) {
        let Some(transaction) = self.servers.get_mut(id) else {
            return;
        };
        let mut out = Vec::new();
        let class = Class::of(status);
        match (&mut transaction.machine, class) {
            (ServerMachine::Invite(machine), Class::Provisional) => {
                machine.provide(bytes, &mut out)
            }
            (ServerMachine::Invite(machine), Class::Success) => {
                machine.accept(bytes, now, &mut out)
            }
            (ServerMachine::Invite(machine), Class::Rejection) => {
                machine.reject(bytes, now, &mut out)
            }
            (ServerMachine::Other(machine), _) => machine.answer(bytes, now, &mut out),
        }
        if class != Class::Provisional {
            transaction.claim = Claim::None;
            transaction.request = None;
        }
        self.deliver(id, out);
    }

    /// Sends what a server transaction wants sent, and brings its deadline in line with its state.
    fn deliver(&mut self, id: TransactionId, out: Vec<ServerOutput>) {
        let Some(flow) = self.servers.get(id).map(|transaction| transaction.flow) else {
            return;
        };
        for output in out {
            match output {
                ServerOutput::Transmit(bytes) => self.send(flow, bytes),
                ServerOutput::Retransmit(bytes) => self.resend(flow, bytes),
            }
        }
        match self.servers.get(id) {
            Some(transaction) if transaction.is_terminated() => self.forget_server(id),
            Some(transaction) => {
                let deadline = transaction.poll_timeout();
                self.deadlines.set(Owner::Server(id), deadline);
            }
            None => {}
        }
    }

    fn forget_server(&mut self, id: TransactionId) {
        self.deadlines.set(Owner::Server(id), None);
        if let Some(transaction) = self.servers.remove(id)
            && let Some(merge) = transaction.merge
            && self.merges.get(&merge) == Some(&id)
        {
            self.merges.remove(&merge);
        }
    }
}

/// What speaks against any request, whatever it is about (RFC 3261 §8.2.1 to §8.2.3).
fn objection(request: &Message) -> Option<Objection> {
    if matches!(request.method(), Method::Register | Method::Other) {
        return Some(Objection::with(405, "Allow", ALLOW));
    }
    match Uri::parse(request.request_uri()).map(|uri| uri.scheme) {
        None => return Some(Objection::plain(400)),
        // Carriers call numbers by `tel:`; TLS to the last hop, which `sips:` asks for, isn't ours to promise.
        Some(UriScheme::Sip | UriScheme::Tel) => {}
        Some(UriScheme::Sips | UriScheme::Other) => return Some(Objection::plain(416)),
    }
    // Only what goes on as a call of ours makes one more hop (RFC 3261 §16.3).
    if request.method() == Method::Invite && request.number(Name::MaxForwards) == Some(0) {
        return Some(Objection::plain(483));
    }
    let unknown: Vec<_> = request
        .elements(Name::Require)
        .filter(|tag| {
            !UNDERSTOOD
                .iter()
                .any(|known| tag.eq_ignore_ascii_case(known.as_bytes()))
        })
        .map(lossy)
        .collect();
    if !unknown.is_empty() {
        return Some(Objection::with(420, "Unsupported", unknown.join(", ")));
    }
    if matches!(request.method(), Method::Invite | Method::Update) {
        if Body::of(request).is_some_and(|body| !body.is_sdp()) {
            return Some(Objection::with(415, "Accept", "application/sdp"));
        }
        if !takes_sdp(request) {
            return Some(Objection::plain(406));
        }
        if is_too_brief(request) {
            return Some(Objection::with(422, "Min-SE", MIN_SE.as_secs().to_string()));
        }
    }
    None
}

/// Whether our answer may be a session description; without Accept it may (RFC 3261 §20.1).
fn takes_sdp(request: &Message) -> bool {
    request.header(Name::Accept).is_none()
        || request.elements(Name::Accept).any(|range| {
            let range = range.split(|byte| *byte == b';').next().unwrap_or_default();
            [&b"application/sdp"[..], b"application/*", b"*/*"]
                .iter()
                .any(|known| range.trim_ascii().eq_ignore_ascii_case(known))
        })
}

/// Seconds after which a peer may try again when we are full.
const OVERLOAD_PAUSE: u32 = 5;
