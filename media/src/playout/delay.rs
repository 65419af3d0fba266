//! How long packets have to wait so that nearly all of them are there in time.

/// Watches how late packets come, each compared with the quickest of the last seconds. Times are in
/// units of 125 µs.
#[derive(Debug)]
pub struct Delay {
    /// Of packets that were late by as many steps.
    shares: [u32; STEPS],
    /// The quickest transit of this stretch of time and of the one before: a path that became longer
    /// for good, or a clock that runs slower, is forgotten after two of them.
    quickest: Stretch,
    before: Option<i64>,
    floor: i64,
}

#[derive(Debug, Clone, Copy)]
struct Stretch {
    least: Option<i64>,
    until: i64,
}

impl Delay {
    /// Never waits for less than `floor`.
    pub fn new(floor: i64) -> Self {
        Self {
            shares: [0; STEPS],
            quickest: Stretch {
                least: None,
                until: 0,
            },
            before: None,
            floor,
        }
    }

    /// A packet came at `now` whose transit (arrival minus timestamp) is this.
    pub fn count(&mut self, transit: i64, now: i64) {
        if now >= self.quickest.until {
            self.before = self.quickest.least;
            self.quickest = Stretch {
                least: None,
                until: now + STRETCH,
            };
        }
        self.quickest.least = Some(
            self.quickest
                .least
                .map_or(transit, |least| least.min(transit)),
        );
        let late = transit - self.base();
        let step = (late / STEP).clamp(0, STEPS as i64 - 1) as usize;
        for share in &mut self.shares {
            *share -= *share >> FORGETTING;
        }
        self.shares[step] += ONE;
    }

    /// The transit of a packet that wasn't held up.
    pub fn base(&self) -> i64 {
        let of_now = self.quickest.least.unwrap_or(0);
        self.before.map_or(of_now, |before| before.min(of_now))
    }

    /// How long after its quickest arrival a packet is to be played.
    pub fn target(&self) -> i64 {
        let total: u64 = self.shares.iter().map(|&share| u64::from(share)).sum();
        let mut late: u64 = 0;
        let step = (0..STEPS).rev().find(|&step| {
            late += u64::from(self.shares[step]);
            late * 100 > total * PERCENT_TOO_LATE
        });
        // To the end of that step.
        let needed = step.map_or(0, |step| (step as i64 + 1) * STEP);
        needed.clamp(self.floor, CEILING)
    }
}

/// 5 ms: finer than what is heard.
const STEP: i64 = 40;
/// Up to 240 ms.
const STEPS: usize = 48;
/// Packets that may be too late for it: concealing them costs less than waiting for them.
const PERCENT_TOO_LATE: u64 = 2;
/// A packet's weight halves with 90 more, in about two seconds.
const FORGETTING: u32 = 7;
const ONE: u32 = 1 << 16;
/// 4 s.
const STRETCH: i64 = 32_000;
/// 200 ms: with more nobody converses.
const CEILING: i64 = 1_600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steady_packets_wait_for_the_floor() {
        let delay = after((0..500).map(|_| 0));
        assert_eq!((delay.base(), delay.target()), (1_000, 160));
    }

    #[test]
    fn the_wait_covers_all_but_a_few() {
        // One in ten is 60 ms late, one in a hundred 150 ms.
        let late = |n: i64| match n {
            n if n % 100 == 99 => 1_200,
            n if n % 10 == 9 => 480,
            _ => 0,
        };
        assert_eq!(after((0..2_000).map(late)).target(), 520);
    }

    #[test]
    fn jitter_that_is_over_is_forgotten() {
        let delay = after((0..500).map(|n| n % 2 * 800).chain((0..900).map(|_| 0)));
        assert_eq!(delay.target(), 160);
    }

    #[test]
    fn a_path_that_became_longer_becomes_the_measure() {
        let delay = after((0..500).map(|_| 0).chain((0..1_500).map(|_| 640)));
        assert_eq!((delay.base(), delay.target()), (1_640, 160));
    }

    /// A packet each 20 ms, late by so much.
    fn after(late: impl Iterator<Item = i64>) -> Delay {
        let mut delay = Delay::new(160);
        for (n, late) in late.enumerate() {
            delay.count(1_000 + late, 160 * n as i64 + late);
        }
        delay
    }
}
