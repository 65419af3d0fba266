//! The call machine: commands, leg events and time in; actions and snapshots out.
//!
//! Pure: no socket, no clock. The owner feeds [`Call::handle`], carries out what lands in `out`,
//! and calls [`Call::handle_timeout`] no later than [`Call::poll_timeout`]. An action's outcome
//! comes back as an input. At whose desks it rings is [`super::ringing`]'s; here it only rings.
//!
//! ```text
//!  dial ──► Expecting ──INVITE──► Answering ──► CustomerRinging ──busyAgent──► Connected
//!  dial ──► Offering ──► Inviting ──200──────────────────────────────────────► Connected
//!                          └─200, customer first──► Waiting ──answer─────────► Connected
//!  INVITE ─► RingingIn ──answer──► Answering ────────────────────────────────► Connected
//!  INVITE ─► Answering, greeted ──────────────────► Waiting ──answer─────────► Connected
//!            RingingIn or Waiting, nobody answers ──► Farewell ──played──► Closed
//!            Connected, the agent is lost ──────────► Farewell ──played──► WrapUp
//!                                  hang-up, from anywhere ──► WrapUp (if it was connected) ──► Closed
//! ```

mod ending;
mod inbound;
mod outbound;
mod talk;

use std::time::{Duration, Instant};

use serde_json::Value;

use super::termination::{Reason, Termination};
use super::{CallId, Told};
use crate::agent::wire::{Direction, EndedBy, Order, Peer, Progress, Recording};
use crate::clock::Moment;

/// One call of one agent.
#[derive(Debug)]
pub struct Call {
    pub id: CallId,
    /// The agent's id; while it rings at several desks, the first one's.
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
    /// What the recorder does with it.
    pub recording: Recording,
    /// Answered without the agent's click.
    pub auto_answered: bool,
    /// The other call of a transfer.
    pub linked: Option<CallId>,
    pub(super) transfer: Transfer,
    pub(super) state: State,
    pub(super) ended: Option<Ended>,
    pub(super) windows: Windows,
    manner: Manner,
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

/// Who is called first, and what the customer hears of us where no agent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    pub order: Order,
    /// An incoming call is answered at once and greeted; a customer who is dialled first always is.
    pub greeting: Spoken,
    /// Said before the end when nobody answers.
    pub fallback: Spoken,
}

/// Whether a sentence is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoken {
    Aloud,
    Not,
}

/// What is played to a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announcement {
    /// Once, at the beginning.
    Greeting,
    /// For ever, while the customer is to wait.
    Hold,
    /// Once: nobody answers.
    Fallback,
    /// Once: the agent did not come back.
    AgentLost,
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
        dialling: Dialling,
    },
    /// An INVITE is there; the media engine writes our description.
    Answering {
        then: AfterAnswer,
        until: Instant,
    },
    /// The platform has the agent's leg and rings the customer.
    CustomerRinging {
        agent: Presence,
    },
    /// The platform took its leg away before the customer was there, or never called; a push, or its answer to our
    /// question, may still say why.
    Unexplained {
        until: Instant,
        /// Why, if nobody says more.
        otherwise: Termination,
        question: Question,
    },
    /// The media engine writes our offer.
    Offering {
        until: Instant,
    },
    /// Our INVITE is out.
    Inviting {
        progress: Progress,
        early: EarlyMedia,
        until: Instant,
    },
    /// Rings at the desk; the caller's network says so to the caller.
    RingingIn {
        until: Instant,
        offer: Option<String>,
    },
    /// The customer is up and hears greeting and music; it rings at the desk.
    Waiting {
        until: Instant,
    },
    Connected {
        hold: Hold,
        agent: Presence,
    },
    /// No agent will come; the customer hears that to its end.
    Farewell {
        ended: Termination,
        after: Before,
        until: Instant,
    },
    WrapUp {
        until: Instant,
    },
    Closed,
}

/// By what a dial goes to the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dialling {
    Socket,
    /// The public API is asked where the socket surely didn't bring it: no customer is called twice.
    SocketFirst,
    Api,
    /// The public API, after the socket; how that failed, as a clause.
    ApiAfter(String),
}

/// What carries one dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialBy {
    Socket,
    Api,
}

/// Whether the platform has been asked what became of a dial. It is given a moment to say so by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    Open,
    Put,
}

/// How far the dial command has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Sent,
    /// The platform said so, or announced the call.
    Taken,
    /// A reply that says neither yes nor no, or a socket lost before it came.
    Unclear,
    /// No reply in time; the INVITE may come all the same.
    Unanswered,
}

