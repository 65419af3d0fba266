//! An agent asks another one before giving a call on: a talk between two desks, whose far end is the other agent's own leg.
//!
//! The talk is the asking agent's call, like one with a colleague over a trunk; the other agent is its *guest*, who may
//! answer, decline, mute and leave it. Completed, the customer's call moves to the guest's desk.

use std::time::Instant;

use media::LegId;

use super::Action;
use super::acts::OVERLOADED;
use super::invites::RING;
use super::offering::RING_AT_ANOTHER;
use super::placed::{Age, Desks, Entry, Route, WhenAsked};
use super::reason::with_words;
use super::task::Task;
use super::unreleased::Left;
use crate::agent::microphone::Microphone;
use crate::agent::readiness;
use crate::agent::wire::{CallState, CallView, Direction, EndedBy, Event, Peer, TransferMode};
use crate::call::CallId;
use crate::call::state::{Announcement, Call, DESK, Input, Made, WrapUp};
use crate::call::termination::{Reason, Termination};
use crate::call::view::over_for;
use crate::clock::Moment;
use crate::http::problem::Problem;

/// The other agent of a talk between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Guest {
    pub agent: usize,
    stage: Stage,
    voice: Voice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Ringing {
        until: Instant,
    },
    Talking {
        /// Epoch milliseconds.
        since: u64,
        hearing: Hearing,
    },
}

/// What is heard of a guest who talks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hearing {
    Audible,
    /// The talk ends then, unless the guest is heard before.
    Gone {
        until: Instant,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Voice {
    Open,
    Muted,
}

impl Guest {
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.stage {
            Stage::Ringing { until }
            | Stage::Talking {
                hearing: Hearing::Gone { until },
                ..
            } => Some(until),
            Stage::Talking {
                hearing: Hearing::Audible,
                ..
            } => None,
        }
    }

    fn talks(&self) -> bool {
        matches!(self.stage, Stage::Talking { .. })
    }

    /// Takes how the guest is heard now; whether that is news. The time that a silent one has runs from the first of it.
    fn hear(&mut self, now: Hearing) -> bool {
        let Stage::Talking { hearing, .. } = &mut self.stage else {
            // One who rings is not owed to anybody yet.
            return false;
        };
        let news = std::mem::discriminant(hearing) != std::mem::discriminant(&now);
        if news {
            *hearing = now;
        }
        news
    }
}

impl Task {
    /// Rings at the other agent's desk, with what is known of the customer, who hears music meanwhile.
    pub(super) fn consult(
        &mut self,
        now: Moment,
        age: Age,
        guest: usize,
    ) -> Result<CallView, Problem> {
        let Some(placed) = self.calls.get(&age) else {
            return Err(Problem::not_found("There is no such call."));
        };
        let (agent, context) = (placed.agent, placed.call.context.clone());
        self.may_ask(agent, age, TransferMode::Consult)?;
        let asked = &self.agents[guest].config;
        // One talk at a time, and this one takes the leg.
        if self.live_calls(guest).next().is_some() {
            let words = format!("{} can't take a call now.", asked.name);
            return Err(Problem::conflict(words));
        }
        let made = Made {
            id: CallId::fresh(),
            agent: self.agents[agent].config.id.clone(),
            peer: Peer {
                number: format!("agent:{}", asked.id),
                name: Some(asked.name.clone()),
            },
            via: DESK.to_owned(),
            context,
        };
        self.feed(now, age, Input::Hold(true));
        let call = Call::ask_colleague(made, now, self.windows(RING));
        let entry = Entry {
            agent,
            desks: Desks::One,
            when_asked: WhenAsked::Ring,
            route: Route::Desk,
            dialog: None,
            prompts: self.prompts.clone(),
        };
        let target = self.place(now, entry, call, Vec::new());
        self.begin_transfer(now, age, target, TransferMode::Consult);
        if let Some(placed) = self.calls.get_mut(&target) {
            // There is nothing to be noted of it but what the customer's call will say.
            placed.call.grant_wrap_up(std::time::Duration::ZERO);
            placed.guest = Some(Guest {
                agent: guest,
                stage: Stage::Ringing {
                    until: now.instant + RING_AT_ANOTHER,
                },
                voice: Voice::Open,
            });
        }
        self.guests.insert(guest, target);
        self.show_guest(now, guest);
        self.view(age)
    }

