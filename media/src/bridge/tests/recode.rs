//! Legs whose codecs can't meet, in virtual time.

use super::*;
use crate::codec::coder::{self, Decoder, Encoder, FRAME};
use crate::prompt::{Prompt, Repeat};
use crate::rtcp::{Farewell, Ntp};

#[test]
fn a_tone_crosses_from_opus_to_g711_and_back_in_one_line_each() {
    for profile in [None, Some(Profile::AeadAes256Gcm)] {
        let mut browser = Side::new(profile, "111 110", 1);
        let mut trunk = Side::new(None, "8 101", 2);
        for (from, to) in [("browser", "trunk"), ("trunk", "browser")] {
            let heard = match from {
                "browser" => browser.talk(&mut trunk, &tone(100)),
                _ => trunk.talk(&mut browser, &tone(100)),
            };
            let side = if to == "trunk" { &trunk } else { &browser };
            assert!(heard.len() >= 97, "{from}: {}", heard.len());
            assert_continuous(&heard, side.frame());
            let marked = heard.iter().filter(|heard| heard.header.marker).count();
            assert_eq!((marked, heard[0].header.marker), (1, true));
            let samples = side.decoded(&heard);
            let crossings = crossings(&samples[4_000..20_000]);
            assert!((996..=1_004).contains(&crossings), "{from}: {crossings}");
        }
    }
}

#[test]
fn a_trunk_with_nothing_but_g722_is_understood() {
    let mut trunk = Side::new(None, "9 101", 1);
    let mut agent = Side::new(Some(Profile::AesCm128HmacSha1_80), "0 101", 2);
    let heard = trunk.talk(&mut agent, &tone(100));
    assert_eq!(heard[0].header.payload_type.value(), 0);
    let samples = agent.decoded(&heard);
    assert!((996..=1_004).contains(&crossings(&samples[4_000..20_000])));
    let back = agent.talk(&mut trunk, &tone(100));
    assert_eq!(back[0].header.payload_type.value(), 9);
    assert_continuous(&back, 160);
}

#[test]
fn the_same_codec_is_relayed_bit_by_bit_whatever_it_is() {
    for formats in ["9 101", "111 110"] {
        let mut from = Side::new(None, formats, 1);
        let mut to = Side::new(Some(Profile::AeadAes256Gcm), formats, 2);
        let (first, payload) = from.relayed(&mut to, 1).expect("relayed");
        assert_eq!(payload, speech());
        let (next, _) = from.relayed(&mut to, 2).expect("relayed");
        assert_eq!(next.timestamp.wrapping_sub(first.timestamp), from.frame());
    }
}

#[test]
fn transcoding_allocates_nothing_once_it_is_warm() {
    for (one, other) in [
        ("111 110", "8 101"),
        ("9 101", "0 101"),
        ("9 101", "111 110"),
    ] {
        for (from, to) in [(one, other), (other, one)] {
            let mut from = Side::new(Some(Profile::AeadAes256Gcm), from, 1);
            let mut to = Side::new(Some(Profile::AesCm128HmacSha1_80), to, 2);
            from.talk(&mut to, &tone(20));
            from.leg.notices.clear();
            let payloads = from.coded(&tone(200));
            let (mut slot, mut out) = (vec![0; 2_048], vec![0; 2_048]);
            let mut frames = 0;
            for (n, payload) in payloads.iter().enumerate() {
                from.payload.clone_from(payload);
                from.now += 20 * MS;
                let length = from.packet(100 + n as u16, &mut slot);
                let (source, now) = (from.source(), from.now);
                let allocations = allocations::during(|| {
                    let taken = relay(&mut from.leg, &mut to.leg, &mut slot, length, source, now);
                    assert_eq!(taken, Err(Discard::Recoded));
                    while to.leg.poll_recoded(&mut out, now).is_some() {
                        frames += 1;
                    }
                });
                assert_eq!(allocations, 0, "packet {n}");
            }
            assert!(frames > 190, "{frames}");
        }
    }
}

