//! RTCP (RFC 3550 §6): the reports we write and what we read of the peer's.

pub mod extended;

use std::time::Duration;

use crate::rtp::Ssrc;
use crate::rtp::reception::Measured;
use crate::sdp::CNAME;
use extended::VoipMetrics;

/// An NTP timestamp: seconds since 1900 and their fraction, 32 bits each (RFC 3550 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ntp(pub u64);

impl Ntp {
    /// From the time since 1970.
    pub fn from_unix(since_1970: Duration) -> Self {
        const FROM_1900_TO_1970: u64 = 2_208_988_800;
        let seconds = since_1970.as_secs().wrapping_add(FROM_1900_TO_1970) << 32;
        let fraction = (u64::from(since_1970.subsec_nanos()) << 32) / 1_000_000_000;
        Self(seconds | fraction)
    }

    /// The middle 32 bits, in 1/65536 s: what LSR and DLSR count in.
    pub fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }
}

/// What a sender report says (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInfo {
    pub ntp: Ntp,
    /// Our RTP timestamp of the same instant.
    pub timestamp: u32,
    pub packets: u32,
    pub octets: u32,
}

/// A report block: how well a source is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlock {
    pub measured: Measured,
    /// The middle bits of the last sender report's NTP timestamp; 0 before one came.
    pub last_report: u32,
    /// Since that report, in 1/65536 s.
    pub delay: u32,
}

/// Whether the source says good-bye after its report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    Stays,
    Leaves,
}

/// Writes a compound packet: SR or RR, SDES with the CNAME, an extended report, and BYE (RFC 3550
/// §6.1).
///
/// `out` has [`COMPOUND`] octets or more. Returns the length.
pub fn write(
    out: &mut [u8],
    ssrc: Ssrc,
    sender: Option<SenderInfo>,
    block: Option<ReportBlock>,
    metrics: Option<VoipMetrics>,
    farewell: Farewell,
) -> usize {
    let mut writer = Writer { out, length: 0 };
    let count = u8::from(block.is_some());
    let words = 1 + if sender.is_some() { 5 } else { 0 } + if block.is_some() { 6 } else { 0 };
    let kind = if sender.is_some() { SR } else { RR };
    writer.header(count, kind, words);
    writer.word(ssrc.0);
    if let Some(sender) = sender {
        writer.word((sender.ntp.0 >> 32) as u32);
        writer.word(sender.ntp.0 as u32);
        writer.word(sender.timestamp);
        writer.word(sender.packets);
        writer.word(sender.octets);
    }
    if let Some(block) = block {
        let lost = block.measured.cumulative_lost as u32 & 0xff_ffff;
        writer.word(block.measured.ssrc.0);
        writer.word(u32::from(block.measured.fraction_lost) << 24 | lost);
        writer.word(block.measured.highest_sequence);
        writer.word(block.measured.jitter);
        writer.word(block.last_report);
        writer.word(block.delay);
    }
    // One chunk: SSRC, the CNAME item, a zero octet at least, padded to words (§6.5).
    let item = 2 + CNAME.len();
    let chunk_words = 1 + (item / 4 + 1);
    writer.header(1, SDES, chunk_words as u16);
    writer.word(ssrc.0);
    let start = writer.length;
    writer.octets(&[1, CNAME.len() as u8]);
    writer.octets(CNAME.as_bytes());
    let padding = start + 4 * (chunk_words - 1) - writer.length;
    writer.octets(&[0; 4][..padding]);
    if let Some(metrics) = metrics {
        metrics.write(&mut writer, ssrc);
    }
    match farewell {
        Farewell::Stays => {}
        Farewell::Leaves => {
            writer.header(1, BYE, 1);
            writer.word(ssrc.0);
        }
    }
    writer.length
}

/// An upper bound of what [`write`] writes.
pub const COMPOUND: usize = 144;

struct Writer<'a> {
    out: &'a mut [u8],
    length: usize,
}

impl Writer<'_> {
    fn octets(&mut self, octets: &[u8]) {
        self.out[self.length..self.length + octets.len()].copy_from_slice(octets);
        self.length += octets.len();
    }

    fn word(&mut self, word: u32) {
        self.octets(&word.to_be_bytes());
    }

    /// `words` doesn't count the header itself.
    fn header(&mut self, count: u8, kind: u8, words: u16) {
        self.octets(&[0x80 | count, kind]);
        self.octets(&words.to_be_bytes());
    }
}

/// What of a peer's compound packet matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// The peer's clock: answered by LSR and DLSR in our next report.
    SenderReport { ssrc: Ssrc, ntp: Ntp },
    /// How the peer hears one of our sources.
    Heard(ReportBlock),
    /// A source of the peer ended.
    Bye,
}

/// Reads a compound packet up to the first contradiction in its lengths.
pub fn read(mut compound: &[u8]) -> impl Iterator<Item = Item> {
    let mut items = Items::default();
    std::iter::from_fn(move || {
        loop {
            if let Some(item) = items.next() {
                return Some(item);
            }
            let (head, rest) = compound.split_first_chunk::<4>()?;
            let length = 4 * usize::from(u16::from_be_bytes([head[2], head[3]]));
            let body = rest.get(..length)?;
            compound = &rest[length..];
            if head[0] >> 6 != 2 {
                return None;
            }
            items = Items::new(head[0] & 0x1f, head[1], body);
        }
    })
}

