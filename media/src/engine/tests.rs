//! The engine on loopback: real sockets, deadlines instead of sleeps.

mod browser;
mod digits;
mod link;
mod panics;
mod pbx;
mod phone;
mod prompts;
mod streams;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::*;
use browser::Browser;
use phone::{Phone, tone};

#[test]
fn two_plain_legs_hear_each_other_bit_by_bit() {
    let engine = Rig::new(21_000..=21_099);
    let (customer, agent) = engine.two_legs();
    let mut caller = Phone::new();
    let mut callee = Phone::new();
    caller.accept(&engine.answer(customer, &caller.offer(8)));
    callee.accept(&engine.answer(agent, &callee.offer(8)));
    engine.bridge(customer, agent);
    converse(&mut caller, &mut callee);
    engine.expect(|event| *event == Event::Heard { leg: customer });
    assert_eq!(engine.engine.counters()[0].bridges, 1);
    engine.close(customer);
    engine.close(agent);
}

#[test]
fn legs_of_either_kind_work_over_ipv6() {
    let ip = Ipv6Addr::LOCALHOST.into();
    let ours = Rig::at(ip, 22_750..=22_759);
    let theirs = Rig::at(ip, 22_760..=22_769);
    let (customer, agent) = ours.two_legs();
    let (far_customer, far_agent) = theirs.two_legs();
    let offer = ours.offer(customer, PeerKind::WebRtc);
    assert!(offer.contains("c=IN IP6 ::1\r\n"), "{offer}");
    ours.accept_answer(customer, &theirs.answer(far_customer, &offer));
    let (mut near, mut far) = (Phone::at(ip), Phone::at(ip));
    near.accept(&ours.answer(agent, &near.offer(8)));
    far.accept(&theirs.answer(far_agent, &far.offer(8)));
    ours.bridge(customer, agent);
    theirs.bridge(far_customer, far_agent);
    converse(&mut near, &mut far);
}

#[test]
fn a_browser_and_a_plain_leg_hear_each_other_and_survive_an_ice_restart() {
    let engine = Rig::new(21_100..=21_199);
    let (customer, agent) = engine.two_legs();
    let mut caller = Phone::new();
    caller.accept(&engine.answer(customer, &caller.offer(8)));
    let mut browser = Browser::new();
    browser.negotiate(|offer| engine.agent_offer(agent, offer));
    browser.connect();
    engine.expect(|event| *event == Event::Connected { leg: agent });
    engine.bridge(customer, agent);
    browser.converse(&mut caller);
    engine.expect(|event| *event == Event::Heard { leg: agent });

    browser.move_to_another_port();
    browser.restart_ice(|offer| engine.agent_offer(agent, offer));
    browser.converse(&mut caller);
    engine.close(agent);
}

#[test]
fn a_provider_leg_works_as_offerer_and_as_answerer() {
    // Two engines, since one socket can't be both ends of a pair.
    let ours = Rig::new(21_200..=21_299);
    let theirs = Rig::new(21_300..=21_399);
    let (customer, agent) = ours.two_legs();
    let (far_customer, far_agent) = theirs.two_legs();
    let offer = ours.offer(customer, PeerKind::WebRtc);
    let answer = theirs.answer(far_customer, &offer);
    ours.accept_answer(customer, &answer);
    ours.expect(|event| *event == Event::Connected { leg: customer });
    theirs.expect(|event| *event == Event::Connected { leg: far_customer });

    let (mut near, mut far) = (Phone::new(), Phone::new());
    near.accept(&ours.answer(agent, &near.offer(8)));
    far.accept(&theirs.answer(far_agent, &far.offer(0)));
    ours.bridge(customer, agent);
    theirs.bridge(far_customer, far_agent);
    // A-law on one side and µ-law on the other: heard, though not bit by bit.
    near.converse_transcoded(&mut far);

    let restart = ours
        .ask(|engine, request| engine.restart_ice(customer, request))
        .expect("an offer");
    let ufrag = |sdp: &str| {
        let line = sdp.lines().find(|l| l.starts_with("a=ice-ufrag:"));
        line.expect("ICE").to_owned()
    };
    assert_ne!(ufrag(&offer), ufrag(&restart));
    let answer = theirs.answer(far_customer, &restart);
    ours.accept_answer(customer, &answer);
    near.converse_transcoded(&mut far);
    let offer = ours.offer(customer, PeerKind::WebRtc);
    assert_eq!(
        ufrag(&offer),
        ufrag(&restart),
        "what was answered is in force"
    );

    let hold = offer.replace("a=sendrecv", "a=sendonly");
    let answer = theirs.answer(far_customer, &hold);
    assert!(answer.contains("a=recvonly"), "{answer}");
    let setup = |sdp: &str| {
        sdp.lines()
            .find(|l| l.starts_with("a=setup"))
            .map(str::to_owned)
    };
    assert_eq!(setup(&answer).as_deref(), Some("a=setup:active"));
}

