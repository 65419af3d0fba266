//! A line: SIP over a WebSocket (RFC 7118) that is opened again whenever it closes.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rustls::ClientConfig;
use signaling::{Flow, LineId, StreamId, Transport};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep_until, timeout};

use super::pace::Pace;
use super::websocket::{Reader, Received, Upgrade, Writer, open};
use super::{Backoff, Event, Registry, StreamWriter, lock};

/// Where a line goes.
#[derive(Debug, Clone)]
pub struct LineTarget {
    /// `wss://host:444/path` or `ws://…`.
    pub url: String,
    pub origin: Option<String>,
    pub user_agent: Option<String>,
    pub tls: Arc<ClientConfig>,
}

/// Keeps one line open.
#[derive(Debug)]
pub(super) struct Line {
    pub line: LineId,
    pub target: LineTarget,
    pub registry: Arc<Registry>,
    pub pace: Arc<Mutex<Pace>>,
    pub patience: Patience,
}

/// How a stream shows that it lives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub ping_every: Duration,
    pub pong_within: Duration,
}

/// Why we end a stream ourselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hangup {
    /// The peer doesn't read what it is sent.
    Overflow,
}

impl Line {
    /// Connects until `released`: its sender is dropped.
    pub(super) async fn keep(self, mut released: oneshot::Receiver<()>) {
        let mut random = StdRng::from_os_rng();
        let mut backoff = Backoff::default();
        let mut lost = Instant::now();
        loop {
            let lived = tokio::select! {
                _ = &mut released => return,
                opened = self.attempt() => match opened {
                    Ok((reader, writer)) => {
                        let since = Instant::now();
                        if !self.carry(reader, writer, &mut released).await {
                            return;
                        }
                        since.elapsed()
                    }
                    Err(cause) => {
                        let line = self.line;
                        if !self.registry.report(Event::LineConnectFailed { line, cause }).await {
                            return;
                        }
                        Duration::ZERO
                    }
                },
            };
            if lived >= STEADY {
                backoff = Backoff::default();
            }
            if lived > Duration::ZERO {
                lost = Instant::now();
            }
            let pause = if lost.elapsed() < CALLS_WAIT {
                backoff.pause_within(SOON, &mut random)
            } else {
                backoff.pause(&mut random)
            };
            let rested = Instant::now() + pause;
            tokio::select! {
                _ = &mut released => return,
                () = sleep_until(rested.into()) => {}
            }
        }
    }

    async fn attempt(&self) -> Result<(Reader, Writer), String> {
        let start = lock(&self.pace).reserve(Instant::now());
        sleep_until(start.into()).await;
        let upgrade = Upgrade {
            url: self.target.url.clone(),
            origin: self.target.origin.clone(),
            subprotocol: Some(SUBPROTOCOL.to_owned()),
            user_agent: self.target.user_agent.clone(),
            cookies: None,
            tls: self.target.tls.clone(),
        };
        open(&upgrade).await.map_err(|error| error.to_string())
    }

    /// Carries messages until the stream ends. `false`: it isn't to be opened again.
    async fn carry(
        &self,
        reader: Reader,
        mut writer: Writer,
        released: &mut oneshot::Receiver<()>,
    ) -> bool {
        let stream = self.registry.next_stream();
        let (queue, mut outgoing) = mpsc::channel(QUEUED_MESSAGES_AT_MOST);
        let (hangup, hung_up) = oneshot::channel();
        let queued = Arc::new(AtomicUsize::new(0));
        let entry = StreamWriter {
            queue: queue.clone(),
            queued: queued.clone(),
            hangup,
            serial: stream.0,
        };
        lock(&self.registry.streams).insert(stream, entry);
        let connected = Event::LineConnected {
            line: self.line,
            stream,
            transport: self.transport(),
        };
        let mut wanted = self.registry.report(connected).await;

        let (heard, last_heard) = watch::channel(Instant::now());
        let keep_alive_answers = Answers {
            queue,
            queued: queued.clone(),
        };
        let cause = tokio::select! {
            cause = self.read(stream, reader, heard, keep_alive_answers) => cause,
            cause = self.write(&mut writer, &mut outgoing, queued, last_heard) => cause,
            Ok(Hangup::Overflow) = hung_up => DEAF.to_owned(),
            _ = released => {
                wanted = false;
                // What was sent before the release, such as the end of a registration, still goes out.
                let farewell = async {
                    while let Ok(bytes) = outgoing.try_recv() {
                        writer.send(bytes).await?;
                    }
                    Ok::<(), String>(())
                };
                let _ = timeout(FAREWELL_PATIENCE, farewell).await;
                writer.close().await;
                "closed by us".to_owned()
            }
        };
        lock(&self.registry.streams).remove(&stream);
        let closed = Event::StreamClosed {
            stream,
            line: Some(self.line),
            cause,
        };
        self.registry.report(closed).await && wanted
    }

