//! Which calls are recorded, from when to when, and what of them is left out on purpose.
//!
//! Whatever happens to a call, [`Task::record`] brings its recording into step with it: taps are on the legs that are
//! to be heard, and marks say why others aren't. What is paused, muted or on hold is never copied at all.

use media::LegId;

use super::placed::{Age, Placed, Route};
use super::task::Task;
use crate::agent::wire::{self, CallState, CallView};
use crate::clock::Moment;
use crate::config::Mode;
use crate::http::problem::Problem;
use crate::recorder::manifest::About;
use crate::recorder::{Mark, Recorder, Recording};

/// What the recorder has to do with a call.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// Somebody asked for it: an agent, a back end, a route.
    pub asked: bool,
    pub paused: bool,
    /// The number that was called, where the call came in.
    pub called: Option<String>,
    pub sip_call_id: Option<String>,
    stage: Stage,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    NotYet,
    Running {
        recording: Recording,
        taps: [Option<LegId>; 2],
        marks: [[bool; MARKS.len()]; 2],
    },
    /// It ended, or could not begin.
    Over,
}

/// What is to be, by channel.
#[derive(Debug, PartialEq)]
struct Wanted {
    taps: [Option<LegId>; 2],
    marks: [[bool; MARKS.len()]; 2],
}

impl Task {
    /// Brings a call's recording into step with the call. Doing it twice changes nothing.
    pub(super) fn record(&mut self, now: Moment, age: Age) {
        let (Some(recorder), Some(placed)) = (&mut self.recorder, self.calls.get_mut(&age)) else {
            return;
        };
        let talk = matches!(
            placed.call.view().state,
            CallState::Connected | CallState::Held
        );
        let wished = match self.config.recording.mode {
            // Nobody of them was told that it might be.
            _ if placed.route == Route::Desk => false,
            Mode::Off => false,
            Mode::OnDemand => placed.recorded.asked,
            Mode::Always => true,
        };
        if let (Stage::NotYet, true, true) = (&placed.recorded.stage, talk, wished) {
            placed.recorded.stage =
                begin(recorder, now, placed, self.agents[placed.agent].number());
        }
        let agent = self.agents[placed.agent].media.leg();
        let wanted = Wanted::of(placed, agent);
        let Stage::Running {
            recording,
            taps,
            marks,
        } = &mut placed.recorded.stage
        else {
            placed.call.recording = wire::Recording::Off;
            return;
        };
        let wanted_taps = if talk { wanted.taps } else { [None, None] };
        for channel in [0, 1] {
            let (has, wants) = (&mut taps[channel], wanted_taps[channel]);
            if *has == wants {
                continue;
            }
            // A leg that is gone took its tap along; a full ring is tried again with the call's next change.
            if let Some(leg) = has.take() {
                let _ = self.engine.untap(leg, recording.number());
            }
            let tap = wants.and_then(|leg| {
                let worker = leg.worker().number();
                Some((leg, recorder.tap(recording, worker, channel as u8)?))
            });
            if let Some((leg, tap)) = tap
                && self.engine.tap(leg, tap).is_ok()
            {
                *has = Some(leg);
            }
        }
        for (channel, (has, wants)) in marks.iter_mut().zip(wanted.marks).enumerate() {
            for (n, mark) in MARKS.into_iter().enumerate() {
                if talk && has[n] != wants[n] {
                    has[n] = wants[n];
                    recorder.mark(now.instant, recording, channel as u8, mark, wants[n]);
                }
            }
        }
        if !talk {
            let recording = recording.clone();
            let about = about(placed, self.agents[placed.agent].number());
            recorder.end(now.instant, &recording, about);
            placed.recorded.stage = Stage::Over;
        }
        placed.call.recording = match (talk, placed.recorded.paused) {
            (false, _) => wire::Recording::Off,
            (true, true) => wire::Recording::Paused,
            (true, false) => wire::Recording::On,
        };
    }

    /// An agent, or a back end, wants a call to be recorded, or not for a while.
    pub(super) fn ask_to_record(
        &mut self,
        now: Moment,
        age: Age,
        on: bool,
    ) -> Result<CallView, Problem> {
        self.can_record()?;
        let Some(placed) = self.calls.get_mut(&age) else {
            return Err(Problem::not_found("There is no such call."));
        };
        if !placed.call.is_up() {
            return Err(Problem::conflict("The call is over."));
        }
        let before = placed.call.recording;
        placed.recorded.asked |= on;
        placed.recorded.paused = !on;
        if let (Stage::Over, true) = (&placed.recorded.stage, on) {
            return Err(Problem::unavailable(
                "The call can't be recorded: its recording failed.",
            ));
        }
        self.record(now, age);
        if let Some(placed) = self.calls.get_mut(&age)
            && placed.call.recording != before
        {
            let told = match placed.call.recording {
                wire::Recording::On if before == wire::Recording::Paused => {
                    "The recording goes on."
                }
                wire::Recording::On => "The call is recorded.",
                wire::Recording::Paused => "The recording is paused.",
                wire::Recording::Off => "The call is not recorded any more.",
            };
            placed.call.tell(now, told);
        }
        self.touched.insert(age);
        self.view(age)
    }

    /// # Errors
    ///
    /// Recordings aren't configured.
    pub(super) fn can_record(&self) -> Result<(), Problem> {
        match self.recorder {
            Some(_) => Ok(()),
            None => Err(Problem::unprocessable("Recording is not configured.")),
        }
    }
}

impl Wanted {
    fn of(placed: &Placed, agent: Option<LegId>) -> Self {
        let call = &placed.call;
        let paused = placed.recorded.paused;
        let hold = call.view().state == CallState::Held;
        let away = agent.is_none() || placed.without_agent.is_some() || call.misses_agent();
        let copied = |leg: Option<LegId>| leg.filter(|_| !paused && !hold);
        let bridged = agent.filter(|_| placed.bridged.is_some() && !call.muted);
        Self {
            taps: [copied(placed.leg), copied(bridged)],
            marks: [
                [paused, hold, false, false],
                [paused, hold, call.muted, away && !hold],
            ],
        }
    }
}

fn begin(recorder: &mut Recorder, now: Moment, placed: &mut Placed, agent: String) -> Stage {
    match recorder.begin(now, &placed.call.id, about(placed, agent)) {
        Ok(recording) => Stage::Running {
            recording,
            taps: [None, None],
            marks: Default::default(),
        },
        Err(refused) => {
            let told = format!("The call is not recorded: {refused}.");
            placed.call.tell(now, told);
            Stage::Over
        }
    }
}

/// `ours` is the number that the customer sees, or saw.
fn about(placed: &Placed, ours: String) -> About {
    let call = &placed.call;
    let ours = placed.recorded.called.clone().unwrap_or(ours);
    let customer = call.peer.number.clone();
    let (direction, from, to) = match call.direction {
        wire::Direction::Outbound => ("outbound", ours, customer),
        wire::Direction::Inbound => ("inbound", customer, ours),
    };
    About {
        direction: direction.to_owned(),
        agent: call.agent.clone(),
        from,
        to,
        sip_call_id: placed.recorded.sip_call_id.clone(),
        ucid: call.ucid.clone(),
        context: call.context.clone(),
    }
}

/// In the order of [`Wanted::marks`].
const MARKS: [Mark; 4] = [Mark::Paused, Mark::Hold, Mark::Mute, Mark::Reload];
