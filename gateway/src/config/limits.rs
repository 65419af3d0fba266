//! `[limits]`: how much is taken on, and for how long things wait.

use std::time::Duration;

use super::error::Fault;
use super::table::Table;

/// Bounds on load and patience.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Calls at a time in the whole process.
    pub calls: usize,
    /// Calls at a time of one agent.
    pub calls_per_agent: usize,
    /// How long an agent may write notes before the next call.
    pub wrap_up: Duration,
    /// How long a call waits for an agent whose page is gone.
    pub grace: Duration,
    /// How long calls may go on once the gateway has been asked to end.
    pub drain_timeout: Duration,
    /// SIP requests a second from one address outside every trunk's list.
    pub sip_rate_per_source: u32,
}

impl Limits {
    pub(super) const KEYS: &[&str] = &[
        "calls",
        "calls_per_agent",
        "wrap_up",
        "grace",
        "drain_timeout",
        "sip_rate_per_source",
    ];

    pub(super) fn read(table: Table<'_>) -> Result<Self, Fault> {
        let default = Self::default();
        let calls_per_agent = table.or("calls_per_agent", default.calls_per_agent)?;
        if calls_per_agent == 0 {
            return Err(table.fault("calls_per_agent", "must be at least 1"));
        }
        Ok(Self {
            calls: table.or("calls", default.calls)?,
            calls_per_agent,
            wrap_up: table.or("wrap_up", default.wrap_up)?,
            grace: table.or("grace", default.grace)?,
            drain_timeout: table.or("drain_timeout", default.drain_timeout)?,
            sip_rate_per_source: table.or("sip_rate_per_source", default.sip_rate_per_source)?,
        })
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls: CALLS,
            calls_per_agent: CALLS_PER_AGENT,
            wrap_up: WRAP_UP,
            grace: GRACE,
            drain_timeout: DRAIN_TIMEOUT,
            sip_rate_per_source: SIP_RATE_PER_SOURCE,
        }
    }
}

/// About what one small machine relays; an operator with more cores raises it.
const CALLS: usize = 2_000;

/// Talking is to one; with more, answering another call puts the first on hold.
const CALLS_PER_AGENT: usize = 1;

const WRAP_UP: Duration = Duration::from_secs(30);

/// A reload takes two seconds, a phone's change of network up to twenty.
const GRACE: Duration = Duration::from_secs(30);

/// Most talks have come to their end by then, and an upgrade doesn't take all night.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(300);

/// A registrar's OPTIONS and a few retries; a scanner sends hundreds.
const SIP_RATE_PER_SOURCE: u32 = 20;
