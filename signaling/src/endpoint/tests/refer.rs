//! Transfers over SIP, calls that take the place of others, and digits by INFO.

use std::time::Duration;

use super::pair::{CALLEE, CALLER, Link, Pair};
use super::script::{Script, datagram, request, status};
use crate::dialog::dtmf::{Digit, DigitFormat};
use crate::dialog::refer::{Referral, ReplacedPhase, Replaces};
use crate::endpoint::{DialogId, Ended, Event};
use crate::error::Misuse;
use crate::message::lossy;

#[test]
fn a_transfer_is_asked_for_taken_and_told_of() {
    let (mut pair, dialogs) = Pair::standing(40, Link::PERFECT);
    let referral = Referral {
        target: "sip:1002@example.com".into(),
        replaces: Some(Replaces {
            call_id: "a84@h".into(),
            to_tag: "12".into(),
            from_tag: "7743".into(),
            phase: ReplacedPhase::Any,
        }),
        referred_by: Some("<sip:1001@example.com>".into()),
    };
    let asked = pair.endpoints[CALLEE].refer(pair.now, dialogs[CALLEE], &referral);
    assert_eq!(asked, Ok(()));
    let twice = pair.endpoints[CALLEE].refer(pair.now, dialogs[CALLEE], &referral);
    assert_eq!(twice, Err(Misuse::OutOfTurn));
    pair.drive_for(Duration::from_millis(100));
    let told = pair.events[CALLER].iter().find_map(|event| match event {
        Event::Refer { referral, .. } => Some(referral.clone()),
        _ => None,
    });
    assert_eq!(told, Some(referral));
    let caller = &mut pair.endpoints[CALLER];
    caller
        .accept_refer(pair.now, dialogs[CALLER])
        .expect("it waits");
    assert_eq!(
        caller.accept_refer(pair.now, dialogs[CALLER]),
        Err(Misuse::OutOfTurn)
    );
    for code in [180, 200] {
        pair.drive_for(Duration::from_millis(100));
        pair.endpoints[CALLER]
            .notify_refer(pair.now, dialogs[CALLER], code, "")
            .expect("it was taken");
    }
    pair.drive_for(Duration::from_millis(100));
    assert_eq!(
        pair.endpoints[CALLER].notify_refer(pair.now, dialogs[CALLER], 200, ""),
        Err(Misuse::OutOfTurn)
    );
    assert_eq!(outcomes(&pair), [100, 180, 200]);
    pair.endpoints[CALLEE].hang_up(pair.now, dialogs[CALLEE], None);
    pair.drive();
    pair.assert_nothing_is_left();
}

#[test]
fn a_transfer_may_be_refused_and_asked_for_again() {
    let (mut pair, dialogs) = Pair::standing(41, Link::PERFECT);
    for code in [403, 603] {
        refer(&mut pair, dialogs);
        pair.drive_for(Duration::from_millis(100));
        pair.endpoints[CALLER]
            .refuse_refer(pair.now, dialogs[CALLER], code)
            .expect("it waits");
        pair.drive_for(Duration::from_millis(100));
    }
    assert_eq!(outcomes(&pair), [403, 603]);
}

#[test]
fn a_call_that_ends_answers_a_transfer_that_waits() {
    for side in [CALLER, CALLEE] {
        let (mut pair, dialogs) = Pair::standing(42, Link::PERFECT);
        refer(&mut pair, dialogs);
        pair.drive_for(Duration::from_millis(100));
        pair.endpoints[side].hang_up(pair.now, dialogs[side], None);
        pair.drive();
        assert_eq!(pair.sent(CALLER, "SIP/2.0 487"), 1);
        pair.assert_nothing_is_left();
    }
}

#[test]
fn transfers_survive_a_bad_network() {
    for seed in 0..40 {
        let (mut pair, dialogs) = Pair::standing(seed, Link::BAD);
        refer(&mut pair, dialogs);
        pair.drive_until(|pair| {
            pair.count(CALLER, |event| matches!(event, Event::Refer { .. })) == 1
        });
        pair.endpoints[CALLER]
            .accept_refer(pair.now, dialogs[CALLER])
            .expect("it waits");
        pair.drive_for(Duration::from_secs(40));
        pair.endpoints[CALLER]
            .notify_refer(pair.now, dialogs[CALLER], 200, "")
            .expect("it was taken");
        pair.drive_for(Duration::from_secs(40));
        assert_eq!(outcomes(&pair), [100, 200], "seed {seed}");
        pair.endpoints[CALLEE].hang_up(pair.now, dialogs[CALLEE], None);
        pair.drive();
        pair.assert_nothing_is_left();
    }
}

