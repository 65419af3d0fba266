//! ICE over TCP: browsers whose network lets no UDP through, and strangers.

use std::io::{Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpStream};

use super::browser::Browser;
use super::phone::candidate;
use super::*;

#[test]
fn a_browser_without_udp_is_heard_over_tcp_and_moves_to_udp_and_back() {
    let engine = Rig::new(22_800..=22_809);
    let (customer, agent) = engine.two_legs();
    let mut caller = Phone::new();
    caller.accept(&engine.answer(customer, &caller.offer(8)));
    let port = port_of(&engine);
    let mut browser = Browser::over_tcp(port);
    browser.negotiate(|offer| engine.agent_offer(agent, offer));
    browser.connect();
    engine.expect(|event| *event == Event::Connected { leg: agent });
    engine.bridge(customer, agent);
    browser.converse(&mut caller);

    browser.move_to_another_port();
    browser.restart_ice(|offer| engine.agent_offer(agent, offer));
    browser.converse(&mut caller);

    browser.move_to_tcp(port);
    browser.restart_ice(|offer| engine.agent_offer(agent, offer));
    browser.converse(&mut caller);
    engine.digits(agent, "5");
    engine.close(agent);
}

#[test]
fn an_answer_to_a_browser_has_a_candidate_of_either_kind_and_prefers_udp() {
    let ip = Ipv6Addr::LOCALHOST.into();
    let engine = Rig::at(ip, 22_810..=22_819);
    let (customer, agent) = engine.two_legs();
    let mut caller = Phone::at(ip);
    caller.accept(&engine.answer(customer, &caller.offer(8)));
    let mut browser = Browser::at(ip);
    let mut answer = String::new();
    browser.negotiate(|offer| {
        answer = engine.agent_offer(agent, offer);
        answer.clone()
    });
    let candidates: Vec<Vec<&str>> = answer
        .lines()
        .filter_map(|line| line.strip_prefix("a=candidate:"))
        .map(|line| line.split(' ').collect())
        .collect();
    let priority = |transport| {
        let found = candidates.iter().find(|words| words[2] == transport);
        let words = found.unwrap_or_else(|| panic!("no {transport} in {answer}"));
        assert_eq!(words[4], "::1");
        words[3].parse::<u32>().expect("a number")
    };
    assert!(priority("udp") > priority("tcp"), "{answer}");
    assert!(answer.contains("typ host tcptype passive"), "{answer}");
    browser.connect();
    engine.bridge(customer, agent);
    browser.converse(&mut caller);
}

#[test]
fn a_stranger_who_speaks_anything_but_ice_is_hung_up_on_and_nobody_is_disturbed() {
    let engine = Rig::new(22_820..=22_829);
    let (customer, agent) = engine.two_legs();
    let (mut caller, mut callee) = (Phone::new(), Phone::new());
    caller.accept(&engine.answer(customer, &caller.offer(8)));
    callee.accept(&engine.answer(agent, &callee.offer(8)));
    engine.bridge(customer, agent);
    let port = port_of(&engine);
    for words in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0xff; 4_000],
        &[0, 3, 22, 254, 253],
        &[0, 2, 0x80, 8],
    ] {
        let mut stranger = TcpStream::connect(port).expect("accepted");
        stranger.set_read_timeout(Some(PATIENCE)).expect("set");
        stranger.write_all(words).expect("taken");
        let mut rest = [0; 16];
        // What was not read makes the close a reset.
        assert_eq!(stranger.read(&mut rest).unwrap_or(0), 0, "{words:?}");
    }
    let unchecked = || {
        let counters = &engine.engine.counters()[0];
        let cause = |(name, count): &(&str, u64)| (*name == "unchecked").then_some(*count);
        counters.discarded.iter().find_map(cause)
    };
    assert_eq!(unchecked(), Some(2), "a ClientHello and RTP");
    converse(&mut caller, &mut callee);
}

/// The port of the engine's only worker, as candidates name it.
fn port_of(engine: &Rig) -> SocketAddr {
    let leg = engine.engine.new_leg(engine.engine.assign());
    let mut port = None;
    Browser::new().negotiate(|offer| {
        let answer = engine.agent_offer(leg, offer);
        port = candidate(&answer);
        answer
    });
    engine.close(leg);
    port.expect("a candidate")
}
