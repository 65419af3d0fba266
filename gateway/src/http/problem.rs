//! RFC 9457 problem details: what went wrong, for a program and for a person.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use crate::agent::wire::SipStatus;

/// One refusal. `kind` is the last part of its `type`, a bounded word.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields, rename = "WireProblem"))]
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

    /// A token was shown, and it isn't one of ours or not valid now.
    pub fn invalid_token(detail: impl Into<String>) -> Self {
        Self::new("invalid-token", "The token isn't valid", 401, detail)
    }

    /// A valid token without the scope that this takes.
    pub fn insufficient_scope(detail: impl Into<String>) -> Self {
        Self::new(
            "insufficient-scope",
            "The token doesn't reach this far",
            403,
            detail,
        )
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

    /// Understood, and refused for what it asks.
    pub fn unprocessable(detail: impl Into<String>) -> Self {
        Self::new("unprocessable", "This can't be done", 422, detail)
    }

    /// Part of the contract that this version doesn't offer.
    pub fn not_available(detail: impl Into<String>) -> Self {
        Self::new(
            "not-available",
            "Not available in this version",
            422,
            detail,
        )
    }

    pub fn too_many(detail: impl Into<String>) -> Self {
        Self::new("too-many-requests", "Too many requests", 429, detail)
    }

    /// For a refusal that HTTP itself makes: no such route, wrong method, wrong upgrade.
    pub fn of_status(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Refused");
        Self::new("http", title, status.as_u16(), detail)
    }

    /// Writes the body and the headers that go with it over those of `response`.
    pub(crate) fn write(&self, response: &mut Response) {
        let body = serde_json::to_vec(self).expect("a problem has no keys that aren't text");
        response.headers_mut().remove(CONTENT_LENGTH);
        *response.body_mut() = Body::from(body);
    }

    /// RFC 6750 section 3: a 401 says how to authenticate, and errors are named only when a token was shown.
    fn challenge(&self) -> Option<&'static str> {
        match self.kind {
            "unauthorized" => Some(r#"Bearer realm="warmline""#),
            "invalid-token" => Some(r#"Bearer realm="warmline", error="invalid_token""#),
            "insufficient-scope" => Some(r#"Bearer realm="warmline", error="insufficient_scope""#),
            _ => None,
        }
    }
}

impl IntoResponse for Problem {
    /// The problem also rides in the response's extensions, for the layer that adds the request's id.
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut headers = HeaderMap::new();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(challenge) = self.challenge() {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        let mut response = (status, headers).into_response();
        self.write(&mut response);
        response.extensions_mut().insert(self);
        response
    }
}
