//! The token socket's state machine: frames in; frames, reports and one deadline out.
//!
//! Pure. The driver's contract: feed one `handle_*`, drain [`Token::poll_output`], wait no longer than
//! [`Token::poll_timeout`], and only then feed again.
//!
//! ```text
//!          ┌───────────────────────────── renewal, outside a call ───────────────────────────┐
//!          ▼                                                                                 │
//!     Connecting ──► Open: AwaitingId ──► SigningIn ──► SignedIn ───────────────────────────┤
//!          ▲  │              │                │             │                                │
//!          │  └──────────────┴── closed, dead, refused ─────┴──► Resting (full jitter) ──────┤
//!          └─────────────────────────────────────────────────────────┘                       │
//!                             closeTab, agentLogoffByAdmin ──► Stopped ◄─────────────────────┘
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Map, Value};
use tracing::{debug, info, warn};

use super::command::{Command, Forbidden, NewSocket, Sender, Session};
use super::push::Push;
use super::reply::{self, Verdict};
use super::{
    Act, Change, ChangeOutcome, Choice, DialOutcome, Disposal, Question, TokenAgent, What, identity,
};
use crate::call::CallId;
use crate::config::{Commands, Ozonetel};
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

/// A command on its way.
#[derive(Debug)]
struct Waiting {
    purpose: Purpose,
    until: Instant,
}

