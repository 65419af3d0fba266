//! G.722 at 64 kbit/s: two bands, each coded by ADPCM. An octet is two samples at 16 kHz.
//!
//! The names of the steps are the recommendation's, so that it can be read beside this.

/// Samples at 16 kHz to octets.
#[derive(Debug, Clone)]
pub struct Encoder {
    low: Band,
    high: Band,
    /// The last samples, as the analysis filter wants them.
    line: [i32; TAPS],
}

/// Octets to samples at 16 kHz.
#[derive(Debug, Clone)]
pub struct Decoder {
    low: Band,
    high: Band,
    line: [i32; TAPS],
}

/// The adaptive predictor and quantiser of one band (block 4 of the recommendation's figures).
#[derive(Debug, Clone)]
struct Band {
    /// The logarithmic scale factor.
    nb: i32,
    /// The quantiser's scale factor.
    det: i32,
    /// The prediction of the next sample, and its part of the zeroes.
    s: i32,
    sz: i32,
    /// Reconstructed signal and partially reconstructed signal, the latest first.
    r: [i32; 2],
    p: [i32; 2],
    poles: [i32; 2],
    /// Quantised differences, the latest first, and the zeroes' coefficients.
    d: [i32; 6],
    zeroes: [i32; 6],
}

impl Default for Encoder {
    fn default() -> Self {
        Self {
            low: Band::new(32),
            high: Band::new(8),
            line: [0; TAPS],
        }
    }
}

impl Encoder {
    /// Codes pairs of samples into `out`, which has half as many octets.
    pub fn encode(&mut self, samples: &[i16], out: &mut [u8]) {
        for (pair, octet) in samples.chunks_exact(2).zip(out) {
            *octet = self.encode_pair(pair[0].into(), pair[1].into());
        }
    }

    fn encode_pair(&mut self, first: i32, second: i32) -> u8 {
        shift_in(&mut self.line, first, second);
        let (mut even, mut odd) = (0, 0);
        for (n, coefficient) in QMF.iter().enumerate() {
            odd += self.line[2 * n] * coefficient;
            even += self.line[2 * n + 1] * QMF[QMF.len() - 1 - n];
        }
        let low = self.encode_low((even + odd) >> 14);
        let high = self.encode_high((even - odd) >> 14);
        (high << 6 | low) as u8
    }

    /// Blocks 1L to 4L.
    fn encode_low(&mut self, x: i32) -> i32 {
        let error = saturate(x - self.low.s);
        let magnitude = if error < 0 { -(error + 1) } else { error };
        let place = 1 + Q6
            .iter()
            .take_while(|&&threshold| magnitude >= (threshold * self.low.det) >> 12)
            .count() as i32;
        // Positive codes fall from 61, negative ones from 63 and, after two, from 31.
        let code = match (error < 0, place) {
            (false, place) => 62 - place,
            (true, 1..=2) => 64 - place,
            (true, place) => 34 - place,
        };
        let difference = (self.low.det * QM4[(code >> 2) as usize]) >> 15;
        self.low.scale_low(code >> 2);
        self.low.adapt(difference);
        code
    }

    /// Blocks 1H to 4H.
    fn encode_high(&mut self, x: i32) -> i32 {
        let error = saturate(x - self.high.s);
        let magnitude = if error < 0 { -(error + 1) } else { error };
        let loud = magnitude >= (564 * self.high.det) >> 12;
        let code = match (error < 0, loud) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        };
        let difference = (self.high.det * QM2[code as usize]) >> 15;
        self.high.scale_high(code);
        self.high.adapt(difference);
        code
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            low: Band::new(32),
            high: Band::new(8),
            line: [0; TAPS],
        }
    }
}

impl Decoder {
    /// Decodes octets into `out`, which has twice as many samples.
    pub fn decode(&mut self, octets: &[u8], out: &mut [i16]) {
        for (&octet, pair) in octets.iter().zip(out.chunks_exact_mut(2)) {
            let (first, second) = self.decode_octet(octet.into());
            pair[0] = first;
            pair[1] = second;
        }
    }

