//! At whose desks a call rings, and what the others are told.

use super::task::{Age, Desks, Task};
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
        let Some(placed) = self.calls.get_mut(&age) else {
            return;
        };
        let rung = placed.desks();
        placed.desks = Desks::One;
        placed.agent = agent;
        placed.call.agent = self.agents[agent].config.id.clone();
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
        let Some(placed) = self.calls.get_mut(&age) else {
            return;
        };
        let Desks::Ringing(ringing) = &mut placed.desks else {
            return self.feed(now, age, cause);
        };
        let mut changes = Vec::new();
        match ringing.leave(agent, now.instant, &mut changes) {
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
        let mut changes = Vec::new();
        if let Some(placed) = self.calls.get_mut(&age)
            && let Desks::Ringing(ringing) = &mut placed.desks
        {
            ringing.handle_timeout(now.instant, &mut changes);
        }
        self.ring_on(now, age, changes);
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
    fn close_card(&mut self, now: Moment, age: Age, agent: usize, ended: EndedView) {
        if !self.at_desk[agent].remove(&age) {
            return;
        }
        let Some(placed) = self.calls.get(&age) else {
            return;
        };
        let id = &self.agents[agent].config.id;
        let call = over_for(placed.call.view(), id, now.epoch_ms, ended);
        self.tell_agent(now, agent, Event::Call { call });
    }
}
