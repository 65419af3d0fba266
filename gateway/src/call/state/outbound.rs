//! A call out: through the platform, where it comes back as an INVITE, or straight to a trunk.

use super::{
    Action, AfterAnswer, Call, Command, DESCRIPTION, DialBy, DialReply, Dialling, EarlyMedia, Hold,
    Made, Manner, Presence, Push, State, Windows, WrapUp, capital,
};
use crate::agent::wire::{Direction, EndedBy, Order, Progress};
use crate::call::termination::{Reason, Termination};
use crate::clock::Moment;

use super::ending::{abandoned, reported};
use crate::explain::{Cause, of_refusal};

impl Call {
    /// A dial that the platform turns into an INVITE on the agent's line.
    pub fn dial_expected(
        made: Made,
        dialling: Dialling,
        now: Moment,
        windows: Windows,
        out: &mut Vec<Action>,
    ) -> Self {
        let until = now.instant + windows.invite;
        out.push(Action::Dial {
            number: made.peer.number.clone(),
            until,
            by: dialling.first(),
        });
        let told = match dialling {
            Dialling::Socket | Dialling::SocketFirst => {
                "The dial command goes to the platform; its INVITE is expected."
            }
            Dialling::Api | Dialling::ApiAfter(_) => {
                "The platform's public API is asked to dial; its INVITE is expected."
            }
        };
        let state = State::Expecting {
            until,
            command: Command::Sent,
            dialling,
        };
        let mut call = Self::new(
            made,
            Direction::Outbound,
            state,
            now,
            windows,
            Manner::PLAIN,
        );
        call.tell(now, told);
        call
    }

    /// A dial straight to a trunk.
    pub fn dial_trunk(
        made: Made,
        manner: Manner,
        now: Moment,
        windows: Windows,
        out: &mut Vec<Action>,
    ) -> Self {
        out.push(Action::Describe { offer: None });
        let told = match manner.order {
            Order::AgentFirst => format!("The call goes out over the trunk {}.", made.via),
            Order::CustomerFirst => format!(
                "The customer is called first, over the trunk {}; then the agent is asked.",
                made.via
            ),
        };
        let until = now.instant + DESCRIPTION;
        let state = State::Offering { until };
        let mut call = Self::new(made, Direction::Outbound, state, now, windows, manner);
        call.tell(now, told);
        call
    }

    pub(super) fn handle_dial_reply(
        &mut self,
        now: Moment,
        reply: DialReply,
        out: &mut Vec<Action>,
    ) {
        let State::Expecting {
            command, dialling, ..
        } = &mut self.state
        else {
            match reply {
                // The INVITE overtook the reply, or the call is over; only the UCID is news.
                DialReply::Queued { ucid: Some(ucid) } => {
                    self.ucid.get_or_insert(ucid);
                }
                // Nothing is on its way any more.
                DialReply::Refused(_) | DialReply::NotSent(_) => out.push(Action::CloseExpectation),
                DialReply::Queued { ucid: None } | DialReply::Unknown | DialReply::NoReply => {}
            }
            return;
        };
        if let Some(clause) = dialling.gives_way(*command, &reply) {
            return self.dial_by_api(now, clause, out);
        }
        let dialling = dialling.clone();
        let ended = match reply {
            DialReply::Queued { ucid } => {
                *command = Command::Taken;
                let told = match &ucid {
                    Some(ucid) => format!("The platform queued the dial as {ucid}."),
                    None => "The platform queued the dial.".to_owned(),
                };
                self.ucid = ucid.or(self.ucid.take());
                self.tell(now, told);
                return;
            }
            DialReply::Unknown => {
                *command = Command::Unclear;
                self.tell(now, "It is unclear whether the platform took the dial.");
                return;
            }
            DialReply::NoReply => {
                *command = Command::Unanswered;
                self.tell(now, "The platform did not reply to the dial in time.");
                return;
            }
            DialReply::Refused(words) => Termination::new(
                EndedBy::Provider,
                Reason::DialRefused,
                match dialling {
                    Dialling::ApiAfter(first) => format!(
                        "{}, and its public API refused it, too: {words}",
                        capital(&first)
                    ),
                    Dialling::Api => {
                        format!("The platform's public API refused the dial: {words}")
                    }
                    Dialling::Socket | Dialling::SocketFirst => {
                        format!("The platform refused the dial: {words}")
                    }
                },
            ),
            DialReply::NotSent(words) => Termination::new(
                EndedBy::Gateway,
                Reason::DialNotSent,
                match dialling {
                    Dialling::ApiAfter(first) => format!(
                        "{}, and its public API could not be asked: {words}",
                        capital(&first)
                    ),
                    Dialling::Api => {
                        format!("The dial could not be sent to the platform's public API: {words}")
                    }
                    Dialling::Socket | Dialling::SocketFirst => {
                        format!("The dial could not be sent to the platform: {words}")
                    }
                },
            ),
        };
        self.end(now, ended, out);
    }

