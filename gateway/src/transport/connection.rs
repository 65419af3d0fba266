//! One TCP or TLS connection with a trunk's peer: messages in, messages out, and what ends it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use signaling::{Flow, Framed, SocketId, StreamFraming};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{timeout, timeout_at};

use super::line::Hangup;
use super::websocket::Io;
use super::{Event, Registry, StreamWriter, lock};
use crate::switchboard::Input;

/// How long a peer may keep us waiting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// For TLS.
    pub handshake: Duration,
    /// For the first message on a connection that it opened.
    pub first: Duration,
    /// For the rest of a message that has begun.
    pub partial: Duration,
    /// For anything at all.
    pub idle: Duration,
    /// Until it reads what it was sent.
    pub deaf: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(5),
            first: Duration::from_secs(10),
            partial: Duration::from_secs(32),
            // Longer than most peers' keep-alives, shorter than the memory of most firewalls.
            idle: Duration::from_secs(240),
            deaf: Duration::from_secs(32),
        }
    }
}

/// Who opened it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The peer, which has something to say then.
    Accepted,
    /// We, who had.
    Opened,
}

/// A connection, known to the senders from its making to its end.
pub(super) struct Connection {
    registry: Arc<Registry>,
    socket: SocketId,
    peer: SocketAddr,
    times: Times,
    serial: u64,
}

/// The task's ends of the queue that the senders fill.
pub(super) struct Ends {
    outgoing: mpsc::Receiver<Bytes>,
    answers: mpsc::WeakSender<Bytes>,
    queued: Arc<AtomicUsize>,
    hung_up: oneshot::Receiver<Hangup>,
}

impl Connection {
    /// Makes it known; what is sent from now on waits for [`Connection::carry`]. One to the same address that was known is
    /// sent nothing any more, and ends.
    pub fn new(
        registry: &Arc<Registry>,
        socket: SocketId,
        peer: SocketAddr,
        times: Times,
    ) -> (Self, Ends) {
        let serial = registry.next_stream().0;
        let (queue, outgoing) = mpsc::channel(QUEUED_MESSAGES_AT_MOST);
        let (hangup, hung_up) = oneshot::channel();
        let queued = Arc::new(AtomicUsize::new(0));
        let answers = queue.downgrade();
        let writer = StreamWriter {
            queue,
            queued: queued.clone(),
            hangup,
            serial,
        };
        lock(&registry.connections).insert((socket, peer), writer);
        let connection = Self {
            registry: registry.clone(),
            socket,
            peer,
            times,
            serial,
        };
        let ends = Ends {
            outgoing,
            answers,
            queued,
            hung_up,
        };
        (connection, ends)
    }

    /// Carries messages until the connection ends, and tells the core that it has.
    pub async fn carry(self, io: Box<dyn Io>, ends: Ends, origin: Origin) {
        let (reader, writer) = tokio::io::split(io);
        let Ends {
            mut outgoing,
            answers,
            queued,
            hung_up,
        } = ends;
        let cause = tokio::select! {
            biased;
            Ok(Hangup::Overflow) = hung_up => DEAF.to_owned(),
            cause = self.read(reader, origin, &answers, &queued) => cause,
            cause = self.write(writer, &mut outgoing, &queued) => cause,
        };
        self.close(cause).await;
    }

    /// Tells the core that nothing more can be sent, unless a younger connection has taken the place.
    pub async fn close(self, cause: String) {
        let (socket, peer) = (self.socket, self.peer);
        {
            let mut connections = lock(&self.registry.connections);
            match connections.get(&(socket, peer)) {
                Some(writer) if writer.serial != self.serial => return,
                Some(_) => drop(connections.remove(&(socket, peer))),
                // An overflow took it out.
                None => {}
            }
        }
        tracing::debug!(%peer, cause, "a trunk's connection is closed");
        let closed = Event::ConnectionClosed {
            socket,
            peer,
            cause,
        };
        // The program is stopping if nobody wants to know.
        let _ = self.registry.arrivals.send(Input::arrived(closed)).await;
    }

