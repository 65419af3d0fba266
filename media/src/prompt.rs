//! Audio that the gateway itself plays: decoded and coded once, then only read.

mod wav;

use std::f64::consts::TAU;
use std::sync::Arc;
use std::time::Duration;

use crate::codec::AudioCodec;
use crate::codec::g711::{encode_alaw, encode_ulaw};

/// Audio ready to be played: decoded once, shared by every leg. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Prompt(Arc<Coded>);

/// The same samples in both laws, so that playing is copying. Never empty.
struct Coded {
    alaw: Box<[u8]>,
    ulaw: Box<[u8]>,
}

/// What follows a prompt's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Nothing: [`Event::Played`](crate::Event::Played) tells it.
    Once,
    /// Its beginning, until it is stopped.
    Forever,
}

/// Why a file isn't a [`Prompt`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// No WAV file, or a damaged one.
    #[error("the WAV file can't be read: {0}")]
    Malformed(String),
    /// Legal, but nothing that is done here.
    #[error("the WAV file isn't supported: {0}")]
    Unsupported(String),
    /// A file without a sample.
    #[error("the WAV file has no audio")]
    Empty,
    /// More than [`Prompt::LONGEST`].
    #[error("the WAV file is longer than {} min", Prompt::LONGEST.as_secs() / 60)]
    TooLong,
}

impl Prompt {
    /// 16 kB a second and process: ten minutes of hold music are 10 MB.
    pub const LONGEST: Duration = Duration::from_secs(600);

    /// A WAV file of 4 to 192 kHz, integer or floating-point PCM; channels are mixed to one.
    ///
    /// # Errors
    ///
    /// [`PromptError`]
    pub fn from_wav(bytes: &[u8]) -> Result<Self, PromptError> {
        wav::decode(bytes).map(|samples| Self::new(&samples))
    }

    /// Nothing to be heard.
    pub fn silence(duration: Duration) -> Self {
        Self::new(&vec![0; samples_in(duration)])
    }

    /// A tone for `on`, then silence for `off`: hold tone, ringback. Without `off` it is one
    /// unbroken tone when it is repeated; its frequency is then rounded to whole periods.
    pub fn tone(frequency_hz: f32, on: Duration, off: Duration) -> Self {
        let length = samples_in(on);
        let periods = f64::from(frequency_hz) * length as f64 / f64::from(RATE);
        let (periods, ramp) = match off {
            Duration::ZERO => (periods.round(), 0),
            _ => (periods, RAMP.min(length / 2)),
        };
        let step = TAU * periods / length as f64;
        let mut samples: Vec<i16> = (0..length)
            .map(|n| {
                let edge = n.min(length - 1 - n);
                let swell = if edge < ramp {
                    edge as f64 / ramp as f64
                } else {
                    1.0
                };
                (TONE * swell * (step * n as f64).sin()) as i16
            })
            .collect();
        if off > Duration::ZERO {
            samples.resize(length + samples_in(off), 0);
        }
        Self::new(&samples)
    }

    /// How long it is when it is played once.
    pub fn duration(&self) -> Duration {
        Duration::from_micros(self.length() as u64 * 125)
    }

    /// `samples` are mono, 8 kHz.
    fn new(samples: &[i16]) -> Self {
        debug_assert!(!samples.is_empty());
        Self(Arc::new(Coded {
            alaw: samples.iter().map(|&sample| encode_alaw(sample)).collect(),
            ulaw: samples.iter().map(|&sample| encode_ulaw(sample)).collect(),
        }))
    }

    /// In samples.
    pub(crate) fn length(&self) -> usize {
        self.0.alaw.len()
    }

    /// Fills `frame` with what is played from sample `position` on; a frame that reaches beyond
    /// the end goes on with the beginning or with silence.
    pub(crate) fn fill(
        &self,
        frame: &mut [u8],
        codec: AudioCodec,
        position: usize,
        repeat: Repeat,
    ) {
        let (coded, silence) = match codec {
            AudioCodec::Pcmu => (&self.0.ulaw, ULAW_SILENCE),
            // What is neither is coded from one of them.
            AudioCodec::Pcma | AudioCodec::G722 | AudioCodec::Opus => (&self.0.alaw, ALAW_SILENCE),
        };
        match repeat {
            Repeat::Once => {
                let rest = &coded[position.min(coded.len())..];
                let (heard, after) = frame.split_at_mut(rest.len().min(frame.len()));
                heard.copy_from_slice(&rest[..heard.len()]);
                after.fill(silence);
            }
            Repeat::Forever => {
                let mut position = position;
                let mut frame = frame;
                while !frame.is_empty() {
                    let rest = &coded[position % coded.len()..];
                    let (heard, after) = frame.split_at_mut(rest.len().min(frame.len()));
                    heard.copy_from_slice(&rest[..heard.len()]);
                    position += heard.len();
                    frame = after;
                }
            }
        }
    }
}

impl std::fmt::Debug for Coded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Coded")
            .field("samples", &self.alaw.len())
            .finish_non_exhaustive()
    }
}

/// At least one, so that a loop has a length.
fn samples_in(duration: Duration) -> usize {
    let duration = duration.min(Prompt::LONGEST);
    (duration.as_micros() as usize / 125).max(1)
}

/// Of everything that G.711 carries.
const RATE: u32 = 8_000;
/// −18 dB below full scale, about −15 dBm0: as loud as a network's own tones.
const TONE: f64 = 4_096.0;
/// 5 ms in and out: a tone that begins at once clicks.
const RAMP: usize = 40;
/// The smallest positive sample: A-law has no zero.
const ALAW_SILENCE: u8 = 0xd5;
const ULAW_SILENCE: u8 = 0xff;

#[cfg(test)]
mod tests;
