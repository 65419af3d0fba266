//! `/v1/calls`: place, watch, act, and ask why.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, LOCATION, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::auth::{Caller, Reach, Scope};
use super::idempotency::{Known, Name};
use super::problem::Problem;
use super::request::{Asked, Json};
use super::{Public, cursor};
use crate::agent::wire::{CallState, CallView, Dial, Order, TransferMode};
use crate::call::{CallId, Told};
use crate::explain::{Cause, Explained};
use crate::store::{Disposition, Kept, Platform};
use crate::switchboard::{Action, CallFilter};

pub(super) fn routes() -> Router<Arc<Public>> {
    Router::new()
        .route("/v1/calls", post(place).get(list))
        .route("/v1/calls/{call}", get(show))
        .route("/v1/calls/{call}/answer", post(answer))
        .route("/v1/calls/{call}/hangup", post(hangup))
        .route("/v1/calls/{call}/hold", post(hold))
        .route("/v1/calls/{call}/resume", post(resume))
        .route("/v1/calls/{call}/mute", post(mute))
        .route("/v1/calls/{call}/unmute", post(unmute))
        .route("/v1/calls/{call}/record", post(record))
        .route("/v1/calls/{call}/digits", post(digits))
        .route("/v1/calls/{call}/transfer", post(transfer))
        .route("/v1/calls/{call}/complete", post(complete))
        .route("/v1/calls/{call}/disposition", put(dispose))
        .route("/v1/calls/{call}/explain", get(explain))
}

/// The body of `POST /v1/calls`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Placing {
    agent: String,
    to: String,
    via: Option<String>,
    from: Option<String>,
    #[serde(default)]
    order: Order,
    record: Option<bool>,
    context: Option<Map<String, Value>>,
    ring_timeout_s: Option<u32>,
}

impl Placing {
    fn into_dial(self, call: CallId) -> (String, Dial) {
        let dial = Dial {
            call,
            to: self.to,
            from: self.from,
            via: self.via,
            context: self.context.map(Value::Object),
            order: self.order,
            ring_timeout_s: self.ring_timeout_s,
            record: self.record == Some(true),
        };
        (self.agent, dial)
    }
}

async fn place(
    State(public): State<Arc<Public>>,
    caller: Caller,
    headers: HeaderMap,
    Json(placing): Json<Placing>,
) -> Result<Response, Problem> {
    if !caller.reach(Scope::CallsWrite)?.covers(&placing.agent) {
        return Err(Problem::forbidden(
            "An agent's token dials for that agent only.",
        ));
    }
    let name = idempotency_key(&headers)?.map(|key| Name {
        caller: caller.subject.clone(),
        key,
    });
    let fresh = CallId::fresh();
    let fingerprint = fingerprint(&placing);
    let known = match &name {
        Some(name) => public.bind(name, fingerprint, fresh, Instant::now()),
        None => Known::Dial(fresh),
    };
    let call = match known {
        Known::Dial(call) => call,
        Known::Answered { call, body } => return Ok(accepted(&call, body, Played::Again)),
        Known::Mismatch => {
            return Err(Problem::unprocessable(
                "This Idempotency-Key was used for another request.",
            ));
        }
    };
    if let Err(too_fast) = public.admit_dial(&caller.subject, Instant::now()) {
        let seconds = too_fast.retry_after.as_secs_f64().ceil() as u64;
        let retry_after = [(RETRY_AFTER, seconds.to_string())];
        return Ok((retry_after, Problem::from(too_fast)).into_response());
    }
    let (agent, dial) = placing.into_dial(call);
    let view = public.switchboard.dial(agent, dial).await?;
    let body = Bytes::from(serde_json::to_vec(&view).expect("a view has no keys that aren't text"));
    if let Some(name) = &name {
        public.answered(name, fingerprint, &view.id, body.clone());
    }
    Ok(accepted(&view.id, body, Played::Now))
}

/// Whether an answer is the first or a stored one.
enum Played {
    Now,
    Again,
}