#[test]
fn a_prompt_takes_the_place_of_what_is_coded_anew_and_gives_it_back() {
    let mut trunk = Side::new(None, "8 101", 1);
    let mut browser = Side::new(Some(Profile::AeadAes128Gcm), "111 110", 2);
    let mut heard = trunk.talk(&mut browser, &tone(50));
    let prompt = Prompt::tone(500.0, Duration::from_secs(1), Duration::ZERO);
    browser.leg.play(prompt, Repeat::Forever, browser.now);
    heard.extend(trunk.talk(&mut browser, &tone(50)));
    browser.leg.stop_playing();
    heard.extend(trunk.talk(&mut browser, &tone(50)));
    assert_continuous(&heard, 960);
    let markers = heard.iter().filter(|heard| heard.header.marker).count();
    assert_eq!(markers, 3, "call, prompt, call");
    let samples = browser.decoded(&heard);
    let part = |from: usize| crossings(&samples[from * FRAME..(from + 25) * FRAME]);
    for place in [15, 65, 120] {
        assert!(
            (490..=510).contains(&part(place)),
            "{place}: {}",
            part(place)
        );
    }
}

#[test]
fn a_digit_within_a_transcoded_call_keeps_its_length_and_is_one_press() {
    let mut browser = Side::new(Some(Profile::AeadAes256Gcm), "111 110", 1);
    let mut trunk = Side::new(None, "8 101", 2);
    let mut heard = browser.talk(&mut trunk, &tone(30));
    let begun = browser.sent;
    let press = [
        (960u16, 0),
        (1_920, 0),
        (2_880, 0),
        (4_800, 0x80),
        (4_800, 0x80),
        (4_800, 0x80),
    ];
    for (n, (duration, end)) in press.into_iter().enumerate() {
        let [high, low] = duration.to_be_bytes();
        let header = (110, begun, browser.sent + n as u16);
        let event = vec![5, end | 10, high, low];
        heard.extend(browser.says(&mut trunk, header, &event));
        // The network repeats the third one.
        if n == 2 {
            let again = browser.relays(&mut trunk, header, &event);
            assert!(
                matches!(again, Err(Discard::Replayed | Discard::Stale)),
                "{again:?}"
            );
        }
        heard.extend(trunk.hear_until(20 * MS));
    }
    browser.now = trunk.now;
    browser.sent += 6;
    heard.extend(browser.talk(&mut trunk, &tone(30)));
    let events: Vec<&Heard> = heard
        .iter()
        .filter(|heard| heard.header.payload_type.value() == 101)
        .collect();
    let told: Vec<(u8, u16)> = events
        .iter()
        .map(|event| {
            let duration = u16::from_be_bytes([event.payload[2], event.payload[3]]);
            (event.payload[1] & 0x80, duration)
        })
        .collect();
    let expected = [
        (0, 160),
        (0, 320),
        (0, 480),
        (0x80, 800),
        (0x80, 800),
        (0x80, 800),
    ];
    assert_eq!(told, expected);
    assert!(
        events
            .iter()
            .all(|event| event.header.timestamp == events[0].header.timestamp)
    );
    let place = |event: &Heard| heard.iter().position(|heard| heard.header == event.header);
    let (first, last) = (place(events[0]), place(events[5]));
    assert_eq!(
        last.zip(first).map(|(last, first)| last - first),
        Some(5),
        "together"
    );
    for pair in heard.windows(2) {
        let (one, next) = (pair[0].header, pair[1].header);
        assert_eq!(next.sequence, one.sequence.wrapping_add(1));
    }
    let digit = Notice::Digit {
        digit: '5',
        duration: Duration::from_millis(100),
    };
    let told = browser
        .leg
        .notices
        .iter()
        .filter(|notice| **notice == digit);
    assert_eq!(told.count(), 1);
}

