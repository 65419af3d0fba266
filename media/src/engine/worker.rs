//! One worker thread: its sockets, its legs, its clock.
//!
//! A wake-up drains the ready sockets into the slab, relays each packet in its slot and sends the
//! slots in batches; then come commands and deadlines, and one step of one handshake. The packet
//! path takes no lock, allocates nothing and writes no log.

mod command;
mod recoded;
mod stream;

use std::any::Any;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant, SystemTime};

pub use command::Command;
use rustc_hash::FxHashMap;

use super::counters::{Counters, MediaPath};
use super::deadlines::{Armed, Deadlines};
use super::demux::{Protocol, Routes};
use super::early::{Early, Waiting};
use super::handshakes::{Flight, Full, Handshakes};
use super::pace::Pace;
use super::ports::{PortLease, Ports};
use super::random::Random;
use super::slab::{Outgoing, Received, Slab};
use super::socket::{self, BATCH, Poll, SocketKey, Wake};
use super::tcp::Tcp;
use super::{EngineConfig, EngineError, Event, IceTcp, LegId, LegLost, WorkerId};
use crate::bridge;
use crate::codec::CodecPolicy;
use crate::leg::keypad::EventPacket;
use crate::leg::path::Path;
use crate::leg::{Discard, Leg, Notice};
use crate::peer::{Credentials, PeerOutput, Via};
use crate::rtcp::{COMPOUND, Farewell, Ntp};
use crate::srtp::cipher::EXPANSION;
use stream::Exits;

/// A worker before and while it runs.
pub struct Worker {
    id: WorkerId,
    commands: Receiver<Command>,
    counters: Arc<Counters>,
    sink: Arc<dyn Fn(Event) + Send + Sync>,
    random: Random,
    ports: Ports,
    poll: Poll,
    wake: Arc<Wake>,
    webrtc: UdpSocket,
    tcp: Tcp,
    /// What candidates name.
    webrtc_address: SocketAddr,
    /// Sockets of plain legs by key. This map and the next two have keys of our own numbering, so
    /// nobody can aim at a hash.
    plain: FxHashMap<SocketKey, (LegId, PlainSocket)>,
    leases: FxHashMap<LegId, PortLease>,
    next_key: u32,
    legs: FxHashMap<LegId, Box<Entry>>,
    config: Arc<EngineConfig>,
    /// What everybody speaks, and those who were given another choice.
    policy: Arc<CodecPolicy>,
    policies: FxHashMap<LegId, Arc<CodecPolicy>>,
    routes: Routes,
    deadlines: Deadlines,
    handshakes: Handshakes,
    early: Early,
    slab: Slab,
    received: Vec<Received>,
    outgoing: Vec<Outgoing>,
    backlog: Backlog,
    /// Packets relayed since the wake-up.
    relayed: u64,
    peer_outputs: Vec<PeerOutput>,
    /// Legs whose ICE goes on once the waiting commands are done.
    described: Vec<LegId>,
    /// Wall clock and monotonic clock of one instant, for RTCP's NTP timestamps.
    epoch: (Duration, Instant),
    /// The leg whose next step has a bug.
    #[cfg(test)]
    faulty: Option<LegId>,
}

/// Which of a plain leg's two sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PlainSocket {
    Rtp,
    Rtcp,
}

/// A leg with its place among the deadlines and ICE's credentials.
struct Entry {
    leg: Leg,
    armed: Armed,
    credentials: Option<Credentials>,
    /// What an offer of ours restarts ICE with, until it is answered.
    restarting: Option<Credentials>,
}

/// Whether a wake-up left packets behind. Then there is nothing to wait for: more than a wake-up's share has gathered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Backlog {
    #[default]
    None,
    Some,
}

/// Whether the worker goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Go,
    Stop,
}

