//! What a customer says: frames of 20 ms, 160 samples at 8 kHz.

use std::collections::VecDeque;
use std::f32::consts::TAU;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// What there is to say.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Voice {
    /// Comfort for the network: the stream goes on, nothing is said.
    #[default]
    Silence,
    /// The spoken greeting, then a pause, over and over.
    Greeting,
    /// A steady tone.
    Tone { hz: f32 },
    /// What was heard, sent back.
    Echo,
}

/// A voice and how far it has come.
#[derive(Debug, Default)]
pub struct Speech {
    voice: Voice,
    /// Samples since this voice began.
    position: usize,
    /// Heard and not yet sent back; used by [`Voice::Echo`] alone.
    heard: VecDeque<i16>,
}

/// 20 ms.
pub const FRAME: usize = 160;

impl Speech {
    /// Begins another voice from its start.
    pub fn begin(&mut self, voice: Voice) {
        *self = Self {
            voice,
            ..Self::default()
        };
    }

    /// Keeps what was heard, should it have to be echoed.
    pub fn handle_heard(&mut self, samples: impl Iterator<Item = i16>) {
        if self.voice == Voice::Echo {
            self.heard.extend(samples);
            let excess = self.heard.len().saturating_sub(ECHO_BOUND);
            self.heard.drain(..excess);
        }
    }

    /// The next 20 ms.
    pub fn next_frame(&mut self) -> [i16; FRAME] {
        let start = self.position;
        self.position += FRAME;
        match self.voice {
            Voice::Silence => [0; FRAME],
            Voice::Greeting => {
                let greeting = &*GREETING;
                let at = start % (greeting.len() + PAUSE);
                std::array::from_fn(|i| greeting.get(at + i).copied().unwrap_or(0))
            }
            Voice::Tone { hz } => std::array::from_fn(|i| {
                // The phase in turns, reduced in f64: an hour's position times the frequency outgrows f32.
                let turns = (f64::from(hz) * (start + i) as f64 / RATE).fract() as f32;
                (TONE_AMPLITUDE * (TAU * turns).sin()) as i16
            }),
            Voice::Echo if self.heard.len() < FRAME => [0; FRAME],
            Voice::Echo => std::array::from_fn(|_| self.heard.pop_front().unwrap_or(0)),
        }
    }
}

/// The greeting's samples, cut to whole frames.
static GREETING: LazyLock<Vec<i16>> = LazyLock::new(|| {
    let mut samples: Vec<i16> = hound::WavReader::new(GREETING_WAV)
        .and_then(|reader| reader.into_samples().collect())
        .expect("the asset is a mono 16-bit WAV at 8 kHz");
    samples.truncate(samples.len() / FRAME * FRAME);
    samples
});

/// "Hello? Yes, this is the demo customer. …", three utterances with pauses.
const GREETING_WAV: &[u8] = include_bytes!("../../../assets/greeting.wav");
/// Two seconds in which it is the agent's turn.
const PAUSE: usize = 100 * FRAME;
const RATE: f64 = 8_000.0;
/// −12 dBov of peak: loud, and far from clipping after a change of law.
const TONE_AMPLITUDE: f32 = 8_192.0;
/// 200 ms: an echo that grows older than this is a broken clock, not a conversation.
const ECHO_BOUND: usize = 10 * FRAME;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_is_heard_and_then_pauses() {
        let mut speech = Speech::default();
        speech.begin(Voice::Greeting);
        let loud = |frame: [i16; FRAME]| frame.iter().any(|s| s.unsigned_abs() > 1_000);
        let frames = GREETING.len() / FRAME;
        let spoken = (0..frames).filter(|_| loud(speech.next_frame())).count();
        let paused = (0..PAUSE / FRAME)
            .filter(|_| loud(speech.next_frame()))
            .count();
        assert!(spoken > frames / 3, "{spoken} of {frames} frames");
        assert_eq!(paused, 0);
        assert!(
            (0..frames).any(|_| loud(speech.next_frame())),
            "it starts over"
        );
    }

    #[test]
    fn a_tone_goes_on_smoothly_across_frames() {
        let mut speech = Speech::default();
        speech.begin(Voice::Tone { hz: 440.0 });
        let samples: Vec<i16> = (0..50).flat_map(|_| speech.next_frame()).collect();
        let steepest = samples.windows(2).map(|w| (w[1] - w[0]).abs()).max();
        // 2π · 440 / 8000 of the amplitude is the sine's own slope.
        assert!(steepest <= Some(2_832), "{steepest:?}");
    }

    #[test]
    fn an_echo_never_lags_by_more_than_its_bound() {
        let mut speech = Speech::default();
        speech.begin(Voice::Echo);
        assert_eq!(speech.next_frame(), [0; FRAME]);
        speech.handle_heard((0..8_000).map(|i| i as i16));
        assert_eq!(speech.next_frame()[0], 8_000 - ECHO_BOUND as i16);
    }
}
