//! Whether a peer is there: OPTIONS now and then, three silences say no (RFC 3261 §11).

use std::time::{Duration, Instant};

use super::transactions::Purpose;
use super::{Endpoint, Event, Owner, Path, Why};

/// One address of a trunk's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId(pub u32);

/// How a peer is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerConfig {
    /// The way to it.
    pub path: Path,
    /// What it is called, such as `sip:198.51.100.7`.
    pub uri: String,
    /// Between two pings of a peer that answers.
    pub interval: Duration,
}

/// What the pings say of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reachability {
    /// It answered, or wasn't asked yet.
    Up,
    /// One or two pings weren't answered.
    Suspect,
    /// Three weren't.
    Down,
}

/// A peer and what was heard of it.
#[derive(Debug)]
pub(super) struct Peer {
    config: PeerConfig,
    strikes: u32,
    due: Due,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// Nobody has been asked since.
    At(Instant),
    /// A ping is out; its transaction ends in an answer or in silence.
    Answer,
}

impl Peer {
    fn new(now: Instant, config: PeerConfig) -> Peer {
        Peer {
            strikes: 0,
            due: Due::At(now + config.interval),
            config,
        }
    }

    fn reachability(&self) -> Reachability {
        match self.strikes {
            0 => Reachability::Up,
            1..STRIKES => Reachability::Suspect,
            STRIKES.. => Reachability::Down,
        }
    }

    /// A peer that says anything else than that it can't serve is there: many refuse OPTIONS by 404, 405 or 403.
    fn handle_status(&mut self, now: Instant, status: u16) {
        self.strikes = match status {
            408 | 503 => (self.strikes + 1).min(STRIKES),
            _ => 0,
        };
        let pause = match self.reachability() {
            // A suspicion is to be settled soon.
            Reachability::Suspect => self.config.interval.min(SUSPECT_INTERVAL),
            Reachability::Up | Reachability::Down => self.config.interval,
        };
        self.due = Due::At(now + pause);
    }

    /// Below the interval, so that each ping has its answer before the next.
    fn patience(&self) -> Duration {
        self.config.interval.min(PATIENCE)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self.due {
            Due::At(at) => Some(at),
            Due::Answer => None,
        }
    }
}

impl Endpoint {
    /// Pings a peer, first after one interval: until then it counts as there. One of that number that was watched is replaced, and nothing held against it.
    pub fn watch(&mut self, now: Instant, peer: PeerId, config: PeerConfig) {
        self.peers.insert(peer, Peer::new(now, config));
        self.arm_peer(peer);
    }

    /// Pings it no more.
    pub fn unwatch(&mut self, peer: PeerId) {
        self.peers.remove(&peer);
        self.arm_peer(peer);
    }

    pub(super) fn peer_timeout(&mut self, now: Instant, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        peer.due = Due::Answer;
        let patience = peer.patience();
        let PeerConfig { path, uri, .. } = peer.config.clone();
        match self.send_options(now, path, &uri, Purpose::Watch(id)) {
            Some(ping) => self.give_up_at(ping, now + patience),
            None => self.peer_answered(now, id, 503),
        }
        self.arm_peer(id);
    }

    pub(super) fn peer_answered(&mut self, now: Instant, id: PeerId, status: u16) {
        // The answer to a ping of before it was replaced is no news.
        let Some(peer) = self
            .peers
            .get_mut(&id)
            .filter(|peer| peer.due == Due::Answer)
        else {
            return;
        };
        let before = peer.reachability();
        peer.handle_status(now, status);
        let reachability = peer.reachability();
        if reachability != before {
            self.tell(Event::Peer {
                peer: id,
                reachability,
                status,
            });
        }
        self.arm_peer(id);
    }

    fn arm_peer(&mut self, id: PeerId) {
        let at = self.peers.get(&id).and_then(Peer::poll_timeout);
        self.deadlines
            .set(Owner::Peer(id), at.map(|at| (at, Why::Ping)));
    }
}

/// Silences in a row after which a peer counts as gone.
const STRIKES: u32 = 3;

/// Time for four sends over UDP; a healthy peer answers at once.
const PATIENCE: Duration = Duration::from_secs(4);

const SUSPECT_INTERVAL: Duration = Duration::from_secs(5);
