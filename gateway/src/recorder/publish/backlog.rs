//! Which recordings are to be published, and when: pure.

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

/// Directories that wait, and those that are being published.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    waiting: VecDeque<PathBuf>,
    running: HashSet<PathBuf>,
    way: Way,
}

/// Whether the object store takes what it is given.
#[derive(Debug, Default)]
enum Way {
    #[default]
    Open,
    /// The last attempt failed: one at a time, and not before `until`.
    Closed { failures: u32, until: Instant },
}

impl Backlog {
    /// One that is known already stays where it is.
    pub(super) fn add(&mut self, directory: PathBuf) {
        if !self.running.contains(&directory) && !self.waiting.contains(&directory) {
            self.waiting.push_back(directory);
        }
    }

    /// The next that is to be published now.
    pub(super) fn take(&mut self, now: Instant) -> Option<PathBuf> {
        let may = match self.way {
            Way::Open => self.running.len() < AT_A_TIME,
            Way::Closed { until, .. } => self.running.is_empty() && now >= until,
        };
        let next = may.then(|| self.waiting.pop_front())??;
        self.running.insert(next.clone());
        Some(next)
    }

    /// It is done with, and the way is open.
    pub(super) fn published(&mut self, directory: &Path) {
        self.running.remove(directory);
        self.way = Way::Open;
    }

    /// It waits again, behind the others. How long nothing is tried.
    pub(super) fn failed(&mut self, directory: &Path, now: Instant) -> Duration {
        self.running.remove(directory);
        self.waiting.push_back(directory.to_owned());
        let failures = match self.way {
            Way::Open => 0,
            Way::Closed { failures, .. } => failures,
        };
        let pause = (FIRST_PAUSE * 2_u32.pow(failures.min(10))).min(LONGEST_PAUSE);
        self.way = Way::Closed {
            failures: failures + 1,
            until: now + pause,
        };
        pause
    }

    /// Nobody knows which one it was.
    pub(super) fn lost(&mut self) {
        self.running.clear();
    }

    /// Whether something waits that could be tried at once.
    pub(super) fn is_ready(&self) -> bool {
        matches!(self.way, Way::Open) && !self.waiting.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.running.len()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self.way {
            Way::Closed { until, .. } if self.running.is_empty() && !self.waiting.is_empty() => {
                Some(until)
            }
            Way::Closed { .. } | Way::Open => None,
        }
    }
}

/// A bucket's round trips overlap; its bandwidth is shared by few.
const AT_A_TIME: usize = 4;

const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// An outage that is over is found out within a minute.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(n: usize) -> PathBuf {
        PathBuf::from(format!("r_{n}"))
    }

    fn after(now: Instant, seconds: u64) -> Instant {
        now + Duration::from_secs(seconds)
    }

    #[test]
    fn a_few_are_published_at_a_time_and_none_twice() {
        let now = Instant::now();
        let mut backlog = Backlog::default();
        for n in 0..6 {
            backlog.add(directory(n));
            backlog.add(directory(n));
        }
        let taken: Vec<_> = std::iter::from_fn(|| backlog.take(now)).collect();
        assert_eq!(taken, (0..4).map(directory).collect::<Vec<_>>());
        backlog.add(directory(0));
        assert_eq!(backlog.len(), 6);
        backlog.published(&directory(1));
        assert_eq!(backlog.take(now), Some(directory(4)));
        assert_eq!(backlog.take(now), None);
        assert_eq!(backlog.poll_timeout(), None);
    }

    #[test]
    fn in_an_outage_one_is_tried_at_a_time_with_growing_pauses() {
        let mut now = Instant::now();
        let mut backlog = Backlog::default();
        for n in 0..3 {
            backlog.add(directory(n));
        }
        let mut pauses = Vec::new();
        let mut tried = Vec::new();
        for _ in 0..8 {
            let next = backlog.take(now).expect("one");
            if pauses.is_empty() {
                // The others were under way as the outage began.
                let others: Vec<_> = std::iter::from_fn(|| backlog.take(now)).collect();
                assert_eq!(others.len(), 2);
                for other in others {
                    backlog.published(&other);
                    backlog.add(other);
                }
            } else {
                assert_eq!(backlog.take(now), None);
            }
            let pause = backlog.failed(&next, now);
            assert_eq!(backlog.take(now), None);
            assert_eq!(backlog.poll_timeout(), Some(now + pause));
            pauses.push(pause.as_secs());
            tried.push(next);
            now += pause;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert!(tried.contains(&directory(1)) && tried.contains(&directory(2)));
        assert!(!backlog.is_ready());
    }

    #[test]
    fn after_an_outage_everything_follows() {
        let now = Instant::now();
        let mut backlog = Backlog::default();
        for n in 0..3 {
            backlog.add(directory(n));
        }
        let first = backlog.take(now).expect("one");
        backlog.failed(&first, now);
        let probe = backlog.take(after(now, 1)).expect("one");
        backlog.published(&probe);
        let rest: Vec<_> = std::iter::from_fn(|| backlog.take(after(now, 1))).collect();
        assert_eq!(rest, [directory(2), directory(0)]);
    }
}
