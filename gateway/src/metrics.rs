//! Every metric of the program, for Prometheus.
//!
//! What happens is counted as it happens; what *is* (agents, lines, draining) is asked for at each scrape, so that it
//! can't drift. Labels are bounded: ways out are configured, the rest are words of ours; never a call, an agent or a number.

mod media;
mod recordings;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::media::WorkerCounters;
use prometheus::{
    GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

use self::media::MediaMetrics;
pub use self::recordings::Recorded;
use self::recordings::Recordings;
use crate::agent::wire::{AgentView, Direction};
use crate::call::doctor::Step;
use crate::explain::Cause;
use crate::store::Standing;
use crate::switchboard::{Health, LineKind, LineView};

/// Cheap to clone; every clone counts into the same numbers.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Registered>);

#[derive(Debug)]
struct Registered {
    registry: Registry,
    /// Two scrapes at once would see each other's half-set gauges.
    rendering: Mutex<()>,

    /// Calls that ended. `direction` (outbound, inbound), `via` (ozonetel or a trunk's name), `outcome`
    /// (the `ended.reason` of the call).
    calls_total: IntCounterVec,
    /// Calls and refused dials by `cause` (the words of `CAUSES.md`).
    call_causes_total: IntCounterVec,
    /// Calls that haven't ended. `direction`.
    calls_active: IntGaugeVec,
    /// Seconds from the dial, or the INVITE, to the other side ringing or answering.
    call_setup_seconds: Histogram,
    /// Seconds from the answer to the first packet of audio towards a `side` (agent, customer).
    answer_to_audio_seconds: HistogramVec,

    /// Seconds of silence in a call that is up. `side` (agent, customer).
    dead_air_seconds: HistogramVec,

    /// SIP requests but for retransmissions. `method`, `direction` (in, out), `transport` (udp, tcp, tls, ws, wss).
    sip_requests_total: IntCounterVec,
    /// SIP responses received and sent. `method` of their request, `class` (1xx to 6xx).
    sip_responses_total: IntCounterVec,

    /// Lines that are up. `via` (ozonetel or a trunk's name), `kind` (sip, token, trunk).
    line_up: IntGaugeVec,
    /// Lines that should be up; labels as above.
    lines: IntGaugeVec,
    /// Connections of lines made again. `via`, `cause`.
    line_reconnects_total: IntCounterVec,
    /// Calls that a trunk brought beyond its limits, refused by 503. `via`.
    calls_shed_total: IntCounterVec,
    /// What was not read or not sent. `cause` (queue-full, too-long, unsent, overflow: a peer that doesn't read, stranger:
    /// an address that no trunk lists, flood: a stranger that sends much, crowded: connections too many).
    sip_dropped_total: IntCounterVec,

    /// Agents by `status`, as it is configured.
    agents: IntGaugeVec,
    /// Agents who could take a call now.
    agents_ready: IntGauge,
    /// Agents' pages that came back. `kind` (socket: its connection had broken, page: it was reloaded, elsewhere: another
    /// tab or device took the place).
    agent_reconnects_total: IntCounterVec,

    /// RTP packets. `leg` (agent, customer), `dir` (in: received, out: sent).
    rtp_packets_total: IntCounterVec,
    /// RTP packets received and not passed on. `cause`.
    rtp_dropped_packets_total: IntCounterVec,
    media_doctor_total: IntCounterVec,

    media: MediaMetrics,

    /// Messages of the provider that this version doesn't know.
    provider_unknown_messages_total: IntCounter,

    /// 1 while no new calls are taken.
    draining: IntGauge,

    /// SIP dialogs that aren't over.
    dialogs: IntGauge,
    /// SIP transactions that aren't over.
    transactions: IntGauge,
    /// Dials whose INVITE is awaited.
    expectations_open: IntGauge,
    /// Media legs.
    legs: IntGauge,
    /// Pairs of legs that are bridged.
    bridges: IntGauge,
    /// Port pairs (RTP and RTCP) of plain legs.
    rtp_ports_leased: IntGauge,
    /// Seconds from an expected INVITE to its 200, within the gateway.
    invite_answer_seconds: Histogram,

    /// Call records that aren't on the disk yet.
    store_pending: IntGauge,
    /// Attempts to write call records that failed.
    store_errors_total: IntCounter,
    /// Call records that were given up, because too many waited for the disk.
    store_dropped_total: IntCounter,

    recordings: Recordings,

    /// Events that a `sink` (a webhook's name) doesn't have yet.
    outbox_pending: IntGaugeVec,
    /// Seconds for which the oldest of them has waited. `sink`.
    outbox_oldest_seconds: GaugeVec,
    /// What came of telling webhooks. `outcome` (delivered; failed: tried again; given-up, expired: never to come;
    /// disabled: the receiver wants no more).
    webhook_deliveries_total: IntCounterVec,
    /// Recordings that are finished and not yet published.
    recordings_unpublished: IntGauge,
    /// Attempts to publish recordings that failed.
    recording_publish_errors_total: IntCounter,
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

/// What is at the moment of a scrape.
#[derive(Debug)]
pub struct Now {
    pub agents: Vec<AgentView>,
    pub lines: Vec<LineView>,
    pub health: Health,
    pub store: Standing,
}

impl Metrics {
    pub fn unknown_message(&self) {
        self.0.provider_unknown_messages_total.inc();
    }

    pub fn new() -> Self {
        let registry = Registry::new();
        let registered = Registered {
            calls_total: counters(
                &registry,
                "warmline_calls_total",
                "Calls that ended, by how they ended.",
                &["direction", "via", "outcome"],
            ),
            call_causes_total: counters(
                &registry,
                "warmline_call_causes_total",
                "Calls that ended and dials that were refused, by their cause.",
                &["cause"],
            ),
            calls_active: gauges(
                &registry,
                "warmline_calls_active",
                "Calls that haven't ended.",
                &["direction"],
            ),
            call_setup_seconds: histogram(
                &registry,
                "warmline_call_setup_seconds",
                "From the dial, or the INVITE, to ringing or answer.",
                SETUP_BUCKETS,
            ),
            answer_to_audio_seconds: histograms(
                &registry,
                "warmline_answer_to_audio_seconds",
                "From the answer to the first audio towards a side.",
                AUDIO_BUCKETS,
            ),
            dead_air_seconds: histograms(
                &registry,
                "warmline_dead_air_seconds",
                "For how long a side of a call that was up heard neither the other nor a prompt.",
                DEAD_AIR_BUCKETS,
            ),
            sip_requests_total: counters(
                &registry,
                "warmline_sip_requests_total",
                "SIP requests, without retransmissions.",
                &["method", "direction", "transport"],
            ),
            sip_responses_total: counters(
                &registry,
                "warmline_sip_responses_total",
                "SIP responses received and sent.",
                &["method", "class"],
            ),
            line_up: gauges(
                &registry,
                "warmline_line_up",
                "Lines that are up.",
                &["via", "kind"],
            ),
            lines: gauges(
                &registry,
                "warmline_lines",
                "Lines that should be up.",
                &["via", "kind"],
            ),
            line_reconnects_total: counters(
                &registry,
                "warmline_line_reconnects_total",
                "Connections of lines made again.",
                &["via", "cause"],
            ),
            calls_shed_total: counters(
                &registry,
                "warmline_calls_shed_total",
                "Calls of a trunk beyond its limits.",
                &["via"],
            ),
            sip_dropped_total: counters(
                &registry,
                "warmline_sip_dropped_total",
                "SIP that was not read or not sent.",
                &["cause"],
            ),
            agents: gauges(
                &registry,
                "warmline_agents",
                "Agents by status.",
                &["status"],
            ),
            agents_ready: gauge(
                &registry,
                "warmline_agents_ready",
                "Agents who could take a call now.",
            ),
            agent_reconnects_total: counters(
                &registry,
                "warmline_agent_reconnects_total",
                "Agents' pages that came back.",
                &["kind"],
            ),
            rtp_packets_total: counters(
                &registry,
                "warmline_rtp_packets_total",
                "RTP packets received and sent.",
                &["leg", "dir"],
            ),
            media_doctor_total: counters(
                &registry,
                "warmline_media_doctor_total",
                "What was done because nothing came from a customer, by step.",
                &["step"],
            ),
            rtp_dropped_packets_total: counters(
                &registry,
                "warmline_rtp_dropped_packets_total",
                "RTP packets received and not passed on.",
                &["cause"],
            ),
            provider_unknown_messages_total: counter(
                &registry,
                "warmline_provider_unknown_messages_total",
                "Messages of the provider that this version doesn't know.",
            ),
            draining: gauge(
                &registry,
                "warmline_draining",
                "1 while no new calls are taken.",
            ),
            dialogs: gauge(
                &registry,
                "warmline_dialogs",
                "SIP dialogs that aren't over.",
            ),
            transactions: gauge(
                &registry,
                "warmline_transactions",
                "SIP transactions that aren't over.",
            ),
            expectations_open: gauge(
                &registry,
                "warmline_expectations_open",
                "Dials whose INVITE is awaited.",
            ),
            media: MediaMetrics::new(&registry),
            legs: gauge(&registry, "warmline_legs", "Media legs."),
            rtp_ports_leased: gauge(
                &registry,
                "warmline_rtp_ports_leased",
                "Port pairs that customers' plain RTP legs have bound.",
            ),
            bridges: gauge(
                &registry,
                "warmline_bridges",
                "Pairs of media legs that are bridged.",
            ),
            invite_answer_seconds: histogram(
                &registry,
                "warmline_invite_answer_seconds",
                "From an expected INVITE to its 200, within the gateway.",
                ANSWER_BUCKETS,
            ),
            store_pending: gauge(
                &registry,
                "warmline_store_pending",
                "Call records that aren't on the disk yet.",
            ),
            store_errors_total: counter(
                &registry,
                "warmline_store_errors_total",
                "Attempts to write call records that failed.",
            ),
            store_dropped_total: counter(
                &registry,
                "warmline_store_dropped_total",
                "Call records that were given up, because too many waited for the disk.",
            ),
            recordings: Recordings::new(&registry),
            rendering: Mutex::new(()),
            outbox_pending: gauges(
                &registry,
                "warmline_outbox_pending",
                "Events that a sink doesn't have yet.",
                &["sink"],
            ),
            outbox_oldest_seconds: {
                let opts = Opts::new(
                    "warmline_outbox_oldest_seconds",
                    "For how long the oldest event that a sink doesn't have yet has waited.",
                );
                let metric = GaugeVec::new(opts, &["sink"]).expect(WELL_FORMED);
                register(&registry, metric.clone());
                metric
            },
            webhook_deliveries_total: counters(
                &registry,
                "warmline_webhook_deliveries_total",
                "What came of telling webhooks.",
                &["outcome"],
            ),
            recordings_unpublished: gauge(
                &registry,
                "warmline_recordings_unpublished",
                "Recordings that are finished and not yet published.",
            ),
            recording_publish_errors_total: counter(
                &registry,
                "warmline_recording_publish_errors_total",
                "Attempts to publish recordings that failed.",
            ),
            registry,
        };
        let build = gauges(
            &registered.registry,
            "warmline_build_info",
            "1, with the version as its label.",
            &["version"],
        );
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        #[cfg(target_os = "linux")]
        register(
            &registered.registry,
            prometheus::process_collector::ProcessCollector::for_self(),
        );
        Self(Arc::new(registered))
    }

    pub fn call_began(&self, direction: Direction) {
        let direction = direction_word(direction);
        self.0.calls_active.with_label_values(&[direction]).inc();
    }

    /// Spends one [`call_began`](Self::call_began). `outcome` is the call's `ended.reason`.
    pub fn call_ended(&self, direction: Direction, via: &str, outcome: &'static str) {
        let direction = direction_word(direction);
        self.0.calls_active.with_label_values(&[direction]).dec();
        self.0
            .calls_total
            .with_label_values(&[direction, via, outcome])
            .inc();
    }

    pub fn call_cause(&self, cause: Cause) {
        self.0
            .call_causes_total
            .with_label_values(&[cause.label()])
            .inc();
    }

    pub fn call_set_up(&self, after: Duration) {
        self.0.call_setup_seconds.observe(after.as_secs_f64());
    }

    pub fn invite_answered(&self, after: Duration) {
        self.0.invite_answer_seconds.observe(after.as_secs_f64());
    }

    /// How long a side of a call that was up heard nobody and nothing.
    pub fn dead_air(&self, side: Side, silent: Duration) {
        self.0
            .dead_air_seconds
            .with_label_values(&[side_word(side)])
            .observe(silent.as_secs_f64());
    }

    pub fn first_audio(&self, side: Side, after_answer: Duration) {
        self.0
            .answer_to_audio_seconds
            .with_label_values(&[side_word(side)])
            .observe(after_answer.as_secs_f64());
    }

    /// `method` is a peer's word: unknown ones count as `other`.
    pub fn sip_request(&self, method: &str, way: Way, transport: &'static str) {
        self.0
            .sip_requests_total
            .with_label_values(&[method_word(method), way_word(way), transport])
            .inc();
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
        self.0
            .sip_responses_total
            .with_label_values(&[method_word(method), class])
            .inc();
    }

    pub fn line_reconnected(&self, via: &str, cause: &'static str) {
        self.0
            .line_reconnects_total
            .with_label_values(&[via, cause])
            .inc();
    }

    pub fn agent_reconnected(&self, kind: Reconnect) {
        let kind = match kind {
            Reconnect::Socket => "socket",
            Reconnect::Page => "page",
            Reconnect::Elsewhere => "elsewhere",
        };
        self.0
            .agent_reconnects_total
            .with_label_values(&[kind])
            .inc();
    }

    pub fn call_shed(&self, via: &str) {
        self.0.calls_shed_total.with_label_values(&[via]).inc();
    }

    /// Adds what the sockets counted since they last told.
    pub fn sip_dropped(&self, cause: &'static str, messages: u64) {
        self.0
            .sip_dropped_total
            .with_label_values(&[cause])
            .inc_by(messages);
    }

    /// Adds what a worker counted since it last told.
    pub fn rtp_packets(&self, leg: Side, way: Way, packets: u64) {
        self.0
            .rtp_packets_total
            .with_label_values(&[side_word(leg), way_word(way)])
            .inc_by(packets);
    }

    /// Adds what a worker dropped since it last told.
    pub fn rtp_dropped(&self, cause: &'static str, packets: u64) {
        self.0
            .rtp_dropped_packets_total
            .with_label_values(&[cause])
            .inc_by(packets);
    }

    pub fn webhook(&self, outcome: &'static str) {
        self.0
            .webhook_deliveries_total
            .with_label_values(&[outcome])
            .inc();
    }

    /// What a sink of events lacks, and for how long.
    pub fn outbox(&self, sink: &str, pending: u64, oldest: Duration) {
        let registered = &self.0;
        registered
            .outbox_pending
            .with_label_values(&[sink])
            .set(pending.cast_signed());
        registered
            .outbox_oldest_seconds
            .with_label_values(&[sink])
            .set(oldest.as_secs_f64());
    }

    pub fn unpublished(&self, recordings: usize) {
        self.0.recordings_unpublished.set(as_gauge(recordings));
    }

    pub fn publish_failed(&self) {
        self.0.recording_publish_errors_total.inc();
    }

    /// Takes over what the media workers have counted since the start.
    pub fn media(&self, workers: &[WorkerCounters]) {
        self.0.media.set(workers);
    }

    pub fn doctored(&self, step: Step) {
        self.0
            .media_doctor_total
            .with_label_values(&[step.label()])
            .inc();
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
        self.line_up.reset();
        self.lines.reset();
        let Some(now) = now else {
            return;
        };
        for agent in &now.agents {
            self.agents.with_label_values(&[&agent.status.name]).inc();
        }
        let ready = now.agents.iter().filter(|agent| agent.ready).count();
        self.agents_ready.set(as_gauge(ready));
        for line in &now.lines {
            let labels = line_labels(line);
            self.lines.with_label_values(&labels).inc();
            let up = self.line_up.with_label_values(&labels);
            up.add(i64::from(line.up));
        }
        self.draining.set(i64::from(now.health.draining));
        let usage = now.health.usage;
        self.dialogs.set(as_gauge(usage.dialogs));
        self.transactions.set(as_gauge(usage.transactions));
        self.expectations_open.set(as_gauge(usage.expectations));
        self.legs.set(usage.legs.cast_signed());
        self.bridges.set(usage.bridges.cast_signed());
        self.rtp_ports_leased.set(usage.rtp_ports.cast_signed());
        self.store_pending.set(as_gauge(now.store.pending));
        catch_up(&self.store_errors_total, now.store.errors);
        catch_up(&self.store_dropped_total, now.store.dropped);
    }
}

/// An agent's lines are counted together: there are as many as agents.
fn line_labels(line: &LineView) -> [&str; 2] {
    match line.kind {
        LineKind::Sip => ["ozonetel", "sip"],
        LineKind::Token => ["ozonetel", "token"],
        LineKind::Trunk => [&line.id, "trunk"],
    }
}

fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::Outbound => "outbound",
        Direction::Inbound => "inbound",
    }
}