#[test]
fn requests_about_transfers_are_refused_where_they_mean_nothing() {
    let mut script = Script::trunk();
    script.receive(&request(
        "REFER",
        1,
        "",
        "r1",
        "Refer-To: <sip:a@h>\r\n",
        "",
    ));
    assert_eq!(script.statuses(), [403]);
    script.receive(&request("NOTIFY", 1, "", "n1", "Event: refer\r\n", ""));
    assert_eq!(script.statuses(), [481]);
    let (_, tag) = confirmed(&mut script);
    for (number, method, headers, expected) in [
        (2, "REFER", "", 400),
        (
            3,
            "NOTIFY",
            "Event: refer\r\nSubscription-State: active\r\n",
            481,
        ),
        (4, "NOTIFY", "Event: message-summary\r\n", 489),
        (5, "NOTIFY", "", 489),
    ] {
        let branch = format!("x{number}");
        script.receive(&request(method, number, &tag, &branch, headers, ""));
        assert_eq!(script.statuses(), [expected], "{method} {headers}");
    }
    script.receive(&request(
        "REFER",
        6,
        &tag,
        "r6",
        "Refer-To: <sip:a@h>\r\n",
        "",
    ));
    script.receive(&request(
        "REFER",
        7,
        &tag,
        "r7",
        "Refer-To: <sip:b@h>\r\n",
        "",
    ));
    assert_eq!(script.statuses(), [491]);
}

#[test]
fn a_subscription_that_ends_without_a_word_leaves_it_open() {
    let mut script = Script::trunk();
    let (dialog, tag) = confirmed(&mut script);
    let referral = Referral {
        target: "sip:1002@example.com".into(),
        replaces: None,
        referred_by: None,
    };
    script
        .endpoint
        .refer(script.now, dialog, &referral)
        .expect("a REFER");
    let refer = script.sent_one();
    assert_eq!(
        refer.text("Refer-To").as_deref(),
        Some("<sip:1002@example.com>")
    );
    let over = "Event: refer\r\nSubscription-State: terminated;reason=timeout\r\n";
    script.receive(&request("NOTIFY", 2, &tag, "n1", over, ""));
    assert_eq!(script.statuses(), [200]);
    assert!(matches!(
        script.event(),
        Some(Event::Referred { status: 408, .. })
    ));
    script.respond(&refer, "202 Accepted", "", "");
    assert!(script.event().is_none(), "the NOTIFY was faster");
}

#[test]
fn an_invite_names_the_call_that_it_replaces() {
    let tags = |tag: &str| format!("Replaces: a84b4c76e66710;to-tag={tag};from-tag=theirs");
    for (header, expected) in [
        (tags("OURS"), None),
        (tags("OURS") + ";early-only", Some(486)),
        (tags("other"), Some(481)),
        (tags("OURS").replace("=theirs", "=x"), Some(481)),
        (tags("OURS") + "\r\n" + &tags("OURS"), Some(400)),
        ("Replaces: a84b4c76e66710".to_owned(), Some(400)),
    ] {
        let mut script = Script::trunk();
        let (dialog, tag) = confirmed(&mut script);
        let header = header.replace("OURS", &tag) + "\r\nRequire: replaces\r\n";
        let invite = request("INVITE", 1, "", "new", &header, "v=0")
            .replace("Call-ID: a84b4c76e66710", "Call-ID: another");
        script.receive(&invite);
        let answer = status(&script.sent_one());
        assert_eq!(answer, expected.unwrap_or(100), "{header}");
        let named = match script.event() {
            Some(Event::Invite { invite, .. }) => invite.replaces(),
            _ => None,
        };
        assert_eq!(named, expected.is_none().then_some(dialog), "{header}");
    }
}

#[test]
fn nobody_takes_another_peers_call() {
    let mut script = Script::trunk();
    let (_, tag) = confirmed(&mut script);
    let header = format!("Replaces: a84b4c76e66710;to-tag={tag};from-tag=theirs\r\n");
    let invite = request("INVITE", 1, "", "new", &header, "v=0")
        .replace("Call-ID: a84b4c76e66710", "Call-ID: another");
    script.receive_from(datagram("203.0.113.66:5060"), &invite);
    assert_eq!(script.statuses(), [481]);
}

