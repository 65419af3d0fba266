//! One worker thread: its sockets, its legs, its clock.
//!
//! A wake-up drains the ready sockets into the slab, relays each packet in its slot and sends the
//! slots in batches; then come commands and deadlines, and one step of one handshake. The packet
//! path takes no lock, allocates nothing and writes no log.

mod command;
mod control;
mod due;
mod foresight;
mod receive;
mod recoded;
mod send;
mod stream;
mod tell;

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant, SystemTime};

pub use command::Command;
use rustc_hash::FxHashMap;

use super::counters::Counters;
use super::deadlines::{Armed, Deadlines};
use super::demux::Routes;
use super::early::Early;
use super::handshakes::Handshakes;
use super::pace::Pace;
use super::ports::{PortLease, Ports};
use super::random::Random;
use super::slab::{Outgoing, Received, Slab};
use super::socket::{self, BATCH, Poll, SocketKey, Wake};
use super::tcp::Tcp;
use super::{EngineConfig, EngineError, Event, IceTcp, LegId, WorkerId};
use crate::codec::CodecPolicy;
use crate::leg::Leg;
use crate::leg::path::Path;
use crate::peer::{Credentials, PeerOutput};
use crate::rtcp::Ntp;

/// A worker before and while it runs.
pub struct Worker {
    id: WorkerId,
    commands: Receiver<Command>,
    counters: Arc<Counters>,
    sink: Arc<dyn Fn(Event) + Send + Sync>,
    random: Random,
    ports: Ports,
    poll: Poll,
    wake: Arc<Wake>,
    webrtc: UdpSocket,
    tcp: Tcp,
    /// What candidates name.
    webrtc_address: SocketAddr,
    /// Sockets of plain legs by key. This map and the next two have keys of our own numbering, so
    /// nobody can aim at a hash.
    plain: FxHashMap<SocketKey, (LegId, PlainSocket)>,
    leases: FxHashMap<LegId, PortLease>,
    next_key: u32,
    legs: FxHashMap<LegId, Box<Entry>>,
    config: Arc<EngineConfig>,
    /// What everybody speaks, and those who were given another choice.
    policy: Arc<CodecPolicy>,
    policies: FxHashMap<LegId, Arc<CodecPolicy>>,
    routes: Routes,
    deadlines: Deadlines,
    handshakes: Handshakes,
    early: Early,
    slab: Slab,
    received: Vec<Received>,
    /// Who was behind their addresses when they came.
    peers: Vec<Option<LegId>>,
    outgoing: Vec<Outgoing>,
    backlog: Backlog,
    /// Packets relayed since the wake-up.
    relayed: u64,
    peer_outputs: Vec<PeerOutput>,
    /// Legs whose ICE goes on once the waiting commands are done.
    described: Vec<LegId>,
    /// Wall clock and monotonic clock of one instant, for RTCP's NTP timestamps.
    epoch: (Duration, Instant),
    /// The leg whose next step has a bug.
    #[cfg(test)]
    faulty: Option<LegId>,
}

/// Which of a plain leg's two sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PlainSocket {
    Rtp,
    Rtcp,
}

/// A leg with its place among the deadlines and ICE's credentials.
struct Entry {
    leg: Leg,
    armed: Armed,
    credentials: Option<Credentials>,
    /// What an offer of ours restarts ICE with, until it is answered.
    restarting: Option<Credentials>,
}

/// Whether a wake-up left packets behind. Then there is nothing to wait for: more than a wake-up's share has gathered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Backlog {
    #[default]
    None,
    Some,
}

/// Whether the worker goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Go,
    Stop,
}

