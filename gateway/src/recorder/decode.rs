//! What a party's phone sent, as samples at 8 kHz.

use media::AudioCodec;
use media::codec::g711;

use super::timeline::RATE;

/// How many samples a payload is, without decoding it.
pub fn duration(codec: AudioCodec, payload: &[u8]) -> u64 {
    match codec {
        AudioCodec::Pcma | AudioCodec::Pcmu => payload.len() as u64,
    }
}

/// How many of the RTP clock's ticks pass in a sample of ours (RFC 3551 table 4).
pub fn ticks_per_sample(codec: AudioCodec) -> u32 {
    match codec {
        AudioCodec::Pcma | AudioCodec::Pcmu => 8_000 / RATE,
    }
}

/// One channel's decoder; codecs may change from packet to packet.
#[derive(Debug, Default)]
pub struct Decoder;

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
        }
    }
}
