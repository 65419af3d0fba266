use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const OPTIONS: &str = "OPTIONS sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n";

#[test]
fn several_messages_in_one_segment_are_told_apart() {
    let first = format!("{OPTIONS}Content-Length: 4\r\n\r\nbody");
    let second = format!("{OPTIONS}l:0\r\n\r\n");
    let third = format!("{OPTIONS}\r\n");
    let all = [first.as_str(), &second, "\r\n", &third].concat();
    assert_eq!(
        framed(&[all.as_bytes()]),
        (
            vec![message(&first), message(&second), message(&third)],
            None
        )
    );
}

#[test]
fn a_double_line_end_is_a_ping_and_a_single_one_nothing() {
    let one = format!("{OPTIONS}\r\n");
    assert_eq!(framed(&[b"\r\n\r\n"]).0, [Framed::Ping]);
    assert_eq!(framed(&[b"\r\n", b"\r", b"\n"]).0, [Framed::Ping]);
    assert_eq!(framed(&[b"\r\n"]), (vec![], None));
    assert_eq!(framed(&[b"\r\n", one.as_bytes()]).0, [message(&one)]);
    let mut framing = StreamFraming::default();
    framing.handle_bytes(b"\r\n");
    assert_eq!(framing.poll_framed(), Ok(None));
    assert!(!framing.is_partial(), "a pong waits for nothing");
    framing.handle_bytes(b"O");
    assert_eq!(framing.poll_framed(), Ok(None));
    assert!(framing.is_partial());
}

#[test]
fn a_length_may_be_compact_spaced_or_folded() {
    for header in [
        "Content-Length: 2",
        "content-length :2 ",
        "L:\t2",
        "Content-Length:\r\n 2",
        "Subject: x\r\n Content-Length: 9\r\nl: 2",
        "Content-Length: 002",
    ] {
        let text = format!("{OPTIONS}{header}\r\n\r\nok");
        assert_eq!(framed(&[text.as_bytes()]).0, [message(&text)], "{header}");
    }
}

#[test]
fn an_unclear_length_ends_the_stream() {
    for header in [
        "Content-Length: 2\r\nl: 2",
        "Content-Length: -1",
        "Content-Length: +2",
        "Content-Length: 2 3",
        "Content-Length: 0x2",
        "Content-Length: ",
        "Content-Length: 2\r\n 3",
        "l:\r\nTo: x",
    ] {
        let text = format!("{OPTIONS}{header}\r\n\r\nok");
        let refused = Some(Unframeable::ContentLength);
        assert_eq!(framed(&[text.as_bytes()]), (vec![], refused), "{header}");
    }
}

#[test]
fn what_is_longer_than_a_message_may_be_is_refused_before_it_is_kept() {
    let too_long = (vec![], Some(Unframeable::TooLong));
    for length in ["65536", "99999999999999999999999"] {
        let text = format!("{OPTIONS}Content-Length: {length}\r\n\r\n");
        assert_eq!(framed(&[text.as_bytes()]), too_long);
    }
    let endless = vec![b'x'; MAX_STREAM_MESSAGE + 1];
    assert_eq!(framed(&[&endless]), too_long);
    let lines = "A: b\r\n".repeat(MAX_STREAM_MESSAGE / 6 + 1);
    assert_eq!(framed(&[lines.as_bytes()]), too_long);
    let head = format!("{OPTIONS}Content-Length: 65000\r\n\r\n");
    let longest = format!("{head}{}", "x".repeat(65_000));
    assert_eq!(framed(&[longest.as_bytes()]).0, [message(&longest)]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(3), ..ProptestConfig::default() })]

    #[test]
    fn any_split_of_a_stream_gives_the_same(pieces in vec(piece(), 0..6), cuts in vec(1usize..40, 0..60)) {
        let stream: Vec<u8> = pieces.concat();
        prop_assert_eq!(framed(&split(&stream, &cuts)), framed(&[&stream]));
    }

    #[test]
    fn whatever_comes_what_goes_out_came_in(bytes in vec(any::<u8>(), 0..600), cuts in vec(1usize..40, 0..60)) {
        deframe(&bytes, &cuts);
    }
}

/// The body of a fuzz target: no input panics, and messages are pieces of the input in its order.
fn deframe(bytes: &[u8], cuts: &[usize]) {
    let mut rest = bytes;
    for framed in framed(&split(bytes, cuts)).0 {
        let wanted: &[u8] = match &framed {
            Framed::Message(bytes) => bytes,
            Framed::Ping => b"\r\n\r\n",
        };
        let at = memchr::memmem::find(rest, wanted).expect("it came in, in this order");
        rest = &rest[at + wanted.len()..];
    }
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    let header = prop_oneof![
        Just("Subject: x".to_owned()),
        Just("Subject: x\r\n folded".to_owned()),
        (0usize..30).prop_map(|length| format!("Content-Length: {length}")),
        Just("l: 1x".to_owned()),
    ];
    let message = (vec(header, 0..3), vec(any::<u8>(), 0..30)).prop_map(|(headers, body)| {
        let headers: String = headers
            .iter()
            .map(|header| format!("{header}\r\n"))
            .collect();
        [format!("{OPTIONS}{headers}\r\n").into_bytes(), body].concat()
    });
    prop_oneof![
        message,
        Just(b"\r\n".to_vec()),
        Just(b"\r\n\r\n".to_vec()),
        Just(b"\n".to_vec()),
    ]
}

fn split<'a>(mut bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for cut in cuts {
        let (piece, rest) = bytes.split_at((*cut).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces.push(bytes);
    pieces
}

fn framed(pieces: &[&[u8]]) -> (Vec<Framed>, Option<Unframeable>) {
    let mut framing = StreamFraming::default();
    let mut all = Vec::new();
    for piece in pieces {
        framing.handle_bytes(piece);
        loop {
            match framing.poll_framed() {
                Ok(Some(framed)) => all.push(framed),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(framing.poll_framed(), Err(error), "it stays refused");
                    return (all, Some(error));
                }
            }
        }
    }
    (all, None)
}

fn message(text: &str) -> Framed {
    Framed::Message(Bytes::copy_from_slice(text.as_bytes()))
}
