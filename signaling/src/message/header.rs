//! Typed views of the headers that carry structure: lists, parameters, name-addr, Via, CSeq (RFC 3261 §20, §25).
//!
//! CR and LF count as white space here: inside a value they can only be a folded line.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memchr3};

use super::scan::{decimal, is_token};
use super::uri::host_and_port;

/// The elements of a comma-separated value, trimmed, empty ones left out. Commas in quotes and in `<>` don't separate.
pub(crate) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    listed(value).filter(|element| !element.is_empty())
}

/// The same with the empty ones, which no grammar of a list allows.
pub(crate) fn listed(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    split_outside(value, b',').map(trimmed)
}

/// The text after the first `;`, read as `;name=value;name`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parameters<'a>(pub &'a [u8]);

impl<'a> Parameters<'a> {
    pub fn iter(self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> {
        split_outside(self.0, b';')
            .map(trimmed)
            .filter(|parameter| !parameter.is_empty())
            .map(|parameter| match memchr(b'=', parameter) {
                Some(equals) => (
                    trimmed(&parameter[..equals]),
                    Some(trimmed(&parameter[equals + 1..])),
                ),
                None => (parameter, None),
            })
    }

    pub fn has(self, name: &[u8]) -> bool {
        self.iter()
            .any(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
    }

    /// The value of the first parameter of that name, quotes left on.
    pub fn value(self, name: &[u8]) -> Option<&'a [u8]> {
        self.iter()
            .find(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
            .and_then(|(_, value)| value)
    }
}

/// From, To, Contact, Route: `"Display" <uri>;parameters` or `uri;parameters` (RFC 3261 §20.10).
#[derive(Debug, Clone, Copy)]
pub(crate) struct NameAddr<'a> {
    /// As written, quotes included; empty if there is none.
    pub display: &'a [u8],
    /// Between the brackets, verbatim.
    pub uri: &'a [u8],
    pub parameters: Parameters<'a>,
    /// Display name and URI as written, without the parameters.
    pub address: &'a [u8],
}

impl<'a> NameAddr<'a> {
    /// `None` for an open quote, an open bracket or an empty URI.
    pub fn parse(value: &'a [u8]) -> Option<NameAddr<'a>> {
        let value = trimmed(value);
        let open = find_outside_quotes(value, b'<')?;
        let Some(open) = open else {
            // Without brackets, what follows a semicolon belongs to the header, and there is neither `,` nor `?` (RFC 3261 §20).
            let end = memchr(b';', value).unwrap_or(value.len());
            let uri = trimmed(&value[..end]);
            let plain = !uri.is_empty()
                && !uri.iter().any(|byte| {
                    byte.is_ascii_whitespace() || matches!(byte, b'"' | b'>' | b',' | b'?')
                });
            return plain.then_some(NameAddr {
                display: &[],
                uri,
                parameters: Parameters(&value[end..]),
                address: uri,
            });
        };
        let close = open + memchr(b'>', &value[open..])?;
        let uri = trimmed(&value[open + 1..close]);
        let tail = trimmed(&value[close + 1..]);
        if uri.is_empty() || !(tail.is_empty() || tail[0] == b';') {
            return None;
        }
        // An open quote in the parameters would swallow what follows.
        find_outside_quotes(tail, 0)?;
        Some(NameAddr {
            display: trimmed(&value[..open]),
            uri,
            parameters: Parameters(tail),
            address: &value[..close + 1],
        })
    }

    /// The display name without quotes and escapes; control characters become spaces, since it is for people's eyes.
    pub fn display_text(&self) -> Option<String> {
        let text = super::lossy(&unquoted(&unfolded(self.display)))
            .replace(|letter: char| letter.is_control(), " ");
        (!text.is_empty()).then_some(text)
    }
}

/// One hop (RFC 3261 §20.42): `SIP/2.0/UDP host:port;branch=…`, with white space allowed nearly everywhere.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Via<'a> {
    /// Such as `2.0`.
    pub version: &'a [u8],
    pub host: &'a [u8],
    pub port: Option<u16>,
    pub parameters: Parameters<'a>,
    /// Everything before the parameters, as written.
    pub head: &'a [u8],
}

impl<'a> Via<'a> {
    /// `None` if it isn't `SIP/version/transport sent-by`.
    pub fn parse(value: &'a [u8]) -> Option<Via<'a>> {
        let value = trimmed(value);
        let end = memchr(b';', value).unwrap_or(value.len());
        let head = trimmed(&value[..end]);
        let (version, rest) = match head.strip_prefix(b"SIP/2.0/") {
            Some(rest) => (&head[4..7], rest),
            None => Self::spaced_version(head)?,
        };
        let rest = trimmed(rest);
        let transport_end = rest.iter().position(u8::is_ascii_whitespace)?;
        if !is_token(&rest[..transport_end]) {
            return None;
        }
        let (host, port) = host_and_port(trimmed(&rest[transport_end..]))?;
        Some(Via {
            version,
            host,
            port,
            parameters: Parameters(&value[end..]),
            head,
        })
    }

    /// The version where white space or another letter case stands before it, and what follows its slash.
    fn spaced_version(head: &[u8]) -> Option<(&[u8], &[u8])> {
        let (name, rest) = head.split_at(memchr(b'/', head)?);
        let (version, rest) = rest[1..].split_at(memchr(b'/', &rest[1..])?);
        let version = trimmed(version);
        (trimmed(name).eq_ignore_ascii_case(b"SIP") && is_token(version))
            .then_some((version, &rest[1..]))
    }

    pub fn branch(&self) -> Option<&'a [u8]> {
        self.parameters
            .value(b"branch")
            .filter(|branch| !branch.is_empty())
    }
}

/// RFC 3261 §20.16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CSeq<'a> {
    /// Below 2^31 (RFC 3261 §8.1.1.5).
    pub number: u32,
    pub method: &'a [u8],
}

