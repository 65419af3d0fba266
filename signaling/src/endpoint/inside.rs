//! Requests of ours inside a dialog other than INVITE, ACK and BYE, and what their outcome means (RFC 3261 §12.2.1).

use std::time::Instant;

use super::outbound::Departure;
use super::request::Objection;
use super::transactions::{Errand, Purpose, TransactionId};
use super::usage::{InviteUsage, Modifying};
use super::{Body, DialogId, Ended, Endpoint, Event};
use crate::dialog::dtmf::{Digit, DigitFormat, NotADigit};
use crate::error::Misuse;
use crate::message::{Builder, Message, reason_phrase};

impl Endpoint {
    /// Sends one to the peer with that tag; without a tag to the one that the call is with.
    ///
    /// # Errors
    ///
    /// [`Misuse`] if there is no such dialog or no way to it.
    pub(super) fn send_inside(
        &mut self,
        now: Instant,
        dialog: DialogId,
        tag: Option<&[u8]>,
        errand: Errand,
        body: Option<&Body>,
        headers: impl FnOnce(&mut Builder),
    ) -> Result<(), Misuse> {
        let path = self.usages.get(&dialog).ok_or(Misuse::UnknownDialog)?.path;
        let stamp = self.stamp(path).ok_or(Misuse::NotConnected)?;
        let usage = self.usages.get_mut(&dialog).ok_or(Misuse::UnknownDialog)?;
        let credentials = usage.credentials.clone();
        let state = match tag {
            Some(tag) => usage.dialog_with(Some(tag)),
            None => usage.dialog(),
        };
        let state = state.ok_or(Misuse::WrongState)?;
        let cseq = state.next_cseq();
        let mut request = state.request(errand.method(), cseq, &stamp.via, stamp.max_forwards);
        headers(&mut request);
        request.header("User-Agent", &stamp.user_agent);
        let departure = Departure {
            path,
            flow: stamp.flow.towards(state),
            purpose: Purpose::Inside(dialog, errand),
            credentials,
            answered: 0,
        };
        let body = body.map(|body| (body.content_type.as_str(), &body.bytes[..]));
        self.begin_client(now, request.finish_with(body), departure)
            .map(|_| ())
            .map_err(Misuse::Unwritable)
    }

    pub(super) fn errand_answered(
        &mut self,
        now: Instant,
        id: TransactionId,
        dialog: DialogId,
        errand: Errand,
        status: u16,
        response: &Message,
    ) {
        let goes_on = self.usages.contains_key(&dialog);
        if goes_on && self.answer_challenge(now, id, status, response).is_some() {
            return;
        }
        match (errand, status) {
            // Whether it arrived shows in what the peer sends next.
            (Errand::Prack, _) => {}
            (Errand::Update, 200..300) => self.update_answered(now, id, dialog, response),
            (Errand::Update, _) => {
                self.offer_refused(now, id, dialog, Modifying::ByUpdate, status, Some(response))
            }
            (Errand::Refer, _) => self.refer_answered(dialog, status),
            // The peer knows no such dialog (RFC 3261 §12.2.1.2). Of a NOTIFY it may be the subscription that it doesn't know.
            (Errand::Info, 481) => self.part_from_forgetful(now, dialog),
            (Errand::Info, _) => self.digit_answered(dialog, status),
            (Errand::Notify, _) => {}
        }
    }

    pub(super) fn errand_unanswered(
        &mut self,
        now: Instant,
        id: TransactionId,
        dialog: DialogId,
        errand: Errand,
    ) {
        match errand {
            // The peer gives its INVITE up by itself.
            Errand::Prack => {}
            Errand::Update => self.offer_refused(now, id, dialog, Modifying::ByUpdate, 408, None),
            Errand::Refer => self.refer_answered(dialog, 408),
            Errand::Info => self.digit_answered(dialog, 408),
            Errand::Notify => {}
        }
    }

    /// The connection closed before the answer came; the call may outlive that.
    pub(super) fn errand_lost_flow(&mut self, dialog: DialogId, errand: Errand) {
        match errand {
            Errand::Prack | Errand::Notify => {}
            Errand::Info => self.digit_answered(dialog, 503),
            Errand::Update => self.offer_lost_flow(dialog),
            Errand::Refer => self.refer_answered(dialog, 503),
        }
    }

    /// Of a call that is over nothing more is told.
    fn digit_answered(&mut self, dialog: DialogId, status: u16) {
        let stands = |usage: &InviteUsage| !usage.is_leaving();
        if self.usages.get(&dialog).is_some_and(stands) {
            self.tell(Event::DigitAnswered { dialog, status });
        }
    }

    fn part_from_forgetful(&mut self, now: Instant, dialog: DialogId) {
        let stands = self
            .usages
            .get_mut(&dialog)
            .is_some_and(|usage| usage.established().is_some());
        if stands {
            let reason = reason_phrase(481).to_owned();
            let status = 481;
            self.part(now, dialog, Ended::Rejected { status, reason });
        }
    }

    /// Tells the peer by INFO that a key was pressed; [`Event::DigitAnswered`] follows. The next one should wait for it:
    /// requests that overtake each other would be digits in another order.
    ///
    /// # Errors
    ///
    /// [`Misuse`] if the call doesn't stand, or there is no way to send it.
    pub fn send_digit(
        &mut self,
        now: Instant,
        dialog: DialogId,
        digit: Digit,
        format: DigitFormat,
    ) -> Result<(), Misuse> {
        let usage = self.usages.get_mut(&dialog).ok_or(Misuse::UnknownDialog)?;
        if usage.is_leaving() {
            return Err(Misuse::UnknownDialog);
        }
        usage.established().ok_or(Misuse::WrongState)?;
        let body = digit.write(format);
        self.send_inside(now, dialog, None, Errand::Info, Some(&body), |_| {})
    }

    /// An INFO of the peer's: a digit, or something that the owner may know.
    pub(super) fn handle_info(
        &mut self,
        now: Instant,
        id: TransactionId,
        dialog: DialogId,
        info: &Message,
    ) {
        let body = Body::of(info);
        let event = match body.as_ref().map(Digit::read) {
            Some(Err(NotADigit)) => return self.refuse(now, id, Objection::plain(400)),
            Some(Ok(Some(digit))) => Event::Digit { dialog, digit },
            Some(Ok(None)) | None => Event::Info { dialog, body },
        };
        self.answer_with(now, id, 200, None, |_| {});
        self.tell(event);
    }

    /// An offer, or a refresh, went down with its connection.
    pub(super) fn offer_lost_flow(&mut self, dialog: DialogId) {
        let Some(usage) = self.usages.get_mut(&dialog) else {
            return;
        };
        if usage.offers.gate.is_ours() {
            usage.offers.settle();
            self.tell(Event::OfferAnswered {
                dialog,
                result: Err(503),
            });
        }
    }
}

impl Errand {
    fn method(self) -> &'static str {
        match self {
            Errand::Prack => "PRACK",
            Errand::Update => "UPDATE",
            Errand::Info => "INFO",
            Errand::Refer => "REFER",
            Errand::Notify => "NOTIFY",
        }
    }
}
