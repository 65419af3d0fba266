//! What the agents' token sockets report: how they stand, what became of dials, what the platform pushes.

use super::task::{Age, Route, Task};
use crate::agent::ConnectionState;
use crate::call::state::{Answered, DialReply, Input, Push};
use crate::clock::Moment;
use crate::ozonetel::{self, DialOutcome, Event, What};

impl Task {
    pub(super) fn handle_provider(&mut self, now: Moment, event: Event) {
        let Some(agent) = self.agent_index(&event.agent) else {
            return;
        };
        match event.what {
            What::Up { us_id: Some(_) } | What::SignedIn => {
                self.set_token(now, agent, ConnectionState::Up)
            }
            What::Up { us_id: None } => {
                let words = "the platform has not named the socket yet".to_owned();
                self.set_token(now, agent, ConnectionState::Down(words));
            }
            What::Down { cause } | What::Stopped { cause } => {
                self.set_token(now, agent, ConnectionState::Down(cause));
            }
            What::Dial { call, outcome } => {
                let reply = match outcome {
                    DialOutcome::Queued { ucid } => {
                        self.name_expected(agent, ucid.as_deref(), None);
                        DialReply::Queued { ucid }
                    }
                    DialOutcome::Refused(words) => DialReply::Refused(words),
                    DialOutcome::NotSent(words) => DialReply::NotSent(words),
                    DialOutcome::Unknown => DialReply::Unknown,
                    DialOutcome::NoReply => DialReply::NoReply,
                };
                if let Some(age) = self.ages.get(&call).copied() {
                    self.feed(now, age, Input::Dial(reply));
                }
            }
            What::Push(push) => self.handle_push(now, agent, push),
        }
    }

    fn handle_push(&mut self, now: Moment, agent: usize, push: ozonetel::Push) {
        use ozonetel::Push as Told;
        let id = self.agents[agent].config.id.clone();
        let Some(age) = self.platform_call(agent) else {
            if let Told::PerformCall { event } = push {
                return self.perform(now, agent, event.as_deref());
            }
            tracing::debug!(agent = id, ?push, "a push without a call of ours");
            return;
        };
        let ours = self
            .calls
            .get(&age)
            .and_then(|placed| placed.call.ucid.clone());
        // A release of another call than the current one is stale.
        let stale =
            |theirs: &Option<String>| matches!((theirs, &ours), (Some(a), Some(b)) if a != b);
        let told = match push {
            Told::NewCall {
                ucid,
                monitor_ucid,
                did,
                ..
            } => {
                let ucid = ucid.or(monitor_ucid);
                self.name_expected(agent, ucid.as_deref(), did);
                Push::NewCall { ucid }
            }
            Told::BusyAgent { ucid, .. } if !stale(&ucid) => Push::BusyAgent,
            Told::AgentRelease { monitor_ucid, .. }
            | Told::AgentReleaseWithoutWrapUp { monitor_ucid }
                if !stale(&monitor_ucid) =>
            {
                Push::Release
            }
            Told::DropCall {
                call_status,
                dial_status,
                monitor_ucid,
                ucid,
            } if !stale(&monitor_ucid) && !stale(&ucid) => Push::Drop {
                call_status,
                dial_status,
            },
            Told::PerformCall { event } => return self.perform(now, agent, event.as_deref()),
            other => {
                tracing::debug!(agent = id, push = ?other, "a push that changes no call");
                return;
            }
        };
        self.feed(now, age, Input::Push(told));
    }

    /// The platform asks the phone to act on what rings.
    fn perform(&mut self, now: Moment, agent: usize, event: Option<&str>) {
        let ringing = self
            .live_calls(agent)
            .find(|(_, placed)| matches!(placed.route, Route::Line(_)))
            .map(|(age, _)| age);
        let input = match event {
            Some("answer") => Input::Answer {
                how: Answered::ByPolicy,
            },
            Some("decline") => Input::Reject,
            Some(_) | None => return,
        };
        if let Some(age) = ringing {
            self.feed(now, age, input);
        }
    }

    /// The agent's call that goes through the platform; there is one at a time.
    fn platform_call(&self, agent: usize) -> Option<Age> {
        self.live_calls(agent)
            .find(|(_, placed)| matches!(placed.route, Route::Line(_)))
            .map(|(age, _)| age)
    }

    /// What the platform tells of the dial helps to know its INVITE.
    fn name_expected(&mut self, agent: usize, ucid: Option<&str>, did: Option<String>) {
        if let Some(expected) = self.expectations.get_mut(&agent) {
            if let Some(ucid) = ucid {
                expected.ucid.get_or_insert_with(|| ucid.to_owned());
            }
            expected.did = did.or(expected.did.take());
        }
    }

    fn set_token(&mut self, now: Moment, agent: usize, state: ConnectionState) {
        let id = self.agents[agent].config.id.clone();
        let Some(token) = &mut self.agents[agent].token else {
            return;
        };
        if token.connection.state == state {
            return;
        }
        token.connection.set(now, state);
        match token.connection.detail() {
            None => tracing::info!(agent = id, "the token socket is up"),
            Some(words) => tracing::warn!(agent = id, words, "the token socket is not up"),
        }
        self.show_agent(now, agent);
    }
}