impl Worker {
    pub fn new(
        id: WorkerId,
        config: Arc<EngineConfig>,
        commands: Receiver<Command>,
        counters: Arc<Counters>,
        sink: Arc<dyn Fn(Event) + Send + Sync>,
    ) -> Result<Self, EngineError> {
        let port = match config.webrtc_port {
            0 => 0,
            first => first.checked_add(id.0).ok_or_else(|| {
                EngineError::Config("webrtc_port leaves no ports for all workers".into())
            })?,
        };
        let bound = SocketAddr::new(config.bind_ip, port);
        let (webrtc, tcp) = bind(bound, config.ice_tcp).map_err(|source| EngineError::Io {
            what: format!("opening the WebRTC port {bound}"),
            source,
        })?;
        let (poll, wake) = watch(&webrtc, &tcp).map_err(|source| EngineError::Io {
            what: "watching the WebRTC port".into(),
            source,
        })?;
        let local = webrtc.local_addr().map_err(|source| EngineError::Io {
            what: format!("reading the address of {bound}"),
            source,
        })?;
        let since_1970 = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Ok(Self {
            id,
            commands,
            counters,
            sink,
            random: Random::new(&config.seed, id.0),
            ports: Ports::new(
                config.bind_ip,
                &config.rtp_ports,
                id.0.into(),
                config.workers,
            ),
            poll,
            wake,
            webrtc,
            tcp,
            webrtc_address: SocketAddr::new(config.public_ip, local.port()),
            plain: FxHashMap::default(),
            leases: FxHashMap::default(),
            next_key: FIRST_KEY,
            legs: FxHashMap::default(),
            policy: Arc::new(CodecPolicy::only(config.codecs.clone())),
            policies: FxHashMap::default(),
            routes: Routes::default(),
            deadlines: Deadlines::default(),
            handshakes: Handshakes::default(),
            early: Early::default(),
            slab: Slab::new(SLOTS),
            received: Vec::with_capacity(SLOTS),
            outgoing: Vec::with_capacity(SLOTS),
            backlog: Backlog::None,
            relayed: 0,
            peer_outputs: Vec::with_capacity(16),
            described: Vec::new(),
            epoch: (since_1970, Instant::now()),
            #[cfg(test)]
            faulty: None,
            config,
        })
    }

    /// What wakes the worker up.
    pub fn wake(&self) -> Arc<Wake> {
        self.wake.clone()
    }

    /// Runs until [`Command::Stop`] or the engine is gone.
    pub fn run(mut self) {
        let mut ready = Vec::with_capacity(BATCH);
        let mut pace = Pace::default();
        let mut done = Instant::now();
        loop {
            let timeout = self.timeout(done);
            let pause = match std::mem::take(&mut self.backlog) {
                Backlog::None => pace.pause().min(timeout),
                Backlog::Some => Duration::ZERO,
            };
            if !pause.is_zero() {
                std::thread::sleep(pause);
            }
            if self.poll.wait(&mut ready, timeout).is_err() {
                // Only a bug makes epoll refuse; go on at a bearable pace.
                std::thread::sleep(Duration::from_millis(10));
            }
            let now = Instant::now();
            if ready.len() == BATCH {
                self.backlog = Backlog::Some;
            }
            for &key in &ready {
                match key {
                    WAKE_KEY => self.wake.clear(),
                    LISTENER_KEY => self.accept(now),
                    key if self.tcp.has(key) => self.read_stream(key, now),
                    WEBRTC_KEY | SocketKey(_) => self.read(key, now),
                }
            }
            self.flush();
            self.time(now);
            if self.obey(now) == Flow::Stop {
                return;
            }
            self.expire(now);
            self.shake_hands(now);
            let began = done;
            done = Instant::now();
            pace.note(now.duration_since(began), done.duration_since(now));
        }
    }

    fn timeout(&self, now: Instant) -> Duration {
        let handshake = self.handshakes.due();
        [self.deadlines.next(), self.tcp.deadline(), handshake]
            .into_iter()
            .flatten()
            .min()
            .map_or(IDLE, |at| at.saturating_duration_since(now))
    }

    /// Notes how long the packets of this wake-up were inside.
    fn time(&mut self, now: Instant) {
        let relayed = std::mem::take(&mut self.relayed);
        if relayed > 0 {
            let inside = now.elapsed();
            self.counters.relay_times.add(relayed, inside);
        }
    }

