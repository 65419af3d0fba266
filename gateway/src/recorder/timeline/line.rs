//! One channel: its sources, the packets that wait for their place, and the silence between them.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::marks::Marks;
use super::place::Placement;
use super::{Mark, Packet, milliseconds};
use crate::recorder::decode::{self, Decoder};
use crate::recorder::manifest::{Gap, Reason};

/// One channel on our clock.
#[derive(Debug)]
pub struct Line {
    channel: u8,
    /// The present one and the one before it, whose last packets may be late.
    sources: VecDeque<Source>,
    next_source: u64,
    /// In the order of sources and sequence numbers.
    waiting: BTreeMap<(u64, i64), Waiting>,
    marks: Marks,
    decoder: Decoder,
    /// Samples from `taken` on.
    samples: Vec<i16>,
    taken: u64,
    /// Where what was last placed ends.
    end: u64,
    heard: Heard,
    codec: Option<&'static str>,
    /// Of sources that are over: how far their clocks were ahead, and during how long.
    drift: (i64, i64),
    /// Those that ended since they were last taken.
    pub gaps: Vec<Gap>,
}

/// What came on a channel until now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Heard {
    pub codec: Option<String>,
    pub packets: u64,
    pub lost: u64,
    pub dropped: u64,
    pub skew_ppm: f64,
}

/// A synchronisation source, or a part of one between two jumps of its numbers.
#[derive(Debug)]
struct Source {
    number: u64,
    ssrc: u32,
    /// The last packet's, without wraps.
    sequence: i64,
    timestamp: i64,
    placement: Placement,
    /// The sequence number after the last that was placed.
    next: Option<i64>,
}

/// A packet whose turn comes.
#[derive(Debug)]
struct Waiting {
    timestamp: i64,
    packet: Packet,
}

impl Line {
    pub fn new(channel: u8) -> Self {
        Self {
            channel,
            sources: VecDeque::with_capacity(2),
            next_source: 0,
            waiting: BTreeMap::new(),
            marks: Marks::default(),
            decoder: Decoder::default(),
            samples: Vec::new(),
            taken: 0,
            end: 0,
            heard: Heard::default(),
            codec: None,
            drift: (0, 0),
            gaps: Vec::new(),
        }
    }

    /// Takes a packet that came at `at`.
    pub fn handle_packet(&mut self, at: u64, packet: Packet) {
        let ticks = i64::from(decode::ticks_per_sample(packet.codec));
        let duration = decode::duration(packet.codec, &packet.payload);
        if duration == 0 {
            // Nothing to hear, and nothing to place.
            return;
        }
        let begun = at as i64 - duration as i64;
        let source = self.source_of(&packet, ticks, begun);
        if source.next.is_some_and(|next| source.sequence < next) {
            // Its place has come out already, as a loss.
            return;
        }
        let timestamp = source.timestamp / ticks;
        source.placement.handle_arrival(at, begun - timestamp);
        let place = (source.number, source.sequence);
        if self.waiting.len() >= WAITING {
            self.heard.dropped += 1;
            return;
        }
        let new = Waiting { timestamp, packet };
        if self.waiting.insert(place, new).is_none() {
            self.heard.packets += 1;
        }
    }

    pub fn handle_mark(&mut self, at: u64, mark: Mark, holds: bool) {
        self.marks.set(at, mark, holds);
    }

    /// The packet's source, its numbers moved on to the packet's.
    fn source_of(&mut self, packet: &Packet, ticks: i64, begun: i64) -> &mut Source {
        let known = self.sources.iter().rposition(|source| {
            let (sequence, timestamp) = source.unwrapped(packet);
            let near = (sequence - source.sequence).abs() < NEAR;
            let lateness = begun - timestamp / ticks;
            source.ssrc == packet.ssrc && near && !source.placement.is_broken_by(lateness)
        });
        let place = match known {
            Some(place) => {
                let source = &mut self.sources[place];
                (source.sequence, source.timestamp) = source.unwrapped(packet);
                place
            }
            None => {
                if self.sources.len() == 2
                    && let Some(over) = self.sources.pop_front()
                {
                    let (ahead, during) = over.placement.drift();
                    self.drift.0 += ahead;
                    self.drift.1 += during;
                }
                self.sources.push_back(Source {
                    number: self.next_source,
                    ssrc: packet.ssrc,
                    sequence: packet.sequence.into(),
                    timestamp: packet.timestamp.into(),
                    placement: Placement::default(),
                    next: None,
                });
                self.next_source += 1;
                self.sources.len() - 1
            }
        };
        &mut self.sources[place]
    }

