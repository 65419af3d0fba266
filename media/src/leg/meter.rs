//! What goes through a leg in one direction: packets, when, how loud. What a doctor of one-way
//! audio asks for.

use std::fmt;
use std::time::{Duration, Instant};

use crate::codec::AudioCodec;
use crate::codec::coder::{self, Decoder};
use crate::codec::g711::{decode_alaw, decode_ulaw};
use crate::codec::g722;

/// A loudness in dB below full scale (dBov, RFC 6464 §3): 0 to −127. Speech has −15 to −40.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(i8);

impl Level {
    /// Below this nobody speaks, and no open microphone is in the room: a muted browser sends
    /// −72 in A-law and −127 in µ-law.
    pub const SILENT: Self = Self(-65);

    /// As loud as it gets.
    pub const FULL: Self = Self(0);

    /// In dB, never above 0.
    pub fn dbov(self) -> i8 {
        self.0
    }

    /// `power` is the mean of the squared 16-bit samples.
    fn of(power: u64) -> Self {
        const FULL: f64 = 32_768.0 * 32_768.0;
        if power == 0 {
            return Self(-127);
        }
        Self(
            (10.0 * (power as f64 / FULL).log10())
                .round()
                .clamp(-127.0, 0.0) as i8,
        )
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} dBov", self.0)
    }
}

/// What went through a leg in one direction since the last time it was told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passed {
    /// Packets with audio.
    pub packets: u64,
    /// Since the last of all; `None` before the first.
    pub since_last: Option<Duration>,
    /// The loudest of the packets that were looked at, one in eight; `None` when none came.
    pub loudest: Option<Level>,
}

/// Counts one direction.
#[derive(Debug, Default)]
pub struct Meter {
    packets: u64,
    last: Option<Instant>,
    /// Packets until one is looked at again.
    skip: u8,
    /// Mean squares of the loudest, and whether there was any.
    loudest: Option<u64>,
    /// For Opus, whose level no table tells.
    ear: Option<Box<Decoder>>,
}

impl Meter {
    /// Expects packets of this codec.
    pub fn listen(&mut self, codec: AudioCodec) {
        match codec {
            AudioCodec::Pcma | AudioCodec::Pcmu | AudioCodec::G722 => self.ear = None,
            AudioCodec::Opus if self.ear.is_some() => {}
            AudioCodec::Opus => self.ear = Decoder::new(codec).map(Box::new).ok(),
        }
    }

    /// Takes a packet of audio. Tells the power of one that was looked at.
    #[inline]
    pub fn count(&mut self, codec: AudioCodec, payload: &[u8], now: Instant) -> Option<Power> {
        if self.pass(now) {
            return None;
        }
        self.look(codec, payload)
    }

    /// Takes a frame of samples in place of its packet.
    pub fn hear(&mut self, samples: &[i16], now: Instant) {
        if !self.pass(now) {
            self.skip = SAMPLED - 1;
            self.note(power_of(samples));
        }
    }

    /// Counts a packet; whether it is one of those that aren't looked at.
    fn pass(&mut self, now: Instant) -> bool {
        self.packets += 1;
        self.last = Some(now);
        let passes = self.skip > 0;
        self.skip = self.skip.saturating_sub(1);
        passes
    }

    #[cold]
    fn look(&mut self, codec: AudioCodec, payload: &[u8]) -> Option<Power> {
        self.skip = SAMPLED - 1;
        let table = match codec {
            AudioCodec::Pcma => &ALAW_SQUARES,
            AudioCodec::Pcmu => &ULAW_SQUARES,
            AudioCodec::G722 => {
                // What came between wasn't decoded, so it begins anew each time: with the steps of
                // silence, which grow within milliseconds.
                let mut samples = [0; coder::FRAME];
                let payload = &payload[..payload.len().min(coder::FRAME / 2)];
                g722::Decoder::default().decode(payload, &mut samples);
                return self.note(power_of(&samples[..2 * payload.len()]));
            }
            AudioCodec::Opus => {
                // It misses seven packets of eight and hears badly, but neither louder nor quieter.
                let mut samples = [0; coder::LONGEST];
                let count = self.ear.as_mut()?.decode(payload, 0, &mut samples);
                return self.note(power_of(&samples[..count]));
            }
        };
        let samples = payload.iter().step_by(STRIDE);
        let count = samples.len() as u64;
        let sum: u64 = samples
            .map(|&octet| u64::from(table[usize::from(octet)]))
            .sum();
        self.note(sum.checked_div(count))
    }

    fn note(&mut self, power: Option<u64>) -> Option<Power> {
        let power = power?;
        self.loudest = Some(self.loudest.map_or(power, |loudest| loudest.max(power)));
        Some(Power(power))
    }

    /// When the last packet of audio came.
    pub fn last(&self) -> Option<Instant> {
        self.last
    }

    /// What passed since the last time.
    pub fn take(&mut self, now: Instant) -> Passed {
        // The next packet is looked at: an interval with packets has a level.
        self.skip = 0;
        Passed {
            packets: std::mem::take(&mut self.packets),
            since_last: self.last.map(|last| now.saturating_duration_since(last)),
            loudest: self.loudest.take().map(Level::of),
        }
    }
}

