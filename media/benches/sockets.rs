//! `cargo bench -p media --bench sockets`: ways for one thread to take datagrams from sockets and send each on.
//!
//! - `own, mmsg`: a socket for each leg, as plain legs have it: epoll, `recvmmsg` and `sendmmsg` of one datagram.
//! - `own, single`: the same by `recvfrom` and `sendto`, as a worker does it.
//! - `own, connected`: the same by `recv` and `send` of connected sockets, which know their way and hear nobody else.
//! - `own, edge`: as single, told of by epoll once for what came.
//! - `own, io_uring`: the same sockets by multishot receives into a ring of registered buffers, and sends in one submission.
//! - `shared, mmsg`: one socket for all legs, as WebRTC legs have it: `recvmmsg` and `sendmmsg` of 64.
//! - `shared, io_uring`: the same by one multishot receive.
//!
//! Only the processor time of taking and sending is counted, of a thread on loopback, so the receiving half of each send is in
//! it. The smallest of some rounds is told: what else the machine does makes it larger.

#![allow(missing_docs, clippy::unwrap_used, reason = "a measurement")]

use std::mem;
use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use io_uring::types::{BufRingEntry, Fd, RecvMsgOut};
use io_uring::{IoUring, cqueue, opcode};
use rustix::time::{ClockId, clock_gettime};

fn main() {
    let sink = bind();
    sink.set_nonblocking(true).unwrap();
    println!(
        "{DATAGRAMS} datagrams a round, {ROUNDS} rounds; ns of processor time for taking and sending on one:"
    );
    for (name, calls) in CALLS {
        measure(&format!("own, {name}"), DATAGRAMS, &sink, |sockets| {
            Ok(Box::new(Epoll::new(sockets, calls)))
        });
    }
    let ring = |sockets: &[UdpSocket]| -> std::io::Result<Box<dyn Way>> {
        Ok(Box::new(Ring::new(sockets)?))
    };
    measure("own, io_uring", DATAGRAMS, &sink, ring);
    measure("shared, mmsg", 1, &sink, |_| Ok(Box::new(Batches::new())));
    measure("shared, io_uring", 1, &sink, ring);
}

fn measure(
    name: &str,
    sockets: usize,
    sink: &UdpSocket,
    way: impl Fn(&[UdpSocket]) -> std::io::Result<Box<dyn Way>>,
) {
    let sockets: Vec<UdpSocket> = (0..sockets).map(|_| bind()).collect();
    let mut way = match way(&sockets) {
        Ok(way) => way,
        Err(error) => return println!("{name}: not allowed here: {error}"),
    };
    way.begin(&sockets, address(sink));
    let spent = (0..ROUNDS).map(|_| round(&sockets, sink, way.as_mut()));
    let mut spent: Vec<Duration> = spent.collect();
    spent.sort_unstable();
    let each = |spent: Duration| spent.as_nanos() / DATAGRAMS as u128;
    let (least, median) = (each(spent[0]), each(spent[ROUNDS / 2]));
    println!("{name}: {least} (median {median})");
}

/// A way of taking what came, and sending it on.
trait Way {
    /// Takes up to `left` datagrams and sends them to `sink`; how many.
    fn turn(&mut self, sockets: &[UdpSocket], sink: SocketAddrV4, left: usize) -> usize;

    /// Whom the sockets are to hear alone.
    fn begin(&mut self, _sockets: &[UdpSocket], _peer: SocketAddrV4) {}
}

/// What taking and sending on a round's datagrams takes, in batches as a worker meets them.
fn round(sockets: &[UdpSocket], sink: &UdpSocket, way: &mut dyn Way) -> Duration {
    // One peer sends and receives, or connected sockets wouldn't hear it.
    let (from, to) = (sink, address(sink));
    let mut spent = Duration::ZERO;
    for batch in 0..DATAGRAMS / BATCH {
        for n in 0..BATCH {
            let socket = &sockets[(batch * BATCH + n) % sockets.len()];
            from.send_to(&[7; LENGTH], address(socket)).unwrap();
        }
        let begun = processor_time();
        let mut left = BATCH;
        while left > 0 {
            left -= way.turn(sockets, to, left);
        }
        spent += processor_time() - begun;
        let mut datagram = [0; 2_048];
        while sink.recv(&mut datagram).is_ok() {}
    }
    spent
}

struct Epoll {
    epoll: i32,
    calls: Calls,
}

/// By which calls a socket of its own is read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Calls {
    Batched,
    Single,
    Connected,
    Edge,
}

const CALLS: [(&str, Calls); 4] = [
    ("mmsg", Calls::Batched),
    ("single", Calls::Single),
    ("connected", Calls::Connected),
    ("edge", Calls::Edge),
];

