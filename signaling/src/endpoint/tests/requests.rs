//! Requests of a trunk's peer, good and bad, one at a time.

use std::time::Duration;

use super::calling::call_out;
use super::script::{Script, datagram, request, status};
use crate::endpoint::{Body, DialogId, Ended, Event};
use crate::error::Misuse;
use crate::message::Message;

#[test]
fn requests_that_can_not_be_served_are_told_why() {
    for (text, expected, header) in [
        (request("OPTIONS", 1, "", "1", "", ""), 200, Some("Allow")),
        (request("NEWMETHOD", 1, "", "1", "", ""), 405, Some("Allow")),
        (request("REGISTER", 1, "", "1", "", ""), 405, Some("Allow")),
        (request("SUBSCRIBE", 1, "", "1", "", ""), 405, Some("Allow")),
        (request("MESSAGE", 1, "", "1", "", ""), 405, Some("Allow")),
        (request("REFER", 1, "", "1", "", ""), 403, None),
        (request("NOTIFY", 1, "", "1", "", ""), 481, None),
        (request("PRACK", 1, "", "1", "", ""), 481, None),
        (request("UPDATE", 1, "", "1", "", "v=0"), 481, None),
        (request("REFER", 1, "nothere", "1", "", ""), 481, None),
        (
            request(
                "INVITE",
                1,
                "",
                "1",
                "Replaces: c;to-tag=a;from-tag=b\r\n",
                "v=0",
            ),
            481,
            None,
        ),
        (
            request("INVITE", 1, "", "1", "Accept: text/plain\r\n", "v=0"),
            406,
            None,
        ),
        (request("BYE", 1, "nothere", "1", "", ""), 481, None),
        (request("INFO", 1, "", "1", "", ""), 481, None),
        (request("CANCEL", 1, "", "1", "", ""), 481, None),
        (request("INVITE", 1, "nothere", "1", "", "v=0"), 481, None),
        (
            request(
                "INVITE",
                1,
                "",
                "1",
                "Require: precondition, timer\r\n",
                "v=0",
            ),
            420,
            Some("Unsupported"),
        ),
        (
            request("INVITE", 1, "", "1", "", "v=0").replace("application/sdp", "text/plain"),
            415,
            Some("Accept"),
        ),
        (
            request("INVITE", 1, "", "1", "", "v=0").replace("INVITE sip:", "INVITE sips:"),
            416,
            None,
        ),
        (
            request("INVITE", 1, "", "1", "", "v=0").replace("INVITE sip:", "INVITE http:"),
            416,
            None,
        ),
        (
            request("INVITE", 1, "", "1", "", "v=0").replace("Max-Forwards: 70", "Max-Forwards: 0"),
            483,
            None,
        ),
        (
            request("INVITE", 1, "", "1", "", "v=0").replace("Contact: <sip", "X-C: <sip"),
            400,
            None,
        ),
        (
            request(
                "INVITE",
                1,
                "",
                "1",
                "Supported: timer\r\nSession-Expires: 30\r\n",
                "v=0",
            ),
            422,
            Some("Min-SE"),
        ),
        (
            request("INVITE", 1, "", "1", "", "v=0").replace(" SIP/2.0\r\nVia", " SIP/3.0\r\nVia"),
            505,
            None,
        ),
        (
            request("INVITE", 1, "", "1", "", "v=0").replace("1 INVITE", "1 BYE"),
            400,
            None,
        ),
        (
            request("INVITE", 1, "", "1", "From: <sip:x@y>;tag=2\r\n", "v=0"),
            400,
            None,
        ),
        (
            request("INVITE", 1, "", "1", "", "v=0")
                .replace("Content-Length: 3", "Content-Length: 9"),
            400,
            None,
        ),
        (
            request("INVITE", 1, "", "1", "", "v=0").replace(";tag=theirs", ""),
            400,
            None,
        ),
    ] {
        let mut script = Script::trunk();
        script.receive(&text);
        let response = script.sent_one();
        assert_eq!(status(&response), expected, "{text}");
        assert!(
            header.is_none_or(|name| response.text(name).is_some()),
            "{text}"
        );
        assert!(response.tag_in_to().is_some(), "{text}");
    }
}

