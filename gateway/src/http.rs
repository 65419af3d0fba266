//! The public listener (API, agents' WebSocket, desk) and the operations listener (metrics, health).
//!
//! Nothing here decides about calls: a handler checks who asks and what they sent, and the [`Switchboard`] answers.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{DefaultBodyLimit, State};
use axum::routing::get;
use axum::{Json, Router, middleware};
use bytes::Bytes;
use futures_util::FutureExt;
use http::StatusCode;
use http::header::{HeaderValue, X_CONTENT_TYPE_OPTIONS};
use serde::Serialize;
use tokio::net::TcpListener;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;

use crate::agent::wire;
use crate::call::CallId;
use crate::clock::Moment;
use crate::config::Secret;
use crate::crm::Crm;
use crate::metrics::Metrics;
use crate::recorder::objects::Objects;
use crate::store::{Store, StoredKey};
use crate::switchboard::{ConnectionId, Switchboard};
use dial_rate::{DialRate, TooFast};
use idempotency::{Idempotency, Known, Name};
use problem::Problem;
use readers::Readers;
use records::Records;

pub mod agents;
mod assets;
pub mod auth;
mod calls;
pub mod certificate;
mod context;
mod cursor;
mod dial_rate;
mod docs;
mod events;
#[cfg(test)]
pub(crate) mod fake_switchboard;
mod idempotency;
mod lines;
mod listener;
mod openapi;
pub mod operations;
pub mod problem;
mod providers;
mod range;
mod readers;
mod recordings;
mod records;
mod request;
mod socket;

/// What the listeners work with.
#[derive(Debug)]
pub struct HttpState {
    pub switchboard: Switchboard,
    pub auth: auth::Auth,
    pub metrics: Metrics,
    pub store: Store,
    /// Idempotency keys from before the start, oldest first.
    pub keys: Vec<StoredKey>,
    /// Origins besides our own whose pages may open the agents' WebSocket: `https://desk.example.com`.
    pub allowed_origins: Vec<String>,
    /// Dials a second and caller.
    pub dial_rate: u32,
    pub mode: Mode,
    pub crm: Crm,
    /// Names the provider's webhook; `None`: it isn't taken.
    pub provider_secret: Option<Secret>,
    /// Where published recordings lie; `None`: nothing was ever recorded.
    pub objects: Option<Objects>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// On one machine: pages served from any loopback port may open the agents' WebSocket, too.
    Dev,
    Serve,
}

/// Serves both listeners, the public one over TLS where there is a certificate, until `shutdown`, then gives requests under way a few seconds.
pub async fn serve(
    public: TcpListener,
    certificate: Option<certificate::Shown>,
    operations: TcpListener,
    state: HttpState,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let shutdown = shutdown.shared();
    let (public_routes, operations_routes) = routers(state);
    let stopping = shutdown.clone();
    let public = listener::serve(
        public,
        certificate,
        public_routes,
        listener::places(),
        stopping.clone(),
    );
    let operations = listener::serve(
        operations,
        None,
        operations_routes,
        listener::places(),
        stopping,
    );
    let too_late = async {
        shutdown.await;
        tokio::time::sleep(SHUTDOWN_GRACE).await;
    };
    tokio::select! {
        _ = async { tokio::join!(public, operations) } => {}
        () = too_late => tracing::warn!("HTTP requests were still under way and were cut off"),
    }
}

/// The public and the operations routes, in this order.
pub fn routers(state: HttpState) -> (Router, Router) {
    let operations = operations::routes(
        state.switchboard.clone(),
        state.metrics.clone(),
        state.store.clone(),
    );
    let public = Router::new()
        .merge(calls::routes())
        .merge(agents::routes())
        .merge(lines::routes())
        .merge(context::routes())
        .merge(providers::routes())
        .merge(events::routes())
        .merge(recordings::routes())
        .merge(socket::routes())
        .merge(assets::routes())
        .merge(openapi::routes())
        .merge(docs::routes())
        .route("/v1/version", get(version))
        .layer(DefaultBodyLimit::max(request::BODY_LIMIT))
        .layer(RequestBodyTimeoutLayer::new(BODY_STALLS_FOR))
        .layer(middleware::map_response(request::explain))
        .with_state(Arc::new(Public::new(state)));
    (finished(public), finished(operations))
}

/// Refuses what no route takes, and puts on every response what every response has.
fn finished(routes: Router) -> Router {
    routes
        .fallback(async || Problem::not_found("There is no such resource."))
        .method_not_allowed_fallback(async || {
            Problem::of_status(
                StatusCode::METHOD_NOT_ALLOWED,
                "This resource doesn't take that method; \"Allow\" names those it takes.",
            )
        })
        .layer(SetResponseHeaderLayer::if_not_present(
            X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
        .layer(middleware::from_fn(request::identify))
}

/// What the public routes share.
#[derive(Debug)]
struct Public {
    switchboard: Switchboard,
    records: Records,
    auth: auth::Auth,
    allowed_origins: Vec<String>,
    mode: Mode,
    provider_secret: Option<Secret>,
    next_connection: AtomicU64,
    /// Locked for a look-up only, never across an await.
    idempotency: Mutex<Idempotency>,
    dial_rate: Mutex<DialRate>,
    objects: Option<Objects>,
    readers: Readers,
    contexts: context::Contexts,
}

impl Public {
    fn new(state: HttpState) -> Self {
        Self {
            records: Records {
                switchboard: state.switchboard.clone(),
                store: state.store,
            },
            switchboard: state.switchboard,
            auth: state.auth,
            allowed_origins: state.allowed_origins,
            mode: state.mode,
            provider_secret: state.provider_secret,
            next_connection: AtomicU64::new(1),
            idempotency: Mutex::new(Idempotency::restored(state.keys, Moment::read())),
            dial_rate: Mutex::new(DialRate::new(state.dial_rate)),
            objects: state.objects,
            readers: Readers::default(),
            contexts: context::Contexts::new(state.crm),
        }
    }

    fn fresh_connection(&self) -> ConnectionId {
        ConnectionId(self.next_connection.fetch_add(1, Ordering::Relaxed))
    }

    fn bind(&self, name: &Name, fingerprint: u64, fresh: CallId, now: Instant) -> Known {
        let mut keys = self
            .idempotency
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        keys.bind(name.clone(), fingerprint, fresh, now)
    }

    fn answered(&self, name: &Name, fingerprint: u64, call: &CallId, body: Bytes) {
        self.records.store.keep_key(StoredKey {
            caller: name.caller.clone(),
            key: name.key.clone(),
            fingerprint,
            call: call.clone(),
            answer: Some(body.clone()),
            at: Moment::read().epoch_ms,
        });
        let mut keys = self
            .idempotency
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        keys.answered(name, body);
    }

    fn admit_dial(&self, caller: &str, now: Instant) -> Result<(), TooFast> {
        let mut rate = self
            .dial_rate
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        rate.admit(caller, now)
    }
}

#[derive(Serialize)]
struct Version {
    name: &'static str,
    version: &'static str,
    mode: Mode,
    /// The WebSocket subprotocols spoken.
    agent: [&'static str; 1],
}

async fn version(State(public): State<Arc<Public>>) -> Json<Version> {
    Json(Version {
        name: "warmline",
        version: env!("CARGO_PKG_VERSION"),
        mode: public.mode,
        agent: [wire::SUBPROTOCOL],
    })
}

/// Longer than any request takes that isn't stuck.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// A body whose sender has stopped in the middle.
const BODY_STALLS_FOR: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
