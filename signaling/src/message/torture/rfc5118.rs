//! RFC 5118: IPv6 addresses where IPv4 ones are expected, written anew.

use super::{Case, wire};
use crate::message::{Message, Name, NameAddr, Uri, Via};

pub fn cases() -> Vec<Case> {
    vec![
        case(
            (
                "ipv6-good",
                "4.1",
                "IPv6 references in request URI, Via and Contact",
            ),
            request(
                "REGISTER",
                "sip:[2001:db8::10]",
                "[2001:db8::9:1];branch=z9hG4bKa",
                "Contact: \"Priya\" <sip:priya@[2001:db8::1]>\n",
            ),
            "405 Method Not Allowed",
            |message| {
                assert_eq!(uri(message).host, b"[2001:db8::10]");
                assert_eq!(hosts(message), ["[2001:db8::9:1]"]);
                assert_eq!(contact(message).host, b"[2001:db8::1]");
            },
        ),
        Case {
            reads: None,
            ..case(
                (
                    "ipv6-bad",
                    "4.2",
                    "an IPv6 address without brackets as request URI",
                ),
                request(
                    "REGISTER",
                    "sip:2001:db8::10",
                    "[2001:db8::9:1];branch=z9hG4bKa",
                    "",
                ),
                "400 Bad Request (unreadable request URI)",
                |_| {},
            )
        },
        case(
            (
                "port-ambiguous",
                "4.3",
                "what looks like a port inside the brackets",
            ),
            request(
                "REGISTER",
                "sip:[2001:db8::10:5070]",
                "[2001:db8::9:1];branch=z9hG4bKa",
                "",
            ),
            "405 Method Not Allowed",
            |message| {
                assert_eq!(
                    (uri(message).host, uri(message).port),
                    (&b"[2001:db8::10:5070]"[..], None)
                )
            },
        ),
        case(
            ("port-unambiguous", "4.4", "a port behind the brackets"),
            request(
                "REGISTER",
                "sip:[2001:db8::10]:5070",
                "[2001:db8::9:1];branch=z9hG4bKa",
                "",
            ),
            "405 Method Not Allowed",
            |message| {
                assert_eq!(
                    (uri(message).host, uri(message).port),
                    (&b"[2001:db8::10]"[..], Some(5070))
                )
            },
        ),
        case(
            (
                "via-received-param-with-delim",
                "4.5",
                "received with brackets",
            ),
            request(
                "BYE",
                "sip:[2001:db8::10]",
                "[2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKa",
                "",
            ),
            "481 Call/Transaction Does Not Exist",
            |message| assert_eq!(received(message), b"[2001:db8::9:255]"),
        ),
        case(
            (
                "via-received-param-no-delim",
                "4.5",
                "received without brackets",
            ),
            request(
                "OPTIONS",
                "sip:[2001:db8::10]",
                "[2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKa",
                "",
            ),
            "200 OK",
            |message| assert_eq!(received(message), b"2001:db8::9:255"),
        ),
        case(
            ("ipv6-in-sdp", "4.6", "IPv6 in the session description"),
            invite(
                "o=- 971731711378798081 0 IN IP6 2001:db8::20\ns=-\nc=IN IP6 2001:db8::20\nt=0 0\nm=audio 6000 RTP/AVP 0\n",
            ),
            "rings",
            |message| assert!(message.body().ends_with(b"m=audio 6000 RTP/AVP 0\r\n")),
        ),
        case(
            (
                "mult-ip-in-header",
                "4.7",
                "IPv6 and IPv4 in one message's Vias",
            ),
            request(
                "BYE",
                "sip:priya@host.example.net",
                "[2001:db8::9:1]:6050;branch=z9hG4bKa\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKb\nVia: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bKc;received=[2001:db8::9:255]",
                "",
            ),
            "481 Call/Transaction Does Not Exist",
            |message| {
                assert_eq!(
                    hosts(message),
                    ["[2001:db8::9:1]", "198.51.100.1", "[2001:db8::9:255]"]
                )
            },
        ),
        case(
            (
                "mult-ip-in-sdp",
                "4.8",
                "IPv4 and IPv6 media in one session description",
            ),
            invite(
                "o=bob 280744730 28977631 IN IP4 host.example.com\ns=-\nt=0 0\nm=audio 22334 RTP/AVP 0\nc=IN IP4 198.51.100.1\nm=video 6024 RTP/AVP 107\nc=IN IP6 2001:db8::1\n",
            ),
            "rings",
            |message| assert!(message.body().ends_with(b"c=IN IP6 2001:db8::1\r\n")),
        ),
        case(
            (
                "ipv4-mapped-ipv6",
                "4.9",
                "IPv4-mapped IPv6 addresses in Via and Contact",
            ),
            request(
                "OPTIONS",
                "sip:priya@example.com",
                "[::ffff:198.51.100.10]:19823;branch=z9hG4bKa\nVia: SIP/2.0/UDP [::ffff:198.51.100.2];branch=z9hG4bKb",
                "Contact: \"Desk phone\" <sip:priya@[::ffff:198.51.100.2]>\n",
            ),
            "200 OK",
            |message| {
                assert_eq!(
                    hosts(message),
                    ["[::ffff:198.51.100.10]", "[::ffff:198.51.100.2]"]
                );
                assert_eq!(contact(message).host, b"[::ffff:198.51.100.2]");
            },
        ),
        case(
            (
                "ipv6-bug-abnf-3-colons",
                "4.10",
                "three colons, as RFC 3261's grammar has it: kept as written",
            ),
            request(
                "OPTIONS",
                "sip:priya@[2001:db8:::198.51.100.1]",
                "lab1.example.com;branch=z9hG4bKa",
                "",
            ),
            "200 OK",
            |message| assert_eq!(uri(message).host, b"[2001:db8:::198.51.100.1]"),
        ),
        case(
            (
                "ipv6-correct-abnf-2-colons",
                "4.10",
                "two colons, as RFC 4291 has it",
            ),
            request(
                "OPTIONS",
                "sip:priya@[2001:db8::198.51.100.1]",
                "lab1.example.com;branch=z9hG4bKa",
                "",
            ),
            "200 OK",
            |message| assert_eq!(uri(message).host, b"[2001:db8::198.51.100.1]"),
        ),
    ]
}

