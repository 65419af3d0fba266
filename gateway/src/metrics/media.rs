//! What is counted of legs and packets.
//!
//! The media workers count by themselves. They only add up; the sums are taken over here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use media::{Delays, WorkerCounters};
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Bucket, Histogram, Metric, MetricFamily, MetricType};
use prometheus::{IntCounterVec, IntGauge, Registry};

use super::declare::{catch_up, counters, gauge, register};
use super::{Metrics, Side, Way};
use crate::switchboard::Usage;

/// The engine's metrics.
#[derive(Debug)]
pub(super) struct MediaMetrics {
    /// `leg` (agent, customer), `dir` (in, out).
    rtp_packets_total: IntCounterVec,
    /// `cause`.
    rtp_dropped_packets_total: IntCounterVec,
    legs: IntGauge,
    bridges: IntGauge,
    rtp_ports_leased: IntGauge,
    /// Packets sent. `path` (relay, transcode, prompt): how they came to be.
    media_path_packets_total: IntCounterVec,
    /// Seconds that relayed packets spend inside.
    media_relay_seconds: RelaySeconds,
    /// Legs that are in no bridge.
    unbridged_legs: IntGauge,
}

/// A histogram that is counted elsewhere.
#[derive(Debug, Clone)]
struct RelaySeconds {
    description: Desc,
    counted: Arc<Mutex<Delays>>,
}

impl MediaMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            rtp_packets_total: counters(
                registry,
                "warmline_rtp_packets_total",
                "RTP packets received and sent.",
                &["leg", "dir"],
            ),
            rtp_dropped_packets_total: counters(
                registry,
                "warmline_rtp_dropped_packets_total",
                "RTP packets received and not passed on.",
                &["cause"],
            ),
            legs: gauge(registry, "warmline_legs", "Media legs."),
            bridges: gauge(
                registry,
                "warmline_bridges",
                "Pairs of media legs that are bridged.",
            ),
            rtp_ports_leased: gauge(
                registry,
                "warmline_rtp_ports_leased",
                "Port pairs that customers' plain RTP legs have bound.",
            ),
            media_path_packets_total: counters(
                registry,
                "warmline_media_path_packets_total",
                "RTP packets sent, by how they came to be: relayed, transcoded, or of a prompt.",
                &["path"],
            ),
            media_relay_seconds: register(registry, RelaySeconds::new()),
            unbridged_legs: gauge(
                registry,
                "warmline_unbridged_legs",
                "Media legs that are in no bridge: agents who wait, and callers who hear a prompt.",
            ),
        }
    }

    pub(super) fn set(&self, usage: Usage) {
        self.legs.set(usage.legs.cast_signed());
        self.bridges.set(usage.bridges.cast_signed());
        self.rtp_ports_leased.set(usage.rtp_ports.cast_signed());
    }

    /// Takes over every worker's counters of now.
    fn take_over(&self, workers: &[WorkerCounters]) {
        let mut delays = Delays::default();
        for worker in workers {
            add(&mut delays, &worker.relay_times);
        }
        for (path, packets) in workers.iter().flat_map(|worker| &worker.paths).fold(
            HashMap::<_, u64>::new(),
            |mut sums, (path, packets)| {
                *sums.entry(*path).or_default() += packets;
                sums
            },
        ) {
            catch_up(
                &self.media_path_packets_total.with_label_values(&[path]),
                packets,
            );
        }
        let unbridged = |worker: &WorkerCounters| worker.legs.saturating_sub(2 * worker.bridges);
        let unbridged: u64 = workers.iter().map(unbridged).sum();
        self.unbridged_legs.set(unbridged.cast_signed());
        *self.media_relay_seconds.lock() = delays;
    }
}

impl Metrics {
    /// Adds what a worker counted since it last told.
    pub fn rtp_packets(&self, leg: Side, way: Way, packets: u64) {
        let total = &self.0.media.rtp_packets_total;
        let counted = total.with_label_values(&[leg.word(), way.word()]);
        counted.inc_by(packets);
    }

