mod connections;

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::{WebSocketStream, accept_async, accept_hdr_async};

use super::*;

const LINE: LineId = LineId(7);

#[tokio::test]
async fn a_line_carries_messages_both_ways_in_text_and_in_binary_frames() {
    let mut t = Fixture::new();
    let (listener, url) = listen().await;
    t.connect(LINE, &url);
    let mut registrar = accept(&listener).await;
    let (stream, transport) = t.connected().await;
    assert_eq!(transport, Transport::Ws);
    let flow = Flow::Stream(stream);

    for message in [Message::text("OPTIONS"), Message::binary(&b"OPTIONS"[..])] {
        patiently(registrar.send(message)).await.expect("sent");
        let bytes = Bytes::from_static(b"OPTIONS");
        assert_eq!(t.next().await, Event::Message { flow, bytes });
    }
    t.send(flow, "REGISTER").expect("sent");
    assert_eq!(next(&mut registrar).await, Message::text("REGISTER"));
    let latin = Bytes::from_static(b"REGISTER \xe9");
    t.transports.send(flow, latin.clone()).expect("sent");
    assert_eq!(next(&mut registrar).await, Message::Binary(latin));
}

#[tokio::test]
async fn a_crlf_ping_is_answered_and_its_answer_is_swallowed() {
    let mut t = Fixture::new();
    let (listener, url) = listen().await;
    t.connect(LINE, &url);
    let mut registrar = accept(&listener).await;
    let (stream, _) = t.connected().await;
    for frame in ["\r\n\r\n", "\r\n", "OPTIONS"] {
        patiently(registrar.send(Message::text(frame)))
            .await
            .expect("sent");
    }
    assert_eq!(next(&mut registrar).await, Message::text("\r\n"));
    let (flow, bytes) = (Flow::Stream(stream), Bytes::from_static(b"OPTIONS"));
    assert_eq!(t.next().await, Event::Message { flow, bytes });
}

