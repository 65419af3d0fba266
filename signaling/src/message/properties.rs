//! `parse(write(x)) == x` for messages and each of their views.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(11), ..ProptestConfig::default() })]

    #[test]
    fn a_message_is_read_as_it_was_written(
        method in token(),
        uri in uri(),
        cseq in 0u32..1 << 31,
        headers in vec((header_name(), value()), 0..20),
        body in vec(any::<u8>(), 0..200),
    ) {
        let mut builder = Builder::request(&method, uri.text().as_bytes());
        builder.header("Via", "SIP/2.0/UDP h;branch=z9hG4bK1").header("From", "<sip:a@h>;tag=1").header("To", "<sip:b@h>");
        builder.header("Call-ID", "c").header("CSeq", format!("{cseq} {method}"));
        for (name, value) in &headers {
            builder.header(name, value);
        }
        let written = builder.finish_with(Some(("application/x-any", &body)));
        let message = Message::parse(written.clone(), 65_536).expect("what we write, we read");
        prop_assert_eq!(message.request_uri().to_vec(), uri.text().into_bytes());
        prop_assert_eq!(message.cseq(), Some(CSeq { number: cseq, method: method.as_bytes() }));
        prop_assert_eq!(message.method(), Method::of(method.as_bytes()));
        prop_assert_eq!(&message.body()[..], &body[..]);
        let read: Vec<_> = message.headers().skip(5).take(headers.len()).map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
        let given: Vec<_> = headers.iter().map(|(name, value)| (name.clone().into_bytes(), value.trim_ascii().to_vec())).collect();
        prop_assert_eq!(read, given);
        prop_assert_eq!(rewritten(&message), written, "and written again it is the same");
    }

    #[test]
    fn a_response_is_read_as_it_was_written(status in 100u16..700, reason in "[!-~][ -~]{0,30}", body in vec(any::<u8>(), 1..50)) {
        let mut builder = Builder::response(status, reason.trim_end());
        builder.header("Via", "SIP/2.0/UDP h").header("From", "<sip:a@h>").header("To", "<sip:b@h>;tag=2");
        builder.header("Call-ID", "c").header("CSeq", "1 BYE");
        let message = Message::parse(builder.finish_with(Some(("a/b", &body))), 65_536).expect("what we write, we read");
        prop_assert_eq!(message.kind(), Kind::Response { status, reason: reason.trim_end().as_bytes() });
        prop_assert_eq!(&message.body()[..], &body[..]);
    }

    #[test]
    fn a_uri_is_read_as_it_was_written(written in uri()) {
        let text = written.text();
        let expected_user = written.user.unwrap_or_default();
        let uri = Uri::parse(text.as_bytes()).expect("a URI");
        prop_assert_eq!(uri.user, expected_user.as_bytes());
        prop_assert_eq!(uri.host, written.host.as_bytes());
        prop_assert_eq!(uri.port, written.port);
        prop_assert_eq!(read(uri.parameters), written.parameters);
        prop_assert_eq!(uri.headers, b"");
    }

    #[test]
    fn escapes_hide_no_user(user in "[a-zA-Z0-9 @:;?<>\"é%]{1,20}") {
        let escaped: String = user.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let text = format!("sip:{escaped}@example.com");
        prop_assert_eq!(Uri::parse(text.as_bytes()).expect("a URI").decoded_user(), user);
    }

    #[test]
    fn a_name_addr_is_read_as_it_was_written(display in "[ -~äक]{0,20}", uri in uri(), parameters in parameters()) {
        let quoted = display.replace('\\', "\\\\").replace('"', "\\\"");
        let text = format!("\"{quoted}\" <{}>{}", uri.text(), joined(&parameters));
        let party = NameAddr::parse(text.as_bytes()).expect("a name-addr");
        prop_assert_eq!(party.display_text().unwrap_or_default(), display);
        prop_assert_eq!(party.uri.to_vec(), uri.text().into_bytes());
        prop_assert_eq!(read(party.parameters), parameters);
        let list = format!("{text}, {text}");
        let listed: Vec<_> = elements(list.as_bytes()).map(|element| element.to_vec()).collect();
        prop_assert_eq!(listed, vec![text.clone().into_bytes(), text.into_bytes()]);
    }

    #[test]
    fn a_via_is_read_as_it_was_written(transport in token(), host in host(), port in option::of(any::<u16>()), parameters in parameters()) {
        let sent_by = port.map_or(host.clone(), |port| format!("{host}:{port}"));
        let text = format!("SIP/2.0/{transport} {sent_by}{}", joined(&parameters));
        let via = Via::parse(text.as_bytes()).expect("a Via");
        prop_assert_eq!((via.host, via.port), (host.as_bytes(), port));
        prop_assert_eq!(read(via.parameters), parameters);
        let again = [via.head, via.parameters.0].concat();
        prop_assert_eq!(again, text.into_bytes());
    }

    #[test]
    fn a_fold_changes_nothing_but_white_space(words in vec("[!-~]{1,10}", 1..6), fold in prop::sample::select(vec!["\r\n ", "\r\n\t", " \r\n  ", "\n "])) {
        let (folded, flat) = (words.join(fold), words.join(" "));
        prop_assert_eq!(&*unfolded(folded.as_bytes()), flat.as_bytes());
    }
}

