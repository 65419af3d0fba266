//! Calling: from our INVITE to its final response, wherever it rings (RFC 3261 §13.2).

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::callee::writable;
use super::line::phrase;
use super::outbound::Departure;
use super::path::Direction;
use super::provisional::Arrival;
use super::reply::ALLOW;
use super::transactions::{
    Acknowledged, Cancel, Invitation, InvitationKind, Purpose, TransactionId,
};
use super::usage::{
    CallKey, Early, Established, InviteUsage, Inviting, MAX_EARLY_DIALOGS, Modifying, PeerOffer,
    Phase, Stage,
};
use super::{Body, Description, DialogId, Ended, Endpoint, Event, Flow, Path};
use crate::dialog::Dialog;
use crate::dialog::session_timer::SessionTimer;
use crate::digest::Credentials;
use crate::error::{Malformed, Misuse};
use crate::message::{Builder, Message, Name, Uri};
use crate::transaction::Class;

/// A call to make.
#[derive(Debug, Clone)]
pub struct InviteRequest {
    /// As which line, or from which socket to whom.
    pub path: Path,
    /// Whom to call, such as `sip:+919000000011@example.com`.
    pub request_uri: String,
    /// Who calls.
    pub from: Party,
    /// Who is called, as told to the called.
    pub to: Party,
    /// Headers of the caller's own; Max-Forwards and Route may be among them, what makes the dialog may not.
    pub headers: Vec<(String, String)>,
    /// Our offer.
    pub body: Body,
    /// For challenges; a line has its own.
    pub credentials: Option<Credentials>,
}

/// Who somebody is, as From and To say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// Shown to people.
    pub display: Option<String>,
    /// A URI without brackets or header parameters.
    pub uri: String,
}

/// An INVITE that is ready to leave, and what its call begins with.
pub(super) struct Written {
    pub path: Path,
    flow: Flow,
    pub bytes: Bytes,
    credentials: Option<Credentials>,
    key: CallKey,
    contact: String,
}

impl Party {
    fn name_addr(&self) -> String {
        match &self.display {
            Some(display) => format!("{} <{}>", quoted(display), self.uri),
            None => format!("<{}>", self.uri),
        }
    }
}

impl Endpoint {
    /// Calls somebody. [`Event::Progress`], then [`Event::Accepted`] or [`Event::Ended`] follow.
    ///
    /// # Errors
    ///
    /// [`Misuse`] if there is no way to send it, or the arguments don't make a request.
    pub fn invite(&mut self, now: Instant, request: InviteRequest) -> Result<DialogId, Misuse> {
        self.invite_first_of(now, vec![request])
    }

