//! The way to an end without harm: no new calls, and the present ones to their own end.

use super::task::Task;
use crate::agent::wire::{Event, NoticeKind};
use crate::clock::Moment;
use crate::http::problem::Problem;

/// Whether new calls are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    Open,
    /// Calls that are there go on.
    Draining,
    /// What is up is ended.
    Stopping,
}

impl Admission {
    /// # Errors
    ///
    /// Why a dial isn't taken.
    pub fn check(self) -> Result<(), Problem> {
        match self {
            Self::Open => Ok(()),
            Self::Draining | Self::Stopping => Err(Problem::new(
                "draining",
                "The gateway takes no new calls",
                503,
                "The gateway is about to be restarted and takes no new calls; calls that are up go on.",
            )),
        }
    }
}

impl Task {
    /// Takes no new calls from now on; tells how many are still open.
    pub(super) fn drain(&mut self, now: Moment) -> usize {
        if self.admission == Admission::Open {
            self.admission = Admission::Draining;
            self.tell_of_draining(now);
            tracing::info!(calls = self.open.len(), "no new calls are taken");
            for agent in 0..self.agents.len() {
                // The platform mustn't send any, either.
                self.mirror(agent);
                self.tell_agent(now, agent, draining_notice());
            }
        }
        self.still_up()
    }

    /// Calls that aren't closed, and talks that go on without an agent.
    fn still_up(&self) -> usize {
        self.open.len() + self.talks_through().len()
    }

    /// Tells those who wait for it that the last call is over.
    pub(super) fn tell_drained(&mut self) {
        if self.admission != Admission::Open && self.still_up() == 0 {
            for waiting in self.drained.drain(..) {
                // Who doesn't wait any more needs no telling.
                let _ = waiting.send(());
            }
        }
    }
}

pub(super) fn draining_notice() -> Event {
    Event::Notice {
        kind: NoticeKind::Draining,
        in_ms: None,
        detail: Some(
            "The gateway is about to be restarted: your call goes on, new ones are not taken."
                .to_owned(),
        ),
    }
}

/// Why agents are paused at the platform meanwhile.
pub(super) const DRAINING: &str = "The gateway restarts";
