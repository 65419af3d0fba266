//! The crate's one door: messages and time in, messages, events and a deadline out.

mod callee;
mod caller;
mod deadlines;
mod established;
mod event;
mod failover;
mod flow;
mod inside;
mod line;
mod offer;
mod outbound;
mod path;
mod ping;
mod provisional;
mod random;
mod reconnect;
mod refer;
mod refresh;
mod reoffer;
mod reply;
mod request;
mod transactions;
mod trunk;
mod usage;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

pub use caller::{InviteRequest, Party};
pub use event::{
    Address, Body, Counts, Description, Ended, Event, IncomingInvite, LineDown, Source,
};
pub use line::LineConfig;
pub use ping::{PeerConfig, PeerId, Reachability};
pub(crate) use random::Random;
pub use trunk::{TrunkConfig, TrunkId};

use crate::error::Malformed;
use crate::framing::{Frame, MAX_DATAGRAM, MAX_STREAM_MESSAGE, PONG};
use crate::message::{Kind, Message, Method, Refusal};
use crate::profile::Profile;
use crate::transaction::timer::Timer;
use crate::transaction::{ClientKey, ServerKey};
use deadlines::Deadlines;
use flow::Sockets;
use line::{Line, Stream};
use ping::Peer;
use transactions::{ClientTransaction, MergeKey, ServerTransaction, Table, TransactionId};
use trunk::Trunk;
use usage::{CallKey, InviteUsage};

/// A UDP socket of the owner's, or where it takes and whence it opens TCP or TLS connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId(pub u32);

/// A line's WS or WSS connection; a number is never used for a second one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u64);

/// An extension that we register, over one connection at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineId(pub u32);

/// A call, from its INVITE to its [`Event::Ended`]; made by the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DialogId(u64);

impl fmt::Display for DialogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What Via calls the transport (RFC 3261 §20.42, RFC 7118 §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
    Ws,
    Wss,
}

/// Where a message came from or goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flow {
    /// Between one of our sockets and a peer's address.
    Datagram {
        /// Ours.
        socket: SocketId,
        /// The peer's address.
        peer: SocketAddr,
    },
    /// On the TCP or TLS connection with a peer's address; the owner opens one where there is none.
    Connection {
        /// Ours: where it was accepted, or on whose behalf it is opened.
        socket: SocketId,
        /// The other end.
        peer: SocketAddr,
    },
    /// On a line's WebSocket.
    Stream(StreamId),
}

/// The way a request of ours takes; a line's follows it to its next connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// As a registered extension.
    Line(LineId),
    /// To a peer, from a socket of ours.
    Datagram {
        /// Ours.
        socket: SocketId,
        /// The peer's address.
        peer: SocketAddr,
    },
    /// To a peer by TCP or TLS: on the connection that is there, or a new one.
    Connection {
        /// Ours.
        socket: SocketId,
        /// The other end.
        peer: SocketAddr,
    },
}

/// Bytes to send. A line's are one WebSocket message each.
#[derive(Clone, PartialEq, Eq)]
pub struct Transmit {
    /// Where.
    pub flow: Flow,
    /// One message, or a keep-alive.
    pub bytes: Bytes,
}

/// Without the bytes: they hold credentials and people's numbers.
impl fmt::Debug for Transmit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transmit({:?}, {} bytes)", self.flow, self.bytes.len())
    }
}

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// A transaction's timer.
    Transaction(Timer),
    /// A registration's refresh or retry.
    Registration,
    /// A 2xx of ours isn't acknowledged: resend it, or give up.
    Acknowledgement,
    /// Our offer collided and is made again.
    Glare,
    /// A reliable provisional response of ours isn't acknowledged: resend it, or give up.
    Provisional,
    /// A session is to be refreshed, or counts as gone.
    SessionTimer,
    /// A line's connection didn't come back for its calls.
    FlowLost,
    /// A peer is to be asked whether it is there.
    Ping,
}

/// What doesn't change while an endpoint lives.
#[derive(Debug, Clone)]
pub struct EndpointConfig {
    /// User-Agent of our requests, such as `Warmline/0.1.0`.
    pub user_agent: String,
    /// Calls at a time, those that ring included; above, INVITEs get 503.
    pub max_dialogs: usize,
    /// Which calls ring reliably.
    pub ringing: Ringing,
    /// The session interval that our calls to trunks ask for (RFC 4028); `None` asks for nothing.
    pub session_interval: Option<Duration>,
    /// Requests received and not forgotten yet; above, new ones get a 503 that isn't remembered.
    pub max_server_transactions: usize,
}

