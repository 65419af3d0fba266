//! Digits that we send: each an RFC 4733 event of eight packets, in time with the leg's line.
//!
//! ```text
//!          press                 8th packet              100 ms after the event
//! Idle ───────────▶ Pressed ───────────────▶ Released ───────────────────────▶ Idle
//!                                                ▲        a pause: Paused, 2 s ──▲
//! ```
//!
//! The next tone of the queue is taken in `Idle` only.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Discard, Leg, Notice, Security};
use crate::engine::Failure;
use crate::rtp::Header;
use crate::rtp::clock::ClockRate;
use crate::sdp::negotiate::Events;
use crate::tones::{Tone, Tones};

/// What is being dialled towards a leg's peer.
#[derive(Debug)]
pub struct Keypad {
    state: State,
    waiting: VecDeque<Tone>,
    withheld: Option<Withheld>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Pressed {
        code: u8,
        since: Instant,
        /// Packets so far.
        sent: u8,
    },
    /// The event is over; no other begins before.
    Released {
        until: Instant,
    },
    Paused {
        until: Instant,
    },
}

/// The source's timestamp of a relayed event that wasn't let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Withheld(u32);

/// One packet of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPacket {
    pub place: Place,
    code: u8,
    /// Within the event, from 0.
    nth: u8,
}

/// Where a packet stands in its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    First,
    Later,
}

impl EventPacket {
    /// Event, flags with volume, duration (RFC 4733 §2.3).
    const PAYLOAD: usize = 4;
    /// The whole packet, before SRTP.
    pub const LENGTH: usize = Header::FIXED + Self::PAYLOAD;

    /// The `n`th of an event, from 0.
    fn nth(code: u8, n: u8) -> Self {
        let place = if n == 0 { Place::First } else { Place::Later };
        Self {
            place,
            code,
            nth: n,
        }
    }

    /// One sent at the event's beginning speaks of the 20 ms that follow, as the audio packet in its
    /// place would have.
    pub fn payload(&self, clock: ClockRate) -> [u8; Self::PAYLOAD] {
        let end = if self.nth < UPDATES { 0 } else { END };
        // Five frames of either clock have room in 16 bits.
        let duration = clock.frame() as u16 * u16::from((self.nth + 1).min(UPDATES));
        let [high, low] = duration.to_be_bytes();
        [self.code, end | VOLUME, high, low]
    }
}

impl Default for Keypad {
    fn default() -> Self {
        Self {
            state: State::Idle,
            waiting: VecDeque::new(),
            withheld: None,
        }
    }
}

impl Keypad {
    /// Lets tones wait for their turn: all of them or, when too many wait already, none.
    ///
    /// # Errors
    ///
    /// [`Failure::TooManyDigits`]
    fn press(&mut self, tones: &Tones) -> Result<(), Failure> {
        let tones = tones.as_slice();
        if self.waiting.len() + tones.len() > Tones::LONGEST {
            return Err(Failure::TooManyDigits);
        }
        self.waiting.extend(tones);
        Ok(())
    }

    /// The packet that is due at `now`. Call until `None`.
    fn poll(&mut self, now: Instant) -> Option<EventPacket> {
        loop {
            self.state = match self.state {
                State::Idle => match self.waiting.pop_front()? {
                    Tone::Pause => State::Paused { until: now + PAUSE },
                    Tone::Digit(code) => State::Pressed {
                        code,
                        since: now,
                        sent: 0,
                    },
                },
                State::Pressed { code, since, sent } => {
                    if now < since + INTERVAL * u32::from(sent) {
                        return None;
                    }
                    self.state = match sent + 1 {
                        PACKETS => State::Released {
                            until: since + DURATION + GAP,
                        },
                        sent => State::Pressed { code, since, sent },
                    };
                    return Some(EventPacket::nth(code, sent));
                }
                State::Released { until } | State::Paused { until } if now < until => return None,
                State::Released { .. } | State::Paused { .. } => State::Idle,
            };
        }
    }

