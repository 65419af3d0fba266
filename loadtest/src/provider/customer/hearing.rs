//! What a customer hears, measured: for each whole second the strongest frequency, its share of the energy, the level.

use std::f32::consts::PI;

use serde::{Deserialize, Serialize};

/// Collects 8 kHz samples and judges them a second at a time.
#[derive(Debug, Default)]
pub struct Hearing {
    second: Vec<f32>,
    history: Vec<Second>,
    packets: u64,
    lost: u64,
    digits: String,
    last_sequence: Option<u16>,
    last_event: Option<u32>,
}

/// One second of sound.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Second {
    /// The strongest frequency, within about 1 Hz for a steady tone; 0 in digital silence.
    pub hz: f32,
    /// How much of the energy lies at that frequency: near 1 for a tone, well below 0.5 for speech or noise.
    pub share: f32,
    /// RMS level in dBov (0 = a square wave at full scale, −96 = silence).
    pub level_db: f32,
}

/// What a call's record shows of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Heard {
    /// The latest whole second.
    #[serde(flatten)]
    pub latest: Option<Second>,
    /// How many seconds of audio arrived.
    pub seconds: f32,
    /// The seconds one by one; of a very long call the first minute and the latest hour.
    pub by_second: Vec<Second>,
    pub packets: u64,
    /// Gaps in the sequence numbers.
    pub lost: u64,
    /// Keys pressed, as RFC 4733 events carried them.
    pub digits: String,
}

impl Hearing {
    /// Counts a packet, audio or event, by its sequence number.
    pub fn handle_sequence(&mut self, sequence: u16) {
        self.packets += 1;
        let ahead = self
            .last_sequence
            .map_or(1, |last| sequence.wrapping_sub(last));
        // Late and repeated packets lie in the upper half of the circle (RFC 3550 A.1).
        if (1..0x8000).contains(&ahead) {
            self.lost += u64::from(ahead - 1);
            self.last_sequence = Some(sequence);
        }
    }

    /// Takes decoded samples, in order of arrival.
    pub fn handle_samples(&mut self, samples: impl Iterator<Item = i16>) {
        for sample in samples {
            self.second.push(f32::from(sample) / 32_768.0);
            if self.second.len() == RATE {
                let second = Second::measure(&self.second);
                self.second.clear();
                if self.history.len() == REMEMBERED {
                    self.history.remove(FIRST_FORGOTTEN);
                }
                self.history.push(second);
            }
        }
    }

    /// Takes a telephone-event's payload (RFC 4733 §2.3); one event has one timestamp, however many packets.
    pub fn handle_event(&mut self, timestamp: u32, payload: &[u8]) {
        let Some(&event) = payload.first() else {
            return;
        };
        let Some(digit) = KEYS.get(usize::from(event)) else {
            return;
        };
        if self.last_event.replace(timestamp) != Some(timestamp) {
            self.digits.push(char::from(*digit));
        }
    }

    /// The measurements up to now.
    pub fn heard(&self) -> Heard {
        Heard {
            latest: self.history.last().copied(),
            seconds: self.history.len() as f32 + self.second.len() as f32 / RATE as f32,
            by_second: self.history.clone(),
            packets: self.packets,
            lost: self.lost,
            digits: self.digits.clone(),
        }
    }
}

impl Second {
    /// Measures [`RATE`] samples between −1 and 1.
    fn measure(samples: &[f32]) -> Self {
        let energy: f32 = samples.iter().map(|s| s * s).sum();
        let level_db = 10.0 * (energy / samples.len() as f32).max(SILENCE).log10();
        let spectrum = spectrum(&samples[..WINDOW]);
        let total: f32 = spectrum.iter().sum();
        let (peak, _) = spectrum
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(b.1))
            .expect("the spectrum has WINDOW / 2 lines");
        if total <= f32::EPSILON {
            return Self {
                hz: 0.0,
                share: 0.0,
                level_db,
            };
        }
        let near = peak.saturating_sub(LOBE)..(peak + LOBE + 1).min(spectrum.len());
        let share = spectrum[near.clone()].iter().sum::<f32>() / total;
        // The centre of gravity of the main lobe lies between the lines.
        let centre = near
            .clone()
            .map(|line| line as f32 * spectrum[line])
            .sum::<f32>()
            / spectrum[near].iter().sum::<f32>();
        Self {
            hz: centre * RATE as f32 / WINDOW as f32,
            share,
            level_db,
        }
    }
}

