//! The cases of RFC 4475 and RFC 5118 in messages of our own, through the whole endpoint.
//!
//! The table in DESIGN.md is made from what happens here. To write it anew: `TORTURE_TABLE=write cargo test --workspace --lib torture`.

mod rfc4475;
mod rfc5118;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Message;
use crate::endpoint::{DialogId, Endpoint, EndpointConfig, Event, Flow, SocketId};

/// One message of the RFCs' lists.
struct Case {
    /// As the RFC calls it.
    name: &'static str,
    section: &'static str,
    tries: &'static str,
    message: Vec<u8>,
    /// What an admitted peer meets with, as [`Observed`] words it.
    outcome: &'static str,
    /// What the views say of a message that is read; a refused one has none.
    reads: Option<fn(&Message)>,
}

/// What came of a case.
struct Observed {
    text: String,
    rings: Option<DialogId>,
}

#[test]
fn every_message_of_rfc_4475_has_its_outcome() {
    let cases = rfc4475::cases();
    assert_eq!(cases.len(), 49, "none is skipped");
    check(&cases, "198.51.100.9:5060");
}

#[test]
fn every_message_of_rfc_5118_has_its_outcome() {
    let cases = rfc5118::cases();
    assert_eq!(cases.len(), 12, "none is skipped");
    check(&cases, "[2001:db8::9]:5060");
}

#[test]
fn the_table_in_the_design_is_what_happens() {
    let mut table =
        String::from("| case | RFC, section | what it tries | our outcome |\n|---|---|---|---|\n");
    for (rfc, cases, peer) in [
        ("4475", rfc4475::cases(), "198.51.100.9:5060"),
        ("5118", rfc5118::cases(), "[2001:db8::9]:5060"),
    ] {
        for case in cases {
            let outcome = observe(&mut endpoint(), flow(peer), &case.message).text;
            table += &format!(
                "| `{}` | {rfc}, {} | {} | {outcome} |\n",
                case.name, case.section, case.tries
            );
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/DESIGN.md");
    let design = std::fs::read_to_string(path).expect("the design");
    let (before, rest) = design.split_once(BEGIN).expect("the table's beginning");
    let (stands, after) = rest.split_once(END).expect("the table's end");
    if std::env::var_os("TORTURE_TABLE").is_some_and(|wish| wish == "write") {
        let design = format!("{before}{BEGIN}\n\n{table}\n{END}{after}");
        std::fs::write(path, design).expect("the design is written");
    } else {
        assert_eq!(
            stands.trim(),
            table.trim(),
            "see the top of this file for how to renew it"
        );
    }
}

#[test]
fn the_cookie_alone_tells_no_requests_apart() {
    let (mut endpoint, flow) = (endpoint(), flow("198.51.100.9:5060"));
    let case = rfc4475::cases()
        .into_iter()
        .find(|case| case.name == "badbranch");
    let first = String::from_utf8(case.expect("the case").message).expect("text");
    let second = first.replace("Call-ID: ", "Call-ID: another-");
    for message in [&first, &second, &first] {
        assert_eq!(
            observe(&mut endpoint, flow, message.as_bytes()).text,
            "200 OK"
        );
    }
    assert_eq!(endpoint.counts().retransmissions_received, 1);
}

fn check(cases: &[Case], peer: &str) {
    for case in cases {
        let parsed = Message::parse(Bytes::from(case.message.clone()), 16_384);
        match (&case.reads, &parsed) {
            (Some(reads), Ok(message)) => reads(message),
            (None, Err(_)) => {}
            _ => panic!("{}: {parsed:?}", case.name),
        }
        let mut endpoint = endpoint();
        let observed = observe(&mut endpoint, flow(peer), &case.message);
        assert_eq!(observed.text, case.outcome, "{}", case.name);
        assert_nothing_stays(&mut endpoint, observed.rings, case.name);
    }
}

/// Lets the endpoint have one message of an admitted peer.
fn observe(endpoint: &mut Endpoint, flow: Flow, message: &[u8]) -> Observed {
    endpoint.handle_message(Instant::now(), flow, Bytes::copy_from_slice(message));
    let (mut rings, mut cause) = (None, None);
    while let Some(event) = endpoint.poll_event() {
        match event {
            Event::Invite { dialog, .. } => rings = Some(dialog),
            Event::Malformed { cause: text, .. } => cause = Some(text),
            other => panic!("{other:?}"),
        }
    }
    let answers: Vec<_> = std::iter::from_fn(|| endpoint.poll_transmit()).collect();
    let text = match (&answers[..], rings, cause) {
        ([trying], Some(_), None) => {
            assert!(trying.bytes.starts_with(b"SIP/2.0 100 "));
            "rings".to_owned()
        }
        ([answer], None, _) => {
            assert_safe(&answer.bytes);
            let text = String::from_utf8_lossy(&answer.bytes);
            let line = text
                .lines()
                .next()
                .and_then(|line| line.strip_prefix("SIP/2.0 "));
            line.expect("a response").to_owned()
        }
        ([], None, Some(cause)) => format!("dropped: {cause}"),
        _ => panic!("{answers:?} {rings:?}"),
    };
    Observed { text, rings }
}

/// Whatever came in, nothing goes out that another parser could take for more lines than we wrote.
fn assert_safe(answer: &[u8]) {
    let text: Vec<u8> = answer.to_vec();
    assert!(!text.contains(&0));
    for (position, byte) in text.iter().enumerate() {
        assert!(*byte != b'\r' || text.get(position + 1) == Some(&b'\n'));
        assert!(*byte != b'\n' || text[position - 1] == b'\r');
    }
}

fn assert_nothing_stays(endpoint: &mut Endpoint, rings: Option<DialogId>, name: &str) {
    let mut now = Instant::now();
    if let Some(dialog) = rings {
        endpoint
            .reject(now, dialog, 486, "")
            .expect("a call that rings");
    }
    for _ in 0..60 {
        now += Duration::from_secs(1);
        endpoint.handle_timeout(now);
    }
    assert_eq!(endpoint.counts().server_transactions, 0, "{name}");
    assert_eq!(endpoint.counts().dialogs, 0, "{name}");
}

fn endpoint() -> Endpoint {
    let mut endpoint = Endpoint::new(EndpointConfig::default(), [5; 32]);
    endpoint.open_socket(SocketId(0), ([198, 51, 100, 1], 5060).into());
    endpoint
}

fn flow(peer: &str) -> Flow {
    let peer: SocketAddr = peer.parse().expect("an address");
    Flow::Datagram {
        socket: SocketId(0),
        peer,
    }
}

/// Text with line feeds as it goes over the wire; `Content-Length: #` becomes the body's length.
fn wire(text: &str) -> Vec<u8> {
    let text = text.replace('\n', "\r\n");
    let body = text
        .split_once("\r\n\r\n")
        .map_or(0, |(_, body)| body.len());
    text.replacen(": #\r\n", &format!(": {body}\r\n"), 1)
        .into_bytes()
}

/// A session description of our own for cases that only need to have one.
const SDP: &str = "v=0\no=- 20518 0 IN IP4 198.51.100.9\ns=-\nc=IN IP4 198.51.100.9\nt=0 0\nm=audio 49170 RTP/AVP 0\n";

const BEGIN: &str = "<!-- torture: begin -->";
const END: &str = "<!-- torture: end -->";