    /// One that holds nothing to be sent.
    fn free_slot(&mut self) -> usize {
        let slot = self.outgoing.last().map_or(0, |last| last.slot + 1);
        if slot < self.slab.slots() {
            return slot;
        }
        self.flush();
        0
    }

    /// Takes what a socket has, up to a bound, so that none starves the others.
    fn read(&mut self, key: SocketKey, now: Instant) {
        let (batches, batch) = match key {
            WEBRTC_KEY => (BATCHES_PER_SOCKET, BATCH),
            // One leg's, and it sends a packet each 20 ms; epoll tells of more.
            SocketKey(_) => (1, 1),
        };
        for _ in 0..batches {
            // Slots with packets to be sent stay untouched until they are.
            let mut first = self.outgoing.last().map_or(0, |last| last.slot + 1);
            if first + batch > self.slab.slots() {
                self.flush();
                first = 0;
            }
            let Some((socket, owner)) = source(&self.webrtc, &self.plain, &self.leases, key) else {
                return;
            };
            self.received.clear();
            let slots = self.slab.tail(first).take(batch);
            let count = match socket::receive(socket, slots, first, &mut self.received) {
                Ok(count) => count,
                // Nothing there, or an ICMP error of an earlier send.
                Err(_) => return,
            };
            for n in 0..self.received.len() {
                let received = self.received[n];
                self.demultiplex(received, owner, now);
            }
            if count < batch {
                return;
            }
        }
        if key == WEBRTC_KEY {
            self.backlog = Backlog::Some;
        }
    }

    fn demultiplex(&mut self, received: Received, owner: Owner, now: Instant) {
        let datagram = self.slab.read(received.slot, 0..received.length);
        let protocol = Protocol::of(datagram);
        let leg = match (owner, protocol) {
            (Owner::WebRtc, Protocol::Stun) => self.routes.leg_of_stun(datagram, received.from),
            (Owner::WebRtc, _) => self.routes.leg_at(received.from),
            (Owner::Plain(leg, _), _) => Some(leg),
        };
        let Some(leg) = leg else {
            self.counters.discarded(match protocol {
                Protocol::Dtls => Discard::Unchecked,
                Protocol::Stun | Protocol::Rtp | Protocol::Rtcp | Protocol::Unknown => {
                    Discard::UnknownSource
                }
            });
            return;
        };
        match (owner, protocol) {
            (Owner::WebRtc, Protocol::Stun) => self.control(leg, Via::Udp, received, now),
            (Owner::WebRtc, Protocol::Dtls) => self.queue_handshake(leg, Via::Udp, received, now),
            (Owner::WebRtc | Owner::Plain(_, PlainSocket::Rtp), Protocol::Rtp) => {
                self.guard(leg, now, |worker| worker.relay(leg, received, now));
            }
            (_, Protocol::Rtcp) => self.guard(leg, now, |worker| worker.report(leg, received, now)),
            (Owner::Plain(..), Protocol::Stun | Protocol::Dtls | Protocol::Rtp)
            | (_, Protocol::Unknown) => self.counters.discarded(Discard::Malformed),
        }
    }

