//! What the customer hears: the agent, a prompt, and never nothing.

use std::time::Duration;

use media::{Full, LegId, Repeat};

use super::acts::OVERLOADED;
use super::placed::{Age, Placed};
use super::task::Task;
use crate::agent::session::Session;
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
        if played.is_ok() {
            self.unreleased.handle_played(leg);
        }
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

    /// Customer and agent hear each other; whoever the agent talked to is put on hold.
    pub(super) fn bridge(&mut self, now: Moment, age: Age) {
        if let Some(agent) = self.calls.get(&age).map(|placed| placed.agent) {
            self.hold_talks(now, age, agent);
        }
        let Some(placed) = self.calls.get_mut(&age) else {
            return;
        };
        placed.bridged = Some(now.instant);
        placed.played_from = None;
        if placed.customer_is_up() {
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

    /// No packet of the agent's came for a while, or its socket is closed: a network's hiccup, or a
    /// browser that was killed, which ICE finds out after seconds only. The audio itself tells.
    pub(super) fn doubt(&mut self, now: Moment, agent: usize, silent: Duration) {
        let hears =
            |(_, placed): &(Age, &Placed)| placed.bridged.is_some() && !placed.call.misses_agent();
        let talk = self.live_calls(agent).find(hears).map(|(age, _)| age);
        if let Some(placed) = talk.and_then(|age| self.calls.get_mut(&age)) {
            if placed.customer_is_up() {
                let since = now.instant.checked_sub(silent).unwrap_or(now.instant);
                placed.silent_since.get_or_insert(since);
            }
            self.doubts.set(agent, Some(now.instant + PROOF_OF_LIFE));
            // Joined anew, the leg is reported with its next packet.
            self.join(agent);
        }
    }

    /// Nothing came: the customer has music. Whose browser is still there isn't lost for that.
    pub(super) fn believe(&mut self, now: Moment, agent: usize) {
        self.doubts.set(agent, None);
        let session = self.agents[agent].session.as_ref();
        if session.and_then(Session::connection).is_none() {
            return self.doom(now, agent);
        }
        let live = self.live_calls(agent);
        let talks: Vec<Age> = live
            .filter(|(_, placed)| placed.bridged.is_some())
            .map(|(age, _)| age)
            .collect();
        for age in talks {
            self.feed(now, age, Input::AgentAway);
        }
    }

    /// Audio came from the agent's leg, the first since it was joined.
    pub(super) fn agent_heard(&mut self, now: Moment, agent: usize, leg: LegId) {
        self.doubts.set(agent, None);
        let missed = |(_, placed): (Age, &Placed)| placed.call.misses_agent();
        let works = self.agents[agent].media.warm() == Some(leg);
        if works && self.live_calls(agent).any(missed) {
            self.reprieve(now, agent, "The agent is heard again.");
        }
    }

    /// No audio passes between the two any more.
    pub(super) fn part(&mut self, age: Age) {
        let Some(placed) = self.calls.get_mut(&age) else {
            return;
        };
        placed.bridged = None;
        placed.doctor.excuse();
        let (agent, leg) = (placed.agent, placed.leg);
        if let Some(leg) = leg
            && self.engine.unbridge(leg).is_err()
        {
            let lost = Input::MediaLost(format!("{OVERLOADED}."));
            self.pending.push_back((age, lost));
        }
        self.join(agent);
    }

    /// The customer is on hold: our music, under the platform's where it has the command, and no audio from or to the agent.
    pub(super) fn hold(&mut self, now: Moment, age: Age, on: bool) -> Option<Input> {
        let heard = match on {
            true => {
                self.part(age);
                self.play(now, age, Announcement::Hold)
            }
            false => {
                self.bridge(now, age);
                None
            }
        };
        heard.or_else(|| self.hold_at_platform(age, on))
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

/// How long an agent in doubt may be silent: packets come every 20 ms.
const PROOF_OF_LIFE: Duration = Duration::from_millis(150);

/// How much sooner than by its length a prompt may be told to be over: frames are 20 ms.
const PLAYED_EARLY: Duration = Duration::from_millis(200);
