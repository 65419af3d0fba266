//! A leg in virtual time: what only the passing of time does.

mod descriptions;
mod sdes;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::description::{Local, Restart};
use super::liveness::SILENCE;
use super::path::{Path, Plain, Setup, SourceLock, WebRtc};
use super::*;
use crate::codec::AudioCodec;
use crate::engine::SocketKey;
use crate::peer::{Credentials, Peer};
use crate::quality::Mos;
use crate::rtcp::{COMPOUND, Farewell, Item, Ntp};
use crate::rtp::PayloadType;
use crate::sdp::Description;

#[test]
fn a_plain_peer_that_falls_silent_is_lost_and_recovers() {
    let (mut leg, now) = answered("sendrecv");
    hear(&mut leg, 1, now);
    assert_eq!(told(&mut leg), [Notice::Connected, Notice::Heard]);
    leg.handle_timeout(now + SILENCE - Duration::from_millis(1));
    assert_eq!(told(&mut leg), []);
    leg.handle_timeout(now + SILENCE);
    let silent = LegLost::Silent { r#for: SILENCE };
    assert_eq!(told(&mut leg), [Notice::Lost(silent)]);
    leg.handle_timeout(now + 3 * SILENCE);
    assert_eq!(told(&mut leg), [], "told once");
    hear(&mut leg, 2, now + 3 * SILENCE);
    assert_eq!(told(&mut leg), [Notice::Recovered]);
}

#[test]
fn a_silence_doesnt_hide_that_the_path_broke() {
    let (mut leg, now) = answered("sendrecv");
    hear(&mut leg, 1, now);
    leg.handle_timeout(now + SILENCE);
    told(&mut leg);
    leg.lose(LegLost::IceDisconnected);
    assert_eq!(told(&mut leg), [Notice::Lost(LegLost::IceDisconnected)]);
    leg.lose(LegLost::Silent { r#for: SILENCE });
    leg.lose(LegLost::PeerClosed);
    assert_eq!(told(&mut leg), [], "told once");
    hear(&mut leg, 2, now + 2 * SILENCE);
    assert_eq!(told(&mut leg), [Notice::Recovered]);
}

#[test]
fn a_peer_that_never_speaks_is_lost_and_one_on_hold_is_not() {
    let (mut leg, now) = answered("sendrecv");
    leg.handle_timeout(now + SILENCE);
    assert!(matches!(told(&mut leg)[..], [Notice::Lost(_)]));
    let (mut held, now) = answered("recvonly");
    held.handle_timeout(now + 10 * SILENCE);
    assert_eq!(told(&mut held), []);
}

#[test]
fn a_handshake_that_does_not_come_times_out_and_no_deadline_stays_behind() {
    let now = Instant::now();
    let credentials = Credentials {
        ufrag: "ours".into(),
        password: "abcdefghijklmnopqrstuvwx".into(),
    };
    let path = Path::WebRtc(WebRtc {
        kind: LegKind::Provider,
        peer: Peer::provider(local().address, credentials.clone(), now),
        socket: SocketKey(1),
        destination: None,
        setup: Setup::NotBegun,
    });
    let mut leg = Leg::new(path, drawn(), now);
    let digest = ["AB"; 32].join(":");
    let offer = format!(
        "v=0\r\no=- 1 1 IN IP4 198.51.100.9\r\ns=-\r\nc=IN IP4 198.51.100.9\r\nt=0 0\r\n\
         m=audio 4000 UDP/TLS/RTP/SAVP 8\r\na=ice-ufrag:abcd\r\na=rtcp-mux\r\n\
         a=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=fingerprint:sha-256 {digest}\r\n",
    );
    let local = Local {
        credentials: Some(credentials),
        ..local()
    };
    let (answer, _) = leg
        .answer(&offer.parse().expect("legal"), &local, &CODECS, now)
        .expect("an answer");
    let audio = answer.audio().expect("audio");
    assert_eq!(audio.protocol.name(), "UDP/TLS/RTP/SAVP");
    assert_eq!(audio.mid, None, "only where it was offered");
    leg.handle_timeout(now + Duration::from_secs(9));
    assert_eq!(told(&mut leg), []);
    let late = now + Duration::from_secs(10);
    leg.handle_timeout(late);
    assert_eq!(told(&mut leg), [Notice::Lost(LegLost::SetupTimedOut)]);
    assert_eq!(leg.path.setup_deadline(), None);
}

#[test]
fn a_report_says_what_was_heard_and_answers_the_peers_clock() {
    let (mut leg, now) = answered("sendrecv");
    let mut out = [0; COMPOUND];
    let ntp = Ntp::from_unix(Duration::from_secs(1_700_000_000));
    let nothing = leg.write_report(&mut out, ntp, now, Farewell::Stays);
    assert_eq!(nothing, None, "nothing to say yet");
    for sequence in [1, 2, 4] {
        hear(&mut leg, sequence, now);
    }
    let sender = crate::rtcp::SenderInfo {
        ntp,
        timestamp: 0,
        packets: 3,
        octets: 480,
    };
    let mut report = [0; COMPOUND];
    let length = crate::rtcp::write(
        &mut report,
        Ssrc(77),
        Some(sender),
        None,
        None,
        Farewell::Stays,
    );
    leg.handle_rtcp(&mut report[..length], peer(), ntp, now)
        .expect("the peer's");
    let later = now + Duration::from_secs(1);
    let length = leg
        .write_report(&mut out, ntp, later, Farewell::Stays)
        .expect("something was heard");
    let items: Vec<Item> = crate::rtcp::read(&out[..length]).collect();
    let [Item::Heard(block)] = items[..] else {
        panic!("{items:?}");
    };
    assert_eq!(block.measured.cumulative_lost, 1);
    assert_eq!((block.last_report, block.delay), (ntp.middle(), 65_536));
    assert!(leg.report_due(now + Duration::from_secs(5)));
    assert!(!leg.report_due(now + Duration::from_secs(5)));
}

#[test]
fn quality_is_of_the_last_interval_in_both_directions() {
    let (mut leg, now) = answered("sendrecv");
    let nothing = leg.quality(now);
    assert_eq!((nothing.mos_received, nothing.mos_sent), (None, None));
    for sequence in (0..100).filter(|n| n % 10 != 5) {
        hear(&mut leg, sequence, now + 20 * u32::from(sequence) * MS);
    }
    let lossy = leg.quality(now).mos_received.expect("heard");
    assert_eq!(lossy, Mos::of_g711(0.1, 20 * MS));
    for sequence in 100..200 {
        hear(&mut leg, sequence, now + 20 * u32::from(sequence) * MS);
    }
    assert_eq!(
        leg.quality(now).mos_received.map(|mos| mos.to_string()),
        Some("4.41".into())
    );
    assert_eq!(leg.quality(now).mos_received, None, "nothing since");

    let block = crate::rtcp::ReportBlock {
        measured: crate::rtp::reception::Measured {
            ssrc: Ssrc(drawn().ssrc),
            fraction_lost: 64,
            cumulative_lost: 25,
            highest_sequence: 100,
            jitter: 80,
        },
        last_report: 0,
        delay: 0,
    };
    let mut report = [0; COMPOUND];
    let length = crate::rtcp::write(
        &mut report,
        Ssrc(77),
        None,
        Some(block),
        None,
        Farewell::Stays,
    );
    leg.handle_rtcp(&mut report[..length], peer(), Ntp(0), now)
        .expect("the peer's");
    let sent = leg.quality(now + 14_999 * MS).mos_sent;
    assert_eq!(sent, Some(Mos::of_g711(0.25, 40 * MS)));
    assert_eq!(
        leg.quality(now + 15_000 * MS).mos_sent,
        None,
        "too long ago"
    );
}

#[test]
fn what_was_received_and_sent_is_told_apart() {
    let (mut leg, now) = answered("sendrecv");
    leg.play(
        crate::prompt::Prompt::silence(MS),
        crate::prompt::Repeat::Once,
        now,
    );
    assert!(leg.poll_prompt(&mut [0; 256], now).is_some());
    for sequence in 0..9 {
        hear(&mut leg, sequence, now);
    }
    let (received, sent) = leg.audio(now + MS).expect("described");
    assert_eq!((received.packets, received.since_last), (9, Some(MS)));
    assert_eq!((sent.packets, sent.since_last), (1, Some(MS)));
    assert!(sent.loudest.is_some_and(|level| level < Level::SILENT));
    // Zeroes are far from silence in A-law.
    assert!(received.loudest.is_some_and(|level| level > Level::SILENT));
    let (undescribed, _) = plain(now);
    assert_eq!({ undescribed }.audio(now), None);
}

#[test]
fn a_re_offer_keeps_origin_and_port_and_counts_its_version() {
    let (mut leg, now) = answered("sendrecv");
    let answer = |leg: &mut Leg, direction| {
        let answer = leg.answer(&offer(direction), &local(), &CODECS, now);
        answer.expect("an answer").0
    };
    let held = answer(&mut leg, "sendonly");
    let resumed = answer(&mut leg, "sendrecv");
    assert!(held.to_string().contains("a=recvonly"));
    assert!(resumed.to_string().contains("a=sendrecv"));
    let origin = |description: &Description| -> Vec<String> {
        description.origin.split(' ').map(str::to_owned).collect()
    };
    assert_eq!(origin(&held)[1], origin(&resumed)[1]);
    assert_eq!((&*origin(&held)[2], &*origin(&resumed)[2]), ("2", "3"));
}

fn answered(direction: &str) -> (Leg, Instant) {
    let (mut leg, now) = plain(Instant::now());
    leg.answer(&offer(direction), &local(), &CODECS, now)
        .expect("an answer");
    (leg, now)
}

fn plain(now: Instant) -> (Leg, Instant) {
    let path = Path::Plain(Plain {
        rtp: SocketKey(2),
        rtcp: SocketKey(3),
        port: 40_000,
        source: SourceLock::Open,
        former: None,
        remote: None,
        remote_rtcp: None,
    });
    (Leg::new(path, drawn(), now), now)
}

#[test]
fn who_asks_for_voip_metrics_is_promised_them_and_gets_them() {
    for (asked, packets) in [("a=rtcp-xr:rcvr-rtt=all voip-metrics\r\n", 1), ("", 0)] {
        let (mut leg, now) = plain(Instant::now());
        let offer = format!("{}{asked}", offer("sendrecv"));
        let offer = offer.parse().expect("legal");
        let (answer, _) = leg
            .answer(&offer, &local(), &CODECS, now)
            .expect("an answer");
        assert_eq!(
            answer.to_string().contains("a=rtcp-xr:voip-metrics"),
            packets == 1
        );
        for sequence in (0..100).filter(|n| n % 20 != 7) {
            hear(&mut leg, sequence, now);
        }
        let mut out = [0; COMPOUND];
        let length = leg
            .write_report(&mut out, Ntp(1), now, Farewell::Stays)
            .expect("something was heard");
        let mut rest = &out[..length];
        let mut kinds = Vec::new();
        while let [_, kind, high, low, ..] = *rest {
            kinds.push(kind);
            // Five of a hundred lost, each far from the next.
            if kind == 207 {
                assert_eq!(rest[16..20], [12, 0, 0, 12]);
            }
            rest = &rest[4 + 4 * usize::from(u16::from_be_bytes([high, low]))..];
        }
        let extended = kinds.iter().filter(|&&kind| kind == 207).count();
        assert_eq!(extended, packets, "{kinds:?}");
    }
}

fn offer(direction: &str) -> Description {
    format!(
        "v=0\r\no=- 1 1 IN IP4 198.51.100.9\r\ns=-\r\nc=IN IP4 198.51.100.9\r\nt=0 0\r\n\
         m=audio 4000 RTP/AVP 8\r\na={direction}\r\n"
    )
    .parse()
    .expect("legal")
}

#[test]
fn who_is_silent_by_comfort_noise_is_alive() {
    let (mut leg, now) = answered("sendrecv");
    hear(&mut leg, 1, now);
    let later = now + Duration::from_secs(90);
    assert_eq!(leg.since_alive(later), Duration::from_secs(90));
    hear_as(
        &mut leg,
        PayloadType::new(13).expect("seven bits"),
        2,
        later,
    );
    assert_eq!(leg.since_alive(later), Duration::ZERO);
    let (received, _) = leg.audio(later).expect("described");
    assert_eq!(received.since_last, Some(Duration::from_secs(90)));
}

fn hear(leg: &mut Leg, sequence: u16, now: Instant) {
    hear_as(leg, PayloadType::new(8).expect("seven bits"), sequence, now);
}

fn hear_as(leg: &mut Leg, payload_type: PayloadType, sequence: u16, now: Instant) {
    let header = Header {
        marker: false,
        payload_type,
        sequence,
        timestamp: 160 * u32::from(sequence),
        ssrc: Ssrc(77),
        length: Header::FIXED,
    };
    let mut slot = [0; 256];
    header.write(slot.first_chunk_mut().expect("256 octets"));
    leg.open(&mut slot, 172, peer(), now).expect("accepted");
}

fn told(leg: &mut Leg) -> Vec<Notice> {
    leg.notices.drain(..).collect()
}

fn drawn() -> Drawn {
    Drawn {
        ssrc: 1,
        sequence: 1,
        timestamp: 1,
        session: 2,
        report_phase: 0,
        masters: [
            crate::sdp::crypto::MasterKey([1; 30]),
            crate::sdp::crypto::MasterKey([2; 30]),
        ],
    }
}

fn local() -> Local {
    Local {
        address: "198.51.100.1:40000".parse().expect("an address"),
        credentials: None,
    }
}

fn peer() -> SocketAddr {
    "198.51.100.9:4000".parse().expect("an address")
}

const MS: Duration = Duration::from_millis(1);
const CODECS: [AudioCodec; 2] = [AudioCodec::Pcma, AudioCodec::Pcmu];
