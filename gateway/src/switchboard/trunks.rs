//! Trunks: which peers a call may go to, whether they are there, and how many calls a trunk may bring.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use ipnet::IpNet;
use signaling::admission::CallRate;
use signaling::{
    DialogId, LineDown, Path, PeerConfig, PeerId, Reachability, SocketId, TrunkConfig, TrunkId,
};

use super::invites::TRUNK_OUT;
use super::lines::words;
use super::placed::Route;
use super::task::Task;
use super::{LineKind, LineView};
use crate::agent::wire::{self, NoticeKind};
use crate::agent::{Connection, ConnectionState, Service};
use crate::clock::Moment;
use crate::config::{Carrier, Trunk};
use crate::http::problem::Problem;
use crate::transport::Target;

/// A trunk: its sockets, its peers as they were found, and how it stands.
#[derive(Debug)]
pub struct TrunkWay {
    pub config: Trunk,
    pub sockets: Vec<TrunkSocket>,
    peers: Peers,
    /// Addresses that its names had, and until when they are heard: calls with them may be up.
    former: BTreeMap<IpAddr, Instant>,
    registration: Option<ConnectionState>,
    /// What is shown of it.
    connection: Connection,
    rate: Option<CallRate>,
}

/// One of our sockets that a trunk uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrunkSocket {
    pub id: SocketId,
    pub carrier: Carrier,
    /// As bound.
    pub address: SocketAddr,
}

/// Where a trunk's calls can go.
#[derive(Debug)]
enum Peers {
    /// It only calls in.
    None,
    /// Names are being looked up.
    Sought,
    /// In the order of trying.
    Found(Vec<Peer>),
    /// Why they can't be found.
    Lost(String),
}

#[derive(Debug, Clone)]
struct Peer {
    id: PeerId,
    target: Target,
    path: Path,
    reachability: Reachability,
}

/// One way that a call can take: where it is sent, and what the other end is called in its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Way {
    pub path: Path,
    /// With its port where that isn't the usual one.
    pub host: String,
}

/// Why a trunk can't bring another call now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TooMany {
    retry_after: Duration,
    because: &'static str,
}

impl TrunkWay {
    pub fn new(config: Trunk, sockets: Vec<TrunkSocket>, now: Moment) -> Self {
        let peers = match config.peers.is_empty() {
            true => Peers::None,
            false => Peers::Sought,
        };
        Self {
            rate: config.calls_per_second.map(CallRate::per_second),
            registration: config.register.then(registering),
            // Down would be an alarm: nothing has failed yet.
            connection: Connection {
                state: ConnectionState::Up,
                since: now.epoch_ms,
                service: Service::In,
            },
            config,
            sockets,
            peers,
            former: BTreeMap::new(),
        }
    }

    /// Whether a message on this socket from that address is this trunk's.
    pub fn takes(&self, socket: SocketId, source: SocketAddr) -> bool {
        self.sockets.iter().any(|ours| ours.id == socket) && self.admits(source.ip())
    }

    /// Whether its peers or its list of addresses allow this one.
    fn admits(&self, source: IpAddr) -> bool {
        let source = source.to_canonical();
        self.config.admits(source)
            || self
                .found()
                .any(|peer| peer.target.address.ip().to_canonical() == source)
            || self.former.contains_key(&source)
    }

    /// Peers that are no longer found are still heard for a while, others no more.
    fn remember(&mut self, now: Instant, gone: &[Peer]) {
        self.former.retain(|_, until| *until > now);
        let left = gone
            .iter()
            .map(|peer| peer.target.address.ip().to_canonical());
        self.former.extend(left.map(|ip| (ip, now + FORMER)));
    }

    /// Who may speak to its sockets.
    fn networks(&self) -> impl Iterator<Item = IpNet> {
        let peers = self
            .found()
            .map(|peer| IpNet::from(peer.target.address.ip()));
        let listed = self.config.peers.iter().filter_map(|peer| {
            let address: IpAddr = peer.host.parse().ok()?;
            Some(IpNet::from(address))
        });
        let former = self.former.keys().copied().map(IpNet::from);
        let allowed = self.config.allow.iter().copied();
        allowed.chain(peers).chain(listed).chain(former)
    }

