//! Both channels of a recording on one clock.
//!
//! Pure: packets, marks and `now` go in, pieces of equal length on both channels come out. A sample's index divided by
//! [`RATE`] is the time since the start, whatever the parties' clocks do. Packets wait for [`WINDOW`] so that late ones
//! find their place; what isn't there by then is silence, with a reason.

mod line;
mod marks;
mod place;

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use media::AudioCodec;

pub use self::line::Heard;
use self::line::Line;
use super::manifest::{Gap, Reason};

/// Samples a second, on each channel.
pub const RATE: u32 = 8_000;

/// How long packets may be late, and so how far the recording is behind the call.
pub const WINDOW: Duration = Duration::from_millis(250);

/// Samples in a piece, on each channel: half a second. With [`WINDOW`] it keeps what a sudden end loses below one.
pub const PIECE: u64 = RATE as u64 / 2;

/// Both channels, from the start to the end.
#[derive(Debug)]
pub struct Timeline {
    start: Instant,
    lines: [Line; 2],
    /// Samples that came out as pieces.
    done: u64,
    end: Option<u64>,
}

/// One packet of a channel.
#[derive(Debug, Clone)]
pub struct Packet {
    pub at: Instant,
    pub ssrc: u32,
    pub sequence: u16,
    pub timestamp: u32,
    pub codec: AudioCodec,
    /// Packets before it that came, but that nobody could take.
    pub missed: u32,
    pub payload: Box<[u8]>,
}

/// The reasons that are told, not found. Of several the first of this order counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    Paused,
    Hold,
    Mute,
    Reload,
}

/// A stretch of both channels.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// The place of its first sample.
    pub from: u64,
    /// Of equal length.
    pub samples: [Vec<i16>; 2],
    /// Gaps that ended, as far as is known by now.
    pub gaps: Vec<Gap>,
    /// Gaps that go on beyond this piece.
    pub open: Vec<Gap>,
    pub heard: [Heard; 2],
}

impl Mark {
    const ALL: [Self; 4] = [Self::Paused, Self::Hold, Self::Mute, Self::Reload];

    fn reason(self) -> Reason {
        match self {
            Self::Paused => Reason::Paused,
            Self::Hold => Reason::Hold,
            Self::Mute => Reason::Mute,
            Self::Reload => Reason::Reload,
        }
    }
}

impl Timeline {
    pub fn new(start: Instant) -> Self {
        Self {
            start,
            lines: [Line::new(0), Line::new(1)],
            done: 0,
            end: None,
        }
    }

    /// Takes a packet; one of before the start, or of a third channel, is nothing.
    pub fn handle_packet(&mut self, channel: u8, packet: Packet) {
        let at = self.place(packet.at);
        if let Some(line) = self.lines.get_mut(usize::from(channel)) {
            line.handle_packet(at, packet);
        }
    }

    /// From `at` on the mark holds for the channel, or doesn't any more.
    pub fn handle_mark(&mut self, at: Instant, channel: u8, mark: Mark, holds: bool) {
        let at = self.place(at);
        if let Some(line) = self.lines.get_mut(usize::from(channel)) {
            line.handle_mark(at, mark, holds);
        }
    }

    /// Nothing of after `at` belongs to the recording.
    pub fn handle_end(&mut self, at: Instant) {
        let at = self.place(at).max(self.done);
        self.end.get_or_insert(at);
    }

    /// The next piece, once nothing of it can be late any more. `None` as well when all has come out.
    pub fn poll_piece(&mut self, now: Instant) -> Option<Piece> {
        let whole = self.done + PIECE;
        let until = self.end.map_or(whole, |end| end.min(whole));
        let settled = self.place(now.checked_sub(WINDOW)?);
        if until <= self.done || settled < until {
            return None;
        }
        let ends = self.end == Some(until);
        let (from, mut gaps, mut open) = (self.done, Vec::new(), Vec::new());
        let samples = self.lines.each_mut().map(|line| {
            let samples = line.take(until);
            if ends {
                line.finish(until);
            }
            gaps.append(&mut line.gaps);
            open.extend(line.open(until));
            samples
        });
        self.done = until;
        Some(Piece {
            from,
            samples,
            gaps,
            open,
            heard: self.lines.each_ref().map(Line::heard),
        })
    }

    /// Whether all has come out.
    pub fn is_over(&self) -> bool {
        self.end.is_some_and(|end| end <= self.done)
    }

    /// Samples from the start to `at`; 0 for what was before.
    fn place(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.start);
        let nanos = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        nanos / (1_000_000_000 / u64::from(RATE))
    }
}

/// A place as the manifest tells it.
pub fn milliseconds(place: u64) -> u64 {
    place / (u64::from(RATE) / 1_000)
}
