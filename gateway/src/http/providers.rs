//! `/v1/providers/ozonetel/events`: the platform's webhook. What it tells goes into the call's record and ends nothing.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::Public;
use super::problem::Problem;
use crate::ozonetel::Report;

pub(super) fn routes() -> Router<Arc<Public>> {
    Router::new()
        .route("/v1/providers/ozonetel/events", post(by_header))
        .route("/v1/providers/ozonetel/events/{secret}", post(by_path))
}

async fn by_header(
    State(public): State<Arc<Public>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let given = headers.get(SECRET).and_then(|value| value.to_str().ok());
    take(&public, given.unwrap_or_default(), &body).await
}

/// For platforms that can only be given a URL.
async fn by_path(
    State(public): State<Arc<Public>>,
    Path(secret): Path<String>,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    take(&public, &secret, &body).await
}

async fn take(public: &Public, given: &str, body: &[u8]) -> Result<StatusCode, Problem> {
    let Some(secret) = &public.provider_secret else {
        return Err(Problem::not_found("No provider's events are taken here."));
    };
    if !same(given.as_bytes(), secret.expose().as_bytes()) {
        return Err(Problem::unauthorized("The provider's secret is wrong."));
    }
    let Ok(Value::Object(body)) = serde_json::from_slice(body) else {
        return Err(Problem::bad_request("The body must be a JSON object."));
    };
    // A report of another system's call isn't the platform's mistake.
    if let Some(report) = Report::parse(&body) {
        public.switchboard.reported(report).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// In a time that tells nothing of where they differ.
fn same(given: &[u8], secret: &[u8]) -> bool {
    let differences = given
        .iter()
        .zip(secret)
        .fold(0, |sum, (a, b)| sum | (a ^ b));
    given.len() == secret.len() && differences == 0
}

/// Carries `ozonetel.events_secret`.
const SECRET: &str = "x-provider-secret";

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn only_the_whole_secret_is_the_secret() {
        for (given, is) in [
            ("secret", true),
            ("secre", false),
            ("secret7", false),
            ("Secret", false),
            ("", false),
        ] {
            assert_eq!(same(given.as_bytes(), b"secret"), is, "{given}");
        }
    }
}