    /// Reads until the stream ends; returns why. Waits while the core is busy, and with it the peer.
    async fn read(
        &self,
        stream: StreamId,
        mut reader: Reader,
        heard: watch::Sender<Instant>,
        answers: Answers,
    ) -> String {
        let flow = Flow::Stream(stream);
        loop {
            let received = reader.read().await;
            heard.send_replace(Instant::now());
            let bytes = match received {
                Received::Message(bytes) => bytes,
                Received::Alive => continue,
                Received::Closed(cause) => return cause,
            };
            if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
                // A double CRLF is a ping of RFC 5626 §4.4.1, a single one its answer.
                if bytes.len() >= 4 {
                    answers.send();
                }
                continue;
            }
            if !self.registry.report(Event::Message { flow, bytes }).await {
                return "the program is stopping".to_owned();
            }
        }
    }

    /// Writes and pings until the stream is dead; returns why.
    async fn write(
        &self,
        writer: &mut Writer,
        outgoing: &mut mpsc::Receiver<Bytes>,
        queued: Arc<AtomicUsize>,
        last_heard: watch::Receiver<Instant>,
    ) -> String {
        let mut alive = Alive::Until(Instant::now() + self.patience.ping_every);
        loop {
            let (Alive::Until(due) | Alive::Asked { until: due, .. }) = alive;
            let sent = tokio::select! {
                message = outgoing.recv() => match message {
                    Some(bytes) => {
                        let length = bytes.len();
                        let sent = timeout(self.patience.pong_within, writer.send(bytes)).await;
                        queued.fetch_sub(length, Ordering::Relaxed);
                        sent.unwrap_or_else(|_| Err(DEAF.to_owned()))
                    }
                    // Only the registry's end and the reader's hold it: an overflow took the first.
                    None => return DEAF.to_owned(),
                },
                () = sleep_until(due.into()) => match alive {
                    Alive::Until(_) => {
                        let asked = Instant::now();
                        alive = Alive::Asked { asked, until: asked + self.patience.pong_within };
                        writer.ping().await
                    }
                    Alive::Asked { asked, .. } => {
                        if *last_heard.borrow() < asked {
                            return "the peer doesn't answer pings".to_owned();
                        }
                        alive = Alive::Until(asked + self.patience.ping_every);
                        Ok(())
                    }
                },
            };
            if let Err(cause) = sent {
                return cause;
            }
        }
    }

    fn transport(&self) -> Transport {
        if self.target.url.starts_with("wss:") {
            Transport::Wss
        } else {
            Transport::Ws
        }
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            ping_every: PING_EVERY,
            pong_within: PONG_WITHIN,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Alive {
    Until(Instant),
    Asked { asked: Instant, until: Instant },
}

/// Answers a peer's CRLF pings through the queue that everything else goes through.
struct Answers {
    queue: mpsc::Sender<Bytes>,
    queued: Arc<AtomicUsize>,
}

impl Answers {
    fn send(&self) {
        // Counted first: the writer must never take off what wasn't put on.
        self.queued.fetch_add(ANSWER.len(), Ordering::Relaxed);
        if self.queue.try_send(Bytes::from_static(ANSWER)).is_err() {
            self.queued.fetch_sub(ANSWER.len(), Ordering::Relaxed);
        }
    }
}

const DEAF: &str = "the peer doesn't read what it is sent";

/// A released line isn't worth more waiting.
const FAREWELL_PATIENCE: Duration = Duration::from_millis(500);

/// RFC 5626 §4.4.1.
const ANSWER: &[u8] = b"\r\n";

/// RFC 7118 §4.1.
const SUBPROTOCOL: &str = "sip";

/// Below the 30 s after which home routers and some proxies forget a connection.
const PING_EVERY: Duration = Duration::from_secs(25);

const PONG_WITHIN: Duration = Duration::from_secs(10);

/// Calls outlive their line's connection for as long; until then it is worth trying more often.
const CALLS_WAIT: Duration = Duration::from_secs(40);

/// The longest pause between attempts while calls wait.
const SOON: Duration = Duration::from_secs(4);

/// A stream that lived this long was a good one; the next failure starts from the shortest pause.
const STEADY: Duration = Duration::from_secs(30);

/// The bound that counts is in bytes; this one bounds the queue's own memory.
const QUEUED_MESSAGES_AT_MOST: usize = 512;