#[test]
fn digits_of_ours_beside_opus_count_its_clock() {
    let mut browser = Side::new(None, "111 110", 1);
    browser
        .leg
        .press(&"7".parse().expect("a digit"))
        .expect("dialable");
    let heard = browser.hear_until(400 * MS);
    let durations: Vec<u16> = heard
        .iter()
        .map(|heard| u16::from_be_bytes([heard.payload[2], heard.payload[3]]))
        .collect();
    assert_eq!(
        durations,
        [960, 1_920, 2_880, 3_840, 4_800, 4_800, 4_800, 4_800]
    );
    assert!(
        heard
            .iter()
            .all(|heard| heard.header.payload_type.value() == 110)
    );
}

#[test]
fn muting_a_transcoded_call_is_silence_at_once_and_talk_after_it_is_heard() {
    let mut browser = Side::new(None, "111 110", 1);
    let mut trunk = Side::new(None, "8 101", 2);
    browser.talk(&mut trunk, &tone(30));
    browser.leg.set_mute(Mute::On);
    browser.payload_type = 111;
    assert_eq!(
        browser.relays(&mut trunk, (111, 200, 200), &[1; 20]),
        Err(Discard::Muted)
    );
    assert!(trunk.hear_until(500 * MS).is_empty());
    browser.leg.set_mute(Mute::Off);
    browser.now = trunk.now;
    browser.sent = 225;
    assert!(browser.talk(&mut trunk, &tone(30)).len() > 25);
}

#[test]
fn who_asked_for_comfort_noise_gets_it_while_the_other_side_is_muted() {
    let mut agent = Side::new(Some(Profile::AeadAes256Gcm), "8 101", 1);
    let mut trunk = Side::new(None, "8 101 13", 2);
    let (before, _) = agent.relayed(&mut trunk, 1).expect("relayed");
    agent.leg.set_mute(Mute::On);
    let mut noise = Vec::new();
    for n in 2..52 {
        agent.now += 20 * MS;
        noise.extend(agent.relayed(&mut trunk, n));
    }
    assert_eq!(noise.len(), 5, "each 200 ms");
    for (n, (header, payload)) in noise.iter().enumerate() {
        assert_eq!(
            (header.payload_type.value(), payload.as_slice()),
            (13, &[70][..])
        );
        assert_eq!(header.sequence, before.sequence.wrapping_add(1 + n as u16));
        assert_eq!(
            header.timestamp.wrapping_sub(before.timestamp),
            160 + 1_600 * n as u32
        );
        assert!(!header.marker);
    }
    agent.leg.set_mute(Mute::Off);
    agent.now += 20 * MS;
    let (after, _) = agent.relayed(&mut trunk, 52).expect("relayed");
    assert!(after.marker);
    assert_eq!(after.sequence, before.sequence.wrapping_add(6));
}

#[test]
fn comfort_noise_goes_on_to_who_asked_for_it() {
    let mut one = Side::new(None, "8 101 13", 1);
    let mut other = Side::new(None, "8 101 13", 2);
    one.relayed(&mut other, 1).expect("relayed");
    (one.payload_type, one.payload) = (13, vec![40, 3]);
    let (header, payload) = one.relayed(&mut other, 2).expect("passed on");
    assert_eq!((header.payload_type.value(), payload), (13, vec![40, 3]));
}

#[test]
fn the_level_of_opus_and_g722_is_known() {
    for formats in ["111 110", "9 101"] {
        let mut side = Side::new(None, formats, 1);
        let mut to = Side::new(None, "8 101", 2);
        side.talk(&mut to, &tone(50));
        let (received, _) = side.leg.audio(side.now).expect("described");
        let level = received.loudest.expect("looked at").dbov();
        // A sine of 8,000 is 15 dB below full scale.
        assert!((-18..=-12).contains(&level), "{formats}: {level}");
        side.talk(&mut to, &vec![0; 50 * FRAME]);
        side.leg.audio(side.now);
        side.talk(&mut to, &vec![0; 50 * FRAME]);
        let (received, _) = side.leg.audio(side.now).expect("described");
        let level = received.loudest.expect("looked at");
        assert!(
            level < crate::leg::meter::Level::SILENT,
            "{formats}: {level}"
        );
    }
}

