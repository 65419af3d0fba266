//! All flows over a network that loses, repeats and reorders, over many seeds: they end as they would on a good one, once,
//! and leave nothing behind.

use std::time::Duration;

use super::pair::{Answering, CALLEE, CALLER, Link, Pair};
use crate::endpoint::{Body, DialogId, Ended, Event, Ringing};

#[test]
fn reliable_ringing_and_the_answer_after_it() {
    for seed in 0..SEEDS {
        let mut pair = Pair::new(seed, Link::BAD);
        pair.answering = Answering::Nothing;
        pair.endpoints[CALLEE].config.ringing = Ringing::ReliableWhereSupported;
        let ours = pair.call();
        pair.drive_until(|pair| pair.incoming().is_some());
        let theirs = pair.incoming().expect("a call");
        let callee = &mut pair.endpoints[CALLEE];
        for (status, body) in [
            (180, None),
            (183, Some(Body::sdp("v=0 answer"))),
            (182, None),
        ] {
            callee
                .ring(pair.now, theirs, status, body)
                .expect("it rings");
        }
        callee
            .accept(pair.now, theirs, Body::sdp("v=0 answer"))
            .expect("it waits");
        pair.drive_until(|pair| pair.is_confirmed());
        let early = pair.count(CALLER, |event| {
            matches!(
                event,
                Event::Progress {
                    status: 183,
                    body: Some(_),
                    ..
                }
            )
        });
        assert_eq!(early, 1, "seed {seed}: in order, and not twice");
        assert!(pair.sent(CALLER, "PRACK") >= 2, "seed {seed}");
        part(pair, [ours, theirs], seed);
    }
}

#[test]
fn offers_by_reinvite_and_update_from_both_sides() {
    for seed in 0..SEEDS {
        let (mut pair, dialogs) = Pair::standing(seed, Link::BAD);
        // The ACK of a 200 may be lost for a while; until it came, nobody may offer.
        for round in 0..4 {
            let side = usize::from(seed % 2) ^ (round % 2);
            let (now, dialog) = (pair.now, dialogs[side]);
            let body = Body::sdp("v=0 offer");
            let endpoint = &mut pair.endpoints[side];
            let sent = match round {
                0 | 1 => endpoint.reinvite(now, dialog, body),
                _ => endpoint.update(now, dialog, body),
            };
            assert_eq!(sent, Ok(()), "seed {seed} round {round}");
            settle(&mut pair, dialogs);
            assert_eq!(
                pair.answered(side).len(),
                round / 2 + 1,
                "seed {seed} round {round}"
            );
        }
        part(pair, dialogs, seed);
    }
}

#[test]
fn offers_of_both_sides_at_once() {
    for seed in 0..SEEDS {
        let (mut pair, dialogs) = Pair::standing(seed, Link::BAD);
        for side in [CALLER, CALLEE] {
            let (now, dialog) = (pair.now, dialogs[side]);
            let body = Body::sdp("v=0 offer");
            let sent = match seed % 3 {
                0 => pair.endpoints[side].reinvite(now, dialog, body),
                1 => pair.endpoints[side].update(now, dialog, body),
                _ if side == CALLER => pair.endpoints[side].reinvite(now, dialog, body),
                _ => pair.endpoints[side].update(now, dialog, body),
            };
            assert_eq!(sent, Ok(()), "seed {seed}");
        }
        settle(&mut pair, dialogs);
        for side in [CALLER, CALLEE] {
            assert_eq!(
                pair.answered(side),
                [Ok("v=0 answered".into())],
                "seed {seed} side {side}"
            );
        }
        part(pair, dialogs, seed);
    }
}

#[test]
fn an_offer_that_is_asked_for_is_answered_in_the_ack() {
    for seed in 0..SEEDS {
        let (mut pair, dialogs) = Pair::standing(seed, Link::BAD);
        let side = usize::from(seed % 2);
        pair.endpoints[side]
            .ask_for_offer(pair.now, dialogs[side])
            .expect("it stands");
        settle(&mut pair, dialogs);
        let answered = pair.answered(1 - side);
        assert_eq!(answered, [Ok("v=0 answered".into())], "seed {seed}");
        assert_eq!(pair.answered(side), [], "seed {seed}");
        part(pair, dialogs, seed);
    }
}

