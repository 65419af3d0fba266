//! What isn't a message but travels beside them: keep-alives (RFC 5626 §3.5.1, §4.4.1), where one message of a stream
//! ends and the next begins (RFC 3261 §18.3), and the sizes a carrier allows.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr;
use thiserror::Error;

/// What a datagram or a WebSocket message is, at first sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    /// CRLF CRLF: the peer wants a CRLF back. Asterisk asks so over WebSocket, too.
    Ping,
    /// A lone CRLF, an answer to our ping, or nothing at all.
    Pong,
    /// Worth parsing.
    Message,
}

impl Frame {
    pub fn of(bytes: &[u8]) -> Frame {
        match bytes {
            b"\r\n\r\n" => Frame::Ping,
            b"" | b"\r\n" | b"\n" => Frame::Pong,
            _ => Frame::Message,
        }
    }
}

/// Splits what a TCP or TLS connection brings into SIP messages.
///
/// Feed it with [`StreamFraming::handle_bytes`], then take [`StreamFraming::poll_framed`] until there is nothing more.
/// Only Content-Length says where a message ends; a message without it has no body.
#[derive(Debug, Default)]
pub struct StreamFraming {
    buffer: BytesMut,
    /// How much of the buffer has been looked at: everything before it is whole lines of headers.
    line: usize,
    part: Part,
}

/// One thing that a stream brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Framed {
    /// A message in a buffer of its own.
    Message(Bytes),
    /// A double CRLF between messages: the peer wants [`StreamFraming::PONG`] back.
    Ping,
}

/// Why a stream can't be read any further: where the next message begins is unknown. It is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unframeable {
    /// Longer than any message that we take.
    #[error("a message longer than {MAX_STREAM_MESSAGE} bytes")]
    TooLong,
    /// Content-Length isn't one plain number.
    #[error("an unreadable Content-Length")]
    ContentLength,
}

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Between,
    Headers(Length),
    Body {
        end: usize,
    },
}

/// What the headers so far say of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Unsaid,
    /// A Content-Length line without its value: it may stand on a folded line (RFC 3261 §7.3.1).
    Named,
    /// `last`: the latest line said it, so that a folded one would go on with it.
    Said {
        bytes: usize,
        last: bool,
    },
}

impl StreamFraming {
    /// The answer to [`Framed::Ping`].
    pub const PONG: &'static [u8] = PONG;

    /// Takes what was read, in whatever pieces it came.
    pub fn handle_bytes(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next thing that is whole.
    ///
    /// # Errors
    ///
    /// The stream makes no sense any more; every further call says so again.
    pub fn poll_framed(&mut self) -> Result<Option<Framed>, Unframeable> {
        if self.part == Part::Between {
            match self.skip_line_ends() {
                Between::Ping => return Ok(Some(Framed::Ping)),
                Between::Nothing => return Ok(None),
                Between::Message => self.part = Part::Headers(Length::Unsaid),
            }
        }
        while let Part::Headers(length) = self.part {
            let rest = &self.buffer[self.line..];
            let Some(end) = memchr(b'\n', rest) else {
                return bounded(self.buffer.len()).map(|_| None);
            };
            bounded(self.line + end)?;
            let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
            let (after, empty) = (self.line + end + 1, line.is_empty());
            self.part = if empty {
                let end = bounded(after.saturating_add(length.of_body()?))?;
                Part::Body { end }
            } else {
                Part::Headers(length.and(line)?)
            };
            self.line = after;
        }
        match self.part {
            Part::Body { end } if self.buffer.len() >= end => Ok(Some(self.take(end))),
            Part::Body { .. } | Part::Between | Part::Headers(_) => Ok(None),
        }
    }

    /// A message has begun and isn't whole.
    pub fn is_partial(&self) -> bool {
        self.part != Part::Between
    }

    /// Line ends before a message are ignored (RFC 3261 §7.5) but for the double one. A single one may become it.
    fn skip_line_ends(&mut self) -> Between {
        loop {
            match &self.buffer[..] {
                [b'\r', b'\n', b'\r', b'\n', ..] => {
                    self.buffer.advance(4);
                    return Between::Ping;
                }
                [] | [b'\r'] | [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] => return Between::Nothing,
                [b'\r', b'\n', ..] => self.buffer.advance(2),
                [b'\n', ..] => self.buffer.advance(1),
                [..] => return Between::Message,
            }
        }
    }

    /// A copy of its own: a dialog may keep its INVITE for an hour, and with it the buffer that it is a slice of.
    fn take(&mut self, end: usize) -> Framed {
        let message = Bytes::copy_from_slice(&self.buffer[..end]);
        self.buffer.advance(end);
        if self.buffer.is_empty() {
            // An idle connection costs no buffer.
            self.buffer = BytesMut::new();
        }
        self.line = 0;
        self.part = Part::Between;
        Framed::Message(message)
    }
}

enum Between {
    Ping,
    Message,
    Nothing,
}

impl Length {
    /// Reads one header line, folded or not.
    fn and(self, line: &[u8]) -> Result<Length, Unframeable> {
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            return match self {
                Length::Named => Length::Unsaid.with_value(line),
                Length::Said { last: true, .. } if !line.trim_ascii().is_empty() => {
                    Err(Unframeable::ContentLength)
                }
                Length::Unsaid | Length::Said { .. } => Ok(self),
            };
        }
        let this = match self {
            Length::Named => return Err(Unframeable::ContentLength),
            Length::Said { bytes, .. } => Length::Said { bytes, last: false },
            Length::Unsaid => self,
        };
        let Some(colon) = memchr(b':', line) else {
            return Ok(this);
        };
        let name = line[..colon].trim_ascii_end();
        let names_it = name.eq_ignore_ascii_case(b"Content-Length") || matches!(name, b"l" | b"L");
        match names_it {
            true => this.with_value(&line[colon + 1..]),
            false => Ok(this),
        }
    }

    /// Two of them, even of one mind, may be read differently by two hops.
    fn with_value(self, value: &[u8]) -> Result<Length, Unframeable> {
        let digits = value.trim_ascii();
        if self != Length::Unsaid {
            return Err(Unframeable::ContentLength);
        }
        if digits.is_empty() {
            return Ok(Length::Named);
        }
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(Unframeable::ContentLength);
        }
        let bytes = std::str::from_utf8(digits)
            .ok()
            .and_then(|digits| digits.parse().ok())
            .ok_or(Unframeable::TooLong)?;
        Ok(Length::Said { bytes, last: true })
    }

    fn of_body(self) -> Result<usize, Unframeable> {
        match self {
            Length::Unsaid => Ok(0),
            Length::Named => Err(Unframeable::ContentLength),
            Length::Said { bytes, .. } => Ok(bytes),
        }
    }
}

fn bounded(length: usize) -> Result<usize, Unframeable> {
    (length <= MAX_STREAM_MESSAGE)
        .then_some(length)
        .ok_or(Unframeable::TooLong)
}

/// The answer to [`Frame::Ping`].
pub(crate) const PONG: &[u8] = b"\r\n";
/// Datagrams above it are no SIP that we want: the largest INVITE seen has 6 KiB.
pub(crate) const MAX_DATAGRAM: usize = 16 * 1024;
/// A WebSocket message, or one of a TCP stream.
pub(crate) const MAX_STREAM_MESSAGE: usize = 64 * 1024;

#[cfg(test)]
mod tests;
