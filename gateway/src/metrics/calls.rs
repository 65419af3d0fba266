//! What is counted of calls.

use std::time::Duration;

use prometheus::{Histogram, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Registry};

use super::declare::{as_gauge, counters, gauge, gauges, histogram, histograms};
use super::{Metrics, Side};
use crate::agent::wire::Direction;
use crate::call::doctor::Step;
use crate::explain::Cause;
use crate::switchboard::Usage;

#[derive(Debug)]
pub(super) struct Calls {
    /// `direction` (outbound, inbound), `via` (ozonetel or a trunk's name), `outcome` (the `ended.reason` of the call).
    total: IntCounterVec,
    /// `cause` (the words of `CAUSES.md`).
    causes: IntCounterVec,
    /// `direction`.
    active: IntGaugeVec,
    set_up: Histogram,
    invite_answer: Histogram,
    /// `side` (agent, customer).
    answer_to_audio: HistogramVec,
    /// `side`.
    dead_air: HistogramVec,
    /// `step`.
    doctored: IntCounterVec,
    expectations: IntGauge,
}

impl Calls {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            total: counters(
                registry,
                "warmline_calls_total",
                "Calls that ended, by how they ended.",
                &["direction", "via", "outcome"],
            ),
            causes: counters(
                registry,
                "warmline_call_causes_total",
                "Calls that ended and dials that were refused, by their cause.",
                &["cause"],
            ),
            active: gauges(
                registry,
                "warmline_calls_active",
                "Calls that haven't ended.",
                &["direction"],
            ),
            set_up: histogram(
                registry,
                "warmline_call_setup_seconds",
                "From the dial, or the INVITE, to ringing or answer.",
                SETUP_BUCKETS,
            ),
            invite_answer: histogram(
                registry,
                "warmline_invite_answer_seconds",
                "From an expected INVITE to its 200, within the gateway.",
                ANSWER_BUCKETS,
            ),
            answer_to_audio: histograms(
                registry,
                "warmline_answer_to_audio_seconds",
                "From the answer to the first audio towards a side.",
                AUDIO_BUCKETS,
            ),
            dead_air: histograms(
                registry,
                "warmline_dead_air_seconds",
                "For how long a side of a call that was up heard neither the other nor a prompt.",
                DEAD_AIR_BUCKETS,
            ),
            doctored: counters(
                registry,
                "warmline_media_doctor_total",
                "What was done because nothing came from a customer, by step.",
                &["step"],
            ),
            expectations: gauge(
                registry,
                "warmline_expectations_open",
                "Dials whose INVITE is awaited.",
            ),
        }
    }

    pub(super) fn set(&self, usage: Usage) {
        self.expectations.set(as_gauge(usage.expectations));
    }
}

impl Metrics {
    pub fn call_began(&self, direction: Direction) {
        let labels = [direction_word(direction)];
        self.0.calls.active.with_label_values(&labels).inc();
    }

    /// Spends one [`call_began`](Self::call_began). `outcome` is the call's `ended.reason`.
    pub fn call_ended(&self, direction: Direction, via: &str, outcome: &'static str) {
        let direction = direction_word(direction);
        let calls = &self.0.calls;
        calls.active.with_label_values(&[direction]).dec();
        let labels = [direction, via, outcome];
        calls.total.with_label_values(&labels).inc();
    }

    pub fn call_cause(&self, cause: Cause) {
        let labels = [cause.label()];
        self.0.calls.causes.with_label_values(&labels).inc();
    }

    pub fn call_set_up(&self, after: Duration) {
        self.0.calls.set_up.observe(after.as_secs_f64());
    }

    pub fn invite_answered(&self, after: Duration) {
        self.0.calls.invite_answer.observe(after.as_secs_f64());
    }

    /// How long a side of a call that was up heard nobody and nothing.
    pub fn dead_air(&self, side: Side, silent: Duration) {
        let side = self.0.calls.dead_air.with_label_values(&[side.word()]);
        side.observe(silent.as_secs_f64());
    }

    pub fn first_audio(&self, side: Side, after_answer: Duration) {
        let waited = &self.0.calls.answer_to_audio;
        let side = waited.with_label_values(&[side.word()]);
        side.observe(after_answer.as_secs_f64());
    }

    pub fn doctored(&self, step: Step) {
        let labels = [step.label()];
        self.0.calls.doctored.with_label_values(&labels).inc();
    }
}

fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::Outbound => "outbound",
        Direction::Inbound => "inbound",
    }
}

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
