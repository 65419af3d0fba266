//! How a conversation sounds, estimated from loss and delay: the E-model (ITU-T G.107).

pub(crate) mod burst;

use std::fmt;
use std::time::Duration;

/// The transmission rating factor R: 0 (bad) to 93 (G.711 without loss or delay).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rating(u8);

impl Rating {
    /// As [`Mos::of_g711`].
    pub fn of_g711(loss: f64, delay: Duration) -> Self {
        Self(rating(loss, delay).round().clamp(0.0, 100.0) as u8)
    }

    /// 0 to 100.
    pub fn value(self) -> u8 {
        self.0
    }
}

/// A mean opinion score, 1 (bad) to 4.41 (G.711 without loss or delay), in hundredths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mos(u16);

impl Mos {
    /// The score of G.711 with packet loss concealment, for a share of packets lost at random
    /// (0 to 1) and a one-way delay from mouth to ear.
    pub fn of_g711(loss: f64, delay: Duration) -> Self {
        Self::of_rating(rating(loss, delay))
    }

    /// From the transmission rating factor R (G.107 annex B).
    fn of_rating(r: f64) -> Self {
        let score = match r {
            r if r <= 0.0 => 1.0,
            r if r >= 100.0 => 4.5,
            r => 1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6,
        };
        // Below R = 6.5 the polynomial dips under the scale's end.
        Self((score.max(1.0) * 100.0).round() as u16)
    }

    /// Such as 44, as extended reports have it (RFC 3611 §4.7.5).
    pub fn tenths(self) -> u8 {
        (self.0 / 10) as u8
    }

    /// Such as 4.41.
    pub fn value(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

impl fmt::Display for Mos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.value())
    }
}

fn rating(loss: f64, delay: Duration) -> f64 {
    R0 - delay_impairment(delay) - loss_impairment(loss)
}

/// Ie,eff (G.107 §7.5) with the values that G.113 appendix I gives for G.711 with concealment.
fn loss_impairment(loss: f64) -> f64 {
    let percent = 100.0 * loss.clamp(0.0, 1.0);
    IE + (95.0 - IE) * percent / (percent + BPL)
}

/// Idd (G.107 §7.4): what delay alone does to a conversation. Echo is its own matter, and browsers
/// and phones cancel theirs.
fn delay_impairment(delay: Duration) -> f64 {
    let ratio = delay.as_secs_f64() / 0.1;
    if ratio <= 1.0 {
        return 0.0;
    }
    let x = ratio.log2();
    let sixth_root = |value: f64| value.powf(1.0 / 6.0);
    25.0 * (sixth_root(1.0 + x.powi(6)) - 3.0 * sixth_root(1.0 + (x / 3.0).powi(6)) + 2.0)
}

/// The rating without impairments: all of G.107's values at their defaults.
const R0: f64 = 93.2;
/// The codec's own impairment.
const IE: f64 = 0.0;
/// How well it bears random loss.
const BPL: f64 = 25.1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_follow_loss_and_delay() {
        for (loss, delay, score) in [
            (0.0, 0, "4.41"),
            (0.0, 100, "4.41"),
            (0.0, 150, "4.41"),
            (0.0, 200, "4.34"),
            (0.0, 300, "3.96"),
            (0.0, 400, "3.56"),
            (0.005, 50, "4.37"),
            (0.01, 50, "4.33"),
            (0.02, 50, "4.23"),
            (0.05, 50, "3.92"),
            (0.05, 400, "2.75"),
            (0.1, 50, "3.41"),
            (0.2, 50, "2.63"),
            (0.5, 50, "1.61"),
            (1.0, 5_000, "1.00"),
        ] {
            let mos = Mos::of_g711(loss, Duration::from_millis(delay));
            assert_eq!(mos.to_string(), score, "{loss} lost, {delay} ms");
        }
    }

    #[test]
    fn a_rating_becomes_the_score_that_the_standard_tabulates() {
        // G.107 annex B: R = 90, 80, 70, 60, 50.
        for (rating, score) in [
            (90.0, "4.34"),
            (80.0, "4.02"),
            (70.0, "3.60"),
            (60.0, "3.10"),
            (50.0, "2.58"),
            (-5.0, "1.00"),
            (3.0, "1.00"),
            (100.0, "4.50"),
        ] {
            assert_eq!(Mos::of_rating(rating).to_string(), score, "R {rating}");
        }
    }

    #[test]
    fn ratings_are_those_that_the_scores_come_from() {
        for (loss, delay, rating, tenths) in
            [(0.0, 0, 93, 44), (0.05, 50, 77, 39), (1.0, 5_000, 0, 10)]
        {
            let delay = Duration::from_millis(delay);
            assert_eq!(Rating::of_g711(loss, delay).value(), rating);
            assert_eq!(Mos::of_g711(loss, delay).tenths(), tenths);
        }
    }

    #[test]
    fn senseless_shares_stay_within_the_scale() {
        for loss in [-1.0, 2.0, f64::NAN, f64::INFINITY] {
            let mos = Mos::of_g711(loss, Duration::ZERO);
            assert!((1.0..=4.5).contains(&mos.value()), "{loss}");
        }
    }
}
