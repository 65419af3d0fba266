//! The task behind the [`Switchboard`](super::Switchboard): one owner of everything, one input at a time.
//!
//! It carries and decides nothing: what a call does is `call`'s, what SIP does is `signaling`'s.
//! Each turn feeds one input, carries out what the calls ask for, and drains the SIP endpoint.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use media::{Engine, LegId, RequestId, WorkerCounters};
use signaling::{DialogId, Endpoint, LineId, StreamId, Transport};
use tokio::sync::{mpsc, oneshot};

use super::agenda::Agenda;
use super::draining::Admission;
use super::placed::{Age, Desks, Entry, Heard, Placed, SetUp, is_set_up};
use super::quality::Report;
use super::queues::Queues;
use super::recording::Recorded;
use super::telling::Telling;
use super::transfer::Link;
use super::unreleased::Unreleased;
use super::{ConnectionId, Input, TrunkWay, telling};
use crate::agent::Agent;
use crate::agent::session::Due;
use crate::agent::wire::{ByeCode, Event};
use crate::call::CallId;
use crate::call::doctor::Doctor;
use crate::call::expectation::Expectations;
use crate::call::keypad::Keypad;
use crate::call::platform::Platform;
use crate::call::state::{self, Call};
use crate::clock::Moment;
use crate::config::{Config, HoldBy};
use crate::metrics::{Metrics, Side};
use crate::prompts::Prompts;
use crate::recorder::Recorder;
use crate::store::Store;
use crate::transport::{Losses, Transports};

/// What the task is made of, in the order in which it is built.
#[derive(Debug)]
pub struct Parts {
    pub config: Arc<Config>,
    pub metrics: Metrics,
    pub store: Store,
    pub transports: Transports,
    pub endpoint: Endpoint,
    pub engine: Engine,
    pub agents: Vec<Agent>,
    pub trunks: Vec<TrunkWay>,
    /// What can be talked in, in the order of preference.
    pub prompts: Prompts,
    /// What each route says, in the order of the routes.
    pub route_prompts: Vec<Prompts>,
    /// `None` where nothing is to be recorded.
    pub recorder: Option<Recorder>,
}

/// The owner of calls, agents, lines and trunks.
#[derive(Debug)]
pub struct Task {
    pub(super) config: Arc<Config>,
    pub(super) metrics: Metrics,
    pub(super) store: Store,
    pub(super) transports: Transports,
    pub(super) endpoint: Endpoint,
    pub(super) engine: Engine,
    pub(super) agents: Vec<Agent>,
    pub(super) trunks: Vec<TrunkWay>,
    pub(super) prompts: Prompts,
    pub(super) route_prompts: Vec<Prompts>,
    pub(super) recorder: Option<Recorder>,
    /// Each agent's place in the list.
    places: HashMap<String, usize>,
    /// What is expected on each agent's line, in the order of the agents.
    pub(super) expectations: Vec<Expectations>,
    /// By age: ids are UUIDv7 when we make them, but not when a back end does.
    pub(super) calls: BTreeMap<Age, Placed>,
    pub(super) ages: HashMap<CallId, Age>,
    /// Calls that aren't closed: the only ones that have deadlines.
    pub(super) open: BTreeSet<Age>,
    /// Those of them that each agent's desk shows, in the order of the agents.
    pub(super) at_desk: Vec<BTreeSet<Age>>,
    /// Those of them that ring, or did a moment ago.
    pub(super) ringing: BTreeSet<Age>,
    /// Agents whom another one asks, and the call by which that happens.
    pub(super) guests: HashMap<usize, Age>,
    /// An agent may have room for a call who had none.
    pub(super) freed: bool,
    call_deadlines: Agenda<Age>,
    session_deadlines: Agenda<usize>,
    /// Agents in a talk who may be gone: until when their audio may show that they are there.
    pub(super) doubts: Agenda<usize>,
    /// Agents whose session may have got another deadline.
    stirred: BTreeSet<usize>,
    /// Calls that were fed since they were last shown.
    pub(super) touched: BTreeSet<Age>,
    pub(super) dialogs: HashMap<DialogId, Age>,
    pub(super) legs: HashMap<LegId, Owner>,
    pub(super) requests: HashMap<RequestId, Purpose>,
    pub(super) connections: HashMap<ConnectionId, usize>,
    /// What each open stream is, for labels.
    pub(super) streams: HashMap<StreamId, Transport>,
    /// Malformed SIP is told of once in a while, however much of it comes.
    pub(super) malformed: Malformed,
    /// Inputs that calls have yet to take, in order.
    pub(super) pending: VecDeque<(Age, state::Input)>,
    /// Legs whose closing found the engine's ring full.
    pub(super) unclosed: Vec<LegId>,
    /// Guests' legs whose release did.
    pub(super) unreleased: Unreleased<LegId>,
    next_age: u64,
    /// When the message was read that came last.
    pub(super) arrived: Instant,
    /// Numbers of trunks' peers, never reused.
    pub(super) last_peer: u32,
    last_request: u64,
    sampled: Instant,
    pub(super) counted: Vec<WorkerCounters>,
    pub(super) losses: Losses,
    pub(super) started: Moment,
    pub(super) admission: Admission,
    /// Who waits for the last call's end.
    pub(super) drained: Vec<oneshot::Sender<()>>,
    /// What each bridged leg reported last.
    pub(super) heard: HashMap<LegId, Report>,
    /// What the world was told last.
    pub(super) telling: Telling,
}

