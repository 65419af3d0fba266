//! The worker's deadlines: one heap, at most one live entry a leg, re-armed lazily.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use super::LegId;

/// When to look at which leg again.
///
/// A leg's entry may lie earlier than its true deadline, never later: firing early only makes
/// the leg arm itself again, so nothing on the packet path has to touch the heap.
#[derive(Debug, Default)]
pub struct Deadlines {
    heap: BinaryHeap<Reverse<(Instant, LegId)>>,
    /// No entry is armed for before this: a leg whose deadline stays in the past costs a
    /// thousand looks a second, not the thread.
    earliest: Option<Instant>,
}

/// A leg's place in the heap, kept with the leg.
#[derive(Debug, Default, Clone, Copy)]
pub struct Armed(Option<Instant>);

impl Deadlines {
    /// Sees to it that `leg` is looked at no later than `at`.
    pub fn arm(&mut self, leg: LegId, armed: &mut Armed, at: Instant) {
        let at = self.earliest.map_or(at, |earliest| at.max(earliest));
        if armed.0.is_none_or(|earlier| at < earlier) {
            armed.0 = Some(at);
            self.heap.push(Reverse((at, leg)));
        }
    }

    /// The earliest entry.
    pub fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes an entry that is due at `now`. It counts only if [`Armed::fire`] agrees.
    pub fn pop(&mut self, now: Instant) -> Option<(Instant, LegId)> {
        self.earliest = Some(now + GRAIN);
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }
}

impl Armed {
    /// Whether the entry of `at` is the leg's live one; the leg is then unarmed.
    pub fn fire(&mut self, at: Instant) -> bool {
        let live = self.0 == Some(at);
        if live {
            self.0 = None;
        }
        live
    }
}

/// What epoll counts in.
const GRAIN: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::WorkerId;

    #[test]
    fn an_earlier_deadline_replaces_a_later_one() {
        let (now, leg) = (Instant::now(), leg(1));
        let (mut deadlines, mut armed) = (Deadlines::default(), Armed::default());
        deadlines.arm(leg, &mut armed, now + Duration::from_secs(2));
        deadlines.arm(leg, &mut armed, now + Duration::from_secs(1));
        deadlines.arm(leg, &mut armed, now + Duration::from_secs(3));
        let later = now + Duration::from_secs(9);
        let fired: Vec<bool> = std::iter::from_fn(|| deadlines.pop(later))
            .map(|(at, _)| armed.fire(at))
            .collect();
        assert_eq!(fired, [true, false]);
    }

    #[test]
    fn nothing_is_due_before_its_time() {
        let now = Instant::now();
        let (mut deadlines, mut armed) = (Deadlines::default(), Armed::default());
        deadlines.arm(leg(1), &mut armed, now + Duration::from_secs(1));
        assert_eq!(deadlines.pop(now), None);
        assert_eq!(deadlines.next(), Some(now + Duration::from_secs(1)));
    }

    #[test]
    fn a_deadline_that_stays_in_the_past_is_not_due_again_at_once() {
        let (now, leg) = (Instant::now(), leg(1));
        let (mut deadlines, mut armed) = (Deadlines::default(), Armed::default());
        deadlines.arm(leg, &mut armed, now);
        let (at, _) = deadlines.pop(now).expect("due");
        assert!(armed.fire(at));
        deadlines.arm(leg, &mut armed, now);
        assert_eq!(deadlines.pop(now), None);
        assert!(deadlines.pop(now + GRAIN).is_some());
    }

    fn leg(number: u64) -> LegId {
        LegId {
            worker: WorkerId(0),
            number,
        }
    }
}
