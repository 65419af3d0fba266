//! Copies of what a leg receives, for a recorder.
//!
//! A [`Tap`] on a leg copies each audio packet, decrypted, into a bounded ring that the worker shares with nobody but
//! the ring's reader: one copy of the payload, no allocation, no lock. A full ring drops the copy and counts it; the
//! packet itself goes its way in any case. A muted leg's packets aren't copied. Without a tap a packet costs one
//! comparison.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use crate::codec::AudioCodec;
use crate::rtp::{Header, Ssrc};

/// One audio packet as it came.
#[derive(Debug, Clone)]
pub struct Tapped {
    /// As given to [`TapRing::tap`].
    pub recording: u64,
    /// As given to [`TapRing::tap`].
    pub channel: u8,
    /// When it was received.
    pub at: Instant,
    /// Of its RTP header.
    pub sequence: u16,
    /// Of its RTP header.
    pub timestamp: u32,
    /// Of its RTP header.
    pub ssrc: Ssrc,
    /// What the payload is coded with.
    pub codec: AudioCodec,
    /// Packets of this tap before this one that the ring had no room for.
    pub missed: u32,
    length: u16,
    payload: [u8; PAYLOAD],
}

impl Tapped {
    /// The coded audio; `None` when it is longer than any that is agreed to.
    pub fn new(
        (recording, channel): (u64, u8),
        header: &Header,
        codec: AudioCodec,
        content: &[u8],
        at: Instant,
    ) -> Option<Self> {
        let mut payload = [0; PAYLOAD];
        payload.get_mut(..content.len())?.copy_from_slice(content);
        Some(Self {
            recording,
            channel,
            at,
            sequence: header.sequence,
            timestamp: header.timestamp,
            ssrc: header.ssrc,
            codec,
            missed: 0,
            length: content.len() as u16,
            payload,
        })
    }

    /// The coded audio.
    pub fn payload(&self) -> &[u8] {
        &self.payload[..usize::from(self.length)]
    }
}

/// Where the taps of one worker's legs put their copies.
#[derive(Debug, Clone)]
pub struct TapRing {
    ring: SyncSender<Tapped>,
    dropped: Arc<AtomicU64>,
}

impl TapRing {
    /// A ring and its reader, who polls: waiting for a packet would make the worker wake the reader.
    pub fn new() -> (Self, Receiver<Tapped>) {
        let (ring, reader) = sync_channel(SLOTS);
        let dropped = Arc::default();
        (Self { ring, dropped }, reader)
    }

    /// A tap for one leg; both numbers come back with each packet.
    pub fn tap(&self, recording: u64, channel: u8) -> Tap {
        Tap {
            ring: self.clone(),
            recording,
            channel,
            missed: 0,
        }
    }

    /// Packets that found the ring full, since it was made.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// What a leg has while it is recorded.
#[derive(Debug)]
pub struct Tap {
    ring: TapRing,
    recording: u64,
    channel: u8,
    missed: u32,
}

impl Tap {
    /// Whose it is.
    pub fn recording(&self) -> u64 {
        self.recording
    }

    /// Copies one packet. Never waits.
    pub fn copy(&mut self, header: &Header, codec: AudioCodec, content: &[u8], now: Instant) {
        let tapped = Tapped::new((self.recording, self.channel), header, codec, content, now);
        let missed = std::mem::take(&mut self.missed);
        let put = |tapped| self.ring.ring.try_send(Tapped { missed, ..tapped }).is_ok();
        if !tapped.is_some_and(put) {
            self.missed = missed.saturating_add(1);
            self.ring.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// 60 ms of G.711, and Opus at any rate that speech is sent with.
const PAYLOAD: usize = 480;

/// 0.4 s of 200 calls; the reader comes every few milliseconds.
const SLOTS: usize = 8_192;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::PayloadType;

    #[test]
    fn a_copy_is_what_came_and_a_full_ring_is_counted_with_the_next() {
        let (ring, reader) = TapRing::new();
        let now = Instant::now();
        let mut tap = ring.tap(7, 1);
        for n in 0..SLOTS as u16 + 3 {
            tap.copy(&header(n), AudioCodec::Pcma, &[n as u8; 160], now);
        }
        assert_eq!(ring.dropped(), 3);
        let first = reader.recv().expect("the ring is full");
        assert_eq!((first.recording, first.channel, first.sequence), (7, 1, 0));
        assert_eq!(first.payload(), [0; 160]);
        tap.copy(&header(9_000), AudioCodec::Pcma, &[1; 80], now);
        let last = reader.try_iter().last().expect("one was just copied");
        assert_eq!((last.sequence, last.missed), (9_000, 3));
        assert_eq!(last.payload(), [1; 80]);
    }

    #[test]
    fn a_payload_that_is_too_long_is_missed() {
        let (ring, reader) = TapRing::new();
        let mut tap = ring.tap(1, 0);
        tap.copy(&header(0), AudioCodec::Pcmu, &[0; 1_000], Instant::now());
        assert_eq!(ring.dropped(), 1);
        assert!(reader.try_recv().is_err());
    }

    #[test]
    fn copying_waits_for_no_reader() {
        let (ring, reader) = TapRing::new();
        drop(reader);
        ring.tap(1, 0)
            .copy(&header(0), AudioCodec::Pcmu, &[0; 160], Instant::now());
        assert_eq!(ring.dropped(), 1);
    }

    fn header(sequence: u16) -> Header {
        Header {
            marker: false,
            payload_type: PayloadType::new(8).expect("seven bits"),
            sequence,
            timestamp: u32::from(sequence) * 160,
            ssrc: Ssrc(1),
            length: Header::FIXED,
        }
    }
}