/// Messages that were refused since the last one that was logged.
#[derive(Debug, Default)]
pub(super) struct Malformed {
    pub unlogged: u64,
    pub logged: Option<Instant>,
}

/// Whose media leg it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Agent(usize),
    Customer(Age),
}

/// What a description was asked for.
#[derive(Debug)]
pub(super) enum Purpose {
    /// A call's answer or offer.
    Describe(Age),
    /// A call's answer from the peer.
    Apply(Age),
    /// A re-INVITE's answer.
    Reoffer(Age),
    /// The peer's answer to our refresh of the session.
    Refreshed(Age),
    /// An offer that refreshes the session.
    Refresh(Age),
    /// An offer by which one-way audio may mend.
    Mend(Age),
    /// The answer to a browser's offer.
    Desk {
        connection: ConnectionId,
        re: u64,
        leg: LegId,
    },
}

impl Task {
    pub fn new(parts: Parts, now: Moment) -> Self {
        let expectations = parts
            .agents
            .iter()
            .map(|_| Expectations::default())
            .collect();
        let id = |(place, agent): (usize, &Agent)| (agent.config.id.clone(), place);
        let places: HashMap<String, usize> = parts.agents.iter().enumerate().map(id).collect();
        let mut parts = parts;
        share_workers(&parts.config, &places, &parts.engine, &mut parts.agents);
        let at_desk = parts.agents.iter().map(|_| BTreeSet::new()).collect();
        Self {
            config: parts.config,
            metrics: parts.metrics,
            store: parts.store,
            transports: parts.transports,
            endpoint: parts.endpoint,
            engine: parts.engine,
            agents: parts.agents,
            trunks: parts.trunks,
            prompts: parts.prompts,
            route_prompts: parts.route_prompts,
            recorder: parts.recorder,
            places,
            expectations,
            calls: BTreeMap::new(),
            ages: HashMap::new(),
            open: BTreeSet::new(),
            at_desk,
            ringing: BTreeSet::new(),
            guests: HashMap::new(),
            freed: false,
            call_deadlines: Agenda::new(),
            session_deadlines: Agenda::new(),
            doubts: Agenda::new(),
            stirred: BTreeSet::new(),
            touched: BTreeSet::new(),
            dialogs: HashMap::new(),
            legs: HashMap::new(),
            requests: HashMap::new(),
            connections: HashMap::new(),
            streams: HashMap::new(),
            malformed: Malformed::default(),
            pending: VecDeque::new(),
            unclosed: Vec::new(),
            unreleased: Unreleased::new(),
            next_age: 0,
            arrived: now.instant,
            last_peer: 0,
            last_request: 0,
            sampled: now.instant,
            counted: Vec::new(),
            losses: Losses::default(),
            started: now,
            admission: Admission::Open,
            drained: Vec::new(),
            heard: HashMap::new(),
            telling: Telling::default(),
        }
    }

