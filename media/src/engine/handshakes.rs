//! DTLS datagrams that wait for their turn.
//!
//! A step of a handshake signs, verifies or agrees on keys, and costs as much as hundreds of relayed packets. When a
//! hundred legs come up at once, audio and commands must not wait for all of them.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::LegId;
use crate::peer::Via;

/// First in, first out: the order within a leg is kept.
#[derive(Debug, Default)]
pub struct Handshakes {
    waiting: VecDeque<Flight>,
}

/// One datagram of a peer's flight.
#[derive(Debug, PartialEq, Eq)]
pub struct Flight {
    pub leg: LegId,
    pub via: Via,
    pub from: SocketAddr,
    pub datagram: Vec<u8>,
}

/// Too much waits; the peer repeats its flight (RFC 6347 §4.2.4).
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

impl Handshakes {
    /// Keeps a datagram until its turn comes.
    ///
    /// # Errors
    ///
    /// [`Full`]: it is dropped.
    pub fn push(
        &mut self,
        leg: LegId,
        via: Via,
        from: SocketAddr,
        datagram: &[u8],
    ) -> Result<(), Full> {
        if self.waiting.len() == WAITING {
            return Err(Full);
        }
        let datagram = datagram.to_vec();
        self.waiting.push_back(Flight {
            leg,
            via,
            from,
            datagram,
        });
        Ok(())
    }

    /// Whose turn it is.
    pub fn pop(&mut self) -> Option<Flight> {
        self.waiting.pop_front()
    }

    /// Whether a datagram of the leg waits: its keys may come with it.
    pub fn has(&self, leg: LegId) -> bool {
        self.waiting.iter().any(|flight| flight.leg == leg)
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// Some hundred handshakes, in less than a megabyte.
const WAITING: usize = 512;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::engine::WorkerId;

    #[test]
    fn datagrams_come_out_in_the_order_of_their_coming_and_no_more_than_may_wait() {
        let mut handshakes = Handshakes::default();
        let from = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        let leg = |number| LegId {
            worker: WorkerId(0),
            number,
        };
        for n in 0..WAITING as u64 {
            assert_eq!(handshakes.push(leg(n), Via::Udp, from, &[22]), Ok(()));
        }
        assert_eq!(handshakes.push(leg(0), Via::Udp, from, &[22]), Err(Full));
        for n in 0..WAITING as u64 {
            assert_eq!(handshakes.pop().map(|flight| flight.leg), Some(leg(n)));
        }
        assert!(handshakes.is_empty());
    }
}
