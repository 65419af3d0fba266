//! A small adaptive jitter buffer: packets in as they come, out in their order and in time.
//!
//! *Insert what arrives; take a step whenever audio is needed, until there is enough of it.* Pure, and
//! nothing is allocated once it is made. Media time is counted in units of 125 µs.
//!
//! ```text
//!          a packet is there              nothing came for 60 ms, or it isn't its time yet
//! Resting ───────────────────▶ Playing ───────────────────────────────────────────────────▶ Resting
//! ```
//!
//! What is missing is made up for; when it turns out to have been late only, it is played all the
//! same, which makes the delay longer; when it was lost, what was made up stands for it. A delay that
//! is longer or shorter than needed is mended a few milliseconds at a time ([`Pace`]).

mod delay;
#[cfg(test)]
pub(crate) mod network;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use crate::rtp::clock::ClockRate;
use crate::rtp::{Header, Ssrc};
use delay::Delay;

/// What to play next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The packet in this place.
    Play(Place, Pace),
    /// What was lost, from what the packet in this place tells of it. So many units.
    Recover(Place, u32),
    /// What is missing. So many units.
    Conceal(u32),
    /// Nothing, until there is something again.
    Rest,
}

/// A packet in the buffer; to be read before the next one is inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(usize);

/// How a packet is to be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    AsItIs,
    /// A period of the voice less: the delay is longer than it need be.
    Faster,
    /// A period of the voice more.
    Slower,
}

/// Why a packet isn't kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Its time is over.
    Late,
    Duplicate,
    TooLong,
}

/// What happened so far, in packets and units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub played: u64,
    pub late: u64,
    /// Units that were made up from nothing.
    pub concealed: u64,
    /// Units that a later packet told.
    pub recovered: u64,
}

/// The packets of one source that wait for their time.
#[derive(Debug)]
pub struct Playout {
    waiting: Box<[Option<Waiting>; PLACES]>,
    payloads: Box<[u8]>,
    epoch: Instant,
    redundancy: Redundancy,
    source: Option<Source>,
    state: State,
    tally: Tally,
}

/// Whether a packet tells of the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redundancy {
    None,
    InBand,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    /// Its media time.
    at: i64,
    /// How long it lasts.
    span: u32,
    length: usize,
}

#[derive(Debug)]
struct Source {
    ssrc: Ssrc,
    clock: ClockRate,
    /// The last timestamp, and how many of its units passed since the first.
    timestamp: u32,
    passed: i64,
    /// Arrival minus media time of the last packet.
    transit: i64,
    /// Of a packet; what is concealed comes in such pieces.
    span: u32,
    delay: Delay,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Resting,
    Playing {
        /// The media time that is played next.
        cursor: i64,
        /// Made up at `cursor`, while nothing was there.
        owed: i64,
        /// When the pace was changed last.
        paced: i64,
    },
}

impl Playout {
    pub fn new(redundancy: Redundancy, now: Instant) -> Self {
        Self {
            waiting: Box::new([None; PLACES]),
            payloads: vec![0; PLACES * ROOM].into_boxed_slice(),
            epoch: now,
            redundancy,
            source: None,
            state: State::Resting,
            tally: Tally::default(),
        }
    }

    /// Takes a packet that lasts `span` units.
    ///
    /// # Errors
    ///
    /// [`Refused`]
    pub fn insert(
        &mut self,
        header: &Header,
        clock: ClockRate,
        span: u32,
        payload: &[u8],
        now: Instant,
    ) -> Result<(), Refused> {
        if payload.len() > ROOM {
            return Err(Refused::TooLong);
        }
        let now = self.units(now);
        let at = self.follow(header, clock, span, now);
        if let State::Playing { cursor, .. } = self.state
            && at < cursor
        {
            self.tally.late += 1;
            return Err(Refused::Late);
        }
        if self.waiting.iter().flatten().any(|other| other.at == at) {
            return Err(Refused::Duplicate);
        }
        let place = match self.waiting.iter().position(Option::is_none) {
            Some(place) => place,
            None => self.make_room(),
        };
        self.payloads[place * ROOM..][..payload.len()].copy_from_slice(payload);
        self.waiting[place] = Some(Waiting {
            at,
            span,
            length: payload.len(),
        });
        Ok(())
    }

    /// When to begin: `None` while nothing waits, or while it plays.
    pub fn begins(&self) -> Option<Instant> {
        let (_, first) = self.first().filter(|_| self.state == State::Resting)?;
        let delay = &self.source.as_ref()?.delay;
        let due = first.at + delay.base() + delay.target();
        Some(self.epoch + Duration::from_micros(due.max(0) as u64 * 125))
    }

