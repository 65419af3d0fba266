//! Offers and answers within a call: more than one answer, hold from either side.

use super::*;
use crate::codec::ComfortNoise;
use crate::sdp::{Direction, SdpError};

#[test]
fn a_later_answer_to_one_offer_replaces_the_first() {
    let (mut leg, now) = offered();
    accept(&mut leg, &sdp("198.51.100.9", 4_000, "8", "sendrecv"), now).expect("the 183's");
    assert_eq!(leg.path.destination(), Some(peer()));
    accept(&mut leg, &sdp("198.51.100.10", 4_100, "0", "sendrecv"), now).expect("the 200's");
    let elsewhere = "198.51.100.10:4100".parse().expect("an address");
    assert_eq!(leg.path.destination(), Some(elsewhere));
    let agreed = leg.egress.agreed.expect("agreed");
    assert_eq!(
        (agreed.codec, agreed.payload_type.value()),
        (AudioCodec::Pcmu, 0)
    );
    // What the first branch still sends isn't heard once the second one has been.
    hear_from(&mut leg, elsewhere, now).expect("the described peer");
    assert_eq!(
        hear_from(&mut leg, peer(), now),
        Err(Discard::UnknownSource)
    );
}

#[test]
fn an_answer_after_the_peers_own_offer_is_out_of_order() {
    let (mut leg, now) = answered("sendrecv");
    let answer = sdp("198.51.100.9", 4_000, "8", "sendrecv");
    assert!(matches!(
        accept(&mut leg, &answer, now),
        Err(SdpError::Misuse(_))
    ));
}

#[test]
fn an_offer_asks_for_comfort_noise_where_the_leg_is_to_and_holds_on_to_what_was_answered() {
    let (mut leg, now) = plain(Instant::now());
    leg.set_comfort(ComfortNoise::Offered);
    let offer = leg.offer(&local(), &CODECS).to_string();
    assert!(offer.contains("a=rtpmap:13 CN/8000\r\n"), "{offer}");
    let answer = sdp("198.51.100.9", 4_000, "8", "sendrecv");
    accept(&mut leg, &answer, now).expect("an answer");
    let again = leg.offer(&local(), &CODECS).to_string();
    assert!(!again.contains(" CN/"), "it was refused: {again}");
}

#[test]
fn another_branch_brings_a_certificate_and_a_role_of_its_own() {
    let now = Instant::now();
    let credentials = Credentials {
        ufrag: "ours".into(),
        password: "abcdefghijklmnopqrstuvwx".into(),
    };
    let local = Local {
        credentials: Some(credentials.clone()),
        ..local()
    };
    let path = Path::WebRtc(WebRtc {
        kind: LegKind::Provider,
        peer: Peer::provider(local.address, credentials, now),
        socket: SocketKey(1),
        destination: None,
        setup: Setup::NotBegun,
    });
    let mut leg = Leg::new(path, drawn(), now);
    leg.offer(&local, &CODECS);
    let answer = |ufrag: &str, octet: &str, setup: &str| -> Description {
        let digest = [octet; 32].join(":");
        format!(
            "v=0\r\no=- 1 1 IN IP4 198.51.100.9\r\ns=-\r\nc=IN IP4 198.51.100.9\r\nt=0 0\r\n\
             m=audio 4000 UDP/TLS/RTP/SAVPF 8\r\na=ice-ufrag:{ufrag}\r\na=rtcp-mux\r\n\
             a=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=fingerprint:sha-256 {digest}\r\n\
             a=setup:{setup}\r\n"
        )
        .parse()
        .expect("legal")
    };
    let first = leg.accept_answer(&answer("aaaa", "AB", "active"), &local, &CODECS, now);
    assert_eq!(first, Ok(Restart::None));
    let again = leg.accept_answer(&answer("aaaa", "AB", "active"), &local, &CODECS, now);
    assert_eq!(
        again,
        Ok(Restart::None),
        "the same once more changes nothing"
    );
    let other = leg.accept_answer(&answer("bbbb", "CD", "passive"), &local, &CODECS, now);
    assert_eq!(other, Ok(Restart::Ice));
    // The role shows in what a re-offer of that peer is answered with.
    let (ours, _) = leg
        .answer(&answer("bbbb", "CD", "actpass"), &local, &CODECS, now)
        .expect("an answer");
    let dtls = ours.audio().expect("audio").dtls.clone().expect("DTLS");
    assert_eq!(dtls.setup.name(), "active");
}

