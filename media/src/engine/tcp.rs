//! ICE over TCP (RFC 6544): a passive candidate on the WebRTC port's number, for browsers whose
//! network lets no UDP through. Packets are framed by RFC 4571.
//!
//! A connection is a stranger's until its leg's ICE agent has answered a check that came by it: it
//! then has the password. Strangers have seconds, few at a time from one address, and are heard
//! for checks alone. Nobody's unread octets cost more than a buffer of a few kilobytes.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use super::LegId;
use super::socket::{SocketKey, limit_send_buffer};
use crate::rtp::framing::{Backlog, Frames};

/// A worker's listener and the connections that it accepted.
#[derive(Debug, Default)]
pub struct Tcp {
    listener: Option<TcpListener>,
    /// By keys of our own numbering.
    connections: FxHashMap<SocketKey, Connection>,
    /// Peers choose what is hashed here.
    by_remote: HashMap<SocketAddr, SocketKey, RandomState>,
    strangers: Strangers,
    /// Until when nobody is taken: the process had no descriptor left.
    resting: Option<Instant>,
}

/// One browser's connection, or a stranger's.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    remote: SocketAddr,
    standing: Standing,
    frames: Frames,
    backlog: Backlog,
}

/// Whose a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nobody has shown a password yet.
    Stranger,
    /// The leg's ICE agent answered a check that came by it.
    Of(LegId),
}

/// There is no descriptor, or no memory, for another connection. It stays in the listener's queue, and the
/// listener rests for a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted;

/// Why a connection isn't taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

/// The connection is over: closed by the peer, broken, or not framed as RTP is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over;

/// Those who haven't shown a password, the oldest first.
#[derive(Debug, Default)]
struct Strangers {
    until: VecDeque<(Instant, SocketKey, IpAddr)>,
    by_source: HashMap<IpAddr, usize, RandomState>,
}

impl Tcp {
    /// Listens on `bound`.
    ///
    /// # Errors
    ///
    /// The system's, as when another program has the port.
    pub fn listen(bound: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(bound)?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener: Some(listener),
            ..Self::default()
        })
    }

    pub fn listener(&self) -> Option<&TcpListener> {
        self.listener.as_ref()
    }

    /// The next connection that waits, if any; what is wrong with one is no other's trouble.
    ///
    /// # Errors
    ///
    /// [`Exhausted`]: it still waits.
    pub fn accept(&self) -> Result<Option<(TcpStream, SocketAddr)>, Exhausted> {
        let Some(listener) = &self.listener else {
            return Ok(None);
        };
        match listener.accept() {
            Ok((stream, remote)) => {
                let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());
                Ok(Some((stream, remote)))
            }
            Err(error) if is_exhaustion(&error) => Err(Exhausted),
            Err(_) => Ok(None),
        }
    }

    /// Takes nobody for a moment; whoever watches the listener is to leave it alone until then.
    pub fn rest(&mut self, now: Instant) {
        self.resting = Some(now + REST);
    }

    /// The listener, once it has rested: to be watched again.
    pub fn rested(&mut self, now: Instant) -> Option<&TcpListener> {
        self.resting.take_if(|until| *until <= now)?;
        self.listener.as_ref()
    }

    /// Takes a connection in as a stranger's.
    ///
    /// # Errors
    ///
    /// [`TooMany`] of its address or in all; it is closed by being dropped.
    pub fn admit(
        &mut self,
        key: SocketKey,
        stream: TcpStream,
        remote: SocketAddr,
        now: Instant,
    ) -> Result<&TcpStream, TooMany> {
        self.strangers.admit(key, remote.ip(), now)?;
        // Audio can't wait for company (RFC 6544 §10.1), and what waits for long is of no use.
        let _ = stream.set_nodelay(true);
        limit_send_buffer(&stream);
        self.by_remote.insert(remote, key);
        let connection = self.connections.entry(key).insert_entry(Connection {
            stream,
            remote,
            standing: Standing::Stranger,
            frames: Frames::default(),
            backlog: Backlog::default(),
        });
        Ok(&connection.into_mut().stream)
    }

    pub fn has(&self, key: SocketKey) -> bool {
        self.connections.contains_key(&key)
    }

    pub fn connection(&mut self, key: SocketKey) -> Option<&mut Connection> {
        self.connections.get_mut(&key)
    }

    /// The connection with that far end.
    pub fn key_of(&self, remote: SocketAddr) -> Option<SocketKey> {
        self.by_remote.get(&remote).copied()
    }

    /// The leg's agent answered a check from `remote`: no stranger any more. Returns the leg's
    /// oldest other connection when it has too many.
    pub fn confirm(&mut self, remote: SocketAddr, leg: LegId) -> Option<SocketKey> {
        let key = self.key_of(remote)?;
        let connection = self.connections.get_mut(&key)?;
        if connection.standing == Standing::Of(leg) {
            return None;
        }
        connection.standing = Standing::Of(leg);
        self.strangers.release(key);
        let of_leg = self.of(leg);
        (of_leg.len() > OF_ONE_LEG)
            .then(|| of_leg.into_iter().filter(|&other| other != key).min())
            .flatten()
    }

    /// The connections of a leg.
    pub fn of(&self, leg: LegId) -> Vec<SocketKey> {
        let of_leg = |(&key, connection): (&SocketKey, &Connection)| {
            (connection.standing == Standing::Of(leg)).then_some(key)
        };
        self.connections.iter().filter_map(of_leg).collect()
    }

    /// Sends a packet by a connection, framed; whole or not at all.
    ///
    /// # Errors
    ///
    /// The peer doesn't read, or the connection is gone.
    pub fn send(&mut self, key: SocketKey, packet: &[u8]) -> io::Result<()> {
        let connection = self.connections.get_mut(&key);
        connection.ok_or(io::ErrorKind::NotConnected)?.send(packet)
    }

    /// Closes a connection; tells whose it was.
    pub fn close(&mut self, key: SocketKey) -> Option<(Standing, SocketAddr)> {
        let connection = self.connections.remove(&key)?;
        self.strangers.release(key);
        // A later connection from the same address and port may have taken its place.
        if self.by_remote.get(&connection.remote) == Some(&key) {
            self.by_remote.remove(&connection.remote);
        }
        Some((connection.standing, connection.remote))
    }

    /// When the next stranger has had its time, or the listener its rest.
    pub fn deadline(&self) -> Option<Instant> {
        let stranger = self.strangers.until.front().map(|&(until, ..)| until);
        stranger.into_iter().chain(self.resting).min()
    }

    /// A stranger who has had its time.
    pub fn expired(&self, now: Instant) -> Option<SocketKey> {
        let &(until, key, _) = self.strangers.until.front()?;
        (until <= now).then_some(key)
    }
}

