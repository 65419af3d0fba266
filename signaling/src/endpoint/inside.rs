//! Requests of ours inside a dialog other than INVITE, ACK and BYE, and what their outcome means (RFC 3261 §12.2.1).

use std::time::Instant;

use super::outbound::Departure;
use super::transactions::{Errand, Purpose, TransactionId};
use super::usage::Modifying;
use super::{Body, DialogId, Endpoint, Event};
use crate::error::Misuse;
use crate::message::{Builder, Message};

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
        }
    }

    /// The connection closed before the answer came; the call may outlive that.
    pub(super) fn errand_lost_flow(&mut self, dialog: DialogId, errand: Errand) {
        match errand {
            Errand::Prack => {}
            Errand::Update => self.offer_lost_flow(dialog),
        }
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
        }
    }
}
