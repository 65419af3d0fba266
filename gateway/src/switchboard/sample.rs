//! Takes over what the media workers counted, now and then: they only ever add up.

use media::{Traffic, WorkerCounters};

use super::task::Task;
use crate::metrics::{Metrics, Side, Way};

impl Task {
    /// Adds what was counted since the last time.
    pub(super) fn sample(&mut self) {
        let counters = self.engine.counters();
        for (n, now) in counters.iter().enumerate() {
            let before = self.counted.get(n);
            let earlier =
                |pick: fn(&WorkerCounters) -> Traffic| before.map_or(Traffic::default(), pick);
            add(&self.metrics, Side::Agent, now.agent, earlier(|w| w.agent));
            add(
                &self.metrics,
                Side::Customer,
                now.provider,
                earlier(|w| w.provider),
            );
            add(
                &self.metrics,
                Side::Customer,
                now.plain,
                earlier(|w| w.plain),
            );
            for (place, (cause, total)) in now.discarded.iter().enumerate() {
                let earlier = before
                    .and_then(|before| before.discarded.get(place))
                    .map_or(0, |(_, total)| *total);
                self.metrics
                    .rtp_dropped(cause, total.saturating_sub(earlier));
            }
        }
        self.metrics.media(&counters);
        self.counted = counters;
    }
}

fn add(metrics: &Metrics, side: Side, now: Traffic, before: Traffic) {
    metrics.rtp_packets(
        side,
        Way::In,
        now.packets_in.saturating_sub(before.packets_in),
    );
    metrics.rtp_packets(
        side,
        Way::Out,
        now.packets_out.saturating_sub(before.packets_out),
    );
}