impl Connection {
    pub fn standing(&self) -> Standing {
        self.standing
    }

    pub fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// Reads what is there, as far as there is room; `Ok(0)` when nothing is.
    ///
    /// # Errors
    ///
    /// [`Over`]
    pub fn read(&mut self) -> Result<usize, Over> {
        self.write_backlog().map_err(|_| Over)?;
        match self.stream.read(self.frames.room()) {
            Ok(0) => Err(Over),
            Ok(count) => {
                self.frames.advance(count);
                Ok(count)
            }
            Err(error) if is_passing(&error) => Ok(0),
            Err(_) => Err(Over),
        }
    }

    /// Copies the next whole packet into `slot`; returns its length.
    ///
    /// # Errors
    ///
    /// [`Over`]: what comes isn't framed.
    pub fn take(&mut self, slot: &mut [u8]) -> Result<Option<usize>, Over> {
        let Some(packet) = self.frames.take().map_err(|_| Over)? else {
            return Ok(None);
        };
        let room = slot.get_mut(..packet.len()).ok_or(Over)?;
        room.copy_from_slice(packet);
        Ok(Some(packet.len()))
    }

    fn send(&mut self, packet: &[u8]) -> io::Result<()> {
        let queued = self.backlog.push(packet);
        self.write_backlog()?;
        queued.map_err(|_| io::ErrorKind::WouldBlock.into())
    }

