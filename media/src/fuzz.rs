//! The bodies of the fuzz targets: whatever comes from the network, nothing panics, and what the
//! parsers say holds together. Here for a fuzzer and for the tests alone.

#[cfg(test)]
mod smoke;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::codec::AudioCodec;
use crate::engine::{Protocol, SocketKey};
use crate::leg::description::Local;
use crate::leg::path::{Path, Plain, SourceLock};
use crate::leg::{Drawn, Leg, Notice};
use crate::prompt::Prompt;
use crate::rtcp::{self, Ntp};
use crate::rtp::framing::Frames;
use crate::rtp::{self, Header};
use crate::sdp::crypto::MasterKey;
use crate::sdp::negotiate::examine_offer;
use crate::sdp::{Description, browser};
use crate::stun;

/// A description: what is read is written so that it is read again, and any offer is answered or
/// refused.
pub fn sdp(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let _ = browser::fit_answer(&text, &text);
    let Ok(description) = text.parse::<Description>() else {
        return;
    };
    let written = description.to_string();
    let again: Description = written.parse().expect("what we write is legal");
    assert_eq!(again.to_string(), written);
    let now = Instant::now();
    let mut leg = leg(now);
    let answered = leg.answer(&description, &local(), &CODECS, now);
    if let Ok((answer, _)) = answered {
        assert_eq!(examine_offer(&text, &CODECS), Ok(()));
        assert_eq!(answer.media.len(), description.media.len());
        let answer: Description = answer.to_string().parse().expect("our answer is legal");
        answer.audio().expect("it has the audio");
        let _ = leg.offer(&local(), &CODECS).to_string();
        let _ = leg.accept_answer(&description, &local(), &CODECS, now);
    }
}

/// Datagrams to a plain leg, each with its length before it: they are relayed to another one in the
/// room that a slot has.
pub fn rtp(input: &[u8]) {
    let now = Instant::now();
    let (mut from, mut to) = (described(now), described(now));
    for (n, datagram) in datagrams(input).enumerate() {
        let now = now + Duration::from_millis(20 * n as u64);
        let mut slot = [0; 2_048];
        let length = datagram.len().min(1_500);
        slot[..length].copy_from_slice(&datagram[..length]);
        if let Ok(header) = Header::parse(&slot[..length]) {
            assert!(header.length <= length);
            if let Ok(payload) = rtp::payload(&slot[..length]) {
                assert!(header.length <= payload.start && payload.end <= length);
            }
        }
        let sent = crate::bridge::relay(&mut from, &mut to, &mut slot, length, peer(), now);
        if let Ok((range, _)) = sent {
            let header = Header::parse(&slot[range]).expect("what we send is RTP");
            assert_eq!(header.length, Header::FIXED);
        }
        from.handle_timeout(now);
        from.notices.clear();
    }
    let _ = from.quality(now);
}

/// Compounds to a leg that sends and hears.
pub fn rtcp(input: &[u8]) {
    let now = Instant::now();
    let mut leg = described(now);
    for (n, datagram) in datagrams(input).enumerate() {
        let now = now + Duration::from_millis(100 * n as u64);
        assert!(rtcp::read(datagram).count() <= datagram.len() / 4);
        let mut packet = datagram.to_vec();
        let _ = leg.handle_rtcp(&mut packet, peer(), Ntp(n as u64), now);
        let _ = leg.quality(now);
        leg.notices.clear();
    }
}

/// A datagram at the shared socket: which protocol it is of, and what of STUN is read.
pub fn stun(input: &[u8]) {
    let _ = Protocol::of(input);
    let _ = stun::Stun::of(input);
    if let Some(ufrag) = stun::local_ufrag(input) {
        assert!(ufrag.len() <= input.len() && !ufrag.contains(':'));
    }
}

/// A stream of framed packets: the first octet says how it is cut into pieces, which changes nothing.
pub fn framing(input: &[u8]) {
    let Some((&cut, stream)) = input.split_first() else {
        return;
    };
    let (whole, pieces) = (
        framed(stream, usize::MAX),
        framed(stream, usize::from(cut) + 1),
    );
    assert_eq!(whole, pieces);
    let octets: usize = whole.iter().map(|packet| packet.len() + 2).sum();
    assert!(octets <= stream.len());
}

