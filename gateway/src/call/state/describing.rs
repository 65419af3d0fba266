//! What the media engine says: descriptions that it wrote or took, and prompts that came to their end.

use super::{
    Action, AfterAnswer, Announcement, Before, Call, EarlyMedia, Presence, RING_OUT, State,
};
use crate::agent::wire::{EndedBy, Progress};
use crate::call::termination::{Reason, Termination};
use crate::clock::Moment;

impl Call {
    pub(super) fn handle_described(
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

    pub(super) fn handle_applied(
        &mut self,
        now: Moment,
        result: Result<(), String>,
        out: &mut Vec<Action>,
    ) {
        if let Err(words) = result {
            let ended = Termination::new(
                EndedBy::Gateway,
                Reason::MediaRefused,
                format!("The far end's audio description can't be used: {words}"),
            );
            self.end(now, ended, out);
        }
    }

    pub(super) fn handle_played(&mut self, now: Moment, out: &mut Vec<Action>) {
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
}
