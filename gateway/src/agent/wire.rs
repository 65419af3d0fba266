//! `warmline.agent.v1`: the frames between an agent's browser and the gateway.
//!
//! One source for both sides: the SDK's types follow these.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::call::CallId;
use crate::http::problem::Problem;

/// The WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "warmline.agent.v1";

/// The largest frame that a browser may send; a larger one closes the socket with 1009.
pub const FRAME_LIMIT: usize = 64 * 1024;

/// A frame from a browser.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The browser's own number for it; the reply carries it as `re`. Per connection, never 0.
    pub id: u64,
    pub operation: Operation,
}

/// Why a frame from a browser isn't a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Malformed {
    /// Not JSON at all: whoever is there speaks another protocol.
    NotJson,
    /// JSON that we can't do; answered with `err` under this `re`, 0 when the frame had no `id` to answer to.
    Refused { re: u64, because: String },
}

impl Request {
    /// Reads one text frame. Unknown keys are ignored.
    ///
    /// # Errors
    ///
    /// [`Malformed`] when it isn't JSON, has no `id` above 0, or its `op` is unknown or lacks a key.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let frame: Value = serde_json::from_str(text).map_err(|_| Malformed::NotJson)?;
        let id = frame.get("id").and_then(Value::as_u64).unwrap_or(0);
        if id == 0 {
            return Err(Malformed::Refused {
                re: 0,
                because: "A request needs an \"id\": a whole number above 0.".to_owned(),
            });
        }
        let operation = Operation::deserialize(frame).map_err(|e| Malformed::Refused {
            re: id,
            because: format!("The request can't be read: {e}."),
        })?;
        Ok(Self { id, operation })
    }
}

/// What a browser asks for; the frame around it carries `id`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Operation {
    /// First frame of a connection.
    Hello {
        token: String,
        #[serde(default)]
        sdk: String,
        #[serde(default)]
        session: Option<String>,
        #[serde(default)]
        seq: Option<u64>,
    },
    /// A fresh token on a living session.
    Auth {
        token: String,
    },
    /// The browser's SDP offer for the one media leg.
    Media {
        sdp: String,
        #[serde(default)]
        restart: bool,
    },
    Status {
        name: String,
        #[serde(default)]
        reason: Option<String>,
    },
    Dial(Dial),
    Answer {
        call: CallId,
    },
    Reject {
        call: CallId,
        #[serde(default)]
        reason: Option<String>,
    },
    Hangup {
        call: CallId,
        #[serde(default)]
        reason: Option<String>,
    },
    Hold {
        call: CallId,
        on: bool,
    },
    Mute {
        call: CallId,
        on: bool,
    },
    Digits {
        call: CallId,
        tones: String,
    },
    Transfer {
        call: CallId,
        to: String,
        mode: TransferMode,
    },
    Complete {
        call: CallId,
    },
    Record {
        call: CallId,
        on: bool,
    },
    Dispose {
        call: CallId,
        code: String,
        #[serde(default)]
        notes: Option<String>,
        #[serde(default)]
        callback_at: Option<u64>,
    },
    Stats {
        #[serde(default)]
        call: Option<CallId>,
        quality: Value,
    },
    Ping,
}

/// A call that an agent, or a back end in the agent's name, asks for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Dial {
    /// Also the idempotency key: a repeated dial is answered with the call it already made.
    pub call: CallId,
    pub to: String,
    #[serde(default)]
    pub from: Option<String>,
    /// `ozonetel` or a trunk's name; the agent's default when absent.
    #[serde(default)]
    pub via: Option<String>,
    #[serde(default)]
    pub context: Option<Value>,
    #[serde(default)]
    pub order: Order,
    /// How long the agent may be rung after the customer has answered; `customer-first` only.
    #[serde(default)]
    pub ring_timeout_s: Option<u32>,
    /// Whether it is to be recorded where that is on demand.
    #[serde(default)]
    pub record: bool,
}

/// Who is called first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// The agent's leg is there before the customer is dialled.
    #[default]
    AgentFirst,
    /// The customer is greeted, then the agent is asked.
    CustomerFirst,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransferMode {
    Blind,
    Consult,
}

/// What the gateway sends.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every frame is an event: a box would be one more allocation for each"
)]
pub enum Frame {
    Reply {
        re: u64,
        ok: Value,
    },
    Error {
        re: u64,
        err: Problem,
    },
    Event {
        #[serde(flatten)]
        event: Event,
        /// Rises by one with each event of a session.
        seq: u64,
    },
}

