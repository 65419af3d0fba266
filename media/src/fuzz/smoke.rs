//! The bodies over their seeds and over some thousand inputs bent from them, always the same ones;
//! a fuzzer goes further.

use std::panic::catch_unwind;
use std::path::Path;

#[test]
fn descriptions_bent_at_random_hold_together() {
    smoke("sdp", 10_000, super::sdp);
}

#[test]
fn packets_bent_at_random_hold_together() {
    smoke("rtp", 10_000, super::rtp);
}

#[test]
fn reports_bent_at_random_hold_together() {
    smoke("rtcp", 10_000, super::rtcp);
}

#[test]
fn checks_bent_at_random_hold_together() {
    smoke("stun", 20_000, super::stun);
}

#[test]
fn streams_bent_at_random_hold_together() {
    smoke("framing", 10_000, super::framing);
}

#[test]
fn digits_bent_at_random_hold_together() {
    smoke("event", 10_000, super::event);
}

#[test]
fn prompts_bent_at_random_hold_together() {
    smoke("wav", 400, super::wav);
}

fn smoke(target: &str, rounds: usize, run: fn(&[u8])) {
    let seeds = seeds(target);
    assert!(seeds.len() > 2, "{target} has its seeds");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for seed in &seeds {
        attempt(seed, run);
    }
    for _ in 0..rounds {
        let mut input = seeds[random.below(seeds.len())].clone();
        for _ in 0..=random.below(4) {
            random.bend(&mut input, &seeds);
        }
        attempt(&input, run);
    }
}

fn attempt(input: &[u8], run: fn(&[u8])) {
    if let Err(panic) = catch_unwind(|| run(input)) {
        eprintln!("the input was b\"{}\"", input.escape_ascii());
        std::panic::resume_unwind(panic);
    }
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target);
    let entries = std::fs::read_dir(directory).expect("the seeds");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a seed").path()).collect();
    // A directory has no order, the rounds shall have one.
    files.sort();
    files
        .iter()
        .map(|file| std::fs::read(file).expect("a seed"))
        .collect()
}

/// Xorshift: the same inputs in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }

    fn bend(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        let end = (at + self.below(24)).min(input.len());
        match self.below(6) {
            0 => drop(input.splice(at..at, MARKS[self.below(MARKS.len())].iter().copied())),
            1 => drop(input.drain(at..end)),
            2 => {
                let piece = input[at..end].to_vec();
                input.splice(at..at, piece);
            }
            3 => {
                let other = &seeds[self.below(seeds.len())];
                let from = self.below(other.len());
                let piece = &other[from..(from + 64).min(other.len())];
                input.splice(at..end, piece.iter().copied());
            }
            4 => input.truncate(at),
            _ => {
                let octet = self.below(256) as u8;
                input.splice(at..(at + 1).min(input.len()), [octet]);
            }
        }
    }
}

/// What counts, separates and limits in descriptions and packets.
const MARKS: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"=",
    b":",
    b" ",
    b"/",
    b"|",
    b"\0",
    b"\xff",
    b"\xff\xff",
    b"\xff\xff\xff\xff",
    b"\0\0",
    b"99999999999",
    b"-1",
    b"0.0.0.0",
    b"::",
    b"a=",
    b"a=sendonly\r\n",
    b"a=rtcp-mux\r\n",
    b"m=audio 0 RTP/AVP 8\r\n",
    b"m=audio 4000 RTP/SAVP 8\r\n",
    b"c=IN IP6 2001:db8::1\r\n",
    b"\x80\xc8",
    b"\x80\x08",
    b"data",
];
