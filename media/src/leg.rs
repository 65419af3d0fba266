//! One side of a call: what it receives, what it sends, and how it is reached.
//!
//! Pure: packets, descriptions and `now` go in; what is to be sent and told comes out. The worker
//! that owns the leg has the sockets and the clock.

mod comfort;
pub mod description;
mod digits;
mod discard;
mod foresight;
pub mod keypad;
mod liveness;
pub mod meter;
pub mod path;
mod player;
mod recode;
mod report;
mod sdes;
mod watch;

use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::codec::g711;
use crate::engine::{Failure, LegId, LegLost, Mute};
use crate::rtp::clock::ClockRate;
use crate::rtp::numbering::{Numbered, Numbering};
use crate::rtp::reception::Reception;
use crate::rtp::{self, Header, PayloadType, Ssrc};
use crate::sdp::Encoding;
use crate::sdp::crypto::{MasterKey, Suite};
use crate::sdp::negotiate::Agreed;
use crate::srtp::keys::KeyingMaterial;
use crate::srtp::{Receiver, Sender};
use crate::tap::Tap;
use description::Session;
use digits::Digits;
pub use discard::Discard;
use keypad::Keypad;
use liveness::{Life, Liveness};
use meter::{Display, Level, Meter, Passed};
use path::Path;
use player::Player;
use recode::Recoding;
use report::Reports;
use sdes::Sdes;
use watch::{Other, Watch};

/// What kind of peer a leg has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegKind {
    /// A browser.
    Agent,
    /// A SIP peer with ICE and DTLS.
    Provider,
    /// A SIP peer with RTP/AVP.
    Plain,
}

impl LegKind {
    pub const COUNT: usize = 3;
}

/// What the leg's owner is to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    Connected,
    Heard,
    Lost(LegLost),
    Recovered,
    Stopped(Duration),
    Resumed,
    Digit { digit: char, duration: Duration },
    Level(Level),
    Played,
    Failed(Failure),
}

/// A packet that was accepted: where its payload lies in the slot, and what it is.
#[derive(Debug, Clone)]
pub struct Opened {
    pub header: Header,
    pub payload: Range<usize>,
    pub encoding: Encoding,
}

/// One side of a call.
///
/// In the order of its fields: what every packet needs that is received, what either needs, what every packet needs that is
/// sent, and what packets don't need. With a thousand calls, what doesn't lie together is fetched one by one.
#[derive(Debug)]
#[repr(C)]
pub struct Leg {
    pub kind: LegKind,
    /// A recorder's; what is muted isn't copied.
    pub tap: Option<Box<Tap>>,
    /// Room for what one packet can cause; the owner empties it after each.
    pub notices: Vec<Notice>,
    pub bridged: Option<LegId>,
    liveness: Liveness,
    ingress: Ingress,
    security: Security,
    pub path: Path,
    egress: Egress,
    keypad: Keypad,
    player: Player,
    recoding: Recoding,
    sdes: Sdes,
    reports: Reports,
    session: Session,
}

/// Numbers drawn for a new leg.
#[derive(Debug, Clone, Copy)]
pub struct Drawn {
    pub ssrc: u32,
    pub sequence: u16,
    pub timestamp: u32,
    pub session: u64,
    /// What SDES would send with.
    pub masters: [MasterKey; Suite::ALL.len()],
    /// Spreads the legs' reports over the interval.
    pub report_phase: u8,
}

/// The keys lie in the leg: a pointer to them would have to come before they do.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a leg lives in a box of its own")]
enum Security {
    Clear,
    AwaitingKeys,
    Keyed(Receiver, Sender),
}

#[derive(Debug)]
#[repr(C)]
struct Ingress {
    mute: Mute,
    heard: Heard,
    meter: Meter,
    watch: Watch,
    digits: Digits,
    reception: Reception,
    display: Display,
    /// By payload type.
    encodings: [Option<Encoding>; 128],
}

/// Whether RTP came since the leg was made or bridged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    NotYet,
    Yes,
}

#[derive(Debug)]
struct Egress {
    ssrc: Ssrc,
    numbering: Numbering,
    meter: Meter,
    agreed: Option<Agreed>,
    /// When the peer was told last how the silence sounds.
    hushed: Option<Instant>,
    /// Since the leg was made, for sender reports.
    packets: u32,
    octets: u32,
}

impl Leg {
    pub fn new(path: Path, drawn: Drawn, now: Instant) -> Self {
        let kind = path.kind();
        Self {
            kind,
            bridged: None,
            tap: None,
            notices: Vec::with_capacity(8),
            security: match path {
                Path::WebRtc(_) => Security::AwaitingKeys,
                Path::Plain(_) => Security::Clear,
            },
            path,
            ingress: Ingress {
                encodings: unasked(),
                reception: Reception::default(),
                digits: Digits::default(),
                meter: Meter::default(),
                display: Display::default(),
                mute: Mute::Off,
                heard: Heard::NotYet,
                watch: Watch::default(),
            },
            egress: Egress {
                ssrc: Ssrc(drawn.ssrc),
                // In the lower half, so that a late first packet can't fall before a wrap that
                // the receiver never saw (RFC 3711 §3.3.1).
                numbering: Numbering::new(drawn.sequence & 0x7fff, drawn.timestamp),
                meter: Meter::default(),
                agreed: None,
                hushed: None,
                packets: 0,
                octets: 0,
            },
            sdes: Sdes::new(drawn.masters),
            keypad: Keypad::default(),
            player: Player::default(),
            recoding: Recoding::default(),
            reports: Reports::new(now, drawn.report_phase),
            session: Session::new(drawn.session),
            liveness: Liveness {
                last: now,
                state: Life::Starting,
            },
        }
    }

