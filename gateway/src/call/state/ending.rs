//! How a call ends: who ended it, what has to be taken down, and what follows.

use std::time::Duration;

use super::talk::transferred;
use super::{
    ANSWER_TO_QUESTION, Action, AfterAnswer, Before, Call, DialogEnd, EXPLANATION, Ended, Question,
    State, Transfer, WrapUp, capital,
};
use crate::agent::wire::{Direction, EndedBy};
use crate::call::termination::{Reason, Termination};
use crate::clock::Moment;
use crate::explain::of_drop;

impl Call {
    pub(super) fn handle_hang_up(&mut self, now: Moment, out: &mut Vec<Action>) {
        let ended = match &self.state {
            State::Connected { .. } => {
                Termination::new(EndedBy::Agent, Reason::Hangup, "The agent hung up.")
            }
            State::RingingIn { .. }
            | State::Waiting { .. }
            | State::Answering {
                then: AfterAnswer::Greet,
                ..
            } => return self.handle_reject(now, out),
            State::Farewell { ended, .. } => ended.clone(),
            State::WrapUp { .. } | State::Closed => return,
            State::Expecting { .. }
            | State::Answering { .. }
            | State::CustomerRinging { .. }
            | State::Unexplained { .. }
            | State::Offering { .. }
            | State::Inviting { .. } => Termination::new(
                EndedBy::Agent,
                Reason::Cancelled,
                "The agent ended the call before it was answered.",
            ),
        };
        self.end(now, ended, out);
    }

    pub(super) fn handle_dialog_end(&mut self, now: Moment, end: DialogEnd, out: &mut Vec<Action>) {
        let ended = match (&self.state, end) {
            (State::WrapUp { .. } | State::Closed, _) | (_, DialogEnd::Ours) => return,
            (State::CustomerRinging { .. }, DialogEnd::Bye) => {
                self.tell(
                    now,
                    "The platform ended the agent's leg before the customer was there.",
                );
                self.await_explanation(now, Termination::dropped(None, None), EXPLANATION);
                return;
            }
            (State::Connected { .. }, DialogEnd::Bye) => {
                Termination::new(EndedBy::Customer, Reason::Hangup, "The customer hung up.")
            }
            (State::Farewell { ended, .. }, _) => ended.clone(),
            (State::Waiting { .. }, DialogEnd::Bye) if self.direction == Direction::Outbound => {
                Termination::new(
                    EndedBy::Customer,
                    Reason::Abandoned,
                    "The customer hung up before an agent answered.",
                )
            }
            (_, DialogEnd::Bye | DialogEnd::Cancelled) => match self.direction {
                Direction::Inbound => abandoned(),
                Direction::Outbound => Termination::new(
                    EndedBy::Provider,
                    Reason::Rejected,
                    format!(
                        "{} ended the call before the customer was reached.",
                        capital(&self.far_end())
                    ),
                ),
            },
            (_, DialogEnd::Rejected { status, reason }) => Termination::refused(status, &reason),
            (_, DialogEnd::TimedOut) => Termination::new(
                EndedBy::Provider,
                Reason::TimedOut,
                format!(
                    "{} did not answer our signalling.",
                    capital(&self.far_end())
                ),
            ),
            (_, DialogEnd::AckMissing) => Termination::new(
                EndedBy::Provider,
                Reason::TimedOut,
                format!(
                    "{} did not confirm our answer (no ACK within 32 s).",
                    capital(&self.far_end())
                ),
            ),
            (_, DialogEnd::FlowLost) => Termination::new(
                EndedBy::Provider,
                Reason::LineDown,
                format!("The connection to {} was lost.", self.far_end()),
            ),
        };
        self.end(now, ended, out);
    }

    /// The window of a dial is over; the platform may know more than that no INVITE came.
    pub(super) fn handle_no_invite(
        &mut self,
        now: Moment,
        ended: Termination,
        out: &mut Vec<Action>,
    ) {
        if self.ucid.is_none() {
            return self.end(now, ended, out);
        }
        out.push(Action::CloseExpectation);
        self.await_explanation(now, ended, Duration::ZERO);
        self.handle_unexplained(now, out);
    }

    pub(super) fn await_explanation(
        &mut self,
        now: Moment,
        otherwise: Termination,
        patience: Duration,
    ) {
        self.state = State::Unexplained {
            until: now.instant + patience,
            otherwise,
            question: Question::Open,
        };
    }

    /// Nobody said why by itself. A dial that has a name can be asked for; then that was all.
    pub(super) fn handle_unexplained(&mut self, now: Moment, out: &mut Vec<Action>) {
        let State::Unexplained {
            until,
            otherwise,
            question,
        } = &mut self.state
        else {
            return;
        };
        match (*question, &self.ucid) {
            (Question::Open, Some(_)) => {
                *question = Question::Put;
                *until = now.instant + ANSWER_TO_QUESTION;
                out.push(Action::AskOutcome);
            }
            (Question::Put, _) | (Question::Open, None) => {
                let ended = otherwise.clone();
                self.end(now, ended, out);
            }
        }
    }