#[test]
fn a_provider_restarts_ice_and_moves_and_is_heard_all_the_same() {
    let engine = Rig::new(22_500..=22_599);
    let (customer, agent) = engine.two_legs();
    let mut callee = Phone::new();
    callee.accept(&engine.answer(agent, &callee.offer(8)));
    // A full agent with DTLS of its own; as a browser's, it insists on a bundle.
    let mut provider = Browser::new();
    let answer = |offer: String| {
        let answer = engine.answer(customer, &offer);
        let mid = answer.lines().find_map(|line| line.strip_prefix("a=mid:"));
        let group = format!("t=0 0\r\na=group:BUNDLE {}", mid.expect("echoed"));
        answer.replace("t=0 0", &group)
    };
    provider.negotiate(answer);
    provider.connect();
    engine.expect(|event| *event == Event::Connected { leg: customer });
    engine.bridge(customer, agent);
    provider.converse(&mut callee);
    provider.move_to_another_port();
    provider.restart_ice(answer);
    provider.converse(&mut callee);
}

#[test]
fn an_offer_of_ours_is_answered_by_a_plain_peer() {
    let engine = Rig::new(21_400..=21_499);
    let (customer, agent) = engine.two_legs();
    let (mut caller, mut callee) = (Phone::new(), Phone::new());
    caller.accept(&engine.offer(customer, PeerKind::Plain));
    engine.accept_answer(customer, &caller.offer(8));
    callee.accept(&engine.answer(agent, &callee.offer(8)));
    engine.bridge(customer, agent);
    converse(&mut caller, &mut callee);
}

#[test]
fn trunks_with_keys_in_their_descriptions_hear_each_other_across_a_hold() {
    let ours = Rig::new(22_730..=22_739);
    let theirs = Rig::new(22_740..=22_749);
    let (customer, agent) = ours.two_legs();
    let (far_customer, far_agent) = theirs.two_legs();
    let offer = ours.offer(customer, PeerKind::Sdes);
    assert!(offer.contains("RTP/SAVP 8 0 101"), "{offer}");
    ours.accept_answer(customer, &theirs.answer(far_customer, &offer));
    let (mut near, mut far) = (Phone::new(), Phone::new());
    near.accept(&ours.answer(agent, &near.offer(8)));
    far.accept(&theirs.answer(far_agent, &far.offer(8)));
    ours.bridge(customer, agent);
    theirs.bridge(far_customer, far_agent);
    converse(&mut near, &mut far);
    ours.expect(|event| *event == Event::Connected { leg: customer });
    for direction in [Direction::SendOnly, Direction::SendRecv] {
        let offer = ours
            .ask(|engine, request| engine.reoffer(customer, request, direction))
            .expect("an offer");
        assert!(offer.contains(direction.name()), "{offer}");
        ours.accept_answer(customer, &theirs.answer(far_customer, &offer));
    }
    converse(&mut near, &mut far);
}

#[test]
fn wrong_descriptions_are_refused_with_their_reason() {
    let engine = Rig::new(21_500..=21_599);
    let (customer, agent) = engine.two_legs();
    let refusal = |result: Result<String, SdpError>| result.expect_err("refused");
    let video = "v=0\r\no=- 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n\
                 m=video 9 UDP/TLS/RTP/SAVPF 96\r\n";
    let asked = engine.ask(|engine, request| engine.agent_offer(agent, request, video.into()));
    assert_eq!(refusal(asked), SdpError::NoAudio);
    let asked = engine.ask(|engine, request| engine.answer(customer, request, "junk".into()));
    assert!(matches!(refusal(asked), SdpError::Malformed(_)));
    let g729 = Phone::new().offer(18);
    let asked = engine.ask(|engine, request| engine.answer(customer, request, g729.clone()));
    assert_eq!(refusal(asked), SdpError::NoCodec);
    let asked = engine.ask(|engine, request| engine.accept_answer(customer, request, g729.clone()));
    assert!(matches!(refusal(asked), SdpError::Misuse(_)));
    engine.engine.bridge(customer, agent).expect("room");
    engine.expect(|event| {
        matches!(
            event,
            Event::Failed {
                failure: Failure::UnknownLeg,
                ..
            }
        )
    });
    assert_eq!(engine.engine.counters()[0].legs, 0);
}