#[test]
fn an_early_update() {
    for seed in 0..SEEDS {
        let mut pair = Pair::new(seed, Link::BAD);
        pair.answering = Answering::Nothing;
        pair.endpoints[CALLEE].config.ringing = Ringing::ReliableWhereSupported;
        let ours = pair.call();
        pair.drive_until(|pair| pair.incoming().is_some());
        let theirs = pair.incoming().expect("a call");
        pair.endpoints[CALLEE]
            .ring(pair.now, theirs, 183, Some(Body::sdp("v=0 answer")))
            .expect("it rings");
        pair.drive_for(Duration::from_secs(40));
        let side = usize::from(seed % 2);
        let dialogs = [ours, theirs];
        // The 183 may have been given up by then.
        if pair.endings(CALLEE).is_empty() {
            pair.endpoints[side]
                .update(pair.now, dialogs[side], Body::sdp("v=0 offer"))
                .expect("both have the answer");
            pair.endpoints[CALLEE]
                .accept(pair.now, theirs, Body::sdp("v=0 answer"))
                .expect("it waits");
            settle(&mut pair, dialogs);
            let answered = pair.answered(side);
            assert_eq!(answered, [Ok("v=0 answered".into())], "seed {seed}");
        }
        part(pair, dialogs, seed);
    }
}

#[test]
fn a_call_that_is_taken_back_at_any_moment() {
    for seed in 0..SEEDS {
        let mut pair = Pair::new(seed, Link::BAD);
        pair.endpoints[CALLEE].config.ringing = Ringing::ReliableWhereSupported;
        let ours = pair.call();
        pair.drive_for(Duration::from_millis(u64::from(seed) * 25));
        pair.endpoints[CALLER].hang_up(pair.now, ours, None);
        pair.drive();
        assert_eq!(pair.endings(CALLER), [&Ended::LocalHangup], "seed {seed}");
        assert!(pair.endings(CALLEE).len() <= 1, "seed {seed}");
        let calls = pair.count(CALLEE, |event| matches!(event, Event::Invite { .. }));
        assert_eq!(pair.endings(CALLEE).len(), calls, "seed {seed}");
        pair.assert_nothing_is_left();
    }
}

#[test]
fn both_hang_up_within_a_moment() {
    for seed in 0..SEEDS {
        let (mut pair, dialogs) = Pair::standing(seed, Link::BAD);
        let first = usize::from(seed % 2);
        pair.endpoints[first].hang_up(pair.now, dialogs[first], None);
        pair.drive_for(Duration::from_millis(u64::from(seed % 60)));
        pair.endpoints[1 - first].hang_up(pair.now, dialogs[1 - first], None);
        pair.drive();
        assert_eq!(pair.sent(CALLER, "SIP/2.0 481"), 0, "seed {seed}");
        assert_eq!(pair.sent(CALLEE, "SIP/2.0 481"), 0, "seed {seed}");
        for side in [CALLER, CALLEE] {
            assert_eq!(pair.endings(side).len(), 1, "seed {seed}");
        }
        pair.assert_nothing_is_left();
    }
}

/// Lets two minutes pass, answering each offer as it comes.
fn settle(pair: &mut Pair, dialogs: [DialogId; 2]) {
    let end = pair.now + Duration::from_secs(120);
    while pair.now < end {
        pair.drive_for(Duration::from_millis(250));
        for side in [CALLER, CALLEE] {
            // Refused where none waits.
            let answer = Some(Body::sdp("v=0 answered"));
            let _ = pair.endpoints[side].answer_offer(pair.now, dialogs[side], answer);
        }
    }
}

fn part(mut pair: Pair, dialogs: [DialogId; 2], seed: u8) {
    let side = usize::from(seed % 2);
    pair.endpoints[side].hang_up(pair.now, dialogs[side], None);
    pair.drive();
    for side in [CALLER, CALLEE] {
        assert_eq!(pair.endings(side).len(), 1, "seed {seed} side {side}");
    }
    pair.assert_nothing_is_left();
}

const SEEDS: u8 = 100;
