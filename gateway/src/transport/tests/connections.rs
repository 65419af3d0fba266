//! Trunks' connections, from both ends, with peers that behave and peers that don't.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

const TCP: SocketId = SocketId(3);
const OPTIONS: &str = "OPTIONS sip:b@example.com SIP/2.0\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn messages_come_in_whole_and_answers_go_back_on_their_connection() {
    let mut t = Fixture::new();
    let ours = t.open(Security::Plain).await;
    let mut peer = TcpStream::connect(ours).await.expect("connected");
    let twice = [OPTIONS, OPTIONS].concat();
    let (first, rest) = twice.split_at(70);
    peer.write_all(first.as_bytes()).await.expect("sent");
    let flow = Flow::Connection {
        socket: TCP,
        peer: peer.local_addr().expect("bound"),
    };
    let bytes = Bytes::from_static(OPTIONS.as_bytes());
    let message = Event::Message { flow, bytes };
    assert_eq!(t.next().await, message);
    peer.write_all(rest.as_bytes()).await.expect("sent");
    assert_eq!(t.next().await, message);
    t.send(flow, "SIP/2.0 200 OK").expect("sent");
    assert_eq!(read(&mut peer, 14).await, "SIP/2.0 200 OK");
    peer.write_all(b"\r\n\r\n").await.expect("sent");
    assert_eq!(read(&mut peer, 2).await, "\r\n");
    drop(peer);
    assert_eq!(t.closed().await.1, "the peer closed it");
    assert_eq!(t.transports.losses().crowded, 0);
}

#[tokio::test]
async fn a_stranger_is_closed_without_a_byte() {
    let t = Fixture::new();
    let ours = t.open(Security::Plain).await;
    t.transports.admit(TCP, Vec::new());
    let mut peer = TcpStream::connect(ours).await.expect("connected");
    let mut buffer = [0; 16];
    // A reset counts as well: what matters is that nothing comes.
    let read = patiently(peer.read(&mut buffer)).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    assert_eq!(
        t.losses_until(|losses| losses.strangers > 0)
            .await
            .strangers,
        1
    );
}

#[tokio::test]
async fn a_connection_is_opened_once_for_what_is_sent_and_kept() {
    let mut t = Fixture::new();
    let ours = t.open(Security::Plain).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let flow = Flow::Connection {
        socket: TCP,
        peer: address,
    };
    t.send(flow, "INVITE").expect("sent");
    t.send(flow, "CANCEL").expect("sent");
    let (mut peer, from) = patiently(listener.accept()).await.expect("accepted");
    assert_eq!(from.ip(), ours.ip(), "it comes from where we listen");
    assert_eq!(read(&mut peer, 12).await, "INVITECANCEL");
    peer.write_all(OPTIONS.as_bytes()).await.expect("sent");
    let Event::Message { flow: heard, .. } = t.next().await else {
        panic!("no message");
    };
    assert_eq!(heard, flow, "answers come by the address that was called");
    drop(peer);
    assert_eq!(t.closed().await.0, address);
    t.send(flow, "BYE").expect("sent");
    let (mut peer, _) = patiently(listener.accept()).await.expect("accepted");
    assert_eq!(read(&mut peer, 3).await, "BYE");
}

#[tokio::test]
async fn a_refused_connection_is_told() {
    let mut t = Fixture::new();
    t.open(Security::Plain).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let flow = Flow::Connection {
        socket: TCP,
        peer: address,
    };
    t.send(flow, "INVITE").expect("queued");
    let (peer, cause) = t.closed().await;
    assert_eq!(peer, address);
    assert!(cause.contains("refused"), "{cause}");
    let nowhere = Flow::Connection {
        socket: SocketId(9),
        peer: address,
    };
    assert_eq!(t.send(nowhere, "INVITE"), Err(SendError::Closed));
}

