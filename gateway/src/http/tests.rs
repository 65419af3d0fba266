use std::time::SystemTime;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tower::ServiceExt;

use super::auth::{Auth, Scope};
use super::fake_switchboard::{self, Heard, UNREACHABLE};
use super::*;
use crate::call::termination::Termination;
use crate::store::{Disposition, Record};
use crate::switchboard::Action;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

struct Desk {
    public: Router,
    operations: Router,
    auth: Auth,
    heard: mpsc::Receiver<Heard>,
    store: Store,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

fn desk() -> Desk {
    desk_with(fake_switchboard::start(), 1000)
}

fn desk_with((switchboard, heard): (Switchboard, mpsc::Receiver<Heard>), dial_rate: u32) -> Desk {
    let auth = || Auth::new(SECRET, None, None).expect("long enough");
    let store = Store::temporary();
    let (public, operations) = routers(HttpState {
        switchboard,
        auth: auth(),
        metrics: Metrics::new(),
        store: store.clone(),
        keys: Vec::new(),
        allowed_origins: Vec::new(),
        dial_rate,
        mode: Mode::Serve,
        crm: Crm::default(),
        provider_secret: None,
        objects: None,
    });
    Desk {
        public,
        operations,
        auth: auth(),
        heard,
        store,
    }
}

impl Desk {
    fn token(&self, subject: &str, scopes: &[Scope]) -> String {
        let hour = Duration::from_secs(3600);
        self.auth
            .mint(subject, scopes, hour, SystemTime::now())
            .token
    }

    /// As a back end that reads and writes calls.
    async fn ask(&self, method: Method, path: &str, body: Value) -> Answer {
        let token = self.token("crm", &[Scope::CallsRead, Scope::CallsWrite]);
        self.ask_as(&token, method, path, body).await
    }

    async fn ask_as(&self, token: &str, method: Method, path: &str, body: Value) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(match body {
                Value::Null => Body::empty(),
                body => Body::from(body.to_string()),
            })
            .expect("a request");
        send(&self.public, request).await
    }

    async fn dial_under_key(&self, key: &str, body: Value) -> Answer {
        let token = self.token("crm", &[Scope::CallsWrite]);
        let request = Request::post("/v1/calls")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .body(Body::from(body.to_string()))
            .expect("a request");
        send(&self.public, request).await
    }

    async fn dial(&self, agent: &str) -> String {
        let answer = self
            .ask(Method::POST, "/v1/calls", dial(agent, "+919000000001"))
            .await;
        assert_eq!(answer.status, 202, "{}", answer.body);
        answer.text("id")
    }
}

impl Answer {
    fn text(&self, key: &str) -> String {
        self.body[key].as_str().expect(key).to_owned()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// What every refusal has, and its sentence.
    fn problem(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(self.body["status"], self.status);
        assert_eq!(
            self.body["request_id"],
            self.header("x-request-id").expect("an id")
        );
        assert!(self.text("type").starts_with("/problems/"));
        self.text("detail")
    }
}

async fn send(routes: &Router, request: Request<Body>) -> Answer {
    let response = routes.clone().oneshot(request).await.expect("infallible");
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, 1 << 20).await.expect("a body");
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned())),
    }
}

async fn get(routes: &Router, path: &str) -> Answer {
    let request = Request::get(path).body(Body::empty()).expect("a request");
    send(routes, request).await
}

fn dial(agent: &str, to: &str) -> Value {
    json!({ "agent": agent, "to": to })
}

#[tokio::test]
async fn a_dial_is_accepted_with_its_call_and_where_to_find_it() {
    let desk = desk();
    let body = json!({ "agent": "agent7", "to": "+919000000001", "order": "agent-first",
                       "record": false, "context": { "ticket": 5 } });
    let answer = desk.ask(Method::POST, "/v1/calls", body).await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.body["state"], "ringing-out");
    assert_eq!(answer.body["context"]["ticket"], 5);
    let location = format!("/v1/calls/{}", answer.text("id"));
    assert_eq!(answer.header("location"), Some(location.as_str()));
    let found = desk.ask(Method::GET, &location, Value::Null).await;
    assert_eq!(found.body, answer.body);
}

