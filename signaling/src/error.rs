//! What can be wrong, by whose fault: a peer's message ([`Malformed`]) or our caller's command ([`Misuse`]).

use thiserror::Error;

/// Why a received message was refused. The text is what the log reads; it never quotes the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum Malformed {
    /// Above the limit of its transport.
    #[error("message too large")]
    TooLarge,
    /// Neither `METHOD uri SIP/2.0` nor `SIP/2.0 status reason` (RFC 3261 §7.1, §7.2).
    #[error("start line unreadable")]
    StartLine,
    /// A request of another SIP version (RFC 3261 §21.5.6).
    #[error("SIP version not supported")]
    Version,
    /// The empty line that ends the headers is missing.
    #[error("headers not ended")]
    Truncated,
    /// A header line above 8 KiB.
    #[error("header line too long")]
    LineTooLong,
    /// More than 128 header lines.
    #[error("too many headers")]
    TooManyHeaders,
    /// A header without a colon, or whose name is no token.
    #[error("header name unreadable")]
    HeaderName,
    /// NUL, or a CR that ends no line: written back, it could smuggle a header.
    #[error("control byte in a header")]
    ControlByte,
    /// A header that may occur once occurs twice.
    #[error("duplicate {0}")]
    Duplicate(&'static str),
    /// A mandatory header is absent (RFC 3261 §8.1.1).
    #[error("missing {0}")]
    Missing(&'static str),
    /// A header's value doesn't follow its grammar.
    #[error("unreadable {0}")]
    Header(&'static str),
    /// Fewer bytes follow than Content-Length promises (RFC 3261 §18.3).
    #[error("body shorter than Content-Length")]
    BodyShort,
    /// The CSeq's method isn't the request's (RFC 3261 §8.1.1.5).
    #[error("CSeq method differs")]
    CSeqMethod,
    /// A request URI above 2 KiB.
    #[error("request URI too long")]
    UriTooLong,
    /// More than 70 hops.
    #[error("too many Via")]
    TooManyVias,
    /// Neither request nor response of ours: a response that no transaction waits for.
    #[error("response without a transaction")]
    StrayResponse,
    /// A request on a connection that no line uses.
    #[error("unknown connection")]
    UnknownStream,
}

impl Malformed {
    /// The status that a request refused for this reason gets (RFC 3261 §21.4, §21.5).
    pub fn status(self) -> u16 {
        match self {
            Self::Version => 505,
            Self::TooLarge => 513,
            Self::UriTooLong => 414,
            Self::StartLine
            | Self::Truncated
            | Self::LineTooLong
            | Self::TooManyHeaders
            | Self::HeaderName
            | Self::ControlByte
            | Self::Duplicate(_)
            | Self::Missing(_)
            | Self::Header(_)
            | Self::BodyShort
            | Self::CSeqMethod
            | Self::TooManyVias
            | Self::StrayResponse
            | Self::UnknownStream => 400,
        }
    }

    /// The metric's label: bounded, whatever arrives.
    pub fn label(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::StartLine => "start_line",
            Self::Version => "version",
            Self::Truncated => "truncated",
            Self::LineTooLong => "line_too_long",
            Self::TooManyHeaders => "too_many_headers",
            Self::HeaderName => "header_name",
            Self::ControlByte => "control_byte",
            Self::Duplicate(_) => "duplicate",
            Self::Missing(_) => "missing",
            Self::Header(_) => "header",
            Self::BodyShort => "body_short",
            Self::CSeqMethod => "cseq_method",
            Self::UriTooLong => "uri_too_long",
            Self::TooManyVias => "too_many_vias",
            Self::StrayResponse => "stray_response",
            Self::UnknownStream => "unknown_stream",
        }
    }
}

/// A command that the state of things doesn't allow; nothing was sent and nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Misuse {
    /// The dialog has ended, or never was.
    #[error("no such dialog")]
    UnknownDialog,
    /// The dialog isn't in the state that the command is for.
    #[error("the dialog's state doesn't allow it")]
    WrongState,
    /// An offer is outstanding, or none is (RFC 3264 §4).
    #[error("offer and answer out of turn")]
    OutOfTurn,
    /// A status outside the range that the command is for.
    #[error("status {0} doesn't fit")]
    Status(u16),
    /// The line has no connection, or the socket was never opened.
    #[error("no way to send")]
    NotConnected,
    /// The endpoint's own header, given by the caller.
    #[error("this header belongs to the endpoint")]
    ReservedHeader,
    /// A 2xx that must carry a session description got none.
    #[error("the answer is missing")]
    BodyMissing,
    /// The arguments don't make a SIP message: CR, LF or NUL in a value, no URI where one belongs.
    #[error("not a SIP message: {0}")]
    Unwritable(Malformed),
}
