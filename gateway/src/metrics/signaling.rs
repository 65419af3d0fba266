//! What is counted of SIP.

use prometheus::{IntCounterVec, IntGauge, Registry};

use super::declare::{as_gauge, counters, gauge};
use super::{Metrics, Way};
use crate::switchboard::Usage;

#[derive(Debug)]
pub(super) struct Signaling {
    /// `method`, `direction` (in, out), `transport` (udp, tcp, tls, ws, wss).
    requests: IntCounterVec,
    /// `method` of their request, `class` (1xx to 6xx).
    responses: IntCounterVec,
    /// `cause` (queue-full, too-long, unsent, overflow: a peer that doesn't read, stranger: an address that no trunk
    /// lists, flood: a stranger that sends much, crowded: connections too many).
    dropped: IntCounterVec,
    dialogs: IntGauge,
    transactions: IntGauge,
}

impl Signaling {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            requests: counters(
                registry,
                "warmline_sip_requests_total",
                "SIP requests, without retransmissions.",
                &["method", "direction", "transport"],
            ),
            responses: counters(
                registry,
                "warmline_sip_responses_total",
                "SIP responses received and sent.",
                &["method", "class"],
            ),
            dropped: counters(
                registry,
                "warmline_sip_dropped_total",
                "SIP that was not read or not sent.",
                &["cause"],
            ),
            dialogs: gauge(
                registry,
                "warmline_dialogs",
                "SIP dialogs that aren't over.",
            ),
            transactions: gauge(
                registry,
                "warmline_transactions",
                "SIP transactions that aren't over.",
            ),
        }
    }

    pub(super) fn set(&self, usage: Usage) {
        self.dialogs.set(as_gauge(usage.dialogs));
        self.transactions.set(as_gauge(usage.transactions));
    }
}

impl Metrics {
    /// `method` is a peer's word: unknown ones count as `other`.
    pub fn sip_request(&self, method: &str, way: Way, transport: &'static str) {
        let labels = [method_word(method), way.word(), transport];
        self.0.signaling.requests.with_label_values(&labels).inc();
    }

    pub fn sip_response(&self, method: &str, status: u16) {
        let class = match status / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            5 => "5xx",
            _ => "6xx",
        };
        let labels = [method_word(method), class];
        self.0.signaling.responses.with_label_values(&labels).inc();
    }

    /// Adds what the sockets counted since they last told.
    pub fn sip_dropped(&self, cause: &'static str, messages: u64) {
        let dropped = self.0.signaling.dropped.with_label_values(&[cause]);
        dropped.inc_by(messages);
    }
}

fn method_word(method: &str) -> &'static str {
    METHODS
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("other")
}

/// RFC 3261 and the extensions in use.
const METHODS: [&str; 14] = [
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "OPTIONS",
    "REGISTER",
    "PRACK",
    "UPDATE",
    "INFO",
    "REFER",
    "NOTIFY",
    "SUBSCRIBE",
    "MESSAGE",
    "PUBLISH",
];
