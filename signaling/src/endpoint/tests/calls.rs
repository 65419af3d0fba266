//! Calls between two endpoints of ours.

use std::time::Duration;

use super::pair::{Answering, CALLEE, CALLER, Link, Pair};
use crate::endpoint::{Ended, Event};

#[test]
fn caller_hangs_up_an_answered_call() {
    let mut pair = Pair::new(1, Link::PERFECT);
    let dialog = pair.call();
    pair.drive_for(Duration::from_secs(1));
    assert_eq!(
        pair.count(CALLER, |event| matches!(
            event,
            Event::Progress { status: 180, .. }
        )),
        1
    );
    assert_eq!(
        pair.count(CALLER, |event| matches!(
            event,
            Event::Accepted { body: Some(_), .. }
        )),
        1
    );
    assert_eq!(
        pair.count(CALLEE, |event| matches!(event, Event::Confirmed { .. })),
        1
    );
    pair.endpoints[CALLER].hang_up(pair.now, dialog, Some((200, "done \"now\"")));
    pair.drive();
    assert_eq!(pair.endings(CALLER), [&Ended::LocalHangup]);
    let reason = r#"SIP;cause=200;text="done \"now\"""#.to_owned();
    assert_eq!(
        pair.endings(CALLEE),
        [&Ended::Bye {
            reason: Some(reason)
        }]
    );
    pair.assert_nothing_is_left();
}

#[test]
fn callee_hangs_up_an_answered_call() {
    let mut pair = Pair::new(2, Link::PERFECT);
    pair.call();
    pair.drive_for(Duration::from_secs(1));
    let dialog = pair.incoming().expect("a call");
    pair.endpoints[CALLEE].hang_up(pair.now, dialog, None);
    pair.drive();
    assert_eq!(pair.endings(CALLEE), [&Ended::LocalHangup]);
    assert_eq!(pair.endings(CALLER), [&Ended::Bye { reason: None }]);
    pair.assert_nothing_is_left();
}

#[test]
fn callee_reads_who_calls() {
    let mut pair = Pair::new(3, Link::PERFECT);
    pair.call();
    pair.drive_for(Duration::from_secs(1));
    let invite = pair.events[CALLEE].iter().find_map(|event| match event {
        Event::Invite { invite, .. } => Some(invite.clone()),
        _ => None,
    });
    let invite = invite.expect("a call");
    assert_eq!(invite.from().display.as_deref(), Some("Asha \"A\""));
    assert_eq!(
        (invite.from().user.as_str(), invite.from().host.as_str()),
        ("+919000000011", "example.com")
    );
    assert_eq!(
        (invite.called_user().as_str(), invite.to().user.as_str()),
        ("1001", "1001")
    );
    assert_eq!(invite.header("x-call").as_deref(), Some("7"));
    assert_eq!(invite.max_forwards(), 70);
    assert_eq!(invite.body().expect("an offer").bytes, "v=0 offer");
    assert!(
        invite
            .headers()
            .any(|(name, value)| name == "User-Agent" && value.starts_with("Warmline/"))
    );
}

#[test]
fn refused_call_ends_with_the_reason_given() {
    let mut pair = Pair::new(4, Link::PERFECT);
    pair.answering = Answering::Nothing;
    pair.call();
    pair.drive_for(Duration::from_secs(1));
    let dialog = pair.incoming().expect("a call");
    pair.endpoints[CALLEE]
        .reject(pair.now, dialog, 486, "At lunch")
        .expect("it rings");
    pair.drive();
    assert_eq!(
        pair.endings(CALLER),
        [&Ended::Rejected {
            status: 486,
            reason: "At lunch".into()
        }]
    );
    assert_eq!(pair.endings(CALLEE), [&Ended::LocalHangup]);
    assert_eq!(pair.sent(CALLER, "ACK"), 1);
    pair.assert_nothing_is_left();
}

#[test]
fn nobody_there_ends_after_32_seconds() {
    let mut pair = Pair::new(
        5,
        Link {
            loss: 100,
            ..Link::PERFECT
        },
    );
    pair.call();
    let start = pair.now;
    pair.drive();
    assert_eq!(pair.endings(CALLER), [&Ended::TimedOut]);
    assert_eq!(pair.now - start, Duration::from_secs(32));
    assert_eq!(pair.sent(CALLER, "INVITE"), 7);
    pair.assert_nothing_is_left();
}

