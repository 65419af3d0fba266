//! What a worker counts. It alone writes, so counting needs no locked instruction.

use std::sync::atomic::{AtomicU64, Ordering};

use super::WorkerId;
use super::relay_times::{Delays, RelayTimes};
use crate::leg::{Discard, LegKind};

/// A worker's counters since the start; `legs`, `bridges` and `ports` are of now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerCounters {
    /// Whose they are.
    pub worker: WorkerId,
    /// Legs that exist.
    pub legs: u64,
    /// Pairs of legs that are bridged.
    pub bridges: u64,
    /// Port pairs that plain legs have bound.
    pub ports: u64,
    /// Browsers.
    pub agent: Traffic,
    /// SIP peers with ICE and DTLS.
    pub provider: Traffic,
    /// SIP peers with RTP/AVP.
    pub plain: Traffic,
    /// Packets sent, by the way that they took through the engine: a bounded set of label values.
    pub paths: Vec<(&'static str, u64)>,
    /// From the system call that received a packet to the one that sent it.
    pub relay_times: Delays,
    /// Packets that weren't relayed, by cause: a bounded set of label values.
    pub discarded: Vec<(&'static str, u64)>,
}

/// RTP packets of one kind of leg.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Accepted from such legs.
    pub packets_in: u64,
    /// Sent to such legs.
    pub packets_out: u64,
}

/// How a packet that was sent came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaPath {
    /// The other leg's, at most with A-law and µ-law changed by a table.
    Relay,
    /// Coded anew from the other leg's.
    Transcode,
    /// Ours.
    Prompt,
}

/// One writer, any number of readers.
#[derive(Debug, Default)]
pub struct Counters {
    legs: Count,
    bridges: Count,
    ports: Count,
    packets_in: [Count; LegKind::COUNT],
    packets_out: [Count; LegKind::COUNT],
    paths: [Count; MediaPath::ALL.len()],
    /// For the worker alone to add to.
    pub relay_times: RelayTimes,
    discarded: [Count; Discard::ALL.len()],
}

/// A number that one thread adds to and others read.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    pub fn add(&self, n: u64) {
        self.set(self.read() + n);
    }

    fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl MediaPath {
    const ALL: [Self; 3] = [Self::Relay, Self::Transcode, Self::Prompt];

    /// The metric's label.
    fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Transcode => "transcode",
            Self::Prompt => "prompt",
        }
    }
}

impl Counters {
    pub fn packet_in(&self, kind: LegKind) {
        self.packets_in[kind as usize].add(1);
    }

    pub fn packet_out(&self, kind: LegKind) {
        self.packets_out[kind as usize].add(1);
    }

    /// A packet went out that way.
    pub fn passed(&self, path: MediaPath) {
        self.paths[path as usize].add(1);
    }

    pub fn discarded(&self, cause: Discard) {
        if let Some(count) = self.discarded.get(cause as usize) {
            count.add(1);
        }
    }

    pub fn set_population(&self, legs: usize, bridges: usize, ports: usize) {
        self.legs.set(legs as u64);
        self.bridges.set(bridges as u64);
        self.ports.set(ports as u64);
    }

    pub fn legs(&self) -> u64 {
        self.legs.read()
    }

    pub fn snapshot(&self, worker: WorkerId) -> WorkerCounters {
        let traffic = |kind: LegKind| Traffic {
            packets_in: self.packets_in[kind as usize].read(),
            packets_out: self.packets_out[kind as usize].read(),
        };
        WorkerCounters {
            worker,
            legs: self.legs.read(),
            bridges: self.bridges.read(),
            ports: self.ports.read(),
            agent: traffic(LegKind::Agent),
            provider: traffic(LegKind::Provider),
            plain: traffic(LegKind::Plain),
            paths: MediaPath::ALL
                .into_iter()
                .map(|path| (path.name(), self.paths[path as usize].read()))
                .collect(),
            relay_times: self.relay_times.snapshot(),
            discarded: Discard::ALL
                .into_iter()
                .map(|cause| (cause.name(), self.discarded[cause as usize].read()))
                .collect(),
        }
    }
}
