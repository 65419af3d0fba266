//! Sockets of signalling: they carry SIP messages and know nothing of them.
//!
//! Everything that comes in goes through one bounded queue into the switchboard. A datagram that finds it full is
//! dropped and counted, as the network might have done; a line's stream that finds it full isn't read until there is room.
//! Trunks' connections have a short queue of their own: a peer that floods one waits for itself, not datagrams for it.
//! What goes out never waits: a datagram is sent or lost, a stream has a bounded queue and dies when it overflows.

mod backoff;
mod connection;
mod door;
mod gate;
mod line;
mod pace;
pub(crate) mod resolve;
mod tls;
mod udp;
pub(crate) mod websocket;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::hash::Hash;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use ipnet::IpNet;
use signaling::{Flow, LineId, SocketId, StreamId, Transport};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

pub use self::door::Security;
pub use self::line::LineTarget;
pub use self::resolve::Target;
pub use self::tls::{TlsError, client_config, server_config};

pub(crate) use self::backoff::Backoff;

use self::connection::{Connection, Origin, Times};
use self::door::Door;
use self::gate::Gate;
use self::line::{Hangup, Line, Patience};
use self::pace::Pace;
use crate::config::{Listen, TrunkPeer};
use crate::switchboard::Input;

/// What the sockets report.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// One whole SIP message.
    Message { flow: Flow, bytes: Bytes },
    /// A line's stream is open; a fresh [`StreamId`] each time.
    LineConnected {
        line: LineId,
        stream: StreamId,
        transport: Transport,
    },
    /// Nothing more can be sent to it or will come from it. A line tries again.
    StreamClosed {
        stream: StreamId,
        line: Option<LineId>,
        cause: String,
    },
    /// One attempt failed; the next follows.
    LineConnectFailed { line: LineId, cause: String },
    /// A trunk's connection is gone, or couldn't be opened. What is sent to that address opens another.
    ConnectionClosed {
        socket: SocketId,
        peer: SocketAddr,
        cause: String,
    },
    /// Where the peers of a trunk are, in the order of trying; or why that can't be found out.
    Resolved {
        /// Its place in the configuration.
        trunk: usize,
        targets: Result<Vec<Target>, String>,
    },
}

/// All sockets of signalling. Dropping it closes them.
#[derive(Debug)]
pub struct Transports {
    registry: Arc<Registry>,
    doors: Mutex<HashMap<SocketId, Arc<Door>>>,
    lines: Mutex<HashMap<LineId, LineHandle>>,
    tasks: Mutex<JoinSet<()>>,
    pace: Arc<Mutex<Pace>>,
    patience: Patience,
    times: Times,
}

/// Why a message couldn't be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// No such socket or stream, or no longer.
    #[error("the flow is closed")]
    Closed,
    /// The system's buffer was full and the datagram is lost, or the stream's queue was and the stream is closed.
    #[error("the flow can't keep up")]
    Overflow,
    /// The system refused the datagram: unreachable, too long, or not to be sent there.
    #[error("the system refused the datagram")]
    Refused,
}

/// What was lost on purpose, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Losses {
    /// Datagrams that found the queue into the core full.
    pub queue_full: u64,
    /// Datagrams longer than any SIP message that is taken.
    pub too_long: u64,
    /// Datagrams that the system's send buffer had no room for.
    pub unsent: u64,
    /// Streams closed because their peers didn't read.
    pub overflows: u64,
    /// Datagrams and connections from addresses that no trunk lists.
    pub strangers: u64,
    /// Those of them that came faster than any mistake does.
    pub floods: u64,
    /// Connections of known peers that were too many.
    pub crowded: u64,
}

impl Transports {
    /// `events`: from everything but the trunks' connections, whose messages go to `arrivals`. A stranger that sends more
    /// than `rate_per_source` messages a second is told of.
    pub fn new(
        events: mpsc::Sender<Input>,
        arrivals: mpsc::Sender<Input>,
        rate_per_source: u32,
    ) -> Self {
        let registry = Registry::new(events, arrivals, Gate::new(rate_per_source));
        Self::with_patience(registry, Patience::default(), Times::default())
    }

    /// A queue for trunks' connections, of the length that keeps them from being heard before everybody else.
    pub fn arrivals() -> (mpsc::Sender<Input>, mpsc::Receiver<Input>) {
        mpsc::channel(ARRIVALS)
    }

    /// Lets these networks speak to a socket, and nobody else.
    pub fn admit(&self, socket: SocketId, networks: Vec<IpNet>) {
        self.registry.gate.admit(socket, networks);
    }

    /// Says what a peer is called in its certificate; without it, it is called by its address.
    pub fn name_peer(&self, socket: SocketId, peer: IpAddr, name: String) {
        if let Some(door) = lock(&self.doors).get(&socket) {
            lock(&door.names).insert(peer, name);
        }
    }

