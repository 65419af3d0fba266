//! `/v1/agents`: who can answer, and tokens for their browsers.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::{Path, State};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Public;
use super::auth::{Caller, Scope};
use super::problem::Problem;
use super::request;
use crate::agent::wire::AgentView;
use crate::ozonetel::{Choice, Question};

pub(super) fn routes() -> Router<Arc<Public>> {
    Router::new()
        .route("/v1/agents", get(list))
        .route("/v1/agents/{agent}", get(show))
        .route("/v1/agents/{agent}/status", put(stand))
        .route("/v1/agents/{agent}/token", post(mint))
        .route("/v1/agents/{agent}/campaigns", get(campaigns))
        .route("/v1/agents/{agent}/dispositions", get(dispositions))
}

#[derive(Serialize)]
struct Agents {
    agents: Vec<AgentView>,
}

async fn list(State(public): State<Arc<Public>>, caller: Caller) -> Result<Json<Agents>, Problem> {
    let reach = caller.reach(Scope::CallsRead)?;
    let mut agents = public.switchboard.agents().await?;
    agents.retain(|agent| reach.covers(&agent.id));
    Ok(Json(Agents { agents }))
}

async fn show(
    State(public): State<Arc<Public>>,
    caller: Caller,
    Path(agent): Path<String>,
) -> Result<Json<AgentView>, Problem> {
    let reach = caller.reach(Scope::CallsRead)?;
    if !reach.covers(&agent) {
        return Err(unknown());
    }
    known(&public, &agent).await.map(Json)
}

/// The body of `PUT /v1/agents/{agent}/status`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Standing {
    name: String,
    reason: Option<String>,
}

async fn stand(
    State(public): State<Arc<Public>>,
    caller: Caller,
    Path(agent): Path<String>,
    request::Json(Standing { name, reason }): request::Json<Standing>,
) -> Result<Json<AgentView>, Problem> {
    if !caller.reach(Scope::CallsWrite)?.covers(&agent) {
        return Err(unknown());
    }
    public
        .switchboard
        .stand(agent, name, reason)
        .await
        .map(Json)
}

async fn campaigns(
    State(public): State<Arc<Public>>,
    caller: Caller,
    Path(agent): Path<String>,
) -> Result<Json<Value>, Problem> {
    let campaigns = choices(&public, &caller, agent, Question::Campaigns).await?;
    Ok(Json(json!({ "campaigns": campaigns })))
}

async fn dispositions(
    State(public): State<Arc<Public>>,
    caller: Caller,
    Path(agent): Path<String>,
) -> Result<Json<Value>, Problem> {
    let configured = public.contexts.crm.dispositions();
    if !configured.is_empty() {
        own_or_all(&caller, &agent)?;
        let named = |name: &String| Choice {
            id: None,
            name: name.clone(),
        };
        let configured: Vec<Choice> = configured.iter().map(named).collect();
        return Ok(Json(json!({ "dispositions": configured })));
    }
    let dispositions = choices(&public, &caller, agent, Question::Dispositions).await?;
    Ok(Json(json!({ "dispositions": dispositions })))
}

/// A list that the agent's platform offers.
async fn choices(
    public: &Public,
    caller: &Caller,
    agent: String,
    question: Question,
) -> Result<Vec<Choice>, Problem> {
    own_or_all(caller, &agent)?;
    public.switchboard.choices(agent, question).await
}

/// An agent's token reaches that agent's lists.
fn own_or_all(caller: &Caller, agent: &str) -> Result<(), Problem> {
    match caller.reach(Scope::CallsRead)?.covers(agent) {
        true => Ok(()),
        false => Err(unknown()),
    }
}

/// The body of `POST /v1/agents/{agent}/token`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Minting {
    ttl_s: Option<u64>,
}

#[derive(Serialize)]
struct Token {
    token: String,
    /// Epoch milliseconds, as in every view.
    expires_at: u64,
}

async fn mint(
    State(public): State<Arc<Public>>,
    caller: Caller,
    Path(agent): Path<String>,
    request::Json(Minting { ttl_s }): request::Json<Minting>,
) -> Result<(StatusCode, Json<Token>), Problem> {
    caller.require(Scope::Admin)?;
    let ttl = ttl_s.map_or(TOKEN_TTL, Duration::from_secs);
    if ttl.is_zero() || ttl > TOKEN_TTL_LIMIT {
        return Err(Problem::bad_request(format!(
            "A token lives for 1 to {} seconds: \"ttl_s\".",
            TOKEN_TTL_LIMIT.as_secs()
        )));
    }
    let agent = known(&public, &agent).await?;
    let minted = public
        .auth
        .mint(&agent.id, &[Scope::Agent], ttl, SystemTime::now());
    let token = Token {
        token: minted.token,
        expires_at: minted.expires * 1000,
    };
    Ok((StatusCode::CREATED, Json(token)))
}

async fn known(public: &Public, agent: &str) -> Result<AgentView, Problem> {
    let agents = public.switchboard.agents().await?;
    agents
        .into_iter()
        .find(|view| view.id == agent)
        .ok_or_else(unknown)
}

fn unknown() -> Problem {
    Problem::not_found("There is no such agent.")
}

/// A working day and its breaks, so that nobody signs in again in the middle of it.
pub const TOKEN_TTL: Duration = Duration::from_secs(12 * 3600);

/// A token can't be taken back, so it may not live long.
const TOKEN_TTL_LIMIT: Duration = Duration::from_secs(7 * 24 * 3600);
