//! The states of a call, and what each of them holds.

use std::time::Instant;

use crate::agent::wire::Progress;
use crate::call::termination::Termination;

#[derive(Debug)]
pub(in crate::call) enum State {
    /// The dial command is out; the INVITE that it causes is expected.
    Expecting {
        until: Instant,
        command: Command,
        dialling: Dialling,
    },
    /// An INVITE is there; the media engine writes our description.
    Answering {
        then: AfterAnswer,
        until: Instant,
    },
    /// The platform has the agent's leg and rings the customer.
    CustomerRinging {
        agent: Presence,
    },
    /// The platform took its leg away before the customer was there, or never called; a push, or its answer to our
    /// question, may still say why.
    Unexplained {
        until: Instant,
        /// Why, if nobody says more.
        otherwise: Termination,
        question: Question,
    },
    /// The media engine writes our offer.
    Offering {
        until: Instant,
    },
    /// Our INVITE is out.
    Inviting {
        progress: Progress,
        early: EarlyMedia,
        until: Instant,
    },
    /// Rings at the desk; the caller's network says so to the caller.
    RingingIn {
        until: Instant,
        offer: Option<String>,
    },
    /// The customer is up and hears greeting and music; it rings at the desk.
    Waiting {
        until: Instant,
    },
    Connected {
        hold: Hold,
        agent: Presence,
    },
    /// No agent will come; the customer hears that to its end.
    Farewell {
        ended: Termination,
        after: Before,
        until: Instant,
    },
    WrapUp {
        until: Instant,
    },
    Closed,
}

/// By what a dial goes to the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dialling {
    Socket,
    /// The public API is asked where the socket surely didn't bring it: no customer is called twice.
    SocketFirst,
    Api,
    /// The public API, after the socket; how that failed, as a clause.
    ApiAfter(String),
}

/// What carries one dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialBy {
    Socket,
    Api,
}

/// Whether the platform has been asked what became of a dial. It is given a moment to say so by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::call) enum Question {
    Open,
    Put,
}

/// How far the dial command has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::call) enum Command {
    Sent,
    /// The platform said so, or announced the call.
    Taken,
    /// A reply that says neither yes nor no, or a socket lost before it came.
    Unclear,
    /// No reply in time; the INVITE may come all the same.
    Unanswered,
}

/// What follows once we have answered.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::call) enum AfterAnswer {
    /// The platform rings the customer (a dial of ours).
    CustomerRings,
    /// The customer is there already, and so is the agent.
    Talk,
    /// The caller is greeted and waits for an agent.
    Greet,
    /// The caller is told that nobody answers.
    Farewell(Termination),
}

/// The answer to our offer that came before the 200.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::call) enum EarlyMedia {
    None,
    Applied(String),
}

/// Whether the customer has been put on hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::call) enum Hold {
    On,
    Off,
}

/// Whether the platform may take the customer away at the agent's own wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::call) enum Transfer {
    None,
    /// Later the platform's end of the call has another cause.
    Asked {
        until: Instant,
    },
}

/// Whether audio from and to the agent works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::call) enum Presence {
    Here,
    Away,
}

/// What was before the last words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::call) enum Before {
    Ringing,
    Talk,
}
