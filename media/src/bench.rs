//! What the benches drive: bridges without sockets, their peers in the caller's hands. Not part of the interface.
//!
//! A bridge here is what a worker has of a call: two legs, each in a box of its own, with keys as a handshake would have
//! exported them.

mod recoded;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use crate::bridge;
use crate::codec::AudioCodec;
pub use crate::engine::Timers;
use crate::engine::{SocketKey, prefetch};
use crate::leg::description::Local;
use crate::leg::path::{Path, Plain, Setup, SourceLock, WebRtc};
use crate::leg::{Drawn, Leg, LegKind};
use crate::peer::{Credentials, Peer};
use crate::rtp::{Header, PayloadType, Ssrc};
use crate::sdp::crypto::MasterKey;
use crate::srtp::Sender;
use crate::srtp::cipher::EXPANSION;
use crate::srtp::keys::{DtlsRole, KeyingMaterial, Profile};
pub use recoded::Recoded;

/// How a leg's packets are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// RTP/AVP.
    Clear,
    /// AEAD_AES_256_GCM, as browsers choose it.
    Gcm,
    /// AES_CM_128_HMAC_SHA1_80, as trunks and older media servers do.
    CounterMode,
}

/// The pairs that are worth measuring, by name.
pub const PAIRS: [(&str, Protection, Protection); 5] = [
    ("rtp-rtp", Protection::Clear, Protection::Clear),
    ("gcm-gcm", Protection::Gcm, Protection::Gcm),
    ("cm-cm", Protection::CounterMode, Protection::CounterMode),
    ("rtp-gcm", Protection::Clear, Protection::Gcm),
    ("rtp-cm", Protection::Clear, Protection::CounterMode),
];

/// A packet in the slot that it is relayed in.
#[derive(Debug, Clone)]
pub struct Slot {
    octets: Vec<u8>,
    length: usize,
}

/// Two legs, and what sends to the first of them.
#[derive(Debug)]
pub struct Bridge {
    from: Box<Leg>,
    to: Box<Leg>,
    sender: Option<Sender>,
    /// Rollover counter and sequence number.
    index: u64,
}

impl Slot {
    /// An empty one.
    pub fn new() -> Self {
        Self {
            octets: vec![0; Header::FIXED + PAYLOAD + 2 * EXPANSION],
            length: 0,
        }
    }
}

impl Default for Slot {
    fn default() -> Self {
        Self::new()
    }
}

impl Bridge {
    /// A call in its talk: both legs described, keyed and with a known peer.
    pub fn new(from: Protection, to: Protection, now: Instant) -> Self {
        let sender = from.keys(DtlsRole::Client).map(|keys| Sender::new(&keys));
        let [from, to] =
            [from, to].map(|protection| Box::new(leg(protection, AudioCodec::Pcma, now)));
        Self {
            from,
            to,
            sender,
            index: 1_000,
        }
    }

    /// Writes the first peer's next packet: 20 ms of A-law.
    pub fn packet(&mut self, slot: &mut Slot) {
        self.index += 1;
        let header = Header {
            marker: false,
            payload_type: PayloadType::new(8).expect("seven bits"),
            sequence: self.index as u16,
            timestamp: (160 * self.index) as u32,
            ssrc: Ssrc(77),
            length: Header::FIXED,
        };
        header.write(slot.octets.first_chunk_mut().expect("a slot's length"));
        slot.octets[Header::FIXED..][..PAYLOAD].fill(0x55);
        let length = Header::FIXED + PAYLOAD;
        slot.length = match &self.sender {
            Some(sender) => sender
                .seal_rtp(&mut slot.octets, length, self.index)
                .expect("far from a key's last packet"),
            None => length,
        };
    }

    /// Asks for what relaying needs, as a worker does for a packet some places further on.
    #[inline]
    pub fn foresee(&self) {
        self.from.foresee(prefetch);
    }

    /// The same for the rest, once that has come.
    #[inline]
    pub fn foresee_rest(&self) {
        self.from.foresee_open(prefetch);
        self.to.foresee_seal(prefetch);
    }

    /// Relays it as a worker does; the length of what would be sent.
    ///
    /// # Panics
    ///
    /// When it isn't relayed: the bench is wrong then.
    #[inline(never)]
    pub fn relay(&mut self, slot: &mut Slot, now: Instant) -> usize {
        let (from, to) = (&mut self.from, &mut self.to);
        let (range, _) = bridge::relay(from, to, &mut slot.octets, slot.length, PEER, now)
            .expect("what the first peer sends is relayed");
        from.notices.clear();
        range.len()
    }
}

impl Protection {
    fn keys(self, role: DtlsRole) -> Option<KeyingMaterial> {
        let profile = match self {
            Self::Clear => return None,
            Self::Gcm => Profile::AeadAes256Gcm,
            Self::CounterMode => Profile::AesCm128HmacSha1_80,
        };
        let length = 2 * (profile.key_length() + profile.salt_length());
        KeyingMaterial::new((0..length as u8).collect(), profile, role)
    }
}

fn leg(protection: Protection, codec: AudioCodec, now: Instant) -> Leg {
    let credentials = Credentials {
        ufrag: "ours".into(),
        password: "abcdefghijklmnopqrstuvwx".into(),
    };
    let path = match protection {
        Protection::Clear => Path::Plain(Plain {
            rtp: SocketKey(2),
            rtcp: SocketKey(3),
            port: 40_000,
            source: SourceLock::Open,
            remote: None,
            remote_rtcp: None,
            former: None,
        }),
        Protection::Gcm | Protection::CounterMode => Path::WebRtc(WebRtc {
            kind: LegKind::Provider,
            peer: Peer::provider(OURS, credentials.clone(), now),
            socket: SocketKey(1),
            destination: None,
            setup: Setup::NotBegun,
        }),
    };
    let drawn = Drawn {
        ssrc: 0x1000,
        sequence: 100,
        timestamp: 5_000,
        session: 1,
        report_phase: 0,
        masters: [MasterKey([1; 30]), MasterKey([2; 30])],
    };
    let local = Local {
        address: OURS,
        credentials: Some(credentials),
    };
    let mut leg = Leg::new(path, drawn, now);
    let offer = offer(protection, codec).parse().expect("an offer");
    leg.answer(&offer, &local, &[codec], now)
        .expect("an answer");
    if let Some(keys) = protection.keys(DtlsRole::Server) {
        leg.set_keys(&keys, now);
    }
    leg.path.latch(PEER, now);
    leg
}

fn offer(protection: Protection, codec: AudioCodec) -> String {
    let protocol = match protection {
        Protection::Clear => "RTP/AVP",
        Protection::Gcm | Protection::CounterMode => "UDP/TLS/RTP/SAVPF",
    };
    let (format, clock) = (recoded::payload_type(codec), codec.clock().hertz());
    let digest = ["AB"; 32].join(":");
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio 40002 {protocol} {format} 101\r\na=rtpmap:101 telephone-event/{clock}\r\n\
         a=rtpmap:111 opus/48000/2\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=rtcp-mux\r\n\
         a=fingerprint:sha-256 {digest}\r\na=setup:actpass\r\na=sendrecv\r\n"
    )
}

/// 20 ms at 8 kHz, coded.
const PAYLOAD: usize = 160;
const OURS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 40_000);
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 40_002);
