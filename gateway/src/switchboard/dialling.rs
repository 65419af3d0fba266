//! A dial, from an agent's click or a back end's request: whether it may go out, and by which way.

use super::invites::RING;
use super::task::{Age, Route, Task, line_of};
use crate::agent::wire::{CallView, Dial, Peer};
use crate::agent::{AVAILABLE, readiness};
use crate::call::number::Number;
use crate::call::state::{Call, Input, Made, OZONETEL};
use crate::clock::Moment;
use crate::http::problem::Problem;

impl Task {
    /// Places a call in the agent's name, by whatever way is asked for or configured.
    pub(super) fn dial_for(
        &mut self,
        now: Moment,
        agent: usize,
        dial: Dial,
    ) -> Result<CallView, Problem> {
        if let Some(placed) = self
            .ages
            .get(&dial.call)
            .and_then(|age| self.calls.get(age))
        {
            return match placed.agent == agent {
                true => Ok(placed.call.view()),
                false => Err(Problem::conflict("This call id is taken.")),
            };
        }
        let number = Number::parse(&dial.to).map_err(|error| {
            Problem::new(
                "invalid-number",
                "The number can't be dialled",
                422,
                error.to_string(),
            )
        })?;
        if dial.from.is_some() {
            return Err(Problem::not_available(
                "Choosing the number that is shown is not available in this version.",
            ));
        }
        self.may_dial(now, agent)?;
        let via = dial
            .via
            .or_else(|| self.agents[agent].config.dial_via.clone());
        let via = via.unwrap_or_else(|| self.only_way(agent));
        let (route, expected) = self.way_out(agent, &via)?;
        // Dialling again is the agent's word that the last call's wrap-up is done.
        let wrapping: Vec<Age> = self.open_calls(agent).map(|(age, _)| age).collect();
        for age in wrapping {
            self.feed(now, age, Input::Redialled);
        }
        let made = Made {
            id: dial.call,
            agent: self.agents[agent].config.id.clone(),
            peer: Peer {
                number: number.as_str().to_owned(),
                name: None,
            },
            via,
            context: dial.context,
        };
        let mut actions = Vec::new();
        let windows = self.windows(RING);
        let call = match expected {
            true => Call::dial_expected(made, now, windows, &mut actions),
            false => Call::dial_trunk(made, now, windows, &mut actions),
        };
        let age = self.place(now, agent, route, None, call, actions);
        self.view(age)
    }

    fn may_dial(&self, now: Moment, agent: usize) -> Result<(), Problem> {
        if self.open.len() >= self.config.limits.calls {
            return Err(Problem::unavailable(
                "The gateway's limit of calls is reached.",
            ));
        }
        let refused =
            |detail: String| Problem::new("agent-not-ready", "The agent is not ready", 409, detail);
        readiness::can_talk(&self.agents[agent]).map_err(refused)?;
        let status = &self.agents[agent].status.name;
        if status != AVAILABLE {
            return Err(refused(format!("The agent's status is {status}.")));
        }
        if !self.agents[agent]
            .session
            .as_ref()
            .is_some_and(|session| session.may_dial(now))
        {
            return Err(refused(
                "The token of the agent's browser has expired; calls in progress go on.".to_owned(),
            ));
        }
        if self.live_calls(agent).next().is_some() {
            return Err(Problem::new(
                "agent-busy",
                "The agent has a call",
                409,
                "The agent has a call already; end it first.",
            ));
        }
        Ok(())
    }

    /// Where an agent's calls go if nobody says.
    fn only_way(&self, agent: usize) -> String {
        match (&self.agents[agent].config.extension, self.trunks.first()) {
            (None, Some(trunk)) => trunk.config.name.clone(),
            (Some(_), _) | (None, None) => OZONETEL.to_owned(),
        }
    }

    /// The route of a way out, and whether it comes back as an INVITE.
    fn way_out(&self, agent: usize, via: &str) -> Result<(Route, bool), Problem> {
        let down = |detail: String| Problem::new("line-down", "There is no way out", 503, detail);
        let shown = &self.agents[agent];
        if via != OZONETEL {
            let trunk = self
                .trunks
                .iter()
                .position(|trunk| trunk.config.name == via);
            let trunk = trunk.ok_or_else(|| {
                Problem::new(
                    "unknown-way",
                    "There is no such way out",
                    422,
                    format!("There is no trunk {via:?}."),
                )
            })?;
            let obstacle = self.trunks[trunk].obstacle();
            if let Some(words) = obstacle.or_else(|| self.trunk_full(trunk)) {
                return Err(down(words));
            }
            return Ok((Route::Trunk(trunk), false));
        }
        let Some(line) = &shown.sip else {
            return Err(down("The agent has no line at the provider.".to_owned()));
        };
        if let Some(words) = line.detail() {
            return Err(down(format!("The agent's SIP line is down: {words}.")));
        }
        if let Some(words) = shown
            .token
            .as_ref()
            .and_then(|token| token.connection.detail())
        {
            return Err(down(format!(
                "The provider's token socket is down: {words}."
            )));
        }
        Ok((Route::Line(line_of(agent)), shown.token.is_some()))
    }
}
