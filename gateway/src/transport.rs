//! Sockets of signalling: they carry SIP messages and know nothing of them.
//!
//! Everything that comes in goes through one bounded queue into the switchboard. A datagram that finds it full is
//! dropped and counted, as the network might have done; a stream that finds it full isn't read until there is room.
//! What goes out never waits: a datagram is sent or lost, a stream has a bounded queue and dies when it overflows.

mod backoff;
mod line;
mod pace;
mod tls;
mod udp;
pub(crate) mod websocket;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use signaling::{Flow, LineId, SocketId, StreamId, Transport};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

pub use self::line::LineTarget;
pub use self::tls::{TlsError, client_config};

pub(crate) use self::backoff::Backoff;

use self::line::{Hangup, Line, Patience};
use self::pace::Pace;
use crate::switchboard::Input;

/// What the sockets report.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// One SIP message, whole on datagrams and on WebSockets.
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
}

/// All sockets of signalling. Dropping it closes them.
#[derive(Debug)]
pub struct Transports {
    registry: Arc<Registry>,
    lines: Mutex<HashMap<LineId, LineHandle>>,
    tasks: Mutex<JoinSet<()>>,
    pace: Arc<Mutex<Pace>>,
    patience: Patience,
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
}

impl Transports {
    pub fn new(events: mpsc::Sender<Input>) -> Self {
        Self::with_patience(events, Patience::default())
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
        }
    }

    pub fn losses(&self) -> Losses {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Losses {
            queue_full: count(&self.registry.queue_full),
            too_long: count(&self.registry.too_long),
            unsent: count(&self.registry.unsent),
            overflows: count(&self.registry.overflows),
        }
    }

    fn with_patience(events: mpsc::Sender<Input>, patience: Patience) -> Self {
        Self {
            registry: Arc::new(Registry::new(events)),
            lines: Mutex::default(),
            tasks: Mutex::default(),
            pace: Arc::new(Mutex::new(Pace::default())),
            patience,
        }
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
    sockets: Mutex<HashMap<SocketId, Arc<UdpSocket>>>,
    streams: Mutex<HashMap<StreamId, StreamWriter>>,
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
}

impl Registry {
    fn new(events: mpsc::Sender<Input>) -> Self {
        Self {
            events,
            sockets: Mutex::default(),
            streams: Mutex::default(),
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
        let mut streams = lock(&self.streams);
        let writer = streams.get(&stream).ok_or(SendError::Closed)?;
        let queued = writer.queued.fetch_add(bytes.len(), Ordering::Relaxed) + bytes.len();
        if queued <= QUEUED_BYTES_AT_MOST && writer.queue.try_send(bytes).is_ok() {
            return Ok(());
        }
        let writer = streams.remove(&stream).ok_or(SendError::Closed)?;
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
        self.events.send(Input::Transport(event)).await.is_ok()
    }
}

/// No holder of these locks panics half-way through a change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A stream's queue: dozens of the longest messages, or a peer that doesn't read.
const QUEUED_BYTES_AT_MOST: usize = 256 * 1024;
