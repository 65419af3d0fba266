//! Binds calls, lines, agents and the media engine; the only place that knows them all.
//!
//! One task owns everything behind a bounded queue; [`Switchboard`] is the way in.

mod acts;
mod agenda;
mod announcing;
mod api;
pub mod codecs;
mod consulting;
mod desk;
mod dialling;
mod digits;
mod doctoring;
mod draining;
mod hearing;
mod invites;
mod ledger;
mod legs;
mod lines;
mod offering;
mod page;
mod placed;
mod platform;
mod provider;
mod quality;
mod queues;
mod reason;
mod recording;
mod ringing;
mod sample;
mod service;
mod standing;
mod task;
mod telling;
mod through;
mod transfer;
mod trunks;
mod unreleased;

use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

pub use crate::agent::ConnectionId;
pub use crate::call::Told;
pub(crate) use provider::NOT_AT_THE_DESK;
pub use queues::Queues;
pub(crate) use task::line_of;
pub use task::{Parts, Task};
pub use trunks::{TrunkSocket, TrunkWay};

use crate::agent::Service;
use crate::agent::wire::{AgentView, CallState, CallView, Dial, Frame, Operation, TransferMode};
use crate::call::CallId;
use crate::http::problem::Problem;
use crate::ozonetel::{Choice, Question, Report};
use crate::store::{Disposition, Place, Record};
use crate::{ozonetel, transport};

/// The way in to the task that owns the calls. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Switchboard {
    inputs: mpsc::Sender<Input>,
}

/// Everything that the switchboard's task hears.
#[derive(Debug)]
pub enum Input {
    Transport {
        event: transport::Event,
        /// When it was read; it may have waited since.
        at: Instant,
    },
    Ozonetel(ozonetel::Event),
    Media(media::Event),
    Desk(Desk),
    Api(Api),
}

impl Input {
    /// What a socket has just brought.
    pub fn arrived(event: transport::Event) -> Self {
        let at = Instant::now();
        Self::Transport { event, at }
    }
}

/// What the agents' sockets say.
#[derive(Debug)]
pub enum Desk {
    /// A browser said `hello` with a valid token. The `welcome` and all later frames go to `frames`;
    /// a connection whose queue is full is closed by dropping the sender.
    Opened {
        connection: ConnectionId,
        agent: String,
        /// When the token ends, epoch seconds.
        token_expires: u64,
        session: Option<String>,
        seq: Option<u64>,
        device: Option<String>,
        frames: mpsc::Sender<Frame>,
    },
    /// The reply goes out as a frame. `hello` and `auth` never come this way.
    Request {
        connection: ConnectionId,
        id: u64,
        operation: Operation,
    },
    /// The connection's token was renewed.
    Renewed {
        connection: ConnectionId,
        token_expires: u64,
    },
    Closed {
        connection: ConnectionId,
    },
}

/// What HTTP asks; each carries where its answer goes.
#[derive(Debug)]
pub enum Api {
    Dial {
        agent: String,
        dial: Dial,
        reply: oneshot::Sender<Result<CallView, Problem>>,
    },
    Act {
        call: CallId,
        /// Only as this agent, in whose name it is; `None` for a back end.
        agent: Option<String>,
        action: Action,
        reply: oneshot::Sender<Result<CallView, Problem>>,
    },
    /// A call that is in memory: every one that isn't over, and the newest of the others.
    Call {
        call: CallId,
        reply: oneshot::Sender<Option<Record>>,
    },
    /// Those in memory, newest first.
    Calls {
        filter: CallFilter,
        reply: oneshot::Sender<Vec<Record>>,
    },
    Agents {
        reply: oneshot::Sender<Vec<AgentView>>,
    },
    /// How an agent stands from now on.
    Status {
        agent: String,
        name: String,
        reason: Option<String>,
        reply: oneshot::Sender<Result<AgentView, Problem>>,
    },
    /// A list that the agent's platform offers.
    Ask {
        agent: String,
        question: Question,
        reply: oneshot::Sender<Result<Vec<Choice>, Problem>>,
    },
    /// The platform's webhook told of a call.
    Reported {
        report: Report,
        reply: oneshot::Sender<()>,
    },
    /// No new calls from now on; answered with how many are still open.
    Drain {
        reply: oneshot::Sender<usize>,
    },
    /// Answered when new calls are refused and none is open.
    Drained {
        reply: oneshot::Sender<()>,
    },
    Lines {
        reply: oneshot::Sender<Vec<LineView>>,
    },
    /// Takes a line out of service, or puts it back.
    Serve {
        line: String,
        service: Service,
        reply: oneshot::Sender<Result<LineView, Problem>>,
    },
    Health {
        reply: oneshot::Sender<Health>,
    },
}

/// What a back end may do to a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Answer,
    Hangup {
        reason: Option<String>,
    },
    /// Declines what rings.
    Reject {
        reason: Option<String>,
    },
    /// Puts the customer on hold, or takes the talk up again.
    Hold {
        on: bool,
    },
    Mute {
        on: bool,
    },
    Digits {
        tones: String,
    },
    Dispose(Disposition),
    /// Records the call, or pauses its recording.
    Record {
        on: bool,
    },
    /// Gives the customer to a number.
    Transfer {
        to: String,
        mode: TransferMode,
    },
    /// Finishes a transfer that asked first.
    Complete,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct CallFilter {
    pub state: Option<CallState>,
    pub agent: Option<String>,
    /// Begun at this time or later, epoch milliseconds.
    pub from: Option<u64>,
    /// Begun before this time.
    pub to: Option<u64>,
    /// Only calls behind this place (the cursor).
    pub before: Option<Place>,
    pub limit: usize,
}

