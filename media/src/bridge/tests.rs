//! The packet path without sockets: what is relayed, what isn't, and that it allocates nothing.

mod copies;
mod prompt;
mod recode;
mod tapped;

use std::time::{Duration, Instant};

use super::{allocations, relay};
use crate::codec::AudioCodec;
use crate::engine::{Mute, SocketKey};
use crate::leg::description::Local;
use crate::leg::path::{Path, Plain, Setup, SourceLock, WebRtc};
use crate::leg::{Discard, Drawn, Leg, LegKind, Notice};
use crate::peer::{Credentials, Peer};
use crate::rtp::{Header, PayloadType, Ssrc};
use crate::srtp::cipher::EXPANSION;
use crate::srtp::keys::{DtlsRole, KeyingMaterial, Profile};
use crate::srtp::{Receiver, Sender};

#[test]
fn a_payload_of_the_same_codec_arrives_bit_by_bit() {
    let mut from = Side::new(Some(Profile::AeadAes256Gcm), "8 101", 1);
    let mut to = Side::new(Some(Profile::AesCm128HmacSha1_80), "8 101", 2);
    let (header, payload) = from.relayed(&mut to, 7).expect("relayed");
    assert_eq!(payload, speech());
    assert_eq!(header.payload_type.value(), 8);
    assert!(header.marker, "a line begins with a talkspurt");
    let (next, _) = from.relayed(&mut to, 9).expect("relayed");
    assert_eq!(
        next.sequence,
        header.sequence.wrapping_add(2),
        "a gap stays"
    );
    assert_eq!(next.timestamp, header.timestamp.wrapping_add(320));
    assert_eq!(next.ssrc, header.ssrc);
}

#[test]
fn codecs_meet_by_table_and_digits_keep_their_payload() {
    let mut from = Side::new(None, "0 101", 1);
    let mut to = Side::new(None, "8 96", 2);
    let (header, payload) = from.relayed(&mut to, 1).expect("relayed");
    let mut expected = speech();
    crate::codec::g711::transcode(&mut expected, AudioCodec::Pcmu, AudioCodec::Pcma);
    assert_eq!((header.payload_type.value(), payload), (8, expected));

    from.payload_type = 101;
    from.payload = vec![5, 0x80, 3, 32];
    let (header, payload) = from.relayed(&mut to, 2).expect("relayed");
    assert_eq!(
        (header.payload_type.value(), payload),
        (96, vec![5, 0x80, 3, 32])
    );
    let digit = Notice::Digit {
        digit: '5',
        duration: Duration::from_millis(100),
    };
    assert!(from.leg.notices.contains(&digit));
}

#[test]
fn what_is_muted_leaves_no_gap() {
    let mut from = Side::new(None, "8", 1);
    let mut to = Side::new(None, "8", 2);
    let (before, _) = from.relayed(&mut to, 1).expect("relayed");
    from.leg.set_mute(Mute::On);
    assert_eq!(from.relayed(&mut to, 2), Err(Discard::Muted));
    from.leg.set_mute(Mute::Off);
    let (after, _) = from.relayed(&mut to, 3).expect("relayed");
    assert_eq!(after.sequence, before.sequence.wrapping_add(1));
    assert!(after.marker);
}

#[test]
fn comfort_noise_is_a_sign_of_life_that_ends_a_talkspurt() {
    let mut from = Side::new(None, "8", 1);
    let mut to = Side::new(None, "8", 2);
    let (before, _) = from.relayed(&mut to, 1).expect("relayed");
    (from.payload_type, from.payload) = (13, vec![40]);
    from.now += Duration::from_secs(14);
    assert_eq!(from.relayed(&mut to, 2), Err(Discard::NotNegotiated));
    from.now += Duration::from_secs(14);
    from.leg.handle_timeout(from.now);
    let lost = |notice: &Notice| matches!(notice, Notice::Lost(_));
    assert!(!from.leg.notices.iter().any(lost));
    (from.payload_type, from.payload) = (8, speech());
    let (after, _) = from.relayed(&mut to, 3).expect("relayed");
    assert_eq!(after.sequence, before.sequence.wrapping_add(1));
    assert!(after.marker);
    assert_eq!(after.timestamp.wrapping_sub(before.timestamp), 28 * 8_000);
}

