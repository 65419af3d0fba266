//! What an agent's browser asks for.

use std::time::Duration;

use media::{LegId, Tones, TonesError};
use serde_json::json;

use super::acts::OVERLOADED;
use super::dialling::Asker;
use super::draining::{Admission, draining_notice};
use super::page::Known;
use super::placed::{Age, Placed, Route};
use super::reason::with_words;
use super::task::{Owner, Purpose, Task};
use super::transfer::Link;
use super::{Action, Desk};
use crate::agent::session::{Arrival, Session};
use crate::agent::wire::{CallView, EndedBy, EndedView, Event, Frame, Operation};
use crate::agent::{ConnectionId, readiness, turn, wire};
use crate::call::CallId;
use crate::call::state::{Answered, Input, Spoken};
use crate::call::termination::Reason;
use crate::clock::Moment;
use crate::config::{BUILT_IN_STATUSES, Status};
use crate::http::problem::Problem;
use crate::metrics::Reconnect;
use crate::store::Disposition;

impl Task {
    pub(super) fn handle_desk(&mut self, now: Moment, desk: Desk) {
        match desk {
            Desk::Opened {
                connection,
                agent,
                token_expires,
                session,
                seq,
                device,
                frames,
            } => {
                let arrival = Arrival {
                    connection,
                    frames,
                    token_expires,
                    device,
                };
                let known = match (session.as_deref(), seq) {
                    (None, _) => Known::Nothing,
                    (Some(session), None) => Known::Session(session),
                    (Some(session), Some(_)) => Known::Calls(session),
                };
                self.open(now, &agent, known, arrival);
            }
            Desk::Request {
                connection,
                id,
                operation,
            } => {
                let Some(agent) = self.connections.get(&connection).copied() else {
                    return;
                };
                // An older connection of the same agent has nothing to say any more.
                let newest = self.agents[agent]
                    .session
                    .as_ref()
                    .and_then(Session::connection);
                if newest != Some(connection) {
                    return;
                }
                self.handle_sign(now, agent);
                if let Some(result) = self.operate(now, agent, connection, id, operation) {
                    let frame = match result {
                        Ok(ok) => Frame::Reply { re: id, ok },
                        Err(err) => Frame::Error { re: id, err },
                    };
                    self.reply(now, connection, frame);
                }
            }
            Desk::Renewed {
                connection,
                token_expires,
            } => {
                if let Some(agent) = self.connections.get(&connection).copied()
                    && let Some(session) = &mut self.agents[agent].session
                {
                    session.renew(now, connection, token_expires);
                    self.show_agent(now, agent);
                }
            }
            Desk::Closed { connection } => self.close(now, connection),
        }
    }

    pub(super) fn reply(&mut self, now: Moment, connection: ConnectionId, frame: Frame) {
        let grace = self.config.limits.grace;
        if let Some(agent) = self.connections.get(&connection).copied()
            && let Some(session) = &mut self.agents[agent].session
            && session.connection() == Some(connection)
        {
            session.reply(now, grace, frame);
            self.stir(agent);
        }
    }

