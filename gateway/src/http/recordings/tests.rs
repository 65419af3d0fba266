use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{HeaderMap, Method, Request};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::events::{About, Event, Kind};
use crate::http::auth::{Auth, Scope};
use crate::http::{HttpState, Mode, fake_switchboard, routers};
use crate::metrics::Metrics;
use crate::recorder::objects::Objects;
use crate::store::{Change, Hold, Interest, KeptRecording, RecordingPlace, Store};

const CALL: &str = "c_01990000-0000-7000-8000-000000000001";
const OTHER: &str = "c_01990000-0000-7000-8000-000000000002";
const AUDIO: &[u8] = b"RIFF0123456789";

struct Place {
    root: PathBuf,
    store: Store,
    routes: Router,
    auth: Auth,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).expect(name);
        value.to_str().expect("text")
    }
}

impl Place {
    /// With recordings r_1 (agent7's, of one call) and r_2 (agent8's, of another).
    async fn new() -> Self {
        let root = std::env::temp_dir().join(format!("warmline-http-{}", uuid::Uuid::new_v4()));
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
            objects: Some(Objects::directory(&root).expect("a directory")),
        });
        let place = Self {
            root,
            store,
            routes,
            auth: auth(),
        };
        place.publish("r_1", CALL, "agent7", 1_000).await;
        place.publish("r_2", OTHER, "agent8", 2_000).await;
        place
    }

    async fn publish(&self, id: &str, call: &str, agent: &str, started_at: u64) {
        let path = format!("date=1970-01-01/{call}");
        let directory = self.root.join(&path);
        std::fs::create_dir_all(&directory).expect("a directory");
        std::fs::write(directory.join("audio.wav"), AUDIO).expect("written");
        let recording = KeptRecording {
            place: RecordingPlace {
                started_at,
                id: id.to_owned(),
            },
            call: call.to_owned(),
            agent: Some(agent.to_owned()),
            published_at: 5_000,
            path,
            audio: "audio.wav".to_owned(),
            bytes: AUDIO.len() as u64,
            sha256: "5ba5".to_owned(),
            hold: Hold::Free,
            summary: json!({ "id": id, "call": call }).to_string(),
        };
        let about = About {
            subject: call.to_owned(),
            agent: Some(agent.to_owned()),
        };
        let publish = Change::Publish {
            recording: Box::new(recording),
            manifest: json!({ "id": id, "call": call, "blocks": ["1:00"] }).to_string(),
            event: Event::new(Kind::RecordingPublished, about, 5_000, json!({})),
        };
        assert!(self.store.change(publish).await.expect("written"));
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        let scopes = [Scope::RecordingsRead, Scope::RecordingsWrite];
        self.ask_as(("crm", &scopes), method, path, headers).await
    }

    async fn ask_as(
        &self,
        (subject, scopes): (&str, &[Scope]),
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let hour = Duration::from_secs(3600);
        let minted = self.auth.mint(subject, scopes, hour, SystemTime::now());
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", minted.token));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).expect("a request");
        let response = self
            .routes
            .clone()
            .oneshot(request)
            .await
            .expect("answered");
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: to_bytes(body, 1 << 20).await.expect("a body").to_vec(),
        }
    }

    async fn listed(&self, who: (&str, &[Scope]), query: &str) -> Vec<String> {
        let path = format!("/v1/recordings{query}");
        let answer = self.ask_as(who, Method::GET, &path, &[]).await;
        let body = answer.json();
        let recordings = body["recordings"].as_array().expect("a list").clone();
        let id = |recording: &Value| recording["id"].as_str().expect("an id").to_owned();
        recordings.iter().map(id).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

const BACK_END: (&str, &[Scope]) = ("crm", &[Scope::RecordingsRead]);
const ASHA: (&str, &[Scope]) = ("agent7", &[Scope::Agent]);

#[tokio::test]
async fn recordings_are_listed_newest_first_and_agents_see_their_own() {
    let place = Place::new().await;
    assert_eq!(place.listed(BACK_END, "").await, ["r_2", "r_1"]);
    let of_call = format!("?call={CALL}");
    assert_eq!(place.listed(BACK_END, &of_call).await, ["r_1"]);
    assert_eq!(place.listed(ASHA, "").await, ["r_1"]);
    let first = place.ask(Method::GET, "/v1/recordings?limit=1", &[]).await;
    let first = first.json();
    assert_eq!(
        first["recordings"][0]["path"],
        format!("date=1970-01-01/{OTHER}")
    );
    assert!(first["recordings"][0].get("blocks").is_none());
    let next = first["next"].as_str().expect("there is more");
    let rest = format!("?limit=1&cursor={next}");
    assert_eq!(place.listed(BACK_END, &rest).await, ["r_1"]);
    for query in ["?limit=0", "?cursor=x", "?call=5", "?colour=red"] {
        let path = format!("/v1/recordings{query}");
        assert_eq!(
            place.ask(Method::GET, &path, &[]).await.status,
            400,
            "{query}"
        );
    }
}

#[tokio::test]
async fn what_is_another_agents_is_not_there() {
    let place = Place::new().await;
    for path in [
        "/v1/recordings/r_2",
        "/v1/recordings/r_2/audio",
        "/v1/recordings/r_9",
    ] {
        assert_eq!(
            place.ask_as(ASHA, Method::GET, path, &[]).await.status,
            404,
            "{path}"
        );
    }
    let own = place
        .ask_as(ASHA, Method::GET, "/v1/recordings/r_1", &[])
        .await;
    assert_eq!(own.json()["blocks"], json!(["1:00"]));
    let write = [
        (Method::DELETE, "/v1/recordings/r_1"),
        (Method::PUT, "/v1/recordings/r_1/hold"),
        (Method::POST, "/v1/recordings/r_1/republish"),
    ];
    for (method, path) in write {
        for who in [ASHA, BACK_END] {
            let answer = place.ask_as(who, method.clone(), path, &[]).await;
            assert_eq!(answer.status, 403, "{method} {path}");
        }
    }
    let calls: (&str, &[Scope]) = ("crm", &[Scope::CallsRead]);
    let answer = place.ask_as(calls, Method::GET, "/v1/recordings/r_1/audio", &[]);
    assert_eq!(answer.await.status, 403);
}

#[tokio::test]
async fn audio_comes_whole_in_part_or_not_at_all() {
    const PATH: &str = "/v1/recordings/r_1/audio";
    let place = Place::new().await;
    let whole = place.ask(Method::GET, PATH, &[]).await;
    assert_eq!((whole.status, whole.body.as_slice()), (200, AUDIO));
    assert_eq!(whole.header("content-type"), "audio/wav");
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert_eq!(whole.header("content-length"), "14");
    let tag = whole.header("etag").to_owned();
    assert_eq!(tag, "\"5ba5\"");

    let part = place
        .ask(Method::GET, PATH, &[("range", "bytes=4-6")])
        .await;
    assert_eq!((part.status, part.body.as_slice()), (206, &b"012"[..]));
    assert_eq!(part.header("content-range"), "bytes 4-6/14");
    assert_eq!(part.header("content-length"), "3");
    let same = [("range", "bytes=-1"), ("if-range", tag.as_str())];
    assert_eq!(place.ask(Method::GET, PATH, &same).await.body, b"9");
    let other = [("range", "bytes=-1"), ("if-range", "\"older\"")];
    assert_eq!(place.ask(Method::GET, PATH, &other).await.status, 200);
    let behind = place
        .ask(Method::GET, PATH, &[("range", "bytes=14-")])
        .await;
    assert_eq!(behind.status, 416);
    assert_eq!(behind.header("content-range"), "bytes */14");

    for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
        let answer = place
            .ask(Method::GET, PATH, &[("if-none-match", &known)])
            .await;
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{known}");
    }
    let head = place
        .ask(Method::HEAD, PATH, &[("range", "bytes=4-6")])
        .await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), "14");

    std::fs::remove_file(place.root.join(format!("date=1970-01-01/{CALL}/audio.wav")))
        .expect("removed");
    assert_eq!(place.ask(Method::GET, PATH, &[]).await.status, 404);
}

