use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::*;
use crate::agent::wire::{ByeCode, Event};
use crate::http::auth::Auth;
use crate::http::fake_switchboard::{self, Heard};
use crate::http::{HttpState, listener, routers};
use crate::metrics::Metrics;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const HOUR: Duration = Duration::from_secs(3600);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

struct Gateway {
    address: SocketAddr,
    heard: mpsc::Receiver<Heard>,
    places: Arc<Semaphore>,
}

async fn gateway() -> Gateway {
    gateway_with(1000).await
}

async fn gateway_with(dial_rate: u32) -> Gateway {
    let (switchboard, heard) = fake_switchboard::start();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = listener.local_addr().expect("bound");
    let places = listener::places();
    let state = HttpState {
        switchboard,
        auth: Auth::new(SECRET, None, None).expect("long enough"),
        metrics: Metrics::new(),
        store: crate::store::Store::temporary(),
        keys: Vec::new(),
        allowed_origins: vec!["https://desk.example.com".to_owned()],
        dial_rate,
        mode: Mode::Serve,
        provider_secret: None,
        objects: None,
        crm: crate::crm::Crm::default(),
    };
    let (public, _operations) = routers(state);
    let serving = listener::serve(
        listener,
        None,
        public,
        places.clone(),
        std::future::pending(),
    );
    tokio::spawn(serving);
    Gateway {
        address,
        heard,
        places,
    }
}

impl Gateway {
    async fn connect(&self, headers: &[(&'static str, &str)]) -> Result<Socket, Error> {
        let mut request = format!("ws://{}/v1/agent", self.address).into_client_request()?;
        for (name, value) in headers {
            let value = value.parse().expect("a header's value");
            request.headers_mut().insert(*name, value);
        }
        connect_async(request).await.map(|(socket, _)| socket)
    }

    async fn open(&self) -> Socket {
        self.connect(&[("sec-websocket-protocol", SUBPROTOCOL)])
            .await
            .expect("it opens")
    }

    /// Opens and says hello.
    async fn signed_in(&mut self) -> (Socket, ConnectionId, mpsc::Sender<Frame>) {
        let mut socket = self.open().await;
        say(&mut socket, hello(&token("agent7", &[Scope::Agent]))).await;
        let Desk::Opened {
            connection,
            agent,
            frames,
            session,
            seq,
            ..
        } = self.desk().await
        else {
            panic!("not opened");
        };
        assert_eq!(agent, "agent7");
        assert_eq!((session.as_deref(), seq), (Some("s_1"), Some(41)));
        assert_eq!(hear(&mut socket).await, json!({ "re": 1, "ok": {} }));
        (socket, connection, frames)
    }

    async fn desk(&mut self) -> Desk {
        match self.heard.recv().await {
            Some(Heard::Desk(desk)) => desk,
            other => panic!("not from the desk: {other:?}"),
        }
    }
}

fn token(subject: &str, scopes: &[Scope]) -> String {
    let auth = Auth::new(SECRET, None, None).expect("long enough");
    auth.mint(subject, scopes, HOUR, SystemTime::now()).token
}

fn hello(token: &str) -> Value {
    json!({ "id": 1, "op": "hello", "token": token, "sdk": "test", "session": "s_1", "seq": 41 })
}

async fn say(socket: &mut Socket, frame: Value) {
    let text = Message::text(frame.to_string());
    socket.send(text).await.expect("it is open");
}

async fn hear(socket: &mut Socket) -> Value {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).expect("JSON"),
            Some(Ok(Message::Ping(_))) => {}
            other => panic!("not a frame: {other:?}"),
        }
    }
}

async fn close_code(socket: &mut Socket) -> u16 {
    match socket.next().await {
        Some(Ok(Message::Close(Some(frame)))) => frame.code.into(),
        other => panic!("not closed: {other:?}"),
    }
}

