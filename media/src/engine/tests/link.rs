//! A browser's way to the engine: UDP, or a connection that it opened (RFC 6544).

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use str0m::Candidate;
use str0m::net::{Protocol, TcpType};

use crate::rtp::framing::{Backlog, Frames};

pub enum Link {
    Udp(UdpSocket),
    Tcp(TcpStream, Frames),
}

impl Link {
    pub fn udp(ip: IpAddr) -> Self {
        let socket = UdpSocket::bind((ip, 0)).expect("a loopback socket");
        socket.set_read_timeout(Some(STEP)).expect("a timeout");
        Self::Udp(socket)
    }

    pub fn tcp(port: SocketAddr) -> Self {
        let stream = TcpStream::connect(port).expect("the engine listens");
        stream.set_read_timeout(Some(STEP)).expect("a timeout");
        Self::Tcp(stream, Frames::default())
    }

    pub fn protocol(&self) -> Protocol {
        match self {
            Self::Udp(_) => Protocol::Udp,
            Self::Tcp(..) => Protocol::Tcp,
        }
    }

    pub fn local(&self) -> SocketAddr {
        match self {
            Self::Udp(socket) => socket.local_addr(),
            Self::Tcp(stream, _) => stream.local_addr(),
        }
        .expect("bound")
    }

    pub fn candidate(&self) -> Candidate {
        match self {
            Self::Udp(_) => Candidate::host(self.local(), "udp"),
            Self::Tcp(..) => Candidate::builder()
                .tcp()
                .host(self.local())
                .tcptype(TcpType::Active)
                .build(),
        }
        .expect("a host candidate")
    }

    pub fn send(&mut self, packet: &[u8], to: SocketAddr) {
        match self {
            Self::Udp(socket) => {
                let _ = socket.send_to(packet, to);
            }
            Self::Tcp(stream, _) => {
                let mut framed = Backlog::default();
                framed.push(packet).expect("it fits");
                let _ = stream.write_all(framed.pending());
            }
        }
    }

    /// The next packet, if one comes soon.
    pub fn receive(&mut self) -> Option<(Vec<u8>, SocketAddr)> {
        match self {
            Self::Udp(socket) => {
                let mut datagram = vec![0; 2_048];
                let (length, from) = socket.recv_from(&mut datagram).ok()?;
                datagram.truncate(length);
                Some((datagram, from))
            }
            Self::Tcp(stream, frames) => {
                let from = stream.peer_addr().ok()?;
                if let Some(packet) = frames.take().expect("framed") {
                    return Some((packet.to_vec(), from));
                }
                let count = stream.read(frames.room()).ok()?;
                frames.advance(count);
                let packet = frames.take().expect("framed")?;
                Some((packet.to_vec(), from))
            }
        }
    }
}

const STEP: Duration = Duration::from_millis(5);
