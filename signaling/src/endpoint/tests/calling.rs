//! Calls of ours to a trunk's peer that is written by hand, and what it may answer.

use std::time::Duration;

use super::script::{Script, datagram, request};
use crate::endpoint::{Body, Ended, Event, InviteRequest, Party, Path, SocketId};
use crate::error::Misuse;
use crate::message::lossy;

#[test]
fn the_first_place_that_answers_wins() {
    let mut script = Script::trunk();
    let dialog = script
        .endpoint
        .invite(script.now, call_out())
        .expect("a call");
    let invite = script.sent_one();
    for tag in ["one", "two"] {
        script.respond(&invite, "180 Ringing", &to(tag), "");
        assert!(matches!(
            script.event(),
            Some(Event::Progress { status: 180, .. })
        ));
    }
    script.respond(
        &invite,
        "200 OK",
        &format!("{}Contact: <sip:two@198.51.100.9>\r\n", to("two")),
        "v=0 two",
    );
    assert!(
        matches!(script.event(), Some(Event::Accepted { dialog: up, body: Some(_), .. }) if up == dialog)
    );
    let ack = script.sent_one();
    assert_eq!(ack.request_uri(), b"sip:two@198.51.100.9");
    script.respond(
        &invite,
        "200 OK",
        &format!("{}Contact: <sip:two@198.51.100.9>\r\n", to("two")),
        "v=0 two",
    );
    assert_eq!(
        script.sent_one().bytes(),
        ack.bytes(),
        "a repeated 2xx gets the same ACK"
    );
    script.respond(
        &invite,
        "200 OK",
        &format!("{}Contact: <sip:one@198.51.100.9>\r\n", to("one")),
        "v=0 one",
    );
    let sent = script.sent();
    let methods: Vec<_> = sent
        .iter()
        .map(|message| message.text("CSeq").unwrap_or_default())
        .collect();
    assert_eq!(methods, ["1 ACK", "2 BYE"]);
    assert!(
        sent.iter()
            .all(|message| message.request_uri() == b"sip:one@198.51.100.9")
    );
    assert!(script.event().is_none());
}

#[test]
fn a_late_answer_to_a_cancelled_call_is_hung_up() {
    let mut script = Script::trunk();
    let dialog = script
        .endpoint
        .invite(script.now, call_out())
        .expect("a call");
    let invite = script.sent_one();
    script.respond(&invite, "180 Ringing", "", "");
    script.endpoint.hang_up(script.now, dialog, None);
    assert_eq!(script.sent_one().text("CSeq").as_deref(), Some("1 CANCEL"));
    script.respond(
        &invite,
        "200 OK",
        "Contact: <sip:a@198.51.100.9>\r\n",
        "v=0",
    );
    let methods: Vec<_> = script
        .sent()
        .iter()
        .map(|message| message.text("CSeq").unwrap_or_default())
        .collect();
    assert_eq!(methods, ["1 ACK", "2 BYE"]);
    script.pass(Duration::from_secs(70));
    let counts = script.endpoint.counts();
    assert_eq!((counts.client_transactions, counts.dialogs), (0, 0));
}

#[test]
fn a_cancelled_invite_without_a_final_answer_is_forgotten() {
    let mut script = Script::trunk();
    let dialog = script
        .endpoint
        .invite(script.now, call_out())
        .expect("a call");
    let invite = script.sent_one();
    script.respond(&invite, "180 Ringing", "", "");
    script.endpoint.hang_up(script.now, dialog, None);
    script.pass(Duration::from_secs(33));
    assert_eq!(script.endpoint.counts().client_transactions, 0);
}

