//! How a leg's packets reach its peer, and whose packets it takes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::LegKind;
use crate::engine::SocketKey;
use crate::peer::Peer;
use crate::rtp::Ssrc;
use crate::sdp::{Rtcp, is_unusable};

/// The two ways.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a leg lives in a box of its own")]
pub enum Path {
    WebRtc(WebRtc),
    Plain(Plain),
}

/// ICE and DTLS on the worker's shared socket. What packets need stands first.
#[derive(Debug)]
#[repr(C)]
pub struct WebRtc {
    pub kind: LegKind,
    pub socket: SocketKey,
    /// Where media goes: never pinned, since a browser moves on an ICE restart.
    pub destination: Option<SocketAddr>,
    pub setup: Setup,
    pub peer: Peer,
}

/// How far ICE and DTLS are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// No answer yet: the peer may take its time.
    NotBegun,
    /// Our description is out.
    Until(Instant),
    Over,
}

/// Plain RTP on a leased port.
#[derive(Debug)]
pub struct Plain {
    pub rtp: SocketKey,
    pub rtcp: SocketKey,
    pub port: u16,
    pub source: SourceLock,
    /// What the port's last call was heard by: it isn't this call's peer.
    pub former: Option<Stream>,
    /// As the peer's description says.
    pub remote: Option<SocketAddr>,
    pub remote_rtcp: Option<Rtcp>,
}

/// What tells one sender's numbering from another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    pub from: SocketAddr,
    pub ssrc: Ssrc,
}

/// Whether a packet's source is the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latch {
    Accepted,
    Refused,
}

/// Whom a plain leg listens to.
///
/// The first packet decides: from the described address it is the peer at once; from elsewhere
/// (a peer behind NAT) for the learning time. After that nobody else is heard, so that no stray
/// stream bleeds into the call, but for the described address, which wins whenever it turns up:
/// a peer behind NAT never sends from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceLock {
    Open,
    Learning {
        candidate: SocketAddr,
        until: Instant,
    },
    Locked(SocketAddr),
    /// Who was heard last fell silent: packets go there still, and another port of that host may be
    /// where it is now. Another host isn't: whoever sprays ports would only have to wait for a pause.
    Doubted(SocketAddr),
}

impl SourceLock {
    fn latch(&mut self, described: Option<SocketAddr>, from: SocketAddr, now: Instant) -> Latch {
        match *self {
            // Even after another was learnt: a stranger may have been faster.
            _ if described == Some(from) => {
                *self = Self::Locked(from);
                Latch::Accepted
            }
            Self::Doubted(peer) if peer == from => {
                *self = Self::Locked(from);
                Latch::Accepted
            }
            Self::Doubted(peer) if peer.ip() != from.ip() => Latch::Refused,
            Self::Open | Self::Doubted(_) => {
                *self = Self::Learning {
                    candidate: from,
                    until: now + LEARNING,
                };
                Latch::Accepted
            }
            Self::Learning { candidate, until } if candidate == from => {
                if now >= until {
                    *self = Self::Locked(from);
                }
                Latch::Accepted
            }
            Self::Locked(peer) if peer == from => Latch::Accepted,
            Self::Learning { .. } | Self::Locked(_) => Latch::Refused,
        }
    }

    fn relearn(&mut self) {
        *self = match *self {
            Self::Locked(peer) => Self::Doubted(peer),
            Self::Open | Self::Learning { .. } | Self::Doubted(_) => return,
        };
    }

    pub fn source(self) -> Option<SocketAddr> {
        match self {
            Self::Open => None,
            Self::Doubted(peer) => Some(peer),
            Self::Learning { candidate, .. } => Some(candidate),
            Self::Locked(peer) => Some(peer),
        }
    }
}

impl Path {
    pub fn kind(&self) -> LegKind {
        match self {
            Self::WebRtc(path) => path.kind,
            Self::Plain(_) => LegKind::Plain,
        }
    }

    /// Whether a packet is of the call that had the port before.
    #[inline]
    pub fn is_former(&self, from: SocketAddr, ssrc: Ssrc) -> bool {
        match self {
            Self::WebRtc(_) => false,
            Self::Plain(path) => path.former == Some(Stream { from, ssrc }),
        }
    }

    /// An authentic or plain packet came from `from`.
    pub fn latch(&mut self, from: SocketAddr, now: Instant) -> Latch {
        match self {
            Self::WebRtc(path) => {
                path.destination = Some(from);
                Latch::Accepted
            }
            Self::Plain(path) => path.source.latch(path.remote, from, now),
        }
    }

    /// Learns anew where a plain peer is: it may have moved without a word. Whom it heard last
    /// stays where packets go until another one speaks.
    pub fn relearn(&mut self) {
        match self {
            Self::WebRtc(_) => {}
            Self::Plain(path) => path.source.relearn(),
        }
    }

