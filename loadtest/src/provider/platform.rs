//! What the provider's parts share. Each lock covers one small piece of bookkeeping and is never held across an await.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::Value;
use tokio::sync::broadcast;
use tokio::task::JoinSet;

use super::ProviderConfig;
use super::binding::Bindings;
use super::customer::Directory;
use super::public_api::Logins;
use super::record::{Calls, State};
use super::seat::Seats;
use super::sip::{Message, Start};

/// The simulated platform behind both sockets.
#[derive(Debug)]
pub struct Platform {
    pub config: ProviderConfig,
    /// Where the registrar listens; it stands in Via and Contact.
    pub sip: SocketAddr,
    pub lines: Shared<Bindings>,
    pub seats: Shared<Seats>,
    pub calls: Shared<Calls>,
    pub directory: Shared<Directory>,
    pub journal: Shared<Journal>,
    pub logins: Shared<Logins>,
    /// Whether token sockets are taken; a test may say no for a while.
    pub token_door: AtomicBool,
    milestones: broadcast::Sender<Milestone>,
    tasks: Shared<JoinSet<()>>,
    dials: AtomicU64,
}

/// A value behind a lock that a panic elsewhere doesn't poison.
#[derive(Debug, Default)]
pub struct Shared<T>(Mutex<T>);

/// The token socket's frames as they were, and the rules that clients broke.
#[derive(Debug, Default)]
pub struct Journal {
    pub frames: VecDeque<Frame>,
    pub breaches: VecDeque<Breach>,
}

/// One message on a token socket, verbatim.
#[derive(Debug, Clone, Serialize)]
pub struct Frame {
    /// Epoch milliseconds.
    pub at_ms: u64,
    pub direction: Direction,
    /// Counts the sockets of this provider.
    pub socket: u64,
    pub text: String,
}

/// Seen from the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    In,
    Out,
}

/// A rule that a client broke, in words.
#[derive(Debug, Clone, Serialize)]
pub struct Breach {
    pub at_ms: u64,
    pub what: String,
}

/// What is worth a line of output.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Milestone {
    TokenOpened {
        socket: u64,
    },
    TokenClosed {
        socket: u64,
    },
    AgentLoggedIn {
        agent: String,
        extension: String,
    },
    Registered {
        extension: String,
        contact: String,
    },
    Unregistered {
        extension: String,
    },
    Dialled {
        ucid: String,
        agent: String,
        number: String,
    },
    Call {
        ucid: String,
        #[serde(flatten)]
        state: State,
    },
    Breach {
        what: String,
    },
}

/// No line of that extension can be written to.
#[derive(Debug)]
pub struct LineDown;

impl Platform {
    pub fn new(config: ProviderConfig, sip: SocketAddr) -> Self {
        Self {
            config,
            sip,
            lines: Shared::default(),
            seats: Shared::default(),
            calls: Shared::default(),
            directory: Shared::default(),
            journal: Shared::default(),
            logins: Shared::default(),
            token_door: AtomicBool::new(true),
            milestones: broadcast::channel(MILESTONES).0,
            tasks: Shared::default(),
            dials: AtomicU64::new(0),
        }
    }

    /// Runs a task that ends with the provider at the latest.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// Ends every task at its next await.
    pub fn abort_tasks(&self) -> JoinSet<()> {
        let mut tasks = std::mem::take(&mut *self.tasks.lock());
        tasks.abort_all();
        tasks
    }

    pub fn milestones(&self) -> broadcast::Receiver<Milestone> {
        self.milestones.subscribe()
    }

    pub fn announce(&self, milestone: Milestone) {
        tracing::debug!(?milestone);
        // Nobody has to listen.
        let _ = self.milestones.send(milestone);
    }

    pub fn report_breach(&self, what: String) {
        tracing::warn!(what, "a client broke a rule");
        self.journal.lock().keep_breach(Breach {
            at_ms: epoch_ms(),
            what: what.clone(),
        });
        self.announce(Milestone::Breach { what });
    }

    /// A number for the next dial, from 1.
    pub fn next_dial(&self) -> u64 {
        self.dials.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Moves a call on and says so.
    pub fn set_call_state(&self, ucid: &str, state: State) {
        self.calls.lock().set_state(ucid, state.clone());
        self.announce(Milestone::Call {
            ucid: ucid.to_owned(),
            state,
        });
    }

    /// Writes to an agent's token socket, if there is one.
    pub fn push(&self, agent: &str, body: &Value) -> bool {
        let Some(socket) = self.seats.lock().socket(agent).cloned() else {
            return false;
        };
        self.write_token(&socket, body)
    }

    /// Writes to a token socket and keeps the frame.
    pub fn write_token(&self, socket: &super::socket::Socket, body: &Value) -> bool {
        let text = body.to_string();
        self.journal.lock().keep_frame(Frame {
            at_ms: epoch_ms(),
            direction: Direction::Out,
            socket: socket.serial(),
            text: text.clone(),
        });
        socket.send(text).is_ok()
    }

    /// Writes to the newest line of an extension; never to a Contact's or Route's host (RFC 5626 §5.3).
    ///
    /// # Errors
    ///
    /// [`LineDown`] when the extension has no open line.
    pub fn send_on_line(&self, extension: &str, message: &Message) -> Result<(), LineDown> {
        let socket = {
            let lines = self.lines.lock();
            lines
                .newest(extension, Instant::now())
                .ok_or(LineDown)?
                .socket
                .clone()
        };
        log_sip("sent", message);
        socket.send(message.to_string()).map_err(|_| LineDown)
    }
}

impl<T> Shared<T> {
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal {
    pub fn keep_frame(&mut self, frame: Frame) {
        if self.frames.len() == REMEMBERED {
            self.frames.pop_front();
        }
        self.frames.push_back(frame);
    }

    fn keep_breach(&mut self, breach: Breach) {
        if self.breaches.len() == REMEMBERED {
            self.breaches.pop_front();
        }
        self.breaches.push_back(breach);
    }
}

/// The start line only: headers hold credentials, bodies hold keys.
pub fn log_sip(direction: &'static str, message: &Message) {
    let call_id = message.header("Call-ID").unwrap_or_default();
    match &message.start {
        Start::Request { method, uri } => tracing::debug!(direction, method, uri, call_id),
        Start::Response { status, reason } => tracing::debug!(direction, status, reason, call_id),
    }
}

/// The platform's own wall clock, for its records and the epoch texts of its pushes.
pub fn epoch_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A printer of milestones may lag by so many.
const MILESTONES: usize = 1_024;
/// Frames and breaches kept.
const REMEMBERED: usize = 10_000;