/// Energy by spectral line, of [`WINDOW`] samples under a Hann window; the DC line is left out.
fn spectrum(samples: &[f32]) -> Vec<f32> {
    let mut re: Vec<f32> = (0..WINDOW)
        .map(|i| samples[i] * (0.5 - 0.5 * (2.0 * PI * i as f32 / WINDOW as f32).cos()))
        .collect();
    let mut im = vec![0.0; WINDOW];
    fourier(&mut re, &mut im);
    (0..WINDOW / 2)
        .map(|i| match i {
            0 | 1 => 0.0,
            _ => re[i] * re[i] + im[i] * im[i],
        })
        .collect()
}

/// Radix-2 fast Fourier transform in place; the length is a power of two.
fn fourier(re: &mut [f32], im: &mut [f32]) {
    let n = re.len();
    let bits = n.ilog2();
    for i in 0..n {
        let j = i.reverse_bits() >> (usize::BITS - bits);
        if i < j {
            re.swap(i, j);
            im.swap(i, j);
        }
    }
    let mut size = 2;
    while size <= n {
        let half = size / 2;
        for k in 0..half {
            let (sin, cos) = (-2.0 * PI * k as f32 / size as f32).sin_cos();
            for a in (k..n).step_by(size) {
                let b = a + half;
                let (tr, ti) = (cos * re[b] - sin * im[b], cos * im[b] + sin * re[b]);
                (re[b], im[b]) = (re[a] - tr, im[a] - ti);
                (re[a], im[a]) = (re[a] + tr, im[a] + ti);
            }
        }
        size *= 2;
    }
}

/// Samples a second.
const RATE: usize = 8_000;
/// Half a second: lines 2 Hz apart.
const WINDOW: usize = 4_096;
/// A Hann window's main lobe reaches two lines to either side; one more for a tone between lines.
const LOBE: usize = 3;
/// −96 dBov, 16 bits' worth.
const SILENCE: f32 = 2.5e-10;
/// An hour of seconds: 43 kB a call.
pub const REMEMBERED: usize = 3_600;
/// The opening of a call is worth more to a test than its middle.
const FIRST_FORGOTTEN: usize = 60;
/// RFC 4733 §3.2: events 0 to 15.
const KEYS: &[u8] = b"0123456789*#ABCD";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_named_by_its_frequency() {
        for hz in [300.0, 440.0, 1_004.3, 3_400.0] {
            let second = Second::measure(&tone(hz, 0.25));
            assert!((second.hz - hz).abs() < 1.0, "{second:?}");
            assert!(second.share > 0.99, "{second:?}");
            assert!((second.level_db + 15.05).abs() < 0.1, "{second:?}");
        }
    }

    #[test]
    fn two_equal_tones_share_the_energy() {
        let both: Vec<f32> = tone(440.0, 0.2)
            .iter()
            .zip(tone(1_000.0, 0.2))
            .map(|(a, b)| a + b)
            .collect();
        let second = Second::measure(&both);
        assert!((0.45..0.55).contains(&second.share), "{second:?}");
    }

    #[test]
    fn silence_has_no_frequency() {
        let second = Second::measure(&vec![0.0; RATE]);
        assert_eq!((second.hz, second.share), (0.0, 0.0));
        assert!(second.level_db < -95.0);
    }

    #[test]
    fn only_whole_seconds_are_judged() {
        let mut hearing = Hearing::default();
        hearing.handle_samples(std::iter::repeat_n(1, RATE + RATE / 2));
        let heard = hearing.heard();
        assert_eq!((heard.by_second.len(), heard.seconds), (1, 1.5));
    }

    #[test]
    fn gaps_count_as_lost_and_late_packets_do_not() {
        let mut hearing = Hearing::default();
        for sequence in [65_534, 65_535, 2, 1, 3] {
            hearing.handle_sequence(sequence);
        }
        let heard = hearing.heard();
        assert_eq!((heard.packets, heard.lost), (5, 2));
    }

    #[test]
    fn a_key_counts_once_however_often_its_event_is_sent() {
        let mut hearing = Hearing::default();
        for (timestamp, event) in [(160, 4), (160, 4), (160, 4), (960, 11), (1_600, 200)] {
            hearing.handle_event(timestamp, &[event, 0x8a, 0, 160]);
        }
        assert_eq!(hearing.heard().digits, "4#");
    }

    fn tone(hz: f32, amplitude: f32) -> Vec<f32> {
        (0..RATE)
            .map(|i| amplitude * (2.0 * PI * hz * i as f32 / RATE as f32).sin())
            .collect()
    }
}
