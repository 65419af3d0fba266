//! A user agent that answers every call at once and lets the caller hang up: what a call costs this crate, for a load
//! generator to find out. One thread, one UDP socket, no media.
//!
//! `callee ADDRESS` prints `listening on ADDRESS`, then a line of counts each second, as JSON.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use bytes::Bytes;
use signaling::{Body, Endpoint, EndpointConfig, Event, Flow, SocketId};

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:5060".into());
    let socket = UdpSocket::bind(address)?;
    socket.set_read_timeout(Some(TICK))?;
    let own = socket.local_addr()?;
    let mut endpoint = Endpoint::new(config(), [1; 32]);
    endpoint.open_socket(SOCKET, own);
    println!("listening on {own}");
    Callee {
        socket,
        endpoint,
        calls: 0,
        lost: 0,
    }
    .run()
}

struct Callee {
    socket: UdpSocket,
    endpoint: Endpoint,
    /// Ended by the caller's BYE.
    calls: u64,
    /// Ended by anything else.
    lost: u64,
}

impl Callee {
    fn run(mut self) -> io::Result<()> {
        let mut buffer = [0; 65_536];
        let mut report = Instant::now();
        loop {
            let received = self.receive(&mut buffer)?;
            let now = Instant::now();
            if let Some((peer, length)) = received {
                let flow = Flow::Datagram {
                    socket: SOCKET,
                    peer,
                };
                let bytes = Bytes::copy_from_slice(&buffer[..length]);
                self.endpoint.handle_message(now, flow, bytes);
            }
            self.endpoint.handle_timeout(now);
            self.drain(now)?;
            if now >= report {
                self.report();
                report = now + Duration::from_secs(1);
            }
        }
    }

    fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<(SocketAddr, usize)>> {
        match self.socket.recv_from(buffer) {
            Ok((length, peer)) => Ok(Some((peer, length))),
            Err(error) => match error.kind() {
                // ConnectionRefused: an earlier answer met a closed port.
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::ConnectionRefused => {
                    Ok(None)
                }
                _ => Err(error),
            },
        }
    }

    fn drain(&mut self, now: Instant) -> io::Result<()> {
        while let Some(event) = self.endpoint.poll_event() {
            match event {
                Event::Invite { dialog, .. } => {
                    self.endpoint
                        .ring(now, dialog, 180, None)
                        .and_then(|()| self.endpoint.accept(now, dialog, Body::sdp(SDP)))
                        .map_err(io::Error::other)?;
                }
                Event::Ended {
                    cause: signaling::Ended::Bye { .. },
                    ..
                } => self.calls += 1,
                Event::Ended { .. } => self.lost += 1,
                _ => {}
            }
        }
        while let Some(transmit) = self.endpoint.poll_transmit() {
            if let Flow::Datagram { peer, .. } = transmit.flow {
                // What the kernel can't take now is lost like any datagram.
                let _ = self.socket.send_to(&transmit.bytes, peer);
            }
        }
        Ok(())
    }

    fn report(&self) {
        let counts = self.endpoint.counts();
        println!(
            "{{\"calls\":{},\"lost\":{},\"dialogs\":{},\"server_transactions\":{},\"client_transactions\":{},\"retransmissions_received\":{}}}",
            self.calls,
            self.lost,
            counts.dialogs,
            counts.server_transactions,
            counts.client_transactions,
            counts.retransmissions_received,
        );
    }
}

fn config() -> EndpointConfig {
    EndpointConfig {
        max_dialogs: 100_000,
        max_server_transactions: 1_000_000,
        ..EndpointConfig::default()
    }
}

const SOCKET: SocketId = SocketId(0);
/// Timers of SIP are hundreds of milliseconds; this is exact enough.
const TICK: Duration = Duration::from_millis(10);
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";
