//! Being called: from an INVITE to its final response (RFC 3261 §13.3).

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::path::Direction;
use super::provisional::Delivery;
use super::reply::{ALLOW, reply, supported};
use super::request::Objection;
use super::transactions::{Claim, TransactionId};
use super::usage::{
    CallKey, Carries, Established, FirstExchange, Incoming, InviteUsage, Modifying, Phase, Stage,
    Unacknowledged,
};
use super::{Body, DialogId, Ended, Endpoint, Event, Flow, IncomingInvite, Path, Source};
use crate::dialog::Dialog;
use crate::dialog::reliable::{Content, Provisionals};
use crate::dialog::session_timer::{Refresher, SessionTimer};
use crate::error::{Malformed, Misuse};
use crate::message::{Builder, Message, Name, reason_phrase};

impl Endpoint {
    pub(super) fn handle_invite(
        &mut self,
        now: Instant,
        id: TransactionId,
        source: Source,
        request: Arc<Message>,
    ) {
        let path = match source {
            Source::Line(line) => Path::Line(line),
            Source::Socket { socket, peer } => self.sockets.path(socket, peer),
        };
        if let Source::Line(line) = source
            && !self
                .lines
                .get(&line)
                .is_some_and(|line| line.is_called(request.request_uri()))
        {
            return self.refuse(now, id, Objection::plain(404));
        }
        if self.usages.len() >= self.config.max_dialogs {
            return self.refuse(now, id, Objection::retry_after(503, 5));
        }
        let tag = self.new_tag(path);
        // Without a Contact there is nowhere to send a BYE (RFC 3261 §8.1.1.8).
        let Some(dialog) = Dialog::of_request(&request, &tag) else {
            return self.refuse(now, id, Objection::plain(400));
        };
        let stage = Stage::Incoming(Box::new(Incoming {
            transaction: id,
            request: request.clone(),
            dialog,
            first: FirstExchange::Open,
            accepting: None,
        }));
        let mut usage = InviteUsage::new(
            path,
            self.credentials_of(path),
            CallKey::new(request.call_id(), tag.as_bytes()),
            self.contact(path, Direction::Answering),
            stage,
        );
        usage.modifying = Modifying::of(&request);
        let dialog = self.admit_usage(usage);
        if let Some(transaction) = self.servers.get_mut(id) {
            transaction.claim = Claim::Call(dialog);
            // No To tag in a 100 (RFC 3261 §8.2.6.2): it comes from this hop, not from whoever is called.
            let trying = reply(&request, transaction.flow, 100, None, None).finish();
            self.answer(now, id, 100, trying);
        }
        self.tell(Event::Invite {
            dialog,
            source,
            invite: IncomingInvite { message: request },
        });
    }

    /// Sends 180, 183 or another 1xx to a caller, reliably where it asks for that; a body makes it early media.
    ///
    /// # Errors
    ///
    /// [`Misuse`] if the dialog isn't an unanswered incoming call, or the status isn't 101 to 199.
    pub fn ring(
        &mut self,
        now: Instant,
        dialog: DialogId,
        status: u16,
        body: Option<Body>,
    ) -> Result<(), Misuse> {
        if !(101..200).contains(&status) {
            return Err(Misuse::Status(status));
        }
        let incoming = self.incoming(dialog)?;
        if incoming.accepting.is_some() {
            return Err(Misuse::WrongState);
        }
        // Once answered for sure, it isn't answered again.
        let body =
            body.filter(|body| incoming.first == FirstExchange::Open && !body.bytes.is_empty());
        let delivery = self.delivery(dialog, body.as_ref());
        let (id, response) = self.response_to_call(now, dialog, status, body.as_ref(), delivery)?;
        let response = match delivery {
            Delivery::Once => Some(response),
            Delivery::Reliable { .. } => self.queue_provisional(now, dialog, response, body),
        };
        if let Some(response) = response {
            self.answer(now, id, status, response);
        }
        self.arm_usage(dialog);
        Ok(())
    }

