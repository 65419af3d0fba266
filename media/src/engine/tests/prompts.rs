//! Prompts, as they arrive at real sockets.

use super::*;
use crate::rtp::Header;

#[test]
fn a_peer_that_has_not_spoken_hears_a_prompt_and_then_the_bridge() {
    let engine = Rig::new(22_200..=22_299);
    let (customer, agent) = engine.two_legs();
    let (mut caller, mut callee) = (Phone::new(), Phone::new());
    caller.accept(&engine.answer(customer, &caller.offer(8)));
    callee.accept(&engine.answer(agent, &callee.offer(8)));
    engine.bridge(customer, agent);
    let prompt = Prompt::tone(500.0, Duration::from_millis(300), Duration::ZERO);
    let begun = Instant::now();
    engine.play(customer, &prompt, Repeat::Once);
    let mut headers = Vec::new();
    while headers.len() < 15 {
        assert!(begun.elapsed() < PATIENCE, "{headers:?}");
        // Spoken all the while: what comes during the prompt is withheld.
        if !headers.is_empty() {
            callee.speak(&tone(440));
        }
        let Some(packet) = caller.receive().filter(|packet| packet[1] & 0x7f == 8) else {
            continue;
        };
        assert_eq!(packet.len(), 172);
        headers.push(Header::parse(&packet).expect("RTP"));
    }
    assert!(
        begun.elapsed() >= Duration::from_millis(280),
        "in real time"
    );
    engine.expect(|event| *event == Event::Played { leg: customer });
    for pair in headers.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
        assert_eq!(pair[1].ssrc, pair[0].ssrc);
    }
    converse(&mut caller, &mut callee);
    let discarded = &engine.engine.counters()[0].discarded;
    let withheld = discarded
        .iter()
        .find(|(cause, _)| *cause == "during_prompt");
    assert!(withheld.is_some_and(|(_, count)| *count > 0));
}

#[test]
fn a_stopped_prompt_gives_way_at_once() {
    let engine = Rig::new(22_300..=22_399);
    let (customer, agent) = engine.two_legs();
    let (mut caller, mut callee) = (Phone::new(), Phone::new());
    caller.accept(&engine.answer(customer, &caller.offer(8)));
    callee.accept(&engine.answer(agent, &callee.offer(8)));
    engine.play(
        customer,
        &Prompt::silence(Duration::from_secs(1)),
        Repeat::Forever,
    );
    let deadline = Instant::now() + PATIENCE;
    while caller.hear().is_none_or(|frame| frame != [0xd5; 160]) {
        assert!(Instant::now() < deadline, "no prompt");
    }
    engine.bridge(customer, agent);
    engine.engine.stop_playing(customer).expect("room");
    converse(&mut caller, &mut callee);
    // Where nothing plays it does nothing, nor for a leg that isn't there.
    engine.engine.stop_playing(customer).expect("room");
    let unknown = engine.engine.new_leg(customer.worker());
    engine.engine.stop_playing(unknown).expect("room");
    engine.play(unknown, &Prompt::silence(Duration::ZERO), Repeat::Once);
    let failure = Failure::UnknownLeg;
    engine.expect(|event| {
        *event
            == Event::Failed {
                leg: unknown,
                failure,
            }
    });
}

#[test]
fn a_browser_hears_a_prompt_that_was_begun_before_it_connected() {
    let engine = Rig::new(22_400..=22_499);
    let (_, agent) = engine.two_legs();
    let mut browser = Browser::new();
    browser.negotiate(|offer| engine.agent_offer(agent, offer));
    engine.play(
        agent,
        &Prompt::silence(Duration::from_secs(1)),
        Repeat::Once,
    );
    browser.connect();
    browser.expect_frame(&[0xd5; 160]);
    engine.expect(|event| *event == Event::Played { leg: agent });
}

#[test]
fn a_browsers_microphone_is_measured_before_it_has_a_call() {
    let engine = Rig::new(22_720..=22_729);
    let (_, agent) = engine.two_legs();
    let mut browser = Browser::new();
    browser.negotiate(|offer| engine.agent_offer(agent, offer));
    browser.connect();
    let level = |loudness: std::ops::Range<i8>| {
        engine.events.try_iter().any(|event| match event {
            Event::Level { leg, level } => leg == agent && loudness.contains(&level.dbov()),
            _ => false,
        })
    };
    browser.speak_until(&tone(1_000), || level(-16..-14));
    // A muted track: the digits of silence.
    browser.speak_until(&[0xd5; 160], || level(-73..-71));
    let flows = |event: &Event| match event {
        Event::Audio { leg, received, .. } => *leg == agent && received.packets > 0,
        _ => false,
    };
    browser.speak_until(&[0xd5; 160], || {
        engine.events.try_iter().any(|event| flows(&event))
    });
}