#[test]
fn what_can_not_be_answered_is_dropped_and_counted() {
    let mut script = Script::trunk();
    for text in [
        "\u{1}garbage",
        "INVITE sip:a@h SIP/2.0\r\n\r\n",
        "SIP/2.0 200 OK\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        &request("ACK", 1, "x", "1", "", ""),
        &request("ACK", 1, "x", "1", "Call-ID: 2\r\n", ""),
        "\r\n\r\n",
        "",
    ] {
        script.receive(text);
    }
    assert_eq!(script.sent().len(), 0);
    assert_eq!(script.endpoint.counts().malformed.values().sum::<u64>(), 5);
    assert_eq!(script.endpoint.counts().server_transactions, 0);
}

#[test]
fn an_invite_gets_its_answer_again_and_reaches_the_owner_once() {
    let mut script = Script::trunk();
    let text = request(
        "INVITE",
        1,
        "",
        "1",
        "Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\nRecord-Route: <sip:p3;lr>\r\n",
        "v=0",
    );
    script.receive(&text);
    let dialog = incoming(&mut script);
    assert_eq!(script.statuses(), [100]);
    script
        .endpoint
        .ring(script.now, dialog, 183, Some(Body::sdp("v=0 early")))
        .expect("it rings");
    let progress = script.sent_one();
    assert_eq!(
        (status(&progress), progress.body()),
        (183, "v=0 early".into())
    );
    let routes: Vec<_> = progress.lines(crate::message::Name::RecordRoute).collect();
    assert_eq!(routes, [&b"<sip:p1;lr>, <sip:p2;lr>"[..], b"<sip:p3;lr>"]);
    script.receive(&text);
    assert_eq!(script.statuses(), [183]);
    assert!(script.event().is_none());
    assert_eq!(script.endpoint.counts().retransmissions_received, 1);
}

#[test]
fn a_forked_request_that_arrives_twice_is_a_loop() {
    let mut script = Script::trunk();
    script.receive(&request("INVITE", 1, "", "1", "", "v=0"));
    script.receive(&request("INVITE", 1, "", "2", "", "v=0"));
    assert_eq!(script.statuses(), [100, 482]);
}

#[test]
fn cancel_ends_a_call_only_from_where_the_call_came() {
    let mut script = Script::trunk();
    script.receive(&request("INVITE", 1, "", "1", "", "v=0"));
    let dialog = incoming(&mut script);
    script.sent();
    script.receive_from(
        datagram("203.0.113.66:5060"),
        &request("CANCEL", 1, "", "1", "", ""),
    );
    assert_eq!(script.statuses(), [481]);
    script.receive_from(
        datagram("198.51.100.9:6000"),
        &request("CANCEL", 1, "", "1", "", ""),
    );
    assert_eq!(script.statuses(), [200, 487]);
    assert!(
        matches!(script.event(), Some(Event::Ended { dialog: ended, cause: Ended::Cancelled }) if ended == dialog)
    );
}

#[test]
fn cancel_after_the_answer_changes_nothing() {
    let mut script = Script::trunk();
    let (_, tag) = answered(&mut script);
    script.receive(&request("CANCEL", 1, "", "1", "", ""));
    assert_eq!(script.statuses(), [200]);
    script.receive(&request("ACK", 1, &tag, "2", "", ""));
    assert!(matches!(script.event(), Some(Event::Confirmed { .. })));
}