    /// Opens a place for TCP or TLS connections; returns the address with the port that the system chose. Without a
    /// certificate TLS connections are only opened from here, not taken.
    ///
    /// # Errors
    ///
    /// The system's, such as an address in use.
    pub async fn open_door(
        &self,
        socket: SocketId,
        address: SocketAddr,
        security: Security,
    ) -> io::Result<SocketAddr> {
        let takes = !matches!(security, Security::Tls { server: None, .. });
        let listener = match takes {
            true => Some(TcpListener::bind(address).await?),
            false => None,
        };
        let address = match &listener {
            Some(listener) => listener.local_addr()?,
            None => address,
        };
        let door = Arc::new(Door::new(socket, address, security, self.times));
        lock(&self.doors).insert(socket, door.clone());
        if let Some(listener) = listener {
            lock(&self.tasks).spawn(door.accept(listener, self.registry.clone()));
        }
        Ok(address)
    }

    /// Looks for a trunk's peers now and whenever what was found grows old; [`Event::Resolved`] tells.
    pub fn resolve(&self, trunk: usize, peers: Vec<TrunkPeer>, listen: Vec<Listen>) {
        let registry = self.registry.clone();
        lock(&self.tasks).spawn(resolve::keep(trunk, peers, listen, registry));
    }

    /// Opens a UDP socket and starts to read; returns the address with the port that the system chose.
    ///
    /// # Errors
    ///
    /// The system's, such as an address in use.
    pub async fn bind_udp(&self, socket: SocketId, address: SocketAddr) -> io::Result<SocketAddr> {
        let bound = Arc::new(UdpSocket::bind(address).await?);
        let address = bound.local_addr()?;
        // Before the runtime has seen it writable once, every send would be taken for one that finds no room.
        bound.writable().await?;
        lock(&self.registry.sockets).insert(socket, bound.clone());
        let registry = self.registry.clone();
        lock(&self.tasks).spawn(udp::receive(socket, bound, registry));
        Ok(address)
    }

    /// Keeps a line open until [`Self::disconnect_line`]; a line of the same id is replaced.
    pub fn connect_line(&self, line: LineId, target: LineTarget) {
        let (hold, released) = oneshot::channel();
        let keeper = Line {
            line,
            target,
            registry: self.registry.clone(),
            pace: self.pace.clone(),
            patience: self.patience,
        };
        let replaced = lock(&self.lines).insert(line, LineHandle { _hold: hold });
        drop(replaced);
        let mut tasks = lock(&self.tasks);
        // Lines that ended are of no further interest; their tasks are let go here.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(keeper.keep(released));
    }

    /// Closes a line's stream, with [`Event::StreamClosed`], and stops connecting it.
    pub fn disconnect_line(&self, line: LineId) {
        lock(&self.lines).remove(&line);
    }

    /// Sends one message; never waits.
    ///
    /// # Errors
    ///
    /// The message is lost. After [`SendError::Overflow`] of a stream that stream is closed.
    pub fn send(&self, flow: Flow, bytes: Bytes) -> Result<(), SendError> {
        match flow {
            Flow::Datagram { socket, peer } => self.registry.send_datagram(socket, peer, &bytes),
            Flow::Stream(stream) => self.registry.send_on_stream(stream, bytes),
            Flow::Connection { socket, peer } => {
                match self.registry.send_on_connection(socket, peer, &bytes) {
                    Err(SendError::Closed) => self.open_connection(socket, peer, bytes),
                    result => result,
                }
            }
        }
    }

    /// Opens a connection for a first message; should that fail, [`Event::ConnectionClosed`] tells.
    fn open_connection(
        &self,
        socket: SocketId,
        peer: SocketAddr,
        first: Bytes,
    ) -> Result<(), SendError> {
        let door = lock(&self.doors).get(&socket).cloned();
        let door = door.ok_or(SendError::Closed)?;
        let (connection, ends) = Connection::new(&self.registry, socket, peer, door.times);
        self.registry.send_on_connection(socket, peer, &first)?;
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            match door.open(peer).await {
                Ok(io) => connection.carry(io, ends, Origin::Opened).await,
                Err(error) => connection.close(error.to_string()).await,
            }
        });
        Ok(())
    }

    /// The turns at which all connections to the provider start, lines and token sockets alike.
    pub(crate) fn starts(&self) -> Starts {
        Starts(self.pace.clone())
    }

    pub fn losses(&self) -> Losses {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Losses {
            queue_full: count(&self.registry.queue_full),
            too_long: count(&self.registry.too_long),
            unsent: count(&self.registry.unsent),
            overflows: count(&self.registry.overflows),
            strangers: count(&self.registry.gate.counts.strangers),
            floods: count(&self.registry.gate.counts.floods),
            crowded: count(&self.registry.gate.counts.crowded),
        }
    }

    fn with_patience(registry: Registry, patience: Patience, times: Times) -> Self {
        Self {
            registry: Arc::new(registry),
            doors: Mutex::default(),
            lines: Mutex::default(),
            tasks: Mutex::default(),
            pace: Arc::new(Mutex::new(Pace::default())),
            patience,
            times,
        }
    }
}

