//! A talk that its agent gives to another agent: it rings there while the customer hears music, and stays where it is until
//! it is answered.

use std::time::{Duration, Instant};

use super::Action;
use super::placed::{Age, Route};
use super::reason::with_words;
use super::task::Task;
use crate::agent::readiness;
use crate::agent::wire::{CallState, CallView, EndedBy, EndedView, Event, TransferMode};
use crate::call::state::Input;
use crate::call::view::over_for;
use crate::clock::Moment;
use crate::http::problem::Problem;

/// A call on its way to another desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offer {
    /// At whose desk it rings.
    pub agent: usize,
    pub until: Instant,
}

/// Why it rings there no more.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Withdrawn {
    Declined {
        reason: Option<String>,
    },
    TooLate,
    /// The agent who gets it is gone.
    Lost,
    /// The one who gives it talks on.
    TakenBack,
    /// The customer, or whoever gives it, has ended the call.
    Over,
}

impl Task {
    pub(super) fn offer_to(
        &mut self,
        now: Moment,
        age: Age,
        id: &str,
        mode: TransferMode,
    ) -> Result<CallView, Problem> {
        let Some(placed) = self.calls.get(&age) else {
            return Err(Problem::not_found("There is no such call."));
        };
        match placed.route {
            Route::Trunk(_) => {}
            Route::Line(_) => {
                return Err(Problem::not_available(
                    "A call of the platform can't be given to another agent in this version: the platform would not know.",
                ));
            }
            Route::Desk => {
                return Err(Problem::conflict(
                    "A talk with another agent can't be given on.",
                ));
            }
        }
        if !placed.call.is_connected() {
            return Err(Problem::conflict("Only a talk can be transferred."));
        }
        let from = placed.agent;
        let busy = placed.offer.is_some() || !placed.is_unlinked();
        let agent = self.agent_index(id).filter(|agent| *agent != from);
        let agent = agent.ok_or_else(|| {
            Problem::unprocessable(format!("There is no other agent {id:?} to transfer to."))
        })?;
        if busy {
            return Err(Problem::conflict(
                "The call is being transferred already; end that first.",
            ));
        }
        let name = self.agents[agent].config.name.clone();
        if self.admit(agent).is_err() || self.offered_to(agent).is_some() {
            return Err(Problem::conflict(format!("{name} can't take a call now.")));
        }
        // The two legs of a call are in one worker.
        if self.agents[agent].worker != self.agents[from].worker {
            return Err(Problem::conflict(format!(
                "{name}'s audio is in another worker of the gateway; only agents of one route's group are surely together."
            )));
        }
        if mode == TransferMode::Consult {
            return self.consult(now, age, agent);
        }
        self.feed(now, age, Input::Hold(true));
        let until = now.instant + RING_AT_ANOTHER;
        if let Some(placed) = self.calls.get_mut(&age) {
            placed.offer = Some(Offer { agent, until });
            placed.call.tell(
                now,
                format!("The agent gives the call to {name}, where it rings."),
            );
        }
        self.touched.insert(age);
        if let Some(call) = self.offered_view(agent) {
            self.tell_agent(now, agent, Event::Call { call });
        }
        self.view(age)
    }

    /// The call that another agent gives to this one.
    pub(super) fn offered_to(&self, agent: usize) -> Option<Age> {
        let offered = |age: &&Age| {
            let offer = self.calls.get(age).and_then(|placed| placed.offer);
            offer.is_some_and(|offer| offer.agent == agent)
        };
        self.open.iter().find(offered).copied()
    }

    /// It as this agent's desk shows it.
    pub(super) fn offered_view(&self, agent: usize) -> Option<CallView> {
        let placed = self.calls.get(&self.offered_to(agent)?)?;
        Some(CallView {
            agent: self.agents[agent].config.id.clone(),
            state: CallState::RingingIn,
            progress: None,
            muted: false,
            answered_at: None,
            ..placed.call.view()
        })
    }

    /// What the agent does to whom it is given.
    pub(super) fn act_on_offer(
        &mut self,
        now: Moment,
        agent: usize,
        age: Age,
        action: &Action,
    ) -> Result<CallView, Problem> {
        match action {
            Action::Answer => {
                self.take_over(now, agent, age)?;
                self.view(age)
            }
            Action::Reject { reason } | Action::Hangup { reason } => {
                let reason = reason.clone();
                let view = self.offered_view(agent);
                self.withdraw(now, age, Withdrawn::Declined { reason });
                view.ok_or_else(|| Problem::not_found("There is no such call."))
            }
            _ => Err(Problem::conflict(
                "The call rings here; it can be answered or declined.",
            )),
        }
    }