#[test]
fn garbage_at_every_socket_disturbs_nobody() {
    let engine = Rig::new(21_600..=21_699);
    let (customer, agent) = engine.two_legs();
    let (mut caller, mut callee) = (Phone::new(), Phone::new());
    caller.accept(&engine.answer(customer, &caller.offer(8)));
    callee.accept(&engine.answer(agent, &callee.offer(8)));
    engine.bridge(customer, agent);
    converse(&mut caller, &mut callee);
    let browser_leg = engine.engine.new_leg(customer.worker());
    let browser = Browser::new();
    let mut webrtc = None;
    let mut idle = browser;
    idle.negotiate(|offer| {
        let answer = engine.agent_offer(browser_leg, offer);
        webrtc = phone::candidate(&answer);
        answer
    });
    let targets = [webrtc, caller.remote(), callee.remote()];
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let stranger = Phone::new();
    for target in targets.into_iter().flatten() {
        for length in 0..400usize {
            let garbage: Vec<u8> = (0..length)
                .map(|n| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    match n {
                        // Every protocol's first octets in turn.
                        0 => [0, 1, 22, 128, 0x90, 0xbf, 64, 255][length % 8],
                        _ => (state >> 56) as u8,
                    }
                })
                .collect();
            stranger.send_raw(&garbage, target);
            caller.send_raw(&garbage, target);
        }
    }
    converse(&mut caller, &mut callee);
    assert_eq!(engine.engine.counters()[0].legs, 3);
}

#[test]
fn audio_that_stops_is_told_within_two_seconds_and_its_return_too() {
    let engine = Rig::new(22_840..=22_849);
    let (customer, agent) = engine.two_legs();
    let (mut caller, mut callee) = (Phone::new(), Phone::new());
    caller.accept(&engine.answer(customer, &caller.offer(8)));
    callee.accept(&engine.answer(agent, &callee.offer(8)));
    engine.bridge(customer, agent);
    converse(&mut caller, &mut callee);
    let stopped = Instant::now();
    engine.expect(|event| matches!(event, Event::Stopped { leg, .. } if *leg == customer));
    assert!(stopped.elapsed() < Duration::from_secs(4), "on any machine");
    engine.engine.relearn(customer).expect("room");
    let mut moved = Phone::new();
    moved.accept(
        &engine
            .ask(|engine, request| engine.offer(customer, request, PeerKind::Plain))
            .expect("as it is"),
    );
    let spoken = tone(1_300);
    moved.speak_until_heard(&spoken, &mut callee, |heard| heard == spoken);
    engine.expect(|event| *event == Event::Resumed { leg: customer });
}

#[test]
fn a_closed_legs_end_is_told_once_and_its_bridge_is_gone() {
    let engine = Rig::new(21_700..=21_799);
    let (customer, agent) = engine.two_legs();
    let (caller, callee) = (Phone::new(), Phone::new());
    engine.answer(customer, &caller.offer(8));
    engine.answer(agent, &callee.offer(8));
    engine.bridge(customer, agent);
    engine.close(customer);
    let counters = &engine.engine.counters()[0];
    assert_eq!((counters.legs, counters.bridges), (1, 0));
}

#[test]
fn a_leg_that_panics_ends_alone() {
    let engine = Rig::new(21_800..=21_899);
    let (customer, agent) = engine.two_legs();
    let (mut caller, mut callee) = (Phone::new(), Phone::new());
    caller.accept(&engine.answer(customer, &caller.offer(8)));
    callee.accept(&engine.answer(agent, &callee.offer(8)));
    let doomed = engine.engine.new_leg(customer.worker());
    engine.answer(doomed, &Phone::new().offer(8));
    let asked = engine.ask(|engine, request| {
        let leg = doomed;
        engine.send(leg, Command::Panic { leg, request })
    });
    assert_eq!(asked, Err(SdpError::Internal));
    let cause = LegLost::Panicked;
    engine.expect(|event| {
        *event
            == Event::Lost {
                leg: doomed,
                cause: cause.clone(),
            }
    });
    engine.expect(|event| *event == Event::Closed { leg: doomed });
    engine.bridge(customer, agent);
    converse(&mut caller, &mut callee);
}

#[test]
fn a_closing_leg_says_bye_by_rtcp() {
    let engine = Rig::new(21_900..=21_999);
    let (customer, agent) = engine.two_legs();
    let (mut caller, mut callee) = (Phone::new(), Phone::new());
    let offer = caller.offer(8).replace("a=sendrecv", "a=rtcp-mux");
    caller.accept(&engine.answer(customer, &offer));
    callee.accept(&engine.answer(agent, &callee.offer(8)));
    engine.bridge(customer, agent);
    converse(&mut caller, &mut callee);
    engine.close(customer);
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < deadline, "no BYE");
        let Some(datagram) = caller.receive() else {
            continue;
        };
        let items: Vec<_> = crate::rtcp::read(&datagram).collect();
        if datagram[1] >= 200 && items.contains(&crate::rtcp::Item::Bye) {
            let report =
                |item: &crate::rtcp::Item| matches!(item, crate::rtcp::Item::SenderReport { .. });
            assert!(
                items.iter().any(report),
                "what was sent is reported: {items:?}"
            );
            return;
        }
    }
}

