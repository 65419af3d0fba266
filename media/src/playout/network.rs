//! A network in virtual time: it loses, delays, reorders and repeats, the same way for the same seed.

use std::time::Duration;

/// How bad it is.
#[derive(Debug, Clone, Copy)]
pub struct Network {
    /// Packets of a hundred that are lost.
    pub loss: u32,
    /// A packet is up to this late; one in fifty up to three times as much.
    pub jitter: Duration,
    /// Packets of a hundred that come twice.
    pub repeated: u32,
    pub seed: u64,
}

/// A packet's number, and when it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrival {
    pub at: Duration,
    pub number: u32,
}

impl Network {
    pub const PERFECT: Self = Self {
        loss: 0,
        jitter: Duration::ZERO,
        repeated: 0,
        seed: 1,
    };

    /// Carries packets sent each 20 ms; in the order of their arrival.
    pub fn carry(mut self, count: u32) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        for number in 0..count {
            let sent = 20 * MS * number;
            if self.below(100) < self.loss {
                continue;
            }
            let copies = if self.below(100) < self.repeated {
                2
            } else {
                1
            };
            for _ in 0..copies {
                let at = sent + self.late();
                arrivals.push(Arrival { at, number });
            }
        }
        arrivals.sort();
        arrivals
    }

    fn late(&mut self) -> Duration {
        let worst = match self.below(50) {
            0 => 3 * self.jitter,
            _ => self.jitter,
        };
        let micros = worst.as_micros() as u32;
        Duration::from_micros(self.below(micros + 1).into())
    }

    /// Knuth's generator of 64 bits, its upper half.
    fn below(&mut self, limit: u32) -> u32 {
        self.seed = self
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (((self.seed >> 32) * u64::from(limit)) >> 32) as u32
    }
}

const MS: Duration = Duration::from_millis(1);

#[test]
fn the_network_does_what_it_says() {
    let bad = Network {
        loss: 10,
        jitter: 50 * MS,
        repeated: 5,
        seed: 9,
    };
    let arrivals = bad.carry(10_000);
    assert_eq!(arrivals, bad.carry(10_000), "the same again");
    let mut numbers: Vec<u32> = arrivals.iter().map(|arrival| arrival.number).collect();
    assert!(!numbers.is_sorted(), "reordered");
    numbers.sort_unstable();
    let count = numbers.len();
    numbers.dedup();
    assert!((8_900..9_100).contains(&numbers.len()), "{}", numbers.len());
    assert!((380..520).contains(&(count - numbers.len())));
    let late = arrivals
        .iter()
        .map(|arrival| arrival.at - 20 * MS * arrival.number);
    let beyond = late.filter(|&late| late > 50 * MS).count();
    assert!((70..220).contains(&beyond), "{beyond}");
    assert_eq!(Network::PERFECT.carry(3).len(), 3);
}
