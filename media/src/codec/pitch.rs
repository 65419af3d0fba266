//! How long a period of a voice is: what concealment repeats, and what a change of pace leaves out
//! or says twice.

/// The period of `samples`, and how alike its repetitions are: 0 (not at all) to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pitch {
    pub period: usize,
    pub likeness: f32,
}

/// Compares the last `window` samples with those a period before, for each period that leaves room
/// for it.
pub fn last(samples: &[i16], window: usize, longest: usize) -> Pitch {
    let longest = longest.min(samples.len().saturating_sub(window));
    let now = &samples[samples.len() - window.min(samples.len())..];
    let mut best = Pitch {
        period: SHORTEST.min(longest.max(1)),
        likeness: 0.0,
    };
    let energy_now = energy(now);
    if energy_now == 0.0 {
        return best;
    }
    for period in SHORTEST..=longest {
        let start = samples.len() - window - period;
        let then = &samples[start..start + window];
        let (product, energy_then) = correlate(now, then);
        if product <= 0.0 || energy_then == 0.0 {
            continue;
        }
        let likeness = product / (energy_now * energy_then).sqrt();
        // A multiple of the period is as alike; the shortest wins.
        if likeness > best.likeness + 0.02 {
            best = Pitch { period, likeness };
        }
    }
    best
}

/// Every other sample says enough.
fn correlate(now: &[i16], then: &[i16]) -> (f32, f32) {
    let mut sums = (0.0, 0.0);
    for (&a, &b) in now.iter().zip(then).step_by(2) {
        let (a, b) = (f32::from(a), f32::from(b));
        sums.0 += a * b;
        sums.1 += b * b;
    }
    sums
}

fn energy(samples: &[i16]) -> f32 {
    let squares = samples
        .iter()
        .step_by(2)
        .map(|&sample| f32::from(sample).powi(2));
    squares.sum()
}

/// 2.5 ms at 16 kHz: 400 Hz.
pub const SHORTEST: usize = 40;
/// 15 ms: 67 Hz.
pub const LONGEST: usize = 240;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_period_of_a_tone_is_found_and_its_multiples_are_not() {
        for hertz in [80.0, 125.0, 200.0, 390.0] {
            let samples: Vec<i16> = (0..640)
                .map(|n| {
                    let turn = std::f32::consts::TAU * hertz * n as f32 / 16_000.0;
                    (6_000.0 * (turn.sin() + 0.5 * (2.0 * turn).sin())) as i16
                })
                .collect();
            let pitch = last(&samples, 240, LONGEST);
            let expected = 16_000.0 / hertz;
            assert!(
                (pitch.period as f32 - expected).abs() <= 4.0,
                "{hertz} Hz: {pitch:?}"
            );
            assert!(pitch.likeness > 0.95);
        }
    }

    #[test]
    fn silence_has_no_pitch_and_too_little_is_no_error() {
        assert_eq!(last(&[0; 640], 240, LONGEST).likeness, 0.0);
        assert_eq!(last(&[5; 100], 240, LONGEST).likeness, 0.0);
        assert!(last(&[5; 100], 40, LONGEST).period <= 60);
    }
}
