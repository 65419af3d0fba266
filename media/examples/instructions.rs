//! Relays packets for `ops/instructions`, which counts the instructions of [`Bridge::relay`] by callgrind.
//!
//! ```text
//! instructions PAIR PACKETS
//! instructions          # tells the pairs
//! ```

use std::time::Instant;

use media::bench::{Bridge, PAIRS, Slot};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [pair, packets] = arguments.as_slice() else {
        for (name, ..) in PAIRS {
            println!("{name}");
        }
        return;
    };
    let known = PAIRS.into_iter().find(|(name, ..)| name == pair);
    let (_, from, to) = known.expect("a pair");
    let packets: usize = packets.parse().expect("a number");
    let now = Instant::now();
    let (mut bridge, mut slot) = (Bridge::new(from, to, now), Slot::new());
    for _ in 0..packets {
        bridge.packet(&mut slot);
        bridge.relay(&mut slot, now);
    }
}
