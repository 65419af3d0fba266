//! What a party's phone sent, as samples at 8 kHz.

use media::AudioCodec;
use media::codec::rate::Halver;
use media::codec::{coder, g711};

use super::timeline::RATE;

/// How many samples a payload is, without decoding it.
pub fn duration(codec: AudioCodec, payload: &[u8]) -> u64 {
    match codec {
        AudioCodec::Pcma | AudioCodec::Pcmu => payload.len() as u64,
        // What can't be decoded is nothing.
        AudioCodec::G722 | AudioCodec::Opus => coder::span(codec, payload).unwrap_or(0).into(),
    }
}

/// How many of the RTP clock's ticks pass in a sample of ours (RFC 3551 table 4, RFC 7587 §4.1).
pub fn ticks_per_sample(codec: AudioCodec) -> u32 {
    codec.clock().hertz() / RATE
}

/// One channel's decoder; codecs may change from packet to packet.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Of the codec that is neither of G.711's, at 16 kHz.
    wide: Option<(AudioCodec, coder::Decoder)>,
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
            AudioCodec::G722 | AudioCodec::Opus => self.decode_wide(codec, payload, samples),
        }
    }

    fn decode_wide(&mut self, codec: AudioCodec, payload: &[u8], samples: &mut Vec<i16>) {
        if !matches!(&self.wide, Some((of, _)) if *of == codec) {
            self.wide = coder::Decoder::new(codec).ok().map(|made| (codec, made));
        }
        let (Some((_, decoder)), Some(_)) = (&mut self.wide, coder::span(codec, payload)) else {
            return;
        };
        let mut wide = [0; coder::LONGEST];
        let count = decoder.decode(payload, 0, &mut wide);
        let begin = samples.len();
        samples.resize(begin + count / 2, 0);
        self.halver
            .process(&wide[..count], samples[begin..].iter_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_codec_becomes_as_many_samples_as_it_lasts() {
        for codec in AudioCodec::ALL {
            let mut encoder = coder::Encoder::new(codec).expect("made");
            let mut payload = [0; coder::FRAME];
            let mut decoder = Decoder::default();
            let mut samples = Vec::new();
            for n in 0..50 {
                let turn = std::f64::consts::TAU / 32.0;
                let frame = std::array::from_fn(|k| {
                    (8_000.0 * (turn * (n * coder::FRAME + k) as f64).sin()) as i16
                });
                let length = encoder.encode(&frame, &mut payload).expect("coded");
                assert_eq!(duration(codec, &payload[..length]), 160, "{codec}");
                decoder.decode(codec, &payload[..length], &mut samples);
            }
            assert_eq!(samples.len(), 8_000, "{codec}");
            let loudest = samples[4_000..].iter().max().copied();
            assert!(
                loudest.is_some_and(|loudest| (7_500..8_600).contains(&loudest)),
                "{codec}"
            );
            assert_eq!(
                u64::from(ticks_per_sample(codec)) * 160,
                u64::from(codec.clock().frame())
            );
        }
    }

    #[test]
    fn junk_is_nothing() {
        let mut samples = Vec::new();
        Decoder::default().decode(AudioCodec::Opus, &[], &mut samples);
        Decoder::default().decode(AudioCodec::G722, &[1; 4_000], &mut samples);
        assert_eq!(samples, []);
    }
}