    /// Adds what a worker dropped since it last told.
    pub fn rtp_dropped(&self, cause: &'static str, packets: u64) {
        let dropped = &self.0.media.rtp_dropped_packets_total;
        dropped.with_label_values(&[cause]).inc_by(packets);
    }

    /// Takes over what the media workers have counted since the start.
    pub fn media(&self, workers: &[WorkerCounters]) {
        self.0.media.take_over(workers);
    }
}

impl RelaySeconds {
    fn new() -> Self {
        let description = Desc::new(NAME.into(), HELP.into(), Vec::new(), HashMap::new());
        Self {
            description: description.expect("name and help are constants that a test has seen"),
            counted: Arc::default(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Delays> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector for RelaySeconds {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.description]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let delays = self.lock().clone();
        let mut below = 0;
        let mut histogram = Histogram::default();
        let buckets = delays.buckets.iter().map(|(bound, packets)| {
            below += packets;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(bound.as_secs_f64());
            bucket.set_cumulative_count(below);
            bucket
        });
        histogram.set_bucket(buckets.collect());
        histogram.set_sample_count(below + delays.beyond);
        histogram.set_sample_sum(delays.sum.as_secs_f64());
        let mut metric = Metric::default();
        metric.set_histogram(histogram);
        let mut family = MetricFamily::default();
        family.set_name(NAME.into());
        family.set_help(HELP.into());
        family.set_field_type(MetricType::HISTOGRAM);
        family.set_metric(vec![metric]);
        vec![family]
    }
}

fn add(sum: &mut Delays, other: &Delays) {
    if sum.buckets.is_empty() {
        sum.buckets = other.buckets.iter().map(|(bound, _)| (*bound, 0)).collect();
    }
    for ((_, packets), (_, more)) in sum.buckets.iter_mut().zip(&other.buckets) {
        *packets += more;
    }
    sum.beyond += other.beyond;
    sum.sum = sum.sum.checked_add(other.sum).unwrap_or(Duration::MAX);
}

const NAME: &str = "warmline_media_relay_seconds";
const HELP: &str =
    "From the system call that received a relayed RTP packet to the one that sent it.";

#[cfg(test)]
mod tests {
    use super::*;
    use media::{Traffic, WorkerCounters};
    use prometheus::TextEncoder;

    #[test]
    fn all_workers_are_added_up_and_nothing_twice() {
        let registry = Registry::new();
        let metrics = MediaMetrics::new(&registry);
        let engine = media::Engine::start(
            media::EngineConfig {
                public_ip: std::net::Ipv4Addr::LOCALHOST.into(),
                bind_ip: std::net::Ipv4Addr::LOCALHOST.into(),
                webrtc_port: 0,
                ice_tcp: media::IceTcp::Off,
                rtp_ports: 20_000..=20_001,
                workers: 1,
                pinning: media::Pinning::Off,
                codecs: vec![media::AudioCodec::Pcma],
                seed: [1; 32],
            },
            Box::new(|_| {}),
        );
        let worker = engine.expect("a loopback socket").counters().remove(0);
        let worker = WorkerCounters {
            legs: 5,
            bridges: 2,
            plain: Traffic::default(),
            paths: vec![("relay", 100), ("prompt", 7)],
            relay_times: Delays {
                buckets: vec![
                    (Duration::from_millis(1), 90),
                    (Duration::from_millis(10), 9),
                ],
                beyond: 1,
                sum: Duration::from_millis(250),
            },
            ..worker
        };
        metrics.take_over(&[worker.clone(), worker.clone()]);
        metrics.take_over(&[worker.clone(), worker]);
        let text = TextEncoder::new().encode_to_string(&registry.gather());
        let text = text.expect("well formed");
        for line in [
            "warmline_media_path_packets_total{path=\"relay\"} 200",
            "warmline_media_path_packets_total{path=\"prompt\"} 14",
            "warmline_unbridged_legs 2",
            "warmline_media_relay_seconds_bucket{le=\"0.001\"} 180",
            "warmline_media_relay_seconds_bucket{le=\"0.01\"} 198",
            "warmline_media_relay_seconds_bucket{le=\"+Inf\"} 200",
            "warmline_media_relay_seconds_sum 0.5",
            "warmline_media_relay_seconds_count 200",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }
}