#[test]
fn requests_in_a_dialog_come_from_its_peer_and_count_up() {
    let mut script = Script::trunk();
    let (dialog, tag) = confirmed(&mut script);
    script.receive_from(
        datagram("203.0.113.66:5060"),
        &request("BYE", 2, &tag, "b1", "", ""),
    );
    assert_eq!(script.statuses(), [481]);
    script.receive(&request("BYE", 2, &tag, "b2", "", "").replace("tag=theirs", "tag=others"));
    assert_eq!(script.statuses(), [481]);
    script.receive(
        &request(
            "INFO",
            7,
            &tag,
            "b3",
            "Content-Type: application/dtmf-relay\r\n",
            "",
        )
        .replace("Content-Length: 0\r\n\r\n", "\r\nSignal=5"),
    );
    assert_eq!(script.statuses(), [200]);
    let Some(Event::Digit { digit, .. }) = script.event() else {
        panic!("no digit")
    };
    assert_eq!(digit.symbol(), '5');
    script.receive(&request("BYE", 5, &tag, "b4", "", ""));
    assert_eq!(script.statuses(), [500]);
    script.receive(&request(
        "BYE",
        8,
        &tag,
        "b5",
        "Reason: SIP ;cause=200; text=\"bye\"\r\n",
        "",
    ));
    assert_eq!(script.statuses(), [200]);
    let Some(Event::Ended {
        dialog: ended,
        cause: Ended::Bye { reason },
    }) = script.event()
    else {
        panic!("no end")
    };
    assert_eq!(
        (ended, reason.as_deref()),
        (dialog, Some("SIP ;cause=200; text=\"bye\""))
    );
}

#[test]
fn bye_before_the_answer_ends_the_call() {
    let mut script = Script::trunk();
    script.receive(&request("INVITE", 1, "", "1", "", "v=0"));
    let dialog = incoming(&mut script);
    script
        .endpoint
        .ring(script.now, dialog, 180, None)
        .expect("it rings");
    let tag = tag_of(script.sent().last().expect("a 180"));
    script.receive(&request("BYE", 2, &tag, "2", "", ""));
    assert_eq!(script.statuses(), [200, 487]);
    assert!(matches!(
        script.event(),
        Some(Event::Ended {
            cause: Ended::Bye { .. },
            ..
        })
    ));
    assert_eq!(
        script.endpoint.accept(script.now, dialog, Body::sdp("v=0")),
        Err(Misuse::UnknownDialog)
    );
}

#[test]
fn peers_offers_take_turns() {
    let mut script = Script::trunk();
    let (dialog, tag) = confirmed(&mut script);
    script.receive(&request("INVITE", 2, &tag, "r1", "", "v=0 hold"));
    assert!(matches!(
        script.event(),
        Some(Event::Offer { body: Some(_), .. })
    ));
    script.receive(&request("INVITE", 3, &tag, "r2", "", "v=0 again"));
    let overlap = script.sent_one();
    assert_eq!(
        (status(&overlap), overlap.text("Retry-After").is_some()),
        (500, true)
    );
    script.receive(&request("CANCEL", 2, &tag, "r1", "", ""));
    assert_eq!(script.statuses(), [200, 487]);
    let late = script
        .endpoint
        .answer_offer(script.now, dialog, Some(Body::sdp("v=0")));
    assert_eq!(late, Err(Misuse::OutOfTurn));
    script.receive(&request("UPDATE", 4, &tag, "u1", "", "v=0 unhold"));
    assert!(matches!(
        script.event(),
        Some(Event::Offer { body: Some(_), .. })
    ));
    script
        .endpoint
        .answer_offer(script.now, dialog, Some(Body::sdp("v=0 ok")))
        .expect("it waits");
    assert_eq!(script.sent_one().body(), "v=0 ok");
    script
        .endpoint
        .reinvite(script.now, dialog, Body::sdp("v=0 ours"))
        .expect("an offer");
    script.sent();
    script.receive(&request("INVITE", 5, &tag, "r3", "", "v=0"));
    assert_eq!(script.statuses(), [491]);
}

