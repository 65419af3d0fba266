//! An INVITE usage: what one call is to us from its INVITE on (RFC 5057 §3), whichever side began it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::failover::Alternative;
use super::refer::Referrals;
use super::transactions::TransactionId;
use super::{Body, Path, Why};
use crate::dialog::Dialog;
use crate::dialog::offer_answer::Gate;
use crate::dialog::reliable::{Provisionals, Received};
use crate::dialog::session_timer::SessionTimer;
use crate::digest::Credentials;
use crate::message::{Message, Name};
use crate::transaction::timer::{Backoff, PATIENCE, T2};

/// A call, and the way to its peer.
#[derive(Debug)]
pub(super) struct InviteUsage {
    pub path: Path,
    pub credentials: Option<Credentials>,
    pub key: CallKey,
    /// Our Contact in this call, brackets included; the same from its first message to its last.
    pub contact: String,
    /// Offers after the INVITE's own.
    pub offers: Offers,
    /// Our reliable provisional responses, if there are any.
    pub provisionals: Option<Provisionals>,
    /// Since the last 2xx that agreed on one.
    pub timer: Option<SessionTimer>,
    pub referrals: Referrals,
    pub modifying: Modifying,
    /// When to give the line up for lost, while the connection is gone that the call was on.
    pub flow_deadline: Option<Instant>,
    pub stage: Stage,
}

/// The offer in flight, and ours that has to wait.
#[derive(Debug, Default)]
pub(super) struct Offers {
    pub gate: Gate<PeerOffer>,
    /// Our offer that the peer couldn't take, to be made again.
    pub again: Option<OfferAgain>,
    /// How often it was made again.
    pub repeated: u32,
}

/// How the peer's session can be changed or refreshed, as its Allow says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Modifying {
    ByUpdate,
    ByReinvite,
}

impl Offers {
    /// Our offer was answered.
    pub fn settle(&mut self) {
        self.gate.settle_ours();
        self.repeated = 0;
    }

    pub fn plan(&mut self, at: Instant, body: Body, modifying: Modifying) {
        self.repeated += 1;
        self.again = Some(OfferAgain {
            at,
            body,
            modifying,
        });
    }

    /// A peer that never has time for an offer shouldn't be asked for ever.
    pub fn may_repeat(&self) -> bool {
        self.repeated < MOST_REPEATS
    }
}

impl Modifying {
    /// Without Allow, what isn't announced isn't used (RFC 3311 §4).
    pub fn of(message: &Message) -> Modifying {
        match message.lists(Name::Allow, "UPDATE") {
            true => Modifying::ByUpdate,
            false => Modifying::ByReinvite,
        }
    }
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
    pub early: Vec<Early>,
    /// Whom to ask next if this one can't be reached; none once it rings.
    pub alternatives: VecDeque<Alternative>,
}

/// One place where our call rings.
#[derive(Debug)]
pub(super) struct Early {
    pub dialog: Dialog,
    pub received: Received,
    pub first: FirstExchange,
    /// The last session description that it sent.
    pub description: Option<Bytes>,
}

#[derive(Debug)]
pub(super) struct Incoming {
    pub transaction: TransactionId,
    pub request: Arc<Message>,
    pub dialog: Dialog,
    pub first: FirstExchange,
    /// The owner accepted, and the 200 waits for a PRACK or for the answer to an offer that came meanwhile.
    pub accepting: Option<Body>,
}

/// How far the exchange is that the INVITE begins (RFC 6337 §2.2). Until it is settled nobody may offer anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FirstExchange {
    /// The offer waits for its answer; or there is none yet, since the INVITE had none.
    Open,
    /// Our offer went out in a reliable 18x; the PRACK brings the answer.
    Offered,
    Settled,
}

#[derive(Debug)]
pub(super) struct Established {
    pub dialog: Dialog,
    pub phase: Phase,
    /// Our 2xx that the peer hasn't acknowledged.
    pub unacknowledged: Option<Unacknowledged>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The ACK to the 2xx that accepted the call is missing.
    Answered,
    Confirmed,
    /// Hung up before that ACK: BYE follows it, not earlier (RFC 3261 §15).
    Leaving,
}

/// An offer of the peer's that waits for our answer: of a re-INVITE, an UPDATE or a PRACK, or one that we asked for.
#[derive(Debug)]
pub(super) enum PeerOffer {
    Asked {
        transaction: TransactionId,
        request: Arc<Message>,
    },
    /// The 2xx to our offerless re-INVITE; our answer goes into its ACK.
    Given(Box<GivenOffer>),
}

#[derive(Debug)]
pub(super) struct GivenOffer {
    pub transaction: TransactionId,
    pub invite: Message,
    pub response: Message,
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
    pub way: Way,
}

/// What became of the connection that a 2xx and its ACK go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// It is there, or the next one will be the first that carries the 2xx.
    Whole,
    /// It broke: either of the two may be lost.
    Broken,
}

/// What the body of our 2xx is, which says what the ACK's body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carries {
    Answer,
    /// Our offer: the ACK brings the answer.
    Offer,
}

/// An offer that met the peer's, or that the peer wants later.
#[derive(Debug)]
pub(super) struct OfferAgain {
    pub at: Instant,
    pub body: Body,
    pub modifying: Modifying,
}

