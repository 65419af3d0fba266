//! One token bucket for all lines' attempts, so that a registrar that comes back isn't trampled.

use std::time::{Duration, Instant};

/// When the next attempt may start.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The instant at which the bucket is full again; in the past: it is full.
    full_at: Option<Instant>,
}

impl Pace {
    /// Takes a token and tells when it may be spent, `now` at the soonest.
    pub(super) fn reserve(&mut self, now: Instant) -> Instant {
        let full_at = self.full_at.unwrap_or(now).max(now) + INTERVAL;
        self.full_at = Some(full_at);
        full_at
            .checked_sub(INTERVAL * BURST)
            .unwrap_or(now)
            .max(now)
    }
}

/// A TLS handshake costs the other end about a millisecond of a core.
const INTERVAL: Duration = Duration::from_millis(20);

/// A small office's lines start at once.
const BURST: u32 = 25;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_at_once_and_the_rest_in_step() {
        let now = Instant::now();
        let mut pace = Pace::default();
        let starts: Vec<Duration> = (0..30).map(|_| pace.reserve(now) - now).collect();
        assert!(starts[..25].iter().all(Duration::is_zero));
        let late: Vec<u128> = starts[25..].iter().map(Duration::as_millis).collect();
        assert_eq!(late, [20, 40, 60, 80, 100]);

        let later = now + Duration::from_secs(10);
        assert_eq!(pace.reserve(later), later, "the bucket fills again");
    }
}
