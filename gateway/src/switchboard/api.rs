//! What HTTP asks.

use super::dialling::Asker;
use super::draining::Admission;
use super::task::Task;
use super::{Api, Health, LineKind, LineView, TrunkWay, Usage};
use crate::agent::Connection;
use crate::agent::wire::AgentView;
use crate::call::CallId;
use crate::call::expectation::Expectations;
use crate::clock::Moment;
use crate::http::problem::Problem;

impl Task {
    /// Whoever asked may be gone; a reply that nobody takes is no failure.
    pub(super) fn handle_api(&mut self, now: Moment, api: Api) {
        match api {
            Api::Dial { agent, dial, reply } => {
                let result = match self.agent_index(&agent) {
                    Some(agent) => self.dial_and_keep(now, agent, dial, Asker::BackEnd),
                    None => Err(Problem::not_found(format!("There is no agent {agent:?}."))),
                };
                let _ = reply.send(result);
            }
            Api::Act {
                call,
                agent,
                action,
                reply,
            } => {
                let age = self.ages.get(&call).copied();
                let result = match (agent, age) {
                    (Some(agent), _) => match self.agent_index(&agent) {
                        Some(agent) => self.act_for(now, agent, &call, action),
                        None => Err(unknown(&call)),
                    },
                    (None, Some(age)) => self.act_on(now, age, action),
                    (None, None) => Err(unknown(&call)),
                };
                let _ = reply.send(result);
            }
            Api::Call { call, reply } => {
                let _ = reply.send(self.find(&call));
            }
            Api::Calls { filter, reply } => {
                let _ = reply.send(self.list(&filter));
            }
            Api::Agents { reply } => {
                let views: Vec<AgentView> =
                    self.agents.iter().map(crate::agent::Agent::view).collect();
                let _ = reply.send(views);
            }
            Api::Status {
                agent,
                name,
                reason,
                reply,
            } => {
                let stood = match self.agent_index(&agent) {
                    Some(agent) => self
                        .set_status(now, agent, name, reason)
                        .map(|_| self.agents[agent].view()),
                    None => Err(Problem::not_found("There is no such agent.")),
                };
                let _ = reply.send(stood);
            }
            Api::Ask {
                agent,
                question,
                reply,
            } => self.ask_platform(&agent, question, reply),
            Api::Reported { report, reply } => {
                self.handle_report(report);
                let _ = reply.send(());
            }
            Api::Drain { reply } => {
                let _ = reply.send(self.drain(now));
            }
            Api::Drained { reply } => self.drained.push(reply),
            Api::Lines { reply } => {
                let _ = reply.send(self.lines());
            }
            Api::Serve {
                line,
                service,
                reply,
            } => {
                let _ = reply.send(self.serve_line(now, &line, service));
            }
            Api::Health { reply } => {
                let _ = reply.send(self.health());
            }
        }
    }

    pub(super) fn lines(&self) -> Vec<LineView> {
        let mut lines = Vec::new();
        for agent in &self.agents {
            let id = &agent.config.id;
            let of = |kind, word: &str, connection: &Connection| LineView {
                id: format!("{id}/{word}"),
                kind,
                up: connection.is_up(),
                detail: connection.detail(),
                since: connection.since,
            };
            let sip = agent
                .sip
                .as_ref()
                .map(|line| of(LineKind::Sip, "sip", line));
            let token = agent.token.as_ref();
            let token = token.map(|token| of(LineKind::Token, "token", &token.connection));
            lines.extend(sip.into_iter().chain(token));
        }
        lines.extend(self.trunks.iter().map(TrunkWay::view));
        lines
    }

    fn usage(&self) -> Usage {
        let sip = self.endpoint.counts();
        let workers = self.engine.counters();
        Usage {
            dialogs: sip.dialogs,
            transactions: sip.client_transactions + sip.server_transactions,
            expectations: self.expectations.iter().map(Expectations::count).sum(),
            legs: workers.iter().map(|worker| worker.legs).sum(),
            bridges: workers.iter().map(|worker| worker.bridges).sum(),
            rtp_ports: workers.iter().map(|worker| worker.ports).sum(),
        }
    }

    fn health(&self) -> Health {
        let lines = self.lines();
        Health {
            line_up: lines.is_empty()
                || lines
                    .iter()
                    .any(|line| line.up && line.kind != LineKind::Token),
            draining: self.admission != Admission::Open,
            calls: self
                .calls
                .values()
                .filter(|placed| placed.call.is_up())
                .count(),
            spool_is_full: self
                .recorder
                .as_ref()
                .is_some_and(|recorder| recorder.spooled().is_full()),
            usage: self.usage(),
        }
    }
}

fn unknown(call: &CallId) -> Problem {
    Problem::not_found(format!("There is no call {call}."))
}
