//! Numbers that a peer can't guess, from one seed: HMAC-SHA256 in counter mode.

use aws_lc_rs::hmac;

/// A deterministic generator: same seed, same numbers.
#[derive(Debug)]
pub struct Random {
    key: hmac::Key,
    counter: u64,
}

impl Random {
    /// Each `stream` of a seed has numbers of its own.
    pub fn new(seed: &[u8; 32], stream: u16) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, seed);
        let key = hmac::sign(&root, &stream.to_be_bytes());
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()),
            counter: 0,
        }
    }

    /// The next 64 bits.
    pub fn number(&mut self) -> u64 {
        self.counter += 1;
        let block = hmac::sign(&self.key, &self.counter.to_be_bytes());
        let octets = block.as_ref().first_chunk().expect("SHA-256 has 32 octets");
        u64::from_be_bytes(*octets)
    }

    /// As many octets.
    pub fn octets<const N: usize>(&mut self) -> [u8; N] {
        let mut octets = [0; N];
        for chunk in octets.chunks_mut(8) {
            let number = self.number().to_be_bytes();
            chunk.copy_from_slice(&number[..chunk.len()]);
        }
        octets
    }

    /// `length` characters out of 32, 5 bits each: all of them legal in ICE credentials
    /// (RFC 8839 §5.4).
    pub fn word(&mut self, length: usize) -> String {
        const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let mut word = String::with_capacity(length);
        while word.len() < length {
            let number = self.number();
            let room = (length - word.len()).min(12);
            word.extend((0..room).map(|n| ALPHABET[(number >> (5 * n) & 31) as usize] as char));
        }
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_and_another_stream_others() {
        let word = |stream| Random::new(&[7; 32], stream).word(30);
        assert_eq!(word(1), word(1));
        assert_ne!(word(1), word(2));
        assert_eq!(word(1).len(), 30);
    }
}
