//! Session timers in virtual time: who refreshes, how, and what happens when nobody does (RFC 4028).

use std::time::Duration;

use super::calling::call_out;
use super::script::{Script, request};
use crate::endpoint::{Body, DialogId, Ended, Event};
use crate::message::{Message, lossy};

/// How a session is kept alive in a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Update,
    Reinvite,
}

/// What ends real calls at 32 s, 90 s, 15, 30 and 60 minutes when one side forgets its part.
#[test]
fn a_session_that_the_peer_refreshes_outlives_every_usual_interval() {
    for by in [By::Update, By::Reinvite] {
        for interval in [90, 180, 900, 1_800, 3_600] {
            let mut script = Script::trunk();
            let asked =
                format!("Supported: timer\r\nSession-Expires: {interval};refresher=uac\r\n");
            let (dialog, tag) = confirmed(&mut script, &asked);
            let start = script.now;
            let mut cseq = 1;
            while script.now - start < Duration::from_secs(3_700) {
                script.pass(Duration::from_secs(interval / 2));
                assert_eq!(script.sent().len(), 0, "{by:?} {interval}");
                cseq += 1;
                refresh(&mut script, dialog, &tag, cseq, by, &asked);
            }
            script.pass(Duration::from_secs(interval));
            assert!(
                matches!(
                    script.event(),
                    Some(Event::Ended {
                        cause: Ended::SessionExpired,
                        ..
                    })
                ),
                "{by:?} {interval}: the refreshes stopped"
            );
            assert!(script.sent()[0].bytes().starts_with(b"BYE "));
        }
    }
}

#[test]
fn a_session_that_we_refresh_outlives_every_usual_interval() {
    for by in [By::Update, By::Reinvite] {
        for interval in [90, 180, 900, 1_800, 3_600] {
            let mut script = Script::trunk();
            let allow = match by {
                By::Update => "Allow: INVITE,UPDATE\r\n",
                By::Reinvite => "Allow: INVITE\r\n",
            };
            let asked =
                format!("{allow}Supported: timer\r\nSession-Expires: {interval};refresher=uas\r\n");
            let (dialog, _) = confirmed(&mut script, &asked);
            let start = script.now;
            let mut refreshes = 0;
            while script.now - start < Duration::from_secs(3_700) {
                script.pass(Duration::from_secs(1));
                let Some(sent) = sent_refresh(&mut script, dialog) else {
                    continue;
                };
                refreshes += 1;
                let expires = format!("{interval};refresher=uac");
                assert_eq!(sent.text("Session-Expires").as_deref(), Some(&expires[..]));
                assert_eq!(sent.bytes().starts_with(b"UPDATE "), by == By::Update);
                let agreed = format!(
                    "Require: timer\r\nSession-Expires: {expires}\r\nContact: <sip:a@198.51.100.9>\r\n"
                );
                let body = if by == By::Update { "" } else { "v=0 same" };
                script.respond(&sent, "200 OK", &agreed, body);
                script.sent();
                while let Some(event) = script.event() {
                    assert!(matches!(event, Event::OfferAnswered { result: Ok(_), .. }));
                }
            }
            assert!(
                refreshes >= 3_700 * 2 / interval - 2,
                "{by:?} {interval}: {refreshes}"
            );
            assert_eq!(script.endpoint.counts().dialogs, 1, "{by:?} {interval}");
        }
    }
}

#[test]
fn without_a_session_timer_nothing_ends_a_call_that_stands() {
    let mut script = Script::trunk();
    confirmed(&mut script, "");
    script.pass(Duration::from_secs(7_200));
    assert_eq!(script.sent().len(), 0);
    assert_eq!(script.endpoint.counts().dialogs, 1);
    assert_eq!(script.endpoint.poll_timeout(), None);
}

#[test]
fn a_peer_that_does_not_let_us_refresh_is_left_before_it_leaves() {
    let mut script = Script::trunk();
    let asked =
        "Allow: INVITE,UPDATE\r\nSupported: timer\r\nSession-Expires: 1800;refresher=uas\r\n";
    let (dialog, _) = confirmed(&mut script, asked);
    let start = script.now;
    let mut tries = 0;
    while script.endpoint.counts().dialogs == 1 {
        script.pass(Duration::from_secs(1));
        if let Some(update) = sent_refresh(&mut script, dialog) {
            tries += 1;
            script.respond(&update, "500 Server Internal Error", "", "");
        }
    }
    assert_eq!(tries, 6);
    assert_eq!(script.now - start, Duration::from_secs(1_768));
    assert!(matches!(
        script.event(),
        Some(Event::Ended {
            cause: Ended::SessionExpired,
            ..
        })
    ));
}

#[test]
fn a_refresh_that_is_not_answered_at_all_ends_the_call() {
    let mut script = Script::trunk();
    let asked = "Allow: UPDATE\r\nSupported: timer\r\nSession-Expires: 900;refresher=uas\r\n";
    confirmed(&mut script, asked);
    script.pass(Duration::from_secs(450 + 32));
    assert!(matches!(
        script.event(),
        Some(Event::Ended {
            cause: Ended::TimedOut,
            ..
        })
    ));
}

#[test]
fn a_refresh_that_is_too_brief_is_made_again_with_the_longer_interval() {
    let mut script = Script::trunk();
    let asked = "Allow: UPDATE\r\nSupported: timer\r\nSession-Expires: 90;refresher=uas\r\n";
    confirmed(&mut script, asked);
    script.pass(Duration::from_secs(45));
    let update = script.sent_one();
    script.respond(
        &update,
        "422 Session Interval Too Small",
        "Min-SE: 600\r\n",
        "",
    );
    script.pass(Duration::from_millis(1));
    let again = script.sent_one();
    assert_eq!(
        again.text("Session-Expires").as_deref(),
        Some("600;refresher=uac")
    );
    assert_eq!(again.text("Min-SE").as_deref(), Some("600"));
}

