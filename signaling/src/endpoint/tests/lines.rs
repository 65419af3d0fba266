//! A line at a registrar: registering like a browser softphone, calls over its one connection.

use std::time::Duration;

use super::script::{LINE, Script, request, status};
use crate::endpoint::{
    Body, Ended, Event, Flow, InviteRequest, LineDown, LineId, Party, Path, Source, StreamId,
    Transport,
};
use crate::message::{Message, Name, lossy};
use crate::profile::Profile;

#[test]
fn register_may_look_like_sipjs() {
    let mut script = Script::line_as(Profile::sipjs());
    let register = script.sent_one();
    let headers = "WWW-Authenticate: Digest realm=\"pbx.test\", nonce=\"1\", qop=\"auth\"\r\n";
    script.respond(&register, "401 Unauthorized", headers, "");
    let names: Vec<_> = script
        .sent_one()
        .headers()
        .map(|(name, _)| lossy(name))
        .collect();
    assert_eq!(
        names,
        [
            "Via",
            "To",
            "From",
            "CSeq",
            "Call-ID",
            "Max-Forwards",
            "Authorization",
            "Contact",
            "Allow",
            "Supported",
            "User-Agent",
            "Content-Length"
        ]
    );
    let contact = register.text("Contact").expect("a contact");
    assert!(contact.ends_with(";transport=ws>;expires=120"), "{contact}");
    for (name, value) in [
        ("Max-Forwards", "70"),
        (
            "Allow",
            "ACK,CANCEL,INVITE,MESSAGE,BYE,OPTIONS,INFO,NOTIFY,REFER",
        ),
        ("Supported", "outbound, path, gruu"),
    ] {
        assert_eq!(register.text(name).as_deref(), Some(value));
    }
}

#[test]
fn register_may_say_what_the_operator_wants() {
    let profile = Profile::custom("Desk/2", &["reg-id=1", "+sip.rendering=\"no\""]);
    let mut script = Script::line_as(profile);
    let register = script.sent_one();
    let contact = register.text("Contact").expect("a contact");
    let tail = ";transport=ws>;reg-id=1;+sip.rendering=\"no\";expires=120";
    assert!(contact.ends_with(tail), "{contact}");
    assert_eq!(register.text("User-Agent").as_deref(), Some("Desk/2"));
}

#[test]
fn register_looks_like_jssip_but_for_the_user_agent() {
    let mut script = Script::line();
    let register = script.sent_one();
    let names: Vec<_> = register.headers().map(|(name, _)| lossy(name)).collect();
    assert_eq!(
        names,
        [
            "Via",
            "Max-Forwards",
            "To",
            "From",
            "Call-ID",
            "CSeq",
            "Expires",
            "Contact",
            "Allow",
            "Supported",
            "User-Agent",
            "Content-Length"
        ]
    );
    assert_eq!(register.request_uri(), b"sip:pbx.test");
    let via = register.text("Via").expect("a via");
    assert!(
        via.starts_with("SIP/2.0/WSS ")
            && via.contains(".invalid;branch=z9hG4bK")
            && !via.contains("rport"),
        "{via}"
    );
    assert!(
        via.rsplit("z9hG4bK")
            .next()
            .is_some_and(|tail| tail.len() <= 7 && tail.bytes().all(|b| b.is_ascii_digit())),
        "{via}"
    );
    let contact = register.text("Contact").expect("a contact");
    let host = register.via().map(|via| lossy(via.host)).expect("a host");
    assert_eq!(host.len(), 12 + ".invalid".len());
    let tail = format!(
        "@{host};transport=ws>;+sip.ice;reg-id=1;+sip.instance=\"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>\";expires=120"
    );
    assert!(contact.ends_with(&tail), "{contact}");
    assert_eq!(contact.len(), "<sip:".len() + 8 + tail.len());
    for (name, value) in [
        ("Max-Forwards", "69"),
        ("To", "<sip:1001@pbx.test>"),
        ("CSeq", "1 REGISTER"),
        ("Expires", "120"),
        ("Supported", "path,gruu,outbound"),
        ("Content-Length", "0"),
    ] {
        assert_eq!(register.text(name).as_deref(), Some(value));
    }
    assert_eq!(register.tag_in_from().map(<[u8]>::len), Some(10));
    assert_eq!(register.call_id().len(), 22);
    assert!(
        register
            .text("User-Agent")
            .is_some_and(|agent| agent.starts_with("Warmline/"))
    );
}

