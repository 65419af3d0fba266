//! `[[route]]`: which agent rings for a called number.

use std::time::Duration;

use super::error::Fault;
use super::scalar::Scalar;
use super::table::Table;

/// Calls that come in by a trunk and ring at an agent. The first route that matches is taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    pub trunk: String,
    pub called: Pattern,
    pub agent: String,
    pub ring_timeout: Duration,
}

/// A called number: exact, or with a `*` at one end, or `*` for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    Exact(String),
    StartsWith(String),
    EndsWith(String),
}

impl Route {
    pub(super) const KEYS: &[&str] = &["trunk", "called", "agent", "ring_timeout"];

    pub(super) fn read(table: Table<'_>) -> Result<Self, Fault> {
        Ok(Self {
            trunk: table.required("trunk")?,
            called: table.required("called")?,
            agent: table.required("agent")?,
            ring_timeout: table.or("ring_timeout", RING_TIMEOUT)?,
        })
    }
}

impl Pattern {
    pub fn matches(&self, called: &str) -> bool {
        match self {
            Self::Exact(number) => called == number,
            Self::StartsWith(prefix) => called.starts_with(prefix.as_str()),
            Self::EndsWith(suffix) => called.ends_with(suffix.as_str()),
        }
    }
}

impl Scalar for Pattern {
    const SHAPE: &'static str =
        "a number, or one with a \"*\" at its start or end such as \"+9190*\", or \"*\"";

    fn from_text(text: &str) -> Option<Self> {
        let pattern = match (text.strip_prefix('*'), text.strip_suffix('*')) {
            (_, Some(prefix)) => Self::StartsWith(prefix.to_owned()),
            (Some(suffix), None) => Self::EndsWith(suffix.to_owned()),
            (None, None) => Self::Exact(text.to_owned()),
        };
        match &pattern {
            Self::Exact(part) => (!part.is_empty()).then_some(()),
            // A second star would be taken for a character of the number.
            Self::StartsWith(part) | Self::EndsWith(part) => (!part.contains('*')).then_some(()),
        }?;
        Some(pattern)
    }
}

/// As long as most carriers let a phone ring.
const RING_TIMEOUT: Duration = Duration::from_secs(45);
