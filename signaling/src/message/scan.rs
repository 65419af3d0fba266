//! The one pass over a message's bytes that finds its lines (RFC 3261 §7.3.1, §25).

use std::ops::Range;

use memchr::{memchr, memchr3};
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
    let line = physical_line(buffer, first).ok_or(Malformed::StartLine)?;
    match line.control {
        true => Err(Malformed::StartLine),
        false => Ok((Span::new(first, line.end), line.next)),
    }
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
        // Over all bytes, without an early end, so that the compiler takes many at a time.
        || uri.of(buffer).iter().fold(false, |bad, byte| {
            bad | matches!(byte, 0..=b' ' | b'<' | b'>' | b'"' | 0x7f)
        })
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
        let Some(line) = physical_line(buffer, *position) else {
            return Logical::Truncated;
        };
        if line.end == start {
            *position = line.next;
            return Logical::End;
        }
        (end, *position) = (line.end, line.next);
        control |= line.control;
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

struct Physical {
    /// Of its content.
    end: usize,
    /// Where the next line begins.
    next: usize,
    /// A NUL, or a CR that doesn't end the line, lies in it.
    control: bool,
}

fn physical_line(buffer: &[u8], from: usize) -> Option<Physical> {
    let (mut position, mut control) = (from, false);
    loop {
        position += memchr3(b'\n', b'\r', 0, &buffer[position..])?;
        let next = match (buffer[position], buffer.get(position + 1)) {
            (b'\n', _) => position + 1,
            (b'\r', Some(b'\n')) => position + 2,
            _ => {
                control = true;
                position += 1;
                continue;
            }
        };
        return Some(Physical {
            end: position,
            next,
            control,
        });
    }
}

fn read_header(buffer: &[u8], line: Span) -> Option<Line> {
    let Range { start, end } = line.range();
    let text = line.of(buffer);
    let name = &text[..text.iter().position(|byte| !TOKEN[usize::from(*byte)])?];
    let colon = start + name.len() + text[name.len()..].iter().position(|byte| *byte == b':')?;
    if name.is_empty() || !buffer[start + name.len()..colon].trim_ascii().is_empty() {
        return None;
    }
    let id = Name::of(name);
    let value = &buffer[colon + 1..end];
    let value_start = colon + 1 + (value.len() - value.trim_ascii_start().len());
    let value_end = value_start.max(colon + 1 + value.trim_ascii_end().len());
    Some(Line {
        id,
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
        let Some(known) = NAMES.get(name.len()) else {
            return Name::Other;
        };
        known
            .iter()
            // Nearly everybody writes them as the RFC does.
            .find(|(known, _)| known.as_bytes() == name)
            .or_else(|| {
                known
                    .iter()
                    .find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name))
            })
            .map_or(Name::Other, |(_, id)| *id)
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
    !text.is_empty() && text.iter().all(|byte| TOKEN[usize::from(*byte)])
}

/// The bytes that a token may have.
const TOKEN: [bool; 256] = alphanumeric_or(b"-.!%*_+`'~");

/// Letters, digits and some marks, to be looked up at once.
pub(super) const fn alphanumeric_or(marks: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut mark = 0;
    while mark < marks.len() {
        table[marks[mark] as usize] = true;
        mark += 1;
    }
    table
}

/// The names we read, by their length; of one letter, the compact forms (IANA's list of header fields).
const NAMES: [&[(&str, Name)]; 20] = [
    &[],
    &[
        ("v", Name::Via),
        ("f", Name::From),
        ("t", Name::To),
        ("i", Name::CallId),
        ("m", Name::Contact),
        ("l", Name::ContentLength),
        ("c", Name::ContentType),
        ("k", Name::Supported),
        ("x", Name::SessionExpires),
        ("s", Name::Subject),
        ("r", Name::ReferTo),
        ("b", Name::ReferredBy),
        ("o", Name::Event),
        ("u", Name::AllowEvents),
        ("e", Name::ContentEncoding),
    ],
    &[("To", Name::To)],
    &[("Via", Name::Via)],
    &[
        ("From", Name::From),
        ("CSeq", Name::CSeq),
        ("RAck", Name::RAck),
        ("RSeq", Name::RSeq),
    ],
    &[
        ("Route", Name::Route),
        ("Event", Name::Event),
        ("Allow", Name::Allow),
    ],
    &[
        ("Accept", Name::Accept),
        ("Reason", Name::Reason),
        ("Min-SE", Name::MinSe),
    ],
    &[
        ("Call-ID", Name::CallId),
        ("Contact", Name::Contact),
        ("Require", Name::Require),
        ("Expires", Name::Expires),
        ("Subject", Name::Subject),
    ],
    &[("Refer-To", Name::ReferTo), ("Replaces", Name::Replaces)],
    &[("Supported", Name::Supported)],
    &[],
    &[
        ("Min-Expires", Name::MinExpires),
        ("Retry-After", Name::RetryAfter),
        ("Referred-By", Name::ReferredBy),
    ],
    &[
        ("Max-Forwards", Name::MaxForwards),
        ("Content-Type", Name::ContentType),
        ("Record-Route", Name::RecordRoute),
        ("Allow-Events", Name::AllowEvents),
    ],
    &[
        ("Proxy-Require", Name::ProxyRequire),
        ("Authorization", Name::Authorization),
    ],
    &[("Content-Length", Name::ContentLength)],
    &[("Session-Expires", Name::SessionExpires)],
    &[
        ("WWW-Authenticate", Name::WwwAuthenticate),
        ("Content-Encoding", Name::ContentEncoding),
    ],
    &[],
    &[
        ("Proxy-Authenticate", Name::ProxyAuthenticate),
        ("Subscription-State", Name::SubscriptionState),
    ],
    &[("Proxy-Authorization", Name::ProxyAuthorization)],
];

/// Kept inside the message: an INVITE through four proxies has about 25.
const INLINE_HEADERS: usize = 32;
/// Far above what devices send; bounds the work a message can cause.
const MAX_HEADERS: usize = 128;
/// One header line, continuation lines included.
const MAX_LINE: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_where_their_length_is_looked_up() {
        for (length, names) in NAMES.iter().enumerate() {
            for (name, id) in *names {
                assert_eq!(name.len(), length, "{name}");
                assert_eq!(Name::of(name.to_ascii_uppercase().as_bytes()), *id);
            }
        }
        assert_eq!(Name::of(&[b'x'; 300]), Name::Other);
    }
}
