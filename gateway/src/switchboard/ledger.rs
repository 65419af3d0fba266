//! What is kept of every call: handed to the store as the call changes, and read back for questions.

use super::CallFilter;
use super::dialling::Asker;
use super::placed::{Age, Placed};
use super::task::Task;
use super::telling;
use crate::agent::wire::{CallState, CallView, Dial, Direction, Peer, Recording};
use crate::call::state::{Input, OZONETEL};
use crate::call::termination::Termination;
use crate::call::{CallId, Told};
use crate::clock::Moment;
use crate::http::problem::Problem;
use crate::store::{Disposition, Place, Platform, Record};

/// What the store has of a call; it gets the call again when this differs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mark {
    state: CallState,
    /// After the end every further sentence is kept.
    told_since_end: Option<usize>,
    platform: Platform,
    disposition: Option<Disposition>,
}

impl Task {
    /// Hands a call to the store, if the store should know more of it than it does.
    pub(super) fn keep(&mut self, now: Moment, age: Age) {
        let Some(placed) = self.calls.get_mut(&age) else {
            return;
        };
        let record = placed.record();
        let ended = record.view.ended.is_some();
        let mark = Mark {
            state: record.view.state,
            told_since_end: ended.then_some(record.story.len()),
            platform: record.platform.clone(),
            disposition: record.disposition.clone(),
        };
        if placed.marked.as_ref() == Some(&mark) {
            return;
        }
        let before = placed.marked.replace(mark);
        let disposed_before = before.as_ref().and_then(|mark| mark.disposition.as_ref());
        if let Some(disposition) = &record.disposition
            && disposed_before != Some(disposition)
        {
            let event = telling::of_disposition(now, &record.view, disposition);
            self.store.tell(event);
        }
        let had_ended = before.is_some_and(|mark| mark.told_since_end.is_some());
        if let (Some(cause), false) = (record.cause, had_ended) {
            self.metrics.call_cause(cause);
        }
        self.store.keep(record);
    }

    /// Dials; a dial that is refused is kept as a call that ended at once.
    pub(super) fn dial_and_keep(
        &mut self,
        now: Moment,
        agent: usize,
        dial: Dial,
        asker: Asker,
    ) -> Result<CallView, Problem> {
        // A page repeats a dial that it got no answer to, and its call is over with the process that had it.
        if self.store.ended_at_start(&dial.call) {
            return Err(Problem::conflict(Termination::restarted().detail));
        }
        let asked = dial.clone();
        let result = self.dial_by(now, agent, dial, asker);
        if let Err(problem) = &result
            && !self.ages.contains_key(&asked.call)
        {
            self.keep_refused(now, agent, asked, problem);
        }
        result
    }

    fn keep_refused(&mut self, now: Moment, agent: usize, asked: Dial, problem: &Problem) {
        let config = &self.agents[agent].config;
        let ended = Termination::not_dialled(problem);
        let view = CallView {
            id: asked.call,
            agent: config.id.clone(),
            direction: Direction::Outbound,
            state: CallState::Closed,
            progress: None,
            peer: Peer {
                number: asked.to.chars().take(NUMBER_AT_MOST).collect(),
                name: None,
            },
            via: asked
                .via
                .or_else(|| config.dial_via.clone())
                .unwrap_or_else(|| OZONETEL.to_owned()),
            started_at: now.epoch_ms,
            answered_at: None,
            ended_at: Some(now.epoch_ms),
            muted: false,
            recording: Recording::Off,
            auto_answered: None,
            context: asked.context,
            ucid: None,
            ended: Some(ended.view()),
            linked: None,
            closes_at: None,
        };
        self.metrics.call_cause(ended.cause);
        for event in telling::of_call(now, None, &view) {
            self.store.tell(event);
        }
        self.store.keep(Record {
            view,
            cause: Some(ended.cause),
            story: vec![Told {
                at: now.epoch_ms,
                what: format!("The dial was refused. {}", ended.detail),
            }],
            platform: Platform::default(),
            disposition: None,
        });
    }

    /// Gives a call its disposition: that ends its wrap-up, and corrects the record of one that is closed.
    pub(super) fn dispose(
        &mut self,
        now: Moment,
        age: Age,
        disposition: Disposition,
    ) -> Result<CallView, Problem> {
        let up = self.calls.get(&age).map(|placed| placed.call.is_up());
        if up == Some(true) {
            return Err(Problem::conflict(
                "The call is not over; a disposition follows its end.",
            ));
        }
        self.dispose_at_platform(age, &disposition)?;
        let Some(placed) = self.calls.get_mut(&age) else {
            return Err(Problem::not_found("There is no such call."));
        };
        placed.disposition = Some(disposition.clone());
        if placed.call.is_closed() {
            placed.call.tell(now, disposition.told());
            self.touched.insert(age);
        } else {
            let code = disposition.code;
            self.feed(now, age, Input::Dispose { code });
        }
        self.view(age)
    }

    pub(super) fn find(&self, call: &CallId) -> Option<Record> {
        let age = self.ages.get(call)?;
        self.calls.get(age).map(Placed::record)
    }

    /// Newest first.
    pub(super) fn list(&self, filter: &CallFilter) -> Vec<Record> {
        let is_wanted = |placed: &&Placed| {
            let call = &placed.call;
            let agent = filter.agent.as_ref();
            agent.is_none_or(|agent| call.agent == *agent)
                && filter.from.is_none_or(|from| call.started_at >= from)
                && filter.to.is_none_or(|to| call.started_at < to)
                && match filter.state {
                    None => true,
                    Some(CallState::Closed) => call.is_closed(),
                    // Few aren't closed: only theirs are worth a view.
                    Some(state) => !call.is_closed() && call.view().state == state,
                }
        };
        let mut found: Vec<(Place, &Placed)> = self
            .calls
            .values()
            .filter(is_wanted)
            .map(|placed| (placed.place(), placed))
            .filter(|(place, _)| filter.before.as_ref().is_none_or(|before| place < before))
            .collect();
        found.sort_unstable_by(|(a, _), (b, _)| b.cmp(a));
        found
            .into_iter()
            .take(filter.limit)
            .map(|(_, placed)| placed.record())
            .collect()
    }
}

impl Placed {
    /// All that is to be kept of it.
    pub(super) fn record(&self) -> Record {
        Record {
            view: self.call.view(),
            cause: self.call.termination().map(|ended| ended.cause),
            story: self.call.story().to_vec(),
            platform: self.platform.clone(),
            disposition: self.disposition.clone(),
        }
    }

    fn place(&self) -> Place {
        Place {
            started_at: self.call.started_at,
            call: self.call.id.clone(),
        }
    }
}

/// Characters of what somebody asked to dial; a number has fifteen digits.
const NUMBER_AT_MOST: usize = 64;
