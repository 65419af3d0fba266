//! What relaying a packet costs: a measurement, run by hand.
//!
//! ```text
//! CARGO_PROFILE_DEV_OPT_LEVEL=3 cargo test -p media cost -- --ignored --nocapture
//! ```
//!
//! For instructions, run the test binary under `valgrind --tool=callgrind` with `PACKETS=20000`
//! and with `PACKETS=120000`; their difference is that of 100,000 packets.

use super::*;

#[test]
#[ignore = "a measurement"]
fn cost_of_a_relayed_packet() {
    let packets: u32 = std::env::var("PACKETS")
        .ok()
        .and_then(|packets| packets.parse().ok())
        .unwrap_or(200_000);
    let kinds = std::env::var("KIND").unwrap_or_else(|_| "plain,gcm,cm".into());
    for kind in kinds.split(',') {
        let profile = match kind {
            "gcm" => Some(Profile::AeadAes256Gcm),
            "cm" => Some(Profile::AesCm128HmacSha1_80),
            _ => None,
        };
        let spent = relayed_through(profile, packets);
        println!("{kind}: {} ns a packet", (spent / packets).as_nanos());
    }
}

/// The time that the relaying alone took.
fn relayed_through(profile: Option<Profile>, packets: u32) -> Duration {
    let (mut from, mut to) = (Side::new(profile, "8", 1), Side::new(profile, "8", 2));
    let mut slot = vec![0; 2_048];
    let mut spent = Duration::ZERO;
    let source = from.source();
    for n in 0..packets {
        // Within one rollover: the peer that seals them has no counter.
        let n = (n % 60_000) as u16;
        if n == 0 {
            (from, to) = (Side::new(profile, "8", 1), Side::new(profile, "8", 2));
        }
        let length = from.packet(n, &mut slot);
        let begun = Instant::now();
        let sent = relay(&mut from.leg, &mut to.leg, &mut slot, length, source, begun);
        spent += begun.elapsed();
        assert!(sent.is_ok());
    }
    spent
}
