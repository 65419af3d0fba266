//! The one pass over a message's bytes that finds its lines (RFC 3261 §7.3.1, §25).

use std::ops::Range;

use memchr::{memchr, memchr2};
use smallvec::SmallVec;

use super::{Method, Name};
use crate::error::Malformed;

/// Where everything is; offsets into the buffer that was scanned.
#[derive(Clone)]
pub(super) struct Index {
    pub start: StartLine,
    pub headers: SmallVec<[Line; INLINE_HEADERS]>,
    pub body: Span,
}

/// RFC 3261 §7.1 and §7.2.
#[derive(Clone, Copy)]
pub(super) enum StartLine {
    Request {
        method: Method,
        name: Span,
        uri: Span,
    },
    Response {
        status: u16,
        reason: Span,
    },
}

/// One logical header line.
#[derive(Clone, Copy)]
pub(super) struct Line {
    pub id: Name,
    pub name: Span,
    pub value: Span,
}

/// A half-open range of a message's bytes; a message is far below 4 GiB.
#[derive(Clone, Copy, Default)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    fn new(start: usize, end: usize) -> Span {
        Span {
            start: start as u32,
            end: end as u32,
        }
    }

    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    pub fn of(self, buffer: &[u8]) -> &[u8] {
        &buffer[self.range()]
    }
}

/// Indexes a message. The second value is the first fault of one whose start line could be read, so that it can be answered.
pub(super) fn scan(buffer: &[u8]) -> Result<(Index, Option<Malformed>), Malformed> {
    let (start_line, mut position) = start_line(buffer)?;
    let (start, mut fault) = read_start_line(buffer, start_line)?;
    let mut headers = SmallVec::new();
    let mut seen = Seen::default();
    let mut content_length = None;
    loop {
        let line = match logical_line(buffer, &mut position) {
            Logical::Line(line) => line,
            // Kept nevertheless: the refusal copies From and To, without what is wrong with them.
            Logical::Faulty(line, cause) => {
                fault.get_or_insert(cause);
                line
            }
            Logical::End => break,
            Logical::Truncated => {
                fault.get_or_insert(Malformed::Truncated);
                break;
            }
        };
        if headers.len() == MAX_HEADERS {
            fault.get_or_insert(Malformed::TooManyHeaders);
            break;
        }
        let Some(line) = read_header(buffer, line) else {
            fault.get_or_insert(Malformed::HeaderName);
            continue;
        };
        if let Some(cause) = seen.repeated(line.id) {
            fault.get_or_insert(cause);
        }
        if line.id == Name::ContentLength {
            match decimal(line.value.of(buffer)) {
                Some(length) => content_length = Some(length),
                None => {
                    fault.get_or_insert(Malformed::Header("Content-Length"));
                }
            }
        }
        headers.push(line);
    }
    let rest = buffer.len() - position.min(buffer.len());
    // Bytes after the promised length are not the message's (RFC 3261 §18.3).
    let length = content_length.unwrap_or(rest);
    if length > rest {
        fault.get_or_insert(Malformed::BodyShort);
    }
    let body = Span::new(buffer.len() - rest, buffer.len() - rest + length.min(rest));
    Ok((
        Index {
            start,
            headers,
            body,
        },
        fault,
    ))
}

/// The first line that isn't empty (RFC 3261 §7.5: line ends before it are ignored), and where the next one begins.
fn start_line(buffer: &[u8]) -> Result<(Span, usize), Malformed> {
    let first = buffer
        .iter()
        .position(|byte| !matches!(byte, b'\r' | b'\n'))
        .ok_or(Malformed::StartLine)?;
    let end = memchr(b'\n', &buffer[first..]).ok_or(Malformed::StartLine)? + first;
    let line = Span::new(first, without_cr(buffer, first, end));
    if memchr2(0, b'\r', line.of(buffer)).is_some() {
        return Err(Malformed::StartLine);
    }
    Ok((line, end + 1))
}

