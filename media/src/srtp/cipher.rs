//! The transforms, all of them in place: AES-CM with HMAC-SHA1 (RFC 3711 §4) and AES-GCM (RFC 7714).

use std::mem::offset_of;
use std::ptr;

use aes::Aes128Enc;
use ctr::CtrCore;
use ctr::cipher::generic_array::GenericArray;
use ctr::cipher::{InnerIvInit, KeyInit, StreamCipherCore};
use ctr::flavors::Ctr128BE;
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::hmac::HmacSha1;
use super::keys::{Label, Master, Profile};

/// The session keys of one direction for either RTP or RTCP, with their schedules made once.
///
/// They lie in it, behind no pointer: with a thousand calls a packet finds none of them in a near cache, and what lies
/// together comes together.
#[allow(clippy::large_enum_variant, reason = "as above")]
pub enum Cipher {
    /// AES in counter mode and an HMAC-SHA1 tag of 80 or 32 bits.
    CounterMode(CounterMode),
    /// AES-GCM with its full tag of 128 bits.
    Gcm(Gcm),
}

/// AES-CM keys. In this order what a packet needs is five cache lines in a row: of `aes`, processors that know AES use
/// the first quarter alone.
#[repr(C)]
pub struct CounterMode {
    /// Octets of the tag.
    tag: usize,
    salt: [u8; 14],
    mac: HmacSha1,
    aes: Aes128Enc,
}

/// AES-GCM keys.
pub struct Gcm {
    key: LessSafeKey,
    salt: [u8; 12],
}

/// The tag didn't match: wrong keys, wrong rollover counter, or a forgery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forged;

/// The most octets that sealing adds to an RTP or RTCP packet: GCM's tag and the SRTCP index.
pub const EXPANSION: usize = GCM_TAG + SRTCP_INDEX;

/// RTCP's header and sender SSRC, which SRTCP leaves in the clear (RFC 3711 §3.4).
pub const RTCP_CLEAR: usize = 8;

/// Of AES-128: a block before the first of ten rounds, and one after each.
const ROUND_KEYS: usize = 11 * 16;
const GCM_TAG: usize = 16;
const HMAC_TAG: usize = 10;
const SHORT_HMAC_TAG: usize = 4;
const SRTCP_INDEX: usize = 4;
/// SRTCP's E flag: the packet is encrypted (RFC 3711 §3.4).
const ENCRYPTED: u32 = 1 << 31;

impl Cipher {
    /// Derives the session keys for RTP.
    pub fn rtp(profile: Profile, master: Master<'_>) -> Self {
        let labels = [
            Label::RtpEncryption,
            Label::RtpAuthentication,
            Label::RtpSalt,
        ];
        let tag = match profile {
            Profile::AesCm128HmacSha1_32 => SHORT_HMAC_TAG,
            Profile::AesCm128HmacSha1_80 => HMAC_TAG,
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => GCM_TAG,
        };
        Self::derive(profile, master, labels, tag)
    }

    /// Derives the session keys for RTCP.
    pub fn rtcp(profile: Profile, master: Master<'_>) -> Self {
        let labels = [
            Label::RtcpEncryption,
            Label::RtcpAuthentication,
            Label::RtcpSalt,
        ];
        Self::derive(profile, master, labels, HMAC_TAG)
    }

    /// `tag` is an HMAC's length.
    fn derive(
        profile: Profile,
        master: Master<'_>,
        [key, mac, salt]: [Label; 3],
        tag: usize,
    ) -> Self {
        match profile {
            Profile::AesCm128HmacSha1_80 | Profile::AesCm128HmacSha1_32 => {
                let (mut aes, mut hmac, mut salting) = ([0; 16], [0; 20], [0; 14]);
                master.derive(key, &mut aes);
                master.derive(mac, &mut hmac);
                master.derive(salt, &mut salting);
                Self::counter_mode(&aes, &hmac, salting, tag)
            }
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => {
                let (mut gcm, mut salting) = ([0; 32], [0; 12]);
                let gcm = &mut gcm[..profile.key_length()];
                master.derive(key, gcm);
                master.derive(salt, &mut salting);
                Self::gcm(gcm, salting)
            }
        }
    }

