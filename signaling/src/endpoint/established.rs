//! Calls that stand: requests inside a dialog, offers after the first, acknowledgements, hanging up (RFC 3261 §12.2, §14, §15).

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::callee::{success_headers, writable};
use super::caller::quoted;
use super::outbound::Departure;
use super::reply::{ACCEPT, ALLOW, SUPPORTED, reply};
use super::request::Objection;
use super::transactions::{Cancel, Claim, Invitation, InvitationKind, Purpose, TransactionId};
use super::usage::{Carries, Glare, Inviting, PeerOffer, Phase, Stage, Unacknowledged};
use super::{Body, DialogId, Ended, Endpoint, Event};
use crate::dialog::offer_answer::Collision;
use crate::error::Misuse;
use crate::message::{Message, Method};

impl Endpoint {
    /// A request whose dialog is known and whose sender is that dialog's peer.
    pub(super) fn handle_in_dialog(
        &mut self,
        now: Instant,
        id: TransactionId,
        dialog: DialogId,
        request: Arc<Message>,
    ) {
        let admitted = self
            .usages
            .get_mut(&dialog)
            .and_then(|usage| usage.dialog_with(request.tag_in_from()))
            .is_some_and(|state| state.admits(&request));
        if !admitted {
            return self.refuse(now, id, Objection::plain(500));
        }
        match request.method() {
            Method::Bye => self.handle_bye(now, id, dialog, &request),
            Method::Info => {
                self.answer_with(now, id, 200, None, |_| {});
                self.tell(Event::Info {
                    dialog,
                    body: Body::of(&request),
                });
            }
            Method::Options => self.answer_with(now, id, 200, None, |response| {
                response
                    .header("Allow", ALLOW)
                    .header("Accept", ACCEPT)
                    .header("Supported", SUPPORTED);
            }),
            // A session timer's refresh (RFC 4028 §7.4): nothing about the media changes.
            Method::Update if request.body().is_empty() => {
                self.answer_refresh(now, id, dialog, &request)
            }
            Method::Invite | Method::Update => self.handle_offer(now, id, dialog, request),
            // Answered before it came here.
            Method::Ack | Method::Cancel | Method::Register | Method::Other => {}
        }
    }

    fn handle_bye(&mut self, now: Instant, id: TransactionId, dialog: DialogId, bye: &Message) {
        self.answer_with(now, id, 200, None, |_| {});
        let pending = match self.usages.get_mut(&dialog).map(|usage| &mut usage.stage) {
            Some(Stage::Incoming(incoming)) => Some(incoming.transaction),
            Some(Stage::Established(established)) => {
                established.gate.answer().map(|offer| offer.transaction)
            }
            // One of several places hung up before any answered; the INVITE itself goes on.
            Some(Stage::Inviting(inviting)) => {
                inviting
                    .early
                    .retain(|early| !early.has_remote_tag(bye.tag_in_from()));
                return;
            }
            None => None,
        };
        let tag = self.local_tag_of(dialog);
        if let Some(pending) = pending {
            // Requests that wait for an answer get one (RFC 3261 §15.1.2).
            self.answer_with(now, pending, 487, tag.as_ref(), |_| {});
        }
        self.end(
            dialog,
            Ended::Bye {
                reason: bye.text("Reason"),
            },
        );
    }

    fn answer_refresh(
        &mut self,
        now: Instant,
        id: TransactionId,
        dialog: DialogId,
        update: &Message,
    ) {
        let Some(usage) = self.usages.get_mut(&dialog) else {
            return;
        };
        if let Some(state) = usage.dialog_with(update.tag_in_from()) {
            state.refresh_target(update);
        }
        let contact = usage.contact.clone();
        self.answer_with(now, id, 200, None, |response| {
            response.header("Contact", contact);
            success_headers(response, update);
        });
    }

    fn handle_offer(
        &mut self,
        now: Instant,
        id: TransactionId,
        dialog: DialogId,
        request: Arc<Message>,
    ) {
        let Some(established) = self
            .usages
            .get_mut(&dialog)
            .and_then(|usage| usage.established())
        else {
            // The first offer of the call isn't settled yet (RFC 3261 §14.2, RFC 3311 §5.2).
            return self.refuse(now, id, Objection::retry_after(500, RETRY_SECONDS));
        };
        if established.unacknowledged.is_some() {
            return self.refuse(now, id, Objection::plain(491));
        }
        let body = Body::of(&request);
        match established.gate.receive(PeerOffer {
            transaction: id,
            request,
        }) {
            Err(Collision::Glare) => self.refuse(now, id, Objection::plain(491)),
            Err(Collision::Overlap) => {
                self.refuse(now, id, Objection::retry_after(500, RETRY_SECONDS))
            }
            Ok(()) => {
                if let Some(transaction) = self.servers.get_mut(id) {
                    transaction.claim = Claim::Offer(dialog);
                }
                self.tell(Event::Offer { dialog, body });
            }
        }
    }

