//! Ozonetel CloudAgent upstream: the token socket, its commands and its pushes.
//!
//! The socket doesn't carry audio. It tells the platform that the agent's phone is there, asks it to dial, and hears
//! how the call fares; the INVITE itself comes in on the agent's SIP line.
//!
//! `token` is the pure state machine; `socket` drives it with a WebSocket and a clock.

mod choice;
pub(crate) mod command;
mod identity;
mod login;
mod push;
mod reply;
mod report;
mod socket;
mod token;

pub use self::choice::Choice;
pub(crate) use self::command::SEPARATORS;
pub use self::push::Push;
pub use self::report::Report;
pub use self::socket::{DialRefused, TokenSocket, connect};
pub use self::token::Standing;

use crate::call::CallId;
use crate::config::Secret;

/// The agent that a token socket speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenAgent {
    /// Our own id; comes back in every [`Event`].
    pub agent: String,
    /// The provider's name for the agent.
    pub agent_id: String,
    /// The provider's number for the agent.
    pub agent_unique_id: u64,
    pub campaign: String,
    /// The public API's word for the campaign.
    pub campaign_name: String,
    /// For the login page only.
    pub login_password: Secret,
    pub extension: String,
    pub mode: String,
}

/// What the token sockets report.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// [`TokenAgent::agent`].
    pub agent: String,
    pub what: What,
}

/// What happened on one agent's token socket.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// The socket is open. Told again when its id becomes known later.
    Up {
        us_id: Option<String>,
    },
    /// The provider knows that the agent is here; dials may go out.
    SignedIn,
    /// The socket is closed, and will be opened again.
    Down {
        cause: String,
    },
    /// Another session took over, an administrator signed the agent off, or the operator took it out of service: it isn't
    /// opened again by itself.
    Stopped {
        cause: String,
    },
    /// What became of a dial command; exactly one for every dial that was taken.
    Dial {
        call: CallId,
        outcome: DialOutcome,
    },
    /// What the platform says of a dial that it was asked about; nothing comes where it can't be asked.
    Checked {
        call: CallId,
        /// `None`: it goes on, or nothing is known of it.
        words: Option<String>,
    },
    /// What became of a disposition; exactly one for every one that was given.
    Disposed {
        call: CallId,
        outcome: Result<(), String>,
    },
    /// What became of a change to a call; exactly one for every one that was asked for.
    Changed {
        call: CallId,
        act: Act,
        outcome: ChangeOutcome,
    },
    /// The platform didn't take how the agent stands, in its words.
    StandingRefused(String),
    Push(Push),
}

/// What a call is closed with at the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disposal {
    pub call: CallId,
    pub ucid: String,
    pub did: Option<String>,
    /// The customer's number, as it was dialled.
    pub number: String,
    pub uui: Option<String>,
    pub code: String,
    /// Epoch milliseconds.
    pub callback_at: Option<u64>,
}

/// What the platform is to do with a call of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub call: CallId,
    pub ucid: String,
    pub did: Option<String>,
    /// The customer's number, as it was dialled.
    pub number: String,
    pub act: Act,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    Hold,
    Resume,
    /// Without asking whoever gets the call.
    Transfer {
        to: String,
    },
}

/// The provider's answer to a [`Change`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeOutcome {
    Done,
    /// In the provider's words, or why it was never sent.
    Refused(String),
    /// A reply that says neither yes nor no, or none at all.
    Unknown,
}

/// What the platform can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    Campaigns,
    Dispositions,
}

/// The provider's answer to a dial. It doesn't say whether anybody answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DialOutcome {
    /// Taken; the INVITE follows.
    Queued { ucid: Option<String> },
    /// Refused, with the provider's sentence.
    Refused(String),
    /// A reply that says neither yes nor no, or a socket lost before it came: the INVITE may follow.
    Unknown,
    /// No reply in time: the INVITE may follow.
    NoReply,
    /// Never sent, and why.
    NotSent(String),
}