    /// Runs until `stop`; then ends the calls, says good-bye on every line and socket, and returns.
    pub async fn run(
        mut self,
        mut queues: Queues,
        mut media: mpsc::Receiver<media::Event>,
        mut stop: oneshot::Receiver<()>,
    ) {
        let now = Moment::read();
        self.start_trunks(now);
        self.tell_of_start(now);
        self.settle(now);
        loop {
            let due = self.poll_timeout();
            let deadline = tokio::time::Instant::from_std(due);
            let input = tokio::select! {
                biased;
                _ = &mut stop => break,
                Some(event) = media.recv() => Some(Input::Media(event)),
                Some(input) = queues.next() => Some(input),
                () = tokio::time::sleep_until(deadline) => None,
            };
            let now = Moment::read();
            if let Some(input) = input {
                self.handle(now, input);
                self.settle(now);
            }
            // Under load there is always another input; time goes on all the same.
            if now.instant >= due {
                self.handle_timeout(now);
                self.settle(now);
            }
        }
        self.shut_down(&mut queues).await;
    }

    fn handle(&mut self, now: Moment, input: Input) {
        match input {
            Input::Transport { event, at } => {
                self.arrived = at;
                self.handle_transport(now, event);
            }
            Input::Ozonetel(event) => self.handle_provider(now, event),
            Input::Media(event) => self.handle_media(now, event),
            Input::Desk(desk) => self.handle_desk(now, desk),
            Input::Api(api) => self.handle_api(now, api),
        }
    }

    /// When something is due, even if nothing happens.
    fn poll_timeout(&self) -> Instant {
        let sip = self.endpoint.poll_timeout().map(|(at, _)| at);
        let sample = self.sampled + SAMPLE;
        sip.into_iter()
            .chain(self.call_deadlines.next())
            .chain(self.session_deadlines.next())
            .chain(self.doubts.next())
            .fold(sample, Instant::min)
    }

    fn handle_timeout(&mut self, now: Moment) {
        self.endpoint.handle_timeout(now.instant);
        for age in self.call_deadlines.due(now.instant) {
            self.call_due(now, age);
        }
        for leg in std::mem::take(&mut self.unclosed) {
            self.close_leg(leg);
        }
        self.release_legs();
        for agent in self.doubts.due(now.instant) {
            self.believe(now, agent);
        }
        for agent in self.session_deadlines.due(now.instant) {
            self.session_due(now, agent);
        }
        if now.instant >= self.sampled + SAMPLE {
            self.sampled = now.instant;
            self.sample();
            self.sample_sockets();
            self.tell_of_lines(now);
            for expectations in &mut self.expectations {
                expectations.expire(now.instant);
            }
        }
    }

    fn call_due(&mut self, now: Moment, age: Age) {
        self.touched.insert(age);
        let mut actions = Vec::new();
        let Some(placed) = self.calls.get_mut(&age) else {
            return;
        };
        placed.call.handle_timeout(now, &mut actions);
        let doom = placed.take_doom(now.instant);
        self.carry_out(now, age, actions);
        self.answer_by_itself(now, age);
        self.offer_due(now, age);
        self.turn(now, age);
        self.treat(now, age);
        self.send_digits(now, age);
        self.guest_due(now, age);
        if let Some(end) = doom {
            self.feed(now, age, end);
        }
    }