/// Who opens a connection to the provider waits for its turn here.
#[derive(Debug, Clone, Default)]
pub struct Starts(Arc<Mutex<Pace>>);

impl Starts {
    pub(crate) fn reserve(&self, now: Instant) -> Instant {
        lock(&self.0).reserve(now)
    }
}

/// Dropping it ends the line.
#[derive(Debug)]
struct LineHandle {
    _hold: oneshot::Sender<()>,
}

/// What the sockets' tasks share with the senders. Locks are held for a look-up, never across a wait.
#[derive(Debug)]
struct Registry {
    events: mpsc::Sender<Input>,
    arrivals: mpsc::Sender<Input>,
    gate: Gate,
    sockets: Mutex<HashMap<SocketId, Arc<UdpSocket>>>,
    streams: Mutex<HashMap<StreamId, StreamWriter>>,
    connections: Mutex<HashMap<(SocketId, SocketAddr), StreamWriter>>,
    last_stream: AtomicU64,
    queue_full: AtomicU64,
    too_long: AtomicU64,
    unsent: AtomicU64,
    overflows: AtomicU64,
}

/// The sending end of a stream's task.
#[derive(Debug)]
struct StreamWriter {
    queue: mpsc::Sender<Bytes>,
    /// Bytes taken and not yet written.
    queued: Arc<std::sync::atomic::AtomicUsize>,
    hangup: oneshot::Sender<Hangup>,
    /// Tells it from an earlier one in its place.
    serial: u64,
}

impl Registry {
    fn new(events: mpsc::Sender<Input>, arrivals: mpsc::Sender<Input>, gate: Gate) -> Self {
        Self {
            events,
            arrivals,
            gate,
            sockets: Mutex::default(),
            streams: Mutex::default(),
            connections: Mutex::default(),
            last_stream: AtomicU64::new(0),
            queue_full: AtomicU64::new(0),
            too_long: AtomicU64::new(0),
            unsent: AtomicU64::new(0),
            overflows: AtomicU64::new(0),
        }
    }

    fn send_datagram(
        &self,
        socket: SocketId,
        peer: SocketAddr,
        bytes: &Bytes,
    ) -> Result<(), SendError> {
        let socket = lock(&self.sockets).get(&socket).cloned();
        let socket = socket.ok_or(SendError::Closed)?;
        match socket.try_send_to(bytes, peer) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.unsent.fetch_add(1, Ordering::Relaxed);
                Err(SendError::Overflow)
            }
            Err(error) => {
                tracing::debug!(%peer, %error, "a datagram wasn't sent");
                Err(SendError::Refused)
            }
        }
    }

    fn send_on_stream(&self, stream: StreamId, bytes: Bytes) -> Result<(), SendError> {
        self.send_to(&mut lock(&self.streams), stream, bytes)
    }

    fn send_on_connection(
        &self,
        socket: SocketId,
        peer: SocketAddr,
        bytes: &Bytes,
    ) -> Result<(), SendError> {
        let mut connections = lock(&self.connections);
        self.send_to(&mut connections, (socket, peer), bytes.clone())
    }

    fn send_to<K: Copy + Eq + Hash>(
        &self,
        writers: &mut HashMap<K, StreamWriter>,
        key: K,
        bytes: Bytes,
    ) -> Result<(), SendError> {
        let writer = writers.get(&key).ok_or(SendError::Closed)?;
        let queued = writer.queued.fetch_add(bytes.len(), Ordering::Relaxed) + bytes.len();
        if queued <= QUEUED_BYTES_AT_MOST && writer.queue.try_send(bytes).is_ok() {
            return Ok(());
        }
        let writer = writers.remove(&key).ok_or(SendError::Closed)?;
        self.overflows.fetch_add(1, Ordering::Relaxed);
        // The stream's task may be ending by itself just now.
        let _ = writer.hangup.send(Hangup::Overflow);
        Err(SendError::Overflow)
    }

    fn next_stream(&self) -> StreamId {
        StreamId(self.last_stream.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Waits while the queue into the core is full. `false`: the program is stopping.
    async fn report(&self, event: Event) -> bool {
        self.events.send(Input::arrived(event)).await.is_ok()
    }
}

/// No holder of these locks panics half-way through a change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Messages of trunks' connections that may wait. The core takes turns between them and everything else, so this only
/// says how far they run ahead of it.
const ARRIVALS: usize = 64;

/// A stream's queue: dozens of the longest messages, or a peer that doesn't read.
const QUEUED_BYTES_AT_MOST: usize = 256 * 1024;