/// One way to the telephone network.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct LineView {
    /// The agent's id with `/sip` or `/token`, or the trunk's name.
    pub id: String,
    pub kind: LineKind,
    pub up: bool,
    /// Why it is down, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Epoch milliseconds.
    pub since: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LineKind {
    Sip,
    Token,
    Trunk,
}

/// What `/readyz` tells, beyond the listeners being bound.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Health {
    /// At least one configured line is up, or none is configured.
    pub line_up: bool,
    pub draining: bool,
    pub calls: usize,
    /// No recording begins any more.
    #[serde(skip)]
    pub spool_is_full: bool,
    #[serde(skip)]
    pub usage: Usage,
}

/// What calls hold; all of it is 0 when there is neither a call nor an agent's page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    pub dialogs: usize,
    pub transactions: usize,
    /// Dials whose INVITE is awaited, or is to be refused.
    pub expectations: usize,
    /// Media legs, agents' and customers'.
    pub legs: u64,
    /// Pairs of legs that are bridged.
    pub bridges: u64,
    /// Port pairs of customers' plain legs.
    pub rtp_ports: u64,
}

impl Switchboard {
    pub fn new(inputs: mpsc::Sender<Input>) -> Self {
        Self { inputs }
    }

    /// Places a call in an agent's name.
    ///
    /// # Errors
    ///
    /// The agent is unknown, not ready, or busy; the number can't be dialled; the way out is down.
    pub async fn dial(&self, agent: String, dial: Dial) -> Result<CallView, Problem> {
        self.ask(|reply| Api::Dial { agent, dial, reply }).await?
    }

    /// Acts on a call: as one agent on a call of the agent's own, or as a back end on any.
    pub async fn act(
        &self,
        call: CallId,
        agent: Option<String>,
        action: Action,
    ) -> Result<CallView, Problem> {
        self.ask(|reply| Api::Act {
            call,
            agent,
            action,
            reply,
        })
        .await?
    }

    pub async fn call(&self, call: CallId) -> Result<Option<Record>, Problem> {
        self.ask(|reply| Api::Call { call, reply }).await
    }

    pub async fn calls(&self, filter: CallFilter) -> Result<Vec<Record>, Problem> {
        self.ask(|reply| Api::Calls { filter, reply }).await
    }

    pub async fn agents(&self) -> Result<Vec<AgentView>, Problem> {
        self.ask(|reply| Api::Agents { reply }).await
    }

    /// Sets how an agent stands.
    ///
    /// # Errors
    ///
    /// The agent or the status is unknown, or the platform couldn't be told that reason.
    pub async fn stand(
        &self,
        agent: String,
        name: String,
        reason: Option<String>,
    ) -> Result<AgentView, Problem> {
        self.ask(|reply| Api::Status {
            agent,
            name,
            reason,
            reply,
        })
        .await?
    }

    /// # Errors
    ///
    /// The agent is unknown or has no platform, or the platform has no answer.
    pub async fn choices(&self, agent: String, question: Question) -> Result<Vec<Choice>, Problem> {
        self.ask(|reply| Api::Ask {
            agent,
            question,
            reply,
        })
        .await?
    }

    /// Takes what the platform's webhook told.
    ///
    /// # Errors
    ///
    /// The gateway is stopping, or has too much to do.
    pub async fn reported(&self, report: Report) -> Result<(), Problem> {
        self.ask(|reply| Api::Reported { report, reply }).await
    }

    /// Takes no new calls from now on; how many are still open.
    ///
    /// # Errors
    ///
    /// The gateway is stopping, or has too much to do.
    pub async fn drain(&self) -> Result<usize, Problem> {
        self.ask(|reply| Api::Drain { reply }).await
    }

    /// Waits until a gateway that takes no new calls has none open.
    ///
    /// # Errors
    ///
    /// The gateway is stopping, or has too much to do.
    pub async fn drained(&self) -> Result<(), Problem> {
        self.ask(|reply| Api::Drained { reply }).await
    }

    pub async fn lines(&self) -> Result<Vec<LineView>, Problem> {
        self.ask(|reply| Api::Lines { reply }).await
    }

    /// Takes a line out of service, or puts it back.
    ///
    /// # Errors
    ///
    /// There is no such line, or it is a trunk that doesn't register.
    pub async fn serve(&self, line: String, service: Service) -> Result<LineView, Problem> {
        self.ask(|reply| Api::Serve {
            line,
            service,
            reply,
        })
        .await?
    }

    pub async fn health(&self) -> Result<Health, Problem> {
        self.ask(|reply| Api::Health { reply }).await
    }

    /// Tells what an agent's socket said. Waits while the queue is full: that browser's reading stops.
    ///
    /// # Errors
    ///
    /// The gateway is stopping.
    pub async fn desk(&self, desk: Desk) -> Result<(), Problem> {
        self.inputs
            .send(Input::Desk(desk))
            .await
            .map_err(|_| Problem::unavailable("The gateway is stopping."))
    }

    async fn ask<T>(&self, api: impl FnOnce(oneshot::Sender<T>) -> Api) -> Result<T, Problem> {
        let (reply, answer) = oneshot::channel();
        self.inputs.try_send(Input::Api(api(reply))).map_err(|_| {
            Problem::unavailable("Too much is waiting to be done; try again in a second.")
        })?;
        answer
            .await
            .map_err(|_| Problem::unavailable("The gateway is stopping."))
    }
}
