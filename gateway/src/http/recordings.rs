//! `/v1/recordings`: what was published; its audio piece by piece, its deletion, its legal hold.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, IF_NONE_MATCH, IF_RANGE, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use object_store::path::Path as ObjectPath;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::auth::{Caller, Reach, Scope};
use super::problem::Problem;
use super::range::{self, Ranged};
use super::request::Asked;
use super::{Public, cursor};
use crate::call::CallId;
use crate::clock::Moment;
use crate::events::Kind;
use crate::recorder::deletion::Deletion;
use crate::recorder::manifest::Encryption;
use crate::recorder::objects::Objects;
use crate::recorder::published;
use crate::store::{Change, Hold, KeptRecording, StoreError, WantedRecordings};

pub(super) fn routes() -> Router<Arc<Public>> {
    Router::new()
        .route("/v1/recordings", get(list))
        .route("/v1/recordings/{recording}", get(show).delete(delete))
        .route("/v1/recordings/{recording}/audio", get(audio))
        .route("/v1/recordings/{recording}/hold", put(hold).delete(free))
        .route("/v1/recordings/{recording}/republish", post(republish))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asking {
    call: Option<String>,
    #[serde(default = "default_limit")]
    limit: usize,
    cursor: Option<String>,
}

fn default_limit() -> usize {
    50
}

/// Newest first; `next` is there when there are more.
#[derive(Serialize)]
struct Page {
    recordings: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

async fn list(
    State(public): State<Arc<Public>>,
    caller: Caller,
    Asked(asking): Asked<Asking>,
) -> Result<axum::Json<Page>, Problem> {
    if !(1..=PAGE_LIMIT).contains(&asking.limit) {
        return Err(Problem::bad_request(format!(
            "A page has 1 to {PAGE_LIMIT} recordings: \"limit\"."
        )));
    }
    if let Some(Err(wrong)) = asking.call.as_ref().map(|call| call.parse::<CallId>()) {
        return Err(Problem::bad_request(format!(
            "The query: \"call\": {wrong}."
        )));
    }
    let agent = match caller.reach(Scope::RecordingsRead)? {
        Reach::Everyone => None,
        Reach::Own(own) => Some(own.to_owned()),
    };
    let before = asking.cursor.as_deref().map(cursor::read_recording);
    let wanted = WantedRecordings {
        call: asking.call,
        agent,
        before: before.transpose()?,
        // One more than asked for tells whether there is a next page.
        limit: asking.limit + 1,
    };
    let store = &public.records.store;
    let mut found = store.recordings(wanted).await.map_err(unavailable)?;
    let more = found.len() > asking.limit;
    found.truncate(asking.limit);
    let last = found.last().filter(|_| more);
    Ok(axum::Json(Page {
        next: last.map(|kept| cursor::write_recording(&kept.place)),
        recordings: found.iter().map(published::view).collect(),
    }))
}

/// The manifest, its own bytes: whoever checks its chain needs every one of them.
async fn show(
    State(public): State<Arc<Public>>,
    caller: Caller,
    Path(recording): Path<String>,
) -> Result<Response, Problem> {
    let kept = readable(&public, &caller, &recording).await?;
    let manifest = public.records.store.manifest(&recording).await;
    let manifest = manifest.map_err(unavailable)?.ok_or_else(unknown)?;
    let held = match kept.hold {
        Hold::Legal => "true",
        Hold::Free => "false",
    };
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (LEGAL_HOLD.clone(), held),
    ];
    Ok((headers, manifest).into_response())
}

async fn audio(
    State(public): State<Arc<Public>>,
    caller: Caller,
    Path(recording): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let kept = readable(&public, &caller, &recording).await?;
    let tag = format!("\"{}\"", kept.sha256);
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let mut answer = HeaderMap::new();
    put_header(&mut answer, ETAG, &tag)?;
    // Private: between the gateway and who asked; and asked about each time, because it may be deleted.
    put_header(&mut answer, CACHE_CONTROL, "private, no-cache")?;
    if text(&IF_NONE_MATCH).is_some_and(|known| names(known, &tag)) {
        return Ok((StatusCode::NOT_MODIFIED, answer).into_response());
    }
    put_header(&mut answer, ACCEPT_RANGES, "bytes")?;
    put_header(&mut answer, CONTENT_TYPE, content_type(&kept))?;
    let name = format!("inline; filename=\"{}-{}\"", kept.place.id, kept.audio);
    put_header(&mut answer, CONTENT_DISPOSITION, &name)?;
    // RFC 9110 §13.1.5: a part of something else is no use, so then the whole is sent.
    let fresh = text(&IF_RANGE).is_none_or(|known| known == tag);
    let asked = text(&RANGE).filter(|_| fresh && method == Method::GET);
    let (status, range) = match range::parse(asked, kept.bytes) {
        Ranged::Whole => (StatusCode::OK, 0..kept.bytes),
        Ranged::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Ranged::Unsatisfiable => {
            let problem = Problem::of_status(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "The range begins behind the recording's end.",
            );
            let length = [(CONTENT_RANGE, format!("bytes */{}", kept.bytes))];
            return Ok((length, problem).into_response());
        }
    };
    if status == StatusCode::PARTIAL_CONTENT {
        let what = format!("bytes {}-{}/{}", range.start, range.end - 1, kept.bytes);
        put_header(&mut answer, CONTENT_RANGE, &what)?;
    }
    let length = (range.end - range.start).to_string();
    put_header(&mut answer, CONTENT_LENGTH, &length)?;
    let body = match method {
        Method::HEAD => Body::empty(),
        _ => {
            let path = ObjectPath::from(kept.path.as_str()).child(kept.audio.as_str());
            let stream = objects(&public)?.stream(&path, range).await;
            Body::from_stream(stream.map_err(|error| unreachable(&error))?)
        }
    };
    Ok((status, answer, body).into_response())
}

async fn delete(
    State(public): State<Arc<Public>>,
    caller: Caller,
    Path(recording): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.require(Scope::RecordingsWrite)?;
    let kept = find(&public, &recording).await?;
    let deletion = Deletion {
        objects: objects(&public)?.clone(),
        store: public.records.store.clone(),
        keep: None,
    };
    let condemned = deletion.condemn(&recording).await;
    let condemned = condemned
        .map_err(|error| Problem::unavailable(format!("It can't be deleted now: {error}.")))?;
    if !condemned {
        // Held before we looked, or since; or somebody else was quicker.
        find(&public, &recording).await?;
        return Err(Problem::conflict("The recording is under legal hold."));
    }
    match deletion.bury(&kept, Moment::read()).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(error) => {
            tracing::warn!(recording, %error, "a recording's objects can't be deleted now; it is tried again");
            Ok(StatusCode::ACCEPTED)
        }
    }
}