#[test]
fn a_challenge_is_answered_in_the_same_breath() {
    let mut script = Script::line();
    let first = script.sent_one();
    script.respond(&first, "401 Unauthorized", CHALLENGE, "");
    let again = script.sent_one();
    let names: Vec<_> = again.headers().map(|(name, _)| lossy(name)).collect();
    assert_eq!(names[5..8], ["CSeq", "Authorization", "Expires"]);
    assert_eq!(again.text("CSeq").as_deref(), Some("2 REGISTER"));
    assert_eq!(
        (again.tag_in_from(), again.call_id()),
        (first.tag_in_from(), first.call_id())
    );
    assert_ne!(again.text("Via"), first.text("Via"));
    let answer = again.text("Authorization").expect("an answer");
    assert!(answer.starts_with("Digest algorithm=MD5, username=\"1001\", realm=\"pbx.test\", nonce=\"n1\", uri=\"sip:pbx.test\", response=\""));
    script.respond(
        &again,
        "200 OK",
        "Contact: <sip:someone@else.invalid>;expires=7\r\nExpires: 60\r\n",
        "",
    );
    assert!(
        matches!(script.event(), Some(Event::LineUp { line: LINE, expires }) if expires == Duration::from_secs(60))
    );
    assert_eq!(script.endpoint.counts().registrations, 1);
}

#[test]
fn a_wrong_password_is_tried_twice_and_no_more() {
    let mut script = Script::line();
    for _ in 0..2 {
        let first = script.sent_one();
        script.respond(&first, "401 Unauthorized", CHALLENGE, "");
        let again = script.sent_one();
        script.respond(
            &again,
            "401 Unauthorized",
            &CHALLENGE.replace("n1", "n2"),
            "",
        );
        assert!(matches!(
            script.event(),
            Some(Event::LineDown {
                cause: LineDown::WrongPassword,
                ..
            })
        ));
        script.pass(Duration::from_secs(90));
    }
    script.pass(Duration::from_secs(3_600));
    assert_eq!(script.sent().len(), 0);
    assert_eq!(script.endpoint.poll_timeout(), None);
}

#[test]
fn a_stale_nonce_is_not_a_wrong_password() {
    let mut script = Script::line();
    let first = script.sent_one();
    script.respond(&first, "401 Unauthorized", CHALLENGE, "");
    let again = script.sent_one();
    let stale = CHALLENGE.replace("nonce=\"n1\"", "nonce=\"n2\", stale=true");
    script.respond(&again, "401 Unauthorized", &stale, "");
    let third = script.sent_one();
    assert_eq!(third.text("CSeq").as_deref(), Some("3 REGISTER"));
    assert_eq!(third.lines(Name::Authorization).count(), 1);
    assert!(
        third
            .text("Authorization")
            .is_some_and(|answer| answer.contains("nonce=\"n2\""))
    );
}

#[test]
fn refreshing_takes_a_new_tag_and_the_next_number() {
    let mut script = Script::registered("");
    script.pass(Duration::from_secs(89));
    let refresh = script.sent_one();
    assert_eq!(refresh.text("CSeq").as_deref(), Some("2 REGISTER"));
    assert!(script.event().is_none());
}

#[test]
fn unregistering_swaps_two_headers_as_jssip_does() {
    let mut script = Script::registered("");
    script.endpoint.unregister(script.now, LINE);
    let farewell = script.sent_one();
    let names: Vec<_> = farewell.headers().map(|(name, _)| lossy(name)).collect();
    assert_eq!(names[6..8], ["Contact", "Expires"]);
    assert!(
        farewell
            .text("Contact")
            .is_some_and(|contact| contact.ends_with(";expires=0"))
    );
    script.respond(&farewell, "200 OK", "", "");
    assert!(matches!(
        script.event(),
        Some(Event::LineDown {
            cause: LineDown::Unregistered,
            ..
        })
    ));
    assert_eq!(script.endpoint.counts().registrations, 0);
}

#[test]
fn a_command_to_register_overtakes_the_farewell() {
    let mut script = Script::registered("");
    script.endpoint.unregister(script.now, LINE);
    let farewell = script.sent_one();
    assert!(script.endpoint.register_again(script.now, LINE));
    let register = script.sent_one();
    assert_ne!(register.text("Expires").as_deref(), Some("0"));
    script.respond(&farewell, "200 OK", "", "");
    assert!(script.event().is_none(), "it is of no interest any more");
    let contact = register.text("Contact").expect("a contact");
    script.respond(&register, "200 OK", &format!("Contact: {contact}\r\n"), "");
    assert!(matches!(
        script.event(),
        Some(Event::LineUp { line: LINE, .. })
    ));
    assert!(script.endpoint.register_again(script.now, LINE));
    assert_eq!(script.sent().len(), 0, "it is registered");
}

