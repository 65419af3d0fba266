//! What goes: the slots of a wake-up in batches, and single packets of ICE, DTLS and RTCP.

use std::net::SocketAddr;

use super::stream::Exits;
use super::{Worker, source};
use crate::engine::socket::{self, BATCH};
use crate::leg::Discard;
use crate::peer::Via;

impl Worker {
    /// Sends what was relayed, one system call for each run of packets of one socket.
    pub(super) fn flush(&mut self) {
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
                Some(socket) => socket::send(socket, &self.slab, &rest[..run]),
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

    /// A lost packet is what ICE and DTLS repeat for.
    pub(super) fn transmit(&mut self, via: Via, to: SocketAddr, packet: &[u8]) {
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

    pub(super) fn exits(&mut self) -> Exits<'_> {
        Exits {
            webrtc: &self.webrtc,
            plain: &self.plain,
            leases: &self.leases,
            tcp: &mut self.tcp,
        }
    }
}