    pub(super) fn take_over(&mut self, now: Moment, agent: usize, age: Age) -> Result<(), Problem> {
        readiness::can_talk(&self.agents[agent]).map_err(|because| {
            Problem::new("agent-not-ready", "The agent is not ready", 409, because)
        })?;
        self.hold_talks(now, age, agent);
        let to = self.agents[agent].config.name.clone();
        let id = self.agents[agent].config.id.clone();
        let wrap_up = self.wrap_up_of(agent);
        let Some(placed) = self.calls.get_mut(&age) else {
            return Ok(());
        };
        placed.offer = None;
        placed.call.tell(now, format!("{to} took the call over."));
        let (from, muted, missed) = (placed.agent, placed.call.muted, placed.call.misses_agent());
        let ended = EndedView {
            by: EndedBy::Agent,
            reason: "transferred",
            detail: format!("{to} took the call over."),
            sip: None,
        };
        self.close_card(now, age, from, ended);
        if let Some(placed) = self.calls.get_mut(&age) {
            placed.agent = agent;
            placed.call.agent = id;
            placed.call.grant_wrap_up(wrap_up);
            placed.without_agent = None;
        }
        self.at_desk[agent].insert(age);
        if missed {
            self.feed(now, age, Input::AgentBack);
        }
        if muted {
            self.feed(now, age, Input::Mute(false));
        }
        self.feed(now, age, Input::Hold(false));
        self.join(from);
        Ok(())
    }

    /// Looks after every offer whose call has changed; whether anything came of it.
    pub(super) fn watch_offers(&mut self, now: Moment) -> bool {
        let offered = |age: &Age| {
            let placed = self.calls.get(age)?;
            placed.offer?;
            match (placed.call.is_connected(), placed.call.is_talking()) {
                (false, _) => Some((*age, Withdrawn::Over)),
                (true, true) => Some((*age, Withdrawn::TakenBack)),
                (true, false) => None,
            }
        };
        let over: Vec<(Age, Withdrawn)> = self.touched.iter().filter_map(offered).collect();
        let any = !over.is_empty();
        for (age, why) in over {
            self.withdraw(now, age, why);
        }
        any
    }

    pub(super) fn offer_due(&mut self, now: Moment, age: Age) {
        let offer = self.calls.get(&age).and_then(|placed| placed.offer);
        if offer.is_some_and(|offer| offer.until <= now.instant) {
            self.withdraw(now, age, Withdrawn::TooLate);
        }
    }

    /// The agent who was to get a call is gone.
    pub(super) fn lose_offer(&mut self, now: Moment, agent: usize) {
        if let Some(age) = self.offered_to(agent) {
            self.withdraw(now, age, Withdrawn::Lost);
        }
    }

    fn withdraw(&mut self, now: Moment, age: Age, why: Withdrawn) {
        let offer = self
            .calls
            .get_mut(&age)
            .and_then(|placed| placed.offer.take());
        let Some((offer, placed)) = offer.zip(self.calls.get(&age)) else {
            return;
        };
        let (view, giver) = (placed.call.view(), placed.agent);
        let name = &self.agents[offer.agent].config.name;
        let (reason, here, there) = match why {
            Withdrawn::Declined { reason } => {
                let did = with_words("declined it", reason.as_deref());
                ("declined", "The call was declined.", Some(did))
            }
            Withdrawn::TooLate => (
                "missed",
                "The call rang for too long.",
                Some("did not answer".to_owned()),
            ),
            Withdrawn::Lost => (
                "agent-lost",
                "The desk was closed.",
                Some("is gone".to_owned()),
            ),
            Withdrawn::TakenBack => ("passed-on", "The call was taken back.", None),
            Withdrawn::Over => ("abandoned", "The call ended while it rang.", None),
        };
        let told = there.map(|did| format!("The transfer did not come about: {name} {did}."));
        let ended = EndedView {
            by: EndedBy::Gateway,
            reason,
            detail: here.to_owned(),
            sip: None,
        };
        let id = &self.agents[offer.agent].config.id;
        let call = over_for(view, id, now.epoch_ms, ended);
        self.tell_agent(now, offer.agent, Event::Call { call });
        self.freed = true;
        if let Some(told) = told {
            if let Some(placed) = self.calls.get_mut(&age) {
                placed.call.tell(now, told.clone());
            }
            self.touched.insert(age);
            if !self.talks_elsewhere(giver, age) {
                self.feed(now, age, Input::Hold(false));
            }
            self.notify(now, giver, told);
        }
    }
}

/// How long it rings at the other desk before the call goes back.
pub(super) const RING_AT_ANOTHER: Duration = Duration::from_secs(20);
