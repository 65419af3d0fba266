//! The call machine: commands, leg events and time in; actions and snapshots out.
//!
//! Pure: no socket, no clock. The owner feeds [`Call::handle`], carries out what lands in `out`,
//! and calls [`Call::handle_timeout`] no later than [`Call::poll_timeout`]. An action's outcome
//! comes back as an input.
//!
//! ```text
//!  dial ──► Expecting ──INVITE──► Answering ──► CustomerRinging ──busyAgent──► Connected
//!  dial ──► Offering ──► Inviting ──200──────────────────────────────────────► Connected
//!  INVITE ─► RingingIn ──answer──► Answering ────────────────────────────────► Connected
//!                                  hang-up, from anywhere ──► WrapUp (if it was connected) ──► Closed
//! ```

use std::time::{Duration, Instant};

use serde_json::Value;

use super::CallId;
use super::termination::{Reason, Termination};
use crate::agent::wire::{Direction, EndedBy, Peer, Progress};
use crate::clock::Moment;
use crate::switchboard::Told;

/// One call of one agent.
#[derive(Debug)]
pub struct Call {
    pub id: CallId,
    /// The agent's id.
    pub agent: String,
    pub direction: Direction,
    pub peer: Peer,
    /// `ozonetel` or the trunk's name.
    pub via: String,
    pub context: Option<Value>,
    /// The platform's name for the call: text, 14 to 17 digits.
    pub ucid: Option<String>,
    pub started_at: u64,
    pub answered_at: Option<u64>,
    pub muted: bool,
    /// Answered without the agent's click.
    pub auto_answered: bool,
    pub(super) state: State,
    pub(super) ended: Option<Ended>,
    windows: Windows,
    story: Vec<Told>,
}

/// How long the states of a call may last.
#[derive(Debug, Clone, Copy)]
pub struct Windows {
    /// From the dial to the INVITE that it causes.
    pub invite: Duration,
    /// From the ring at the desk to a missed call.
    pub ring: Duration,
    /// From the end of the talk to the end of the wrap-up.
    pub wrap_up: Duration,
}

/// The end, and when it came.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub at: u64,
    pub termination: Termination,
}

#[derive(Debug)]
pub(super) enum State {
    /// The dial command is out; the INVITE that it causes is expected.
    Expecting {
        until: Instant,
        command: Command,
    },
    /// An INVITE is there; the media engine writes our description.
    Answering {
        then: AfterAnswer,
    },
    /// The platform has the agent's leg and rings the customer.
    CustomerRinging,
    /// The platform took its leg away before the customer was there; a push may still say why.
    Unexplained {
        until: Instant,
    },
    /// The media engine writes our offer.
    Offering,
    /// Our INVITE is out.
    Inviting {
        progress: Progress,
        early: EarlyMedia,
    },
    /// Rings at the desk.
    RingingIn {
        until: Instant,
        offer: Option<String>,
    },
    Connected,
    WrapUp {
        until: Instant,
    },
    Closed,
}

/// How far the dial command has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Sent,
    /// The platform said so, or announced the call.
    Taken,
    /// No reply in time; the INVITE may come all the same.
    Unanswered,
}

/// Whose turn it is once we have answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AfterAnswer {
    /// The platform rings the customer (a dial of ours).
    CustomerRings,
    /// The customer is there already.
    Talk,
}

/// Whether the answer to our offer came before the 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EarlyMedia {
    None,
    Applied,
}

/// What can happen to a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The platform's reply to the dial command.
    Dial(DialReply),
    /// The INVITE that the dial caused; `None` where it brings no offer.
    Expected {
        offer: Option<String>,
    },
    /// The INVITE came, and the agent can't be spoken to; it has been refused.
    NotReady {
        because: String,
    },
    /// The agent's click, or the policy's.
    Answer {
        how: Answered,
    },
    /// The agent ends it.
    HangUp,
    /// The agent declines what rings.
    Reject,
    Mute(bool),
    /// The media engine wrote our description, or can't.
    Described(Result<String, String>),
    /// The media engine took the peer's answer, or can't.
    Applied(Result<(), String>),
    /// A 1xx to our INVITE.
    Progress {
        status: u16,
        answer: Option<String>,
    },
    /// The 2xx to our INVITE.
    Accepted {
        answer: Option<String>,
    },
    /// The ACK to our 200; it carries the answer where our 200 carried the offer.
    Confirmed {
        answer: Option<String>,
    },
    /// The SIP dialog is over.
    DialogEnded(DialogEnd),
    Push(Push),
    /// The customer's media failed, in words.
    MediaLost(String),
    /// The agent was gone for longer than the grace.
    AgentLost,
    /// Ends the wrap-up.
    Dispose {
        code: String,
    },
    Shutdown,
}