    /// When to poll next.
    pub fn due(&self) -> Option<Instant> {
        match self.state {
            // What waits was polled for when it was pressed.
            State::Idle => None,
            State::Pressed { since, sent, .. } => Some(since + INTERVAL * u32::from(sent)),
            State::Released { until } | State::Paused { until } => Some(until),
        }
    }

    /// Forgets what was to be sent.
    fn clear(&mut self) {
        self.state = State::Idle;
        self.waiting.clear();
    }

    /// Whether a relayed packet must give way to our digits: during an event, and between two
    /// that follow each other. Of an event, `event` is the source's timestamp: once cut into, its
    /// rest is withheld too, or it would begin again as a second press.
    pub fn withholds(&mut self, event: Option<u32>) -> bool {
        let busy = match self.state {
            State::Idle | State::Paused { .. } => false,
            State::Pressed { .. } => true,
            State::Released { .. } => matches!(self.waiting.front(), Some(Tone::Digit(_))),
        };
        let Some(event) = event.map(Withheld) else {
            return busy;
        };
        if busy {
            self.withheld = Some(event);
        }
        self.withheld == Some(event)
    }
}

impl Leg {
    /// Dials towards the peer, after what is being dialled already.
    ///
    /// # Errors
    ///
    /// [`Failure`]: none of it will be sent.
    pub fn press(&mut self, tones: &Tones) -> Result<(), Failure> {
        self.dialable()?;
        self.keypad.press(tones)
    }

    /// Writes the event packet that is due at `now` into `packet`, which has room for
    /// [`EventPacket::LENGTH`] and what sealing appends. Returns its length and where it goes.
    /// Call until `None`.
    pub fn poll_event(&mut self, packet: &mut [u8], now: Instant) -> Option<(usize, SocketAddr)> {
        let event = self.keypad.poll(now)?;
        let written = self
            .dialable()
            .and_then(|(events, to)| {
                let length = self.write_event(packet, event, events, now);
                Ok((length.map_err(|_| Failure::NotSending)?, to))
            })
            .inspect_err(|&failure| {
                self.keypad.clear();
                self.notices.push(Notice::Failed(failure));
            });
        written.ok()
    }

    fn write_event(
        &mut self,
        packet: &mut [u8],
        event: EventPacket,
        events: Events,
        now: Instant,
    ) -> Result<usize, Discard> {
        let placed = match event.place {
            Place::First => self.egress.numbering.begin(now),
            Place::Later => self.egress.numbering.continue_event(),
        };
        packet[Header::FIXED..EventPacket::LENGTH].copy_from_slice(&event.payload(events.clock));
        self.finish(packet, EventPacket::LENGTH, events.payload_type, placed)
    }

    /// How digits would reach the peer now.
    fn dialable(&self) -> Result<(Events, SocketAddr), Failure> {
        let agreed = self.egress.agreed.ok_or(Failure::NotSending)?;
        let events = agreed.events.ok_or(Failure::NoTelephoneEvent)?;
        if !agreed.direction.sends() || matches!(self.security, Security::AwaitingKeys) {
            return Err(Failure::NotSending);
        }
        let to = self.path.destination().ok_or(Failure::NotSending)?;
        Ok((events, to))
    }
}

/// RFC 4733 §2.3.2: the event's last 20 ms are told already.
const END: u8 = 0x80;
/// −10 dBm0, where phones are, too.
const VOLUME: u8 = 10;
/// Between an event's packets, the last one's repetitions included (RFC 4733 §2.5.1.4).
const INTERVAL: Duration = Duration::from_millis(20);
const UPDATES: u8 = 5;
/// The end is told three times (RFC 4733 §2.5.1.4).
const PACKETS: u8 = UPDATES + 3;
/// Of an event: twice what a receiver of tones must take (ITU-T Q.24: 40 ms).
const DURATION: Duration = Duration::from_millis(100);
/// From an event's end to the next one's beginning.
const GAP: Duration = Duration::from_millis(100);
/// A comma, as in modems' dial strings.
const PAUSE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
