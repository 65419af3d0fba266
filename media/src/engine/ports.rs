//! Port pairs for plain legs: leased, and quarantined after use.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use crate::leg::path::Stream;

/// A worker's share of the RTP port range: even ports, each with the odd one after it for RTCP.
#[derive(Debug)]
pub struct Ports {
    bind_ip: IpAddr,
    free: VecDeque<Port>,
    quarantined: VecDeque<(Instant, Port)>,
}

/// An even port, and what was heard there last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Port {
    number: u16,
    former: Option<Stream>,
}

/// Two bound sockets. To be given back by [`Ports::quarantine`].
#[derive(Debug)]
#[must_use = "a lease that is dropped takes its port out of use for good"]
pub struct PortLease {
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
    port: u16,
    former: Option<Stream>,
}

impl PortLease {
    /// RTP's; RTCP's is the next.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the port's last call was heard by; its sender may be at it still.
    pub fn former(&self) -> Option<Stream> {
        self.former
    }
}

impl Ports {
    /// The pairs of `range` that fall to worker `worker` of `workers`.
    pub fn new(
        bind_ip: IpAddr,
        range: &RangeInclusive<u16>,
        worker: usize,
        workers: usize,
    ) -> Self {
        let free = range
            .clone()
            .filter(|&port| port % 2 == 0 && port < *range.end())
            .filter(|&port| usize::from(port / 2) % workers == worker)
            .map(|number| Port {
                number,
                former: None,
            })
            .collect();
        Self {
            bind_ip,
            free,
            quarantined: VecDeque::new(),
        }
    }

    /// Binds the pair that has been free for the longest.
    ///
    /// # Errors
    ///
    /// The last bind's error when every pair is taken by others, `AddrNotAvailable` when none
    /// is left.
    pub fn lease(&mut self, now: Instant) -> io::Result<PortLease> {
        self.release(now);
        let mut error = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for _ in 0..self.free.len() {
            let Some(port) = self.free.pop_front() else {
                break;
            };
            match self.bind(port) {
                Ok(lease) => return Ok(lease),
                Err(refused) => {
                    // Somebody else has it now; it may be free the next time.
                    self.free.push_back(port);
                    error = refused;
                }
            }
        }
        Err(error)
    }

    /// Closes the sockets and keeps the pair out of use for a while: the old call's last
    /// packets must not reach the next call. `heard` is what came there last: whoever doesn't
    /// stop even then isn't taken for the next call's peer.
    pub fn quarantine(&mut self, lease: PortLease, heard: Option<Stream>, now: Instant) {
        let port = Port {
            number: lease.port,
            former: heard,
        };
        self.quarantined.push_back((now + QUARANTINE, port));
    }

    fn release(&mut self, now: Instant) {
        while let Some(&(until, port)) = self.quarantined.front() {
            if until > now {
                break;
            }
            self.quarantined.pop_front();
            self.free.push_back(port);
        }
    }

    fn bind(&self, port: Port) -> io::Result<PortLease> {
        let rtp = UdpSocket::bind((self.bind_ip, port.number))?;
        let rtcp = UdpSocket::bind((self.bind_ip, port.number + 1))?;
        rtp.set_nonblocking(true)?;
        rtcp.set_nonblocking(true)?;
        Ok(PortLease {
            rtp,
            rtcp,
            port: port.number,
            former: port.former,
        })
    }
}

/// Longer than a peer goes on sending after BYE was lost once.
const QUARANTINE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn a_port_rests_before_it_is_used_again() {
        let mut ports = ports(26_000..=26_001);
        let now = Instant::now();
        let lease = ports.lease(now).expect("free");
        assert_eq!(lease.port(), 26_000);
        assert!(ports.lease(now).is_err());
        assert_eq!(lease.former(), None);
        let heard = Stream {
            from: (Ipv4Addr::LOCALHOST, 9).into(),
            ssrc: crate::rtp::Ssrc(7),
        };
        ports.quarantine(lease, Some(heard), now);
        assert!(ports.lease(now + QUARANTINE / 2).is_err());
        let again = ports.lease(now + QUARANTINE).expect("rested");
        assert_eq!(again.former(), Some(heard));
    }

    #[test]
    fn a_port_that_somebody_else_has_is_skipped() {
        let _other = UdpSocket::bind((Ipv4Addr::LOCALHOST, 26_103)).expect("free");
        let mut ports = ports(26_102..=26_105);
        assert_eq!(ports.lease(Instant::now()).expect("free").port(), 26_104);
    }

    #[test]
    fn workers_share_no_port() {
        let of =
            |worker| Ports::new(Ipv4Addr::LOCALHOST.into(), &(26_200..=26_219), worker, 3).free;
        let mut all: Vec<u16> = (0..3).flat_map(of).map(|port| port.number).collect();
        all.sort_unstable();
        assert_eq!(all, (26_200..26_220).step_by(2).collect::<Vec<_>>());
    }

    fn ports(range: RangeInclusive<u16>) -> Ports {
        Ports::new(Ipv4Addr::LOCALHOST.into(), &range, 0, 1)
    }
}
