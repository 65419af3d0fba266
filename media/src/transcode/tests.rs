//! How each pair of codecs sounds, end to end in virtual time, against floors that are written down here.

use std::f64::consts::TAU;

use super::*;
use crate::codec::AudioCodec::{G722, Opus, Pcma, Pcmu};
use crate::codec::coder::Encoder;
use crate::playout::network::Network;
use crate::rtp::{PayloadType, Ssrc};

/// What a tone of 1 kHz keeps of itself, in dB over everything else, and how far the spectrum of a
/// voice moves, in dB.
const FLOORS: [(AudioCodec, AudioCodec, f64, f64); 10] = [
    (Pcma, G722, 44.0, 0.3),
    (Pcmu, G722, 38.0, 0.3),
    (G722, Pcma, 36.0, 0.3),
    (G722, Pcmu, 39.0, 0.3),
    (Pcma, Opus, 30.0, 1.0),
    (Pcmu, Opus, 30.0, 1.0),
    (Opus, Pcma, 30.0, 1.0),
    (Opus, Pcmu, 30.0, 1.0),
    (G722, Opus, 30.0, 1.0),
    (Opus, G722, 30.0, 1.0),
];

#[test]
fn every_pair_of_codecs_sounds_as_it_did() {
    for (from, to, least_snr, most_distance) in FLOORS {
        let tone = Call::new(from, to).carry(&tone(1_000.0, 8_000.0), Network::PERFECT);
        let snr = snr(&tone[SETTLED..], 1_000.0);
        let said = voice();
        let heard = Call::new(from, to).carry(&said, Network::PERFECT);
        let distance = distance(&said[SETTLED..], &heard[SETTLED..]);
        println!("{from} to {to}: {snr:.1} dB, {distance:.2} dB");
        assert!(snr >= least_snr, "{from} to {to}: {snr:.1} dB");
        assert!(
            distance <= most_distance,
            "{from} to {to}: {distance:.2} dB"
        );
    }
}

#[test]
fn loudness_is_kept_by_every_pair() {
    for (from, to, ..) in FLOORS {
        for amplitude in [500.0, 8_000.0] {
            let heard = Call::new(from, to).carry(&tone(1_000.0, amplitude), Network::PERFECT);
            let level = fit(&heard[SETTLED..], 1_000.0).0;
            let change = 20.0 * (level / amplitude).log10();
            assert!(
                change.abs() < 1.0,
                "{from} to {to}: {change:.2} dB at {amplitude}"
            );
        }
    }
}

#[test]
fn losses_are_heard_less_with_opus_and_its_redundancy() {
    let lossy = Network {
        loss: 10,
        seed: 4,
        ..Network::PERFECT
    };
    let said = voice();
    let heard_by = |codec| {
        let mut call = Call::new(codec, Pcma);
        call.encoder.expect_loss(15);
        let heard = call.carry(&said, lossy);
        (
            distance(&said[SETTLED..], &heard[SETTLED..]),
            call.transcoder.tally(),
        )
    };
    let (g711, made_up) = heard_by(Pcmu);
    let (opus, told) = heard_by(Opus);
    assert_eq!(made_up.recovered, 0);
    // The last 60 ms aren't losses.
    assert!(told.recovered > told.concealed - 480, "{told:?}");
    println!("10 % lost: {g711:.2} dB with PCMU, {opus:.2} dB with opus");
    assert!(g711 < 6.0, "{g711:.2} dB");
    assert!(opus < 5.0, "{opus:.2} dB");
}

#[test]
fn a_warm_transcoder_allocates_nothing() {
    let bad = Network {
        loss: 5,
        jitter: 40 * MS,
        repeated: 2,
        seed: 8,
    };
    for (from, to, ..) in FLOORS {
        let mut call = Call::new(from, to);
        let said = voice();
        call.carry(&said, Network::PERFECT);
        call.stop();
        let packets = call.packets(&said);
        let arrivals = bad.carry(packets.len() as u32);
        let mut frames = 0;
        let allocations = crate::bridge::allocations::during(|| {
            frames = call.play(&packets, &arrivals, |_| {});
        });
        assert!(frames > 70, "{from} to {to}: {frames}");
        assert_eq!(allocations, 0, "{from} to {to}");
    }
}

