//! Offers of the peer's after the first: by re-INVITE, UPDATE and PRACK, and whether it is the time for one (RFC 3261 §14,
//! RFC 3262 §5, RFC 3311).

use std::sync::Arc;
use std::time::Instant;

use super::callee::{success_headers, writable};
use super::reply::reply;
use super::request::Objection;
use super::transactions::{Claim, TransactionId};
use super::usage::{Carries, FirstExchange, InviteUsage, PeerOffer, Stage, Unacknowledged};
use super::{Body, DialogId, Ended, Endpoint, Event};
use crate::dialog::offer_answer::Collision;
use crate::dialog::session_timer::SessionTimer;
use crate::error::Misuse;
use crate::message::{Message, Method};

impl Endpoint {
    /// A re-INVITE, or an UPDATE or PRACK with an offer.
    pub(super) fn handle_offer(
        &mut self,
        now: Instant,
        id: TransactionId,
        dialog: DialogId,
        request: Arc<Message>,
    ) {
        let Some(usage) = self.usages.get_mut(&dialog) else {
            return;
        };
        if let Some(objection) = untimely(usage, &request) {
            return self.refuse(now, id, objection);
        }
        let body = Body::of(&request);
        let offer = PeerOffer::Asked {
            transaction: id,
            request,
        };
        match usage.offers.gate.receive(offer) {
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
        let (offer, contact) = self.take_offer(dialog)?;
        match offer {
            PeerOffer::Asked {
                transaction,
                request,
            } => self.answer_request(now, dialog, transaction, &request, &contact, &body)?,
            PeerOffer::Given(given) => self.acknowledge_offer(dialog, &given, Some(&body)),
        }
        // An answer to the caller may have waited for this one.
        self.accept_when_settled(now, dialog)?;
        self.arm_usage(dialog);
        Ok(())
    }

    fn answer_request(
        &mut self,
        now: Instant,
        dialog: DialogId,
        transaction: TransactionId,
        request: &Message,
        contact: &str,
        body: &Body,
    ) -> Result<(), Misuse> {
        let flow = self
            .servers
            .get(transaction)
            .map(|transaction| transaction.flow)
            .ok_or(Misuse::OutOfTurn)?;
        let timer = SessionTimer::answering(now, request);
        let mut response = reply(request, flow, 200, None, None);
        // A PRACK neither moves the target nor says anything of the session.
        if request.method() != Method::Prack {
            response.header("Contact", contact);
            success_headers(&mut response, flow, timer.as_ref());
        }
        let response = response.finish_with(Some((&body.content_type, &body.bytes)));
        self.answer(now, transaction, 200, response.clone());
        let Some(usage) = self.usages.get_mut(&dialog) else {
            return Ok(());
        };
        if request.method() != Method::Prack {
            if let Some(state) = usage.dialog_with(request.tag_in_from()) {
                state.refresh_target(request);
            }
            usage.agree_on(timer);
        }
        if let Some(established) = usage
            .established()
            .filter(|_| request.method() == Method::Invite)
        {
            let carries = if request.body().is_empty() {
                Carries::Offer
            } else {
                Carries::Answer
            };
            let cseq = request.cseq().map_or(0, |cseq| cseq.number);
            established.unacknowledged = Some(Unacknowledged::new(response, cseq, carries, now));
        }
        Ok(())
    }

    /// Refuses the offer that [`Event::Offer`] announced; the session stays as it was. An offer that we asked for can't be
    /// refused: the call ends.
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
        match offer {
            PeerOffer::Asked { transaction, .. } => {
                self.answer_with(now, transaction, status, None, |_| {});
                self.accept_when_settled(now, dialog)?;
            }
            PeerOffer::Given(given) => {
                self.acknowledge_offer(dialog, &given, None);
                self.part(now, dialog, Ended::LocalHangup);
            }
        }
        Ok(())
    }

    fn take_offer(&mut self, dialog: DialogId) -> Result<(PeerOffer, String), Misuse> {
        let usage = self
            .usages
            .get_mut(&dialog)
            .filter(|usage| !usage.is_leaving())
            .ok_or(Misuse::UnknownDialog)?;
        let offer = usage.offers.gate.answer().ok_or(Misuse::OutOfTurn)?;
        Ok((offer, usage.contact.clone()))
    }

    /// Nobody will answer the peer's offer: it gets a 487, and a 2xx its ACK.
    pub(super) fn drop_offer(&mut self, now: Instant, dialog: DialogId) {
        let waiting = self
            .usages
            .get_mut(&dialog)
            .and_then(|usage| usage.offers.gate.answer());
        match waiting {
            Some(PeerOffer::Asked { transaction, .. }) => {
                self.answer_with(now, transaction, 487, None, |_| {});
            }
            Some(PeerOffer::Given(given)) => self.acknowledge_offer(dialog, &given, None),
            None => {}
        }
    }
}

/// Why an offer can't be taken at this stage, whatever else is in flight.
fn untimely(usage: &InviteUsage, request: &Message) -> Option<Objection> {
    let first = match &usage.stage {
        Stage::Established(established) => {
            // Its 2xx isn't acknowledged: the exchange before isn't over.
            return established
                .unacknowledged
                .is_some()
                .then(|| Objection::plain(491));
        }
        Stage::Incoming(incoming) => incoming.first,
        Stage::Inviting(inviting) => {
            let early = inviting
                .early
                .iter()
                .find(|early| early.dialog.has_remote_tag(request.tag_in_from()));
            match early.map(|early| early.first) {
                Some(FirstExchange::Settled) => FirstExchange::Settled,
                // Our INVITE's offer has no answer yet.
                Some(FirstExchange::Open | FirstExchange::Offered) | None => FirstExchange::Offered,
            }
        }
    };
    match (request.method(), first) {
        // The INVITE before has no final response (RFC 3261 §14.2).
        (Method::Invite, _) => Some(Objection::retry_after(500, RETRY_SECONDS)),
        // RFC 3311 §5.2.
        (_, FirstExchange::Open) => Some(Objection::retry_after(500, RETRY_SECONDS)),
        (_, FirstExchange::Offered) => Some(Objection::plain(491)),
        (_, FirstExchange::Settled) => None,
    }
}

/// Seconds that a peer shall wait with its next offer; the RFC lets us choose up to 10.
const RETRY_SECONDS: u64 = 2;
