//! What a party's phone sent, as samples at 8 kHz.

use media::AudioCodec;
use media::codec::coder::{self, LONGEST, span};
use media::codec::g711;
use media::codec::rate::Halver;

use super::timeline::RATE;

/// How many samples a payload is, without decoding it.
pub fn duration(codec: AudioCodec, payload: &[u8]) -> u64 {
    match codec {
        AudioCodec::Pcma | AudioCodec::Pcmu => payload.len() as u64,
        // A unit is a sample at 8 kHz.
        AudioCodec::G722 | AudioCodec::Opus => span(codec, payload).unwrap_or(0).into(),
    }
}

/// How many of the RTP clock's ticks pass in a sample of ours (RFC 3551 table 4, RFC 7587 §4.1).
pub fn ticks_per_sample(codec: AudioCodec) -> u32 {
    match codec {
        AudioCodec::Pcma | AudioCodec::Pcmu | AudioCodec::G722 => 8_000 / RATE,
        AudioCodec::Opus => 48_000 / RATE,
    }
}

/// One channel's decoder; codecs may change from packet to packet.
#[derive(Debug, Default)]
pub struct Decoder {
    wide: Option<Wide>,
}

/// A codec of 16 kHz, with what is halved of it.
#[derive(Debug)]
struct Wide {
    codec: AudioCodec,
    decoder: coder::Decoder,
    halver: Halver,
}

impl Decoder {
    /// Appends a payload's samples. What can't be decoded is nothing.
    pub fn decode(&mut self, codec: AudioCodec, payload: &[u8], samples: &mut Vec<i16>) {
        match codec {
            AudioCodec::Pcma => {
                samples.extend(payload.iter().map(|octet| g711::decode_alaw(*octet)))
            }
            AudioCodec::Pcmu => {
                samples.extend(payload.iter().map(|octet| g711::decode_ulaw(*octet)))
            }
            AudioCodec::G722 | AudioCodec::Opus => {
                let expected = duration(codec, payload) as usize;
                if let Some(wide) = self.wide(codec).filter(|_| expected > 0) {
                    wide.decode(payload, expected, samples);
                }
            }
        }
    }

    fn wide(&mut self, codec: AudioCodec) -> Option<&mut Wide> {
        if self.wide.as_ref().is_none_or(|wide| wide.codec != codec) {
            self.wide = coder::Decoder::new(codec).ok().map(|decoder| Wide {
                codec,
                decoder,
                halver: Halver::default(),
            });
        }
        self.wide.as_mut()
    }
}

impl Wide {
    fn decode(&mut self, payload: &[u8], expected: usize, samples: &mut Vec<i16>) {
        let mut heard = [0; LONGEST];
        let count = self.decoder.decode(payload, 2 * expected, &mut heard);
        let begin = samples.len();
        samples.resize(begin + count / 2, 0);
        self.halver
            .process(&heard[..count], samples[begin..].iter_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    use media::codec::coder::{Encoder, FRAME};

    #[test]
    fn wide_codecs_end_up_at_8_khz_with_their_tone_and_length() {
        for codec in [AudioCodec::G722, AudioCodec::Opus] {
            let mut encoder = Encoder::new(codec).expect("a coder");
            let (mut decoder, mut samples) = (Decoder::default(), Vec::new());
            for frame in 0..50 {
                let spoken = std::array::from_fn(|n| tone((frame * FRAME + n) as f64 / 16_000.0));
                let mut packet = [0; FRAME];
                let length = encoder.encode(&spoken, &mut packet).expect("a packet");
                assert_eq!(duration(codec, &packet[..length]), 160, "{codec}");
                decoder.decode(codec, &packet[..length], &mut samples);
            }
            assert_eq!(samples.len(), 8_000, "{codec}");
            let heard = level(&samples[4_000..]);
            assert!((6_000.0..10_000.0).contains(&heard), "{codec}: {heard}");
        }
    }

    #[test]
    fn damaged_opus_is_nothing() {
        let mut samples = Vec::new();
        Decoder::default().decode(AudioCodec::Opus, &[], &mut samples);
        assert!(samples.is_empty());
    }

    fn tone(seconds: f64) -> i16 {
        (8_000.0 * (TAU * 440.0 * seconds).sin()) as i16
    }

    /// The amplitude of 440 Hz.
    fn level(samples: &[i16]) -> f64 {
        let (re, im) = samples
            .iter()
            .enumerate()
            .fold((0.0, 0.0), |(re, im), (n, &sample)| {
                let angle = TAU * 440.0 * n as f64 / 8_000.0;
                let sample = f64::from(sample);
                (re + sample * angle.cos(), im + sample * angle.sin())
            });
        2.0 * f64::hypot(re, im) / samples.len() as f64
    }
}