#[test]
fn frames_are_20_ms_apart_and_a_pause_begins_another_talkspurt() {
    let mut call = Call::new(Opus, Pcma);
    let packets = call.packets(&voice());
    let arrivals = Network::PERFECT.carry(40);
    let mut frames = Vec::new();
    call.play(&packets, &arrivals, |frame| frames.push(frame));
    call.numbered += 200;
    call.now += 4 * Duration::from_secs(1);
    call.play(&packets, &arrivals, |frame| frames.push(frame));
    let firsts: Vec<usize> = (0..frames.len())
        .filter(|&n| frames[n].place == Place::First)
        .collect();
    assert_eq!(firsts.len(), 2, "{firsts:?}");
    for (n, pair) in frames.windows(2).enumerate() {
        assert!(n + 1 == firsts[1] || pair[1].at - pair[0].at == PTIME);
    }
}

#[test]
fn junk_in_place_of_packets_is_passed_over_or_concealed() {
    for codec in [Pcma, G722, Opus] {
        let mut transcoder = Transcoder::new(codec, Instant::now()).expect("made");
        let mut now = Instant::now();
        let mut random = 5u32;
        let mut samples = [0; FRAME];
        for n in 0..3_000u16 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let length = (random >> 16) as usize % 1_400;
            let junk: Vec<u8> = (0..length).map(|n| (random >> (n % 25)) as u8).collect();
            let packet = header(n, random.rotate_left(u32::from(n) % 3));
            transcoder.insert(&packet, &junk, now);
            now += 20 * MS;
            while transcoder.poll(&mut samples, now).is_some() {}
        }
    }
}

/// A speaker, a network, a transcoder and a listener.
struct Call {
    encoder: Encoder,
    transcoder: Transcoder,
    recoder: Encoder,
    listener: Decoder,
    from: AudioCodec,
    now: Instant,
    /// The first packet's number.
    numbered: u32,
}

impl Call {
    fn new(from: AudioCodec, to: AudioCodec) -> Self {
        let now = Instant::now();
        Self {
            encoder: Encoder::new(from).expect("made"),
            transcoder: Transcoder::new(from, now).expect("made"),
            recoder: Encoder::new(to).expect("made"),
            listener: Decoder::new(to).expect("made"),
            from,
            now,
            numbered: 0,
        }
    }

    fn packets(&mut self, samples: &[i16]) -> Vec<Vec<u8>> {
        let frames = samples.as_chunks::<FRAME>().0.iter();
        frames
            .map(|frame| {
                let mut packet = vec![0; FRAME];
                let length = self.encoder.encode(frame, &mut packet).expect("coded");
                packet.truncate(length);
                packet
            })
            .collect()
    }

    /// What is heard of samples.
    fn carry(&mut self, samples: &[i16], network: Network) -> Vec<i16> {
        let packets = self.packets(samples);
        let arrivals = network.carry(packets.len() as u32);
        let mut heard = Vec::new();
        self.listen(&packets, &arrivals, &mut heard);
        self.numbered += packets.len() as u32;
        heard
    }

    fn stop(&mut self) {
        self.transcoder.stop();
    }

    fn play(
        &mut self,
        packets: &[Vec<u8>],
        arrivals: &[crate::playout::network::Arrival],
        mut each: impl FnMut(Frame),
    ) -> usize {
        let mut out = [0; FRAME];
        let mut frames = 0;
        let mut samples = [0; FRAME];
        let begun = self.now;
        let mut arrivals = arrivals.iter().peekable();
        for _ in 0..packets.len() + 20 {
            while let Some(arrival) = arrivals.next_if(|arrival| begun + arrival.at <= self.now) {
                let number = self.numbered + arrival.number;
                let timestamp = number * self.from.clock().frame();
                let packet = header(number as u16, timestamp);
                let payload = &packets[arrival.number as usize];
                self.transcoder.insert(&packet, payload, begun + arrival.at);
            }
            while let Some(frame) = self.transcoder.poll(&mut samples, self.now) {
                self.recoder.encode(&samples, &mut out).expect("coded");
                each(frame);
                frames += 1;
            }
            self.now += 20 * MS;
        }
        frames
    }

    fn listen(
        &mut self,
        packets: &[Vec<u8>],
        arrivals: &[crate::playout::network::Arrival],
        heard: &mut Vec<i16>,
    ) {
        let mut samples = [0; FRAME];
        let begun = self.now;
        let mut arrivals = arrivals.iter().peekable();
        for _ in 0..packets.len() + 20 {
            while let Some(arrival) = arrivals.next_if(|arrival| begun + arrival.at <= self.now) {
                let number = self.numbered + arrival.number;
                let timestamp = number * self.from.clock().frame();
                let packet = header(number as u16, timestamp);
                let payload = &packets[arrival.number as usize];
                self.transcoder.insert(&packet, payload, begun + arrival.at);
            }
            while self.transcoder.poll(&mut samples, self.now).is_some() {
                let mut out = [0; FRAME];
                let length = self.recoder.encode(&samples, &mut out).expect("coded");
                let mut decoded = [0; coder::LONGEST];
                let count = self.listener.decode(&out[..length], FRAME, &mut decoded);
                heard.extend_from_slice(&decoded[..count]);
            }
            self.now += 20 * MS;
        }
    }
}

