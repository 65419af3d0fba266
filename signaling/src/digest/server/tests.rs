//! Our own answering side against the asking one, honest and not.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::*;
use crate::digest::{Challenge, Credentials};

#[test]
fn what_our_client_answers_is_believed_in_both_algorithms() {
    for which in [0, 1] {
        let mut desk = Desk::new();
        let challenge = desk.challenges(Refusal::Missing).swap_remove(which);
        let request = desk.request(&challenge, "secret1001", 1);
        assert_eq!(desk.verify(&request), Ok("1001".to_owned()));
    }
}

#[test]
fn sha_256_is_offered_first_and_our_client_takes_it() {
    let mut desk = Desk::new();
    let challenges = desk.challenges(Refusal::Missing);
    assert!(challenges[0].contains("algorithm=SHA-256") && challenges[1].contains("algorithm=MD5"));
    let response = challenge_response(&challenges);
    let strongest = Challenge::strongest(&response, &credentials("x")).expect("a challenge");
    let (_, answer) = strongest.answer(&credentials("x"), "REGISTER", URI, "c", 1);
    assert!(answer.contains("algorithm=SHA-256"), "{answer}");
}

#[test]
fn a_wrong_password_and_a_stranger_are_refused_alike() {
    let mut desk = Desk::new();
    let challenge = desk.challenges(Refusal::Missing).swap_remove(0);
    let wrong = desk.request(&challenge, "guess", 1);
    assert_eq!(desk.verify(&wrong), Err(Refusal::Wrong));
    desk.accounts.clear();
    let stranger = desk.request(&challenge, "secret1001", 1);
    assert_eq!(desk.verify(&stranger), Err(Refusal::Wrong));
    // The decoy's own password opens nothing either.
    let decoy = hexadecimal(&[9; 32]);
    let guess = desk.request(&challenge, &decoy, 1);
    assert_eq!(desk.verify(&guess), Err(Refusal::Wrong));
}

#[test]
fn stale_is_said_of_an_old_nonce_only_and_only_to_who_knows_the_password() {
    let mut desk = Desk::new();
    let challenge = desk.challenges(Refusal::Missing).swap_remove(0);
    assert!(!challenge.contains("stale"));
    let (right, wrong) = (
        desk.request(&challenge, "secret1001", 1),
        desk.request(&challenge, "guess", 1),
    );
    desk.now += LIFETIME;
    assert_eq!(desk.verify(&right), Ok("1001".to_owned()));
    desk.now += Duration::from_millis(1);
    assert_eq!(desk.verify(&right), Err(Refusal::Stale));
    assert_eq!(desk.verify(&wrong), Err(Refusal::Wrong));
    let again = desk.challenges(Refusal::Stale).swap_remove(0);
    assert!(again.ends_with(", stale=true"), "{again}");
    assert!(parsed(&again).stale);
    let request = desk.request(&again, "secret1001", 1);
    assert_eq!(desk.verify(&request), Ok("1001".to_owned()));
    for other in [
        Refusal::Missing,
        Refusal::Wrong,
        Refusal::Replayed,
        Refusal::ForeignNonce,
    ] {
        assert!(!desk.challenges(other)[0].contains("stale"), "{other:?}");
    }
}

#[test]
fn a_count_is_good_once_and_may_be_overtaken() {
    let mut desk = Desk::new();
    let challenge = desk.challenges(Refusal::Missing).swap_remove(0);
    for (count, expected) in [
        (1, true),
        (1, false),
        (10, true),
        (9, true),
        (10, false),
        (9, false),
        (0x1000, true),
        (11, false),
        (0x1000 - 63, true),
        (0x1000 - 64, false),
        (u32::MAX, true),
        (u32::MAX, false),
    ] {
        let request = desk.request(&challenge, "secret1001", count);
        let verdict = desk.verify(&request);
        assert_eq!(verdict.is_ok(), expected, "{count}");
        assert!(expected || verdict == Err(Refusal::Replayed), "{count}");
    }
}