    /// # Errors
    ///
    /// [`Misuse`] if there is no way to send it, or the arguments don't make a request.
    pub(super) fn write_invite(&mut self, request: &InviteRequest) -> Result<Written, Misuse> {
        request.check()?;
        let path = request.path;
        let contact = self.contact(path, Direction::Calling);
        let tag = self.new_tag(path);
        let call_id = self.random.token(self.profile(path).call_id_length);
        let stamp = self.stamp(path).ok_or(Misuse::NotConnected)?;
        let forwards = request
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("Max-Forwards"));
        let mut invite = Builder::request("INVITE", request.request_uri.as_bytes());
        invite
            .header("Via", &stamp.via)
            .header(
                "Max-Forwards",
                forwards.map_or_else(
                    || stamp.max_forwards.to_string(),
                    |(_, value)| value.clone(),
                ),
            )
            .header("To", request.to.name_addr())
            .header("From", format!("{};tag={tag}", request.from.name_addr()))
            .header("Call-ID", &call_id)
            .header("CSeq", "1 INVITE")
            .header("Contact", &contact);
        for (name, value) in request
            .headers
            .iter()
            .filter(|(name, _)| !name.eq_ignore_ascii_case("Max-Forwards"))
        {
            invite.header(name, value);
        }
        invite.header("Allow", ALLOW);
        match path {
            Path::Line(_) => {
                invite.header("Supported", LINE_SUPPORTED);
            }
            Path::Datagram { .. } | Path::Connection { .. } => {
                self.say_trunk_extensions(&mut invite);
            }
        }
        invite.header("User-Agent", &stamp.user_agent);
        Ok(Written {
            path,
            flow: stamp.flow,
            bytes: invite.finish_with(Some((&request.body.content_type, &request.body.bytes))),
            credentials: request
                .credentials
                .clone()
                .or_else(|| self.credentials_of(path)),
            key: CallKey::new(call_id.as_bytes(), tag.as_bytes()),
            contact,
        })
    }

    /// Session timers are among them only where they are wanted: who offers them may have to refresh.
    fn say_trunk_extensions(&self, invite: &mut Builder) {
        match self.config.session_interval {
            None => invite.header("Supported", "100rel"),
            Some(interval) => invite
                .header("Supported", "100rel,timer")
                .header("Session-Expires", interval.as_secs().to_string()),
        };
    }

    pub(super) fn send_invite(
        &mut self,
        now: Instant,
        dialog: DialogId,
        invite: Written,
    ) -> Result<(TransactionId, InviteUsage), Misuse> {
        let Written {
            path,
            flow,
            bytes,
            credentials,
            key,
            contact,
        } = invite;
        let purpose = Purpose::Invite(Invitation {
            dialog,
            kind: InvitationKind::Initial,
            cancel: Cancel::NotWanted,
            spent: 0,
            acks: Vec::new(),
        });
        let departure = Departure {
            path,
            flow,
            purpose,
            credentials: credentials.clone(),
            answered: 0,
        };
        let transaction = self
            .begin_client(now, bytes, departure)
            .map_err(Misuse::Unwritable)?;
        let stage = Stage::Inviting(Inviting {
            transaction,
            early: Vec::new(),
            alternatives: VecDeque::new(),
        });
        let usage = InviteUsage::new(path, credentials, key, contact, stage);
        Ok((transaction, usage))
    }

    pub(super) fn credentials_of(&self, path: Path) -> Option<Credentials> {
        match path {
            Path::Line(line) => self.lines.get(&line).map(|line| line.credentials()),
            Path::Datagram { .. } | Path::Connection { .. } => None,
        }
    }

    pub(super) fn invitation_answered(
        &mut self,
        now: Instant,
        id: TransactionId,
        invitation: Invitation,
        class: Class,
        status: u16,
        response: &Message,
    ) {
        match (invitation.kind, class) {
            (InvitationKind::Initial, Class::Provisional) => {
                self.call_progresses(now, id, &invitation, status, response)
            }
            (InvitationKind::Reinvite, Class::Provisional) => {}
            (InvitationKind::Initial, Class::Success) => {
                self.call_accepted(now, id, invitation, response)
            }
            (InvitationKind::Reinvite, Class::Success) => {
                self.reinvite_accepted(now, id, invitation, response)
            }
            (kind, Class::Rejection) => {
                let wanted = self.usages.contains_key(&invitation.dialog)
                    && matches!(invitation.cancel, Cancel::NotWanted);
                if wanted && let Some(again) = self.answer_challenge(now, id, status, response) {
                    return self.call_repeated(invitation.dialog, again);
                }
                if wanted
                    && (kind, status) == (InvitationKind::Initial, 422)
                    && let Some(again) = self.call_with_longer_interval(now, id, response)
                {
                    return self.call_repeated(invitation.dialog, again);
                }
                match kind {
                    InvitationKind::Initial if self.usages.contains_key(&invitation.dialog) => {
                        let cause = Ended::Rejected {
                            status,
                            reason: phrase(status, response),
                        };
                        let elsewhere = status == 503
                            && self.go_on_elsewhere(now, id, invitation.dialog, &cause);
                        if !elsewhere {
                            self.end(invitation.dialog, cause);
                        }
                    }
                    // Hung up before: nobody waits for this answer.
                    InvitationKind::Initial => {}
                    InvitationKind::Reinvite => {
                        let (dialog, modifying) = (invitation.dialog, Modifying::ByReinvite);
                        self.offer_refused(now, id, dialog, modifying, status, Some(response))
                    }
                }
            }
        }
    }

    /// Nobody answered, or the INVITE couldn't be delivered.
    pub(super) fn invitation_unanswered(
        &mut self,
        now: Instant,
        id: TransactionId,
        invitation: Invitation,
    ) {
        if !self.usages.contains_key(&invitation.dialog) {
            return;
        }
        match invitation.kind {
            InvitationKind::Initial => {
                if !self.go_on_elsewhere(now, id, invitation.dialog, &Ended::TimedOut) {
                    self.end(invitation.dialog, Ended::TimedOut);
                }
            }
            InvitationKind::Reinvite => {
                let (dialog, modifying) = (invitation.dialog, Modifying::ByReinvite);
                self.offer_refused(now, id, dialog, modifying, 408, None)
            }
        }
    }

    /// The connection closed while we waited for an answer.
    pub(super) fn invitation_lost_flow(
        &mut self,
        now: Instant,
        id: TransactionId,
        invitation: &Invitation,
    ) {
        let dialog = invitation.dialog;
        if self.go_on_elsewhere(now, id, dialog, &Ended::FlowLost) {
            return;
        }
        match self.usages.get_mut(&dialog).map(|usage| &mut usage.stage) {
            Some(Stage::Inviting(inviting)) if inviting.transaction == id => {
                self.end(dialog, Ended::FlowLost)
            }
            Some(Stage::Established(_))
                if invitation.kind == InvitationKind::Reinvite && invitation.acks.is_empty() =>
            {
                self.offer_lost_flow(dialog);
            }
            // It was answered before, or nobody waits any more.
            Some(Stage::Inviting(_) | Stage::Established(_) | Stage::Incoming(_)) | None => {}
        }
    }

    fn call_progresses(
        &mut self,
        now: Instant,
        id: TransactionId,
        invitation: &Invitation,
        status: u16,
        response: &Message,
    ) {
        self.send_cancel(now, id);
        let dialog = invitation.dialog;
        if status == 100 {
            return;
        }
        self.settle_on(dialog);
        let early = self
            .clients
            .get(id)
            .and_then(|transaction| Dialog::of_response(&transaction.request, response));
        let Some(usage) = self.usages.get_mut(&dialog) else {
            return;
        };
        if let (Some(early), Stage::Inviting(inviting)) = (early, &mut usage.stage) {
            let known = inviting
                .early
                .iter()
                .any(|known| known.dialog.has_remote_tag(response.tag_in_to()));
            if !known && inviting.early.len() < MAX_EARLY_DIALOGS {
                inviting.early.push(Early::new(early));
            }
        }
        if response.header(Name::Allow).is_some() {
            usage.modifying = Modifying::of(response);
        }
        if self.acknowledge_provisional(now, dialog, response) == Arrival::OutOfOrder {
            return;
        }
        if let Some(early) = self
            .usages
            .get_mut(&dialog)
            .and_then(|usage| usage.early(response.tag_in_to()))
            && !response.body().is_empty()
        {
            early.description = Some(Bytes::copy_from_slice(&response.body()));
        }
        self.tell(Event::Progress {
            dialog,
            status,
            reason: phrase(status, response),
            body: Body::of(response),
        });
    }

    /// The first 2xx makes the call. Repeated ones get their ACK again; those of other places, or after we hung up, ACK and BYE.
    fn call_accepted(
        &mut self,
        now: Instant,
        id: TransactionId,
        invitation: Invitation,
        response: &Message,
    ) {
        let crowded = invitation.acks.len() >= MAX_EARLY_DIALOGS;
        if self.acknowledge_again(&invitation, response) || crowded {
            return;
        }
        let Some(transaction) = self.clients.get(id) else {
            return;
        };
        let (path, credentials) = (transaction.path, transaction.credentials.clone());
        let request = transaction.request.clone();
        let Some(mut dialog) = Dialog::of_response(&request, response) else {
            // A 2xx without a tag can neither be acknowledged nor hung up.
            if self.usages.contains_key(&invitation.dialog) {
                self.end(
                    invitation.dialog,
                    Ended::Rejected {
                        status: 500,
                        reason: "2xx without a To tag".to_owned(),
                    },
                );
            }
            return;
        };
        dialog.skip_to(invitation.spent);
        self.acknowledge(id, path, &dialog, &request, response, None);
        self.note_spent(id, invitation.dialog);
        match self.usages.get_mut(&invitation.dialog) {
            Some(
                usage @ InviteUsage {
                    stage: Stage::Inviting(_),
                    ..
                },
            ) => {
                let early = usage.early(response.tag_in_to());
                let description = Description::of(response, early.as_deref());
                // Numbers that the peer used in the early dialog stay used.
                if let Some(early) = early {
                    dialog.continue_from(&early.dialog);
                }
                usage.timer = SessionTimer::agreed(now, response);
                usage.modifying = Modifying::of(response);
                usage.stage =
                    Stage::Established(Box::new(Established::new(dialog, Phase::Confirmed)));
                self.drop_offer_of_others(now, invitation.dialog, response);
                self.tell(Event::Accepted {
                    dialog: invitation.dialog,
                    body: Body::of(response),
                    description,
                });
                self.arm_usage(invitation.dialog);
            }
            Some(_) | None => {
                self.say_bye(now, path, credentials, &mut dialog, None);
            }
        }
    }

    /// An offer of a place that didn't get the call is nobody's any more.
    fn drop_offer_of_others(&mut self, now: Instant, dialog: DialogId, response: &Message) {
        let theirs = self
            .usages
            .get(&dialog)
            .and_then(|usage| usage.offers.gate.theirs());
        if let Some(PeerOffer::Asked { request, .. }) = theirs
            && request.tag_in_from() != response.tag_in_to()
        {
            self.drop_offer(now, dialog);
        }
    }

    /// Repeats the ACK of a 2xx that came again; `false` if it is a new one.
    pub(super) fn acknowledge_again(
        &mut self,
        invitation: &Invitation,
        response: &Message,
    ) -> bool {
        let tag = response.tag_in_to().unwrap_or_default();
        let Some(known) = invitation.acks.iter().find(|known| known.tag == tag) else {
            return false;
        };
        self.resend(known.flow, known.ack.clone());
        true
    }

    /// Sends the ACK of a 2xx and keeps it for the 2xx's repetitions (RFC 3261 §13.2.2.4).
    pub(super) fn acknowledge(
        &mut self,
        id: TransactionId,
        path: Path,
        dialog: &Dialog,
        invite: &Message,
        response: &Message,
        answer: Option<&Body>,
    ) {
        let Some(stamp) = self.stamp(path) else {
            return;
        };
        let cseq = invite.cseq().map_or(0, |cseq| cseq.number);
        let mut ack = dialog.request("ACK", cseq, &stamp.via, stamp.max_forwards);
        // Nobody can challenge an ACK, so it shows what its INVITE showed (RFC 3261 §13.2.2.4).
        for name in ["Authorization", "Proxy-Authorization"] {
            if let Some(value) = invite.text(name) {
                ack.header(name, value);
            }
        }
        let answer = answer.map(|body| (body.content_type.as_str(), &body.bytes[..]));
        let ack = ack.finish_with(answer);
        let flow = stamp.flow.towards(dialog);
        let tag = Bytes::copy_from_slice(response.tag_in_to().unwrap_or_default());
        if let Some(Purpose::Invite(invitation)) = self
            .clients
            .get_mut(id)
            .map(|transaction| &mut transaction.purpose)
        {
            invitation.acks.push(Acknowledged {
                tag,
                flow,
                ack: ack.clone(),
            });
        }
        self.send(flow, ack);
    }

    /// The INVITE goes on under another transaction.
    fn call_repeated(&mut self, dialog: DialogId, again: TransactionId) {
        if let Some(InviteUsage {
            stage: Stage::Inviting(inviting),
            ..
        }) = self.usages.get_mut(&dialog)
        {
            inviting.transaction = again;
            inviting.early.clear();
        }
    }

    /// What was sent while it rang used numbers up in dialogs that are forgotten with the call.
    fn note_spent(&mut self, id: TransactionId, dialog: DialogId) {
        let used = match self.usages.get(&dialog).map(|usage| &usage.stage) {
            Some(Stage::Inviting(inviting)) => inviting
                .early
                .iter()
                .map(|early| early.dialog.local_cseq())
                .max(),
            Some(Stage::Incoming(_) | Stage::Established(_)) | None => None,
        };
        if let Some(Purpose::Invite(invitation)) = self
            .clients
            .get_mut(id)
            .map(|transaction| &mut transaction.purpose)
        {
            invitation.spent = invitation.spent.max(used.unwrap_or(0));
        }
    }

    /// Takes our INVITE back, now or as soon as it is heard of (RFC 3261 §9.1).
    pub(super) fn take_back(&mut self, now: Instant, id: TransactionId, reason: Option<String>) {
        if let Some(Purpose::Invite(invitation)) =
            self.clients.get(id).map(|transaction| &transaction.purpose)
        {
            let dialog = invitation.dialog;
            self.note_spent(id, dialog);
        }
        if let Some(Purpose::Invite(invitation)) = self
            .clients
            .get_mut(id)
            .map(|transaction| &mut transaction.purpose)
        {
            invitation.cancel = Cancel::Wanted { reason };
        }
        self.send_cancel(now, id);
    }
}

