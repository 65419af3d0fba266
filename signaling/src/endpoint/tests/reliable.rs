//! Reliable provisional responses in both roles, and offers while it rings.

use std::time::Duration;

use super::calling::call_out;
use super::script::{Script, request, status};
use crate::endpoint::{Body, Description, DialogId, Ended, Event, Ringing};
use crate::error::Misuse;
use crate::message::{Message, lossy};

#[test]
fn an_invite_that_requires_it_rings_reliably_until_its_prack() {
    let mut script = Script::trunk();
    let dialog = called(&mut script, "Require: 100rel\r\n", "v=0");
    script
        .endpoint
        .ring(script.now, dialog, 183, Some(Body::sdp("v=0 early")))
        .expect("it rings");
    let progress = script.sent_one();
    assert_eq!(
        (status(&progress), progress.text("Require").as_deref()),
        (183, Some("100rel"))
    );
    script.pass(Duration::from_secs(4));
    let again = script.sent();
    assert_eq!(again.len(), 3, "after 0.5, 1.5 and 3.5 s");
    assert!(again.iter().all(|one| one.bytes() == progress.bytes()));
    script.receive(&prack(&progress, 2, "p1", ""));
    assert_eq!(script.statuses(), [200]);
    script.pass(Duration::from_secs(20));
    assert_eq!(script.sent().len(), 0);
    script.receive(&prack(&progress, 3, "p2", ""));
    assert_eq!(script.statuses(), [481], "it was acknowledged before");
}

#[test]
fn the_200_waits_for_the_prack_of_a_description_and_does_not_repeat_it() {
    let mut script = Script::trunk();
    let dialog = called(&mut script, "Require: 100rel\r\n", "v=0");
    script
        .endpoint
        .ring(script.now, dialog, 183, Some(Body::sdp("v=0 answer")))
        .expect("it rings");
    let progress = script.sent_one();
    script
        .endpoint
        .accept(script.now, dialog, Body::sdp("v=0 answer"))
        .expect("it waits");
    assert_eq!(
        script.endpoint.accept(script.now, dialog, Body::sdp("v=0")),
        Err(Misuse::WrongState)
    );
    assert_eq!(script.sent().len(), 0);
    script.receive(&prack(&progress, 2, "p1", ""));
    let sent = script.sent();
    assert_eq!(sent.iter().map(status).collect::<Vec<_>>(), [200, 200]);
    assert_eq!(sent[0].text("CSeq").as_deref(), Some("2 PRACK"));
    assert_eq!(sent[1].text("CSeq").as_deref(), Some("1 INVITE"));
    assert!(sent[1].body().is_empty());
    script.receive(&request("ACK", 1, &tag_of(&sent[1]), "a", "", ""));
    assert!(matches!(
        script.event(),
        Some(Event::Confirmed { body: None, .. })
    ));
}

#[test]
fn a_180_without_a_description_holds_nothing_up() {
    let mut script = Script::trunk();
    let dialog = called(&mut script, "Require: 100rel\r\n", "v=0");
    script
        .endpoint
        .ring(script.now, dialog, 180, None)
        .expect("it rings");
    let ringing = script.sent_one();
    script
        .endpoint
        .ring(script.now, dialog, 182, None)
        .expect("it rings");
    assert_eq!(script.sent().len(), 0, "one at a time");
    script
        .endpoint
        .accept(script.now, dialog, Body::sdp("v=0 answer"))
        .expect("it waits");
    let ok = script.sent_one();
    assert_eq!((status(&ok), ok.body()), (200, "v=0 answer".into()));
    script.receive(&request("ACK", 1, &tag_of(&ok), "a", "", ""));
    script.receive(&prack(&ringing, 2, "p1", ""));
    assert_eq!(script.statuses(), [200], "late, and right");
    script.pass(Duration::from_secs(40));
    assert_eq!(script.sent().len(), 0);
}

#[test]
fn the_next_one_goes_when_the_one_before_is_acknowledged() {
    let mut script = Script::trunk();
    let dialog = called(&mut script, "Require: 100rel\r\n", "v=0");
    for code in [180, 182] {
        script
            .endpoint
            .ring(script.now, dialog, code, None)
            .expect("it rings");
    }
    let first = script.sent_one();
    let wrong = prack(&first, 2, "p0", "").replace(" 1 INVITE\r\n", " 2 INVITE\r\n");
    script.receive(&wrong);
    assert_eq!(script.statuses(), [481]);
    script.receive(&prack(&first, 3, "p1", ""));
    let sent = script.sent();
    assert_eq!(sent.iter().map(status).collect::<Vec<_>>(), [200, 182]);
    assert_eq!(rseq(&sent[1]), rseq(&first) + 1);
    script.receive(&prack(&sent[1], 4, "p2", ""));
    assert_eq!(script.statuses(), [200]);
}

