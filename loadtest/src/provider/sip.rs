//! SIP messages as text: as much of RFC 3261 §7 as a registrar needs that calls its own lines.
//!
//! Written apart from the gateway's message layer on purpose: a mistake made on one side of the wire
//! has to show on the other.

use std::fmt::{self, Display, Formatter};

/// A request or a response, its headers in the order of the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub start: Start,
    headers: Vec<(String, String)>,
    pub body: String,
}

/// The first line (RFC 3261 §7.1, §7.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    Request { method: String, uri: String },
    Response { status: u16, reason: String },
}

/// Why bytes are no SIP message; the text is for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl Message {
    /// Reads exactly one message.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for a broken start line or header, a missing header that every message carries
    /// (RFC 3261 §8.1.1), or a `Content-Length` that isn't the body's.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let (head, body) = text
            .split_once("\r\n\r\n")
            .ok_or(Malformed("no empty line after the headers"))?;
        let mut lines = head.split("\r\n");
        let start = Start::parse(lines.next().unwrap_or_default())?;
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines {
            match (
                line.strip_prefix([' ', '\t']),
                headers.last_mut(),
                line.split_once(':'),
            ) {
                // Folding (§7.3.1) joins with one space.
                (Some(more), Some((_, value)), _) => {
                    value.push(' ');
                    value.push_str(more.trim());
                }
                (None, _, Some((name, value))) => {
                    headers.push((full_name(name.trim()).to_owned(), value.trim().to_owned()));
                }
                (Some(_), None, _) | (None, _, None) => {
                    return Err(Malformed("a header has no colon"));
                }
            }
        }
        let message = Self {
            start,
            headers,
            body: body.to_owned(),
        };
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            message
                .header(name)
                .ok_or(Malformed("Via, From, To, Call-ID or CSeq is missing"))?;
        }
        message
            .cseq()
            .ok_or(Malformed("CSeq isn't a number and a method"))?;
        match message.header("Content-Length").map(str::parse::<usize>) {
            None => Ok(message),
            Some(Ok(length)) if length == message.body.len() => Ok(message),
            Some(_) => Err(Malformed("Content-Length isn't the body's length")),
        }
    }

    /// A request without headers.
    pub fn request(method: &str, uri: &str) -> Self {
        Self::from_start(Start::Request {
            method: method.to_owned(),
            uri: uri.to_owned(),
        })
    }

    /// A response to `request`: its Via, From, To, Call-ID and CSeq copied (RFC 3261 §8.2.6.2).
    pub fn response(request: &Self, status: u16, reason: &str) -> Self {
        let mut response = Self::from_start(Start::Response {
            status,
            reason: reason.to_owned(),
        });
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            for value in request.headers(name) {
                response = response.with(name, value);
            }
        }
        response
    }

    /// Adds a header after those that are there.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Replaces the body and says what it is.
    #[must_use]
    pub fn with_sdp(mut self, sdp: String) -> Self {
        self.body = sdp;
        self.with("Content-Type", "application/sdp")
    }

    /// Gives To a tag where it has none yet (RFC 3261 §8.2.6.2).
    #[must_use]
    pub fn with_to_tag(mut self, tag: &str) -> Self {
        for (name, value) in &mut self.headers {
            if name == "To" && parameter(value, "tag").is_none() {
                value.push_str(";tag=");
                value.push_str(tag);
            }
        }
        self
    }

    /// The method, of a request.
    pub fn method(&self) -> Option<&str> {
        match &self.start {
            Start::Request { method, .. } => Some(method),
            Start::Response { .. } => None,
        }
    }

    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut same = self
            .headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name));
        same.next().map(|(_, value)| value.as_str())
    }

    /// All headers of that name, in order.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Sequence number and method of CSeq.
    pub fn cseq(&self) -> Option<(u32, &str)> {
        let (number, method) = self.header("CSeq")?.split_once(char::is_whitespace)?;
        Some((number.parse().ok()?, method.trim()))
    }

    fn from_start(start: Start) -> Self {
        Self {
            start,
            headers: Vec::new(),
            body: String::new(),
        }
    }
}

impl Display for Message {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.start {
            Start::Request { method, uri } => write!(f, "{method} {uri} {VERSION}\r\n")?,
            Start::Response { status, reason } => write!(f, "{VERSION} {status} {reason}\r\n")?,
        }
        for (name, value) in &self.headers {
            if !name.eq_ignore_ascii_case("Content-Length") {
                write!(f, "{name}: {value}\r\n")?;
            }
        }
        write!(
            f,
            "Content-Length: {}\r\n\r\n{}",
            self.body.len(),
            self.body
        )
    }
}

impl Start {
    fn parse(line: &str) -> Result<Self, Malformed> {
        let mut words = line.splitn(3, ' ');
        match (words.next(), words.next(), words.next()) {
            (Some(VERSION), Some(status), reason) => Ok(Self::Response {
                status: status
                    .parse()
                    .ok()
                    .filter(|s| (100..700).contains(s))
                    .ok_or(Malformed("the status isn't a number of three digits"))?,
                reason: reason.unwrap_or_default().to_owned(),
            }),
            (Some(method), Some(uri), Some(VERSION)) if !method.is_empty() => Ok(Self::Request {
                method: method.to_owned(),
                uri: uri.to_owned(),
            }),
            _ => Err(Malformed("neither a request line nor a status line")),
        }
    }
}

