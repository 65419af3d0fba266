//! What a peer that may speak to us is told when its messages are too large, too many-headed or misshapen.

use std::time::Instant;

use bytes::Bytes;
use signaling::{
    Endpoint, EndpointConfig, Flow, LineConfig, LineId, Profile, SocketId, StreamId, Transport,
};

#[test]
fn control_characters_in_a_display_name_are_refused_and_never_written_back() {
    for (from, expected) in [
        (
            "\"A\rVia: SIP/2.0/UDP evil\" <sip:a@h>;tag=1",
            "400 Bad Request (control byte in a header)",
        ),
        (
            "\"A\0B\" <sip:a@h>;tag=1",
            "400 Bad Request (control byte in a header)",
        ),
        (
            "A\0 <sip:a@h>;tag=1",
            "400 Bad Request (control byte in a header)",
        ),
        (
            "\"A\\\rB\" <sip:a@h>;tag=1",
            "400 Bad Request (control byte in a header)",
        ),
        // Escaped, a NUL may stand in a quoted string (RFC 3261 §25.1).
        ("\"A\\\0B\" <sip:a@h>;tag=1", "200 OK"),
    ] {
        let answer = ask(&options().replace("<sip:a@h>;tag=1", from)).expect(from);
        assert_eq!(status(&answer), expected, "{from:?}");
        assert!(!answer.contains(&0), "{from:?}");
        let stray = |at: usize| answer[at] == b'\r' && answer.get(at + 1) != Some(&b'\n');
        assert!(!(0..answer.len()).any(stray), "{from:?}");
        let vias = answer
            .split(|byte| *byte == b'\n')
            .filter(|line| line.starts_with(b"Via:"));
        assert_eq!(vias.count(), 1, "{from:?}");
    }
}

#[test]
fn latin_1_comes_back_byte_for_byte() {
    let mut text = options().into_bytes();
    let at = text
        .windows(9)
        .position(|bytes| bytes == b"<sip:a@h>")
        .expect("From");
    text.splice(at..at, *b"Jos\xe9 ");
    let answer = ask_bytes(Bytes::from(text)).expect("an answer");
    assert_eq!(status(&answer), "200 OK");
    assert!(
        answer
            .windows(21)
            .any(|bytes| bytes == b"Jos\xe9 <sip:a@h>;tag=1\r")
    );
}

#[test]
fn headers_that_may_stand_once_stand_once() {
    for (name, twice) in [
        ("From", "f: <sip:x@h>;tag=2"),
        ("To", "To: <sip:x@h>"),
        ("Call-ID", "i: other"),
        ("CSeq", "CSeq: 1 OPTIONS"),
        ("Max-Forwards", "Max-Forwards: 70"),
        ("Content-Length", "l: 0"),
    ] {
        let text = options().replace(
            "Max-Forwards: 70\r\n",
            &format!("Max-Forwards: 70\r\n{twice}\r\n"),
        );
        let answer = ask(&text).expect(name);
        assert_eq!(
            status(&answer),
            format!("400 Bad Request (duplicate {name})")
        );
        let text = String::from_utf8(answer).expect("text");
        assert!(
            text.matches(&format!("\r\n{name}: ")).count() <= 1,
            "{text}"
        );
    }
}