    /// Answers the offer that [`Event::Offer`] announced; where it had no body, `body` is our offer.
    ///
    /// # Errors
    ///
    /// [`Misuse`] if no offer waits, for instance because the peer took it back, or the answer is missing.
    pub fn answer_offer(
        &mut self,
        now: Instant,
        dialog: DialogId,
        body: Option<Body>,
    ) -> Result<(), Misuse> {
        let body = body
            .filter(|body| !body.bytes.is_empty())
            .ok_or(Misuse::BodyMissing)?;
        writable([body.content_type.as_str()])?;
        let (
            PeerOffer {
                transaction,
                request,
            },
            contact,
        ) = self.take_offer(dialog)?;
        let Some(flow) = self
            .servers
            .get(transaction)
            .map(|transaction| transaction.flow)
        else {
            return Err(Misuse::OutOfTurn);
        };
        let mut response = reply(&request, flow, 200, None, None);
        response.header("Contact", contact);
        success_headers(&mut response, &request);
        let response = response.finish_with(Some((&body.content_type, &body.bytes)));
        self.answer(now, transaction, 200, response.clone());
        if let Some(established) = self
            .usages
            .get_mut(&dialog)
            .and_then(|usage| usage.established())
        {
            established.dialog.refresh_target(&request);
            if request.method() == Method::Invite {
                let carries = if request.body().is_empty() {
                    Carries::Offer
                } else {
                    Carries::Answer
                };
                let cseq = request.cseq().map_or(0, |cseq| cseq.number);
                established.unacknowledged =
                    Some(Unacknowledged::new(response, cseq, carries, now));
            }
        }
        self.arm_usage(dialog);
        Ok(())
    }

    /// Refuses the offer that [`Event::Offer`] announced; the session stays as it was.
    ///
    /// # Errors
    ///
    /// [`Misuse`] if no offer waits, or the status isn't 300 to 699.
    pub fn refuse_offer(
        &mut self,
        now: Instant,
        dialog: DialogId,
        status: u16,
    ) -> Result<(), Misuse> {
        if !(300..700).contains(&status) {
            return Err(Misuse::Status(status));
        }
        let (offer, _) = self.take_offer(dialog)?;
        self.answer_with(now, offer.transaction, status, None, |_| {});
        Ok(())
    }

    fn take_offer(&mut self, dialog: DialogId) -> Result<(PeerOffer, String), Misuse> {
        let usage = self
            .usages
            .get_mut(&dialog)
            .filter(|usage| !usage.is_leaving())
            .ok_or(Misuse::UnknownDialog)?;
        let contact = usage.contact.clone();
        let offer = usage
            .established()
            .ok_or(Misuse::WrongState)?
            .gate
            .answer()
            .ok_or(Misuse::OutOfTurn)?;
        Ok((offer, contact))
    }

    /// Offers a change of the session; [`Event::OfferAnswered`] tells. An offer that collides with the peer's is made again.
    ///
    /// # Errors
    ///
    /// [`Misuse`] if the call isn't confirmed, or another offer is outstanding on either side.
    pub fn reinvite(&mut self, now: Instant, dialog: DialogId, body: Body) -> Result<(), Misuse> {
        if body.bytes.is_empty() {
            return Err(Misuse::BodyMissing);
        }
        writable([body.content_type.as_str()])?;
        let usage = self.usages.get_mut(&dialog).ok_or(Misuse::UnknownDialog)?;
        let path = usage.path;
        let established = usage.established().ok_or(Misuse::WrongState)?;
        match established.phase {
            Phase::Confirmed => {}
            Phase::Answered => return Err(Misuse::WrongState),
            Phase::Leaving => return Err(Misuse::UnknownDialog),
        }
        if established.unacknowledged.is_some()
            || established.glare.is_some()
            || !established.gate.is_settled()
        {
            return Err(Misuse::OutOfTurn);
        }
        if self.flow_of(path).is_none() {
            return Err(Misuse::NotConnected);
        }
        self.send_reinvite(now, dialog, body)
    }

