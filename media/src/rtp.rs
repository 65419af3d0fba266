//! The RTP header (RFC 3550 §5.1): read before and after decryption, written in place.

pub mod clock;
pub mod framing;
pub mod numbering;
pub mod reception;

use std::ops::Range;

use rtp_rs::RtpReader;

/// A synchronisation source (RFC 3550 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ssrc(pub u32);

/// A payload type, 0 to 127.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PayloadType(u8);

impl PayloadType {
    /// `None` when `value` has more than seven bits.
    pub const fn new(value: u8) -> Option<Self> {
        if value < 128 { Some(Self(value)) } else { None }
    }

    /// The seven bits.
    pub const fn value(self) -> u8 {
        self.0
    }
}

/// The fields of an RTP header that stay readable under SRTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Set on the first packet of a talkspurt (RFC 3551 §4.1).
    pub marker: bool,
    /// Seven bits.
    pub payload_type: PayloadType,
    /// Wraps at 2^16.
    pub sequence: u16,
    /// In units of the clock rate; wraps at 2^32.
    pub timestamp: u32,
    /// Whose numbering this is.
    pub ssrc: Ssrc,
    /// Octets before the payload: the fixed header, CSRCs and the header extension.
    pub length: usize,
}

/// Not an RTP packet of version 2, or one whose lengths contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl Header {
    /// The fixed header's size (RFC 3550 §5.1), and all that we ever send.
    pub const FIXED: usize = 12;

    /// Reads the header of `packet`, which may still be encrypted: the padding, which SRTP
    /// encrypts (RFC 3711 §3.1), isn't looked at.
    ///
    /// # Errors
    ///
    /// [`Malformed`] when the version isn't 2 or the header is longer than the packet.
    pub fn parse(packet: &[u8]) -> Result<Self, Malformed> {
        let fixed: &[u8; Self::FIXED] = packet.first_chunk().ok_or(Malformed)?;
        if fixed[0] >> 6 != 2 {
            return Err(Malformed);
        }
        let mut length = Self::FIXED + 4 * usize::from(fixed[0] & 0x0f);
        if fixed[0] & 0x10 != 0 {
            let words = packet.get(length + 2..length + 4).ok_or(Malformed)?;
            length += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
        }
        if length > packet.len() {
            return Err(Malformed);
        }
        Ok(Self {
            marker: fixed[1] & 0x80 != 0,
            payload_type: PayloadType(fixed[1] & 0x7f),
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ssrc: Ssrc(u32::from_be_bytes([
                fixed[8], fixed[9], fixed[10], fixed[11],
            ])),
            length,
        })
    }

    /// Writes the fixed header, without CSRCs, extension or padding.
    pub fn write(&self, out: &mut [u8; Self::FIXED]) {
        out[0] = 0x80;
        out[1] = u8::from(self.marker) << 7 | self.payload_type.0;
        out[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        out[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        out[8..12].copy_from_slice(&self.ssrc.0.to_be_bytes());
    }
}

/// Where the payload of a decrypted packet lies, without its padding.
///
/// # Errors
///
/// [`Malformed`] when the padding is longer than what follows the header.
pub fn payload(packet: &[u8]) -> Result<Range<usize>, Malformed> {
    let reader = RtpReader::new(packet).map_err(|_| Malformed)?;
    let start = reader.payload_offset();
    Ok(start..start + reader.payload().len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Two CSRCs, a one-word extension, four octets of payload, two of padding.
    const FULL: [u8; 34] = [
        0xb2, 0x88, 0x12, 0x34, 0, 0, 0x03, 0x20, 0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 1, 0, 0, 0, 2,
        0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0, b'a', b'b', b'c', b'd', 0, 2,
    ];

    #[test]
    fn every_part_of_a_full_header_is_found() {
        let header = Header::parse(&FULL).expect("well formed");
        assert_eq!(
            header,
            Header {
                marker: true,
                payload_type: PayloadType(8),
                sequence: 0x1234,
                timestamp: 800,
                ssrc: Ssrc(0xdead_beef),
                length: 28,
            }
        );
        assert_eq!(payload(&FULL), Ok(28..32));
    }

    #[test]
    fn padding_longer_than_the_payload_is_malformed() {
        let mut packet = FULL;
        packet[33] = 7;
        assert_eq!(payload(&packet), Err(Malformed));
        // The header alone stays readable: under SRTP the padding is still ciphertext.
        assert!(Header::parse(&packet).is_ok());
    }

    #[test]
    fn a_truncated_header_is_malformed() {
        for length in 0..28 {
            assert_eq!(Header::parse(&FULL[..length]), Err(Malformed), "{length}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            marker: bool, payload_type in 0u8..128, sequence: u16, timestamp: u32, ssrc: u32,
        ) {
            let header = Header {
                marker,
                payload_type: PayloadType(payload_type),
                sequence,
                timestamp,
                ssrc: Ssrc(ssrc),
                length: Header::FIXED,
            };
            let mut out = [0xff; Header::FIXED];
            header.write(&mut out);
            prop_assert_eq!(Header::parse(&out), Ok(header));
        }

        #[test]
        fn no_octets_make_the_parsers_panic(packet in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Header::parse(&packet);
            let _ = payload(&packet);
        }
    }
}
