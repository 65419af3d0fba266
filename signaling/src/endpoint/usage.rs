//! An INVITE usage: what one call is to us from its INVITE on (RFC 5057 §3), whichever side began it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::failover::Alternative;
use super::transactions::TransactionId;
use super::{Body, Path, Why};
use crate::dialog::Dialog;
use crate::dialog::offer_answer::Gate;
use crate::digest::Credentials;
use crate::message::Message;
use crate::transaction::timer::{Backoff, PATIENCE, T2};

/// A call, and the way to its peer.
#[derive(Debug)]
pub(super) struct InviteUsage {
    pub path: Path,
    pub credentials: Option<Credentials>,
    pub key: CallKey,
    /// Our Contact in this call, brackets included; the same from its first message to its last.
    pub contact: String,
    pub stage: Stage,
}

/// What finds a usage: both user agents agree on Call-ID and our tag from the first message on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct CallKey(Box<[u8]>);

impl CallKey {
    pub fn new(call_id: &[u8], local_tag: &[u8]) -> CallKey {
        CallKey([call_id, &[0], local_tag].concat().into())
    }
}

#[derive(Debug)]
pub(super) enum Stage {
    /// We called and wait for a final response.
    Inviting(Inviting),
    /// We are called and owe one.
    Incoming(Box<Incoming>),
    /// A 2xx was sent or received.
    Established(Box<Established>),
}

#[derive(Debug)]
pub(super) struct Inviting {
    pub transaction: TransactionId,
    /// One for each To tag that a provisional response had: the call may ring in several places.
    pub early: Vec<Dialog>,
    /// Whom to ask next if this one can't be reached; none once it rings.
    pub alternatives: VecDeque<Alternative>,
}

#[derive(Debug)]
pub(super) struct Incoming {
    pub transaction: TransactionId,
    pub request: Arc<Message>,
    pub dialog: Dialog,
}

#[derive(Debug)]
pub(super) struct Established {
    pub dialog: Dialog,
    pub phase: Phase,
    pub gate: Gate<PeerOffer>,
    /// Our 2xx that the peer hasn't acknowledged.
    pub unacknowledged: Option<Unacknowledged>,
    /// Our offer that collided with the peer's, to be made again.
    pub glare: Option<Glare>,
    /// When to give the line up for lost, while it has no connection.
    pub flow_deadline: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The ACK to the 2xx that accepted the call is missing.
    Answered,
    Confirmed,
    /// Hung up before that ACK: BYE follows it, not earlier (RFC 3261 §15).
    Leaving,
}

/// A re-INVITE or UPDATE that waits for our answer.
#[derive(Debug)]
pub(super) struct PeerOffer {
    pub transaction: TransactionId,
    pub request: Arc<Message>,
}

/// A 2xx to an INVITE, resent until its ACK (RFC 3261 §13.3.1.4), on reliable transports too.
#[derive(Debug)]
pub(super) struct Unacknowledged {
    pub response: Bytes,
    /// The INVITE's number, which its ACK repeats.
    pub cseq: u32,
    pub resend: Backoff,
    pub give_up: Instant,
    pub carries: Carries,
}

/// What the body of our 2xx is, which says what the ACK's body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carries {
    Answer,
    /// Our offer: the ACK brings the answer.
    Offer,
}

/// An offer that met the peer's.
#[derive(Debug)]
pub(super) struct Glare {
    pub at: Instant,
    pub body: Body,
}

impl Established {
    pub fn new(dialog: Dialog, phase: Phase) -> Established {
        Established {
            dialog,
            phase,
            gate: Gate::Settled,
            unacknowledged: None,
            glare: None,
            flow_deadline: None,
        }
    }

    fn poll_timeout(&self) -> Option<(Instant, Why)> {
        let acknowledgement = self
            .unacknowledged
            .as_ref()
            .map(|waiting| (waiting.resend.at.min(waiting.give_up), Why::Acknowledgement));
        let glare = self.glare.as_ref().map(|glare| (glare.at, Why::Glare));
        let flow = self.flow_deadline.map(|at| (at, Why::FlowLost));
        [acknowledgement, glare, flow]
            .into_iter()
            .flatten()
            .min_by_key(|(at, _)| *at)
    }
}

impl Unacknowledged {
    pub fn new(response: Bytes, cseq: u32, carries: Carries, now: Instant) -> Unacknowledged {
        Unacknowledged {
            response,
            cseq,
            carries,
            resend: Backoff::starting(now, T2),
            give_up: now + PATIENCE,
        }
    }
}

impl InviteUsage {
    /// The dialog with the peer of that tag, early or not.
    pub fn dialog_with(&mut self, remote_tag: Option<&[u8]>) -> Option<&mut Dialog> {
        match &mut self.stage {
            Stage::Inviting(inviting) => inviting
                .early
                .iter_mut()
                .find(|dialog| dialog.has_remote_tag(remote_tag)),
            Stage::Incoming(incoming) => {
                Some(&mut incoming.dialog).filter(|dialog| dialog.has_remote_tag(remote_tag))
            }
            Stage::Established(established) => {
                Some(&mut established.dialog).filter(|dialog| dialog.has_remote_tag(remote_tag))
            }
        }
    }

    pub fn established(&mut self) -> Option<&mut Established> {
        match &mut self.stage {
            Stage::Established(established) => Some(established),
            Stage::Inviting(_) | Stage::Incoming(_) => None,
        }
    }

    /// Hung up and told so; only its last transaction keeps it.
    pub fn is_leaving(&self) -> bool {
        matches!(&self.stage, Stage::Established(established) if established.phase == Phase::Leaving)
    }

    /// A call that waits for a final response has no deadline of its own: how long to ring is the owner's decision.
    pub fn poll_timeout(&self) -> Option<(Instant, Why)> {
        match &self.stage {
            Stage::Established(established) => established.poll_timeout(),
            Stage::Inviting(_) | Stage::Incoming(_) => None,
        }
    }
}

/// How many places one call may ring in; more are a fault or an attack.
pub(super) const MAX_EARLY_DIALOGS: usize = 8;
/// How long an established call survives its line's connection: time for a reconnect, backoff included.
pub(super) const FLOW_GRACE: Duration = Duration::from_secs(32);
