//! `[recording]`: which calls are recorded, how, and where to.

use std::path::PathBuf;
use std::str::FromStr as _;
use std::time::Duration;

use super::error::Fault;
use super::scalar::Scalar;
use super::store::Days;
use super::table::Table;

/// What becomes of the audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    pub mode: Mode,
    /// The spool is in here, and the recordings too unless `store` says otherwise.
    pub dir: PathBuf,
    pub format: Format,
    /// Where finished recordings go: `s3://bucket/prefix`, or a directory; `dir` when absent.
    pub store: Option<String>,
    /// Age recipients (`age1…`); none leaves the audio readable.
    pub recipients: Vec<Recipient>,
    /// Recordings older than this are deleted; `None` keeps them.
    pub keep: Option<Duration>,
    /// Octets in the spool above which no recording begins, and the gateway isn't ready.
    pub spool_limit: u64,
}

/// Which calls are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Off,
    /// Those of which an agent, a back end or a route asks it.
    OnDemand,
    /// Each that is answered.
    Always,
}

/// How the audio is written: two channels, 8 kHz.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// 16-bit PCM.
    Wav,
    /// A-law: half the size.
    WavG711,
    /// Opus: a tenth.
    OggOpus,
}

/// Who can decrypt recordings, as age writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient(String);

impl Recipient {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Recording {
    pub(super) const KEYS: &[&str] = &[
        "mode",
        "dir",
        "format",
        "store",
        "recipients",
        "keep",
        "spool_limit",
    ];

    pub(super) fn read(table: Table<'_>) -> Result<Self, Fault> {
        Ok(Self {
            mode: table.or("mode", Mode::Off)?,
            dir: match table.path_of("dir")? {
                Some(dir) => dir,
                None => table.beside(DIR),
            },
            format: table.or("format", Format::Wav)?,
            store: table.optional("store")?,
            recipients: table.list("recipients")?.unwrap_or_default(),
            keep: table.optional::<Days>("keep")?.map(|days| days.0),
            spool_limit: table.or("spool_limit", Size(SPOOL_LIMIT))?.0,
        })
    }
}

impl Scalar for Mode {
    const SHAPE: &'static str = "one of \"off\", \"on-demand\", \"always\"";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "off" => Some(Self::Off),
            "on-demand" => Some(Self::OnDemand),
            "always" => Some(Self::Always),
            _ => None,
        }
    }
}

impl Scalar for Format {
    const SHAPE: &'static str = "one of \"wav\", \"wav-g711\", \"ogg-opus\"";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "wav" => Some(Self::Wav),
            "wav-g711" => Some(Self::WavG711),
            "ogg-opus" => Some(Self::OggOpus),
            _ => None,
        }
    }
}

impl Scalar for Recipient {
    const SHAPE: &'static str = "an age recipient such as \"age1…\"";

    fn from_text(text: &str) -> Option<Self> {
        age::x25519::Recipient::from_str(text).ok()?;
        Some(Self(text.to_owned()))
    }
}

/// Octets.
struct Size(u64);

impl Scalar for Size {
    const SHAPE: &'static str = "a size such as \"500M\" or \"20G\"";

    fn from_text(text: &str) -> Option<Self> {
        let unit = text.find(|c: char| !c.is_ascii_digit())?;
        let (count, unit) = text.split_at(unit);
        let each: u64 = match unit {
            "K" => 1 << 10,
            "M" => 1 << 20,
            "G" => 1 << 30,
            "T" => 1 << 40,
            _ => return None,
        };
        let count: u64 = count.parse().ok()?;
        count.checked_mul(each).filter(|size| *size > 0).map(Self)
    }
}

/// Beside the configuration.
const DIR: &str = "recordings";

/// A day of 15 calls at a time that couldn't be published.
const SPOOL_LIMIT: u64 = 20 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spools_limit_has_a_unit() {
        let read = |text| Size::from_text(text).map(|size| size.0);
        assert_eq!(read("64K"), Some(65_536));
        assert_eq!(read("20G"), Some(SPOOL_LIMIT));
        for text in ["", "G", "0G", "20", "20GB", "-1M", "99999999999T"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_recipient_is_one_that_age_knows() {
        let text = age::x25519::Identity::generate().to_public().to_string();
        assert!(Recipient::from_text(&text).is_some());
        for text in ["", "age1", "age1qqqqqqq", "AGE-SECRET-KEY-1", &text[1..]] {
            assert!(Recipient::from_text(text).is_none(), "{text}");
        }
    }
}