    /// Gives the response back if none before it waits for its PRACK.
    fn queue_provisional(
        &mut self,
        now: Instant,
        dialog: DialogId,
        response: Bytes,
        body: Option<Body>,
    ) -> Option<Bytes> {
        let usage = self.usages.get_mut(&dialog)?;
        let incoming = usage.incoming()?;
        let content = match body {
            Some(_) => Content::Description,
            None => Content::Nothing,
        };
        if content == Content::Description {
            incoming.first = match incoming.request.body().is_empty() {
                true => FirstExchange::Offered,
                false => FirstExchange::Settled,
            };
        }
        usage.provisionals.as_mut()?.push(now, response, content)
    }

    /// Sends the 200 to a caller, with our answer, or with our offer if the INVITE had none. [`Event::Confirmed`] follows.
    /// Where a reliable 18x said so before, the 200 doesn't repeat it, and it waits for that 18x's PRACK.
    ///
    /// # Errors
    ///
    /// [`Misuse`] if the dialog isn't an unanswered incoming call.
    pub fn accept(&mut self, now: Instant, dialog: DialogId, body: Body) -> Result<(), Misuse> {
        if body.bytes.is_empty() {
            return Err(Misuse::BodyMissing);
        }
        writable([body.content_type.as_str()])?;
        self.incoming(dialog)?;
        let usage = self.usages.get_mut(&dialog).ok_or(Misuse::UnknownDialog)?;
        let incoming = usage.incoming().ok_or(Misuse::WrongState)?;
        if incoming.accepting.is_some() {
            return Err(Misuse::WrongState);
        }
        incoming.accepting = Some(body);
        self.accept_when_settled(now, dialog)
    }

    /// Sends the 200 that the owner wants sent, unless it must wait.
    pub(super) fn accept_when_settled(
        &mut self,
        now: Instant,
        dialog: DialogId,
    ) -> Result<(), Misuse> {
        let Some(usage) = self.usages.get_mut(&dialog) else {
            return Ok(());
        };
        let waits = usage
            .provisionals
            .as_ref()
            .is_some_and(Provisionals::holds_description)
            || !usage.offers.gate.is_settled();
        let Some(incoming) = usage.incoming() else {
            return Ok(());
        };
        let Some(body) = incoming.accepting.take_if(|_| !waits) else {
            return Ok(());
        };
        let (first, request, state) = (
            incoming.first,
            incoming.request.clone(),
            incoming.dialog.clone(),
        );
        let body = Some(body).filter(|_| first == FirstExchange::Open);
        let (id, response) =
            self.response_to_call(now, dialog, 200, body.as_ref(), Delivery::Once)?;
        self.answer(now, id, 200, response.clone());
        let usage = self.usages.get_mut(&dialog).ok_or(Misuse::UnknownDialog)?;
        let carries = if request.body().is_empty() && body.is_some() {
            Carries::Offer
        } else {
            Carries::Answer
        };
        let cseq = request.cseq().map_or(0, |cseq| cseq.number);
        let mut established = Established::new(state, Phase::Answered);
        established.unacknowledged = Some(Unacknowledged::new(response, cseq, carries, now));
        usage.stage = Stage::Established(Box::new(established));
        usage.timer = SessionTimer::answering(now, &request);
        if let Some(provisionals) = &mut usage.provisionals {
            provisionals.stop();
        }
        self.arm_usage(dialog);
        Ok(())
    }

    /// Refuses a caller with 300 to 699. An empty reason means the usual phrase.
    ///
    /// # Errors
    ///
    /// [`Misuse`] if the dialog isn't an unanswered incoming call, or the status isn't a rejection.
    pub fn reject(
        &mut self,
        now: Instant,
        dialog: DialogId,
        status: u16,
        reason: &str,
    ) -> Result<(), Misuse> {
        if !(300..700).contains(&status) {
            return Err(Misuse::Status(status));
        }
        self.refuse_call(now, dialog, status, reason, None)?;
        self.end(dialog, Ended::LocalHangup);
        Ok(())
    }

    /// Refuses a caller with 503, who may try again after a time (RFC 3261 §21.5.4).
    ///
    /// # Errors
    ///
    /// As of [`Endpoint::reject`].
    pub fn reject_for_now(
        &mut self,
        now: Instant,
        dialog: DialogId,
        retry_after: Duration,
    ) -> Result<(), Misuse> {
        self.refuse_call(now, dialog, 503, "", Some(retry_after))?;
        self.end(dialog, Ended::LocalHangup);
        Ok(())
    }

