//! The system calls: UDP in batches, epoll, eventfd; and the one hint to the processor. The only
//! module with `unsafe` of its own making.

use std::io;
use std::mem::{self, MaybeUninit};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use super::slab::{Outgoing, Received, Slab};

/// A cache's.
const LINE: usize = 64;

/// Datagrams per system call.
pub const BATCH: usize = 64;

/// A worker's name for one of its sockets; also epoll's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketKey(pub u32);

/// Wakes a worker out of its wait.
#[derive(Debug)]
pub struct Wake {
    eventfd: OwnedFd,
}

impl Wake {
    pub fn new() -> io::Result<Self> {
        // SAFETY: eventfd takes no pointers; its result is checked.
        let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
        Ok(Self {
            eventfd: owned(fd)?,
        })
    }

    /// Never blocks: a counter at its limit wakes just as well.
    pub fn wake(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: the descriptor is ours and open; `one` has the eight octets that are named.
        unsafe { libc::write(self.eventfd.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    /// Takes back all wake-ups so far.
    pub fn clear(&self) {
        let mut count = [0; 8];
        // SAFETY: the descriptor is ours and open; `count` has the eight octets that are named.
        unsafe {
            libc::read(
                self.eventfd.as_raw_fd(),
                count.as_mut_ptr().cast(),
                count.len(),
            )
        };
    }
}

/// What a worker waits on.
#[derive(Debug)]
pub struct Poll {
    epoll: OwnedFd,
}

impl Poll {
    pub fn new() -> io::Result<Self> {
        // SAFETY: epoll_create1 takes no pointers; its result is checked.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        Ok(Self { epoll: owned(fd)? })
    }

    pub fn add_socket(&self, socket: &impl AsRawFd, key: SocketKey) -> io::Result<()> {
        self.add(socket.as_raw_fd(), key.0)
    }

    /// Stops watching it; to be added again.
    pub fn remove_socket(&self, socket: &impl AsRawFd) {
        // SAFETY: both descriptors are open; since Linux 2.6.9 the event may be null.
        unsafe {
            libc::epoll_ctl(
                self.epoll.as_raw_fd(),
                libc::EPOLL_CTL_DEL,
                socket.as_raw_fd(),
                std::ptr::null_mut(),
            )
        };
    }

    pub fn add_wake(&self, wake: &Wake, key: SocketKey) -> io::Result<()> {
        self.add(wake.eventfd.as_raw_fd(), key.0)
    }

    fn add(&self, fd: RawFd, token: u32) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: token.into(),
        };
        // SAFETY: both descriptors are open and `event` outlives the call. A closed descriptor
        // leaves the set by itself.
        let result =
            unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &mut event) };
        checked(result as isize).map(|_| ())
    }

    /// Waits until something is readable or `timeout` is over, and puts what is into `ready`.
    pub fn wait(&self, ready: &mut Vec<SocketKey>, timeout: Duration) -> io::Result<()> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; BATCH];
        // Rounded up, or a deadline 0.4 ms away would be polled for in a loop.
        let millis = timeout.as_micros().div_ceil(1_000).min(60_000) as i32;
        // SAFETY: `events` has room for as many entries as are named.
        let count = unsafe {
            libc::epoll_wait(
                self.epoll.as_raw_fd(),
                events.as_mut_ptr(),
                BATCH as i32,
                millis,
            )
        };
        ready.clear();
        match checked(count as isize) {
            Ok(count) => {
                ready.extend(events[..count].iter().map(|event| {
                    let token = event.u64;
                    SocketKey(token as u32)
                }));
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Receives a datagram into each of `slots`, at most [`BATCH`], of which the first has the number `first`; returns how many
/// were filled. A datagram that doesn't fit a slot is skipped.
pub fn receive<'a>(
    socket: &UdpSocket,
    slots: impl Iterator<Item = &'a mut [u8]>,
    first: usize,
    received: &mut Vec<Received>,
) -> io::Result<usize> {
    // Only as many as are used are written.
    let mut names = [const { MaybeUninit::uninit() }; BATCH];
    let mut vectors = [const { MaybeUninit::uninit() }; BATCH];
    let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; BATCH];
    let mut room = 0;
    for (slot, ((name, vector), header)) in
        slots.zip(names.iter_mut().zip(&mut vectors).zip(&mut headers))
    {
        let length = Slab::CAPACITY.min(slot.len());
        header.write(message(
            name.write(no_name()),
            size_of::<libc::sockaddr_storage>() as libc::socklen_t,
            vector.write(vector_of(slot.as_mut_ptr(), length)),
        ));
        room += 1;
    }
    // SAFETY: the first `room` headers point to names, vectors and slots that outlive the call;
    // each vector is shorter than its slot.
    let count = unsafe {
        libc::recvmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr().cast(),
            room,
            libc::MSG_DONTWAIT,
            std::ptr::null_mut(),
        )
    };
    let count = checked(count as isize)?;
    for (n, (header, name)) in headers.iter().zip(&names).take(count).enumerate() {
        // SAFETY: the kernel filled no more than the `room` entries that were written above.
        let (header, name) = unsafe { (header.assume_init_ref(), name.assume_init_ref()) };
        if header.msg_hdr.msg_flags & libc::MSG_TRUNC == 0
            && let Some(from) = address(name)
        {
            received.push(Received {
                slot: first + n,
                length: header.msg_len as usize,
                from,
            });
        }
    }
    Ok(count)
}