fn read_start_line(buffer: &[u8], line: Span) -> Result<(StartLine, Option<Malformed>), Malformed> {
    let written = line.of(buffer);
    let text = written.trim_ascii_end();
    let offset = line.range().start;
    let space = memchr(b' ', text).ok_or(Malformed::StartLine)?;
    if text[..space].eq_ignore_ascii_case(b"SIP/2.0") {
        let status = text
            .get(space + 1..space + 4)
            .and_then(decimal)
            .ok_or(Malformed::StartLine)?;
        if !(100..700).contains(&status) || !matches!(text.get(space + 4), None | Some(b' ')) {
            return Err(Malformed::StartLine);
        }
        let reason = Span::new(offset + (space + 5).min(text.len()), offset + text.len());
        // White space at the end is an empty reason phrase's, which may be left out (RFC 3261 §7.2).
        return Ok((
            StartLine::Response {
                status: status as u16,
                reason,
            },
            None,
        ));
    }
    let last = memchr::memrchr(b' ', text).ok_or(Malformed::StartLine)?;
    let (name, version) = (&text[..space], &text[last + 1..]);
    if last == space
        || !is_token(name)
        || version.len() < 5
        || !version[..4].eq_ignore_ascii_case(b"SIP/")
    {
        return Err(Malformed::StartLine);
    }
    let uri = Span::new(offset + space + 1, offset + last);
    let start = StartLine::Request {
        method: Method::of(name),
        name: Span::new(offset, offset + space),
        uri,
    };
    let fault = if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        Some(Malformed::Version)
    } else if written.len() > text.len()
        || uri.of(buffer).is_empty()
        || uri
            .of(buffer)
            .iter()
            .any(|byte| matches!(byte, 0..=b' ' | b'<' | b'>' | b'"' | 0x7f))
    {
        Some(Malformed::StartLine)
    } else {
        None
    };
    Ok((start, fault))
}

enum Logical {
    Line(Span),
    Faulty(Span, Malformed),
    End,
    Truncated,
}

/// The next header with its continuation lines; `position` moves past it.
fn logical_line(buffer: &[u8], position: &mut usize) -> Logical {
    let start = *position;
    let mut end;
    let mut control = false;
    loop {
        let from = *position;
        let Some(newline) = memchr(b'\n', &buffer[from..]) else {
            return Logical::Truncated;
        };
        end = without_cr(buffer, from, from + newline);
        *position = from + newline + 1;
        if from == start && end == start {
            return Logical::End;
        }
        control |= memchr2(0, b'\r', &buffer[from..end]).is_some();
        if !matches!(buffer.get(*position), Some(b' ' | b'\t')) {
            break;
        }
    }
    let line = Span::new(start, end);
    if end - start > MAX_LINE {
        Logical::Faulty(line, Malformed::LineTooLong)
    } else if control && !is_harmless(line.of(buffer)) {
        Logical::Faulty(line, Malformed::ControlByte)
    } else {
        Logical::Line(line)
    }
}

/// Whether every CR ends a line and every NUL is escaped in a quoted string, where RFC 3261 §25.1 (`quoted-pair`) allows it.
#[cold]
fn is_harmless(line: &[u8]) -> bool {
    let mut quoted = false;
    let mut bytes = line.iter().peekable();
    while let Some(byte) = bytes.next() {
        match (byte, bytes.peek()) {
            (b'\\', Some(0)) if quoted => drop(bytes.next()),
            (b'\\', Some(b'"' | b'\\')) if quoted => drop(bytes.next()),
            (b'"', _) => quoted = !quoted,
            (b'\r', Some(b'\n')) => {}
            (0 | b'\r', _) => return false,
            _ => {}
        }
    }
    true
}

fn read_header(buffer: &[u8], line: Span) -> Option<Line> {
    let Range { start, end } = line.range();
    let colon = memchr(b':', line.of(buffer))? + start;
    let name = buffer[start..colon].trim_ascii_end();
    if !is_token(name) {
        return None;
    }
    let value = &buffer[colon + 1..end];
    let value_start = colon + 1 + (value.len() - value.trim_ascii_start().len());
    let value_end = value_start.max(colon + 1 + value.trim_ascii_end().len());
    Some(Line {
        id: Name::of(name),
        name: Span::new(start, start + name.len()),
        value: Span::new(value_start, value_end),
    })
}

/// Which of the headers that may occur once have occurred.
#[derive(Default)]
struct Seen(u8);

