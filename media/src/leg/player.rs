//! A prompt that is played to a leg's peer: a frame every 20 ms in place of what is relayed.
//!
//! ```text
//!         play              the peer can be sent to            the end (Once)
//! Silent ──────▶ Waiting ───────────────────────────▶ Playing ────────────────▶ Silent
//! ```
//!
//! `play` replaces what plays, `stop` leads to `Silent` from anywhere. Once begun, a prompt goes on
//! in time: what falls into a hold or into digits of ours isn't heard.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Leg, Notice, Security};
use crate::codec::AudioCodec;
use crate::prompt::{Prompt, Repeat};
use crate::rtp::Header;
use crate::sdp::negotiate::Agreed;

/// What is being played to a leg's peer.
#[derive(Debug, Default)]
pub struct Player {
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Silent,
    /// For keys, an address, or the end of a hold.
    Waiting {
        prompt: Prompt,
        repeat: Repeat,
        until: Instant,
    },
    Playing {
        prompt: Prompt,
        repeat: Repeat,
        /// The first sample of the next frame.
        position: usize,
        /// When that frame is to be sent: 20 ms after the one before, however late that one was.
        due: Instant,
        talkspurt: Talkspurt,
    },
}

/// Whether the next frame follows another one (RFC 3551 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Talkspurt {
    Begins,
    GoesOn,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The frame of this time.
    Frame(Instant, Talkspurt),
    Ended,
}

impl Player {
    /// When to poll next.
    pub fn due(&self) -> Option<Instant> {
        match self.state {
            State::Silent => None,
            State::Waiting { until, .. } => Some(until),
            State::Playing { due, .. } => Some(due),
        }
    }

    /// Whether relayed packets must give way.
    pub fn withholds(&self) -> bool {
        match self.state {
            State::Silent => false,
            State::Waiting { .. } | State::Playing { .. } => true,
        }
    }

    fn play(&mut self, prompt: Prompt, repeat: Repeat, now: Instant) {
        self.state = State::Waiting {
            prompt,
            repeat,
            until: now,
        };
    }

    fn stop(&mut self) {
        self.state = State::Silent;
    }

    /// What is due at `now`, on a leg that can send or not. Spend a frame by [`Player::fill`] or
    /// [`Player::miss`], then poll again.
    fn poll(&mut self, can_send: bool, now: Instant) -> Option<Step> {
        if let State::Waiting {
            prompt,
            repeat,
            until,
        } = &mut self.state
        {
            if now < *until {
                return None;
            }
            if !can_send {
                *until = now + FRAME;
                return None;
            }
            self.state = State::Playing {
                prompt: prompt.clone(),
                repeat: *repeat,
                position: 0,
                due: now,
                talkspurt: Talkspurt::Begins,
            };
        }
        let State::Playing {
            prompt,
            repeat,
            position,
            due,
            talkspurt,
        } = &mut self.state
        else {
            return None;
        };
        if now < *due {
            return None;
        }
        if *repeat == Repeat::Once && *position >= prompt.length() {
            self.state = State::Silent;
            return Some(Step::Ended);
        }
        if now > *due + LATE {
            *due = now;
            *talkspurt = Talkspurt::Begins;
        }
        Some(Step::Frame(*due, *talkspurt))
    }

    /// Writes the frame that is due.
    fn fill(&mut self, frame: &mut [u8], codec: AudioCodec) {
        if let State::Playing {
            prompt,
            repeat,
            position,
            ..
        } = &self.state
        {
            prompt.fill(frame, codec, *position, *repeat);
        }
        self.advance(Talkspurt::GoesOn);
    }

    /// Lets the time of the frame that is due pass.
    fn miss(&mut self) {
        self.advance(Talkspurt::Begins);
    }

    fn advance(&mut self, next: Talkspurt) {
        if let State::Playing {
            prompt,
            repeat,
            position,
            due,
            talkspurt,
        } = &mut self.state
        {
            *position += SAMPLES;
            if *repeat == Repeat::Forever {
                *position %= prompt.length();
            }
            *due += FRAME;
            *talkspurt = next;
        }
    }
}

impl Leg {
    /// A frame of G.711; [`Leg::poll_prompt`] needs room for [`Leg::RECODED_PACKET`], before what
    /// sealing appends.
    pub const PROMPT_PACKET: usize = Header::FIXED + SAMPLES;

    /// Plays `prompt` in place of what is relayed, and of what plays.
    pub fn play(&mut self, prompt: Prompt, repeat: Repeat, now: Instant) {
        self.player.play(prompt, repeat, now);
    }

    /// Back to what is relayed, with the very next packet.
    pub fn stop_playing(&mut self) {
        self.player.stop();
        self.egress.numbering.resume();
    }

    /// Writes the frame that is due at `now` into `packet`. Returns its length and where it goes.
    /// Call until `None`.
    pub fn poll_prompt(&mut self, packet: &mut [u8], now: Instant) -> Option<(usize, SocketAddr)> {
        loop {
            let route = self.audible();
            let (at, talkspurt) = match self.player.poll(route.is_some(), now)? {
                Step::Frame(at, talkspurt) => (at, talkspurt),
                Step::Ended => {
                    self.egress.numbering.resume();
                    self.notices.push(Notice::Played);
                    return None;
                }
            };
            let Some((agreed, to)) = route.filter(|_| !self.keypad.withholds(None)) else {
                self.player.miss();
                continue;
            };
            let frame = &mut packet[Header::FIXED..Self::PROMPT_PACKET];
            self.player.fill(frame, agreed.codec);
            let length = match agreed.codec {
                AudioCodec::Pcma | AudioCodec::Pcmu => {
                    self.egress.meter.count(agreed.codec, frame, now);
                    Self::PROMPT_PACKET
                }
                AudioCodec::G722 | AudioCodec::Opus => {
                    self.egress.meter.count(AudioCodec::Pcma, frame, now);
                    let room = &mut packet[Header::FIXED..Self::RECODED_PACKET];
                    Header::FIXED + self.recoding.encode_prompt(agreed.codec, room)?
                }
            };
            let placed = match talkspurt {
                Talkspurt::Begins => self.egress.numbering.begin(at),
                Talkspurt::GoesOn => self.egress.numbering.continue_talkspurt(at),
            };
            let sealed = self.finish(packet, length, agreed.payload_type, placed);
            return Some((sealed.ok()?, to));
        }
    }

    /// How audio would reach the peer now.
    pub(super) fn audible(&self) -> Option<(Agreed, SocketAddr)> {
        let agreed = self.egress.agreed?;
        let keyed = !matches!(self.security, Security::AwaitingKeys);
        let to = self.path.destination()?;
        (keyed && agreed.direction.sends()).then_some((agreed, to))
    }
}

/// Of a packet, as everybody's ptime is.
const FRAME: Duration = Duration::from_millis(20);
/// [`FRAME`] at 8 kHz.
const SAMPLES: usize = 160;
/// A worker that slept longer than jitter buffers are deep doesn't send what it slept through in
/// one burst.
const LATE: Duration = Duration::from_millis(200);