    /// What to play at `now`. Call until there is a frame, or [`Step::Rest`].
    pub fn step(&mut self, now: Instant) -> Step {
        let now = self.units(now);
        let Some((span, base, target)) = self.source.as_ref().map(|source| {
            let delay = &source.delay;
            (source.span, delay.base(), delay.target())
        }) else {
            return Step::Rest;
        };
        let first = self.first();
        let State::Playing {
            cursor,
            owed,
            paced,
        } = self.state
        else {
            let Some((place, first)) = first else {
                return Step::Rest;
            };
            self.state = State::Playing {
                cursor: first.at,
                owed: 0,
                paced: now,
            };
            return self.play(place, first, Pace::AsItIs, now, now);
        };
        let Some((mut place, mut first)) = first else {
            return self.starve(cursor, owed, paced, span);
        };
        // Since it would have come, had nothing held it up.
        let waited = |first: &Waiting| now - first.at - base;
        while waited(&first) > target + FAR {
            // After a stall there is more than can be caught up with by pace.
            self.waiting[place] = None;
            self.tally.late += 1;
            let Some(next) = self.first() else {
                return self.starve(cursor, owed, paced, span);
            };
            (place, first) = next;
        }
        let waited = waited(&first);
        let gap = first.at - cursor;
        if gap <= owed || waited >= target {
            let pace = match waited - target {
                _ if now < paced + PACE => Pace::AsItIs,
                much if much >= SLACK => Pace::Faster,
                little if little <= -SLACK => Pace::Slower,
                _ => Pace::AsItIs,
            };
            return self.play(place, first, pace, paced, now);
        }
        let missing = gap - owed;
        if target - waited > PATIENCE {
            // A pause, or a long loss: what comes after it is due at its own time.
            self.rest();
            return Step::Rest;
        }
        let piece = missing.min(span.into()) as u32;
        self.state = State::Playing {
            cursor: cursor + owed + i64::from(piece),
            owed: 0,
            paced,
        };
        if self.redundancy == Redundancy::InBand && missing <= span.into() {
            self.tally.recovered += u64::from(piece);
            return Step::Recover(Place(place), piece);
        }
        self.tally.concealed += u64::from(piece);
        Step::Conceal(piece)
    }

    /// What a step spoke of.
    pub fn payload(&self, place: Place) -> &[u8] {
        let length = self.waiting[place.0].map_or(0, |packet| packet.length);
        &self.payloads[place.0 * ROOM..][..length]
    }

    /// Forgets a packet that was played.
    pub fn release(&mut self, place: Place) {
        self.waiting[place.0] = None;
    }

    /// Stops playing, and forgets what waits.
    pub fn clear(&mut self) {
        self.waiting.fill(None);
        self.rest();
    }

    /// How long a lost packet would have been.
    pub fn span(&self) -> u32 {
        self.source.as_ref().map_or(FRAME, |source| source.span)
    }

    #[cfg(test)]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Nothing is there: perhaps it is late, perhaps the source pauses.
    fn starve(&mut self, cursor: i64, owed: i64, paced: i64, span: u32) -> Step {
        if owed >= PATIENCE {
            self.rest();
            return Step::Rest;
        }
        self.state = State::Playing {
            cursor,
            owed: owed + i64::from(span),
            paced,
        };
        self.tally.concealed += u64::from(span);
        Step::Conceal(span)
    }

    fn rest(&mut self) {
        self.state = State::Resting;
    }

    fn play(&mut self, place: usize, packet: Waiting, pace: Pace, paced: i64, now: i64) -> Step {
        self.state = State::Playing {
            cursor: packet.at + i64::from(packet.span),
            owed: 0,
            paced: if pace == Pace::AsItIs { paced } else { now },
        };
        self.tally.played += 1;
        Step::Play(Place(place), pace)
    }

    /// The media time of a packet, and what it says of the path.
    fn follow(&mut self, header: &Header, clock: ClockRate, span: u32, now: i64) -> i64 {
        let known = self
            .source
            .as_ref()
            .is_some_and(|source| source.ssrc == header.ssrc && source.clock == clock);
        if !known {
            self.clear();
            self.source = None;
        }
        let floor = match self.redundancy {
            Redundancy::None => FLOOR,
            Redundancy::InBand => FLOOR_WITH_REDUNDANCY,
        };
        let source = self.source.get_or_insert_with(|| Source {
            ssrc: header.ssrc,
            clock,
            timestamp: header.timestamp,
            passed: 0,
            transit: now,
            span,
            delay: Delay::new(floor),
        });
        let step = header.timestamp.wrapping_sub(source.timestamp) as i32;
        source.passed += i64::from(step);
        source.timestamp = header.timestamp;
        source.span = span;
        let at = match clock {
            ClockRate::Khz8 => source.passed,
            ClockRate::Khz48 => source.passed / 6,
        };
        let transit = now - at;
        if (transit - source.transit).abs() > JUMP {
            // Another line of timestamps, or a stall of seconds: the past says nothing about it.
            source.delay = Delay::new(floor);
            self.waiting.fill(None);
            self.state = State::Resting;
        }
        source.transit = transit;
        source.delay.count(transit, now);
        at
    }

    /// The packet that is to be played first.
    fn first(&self) -> Option<(usize, Waiting)> {
        self.waiting
            .iter()
            .enumerate()
            .filter_map(|(place, packet)| Some((place, (*packet)?)))
            .min_by_key(|(_, packet)| packet.at)
    }

    /// Gives the oldest packet up.
    fn make_room(&mut self) -> usize {
        let oldest = self.first().map_or(0, |(place, _)| place);
        self.waiting[oldest] = None;
        self.tally.late += 1;
        oldest
    }

    fn units(&self, now: Instant) -> i64 {
        (now.saturating_duration_since(self.epoch).as_micros() / 125) as i64
    }
}

/// 480 ms of the usual packets.
const PLACES: usize = 24;
/// 60 ms of G.711, or the largest frame of Opus (RFC 6716 §3.4).
const ROOM: usize = 1_280;
/// 20 ms.
const FRAME: u32 = 160;
/// 20 ms: without any jitter.
const FLOOR: i64 = 160;
/// 40 ms: the packet that tells of a lost one is there.
const FLOOR_WITH_REDUNDANCY: i64 = 320;
/// 60 ms, when a voice that is made up has faded.
const PATIENCE: i64 = 480;
/// By which the delay may be wrong: 15 ms.
const SLACK: i64 = 120;
/// Between two changes of pace, 60 ms: more are heard.
const PACE: i64 = 480;
/// 100 ms beyond the target: what is that late is left out.
const FAR: i64 = 800;
/// 2 s.
const JUMP: i64 = 16_000;
