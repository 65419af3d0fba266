//! Customer and agent: talk, hold, mute, and an agent who goes away and comes back.

use std::time::Duration;

use super::{
    Action, Announcement, Before, Call, DESK, EarlyMedia, Hold, Made, Manner, Presence, Spoken,
    State, Transfer, Windows,
};
use crate::agent::wire::{Direction, EndedBy, Progress};
use crate::call::termination::{Reason, Termination};
use crate::clock::Moment;

impl Call {
    /// An agent asks another one before a customer is given on: both are here, and their legs are warm.
    pub fn ask_colleague(made: Made, now: Moment, windows: Windows) -> Self {
        let told = format!(
            "It rings at {}'s desk.",
            made.peer.name.as_deref().unwrap_or(&made.peer.number)
        );
        let state = State::Inviting {
            progress: Progress::Alerting,
            early: EarlyMedia::None,
            until: now.instant + windows.ring,
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

    pub(super) fn handle_colleague(&mut self, now: Moment, out: &mut Vec<Action>) {
        if let State::Inviting { .. } = self.state {
            out.push(Action::Bridge);
            self.connect(now);
        }
    }

    /// Customer and agent talk from here on.
    pub(super) fn connect(&mut self, now: Moment) {
        self.answered_at = Some(now.epoch_ms);
        self.state = State::Connected {
            hold: Hold::Off,
            agent: Presence::Here,
        };
        let told = match self.via.as_str() {
            DESK => "The two agents are connected.",
            _ => "Customer and agent are connected.",
        };
        self.tell(now, told);
    }

    pub(super) fn handle_mute(&mut self, now: Moment, on: bool, out: &mut Vec<Action>) {
        if self.ended.is_some() || self.muted == on {
            return;
        }
        self.muted = on;
        let told = if on {
            "The agent muted."
        } else {
            "The agent unmuted."
        };
        self.tell(now, told);
        out.push(Action::Mute(on));
    }

    pub(super) fn handle_hold(&mut self, now: Moment, on: bool, out: &mut Vec<Action>) {
        let State::Connected { hold, agent } = &mut self.state else {
            return;
        };
        let told = match (*hold, on) {
            (Hold::Off, true) => {
                *hold = Hold::On;
                "The customer is on hold."
            }
            (Hold::On, false) => {
                *hold = Hold::Off;
                "The customer is off hold."
            }
            (Hold::On, true) | (Hold::Off, false) => return,
        };
        out.push(Action::Hold { on });
        if let (false, Presence::Away) = (on, *agent) {
            out.push(Action::Play(Announcement::Hold));
        }
        self.tell(now, told);
    }

    /// The customer is where it was before the agent's wish.
    pub(super) fn handle_hold_refused(&mut self, now: Moment, on: bool, out: &mut Vec<Action>) {
        let State::Connected { hold, agent } = &mut self.state else {
            return;
        };
        let told = match (*hold, on) {
            (Hold::On, true) => {
                *hold = Hold::Off;
                // The music plays already.
                if *agent == Presence::Here {
                    out.push(Action::Bridge);
                }
                "The platform did not put the customer on hold; the talk goes on."
            }
            (Hold::Off, false) => {
                *hold = Hold::On;
                out.extend([Action::Part, Action::Play(Announcement::Hold)]);
                "The platform did not take the customer off hold."
            }
            // The agent has decided otherwise meanwhile.
            (Hold::On, false) | (Hold::Off, true) => return,
        };
        self.tell(now, told);
    }

    pub(super) fn handle_transferred(&mut self, now: Moment, out: &mut Vec<Action>) {
        if let State::Connected { .. } = self.state {
            self.end(now, transferred(), out);
        }
    }

    pub(super) fn handle_transfer_asked(&mut self, now: Moment) {
        if let State::Connected { .. } = self.state {
            self.transfer = Transfer::Asked {
                until: now.instant + TRANSFER_AT_MOST,
            };
            self.tell(now, "The agent asked the platform to transfer the call.");
        }
    }

    /// Nobody is left in silence: the customer hears music from here on.
    pub(super) fn handle_agent_away(&mut self, now: Moment, out: &mut Vec<Action>) {
        match &mut self.state {
            State::CustomerRinging { agent }
            | State::Connected {
                agent,
                hold: Hold::Off,
            } if *agent == Presence::Here => {
                *agent = Presence::Away;
                out.push(Action::Play(Announcement::Hold));
            }
            State::Connected {
                agent,
                hold: Hold::On,
            } if *agent == Presence::Here => *agent = Presence::Away,
            // Known already.
            State::CustomerRinging { .. } | State::Connected { .. } => return,
            // No customer hears the agent yet, or any more.
            State::Expecting { .. }
            | State::Answering { .. }
            | State::Unexplained { .. }
            | State::Offering { .. }
            | State::Inviting { .. }
            | State::RingingIn { .. }
            | State::Waiting { .. }
            | State::Farewell { .. }
            | State::WrapUp { .. }
            | State::Closed => return,
        }
        self.tell(
            now,
            "The audio connection to the agent's browser is lost; it is waited for.",
        );
    }

    pub(super) fn handle_agent_back(&mut self, now: Moment, out: &mut Vec<Action>) {
        match &mut self.state {
            State::CustomerRinging { agent }
            | State::Connected {
                agent,
                hold: Hold::Off,
            } => {
                if *agent == Presence::Away {
                    *agent = Presence::Here;
                    out.push(Action::Bridge);
                }
            }
            State::Connected {
                agent,
                hold: Hold::On,
            } => *agent = Presence::Here,
            // In the midst of the last words, and none too late.
            State::Farewell {
                after: Before::Talk,
                ..
            } => {
                out.push(Action::Bridge);
                self.state = State::Connected {
                    hold: Hold::Off,
                    agent: Presence::Here,
                };
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
            | State::Closed => return,
        }
        self.tell(now, "The audio connection to the agent's browser is back.");
    }

    pub(super) fn handle_agent_lost(
        &mut self,
        now: Moment,
        words: &str,
        told: Spoken,
        out: &mut Vec<Action>,
    ) {
        let ended = Termination::new(EndedBy::Gateway, Reason::AgentLost, words);
        match (&self.state, told) {
            (State::Connected { .. }, Spoken::Aloud) => {
                out.push(Action::Part);
                self.tell(now, words);
                self.say_farewell(now, ended, Before::Talk, Announcement::AgentLost, out);
            }
            // The customer is being told already.
            (State::Farewell { .. }, _) => {}
            (_, Spoken::Aloud | Spoken::Not) => self.give_up(now, ended, out),
        }
    }
}

/// The platform's page waits a minute for a reply; what it does follows within seconds.
const TRANSFER_AT_MOST: Duration = Duration::from_secs(90);

pub(super) fn transferred() -> Termination {
    Termination::new(
        EndedBy::Agent,
        Reason::Transferred,
        "The agent transferred the call.",
    )
}
