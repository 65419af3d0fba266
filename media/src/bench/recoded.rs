//! A call whose codecs can't meet, one way: what its transcoding costs.

use std::time::{Duration, Instant};

use super::{PEER, Protection, Slot, leg};
use crate::bridge;
use crate::codec::AudioCodec;
use crate::codec::coder::{Encoder, FRAME};
use crate::leg::{Discard, Leg};
use crate::rtp::{Header, PayloadType, Ssrc};
use crate::srtp::cipher::EXPANSION;

/// Two legs with plain RTP, and a voice towards the second.
#[derive(Debug)]
pub struct Recoded {
    from: Box<Leg>,
    to: Box<Leg>,
    codec: AudioCodec,
    voice: Vec<Vec<u8>>,
    sent: usize,
    now: Instant,
    slot: Slot,
    out: Vec<u8>,
}

impl Recoded {
    /// A call in its talk.
    ///
    /// # Panics
    ///
    /// When there is no such coder.
    pub fn new(from: AudioCodec, to: AudioCodec, now: Instant) -> Self {
        let [one, other] = [from, to].map(|codec| Box::new(leg(Protection::Clear, codec, now)));
        Self {
            from: one,
            to: other,
            codec: from,
            voice: voice(from),
            sent: 0,
            now,
            slot: Slot::new(),
            out: vec![0; Header::FIXED + FRAME + EXPANSION],
        }
    }

    /// 20 ms: takes the first peer's next packet, and sends the second one what is due. The octets sent.
    ///
    /// # Panics
    ///
    /// When the packet isn't coded anew: the bench is wrong then.
    pub fn frame(&mut self) -> usize {
        self.now += Duration::from_millis(20);
        self.packet();
        let (from, to, slot) = (&mut self.from, &mut self.to, &mut self.slot);
        let taken = bridge::relay(from, to, &mut slot.octets, slot.length, PEER, self.now);
        assert_eq!(taken, Err(Discard::Recoded));
        from.notices.clear();
        let mut sent = 0;
        while let Some((length, _)) = to.poll_recoded(&mut self.out, self.now) {
            sent += length;
        }
        sent
    }

    fn packet(&mut self) {
        let payload = &self.voice[self.sent % self.voice.len()];
        let header = Header {
            marker: false,
            payload_type: PayloadType::new(payload_type(self.codec)).expect("seven bits"),
            sequence: self.sent as u16,
            timestamp: self.codec.clock().frame().wrapping_mul(self.sent as u32),
            ssrc: Ssrc(77),
            length: Header::FIXED,
        };
        self.sent += 1;
        let octets = &mut self.slot.octets;
        header.write(octets.first_chunk_mut().expect("a slot's length"));
        self.slot.length = Header::FIXED + payload.len();
        octets[Header::FIXED..self.slot.length].copy_from_slice(payload);
    }
}

/// As the offers here name them.
pub(super) fn payload_type(codec: AudioCodec) -> u8 {
    match codec {
        AudioCodec::Pcmu => 0,
        AudioCodec::Pcma => 8,
        AudioCodec::G722 => 9,
        AudioCodec::Opus => 111,
    }
}

/// Four seconds: 140 Hz and its overtones, which swell and fade, so that an encoder has a voice's work.
fn voice(codec: AudioCodec) -> Vec<Vec<u8>> {
    let turn = std::f64::consts::TAU / 16_000.0;
    let sample = |n: usize| {
        let at = turn * n as f64;
        let swell = 0.6 + 0.4 * (3.0 * at).sin();
        let overtones = (1..12).map(|k| (140.0 * at * f64::from(k)).sin() / f64::from(k));
        (5_000.0 * swell * overtones.sum::<f64>()) as i16
    };
    let mut encoder = Encoder::new(codec).expect("a coder");
    let frames = (0..200).map(|frame| {
        let samples: [i16; FRAME] = std::array::from_fn(|n| sample(frame * FRAME + n));
        let mut payload = vec![0; FRAME];
        let length = encoder.encode(&samples, &mut payload).expect("coded");
        payload.truncate(length);
        payload
    });
    frames.collect()
}
