//! What a source sent us, counted as RFC 3550 appendix A.1, A.3 and A.8 count it.

use std::time::{Duration, Instant};

use super::clock::ClockRate;
use super::{Header, Ssrc};
use crate::quality::burst::{Bursts, Pattern};

/// Reception statistics of the current source of a leg.
#[derive(Debug, Default)]
pub struct Reception {
    source: Option<Source>,
}

#[derive(Debug)]
struct Source {
    ssrc: Ssrc,
    first: u64,
    highest: u64,
    received: u64,
    clock: ClockRate,
    /// In 1/16 timestamp units, as appendix A.8 keeps it.
    jitter: u32,
    /// Arrival minus timestamp of the last packet, in timestamp units.
    transit: u32,
    epoch: Instant,
    /// `received` and `expected` at the last report.
    reported: (u64, u64),
    bursts: Bursts,
}

/// The fields of a report block that we measure (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// Whose packets these were.
    pub ssrc: Ssrc,
    /// Of the packets expected since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Since the source began; negative when there were duplicates.
    pub cumulative_lost: i32,
    /// Cycles in the upper half.
    pub highest_sequence: u32,
    /// In timestamp units.
    pub jitter: u32,
}

impl Reception {
    /// Counts a packet that was accepted at `now`. A change of SSRC starts over. Without a clock its
    /// timestamp says nothing about its time: an event's packets have all the same.
    pub fn count(&mut self, header: &Header, clock: Option<ClockRate>, now: Instant) {
        match &mut self.source {
            Some(source) if source.ssrc == header.ssrc => source.count(header, clock, now),
            Some(_) | None => {
                let clock = clock.unwrap_or(ClockRate::Khz8);
                self.source = Some(Source::new(header, clock, now));
            }
        }
    }

    /// The source that is being heard.
    pub fn ssrc(&self) -> Option<Ssrc> {
        self.source.as_ref().map(|source| source.ssrc)
    }

    /// Packets received and packets missing since the source began.
    pub fn totals(&self) -> (u64, u64) {
        self.source.as_ref().map_or((0, 0), |source| {
            (
                source.received,
                source.expected().saturating_sub(source.received),
            )
        })
    }

    /// Interarrival jitter (RFC 3550 §6.4.1) as a time.
    pub fn jitter(&self) -> Duration {
        self.source.as_ref().map_or(Duration::ZERO, |source| {
            source.clock.duration((source.jitter >> 4).into())
        })
    }

    /// How losses came since the source began.
    pub fn pattern(&self) -> Option<Pattern> {
        self.source.as_ref().map(|source| source.bursts.pattern())
    }

    /// A report block's figures; the fraction is of what came since the last call.
    pub fn report(&mut self) -> Option<Measured> {
        self.source.as_mut().map(Source::report)
    }
}

impl Source {
    fn new(header: &Header, clock: ClockRate, now: Instant) -> Self {
        Self {
            ssrc: header.ssrc,
            first: header.sequence.into(),
            highest: header.sequence.into(),
            received: 1,
            clock,
            jitter: 0,
            transit: 0u32.wrapping_sub(header.timestamp),
            epoch: now,
            reported: (0, 0),
            bursts: Bursts::default(),
        }
    }

    fn count(&mut self, header: &Header, clock: Option<ClockRate>, now: Instant) {
        let step = header.sequence.wrapping_sub(self.highest as u16) as i16;
        if step.unsigned_abs() > MAX_DROPOUT {
            // A restarted source (appendix A.1): its past says nothing about its losses.
            *self = Self::new(header, clock.unwrap_or(self.clock), now);
            return;
        }
        self.received += 1;
        if step > 0 {
            self.highest += u64::from(step.unsigned_abs());
            self.bursts.count(u64::from(step.unsigned_abs()) - 1);
        }
        let Some(clock) = clock else {
            return;
        };
        if clock != self.clock {
            (self.clock, self.jitter) = (clock, 0);
        }
        let arrival = clock.units(now.saturating_duration_since(self.epoch));
        let transit = arrival.wrapping_sub(header.timestamp);
        let deviation = (transit.wrapping_sub(self.transit) as i32).unsigned_abs();
        self.transit = transit;
        // A new talkspurt's timestamp may jump by minutes; a second or more isn't jitter.
        if deviation < clock.hertz() {
            self.jitter = self
                .jitter
                .saturating_add(deviation)
                .saturating_sub((self.jitter + 8) >> 4);
        }
    }