    pub(super) fn guest_at(&self, age: Age) -> Option<Guest> {
        self.calls.get(&age)?.guest
    }

    pub(super) fn is_mute_guest(&self, agent: usize) -> bool {
        let guest = self.guests.get(&agent).and_then(|age| self.guest_at(*age));
        guest.is_some_and(|guest| guest.voice == Voice::Muted)
    }

    pub(super) fn is_talking_guest(&self, agent: usize) -> bool {
        let guest = self.guests.get(&agent).and_then(|age| self.guest_at(*age));
        guest.is_some_and(|guest| guest.talks())
    }

    /// The talk as the guest's desk shows it: a call of the agent who asks.
    pub(super) fn guest_view(&self, agent: usize) -> Option<CallView> {
        let placed = self.calls.get(self.guests.get(&agent)?)?;
        let guest = placed.guest?;
        let asking = &self.agents[placed.agent].config;
        let (state, answered_at) = match guest.stage {
            Stage::Ringing { .. } => (CallState::RingingIn, None),
            Stage::Talking { since, .. } => (CallState::Connected, Some(since)),
        };
        Some(CallView {
            agent: self.agents[agent].config.id.clone(),
            direction: Direction::Inbound,
            state,
            progress: None,
            peer: Peer {
                number: format!("agent:{}", asking.id),
                name: Some(asking.name.clone()),
            },
            muted: guest.voice == Voice::Muted,
            answered_at,
            ..placed.call.view()
        })
    }

    fn show_guest(&mut self, now: Moment, agent: usize) {
        if let Some(call) = self.guest_view(agent) {
            self.tell_agent(now, agent, Event::Call { call });
        }
    }

    /// What the guest does.
    pub(super) fn act_as_guest(
        &mut self,
        now: Moment,
        agent: usize,
        age: Age,
        action: &Action,
    ) -> Result<CallView, Problem> {
        let gone = || Problem::not_found("There is no such call.");
        let guest = self.guest_at(age).ok_or_else(gone)?;
        match (action, guest.stage) {
            (Action::Answer, Stage::Ringing { .. }) => self.greet_guest(now, agent, age)?,
            (Action::Reject { reason: words } | Action::Hangup { reason: words }, _) => {
                let view = self.guest_view(agent);
                let (reason, did) = match guest.stage {
                    Stage::Ringing { .. } => (Reason::Declined, "declined"),
                    Stage::Talking { .. } => (Reason::Hangup, "hung up"),
                };
                let did = with_words(did, words.as_deref());
                self.end_guest(now, age, EndedBy::Agent, reason, &did);
                return view.ok_or_else(gone);
            }
            (Action::Mute { on }, Stage::Talking { .. }) => {
                let voice = if *on { Voice::Muted } else { Voice::Open };
                self.set_guest(age, Guest { voice, ..guest });
                self.join(agent);
            }
            _ => {
                return Err(Problem::conflict(
                    "Another agent asks you here; the call can be answered, muted and left.",
                ));
            }
        }
        self.show_guest(now, agent);
        self.guest_view(agent).ok_or_else(gone)
    }

    fn greet_guest(&mut self, now: Moment, agent: usize, age: Age) -> Result<(), Problem> {
        let unready = |because: String| {
            Problem::new("agent-not-ready", "The agent is not ready", 409, because)
        };
        readiness::can_talk(&self.agents[agent]).map_err(unready)?;
        let leg = self.agents[agent].media.leg();
        if let Some(placed) = self.calls.get_mut(&age) {
            placed.leg = leg;
            placed.guest = Some(Guest {
                agent,
                stage: Stage::Talking {
                    since: now.epoch_ms,
                    hearing: Hearing::Audible,
                },
                voice: Voice::Open,
            });
        }
        self.feed(now, age, Input::ColleagueAnswered);
        self.mind_guest(now, agent);
        Ok(())
    }

