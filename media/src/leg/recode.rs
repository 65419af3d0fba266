//! What a leg sends that the other leg couldn't code for it: audio of another codec, prompts, digits at
//! another clock rate.
//!
//! Coders are made when they are first needed, and kept: after that nothing is allocated.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Discard, Leg};
use crate::codec::AudioCodec;
use crate::codec::coder::{Encoder, FRAME};
use crate::codec::g711::decode_alaw;
use crate::codec::rate::Doubler;
use crate::rtp::clock::ClockRate;
use crate::rtp::numbering::Numbered;
use crate::rtp::{Header, Ssrc};
use crate::sdp::negotiate::Events;
use crate::transcode::{Place, Transcoder};

/// The coders towards a leg's peer, and what of the other leg's is on its way through them.
#[derive(Debug, Default)]
pub struct Recoding {
    transcoder: Option<Box<Transcoder>>,
    /// Until when the source's codec stays what it is.
    settled: Option<Instant>,
    encoder: Option<Box<Encoder>>,
    /// Brings prompts to the coders' rate.
    doubler: Doubler,
    event: Option<Event>,
    /// What the peer said it loses, in percent.
    loss: u8,
}

/// A digit of the other leg that is being passed on.
#[derive(Debug, Clone, Copy)]
struct Event {
    ssrc: Ssrc,
    timestamp: u32,
    /// Of its latest packet.
    sequence: u16,
    state: EventState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EventState {
    /// Audio has to wait, since an event's packets stand together in the line.
    Lasts { until: Instant },
    /// Audio went out after it: what still comes of it is too late.
    Over,
}

impl Recoding {
    /// When a frame is due.
    pub fn due(&self) -> Option<Instant> {
        self.transcoder.as_ref()?.due()
    }

    /// The other leg is withheld, or another one.
    pub fn stop(&mut self) {
        if let Some(transcoder) = &mut self.transcoder {
            transcoder.stop();
        }
    }

    /// Nothing needs to be coded anew any more.
    pub fn forget_source(&mut self) {
        self.transcoder = None;
        self.settled = None;
        self.event = None;
    }

    /// Whether audio is being coded anew.
    pub fn is_active(&self) -> bool {
        self.transcoder.is_some()
    }

    /// Spends more of what is sent on redundancy the more of it gets lost: at once when it gets worse,
    /// little by little when it gets better.
    pub fn expect_loss(&mut self, fraction_lost: u8) {
        let percent = (u32::from(fraction_lost) * 100).div_ceil(256) as u8;
        self.loss = percent.max(self.loss - self.loss.div_ceil(4));
        if let Some(encoder) = &mut self.encoder {
            encoder.expect_loss(self.loss);
        }
    }

    fn insert(
        &mut self,
        codec: AudioCodec,
        header: &Header,
        payload: &[u8],
        now: Instant,
    ) -> Option<()> {
        if !matches!(&self.transcoder, Some(transcoder) if transcoder.codec() == codec) {
            // Who takes turns between codecs would have a coder made for every packet.
            if self.settled.is_some_and(|settled| now < settled) {
                return None;
            }
            self.transcoder = Some(Box::new(Transcoder::new(codec, now).ok()?));
            self.settled = Some(now + SETTLING);
        }
        self.transcoder.as_mut()?.insert(header, payload, now);
        Some(())
    }

    /// Codes a frame of samples. Returns its length.
    fn encode(
        &mut self,
        samples: &[i16; FRAME],
        codec: AudioCodec,
        out: &mut [u8],
    ) -> Option<usize> {
        if !matches!(&self.encoder, Some(encoder) if encoder.codec() == codec) {
            let mut encoder = Box::new(Encoder::new(codec).ok()?);
            encoder.expect_loss(self.loss);
            self.encoder = Some(encoder);
        }
        self.encoder.as_mut()?.encode(samples, out).ok()
    }

    /// Codes a frame of a prompt, in place. Returns its length.
    pub fn encode_prompt(&mut self, codec: AudioCodec, packet: &mut [u8]) -> Option<usize> {
        const HALF: usize = FRAME / 2;
        let laws: &[u8; HALF] = packet.first_chunk()?;
        let mut samples = [0; FRAME];
        let narrow = laws.iter().map(|&octet| decode_alaw(octet));
        self.doubler.process(narrow, &mut samples);
        self.encode(&samples, codec, packet)
    }