fn header(sequence: u16, timestamp: u32) -> Header {
    Header {
        marker: false,
        payload_type: PayloadType::new(8).expect("seven bits"),
        sequence,
        timestamp,
        ssrc: Ssrc(1),
        length: Header::FIXED,
    }
}

/// Two seconds.
fn tone(hertz: f64, amplitude: f64) -> Vec<i16> {
    (0..32_000)
        .map(|n| (amplitude * (TAU * hertz * f64::from(n) / 16_000.0).sin()) as i16)
        .collect()
}

/// Two seconds of a voice's likeness: a pitch that glides, its overtones under three formants.
fn voice() -> Vec<i16> {
    let formants = [
        (600.0, 150.0, 1.0),
        (1_300.0, 200.0, 0.5),
        (2_500.0, 300.0, 0.25),
    ];
    let mut phase = 0.0;
    (0..32_000)
        .map(|n| {
            let pitch = 130.0 + 25.0 * (TAU * 1.5 * f64::from(n) / 16_000.0).sin();
            phase += TAU * pitch / 16_000.0;
            let sum: f64 = (1..=24)
                .map(|overtone| {
                    let hertz = pitch * f64::from(overtone);
                    let gain: f64 = formants
                        .iter()
                        .map(|(centre, width, gain)| {
                            gain / (1.0 + ((hertz - centre) / width).powi(2))
                        })
                        .sum();
                    gain * (phase * f64::from(overtone)).sin()
                })
                .sum();
            (5_000.0 * sum) as i16
        })
        .collect()
}

/// The amplitude of a frequency, and the power of what is left without it.
fn fit(samples: &[i16], hertz: f64) -> (f64, f64) {
    let step = TAU * hertz / 16_000.0;
    // Whole periods.
    let period = (16_000.0 / hertz) as usize;
    let samples = &samples[..samples.len() / period * period];
    let count = samples.len() as f64;
    let (mut re, mut im, mut power) = (0.0, 0.0, 0.0);
    for (n, &sample) in samples.iter().enumerate() {
        let (sin, cos) = (step * n as f64).sin_cos();
        let sample = f64::from(sample);
        re += sample * cos;
        im += sample * sin;
        power += sample * sample;
    }
    let amplitude = 2.0 * re.hypot(im) / count;
    (
        amplitude,
        (power / count - amplitude * amplitude / 2.0).max(1e-9),
    )
}

fn snr(samples: &[i16], hertz: f64) -> f64 {
    let (amplitude, rest) = fit(&samples[..16_000], hertz);
    10.0 * (amplitude * amplitude / 2.0 / rest).log10()
}

/// The mean difference of two spectra in dB, in bands of a third of an octave from 300 to 3,400 Hz, as
/// a telephone has them.
fn distance(said: &[i16], heard: &[i16]) -> f64 {
    let count = said.len().min(heard.len()).min(16_000);
    let (said, heard) = (bands(&said[..count]), bands(&heard[..count]));
    let sum: f64 = said.iter().zip(&heard).map(|(a, b)| (a - b).abs()).sum();
    sum / said.len() as f64
}

/// Levels in dB: of each band the sum of what 12.5 Hz apart are in it.
fn bands(samples: &[i16]) -> Vec<f64> {
    let mut bands = Vec::new();
    let mut low = 300.0;
    while low < 3_400.0 {
        let high = low * 2f64.powf(1.0 / 3.0);
        let mut power = 0.0;
        let mut hertz = low;
        while hertz < high {
            power += goertzel(samples, hertz);
            hertz += 12.5;
        }
        bands.push(10.0 * (power + 1.0).log10());
        low = high;
    }
    bands
}

/// The power of one frequency under a Hann window.
fn goertzel(samples: &[i16], hertz: f64) -> f64 {
    let turn = TAU * hertz / 16_000.0;
    let (mut one, mut two) = (0.0, 0.0);
    let length = samples.len() as f64;
    for (n, &sample) in samples.iter().enumerate() {
        let window = 0.5 - 0.5 * (TAU * n as f64 / length).cos();
        let next = f64::from(sample) * window + 2.0 * turn.cos() * one - two;
        (one, two) = (next, one);
    }
    (one * one + two * two - 2.0 * turn.cos() * one * two) / length
}

/// A quarter of a second: filters, coders and the buffer have found their way.
const SETTLED: usize = 4_000;
const MS: Duration = Duration::from_millis(1);