    /// Where RTP goes.
    pub fn destination(&self) -> Option<SocketAddr> {
        match self {
            Self::WebRtc(path) => path.destination,
            Self::Plain(path) => path.source.source().or(path.remote),
        }
    }

    pub fn rtp_socket(&self) -> SocketKey {
        match self {
            Self::WebRtc(path) => path.socket,
            Self::Plain(path) => path.rtp,
        }
    }

    /// Where RTCP goes, and from which socket.
    pub fn rtcp_destination(&self) -> Option<(SocketKey, SocketAddr)> {
        match self {
            Self::WebRtc(path) => Some((path.socket, path.destination?)),
            Self::Plain(path) => match path.remote_rtcp? {
                Rtcp::Mux => Some((path.rtp, self.destination()?)),
                Rtcp::Separate(address) if is_unusable(address) => None,
                Rtcp::Separate(address) => {
                    // Behind NAT the described address is of no use; its port may be.
                    let ip = self.destination()?.ip();
                    Some((path.rtcp, SocketAddr::new(ip, address.port())))
                }
            },
        }
    }

    pub fn peer_deadline(&self) -> Option<Instant> {
        match self {
            Self::WebRtc(path) => Some(path.peer.deadline()),
            Self::Plain(_) => None,
        }
    }

    pub fn setup_deadline(&self) -> Option<Instant> {
        match self {
            Self::WebRtc(WebRtc {
                setup: Setup::Until(until),
                ..
            }) => Some(*until),
            Self::WebRtc(_) | Self::Plain(_) => None,
        }
    }

    /// ICE and DTLS are done, or have had their time.
    pub fn end_setup(&mut self) {
        match self {
            Self::WebRtc(path) => path.setup = Setup::Over,
            Self::Plain(_) => {}
        }
    }
}

/// A NAT's mapping shows with the first packets; the described address would too by then.
const LEARNING: Duration = Duration::from_millis(1_500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_described_address_locks_at_once() {
        let (mut lock, now) = (SourceLock::Open, Instant::now());
        assert_eq!(lock.latch(Some(a()), a(), now), Latch::Accepted);
        assert_eq!(lock, SourceLock::Locked(a()));
        assert_eq!(lock.latch(Some(a()), b(), now), Latch::Refused);
    }

    #[test]
    fn another_address_is_learnt_and_then_locked() {
        let (mut lock, now) = (SourceLock::Open, Instant::now());
        assert_eq!(lock.latch(Some(a()), b(), now), Latch::Accepted);
        assert_eq!(lock.source(), Some(b()));
        assert_eq!(lock.latch(Some(a()), b(), now + LEARNING), Latch::Accepted);
        assert_eq!(lock.latch(Some(a()), c(), now + LEARNING), Latch::Refused);
    }

    #[test]
    fn the_described_address_takes_its_call_back_from_a_stranger_who_was_faster() {
        let (mut lock, now) = (SourceLock::Open, Instant::now());
        lock.latch(Some(a()), b(), now);
        lock.latch(Some(a()), b(), now + LEARNING);
        assert_eq!(lock.source(), Some(b()));
        assert_eq!(lock.latch(Some(a()), a(), now + LEARNING), Latch::Accepted);
        assert_eq!(lock.latch(Some(a()), b(), now + LEARNING), Latch::Refused);
        assert_eq!(lock.source(), Some(a()));
    }

    #[test]
    fn a_peer_that_fell_silent_may_have_moved_and_is_sent_to_where_it_was_until_it_speaks() {
        let (mut lock, now) = (SourceLock::Locked(a()), Instant::now());
        lock.relearn();
        assert_eq!(lock.source(), Some(a()));
        assert_eq!(lock.latch(None, b(), now), Latch::Refused, "a stranger");
        let moved = SocketAddr::new(a().ip(), 4_002);
        assert_eq!(lock.latch(None, moved, now), Latch::Accepted);
        assert_eq!(lock.source(), Some(moved));
        let mut lock = SourceLock::Locked(a());
        lock.relearn();
        assert_eq!(lock.latch(None, a(), now), Latch::Accepted);
        assert_eq!(lock.latch(None, b(), now), Latch::Refused, "it was there");
    }

    #[test]
    fn the_described_address_wins_while_learning() {
        let (mut lock, now) = (SourceLock::Open, Instant::now());
        lock.latch(Some(a()), b(), now);
        assert_eq!(lock.latch(Some(a()), a(), now), Latch::Accepted);
        assert_eq!(lock.latch(Some(a()), b(), now), Latch::Refused);
    }

    fn a() -> SocketAddr {
        "198.51.100.1:4000".parse().expect("an address")
    }

    fn b() -> SocketAddr {
        "198.51.100.2:4000".parse().expect("an address")
    }

    fn c() -> SocketAddr {
        "198.51.100.3:4000".parse().expect("an address")
    }
}