#[test]
fn what_the_browser_loses_is_answered_by_redundancy() {
    let mut trunk = Side::new(None, "8 101", 1);
    let mut browser = Side::new(None, "111 110", 2);
    let quiet: usize = trunk
        .talk(&mut browser, &voice(100))
        .iter()
        .map(|heard| heard.payload.len())
        .sum();
    let ssrc = browser.ssrc();
    let measured = crate::rtp::reception::Measured {
        ssrc,
        fraction_lost: 51,
        cumulative_lost: 20,
        highest_sequence: 100,
        jitter: 0,
    };
    let block = crate::rtcp::ReportBlock {
        measured,
        last_report: 0,
        delay: 0,
    };
    let mut report = [0; crate::rtcp::COMPOUND];
    let length = crate::rtcp::write(
        &mut report,
        Ssrc(77),
        None,
        Some(block),
        None,
        Farewell::Stays,
    );
    let (source, now) = (browser.source(), browser.now);
    browser
        .leg
        .handle_rtcp(&mut report[..length], source, Ntp(0), now)
        .expect("the peer's");
    let heard = trunk.talk(&mut browser, &voice(100));
    let mut decoder = crate::codec::opus::Decoder::new().expect("made");
    let mut plain = [0; FRAME];
    for packet in &heard[..40] {
        decoder
            .decode(&packet.payload, &mut plain)
            .expect("decoded");
    }
    // The 41st is lost; the 42nd tells it.
    let mut told = [0; FRAME];
    decoder
        .recover(&heard[41].payload, &mut told)
        .expect("told");
    let power = |samples: &[i16]| samples.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>();
    assert!(
        power(&told) > 0.2 * power(&plain),
        "{} of {}",
        power(&told),
        power(&plain)
    );
    let _ = quiet;
}

/// What the peer got.
struct Heard {
    header: Header,
    payload: Vec<u8>,
}

impl Side {
    /// Of the leg's codec.
    fn frame(&self) -> u32 {
        if self.formats.starts_with("111") {
            960
        } else {
            160
        }
    }

    fn codec(&self) -> AudioCodec {
        match self.formats.split(' ').next() {
            Some("0") => AudioCodec::Pcmu,
            Some("9") => AudioCodec::G722,
            Some("111") => AudioCodec::Opus,
            _ => AudioCodec::Pcma,
        }
    }

    fn ssrc(&self) -> Ssrc {
        Ssrc(0x1000 + u32::from(self.number))
    }

    fn coded(&self, samples: &[i16]) -> Vec<Vec<u8>> {
        let mut encoder = Encoder::new(self.codec()).expect("made");
        let frames = samples.as_chunks::<FRAME>().0.iter();
        frames
            .map(|frame| {
                let mut payload = vec![0; FRAME];
                let length = encoder.encode(frame, &mut payload).expect("coded");
                payload.truncate(length);
                payload
            })
            .collect()
    }

    fn decoded(&self, heard: &[Heard]) -> Vec<i16> {
        let mut decoder = Decoder::new(self.codec()).expect("made");
        let mut samples = Vec::new();
        for heard in heard {
            let mut decoded = [0; coder::LONGEST];
            let count = decoder.decode(&heard.payload, FRAME, &mut decoded);
            samples.extend_from_slice(&decoded[..count]);
        }
        samples
    }

    /// Says samples in packets of 20 ms; what the other side's peer gets meanwhile.
    fn talk(&mut self, to: &mut Self, samples: &[i16]) -> Vec<Heard> {
        let first = self
            .formats
            .split(' ')
            .next()
            .and_then(|first| first.parse().ok());
        let payload_type = first.expect("a payload type");
        let mut heard = Vec::new();
        for payload in self.coded(samples) {
            let header = (payload_type, self.sent, self.sent);
            heard.extend(self.says(to, header, &payload));
            self.sent += 1;
            heard.extend(to.hear_until(20 * MS));
            self.now = to.now;
        }
        heard
    }

