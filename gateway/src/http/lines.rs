//! `/v1/lines`: every way to the telephone network, and why one is down.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::Serialize;

use super::Public;
use super::auth::{Caller, Scope};
use super::problem::Problem;
use crate::agent::Service;
use crate::switchboard::LineView;

pub(super) fn routes() -> Router<Arc<Public>> {
    Router::new()
        .route("/v1/lines", get(list))
        .route("/v1/lines/{line}/register", post(register))
        .route("/v1/lines/{line}/unregister", post(unregister))
}

#[derive(Serialize)]
struct Lines {
    lines: Vec<LineView>,
}

async fn list(State(public): State<Arc<Public>>, caller: Caller) -> Result<Json<Lines>, Problem> {
    caller.require(Scope::CallsRead)?;
    let lines = public.switchboard.lines().await?;
    Ok(Json(Lines { lines }))
}

/// Puts a line back that was taken out of service or given up.
async fn register(
    State(public): State<Arc<Public>>,
    caller: Caller,
    Path(line): Path<String>,
) -> Result<(StatusCode, Json<LineView>), Problem> {
    serve(&public, &caller, line, Service::In).await
}

/// Takes a line out of service; calls that are up go on.
async fn unregister(
    State(public): State<Arc<Public>>,
    caller: Caller,
    Path(line): Path<String>,
) -> Result<(StatusCode, Json<LineView>), Problem> {
    serve(&public, &caller, line, Service::Out).await
}

/// The other end's answer isn't waited for: the list of lines and the events tell it.
async fn serve(
    public: &Public,
    caller: &Caller,
    line: String,
    service: Service,
) -> Result<(StatusCode, Json<LineView>), Problem> {
    caller.require(Scope::Admin)?;
    let line = public.switchboard.serve(line, service).await?;
    Ok((StatusCode::ACCEPTED, Json(line)))
}
