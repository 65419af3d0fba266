//! What is kept of a call.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::agent::wire::CallView;
use crate::call::platform::Platform;
use crate::call::{CallId, Told};
use crate::explain::Cause;

/// A call as it is now, on its way to the disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub view: CallView,
    /// Why it ended, once it has.
    pub cause: Option<Cause>,
    pub story: Vec<Told>,
    pub platform: Platform,
    pub disposition: Option<Disposition>,
}

/// What came of a call, as the agent or a back end says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disposition {
    pub code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// When the customer wants to be called again, epoch milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback_at: Option<u64>,
}

/// A call's place in the order of all calls: newest first, and one behind the other within a millisecond.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub started_at: u64,
    pub call: CallId,
}

/// A call as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    pub place: Place,
    pub agent: String,
    /// The `CallView` of its last moment.
    pub view: Value,
    /// A cause's label; of a later version, maybe.
    pub cause: Option<String>,
    pub story: Vec<Told>,
    pub platform: Platform,
    pub disposition: Option<Disposition>,
}

impl Record {
    /// About what it takes in memory, bytes. Twice the same record weighs the same.
    pub(super) fn weight(&self) -> usize {
        let told: usize = self.story.iter().map(|told| told.what.len()).sum();
        let context = self.view.context.as_ref().map_or(0, heft);
        let notes = self.disposition.as_ref().and_then(|d| d.notes.as_ref());
        RECORD + self.story.len() * TOLD + told + context + notes.map_or(0, String::len)
    }
}

fn heft(value: &Value) -> usize {
    VALUE
        + match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
            Value::String(text) => text.len(),
            Value::Array(list) => list.iter().map(heft).sum(),
            Value::Object(map) => map.iter().map(|(key, value)| key.len() + heft(value)).sum(),
        }
}

/// The fields that each has, and its places in the lists.
const RECORD: usize = 1_024;

/// A sentence without its letters.
const TOLD: usize = 32;

/// A JSON value without what it points to.
const VALUE: usize = 72;

impl Kept {
    /// What a record will be once it is written.
    ///
    /// # Errors
    ///
    /// Its context holds what JSON can't say.
    pub fn of(record: &Record) -> Result<Self, serde_json::Error> {
        Ok(Self {
            place: Place::of(&record.view),
            agent: record.view.agent.clone(),
            view: serde_json::to_value(&record.view)?,
            cause: record.cause.map(|cause| cause.label().to_owned()),
            story: record.story.clone(),
            platform: record.platform.clone(),
            disposition: record.disposition.clone(),
        })
    }
}

impl Place {
    pub fn of(view: &CallView) -> Self {
        Self {
            started_at: view.started_at,
            call: view.id.clone(),
        }
    }
}

impl Disposition {
    /// The sentence of the story, which is logged; the notes are people's and aren't.
    pub fn told(&self) -> String {
        format!("The call got the disposition {}.", self.code)
    }
}
