//! Offers of ours after the first: by re-INVITE and UPDATE, asked for, refused, and made again (RFC 3261 §14, RFC 3311).

use std::time::{Duration, Instant};

use super::callee::writable;
use super::outbound::Departure;
use super::reply::ALLOW;
use super::transactions::{Cancel, Errand, Invitation, InvitationKind, Purpose, TransactionId};
use super::usage::{
    FirstExchange, GivenOffer, InviteUsage, Modifying, OfferAgain, PeerOffer, Phase, Stage,
};
use super::{Body, DialogId, Ended, Endpoint, Event};
use crate::dialog::session_timer::SessionTimer;
use crate::error::Misuse;
use crate::message::{Message, Name};

impl Endpoint {
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
        self.may_reinvite(dialog)?;
        self.send_reinvite(now, dialog, Some(&body))
    }

    /// Asks the peer to offer, by a re-INVITE without a description: [`Event::Offer`] follows, or [`Event::OfferAnswered`]
    /// with the status that refused.
    ///
    /// # Errors
    ///
    /// [`Misuse`] like [`Endpoint::reinvite`].
    pub fn ask_for_offer(&mut self, now: Instant, dialog: DialogId) -> Result<(), Misuse> {
        self.may_reinvite(dialog)?;
        self.send_reinvite(now, dialog, None)
    }

    fn may_reinvite(&mut self, dialog: DialogId) -> Result<(), Misuse> {
        let usage = self.usages.get_mut(&dialog).ok_or(Misuse::UnknownDialog)?;
        let path = usage.path;
        let settled = usage.offers.again.is_none() && usage.offers.gate.is_settled();
        let established = usage.established().ok_or(Misuse::WrongState)?;
        match established.phase {
            Phase::Confirmed => {}
            Phase::Answered => return Err(Misuse::WrongState),
            Phase::Leaving => return Err(Misuse::UnknownDialog),
        }
        if established.unacknowledged.is_some() || !settled {
            return Err(Misuse::OutOfTurn);
        }
        self.flow_of(path).map(|_| ()).ok_or(Misuse::NotConnected)
    }

    /// Offers a change of the session by UPDATE (RFC 3311), which works while it rings as well: once the INVITE's own offer
    /// was answered reliably. [`Event::OfferAnswered`] tells.
    ///
    /// # Errors
    ///
    /// [`Misuse`] if the peer doesn't take UPDATE, or it isn't the time for an offer.
    pub fn update(&mut self, now: Instant, dialog: DialogId, body: Body) -> Result<(), Misuse> {
        if body.bytes.is_empty() {
            return Err(Misuse::BodyMissing);
        }
        writable([body.content_type.as_str()])?;
        let usage = self.usages.get_mut(&dialog).ok_or(Misuse::UnknownDialog)?;
        if usage.is_leaving() {
            return Err(Misuse::UnknownDialog);
        }
        if usage.modifying == Modifying::ByReinvite {
            return Err(Misuse::WrongState);
        }
        let settled = usage.offers.again.is_none() && usage.offers.gate.is_settled();
        if !settled || !takes_our_update(usage) {
            return Err(Misuse::OutOfTurn);
        }
        self.send_update(now, dialog, Some(&body))
    }

    /// With an offer, or to refresh the session alone.
    pub(super) fn send_update(
        &mut self,
        now: Instant,
        dialog: DialogId,
        body: Option<&Body>,
    ) -> Result<(), Misuse> {
        let usage = self.usages.get_mut(&dialog).ok_or(Misuse::UnknownDialog)?;
        if body.is_some() && !usage.offers.gate.offer() {
            return Err(Misuse::OutOfTurn);
        }
        let (contact, timer) = (usage.contact.clone(), usage.timer.clone());
        let sent = self.send_inside(now, dialog, None, Errand::Update, body, |update| {
            update.header("Contact", contact);
            request_headers(update, timer.as_ref());
        });
        if sent.is_err() && body.is_some() {
            self.settle_ours(dialog);
        }
        sent
    }

    fn send_reinvite(
        &mut self,
        now: Instant,
        dialog: DialogId,
        body: Option<&Body>,
    ) -> Result<(), Misuse> {
        let path = self.usages.get(&dialog).ok_or(Misuse::UnknownDialog)?.path;
        let stamp = self.stamp(path).ok_or(Misuse::NotConnected)?;
        let usage = self.usages.get_mut(&dialog).ok_or(Misuse::UnknownDialog)?;
        let (contact, credentials) = (usage.contact.clone(), usage.credentials.clone());
        let timer = usage.timer.clone();
        if usage.established().is_none() {
            return Err(Misuse::WrongState);
        }
        if !usage.offers.gate.offer() {
            return Err(Misuse::OutOfTurn);
        }
        let established = usage.established().ok_or(Misuse::WrongState)?;
        let cseq = established.dialog.next_cseq();
        let mut invite = established
            .dialog
            .request("INVITE", cseq, &stamp.via, stamp.max_forwards);
        invite.header("Contact", contact);
        request_headers(&mut invite, timer.as_ref());
        invite.header("User-Agent", &stamp.user_agent);
        let flow = stamp.flow.towards(&established.dialog);
        let purpose = Purpose::Invite(Invitation {
            dialog,
            kind: InvitationKind::Reinvite,
            cancel: Cancel::NotWanted,
            spent: 0,
            acks: Vec::new(),
        });
        let departure = Departure {
            path,
            flow,
            purpose,
            credentials,
            answered: 0,
        };
        let body = body.map(|body| (body.content_type.as_str(), &body.bytes[..]));
        let sent = self.begin_client(now, invite.finish_with(body), departure);
        if sent.is_err() {
            self.settle_ours(dialog);
        }
        sent.map(|_| ()).map_err(Misuse::Unwritable)
    }

    pub(super) fn reinvite_accepted(
        &mut self,
        now: Instant,
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
        let request = transaction.request.clone();
        let dialog = invitation.dialog;
        // Hung up meanwhile: our BYE told the peer already.
        let Some(usage) = self.usages.get_mut(&dialog) else {
            return;
        };
        if let Some(PeerOffer::Given(_)) = usage.offers.gate.theirs() {
            // Repeated while the owner thinks about it.
            return;
        }
        if let Some(state) = usage.dialog_with(response.tag_in_to()) {
            state.refresh_target(response);
        }
        usage.agree_on(SessionTimer::agreed(now, response));
        usage.offers.settle();
        let body = Body::of(response);
        let asked = request.body().is_empty();
        let given = GivenOffer {
            transaction: id,
            invite: request,
            response: response.clone(),
        };
        if asked && body.is_some() {
            let taken = usage.offers.gate.receive(PeerOffer::Given(Box::new(given)));
            debug_assert!(taken.is_ok(), "it was settled above");
            self.tell(Event::Offer { dialog, body });
        } else {
            self.acknowledge_offer(dialog, &given, None);
            self.tell(Event::OfferAnswered {
                dialog,
                result: Ok(body),
            });
        }
        self.arm_usage(dialog);
    }

    /// Sends the ACK of a re-INVITE's 2xx.
    pub(super) fn acknowledge_offer(
        &mut self,
        dialog: DialogId,
        given: &GivenOffer,
        body: Option<&Body>,
    ) {
        let GivenOffer {
            transaction,
            invite,
            response,
        } = given;
        let Some(usage) = self.usages.get_mut(&dialog) else {
            return;
        };
        let path = usage.path;
        if let Some(state) = usage.dialog_with(response.tag_in_to()).cloned() {
            self.acknowledge(*transaction, path, &state, invite, response, body);
        }
    }

    pub(super) fn update_answered(
        &mut self,
        now: Instant,
        id: TransactionId,
        dialog: DialogId,
        response: &Message,
    ) {
        let offered = self.offer_of(id).is_some();
        let Some(usage) = self.usages.get_mut(&dialog) else {
            return;
        };
        if let Some(state) = usage.dialog_with(response.tag_in_to()) {
            state.refresh_target(response);
        }
        usage.agree_on(SessionTimer::agreed(now, response));
        if offered {
            usage.offers.settle();
            self.tell(Event::OfferAnswered {
                dialog,
                result: Ok(Body::of(response)),
            });
        }
        self.arm_usage(dialog);
    }

    /// A re-INVITE or UPDATE of ours was refused, or (without a response) not answered.
    pub(super) fn offer_refused(
        &mut self,
        now: Instant,
        id: TransactionId,
        dialog: DialogId,
        modifying: Modifying,
        status: u16,
        response: Option<&Message>,
    ) {
        let offer = self.offer_of(id);
        let is_offer = offer.is_some() || modifying == Modifying::ByReinvite;
        let Some(usage) = self.usages.get_mut(&dialog) else {
            return;
        };
        if is_offer {
            usage.offers.gate.settle_ours();
        }
        let retry_after = response
            .and_then(|response| response.number(Name::RetryAfter))
            .map(|seconds| Duration::from_secs(seconds.into()));
        match (status, offer) {
            // RFC 3261 §12.2.1.2: the peer knows no such dialog, or can't be reached. One that rings has its INVITE's end.
            (408 | 481, _) if usage.established().is_some() => {
                let cause = match response {
                    Some(_) => Ended::Rejected {
                        status,
                        reason: crate::message::reason_phrase(status).to_owned(),
                    },
                    None => Ended::TimedOut,
                };
                return self.part(now, dialog, cause);
            }
            (422, Some(body)) if usage.lengthen_timer(now, response) => {
                usage.offers.plan(now, body, modifying);
            }
            (422, None) if usage.lengthen_timer(now, response) => {}
            // The peer's Allow promised more than it does.
            (405 | 501, None) => usage.refresh_otherwise(now),
            (491, Some(body)) if usage.offers.may_repeat() => {
                self.plan_again(now, dialog, body, modifying)
            }
            (500 | 503, Some(body))
                if usage.offers.may_repeat()
                    && retry_after.is_some_and(|wait| wait <= LONGEST_RETRY) =>
            {
                let wait = retry_after.unwrap_or_default().max(SHORTEST_RETRY);
                usage.offers.plan(now + wait, body, modifying);
            }
            _ if is_offer => {
                usage.offers.repeated = 0;
                self.tell(Event::OfferAnswered {
                    dialog,
                    result: Err(status),
                })
            }
            // A refresh without an offer: the session timer tries again.
            _ => {}
        }
        self.arm_usage(dialog);
    }

    fn offer_of(&self, id: TransactionId) -> Option<Body> {
        self.clients
            .get(id)
            .and_then(|transaction| Body::of(&transaction.request))
    }

    /// RFC 3261 §14.1: who made the Call-ID waits longer, so that the second try doesn't collide as well.
    fn plan_again(&mut self, now: Instant, dialog: DialogId, body: Body, modifying: Modifying) {
        let random = &mut self.random;
        let Some(usage) = self.usages.get_mut(&dialog) else {
            return;
        };
        let caller = usage.dialog().is_some_and(|dialog| dialog.is_caller());
        let wait = if caller {
            random.between(Duration::from_millis(2_100), Duration::from_millis(4_000))
        } else {
            random.between(Duration::ZERO, Duration::from_millis(2_000))
        };
        usage.offers.plan(now + wait, body, modifying);
    }

    /// Our offer has no outcome.
    pub(super) fn settle_ours(&mut self, dialog: DialogId) {
        if let Some(usage) = self.usages.get_mut(&dialog) {
            usage.offers.gate.settle_ours();
        }
    }

    /// Makes an offer again that collided, unless the peer's is being dealt with; then a little later.
    pub(super) fn offer_again(&mut self, now: Instant, dialog: DialogId) {
        let Some(usage) = self.usages.get_mut(&dialog) else {
            return;
        };
        let unacknowledged = usage
            .established()
            .is_some_and(|established| established.unacknowledged.is_some());
        let busy = !usage.offers.gate.is_settled() || unacknowledged;
        let Some(OfferAgain {
            body, modifying, ..
        }) = usage.offers.again.take_if(|again| now >= again.at)
        else {
            return;
        };
        if busy {
            return self.plan_again(now, dialog, body, modifying);
        }
        let sent = match modifying {
            Modifying::ByUpdate => self.send_update(now, dialog, Some(&body)),
            Modifying::ByReinvite => self.send_reinvite(now, dialog, Some(&body)),
        };
        if sent.is_err() {
            self.tell(Event::OfferAnswered {
                dialog,
                result: Err(491),
            });
        }
    }
}

