//! Every metric of the program, for Prometheus; each family of them stands in a file of its own.
//!
//! What happens is counted as it happens; what *is* (agents, lines, draining) is asked for at each scrape, so that it
//! can't drift. Labels are bounded: ways out are configured, the rest are words of ours; never a call, an agent or a number.

mod agents;
mod calls;
mod declare;
mod lines;
mod media;
mod recordings;
mod signaling;
mod store;

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::{IntGauge, Registry, TextEncoder};

use self::agents::Agents;
pub use self::agents::Reconnect;
use self::calls::Calls;
use self::declare::{gauge, gauges};
use self::lines::Lines;
use self::media::MediaMetrics;
pub use self::recordings::Recorded;
use self::recordings::Recordings;
use self::signaling::Signaling;
use self::store::Store;
use crate::agent::wire::AgentView;
use crate::store::Standing;
use crate::switchboard::{Health, LineView};

/// Cheap to clone; every clone counts into the same numbers.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Registered>);

#[derive(Debug)]
struct Registered {
    registry: Registry,
    /// Two scrapes at once would see each other's half-set gauges.
    rendering: Mutex<()>,
    calls: Calls,
    signaling: Signaling,
    lines: Lines,
    agents: Agents,
    media: MediaMetrics,
    store: Store,
    recordings: Recordings,
    draining: IntGauge,
}

/// A side of a call, and its leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Agent,
    Customer,
}

/// Seen from the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    In,
    Out,
}

/// What is at the moment of a scrape.
#[derive(Debug)]
pub struct Now {
    pub agents: Vec<AgentView>,
    pub lines: Vec<LineView>,
    pub health: Health,
    pub store: Standing,
}

impl Metrics {
    pub fn new() -> Self {
        let registry = Registry::new();
        let build = gauges(
            &registry,
            "warmline_build_info",
            "1, with the version as its label.",
            &["version"],
        );
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        #[cfg(target_os = "linux")]
        registry
            .register(Box::new(
                prometheus::process_collector::ProcessCollector::for_self(),
            ))
            .expect("no name of ours is the process's");
        Self(Arc::new(Registered {
            rendering: Mutex::new(()),
            calls: Calls::new(&registry),
            signaling: Signaling::new(&registry),
            lines: Lines::new(&registry),
            agents: Agents::new(&registry),
            media: MediaMetrics::new(&registry),
            store: Store::new(&registry),
            recordings: Recordings::new(&registry),
            draining: gauge(
                &registry,
                "warmline_draining",
                "1 while no new calls are taken.",
            ),
            registry,
        }))
    }

    /// The exposition text. Without `now` the gauges of agents and lines are left out, not guessed.
    pub fn render(&self, now: Option<&Now>) -> String {
        let _one_at_a_time = self
            .0
            .rendering
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.0.set(now);
        let mut text = String::new();
        TextEncoder::new()
            .encode_utf8(&self.0.registry.gather(), &mut text)
            .expect("what was registered can be written");
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Registered {
    fn set(&self, now: Option<&Now>) {
        self.agents.reset();
        self.lines.reset();
        let Some(now) = now else {
            return;
        };
        self.agents.set(&now.agents);
        self.lines.set(&now.lines);
        self.draining.set(i64::from(now.health.draining));
        self.calls.set(now.health.usage);
        self.signaling.set(now.health.usage);
        self.media.set(now.health.usage);
        self.store.set(&now.store);
    }
}

impl Side {
    fn word(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Customer => "customer",
        }
    }
}

impl Way {
    fn word(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::wire::{Direction, LineState, MediaState, StatusView};
    use crate::switchboard::{LineKind, Usage};

    fn agent(id: &str, ready: bool) -> AgentView {
        AgentView {
            id: id.to_owned(),
            name: id.to_owned(),
            status: StatusView {
                name: "available".to_owned(),
                since: 0,
                reason: None,
            },
            line: LineState::Up,
            media: MediaState::Up,
            ready,
            not_ready_because: None,
        }
    }

    fn line(id: &str, kind: LineKind, up: bool) -> LineView {
        LineView {
            id: id.to_owned(),
            kind,
            up,
            detail: None,
            since: 0,
        }
    }

    fn now() -> Now {
        Now {
            agents: vec![agent("agent7", true), agent("agent8", false)],
            lines: vec![
                line("agent7/sip", LineKind::Sip, true),
                line("agent8/sip", LineKind::Sip, false),
                line("carrier", LineKind::Trunk, true),
            ],
            health: Health {
                line_up: true,
                draining: true,
                calls: 0,
                spool_is_full: false,
                usage: Usage {
                    dialogs: 4,
                    ..Usage::default()
                },
            },
            store: Standing {
                pending: 3,
                errors: 2,
                ..Standing::default()
            },
        }
    }

    fn has(text: &str, line: &str) -> bool {
        text.lines().any(|l| l == line)
    }

    #[test]
    fn what_happened_is_counted() {
        let metrics = Metrics::new();
        metrics.call_began(Direction::Outbound);
        metrics.call_began(Direction::Outbound);
        metrics.call_ended(Direction::Outbound, "ozonetel", "hangup");
        metrics.sip_request("INVITE", Way::In, "wss");
        metrics.sip_request("XYZZY", Way::In, "wss");
        metrics.sip_response("INVITE", 486);
        metrics.rtp_packets(Side::Agent, Way::Out, 50);
        let text = metrics.render(None);
        for line in [
            r#"warmline_calls_active{direction="outbound"} 1"#,
            r#"warmline_calls_total{direction="outbound",outcome="hangup",via="ozonetel"} 1"#,
            r#"warmline_sip_requests_total{direction="in",method="other",transport="wss"} 1"#,
            r#"warmline_sip_responses_total{class="4xx",method="INVITE"} 1"#,
            r#"warmline_rtp_packets_total{dir="out",leg="agent"} 50"#,
        ] {
            assert!(has(&text, line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn what_is_comes_from_the_moment_of_the_scrape() {
        let metrics = Metrics::new();
        metrics.render(Some(&now()));
        let text = metrics.render(Some(&now()));
        for line in [
            r#"warmline_agents{status="available"} 2"#,
            "warmline_agents_ready 1",
            r#"warmline_line_up{kind="sip",via="ozonetel"} 1"#,
            r#"warmline_lines{kind="sip",via="ozonetel"} 2"#,
            r#"warmline_line_up{kind="trunk",via="carrier"} 1"#,
            "warmline_draining 1",
            "warmline_dialogs 4",
            "warmline_store_pending 3",
            "warmline_store_errors_total 2",
        ] {
            assert!(has(&text, line), "{line} is missing in\n{text}");
        }
        assert!(!metrics.render(None).contains("warmline_line_up{"));
    }

    #[test]
    fn every_metric_has_our_prefix_or_is_the_process() {
        let metrics = Metrics::new();
        for line in metrics.render(Some(&now())).lines() {
            let name = line
                .trim_start_matches("# HELP ")
                .trim_start_matches("# TYPE ");
            let ours = name.starts_with("warmline_") || name.starts_with("process_");
            assert!(ours, "{line}");
        }
    }
}