#[test]
fn a_caller_that_never_acknowledges_is_refused() {
    let mut script = Script::trunk();
    let dialog = called(&mut script, "Require: 100rel\r\n", "v=0");
    script
        .endpoint
        .ring(script.now, dialog, 183, Some(Body::sdp("v=0")))
        .expect("it rings");
    script.pass(Duration::from_secs(32));
    let last = script.sent().pop().expect("a refusal");
    assert_eq!(status(&last), 504);
    assert!(
        matches!(script.event(), Some(Event::Ended { dialog: ended, cause: Ended::PrackMissing }) if ended == dialog)
    );
    script.receive(&request("ACK", 1, &tag_of(&last), "1", "", ""));
    script.pass(Duration::from_secs(40));
    assert_eq!(script.endpoint.counts().server_transactions, 0);
}

#[test]
fn who_only_supports_it_is_rung_reliably_where_that_is_wanted() {
    for (ringing, reliable) in [
        (Ringing::ReliableWhereRequired, false),
        (Ringing::ReliableWhereSupported, true),
    ] {
        let mut script = Script::trunk();
        script.endpoint.config.ringing = ringing;
        let dialog = called(&mut script, "Supported: timer, 100rel\r\n", "v=0");
        script
            .endpoint
            .ring(script.now, dialog, 180, None)
            .expect("it rings");
        let sent = script.sent_one();
        assert_eq!(sent.text("RSeq").is_some(), reliable, "{ringing:?}");
    }
}

#[test]
fn an_offerless_invite_gets_our_offer_early_and_answers_it_in_the_prack() {
    let mut script = Script::trunk();
    let dialog = called(&mut script, "Require: 100rel\r\n", "");
    script
        .endpoint
        .ring(script.now, dialog, 180, None)
        .expect("it rings");
    assert_eq!(script.sent_one().text("RSeq"), None, "nothing to offer yet");
    script
        .endpoint
        .ring(script.now, dialog, 183, Some(Body::sdp("v=0 ours")))
        .expect("it rings");
    let progress = script.sent_one();
    script.receive(&request("UPDATE", 2, &tag_of(&progress), "u1", "", "v=0 x"));
    assert_eq!(script.statuses(), [491], "our offer has no answer");
    script.receive(&prack(&progress, 3, "p1", "v=0 theirs"));
    assert_eq!(script.statuses(), [200]);
    let Some(Event::OfferAnswered {
        result: Ok(Some(body)),
        ..
    }) = script.event()
    else {
        panic!("no answer")
    };
    assert_eq!(body.bytes, "v=0 theirs");
    script
        .endpoint
        .accept(script.now, dialog, Body::sdp("v=0 ours"))
        .expect("it waits");
    assert!(script.sent_one().body().is_empty());
}

#[test]
fn an_update_while_it_rings_is_answered_once_the_first_exchange_is_over() {
    let mut script = Script::trunk();
    let dialog = called(&mut script, "Require: 100rel\r\n", "v=0");
    script
        .endpoint
        .ring(script.now, dialog, 180, None)
        .expect("it rings");
    let ringing = script.sent_one();
    let tag = tag_of(&ringing);
    script.receive(&request("UPDATE", 2, &tag, "u1", "", "v=0 too early"));
    let refused = script.sent_one();
    assert_eq!(status(&refused), 500, "its INVITE's offer isn't answered");
    assert!(refused.text("Retry-After").is_some());
    script.receive(&prack(&ringing, 3, "p1", ""));
    script
        .endpoint
        .ring(script.now, dialog, 183, Some(Body::sdp("v=0 answer")))
        .expect("it rings");
    let progress = script.sent().pop().expect("a 183");
    script.receive(&prack(&progress, 4, "p2", ""));
    script.sent();
    script.receive(&request("UPDATE", 5, &tag, "u2", "", "v=0 hold"));
    assert!(matches!(script.event(), Some(Event::Offer { .. })));
    script.receive(&request("UPDATE", 6, &tag, "u3", "", "v=0 again"));
    assert_eq!(script.statuses(), [500], "one at a time");
    script
        .endpoint
        .accept(script.now, dialog, Body::sdp("v=0 answer"))
        .expect("it waits");
    assert_eq!(
        script.sent().len(),
        0,
        "the 200 waits for the UPDATE's answer"
    );
    script
        .endpoint
        .answer_offer(script.now, dialog, Some(Body::sdp("v=0 held")))
        .expect("it waits");
    let sent = script.sent();
    let answered: Vec<_> = sent.iter().filter_map(|one| one.text("CSeq")).collect();
    assert_eq!(answered, ["5 UPDATE", "1 INVITE"]);
    assert_eq!(sent[0].body(), "v=0 held");
}