    fn session_due(&mut self, now: Moment, agent: usize) {
        self.stirred.insert(agent);
        let grace = self.config.limits.grace;
        let session = self.agents[agent].session.as_mut();
        match session.map(|session| session.handle_timeout(now, grace)) {
            Some(Due::Lost) => self.give_up(now, agent),
            Some(Due::Asleep) => self.show_agent(now, agent),
            Some(Due::Expired) => self.expire(now, agent),
            Some(Due::Nothing) | None => {}
        }
    }

    /// Carries on until nobody has anything to do at once, then shows what changed.
    fn settle(&mut self, now: Moment) {
        loop {
            if let Some((age, input)) = self.pending.pop_front() {
                let mut actions = Vec::new();
                if let Some(placed) = self.calls.get_mut(&age) {
                    placed.call.handle(now, input, &mut actions);
                }
                self.carry_out(now, age, actions);
            } else if let Some(transmit) = self.endpoint.poll_transmit() {
                self.send(transmit);
            } else if let Some(event) = self.endpoint.poll_event() {
                self.handle_signaling(now, event);
            } else if self.watch_transfers(now) || self.watch_offers(now) || self.watch_guests(now)
            {
                // The calls have got further inputs.
            } else {
                self.publish(now);
                self.tell_drained();
                if !std::mem::take(&mut self.freed) {
                    return;
                }
                self.ring_more(now);
            }
        }
    }

    /// Feeds a call at once; its further inputs follow in order.
    pub(super) fn feed(&mut self, now: Moment, age: Age, input: state::Input) {
        let mut actions = Vec::new();
        if let Some(placed) = self.calls.get_mut(&age) {
            placed.call.handle(now, input, &mut actions);
        }
        self.carry_out(now, age, actions);
    }

    /// Gives a new call its place; its first actions are carried out.
    pub(super) fn place(
        &mut self,
        now: Moment,
        entry: Entry,
        call: Call,
        actions: Vec<state::Action>,
    ) -> Age {
        self.next_age += 1;
        let age = Age(self.next_age);
        let mut call = call;
        call.grant_wrap_up(self.wrap_up_of(entry.agent));
        self.metrics.call_began(call.direction);
        self.ages.insert(call.id.clone(), age);
        self.open.insert(age);
        if let Some(dialog) = entry.dialog {
            self.dialogs.insert(dialog, age);
        }
        let placed = Placed {
            call,
            agent: entry.agent,
            desks: entry.desks,
            when_asked: entry.when_asked,
            route: entry.route,
            dialog: entry.dialog,
            leg: None,
            bridged: None,
            prompts: entry.prompts,
            played_from: None,
            customer: Heard::Audio,
            silent_since: None,
            doctor: Doctor::default(),
            unheard: vec![Side::Agent, Side::Customer],
            answers_at: None,
            without_agent: None,
            without_customer: None,
            shown: None,
            told: 0,
            set_up: SetUp::Awaited(now.instant),
            invited: None,
            platform: Platform::default(),
            on_hold_by: HoldBy::Gateway,
            asked: None,
            disposition: None,
            marked: None,
            recorded: Recorded::default(),
            link: Link::None,
            offer: None,
            quiet: Duration::ZERO,
            guest: None,
            keypad: Keypad::default(),
        };
        for agent in placed.desks() {
            self.at_desk[agent].insert(age);
        }
        if let Desks::Ringing(_) = placed.desks {
            self.ringing.insert(age);
        }
        self.calls.insert(age, placed);
        self.carry_out(now, age, actions);
        self.forget_old_calls();
        age
    }

    pub(super) fn next_request(&mut self) -> RequestId {
        self.last_request += 1;
        RequestId(self.last_request)
    }

    /// The agent's calls that haven't ended, newest first.
    pub(super) fn live_calls(&self, agent: usize) -> impl Iterator<Item = (Age, &Placed)> {
        self.open_calls(agent)
            .filter(|(_, placed)| placed.call.is_up())
    }