    /// A browser said hello: the newest wins, and resumes the session that it names.
    fn open(&mut self, now: Moment, id: &str, known: Known<'_>, arrival: Arrival) {
        let Some(agent) = self.agent_index(id) else {
            tracing::warn!(agent = id, "a valid token for an unknown agent");
            let event = Event::Bye {
                code: wire::ByeCode::Forbidden,
                reconnect: false,
            };
            // The queue is fresh; if its reader is gone already, nobody is there to be told.
            let _ = arrival.frames.try_send(Frame::Event { event, seq: 1 });
            return;
        };
        self.connections.insert(arrival.connection, agent);
        let mut come_back = None;
        let resumed = match &mut self.agents[agent].session {
            Some(session) if known.session() == Some(session.id.as_str()) => {
                come_back = Some(match known {
                    Known::Calls(_) => Reconnect::Socket,
                    Known::Session(_) | Known::Nothing => Reconnect::Page,
                });
                session.attach(now, arrival);
                true
            }
            session => {
                if let Some(older) = session {
                    come_back = Some(Reconnect::Elsewhere);
                    older.say_replaced(&arrival);
                }
                *session = Some(Session::new(now, arrival));
                // The leg is the older page's; this one brings its own.
                self.agents[agent].media.outdate();
                false
            }
        };
        if !resumed {
            // A page that never brings its leg mustn't leave the customer alone.
            self.doom(now, agent);
        }
        self.mirror(agent);
        tracing::info!(agent = id, resumed, "the agent's browser is here");
        if let Some(kind) = come_back {
            self.metrics.agent_reconnected(kind);
        }
        let calls = self.calls_to_show(now, agent, known);
        let welcome = Event::Welcome {
            session: self.agents[agent]
                .session
                .as_ref()
                .map(|session| session.id.clone())
                .unwrap_or_default(),
            resumed,
            heartbeat_ms: HEARTBEAT_MS,
            grace_ms: u64::try_from(self.config.limits.grace.as_millis()).unwrap_or(u64::MAX),
            ice: turn::servers(&self.config.media.turn, id, now),
            agent: self.agents[agent].view(),
            calls,
            statuses: self.config.statuses.iter().map(chosen).collect(),
        };
        self.tell_agent(now, agent, welcome);
        if self.admission != Admission::Open {
            self.tell_agent(now, agent, draining_notice());
        }
    }

    /// The session outlives its connection by the grace.
    fn close(&mut self, now: Moment, connection: ConnectionId) {
        let Some(agent) = self.connections.remove(&connection) else {
            return;
        };
        self.stir(agent);
        let grace = self.config.limits.grace;
        if let Some(session) = &mut self.agents[agent].session
            && session.connection() == Some(connection)
        {
            session.detach(now, grace);
            tracing::info!(
                agent = self.agents[agent].config.id,
                "the agent's browser is gone; it is waited for"
            );
            self.doubt(now, agent, Duration::ZERO);
            self.freed = true;
        }
    }

    /// The grace is over: what is up ends, and the legs go.
    pub(super) fn lose_agent(&mut self, now: Moment, agent: usize) {
        tracing::info!(
            agent = self.agents[agent].config.id,
            "the agent did not come back"
        );
        self.lose_offer(now, agent);
        self.lose_guest(now, agent);
        for age in self.asking_for(agent) {
            self.leave_lost(now, age, agent);
        }
        let live: Vec<(Age, bool)> = self
            .live_calls(agent)
            .map(|(age, placed)| (age, placed.call.rings_at_desk()))
            .collect();
        for (age, rings) in live {
            let told = self.told_when_lost(agent);
            match rings {
                true => self.leave_lost(now, age, agent),
                false => {
                    let words = "The agent's browser was gone for too long.";
                    self.feed(now, age, Input::AgentLost { words, told });
                }
            }
        }
        let media = std::mem::take(&mut self.agents[agent].media);
        let legs = media
            .coming
            .into_iter()
            .chain(media.current.map(|warm| warm.leg));
        for leg in legs {
            self.close_leg(leg);
        }
        self.agents[agent].session = None;
        self.mirror(agent);
        self.stir(agent);
    }