/// A SIP URI in parts.
#[derive(Debug, Clone)]
struct WrittenUri {
    user: Option<String>,
    host: String,
    port: Option<u16>,
    parameters: Vec<(String, Option<String>)>,
}

impl WrittenUri {
    fn text(&self) -> String {
        let user = self
            .user
            .as_ref()
            .map_or(String::new(), |user| format!("{user}@"));
        let port = self.port.map_or(String::new(), |port| format!(":{port}"));
        format!("sip:{user}{}{port}{}", self.host, joined(&self.parameters))
    }
}

fn uri() -> impl Strategy<Value = WrittenUri> {
    // `;` and `?` are a user's own characters (RFC 3261 §25.1, user-unreserved).
    let user = option::of("[a-zA-Z0-9+._~!*'()&=$,;?/-]{1,16}");
    (user, host(), option::of(any::<u16>()), parameters()).prop_map(
        |(user, host, port, parameters)| WrittenUri {
            user,
            host,
            port,
            parameters,
        },
    )
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9-]{0,10}(\\.[a-z]{2,5}){0,2}",
        any::<std::net::Ipv4Addr>().prop_map(|address| address.to_string()),
        any::<std::net::Ipv6Addr>().prop_map(|address| format!("[{address}]")),
    ]
}

fn parameters() -> impl Strategy<Value = Vec<(String, Option<String>)>> {
    vec((token(), option::of(token())), 0..4)
}

fn token() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9.!%*_+`'~-]{1,12}"
}

fn header_name() -> impl Strategy<Value = String> {
    token().prop_map(|name| format!("X-{name}"))
}

/// Any bytes that may stand in a header, beyond ASCII too.
fn value() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![0x20u8..0x7f, 0x80u8..=0xff], 0..40)
        .prop_map(|value| value.trim_ascii().to_vec())
}

fn joined(parameters: &[(String, Option<String>)]) -> String {
    let one = |(name, value): &(String, Option<String>)| match value {
        Some(value) => format!(";{name}={value}"),
        None => format!(";{name}"),
    };
    parameters.iter().map(one).collect()
}

fn read(parameters: Parameters<'_>) -> Vec<(String, Option<String>)> {
    parameters
        .iter()
        .map(|(name, value)| (lossy(name), value.map(lossy)))
        .collect()
}

fn rewritten(message: &Message) -> Bytes {
    let method = message.cseq().map_or(&b""[..], |cseq| cseq.method);
    let mut builder = Builder::request(&lossy(method), message.request_uri());
    let mut content_type = String::new();
    for (name, value) in message.headers() {
        match Name::of(name) {
            Name::ContentType => content_type = lossy(value),
            Name::ContentLength => {}
            _ => drop(builder.header(&lossy(name), value)),
        }
    }
    builder.finish_with(Some((&content_type, &message.body())))
}
