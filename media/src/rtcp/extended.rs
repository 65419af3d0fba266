//! Extended reports (RFC 3611): the VoIP metrics block, for peers that ask by `a=rtcp-xr`.

use std::time::Duration;

use super::Writer;
use crate::quality::burst::{GMIN, Pattern};
use crate::quality::{Mos, Rating};
use crate::rtp::Ssrc;

/// What a VoIP metrics block says (RFC 3611 §4.7), as far as a relay knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoipMetrics {
    /// Whose audio it is about.
    pub source: Ssrc,
    /// In 1/256 of the packets expected since it began.
    pub loss_rate: u8,
    pub pattern: Pattern,
    pub round_trip: Duration,
    pub rating: Rating,
    /// Without and with what delay does to a conversation.
    pub listening: Mos,
    pub conversation: Mos,
}

impl VoipMetrics {
    /// Of a packet with this block alone.
    #[cfg(test)]
    pub const LENGTH: usize = 4 * 11;

    pub(super) fn write(&self, writer: &mut Writer<'_>, own: Ssrc) {
        writer.header(0, XR, 10);
        writer.word(own.0);
        writer.octets(&[VOIP_METRICS, 0, 0, 8]);
        writer.word(self.source.0);
        // Nothing is discarded: we have no buffer that a packet could be too late for.
        let Pattern {
            burst_density,
            gap_density,
            burst_length,
            gap_length,
        } = self.pattern;
        writer.octets(&[self.loss_rate, 0, burst_density, gap_density]);
        writer.octets(&millis(FRAME_MS * burst_length));
        writer.octets(&millis(FRAME_MS * gap_length));
        writer.octets(&millis(self.round_trip.as_millis() as u64));
        // No delay of our own, and levels and echo that a relay doesn't measure.
        writer.octets(&[0, 0, UNAVAILABLE, UNAVAILABLE, UNAVAILABLE, GMIN as u8]);
        writer.octets(&[
            self.rating.value(),
            UNAVAILABLE,
            self.listening.tenths(),
            self.conversation.tenths(),
        ]);
        // Neither concealment nor a jitter buffer is between the peer and who hears it.
        writer.octets(&[0; 8]);
    }
}

/// 16 bits hold a minute; a longer time is as long as they can say.
fn millis(time: u64) -> [u8; 2] {
    u16::try_from(time).unwrap_or(u16::MAX).to_be_bytes()
}

const XR: u8 = 207;
const VOIP_METRICS: u8 = 7;
const UNAVAILABLE: u8 = 127;
/// Of a packet.
const FRAME_MS: u64 = 20;

#[cfg(test)]
mod tests {
    use super::super::{COMPOUND, Farewell, Item, read, write};
    use super::*;

    #[test]
    fn the_block_stands_between_the_description_and_the_farewell() {
        let metrics = VoipMetrics {
            source: Ssrc(9),
            loss_rate: 13,
            pattern: Pattern {
                burst_density: 200,
                gap_density: 3,
                burst_length: 7,
                gap_length: 10_000,
            },
            round_trip: Duration::from_millis(81),
            rating: Rating::of_g711(0.05, Duration::from_millis(60)),
            listening: Mos::of_g711(0.05, Duration::ZERO),
            conversation: Mos::of_g711(0.05, Duration::from_millis(300)),
        };
        let mut out = [0xff; COMPOUND];
        let without = write(&mut out, Ssrc(5), None, None, None, Farewell::Stays);
        let length = write(
            &mut out,
            Ssrc(5),
            None,
            None,
            Some(metrics),
            Farewell::Leaves,
        );
        assert_eq!(length, without + VoipMetrics::LENGTH + 8);
        let block = &out[without..without + VoipMetrics::LENGTH];
        let expected = [
            0x80, 207, 0, 10, 0, 0, 0, 5, 7, 0, 0, 8, 0, 0, 0, 9, 13, 0, 200, 3, 0, 140, 0xff,
            0xff, 0, 81, 0, 0, 127, 127, 127, 16, 77, 127, 39, 32, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(block, expected);
        assert_eq!(read(&out[..length]).collect::<Vec<_>>(), [Item::Bye]);
    }
}
