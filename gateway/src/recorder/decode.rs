//! What a party's phone sent, as samples at 8 kHz.

use media::AudioCodec;
use media::codec::coder::{self, LONGEST};
use media::codec::g711;
use media::codec::rate::Halver;

use super::timeline::RATE;

/// How many samples a payload is, without decoding it; 0 when it is none.
pub fn duration(codec: AudioCodec, payload: &[u8]) -> u64 {
    coder::span(codec, payload).unwrap_or(0).into()
}

/// How many of the RTP clock's ticks pass in a sample of ours (RFC 3551 table 4, RFC 7587 §4.1).
pub fn ticks_per_sample(codec: AudioCodec) -> u32 {
    let clock = match codec {
        AudioCodec::Pcma | AudioCodec::Pcmu | AudioCodec::G722 => 8_000,
        AudioCodec::Opus => 48_000,
    };
    clock / RATE
}

/// One channel's decoder; codecs may change from packet to packet.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Of a codec that remembers what it heard, and has twice our rate.
    wide: Option<Box<Wide>>,
}

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
                samples.extend(payload.iter().map(|octet| g711::decode_alaw(*octet)));
            }
            AudioCodec::Pcmu => {
                samples.extend(payload.iter().map(|octet| g711::decode_ulaw(*octet)));
            }
            AudioCodec::G722 | AudioCodec::Opus => self.decode_wide(codec, payload, samples),
        }
    }

    fn decode_wide(&mut self, codec: AudioCodec, payload: &[u8], samples: &mut Vec<i16>) {
        if self.wide.as_ref().is_none_or(|wide| wide.codec != codec) {
            let decoder = coder::Decoder::new(codec);
            self.wide = decoder.ok().map(|decoder| {
                let halver = Halver::default();
                Box::new(Wide {
                    codec,
                    decoder,
                    halver,
                })
            });
        }
        let expected = 2 * duration(codec, payload) as usize;
        let Some(wide) = self.wide.as_mut().filter(|_| expected > 0) else {
            return;
        };
        let mut decoded = [0; LONGEST];
        let count = wide.decoder.decode(payload, expected, &mut decoded);
        let start = samples.len();
        samples.resize(start + count / 2, 0);
        wide.halver
            .process(&decoded[..count], samples[start..].iter_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_has_the_same_length_and_loudness_in_every_codec() {
        for codec in AudioCodec::ALL {
            let mut encoder = coder::Encoder::new(codec).expect("an encoder");
            let mut decoder = Decoder::default();
            let mut samples = Vec::new();
            for frame in 0..50 {
                let tone: [i16; coder::FRAME] = std::array::from_fn(|n| {
                    let at = (frame * coder::FRAME + n) as f64 / 16_000.0;
                    (8_000.0 * (at * 440.0 * std::f64::consts::TAU).sin()) as i16
                });
                let mut packet = [0; 400];
                let length = encoder.encode(&tone, &mut packet).expect("encodable");
                assert_eq!(duration(codec, &packet[..length]), 160, "{codec}");
                decoder.decode(codec, &packet[..length], &mut samples);
            }
            assert_eq!(samples.len(), 8_000, "{codec}");
            let loud = samples[4_000..]
                .iter()
                .map(|sample| f64::from(*sample).powi(2));
            let loudness = (loud.sum::<f64>() / 4_000.0).sqrt();
            assert!(
                (5_000.0..6_300.0).contains(&loudness),
                "{codec}: {loudness}"
            );
        }
    }

    #[test]
    fn nonsense_is_nothing() {
        let mut samples = Vec::new();
        Decoder::default().decode(AudioCodec::Opus, &[], &mut samples);
        assert!(samples.is_empty());
        assert_eq!(duration(AudioCodec::Opus, &[]), 0);
    }
}
