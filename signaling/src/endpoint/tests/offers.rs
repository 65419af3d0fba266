//! Offers inside a call that stands, between two endpoints of ours.

use std::time::Duration;

use super::pair::{CALLEE, CALLER, Link, Pair};
use super::script::{Script, request};
use crate::endpoint::{Body, DialogId, Event};
use crate::error::Misuse;

#[test]
fn an_offer_is_answered_either_way() {
    for side in [CALLER, CALLEE] {
        let (mut pair, dialogs) = standing(20);
        pair.endpoints[side]
            .reinvite(pair.now, dialogs[side], Body::sdp("v=0 hold"))
            .expect("an offer");
        assert_eq!(
            pair.endpoints[side].reinvite(pair.now, dialogs[side], Body::sdp("v=0")),
            Err(Misuse::OutOfTurn)
        );
        answer_offers(&mut pair, dialogs);
        assert_eq!(results(&pair, side), [Ok("v=0 answered".into())]);
        assert_eq!(results(&pair, 1 - side), []);
        assert_eq!(pair.sent(side, "ACK"), if side == CALLER { 2 } else { 1 });
        end(pair, dialogs);
    }
}

#[test]
fn a_refused_offer_leaves_the_call_standing() {
    let (mut pair, dialogs) = standing(21);
    pair.endpoints[CALLER]
        .reinvite(pair.now, dialogs[CALLER], Body::sdp("v=0 video"))
        .expect("an offer");
    pair.drive_for(Duration::from_millis(100));
    pair.endpoints[CALLEE]
        .refuse_offer(pair.now, dialogs[CALLEE], 488)
        .expect("it waits");
    assert_eq!(
        pair.endpoints[CALLEE].refuse_offer(pair.now, dialogs[CALLEE], 488),
        Err(Misuse::OutOfTurn)
    );
    pair.drive_for(Duration::from_secs(1));
    assert_eq!(results(&pair, CALLER), [Err(488)]);
    assert_eq!(
        (pair.endings(CALLER).len(), pair.endings(CALLEE).len()),
        (0, 0)
    );
    end(pair, dialogs);
}

#[test]
fn colliding_offers_are_both_made_in_the_end() {
    for seed in 22..32 {
        let (mut pair, dialogs) = standing(seed);
        for side in [CALLER, CALLEE] {
            pair.endpoints[side]
                .reinvite(pair.now, dialogs[side], Body::sdp("v=0 hold"))
                .expect("an offer");
        }
        answer_offers(&mut pair, dialogs);
        for side in [CALLER, CALLEE] {
            assert_eq!(
                results(&pair, side),
                [Ok("v=0 answered".into())],
                "seed {seed} side {side}"
            );
            assert!(
                pair.sent(side, "SIP/2.0 491") >= 1,
                "seed {seed} side {side}"
            );
        }
        end(pair, dialogs);
    }
}

#[test]
fn hanging_up_answers_a_waiting_offer() {
    let (mut pair, dialogs) = standing(33);
    pair.endpoints[CALLER]
        .reinvite(pair.now, dialogs[CALLER], Body::sdp("v=0 hold"))
        .expect("an offer");
    pair.drive_for(Duration::from_millis(100));
    pair.endpoints[CALLEE].hang_up(pair.now, dialogs[CALLEE], None);
    pair.drive();
    assert_eq!(pair.sent(CALLEE, "SIP/2.0 487"), 1);
    pair.assert_nothing_is_left();
}

#[test]
fn an_unanswerable_offer_ends_the_call() {
    let (mut pair, dialogs) = standing(34);
    pair.censor = |line| line.starts_with("INVITE");
    pair.endpoints[CALLER]
        .reinvite(pair.now, dialogs[CALLER], Body::sdp("v=0 hold"))
        .expect("an offer");
    pair.drive();
    assert_eq!(pair.endings(CALLER), [&crate::endpoint::Ended::TimedOut]);
    assert_eq!(
        pair.endings(CALLEE),
        [&crate::endpoint::Ended::Bye { reason: None }]
    );
    pair.assert_nothing_is_left();
}

#[test]
fn an_offer_that_we_ask_for_is_answered_in_the_ack_alone() {
    let (mut script, dialog) = confirmed();
    script
        .endpoint
        .ask_for_offer(script.now, dialog)
        .expect("it stands");
    let reinvite = script.sent_one();
    assert!(reinvite.body().is_empty() && reinvite.text("Content-Type").is_none());
    let contact = "Contact: <sip:a@198.51.100.9>\r\n";
    script.respond(&reinvite, "200 OK", contact, "v=0 theirs");
    assert!(matches!(
        script.event(),
        Some(Event::Offer { body: Some(_), .. })
    ));
    script.respond(&reinvite, "200 OK", contact, "v=0 theirs");
    assert_eq!(script.sent().len(), 0, "we are thinking about it");
    assert!(script.event().is_none());
    let answer = Some(Body::sdp("v=0 ours"));
    script
        .endpoint
        .answer_offer(script.now, dialog, answer)
        .expect("it waits");
    let ack = script.sent_one();
    assert_eq!(
        (ack.text("CSeq").as_deref(), ack.body()),
        (Some("1 ACK"), "v=0 ours".into())
    );
    script.respond(&reinvite, "200 OK", contact, "v=0 theirs");
    assert_eq!(script.sent_one().bytes(), ack.bytes());
}