#[derive(Debug, Clone, PartialEq)]
pub enum DialReply {
    Queued {
        ucid: Option<String>,
    },
    Refused(String),
    /// The command could not be sent at all.
    NotSent(String),
    /// A reply that says neither yes nor no: the INVITE or time decides.
    Unknown,
    NoReply,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    ByAgent,
    ByPolicy,
}

#[derive(Debug, Clone, PartialEq)]
pub enum DialogEnd {
    /// The far end's BYE.
    Bye,
    /// The far end's CANCEL.
    Cancelled,
    /// A final rejection of our INVITE.
    Rejected {
        status: u16,
        reason: String,
    },
    TimedOut,
    AckMissing,
    FlowLost,
    /// Our own hang-up came to its end.
    Ours,
}

/// What the platform says of a call, beside SIP.
#[derive(Debug, Clone, PartialEq)]
pub enum Push {
    /// The call is assigned; the agent's leg is about to ring.
    NewCall { ucid: Option<String> },
    /// Customer and agent are talking.
    BusyAgent,
    /// Over after talk.
    Release,
    /// Over before talk.
    Drop {
        call_status: Option<String>,
        dial_status: Option<String>,
    },
}

/// What the call asks of its owner.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Open the expectation, then send the dial command.
    Dial { number: String, until: Instant },
    /// Nothing is expected any more.
    CloseExpectation,
    /// The INVITE that is still on its way is to be refused.
    RefuseExpected,
    /// Have the media engine answer the customer's offer, or make one where there is none.
    Describe { offer: Option<String> },
    /// Hand the peer's answer to the media engine.
    Apply { answer: String },
    /// 180 to the INVITE.
    Ring,
    /// 200 to the INVITE.
    Accept { description: String },
    /// A final rejection of the INVITE.
    Refuse { status: u16, phrase: &'static str },
    /// Send our INVITE.
    Invite { offer: String },
    /// End the dialog, whatever its state.
    HangUp,
    /// Let audio pass between the customer and the agent.
    Bridge,
    /// Stop or resume what the agent says.
    Mute(bool),
    /// The customer's media leg is done.
    CloseMedia,
    /// Tell the platform that the agent is ready again.
    ReleaseAgent,
}

impl Call {
    /// A dial that the platform turns into an INVITE on the agent's line.
    pub fn dial_expected(made: Made, now: Moment, windows: Windows, out: &mut Vec<Action>) -> Self {
        let until = now.instant + windows.invite;
        out.push(Action::Dial {
            number: made.peer.number.clone(),
            until,
        });
        let command = Command::Sent;
        let mut call = Self::new(
            made,
            Direction::Outbound,
            State::Expecting { until, command },
            now,
            windows,
        );
        call.tell(
            now,
            "The dial command goes to the platform; its INVITE is expected.",
        );
        call
    }

    /// A dial straight to a trunk.
    pub fn dial_trunk(made: Made, now: Moment, windows: Windows, out: &mut Vec<Action>) -> Self {
        out.push(Action::Describe { offer: None });
        let told = format!("The call goes out over the trunk {}.", made.via);
        let mut call = Self::new(made, Direction::Outbound, State::Offering, now, windows);
        call.tell(now, told);
        call
    }

    /// An INVITE that no dial caused; it rings at the desk.
    pub fn ringing(
        made: Made,
        offer: Option<String>,
        now: Moment,
        windows: Windows,
        out: &mut Vec<Action>,
    ) -> Self {
        out.push(Action::Ring);
        let until = now.instant + windows.ring;
        let told = format!("An INVITE came in over {}; it rings at the desk.", made.via);
        let mut call = Self::new(
            made,
            Direction::Inbound,
            State::RingingIn { until, offer },
            now,
            windows,
        );
        call.tell(now, told);
        call
    }

