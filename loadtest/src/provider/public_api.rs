//! The platform's public HTTP: the API that a back end dials by, and the login page whose cookies open token sockets.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::call::{self, Order};
use super::customer::Behaviour;
use super::platform::{Milestone, Platform};
use super::push;
use super::record::Origin;
use super::token_socket::ucid;

/// Whom the login page knows, and the sessions that it gave.
#[derive(Debug, Default)]
pub struct Logins {
    sessions: BTreeSet<String>,
    /// Requests of the public API, verbatim.
    pub dials: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct Login {
    username: String,
    password: String,
}

pub fn routes() -> Router<Arc<Platform>> {
    Router::new()
        .route("/ca_apis/AgentManualDial", post(dial))
        .route("/login", post(log_in))
}

impl Logins {
    /// Whether a socket with this `Cookie` header may be opened.
    pub fn admits(&self, cookie: &str) -> bool {
        let pairs = cookie.split(';').filter_map(|pair| pair.split_once('='));
        pairs
            .filter(|(name, _)| name.trim() == SESSION)
            .any(|(_, value)| self.sessions.contains(value.trim()))
    }
}

/// A good form is answered with a redirection and a session, as pages do.
async fn log_in(State(platform): State<Arc<Platform>>, Form(login): Form<Login>) -> Response {
    if platform.config.login_password.as_ref() != Some(&login.password) {
        let words = json!({ "status": "error", "message": "Invalid username or password" });
        return Json(words).into_response();
    }
    let session = Uuid::new_v4().simple().to_string();
    platform.logins.lock().sessions.insert(session.clone());
    tracing::debug!(login.username, "logged in");
    let cookie = format!("{SESSION}={session}; Path=/; HttpOnly");
    let headers = [
        (header::SET_COOKIE, cookie),
        (header::LOCATION, "/toolbar".to_owned()),
    ];
    (StatusCode::FOUND, headers).into_response()
}

/// `AgentManualDial`: errors have status 200, except that of a wrong key.
async fn dial(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    platform.logins.lock().dials.push(body.clone());
    let key = headers.get("apiKey").and_then(|key| key.to_str().ok());
    if key != platform.config.api_key.as_deref() {
        let words = json!({ "status": "error", "message": "Invalid API key" });
        return (StatusCode::UNAUTHORIZED, Json(words)).into_response();
    }
    Json(match place(&platform, &body) {
        Ok(ucid) => json!({ "status": "queued successfully", "ucid": ucid }),
        Err(words) => json!({ "status": "error", "message": words }),
    })
    .into_response()
}

fn place(platform: &Arc<Platform>, body: &Value) -> Result<String, String> {
    let text = |key: &str| body[key].as_str().unwrap_or_default();
    let [_, agent, campaign, number] =
        ["userName", "agentID", "campaignName", "customerNumber"].map(text);
    for key in ["userName", "agentID", "campaignName", "customerNumber"] {
        if text(key).is_empty() {
            return Err(format!("{key} is required"));
        }
    }
    let campaigns = platform.config.campaigns.iter();
    let known = campaigns
        .filter_map(|campaign| campaign.split_once('~'))
        .find(|(_, name)| *name == campaign);
    let (id, name) = known.ok_or("Invalid campaign")?;
    let behaviour = platform.directory.lock().behaviour(number);
    if let Behaviour::Fault { fault } = behaviour
        && let Some(words) = fault.refusal_by_api()
    {
        return Err(words.to_owned());
    }
    let seat = platform.seats.lock().seat(agent).cloned();
    let seat = seat.ok_or("Agent is not logged in")?;
    if platform.calls.lock().of_agent(agent).is_some() {
        return Err("Agent is busy".to_owned());
    }
    let order = Order {
        ucid: ucid(platform.next_dial()),
        origin: Origin::Dial,
        agent: Some(agent.to_owned()),
        number: number.to_owned(),
        extension: seat.extension,
        behaviour: behaviour.unless_refused(),
        headers: Vec::new(),
        answer_within: platform.config.patience.agent,
        outcome: None,
    };
    platform.announce(Milestone::Dialled {
        ucid: order.ucid.clone(),
        agent: agent.to_owned(),
        number: number.to_owned(),
    });
    let new_call = push::new_call(
        &order.ucid,
        number,
        &platform.config.did,
        (id, Some(name)),
        platform.config.wrap_up,
    );
    // Lost where the agent's socket is away.
    platform.push(agent, &new_call);
    let placed = order.ucid.clone();
    call::start(platform, order);
    Ok(placed)
}

const SESSION: &str = "session";
