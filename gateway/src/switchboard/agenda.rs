//! What is due when, in order: the next deadline of a thousand is the first of a sorted set.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::time::Instant;

/// One deadline, or none, for each of many.
#[derive(Debug)]
pub(super) struct Agenda<K> {
    sorted: BTreeSet<(Instant, K)>,
    entries: HashMap<K, Instant>,
}

impl<K: Copy + Ord + Hash> Agenda<K> {
    pub fn new() -> Self {
        Self {
            sorted: BTreeSet::new(),
            entries: HashMap::new(),
        }
    }

    /// Replaces the deadline of one.
    pub fn set(&mut self, key: K, at: Option<Instant>) {
        let before = match at {
            Some(at) => self.entries.insert(key, at),
            None => self.entries.remove(&key),
        };
        if before == at {
            return;
        }
        if let Some(before) = before {
            self.sorted.remove(&(before, key));
        }
        if let Some(at) = at {
            self.sorted.insert((at, key));
        }
    }

    /// The soonest.
    pub fn next(&self) -> Option<Instant> {
        self.sorted.first().map(|(at, _)| *at)
    }

    /// All that are due, soonest first. They stay until they are set anew.
    pub fn due(&self, now: Instant) -> Vec<K> {
        let due = self.sorted.iter().take_while(|(at, _)| *at <= now);
        due.map(|(_, key)| *key).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_soonest_is_next_and_a_new_deadline_takes_the_place_of_the_old_one() {
        let now = Instant::now();
        let at = |seconds| Some(now + Duration::from_secs(seconds));
        let mut agenda = Agenda::new();
        assert_eq!(agenda.next(), None);
        agenda.set("late", at(9));
        agenda.set("soon", at(3));
        assert_eq!(agenda.next(), at(3));
        agenda.set("soon", at(12));
        assert_eq!(agenda.next(), at(9));
        assert_eq!(agenda.due(now + Duration::from_secs(9)), ["late"]);
        assert_eq!(
            agenda.due(now + Duration::from_secs(12)),
            ["late", "soon"],
            "what is due stays until it is set anew"
        );
        agenda.set("late", None);
        agenda.set("soon", None);
        assert_eq!((agenda.next(), agenda.sorted.len()), (None, 0));
    }
}