/// What one packet of the compound still has to say.
#[derive(Default)]
struct Items<'a> {
    first: Option<Item>,
    blocks: &'a [u8],
    count: u8,
}

impl<'a> Items<'a> {
    fn new(count: u8, kind: u8, body: &'a [u8]) -> Self {
        match kind {
            SR if body.len() >= 24 => Self {
                first: Some(Item::SenderReport {
                    ssrc: Ssrc(word(body, 0)),
                    ntp: Ntp(u64::from(word(body, 1)) << 32 | u64::from(word(body, 2))),
                }),
                blocks: &body[24..],
                count,
            },
            RR if body.len() >= 4 => Self {
                first: None,
                blocks: &body[4..],
                count,
            },
            BYE => Self {
                first: Some(Item::Bye),
                blocks: &[],
                count: 0,
            },
            // SDES, APP, feedback and extended reports change nothing here.
            _ => Self::default(),
        }
    }

    fn next(&mut self) -> Option<Item> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        self.count = self.count.checked_sub(1)?;
        let (block, rest) = self.blocks.split_first_chunk::<24>()?;
        self.blocks = rest;
        let lost = word(block, 1);
        Some(Item::Heard(ReportBlock {
            measured: Measured {
                ssrc: Ssrc(word(block, 0)),
                fraction_lost: (lost >> 24) as u8,
                // 24 bits with a sign.
                cumulative_lost: (lost << 8) as i32 >> 8,
                highest_sequence: word(block, 2),
                jitter: word(block, 3),
            },
            last_report: word(block, 4),
            delay: word(block, 5),
        }))
    }
}

/// The `n`th word; the caller has checked the length.
fn word(octets: &[u8], n: usize) -> u32 {
    let at = 4 * n;
    u32::from_be_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]])
}

/// The round-trip time that a report block about us shows (RFC 3550 §6.4.1); `None` when the
/// peer has had no report of ours, or its figures make no sense.
pub fn round_trip(block: &ReportBlock, now: Ntp) -> Option<Duration> {
    if block.last_report == 0 {
        return None;
    }
    let units = now
        .middle()
        .wrapping_sub(block.last_report)
        .wrapping_sub(block.delay) as i32;
    // Clocks of different grain may make it slightly negative.
    let units = u64::try_from(units.max(0)).ok()?;
    let round_trip = Duration::from_micros(units * 1_000_000 / 65_536);
    (round_trip < Duration::from_secs(60)).then_some(round_trip)
}

const SR: u8 = 200;
const RR: u8 = 201;
const SDES: u8 = 202;
const BYE: u8 = 203;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_compound_is_whole_words_and_says_what_was_put_in() {
        let sender = SenderInfo {
            ntp: Ntp(0x0123_4567_89ab_cdef),
            timestamp: 1_600,
            packets: 10,
            octets: 1_600,
        };
        let mut out = [0xff; COMPOUND];
        for (sender, block) in [
            (Some(sender), Some(block())),
            (Some(sender), None),
            (None, Some(block())),
            (None, None),
        ] {
            let length = write(&mut out, Ssrc(5), sender, block, None, Farewell::Leaves);
            assert_eq!(length % 4, 0);
            let mut expected = Vec::new();
            expected.extend(sender.map(|sender| Item::SenderReport {
                ssrc: Ssrc(5),
                ntp: sender.ntp,
            }));
            expected.extend(block.map(Item::Heard));
            expected.push(Item::Bye);
            assert_eq!(read(&out[..length]).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn the_round_trip_is_what_the_peers_delay_leaves() {
        let sent = Ntp::from_unix(Duration::from_secs(1_000_000));
        let now = Ntp::from_unix(Duration::from_millis(1_000_000_250));
        let mut block = block();
        block.last_report = sent.middle();
        block.delay = 65_536 / 5;
        let round_trip = round_trip(&block, now).expect("a report was answered");
        assert_eq!(round_trip.as_millis(), 50);
        block.last_report = 0;
        assert_eq!(super::round_trip(&block, now), None);
    }

    #[test]
    fn the_epoch_is_1900() {
        assert_eq!(Ntp::from_unix(Duration::ZERO).0 >> 32, 2_208_988_800);
        assert_eq!(
            Ntp::from_unix(Duration::from_millis(500)).0 as u32,
            0x8000_0000
        );
    }

    proptest! {
        #[test]
        fn no_octets_make_the_reader_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&octets).count();
        }
    }

    fn block() -> ReportBlock {
        ReportBlock {
            measured: Measured {
                ssrc: Ssrc(9),
                fraction_lost: 25,
                cumulative_lost: -3,
                highest_sequence: 0x1_0003,
                jitter: 7,
            },
            last_report: 0x1234,
            delay: 0x5678,
        }
    }
}
