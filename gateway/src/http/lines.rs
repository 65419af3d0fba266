//! `/v1/lines`: every way to the telephone network, and why one is down.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use super::Public;
use super::auth::{Caller, Scope};
use super::problem::Problem;
use crate::switchboard::LineView;

pub(super) fn routes() -> Router<Arc<Public>> {
    Router::new().route("/v1/lines", get(list))
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