impl Inviting {
    fn early(&mut self, remote_tag: Option<&[u8]>) -> Option<&mut Early> {
        self.early
            .iter_mut()
            .find(|early| early.dialog.has_remote_tag(remote_tag))
    }
}

impl Early {
    pub fn new(dialog: Dialog) -> Early {
        Early {
            dialog,
            received: Received::default(),
            first: FirstExchange::Open,
            description: None,
        }
    }
}

impl Established {
    pub fn new(dialog: Dialog, phase: Phase) -> Established {
        Established {
            dialog,
            phase,
            unacknowledged: None,
        }
    }

    fn poll_timeout(&self) -> Option<(Instant, Why)> {
        self.unacknowledged
            .as_ref()
            .map(|waiting| (waiting.resend.at.min(waiting.give_up), Why::Acknowledgement))
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
            way: Way::Whole,
        }
    }
}

impl InviteUsage {
    pub fn new(
        path: Path,
        credentials: Option<Credentials>,
        key: CallKey,
        contact: String,
        stage: Stage,
    ) -> InviteUsage {
        InviteUsage {
            path,
            credentials,
            key,
            contact,
            offers: Offers::default(),
            provisionals: None,
            timer: None,
            referrals: Referrals::default(),
            modifying: Modifying::ByReinvite,
            flow_deadline: None,
            stage,
        }
    }

    /// The dialog with the peer of that tag, early or not.
    pub fn dialog_with(&mut self, remote_tag: Option<&[u8]>) -> Option<&mut Dialog> {
        match &mut self.stage {
            Stage::Inviting(inviting) => inviting.early(remote_tag).map(|early| &mut early.dialog),
            Stage::Incoming(incoming) => {
                Some(&mut incoming.dialog).filter(|dialog| dialog.has_remote_tag(remote_tag))
            }
            Stage::Established(established) => {
                Some(&mut established.dialog).filter(|dialog| dialog.has_remote_tag(remote_tag))
            }
        }
    }

    /// The dialog that a new request of ours would be sent in: of several early ones, the last that may take an offer.
    pub fn dialog(&mut self) -> Option<&mut Dialog> {
        match &mut self.stage {
            Stage::Inviting(inviting) => inviting
                .early
                .iter_mut()
                .rfind(|early| early.first == FirstExchange::Settled)
                .map(|early| &mut early.dialog),
            Stage::Incoming(incoming) => Some(&mut incoming.dialog),
            Stage::Established(established) => Some(&mut established.dialog),
        }
    }

    /// The place with that tag, while our call rings.
    pub fn early(&mut self, remote_tag: Option<&[u8]>) -> Option<&mut Early> {
        match &mut self.stage {
            Stage::Inviting(inviting) => inviting.early(remote_tag),
            Stage::Incoming(_) | Stage::Established(_) => None,
        }
    }

    /// Takes what a 2xx to a re-INVITE or UPDATE says of the session timer; while it rings there is none.
    pub fn agree_on(&mut self, timer: Option<SessionTimer>) {
        if self.established().is_some() {
            self.timer = timer;
        }
    }

    /// A 422 came; `false` if nothing can be done about it.
    pub fn lengthen_timer(&mut self, now: Instant, response: Option<&Message>) -> bool {
        let least = response.and_then(|response| response.number(Name::MinSe));
        let (Some(timer), Some(least)) = (&mut self.timer, least) else {
            return false;
        };
        let least = Duration::from_secs(least.into());
        // The same answer to what it asked for would go on for ever.
        if least <= timer.interval {
            return false;
        }
        timer.lengthen(least);
        timer.refresh_now(now);
        true
    }

    /// The peer doesn't take UPDATE after all.
    pub fn refresh_otherwise(&mut self, now: Instant) {
        self.modifying = Modifying::ByReinvite;
        if let Some(timer) = &mut self.timer {
            timer.refresh_now(now);
        }
    }

    pub fn incoming(&mut self) -> Option<&mut Incoming> {
        match &mut self.stage {
            Stage::Incoming(incoming) => Some(incoming),
            Stage::Inviting(_) | Stage::Established(_) => None,
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

    /// How long to ring isn't among the reasons: that is the owner's decision.
    pub fn poll_timeout(&self) -> Option<(Instant, Why)> {
        let stage = match &self.stage {
            Stage::Established(established) => established.poll_timeout(),
            Stage::Inviting(_) | Stage::Incoming(_) => None,
        };
        let again = self
            .offers
            .again
            .as_ref()
            .map(|again| (again.at, Why::Glare));
        let provisional = self
            .provisionals
            .as_ref()
            .and_then(Provisionals::poll_timeout)
            .map(|at| (at, Why::Provisional));
        let timer = self
            .timer
            .as_ref()
            .map(|timer| (timer.poll_timeout(), Why::SessionTimer));
        let flow = self.flow_deadline.map(|at| (at, Why::FlowLost));
        [stage, again, provisional, timer, flow]
            .into_iter()
            .flatten()
            .min_by_key(|(at, _)| *at)
    }
}

/// How many places one call may ring in; more are a fault or an attack.
pub(super) const MAX_EARLY_DIALOGS: usize = 8;
/// How often an offer that the peer can't take now is made again: half a minute of collisions.
const MOST_REPEATS: u32 = 8;