#[test]
fn digits_travel_by_info_either_way() {
    let (mut pair, dialogs) = Pair::standing(43, Link::PERFECT);
    for (side, format) in [(CALLER, DigitFormat::Relay), (CALLEE, DigitFormat::Plain)] {
        let sent = Digit::new('#', Duration::from_millis(160)).expect("a key");
        pair.endpoints[side]
            .send_digit(pair.now, dialogs[side], sent, format)
            .expect("it stands");
        pair.drive_for(Duration::from_millis(100));
        assert_eq!(
            pair.count(1 - side, |event| matches!(
                event,
                Event::Digit { digit, .. } if *digit == sent
            )),
            1
        );
        let taken = |event: &Event| matches!(event, Event::DigitAnswered { status: 200, .. });
        assert_eq!(pair.count(side, taken), 1);
    }
    pair.endpoints[CALLER].hang_up(pair.now, dialogs[CALLER], None);
    pair.drive();
    pair.assert_nothing_is_left();
}

#[test]
fn what_became_of_a_digit_is_told_once_and_never_of_a_call_that_is_over() {
    let mut script = Script::trunk();
    let (dialog, _) = confirmed(&mut script);
    let digit = Digit::new('1', Duration::from_millis(160)).expect("a key");
    let press = |script: &mut Script| {
        let (now, format) = (script.now, DigitFormat::Relay);
        script
            .endpoint
            .send_digit(now, dialog, digit, format)
            .expect("it stands");
        script.sent_one()
    };
    let info = press(&mut script);
    script.respond(&info, "415 Unsupported Media Type", "", "");
    let refused = script.event();
    assert!(matches!(
        refused,
        Some(Event::DigitAnswered { status: 415, .. })
    ));
    let info = press(&mut script);
    script.endpoint.hang_up(script.now, dialog, None);
    assert!(matches!(script.event(), Some(Event::Ended { .. })));
    script.respond(&info, "200 OK", "", "");
    assert!(script.event().is_none());
}

#[test]
fn an_info_that_the_peer_knows_no_call_for_ends_it() {
    let mut script = Script::trunk();
    let (dialog, tag) = confirmed(&mut script);
    script.receive(
        &request(
            "INFO",
            2,
            &tag,
            "i1",
            "Content-Type: application/dtmf\r\n",
            "",
        )
        .replace("Content-Length: 0\r\n\r\n", "\r\nnot a digit"),
    );
    assert_eq!(script.statuses(), [400]);
    let digit = Digit::new('1', Duration::from_millis(160)).expect("a key");
    script
        .endpoint
        .send_digit(script.now, dialog, digit, DigitFormat::Relay)
        .expect("it stands");
    let info = script.sent_one();
    assert_eq!(info.body(), "Signal=1\r\nDuration=160");
    script.respond(&info, "481 Call/Transaction Does Not Exist", "", "");
    assert!(matches!(
        script.event(),
        Some(Event::Ended {
            cause: Ended::Rejected { status: 481, .. },
            ..
        })
    ));
}

fn refer(pair: &mut Pair, dialogs: [DialogId; 2]) {
    let referral = Referral {
        target: "sip:1002@example.com".into(),
        replaces: None,
        referred_by: None,
    };
    pair.endpoints[CALLEE]
        .refer(pair.now, dialogs[CALLEE], &referral)
        .expect("a REFER");
}

/// What the one who asked was told.
fn outcomes(pair: &Pair) -> Vec<u16> {
    pair.events[CALLEE]
        .iter()
        .filter_map(|event| match event {
            Event::Referred { status, .. } => Some(*status),
            _ => None,
        })
        .collect()
}

fn confirmed(script: &mut Script) -> (DialogId, String) {
    script.receive(&request("INVITE", 1, "", "1", "", "v=0"));
    let Some(Event::Invite { dialog, .. }) = script.event() else {
        panic!("no call")
    };
    let answer = crate::endpoint::Body::sdp("v=0");
    script
        .endpoint
        .accept(script.now, dialog, answer)
        .expect("it waits");
    let ok = script.sent().pop().expect("a 200");
    let tag = lossy(ok.tag_in_to().expect("a tag"));
    script.receive(&request("ACK", 1, &tag, "ack", "", ""));
    assert!(matches!(script.event(), Some(Event::Confirmed { .. })));
    (dialog, tag)
}
