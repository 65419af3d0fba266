//! The control interface: what tests and demos may see and cause, as JSON over HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::binding::Registration;
use super::call::{self, Order};
use super::customer::Behaviour;
use super::platform::{Breach, Frame, Platform};
use super::public_api;
use super::record::{Input, Origin, Snapshot};
use super::seat::Seat;
use super::token_socket::ucid;

/// Everything there is to see.
#[derive(Debug, Serialize)]
struct Everything {
    agents: Vec<Seat>,
    registrations: Vec<Registration>,
    calls: Vec<Snapshot>,
    frames: Vec<Frame>,
    breaches: Vec<Breach>,
    /// Bodies of the public API's dials.
    api_dials: Vec<Value>,
}

/// An INVITE that no dial caused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stray {
    extension: String,
    from: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// How long the extension may ring before CANCEL.
    #[serde(default = "stray_patience")]
    answer_within_s: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Push {
    #[serde(rename = "agentId")]
    agent: String,
    body: Value,
}

/// What a number does from now on.
#[derive(Debug, Deserialize)]
struct Customer {
    number: String,
    #[serde(flatten)]
    behaviour: Behaviour,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DropToken {
    #[serde(rename = "agentId")]
    agent: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DropSip {
    extension: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Door {
    open: bool,
}

/// Serves the interface for as long as the provider runs.
pub async fn serve(platform: Arc<Platform>, listener: TcpListener) {
    let routes = Router::new()
        .route("/state", get(everything))
        .route("/calls/{ucid}/hangup", post(hang_up))
        .route("/stray", post(stray))
        .route("/push", post(push))
        .route("/customers", post(set_customer))
        .route("/drop-token", post(drop_token))
        .route("/drop-sip", post(drop_sip))
        .route("/token-door", post(token_door))
        .merge(public_api::routes())
        .with_state(platform);
    if let Err(error) = axum::serve(listener, routes).await {
        tracing::warn!(%error, "the control interface ended");
    }
}

async fn everything(State(platform): State<Arc<Platform>>) -> Json<Everything> {
    let agents = platform.seats.lock().all();
    let registrations = platform.lines.lock().registrations(Instant::now());
    let calls = platform.calls.lock().snapshots();
    let api_dials = platform.logins.lock().dials.clone();
    let journal = platform.journal.lock();
    Json(Everything {
        agents,
        registrations,
        calls,
        frames: journal.frames.iter().cloned().collect(),
        breaches: journal.breaches.iter().cloned().collect(),
        api_dials,
    })
}

async fn hang_up(State(platform): State<Arc<Platform>>, Path(ucid): Path<String>) -> Response {
    let told = platform.calls.lock().tell(&ucid, Input::CustomerHangsUp);
    done(told, "no such call in progress")
}

async fn stray(State(platform): State<Arc<Platform>>, Json(stray): Json<Stray>) -> Response {
    let Ok(answer_within) = Duration::try_from_secs_f64(stray.answer_within_s) else {
        return done(false, "answer_within_s is no duration");
    };
    let clean = |text: &str| !text.contains(['\r', '\n']);
    if !stray
        .headers
        .iter()
        .all(|(name, value)| clean(name) && clean(value))
        || !clean(&stray.from)
    {
        return done(false, "a header holds a line break");
    }
    let (outcome, answered) = oneshot::channel();
    let behaviour = platform.directory.lock().behaviour(&stray.from);
    let order = Order {
        ucid: ucid(platform.next_dial()),
        origin: Origin::Stray,
        agent: None,
        number: stray.from,
        extension: stray.extension,
        behaviour: behaviour.after_fault(),
        headers: stray.headers.into_iter().collect(),
        answer_within,
        outcome: Some(outcome),
    };
    call::start(&platform, order);
    match answered.await {
        Ok(outcome) => Json(outcome).into_response(),
        Err(_) => (
            StatusCode::BAD_GATEWAY,
            Json(json!({ "error": "the call ended before a final response; see its record" })),
        )
            .into_response(),
    }
}

async fn push(State(platform): State<Arc<Platform>>, Json(push): Json<Push>) -> Response {
    done(
        platform.push(&push.agent, &push.body),
        "that agent has no open token socket",
    )
}

async fn set_customer(
    State(platform): State<Arc<Platform>>,
    Json(customer): Json<Customer>,
) -> Response {
    platform
        .directory
        .lock()
        .set(&customer.number, customer.behaviour);
    done(true, "")
}

async fn drop_token(
    State(platform): State<Arc<Platform>>,
    which: Option<Json<DropToken>>,
) -> Response {
    let Json(which) = which.unwrap_or_default();
    let seats = platform.seats.lock();
    let chosen = seats
        .all()
        .into_iter()
        .filter(|seat| which.agent.as_ref().is_none_or(|a| *a == seat.agent));
    let dropped = chosen
        .filter_map(|seat| seats.socket(&seat.agent))
        .map(|socket| socket.close())
        .count();
    Json(json!({ "dropped": dropped })).into_response()
}

async fn drop_sip(State(platform): State<Arc<Platform>>, which: Option<Json<DropSip>>) -> Response {
    let Json(which) = which.unwrap_or_default();
    let lines = platform.lines.lock();
    let dropped = lines
        .sockets(which.extension.as_deref())
        .map(|socket| socket.close())
        .count();
    Json(json!({ "dropped": dropped })).into_response()
}

/// Closed, every token socket goes, and no other comes.
async fn token_door(
    State(platform): State<Arc<Platform>>,
    Json(Door { open }): Json<Door>,
) -> Response {
    platform.token_door.store(open, Ordering::Relaxed);
    match open {
        true => done(true, ""),
        false => drop_token(State(platform), None).await,
    }
}

fn done(happened: bool, otherwise: &str) -> Response {
    match happened {
        true => StatusCode::NO_CONTENT.into_response(),
        false => (StatusCode::CONFLICT, Json(json!({ "error": otherwise }))).into_response(),
    }
}

fn stray_patience() -> f64 {
    30.0
}
