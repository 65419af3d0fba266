//! A SIP message as it came: one buffer, an index of offsets into it, typed views on demand (RFC 3261 §7).
//!
//! Parsing allocates nothing and loses nothing: unknown methods, headers, schemes and parameters stay readable,
//! bytes that aren't UTF-8 stay as they are.

mod build;
mod header;
mod scan;
mod uri;

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

pub(crate) use build::{
    Builder, ack_of_rejection, cancel_of, reason_phrase, with_credentials, with_headers,
};
pub(crate) use header::{
    CSeq, NameAddr, Parameters, Via, elements, listed, trimmed, unfolded, unquoted,
    without_brackets,
};
pub(crate) use uri::{Scheme as UriScheme, Uri};

use crate::error::Malformed;
use scan::{Index, StartLine};

/// A parsed request or response; cheap to clone, since all its fields are slices of one [`Bytes`].
#[derive(Clone)]
pub struct Message {
    buffer: Bytes,
    index: Index,
}

/// A message that can't be taken as it is.
#[derive(Debug)]
pub struct Refusal {
    /// The first thing that was wrong.
    pub cause: Malformed,
    /// What could be read of a request, enough perhaps to answer it.
    pub request: Option<Box<Message>>,
}

/// The methods this crate tells apart; the name itself stays in the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Method {
    Invite,
    Ack,
    Cancel,
    Bye,
    Register,
    Options,
    Info,
    Update,
    Prack,
    Refer,
    Notify,
    /// Any other token: kept, answered 405.
    Other,
}

/// The header names this crate reads, long and compact forms alike; all others are [`Name::Other`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Name {
    Accept,
    Allow,
    MinSe,
    RAck,
    RSeq,
    Replaces,
    SubscriptionState,
    Via,
    From,
    To,
    CallId,
    CSeq,
    Contact,
    MaxForwards,
    ContentLength,
    ContentType,
    RecordRoute,
    Route,
    Require,
    ProxyRequire,
    Supported,
    Expires,
    MinExpires,
    RetryAfter,
    Authorization,
    ProxyAuthorization,
    WwwAuthenticate,
    ProxyAuthenticate,
    SessionExpires,
    Reason,
    Subject,
    ReferTo,
    ReferredBy,
    Event,
    AllowEvents,
    ContentEncoding,
    Other,
}

/// What the start line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'a> {
    /// `METHOD uri SIP/2.0`
    Request {
        /// The method, if it is one of ours.
        method: Method,
        /// The request URI, verbatim.
        uri: &'a [u8],
    },
    /// `SIP/2.0 status reason`
    Response {
        /// 100 to 699.
        status: u16,
        /// The reason phrase, verbatim; may be empty.
        reason: &'a [u8],
    },
}

impl Message {
    /// Reads one whole message: a datagram or a WebSocket message. Without Content-Length the body is the rest (RFC 3261 §18.3).
    ///
    /// # Errors
    ///
    /// A [`Refusal`] with the first fault found. A valid result has a readable top Via, From, To, Call-ID, CSeq and,
    /// in requests, a From tag and a CSeq of the same method.
    pub fn parse(buffer: Bytes, limit: usize) -> Result<Message, Refusal> {
        if buffer.len() > limit {
            return Err(Refusal {
                cause: Malformed::TooLarge,
                request: None,
            });
        }
        let (index, fault) = scan::scan(&buffer).map_err(|cause| Refusal {
            cause,
            request: None,
        })?;
        let message = Message { buffer, index };
        match fault.map_or_else(|| message.validate(), Err) {
            Ok(()) => Ok(message),
            Err(cause) => {
                let request =
                    matches!(message.kind(), Kind::Request { .. }).then(|| Box::new(message));
                Err(Refusal { cause, request })
            }
        }
    }