    /// Opens a received packet in place: authenticated, counted, its payload found.
    ///
    /// # Errors
    ///
    /// [`Discard`]: the packet isn't the peer's, or nothing that was agreed.
    pub fn open(
        &mut self,
        slot: &mut [u8],
        length: usize,
        from: SocketAddr,
        now: Instant,
    ) -> Result<Opened, Discard> {
        let packet = &mut slot[..length];
        let header = Header::parse(packet)?;
        let length = match &mut self.security {
            Security::Clear => length,
            Security::AwaitingKeys => return Err(Discard::NoKeys),
            Security::Keyed(receiver, _) => receiver.open_rtp(packet, &header)?,
        };
        let payload = rtp::payload(&packet[..length])?;
        let encoding = self.ingress.encodings[usize::from(header.payload_type.value())]
            .ok_or(Discard::UnknownPayloadType)?;
        if self.path.is_former(from, header.ssrc) {
            return Err(Discard::Former);
        }
        if self.path.latch(from, now) == path::Latch::Refused {
            return Err(Discard::UnknownSource);
        }
        self.alive(now);
        if self.ingress.heard == Heard::NotYet {
            self.ingress.heard = Heard::Yes;
            self.notices.push(Notice::Heard);
        }
        if self.ingress.watch.resumes(now) {
            self.notices.push(Notice::Resumed);
        }
        self.ingress
            .reception
            .count(&header, encoding.timed_by(), now);
        let content = &packet[payload.clone()];
        match encoding {
            Encoding::Audio(_) => {}
            Encoding::TelephoneEvent(_) => self.ingress.watch.note(Other::Digit, now),
            Encoding::ComfortNoise => self.ingress.watch.note(Other::Noise, now),
        }
        let digits = &mut self.ingress.digits;
        self.notices.extend(match encoding {
            Encoding::Audio(codec) => digits.handle_audio(&header, codec.clock()),
            Encoding::ComfortNoise => digits.handle_audio(&header, ClockRate::Khz8),
            Encoding::TelephoneEvent(clock) => digits.handle_event(&header, content, clock, now),
        });
        if let Encoding::Audio(codec) = encoding
            && let Some(power) = self.ingress.meter.count(codec, content, now)
            && self.kind == LegKind::Agent
        {
            let level = self.ingress.display.show(power, now);
            self.notices.extend(level.map(Notice::Level));
        }
        if let (Some(tap), Encoding::Audio(codec), Mute::Off) =
            (&mut self.tap, encoding, self.ingress.mute)
        {
            tap.copy(&header, codec, content, now);
        }
        Ok(Opened {
            header,
            payload,
            encoding,
        })
    }

    /// Makes an opened packet of the other leg ours, in place: codec, header, protection.
    /// Returns what of the slot to send, and where.
    ///
    /// # Errors
    ///
    /// [`Discard`]: this leg can't take it now. Its numbering shows no gap for that.
    pub fn seal(
        &mut self,
        slot: &mut [u8],
        opened: &Opened,
        now: Instant,
    ) -> Result<(Range<usize>, SocketAddr), Discard> {
        let agreed = self.egress.agreed.ok_or(Discard::NotNegotiated)?;
        if !agreed.direction.sends() {
            self.egress.numbering.resume();
            return Err(Discard::OnHold);
        }
        let to = self.path.destination().ok_or(Discard::NoDestination)?;
        let payload_type = match opened.encoding {
            Encoding::Audio(codec) => {
                g711::transcode(&mut slot[opened.payload.clone()], codec, agreed.codec);
                agreed.payload_type
            }
            Encoding::TelephoneEvent(_) => {
                let events = agreed.events.ok_or(Discard::NotNegotiated)?;
                events.payload_type
            }
            Encoding::ComfortNoise => match agreed.comfort {
                Some(payload_type) if !self.recoding.is_active() => payload_type,
                // The peer fills its silence itself. Speech after it is a talkspurt.
                Some(_) | None => {
                    self.egress.numbering.resume();
                    return Err(Discard::NotNegotiated);
                }
            },
        };
        if matches!(self.security, Security::AwaitingKeys) {
            return Err(Discard::NoKeys);
        }
        let event = match opened.encoding {
            Encoding::Audio(_) | Encoding::ComfortNoise => None,
            Encoding::TelephoneEvent(_) => Some(opened.header.timestamp),
        };
        if self.keypad.withholds(event) {
            self.egress.numbering.resume();
            return Err(Discard::DuringDigit);
        }
        if self.player.withholds() {
            self.egress.numbering.resume();
            return Err(Discard::DuringPrompt);
        }
        if let Encoding::Audio(codec) = opened.encoding
            && !codec.meets(agreed.codec)
        {
            let payload = &slot[opened.payload.clone()];
            return Err(self.take_in(codec, &opened.header, payload, now));
        }
        let placed = self.place(slot, opened, &agreed, now)?;
        if let Encoding::Audio(_) = opened.encoding {
            let payload = &slot[opened.payload.clone()];
            self.egress.meter.count(agreed.codec, payload, now);
        }
        // The header slides up against the payload, which never moves.
        let start = opened.payload.start - Header::FIXED;
        let length = opened.payload.end - start;
        let sealed = self.finish(&mut slot[start..], length, payload_type, placed)?;
        Ok((start..start + sealed, to))
    }

