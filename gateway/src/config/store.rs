//! `[store]`: where call records are kept, and for how long.

use std::path::PathBuf;
use std::time::Duration;

use super::error::Fault;
use super::scalar::Scalar;
use super::table::Table;

/// The file of call records.
#[derive(Debug, Clone, PartialEq)]
pub struct Store {
    pub path: PathBuf,
    /// Records older than this are forgotten.
    pub keep: Duration,
}

impl Store {
    pub(super) const KEYS: &[&str] = &["path", "keep"];

    pub(super) fn read(table: Table<'_>) -> Result<Self, Fault> {
        Ok(Self {
            path: match table.path_of("path")? {
                Some(path) => path,
                None => table.beside(PATH),
            },
            keep: table.or("keep", Days(KEEP))?.0,
        })
    }
}

/// Longer than what anything else waits for: how long something is kept.
pub(super) struct Days(pub Duration);

impl Scalar for Days {
    const SHAPE: &'static str = "a time such as \"90d\" or \"12h\"";

    fn from_text(text: &str) -> Option<Self> {
        let (count, each) = match text.strip_suffix('d') {
            Some(count) => (count, 24 * 3_600),
            None => (text.strip_suffix('h')?, 3_600),
        };
        let digits = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
        let count: u32 = digits.then(|| count.parse().ok())??;
        (count > 0).then(|| Self(Duration::from_secs(u64::from(count) * each)))
    }
}

/// Beside the configuration.
const PATH: &str = "warmline.db";

/// A quarter: what a month's report and a complaint about the month before need.
const KEEP: Duration = Duration::from_secs(90 * 24 * 3_600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_kept_for_days_or_hours() {
        let read = |text| Days::from_text(text).map(|days| days.0.as_secs());
        assert_eq!(read("90d"), Some(90 * 86_400));
        assert_eq!(read("12h"), Some(12 * 3_600));
        for text in ["", "d", "0d", "90", "-1d", "+9d", "99999999999d", "1w"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