    /// Sends the rejection; the caller of this says the last word.
    pub(super) fn refuse_call(
        &mut self,
        now: Instant,
        dialog: DialogId,
        status: u16,
        reason: &str,
        retry_after: Option<Duration>,
    ) -> Result<(), Misuse> {
        writable([reason])?;
        self.incoming(dialog)?;
        self.drop_offer(now, dialog);
        let Incoming {
            transaction,
            request,
            dialog: state,
            ..
        } = self.incoming(dialog)?;
        let (id, request, tag) = (
            *transaction,
            request.clone(),
            Bytes::copy_from_slice(state.local_tag()),
        );
        let reason = if reason.is_empty() {
            reason_phrase(status)
        } else {
            reason
        };
        if let Some(flow) = self.servers.get(id).map(|transaction| transaction.flow) {
            let mut response = reply(&request, flow, status, Some(reason), Some(&tag));
            if let Some(pause) = retry_after {
                response.header("Retry-After", pause.as_secs().max(1).to_string());
            }
            self.answer(now, id, status, response.finish());
        }
        Ok(())
    }

    pub(super) fn local_tag_of(&self, dialog: DialogId) -> Option<Bytes> {
        match &self.usages.get(&dialog)?.stage {
            Stage::Incoming(incoming) => Some(Bytes::copy_from_slice(incoming.dialog.local_tag())),
            Stage::Established(established) => {
                Some(Bytes::copy_from_slice(established.dialog.local_tag()))
            }
            Stage::Inviting(_) => None,
        }
    }

    fn incoming(&self, dialog: DialogId) -> Result<&Incoming, Misuse> {
        match &self.usages.get(&dialog).ok_or(Misuse::UnknownDialog)?.stage {
            Stage::Incoming(incoming) => Ok(incoming),
            Stage::Inviting(_) | Stage::Established(_) => Err(Misuse::WrongState),
        }
    }

    /// A response that makes or accepts a dialog (RFC 3261 §12.1.1): with Record-Route, Contact and a body.
    fn response_to_call(
        &self,
        now: Instant,
        dialog: DialogId,
        status: u16,
        body: Option<&Body>,
        delivery: Delivery,
    ) -> Result<(TransactionId, Bytes), Misuse> {
        let Incoming {
            transaction,
            request,
            dialog: state,
            ..
        } = self.incoming(dialog)?;
        let usage = self.usages.get(&dialog).ok_or(Misuse::UnknownDialog)?;
        let flow = self
            .servers
            .get(*transaction)
            .ok_or(Misuse::WrongState)?
            .flow;
        if let Some(body) = body {
            writable([body.content_type.as_str()])?;
        }
        let mut response = reply(request, flow, status, None, Some(state.local_tag()));
        response.copy("Record-Route", Name::RecordRoute, request);
        response.header("Contact", &usage.contact);
        if let Delivery::Reliable { rseq } = delivery {
            response
                .header("Require", "100rel")
                .header("RSeq", rseq.to_string());
        }
        if status >= 200 {
            let timer = SessionTimer::answering(now, request);
            success_headers(&mut response, flow, timer.as_ref());
        } else {
            // What an early dialog may be asked (RFC 3311 §5.1).
            response.header("Allow", ALLOW);
        }
        Ok((
            *transaction,
            response.finish_with(body.map(|body| (body.content_type.as_str(), &body.bytes[..]))),
        ))
    }
}

/// What a 2xx to INVITE or UPDATE says beyond dialog and body.
pub(super) fn success_headers(response: &mut Builder, flow: Flow, timer: Option<&SessionTimer>) {
    response
        .header("Allow", ALLOW)
        .header("Supported", supported(flow));
    if let Some(timer) = timer {
        response.header("Session-Expires", timer.in_response());
        // RFC 4028 §9: who asked must refresh, and has to know it.
        if timer.refresher == Refresher::Peer {
            response.header("Require", "timer");
        }
    }
}

/// Refuses text that would end its line on the wire.
///
/// # Errors
///
/// [`Misuse::Unwritable`] if any part holds CR, LF or NUL.
pub(super) fn writable<'a>(parts: impl IntoIterator<Item = &'a str>) -> Result<(), Misuse> {
    match parts
        .into_iter()
        .any(|part| part.contains(['\r', '\n', '\0']))
    {
        true => Err(Misuse::Unwritable(Malformed::ControlByte)),
        false => Ok(()),
    }
}