    /// Where a packet that needn't be coded anew stands in our line.
    fn place(
        &mut self,
        slot: &mut [u8],
        opened: &Opened,
        agreed: &Agreed,
        now: Instant,
    ) -> Result<Numbered, Discard> {
        match (opened.encoding, agreed.events) {
            (Encoding::TelephoneEvent(clock), Some(events))
                if self.recoding.is_active() || clock != events.clock =>
            {
                let payload = &mut slot[opened.payload.clone()];
                return self.place_event(&opened.header, payload, clock, events, now);
            }
            // The codecs meet after all: another one was agreed, or the peer changed its mind.
            (Encoding::Audio(_), _) if self.recoding.is_active() => self.recoding.forget_source(),
            (Encoding::Audio(_) | Encoding::TelephoneEvent(_) | Encoding::ComfortNoise, _) => {}
        }
        self.egress
            .numbering
            .place(&opened.header, now)
            .map_err(|_| Discard::Stale)
    }

    /// Writes our header over a packet's first octets, counts and protects it. Returns its length
    /// as it is sent.
    fn finish(
        &mut self,
        packet: &mut [u8],
        length: usize,
        payload_type: PayloadType,
        placed: Numbered,
    ) -> Result<usize, Discard> {
        let header = Header {
            marker: placed.marker,
            payload_type,
            sequence: placed.index as u16,
            timestamp: placed.timestamp,
            ssrc: self.egress.ssrc,
            length: Header::FIXED,
        };
        let fixed = packet.first_chunk_mut().ok_or(Discard::Malformed)?;
        header.write(fixed);
        let sealed = match &self.security {
            Security::Clear | Security::AwaitingKeys => length,
            Security::Keyed(_, sender) => sender
                .seal_rtp(packet, length, placed.index)
                // A key that is used up is none.
                .map_err(|_| Discard::NoKeys)?,
        };
        self.egress.packets = self.egress.packets.wrapping_add(1);
        self.egress.octets = self
            .egress
            .octets
            .wrapping_add((length - Header::FIXED) as u32);
        Ok(sealed)
    }

    /// What the peer sends was withheld: it leaves no gap in this leg's line.
    pub fn skip(&mut self) {
        self.egress.numbering.resume();
        self.recoding.stop();
    }

    pub fn mute(&self) -> Mute {
        self.ingress.mute
    }

    pub fn set_mute(&mut self, mute: Mute) {
        self.ingress.mute = mute;
    }

    /// Joins a bridge, or leaves it with `None`: the line goes on, and the peer is to be heard
    /// anew.
    pub fn set_bridge(&mut self, other: Option<LegId>) {
        self.bridged = other;
        if other.is_none() {
            self.ingress.watch.end();
        }
        self.egress.numbering.resume();
        self.recoding.forget_source();
        self.ingress.heard = Heard::NotYet;
    }

    /// What a plain leg hears: from where, and whose numbering.
    pub fn heard_stream(&self) -> Option<path::Stream> {
        let from = match &self.path {
            Path::WebRtc(_) => None,
            Path::Plain(path) => path.source.source(),
        }?;
        let ssrc = self.ingress.reception.ssrc()?;
        Some(path::Stream { from, ssrc })
    }

    /// What was received and what was sent since the last call; `None` before there is anything
    /// to expect.
    pub fn audio(&mut self, now: Instant) -> Option<(Passed, Passed)> {
        self.egress.agreed?;
        Some((self.ingress.meter.take(now), self.egress.meter.take(now)))
    }

    /// Takes the keys of a finished handshake; a later handshake's replace them.
    pub fn set_keys(&mut self, keys: &KeyingMaterial, now: Instant) {
        self.security = Security::Keyed(Receiver::new(keys), Sender::new(keys));
        self.alive(now);
    }

    /// Whether the leg is to be protected and has no keys yet.
    pub fn awaits_keys(&self) -> bool {
        matches!(self.security, Security::AwaitingKeys)
    }
}

/// What a peer may send that nobody agreed to: gateways with voice activity detection announce
/// pauses by comfort noise (RFC 3389 §5.1: payload type 13) whether it was negotiated or not.
fn unasked() -> [Option<Encoding>; 128] {
    let mut encodings = [None; 128];
    encodings[13] = Some(Encoding::ComfortNoise);
    encodings
}

#[cfg(test)]
mod tests;