fn side_word(side: Side) -> &'static str {
    match side {
        Side::Agent => "agent",
        Side::Customer => "customer",
    }
}

fn way_word(way: Way) -> &'static str {
    match way {
        Way::In => "in",
        Way::Out => "out",
    }
}

fn method_word(method: &str) -> &'static str {
    METHODS
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("other")
}

/// Takes over what somebody else counts.
fn catch_up(counter: &IntCounter, total: u64) {
    counter.inc_by(total.saturating_sub(counter.get()));
}

fn as_gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    let metric = IntCounterVec::new(Opts::new(name, help), labels).expect(WELL_FORMED);
    register(registry, metric.clone());
    metric
}

fn counter(registry: &Registry, name: &str, help: &str) -> IntCounter {
    let metric = IntCounter::new(name, help).expect(WELL_FORMED);
    register(registry, metric.clone());
    metric
}

fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    let metric = IntGaugeVec::new(Opts::new(name, help), labels).expect(WELL_FORMED);
    register(registry, metric.clone());
    metric
}

fn gauge(registry: &Registry, name: &str, help: &str) -> IntGauge {
    let metric = IntGauge::new(name, help).expect(WELL_FORMED);
    register(registry, metric.clone());
    metric
}

fn histogram(registry: &Registry, name: &str, help: &str, buckets: &[f64]) -> Histogram {
    let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
    let metric = Histogram::with_opts(opts).expect(WELL_FORMED);
    register(registry, metric.clone());
    metric
}