#[test]
fn what_is_out_of_bounds_is_refused_and_what_is_on_the_edge_is_taken() {
    let with = |header: &str| {
        options().replace(
            "Max-Forwards: 70\r\n",
            &format!("Max-Forwards: 70\r\n{header}"),
        )
    };
    let vias = |count: usize| with(&"Via: SIP/2.0/UDP h\r\n".repeat(count - 1));
    let lines = |count: usize| with(&"X: 1\r\n".repeat(count - 7));
    let line = |length: usize| with(&format!("X: {}\r\n", "a".repeat(length - 3)));
    let uri = |length: usize| {
        options().replace(
            "sip:b@h SIP",
            &format!("sip:{}@h SIP", "b".repeat(length - 6)),
        )
    };
    let cseq = |number: u64| options().replace("CSeq: 1 ", &format!("CSeq: {number} "));
    let hops = |hops: &str| options().replace("Max-Forwards: 70", &format!("Max-Forwards: {hops}"));
    for (text, expected) in [
        (vias(70), "200 OK"),
        (vias(71), "400 Bad Request (too many Via)"),
        (lines(128), "200 OK"),
        (lines(129), "400 Bad Request (too many headers)"),
        (line(8 * 1024), "200 OK"),
        (line(8 * 1024 + 1), "400 Bad Request (header line too long)"),
        (uri(2 * 1024), "200 OK"),
        (uri(2 * 1024 + 1), "414 Request-URI Too Long"),
        (cseq((1 << 31) - 1), "200 OK"),
        (cseq(1 << 31), "400 Bad Request (unreadable CSeq)"),
        (hops("255"), "200 OK"),
        (hops("256"), "400 Bad Request (unreadable Max-Forwards)"),
        (hops("-1"), "400 Bad Request (unreadable Max-Forwards)"),
        (
            with("Content-Length: +0\r\n"),
            "400 Bad Request (unreadable Content-Length)",
        ),
        (
            with("Spaced Name: x\r\n"),
            "400 Bad Request (header name unreadable)",
        ),
        (
            with("Via: SIP/2.0/UDP h, \r\n"),
            "400 Bad Request (unreadable Via)",
        ),
        (
            with("Contact: \"A <sip:a@h>\r\n"),
            "400 Bad Request (unreadable Contact)",
        ),
        (options().replace("OPTIONS sip", "OPT(ONS sip"), ""),
        (
            options().replace("sip:b@h SIP", "sip:b@\u{1}h SIP"),
            "400 Bad Request (start line unreadable)",
        ),
        (
            options().replace("\r\n\r\n", "\r\n"),
            "400 Bad Request (headers not ended)",
        ),
    ] {
        let answer = ask(&text).map_or(String::new(), |answer| status(&answer));
        assert_eq!(answer, expected, "{:.200}", text);
    }
}

#[test]
fn a_datagram_has_16_kib_and_a_stream_s_message_64() {
    let sized = |size: usize| {
        let text = options().replace("Content-Length: 0\r\n", "");
        Bytes::from(text.clone() + &"x".repeat(size - text.len()))
    };
    for (flow, limit) in [
        (datagram(), 16 * 1024),
        (Flow::Stream(StreamId(1)), 64 * 1024),
    ] {
        for (size, answered) in [(limit, true), (limit + 1, false)] {
            let mut endpoint = endpoint();
            endpoint.handle_message(Instant::now(), flow, sized(size));
            assert_eq!(
                endpoint.poll_transmit().is_some(),
                answered,
                "{flow:?} {size}"
            );
            let counted = endpoint.counts().malformed.get("too_large").copied();
            assert_eq!(counted, (!answered).then_some(1), "{flow:?} {size}");
        }
    }
}

fn ask(text: &str) -> Option<Vec<u8>> {
    ask_bytes(Bytes::copy_from_slice(text.as_bytes()))
}

fn ask_bytes(bytes: Bytes) -> Option<Vec<u8>> {
    let mut endpoint = endpoint();
    endpoint.handle_message(Instant::now(), datagram(), bytes);
    endpoint
        .poll_transmit()
        .map(|transmit| transmit.bytes.to_vec())
}

fn status(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    let line = text
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("SIP/2.0 "));
    line.expect("a response").to_owned()
}

fn datagram() -> Flow {
    Flow::Datagram {
        socket: SocketId(0),
        peer: ([198, 51, 100, 9], 5060).into(),
    }
}

fn endpoint() -> Endpoint {
    let mut endpoint = Endpoint::new(EndpointConfig::default(), [3; 32]);
    endpoint.open_socket(SocketId(0), ([198, 51, 100, 1], 5060).into());
    let config = LineConfig {
        domain: "pbx.test".into(),
        user: "1001".into(),
        password: "secret1001".into(),
        auth_user: None,
        display: None,
        profile: Profile::jssip(),
        expires: LineConfig::EXPIRES,
        instance: "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6".into(),
    };
    endpoint.add_line(LineId(0), config);
    endpoint.handle_line_connected(Instant::now(), LineId(0), StreamId(1), Transport::Wss);
    while endpoint.poll_transmit().is_some() {}
    endpoint
}

fn options() -> String {
    "OPTIONS sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:a@h>;tag=1\r\n\
     To: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        .to_owned()
}
