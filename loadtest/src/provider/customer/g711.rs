//! G.711 in both laws, from the recommendation's segments; 8 kHz mono.

/// Which law a payload is coded in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Law {
    /// A-law, payload type 8.
    A,
    /// µ-law, payload type 0.
    Mu,
}

impl Law {
    pub fn encode(self, sample: i16) -> u8 {
        match self {
            Self::A => encode_a(sample),
            Self::Mu => encode_mu(sample),
        }
    }

    pub fn decode(self, code: u8) -> i16 {
        match self {
            Self::A => decode_a(code),
            Self::Mu => decode_mu(code),
        }
    }
}

/// Table 1a/G.711: sign and twelve bits of magnitude, even bits inverted.
fn encode_a(sample: i16) -> u8 {
    // One's complement for negative values keeps −1 and 0 in the two lowest intervals.
    let (sign, magnitude) = match sample {
        0.. => (0x80, sample >> 4),
        _ => (0x00, !sample >> 4),
    };
    let segment = match magnitude {
        0..16 => 0,
        _ => magnitude.ilog2() as i16 - 3,
    };
    // The two lowest segments have the same step.
    let step = magnitude >> (segment - 1).max(0);
    (sign | (segment << 4) as u8 | (step & 0x0f) as u8) ^ 0x55
}

fn decode_a(code: u8) -> i16 {
    let code = code ^ 0x55;
    let segment = i16::from(code >> 4 & 7);
    let step = i16::from(code & 0x0f);
    let magnitude = match segment {
        0 => (step << 4) + 8,
        _ => ((step << 4) + 0x108) << (segment - 1),
    };
    if code & 0x80 == 0 {
        -magnitude
    } else {
        magnitude
    }
}

/// Table 2a/G.711: 14 bits with a bias of 33 steps, all bits inverted.
fn encode_mu(sample: i16) -> u8 {
    let (sign, magnitude) = match sample {
        0.. => (0x00, i32::from(sample)),
        _ => (0x80, -i32::from(sample)),
    };
    let biased = magnitude.min(MU_CLIP) + MU_BIAS;
    let segment = biased.ilog2() - 7;
    let step = (biased >> (segment + 3)) & 0x0f;
    !(sign | (segment << 4) as u8 | step as u8)
}

fn decode_mu(code: u8) -> i16 {
    let code = !code;
    let segment = code >> 4 & 7;
    let step = i16::from(code & 0x0f);
    let magnitude = (((step << 3) + MU_BIAS as i16) << segment) - MU_BIAS as i16;
    if code & 0x80 == 0 {
        magnitude
    } else {
        -magnitude
    }
}

/// 33 steps of the 14-bit scale, in 16 bits.
const MU_BIAS: i32 = 33 << 2;
/// The largest value whose biased form still has 15 bits.
const MU_CLIP: i32 = 32_635;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_a_round_trip() {
        for law in [Law::A, Law::Mu] {
            for code in 0..=255 {
                let again = law.encode(law.decode(code));
                // µ-law has two zeros; both decode to 0.
                assert!(
                    again == code || law.decode(code) == 0,
                    "{law:?} {code:#x} {again:#x}"
                );
            }
        }
    }

    #[test]
    fn well_known_codes_are_the_recommendations() {
        assert_eq!([Law::A.encode(0), Law::Mu.encode(0)], [0xd5, 0xff]);
        assert_eq!(
            [Law::A.decode(0xaa), Law::Mu.decode(0x80)],
            [32_256, 32_124]
        );
        assert_eq!(
            [Law::A.encode(i16::MIN), Law::Mu.encode(i16::MIN)],
            [0x2a, 0x00]
        );
    }

    #[test]
    fn coding_errs_by_half_a_step_at_most() {
        for law in [Law::A, Law::Mu] {
            for sample in (-32_000..=32_000).step_by(7) {
                let heard = law.decode(law.encode(sample));
                let error = (i32::from(heard) - i32::from(sample)).unsigned_abs();
                let allowed = 16 + i32::from(sample).unsigned_abs() / 30;
                assert!(error <= allowed, "{law:?}: {sample} became {heard}");
            }
        }
    }
}