#[tokio::test]
async fn a_line_that_closes_is_opened_again_under_a_new_stream() {
    let mut t = Fixture::new();
    let (listener, url) = listen().await;
    t.connect(LINE, &url);
    let registrar = accept(&listener).await;
    let (first, _) = t.connected().await;
    drop(registrar);
    let Event::StreamClosed { stream, line, .. } = t.next().await else {
        panic!("still open");
    };
    assert_eq!((stream, line), (first, Some(LINE)));
    assert_eq!(t.send(Flow::Stream(first), "late"), Err(SendError::Closed));

    let _registrar = accept(&listener).await;
    let (second, _) = t.connected().await;
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_released_line_closes_politely_and_says_so() {
    let mut t = Fixture::new();
    let (listener, url) = listen().await;
    t.connect(LINE, &url);
    let mut registrar = accept(&listener).await;
    let (stream, _) = t.connected().await;
    t.send(Flow::Stream(stream), "REGISTER").expect("sent");
    t.transports.disconnect_line(LINE);
    assert_eq!(next(&mut registrar).await, Message::text("REGISTER"));
    assert!(next(&mut registrar).await.is_close());
    let (line, cause) = (Some(LINE), "closed by us".to_owned());
    let closed = Event::StreamClosed {
        stream,
        line,
        cause,
    };
    assert_eq!(t.next().await, closed);
}

#[tokio::test]
async fn a_registrar_that_does_not_select_sip_is_not_talked_to() {
    let mut t = Fixture::new();
    let (listener, url) = listen().await;
    t.connect(LINE, &url);
    let (tcp, _) = patiently(listener.accept()).await.expect("accepted");
    // The client hangs up on what it gets.
    drop(patiently(accept_async(tcp)).await);
    let Event::LineConnectFailed { line, cause } = t.next().await else {
        panic!("connected");
    };
    assert_eq!(line, LINE);
    assert!(cause.starts_with("the WebSocket was refused"), "{cause}");
}

#[tokio::test]
async fn an_unreachable_registrar_is_told_in_words() {
    let mut t = Fixture::new();
    let (listener, url) = listen().await;
    drop(listener);
    t.connect(LINE, &url);
    let Event::LineConnectFailed { cause, .. } = t.next().await else {
        panic!("connected");
    };
    assert!(cause.starts_with("no connection: "), "{cause}");
}

#[tokio::test]
async fn a_peer_that_answers_no_pings_is_given_up() {
    let mut t = Fixture::impatient();
    let (listener, url) = listen().await;
    t.connect(LINE, &url);
    // It never reads, so it never answers.
    let _registrar = accept(&listener).await;
    t.connected().await;
    let Event::StreamClosed { cause, .. } = t.next().await else {
        panic!("still open");
    };
    assert_eq!(cause, "the peer doesn't answer pings");
}

#[tokio::test]
async fn a_peer_that_does_not_read_loses_its_own_stream_and_no_other() {
    let mut t = Fixture::new();
    let (listener, url) = listen().await;
    t.connect(LINE, &url);
    let _deaf = accept(&listener).await;
    let (deaf, _) = t.connected().await;
    t.connect(LineId(8), &url);
    let mut good = accept(&listener).await;
    let (other, _) = t.connected().await;

    let long = "x".repeat(60_000);
    let refused = async {
        while t.send(Flow::Stream(deaf), &long).is_ok() {
            // Lets the stream's task fill the kernel's buffers.
            tokio::task::yield_now().await;
        }
    };
    patiently(refused).await;
    assert_eq!(t.transports.losses().overflows, 1);
    let Event::StreamClosed { stream, cause, .. } = t.next().await else {
        panic!("still open");
    };
    assert_eq!(stream, deaf);
    assert_eq!(cause, "the peer doesn't read what it is sent");

    t.send(Flow::Stream(other), "REGISTER").expect("sent");
    assert_eq!(next(&mut good).await, Message::text("REGISTER"));
}

#[tokio::test]
async fn tls_is_spoken_to_those_who_are_trusted() {
    // What `openssl req -x509` makes, and what an authority's own certificate looks like.
    for is_ca in [
        rcgen::IsCa::NoCa,
        rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained),
    ] {
        let registrar = Registrar::new("localhost", is_ca).await;
        let mut t = Fixture::new();
        let target = registrar.target("localhost", registrar.trusting());
        t.transports.connect_line(LINE, target);
        let mut socket = upgrade(registrar.accept().await.expect("trusted")).await;
        let (stream, transport) = t.connected().await;
        assert_eq!(transport, Transport::Wss);
        t.send(Flow::Stream(stream), "REGISTER").expect("sent");
        assert_eq!(next(&mut socket).await, Message::text("REGISTER"));
    }
}

#[tokio::test]
async fn tls_is_not_spoken_to_the_unknown_nor_to_the_wrong_host() {
    let authority = || rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let unknown = Registrar::new("localhost", rcgen::IsCa::NoCa).await;
    let elsewhere = Registrar::new("sip.example.com", rcgen::IsCa::NoCa).await;
    let elsewhere_listed = Registrar::new("sip.example.com", authority()).await;
    let wary = client_config(None).expect("the system's anchors");
    for (registrar, tls) in [
        (&unknown, wary),
        (&elsewhere, elsewhere.trusting()),
        (&elsewhere_listed, elsewhere_listed.trusting()),
    ] {
        let mut t = Fixture::new();
        t.transports
            .connect_line(LINE, registrar.target("localhost", tls));
        assert!(registrar.accept().await.is_err());
        let Event::LineConnectFailed { cause, .. } = t.next().await else {
            panic!("connected");
        };
        assert!(cause.starts_with("no trust: "), "{cause}");
    }
}

#[test]
fn a_trust_anchor_must_be_one() {
    let missing = client_config(Some(std::path::Path::new("/nowhere/ca.pem")));
    assert!(
        missing
            .expect_err("absent")
            .to_string()
            .starts_with("/nowhere/ca.pem holds no")
    );
    let path = std::env::temp_dir().join(format!("warmline-no-anchor-{}.pem", std::process::id()));
    std::fs::write(&path, "nothing").expect("written");
    let empty = client_config(Some(&path));
    std::fs::remove_file(&path).expect("removed");
    assert!(
        empty
            .expect_err("empty")
            .to_string()
            .ends_with("there is none in it")
    );
}