#[test]
fn a_prack_may_offer() {
    let mut script = Script::trunk();
    let dialog = called(&mut script, "Require: 100rel\r\n", "v=0");
    script
        .endpoint
        .ring(script.now, dialog, 183, Some(Body::sdp("v=0 answer")))
        .expect("it rings");
    let progress = script.sent_one();
    script.receive(&prack(&progress, 2, "p1", "v=0 second"));
    assert!(matches!(
        script.event(),
        Some(Event::Offer { body: Some(_), .. })
    ));
    assert_eq!(script.sent().len(), 0);
    script
        .endpoint
        .answer_offer(script.now, dialog, Some(Body::sdp("v=0 second answer")))
        .expect("it waits");
    let ok = script.sent_one();
    assert_eq!(
        (status(&ok), ok.body(), ok.text("Contact")),
        (200, "v=0 second answer".into(), None)
    );
}

#[test]
fn cancel_while_a_prack_is_missing_ends_it_all() {
    let mut script = Script::trunk();
    let dialog = called(&mut script, "Require: 100rel\r\n", "v=0");
    script
        .endpoint
        .ring(script.now, dialog, 183, Some(Body::sdp("v=0")))
        .expect("it rings");
    script
        .endpoint
        .accept(script.now, dialog, Body::sdp("v=0"))
        .expect("it waits");
    script.sent();
    script.receive(&request("CANCEL", 1, "", "1", "", ""));
    assert_eq!(script.statuses(), [200, 487]);
    assert!(matches!(
        script.event(),
        Some(Event::Ended {
            cause: Ended::Cancelled,
            ..
        })
    ));
    script.receive(&request("ACK", 1, "", "1", "", ""));
    script.pass(Duration::from_secs(40));
    assert_eq!(script.sent().len(), 0);
}

#[test]
fn each_reliable_response_is_acknowledged_once_and_in_order() {
    let mut script = Script::trunk();
    script
        .endpoint
        .invite(script.now, call_out())
        .expect("a call");
    let invite = script.sent_one();
    assert!(invite.lists(crate::message::Name::Supported, "100rel"));
    let ring = |script: &mut Script, rseq: u32| {
        let headers =
            format!("Require: 100rel\r\nRSeq: {rseq}\r\nContact: <sip:a@198.51.100.9:5070>\r\n");
        script.respond(&invite, "180 Ringing", &headers, "");
        script.sent()
    };
    let first = ring(&mut script, 30);
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].text("RAck").as_deref(), Some("30 1 INVITE"));
    assert_eq!(first[0].text("CSeq").as_deref(), Some("2 PRACK"));
    assert_eq!(first[0].request_uri(), b"sip:a@198.51.100.9:5070");
    assert_eq!(ring(&mut script, 30).len(), 0, "the PRACK repeats itself");
    assert_eq!(ring(&mut script, 32).len(), 0, "31 is missing");
    let second = ring(&mut script, 31);
    assert_eq!(second[0].text("RAck").as_deref(), Some("31 1 INVITE"));
    let told = std::iter::from_fn(|| script.event()).count();
    assert_eq!(told, 2, "what is dropped isn't told");
    script.pass(Duration::from_millis(500));
    assert_eq!(script.sent().len(), 2, "both PRACKs are resent");
}

#[test]
fn each_place_that_rings_counts_for_itself() {
    let mut script = Script::trunk();
    script
        .endpoint
        .invite(script.now, call_out())
        .expect("a call");
    let invite = script.sent_one();
    for tag in ["one", "two"] {
        let headers = format!(
            "To: <sip:b@example.com>;tag={tag}\r\nRequire: 100rel\r\nRSeq: 7\r\n\
             Contact: <sip:{tag}@198.51.100.9>\r\n"
        );
        script.respond(&invite, "180 Ringing", &headers, "");
        let prack = script.sent_one();
        assert_eq!(
            prack.request_uri(),
            format!("sip:{tag}@198.51.100.9").as_bytes()
        );
        assert_eq!(prack.text("CSeq").as_deref(), Some("2 PRACK"));
    }
}

