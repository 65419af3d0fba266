//! Load on a media relay, and the truth from both of its ends.
//!
//! The relay is told of its calls by the *ng* protocol, which rtpengine speaks; so rtpengine and ours do the same work for the
//! same tester. Each call has a caller with RTP and a callee with SRTP (SDES), who send 20 ms of A-law to each other. All that
//! is sent is protected before the run and all that comes is opened by the `webrtc` crate's SRTP, a stack independent of ours.
//!
//! Three causes of loss are told apart: the tester was late, the tester's sockets were full, the relay lost it.

mod call;
mod hearing;
mod ng;
mod process;
mod sending;

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use socket2::SockRef;

use call::Call;
pub use hearing::{Attention, Heard};
use ng::Ng;
use process::{Spent, drops};
use sending::{SendTimes, Sent};

/// What to ask of which relay.
#[derive(Debug, Clone)]
pub struct RelayConfig {
    /// Where the relay takes its commands.
    pub ng: SocketAddr,
    /// The relay's process: whose processor time is measured.
    pub process: u32,
    /// The tester's own address.
    pub address: IpAddr,
    /// Calls at a time.
    pub calls: usize,
    /// How long they talk.
    pub talk: Duration,
    /// Whether packets are taken as they come, or in batches.
    pub attention: Attention,
}

/// Who of a call sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// RTP.
    Caller,
    /// SRTP.
    Callee,
}

/// What came of it. Times are in seconds where the name says nothing else.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct Report {
    pub calls: usize,
    pub talk: f64,
    pub sent: u64,
    pub received: u64,
    /// Sent, and neither received nor dropped by the tester.
    pub lost: i64,
    /// Not what was sent, or not authentic.
    pub wrong: u64,
    /// Opened or compared octet by octet.
    pub checked: u64,
    /// Dropped at the tester's own full sockets.
    pub tester_dropped: u64,
    /// The most that the tester was behind its own plan.
    pub tester_late_ms: f64,
    pub tester_processor: f64,
    pub relay_processor: f64,
    pub relay_in_kernel: f64,
    pub relay_us_per_packet: f64,
    /// By processor time: how many calls would fill a core.
    pub relay_calls_a_core: f64,
    pub latency_ms: Latency,
}

/// From the tester's sending to its receiving: the relay, both ways through the kernel, and the tester's own wake-up.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct Latency {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
}

/// Sets the calls up, lets them talk, and ends them.
///
/// # Errors
///
/// When the relay refuses a call, or the tester can't do its part.
pub fn run(config: &RelayConfig) -> Result<Report> {
    let sockets = [bind(config.address)?, bind(config.address)?];
    let ng = Ng::new(config.ng)?;
    let frames = frames(config.talk);
    let mut calls = Vec::with_capacity(config.calls);
    for number in 0..config.calls {
        let call = Call::place(number, &ng, &sockets, frames)
            .with_context(|| format!("call {number} of {}", config.calls))?;
        calls.push(call);
    }
    let measured = talk(config, &sockets, &calls)?;
    for call in &calls {
        call.end(&ng)?;
    }
    Ok(measured)
}

fn talk(config: &RelayConfig, sockets: &[UdpSocket; 2], calls: &[Call]) -> Result<Report> {
    let times = Arc::new(SendTimes::new(calls.len(), Instant::now()));
    let over = AtomicBool::new(false);
    let ports = sockets.each_ref().map(UdpSocket::local_addr);
    let [caller, callee] = ports;
    let ports = [caller?.port(), callee?.port()];
    let drops_before = drops(&ports)?;
    let (sent, heard, own, relay) = std::thread::scope(|scope| -> Result<_> {
        let ears = [Side::Caller, Side::Callee].map(|side| {
            let (times, over, socket) = (times.clone(), &over, &sockets[side as usize]);
            scope
                .spawn(move || hearing::listen(side, socket, calls, &times, config.attention, over))
        });
        let before = (Spent::ours()?, Spent::of(config.process)?);
        let sent = sending::speak(sockets, calls, frames(config.talk), &times);
        let after = (Spent::ours()?, Spent::of(config.process)?);
        std::thread::sleep(LINGER);
        over.store(true, Ordering::Relaxed);
        let mut heard = Heard::default();
        for ear in ears {
            let one = ear.join().expect("an ear doesn't panic")?;
            heard.add(&one);
        }
        Ok((sent?, heard, after.0 - before.0, after.1 - before.1))
    })?;
    let dropped = drops(&ports)? - drops_before;
    Ok(Report::new(config, &sent, &heard, own, relay, dropped))
}

impl Report {
    fn new(
        config: &RelayConfig,
        sent: &Sent,
        heard: &Heard,
        own: Spent,
        relay: Spent,
        dropped: u64,
    ) -> Self {
        let relay_processor = relay.total().as_secs_f64();
        let a_packet = relay_processor / (heard.packets + dropped).max(1) as f64;
        let millis = |share| heard.latency(share).as_secs_f64() * 1e3;
        Self {
            calls: config.calls,
            talk: config.talk.as_secs_f64(),
            sent: sent.packets,
            received: heard.packets,
            lost: sent.packets as i64 - heard.packets as i64 - dropped as i64,
            wrong: heard.wrong,
            checked: heard.checked,
            tester_dropped: dropped,
            tester_late_ms: sent.late.as_secs_f64() * 1e3,
            tester_processor: own.total().as_secs_f64(),
            relay_processor,
            relay_in_kernel: relay.system.as_secs_f64(),
            relay_us_per_packet: a_packet * 1e6,
            relay_calls_a_core: 1.0 / (a_packet * PACKETS_PER_CALL),
            latency_ms: Latency {
                p50: millis(0.5),
                p90: millis(0.9),
                p99: millis(0.99),
                max: millis(1.0),
            },
        }
    }
}

/// A pair of ports, as SDP means them: the odd one takes the relay's reports, which nobody reads.
fn bind(address: IpAddr) -> Result<UdpSocket> {
    let socket = UdpSocket::bind((address, 0))?;
    let socket_ref = SockRef::from(&socket);
    socket_ref.set_recv_buffer_size(SOCKET_BUFFER)?;
    socket_ref.set_send_buffer_size(SOCKET_BUFFER)?;
    ensure!(
        socket_ref.recv_buffer_size()? >= SOCKET_BUFFER / 2,
        "the kernel gives no larger socket buffers: raise net.core.rmem_max"
    );
    Ok(socket)
}

/// How many packets each side of a call sends.
fn frames(talk: Duration) -> usize {
    (talk.as_millis() / FRAME.as_millis()) as usize
}

/// Of a packet.
const FRAME: Duration = Duration::from_millis(20);
/// Both sides', each second.
const PACKETS_PER_CALL: f64 = 100.0;
/// Until the last packets have come.
const LINGER: Duration = Duration::from_millis(300);
/// What a burst of a tester's wake-up may need: Debian allows it without asking.
const SOCKET_BUFFER: usize = 4 << 20;
