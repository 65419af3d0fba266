//! What the world is told: events are found by comparing what is with what was told last, so that nothing that changes a
//! call, an agent or a line has to think of them.

use std::collections::HashMap;

use serde_json::json;

use super::LineView;
use super::task::Task;
use crate::agent::AVAILABLE;
use crate::agent::session::Session;
use crate::agent::wire::{CallState, CallView, Direction, Progress, Recording, StatusView};
use crate::call::termination::Reason;
use crate::clock::Moment;
use crate::events::{About, Event, Kind};
use crate::store::Disposition;

/// What was told last.
#[derive(Debug, Default)]
pub(super) struct Telling {
    agents: HashMap<usize, Standing>,
    lines: HashMap<String, Up>,
    node: Node,
}

/// An agent, as far as events tell of it.
#[derive(Debug, Clone, PartialEq)]
struct Standing {
    page: Page,
    status: StatusView,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    Here,
    /// Gone, and waited for.
    Away,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Up {
    Up,
    Down,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Node {
    #[default]
    Running,
    Draining,
}

impl Task {
    pub(super) fn tell_of_start(&self, now: Moment) {
        self.tell_of_node(now, Kind::NodeStarted);
    }

    /// Once, when no new calls are taken any more.
    pub(super) fn tell_of_draining(&mut self, now: Moment) {
        if self.telling.node == Node::Running {
            self.telling.node = Node::Draining;
            self.tell_of_node(now, Kind::NodeDraining);
        }
    }

    fn tell_of_node(&self, now: Moment, kind: Kind) {
        let about = About {
            subject: "node".to_owned(),
            agent: None,
        };
        let data = json!({ "node": { "version": env!("CARGO_PKG_VERSION") } });
        self.store.tell(Event::new(kind, about, now.epoch_ms, data));
    }

    /// An agent's session or status may have changed.
    pub(super) fn tell_of_agent(&mut self, now: Moment, index: usize) {
        let agent = &self.agents[index];
        let standing = Standing {
            page: match &agent.session {
                None => Page::None,
                Some(session) => page(session),
            },
            status: agent.status.clone(),
        };
        let before = self.telling.agents.insert(index, standing.clone());
        let moved = match (before.as_ref().map(|b| b.page), standing.page) {
            (None | Some(Page::Away | Page::None), Page::Here) => Some(Kind::AgentOnline),
            (Some(Page::Here), Page::Away) => Some(Kind::AgentOffline),
            (Some(Page::Here | Page::Away), Page::None) => Some(Kind::AgentLost),
            (None, Page::Away | Page::None)
            | (Some(Page::Here), Page::Here)
            | (Some(Page::Away), Page::Away)
            | (Some(Page::None), Page::None | Page::Away) => None,
        };
        let is_new = match &before {
            Some(before) => before.status != standing.status,
            // As everybody stands at the start.
            None => standing.status.name != AVAILABLE,
        };
        let status = is_new.then_some(Kind::AgentStatus);
        if moved.is_none() && status.is_none() {
            return;
        }
        let view = agent.view();
        for kind in moved.into_iter().chain(status) {
            let about = About {
                subject: view.id.clone(),
                agent: Some(view.id.clone()),
            };
            let data = json!({ "agent": view });
            self.store.tell(Event::new(kind, about, now.epoch_ms, data));
        }
    }

    /// Looked at every two seconds: a line that was down for less is no news.
    pub(super) fn tell_of_lines(&mut self, now: Moment) {
        for line in self.lines() {
            let up = match line.up {
                true => Up::Up,
                false => Up::Down,
            };
            // One that has never been up has not gone down.
            let before = self.telling.lines.get(&line.id).copied();
            if before.unwrap_or(Up::Down) == up {
                continue;
            }
            self.telling.lines.insert(line.id.clone(), up);
            self.store.tell(of_line(now, &line));
        }
    }
}

fn page(session: &Session) -> Page {
    match session.connection() {
        Some(_) => Page::Here,
        None => Page::Away,
    }
}

fn of_line(now: Moment, line: &LineView) -> Event {
    let kind = match line.up {
        true => Kind::LineUp,
        false => Kind::LineDown,
    };
    let about = About {
        subject: line.id.clone(),
        agent: None,
    };
    Event::new(kind, about, now.epoch_ms, json!({ "line": line }))
}

/// What happened to a call between two looks, in the order in which it can have happened.
pub(super) fn of_call(now: Moment, before: Option<&CallView>, view: &CallView) -> Vec<Event> {
    let about = || About {
        subject: view.id.as_str().to_owned(),
        agent: Some(view.agent.clone()),
    };
    kinds(before, view)
        .into_iter()
        .map(|kind| Event::new(kind, about(), now.epoch_ms, json!({ "call": view })))
        .collect()
}

fn kinds(before: Option<&CallView>, view: &CallView) -> Vec<Kind> {
    let mut kinds = Vec::new();
    if before.is_none() {
        kinds.push(Kind::CallCreated);
    }
    if rings(view) && !before.is_some_and(rings) {
        kinds.push(Kind::CallRinging);
    }
    let was = before.map(|before| before.state);
    match (was, view.state) {
        (Some(CallState::Held), CallState::Connected) => kinds.push(Kind::CallResumed),
        (Some(CallState::Connected), CallState::Connected) => {}
        (_, CallState::Connected) => kinds.push(Kind::CallConnected),
        (Some(CallState::Held), CallState::Held) => {}
        (_, CallState::Held) => kinds.push(Kind::CallHeld),
        (
            _,
            CallState::RingingOut | CallState::RingingIn | CallState::WrapUp | CallState::Closed,
        ) => {}
    }
    let recorded = before.map_or(Recording::Off, |before| before.recording);
    match (recorded, view.recording) {
        (Recording::Off, Recording::On | Recording::Paused) => kinds.push(Kind::RecordingStarted),
        (Recording::On, Recording::Paused) => kinds.push(Kind::RecordingPaused),
        (Recording::Paused, Recording::On) => kinds.push(Kind::RecordingResumed),
        (Recording::Off, Recording::Off)
        | (Recording::On, Recording::On)
        | (Recording::Paused, Recording::Paused)
        // How it ended is told by its publisher.
        | (_, Recording::Off) => {}
    }
    let had_ended = before.is_some_and(|before| before.ended.is_some());
    if let (Some(ended), false) = (&view.ended, had_ended) {
        if ended.reason == Reason::Transferred.label() {
            kinds.push(Kind::CallTransferred);
        }
        kinds.push(Kind::CallEnded);
    }
    kinds
}

/// Somebody's phone, or desk, rings.
fn rings(view: &CallView) -> bool {
    match view.direction {
        Direction::Outbound => view.progress >= Some(Progress::Alerting),
        Direction::Inbound => view.state == CallState::RingingIn,
    }
}

pub(super) fn of_disposition(now: Moment, view: &CallView, disposition: &Disposition) -> Event {
    let about = About {
        subject: view.id.as_str().to_owned(),
        agent: Some(view.agent.clone()),
    };
    let data = json!({ "call": view, "disposition": disposition });
    Event::new(Kind::CallDisposed, about, now.epoch_ms, data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::wire::{EndedBy, EndedView};
    use crate::call::CallId;
    use crate::http::fake_switchboard::ringing;

    fn words(before: Option<&CallView>, view: &CallView) -> Vec<&'static str> {
        kinds(before, view).into_iter().map(Kind::word).collect()
    }

    fn dialled() -> CallView {
        CallView {
            state: CallState::RingingOut,
            direction: Direction::Outbound,
            progress: Some(Progress::Requested),
            ..ringing(CallId::fresh(), "agent7", "+919000000001")
        }
    }

    #[test]
    fn a_call_is_told_step_by_step() {
        let dialled = dialled();
        let alerting = CallView {
            progress: Some(Progress::Alerting),
            ..dialled.clone()
        };
        let connected = CallView {
            state: CallState::Connected,
            progress: None,
            ..dialled.clone()
        };
        let held = CallView {
            state: CallState::Held,
            ..connected.clone()
        };
        let muted = CallView {
            muted: true,
            ..connected.clone()
        };
        let over = CallView {
            state: CallState::WrapUp,
            ended: Some(EndedView {
                by: EndedBy::Customer,
                reason: Reason::Transferred.label(),
                detail: String::new(),
                sip: None,
            }),
            ..connected.clone()
        };
        let closed = CallView {
            state: CallState::Closed,
            ..over.clone()
        };
        assert_eq!(words(None, &dialled), ["call.created"]);
        assert_eq!(words(Some(&dialled), &alerting), ["call.ringing"]);
        assert_eq!(words(Some(&alerting), &connected), ["call.connected"]);
        assert_eq!(words(Some(&connected), &muted), [""; 0]);
        assert_eq!(words(Some(&connected), &held), ["call.held"]);
        assert_eq!(words(Some(&held), &connected), ["call.resumed"]);
        assert_eq!(
            words(Some(&connected), &over),
            ["call.transferred", "call.ended"]
        );
        assert_eq!(words(Some(&over), &closed), [""; 0]);
    }

    #[test]
    fn steps_that_nobody_saw_are_told_together() {
        let answered = CallView {
            state: CallState::Connected,
            progress: None,
            ..dialled()
        };
        assert_eq!(words(None, &answered), ["call.created", "call.connected"]);
        let refused = CallView {
            state: CallState::Closed,
            ended: Some(EndedView {
                by: EndedBy::Gateway,
                reason: Reason::Busy.label(),
                detail: String::new(),
                sip: None,
            }),
            ..dialled()
        };
        assert_eq!(words(None, &refused), ["call.created", "call.ended"]);
    }

    #[test]
    fn a_recording_is_told_with_its_call() {
        let off = CallView {
            state: CallState::Connected,
            ..dialled()
        };
        let on = CallView {
            recording: Recording::On,
            ..off.clone()
        };
        let paused = CallView {
            recording: Recording::Paused,
            ..off.clone()
        };
        assert_eq!(words(Some(&off), &on), ["recording.started"]);
        assert_eq!(words(Some(&on), &paused), ["recording.paused"]);
        assert_eq!(words(Some(&paused), &on), ["recording.resumed"]);
        assert_eq!(words(Some(&on), &off), [""; 0]);
    }
}
