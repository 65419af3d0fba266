//! Commands on their way: each has a serial number, and waits for one reply.

use std::time::Instant;

use serde_json::{Map, Value};

use super::super::command::{Command, Forbidden, Sender};
use super::super::reply::{self, Verdict};
use super::super::{Act, DialOutcome};
use super::outcome::Fate;
use super::{BrowserSession, Output, Posted, State, Token};
use crate::call::CallId;
use crate::config::Commands;

/// A command on its way.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) purpose: Purpose,
    pub(super) until: Instant,
}

/// What a command was sent for.
#[derive(Debug)]
pub(super) enum Purpose {
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
    /// Takes what became of a command sent by HTTP.
    pub(in super::super) fn handle_posted(&mut self, utid: u64, posted: Posted, now: Instant) {
        let Some(Waiting { purpose, .. }) = self.waiting.remove(&utid) else {
            return;
        };
        match posted {
            Posted::Unreachable(cause) => self.settle(purpose, Fate::Unsent(cause), now),
            Posted::Lost(cause) => self.settle(purpose, Fate::Lost(cause), now),
            Posted::Answered { status, body } => {
                let mut message = object(&body);
                self.find_ids(&message, now);
                if !(200..300).contains(&status) && reply::classify(&message) == Verdict::Unknown {
                    message.insert("status".to_owned(), "error".into());
                    message.insert("message".to_owned(), answered_with(status).into());
                }
                self.settle(purpose, Fate::Answered(&message), now);
            }
        }
    }

    /// Takes what became of [`Output::Place`].
    pub(in super::super) fn handle_placed(&mut self, call: CallId, posted: Posted) {
        let outcome = match posted {
            Posted::Unreachable(cause) => DialOutcome::NotSent(cause),
            Posted::Lost(_) => DialOutcome::Unknown,
            Posted::Answered { status, body } => {
                let message = object(&body);
                // Errors often come with status 200: the body counts before it.
                match (reply::classify(&message), status) {
                    (Verdict::Failure(sentence), _) => DialOutcome::Refused(sentence),
                    (Verdict::Success, 200..=299) => DialOutcome::Queued {
                        ucid: reply::ucid(&message),
                    },
                    // A proxy gave up; what stands behind it may dial all the same.
                    (_, 500..=599) | (Verdict::Unknown, 200..=299) => DialOutcome::Unknown,
                    (_, status) => DialOutcome::Refused(answered_with(status)),
                }
            }
        };
        self.tell_dial(call, outcome);
    }

    /// Sends a command whose reply changes nothing.
    pub(super) fn notice(&mut self, command: Command<'_>, now: Instant) {
        self.command(command, Purpose::Notice(command.kind()), now);
    }

    /// Sends a command and waits for its reply.
    pub(super) fn command(&mut self, command: Command<'_>, purpose: Purpose, now: Instant) {
        let State::Open(_) = &self.state else {
            return;
        };
        let utid = self.last_utid + 1;
        let message = match self.render(command, utid) {
            Ok(message) => message,
            Err(forbidden) => {
                return self.settle(purpose, Fate::Unsent(forbidden.to_string()), now);
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

    pub(super) fn render(
        &self,
        command: Command<'_>,
        utid: u64,
    ) -> Result<Map<String, Value>, Forbidden> {
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

    /// What the reply with this number was waited for, once.
    pub(super) fn spend(&mut self, utid: &str) -> Option<Purpose> {
        let utid: u64 = utid.parse().ok()?;
        self.waiting.remove(&utid).map(|waiting| waiting.purpose)
    }

    pub(super) fn expire_replies(&mut self, now: Instant) {
        let due = |(utid, waiting): (&u64, &Waiting)| (now >= waiting.until).then_some(*utid);
        let due: Vec<u64> = self.waiting.iter().filter_map(due).collect();
        for utid in due {
            // An earlier one of this round may have lost the socket, and all that waited with it.
            if let Some(Waiting { purpose, .. }) = self.waiting.remove(&utid) {
                self.settle(purpose, Fate::Late, now);
            }
        }
    }

    /// Replies come on the socket that the command went out on, or never.
    pub(super) fn forget_replies(&mut self, now: Instant) {
        for waiting in std::mem::take(&mut self.waiting).into_values() {
            self.settle(waiting.purpose, Fate::SocketGone, now);
        }
    }
}

/// What a body says; empty where it isn't a JSON object.
fn object(body: &str) -> Map<String, Value> {
    match serde_json::from_str(body) {
        Ok(Value::Object(message)) => message,
        _ => Map::new(),
    }
}

fn answered_with(status: u16) -> String {
    format!("The provider answered with HTTP status {status}.")
}