impl Default for EndpointConfig {
    fn default() -> Self {
        EndpointConfig {
            user_agent: concat!("Warmline/", env!("CARGO_PKG_VERSION")).to_owned(),
            max_dialogs: 10_000,
            ringing: Ringing::ReliableWhereRequired,
            session_interval: None,
            // 2,000 calls a second of three transactions each, remembered for 32 s.
            max_server_transactions: 200_000,
        }
    }
}

/// When 18x responses of ours are sent until a PRACK comes (RFC 3262).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ringing {
    /// Only where the caller insists.
    ReliableWhereRequired,
    /// Wherever the caller can.
    ReliableWhereSupported,
}

/// All SIP of one program: lines, calls and transactions.
///
/// Drive it so: *feed one input, drain to the timeout, only then feed again*. An input is any method that takes `now`; to
/// drain is to empty [`Endpoint::poll_transmit`] and [`Endpoint::poll_event`], then to ask [`Endpoint::poll_timeout`]
/// when to call [`Endpoint::handle_timeout`] at the latest. `now` must not go backwards.
pub struct Endpoint {
    config: EndpointConfig,
    random: Random,
    trunk_profile: Profile,
    sockets: Sockets,
    streams: BTreeMap<StreamId, Stream>,
    lines: BTreeMap<LineId, Line>,
    trunks: BTreeMap<TrunkId, Trunk>,
    peers: BTreeMap<PeerId, Peer>,
    clients: Table<ClientKey, ClientTransaction>,
    servers: Table<ServerKey, ServerTransaction>,
    merges: HashMap<MergeKey, TransactionId>,
    usages: BTreeMap<DialogId, InviteUsage>,
    calls: HashMap<CallKey, DialogId>,
    /// Calls that are over, and our BYE.
    parted: HashMap<CallKey, TransactionId>,
    next_dialog: u64,
    deadlines: Deadlines<Owner, Why>,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
    /// The counters only; gauges are filled in when asked for.
    counts: Counts,
}

/// Who a deadline belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Owner {
    Client(TransactionId),
    Server(TransactionId),
    Usage(DialogId),
    Line(LineId),
    Trunk(TrunkId),
    Peer(PeerId),
}

