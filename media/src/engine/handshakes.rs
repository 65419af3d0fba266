//! DTLS datagrams that wait for their turn.
//!
//! A step of a handshake signs, verifies or agrees on keys, and costs as much as hundreds of relayed packets. When a
//! hundred legs come up at once, audio and commands must not wait for all of them. While descriptions are being asked for,
//! each of which somebody's phone waits for, no handshake goes on: its own phone was answered already.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::LegId;
use crate::peer::Via;

/// First in, first out: the order within a leg is kept.
#[derive(Debug, Default)]
pub struct Handshakes {
    waiting: VecDeque<Flight>,
    /// When the last description was asked for.
    described: Option<Instant>,
}

/// One datagram of a peer's flight.
#[derive(Debug, PartialEq, Eq)]
pub struct Flight {
    pub leg: LegId,
    pub via: Via,
    pub from: SocketAddr,
    pub datagram: Vec<u8>,
    came: Instant,
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
        now: Instant,
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
            came: now,
        });
        Ok(())
    }

    /// A description was asked for; others may follow at once.
    pub fn give_way(&mut self, now: Instant) {
        self.described = Some(now);
    }

    /// When the next one's turn is.
    pub fn due(&self) -> Option<Instant> {
        let came = self.waiting.front()?.came;
        let quiet = self.described.map_or(came, |at| at + QUIET);
        Some(quiet.clamp(came, came + PATIENCE))
    }

    /// Whose turn it is.
    pub fn pop(&mut self, now: Instant) -> Option<Flight> {
        self.due().filter(|due| *due <= now)?;
        self.waiting.pop_front()
    }

    /// Whether a datagram of the leg waits: its keys may come with it.
    pub fn has(&self, leg: LegId) -> bool {
        self.waiting.iter().any(|flight| flight.leg == leg)
    }
}

/// Some hundred handshakes, in less than a megabyte.
const WAITING: usize = 512;

/// After a description, before a handshake goes on: in a burst the next one is asked for sooner.
const QUIET: Duration = Duration::from_millis(2);

/// The longest that a burst holds a handshake up: far below the time after which a peer repeats its flight.
const PATIENCE: Duration = Duration::from_millis(25);

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
        let now = Instant::now();
        for n in 0..WAITING as u64 {
            let pushed = handshakes.push(leg(n), Via::Udp, from, &[22], now);
            assert_eq!(pushed, Ok(()));
        }
        let pushed = handshakes.push(leg(0), Via::Udp, from, &[22], now);
        assert_eq!(pushed, Err(Full));
        for n in 0..WAITING as u64 {
            assert_eq!(handshakes.pop(now).map(|flight| flight.leg), Some(leg(n)));
        }
        assert_eq!(handshakes.due(), None);
    }

    #[test]
    fn handshakes_give_way_to_a_burst_of_descriptions_but_not_for_ever() {
        let (mut handshakes, start) = (Handshakes::default(), Instant::now());
        let from = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        let leg = LegId {
            worker: WorkerId(0),
            number: 1,
        };
        let push = |handshakes: &mut Handshakes, at| {
            assert_eq!(handshakes.push(leg, Via::Udp, from, &[22], at), Ok(()));
        };
        push(&mut handshakes, start);
        assert_eq!(handshakes.due(), Some(start), "nobody describes anything");
        handshakes.give_way(start);
        assert!(handshakes.pop(start + QUIET / 2).is_none());
        assert!(handshakes.pop(start + QUIET).is_some());
        push(&mut handshakes, start);
        for n in 0..100 {
            handshakes.give_way(start + QUIET / 2 * n);
        }
        assert!(handshakes.pop(start + PATIENCE / 2).is_none());
        assert!(handshakes.pop(start + PATIENCE).is_some());
    }
}