async fn hold(
    public: State<Arc<Public>>,
    caller: Caller,
    recording: Path<String>,
) -> Result<StatusCode, Problem> {
    set_hold(public, caller, recording, Hold::Legal).await
}

async fn free(
    public: State<Arc<Public>>,
    caller: Caller,
    recording: Path<String>,
) -> Result<StatusCode, Problem> {
    set_hold(public, caller, recording, Hold::Free).await
}

async fn set_hold(
    State(public): State<Arc<Public>>,
    caller: Caller,
    Path(recording): Path<String>,
    hold: Hold,
) -> Result<StatusCode, Problem> {
    caller.require(Scope::RecordingsWrite)?;
    let change = Change::Hold { recording, hold };
    let changed = public.records.store.change(change).await;
    match changed.map_err(unavailable)? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(unknown()),
    }
}

/// Tells of it again, for a consumer that lost what it had; under a new event's id.
async fn republish(
    State(public): State<Arc<Public>>,
    caller: Caller,
    Path(recording): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.require(Scope::RecordingsWrite)?;
    let kept = find(&public, &recording).await?;
    let now = Moment::read().epoch_ms;
    let event = published::event(Kind::RecordingPublished, &kept, now);
    public.records.store.tell(event);
    Ok(StatusCode::ACCEPTED)
}

/// One that this caller may see; what isn't theirs isn't there.
async fn readable(public: &Public, caller: &Caller, id: &str) -> Result<KeptRecording, Problem> {
    let reach = caller.reach(Scope::RecordingsRead)?;
    let kept = find(public, id).await?;
    match reach.covers(kept.agent.as_deref().unwrap_or_default()) {
        true => Ok(kept),
        false => Err(unknown()),
    }
}

async fn find(public: &Public, id: &str) -> Result<KeptRecording, Problem> {
    let found = public.records.store.recording(id).await;
    found.map_err(unavailable)?.ok_or_else(unknown)
}

fn objects(public: &Public) -> Result<&Objects, Problem> {
    let objects = public.objects.as_ref();
    objects.ok_or_else(|| Problem::unavailable("There is no place for recordings configured."))
}

/// What a manifest says of its audio's encryption.
#[derive(Deserialize)]
struct Sealed {
    encryption: Option<Encryption>,
}

/// Encrypted audio is served as it lies there: only its owners can read it.
fn content_type(kept: &KeptRecording) -> &'static str {
    let summary: Result<Sealed, _> = serde_json::from_str(&kept.summary);
    let encrypted = summary.is_ok_and(|summary| summary.encryption.is_some());
    match kept.audio.rsplit_once('.') {
        _ if encrypted => "application/vnd.warmline.encrypted-audio",
        Some((_, "wav")) => "audio/wav",
        Some((_, "ogg" | "opus")) => "audio/ogg",
        Some(_) | None => "application/octet-stream",
    }
}

/// Whether `If-None-Match` (RFC 9110 §13.1.2) names the tag.
fn names(header: &str, tag: &str) -> bool {
    header.trim() == "*"
        || header
            .split(',')
            .any(|one| one.trim().trim_start_matches("W/") == tag)
}

fn put_header(headers: &mut HeaderMap, name: HeaderName, value: &str) -> Result<(), Problem> {
    let value = HeaderValue::from_str(value);
    let value = value.map_err(|_| Problem::unavailable("The recording's name can't be told."))?;
    headers.insert(name, value);
    Ok(())
}

fn unknown() -> Problem {
    Problem::not_found("There is no such recording.")
}

fn unavailable(error: StoreError) -> Problem {
    Problem::unavailable(format!("The recordings can't be looked up: {error}."))
}

fn unreachable(error: &object_store::Error) -> Problem {
    match error {
        object_store::Error::NotFound { .. } => {
            Problem::not_found("The recording's audio isn't where it was put.")
        }
        error => {
            tracing::warn!(%error, "a recording can't be read");
            Problem::unavailable("The recordings' store can't be reached.")
        }
    }
}

static LEGAL_HOLD: HeaderName = HeaderName::from_static("warmline-legal-hold");

/// The longest page.
const PAGE_LIMIT: usize = 200;

#[cfg(test)]
mod tests;