    fn decode_octet(&mut self, octet: i32) -> (i16, i16) {
        let (low, high) = (octet & 0x3f, octet >> 6);
        // Block 5L takes all six bits, the predictor four (block 2L), as the encoder's did.
        let fine = (self.low.det * QM6[low as usize]) >> 15;
        let r_low = (self.low.s + fine).clamp(-16_384, 16_383);
        let coarse = (self.low.det * QM4[(low >> 2) as usize]) >> 15;
        self.low.scale_low(low >> 2);
        self.low.adapt(coarse);

        let difference = (self.high.det * QM2[high as usize]) >> 15;
        let r_high = (difference + self.high.s).clamp(-16_384, 16_383);
        self.high.scale_high(high);
        self.high.adapt(difference);

        shift_in(&mut self.line, r_low + r_high, r_low - r_high);
        let (mut first, mut second) = (0, 0);
        for (n, coefficient) in QMF.iter().enumerate() {
            second += self.line[2 * n] * coefficient;
            first += self.line[2 * n + 1] * QMF[QMF.len() - 1 - n];
        }
        (saturate(first >> 11) as i16, saturate(second >> 11) as i16)
    }
}

impl Band {
    fn new(det: i32) -> Self {
        Self {
            nb: 0,
            det,
            s: 0,
            sz: 0,
            r: [0; 2],
            p: [0; 2],
            poles: [0; 2],
            d: [0; 6],
            zeroes: [0; 6],
        }
    }

    /// Blocks 3L: LOGSCL and SCALEL.
    fn scale_low(&mut self, code: i32) {
        self.nb = (((self.nb * 127) >> 7) + WL[RL42[code as usize]]).clamp(0, 18_432);
        self.det = scale(self.nb, 8);
    }

    /// Blocks 3H: LOGSCH and SCALEH.
    fn scale_high(&mut self, code: i32) {
        // The outer codes, 0 and 2, widen the steps; the inner ones narrow them.
        let change = if code & 1 == 0 { 798 } else { -214 };
        self.nb = (((self.nb * 127) >> 7) + change).clamp(0, 22_528);
        self.det = scale(self.nb, 10);
    }

    /// Block 4: the predictor learns the quantised difference `d`.
    fn adapt(&mut self, d: i32) {
        // RECONS, PARREC
        let r = saturate(self.s + d);
        let p = saturate(self.sz + d);
        self.adapt_poles(p);
        self.adapt_zeroes(d);
        // DELAYA
        self.r = [r, self.r[0]];
        self.p = [p, self.p[0]];
        self.d.copy_within(..5, 1);
        self.d[0] = d;
        // FILTEP, FILTEZ, PREDIC
        let double = |value: i32| saturate(value + value);
        let pole = |n: usize| (self.poles[n] * double(self.r[n])) >> 15;
        let sp = saturate(pole(0) + pole(1));
        let zero = |n: usize| (self.zeroes[n] * double(self.d[n])) >> 15;
        self.sz = saturate((0..6).map(zero).sum());
        self.s = saturate(sp + self.sz);
    }

    /// UPPOL2 and UPPOL1.
    fn adapt_poles(&mut self, p: i32) {
        let same = |n: usize| (p < 0) == (self.p[n] < 0);
        let lean = saturate(self.poles[0] << 2);
        let lean = if same(0) { (-lean).min(32_767) } else { lean };
        let step = if same(1) { 128 } else { -128 };
        let second = ((lean >> 7) + step + ((self.poles[1] * 32_512) >> 15)).clamp(-12_288, 12_288);
        let step = if same(0) { 192 } else { -192 };
        let limit = saturate(15_360 - second);
        let first = saturate(step + ((self.poles[0] * 32_640) >> 15)).clamp(-limit, limit);
        self.poles = [first, second];
    }

    /// UPZERO.
    fn adapt_zeroes(&mut self, d: i32) {
        let step = if d == 0 { 0 } else { 128 };
        for (coefficient, &before) in self.zeroes.iter_mut().zip(&self.d) {
            let step = if (d < 0) == (before < 0) { step } else { -step };
            *coefficient = saturate(step + ((*coefficient * 32_640) >> 15));
        }
    }
}

/// The linear scale factor of a logarithmic one.
fn scale(nb: i32, shift: i32) -> i32 {
    let mantissa = ILB[(nb >> 6 & 31) as usize];
    let shift = shift - (nb >> 11);
    let linear = if shift < 0 {
        mantissa << -shift
    } else {
        mantissa >> shift
    };
    linear << 2
}

fn shift_in(line: &mut [i32; TAPS], first: i32, second: i32) {
    line.copy_within(2.., 0);
    line[TAPS - 2] = first;
    line[TAPS - 1] = second;
}

fn saturate(value: i32) -> i32 {
    value.clamp(i16::MIN.into(), i16::MAX.into())
}

