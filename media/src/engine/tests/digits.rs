//! Digits towards a plain peer, seen from its socket.

use super::*;
use crate::rtp::Header;

#[test]
fn digits_reach_the_peer_as_events_within_the_line_of_its_audio() {
    let engine = Rig::new(22_000..=22_099);
    let (customer, agent) = engine.two_legs();
    let (mut caller, mut callee) = (Phone::new(), Phone::new());
    caller.accept(&engine.answer(customer, &caller.offer(8)));
    callee.accept(&engine.answer(agent, &callee.offer(8)));
    engine.bridge(customer, agent);
    caller.speak_until_heard(&tone(440), &mut callee, |_| true);

    engine.digits(agent, "1#");
    let deadline = Instant::now() + PATIENCE;
    let (mut packets, mut events) = (Vec::new(), 0);
    // Spoken all the while: what comes during the digits is withheld.
    while events < 16 || packets.last().is_none_or(|(header, _)| !is_audio(header)) {
        assert!(Instant::now() < deadline, "{packets:?}");
        caller.speak(&tone(440));
        let Some(datagram) = callee.receive() else {
            continue;
        };
        let header = Header::parse(&datagram).expect("RTP");
        if datagram[1] & 0x7f >= 64 && datagram[1] & 0x7f < 96 {
            continue; // RTCP
        }
        events += usize::from(!is_audio(&header));
        packets.push((header, datagram[12..].to_vec()));
    }

    for pair in packets.windows(2) {
        let [(one, _), (next, _)] = pair else {
            unreachable!("windows of two")
        };
        assert_eq!(next.sequence, one.sequence.wrapping_add(1), "no gap");
        assert_eq!(next.ssrc, one.ssrc);
    }
    let first = packets.iter().position(|(header, _)| !is_audio(header));
    let digits = &packets[first.expect("events")..][..16];
    for (press, code) in digits.chunks(8).zip([1, 11]) {
        let durations = [160, 320, 480, 640, 800, 800, 800, 800u16];
        for (n, ((header, payload), duration)) in press.iter().zip(durations).enumerate() {
            let end = if n < 5 { 0 } else { 0x80 };
            let [high, low] = duration.to_be_bytes();
            assert_eq!(payload[..], [code, end | 10, high, low], "packet {n}");
            assert_eq!(header.marker, n == 0);
            assert_eq!(header.timestamp, press[0].0.timestamp, "one an event");
            assert_eq!(header.payload_type.value(), 101);
        }
    }
    let since = |one: &Header, other: &Header| other.timestamp.wrapping_sub(one.timestamp);
    assert!(since(&digits[0].0, &digits[8].0) >= 1_600);
    let (after, _) = packets.last().expect("audio");
    assert!(after.marker, "audio resumes as a talkspurt");
    assert!(since(&digits[8].0, after) >= 1_120);
    let discarded = &engine.engine.counters()[0].discarded;
    let withheld = discarded.iter().find(|(cause, _)| *cause == "during_digit");
    assert!(withheld.is_some_and(|(_, count)| *count > 0));
}

#[test]
fn a_digit_is_told_outside_a_bridge_even_if_its_end_is_lost() {
    let engine = Rig::new(22_710..=22_719);
    let (customer, _) = engine.two_legs();
    let mut caller = Phone::new();
    caller.accept(&engine.answer(customer, &caller.offer(8)));
    let remote = caller.remote().expect("described");
    let mut event = [0; 16];
    event[..4].copy_from_slice(&[0x80, 101, 0, 1]);
    event[12..].copy_from_slice(&[9, 10, 1, 64]);
    caller.send_raw(&event, remote);
    let (leg, digit, duration) = (customer, '9', Duration::from_millis(40));
    engine.expect(|event| {
        *event
            == Event::Digit {
                leg,
                digit,
                duration,
            }
    });
}

#[test]
fn a_leg_outside_a_bridge_is_sent_digits_and_one_without_events_hands_them_back() {
    let engine = Rig::new(22_100..=22_199);
    let (customer, agent) = engine.two_legs();
    let (mut caller, callee) = (Phone::new(), Phone::new());
    caller.accept(&engine.answer(customer, &caller.offer(8)));
    engine.digits(customer, "D");
    let deadline = Instant::now() + PATIENCE;
    while caller
        .receive()
        .is_none_or(|packet| packet[12..] != [15, 0x8a, 3, 32])
    {
        assert!(Instant::now() < deadline, "no digit");
    }
    let offer = callee.offer(8).replace("8 101", "8");
    engine.answer(
        agent,
        &offer.replace("a=rtpmap:101 telephone-event/8000\r\n", ""),
    );
    engine.digits(agent, "1,2");
    let tones: Tones = "1,2".parse().expect("digits");
    let handed_back = Event::Undialled { leg: agent, tones };
    engine.expect(|event| *event == handed_back);
    let failed = |leg, failure| engine.expect(|event| *event == Event::Failed { leg, failure });
    let unknown = engine.engine.new_leg(customer.worker());
    engine.digits(unknown, "1");
    failed(unknown, Failure::UnknownLeg);
    engine.digits(customer, &"1".repeat(64));
    engine.digits(customer, "11");
    failed(customer, Failure::TooManyDigits);
    engine.close(customer);
}

fn is_audio(header: &Header) -> bool {
    header.payload_type.value() == 8
}