fn refusal(opened: Result<Socket, Error>) -> u16 {
    match opened {
        Err(Error::Http(response)) => response.status().as_u16(),
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_socket_keeps_its_place_until_its_token_was_good() {
    let mut gateway = gateway().await;
    let all = gateway.places.available_permits();
    let taken = async |gateway: &Gateway, count: usize| {
        // The listener holds one for whoever comes next.
        let wanted = all - count - 1;
        let settled = async {
            while gateway.places.available_permits() != wanted {
                tokio::task::yield_now().await;
            }
        };
        let settled = timeout(Duration::from_secs(5), settled).await;
        settled.unwrap_or_else(|_| panic!("not {count}: {}", gateway.places.available_permits()));
    };
    let mut silent = gateway.open().await;
    let ping = Message::Ping(bytes::Bytes::new());
    silent.send(ping).await.expect("it is open");
    assert!(matches!(silent.next().await, Some(Ok(Message::Pong(_)))));
    taken(&gateway, 1).await;
    let (_socket, _connection, _frames) = gateway.signed_in().await;
    taken(&gateway, 1).await;
    drop(silent);
    taken(&gateway, 0).await;
}

#[tokio::test]
async fn after_hello_requests_go_in_and_frames_come_out_in_order() {
    let mut gateway = gateway().await;
    let (mut socket, connection, frames) = gateway.signed_in().await;
    for seq in 1..=3 {
        let event = Event::Bye {
            code: ByeCode::Shutdown,
            reconnect: true,
        };
        let frame = Frame::Event { event, seq };
        frames.send(frame).await.expect("the socket takes it");
    }
    for seq in 1..=3 {
        assert_eq!(hear(&mut socket).await["seq"], seq);
    }
    say(&mut socket, json!({ "id": 2, "op": "ping" })).await;
    let Desk::Request {
        connection: from,
        id,
        operation,
    } = gateway.desk().await
    else {
        panic!("not a request");
    };
    assert_eq!((from, id, operation), (connection, 2, Operation::Ping));
}

#[tokio::test]
async fn either_side_may_end_it() {
    let mut gateway = gateway().await;
    let (mut socket, connection, _frames) = gateway.signed_in().await;
    socket.close(None).await.expect("it was open");
    let Desk::Closed { connection: closed } = gateway.desk().await else {
        panic!("not closed");
    };
    assert_eq!(closed, connection);

    let (mut socket, _, frames) = gateway.signed_in().await;
    drop(frames);
    assert_eq!(close_code(&mut socket).await, 1001);
}

#[tokio::test]
async fn only_pages_of_known_origins_may_connect() {
    let gateway = gateway().await;
    let own = format!("http://{}", gateway.address);
    for origin in [own.as_str(), "https://desk.example.com"] {
        let headers = [("sec-websocket-protocol", SUBPROTOCOL), ("origin", origin)];
        assert!(gateway.connect(&headers).await.is_ok(), "{origin}");
    }
    for origin in [
        "https://evil.example.com",
        "http://desk.example.com",
        "http://localhost:5173",
        "null",
    ] {
        let headers = [("sec-websocket-protocol", SUBPROTOCOL), ("origin", origin)];
        assert_eq!(refusal(gateway.connect(&headers).await), 403, "{origin}");
    }
}

#[tokio::test]
async fn another_subprotocol_is_refused() {
    let gateway = gateway().await;
    assert_eq!(refusal(gateway.connect(&[]).await), 400);
    let headers = [("sec-websocket-protocol", "warmline.agent.v9")];
    assert_eq!(refusal(gateway.connect(&headers).await), 400);
}

#[tokio::test(start_paused = true)]
async fn who_says_no_hello_is_let_go() {
    let gateway = gateway().await;
    let mut socket = gateway.open().await;
    assert_eq!(close_code(&mut socket).await, 4408);
}

#[tokio::test]
async fn a_token_that_is_not_an_agents_is_refused_with_the_reason() {
    let gateway = gateway().await;
    let other = Auth::new(&[7; 32], None, None).expect("long enough");
    let foreign = other.mint("agent7", &[Scope::Agent], HOUR, SystemTime::now());
    let cases = [
        (foreign.token, 401, 4401),
        (token("crm", &[Scope::CallsWrite, Scope::Admin]), 403, 4403),
    ];
    for (token, status, code) in cases {
        let mut socket = gateway.open().await;
        say(&mut socket, hello(&token)).await;
        let reply = hear(&mut socket).await;
        assert_eq!(
            (&reply["re"], &reply["err"]["status"]),
            (&json!(1), &json!(status))
        );
        assert_eq!(close_code(&mut socket).await, code);
    }
}

#[tokio::test]
async fn the_first_frame_must_be_a_hello() {
    let gateway = gateway().await;
    let mut socket = gateway.open().await;
    say(&mut socket, json!({ "id": 5, "op": "ping" })).await;
    assert_eq!(hear(&mut socket).await["re"], 5);
    assert_eq!(close_code(&mut socket).await, 4400);
}

#[tokio::test]
async fn what_can_not_be_done_is_answered_and_the_socket_lives() {
    let mut gateway = gateway().await;
    let (mut socket, _, _frames) = gateway.signed_in().await;
    let cases = [
        (json!({ "id": 2, "op": "teleport" }), 2),
        (json!({ "op": "ping" }), 0),
        (json!([]), 0),
        (hello(&token("agent7", &[Scope::Agent])), 1),
    ];
    for (frame, re) in cases {
        say(&mut socket, frame).await;
        let reply = hear(&mut socket).await;
        assert_eq!(reply["re"], re);
        assert_eq!(reply["err"]["status"], 400);
    }
    say(&mut socket, json!({ "id": 6, "op": "ping" })).await;
    assert!(matches!(gateway.desk().await, Desk::Request { id: 6, .. }));
}

#[tokio::test]
async fn a_page_that_dials_too_fast_is_refused_and_the_socket_lives() {
    let mut gateway = gateway_with(0).await;
    let (mut socket, _, _frames) = gateway.signed_in().await;
    let call = crate::call::CallId::fresh();
    let dial = json!({ "id": 2, "op": "dial", "call": call, "to": "+919000000001" });
    say(&mut socket, dial).await;
    let refused = hear(&mut socket).await;
    assert_eq!(refused["re"], 2);
    assert_eq!(refused["err"]["status"], 429);
    say(&mut socket, json!({ "id": 3, "op": "ping" })).await;
    assert!(matches!(gateway.desk().await, Desk::Request { id: 3, .. }));
}

#[tokio::test]
async fn a_token_is_renewed_by_the_same_agent_only() {
    let mut gateway = gateway().await;
    let (mut socket, connection, _frames) = gateway.signed_in().await;
    let auth = |id, token| json!({ "id": id, "op": "auth", "token": token });
    say(&mut socket, auth(2, token("agent8", &[Scope::Agent]))).await;
    assert_eq!(hear(&mut socket).await["err"]["status"], 403);
    say(&mut socket, auth(3, "e30.e30.".to_owned())).await;
    assert_eq!(hear(&mut socket).await["err"]["status"], 401);
    say(&mut socket, auth(4, token("agent7", &[Scope::Agent]))).await;
    assert_eq!(hear(&mut socket).await, json!({ "re": 4, "ok": {} }));
    let Desk::Renewed {
        connection: renewed,
        ..
    } = gateway.desk().await
    else {
        panic!("not renewed");
    };
    assert_eq!(renewed, connection);
}

#[tokio::test]
async fn frames_that_are_not_ours_close_the_socket_with_their_code() {
    let mut gateway = gateway().await;
    let filled = |length| Message::text(format!("\"{}\"", "x".repeat(length)));
    let cases = [
        (Message::binary(vec![1, 2, 3]), 1003),
        (Message::text("{"), 1007),
        (filled(FRAME_LIMIT), 1009),
        (filled(READ_LIMIT), 1009),
    ];
    for (message, code) in cases {
        let (mut socket, _, _frames) = gateway.signed_in().await;
        socket.send(message).await.expect("it is open");
        assert_eq!(close_code(&mut socket).await, code);
        assert!(matches!(gateway.desk().await, Desk::Closed { .. }));
    }
}

#[tokio::test(start_paused = true)]
async fn a_browser_that_went_silent_is_given_up() {
    let mut gateway = gateway().await;
    // Without reading, the client doesn't answer pings.
    let (_deaf, connection, _frames) = gateway.signed_in().await;
    let Desk::Closed { connection: closed } = gateway.desk().await else {
        panic!("not closed");
    };
    assert_eq!(closed, connection);
}