fn invite(sdp: &str) -> Vec<u8> {
    let headers = "Contact: <sip:caller@[2001:db8::20]>\nContent-Type: application/sdp\n";
    let head = request(
        "INVITE",
        "sip:priya@[2001:db8::10]",
        "[2001:db8::20];branch=z9hG4bKa",
        headers,
    );
    let text = String::from_utf8(head).expect("text").replace("\r\n", "\n");
    wire(&text.replace(
        "Content-Length: 0\n\n",
        &format!("Content-Length: #\n\nv=0\n{sdp}"),
    ))
}

fn request(method: &str, uri: &str, via: &str, headers: &str) -> Vec<u8> {
    let to_tag = if method == "BYE" { ";tag=bd76ya" } else { "" };
    wire(&format!(
        "{method} {uri} SIP/2.0\nTo: sip:priya@example.com{to_tag}\nFrom: sip:caller@example.com;tag=81x2\nVia: SIP/2.0/UDP {via}\n\
         Call-ID: case.6\nMax-Forwards: 70\n{headers}CSeq: 98176 {method}\nContent-Length: 0\n\n"
    ))
}

fn case(
    (name, section, tries): (&'static str, &'static str, &'static str),
    message: Vec<u8>,
    outcome: &'static str,
    reads: fn(&Message),
) -> Case {
    Case {
        name,
        section,
        tries,
        message,
        outcome,
        reads: Some(reads),
    }
}

fn uri(message: &Message) -> Uri<'_> {
    Uri::parse(message.request_uri()).expect("a URI")
}

fn contact(message: &Message) -> Uri<'_> {
    let contact = message.header(Name::Contact).and_then(NameAddr::parse);
    Uri::parse(contact.expect("a contact").uri).expect("a URI")
}

fn received(message: &Message) -> &[u8] {
    message
        .via()
        .and_then(|via| via.parameters.value(b"received"))
        .expect("received")
}

fn hosts(message: &Message) -> Vec<String> {
    let vias = message
        .elements(Name::Via)
        .map(|via| Via::parse(via).expect("a Via"));
    vias.map(|via| String::from_utf8_lossy(via.host).into_owned())
        .collect()
}
