//! The tester's ears: what comes is counted, timed, and compared with what was said.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use webrtc::srtp::context::Context;

use super::Side;
use super::call::{Call, HEADER, PAYLOAD, payload, told};
use super::sending::SendTimes;

/// How the tester listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attention {
    /// Wakes up for each packet: to measure how long it was on its way.
    EachPacket,
    /// Looks once a millisecond, as cheaply as it can: to measure how much passes.
    Batches,
}

/// What an ear heard.
#[derive(Debug, Default)]
pub struct Heard {
    pub packets: u64,
    pub wrong: u64,
    pub checked: u64,
    /// Packets by how many steps of [`STEP`] they were on their way; the last has all the others.
    latencies: Vec<u64>,
}

/// One call as it is heard.
struct Voice {
    call: usize,
    /// What opens it; the caller's ear needs nothing.
    context: Option<Context>,
    /// The sequence number that the relay gave to the packet of number 0.
    first: Option<u16>,
}

impl Heard {
    pub fn add(&mut self, other: &Self) {
        self.packets += other.packets;
        self.wrong += other.wrong;
        self.checked += other.checked;
        self.latencies.resize(STEPS, 0);
        for (mine, theirs) in self.latencies.iter_mut().zip(&other.latencies) {
            *mine += theirs;
        }
    }

    /// What this share of the packets took at most.
    pub fn latency(&self, share: f64) -> Duration {
        let total: u64 = self.latencies.iter().sum();
        let wanted = (total as f64 * share).ceil() as u64;
        let mut below = 0;
        let step = self.latencies.iter().position(|count| {
            below += count;
            below >= wanted
        });
        STEP * step.map_or(0, |step| step as u32 + 1)
    }

    fn time(&mut self, latency: Duration) {
        let step = (latency.as_nanos() / STEP.as_nanos()) as usize;
        self.latencies.resize(STEPS, 0);
        self.latencies[step.min(STEPS - 1)] += 1;
    }
}

/// Hears what is said to one side, until it is over.
pub fn listen(
    side: Side,
    socket: &UdpSocket,
    calls: &[Call],
    times: &SendTimes,
    attention: Attention,
    over: &AtomicBool,
) -> Result<Heard> {
    let mut voices = voices(side, calls)?;
    let mut heard = Heard::default();
    let mut packet = [0; 2_048];
    // Both ears' sockets send as well; a socket that doesn't block sends a small datagram all the same.
    match attention {
        Attention::EachPacket => socket.set_read_timeout(Some(LOOK))?,
        Attention::Batches => socket.set_nonblocking(true)?,
    }
    loop {
        match socket.recv_from(&mut packet) {
            Ok((length, from)) => {
                let now = Instant::now();
                if let Some(voice) = &mut voices[usize::from(from.port())] {
                    hear(side, voice, &packet[..length], times, now, &mut heard);
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if over.load(Ordering::Relaxed) {
                    return Ok(heard);
                }
                if attention == Attention::Batches {
                    sleep(LOOK);
                }
            }
            // The relay's answer to what came after a call's end.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
            Err(error) => return Err(error).context("hearing"),
        }
    }
}

/// By the relay's port.
fn voices(side: Side, calls: &[Call]) -> Result<Vec<Option<Voice>>> {
    let mut voices: Vec<_> = (0..=u16::MAX).map(|_| None).collect();
    for (nth, call) in calls.iter().enumerate() {
        let context = match side {
            Side::Caller => None,
            Side::Callee => Some(call.receiver()?),
        };
        voices[usize::from(call.relay(side).port())] = Some(Voice {
            call: nth,
            context,
            first: None,
        });
    }
    Ok(voices)
}

fn hear(
    side: Side,
    voice: &mut Voice,
    packet: &[u8],
    times: &SendTimes,
    now: Instant,
    heard: &mut Heard,
) {
    // Reports have their own port, but for relays that multiplex them.
    if packet.len() < HEADER + PAYLOAD {
        return;
    }
    heard.packets += 1;
    let sequence = u16::from_be_bytes([packet[2], packet[3]]);
    let said = match side {
        Side::Caller => Side::Callee,
        Side::Callee => Side::Caller,
    };
    let number = match voice.first {
        Some(first) => usize::from(sequence.wrapping_sub(first)),
        None => match open(voice, packet).and_then(|payload| told(&payload)) {
            Some((_, _, number)) => {
                voice.first = Some(sequence.wrapping_sub(number as u16));
                number
            }
            None => {
                heard.wrong += 1;
                return;
            }
        },
    };
    heard.time(times.since(voice.call, said, number, now));
    if voice.context.is_some() && !number.is_multiple_of(OPENED) {
        return;
    }
    heard.checked += 1;
    let expected = payload(voice.call, said, number);
    if open(voice, packet).is_none_or(|payload| payload[..] != expected) {
        heard.wrong += 1;
    }
}

/// A packet's payload, if it is authentic.
fn open(voice: &mut Voice, packet: &[u8]) -> Option<Bytes> {
    let opened = match &mut voice.context {
        Some(context) => context.decrypt_rtp(packet).ok()?,
        None => Bytes::copy_from_slice(packet),
    };
    (opened.len() >= HEADER).then(|| opened.slice(HEADER..))
}

/// Of the protected ones, one in as many is opened: the tester must not need more than the relay.
const OPENED: usize = 10;
const LOOK: Duration = Duration::from_millis(1);
const STEP: Duration = Duration::from_micros(10);
/// Up to 200 ms.
const STEPS: usize = 20_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_the_latencies_are_told_in_steps() {
        let mut heard = Heard::default();
        for n in 1..=100 {
            heard.time(Duration::from_micros(100 * n - 1));
        }
        heard.time(Duration::from_secs(9));
        let mut both = Heard::default();
        both.add(&heard);
        assert_eq!(both.latency(0.5), Duration::from_micros(5_100));
        assert_eq!(both.latency(0.99), Duration::from_millis(10));
        assert_eq!(both.latency(1.0), STEP * STEPS as u32);
        assert_eq!(Heard::default().latency(0.5), Duration::ZERO);
    }
}