#[test]
fn a_challenged_prack_is_repeated_with_credentials() {
    let mut script = Script::trunk();
    script
        .endpoint
        .invite(script.now, call_out())
        .expect("a call");
    let invite = script.sent_one();
    let headers = "Require: 100rel\r\nRSeq: 1\r\nContact: <sip:a@198.51.100.9>\r\n";
    script.respond(&invite, "183 Session Progress", headers, "v=0");
    let prack = script.sent_one();
    let challenge = "Proxy-Authenticate: Digest realm=\"example.com\", nonce=\"1\"\r\n";
    script.respond(&prack, "407 Proxy Authentication Required", challenge, "");
    let again = script.sent_one();
    assert_eq!(again.text("CSeq").as_deref(), Some("3 PRACK"));
    assert_eq!(again.text("RAck"), prack.text("RAck"));
    assert!(again.text("Proxy-Authorization").is_some());
}

#[test]
fn both_may_update_while_it_rings_once_the_answer_was_reliable() {
    let mut script = Script::trunk();
    let dialog = script
        .endpoint
        .invite(script.now, call_out())
        .expect("a call");
    let invite = script.sent_one();
    let update = |script: &mut Script| {
        script
            .endpoint
            .update(script.now, dialog, Body::sdp("v=0 ours"))
    };
    assert_eq!(update(&mut script), Err(Misuse::WrongState));
    let allow = "Allow: INVITE, UPDATE, PRACK\r\nContact: <sip:a@198.51.100.9>\r\n";
    script.respond(&invite, "183 Session Progress", allow, "v=0 unreliable");
    assert_eq!(update(&mut script), Err(Misuse::OutOfTurn));
    let ours = lossy(invite.tag_in_from().expect("a tag"));
    let call_id = lossy(invite.call_id());
    let theirs = |cseq, branch| {
        request("UPDATE", cseq, &ours, branch, "", "v=0 theirs").replace("a84b4c76e66710", &call_id)
    };
    script.receive(&theirs(1, "u1"));
    assert_eq!(script.statuses(), [491]);
    let reliable = format!("{allow}Require: 100rel\r\nRSeq: 1\r\n");
    script.respond(&invite, "183 Session Progress", &reliable, "v=0 answer");
    script.sent();
    assert_eq!(update(&mut script), Ok(()));
    let sent = script.sent_one();
    assert_eq!(sent.text("CSeq").as_deref(), Some("3 UPDATE"));
    script.receive(&theirs(2, "u2"));
    assert_eq!(script.statuses(), [491], "both at once");
    script.respond(
        &sent,
        "200 OK",
        "Contact: <sip:b@198.51.100.9>\r\n",
        "v=0 ok",
    );
    while let Some(event) = script.event() {
        assert!(matches!(
            event,
            Event::Progress { .. }
                | Event::OfferAnswered {
                    result: Ok(Some(_)),
                    ..
                }
        ));
    }
    script.receive(&theirs(3, "u3"));
    assert!(matches!(script.event(), Some(Event::Offer { .. })));
    script
        .endpoint
        .answer_offer(script.now, dialog, Some(Body::sdp("v=0 held")))
        .expect("it waits");
    assert_eq!(script.statuses(), [200]);
}

#[test]
fn a_200_says_how_its_description_compares_with_what_rang() {
    for (early, last, expected) in [
        ("", "v=0 a", Description::New),
        ("v=0 a", "v=0 a", Description::Same),
        ("v=0 a", "v=0 b", Description::Changed),
        ("v=0 a", "", Description::Absent),
    ] {
        let mut script = Script::trunk();
        script
            .endpoint
            .invite(script.now, call_out())
            .expect("a call");
        let invite = script.sent_one();
        let contact = "Contact: <sip:a@198.51.100.9>\r\n";
        script.respond(&invite, "183 Session Progress", contact, early);
        script.event();
        script.respond(&invite, "200 OK", contact, last);
        let Some(Event::Accepted { description, .. }) = script.event() else {
            panic!("not accepted")
        };
        assert_eq!(description, expected);
    }
}

fn called(script: &mut Script, headers: &str, body: &str) -> DialogId {
    script.receive(&request("INVITE", 1, "", "1", headers, body));
    script.sent();
    match script.event() {
        Some(Event::Invite { dialog, .. }) => dialog,
        other => panic!("no call but {other:?}"),
    }
}

/// The PRACK of a provisional response of ours.
fn prack(provisional: &Message, cseq: u32, branch: &str, body: &str) -> String {
    let rack = format!("RAck: {} 1 INVITE\r\n", rseq(provisional));
    request("PRACK", cseq, &tag_of(provisional), branch, &rack, body)
}

fn rseq(provisional: &Message) -> u32 {
    provisional
        .number(crate::message::Name::RSeq)
        .expect("a number")
}

fn tag_of(message: &Message) -> String {
    lossy(message.tag_in_to().expect("a tag"))
}
