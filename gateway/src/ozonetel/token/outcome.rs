//! What becomes of each command, told once: a function for each purpose, a line for each fate.

use std::time::Instant;

use serde_json::{Map, Value};
use tracing::{debug, info, warn};

use super::super::command::{Command, Session};
use super::super::reply::{self, Verdict};
use super::super::{Act, ChangeOutcome, Choice, DialOutcome, What};
use super::waiting::Purpose;
use super::{Output, Token};
use crate::call::CallId;

/// How the waiting for a reply ended.
#[derive(Debug)]
pub(super) enum Fate<'m> {
    Answered(&'m Map<String, Value>),
    /// It never left, and why.
    Unsent(String),
    /// It may have arrived; the answer didn't.
    Lost(String),
    /// No reply in time.
    Late,
    /// The socket that it went out on is gone.
    SocketGone,
}

impl Token {
    /// Spends a command.
    pub(super) fn settle(&mut self, purpose: Purpose, fate: Fate<'_>, now: Instant) {
        match purpose {
            Purpose::Dial(call) => self.tell_dial(call, dialled(fate)),
            Purpose::Change(call, act) => self.tell_change(call, act, changed(fate)),
            Purpose::Dispose(call) => {
                let outcome = carried_out(fate);
                self.tell(What::Disposed { call, outcome });
            }
            Purpose::Ask(question) => {
                let answer = listed(fate);
                self.out.push_back(Output::Answer { question, answer });
            }
            Purpose::DialStatus(call) => self.checked(call, fate),
            Purpose::Login => self.logged_in(fate, now),
            Purpose::Reconnect => self.reconnected(fate, now),
            Purpose::Stand => self.stood(fate),
            Purpose::Notice(kind) => noticed(kind, fate),
            Purpose::Probe => probed(fate),
        }
    }

    fn checked(&mut self, call: CallId, fate: Fate<'_>) {
        match fate {
            Fate::Answered(message) => {
                let words = reply::dial_status(message);
                self.tell(What::Checked { call, words });
            }
            // Nobody is told where it can't be asked.
            Fate::Unsent(_) | Fate::Lost(_) | Fate::Late | Fate::SocketGone => {}
        }
    }

    fn logged_in(&mut self, fate: Fate<'_>, now: Instant) {
        match fate {
            Fate::Answered(message) => match reply::classify(message) {
                Verdict::Failure(sentence) => {
                    let cause = format!("the provider refused the sign-in: {sentence}");
                    self.lose(&cause, now);
                }
                // Success shows as `isSip`, in words, or by nothing being wrong.
                Verdict::Success | Verdict::Unknown => {
                    self.signed_in();
                    self.stand(now);
                }
            },
            Fate::Unsent(cause) | Fate::Lost(cause) => self.lose(&cause, now),
            Fate::Late => self.lose("the provider doesn't answer the sign-in", now),
            // The next socket signs in.
            Fate::SocketGone => {}
        }
    }

    fn reconnected(&mut self, fate: Fate<'_>, now: Instant) {
        match fate {
            Fate::Answered(message) => match reply::classify(message) {
                Verdict::Failure(sentence) => {
                    info!(sentence, "the session is gone; signing in anew");
                    self.command(Command::Login(Session::Resumed), Purpose::Login, now);
                }
                Verdict::Success | Verdict::Unknown => self.resumed(now),
            },
            Fate::Unsent(cause) => self.lose(&cause, now),
            // The agent was signed in before, and nothing says that it ended.
            Fate::Lost(_) | Fate::Late => self.resumed(now),
            // The next socket announces itself.
            Fate::SocketGone => {}
        }
    }

    fn stood(&mut self, fate: Fate<'_>) {
        match fate {
            // It is said again on the next socket.
            Fate::SocketGone => self.said = None,
            fate => {
                if let Err(words) = carried_out(fate) {
                    self.said = None;
                    self.tell(What::StandingRefused(words));
                }
            }
        }
    }

    pub(super) fn tell_dial(&mut self, call: CallId, outcome: DialOutcome) {
        self.tell(What::Dial { call, outcome });
    }

    fn tell_change(&mut self, call: CallId, act: Act, outcome: ChangeOutcome) {
        self.tell(What::Changed { call, act, outcome });
    }
}

fn dialled(fate: Fate<'_>) -> DialOutcome {
    match fate {
        Fate::Answered(message) => match reply::classify(message) {
            Verdict::Success => DialOutcome::Queued {
                ucid: reply::ucid(message),
            },
            Verdict::Failure(sentence) => DialOutcome::Refused(sentence),
            Verdict::Unknown => DialOutcome::Unknown,
        },
        Fate::Unsent(reason) => DialOutcome::NotSent(reason),
        Fate::Late => DialOutcome::NoReply,
        Fate::Lost(_) | Fate::SocketGone => DialOutcome::Unknown,
    }
}

fn changed(fate: Fate<'_>) -> ChangeOutcome {
    match fate {
        Fate::Answered(message) => match reply::classify(message) {
            Verdict::Success => ChangeOutcome::Done,
            Verdict::Failure(sentence) => ChangeOutcome::Refused(sentence),
            Verdict::Unknown => ChangeOutcome::Unknown,
        },
        Fate::Unsent(reason) => ChangeOutcome::Refused(reason),
        Fate::Lost(_) | Fate::Late | Fate::SocketGone => ChangeOutcome::Unknown,
    }
}

fn listed(fate: Fate<'_>) -> Result<Vec<Choice>, String> {
    match fate {
        Fate::Answered(message) => {
            if let Verdict::Failure(sentence) = reply::classify(message) {
                return Err(sentence);
            }
            Choice::list(message).ok_or_else(|| "The provider's reply holds no list.".to_owned())
        }
        Fate::Unsent(words) | Fate::Lost(words) => Err(words),
        Fate::Late | Fate::SocketGone => Err(NO_REPLY.to_owned()),
    }
}

/// Whatever isn't refused was done; what nobody knows wasn't.
fn carried_out(fate: Fate<'_>) -> Result<(), String> {
    match fate {
        Fate::Answered(message) => match reply::classify(message) {
            Verdict::Success | Verdict::Unknown => Ok(()),
            Verdict::Failure(sentence) => Err(sentence),
        },
        Fate::Unsent(words) | Fate::Lost(words) => Err(words),
        Fate::Late | Fate::SocketGone => Err(NO_REPLY.to_owned()),
    }
}

/// The reply to a notice changes nothing.
fn noticed(kind: &'static str, fate: Fate<'_>) {
    match fate {
        Fate::Answered(message) => {
            if let Verdict::Failure(sentence) = reply::classify(message) {
                warn!(kind, sentence, "the provider refused a command");
            }
        }
        Fate::Unsent(cause) => warn!(kind, cause, "a command couldn't be sent"),
        Fate::Lost(cause) => warn!(kind, cause, "no reply to a command"),
        Fate::Late => debug!(kind, "no reply"),
        Fate::SocketGone => {}
    }
}

fn probed(fate: Fate<'_>) {
    match fate {
        Fate::Unsent(cause) => warn!(cause, "the probe couldn't be sent"),
        // The id, if there was one, has been found already.
        Fate::Answered(_) | Fate::Lost(_) | Fate::Late | Fate::SocketGone => {}
    }
}

/// A reply that was never read.
const NO_REPLY: &str = "The provider did not reply.";