fn accepted(call: &CallId, body: Bytes, played: Played) -> Response {
    let headers = [
        (LOCATION, format!("/v1/calls/{call}")),
        (CONTENT_TYPE, "application/json".to_owned()),
    ];
    let replayed = match played {
        Played::Now => None,
        Played::Again => Some([(IDEMPOTENCY_REPLAYED.clone(), "true")]),
    };
    match replayed {
        Some(replayed) => (StatusCode::ACCEPTED, headers, replayed, body).into_response(),
        None => (StatusCode::ACCEPTED, headers, body).into_response(),
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(&IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    value
        .to_str()
        .ok()
        .filter(|key| (1..=255).contains(&key.len()))
        .map(|key| Some(key.to_owned()))
        .ok_or_else(|| {
            Problem::bad_request("An Idempotency-Key has 1 to 255 visible ASCII characters.")
        })
}

/// Of a request, the same in every run of the program.
fn fingerprint(placing: &Placing) -> u64 {
    let text = serde_json::to_vec(placing).expect("a request has no keys that aren't text");
    let digest = Sha256::digest(text);
    digest
        .iter()
        .take(8)
        .fold(0, |hash, byte| (hash << 8) | u64::from(*byte))
}

/// The query of `GET /v1/calls`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asking {
    state: Option<CallState>,
    agent: Option<String>,
    /// Begun at this time or later.
    from: Option<String>,
    /// Begun before this time.
    to: Option<String>,
    #[serde(default = "default_limit")]
    limit: usize,
    /// Where the page before ended; made by us and opaque to the caller.
    cursor: Option<String>,
}

fn default_limit() -> usize {
    50
}

/// Newest first; `next` is there when there are more.
#[derive(Serialize)]
struct Page {
    calls: Vec<Value>,
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
            "A page has 1 to {PAGE_LIMIT} calls: \"limit\"."
        )));
    }
    let agent = match (caller.reach(Scope::CallsRead)?, asking.agent) {
        (Reach::Everyone, agent) => agent,
        (Reach::Own(own), Some(agent)) if agent != own => {
            return Err(Problem::forbidden(
                "An agent's token reaches that agent's calls only.",
            ));
        }
        (Reach::Own(own), _) => Some(own.to_owned()),
    };
    let filter = CallFilter {
        state: asking.state,
        agent,
        from: time("from", asking.from.as_deref())?,
        to: time("to", asking.to.as_deref())?,
        before: asking.cursor.as_deref().map(cursor::read).transpose()?,
        // One more than the page shows, to know whether there is another.
        limit: asking.limit + 1,
    };
    let mut calls = public.records.list(filter).await?;
    let more = calls.len() > asking.limit;
    calls.truncate(asking.limit);
    let last = calls.last().filter(|_| more);
    let next = last.map(|call| cursor::write(&call.place));
    let calls = calls.into_iter().map(document).collect();
    Ok(axum::Json(Page { calls, next }))
}

/// RFC 3339 into epoch milliseconds.
fn time(key: &str, text: Option<&str>) -> Result<Option<u64>, Problem> {
    let Some(text) = text else {
        return Ok(None);
    };
    OffsetDateTime::parse(text, &Rfc3339)
        .ok()
        .and_then(|time| u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok())
        .map(Some)
        .ok_or_else(|| {
            Problem::bad_request(format!(
                "\"{key}\" is a time such as 2026-01-31T08:30:00Z (RFC 3339)."
            ))
        })
}

async fn show(
    State(public): State<Arc<Public>>,
    caller: Caller,
    Path(call): Path<String>,
) -> Result<axum::Json<Value>, Problem> {
    let reach = caller.reach(Scope::CallsRead)?;
    let kept = visible(&public, reach, &call).await?;
    Ok(axum::Json(document(kept)))
}

/// A call, with what its record adds to its view.
fn document(kept: Kept) -> Value {
    let mut call = kept.view;
    if let (Some(disposition), Some(call)) = (&kept.disposition, call.as_object_mut()) {
        call.insert("disposition".to_owned(), json!(disposition));
    }
    if kept.platform != Platform::default()
        && let Some(call) = call.as_object_mut()
    {
        call.insert("platform".to_owned(), json!(kept.platform));
    }
    call
}

/// Why a call went as it went: its story, oldest first, and, once it has ended, the cause.
#[derive(Serialize)]
struct Story {
    call: CallId,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Explained>,
    story: Vec<Told>,
}

async fn explain(
    State(public): State<Arc<Public>>,
    caller: Caller,
    Path(call): Path<String>,
) -> Result<axum::Json<Story>, Problem> {
    let reach = caller.reach(Scope::CallsRead)?;
    let kept = visible(&public, reach, &call).await?;
    let cause = kept.cause.as_deref().and_then(Cause::named);
    Ok(axum::Json(Story {
        call: kept.place.call,
        cause: cause.map(Cause::explained),
        story: kept.story,
    }))
}

/// The body of an action that has nothing to say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HangingUp {
    reason: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dialled {
    tones: String,
}

/// The body of `POST …/record`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recording {
    on: bool,
}

/// The body of `POST …/transfer`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Transferring {
    to: String,
    mode: TransferMode,
}

/// The body of `PUT …/disposition`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Disposing {
    code: String,
    notes: Option<String>,
    callback_at: Option<u64>,
}

async fn answer(
    State(public): State<Arc<Public>>,
    caller: Caller,
    Path(call): Path<String>,
    Json(Nothing {}): Json<Nothing>,
) -> Result<axum::Json<CallView>, Problem> {
    act(&public, &caller, &call, Action::Answer).await
}

