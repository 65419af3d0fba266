//! SDP (RFC 8866) as SIP peers speak it: one audio m-line is understood, everything else is
//! kept apart or refused.
//!
//! Parsing is tolerant, because PBXs omit `mid`, `BUNDLE` and directions, announce two
//! components and end lines in LF; what we write is strict.

pub mod browser;
pub mod crypto;
pub mod negotiate;
mod parse;
mod write;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::codec::AudioCodec;
use crate::rtp::clock::ClockRate;
use crate::rtp::{PayloadType, Ssrc};
use crypto::Crypto;
pub(crate) use write::CNAME;

/// A session description, reduced to what a leg needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The value of `o=`, verbatim.
    pub origin: String,
    /// The m-lines in order: an answer has as many as its offer (RFC 3264 §6).
    pub media: Vec<Media>,
}

/// One m-line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "an audio m-line is the rule")]
pub enum Media {
    /// The audio that the leg carries: the first m-line of its kind with a port.
    Audio(Audio),
    /// Anything else: port 0 when we write it.
    Refused {
        /// `video`, `application`, a second `audio`, …
        kind: String,
        /// Such as `RTP/AVP`.
        protocol: String,
        /// The rest of the m-line.
        formats: String,
    },
}

/// An audio m-line and its attributes, session-level ones inherited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audio {
    /// From `c=` and the port. Unspecified or port 9 where only candidates count.
    pub address: SocketAddr,
    /// The transport.
    pub protocol: Protocol,
    /// What of the formats we understand, in the peer's order of preference.
    pub formats: Vec<Format>,
    /// As seen from who wrote the description.
    pub direction: Direction,
    /// `a=ptime` in milliseconds.
    pub ptime: Option<u16>,
    /// Where RTCP goes.
    pub rtcp: Rtcp,
    /// `a=rtcp-xr`
    pub extended_reports: ExtendedReports,
    /// `a=mid`
    pub mid: Option<String>,
    /// `a=ssrc` of the first source.
    pub ssrc: Option<Ssrc>,
    /// `a=fingerprint` and `a=setup`.
    pub dtls: Option<Dtls>,
    /// `a=ice-ufrag` and the rest.
    pub ice: Option<Ice>,
    /// The `a=crypto` lines that are understood, in order.
    pub crypto: Vec<Crypto>,
}

/// The transport of an audio m-line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `RTP/AVP`, without protection (RFC 3551).
    Avp,
    /// `RTP/AVPF` (RFC 4585).
    Avpf,
    /// `RTP/SAVP` (RFC 3711).
    Savp,
    /// `RTP/SAVPF` (RFC 5124).
    Savpf,
    /// `UDP/TLS/RTP/SAVP` (RFC 5764).
    DtlsSavp,
    /// `UDP/TLS/RTP/SAVPF` (RFC 5764).
    DtlsSavpf,
}

impl Protocol {
    /// The m-line's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avp => "RTP/AVP",
            Self::Avpf => "RTP/AVPF",
            Self::Savp => "RTP/SAVP",
            Self::Savpf => "RTP/SAVPF",
            Self::DtlsSavp => "UDP/TLS/RTP/SAVP",
            Self::DtlsSavpf => "UDP/TLS/RTP/SAVPF",
        }
    }

    /// Where the keys come from.
    pub fn security(self) -> Security {
        match self {
            Self::Avp | Self::Avpf => Security::None,
            Self::Savp | Self::Savpf => Security::Sdes,
            Self::DtlsSavp | Self::DtlsSavpf => Security::Dtls,
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [
            Self::Avp,
            Self::Avpf,
            Self::Savp,
            Self::Savpf,
            Self::DtlsSavp,
            Self::DtlsSavpf,
        ]
        .into_iter()
        .find(|protocol| protocol.name().eq_ignore_ascii_case(name))
    }
}

/// How a transport is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// `RTP/AVP`.
    None,
    /// `RTP/SAVP` with the keys in the description (RFC 4568).
    Sdes,
    /// DTLS-SRTP (RFC 5764).
    Dtls,
}

/// A payload type and what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// The number on the wire.
    pub payload_type: PayloadType,
    /// Its meaning.
    pub encoding: Encoding,
}

/// What we can relay or transcode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Speech.
    Audio(AudioCodec),
    /// Digits (RFC 4733), at the clock rate of the audio that they come between.
    TelephoneEvent(ClockRate),
    /// What silence sounds like (RFC 3389), at 8 kHz.
    ComfortNoise,
}

impl Encoding {
    /// What its timestamps tell the time by; those of events stand still.
    pub(crate) fn timed_by(self) -> Option<ClockRate> {
        match self {
            Self::Audio(codec) => Some(codec.clock()),
            Self::TelephoneEvent(_) => None,
            Self::ComfortNoise => Some(ClockRate::Khz8),
        }
    }
}