impl<'a> CSeq<'a> {
    pub fn parse(value: &'a [u8]) -> Option<CSeq<'a>> {
        let end = value.iter().position(u8::is_ascii_whitespace)?;
        let (digits, method) = (&value[..end], trimmed(&value[end..]));
        let number = decimal(digits).and_then(|number| u32::try_from(number).ok())?;
        (number < 1 << 31 && is_token(method)).then_some(CSeq { number, method })
    }
}

/// A folded value on one line (RFC 3261 §7.3.1: a fold is a single space).
pub(crate) fn unfolded(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr(b'\n', value).is_none() {
        return Cow::Borrowed(value);
    }
    let mut line = Vec::with_capacity(value.len());
    for part in value.split(|byte| *byte == b'\n') {
        let part = trimmed(part);
        if !line.is_empty() && !part.is_empty() {
            line.push(b' ');
        }
        line.extend_from_slice(part);
    }
    Cow::Owned(line)
}

/// A quoted string's content; anything else as it is.
pub(crate) fn unquoted(text: &[u8]) -> Cow<'_, [u8]> {
    let [b'"', inner @ .., b'"'] = text else {
        return Cow::Borrowed(text);
    };
    if memchr(b'\\', inner).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut content = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'\\' => content.extend(bytes.next()),
            plain => content.push(plain),
        }
    }
    Cow::Owned(content)
}

/// An IPv6 host as `IpAddr` reads it.
pub(crate) fn without_brackets(host: &[u8]) -> &[u8] {
    match host {
        [b'[', inner @ .., b']'] => inner,
        plain => plain,
    }
}

/// Without white space at either end.
pub(crate) fn trimmed(text: &[u8]) -> &[u8] {
    text.trim_ascii()
}

fn split_outside(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let current = rest?;
        let end = outside(current, separator);
        rest = end.map(|end| &current[end + 1..]);
        Some(&current[..end.unwrap_or(current.len())])
    })
}

/// The first `wanted` that is neither in quotes nor in `<>`; what is opened and never closed hides all that follows.
fn outside(text: &[u8], wanted: u8) -> Option<usize> {
    let mut position = 0;
    loop {
        position += memchr3(wanted, b'"', b'<', &text[position..])?;
        position = match text[position] {
            b'"' => after_quoted(text, position)?,
            b'<' => position + memchr(b'>', &text[position..])? + 1,
            _ => return Some(position),
        };
    }
}