fn power_of(samples: &[i16]) -> Option<u64> {
    let samples = samples.iter().step_by(STRIDE);
    let count = samples.len() as u64;
    let sum: u64 = samples
        .map(|&sample| u64::from(sample.unsigned_abs()).pow(2))
        .sum();
    sum.checked_div(count)
}

/// Of one packet: the mean of its squared samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Power(u64);

/// A level for a person to look at: told at most once a second, and only when it changed.
#[derive(Debug, Default)]
pub struct Display {
    loudest: Option<Power>,
    told: Option<(Level, Instant)>,
}

impl Display {
    /// Takes a packet's power; tells the loudest of the last second.
    pub fn show(&mut self, power: Power, now: Instant) -> Option<Level> {
        self.loudest = self.loudest.max(Some(power));
        if self.told.is_some_and(|(_, at)| now < at + PACE) {
            return None;
        }
        let level = Level::of(self.loudest.take()?.0);
        let before = self.told.map(|(level, _)| level);
        self.told = Some((before.unwrap_or(level), now));
        if before.is_some_and(|before| before.0.abs_diff(level.0) < STEP) {
            return None;
        }
        self.told = Some((level, now));
        Some(level)
    }
}

/// One packet in as many is looked at: six a second tell a voice from silence.
const SAMPLED: u8 = 8;
/// Of such a packet, one sample in as many. Odd, so that tones of 1 and 2 kHz aren't always met at
/// the same point.
const STRIDE: usize = 3;
/// Between two levels that are told.
const PACE: Duration = Duration::from_secs(1);
/// The least change in dB that is worth telling.
const STEP: u8 = 3;

static ALAW_SQUARES: [u32; 256] = squares(true);
static ULAW_SQUARES: [u32; 256] = squares(false);

const fn squares(of_alaw: bool) -> [u32; 256] {
    let mut out = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let sample = if of_alaw {
            decode_alaw(octet as u8)
        } else {
            decode_ulaw(octet as u8)
        };
        out[octet] = (sample as i32 * sample as i32) as u32;
        octet += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompt::{Prompt, Repeat};

    #[test]
    fn levels_are_those_of_the_signal() {
        for codec in [AudioCodec::Pcma, AudioCodec::Pcmu] {
            // A sine is 3 dB below its peak, which is 18 dB below full scale.
            assert_eq!(level(codec, &frame(codec)), Level(-21), "{codec}");
        }
        assert_eq!(level(AudioCodec::Pcma, &[0xd5; 160]), Level(-72));
        assert_eq!(level(AudioCodec::Pcmu, &[0xff; 160]), Level(-127));
        assert_eq!(level(AudioCodec::Pcma, &[0x2a; 160]), Level(0));
        assert!(Level(-72) < Level::SILENT && Level(-50) > Level::SILENT);
    }

    #[test]
    fn an_interval_tells_what_passed_in_it_and_how_long_ago_the_last_was() {
        let (mut meter, mut now) = (Meter::default(), Instant::now());
        assert_eq!(meter.take(now), Passed::default());
        let loud = frame(AudioCodec::Pcma);
        for n in 0..250 {
            now += Duration::from_millis(20);
            let quiet = [0xd5; 160];
            let payload = if n == 80 { &loud[..] } else { &quiet };
            meter.count(AudioCodec::Pcma, payload, now);
        }
        let passed = meter.take(now + Duration::from_millis(7));
        assert_eq!(passed.packets, 250);
        assert_eq!(passed.since_last, Some(Duration::from_millis(7)));
        assert_eq!(passed.loudest, Some(Level(-21)), "the 81st is looked at");
        let nothing = meter.take(now + Duration::from_secs(5));
        assert_eq!((nothing.packets, nothing.loudest), (0, None));
        assert_eq!(nothing.since_last, Some(Duration::from_secs(5)));
        meter.count(AudioCodec::Pcma, &loud, now);
        assert_eq!(meter.take(now).loudest, Some(Level(-21)), "even one");
    }

    #[test]
    fn an_empty_payload_has_no_level() {
        let mut meter = Meter::default();
        assert_eq!(meter.count(AudioCodec::Pcma, &[], Instant::now()), None);
        assert_eq!(meter.take(Instant::now()).loudest, None);
    }

    #[test]
    fn a_display_changes_once_a_second_at_most_and_only_when_there_is_a_change() {
        let (mut display, begin) = (Display::default(), Instant::now());
        let mut told = Vec::new();
        for n in 0..60u32 {
            let at = 100 * n;
            let power = if (2_000..4_000).contains(&at) {
                1 << 20
            } else {
                64
            };
            let level = display.show(Power(power), begin + Duration::from_millis(at.into()));
            told.extend(level.map(|level| (at, level.dbov())));
        }
        assert_eq!(told, [(0, -72), (2_000, -30), (5_000, -72)]);
    }

    fn frame(codec: AudioCodec) -> [u8; 160] {
        let second = Duration::from_secs(1);
        let mut frame = [0; 160];
        Prompt::tone(500.0, second, Duration::ZERO).fill(&mut frame, codec, 0, Repeat::Once);
        frame
    }

    fn level(codec: AudioCodec, payload: &[u8]) -> Level {
        let mut meter = Meter::default();
        meter.count(codec, payload, Instant::now());
        meter.take(Instant::now()).loudest.expect("looked at")
    }
}