#[tokio::test]
async fn a_peer_that_does_not_read_loses_its_connection_and_no_other() {
    let mut t = Fixture::new();
    let ours = t.open(Security::Plain).await;
    let mut deaf = TcpStream::connect(ours).await.expect("connected");
    let mut other = TcpStream::connect(ours).await.expect("connected");
    for peer in [&mut deaf, &mut other] {
        peer.write_all(OPTIONS.as_bytes()).await.expect("sent");
        t.next().await;
    }
    let flow = |peer: &TcpStream| Flow::Connection {
        socket: TCP,
        peer: peer.local_addr().expect("bound"),
    };
    let long = "x".repeat(16 * 1024);
    patiently(async {
        while t.send(flow(&deaf), &long).is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(t.transports.losses().overflows, 1);
    assert_eq!(
        t.closed().await,
        (
            deaf.local_addr().expect("bound"),
            "the peer doesn't read what it is sent".to_owned()
        )
    );
    t.send(flow(&other), "SIP/2.0 200 OK").expect("sent");
    assert_eq!(read(&mut other, 14).await, "SIP/2.0 200 OK");
}

#[tokio::test]
async fn peers_that_keep_us_waiting_are_closed() {
    let soon = Duration::from_millis(30);
    let late = Duration::from_secs(60);
    let patient = Times {
        handshake: late,
        first: late,
        partial: late,
        idle: late,
        deaf: late,
    };
    let half = &OPTIONS[..40];
    for (times, said, cause) in [
        (
            Times {
                first: soon,
                ..patient
            },
            "",
            "the peer said nothing",
        ),
        (
            Times {
                first: soon,
                ..patient
            },
            "\r\n\r\n",
            "the peer said nothing",
        ),
        (
            Times {
                first: soon,
                ..patient
            },
            half,
            "the peer said nothing",
        ),
        (
            Times {
                partial: soon,
                ..patient
            },
            &[OPTIONS, half].concat(),
            "the peer doesn't finish its message",
        ),
        (
            Times {
                idle: soon,
                ..patient
            },
            OPTIONS,
            "nothing came for long",
        ),
    ] {
        let mut t = Fixture::timed(Patience::default(), times);
        let ours = t.open(Security::Plain).await;
        let mut peer = TcpStream::connect(ours).await.expect("connected");
        peer.write_all(said.as_bytes()).await.expect("sent");
        assert_eq!(t.closed().await.1, cause, "{said:?}");
    }
}

#[tokio::test]
async fn a_length_that_can_not_be_read_ends_the_connection() {
    let mut t = Fixture::new();
    let ours = t.open(Security::Plain).await;
    let mut peer = TcpStream::connect(ours).await.expect("connected");
    peer.write_all(b"OPTIONS sip:b SIP/2.0\r\nContent-Length: -1\r\n\r\n")
        .await
        .expect("sent");
    assert_eq!(t.closed().await.1, "an unreadable Content-Length");
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_no_more() {
    let t = Fixture::new();
    let ours = t.open(Security::Plain).await;
    let mut all = Vec::new();
    for _ in 0..65 {
        all.push(TcpStream::connect(ours).await.expect("connected"));
    }
    t.losses_until(|losses| losses.crowded == 1).await;
    drop(all.pop());
    drop(all.pop());
}

#[tokio::test]
async fn tls_is_spoken_both_ways_and_a_wrong_name_is_refused() {
    let server = Registrar::new("sip.example.com", rcgen::IsCa::NoCa).await;
    let security = Security::Tls {
        server: None,
        client: server.trusting(),
    };
    let mut t = Fixture::new();
    t.open(security).await;
    let address = server.listener.local_addr().expect("bound");
    let flow = Flow::Connection {
        socket: TCP,
        peer: address,
    };
    t.send(flow, "OPTIONS").expect("queued");
    server
        .accept()
        .await
        .expect_err("it doesn't hold the address");
    let (_, cause) = t.closed().await;
    assert!(cause.contains("certificate"), "{cause}");

    t.transports
        .name_peer(TCP, address.ip(), "sip.example.com".to_owned());
    t.send(flow, "OPTIONS").expect("queued");
    let mut peer = server.accept().await.expect("trusted");
    assert_eq!(read(&mut peer, 7).await, "OPTIONS");
    peer.write_all(OPTIONS.as_bytes()).await.expect("sent");
    assert!(matches!(t.next().await, Event::Message { .. }));
}

#[tokio::test]
async fn tls_is_taken_with_our_certificate_and_an_endless_handshake_isnt() {
    let ours = Registrar::new("gw.example.com", rcgen::IsCa::NoCa).await;
    let times = Times {
        handshake: Duration::from_millis(300),
        ..Times::default()
    };
    let mut t = Fixture::timed(Patience::default(), times);
    let address = t
        .open(Security::Tls {
            server: Some(ours.server.clone()),
            client: ours.trusting(),
        })
        .await;
    let mut silent = TcpStream::connect(address).await.expect("connected");
    let tcp = TcpStream::connect(address).await.expect("connected");
    let name = "gw.example.com".try_into().expect("a name");
    let connector = tokio_rustls::TlsConnector::from(ours.trusting());
    let mut peer = patiently(connector.connect(name, tcp))
        .await
        .expect("trusted");
    peer.write_all(OPTIONS.as_bytes()).await.expect("sent");
    let Event::Message { flow, .. } = t.next().await else {
        panic!("no message");
    };
    t.send(flow, "SIP/2.0 200 OK").expect("sent");
    assert_eq!(read(&mut peer, 14).await, "SIP/2.0 200 OK");
    let mut buffer = [0; 1];
    assert!(matches!(
        patiently(silent.read(&mut buffer)).await,
        Ok(0) | Err(_)
    ));
}

#[test]
fn a_certificate_and_its_key_have_to_belong_together() {
    let path = std::path::Path::new("/nowhere/trunk.pem");
    let missing = server_config(path, path).expect_err("nowhere");
    assert!(
        missing
            .to_string()
            .starts_with("/nowhere/trunk.pem can't be used as a certificate")
    );
}

impl Fixture {
    async fn open(&self, security: Security) -> SocketAddr {
        let any = "127.0.0.1:0".parse().expect("an address");
        self.transports.admit(TCP, loopback());
        self.transports
            .open_door(TCP, any, security)
            .await
            .expect("bound")
    }

    /// The next connection that ends; what came before on any is passed over.
    async fn closed(&mut self) -> (SocketAddr, String) {
        loop {
            if let Event::ConnectionClosed { peer, cause, .. } = self.next().await {
                return (peer, cause);
            }
        }
    }
}

async fn read(peer: &mut (impl AsyncRead + Unpin), length: usize) -> String {
    let mut buffer = vec![0; length];
    patiently(peer.read_exact(&mut buffer)).await.expect("read");
    String::from_utf8(buffer).expect("text")
}