    /// Whether an event holds audio up.
    fn withholds(&self, now: Instant) -> bool {
        self.event
            .is_some_and(|event| matches!(event.state, EventState::Lasts { until } if now < until))
    }
}

impl Event {
    /// Whether a packet is of this event, and not one that was seen.
    fn goes_on(&self, header: &Header) -> bool {
        let same = (self.ssrc, self.timestamp) == (header.ssrc, header.timestamp);
        let step = header.sequence.wrapping_sub(self.sequence) as i16;
        same && step > 0 && self.state != EventState::Over
    }

    /// Whether a packet is of this event or of one before.
    fn covers(&self, header: &Header) -> bool {
        let since = self.timestamp.wrapping_sub(header.timestamp) as i32;
        let step = self.sequence.wrapping_sub(header.sequence) as i16;
        self.ssrc == header.ssrc && since >= 0 && step > -STRAGGLER
    }
}

impl Leg {
    /// Room that [`Leg::poll_recoded`] needs, before what sealing appends.
    pub const RECODED_PACKET: usize = Header::FIXED + FRAME;

    /// Takes audio that is to be coded anew.
    pub(super) fn take_in(
        &mut self,
        codec: AudioCodec,
        header: &Header,
        payload: &[u8],
        now: Instant,
    ) -> Discard {
        match self.recoding.insert(codec, header, payload, now) {
            Some(()) => Discard::Recoded,
            // Only a machine without memory has no coder.
            None => Discard::NotNegotiated,
        }
    }

    /// Writes the frame that is due at `now` into `packet`. Returns its length and where it goes.
    /// Call until `None`.
    pub fn poll_recoded(&mut self, packet: &mut [u8], now: Instant) -> Option<(usize, SocketAddr)> {
        self.recoding.due().filter(|&due| now >= due)?;
        let withheld =
            self.player.withholds() || self.keypad.withholds(None) || self.recoding.withholds(now);
        let Some((agreed, to)) = self.audible().filter(|_| !withheld) else {
            self.recoding.stop();
            self.egress.numbering.resume();
            return None;
        };
        let mut samples = [0; FRAME];
        let transcoder = self.recoding.transcoder.as_mut()?;
        let frame = transcoder.poll(&mut samples, now)?;
        let payload = &mut packet[Header::FIXED..Self::RECODED_PACKET];
        let length = self.recoding.encode(&samples, agreed.codec, payload)?;
        self.egress.meter.hear(&samples, now);
        if let Some(event) = &mut self.recoding.event {
            event.state = EventState::Over;
        }
        let placed = match frame.place {
            Place::First => self.egress.numbering.begin(frame.at),
            Place::Later => self.egress.numbering.continue_talkspurt(frame.at),
        };
        let length = Header::FIXED + length;
        let sealed = self.finish(packet, length, agreed.payload_type, placed);
        Some((sealed.ok()?, to))
    }

    /// Makes an event's packet ours whose timestamps aren't: its duration in our clock, in place, and
    /// its place in our line.
    pub(super) fn place_event(
        &mut self,
        header: &Header,
        payload: &mut [u8],
        from: ClockRate,
        to: Events,
        now: Instant,
    ) -> Result<Numbered, Discard> {
        let [_, flags, high, low, ..] = payload else {
            return Err(Discard::Malformed);
        };
        let duration = from.rescale(u16::from_be_bytes([*high, *low]), to.clock);
        [*high, *low] = duration.to_be_bytes();
        let held = match *flags & END {
            0 => BETWEEN,
            _ => REPEATED,
        };
        let lasts = EventState::Lasts { until: now + held };
        match &mut self.recoding.event {
            Some(event) if event.goes_on(header) => {
                (event.sequence, event.state) = (header.sequence, lasts);
                Ok(self.egress.numbering.continue_event())
            }
            Some(event) if event.covers(header) => Err(Discard::Stale),
            event => {
                *event = Some(Event {
                    ssrc: header.ssrc,
                    timestamp: header.timestamp,
                    sequence: header.sequence,
                    state: lasts,
                });
                self.recoding.stop();
                Ok(self.egress.numbering.begin(now))
            }
        }
    }
}

/// The end bit (RFC 4733 §2.3).
const END: u8 = 0x80;
/// Two updates of an event at their slowest, one of them lost.
const BETWEEN: Duration = Duration::from_millis(110);
/// A change of codec is a peer's decision, and rare.
const SETTLING: Duration = Duration::from_millis(200);
/// The end is told three times, 20 ms apart at most.
const REPEATED: Duration = Duration::from_millis(30);
/// Sequence numbers by which an earlier event may be behind.
const STRAGGLER: i16 = 100;
