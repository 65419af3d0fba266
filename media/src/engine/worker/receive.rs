//! What comes: datagrams are taken, told apart and relayed in their slots.

use std::time::Instant;

use super::{BATCHES_PER_SOCKET, Backlog, Owner, PlainSocket, Worker, source};
use crate::bridge;
use crate::engine::LegId;
use crate::engine::counters::MediaPath;
use crate::engine::demux::Protocol;
use crate::engine::early::Waiting;
use crate::engine::slab::{Outgoing, Received};
use crate::engine::socket::{self, BATCH, SocketKey};
use crate::leg::Discard;
use crate::peer::Via;

impl Worker {
    /// One that holds nothing to be sent.
    pub(super) fn free_slot(&mut self) -> usize {
        let slot = self.outgoing.last().map_or(0, |last| last.slot + 1);
        if slot < self.slab.slots() {
            return slot;
        }
        self.flush();
        0
    }

    /// Takes what the shared socket has, up to a bound, so that it starves nobody.
    pub(super) fn read_shared(&mut self, now: Instant) {
        for _ in 0..BATCHES_PER_SOCKET {
            // Slots with packets to be sent stay untouched until they are.
            let mut first = self.outgoing.last().map_or(0, |last| last.slot + 1);
            if first + BATCH > self.slab.slots() {
                self.flush();
                first = 0;
            }
            self.received.clear();
            let slots = self.slab.tail(first).take(BATCH);
            let count = match socket::receive(&self.webrtc, slots, first, &mut self.received) {
                Ok(count) => count,
                // Nothing there, or an ICMP error of an earlier send.
                Err(_) => return,
            };
            self.relay_batch(now);
            if count < BATCH {
                return;
            }
        }
        self.backlog = Backlog::Some;
    }

    /// What came by the shared socket: first whose it is, then each in its turn.
    fn relay_batch(&mut self, now: Instant) {
        let (routes, received) = (&self.routes, &self.received);
        self.peers.clear();
        self.peers
            .extend(received.iter().map(|received| routes.leg_at(received.from)));
        let known = self.routes.changes();
        for n in 0..self.received.len() {
            self.foresee_peer(n);
            let received = self.received[n];
            // A check before it in the batch may have said otherwise.
            let peer = if self.routes.changes() == known {
                self.peers[n]
            } else {
                self.routes.leg_at(received.from)
            };
            self.demultiplex(received, Owner::WebRtc(peer), now);
        }
    }

    /// Takes a datagram of a leg's own socket: its peer sends one each 20 ms, and epoll tells of more.
    pub(super) fn read_own(&mut self, key: SocketKey, now: Instant) {
        let slot = self.free_slot();
        let Some(socket) = source(&self.webrtc, &self.plain, &self.leases, key) else {
            return;
        };
        let Some(&(leg, which)) = self.plain.get(&key) else {
            return;
        };
        // Otherwise nothing is there, or an ICMP error of an earlier send.
        if let Ok(Some((length, from))) = socket::receive_one(socket, self.slab.slot(slot)) {
            let received = Received { slot, length, from };
            self.demultiplex(received, Owner::Plain(leg, which), now);
        }
    }

    fn demultiplex(&mut self, received: Received, owner: Owner, now: Instant) {
        let datagram = self.slab.read(received.slot, 0..received.length);
        let protocol = Protocol::of(datagram);
        let leg = match (owner, protocol) {
            (Owner::WebRtc(peer), Protocol::Stun) => self.routes.leg_named(datagram).or(peer),
            (Owner::WebRtc(peer), _) => peer,
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
            (Owner::WebRtc(_), Protocol::Stun) => self.control(leg, Via::Udp, received, now),
            (Owner::WebRtc(_), Protocol::Dtls) => {
                self.queue_handshake(leg, Via::Udp, received, now)
            }
            (Owner::WebRtc(_) | Owner::Plain(_, PlainSocket::Rtp), Protocol::Rtp) => {
                self.guard(leg, now, |worker| worker.relay(leg, received, now));
            }
            (_, Protocol::Rtcp) => self.guard(leg, now, |worker| worker.report(leg, received, now)),
            (Owner::Plain(..), Protocol::Stun | Protocol::Dtls | Protocol::Rtp)
            | (_, Protocol::Unknown) => self.counters.discarded(Discard::Malformed),
        }
    }

    /// The packet path.
    pub(super) fn relay(&mut self, leg: LegId, received: Received, now: Instant) {
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
    pub(super) fn relay_early(&mut self, leg: LegId, now: Instant) {
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

    pub(super) fn report(&mut self, leg: LegId, received: Received, now: Instant) {
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
