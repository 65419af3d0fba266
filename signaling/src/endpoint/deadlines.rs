//! All deadlines of an endpoint in order, one an owner.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::time::Instant;

/// Who waits for when. Arming is assignment; the soonest is found without a search.
pub(crate) struct Deadlines<O, W> {
    order: BTreeSet<(Instant, O)>,
    armed: HashMap<O, (Instant, W)>,
}

impl<O: Copy + Ord + Hash, W: Copy> Deadlines<O, W> {
    pub fn new() -> Self {
        Deadlines {
            order: BTreeSet::new(),
            armed: HashMap::new(),
        }
    }

    /// Sets, moves or (with `None`) removes an owner's deadline.
    pub fn set(&mut self, owner: O, deadline: Option<(Instant, W)>) {
        let before = match deadline {
            Some(deadline) => self.armed.insert(owner, deadline),
            None => self.armed.remove(&owner),
        };
        if let Some((at, _)) = before {
            self.order.remove(&(at, owner));
        }
        if let Some((at, _)) = deadline {
            self.order.insert((at, owner));
        }
    }

    /// The soonest deadline and why.
    pub fn next(&self) -> Option<(Instant, W)> {
        self.order
            .first()
            .and_then(|(_, owner)| self.armed.get(owner))
            .copied()
    }

    /// Takes the soonest deadline out if it is due.
    pub fn pop_due(&mut self, now: Instant) -> Option<O> {
        let (_, owner) = *self.order.first().filter(|(at, _)| *at <= now)?;
        self.set(owner, None);
        Some(owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn moving_a_deadline_forgets_the_old_one() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut deadlines = Deadlines::new();
        deadlines.set(1, Some((at(5), "five")));
        deadlines.set(2, Some((at(3), "three")));
        deadlines.set(2, Some((at(9), "nine")));
        assert_eq!(deadlines.next(), Some((at(5), "five")));
        assert_eq!(deadlines.pop_due(at(4)), None);
        assert_eq!(deadlines.pop_due(at(10)), Some(1));
        deadlines.set(2, None);
        assert_eq!(deadlines.next(), None);
    }
}