    /// Sends a packet of a payload type, a time in frames and a sequence number.
    fn says(&mut self, to: &mut Self, header: (u8, u16, u16), payload: &[u8]) -> Option<Heard> {
        to.now = self.now;
        match self.relays(to, header, payload) {
            Ok(packet) => Some(to.opened(&packet)),
            Err(Discard::Recoded | Discard::DuringPrompt) => None,
            Err(cause) => panic!("{cause:?}"),
        }
    }

    fn relays(
        &mut self,
        to: &mut Self,
        (payload_type, time, sequence): (u8, u16, u16),
        payload: &[u8],
    ) -> Result<Vec<u8>, Discard> {
        let mut slot = vec![0; 2_048];
        let header = Header {
            marker: false,
            payload_type: PayloadType::new(payload_type).expect("seven bits"),
            sequence,
            timestamp: u32::from(time) * self.frame(),
            ssrc: Ssrc(77),
            length: Header::FIXED,
        };
        header.write(slot.first_chunk_mut().expect("a slot"));
        let length = Header::FIXED + payload.len();
        slot[Header::FIXED..length].copy_from_slice(payload);
        let length = match &self.sender {
            Some(sender) => sender
                .seal_rtp(&mut slot, length, sequence.into())
                .expect("sealed"),
            None => length,
        };
        let source = self.source();
        let sent = relay(
            &mut self.leg,
            &mut to.leg,
            &mut slot,
            length,
            source,
            self.now,
        );
        sent.map(|(range, _)| slot[range].to_vec())
    }

    /// Lets time pass, 1 ms a step, and hears what comes.
    fn hear_until(&mut self, duration: Duration) -> Vec<Heard> {
        let until = self.now + duration;
        let mut heard = Vec::new();
        let mut slot = vec![0; 2_048];
        while self.now < until {
            while let Some((length, to)) = self
                .leg
                .poll_event(&mut slot, self.now)
                .or_else(|| self.leg.poll_prompt(&mut slot, self.now))
                .or_else(|| self.leg.poll_recoded(&mut slot, self.now))
            {
                assert_eq!(to, self.source());
                heard.push(self.opened(&slot[..length]));
            }
            self.now += MS;
        }
        heard
    }

    fn opened(&mut self, packet: &[u8]) -> Heard {
        let mut packet = packet.to_vec();
        let header = Header::parse(&packet).expect("a packet of ours");
        let length = match &mut self.receiver {
            Some(receiver) => receiver.open_rtp(&mut packet, &header).expect("authentic"),
            None => packet.len(),
        };
        Heard {
            header,
            payload: packet[header.length..length].to_vec(),
        }
    }
}

fn assert_continuous(heard: &[Heard], frame: u32) {
    for pair in heard.windows(2) {
        let [one, next] = [pair[0].header, pair[1].header];
        assert_eq!(next.sequence, one.sequence.wrapping_add(1));
        assert_eq!((next.ssrc, next.payload_type), (one.ssrc, one.payload_type));
        let step = next.timestamp.wrapping_sub(one.timestamp);
        assert!(
            step == frame || (next.marker && step < 10 * frame),
            "{step}"
        );
    }
}

/// 500 Hz, so many frames.
fn tone(frames: usize) -> Vec<i16> {
    let turn = std::f64::consts::TAU * 500.0 / 16_000.0;
    (0..frames * FRAME)
        .map(|n| (8_000.0 * (turn * n as f64).sin()) as i16)
        .collect()
}

/// 140 Hz and its overtones: what Opus takes for a voice.
fn voice(frames: usize) -> Vec<i16> {
    let turn = std::f64::consts::TAU * 140.0 / 16_000.0;
    (0..frames * FRAME)
        .map(|n| {
            let at = turn * n as f64;
            let sum: f64 = (1..12)
                .map(|k| (at * f64::from(k)).sin() / f64::from(k))
                .sum();
            (5_000.0 * sum) as i16
        })
        .collect()
}

fn crossings(samples: &[i16]) -> usize {
    let pairs = samples.windows(2);
    pairs.filter(|pair| (pair[0] < 0) != (pair[1] < 0)).count()
}

const MS: Duration = Duration::from_millis(1);
