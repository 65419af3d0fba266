//! `cargo bench -p media`: what relaying a packet costs without the system calls: opened, counted, renumbered, sealed.
//!
//! With one call everything is in the nearest cache; with a thousand, whose packets take turns as a worker's do, it isn't.

#![allow(missing_docs, reason = "criterion's macros make functions")]

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use media::AudioCodec;
use media::bench::{Bridge, PAIRS, Recoded, Slot, Timers};
use rustix::time::{ClockId, clock_gettime};

fn relay(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("relay");
    group
        .throughput(Throughput::Elements(1))
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    for (name, from, to) in PAIRS {
        for calls in [1, 1_000] {
            let now = Instant::now();
            let mut bridges: Vec<Bridge> = (0..calls).map(|_| Bridge::new(from, to, now)).collect();
            // A call's first packets aren't like the others.
            spent(&mut bridges, 10 * calls as u64, now);
            group.bench_function(BenchmarkId::new(name, calls), |bencher| {
                bencher.iter_custom(|packets| spent(&mut bridges, packets, now));
            });
        }
    }
    group.finish();
}

/// What a frame of 20 ms costs one way where codecs can't meet: opened, decoded, buffered, coded, sealed.
fn transcode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("transcode");
    group
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    let (opus, g722, pcma) = (AudioCodec::Opus, AudioCodec::G722, AudioCodec::Pcma);
    for (one, other) in [(opus, pcma), (g722, pcma), (opus, g722)] {
        for (from, to) in [(one, other), (other, one)] {
            let mut call = Recoded::new(from, to, Instant::now());
            group.bench_function(format!("{from}-{to}"), |bencher| {
                bencher.iter_custom(|frames| {
                    let begun = processor_time();
                    for _ in 0..frames {
                        call.frame();
                    }
                    processor_time().saturating_sub(begun)
                });
            });
        }
    }
    group.finish();
}

/// What a deadline costs that comes, with the next one armed, while each leg has one every 20 ms.
fn deadlines(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("deadlines");
    group.sample_size(20);
    for legs in [100, 2_000] {
        group.bench_function(BenchmarkId::from_parameter(legs), |bencher| {
            let mut timers = Timers::new(legs, Instant::now());
            bencher.iter_custom(|deadlines| {
                let (begun, mut due) = (processor_time(), 0);
                while due < deadlines {
                    due += timers.turn() as u64;
                }
                (processor_time().saturating_sub(begun) / due as u32) * deadlines as u32
            });
        });
    }
    group.finish();
}

/// What relaying so many packets takes, in rounds in which the calls take turns. Writing them isn't counted.
fn spent(bridges: &mut [Bridge], packets: u64, now: Instant) -> Duration {
    let (calls, packets) = (bridges.len(), packets as usize);
    let mut slots = vec![Slot::new(); ROUND];
    let mut spent = Duration::ZERO;
    for first in (0..packets).step_by(ROUND) {
        let round = first..packets.min(first + ROUND);
        for (n, slot) in round.clone().zip(&mut slots) {
            bridges[turn(n, calls)].packet(slot);
        }
        let begun = processor_time();
        for (n, slot) in round.zip(&mut slots) {
            bridges[turn(n + FAR, calls)].foresee();
            bridges[turn(n + NEAR, calls)].foresee_rest();
            bridges[turn(n, calls)].relay(slot, now);
        }
        spent += processor_time().saturating_sub(begun);
    }
    spent
}

/// Whose packet the nth is: each call's in its turn, but not in the order of their memory, which a processor would foresee.
fn turn(n: usize, calls: usize) -> usize {
    n * STRIDE % calls
}

/// This thread's: what else a busy machine does isn't counted.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// How many packets ahead a worker looks.
const FAR: usize = 6;
const NEAR: usize = 3;
/// Packets between two looks at the clock: a worker's batch.
const ROUND: usize = 64;
/// A prime that divides no number of calls here.
const STRIDE: usize = 389;

criterion_group!(benches, relay, transcode, deadlines);
criterion_main!(benches);
