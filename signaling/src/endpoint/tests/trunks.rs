//! Peers that are pinged, and trunks that are registered with.

use std::time::Duration;

use super::script::{Script, TCP, connection, datagram};
use crate::endpoint::{
    Event, LineDown, Path, PeerConfig, PeerId, Reachability, SocketId, TrunkConfig, TrunkId,
};
use crate::message::Message;

#[test]
fn three_silences_take_a_peer_down_and_one_answer_brings_it_back() {
    let mut s = watching();
    assert_eq!(s.sent_one().text("CSeq").as_deref(), Some("1 OPTIONS"));
    s.pass(Duration::from_secs(4));
    assert_eq!(news(&mut s), [(Reachability::Suspect, 408)]);
    s.pass(Duration::from_secs(9));
    assert_eq!(news(&mut s), [], "two are a suspicion");
    s.pass(Duration::from_secs(9));
    assert_eq!(news(&mut s), [(Reachability::Down, 408)]);
    s.sent();
    s.pass(Duration::from_secs(30));
    let ping = s.sent().remove(0);
    s.respond(&ping, "404 Not Found", "", "");
    assert_eq!(
        news(&mut s),
        [(Reachability::Up, 404)],
        "it is there, and that is all we asked"
    );
}

#[test]
fn a_peer_that_answers_is_no_news_and_is_asked_again_after_the_interval() {
    let mut s = watching();
    for _ in 0..3 {
        let ping = s.sent_one();
        s.respond(&ping, "200 OK", "", "");
        s.pass(Duration::from_millis(29_900));
        assert!(s.sent().is_empty());
        s.pass(Duration::from_millis(100));
    }
    assert_eq!(news(&mut s), []);
    s.endpoint.unwatch(PeerId(7));
    s.sent();
    s.pass(Duration::from_secs(120));
    assert_eq!(news(&mut s), []);
}

#[test]
fn a_peer_whose_connection_is_refused_or_that_has_no_room_is_not_there() {
    let mut s = Script::connection();
    let peer = "198.51.100.9:5060".parse().expect("an address");
    let path = Path::Connection { socket: TCP, peer };
    s.endpoint.watch(s.now, PeerId(7), config(path));
    for wait in [30, 5, 5] {
        s.pass(Duration::from_secs(wait));
        s.endpoint.handle_connection_closed(s.now, TCP, peer);
    }
    assert_eq!(
        news(&mut s),
        [(Reachability::Suspect, 503), (Reachability::Down, 503)]
    );
    s.sent();
    s.pass(Duration::from_secs(30));
    s.flow = connection(TCP, "198.51.100.9:5060");
    let ping = s.sent_one();
    s.respond(&ping, "503 Service Unavailable", "", "");
    assert_eq!(news(&mut s), []);
}

#[test]
fn a_trunk_registers_by_our_address_answers_the_challenge_and_refreshes() {
    let mut s = registering();
    let register = s.sent_one();
    assert_eq!(register.request_uri(), b"sip:carrier.example.com");
    assert_eq!(
        register.text("Contact").as_deref(),
        Some("<sip:warmline@198.51.100.1:5060>")
    );
    assert_eq!(register.text("Expires").as_deref(), Some("300"));
    assert!(register.text("Authorization").is_none());
    s.respond(
        &register,
        "401 Unauthorized",
        "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n\", qop=\"auth\", algorithm=MD5\r\n",
        "",
    );
    let again = s.sent_one();
    let authorization = again.text("Authorization").expect("credentials");
    assert!(
        authorization.contains("username=\"acme\""),
        "{authorization}"
    );
    assert!(cseq(&again) > cseq(&register));
    s.respond(
        &again,
        "200 OK",
        "Contact: <sip:other@198.51.100.77>;expires=9\r\nContact: <sip:warmline@198.51.100.1:5060>;expires=120\r\n",
        "",
    );
    assert!(matches!(
        s.event(),
        Some(Event::TrunkUp { trunk: TrunkId(3), expires }) if expires == Duration::from_secs(120)
    ));
    assert_eq!(s.endpoint.counts().registrations, 1);
    s.pass(Duration::from_secs(120));
    let refresh = &s.sent()[0];
    assert_eq!(refresh.text("Call-ID"), register.text("Call-ID"));
    assert!(cseq(refresh) > cseq(&again));
}