/// One a side.
fn histograms(registry: &Registry, name: &str, help: &str, buckets: &[f64]) -> HistogramVec {
    let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
    let metric = HistogramVec::new(opts, &["side"]).expect(WELL_FORMED);
    register(registry, metric.clone());
    metric
}

fn register(registry: &Registry, metric: impl prometheus::core::Collector + 'static) {
    registry
        .register(Box::new(metric))
        .expect("every name is registered once");
}

const WELL_FORMED: &str = "names, labels and buckets are constants that a test has seen";

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

/// Seconds. A provider's dial takes some; 45 is where an expectation ends.
const SETUP_BUCKETS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 45.0];

/// Seconds. The aim is 10 ms for 99 of 100.
const ANSWER_BUCKETS: &[f64] = &[
    0.000_5, 0.001, 0.002, 0.003, 0.005, 0.007_5, 0.01, 0.015, 0.02, 0.05, 0.1, 0.5,
];

/// Seconds. The aim is 50 ms; past half a second people say "hello?" twice.
const AUDIO_BUCKETS: &[f64] = &[0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0];

/// Seconds. A quarter is what nobody notices; past two people hang up.
const DEAD_AIR_BUCKETS: &[f64] = &[0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::wire::{LineState, MediaState, StatusView};
    use crate::switchboard::Usage;

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