fn converse(one: &mut Phone, other: &mut Phone) {
    for (frequency, forth) in [(1_000, true), (440, false)] {
        let (from, to): (&mut Phone, &mut Phone) = if forth {
            (&mut *one, &mut *other)
        } else {
            (&mut *other, &mut *one)
        };
        let spoken = tone(frequency);
        from.speak_until_heard(&spoken, to, |heard| heard == spoken);
    }
}

/// An engine of one worker with its events.
struct Rig {
    engine: Engine,
    events: Receiver<Event>,
    seen: std::cell::RefCell<Vec<Event>>,
    requests: std::cell::Cell<u64>,
}

impl Rig {
    fn new(rtp_ports: RangeInclusive<u16>) -> Self {
        Self::at(Ipv4Addr::LOCALHOST.into(), rtp_ports)
    }

    fn at(ip: IpAddr, rtp_ports: RangeInclusive<u16>) -> Self {
        let (sender, events) = channel();
        let sender = std::sync::Mutex::new(sender);
        let config = EngineConfig {
            public_ip: ip,
            bind_ip: ip,
            webrtc_port: 0,
            ice_tcp: IceTcp::Passive,
            rtp_ports,
            workers: 1,
            pinning: Pinning::Off,
            codecs: vec![AudioCodec::Pcma, AudioCodec::Pcmu],
            seed: [7; 32],
        };
        let sink = move |event| {
            let _ = sender.lock().expect("not poisoned").send(event);
        };
        Self {
            engine: Engine::start(config, Box::new(sink)).expect("a loopback socket"),
            events,
            seen: Default::default(),
            requests: Default::default(),
        }
    }

    fn two_legs(&self) -> (LegId, LegId) {
        let worker = self.engine.assign();
        (self.engine.new_leg(worker), self.engine.new_leg(worker))
    }

    /// The first event, seen already or to come, that `wanted` picks.
    fn expect(&self, wanted: impl Fn(&Event) -> bool) -> Event {
        let position = self.seen.borrow().iter().position(&wanted);
        if let Some(position) = position {
            return self.seen.borrow_mut().remove(position);
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let event = self.events.recv_timeout(left).unwrap_or_else(|_| {
                panic!("the event didn't come; seen: {:?}", self.seen.borrow())
            });
            if wanted(&event) {
                return event;
            }
            self.seen.borrow_mut().push(event);
        }
    }

    fn ask(
        &self,
        command: impl FnOnce(&Engine, RequestId) -> Result<(), Full>,
    ) -> Result<String, SdpError> {
        let id = RequestId(self.requests.get());
        self.requests.set(id.0 + 1);
        command(&self.engine, id).expect("room in the ring");
        let event = self
            .expect(|event| matches!(event, Event::Description { request, .. } if *request == id));
        match event {
            Event::Description { result, .. } => result,
            other => unreachable!("{other:?} was picked"),
        }
    }

    fn answer(&self, leg: LegId, offer: &str) -> String {
        self.ask(|engine, request| engine.answer(leg, request, offer.into()))
            .expect("an answer")
    }

    fn offer(&self, leg: LegId, kind: PeerKind) -> String {
        self.ask(|engine, request| engine.offer(leg, request, kind))
            .expect("an offer")
    }

    fn accept_answer(&self, leg: LegId, answer: &str) {
        self.ask(|engine, request| engine.accept_answer(leg, request, answer.into()))
            .expect("taken");
    }

    fn agent_offer(&self, leg: LegId, offer: String) -> String {
        self.ask(|engine, request| engine.agent_offer(leg, request, offer))
            .expect("an answer")
    }

    fn bridge(&self, customer: LegId, agent: LegId) {
        self.engine
            .bridge(customer, agent)
            .expect("room in the ring");
        let deadline = Instant::now() + PATIENCE;
        while self.engine.counters()[0].bridges == 0 {
            assert!(Instant::now() < deadline, "not bridged");
            std::thread::yield_now();
        }
    }

    fn digits(&self, leg: LegId, tones: &str) {
        let tones = tones.parse().expect("tones");
        self.engine.digits(leg, tones).expect("room in the ring");
    }

    fn play(&self, leg: LegId, prompt: &Prompt, repeat: Repeat) {
        let played = self.engine.play(leg, prompt.clone(), repeat);
        played.expect("room in the ring");
    }

    fn close(&self, leg: LegId) {
        self.engine.close(leg).expect("room in the ring");
        self.expect(|event| *event == Event::Closed { leg });
    }
}

/// Far beyond what anything takes, so that a busy machine fails nothing.
const PATIENCE: Duration = Duration::from_secs(20);
