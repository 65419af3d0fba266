//! Any bytes as a digest challenge, and as the answer to one.

use std::time::Instant;

use bytes::Bytes;
use signaling::Credentials;
use signaling::digest::Challenge;
use signaling::digest::server::{Accounts, PasswordHash, Refusal, Server};
use signaling::message::Message;

pub fn run(data: &[u8]) {
    if let Some(message) = with_header("SIP/2.0 401 x", "WWW-Authenticate", data) {
        answer(&message);
    }
    if let Some(message) = with_header("OPTIONS sip:pbx.test SIP/2.0", "Authorization", data) {
        let now = Instant::now();
        let mut server = Server::new("pbx.test", [7; 32], now);
        let verdict = server.verify(now, &message, &Everybody);
        let refusal = verdict.expect_err("nobody was asked, so nobody can have answered");
        assert!(matches!(
            refusal,
            Refusal::Missing | Refusal::Unfit | Refusal::ForeignNonce
        ));
    }
}

fn answer(message: &Message) {
    let credentials = Credentials {
        user: "1001".into(),
        password: "secret1001".into(),
        realm: None,
    };
    let Some(challenge) = Challenge::strongest(message, &credentials) else {
        return;
    };
    let (name, value) = challenge.answer(&credentials, "OPTIONS", "sip:pbx.test", "cafe", 1);
    assert_eq!(name, "Authorization");
    assert!(value.starts_with("Digest algorithm=") && !value.contains("secret1001"));
}

fn with_header(start: &str, name: &str, value: &[u8]) -> Option<Message> {
    let head = format!(
        "{start}\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n{name}: "
    );
    let text = [head.as_bytes(), value, b"\r\n\r\n"].concat();
    Message::parse(Bytes::from(text), 65_536).ok()
}

struct Everybody;

impl Accounts for Everybody {
    fn password(&self, user: &str) -> Option<PasswordHash> {
        Some(PasswordHash::new(user, "pbx.test", "secret"))
    }
}
