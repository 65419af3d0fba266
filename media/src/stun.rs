//! The little of STUN (RFC 8489) that routing needs: whom a message is for and what it says about
//! a path. Passwords are the ICE agent's to check.

/// The receiver's half of a STUN message's USERNAME (RFC 8445 §7.2.2).
pub fn local_ufrag(datagram: &[u8]) -> Option<&str> {
    attributes(datagram)
        .find(|(kind, _)| *kind == USERNAME)
        .and_then(|(_, value)| std::str::from_utf8(value).ok())
        .and_then(|username| username.split(':').next())
}

/// The attributes of a STUN message (RFC 8489 §14), as far as their lengths make sense.
fn attributes(datagram: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = datagram.get(HEADER..).unwrap_or(&[]);
    std::iter::from_fn(move || {
        let (head, body) = rest.split_first_chunk::<4>()?;
        let kind = u16::from_be_bytes([head[0], head[1]]);
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let value = body.get(..length)?;
        rest = body.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        Some((kind, value))
    })
}

/// What a STUN message that an ICE agent sends or receives means for routing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stun {
    /// A check, with USE-CANDIDATE or not.
    Request(Nomination),
    /// The answer to a check that was in order.
    Success,
    Other,
}

/// RFC 8445 §7.1.2: the controlling agent chose this pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nomination {
    UseCandidate,
    Check,
}

impl Stun {
    pub fn of(datagram: &[u8]) -> Self {
        match datagram {
            [0, 1, ..] => {
                let nominates = attributes(datagram).any(|(kind, _)| kind == USE_CANDIDATE);
                Self::Request(if nominates {
                    Nomination::UseCandidate
                } else {
                    Nomination::Check
                })
            }
            [1, 1, ..] => Self::Success,
            _ => Self::Other,
        }
    }
}

pub const HEADER: usize = 20;
const USERNAME: u16 = 0x0006;
const USE_CANDIDATE: u16 = 0x0025;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_nominating_request_is_told_from_a_check() {
        let mut message = vec![0; HEADER];
        message[1] = 1;
        assert_eq!(Stun::of(&message), Stun::Request(Nomination::Check));
        message.extend([0, 0x25, 0, 0]);
        assert_eq!(Stun::of(&message), Stun::Request(Nomination::UseCandidate));
        assert_eq!(Stun::of(&[1, 1]), Stun::Success);
        assert_eq!(Stun::of(&[1, 0x11]), Stun::Other);
    }

    proptest! {
        #[test]
        fn no_octets_make_the_reader_panic(octets in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = local_ufrag(&octets);
            let _ = Stun::of(&octets);
        }
    }
}
