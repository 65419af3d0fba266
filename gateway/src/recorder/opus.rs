//! Ogg Opus (RFC 7845): two mono streams in one, so that nothing of a channel can be heard on the other.
//!
//! The streams aren't coupled (channel mapping family 1, RFC 7845 §5.1.1): a coupled pair codes sum and difference, and
//! at speech's rates some of each party's voice would end up with the other.

use audiopus::coder::Encoder;
use audiopus::{Application, Bitrate, Channels, SampleRate};
use ogg::writing::{PacketWriteEndInfo, PacketWriter};

use super::timeline::RATE;

/// A recording's Ogg stream; what is encoded appears in pages at once.
pub struct Stream {
    encoders: [Encoder; 2],
    writer: PacketWriter<'static, Vec<u8>>,
    serial: u32,
    /// Samples that wait until they are a frame.
    waiting: [Vec<i16>; 2],
    /// Frames made, and samples taken.
    frames: u64,
    samples: u64,
    /// Samples of 8 kHz that the encoder is behind.
    lookahead: u64,
}

impl Stream {
    /// # Errors
    ///
    /// The encoder's.
    pub fn new(serial: u32) -> Result<Self, audiopus::Error> {
        let encoders = [encoder()?, encoder()?];
        let lookahead = u64::from(encoders[0].lookahead()?);
        let mut stream = Self {
            encoders,
            writer: PacketWriter::new(Vec::new()),
            serial,
            waiting: [Vec::new(), Vec::new()],
            frames: 0,
            samples: 0,
            lookahead,
        };
        stream.packet(head(lookahead), PacketWriteEndInfo::EndPage, 0);
        stream.packet(TAGS.to_vec(), PacketWriteEndInfo::EndPage, 0);
        Ok(stream)
    }

    /// Encodes what both channels say next; `Last` ends the stream.
    ///
    /// # Errors
    ///
    /// The encoder's.
    pub fn write(
        &mut self,
        samples: [&[i16]; 2],
        more: More,
        out: &mut Vec<u8>,
    ) -> Result<(), audiopus::Error> {
        self.samples += samples[0].len() as u64;
        for (waiting, samples) in self.waiting.iter_mut().zip(samples) {
            waiting.extend_from_slice(samples);
            if more == More::Last {
                // The encoder gives the end out when something follows it.
                let flushed = waiting.len() + self.lookahead as usize;
                waiting.resize(flushed.next_multiple_of(FRAME), 0);
            }
        }
        let frames = self.waiting[0].len() / FRAME;
        for n in 1..=frames {
            let packet = self.frame()?;
            self.frames += 1;
            let behind = SCALE * (self.frames * FRAME as u64);
            let whole = SCALE * (self.samples + self.lookahead);
            let (info, granule) = match (n == frames, more) {
                (true, More::Last) => (PacketWriteEndInfo::EndStream, whole.min(behind)),
                (true, More::Follows) => (PacketWriteEndInfo::EndPage, behind),
                (false, _) => (PacketWriteEndInfo::NormalPacket, behind),
            };
            self.packet(packet, info, granule);
        }
        out.append(self.writer.inner_mut());
        Ok(())
    }

    /// One frame of both streams in one packet (RFC 6716 appendix B: all but the last tell their length).
    fn frame(&mut self) -> Result<Vec<u8>, audiopus::Error> {
        let mut packet = Vec::with_capacity(160);
        let mut coded = [0; LONGEST];
        for (n, (encoder, waiting)) in self.encoders.iter().zip(&mut self.waiting).enumerate() {
            let length = encoder.encode(&waiting[..FRAME], &mut coded)?;
            waiting.drain(..FRAME);
            let (toc, frame) = coded[..length].split_at(1);
            packet.extend(toc);
            if n == 0 {
                delimit(frame.len(), &mut packet);
            }
            packet.extend(frame);
        }
        Ok(packet)
    }

    fn packet(&mut self, packet: Vec<u8>, info: PacketWriteEndInfo, granule: u64) {
        self.writer
            .write_packet(packet, self.serial, info, granule)
            .expect("memory takes what is written");
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream")
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}

/// Whether something follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum More {
    Follows,
    Last,
}

/// Transform coding alone, as its low delay has it: the model of a voice (SILK) wants three times the processor, and doesn't keep a
/// dial tone or a digit for what it is.
fn encoder() -> Result<Encoder, audiopus::Error> {
    let mut encoder = Encoder::new(SampleRate::Hz8000, Channels::Mono, Application::LowDelay)?;
    encoder.set_bitrate(Bitrate::BitsPerSecond(BITRATE))?;
    encoder.set_complexity(COMPLEXITY)?;
    Ok(encoder)
}

/// A frame's length in one octet or two (RFC 6716 §3.2.1).
fn delimit(length: usize, out: &mut Vec<u8>) {
    if length < 252 {
        out.push(length as u8);
    } else {
        let first = 252 + (length & 3);
        out.extend([first as u8, ((length - first) / 4) as u8]);
    }
}