    fn counter_mode(aes: &[u8; 16], hmac: &[u8; 20], salt: [u8; 14], tag: usize) -> Self {
        Self::CounterMode(CounterMode {
            tag,
            salt,
            mac: HmacSha1::new(hmac),
            aes: Aes128Enc::new(aes.into()),
        })
    }

    fn gcm(key: &[u8], salt: [u8; 12]) -> Self {
        let algorithm = if key.len() == 32 {
            &AES_256_GCM
        } else {
            &AES_128_GCM
        };
        let key = UnboundKey::new(algorithm, key).expect("a profile's key fits its algorithm");
        Self::Gcm(Gcm {
            key: LessSafeKey::new(key),
            salt,
        })
    }

    /// What of the keys a packet needs, for `fetch` to ask for: where, and how many octets.
    #[inline]
    pub fn foresee(&self, fetch: impl Fn(*const u8, usize)) {
        match self {
            Self::CounterMode(keys) => {
                let octets = offset_of!(CounterMode, aes) + ROUND_KEYS;
                fetch(ptr::from_ref(keys).cast(), octets);
            }
            Self::Gcm(keys) => fetch(ptr::from_ref(keys).cast(), size_of::<Gcm>()),
        }
    }

    /// Verifies and decrypts an SRTP packet; returns its length without the tag.
    ///
    /// `clear` is the header's length, `index` the 48-bit packet index.
    ///
    /// # Errors
    ///
    /// [`Forged`]; the packet is then unusable.
    pub fn open_rtp(&self, packet: &mut [u8], clear: usize, index: u64) -> Result<usize, Forged> {
        match self {
            Self::CounterMode(keys) => {
                let end = body_end(packet, clear, keys.tag)?;
                let (body, tag) = packet.split_at(end);
                keys.mac.verify(body, &rollover(index), tag)?;
                keys.apply(&mut packet[..end], clear, 8, index);
                Ok(end)
            }
            Self::Gcm(keys) => {
                let end = body_end(packet, clear, GCM_TAG)?;
                let nonce = keys.rtp_nonce(packet, index);
                let (header, body) = packet.split_at_mut(clear);
                keys.key
                    .open_in_place(nonce, Aad::from(&*header), body)
                    .map_err(|_| Forged)?;
                Ok(end)
            }
        }
    }

    /// Encrypts the RTP packet in the first `length` octets of `slot` and appends the tag;
    /// returns the length on the wire.
    ///
    /// `slot` has [`EXPANSION`] octets of room behind the packet. An `index` must never be used
    /// twice with the same SSRC: that would give away the keystream.
    pub fn seal_rtp(&self, slot: &mut [u8], clear: usize, length: usize, index: u64) -> usize {
        match self {
            Self::CounterMode(keys) => {
                keys.apply(&mut slot[..length], clear, 8, index);
                let tag = keys.mac.sign(&slot[..length], &rollover(index));
                slot[length..length + keys.tag].copy_from_slice(&tag[..keys.tag]);
                length + keys.tag
            }
            Self::Gcm(keys) => {
                let nonce = keys.rtp_nonce(slot, index);
                let (header, body) = slot.split_at_mut(clear);
                let (body, tail) = body.split_at_mut(length - clear);
                let tag = keys
                    .key
                    .seal_in_place_separate_tag(nonce, Aad::from(&*header), body)
                    .expect("a datagram is below GCM's limit");
                tail[..GCM_TAG].copy_from_slice(tag.as_ref());
                length + GCM_TAG
            }
        }
    }

