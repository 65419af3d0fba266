//! What others see of a call: a whole snapshot, derived from the machine's state.

use super::state::{AfterAnswer, Before, Call, Command, Hold, State};
use crate::agent::wire::{CallState, CallView, Direction, EndedView, Progress};

impl Call {
    /// The snapshot that goes to the desk, the API and the events.
    pub fn view(&self) -> CallView {
        let (state, progress) = self.visible();
        CallView {
            id: self.id.clone(),
            agent: self.agent.clone(),
            direction: self.direction,
            state,
            progress,
            peer: self.peer.clone(),
            via: self.via.clone(),
            started_at: self.started_at,
            answered_at: self.answered_at,
            ended_at: self.ended.as_ref().map(|ended| ended.at),
            muted: self.muted,
            recording: self.recording,
            auto_answered: self.auto_answered.then_some(true),
            context: self.context.clone(),
            ucid: self.ucid.clone(),
            ended: self
                .termination()
                .map(super::termination::Termination::view),
            linked: self.linked.clone(),
            closes_at: self.closes_at(),
        }
    }

    /// When the wrap-up ends by itself.
    fn closes_at(&self) -> Option<u64> {
        let State::WrapUp { .. } = self.state else {
            return None;
        };
        let ended = self.ended.as_ref()?;
        let wrap_up = u64::try_from(self.windows.wrap_up.as_millis()).ok()?;
        Some(ended.at.saturating_add(wrap_up))
    }

    /// The state's public name. An expected call never rings at the desk.
    fn visible(&self) -> (CallState, Option<Progress>) {
        let ringing_out = |progress| (CallState::RingingOut, Some(progress));
        match &self.state {
            State::Expecting { command, .. } => ringing_out(match command {
                Command::Sent | Command::Unclear | Command::Unanswered => Progress::Requested,
                Command::Taken => Progress::Dialing,
            }),
            State::Answering { then, .. } => match (then, self.direction) {
                (AfterAnswer::CustomerRings, _) => ringing_out(Progress::Dialing),
                (AfterAnswer::Talk, Direction::Outbound) => ringing_out(Progress::Alerting),
                (AfterAnswer::Talk, Direction::Inbound)
                | (AfterAnswer::Greet | AfterAnswer::Farewell(_), _) => {
                    (CallState::RingingIn, None)
                }
            },
            State::CustomerRinging { .. } | State::Unexplained { .. } => {
                ringing_out(Progress::Alerting)
            }
            State::Offering { .. } => ringing_out(Progress::Requested),
            State::Inviting { progress, .. } => ringing_out(*progress),
            State::RingingIn { .. }
            | State::Waiting { .. }
            | State::Farewell {
                after: Before::Ringing,
                ..
            } => (CallState::RingingIn, None),
            State::Connected { hold: Hold::On, .. } => (CallState::Held, None),
            State::Connected {
                hold: Hold::Off, ..
            }
            // The agent may still come back.
            | State::Farewell {
                after: Before::Talk,
                ..
            } => (CallState::Connected, None),
            State::WrapUp { .. } => (CallState::WrapUp, None),
            State::Closed => (CallState::Closed, None),
        }
    }
}

/// The call as it stands at the desk of an agent for whom it is over: another one answered it, or
/// the customer is being told that nobody did.
pub fn over_for(view: CallView, agent: &str, at: u64, ended: EndedView) -> CallView {
    CallView {
        agent: agent.to_owned(),
        state: CallState::Closed,
        progress: None,
        ended_at: Some(at),
        closes_at: None,
        ended: Some(ended),
        ..view
    }
}