#[test]
fn two_phones_of_one_moment_do_not_share_a_nonce() {
    let mut desk = Desk::new();
    let first = desk.challenges(Refusal::Missing).swap_remove(0);
    let second = desk.challenges(Refusal::Missing).swap_remove(0);
    for challenge in [first, second] {
        let request = desk.request(&challenge, "secret1001", 1);
        assert_eq!(desk.verify(&request), Ok("1001".to_owned()));
    }
}

#[test]
fn a_nonce_that_was_not_made_here_is_foreign() {
    let mut desk = Desk::new();
    let challenge = desk.challenges(Refusal::Missing).swap_remove(0);
    let nonce = challenge.split('"').nth(3).expect("a nonce").to_owned();
    let bent = |position: usize| {
        let mut bytes = nonce.clone().into_bytes();
        bytes[position] = if bytes[position] == b'0' { b'1' } else { b'0' };
        String::from_utf8(bytes).expect("text")
    };
    for other in [
        bent(15),
        bent(20),
        bent(nonce.len() - 1),
        nonce.to_uppercase() + "00",
        "x".into(),
        "+".repeat(56),
    ] {
        let request = desk.request(&challenge.replace(&nonce, &other), "secret1001", 1);
        assert_eq!(desk.verify(&request), Err(Refusal::ForeignNonce), "{other}");
    }
    let mut restarted = Server::new(REALM, [8; 32], desk.now);
    let request = desk.request(&challenge, "secret1001", 1);
    let verdict = restarted.verify(desk.now, &parse(&request), &desk.accounts);
    assert_eq!(verdict, Err(Refusal::ForeignNonce));
}

#[test]
fn an_answer_to_one_request_does_not_do_for_another() {
    let mut desk = Desk::new();
    let challenge = desk.challenges(Refusal::Missing).swap_remove(0);
    let request = desk.request(&challenge, "secret1001", 1);
    for (from, to, expected) in [
        ("REGISTER", "OPTIONS", Refusal::Wrong),
        (
            "REGISTER sip:pbx.test",
            "REGISTER sip:other.test",
            Refusal::Unfit,
        ),
        ("qop=auth", "qop=auth-int", Refusal::Unfit),
        ("qop=auth, ", "", Refusal::Unfit),
        ("nc=00000001", "nc=00000002", Refusal::Wrong),
        ("cnonce=\"cafe\", ", "", Refusal::Unfit),
        (
            "algorithm=SHA-256",
            "algorithm=SHA-256-sess",
            Refusal::Unfit,
        ),
        ("algorithm=SHA-256", "algorithm=MD5", Refusal::Wrong),
        ("username=\"1001\"", "username=\"1002\"", Refusal::Wrong),
        ("realm=\"pbx.test\"", "realm=\"other\"", Refusal::Missing),
        (
            "Authorization: Digest",
            "Authorization: Basic",
            Refusal::Missing,
        ),
        ("Authorization:", "X-Authorization:", Refusal::Missing),
    ] {
        let bent = request.replace(from, to);
        assert_ne!(bent, request, "{from}");
        assert_eq!(desk.verify(&bent), Err(expected), "{from} → {to}");
    }
    assert_eq!(desk.verify(&request), Ok("1001".to_owned()));
}

#[test]
fn a_count_has_eight_digits() {
    let answer = |count: &str| Answer {
        user: String::new(),
        hash: Hash::Md5,
        stamp: Stamp { at: 0, serial: 0 },
        nonce: Vec::new(),
        count: count.into(),
        cnonce: Vec::new(),
        response: Vec::new(),
    };
    for (text, count) in [
        ("0000000a", Some(10)),
        ("0000000A", Some(10)),
        ("00000000", None),
        ("1", None),
        ("+0000001", None),
        ("000000010", None),
    ] {
        assert_eq!(answer(text).count(), count, "{text}");
    }
}

#[test]
fn users_send_in_their_own_name() {
    let mut desk = Desk::new();
    let challenge = desk.challenges(Refusal::Missing).swap_remove(0);
    for (count, (from, to)) in [
        ("From: <sip:1001@", "From: <sip:1002@"),
        ("To: <sip:1001@", "To: <sip:1002@"),
    ]
    .into_iter()
    .enumerate()
    {
        let request = desk
            .request(&challenge, "secret1001", count as u32 + 1)
            .replace(from, to);
        assert_eq!(desk.verify(&request), Err(Refusal::NotAllowed), "{to}");
    }
}

