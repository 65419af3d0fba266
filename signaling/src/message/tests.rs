//! Messages as real devices send them, and as they must not.

use bytes::Bytes;

use super::*;

#[test]
fn compact_and_folded_headers_read_like_long_ones() {
    let message = parse(
        "\r\n\r\nINVITE tel:+919000000011 SIP/2.0\r\nv : SIP / 2.0 / UDP [2001:db8::9]:5070\r\n ;branch=z9hG4bK1,\r\n\tSIP/2.0/TCP b\r\n\
         f: \"A, \\\"B\\\" <x>\"\r\n <sip:a@example.com>;tag=1\r\nt: tel:+919000000011\r\ni: c1@h\r\ncSEQ:  12   INVITE\r\n\
         m: <sip:a@[2001:db8::9]:5070;transport=udp>\r\ns: hi\r\n there\r\nc: application/sdp\r\nl: 3\r\n\r\nv=0trailing",
    );
    assert_eq!(
        message.kind(),
        Kind::Request {
            method: Method::Invite,
            uri: b"tel:+919000000011"
        }
    );
    let via = message.via().expect("a via");
    assert_eq!(
        (via.host, via.port, via.branch()),
        (&b"[2001:db8::9]"[..], Some(5070), Some(&b"z9hG4bK1"[..]))
    );
    assert_eq!(message.elements(Name::Via).count(), 2);
    assert_eq!(
        message
            .from()
            .and_then(|from| from.display_text())
            .as_deref(),
        Some("A, \"B\" <x>")
    );
    assert_eq!(message.text("subject").as_deref(), Some("hi there"));
    assert_eq!(message.text("S").as_deref(), Some("hi there"));
    assert_eq!(message.body(), "v=0");
}

#[test]
fn captured_messages_are_read_to_the_last_parameter() {
    let register = parse(JSSIP_REGISTER);
    let contact = register.contact().expect("a contact");
    assert_eq!(
        contact.uri,
        b"sip:n7mlltsg@4sj15je5b736.invalid;transport=ws"
    );
    assert_eq!(contact.parameters.value(b"reg-id"), Some(&b"1"[..]));
    let ok = parse(KAMAILIO_OK);
    let binding = ok.contact().expect("a contact");
    assert_eq!(
        unquoted(binding.parameters.value(b"received").expect("received")).as_ref(),
        b"sip:198.51.100.3:4711;transport=ws"
    );
    assert_eq!(
        ok.kind(),
        Kind::Response {
            status: 200,
            reason: b"OK"
        }
    );
    let ack = parse(GRUU_ACK);
    let uri = Uri::parse(ack.request_uri()).expect("a uri");
    assert_eq!(
        uri.parameters.value(b"gr"),
        Some(&b"urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"[..])
    );
}

#[test]
fn bytes_that_are_not_utf8_stay_what_they_are() {
    let mut text = b"INFO sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: Jos\xe9 <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n\
                     Call-ID: c\r\nCSeq: 1 INFO\r\nContent-Length: 4\r\n\r\n"
        .to_vec();
    text.extend_from_slice(&[0, 0xff, b'\r', 0x80]);
    let message = Message::parse(Bytes::from(text), 4096).expect("a message");
    assert_eq!(
        message.header(Name::From),
        Some(&b"Jos\xe9 <sip:a@h>;tag=1"[..])
    );
    assert_eq!(&message.body()[..], [0, 0xff, b'\r', 0x80]);
    assert_eq!(
        message
            .from()
            .and_then(|from| from.display_text())
            .as_deref(),
        Some("Jos\u{fffd}")
    );
}

#[test]
fn unknown_methods_and_headers_are_kept() {
    let message = parse(
        &base()
            .replace("OPTIONS", "KDMQ")
            .replace("Max-Forwards: 70", "X-Odd_Name!: a:b,c"),
    );
    assert_eq!(message.method(), Method::Other);
    assert_eq!(message.cseq().map(|cseq| cseq.method), Some(&b"KDMQ"[..]));
    assert_eq!(message.text("x-odd_name!").as_deref(), Some("a:b,c"));
}

