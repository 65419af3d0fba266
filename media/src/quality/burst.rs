//! How losses come: scattered in gaps, where they are hardly heard, or in bursts (RFC 3611 §4.7.2).

/// Counts as RFC 3611 appendix A.2 does, with its names for the transitions.
#[derive(Debug, Default)]
pub struct Bursts {
    /// Received since the last loss.
    since: u64,
    /// Lost in the burst that may be going on.
    lost: u64,
    c11: u64,
    c13: u64,
    c14: u64,
    c22: u64,
    c23: u64,
    c33: u64,
}

/// What a VoIP metrics report says of it. Densities are in 1/256 of the packets, lengths in packets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pattern {
    pub burst_density: u8,
    pub gap_density: u8,
    pub burst_length: u64,
    pub gap_length: u64,
}

impl Bursts {
    /// `lost` packets are missing before one that came.
    pub fn count(&mut self, lost: u64) {
        for _ in 0..lost.min(MOST) {
            self.lose();
        }
        self.since += 1;
    }

    fn lose(&mut self) {
        // The beginning is no loss: what came before the first one needn't be much.
        if self.since >= GMIN || self.lost == 0 {
            match self.lost {
                // One loss among sixteen received on either side belongs to a gap.
                0 | 1 => self.c14 += 1,
                _ => self.c13 += 1,
            }
            self.lost = 1;
            self.c11 += self.since;
        } else {
            self.lost += 1;
            match self.since {
                0 => self.c33 += 1,
                received => {
                    self.c23 += 1;
                    self.c22 += received - 1;
                }
            }
        }
        self.since = 0;
    }

    /// What there was so far.
    pub fn pattern(&self) -> Pattern {
        // What came since the last loss is a gap, or the rest of a burst's.
        let c11 = self.c11 + self.since;
        let (c31, c32) = (self.c13, self.c23);
        let share = |part: u64, whole: u64| match whole {
            0 => 0.0,
            whole => part as f64 / whole as f64,
        };
        let p32 = share(c32, c31 + c32 + self.c33);
        let p23 = match self.c22 + self.c23 {
            0 => 1.0,
            received => 1.0 - share(self.c22, received),
        };
        // A burst that goes on has no end to be counted yet.
        let burst = self.c13 > 0 || self.c23 + self.c33 > 0;
        let in_bursts = self.c22 + self.c23 + c31 + c32 + self.c33;
        let bursts = self.c13.max(1);
        Pattern {
            burst_density: if burst { in_256(p23 / (p23 + p32)) } else { 0 },
            gap_density: in_256(share(self.c14, c11 + self.c14)),
            burst_length: if burst { in_bursts / bursts } else { 0 },
            gap_length: (c11 + self.c14 + self.c13) / bursts,
        }
    }
}

fn in_256(share: f64) -> u8 {
    (share * 256.0).clamp(0.0, 255.0) as u8
}

/// Received between two losses that makes them belong to a gap: RFC 3611's recommended value.
pub const GMIN: u64 = 16;
/// A source that began anew isn't a burst without end.
const MOST: u64 = 3_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_loss_all_is_one_gap() {
        let pattern = after(&[0; 500]);
        let expected = Pattern {
            gap_length: 500,
            ..Pattern::default()
        };
        assert_eq!(pattern, expected);
    }

    #[test]
    fn losses_far_apart_are_in_gaps() {
        // One of a hundred.
        let pattern = after(&[[0; 98].as_slice(), &[1]].concat().repeat(50));
        assert_eq!((pattern.burst_density, pattern.burst_length), (0, 0));
        assert_eq!(pattern.gap_density, 2, "a hundredth of 256");
    }

    #[test]
    fn losses_close_together_are_bursts_and_the_gaps_between_stay_clean() {
        // Four lost, one received, two lost, then a hundred received.
        let pattern = after(&[[0; 98].as_slice(), &[4, 2]].concat().repeat(50));
        assert_eq!(pattern.gap_density, 0);
        assert!((180..=235).contains(&pattern.burst_density), "{pattern:?}");
        assert!((6..=8).contains(&pattern.burst_length), "{pattern:?}");
        assert!((95..=105).contains(&pattern.gap_length), "{pattern:?}");
    }

    #[test]
    fn nothing_at_all_is_no_division_by_it() {
        assert_eq!(Bursts::default().pattern(), Pattern::default());
        let all_but_one = after(&[u64::MAX]);
        assert!(all_but_one.burst_density > 250, "{all_but_one:?}");
    }

    /// Losses before each packet that came.
    fn after(lost: &[u64]) -> Pattern {
        let mut bursts = Bursts::default();
        for &lost in lost {
            bursts.count(lost);
        }
        bursts.pattern()
    }
}