#[test]
fn a_refused_password_is_tried_twice_and_no_more() {
    let mut s = registering();
    let challenge = "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n\", qop=\"auth\"\r\n";
    for _ in 0..2 {
        for _ in 0..2 {
            let register = s.sent_one();
            s.respond(&register, "401 Unauthorized", challenge, "");
        }
        let down = s.event();
        assert!(
            matches!(
                down,
                Some(Event::TrunkDown {
                    cause: LineDown::WrongPassword,
                    ..
                })
            ),
            "{down:?}"
        );
        s.pass(Duration::from_secs(60));
    }
    s.pass(Duration::from_secs(3_600));
    assert!(s.sent().is_empty());
}

#[test]
fn a_silent_registrar_is_asked_again_and_a_lost_connection_registers_anew() {
    let mut s = registering();
    s.pass(Duration::from_secs(32));
    assert!(matches!(
        s.event(),
        Some(Event::TrunkDown {
            cause: LineDown::TimedOut,
            ..
        })
    ));
    s.sent();
    s.pass(Duration::from_secs(30));
    assert!(!s.sent().is_empty());

    let mut s = Script::connection();
    let peer = "198.51.100.9:5060".parse().expect("an address");
    s.flow = connection(TCP, "198.51.100.9:5060");
    s.endpoint.register_trunk(
        s.now,
        TrunkId(3),
        account(Path::Connection { socket: TCP, peer }),
    );
    let register = s.sent_one();
    s.respond(&register, "200 OK", "Expires: 300\r\n", "");
    assert!(matches!(s.event(), Some(Event::TrunkUp { .. })));
    s.endpoint.handle_connection_closed(s.now, TCP, peer);
    assert!(matches!(
        s.event(),
        Some(Event::TrunkDown {
            cause: LineDown::FlowLost,
            ..
        })
    ));
    s.pass(Duration::from_secs(30));
    let register = s.sent_one();
    s.respond(&register, "200 OK", "Expires: 300\r\n", "");
    assert!(matches!(s.event(), Some(Event::TrunkUp { .. })));
    s.endpoint.unregister_trunk(s.now, TrunkId(3));
    let farewell = s.sent_one();
    assert_eq!(farewell.text("Expires").as_deref(), Some("0"));
    s.respond(&farewell, "200 OK", "", "");
    assert!(matches!(
        s.event(),
        Some(Event::TrunkDown {
            cause: LineDown::Unregistered,
            ..
        })
    ));
}

fn watching() -> Script {
    let mut s = Script::trunk();
    let peer = "198.51.100.9:5060".parse().expect("an address");
    let path = Path::Datagram {
        socket: SocketId(0),
        peer,
    };
    s.endpoint.watch(s.now, PeerId(7), config(path));
    s.pass(Duration::from_secs(30));
    s
}

fn config(path: Path) -> PeerConfig {
    PeerConfig {
        path,
        uri: "sip:198.51.100.9".to_owned(),
        interval: Duration::from_secs(30),
    }
}

fn registering() -> Script {
    let mut s = Script::trunk();
    s.flow = datagram("198.51.100.9:5060");
    let peer = "198.51.100.9:5060".parse().expect("an address");
    let path = Path::Datagram {
        socket: SocketId(0),
        peer,
    };
    s.endpoint.register_trunk(s.now, TrunkId(3), account(path));
    s
}

fn account(path: Path) -> TrunkConfig {
    TrunkConfig {
        path,
        domain: "carrier.example.com".to_owned(),
        user: "acme".to_owned(),
        password: "secret".to_owned(),
        expires: Duration::from_secs(300),
    }
}

fn news(s: &mut Script) -> Vec<(Reachability, u16)> {
    std::iter::from_fn(|| s.event())
        .map(|event| match event {
            Event::Peer {
                peer: PeerId(7),
                reachability,
                status,
            } => (reachability, status),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn cseq(message: &Message) -> u32 {
    message.cseq().expect("a number").number
}
