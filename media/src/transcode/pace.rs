//! Saying the same in less or more time: a period of the voice is left out or said twice, and the
//! seam is a soft one.

use crate::codec::pitch::{self, Pitch};

/// Takes a period out of the samples; as they are where they don't repeat themselves.
pub fn shorten(samples: &mut Vec<i16>) {
    let Some(period) = period(samples) else {
        return;
    };
    let length = samples.len();
    let begin = length - 2 * period;
    blend(samples, begin, begin + period, begin, period);
    samples.truncate(length - period);
}

/// Says a period of the samples twice.
pub fn lengthen(samples: &mut Vec<i16>) {
    let Some(period) = period(samples) else {
        return;
    };
    let length = samples.len();
    let begin = length - 2 * period;
    samples.extend_from_within(length - period..);
    // The second period turns into the first one again, which the copy then goes on from.
    blend(samples, begin + period, begin, begin + period, period);
}

/// What fits twice into the samples and sounds alike, or is too quiet to matter.
fn period(samples: &[i16]) -> Option<usize> {
    let longest = (samples.len() / 2).min(pitch::LONGEST);
    if longest < pitch::SHORTEST {
        return None;
    }
    let loudest = samples.iter().map(|sample| sample.unsigned_abs()).max()?;
    if loudest < QUIET {
        return Some(longest);
    }
    let window = (samples.len() - longest).min(longest);
    let Pitch { period, likeness } = pitch::last(samples, window, longest);
    (likeness >= ALIKE && 2 * period <= samples.len()).then_some(period)
}

/// Writes to `to`: what begins at `from`, turning into what begins at `into`.
fn blend(samples: &mut [i16], from: usize, into: usize, to: usize, length: usize) {
    for n in 0..length {
        let share = (n + 1) as f32 / (length + 1) as f32;
        let (a, b) = (f32::from(samples[from + n]), f32::from(samples[into + n]));
        samples[to + n] = (a * (1.0 - share) + b * share) as i16;
    }
}

/// Below it no seam is heard: −54 dB of full scale.
const QUIET: u16 = 64;
/// Of 1; less would be heard.
const ALIKE: f32 = 0.6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_stays_the_same_tone_whatever_the_pace() {
        for change in [shorten as fn(&mut Vec<i16>), lengthen] {
            let mut heard: Vec<i16> = Vec::new();
            let tone = tone(40 * 320);
            for frame in tone.chunks(320) {
                let mut frame = frame.to_vec();
                change(&mut frame);
                heard.extend(frame);
            }
            assert_ne!(heard.len(), tone.len());
            let steepest = |samples: &[i16]| {
                let steps = samples.windows(2).map(|pair| (pair[1] - pair[0]).abs());
                steps.max().expect("samples")
            };
            assert!(f32::from(steepest(&heard)) <= 1.2 * f32::from(steepest(&tone)));
        }
    }

    #[test]
    fn silence_gives_way_and_noise_does_not() {
        let mut silence = vec![8; 320];
        shorten(&mut silence);
        assert_eq!(silence, [8; 160]);
        let mut random = 3u32;
        let noise: Vec<i16> = (0..320)
            .map(|_| {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (random >> 18) as i16 - 8_192
            })
            .collect();
        let mut heard = noise.clone();
        lengthen(&mut heard);
        shorten(&mut heard);
        assert_eq!(heard, noise);
        let mut short = vec![1; 40];
        shorten(&mut short);
        assert_eq!(short.len(), 40);
    }

    /// 200 Hz: 80 samples a period.
    fn tone(count: usize) -> Vec<i16> {
        let turn = std::f32::consts::TAU * 200.0 / 16_000.0;
        (0..count)
            .map(|n| (8_000.0 * (turn * n as f32).sin()) as i16)
            .collect()
    }
}
