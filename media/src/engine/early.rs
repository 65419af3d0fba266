//! Packets that came with the last datagram of their leg's handshake, which waits for its turn.
//!
//! The peer has its keys and speaks; ours are a step away. Without this the first syllable after a
//! burst of set-ups would be dropped.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::LegId;

/// First in, first out; the oldest go when there are too many.
#[derive(Debug, Default)]
pub struct Early {
    waiting: VecDeque<Waiting>,
}

/// One packet as it came.
#[derive(Debug, PartialEq, Eq)]
pub struct Waiting {
    pub leg: LegId,
    pub from: SocketAddr,
    pub packet: Vec<u8>,
}

impl Early {
    /// Keeps a copy until the leg has its keys.
    pub fn keep(&mut self, leg: LegId, from: SocketAddr, packet: &[u8]) {
        if self.waiting.len() == WAITING {
            self.waiting.pop_front();
        }
        let packet = packet.to_vec();
        self.waiting.push_back(Waiting { leg, from, packet });
    }

    /// The leg's oldest.
    pub fn take(&mut self, leg: LegId) -> Option<Waiting> {
        let at = self.waiting.iter().position(|kept| kept.leg == leg)?;
        self.waiting.remove(at)
    }

    pub fn remove(&mut self, leg: LegId) {
        self.waiting.retain(|kept| kept.leg != leg);
    }
}

/// Ten packets each of a dozen legs that come up at once.
const WAITING: usize = 128;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::engine::WorkerId;

    #[test]
    fn a_legs_packets_come_out_in_their_order_and_the_newest_are_kept() {
        let mut early = Early::default();
        let from = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        let leg = |number| LegId {
            worker: WorkerId(0),
            number,
        };
        for n in 0..WAITING as u8 + 2 {
            early.keep(leg(u64::from(n % 2)), from, &[n]);
        }
        let of = |early: &mut Early, number| {
            std::iter::from_fn(|| early.take(leg(number)))
                .map(|kept| kept.packet[0])
                .collect::<Vec<_>>()
        };
        assert_eq!(of(&mut early, 0), (2..130).step_by(2).collect::<Vec<u8>>());
        early.remove(leg(1));
        assert!(early.waiting.is_empty());
    }
}