    /// The calls at the agent's desk that aren't closed, newest first.
    pub(super) fn open_calls(&self, agent: usize) -> impl Iterator<Item = (Age, &Placed)> {
        let open = self.at_desk[agent].iter().rev();
        open.filter_map(|age| Some((*age, self.calls.get(age)?)))
    }

    pub(super) fn agent_index(&self, id: &str) -> Option<usize> {
        self.places.get(id).copied()
    }

    /// The agent whose line it is.
    pub(super) fn agent_of(&self, line: LineId) -> Option<usize> {
        let place = usize::try_from(line.0).ok()?;
        (place < self.agents.len()).then_some(place)
    }

    /// The agent's session is about to get another deadline, or may have.
    pub(super) fn stir(&mut self, agent: usize) {
        self.stirred.insert(agent);
    }

    /// Sends an event to the agent's browser, if one is there.
    pub(super) fn tell_agent(&mut self, now: Moment, agent: usize, event: Event) {
        let grace = self.config.limits.grace;
        self.stirred.insert(agent);
        if let Some(session) = &mut self.agents[agent].session {
            session.send(now, grace, event);
        }
    }

    /// Tells the agent's browser how the agent stands.
    pub(super) fn show_agent(&mut self, now: Moment, agent: usize) {
        let view = self.agents[agent].view();
        self.freed = true;
        self.tell_agent(now, agent, Event::Agent { agent: view });
    }

    /// Shows every call that changed, and logs what its story gained.
    fn publish(&mut self, now: Moment) {
        for age in std::mem::take(&mut self.touched) {
            self.record(now, age);
            self.keep(now, age);
            let Some(placed) = self.calls.get_mut(&age) else {
                continue;
            };
            for told in &placed.call.story()[placed.told..] {
                tracing::info!(call = %placed.call.id, agent = placed.call.agent, "{}", told.what);
            }
            placed.told = placed.call.story().len();
            let desks = placed.desks();
            if placed.call.is_closed() {
                self.open.remove(&age);
                self.ringing.remove(&age);
                for agent in &desks {
                    self.freed |= self.at_desk[*agent].remove(&age);
                }
                // A talk may go on without its agent, and have digits to be sent.
                self.call_deadlines.set(age, placed.keypad.poll_timeout());
            } else {
                self.call_deadlines.set(age, placed.poll_timeout());
            }
            let view = placed.call.view();
            if placed.shown.as_ref() == Some(&view) {
                continue;
            }
            let before = placed.shown.replace(view.clone());
            for event in telling::of_call(now, before.as_ref(), &view) {
                self.store.tell(event);
            }
            if let SetUp::Awaited(since) = placed.set_up
                && is_set_up(&view)
            {
                placed.set_up = SetUp::Measured;
                self.metrics.call_set_up(now.instant - since);
            }
            let had_ended = before.is_some_and(|before| before.ended.is_some());
            if let (Some(ended), false) = (&view.ended, had_ended) {
                self.metrics
                    .call_ended(view.direction, &view.via, ended.reason);
            }
            for agent in desks {
                let call = view.clone();
                self.tell_agent(now, agent, Event::Call { call });
            }
        }
        for agent in std::mem::take(&mut self.stirred) {
            self.tell_of_agent(now, agent);
            let session = self.agents[agent].session.as_ref();
            let at = session.and_then(crate::agent::session::Session::poll_timeout);
            self.session_deadlines.set(agent, at);
        }
    }

    /// Closed calls are kept for questions about them, up to a bound.
    fn forget_old_calls(&mut self) {
        while self.calls.len() > CALLS_KEPT {
            let oldest_closed = self
                .calls
                .iter()
                .find(|(_, placed)| placed.call.is_closed() && placed.link == Link::None)
                .map(|(age, _)| *age);
            let Some(age) = oldest_closed else {
                return;
            };
            // What closed in this turn hasn't been shown yet.
            if self.touched.contains(&age) {
                return;
            }
            if let Some(placed) = self.calls.remove(&age) {
                self.ages.remove(&placed.call.id);
                if let Some(dialog) = placed.dialog {
                    self.dialogs.remove(&dialog);
                }
            }
        }
    }

