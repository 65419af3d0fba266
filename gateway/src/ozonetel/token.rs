//! The token socket's state machine: frames in; frames, reports and one deadline out.
//!
//! Pure. The driver's contract: feed one `handle_*`, drain [`Token::poll_output`], wait no longer than
//! [`Token::poll_timeout`], and only then feed again.
//!
//! Here is the socket's own life; `asked` has what the gateway wants of it, `waiting` the commands on their way, and
//! `outcome` what becomes of each.
//!
//! ```text
//!          ┌───────────────────────────── renewal, outside a call ───────────────────────────┐
//!          ▼                                                                                 │
//!     Connecting ──► Open: AwaitingId ──► SigningIn ──► SignedIn ───────────────────────────┤
//!          ▲  │              │                │             │                                │
//!          │  └──────────────┴── closed, dead, refused ─────┴──► Resting (full jitter) ──────┤
//!          └─────────────────────────────────────────────────────────┘                       │
//!               closeTab, agentLogoffByAdmin, taken out of service ──► Stopped ◄─────────────┘
//! ```
//!
//! From `Stopped` only the operator's word leads back to `Connecting`.

mod asked;
mod outcome;
mod waiting;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Map, Value};
use tracing::{debug, warn};

use self::outcome::Fate;
use self::waiting::{Purpose, Waiting};
use super::command::{Command, NewSocket, Session};
use super::push::Push;
use super::{Choice, TokenAgent, What, identity, reply};
use crate::call::CallId;
use crate::config::Ozonetel;
use crate::transport::Backoff;

/// One agent's token socket, across all the sockets it lives through.
#[derive(Debug)]
pub(super) struct Token {
    config: Arc<Ozonetel>,
    agent: TokenAgent,
    random: StdRng,
    state: State,
    history: History,
    /// Outlives the sockets.
    browser_session_id: BrowserSession,
    last_utid: u64,
    waiting: BTreeMap<u64, Waiting>,
    line: LineUse,
    standing: Standing,
    /// What the platform was told last; `None`: it may think otherwise.
    said: Option<Standing>,
    backoff: Backoff,
    out: VecDeque<Output>,
}

/// Whether the platform may give the agent calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    Ready,
    /// With the reason that its pages show.
    Paused(String),
}

/// What the machine asks of its driver.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Output {
    /// Open a socket; answered by `handle_connected` or `handle_closed`.
    Connect,
    /// Drop the socket, or the attempt at one.
    Close,
    /// Send a text message on the socket.
    Send(String),
    Ping,
    /// Send a command by HTTP; answered by `handle_posted`.
    Post {
        utid: u64,
        message: Map<String, Value>,
    },
    /// Ask the public API for a dial; answered by `handle_placed`.
    Place {
        call: CallId,
        message: Map<String, Value>,
    },
    /// The answer to a question, by the asker's own number.
    Answer {
        question: u64,
        answer: Result<Vec<Choice>, String>,
    },
    Tell(What),
}

/// What became of [`Output::Post`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Posted {
    Answered {
        status: u16,
        body: String,
    },
    /// It never left.
    Unreachable(String),
    /// It may have arrived; the answer didn't.
    Lost(String),
}

/// Whether the agent talks; a socket isn't renewed under a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineUse {
    Idle,
    InCall,
}

#[derive(Debug)]
enum State {
    Connecting,
    Open(Open),
    /// Between two attempts.
    Resting {
        until: Instant,
        cause: String,
    },
    Stopped {
        cause: String,
    },
}

#[derive(Debug)]
struct Open {
    since: Instant,
    us_id: Option<String>,
    phase: Phase,
    ping_at: Instant,
    /// Pings since the last sign of life.
    unanswered: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    AwaitingId {
        /// When to ask for the id by a probe; `None` once done, or where not configured.
        probe_at: Option<Instant>,
        /// When to go on without one.
        until: Instant,
    },
    SigningIn,
    SignedIn,
}

/// Whether the platform has seen this agent sign in since the program started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum History {
    New,
    SignedInBefore,
}

#[derive(Debug)]
enum BrowserSession {
    /// Ours, until the platform names another.
    Made(String),
    Known(String),
}

impl Token {
    /// Starts by asking for a socket. `made_session` is a fresh UUID v4.
    pub(super) fn new(
        config: Arc<Ozonetel>,
        agent: TokenAgent,
        made_session: String,
        seed: u64,
    ) -> Self {
        let browser_session_id = match &config.browser_session_id {
            Some(configured) => BrowserSession::Known(configured.clone()),
            None => BrowserSession::Made(made_session),
        };
        Self {
            config,
            agent,
            random: StdRng::seed_from_u64(seed),
            state: State::Connecting,
            history: History::New,
            browser_session_id,
            last_utid: 0,
            waiting: BTreeMap::new(),
            line: LineUse::Idle,
            standing: Standing::Ready,
            said: None,
            backoff: Backoff::default(),
            out: VecDeque::from([Output::Connect]),
        }
    }

