//! One direction of a call whose codecs can't meet: the source's packets wait in a jitter buffer, are
//! decoded when their time has come, and coded anew, 20 ms each, in a clock of our own.
//!
//! ```text
//!         a packet                 its time has come             nothing more to play
//! Idle ─────────────▶ Waiting ──────────────────────▶ Talking ──────────────────────▶ Idle
//! ```
//!
//! All room is taken when it is made; after that nothing is allocated.

mod pace;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use crate::codec::AudioCodec;
use crate::codec::coder::{self, Decoder, FRAME};
use crate::codec::opus::Refused;
use crate::playout::{Pace, Playout, Redundancy, Step};
use crate::rtp::Header;

/// From one codec's packets to frames of samples.
#[derive(Debug)]
pub struct Transcoder {
    codec: AudioCodec,
    playout: Playout,
    decoder: Decoder,
    /// Decoded and not played yet; less than a frame between two polls.
    line: Vec<i16>,
    /// What is decoded goes here first.
    decoded: Vec<i16>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Waiting { until: Instant },
    Talking { due: Instant },
}

/// A frame whose time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// When it was due: 20 ms after the one before, however late that one was polled.
    pub at: Instant,
    pub place: Place,
}

/// Where a frame stands in its talkspurt (RFC 3551 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    First,
    Later,
}

impl Transcoder {
    /// # Errors
    ///
    /// [`Refused`] by libopus.
    pub fn new(codec: AudioCodec, now: Instant) -> Result<Self, Refused> {
        let redundancy = match codec {
            AudioCodec::Opus => Redundancy::InBand,
            AudioCodec::Pcma | AudioCodec::Pcmu | AudioCodec::G722 => Redundancy::None,
        };
        Ok(Self {
            codec,
            playout: Playout::new(redundancy, now),
            decoder: Decoder::new(codec)?,
            line: Vec::with_capacity(2 * coder::LONGEST),
            decoded: Vec::with_capacity(2 * coder::LONGEST),
            state: State::Idle,
        })
    }

    /// What it decodes.
    pub fn codec(&self) -> AudioCodec {
        self.codec
    }

    /// Takes a packet. One that is late, damaged or there already is passed over.
    pub fn insert(&mut self, header: &Header, payload: &[u8], now: Instant) {
        let Some(span) = coder::span(self.codec, payload) else {
            return;
        };
        let clock = self.codec.clock();
        let kept = self.playout.insert(header, clock, span, payload, now);
        if kept.is_err() {
            return;
        }
        if let (State::Idle | State::Waiting { .. }, Some(until)) =
            (self.state, self.playout.begins())
        {
            self.state = State::Waiting { until };
        }
    }

    /// When to poll next.
    pub fn due(&self) -> Option<Instant> {
        match self.state {
            State::Idle => None,
            State::Waiting { until: due } | State::Talking { due } => Some(due),
        }
    }

    /// Fills `samples` with the frame that is due at `now`. Call until `None`.
    pub fn poll(&mut self, samples: &mut [i16; FRAME], now: Instant) -> Option<Frame> {
        let due = self.due().filter(|&due| now >= due)?;
        // What a worker slept through isn't sent in one burst.
        let at = if now > due + LATE { now } else { due };
        let place = match self.state {
            State::Talking { .. } if at == due => Place::Later,
            State::Idle | State::Waiting { .. } | State::Talking { .. } => Place::First,
        };
        while self.line.len() < FRAME {
            if !self.decode_next(at) {
                self.pause();
                return None;
            }
        }
        samples.copy_from_slice(&self.line[..FRAME]);
        self.line.drain(..FRAME);
        self.state = State::Talking { due: at + PTIME };
        Some(Frame { at, place })
    }

    /// Forgets what waits: its source is withheld.
    pub fn stop(&mut self) {
        self.playout.clear();
        self.line.clear();
        self.state = State::Idle;
    }

    #[cfg(test)]
    pub fn tally(&self) -> crate::playout::Tally {
        self.playout.tally()
    }

    /// Adds to the line what comes next; `false` when nothing does.
    fn decode_next(&mut self, at: Instant) -> bool {
        let expected = 2 * self.playout.span() as usize;
        self.decoded.resize(coder::LONGEST, 0);
        match self.playout.step(at) {
            Step::Rest => return false,
            Step::Play(place, pace) => {
                let payload = self.playout.payload(place);
                let count = self.decoder.decode(payload, expected, &mut self.decoded);
                self.playout.release(place);
                self.decoded.truncate(count);
                match pace {
                    Pace::AsItIs => {}
                    Pace::Faster => pace::shorten(&mut self.decoded),
                    Pace::Slower => pace::lengthen(&mut self.decoded),
                }
            }
            Step::Recover(place, span) => {
                let out = &mut self.decoded[..2 * span as usize];
                let count = self.decoder.recover(self.playout.payload(place), out);
                self.decoded.truncate(count);
            }
            Step::Conceal(span) => {
                let count = self.decoder.conceal(&mut self.decoded[..2 * span as usize]);
                self.decoded.truncate(count);
            }
        }
        self.line.extend_from_slice(&self.decoded);
        true
    }

    /// The talkspurt is over; what waits already has its own time.
    fn pause(&mut self) {
        self.line.clear();
        self.state = match self.playout.begins() {
            None => State::Idle,
            Some(until) => State::Waiting { until },
        };
    }
}

/// Of every frame.
pub const PTIME: Duration = Duration::from_millis(20);
/// As deep as the receiver's buffer may be.
const LATE: Duration = Duration::from_millis(200);
