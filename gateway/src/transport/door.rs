//! TCP and TLS of trunks: where connections are taken, and whence they are opened (RFC 3261 §18, RFC 5923).

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use signaling::SocketId;
use signaling::admission::CallRate;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::connection::{Connection, Origin, Times};
use super::websocket::Io;
use super::{Registry, lock};

/// What connections of one socket are.
#[derive(Debug, Clone)]
pub enum Security {
    /// TCP as it is.
    Plain,
    /// TLS.
    Tls {
        /// What we show; `None`: nobody opens connections to us.
        server: Option<Arc<rustls::ServerConfig>>,
        /// Whom we trust when we open one.
        client: Arc<rustls::ClientConfig>,
    },
}

/// One socket's connections.
#[derive(Debug)]
pub(super) struct Door {
    pub socket: SocketId,
    /// Ours; connections that we open come from it, so that the peer's own list admits them.
    pub address: SocketAddr,
    pub security: Security,
    pub times: Times,
    /// What peers are called in their certificates, where they are configured by name.
    pub names: Mutex<HashMap<IpAddr, String>>,
    callers: Arc<Mutex<HashMap<IpAddr, Caller>>>,
}

/// A peer's open connections, and how fast it may open more.
#[derive(Debug)]
struct Caller {
    open: usize,
    rate: CallRate,
}

/// One of a peer's connections; dropped with it.
#[derive(Debug)]
pub(super) struct Place {
    callers: Arc<Mutex<HashMap<IpAddr, Caller>>>,
    peer: IpAddr,
}

impl Door {
    pub fn new(socket: SocketId, address: SocketAddr, security: Security, times: Times) -> Self {
        Self {
            socket,
            address,
            security,
            times,
            names: Mutex::default(),
            callers: Arc::default(),
        }
    }

    /// Takes connections for as long as the program runs. What isn't admitted is closed without a byte.
    pub async fn accept(self: Arc<Self>, listener: TcpListener, registry: Arc<Registry>) {
        // Dropped with this task, and with it every connection.
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let (tcp, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a trunk's connection can't be taken");
                    tokio::time::sleep(AFTER_ERROR).await;
                    continue;
                }
            };
            let now = Instant::now();
            if !registry.gate.admits(now, self.socket, peer.ip()) {
                continue;
            }
            let Some(place) = self.place(now, peer.ip()) else {
                registry.gate.counts.crowded.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(%peer, "a connection too many was closed");
                continue;
            };
            connections.spawn(self.clone().take(tcp, peer, place, registry.clone()));
        }
    }

    async fn take(
        self: Arc<Self>,
        tcp: TcpStream,
        peer: SocketAddr,
        place: Place,
        registry: Arc<Registry>,
    ) {
        let io = match self.welcome(tcp).await {
            Ok(io) => io,
            Err(error) => {
                tracing::debug!(%peer, %error, "a connection wasn't taken");
                return;
            }
        };
        let (connection, ends) = Connection::new(&registry, self.socket, peer, self.times);
        connection.carry(io, ends, Origin::Accepted).await;
        drop(place);
    }

    async fn welcome(&self, tcp: TcpStream) -> io::Result<Box<dyn Io>> {
        tcp.set_nodelay(true)?;
        match &self.security {
            Security::Plain => Ok(Box::new(tcp)),
            Security::Tls { server: None, .. } => Err(io::ErrorKind::Unsupported.into()),
            Security::Tls {
                server: Some(server),
                ..
            } => {
                let accepted = TlsAcceptor::from(server.clone()).accept(tcp);
                let tls = timeout(self.times.handshake, accepted).await??;
                Ok(Box::new(tls))
            }
        }
    }

    /// Opens a connection from our address.
    ///
    /// # Errors
    ///
    /// The system's or TLS's, or that it took too long.
    pub async fn open(&self, peer: SocketAddr) -> io::Result<Box<dyn Io>> {
        let socket = match peer {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        if !self.address.ip().is_unspecified() {
            socket.bind(SocketAddr::new(self.address.ip(), 0))?;
        }
        let tcp = timeout(CONNECT_PATIENCE, socket.connect(peer)).await??;
        tcp.set_nodelay(true)?;
        match &self.security {
            Security::Plain => Ok(Box::new(tcp)),
            Security::Tls { client, .. } => {
                let name = self.server_name(peer.ip())?;
                let connected = TlsConnector::from(client.clone()).connect(name, tcp);
                let tls = timeout(self.times.handshake, connected).await??;
                Ok(Box::new(tls))
            }
        }
    }

    /// The configured name, which the certificate must hold; else the address itself.
    fn server_name(&self, peer: IpAddr) -> io::Result<ServerName<'static>> {
        match lock(&self.names).get(&peer) {
            Some(name) => ServerName::try_from(name.clone()).map_err(io::Error::other),
            None => Ok(ServerName::IpAddress(peer.into())),
        }
    }

    fn place(&self, now: Instant, peer: IpAddr) -> Option<Place> {
        let mut callers = lock(&self.callers);
        let caller = callers.entry(peer).or_insert_with(|| Caller {
            open: 0,
            rate: CallRate::per_second(OPENED_A_SECOND),
        });
        if caller.open >= OPEN_AT_MOST || caller.rate.admit(now).is_err() {
            return None;
        }
        caller.open += 1;
        Some(Place {
            callers: self.callers.clone(),
            peer,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(caller) = lock(&self.callers).get_mut(&self.peer) {
            caller.open = caller.open.saturating_sub(1);
        }
    }
}

/// Connections of one address; a carrier's proxy has a handful.
const OPEN_AT_MOST: usize = 64;

/// New connections of one address: room for a proxy that opens one a call.
const OPENED_A_SECOND: u32 = 100;

/// Below the time that a call with another peer to try waits for this one.
const CONNECT_PATIENCE: Duration = Duration::from_secs(4);

/// The system's errors here pass, such as want of descriptors.
const AFTER_ERROR: Duration = Duration::from_millis(100);