/// RFC 3311 §5.1: both sides must have the answer to the INVITE's offer for sure.
fn takes_our_update(usage: &mut InviteUsage) -> bool {
    match &usage.stage {
        Stage::Established(established) => established.unacknowledged.is_none(),
        Stage::Incoming(incoming) => {
            let certain = usage
                .provisionals
                .as_ref()
                .is_some_and(|provisionals| !provisionals.holds_description());
            certain && incoming.first == FirstExchange::Settled && incoming.accepting.is_none()
        }
        Stage::Inviting(_) => usage.dialog().is_some(),
    }
}

/// What a re-INVITE or UPDATE of ours says beyond dialog and body. A timer that it doesn't name would end.
fn request_headers(request: &mut crate::message::Builder, timer: Option<&SessionTimer>) {
    request.header("Allow", ALLOW);
    if let Some(timer) = timer {
        request
            .header("Supported", "timer")
            .header("Session-Expires", timer.in_request());
        if let Some(least) = timer.least() {
            request.header("Min-SE", least);
        }
    }
}

/// What a peer may choose (RFC 3261 §14.2); a longer wait is an answer for the owner.
const LONGEST_RETRY: Duration = Duration::from_secs(10);
const SHORTEST_RETRY: Duration = Duration::from_millis(500);
