//! Frames that were coded anew, because the codecs of a bridge can't meet.

use std::time::Instant;

use super::Worker;
use crate::engine::LegId;
use crate::engine::counters::MediaPath;
use crate::engine::slab::Outgoing;

impl Worker {
    /// A packet waits in the jitter buffer of the leg that this one is bridged with.
    pub(super) fn arm_other(&mut self, leg: LegId) {
        if let Some(other) = self.legs.get(&leg).and_then(|entry| entry.leg.bridged) {
            self.arm(other);
        }
    }

    /// Puts what is due to the leg's peer into slots, to be sent with everybody else's.
    pub(super) fn send_recoded(&mut self, leg: LegId, now: Instant) {
        loop {
            let slot = self.free_slot();
            let Some(entry) = self.legs.get_mut(&leg) else {
                return;
            };
            let packet = self.slab.slot(slot);
            let Some((length, to)) = entry.leg.poll_recoded(packet, now) else {
                return;
            };
            self.counters.packet_out(entry.leg.kind);
            self.counters.passed(MediaPath::Transcode);
            self.outgoing.push(Outgoing {
                socket: entry.leg.path.rtp_socket(),
                slot,
                range: 0..length,
                to,
            });
        }
    }
}