    /// The platform's answer; a push that came sooner has ended the call already.
    pub(super) fn handle_checked(
        &mut self,
        now: Moment,
        words: Option<String>,
        out: &mut Vec<Action>,
    ) {
        let (State::Unexplained { otherwise, .. }, Some(words)) = (&self.state, words) else {
            return;
        };
        let ended = match of_drop(&words) {
            Some(_) => Termination::dropped(None, Some(&words)),
            None => Termination {
                detail: format!("{} The platform says: {words}.", otherwise.detail),
                ..otherwise.clone()
            },
        };
        self.end(now, ended, out);
    }

    pub(super) fn handle_media_lost(&mut self, now: Moment, words: &str, out: &mut Vec<Action>) {
        // Whoever has hung up closes its audio, too.
        let over = matches!(self.state, State::Unexplained { .. });
        if self.ended.is_none() && !over {
            let ended = Termination::new(
                EndedBy::Gateway,
                Reason::MediaFailed,
                format!("The audio connection to {} failed: {words}", self.far_end()),
            );
            self.end(now, ended, out);
        }
    }

    pub(super) fn wrap_up_done(
        &mut self,
        now: Moment,
        told: impl Into<String>,
        out: &mut Vec<Action>,
    ) {
        if let State::WrapUp { .. } = self.state {
            self.tell(now, told);
            self.close(out);
        }
    }

    /// Ends what is up, in the way its state asks for, and remembers why.
    pub(super) fn end(&mut self, now: Moment, termination: Termination, out: &mut Vec<Action>) {
        // The platform takes its leg down when it has the customer, and may do so before it says so.
        let taken = (EndedBy::Customer, Reason::Hangup);
        let termination = match self.transfer {
            Transfer::Asked { until }
                if now.instant < until && (termination.by, termination.reason) == taken =>
            {
                transferred()
            }
            Transfer::Asked { .. } | Transfer::None => termination,
        };
        let wrap_up = State::WrapUp {
            until: now.instant + self.windows.wrap_up,
        };
        let mut told = true;
        let next = match &self.state {
            State::WrapUp { .. } | State::Closed => return,
            State::Expecting { .. } => {
                out.push(match termination.reason {
                    // No INVITE will come, or has been met.
                    Reason::DialRefused
                    | Reason::DialNotSent
                    | Reason::DialUnanswered
                    | Reason::NoInvite
                    | Reason::AgentNotReady => Action::CloseExpectation,
                    // There is no command that takes a dial back, so its INVITE is met and refused.
                    _ => Action::RefuseExpected,
                });
                // What was made ready for it isn't needed.
                out.push(Action::CloseMedia);
                State::Closed
            }
            State::RingingIn { .. } | State::Answering { .. } => {
                let (status, phrase) = refusal(termination.reason);
                out.extend([Action::Refuse { status, phrase }, Action::CloseMedia]);
                State::Closed
            }
            State::Offering { .. } => {
                out.push(Action::CloseMedia);
                State::Closed
            }
            State::CustomerRinging { .. }
            | State::Unexplained { .. }
            | State::Inviting { .. }
            | State::Waiting { .. } => {
                out.extend([Action::HangUp, Action::CloseMedia]);
                State::Closed
            }
            State::Connected { .. } => {
                out.extend([Action::HangUp, Action::CloseMedia]);
                wrap_up
            }
            State::Farewell { ended, after, .. } => {
                out.extend([Action::HangUp, Action::CloseMedia]);
                told = *ended != termination;
                match after {
                    Before::Talk => wrap_up,
                    Before::Ringing => State::Closed,
                }
            }
        };
        // Last words follow upon a cause that the story has already.
        let detail = match told {
            true => termination.detail.clone(),
            false => "The call is over.".to_owned(),
        };
        self.tell(now, detail);
        self.ended = Some(Ended {
            at: now.epoch_ms,
            termination,
        });
        self.state = next;
        if let State::Closed = self.state {
            out.push(Action::ReleaseAgent);
        }
    }

    /// The customer goes on without the agent: what is up stays up, and is the owner's.
    pub(super) fn handle_handed_over(
        &mut self,
        now: Moment,
        wrap_up: WrapUp,
        out: &mut Vec<Action>,
    ) {
        let State::Connected { .. } = self.state else {
            return;
        };
        let termination = transferred();
        self.tell(now, termination.detail.clone());
        self.ended = Some(Ended {
            at: now.epoch_ms,
            termination,
        });
        match wrap_up {
            WrapUp::Granted => {
                self.state = State::WrapUp {
                    until: now.instant + self.windows.wrap_up,
                };
            }
            WrapUp::Skipped => self.close(out),
        }
    }

    pub(super) fn close(&mut self, out: &mut Vec<Action>) {
        self.state = State::Closed;
        out.push(Action::ReleaseAgent);
    }
}

pub(super) fn reported() -> Termination {
    Termination::new(
        EndedBy::Customer,
        Reason::Hangup,
        "The platform reported the end of the call.",
    )
}

pub(super) fn abandoned() -> Termination {
    Termination::new(
        EndedBy::Customer,
        Reason::Abandoned,
        "The caller hung up before the call was answered.",
    )
}

/// The SIP status that tells a caller why nobody answered.
fn refusal(reason: Reason) -> (u16, &'static str) {
    match reason {
        Reason::Declined => (603, "Decline"),
        Reason::Busy => (486, "Busy Here"),
        Reason::MediaRefused => (488, "Not Acceptable Here"),
        Reason::Shutdown => (503, "Service Unavailable"),
        _ => (480, "Temporarily Unavailable"),
    }
}
