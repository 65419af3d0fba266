//! SIP URIs (RFC 3261 §19.1) as views: parts are found, never rewritten, so that what is copied stays what it was.

use super::Parameters;
use super::scan::{alphanumeric_or, decimal};

/// The parts of a `sip:`, `sips:` or `tel:` URI; of any other, the scheme alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Uri<'a> {
    pub scheme: Scheme,
    /// Escapes as written; of `tel:`, the number with its visual separators. Empty if there is none.
    pub user: &'a [u8],
    /// IPv6 with its brackets; empty where the scheme has none.
    pub host: &'a [u8],
    pub port: Option<u16>,
    pub parameters: Parameters<'a>,
    /// With the question mark; empty if there are none.
    pub headers: &'a [u8],
}

/// The schemes that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Sip,
    Sips,
    Tel,
    Other,
}

impl<'a> Uri<'a> {
    /// `None` if it isn't a URI, or is a SIP one without a readable host and port.
    pub fn parse(text: &'a [u8]) -> Option<Uri<'a>> {
        let (scheme, rest) = Self::scheme_of(text)?;
        match scheme {
            Scheme::Sip | Scheme::Sips => Self::parse_sip(scheme, rest),
            Scheme::Tel => {
                let (user, parameters) = split_at(rest, b';');
                Some(Uri {
                    scheme,
                    user,
                    host: &[],
                    port: None,
                    parameters: Parameters(parameters),
                    headers: &[],
                })
            }
            Scheme::Other => Some(Uri {
                scheme,
                user: &[],
                host: &[],
                port: None,
                parameters: Parameters(&[]),
                headers: &[],
            }),
        }
    }

    /// The scheme and what follows its colon.
    pub fn scheme_of(text: &[u8]) -> Option<(Scheme, &[u8])> {
        let colon = text.iter().position(|byte| *byte == b':')?;
        let (scheme, rest) = (&text[..colon], &text[colon + 1..]);
        if rest.is_empty() {
            return None;
        }
        let scheme = match scheme {
            b"sip" => Scheme::Sip,
            b"sips" => Scheme::Sips,
            b"tel" => Scheme::Tel,
            other => Self::unusual_scheme(other)?,
        };
        Some((scheme, rest))
    }

    /// In other letter cases, or one that we don't know.
    #[cold]
    fn unusual_scheme(scheme: &[u8]) -> Option<Scheme> {
        let shaped = scheme.first()?.is_ascii_alphabetic()
            && scheme
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
        let known = [
            (&b"sip"[..], Scheme::Sip),
            (b"sips", Scheme::Sips),
            (b"tel", Scheme::Tel),
        ];
        shaped.then(|| {
            known
                .into_iter()
                .find(|(name, _)| scheme.eq_ignore_ascii_case(name))
                .map_or(Scheme::Other, |(_, scheme)| scheme)
        })
    }

    fn parse_sip(scheme: Scheme, rest: &'a [u8]) -> Option<Uri<'a>> {
        // A user part may hold `;` and `?` of its own (`+1555;phone-context=+1@gw`), so the `@` is looked for first.
        let (user, rest) = match memchr::memchr(b'@', rest) {
            Some(at) => (split_at(&rest[..at], b':').0, &rest[at + 1..]),
            None => (&rest[..0], rest),
        };
        let (rest, headers) = split_at(rest, b'?');
        let (address, parameters) = split_at(rest, b';');
        let (host, port) = host_and_port(address)?;
        Some(Uri {
            scheme,
            user,
            host,
            port,
            parameters: Parameters(parameters),
            headers,
        })
    }

    /// The user part with `%41` read as `A`; what isn't UTF-8 afterwards is replaced, as this is for people and for matching.
    pub fn decoded_user(&self) -> String {
        super::lossy(&unescaped(self.user).collect::<Vec<_>>())
    }

    /// Loose routing (RFC 3261 §19.1.1): `lr`, also when written `lr=on` or with escapes.
    pub fn is_loose(&self) -> bool {
        self.parameters.has(b"lr")
            || self.parameters.iter().any(|(name, _)| {
                unescaped(name)
                    .map(|byte| byte.to_ascii_lowercase())
                    .eq(*b"lr")
            })
    }
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`; white space around the colon is allowed in Via.
pub(super) fn host_and_port(address: &[u8]) -> Option<(&[u8], Option<u16>)> {
    let end = match address.first()? {
        b'[' => {
            let inner = &address[1..];
            let close = inner
                .iter()
                .position(|byte| !byte.is_ascii_hexdigit() && !matches!(byte, b':' | b'.'))?;
            if close == 0 || inner[close] != b']' {
                return None;
            }
            close + 2
        }
        _ => address
            .iter()
            .position(|byte| !HOST[usize::from(*byte)])
            .unwrap_or(address.len()),
    };
    let (host, rest) = address.split_at(end);
    if host.is_empty() {
        return None;
    }
    match rest.trim_ascii() {
        [] => Some((host, None)),
        [b':', port @ ..] => {
            let port = port.trim_ascii();
            let shaped = port.len() <= 5 && port.iter().all(u8::is_ascii_digit);
            let port = shaped.then(|| decimal(port)).flatten()?;
            Some((host, Some(u16::try_from(port).ok()?)))
        }
        _ => None,
    }
}

fn split_at(text: &[u8], separator: u8) -> (&[u8], &[u8]) {
    match memchr::memchr(separator, text) {
        Some(at) => (&text[..at], &text[at..]),
        None => (text, &text[text.len()..]),
    }
}

/// `%41` read as `A`; a percent sign that begins no escape stays one.
fn unescaped(text: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (&byte, tail) = rest.split_first()?;
        rest = tail;
        match (byte, tail) {
            (b'%', [high, low, after @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                rest = after;
                Some(hex_digit(*high) << 4 | hex_digit(*low))
            }
            _ => Some(byte),
        }
    })
}

/// What a name or an IPv4 address may have; underscores are met, though no domain may have them.
const HOST: [bool; 256] = alphanumeric_or(b"-._");

fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_real_uris_are_found() {
        for (text, user, host, port) in [
            ("sip:john.doe@example.com", "john.doe", "example.com", None),
            (
                "sip:+1555;phone-context=+1@gw.example.com:5062;transport=udp",
                "+1555;phone-context=+1",
                "gw.example.com",
                Some(5062),
            ),
            (
                "sip:1001@pbx.test;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
                "1001",
                "pbx.test",
                None,
            ),
            ("sip:[2001:db8::9]:5070;lr", "", "[2001:db8::9]", Some(5070)),
            (
                "SIP:a:secret@198.51.100.7?Replaces=x%40y",
                "a",
                "198.51.100.7",
                None,
            ),
            ("tel:+919000000011;ext=5", "+919000000011", "", None),
            (
                "sip:n7mlltsg@4sj15je5b736.invalid;transport=ws;ob",
                "n7mlltsg",
                "4sj15je5b736.invalid",
                None,
            ),
        ] {
            let uri = Uri::parse(text.as_bytes()).expect(text);
            assert_eq!(
                (uri.user, uri.host, uri.port),
                (user.as_bytes(), host.as_bytes(), port),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_uri_is_refused() {
        for text in [
            "",
            "sip:",
            "1001@example.com",
            "sip:a@",
            "sip:a@host:99999",
            "sip:a@[::1",
            "sip:a@[]",
            "sip:a@[::g]",
            "sip:a@[::1]x",
            "sip:a@ho st",
            "sip:a@h:x",
        ] {
            assert_eq!(Uri::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn escapes_in_the_user_are_read_once() {
        let uri = Uri::parse(b"sip:%2B919000000011%25@h").expect("a URI");
        assert_eq!(uri.decoded_user(), "+919000000011%");
    }

    #[test]
    fn lr_with_a_value_is_loose() {
        assert!(
            Uri::parse(b"sip:p.example.com;lr=on")
                .expect("a URI")
                .is_loose()
        );
        assert!(
            !Uri::parse(b"sip:p.example.com;lrx")
                .expect("a URI")
                .is_loose()
        );
    }
}