    /// Does what the browser asks; `None`: the reply follows when the media engine has answered.
    fn operate(
        &mut self,
        now: Moment,
        agent: usize,
        connection: ConnectionId,
        re: u64,
        operation: Operation,
    ) -> Option<Result<serde_json::Value, Problem>> {
        let acted =
            |result: Result<CallView, Problem>| Some(result.map(|call| json!({ "call": call })));
        match operation {
            Operation::Ping => Some(Ok(json!({}))),
            Operation::Stats { quality, .. } => {
                self.handle_page(now, agent, quality);
                Some(Ok(json!({})))
            }
            Operation::Media { sdp, restart } => {
                self.handle_offer_of_desk(agent, connection, re, sdp, restart)
            }
            Operation::Dial(dial) => acted(self.dial_and_keep(now, agent, dial, Asker::Agent)),
            Operation::Answer { call } => acted(self.act_for(now, agent, &call, Action::Answer)),
            Operation::Reject { call, reason } => {
                acted(self.act_for(now, agent, &call, Action::Reject { reason }))
            }
            Operation::Hangup { call, reason } => {
                acted(self.act_for(now, agent, &call, Action::Hangup { reason }))
            }
            Operation::Mute { call, on } => {
                acted(self.act_for(now, agent, &call, Action::Mute { on }))
            }
            Operation::Digits { call, tones } => {
                acted(self.act_for(now, agent, &call, Action::Digits { tones }))
            }
            Operation::Dispose {
                call,
                code,
                notes,
                callback_at,
            } => {
                let disposition = Disposition {
                    code,
                    notes,
                    callback_at,
                };
                acted(self.act_for(now, agent, &call, Action::Dispose(disposition)))
            }
            Operation::Status { name, reason } => Some(self.set_status(now, agent, name, reason)),
            Operation::Hold { call, on } => {
                acted(self.act_for(now, agent, &call, Action::Hold { on }))
            }
            Operation::Transfer { call, to, mode } => {
                acted(self.act_for(now, agent, &call, Action::Transfer { to, mode }))
            }
            Operation::Complete { call } => {
                acted(self.act_for(now, agent, &call, Action::Complete))
            }
            Operation::Record { call, on } => {
                acted(self.act_for(now, agent, &call, Action::Record { on }))
            }
            // The socket answers these itself.
            Operation::Hello { .. } | Operation::Auth { .. } => Some(Err(Problem::bad_request(
                "Hello is the first frame, and the only one.",
            ))),
        }
    }

    /// The browser's offer: a restart keeps the leg, anything else is a new PeerConnection.
    fn handle_offer_of_desk(
        &mut self,
        agent: usize,
        connection: ConnectionId,
        re: u64,
        sdp: String,
        restart: bool,
    ) -> Option<Result<serde_json::Value, Problem>> {
        let media = &self.agents[agent].media;
        let present = media.coming.or(media.current.map(|warm| warm.leg));
        let leg = match present.filter(|_| restart) {
            Some(leg) => leg,
            None => self.fresh_leg(agent),
        };
        let asked = self.ask(
            Purpose::Desk {
                connection,
                re,
                leg,
            },
            |engine, request| engine.agent_offer(leg, request, sdp),
        );
        if asked.is_err() {
            return Some(Err(Problem::unavailable(format!(
                "No audio connection: {OVERLOADED}."
            ))));
        }
        None
    }

    fn fresh_leg(&mut self, agent: usize) -> LegId {
        let worker = *self.agents[agent]
            .worker
            .get_or_insert_with(|| self.engine.assign());
        let leg = self.engine.new_leg(worker);
        self.legs.insert(leg, Owner::Agent(agent));
        // A full ring refuses the next command, too.
        let _ = self.engine.prefer(leg, self.agent_codecs(agent));
        if let Some(older) = self.agents[agent].media.coming.replace(leg) {
            self.close_leg(older);
        }
        leg
    }

    pub(super) fn set_status(
        &mut self,
        now: Moment,
        agent: usize,
        name: String,
        reason: Option<String>,
    ) -> Result<serde_json::Value, Problem> {
        let own = self.config.statuses.iter().map(|own| own.name.as_str());
        let known: Vec<&str> = BUILT_IN_STATUSES.into_iter().chain(own).collect();
        if !known.contains(&name.as_str()) {
            return Err(Problem::bad_request(format!(
                "There is no status {name:?}; there are {}.",
                known.join(", ")
            )));
        }
        self.check_reason(agent, reason.as_deref())?;
        self.agents[agent].supervisors_reason = None;
        self.agents[agent].status = wire::StatusView {
            name,
            since: now.epoch_ms,
            reason,
        };
        self.mirror(agent);
        self.show_agent(now, agent);
        Ok(json!({}))
    }

