//! Whether the browser is still there: a WebSocket ping at intervals, and its pong in time.

use std::time::Duration;

use tokio::time::Instant;

/// Told of everything heard and of each deadline passed.
#[derive(Debug)]
pub(super) enum Heartbeat {
    /// Until the next ping.
    Resting { until: Instant },
    /// A ping is out.
    Asked { until: Instant, next: Instant },
}

/// What to do at a deadline.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beat {
    Ping,
    Lost,
    /// The deadline moved on meanwhile.
    Early,
}

impl Heartbeat {
    pub(super) fn new(now: Instant) -> Self {
        Self::Resting {
            until: now + INTERVAL,
        }
    }

    /// Anything counts as a sign of life, not the pong alone.
    pub(super) fn heard(&mut self) {
        if let Self::Asked { next, .. } = *self {
            *self = Self::Resting { until: next };
        }
    }

    pub(super) fn deadline(&self) -> Instant {
        match *self {
            Self::Resting { until } | Self::Asked { until, .. } => until,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Beat {
        if now < self.deadline() {
            return Beat::Early;
        }
        match self {
            Self::Resting { .. } => {
                *self = Self::Asked {
                    until: now + PATIENCE,
                    next: now + INTERVAL,
                };
                Beat::Ping
            }
            Self::Asked { .. } => Beat::Lost,
        }
    }
}

const INTERVAL: Duration = Duration::from_secs(15);

/// A phone that changes from Wi-Fi to its network needs some seconds.
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pong_in_time_keeps_the_rhythm() {
        let start = Instant::now();
        let mut heartbeat = Heartbeat::new(start);
        for beat in 1..=3 {
            let due = start + beat * INTERVAL;
            assert_eq!(heartbeat.deadline(), due);
            assert_eq!(heartbeat.handle_timeout(due), Beat::Ping);
            heartbeat.heard();
        }
    }

    #[test]
    fn silence_after_a_ping_is_a_loss() {
        let start = Instant::now();
        let mut heartbeat = Heartbeat::new(start);
        let asked = start + INTERVAL;
        assert_eq!(heartbeat.handle_timeout(asked), Beat::Ping);
        assert_eq!(heartbeat.handle_timeout(asked), Beat::Early);
        assert_eq!(heartbeat.handle_timeout(asked + PATIENCE), Beat::Lost);
    }

    #[test]
    fn hearing_something_moves_nothing_before_a_ping() {
        let start = Instant::now();
        let mut heartbeat = Heartbeat::new(start);
        heartbeat.heard();
        assert_eq!(heartbeat.deadline(), start + INTERVAL);
    }
}