/// Something that happened, as a whole snapshot.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "ev", rename_all = "lowercase")]
pub enum Event {
    Welcome {
        session: String,
        resumed: bool,
        heartbeat_ms: u64,
        grace_ms: u64,
        ice: Vec<IceServer>,
        agent: AgentView,
        calls: Vec<CallView>,
    },
    Agent {
        agent: AgentView,
    },
    Call {
        call: CallView,
    },
    Quality {
        call: CallId,
        to_customer: Quality,
        to_agent: Quality,
    },
    Notice {
        kind: NoticeKind,
        #[serde(skip_serializing_if = "Option::is_none")]
        in_ms: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    Bye {
        code: ByeCode,
        reconnect: bool,
    },
}

/// WebRTC's `RTCIceServer`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IceServer {
    pub urls: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quality {
    pub grade: &'static str,
    pub mos: f32,
    pub rtt_ms: u32,
    pub jitter_ms: u32,
    pub loss_pct: f32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    TokenExpiring,
    Draining,
    LineDown,
    LineUp,
    /// The platform's own words for the agent.
    Platform,
    /// Digits could not be sent, and why.
    Digits,
    /// Nothing is heard of the customer.
    NoAudio,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ByeCode {
    Replaced,
    Expired,
    Forbidden,
    Shutdown,
    TakenOver,
}

/// An agent, as the desk and the API show it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentView {
    pub id: String,
    pub name: String,
    pub status: StatusView,
    pub line: LineState,
    pub media: MediaState,
    pub ready: bool,
    /// One sentence; present exactly when `ready` is false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_ready_because: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StatusView {
    pub name: String,
    /// Epoch milliseconds.
    pub since: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LineState {
    Up,
    Down,
    /// The agent has no line of its own.
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaState {
    Up,
    Down,
}

/// A call, as everybody sees it. Times are epoch milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CallView {
    pub id: CallId,
    /// The agent whose call it is.
    pub agent: String,
    pub direction: Direction,
    pub state: CallState,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    pub peer: Peer,
    pub via: String,
    pub started_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<u64>,
    pub muted: bool,
    pub recording: Recording,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_answered: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ucid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<EndedView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linked: Option<CallId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    Outbound,
    Inbound,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallState {
    RingingOut,
    RingingIn,
    Connected,
    Held,
    WrapUp,
    Closed,
}

/// How far an outbound call has come while it rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    Requested,
    Dialing,
    Alerting,
    EarlyMedia,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Peer {
    pub number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Recording {
    On,
    Paused,
    Off,
}

/// Why a call is over.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EndedView {
    pub by: EndedBy,
    /// A bounded word, also a metric's label.
    pub reason: &'static str,
    /// The sentence that the agent reads.
    pub detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sip: Option<SipStatus>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EndedBy {
    Agent,
    Customer,
    Provider,
    Gateway,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SipStatus {
    pub code: u16,
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_and_unknown_keys_are_ignored() {
        let text = r#"{ "id": 7, "op": "ping", "later": { "than": "us" } }"#;
        let ping = Request {
            id: 7,
            operation: Operation::Ping,
        };
        assert_eq!(Request::parse(text), Ok(ping));
    }

    #[test]
    fn a_dial_carries_the_browsers_call_id_and_context() {
        let text = r#"{ "id": 8, "op": "dial", "call": "c_01990000-0000-7000-8000-000000000001",
                        "to": "+919000000001", "context": { "ticket": 5 } }"#;
        let Ok(Request {
            operation: Operation::Dial(dial),
            ..
        }) = Request::parse(text)
        else {
            panic!("not a dial");
        };
        assert_eq!(dial.to, "+919000000001");
        assert_eq!(dial.context, Some(serde_json::json!({ "ticket": 5 })));
    }

    #[test]
    fn what_can_not_be_done_is_refused_under_its_own_number() {
        let cases = [
            (r#"{ "id": 9, "op": "teleport" }"#, 9, "teleport"),
            (r#"{ "id": 10, "op": "mute", "on": true }"#, 10, "call"),
            (
                r#"{ "id": 11, "op": "hangup", "call": "5" }"#,
                11,
                "call id",
            ),
            (r#"{ "op": "ping" }"#, 0, "id"),
            (r#"{ "id": -1, "op": "ping" }"#, 0, "id"),
            (r#"["id", 1]"#, 0, "id"),
        ];
        for (text, number, word) in cases {
            let Err(Malformed::Refused { re, because }) = Request::parse(text) else {
                panic!("{text} was taken");
            };
            assert_eq!(re, number, "{text}");
            assert!(because.contains(word), "{text}: {because}");
        }
        assert_eq!(Request::parse("{"), Err(Malformed::NotJson));
    }

    #[test]
    fn frames_are_told_apart_by_one_key() {
        let event = Frame::Event {
            event: Event::Bye {
                code: ByeCode::TakenOver,
                reconnect: false,
            },
            seq: 42,
        };
        assert_eq!(
            serde_json::to_value(&event).expect("it can be written"),
            serde_json::json!({ "ev": "bye", "code": "taken-over", "reconnect": false, "seq": 42 })
        );
        let error = Frame::Error {
            re: 7,
            err: Problem::conflict("The call is over."),
        };
        let error = serde_json::to_value(&error).expect("it can be written");
        assert_eq!(error["re"], 7);
        assert_eq!(error["err"]["type"], "/problems/wrong-state");
    }
}