#[test]
fn a_peer_whose_allow_promised_too_much_is_refreshed_by_an_offer() {
    let mut script = Script::trunk();
    let asked = "Allow: UPDATE\r\nSupported: timer\r\nSession-Expires: 90;refresher=uas\r\n";
    let (dialog, _) = confirmed(&mut script, asked);
    script.pass(Duration::from_secs(45));
    let update = script.sent_one();
    script.respond(&update, "405 Method Not Allowed", "", "");
    script.pass(Duration::from_millis(1));
    let reinvite = sent_refresh(&mut script, dialog).expect("a re-INVITE");
    assert!(reinvite.bytes().starts_with(b"INVITE "));
}

#[test]
fn our_calls_ask_for_a_timer_where_it_is_wanted() {
    let mut script = Script::trunk();
    script.endpoint.config.session_interval = Some(Duration::from_secs(600));
    let dialog = script
        .endpoint
        .invite(script.now, call_out())
        .expect("a call");
    let invite = script.sent_one();
    assert_eq!(invite.text("Session-Expires").as_deref(), Some("600"));
    script.respond(
        &invite,
        "422 Session Interval Too Small",
        "Min-SE: 1800\r\n",
        "",
    );
    let again = script.sent().pop().expect("an INVITE");
    assert_eq!(again.text("Session-Expires").as_deref(), Some("1800"));
    assert_eq!(again.text("Min-SE").as_deref(), Some("1800"));
    assert_eq!(again.text("CSeq").as_deref(), Some("2 INVITE"));
    let agreed = "Require: timer\r\nSession-Expires: 1800;refresher=uac\r\nAllow: UPDATE\r\n\
                  Contact: <sip:a@198.51.100.9>\r\n";
    script.respond(&again, "200 OK", agreed, "v=0");
    script.sent();
    assert!(matches!(script.event(), Some(Event::Accepted { .. })));
    script.pass(Duration::from_secs(900));
    let update = sent_refresh(&mut script, dialog).expect("a refresh");
    assert!(update.bytes().starts_with(b"UPDATE "));
}

#[test]
fn a_hold_keeps_the_timer_that_was_agreed() {
    let mut script = Script::trunk();
    let asked = "Allow: UPDATE\r\nSupported: timer\r\nSession-Expires: 900;refresher=uac\r\n";
    let (dialog, _) = confirmed(&mut script, asked);
    script
        .endpoint
        .reinvite(script.now, dialog, Body::sdp("v=0 hold"))
        .expect("an offer");
    let hold = script.sent_one();
    assert_eq!(
        hold.text("Session-Expires").as_deref(),
        Some("900;refresher=uas"),
        "the peer goes on refreshing"
    );
    let contact = "Contact: <sip:a@198.51.100.9>\r\n";
    script.respond(&hold, "200 OK", contact, "v=0 held");
    script.sent();
    script.pass(Duration::from_secs(7_200));
    assert_eq!(
        script.endpoint.counts().dialogs,
        1,
        "its 200 ended the timer"
    );
}

/// The refresh that is on its way, which the owner's offer may be needed for.
fn sent_refresh(script: &mut Script, dialog: DialogId) -> Option<Message> {
    if let Some(event) = script.event() {
        match event {
            Event::OfferWanted { dialog: wanted } => assert_eq!(wanted, dialog),
            // Told below, by whoever watches for it.
            other => {
                script.endpoint.events.push_front(other);
                return None;
            }
        }
        script
            .endpoint
            .reinvite(script.now, dialog, Body::sdp("v=0 same"))
            .expect("an offer");
    }
    script
        .sent()
        .into_iter()
        .find(|one| one.bytes().starts_with(b"UPDATE ") || one.bytes().starts_with(b"INVITE "))
}

/// The peer's refresh, answered.
fn refresh(script: &mut Script, dialog: DialogId, tag: &str, cseq: u32, by: By, asked: &str) {
    let branch = format!("r{cseq}");
    match by {
        By::Update => script.receive(&request("UPDATE", cseq, tag, &branch, asked, "")),
        By::Reinvite => {
            script.receive(&request("INVITE", cseq, tag, &branch, asked, "v=0 same"));
            assert!(matches!(script.event(), Some(Event::Offer { .. })));
            script
                .endpoint
                .answer_offer(script.now, dialog, Some(Body::sdp("v=0 same")))
                .expect("it waits");
            script.receive(&request("ACK", cseq, tag, &format!("a{cseq}"), "", ""));
        }
    }
    let ok = script.sent_one();
    assert!(
        ok.text("Session-Expires")
            .is_some_and(|agreed| agreed.ends_with("refresher=uac"))
    );
}

/// A call that was accepted and acknowledged, and our tag.
fn confirmed(script: &mut Script, headers: &str) -> (DialogId, String) {
    script.receive(&request("INVITE", 1, "", "1", headers, "v=0"));
    let Some(Event::Invite { dialog, .. }) = script.event() else {
        panic!("no call")
    };
    script
        .endpoint
        .accept(script.now, dialog, Body::sdp("v=0"))
        .expect("it waits");
    let ok = script.sent().pop().expect("a 200");
    let tag = lossy(ok.tag_in_to().expect("a tag"));
    script.receive(&request("ACK", 1, &tag, "ack", "", ""));
    assert!(matches!(script.event(), Some(Event::Confirmed { .. })));
    (dialog, tag)
}
