//! What can happen to a call.

use super::Spoken;
use crate::call::termination::Termination;

/// What can happen to a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The platform's reply to the dial command.
    Dial(DialReply),
    /// The INVITE that the dial caused; `None` where it brings no offer.
    Expected {
        offer: Option<String>,
    },
    /// The INVITE came, and the agent can't be spoken to; it has been refused.
    NotReady {
        because: String,
    },
    /// The agent's click, or the policy's.
    Answer {
        how: Answered,
    },
    /// The agent ends it.
    HangUp,
    /// The agent declines what rings; of several, the last.
    Reject,
    Mute(bool),
    Hold(bool),
    /// The platform didn't put the customer on hold, or didn't give it back.
    HoldRefused {
        on: bool,
    },
    /// The agent has asked the platform to give the customer to somebody else.
    TransferAsked,
    /// It doesn't, or didn't say whether it does.
    TransferNotTaken,
    /// It has.
    Transferred,
    /// The customer, or whom the customer was given to, goes on without the agent.
    HandedOver(WrapUp),
    /// The media engine wrote our description, or can't.
    Described(Result<String, String>),
    /// The media engine took the peer's answer, or can't.
    Applied(Result<(), String>),
    /// What was to be heard once has been heard.
    Played,
    /// A 1xx to our INVITE.
    Progress {
        status: u16,
        answer: Option<String>,
    },
    /// The 2xx to our INVITE.
    Accepted {
        answer: Option<String>,
    },
    /// The ACK to our 200; it carries the answer where our 200 carried the offer.
    Confirmed {
        answer: Option<String>,
    },
    /// The SIP dialog is over.
    DialogEnded(DialogEnd),
    Push(Push),
    /// What the platform says of a dial when it is asked; `None`: nothing, or that it goes on.
    Checked(Option<String>),
    /// The customer's media failed, in words.
    MediaLost(String),
    /// Audio from and to the agent is interrupted; it is waited for.
    AgentAway,
    AgentBack,
    /// The agent was gone for longer than the grace, in words; whether the customer is told.
    AgentLost {
        words: &'static str,
        told: Spoken,
    },
    /// Ends the wrap-up.
    Dispose {
        code: String,
    },
    /// The agent went on to the next call, which ends the wrap-up, too.
    Redialled,
    /// The other agent, whom this one asks for, takes the call.
    ColleagueAnswered,
    /// It is over for a reason that the owner knows: the other agent declined, or is gone.
    Ended(Termination),
    Shutdown,
}

#[derive(Debug, Clone, PartialEq)]
pub enum DialReply {
    Queued {
        ucid: Option<String>,
    },
    Refused(String),
    /// The command could not be sent at all.
    NotSent(String),
    /// A reply that says neither yes nor no: the INVITE or time decides.
    Unknown,
    NoReply,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    ByAgent,
    ByPolicy,
}

#[derive(Debug, Clone, PartialEq)]
pub enum DialogEnd {
    /// The far end's BYE.
    Bye,
    /// The far end's CANCEL.
    Cancelled,
    /// A final rejection of our INVITE.
    Rejected {
        status: u16,
        reason: String,
    },
    TimedOut,
    AckMissing,
    FlowLost,
    /// Our own hang-up came to its end.
    Ours,
}

/// What the platform says of a call, beside SIP.
#[derive(Debug, Clone, PartialEq)]
pub enum Push {
    /// The call is assigned; the agent's leg is about to ring.
    NewCall { ucid: Option<String> },
    /// Customer and agent are talking.
    BusyAgent,
    /// Over after talk.
    Release { wrap_up: WrapUp },
    /// Over before talk.
    Drop {
        call_status: Option<String>,
        dial_status: Option<String>,
    },
}

/// Whether the platform leaves the agent time after the talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrapUp {
    Granted,
    Skipped,
}
