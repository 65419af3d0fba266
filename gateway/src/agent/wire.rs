//! `warmline.agent.v1`: the frames between an agent's browser and the gateway.
//!
//! One source for both sides: the SDK's types are written from these by the tests. What the SDK has a name of its own for
//! is renamed on the way.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::page::PageReport;
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
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
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
        /// The browser's name for itself, the same in all its tabs.
        #[serde(default)]
        device: Option<String>,
    },
    /// A fresh token on a living session.
    Auth {
        token: String,
    },
    /// The browser's SDP offer for the one media leg.
    Media {
        sdp: String,
        #[cfg_attr(test, ts(optional, as = "Option<_>"))]
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
        quality: PageReport,
    },
    Ping,
}

/// A call that an agent, or a back end in the agent's name, asks for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
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
    #[cfg_attr(test, ts(optional, type = "unknown"))]
    pub context: Option<Value>,
    #[cfg_attr(test, ts(optional, as = "Option<_>"))]
    #[serde(default)]
    pub order: Order,
    /// How long the agent may be rung after the customer has answered; `customer-first` only.
    #[serde(default)]
    pub ring_timeout_s: Option<u32>,
    /// Whether it is to be recorded where that is on demand.
    #[cfg_attr(test, ts(optional, as = "Option<_>"))]
    #[serde(default)]
    pub record: bool,
}

/// Who is called first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// The agent's leg is there before the customer is dialled.
    #[default]
    AgentFirst,
    /// The customer is greeted, then the agent is asked.
    CustomerFirst,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum TransferMode {
    Blind,
    Consult,
}

/// What the gateway sends.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(untagged)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every frame is an event: a box would be one more allocation for each"
)]
pub enum Frame {
    Reply {
        re: u64,
        #[cfg_attr(test, ts(type = "unknown"))]
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
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
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
        /// Of the operator's own, besides those that are always there.
        #[cfg_attr(test, ts(optional, as = "Option<_>"))]
        #[serde(skip_serializing_if = "Vec::is_empty")]
        statuses: Vec<StatusChoice>,
    },
    Agent {
        agent: AgentView,
    },
    Call {
        call: CallView,
    },
    /// How a talk sounds, every 5 s while both sides send.
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

/// A status that an agent may choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct StatusChoice {
    pub name: String,
    /// For people.
    pub label: String,
}

/// WebRTC's `RTCIceServer`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct IceServer {
    pub urls: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// How one direction of a talk sounds, over both of its ways.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Quality {
    pub grade: Grade,
    /// 1 to 4.41, of the worse way.
    pub mos: f32,
    /// Of both ways together.
    pub rtt_ms: u32,
    pub jitter_ms: u32,
    pub loss_pct: f32,
}

/// What a score means to people (ITU-T G.107 annex B).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    Good,
    Fair,
    Poor,
    Bad,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
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
    /// A call could not ring at the agent, and why.
    Missed,
    /// Nothing comes from the page's microphone any more: the way from it is to be looked for anew.
    Unheard,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "kebab-case")]
pub enum ByeCode {
    /// By another page of the same browser, or of one that doesn't say which it is.
    Replaced,
    Expired,
    Forbidden,
    Shutdown,
    /// By a page on another device.
    TakenOver,
}

/// An agent, as the desk and the API show it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
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
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct StatusView {
    pub name: String,
    /// Epoch milliseconds.
    pub since: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum LineState {
    Up,
    Down,
    /// The agent has no line of its own.
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "WireMediaState"))]
#[serde(rename_all = "lowercase")]
pub enum MediaState {
    Up,
    Down,
}

/// A call, as everybody sees it. Times are epoch milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields, rename = "WireCallView"))]
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
    #[cfg_attr(test, ts(optional, type = "unknown"))]
    pub context: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ucid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<EndedView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linked: Option<CallId>,
    /// When the wrap-up ends by itself; there as long as it lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closes_at: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    Outbound,
    Inbound,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
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
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    Requested,
    Dialing,
    Alerting,
    EarlyMedia,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Peer {
    pub number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Recording {
    On,
    Paused,
    Off,
}

/// Why a call is over.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
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
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum EndedBy {
    Agent,
    Customer,
    Provider,
    Gateway,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SipStatus {
    pub code: u16,
    pub reason: String,
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod types;
