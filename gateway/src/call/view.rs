//! What others see of a call: a whole snapshot, derived from the machine's state.

use super::state::{Call, State};
use crate::agent::wire::{CallState, CallView, Progress, Recording};

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
            recording: Recording::Off,
            auto_answered: self.auto_answered.then_some(true),
            context: self.context.clone(),
            ucid: self.ucid.clone(),
            ended: self
                .termination()
                .map(super::termination::Termination::view),
            linked: None,
        }
    }

    /// The state's public name. An expected call never rings at the desk.
    fn visible(&self) -> (CallState, Option<Progress>) {
        use super::state::{AfterAnswer, Command};
        let ringing_out = |progress| (CallState::RingingOut, Some(progress));
        match &self.state {
            State::Expecting { command, .. } => ringing_out(match command {
                Command::Sent | Command::Unclear | Command::Unanswered => Progress::Requested,
                Command::Taken => Progress::Dialing,
            }),
            State::Answering {
                then: AfterAnswer::CustomerRings,
                ..
            } => ringing_out(Progress::Dialing),
            State::Answering {
                then: AfterAnswer::Talk,
                ..
            } => match self.direction {
                crate::agent::wire::Direction::Outbound => ringing_out(Progress::Alerting),
                crate::agent::wire::Direction::Inbound => (CallState::RingingIn, None),
            },
            State::CustomerRinging | State::Unexplained { .. } => ringing_out(Progress::Alerting),
            State::Offering { .. } => ringing_out(Progress::Requested),
            State::Inviting { progress, .. } => ringing_out(*progress),
            State::RingingIn { .. } => (CallState::RingingIn, None),
            State::Connected => (CallState::Connected, None),
            State::WrapUp { .. } => (CallState::WrapUp, None),
            State::Closed => (CallState::Closed, None),
        }
    }
}