    /// One agent's own calls only.
    pub(super) fn act_for(
        &mut self,
        now: Moment,
        agent: usize,
        call: &CallId,
        action: Action,
    ) -> Result<CallView, Problem> {
        let age = self.ages.get(call).copied();
        if let Some(age) = age.filter(|age| self.offered_to(agent) == Some(*age)) {
            return self.act_on_offer(now, agent, age, &action);
        }
        if let Some(age) = age.filter(|age| self.guests.get(&agent) == Some(age)) {
            return self.act_as_guest(now, agent, age, &action);
        }
        let own = age.filter(|age| {
            let placed = self.calls.get(age);
            self.at_desk[agent].contains(age)
                || placed.is_some_and(|placed| placed.agent == agent && !placed.call.is_up())
        });
        match own {
            Some(age) => self.act_as(now, agent, age, action),
            None => Err(Problem::not_found("You have no such call.")),
        }
    }

    /// For a back end, in the name of the agent whose call it is.
    pub(super) fn act_on(
        &mut self,
        now: Moment,
        age: Age,
        action: Action,
    ) -> Result<CallView, Problem> {
        let Some(placed) = self.calls.get(&age) else {
            return Err(Problem::not_found("There is no such call."));
        };
        match (placed.desks().as_slice(), &action) {
            (_, Action::Hangup { .. }) if matches!(placed.link, Link::Through { .. }) => {
                self.end_through(now, age, "It was ended from outside.");
                self.view(age)
            }
            ([agent], _) => {
                let agent = *agent;
                self.act_as(now, agent, age, action)
            }
            (_, Action::Answer) if placed.call.rings_at_desk() => Err(Problem::conflict(
                "The call asks several agents; one of them has to answer it.",
            )),
            (_, Action::Hangup { reason } | Action::Reject { reason })
                if placed.call.rings_at_desk() =>
            {
                self.tell_why(now, age, reason.as_deref());
                self.feed(now, age, Input::HangUp);
                self.view(age)
            }
            _ => {
                let agent = placed.agent;
                self.act_as(now, agent, age, action)
            }
        }
    }

    fn act_as(
        &mut self,
        now: Moment,
        agent: usize,
        age: Age,
        action: Action,
    ) -> Result<CallView, Problem> {
        let Some(placed) = self.calls.get(&age) else {
            return Err(Problem::not_found("There is no such call."));
        };
        let state = placed.call.view().state;
        let rings = placed.call.rings_at_desk();
        use crate::agent::wire::CallState as S;
        let stands = match (state, rings) {
            // The customer hears the last words.
            (S::RingingIn, false) => "about to end",
            _ => words(state),
        };
        let wrong = |what: &str| Problem::conflict(format!("The call is {stands}; {what}"));
        let input = match action {
            Action::Answer if rings => {
                self.answer_at(now, age, agent)?;
                return self.view(age);
            }
            Action::Answer => return Err(wrong("only one that rings can be answered.")),
            Action::Reject { reason } | Action::Hangup { reason } if rings => {
                self.decline(now, age, agent, reason.as_deref());
                return self.view(age);
            }
            Action::Reject { .. } => return Err(wrong("only one that rings can be declined.")),
            Action::Hangup { reason } => {
                self.tell_why(now, age, reason.as_deref());
                Input::HangUp
            }
            Action::Hold { on } => {
                if !placed.call.is_connected() {
                    return Err(wrong("only a talk can be put on hold."));
                }
                if !on {
                    if placed.asked.is_some() {
                        return Err(Problem::conflict(
                            "The platform has not answered the last request yet; try again in a second.",
                        ));
                    }
                    self.hold_talks(now, age, agent);
                }
                Input::Hold(on)
            }
            Action::Mute { on } => {
                if matches!(state, S::WrapUp | S::Closed) {
                    return Err(wrong("there is nobody to mute for."));
                }
                Input::Mute(on)
            }
            Action::Digits { tones } => {
                let tones: Tones = tones.parse().map_err(|error: TonesError| {
                    Problem::bad_request(format!("The digits can't be sent: {error}."))
                })?;
                let customer = placed.leg.filter(|_| placed.bridged.is_some());
                let Some(customer) = customer else {
                    return Err(wrong("digits need somebody to hear them."));
                };
                self.dial_digits(now, age, customer, tones)?;
                return self.view(age);
            }
            Action::Record { .. } if placed.route == Route::Desk => {
                return Err(wrong("a talk between agents isn't recorded."));
            }
            Action::Record { on } => return self.ask_to_record(now, age, on),
            Action::Dispose(disposition) => return self.dispose(now, age, disposition),
            Action::Transfer { to, mode } => return self.transfer(now, age, &to, mode),
            Action::Complete => return self.complete(now, age),
        };
        self.feed(now, age, input);
        self.view(age)
    }