/// Receives one datagram; its length and who sent it, or `None` when it doesn't fit a slot. For sockets that have one at a
/// time: the kernel does less for it than for a batch of one.
pub fn receive_one(socket: &UdpSocket, slot: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
    let room = slot.len().min(Slab::CAPACITY + 1);
    let (length, from) = socket.recv_from(&mut slot[..room])?;
    let from = SocketAddr::new(from.ip().to_canonical(), from.port());
    Ok((length <= Slab::CAPACITY).then_some((length, from)))
}

/// Sends datagrams of one socket, at most [`BATCH`]; returns how many the kernel took.
pub fn send(socket: &UdpSocket, slab: &Slab, datagrams: &[Outgoing]) -> io::Result<usize> {
    if let [alone] = datagrams {
        let octets = slab.read(alone.slot, alone.range.clone());
        return socket.send_to(octets, alone.to).map(|_| 1);
    }
    let mut names = [const { MaybeUninit::uninit() }; BATCH];
    let mut vectors = [const { MaybeUninit::uninit() }; BATCH];
    let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; BATCH];
    let mut count = 0;
    for (datagram, ((name, vector), header)) in datagrams
        .iter()
        .zip(names.iter_mut().zip(&mut vectors).zip(&mut headers))
    {
        let octets = slab.read(datagram.slot, datagram.range.clone());
        let name = name.write(no_name());
        let length = write_address(datagram.to, name);
        let octets = vector_of(octets.as_ptr().cast_mut(), octets.len());
        header.write(message(name, length, vector.write(octets)));
        count += 1;
    }
    // SAFETY: the first `count` headers point to names, vectors and octets that outlive the
    // call; the kernel only reads what the vectors point to.
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr().cast(),
            count,
            libc::MSG_DONTWAIT,
        )
    };
    checked(sent as isize)
}

/// Asks for what stands in these octets, since a packet that waits will need it. Nobody waits for it to come, and nothing is
/// read: any address will do.
#[inline]
pub fn prefetch(at: *const u8, octets: usize) {
    let before = at.addr() % LINE;
    for line in (0..before + octets).step_by(LINE) {
        let line = at.wrapping_sub(before).wrapping_add(line);
        #[cfg(target_arch = "x86_64")]
        // SAFETY: it is a hint, and faults nowhere.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(line.cast());
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = line;
    }
}

fn no_name() -> libc::sockaddr_storage {
    // SAFETY: all-zero octets are a valid sockaddr_storage.
    unsafe { mem::zeroed() }
}

