//! What is counted of agents and their pages.

use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Registry};

use super::Metrics;
use super::declare::{as_gauge, counters, gauge, gauges};
use crate::agent::wire::AgentView;

#[derive(Debug)]
pub(super) struct Agents {
    /// `status`, as it is configured.
    all: IntGaugeVec,
    ready: IntGauge,
    /// `kind`: the words of [`Reconnect`].
    reconnects: IntCounterVec,
}

/// How an agent's page came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reconnect {
    /// Its connection had broken.
    Socket,
    /// It was reloaded.
    Page,
    /// Another tab or device took the place.
    Elsewhere,
}

impl Agents {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            all: gauges(
                registry,
                "warmline_agents",
                "Agents by status.",
                &["status"],
            ),
            ready: gauge(
                registry,
                "warmline_agents_ready",
                "Agents who could take a call now.",
            ),
            reconnects: counters(
                registry,
                "warmline_agent_reconnects_total",
                "Agents' pages that came back.",
                &["kind"],
            ),
        }
    }

    pub(super) fn reset(&self) {
        self.all.reset();
    }

    pub(super) fn set(&self, agents: &[AgentView]) {
        for agent in agents {
            self.all.with_label_values(&[&agent.status.name]).inc();
        }
        let ready = agents.iter().filter(|agent| agent.ready).count();
        self.ready.set(as_gauge(ready));
    }
}

impl Reconnect {
    fn word(self) -> &'static str {
        match self {
            Self::Socket => "socket",
            Self::Page => "page",
            Self::Elsewhere => "elsewhere",
        }
    }
}

impl Metrics {
    pub fn agent_reconnected(&self, kind: Reconnect) {
        let labels = [kind.word()];
        self.0.agents.reconnects.with_label_values(&labels).inc();
    }
}