    fn set_guest(&mut self, age: Age, guest: Guest) {
        if let Some(placed) = self.calls.get_mut(&age) {
            placed.guest = Some(guest);
        }
    }

    /// Nobody answers for ever.
    pub(super) fn guest_due(&mut self, now: Moment, age: Age) {
        let due = |guest: &Guest| {
            let until = guest.poll_timeout();
            until.is_some_and(|until| until <= now.instant)
        };
        let Some(guest) = self.guest_at(age).filter(due) else {
            return;
        };
        let (reason, did) = match guest.stage {
            Stage::Ringing { .. } => (Reason::Missed, "did not answer"),
            Stage::Talking { .. } => (Reason::AgentLost, "could not be heard for too long"),
        };
        self.end_guest(now, age, EndedBy::Gateway, reason, did);
    }

    /// The guest's audio is gone, or back: who asks is told, and doesn't wait for ever. No customer hears the guest yet,
    /// and a socket that lives says nothing of the audio.
    pub(super) fn mind_guest(&mut self, now: Moment, agent: usize) {
        let Some(age) = self.guests.get(&agent).copied() else {
            return;
        };
        let media = &self.agents[agent].media;
        let heard = media.warm().is_some() && media.microphone() != Microphone::SendsNothing;
        let hearing = match heard {
            true => Hearing::Audible,
            false => Hearing::Gone {
                until: now.instant + self.config.limits.grace,
            },
        };
        let name = &self.agents[agent].config.name;
        let told = match heard {
            true => format!("{name} can be heard again."),
            false => format!("{name} can't be heard any more; the talk ends if that lasts."),
        };
        let Some(placed) = self.calls.get_mut(&age) else {
            return;
        };
        if !placed
            .guest
            .as_mut()
            .is_some_and(|guest| guest.hear(hearing))
        {
            return;
        }
        placed.call.tell(now, told.clone());
        let asking = placed.agent;
        self.touched.insert(age);
        self.notify(now, asking, told);
    }

    /// The agent who is asked is gone.
    pub(super) fn lose_guest(&mut self, now: Moment, agent: usize) {
        if let Some(age) = self.guests.get(&agent).copied() {
            self.end_guest(now, age, EndedBy::Gateway, Reason::AgentLost, "is gone");
        }
    }

    fn end_guest(&mut self, now: Moment, age: Age, by: EndedBy, reason: Reason, did: &str) {
        if let Some(guest) = self.guest_at(age) {
            let name = &self.agents[guest.agent].config.name;
            let ended = Termination::new(by, reason, format!("{name} {did}."));
            self.feed(now, age, Input::Ended(ended));
        }
    }

    /// The guest's page has a new leg; the music that the old one had goes on there.
    pub(super) fn move_guest(&mut self, now: Moment, agent: usize, leg: LegId) {
        let Some(age) = self.guests.get(&agent).copied() else {
            return;
        };
        if let Some(placed) = self.calls.get_mut(&age)
            && placed.leg.is_some()
        {
            placed.leg = Some(leg);
            let (asking, music) = (placed.agent, placed.call.plays_music());
            self.join(asking);
            let failed = music.then(|| self.play(now, age, Announcement::Hold));
            self.pending
                .extend(failed.flatten().map(|input| (age, input)));
        }
    }

    /// The leg is the guest's own, and outlives the talk.
    pub(super) fn release_guest_leg(&mut self, leg: LegId) {
        self.release_leg(leg, Left::Bridge);
    }

    /// Tries again what found the engine's ring full.
    pub(super) fn release_legs(&mut self) {
        for (leg, left) in self.unreleased.take() {
            self.release_leg(leg, left);
        }
    }

    fn release_leg(&mut self, leg: LegId, left: Left) {
        let left = match left {
            Left::Bridge if self.engine.unbridge(leg).is_err() => Left::Bridge,
            Left::Bridge | Left::Prompt if self.engine.stop_playing(leg).is_err() => Left::Prompt,
            Left::Bridge | Left::Prompt => return,
        };
        tracing::warn!(%leg, "an agent's leg is released later: {OVERLOADED}");
        self.unreleased.keep(leg, left);
    }

