//! What is counted of recordings.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Registry};

use super::Metrics;
use super::declare::{as_gauge, counter, counters, gauge};

#[derive(Debug)]
pub(super) struct Recordings {
    /// Recordings that ended. `status` (completed, truncated, failed).
    total: IntCounterVec,
    /// Octets in the spool.
    spool_bytes: IntGauge,
    /// Frames that came and that no recording holds.
    dropped_frames: IntCounter,
    /// Recordings that are finished and not yet published.
    unpublished: IntGauge,
    /// Attempts to publish recordings that failed.
    publish_errors: IntCounter,
}

/// How a recording ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// With its call.
    Completed,
    /// With the gateway, and was recovered.
    Truncated,
    Failed,
}

impl Recordings {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            total: counters(
                registry,
                "warmline_recordings_total",
                "Recordings that ended, by how.",
                &["status"],
            ),
            spool_bytes: gauge(
                registry,
                "warmline_recording_spool_bytes",
                "Octets of recordings in progress and of those that aren't published yet.",
            ),
            dropped_frames: counter(
                registry,
                "warmline_recording_dropped_frames_total",
                "Frames of audio that came and that no recording holds.",
            ),
            unpublished: gauge(
                registry,
                "warmline_recordings_unpublished",
                "Recordings that are finished and not yet published.",
            ),
            publish_errors: counter(
                registry,
                "warmline_recording_publish_errors_total",
                "Attempts to publish recordings that failed.",
            ),
        }
    }
}

impl Recorded {
    fn label(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Truncated => "truncated",
            Self::Failed => "failed",
        }
    }
}

impl Metrics {
    pub fn recording_ended(&self, how: Recorded) {
        let labels = [how.label()];
        self.0.recordings.total.with_label_values(&labels).inc();
    }

    pub fn recording_spool(&self, octets: u64) {
        self.0.recordings.spool_bytes.set(octets.cast_signed());
    }

    pub fn recording_dropped(&self, frames: u64) {
        self.0.recordings.dropped_frames.inc_by(frames);
    }

    pub fn unpublished(&self, recordings: usize) {
        self.0.recordings.unpublished.set(as_gauge(recordings));
    }

    pub fn publish_failed(&self) {
        self.0.recordings.publish_errors.inc();
    }
}