/// What follows once we have answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum AfterAnswer {
    /// The platform rings the customer (a dial of ours).
    CustomerRings,
    /// The customer is there already, and so is the agent.
    Talk,
    /// The caller is greeted and waits for an agent.
    Greet,
    /// The caller is told that nobody answers.
    Farewell(Termination),
}

/// The answer to our offer that came before the 200.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EarlyMedia {
    None,
    Applied(String),
}

/// Whether the customer has been put on hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    On,
    Off,
}

/// Whether the platform may take the customer away at the agent's own wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transfer {
    None,
    /// Later the platform's end of the call has another cause.
    Asked {
        until: Instant,
    },
}

/// Whether audio from and to the agent works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Here,
    Away,
}

/// What was before the last words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    Ringing,
    Talk,
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
    /// The agent declines what rings; of several, the last.
    Reject,
    Mute(bool),
    Hold(bool),
    /// The platform didn't put the customer on hold, or didn't give it back.
    HoldRefused {
        on: bool,
    },
    /// The agent has asked the platform to give the customer to somebody else.
    TransferAsked,
    /// It doesn't, or didn't say whether it does.
    TransferNotTaken,
    /// It has.
    Transferred,
    /// The customer, or whom the customer was given to, goes on without the agent.
    HandedOver(WrapUp),
    /// The media engine wrote our description, or can't.
    Described(Result<String, String>),
    /// The media engine took the peer's answer, or can't.
    Applied(Result<(), String>),
    /// What was to be heard once has been heard.
    Played,
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
    /// What the platform says of a dial when it is asked; `None`: nothing, or that it goes on.
    Checked(Option<String>),
    /// The customer's media failed, in words.
    MediaLost(String),
    /// Audio from and to the agent is interrupted; it is waited for.
    AgentAway,
    AgentBack,
    /// The agent was gone for longer than the grace, in words; whether the customer is told.
    AgentLost {
        words: &'static str,
        told: Spoken,
    },
    /// Ends the wrap-up.
    Dispose {
        code: String,
    },
    /// The agent went on to the next call, which ends the wrap-up, too.
    Redialled,
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
    Release { wrap_up: WrapUp },
    /// Over before talk.
    Drop {
        call_status: Option<String>,
        dial_status: Option<String>,
    },
}

/// Whether the platform leaves the agent time after the talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrapUp {
    Granted,
    Skipped,
}

/// What the call asks of its owner.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Open the expectation, then send the dial command.
    Dial {
        number: String,
        until: Instant,
        by: DialBy,
    },
    /// Ask the platform what became of the dial.
    AskOutcome,
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
    /// The customer who was dialled first is there: now the agent is asked.
    AskAgent,
    /// It is over for whoever it rings at, though the customer still hears our last words.
    Dismiss { ended: Termination },
    /// 200 to the INVITE.
    Accept { description: String },
    /// A final rejection of the INVITE.
    Refuse { status: u16, phrase: &'static str },
    /// Send our INVITE.
    Invite { offer: String },
    /// End the dialog, whatever its state.
    HangUp,
    /// Let audio pass between the customer and the agent, in place of whatever is played.
    Bridge,
    /// No audio passes any more between the two.
    Part,
    /// Play to the customer in place of whatever is heard there now.
    Play(Announcement),
    /// The customer hears music, and the agent nothing; or talk again.
    Hold { on: bool },
    /// Stop or resume what the agent says.
    Mute(bool),
    /// The customer's media leg is done.
    CloseMedia,
    /// Tell the platform that the agent is ready again.
    ReleaseAgent,
}

