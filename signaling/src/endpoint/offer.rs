//! Offers after the first: re-INVITE and UPDATE, both ways, and what happens when they meet (RFC 3261 §14, RFC 3311).

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::callee::{success_headers, writable};
use super::outbound::Departure;
use super::reply::{ALLOW, reply};
use super::request::Objection;
use super::transactions::{Cancel, Claim, Invitation, InvitationKind, Purpose, TransactionId};
use super::usage::{Carries, Glare, PeerOffer, Phase, Unacknowledged};
use super::{Body, DialogId, Ended, Endpoint, Event};
use crate::dialog::offer_answer::Collision;
use crate::error::Misuse;
use crate::message::{Message, Method};

impl Endpoint {
    pub(super) fn handle_offer(
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
        let flow = stamp.flow.towards(&established.dialog);
        let purpose = Purpose::Invite(Invitation {
            dialog,
            kind: InvitationKind::Reinvite,
            cancel: Cancel::NotWanted,
            acks: Vec::new(),
        });
        let departure = Departure {
            path,
            flow,
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
        if self.acknowledge_again(&invitation, response) {
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

    /// Makes an offer again that collided, unless the peer's is being dealt with; then a little later.
    pub(super) fn offer_again(&mut self, now: Instant, dialog: DialogId) {
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
}

/// Seconds that a peer shall wait with its next offer; the RFC lets us choose up to 10.
const RETRY_SECONDS: u64 = 2;
