//! Calls that may go to one of several peers, and INVITEs too long for a datagram.

use std::time::Duration;

use super::script::{Script, TCP, connection, datagram};
use crate::endpoint::{Body, DialogId, Ended, Event, Flow, InviteRequest, Party, Path, SocketId};
use crate::message::Message;

#[test]
fn a_silent_peer_is_given_up_after_four_seconds_and_the_next_is_asked() {
    let (mut s, dialog) = calling(&[FIRST, SECOND], "v=0");
    assert_eq!(s.sent_one_on().0, datagram(FIRST));
    s.pass(Duration::from_millis(3_900));
    assert!(s.sent_on().iter().all(|(flow, _)| *flow == datagram(FIRST)));
    s.pass(Duration::from_millis(200));
    let (flow, invite) = s.sent_one_on();
    assert_eq!(flow, datagram(SECOND));
    assert_eq!(invite.request_uri(), b"sip:+919000000011@198.51.100.12");
    assert!(matches!(
        s.event(),
        Some(Event::Failover {
            cause: Ended::TimedOut,
            ..
        })
    ));
    s.flow = datagram(SECOND);
    s.respond(&invite, "200 OK", CONTACT, "v=0");
    assert!(matches!(s.event(), Some(Event::Accepted { dialog: d, .. }) if d == dialog));
    s.sent();
    s.endpoint.hang_up(s.now, dialog, None);
    assert_eq!(
        s.sent_one_on().0,
        datagram(SECOND),
        "the BYE follows the call"
    );
}

#[test]
fn a_peer_that_wakes_too_late_is_cancelled_or_hung_up() {
    for (late, expected) in [
        ("180 Ringing", &["CANCEL"][..]),
        ("200 OK", &["ACK", "BYE"]),
    ] {
        let (mut s, _) = calling(&[FIRST, SECOND], "v=0");
        let (_, first) = s.sent_one_on();
        s.pass(Duration::from_secs(5));
        s.sent();
        s.event();
        s.flow = datagram(FIRST);
        s.respond(&first, late, CONTACT, "");
        let methods: Vec<String> = s.sent().iter().map(method).collect();
        assert_eq!(methods, expected);
        assert!(s.event().is_none(), "the call is elsewhere");
    }
}

#[test]
fn a_peer_that_can_not_serve_is_passed_over_unless_it_rang() {
    let (mut s, _) = calling(&[FIRST, SECOND], "v=0");
    let (_, first) = s.sent_one_on();
    s.flow = datagram(FIRST);
    s.respond(&first, "503 Service Unavailable", "", "");
    let sent = s.sent_on();
    assert_eq!(
        sent.iter().map(|(_, m)| method(m)).collect::<Vec<_>>(),
        ["ACK", "INVITE"]
    );
    assert_eq!(sent[1].0, datagram(SECOND));
    assert_ne!(sent[1].1.text("Call-ID"), first.text("Call-ID"));
    assert!(matches!(s.event(), Some(Event::Failover { .. })));
    s.flow = datagram(SECOND);
    s.respond(&sent[1].1, "503 Service Unavailable", "", "");
    assert!(matches!(
        s.event(),
        Some(Event::Ended {
            cause: Ended::Rejected { status: 503, .. },
            ..
        })
    ));

    let (mut s, _) = calling(&[FIRST, SECOND], "v=0");
    let (_, first) = s.sent_one_on();
    s.flow = datagram(FIRST);
    s.respond(&first, "180 Ringing", CONTACT, "");
    s.respond(&first, "503 Service Unavailable", "", "");
    assert!(matches!(
        s.event(),
        Some(Event::Progress { status: 180, .. })
    ));
    assert!(matches!(
        s.event(),
        Some(Event::Ended {
            cause: Ended::Rejected { status: 503, .. },
            ..
        })
    ));
}

#[test]
fn the_last_peer_has_all_the_time_of_the_rfc() {
    let (mut s, _) = calling(&[FIRST], "v=0");
    s.pass(Duration::from_secs(31));
    assert!(s.event().is_none());
    s.pass(Duration::from_secs(1));
    assert!(matches!(
        s.event(),
        Some(Event::Ended {
            cause: Ended::TimedOut,
            ..
        })
    ));
}

