//! `[media]`: addresses, ports, workers and codecs of the audio.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;

use media::IceTcp;

use super::error::Fault;
use super::scalar::Scalar;
use super::table::Table;
use super::turn::Turn;

/// Where audio comes in and goes out.
#[derive(Debug, Clone, PartialEq)]
pub struct Media {
    /// The address that peers are told.
    pub public_ip: IpAddr,
    /// The address that is bound; `public_ip` when absent. They differ behind a one-to-one NAT.
    pub bind_ip: Option<IpAddr>,
    /// The UDP port of the first worker's WebRTC legs; the next workers take the next ports. 0: the system chooses.
    pub webrtc_port: u16,
    /// Whether browsers without UDP may connect to the same ports by TCP.
    pub ice_tcp: IceTcp,
    /// What browsers are told beside: relays for networks that let nothing but those through.
    pub turn: Vec<Turn>,
    /// Ports of the trunk legs.
    pub rtp_ports: RangeInclusive<u16>,
    /// 0: one a core.
    pub workers: usize,
    /// Whether each worker stays on a core of its own.
    pub pinning: Pinning,
    /// In the order that they are offered. Absent: G.711, and what else a peer insists on.
    pub codecs: Option<Vec<Codec>>,
}

/// An audio codec by its name in SDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    Pcma,
    Pcmu,
    G722,
    Opus,
}

/// Where the workers run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pinning {
    /// Each on a core of its own, if there are enough.
    Cores,
    /// Where the system likes: for several gateways on one machine.
    Off,
}

/// A list of codecs, here, of a trunk or of an agent.
pub(super) fn codecs(table: &Table<'_>) -> Result<Option<Vec<Codec>>, Fault> {
    let codecs: Option<Vec<Codec>> = table.list("codecs")?;
    if codecs.as_ref().is_some_and(Vec::is_empty) {
        return Err(table.fault("codecs", "must name at least one codec"));
    }
    Ok(codecs)
}

impl Media {
    pub(super) const KEYS: &[&str] = &[
        "public_ip",
        "bind_ip",
        "webrtc_port",
        "webrtc_tcp",
        "turn",
        "rtp_ports",
        "workers",
        "pinning",
        "codecs",
    ];

    pub(super) fn read(table: Table<'_>) -> Result<Self, Fault> {
        let default = Self::default();
        let rtp_ports = table.or("rtp_ports", default.rtp_ports)?;
        if rtp_ports.len() < 2 {
            return Err(table.fault("rtp_ports", "must hold at least two ports: RTP and RTCP"));
        }
        let codecs = codecs(&table)?;
        let public_ip: IpAddr = table.or("public_ip", default.public_ip)?;
        if public_ip.is_unspecified() {
            return Err(table.fault(
                "public_ip",
                "is told to the peers and must be one that they can reach; bind_ip may be unspecified",
            ));
        }
        Ok(Self {
            public_ip,
            bind_ip: table.optional("bind_ip")?,
            webrtc_port: table.or("webrtc_port", default.webrtc_port)?,
            ice_tcp: match table.or("webrtc_tcp", true)? {
                true => IceTcp::Passive,
                false => IceTcp::Off,
            },
            turn: table.every("turn", Turn::KEYS, Turn::read)?,
            rtp_ports,
            workers: table.or("workers", default.workers)?,
            pinning: table.or("pinning", default.pinning)?,
            codecs,
        })
    }
}

impl Default for Media {
    fn default() -> Self {
        Self {
            public_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            bind_ip: None,
            webrtc_port: WEBRTC_PORT,
            ice_tcp: IceTcp::Passive,
            turn: Vec::new(),
            rtp_ports: RTP_PORTS,
            workers: 0,
            pinning: Pinning::Cores,
            codecs: None,
        }
    }
}

impl Scalar for Pinning {
    const SHAPE: &'static str = "one of \"cores\", \"off\"";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "cores" => Some(Self::Cores),
            "off" => Some(Self::Off),
            _ => None,
        }
    }
}

impl Scalar for Codec {
    const SHAPE: &'static str = "one of \"PCMA\", \"PCMU\", \"G722\", \"opus\"";

    fn from_text(text: &str) -> Option<Self> {
        // Encoding names compare without case (RFC 4855 §3).
        match text.to_ascii_lowercase().as_str() {
            "pcma" => Some(Self::Pcma),
            "pcmu" => Some(Self::Pcmu),
            "g722" => Some(Self::G722),
            "opus" => Some(Self::Opus),
            _ => None,
        }
    }
}

/// Fixed, so that a firewall can name it; beside the RTP range and below Linux's ephemeral ports (32768 up).
const WEBRTC_PORT: u16 = 30_000;

/// Five thousand trunk legs.
const RTP_PORTS: RangeInclusive<u16> = 20_000..=29_999;