    /// The packet path.
    fn relay(&mut self, leg: LegId, received: Received, now: Instant) {
        let slot = self.slab.slot(received.slot);
        let Some(from) = self.legs.get(&leg) else {
            return;
        };
        let kind = from.leg.kind;
        let result = match from.leg.bridged {
            Some(other) => match self.legs.get_disjoint_mut([&leg, &other]) {
                [Some(from), Some(to)] => bridge::relay(
                    &mut from.leg,
                    &mut to.leg,
                    slot,
                    received.length,
                    received.from,
                    now,
                )
                .map(|sent| (sent, to.leg.path.rtp_socket(), to.leg.kind)),
                _ => Err(Discard::NotBridged),
            },
            None => match self.legs.get_mut(&leg) {
                // Heard all the same: the proof that a microphone works precedes its call.
                Some(from) => from
                    .leg
                    .open(slot, received.length, received.from, now)
                    .and(Err(Discard::NotBridged)),
                None => Err(Discard::NotBridged),
            },
        };
        match result {
            Ok(((range, to), socket, other)) => {
                self.counters.packet_in(kind);
                self.counters.packet_out(other);
                self.counters.passed(MediaPath::Relay);
                self.relayed += 1;
                self.outgoing.push(Outgoing {
                    socket,
                    slot: received.slot,
                    range,
                    to,
                });
            }
            Err(Discard::NoKeys) if self.keys_are_coming(leg) => {
                let packet = self.slab.read(received.slot, 0..received.length);
                self.early.keep(leg, received.from, packet);
            }
            Err(Discard::Recoded) => {
                self.counters.packet_in(kind);
                self.arm_other(leg);
            }
            Err(cause) => {
                if accepted(cause) {
                    self.counters.packet_in(kind);
                }
                self.counters.discarded(cause);
            }
        }
        self.tell(leg);
    }

    /// Whether the leg's keys may come with a datagram that waits for its turn.
    fn keys_are_coming(&self, leg: LegId) -> bool {
        let entry = self.legs.get(&leg);
        entry.is_some_and(|entry| entry.leg.awaits_keys()) && self.handshakes.has(leg)
    }

    /// Relays what came before its keys, or drops it when they didn't come.
    fn relay_early(&mut self, leg: LegId, now: Instant) {
        if self.keys_are_coming(leg) {
            return;
        }
        while let Some(Waiting { from, packet, .. }) = self.early.take(leg) {
            let (slot, length) = (self.free_slot(), packet.len());
            self.slab.slot(slot)[..length].copy_from_slice(&packet);
            let received = Received { slot, length, from };
            self.guard(leg, now, |worker| worker.relay(leg, received, now));
        }
        self.flush();
    }

    fn report(&mut self, leg: LegId, received: Received, now: Instant) {
        let ntp = self.ntp(now);
        let Some(entry) = self.legs.get_mut(&leg) else {
            return;
        };
        let packet = &mut self.slab.slot(received.slot)[..received.length];
        if let Err(cause) = entry.leg.handle_rtcp(packet, received.from, ntp, now) {
            self.counters.discarded(cause);
        }
        self.tell(leg);
    }

    /// STUN: the leg's ICE agent takes it.
    fn control(&mut self, leg: LegId, via: Via, received: Received, now: Instant) {
        let Some(entry) = self.legs.get_mut(&leg) else {
            return;
        };
        let Path::WebRtc(path) = &mut entry.leg.path else {
            return;
        };
        let datagram = self.slab.read(received.slot, 0..received.length);
        let outputs = &mut self.peer_outputs;
        let step = catch_unwind(AssertUnwindSafe(|| {
            path.peer.handle_datagram(now, via, received.from, datagram);
            path.peer.drain(outputs);
        }));
        self.settle(leg, step, now);
    }

    fn queue_handshake(&mut self, leg: LegId, via: Via, received: Received, now: Instant) {
        let datagram = self.slab.read(received.slot, 0..received.length);
        let pushed = self.handshakes.push(leg, via, received.from, datagram, now);
        if let Err(Full) = pushed {
            self.counters.discarded(Discard::TooBusy);
        }
    }

    /// DTLS, one step a wake-up: it takes a millisecond or several, and packets and commands come
    /// in between.
    fn shake_hands(&mut self, now: Instant) {
        let Some(Flight {
            leg,
            via,
            from,
            datagram,
            ..
        }) = self.handshakes.pop(now)
        else {
            return;
        };
        let path = self.legs.get_mut(&leg).map(|entry| &mut entry.leg.path);
        let Some(Path::WebRtc(path)) = path else {
            return;
        };
        let outputs = &mut self.peer_outputs;
        let step = catch_unwind(AssertUnwindSafe(|| {
            path.peer.handle_datagram(now, via, from, &datagram);
            path.peer.drain(outputs);
        }));
        self.settle(leg, step, now);
        self.relay_early(leg, now);
    }

