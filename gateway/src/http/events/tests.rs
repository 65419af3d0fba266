use std::time::SystemTime;

use axum::body::{Body, BodyDataStream};
use futures_util::StreamExt;
use http::Request;
use serde_json::json;
use tower::ServiceExt;

use super::*;
use crate::events::{About, Kind};
use crate::http::auth::Auth;
use crate::http::{HttpState, Mode, fake_switchboard, routers};
use crate::metrics::Metrics;

struct Place {
    store: Store,
    routes: Router,
    auth: Auth,
}

/// One reader's stream.
struct Followed {
    status: u16,
    body: BodyDataStream,
    text: String,
}

impl Followed {
    /// The next event's lines, without their end.
    async fn next(&mut self) -> String {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = event.to_owned();
                self.text = rest.to_owned();
                return event;
            }
            let chunk = self.body.next().await.expect("open").expect("whole");
            self.text += std::str::from_utf8(&chunk).expect("UTF-8");
        }
    }

    /// The next event's subject.
    async fn subject(&mut self) -> String {
        let event = self.next().await;
        let data = event.lines().find_map(|line| line.strip_prefix("data: "));
        let data: serde_json::Value = serde_json::from_str(data.expect("data")).expect("JSON");
        data["subject"].as_str().expect("a subject").to_owned()
    }
}

impl Place {
    fn new() -> Self {
        let secret = b"0123456789abcdef0123456789abcdef";
        let auth = || Auth::new(secret, None, None).expect("long enough");
        let store = Store::temporary();
        let (switchboard, _) = fake_switchboard::start();
        let (routes, _) = routers(HttpState {
            switchboard,
            auth: auth(),
            metrics: Metrics::new(),
            store: store.clone(),
            keys: Vec::new(),
            allowed_origins: Vec::new(),
            dial_rate: 1,
            mode: Mode::Serve,
            provider_secret: None,
            crm: crate::crm::Crm::default(),
            objects: None,
        });
        Self {
            store,
            routes,
            auth: auth(),
        }
    }

    fn tell(&self, kind: Kind, subject: &str, agent: &str) -> Event {
        let about = About {
            subject: subject.to_owned(),
            agent: Some(agent.to_owned()),
        };
        let event = Event::new(kind, about, 1_000, json!({}));
        self.store.tell(event.clone());
        event
    }

    /// Until so many events are on the disk.
    async fn written(&self, count: u64) {
        let mut head = self.store.head();
        head.wait_for(|head| head.last >= count)
            .await
            .expect("open");
    }

    async fn follow(&self, scopes: &[Scope], query: &str, last: &str) -> Followed {
        let hour = Duration::from_secs(3600);
        let minted = self.auth.mint("agent7", scopes, hour, SystemTime::now());
        let request = Request::get(format!("/v1/events{query}"))
            .header("authorization", format!("Bearer {}", minted.token))
            .header("last-event-id", last)
            .body(Body::empty())
            .expect("a request");
        let response = self
            .routes
            .clone()
            .oneshot(request)
            .await
            .expect("answered");
        Followed {
            status: response.status().as_u16(),
            body: response.into_body().into_data_stream(),
            text: String::new(),
        }
    }
}

#[tokio::test]
async fn a_reader_goes_on_behind_its_last_event() {
    let place = Place::new();
    let first = place.tell(Kind::CallCreated, "one", "agent7");
    let second = place.tell(Kind::CallEnded, "two", "agent7");
    place.written(2).await;
    let mut reader = place.follow(&[Scope::CallsRead], "", &first.id).await;
    let body = String::from_utf8_lossy(&second.body).into_owned();
    assert_eq!(
        reader.next().await,
        format!("id: {}\ndata: {body}", second.id)
    );
    place.tell(Kind::CallEnded, "three", "agent7");
    assert_eq!(reader.subject().await, "three");
    let mut all = place.follow(&[Scope::CallsRead], "", "0").await;
    assert_eq!(all.subject().await, "one");
    // Without a last event: what happens from now on.
    let mut new = place.follow(&[Scope::CallsRead], "", "").await;
    place.tell(Kind::CallEnded, "four", "agent7");
    assert_eq!(new.subject().await, "four");
}

#[tokio::test]
async fn an_event_that_is_not_kept_is_a_gap() {
    let place = Place::new();
    place.tell(Kind::CallCreated, "one", "agent7");
    place.written(1).await;
    let mut reader = place.follow(&[Scope::CallsRead], "", "e_forgotten").await;
    assert!(reader.next().await.starts_with("event: gap\n"));
    assert_eq!(reader.subject().await, "one");
}

#[tokio::test]
async fn a_token_reaches_what_its_scopes_say() {
    let place = Place::new();
    place.tell(Kind::CallCreated, "own", "agent7");
    place.tell(Kind::CallCreated, "another's", "agent8");
    place.tell(Kind::RecordingPublished, "recorded", "agent7");
    place.tell(Kind::CallEnded, "own, ended", "agent7");
    place.written(4).await;
    let mut own = place.follow(&[Scope::Agent], "", "0").await;
    assert_eq!(own.subject().await, "own");
    assert_eq!(own.subject().await, "recorded");
    assert_eq!(own.subject().await, "own, ended");
    let mut calls = place.follow(&[Scope::CallsRead], "", "0").await;
    assert_eq!(calls.subject().await, "own");
    assert_eq!(calls.subject().await, "another's");
    assert_eq!(calls.subject().await, "own, ended");
    let mut recordings = place.follow(&[Scope::RecordingsRead], "", "0").await;
    assert_eq!(recordings.subject().await, "recorded");
    let writer = place.follow(&[Scope::CallsWrite], "", "0").await;
    assert_eq!(writer.status, 403);
}

#[tokio::test]
async fn only_wanted_types_come() {
    let place = Place::new();
    place.tell(Kind::CallCreated, "one", "agent7");
    place.tell(Kind::CallEnded, "two", "agent7");
    place.written(2).await;
    let query = "?types=call.ended,line.*";
    let mut reader = place.follow(&[Scope::CallsRead], query, "0").await;
    assert_eq!(reader.subject().await, "two");
    let refused = place.follow(&[Scope::CallsRead], "?types=calls", "0").await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn readers_are_let_go_at_the_end() {
    let place = Place::new();
    let mut reader = place.follow(&[Scope::CallsRead], "", "").await;
    place.tell(Kind::NodeDraining, "node", "agent7");
    place.written(1).await;
    place.store.end_streams();
    assert_eq!(reader.subject().await, "node");
    assert!(reader.body.next().await.is_none());
}
