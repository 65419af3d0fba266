//! The timers of RFC 3261 §17 and table 4, and the durations they are made of.

use std::time::{Duration, Instant};

/// A transaction's deadline, by the RFC's letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Timer {
    /// When to resend an INVITE over UDP.
    A,
    /// When to give up on an INVITE that nobody answers.
    B,
    /// When rejections of our INVITE stop being re-acknowledged.
    D,
    /// When to resend another request over UDP.
    E,
    /// When to give up on another request.
    F,
    /// When to resend our rejection of an INVITE over UDP.
    G,
    /// When to give up waiting for the ACK of our rejection.
    H,
    /// When ACKs of our rejection stop being absorbed.
    I,
    /// When retransmissions of another request stop being answered.
    J,
    /// When responses to another request of ours stop being absorbed.
    K,
    /// When retransmissions of an accepted INVITE stop being absorbed (RFC 6026).
    L,
    /// When further 2xx to our INVITE stop being expected (RFC 6026).
    M,
}

/// Resend at `at`, then after ever longer intervals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backoff {
    pub at: Instant,
    interval: Duration,
    limit: Duration,
}

impl Backoff {
    /// First after T1, doubling up to `limit`.
    pub fn starting(now: Instant, limit: Duration) -> Backoff {
        Backoff {
            at: now + T1,
            interval: T1,
            limit,
        }
    }

    /// Doubles the interval, counted from `now`.
    pub fn next(&mut self, now: Instant) {
        self.interval = (self.interval * 2).min(self.limit);
        self.at = now + self.interval;
    }

    /// Goes on at the longest interval (RFC 3261 §17.1.2.2: a provisional response sets timer E to T2).
    pub fn slow_down(&mut self) {
        self.interval = self.limit;
    }
}

/// Round-trip estimate; the other timers are multiples of it (RFC 3261 §17.1.1.1).
pub(crate) const T1: Duration = Duration::from_millis(500);
/// The longest interval between two sends (RFC 3261 §17.1.2.1).
pub(crate) const T2: Duration = Duration::from_secs(4);
/// How long a message may stay in the network (RFC 3261 §17.1.2.2).
pub(crate) const T4: Duration = Duration::from_secs(5);
/// 64*T1, after which a peer counts as silent.
pub(crate) const PATIENCE: Duration = Duration::from_secs(32);
