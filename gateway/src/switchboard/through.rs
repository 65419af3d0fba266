//! Talks that go on without an agent, after a transfer by ourselves: two dialogs and two legs, until one side is gone.

use std::time::Duration;

use super::placed::{Age, Placed};
use super::task::Task;
use super::transfer::Link;
use crate::clock::Moment;

impl Task {
    /// The sides of talks that go on without an agent.
    pub(super) fn through(&self) -> impl Iterator<Item = &Placed> {
        let joined = |placed: &&Placed| matches!(placed.link, Link::Through { .. });
        self.calls.values().filter(joined)
    }

    /// One side of a talk without an agent is gone, and so is the other.
    pub(super) fn end_through(&mut self, now: Moment, age: Age, why: &str) {
        let Some(Link::Through { other, .. }) = self.calls.get(&age).map(|placed| placed.link)
        else {
            return;
        };
        for side in [age, other] {
            let Some(placed) = self.calls.get_mut(&side) else {
                continue;
            };
            placed.link = Link::None;
            placed.without_customer = None;
            placed.call.tell(now, why);
            self.touched.insert(side);
            let (dialog, leg) = (placed.dialog, placed.leg.take());
            if let Some(dialog) = dialog {
                self.endpoint.hang_up(now.instant, dialog, None);
            }
            if let Some(leg) = leg {
                self.close_leg(leg);
            }
        }
    }

    /// What is up without an agent, each talk by one of its sides.
    pub(super) fn talks_through(&self) -> Vec<Age> {
        let first = |(age, placed): (&Age, &Placed)| match placed.link {
            Link::Through { other, .. } if *age < other => Some(*age),
            Link::Through { .. } | Link::None | Link::Customer { .. } | Link::Target { .. } => None,
        };
        self.calls.iter().filter_map(first).collect()
    }

    /// What the media engine reports of one side, every few seconds: how long ago anything of it came, were it comfort noise. Over plain RTP nothing else tells of a phone that is
    /// gone, and no agent is there to hang up.
    pub(super) fn listen_through(&mut self, now: Moment, age: Age, alive: Duration) {
        let Some(placed) = self.calls.get_mut(&age) else {
            return;
        };
        let Link::Through { other, since } = placed.link else {
            return;
        };
        let joined = now.instant.saturating_duration_since(since);
        placed.quiet = alive.min(joined);
        let here = placed.quiet;
        let there = self.calls.get(&other).map_or(here, |other| other.quiet);
        if let Some(why) = deserted(here, there) {
            self.end_through(now, age, &why);
        }
    }
}

/// Why a talk counts as over though nobody hung up: how long each side has sent nothing.
fn deserted(here: Duration, there: Duration) -> Option<String> {
    let (longer, shorter) = (here.max(there), here.min(there));
    if shorter >= BOTH_QUIET {
        let seconds = shorter.as_secs();
        return Some(format!(
            "Nothing has come from either side for {seconds} s; the talk without an agent was ended."
        ));
    }
    (longer >= ONE_QUIET).then(|| {
        let minutes = longer.as_secs() / 60;
        format!(
            "Nothing has come from one side for {minutes} minutes; the talk without an agent was ended."
        )
    })
}

/// Nobody holds a talk for so long from both ends.
const BOTH_QUIET: Duration = Duration::from_secs(60);

/// Of one side: longer than most holds, and than anybody listens muted; else a machine would talk to a dead phone for ever.
const ONE_QUIET: Duration = Duration::from_secs(30 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_talk_is_deserted_when_both_sides_are_quiet_or_one_is_for_very_long() {
        let s = Duration::from_secs;
        for (here, there, over) in [
            (0, 0, false),
            (59, 3_000, true),
            (59, 1_700, false),
            (60, 59, false),
            (60, 60, true),
            (1_800, 0, true),
            (0, 1_799, false),
        ] {
            assert_eq!(
                deserted(s(here), s(there)).is_some(),
                over,
                "{here} {there}"
            );
            assert_eq!(
                deserted(s(there), s(here)).is_some(),
                over,
                "{there} {here}"
            );
        }
        let told = deserted(s(61), s(75)).expect("deserted");
        assert!(told.contains("for 61 s"), "{told}");
    }
}