#[test]
fn we_hold_the_peer_and_resume_with_the_same_port_and_numbers() {
    let now = Instant::now();
    let (mut leg, _) = plain(now);
    let offer: Description = "v=0\r\no=- 1 1 IN IP4 198.51.100.9\r\ns=-\r\n\
        c=IN IP4 198.51.100.9\r\nt=0 0\r\nm=video 4002 RTP/AVP 96\r\n\
        m=audio 4000 RTP/AVP 8 97\r\na=rtpmap:97 telephone-event/8000\r\na=mid:x\r\n"
        .parse()
        .expect("legal");
    leg.answer(&offer, &local(), &CODECS, now)
        .expect("an answer");
    let hold = re_offer(&mut leg, Direction::SendOnly);
    assert!(hold.contains("m=video 0 RTP/AVP"), "{hold}");
    assert!(hold.contains("m=audio 40000 RTP/AVP 8 0 97\r\n"), "{hold}");
    assert!(
        hold.contains("a=sendonly\r\n") && hold.contains("a=mid:x\r\n"),
        "{hold}"
    );
    assert_eq!(version(&hold), 2);
    assert_eq!(direction(&leg), Direction::SendRecv, "until it is answered");
    accept(
        &mut leg,
        &sdp("198.51.100.9", 4_000, "8 97", "recvonly"),
        now,
    )
    .expect("held");
    assert_eq!(direction(&leg), Direction::SendOnly);
    leg.handle_timeout(now + 10 * SILENCE);
    assert_eq!(told(&mut leg), [], "its silence is what we asked for");

    let refresh = re_offer(&mut leg, Direction::SendOnly);
    assert_eq!(refresh, hold, "what says the same has the same version");
    accept(
        &mut leg,
        &sdp("198.51.100.9", 4_000, "8 97", "sendrecv"),
        now,
    )
    .expect("ill-behaved");
    assert_eq!(direction(&leg), Direction::SendOnly);

    let (ours, _) = leg
        .answer(&offer, &local(), &CODECS, now)
        .expect("an answer");
    assert!(
        ours.to_string().contains("a=sendonly"),
        "its refresh doesn't end our hold"
    );
    let resume = re_offer(&mut leg, Direction::SendRecv);
    accept(
        &mut leg,
        &sdp("198.51.100.9", 4_000, "8 97", "sendrecv"),
        now,
    )
    .expect("resumed");
    assert!(resume.contains("a=sendrecv"), "{resume}");
    assert_eq!(direction(&leg), Direction::SendRecv);
}

#[test]
fn an_offer_on_a_held_leg_asks_for_both_ways_again() {
    let (mut leg, _) = answered("sendonly");
    assert_eq!(direction(&leg), Direction::RecvOnly);
    let offer = leg.offer(&local(), &CODECS).to_string();
    assert!(
        offer.contains("a=sendrecv") && offer.contains("m=audio 40000 "),
        "{offer}"
    );
    assert_eq!(offer, leg.offer(&local(), &CODECS).to_string());
    assert_eq!(version(&offer), 2);
}

#[test]
fn a_leg_without_a_description_has_nothing_to_re_offer() {
    let (mut leg, _) = plain(Instant::now());
    let refused = leg.re_offer(Direction::SendOnly, &local(), &CODECS);
    assert!(matches!(refused, Err(SdpError::Misuse(_))));
}

#[test]
fn every_form_of_hold_is_understood_in_offers_and_answers() {
    use Direction::*;
    let (here, nowhere) = ("198.51.100.9", "0.0.0.0");
    for (address, theirs, ours) in [
        (here, "sendrecv", SendRecv),
        (here, "sendonly", RecvOnly),
        (here, "recvonly", SendOnly),
        (here, "inactive", Inactive),
        (nowhere, "sendrecv", RecvOnly),
        (nowhere, "sendonly", RecvOnly),
        (nowhere, "recvonly", Inactive),
        (nowhere, "inactive", Inactive),
    ] {
        let case = format!("{theirs} at {address}");
        let description = sdp(address, 4_000, "8", theirs);
        let (mut leg, now) = answered("sendrecv");
        let (answer, _) = leg
            .answer(&description, &local(), &CODECS, now)
            .expect("an answer");
        assert_eq!(direction(&leg), ours, "{case}");
        assert_eq!(answer.audio().expect("audio").direction, ours, "{case}");
        let (mut leg, now) = offered();
        accept(&mut leg, &description, now).expect("taken");
        assert_eq!(direction(&leg), ours, "{case}, as an answer");
    }
}

#[test]
fn descriptions_speak_ipv6() {
    let now = Instant::now();
    let (mut leg, _) = plain(now);
    let local = Local {
        address: "[2001:db8::1]:40000".parse().expect("an address"),
        credentials: None,
    };
    let offer: Description = "v=0\r\no=- 1 1 IN IP6 2001:db8::9\r\ns=-\r\n\
        c=IN IP6 2001:db8::9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
        .parse()
        .expect("legal");
    let (answer, _) = leg.answer(&offer, &local, &CODECS, now).expect("an answer");
    let text = answer.to_string();
    assert!(text.contains(" IN IP6 2001:db8::1\r\ns="), "{text}");
    assert!(text.contains("c=IN IP6 2001:db8::1\r\n"), "{text}");
    let to = "[2001:db8::9]:4000".parse().expect("an address");
    assert_eq!(leg.path.destination(), Some(to));
    let held: Description = offer
        .to_string()
        .replace("c=IN IP6 2001:db8::9", "c=IN IP6 ::")
        .parse()
        .expect("legal");
    leg.answer(&held, &local, &CODECS, now).expect("an answer");
    assert_eq!(direction(&leg), Direction::RecvOnly);
    assert_eq!(leg.path.destination(), Some(to));
}

