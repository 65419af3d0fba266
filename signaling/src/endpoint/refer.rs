//! Transfers over SIP: REFER inside a dialog, both ways, and the NOTIFYs that tell how it went (RFC 3515).

use std::sync::Arc;
use std::time::Instant;

use super::callee::writable;
use super::request::Objection;
use super::transactions::{Errand, TransactionId};
use super::{Body, DialogId, Endpoint, Event};
use crate::dialog::refer::{Referral, status_of_fragment};
use crate::error::Misuse;
use crate::message::{Message, Method, Name, reason_phrase};

/// The implicit subscriptions of a call: one each way at a time.
#[derive(Debug, Default)]
pub(super) struct Referrals {
    theirs: Option<Theirs>,
    ours: Option<Ours>,
}

/// A REFER of the peer's.
#[derive(Debug)]
enum Theirs {
    /// The owner decides.
    Asked {
        transaction: TransactionId,
        cseq: u32,
    },
    /// It was taken; the peer hears how it goes. The number tells several apart (RFC 3515 §2.4.6).
    Taken { cseq: u32 },
}

/// A REFER of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ours {
    Sent,
    /// NOTIFYs come.
    Taken,
}

impl Endpoint {
    pub(super) fn handle_refer(
        &mut self,
        now: Instant,
        id: TransactionId,
        dialog: DialogId,
        refer: Arc<Message>,
    ) {
        let Some(referral) = Referral::of(&refer) else {
            return self.refuse(now, id, Objection::plain(400));
        };
        let Some(usage) = self.usages.get_mut(&dialog) else {
            return;
        };
        // Before the call stands there is nothing to transfer.
        if usage.established().is_none() {
            return self.refuse(now, id, Objection::plain(403));
        }
        if usage.referrals.theirs.is_some() {
            return self.refuse(now, id, Objection::plain(491));
        }
        usage.referrals.theirs = Some(Theirs::Asked {
            transaction: id,
            cseq: refer.cseq().map_or(0, |cseq| cseq.number),
        });
        self.tell(Event::Refer { dialog, referral });
    }

    /// Takes the peer's REFER: 202, and a first NOTIFY. Say how it goes by [`Endpoint::notify_refer`].
    ///
    /// # Errors
    ///
    /// [`Misuse`] if none waits.
    pub fn accept_refer(&mut self, now: Instant, dialog: DialogId) -> Result<(), Misuse> {
        let usage = self.usages.get_mut(&dialog).ok_or(Misuse::UnknownDialog)?;
        let Some(Theirs::Asked { transaction, cseq }) = usage.referrals.theirs else {
            return Err(Misuse::OutOfTurn);
        };
        usage.referrals.theirs = Some(Theirs::Taken { cseq });
        let contact = usage.contact.clone();
        self.answer_with(now, transaction, 202, None, |response| {
            response.header("Contact", contact);
        });
        self.notify_refer(now, dialog, 100, "")
    }

    /// Refuses the peer's REFER with 300 to 699.
    ///
    /// # Errors
    ///
    /// [`Misuse`] if none waits, or the status isn't a refusal.
    pub fn refuse_refer(
        &mut self,
        now: Instant,
        dialog: DialogId,
        status: u16,
    ) -> Result<(), Misuse> {
        if !(300..700).contains(&status) {
            return Err(Misuse::Status(status));
        }
        let usage = self.usages.get_mut(&dialog).ok_or(Misuse::UnknownDialog)?;
        let Some(Theirs::Asked { transaction, .. }) = usage.referrals.theirs else {
            return Err(Misuse::OutOfTurn);
        };
        usage.referrals.theirs = None;
        self.answer_with(now, transaction, status, None, |_| {});
        Ok(())
    }

    /// Tells the peer the status that the call it asked for has reached; from 200 on it is the last word.
    ///
    /// # Errors
    ///
    /// [`Misuse`] if no REFER of the peer's was accepted, or the status isn't one.
    pub fn notify_refer(
        &mut self,
        now: Instant,
        dialog: DialogId,
        status: u16,
        reason: &str,
    ) -> Result<(), Misuse> {
        if !(100..700).contains(&status) {
            return Err(Misuse::Status(status));
        }
        writable([reason])?;
        let usage = self.usages.get_mut(&dialog).ok_or(Misuse::UnknownDialog)?;
        let Some(Theirs::Taken { cseq }) = usage.referrals.theirs else {
            return Err(Misuse::OutOfTurn);
        };
        let contact = usage.contact.clone();
        let state = match status {
            ..200 => SUBSCRIBED,
            _ => "terminated;reason=noresource",
        };
        let reason = if reason.is_empty() {
            reason_phrase(status)
        } else {
            reason
        };
        let body = Body {
            content_type: FRAGMENT.to_owned(),
            bytes: format!("SIP/2.0 {status} {reason}\r\n").into(),
        };
        let sent = self.send_inside(now, dialog, None, Errand::Notify, Some(&body), |notify| {
            notify
                .header("Contact", contact)
                .header("Event", format!("refer;id={cseq}"))
                .header("Subscription-State", state);
        });
        if status >= 200
            && let Some(usage) = self.usages.get_mut(&dialog)
        {
            usage.referrals.theirs = None;
        }
        sent
    }

