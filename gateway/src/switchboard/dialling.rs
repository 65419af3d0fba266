//! A dial, from an agent's click or a back end's request: whether it may go out, and by which way.

use std::time::Duration;

use super::invites::RING;
use super::placed::{Age, Desks, Entry, Placed, Route, WhenAsked};
use super::task::{Task, line_of};
use crate::agent::Service;
use crate::agent::wire::{CallView, Dial, Order, Peer};
use crate::agent::{AVAILABLE, readiness};
use crate::call::number::Number;
use crate::call::state::{Call, Dialling, Input, Made, Manner, OZONETEL, Spoken};
use crate::clock::Moment;
use crate::config::{AutoAnswer, DialVia};
use crate::http::problem::Problem;

impl Task {
    /// Places a call in the agent's name, by whatever way is asked for or configured.
    pub(super) fn dial_by(
        &mut self,
        now: Moment,
        agent: usize,
        dial: Dial,
        asker: Asker,
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
        let ring = ring_timeout(&dial)?;
        if dial.record {
            self.can_record()?;
        }
        self.may_dial(now, agent, dial.order)?;
        let via = dial
            .via
            .or_else(|| self.agents[agent].config.dial_via.clone());
        let via = via.unwrap_or_else(|| self.only_way(agent));
        let (route, expected) = self.way_out(agent, &via)?;
        let manner = match (dial.order, route) {
            (Order::AgentFirst, _) => Manner::PLAIN,
            (Order::CustomerFirst, Route::Trunk(_)) => CUSTOMER_FIRST,
            (Order::CustomerFirst, Route::Line(_) | Route::Desk) => {
                return Err(Problem::unprocessable(
                    "The order \"customer-first\" goes out over a trunk; the platform calls its agent first.",
                ));
            }
        };
        let others = self.others(agent, via == OZONETEL)?;
        // Dialling again is the agent's word that the last call's wrap-up is done.
        let wrapping: Vec<Age> = self.open_calls(agent).map(|(age, _)| age).collect();
        for age in wrapping {
            self.feed(now, age, Input::Redialled);
        }
        if dial.order == Order::AgentFirst {
            // Whoever the agent talks to waits with music.
            for other in others {
                self.feed(now, other, Input::Hold(true));
            }
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
        let windows = self.windows(ring);
        let call = match expected {
            true => Call::dial_expected(made, self.dialling(), now, windows, &mut actions),
            false => Call::dial_trunk(made, manner, now, windows, &mut actions),
        };
        let entry = Entry {
            agent,
            desks: Desks::One,
            when_asked: self.when_asked(agent, asker),
            route,
            dialog: None,
            prompts: self.prompts.clone(),
        };
        let age = self.place(now, entry, call, actions);
        if let Some(placed) = self.calls.get_mut(&age) {
            placed.recorded.asked = dial.record;
        }
        self.view(age)
    }

    /// By what a dial goes to the platform.
    fn dialling(&self) -> Dialling {
        match self.config.ozonetel.as_ref().map(|ozonetel| ozonetel.dial) {
            Some(DialVia::Api) => Dialling::Api,
            Some(DialVia::SocketThenApi) => Dialling::SocketFirst,
            Some(DialVia::Socket) | None => Dialling::Socket,
        }
    }

    /// What the agent does once a customer who was called first is there.
    fn when_asked(&self, agent: usize, asker: Asker) -> WhenAsked {
        match (self.agents[agent].config.auto_answer, asker) {
            (AutoAnswer::All, _) | (AutoAnswer::Outbound, Asker::Agent) => WhenAsked::Answer,
            (AutoAnswer::Outbound, Asker::BackEnd)
            | (AutoAnswer::None | AutoAnswer::Inbound, _) => WhenAsked::Ring,
        }
    }

    /// The agent's other calls, if there is room for one more beside them.
    fn others(&self, agent: usize, by_platform: bool) -> Result<Vec<Age>, Problem> {
        let live: Vec<(Age, &Placed)> = self.live_calls(agent).collect();
        let room = live.len() < self.calls_at_a_time(agent);
        let platforms = |(_, placed): &(Age, &Placed)| matches!(placed.route, Route::Line(_));
        // The platform has one call for an agent at a time.
        let taken = by_platform && live.iter().any(platforms);
        let under_way = live.iter().any(|(_, placed)| !placed.call.is_connected());
        if !room || taken || under_way || self.guests.contains_key(&agent) {
            return Err(Problem::new(
                "agent-busy",
                "The agent has a call",
                409,
                "The agent has a call already; end it first.",
            ));
        }
        Ok(live.into_iter().map(|(age, _)| age).collect())
    }

    fn may_dial(&self, now: Moment, agent: usize, order: Order) -> Result<(), Problem> {
        self.admission.check()?;
        if self.open.len() >= self.config.limits.calls {
            return Err(Problem::unavailable(
                "The gateway's limit of calls is reached.",
            ));
        }
        let refused =
            |detail: String| Problem::new("agent-not-ready", "The agent is not ready", 409, detail);
        match (order, &self.agents[agent].session) {
            (Order::AgentFirst, _) => {
                readiness::can_ring(&self.agents[agent]).map_err(refused)?;
                if let Some(trouble) = self.agents[agent].media.microphone().trouble() {
                    return Err(refused(trouble.to_owned()));
                }
            }
            // The agent's audio is needed when the customer is there.
            (Order::CustomerFirst, Some(_)) => {}
            (Order::CustomerFirst, None) => {
                return Err(refused("The agent is not signed in at a desk.".to_owned()));
            }
        }
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
        // Where the public API may be asked, only an agent whose socket was given up, or taken out of service, can't dial.
        let needs_socket = self.dialling() == Dialling::Socket;
        if let Some(words) = shown
            .token
            .as_ref()
            .filter(|token| {
                let is_out = token.connection.service == Service::Out;
                needs_socket || is_out || token.socket.is_given_up()
            })
            .and_then(|token| token.connection.detail())
        {
            return Err(down(format!(
                "The provider's token socket is down: {words}."
            )));
        }
        Ok((Route::Line(line_of(agent)), shown.token.is_some()))
    }
}

/// Who wants the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    Agent,
    BackEnd,
}