#[tokio::test]
async fn datagrams_come_in_whole_and_go_back_to_where_they_came_from() {
    let mut t = Fixture::new();
    let ours = t.bind().await;
    let peer = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    peer.send_to(b"OPTIONS", ours).await.expect("sent");
    let Event::Message { flow, bytes } = t.next().await else {
        panic!("no message");
    };
    let from = peer.local_addr().expect("bound");
    let socket = SocketId(1);
    assert_eq!(flow, Flow::Datagram { socket, peer: from });
    assert_eq!(bytes, "OPTIONS");

    t.send(flow, "SIP/2.0 200 OK").expect("sent");
    let mut buffer = [0; 64];
    let (length, from) = patiently(peer.recv_from(&mut buffer))
        .await
        .expect("received");
    assert_eq!((&buffer[..length], from), (&b"SIP/2.0 200 OK"[..], ours));

    let nobody = Flow::Datagram {
        socket: SocketId(2),
        peer: ours,
    };
    assert_eq!(t.send(nobody, "x"), Err(SendError::Closed));
}

#[tokio::test]
async fn a_socket_can_send_as_soon_as_it_is_bound() {
    let mut t = Fixture::new();
    let peer = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let peer_address = peer.local_addr().expect("bound");
    t.bind().await;
    let flow = Flow::Datagram {
        socket: SocketId(1),
        peer: peer_address,
    };
    assert_eq!(t.send(flow, "OPTIONS"), Ok(()));
}

#[tokio::test]
async fn datagrams_too_long_or_too_many_are_dropped_and_counted() {
    let mut t = Fixture::new();
    let ours = t.bind().await;
    let peer = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    peer.send_to(&vec![b'x'; 16 * 1024 + 1], ours)
        .await
        .expect("sent");
    let losses = t.losses_until(|losses| losses.too_long == 1).await;
    assert_eq!(losses.queue_full, 0);

    for _ in 0..QUEUE + 3 {
        peer.send_to(b"OPTIONS", ours).await.expect("sent");
    }
    t.losses_until(|losses| losses.queue_full == 3).await;
    for _ in 0..QUEUE {
        assert!(matches!(t.next().await, Event::Message { .. }));
    }
    peer.send_to(b"BYE", ours).await.expect("sent");
    let Event::Message { bytes, .. } = t.next().await else {
        panic!("no message");
    };
    assert_eq!(bytes, "BYE", "there is room again");
}

/// The sockets, and the queue into the core.
struct Fixture {
    transports: Transports,
    events: mpsc::Receiver<Input>,
}

const QUEUE: usize = 4;

impl Fixture {
    fn new() -> Self {
        Self::with(Patience::default())
    }

    fn impatient() -> Self {
        Self::with(Patience {
            ping_every: Duration::from_millis(10),
            pong_within: Duration::from_millis(20),
        })
    }

    fn with(patience: Patience) -> Self {
        Self::timed(patience, Times::default())
    }

    fn timed(patience: Patience, times: Times) -> Self {
        let (inputs, events) = mpsc::channel(QUEUE);
        let registry = Registry::new(inputs.clone(), inputs, Gate::new(20));
        Self {
            transports: Transports::with_patience(registry, patience, times),
            events,
        }
    }

    fn connect(&self, line: LineId, url: &str) {
        let target = LineTarget {
            url: url.to_owned(),
            origin: Some("https://desk.example.com".to_owned()),
            user_agent: None,
            tls: client_config(None).expect("TLS"),
        };
        self.transports.connect_line(line, target);
    }

    async fn bind(&mut self) -> SocketAddr {
        let any = "127.0.0.1:0".parse().expect("an address");
        self.transports.admit(SocketId(1), loopback());
        self.transports
            .bind_udp(SocketId(1), any)
            .await
            .expect("bound")
    }

