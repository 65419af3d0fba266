//! The worker's side of ICE over TCP: connections come, bring packets, and go.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Instant;

use rustc_hash::FxHashMap;

use super::{BATCHES_PER_SOCKET, Entry, LISTENER_KEY, PlainSocket, WEBRTC_KEY, Worker, source};
use crate::engine::LegId;
use crate::engine::demux::Protocol;
use crate::engine::ports::PortLease;
use crate::engine::slab::Received;
use crate::engine::socket::{BATCH, Poll, SocketKey};
use crate::engine::tcp::{Exhausted, Over, Standing, Tcp, TooMany};
use crate::leg::Discard;
use crate::leg::path::Path;
use crate::peer::Via;

impl Worker {
    /// Takes new connections, up to a bound: the rest wakes us up again.
    pub(super) fn accept(&mut self, now: Instant) {
        for _ in 0..BATCH {
            let (stream, remote) = match self.tcp.accept() {
                Ok(Some(accepted)) => accepted,
                Ok(None) => return,
                Err(Exhausted) => return self.rest(now),
            };
            let key = self.next_key();
            let watched = match self.tcp.admit(key, stream, remote, now) {
                Ok(stream) => watch(&self.poll, stream, key),
                Err(TooMany) => {
                    self.counters.discarded(Discard::TooBusy);
                    continue;
                }
            };
            if watched.is_err() {
                self.hang_up(key);
            }
        }
    }

    /// Leaves the listener alone for a moment: somebody may give a descriptor back.
    fn rest(&mut self, now: Instant) {
        if let Some(listener) = self.tcp.listener() {
            self.poll.remove_socket(listener);
        }
        self.counters.discarded(Discard::TooBusy);
        self.tcp.rest(now);
    }

    /// Takes what a connection has, up to a bound, so that none starves the others.
    pub(super) fn read_stream(&mut self, key: SocketKey, now: Instant) {
        for _ in 0..BATCHES_PER_SOCKET {
            let read = match self.tcp.connection(key) {
                Some(connection) => connection.read(),
                None => return,
            };
            match read.and_then(|count| self.take_frames(key, now).map(|()| count)) {
                Ok(0) => return,
                Ok(_) => {}
                Err(Over) => return self.hang_up(key),
            }
        }
    }

    /// Everything whole that came by a connection.
    fn take_frames(&mut self, key: SocketKey, now: Instant) -> Result<(), Over> {
        loop {
            // Slots with packets to be sent stay untouched until they are.
            let slot = self.free_slot();
            let Some(connection) = self.tcp.connection(key) else {
                return Ok(());
            };
            let Some(length) = connection.take(self.slab.slot(slot))? else {
                return Ok(());
            };
            let (standing, from) = (connection.standing(), connection.remote());
            let received = Received { slot, length, from };
            self.take_framed(key, standing, received, now)?;
        }
    }

    fn take_framed(
        &mut self,
        key: SocketKey,
        standing: Standing,
        received: Received,
        now: Instant,
    ) -> Result<(), Over> {
        let datagram = self.slab.read(received.slot, 0..received.length);
        match (standing, Protocol::of(datagram)) {
            // Keeps a mapping alive, and says nothing.
            _ if datagram.is_empty() => {}
            (Standing::Stranger, Protocol::Stun) => match self.routes.leg_named(datagram) {
                Some(leg) => self.control(leg, Via::Tcp, received, now),
                None => self.counters.discarded(Discard::UnknownSource),
            },
            (Standing::Stranger, _) => {
                self.counters.discarded(Discard::Unchecked);
                return Err(Over);
            }
            (Standing::Of(leg), Protocol::Stun) => self.control(leg, Via::Tcp, received, now),
            (Standing::Of(leg), Protocol::Dtls) => {
                self.queue_handshake(leg, Via::Tcp, received, now)
            }
            (Standing::Of(leg), Protocol::Rtp) => {
                self.guard(leg, now, |worker| worker.relay(leg, received, now));
                self.follow(leg, key, received.from);
            }
            (Standing::Of(leg), Protocol::Rtcp) => {
                self.guard(leg, now, |worker| worker.report(leg, received, now));
                self.follow(leg, key, received.from);
            }
            (Standing::Of(_), Protocol::Unknown) => self.counters.discarded(Discard::Malformed),
        }
        Ok(())
    }

