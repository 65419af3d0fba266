//! Who may speak to our sockets: the networks of their trunks. Strangers hear nothing, and are counted.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ipnet::IpNet;
use signaling::SocketId;
use signaling::admission::{Admission, Limits, Verdict};

use super::lock;

/// Asked for each datagram and each connection, before a byte of it is read.
#[derive(Debug)]
pub(super) struct Gate {
    open_to: Mutex<HashMap<SocketId, Vec<IpNet>>>,
    strangers: Mutex<Admission>,
    pub counts: Turned,
}

/// Who was turned away, since the start.
#[derive(Debug, Default)]
pub(super) struct Turned {
    /// Datagrams and connections from addresses that no trunk lists.
    pub strangers: AtomicU64,
    /// Those of them that came faster than any mistake does.
    pub floods: AtomicU64,
    /// Connections of known peers that were too many.
    pub crowded: AtomicU64,
}

impl Gate {
    /// `rate`: messages a second from one stranger that are still no flood.
    pub fn new(rate: u32) -> Self {
        let default = Limits::default();
        let limits = Limits {
            messages: rate.saturating_mul(COUNTED.as_secs() as u32).max(1),
            interval: COUNTED,
            ..default
        };
        Self {
            open_to: Mutex::default(),
            strangers: Mutex::new(Admission::new(limits)),
            counts: Turned::default(),
        }
    }

    /// From now on these networks, and no others.
    pub fn admit(&self, socket: SocketId, networks: Vec<IpNet>) {
        lock(&self.open_to).insert(socket, networks);
    }

    /// Whether a source may speak. A stranger is counted; one that floods is told of once in a while.
    pub fn admits(&self, now: Instant, socket: SocketId, source: IpAddr) -> bool {
        let source = source.to_canonical();
        let known = lock(&self.open_to)
            .get(&socket)
            .is_some_and(|networks| networks.iter().any(|network| network.contains(&source)));
        if known {
            return true;
        }
        self.counts.strangers.fetch_add(1, Ordering::Relaxed);
        let verdict = lock(&self.strangers).admit(now, source);
        match verdict {
            Verdict::Admit => {
                tracing::debug!(%source, "an address that no trunk lists isn't heard");
            }
            Verdict::Ban => {
                self.counts.floods.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(%source, "an address that no trunk lists floods a trunk's socket; it isn't heard");
            }
            Verdict::Drop => {
                self.counts.floods.fetch_add(1, Ordering::Relaxed);
            }
        }
        false
    }
}

/// Over what time a stranger's messages are counted.
const COUNTED: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_networks_pass_each_at_its_socket() {
        let gate = Gate::new(20);
        let (one, other) = (SocketId(1), SocketId(2));
        gate.admit(one, vec!["198.51.100.0/24".parse().expect("a network")]);
        let now = Instant::now();
        let ask =
            |socket, source: &str| gate.admits(now, socket, source.parse().expect("an address"));
        assert!(ask(one, "198.51.100.7"));
        assert!(ask(one, "::ffff:198.51.100.7"));
        assert!(!ask(one, "203.0.113.7"));
        assert!(!ask(other, "198.51.100.7"));
        assert_eq!(gate.counts.strangers.load(Ordering::Relaxed), 2);
        gate.admit(one, Vec::new());
        assert!(!ask(one, "198.51.100.7"), "the trunk moved");
    }

    #[test]
    fn a_stranger_that_floods_is_counted_as_such() {
        let gate = Gate::new(20);
        let now = Instant::now();
        for _ in 0..45 {
            gate.admits(now, SocketId(1), "203.0.113.7".parse().expect("an address"));
        }
        assert_eq!(gate.counts.floods.load(Ordering::Relaxed), 5);
    }
}