    /// Request or response.
    pub fn kind(&self) -> Kind<'_> {
        match self.index.start {
            StartLine::Request { method, uri, .. } => Kind::Request {
                method,
                uri: uri.of(&self.buffer),
            },
            StartLine::Response { status, reason } => Kind::Response {
                status,
                reason: reason.of(&self.buffer),
            },
        }
    }

    /// The method of a request; of a response, that of its CSeq.
    pub fn method(&self) -> Method {
        match self.index.start {
            StartLine::Request { method, .. } => method,
            StartLine::Response { .. } => self
                .cseq()
                .map_or(Method::Other, |cseq| Method::of(cseq.method)),
        }
    }

    /// The request URI, verbatim; empty in a response.
    pub fn request_uri(&self) -> &[u8] {
        match self.index.start {
            StartLine::Request { uri, .. } => uri.of(&self.buffer),
            StartLine::Response { .. } => &[],
        }
    }

    /// Every header line in order: name as written, value without surrounding white space, folded lines as they are.
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.index
            .headers
            .iter()
            .map(|line| (line.name.of(&self.buffer), line.value.of(&self.buffer)))
    }

    /// The values of one known header, a line each.
    pub fn lines(&self, name: Name) -> impl Iterator<Item = &[u8]> {
        self.index
            .headers
            .iter()
            .filter(move |line| line.id == name)
            .map(|line| line.value.of(&self.buffer))
    }

    /// The values of one known header, one an element, whether listed by commas or on lines of their own (RFC 3261 §7.3.1).
    pub fn elements(&self, name: Name) -> impl Iterator<Item = &[u8]> {
        self.lines(name).flat_map(elements)
    }

    /// The first line of a known header.
    pub fn header(&self, name: Name) -> Option<&[u8]> {
        self.lines(name).next()
    }

    /// The first value of any header, by its long or compact name, letter case ignored; folded lines joined.
    pub fn text(&self, name: &str) -> Option<String> {
        let id = Name::of(name.as_bytes());
        self.index
            .headers
            .iter()
            .find(|line| match id {
                Name::Other => line
                    .name
                    .of(&self.buffer)
                    .eq_ignore_ascii_case(name.as_bytes()),
                known => line.id == known,
            })
            .map(|line| lossy(&unfolded(line.value.of(&self.buffer))))
    }

    /// The body as it came, binary or not.
    pub fn body(&self) -> Bytes {
        self.buffer.slice(self.index.body.range())
    }

    /// The whole message as it came, leading line ends included.
    pub fn bytes(&self) -> &Bytes {
        &self.buffer
    }

    /// The topmost Via.
    pub(crate) fn via(&self) -> Option<Via<'_>> {
        self.elements(Name::Via).next().and_then(Via::parse)
    }

    pub(crate) fn from(&self) -> Option<NameAddr<'_>> {
        self.header(Name::From).and_then(NameAddr::parse)
    }

    pub(crate) fn to(&self) -> Option<NameAddr<'_>> {
        self.header(Name::To).and_then(NameAddr::parse)
    }

    pub(crate) fn contact(&self) -> Option<NameAddr<'_>> {
        self.elements(Name::Contact)
            .next()
            .and_then(NameAddr::parse)
    }

    pub(crate) fn tag_in_from(&self) -> Option<&[u8]> {
        self.from().and_then(|from| from.parameters.value(b"tag"))
    }

    pub(crate) fn tag_in_to(&self) -> Option<&[u8]> {
        self.to().and_then(|to| to.parameters.value(b"tag"))
    }

    /// Empty only where the message was refused for missing it.
    pub(crate) fn call_id(&self) -> &[u8] {
        self.header(Name::CallId).unwrap_or_default()
    }

    pub(crate) fn cseq(&self) -> Option<CSeq<'_>> {
        self.header(Name::CSeq).and_then(CSeq::parse)
    }

    /// A header that is one decimal number, such as Max-Forwards or Expires; `None` if absent or unreadable.
    pub(crate) fn number(&self, name: Name) -> Option<u32> {
        // Retry-After may go on with a comment or parameters (RFC 3261 §20.33).
        let digits = self
            .header(name)?
            .split(|byte| !byte.is_ascii_digit())
            .next()?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// Whether a list of tokens, such as Supported, has `token` in any letter case.
    pub(crate) fn lists(&self, name: Name, token: &str) -> bool {
        self.elements(name)
            .any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// In one pass over the headers, since every message comes through here.
    fn validate(&self) -> Result<(), Malformed> {
        self.validate_request_uri()?;
        let (mut hops, mut from, mut to, mut call_id, mut cseq) = (0, None, None, None, None);
        for line in &self.index.headers {
            let value = line.value.of(&self.buffer);
            match line.id {
                Name::Via => {
                    for via in listed(value) {
                        hops += 1;
                        validate_hop(via, hops)?;
                    }
                }
                Name::From => from = Some(party(value, "From")?),
                Name::To => to = Some(party(value, "To")?),
                Name::CallId => call_id = Some(value).filter(|value| !value.is_empty()),
                Name::CSeq => cseq = Some(CSeq::parse(value).ok_or(Malformed::Header("CSeq"))?),
                Name::Contact => validate_contacts(value)?,
                Name::MaxForwards => {
                    scan::decimal(value)
                        .filter(|hops| *hops <= MAX_HOPS)
                        .ok_or(Malformed::Header("Max-Forwards"))?;
                }
                _ => {}
            }
        }
        if hops == 0 {
            return Err(Malformed::Missing("Via"));
        }
        let from = from.ok_or(Malformed::Missing("From"))?;
        to.ok_or(Malformed::Missing("To"))?;
        call_id.ok_or(Malformed::Missing("Call-ID"))?;
        let cseq = cseq.ok_or(Malformed::Missing("CSeq"))?;
        match self.index.start {
            StartLine::Request { name, .. } if name.of(&self.buffer) != cseq.method => {
                Err(Malformed::CSeqMethod)
            }
            StartLine::Request { .. } if from.parameters.value(b"tag").is_none() => {
                Err(Malformed::Missing("From tag"))
            }
            StartLine::Request { .. } | StartLine::Response { .. } => Ok(()),
        }
    }

    fn validate_request_uri(&self) -> Result<(), Malformed> {
        let StartLine::Request { uri, .. } = self.index.start else {
            return Ok(());
        };
        let uri = uri.of(&self.buffer);
        if uri.len() > MAX_URI {
            return Err(Malformed::UriTooLong);
        }
        // Headers are for links to click on, not for a request URI (RFC 3261 §19.1.1, table 1).
        Uri::parse(uri)
            .filter(|uri| uri.headers.is_empty())
            .map(|_| ())
            .ok_or(Malformed::Header("request URI"))
    }
}

fn validate_hop(via: &[u8], hops: usize) -> Result<(), Malformed> {
    if hops > MAX_VIAS {
        return Err(Malformed::TooManyVias);
    }
    Via::parse(via)
        .filter(|via| via.version == b"2.0")
        .map(|_| ())
        .ok_or(Malformed::Header("Via"))
}

fn validate_contacts(value: &[u8]) -> Result<(), Malformed> {
    elements(value)
        .all(|contact| contact == b"*" || NameAddr::parse(contact).is_some())
        .then_some(())
        .ok_or(Malformed::Header("Contact"))
}

/// From or To, whose URI has at least a scheme.
fn party<'a>(value: &'a [u8], name: &'static str) -> Result<NameAddr<'a>, Malformed> {
    NameAddr::parse(value)
        .filter(|party| Uri::scheme_of(party.uri).is_some())
        .ok_or(Malformed::Header(name))
}

/// The start line only: headers hold credentials and people's numbers.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index.start {
            StartLine::Request { name, .. } => {
                write!(f, "Message({} …)", lossy(name.of(&self.buffer)))
            }
            StartLine::Response { status, .. } => write!(f, "Message(SIP/2.0 {status})"),
        }
    }
}