    /// The same call, once more: the socket surely didn't place it.
    fn dial_by_api(&mut self, now: Moment, clause: String, out: &mut Vec<Action>) {
        let until = now.instant + self.windows.invite;
        self.tell(
            now,
            format!("{}; its public API is asked instead.", capital(&clause)),
        );
        out.extend([
            Action::CloseExpectation,
            Action::Dial {
                number: self.peer.number.clone(),
                until,
                by: DialBy::Api,
            },
        ]);
        self.state = State::Expecting {
            until,
            command: Command::Sent,
            dialling: Dialling::ApiAfter(clause),
        };
    }

    pub(super) fn handle_expected(
        &mut self,
        now: Moment,
        offer: Option<String>,
        out: &mut Vec<Action>,
    ) {
        let State::Expecting { .. } = self.state else {
            return;
        };
        self.tell(
            now,
            "The expected INVITE came; it is answered onto the agent's warm leg.",
        );
        self.auto_answered = true;
        self.state = State::Answering {
            then: AfterAnswer::CustomerRings,
            until: now.instant + DESCRIPTION,
        };
        out.extend([Action::CloseExpectation, Action::Describe { offer }]);
    }

    pub(super) fn handle_progress(
        &mut self,
        now: Moment,
        status: u16,
        answer: Option<String>,
        out: &mut Vec<Action>,
    ) {
        let State::Inviting {
            progress, early, ..
        } = &mut self.state
        else {
            return;
        };
        let before = *progress;
        match (answer, &*early) {
            (Some(answer), EarlyMedia::None) => {
                *early = EarlyMedia::Applied(answer.clone());
                *progress = Progress::EarlyMedia;
                out.push(Action::Apply { answer });
                // An agent who comes second has nothing to hear yet.
                if self.manner.order == Order::AgentFirst {
                    out.push(Action::Bridge);
                }
            }
            (Some(_) | None, _) if status == 180 => *progress = before.max(Progress::Alerting),
            (Some(_) | None, _) => {}
        }
        if *progress != before {
            let told = match progress {
                Progress::EarlyMedia => "The network plays something before the customer answers.",
                _ => "The customer's phone rings.",
            };
            self.tell(now, told);
        }
    }

    pub(super) fn handle_accepted(
        &mut self,
        now: Moment,
        answer: Option<String>,
        out: &mut Vec<Action>,
    ) {
        let State::Inviting { early, .. } = &self.state else {
            return;
        };
        let early = early.clone();
        match (answer, &early) {
            (Some(answer), EarlyMedia::None) => out.push(Action::Apply { answer }),
            // The early answer was the answer, and the 200 repeats it (RFC 3261 §13.2.1); but who answers may be another than
            // who rang, and carriers move their media with the answer.
            (Some(answer), EarlyMedia::Applied(applied)) if answer != *applied => {
                out.push(Action::Apply { answer });
            }
            (Some(_) | None, EarlyMedia::Applied(_)) => {}
            (None, EarlyMedia::None) => {
                let ended = Termination::new(
                    EndedBy::Provider,
                    Reason::MediaRefused,
                    "The trunk accepted the call without an audio description.",
                );
                return self.end(now, ended, out);
            }
        }
        match self.manner.order {
            // Again where early media was heard: the agent may have been lost since.
            Order::AgentFirst => {
                out.push(Action::Bridge);
                self.connect(now);
            }
            Order::CustomerFirst => {
                self.wait(now, out);
                out.push(Action::AskAgent);
            }
        }
    }