    fn send_reinvite(&mut self, now: Instant, dialog: DialogId, body: Body) -> Result<(), Misuse> {
        let path = self.usages.get(&dialog).ok_or(Misuse::UnknownDialog)?.path;
        let stamp = self.stamp(path).ok_or(Misuse::NotConnected)?;
        let usage = self.usages.get_mut(&dialog).ok_or(Misuse::UnknownDialog)?;
        let (contact, credentials) = (usage.contact.clone(), usage.credentials.clone());
        let established = usage.established().ok_or(Misuse::WrongState)?;
        if !established.gate.offer() {
            return Err(Misuse::OutOfTurn);
        }
        let cseq = established.dialog.next_cseq();
        let mut invite = established
            .dialog
            .request("INVITE", cseq, &stamp.via, stamp.max_forwards);
        invite
            .header("Contact", contact)
            .header("Allow", ALLOW)
            .header("User-Agent", &stamp.user_agent);
        let purpose = Purpose::Invite(Invitation {
            dialog,
            kind: InvitationKind::Reinvite,
            cancel: Cancel::NotWanted,
            acks: Vec::new(),
        });
        let departure = Departure {
            path,
            flow: stamp.flow,
            purpose,
            credentials,
            answered: 0,
        };
        let bytes = invite.finish_with(Some((&body.content_type, &body.bytes)));
        let sent = self.begin_client(now, bytes, departure);
        if sent.is_err() {
            self.settle_ours(dialog);
        }
        sent.map(|_| ()).map_err(Misuse::Unwritable)
    }

    pub(super) fn reinvite_accepted(
        &mut self,
        _now: Instant,
        id: TransactionId,
        invitation: Invitation,
        response: &Message,
    ) {
        if self.acknowledge_again(id, &invitation, response) {
            return;
        }
        let Some(transaction) = self.clients.get(id) else {
            return;
        };
        let (path, request) = (transaction.path, transaction.request.clone());
        let dialog = invitation.dialog;
        // Hung up meanwhile: our BYE told the peer already.
        let Some(established) = self
            .usages
            .get_mut(&dialog)
            .and_then(|usage| usage.established())
        else {
            return;
        };
        established.dialog.refresh_target(response);
        established.gate.settle_ours();
        let state = established.dialog.clone();
        self.acknowledge(id, path, &state, &request, response);
        self.tell(Event::OfferAnswered {
            dialog,
            result: Ok(Body::of(response)),
        });
    }

    pub(super) fn reinvite_refused(
        &mut self,
        now: Instant,
        id: TransactionId,
        dialog: DialogId,
        status: u16,
    ) {
        let offer = self
            .clients
            .get(id)
            .and_then(|transaction| Body::of(&transaction.request));
        if !self.settle_ours(dialog) {
            return;
        }
        match (status, offer) {
            // RFC 3261 §12.2.1.2: the peer knows no such dialog, or can't be reached.
            (408 | 481, _) => {
                let reason = crate::message::reason_phrase(status).to_owned();
                self.part(now, dialog, Ended::Rejected { status, reason });
            }
            (491, Some(body)) => self.plan_again(now, dialog, body),
            _ => self.tell(Event::OfferAnswered {
                dialog,
                result: Err(status),
            }),
        }
    }

    pub(super) fn reinvite_unanswered(&mut self, now: Instant, dialog: DialogId) {
        if self.settle_ours(dialog) {
            self.part(now, dialog, Ended::TimedOut);
        }
    }

    /// RFC 3261 §14.1: who made the Call-ID waits longer, so that the second try doesn't collide as well.
    fn plan_again(&mut self, now: Instant, dialog: DialogId, body: Body) {
        let random = &mut self.random;
        if let Some(established) = self
            .usages
            .get_mut(&dialog)
            .and_then(|usage| usage.established())
        {
            let wait = if established.dialog.is_caller() {
                random.between(Duration::from_millis(2_100), Duration::from_millis(4_000))
            } else {
                random.between(Duration::ZERO, Duration::from_millis(2_000))
            };
            established.glare = Some(Glare {
                at: now + wait,
                body,
            });
        }
        self.arm_usage(dialog);
    }

    fn settle_ours(&mut self, dialog: DialogId) -> bool {
        let established = self
            .usages
            .get_mut(&dialog)
            .and_then(|usage| usage.established());
        established
            .map(|established| established.gate.settle_ours())
            .is_some()
    }

    /// The ACK of a 2xx of ours arrived.
    pub(super) fn handle_acknowledgement(
        &mut self,
        now: Instant,
        dialog: DialogId,
        cseq: u32,
        body: Option<Body>,
    ) {
        let Some(established) = self
            .usages
            .get_mut(&dialog)
            .and_then(|usage| usage.established())
        else {
            return;
        };
        let Some(acknowledged) = established
            .unacknowledged
            .take_if(|waiting| waiting.cseq == cseq)
        else {
            return;
        };
        match established.phase {
            Phase::Answered => {
                established.phase = Phase::Confirmed;
                self.tell(Event::Confirmed { dialog, body });
            }
            Phase::Confirmed if acknowledged.carries == Carries::Offer => {
                self.tell(Event::OfferAnswered {
                    dialog,
                    result: Ok(body),
                });
            }
            Phase::Confirmed => {}
            Phase::Leaving => return self.leave(now, dialog, None),
        }
        self.arm_usage(dialog);
    }