    /// Does a step for a leg; a panic in it ends this leg alone.
    fn guard(&mut self, leg: LegId, now: Instant, step: impl FnOnce(&mut Self)) {
        #[cfg(test)]
        let step = |worker: &mut Self| {
            if worker.faulty == Some(leg) {
                worker.faulty = None;
                panic!("as the test wants it");
            }
            step(worker);
        };
        if catch_unwind(AssertUnwindSafe(|| step(self))).is_err() {
            self.bury(leg, now);
        }
    }

    /// After a control step: does what the agent asked, or ends the leg that panicked.
    fn settle(&mut self, leg: LegId, step: Result<(), Box<dyn Any + Send>>, now: Instant) {
        if step.is_err() {
            self.bury(leg, now);
            return;
        }
        let mut outputs = std::mem::take(&mut self.peer_outputs);
        for output in outputs.drain(..) {
            self.perform(leg, output, now);
        }
        self.peer_outputs = outputs;
        self.tell(leg);
        self.arm(leg);
    }

    /// Ends a leg whose control step panicked.
    fn bury(&mut self, leg: LegId, now: Instant) {
        self.peer_outputs.clear();
        self.emit(Event::Lost {
            leg,
            cause: LegLost::Panicked,
        });
        self.forget(leg, now);
    }

    fn perform(&mut self, leg: LegId, output: PeerOutput, now: Instant) {
        match output {
            PeerOutput::Transmit { via, to, datagram } => self.transmit(via, to, &datagram),
            PeerOutput::Confirmed(via, address) => {
                match via {
                    Via::Udp => self.routes.confirm(address, leg),
                    Via::Tcp => self.confirm_stream(leg, address),
                }
                self.with(leg, |leg| leg.checked(now));
            }
            PeerOutput::Trying(Via::Udp, address) => self.routes.try_out(address, leg),
            // Connections are the peer's to open.
            PeerOutput::Trying(Via::Tcp, _) => {}
            PeerOutput::Nominated(via, address) => {
                if via == Via::Udp {
                    self.routes.try_out(address, leg);
                }
                self.nominate(leg, via, address);
            }
            PeerOutput::Keys(keys) => self.with(leg, |leg| leg.set_keys(&keys, now)),
            PeerOutput::IceConnected => self.with(leg, |leg| leg.checked(now)),
            PeerOutput::IceDisconnected => {
                self.with(leg, |leg| leg.lose(LegLost::IceDisconnected));
            }
            PeerOutput::Closed => self.with(leg, |leg| leg.lose(LegLost::PeerClosed)),
            PeerOutput::Failed(why) => self.with(leg, |leg| leg.lose(LegLost::DtlsFailed(why))),
        }
    }

    fn with(&mut self, leg: LegId, step: impl FnOnce(&mut Leg)) {
        if let Some(entry) = self.legs.get_mut(&leg) {
            step(&mut entry.leg);
        }
    }

    /// A lost packet is what ICE and DTLS repeat for.
    fn transmit(&mut self, via: Via, to: SocketAddr, packet: &[u8]) {
        match (via, self.tcp.key_of(to)) {
            (Via::Udp, _) => {
                let _ = self.webrtc.send_to(packet, to);
            }
            (Via::Tcp, Some(key)) => {
                let _ = self.tcp.send(key, packet);
            }
            (Via::Tcp, None) => {}
        }
    }

    /// Everything that is due.
    fn expire(&mut self, now: Instant) {
        while let Some((at, leg)) = self.deadlines.pop(now) {
            let Some(entry) = self.legs.get_mut(&leg) else {
                continue;
            };
            if entry.armed.fire(at) {
                self.guard(leg, now, |worker| worker.handle_timeout(leg, now));
            }
        }
        self.expire_strangers(now);
        self.flush();
    }