#[test]
fn a_farewell_that_lost_its_connection_is_not_said_on_the_next() {
    let mut script = Script::registered("");
    script.endpoint.unregister(script.now, LINE);
    script.sent_one();
    script
        .endpoint
        .handle_line_connected(script.now, LINE, StreamId(2), Transport::Wss);
    assert_eq!(script.sent().len(), 0);
    assert!(matches!(
        script.event(),
        Some(Event::LineDown {
            cause: LineDown::Unregistered,
            ..
        })
    ));
}

#[test]
fn an_unanswered_register_is_retried() {
    let mut script = Script::line();
    script.sent();
    script.pass(Duration::from_secs(32));
    assert!(matches!(
        script.event(),
        Some(Event::LineDown {
            cause: LineDown::TimedOut,
            ..
        })
    ));
    script.pass(Duration::from_secs(30));
    assert_eq!(
        script.sent_one().text("CSeq").as_deref(),
        Some("2 REGISTER")
    );
}

#[test]
fn a_line_is_called_by_contact_or_extension_and_by_no_other_name() {
    let mut script = Script::line();
    let register = script.sent_one();
    let contact = register.text("Contact").expect("a contact");
    let contact_uri = contact[1..].split('>').next().expect("a uri").to_owned();
    script.respond(&register, "200 OK", &format!("Contact: {contact}\r\n"), "");
    script.event();
    for (uri, expected) in [
        (contact_uri.as_str(), 100),
        (
            "sip:1001@pbx.test;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            100,
        ),
        ("sip:1002@pbx.test", 404),
    ] {
        let text = request("INVITE", 1, "", uri, "", "v=0")
            .replace("INVITE sip:1001@198.51.100.1", &format!("INVITE {uri}"));
        script.receive(&text.replace("Call-ID: a84b", &format!("Call-ID: {uri}")));
        assert_eq!(script.statuses(), [expected], "{uri}");
        if expected == 100 {
            assert!(
                matches!(
                    script.event(),
                    Some(Event::Invite {
                        source: Source::Line(LINE),
                        ..
                    })
                ),
                "{uri}"
            );
        }
    }
}

#[test]
fn one_call_may_be_forked_to_two_lines() {
    let mut script = Script::registered("");
    let mut other = script.endpoint.lines[&LINE].config.clone();
    other.user = "1002".into();
    script.endpoint.add_line(LineId(5), other);
    script
        .endpoint
        .handle_line_connected(script.now, LineId(5), StreamId(2), Transport::Wss);
    script.sent();
    let text = request("INVITE", 1, "", "1", "", "v=0");
    script.receive(&text);
    script.receive_from(
        Flow::Stream(StreamId(2)),
        &text
            .replace("sip:1001@198", "sip:1002@198")
            .replace("z9hG4bK1", "z9hG4bK2"),
    );
    script.receive(&text.replace("z9hG4bK1", "z9hG4bK3"));
    assert_eq!(script.statuses(), [100, 100, 482]);
    assert_eq!(script.endpoint.counts().dialogs, 2);
}

#[test]
fn a_gruu_becomes_the_contact_of_calls() {
    let gruu = "sip:1001@pbx.test;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
    for (parameters, incoming, outgoing) in [
        (
            format!(";pub-gruu=\"{gruu}\";received=\"sip:198.51.100.3:9;transport=ws\""),
            format!("<{gruu}>"),
            format!("<{gruu}>"),
        ),
        (
            String::new(),
            ".invalid;transport=ws>".to_owned(),
            ".invalid;transport=ws;ob>".to_owned(),
        ),
    ] {
        let mut script = Script::registered(&parameters);
        script.receive(&request("INVITE", 1, "", "1", "", "v=0"));
        let Some(Event::Invite { dialog, .. }) = script.event() else {
            panic!("no call")
        };
        script
            .endpoint
            .accept(script.now, dialog, Body::sdp("v=0"))
            .expect("it waits");
        let ok = script.sent().pop().expect("a 200");
        assert!(
            ok.text("Contact")
                .is_some_and(|contact| contact.ends_with(&incoming)),
            "{parameters}"
        );
        script
            .endpoint
            .invite(script.now, call_out())
            .expect("a call");
        let invite = script.sent_one();
        assert!(
            invite
                .text("Contact")
                .is_some_and(|contact| contact.ends_with(&outgoing)),
            "{parameters}"
        );
        assert!(
            invite
                .text("Via")
                .is_some_and(|via| via.starts_with("SIP/2.0/WSS "))
        );
    }
}