    pub(super) fn usage_timeout(&mut self, now: Instant, dialog: DialogId) {
        let Some(usage) = self.usages.get_mut(&dialog) else {
            return;
        };
        let path = usage.path;
        let Some(established) = usage.established() else {
            return;
        };
        if established.flow_deadline.is_some_and(|at| now >= at) {
            return self.end(dialog, Ended::FlowLost);
        }
        if let Some(waiting) = &mut established.unacknowledged {
            if now >= waiting.give_up {
                return match established.phase {
                    Phase::Leaving => self.leave(now, dialog, None),
                    Phase::Answered | Phase::Confirmed => self.part(now, dialog, Ended::AckMissing),
                };
            }
            if now >= waiting.resend.at {
                waiting.resend.next(now);
                let response = waiting.response.clone();
                if let Some(flow) = self.flow_of(path) {
                    self.resend(flow, response);
                }
            }
        }
        self.offer_again(now, dialog);
        self.arm_usage(dialog);
    }

    /// Makes an offer again that collided, unless the peer's is being dealt with; then a little later.
    fn offer_again(&mut self, now: Instant, dialog: DialogId) {
        let Some(established) = self
            .usages
            .get_mut(&dialog)
            .and_then(|usage| usage.established())
        else {
            return;
        };
        let busy = !established.gate.is_settled() || established.unacknowledged.is_some();
        let Some(glare) = established.glare.take_if(|glare| now >= glare.at) else {
            return;
        };
        if busy {
            return self.plan_again(now, dialog, glare.body);
        }
        if self.send_reinvite(now, dialog, glare.body).is_err() {
            self.tell(Event::OfferAnswered {
                dialog,
                result: Err(491),
            });
        }
    }

    /// Ends a call, whatever its state: by CANCEL (once it may be sent), BYE (once it may be sent), or a final rejection.
    ///
    /// `reason` is a status and a text: the rejection's own for a call that we were about to answer, else a Reason header
    /// (RFC 3326). [`Event::Ended`] follows at once; a dialog that has ended is left alone.
    pub fn hang_up(&mut self, now: Instant, dialog: DialogId, reason: Option<(u16, &str)>) {
        let Some(usage) = self
            .usages
            .get_mut(&dialog)
            .filter(|usage| !usage.is_leaving())
        else {
            return;
        };
        match &mut usage.stage {
            Stage::Incoming(_) => {
                let (status, text) = reason
                    .filter(|(status, _)| (300..700).contains(status))
                    .unwrap_or((480, ""));
                // A text that can't be written isn't worth keeping a caller waiting.
                if self.reject(now, dialog, status, text).is_err() {
                    let _ = self.reject(now, dialog, status, "");
                }
            }
            Stage::Inviting(Inviting { transaction, .. }) => {
                let transaction = *transaction;
                self.take_back(now, transaction, reason.map(reason_header));
                self.end(dialog, Ended::LocalHangup);
            }
            Stage::Established(established) if established.phase == Phase::Answered => {
                established.phase = Phase::Leaving;
                self.tell(Event::Ended {
                    dialog,
                    cause: Ended::LocalHangup,
                });
            }
            Stage::Established(_) => {
                self.leave(now, dialog, reason);
                self.tell(Event::Ended {
                    dialog,
                    cause: Ended::LocalHangup,
                });
            }
        }
    }

    /// BYE, and the end for a reason that isn't the owner's.
    fn part(&mut self, now: Instant, dialog: DialogId, cause: Ended) {
        self.leave(now, dialog, None);
        self.tell(Event::Ended { dialog, cause });
    }

    /// Answers what is unanswered, sends BYE, and forgets the call.
    fn leave(&mut self, now: Instant, dialog: DialogId, reason: Option<(u16, &str)>) {
        let Some(mut usage) = self.forget(dialog) else {
            return;
        };
        let (path, credentials) = (usage.path, usage.credentials.clone());
        let Some(established) = usage.established() else {
            return;
        };
        if let Some(offer) = established.gate.answer() {
            self.answer_with(now, offer.transaction, 487, None, |_| {});
        }
        let header = reason.map(reason_header);
        self.say_bye(
            now,
            path,
            credentials,
            &mut established.dialog,
            header.as_deref(),
        );
    }
}

/// RFC 3326.
fn reason_header((status, text): (u16, &str)) -> String {
    format!("SIP;cause={status};text={}", quoted(text))
}

/// Seconds that a peer shall wait with its next offer; the RFC lets us choose up to 10.
const RETRY_SECONDS: u64 = 2;
