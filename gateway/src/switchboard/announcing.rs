//! What the customer hears: the agent, a prompt, and never nothing.

use std::time::Duration;

use media::{Full, Repeat};

use super::acts::OVERLOADED;
use super::task::{Age, Task};
use crate::call::state::{Announcement, Input};
use crate::clock::Moment;
use crate::metrics::Side;

impl Task {
    pub(super) fn play(
        &mut self,
        now: Moment,
        age: Age,
        announcement: Announcement,
    ) -> Option<Input> {
        let placed = self.calls.get_mut(&age)?;
        let leg = placed.leg?;
        let prompt = placed.prompts.of(announcement).clone();
        let repeat = match announcement {
            Announcement::Hold => Repeat::Forever,
            Announcement::Greeting | Announcement::Fallback | Announcement::AgentLost => {
                Repeat::Once
            }
        };
        placed.played_from = (repeat == Repeat::Once).then(|| now.instant + prompt.duration());
        let played = self.engine.play(leg, prompt, repeat);
        self.audible(now, age);
        played
            .err()
            .map(|Full| Input::MediaLost(format!("{OVERLOADED}.")))
    }

    /// A prompt came to its end; one that was replaced in the same moment is none of the present's.
    pub(super) fn handle_played(&mut self, now: Moment, age: Age) {
        let Some(placed) = self.calls.get_mut(&age) else {
            return;
        };
        let present = |from| now.instant + PLAYED_EARLY >= from;
        if placed.played_from.take_if(|from| present(*from)).is_some() {
            self.feed(now, age, Input::Played);
        }
    }

    /// Customer and agent hear each other.
    pub(super) fn bridge(&mut self, now: Moment, age: Age) {
        let Some(placed) = self.calls.get_mut(&age) else {
            return;
        };
        placed.bridged = Some(now.instant);
        placed.played_from = None;
        if placed.call.customer_is_up() {
            placed.silent_since.get_or_insert(now.instant);
        }
        let (agent, leg) = (placed.agent, placed.leg);
        self.join(agent);
        if let Some(leg) = leg
            && self.engine.stop_playing(leg).is_err()
        {
            let lost = Input::MediaLost(format!("{OVERLOADED}."));
            self.pending.push_back((age, lost));
        }
        // The leg may have been lost meanwhile.
        if self.agents[agent].media.warm().is_none() {
            self.doom(now, agent);
        }
    }

    /// No audio passes between the two any more.
    pub(super) fn part(&mut self, age: Age) {
        let Some(placed) = self.calls.get_mut(&age) else {
            return;
        };
        placed.bridged = None;
        let (agent, leg) = (placed.agent, placed.leg);
        if let Some(leg) = leg
            && self.engine.unbridge(leg).is_err()
        {
            let lost = Input::MediaLost(format!("{OVERLOADED}."));
            self.pending.push_back((age, lost));
        }
        self.join(agent);
    }

    /// The customer is on hold with us: music, and no audio from or to the agent.
    pub(super) fn hold(&mut self, now: Moment, age: Age, on: bool) -> Option<Input> {
        match on {
            true => {
                self.part(age);
                self.play(now, age, Announcement::Hold)
            }
            false => {
                self.bridge(now, age);
                None
            }
        }
    }

    /// The customer hears something again: what was silent until now is dead air.
    pub(super) fn audible(&mut self, now: Moment, age: Age) {
        let Some(placed) = self.calls.get_mut(&age) else {
            return;
        };
        if let Some(since) = placed.silent_since.take() {
            let silent = now.instant.saturating_duration_since(since);
            self.metrics.dead_air(Side::Customer, silent);
        }
    }
}

/// How much sooner than by its length a prompt may be told to be over: frames are 20 ms.
const PLAYED_EARLY: Duration = Duration::from_millis(200);