#[test]
fn everything_of_a_line_stays_on_its_connection() {
    let mut script = Script::registered("");
    let (dialog, ok) = answered_call(&mut script);
    script.receive(
        &request("ACK", 1, &tag_of(&ok), "a", "", "").replace("198.51.100.9", "203.0.113.7"),
    );
    script.event();
    script.endpoint.hang_up(script.now, dialog, None);
    let transmit = script.endpoint.poll_transmit().expect("a BYE");
    assert_eq!(transmit.flow, Flow::Stream(StreamId(1)));
    assert!(
        transmit
            .bytes
            .starts_with(b"BYE sip:+919000000011@198.51.100.9:5060 SIP/2.0")
    );
}

#[test]
fn a_call_of_ours_that_rings_ends_with_the_connection_it_rings_on() {
    let mut script = Script::registered("");
    let dialog = script
        .endpoint
        .invite(script.now, call_out())
        .expect("a call");
    script.sent();
    // The next connection comes before the old one is known to be gone.
    script
        .endpoint
        .handle_line_connected(script.now, LINE, StreamId(2), Transport::Wss);
    script
        .endpoint
        .handle_stream_closed(script.now, StreamId(1));
    assert!(
        matches!(script.event(), Some(Event::Ended { dialog: ended, cause: Ended::FlowLost }) if ended == dialog)
    );
    assert!(script.event().is_none());
    assert_eq!(script.endpoint.counts().dialogs, 0);
}

#[test]
fn keep_alives_are_answered_on_connections() {
    let mut script = Script::registered("");
    script.receive("\r\n\r\n");
    assert_eq!(
        script
            .endpoint
            .poll_transmit()
            .map(|transmit| transmit.bytes),
        Some("\r\n".into())
    );
    script.receive("\r\n");
    assert_eq!(script.endpoint.poll_transmit(), None);
}

#[test]
fn requests_on_a_strange_connection_are_dropped() {
    let mut script = Script::registered("");
    script.receive_from(
        Flow::Stream(StreamId(99)),
        &request("OPTIONS", 1, "", "1", "", ""),
    );
    assert_eq!(script.sent().len(), 0);
    assert!(matches!(script.event(), Some(Event::Malformed { .. })));
}

#[test]
fn removing_a_line_ends_its_calls_once() {
    let mut script = Script::registered("");
    let (dialog, _) = answered_call(&mut script);
    script.endpoint.remove_line(script.now, LINE);
    assert!(
        matches!(script.event(), Some(Event::Ended { dialog: ended, cause: Ended::LocalHangup }) if ended == dialog)
    );
    assert!(script.event().is_none());
    script.pass(Duration::from_secs(70));
    assert!(script.event().is_none());
    let counts = script.endpoint.counts();
    assert_eq!(
        (
            counts.dialogs,
            counts.client_transactions,
            counts.registrations
        ),
        (0, 0, 0)
    );
}

pub(super) fn answered_call(script: &mut Script) -> (crate::endpoint::DialogId, Message) {
    script.receive(&request("INVITE", 1, "", "1", "", "v=0"));
    let Some(Event::Invite { dialog, .. }) = script.event() else {
        panic!("no call")
    };
    script
        .endpoint
        .accept(script.now, dialog, Body::sdp("v=0"))
        .expect("it waits");
    let ok = script.sent().pop().expect("a 200");
    assert_eq!(status(&ok), 200);
    (dialog, ok)
}

pub(super) fn tag_of(message: &Message) -> String {
    lossy(message.tag_in_to().expect("a tag"))
}

fn call_out() -> InviteRequest {
    InviteRequest {
        path: Path::Line(LINE),
        request_uri: "sip:9001@pbx.test".into(),
        from: Party {
            display: None,
            uri: "sip:1001@pbx.test".into(),
        },
        to: Party {
            display: None,
            uri: "sip:9001@pbx.test".into(),
        },
        headers: Vec::new(),
        body: Body::sdp("v=0 offer"),
        credentials: None,
    }
}

const CHALLENGE: &str =
    "WWW-Authenticate: Digest realm=\"pbx.test\", nonce=\"n1\", qop=\"auth\"\r\n";
