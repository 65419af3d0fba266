//! What every request goes through: its id, its token, its body and its query.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::Public;
use super::auth::Caller;
use super::problem::Problem;

/// Gives the request an id, or keeps the caller's, and puts it on the response and into its problem.
pub(super) async fn identify(request: Request, next: Next) -> Response {
    let id = request
        .headers()
        .get(&X_REQUEST_ID)
        .and_then(readable_id)
        .unwrap_or_else(|| Uuid::now_v7().to_string());
    let mut response = next.run(request).await;
    if let Some(mut problem) = response.extensions_mut().remove::<Problem>() {
        problem.request_id = Some(id.clone());
        problem.write(&mut response);
    }
    let id = HeaderValue::from_str(&id).expect("a UUID or what was a header's value");
    response.headers_mut().insert(&X_REQUEST_ID, id);
    response
}

/// The framework's own refusals, a path that isn't UTF-8 for one, are plain text until here.
pub(super) async fn explain(response: Response) -> Response {
    let status = response.status();
    let refused = status.is_client_error() || status.is_server_error();
    if !refused || response.extensions().get::<Problem>().is_some() {
        return response;
    }
    Problem::of_status(status, "The request's line or headers can't be understood.").into_response()
}

/// A caller's id goes back to them and into logs, so it must be short and plain.
fn readable_id(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?;
    let plain = text.bytes().all(|b| b.is_ascii_graphic());
    (plain && (1..=128).contains(&text.len())).then(|| text.to_owned())
}

/// A JSON body of at most 64 KiB; nothing at all reads as `{}`.
pub(super) struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<Public>> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Arc<Public>) -> Result<Self, Problem> {
        let declared = content_type(request.headers());
        let bytes = Bytes::from_request(request, state).await.map_err(|e| {
            let detail = match e.status() {
                StatusCode::PAYLOAD_TOO_LARGE => "The body is larger than 64 KiB.",
                _ => "The body can't be read to its end.",
            };
            Problem::of_status(e.status(), detail)
        })?;
        if bytes.is_empty() {
            return parse(b"{}").map(Self);
        }
        if declared == ContentType::Other {
            return Err(Problem::of_status(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body must be JSON, with \"Content-Type: application/json\".",
            ));
        }
        parse(&bytes).map(Self)
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // An array would be taken for the fields in the order of our sources, which is nobody's business.
    if body.trim_ascii_start().first() == Some(&b'[') {
        return Err(Problem::bad_request("The body must be a JSON object."));
    }
    serde_json::from_slice(body)
        .map_err(|e| Problem::bad_request(format!("The body can't be read: {e}.")))
}

#[derive(PartialEq)]
enum ContentType {
    Json,
    Other,
}

fn content_type(headers: &HeaderMap) -> ContentType {
    let essence = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|essence| essence.trim().to_ascii_lowercase());
    match essence.as_deref() {
        Some("application/json") => ContentType::Json,
        Some(_) | None => ContentType::Other,
    }
}

/// The query string, where unknown keys are refused by name.
pub(super) struct Asked<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Arc<Public>> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Public>) -> Result<Self, Problem> {
        let Query(asked) = Query::try_from_uri(&parts.uri)
            .map_err(|e| Problem::bad_request(format!("The query: {}.", e.body_text())))?;
        Ok(Self(asked))
    }
}

impl FromRequestParts<Arc<Public>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<Public>) -> Result<Self, Problem> {
        let token = bearer(&parts.headers)?;
        state.auth.verify(token, SystemTime::now())
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(|| Problem::unauthorized("This needs \"Authorization: Bearer <token>\"."))
}

static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The largest body that is read.
pub(super) const BODY_LIMIT: usize = 64 * 1024;
