//! A call in its place: the call itself, and what it has of SIP, media and desks.

use std::time::{Duration, Instant};

use media::LegId;
use signaling::{DialogId, LineId};

use super::consulting::Guest;
use super::ledger::Mark;
use super::offering::Offer;
use super::recording::Recorded;
use super::transfer::Link;
use crate::agent::wire::{CallState, CallView, Progress};
use crate::call::doctor::Doctor;
use crate::call::keypad::Keypad;
use crate::call::platform::Platform;
use crate::call::ringing::Ringing;
use crate::call::state::{self, Call};
use crate::config::HoldBy;
use crate::metrics::Side;
use crate::ozonetel::Act;
use crate::prompts::Prompts;
use crate::store::Disposition;

/// The order in which calls came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Age(pub u64);

/// A call and what it has of SIP and media.
#[derive(Debug)]
pub(super) struct Placed {
    pub call: Call,
    /// The agent's place in the list; while it rings at several desks, the first one's.
    pub agent: usize,
    pub desks: Desks,
    /// What an agent whom the call asks for does.
    pub when_asked: WhenAsked,
    pub route: Route,
    pub dialog: Option<DialogId>,
    /// The customer's media leg.
    pub leg: Option<LegId>,
    pub bridged: Option<Instant>,
    pub prompts: Prompts,
    /// The soonest that the prompt which is played once can have been heard.
    pub played_from: Option<Instant>,
    /// What is heard of the customer in the talk.
    pub customer: Heard,
    /// The customer is up and hears nothing.
    pub silent_since: Option<Instant>,
    pub doctor: Doctor,
    /// The sides to whom no first audio has come.
    pub unheard: Vec<Side>,
    /// When a call on the agent's line is answered by itself, as its headers ask.
    pub answers_at: Option<Instant>,
    /// The agent's audio path is gone; the call ends with it unless it comes back in time.
    pub without_agent: Option<Doom>,
    /// The customer's, likewise.
    pub without_customer: Option<Doom>,
    /// What was last published.
    pub shown: Option<CallView>,
    /// How much of the story has been logged.
    pub told: usize,
    pub set_up: SetUp,
    /// When the INVITE was read that the dial was for.
    pub invited: Option<Instant>,
    /// What the platform says of it.
    pub platform: Platform,
    pub on_hold_by: HoldBy,
    /// What the platform was asked to do, until it answers.
    pub asked: Option<Act>,
    /// What the agent, or a back end, said came of it.
    pub disposition: Option<Disposition>,
    /// What the store has of it.
    pub marked: Option<Mark>,
    pub recorded: Recorded,
    pub link: Link,
    /// It rings at another agent's desk, too, who is to get it.
    pub offer: Option<Offer>,
    /// Of a side of a talk without an agent: how long it has sent nothing, by the last report.
    pub quiet: Duration,
    /// The other agent, where that is whom the call is with.
    pub guest: Option<Guest>,
    /// What is dialled by INFO.
    pub keypad: Keypad,
}

/// Where a call is shown.
#[derive(Debug)]
pub(super) enum Desks {
    /// At the desk of the agent whose call it is.
    One,
    Ringing(Ringing),
    /// For the agents it is over; the customer hears the last words.
    None,
}

/// What happens when a customer who was called first has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WhenAsked {
    Ring,
    Answer,
}

/// How a new call is placed.
#[derive(Debug)]
pub(super) struct Entry {
    pub agent: usize,
    pub desks: Desks,
    pub when_asked: WhenAsked,
    pub route: Route,
    pub dialog: Option<DialogId>,
    pub prompts: Prompts,
}

impl Placed {
    /// The agents at whose desks it is.
    pub fn desks(&self) -> Vec<usize> {
        match &self.desks {
            Desks::One => vec![self.agent],
            Desks::Ringing(ringing) => ringing.desks().collect(),
            Desks::None => Vec::new(),
        }
    }

    /// No other call is bound to it.
    pub fn is_unlinked(&self) -> bool {
        self.link == Link::None
    }

    /// A talk between two agents has none.
    pub fn has_customer(&self) -> bool {
        self.route != Route::Desk
    }

    /// Silence is dead air to somebody.
    pub fn customer_is_up(&self) -> bool {
        self.has_customer() && self.call.customer_is_up()
    }

    /// The agent hears the customer, or has put it on hold.
    pub fn is_agents(&self) -> bool {
        self.bridged.is_some() || self.call.is_connected()
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        let dooms = self.without_agent.iter().chain(&self.without_customer);
        let turn = match &self.desks {
            Desks::Ringing(ringing) => ringing.poll_timeout(),
            Desks::One | Desks::None => None,
        };
        let call = self.call.poll_timeout().into_iter();
        let call = call.chain(self.doctor.poll_timeout());
        let answer = self.answers_at.filter(|_| self.call.rings_at_desk());
        call.chain(turn)
            .chain(answer)
            .chain(self.offer.map(|offer| offer.until))
            .chain(self.keypad.poll_timeout())
            .chain(self.guest.as_ref().and_then(Guest::poll_timeout))
            .chain(dooms.map(|doom| doom.at))
            .min()
    }

    /// The end of a call whose audio path did not come back.
    pub fn take_doom(&mut self, now: Instant) -> Option<state::Input> {
        let due = |doom: &mut Doom| doom.at <= now;
        let agent = self.without_agent.take_if(due);
        agent
            .or_else(|| self.without_customer.take_if(due))
            .map(|doom| doom.end)
    }
}

/// When and how a call ends whose audio path is gone.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Doom {
    pub at: Instant,
    pub end: state::Input,
}

/// What comes from a side that is talked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    Audio,
    Nothing,
}

/// Whether the time to ringing has been measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SetUp {
    Awaited(Instant),
    Measured,
}

/// The way a call's SIP takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    Line(LineId),
    /// The trunk's place in the list, and the peer that the call came from.
    Trunk(usize),
    /// No SIP: to another agent's desk.
    Desk,
}

/// Somebody's phone rings, or it is answered.
pub(super) fn is_set_up(view: &CallView) -> bool {
    match view.state {
        CallState::RingingOut => view.progress >= Some(Progress::Alerting),
        CallState::RingingIn | CallState::Connected => true,
        CallState::Held | CallState::WrapUp | CallState::Closed => false,
    }
}
