//! What a worker counts. It alone writes, so counting needs no locked instruction.

use std::sync::atomic::{AtomicU64, Ordering};

use super::WorkerId;
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
    /// Packets that were coded anew, because the codecs of a bridge can't meet.
    pub recoded: u64,
    /// Packets of prompts.
    pub played: u64,
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

/// One writer, any number of readers.
#[derive(Debug, Default)]
pub struct Counters {
    legs: Count,
    bridges: Count,
    ports: Count,
    packets_in: [Count; LegKind::COUNT],
    packets_out: [Count; LegKind::COUNT],
    recoded: Count,
    played: Count,
    discarded: [Count; Discard::ALL.len()],
}

#[derive(Debug, Default)]
struct Count(AtomicU64);

impl Count {
    fn add(&self, n: u64) {
        self.set(self.read() + n);
    }

    fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub fn packet_in(&self, kind: LegKind) {
        self.packets_in[kind as usize].add(1);
    }

    pub fn packet_out(&self, kind: LegKind) {
        self.packets_out[kind as usize].add(1);
    }

    pub fn recoded(&self) {
        self.recoded.add(1);
    }

    pub fn played(&self) {
        self.played.add(1);
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
            recoded: self.recoded.read(),
            played: self.played.read(),
            discarded: Discard::ALL
                .into_iter()
                .map(|cause| (cause.name(), self.discarded[cause as usize].read()))
                .collect(),
        }
    }
}
