//! The answering side.

use super::*;

/// RFC 7616 §3.9.1: the same exchange in SHA-256 and MD5.
#[test]
fn published_examples_come_out() {
    let mufasa = Credentials {
        user: "Mufasa".into(),
        password: "Circle of Life".into(),
        realm: None,
    };
    for (algorithm, response) in [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        (
            "SHA-256",
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
    ] {
        let value = format!(
            "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        );
        let challenge = Challenge::parse(value.as_bytes(), Role::UserAgent).expect("a challenge");
        let (name, answer) = challenge.answer(
            &mufasa,
            "GET",
            "/dir/index.html",
            "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            1,
        );
        assert_eq!(name, "Authorization");
        assert!(
            answer.contains(&format!("response=\"{response}\"")),
            "{answer}"
        );
        assert!(answer.ends_with("nc=00000001"), "{answer}");
    }
}

/// RFC 2617 §3.5 without qop falls back to RFC 2069.
#[test]
fn challenge_without_qop_gets_no_cnonce() {
    let challenge =
        Challenge::parse(b"Digest realm=\"r\",nonce=\"n\"", Role::Proxy).expect("a challenge");
    let (name, answer) = challenge.answer(&credentials(), "REGISTER", "sip:pbx.test", "c", 1);
    assert_eq!(name, "Proxy-Authorization");
    assert!(
        !answer.contains("cnonce") && !answer.contains("qop") && answer.contains("algorithm=MD5"),
        "{answer}"
    );
}

/// Values computed apart from this crate: H(H(user:realm:password):nonce:cnonce) as the secret (RFC 7616 §3.4.2).
#[test]
fn session_variants_bind_both_nonces() {
    for (algorithm, response) in [
        ("MD5-sess", "689f73f9f2898ff8ef8bfddffad85c02"),
        ("md5-SESS", "689f73f9f2898ff8ef8bfddffad85c02"),
        (
            "SHA-256-sess",
            "25cebf034bf010f0cdc3616d006689edaffb488304e2e5d2c69f24334c1166cf",
        ),
    ] {
        let challenge = challenge(&format!("qop=\"auth\",algorithm={algorithm}"));
        assert_eq!(
            challenge.response(&credentials(), "REGISTER", "sip:pbx.test", "c", 10),
            response,
            "{algorithm}"
        );
    }
}

#[test]
fn the_tenth_use_of_a_nonce_is_counted_in_hexadecimal() {
    for (count, digits) in [
        (9, "00000009"),
        (10, "0000000a"),
        (16, "00000010"),
        (u32::MAX, "ffffffff"),
    ] {
        let (_, answer) = challenge("qop=\"auth\"").answer(
            &credentials(),
            "REGISTER",
            "sip:pbx.test",
            "c",
            count,
        );
        assert!(answer.ends_with(&format!("nc={digits}")), "{answer}");
    }
}

#[test]
fn auth_is_found_in_any_list_of_protections() {
    for list in [
        "\"auth\"",
        "auth",
        "\"auth,auth-int\"",
        "\"auth-int, AUTH\"",
        "\" auth , auth-int \"",
    ] {
        let (_, answer) = challenge(&format!("qop={list}")).answer(
            &credentials(),
            "REGISTER",
            "sip:pbx.test",
            "c",
            1,
        );
        assert!(answer.contains(", qop=auth, "), "{list}: {answer}");
    }
}

#[test]
fn stale_is_read_in_any_form() {
    for (text, stale) in [
        ("stale=true", true),
        ("stale=TRUE", true),
        ("stale=\"true\"", true),
        ("stale=false", false),
        ("opaque=\"x\"", false),
    ] {
        assert_eq!(challenge(text).stale, stale, "{text}");
    }
}

#[test]
fn quotes_and_backslashes_are_escaped_on_the_way_back() {
    let value = br#"Digest realm="a \"b\" \\c", nonce="n""#;
    let challenge = Challenge::parse(value, Role::UserAgent).expect("a challenge");
    assert_eq!(challenge.realm, br#"a "b" \c"#);
    let (_, answer) = challenge.answer(&credentials(), "REGISTER", "sip:pbx.test", "c", 1);
    assert!(answer.contains(r#"realm="a \"b\" \\c""#), "{answer}");
}

#[test]
fn what_we_can_not_answer_is_no_challenge() {
    for value in [
        "Basic realm=\"r\"",
        "Digest realm=\"r\"",
        "Digest realm=\"r\",nonce=\"n\",qop=\"auth-int\"",
        "Digest realm=\"r\",nonce=\"n\",algorithm=AKAv1-MD5",
        "Digest realm=\"r\",nonce=\"n\",algorithm=MD5-sess",
        "Digest",
    ] {
        assert_eq!(
            Challenge::parse(value.as_bytes(), Role::UserAgent),
            None,
            "{value}"
        );
    }
}

#[test]
fn strongest_of_several_is_taken_and_other_realms_are_not() {
    let text = "SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:a@h>\r\n\
                Call-ID: c\r\nCSeq: 1 REGISTER\r\nWWW-Authenticate: Digest realm=\"a\", nonce=\"1\", algorithm=MD5\r\n\
                WWW-Authenticate: Digest realm=\"a\", nonce=\"2\", algorithm=SHA-256\r\n\
                WWW-Authenticate: Digest realm=\"b\", nonce=\"3\", algorithm=SHA-512-256\r\n\r\n";
    let response = Message::parse(text.into(), 4096).expect("a response");
    let nonce = |realm: Option<&str>| {
        let credentials = Credentials {
            realm: realm.map(str::to_owned),
            ..credentials()
        };
        Challenge::strongest(&response, &credentials).map(|challenge| challenge.nonce)
    };
    assert_eq!(nonce(Some("a")), Some(b"2".to_vec()));
    assert_eq!(nonce(None), Some(b"3".to_vec()));
    assert_eq!(nonce(Some("c")), None);
}

fn credentials() -> Credentials {
    Credentials {
        user: "1001".into(),
        password: "secret1001".into(),
        realm: None,
    }
}

/// Of realm `r` and nonce `n`.
fn challenge(more: &str) -> Challenge {
    let value = format!("Digest realm=\"r\",nonce=\"n\",{more}");
    Challenge::parse(value.as_bytes(), Role::UserAgent).expect("a challenge")
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(13), ..Default::default() })]

    #[test]
    fn a_challenge_is_read_as_it_was_written(
        realm in "[ -~]{0,20}",
        nonce in "[ -~]{1,40}",
        opaque in proptest::option::of("[ -~]{0,20}"),
        algorithm in 0..ALGORITHMS.len(),
        stale: bool,
    ) {
        let (name, algorithm) = ALGORITHMS[algorithm];
        let opaque_text = opaque.as_ref().map_or(String::new(), |opaque| format!(", opaque=\"{}\"", escaped(opaque)));
        let written = format!(
            "Digest realm=\"{}\", nonce=\"{}\", algorithm={name}, qop=\"auth\"{opaque_text}, stale={stale}",
            escaped(&realm), escaped(&nonce)
        );
        let expected = Challenge {
            proxy: Role::Proxy,
            realm: realm.into_bytes(),
            nonce: nonce.into_bytes(),
            opaque: opaque.map(String::into_bytes),
            algorithm,
            protection: Protection::Auth,
            stale,
        };
        proptest::prop_assert_eq!(Challenge::parse(written.as_bytes(), Role::Proxy), Some(expected));
    }
}