#[test]
fn an_invite_without_an_offer_gets_ours_and_brings_the_answer_in_its_ack() {
    let mut script = Script::trunk();
    script.receive(&request("INVITE", 1, "", "1", "", ""));
    let dialog = incoming(&mut script);
    script
        .endpoint
        .accept(script.now, dialog, Body::sdp("v=0 ours"))
        .expect("it waits");
    let tag = tag_of(script.sent().last().expect("a 200"));
    script.receive(&request("ACK", 1, &tag, "2", "", "v=0 theirs"));
    assert!(
        matches!(script.event(), Some(Event::Confirmed { body: Some(body), .. }) if body.bytes == "v=0 theirs")
    );
    script.receive(&request("INVITE", 2, &tag, "3", "", ""));
    assert!(matches!(
        script.event(),
        Some(Event::Offer { body: None, .. })
    ));
    assert_eq!(
        script.endpoint.answer_offer(script.now, dialog, None),
        Err(Misuse::BodyMissing)
    );
    script
        .endpoint
        .answer_offer(script.now, dialog, Some(Body::sdp("v=0 again")))
        .expect("it waits");
    script.receive(&request("INVITE", 3, &tag, "4", "", "v=0"));
    let statuses = script.statuses();
    assert_eq!(
        statuses,
        [200, 491],
        "our offer is outstanding until the ACK"
    );
    script.receive(&request("ACK", 2, &tag, "5", "", "v=0 last"));
    let Some(Event::OfferAnswered {
        result: Ok(Some(body)),
        ..
    }) = script.event()
    else {
        panic!("no answer")
    };
    assert_eq!(body.bytes, "v=0 last");
}

#[test]
fn session_timer_is_answered_as_the_peer_asks() {
    for (header, expected) in [
        (
            "Supported: timer\r\nSession-Expires: 1800\r\n",
            Some("1800;refresher=uac"),
        ),
        (
            "k: TIMER\r\nx: 90;refresher=uac\r\n",
            Some("90;refresher=uac"),
        ),
        (
            "Supported: timer\r\nSession-Expires: 1800;refresher=uas\r\n",
            Some("1800;refresher=uas"),
        ),
        ("Session-Expires: 1800\r\n", None),
        ("", None),
    ] {
        let mut script = Script::trunk();
        script.receive(&request("INVITE", 1, "", "1", header, "v=0"));
        let dialog = incoming(&mut script);
        script
            .endpoint
            .accept(script.now, dialog, Body::sdp("v=0"))
            .expect("it waits");
        let ok = script.sent().pop().expect("a 200");
        assert_eq!(ok.text("Session-Expires").as_deref(), expected, "{header}");
        assert_eq!(
            ok.text("Require").as_deref(),
            expected
                .filter(|agreed| agreed.ends_with("uac"))
                .map(|_| "timer"),
            "{header}"
        );
        script.receive(&request("ACK", 1, &tag_of(&ok), "2", "", ""));
        script.receive(&request("UPDATE", 2, &tag_of(&ok), "3", header, ""));
        let refreshed = script.sent_one();
        assert_eq!(
            (
                status(&refreshed),
                refreshed.text("Session-Expires").as_deref()
            ),
            (200, expected),
            "{header}"
        );
    }
}

#[test]
fn offers_move_the_target() {
    let mut script = Script::trunk();
    let (dialog, tag) = confirmed(&mut script);
    let moved = request("INVITE", 2, &tag, "r1", "", "v=0 hold")
        .replace("Contact: <sip:+919000000011@", "Contact: <sip:moved@");
    script.receive(&moved);
    script.event();
    script
        .endpoint
        .answer_offer(script.now, dialog, Some(Body::sdp("v=0")))
        .expect("it waits");
    script.sent();
    script.receive(&request("ACK", 2, &tag, "r2", "", ""));
    script
        .endpoint
        .reinvite(script.now, dialog, Body::sdp("v=0 ours"))
        .expect("an offer");
    let reinvite = script.sent_one();
    assert_eq!(reinvite.request_uri(), b"sip:moved@198.51.100.9:5060");
    script.respond(
        &reinvite,
        "200 OK",
        "Contact: <sip:again@198.51.100.9>\r\n",
        "v=0",
    );
    assert_eq!(script.sent_one().request_uri(), b"sip:again@198.51.100.9");
    assert!(matches!(
        script.event(),
        Some(Event::OfferAnswered {
            result: Ok(Some(_)),
            ..
        })
    ));
    let update = request("UPDATE", 3, &tag, "u1", "", "")
        .replace("Contact: <sip:+919000000011@", "Contact: <sip:last@");
    script.receive(&update);
    script.sent();
    script.endpoint.hang_up(script.now, dialog, None);
    assert_eq!(
        script.sent_one().request_uri(),
        b"sip:last@198.51.100.9:5060"
    );
}