#[test]
fn remembered_nonces_are_bounded_and_a_forgotten_one_is_stale() {
    let mut desk = Desk::new();
    let first = desk.challenges(Refusal::Missing).swap_remove(1);
    let used = desk.request(&first, "secret1001", 1);
    assert!(desk.verify(&used).is_ok());
    for _ in 0..MAX_NONCES {
        let challenge = desk.challenges(Refusal::Missing).swap_remove(1);
        let request = desk.request(&challenge, "secret1001", 1);
        assert!(desk.verify(&request).is_ok());
    }
    assert_eq!(desk.server.used.len(), MAX_NONCES);
    assert_eq!(
        desk.verify(&used),
        Err(Refusal::Stale),
        "not believed again"
    );
    desk.now += LIFETIME * 2;
    let challenge = desk.challenges(Refusal::Missing).swap_remove(1);
    let request = desk.request(&challenge, "secret1001", 1);
    assert!(desk.verify(&request).is_ok());
    assert_eq!(
        desk.server.used.len(),
        1,
        "what is too old to be used is forgotten"
    );
}

#[test]
fn nothing_secret_is_in_the_debug_form() {
    let desk = Desk::new();
    let text = format!(
        "{:?} {:?}",
        desk.server,
        PasswordHash::new("1001", REALM, "secret1001")
    );
    assert_eq!(
        text,
        "Server { realm: \"pbx.test\", used: 0, .. } PasswordHash"
    );
}

/// A server, its clock and its accounts.
struct Desk {
    server: Server,
    now: Instant,
    accounts: Book,
}

#[derive(Default)]
struct Book(BTreeMap<String, PasswordHash>);

impl Book {
    fn clear(&mut self) {
        self.0.clear();
    }
}

impl Accounts for Book {
    fn password(&self, user: &str) -> Option<PasswordHash> {
        self.0.get(user).cloned()
    }
}

impl Desk {
    fn new() -> Desk {
        let now = Instant::now();
        let mut accounts = Book::default();
        for user in ["1001", "1002"] {
            let password = format!("secret{user}");
            accounts
                .0
                .insert(user.to_owned(), PasswordHash::new(user, REALM, &password));
        }
        Desk {
            server: Server::new(REALM, [9; 32], now),
            now,
            accounts,
        }
    }

    fn challenges(&mut self, refusal: Refusal) -> Vec<String> {
        self.server.challenges(self.now, refusal).to_vec()
    }

    /// A REGISTER with our client's answer to a challenge.
    fn request(&self, challenge: &str, password: &str, count: u32) -> String {
        let (name, value) =
            parsed(challenge).answer(&credentials(password), "REGISTER", URI, "cafe", count);
        format!(
            "REGISTER {URI} SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:1001@pbx.test>;tag=1\r\n\
             To: <sip:1001@pbx.test>\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n{name}: {value}\r\n\r\n"
        )
    }

    fn verify(&mut self, request: &str) -> Result<String, Refusal> {
        self.server
            .verify(self.now, &parse(request), &self.accounts)
    }
}

fn parsed(challenge: &str) -> Challenge {
    let response = challenge_response(&[challenge.to_owned()]);
    Challenge::strongest(&response, &credentials("")).expect("a challenge")
}

fn challenge_response(challenges: &[String]) -> Message {
    let headers: String = challenges
        .iter()
        .map(|value| format!("WWW-Authenticate: {value}\r\n"))
        .collect();
    parse(&format!(
        "SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:1001@pbx.test>;tag=1\r\n\
         To: <sip:1001@pbx.test>;tag=2\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n{headers}\r\n"
    ))
}

fn parse(text: &str) -> Message {
    Message::parse(Bytes::copy_from_slice(text.as_bytes()), 65_536).expect(text)
}

fn credentials(password: &str) -> Credentials {
    Credentials {
        user: "1001".into(),
        password: password.into(),
        realm: None,
    }
}

const REALM: &str = "pbx.test";
const URI: &str = "sip:pbx.test";
