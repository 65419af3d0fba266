//! G.711: A-law and µ-law, and the tables that turn one into the other in place.

use crate::codec::AudioCodec;

/// One A-law octet as a 16-bit linear sample (ITU-T G.711 table 1).
pub const fn decode_alaw(octet: u8) -> i16 {
    // Even bits are inverted on the line (G.711 §3.1, note).
    let octet = octet ^ 0x55;
    let segment = (octet & 0x70) >> 4;
    let mantissa = ((octet & 0x0f) as i16) << 4;
    let magnitude = match segment {
        0 => mantissa + 8,
        s => (mantissa + 0x108) << (s - 1),
    };
    if octet & 0x80 != 0 {
        magnitude
    } else {
        -magnitude
    }
}

/// One 16-bit linear sample as an A-law octet.
pub const fn encode_alaw(sample: i16) -> u8 {
    let (sign, magnitude) = if sample >= 0 {
        (0x80, sample as u16 >> 4)
    } else {
        (0x00, (-(sample as i32) - 1) as u16 >> 4)
    };
    // 11 magnitude bits remain; the segment is the place of the highest set one above bit 4.
    let segment = if magnitude < 32 {
        (magnitude >= 16) as u16
    } else {
        12 - magnitude.leading_zeros() as u16
    };
    let mantissa = if segment < 2 {
        magnitude & 0x0f
    } else {
        magnitude >> (segment - 1) & 0x0f
    };
    (sign | (segment as u8) << 4 | mantissa as u8) ^ 0x55
}

/// One µ-law octet as a 16-bit linear sample (ITU-T G.711 table 2).
pub const fn decode_ulaw(octet: u8) -> i16 {
    let octet = !octet;
    let magnitude = ((((octet & 0x0f) as i16) << 3) + BIAS) << ((octet & 0x70) >> 4);
    if octet & 0x80 != 0 {
        BIAS - magnitude
    } else {
        magnitude - BIAS
    }
}

/// One 16-bit linear sample as a µ-law octet.
pub const fn encode_ulaw(sample: i16) -> u8 {
    let (sign, magnitude) = if sample < 0 {
        (0x80, -(sample as i32))
    } else {
        (0x00, sample as i32)
    };
    let clipped = if magnitude > CLIP { CLIP } else { magnitude };
    let biased = clipped + BIAS as i32;
    let segment = 24 - biased.leading_zeros() as u8;
    let mantissa = (biased >> (segment + 3)) as u8 & 0x0f;
    !(sign | segment << 4 | mantissa)
}

/// Turns coded octets of `from` into octets of `to`, in place.
pub fn transcode(samples: &mut [u8], from: AudioCodec, to: AudioCodec) {
    let table = match (from, to) {
        (AudioCodec::Pcma, AudioCodec::Pcmu) => &ALAW_TO_ULAW,
        (AudioCodec::Pcmu, AudioCodec::Pcma) => &ULAW_TO_ALAW,
        // The same codec, or none of G.711's, which meet nobody but themselves.
        (_, _) => return,
    };
    for octet in samples {
        *octet = table[*octet as usize];
    }
}

/// Added before µ-law's segment search (G.711 table 2: decision values start at 33 of 8,159).
const BIAS: i16 = 0x84;
/// The largest magnitude that µ-law can code.
const CLIP: i32 = 32_635;

const ALAW_TO_ULAW: [u8; 256] = table(true);
const ULAW_TO_ALAW: [u8; 256] = table(false);

const fn table(from_alaw: bool) -> [u8; 256] {
    let mut out = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        out[octet] = if from_alaw {
            encode_ulaw(decode_alaw(octet as u8))
        } else {
            encode_alaw(decode_ulaw(octet as u8))
        };
        octet += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_survives_decoding_and_encoding() {
        for octet in 0..=255u8 {
            assert_eq!(encode_alaw(decode_alaw(octet)), octet, "A-law {octet:#x}");
            // µ-law has two zeros; the negative one is never produced.
            if octet != 0x7f {
                assert_eq!(encode_ulaw(decode_ulaw(octet)), octet, "µ-law {octet:#x}");
            }
        }
    }

    #[test]
    fn known_values_of_the_standard_hold() {
        // Largest, smallest and zero codes of G.711 tables 1 and 2, scaled to 16 bits.
        assert_eq!(decode_alaw(0xd5), 8);
        assert_eq!(decode_alaw(0xaa), 32_256);
        assert_eq!(decode_alaw(0x2a), -32_256);
        assert_eq!(decode_ulaw(0xff), 0);
        assert_eq!(decode_ulaw(0x80), 32_124);
        assert_eq!(decode_ulaw(0x00), -32_124);
        assert_eq!(encode_ulaw(0), 0xff);
        assert_eq!(encode_alaw(i16::MIN), 0x2a);
        assert_eq!(encode_ulaw(i16::MIN), 0x00);
    }

    #[test]
    fn the_quantisation_error_stays_within_half_a_step() {
        for sample in (i16::MIN..=i16::MAX).step_by(7) {
            let magnitude = i32::from(sample).abs();
            let step = (magnitude / 16).max(16);
            for decoded in [
                decode_alaw(encode_alaw(sample)),
                decode_ulaw(encode_ulaw(sample)),
            ] {
                let error = (i32::from(decoded) - i32::from(sample)).abs();
                assert!(error <= step, "{sample} became {decoded}");
            }
        }
    }

    #[test]
    fn transcoding_keeps_loudness_and_same_codec_is_left_alone() {
        let mut samples: Vec<u8> = (0..=255).collect();
        transcode(&mut samples, AudioCodec::Pcma, AudioCodec::Pcma);
        assert!(samples.iter().copied().eq(0..=255));
        transcode(&mut samples, AudioCodec::Pcma, AudioCodec::Pcmu);
        for (octet, &coded) in (0..=255u8).zip(&samples) {
            let (before, after) = (i32::from(decode_alaw(octet)), i32::from(decode_ulaw(coded)));
            assert!((before - after).abs() <= before.abs() / 16 + 16);
        }
    }
}
