//! The bodies of the fuzz targets over their seeds and over some thousand inputs bent from them, always the same ones; a
//! fuzzer goes further (`ops/fuzz`).

#[path = "../fuzz/bodies/challenge.rs"]
mod challenge;
#[path = "../fuzz/bodies/endpoint.rs"]
mod endpoint;
#[path = "../fuzz/bodies/message.rs"]
mod message;
#[path = "../fuzz/bodies/uri.rs"]
mod uri;

use std::panic::catch_unwind;
use std::path::Path;

#[test]
fn messages_bent_at_random_hold_together() {
    smoke("message", 20_000, message::run);
}

#[test]
fn uris_bent_at_random_hold_together() {
    smoke("uri", 1_000, uri::run);
}

#[test]
fn challenges_bent_at_random_hold_together() {
    smoke("challenge", 10_000, challenge::run);
}

#[test]
fn conversations_bent_at_random_hold_together() {
    smoke("endpoint", 1_000, endpoint::run);
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
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .expect("the seeds")
        .map(|entry| entry.expect("a seed").path())
        .collect();
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
                input.splice(
                    at..end,
                    other[from..(from + 64).min(other.len())].iter().copied(),
                );
            }
            4 => input.truncate(at),
            _ => {
                let byte = self.below(256) as u8;
                input.splice(at..(at + 1).min(input.len()), [byte]);
            }
        }
    }
}

/// What separates, quotes and counts in SIP.
const MARKS: &[&[u8]] = &[
    b"\r\n",
    b"\r\n ",
    b"\r\n\r\n",
    b"\"",
    b"\\",
    b"<",
    b">",
    b";",
    b",",
    b"@",
    b":",
    b"=",
    b"%",
    b"[",
    b"]",
    b"?",
    b"\0",
    b"\r",
    b"\xff",
    b"z9hG4bK",
    b";tag=",
    b"sip:",
    b"SIP/2.0",
    b"99999999999",
    b"-1",
    b"Via: SIP/2.0/UDP h\r\n",
    b"Content-Length: 0\r\n",
    b"Require: x\r\n",
];