    /// The ways to its peers that answer, in the order of trying; those under suspicion come last.
    pub(super) fn ways(&self) -> Vec<Way> {
        let way = |peer: &Peer| Way {
            path: peer.path,
            host: peer.target.in_uri(),
        };
        let of = |state| {
            self.found()
                .filter(move |peer| peer.reachability == state)
                .map(way)
        };
        of(Reachability::Up)
            .chain(of(Reachability::Suspect))
            .collect()
    }

    /// Takes it out of service, or puts it back.
    pub(super) fn serve(&mut self, service: Service) -> Result<(), Problem> {
        if !self.config.register {
            return Err(Problem::conflict(format!(
                "The trunk {} doesn't register anywhere.",
                self.config.name
            )));
        }
        self.connection.service = service;
        // While it is taken back, what it was before says nothing any more.
        if service == Service::Out || self.registration != Some(ConnectionState::Up) {
            self.registration = Some(registering());
        }
        Ok(())
    }

    /// Why no call can go out by it.
    pub(super) fn obstacle(&self) -> Option<String> {
        let name = &self.config.name;
        match (&self.peers, &self.connection.state) {
            (Peers::None, _) => Some(format!("The trunk {name} has no peer to call out to.")),
            (Peers::Sought, _) => {
                Some(format!("The trunk {name}'s peer is still being looked up."))
            }
            (Peers::Lost(words), _) | (Peers::Found(_), ConnectionState::Down(words)) => {
                Some(format!("The trunk {name} is down: {words}."))
            }
            (Peers::Found(_), ConnectionState::Up) => None,
        }
    }

    pub(super) fn view(&self) -> LineView {
        LineView {
            id: self.config.name.clone(),
            kind: LineKind::Trunk,
            up: self.connection.is_up(),
            detail: self.connection.detail().or_else(|| self.worry()),
            since: self.connection.since,
        }
    }

    /// What is not right although calls can go out.
    fn worry(&self) -> Option<String> {
        let silent: Vec<String> = self
            .found()
            .filter(|peer| peer.reachability != Reachability::Up)
            .map(|peer| peer.target.address.to_string())
            .collect();
        (!silent.is_empty()).then(|| format!("no answer to pings from {}", silent.join(", ")))
    }

    fn found(&self) -> impl Iterator<Item = &Peer> {
        match &self.peers {
            Peers::Found(peers) => &peers[..],
            Peers::None | Peers::Sought | Peers::Lost(_) => &[],
        }
        .iter()
    }

    /// How it stands, from what is known of its parts.
    fn stands(&self) -> ConnectionState {
        if let Some(down @ ConnectionState::Down(_)) = &self.registration {
            return down.clone();
        }
        match &self.peers {
            Peers::None | Peers::Sought => ConnectionState::Up,
            Peers::Lost(words) => ConnectionState::Down(words.clone()),
            Peers::Found(peers) => {
                let gone = |peer: &Peer| peer.reachability == Reachability::Down;
                match peers.iter().all(gone) {
                    true => ConnectionState::Down(SILENT.to_owned()),
                    false => ConnectionState::Up,
                }
            }
        }
    }

    /// Whether it may bring one more call, beside the `open` ones.
    fn admit_call(&mut self, now: Moment, open: usize) -> Result<(), TooMany> {
        if self.config.calls.is_some_and(|most| open >= most) {
            return Err(TooMany {
                retry_after: FULL_PAUSE,
                because: "the trunk's limit of calls is reached",
            });
        }
        let Some(rate) = &mut self.rate else {
            return Ok(());
        };
        rate.admit(now.instant).map_err(|fast| TooMany {
            retry_after: Duration::from_secs(fast.retry_after.into()),
            because: "the trunk's calls come faster than it may bring them",
        })
    }
}