    /// What is due of one leg.
    fn handle_timeout(&mut self, leg: LegId, now: Instant) {
        let Some(entry) = self.legs.get_mut(&leg) else {
            return;
        };
        entry.leg.handle_timeout(now);
        self.send_events(leg, now);
        self.send_prompt(leg, now);
        self.send_recoded(leg, now);
        let Some(entry) = self.legs.get_mut(&leg) else {
            return;
        };
        if entry.leg.report_due(now) {
            self.send_report(leg, Farewell::Stays, now);
            self.tell_quality(leg, now);
        }
        self.advance_peer(leg, now);
    }

    /// Drives the leg's ICE agent to `now`, and sends what it has.
    fn advance_peer(&mut self, leg: LegId, now: Instant) {
        let Some(entry) = self.legs.get_mut(&leg) else {
            return;
        };
        let outputs = &mut self.peer_outputs;
        let path = &mut entry.leg.path;
        let step = catch_unwind(AssertUnwindSafe(|| match path {
            Path::WebRtc(path) => {
                path.peer.handle_timeout(now);
                path.peer.drain(outputs);
            }
            Path::Plain(_) => {}
        }));
        self.settle(leg, step, now);
    }

    fn arm(&mut self, leg: LegId) {
        if let Some(entry) = self.legs.get_mut(&leg) {
            let at = entry.leg.deadline();
            self.deadlines.arm(leg, &mut entry.armed, at);
        }
    }

    fn send_report(&mut self, leg: LegId, farewell: Farewell, now: Instant) {
        let ntp = self.ntp(now);
        let Some(entry) = self.legs.get_mut(&leg) else {
            return;
        };
        let Some((key, to)) = entry.leg.path.rtcp_destination() else {
            return;
        };
        let mut packet = [0; COMPOUND + EXPANSION];
        let Some(length) = entry.leg.write_report(&mut packet, ntp, now, farewell) else {
            return;
        };
        let _ = self.exits().send(key, &packet[..length], to);
    }

