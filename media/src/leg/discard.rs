//! Why a packet goes nowhere: a cause each, and a metric's label each.

use crate::rtp;
use crate::srtp::Refused;

/// Why a packet isn't relayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discard {
    Malformed,
    UnknownSource,
    NoKeys,
    Forged,
    Replayed,
    UnknownPayloadType,
    NotBridged,
    Muted,
    OnHold,
    NoDestination,
    NotNegotiated,
    Stale,
    DuringDigit,
    DuringPrompt,
    SendFailed,
    /// More handshakes or connections wait than can be kept; the peer repeats itself.
    TooBusy,
    /// A handshake, or what isn't ICE at all on a new connection, from where no check was answered.
    Unchecked,
    /// The port's last call, whose sender hasn't stopped.
    Former,
    /// It waits to be coded anew: not lost, so not counted among those that are.
    Recoded,
}

impl Discard {
    /// Those that are losses.
    pub const ALL: [Self; 18] = [
        Self::Malformed,
        Self::UnknownSource,
        Self::NoKeys,
        Self::Forged,
        Self::Replayed,
        Self::UnknownPayloadType,
        Self::NotBridged,
        Self::Muted,
        Self::OnHold,
        Self::NoDestination,
        Self::NotNegotiated,
        Self::Stale,
        Self::DuringDigit,
        Self::DuringPrompt,
        Self::SendFailed,
        Self::TooBusy,
        Self::Unchecked,
        Self::Former,
    ];

    /// The metric's label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownSource => "unknown_source",
            Self::NoKeys => "no_keys",
            Self::Forged => "forged",
            Self::Replayed => "replayed",
            Self::UnknownPayloadType => "unknown_payload_type",
            Self::NotBridged => "not_bridged",
            Self::Muted => "muted",
            Self::OnHold => "on_hold",
            Self::NoDestination => "no_destination",
            Self::NotNegotiated => "not_negotiated",
            Self::Stale => "stale",
            Self::DuringDigit => "during_digit",
            Self::DuringPrompt => "during_prompt",
            Self::SendFailed => "send_failed",
            Self::TooBusy => "too_busy",
            Self::Unchecked => "unchecked",
            Self::Former => "former",
            Self::Recoded => "recoded",
        }
    }
}

impl From<Refused> for Discard {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Replayed => Self::Replayed,
            Refused::Forged => Self::Forged,
        }
    }
}

impl From<rtp::Malformed> for Discard {
    fn from(_: rtp::Malformed) -> Self {
        Self::Malformed
    }
}
