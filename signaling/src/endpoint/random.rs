//! Randomness from a given seed, unpredictable without it: SHA-256 over a counter. Tests give a fixed seed, programs a secret one.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

/// A generator of identifiers and delays.
pub(crate) struct Random {
    seed: [u8; 32],
    counter: u64,
    block: [u8; 32],
    used: usize,
}

impl Random {
    pub fn new(seed: [u8; 32]) -> Random {
        Random {
            seed,
            counter: 0,
            block: [0; 32],
            used: 32,
        }
    }

    /// `length` characters of 0–9 and a–v, 5 bits each.
    pub fn token(&mut self, length: usize) -> String {
        (0..length)
            .map(|_| char::from(ALPHABET[usize::from(self.byte() & 31)]))
            .collect()
    }

    /// Evenly from `0..bound`; the bias of the remainder is below 2^-32 for any bound used here.
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = (0..8).fold(0u64, |sum, _| sum << 8 | u64::from(self.byte()));
        wide % bound.max(1)
    }

    /// Evenly from `from..=to`, by the millisecond.
    pub fn between(&mut self, from: Duration, to: Duration) -> Duration {
        let span = to.saturating_sub(from).as_millis() as u64;
        from + Duration::from_millis(self.below(span + 1))
    }

    fn byte(&mut self) -> u8 {
        if self.used == self.block.len() {
            let mut hash = Sha256::new();
            hash.update(self.seed);
            hash.update(self.counter.to_be_bytes());
            self.block = hash.finalize().into();
            self.counter += 1;
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_says_the_same_and_another_something_else() {
        let token = |seed| Random::new([seed; 32]).token(40);
        assert_eq!(token(1), token(1));
        assert_ne!(token(1), token(2));
    }

    #[test]
    fn delays_stay_in_their_range() {
        let mut random = Random::new([7; 32]);
        let (from, to) = (Duration::from_millis(2_100), Duration::from_millis(4_000));
        assert!(
            (0..1_000)
                .map(|_| random.between(from, to))
                .all(|delay| (from..=to).contains(&delay))
        );
    }
}
