//! An agent: who answers. [`session`] is the browser's side of it, [`page`] what the browser says of itself,
//! [`microphone`] what is heard of the agent, [`readiness`] why a call can't come, [`wire`] what the browser sees.

pub mod microphone;
pub mod page;
pub mod readiness;
pub mod session;
pub mod turn;
pub mod wire;

use std::time::Instant;

use media::{LegId, WorkerId};

use crate::agent::microphone::{Microphone, Proof};
use crate::agent::session::Session;
use crate::agent::wire::{AgentView, LineState, MediaState, StatusView};
use crate::clock::Moment;
use crate::config;
use crate::ozonetel::TokenSocket;

/// One configured agent, and what is up for it now.
#[derive(Debug)]
pub struct Agent {
    pub config: config::Agent,
    pub status: StatusView,
    /// The SIP line; `None` for an agent who has none.
    pub sip: Option<Connection>,
    /// The token socket; `None` where calls don't need one.
    pub token: Option<Token>,
    pub session: Option<Session>,
    pub media: MediaLeg,
    /// A supervisor's own words for the present status, which the desk shows with a name behind them.
    pub supervisors_reason: Option<String>,
    /// The platform's name for the incoming call that it announced and whose INVITE is awaited.
    pub announced: Option<String>,
    /// All legs of an agent's calls are in one worker, so that any of them can be bridged.
    pub worker: Option<WorkerId>,
}

/// One WebSocket of one browser; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionId(pub u64);

/// A way to the provider.
#[derive(Debug, Clone)]
pub struct Connection {
    pub state: ConnectionState,
    /// Epoch milliseconds.
    pub since: u64,
    pub service: Service,
}

/// What the operator wants of a way to the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    In,
    /// Whatever happens to it, it is told as down.
    Out,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionState {
    Up,
    /// Why, in words.
    Down(String),
}

#[derive(Debug)]
pub struct Token {
    pub socket: TokenSocket,
    pub connection: Connection,
}

/// The one PeerConnection of the agent's browser. While a new page takes over there are two: the
/// one that carries audio, and the one that comes.
#[derive(Debug, Default)]
pub struct MediaLeg {
    pub current: Option<Warm>,
    pub coming: Option<LegId>,
    /// Of the agent, not of one leg: a reloaded page needs no second word.
    pub proof: Proof,
}

/// A leg that has been connected.
#[derive(Debug, Clone, Copy)]
pub struct Warm {
    pub leg: LegId,
    pub state: MediaState,
    /// When it was connected.
    pub up: Instant,
    pub microphone: Microphone,
}

impl Connection {
    pub fn connecting(now: Moment) -> Self {
        Self {
            state: ConnectionState::Down("it is being connected".to_owned()),
            since: now.epoch_ms,
            service: Service::In,
        }
    }

    /// Takes a new state; whether it is up or down is what `since` counts from. `false`: it had that one.
    pub fn set(&mut self, now: Moment, state: ConnectionState) -> bool {
        let state = match self.service {
            Service::In => state,
            Service::Out => ConnectionState::Down(OUT_OF_SERVICE.to_owned()),
        };
        if self.state == state {
            return false;
        }
        if self.is_up() != (state == ConnectionState::Up) {
            self.since = now.epoch_ms;
        }
        self.state = state;
        true
    }

    pub fn is_up(&self) -> bool {
        self.state == ConnectionState::Up
    }

    pub fn detail(&self) -> Option<String> {
        match &self.state {
            ConnectionState::Up => None,
            ConnectionState::Down(words) => Some(words.clone()),
        }
    }
}

impl MediaLeg {
    pub fn state(&self) -> MediaState {
        self.current.map_or(MediaState::Down, |warm| warm.state)
    }

    pub fn microphone(&self) -> Microphone {
        self.current
            .map_or(Microphone::default(), |warm| warm.microphone)
    }

    /// The leg that calls are joined to, whether or not it works just now.
    pub fn leg(&self) -> Option<LegId> {
        self.current.map(|warm| warm.leg)
    }

    /// The present leg belongs to a page that is gone, or is about to be replaced.
    pub fn outdate(&mut self) {
        if let Some(current) = &mut self.current {
            current.state = MediaState::Down;
        }
    }

    /// A leg that doesn't exist any more is nobody's.
    pub fn forget(&mut self, leg: LegId) {
        self.coming = self.coming.filter(|coming| *coming != leg);
        self.current = self.current.filter(|warm| warm.leg != leg);
    }

    /// The leg that audio goes to now, if it works.
    pub fn warm(&self) -> Option<LegId> {
        self.current
            .filter(|warm| warm.state == MediaState::Up)
            .map(|warm| warm.leg)
    }
}

impl Agent {
    /// What customers see of the agent's line; empty where calls go over trunks only.
    pub fn number(&self) -> String {
        self.config.extension.clone().unwrap_or_default()
    }

    pub fn new(config: config::Agent, now: Moment) -> Self {
        Self {
            config,
            status: StatusView {
                name: AVAILABLE.to_owned(),
                since: now.epoch_ms,
                reason: None,
            },
            sip: None,
            token: None,
            session: None,
            media: MediaLeg::default(),
            supervisors_reason: None,
            announced: None,
            worker: None,
        }
    }

    pub fn view(&self) -> AgentView {
        let not_ready_because = readiness::obstacle(self);
        AgentView {
            id: self.config.id.clone(),
            name: self.config.name.clone(),
            status: self.status.clone(),
            line: match &self.sip {
                None => LineState::None,
                Some(line) if line.is_up() => LineState::Up,
                Some(_) => LineState::Down,
            },
            media: self.media.state(),
            ready: not_ready_because.is_none(),
            not_ready_because,
        }
    }
}

const OUT_OF_SERVICE: &str = "it was taken out of service";

/// The status in which calls come.
pub const AVAILABLE: &str = "available";
