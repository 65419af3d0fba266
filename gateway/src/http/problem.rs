//! RFC 9457 problem details: what went wrong, for a program and for a person.

use serde::Serialize;

use crate::agent::wire::SipStatus;

/// One refusal. `kind` is the last part of its `type`, a bounded word.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Problem {
    #[serde(rename = "type", serialize_with = "type_uri")]
    pub kind: &'static str,
    pub title: &'static str,
    pub status: u16,
    /// One true sentence about this case.
    pub detail: String,
    pub retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sip: Option<SipStatus>,
}

fn type_uri<S: serde::Serializer>(kind: &&'static str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format!("/problems/{kind}"))
}

impl Problem {
    pub fn new(
        kind: &'static str,
        title: &'static str,
        status: u16,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            title,
            status,
            detail: detail.into(),
            retryable: matches!(status, 429 | 502 | 503 | 504),
            request_id: None,
            sip: None,
        }
    }

    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(
            "bad-request",
            "The request can't be understood",
            400,
            detail,
        )
    }

    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new("unauthorized", "No valid token", 401, detail)
    }

    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new("forbidden", "Not allowed", 403, detail)
    }

    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new("not-found", "There is no such thing", 404, detail)
    }

    /// The call's state doesn't allow what was asked.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new("wrong-state", "Not possible in this state", 409, detail)
    }

    /// The switchboard's queue is full or it is stopping.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(
            "unavailable",
            "The gateway can't take this now",
            503,
            detail,
        )
    }
}
