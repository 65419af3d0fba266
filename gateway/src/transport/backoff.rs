//! Pauses between attempts: exponential with full jitter, so that a thousand lines don't come back in step.

use std::time::Duration;

use rand::Rng;

/// Counts failed attempts in a row.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// The pause before the next attempt: anything up to a ceiling that doubles from 1 s to 30 s.
    pub(crate) fn pause(&mut self, random: &mut impl Rng) -> Duration {
        self.pause_within(LAST, random)
    }

    /// The same with another last ceiling.
    pub(crate) fn pause_within(&mut self, last: Duration, random: &mut impl Rng) -> Duration {
        let ceiling = FIRST
            .saturating_mul(1 << self.attempts.min(DOUBLINGS))
            .min(last);
        self.attempts = self.attempts.saturating_add(1);
        ceiling.mul_f64(random.random::<f64>())
    }
}

const FIRST: Duration = Duration::from_secs(1);
const LAST: Duration = Duration::from_secs(30);

/// 2^5 s is past the last ceiling.
const DOUBLINGS: u32 = 5;

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn pauses_spread_under_a_doubling_ceiling() {
        let mut random = StdRng::seed_from_u64(7);
        let mut longest = [Duration::ZERO; 8];
        for _ in 0..1_000 {
            let mut backoff = Backoff::default();
            for longest in &mut longest {
                *longest = (*longest).max(backoff.pause(&mut random));
            }
        }
        for (longest, ceiling) in longest.into_iter().zip([1, 2, 4, 8, 16, 30, 30, 30]) {
            let ceiling = Duration::from_secs(ceiling);
            assert!(longest <= ceiling, "{longest:?} is over {ceiling:?}");
            assert!(
                longest > ceiling.mul_f64(0.98),
                "{longest:?} keeps far from {ceiling:?}"
            );
        }
    }
}