    fn expected(&self) -> u64 {
        self.highest - self.first + 1
    }

    fn report(&mut self) -> Measured {
        let (received, expected) = (self.received, self.expected());
        let expected_since = expected - self.reported.1.min(expected);
        let lost_since = expected_since.saturating_sub(received - self.reported.0);
        self.reported = (received, expected);
        let lost = (expected as i64 - received as i64).clamp(-0x80_0000, 0x7f_ffff);
        Measured {
            ssrc: self.ssrc,
            fraction_lost: (lost_since * 256)
                .checked_div(expected_since)
                .unwrap_or(0)
                .min(255) as u8,
            cumulative_lost: lost as i32,
            highest_sequence: self.highest as u32,
            jitter: self.jitter >> 4,
        }
    }
}

/// RFC 3550 appendix A.1.
const MAX_DROPOUT: u16 = 3_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::PayloadType;

    #[test]
    fn loss_is_counted_over_a_wrap_and_per_interval() {
        let mut reception = Reception::default();
        let now = Instant::now();
        for sequence in (0xfffau16..=0xffff).chain(0..4) {
            if sequence != 0xffff {
                reception.count(&header(sequence, 0), CLOCK, now);
            }
        }
        let report = reception.report().expect("a source");
        assert_eq!(report.highest_sequence, 0x1_0003);
        assert_eq!(report.cumulative_lost, 1);
        assert_eq!(report.fraction_lost, 25); // 1 of 10
        assert_eq!(reception.totals(), (9, 1));
        reception.count(&header(4, 0), CLOCK, now);
        assert_eq!(reception.report().expect("a source").fraction_lost, 0);
    }

    #[test]
    fn steady_packets_have_no_jitter_and_uneven_ones_do() {
        let mut reception = Reception::default();
        let start = Instant::now();
        for n in 0..50u16 {
            let now = start + Duration::from_millis(20) * n.into();
            reception.count(&header(n, u32::from(n) * 160), CLOCK, now);
        }
        assert_eq!(reception.jitter(), Duration::ZERO);
        for n in 50..500u16 {
            let late = Duration::from_millis(10 * u64::from(n % 2));
            let now = start + Duration::from_millis(20) * n.into() + late;
            reception.count(&header(n, u32::from(n) * 160), CLOCK, now);
        }
        let jitter = reception.jitter();
        assert!((9..=10).contains(&jitter.as_millis()), "{jitter:?}");
    }

    #[test]
    fn jitter_is_a_time_whatever_the_clock_and_events_have_none() {
        let mut reception = Reception::default();
        let start = Instant::now();
        for n in 0..900u16 {
            let late = Duration::from_millis(10 * u64::from(n % 2));
            let now = start + Duration::from_millis(20) * n.into() + late;
            let packet = header(n, u32::from(n) * 960);
            reception.count(&packet, Some(ClockRate::Khz48), now);
        }
        let jitter = reception.jitter();
        assert!((9..=10).contains(&jitter.as_millis()), "{jitter:?}");
        for n in 900..910 {
            let now = start + Duration::from_millis(20) * n.into();
            reception.count(&header(n, 900 * 960), None, now);
        }
        assert_eq!(reception.jitter(), jitter);
    }

    #[test]
    fn another_source_starts_over() {
        let mut reception = Reception::default();
        let now = Instant::now();
        reception.count(&header(10, 0), CLOCK, now);
        reception.count(&header(20, 0), CLOCK, now);
        let mut other = header(7, 0);
        other.ssrc = Ssrc(2);
        reception.count(&other, CLOCK, now);
        assert_eq!(reception.totals(), (1, 0));
        assert_eq!(reception.ssrc(), Some(Ssrc(2)));
    }

    const CLOCK: Option<ClockRate> = Some(ClockRate::Khz8);

    fn header(sequence: u16, timestamp: u32) -> Header {
        Header {
            marker: false,
            payload_type: PayloadType::new(0).expect("seven bits"),
            sequence,
            timestamp,
            ssrc: Ssrc(1),
            length: Header::FIXED,
        }
    }
}
