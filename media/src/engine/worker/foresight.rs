//! Looking ahead: what the packets need that wait for their turn is asked for while others have theirs.

use super::Worker;
use crate::engine::LegId;
use crate::engine::socket::{SocketKey, prefetch};

impl Worker {
    /// Before the `n`th of the ready sockets is read.
    pub(super) fn foresee_ready(&self, ready: &[SocketKey], n: usize) {
        let leg_of = |n: usize| self.plain.get(ready.get(n)?).map(|(leg, _)| *leg);
        self.foresee(n, leg_of);
    }

    /// Before the `n`th of a batch is relayed.
    pub(super) fn foresee_peer(&self, n: usize) {
        self.foresee(n, |n| *self.peers.get(n)?);
    }

    fn foresee(&self, n: usize, leg_of: impl Fn(usize) -> Option<LegId>) {
        // Nobody looked for the first ones.
        let (far, near) = match n {
            0 => (0..FAR + 1, 0..NEAR + 1),
            n => (n + FAR..n + FAR + 1, n + NEAR..n + NEAR + 1),
        };
        for leg in far.filter_map(&leg_of) {
            if let Some(entry) = self.legs.get(&leg) {
                entry.leg.foresee(prefetch);
            }
        }
        for leg in near.filter_map(&leg_of) {
            let Some(entry) = self.legs.get(&leg) else {
                continue;
            };
            entry.leg.foresee_open(prefetch);
            let other = entry.leg.bridged.and_then(|other| self.legs.get(&other));
            if let Some(other) = other {
                other.leg.foresee_seal(prefetch);
            }
        }
    }
}

/// How many places ahead: first the leg, and once that has come, its keys and the other leg.
const FAR: usize = 6;
const NEAR: usize = 3;
