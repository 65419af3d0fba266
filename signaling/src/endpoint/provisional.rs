//! Reliable provisional responses, both ways (RFC 3262): ours and their PRACKs, theirs and our PRACKs.

use std::sync::Arc;
use std::time::Instant;

use super::request::Objection;
use super::transactions::{Errand, TransactionId};
use super::usage::FirstExchange;
use super::{Body, DialogId, Ended, Endpoint, Event, Ringing};
use crate::dialog::reliable::{Due, Provisionals, RAck};
use crate::message::{Message, Name};

/// How one 18x of ours goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    Once,
    /// By this number, until its PRACK.
    Reliable {
        rseq: u32,
    },
}

/// What a provisional response of the peer's is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    Taken,
    /// Seen before, or before its turn.
    OutOfOrder,
}

impl Endpoint {
    /// How the next 18x of a call that we are asked to take goes out.
    pub(super) fn delivery(&mut self, dialog: DialogId, body: Option<&Body>) -> Delivery {
        let (ringing, first) = (self.config.ringing, self.random.below(1 << 30) as u32);
        let Some(usage) = self.usages.get_mut(&dialog) else {
            return Delivery::Once;
        };
        let Some(incoming) = usage.incoming() else {
            return Delivery::Once;
        };
        let request = incoming.request.clone();
        let wanted = request.lists(Name::Require, "100rel")
            || (ringing == Ringing::ReliableWhereSupported
                && request.lists(Name::Supported, "100rel"));
        // To an INVITE without an offer the first reliable response must offer (RFC 3262 §5). Until there is something to
        // offer a plain 180 is the lesser breach: the caller hears that it rings.
        let nothing_to_offer = request.body().is_empty()
            && incoming.first == FirstExchange::Open
            && body.is_none_or(|body| body.bytes.is_empty());
        if !wanted || nothing_to_offer {
            return Delivery::Once;
        }
        let cseq = request.cseq().map_or(0, |cseq| cseq.number);
        let provisionals = usage
            .provisionals
            .get_or_insert_with(|| Provisionals::new(cseq, first));
        Delivery::Reliable {
            rseq: provisionals.next_rseq(),
        }
    }

    pub(super) fn handle_prack(
        &mut self,
        now: Instant,
        id: TransactionId,
        dialog: DialogId,
        prack: Arc<Message>,
    ) {
        let Some(rack) = RAck::of(&prack) else {
            return self.refuse(now, id, Objection::plain(400));
        };
        let released = self
            .usages
            .get_mut(&dialog)
            .and_then(|usage| usage.provisionals.as_mut())
            .and_then(|provisionals| provisionals.acknowledge(now, rack).ok());
        let Some(released) = released else {
            return self.refuse(now, id, Objection::plain(481));
        };
        self.take_prack(now, id, dialog, prack);
        if let Some(response) = released {
            self.send_provisional(now, dialog, response);
        }
        // Refused only if the 200 can't be written, which was tried before.
        let _ = self.accept_when_settled(now, dialog);
        self.arm_usage(dialog);
    }

    /// Answers a PRACK that acknowledges something; an offer in it is answered by the owner.
    fn take_prack(
        &mut self,
        now: Instant,
        id: TransactionId,
        dialog: DialogId,
        prack: Arc<Message>,
    ) {
        let body = Body::of(&prack);
        let incoming = self
            .usages
            .get_mut(&dialog)
            .and_then(|usage| usage.incoming());
        match (body, incoming) {
            (Some(body), Some(incoming)) if incoming.first == FirstExchange::Offered => {
                incoming.first = FirstExchange::Settled;
                self.answer_with(now, id, 200, None, |_| {});
                self.tell(Event::OfferAnswered {
                    dialog,
                    result: Ok(Some(body)),
                });
            }
            (Some(_), Some(_)) => self.handle_offer(now, id, dialog, prack),
            // Without a description, or after the final response.
            (None, _) | (Some(_), None) => self.answer_with(now, id, 200, None, |_| {}),
        }
    }

    fn send_provisional(&mut self, now: Instant, dialog: DialogId, response: bytes::Bytes) {
        let transaction = self
            .usages
            .get_mut(&dialog)
            .and_then(|usage| usage.incoming())
            .map(|incoming| incoming.transaction);
        if let Some(transaction) = transaction {
            self.answer(now, transaction, 180, response);
        }
    }

    pub(super) fn provisional_timeout(&mut self, now: Instant, dialog: DialogId) {
        let Some(usage) = self.usages.get_mut(&dialog) else {
            return;
        };
        let due = usage
            .provisionals
            .as_mut()
            .and_then(|provisionals| provisionals.handle_timeout(now));
        match due {
            Some(Due::Resend(response)) => {
                if let Some(flow) = self.flow_of_call(dialog) {
                    self.resend(flow, response);
                }
            }
            // RFC 3262 §3: a 5xx; the caller, or the way to it, is as good as gone.
            Some(Due::GiveUp) if self.refuse_call(now, dialog, 504, "", None).is_ok() => {
                self.end(dialog, Ended::PrackMissing);
            }
            Some(Due::GiveUp) => {}
            None => {}
        }
    }

    /// Acknowledges a provisional response of the peer's if it asks for it (RFC 3262 §4).
    pub(super) fn acknowledge_provisional(
        &mut self,
        now: Instant,
        dialog: DialogId,
        response: &Message,
    ) -> Arrival {
        let rseq = response
            .number(Name::RSeq)
            .filter(|_| response.lists(Name::Require, "100rel"));
        let Some(rseq) = rseq else {
            return Arrival::Taken;
        };
        let tag = response.tag_in_to();
        // Without a connection to acknowledge it on, it comes again.
        if self.flow_of_call(dialog).is_none() {
            return Arrival::OutOfOrder;
        }
        let Some(early) = self
            .usages
            .get_mut(&dialog)
            .and_then(|usage| usage.early(tag))
        else {
            return Arrival::OutOfOrder;
        };
        if !early.received.admits(rseq) {
            return Arrival::OutOfOrder;
        }
        if !response.body().is_empty() {
            early.first = FirstExchange::Settled;
        }
        let cseq = response.cseq().map_or(0, |cseq| cseq.number);
        let rack = format!("{rseq} {cseq} INVITE");
        let sent = self.send_inside(now, dialog, tag, Errand::Prack, None, |prack| {
            prack.header("RAck", rack);
        });
        match sent {
            Ok(()) => Arrival::Taken,
            // The peer's own Contact or routes made it unreadable.
            Err(_) => Arrival::OutOfOrder,
        }
    }
}
