//! What is heard where a packet is missing (in the manner of G.711 appendix I): the last period of
//! the voice again and again, fading, and a soft way back.
//!
//! For codecs that have none of their own. At 16 kHz.

use super::pitch::{self, LONGEST};

/// Remembers what was heard, and goes on from there.
#[derive(Debug)]
pub struct Concealment {
    /// The latest at the end.
    heard: [i16; HISTORY],
    state: State,
    period: [i16; LONGEST],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Hearing,
    /// Samples made up so far, of a period so long.
    Filling {
        since: usize,
        length: usize,
    },
}

impl Default for Concealment {
    fn default() -> Self {
        Self {
            heard: [0; HISTORY],
            state: State::Hearing,
            period: [0; LONGEST],
        }
    }
}

impl Concealment {
    /// Takes what is played. After a gap its beginning is mixed with what was made up, so that
    /// there is no step between.
    pub fn hear(&mut self, samples: &mut [i16]) {
        if let State::Filling { since, length } = self.state {
            let overlap = OVERLAP.min(samples.len());
            for (n, sample) in samples[..overlap].iter_mut().enumerate() {
                let share = (n + 1) as f32 / (overlap + 1) as f32;
                let made_up = f32::from(self.made_up(since + n, length));
                *sample = (share * f32::from(*sample) + (1.0 - share) * made_up) as i16;
            }
            self.state = State::Hearing;
        }
        self.remember(samples);
    }

    /// Fills `out` with what might have been there.
    pub fn fill(&mut self, out: &mut [i16]) {
        let (since, length) = match self.state {
            State::Filling { since, length } => (since, length),
            State::Hearing => (0, self.learn()),
        };
        for (n, sample) in out.iter_mut().enumerate() {
            *sample = self.made_up(since + n, length);
        }
        self.state = State::Filling {
            since: since + out.len(),
            length,
        };
        self.remember(out);
    }

    /// Takes the last period apart for repetition; returns its length.
    fn learn(&mut self) -> usize {
        let length = pitch::last(&self.heard, WINDOW, LONGEST).period;
        let begin = HISTORY - length;
        self.period[..length].copy_from_slice(&self.heard[begin..]);
        // Its end leads into its beginning: the last quarter turns into what came before it.
        let quarter = length / 4;
        for n in 0..quarter {
            let share = (n + 1) as f32 / (quarter + 1) as f32;
            let place = length - quarter + n;
            let before = f32::from(self.heard[begin - quarter + n]);
            let here = f32::from(self.period[place]);
            self.period[place] = (here * (1.0 - share) + before * share) as i16;
        }
        length
    }

    fn made_up(&self, nth: usize, length: usize) -> i16 {
        let gone = nth.saturating_sub(STEADY) as f32 / FADE as f32;
        (f32::from(self.period[nth % length]) * (1.0 - gone).max(0.0)) as i16
    }

    fn remember(&mut self, samples: &[i16]) {
        let count = samples.len().min(HISTORY);
        self.heard.copy_within(count.., 0);
        self.heard[HISTORY - count..].copy_from_slice(&samples[samples.len() - count..]);
    }
}

/// 40 ms: the longest period twice, and what it is compared by.
const HISTORY: usize = 640;
const WINDOW: usize = 240;
/// 4 ms.
const OVERLAP: usize = 64;
/// 10 ms as loud as before, then 50 ms down to nothing: what is repeated for longer buzzes.
const STEADY: usize = 160;
const FADE: usize = 800;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_in_a_voice_is_filled_without_a_step_and_as_loud() {
        let (mut concealment, voice) = (Concealment::default(), voice());
        let mut heard = voice[..960].to_vec();
        concealment.hear(&mut heard);
        let mut gap = [0; 320];
        concealment.fill(&mut gap);
        heard.extend(gap);
        let mut after = voice[1_280..1_600].to_vec();
        concealment.hear(&mut after);
        heard.extend(after);
        let steepest = |samples: &[i16]| {
            let steps = samples.windows(2).map(|pair| (pair[1] - pair[0]).abs());
            steps.max().expect("samples")
        };
        assert!(
            steepest(&heard) <= 2 * steepest(&voice),
            "{}",
            steepest(&heard)
        );
        let (missing, made) = (power(&voice[960..1_280]), power(&gap));
        assert!((0.6..1.2).contains(&(made / missing)), "{}", made / missing);
    }

    #[test]
    fn a_long_gap_becomes_silence() {
        let mut concealment = Concealment::default();
        concealment.hear(&mut voice()[..960].to_vec());
        let mut gap = [1; 1_600];
        concealment.fill(&mut gap);
        assert!(power(&gap[..160]) > 0.0);
        assert_eq!(gap[960..], [0; 640]);
    }

    #[test]
    fn what_follows_what_was_heard_is_left_alone() {
        let (mut concealment, voice) = (Concealment::default(), voice());
        let mut samples = voice.clone();
        concealment.hear(&mut samples[..320]);
        concealment.hear(&mut samples[320..]);
        assert_eq!(samples, voice);
    }

    /// 140 Hz with two overtones.
    fn voice() -> Vec<i16> {
        (0..1_600)
            .map(|n| {
                let turn = std::f32::consts::TAU * 140.0 * n as f32 / 16_000.0;
                let sum = turn.sin() + 0.6 * (2.0 * turn).sin() + 0.3 * (3.0 * turn).cos();
                (4_000.0 * sum) as i16
            })
            .collect()
    }

    fn power(samples: &[i16]) -> f32 {
        samples
            .iter()
            .map(|&sample| f32::from(sample).powi(2))
            .sum()
    }
}
