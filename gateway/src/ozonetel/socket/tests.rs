use std::sync::Mutex;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

use super::super::Push;
use super::*;
use crate::config::Config;
use crate::transport::client_config;

#[tokio::test]
async fn a_dial_goes_out_on_the_wire_and_its_story_comes_back() {
    let mut t = Fixture::start("").await;
    let mut platform = t.accept().await;
    platform.sign_in("Qm9hcmRfMDAwMDE=").await;
    t.until(What::SignedIn).await;

    let call = CallId::fresh();
    t.socket
        .dial(call.clone(), "9000000001", DialBy::Socket)
        .expect("taken");
    let dial = platform.next().await;
    let session = dial["browserSessionId"].as_str().expect("a text");
    assert!(uuid::Uuid::try_parse(session).is_ok());
    assert_eq!(
        dial,
        json!({
            "type": "tbManualDial", "ns": "ozonetel.cloudagent", "customer": "acme_clinic",
            "agentId": "agent7", "agentUniqId": 100207, "browserSessionId": session,
            "usId": "Qm9hcmRfMDAwMDE=", "isSip": "true", "mode": "manual",
            "params": "300401,9000000001,500607,SIP:true", "utid": 3
        })
    );
    platform
        .send(json!({ "type": "newCall", "ucid": "12345678901234" }))
        .await;
    platform
        .send(json!({ "type": "response", "utid": "3", "status": "Queued", "message": "12345678901234" }))
        .await;
    assert!(matches!(t.next().await, What::Push(Push::NewCall { .. })));
    let ucid = Some("12345678901234".to_owned());
    let outcome = super::super::DialOutcome::Queued { ucid };
    assert_eq!(t.next().await, What::Dial { call, outcome });

    t.socket.release();
    assert_eq!(platform.next().await["type"], "tbAgentRelease");
}

#[tokio::test]
async fn the_upgrade_looks_as_configured() {
    let keys = "origin = \"https://cloud.example.com\"\nsubprotocol = \"json\"\ncookies = \"session=1\"\nuser_agent = \"Warmline\"";
    let mut t = Fixture::start(keys).await;
    let platform = t.accept().await;
    for (name, value) in [
        ("origin", "https://cloud.example.com"),
        ("sec-websocket-protocol", "json"),
        ("cookie", "session=1"),
        ("user-agent", "Warmline"),
    ] {
        assert_eq!(platform.headers[name], value);
    }
}

#[tokio::test]
async fn a_cut_socket_is_opened_again_and_announced() {
    let mut t = Fixture::start("").await;
    let mut platform = t.accept().await;
    let login = platform.sign_in("Qm9hcmRfMDAwMDE=").await;
    t.until(What::SignedIn).await;
    drop(platform);

    let mut platform = t.accept().await;
    platform.send(json!({ "usId": "Qm9hcmRfMDAwMDI=" })).await;
    let announced = platform.next().await;
    assert_eq!(announced["type"], "tbReconnect");
    assert_eq!(announced["usId"], "Qm9hcmRfMDAwMDI=");
    assert_eq!(announced["browserSessionId"], login["browserSessionId"]);
    platform
        .send(json!({ "utid": announced["utid"], "resp": "Success" }))
        .await;
    t.until(What::SignedIn).await;
}

#[tokio::test]
async fn a_takeover_stops_it_and_dials_are_refused() {
    let mut t = Fixture::start("").await;
    let mut platform = t.accept().await;
    platform.sign_in("Qm9hcmRfMDAwMDE=").await;
    platform.send(json!({ "type": "closeTab" })).await;
    let cause = "Another session of this agent took over.".to_owned();
    t.until(What::Stopped { cause }).await;
    assert_eq!(
        t.socket.dial(CallId::fresh(), "9000000001", DialBy::Socket),
        Err(DialRefused::Stopped)
    );
}

#[tokio::test]
async fn dropping_it_closes_the_socket() {
    let mut t = Fixture::start("").await;
    let mut platform = t.accept().await;
    platform.sign_in("Qm9hcmRfMDAwMDE=").await;
    drop(t.socket);
    let closed = platform.socket.next().await;
    assert!(matches!(closed, Some(Ok(Message::Close(_)))), "{closed:?}");
}

