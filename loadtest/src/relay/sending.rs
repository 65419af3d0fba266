//! The tester's mouth: every side's packet each 20 ms, the calls spread over them.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::call::Call;
use super::{FRAME, Side};

/// When each packet was sent, for those who hear it.
#[derive(Debug)]
pub struct SendTimes {
    epoch: Instant,
    /// Nanoseconds since the epoch, by call, side and packet; the last few of each.
    sent: Vec<AtomicU64>,
}

/// What was said.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    pub packets: u64,
    /// The most that a packet was behind the plan.
    pub late: Duration,
}

impl SendTimes {
    pub fn new(calls: usize, epoch: Instant) -> Self {
        let entries = calls * 2 * KEPT;
        Self {
            epoch,
            sent: (0..entries).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    fn note(&self, call: usize, side: Side, number: usize, at: Instant) {
        let nanos = at.duration_since(self.epoch).as_nanos() as u64;
        self.entry(call, side, number)
            .store(nanos, Ordering::Relaxed);
    }

    /// How long ago that packet was sent.
    pub fn since(&self, call: usize, side: Side, number: usize, now: Instant) -> Duration {
        let nanos = self.entry(call, side, number).load(Ordering::Relaxed);
        let now = now.duration_since(self.epoch);
        now.saturating_sub(Duration::from_nanos(nanos))
    }

    fn entry(&self, call: usize, side: Side, number: usize) -> &AtomicU64 {
        &self.sent[(call * 2 + side as usize) * KEPT + number % KEPT]
    }
}

/// Says everything. Each millisecond is one group's turn, so that the load is even.
pub fn speak(
    sockets: &[UdpSocket; 2],
    calls: &[Call],
    frames: usize,
    times: &SendTimes,
) -> Result<Sent> {
    let begun = Instant::now();
    let mut sent = Sent {
        packets: 0,
        late: Duration::ZERO,
    };
    for number in 0..frames {
        for group in 0..GROUPS {
            let due = begun + FRAME * number as u32 + FRAME / GROUPS as u32 * group as u32;
            let now = Instant::now();
            match due.checked_duration_since(now) {
                Some(early) => sleep(early),
                None => sent.late = sent.late.max(now - due),
            }
            for (nth, call) in calls.iter().enumerate().skip(group).step_by(GROUPS) {
                for side in [Side::Caller, Side::Callee] {
                    times.note(nth, side, number, Instant::now());
                    sockets[side as usize].send_to(call.packet(side, number), call.relay(side))?;
                    sent.packets += 1;
                }
            }
        }
    }
    Ok(sent)
}

/// Of 20 ms: a millisecond each.
const GROUPS: usize = 20;
/// 1.28 s of a side's packets: none is longer on its way.
const KEPT: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_known_by_call_side_and_number() {
        let epoch = Instant::now();
        let times = SendTimes::new(2, epoch);
        let ms = Duration::from_millis;
        times.note(1, Side::Callee, 70, epoch + ms(5));
        times.note(1, Side::Caller, 70, epoch + ms(6));
        let now = epoch + ms(9);
        assert_eq!(times.since(1, Side::Callee, 70, now), ms(4));
        assert_eq!(times.since(1, Side::Caller, 70, now), ms(3));
    }
}