    /// Asks the peer to call somebody, in place of another call if `referral` says so. [`Event::Referred`] tells how it goes.
    ///
    /// # Errors
    ///
    /// [`Misuse`] if the call doesn't stand, or another REFER of ours is on its way.
    pub fn refer(
        &mut self,
        now: Instant,
        dialog: DialogId,
        referral: &Referral,
    ) -> Result<(), Misuse> {
        let refer_to = referral.refer_to();
        let referred_by = referral.referred_by.clone();
        writable([
            refer_to.as_str(),
            referred_by.as_deref().unwrap_or_default(),
        ])?;
        let usage = self.usages.get_mut(&dialog).ok_or(Misuse::UnknownDialog)?;
        if usage.is_leaving() {
            return Err(Misuse::UnknownDialog);
        }
        usage.established().ok_or(Misuse::WrongState)?;
        if usage.referrals.ours.is_some() {
            return Err(Misuse::OutOfTurn);
        }
        let contact = usage.contact.clone();
        self.send_inside(now, dialog, None, Errand::Refer, None, |refer| {
            refer
                .header("Contact", contact)
                .header("Refer-To", refer_to);
            if let Some(referred_by) = referred_by {
                refer.header("Referred-By", referred_by);
            }
        })?;
        if let Some(usage) = self.usages.get_mut(&dialog) {
            usage.referrals.ours = Some(Ours::Sent);
        }
        Ok(())
    }

    pub(super) fn refer_answered(&mut self, dialog: DialogId, status: u16) {
        let Some(usage) = self.usages.get_mut(&dialog) else {
            return;
        };
        // A NOTIFY may have been faster than the 202.
        if usage.referrals.ours != Some(Ours::Sent) {
            return;
        }
        if (200..300).contains(&status) {
            usage.referrals.ours = Some(Ours::Taken);
            return;
        }
        usage.referrals.ours = None;
        self.tell(Event::Referred { dialog, status });
    }

    pub(super) fn handle_notify(
        &mut self,
        now: Instant,
        id: TransactionId,
        dialog: DialogId,
        notify: &Message,
    ) {
        let about_refer = notify.header(Name::Event).is_some_and(|event| {
            let package = event.split(|byte| *byte == b';').next().unwrap_or_default();
            package.trim_ascii().eq_ignore_ascii_case(b"refer")
        });
        if !about_refer {
            // RFC 6665 §4.1.3: none of what we subscribe to.
            let allowed = Objection::with(489, "Allow-Events", "refer");
            return self.refuse(now, id, allowed);
        }
        let referrals = self
            .usages
            .get_mut(&dialog)
            .map(|usage| &mut usage.referrals)
            .filter(|referrals| referrals.ours.is_some());
        let Some(referrals) = referrals else {
            return self.refuse(now, id, Objection::plain(481));
        };
        let status = status_of_fragment(&notify.body());
        let over = notify
            .header(Name::SubscriptionState)
            .is_some_and(|state| state.trim_ascii_start().starts_with(b"terminated"));
        let last = over || status.is_some_and(|status| status >= 200);
        referrals.ours = (!last).then_some(Ours::Taken);
        self.answer_with(now, id, 200, None, |_| {});
        // A subscription that ends without a word leaves the outcome open: as good as no answer.
        let status = status.filter(|status| !last || *status >= 200);
        if let Some(status) = status.or(last.then_some(408)) {
            self.tell(Event::Referred { dialog, status });
        }
    }

    /// The call is over; a REFER that waits is answered.
    pub(super) fn drop_referral(&mut self, now: Instant, dialog: DialogId) {
        let theirs = self
            .usages
            .get_mut(&dialog)
            .and_then(|usage| usage.referrals.theirs.take());
        if let Some(Theirs::Asked { transaction, .. }) = theirs {
            self.answer_with(now, transaction, 487, None, |_| {});
        }
    }
}

/// Whether a request only means something in a call that stands, and so is refused outside one.
pub(super) fn objection_outside(method: Method) -> Option<Objection> {
    match method {
        // Calls on a stranger's word are toll fraud's best friend.
        Method::Refer => Some(Objection::plain(403)),
        Method::Bye | Method::Info | Method::Update | Method::Prack | Method::Notify => {
            Some(Objection::plain(481))
        }
        Method::Invite
        | Method::Options
        | Method::Ack
        | Method::Cancel
        | Method::Register
        | Method::Other => None,
    }
}

const FRAGMENT: &str = "message/sipfrag;version=2.0";
/// Longer than any call rings.
const SUBSCRIBED: &str = "active;expires=180";