fn framed(mut stream: &[u8], cut: usize) -> Vec<Vec<u8>> {
    let (mut frames, mut packets) = (Frames::default(), Vec::new());
    while !stream.is_empty() {
        let room = frames.room();
        let fits = cut.min(stream.len()).min(room.len());
        assert!(fits > 0, "whole frames were taken, so there is room");
        room[..fits].copy_from_slice(&stream[..fits]);
        frames.advance(fits);
        stream = &stream[fits..];
        loop {
            match frames.take() {
                Ok(Some(packet)) => packets.push(packet.to_vec()),
                Ok(None) => break,
                Err(_) => return packets,
            }
        }
    }
    packets
}

/// Telephone-events, six octets each: how far the timestamp moved, then the payload. There are no
/// more digits than events, and in the end each has been told.
pub fn event(input: &[u8]) {
    let mut now = Instant::now();
    let mut leg = described(now);
    let mut timestamp = 0u32;
    let (mut events, mut told) = (0, 0);
    for (n, part) in input.chunks_exact(6).enumerate() {
        timestamp = timestamp.wrapping_add(u32::from(u16::from_be_bytes([part[0], part[1]])));
        now += Duration::from_millis(20);
        // Audio comes between, now and then.
        let (payload_type, payload) = match part[2] {
            0xff => (8, &part[3..]),
            _ => (101, &part[2..]),
        };
        let mut slot = [0; 64];
        slot[..2].copy_from_slice(&[0x80, payload_type]);
        slot[2..4].copy_from_slice(&(n as u16).to_be_bytes());
        slot[4..8].copy_from_slice(&timestamp.to_be_bytes());
        slot[12..12 + payload.len()].copy_from_slice(payload);
        events += 1;
        let _ = leg.open(&mut slot, 12 + payload.len(), peer(), now);
        leg.handle_timeout(now);
        told += digits(&mut leg);
    }
    leg.handle_timeout(now + Duration::from_secs(1));
    told += digits(&mut leg);
    assert!(told <= events, "{told} digits of {events} events");
    assert_eq!(leg.digit_due(), None);
}

/// A prompt's file.
pub fn wav(input: &[u8]) {
    if let Ok(prompt) = Prompt::from_wav(input) {
        assert!(prompt.duration() > Duration::ZERO && prompt.duration() <= Prompt::LONGEST);
    }
}

fn digits(leg: &mut Leg) -> usize {
    let told = leg.notices.drain(..);
    told.filter(|notice| matches!(notice, Notice::Digit { .. }))
        .count()
}

/// Datagrams of which each has its length before it, in two octets.
fn datagrams(mut input: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = input.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
        let (datagram, rest) = rest.split_at(length);
        input = rest;
        Some(datagram)
    })
}

/// A plain leg that has answered an offer.
fn described(now: Instant) -> Leg {
    let mut leg = leg(now);
    let offer = "v=0\r\no=- 1 1 IN IP4 198.51.100.9\r\ns=-\r\nc=IN IP4 198.51.100.9\r\nt=0 0\r\n\
                 m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n\
                 a=rtcp-mux\r\n";
    let offer = offer.parse().expect("legal");
    leg.answer(&offer, &local(), &CODECS, now)
        .expect("an answer");
    leg
}

fn leg(now: Instant) -> Leg {
    let path = Path::Plain(Plain {
        rtp: SocketKey(2),
        rtcp: SocketKey(3),
        port: 40_000,
        source: SourceLock::Open,
        former: None,
        remote: None,
        remote_rtcp: None,
    });
    let drawn = Drawn {
        ssrc: 1,
        sequence: 1,
        timestamp: 1,
        session: 2,
        masters: [MasterKey([1; 30]), MasterKey([2; 30])],
        report_phase: 0,
    };
    Leg::new(path, drawn, now)
}

fn local() -> Local {
    Local {
        address: SocketAddr::from(([198, 51, 100, 1], 40_000)),
        credentials: None,
    }
}

fn peer() -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 9], 4_000))
}

const CODECS: [AudioCodec; 2] = [AudioCodec::Pcma, AudioCodec::Pcmu];