    fn exits(&mut self) -> Exits<'_> {
        Exits {
            webrtc: &self.webrtc,
            plain: &self.plain,
            leases: &self.leases,
            tcp: &mut self.tcp,
        }
    }

    /// Sends what is due of the digits that the leg's peer is to get. What was relayed before is
    /// on its way: a wake-up flushes first.
    fn send_events(&mut self, leg: LegId, now: Instant) {
        let Some(Entry { leg: to, .. }) = self.legs.get_mut(&leg).map(Box::as_mut) else {
            return;
        };
        let mut exits = Exits {
            webrtc: &self.webrtc,
            plain: &self.plain,
            leases: &self.leases,
            tcp: &mut self.tcp,
        };
        let mut packet = [0; EventPacket::LENGTH + EXPANSION];
        while let Some((length, address)) = to.poll_event(&mut packet, now) {
            match exits.send(to.path.rtp_socket(), &packet[..length], address) {
                Ok(()) => self.counters.packet_out(to.kind),
                Err(_) => self.counters.discarded(Discard::SendFailed),
            }
        }
        self.tell(leg);
    }

    /// Puts what is due of the leg's prompt into slots, to be sent with everybody else's.
    fn send_prompt(&mut self, leg: LegId, now: Instant) {
        loop {
            let slot = self.free_slot();
            let Some(entry) = self.legs.get_mut(&leg) else {
                return;
            };
            let packet = self.slab.slot(slot);
            let Some((length, to)) = entry.leg.poll_prompt(packet, now) else {
                break;
            };
            self.counters.packet_out(entry.leg.kind);
            self.counters.passed(MediaPath::Prompt);
            self.outgoing.push(Outgoing {
                socket: entry.leg.path.rtp_socket(),
                slot,
                range: 0..length,
                to,
            });
        }
        self.tell(leg);
    }

    fn tell_quality(&mut self, leg: LegId, now: Instant) {
        let Some(entry) = self.legs.get_mut(&leg) else {
            return;
        };
        if let Some((received, sent)) = entry.leg.audio(now) {
            (self.sink)(Event::Audio {
                leg,
                received,
                sent,
            });
        }
        if entry.leg.bridged.is_none() {
            return;
        }
        let quality = entry.leg.quality(now);
        (self.sink)(Event::Quality {
            leg,
            packets_received: quality.packets_received,
            packets_lost: quality.packets_lost,
            jitter: quality.jitter,
            rtt: quality.rtt,
            mos_received: quality.mos_received,
            mos_sent: quality.mos_sent,
        });
    }

    /// Passes on what the leg noticed.
    fn tell(&mut self, leg: LegId) {
        let Some(entry) = self.legs.get_mut(&leg) else {
            return;
        };
        if entry.leg.notices.is_empty() && entry.leg.digit_due().is_none() {
            return;
        }
        for notice in entry.leg.notices.drain(..) {
            (self.sink)(match notice {
                Notice::Connected => Event::Connected { leg },
                Notice::Heard => Event::Heard { leg },
                Notice::Lost(cause) => Event::Lost { leg, cause },
                Notice::Recovered => Event::Recovered { leg },
                Notice::Stopped(silent) => Event::Stopped { leg, silent },
                Notice::Resumed => Event::Resumed { leg },
                Notice::Digit { digit, duration } => Event::Digit {
                    leg,
                    digit,
                    duration,
                },
                Notice::Level(level) => Event::Level { leg, level },
                Notice::Played => Event::Played { leg },
                Notice::Failed(failure) => Event::Failed { leg, failure },
            });
        }
        self.arm(leg);
    }

    fn emit(&self, event: Event) {
        (self.sink)(event);
    }

    /// Sends what was relayed, one system call for each run of packets of one socket.
    fn flush(&mut self) {
        // In place; by slot within a socket, which is the order of arrival.
        self.outgoing
            .sort_unstable_by_key(|datagram| (datagram.socket, datagram.slot));
        let mut rest = self.outgoing.as_slice();
        while let Some(first) = rest.first() {
            let run = rest
                .iter()
                .take(BATCH)
                .take_while(|datagram| datagram.socket == first.socket)
                .count();
            let socket = source(&self.webrtc, &self.plain, &self.leases, first.socket);
            let sent = match socket {
                Some((socket, _)) => socket::send(socket, &self.slab, &rest[..run]),
                None => {
                    let packet = self.slab.read(first.slot, first.range.clone());
                    self.tcp.send(first.socket, packet).map(|()| 1)
                }
            };
            if socket.is_none() && sent.is_ok() {
                rest = &rest[1..];
                continue;
            }
            // The kernel stops at the first one that it refuses; the rest gets its own try.
            let done = sent.unwrap_or(0);
            if done < run {
                self.counters.discarded(Discard::SendFailed);
            }
            rest = &rest[(done + 1).min(run)..];
        }
        self.outgoing.clear();
    }

    /// Removes every trace of a leg.
    fn forget(&mut self, leg: LegId, now: Instant) {
        self.policies.remove(&leg);
        let Some(entry) = self.legs.remove(&leg) else {
            return;
        };
        if let Some(other) = entry.leg.bridged
            && let Some(other) = self.legs.get_mut(&other)
        {
            other.leg.set_bridge(None);
        }
        self.routes.remove(leg);
        self.hang_up_all(leg);
        self.early.remove(leg);
        if let Path::Plain(path) = &entry.leg.path {
            self.plain.remove(&path.rtp);
            self.plain.remove(&path.rtcp);
        }
        if let Some(lease) = self.leases.remove(&leg) {
            self.ports.quarantine(lease, entry.leg.heard_stream(), now);
        }
        self.outgoing.retain(|datagram| {
            datagram.socket == WEBRTC_KEY
                || self.plain.contains_key(&datagram.socket)
                || self.tcp.has(datagram.socket)
        });
        self.count();
        self.emit(Event::Closed { leg });
    }

    fn count(&self) {
        let bridged = self
            .legs
            .values()
            .filter(|entry| entry.leg.bridged.is_some())
            .count();
        self.counters
            .set_population(self.legs.len(), bridged / 2, self.leases.len());
    }

    fn ntp(&self, now: Instant) -> Ntp {
        let (wall, at) = self.epoch;
        Ntp::from_unix(wall + now.saturating_duration_since(at))
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Whose socket a datagram came in at.
#[derive(Debug, Clone, Copy)]
enum Owner {
    WebRtc,
    Plain(LegId, PlainSocket),
}

/// The socket of a key. A free function, so that the slab can be borrowed beside it.
fn source<'a>(
    webrtc: &'a UdpSocket,
    plain: &FxHashMap<SocketKey, (LegId, PlainSocket)>,
    leases: &'a FxHashMap<LegId, PortLease>,
    key: SocketKey,
) -> Option<(&'a UdpSocket, Owner)> {
    if key == WEBRTC_KEY {
        return Some((webrtc, Owner::WebRtc));
    }
    let &(leg, which) = plain.get(&key)?;
    let lease = leases.get(&leg)?;
    let socket = match which {
        PlainSocket::Rtp => &lease.rtp,
        PlainSocket::Rtcp => &lease.rtcp,
    };
    Some((socket, Owner::Plain(leg, which)))
}

