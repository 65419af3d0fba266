//! The operations listener: `/metrics`, `/livez`, `/readyz`, `/drain`. No token: it is bound where only operators reach it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::header::{CONTENT_TYPE, ORIGIN};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use tokio::time::{sleep, timeout};

use super::problem::Problem;
use crate::metrics::{Metrics, Now};
use crate::store::{Standing, Store};
use crate::switchboard::{Health, Switchboard};

pub(super) fn routes(switchboard: Switchboard, metrics: Metrics, store: Store) -> Router {
    Router::new()
        .route("/metrics", get(scrape))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/drain", post(drain))
        .with_state(Arc::new(Operations {
            switchboard,
            metrics,
            store,
        }))
}

struct Operations {
    switchboard: Switchboard,
    metrics: Metrics,
    store: Store,
}

impl Operations {
    /// `None` when the switchboard's task doesn't answer in time. A queue that is full for a moment is no death.
    async fn health(&self) -> Option<Health> {
        let asking = async {
            loop {
                match self.switchboard.health().await {
                    Ok(health) => return health,
                    Err(_) => sleep(BETWEEN_QUESTIONS).await,
                }
            }
        };
        timeout(PATIENCE, asking).await.ok()
    }

    async fn now(&self) -> Option<Now> {
        let asking = async {
            Ok::<_, Problem>(Now {
                agents: self.switchboard.agents().await?,
                lines: self.switchboard.lines().await?,
                health: self.switchboard.health().await?,
                store: self.store.standing(),
            })
        };
        timeout(PATIENCE, asking).await.ok()?.ok()
    }
}

async fn scrape(State(operations): State<Arc<Operations>>) -> Response {
    let now = operations.now().await;
    let text = operations.metrics.render(now.as_ref());
    ([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response()
}

async fn livez(State(operations): State<Arc<Operations>>) -> (StatusCode, &'static str) {
    match operations.health().await {
        Some(_) => (StatusCode::OK, "ok\n"),
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the switchboard doesn't answer\n",
        ),
    }
}

/// Each check by name: `ok`, or why not. Calls don't need the store: one that fails is told of, and no more.
#[derive(Serialize)]
struct Readiness {
    ready: bool,
    checks: BTreeMap<&'static str, Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    calls: Option<usize>,
}

impl Readiness {
    fn of(health: Option<&Health>, store: &Standing) -> Self {
        let mut checks: BTreeMap<_, Cow<'static, str>> = BTreeMap::from([
            // They are bound before anything is served; whoever reads this has reached one.
            ("listeners", OK.into()),
            (
                "switchboard",
                check(health.is_some(), "it doesn't answer within a second"),
            ),
        ]);
        if let Some(health) = health {
            checks.insert("line", check(health.line_up, "no configured line is up"));
            let accepting = check(!health.draining, "the gateway is draining");
            checks.insert("accepting", accepting);
            let spool = check(
                !health.spool_is_full,
                "the spool of recordings is over its limit",
            );
            checks.insert("recordings", spool);
        }
        let ready = checks.values().all(|said| said == OK);
        let records = match &store.trouble {
            Some(trouble) => format!("call records can't be written: {trouble}").into(),
            None => OK.into(),
        };
        checks.insert("store", records);
        Self {
            ready,
            checks,
            calls: health.map(|health| health.calls),
        }
    }
}

fn check(passed: bool, why_not: &'static str) -> Cow<'static, str> {
    if passed { OK.into() } else { why_not.into() }
}

async fn readyz(State(operations): State<Arc<Operations>>) -> (StatusCode, Json<Readiness>) {
    let standing = operations.store.standing();
    let readiness = Readiness::of(operations.health().await.as_ref(), &standing);
    let status = match readiness.ready {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(readiness))
}

/// Asked to end, the gateway takes no new calls; `calls` counts those that are still open.
#[derive(Debug, Serialize, serde::Deserialize)]
pub struct Draining {
    pub draining: bool,
    pub calls: usize,
}

/// Asked again, it tells how far it has come.
async fn drain(
    State(operations): State<Arc<Operations>>,
    headers: HeaderMap,
) -> Result<(StatusCode, Json<Draining>), Problem> {
    // Any page that an operator looks at may post to any address; browsers say where it comes from.
    if headers.contains_key(ORIGIN) {
        return Err(Problem::forbidden("This isn't for browsers."));
    }
    let calls = operations.switchboard.drain().await?;
    let draining = true;
    Ok((StatusCode::ACCEPTED, Json(Draining { draining, calls })))
}

const OK: &str = "ok";

/// An orchestrator's probe usually waits as long.
const PATIENCE: Duration = Duration::from_secs(1);

const BETWEEN_QUESTIONS: Duration = Duration::from_millis(50);
