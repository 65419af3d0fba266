//! HMAC-SHA1 (RFC 2104) for short messages: both padded keys are hashed once, and a message is hashed where it lies.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use sha1::Sha1Core;
use sha1::digest::block_buffer::EagerBuffer;
use sha1::digest::core_api::{FixedOutputCore, UpdateCore};
use sha1::digest::generic_array::GenericArray;

use super::cipher::{Forged, xor};

/// A key's two states. The core of the hash alone: 64 octets that a packet copies, instead of two buffers.
pub struct HmacSha1 {
    inner: Sha1Core,
    outer: Sha1Core,
}

impl HmacSha1 {
    pub fn new(key: &[u8; 20]) -> Self {
        let padded = |pad: u8| {
            let mut block = [pad; BLOCK];
            xor(&mut block[..key.len()], key);
            let mut state = Sha1Core::default();
            state.update_blocks(&[block.into()]);
            state
        };
        Self {
            inner: padded(0x36),
            outer: padded(0x5c),
        }
    }

    /// Of `message` with at most four octets behind it.
    pub fn sign(&self, message: &[u8], behind: &[u8]) -> [u8; 20] {
        let mut inner = self.inner.clone();
        let mut blocks = message.chunks_exact(BLOCK);
        for block in &mut blocks {
            inner.update_blocks(std::slice::from_ref(GenericArray::from_slice(block)));
        }
        let rest = blocks.remainder();
        let mut last = [0; BLOCK + ROLLOVER];
        let length = rest.len() + behind.len();
        last[..rest.len()].copy_from_slice(rest);
        last[rest.len()..length].copy_from_slice(behind);
        let mut last = &last[..length];
        if let Some((block, rest)) = last.split_first_chunk::<BLOCK>() {
            inner.update_blocks(&[(*block).into()]);
            last = rest;
        }
        let digest = finish(inner, last);
        finish(self.outer.clone(), &digest)
    }

    /// Whether `tag` is the beginning of the right one; its length is the profile's, by which its caller cut it off.
    ///
    /// # Errors
    ///
    /// [`Forged`]
    pub fn verify(&self, message: &[u8], behind: &[u8], tag: &[u8]) -> Result<(), Forged> {
        let expected = &self.sign(message, behind)[..tag.len()];
        verify_slices_are_equal(expected, tag).map_err(|_| Forged)
    }
}

/// The hash with less than a block to go.
fn finish(mut state: Sha1Core, last: &[u8]) -> [u8; 20] {
    let mut digest = GenericArray::default();
    state.finalize_fixed_core(&mut EagerBuffer::new(last), &mut digest);
    digest.into()
}

/// SHA-1's.
const BLOCK: usize = 64;
/// What SRTP signs behind a packet without sending it (RFC 3711 §4.2).
const ROLLOVER: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use sha1::{Digest, Sha1};

    #[test]
    fn rfc_2202_hmac_sha1() {
        let mac = HmacSha1::new(&[0x0b; 20]);
        let expected = [
            0xb6, 0x17, 0x31, 0x86, 0x55, 0x05, 0x72, 0x64, 0xe2, 0x8b, 0xc0, 0xb6, 0xfb, 0x37,
            0x8c, 0x8e, 0xf1, 0x46, 0xbe, 0x00,
        ];
        assert_eq!(mac.sign(b"Hi There", b""), expected);
        assert_eq!(mac.sign(b"Hi T", b"here"), expected);
        assert_eq!(mac.verify(b"Hi There", b"", &expected[..10]), Ok(()));
        assert_eq!(mac.verify(b"Hi there", b"", &expected[..10]), Err(Forged));
    }

    #[test]
    fn any_length_and_any_end_is_signed_as_the_plain_definition_says() {
        let key = [7; 20];
        let mac = HmacSha1::new(&key);
        let message: Vec<u8> = (0..300).map(|n| n as u8).collect();
        for length in 0..message.len() {
            for behind in [0, 4] {
                let (front, all) = (&message[..length - length.min(behind)], &message[..length]);
                assert_eq!(mac.sign(front, &all[front.len()..]), plainly(&key, all));
            }
        }
    }

    fn plainly(key: &[u8; 20], message: &[u8]) -> [u8; 20] {
        let padded = |pad: u8| {
            let mut block = [pad; BLOCK];
            xor(&mut block[..20], key);
            block
        };
        let inner = Sha1::new_with_prefix(padded(0x36)).chain_update(message);
        let outer = Sha1::new_with_prefix(padded(0x5c)).chain_update(inner.finalize());
        outer.finalize().into()
    }
}
