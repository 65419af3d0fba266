//! What the gateway asks of an agent's token socket, and what stands in the way.

use std::time::Instant;

use serde_json::{Map, Value};

use super::super::command::Command;
use super::super::{Change, DialOutcome, Disposal, Question, What};
use super::outcome::Fate;
use super::waiting::Purpose;
use super::{History, Output, Phase, Standing, State, Token};
use crate::agent::Service;
use crate::call::CallId;
use crate::transport::Backoff;

impl Token {
    /// Dials; what becomes of it is told as `What::Dial`, exactly once.
    pub(in super::super) fn handle_dial(&mut self, call: CallId, number: &str, now: Instant) {
        self.ask(Command::ManualDial { number }, Purpose::Dial(call), now);
    }

    /// Dials by the public API, whatever the socket does; what becomes of it is told as `What::Dial`, exactly once.
    pub(in super::super) fn handle_place(&mut self, call: CallId, number: &str) {
        match self.render(Command::ApiDial { number }, 0) {
            Ok(message) => self.out.push_back(Output::Place { call, message }),
            Err(forbidden) => self.tell_dial(call, DialOutcome::NotSent(forbidden.to_string())),
        }
    }

    /// Asks what became of a dial. Nobody is told where it can't be asked.
    pub(in super::super) fn handle_check(&mut self, call: CallId, ucid: &str, now: Instant) {
        if self.obstacle().is_none() {
            let command = Command::DialStatus { ucid };
            self.command(command, Purpose::DialStatus(call), now);
        }
    }

    /// The form of the login page, with what the agent's configuration lends it.
    pub(in super::super) fn login_form(&self) -> Map<String, Value> {
        // Fields of a form stand alone; where two were joined, an empty form shows it.
        self.render(Command::LoginForm, 0).unwrap_or_default()
    }

    /// The agent is ready again after wrap-up.
    pub(in super::super) fn handle_release(&mut self, now: Instant) {
        self.said = None;
        self.handle_standing(Standing::Ready, now);
    }

    /// How the agent stands from now on. While nobody is signed in it is kept for the sign-in.
    pub(in super::super) fn handle_standing(&mut self, standing: Standing, now: Instant) {
        self.standing = standing;
        if let State::Open(open) = &self.state
            && open.phase == Phase::SignedIn
            && self.said.as_ref() != Some(&self.standing)
        {
            self.stand(now);
        }
    }

    /// Closes a call with a disposition; what becomes of it is told as `What::Disposed`, exactly once.
    pub(in super::super) fn handle_dispose(&mut self, disposal: &Disposal, now: Instant) {
        let purpose = Purpose::Dispose(disposal.call.clone());
        self.ask(Command::Dispose(disposal), purpose, now);
    }

    /// Changes a call; what becomes of it is told as `What::Changed`, exactly once.
    pub(in super::super) fn handle_change(&mut self, change: &Change, now: Instant) {
        let purpose = Purpose::Change(change.call.clone(), change.act.clone());
        self.ask(Command::Change(change), purpose, now);
    }

    /// Asks; the answer is [`Output::Answer`] with the same number, exactly once.
    pub(in super::super) fn handle_question(
        &mut self,
        number: u64,
        question: Question,
        now: Instant,
    ) {
        let command = match question {
            Question::Campaigns => Command::Campaigns,
            Question::Dispositions => Command::Dispositions,
        };
        self.ask(command, Purpose::Ask(number), now);
    }

    /// What the operator wants: a socket that is closed, or one that is tried to be open.
    pub(in super::super) fn handle_service(&mut self, service: Service, now: Instant) {
        match (service, &self.state) {
            (Service::Out, _) => {
                self.sign_out(now);
                self.stop("it was taken out of service", now);
            }
            (Service::In, State::Open(_) | State::Connecting) => {}
            (Service::In, State::Stopped { .. }) => {
                // Whoever took over, or signed the agent off, ended what the platform knew of this session.
                self.history = History::New;
                self.said = None;
                self.open_at_once();
            }
            (Service::In, State::Resting { .. }) => self.open_at_once(),
        }
    }

    /// Signs the agent out and is done; no reply is waited for.
    pub(in super::super) fn handle_sign_out(&mut self, now: Instant) {
        self.sign_out(now);
        self.stop("The agent was signed out.", now);
    }

    fn open_at_once(&mut self) {
        self.backoff = Backoff::default();
        self.state = State::Connecting;
        self.out.push_back(Output::Connect);
        self.tell(What::Down {
            cause: "it is being connected".to_owned(),
        });
    }

    fn sign_out(&mut self, now: Instant) {
        let State::Open(open) = &self.state else {
            return;
        };
        // A sign-in that is on its way may succeed.
        let may_be_signed_in = match open.phase {
            Phase::AwaitingId { .. } => self.history == History::SignedInBefore,
            Phase::SigningIn | Phase::SignedIn => true,
        };
        if may_be_signed_in {
            self.notice(Command::Logout, now);
        }
    }

    /// Tells the platform how the agent stands.
    pub(super) fn stand(&mut self, now: Instant) {
        let standing = self.standing.clone();
        let command = match &standing {
            Standing::Ready => Command::Release,
            Standing::Paused(reason) => Command::Pause { reason },
        };
        // A command that can't be sent unsays it.
        self.said = Some(standing.clone());
        self.command(command, Purpose::Stand, now);
    }

    /// Sends a command of an agent who is signed in.
    fn ask(&mut self, command: Command<'_>, purpose: Purpose, now: Instant) {
        match self.obstacle() {
            Some(words) => self.settle(purpose, Fate::Unsent(words), now),
            None => self.command(command, purpose, now),
        }
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
}

/// An agent dials one number at a time; more than these are a loop somewhere.
const WAITING_AT_MOST: usize = 16;
