//! Which processor a worker runs on.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Whether workers stay where they are put: a leg's state is then in one processor's cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pinning {
    /// Each worker on a processor of its own, where there are enough; else as [`Pinning::Off`].
    Cores,
    /// Where the system likes: for several engines on one machine, which would all take the first processors.
    Off,
}

impl Pinning {
    /// The processors of `workers` workers, of those that the process may use; none when each worker is to run anywhere.
    pub(super) fn processors(self, workers: usize) -> Vec<usize> {
        match self {
            Self::Off => Vec::new(),
            Self::Cores => {
                let mut usable = usable();
                if usable.len() < workers {
                    usable.clear();
                }
                usable.truncate(workers);
                usable
            }
        }
    }
}

/// Keeps this thread on that processor. Where the system refuses, it runs anywhere: slower, and no less right.
pub fn pin(processor: usize) {
    let mut set = CpuSet::new();
    set.set(processor);
    let _ = sched_setaffinity(None, &set);
}

/// As the container or the service's unit allows.
fn usable() -> Vec<usize> {
    match sched_getaffinity(None) {
        Ok(set) => (0..CpuSet::MAX_CPU).filter(|&n| set.is_set(n)).collect(),
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_have_different_processors_or_none() {
        let all = usable();
        assert_eq!(Pinning::Cores.processors(all.len()), all);
        assert_eq!(Pinning::Cores.processors(1), all[..1]);
        assert!(Pinning::Cores.processors(all.len() + 1).is_empty());
        assert!(Pinning::Off.processors(1).is_empty());
    }

    #[test]
    fn a_pinned_thread_stays_on_its_processor() {
        let last = *usable().last().expect("one at least");
        let pinned = std::thread::spawn(move || {
            pin(last);
            usable()
        });
        assert_eq!(pinned.join().expect("no panic"), [last]);
    }
}
