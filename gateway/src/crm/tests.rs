use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::HeaderMap;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::*;
use crate::config::CrmUrl;

/// A customer system on loopback that counts its questions, and answers once it may.
#[derive(Debug)]
struct Upstream {
    asked: AtomicUsize,
    queries: Mutex<Vec<String>>,
    may_answer: Notify,
}

async fn upstream() -> (Arc<Upstream>, String) {
    let upstream = Arc::new(Upstream {
        asked: AtomicUsize::new(0),
        queries: Mutex::default(),
        may_answer: Notify::new(),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it is bound");
    let routes = Router::new()
        .route("/known", get(known))
        .route("/unknown", get(|| async { StatusCode::NOT_FOUND }))
        .route("/moved", get(|| async { Redirect::temporary("/known") }))
        .route(
            "/broken",
            get(|| async { StatusCode::INTERNAL_SERVER_ERROR }),
        )
        .route("/endless", get(|| async { "x".repeat(BODY_AT_MOST + 1) }))
        .route("/never", get(never))
        .with_state(upstream.clone());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (upstream, format!("http://{address}"))
}

async fn known(
    State(upstream): State<Arc<Upstream>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    upstream.asked.fetch_add(1, Ordering::SeqCst);
    upstream
        .queries
        .lock()
        .expect("nobody panics with it")
        .push(query.unwrap_or_default());
    upstream.may_answer.notified().await;
    upstream.may_answer.notify_one();
    match headers.get("authorization").map(|token| token.as_bytes()) {
        Some(b"Bearer the system's word") => r#"{"name":"Meera Krishnan"}"#.into_response(),
        Some(_) | None => StatusCode::UNAUTHORIZED.into_response(),
    }
}

async fn never() -> Response {
    std::future::pending().await
}

fn crm(url: String) -> Crm {
    let config = config::Crm {
        lookup_url: Some(CrmUrl(url)),
        token: Some(Secret::new("the system's word")),
        timeout: Duration::from_secs(20),
        ..config::Crm::default()
    };
    Crm::configured(&config).expect("no trust anchors to read")
}

#[tokio::test]
async fn however_many_ask_at_once_the_system_is_asked_once() {
    let (upstream, address) = upstream().await;
    let crm = crm(format!("{address}/known"));
    let many: Vec<_> = (0..50)
        .map(|_| {
            let crm = crm.clone();
            tokio::spawn(async move { crm.look_up("+919000000001").await })
        })
        .collect();
    upstream.may_answer.notify_one();
    for one in many {
        let found = one.await.expect("it ran").expect("somebody is asked");
        let Ok(Found::Known(context)) = found else {
            panic!("{found:?}");
        };
        assert_eq!(context.name.as_deref(), Some("Meera Krishnan"));
    }
    let later = crm.look_up("+919000000001").await;
    assert!(matches!(later, Some(Ok(Found::Known(_)))));
    assert_eq!(upstream.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn whoever_asked_first_may_go_and_the_others_get_their_answer() {
    let (upstream, address) = upstream().await;
    let crm = crm(format!("{address}/known"));
    let first = tokio::spawn({
        let crm = crm.clone();
        async move { crm.look_up("1").await }
    });
    while upstream.asked.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    first.abort();
    upstream.may_answer.notify_one();
    assert!(matches!(crm.look_up("1").await, Some(Ok(Found::Known(_)))));
    assert_eq!(upstream.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_number_stays_one_value_whatever_it_holds() {
    let (upstream, address) = upstream().await;
    upstream.may_answer.notify_one();
    let crm = crm(format!("{address}/known?tenant=a&number={{number}}"));
    let _ = crm.look_up("+91&tenant=b#/../x y").await;
    let queries = upstream.queries.lock().expect("nobody panics with it");
    assert_eq!(
        *queries,
        ["tenant=a&number=%2B91%26tenant%3Db%23%2F%2E%2E%2Fx%20y"]
    );
}

#[tokio::test]
async fn what_goes_wrong_is_told_apart_and_no_redirect_is_followed() {
    let (upstream, address) = upstream().await;
    let ask = async |path: &str| crm(format!("{address}{path}")).look_up("1").await;
    let refused = |status| Some(Err(LookupFailed::Refused(status)));
    assert_eq!(ask("/unknown").await, Some(Ok(Found::Unknown)));
    assert_eq!(ask("/moved").await, refused(StatusCode::TEMPORARY_REDIRECT));
    assert_eq!(
        ask("/broken").await,
        refused(StatusCode::INTERNAL_SERVER_ERROR)
    );
    let too_long = LookupFailed::Unreadable(Unreadable::TooLong);
    assert_eq!(ask("/endless").await, Some(Err(too_long)));
    assert_eq!(upstream.asked.load(Ordering::SeqCst), 0);
    // Port 1 of loopback: nobody is there.
    let nobody = crm("http://127.0.0.1:1/".to_owned()).look_up("1").await;
    assert_eq!(nobody, Some(Err(LookupFailed::Unreachable)));
    let config = config::Crm {
        lookup_url: Some(CrmUrl(format!("{address}/never"))),
        timeout: Duration::from_millis(1),
        ..config::Crm::default()
    };
    let silent = Crm::configured(&config).expect("no trust anchors to read");
    assert_eq!(silent.look_up("1").await, Some(Err(LookupFailed::TimedOut)));
}

#[tokio::test]
async fn without_an_address_nobody_is_asked() {
    let crm = Crm::configured(&config::Crm::default()).expect("nothing to read");
    assert_eq!(crm.look_up("1").await, None);
}
