//! Calls that stand: requests inside a dialog, acknowledgements, hanging up (RFC 3261 §12.2, §13.3.1.4, §15).

use std::sync::Arc;
use std::time::Instant;

use super::callee::success_headers;
use super::caller::quoted;
use super::request::Objection;
use super::transactions::TransactionId;
use super::usage::{Carries, InviteUsage, Inviting, Phase, Stage};
use super::{Body, DialogId, Ended, Endpoint, Event};
use crate::dialog::session_timer::SessionTimer;
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
            Method::Info => self.handle_info(now, id, dialog, &request),
            Method::Refer => self.handle_refer(now, id, dialog, request),
            Method::Notify => self.handle_notify(now, id, dialog, &request),
            Method::Options => self.answer_options(now, id),
            Method::Prack => self.handle_prack(now, id, dialog, request),
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
        // Requests that wait for an answer get one (RFC 3261 §15.1.2).
        self.drop_offer(now, dialog);
        self.drop_referral(now, dialog);
        let pending = match self.usages.get_mut(&dialog).map(|usage| &mut usage.stage) {
            Some(Stage::Incoming(incoming)) => Some(incoming.transaction),
            Some(Stage::Established(_)) => None,
            // One of several places hung up before any answered; the INVITE itself goes on.
            Some(Stage::Inviting(inviting)) => {
                inviting
                    .early
                    .retain(|early| !early.dialog.has_remote_tag(bye.tag_in_from()));
                return;
            }
            None => None,
        };
        let tag = self.local_tag_of(dialog);
        if let Some(pending) = pending {
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
        let timer = SessionTimer::answering(now, update);
        usage.agree_on(timer.clone());
        let Some(flow) = self.servers.get(id).map(|transaction| transaction.flow) else {
            return;
        };
        self.answer_with(now, id, 200, None, |response| {
            response.header("Contact", contact);
            success_headers(response, flow, timer.as_ref());
        });
        self.arm_usage(dialog);
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
        let deadline = |usage: &InviteUsage| usage.flow_deadline;
        let deadline = self.usages.get(&dialog).and_then(deadline);
        if deadline.is_some_and(|at| now >= at) {
            return self.give_up_flow(now, dialog);
        }
        self.acknowledgement_timeout(now, dialog);
        self.provisional_timeout(now, dialog);
        self.session_timeout(now, dialog);
        self.offer_again(now, dialog);
        self.arm_usage(dialog);
    }

    fn acknowledgement_timeout(&mut self, now: Instant, dialog: DialogId) {
        let Some(usage) = self.usages.get_mut(&dialog) else {
            return;
        };
        let path = usage.path;
        let Some(established) = usage.established() else {
            return;
        };
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
                usage.timer = None;
                usage.offers.again = None;
                self.drop_offer(now, dialog);
                self.arm_usage(dialog);
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
    pub(super) fn part(&mut self, now: Instant, dialog: DialogId, cause: Ended) {
        self.leave(now, dialog, None);
        self.tell(Event::Ended { dialog, cause });
    }

    /// Answers what is unanswered, sends BYE, and forgets the call.
    pub(super) fn leave(&mut self, now: Instant, dialog: DialogId, reason: Option<(u16, &str)>) {
        self.drop_offer(now, dialog);
        self.drop_referral(now, dialog);
        let Some(mut usage) = self.forget(dialog) else {
            return;
        };
        let (path, credentials) = (usage.path, usage.credentials.clone());
        let Some(established) = usage.established() else {
            return;
        };
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