#[tokio::test]
async fn without_a_valid_token_nothing_is_reached() {
    let desk = desk();
    let answer = get(&desk.public, "/v1/calls").await;
    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.header("www-authenticate"),
        Some(r#"Bearer realm="warmline""#)
    );
    answer.problem();
    let answer = desk
        .ask_as("e30.e30.e30", Method::GET, "/v1/agents", Value::Null)
        .await;
    assert_eq!(answer.status, 401);
    let challenge = answer.header("www-authenticate").expect("a challenge");
    assert!(challenge.contains("invalid_token"));
}

#[tokio::test]
async fn an_agents_token_reaches_its_own_calls_only() {
    let desk = desk();
    let token = desk.token("agent7", &[Scope::Agent]);
    let own = desk.dial("agent7").await;
    let other = desk.dial("agent8").await;

    let refused = dial("agent8", "+919000000001");
    let answer = desk
        .ask_as(&token, Method::POST, "/v1/calls", refused)
        .await;
    assert_eq!(answer.status, 403);
    let accepted = dial("agent7", "+919000000001");
    let answer = desk
        .ask_as(&token, Method::POST, "/v1/calls", accepted)
        .await;
    assert_eq!(answer.status, 202);

    let cases = [
        (Method::GET, format!("/v1/calls/{own}"), 200),
        (Method::GET, format!("/v1/calls/{other}"), 404),
        (Method::POST, format!("/v1/calls/{own}/hangup"), 200),
        (Method::POST, format!("/v1/calls/{other}/hangup"), 404),
        (Method::GET, format!("/v1/calls/{other}/explain"), 404),
        (Method::GET, "/v1/calls?agent=agent8".to_owned(), 403),
        (Method::GET, "/v1/agents/agent7".to_owned(), 200),
        (Method::GET, "/v1/agents/agent8".to_owned(), 404),
        (Method::GET, "/v1/lines".to_owned(), 403),
        (
            Method::POST,
            "/v1/lines/agent7%2Fsip/unregister".to_owned(),
            403,
        ),
        (Method::POST, "/v1/agents/agent7/token".to_owned(), 403),
    ];
    for (method, path, status) in cases {
        let answer = desk
            .ask_as(&token, method.clone(), &path, Value::Null)
            .await;
        assert_eq!(answer.status, status, "{method} {path}");
    }

    let calls = desk
        .ask_as(&token, Method::GET, "/v1/calls", Value::Null)
        .await;
    let agents: Vec<_> = calls.body["calls"]
        .as_array()
        .expect("calls")
        .iter()
        .map(|call| &call["agent"])
        .collect();
    assert_eq!(agents, ["agent7", "agent7"]);
}

#[tokio::test]
async fn an_agents_status_is_set_by_the_agents_token_or_a_back_ends() {
    let desk = desk();
    let lunch = json!({ "name": "lunch", "reason": "Curry" });
    let path = |agent| format!("/v1/agents/{agent}/status");
    for (token, agent, status) in [
        (desk.token("agent7", &[Scope::Agent]), "agent7", 200),
        (desk.token("agent7", &[Scope::Agent]), "agent8", 404),
        (desk.token("crm", &[Scope::CallsWrite]), "agent8", 200),
        (desk.token("crm", &[Scope::CallsRead]), "agent8", 403),
    ] {
        let answer = desk
            .ask_as(&token, Method::PUT, &path(agent), lunch.clone())
            .await;
        assert_eq!(answer.status, status, "{agent}: {}", answer.body);
        if status == 200 {
            assert_eq!(answer.body["status"]["name"], "lunch");
            assert_eq!(answer.body["status"]["reason"], "Curry");
        }
    }
}