    fn new(made: Made, direction: Direction, state: State, now: Moment, windows: Windows) -> Self {
        Self {
            id: made.id,
            agent: made.agent,
            direction,
            peer: made.peer,
            via: made.via,
            context: made.context,
            ucid: None,
            started_at: now.epoch_ms,
            answered_at: None,
            muted: false,
            auto_answered: false,
            state,
            ended: None,
            windows,
            story: Vec::new(),
        }
    }

    /// Takes one input; what it asks for is pushed to `out`.
    pub fn handle(&mut self, now: Moment, input: Input, out: &mut Vec<Action>) {
        match input {
            Input::Dial(reply) => self.handle_dial_reply(now, reply, out),
            Input::Expected { offer } => self.handle_expected(now, offer, out),
            Input::NotReady { because } => {
                let ended = Termination::new(
                    EndedBy::Gateway,
                    Reason::AgentNotReady,
                    format!("The call came back, but it could not be answered. {because}"),
                );
                self.end(now, ended, out);
            }
            Input::Answer { how } => self.handle_answer(now, how, out),
            Input::HangUp => self.handle_hang_up(now, out),
            Input::Reject => self.handle_reject(now, out),
            Input::Mute(on) => self.handle_mute(now, on, out),
            Input::Described(result) => self.handle_described(now, result, out),
            Input::Applied(result) => self.handle_applied(now, result, out),
            Input::Progress { status, answer } => self.handle_progress(now, status, answer, out),
            Input::Accepted { answer } => self.handle_accepted(now, answer, out),
            Input::Confirmed { answer } => {
                out.extend(answer.map(|answer| Action::Apply { answer }))
            }
            Input::DialogEnded(end) => self.handle_dialog_end(now, end, out),
            Input::Push(push) => self.handle_push(now, push, out),
            Input::MediaLost(words) => self.handle_media_lost(now, &words, out),
            Input::AgentLost => {
                let ended = Termination::new(
                    EndedBy::Gateway,
                    Reason::AgentLost,
                    "The agent's browser was gone for too long.",
                );
                self.end(now, ended, out);
            }
            Input::Dispose { code } => self.handle_dispose(now, &code, out),
            Input::Shutdown => {
                let ended = Termination::new(
                    EndedBy::Gateway,
                    Reason::Shutdown,
                    "The gateway is stopping.",
                );
                self.end(now, ended, out);
            }
        }
    }

    /// Advances whatever is due at `now`.
    pub fn handle_timeout(&mut self, now: Moment, out: &mut Vec<Action>) {
        match &self.state {
            State::Expecting { until, command } if now.instant >= *until => {
                let ended = no_invite(*command, self.windows.invite);
                self.end(now, ended, out);
            }
            State::RingingIn { until, .. } if now.instant >= *until => {
                let ended = Termination::new(
                    EndedBy::Agent,
                    Reason::Missed,
                    format!(
                        "Nobody answered at the desk within {}.",
                        seconds(self.windows.ring)
                    ),
                );
                self.end(now, ended, out);
            }
            State::Unexplained { until } if now.instant >= *until => {
                let ended = Termination::dropped(None, None);
                self.end(now, ended, out);
            }
            State::WrapUp { until } if now.instant >= *until => {
                self.tell(now, "The wrap-up time is over.");
                self.close(out);
            }
            // Not due yet, or nothing armed: an early call is always allowed.
            State::Expecting { .. }
            | State::Answering { .. }
            | State::CustomerRinging
            | State::Unexplained { .. }
            | State::Offering
            | State::Inviting { .. }
            | State::RingingIn { .. }
            | State::Connected
            | State::WrapUp { .. }
            | State::Closed => {}
        }
    }

