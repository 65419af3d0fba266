//! How fast one caller may dial: the generic cell rate algorithm, one instant a caller.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::problem::Problem;

/// A second's worth may come at once; after that, evenly.
#[derive(Debug)]
pub(super) struct DialRate {
    /// Between two dials at the full rate.
    interval: Duration,
    /// When each caller's spent allowance is whole again.
    whole_at: HashMap<String, Instant>,
}

/// Too fast: when the next dial would be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooFast {
    pub retry_after: Duration,
}

impl From<TooFast> for Problem {
    fn from(_: TooFast) -> Self {
        Self::too_many("You dial faster than this gateway allows a caller.")
    }
}

impl DialRate {
    /// `per_second` 0 refuses every dial.
    pub(super) fn new(per_second: u32) -> Self {
        let interval = match per_second {
            0 => BURST + Duration::from_nanos(1),
            n => BURST / n,
        };
        Self {
            interval,
            whole_at: HashMap::new(),
        }
    }

    /// Takes one dial out of `caller`'s allowance.
    pub(super) fn admit(&mut self, caller: &str, now: Instant) -> Result<(), TooFast> {
        self.forget_the_whole(now);
        let whole_at = self.whole_at.get(caller).copied().unwrap_or(now).max(now);
        let spent = whole_at + self.interval;
        let over = spent.saturating_duration_since(now + BURST);
        if !over.is_zero() {
            return Err(TooFast { retry_after: over });
        }
        self.whole_at.insert(caller.to_owned(), spent);
        Ok(())
    }

    /// Keeps the table as small as the number of callers within a second.
    fn forget_the_whole(&mut self, now: Instant) {
        if self.whole_at.len() >= CALLERS_BEFORE_SWEEP {
            self.whole_at.retain(|_, whole_at| *whole_at > now);
        }
    }
}

const BURST: Duration = Duration::from_secs(1);

/// Below this many, sweeping costs more than it frees.
const CALLERS_BEFORE_SWEEP: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seconds_worth_at_once_then_evenly() {
        let mut rate = DialRate::new(4);
        let start = Instant::now();
        for _ in 0..4 {
            assert_eq!(rate.admit("crm", start), Ok(()));
        }
        let retry_after = Duration::from_millis(250);
        assert_eq!(rate.admit("crm", start), Err(TooFast { retry_after }));
        assert_eq!(rate.admit("crm", start + retry_after), Ok(()));
        assert!(rate.admit("crm", start + retry_after).is_err());
    }

    #[test]
    fn callers_do_not_spend_each_others_allowance() {
        let mut rate = DialRate::new(1);
        let start = Instant::now();
        assert_eq!(rate.admit("crm", start), Ok(()));
        assert_eq!(rate.admit("agent7", start), Ok(()));
        assert!(rate.admit("crm", start).is_err());
    }

    #[test]
    fn a_rate_of_nothing_takes_nothing() {
        let mut rate = DialRate::new(0);
        assert!(rate.admit("crm", Instant::now()).is_err());
    }

    #[test]
    fn callers_of_long_ago_are_forgotten() {
        let mut rate = DialRate::new(1);
        let start = Instant::now();
        for n in 0..CALLERS_BEFORE_SWEEP {
            assert_eq!(rate.admit(&n.to_string(), start), Ok(()));
        }
        assert_eq!(rate.admit("crm", start + 2 * BURST), Ok(()));
        assert_eq!(rate.whole_at.len(), 1);
    }
}