/// `Some(None)` if `wanted` doesn't occur, `None` if a quote stays open.
fn find_outside_quotes(text: &[u8], wanted: u8) -> Option<Option<usize>> {
    let mut position = 0;
    while let Some(found) = memchr2(wanted, b'"', &text[position..]) {
        position += found;
        if text[position] == wanted {
            return Some(Some(position));
        }
        position = after_quoted(text, position)?;
    }
    Some(None)
}

/// Where a quoted string that begins at `open` has ended.
fn after_quoted(text: &[u8], open: usize) -> Option<usize> {
    let mut position = open + 1;
    loop {
        position += memchr2(b'"', b'\\', text.get(position..)?)?;
        match text[position] {
            b'"' => return Some(position + 1),
            _ => position += 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names_may_hold_anything_in_quotes() {
        let value = br#""A, B \"C\" <x>" <sip:a@example.com;user=phone>;tag=1"#;
        let from = NameAddr::parse(value).expect("a name-addr");
        assert_eq!(from.display_text().as_deref(), Some(r#"A, B "C" <x>"#));
        assert_eq!(from.uri, b"sip:a@example.com;user=phone");
        assert_eq!(from.parameters.value(b"TAG"), Some(&b"1"[..]));
        assert_eq!(elements(value).count(), 1);
    }

    #[test]
    fn parameters_after_a_bare_uri_belong_to_the_header() {
        let to = NameAddr::parse(b"sip:b@example.com;tag=x;lr").expect("an addr-spec");
        assert_eq!(
            (to.uri, to.parameters.value(b"tag")),
            (&b"sip:b@example.com"[..], Some(&b"x"[..]))
        );
    }

    #[test]
    fn unbalanced_name_addrs_are_refused() {
        for value in [
            r#""A <sip:a@h>"#,
            "A <sip:a@h",
            "<>",
            "",
            "A B sip:a@h",
            r#"<sip:a@h>;x="y"#,
            "<sip:a@h> x",
        ] {
            assert!(NameAddr::parse(value.as_bytes()).is_none(), "{value}");
        }
    }

    #[test]
    fn contact_of_a_browser_softphone_is_read_whole() {
        let value = br#"<sip:n7mlltsg@4sj15je5b736.invalid;transport=ws>;+sip.ice;reg-id=1;+sip.instance="<urn:uuid:f81d4fae>";expires=120;received="sip:198.51.100.3:9;transport=ws""#;
        let contact = NameAddr::parse(value).expect("a contact");
        assert_eq!(
            contact.parameters.value(b"+sip.instance"),
            Some(&br#""<urn:uuid:f81d4fae>""#[..])
        );
        assert_eq!(contact.parameters.value(b"expires"), Some(&b"120"[..]));
        assert!(contact.parameters.has(b"+sip.ice"));
    }

    #[test]
    fn via_tolerates_white_space_where_the_grammar_does() {
        let via =
            Via::parse(b"SIP / 2.0 / UDP [2001:db8::1] : 5070 ; branch = z9hG4bK1").expect("a via");
        assert_eq!(
            (via.host, via.port, via.branch()),
            (&b"[2001:db8::1]"[..], Some(5070), Some(&b"z9hG4bK1"[..]))
        );
        assert!(Via::parse(b"SIP/2.0/UDP").is_none());
        assert!(Via::parse(b"HTTP/1.1/TCP h").is_none());
    }

    #[test]
    fn cseq_is_below_two_to_the_thirty_first() {
        assert_eq!(
            CSeq::parse(b"2147483647 \t INVITE").map(|cseq| cseq.number),
            Some(2_147_483_647)
        );
        for value in [
            "2147483648 INVITE",
            "-1 INVITE",
            "1",
            "1 ",
            "x INVITE",
            "99999999999 BYE",
        ] {
            assert_eq!(CSeq::parse(value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn folds_become_one_space() {
        assert_eq!(&*unfolded(b"a;\r\n\t b\r\n  c"), b"a; b c");
    }
}