impl Worker {
    pub fn new(
        id: WorkerId,
        config: Arc<EngineConfig>,
        commands: Receiver<Command>,
        counters: Arc<Counters>,
        sink: Arc<dyn Fn(Event) + Send + Sync>,
    ) -> Result<Self, EngineError> {
        let port = match config.webrtc_port {
            0 => 0,
            first => first.checked_add(id.0).ok_or_else(|| {
                EngineError::Config("webrtc_port leaves no ports for all workers".into())
            })?,
        };
        let bound = SocketAddr::new(config.bind_ip, port);
        let (webrtc, tcp) = bind(bound, config.ice_tcp).map_err(|source| EngineError::Io {
            what: format!("opening the WebRTC port {bound}"),
            source,
        })?;
        let (poll, wake) = watch(&webrtc, &tcp).map_err(|source| EngineError::Io {
            what: "watching the WebRTC port".into(),
            source,
        })?;
        let local = webrtc.local_addr().map_err(|source| EngineError::Io {
            what: format!("reading the address of {bound}"),
            source,
        })?;
        let since_1970 = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Ok(Self {
            id,
            commands,
            counters,
            sink,
            random: Random::new(&config.seed, id.0),
            ports: Ports::new(
                config.bind_ip,
                &config.rtp_ports,
                id.0.into(),
                config.workers,
            ),
            poll,
            wake,
            webrtc,
            tcp,
            webrtc_address: SocketAddr::new(config.public_ip, local.port()),
            plain: FxHashMap::default(),
            leases: FxHashMap::default(),
            next_key: FIRST_KEY,
            legs: FxHashMap::default(),
            policy: Arc::new(CodecPolicy::only(config.codecs.clone())),
            policies: FxHashMap::default(),
            routes: Routes::default(),
            deadlines: Deadlines::default(),
            handshakes: Handshakes::default(),
            early: Early::default(),
            slab: Slab::new(SLOTS),
            received: Vec::with_capacity(SLOTS),
            peers: Vec::with_capacity(SLOTS),
            outgoing: Vec::with_capacity(SLOTS),
            backlog: Backlog::None,
            relayed: 0,
            peer_outputs: Vec::with_capacity(16),
            described: Vec::new(),
            epoch: (since_1970, Instant::now()),
            #[cfg(test)]
            faulty: None,
            config,
        })
    }

    /// What wakes the worker up.
    pub fn wake(&self) -> Arc<Wake> {
        self.wake.clone()
    }

    /// Runs until [`Command::Stop`] or the engine is gone.
    pub fn run(mut self) {
        let mut ready = Vec::with_capacity(BATCH);
        let mut pace = Pace::default();
        let mut done = Instant::now();
        loop {
            let timeout = self.timeout(done);
            let pause = match std::mem::take(&mut self.backlog) {
                Backlog::None => pace.pause().min(timeout),
                Backlog::Some => Duration::ZERO,
            };
            if !pause.is_zero() {
                std::thread::sleep(pause);
            }
            if self.poll.wait(&mut ready, timeout).is_err() {
                // Only a bug makes epoll refuse; go on at a bearable pace.
                std::thread::sleep(Duration::from_millis(10));
            }
            let now = Instant::now();
            if ready.len() == BATCH {
                self.backlog = Backlog::Some;
            }
            for (n, &key) in ready.iter().enumerate() {
                self.foresee_ready(&ready, n);
                match key {
                    WAKE_KEY => self.wake.clear(),
                    LISTENER_KEY => self.accept(now),
                    WEBRTC_KEY => self.read_shared(now),
                    key if self.tcp.has(key) => self.read_stream(key, now),
                    SocketKey(_) => self.read_own(key, now),
                }
            }
            self.flush();
            self.time(now);
            if self.obey(now) == Flow::Stop {
                return;
            }
            self.expire(now);
            self.shake_hands(now);
            let began = done;
            done = Instant::now();
            pace.note(now.duration_since(began), done.duration_since(now));
        }
    }

    fn timeout(&self, now: Instant) -> Duration {
        let handshake = self.handshakes.due();
        [self.deadlines.next(), self.tcp.deadline(), handshake]
            .into_iter()
            .flatten()
            .min()
            .map_or(IDLE, |at| at.saturating_duration_since(now))
    }

    /// Notes how long the packets of this wake-up were inside.
    fn time(&mut self, now: Instant) {
        let relayed = std::mem::take(&mut self.relayed);
        if relayed > 0 {
            let inside = now.elapsed();
            self.counters.relay_times.add(relayed, inside);
        }
    }