#[test]
fn an_offer_that_we_asked_for_and_do_not_like_ends_the_call() {
    let (mut script, dialog) = confirmed();
    script
        .endpoint
        .ask_for_offer(script.now, dialog)
        .expect("it stands");
    let reinvite = script.sent_one();
    let contact = "Contact: <sip:a@198.51.100.9>\r\n";
    script.respond(&reinvite, "200 OK", contact, "v=0 theirs");
    script.event();
    script
        .endpoint
        .refuse_offer(script.now, dialog, 488)
        .expect("it waits");
    let sent: Vec<_> = script
        .sent()
        .iter()
        .filter_map(|message| message.text("CSeq"))
        .collect();
    assert_eq!(sent, ["1 ACK", "2 BYE"]);
}

#[test]
fn a_peer_that_has_no_time_for_an_offer_is_asked_again_when_it_says() {
    for (retry, waits) in [("3", Some(3_000)), ("0", Some(500)), ("11", None)] {
        let (mut script, dialog) = confirmed();
        script
            .endpoint
            .reinvite(script.now, dialog, Body::sdp("v=0 hold"))
            .expect("it stands");
        let first = script.sent_one();
        let header = format!("Retry-After: {retry}\r\n");
        script.respond(&first, "500 Server Internal Error", &header, "");
        script.sent();
        match waits {
            Some(milliseconds) => {
                script.pass(Duration::from_millis(milliseconds - 1));
                assert!(
                    script
                        .sent()
                        .iter()
                        .all(|one| one.text("CSeq").as_deref() != Some("2 INVITE"))
                );
                script.pass(Duration::from_millis(1));
                let again = script.sent_one();
                assert_eq!(again.text("CSeq").as_deref(), Some("2 INVITE"));
                assert_eq!(again.body(), first.body());
            }
            None => assert!(matches!(
                script.event(),
                Some(Event::OfferAnswered {
                    result: Err(500),
                    ..
                })
            )),
        }
    }
}

#[test]
fn a_peer_that_collides_for_ever_is_given_up() {
    let (mut script, dialog) = confirmed();
    script
        .endpoint
        .reinvite(script.now, dialog, Body::sdp("v=0 hold"))
        .expect("it stands");
    let mut tries = 0;
    while let Some(invite) = script
        .sent()
        .into_iter()
        .find(|one| one.bytes().starts_with(b"INVITE "))
    {
        tries += 1;
        script.respond(&invite, "491 Request Pending", "", "");
        script.sent();
        script.pass(Duration::from_millis(2_000));
    }
    assert_eq!(tries, 9);
    assert!(matches!(
        script.event(),
        Some(Event::OfferAnswered {
            result: Err(491),
            ..
        })
    ));
}

/// A call of the trunk's peer that stands.
fn confirmed() -> (Script, DialogId) {
    let mut script = Script::trunk();
    script.receive(&request("INVITE", 1, "", "1", "", "v=0"));
    let Some(Event::Invite { dialog, .. }) = script.event() else {
        panic!("no call")
    };
    script
        .endpoint
        .accept(script.now, dialog, Body::sdp("v=0"))
        .expect("it waits");
    let ok = script.sent().pop().expect("a 200");
    let tag = crate::message::lossy(ok.tag_in_to().expect("a tag"));
    script.receive(&request("ACK", 1, &tag, "ack", "", ""));
    script.event();
    (script, dialog)
}

/// A confirmed call and its two ends.
fn standing(seed: u8) -> (Pair, [DialogId; 2]) {
    let mut pair = Pair::new(seed, Link::PERFECT);
    let ours = pair.call();
    pair.drive_for(Duration::from_secs(1));
    let theirs = pair.incoming().expect("a call");
    (pair, [ours, theirs])
}

/// Lets ten seconds pass, answering each offer as it comes.
fn answer_offers(pair: &mut Pair, dialogs: [DialogId; 2]) {
    let mut answered = [0, 0];
    for _ in 0..1_000 {
        pair.drive_for(Duration::from_millis(10));
        for side in [CALLER, CALLEE] {
            if pair.count(side, |event| matches!(event, Event::Offer { .. })) > answered[side] {
                answered[side] += 1;
                let answer = Some(Body::sdp("v=0 answered"));
                pair.endpoints[side]
                    .answer_offer(pair.now, dialogs[side], answer)
                    .expect("it waits");
            }
        }
    }
}

fn results(pair: &Pair, side: usize) -> Vec<Result<String, u16>> {
    pair.events[side]
        .iter()
        .filter_map(|event| match event {
            Event::OfferAnswered { result, .. } => {
                Some(result.clone().map(|body| {
                    String::from_utf8_lossy(&body.expect("an answer").bytes).into_owned()
                }))
            }
            _ => None,
        })
        .collect()
}

fn end(mut pair: Pair, dialogs: [DialogId; 2]) {
    pair.endpoints[CALLER].hang_up(pair.now, dialogs[CALLER], None);
    pair.drive();
    assert_eq!(
        (pair.endings(CALLER).len(), pair.endings(CALLEE).len()),
        (1, 1)
    );
    pair.assert_nothing_is_left();
}
