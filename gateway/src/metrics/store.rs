//! What is counted of call records, and of events on their way out of the store.

use std::time::Duration;

use prometheus::{GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry};

use super::Metrics;
use super::declare::{as_gauge, catch_up, counter, counters, gauge, gauges, seconds};
use crate::store::Standing;

#[derive(Debug)]
pub(super) struct Store {
    pending: IntGauge,
    errors: IntCounter,
    dropped: IntCounter,
    /// `sink` (a webhook's name).
    outbox_pending: IntGaugeVec,
    /// `sink`.
    outbox_oldest: GaugeVec,
    /// `outcome` (delivered; failed: tried again; given-up, expired: never to come; disabled: the receiver wants no more).
    deliveries: IntCounterVec,
}

impl Store {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            pending: gauge(
                registry,
                "warmline_store_pending",
                "Call records that aren't on the disk yet.",
            ),
            errors: counter(
                registry,
                "warmline_store_errors_total",
                "Attempts to write call records that failed.",
            ),
            dropped: counter(
                registry,
                "warmline_store_dropped_total",
                "Call records that were given up, because too many waited for the disk.",
            ),
            outbox_pending: gauges(
                registry,
                "warmline_outbox_pending",
                "Events that a sink doesn't have yet.",
                &["sink"],
            ),
            outbox_oldest: seconds(
                registry,
                "warmline_outbox_oldest_seconds",
                "For how long the oldest event that a sink doesn't have yet has waited.",
                &["sink"],
            ),
            deliveries: counters(
                registry,
                "warmline_webhook_deliveries_total",
                "What came of telling webhooks.",
                &["outcome"],
            ),
        }
    }

    pub(super) fn set(&self, standing: &Standing) {
        self.pending.set(as_gauge(standing.pending));
        catch_up(&self.errors, standing.errors);
        catch_up(&self.dropped, standing.dropped);
    }
}

impl Metrics {
    /// What a sink of events lacks, and for how long.
    pub fn outbox(&self, sink: &str, pending: u64, oldest: Duration) {
        let store = &self.0.store;
        let lacking = store.outbox_pending.with_label_values(&[sink]);
        lacking.set(pending.cast_signed());
        let waiting = store.outbox_oldest.with_label_values(&[sink]);
        waiting.set(oldest.as_secs_f64());
    }

    pub fn webhook(&self, outcome: &'static str) {
        self.0.store.deliveries.with_label_values(&[outcome]).inc();
    }
}