    /// The samples up to `until`, which nothing can change any more.
    pub fn take(&mut self, until: u64) -> Vec<i16> {
        while let Some(next) = self.waiting.first_entry() {
            let (number, sequence) = *next.key();
            let source = self
                .sources
                .iter()
                .position(|source| source.number == number);
            let Some(source) = source else {
                // A source that two others followed within the window.
                self.heard.lost += 1;
                next.remove();
                continue;
            };
            let expected = self.sources[source]
                .placement
                .expected(next.get().timestamp);
            if expected >= until as i64 {
                break;
            }
            let waiting = next.remove();
            self.place(source, sequence, waiting);
        }
        let whole = (until - self.taken) as usize;
        if self.samples.len() < whole {
            self.samples.resize(whole, 0);
        }
        let rest = self.samples.split_off(whole);
        self.taken = until;
        self.marks.forget(self.end.min(until));
        std::mem::replace(&mut self.samples, rest)
    }

    fn place(&mut self, source: usize, sequence: i64, waiting: Waiting) {
        let source = &mut self.sources[source];
        let missing = source.next.map_or(0, |next| (sequence - next).max(0)) as u64;
        let why = match (source.next, missing, waiting.packet.missed) {
            (None, ..) => Reason::Silent,
            (Some(_), 0, _) => Reason::Dtx,
            (Some(_), _, 0) => Reason::Lost,
            (Some(_), ..) => Reason::Dropped,
        };
        source.next = Some(sequence + 1);
        let placed = source.placement.place(waiting.timestamp, self.end as i64);
        let packet = waiting.packet;
        self.codec = Some(packet.codec.name());
        let mut samples = Vec::with_capacity(packet.payload.len() + 1);
        self.decoder
            .decode(packet.codec, &packet.payload, &mut samples);
        if placed.stretch != 0 {
            samples = stretched(&samples, placed.stretch);
        }
        // What lies before the start, or where something was placed already, is left out.
        let overlap = (self.end.max(self.taken) as i64 - placed.start).max(0);
        let from = (placed.start + overlap) as u64;
        let Some(samples) = samples.get(overlap as usize..) else {
            self.count(missing, packet.missed, false);
            return;
        };
        let to = from + samples.len() as u64;
        let mut marked = self.is_marked(self.end, from);
        let stretches: Vec<_> = self.marks.within(from, to).collect();
        for (begin, end, mark) in stretches {
            marked |= mark.is_some();
            if mark.is_none() {
                self.be_silent(begin, why);
                let audio = &samples[(begin - from) as usize..(end - from) as usize];
                self.write(begin, audio);
            }
        }
        self.count(missing, packet.missed, marked);
    }

    /// Counts what is missing, unless it wasn't to be had.
    fn count(&mut self, missing: u64, missed: u32, marked: bool) {
        if !marked {
            let dropped = missing.min(missed.into());
            self.heard.dropped += dropped;
            self.heard.lost += missing - dropped;
        }
    }

    fn write(&mut self, from: u64, audio: &[i16]) {
        let start = (from - self.taken) as usize;
        if self.samples.len() < start {
            self.samples.resize(start, 0);
        }
        // Nothing lies behind: the silence before was noted, and places only grow.
        self.samples.truncate(start);
        self.samples.extend_from_slice(audio);
        self.end = from + audio.len() as u64;
    }

    /// What is silent to the end of the recording.
    pub fn finish(&mut self, until: u64) {
        self.be_silent(until, Reason::Silent);
        self.end = self.end.max(until);
    }

    /// The silence that goes on beyond `until`, as it looks now.
    pub fn open(&self, until: u64) -> Vec<Gap> {
        self.silence(self.end, until, Reason::Silent)
    }