#[tokio::test]
async fn a_line_is_the_administrators_to_take_out_and_put_back() {
    let desk = desk();
    let admin = desk.token("floor", &[Scope::Admin]);
    for (line, status) in [("agent7%2Fsip", 202), ("agent9%2Fsip", 404)] {
        for word in ["unregister", "register"] {
            let path = format!("/v1/lines/{line}/{word}");
            let answer = desk.ask_as(&admin, Method::POST, &path, Value::Null).await;
            assert_eq!(answer.status, status, "{path}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn a_body_that_can_not_be_meant_is_refused_by_name() {
    let desk = desk();
    let cases = [
        (json!({ "agent": "agent7" }), 400, "to"),
        (
            json!({ "agent": "agent7", "to": "1", "too": "2" }),
            400,
            "too",
        ),
        (json!({ "agent": 7, "to": "1" }), 400, "string"),
        (
            json!({ "agent": "agent7", "to": "1", "context": [] }),
            400,
            "map",
        ),
        (
            json!({ "agent": "agent7", "to": "1", "order": "both-first" }),
            400,
            "both-first",
        ),
        (Value::Null, 400, "agent"),
        (
            json!([
                "agent7",
                "+919000000001",
                null,
                null,
                null,
                null,
                null,
                null
            ]),
            400,
            "object",
        ),
    ];
    for (body, status, word) in cases {
        let answer = desk.ask(Method::POST, "/v1/calls", body.clone()).await;
        assert_eq!(answer.status, status, "{body}");
        let detail = answer.problem();
        assert!(detail.contains(word), "{body}: {detail}");
    }
}

#[tokio::test]
async fn a_repeat_under_its_key_is_answered_as_before_and_dials_once() {
    let mut desk = desk();
    let first = desk
        .dial_under_key("order-5", dial("agent7", "+919000000001"))
        .await;
    let again = desk
        .dial_under_key("order-5", dial("agent7", "+919000000001"))
        .await;
    assert_eq!((first.status, again.status), (202, 202));
    assert_eq!(first.header("idempotency-replayed"), None);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.body, first.body);
    assert!(matches!(desk.heard.recv().await, Some(Heard::Dialled(_))));
    assert!(desk.heard.try_recv().is_err(), "it dialled twice");

    let other = desk
        .dial_under_key("order-5", dial("agent7", "+919000000002"))
        .await;
    assert_eq!(other.status, 422);
    other.problem();
}

#[tokio::test]
async fn a_refused_dial_may_be_tried_again_under_its_key_and_is_the_same_call() {
    let mut desk = desk();
    for _ in 0..2 {
        let answer = desk
            .dial_under_key("order-6", dial("agent7", UNREACHABLE))
            .await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.body["retryable"], true);
    }
    let (Some(Heard::Dialled(first)), Some(Heard::Dialled(second))) =
        (desk.heard.recv().await, desk.heard.recv().await)
    else {
        panic!("two dials");
    };
    assert_eq!(first, second);
}

#[tokio::test]
async fn a_caller_who_dials_too_fast_is_told_when_to_come_back() {
    let desk = desk_with(fake_switchboard::start(), 0);
    let answer = desk
        .ask(Method::POST, "/v1/calls", dial("agent7", "+919000000001"))
        .await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.header("retry-after"), Some("1"));
    answer.problem();
}

#[tokio::test]
async fn calls_come_in_pages_newest_first() {
    let desk = desk();
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.insert(0, desk.dial("agent7").await);
    }
    let page = desk
        .ask(Method::GET, "/v1/calls?limit=2&agent=agent7", Value::Null)
        .await;
    assert_eq!(page.body["calls"][0]["id"], ids[0].as_str());
    let next = format!("/v1/calls?limit=2&cursor={}", page.text("next"));
    let page = desk.ask(Method::GET, &next, Value::Null).await;
    assert_eq!(page.body["calls"][0]["id"], ids[2].as_str());
    assert_eq!(page.body.get("next"), None);
    let held = desk
        .ask(Method::GET, "/v1/calls?state=held", Value::Null)
        .await;
    assert_eq!(held.body["calls"], json!([]));
}

#[tokio::test]
async fn a_query_that_can_not_be_meant_is_refused_by_name() {
    let desk = desk();
    let cases = [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=some", "digit"),
        ("state=lost", "lost"),
        ("cursor=5", "cursor"),
        ("agents=agent7", "agents"),
    ];
    for (query, word) in cases {
        let answer = desk
            .ask(Method::GET, &format!("/v1/calls?{query}"), Value::Null)
            .await;
        assert_eq!(answer.status, 400, "{query}");
        let detail = answer.problem();
        assert!(detail.contains(word), "{query}: {detail}");
    }
}