#[tokio::test]
async fn numbers_that_cannot_be_sent_are_refused_at_once() {
    let t = Fixture::start("").await;
    let dial = |number| t.socket.dial(CallId::fresh(), number, DialBy::Socket);
    assert_eq!(dial("9000000001,1"), Err(DialRefused::Forbidden(',')));
    assert_eq!(dial("9000~1"), Err(DialRefused::Forbidden('~')));
    assert_eq!(dial("9000\r\n1"), Err(DialRefused::Forbidden('\r')));
    assert_eq!(dial(""), Err(DialRefused::Empty));
}

#[tokio::test]
async fn a_full_queue_refuses_dials() {
    let t = Fixture::start("").await;
    // The socket's task doesn't run before this one waits.
    let taken = (0..100)
        .map(|_| t.socket.dial(CallId::fresh(), "9000000001", DialBy::Socket))
        .take_while(Result::is_ok)
        .count();
    assert_eq!(taken, ORDERS_AT_MOST);
}

#[tokio::test]
async fn commands_by_http_go_there_in_their_form_while_pushes_come_by_the_socket() {
    for (by, content_type) in [
        ("http-json", "application/json"),
        ("http-form", "application/x-www-form-urlencoded"),
    ] {
        let seen: Arc<Mutex<Vec<(http::HeaderMap, String)>>> = Arc::default();
        let kept = seen.clone();
        let route = axum::routing::post(move |headers: http::HeaderMap, body: String| async move {
            let reply = if body.contains("tbManualDial") {
                "{\"status\":\"Queued\",\"message\":\"12345678901234\"}"
            } else {
                "{\"resp\":\"Success\"}"
            };
            kept.lock().expect("whole").push((headers, body));
            reply
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let serving = tokio::spawn(async move {
            axum::serve(listener, axum::Router::new().route("/command", route)).await
        });
        let keys = format!(
            "commands = \"{by}\"\ncommand_url = \"http://{address}/command\"\ncookies = \"session=1\""
        );
        let mut t = Fixture::start(&keys).await;
        let mut platform = t.accept().await;
        platform.send(json!({ "usId": "Qm9hcmRfMDAwMDE=" })).await;
        t.until(What::SignedIn).await;
        let call = CallId::fresh();
        t.socket
            .dial(call.clone(), "9000000001", DialBy::Socket)
            .expect("taken");
        let ucid = Some("12345678901234".to_owned());
        let outcome = super::super::DialOutcome::Queued { ucid };
        t.until(What::Dial { call, outcome }).await;
        serving.abort();

        let seen = std::mem::take(&mut *seen.lock().expect("whole"));
        let (headers, body) = seen
            .iter()
            .find(|(_, body)| body.contains("tbManualDial"))
            .expect("the dial arrived");
        assert_eq!(headers["content-type"], content_type);
        assert_eq!(headers["cookie"], "session=1");
        let number = match by {
            "http-json" => "\"agentUniqId\":100207",
            _ => "agentUniqId=100207",
        };
        assert!(body.contains(number), "{body}");
    }
}

#[tokio::test]
async fn the_login_pages_cookies_open_the_socket() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = seen.clone();
    let route = axum::routing::post(move |body: String| async move {
        kept.lock().expect("whole").push(body);
        let cookie = [(http::header::SET_COOKIE, "session=given; HttpOnly")];
        (http::StatusCode::FOUND, cookie)
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let serving = tokio::spawn(async move {
        axum::serve(listener, axum::Router::new().route("/login", route)).await
    });
    let mut t = Fixture::start(&format!(
        "login_url = \"http://{address}/login\"\ncookies = \"lb=7\"\n[ozonetel.commands.login]\nuser = \"{{agent_id}}\"\npassword = \"{{login_password}}\"\n"
    ))
    .await;
    let mut platform = t.accept().await;
    assert_eq!(platform.headers["cookie"], "lb=7; session=given");
    assert_eq!(
        *seen.lock().expect("whole"),
        ["password=let+me+in&user=agent7"]
    );
    // A socket that is cut is opened with the same cookies: the page isn't asked again.
    platform.sign_in("Qm9hcmRfMDAwMDE=").await;
    drop(platform);
    let platform = t.accept().await;
    assert_eq!(platform.headers["cookie"], "lb=7; session=given");
    assert_eq!(seen.lock().expect("whole").len(), 1);
    serving.abort();
}

#[tokio::test]
async fn the_public_api_gets_the_dial_with_its_key() {
    let seen: Arc<Mutex<Vec<(http::HeaderMap, String)>>> = Arc::default();
    let kept = seen.clone();
    let route = axum::routing::post(move |headers: http::HeaderMap, body: String| async move {
        kept.lock().expect("whole").push((headers, body));
        "{\"status\":\"queued successfully\",\"ucid\":\"12345678901234\"}"
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let serving = tokio::spawn(async move {
        axum::serve(listener, axum::Router::new().route("/dial", route)).await
    });
    let mut t = Fixture::start(&format!(
        "dial = \"api\"\napi_url = \"http://{address}/dial\"\napi_key = \"k7\"\ncookies = \"lb=7\"\n"
    ))
    .await;
    let call = CallId::fresh();
    t.socket
        .dial(call.clone(), "9000000001", DialBy::Api)
        .expect("taken");
    let ucid = Some("12345678901234".to_owned());
    let outcome = super::super::DialOutcome::Queued { ucid };
    t.until(What::Dial { call, outcome }).await;
    serving.abort();
    let seen = seen.lock().expect("whole");
    let (headers, body) = &seen[0];
    assert_eq!(headers["apikey"], "k7");
    assert!(!headers.contains_key("cookie"), "cookies are the socket's");
    assert!(
        body.contains("\"campaignName\":\"Demo campaign\""),
        "{body}"
    );
}

/// A token socket, the platform's listener, and what was told.
struct Fixture {
    socket: TokenSocket,
    listener: TcpListener,
    told: mpsc::UnboundedReceiver<Event>,
}

/// The platform's end of one socket.
struct Platform {
    socket: WebSocketStream<TcpStream>,
    headers: http::HeaderMap,
}

impl Fixture {
    async fn start(keys: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let text = format!(
            "[ozonetel]\ncustomer = \"acme_clinic\"\nwebsocket = \"ws://{address}/mdlConnection.php\"\nregistrar = \"ws://{address}/\"\n{keys}"
        );
        let config = Config::parse(&text, "test.toml").expect("valid");
        let agent = TokenAgent {
            agent: "agent7".to_owned(),
            agent_id: "agent7".to_owned(),
            agent_unique_id: 100_207,
            campaign: "300401".to_owned(),
            campaign_name: "Demo campaign".to_owned(),
            login_password: crate::config::Secret::new("let me in"),
            extension: "500607".to_owned(),
            mode: "manual".to_owned(),
        };
        let (tell, told) = mpsc::unbounded_channel();
        let socket = connect(
            Arc::new(config.ozonetel.expect("the section is there")),
            client_config(None).expect("TLS"),
            crate::transport::Starts::default(),
            agent,
            // The test may have ended.
            move |event| drop(tell.send(event)),
        );
        Self {
            socket,
            listener,
            told,
        }
    }

    async fn accept(&mut self) -> Platform {
        let (tcp, _) = patiently(self.listener.accept()).await.expect("accepted");
        let mut headers = http::HeaderMap::new();
        #[allow(clippy::result_large_err)] // tungstenite's signature
        let keep = |request: &Request, mut response: Response| {
            headers = request.headers().clone();
            if let Some(protocol) = headers.get("sec-websocket-protocol") {
                let selected = protocol.clone();
                response
                    .headers_mut()
                    .insert("sec-websocket-protocol", selected);
            }
            Ok::<Response, ErrorResponse>(response)
        };
        let socket = patiently(accept_hdr_async(tcp, keep))
            .await
            .expect("upgraded");
        Platform { socket, headers }
    }

    async fn next(&mut self) -> What {
        let event = patiently(self.told.recv()).await.expect("the socket lives");
        assert_eq!(event.agent, "agent7");
        event.what
    }

    async fn until(&mut self, what: What) {
        while self.next().await != what {}
    }
}

impl Platform {
    /// Names the socket, and takes the login and the release that follow. Returns the login.
    async fn sign_in(&mut self, us_id: &str) -> Value {
        self.send(json!({ "usId": us_id })).await;
        let login = self.next().await;
        assert_eq!(login["type"], "tbAgentLogin");
        self.send(json!({ "type": "response", "utid": login["utid"], "isSip": "true" }))
            .await;
        assert_eq!(self.next().await["type"], "tbAgentRelease");
        login
    }

    async fn send(&mut self, message: Value) {
        let message = Message::text(message.to_string());
        patiently(self.socket.send(message)).await.expect("sent");
    }

    async fn next(&mut self) -> Value {
        let message = patiently(self.socket.next())
            .await
            .expect("open")
            .expect("read");
        serde_json::from_str(message.to_text().expect("a text")).expect("JSON")
    }
}

/// Fails instead of hanging.
async fn patiently<F: Future>(future: F) -> F::Output {
    timeout(Duration::from_secs(20), future)
        .await
        .expect("in time")
}
