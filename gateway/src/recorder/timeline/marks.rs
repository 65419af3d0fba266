//! What was told of a channel, by time: which stretches hold nothing on purpose.

use std::collections::VecDeque;

use super::Mark;
use crate::recorder::manifest::Reason;

/// The marks of one channel, with what held of them from when on.
#[derive(Debug, Default)]
pub struct Marks {
    holding: [bool; Mark::ALL.len()],
    /// In the order of time; what holds from each place on.
    changes: VecDeque<(u64, Option<Mark>)>,
}

impl Marks {
    pub fn set(&mut self, at: u64, mark: Mark, holds: bool) {
        self.holding[mark as usize] = holds;
        let now = Mark::ALL
            .into_iter()
            .find(|mark| self.holding[*mark as usize]);
        // Two changes at one time are one.
        let at = self.changes.back().map_or(at, |(last, _)| at.max(*last));
        if self.changes.back().is_some_and(|(last, _)| *last == at) {
            self.changes.pop_back();
        }
        if self.last() != now {
            self.changes.push_back((at, now));
        }
    }

    fn last(&self) -> Option<Mark> {
        self.changes.back().and_then(|(_, mark)| *mark)
    }

    /// The stretches of `from..to`, each with what holds in it; together they are the whole.
    pub fn within(&self, from: u64, to: u64) -> impl Iterator<Item = (u64, u64, Option<Reason>)> {
        let before = self.changes.iter().rev().find(|(at, _)| *at <= from);
        let first = before.and_then(|(_, mark)| *mark);
        let inside = self
            .changes
            .iter()
            .filter(move |(at, _)| *at > from && *at < to);
        let begins = std::iter::once((from, first)).chain(inside.copied());
        let ends: Vec<u64> = inside_ends(&self.changes, from, to);
        begins
            .zip(ends)
            .map(|((from, mark), to)| (from, to, mark.map(Mark::reason)))
    }

    /// Forgets what was before `place`, but for what still holds there.
    pub fn forget(&mut self, place: u64) {
        while self.changes.get(1).is_some_and(|(at, _)| *at <= place) {
            self.changes.pop_front();
        }
    }
}

fn inside_ends(changes: &VecDeque<(u64, Option<Mark>)>, from: u64, to: u64) -> Vec<u64> {
    let inside = changes.iter().map(|(at, _)| *at);
    inside
        .filter(|at| *at > from && *at < to)
        .chain([to])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_mark_counts_and_the_weaker_one_comes_back() {
        let mut marks = Marks::default();
        marks.set(10, Mark::Mute, true);
        marks.set(20, Mark::Hold, true);
        marks.set(30, Mark::Hold, false);
        marks.set(40, Mark::Mute, false);
        let within: Vec<_> = marks.within(0, 50).collect();
        let expected = [
            (0, 10, None),
            (10, 20, Some(Reason::Mute)),
            (20, 30, Some(Reason::Hold)),
            (30, 40, Some(Reason::Mute)),
            (40, 50, None),
        ];
        assert_eq!(within, expected);
        marks.forget(25);
        assert_eq!(
            marks.within(25, 28).collect::<Vec<_>>(),
            [(25, 28, Some(Reason::Hold))]
        );
    }

    #[test]
    fn what_is_told_out_of_order_counts_from_the_last_told_time() {
        let mut marks = Marks::default();
        marks.set(20, Mark::Hold, true);
        marks.set(15, Mark::Hold, false);
        assert_eq!(marks.within(0, 30).collect::<Vec<_>>(), [(0, 30, None)]);
    }
}
