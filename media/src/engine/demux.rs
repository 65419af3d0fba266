//! Which protocol a datagram is of (RFC 7983), and which leg it is for.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::net::SocketAddr;

use super::LegId;
use crate::stun;

/// What the first octets say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
    Unknown,
}

impl Protocol {
    /// RFC 7983 §7; RTCP is told from RTP by RFC 5761 §4.
    pub fn of(datagram: &[u8]) -> Self {
        match datagram {
            [0..=3, ..] => Self::Stun,
            [20..=63, ..] => Self::Dtls,
            [128..=191, 192..=223, ..] => Self::Rtcp,
            [128..=191, _, ..] => Self::Rtp,
            _ => Self::Unknown,
        }
    }
}

/// Who is behind an address, and behind an ICE user fragment, on the shared WebRTC socket.
///
/// An address belongs to the leg whose ICE agent last answered it: the agent has then checked
/// the password, so nobody takes over another leg's address with its own.
///
/// Hashed with a key of the process's own, since peers choose what is hashed.
#[derive(Debug, Default)]
pub struct Routes {
    by_address: HashMap<SocketAddr, LegId, RandomState>,
    by_ufrag: HashMap<String, LegId, RandomState>,
    /// How often an address got another owner.
    changes: u64,
}

impl Routes {
    pub fn leg_at(&self, address: SocketAddr) -> Option<LegId> {
        self.by_address.get(&address).copied()
    }

    /// While it stays the same, [`Routes::leg_at`] says the same.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// The leg that a STUN request's USERNAME names. Any other datagram is for its address's.
    pub fn leg_named(&self, datagram: &[u8]) -> Option<LegId> {
        stun::local_ufrag(datagram).and_then(|ufrag| self.by_ufrag.get(ufrag).copied())
    }

    pub fn add_ufrag(&mut self, ufrag: String, leg: LegId) {
        self.by_ufrag.insert(ufrag, leg);
    }

    /// The leg's agent answered `address`.
    pub fn confirm(&mut self, address: SocketAddr, leg: LegId) {
        if self.by_address.insert(address, leg) != Some(leg) {
            self.changes += 1;
        }
    }

    /// The leg's agent tries `address`, which stays with whom it belongs to.
    pub fn try_out(&mut self, address: SocketAddr, leg: LegId) {
        self.by_address.entry(address).or_insert_with(|| {
            self.changes += 1;
            leg
        });
    }

    pub fn remove(&mut self, leg: LegId) {
        self.changes += 1;
        self.by_address.retain(|_, owner| *owner != leg);
        self.by_ufrag.retain(|_, owner| *owner != leg);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::WorkerId;

    #[test]
    fn protocols_are_told_by_their_first_octets() {
        for (datagram, protocol) in [
            (&[0, 1][..], Protocol::Stun),
            (&[22, 254], Protocol::Dtls),
            (&[0x80, 8], Protocol::Rtp),
            (&[0x80, 0x80 | 72], Protocol::Rtcp),
            (&[0x80, 201], Protocol::Rtcp),
            (&[64, 0], Protocol::Unknown),
            (&[], Protocol::Unknown),
        ] {
            assert_eq!(Protocol::of(datagram), protocol, "{datagram:?}");
        }
    }

    #[test]
    fn a_request_finds_its_leg_by_ufrag_and_a_response_by_address() {
        let (mut routes, leg) = (Routes::default(), leg(1));
        let address = "198.51.100.7:4000".parse().expect("an address");
        routes.add_ufrag("abcd".into(), leg);
        let request = request(b"abcd:efgh");
        assert_eq!(routes.leg_named(&request), Some(leg));
        assert_eq!(routes.leg_named(&[1, 1]), None);
        assert_eq!(routes.leg_at(address), None);
        routes.confirm(address, leg);
        assert_eq!(routes.leg_at(address), Some(leg));
        routes.remove(leg);
        assert_eq!(
            (routes.leg_named(&request), routes.leg_at(address)),
            (None, None)
        );
    }

    #[test]
    fn trying_an_address_does_not_take_it_over() {
        let mut routes = Routes::default();
        let address = "198.51.100.7:4000".parse().expect("an address");
        routes.confirm(address, leg(1));
        routes.try_out(address, leg(2));
        assert_eq!(routes.leg_at(address), Some(leg(1)));
        routes.confirm(address, leg(2));
        assert_eq!(routes.leg_at(address), Some(leg(2)));
    }

    #[test]
    fn who_looked_an_address_up_is_told_of_each_change_and_of_nothing_else() {
        let mut routes = Routes::default();
        let address = "198.51.100.7:4000".parse().expect("an address");
        let mut known = routes.changes();
        let mut changed =
            |routes: &Routes| std::mem::replace(&mut known, routes.changes()) != known;
        routes.try_out(address, leg(1));
        assert!(changed(&routes));
        routes.confirm(address, leg(1));
        routes.try_out(address, leg(2));
        assert!(!changed(&routes));
        routes.confirm(address, leg(2));
        assert!(changed(&routes));
        routes.remove(leg(2));
        assert!(changed(&routes));
    }

    fn request(username: &[u8]) -> Vec<u8> {
        let mut message = vec![0; stun::HEADER];
        message[1] = 1;
        message.extend([0, 6, 0, username.len() as u8]);
        message.extend(username);
        message.resize(message.len().next_multiple_of(4), 0);
        message
    }

    fn leg(number: u64) -> LegId {
        LegId {
            worker: WorkerId(0),
            number,
        }
    }
}
