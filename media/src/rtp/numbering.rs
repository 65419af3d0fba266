//! Egress numbering: one SSRC, sequence and timestamp line for a leg's whole life, whatever
//! sources are relayed into it.
//!
//! A source's gaps stay gaps, so that the receiver sees the loss that there was; a change of
//! source, a mute or a hold leaves none. No index is ever given out twice, which is also what
//! keeps SRTP's keystream from being used twice (RFC 3711 §9.1).

use std::time::Instant;

use super::clock::ClockRate;
use super::{Header, Ssrc};
use crate::srtp::replay::ReplayWindow;

/// Renumbers what is relayed to one leg.
#[derive(Debug)]
pub struct Numbering {
    /// The highest index given out; its upper bits are SRTP's rollover counter.
    index: u64,
    /// The timestamp that went with it.
    timestamp: u32,
    /// When it was given out; `None` before the first packet.
    at: Option<Instant>,
    used: ReplayWindow,
    source: Source,
    clock: ClockRate,
}

/// Where a relayed packet stands in our own line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbered {
    /// 48 bits: rollover counter and sequence number.
    pub index: u64,
    /// Ours.
    pub timestamp: u32,
    /// The source's own, or set because our line resumes here.
    pub marker: bool,
}

/// The packet can't be placed: a duplicate, or older than what our line still takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stale;

#[derive(Debug, Clone, Copy)]
enum Source {
    /// The next packet, whoever sends it, continues our line without a gap.
    Resuming,
    Following {
        ssrc: Ssrc,
        /// The source's sequence number that became `Numbering::index`.
        sequence: u16,
        /// Ours minus the source's.
        timestamp_offset: u32,
        /// The first index of this source: nothing of it may land before.
        floor: u64,
    },
}

impl Numbering {
    /// A line whose first packet has the sequence number and timestamp after these.
    ///
    /// Its first rollover counter is 0, as receivers assume (RFC 3711 §3.3.1).
    pub fn new(sequence: u16, timestamp: u32) -> Self {
        Self {
            index: u64::from(sequence),
            timestamp,
            at: None,
            used: ReplayWindow::default(),
            source: Source::Resuming,
            clock: ClockRate::Khz8,
        }
    }

    /// What timestamps count from here on; the time that passed before stays passed.
    pub fn set_clock(&mut self, clock: ClockRate) {
        if clock != self.clock {
            self.clock = clock;
            self.resume();
        }
    }

    /// The next packet continues the line, however its source is numbered.
    pub fn resume(&mut self) {
        self.source = Source::Resuming;
    }

    /// Our timestamp at `now`, extrapolated from the last packet (RFC 3550 §6.4.1);
    /// `None` before the first packet.
    pub fn timestamp_at(&self, now: Instant) -> Option<u32> {
        let elapsed = now.saturating_duration_since(self.at?);
        Some(self.timestamp.wrapping_add(self.clock.units(elapsed)))
    }

    /// Places one packet.
    ///
    /// # Errors
    ///
    /// [`Stale`]: it isn't to be sent.
    pub fn place(&mut self, header: &Header, now: Instant) -> Result<Numbered, Stale> {
        match self.source {
            Source::Following {
                ssrc,
                sequence,
                timestamp_offset,
                floor,
            } if ssrc == header.ssrc => {
                let step = header.sequence.wrapping_sub(sequence) as i16;
                if !(-MAX_MISORDER..=MAX_DROPOUT).contains(&step) {
                    return Ok(self.join(header, now));
                }
                let index = self
                    .index
                    .checked_add_signed(step.into())
                    .filter(|&index| index >= floor && self.used.is_fresh(index))
                    .ok_or(Stale)?;
                let timestamp = header.timestamp.wrapping_add(timestamp_offset);
                self.used.mark(index);
                if step > 0 {
                    self.advance(index, timestamp, now);
                    self.source = Source::Following {
                        ssrc,
                        sequence: header.sequence,
                        timestamp_offset,
                        floor,
                    };
                }
                Ok(Numbered {
                    index,
                    timestamp,
                    marker: header.marker,
                })
            }
            Source::Following { .. } | Source::Resuming => Ok(self.join(header, now)),
        }
    }

    /// Places the first packet of an event (RFC 4733) or a talkspurt of our own: it begins where
    /// audio would have gone on, and whatever source comes after it continues the line.
    pub fn begin(&mut self, now: Instant) -> Numbered {
        self.resume();
        let (index, timestamp) = self.step(now);
        Numbered {
            index,
            timestamp,
            marker: true,
        }
    }