    /// What was authentic made the leg answer to where it came from; the connection goes with it.
    fn follow(&mut self, leg: LegId, key: SocketKey, from: SocketAddr) {
        if let Some(path) = self.legs.get_mut(&leg).and_then(webrtc)
            && path.destination == Some(from)
        {
            path.socket = key;
        }
    }

    /// Media goes to the nominated address, by the way that was nominated.
    pub(super) fn nominate(&mut self, leg: LegId, via: Via, address: SocketAddr) {
        let socket = match via {
            Via::Udp => Some(WEBRTC_KEY),
            Via::Tcp => self.tcp.key_of(address),
        };
        if let (Some(path), Some(socket)) = (self.legs.get_mut(&leg).and_then(webrtc), socket) {
            path.destination = Some(address);
            path.socket = socket;
        }
    }

    /// The leg's agent answered a check: the connection is the leg's.
    pub(super) fn confirm_stream(&mut self, leg: LegId, remote: SocketAddr) {
        if let Some(oldest) = self.tcp.confirm(remote, leg) {
            self.hang_up(oldest);
        }
    }

    /// Closes a connection. Its leg goes on by another way, once ICE or the peer shows one.
    pub(super) fn hang_up(&mut self, key: SocketKey) {
        let Some((standing, remote)) = self.tcp.close(key) else {
            return;
        };
        self.outgoing.retain(|datagram| datagram.socket != key);
        let Standing::Of(leg) = standing else {
            return;
        };
        if let Some(path) = self.legs.get_mut(&leg).and_then(webrtc)
            && path.socket == key
        {
            path.socket = WEBRTC_KEY;
            path.destination = path.destination.filter(|&address| address != remote);
        }
    }

    /// Closes what a leg that goes had.
    pub(super) fn hang_up_all(&mut self, leg: LegId) {
        for key in self.tcp.of(leg) {
            self.hang_up(key);
        }
    }

    /// Strangers who never showed a password; and a listener that has rested takes new ones.
    pub(super) fn expire_strangers(&mut self, now: Instant) {
        if let Some(listener) = self.tcp.rested(now)
            && self.poll.add_socket(listener, LISTENER_KEY).is_err()
        {
            self.tcp.rest(now);
        }
        while let Some(key) = self.tcp.expired(now) {
            self.hang_up(key);
        }
    }
}

fn watch(poll: &Poll, stream: &std::net::TcpStream, key: SocketKey) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    poll.add_socket(stream, key)
}

fn webrtc(entry: &mut Box<Entry>) -> Option<&mut crate::leg::path::WebRtc> {
    match &mut entry.leg.path {
        Path::WebRtc(path) => Some(path),
        Path::Plain(_) => None,
    }
}

/// What packets leave by. Apart from the worker, so that a leg or the slab can be borrowed beside
/// it.
pub(super) struct Exits<'a> {
    pub webrtc: &'a UdpSocket,
    pub plain: &'a FxHashMap<SocketKey, (LegId, PlainSocket)>,
    pub leases: &'a FxHashMap<LegId, PortLease>,
    pub tcp: &'a mut Tcp,
}

impl Exits<'_> {
    /// Sends one packet by the socket or connection of that key.
    ///
    /// # Errors
    ///
    /// The system's; `NotConnected` when the key is gone.
    pub fn send(&mut self, key: SocketKey, packet: &[u8], to: SocketAddr) -> io::Result<()> {
        match source(self.webrtc, self.plain, self.leases, key) {
            Some(socket) => socket.send_to(packet, to).map(|_| ()),
            None => self.tcp.send(key, packet),
        }
    }
}