    /// Ends everything politely, within a bound.
    async fn shut_down(mut self, queues: &mut Queues) {
        let now = Moment::read();
        let live: Vec<Age> = self
            .calls
            .iter()
            .filter(|(_, placed)| placed.call.is_up())
            .map(|(age, _)| *age)
            .collect();
        tracing::info!(calls = live.len(), "the gateway stops; what is up is ended");
        self.admission = Admission::Stopping;
        self.tell_of_draining(now);
        for age in live {
            self.feed(now, age, state::Input::Shutdown);
        }
        for age in self.talks_through() {
            self.end_through(now, age, "The gateway is stopping.");
        }
        self.settle(now);
        for index in 0..self.trunks.len() {
            self.unregister_trunk(now, index);
        }
        for index in 0..self.agents.len() {
            self.endpoint.unregister(now.instant, line_of(index));
            if let Some(session) = &mut self.agents[index].session {
                session.say_bye(ByeCode::Shutdown, true);
            }
        }
        self.settle(now);
        // Time for the BYEs' answers and their repetitions; nobody is waited for longer.
        let over = tokio::time::Instant::now() + GOOD_BYE;
        while self.endpoint.counts().client_transactions > 0 {
            let deadline = tokio::time::Instant::from_std(self.poll_timeout()).min(over);
            let input = tokio::select! {
                Some(input) = queues.next() => Some(input),
                () = tokio::time::sleep_until(deadline) => None,
            };
            if tokio::time::Instant::now() >= over {
                break;
            }
            let now = Moment::read();
            match input {
                Some(input @ Input::Transport { .. }) => self.handle(now, input),
                Some(_) => {}
                None => self.handle_timeout(now),
            }
            self.settle(now);
        }
        let tokens = self
            .agents
            .iter_mut()
            .filter_map(|agent| agent.token.take());
        let signed_out =
            futures_util::future::join_all(tokens.map(|token| token.socket.sign_out()));
        if tokio::time::timeout(GOOD_BYE, signed_out).await.is_err() {
            tracing::info!("some agents were not signed out at the provider in time");
        }
        let lived = Moment::read().instant - self.started.instant;
        tracing::info!(lived_s = lived.as_secs(), "stopped");
    }
}

/// A call that rings at several agents can be joined to any of them only within one media worker,
/// so agents whom a route rings together share theirs.
fn share_workers(
    config: &Config,
    places: &HashMap<String, usize>,
    engine: &Engine,
    agents: &mut [Agent],
) {
    for route in config.routes.iter().filter(|route| route.agents.len() > 1) {
        let group: Vec<usize> = route
            .agents
            .iter()
            .filter_map(|id| places.get(id).copied())
            .collect();
        let known: Vec<_> = group.iter().filter_map(|one| agents[*one].worker).collect();
        let worker = known.first().copied().unwrap_or_else(|| engine.assign());
        for (place, agent) in agents.iter_mut().enumerate() {
            // Groups that have an agent in common are one.
            let joined = agent.worker.is_some_and(|worker| known.contains(&worker));
            if joined || group.contains(&place) {
                agent.worker = Some(worker);
            }
        }
    }
}

/// An agent's line has the agent's number.
pub(crate) fn line_of(agent: usize) -> LineId {
    LineId(u32::try_from(agent).unwrap_or(u32::MAX))
}

/// How often the media counters are taken over.
const SAMPLE: Duration = Duration::from_secs(2);

/// Calls kept for questions about them after their end.
const CALLS_KEPT: usize = 4_000;

/// How long a stop waits for the answers to its BYEs.
const GOOD_BYE: Duration = Duration::from_secs(2);