impl Call {
    fn new(
        made: Made,
        direction: Direction,
        state: State,
        now: Moment,
        windows: Windows,
        manner: Manner,
    ) -> Self {
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
            recording: Recording::Off,
            auto_answered: false,
            linked: None,
            transfer: Transfer::None,
            state,
            ended: None,
            windows,
            manner,
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
            Input::Hold(on) => self.handle_hold(now, on, out),
            Input::HoldRefused { on } => self.handle_hold_refused(now, on, out),
            Input::TransferAsked => self.handle_transfer_asked(now),
            Input::TransferNotTaken => self.transfer = Transfer::None,
            Input::Transferred => self.handle_transferred(now, out),
            Input::HandedOver(wrap_up) => self.handle_handed_over(now, wrap_up, out),
            Input::Described(result) => self.handle_described(now, result, out),
            Input::Applied(result) => self.handle_applied(now, result, out),
            Input::Played => self.handle_played(now, out),
            Input::Progress { status, answer } => self.handle_progress(now, status, answer, out),
            Input::Accepted { answer } => self.handle_accepted(now, answer, out),
            Input::Confirmed { answer } => {
                out.extend(answer.map(|answer| Action::Apply { answer }))
            }
            Input::DialogEnded(end) => self.handle_dialog_end(now, end, out),
            Input::Push(push) => self.handle_push(now, push, out),
            Input::Checked(words) => self.handle_checked(now, words, out),
            Input::MediaLost(words) => self.handle_media_lost(now, &words, out),
            Input::AgentAway => self.handle_agent_away(now, out),
            Input::AgentBack => self.handle_agent_back(now, out),
            Input::AgentLost { words, told } => self.handle_agent_lost(now, words, told, out),
            Input::Dispose { code } => {
                let told = format!("The agent closed the call with the disposition {code}.");
                self.wrap_up_done(now, told, out);
            }
            Input::Redialled => self.wrap_up_done(now, "The agent went on to the next call.", out),
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
        if self.poll_timeout().is_none_or(|until| now.instant < until) {
            // Not due yet, or nothing armed: an early call is always allowed.
            return;
        }
        match &self.state {
            State::Expecting { command, .. } => {
                let ended = no_invite(*command, self.windows.invite);
                self.handle_no_invite(now, ended, out);
            }
            State::RingingIn { .. } | State::Waiting { .. } => self.handle_nobody(now, out),
            State::Answering { .. } | State::Offering { .. } => {
                let ended = Termination::new(
                    EndedBy::Gateway,
                    Reason::MediaRefused,
                    "The gateway's media engine did not describe the audio in time.",
                );
                self.end(now, ended, out);
            }
            State::Inviting { .. } => {
                let ended = Termination::new(
                    EndedBy::Customer,
                    Reason::NoAnswer,
                    format!("The customer did not answer within {}.", seconds(RING_OUT)),
                );
                self.end(now, ended, out);
            }
            State::Unexplained { .. } => self.handle_unexplained(now, out),
            State::Farewell { ended, .. } => {
                let ended = ended.clone();
                self.end(now, ended, out);
            }
            State::WrapUp { .. } => {
                self.tell(now, "The wrap-up time is over.");
                self.close(out);
            }
            // They arm nothing.
            State::CustomerRinging { .. } | State::Connected { .. } | State::Closed => {}
        }
    }