fn vector_of(octets: *mut u8, length: usize) -> libc::iovec {
    libc::iovec {
        iov_base: octets.cast(),
        iov_len: length,
    }
}

fn message(
    name: &mut libc::sockaddr_storage,
    length: libc::socklen_t,
    vector: &mut libc::iovec,
) -> libc::mmsghdr {
    // SAFETY: all-zero octets are a valid mmsghdr.
    let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
    header.msg_hdr.msg_name = std::ptr::from_mut(name).cast();
    header.msg_hdr.msg_namelen = length;
    header.msg_hdr.msg_iov = vector;
    header.msg_hdr.msg_iovlen = 1;
    header
}

/// Takes as many descriptors as the system's hard limit gives: the usual soft one is for programs without calls.
pub fn raise_descriptor_limit() {
    // SAFETY: an rlimit is two integers, and both calls are given one that outlives them.
    unsafe {
        let mut limit: libc::rlimit = mem::zeroed();
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
    }
}

/// Asks for socket buffers that hold a burst of a thousand calls; the kernel may give less.
pub fn enlarge_buffers(socket: &UdpSocket) {
    for option in [libc::SO_RCVBUF, libc::SO_SNDBUF] {
        set_buffer(socket.as_raw_fd(), option, 4 << 20);
    }
}

/// Keeps what a connection's peer doesn't read short: audio that waits for seconds is of no use.
pub fn limit_send_buffer(socket: &TcpStream) {
    set_buffer(socket.as_raw_fd(), libc::SO_SNDBUF, 8 << 10);
}

/// Asks for a buffer of `size` octets; what the kernel gives instead is as good.
fn set_buffer(fd: RawFd, option: libc::c_int, size: libc::c_int) {
    // SAFETY: `size` is an int, as both options want it, and outlives the call.
    unsafe {
        libc::setsockopt(
            fd,
            libc::SOL_SOCKET,
            option,
            std::ptr::from_ref(&size).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
}

fn owned(fd: RawFd) -> io::Result<OwnedFd> {
    checked(fd as isize)?;
    // SAFETY: the descriptor was just made, is valid, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn checked(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

fn address(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match i32::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says which type it is; a sockaddr_storage is large and aligned
            // enough for each.
            let name: &libc::sockaddr_in = unsafe { &*std::ptr::from_ref(name).cast() };
            let ip = Ipv4Addr::from(u32::from_be(name.sin_addr.s_addr));
            Some(SocketAddr::new(ip.into(), u16::from_be(name.sin_port)))
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let name: &libc::sockaddr_in6 = unsafe { &*std::ptr::from_ref(name).cast() };
            let ip = Ipv6Addr::from(name.sin6_addr.s6_addr);
            Some(SocketAddr::new(
                ip.to_canonical(),
                u16::from_be(name.sin6_port),
            ))
        }
        _ => None,
    }
}

fn write_address(address: SocketAddr, name: &mut libc::sockaddr_storage) -> libc::socklen_t {
    match address {
        SocketAddr::V4(v4) => {
            // SAFETY: a sockaddr_storage is large and aligned enough for a sockaddr_in.
            let name: &mut libc::sockaddr_in = unsafe { &mut *std::ptr::from_mut(name).cast() };
            name.sin_family = libc::AF_INET as libc::sa_family_t;
            name.sin_port = v4.port().to_be();
            name.sin_addr.s_addr = u32::from(*v4.ip()).to_be();
            size_of::<libc::sockaddr_in>() as libc::socklen_t
        }
        SocketAddr::V6(v6) => {
            // SAFETY: a sockaddr_storage is large and aligned enough for a sockaddr_in6.
            let name: &mut libc::sockaddr_in6 = unsafe { &mut *std::ptr::from_mut(name).cast() };
            name.sin6_family = libc::AF_INET6 as libc::sa_family_t;
            name.sin6_port = v6.port().to_be();
            name.sin6_addr.s6_addr = v6.ip().octets();
            size_of::<libc::sockaddr_in6>() as libc::socklen_t
        }
    }
}
