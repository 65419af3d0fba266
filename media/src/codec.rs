//! The audio codecs that a leg can speak.

pub mod coder;
pub mod concealment;
pub mod g711;
pub mod g722;
pub mod opus;
pub(crate) mod pitch;
pub mod rate;

use std::fmt;

use crate::rtp::clock::ClockRate;

/// An audio codec of RFC 3551 §6 or RFC 7587, mono.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AudioCodec {
    /// G.711 A-law, static payload type 8.
    Pcma,
    /// G.711 µ-law, static payload type 0.
    Pcmu,
    /// G.722 at 64 kbit/s, static payload type 9.
    G722,
    /// Opus (RFC 6716), of any bandwidth.
    Opus,
}

impl AudioCodec {
    /// Those that are known.
    pub const ALL: [Self; 4] = [Self::Pcma, Self::Pcmu, Self::G722, Self::Opus];

    /// The encoding name of `a=rtpmap` (RFC 3551 table 4, RFC 7587 §7).
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcma => "PCMA",
            Self::Pcmu => "PCMU",
            Self::G722 => "G722",
            Self::Opus => "opus",
        }
    }

    /// The codec with this encoding name, whatever its case (RFC 4855 §3).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|codec| codec.name().eq_ignore_ascii_case(name))
    }

    /// What its timestamps count.
    pub fn clock(self) -> ClockRate {
        match self {
            Self::Pcma | Self::Pcmu | Self::G722 => ClockRate::Khz8,
            Self::Opus => ClockRate::Khz48,
        }
    }

    /// As `a=rtpmap` counts them: Opus says two whatever it carries (RFC 7587 §7).
    pub(crate) fn channels(self) -> &'static str {
        match self {
            Self::Pcma | Self::Pcmu | Self::G722 => "1",
            Self::Opus => "2",
        }
    }

    /// Whether a packet of one can become one of the other in its slot, without being decoded.
    pub fn meets(self, other: Self) -> bool {
        let g711 = |codec| matches!(codec, Self::Pcma | Self::Pcmu);
        self == other || (g711(self) && g711(other))
    }
}

impl fmt::Display for AudioCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a leg proposes and what it takes, the preferred codec first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodecPolicy {
    /// In offers of ours.
    pub offered: Vec<AudioCodec>,
    /// In a peer's offers; it has all of `offered`.
    pub accepted: Vec<AudioCodec>,
    /// Whether offers of ours ask for comfort noise.
    pub comfort: ComfortNoise,
}

/// What a leg says of comfort noise (RFC 3389). Where a peer asks for it, it is agreed to in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ComfortNoise {
    /// Only the peer may ask: one who is invited to may send less than before, and the agent hears the gaps.
    #[default]
    WhereAsked,
    /// Proposed beside codecs at 8 kHz, for networks that count on it.
    Offered,
}

impl CodecPolicy {
    /// These and no others, either way.
    pub fn only(codecs: Vec<AudioCodec>) -> Self {
        Self {
            offered: codecs.clone(),
            accepted: codecs,
            comfort: ComfortNoise::default(),
        }
    }

    /// These where there is a choice, and whatever else can be transcoded where there is none.
    pub fn preferring(codecs: Vec<AudioCodec>) -> Self {
        let mut accepted = codecs.clone();
        accepted.extend(
            AudioCodec::ALL
                .into_iter()
                .filter(|codec| !codecs.contains(codec)),
        );
        Self {
            offered: codecs,
            accepted,
            comfort: ComfortNoise::default(),
        }
    }

    /// The same codecs, and that of comfort noise.
    pub fn with_comfort(self, comfort: ComfortNoise) -> Self {
        Self { comfort, ..self }
    }
}