impl Target {
    /// As a request URI names it.
    fn in_uri(&self) -> String {
        let host = match self.host.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => format!("[{address}]"),
            Ok(IpAddr::V4(_)) | Err(_) => self.host.clone(),
        };
        // A name stands for whatever port its records give.
        let named = self.host.parse::<IpAddr>().is_err();
        match named || self.address.port() == self.carrier.default_port() {
            true => host,
            false => format!("{host}:{}", self.address.port()),
        }
    }
}

impl Task {
    /// Begins with what is configured: peers by address are known, names are looked up.
    pub(super) fn start_trunks(&mut self, now: Moment) {
        self.admit_trunks();
        for index in 0..self.trunks.len() {
            let config = &self.trunks[index].config;
            let (peers, listen) = (config.peers.clone(), config.listen.clone());
            match crate::transport::resolve::literal(&peers, &listen) {
                _ if peers.is_empty() => {}
                Some(targets) => self.handle_resolved(now, index, Ok(targets)),
                None => self.transports.resolve(index, peers, listen),
            }
        }
    }

    /// The trunk's peers are where `targets` says, from now on.
    pub(super) fn handle_resolved(
        &mut self,
        now: Moment,
        index: usize,
        targets: Result<Vec<Target>, String>,
    ) {
        let targets = match targets {
            Ok(targets) => targets,
            Err(words) => return self.lose_peers(now, index, words),
        };
        let trunk = &self.trunks[index];
        let before: Vec<Peer> = trunk.found().cloned().collect();
        if !before.is_empty() && before.iter().map(|peer| &peer.target).eq(&targets) {
            return;
        }
        // Whoever is still there keeps what its pings have told.
        let mut gone = before.clone();
        let peers: Vec<Peer> = targets
            .into_iter()
            .filter_map(
                |target| match gone.iter().position(|peer| peer.target == target) {
                    Some(place) => Some(gone.swap_remove(place)),
                    None => self.peer(index, target),
                },
            )
            .collect();
        tracing::info!(trunk = self.trunks[index].config.name, peers = ?peers.iter().map(|p| p.target.address).collect::<Vec<_>>(), "the trunk's peers are known");
        if peers.is_empty() {
            return self.lose_peers(now, index, "no peer fits where it listens".to_owned());
        }
        for peer in &gone {
            self.endpoint.unwatch(peer.id);
        }
        let is_new = |peer: &&Peer| before.iter().all(|known| known.id != peer.id);
        let new: Vec<Peer> = peers.iter().filter(is_new).cloned().collect();
        self.watch_peers(now, index, &new);
        self.trunks[index].remember(now.instant, &gone);
        self.trunks[index].peers = Peers::Found(peers);
        // The registrar may be among those that left.
        if before.is_empty() || !gone.is_empty() {
            self.register_trunk(now, index);
        }
        self.admit_trunks();
        self.show_trunk(now, index);
    }

    fn watch_peers(&mut self, now: Moment, index: usize, peers: &[Peer]) {
        let Some(interval) = self.trunks[index].config.options_interval else {
            return;
        };
        for peer in peers {
            let watched = PeerConfig {
                path: peer.path,
                uri: format!("sip:{}", peer.target.in_uri()),
                interval,
            };
            self.endpoint.watch(now.instant, peer.id, watched);
        }
    }

    /// With the first peer, which is the registrar.
    fn register_trunk(&mut self, now: Moment, index: usize) {
        let trunk = &self.trunks[index];
        let config = &trunk.config;
        let account = config.username.as_ref().zip(config.password.as_ref());
        let wanted = config.register && trunk.connection.service == Service::In;
        let (true, Some((user, password)), Some(peer)) = (wanted, account, trunk.found().next())
        else {
            return;
        };
        let account = TrunkConfig {
            path: peer.path,
            domain: peer.target.in_uri(),
            user: user.clone(),
            password: password.expose().to_owned(),
            expires: EXPIRES,
        };
        self.endpoint
            .register_trunk(now.instant, trunk_of(index), account);
    }