impl Epoll {
    fn new(sockets: &[UdpSocket], calls: Calls) -> Self {
        // SAFETY: no pointers.
        let epoll = unsafe { libc::epoll_create1(0) };
        let edge = if calls == Calls::Edge {
            libc::EPOLLET
        } else {
            0
        };
        for (n, socket) in sockets.iter().enumerate() {
            let mut event = libc::epoll_event {
                events: (libc::EPOLLIN | edge) as u32,
                u64: n as u64,
            };
            // SAFETY: `event` outlives the call.
            let added = unsafe {
                libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, socket.as_raw_fd(), &mut event)
            };
            assert_eq!(added, 0);
        }
        Self { epoll, calls }
    }

    fn pass(&self, socket: &UdpSocket, sink: SocketAddrV4) {
        let mut slots = [[0u8; 2_048]; 1];
        match self.calls {
            Calls::Batched => {
                assert_eq!(receive::<1>(socket.as_raw_fd(), &mut slots), 1);
                send::<1>(socket.as_raw_fd(), &mut slots, sink);
            }
            Calls::Single | Calls::Edge => {
                let (length, _) = socket.recv_from(&mut slots[0]).unwrap();
                socket.send_to(&slots[0][..length], sink).unwrap();
            }
            Calls::Connected => {
                let length = socket.recv(&mut slots[0]).unwrap();
                socket.send(&slots[0][..length]).unwrap();
            }
        }
    }
}

impl Way for Epoll {
    fn turn(&mut self, sockets: &[UdpSocket], sink: SocketAddrV4, _: usize) -> usize {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; BATCH];
        // SAFETY: there is room for as many events as are named.
        let count =
            unsafe { libc::epoll_wait(self.epoll, events.as_mut_ptr(), BATCH as i32, 1_000) };
        for event in &events[..count as usize] {
            self.pass(&sockets[event.u64 as usize], sink);
        }
        count as usize
    }

    fn begin(&mut self, sockets: &[UdpSocket], peer: SocketAddrV4) {
        if self.calls == Calls::Connected {
            for socket in sockets {
                socket.connect(peer).unwrap();
            }
        }
    }
}

struct Batches {
    slots: Box<[[u8; 2_048]]>,
}

impl Batches {
    fn new() -> Self {
        Self {
            slots: vec![[0; 2_048]; BATCH].into(),
        }
    }
}

impl Way for Batches {
    fn turn(&mut self, sockets: &[UdpSocket], sink: SocketAddrV4, left: usize) -> usize {
        let fd = sockets[0].as_raw_fd();
        let count = receive::<BATCH>(fd, &mut self.slots[..left]);
        send::<BATCH>(fd, &mut self.slots[..count], sink);
        count
    }
}

/// `recvmmsg` into the slots, of which there are at most `N`.
fn receive<const N: usize>(fd: i32, slots: &mut [[u8; 2_048]]) -> usize {
    // SAFETY: zeroes are valid, and all that is pointed to outlives the call.
    unsafe {
        let mut names: [libc::sockaddr_in; N] = mem::zeroed();
        let mut vectors: [libc::iovec; N] = mem::zeroed();
        let mut headers: [libc::mmsghdr; N] = mem::zeroed();
        for (n, slot) in slots.iter_mut().enumerate() {
            vectors[n].iov_base = slot.as_mut_ptr().cast();
            vectors[n].iov_len = slot.len();
            headers[n].msg_hdr.msg_name = (&raw mut names[n]).cast();
            headers[n].msg_hdr.msg_namelen = size_of::<libc::sockaddr_in>() as u32;
            headers[n].msg_hdr.msg_iov = &raw mut vectors[n];
            headers[n].msg_hdr.msg_iovlen = 1;
        }
        let room = slots.len() as u32;
        let count = libc::recvmmsg(fd, headers.as_mut_ptr(), room, 0, std::ptr::null_mut());
        usize::try_from(count).unwrap()
    }
}

/// `sendmmsg` out of the slots.
fn send<const N: usize>(fd: i32, slots: &mut [[u8; 2_048]], sink: SocketAddrV4) {
    let mut name = raw(sink);
    // SAFETY: as above.
    unsafe {
        let mut vectors: [libc::iovec; N] = mem::zeroed();
        let mut headers: [libc::mmsghdr; N] = mem::zeroed();
        for (n, slot) in slots.iter_mut().enumerate() {
            vectors[n].iov_base = slot.as_mut_ptr().cast();
            vectors[n].iov_len = LENGTH;
            headers[n].msg_hdr.msg_name = (&raw mut name).cast();
            headers[n].msg_hdr.msg_namelen = size_of::<libc::sockaddr_in>() as u32;
            headers[n].msg_hdr.msg_iov = &raw mut vectors[n];
            headers[n].msg_hdr.msg_iovlen = 1;
        }
        let sent = libc::sendmmsg(fd, headers.as_mut_ptr(), slots.len() as u32, 0);
        assert_eq!(sent as usize, slots.len());
    }
}

struct Ring {
    ring: IoUring,
    entries: &'static mut [BufRingEntry],
    buffers: Box<[[u8; 2_048]]>,
    /// What multishot receives lay a datagram out by: a name, and no control data.
    header: Box<libc::msghdr>,
    tail: u16,
    name: Box<libc::sockaddr_in>,
}

