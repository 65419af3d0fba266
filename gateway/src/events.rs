//! What the world is told: CloudEvents 1.0 in JSON, written once and the same bytes for every sink.
//!
//! ```text
//! switchboard, publisher ──tell──► store (outbox) ──► SSE: whoever asks, from where it stopped
//!                                               └──► webhooks: each with a cursor of its own
//! ```
//!
//! Nobody who tells waits, and nobody is told of what isn't on the disk. A sink gets every event at least once and in
//! order; the event's `id` tells it what it has already.

mod destination;
mod types;
pub mod webhook;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

pub use self::destination::Reach;
pub use self::types::{NotAType, Types};
pub use self::webhook::{SigningKey, Webhook};

/// Something that happened, as it leaves the gateway.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// `e_` and a UUIDv7: the key by which a receiver knows an event that comes again.
    pub id: String,
    /// The type without its prefix: `call.created`.
    pub kind: String,
    /// Whose it is: an agent's token reaches these alone.
    pub agent: Option<String>,
    /// Epoch milliseconds.
    pub at: u64,
    /// The CloudEvent, JSON.
    pub body: Bytes,
}

/// Every event that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    CallCreated,
    CallRinging,
    CallConnected,
    CallHeld,
    CallResumed,
    CallTransferred,
    CallEnded,
    CallDisposed,
    /// The agent's page is there.
    AgentOnline,
    /// The page is gone; it is waited for.
    AgentOffline,
    AgentStatus,
    /// The page did not come back in time.
    AgentLost,
    RecordingStarted,
    RecordingPaused,
    RecordingResumed,
    RecordingPublished,
    RecordingFailed,
    RecordingDeleted,
    LineUp,
    LineDown,
    NodeStarted,
    NodeDraining,
}

impl Kind {
    pub const ALL: [Self; 22] = [
        Self::CallCreated,
        Self::CallRinging,
        Self::CallConnected,
        Self::CallHeld,
        Self::CallResumed,
        Self::CallTransferred,
        Self::CallEnded,
        Self::CallDisposed,
        Self::AgentOnline,
        Self::AgentOffline,
        Self::AgentStatus,
        Self::AgentLost,
        Self::RecordingStarted,
        Self::RecordingPaused,
        Self::RecordingResumed,
        Self::RecordingPublished,
        Self::RecordingFailed,
        Self::RecordingDeleted,
        Self::LineUp,
        Self::LineDown,
        Self::NodeStarted,
        Self::NodeDraining,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::CallCreated => "call.created",
            Self::CallRinging => "call.ringing",
            Self::CallConnected => "call.connected",
            Self::CallHeld => "call.held",
            Self::CallResumed => "call.resumed",
            Self::CallTransferred => "call.transferred",
            Self::CallEnded => "call.ended",
            Self::CallDisposed => "call.disposed",
            Self::AgentOnline => "agent.online",
            Self::AgentOffline => "agent.offline",
            Self::AgentStatus => "agent.status",
            Self::AgentLost => "agent.lost",
            Self::RecordingStarted => "recording.started",
            Self::RecordingPaused => "recording.paused",
            Self::RecordingResumed => "recording.resumed",
            Self::RecordingPublished => "recording.published",
            Self::RecordingFailed => "recording.failed",
            Self::RecordingDeleted => "recording.deleted",
            Self::LineUp => "line.up",
            Self::LineDown => "line.down",
            Self::NodeStarted => "node.started",
            Self::NodeDraining => "node.draining",
        }
    }
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The call's id; the agent's or the line's where there is no call.
    pub subject: String,
    pub agent: Option<String>,
}

impl Event {
    /// `at` in epoch milliseconds.
    pub fn new(kind: Kind, about: About, at: u64, data: Value) -> Self {
        let id = format!("e_{}", uuid::Uuid::now_v7());
        let body = CloudEvent {
            specversion: "1.0",
            id: &id,
            source: SOURCE,
            kind: format!("{PREFIX}{}", kind.word()),
            subject: &about.subject,
            time: rfc3339(at),
            datacontenttype: "application/json",
            data,
        };
        let body = serde_json::to_vec(&body).expect("an event has only keys of text");
        Self {
            kind: kind.word().to_owned(),
            agent: about.agent,
            at,
            body: Bytes::from(body),
            id,
        }
    }
}

/// CloudEvents 1.0 §3 and its JSON format.
#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: &'a str,
    source: &'static str,
    #[serde(rename = "type")]
    kind: String,
    subject: &'a str,
    time: String,
    datacontenttype: &'static str,
    data: Value,
}

/// RFC 3339, UTC, with milliseconds.
pub fn rfc3339(epoch_ms: u64) -> String {
    let nanos = i128::from(epoch_ms) * 1_000_000;
    // Past the year 9999, which no clock of ours shows.
    let time =
        OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second, milli) = time.to_hms_milli();
    let month = u8::from(month);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// What all our types begin with.
pub const PREFIX: &str = "io.warmline.";

/// The media type of an event.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";

const SOURCE: &str = "/warmline";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_a_cloud_event() {
        let about = About {
            subject: "c_1".to_owned(),
            agent: Some("agent7".to_owned()),
        };
        let event = Event::new(
            Kind::CallHeld,
            about,
            1_900_000_000_250,
            json!({ "call": 1 }),
        );
        let body: Value = serde_json::from_slice(&event.body).expect("JSON");
        assert_eq!(
            body,
            json!({
                "specversion": "1.0",
                "id": event.id,
                "source": "/warmline",
                "type": "io.warmline.call.held",
                "subject": "c_1",
                "time": "2030-03-17T17:46:40.250Z",
                "datacontenttype": "application/json",
                "data": { "call": 1 },
            })
        );
        assert!(event.id.starts_with("e_"));
    }

    #[test]
    fn every_kind_has_a_word_of_its_own() {
        let mut words: Vec<_> = Kind::ALL.iter().map(|kind| kind.word()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Kind::ALL.len());
    }
}
