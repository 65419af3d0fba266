//! `[crm]`: what the desk shows beside a call, and where it comes from.

use std::path::PathBuf;
use std::time::Duration;

use super::error::Fault;
use super::scalar::Scalar;
use super::secret::Secret;
use super::table::Table;

/// Whom the gateway asks about a number, and how often.
#[derive(Debug, Clone, PartialEq)]
pub struct Crm {
    /// Absent: nobody is asked.
    pub lookup_url: Option<Url>,
    /// Sent as bearer token.
    pub token: Option<Secret>,
    /// PEM file with trust anchors beside the system's.
    pub tls_ca: Option<PathBuf>,
    /// From the question to the answer's last byte.
    pub timeout: Duration,
    /// How long a known customer's context is kept.
    pub cache: Duration,
    /// How long it is remembered that a number is nobody's.
    pub cache_unknown: Duration,
    /// Origins whose pages the desk may show in a frame: `https://crm.example.com`.
    pub frames: Vec<Origin>,
    /// What an agent may say came of a call; where empty, the platform's list is used.
    pub dispositions: Vec<String>,
}

/// An address that holds `{number}`, or gets it as its query's `number`.
#[derive(Debug, Clone, PartialEq)]
pub struct Url(pub String);

/// Scheme, host and port of a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin(pub String);

impl Crm {
    pub(super) const KEYS: &[&str] = &[
        "lookup_url",
        "token",
        "token_file",
        "tls_ca",
        "timeout",
        "cache",
        "cache_unknown",
        "frames",
        "dispositions",
    ];

    pub(super) fn read(table: Table<'_>) -> Result<Self, Fault> {
        let timeout = table.or("timeout", TIMEOUT)?;
        if timeout.is_zero() {
            return Err(table.fault("timeout", "must be longer than nothing"));
        }
        Ok(Self {
            lookup_url: table.optional("lookup_url")?,
            token: table.secret("token", "token_file")?,
            tls_ca: table.path_of("tls_ca")?,
            timeout,
            cache: table.or("cache", CACHE)?,
            cache_unknown: table.or("cache_unknown", CACHE_UNKNOWN)?,
            frames: table.list("frames")?.unwrap_or_default(),
            dispositions: table.list("dispositions")?.unwrap_or_default(),
        })
    }
}

impl Default for Crm {
    fn default() -> Self {
        Self {
            lookup_url: None,
            token: None,
            tls_ca: None,
            timeout: TIMEOUT,
            cache: CACHE,
            cache_unknown: CACHE_UNKNOWN,
            frames: Vec::new(),
            dispositions: Vec::new(),
        }
    }
}

impl Scalar for Url {
    const SHAPE: &'static str =
        "an address such as \"https://crm.example.com/contacts?number={number}\"";

    fn from_text(text: &str) -> Option<Self> {
        // With the placeholder in the host, whoever is called would choose whom we ask.
        let url = reqwest::Url::parse(&text.replace(NUMBER, "0")).ok()?;
        let host = url.host_str()?;
        let authority = text.split("://").nth(1)?.split('/').next()?;
        let fixed = !authority.contains('{') && matches!(url.scheme(), "http" | "https");
        let open = url.username().is_empty() && url.password().is_none() && !host.is_empty();
        (fixed && open).then(|| Self(text.to_owned()))
    }
}

impl Scalar for Origin {
    const SHAPE: &'static str = "an origin such as \"https://crm.example.com\"";

    fn from_text(text: &str) -> Option<Self> {
        let url = reqwest::Url::parse(text).ok()?;
        let plain = matches!(url.scheme(), "http" | "https") && !text.contains('*');
        // It goes into a header: nothing but the origin itself may stand there.
        let origin = url.origin().ascii_serialization();
        (plain && origin == text.trim_end_matches('/')).then_some(Self(origin))
    }
}

/// Stands for the percent-encoded number.
pub const NUMBER: &str = "{number}";

/// An agent who waits longer has greeted the customer without it.
const TIMEOUT: Duration = Duration::from_secs(3);

/// As long as most calls: what changed meanwhile, the agent changed.
const CACHE: Duration = Duration::from_secs(300);

/// Somebody may be adding the customer just now.
const CACHE_UNKNOWN: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_addresses_with_a_host_of_their_own_are_asked() {
        for (text, taken) in [
            ("https://crm.example.com/contacts?number={number}", true),
            ("http://127.0.0.1:8088/by/{number}/context", true),
            ("https://crm.example.com", true),
            ("https://{number}.example.com/", false),
            ("https://crm.example.com:{number}/", false),
            ("https://user:word@crm.example.com/", false),
            ("file:///etc/passwd", false),
            ("crm.example.com/contacts", false),
        ] {
            assert_eq!(Url::from_text(text).is_some(), taken, "{text}");
        }
    }

    #[test]
    fn an_origin_is_nothing_but_an_origin() {
        for (text, taken) in [
            ("https://crm.example.com", true),
            ("https://crm.example.com/", true),
            ("http://127.0.0.1:8088", true),
            ("https://crm.example.com/desk", false),
            ("https://crm.example.com; script-src *", false),
            ("https://*.example.com", false),
            ("*", false),
            ("data:", false),
        ] {
            assert_eq!(Origin::from_text(text).is_some(), taken, "{text}");
        }
    }
}