    pub(super) fn handle_push(&mut self, now: Moment, push: Push, out: &mut Vec<Action>) {
        match (&mut self.state, push) {
            (State::WrapUp { .. } | State::Closed, _) => {}
            (State::Expecting { command, .. }, Push::NewCall { ucid }) => {
                *command = Command::Taken;
                self.ucid = ucid.or(self.ucid.take());
                self.tell(now, "The platform announced the call.");
            }
            (_, Push::NewCall { ucid }) => self.ucid = self.ucid.take().or(ucid),
            (State::CustomerRinging { agent }, Push::BusyAgent) => {
                let agent = *agent;
                self.connect(now);
                self.state = State::Connected {
                    hold: Hold::Off,
                    agent,
                };
            }
            // A push that overtakes the end of our answer is told again by the talk itself.
            (State::Answering { then, .. }, Push::BusyAgent) => *then = AfterAnswer::Talk,
            (State::Connected { .. } | State::Farewell { .. }, Push::BusyAgent) => {}
            // A release follows talk only, whether or not the push that told of it was lost.
            (
                State::Connected { .. } | State::CustomerRinging { .. } | State::Farewell { .. },
                Push::Release { wrap_up },
            ) => {
                if let State::CustomerRinging { .. } = self.state {
                    self.state = State::Connected {
                        hold: Hold::Off,
                        agent: Presence::Here,
                    };
                }
                self.end(now, reported(), out);
                if wrap_up == WrapUp::Skipped {
                    self.wrap_up_done(now, "The platform leaves no time for wrap-up.", out);
                }
            }
            (State::Connected { .. }, Push::Drop { .. }) => self.end(now, reported(), out),
            (State::RingingIn { .. } | State::Waiting { .. }, Push::Drop { .. }) => {
                let ended = abandoned();
                self.end(now, ended, out);
            }
            (
                _,
                Push::Drop {
                    call_status,
                    dial_status,
                },
            ) => {
                let ended = Termination::dropped(call_status.as_deref(), dial_status.as_deref());
                self.end(now, ended, out);
            }
            (State::Unexplained { .. }, Push::Release { .. }) => {
                let ended = Termination::dropped(None, None);
                self.end(now, ended, out);
            }
            // Nothing of ours is up yet that these could speak of.
            (
                State::Expecting { .. }
                | State::Offering { .. }
                | State::Inviting { .. }
                | State::RingingIn { .. }
                | State::Waiting { .. }
                | State::Unexplained { .. },
                Push::BusyAgent,
            )
            | (
                State::Expecting { .. }
                | State::Answering { .. }
                | State::Offering { .. }
                | State::Inviting { .. }
                | State::RingingIn { .. }
                | State::Waiting { .. },
                Push::Release { .. },
            ) => {}
        }
    }
}

impl Dialling {
    fn first(&self) -> DialBy {
        match self {
            Self::Socket | Self::SocketFirst => DialBy::Socket,
            Self::Api | Self::ApiAfter(_) => DialBy::Api,
        }
    }

    /// Whether the public API is asked next, and the clause that says why. Not after a reply that leaves it open
    /// whether the platform dials, not once it has announced the call, and not where it would only say the same.
    fn gives_way(&self, command: Command, reply: &DialReply) -> Option<String> {
        if (self, command) != (&Self::SocketFirst, Command::Sent) {
            return None;
        }
        let (clause, words) = match reply {
            DialReply::Refused(words) => match of_refusal(words) {
                Some(Cause::Blacklisted | Cause::AnotherCall | Cause::NumberInvalid) => {
                    return None;
                }
                Some(_) | None => ("the platform refused the dial", words),
            },
            DialReply::NotSent(words) => ("the dial could not be sent to the platform", words),
            DialReply::Queued { .. } | DialReply::Unknown | DialReply::NoReply => return None,
        };
        Some(format!("{clause} ({})", words.trim_end_matches('.')))
    }
}