impl Endpoint {
    /// All randomness comes from `seed`: 32 secret bytes in a program, fixed ones in a test.
    pub fn new(config: EndpointConfig, seed: [u8; 32]) -> Endpoint {
        Endpoint {
            config,
            random: Random::new(seed),
            trunk_profile: Profile::trunk(),
            sockets: Sockets::default(),
            streams: BTreeMap::new(),
            lines: BTreeMap::new(),
            trunks: BTreeMap::new(),
            peers: BTreeMap::new(),
            clients: Table::new(),
            servers: Table::new(),
            merges: HashMap::new(),
            usages: BTreeMap::new(),
            calls: HashMap::new(),
            parted: HashMap::new(),
            next_dialog: 1,
            deadlines: Deadlines::new(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            counts: Counts::default(),
        }
    }

    /// Takes one whole SIP message, a datagram, a WebSocket message or one that [`StreamFraming`](crate::StreamFraming)
    /// gave, from a peer that the owner admitted.
    ///
    /// A request is kept until it is answered: `bytes` should be a buffer of its own, not a slice of a large one.
    /// What is wrong with it is counted, told as [`Event::Malformed`] and, where possible, to the peer.
    pub fn handle_message(&mut self, now: Instant, flow: Flow, bytes: Bytes) {
        match (Frame::of(&bytes), flow) {
            (Frame::Ping, Flow::Stream(_) | Flow::Connection { .. }) => {
                return self.send(flow, Bytes::from_static(PONG));
            }
            // Datagram keep-alives only hold a NAT binding open.
            (Frame::Ping, Flow::Datagram { .. }) | (Frame::Pong, _) => return,
            (Frame::Message, _) => {}
        }
        let limit = match flow {
            Flow::Datagram { .. } => MAX_DATAGRAM,
            Flow::Stream(_) | Flow::Connection { .. } => MAX_STREAM_MESSAGE,
        };
        match Message::parse(bytes, limit) {
            Ok(message) => match message.kind() {
                Kind::Request { .. } => self.handle_request(now, flow, message),
                Kind::Response { status, .. } => self.handle_response(now, flow, status, message),
            },
            Err(refusal) => self.refuse_malformed(flow, refusal),
        }
    }

    /// Does all that is due at `now`. Calling it early is harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(owner) = self.deadlines.pop_due(now) {
            match owner {
                Owner::Client(id) => self.client_timeout(now, id),
                Owner::Server(id) => self.server_timeout(now, id),
                Owner::Usage(dialog) => self.usage_timeout(now, dialog),
                Owner::Line(line) => self.line_timeout(now, line),
                Owner::Trunk(trunk) => self.trunk_timeout(now, trunk),
                Owner::Peer(peer) => self.peer_timeout(now, peer),
            }
        }
    }

    /// When to call [`Endpoint::handle_timeout`] at the latest, and what for; `None` while only others can act.
    pub fn poll_timeout(&self) -> Option<(Instant, Why)> {
        self.deadlines.next()
    }

    /// The next message to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next thing to know.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What is alive and what was counted, for metrics.
    pub fn counts(&self) -> Counts {
        Counts {
            client_transactions: self.clients.len(),
            server_transactions: self.servers.len(),
            dialogs: self
                .usages
                .values()
                .filter(|usage| !usage.is_leaving())
                .count(),
            registrations: self
                .lines
                .values()
                .filter(|line| line.registration.is_up())
                .count()
                + self.trunks.values().filter(|trunk| trunk.is_up()).count(),
            ..self.counts.clone()
        }
    }

    fn send(&mut self, flow: Flow, bytes: Bytes) {
        self.transmits.push_back(Transmit { flow, bytes });
    }

    fn resend(&mut self, flow: Flow, bytes: Bytes) {
        self.counts.retransmissions_sent += 1;
        self.send(flow, bytes);
    }

    fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }

    fn note_malformed(&mut self, flow: Flow, cause: Malformed) {
        *self.counts.malformed.entry(cause.label()).or_default() += 1;
        self.tell(Event::Malformed {
            flow,
            cause: cause.to_string(),
        });
    }

    /// A request that can't be taken but can be answered is; it isn't remembered (RFC 3261 §8.2.7).
    fn refuse_malformed(&mut self, flow: Flow, refusal: Refusal) {
        self.note_malformed(flow, refusal.cause);
        let Some(request) = refusal
            .request
            .filter(|request| request.method() != Method::Ack)
        else {
            return;
        };
        // Whatever else is wrong, its sender knows the answer by the branch in its Via and stops repeating itself.
        if request.via().is_none() {
            return;
        }
        let tag = self.random.token(self.trunk_profile.tag_length);
        let cause = refusal.cause;
        let reason = match cause.status() {
            // The peer's developer reads this one.
            400 => Some(format!("Bad Request ({cause})")),
            _ => None,
        };
        let response = reply::reply(
            &request,
            flow,
            cause.status(),
            reason.as_deref(),
            Some(tag.as_bytes()),
        );
        self.send(flow, response.finish());
    }

    /// Says the last word on a call.
    fn end(&mut self, dialog: DialogId, cause: Ended) {
        self.forget(dialog);
        self.tell(Event::Ended { dialog, cause });
    }

    fn forget(&mut self, dialog: DialogId) -> Option<InviteUsage> {
        self.deadlines.set(Owner::Usage(dialog), None);
        let usage = self.usages.remove(&dialog)?;
        self.calls.remove(&usage.key);
        Some(usage)
    }

    fn admit_usage(&mut self, usage: InviteUsage) -> DialogId {
        let dialog = self.next_dialog_id();
        self.place_usage(dialog, usage);
        dialog
    }

    fn next_dialog_id(&mut self) -> DialogId {
        let dialog = DialogId(self.next_dialog);
        self.next_dialog += 1;
        dialog
    }

    fn place_usage(&mut self, dialog: DialogId, usage: InviteUsage) {
        self.calls.insert(usage.key.clone(), dialog);
        self.usages.insert(dialog, usage);
    }

    /// The same call, to be found by another key.
    fn replace_usage(&mut self, dialog: DialogId, usage: InviteUsage) {
        if let Some(before) = self.usages.get(&dialog) {
            self.calls.remove(&before.key);
        }
        self.place_usage(dialog, usage);
    }

    /// Brings a usage's deadline in line with its state.
    fn arm_usage(&mut self, dialog: DialogId) {
        let deadline = self.usages.get(&dialog).and_then(InviteUsage::poll_timeout);
        self.deadlines.set(Owner::Usage(dialog), deadline);
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