    /// Removes every trace of a leg.
    fn forget(&mut self, leg: LegId, now: Instant) {
        self.policies.remove(&leg);
        let Some(entry) = self.legs.remove(&leg) else {
            return;
        };
        if let Some(other) = entry.leg.bridged
            && let Some(other) = self.legs.get_mut(&other)
        {
            other.leg.set_bridge(None);
        }
        self.routes.remove(leg);
        self.hang_up_all(leg);
        self.early.remove(leg);
        if let Path::Plain(path) = &entry.leg.path {
            self.plain.remove(&path.rtp);
            self.plain.remove(&path.rtcp);
        }
        if let Some(lease) = self.leases.remove(&leg) {
            self.ports.quarantine(lease, entry.leg.heard_stream(), now);
        }
        self.outgoing.retain(|datagram| {
            datagram.socket == WEBRTC_KEY
                || self.plain.contains_key(&datagram.socket)
                || self.tcp.has(datagram.socket)
        });
        self.count();
        self.emit(Event::Closed { leg });
    }

    fn ntp(&self, now: Instant) -> Ntp {
        let (wall, at) = self.epoch;
        Ntp::from_unix(wall + now.saturating_duration_since(at))
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Whose socket a datagram came in at.
#[derive(Debug, Clone, Copy)]
enum Owner {
    /// Everybody's: who is behind its source address.
    WebRtc(Option<LegId>),
    Plain(LegId, PlainSocket),
}

/// The socket of a key. A free function, so that the slab can be borrowed beside it.
fn source<'a>(
    webrtc: &'a UdpSocket,
    plain: &FxHashMap<SocketKey, (LegId, PlainSocket)>,
    leases: &'a FxHashMap<LegId, PortLease>,
    key: SocketKey,
) -> Option<&'a UdpSocket> {
    if key == WEBRTC_KEY {
        return Some(webrtc);
    }
    let &(leg, which) = plain.get(&key)?;
    let lease = leases.get(&leg)?;
    Some(match which {
        PlainSocket::Rtp => &lease.rtp,
        PlainSocket::Rtcp => &lease.rtcp,
    })
}

/// The UDP port, and the same number for TCP where it is wanted.
fn bind(bound: SocketAddr, tcp: IceTcp) -> io::Result<(UdpSocket, Tcp)> {
    let mut tries = 0;
    loop {
        let webrtc = UdpSocket::bind(bound)?;
        let tcp = match tcp {
            IceTcp::Off => Tcp::default(),
            IceTcp::Passive => match Tcp::listen(webrtc.local_addr()?) {
                Ok(tcp) => tcp,
                // A number that the system chose may be taken for TCP; another may not.
                Err(_) if bound.port() == 0 && tries < PORT_TRIES => {
                    tries += 1;
                    continue;
                }
                Err(error) => return Err(error),
            },
        };
        webrtc.set_nonblocking(true)?;
        socket::enlarge_buffers(&webrtc);
        return Ok((webrtc, tcp));
    }
}

fn watch(webrtc: &UdpSocket, tcp: &Tcp) -> io::Result<(Poll, Arc<Wake>)> {
    let (poll, wake) = (Poll::new()?, Arc::new(Wake::new()?));
    poll.add_socket(webrtc, WEBRTC_KEY)?;
    if let Some(listener) = tcp.listener() {
        poll.add_socket(listener, LISTENER_KEY)?;
    }
    poll.add_wake(&wake, WAKE_KEY)?;
    Ok((poll, wake))
}

const WAKE_KEY: SocketKey = SocketKey(0);
const WEBRTC_KEY: SocketKey = SocketKey(1);
const LISTENER_KEY: SocketKey = SocketKey(2);
/// Of plain legs' sockets and of connections.
const FIRST_KEY: u32 = 3;
/// A number that is free for UDP is nearly always free for TCP.
const PORT_TRIES: usize = 16;
/// Half a megabyte a worker: a wake-up at a thousand calls handles 50–100 packets.
const SLOTS: usize = 4 * BATCH;
/// What one socket may take of a wake-up.
const BATCHES_PER_SOCKET: usize = 4;
/// Commands that one wake-up obeys, so that packets never wait for a burst of them.
const COMMANDS_PER_WAKE: usize = 64;
/// Without any leg nothing is due.
const IDLE: Duration = Duration::from_secs(60);