    /// What was found before stays in use: records that can't be read again are no reason to stop calling.
    fn lose_peers(&mut self, now: Moment, index: usize, words: String) {
        tracing::warn!(
            trunk = self.trunks[index].config.name,
            words,
            "the trunk's peers can't be found"
        );
        if !matches!(self.trunks[index].peers, Peers::Found(_)) {
            self.trunks[index].peers = Peers::Lost(words);
            self.show_trunk(now, index);
        }
    }

    fn peer(&mut self, index: usize, target: Target) -> Option<Peer> {
        let listen = self.trunks[index]
            .config
            .listen_for(target.carrier, target.address.ip())?;
        let place = self.trunks[index]
            .config
            .listen
            .iter()
            .position(|ours| *ours == listen)?;
        let socket = self.trunks[index].sockets.get(place)?.id;
        let peer = target.address;
        let path = match target.carrier {
            Carrier::Udp => Path::Datagram { socket, peer },
            Carrier::Tcp | Carrier::Tls => Path::Connection { socket, peer },
        };
        if target.host.parse::<IpAddr>().is_err() {
            let name = target.host.clone();
            self.transports.name_peer(socket, peer.ip(), name);
        }
        self.last_peer += 1;
        Some(Peer {
            id: PeerId(self.last_peer),
            target,
            path,
            reachability: Reachability::Up,
        })
    }

    /// Opens each socket to the networks of all trunks that use it, and to nobody else.
    fn admit_trunks(&self) {
        let of = |trunk: &TrunkWay| {
            trunk
                .sockets
                .iter()
                .map(|socket| socket.id)
                .collect::<Vec<_>>()
        };
        let sockets: BTreeSet<SocketId> = self.trunks.iter().flat_map(of).collect();
        for socket in sockets {
            let uses = |trunk: &&TrunkWay| trunk.sockets.iter().any(|ours| ours.id == socket);
            let networks = self.trunks.iter().filter(uses).flat_map(TrunkWay::networks);
            self.transports.admit(socket, networks.collect());
        }
    }

    pub(super) fn peer_changed(
        &mut self,
        now: Moment,
        peer: PeerId,
        reachability: Reachability,
        status: u16,
    ) {
        for index in 0..self.trunks.len() {
            let Peers::Found(peers) = &mut self.trunks[index].peers else {
                continue;
            };
            let Some(found) = peers.iter_mut().find(|found| found.id == peer) else {
                continue;
            };
            found.reachability = reachability;
            let address = found.target.address;
            tracing::info!(trunk = self.trunks[index].config.name, %address, ?reachability, status, "a trunk's peer changed");
            return self.show_trunk(now, index);
        }
    }

    pub(super) fn trunk_registered(&mut self, now: Moment, trunk: TrunkId) {
        self.set_registration(now, trunk, ConnectionState::Up);
    }

    pub(super) fn trunk_unregistered(&mut self, now: Moment, trunk: TrunkId, cause: &LineDown) {
        self.set_registration(now, trunk, ConnectionState::Down(words(cause)));
    }

    fn set_registration(&mut self, now: Moment, trunk: TrunkId, state: ConnectionState) {
        let found = (0..self.trunks.len()).find(|index| trunk_of(*index) == trunk);
        if let Some(index) = found {
            self.trunks[index].registration = Some(state);
            self.show_trunk(now, index);
        }
    }

    /// Tells the log and the agents who dial by it when a trunk came or went.
    pub(super) fn show_trunk(&mut self, now: Moment, index: usize) {
        let trunk = &mut self.trunks[index];
        let (was_up, state) = (trunk.connection.is_up(), trunk.stands());
        if !trunk.connection.set(now, state) {
            return;
        }
        let name = trunk.config.name.clone();
        let words = trunk.connection.detail();
        let kind = match &words {
            None => NoticeKind::LineUp,
            Some(_) if was_up => NoticeKind::LineDown,
            Some(_) => return,
        };
        let detail = match &words {
            None => {
                tracing::info!(trunk = name, "the trunk is up");
                format!("The trunk {name} is up again.")
            }
            Some(words) => {
                tracing::warn!(trunk = name, words, "the trunk is down");
                format!("The trunk {name} is down: {words}.")
            }
        };
        for agent in 0..self.agents.len() {
            if self.agents[agent].config.dial_via.as_deref() == Some(name.as_str()) {
                let notice = wire::Event::Notice {
                    kind,
                    in_ms: None,
                    detail: Some(detail.clone()),
                };
                self.tell_agent(now, agent, notice);
            }
        }
    }