#[tokio::test]
async fn each_action_reaches_the_switchboard_as_what_it_says() {
    let mut desk = desk();
    let call = desk.dial("agent7").await;
    desk.heard.recv().await;
    let cases = [
        (Method::POST, "answer", Value::Null, Action::Answer),
        (
            Method::POST,
            "hangup",
            Value::Null,
            Action::Hangup { reason: None },
        ),
        (
            Method::POST,
            "hangup",
            json!({ "reason": "done" }),
            Action::Hangup {
                reason: Some("done".to_owned()),
            },
        ),
        (Method::POST, "mute", json!({}), Action::Mute { on: true }),
        (
            Method::POST,
            "unmute",
            Value::Null,
            Action::Mute { on: false },
        ),
        (
            Method::POST,
            "digits",
            json!({ "tones": "12#" }),
            Action::Digits {
                tones: "12#".to_owned(),
            },
        ),
        (
            Method::PUT,
            "disposition",
            json!({ "code": "sold", "notes": "two" }),
            Action::Dispose(Disposition {
                code: "sold".to_owned(),
                notes: Some("two".to_owned()),
                callback_at: None,
            }),
        ),
    ];
    for (method, verb, body, action) in cases {
        let path = format!("/v1/calls/{call}/{verb}");
        let answer = desk.ask(method, &path, body).await;
        assert_eq!(answer.status, 200, "{verb}");
        assert_eq!(answer.text("id"), call);
        let Some(Heard::Acted(at, heard)) = desk.heard.recv().await else {
            panic!("{verb} didn't arrive");
        };
        assert_eq!((at.as_str(), heard), (call.as_str(), action));
    }
}

#[tokio::test]
async fn a_calls_story_is_told_in_sentences() {
    let desk = desk();
    let call = desk.dial("agent7").await;
    let path = format!("/v1/calls/{call}/explain");
    let answer = desk.ask(Method::GET, &path, Value::Null).await;
    assert_eq!(answer.body["story"][0]["what"], "the agent dialled");
}

#[tokio::test]
async fn whatever_http_refuses_is_a_problem_with_the_requests_id() {
    let desk = desk();
    let token = desk.token("crm", &[Scope::Admin]);
    let large = "x".repeat(request::BODY_LIMIT + 1);
    let cases = [
        (Method::POST, "/v1/calls", "application/json", "{", 400),
        (Method::POST, "/v1/calls", "application/json", &large, 413),
        (Method::POST, "/v1/calls", "text/plain", "{}", 415),
        (Method::DELETE, "/v1/calls", "application/json", "", 405),
        (Method::GET, "/v2/calls", "application/json", "", 404),
        (Method::GET, "/v1/calls/5", "application/json", "", 404),
        (Method::GET, "/v1/calls/%ff", "application/json", "", 400),
        (Method::GET, "/v1/agent", "application/json", "", 400),
        (Method::GET, "/desk/nothing", "application/json", "", 404),
    ];
    for (method, path, content_type, body, status) in cases {
        let request = Request::builder()
            .method(method.clone())
            .uri(path)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", content_type)
            .header("x-request-id", "from-the-proxy-1")
            .body(Body::from(body.to_owned()))
            .expect("a request");
        let answer = send(&desk.public, request).await;
        assert_eq!(answer.status, status, "{method} {path}");
        answer.problem();
        assert_eq!(answer.header("x-request-id"), Some("from-the-proxy-1"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("allow").is_some(), status == 405);
    }
}

#[tokio::test]
async fn an_unreadable_request_id_is_replaced() {
    let desk = desk();
    let request = Request::get("/v1/version")
        .header("x-request-id", "a".repeat(129))
        .body(Body::empty())
        .expect("a request");
    let answer = send(&desk.public, request).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("x-request-id").map(str::len), Some(36));
    assert_eq!(answer.body["mode"], "serve");
}

#[tokio::test]
async fn an_admin_mints_tokens_for_agents_that_exist() {
    let desk = desk();
    let admin = desk.token("ops", &[Scope::Admin]);
    let mint = async |path, body| desk.ask_as(&admin, Method::POST, path, body).await;

    let answer = mint("/v1/agents/agent7/token", Value::Null).await;
    assert_eq!(answer.status, 201);
    let caller = desk
        .auth
        .verify(&answer.text("token"), SystemTime::now())
        .expect("it is ours");
    assert_eq!(caller.subject, "agent7");
    assert!(caller.has(Scope::Agent));
    assert!(!caller.has(Scope::Admin));

    let nobody = mint("/v1/agents/agent9/token", Value::Null).await;
    assert_eq!(nobody.status, 404);
    let forever = mint("/v1/agents/agent7/token", json!({ "ttl_s": 999_999_999 })).await;
    assert_eq!(forever.status, 400);
}

/// A call that ended in an earlier run of the program.
fn ended(desk: &Desk, started_at: u64, agent: &str) -> String {
    let ended = Termination::refused(486, "Busy Here");
    let view = wire::CallView {
        state: wire::CallState::Closed,
        started_at,
        ended_at: Some(started_at + 1),
        ended: Some(ended.view()),
        ..fake_switchboard::ringing(CallId::fresh(), agent, "+919000000030")
    };
    let call = view.id.to_string();
    let record = fake_switchboard::record(view);
    desk.store.keep(Record {
        cause: Some(ended.cause),
        ..record
    });
    call
}

