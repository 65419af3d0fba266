//! Calls in virtual time: what was said ends up where it was said, and what was not is told.

use std::f64::consts::TAU;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::*;
use media::codec::g711::encode_alaw;

/// A recording that is fed as a call's worker and switchboard feed it, its pieces put together.
struct Session {
    timeline: Timeline,
    start: Instant,
    polled: Duration,
    samples: [Vec<i16>; 2],
    gaps: Vec<Gap>,
    heard: [Heard; 2],
}

impl Session {
    fn new() -> Self {
        let start = Instant::now();
        Self {
            timeline: Timeline::new(start),
            start,
            polled: Duration::ZERO,
            samples: [Vec::new(), Vec::new()],
            gaps: Vec::new(),
            heard: Default::default(),
        }
    }

    /// Takes what is ready, as often as the recorder does.
    fn poll(&mut self, now: Duration) {
        if now < self.polled + Duration::from_millis(20) {
            return;
        }
        self.polled = now;
        while let Some(piece) = self.timeline.poll_piece(self.start + now) {
            assert_eq!(piece.samples[0].len(), piece.samples[1].len());
            for (all, new) in self.samples.iter_mut().zip(piece.samples) {
                all.extend(new);
            }
            self.gaps.extend(piece.gaps);
            self.heard = piece.heard;
        }
    }

    fn mark(&mut self, at: Duration, channel: u8, mark: Mark, holds: bool) {
        self.timeline
            .handle_mark(self.start + at, channel, mark, holds);
    }

    fn end(&mut self, at: Duration) {
        self.timeline.handle_end(self.start + at);
        self.polled = at;
        self.poll(at + Duration::from_secs(10));
        assert!(self.timeline.is_over());
    }

    fn gaps_of(&self, channel: u8) -> Vec<Gap> {
        let of = self.gaps.iter().filter(|gap| gap.channel == channel);
        let mut gaps: Vec<Gap> = of.copied().collect();
        gaps.sort_by_key(|gap| gap.from_ms);
        gaps
    }
}

/// A phone that says a click each second of its own time of speaking, on its own clock.
struct Phone {
    channel: u8,
    /// How much faster than ours its clock runs.
    ppm: f64,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    /// Packets made.
    made: u64,
}

/// A packet on its way.
struct OnItsWay {
    at: Duration,
    channel: u8,
    packet: Packet,
}

impl Phone {
    fn new(channel: u8, ppm: f64) -> Self {
        Self {
            channel,
            ppm,
            ssrc: 0x1000 + u32::from(channel),
            sequence: 0xff00,
            timestamp: 0xffff_f000,
            made: 0,
        }
    }

    /// Our time when the phone has finished its `n`th packet.
    fn time_of(&self, n: u64) -> Duration {
        let seconds = 0.02 * (n + 1) as f64 / (1.0 + self.ppm / 1e6);
        Duration::from_secs_f64(seconds)
    }

    /// The next packet: a tone burst of 20 ms wherever our clock passes a whole second, else low noise.
    fn packet(&mut self) -> Packet {
        let begun = self.time_of(self.made).as_secs_f64() - 0.02;
        let payload = (0..160).map(|n| {
            let at = begun + f64::from(n) / 8_000.0;
            let burst = at.fract() < 0.02 && at >= 0.5;
            let loud = if burst { 12_000.0 } else { 40.0 };
            encode_alaw((loud * (at * 1_000.0 * TAU).sin()) as i16)
        });
        let packet = Packet {
            at: Instant::now(),
            ssrc: self.ssrc,
            sequence: self.sequence,
            timestamp: self.timestamp,
            codec: AudioCodec::Pcma,
            missed: 0,
            payload: payload.collect(),
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(160);
        self.made += 1;
        packet
    }
}

/// Where loud sound of 20 ms begins, in samples. A burst that lost one of its two packets isn't counted.
fn bursts(samples: &[i16]) -> Vec<usize> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (place, sample) in samples.iter().enumerate() {
        if sample.unsigned_abs() > 3_000 {
            match found.last_mut() {
                Some((first, last)) if place < *first + 4_000 => *last = place,
                Some(_) | None => found.push((place, place)),
            }
        }
    }
    let whole = found.iter().filter(|(first, last)| last - first > 150);
    whole.map(|(first, _)| *first).collect()
}