impl Seen {
    fn repeated(&mut self, id: Name) -> Option<Malformed> {
        let (bit, name) = match id {
            Name::From => (1, "From"),
            Name::To => (2, "To"),
            Name::CallId => (4, "Call-ID"),
            Name::CSeq => (8, "CSeq"),
            Name::MaxForwards => (16, "Max-Forwards"),
            Name::ContentLength => (32, "Content-Length"),
            _ => return None,
        };
        let repeated = self.0 & bit != 0;
        self.0 |= bit;
        repeated.then_some(Malformed::Duplicate(name))
    }
}

impl Name {
    /// Recognises a name in any letter case, long or compact (RFC 3261 §7.3.3).
    pub fn of(name: &[u8]) -> Name {
        let found = match name {
            [letter] => NAMES
                .iter()
                .find(|(_, _, compact)| *compact == letter.to_ascii_lowercase()),
            _ => NAMES.iter().find(|(_, long, _)| {
                long.len() == name.len() && name.eq_ignore_ascii_case(long.as_bytes())
            }),
        };
        found.map_or(Name::Other, |(id, _, _)| *id)
    }
}

fn without_cr(buffer: &[u8], start: usize, end: usize) -> usize {
    if end > start && buffer[end - 1] == b'\r' {
        end - 1
    } else {
        end
    }
}

/// `1*DIGIT`, without sign or space; saturates far above any length that could be met.
pub(super) fn decimal(text: &[u8]) -> Option<usize> {
    if text.is_empty() || text.len() > 10 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0usize, |sum, digit| {
        sum.saturating_mul(10)
            .saturating_add(usize::from(digit - b'0'))
    }))
}

/// RFC 3261 §25.1 `token`.
pub(super) fn is_token(text: &[u8]) -> bool {
    !text.is_empty()
        && text.iter().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(
                    byte,
                    b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~'
                )
        })
}

/// Name, long form, compact form (IANA's list of header fields; 0 where there is none).
const NAMES: &[(Name, &str, u8)] = &[
    (Name::Accept, "Accept", 0),
    (Name::Allow, "Allow", 0),
    (Name::MinSe, "Min-SE", 0),
    (Name::RAck, "RAck", 0),
    (Name::RSeq, "RSeq", 0),
    (Name::Replaces, "Replaces", 0),
    (Name::SubscriptionState, "Subscription-State", 0),
    (Name::Via, "Via", b'v'),
    (Name::From, "From", b'f'),
    (Name::To, "To", b't'),
    (Name::CallId, "Call-ID", b'i'),
    (Name::CSeq, "CSeq", 0),
    (Name::Contact, "Contact", b'm'),
    (Name::MaxForwards, "Max-Forwards", 0),
    (Name::ContentLength, "Content-Length", b'l'),
    (Name::ContentType, "Content-Type", b'c'),
    (Name::RecordRoute, "Record-Route", 0),
    (Name::Route, "Route", 0),
    (Name::Require, "Require", 0),
    (Name::ProxyRequire, "Proxy-Require", 0),
    (Name::Supported, "Supported", b'k'),
    (Name::Expires, "Expires", 0),
    (Name::MinExpires, "Min-Expires", 0),
    (Name::RetryAfter, "Retry-After", 0),
    (Name::Authorization, "Authorization", 0),
    (Name::ProxyAuthorization, "Proxy-Authorization", 0),
    (Name::WwwAuthenticate, "WWW-Authenticate", 0),
    (Name::ProxyAuthenticate, "Proxy-Authenticate", 0),
    (Name::SessionExpires, "Session-Expires", b'x'),
    (Name::Reason, "Reason", 0),
    (Name::Subject, "Subject", b's'),
    (Name::ReferTo, "Refer-To", b'r'),
    (Name::ReferredBy, "Referred-By", b'b'),
    (Name::Event, "Event", b'o'),
    (Name::AllowEvents, "Allow-Events", b'u'),
    (Name::ContentEncoding, "Content-Encoding", b'e'),
];

/// Kept inside the message: an INVITE through four proxies has about 25.
const INLINE_HEADERS: usize = 32;
/// Far above what devices send; bounds the work a message can cause.
const MAX_HEADERS: usize = 128;
/// One header line, continuation lines included.
const MAX_LINE: usize = 8 * 1024;