    /// Whether the trunk may bring this call; one too many gets 503 and when to try again, and nothing else suffers.
    pub(super) fn admit_trunk_call(
        &mut self,
        now: Moment,
        socket: SocketId,
        source: SocketAddr,
        dialog: DialogId,
    ) -> bool {
        let found = self
            .trunks
            .iter()
            .position(|trunk| trunk.takes(socket, source));
        let Some(index) = found else {
            // It gets its 404 where routes are looked for.
            return true;
        };
        if self.trunks[index].connection.service == Service::Out {
            self.refuse(now, dialog, TRUNK_OUT);
            return false;
        }
        let open = self.calls_on(index);
        let Err(too_many) = self.trunks[index].admit_call(now, open) else {
            return true;
        };
        tracing::debug!(
            trunk = self.trunks[index].config.name,
            "a call was refused: {}",
            too_many.because
        );
        self.metrics.call_shed(&self.trunks[index].config.name);
        // A caller that gave up meanwhile has its answer.
        let _ = self
            .endpoint
            .reject_for_now(now.instant, dialog, too_many.retry_after);
        false
    }

    /// Why the trunk can't take one more call of ours.
    pub(super) fn trunk_full(&self, index: usize) -> Option<String> {
        let trunk = &self.trunks[index];
        let most = trunk.config.calls?;
        (self.calls_on(index) >= most).then(|| {
            format!(
                "The trunk {}'s limit of {most} calls is reached.",
                trunk.config.name
            )
        })
    }

    fn calls_on(&self, index: usize) -> usize {
        let open = self.open.iter().filter_map(|age| self.calls.get(age));
        let through = self.through().filter(|placed| !placed.call.is_up());
        open.filter(|placed| placed.call.is_up())
            .chain(through)
            .filter(|placed| placed.route == Route::Trunk(index))
            .count()
    }

    /// Takes over what the sockets lost or turned away since the last time.
    pub(super) fn sample_sockets(&mut self) {
        let now = self.transports.losses();
        let before = std::mem::replace(&mut self.losses, now);
        for (cause, total, earlier) in [
            ("queue-full", now.queue_full, before.queue_full),
            ("too-long", now.too_long, before.too_long),
            ("unsent", now.unsent, before.unsent),
            ("overflow", now.overflows, before.overflows),
            ("stranger", now.strangers, before.strangers),
            ("flood", now.floods, before.floods),
            ("crowded", now.crowded, before.crowded),
        ] {
            self.metrics
                .sip_dropped(cause, total.saturating_sub(earlier));
        }
    }

    /// Registers by the operator's word; with whom it is registered, if it is, it stays.
    pub(super) fn register_trunk_again(&mut self, now: Moment, index: usize) {
        if self.trunks[index].registration == Some(ConnectionState::Up) {
            return;
        }
        self.register_trunk(now, index);
        self.endpoint
            .register_trunk_again(now.instant, trunk_of(index));
    }

    pub(super) fn unregister_trunk(&mut self, now: Moment, index: usize) {
        self.endpoint.unregister_trunk(now.instant, trunk_of(index));
    }
}

pub(super) fn registering() -> ConnectionState {
    ConnectionState::Down("it is being registered".to_owned())
}

/// A trunk's registration has the trunk's number.
fn trunk_of(index: usize) -> TrunkId {
    TrunkId(u32::try_from(index).unwrap_or(u32::MAX))
}

const SILENT: &str = "none of its peers answers";

/// How long an address is heard that a name of a peer had: longer than most calls.
const FORMER: Duration = Duration::from_secs(2 * 60 * 60);

/// What carriers' registrars are used to; what they grant counts.
const EXPIRES: Duration = Duration::from_secs(600);

/// A call ends every few seconds on a trunk that is full.
const FULL_PAUSE: Duration = Duration::from_secs(5);