    /// Places another packet of the event that began last: all of them have its timestamp, and
    /// time is counted on from its beginning. Nothing else may be placed between.
    pub fn continue_event(&mut self) -> Numbered {
        self.resume();
        self.index += 1;
        self.used.mark(self.index);
        Numbered {
            index: self.index,
            timestamp: self.timestamp,
            marker: false,
        }
    }

    /// Places the next frame of the talkspurt of our own that began last; its time is `at`.
    /// Nothing else may be placed between.
    pub fn continue_talkspurt(&mut self, at: Instant) -> Numbered {
        self.resume();
        let (index, timestamp) = (
            self.index + 1,
            self.timestamp.wrapping_add(self.clock.frame()),
        );
        self.used.mark(index);
        self.advance(index, timestamp, at);
        Numbered {
            index,
            timestamp,
            marker: false,
        }
    }

    /// Lets a source continue our line.
    fn join(&mut self, header: &Header, now: Instant) -> Numbered {
        let (index, timestamp) = self.step(now);
        self.source = Source::Following {
            ssrc: header.ssrc,
            sequence: header.sequence,
            timestamp_offset: timestamp.wrapping_sub(header.timestamp),
            floor: index,
        };
        Numbered {
            index,
            timestamp,
            marker: true,
        }
    }

    /// The next index, and the timestamp after the time that passed.
    fn step(&mut self, now: Instant) -> (u64, u32) {
        let index = self.index + 1;
        // The silence between keeps its length; two packets in a burst stay one frame apart.
        let timestamp = self.timestamp_at(now).map_or(self.timestamp, |at| {
            self.timestamp
                .wrapping_add(at.wrapping_sub(self.timestamp).max(self.clock.frame()))
        });
        self.used.mark(index);
        self.advance(index, timestamp, now);
        (index, timestamp)
    }

    fn advance(&mut self, index: u64, timestamp: u32, now: Instant) {
        self.index = index;
        self.timestamp = timestamp;
        self.at = Some(now);
    }
}