    /// Reads until the connection ends; returns why. Waits while the core is busy, and with it the peer.
    async fn read(
        &self,
        mut reader: impl AsyncRead + Unpin,
        origin: Origin,
        answers: &mpsc::WeakSender<Bytes>,
        queued: &AtomicUsize,
    ) -> String {
        let mut framing = StreamFraming::default();
        let mut buffer = vec![0; READ_BUFFER];
        let mut waiting = match origin {
            Origin::Accepted => Waiting::First(Instant::now()),
            Origin::Opened => Waiting::Idle,
        };
        loop {
            let due = waiting.until(Instant::now(), &self.times);
            let length = match timeout_at(due.into(), reader.read(&mut buffer)).await {
                Err(_) => return waiting.words().to_owned(),
                Ok(Ok(0)) => return "the peer closed it".to_owned(),
                Ok(Ok(length)) => length,
                Ok(Err(error)) => return error.to_string(),
            };
            framing.handle_bytes(&buffer[..length]);
            loop {
                match framing.poll_framed() {
                    Ok(Some(Framed::Ping)) => answer(answers, queued),
                    Ok(Some(Framed::Message(bytes))) => {
                        waiting = Waiting::Idle;
                        if !self.report(bytes).await {
                            return "the program is stopping".to_owned();
                        }
                    }
                    Ok(None) => break,
                    Err(error) => return error.to_string(),
                }
            }
            waiting = waiting.after(framing.is_partial(), Instant::now());
        }
    }

    async fn report(&self, bytes: Bytes) -> bool {
        let flow = Flow::Connection {
            socket: self.socket,
            peer: self.peer,
        };
        let message = Event::Message { flow, bytes };
        let sent = self.registry.arrivals.send(Input::arrived(message));
        sent.await.is_ok()
    }

    /// Writes until the connection ends; returns why.
    async fn write(
        &self,
        mut writer: impl AsyncWrite + Unpin,
        outgoing: &mut mpsc::Receiver<Bytes>,
        queued: &AtomicUsize,
    ) -> String {
        while let Some(bytes) = outgoing.recv().await {
            let written = async {
                writer.write_all(&bytes).await?;
                writer.flush().await
            };
            let result = timeout(self.times.deaf, written).await;
            queued.fetch_sub(bytes.len(), Ordering::Relaxed);
            match result {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return error.to_string(),
                Err(_) => return DEAF.to_owned(),
            }
        }
        // What was written stays readable for the peer.
        let _ = timeout(FAREWELL_PATIENCE, writer.shutdown()).await;
        "another connection took its place".to_owned()
    }
}

/// What a peer is waited for.
#[derive(Debug, Clone, Copy)]
enum Waiting {
    /// Its first message, since then.
    First(Instant),
    /// The rest of a message, since then.
    Rest(Instant),
    Idle,
}

impl Waiting {
    fn until(self, now: Instant, times: &Times) -> Instant {
        match self {
            Self::First(since) => since + times.first,
            Self::Rest(since) => since + times.partial,
            Self::Idle => now + times.idle,
        }
    }

    /// Bytes came. `partial`: a message has begun and isn't whole.
    fn after(self, partial: bool, now: Instant) -> Self {
        match (self, partial) {
            // Crumbs don't buy time.
            (Self::First(_) | Self::Rest(_), true) | (Self::First(_), false) => self,
            (Self::Idle, true) => Self::Rest(now),
            (Self::Rest(_) | Self::Idle, false) => Self::Idle,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::First(_) => "the peer said nothing",
            Self::Rest(_) => "the peer doesn't finish its message",
            Self::Idle => "nothing came for long",
        }
    }
}

/// Answers a keep-alive through the queue that everything else goes through; one that finds it full is lost.
fn answer(answers: &mpsc::WeakSender<Bytes>, queued: &AtomicUsize) {
    let Some(queue) = answers.upgrade() else {
        return;
    };
    let pong = Bytes::from_static(StreamFraming::PONG);
    // Counted first: the writer must never take off what wasn't put on.
    queued.fetch_add(pong.len(), Ordering::Relaxed);
    if queue.try_send(pong).is_err() {
        queued.fetch_sub(StreamFraming::PONG.len(), Ordering::Relaxed);
    }
}

const DEAF: &str = "the peer doesn't read what it is sent";

/// An INVITE with SDP is about this long.
const READ_BUFFER: usize = 4 * 1024;

/// The bound that counts is in bytes; this one bounds the queue's own memory.
const QUEUED_MESSAGES_AT_MOST: usize = 512;

const FAREWELL_PATIENCE: Duration = Duration::from_millis(500);
