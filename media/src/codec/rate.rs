//! From 8 to 16 kHz and back, by a half-band filter: every other coefficient is zero.

use std::f32::consts::PI;

/// 8 kHz to 16 kHz.
#[derive(Debug)]
pub struct Doubler {
    filter: [f32; PAIRS],
    /// The last samples, the latest at the end.
    before: [f32; WINDOW],
}

/// 16 kHz to 8 kHz.
#[derive(Debug)]
pub struct Halver {
    filter: [f32; PAIRS],
    before: [f32; 2 * WINDOW],
}

impl Default for Doubler {
    fn default() -> Self {
        Self {
            filter: half_band(),
            before: [0.0; WINDOW],
        }
    }
}

impl Doubler {
    /// Doubles the rate of `samples` into `out`, which is twice as long.
    pub fn process(&mut self, samples: impl Iterator<Item = i16>, out: &mut [i16]) {
        for (sample, pair) in samples.zip(out.chunks_exact_mut(2)) {
            self.before.copy_within(1.., 0);
            self.before[WINDOW - 1] = sample.into();
            let between: f32 = (0..PAIRS)
                .map(|n| {
                    let (left, right) = (PAIRS - 1 - n, PAIRS + n);
                    self.filter[n] * (self.before[left] + self.before[right])
                })
                .sum();
            pair[0] = round(self.before[PAIRS - 1]);
            pair[1] = round(2.0 * between);
        }
    }
}

impl Default for Halver {
    fn default() -> Self {
        Self {
            filter: half_band(),
            before: [0.0; 2 * WINDOW],
        }
    }
}

impl Halver {
    /// Halves the rate of `samples` into `out`, which is half as long.
    pub fn process<'a>(&mut self, samples: &[i16], out: impl Iterator<Item = &'a mut i16>) {
        for (pair, halved) in samples.chunks_exact(2).zip(out) {
            self.before.copy_within(2.., 0);
            self.before[2 * WINDOW - 2] = pair[0].into();
            self.before[2 * WINDOW - 1] = pair[1].into();
            let aside: f32 = (0..PAIRS)
                .map(|n| {
                    let odd = 2 * n + 1;
                    self.filter[n] * (self.before[CENTRE - odd] + self.before[CENTRE + odd])
                })
                .sum();
            *halved = round(0.5 * self.before[CENTRE] + aside);
        }
    }
}

/// The coefficients at odd distances from the middle one: a sinc under a Blackman window.
fn half_band() -> [f32; PAIRS] {
    std::array::from_fn(|n| {
        let odd = (2 * n + 1) as f32;
        let sign = if n % 2 == 0 { 1.0 } else { -1.0 };
        let turn = PI * odd / (2 * PAIRS) as f32;
        let window = 0.42 + 0.5 * turn.cos() + 0.08 * (2.0 * turn).cos();
        sign * window / (PI * odd)
    })
}

fn round(sample: f32) -> i16 {
    // Out of range is cut off there by `as`.
    sample.round() as i16
}

/// Of coefficients beside the middle one: flat to 3.2 kHz, 60 dB down from 4.8 kHz on.
const PAIRS: usize = 16;
const WINDOW: usize = 2 * PAIRS;
/// Of [`Halver::before`], with an odd distance of `2 * PAIRS - 1` to either side.
const CENTRE: usize = 2 * PAIRS - 1;

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    #[test]
    fn what_telephones_carry_survives_going_up_and_down() {
        for hertz in [300.0, 1_000.0, 2_500.0, 3_200.0] {
            let (mut up, mut down) = (Doubler::default(), Halver::default());
            let mut wide = vec![0; 16_000];
            up.process(tone(hertz, 8_000.0, 8_000).into_iter(), &mut wide);
            let mut narrow = vec![0; 8_000];
            down.process(&wide, narrow.iter_mut());
            for (samples, rate) in [(&wide, 16_000.0), (&narrow, 8_000.0)] {
                let level = level(&samples[400..], hertz, rate);
                assert!((level - 8_000.0).abs() < 160.0, "{hertz} Hz: {level}");
            }
            let image = level(&wide[400..], 8_000.0 - hertz, 16_000.0);
            assert!(image < 40.0 || hertz > 3_000.0, "{hertz} Hz: image {image}");
        }
    }

    #[test]
    fn what_8_khz_cannot_carry_is_taken_away() {
        let mut narrow = vec![0; 8_000];
        Halver::default().process(&tone(5_500.0, 16_000.0, 16_000), narrow.iter_mut());
        let alias = level(&narrow[400..], 2_500.0, 8_000.0);
        assert!(alias < 20.0, "{alias}");
    }

    #[test]
    fn full_scale_is_cut_off_and_does_not_wrap() {
        let mut wide = vec![0; 640];
        let square = (0..320).map(|n| if n / 20 % 2 == 0 { i16::MAX } else { i16::MIN });
        Doubler::default().process(square, &mut wide);
        let jumps = wide
            .windows(2)
            .filter(|pair| (i32::from(pair[0]) - i32::from(pair[1])).abs() > 50_000);
        assert_eq!(jumps.count(), 0);
    }

    fn tone(hertz: f64, rate: f64, count: usize) -> Vec<i16> {
        (0..count)
            .map(|n| (8_000.0 * (TAU * hertz * n as f64 / rate).sin()) as i16)
            .collect()
    }

    /// The amplitude of one frequency (Goertzel's sum, written out).
    fn level(samples: &[i16], hertz: f64, rate: f64) -> f64 {
        let (mut re, mut im) = (0.0, 0.0);
        for (n, &sample) in samples.iter().enumerate() {
            let angle = TAU * hertz * n as f64 / rate;
            re += f64::from(sample) * angle.cos();
            im += f64::from(sample) * angle.sin();
        }
        2.0 * re.hypot(im) / samples.len() as f64
    }
}