    /// The next deadline; `None` while only somebody else can act.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Expecting { until, .. }
            | State::Answering { until, .. }
            | State::Offering { until }
            | State::Inviting { until, .. }
            | State::RingingIn { until, .. }
            | State::Waiting { until }
            | State::Unexplained { until, .. }
            | State::Farewell { until, .. }
            | State::WrapUp { until } => Some(*until),
            // The platform's leg is up: its BYE or its media end it.
            State::CustomerRinging { .. } | State::Connected { .. } | State::Closed => None,
        }
    }

    /// Whether it is anything before its end.
    pub fn is_up(&self) -> bool {
        self.ended.is_none()
    }

    /// Customer and agent talk, or the customer is on hold.
    pub fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected { .. })
    }

    /// Connected, and not on hold.
    pub fn is_talking(&self) -> bool {
        matches!(
            self.state,
            State::Connected {
                hold: Hold::Off,
                ..
            }
        )
    }

    /// The customer hears music because the agent can't be heard.
    pub fn misses_agent(&self) -> bool {
        match &self.state {
            State::CustomerRinging { agent } | State::Connected { agent, .. } => {
                *agent == Presence::Away
            }
            State::Expecting { .. }
            | State::Answering { .. }
            | State::Unexplained { .. }
            | State::Offering { .. }
            | State::Inviting { .. }
            | State::RingingIn { .. }
            | State::Waiting { .. }
            | State::Farewell { .. }
            | State::WrapUp { .. }
            | State::Closed => false,
        }
    }

    /// Waits for an agent's answer.
    pub fn rings_at_desk(&self) -> bool {
        matches!(
            self.state,
            State::RingingIn { .. }
                | State::Waiting { .. }
                | State::Answering {
                    then: AfterAnswer::Greet,
                    ..
                }
        )
    }

    /// The customer has answered, or has been answered: silence is dead air from here on.
    pub fn customer_is_up(&self) -> bool {
        matches!(
            self.state,
            State::Waiting { .. } | State::Connected { .. } | State::Farewell { .. }
        )
    }

    /// The customer hears our last words.
    pub fn says_farewell(&self) -> bool {
        matches!(self.state, State::Farewell { .. })
    }

    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// The end, once it has come.
    pub fn termination(&self) -> Option<&Termination> {
        self.ended.as_ref().map(|ended| &ended.termination)
    }

    /// The platform's time for the wrap-up takes the place of ours, also of one that has begun.
    pub fn set_wrap_up(&mut self, within: Duration) {
        if let State::WrapUp { until } = &mut self.state {
            *until = *until - self.windows.wrap_up + within;
        }
        self.windows.wrap_up = within;
    }

    /// The causal story so far, oldest first.
    pub fn story(&self) -> &[Told] {
        &self.story
    }

    /// The agent whose call it becomes may have its own time for notes.
    pub fn grant_wrap_up(&mut self, wrap_up: Duration) {
        self.windows.wrap_up = wrap_up;
    }

    /// Adds a sentence to the story.
    pub fn tell(&mut self, now: Moment, what: impl Into<String>) {
        if self.story.len() < SENTENCES_AT_MOST {
            self.story.push(Told {
                at: now.epoch_ms,
                what: what.into(),
            });
        }
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
        match &self.state {
            State::Answering { then, .. } => {
                let then = then.clone();
                self.accept(now, description, then, out);
            }
            State::Offering { .. } => {
                out.push(Action::Invite { offer: description });
                self.state = State::Inviting {
                    progress: Progress::Dialing,
                    early: EarlyMedia::None,
                    until: now.instant + RING_OUT,
                };
            }
            // The call ended while the engine was writing.
            State::Expecting { .. }
            | State::CustomerRinging { .. }
            | State::Unexplained { .. }
            | State::Inviting { .. }
            | State::RingingIn { .. }
            | State::Waiting { .. }
            | State::Connected { .. }
            | State::Farewell { .. }
            | State::WrapUp { .. }
            | State::Closed => {}
        }
    }

    fn accept(
        &mut self,
        now: Moment,
        description: String,
        then: AfterAnswer,
        out: &mut Vec<Action>,
    ) {
        out.push(Action::Accept { description });
        match then {
            AfterAnswer::CustomerRings => {
                out.push(Action::Bridge);
                let agent = Presence::Here;
                self.state = State::CustomerRinging { agent };
            }
            AfterAnswer::Talk => {
                out.push(Action::Bridge);
                self.connect(now);
            }
            AfterAnswer::Greet => self.wait(now, out),
            AfterAnswer::Farewell(ended) => {
                self.say_farewell(now, ended, Before::Ringing, Announcement::Fallback, out);
            }
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

    fn handle_played(&mut self, now: Moment, out: &mut Vec<Action>) {
        match &self.state {
            // Never silence.
            State::Waiting { .. } => out.push(Action::Play(Announcement::Hold)),
            State::Farewell { ended, .. } => {
                let ended = ended.clone();
                self.end(now, ended, out);
            }
            // The end of a greeting may overtake the answer that cut it short.
            State::Expecting { .. }
            | State::Answering { .. }
            | State::CustomerRinging { .. }
            | State::Unexplained { .. }
            | State::Offering { .. }
            | State::Inviting { .. }
            | State::RingingIn { .. }
            | State::Connected { .. }
            | State::WrapUp { .. }
            | State::Closed => {}
        }
    }

    /// Whom we speak of when it isn't the customer who failed.
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

impl Manner {
    /// The agent's leg is there first, and nobody is told anything by us.
    pub const PLAIN: Self = Self {
        order: Order::AgentFirst,
        greeting: Spoken::Not,
        fallback: Spoken::Not,
    };
}

/// The way out that is the agent's own line.
pub const OZONETEL: &str = "ozonetel";

/// How long a push may lag behind the BYE whose reason it tells.
const EXPLANATION: Duration = Duration::from_millis(800);

/// How long the platform may take to say what became of a dial, once it is asked.
const ANSWER_TO_QUESTION: Duration = Duration::from_secs(3);

/// How long the media engine may take for a description; it takes milliseconds.
const DESCRIPTION: Duration = Duration::from_secs(10);

/// How long a customer's phone rings before we give up; networks do so after about a minute.
const RING_OUT: Duration = Duration::from_secs(120);

/// How long last words may take where nobody says that they have been heard.
const LAST_WORDS: Duration = Duration::from_secs(60);

/// A story that goes on for longer tells of something that flaps.
const SENTENCES_AT_MOST: usize = 500;

fn no_invite(command: Command, window: Duration) -> Termination {
    let because = match command {
        Command::Sent => "the platform has not replied to the dial",
        Command::Taken => "the platform took the dial, but did not call the agent's extension",
        Command::Unclear => "the platform's reply to the dial was unclear or lost",
        Command::Unanswered => "the platform never replied to the dial",
    };
    let reason = match command {
        Command::Taken => Reason::NoInvite,
        Command::Sent | Command::Unclear | Command::Unanswered => Reason::DialUnanswered,
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