#[test]
fn an_hour_of_everything_stays_in_step_and_tells_each_gap() {
    const HOUR: u64 = 3_600;
    let mut random = StdRng::seed_from_u64(7);
    let mut session = Session::new();
    let mut phones = [Phone::new(0, 200.0), Phone::new(1, -200.0)];
    let second = Duration::from_secs;
    // Channel, from, to, what: as the switchboard tells it.
    let marks = [
        (0, 600, 660, Mark::Hold),
        (1, 600, 660, Mark::Hold),
        (1, 900, 930, Mark::Mute),
        (1, 1_500, 1_504, Mark::Reload),
        (0, 2_000, 2_030, Mark::Paused),
        (1, 2_000, 2_030, Mark::Paused),
    ];
    let mut switches: Vec<(Duration, u8, Mark, bool)> = marks
        .iter()
        .flat_map(|(channel, from, to, mark)| {
            [
                (second(*from), *channel, *mark, true),
                (second(*to), *channel, *mark, false),
            ]
        })
        .collect();
    switches.sort_by_key(|switch| switch.0);
    let mut switches = switches.into_iter().peekable();
    let mut lost: [Vec<u64>; 2] = [Vec::new(), Vec::new()];
    let mut on_their_way: Vec<OnItsWay> = Vec::new();
    let mut received = [0u64; 2];
    for tick in 0..HOUR * 50 + 10 {
        let now = Duration::from_millis(tick * 20);
        for phone in &mut phones {
            while phone.time_of(phone.made) <= now {
                let done = phone.time_of(phone.made);
                let channel = phone.channel;
                // A new source after the reload, and another one in the midst of a talk.
                let anew = (channel == 1 && done > second(1_504) && phone.ssrc == 0x1001)
                    || (channel == 0 && done > second(3_000) && phone.ssrc == 0x1000);
                if anew {
                    phone.ssrc += 0x100;
                    phone.sequence = random.random();
                    phone.timestamp = random.random();
                }
                let packet = phone.packet();
                let marked = marks.iter().any(|(of, from, to, _)| {
                    *of == channel && done > second(*from) && done <= second(*to)
                });
                if marked {
                    continue;
                }
                if random.random_bool(0.03) {
                    lost[usize::from(channel)].push(done.as_millis() as u64);
                    continue;
                }
                // 40 ms of delay, jitter that reorders, and a spike now and then.
                let jitter = match random.random_range(0..1_000) {
                    0 => 120,
                    _ => random.random_range(0..30),
                };
                on_their_way.push(OnItsWay {
                    at: done + Duration::from_millis(40 + jitter),
                    channel,
                    packet,
                });
            }
        }
        on_their_way.sort_by_key(|packet| packet.at);
        let ready = on_their_way.partition_point(|packet| packet.at <= now);
        for OnItsWay {
            at,
            channel,
            packet,
        } in on_their_way.drain(..ready)
        {
            received[usize::from(channel)] += 1;
            let packet = Packet {
                at: session.start + at,
                ..packet
            };
            session.timeline.handle_packet(channel, packet);
        }
        while let Some((at, channel, mark, holds)) = switches.next_if(|switch| switch.0 <= now) {
            session.mark(at, channel, mark, holds);
        }
        session.poll(now);
    }
    session.end(second(HOUR));

    assert_eq!(session.samples[0].len() as u64, HOUR * u64::from(RATE));
    assert_eq!(session.samples[1].len() as u64, HOUR * u64::from(RATE));

    // Each burst was said at a whole second of ours and took 40 ms at least to come.
    for channel in 0..2 {
        let found = bursts(&session.samples[channel]);
        assert!(found.len() > 3_000, "{} bursts on {channel}", found.len());
        for place in found {
            let late = (place as f64 / 8.0) % 1_000.0;
            assert!(
                (38.0..=60.0).contains(&late),
                "channel {channel}: {place}, {late} ms"
            );
        }
    }
    let [customer, agent] = session.samples.each_ref().map(|samples| bursts(samples));
    let (mut compared, mut furthest) = (0, 0);
    for place in customer {
        if let Some(other) = agent.iter().find(|other| other.abs_diff(place) < 2_000) {
            assert!(other.abs_diff(place) <= 40, "{place} and {other}");
            compared += 1;
            furthest = furthest.max(other.abs_diff(place));
        }
    }
    // 20 ms are allowed; what is left is what the jitter leaves unknown, and a slow clock's lag.
    println!("channels {furthest} samples apart at most");
    assert!(compared > 2_700, "{compared} compared");

    for (channel, lost) in lost.iter().enumerate() {
        let gaps = session.gaps_of(channel as u8);
        let told: Vec<_> = gaps
            .iter()
            .filter(|gap| gap.reason == Reason::Lost)
            .collect();
        let silent: u64 = told.iter().map(|gap| gap.to_ms - gap.from_ms).sum();
        let expected = 20 * lost.len() as u64;
        assert!(
            silent.abs_diff(expected) <= expected / 50 + 40,
            "{silent} ms of {expected} on {channel}"
        );
        for done in lost.iter().filter(|done| **done < HOUR * 1_000 - 60) {
            // It would have begun 20 ms before it was done, and come 40 ms later.
            let middle = done + 30;
            let covered = gaps
                .iter()
                .any(|gap| gap.from_ms <= middle + 14 && middle <= gap.to_ms + 14);
            assert!(covered, "a packet lost at {done} ms on channel {channel}");
        }
        let heard = &session.heard[channel];
        assert_eq!(heard.packets, received[channel], "on {channel}");
        assert!(
            heard.lost.abs_diff(lost.len() as u64) <= 4,
            "{heard:?} of {}",
            lost.len()
        );
        assert_eq!(heard.codec.as_deref(), Some("PCMA"));
    }
    for (channel, from, to, mark) in marks {
        let gaps = session.gaps_of(channel);
        let told: Vec<_> = gaps
            .iter()
            .filter(|gap| gap.reason == mark.reason())
            .collect();
        let [gap] = told.as_slice() else {
            panic!("{mark:?} on {channel}: {told:?}");
        };
        assert!(gap.from_ms.abs_diff(from * 1_000) <= 60, "{gap:?}");
        assert!(gap.to_ms.abs_diff(to * 1_000) <= 80, "{gap:?}");
    }
    let others = session.gaps.iter().filter(|gap| {
        matches!(gap.reason, Reason::Silent | Reason::Dtx | Reason::Dropped)
            && gap.to_ms - gap.from_ms > 80
    });
    assert_eq!(others.collect::<Vec<_>>(), Vec::<&Gap>::new());

    assert!(
        (session.heard[0].skew_ppm - 200.0).abs() < 5.0,
        "{:?}",
        session.heard[0]
    );
    assert!(
        (session.heard[1].skew_ppm + 200.0).abs() < 5.0,
        "{:?}",
        session.heard[1]
    );
}

