//! Any codec to samples and back: mono, 16 kHz, what every transcoding meets in.

use super::AudioCodec;
use super::concealment::Concealment;
use super::g711::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};
use super::opus::Refused;
use super::rate::{Doubler, Halver};
use super::{g722, opus};

/// Samples in 20 ms.
pub const FRAME: usize = 320;
/// Samples of the longest packet, 120 ms (RFC 6716 §3.2.5).
pub const LONGEST: usize = 1_920;

/// A codec's packets to samples. Nothing is allocated once it is made.
#[derive(Debug)]
pub struct Decoder(Decoding);

#[derive(Debug)]
enum Decoding {
    Alaw(Doubler, Concealment),
    Ulaw(Doubler, Concealment),
    G722(g722::Decoder, Concealment),
    Opus(opus::Decoder),
}

impl Decoder {
    /// # Errors
    ///
    /// [`Refused`] by libopus.
    pub fn new(codec: AudioCodec) -> Result<Self, Refused> {
        let concealment = Concealment::default();
        Ok(Self(match codec {
            AudioCodec::Pcma => Decoding::Alaw(Doubler::default(), concealment),
            AudioCodec::Pcmu => Decoding::Ulaw(Doubler::default(), concealment),
            AudioCodec::G722 => Decoding::G722(g722::Decoder::default(), concealment),
            AudioCodec::Opus => Decoding::Opus(opus::Decoder::new()?),
        }))
    }

    /// Decodes a packet into `out`, which has [`LONGEST`] samples. Returns how many it fills; what
    /// can't be decoded is concealed like a loss of `expected` samples.
    pub fn decode(&mut self, payload: &[u8], expected: usize, out: &mut [i16]) -> usize {
        let octets = payload.len().min(LONGEST / 2);
        let (payload, samples) = (&payload[..octets], 2 * octets);
        match &mut self.0 {
            Decoding::Alaw(doubler, concealment) => {
                let laws = payload.iter().map(|&octet| decode_alaw(octet));
                doubler.process(laws, &mut out[..samples]);
                concealment.hear(&mut out[..samples]);
                samples
            }
            Decoding::Ulaw(doubler, concealment) => {
                let laws = payload.iter().map(|&octet| decode_ulaw(octet));
                doubler.process(laws, &mut out[..samples]);
                concealment.hear(&mut out[..samples]);
                samples
            }
            Decoding::G722(decoder, concealment) => {
                decoder.decode(payload, &mut out[..samples]);
                concealment.hear(&mut out[..samples]);
                samples
            }
            Decoding::Opus(decoder) => match decoder.decode(payload, &mut out[..LONGEST]) {
                Ok(count) => count,
                Err(_) => self.conceal(&mut out[..expected]),
            },
        }
    }

    /// Fills all of `out` with what a lost packet might have held.
    pub fn conceal(&mut self, out: &mut [i16]) -> usize {
        match &mut self.0 {
            Decoding::Alaw(_, concealment)
            | Decoding::Ulaw(_, concealment)
            | Decoding::G722(_, concealment) => concealment.fill(out),
            Decoding::Opus(decoder) => {
                if decoder.conceal(out).is_err() {
                    out.fill(0);
                }
            }
        }
        out.len()
    }

    /// Fills all of `out` with what the packet before `next` held, as far as `next` tells it.
    pub fn recover(&mut self, next: &[u8], out: &mut [i16]) -> usize {
        match &mut self.0 {
            Decoding::Alaw(..) | Decoding::Ulaw(..) | Decoding::G722(..) => self.conceal(out),
            Decoding::Opus(decoder) => match decoder.recover(next, out) {
                Ok(_) => out.len(),
                Err(_) => self.conceal(out),
            },
        }
    }
}

/// Samples to a codec's packets of 20 ms. Nothing is allocated once it is made.
#[derive(Debug)]
pub struct Encoder(Encoding);

#[derive(Debug)]
enum Encoding {
    Alaw(Halver),
    Ulaw(Halver),
    G722(g722::Encoder),
    Opus(opus::Encoder),
}

impl Encoder {
    /// # Errors
    ///
    /// [`Refused`] by libopus.
    pub fn new(codec: AudioCodec) -> Result<Self, Refused> {
        Ok(Self(match codec {
            AudioCodec::Pcma => Encoding::Alaw(Halver::default()),
            AudioCodec::Pcmu => Encoding::Ulaw(Halver::default()),
            AudioCodec::G722 => Encoding::G722(g722::Encoder::default()),
            AudioCodec::Opus => Encoding::Opus(opus::Encoder::new()?),
        }))
    }

    /// What it codes in.
    pub fn codec(&self) -> AudioCodec {
        match self.0 {
            Encoding::Alaw(_) => AudioCodec::Pcma,
            Encoding::Ulaw(_) => AudioCodec::Pcmu,
            Encoding::G722(_) => AudioCodec::G722,
            Encoding::Opus(_) => AudioCodec::Opus,
        }
    }

    /// Codes a frame into `out`, which has [`FRAME`] octets or more. Returns how many it takes.
    ///
    /// # Errors
    ///
    /// [`Refused`] by libopus.
    pub fn encode(&mut self, samples: &[i16; FRAME], out: &mut [u8]) -> Result<usize, Refused> {
        const HALF: usize = FRAME / 2;
        match &mut self.0 {
            Encoding::Alaw(halver) => {
                let mut narrow = [0; HALF];
                halver.process(samples, narrow.iter_mut());
                for (octet, sample) in out.iter_mut().zip(narrow) {
                    *octet = encode_alaw(sample);
                }
                Ok(HALF)
            }
            Encoding::Ulaw(halver) => {
                let mut narrow = [0; HALF];
                halver.process(samples, narrow.iter_mut());
                for (octet, sample) in out.iter_mut().zip(narrow) {
                    *octet = encode_ulaw(sample);
                }
                Ok(HALF)
            }
            Encoding::G722(encoder) => {
                encoder.encode(samples, &mut out[..HALF]);
                Ok(HALF)
            }
            Encoding::Opus(encoder) => encoder.encode(samples, &mut out[..FRAME]),
        }
    }

    /// How much of what is sent gets lost, in percent: Opus spends more on redundancy then.
    pub fn expect_loss(&mut self, percent: u8) {
        match &mut self.0 {
            Encoding::Opus(encoder) => encoder.expect_loss(percent),
            Encoding::Alaw(_) | Encoding::Ulaw(_) | Encoding::G722(_) => {}
        }
    }
}

/// How long a packet lasts, in units of 125 µs; `None` when it can't be told, or is too long.
pub fn span(codec: AudioCodec, payload: &[u8]) -> Option<u32> {
    let units = match codec {
        AudioCodec::Pcma | AudioCodec::Pcmu | AudioCodec::G722 => payload.len() as u32,
        AudioCodec::Opus => (opus::duration(payload)?.as_micros() / 125) as u32,
    };
    (1..=LONGEST as u32 / 2).contains(&units).then_some(units)
}
