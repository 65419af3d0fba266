//! Opus by libopus, mono at 16 kHz: the only file that names its crate.
//!
//! Neither coding nor decoding allocates: libopus keeps its state in one block each.

use std::time::Duration;

use audiopus::coder::{Decoder as LibDecoder, Encoder as LibEncoder};
use audiopus::packet::{Packet, nb_samples};
use audiopus::{Application, Bitrate, Channels, MutSignals, SampleRate, Signal};

/// libopus has no memory for a coder; nothing else makes it refuse what is asked here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("libopus refuses: {0}")]
pub struct Refused(i32);

/// Samples to packets, each fit to make up for the loss of the one before (in-band FEC).
#[derive(Debug)]
pub struct Encoder {
    coder: LibEncoder,
    expected_loss: u8,
}

impl Encoder {
    /// For speech.
    ///
    /// # Errors
    ///
    /// [`Refused`]
    pub fn new() -> Result<Self, Refused> {
        let make = || {
            let mut coder =
                LibEncoder::new(SampleRate::Hz16000, Channels::Mono, Application::Voip)?;
            coder.set_bitrate(Bitrate::BitsPerSecond(BITRATE))?;
            coder.set_signal(Signal::Voice)?;
            coder.set_complexity(COMPLEXITY)?;
            coder.enable_inband_fec()?;
            Ok(coder)
        };
        Ok(Self {
            coder: make().map_err(refused)?,
            expected_loss: 0,
        })
    }

    /// Codes a frame. Returns the packet's length.
    ///
    /// # Errors
    ///
    /// [`Refused`] when `out` is too short.
    pub fn encode(&mut self, samples: &[i16], out: &mut [u8]) -> Result<usize, Refused> {
        self.coder.encode(samples, out).map_err(refused)
    }

    /// How much of the next packets will be lost, in percent: the more, the more of each is spent on
    /// the one before.
    pub fn expect_loss(&mut self, percent: u8) {
        let percent = percent.min(MOST_LOSS);
        if percent != self.expected_loss && self.coder.set_packet_loss_perc(percent).is_ok() {
            self.expected_loss = percent;
        }
    }

    /// What it was told last.
    pub fn expected_loss(&self) -> u8 {
        self.expected_loss
    }
}

/// Packets to samples.
#[derive(Debug)]
pub struct Decoder(LibDecoder);

impl Decoder {
    /// # Errors
    ///
    /// [`Refused`]
    pub fn new() -> Result<Self, Refused> {
        LibDecoder::new(SampleRate::Hz16000, Channels::Mono)
            .map(Self)
            .map_err(refused)
    }

    /// Decodes a packet. Returns how many samples it has.
    ///
    /// # Errors
    ///
    /// [`Refused`]: it is damaged, or has more than `out`.
    pub fn decode(&mut self, packet: &[u8], out: &mut [i16]) -> Result<usize, Refused> {
        let packet = Packet::try_from(packet).map_err(refused)?;
        self.decode_into(Some(packet), out, false)
    }

    /// Fills `out` with what a packet might have held that is lost.
    ///
    /// # Errors
    ///
    /// [`Refused`]: `out` isn't a multiple of 2.5 ms.
    pub fn conceal(&mut self, out: &mut [i16]) -> Result<usize, Refused> {
        self.decode_into(None, out, false)
    }

    /// Fills `out` with what the packet before `next` held, as far as `next` tells it.
    ///
    /// # Errors
    ///
    /// [`Refused`]
    pub fn recover(&mut self, next: &[u8], out: &mut [i16]) -> Result<usize, Refused> {
        let packet = Packet::try_from(next).map_err(refused)?;
        self.decode_into(Some(packet), out, true)
    }

    fn decode_into(
        &mut self,
        packet: Option<Packet<'_>>,
        out: &mut [i16],
        fec: bool,
    ) -> Result<usize, Refused> {
        let out = MutSignals::try_from(out).map_err(refused)?;
        self.0.decode(packet, out, fec).map_err(refused)
    }
}

/// How long a packet lasts; `None` when it is none.
pub fn duration(packet: &[u8]) -> Option<Duration> {
    let packet = Packet::try_from(packet).ok()?;
    let samples = nb_samples(packet, SampleRate::Hz8000).ok()?;
    // 120 ms at most (RFC 6716 §3.2.5).
    (1..=960)
        .contains(&samples)
        .then(|| Duration::from_micros(samples as u64 * 125))
}

fn refused(error: audiopus::Error) -> Refused {
    match error {
        audiopus::Error::Opus(code) => Refused(code as i32),
        // Of the crate's own checks: an empty or a huge packet.
        _ => Refused(0),
    }
}

/// Wide-band speech with room for its redundancy (RFC 7587 §3.1.1 has 16 to 20 without).
const BITRATE: i32 = 28_000;
/// Half the processor of the highest, for a difference that telephones don't carry.
const COMPLEXITY: u8 = 5;
/// Beyond this redundancy starves the speech itself.
const MOST_LOSS: u8 = 30;
