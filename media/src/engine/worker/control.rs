//! The control steps of a leg: ICE, DTLS, and what they ask for. A panic in one ends this leg alone.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use super::Worker;
use crate::engine::handshakes::{Flight, Full};
use crate::engine::slab::Received;
use crate::engine::{Event, LegId, LegLost};
use crate::leg::path::Path;
use crate::leg::{Discard, Leg};
use crate::peer::{PeerOutput, Via};

impl Worker {
    /// STUN: the leg's ICE agent takes it.
    pub(super) fn control(&mut self, leg: LegId, via: Via, received: Received, now: Instant) {
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

    pub(super) fn queue_handshake(
        &mut self,
        leg: LegId,
        via: Via,
        received: Received,
        now: Instant,
    ) {
        let datagram = self.slab.read(received.slot, 0..received.length);
        let pushed = self.handshakes.push(leg, via, received.from, datagram, now);
        if let Err(Full) = pushed {
            self.counters.discarded(Discard::TooBusy);
        }
    }

    /// DTLS, one step a wake-up: it takes a millisecond or several, and packets and commands come
    /// in between.
    pub(super) fn shake_hands(&mut self, now: Instant) {
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

    /// Drives the leg's ICE agent to `now`, and sends what it has.
    pub(super) fn advance_peer(&mut self, leg: LegId, now: Instant) {
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

    /// Does a step for a leg; a panic in it ends this leg alone.
    pub(super) fn guard(&mut self, leg: LegId, now: Instant, step: impl FnOnce(&mut Self)) {
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

    pub(super) fn with(&mut self, leg: LegId, step: impl FnOnce(&mut Leg)) {
        if let Some(entry) = self.legs.get_mut(&leg) {
            step(&mut entry.leg);
        }
    }

    /// Ends a leg whose control step panicked.
    pub(super) fn bury(&mut self, leg: LegId, now: Instant) {
        self.peer_outputs.clear();
        self.emit(Event::Lost {
            leg,
            cause: LegLost::Panicked,
        });
        self.forget(leg, now);
    }
}
