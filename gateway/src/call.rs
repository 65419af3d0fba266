//! A call: what it is and may do.

pub mod auto_answer;
pub mod doctor;
pub mod expectation;
pub mod keypad;
pub mod number;
pub mod platform;
pub mod ringing;
pub mod state;
pub mod termination;
pub mod transfer;
pub mod view;

use std::fmt;

use serde::{Deserialize, Serialize};

/// A call's name, made by whoever asks for the call: `c_` and a UUIDv7.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CallId(String);

impl CallId {
    /// A fresh id, for calls that nobody in a browser asked for.
    pub fn fresh() -> Self {
        Self(format!("c_{}", uuid::Uuid::now_v7()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One sentence of a call's story.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// Epoch milliseconds.
    pub at: u64,
    pub what: String,
}

/// Not `c_` and a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a call id is \"c_\" and a UUID")]
pub struct NotACallId;

impl std::str::FromStr for CallId {
    type Err = NotACallId;

    fn from_str(text: &str) -> Result<Self, NotACallId> {
        let uuid = text.strip_prefix("c_").ok_or(NotACallId)?;
        uuid::Uuid::try_parse(uuid).map_err(|_| NotACallId)?;
        Ok(Self(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for CallId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
