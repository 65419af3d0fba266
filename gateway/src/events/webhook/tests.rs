use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;
use crate::events::{About, Event, Kind};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Answers as it is told, and remembers what came.
#[derive(Debug, Clone)]
struct Receiver {
    answer: Arc<AtomicU16>,
    heard: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    url: reqwest::Url,
}

impl Receiver {
    async fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let receiver = Self {
            answer: Arc::new(AtomicU16::new(status)),
            heard: Arc::default(),
            url: format!("http://{address}/events").parse().expect("a URL"),
        };
        let routes = Router::new()
            .route("/events", post(take))
            .with_state(receiver.clone());
        tokio::spawn(async { axum::serve(listener, routes).await });
        receiver
    }

    fn heard(&self) -> Vec<(HeaderMap, Bytes)> {
        self.heard.lock().expect("unpoisoned").clone()
    }

    fn subjects(&self) -> Vec<String> {
        let heard = self.heard();
        let bodies = heard.iter().map(|(_, body)| body);
        let parsed = bodies.map(|body| serde_json::from_slice::<Value>(body).expect("JSON"));
        parsed
            .map(|event| event["subject"].as_str().expect("a subject").to_owned())
            .collect()
    }

    async fn has_heard(&self, count: usize) {
        for _ in 0..2_000 {
            if self.heard().len() >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("heard {} of {count}", self.heard().len());
    }

    fn webhook(&self, types: &[&str]) -> Webhook {
        Webhook {
            name: "crm".to_owned(),
            url: self.url.clone(),
            key: SigningKey::parse(SECRET).expect("a key"),
            types: Types::parse(types.iter().copied()).expect("types"),
            reach: Reach::Anywhere,
        }
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    receiver
        .heard
        .lock()
        .expect("unpoisoned")
        .push((headers, body));
    StatusCode::from_u16(receiver.answer.load(Ordering::SeqCst)).expect("a status")
}

fn event(kind: Kind, subject: &str) -> Event {
    let about = About {
        subject: subject.to_owned(),
        agent: None,
    };
    Event::new(kind, about, Moment::read().epoch_ms, json!({}))
}

fn begin(store: &Store, webhook: Webhook, metrics: &Metrics) -> JoinHandle<()> {
    let mut started = start(&[webhook], store, metrics, Duration::from_secs(3600));
    started.pop().expect("one")
}

/// Until it is on the disk.
async fn known(store: &Store, there: impl Fn(&Cursor) -> bool) {
    while !there(&store.sink("crm").await.expect("read").expect("known")) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn what_is_wanted_comes_in_order_and_signed() {
    let (store, metrics) = (Store::temporary(), Metrics::new());
    let receiver = Receiver::start(200).await;
    store.tell(event(Kind::CallEnded, "before it was known"));
    begin(&store, receiver.webhook(&["call.*"]), &metrics);
    let first = event(Kind::CallCreated, "one");
    store.tell(first.clone());
    store.tell(event(Kind::LineUp, "not wanted"));
    store.tell(event(Kind::CallEnded, "two"));
    receiver.has_heard(2).await;
    assert_eq!(receiver.subjects(), ["one", "two"]);
    let (headers, body) = &receiver.heard()[0];
    assert_eq!(*body, first.body);
    assert_eq!(headers["webhook-id"], first.id);
    assert_eq!(headers["content-type"], "application/cloudevents+json");
    let timestamp = headers["webhook-timestamp"].to_str().expect("text");
    let timestamp = timestamp.parse().expect("a number");
    let key = SigningKey::parse(SECRET).expect("a key");
    assert_eq!(
        headers["webhook-signature"],
        key.sign(&first.id, timestamp, body)
    );
}

#[tokio::test]
async fn a_receiver_that_fails_gets_the_same_event_again_and_then_the_rest() {
    let (store, metrics) = (Store::temporary(), Metrics::new());
    let receiver = Receiver::start(500).await;
    begin(&store, receiver.webhook(&[]), &metrics);
    store.tell(event(Kind::CallCreated, "one"));
    store.tell(event(Kind::CallEnded, "two"));
    receiver.has_heard(1).await;
    let text = metrics.render(None);
    assert!(
        text.contains(r#"warmline_outbox_pending{sink="crm"}"#),
        "{text}"
    );
    receiver.answer.store(200, Ordering::SeqCst);
    receiver.has_heard(3).await;
    assert_eq!(receiver.subjects(), ["one", "one", "two"]);
    let heard = receiver.heard();
    assert_eq!(heard[0].0["webhook-id"], heard[1].0["webhook-id"]);
}

#[tokio::test]
async fn gone_is_for_good_and_a_killed_task_goes_on_where_it_was() {
    let (store, metrics) = (Store::temporary(), Metrics::new());
    let receiver = Receiver::start(200).await;
    let task = begin(&store, receiver.webhook(&[]), &metrics);
    store.tell(event(Kind::CallCreated, "one"));
    receiver.has_heard(1).await;
    known(&store, |cursor| cursor.seq >= 1).await;
    task.abort();
    store.tell(event(Kind::CallEnded, "two"));
    receiver.answer.store(410, Ordering::SeqCst);
    let task = begin(&store, receiver.webhook(&[]), &metrics);
    receiver.has_heard(2).await;
    assert_eq!(receiver.subjects(), ["one", "two"]);
    task.await.expect("it ends by itself");
    known(&store, |cursor| cursor.state != SinkState::Enabled).await;
    store.tell(event(Kind::CallEnded, "three"));
    let again = begin(&store, receiver.webhook(&[]), &metrics);
    again.await.expect("it is still disabled");
    assert_eq!(receiver.heard().len(), 2);
}

#[tokio::test]
async fn a_private_address_is_not_asked() {
    let receiver = Receiver::start(200).await;
    let webhook = Webhook {
        reach: Reach::Public,
        ..receiver.webhook(&[])
    };
    let mut delivery = Delivery::new(webhook);
    let attempted = delivery
        .attempt(&event(Kind::CallEnded, "one"), Moment::read())
        .await;
    assert!(
        attempted.to_string().contains("isn't public"),
        "{attempted}"
    );
    assert!(receiver.heard().is_empty());
}