    pub(super) fn handle_connected(&mut self, now: Instant) {
        if !matches!(self.state, State::Connecting) {
            // An attempt that was given up finished after all.
            self.out.push_back(Output::Close);
            return;
        }
        let us_id = self.config.usid.clone();
        let found = us_id.is_some();
        self.state = State::Open(Open {
            since: now,
            us_id,
            phase: Phase::AwaitingId {
                probe_at: self.config.probe.then(|| now + PROBE_AFTER),
                until: now + ID_PATIENCE,
            },
            ping_at: now + self.config.keep_alive,
            unanswered: 0,
        });
        if found {
            self.sign_in(now);
        }
    }

    /// The socket closed, or couldn't be opened.
    pub(super) fn handle_closed(&mut self, cause: &str, now: Instant) {
        match &self.state {
            State::Connecting | State::Open(_) => self.lose(cause, now),
            // Closed at our own wish.
            State::Resting { .. } | State::Stopped { .. } => {}
        }
    }

    pub(super) fn handle_pong(&mut self) {
        if let State::Open(open) = &mut self.state {
            open.unanswered = 0;
        }
    }

    /// Takes a message from the socket. Nothing in it is fatal.
    pub(super) fn handle_text(&mut self, text: &str, now: Instant) {
        let State::Open(open) = &mut self.state else {
            return;
        };
        open.unanswered = 0;
        let Ok(Value::Object(message)) = serde_json::from_str(text) else {
            debug!(bytes = text.len(), "a message that isn't a JSON object");
            self.tell(What::Push(Push::Unknown { kind: None }));
            return;
        };
        let found = self.find_ids(&message, now);
        let kind = message.get("type").and_then(Value::as_str);
        if let Some(utid) = message.get("utid").and_then(reply::text) {
            match (self.spend(&utid), kind) {
                (Some(purpose), _) => return self.settle(purpose, Fate::Answered(&message), now),
                (None, None | Some("response")) => {
                    return debug!(utid, "a reply to nothing that still waits");
                }
                // A push that carries a serial of somebody else's.
                (None, Some(_)) => {}
            }
        }
        match kind {
            Some("closeTab") => self.stop("Another session of this agent took over.", now),
            Some("agentLogoffByAdmin") => self.stop("An administrator signed this agent off.", now),
            Some("response") => debug!("a reply without a utid"),
            Some(_) | None => match Push::parse(&message) {
                // It brought an id, and that was its purpose.
                Push::Unknown { .. } if found => {}
                push => self.handle_push(push, now),
            },
        }
    }

    pub(super) fn handle_line_use(&mut self, line: LineUse, now: Instant) {
        self.line = line;
        self.handle_timeout(now);
    }