#[tokio::test]
async fn a_call_of_an_earlier_run_is_shown_explained_and_disposed() {
    let desk = desk();
    let call = ended(&desk, 1_800_000_000_000, "agent7");
    let path = format!("/v1/calls/{call}");
    let shown = desk.ask(Method::GET, &path, Value::Null).await;
    assert_eq!(shown.status, 200, "{}", shown.body);
    assert_eq!(shown.body["ended"]["reason"], "busy");
    let explain = format!("{path}/explain");
    let explained = desk.ask(Method::GET, &explain, Value::Null).await.body;
    assert_eq!(explained["cause"]["cause"], "customer-busy");
    assert_eq!(explained["cause"]["retryable"], true);
    assert_eq!(explained["story"][0]["what"], "the agent dialled");

    let disposition = json!({ "code": "later", "callback_at": 1_900_000_000_000_u64 });
    let put = format!("{path}/disposition");
    let disposed = desk.ask(Method::PUT, &put, disposition.clone()).await;
    assert_eq!(disposed.status, 200, "{}", disposed.body);
    assert_eq!(disposed.body["disposition"], disposition);
    let path_of_hangup = format!("{path}/hangup");
    let hang_up = desk.ask(Method::POST, &path_of_hangup, json!({})).await;
    assert_eq!(hang_up.problem(), "The call is over.");

    let other = desk.token("agent8", &[Scope::Agent]);
    let hidden = desk.ask_as(&other, Method::GET, &path, Value::Null).await;
    assert_eq!(hidden.status, 404);
}

