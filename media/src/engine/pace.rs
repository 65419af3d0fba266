//! How long a worker lets packets gather before it looks for them.
//!
//! With little to do it looks at once, for the shortest delay. With much to do, every look costs as much as a packet, and
//! packets that gathered for up to a millisecond share one.

use std::time::Duration;

/// How much of its time a worker is busy, and what follows from it.
#[derive(Debug, Default)]
pub struct Pace {
    /// Of the last [`WINDOW`] or so, in nanoseconds.
    busy: u64,
}

impl Pace {
    /// Takes a turn: how long it was waited, and how long it was worked.
    pub fn note(&mut self, waited: Duration, worked: Duration) {
        let (waited, worked) = (nanos(waited), nanos(worked));
        let passed = (waited + worked).min(WINDOW);
        // The past fades by the share of the window that has passed.
        self.busy -= self.busy * passed / WINDOW;
        self.busy = (self.busy + worked).min(WINDOW);
    }

    /// How long to let packets gather now.
    pub fn pause(&self) -> Duration {
        let over = self.busy.saturating_sub(WINDOW / 100 * BEGINS);
        let longest = WINDOW / 100 * (FULL - BEGINS);
        Duration::from_nanos(over.min(longest) * LONGEST / longest)
    }
}

fn nanos(time: Duration) -> u64 {
    time.as_nanos().min(u128::from(WINDOW)) as u64
}

/// What is remembered, in nanoseconds: five frames.
const WINDOW: u64 = 100_000_000;
/// Percent of the time that a worker is busy when it begins to pause, and when it pauses the longest. Below, the delay is
/// worth more than the time; far above, packets gather by themselves.
const BEGINS: u64 = 50;
const FULL: u64 = 80;
/// A millisecond, in nanoseconds: nobody hears it, and a socket's buffer holds it many times over.
const LONGEST: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_little_to_do_never_pauses() {
        assert_eq!(after(40, 100), Duration::ZERO);
        assert_eq!(Pace::default().pause(), Duration::ZERO);
    }

    #[test]
    fn who_has_much_to_do_pauses_up_to_a_millisecond() {
        let (some, much) = (after(65, 100), after(90, 100));
        assert!(
            some > Duration::from_micros(300) && some < Duration::from_micros(700),
            "{some:?}"
        );
        assert_eq!(much, Duration::from_millis(1));
    }

    #[test]
    fn a_burst_alone_is_no_load() {
        let mut pace = Pace::default();
        pace.note(Duration::from_secs(1), Duration::from_millis(20));
        assert_eq!(pace.pause(), Duration::ZERO);
        pace.note(Duration::ZERO, Duration::from_secs(1));
        assert!(pace.pause() > Duration::ZERO);
        pace.note(Duration::from_secs(1), Duration::ZERO);
        assert_eq!(pace.pause(), Duration::ZERO, "and is forgotten");
    }

    /// After so many turns of a millisecond, of which that many percent are busy.
    fn after(percent: u32, turns: u32) -> Duration {
        let mut pace = Pace::default();
        let hundredth = Duration::from_micros(10);
        for _ in 0..5 * turns {
            pace.note(hundredth * (100 - percent), hundredth * percent);
        }
        pace.pause()
    }
}
