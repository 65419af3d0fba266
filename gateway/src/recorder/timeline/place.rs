//! Where a source's timestamps lie on our clock.
//!
//! A packet is never early: its lateness is the network's jitter upon a least delay. So the least lateness of the last
//! seconds tells how the source's clock stands to ours, and how it drifts.

use std::collections::VecDeque;

use super::RATE;

/// One source's clock against ours. Times are in samples.
#[derive(Debug, Default)]
pub struct Placement {
    /// By second of arrival: the least of arrival minus timestamp.
    least: VecDeque<(u64, i64)>,
    last: Option<Arrival>,
    /// Added to a timestamp it is the place.
    offset: Option<i64>,
    drift: Drift,
}

#[derive(Debug, Clone, Copy)]
struct Arrival {
    at: u64,
    lateness: i64,
}

/// How far the offset has moved, and in how long.
#[derive(Debug, Default)]
struct Drift {
    /// Timestamp and offset from which on the offset only follows the clock.
    settled: Option<(i64, i64)>,
    first: Option<i64>,
    last: (i64, i64),
    moved: i64,
    during: i64,
}

/// A frame's place, and by how many samples it is to be longer than it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    pub start: i64,
    pub stretch: i64,
}

impl Placement {
    /// Whether a packet with this lateness can't be of the same clock: the source began anew.
    pub fn is_broken_by(&self, lateness: i64) -> bool {
        self.last
            .is_some_and(|last| (lateness - last.lateness).abs() > ANOTHER_CLOCK)
    }

    /// Takes a packet's arrival. `lateness` is the time of its first sample, had it come without delay, minus its
    /// timestamp.
    pub fn handle_arrival(&mut self, at: u64, lateness: i64) {
        // After a pause the path or the clock may be another.
        if self.last.is_some_and(|last| at > last.at + PAUSE) {
            self.least.clear();
        }
        self.last = Some(Arrival { at, lateness });
        let second = at / u64::from(RATE);
        match self.least.back_mut() {
            Some((of, least)) if *of >= second => *least = lateness.min(*least),
            Some(_) | None => self.least.push_back((second, lateness)),
        }
        while self
            .least
            .front()
            .is_some_and(|(of, _)| of + SECONDS <= second)
        {
            self.least.pop_front();
        }
    }

    /// Where a frame goes. One that continues what was last placed, which ends at `end`, moves by a sample at most.
    pub fn place(&mut self, timestamp: i64, end: i64) -> Placed {
        let target = self.least.iter().map(|(_, lateness)| *lateness).min();
        let Some(offset) = self.offset else {
            let offset = target.unwrap_or(-timestamp);
            self.offset = Some(offset);
            return Placed {
                start: timestamp + offset,
                stretch: 0,
            };
        };
        let off = target.map_or(0, |target| target - offset);
        let continues = timestamp + offset == end;
        let (moved, stretch) = match off.abs() {
            0..TOLERATED => (0, 0),
            TOLERATED..=ANOTHER_PATH if continues => (0, off.signum()),
            _ => (off, 0),
        };
        if off.abs() > ANOTHER_PATH {
            self.drift.pause(timestamp, offset);
        }
        let start = timestamp + offset + moved;
        self.offset = Some(offset + moved + stretch);
        self.drift.follow(timestamp, offset + moved + stretch);
        Placed { start, stretch }
    }

    /// Without moving anything: where a frame would go.
    pub fn expected(&self, timestamp: i64) -> i64 {
        let target = || self.least.iter().map(|(_, lateness)| *lateness).min();
        timestamp + self.offset.or_else(target).unwrap_or(-timestamp)
    }

    /// By how much the source's clock was ahead of ours at the end, and how long it was watched; both in samples.
    pub fn drift(&self) -> (i64, i64) {
        let (timestamp, offset) = self.drift.last;
        match self.drift.settled {
            Some((then, was)) => (
                self.drift.moved + was - offset,
                self.drift.during + timestamp - then,
            ),
            None => (self.drift.moved, self.drift.during),
        }
    }
}

impl Drift {
    fn follow(&mut self, timestamp: i64, offset: i64) {
        let first = *self.first.get_or_insert(timestamp);
        if self.settled.is_none() && timestamp - first > SETTLING {
            self.settled = Some((timestamp, offset));
        }
        self.last = (timestamp, offset);
    }

    /// The offset is about to jump, which is no drift.
    fn pause(&mut self, timestamp: i64, offset: i64) {
        if let Some((then, was)) = self.settled.take() {
            self.moved += was - offset;
            self.during += timestamp - then;
        }
        self.first = None;
    }
}

/// A second: no jitter is that long, but a source that begins anew is further off.
const ANOTHER_CLOCK: i64 = RATE as i64;

/// 60 ms: what is further off is put right at once, not by a sample a frame.
const ANOTHER_PATH: i64 = 60 * RATE as i64 / 1_000;

/// Samples below which the clocks agree.
const TOLERATED: i64 = 2;

/// 200 ms without a packet.
const PAUSE: u64 = RATE as u64 / 5;

/// How many seconds of arrivals are looked at: long enough to see an undelayed one, short enough that a clock which is
/// 200 millionths slow is 1 ms off at most.
const SECONDS: u64 = 5;

/// How long a source's first offset may be wrong: as long as a frame's sample takes to mend 60 ms, and some more.
const SETTLING: i64 = 12 * RATE as i64;