    /// Whether the customer could be given to that call's far end now; anybody but an agent always can.
    pub(super) fn may_hand_over(&self, target: Age) -> Result<(), Problem> {
        match self.guest_at(target) {
            Some(guest) => readiness::can_talk(&self.agents[guest.agent]).map_err(|because| {
                Problem::new(
                    "agent-not-ready",
                    "The other agent is not ready",
                    409,
                    because,
                )
            }),
            None => Ok(()),
        }
    }

    /// The guest gets the customer; the talk of the two agents is over.
    pub(super) fn hand_over(&mut self, now: Moment, customer: Age, target: Age) {
        let Some(guest) = self.guest_at(target) else {
            return;
        };
        let leg = self.calls.get_mut(&target).and_then(|placed| {
            placed.bridged = None;
            placed.leg.take()
        });
        if let Some(leg) = leg {
            self.release_guest_leg(leg);
        }
        self.feed(now, target, Input::HandedOver(WrapUp::Skipped));
        self.dismiss_guests(now, target);
        if let Err(problem) = self.take_over(now, guest.agent, customer) {
            let agent = self.calls.get(&customer).map(|placed| placed.agent);
            self.feed(now, customer, Input::Hold(false));
            if let Some(agent) = agent {
                let told = format!("The transfer did not come about: {}", problem.detail);
                self.notify(now, agent, told);
            }
        }
    }

    /// Takes the talks that are over off their guests' desks; whether there was one.
    pub(super) fn watch_guests(&mut self, now: Moment) -> bool {
        let over = |age: &Age| {
            let placed = self.calls.get(age)?;
            (placed.guest.is_some() && !placed.call.is_up()).then_some(*age)
        };
        let over: Vec<Age> = self.touched.iter().filter_map(over).collect();
        for age in &over {
            self.dismiss_guests(now, *age);
        }
        !over.is_empty()
    }

    fn dismiss_guests(&mut self, now: Moment, age: Age) {
        let Some(placed) = self.calls.get_mut(&age) else {
            return;
        };
        let (guest, ended) = (placed.guest.take(), placed.call.termination());
        let (Some(guest), Some(ended)) = (guest, ended.map(Termination::view)) else {
            return;
        };
        let asking = &self.agents[placed.agent].config;
        let peer = Peer {
            number: format!("agent:{}", asking.id),
            name: Some(asking.name.clone()),
        };
        let view = CallView {
            direction: Direction::Inbound,
            peer,
            ..placed.call.view()
        };
        let id = &self.agents[guest.agent].config.id;
        let call = over_for(view, id, now.epoch_ms, ended);
        self.guests.remove(&guest.agent);
        self.freed = true;
        self.tell_agent(now, guest.agent, Event::Call { call });
        self.join(guest.agent);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn guest(stage: Stage) -> Guest {
        Guest {
            agent: 1,
            stage,
            voice: Voice::Open,
        }
    }

    #[test]
    fn a_guest_who_is_not_heard_has_the_grace_from_the_first_of_it() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let mut guest = guest(Stage::Talking {
            since: 0,
            hearing: Hearing::Audible,
        });
        assert_eq!(guest.poll_timeout(), None);
        assert!(!guest.hear(Hearing::Audible), "it is heard all along");
        assert!(guest.hear(Hearing::Gone { until: at(30) }));
        assert!(!guest.hear(Hearing::Gone { until: at(40) }), "known");
        assert_eq!(guest.poll_timeout(), Some(at(30)));
        assert!(guest.hear(Hearing::Audible));
        assert_eq!(guest.poll_timeout(), None);
    }

    #[test]
    fn a_guest_at_whose_desk_it_rings_is_waited_for_as_long_as_it_rings() {
        let until = Instant::now();
        let mut guest = guest(Stage::Ringing { until });
        assert!(!guest.talks());
        let later = until + Duration::from_secs(30);
        assert!(!guest.hear(Hearing::Gone { until: later }));
        assert_eq!(guest.poll_timeout(), Some(until));
    }
}