/// The identification header (RFC 7845 §5.1).
fn head(lookahead: u64) -> Vec<u8> {
    let mut head = b"OpusHead\x01\x02".to_vec();
    head.extend(((SCALE * lookahead) as u16).to_le_bytes());
    head.extend(RATE.to_le_bytes());
    head.extend(0i16.to_le_bytes());
    // Family 1; two streams, none coupled; the first is left, the second is right.
    head.extend([1, 2, 0, 0, 1]);
    head
}

/// The comment header: no vendor's name but ours, no comments (RFC 7845 §5.2).
const TAGS: &[u8] = b"OpusTags\x08\0\0\0warmline\0\0\0\0";

/// 20 ms.
const FRAME: usize = RATE as usize / 50;

/// Granule positions count 48 kHz, whatever is encoded (RFC 7845 §4).
const SCALE: u64 = 48_000 / RATE as u64;

/// Enough for telephone speech in the mode that needs no model of a voice (RFC 6716 §2.1.1).
const BITRATE: i32 = 24_000;

/// Hundreds are encoded at a time; above this the ear hears little of it and the processor much.
const COMPLEXITY: u8 = 3;

/// What an encoder of one frame gives out at most (RFC 6716 §3.2.1).
const LONGEST: usize = 1_276;

#[cfg(test)]
mod tests {
    use super::*;
    use ogg::PacketReader;
    use std::io::Cursor;

    #[test]
    fn a_stream_is_as_long_as_what_was_said_and_ends() {
        for length in [0, 1, 159, 160, 161, 8_000, 12_345] {
            let (mut out, mut stream) = (Vec::new(), Stream::new(1).expect("an encoder"));
            let samples = vec![100; length];
            for part in samples.chunks(4_000) {
                stream
                    .write([part, part], More::Follows, &mut out)
                    .expect("encodable");
            }
            stream
                .write([&[], &[]], More::Last, &mut out)
                .expect("encodable");
            let mut reader = PacketReader::new(Cursor::new(out));
            let head = reader.read_packet_expected().expect("a head").data;
            let skipped = u64::from(u16::from_le_bytes([head[10], head[11]]));
            let mut last = None;
            while let Some(packet) = reader.read_packet().expect("pages") {
                last = Some(packet);
            }
            let last = last.expect("packets");
            assert!(last.last_in_stream());
            assert_eq!(last.absgp_page() - skipped, 6 * length as u64, "{length}");
        }
    }

    #[test]
    fn a_tone_stays_that_tone_wherever_it_begins() {
        for (hertz, phase) in [425.0, 1_000.0]
            .into_iter()
            .flat_map(|hertz| [0.0, 0.3, 0.7].map(|phase| (hertz, phase)))
        {
            let turns = |n: usize| std::f64::consts::TAU * (hertz * n as f64 / 8_000.0 + phase);
            let said: Vec<i16> = (0..32_000)
                .map(|n| (13_000.0 * turns(n).sin()) as i16)
                .collect();
            let heard = decoded(&said);
            for second in heard[8_000..].chunks_exact(8_000) {
                let (mut real, mut imaginary, mut whole) = (0.0, 0.0, 0.0);
                for (n, sample) in second.iter().enumerate() {
                    let (sin, cos) = turns(n).sin_cos();
                    let sample = f64::from(*sample);
                    real += sample * cos;
                    imaginary += sample * sin;
                    whole += sample * sample;
                }
                let share = 2.0 * (real * real + imaginary * imaginary) / (8_000.0 * whole);
                assert!(share > 0.99, "{hertz} Hz from {phase}: {share}");
            }
        }
    }

    /// What a decoder makes of a channel that says it.
    fn decoded(said: &[i16]) -> Vec<i16> {
        let encoder = encoder().expect("an encoder");
        let mut decoder =
            audiopus::coder::Decoder::new(SampleRate::Hz8000, Channels::Mono).expect("a decoder");
        let mut heard = Vec::new();
        for frame in said.chunks_exact(FRAME) {
            let (mut packet, mut samples) = ([0; LONGEST], [0; FRAME]);
            let length = encoder.encode(frame, &mut packet).expect("encodable");
            let packet = (&packet[..length]).try_into().expect("a packet");
            let room = (&mut samples[..]).try_into().expect("room");
            decoder
                .decode(Some(packet), room, false)
                .expect("decodable");
            heard.extend(samples);
        }
        heard
    }

    #[test]
    fn lengths_are_coded_as_the_decoder_reads_them() {
        for length in [0, 1, 251, 252, 253, 255, 256, 1_275] {
            let mut coded = Vec::new();
            delimit(length, &mut coded);
            let decoded = match coded[..] {
                [one] => usize::from(one),
                [first, second] => usize::from(first) + 4 * usize::from(second),
                _ => panic!("{coded:?}"),
            };
            assert_eq!(decoded, length);
        }
    }
}
