//! A published recording, as events and HTTP show it.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::events::{About, Event, Kind, rfc3339};
use crate::store::{Hold, KeptRecording};

/// The manifest without its blocks, and what became of it since.
pub fn view(recording: &KeptRecording) -> Value {
    // It was read before it was published.
    let mut view: Value = serde_json::from_str(&recording.summary).unwrap_or_else(|_| json!({}));
    if let Some(keys) = view.as_object_mut() {
        keys.insert("path".to_owned(), recording.path.clone().into());
        let at = rfc3339(recording.published_at);
        keys.insert("published_at".to_owned(), at.into());
        let held = recording.hold == Hold::Legal;
        keys.insert("legal_hold".to_owned(), held.into());
    }
    view
}

/// What is kept of a manifest for lists and events: all but its blocks, which are for whoever checks the audio.
pub(super) fn summary(manifest: &str) -> String {
    let mut summary: Value = serde_json::from_str(manifest).unwrap_or_else(|_| json!({}));
    if let Some(keys) = summary.as_object_mut() {
        keys.remove("blocks");
    }
    summary.to_string()
}

/// An event about a recording; its subject is the call.
pub fn event(kind: Kind, recording: &KeptRecording, now: u64) -> Event {
    let about = About {
        subject: recording.call.clone(),
        agent: recording.agent.clone(),
    };
    Event::new(kind, about, now, json!({ "recording": view(recording) }))
}

/// Of an RFC 3339 time.
pub(super) fn epoch_ms(time: &str) -> Option<u64> {
    let time = OffsetDateTime::parse(time, &Rfc3339).ok()?;
    u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
}

/// `2026-11-20`, UTC.
pub(super) fn date(epoch_ms: u64) -> String {
    let mut date = rfc3339(epoch_ms);
    date.truncate(10);
    date
}
