//! The clock rate of an RTP payload format (RFC 3550 §5.1): what its timestamps count.

use std::time::Duration;

/// How fast timestamps advance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClockRate {
    /// G.711, G.722 (RFC 3551 §4.5.2 keeps an old error: it samples at twice that) and their events.
    Khz8,
    /// Opus (RFC 7587 §4.1) and its events.
    Khz48,
}

impl ClockRate {
    /// As `a=rtpmap` writes it.
    pub const fn hertz(self) -> u32 {
        match self {
            Self::Khz8 => 8_000,
            Self::Khz48 => 48_000,
        }
    }

    /// The clock with this rate, if it is one that is used here.
    pub fn from_hertz(text: &str) -> Option<Self> {
        match text {
            "8000" => Some(Self::Khz8),
            "48000" => Some(Self::Khz48),
            _ => None,
        }
    }

    /// Of a frame of 20 ms.
    pub const fn frame(self) -> u32 {
        self.hertz() / 50
    }

    /// Units that pass in `elapsed`.
    pub const fn units(self, elapsed: Duration) -> u32 {
        // Of 125 µs each at 8 kHz; wraps as timestamps do.
        match self {
            Self::Khz8 => (elapsed.as_micros() / 125) as u32,
            Self::Khz48 => (elapsed.as_micros() * 6 / 125) as u32,
        }
    }

    /// How long `units` last.
    pub const fn duration(self, units: u64) -> Duration {
        match self {
            Self::Khz8 => Duration::from_micros(units.saturating_mul(125)),
            Self::Khz48 => Duration::from_micros(units.saturating_mul(125) / 6),
        }
    }

    /// As many units of `to` as last as long as `units` of this; at most what 16 bits hold, since
    /// an event's duration has no more (RFC 4733 §2.3.5).
    pub const fn rescale(self, units: u16, to: Self) -> u16 {
        match (self, to) {
            (Self::Khz8, Self::Khz8) | (Self::Khz48, Self::Khz48) => units,
            (Self::Khz8, Self::Khz48) => units.saturating_mul(6),
            (Self::Khz48, Self::Khz8) => units / 6,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_durations_are_each_others_inverse() {
        let frame = Duration::from_millis(20);
        for clock in [ClockRate::Khz8, ClockRate::Khz48] {
            assert_eq!(clock.units(frame), clock.frame());
            assert_eq!(clock.duration(clock.frame().into()), frame);
        }
    }

    #[test]
    fn an_events_duration_is_scaled_and_never_wraps() {
        assert_eq!(ClockRate::Khz8.rescale(800, ClockRate::Khz48), 4_800);
        assert_eq!(ClockRate::Khz48.rescale(4_800, ClockRate::Khz8), 800);
        assert_eq!(ClockRate::Khz8.rescale(20_000, ClockRate::Khz48), u16::MAX);
        assert_eq!(ClockRate::Khz8.rescale(20_000, ClockRate::Khz8), 20_000);
    }
}
