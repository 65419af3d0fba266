//! `/v1/context`: who a number is, for the desk's panel.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::header::{CACHE_CONTROL, RETRY_AFTER};
use serde::{Deserialize, Serialize};

use super::Public;
use super::auth::{Caller, Scope};
use super::dial_rate::DialRate;
use super::problem::Problem;
use super::request::Asked;
use crate::crm::{Context, Crm, Found, LookupFailed};

pub(super) fn routes() -> Router<Arc<Public>> {
    Router::new().route("/v1/context", get(context))
}

/// The operator's customers, and how fast one caller may leaf through them.
#[derive(Debug)]
pub(super) struct Contexts {
    pub crm: Crm,
    /// Locked for a look-up only, never across an await.
    rate: Mutex<DialRate>,
}

impl Contexts {
    pub(super) fn new(crm: Crm) -> Self {
        Self {
            crm,
            rate: Mutex::new(DialRate::new(LOOKUPS_A_SECOND)),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asking {
    number: String,
}

/// Nobody's number is no error: most callers are strangers.
#[derive(Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub(super) enum Answer {
    Known(Context),
    Unknown,
    /// There is no system to ask.
    NotConfigured,
}

async fn context(
    State(public): State<Arc<Public>>,
    caller: Caller,
    Asked(Asking { number }): Asked<Asking>,
) -> Result<Response, Problem> {
    caller.reach(Scope::CallsRead)?;
    let number = number.trim();
    let plain = !number.is_empty() && number.len() <= NUMBER_AT_MOST;
    // Dots alone, encoded or not, are a way up in a path.
    let way_up = number.chars().all(|letter| letter == '.');
    if !plain || way_up || number.chars().any(char::is_control) {
        return Err(Problem::bad_request(format!(
            "\"number\" is a number or an address of 1 to {NUMBER_AT_MOST} characters."
        )));
    }
    let admitted = {
        let rate = &public.contexts.rate;
        let mut rate = rate.lock().unwrap_or_else(PoisonError::into_inner);
        rate.admit(&caller.subject, Instant::now())
    };
    if let Err(too_fast) = admitted {
        let seconds = too_fast.retry_after.as_secs_f64().ceil() as u64;
        let problem = Problem::too_many("You look customers up faster than anybody reads.");
        return Ok(([(RETRY_AFTER, seconds.to_string())], problem).into_response());
    }
    let answer = match public.contexts.crm.look_up(number).await {
        None => Answer::NotConfigured,
        Some(Ok(Found::Unknown)) => Answer::Unknown,
        Some(Ok(Found::Known(context))) => Answer::Known(Arc::unwrap_or_clone(context)),
        Some(Err(failed)) => return Err(failed.into()),
    };
    // It is about a person: no copy of it stays on the way or in the browser.
    Ok(([(CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

impl From<LookupFailed> for Problem {
    fn from(failed: LookupFailed) -> Self {
        let status = match failed {
            LookupFailed::TimedOut => 504,
            LookupFailed::Unreachable | LookupFailed::Refused(_) | LookupFailed::Unreadable(_) => {
                502
            }
        };
        Self::new(
            "lookup-failed",
            "The customer can't be looked up",
            status,
            failed.to_string(),
        )
    }
}

/// A desk with a few tabs and calls at once, not a copy of the whole book.
const LOOKUPS_A_SECOND: u32 = 20;

/// The longest SIP address that anybody has.
const NUMBER_AT_MOST: usize = 128;
