//! What time alone brings: each leg's deadline, and the packets of our own that are due by then.

use std::time::Instant;

use super::stream::Exits;
use super::{Entry, Worker};
use crate::engine::LegId;
use crate::engine::counters::MediaPath;
use crate::engine::slab::Outgoing;
use crate::leg::Discard;
use crate::leg::keypad::EventPacket;
use crate::rtcp::{COMPOUND, Farewell};
use crate::srtp::cipher::EXPANSION;

impl Worker {
    /// Everything that is due.
    pub(super) fn expire(&mut self, now: Instant) {
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
    pub(super) fn handle_timeout(&mut self, leg: LegId, now: Instant) {
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

    pub(super) fn arm(&mut self, leg: LegId) {
        if let Some(entry) = self.legs.get_mut(&leg) {
            let at = entry.leg.deadline();
            self.deadlines.arm(leg, &mut entry.armed, at);
        }
    }

    pub(super) fn send_report(&mut self, leg: LegId, farewell: Farewell, now: Instant) {
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

    /// Sends what is due of the digits that the leg's peer is to get. What was relayed before is
    /// on its way: a wake-up flushes first.
    pub(super) fn send_events(&mut self, leg: LegId, now: Instant) {
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
    pub(super) fn send_prompt(&mut self, leg: LegId, now: Instant) {
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
}