#[derive(Debug)]
enum Purpose {
    Login,
    Reconnect,
    /// The reply changes nothing; a refusal is worth a line in the log.
    Notice(&'static str),
    /// The agent is to be ready or paused.
    Stand,
    Probe,
    Dial(CallId),
    DialStatus(CallId),
    Dispose(CallId),
    Change(CallId, Act),
    Ask(u64),
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
                (Some(purpose), _) => return self.handle_reply(purpose, &message, now),
                (None, None | Some("response")) => {
                    return debug!(utid, "a reply to nothing that still waits");
                }
                // A push that carries a serial of somebody else's.
                (None, Some(_)) => {}
            }
        }
        match kind {
            Some("closeTab") => self.stop("Another session of this agent took over."),
            Some("agentLogoffByAdmin") => self.stop("An administrator signed this agent off."),
            Some("response") => debug!("a reply without a utid"),
            Some(_) | None => match Push::parse(&message) {
                // It brought an id, and that was its purpose.
                Push::Unknown { .. } if found => {}
                push => self.handle_push(push, now),
            },
        }
    }

    /// Takes what became of a command sent by HTTP.
    pub(super) fn handle_posted(&mut self, utid: u64, posted: Posted, now: Instant) {
        let Some(Waiting { purpose, .. }) = self.waiting.remove(&utid) else {
            return;
        };
        match posted {
            Posted::Unreachable(cause) => match purpose {
                Purpose::Dial(call) => self.tell_dial(call, DialOutcome::NotSent(cause)),
                Purpose::Login | Purpose::Reconnect => self.lose(&cause, now),
                Purpose::Notice(kind) => warn!(kind, cause, "a command couldn't be sent"),
                Purpose::Probe => debug!(cause, "the probe couldn't be sent"),
                other => self.fail(other, cause),
            },
            Posted::Lost(cause) => match purpose {
                Purpose::Dial(call) => self.tell_dial(call, DialOutcome::Unknown),
                Purpose::Login => self.lose(&cause, now),
                // The agent was signed in before, and nothing says that it ended.
                Purpose::Reconnect => self.resumed(now),
                Purpose::Notice(kind) => warn!(kind, cause, "no reply to a command"),
                Purpose::Probe => {}
                Purpose::Change(call, act) => {
                    self.tell_change(call, act, ChangeOutcome::Unknown);
                }
                other => self.fail(other, cause),
            },
            Posted::Answered { status, body } => {
                let mut message = match serde_json::from_str(&body) {
                    Ok(Value::Object(message)) => message,
                    _ => Map::new(),
                };
                self.find_ids(&message, now);
                if !(200..300).contains(&status) && reply::classify(&message) == Verdict::Unknown {
                    let sentence = format!("The provider answered with HTTP status {status}.");
                    message.insert("status".to_owned(), "error".into());
                    message.insert("message".to_owned(), sentence.into());
                }
                self.handle_reply(purpose, &message, now);
            }
        }
    }

    /// Dials; what becomes of it is told as [`What::Dial`], exactly once.
    pub(super) fn handle_dial(&mut self, call: CallId, number: &str, now: Instant) {
        match self.obstacle() {
            Some(reason) => self.tell_dial(call, DialOutcome::NotSent(reason)),
            None => self.command(Command::ManualDial { number }, Purpose::Dial(call), now),
        }
    }

    /// Dials by the public API, whatever the socket does; what becomes of it is told as [`What::Dial`], exactly once.
    pub(super) fn handle_place(&mut self, call: CallId, number: &str) {
        match self.render(Command::ApiDial { number }, 0) {
            Ok(message) => self.out.push_back(Output::Place { call, message }),
            Err(forbidden) => self.tell_dial(call, DialOutcome::NotSent(forbidden.to_string())),
        }
    }

    /// Takes what became of [`Output::Place`].
    pub(super) fn handle_placed(&mut self, call: CallId, posted: Posted) {
        let outcome = match posted {
            Posted::Unreachable(cause) => DialOutcome::NotSent(cause),
            Posted::Lost(_) => DialOutcome::Unknown,
            Posted::Answered { status, body } => {
                let message = match serde_json::from_str(&body) {
                    Ok(Value::Object(message)) => message,
                    _ => Map::new(),
                };
                // Errors often come with status 200: the body counts before it.
                match (reply::classify(&message), status) {
                    (Verdict::Failure(sentence), _) => DialOutcome::Refused(sentence),
                    (Verdict::Success, 200..=299) => DialOutcome::Queued {
                        ucid: reply::ucid(&message),
                    },
                    // A proxy gave up; what stands behind it may dial all the same.
                    (_, 500..=599) | (Verdict::Unknown, 200..=299) => DialOutcome::Unknown,
                    (_, status) => DialOutcome::Refused(format!(
                        "The provider answered with HTTP status {status}."
                    )),
                }
            }
        };
        self.tell_dial(call, outcome);
    }

    /// Asks what became of a dial. Nobody is told where it can't be asked.
    pub(super) fn handle_check(&mut self, call: CallId, ucid: &str, now: Instant) {
        if self.obstacle().is_none() {
            let command = Command::DialStatus { ucid };
            self.command(command, Purpose::DialStatus(call), now);
        }
    }

    /// The form of the login page, with what the agent's configuration lends it.
    pub(super) fn login_form(&self) -> Map<String, Value> {
        // Fields of a form stand alone; where two were joined, an empty form shows it.
        self.render(Command::LoginForm, 0).unwrap_or_default()
    }

    /// The agent is ready again after wrap-up.
    pub(super) fn handle_release(&mut self, now: Instant) {
        self.said = None;
        self.handle_standing(Standing::Ready, now);
    }

    /// How the agent stands from now on. While nobody is signed in it is kept for the sign-in.
    pub(super) fn handle_standing(&mut self, standing: Standing, now: Instant) {
        self.standing = standing;
        if let State::Open(open) = &self.state
            && open.phase == Phase::SignedIn
            && self.said.as_ref() != Some(&self.standing)
        {
            self.stand(now);
        }
    }

    /// Closes a call with a disposition; what becomes of it is told as [`What::Disposed`], exactly once.
    pub(super) fn handle_dispose(&mut self, disposal: &Disposal, now: Instant) {
        let purpose = Purpose::Dispose(disposal.call.clone());
        match self.obstacle() {
            Some(words) => self.fail(purpose, words),
            None => self.command(Command::Dispose(disposal), purpose, now),
        }
    }

    /// Changes a call; what becomes of it is told as [`What::Changed`], exactly once.
    pub(super) fn handle_change(&mut self, change: &Change, now: Instant) {
        let purpose = Purpose::Change(change.call.clone(), change.act.clone());
        match self.obstacle() {
            Some(words) => self.fail(purpose, words),
            None => self.command(Command::Change(change), purpose, now),
        }
    }

    /// Asks; the answer is [`Output::Answer`] with the same number, exactly once.
    pub(super) fn handle_question(&mut self, number: u64, question: Question, now: Instant) {
        let command = match question {
            Question::Campaigns => Command::Campaigns,
            Question::Dispositions => Command::Dispositions,
        };
        match self.obstacle() {
            Some(words) => self.fail(Purpose::Ask(number), words),
            None => self.command(command, Purpose::Ask(number), now),
        }
    }

    /// Signs the agent out and is done; no reply is waited for.
    pub(super) fn handle_sign_out(&mut self, now: Instant) {
        if let State::Open(open) = &self.state
            && open.phase == Phase::SignedIn
        {
            self.notice(Command::Logout, now);
        }
        self.stop("The agent was signed out.");
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

    /// Why no command of an agent who is signed in can go out now.
    fn obstacle(&self) -> Option<String> {
        let refusal = match &self.state {
            State::Open(open) => match (open.phase, self.history) {
                (Phase::SignedIn, _) | (Phase::SigningIn, History::SignedInBefore) => None,
                (Phase::AwaitingId { .. } | Phase::SigningIn, _) => {
                    Some("The agent isn't signed in with the provider yet.".to_owned())
                }
            },
            State::Connecting => Some("The token socket is being opened.".to_owned()),
            State::Resting { cause, .. } => Some(format!("The token socket is down: {cause}")),
            State::Stopped { cause } => Some(format!("The token socket was given up: {cause}")),
        };
        refusal.or_else(|| {
            (self.waiting.len() >= WAITING_AT_MOST)
                .then(|| "Too many commands wait for their replies.".to_owned())
        })
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

    fn handle_reply(&mut self, purpose: Purpose, message: &Map<String, Value>, now: Instant) {
        let verdict = reply::classify(message);
        match (purpose, verdict) {
            (Purpose::Dial(call), verdict) => {
                let outcome = match verdict {
                    Verdict::Success => DialOutcome::Queued {
                        ucid: reply::ucid(message),
                    },
                    Verdict::Failure(sentence) => DialOutcome::Refused(sentence),
                    Verdict::Unknown => DialOutcome::Unknown,
                };
                self.tell_dial(call, outcome);
            }
            (Purpose::DialStatus(call), _) => {
                let words = reply::dial_status(message);
                self.tell(What::Checked { call, words });
            }
            (Purpose::Login, Verdict::Failure(sentence)) => {
                self.lose(
                    &format!("the provider refused the sign-in: {sentence}"),
                    now,
                );
            }
            // Success shows as `isSip`, in words, or by nothing being wrong.
            (Purpose::Login, Verdict::Success | Verdict::Unknown) => {
                self.signed_in();
                self.stand(now);
            }
            (Purpose::Reconnect, Verdict::Failure(sentence)) => {
                info!(sentence, "the session is gone; signing in anew");
                self.command(Command::Login(Session::Resumed), Purpose::Login, now);
            }
            (Purpose::Reconnect, Verdict::Success | Verdict::Unknown) => self.resumed(now),
            (Purpose::Ask(question), verdict) => {
                let answer = match (Choice::list(message), verdict) {
                    (_, Verdict::Failure(sentence)) => Err(sentence),
                    (Some(list), Verdict::Success | Verdict::Unknown) => Ok(list),
                    (None, Verdict::Success | Verdict::Unknown) => {
                        Err("The provider's reply holds no list.".to_owned())
                    }
                };
                self.out.push_back(Output::Answer { question, answer });
            }
            (
                purpose @ (Purpose::Dispose(_) | Purpose::Change(..) | Purpose::Stand),
                Verdict::Failure(sentence),
            ) => self.fail(purpose, sentence),
            (Purpose::Change(call, act), Verdict::Success) => {
                self.tell_change(call, act, ChangeOutcome::Done);
            }
            (Purpose::Change(call, act), Verdict::Unknown) => {
                self.tell_change(call, act, ChangeOutcome::Unknown);
            }
            (Purpose::Dispose(call), Verdict::Success | Verdict::Unknown) => {
                let outcome = Ok(());
                self.tell(What::Disposed { call, outcome });
            }
            (Purpose::Stand, Verdict::Success | Verdict::Unknown) => {}
            (Purpose::Notice(kind), Verdict::Failure(sentence)) => {
                warn!(kind, sentence, "the provider refused a command");
            }
            (Purpose::Notice(_), Verdict::Success | Verdict::Unknown) => {}
            // The id, if there was one, has been found already.
            (Purpose::Probe, _) => {}
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

    fn stand(&mut self, now: Instant) {
        let standing = self.standing.clone();
        let command = match &standing {
            Standing::Ready => Command::Release,
            Standing::Paused(reason) => Command::Pause { reason },
        };
        // A command that can't be sent unsays it.
        self.said = Some(standing.clone());
        self.command(command, Purpose::Stand, now);
    }

    /// What was asked for didn't happen, or nobody knows.
    fn fail(&mut self, purpose: Purpose, words: String) {
        match purpose {
            Purpose::Dispose(call) => {
                let outcome = Err(words);
                self.tell(What::Disposed { call, outcome });
            }
            Purpose::Change(call, act) => {
                self.tell_change(call, act, ChangeOutcome::Refused(words));
            }
            Purpose::Ask(question) => {
                let answer = Err(words);
                self.out.push_back(Output::Answer { question, answer });
            }
            Purpose::Stand => {
                self.said = None;
                self.tell(What::StandingRefused(words));
            }
            Purpose::Login
            | Purpose::Reconnect
            | Purpose::Notice(_)
            | Purpose::Probe
            | Purpose::DialStatus(_)
            | Purpose::Dial(_) => debug!(words, "told of where it failed"),
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

    fn expire_replies(&mut self, now: Instant) {
        let due = |(utid, waiting): (&u64, &Waiting)| (now >= waiting.until).then_some(*utid);
        let due: Vec<u64> = self.waiting.iter().filter_map(due).collect();
        for utid in due {
            let Some(Waiting { purpose, .. }) = self.waiting.remove(&utid) else {
                // An earlier one of this round lost the socket, and all that waited with it.
                continue;
            };
            match purpose {
                Purpose::Dial(call) => self.tell_dial(call, DialOutcome::NoReply),
                Purpose::Login => self.lose("the provider doesn't answer the sign-in", now),
                // The agent was signed in before, and nothing says that it ended.
                Purpose::Reconnect => self.resumed(now),
                Purpose::Notice(kind) => debug!(kind, "no reply"),
                Purpose::Change(call, act) => {
                    self.tell_change(call, act, ChangeOutcome::Unknown);
                }
                Purpose::Probe => {}
                other => self.fail(other, NO_REPLY.to_owned()),
            }
        }
    }

    fn renew_if_due(&mut self, now: Instant) {
        let State::Open(open) = &self.state else {
            return;
        };
        if !self.may_renew() || now < open.since + self.config.renew_after {
            return;
        }
        self.forget_replies();
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
        self.forget_replies();
        self.tell(What::Down {
            cause: cause.to_owned(),
        });
    }

    fn stop(&mut self, cause: &str) {
        self.state = State::Stopped {
            cause: cause.to_owned(),
        };
        self.out.push_back(Output::Close);
        self.forget_replies();
        self.tell(What::Stopped {
            cause: cause.to_owned(),
        });
    }

    /// Replies come on the socket that the command went out on, or never.
    fn forget_replies(&mut self) {
        for waiting in std::mem::take(&mut self.waiting).into_values() {
            match waiting.purpose {
                Purpose::Dial(call) => self.tell_dial(call, DialOutcome::Unknown),
                purpose @ (Purpose::Dispose(_) | Purpose::Ask(_)) => {
                    self.fail(purpose, NO_REPLY.to_owned());
                }
                Purpose::Change(call, act) => {
                    self.tell_change(call, act, ChangeOutcome::Unknown);
                }
                // It is said again on the next socket.
                Purpose::Stand => self.said = None,
                Purpose::Login
                | Purpose::Reconnect
                | Purpose::Notice(_)
                | Purpose::DialStatus(_)
                | Purpose::Probe => {}
            }
        }
    }

    fn notice(&mut self, command: Command<'_>, now: Instant) {
        self.command(command, Purpose::Notice(command.kind()), now);
    }

    fn command(&mut self, command: Command<'_>, purpose: Purpose, now: Instant) {
        let State::Open(_) = &self.state else {
            return;
        };
        let utid = self.last_utid + 1;
        let message = match self.render(command, utid) {
            Ok(message) => message,
            Err(forbidden) => {
                match purpose {
                    Purpose::Dial(call) => {
                        self.tell_dial(call, DialOutcome::NotSent(forbidden.to_string()));
                    }
                    Purpose::Login | Purpose::Reconnect => self.lose(&forbidden.to_string(), now),
                    Purpose::Notice(kind) => warn!(kind, %forbidden, "a command can't be sent"),
                    Purpose::Probe => warn!(%forbidden, "the probe can't be sent"),
                    other => self.fail(other, forbidden.to_string()),
                }
                return;
            }
        };
        self.last_utid = utid;
        let until = now + self.config.reply_timeout;
        self.waiting.insert(utid, Waiting { purpose, until });
        self.out.push_back(match (self.config.commands, command) {
            // Only the socket's own gateway can name the socket.
            (Commands::Socket, _) | (_, Command::Probe) => {
                Output::Send(Value::Object(message).to_string())
            }
            (Commands::HttpJson | Commands::HttpForm, _) => Output::Post { utid, message },
        });
    }

    fn render(&self, command: Command<'_>, utid: u64) -> Result<Map<String, Value>, Forbidden> {
        let us_id = match &self.state {
            State::Open(open) => open.us_id.as_deref().unwrap_or(""),
            State::Connecting | State::Resting { .. } | State::Stopped { .. } => "",
        };
        let (BrowserSession::Made(browser_session_id) | BrowserSession::Known(browser_session_id)) =
            &self.browser_session_id;
        let sender = Sender {
            customer: &self.config.customer,
            agent: &self.agent,
            us_id,
            browser_session_id,
        };
        command.render(&self.config.templates, &sender, utid)
    }

    fn spend(&mut self, utid: &str) -> Option<Purpose> {
        let utid: u64 = utid.parse().ok()?;
        self.waiting.remove(&utid).map(|waiting| waiting.purpose)
    }

    fn tell_dial(&mut self, call: CallId, outcome: DialOutcome) {
        self.tell(What::Dial { call, outcome });
    }

    fn tell_change(&mut self, call: CallId, act: Act, outcome: ChangeOutcome) {
        self.tell(What::Changed { call, act, outcome });
    }

    fn tell(&mut self, what: What) {
        self.out.push_back(Output::Tell(what));
    }
}

/// A reply that was never read.
const NO_REPLY: &str = "The provider did not reply.";

/// How long the platform may take to name the socket before the agent signs in without.
const ID_PATIENCE: Duration = Duration::from_secs(3);

/// An id that comes by itself comes in the first second.
const PROBE_AFTER: Duration = Duration::from_secs(1);

/// A socket that misses the answer to this many pings is dead.
const UNANSWERED_PINGS: u32 = 2;

/// A socket that lived this long was a good one; the next failure starts from the shortest pause.
const STEADY: Duration = Duration::from_secs(30);

/// An agent dials one number at a time; more than these are a loop somewhere.
const WAITING_AT_MOST: usize = 16;

#[cfg(test)]
mod tests;
