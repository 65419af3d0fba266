//! What rings at the desk: a call in, or a customer who was dialled first and waits for the agent.

use super::{
    Action, AfterAnswer, Announcement, Answered, Before, Call, DESCRIPTION, LAST_WORDS, Made,
    Manner, Spoken, State, Windows, seconds,
};
use crate::agent::wire::{Direction, EndedBy};
use crate::call::termination::{Reason, Termination};
use crate::clock::Moment;

impl Call {
    /// An INVITE that no dial caused; it rings at the desk, and the caller hears so or is greeted.
    pub fn ringing(
        made: Made,
        manner: Manner,
        offer: Option<String>,
        now: Moment,
        windows: Windows,
        out: &mut Vec<Action>,
    ) -> Self {
        let via = made.via.clone();
        let (state, told) = match manner.greeting {
            Spoken::Not => {
                out.push(Action::Ring);
                let until = now.instant + windows.ring;
                let told = format!("An INVITE came in over {via}; it rings at the desk.");
                (State::RingingIn { until, offer }, told)
            }
            Spoken::Aloud => {
                out.push(Action::Describe { offer });
                let until = now.instant + DESCRIPTION;
                let then = AfterAnswer::Greet;
                let told = format!(
                    "An INVITE came in over {via}; the caller is greeted while it rings at the desk."
                );
                (State::Answering { then, until }, told)
            }
        };
        let mut call = Self::new(made, Direction::Inbound, state, now, windows, manner);
        call.tell(now, told);
        call
    }

    /// An INVITE that nobody can take; the caller is told so rather than refused.
    pub fn turned_away(
        made: Made,
        because: &str,
        offer: Option<String>,
        now: Moment,
        windows: Windows,
        out: &mut Vec<Action>,
    ) -> Self {
        out.push(Action::Describe { offer });
        let ended = Termination::new(
            EndedBy::Gateway,
            Reason::AgentNotReady,
            format!("Nobody could be asked to take the call: {because}"),
        );
        let told = format!("An INVITE came in over {}. {}", made.via, ended.detail);
        let state = State::Answering {
            then: AfterAnswer::Farewell(ended),
            until: now.instant + DESCRIPTION,
        };
        let manner = Manner {
            fallback: Spoken::Aloud,
            ..Manner::PLAIN
        };
        let mut call = Self::new(made, Direction::Inbound, state, now, windows, manner);
        call.tell(now, told);
        call
    }

    /// The customer is up and waits for an agent.
    pub(super) fn wait(&mut self, now: Moment, out: &mut Vec<Action>) {
        out.push(Action::Play(Announcement::Greeting));
        let until = now.instant + self.windows.ring;
        self.state = State::Waiting { until };
        self.tell(
            now,
            "The customer hears the greeting; it rings at the desk.",
        );
    }

    pub(super) fn handle_answer(&mut self, now: Moment, how: Answered, out: &mut Vec<Action>) {
        let told = match how {
            Answered::ByAgent => "The agent answered.",
            Answered::ByPolicy => "The agent's auto-answer setting answered.",
        };
        match &mut self.state {
            State::RingingIn { offer, .. } => {
                let offer = offer.take();
                self.state = State::Answering {
                    then: AfterAnswer::Talk,
                    until: now.instant + DESCRIPTION,
                };
                out.push(Action::Describe { offer });
                self.tell(now, told);
            }
            State::Waiting { .. } => {
                out.push(Action::Bridge);
                self.tell(now, told);
                self.connect(now);
            }
            // The gateway is still answering: whoever is greeted next is spoken to instead.
            State::Answering {
                then: then @ AfterAnswer::Greet,
                ..
            } => {
                *then = AfterAnswer::Talk;
                self.tell(now, told);
            }
            State::Expecting { .. }
            | State::Answering { .. }
            | State::CustomerRinging { .. }
            | State::Unexplained { .. }
            | State::Offering { .. }
            | State::Inviting { .. }
            | State::Connected { .. }
            | State::Farewell { .. }
            | State::WrapUp { .. }
            | State::Closed => return,
        }
        self.auto_answered = how == Answered::ByPolicy;
    }

    pub(super) fn handle_reject(&mut self, now: Moment, out: &mut Vec<Action>) {
        let ended = Termination::new(
            EndedBy::Agent,
            Reason::Declined,
            "The agent declined the call.",
        );
        match &self.state {
            // The caller's network has words for it.
            State::RingingIn { .. } => self.end(now, ended, out),
            State::Waiting { .. }
            | State::Answering {
                then: AfterAnswer::Greet,
                ..
            } => self.give_up(now, ended, out),
            State::Expecting { .. }
            | State::Answering { .. }
            | State::CustomerRinging { .. }
            | State::Unexplained { .. }
            | State::Offering { .. }
            | State::Inviting { .. }
            | State::Connected { .. }
            | State::Farewell { .. }
            | State::WrapUp { .. }
            | State::Closed => {}
        }
    }

    /// It has rung for long enough.
    pub(super) fn handle_nobody(&mut self, now: Moment, out: &mut Vec<Action>) {
        let ended = Termination::new(
            EndedBy::Agent,
            Reason::Missed,
            format!(
                "Nobody answered at the desk within {}.",
                seconds(self.windows.ring)
            ),
        );
        self.give_up(now, ended, out);
    }

    /// No agent will answer: the customer is told where that is wanted, then it ends.
    pub(super) fn give_up(&mut self, now: Moment, ended: Termination, out: &mut Vec<Action>) {
        if self.manner.fallback == Spoken::Not {
            return self.end(now, ended, out);
        }
        match &mut self.state {
            State::RingingIn { offer, .. } => {
                let offer = offer.take();
                out.push(Action::Dismiss {
                    ended: ended.clone(),
                });
                self.tell(now, ended.detail.clone());
                self.state = State::Answering {
                    then: AfterAnswer::Farewell(ended),
                    until: now.instant + DESCRIPTION,
                };
                out.push(Action::Describe { offer });
            }
            State::Answering {
                then: then @ AfterAnswer::Greet,
                ..
            } => {
                out.push(Action::Dismiss {
                    ended: ended.clone(),
                });
                *then = AfterAnswer::Farewell(ended.clone());
                self.tell(now, ended.detail);
            }
            State::Waiting { .. } => {
                out.push(Action::Dismiss {
                    ended: ended.clone(),
                });
                self.tell(now, ended.detail.clone());
                self.say_farewell(now, ended, Before::Ringing, Announcement::Fallback, out);
            }
            State::Expecting { .. }
            | State::Answering { .. }
            | State::CustomerRinging { .. }
            | State::Unexplained { .. }
            | State::Offering { .. }
            | State::Inviting { .. }
            | State::Connected { .. }
            | State::Farewell { .. }
            | State::WrapUp { .. }
            | State::Closed => self.end(now, ended, out),
        }
    }

    /// The last words to a customer for whom no agent is there; then it ends.
    pub(super) fn say_farewell(
        &mut self,
        now: Moment,
        ended: Termination,
        after: Before,
        words: Announcement,
        out: &mut Vec<Action>,
    ) {
        out.push(Action::Play(words));
        self.state = State::Farewell {
            ended,
            after,
            until: now.instant + LAST_WORDS,
        };
        self.tell(now, "The customer is told that nobody is there.");
    }
}
