//! A switchboard for tests: keeps calls in a list, places them at once, and tells what it was told.

use tokio::sync::mpsc;

use super::problem::Problem;
use crate::agent::wire::{
    AgentView, CallState, CallView, Dial, Direction, LineState, MediaState, Peer, Progress,
    Recording, StatusView,
};
use crate::call::CallId;
use crate::store::{Place, Platform, Record};
use crate::switchboard::{
    Action, Api, CallFilter, Desk, Health, Input, LineKind, LineView, Switchboard, Told, Usage,
};

/// A dial of this number is refused as long as the line is "down".
pub(super) const UNREACHABLE: &str = "+919000000099";

/// What reached the switchboard and changes something.
#[derive(Debug)]
pub(super) enum Heard {
    Dialled(CallId),
    Acted(CallId, Action),
    Desk(Desk),
}

/// Runs it as a task. It ends with its last [`Switchboard`].
pub(super) fn start() -> (Switchboard, mpsc::Receiver<Heard>) {
    let (inputs, mut queue) = mpsc::channel(16);
    let (tell, heard) = mpsc::channel(64);
    tokio::spawn(async move {
        let mut calls = Vec::new();
        while let Some(input) = queue.recv().await {
            match input {
                Input::Api(api) => answer(api, &mut calls, &tell).await,
                Input::Desk(desk) => told(&tell, Heard::Desk(desk)).await,
                other => panic!("HTTP doesn't send {other:?}"),
            }
        }
    });
    (Switchboard::new(inputs), heard)
}

/// Takes questions and never answers them.
pub(super) fn start_stuck() -> (Switchboard, mpsc::Receiver<Input>) {
    let (inputs, queue) = mpsc::channel(4);
    (Switchboard::new(inputs), queue)
}

pub(crate) fn ringing(call: CallId, agent: &str, to: &str) -> CallView {
    CallView {
        id: call,
        agent: agent.to_owned(),
        direction: Direction::Outbound,
        state: CallState::RingingOut,
        progress: Some(Progress::Requested),
        peer: Peer {
            number: to.to_owned(),
            name: None,
        },
        via: "ozonetel".to_owned(),
        started_at: 1_900_000_000_000,
        answered_at: None,
        ended_at: None,
        muted: false,
        recording: Recording::Off,
        auto_answered: None,
        context: None,
        ucid: None,
        ended: None,
        linked: None,
        closes_at: None,
    }
}

pub(super) fn agent(id: &str) -> AgentView {
    AgentView {
        id: id.to_owned(),
        name: format!("Agent {id}"),
        status: StatusView {
            name: "available".to_owned(),
            since: 1_900_000_000_000,
            reason: None,
        },
        line: LineState::Up,
        media: MediaState::Up,
        ready: true,
        not_ready_because: None,
    }
}

async fn answer(api: Api, calls: &mut Vec<CallView>, tell: &mpsc::Sender<Heard>) {
    // Whoever asked may have gone: a reply that nobody takes is no failure of the switchboard.
    match api {
        Api::Dial { agent, dial, reply } => {
            told(tell, Heard::Dialled(dial.call.clone())).await;
            let _ = reply.send(place(calls, &agent, dial));
        }
        Api::Act {
            call,
            agent,
            action,
            reply,
        } => {
            let own = |view: &CallView| agent.is_none_or(|agent| view.agent == agent);
            let found = find(calls, &call).ok().filter(own);
            if found.is_some() {
                told(tell, Heard::Acted(call, action)).await;
            }
            let _ = reply.send(found.ok_or_else(|| Problem::not_found("You have no such call.")));
        }
        Api::Call { call, reply } => {
            let _ = reply.send(find(calls, &call).ok().map(record));
        }
        Api::Calls { filter, reply } => {
            let _ = reply.send(select(calls, &filter).into_iter().map(record).collect());
        }
        Api::Agents { reply } => {
            let _ = reply.send(vec![agent("agent7"), agent("agent8")]);
        }
        Api::Status {
            agent: id,
            name,
            reason,
            reply,
        } => {
            let mut view = agent(&id);
            view.status.name = name;
            view.status.reason = reason;
            let _ = reply.send(Ok(view));
        }
        Api::Ask { reply, .. } => {
            let choice = crate::ozonetel::Choice {
                id: Some("300401".to_owned()),
                name: "Demo".to_owned(),
            };
            let _ = reply.send(Ok(vec![choice]));
        }
        Api::Reported { reply, .. } => {
            let _ = reply.send(());
        }
        Api::Drain { reply } => {
            let _ = reply.send(calls.len());
        }
        Api::Drained { reply } => {
            let _ = reply.send(());
        }
        Api::Lines { reply } => {
            let _ = reply.send(vec![line()]);
        }
        Api::Serve {
            line: id, reply, ..
        } => {
            let found = Some(line()).filter(|line| line.id == id);
            let _ = reply.send(found.ok_or_else(|| Problem::not_found("There is no such line.")));
        }
        Api::Health { reply } => {
            let health = Health {
                line_up: true,
                draining: false,
                calls: calls.len(),
                spool_is_full: false,
                usage: Usage::default(),
            };
            let _ = reply.send(health);
        }
    }
}

fn line() -> LineView {
    LineView {
        id: "agent7/sip".to_owned(),
        kind: LineKind::Sip,
        up: true,
        detail: None,
        since: 1_900_000_000_000,
    }
}

pub(super) fn record(view: CallView) -> Record {
    let story = vec![Told {
        at: view.started_at,
        what: "the agent dialled".to_owned(),
    }];
    Record {
        view,
        cause: None,
        story,
        platform: Platform::default(),
        disposition: None,
    }
}

fn place(calls: &mut Vec<CallView>, agent: &str, dial: Dial) -> Result<CallView, Problem> {
    if let Ok(known) = find(calls, &dial.call) {
        return Ok(known);
    }
    if dial.to == UNREACHABLE {
        return Err(Problem::unavailable("The line is down."));
    }
    let view = CallView {
        context: dial.context,
        ..ringing(dial.call, agent, &dial.to)
    };
    calls.insert(0, view.clone());
    Ok(view)
}

fn find(calls: &[CallView], call: &CallId) -> Result<CallView, Problem> {
    calls
        .iter()
        .find(|view| view.id == *call)
        .cloned()
        .ok_or_else(|| Problem::not_found("There is no such call."))
}

fn select(calls: &[CallView], filter: &CallFilter) -> Vec<CallView> {
    calls
        .iter()
        .filter(|view| {
            filter
                .before
                .as_ref()
                .is_none_or(|before| Place::of(view) < *before)
        })
        .filter(|view| filter.from.is_none_or(|from| view.started_at >= from))
        .filter(|view| filter.to.is_none_or(|to| view.started_at < to))
        .filter(|view| filter.state.is_none_or(|state| view.state == state))
        .filter(|view| filter.agent.as_ref().is_none_or(|a| view.agent == *a))
        .take(filter.limit)
        .cloned()
        .collect()
}

async fn told(tell: &mpsc::Sender<Heard>, heard: Heard) {
    // A test that doesn't listen has dropped its end.
    let _ = tell.send(heard).await;
}