    /// From the last audio on to `to` there was none.
    fn be_silent(&mut self, to: u64, why: Reason) {
        for gap in self.silence(self.end, to, why) {
            match self.gaps.last_mut() {
                Some(last) if last.reason == gap.reason && last.to_ms == gap.from_ms => {
                    last.to_ms = gap.to_ms;
                }
                Some(_) | None => self.gaps.push(gap),
            }
        }
    }

    fn silence(&self, from: u64, to: u64, why: Reason) -> Vec<Gap> {
        if to < from + AUDIBLE {
            return Vec::new();
        }
        let mut stretches: Vec<(u64, u64, Option<Reason>)> = self.marks.within(from, to).collect();
        absorb(&mut stretches);
        let mut gaps: Vec<Gap> = Vec::new();
        for (from, to, mark) in stretches {
            let reason = mark.unwrap_or(why);
            match gaps.last_mut() {
                Some(last) if last.reason == reason => last.to_ms = milliseconds(to),
                Some(_) | None => gaps.push(Gap {
                    channel: self.channel,
                    from_ms: milliseconds(from),
                    to_ms: milliseconds(to),
                    reason,
                }),
            }
        }
        gaps.retain(|gap| gap.to_ms > gap.from_ms);
        gaps
    }

    fn is_marked(&self, from: u64, to: u64) -> bool {
        from < to
            && self
                .marks
                .within(from, to)
                .any(|(_, _, mark)| mark.is_some())
    }

    pub fn heard(&self) -> Heard {
        let over = self.drift;
        let (ahead, during) = self.sources.iter().fold(over, |(ahead, during), source| {
            let (more, longer) = source.placement.drift();
            (ahead + more, during + longer)
        });
        let skew = match during {
            0 => 0.0,
            _ => ahead as f64 / during as f64 * 1e6,
        };
        Heard {
            codec: self.codec.map(str::to_owned),
            skew_ppm: (skew * 10.0).round() / 10.0,
            ..self.heard.clone()
        }
    }
}

impl Source {
    /// The packet's numbers as a continuation of the last ones.
    fn unwrapped(&self, packet: &Packet) -> (i64, i64) {
        let sequence = packet.sequence.wrapping_sub(self.sequence as u16) as i16;
        let timestamp = packet.timestamp.wrapping_sub(self.timestamp as u32) as i32;
        (
            self.sequence + i64::from(sequence),
            self.timestamp + i64::from(timestamp),
        )
    }
}

/// Packets are on their way when something is marked: a short silence beside it is the mark's.
fn absorb(stretches: &mut [(u64, u64, Option<Reason>)]) {
    for n in 0..stretches.len() {
        let (from, to, mark) = stretches[n];
        if mark.is_none() && to - from <= BESIDE {
            let before = n.checked_sub(1).and_then(|n| stretches[n].2);
            let after = stretches.get(n + 1).and_then(|next| next.2);
            stretches[n].2 = before.or(after);
        }
    }
}

/// A frame made a few samples longer or shorter by drawing a line between each two of its own: no click, and a change
/// of pitch that nobody hears.
fn stretched(samples: &[i16], by: i64) -> Vec<i16> {
    let length = samples.len() as i64 + by;
    if samples.len() < 2 || length < 2 {
        return samples.to_vec();
    }
    let (from, to) = (samples.len() as i64 - 1, length - 1);
    (0..length)
        .map(|n| {
            let (whole, part) = ((n * from / to) as usize, n * from % to);
            let here = i64::from(samples[whole]);
            let next = samples.get(whole + 1).map_or(here, |next| i64::from(*next));
            (here + (next - here) * part / to) as i16
        })
        .collect()
}

/// A source whose sequence numbers are further apart has begun anew (RFC 3550 appendix A.1).
const NEAR: i64 = 3_000;

/// Packets that may wait: 2 s of them where 250 ms are usual.
const WAITING: usize = 200;

/// A millisecond: shorter silences are the mending of a clock.
const AUDIBLE: u64 = 8;

/// 60 ms.
const BESIDE: u64 = 480;