async fn hangup(
    State(public): State<Arc<Public>>,
    caller: Caller,
    Path(call): Path<String>,
    Json(HangingUp { reason }): Json<HangingUp>,
) -> Result<axum::Json<CallView>, Problem> {
    act(&public, &caller, &call, Action::Hangup { reason }).await
}

async fn hold(
    State(public): State<Arc<Public>>,
    caller: Caller,
    Path(call): Path<String>,
    Json(Nothing {}): Json<Nothing>,
) -> Result<axum::Json<CallView>, Problem> {
    act(&public, &caller, &call, Action::Hold { on: true }).await
}

async fn resume(
    State(public): State<Arc<Public>>,
    caller: Caller,
    Path(call): Path<String>,
    Json(Nothing {}): Json<Nothing>,
) -> Result<axum::Json<CallView>, Problem> {
    act(&public, &caller, &call, Action::Hold { on: false }).await
}

async fn mute(
    State(public): State<Arc<Public>>,
    caller: Caller,
    Path(call): Path<String>,
    Json(Nothing {}): Json<Nothing>,
) -> Result<axum::Json<CallView>, Problem> {
    act(&public, &caller, &call, Action::Mute { on: true }).await
}

async fn unmute(
    State(public): State<Arc<Public>>,
    caller: Caller,
    Path(call): Path<String>,
    Json(Nothing {}): Json<Nothing>,
) -> Result<axum::Json<CallView>, Problem> {
    act(&public, &caller, &call, Action::Mute { on: false }).await
}

async fn record(
    State(public): State<Arc<Public>>,
    caller: Caller,
    Path(call): Path<String>,
    Json(Recording { on }): Json<Recording>,
) -> Result<axum::Json<CallView>, Problem> {
    act(&public, &caller, &call, Action::Record { on }).await
}

async fn digits(
    State(public): State<Arc<Public>>,
    caller: Caller,
    Path(call): Path<String>,
    Json(Dialled { tones }): Json<Dialled>,
) -> Result<axum::Json<CallView>, Problem> {
    act(&public, &caller, &call, Action::Digits { tones }).await
}

/// The platform's answer comes as a notice at the desk, and as the call's end.
async fn transfer(
    State(public): State<Arc<Public>>,
    caller: Caller,
    Path(call): Path<String>,
    Json(Transferring { to, mode }): Json<Transferring>,
) -> Result<axum::Json<CallView>, Problem> {
    act(&public, &caller, &call, Action::Transfer { to, mode }).await
}

/// Finishes a transfer that asked first; either of its two calls may be named.
async fn complete(
    State(public): State<Arc<Public>>,
    caller: Caller,
    Path(call): Path<String>,
    Json(Nothing {}): Json<Nothing>,
) -> Result<axum::Json<CallView>, Problem> {
    act(&public, &caller, &call, Action::Complete).await
}

/// Also of a call that is long over: its record is corrected.
async fn dispose(
    State(public): State<Arc<Public>>,
    caller: Caller,
    Path(call): Path<String>,
    Json(disposing): Json<Disposing>,
) -> Result<axum::Json<Value>, Problem> {
    let reach = caller.reach(Scope::CallsWrite)?;
    let call = visible(&public, reach, &call).await?.place.call;
    let disposition = Disposition {
        code: disposing.code,
        notes: disposing.notes,
        callback_at: disposing.callback_at,
    };
    let disposed = public.records.dispose(call, disposition).await?;
    Ok(axum::Json(document(disposed)))
}

async fn act(
    public: &Public,
    caller: &Caller,
    call: &str,
    action: Action,
) -> Result<axum::Json<CallView>, Problem> {
    let reach = caller.reach(Scope::CallsWrite)?;
    let known = visible(public, reach, call).await;
    let agent = match reach {
        Reach::Everyone => None,
        // What rings at several desks is everybody's whose desk it is.
        Reach::Own(agent) => Some(agent.to_owned()),
    };
    let call: CallId = call.parse().map_err(|_| unknown())?;
    let acted = public.switchboard.act(call, agent, action).await;
    acted
        .map(axum::Json)
        .map_err(|problem| match (problem.kind, known) {
            // It was a call within reach: it is over, or another agent's by now.
            ("not-found", Ok(_)) => Problem::conflict("The call is over."),
            ("not-found", Err(unknown)) => unknown,
            _ => problem,
        })
}

/// A call within reach. One beyond it looks like one that doesn't exist.
async fn visible(public: &Public, reach: Reach<'_>, call: &str) -> Result<Kept, Problem> {
    let call: CallId = call.parse().map_err(|_| unknown())?;
    let kept = public.records.find(&call).await?.ok_or_else(unknown)?;
    if reach.covers(&kept.agent) {
        Ok(kept)
    } else {
        Err(unknown())
    }
}

fn unknown() -> Problem {
    Problem::not_found("There is no such call.")
}

static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
static IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

const PAGE_LIMIT: usize = 200;
