//! Time as an argument: the one reading that a drive loop takes and hands down.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One instant on both clocks: the monotonic one for deadlines, the wall clock for people.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    pub instant: Instant,
    /// Epoch milliseconds.
    pub epoch_ms: u64,
}

impl Moment {
    /// Reads both clocks. Only the drive loop calls this.
    pub fn read() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Self {
            instant: Instant::now(),
            epoch_ms: u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl std::ops::Add<Duration> for Moment {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        Self {
            instant: self.instant + later,
            epoch_ms: self.epoch_ms + u64::try_from(later.as_millis()).unwrap_or(u64::MAX),
        }
    }
}
