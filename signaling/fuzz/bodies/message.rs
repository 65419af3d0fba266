//! Any bytes as a message: whatever can be read of it holds together.

use bytes::Bytes;
use signaling::message::{Kind, Message, Name};

pub fn run(data: &[u8]) {
    let (message, complete) = match Message::parse(Bytes::copy_from_slice(data), 65_536) {
        Ok(message) => (message, true),
        Err(refusal) => {
            assert!(!refusal.cause.label().is_empty());
            assert!((400..600).contains(&refusal.cause.status()));
            let Some(message) = refusal.request else {
                return;
            };
            (*message, false)
        }
    };
    assert!(message.headers().count() <= 128);
    assert!(message.body().len() <= data.len());
    for (name, value) in message.headers() {
        assert!(!name.is_empty());
        assert!(value.trim_ascii() == value);
        let name = String::from_utf8(name.to_vec()).expect("a token is ASCII");
        assert!(message.text(&name).is_some());
    }
    for name in [Name::Via, Name::Contact, Name::Require, Name::Route] {
        assert!(message.elements(name).all(|element| !element.is_empty()));
    }
    if complete {
        let mandatory = [Name::Via, Name::From, Name::To, Name::CallId, Name::CSeq];
        assert!(mandatory.iter().all(|name| message.header(*name).is_some()));
        if let Kind::Request { uri, .. } = message.kind() {
            assert!(!uri.is_empty() && !uri.contains(&b' '));
        }
    }
}