#[test]
fn each_fault_has_its_name() {
    let many_vias = "Via: SIP/2.0/UDP h\r\n".repeat(70);
    let many_headers = "X: 1\r\n".repeat(130);
    let long_line = format!("X: {}\r\n", "a".repeat(9_000));
    let long_uri = format!("sip:{}@h", "a".repeat(2_050));
    for (from, to, cause) in [
        (
            "Max-Forwards: 70\r\n",
            "Max-Forwards: 70\r\nMax-Forwards: 70\r\n",
            Malformed::Duplicate("Max-Forwards"),
        ),
        (
            "Max-Forwards: 70\r\n",
            "t: <sip:x@y>\r\n",
            Malformed::Duplicate("To"),
        ),
        (
            "Content-Length: 0",
            "Content-Length: -1",
            Malformed::Header("Content-Length"),
        ),
        (
            "Content-Length: 0",
            "Content-Length: 5",
            Malformed::BodyShort,
        ),
        (
            "Content-Length: 0",
            "Content-Length: 99999999999999999999",
            Malformed::Header("Content-Length"),
        ),
        (
            "Content-Length: 0",
            "Content-Length: 0\r\nl: 0",
            Malformed::Duplicate("Content-Length"),
        ),
        ("CSeq: 1 OPTIONS", "CSeq: 1 INVITE", Malformed::CSeqMethod),
        (
            "CSeq: 1 OPTIONS",
            "CSeq: 4294967296 OPTIONS",
            Malformed::Header("CSeq"),
        ),
        ("CSeq: 1 OPTIONS\r\n", "", Malformed::Missing("CSeq")),
        ("Call-ID: c\r\n", "", Malformed::Missing("Call-ID")),
        ("To: <sip:b@h>\r\n", "", Malformed::Missing("To")),
        (
            "From: <sip:a@h>;tag=1",
            "From: <sip:a@h>",
            Malformed::Missing("From tag"),
        ),
        (
            "From: <sip:a@h>;tag=1",
            "From: \"a <sip:a@h>;tag=1",
            Malformed::Header("From"),
        ),
        (
            "From: <sip:a@h>;tag=1",
            "From: <sip:a@h;tag=1",
            Malformed::Header("From"),
        ),
        (
            "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n",
            "",
            Malformed::Missing("Via"),
        ),
        (
            "Via: SIP/2.0/UDP h;branch=z9hG4bK1",
            "Via: h",
            Malformed::Header("Via"),
        ),
        (
            "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n",
            "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n##",
            Malformed::TooManyVias,
        ),
        ("Max-Forwards: 70\r\n", "@@", Malformed::TooManyHeaders),
        ("Max-Forwards: 70\r\n", "%%", Malformed::LineTooLong),
        ("OPTIONS sip:b@h", "OPTIONS &&", Malformed::UriTooLong),
        ("Max-Forwards: 70", "Max-Forwards", Malformed::HeaderName),
        (
            "Max-Forwards: 70",
            "Max Forwards: 70",
            Malformed::HeaderName,
        ),
        ("Max-Forwards: 70", "X: a\rb", Malformed::ControlByte),
        ("Max-Forwards: 70", "X: a\0b", Malformed::ControlByte),
        (
            "Max-Forwards: 70",
            "Contact: <sip:a@h",
            Malformed::Header("Contact"),
        ),
        ("SIP/2.0\r\nVia", "SIP/7.0\r\nVia", Malformed::Version),
        ("OPTIONS sip:b@h", "OPTIONS  sip:b@h", Malformed::StartLine),
        ("OPTIONS sip:b@h", "OPTIONS <sip:b@h>", Malformed::StartLine),
        ("\r\n\r\n", "\r\n", Malformed::Truncated),
    ] {
        let text = base()
            .replacen(from, to, 1)
            .replace("##", &many_vias)
            .replace("@@", &many_headers)
            .replace("%%", &long_line)
            .replace("&&", &long_uri);
        let refusal = Message::parse(Bytes::from(text.clone()), 65_536).expect_err(&text);
        assert_eq!(refusal.cause, cause, "{text}");
        assert!(refusal.request.is_some(), "{text}");
    }
    for text in [
        "",
        "\r\n",
        "OPTIONS",
        "OPTIONS sip:b@h\r\n\r\n",
        "SIP/2.0 99 x\r\n\r\n",
        "SIP/2.0 20 x\r\n\r\n",
        "SIP/2.0 2000 x\r\n\r\n",
    ] {
        let refusal =
            Message::parse(Bytes::copy_from_slice(text.as_bytes()), 65_536).expect_err(text);
        assert_eq!(
            (refusal.cause, refusal.request.is_none()),
            (Malformed::StartLine, true),
            "{text}"
        );
    }
    let refusal = Message::parse(Bytes::from(base()), 20).expect_err("too large");
    assert_eq!(refusal.cause, Malformed::TooLarge);
}

#[test]
fn a_cause_has_a_status_that_is_an_error() {
    for cause in [
        Malformed::Version,
        Malformed::TooLarge,
        Malformed::UriTooLong,
        Malformed::StartLine,
        Malformed::Missing("To"),
    ] {
        assert!((400..600).contains(&cause.status()));
        assert!(!cause.label().contains(' '));
    }
}

#[test]
fn bare_line_feeds_end_lines_too() {
    let message = parse(&base().replace("\r\n", "\n"));
    assert_eq!(message.call_id(), b"c");
}

#[test]
fn nothing_secret_is_in_the_debug_form() {
    let message =
        parse(&base().replace("Max-Forwards: 70", "Authorization: Digest response=\"abc\""));
    assert_eq!(format!("{message:?}"), "Message(OPTIONS …)");
}

fn parse(text: &str) -> Message {
    Message::parse(Bytes::copy_from_slice(text.as_bytes()), 65_536).expect(text)
}

fn base() -> String {
    "OPTIONS sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:a@h>;tag=1\r\n\
     To: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        .to_owned()
}

const JSSIP_REGISTER: &str = include_str!("../../tests/captured/jssip_register.sip");
const KAMAILIO_OK: &str = include_str!("../../tests/captured/kamailio_register_200.sip");
const GRUU_ACK: &str = include_str!("../../tests/captured/kamailio_gruu_ack.sip");