/// How long the agent is rung once the customer has answered.
fn ring_timeout(dial: &Dial) -> Result<Duration, Problem> {
    match (dial.order, dial.ring_timeout_s) {
        (_, None) => Ok(RING),
        (Order::AgentFirst, Some(_)) => Err(Problem::unprocessable(
            "A \"ring_timeout_s\" belongs to the order \"customer-first\".",
        )),
        (Order::CustomerFirst, Some(seconds)) if (1..=RING_AT_MOST).contains(&seconds) => {
            Ok(Duration::from_secs(u64::from(seconds)))
        }
        (Order::CustomerFirst, Some(_)) => Err(Problem::unprocessable(format!(
            "A \"ring_timeout_s\" is 1 to {RING_AT_MOST}: a customer waits meanwhile."
        ))),
    }
}

/// The customer is greeted, and told when nobody answers.
const CUSTOMER_FIRST: Manner = Manner {
    order: Order::CustomerFirst,
    greeting: Spoken::Aloud,
    fallback: Spoken::Aloud,
};

/// Seconds. Nobody who is called waits longer for whoever called.
const RING_AT_MOST: u32 = 300;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::CallId;

    #[test]
    fn only_a_customer_who_comes_first_waits_and_not_for_ever() {
        for (order, seconds, expected) in [
            (Order::AgentFirst, None, Some(RING)),
            (Order::AgentFirst, Some(20), None),
            (Order::CustomerFirst, None, Some(RING)),
            (
                Order::CustomerFirst,
                Some(20),
                Some(Duration::from_secs(20)),
            ),
            (Order::CustomerFirst, Some(0), None),
            (Order::CustomerFirst, Some(301), None),
        ] {
            let dial = Dial {
                call: CallId::fresh(),
                to: "+919000000001".to_owned(),
                from: None,
                via: None,
                context: None,
                order,
                ring_timeout_s: seconds,
                record: false,
            };
            assert_eq!(ring_timeout(&dial).ok(), expected, "{order:?} {seconds:?}");
        }
    }
}