    /// The next deadline; `None` while only somebody else can act.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Expecting { until, .. }
            | State::RingingIn { until, .. }
            | State::Unexplained { until }
            | State::WrapUp { until } => Some(*until),
            State::Answering { .. }
            | State::CustomerRinging
            | State::Offering
            | State::Inviting { .. }
            | State::Connected
            | State::Closed => None,
        }
    }

    /// Whether it still occupies the agent: anything before its end.
    pub fn is_up(&self) -> bool {
        self.ended.is_none()
    }

    pub fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected)
    }

    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// The end, once it has come.
    pub fn termination(&self) -> Option<&Termination> {
        self.ended.as_ref().map(|ended| &ended.termination)
    }

    /// The causal story so far, oldest first.
    pub fn story(&self) -> &[Told] {
        &self.story
    }

    /// Adds a sentence to the story.
    pub fn tell(&mut self, now: Moment, what: impl Into<String>) {
        self.story.push(Told {
            at: now.epoch_ms,
            what: what.into(),
        });
    }

    fn handle_dial_reply(&mut self, now: Moment, reply: DialReply, out: &mut Vec<Action>) {
        let State::Expecting { command, .. } = &mut self.state else {
            // The INVITE overtook the reply, or the call is over; only the UCID is news.
            if let DialReply::Queued { ucid: Some(ucid) } = reply {
                self.ucid.get_or_insert(ucid);
            }
            return;
        };
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
                self.tell(
                    now,
                    "The platform's reply to the dial says neither yes nor no.",
                );
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
                format!("The platform refused the dial: {words}"),
            ),
            DialReply::NotSent(words) => Termination::new(
                EndedBy::Gateway,
                Reason::DialNotSent,
                format!("The dial could not be sent to the platform: {words}"),
            ),
        };
        self.end(now, ended, out);
    }

    fn handle_expected(&mut self, now: Moment, offer: Option<String>, out: &mut Vec<Action>) {
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
        };
        out.extend([Action::CloseExpectation, Action::Describe { offer }]);
    }

    fn handle_answer(&mut self, now: Moment, how: Answered, out: &mut Vec<Action>) {
        let State::RingingIn { offer, .. } = &mut self.state else {
            return;
        };
        let offer = offer.take();
        self.auto_answered = how == Answered::ByPolicy;
        self.tell(
            now,
            match how {
                Answered::ByAgent => "The agent answered.",
                Answered::ByPolicy => "The agent's auto-answer setting answered.",
            },
        );
        self.state = State::Answering {
            then: AfterAnswer::Talk,
        };
        out.push(Action::Describe { offer });
    }

    fn handle_hang_up(&mut self, now: Moment, out: &mut Vec<Action>) {
        let ended = match &self.state {
            State::Connected => {
                Termination::new(EndedBy::Agent, Reason::Hangup, "The agent hung up.")
            }
            State::RingingIn { .. } => return self.handle_reject(now, out),
            State::WrapUp { .. } | State::Closed => return,
            State::Expecting { .. }
            | State::Answering { .. }
            | State::CustomerRinging
            | State::Unexplained { .. }
            | State::Offering
            | State::Inviting { .. } => Termination::new(
                EndedBy::Agent,
                Reason::Cancelled,
                "The agent ended the call before it was answered.",
            ),
        };
        let awaited = matches!(self.state, State::Expecting { .. });
        self.end(now, ended, out);
        if awaited {
            // There is no command that takes a dial back, so its INVITE is met and refused.
            out.retain(|action| *action != Action::CloseExpectation);
            out.push(Action::RefuseExpected);
        }
    }

    fn handle_reject(&mut self, now: Moment, out: &mut Vec<Action>) {
        if let State::RingingIn { .. } = self.state {
            let ended = Termination::new(
                EndedBy::Agent,
                Reason::Declined,
                "The agent declined the call.",
            );
            self.end(now, ended, out);
        }
    }

    fn handle_mute(&mut self, now: Moment, on: bool, out: &mut Vec<Action>) {
        if self.ended.is_some() || self.muted == on {
            return;
        }
        self.muted = on;
        self.tell(
            now,
            if on {
                "The agent muted."
            } else {
                "The agent unmuted."
            },
        );
        out.push(Action::Mute(on));
    }

    fn handle_described(
        &mut self,
        now: Moment,
        result: Result<String, String>,
        out: &mut Vec<Action>,
    ) {
        let description = match result {
            Ok(description) => description,
            Err(words) => {
                let ended = Termination::new(
                    EndedBy::Gateway,
                    Reason::MediaRefused,
                    format!("The audio descriptions don't fit: {words}"),
                );
                return self.end(now, ended, out);
            }
        };
        match self.state {
            State::Answering { then } => {
                out.extend([Action::Accept { description }, Action::Bridge]);
                match then {
                    AfterAnswer::CustomerRings => self.state = State::CustomerRinging,
                    AfterAnswer::Talk => self.connect(now),
                }
            }
            State::Offering => {
                out.push(Action::Invite { offer: description });
                self.state = State::Inviting {
                    progress: Progress::Dialing,
                    early: EarlyMedia::None,
                };
            }
            // The call ended while the engine was writing.
            State::Expecting { .. }
            | State::CustomerRinging
            | State::Unexplained { .. }
            | State::Inviting { .. }
            | State::RingingIn { .. }
            | State::Connected
            | State::WrapUp { .. }
            | State::Closed => {}
        }
    }

    fn handle_applied(&mut self, now: Moment, result: Result<(), String>, out: &mut Vec<Action>) {
        if let Err(words) = result {
            let ended = Termination::new(
                EndedBy::Gateway,
                Reason::MediaRefused,
                format!("The far end's audio description can't be used: {words}"),
            );
            self.end(now, ended, out);
        }
    }

    fn handle_progress(
        &mut self,
        now: Moment,
        status: u16,
        answer: Option<String>,
        out: &mut Vec<Action>,
    ) {
        let State::Inviting { progress, early } = &mut self.state else {
            return;
        };
        let before = *progress;
        match (answer, *early) {
            (Some(answer), EarlyMedia::None) => {
                *early = EarlyMedia::Applied;
                *progress = Progress::EarlyMedia;
                out.extend([Action::Apply { answer }, Action::Bridge]);
            }
            (Some(_) | None, _) if status == 180 => *progress = before.max(Progress::Alerting),
            (Some(_) | None, _) => {}
        }
        if *progress != before {
            let told = match progress {
                Progress::EarlyMedia => {
                    "The network plays to the agent before the customer answers."
                }
                _ => "The customer's phone rings.",
            };
            self.tell(now, told);
        }
    }

    fn handle_accepted(&mut self, now: Moment, answer: Option<String>, out: &mut Vec<Action>) {
        let State::Inviting { early, .. } = self.state else {
            return;
        };
        match (answer, early) {
            (Some(answer), EarlyMedia::None) => {
                out.extend([Action::Apply { answer }, Action::Bridge])
            }
            // The early answer was the answer (RFC 3261 §13.2.1); the 200 repeats it.
            (Some(_) | None, EarlyMedia::Applied) => {}
            (None, EarlyMedia::None) => {
                let ended = Termination::new(
                    EndedBy::Provider,
                    Reason::MediaRefused,
                    "The trunk accepted the call without an audio description.",
                );
                return self.end(now, ended, out);
            }
        }
        self.connect(now);
    }

    fn handle_dialog_end(&mut self, now: Moment, end: DialogEnd, out: &mut Vec<Action>) {
        let ended = match (&self.state, end) {
            (State::WrapUp { .. } | State::Closed, _) | (_, DialogEnd::Ours) => return,
            (State::CustomerRinging, DialogEnd::Bye) => {
                self.tell(
                    now,
                    "The platform ended the agent's leg before the customer was there.",
                );
                self.state = State::Unexplained {
                    until: now.instant + EXPLANATION,
                };
                return;
            }
            (State::Connected, DialogEnd::Bye) => {
                Termination::new(EndedBy::Customer, Reason::Hangup, "The customer hung up.")
            }
            (_, DialogEnd::Bye | DialogEnd::Cancelled) => match self.direction {
                Direction::Inbound => Termination::new(
                    EndedBy::Customer,
                    Reason::Abandoned,
                    "The caller hung up before the call was answered.",
                ),
                Direction::Outbound => Termination::dropped(None, None),
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
                "The connection to the provider's SIP line was lost.",
            ),
        };
        self.end(now, ended, out);
    }

    fn handle_push(&mut self, now: Moment, push: Push, out: &mut Vec<Action>) {
        match (&mut self.state, push) {
            (State::WrapUp { .. } | State::Closed, _) => {}
            (State::Expecting { command, .. }, Push::NewCall { ucid }) => {
                *command = Command::Taken;
                self.ucid = ucid.or(self.ucid.take());
                self.tell(now, "The platform announced the call.");
            }
            (_, Push::NewCall { ucid }) => self.ucid = self.ucid.take().or(ucid),
            (State::CustomerRinging, Push::BusyAgent) => self.connect(now),
            // A push that overtakes the end of our answer is told again by the talk itself.
            (State::Answering { then }, Push::BusyAgent) => *then = AfterAnswer::Talk,
            (State::Connected, Push::BusyAgent) => {}
            (State::Connected, Push::Release | Push::Drop { .. }) => {
                let ended = Termination::new(
                    EndedBy::Customer,
                    Reason::Hangup,
                    "The platform reported the end of the call.",
                );
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
            (State::Unexplained { .. }, Push::Release) => {
                let ended = Termination::dropped(None, None);
                self.end(now, ended, out);
            }
            // Nothing of ours is up yet that these could speak of.
            (
                State::Expecting { .. }
                | State::Offering
                | State::Inviting { .. }
                | State::RingingIn { .. }
                | State::Unexplained { .. },
                Push::BusyAgent,
            )
            | (
                State::Expecting { .. }
                | State::Answering { .. }
                | State::CustomerRinging
                | State::Offering
                | State::Inviting { .. }
                | State::RingingIn { .. },
                Push::Release,
            ) => {}
        }
    }

    fn handle_media_lost(&mut self, now: Moment, words: &str, out: &mut Vec<Action>) {
        if self.ended.is_none() {
            let ended = Termination::new(
                EndedBy::Gateway,
                Reason::MediaFailed,
                format!("The audio connection to {} failed: {words}", self.far_end()),
            );
            self.end(now, ended, out);
        }
    }

    fn handle_dispose(&mut self, now: Moment, code: &str, out: &mut Vec<Action>) {
        if let State::WrapUp { .. } = self.state {
            self.tell(
                now,
                format!("The agent closed the call with the disposition {code}."),
            );
            self.close(out);
        }
    }

    /// Customer and agent talk from here on.
    fn connect(&mut self, now: Moment) {
        self.answered_at = Some(now.epoch_ms);
        self.state = State::Connected;
        self.tell(now, "Customer and agent are connected.");
    }

    /// Ends what is up, in the way its state asks for, and remembers why.
    fn end(&mut self, now: Moment, termination: Termination, out: &mut Vec<Action>) {
        let next = match &self.state {
            State::WrapUp { .. } | State::Closed => return,
            State::Connected => State::WrapUp {
                until: now.instant + self.windows.wrap_up,
            },
            State::Expecting { .. }
            | State::Answering { .. }
            | State::CustomerRinging
            | State::Unexplained { .. }
            | State::Offering
            | State::Inviting { .. }
            | State::RingingIn { .. } => State::Closed,
        };
        match &self.state {
            State::Expecting { .. } => out.push(Action::CloseExpectation),
            State::RingingIn { .. } | State::Answering { .. } => {
                let (status, phrase) = refusal(termination.reason);
                out.extend([Action::Refuse { status, phrase }, Action::CloseMedia]);
            }
            State::CustomerRinging
            | State::Unexplained { .. }
            | State::Inviting { .. }
            | State::Connected => {
                out.extend([Action::HangUp, Action::CloseMedia]);
            }
            State::Offering => out.push(Action::CloseMedia),
            State::WrapUp { .. } | State::Closed => {}
        }
        self.tell(now, termination.detail.clone());
        self.ended = Some(Ended {
            at: now.epoch_ms,
            termination,
        });
        self.state = next;
        if let State::Closed = self.state {
            out.push(Action::ReleaseAgent);
        }
    }

    fn close(&mut self, out: &mut Vec<Action>) {
        self.state = State::Closed;
        out.push(Action::ReleaseAgent);
    }

    fn far_end(&self) -> String {
        if self.via == OZONETEL {
            "the platform".to_owned()
        } else {
            format!("the trunk {}", self.via)
        }
    }
}

/// What whoever asks for a call says of it.
#[derive(Debug, Clone)]
pub struct Made {
    pub id: CallId,
    pub agent: String,
    pub peer: Peer,
    pub via: String,
    pub context: Option<Value>,
}

/// The way out that is the agent's own line.
pub const OZONETEL: &str = "ozonetel";

/// How long a push may lag behind the BYE whose reason it tells.
const EXPLANATION: Duration = Duration::from_millis(800);

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

fn no_invite(command: Command, window: Duration) -> Termination {
    let because = match command {
        Command::Sent => "the platform has not replied to the dial",
        Command::Taken => "the platform took the dial, but did not call the agent's extension",
        Command::Unanswered => "the platform never replied to the dial",
    };
    let reason = match command {
        Command::Taken => Reason::NoInvite,
        Command::Sent | Command::Unanswered => Reason::DialUnanswered,
    };
    Termination::new(
        EndedBy::Provider,
        reason,
        format!(
            "No INVITE within {} of the dial: {because}.",
            seconds(window)
        ),
    )
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f32())
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