impl InviteRequest {
    fn check(&self) -> Result<(), Misuse> {
        let parties = [&self.from, &self.to];
        let texts = [self.request_uri.as_str(), self.body.content_type.as_str()];
        let displays = parties.iter().filter_map(|party| party.display.as_deref());
        let headers = self
            .headers
            .iter()
            .flat_map(|(name, value)| [name.as_str(), value.as_str()]);
        writable(
            texts
                .into_iter()
                .chain(displays)
                .chain(headers)
                .chain(parties.iter().map(|party| party.uri.as_str())),
        )?;
        let uris = parties
            .iter()
            .map(|party| party.uri.as_str())
            .chain([self.request_uri.as_str()]);
        for uri in uris {
            let readable =
                Uri::parse(uri.as_bytes()).is_some() && !uri.contains(['<', '>', '"', ' ', '\t']);
            readable
                .then_some(())
                .ok_or(Misuse::Unwritable(Malformed::Header("URI")))?;
        }
        let reserved = |name: &str| {
            RESERVED
                .iter()
                .any(|reserved| name.eq_ignore_ascii_case(reserved))
        };
        if self.headers.iter().any(|(name, _)| reserved(name)) {
            return Err(Misuse::ReservedHeader);
        }
        if self.body.bytes.is_empty() {
            return Err(Misuse::BodyMissing);
        }
        Ok(())
    }
}

impl Description {
    fn of(response: &Message, early: Option<&Early>) -> Description {
        let body = response.body();
        match early.and_then(|early| early.description.as_ref()) {
            _ if body.is_empty() => Description::Absent,
            None => Description::New,
            Some(before) if *before == body => Description::Same,
            Some(_) => Description::Changed,
        }
    }
}

/// A quoted-string (RFC 3261 §25.1).
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// As a browser softphone without session timers.
const LINE_SUPPORTED: &str = "gruu,outbound";
/// Headers that the endpoint writes itself, long and compact.
const RESERVED: &[&str] = &[
    "Via",
    "v",
    "From",
    "f",
    "To",
    "t",
    "Call-ID",
    "i",
    "CSeq",
    "Contact",
    "m",
    "Content-Length",
    "l",
    "Content-Type",
    "c",
    "Allow",
    "Supported",
    "k",
    "User-Agent",
    "Record-Route",
    "Authorization",
    "Proxy-Authorization",
    "Require",
    "Session-Expires",
    "x",
    "Min-SE",
];