/// `a=sendrecv` and its siblings (RFC 8866 §6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    /// The attribute's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// The same stream seen from its other end.
    pub fn mirrored(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            same @ (Self::SendRecv | Self::Inactive) => same,
        }
    }

    /// What is left of it where no more than `limit` is wanted.
    pub fn within(self, limit: Self) -> Self {
        match (
            self.sends() && limit.sends(),
            self.receives() && limit.receives(),
        ) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Whether who wrote it sends.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether who wrote it wants to receive.
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    fn from_name(name: &str) -> Option<Self> {
        [
            Self::SendRecv,
            Self::SendOnly,
            Self::RecvOnly,
            Self::Inactive,
        ]
        .into_iter()
        .find(|direction| direction.name() == name)
    }
}

/// Where RTCP goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rtcp {
    /// The RTP port (RFC 5761).
    Mux,
    /// A port of its own: `a=rtcp` (RFC 3605), or the one after RTP's.
    Separate(SocketAddr),
}

/// Which extended reports (RFC 3611) are asked for, of those that are known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ExtendedReports {
    NotAsked,
    VoipMetrics,
}

/// The DTLS parameters (RFC 8122, RFC 4145).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dtls {
    /// `sha-256` when the peer gave one.
    pub fingerprint: Fingerprint,
    /// Who opens the connection.
    pub setup: Setup,
}

/// The hash of a certificate (RFC 8122 §5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// Lower case, such as `sha-256`.
    pub hash: String,
    /// The digest.
    pub digest: Vec<u8>,
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.hash)?;
        for (n, octet) in self.digest.iter().enumerate() {
            let separator = if n == 0 { "" } else { ":" };
            write!(f, "{separator}{octet:02X}")?;
        }
        Ok(())
    }
}

/// `a=setup` (RFC 4145 §4, RFC 5763 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Setup {
    Active,
    Passive,
    ActPass,
}

impl Setup {
    /// The attribute's value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::ActPass => "actpass",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Active, Self::Passive, Self::ActPass]
            .into_iter()
            .find(|setup| setup.name().eq_ignore_ascii_case(name))
    }
}

/// The ICE parameters (RFC 8839).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ice {
    /// `a=ice-ufrag`
    pub ufrag: String,
    /// `a=ice-pwd`
    pub password: String,
    /// Component 1's candidates, each from `candidate:` on.
    pub candidates: Vec<String>,
    /// `a=ice-lite`
    pub implementation: IceImplementation,
}

/// Full or lite (RFC 8445 §2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum IceImplementation {
    Full,
    Lite,
}

impl Description {
    /// The m-line that the leg carries.
    ///
    /// # Errors
    ///
    /// [`SdpError::NoAudio`]
    pub fn audio(&self) -> Result<&Audio, SdpError> {
        self.media
            .iter()
            .find_map(|media| match media {
                Media::Audio(audio) => Some(audio),
                Media::Refused { .. } => None,
            })
            .ok_or(SdpError::NoAudio)
    }
}

/// Why a description isn't taken, by who was wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// The text breaks the grammar.
    #[error("the session description is malformed: {0}")]
    Malformed(String),
    /// No audio m-line with a port.
    #[error("the session description has no audio")]
    NoAudio,
    /// No audio codec in common.
    #[error("the session description offers no audio codec that is enabled here")]
    NoCodec,
    /// DTLS without a certificate's hash.
    #[error("the session description has DTLS media but no fingerprint")]
    NoFingerprint,
    /// DTLS media without ICE credentials.
    #[error("the session description has no ICE credentials")]
    NoIce,
    /// Legal, but nothing that is done here.
    #[error("the session description asks for what isn't supported: {0}")]
    Unsupported(String),
    /// No port is free, or the worker is at its limit.
    #[error("no media resources are left: {0}")]
    Exhausted(String),
    /// A bug of ours; the leg is gone.
    #[error("the description couldn't be handled")]
    Internal,
    /// Our own caller broke the order of calls.
    #[error("the description doesn't fit the leg's state: {0}")]
    Misuse(String),
}

/// The port of an address where only candidates count (RFC 8839 §4.2.1).
pub(crate) const DISCARD_PORT: u16 = 9;

/// "No address": `c=IN IP4 0.0.0.0` is the old way to hold (RFC 3264 §8.4). A group is no peer, and
/// sending to one would make us somebody's amplifier.
pub(crate) fn is_unusable(address: SocketAddr) -> bool {
    let ip = address.ip();
    let group = ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST);
    ip.is_unspecified() || group || address.port() == DISCARD_PORT
}

/// `IN IP4 …` or `IN IP6 …` (RFC 8866 §5.7).
struct Connection(IpAddr);

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(ip) => write!(f, "IN IP4 {ip}"),
            IpAddr::V6(ip) => write!(f, "IN IP6 {ip}"),
        }
    }
}

#[cfg(test)]
mod tests;
