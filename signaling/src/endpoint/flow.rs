//! Our sockets towards trunks, and the connections that come and go on them (RFC 3261 §18).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use super::transactions::TransactionId;
use super::usage::Stage;
use super::{Endpoint, Flow, Path, SocketId, Transport};

/// What peers see of our sockets.
#[derive(Debug, Default)]
pub(super) struct Sockets(BTreeMap<SocketId, Socket>);

#[derive(Debug, Clone, Copy)]
struct Socket {
    transport: Transport,
    advertised: SocketAddr,
    /// Where requests go that are too long for datagrams.
    for_large: Option<SocketId>,
}

impl Endpoint {
    /// Says what peers shall see of a UDP socket: `advertised` goes into Via and Contact.
    pub fn open_socket(&mut self, socket: SocketId, advertised: SocketAddr) {
        self.sockets.open(socket, Transport::Udp, advertised);
    }

    /// The same of a place where TCP or TLS connections are taken and whence they are opened.
    pub fn open_listener(
        &mut self,
        socket: SocketId,
        transport: Transport,
        advertised: SocketAddr,
    ) {
        self.sockets.open(socket, transport, advertised);
    }

    /// Lets INVITEs above 1,300 bytes from the UDP socket `small` go by `large` to the same peer (RFC 3261 §18.1.1).
    pub fn send_large_by(&mut self, small: SocketId, large: SocketId) {
        if let Some(socket) = self.sockets.0.get_mut(&small) {
            socket.for_large = Some(large);
        }
    }

    /// The connection is gone, or couldn't be opened. What waits for a first answer on it ends or goes another way; calls
    /// stay, and their next request goes by a new connection to where the peer takes them.
    pub fn handle_connection_closed(&mut self, now: Instant, socket: SocketId, peer: SocketAddr) {
        let flow = Flow::Connection { socket, peer };
        self.move_responses(flow);
        self.move_calls(Path::Connection { socket, peer });
        self.abandon_clients_of(now, flow);
        self.registrations_lost(now, Path::Connection { socket, peer });
    }

    /// Where an answer goes whose connection is gone: to the port that the Via names (RFC 3261 §18.2.2). What was answered
    /// is forgotten, since nobody asks for it again on a transport that delivers.
    fn move_responses(&mut self, lost: Flow) {
        let Flow::Connection { socket, peer } = lost else {
            return;
        };
        let ids: Vec<TransactionId> = self
            .servers
            .iter()
            .filter(|(_, transaction)| transaction.flow == lost)
            .map(|(id, _)| id)
            .collect();
        let default = self.sockets.default_port(socket);
        for id in ids {
            if let Some(transaction) = self.servers.get_mut(id)
                && let Some(request) = &transaction.request
            {
                let port = request.via().and_then(|via| via.port).unwrap_or(default);
                let peer = SocketAddr::new(peer.ip(), port);
                transaction.flow = Flow::Connection { socket, peer };
            }
        }
    }

    /// The peer's Contact or first route names its port; of another address it is nobody's word but its own.
    fn move_calls(&mut self, lost: Path) {
        let Path::Connection { socket, peer } = lost else {
            return;
        };
        let default = self.sockets.default_port(socket);
        for usage in self.usages.values_mut().filter(|usage| usage.path == lost) {
            let dialog = match &usage.stage {
                Stage::Established(established) => &established.dialog,
                Stage::Incoming(incoming) => &incoming.dialog,
                // We opened the connection ourselves: its address is where the peer takes them.
                Stage::Inviting(_) => continue,
            };
            let hop = dialog.next_hop().filter(|hop| hop.ip() == peer.ip());
            let peer = hop.unwrap_or(SocketAddr::new(peer.ip(), default));
            usage.path = Path::Connection { socket, peer };
        }
    }
}

impl Sockets {
    fn open(&mut self, socket: SocketId, transport: Transport, advertised: SocketAddr) {
        let state = Socket {
            transport,
            advertised,
            for_large: None,
        };
        self.0.insert(socket, state);
    }

    pub fn is_open(&self, socket: SocketId) -> bool {
        self.0.contains_key(&socket)
    }

    /// Via's transport and sent-by, such as `TCP 198.51.100.1:5060`.
    pub fn sent_by(&self, socket: SocketId) -> Option<String> {
        let Socket {
            transport,
            advertised,
            ..
        } = self.0.get(&socket)?;
        Some(format!("{} {advertised}", transport.via_name()))
    }

    /// Our Contact towards trunks, brackets included. The transport is named where it isn't the usual one: the peer's
    /// requests shall come by it.
    pub fn contact(&self, socket: SocketId) -> String {
        let Some(socket) = self.0.get(&socket) else {
            return String::new();
        };
        let parameter = match socket.transport {
            Transport::Tcp => ";transport=tcp",
            Transport::Tls => ";transport=tls",
            Transport::Udp | Transport::Ws | Transport::Wss => "",
        };
        format!("<sip:{TRUNK_USER}@{}{parameter}>", socket.advertised)
    }

    /// The way back to a peer of this socket's.
    pub fn path(&self, socket: SocketId, peer: SocketAddr) -> Path {
        match self.transport(socket) {
            Transport::Tcp | Transport::Tls => Path::Connection { socket, peer },
            Transport::Udp | Transport::Ws | Transport::Wss => Path::Datagram { socket, peer },
        }
    }

    /// Where a request of this length goes instead.
    pub fn instead(&self, path: Path, length: usize) -> Option<Path> {
        let Path::Datagram { socket, peer } = path else {
            return None;
        };
        let large = self.0.get(&socket)?.for_large?;
        (length > LARGEST_DATAGRAM).then_some(Path::Connection {
            socket: large,
            peer,
        })
    }

    /// The same WebSocket, or the same address at any port: peers behind a NAT change ports, not addresses, and answer by
    /// whatever transport they like. But what began on TLS is continued on TLS only.
    pub fn is_same_peer(&self, one: Flow, other: Flow) -> bool {
        match (one, other) {
            (Flow::Stream(one), Flow::Stream(other)) => one == other,
            (Flow::Stream(_), _) | (_, Flow::Stream(_)) => false,
            (
                Flow::Datagram {
                    socket: a,
                    peer: one,
                }
                | Flow::Connection {
                    socket: a,
                    peer: one,
                },
                Flow::Datagram {
                    socket: b,
                    peer: other,
                }
                | Flow::Connection {
                    socket: b,
                    peer: other,
                },
            ) => one.ip() == other.ip() && self.is_secret(a) == self.is_secret(b),
        }
    }

    fn is_secret(&self, socket: SocketId) -> bool {
        self.transport(socket) == Transport::Tls
    }

    fn transport(&self, socket: SocketId) -> Transport {
        self.0
            .get(&socket)
            .map_or(Transport::Udp, |socket| socket.transport)
    }

    /// RFC 3261 §19.1.2.
    fn default_port(&self, socket: SocketId) -> u16 {
        if self.is_secret(socket) { 5061 } else { 5060 }
    }
}

/// The user part of our Contact towards trunks.
const TRUNK_USER: &str = "warmline";

/// RFC 3261 §18.1.1, where the path's MTU isn't known.
const LARGEST_DATAGRAM: usize = 1_300;