    /// Verifies and decrypts an SRTCP packet; returns the compound's length and its index.
    ///
    /// # Errors
    ///
    /// [`Forged`], also when the E flag is clear: DTLS-SRTP always encrypts (RFC 5764 §4.1.2).
    pub fn open_rtcp(&self, packet: &mut [u8]) -> Result<(usize, u32), Forged> {
        let trailer = match self {
            Self::CounterMode(_) => SRTCP_INDEX + HMAC_TAG,
            Self::Gcm(_) => GCM_TAG + SRTCP_INDEX,
        };
        let end = body_end(packet, RTCP_CLEAR, trailer)?;
        let word_at = match self {
            Self::CounterMode(_) => end,
            Self::Gcm(_) => end + GCM_TAG,
        };
        let word: [u8; SRTCP_INDEX] = *packet[word_at..].first_chunk().ok_or(Forged)?;
        let index = u32::from_be_bytes(word) & !ENCRYPTED;
        if u32::from_be_bytes(word) & ENCRYPTED == 0 {
            return Err(Forged);
        }
        match self {
            Self::CounterMode(keys) => {
                let (body, tag) = packet.split_at(end + SRTCP_INDEX);
                keys.mac.verify(body, &[], tag)?;
                keys.apply(&mut packet[..end], RTCP_CLEAR, 4, u64::from(index));
            }
            Self::Gcm(keys) => {
                let nonce = keys.rtcp_nonce(packet, index);
                let associated = rtcp_associated_data(packet, word);
                keys.key
                    .open_in_place(
                        nonce,
                        Aad::from(associated),
                        &mut packet[RTCP_CLEAR..word_at],
                    )
                    .map_err(|_| Forged)?;
            }
        }
        Ok((end, index))
    }

    /// Encrypts the RTCP compound in the first `length` octets of `slot`; returns the length on
    /// the wire. `index` has 31 bits and is never used twice.
    pub fn seal_rtcp(&self, slot: &mut [u8], length: usize, index: u32) -> usize {
        let word = (index | ENCRYPTED).to_be_bytes();
        match self {
            Self::CounterMode(keys) => {
                keys.apply(&mut slot[..length], RTCP_CLEAR, 4, u64::from(index));
                let end = length + SRTCP_INDEX;
                slot[length..end].copy_from_slice(&word);
                let tag = keys.mac.sign(&slot[..end], &[]);
                slot[end..end + HMAC_TAG].copy_from_slice(&tag[..HMAC_TAG]);
                end + HMAC_TAG
            }
            Self::Gcm(keys) => {
                let nonce = keys.rtcp_nonce(slot, index);
                let associated = rtcp_associated_data(slot, word);
                let tag = keys
                    .key
                    .seal_in_place_separate_tag(
                        nonce,
                        Aad::from(associated),
                        &mut slot[RTCP_CLEAR..length],
                    )
                    .expect("a datagram is below GCM's limit");
                slot[length..length + GCM_TAG].copy_from_slice(tag.as_ref());
                let end = length + GCM_TAG;
                slot[end..end + SRTCP_INDEX].copy_from_slice(&word);
                end + SRTCP_INDEX
            }
        }
    }
}

impl std::fmt::Debug for Cipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::CounterMode(_) => "CounterMode",
            Self::Gcm(_) => "Gcm",
        })
    }
}

impl CounterMode {
    /// The keystream over `packet[clear..]`; the SSRC stands at `ssrc_at`.
    fn apply(&self, packet: &mut [u8], clear: usize, ssrc_at: usize, index: u64) {
        // IV = salt * 2^16 XOR SSRC * 2^64 XOR index * 2^16 (RFC 3711 §4.1.1).
        let mut iv = [0; 16];
        iv[..14].copy_from_slice(&self.salt);
        xor(&mut iv[4..8], &packet[ssrc_at..ssrc_at + 4]);
        xor(&mut iv[6..14], &index.to_be_bytes());
        let iv = GenericArray::from_slice(&iv);
        let counter = CtrCore::<_, Ctr128BE>::inner_iv_init(&self.aes, iv);
        counter.apply_keystream_partial((&mut packet[clear..]).into());
    }
}

impl Gcm {
    /// RFC 7714 §8.1: two zero octets, SSRC, rollover counter and sequence number.
    fn rtp_nonce(&self, packet: &[u8], index: u64) -> Nonce {
        let mut nonce = self.salt;
        xor(&mut nonce[2..6], &packet[8..12]);
        xor(&mut nonce[6..12], &index.to_be_bytes()[2..]);
        Nonce::assume_unique_for_key(nonce)
    }

    /// RFC 7714 §9.1: two zero octets, SSRC, two zero octets, the 31-bit index.
    fn rtcp_nonce(&self, packet: &[u8], index: u32) -> Nonce {
        let mut nonce = self.salt;
        xor(&mut nonce[2..6], &packet[4..8]);
        xor(&mut nonce[8..12], &index.to_be_bytes());
        Nonce::assume_unique_for_key(nonce)
    }
}