    /// What a full socket leaves is tried again with the next packet of either direction: there is
    /// one each 20 ms of a call, and a check every few seconds.
    fn write_backlog(&mut self) -> io::Result<()> {
        while !self.backlog.pending().is_empty() {
            match self.stream.write(self.backlog.pending()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.backlog.written(count),
                Err(error) if is_passing(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Strangers {
    fn admit(&mut self, key: SocketKey, source: IpAddr, now: Instant) -> Result<(), TooMany> {
        let count = self.by_source.get(&source).copied().unwrap_or(0);
        if count >= STRANGERS_OF_A_SOURCE || self.until.len() >= STRANGERS {
            return Err(TooMany);
        }
        self.by_source.insert(source, count + 1);
        self.until.push_back((now + STRANGER, key, source));
        Ok(())
    }

    fn release(&mut self, key: SocketKey) {
        let Some(at) = self.until.iter().position(|&(_, known, _)| known == key) else {
            return;
        };
        let Some((_, _, source)) = self.until.remove(at) else {
            return;
        };
        if let Some(count) = self.by_source.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.by_source.remove(&source);
            }
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

/// A browser checks at once, or as soon as it has our answer: offers and answers cross in less.
const STRANGER: Duration = Duration::from_secs(5);
/// An office of agents behind one address signs in at nine o'clock.
const STRANGERS_OF_A_SOURCE: usize = 64;
/// In all: what is left of a usual limit of descriptors is for those who are known.
const STRANGERS: usize = 256;
/// One that works, and one each for a page that restarts ICE while the old ones die.
const OF_ONE_LEG: usize = 4;

fn is_exhaustion(error: &io::Error) -> bool {
    let codes = [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::ENOBUFS];
    error
        .raw_os_error()
        .is_some_and(|code| codes.contains(&code))
}

/// Without it the listener would be asked again at once, and for ever.
const REST: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::engine::WorkerId;

    #[test]
    fn strangers_have_their_time_and_their_number() {
        let (mut strangers, now) = (Strangers::default(), Instant::now());
        let keys = || (0..).map(SocketKey);
        for key in keys().take(STRANGERS_OF_A_SOURCE) {
            assert_eq!(strangers.admit(key, source(1), now), Ok(()));
        }
        let next = SocketKey(STRANGERS_OF_A_SOURCE as u32);
        assert_eq!(strangers.admit(next, source(1), now), Err(TooMany));
        assert_eq!(strangers.admit(next, source(2), now), Ok(()));
        strangers.release(SocketKey(3));
        strangers.release(SocketKey(3));
        assert_eq!(strangers.admit(SocketKey(99), source(1), now), Ok(()));
        assert_eq!(
            strangers.admit(SocketKey(100), source(1), now),
            Err(TooMany)
        );
        let sources = (3..=255).map(source).cycle();
        let taken = keys()
            .skip(200)
            .zip(sources)
            .take(3_000)
            .filter(|&(key, source)| strangers.admit(key, source, now).is_ok())
            .count();
        assert_eq!(taken, STRANGERS - STRANGERS_OF_A_SOURCE - 1);
        for key in keys().take(4_000) {
            strangers.release(key);
        }
        assert!(strangers.until.is_empty() && strangers.by_source.is_empty());
    }

    #[test]
    fn a_connection_belongs_to_the_leg_that_answered_it_and_a_leg_has_few() {
        let mut tcp = Tcp::listen((Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
        let at = tcp
            .listener()
            .expect("it listens")
            .local_addr()
            .expect("bound");
        let now = Instant::now();
        let clients: Vec<TcpStream> = (0..=OF_ONE_LEG)
            .map(|_| TcpStream::connect(at).expect("accepted"))
            .collect();
        let mut remotes = Vec::new();
        for n in 0..clients.len() as u32 {
            let (stream, remote) = tcp.accept().expect("room").expect("it waits");
            tcp.admit(SocketKey(n), stream, remote, now).expect("few");
            remotes.push(remote);
        }
        assert_eq!(tcp.expired(now + STRANGER / 2), None);
        assert_eq!(tcp.expired(now + STRANGER), Some(SocketKey(0)));
        let answers: Vec<_> = remotes.iter().map(|&at| tcp.confirm(at, leg(1))).collect();
        assert_eq!(answers[..OF_ONE_LEG], [None; OF_ONE_LEG]);
        assert_eq!(answers[OF_ONE_LEG], Some(SocketKey(0)), "the oldest goes");
        assert_eq!(tcp.expired(now + STRANGER), None, "none is a stranger");
        assert_eq!(
            tcp.close(SocketKey(1)),
            Some((Standing::Of(leg(1)), remotes[1]))
        );
        assert_eq!(tcp.key_of(remotes[1]), None);
        assert!(tcp.send(SocketKey(1), &[0; 9]).is_err());
        assert!(tcp.send(SocketKey(2), &[0; 9]).is_ok());
    }

    #[test]
    fn a_listener_without_descriptors_rests_and_is_watched_again() {
        let mut tcp = Tcp::listen((Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
        let now = Instant::now();
        assert!(tcp.rested(now).is_none(), "it never rested");
        tcp.rest(now);
        assert_eq!(tcp.deadline(), Some(now + REST));
        assert!(tcp.rested(now + REST / 2).is_none());
        assert!(tcp.rested(now + REST).is_some());
        assert_eq!(
            (tcp.deadline(), tcp.rested(now + REST).is_some()),
            (None, false)
        );
        for code in [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::ENOBUFS] {
            assert!(is_exhaustion(&io::Error::from_raw_os_error(code)));
        }
        assert!(!is_exhaustion(&io::ErrorKind::WouldBlock.into()));
        assert!(!is_exhaustion(&io::ErrorKind::ConnectionAborted.into()));
    }

    fn source(n: u8) -> IpAddr {
        Ipv4Addr::new(198, 51, 100, n).into()
    }

    fn leg(number: u64) -> LegId {
        LegId {
            worker: WorkerId(0),
            number,
        }
    }
}
