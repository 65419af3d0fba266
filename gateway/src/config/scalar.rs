//! Values that are one word in the file or in an environment variable.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use ipnet::IpNet;

/// A value read from one TOML scalar.
pub(super) trait Scalar: Sized {
    /// Completes "must be …" in an error.
    const SHAPE: &'static str;
    /// How the value is written in TOML.
    const FORM: Form = Form::Text;

    fn from_text(text: &str) -> Option<Self>;
}

/// TOML's scalar types that are used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Integer,
    Boolean,
}

impl Scalar for String {
    const SHAPE: &'static str = "text in quotes, not empty";

    fn from_text(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| text.to_owned())
    }
}

impl Scalar for bool {
    const SHAPE: &'static str = "true or false";
    const FORM: Form = Form::Boolean;

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Scalar for u16 {
    const SHAPE: &'static str = "a whole number from 0 to 65535";
    const FORM: Form = Form::Integer;

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Scalar for u32 {
    const SHAPE: &'static str = "a whole number from 0 to 4294967295";
    const FORM: Form = Form::Integer;

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Scalar for u64 {
    const SHAPE: &'static str = "a whole number, not negative";
    const FORM: Form = Form::Integer;

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Scalar for usize {
    const SHAPE: &'static str = "a whole number, not negative";
    const FORM: Form = Form::Integer;

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Scalar for IpAddr {
    const SHAPE: &'static str = "an IP address such as \"198.51.100.7\"";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Scalar for SocketAddr {
    const SHAPE: &'static str = "an IP address and a port such as \"127.0.0.1:8080\"";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Scalar for IpNet {
    const SHAPE: &'static str = "a network such as \"198.51.100.0/24\", or one address";

    fn from_text(text: &str) -> Option<Self> {
        text.parse()
            .ok()
            .or_else(|| Some(IpNet::from(text.parse::<IpAddr>().ok()?)))
    }
}

impl Scalar for Duration {
    const SHAPE: &'static str = "a duration such as \"500ms\", \"30s\", \"2m\" or \"1h\"";

    fn from_text(text: &str) -> Option<Self> {
        let unit = text.find(|c: char| !c.is_ascii_digit())?;
        let (count, unit) = text.split_at(unit);
        let count: u64 = count.parse().ok()?;
        let seconds = |each: u64| count.checked_mul(each).map(Duration::from_secs);
        match unit {
            "ms" => Some(Duration::from_millis(count)),
            "s" => seconds(1),
            "m" => seconds(60),
            "h" => seconds(3600),
            _ => None,
        }
        // A longer one could overflow an `Instant`, and nothing here waits for a month.
        .filter(|duration| *duration <= LONGEST)
    }
}

impl Scalar for RangeInclusive<u16> {
    const SHAPE: &'static str = "a range of ports such as \"20000-29999\", from low to high";

    fn from_text(text: &str) -> Option<Self> {
        let (low, high) = text.split_once('-')?;
        let (low, high) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
        (low > 0 && low <= high).then_some(low..=high)
    }
}

const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);
