//! How long packets are inside: from the system call that received them to the one that sent them.

use std::time::Duration;

use super::counters::Count;

/// A worker's histogram. Packets of one wake-up leave together, so it costs one look at the clock a wake-up.
#[derive(Debug, Default)]
pub struct RelayTimes {
    buckets: [Count; RelayTimes::BOUNDS.len() + 1],
    /// In nanoseconds.
    sum: Count,
}

/// What a histogram holds at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delays {
    /// How many packets took at most so long; the packets of smaller bounds aren't in it.
    pub buckets: Vec<(Duration, u64)>,
    /// Packets that took longer than all bounds.
    pub beyond: u64,
    /// Of all packets.
    pub sum: Duration,
}

impl RelayTimes {
    const BOUNDS: [Duration; 12] = [
        Duration::from_micros(10),
        Duration::from_micros(25),
        Duration::from_micros(50),
        Duration::from_micros(100),
        Duration::from_micros(250),
        Duration::from_micros(500),
        Duration::from_millis(1),
        Duration::from_micros(2_500),
        Duration::from_millis(5),
        Duration::from_millis(10),
        Duration::from_millis(25),
        Duration::from_millis(100),
    ];

    pub fn add(&self, packets: u64, each: Duration) {
        let bucket = Self::BOUNDS.iter().position(|bound| each <= *bound);
        self.buckets[bucket.unwrap_or(Self::BOUNDS.len())].add(packets);
        self.sum.add(packets * each.as_nanos() as u64);
    }

    pub fn snapshot(&self) -> Delays {
        let counts = self.buckets.iter().map(Count::read);
        Delays {
            buckets: Self::BOUNDS.into_iter().zip(counts).collect(),
            beyond: self.buckets[Self::BOUNDS.len()].read(),
            sum: Duration::from_nanos(self.sum.read()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_counted_by_their_bound() {
        let times = RelayTimes::default();
        times.add(60, Duration::from_micros(40));
        times.add(4, Duration::from_micros(50));
        times.add(1, Duration::from_secs(1));
        let delays = times.snapshot();
        let filled: Vec<_> = delays
            .buckets
            .iter()
            .filter(|(_, count)| *count > 0)
            .collect();
        assert_eq!(filled, [&(Duration::from_micros(50), 64)]);
        assert_eq!(delays.beyond, 1);
        assert_eq!(
            delays.sum,
            Duration::from_micros(60 * 40 + 4 * 50 + 1_000_000)
        );
    }
}
