//! The deadlines of many legs without the legs, for the bench.

use std::time::{Duration, Instant};

use super::deadlines::{Armed, Deadlines};
use super::{LegId, WorkerId};

/// Legs that each have something due every 20 ms, as if a prompt played to all of them.
#[derive(Debug)]
pub struct Timers {
    deadlines: Deadlines,
    armed: Vec<Armed>,
    now: Instant,
}

impl Timers {
    /// Their deadlines are spread over a frame.
    pub fn new(legs: usize, now: Instant) -> Self {
        let mut timers = Self {
            deadlines: Deadlines::default(),
            armed: vec![Armed::default(); legs],
            now,
        };
        for n in 0..legs {
            timers.arm(n, now + FRAME * n as u32 / legs as u32);
        }
        timers
    }

    /// A millisecond passes; how many were due, each of which is due again a frame later.
    pub fn turn(&mut self) -> usize {
        self.now += FRAME / 20;
        let mut due = 0;
        while let Some((at, leg)) = self.deadlines.pop(self.now) {
            let n = leg.number as usize;
            if self.armed[n].fire(at) {
                self.arm(n, at + FRAME);
                due += 1;
            }
        }
        due
    }

    fn arm(&mut self, n: usize, at: Instant) {
        let leg = LegId {
            worker: WorkerId(0),
            number: n as u64,
        };
        self.deadlines.arm(leg, &mut self.armed[n], at);
    }
}

const FRAME: Duration = Duration::from_millis(20);