/// Of the filters that split and join the bands.
const TAPS: usize = 24;
/// Their coefficients; the other half is the mirror image.
const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3_876, -805, 362, -156, 53, -11];
/// Decision levels of the low band's quantiser.
const Q6: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1_023,
    1_121, 1_219, 1_339, 1_458, 1_612, 1_765, 1_980, 2_195, 2_557, 2_919,
];
const WL: [i32; 8] = [-60, -30, 58, 172, 334, 538, 1_198, 3_042];
const RL42: [usize; 16] = [0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0];
const ILB: [i32; 32] = [
    2_048, 2_093, 2_139, 2_186, 2_233, 2_282, 2_332, 2_383, 2_435, 2_489, 2_543, 2_599, 2_656,
    2_714, 2_774, 2_834, 2_896, 2_960, 3_025, 3_091, 3_158, 3_228, 3_298, 3_371, 3_444, 3_520,
    3_597, 3_676, 3_756, 3_838, 3_922, 4_008,
];
const QM2: [i32; 4] = [-7_408, -1_616, 7_408, 1_616];
const QM4: [i32; 16] = [
    0, -20_456, -12_896, -8_968, -6_288, -4_240, -2_584, -1_200, 20_456, 12_896, 8_968, 6_288,
    4_240, 2_584, 1_200, 0,
];
const QM6: [i32; 64] = [
    -136, -136, -136, -136, -24_808, -21_904, -19_008, -16_704, -14_984, -13_512, -12_280, -11_192,
    -10_232, -9_360, -8_576, -7_856, -7_192, -6_576, -6_000, -5_456, -4_944, -4_464, -4_008,
    -3_576, -3_168, -2_776, -2_400, -2_032, -1_688, -1_360, -1_040, -728, 24_808, 21_904, 19_008,
    16_704, 14_984, 13_512, 12_280, 11_192, 10_232, 9_360, 8_576, 7_856, 7_192, 6_576, 6_000,
    5_456, 4_944, 4_464, 4_008, 3_576, 3_168, 2_776, 2_400, 2_032, 1_688, 1_360, 1_040, 728, 432,
    136, -432, -136,
];

#[cfg(test)]
mod tests {
    use super::*;
    use ezk_g722::libg722::{Bitrate, decoder, encoder};

    #[test]
    fn every_bit_is_that_of_an_independent_implementation() {
        let mut encoder = Encoder::default();
        // The other one begins with steps of 0, against the recommendation's 32 and 8.
        (encoder.low.det, encoder.high.det) = (0, 0);
        let mut other = encoder::Encoder::new(Bitrate::Mode1_64000, false, false);
        let mut decoder = Decoder::default();
        (decoder.low.det, decoder.high.det) = (0, 0);
        let mut other_decoder = decoder::Decoder::new(Bitrate::Mode1_64000, false, false);
        for (name, samples) in signals() {
            let mut octets = vec![0; samples.len() / 2];
            encoder.encode(&samples, &mut octets);
            assert!(octets == other.encode(&samples), "{name}, coded");
            let mut heard = vec![0; samples.len()];
            decoder.decode(&octets, &mut heard);
            assert!(heard == other_decoder.decode(&octets), "{name}, decoded");
        }
    }

    #[test]
    fn any_octets_are_decoded_alike_and_without_overflow() {
        let mut decoder = Decoder::default();
        (decoder.low.det, decoder.high.det) = (0, 0);
        let mut other = decoder::Decoder::new(Bitrate::Mode1_64000, false, false);
        let mut random = 1u32;
        let octets: Vec<u8> = (0..32_000)
            .map(|_| {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (random >> 24) as u8
            })
            .collect();
        let mut heard = vec![0; 64_000];
        decoder.decode(&octets, &mut heard);
        assert!(heard == other.decode(&octets));
    }

    fn signals() -> Vec<(&'static str, Vec<i16>)> {
        let sine = |hertz: f64, amplitude: f64| -> Vec<i16> {
            let step = std::f64::consts::TAU * hertz / 16_000.0;
            (0..16_000)
                .map(|n| (amplitude * (step * f64::from(n)).sin()) as i16)
                .collect()
        };
        let mut random = 7u32;
        let noise = (0..16_000)
            .map(|_| {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (random >> 16) as i16
            })
            .collect();
        vec![
            ("silence", vec![0; 3_200]),
            ("speech's middle", sine(440.0, 8_000.0)),
            ("the upper band", sine(6_000.0, 8_000.0)),
            ("full scale", sine(1_000.0, 32_767.0)),
            (
                "a square",
                [[i16::MAX; 20], [i16::MIN; 20]].concat().repeat(200),
            ),
            ("noise", noise),
            ("silence again", vec![0; 3_200]),
        ]
    }
}