#[test]
fn a_challenged_call_is_repeated_with_credentials_once() {
    let mut script = Script::trunk();
    script
        .endpoint
        .invite(script.now, call_out())
        .expect("a call");
    let first = script.sent_one();
    let challenge =
        "Proxy-Authenticate: Digest realm=\"example.com\", nonce=\"1\", qop=\"auth\"\r\n";
    script.respond(&first, "407 Proxy Authentication Required", challenge, "");
    let sent = script.sent();
    assert_eq!(sent[0].text("CSeq").as_deref(), Some("1 ACK"));
    let again = &sent[1];
    assert_eq!(again.text("CSeq").as_deref(), Some("2 INVITE"));
    assert!(
        again
            .text("Proxy-Authorization")
            .is_some_and(|value| value.contains("username=\"trunk\""))
    );
    assert_ne!(again.text("Via"), first.text("Via"));
    assert_eq!(
        (again.tag_in_from(), again.body()),
        (first.tag_in_from(), first.body())
    );
    script.respond(again, "407 Proxy Authentication Required", challenge, "");
    assert!(matches!(
        script.event(),
        Some(Event::Ended {
            cause: Ended::Rejected { status: 407, .. },
            ..
        })
    ));
    assert_eq!(script.sent_one().text("CSeq").as_deref(), Some("2 ACK"));
}

#[test]
fn the_ack_shows_the_credentials_that_its_invite_showed() {
    let mut script = Script::trunk();
    script
        .endpoint
        .invite(script.now, call_out())
        .expect("a call");
    let first = script.sent_one();
    let challenge = "WWW-Authenticate: Digest realm=\"example.com\", nonce=\"1\"\r\n";
    script.respond(&first, "401 Unauthorized", challenge, "");
    let again = script.sent().pop().expect("an INVITE");
    script.respond(&again, "200 OK", "Contact: <sip:a@198.51.100.9>\r\n", "v=0");
    let ack = script.sent_one();
    assert_eq!(ack.text("CSeq").as_deref(), Some("2 ACK"));
    assert!(again.text("Authorization").is_some());
    assert_eq!(ack.text("Authorization"), again.text("Authorization"));
}

#[test]
fn a_number_used_while_it_rang_is_not_used_again() {
    let mut script = Script::trunk();
    script
        .endpoint
        .invite(script.now, call_out())
        .expect("a call");
    let invite = script.sent_one();
    let ours = lossy(invite.tag_in_from().expect("a tag"));
    script.respond(
        &invite,
        "183 Session Progress",
        "Contact: <sip:a@198.51.100.9>\r\n",
        "v=0 early",
    );
    let info = |branch: &str| {
        request("INFO", 5, &ours, branch, "", "").replace(
            "Call-ID: a84b4c76e66710",
            &format!("Call-ID: {}", lossy(invite.call_id())),
        )
    };
    script.receive(&info("i1"));
    assert_eq!(script.statuses(), [200]);
    script.respond(
        &invite,
        "200 OK",
        "Contact: <sip:a@198.51.100.9>\r\n",
        "v=0",
    );
    script.sent();
    script.receive(&info("i2"));
    assert_eq!(script.statuses(), [500]);
}

#[test]
fn requests_of_ours_stay_with_the_peer_at_the_port_it_names() {
    for (contact, expected) in [
        ("198.51.100.9:5070", "198.51.100.9:5070"),
        ("203.0.113.66:5060", "198.51.100.9:5060"),
        ("gw.example.com:5070", "198.51.100.9:5060"),
    ] {
        let mut script = Script::trunk();
        let dialog = script
            .endpoint
            .invite(script.now, call_out())
            .expect("a call");
        let invite = script.sent_one();
        script.respond(
            &invite,
            "200 OK",
            &format!("Contact: <sip:a@{contact}>\r\n"),
            "v=0",
        );
        assert_eq!(
            script.endpoint.poll_transmit().map(|ack| ack.flow),
            Some(datagram(expected)),
            "{contact}"
        );
        script.endpoint.hang_up(script.now, dialog, None);
        let bye = script.endpoint.poll_transmit().expect("a BYE");
        assert_eq!(bye.flow, datagram(expected), "{contact}");
        assert!(
            bye.bytes
                .starts_with(format!("BYE sip:a@{contact} SIP/2.0").as_bytes())
        );
    }
}