impl Ring {
    fn new(sockets: &[UdpSocket]) -> std::io::Result<Self> {
        let ring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .build(2 * DATAGRAMS as u32)?;
        // SAFETY: zeroes are valid.
        let mut header: Box<libc::msghdr> = Box::new(unsafe { mem::zeroed() });
        header.msg_namelen = size_of::<libc::sockaddr_in>() as u32;
        // SAFETY: an anonymous mapping of whole pages, which is never unmapped.
        let entries = unsafe {
            let length = BUFFERS * size_of::<BufRingEntry>();
            let (access, kind) = (
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_ANONYMOUS | libc::MAP_PRIVATE,
            );
            let mapped = libc::mmap(std::ptr::null_mut(), length, access, kind, -1, 0);
            assert_ne!(mapped, libc::MAP_FAILED);
            std::slice::from_raw_parts_mut(mapped.cast::<BufRingEntry>(), BUFFERS)
        };
        // SAFETY: the ring of entries is page-aligned and stays.
        unsafe {
            let at = entries.as_ptr() as u64;
            let submitter = ring.submitter();
            submitter.register_buf_ring_with_flags(at, BUFFERS as u16, 0, 0)?;
        }
        let mut this = Self {
            ring,
            entries,
            buffers: vec![[0; 2_048]; BUFFERS].into(),
            header,
            tail: 0,
            name: Box::new(raw(SocketAddrV4::new([127, 0, 0, 1].into(), 0))),
        };
        for buffer in 0..BUFFERS as u16 {
            this.give(buffer);
        }
        this.publish();
        for (n, socket) in sockets.iter().enumerate() {
            this.listen(n, socket);
        }
        this.ring.submit()?;
        Ok(this)
    }

    fn listen(&mut self, n: usize, socket: &UdpSocket) {
        let receive = opcode::RecvMsgMulti::new(Fd(socket.as_raw_fd()), &*self.header, 0);
        let entry = receive.build().user_data(n as u64);
        // SAFETY: the header outlives the ring's use of it.
        unsafe { self.ring.submission().push(&entry) }.unwrap();
    }

    /// Puts a buffer back for the kernel.
    fn give(&mut self, buffer: u16) {
        let at = usize::from(self.tail) % BUFFERS;
        let entry = &mut self.entries[at];
        entry.set_addr(self.buffers[usize::from(buffer)].as_ptr() as u64);
        entry.set_len(2_048);
        entry.set_bid(buffer);
        self.tail = self.tail.wrapping_add(1);
    }

    /// Tells the kernel of them.
    fn publish(&self) {
        // SAFETY: the tail lies within the first entry, as the kernel defines it.
        let tail = unsafe { BufRingEntry::tail(self.entries.as_ptr()) }.cast::<AtomicU16>();
        // SAFETY: as above; the kernel reads it at the same time.
        unsafe { (*tail).store(self.tail, Ordering::Release) };
    }
}

impl Way for Ring {
    fn turn(&mut self, sockets: &[UdpSocket], sink: SocketAddrV4, _: usize) -> usize {
        *self.name = raw(sink);
        self.ring.submit_and_wait(1).unwrap();
        let completions: Vec<cqueue::Entry> = self.ring.completion().collect();
        let mut taken = 0;
        for completion in completions {
            if completion.user_data() >= SENT {
                self.give((completion.user_data() - SENT) as u16);
                continue;
            }
            let n = completion.user_data() as usize;
            if !cqueue::more(completion.flags()) {
                self.listen(n, &sockets[n]);
            }
            let Some(buffer) = cqueue::buffer_select(completion.flags()) else {
                continue;
            };
            let octets = &self.buffers[usize::from(buffer)][..completion.result() as usize];
            let datagram = RecvMsgOut::parse(octets, &self.header).unwrap();
            let payload = datagram.payload_data();
            let fd = Fd(sockets[n].as_raw_fd());
            let send = opcode::Send::new(fd, payload.as_ptr(), payload.len() as u32)
                .dest_addr((&raw const *self.name).cast())
                .dest_addr_len(size_of::<libc::sockaddr_in>() as u32);
            let entry = send.build().user_data(SENT + u64::from(buffer));
            // SAFETY: buffer and name stay until the send is completed.
            unsafe { self.ring.submission().push(&entry) }.unwrap();
            taken += 1;
        }
        self.publish();
        // What is sent last is sent within this turn.
        self.ring.submit().unwrap();
        taken
    }
}

fn bind() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").unwrap()
}

fn address(socket: &UdpSocket) -> SocketAddrV4 {
    match socket.local_addr().unwrap() {
        SocketAddr::V4(address) => address,
        SocketAddr::V6(_) => unreachable!("bound to IPv4"),
    }
}

fn raw(address: SocketAddrV4) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from(*address.ip()).to_be(),
        },
        sin_zero: [0; 8],
    }
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

const DATAGRAMS: usize = 1_024;
const ROUNDS: usize = 200;
const BATCH: usize = 64;
/// RTP with SRTP's tag.
const LENGTH: usize = 182;
const BUFFERS: usize = 4_096;
/// Numbers of sends; below are sockets.
const SENT: u64 = 1 << 32;