#[tokio::test]
async fn pages_go_on_from_memory_into_the_records() {
    let desk = desk();
    let mut expected: Vec<String> = (0..3_u64)
        .map(|n| ended(&desk, 1_800_000_000_000 + n, "agent7"))
        .collect();
    ended(&desk, 1_800_000_000_000, "agent8");
    expected.push(desk.dial("agent7").await);
    expected.reverse();
    let (mut calls, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/calls?agent=agent7&limit=2{cursor}");
        let page = desk.ask(Method::GET, &path, Value::Null).await.body;
        let page_calls = page["calls"].as_array().expect("a page");
        calls.extend(page_calls.iter().map(|call| call["id"].clone()));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(calls, expected);

    let bounds = "from=2027-01-15T08:00:00.001Z&to=2027-01-15T13:30:00.002%2B05:30";
    let path = format!("/v1/calls?{bounds}");
    let page = desk.ask(Method::GET, &path, Value::Null).await.body;
    assert_eq!(page["calls"].as_array().map(Vec::len), Some(1), "{page}");
    assert_eq!(page["calls"][0]["id"], expected[2].as_str());
    let yesterday = desk.ask(Method::GET, "/v1/calls?from=yesterday", Value::Null);
    assert!(yesterday.await.problem().contains("RFC 3339"));
}

#[tokio::test]
async fn a_key_is_good_for_a_day_across_a_restart() {
    let desk = desk();
    let first = desk
        .dial_under_key("k", dial("agent7", "+919000000001"))
        .await;
    desk.store.close().await;
    let stored = desk.store.keys(0).await.expect("they can be read");
    let now = Moment::read();
    let name = Name {
        caller: "crm".to_owned(),
        key: "k".to_owned(),
    };
    let mut keys = Idempotency::restored(stored.clone(), now);
    let known = keys.bind(
        name.clone(),
        stored[0].fingerprint,
        CallId::fresh(),
        now.instant,
    );
    let Known::Answered { call, body } = known else {
        panic!("{known:?}");
    };
    assert_eq!(call.to_string(), first.text("id"));
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(body, first.body);
    let other = keys.bind(name, 0, CallId::fresh(), now.instant);
    assert_eq!(other, Known::Mismatch);
}

#[tokio::test]
async fn the_root_leads_to_the_desk() {
    let desk = desk();
    for path in ["/", "/desk/"] {
        let answer = get(&desk.public, path).await;
        assert_eq!(answer.status, 307);
        assert_eq!(answer.header("location"), Some("/desk"));
    }
}

#[tokio::test]
async fn a_gateway_that_works_is_live_and_ready() {
    let desk = desk();
    desk.dial("agent7").await;
    assert_eq!(get(&desk.operations, "/livez").await.status, 200);
    let ready = get(&desk.operations, "/readyz").await;
    assert_eq!(ready.status, 200);
    assert_eq!(
        ready.body,
        json!({ "ready": true, "calls": 1, "checks":
            { "listeners": "ok", "switchboard": "ok", "line": "ok", "accepting": "ok", "recordings": "ok", "store": "ok" } })
    );
    let Value::String(metrics) = get(&desk.operations, "/metrics").await.body else {
        panic!("metrics are text");
    };
    assert!(metrics.contains("warmline_agents_ready 2"), "{metrics}");
    assert_eq!(get(&desk.operations, "/v1/calls").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_whose_switchboard_is_stuck_says_so_and_still_counts() {
    let (switchboard, _stuck) = fake_switchboard::start_stuck();
    let (_, heard) = mpsc::channel(1);
    let desk = desk_with((switchboard, heard), 1);
    assert_eq!(get(&desk.operations, "/livez").await.status, 503);
    let ready = get(&desk.operations, "/readyz").await;
    assert_eq!(ready.status, 503);
    assert_eq!(ready.body["ready"], false);
    assert_ne!(ready.body["checks"]["switchboard"], "ok");
    let metrics = get(&desk.operations, "/metrics").await;
    assert_eq!(metrics.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_hangs_does_not_keep_the_program_from_ending() {
    use tokio::io::AsyncWriteExt;

    let (switchboard, mut stuck) = fake_switchboard::start_stuck();
    let auth = Auth::new(SECRET, None, None).expect("long enough");
    let hour = Duration::from_secs(3600);
    let minted = auth.mint("crm", &[Scope::CallsRead], hour, SystemTime::now());
    let state = HttpState {
        switchboard,
        auth,
        metrics: Metrics::new(),
        store: Store::temporary(),
        keys: Vec::new(),
        allowed_origins: Vec::new(),
        dial_rate: 1,
        mode: Mode::Dev,
        crm: Crm::default(),
        provider_secret: None,
        objects: None,
    };
    let bind = async || TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let (public, operations) = (bind().await, bind().await);
    let address = public.local_addr().expect("bound");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(serve(public, None, operations, state, async {
        stopped.await.expect("it is told to stop");
    }));

    let mut client = TcpStream::connect(address).await.expect("it listens");
    let request = format!(
        "GET /v1/agents HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\r\n",
        minted.token
    );
    let sent = client.write_all(request.as_bytes()).await;
    sent.expect("it is read");
    let question = stuck.recv().await;
    assert!(question.is_some());
    stop.send(()).expect("it serves");
    serving.await.expect("no panic");
    drop(question);
}

#[tokio::test]
async fn a_context_is_asked_with_a_number_and_a_token() {
    let desk = desk();
    let agent = desk.token("agent7", &[Scope::Agent]);
    let ask = async |query: &str| {
        let path = format!("/v1/context{query}");
        desk.ask_as(&agent, Method::GET, &path, Value::Null).await
    };
    let answer = ask("?number=%2B919000000001").await;
    assert_eq!(
        (answer.status, &answer.body["outcome"]),
        (200, &json!("not-configured"))
    );
    assert_eq!(answer.headers["cache-control"], "no-store");
    for wrong in ["", "?number=", "?number=1%0d%0a2", "?number=1&tenant=2"] {
        assert_eq!(ask(wrong).await.status, 400, "{wrong}");
    }
    assert_eq!(
        ask(&format!("?number={}", "1".repeat(129))).await.status,
        400
    );
    let recorder = desk.token("recorder", &[Scope::RecordingsRead]);
    let refused = desk
        .ask_as(&recorder, Method::GET, "/v1/context?number=1", Value::Null)
        .await;
    assert_eq!(refused.status, 403);
}

#[tokio::test]
async fn nobody_copies_the_customers_one_by_one() {
    let desk = desk();
    let agent = desk.token("agent7", &[Scope::Agent]);
    let mut answers = Vec::new();
    for number in 0..60 {
        let path = format!("/v1/context?number={number}");
        answers.push(desk.ask_as(&agent, Method::GET, &path, Value::Null).await);
    }
    let refused = answers.iter().find(|answer| answer.status == 429);
    assert!(refused.is_some_and(|refused| refused.headers.contains_key("retry-after")));
}