/// Where the encrypted part ends in front of a trailer of `trailer` octets.
fn body_end(packet: &[u8], clear: usize, trailer: usize) -> Result<usize, Forged> {
    match packet.len().checked_sub(trailer) {
        Some(end) if end >= clear => Ok(end),
        Some(_) | None => Err(Forged),
    }
}

/// HMAC-SHA1 covers the rollover counter too, which isn't sent (RFC 3711 §4.2).
fn rollover(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

/// RFC 7714 §9.2: the clear header, then the E flag and index.
fn rtcp_associated_data(packet: &[u8], word: [u8; 4]) -> [u8; 12] {
    let mut data = [0; 12];
    data[..RTCP_CLEAR].copy_from_slice(&packet[..RTCP_CLEAR]);
    data[RTCP_CLEAR..].copy_from_slice(&word);
    data
}

pub(super) fn xor(target: &mut [u8], with: &[u8]) {
    for (octet, with) in target.iter_mut().zip(with) {
        *octet ^= with;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rfc_3711_b2_keystream() {
        let cipher = Cipher::counter_mode(
            &octets("2b7e151628aed2a6abf7158809cf4f3c")
                .try_into()
                .expect("16"),
            &[0; 20],
            octets("f0f1f2f3f4f5f6f7f8f9fafbfcfd")
                .try_into()
                .expect("14"),
            HMAC_TAG,
        );
        let Cipher::CounterMode(keys) = &cipher else {
            unreachable!("just made");
        };
        let mut packet = [0; 12 + 48];
        keys.apply(&mut packet, 12, 8, 0);
        assert_eq!(
            packet[12..],
            octets(concat!(
                "e03ead0935c95e80e166b16dd92b4eb4",
                "d23513162b02d0f72a43a2fe4a5f97ab",
                "41e95b3bb0a2e8dd477901e4fca894c0"
            ))
        );
    }

    #[test]
    fn rfc_7714_16_srtp_both_key_sizes() {
        let plain = octets(concat!(
            "8040f17b8041f8d35501a0b2",
            "47616c6c696120657374206f6d6e6973206469766973612069",
            "6e207061727465732074726573"
        ));
        let sealed = [
            concat!(
                "8040f17b8041f8d35501a0b2",
                "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51",
                "c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce"
            ),
            concat!(
                "8040f17b8041f8d35501a0b2",
                "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276",
                "ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13"
            ),
        ];
        for (key, expected) in [GCM_128, GCM_256].into_iter().zip(sealed) {
            let cipher = Cipher::gcm(&octets(key), *b"Quid pro quo");
            let mut slot = plain.clone();
            slot.resize(plain.len() + EXPANSION, 0);
            let length = cipher.seal_rtp(&mut slot, 12, plain.len(), 0xf17b);
            assert_eq!(slot[..length], octets(expected));
            let length = cipher.open_rtp(&mut slot[..length], 12, 0xf17b);
            assert_eq!(length, Ok(plain.len()));
            assert_eq!(slot[..plain.len()], plain);
        }
    }

    #[test]
    fn rfc_7714_17_srtcp() {
        let plain = octets(concat!(
            "81c8000d4d6172734e5450314e545032525450200000042a0000e930",
            "4c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef"
        ));
        let expected = octets(concat!(
            "81c8000d4d617273",
            "63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda",
            "4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4"
        ));
        let cipher = Cipher::gcm(&octets(GCM_128), *b"Quid pro quo");
        let mut slot = plain.clone();
        slot.resize(plain.len() + EXPANSION, 0);
        let length = cipher.seal_rtcp(&mut slot, plain.len(), 0x5d4);
        assert_eq!(slot[..length], expected);
        assert_eq!(
            cipher.open_rtcp(&mut slot[..length]),
            Ok((plain.len(), 0x5d4))
        );
        assert_eq!(slot[..plain.len()], plain);
    }

    #[test]
    fn the_short_tag_is_the_beginning_of_the_long_one_and_for_rtp_only() {
        let [long, short] =
            [Profile::AesCm128HmacSha1_80, Profile::AesCm128HmacSha1_32].map(|profile| {
                let (rtp, rtcp) = (
                    of(profile),
                    Cipher::rtcp(profile, Master::new(&[7; 16], &[8; 14])),
                );
                let mut packet = [0x80; 64];
                let length = rtp.seal_rtp(&mut packet, 12, 32, 5);
                let mut report = [0x81; 64];
                let report_length = rtcp.seal_rtcp(&mut report, 24, 5);
                (packet[..length].to_vec(), report[..report_length].to_vec())
            });
        assert_eq!((long.0.len(), short.0.len()), (42, 36));
        assert_eq!(short.0, long.0[..36]);
        assert_eq!(short.1, long.1);
    }

    #[test]
    fn an_unencrypted_srtcp_packet_is_refused() {
        let cipher = of(Profile::AesCm128HmacSha1_80);
        let mut slot = vec![0; 8 + 8 + EXPANSION];
        let length = cipher.seal_rtcp(&mut slot, 16, 1);
        slot[16] &= 0x7f;
        assert_eq!(cipher.open_rtcp(&mut slot[..length]), Err(Forged));
    }

    proptest! {
        #[test]
        fn rtp_round_trips_and_no_flipped_bit_passes(
            profile in profile(), payload in prop::collection::vec(any::<u8>(), 0..200),
            index in 0u64..1 << 48, flip: prop::sample::Index,
        ) {
            let cipher = of(profile);
            let mut plain = vec![0x80, 8, (index >> 8) as u8, index as u8, 1, 2, 3, 4, 5, 6, 7, 8];
            plain.extend(&payload);
            let mut slot = plain.clone();
            slot.resize(plain.len() + EXPANSION, 0);
            let length = cipher.seal_rtp(&mut slot, 12, plain.len(), index);
            let mut forged = slot[..length].to_vec();
            let bit = flip.index(length * 8);
            forged[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(cipher.open_rtp(&mut forged, 12, index), Err(Forged));
            let mut late = slot[..length].to_vec();
            prop_assert_eq!(cipher.open_rtp(&mut late, 12, index ^ 1 << 16), Err(Forged));
            prop_assert_eq!(cipher.open_rtp(&mut slot[..length], 12, index), Ok(plain.len()));
            prop_assert_eq!(&slot[..plain.len()], &plain[..]);
        }

        #[test]
        fn rtcp_round_trips_and_no_flipped_bit_passes(
            profile in profile(), body in prop::collection::vec(any::<u8>(), 0..100),
            index in 0u32..1 << 31, flip: prop::sample::Index,
        ) {
            let cipher = of(profile);
            let mut plain = vec![0x80, 200, 0, 6, 1, 2, 3, 4];
            plain.extend(&body);
            let mut slot = plain.clone();
            slot.resize(plain.len() + EXPANSION, 0);
            let length = cipher.seal_rtcp(&mut slot, plain.len(), index);
            let mut forged = slot[..length].to_vec();
            let bit = flip.index(length * 8);
            forged[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(cipher.open_rtcp(&mut forged), Err(Forged));
            prop_assert_eq!(cipher.open_rtcp(&mut slot[..length]), Ok((plain.len(), index)));
            prop_assert_eq!(&slot[..plain.len()], &plain[..]);
        }

        #[test]
        fn no_octets_make_opening_panic(
            profile in profile(), mut packet in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            let cipher = of(profile);
            let _ = cipher.open_rtcp(&mut packet);
            if let Ok(header) = crate::rtp::Header::parse(&packet) {
                let _ = cipher.open_rtp(&mut packet, header.length, 7);
            }
        }
    }

    fn profile() -> impl Strategy<Value = Profile> {
        prop::sample::select(vec![
            Profile::AeadAes256Gcm,
            Profile::AeadAes128Gcm,
            Profile::AesCm128HmacSha1_80,
            Profile::AesCm128HmacSha1_32,
        ])
    }

    fn of(profile: Profile) -> Cipher {
        let key: Vec<u8> = (0..profile.key_length() as u8).collect();
        let salt: Vec<u8> = (100..100 + profile.salt_length() as u8).collect();
        Cipher::rtp(profile, Master::new(&key, &salt))
    }

    fn octets(hex: &str) -> Vec<u8> {
        (0..hex.len() / 2)
            .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hex"))
            .collect()
    }

    const GCM_128: &str = "000102030405060708090a0b0c0d0e0f";
    const GCM_256: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
}