#[test]
fn a_collided_offer_waits_by_who_called() {
    for seed in 0..20 {
        let mut script = Script::trunk();
        script.endpoint.random = crate::endpoint::Random::new([seed; 32]);
        let (dialog, _) = confirmed(&mut script);
        script
            .endpoint
            .reinvite(script.now, dialog, Body::sdp("v=0"))
            .expect("an offer");
        let reinvite = script.sent_one();
        script.respond(&reinvite, "491 Request Pending", "", "");
        let waits = glare_deadline(&script);
        assert!(waits <= Duration::from_secs(2), "{waits:?}");
        let called = script
            .endpoint
            .invite(script.now, call_out())
            .expect("a call");
        let invite = script.sent().pop().expect("an INVITE");
        script.respond(
            &invite,
            "200 OK",
            "Contact: <sip:a@198.51.100.9>\r\n",
            "v=0",
        );
        script.sent();
        script.endpoint.hang_up(script.now, dialog, None);
        script
            .endpoint
            .reinvite(script.now, called, Body::sdp("v=0"))
            .expect("an offer");
        let reinvite = script.sent().pop().expect("a re-INVITE");
        script.respond(&reinvite, "491 Request Pending", "", "");
        let waits = glare_deadline(&script);
        assert!(
            (Duration::from_millis(2_100)..=Duration::from_secs(4)).contains(&waits),
            "{waits:?}"
        );
    }
}

#[test]
fn a_full_house_says_so() {
    let mut script = Script::trunk();
    script.endpoint.config.max_dialogs = 0;
    script.receive(&request("INVITE", 1, "", "1", "", "v=0"));
    let response = script.sent_one();
    assert_eq!(
        (status(&response), response.text("Retry-After").as_deref()),
        (503, Some("5"))
    );
}

fn glare_deadline(script: &Script) -> Duration {
    let glare = |usage: &crate::endpoint::InviteUsage| {
        usage
            .poll_timeout()
            .filter(|(_, why)| *why == crate::Why::Glare)
    };
    let (at, _) = script
        .endpoint
        .usages
        .values()
        .find_map(glare)
        .expect("a second try");
    at - script.now
}

fn tag_of(message: &Message) -> String {
    String::from_utf8_lossy(message.tag_in_to().expect("a tag")).into_owned()
}

fn incoming(script: &mut Script) -> DialogId {
    match script.event() {
        Some(Event::Invite { dialog, .. }) => dialog,
        other => panic!("no call but {other:?}"),
    }
}

/// A call accepted with 200, and our tag.
fn answered(script: &mut Script) -> (DialogId, String) {
    script.receive(&request("INVITE", 1, "", "1", "", "v=0"));
    let dialog = incoming(script);
    script
        .endpoint
        .accept(script.now, dialog, Body::sdp("v=0"))
        .expect("it waits");
    let tag = tag_of(script.sent().last().expect("a 200"));
    (dialog, tag)
}

fn confirmed(script: &mut Script) -> (DialogId, String) {
    let (dialog, tag) = answered(script);
    script.receive(&request("ACK", 1, &tag, "ack", "", ""));
    assert!(matches!(script.event(), Some(Event::Confirmed { .. })));
    (dialog, tag)
}
