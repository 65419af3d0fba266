//! The packet index and the replay list (RFC 3711 §3.3.1, §3.3.2).

use crate::rtp::Ssrc;

/// The last 64 indices of one numbering: which were seen, and what a short one stands for.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReplayWindow {
    highest: Option<u64>,
    /// Bit n stands for `highest - n`.
    seen: u64,
}

impl ReplayWindow {
    /// How many indices back a late packet is still taken: 1.28 s of 20 ms frames.
    pub const SIZE: u64 = 64;

    /// The index that a 16-bit sequence number most likely stands for (RFC 3711 appendix A);
    /// `None` when that lies before the first rollover.
    pub fn estimate(&self, sequence: u16) -> Option<u64> {
        let Some(highest) = self.highest else {
            return Some(u64::from(sequence));
        };
        let delta = sequence.wrapping_sub(highest as u16) as i16;
        highest.checked_add_signed(i64::from(delta))
    }

    /// Whether `index` is new: not seen, and not too old to be known.
    pub fn is_fresh(&self, index: u64) -> bool {
        match self.highest {
            None => true,
            Some(highest) if index > highest => true,
            Some(highest) => {
                let age = highest - index;
                age < Self::SIZE && self.seen >> age & 1 == 0
            }
        }
    }

    /// Notes `index` as seen. To be called after authentication only.
    pub fn mark(&mut self, index: u64) {
        match self.highest {
            None => {
                self.highest = Some(index);
                self.seen = 1;
            }
            Some(highest) if index > highest => {
                let advance = index - highest;
                self.seen = if advance < Self::SIZE {
                    self.seen << advance | 1
                } else {
                    1
                };
                self.highest = Some(index);
            }
            Some(highest) => {
                let age = highest - index;
                if age < Self::SIZE {
                    self.seen |= 1 << age;
                }
            }
        }
    }
}

/// One window for each SSRC that a peer sends with.
///
/// Bounded: a peer that shows more sources at a time than [`ReplayWindows::SOURCES`] loses the
/// oldest one's rollover counter. A browser has two (its audio, and 1 for receiver reports).
#[derive(Debug, Default)]
pub struct ReplayWindows {
    sources: [Option<(Ssrc, ReplayWindow)>; Self::SOURCES],
    next: usize,
}

impl ReplayWindows {
    const SOURCES: usize = 8;

    /// The window of `ssrc`, or a new one when nothing authentic came from it yet.
    pub fn window(&self, ssrc: Ssrc) -> ReplayWindow {
        self.sources
            .iter()
            .flatten()
            .find(|(known, _)| *known == ssrc)
            .map_or_else(ReplayWindow::default, |(_, window)| *window)
    }

    /// Notes an authenticated packet.
    pub fn mark(&mut self, ssrc: Ssrc, index: u64) {
        let mut known = self.sources.iter_mut().flatten();
        if let Some((_, window)) = known.find(|(known, _)| *known == ssrc) {
            window.mark(index);
            return;
        }
        let mut window = ReplayWindow::default();
        window.mark(index);
        self.sources[self.next] = Some((ssrc, window));
        self.next = (self.next + 1) % Self::SOURCES;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn window_at(index: u64) -> ReplayWindow {
        let mut window = ReplayWindow::default();
        window.mark(index);
        window
    }

    #[test]
    fn the_rollover_is_guessed_on_both_sides_of_a_wrap() {
        assert_eq!(window_at(0xffff).estimate(2), Some(0x1_0002));
        assert_eq!(window_at(0x1_0002).estimate(0xffff), Some(0xffff));
        assert_eq!(window_at(0x5_8000).estimate(0x8001), Some(0x5_8001));
        assert_eq!(
            window_at(3).estimate(0xfffe),
            None,
            "before the first packet"
        );
    }

    #[test]
    fn an_index_is_fresh_once_and_never_when_too_old() {
        let mut window = window_at(1_000);
        assert!(!window.is_fresh(1_000));
        assert!(window.is_fresh(999));
        window.mark(999);
        assert!(!window.is_fresh(999));
        assert!(window.is_fresh(1_000 - 63));
        assert!(!window.is_fresh(1_000 - 64));
        window.mark(5_000);
        assert!(!window.is_fresh(1_001));
    }

    #[test]
    fn sources_have_windows_of_their_own() {
        let mut windows = ReplayWindows::default();
        windows.mark(Ssrc(1), 10);
        assert!(!windows.window(Ssrc(1)).is_fresh(10));
        assert!(windows.window(Ssrc(2)).is_fresh(10));
    }

    proptest! {
        #[test]
        fn a_marked_index_is_never_fresh_again(
            start in 0u64..1 << 40, steps in prop::collection::vec(-70i64..70, 1..200),
        ) {
            let mut window = window_at(start);
            let mut marked = vec![start];
            let mut at = start;
            for step in steps {
                at = at.saturating_add_signed(step);
                if window.is_fresh(at) {
                    prop_assert!(!marked.contains(&at));
                    window.mark(at);
                    marked.push(at);
                }
            }
            prop_assert!(marked.iter().all(|&index| !window.is_fresh(index)));
        }

        #[test]
        fn the_estimate_is_right_within_half_the_number_space(
            highest in 0x8000u64..1 << 40, offset in -0x7fffi64..0x7fff,
        ) {
            let index = highest.saturating_add_signed(offset);
            prop_assert_eq!(window_at(highest).estimate(index as u16), Some(index));
        }
    }
}
