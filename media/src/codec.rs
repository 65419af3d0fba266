//! The audio codecs that a leg can speak.

pub mod g711;

use std::fmt;

/// An audio codec of RFC 3551 §6, 8 kHz, mono.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AudioCodec {
    /// G.711 A-law, static payload type 8.
    Pcma,
    /// G.711 µ-law, static payload type 0.
    Pcmu,
}

impl AudioCodec {
    /// The encoding name of `a=rtpmap` (RFC 3551 table 4).
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcma => "PCMA",
            Self::Pcmu => "PCMU",
        }
    }

    /// The codec with this encoding name, whatever its case (RFC 4855 §3).
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Pcma, Self::Pcmu]
            .into_iter()
            .find(|codec| codec.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for AudioCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
