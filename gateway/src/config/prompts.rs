//! `[prompts]`: what customers hear where no agent is.

use std::path::PathBuf;

use super::error::Fault;
use super::table::Table;

/// WAV files; an absent one is built in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prompts {
    pub greeting: Option<PathBuf>,
    pub hold: Option<PathBuf>,
    pub fallback: Option<PathBuf>,
    pub agent_lost: Option<PathBuf>,
}

/// Whether a route says something, and what.
#[derive(Debug, Clone, PartialEq)]
pub enum Saying {
    Nothing,
    /// What `[prompts]` has for it.
    Usual,
    File(PathBuf),
}

impl Prompts {
    pub(super) const KEYS: &[&str] = &["greeting", "hold", "fallback", "agent_lost"];

    pub(super) fn read(table: Table<'_>) -> Result<Self, Fault> {
        Ok(Self {
            greeting: table.path_of("greeting")?,
            hold: table.path_of("hold")?,
            fallback: table.path_of("fallback")?,
            agent_lost: table.path_of("agent_lost")?,
        })
    }
}

impl Saying {
    /// A key that is `true`, `false` or a WAV file.
    pub(super) fn read(table: &Table<'_>, key: &'static str, usual: Self) -> Result<Self, Fault> {
        use toml::de::DeValue;
        match table.entry(key).map(|value| value.get_ref()) {
            None => Ok(usual),
            Some(DeValue::Boolean(true)) => Ok(Self::Usual),
            Some(DeValue::Boolean(false)) => Ok(Self::Nothing),
            Some(DeValue::String(_)) => Ok(table.path_of(key)?.map_or(Self::Usual, Self::File)),
            Some(_) => Err(table.fault(key, "must be true, false or a WAV file")),
        }
    }
}