#[test]
fn what_is_said_while_paused_is_nowhere_even_if_it_comes() {
    let mut session = Session::new();
    let mut phone = Phone::new(0, 0.0);
    session.mark(Duration::from_millis(1_990), 0, Mark::Paused, true);
    session.mark(Duration::from_millis(3_510), 0, Mark::Paused, false);
    talk(&mut session, &mut phone, Duration::from_secs(6), |_| true);
    session.end(Duration::from_secs(6));
    let paused = &session.samples[0][1_990 * 8..3_510 * 8];
    assert!(paused.iter().all(|sample| *sample == 0));
    assert_eq!(
        session.gaps_of(0).last().map(|gap| gap.reason),
        Some(Reason::Paused)
    );
    assert_eq!(session.heard[0].lost, 0);
}

#[test]
fn a_pause_of_the_phone_is_dtx_and_a_full_ring_is_told() {
    let mut session = Session::new();
    let mut phone = Phone::new(1, 0.0);
    let mut missed = 0;
    for n in 0..250u64 {
        let done = phone.time_of(n);
        let mut packet = phone.packet();
        // It was silent from 1 s to 2 s, and numbers what it sends.
        if (50..100).contains(&n) {
            phone.sequence = phone.sequence.wrapping_sub(1);
            continue;
        }
        // Nobody took what came from 3 s to 3.2 s.
        if (150..160).contains(&n) {
            missed += 1;
            continue;
        }
        packet.at = session.start + done;
        packet.missed = std::mem::take(&mut missed);
        session.timeline.handle_packet(1, packet);
        session.poll(done);
    }
    session.end(Duration::from_secs(5));
    let gap = |channel, from_ms, to_ms, reason| Gap {
        channel,
        from_ms,
        to_ms,
        reason,
    };
    assert_eq!(
        session.gaps_of(1),
        [
            gap(1, 1_000, 2_000, Reason::Dtx),
            gap(1, 3_000, 3_200, Reason::Dropped)
        ]
    );
    assert_eq!(session.gaps_of(0), [gap(0, 0, 5_000, Reason::Silent)]);
    assert_eq!((session.heard[1].dropped, session.heard[1].lost), (10, 0));
    assert_eq!(session.samples[0].len(), 40_000);
}

#[test]
fn a_short_recording_is_as_long_as_it_lasted() {
    let mut session = Session::new();
    session.end(Duration::from_millis(130));
    assert_eq!(session.samples.each_ref().map(Vec::len), [1_040, 1_040]);
}

#[test]
fn numbers_that_jump_begin_anew() {
    let mut session = Session::new();
    let mut phone = Phone::new(0, 0.0);
    talk(&mut session, &mut phone, Duration::from_secs(3), |_| true);
    // The phone's stack restarts with the same SSRC.
    phone.timestamp = phone.timestamp.wrapping_add(1 << 30);
    phone.sequence = 5;
    talk(&mut session, &mut phone, Duration::from_secs(6), |_| true);
    session.end(Duration::from_secs(6));
    assert_eq!(session.gaps_of(0), []);
    let places = bursts(&session.samples[0]);
    assert_eq!(places.len(), 5, "{places:?}");
    for place in places {
        assert!(place % 8_000 < 60, "{place}");
    }
}

/// Feeds what a phone says until `until`, without delay.
fn talk(session: &mut Session, phone: &mut Phone, until: Duration, comes: impl Fn(u64) -> bool) {
    while phone.time_of(phone.made) <= until {
        let (n, done) = (phone.made, phone.time_of(phone.made));
        let packet = phone.packet();
        if comes(n) {
            let at = session.start + done;
            session
                .timeline
                .handle_packet(phone.channel, Packet { at, ..packet });
        }
        session.poll(done);
    }
}
