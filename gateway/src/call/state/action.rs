//! What a call asks of its owner.

use std::time::Instant;

use super::{Announcement, DialBy};
use crate::call::termination::Termination;

/// What the call asks of its owner.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Open the expectation, then send the dial command.
    Dial {
        number: String,
        until: Instant,
        by: DialBy,
    },
    /// Ask the platform what became of the dial.
    AskOutcome,
    /// Nothing is expected any more.
    CloseExpectation,
    /// The INVITE that is still on its way is to be refused.
    RefuseExpected,
    /// Have the media engine answer the customer's offer, or make one where there is none.
    Describe { offer: Option<String> },
    /// Hand the peer's answer to the media engine.
    Apply { answer: String },
    /// 180 to the INVITE.
    Ring,
    /// The customer who was dialled first is there: now the agent is asked.
    AskAgent,
    /// It is over for whoever it rings at, though the customer still hears our last words.
    Dismiss { ended: Termination },
    /// 200 to the INVITE.
    Accept { description: String },
    /// A final rejection of the INVITE.
    Refuse { status: u16, phrase: &'static str },
    /// Send our INVITE.
    Invite { offer: String },
    /// End the dialog, whatever its state.
    HangUp,
    /// Let audio pass between the customer and the agent, in place of whatever is played.
    Bridge,
    /// No audio passes any more between the two.
    Part,
    /// Play to the customer in place of whatever is heard there now.
    Play(Announcement),
    /// The customer hears music, and the agent nothing; or talk again.
    Hold { on: bool },
    /// Stop or resume what the agent says.
    Mute(bool),
    /// The customer's media leg is done.
    CloseMedia,
    /// Tell the platform that the agent is ready again.
    ReleaseAgent,
}