/// The UDP port, and the same number for TCP where it is wanted.
fn bind(bound: SocketAddr, tcp: IceTcp) -> io::Result<(UdpSocket, Tcp)> {
    let mut tries = 0;
    loop {
        let webrtc = UdpSocket::bind(bound)?;
        let tcp = match tcp {
            IceTcp::Off => Tcp::default(),
            IceTcp::Passive => match Tcp::listen(webrtc.local_addr()?) {
                Ok(tcp) => tcp,
                // A number that the system chose may be taken for TCP; another may not.
                Err(_) if bound.port() == 0 && tries < PORT_TRIES => {
                    tries += 1;
                    continue;
                }
                Err(error) => return Err(error),
            },
        };
        webrtc.set_nonblocking(true)?;
        socket::enlarge_buffers(&webrtc);
        return Ok((webrtc, tcp));
    }
}

fn watch(webrtc: &UdpSocket, tcp: &Tcp) -> io::Result<(Poll, Arc<Wake>)> {
    let (poll, wake) = (Poll::new()?, Arc::new(Wake::new()?));
    poll.add_socket(webrtc, WEBRTC_KEY)?;
    if let Some(listener) = tcp.listener() {
        poll.add_socket(listener, LISTENER_KEY)?;
    }
    poll.add_wake(&wake, WAKE_KEY)?;
    Ok((poll, wake))
}

/// Whether a packet came from the peer, though it went nowhere.
fn accepted(cause: Discard) -> bool {
    match cause {
        Discard::NotBridged
        | Discard::Muted
        | Discard::OnHold
        | Discard::NoDestination
        | Discard::NotNegotiated
        | Discard::DuringDigit
        | Discard::DuringPrompt
        | Discard::Recoded
        | Discard::SendFailed => true,
        // Of no use to count as received; `NoKeys` and `Stale` may be of either side.
        Discard::Malformed
        | Discard::UnknownSource
        | Discard::NoKeys
        | Discard::Forged
        | Discard::Replayed
        | Discard::UnknownPayloadType
        | Discard::Stale
        | Discard::TooBusy
        | Discard::Unchecked
        | Discard::Former => false,
    }
}

const WAKE_KEY: SocketKey = SocketKey(0);
const WEBRTC_KEY: SocketKey = SocketKey(1);
const LISTENER_KEY: SocketKey = SocketKey(2);
/// Of plain legs' sockets and of connections.
const FIRST_KEY: u32 = 3;
/// A number that is free for UDP is nearly always free for TCP.
const PORT_TRIES: usize = 16;
/// Half a megabyte a worker: a wake-up at a thousand calls handles 50–100 packets.
const SLOTS: usize = 4 * BATCH;
/// What one socket may take of a wake-up.
const BATCHES_PER_SOCKET: usize = 4;
/// Commands that one wake-up obeys, so that packets never wait for a burst of them.
const COMMANDS_PER_WAKE: usize = 64;
/// Without any leg nothing is due.
const IDLE: Duration = Duration::from_secs(60);
