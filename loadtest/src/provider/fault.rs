//! What goes wrong on the platform's own side of a dial.

use serde::{Deserialize, Serialize};

/// A fault the platform shows instead of, or during, an ordinary dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The dial is queued and announced, and no INVITE ever comes.
    NoInvite,
    /// The dial is refused in words.
    DialRefused,
    /// The dial is refused in words, and so is the one by the public API.
    RefusedEverywhere,
    /// The socket doesn't reply to the dial, yet it is placed.
    ReplyNever,
    /// The customer is busy, and no push says so.
    NoDropCall,
    /// The number is on the account's black list.
    Blacklisted,
    /// `newCall` and the INVITE come first, the reply to the dial later.
    LateReply,
    /// The INVITE comes a second after the reply to the dial.
    LateInvite,
    /// The INVITE's offer names a certificate that isn't the one shown.
    WrongFingerprint,
    /// The INVITE's offer names no certificate at all.
    NoFingerprint,
    /// The INVITE's offer holds another ICE password than the one in use.
    WrongIcePassword,
    /// The INVITE's offer has nothing that a browser speaks.
    NoCodec,
}

impl Fault {
    /// The words of a refusal, for the faults that are one.
    pub fn refusal(self, number: &str) -> Option<String> {
        match self {
            Self::DialRefused | Self::RefusedEverywhere => Some(REFUSED.to_owned()),
            Self::Blacklisted => Some(format!("{number} is a black listed number")),
            Self::NoInvite
            | Self::ReplyNever
            | Self::NoDropCall
            | Self::LateReply
            | Self::LateInvite
            | Self::WrongFingerprint
            | Self::NoFingerprint
            | Self::WrongIcePassword
            | Self::NoCodec => None,
        }
    }

    /// The public API's words, for the faults that it has, too.
    pub fn refusal_by_api(self) -> Option<&'static str> {
        match self {
            Self::RefusedEverywhere => Some("Agent is not available"),
            Self::DialRefused
            | Self::Blacklisted
            | Self::NoInvite
            | Self::ReplyNever
            | Self::NoDropCall
            | Self::LateReply
            | Self::LateInvite
            | Self::WrongFingerprint
            | Self::NoFingerprint
            | Self::WrongIcePassword
            | Self::NoCodec => None,
        }
    }
}

/// What the platform says to a client whose ids or state don't fit.
pub const REFUSED: &str = "There is an issue in Dialing, Please Re-Login and try.";