    /// The agent takes what rings; whoever the agent talks to meanwhile is put on hold.
    fn answer_at(&mut self, now: Moment, age: Age, agent: usize) -> Result<(), Problem> {
        let between = |(other, placed): (Age, &Placed)| {
            other != age && placed.bridged.is_some() && !placed.call.is_connected()
        };
        if self.live_calls(agent).any(between) {
            return Err(Problem::conflict(
                "The agent is about to talk on another call; end it first.",
            ));
        }
        readiness::can_talk(&self.agents[agent]).map_err(|because| {
            Problem::new("agent-not-ready", "The agent is not ready", 409, because)
        })?;
        self.hold_talks(now, age, agent);
        self.answer(now, age, agent, Answered::ByAgent);
        Ok(())
    }

    /// One talk at a time: the others' customers are put on hold.
    pub(super) fn hold_talks(&mut self, now: Moment, age: Age, agent: usize) {
        let talks = |(other, placed): &(Age, &Placed)| *other != age && placed.call.is_talking();
        let others: Vec<Age> = self
            .live_calls(agent)
            .filter(talks)
            .map(|(age, _)| age)
            .collect();
        for other in others {
            self.feed(now, other, Input::Hold(true));
        }
    }

    /// Whether the agent hears another call than this one.
    pub(super) fn talks_elsewhere(&self, agent: usize, age: Age) -> bool {
        self.live_calls(agent)
            .any(|(other, placed)| other != age && placed.bridged.is_some())
    }

    fn decline(&mut self, now: Moment, age: Age, agent: usize, reason: Option<&str>) {
        let declined = with_words("The agent declined the call", reason);
        let told = EndedView {
            by: EndedBy::Agent,
            reason: Reason::Declined.label(),
            detail: format!("{declined}."),
            sip: None,
        };
        self.leave(now, age, agent, told, Input::Reject);
        // One that still asks others isn't ended by this.
        let rings = |age| {
            self.calls
                .get(age)
                .is_some_and(|placed| placed.call.rings_at_desk())
        };
        if !rings(&age) {
            self.tell_why(now, age, reason);
        }
    }

    /// The agent's browser is gone for good while it rings there.
    fn leave_lost(&mut self, now: Moment, age: Age, agent: usize) {
        let words = "The agent's browser was closed while the call rang.";
        let told = EndedView {
            by: EndedBy::Gateway,
            reason: Reason::AgentLost.label(),
            detail: words.to_owned(),
            sip: None,
        };
        let lost = Input::AgentLost {
            words,
            told: Spoken::Aloud,
        };
        self.leave(now, age, agent, told, lost);
    }

    pub(super) fn view(&self, age: Age) -> Result<CallView, Problem> {
        self.calls
            .get(&age)
            .map(|placed| placed.call.view())
            .ok_or_else(|| Problem::not_found("There is no such call."))
    }
}

fn words(state: crate::agent::wire::CallState) -> &'static str {
    use crate::agent::wire::CallState as S;
    match state {
        S::RingingOut => "ringing out",
        S::RingingIn => "ringing",
        S::Connected => "connected",
        S::Held => "on hold",
        S::WrapUp | S::Closed => "over",
    }
}

pub(super) fn not_built(what: &str) -> Problem {
    Problem::not_available(format!("{what} is not available in this version."))
}

fn chosen(status: &Status) -> wire::StatusChoice {
    wire::StatusChoice {
        name: status.name.clone(),
        label: status.label.clone(),
    }
}

/// How often the browser shows that it lives: often enough that a frozen tab is known of within ten seconds.
const HEARTBEAT_MS: u64 = 3_000;