    fn send(&self, flow: Flow, text: &str) -> Result<(), SendError> {
        self.transports
            .send(flow, Bytes::copy_from_slice(text.as_bytes()))
    }

    async fn next(&mut self) -> Event {
        match patiently(self.events.recv()).await {
            Some(Input::Transport { event, .. }) => event,
            other => panic!("{other:?}"),
        }
    }

    async fn connected(&mut self) -> (StreamId, Transport) {
        match self.next().await {
            Event::LineConnected {
                stream, transport, ..
            } => (stream, transport),
            other => panic!("{other:?}"),
        }
    }

    async fn losses_until(&self, enough: impl Fn(Losses) -> bool) -> Losses {
        let counted = async {
            loop {
                let losses = self.transports.losses();
                if enough(losses) {
                    return losses;
                }
                tokio::task::yield_now().await;
            }
        };
        patiently(counted).await
    }
}

fn loopback() -> Vec<IpNet> {
    vec!["127.0.0.0/8".parse().expect("a network")]
}

/// A TLS server with a certificate that it signed itself.
struct Registrar {
    listener: TcpListener,
    acceptor: tokio_rustls::TlsAcceptor,
    server: Arc<rustls::ServerConfig>,
    pem: String,
}

impl Registrar {
    async fn new(name: &str, is_ca: rcgen::IsCa) -> Self {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut params = rcgen::CertificateParams::new([name.to_owned()]).expect("a name");
        params.is_ca = is_ca;
        let certificate = params.self_signed(&key).expect("a certificate");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let private = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
        let server = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private.into())
            .expect("they belong together");
        let server = Arc::new(server);
        Self {
            listener: TcpListener::bind("127.0.0.1:0").await.expect("a port"),
            acceptor: tokio_rustls::TlsAcceptor::from(server.clone()),
            server,
            pem: certificate.pem(),
        }
    }

    fn trusting(&self) -> Arc<rustls::ClientConfig> {
        let port = self.listener.local_addr().expect("bound").port();
        let name = format!("warmline-anchor-{}-{port}.pem", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, &self.pem).expect("written");
        let config = client_config(Some(&path));
        std::fs::remove_file(&path).expect("removed");
        config.expect("an anchor")
    }

    fn target(&self, host: &str, tls: Arc<rustls::ClientConfig>) -> LineTarget {
        let port = self.listener.local_addr().expect("bound").port();
        LineTarget {
            url: format!("wss://{host}:{port}/"),
            origin: None,
            user_agent: None,
            tls,
        }
    }

    async fn accept(&self) -> io::Result<tokio_rustls::server::TlsStream<TcpStream>> {
        let (tcp, _) = patiently(self.listener.accept()).await?;
        patiently(self.acceptor.accept(tcp)).await
    }
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    (listener, format!("ws://{address}/"))
}

async fn accept(listener: &TcpListener) -> WebSocketStream<TcpStream> {
    let (tcp, _) = patiently(listener.accept()).await.expect("accepted");
    upgrade(tcp).await
}

/// Selects `sip` as a registrar does.
async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> WebSocketStream<S> {
    #[allow(clippy::result_large_err)] // tungstenite's signature
    let select = |request: &Request, mut response: Response| {
        assert_eq!(request.headers()["sec-websocket-protocol"], "sip");
        let sip = http::HeaderValue::from_static("sip");
        response.headers_mut().insert("sec-websocket-protocol", sip);
        Ok::<Response, ErrorResponse>(response)
    };
    patiently(accept_hdr_async(stream, select))
        .await
        .expect("upgraded")
}

async fn next<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut WebSocketStream<S>) -> Message {
    patiently(socket.next()).await.expect("open").expect("read")
}

/// Fails instead of hanging.
async fn patiently<F: Future>(future: F) -> F::Output {
    timeout(Duration::from_secs(20), future)
        .await
        .expect("in time")
}