/// A parameter of a header's value, without its quotes; those of a URI in `<>` are the URI's and not counted.
pub fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let (_, parameters) = split_address(value);
    parameters.split(';').skip(1).find_map(|part| {
        let (n, v) = part.split_once('=').unwrap_or((part, ""));
        n.trim()
            .eq_ignore_ascii_case(name)
            .then(|| v.trim().trim_matches('"'))
    })
}

/// The value without that parameter.
pub fn without_parameter(value: &str, name: &str) -> String {
    let (_, parameters) = split_address(value);
    let address = &value[..value.len() - parameters.len()];
    let kept = parameters.split(';').skip(1).filter(|part| {
        let n = part.split_once('=').map_or(*part, |(n, _)| n);
        !n.trim().eq_ignore_ascii_case(name)
    });
    kept.fold(address.to_owned(), |all, part| all + ";" + part)
}

/// The URI of a name-addr or addr-spec (RFC 3261 §20.10): what stands in `<>`, or what precedes the parameters.
pub fn uri(value: &str) -> &str {
    split_address(value).0
}

/// URI and parameters, the latter from their first semicolon on. A display name may quote anything, and so may
/// a parameter: `+sip.instance="<urn:uuid:…>"`.
fn split_address(value: &str) -> (&str, &str) {
    let mut quoted = false;
    for (at, c) in value.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '<' if !quoted => {
                let rest = &value[at + 1..];
                return rest.split_once('>').unwrap_or((rest, ""));
            }
            ';' if !quoted => return (value[..at].trim(), &value[at..]),
            _ => {}
        }
    }
    (value.trim(), "")
}

/// The user part of a SIP URI.
pub fn user(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once(':')?;
    rest.split_once('@').map(|(user, _)| user)
}

/// Compact forms (RFC 3261 §7.3.3).
fn full_name(name: &str) -> &str {
    match name {
        "v" => "Via",
        "f" => "From",
        "t" => "To",
        "i" => "Call-ID",
        "m" => "Contact",
        "l" => "Content-Length",
        "c" => "Content-Type",
        "k" => "Supported",
        "e" => "Content-Encoding",
        "s" => "Subject",
        other => other,
    }
}

const VERSION: &str = "SIP/2.0";

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTER: &str = "REGISTER sip:provider.example SIP/2.0\r\n\
        v: SIP/2.0/WSS k3.invalid;branch=z9hG4bK12\r\n\
        From: <sip:500607@provider.example>;tag=a1\r\n\
        To: <sip:500607@provider.example>\r\n\
        Call-ID: c1\r\n\
        CSeq: 7 REGISTER\r\n\
        Contact: <sip:x@k3.invalid;transport=ws>;reg-id=1;\r\n \
        +sip.instance=\"<urn:uuid:1>\";expires=60\r\n\r\n";

    #[test]
    fn folded_and_compact_headers_are_read_as_their_plain_forms() {
        let m = Message::parse(REGISTER).unwrap();
        assert_eq!(
            m.header("Via"),
            Some("SIP/2.0/WSS k3.invalid;branch=z9hG4bK12")
        );
        assert_eq!(m.cseq(), Some((7, "REGISTER")));
        assert!(m.header("contact").unwrap().ends_with(";expires=60"));
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let sent = Message::response(&Message::parse(REGISTER).unwrap(), 200, "OK")
            .with_to_tag("b2")
            .with_sdp("v=0\r\n".to_owned());
        let read = Message::parse(&sent.to_string()).unwrap();
        assert_eq!(read.start, sent.start);
        assert_eq!(read.body, "v=0\r\n");
        assert_eq!(parameter(read.header("To").unwrap(), "tag"), Some("b2"));
    }

    #[test]
    fn broken_messages_are_refused() {
        for broken in [
            "",
            "\r\n\r\n",
            "INVITE\r\n\r\n",
            "SIP/2.0 20 OK\r\nVia: x\r\n\r\n",
            &REGISTER.replace("Call-ID: c1\r\n", ""),
            &REGISTER.replace("CSeq: 7 REGISTER", "CSeq: seven REGISTER"),
            &REGISTER.replace("CSeq: 7", "Content-Length: 4\r\nCSeq: 7"),
            &REGISTER.replace("Call-ID: c1", "Call-ID"),
        ] {
            assert!(Message::parse(broken).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn parameters_belong_to_the_header_and_not_to_the_uri() {
        let value =
            "\"A <B\" <sip:500607@h;tag=no>;+sip.instance=\"<urn:uuid:1>\";reg-id=1;expires=60";
        assert_eq!(parameter(value, "tag"), None);
        assert_eq!(parameter(value, "expires"), Some("60"));
        assert_eq!(parameter(value, "+sip.instance"), Some("<urn:uuid:1>"));
        assert_eq!(
            without_parameter(value, "expires"),
            value.replace(";expires=60", "")
        );
        assert_eq!(uri(value), "sip:500607@h;tag=no");
        assert_eq!(user(uri(value)), Some("500607"));
    }
}
