//! At whose desks a call rings, and what the others are told.

use std::collections::BTreeSet;

use super::placed::{Age, Desks};
use super::task::Task;
use crate::agent::wire::{EndedBy, EndedView, Event};
use crate::call::ringing::{Change, Left};
use crate::call::state::{Answered, Input};
use crate::call::termination::Termination;
use crate::call::view::over_for;
use crate::clock::Moment;

impl Task {
    /// One of those at whom it rings answers; for the others it is over.
    pub(super) fn answer(&mut self, now: Moment, age: Age, agent: usize, how: Answered) {
        let name = self.agents[agent].config.name.clone();
        let wrap_up = self.wrap_up_of(agent);
        let Some(placed) = self.calls.get_mut(&age) else {
            return;
        };
        let rung = placed.desks();
        placed.desks = Desks::One;
        placed.agent = agent;
        placed.call.agent = self.agents[agent].config.id.clone();
        placed.call.grant_wrap_up(wrap_up);
        self.at_desk[agent].insert(age);
        if rung.len() > 1 {
            placed.call.tell(now, format!("{name} answered."));
        }
        let ended = EndedView {
            by: EndedBy::Agent,
            reason: "answered-elsewhere",
            detail: format!("Answered by {name}."),
            sip: None,
        };
        for other in rung.into_iter().filter(|other| *other != agent) {
            self.close_card(now, age, other, ended.clone());
        }
        self.feed(now, age, Input::Answer { how });
    }

    /// One of those at whom it rings leaves. `cause` is the call's when nobody is left, and what
    /// the leaving agent reads meanwhile.
    pub(super) fn leave(
        &mut self,
        now: Moment,
        age: Age,
        agent: usize,
        told: EndedView,
        cause: Input,
    ) {
        let free = self.free_for(age);
        let Some(placed) = self.calls.get_mut(&age) else {
            return;
        };
        let Desks::Ringing(ringing) = &mut placed.desks else {
            return self.feed(now, age, cause);
        };
        let mut changes = Vec::new();
        match ringing.leave(agent, &free, now.instant, &mut changes) {
            Left::Nobody => {
                placed.desks = Desks::One;
                placed.agent = agent;
                placed.call.agent = self.agents[agent].config.id.clone();
                self.feed(now, age, cause);
            }
            Left::Somebody => {
                let name = &self.agents[agent].config.name;
                placed
                    .call
                    .tell(now, format!("{name}: {} Others are asked.", told.detail));
                self.touched.insert(age);
                self.close_card(now, age, agent, told);
                self.ring_on(now, age, changes);
            }
        }
    }

    /// Whose turn it is changes with time.
    pub(super) fn turn(&mut self, now: Moment, age: Age) {
        let free = self.free_for(age);
        let mut changes = Vec::new();
        if let Some(placed) = self.calls.get_mut(&age)
            && let Desks::Ringing(ringing) = &mut placed.desks
        {
            ringing.handle_timeout(&free, now.instant, &mut changes);
        }
        self.ring_on(now, age, changes);
    }

    /// Agents have room for a call: whoever waits for the longest is first.
    pub(super) fn ring_more(&mut self, now: Moment) {
        let waiting: Vec<Age> = self.ringing.iter().copied().collect();
        for age in waiting {
            let free = self.free_for(age);
            let mut changes = Vec::new();
            match self.calls.get_mut(&age).map(|placed| &mut placed.desks) {
                Some(Desks::Ringing(ringing)) => {
                    ringing.handle_room(&free, now.instant, &mut changes);
                }
                Some(Desks::One | Desks::None) | None => {
                    self.ringing.remove(&age);
                }
            }
            self.ring_on(now, age, changes);
        }
    }

    /// The calls that ask for an agent, whether or not they ring there now.
    pub(super) fn asking_for(&self, agent: usize) -> Vec<Age> {
        let asks = |age: &Age| match self.calls.get(age).map(|placed| &placed.desks) {
            Some(Desks::Ringing(ringing)) => ringing.candidates().any(|one| one == agent),
            Some(Desks::One | Desks::None) | None => false,
        };
        self.ringing.iter().copied().filter(asks).collect()
    }

    /// Who of those that a call asks for has room for it.
    fn free_for(&self, age: Age) -> BTreeSet<usize> {
        match self.calls.get(&age).map(|placed| &placed.desks) {
            Some(Desks::Ringing(ringing)) => ringing
                .candidates()
                .filter(|agent| self.admit(*agent).is_ok())
                .collect(),
            Some(Desks::One | Desks::None) | None => BTreeSet::new(),
        }
    }

    fn ring_on(&mut self, now: Moment, age: Age, changes: Vec<Change>) {
        for change in changes {
            self.touched.insert(age);
            match change {
                Change::Rings(agent) => {
                    self.at_desk[agent].insert(age);
                    if let Some(placed) = self.calls.get(&age) {
                        let call = placed.call.view();
                        self.tell_agent(now, agent, Event::Call { call });
                    }
                }
                Change::Passed(agent) => {
                    let ended = EndedView {
                        by: EndedBy::Gateway,
                        reason: "passed-on",
                        detail: "The call went on to another agent.".to_owned(),
                        sip: None,
                    };
                    self.close_card(now, age, agent, ended);
                }
            }
        }
    }

    /// For the agents it is over; the customer still hears our last words.
    pub(super) fn dismiss(&mut self, now: Moment, age: Age, ended: &Termination) {
        let Some(placed) = self.calls.get_mut(&age) else {
            return;
        };
        let desks = placed.desks();
        placed.desks = Desks::None;
        for agent in desks {
            self.close_card(now, age, agent, ended.view());
        }
    }

    /// The call leaves an agent's desk, though it goes on elsewhere.
    pub(super) fn close_card(&mut self, now: Moment, age: Age, agent: usize, ended: EndedView) {
        if !self.at_desk[agent].remove(&age) {
            return;
        }
        self.freed = true;
        let Some(placed) = self.calls.get(&age) else {
            return;
        };
        let id = &self.agents[agent].config.id;
        let call = over_for(placed.call.view(), id, now.epoch_ms, ended);
        self.tell_agent(now, agent, Event::Call { call });
    }
}
