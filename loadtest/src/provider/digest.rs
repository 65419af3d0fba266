//! Digest authentication as the server asks for it (RFC 7616 with MD5): all that browser softphones know.

use md5::{Digest, Md5};

/// A challenge handed to one flow; it is good on that flow only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    realm: String,
    nonce: String,
    /// The highest nonce count accepted; a lower one is a replay (RFC 7616 §3.4).
    count: u32,
}

/// What a request's Authorization header is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Valid,
    /// The password would do, but the nonce isn't this flow's: ask again with `stale=true`.
    Stale,
    /// The reason is for the log, not for the peer.
    Refused(&'static str),
}

impl Challenge {
    pub fn new(realm: &str, nonce: String) -> Self {
        Self {
            realm: realm.to_owned(),
            nonce,
            count: 0,
        }
    }

    /// The value of WWW-Authenticate.
    pub fn header(&self, stale: bool) -> String {
        format!(
            "Digest realm=\"{}\", nonce=\"{}\", algorithm=MD5, qop=\"auth\"{}",
            self.realm,
            self.nonce,
            if stale { ", stale=true" } else { "" }
        )
    }

    /// Judges an Authorization header for `username` and `password`.
    pub fn verify(
        &mut self,
        authorization: &str,
        method: &str,
        username: &str,
        password: &str,
    ) -> Verdict {
        let Some(given) = authorization.strip_prefix("Digest ") else {
            return Verdict::Refused("the scheme isn't Digest");
        };
        let field = |name| field(given, name);
        if field("username") != Some(username) || field("realm") != Some(&self.realm) {
            return Verdict::Refused("username or realm isn't the line's");
        }
        if field("algorithm").is_some_and(|a| !a.eq_ignore_ascii_case("MD5")) {
            return Verdict::Refused("the algorithm isn't MD5");
        }
        let (Some(nonce), Some(uri), Some(nc), Some(cnonce), Some("auth")) = (
            field("nonce"),
            field("uri"),
            field("nc"),
            field("cnonce"),
            field("qop"),
        ) else {
            return Verdict::Refused("nonce, uri, nc, cnonce or qop=auth is missing");
        };
        let expected = response(
            &hex_md5(&format!("{username}:{}:{password}", self.realm)),
            &[nonce, nc, cnonce, "auth"].join(":"),
            &hex_md5(&format!("{method}:{uri}")),
        );
        match (field("response"), u32::from_str_radix(nc, 16)) {
            (Some(given), _) if given != expected => Verdict::Refused("the response is wrong"),
            (None, _) | (_, Err(_)) => Verdict::Refused("response or nc is missing"),
            (Some(_), Ok(_)) if nonce != self.nonce => Verdict::Stale,
            (Some(_), Ok(count)) if count <= self.count => {
                Verdict::Refused("the nonce count was used before")
            }
            (Some(_), Ok(count)) => {
                self.count = count;
                Verdict::Valid
            }
        }
    }
}

/// RFC 7616 §3.4.1: H(H(A1) ":" nonce:nc:cnonce:qop ":" H(A2)).
fn response(a1: &str, middle: &str, a2: &str) -> String {
    hex_md5(&format!("{a1}:{middle}:{a2}"))
}

fn hex_md5(text: &str) -> String {
    Md5::digest(text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// One field of a comma-separated list whose values may be quoted; a quoted value may hold commas.
fn field<'a>(mut list: &'a str, name: &str) -> Option<&'a str> {
    loop {
        let (key, rest) = list.split_once('=')?;
        let (value, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_at(rest.find(',').unwrap_or(rest.len())),
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(value.trim());
        }
        list = after.trim_start().trim_start_matches(',');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2617 §3.5's example, computed there for GET.
    const EXAMPLE: &str = "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", \
        nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", qop=auth, nc=00000001, \
        cnonce=\"0a4f113b\", response=\"6629fae49393a05397450978507c4ef1\", \
        opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";

    #[test]
    fn the_rfcs_example_is_valid_once() {
        let mut challenge = example();
        assert_eq!(judge(&mut challenge, EXAMPLE), Verdict::Valid);
        assert_eq!(
            judge(&mut challenge, EXAMPLE),
            Verdict::Refused("the nonce count was used before")
        );
    }

    #[test]
    fn a_right_password_on_another_nonce_is_stale() {
        let mut challenge = Challenge::new("testrealm@host.com", "newer".to_owned());
        assert_eq!(judge(&mut challenge, EXAMPLE), Verdict::Stale);
    }

    #[test]
    fn anything_altered_is_refused() {
        for (from, to) in [
            ("0a4f113b", "0a4f113c"),
            ("nc=00000001", "nc=00000002"),
            ("Mufasa", "Scar"),
            ("qop=auth,", ""),
            ("Digest ", "Basic "),
            ("uri=\"/dir/index.html\"", "uri=\"/\""),
            ("opaque=", "algorithm=SHA-256, opaque="),
        ] {
            let altered = EXAMPLE.replace(from, to);
            assert_ne!(altered, EXAMPLE);
            assert!(
                matches!(judge(&mut example(), &altered), Verdict::Refused(_)),
                "{altered}"
            );
        }
    }

    fn example() -> Challenge {
        Challenge::new(
            "testrealm@host.com",
            "dcd98b7102dd2f0e8b11d0f600bfb0c093".to_owned(),
        )
    }

    fn judge(challenge: &mut Challenge, authorization: &str) -> Verdict {
        challenge.verify(authorization, "GET", "Mufasa", "Circle Of Life")
    }
}
