//! What isn't a message but travels beside them: keep-alives (RFC 5626 §3.5.1, §4.4.1), and the sizes a carrier allows.
//!
//! A datagram or a WebSocket message holds one SIP message; splitting a TCP stream by Content-Length isn't needed for these.

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

/// The answer to [`Frame::Ping`].
pub(crate) const PONG: &[u8] = b"\r\n";
/// Datagrams above it are no SIP that we want: the largest INVITE seen has 6 KiB.
pub(crate) const MAX_DATAGRAM: usize = 16 * 1024;
/// A WebSocket message.
pub(crate) const MAX_STREAM_MESSAGE: usize = 64 * 1024;