#[test]
fn a_fifth_of_all_datagrams_lost_costs_no_call() {
    for seed in 0..60 {
        let link = Link {
            loss: 20,
            duplication: 10,
            most_delay: Duration::from_millis(90),
            ..Link::PERFECT
        };
        let mut pair = Pair::new(seed, link);
        let dialog = pair.call();
        pair.drive_until(|pair| {
            pair.count(CALLER, |event| matches!(event, Event::Accepted { .. })) == 1
        });
        pair.drive_until(|pair| {
            pair.count(CALLEE, |event| matches!(event, Event::Confirmed { .. })) == 1
        });
        let side = usize::from(seed % 2);
        let ours = if side == CALLER {
            dialog
        } else {
            pair.incoming().expect("a call")
        };
        pair.endpoints[side].hang_up(pair.now, ours, None);
        pair.drive();
        assert_eq!(pair.endings(side), [&Ended::LocalHangup], "seed {seed}");
        assert_eq!(
            pair.endings(1 - side),
            [&Ended::Bye { reason: None }],
            "seed {seed}"
        );
        pair.assert_nothing_is_left();
    }
}

#[test]
fn everything_twice_happens_once() {
    for seed in 0..20 {
        let link = Link {
            duplication: 100,
            most_delay: Duration::from_millis(40),
            ..Link::PERFECT
        };
        let mut pair = Pair::new(seed, link);
        let dialog = pair.call();
        pair.drive_for(Duration::from_secs(2));
        pair.endpoints[CALLER].hang_up(pair.now, dialog, None);
        pair.drive();
        assert_eq!(
            pair.count(CALLEE, |event| matches!(event, Event::Invite { .. })),
            1,
            "seed {seed}"
        );
        assert_eq!(
            pair.count(CALLEE, |event| matches!(event, Event::Confirmed { .. })),
            1,
            "seed {seed}"
        );
        assert_eq!(
            pair.count(CALLER, |event| matches!(event, Event::Accepted { .. })),
            1,
            "seed {seed}"
        );
        assert_eq!(
            (pair.endings(CALLER).len(), pair.endings(CALLEE).len()),
            (1, 1),
            "seed {seed}"
        );
        pair.assert_nothing_is_left();
    }
}

#[test]
fn caller_gives_up_while_it_rings() {
    let mut pair = Pair::new(6, Link::PERFECT);
    pair.answering = Answering::Nothing;
    let dialog = pair.call();
    pair.drive_for(Duration::from_secs(3));
    pair.endpoints[CALLER].hang_up(pair.now, dialog, None);
    pair.drive();
    assert_eq!(pair.endings(CALLER), [&Ended::LocalHangup]);
    assert_eq!(pair.endings(CALLEE), [&Ended::Cancelled]);
    assert_eq!(
        (
            pair.sent(CALLER, "CANCEL"),
            pair.sent(CALLEE, "SIP/2.0 487")
        ),
        (1, 1)
    );
    pair.assert_nothing_is_left();
}

#[test]
fn cancel_waits_until_the_invite_is_heard_of() {
    let mut pair = Pair::new(7, Link::PERFECT);
    pair.answering = Answering::Nothing;
    let dialog = pair.call();
    pair.endpoints[CALLER].hang_up(pair.now, dialog, None);
    pair.collect();
    assert_eq!(pair.sent(CALLER, "CANCEL"), 0);
    pair.drive();
    assert_eq!(pair.sent(CALLER, "CANCEL"), 1);
    assert_eq!(pair.endings(CALLEE), [&Ended::Cancelled]);
    pair.assert_nothing_is_left();
}