impl Method {
    /// Method names are case-sensitive (RFC 3261 §7.1).
    pub fn of(name: &[u8]) -> Method {
        match name {
            b"INVITE" => Method::Invite,
            b"ACK" => Method::Ack,
            b"CANCEL" => Method::Cancel,
            b"BYE" => Method::Bye,
            b"REGISTER" => Method::Register,
            b"OPTIONS" => Method::Options,
            b"INFO" => Method::Info,
            b"UPDATE" => Method::Update,
            b"PRACK" => Method::Prack,
            b"REFER" => Method::Refer,
            b"NOTIFY" => Method::Notify,
            _ => Method::Other,
        }
    }
}

/// For people and the gateway's own text; what goes back on the wire is copied as bytes.
pub(crate) fn lossy(bytes: &[u8]) -> String {
    match String::from_utf8_lossy(bytes) {
        Cow::Borrowed(text) => text.to_owned(),
        Cow::Owned(text) => text,
    }
}

/// A request URI above this gets 414; no softphone or carrier comes near it.
const MAX_URI: usize = 2048;
/// The hop count that Max-Forwards starts from (RFC 3261 §8.1.1.6): more Vias can't have happened.
const MAX_VIAS: usize = 70;
/// RFC 3261 §20.22.
const MAX_HOPS: usize = 255;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod torture;
