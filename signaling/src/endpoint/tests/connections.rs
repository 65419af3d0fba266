//! Calls over TCP and TLS: what stays on a connection, and what becomes of it without one.

use super::script::{Script, TCP, TLS, connection, datagram, request, status};
use crate::endpoint::{Body, DialogId, Ended, Event, Flow};

#[test]
fn a_call_is_answered_where_it_came_from_and_says_how_to_come_back() {
    let mut s = Script::connection();
    let invite = request("INVITE", 1, "", "1", "", "v=0");
    s.receive(&invite.replace("SIP/2.0/UDP", "SIP/2.0/TCP"));
    let (flow, trying) = s.sent_one_on();
    assert_eq!(flow, s.flow);
    let via = trying.text("Via").expect("a via");
    assert!(
        via.contains("received=198.51.100.9") || via.contains("198.51.100.9:5060"),
        "{via}"
    );
    let dialog = incoming(&mut s);
    s.endpoint
        .accept(s.now, dialog, Body::sdp("v=0"))
        .expect("accepted");
    let (flow, ok) = s.sent_one_on();
    assert_eq!((flow, status(&ok)), (s.flow, 200));
    assert_eq!(
        ok.text("Contact").as_deref(),
        Some("<sip:warmline@198.51.100.1:5060;transport=tcp>")
    );
}

#[test]
fn our_requests_stay_on_the_connection_and_move_to_the_contact_when_it_is_gone() {
    let (mut s, dialog) = answered(TCP_CALL);
    let Flow::Connection { socket, peer } = s.flow else {
        panic!("a connection")
    };
    s.endpoint.handle_connection_closed(s.now, socket, peer);
    assert!(s.event().is_none(), "the call goes on");
    s.endpoint.hang_up(s.now, dialog, None);
    let (flow, bye) = s.sent_one_on();
    assert_eq!(flow, connection(TCP, "198.51.100.9:5060"));
    assert!(
        bye.text("Via")
            .expect("a via")
            .starts_with("SIP/2.0/TCP 198.51.100.1:5060;")
    );

    let (mut s, dialog) = answered(TCP_CALL);
    s.endpoint.hang_up(s.now, dialog, None);
    assert_eq!(s.sent_one_on().0, connection(TCP, TCP_CALL.1));
}

#[test]
fn an_answer_whose_connection_is_gone_goes_to_the_port_of_the_via() {
    let mut s = Script::connection();
    s.receive(&request("INVITE", 1, "", "1", "", "v=0").replace("9:5060;branch", "9:5077;branch"));
    s.sent();
    let dialog = incoming(&mut s);
    s.endpoint.handle_connection_closed(
        s.now,
        TCP,
        "198.51.100.9:40000".parse().expect("an address"),
    );
    s.endpoint
        .accept(s.now, dialog, Body::sdp("v=0"))
        .expect("accepted");
    assert_eq!(s.sent_one_on().0, connection(TCP, "198.51.100.9:5077"));
}

#[test]
fn a_call_on_tls_hears_nobody_beside_tls() {
    for (call, other, heard) in [
        (TLS_CALL, datagram("198.51.100.9:5060"), false),
        (TLS_CALL, connection(TCP, "198.51.100.9:40001"), false),
        (TLS_CALL, connection(TLS, "198.51.100.10:40000"), false),
        (TLS_CALL, connection(TLS, "198.51.100.9:40001"), true),
        (TCP_CALL, datagram("198.51.100.9:5060"), true),
        (TCP_CALL, datagram("198.51.100.10:5060"), false),
    ] {
        let (mut s, _) = answered(call);
        let tag = s.flow_tag();
        s.receive_from(other, &request("BYE", 2, &tag, "2", "", ""));
        let (_, answer) = s.sent_one_on();
        assert_eq!(
            status(&answer),
            if heard { 200 } else { 481 },
            "{call:?} {other:?}"
        );
        let ended = matches!(
            s.event(),
            Some(Event::Ended {
                cause: Ended::Bye { .. },
                ..
            })
        );
        assert_eq!(ended, heard);
    }
}

#[test]
fn a_cancel_counts_from_the_same_peer_by_the_same_transport_only() {
    for (other, heard) in [
        (datagram("198.51.100.9:5060"), false),
        (connection(TLS, "198.51.100.9:40000"), false),
        (connection(TCP, "198.51.100.10:40000"), false),
        (connection(TCP, "198.51.100.9:40077"), true),
    ] {
        let mut s = Script::connection();
        s.receive(&request("INVITE", 1, "", "1", "", "v=0"));
        s.sent();
        incoming(&mut s);
        s.receive_from(other, &request("CANCEL", 1, "", "1", "", ""));
        let cancelled = s.sent_on().iter().any(|(_, answer)| status(answer) == 487);
        assert_eq!(cancelled, heard, "{other:?}");
    }
}

#[test]
fn keep_alives_are_answered_on_their_connection() {
    let mut s = Script::connection();
    s.receive("\r\n\r\n");
    let pong = s.endpoint.poll_transmit().expect("an answer");
    assert_eq!((pong.flow, &pong.bytes[..]), (s.flow, &b"\r\n"[..]));
}

const TCP_CALL: (crate::endpoint::SocketId, &str) = (TCP, "198.51.100.9:40000");
const TLS_CALL: (crate::endpoint::SocketId, &str) = (TLS, "198.51.100.9:40000");

impl Script {
    /// Our tag in the one call there is.
    fn flow_tag(&mut self) -> String {
        let (_, usage) = self.endpoint.usages.first_key_value().expect("a call");
        match &usage.stage {
            crate::endpoint::usage::Stage::Established(established) => {
                String::from_utf8_lossy(established.dialog.local_tag()).into_owned()
            }
            other => panic!("{other:?}"),
        }
    }
}

fn answered((socket, peer): (crate::endpoint::SocketId, &str)) -> (Script, DialogId) {
    let mut s = Script::connection();
    s.flow = connection(socket, peer);
    s.receive(&request("INVITE", 1, "", "1", "", "v=0"));
    let dialog = incoming(&mut s);
    s.endpoint
        .accept(s.now, dialog, Body::sdp("v=0"))
        .expect("accepted");
    let tag = s.flow_tag();
    s.receive(&request("ACK", 1, &tag, "a", "", ""));
    assert!(matches!(s.event(), Some(Event::Confirmed { .. })));
    s.sent();
    (s, dialog)
}

fn incoming(s: &mut Script) -> DialogId {
    match s.event() {
        Some(Event::Invite { dialog, .. }) => dialog,
        other => panic!("{other:?}"),
    }
}