#[test]
fn an_offer_with_keys_is_answered_with_the_line_that_was_chosen() {
    let now = Instant::now();
    let mut leg = protected(now);
    let (answer, _) = leg
        .answer(
            &with_keys("3 AES_CM_128_HMAC_SHA1_32", 'A'),
            &local(),
            &CODECS,
            now,
        )
        .expect("an answer");
    let text = answer.to_string();
    assert!(text.contains("m=audio 40000 RTP/SAVP 8"), "{text}");
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("crypto"))
        .collect();
    assert_eq!(lines.len(), 1, "{text}");
    assert!(lines[0].starts_with("a=crypto:3 AES_CM_128_HMAC_SHA1_32 inline:"));
    assert_eq!(hear_from(&mut leg, peer(), now), Err(Discard::Forged));
    assert_eq!(told(&mut leg), [], "a key alone connects nobody");
    // Its refresh, with the key that it had, starts nothing anew: the answer is the same.
    let again = leg.answer(
        &with_keys("3 AES_CM_128_HMAC_SHA1_32", 'A'),
        &local(),
        &CODECS,
        now,
    );
    assert_eq!(again.expect("an answer").0, answer);
}

#[test]
fn protection_is_neither_dropped_nor_begun_within_a_call() {
    let now = Instant::now();
    let unsupported =
        |result: Result<(), SdpError>| matches!(result, Err(SdpError::Unsupported(_)));
    let mut leg = protected(now);
    let offer = leg.offer(&local(), &CODECS).to_string();
    assert_eq!(offer.matches("a=crypto:").count(), 2, "{offer}");
    let clear = sdp("198.51.100.9", 4_000, "8", "sendrecv");
    assert!(unsupported(accept(&mut leg, &clear, now).map(|_| ())));
    for not_offered in [
        "3 AES_CM_128_HMAC_SHA1_80",
        "1 AES_CM_128_HMAC_SHA1_32",
        "1 F8_128",
    ] {
        let answer = with_keys(not_offered, 'A');
        assert!(
            unsupported(accept(&mut leg, &answer, now).map(|_| ())),
            "{not_offered}"
        );
    }
    accept(&mut leg, &with_keys("2 AES_CM_128_HMAC_SHA1_32", 'A'), now).expect("chosen");
    let answer = leg.answer(&clear, &local(), &CODECS, now);
    assert!(unsupported(answer.map(|_| ())));

    let (mut leg, _) = answered("sendrecv");
    let answer = leg.answer(
        &with_keys("1 AES_CM_128_HMAC_SHA1_80", 'A'),
        &local(),
        &CODECS,
        now,
    );
    assert!(unsupported(answer.map(|_| ())));
}

fn protected(now: Instant) -> Leg {
    let (mut leg, _) = plain(now);
    leg.expect_sdes();
    leg
}

pub fn with_keys(suite: &str, letter: char) -> Description {
    let key: String = std::iter::repeat_n(letter, 40).collect();
    format!(
        "v=0\r\no=- 1 1 IN IP4 198.51.100.9\r\ns=-\r\nc=IN IP4 198.51.100.9\r\nt=0 0\r\n\
         m=audio 4000 RTP/SAVP 8\r\na=crypto:{suite} inline:{key}|2^20\r\n"
    )
    .parse()
    .expect("legal")
}

/// A leg whose offer is out.
fn offered() -> (Leg, Instant) {
    let now = Instant::now();
    let (mut leg, _) = plain(now);
    leg.offer(&local(), &CODECS);
    (leg, now)
}

fn accept(leg: &mut Leg, answer: &Description, now: Instant) -> Result<Restart, SdpError> {
    leg.accept_answer(answer, &local(), &CODECS, now)
}

fn re_offer(leg: &mut Leg, direction: Direction) -> String {
    let offer = leg.re_offer(direction, &local(), &CODECS);
    offer.expect("an offer").to_string()
}

fn hear_from(leg: &mut Leg, from: SocketAddr, now: Instant) -> Result<(), Discard> {
    let mut slot = [0; 256];
    slot[..2].copy_from_slice(&[0x80, 8]);
    leg.open(&mut slot, 172, from, now).map(|_| ())
}

fn sdp(address: &str, port: u16, formats: &str, direction: &str) -> Description {
    format!(
        "v=0\r\no=- 1 1 IN IP4 198.51.100.9\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP {formats}\r\na=rtpmap:97 telephone-event/8000\r\na={direction}\r\n"
    )
    .parse()
    .expect("legal")
}

fn direction(leg: &Leg) -> Direction {
    leg.egress.agreed.expect("agreed").direction
}

fn version(sdp: &str) -> u64 {
    let origin = sdp.lines().find(|line| line.starts_with("o="));
    let version = origin.and_then(|origin| origin.split(' ').nth(2));
    version.and_then(|v| v.parse().ok()).expect("a version")
}
