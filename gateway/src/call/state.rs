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

mod action;
mod describing;
mod ending;
mod inbound;
mod input;
mod outbound;
mod states;
mod talk;

use std::time::{Duration, Instant};

use serde_json::Value;

pub use action::Action;
pub use input::{Answered, DialReply, DialogEnd, Input, Push, WrapUp};
pub(super) use states::{
    AfterAnswer, Before, Command, EarlyMedia, Hold, Presence, Question, State, Transfer,
};
pub use states::{DialBy, Dialling};

use super::termination::{Reason, Termination};
use super::{CallId, Told};
use crate::agent::wire::{Direction, EndedBy, Order, Peer, Recording};
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
            Input::ColleagueAnswered => self.handle_colleague(now, out),
            Input::Ended(ended) => self.end(now, ended, out),
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

    /// The far end of a talk hears music: it is on hold, or the agent is away.
    pub fn plays_music(&self) -> bool {
        self.is_connected() && (!self.is_talking() || self.misses_agent())
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

    /// Whom we speak of when it isn't the customer who failed.
    fn far_end(&self) -> String {
        match self.via.as_str() {
            OZONETEL => "the platform".to_owned(),
            DESK => "the other agent".to_owned(),
            trunk => format!("the trunk {trunk}"),
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

/// No way out at all: another agent's desk.
pub const DESK: &str = "desk";

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