#[test]
fn a_leg_on_hold_is_sent_nothing() {
    let mut from = Side::new(None, "8", 1);
    let mut to = Side::new(None, "8", 2);
    to.describe("8", "sendonly");
    assert_eq!(from.relayed(&mut to, 1), Err(Discard::OnHold));
    to.describe("8", "sendrecv");
    assert!(from.relayed(&mut to, 2).is_ok());
}

#[test]
fn a_forged_or_repeated_packet_is_refused() {
    let mut from = Side::new(Some(Profile::AeadAes256Gcm), "8", 1);
    let mut to = Side::new(None, "8", 2);
    let mut slot = vec![0; 2_048];
    let length = from.packet(1, &mut slot);
    let mut again = slot.clone();
    slot[40] ^= 1;
    let source = from.source();
    let forged = relay(
        &mut from.leg,
        &mut to.leg,
        &mut slot,
        length,
        source,
        from.now,
    );
    assert_eq!(forged, Err(Discard::Forged));
    let mut copy = again.clone();
    assert!(
        relay(
            &mut from.leg,
            &mut to.leg,
            &mut again,
            length,
            source,
            from.now
        )
        .is_ok()
    );
    let repeated = relay(
        &mut from.leg,
        &mut to.leg,
        &mut copy,
        length,
        source,
        from.now,
    );
    assert_eq!(repeated, Err(Discard::Replayed));
}

/// A leg with its peer on the other end.
struct Side {
    leg: Leg,
    profile: Option<Profile>,
    sender: Option<Sender>,
    receiver: Option<Receiver>,
    number: u16,
    payload_type: u8,
    payload: Vec<u8>,
    formats: String,
    /// Packets of the tests that number them by themselves.
    sent: u16,
    now: Instant,
}

impl Side {
    /// A leg that has answered an offer of `formats`, the first one being the codec.
    fn new(profile: Option<Profile>, formats: &str, number: u16) -> Self {
        let Some(profile) = profile else {
            let path = Path::Plain(Plain {
                rtp: SocketKey(2),
                rtcp: SocketKey(3),
                port: 40_000,
                source: SourceLock::Open,
                former: None,
                remote: None,
                remote_rtcp: None,
            });
            return Self::on(path, formats, number);
        };
        let mut side = Self::without_keys(formats, number);
        let keys = |role| keys(profile, number, role);
        side.leg.set_keys(&keys(DtlsRole::Server), side.now);
        side.profile = Some(profile);
        side.sender = Some(Sender::new(&keys(DtlsRole::Client)));
        side.receiver = Some(Receiver::new(&keys(DtlsRole::Client)));
        side.leg.path.latch(side.source(), side.now);
        side
    }

    /// The same before its handshake.
    fn without_keys(formats: &str, number: u16) -> Self {
        let path = Path::WebRtc(WebRtc {
            kind: LegKind::Provider,
            peer: Peer::provider(local().address, credentials(), Instant::now()),
            socket: SocketKey(1),
            destination: None,
            setup: Setup::NotBegun,
        });
        Self::on(path, formats, number)
    }

    fn on(path: Path, formats: &str, number: u16) -> Self {
        let now = Instant::now();
        let drawn = Drawn {
            ssrc: 0x1000 + u32::from(number),
            sequence: 100,
            timestamp: 5_000,
            session: 1,
            report_phase: 0,
            masters: [
                crate::sdp::crypto::MasterKey([1; 30]),
                crate::sdp::crypto::MasterKey([2; 30]),
            ],
        };
        let first = formats.split(' ').next();
        let mut side = Self {
            leg: Leg::new(path, drawn, now),
            profile: None,
            sender: None,
            receiver: None,
            number,
            payload_type: first
                .and_then(|first| first.parse().ok())
                .expect("a payload type"),
            payload: speech(),
            formats: formats.to_owned(),
            sent: 0,
            now,
        };
        side.describe(formats, "sendrecv");
        side
    }

