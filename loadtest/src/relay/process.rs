//! What a process has used of the processors, and what the kernel dropped: read from `/proc`.

use std::fs::read_to_string;
use std::ops::Sub;
use std::time::Duration;

use anyhow::{Context, Result};

/// Processor time of a process with all its threads.
#[derive(Debug, Clone, Copy)]
pub struct Spent {
    pub user: Duration,
    pub system: Duration,
}

impl Spent {
    pub fn of(process: u32) -> Result<Self> {
        Self::read(&format!("/proc/{process}/stat"))
    }

    pub fn ours() -> Result<Self> {
        Self::read("/proc/self/stat")
    }

    pub fn total(self) -> Duration {
        self.user + self.system
    }

    fn read(path: &str) -> Result<Self> {
        let stat = read_to_string(path).with_context(|| format!("reading {path}"))?;
        Self::parse(&stat).with_context(|| format!("{path} has another form"))
    }

    /// proc(5): utime and stime are the 14th and 15th field; the second, in brackets, may hold anything.
    fn parse(stat: &str) -> Option<Self> {
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_whitespace().skip(11);
        let mut next = || {
            let ticks: u64 = fields.next()?.parse().ok()?;
            Some(Duration::from_millis(ticks * TICK_MS))
        };
        Some(Self {
            user: next()?,
            system: next()?,
        })
    }
}

impl Sub for Spent {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            user: self.user.saturating_sub(before.user),
            system: self.system.saturating_sub(before.system),
        }
    }
}

/// What the kernel dropped at UDP sockets of these local ports, since they were opened.
pub fn drops(ports: &[u16]) -> Result<u64> {
    let table = read_to_string("/proc/net/udp").context("reading /proc/net/udp")?;
    Ok(table
        .lines()
        .filter_map(|line| socket(line).filter(|(port, _)| ports.contains(port)))
        .map(|(_, drops)| drops)
        .sum())
}

/// The local port, in hexadecimal, and the drops, which are the last field.
fn socket(line: &str) -> Option<(u16, u64)> {
    let mut fields = line.split_whitespace();
    let (_, port) = fields.nth(1)?.split_once(':')?;
    Some((
        u16::from_str_radix(port, 16).ok()?,
        fields.last()?.parse().ok()?,
    ))
}

/// Linux counts in hundredths of a second on all its common platforms (USER_HZ).
const TICK_MS: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "17 (a) b) S 1 1 1 0 -1 4194560 1 0 0 0 250 40 0 0 20 0 3 0 9 1 1";
        let spent = Spent::parse(stat).unwrap();
        assert_eq!(spent.user, Duration::from_millis(2_500));
        assert_eq!(spent.total(), Duration::from_millis(2_900));
        assert!(Spent::parse("17 (a").is_none());
    }

    #[test]
    fn a_line_of_the_table_names_port_and_drops() {
        let line = " 73: 0100007F:BBAA 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 90 2 0000 12";
        assert_eq!(socket(line), Some((48_042, 12)));
        assert_eq!(socket("  sl  local_address rem_address drops"), None);
    }
}
