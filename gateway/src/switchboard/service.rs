//! The operator takes lines out of service, and puts back what was taken out or given up. Calls that are up go on.

use super::LineView;
use super::task::{Task, line_of};
use super::trunks::registering;
use crate::agent::{Connection, Service};
use crate::clock::Moment;
use crate::http::problem::Problem;

/// One of an agent's ways to the platform, as its id names it.
#[derive(Debug, Clone, Copy)]
enum Part {
    Sip,
    Token,
}

impl Task {
    /// A line that is up stays as it is when it is put back.
    pub(super) fn serve_line(
        &mut self,
        now: Moment,
        line: &str,
        service: Service,
    ) -> Result<LineView, Problem> {
        let trunk = |trunk: &super::TrunkWay| trunk.config.name == line;
        if let Some(index) = self.trunks.iter().position(trunk) {
            self.serve_trunk(now, index, service)?;
            return Ok(self.trunks[index].view());
        }
        match self.agents_line(line) {
            Some((agent, Part::Sip)) => self.serve_sip(now, agent, service),
            Some((agent, Part::Token)) => self.serve_token(now, agent, service)?,
            None => return Err(unknown(line)),
        }
        let view = self.lines().into_iter().find(|view| view.id == line);
        view.ok_or_else(|| unknown(line))
    }

    /// Whose line it is, and which of them.
    fn agents_line(&self, line: &str) -> Option<(usize, Part)> {
        let (agent, word) = line.rsplit_once('/')?;
        let agent = self.agent_index(agent)?;
        match word {
            "sip" => self.agents[agent].sip.as_ref().map(|_| (agent, Part::Sip)),
            "token" => self.agents[agent]
                .token
                .as_ref()
                .map(|_| (agent, Part::Token)),
            _ => None,
        }
    }

    fn serve_trunk(&mut self, now: Moment, index: usize, service: Service) -> Result<(), Problem> {
        self.trunks[index].serve(service)?;
        match service {
            Service::In => self.register_trunk_again(now, index),
            Service::Out => self.unregister_trunk(now, index),
        }
        self.show_trunk(now, index);
        Ok(())
    }

    fn serve_sip(&mut self, now: Moment, agent: usize, service: Service) {
        let Some(connection) = &mut self.agents[agent].sip else {
            return;
        };
        let before = std::mem::replace(&mut connection.service, service);
        if service == Service::In && connection.is_up() {
            return;
        }
        let line = line_of(agent);
        match (service, before) {
            (Service::Out, _) => {
                // Told as out of service, whatever else is said of it.
                self.set_line(now, line, registering());
                self.endpoint.unregister(now.instant, line);
            }
            (Service::In, _) if self.endpoint.register_again(now.instant, line) => {
                self.set_line(now, line, registering());
            }
            (Service::In, Service::Out) => {
                let Connection { state, .. } = Connection::connecting(now);
                self.set_line(now, line, state);
            }
            // Why it isn't connected stands there.
            (Service::In, Service::In) => {}
        }
    }

    fn serve_token(&mut self, now: Moment, agent: usize, service: Service) -> Result<(), Problem> {
        let Some(token) = &mut self.agents[agent].token else {
            return Ok(());
        };
        if !token.socket.serve(service) {
            return Err(Problem::unavailable(
                "Too much is waiting on the token socket; try again in a second.",
            ));
        }
        token.connection.service = service;
        if service == Service::Out || !token.connection.is_up() {
            let Connection { state, .. } = Connection::connecting(now);
            self.set_token(now, agent, state);
        }
        Ok(())
    }
}

fn unknown(line: &str) -> Problem {
    Problem::not_found(format!("There is no line {line:?}."))
}