#[test]
fn a_refused_connection_is_passed_over_at_once() {
    let mut s = Script::connection();
    let path = |peer: &str| Path::Connection {
        socket: TCP,
        peer: peer.parse().expect("an address"),
    };
    let requests = vec![invite(path(FIRST), "v=0"), invite(path(SECOND), "v=0")];
    s.endpoint.invite_first_of(s.now, requests).expect("a call");
    let Flow::Connection { socket, peer } = s.sent_one_on().0 else {
        panic!("a connection")
    };
    s.endpoint.handle_connection_closed(s.now, socket, peer);
    assert!(matches!(
        s.event(),
        Some(Event::Failover {
            cause: Ended::FlowLost,
            ..
        })
    ));
    let Flow::Connection { socket, peer } = s.sent_one_on().0 else {
        panic!("a connection")
    };
    assert_eq!(peer, SECOND.parse().expect("an address"));
    s.endpoint.handle_connection_closed(s.now, socket, peer);
    assert!(matches!(
        s.event(),
        Some(Event::Ended {
            cause: Ended::FlowLost,
            ..
        })
    ));
}

#[test]
fn a_call_that_rings_survives_its_connection() {
    let mut s = Script::connection();
    let peer = FIRST.parse().expect("an address");
    let path = Path::Connection { socket: TCP, peer };
    s.endpoint
        .invite(s.now, invite(path, "v=0"))
        .expect("a call");
    let (_, first) = s.sent_one_on();
    s.flow = connection(TCP, FIRST);
    s.respond(&first, "180 Ringing", CONTACT, "");
    s.endpoint.handle_connection_closed(s.now, TCP, peer);
    s.flow = connection(TCP, "198.51.100.11:41234");
    s.respond(&first, "200 OK", CONTACT, "v=0");
    assert!(matches!(s.event(), Some(Event::Progress { .. })));
    assert!(matches!(s.event(), Some(Event::Accepted { .. })));
}

#[test]
fn a_long_invite_goes_by_tcp_and_by_udp_where_tcp_is_refused() {
    let long = "a".repeat(1_300);
    for (body, by_tcp) in [("v=0", false), (long.as_str(), true)] {
        let mut s = Script::connection();
        s.endpoint.send_large_by(SocketId(0), TCP);
        let peer = FIRST.parse().expect("an address");
        let path = Path::Datagram {
            socket: SocketId(0),
            peer,
        };
        s.endpoint
            .invite(s.now, invite(path, body))
            .expect("a call");
        let (flow, first) = s.sent_one_on();
        let via = first.text("Via").expect("a via");
        assert_eq!(via.starts_with("SIP/2.0/TCP "), by_tcp, "{via}");
        if !by_tcp {
            assert_eq!(flow, datagram(FIRST));
            continue;
        }
        assert_eq!(flow, connection(TCP, FIRST));
        s.endpoint.handle_connection_closed(s.now, TCP, peer);
        let (flow, again) = s.sent_one_on();
        assert_eq!(flow, datagram(FIRST));
        assert!(
            again
                .text("Via")
                .expect("a via")
                .starts_with("SIP/2.0/UDP ")
        );
        assert!(again.bytes().len() > 1_300);
    }
}

#[test]
fn hanging_up_asks_nobody_else() {
    let (mut s, dialog) = calling(&[FIRST, SECOND], "v=0");
    s.endpoint.hang_up(s.now, dialog, None);
    s.pass(Duration::from_secs(40));
    assert!(s.sent_on().iter().all(|(flow, _)| *flow == datagram(FIRST)));
    assert_eq!(s.endpoint.counts().client_transactions, 0);
}

const FIRST: &str = "198.51.100.11:5060";
const SECOND: &str = "198.51.100.12:5060";
const CONTACT: &str = "Contact: <sip:gw@198.51.100.12>\r\n";

fn calling(peers: &[&str], body: &str) -> (Script, DialogId) {
    let mut s = Script::trunk();
    let requests = peers.iter().map(|peer| {
        let peer = peer.parse().expect("an address");
        invite(
            Path::Datagram {
                socket: SocketId(0),
                peer,
            },
            body,
        )
    });
    let dialog = s
        .endpoint
        .invite_first_of(s.now, requests.collect())
        .expect("a call");
    (s, dialog)
}

fn invite(path: Path, body: &str) -> InviteRequest {
    let host = match path {
        Path::Datagram { peer, .. } | Path::Connection { peer, .. } => peer.ip().to_string(),
        Path::Line(_) => "example.com".to_owned(),
    };
    let party = |user: &str| Party {
        display: None,
        uri: format!("sip:{user}@{host}"),
    };
    InviteRequest {
        path,
        request_uri: format!("sip:+919000000011@{host}"),
        from: party("+919000000050"),
        to: party("+919000000011"),
        headers: Vec::new(),
        body: Body::sdp(body.to_owned()),
        credentials: None,
    }
}

fn method(message: &Message) -> String {
    let bytes = message.bytes();
    let end = bytes
        .iter()
        .position(|byte| *byte == b' ')
        .unwrap_or_default();
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}