/// A jump ahead beyond this is a restarted source, not loss (RFC 3550 appendix A.1).
const MAX_DROPOUT: i16 = 3_000;
/// A jump back beyond this is a restarted source, not reordering (RFC 3550 appendix A.1).
const MAX_MISORDER: i16 = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::PayloadType;
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn a_gap_stays_a_gap_and_reordering_stays_in_its_place() {
        let mut line = Line::new(100, 0);
        let first = line.place(1, 10, 1_600);
        assert_eq!((first.index, first.marker), (101, true));
        assert_eq!(line.place(1, 13, 2_080).index, 104);
        let late = line.place(1, 12, 1_920);
        assert_eq!((late.index, late.marker), (103, false));
        assert_eq!(late.timestamp.wrapping_sub(first.timestamp), 320);
    }

    #[test]
    fn a_duplicate_is_stale() {
        let mut line = Line::new(100, 0);
        line.place(1, 10, 0);
        line.place(1, 11, 160);
        assert_eq!(
            line.numbering.place(&header(1, 11, 160), line.now),
            Err(Stale)
        );
        assert_eq!(
            line.numbering.place(&header(1, 10, 0), line.now),
            Err(Stale)
        );
    }

    #[test]
    fn another_source_continues_without_a_gap_after_the_time_that_passed() {
        let mut line = Line::new(100, 5_000);
        line.place(1, 10, 777);
        line.now += Duration::from_millis(500);
        let joined = line.place(2, 60_000, 9);
        assert_eq!(
            joined,
            Numbered {
                index: 102,
                timestamp: 5_000 + 4_000,
                marker: true
            }
        );
        // The first source's stragglers start a new stretch; they can't land before it.
        assert_eq!(line.place(1, 9, 617).index, 103);
    }

    #[test]
    fn a_restarted_source_continues_without_a_gap() {
        let mut line = Line::new(0, 0);
        line.place(1, 10, 0);
        assert_eq!(line.place(1, 40_000, 99).index, 2);
        assert_eq!(line.place(1, 39_000, 99).index, 3);
    }

    #[test]
    fn resuming_leaves_no_gap_for_what_was_withheld() {
        let mut line = Line::new(0, 0);
        line.place(1, 10, 0);
        line.numbering.resume();
        line.now += Duration::from_secs(2);
        let resumed = line.place(1, 110, 16_000);
        assert_eq!((resumed.index, resumed.timestamp), (2, 16_000));
        assert!(resumed.marker);
    }

    #[test]
    fn an_event_of_ours_has_one_timestamp_and_audio_goes_on_after_the_time_that_passed() {
        let mut line = Line::new(0, 0);
        line.place(1, 10, 0);
        line.now += Duration::from_millis(20);
        let begun = line.numbering.begin(line.now);
        assert_eq!((begun.index, begun.timestamp, begun.marker), (2, 160, true));
        for index in 3..10 {
            line.now += Duration::from_millis(20);
            let continued = line.numbering.continue_event();
            assert_eq!((continued.index, continued.timestamp), (index, 160));
            assert!(!continued.marker);
        }
        line.now += Duration::from_millis(20);
        let audio = line.place(1, 19, 1_440);
        assert_eq!(
            (audio.index, audio.timestamp, audio.marker),
            (10, 1_440, true)
        );
    }

    #[test]
    fn another_clock_goes_on_where_the_last_one_was() {
        let mut line = Line::new(0, 0);
        line.place(1, 10, 0);
        line.numbering.set_clock(ClockRate::Khz48);
        line.now += Duration::from_millis(20);
        assert_eq!(line.place(1, 11, 77).timestamp, 960);
        let next = line.now + Duration::from_millis(20);
        assert_eq!(line.numbering.begin(next).timestamp, 1_920);
        assert_eq!(line.numbering.continue_talkspurt(next).timestamp, 2_880);
    }

    #[test]
    fn sequence_and_timestamp_wrap() {
        let mut line = Line::new(0xfffe, u32::MAX - 100);
        let before = line.place(1, 0xffff, u32::MAX - 7);
        let after = line.place(1, 0, 152);
        assert_eq!((before.index, after.index), (0xffff, 0x1_0000));
        assert_eq!(after.timestamp.wrapping_sub(before.timestamp), 160);
    }

    proptest! {
        /// Steps of one source: what it skips, we skip, through any number of wraps.
        #[test]
        fn differences_are_kept(
            sequence: u16, timestamp: u32, ours: u16, steps in prop::collection::vec(1u16..900, 1..300),
        ) {
            let mut line = Line::new(ours, 0);
            let first = line.place(1, sequence, timestamp);
            let (mut sequence, mut timestamp, mut expected) = (sequence, timestamp, first);
            for step in steps {
                sequence = sequence.wrapping_add(step);
                timestamp = timestamp.wrapping_add(u32::from(step) * 160);
                expected.index += u64::from(step);
                expected.timestamp = expected.timestamp.wrapping_add(u32::from(step) * 160);
                expected.marker = false;
                prop_assert_eq!(line.place(1, sequence, timestamp), expected);
            }
        }

        /// Whatever arrives, no index is given out twice and none comes before the first.
        #[test]
        fn no_index_is_used_twice(
            packets in prop::collection::vec((0u32..3, any::<u16>(), any::<u32>(), 0u8..20), 1..400),
            ours: u16,
        ) {
            let mut line = Line::new(ours, 0);
            let mut used = std::collections::HashSet::new();
            let mut base = 0u16;
            for (ssrc, sequence, timestamp, resume) in packets {
                // Mostly neighbours of a walking base, now and then anywhere.
                base = base.wrapping_add(1);
                let sequence = if resume < 18 { base.wrapping_add(sequence % 8) } else { sequence };
                if resume == 0 {
                    line.numbering.resume();
                }
                if let Ok(placed) = line.numbering.place(&header(ssrc, sequence, timestamp), line.now) {
                    prop_assert!(used.insert(placed.index));
                    prop_assert!(placed.index > u64::from(ours));
                }
            }
        }
    }

    struct Line {
        numbering: Numbering,
        now: Instant,
    }

    impl Line {
        fn new(sequence: u16, timestamp: u32) -> Self {
            Self {
                numbering: Numbering::new(sequence, timestamp),
                now: Instant::now(),
            }
        }

        fn place(&mut self, ssrc: u32, sequence: u16, timestamp: u32) -> Numbered {
            self.numbering
                .place(&header(ssrc, sequence, timestamp), self.now)
                .expect("not stale")
        }
    }

    fn header(ssrc: u32, sequence: u16, timestamp: u32) -> Header {
        Header {
            marker: false,
            payload_type: PayloadType::new(8).expect("seven bits"),
            sequence,
            timestamp,
            ssrc: Ssrc(ssrc),
            length: Header::FIXED,
        }
    }
}
