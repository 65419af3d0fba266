//! Whatever arrives, an endpoint stays standing: real messages, bent at random.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use signaling::message::Message;
use signaling::{
    Body, Credentials, DialogId, Endpoint, EndpointConfig, Event, Flow, InviteRequest, LineConfig,
    LineId, Party, Path, Profile, SocketId, StreamId, Transport,
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn bent_messages_do_not_break_an_endpoint(inputs in vec((input(), vec(bend(), 0..5), 0u64..3_000), 1..16)) {
        let mut now = Instant::now();
        let mut endpoint = endpoint(now);
        let mut owner = Owner::default();
        for (input, bends, wait) in inputs {
            let mut text = input.text(&owner.asked);
            for bend in bends {
                bend.apply(&mut text);
            }
            let (peer, stream) = (([198, 51, 100, 9], 5060).into(), StreamId(1));
            endpoint.handle_message(now, Flow::Datagram { socket: SocketId(0), peer }, Bytes::from(text.clone()));
            endpoint.handle_message(now, Flow::Stream(stream), Bytes::from(text));
            drain(&mut endpoint, now, &mut owner);
            now += Duration::from_millis(wait);
            endpoint.handle_timeout(now);
            drain(&mut endpoint, now, &mut owner);
        }
        for _ in 0..400 {
            let Some((at, _)) = endpoint.poll_timeout() else { break };
            prop_assert!(at <= now + Duration::from_secs(5_000_000_000), "a deadline beyond reason");
            now = now.max(at);
            endpoint.handle_timeout(now);
            drain(&mut endpoint, now, &mut owner);
        }
    }

    #[test]
    fn what_is_parsed_is_what_was_written(name in "[A-Za-z][A-Za-z-]{0,20}", value in "[ -~]{0,60}", body in vec(any::<u8>(), 0..80)) {
        let name = format!("X-{name}");
        let mut text = format!(
            "OPTIONS sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n\
             Call-ID: c\r\nCSeq: 1 OPTIONS\r\n{name}: {value}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        ).into_bytes();
        text.extend_from_slice(&body);
        let message = Message::parse(Bytes::from(text), 65_536).expect("well-formed");
        prop_assert_eq!(message.text(&name), Some(value.trim().to_owned()));
        prop_assert_eq!(&message.body()[..], &body[..]);
    }
}

/// What an endpoint's owner remembers.
#[derive(Default)]
struct Owner {
    /// Requests that were sent, to be answered.
    asked: Vec<Bytes>,
    ended: BTreeSet<DialogId>,
}

/// An owner that takes every call and sends whatever there is to send; all that is sent must be readable.
fn drain(endpoint: &mut Endpoint, now: Instant, owner: &mut Owner) {
    if owner.asked.len() % 3 == 1 {
        let _ = endpoint.invite(now, call_out());
    }
    while let Some(event) = endpoint.poll_event() {
        match event {
            Event::Invite { dialog, .. } => {
                let _ = endpoint.ring(now, dialog, 180, None);
                let _ = endpoint.accept(now, dialog, Body::sdp("v=0"));
            }
            Event::Offer { dialog, .. } => {
                let _ = endpoint.answer_offer(now, dialog, Some(Body::sdp("v=0")));
            }
            Event::Confirmed { dialog, .. } => endpoint.hang_up(now, dialog, None),
            Event::Accepted { dialog, .. } => {
                let _ = endpoint.reinvite(now, dialog, Body::sdp("v=0"));
            }
            Event::Ended { dialog, .. } => assert!(owner.ended.insert(dialog), "ended twice"),
            _ => {}
        }
    }
    while let Some(transmit) = endpoint.poll_transmit() {
        let refusal = [&b"SIP/2.0 4"[..], b"SIP/2.0 505"]
            .iter()
            .any(|start| transmit.bytes.starts_with(start));
        if refusal || &transmit.bytes[..] == b"\r\n" {
            // A refusal repeats what was wrong; a pong is no message.
            continue;
        }
        if !transmit.bytes.starts_with(b"SIP/2.0") {
            owner.asked.push(transmit.bytes.clone());
        }
        Message::parse(transmit.bytes, 1 << 20).expect("we write what we read");
    }
}

fn endpoint(now: Instant) -> Endpoint {
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
    endpoint.handle_line_connected(now, LineId(0), StreamId(1), Transport::Wss);
    endpoint
}

fn call_out() -> InviteRequest {
    InviteRequest {
        path: Path::Datagram {
            socket: SocketId(0),
            peer: ([198, 51, 100, 9], 5060).into(),
        },
        request_uri: "sip:+919000000012@198.51.100.9".into(),
        from: Party {
            display: None,
            uri: "sip:1001@example.com".into(),
        },
        to: Party {
            display: None,
            uri: "sip:+919000000012@example.com".into(),
        },
        headers: Vec::new(),
        body: Body::sdp("v=0"),
        credentials: Some(Credentials {
            user: "trunk".into(),
            password: "secret".into(),
            realm: None,
        }),
    }
}

/// What a peer sends before it is bent.
#[derive(Debug, Clone)]
enum Input {
    Message(Vec<u8>),
    /// A response to one of our latest requests.
    Response(&'static str, prop::sample::Index),
}

impl Input {
    fn text(self, asked: &[Bytes]) -> Vec<u8> {
        match self {
            Input::Message(text) => text,
            Input::Response(_, _) if asked.is_empty() => Vec::new(),
            Input::Response(status, which) => {
                let latest = &asked[asked.len().saturating_sub(4)..];
                let request =
                    String::from_utf8_lossy(&latest[which.index(latest.len())]).into_owned();
                let (_, headers) = request.split_once("\r\n").expect("a start line");
                let challenge =
                    "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n";
                format!(
                    "SIP/2.0 {status} x\r\n{challenge}{}",
                    headers.replace(
                        "To: <sip:+919000000012@example.com>\r\n",
                        "To: <sip:x@h>;tag=t\r\n"
                    )
                )
                .into_bytes()
            }
        }
    }
}

fn input() -> impl Strategy<Value = Input> {
    let status = prop::sample::select(vec![
        "100", "180", "200", "200", "401", "407", "423", "481", "486", "491", "503", "699",
    ]);
    prop_oneof![
        message().prop_map(Input::Message),
        (status, any::<prop::sample::Index>())
            .prop_map(|(status, which)| Input::Response(status, which)),
    ]
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let invite = include_str!("captured/sipp_invite.sip");
    let ack = include_str!("captured/kamailio_gruu_ack.sip");
    prop::sample::select(vec![
        invite.to_owned(),
        invite.replace("INVITE", "CANCEL"),
        invite.replace("INVITE", "BYE"),
        invite.replace("INVITE", "OPTIONS"),
        invite.replace("sip:1001@198.51.100.1:5060 SIP", "tel:+919000000012 SIP"),
        ack.to_owned(),
        include_str!("captured/jssip_register.sip").to_owned(),
        include_str!("captured/jssip_invite_200.sip").to_owned(),
        include_str!("captured/kamailio_register_200.sip").to_owned(),
    ])
    .prop_map(String::into_bytes)
}

/// One way to damage a message.
#[derive(Debug, Clone)]
enum Bend {
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Cut(prop::sample::Index, usize),
    Truncate(prop::sample::Index),
}

fn bend() -> impl Strategy<Value = Bend> {
    let marks = prop::sample::select(vec![
        &b"\r\n"[..],
        b"\r\n ",
        b"\"",
        b"<",
        b">",
        b";",
        b",",
        b"@",
        b":",
        b"\0",
        b"\r",
        b"%",
        b"\xff",
        b"z9hG4bK",
        b"Via: SIP/2.0/UDP h\r\n",
        b"99999999999",
        b"Route: <sip:p>\r\n",
        b"[::1",
        b"?",
        b"\\",
    ]);
    prop_oneof![
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Bend::Set(at, byte)),
        (any::<prop::sample::Index>(), marks)
            .prop_map(|(at, mark)| Bend::Insert(at, mark.to_vec())),
        (any::<prop::sample::Index>(), 1usize..40).prop_map(|(at, length)| Bend::Cut(at, length)),
        any::<prop::sample::Index>().prop_map(Bend::Truncate),
    ]
}

impl Bend {
    fn apply(self, text: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        match self {
            Bend::Set(at, byte) => {
                let at = at.index(text.len());
                text[at] = byte;
            }
            Bend::Insert(at, mark) => {
                let at = at.index(text.len());
                text.splice(at..at, mark);
            }
            Bend::Cut(at, length) => {
                let at = at.index(text.len());
                let end = (at + length).min(text.len());
                text.drain(at..end);
            }
            Bend::Truncate(at) => text.truncate(at.index(text.len())),
        }
    }
}