#[tokio::test]
async fn a_deleted_recording_is_gone_and_told_of_and_a_held_one_stays() {
    let place = Place::new().await;
    let status = async |method, path| place.ask(method, path, &[]).await.status;
    assert_eq!(status(Method::PUT, "/v1/recordings/r_1/hold").await, 204);
    let shown = place.ask(Method::GET, "/v1/recordings/r_1", &[]).await;
    assert_eq!(shown.header("warmline-legal-hold"), "true");
    assert_eq!(status(Method::DELETE, "/v1/recordings/r_1").await, 409);
    assert_eq!(status(Method::DELETE, "/v1/recordings/r_1/hold").await, 204);
    assert_eq!(status(Method::DELETE, "/v1/recordings/r_1").await, 204);
    assert_eq!(status(Method::DELETE, "/v1/recordings/r_1").await, 404);
    assert_eq!(status(Method::GET, "/v1/recordings/r_1/audio").await, 404);
    assert_eq!(status(Method::PUT, "/v1/recordings/r_1/hold").await, 404);
    assert!(
        !place
            .root
            .join(format!("date=1970-01-01/{CALL}/audio.wav"))
            .exists()
    );
    assert!(
        place
            .root
            .join(format!("date=1970-01-01/{OTHER}/audio.wav"))
            .exists()
    );
    let told = place
        .store
        .events_after(2, &Interest::all(), 9)
        .await
        .expect("read")
        .events;
    let kinds: Vec<_> = told.iter().map(|told| told.event.kind.as_str()).collect();
    assert_eq!(kinds, ["recording.deleted"]);
}

#[tokio::test]
async fn a_recording_is_told_of_again_under_a_new_id() {
    let place = Place::new().await;
    let mut head = place.store.head();
    let answer = place
        .ask(Method::POST, "/v1/recordings/r_1/republish", &[])
        .await;
    assert_eq!(answer.status, 202);
    head.wait_for(|head| head.last == 3).await.expect("written");
    let told = place
        .store
        .events_after(0, &Interest::all(), 9)
        .await
        .expect("read")
        .events;
    assert_eq!(told[2].event.kind, "recording.published");
    assert_ne!(told[2].event.id, told[0].event.id);
}