    fn describe(&mut self, formats: &str, direction: &str) {
        let protocol = match self.leg.path {
            Path::WebRtc(_) => "UDP/TLS/RTP/SAVPF",
            Path::Plain(_) => "RTP/AVP",
        };
        let events = formats.split(' ').nth(1).unwrap_or("101");
        let clock = if formats.starts_with("111") {
            48_000
        } else {
            8_000
        };
        let digest = ["AB"; 32].join(":");
        let offer = format!(
            "v=0\r\no=- 1 1 IN IP4 198.51.100.9\r\ns=-\r\nc=IN IP4 198.51.100.9\r\nt=0 0\r\n\
             m=audio 400{} {protocol} {formats}\r\na=rtpmap:{events} telephone-event/{clock}\r\n\
             a=rtpmap:111 opus/48000/2\r\n\
             a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=rtcp-mux\r\n\
             a=fingerprint:sha-256 {digest}\r\na=setup:actpass\r\na={direction}\r\n",
            self.number,
        );
        let offer = offer.parse().expect("an offer");
        self.leg
            .answer(&offer, &local(), &AudioCodec::ALL, self.now)
            .expect("an answer");
    }

    fn source(&self) -> std::net::SocketAddr {
        let address = format!("198.51.100.9:400{}", self.number);
        address.parse().expect("an address")
    }

    /// Writes the peer's `n`th packet into `slot`.
    fn packet(&mut self, n: u16, slot: &mut [u8]) -> usize {
        let header = Header {
            marker: false,
            payload_type: PayloadType::new(self.payload_type).expect("seven bits"),
            sequence: 1_000 + n,
            timestamp: if self.payload_type == 111 { 960 } else { 160 } * u32::from(n),
            ssrc: Ssrc(77),
            length: Header::FIXED,
        };
        header.write(slot.first_chunk_mut().expect("a slot"));
        let length = Header::FIXED + self.payload.len();
        slot[Header::FIXED..length].copy_from_slice(&self.payload);
        match &self.sender {
            Some(sender) => sender
                .seal_rtp(slot, length, header.sequence.into())
                .expect("a key"),
            None => length,
        }
    }

    fn relay_to(&mut self, to: &mut Self, n: u16, slot: &mut [u8]) -> Result<Vec<u8>, Discard> {
        let length = self.packet(n, slot);
        assert!(slot.len() >= length + EXPANSION);
        let source = self.source();
        let (range, destination) =
            relay(&mut self.leg, &mut to.leg, slot, length, source, self.now)?;
        assert_eq!(destination, to.source());
        Ok(slot[range].to_vec())
    }

    /// What the other side's peer gets of our peer's `n`th packet.
    fn relayed(&mut self, to: &mut Self, n: u16) -> Result<(Header, Vec<u8>), Discard> {
        let mut slot = vec![0; 2_048];
        let mut packet = self.relay_to(to, n, &mut slot)?;
        let header = Header::parse(&packet).expect("a packet of ours");
        let length = match &mut to.receiver {
            Some(receiver) => receiver.open_rtp(&mut packet, &header).expect("authentic"),
            None => packet.len(),
        };
        Ok((header, packet[header.length..length].to_vec()))
    }
}

fn local() -> Local {
    Local {
        address: "198.51.100.1:40000".parse().expect("an address"),
        credentials: Some(credentials()),
    }
}

fn credentials() -> Credentials {
    Credentials {
        ufrag: "ours".into(),
        password: "abcdefghijklmnopqrstuvwx".into(),
    }
}

/// What a handshake of side `number` would have exported.
fn keys(profile: Profile, number: u16, role: DtlsRole) -> KeyingMaterial {
    let length = 2 * (profile.key_length() + profile.salt_length());
    let exported = (0..length as u8).map(|n| n ^ number as u8).collect();
    KeyingMaterial::new(exported, profile, role).expect("the length fits")
}

fn speech() -> Vec<u8> {
    (0..160).map(|n| (n * 7) as u8).collect()
}