#[test]
fn endless_answers_to_one_call_are_not_all_served() {
    let mut script = Script::trunk();
    script
        .endpoint
        .invite(script.now, call_out())
        .expect("a call");
    let invite = script.sent_one();
    for place in 0..50 {
        let contact = format!(
            "{}Contact: <sip:a@198.51.100.9>\r\n",
            to(&format!("t{place}"))
        );
        script.respond(&invite, "200 OK", &contact, "v=0");
    }
    assert!(script.sent().len() < 20);
}

#[test]
fn responses_from_elsewhere_are_nobodys() {
    let mut script = Script::trunk();
    script
        .endpoint
        .invite(script.now, call_out())
        .expect("a call");
    let invite = script.sent_one();
    let peer = script.flow;
    script.flow = datagram("203.0.113.66:5060");
    script.respond(
        &invite,
        "200 OK",
        "Contact: <sip:a@203.0.113.66>\r\n",
        "v=0",
    );
    assert!(matches!(script.event(), Some(Event::Malformed { .. })));
    script.flow = peer;
    script.respond(&invite, "486 Busy Here", "", "");
    assert!(matches!(
        script.event(),
        Some(Event::Ended {
            cause: Ended::Rejected { status: 486, .. },
            ..
        })
    ));
}

#[test]
fn what_would_end_a_line_is_refused() {
    let injection = "x\r\nEvil: yes".to_owned();
    let base = call_out();
    for request in [
        InviteRequest {
            request_uri: injection.clone(),
            ..base.clone()
        },
        InviteRequest {
            headers: vec![("X".into(), injection.clone())],
            ..base.clone()
        },
        InviteRequest {
            from: Party {
                display: Some(injection.clone()),
                uri: "sip:a@h".into(),
            },
            ..base.clone()
        },
        InviteRequest {
            to: Party {
                display: None,
                uri: "sip:a@h>;x".into(),
            },
            ..base.clone()
        },
        InviteRequest {
            body: Body {
                content_type: injection,
                bytes: "v=0".into(),
            },
            ..base.clone()
        },
        InviteRequest {
            request_uri: "not a uri".into(),
            ..base.clone()
        },
    ] {
        let mut script = Script::trunk();
        assert!(matches!(
            script.endpoint.invite(script.now, request),
            Err(Misuse::Unwritable(_))
        ));
        assert_eq!(script.sent().len(), 0);
    }
    let mut script = Script::trunk();
    let reserved = InviteRequest {
        headers: vec![("v".into(), "SIP/2.0/UDP h".into())],
        ..base
    };
    assert_eq!(
        script.endpoint.invite(script.now, reserved),
        Err(Misuse::ReservedHeader)
    );
}

#[test]
fn pings_are_answered_or_time_out() {
    let mut script = Script::trunk();
    let Path::Datagram { socket, peer } = call_out().path else {
        panic!("a trunk")
    };
    script.endpoint.ping(
        script.now,
        Path::Datagram { socket, peer },
        "sip:198.51.100.9".into(),
    );
    let options = script.sent_one();
    script.respond(&options, "200 OK", "", "");
    assert!(matches!(
        script.event(),
        Some(Event::Pong { status: 200, .. })
    ));
    script.endpoint.ping(
        script.now,
        Path::Datagram { socket, peer },
        "sip:198.51.100.9".into(),
    );
    script.pass(Duration::from_secs(33));
    assert!(matches!(
        script.event(),
        Some(Event::Pong { status: 408, .. })
    ));
}

pub fn call_out() -> InviteRequest {
    InviteRequest {
        path: Path::Datagram {
            socket: SocketId(0),
            peer: ([198, 51, 100, 9], 5060).into(),
        },
        request_uri: "sip:+919000000012@198.51.100.9".into(),
        from: Party {
            display: None,
            uri: "sip:1001@example.com".into(),
        },
        to: Party {
            display: None,
            uri: "sip:+919000000012@example.com".into(),
        },
        headers: Vec::new(),
        body: Body::sdp("v=0 offer"),
        credentials: Some(crate::Credentials {
            user: "trunk".into(),
            password: "secret".into(),
            realm: None,
        }),
    }
}

fn to(tag: &str) -> String {
    format!("To: <sip:+919000000012@example.com>;tag={tag}\r\n")
}