    /// Does all that is due at `now`.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.expire_replies(now);
        match &mut self.state {
            State::Resting { until, .. } if now >= *until => {
                self.state = State::Connecting;
                self.out.push_back(Output::Connect);
            }
            State::Open(open) => {
                if now >= open.ping_at {
                    if open.unanswered >= UNANSWERED_PINGS {
                        self.lose("the provider answers no pings", now);
                        return;
                    }
                    open.unanswered += 1;
                    open.ping_at = now + self.config.keep_alive;
                    self.out.push_back(Output::Ping);
                }
                match &mut open.phase {
                    Phase::AwaitingId { until, .. } if now >= *until => self.sign_in(now),
                    Phase::AwaitingId { probe_at, .. } if probe_at.is_some_and(|at| now >= at) => {
                        *probe_at = None;
                        self.command(Command::Probe, Purpose::Probe, now);
                    }
                    Phase::AwaitingId { .. } | Phase::SigningIn | Phase::SignedIn => {}
                }
                self.renew_if_due(now);
            }
            // Not due, or nothing to wait for.
            State::Resting { .. } | State::Connecting | State::Stopped { .. } => {}
        }
    }

    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called; `None` while only others can act.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let reply = self.waiting.values().map(|waiting| waiting.until).min();
        let own = match &self.state {
            State::Connecting | State::Stopped { .. } => None,
            State::Resting { until, .. } => Some(*until),
            State::Open(open) => {
                let phase = match open.phase {
                    Phase::AwaitingId { probe_at, until } => Some(probe_at.unwrap_or(until)),
                    Phase::SigningIn | Phase::SignedIn => None,
                };
                let renewal = self
                    .may_renew()
                    .then(|| open.since + self.config.renew_after);
                [Some(open.ping_at), phase, renewal]
                    .into_iter()
                    .flatten()
                    .min()
            }
        };
        [reply, own].into_iter().flatten().min()
    }

    fn find_ids(&mut self, message: &Map<String, Value>, now: Instant) -> bool {
        if let BrowserSession::Made(_) = self.browser_session_id
            && let Some(id) = identity::browser_session_id(message)
        {
            self.browser_session_id = BrowserSession::Known(id);
        }
        let State::Open(open) = &mut self.state else {
            return false;
        };
        if open.us_id.is_some() {
            return false;
        }
        let Some(id) = identity::us_id(message) else {
            return false;
        };
        open.us_id = Some(id.clone());
        match open.phase {
            Phase::AwaitingId { .. } => self.sign_in(now),
            // Signed in without it: the platform must learn where this agent's socket is.
            Phase::SigningIn | Phase::SignedIn => {
                self.tell(What::Up { us_id: Some(id) });
                self.notice(Command::Reconnect(NewSocket::IdFound), now);
            }
        }
        true
    }

    fn sign_in(&mut self, now: Instant) {
        let State::Open(open) = &mut self.state else {
            return;
        };
        open.phase = Phase::SigningIn;
        let us_id = open.us_id.clone();
        if us_id.is_none() {
            warn!("the token socket told no id; signing in without one");
        }
        self.tell(What::Up { us_id });
        match self.history {
            History::New => self.command(Command::Login(Session::Fresh), Purpose::Login, now),
            History::SignedInBefore => {
                let announce = Command::Reconnect(NewSocket::Reconnected);
                self.command(announce, Purpose::Reconnect, now);
            }
        }
    }

    fn signed_in(&mut self) {
        if let State::Open(open) = &mut self.state {
            open.phase = Phase::SignedIn;
            self.history = History::SignedInBefore;
            self.tell(What::SignedIn);
        }
    }

    /// The session goes on; how the agent stands may have changed while nobody could be told.
    fn resumed(&mut self, now: Instant) {
        self.signed_in();
        if self.said.as_ref() != Some(&self.standing) {
            self.stand(now);
        }
    }

    fn handle_push(&mut self, push: Push, now: Instant) {
        // A supervisor's change only takes effect when the client asks for it itself.
        match &push {
            Push::Paused { reason, .. } => {
                let reason = reason.as_deref().unwrap_or("");
                let reason = reason.replace(super::command::SEPARATORS, " ");
                self.said = None;
                self.handle_standing(Standing::Paused(reason), now);
            }
            Push::ReleasedBySupervisor { .. } => {
                self.said = None;
                self.handle_standing(Standing::Ready, now);
            }
            // Wrap-up is neither; what was said before has to be said again after it.
            Push::AgentRelease { .. } => self.said = None,
            Push::Unknown { kind } => debug!(?kind, "an unknown push"),
            Push::NewCall { .. }
            | Push::BusyAgent { .. }
            | Push::AgentReleaseWithoutWrapUp { .. }
            | Push::DropCall { .. }
            | Push::CallDetails { .. }
            | Push::PerformCall { .. }
            | Push::Alert { .. } => {}
        }
        self.tell(What::Push(push));
    }

    fn renew_if_due(&mut self, now: Instant) {
        let State::Open(open) = &self.state else {
            return;
        };
        if !self.may_renew() || now < open.since + self.config.renew_after {
            return;
        }
        self.forget_replies(now);
        self.tell(What::Down {
            cause: "renewed before the provider cuts it for its age".to_owned(),
        });
        self.state = State::Connecting;
        self.out.extend([Output::Close, Output::Connect]);
    }

    fn may_renew(&self) -> bool {
        let dialling = |waiting: &Waiting| matches!(waiting.purpose, Purpose::Dial(_));
        self.line == LineUse::Idle && !self.waiting.values().any(dialling)
    }

    /// Drops the socket and rests before the next.
    fn lose(&mut self, cause: &str, now: Instant) {
        if let State::Open(open) = &self.state
            && now.saturating_duration_since(open.since) >= STEADY
        {
            self.backoff = Backoff::default();
        }
        self.state = State::Resting {
            until: now + self.backoff.pause(&mut self.random),
            cause: cause.to_owned(),
        };
        self.out.push_back(Output::Close);
        self.forget_replies(now);
        self.tell(What::Down {
            cause: cause.to_owned(),
        });
    }

    fn stop(&mut self, cause: &str, now: Instant) {
        self.state = State::Stopped {
            cause: cause.to_owned(),
        };
        self.out.push_back(Output::Close);
        self.forget_replies(now);
        self.tell(What::Stopped {
            cause: cause.to_owned(),
        });
    }

    fn tell(&mut self, what: What) {
        self.out.push_back(Output::Tell(what));
    }
}

/// How long the platform may take to name the socket before the agent signs in without.
const ID_PATIENCE: Duration = Duration::from_secs(3);

/// An id that comes by itself comes in the first second.
const PROBE_AFTER: Duration = Duration::from_secs(1);

/// A socket that misses the answer to this many pings is dead.
const UNANSWERED_PINGS: u32 = 2;

/// A socket that lived this long was a good one; the next failure starts from the shortest pause.
const STEADY: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