/// Every order in which an answer and a CANCEL can meet, at a millisecond's resolution.
#[test]
fn answer_and_cancel_in_any_order_leave_nothing_behind() {
    for cancel_at in 15..45 {
        let mut pair = Pair::new(8, Link::PERFECT);
        pair.answering = Answering::Nothing;
        let dialog = pair.call();
        let start = pair.now;
        pair.drive_until(|pair| pair.incoming().is_some());
        let incoming = pair.incoming().expect("a call");
        pair.drive_for(start + Duration::from_millis(20) - pair.now);
        let cancel_at = start + Duration::from_millis(cancel_at);
        let answer_at = start + Duration::from_millis(30);
        let hang_up = |pair: &mut Pair| {
            pair.drive_for(cancel_at.saturating_duration_since(pair.now));
            pair.endpoints[CALLER].hang_up(pair.now, dialog, None);
        };
        let answer = |pair: &mut Pair| {
            pair.drive_for(answer_at.saturating_duration_since(pair.now));
            // Refused if the CANCEL was faster.
            let _ = pair.endpoints[CALLEE].accept(
                pair.now,
                incoming,
                crate::endpoint::Body::sdp("v=0"),
            );
        };
        if cancel_at < answer_at {
            hang_up(&mut pair);
            answer(&mut pair);
        } else {
            answer(&mut pair);
            hang_up(&mut pair);
        }
        pair.drive();
        assert_eq!(pair.endings(CALLER), [&Ended::LocalHangup]);
        assert_eq!(pair.endings(CALLEE).len(), 1);
        pair.assert_nothing_is_left();
    }
}

#[test]
fn missing_ack_is_waited_for_and_then_hung_up() {
    let mut pair = Pair::new(9, Link::PERFECT);
    pair.censor = |line| line.starts_with("ACK");
    pair.call();
    pair.drive();
    assert_eq!(pair.endings(CALLEE), [&Ended::AckMissing]);
    assert_eq!(pair.endings(CALLER), [&Ended::Bye { reason: None }]);
    let sends: Vec<_> = pair
        .wire
        .iter()
        .filter(|(_, side, line)| *side == CALLEE && line.starts_with("SIP/2.0 200"))
        .collect();
    let intervals: Vec<_> = sends.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    assert_eq!(intervals[..5], [500, 1_000, 2_000, 4_000, 4_000]);
    assert_eq!(
        pair.sent(CALLER, "ACK"),
        sends.len(),
        "each 2xx is acknowledged"
    );
    pair.assert_nothing_is_left();
}

#[test]
fn bye_waits_for_the_ack() {
    let mut pair = Pair::new(10, Link::PERFECT);
    pair.call();
    pair.drive_until(|pair| pair.incoming().is_some());
    let incoming = pair.incoming().expect("a call");
    pair.endpoints[CALLEE].hang_up(pair.now, incoming, None);
    pair.collect();
    assert_eq!(pair.endings(CALLEE), [&Ended::LocalHangup]);
    assert_eq!(pair.sent(CALLEE, "BYE"), 0);
    pair.drive();
    assert_eq!(pair.sent(CALLEE, "BYE"), 1);
    assert_eq!(pair.endings(CALLEE).len(), 1);
    assert_eq!(
        pair.count(CALLEE, |event| matches!(event, Event::Confirmed { .. })),
        0
    );
    assert_eq!(pair.endings(CALLER), [&Ended::Bye { reason: None }]);
    pair.assert_nothing_is_left();
}

#[test]
fn both_hang_up_at_once() {
    let mut pair = Pair::new(11, Link::PERFECT);
    let dialog = pair.call();
    pair.drive_for(Duration::from_secs(1));
    let incoming = pair.incoming().expect("a call");
    pair.endpoints[CALLER].hang_up(pair.now, dialog, None);
    pair.endpoints[CALLEE].hang_up(pair.now, incoming, None);
    pair.drive();
    assert_eq!(
        (pair.endings(CALLER), pair.endings(CALLEE)),
        (vec![&Ended::LocalHangup], vec![&Ended::LocalHangup])
    );
    pair.assert_nothing_is_left();
}

#[test]
fn commands_on_an_ended_call_are_refused() {
    use crate::error::Misuse;
    let mut pair = Pair::new(12, Link::PERFECT);
    let dialog = pair.call();
    assert_eq!(
        pair.endpoints[CALLER].ring(pair.now, dialog, 180, None),
        Err(Misuse::WrongState)
    );
    assert_eq!(
        pair.endpoints[CALLER].refuse_offer(pair.now, dialog, 488),
        Err(Misuse::OutOfTurn)
    );
    pair.drive_for(Duration::from_secs(1));
    pair.endpoints[CALLER].hang_up(pair.now, dialog, None);
    pair.endpoints[CALLER].hang_up(pair.now, dialog, None);
    let reinvite =
        pair.endpoints[CALLER].reinvite(pair.now, dialog, crate::endpoint::Body::sdp("v=0"));
    assert_eq!(reinvite, Err(Misuse::UnknownDialog));
    pair.drive();
    assert_eq!(pair.endings(CALLER).len(), 1);
}
