//! What relaying a packet costs: a measurement, run by hand.
//!
//! ```text
//! CARGO_PROFILE_DEV_OPT_LEVEL=3 cargo test -p media cost -- --ignored --nocapture
//! ```
//!
//! `CALLS=1000` has the legs of as many calls take turns, as a worker's do: their keys are then
//! out of the nearest cache. For instructions, run the test binary under
//! `valgrind --tool=callgrind` with `ROUNDS=1000` and `ROUNDS=2000`; the difference is theirs.

use super::*;

#[test]
#[ignore = "a measurement"]
fn cost_of_a_relayed_packet() {
    let calls = number("CALLS").map_or(1, u32::from);
    let rounds = number("ROUNDS").unwrap_or(500);
    let kinds = std::env::var("KINDS").unwrap_or_else(|_| "plain,gcm,cm".into());
    for kind in kinds.split(',') {
        let profile = match kind {
            "gcm" => Some(Profile::AeadAes256Gcm),
            "cm" => Some(Profile::AesCm128HmacSha1_80),
            _ => None,
        };
        let spent = median_round(profile, calls, rounds);
        println!("{kind}, {calls} calls: {} ns a packet", spent.as_nanos());
    }
}

fn number(variable: &str) -> Option<u16> {
    std::env::var(variable).ok()?.parse().ok()
}

/// What a packet costs in the median of rounds in which each call relays one.
fn median_round(profile: Option<Profile>, calls: u32, rounds: u16) -> Duration {
    let mut legs: Vec<(Side, Side)> = (0..calls)
        .map(|_| (Side::new(profile, "8", 1), Side::new(profile, "8", 2)))
        .collect();
    let source = legs[0].0.source();
    let mut slots = vec![[0; 2_048]; legs.len()];
    let mut lengths = vec![0; legs.len()];
    let mut spent: Vec<Duration> = (0..rounds)
        .map(|round| {
            for (n, (from, _)) in legs.iter_mut().enumerate() {
                lengths[n] = from.packet(round, &mut slots[n]);
            }
            let begun = Instant::now();
            for (n, (from, to)) in legs.iter_mut().enumerate() {
                let (from, to) = (&mut from.leg, &mut to.leg);
                let sent = relay(from, to, &mut slots[n], lengths[n], source, begun);
                assert!(sent.is_ok());
            }
            begun.elapsed() / calls
        })
        .collect();
    spent.sort_unstable();
    spent[spent.len() / 2]
}
