//! What is counted of the lines to providers and carriers.

use prometheus::{IntCounter, IntCounterVec, IntGaugeVec, Registry};

use super::Metrics;
use super::declare::{counter, counters, gauges};
use crate::switchboard::{LineKind, LineView};

#[derive(Debug)]
pub(super) struct Lines {
    /// `via` (ozonetel or a trunk's name), `kind` (sip, token, trunk).
    up: IntGaugeVec,
    /// Labels as above.
    all: IntGaugeVec,
    /// `via`, `cause`.
    reconnects: IntCounterVec,
    /// `via`.
    shed: IntCounterVec,
    unknown_messages: IntCounter,
}

impl Lines {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            up: gauges(
                registry,
                "warmline_line_up",
                "Lines that are up.",
                &["via", "kind"],
            ),
            all: gauges(
                registry,
                "warmline_lines",
                "Lines that should be up.",
                &["via", "kind"],
            ),
            reconnects: counters(
                registry,
                "warmline_line_reconnects_total",
                "Connections of lines made again.",
                &["via", "cause"],
            ),
            shed: counters(
                registry,
                "warmline_calls_shed_total",
                "Calls of a trunk beyond its limits.",
                &["via"],
            ),
            unknown_messages: counter(
                registry,
                "warmline_provider_unknown_messages_total",
                "Messages of the provider that this version doesn't know.",
            ),
        }
    }

    pub(super) fn reset(&self) {
        self.up.reset();
        self.all.reset();
    }

    pub(super) fn set(&self, lines: &[LineView]) {
        for line in lines {
            let labels = labels(line);
            self.all.with_label_values(&labels).inc();
            let up = self.up.with_label_values(&labels);
            up.add(i64::from(line.up));
        }
    }
}

impl Metrics {
    pub fn line_reconnected(&self, via: &str, cause: &'static str) {
        let labels = [via, cause];
        self.0.lines.reconnects.with_label_values(&labels).inc();
    }

    /// A call beyond a trunk's limits was refused by 503.
    pub fn call_shed(&self, via: &str) {
        self.0.lines.shed.with_label_values(&[via]).inc();
    }

    pub fn unknown_message(&self) {
        self.0.lines.unknown_messages.inc();
    }
}

/// An agent's lines are counted together: there are as many as agents.
fn labels(line: &LineView) -> [&str; 2] {
    match line.kind {
        LineKind::Sip => ["ozonetel", "sip"],
        LineKind::Token => ["ozonetel", "token"],
        LineKind::Trunk => [&line.id, "trunk"],
    }
}
