//! Writes messages. A value can't end its line: CR, LF and NUL become spaces, and commands that hold them are refused before.

use bytes::Bytes;

use super::{CSeq, Kind, Message, Name, unfolded};

/// A message under construction, headers in the order of the calls.
pub(crate) struct Builder {
    out: Vec<u8>,
}

impl Builder {
    pub fn request(method: &str, uri: &[u8]) -> Builder {
        let mut builder = Builder {
            out: Vec::with_capacity(TYPICAL),
        };
        builder.text(method.as_bytes());
        builder.out.push(b' ');
        builder.text(uri);
        builder.out.extend_from_slice(b" SIP/2.0\r\n");
        builder
    }

    pub fn response(status: u16, reason: &str) -> Builder {
        let mut builder = Builder {
            out: Vec::with_capacity(TYPICAL),
        };
        builder.text(format!("SIP/2.0 {status} {reason}").as_bytes());
        builder.out.extend_from_slice(b"\r\n");
        builder
    }

    pub fn header(&mut self, name: &str, value: impl AsRef<[u8]>) -> &mut Builder {
        self.line(name.as_bytes(), value.as_ref())
    }

    /// Every line of a header of another message, verbatim but for folds.
    pub fn copy(&mut self, name: &str, id: Name, from: &Message) -> &mut Builder {
        for value in from.lines(id) {
            self.line(name.as_bytes(), value);
        }
        self
    }

    /// Ends the message without a body.
    pub fn finish(self) -> Bytes {
        self.end(&[])
    }

    /// Ends the message; `content_type` of an empty body is left out.
    pub fn finish_with(mut self, body: Option<(&str, &[u8])>) -> Bytes {
        match body {
            Some((content_type, bytes)) if !bytes.is_empty() => {
                self.header("Content-Type", content_type);
                self.end(bytes)
            }
            _ => self.end(&[]),
        }
    }

    fn end(mut self, body: &[u8]) -> Bytes {
        self.header("Content-Length", body.len().to_string());
        self.out.extend_from_slice(b"\r\n");
        self.out.extend_from_slice(body);
        // A copy of the right size: answers are remembered for 32 s, thousands of them. Shrinking where it lies would leave
        // the allocator with a hole behind each.
        Bytes::copy_from_slice(&self.out)
    }

    fn line(&mut self, name: &[u8], value: &[u8]) -> &mut Builder {
        self.text(name);
        self.out.extend_from_slice(b": ");
        self.text(&unfolded(value));
        self.out.extend_from_slice(b"\r\n");
        self
    }

    fn text(&mut self, text: &[u8]) {
        self.out.extend(text.iter().map(|byte| match byte {
            b'\r' | b'\n' | 0 => b' ',
            safe => *safe,
        }));
    }
}

/// The ACK that ends our INVITE's transaction after a rejection (RFC 3261 §17.1.1.3).
pub(crate) fn ack_of_rejection(invite: &Message, rejection: &Message) -> Bytes {
    let mut ack = hop_by_hop("ACK", invite);
    ack.copy("To", Name::To, rejection);
    ack.copy("From", Name::From, invite);
    ack.copy("Call-ID", Name::CallId, invite);
    ack.header("CSeq", format!("{} ACK", cseq_number(invite)));
    ack.finish()
}

/// The CANCEL of our INVITE (RFC 3261 §9.1); `reason` is a Reason header's value.
pub(crate) fn cancel_of(invite: &Message, reason: Option<&str>) -> Bytes {
    let mut cancel = hop_by_hop("CANCEL", invite);
    cancel.copy("To", Name::To, invite);
    cancel.copy("From", Name::From, invite);
    cancel.copy("Call-ID", Name::CallId, invite);
    cancel.header("CSeq", format!("{} CANCEL", cseq_number(invite)));
    if let Some(reason) = reason {
        cancel.header("Reason", reason);
    }
    cancel.finish()
}

/// The same request once more, with an answer to a challenge and its own transaction (RFC 3261 §22.2).
pub(crate) fn with_credentials(
    request: &Message,
    via: &str,
    cseq: u32,
    header: (&str, &str),
) -> Bytes {
    with_headers(request, via, cseq, &[header])
}

/// The same request once more, with its own transaction, and headers that are new or replace those of that name.
pub(crate) fn with_headers(
    request: &Message,
    via: &str,
    cseq: u32,
    headers: &[(&str, &str)],
) -> Bytes {
    let Kind::Request { uri, .. } = request.kind() else {
        return request.bytes().clone();
    };
    let method = super::lossy(
        request
            .cseq()
            .map_or(&b""[..], |CSeq { method, .. }| method),
    );
    let mut again = Builder::request(&method, uri);
    let mut pending = Some(headers);
    for (name, value) in request.headers() {
        let id = Name::of(name);
        // New headers follow those that make the dialog and the way, where user agents put credentials.
        let leading = matches!(
            id,
            Name::Via
                | Name::MaxForwards
                | Name::Route
                | Name::To
                | Name::From
                | Name::CallId
                | Name::CSeq
        );
        for (name, value) in pending.take_if(|_| !leading).into_iter().flatten() {
            again.header(name, value);
        }
        match id {
            Name::Via => again.header("Via", via),
            Name::CSeq => again.header("CSeq", format!("{cseq} {method}")),
            Name::ContentLength => &mut again,
            _ if headers
                .iter()
                .any(|(new, _)| name.eq_ignore_ascii_case(new.as_bytes())) =>
            {
                &mut again
            }
            _ => again.line(name, value),
        };
    }
    again.end(&request.body())
}

/// What CANCEL and the ACK of a rejection share with their INVITE: next hop, Via, Route.
fn hop_by_hop(method: &str, invite: &Message) -> Builder {
    let mut builder = Builder::request(method, invite.request_uri());
    builder.copy("Via", Name::Via, invite);
    builder.copy("Max-Forwards", Name::MaxForwards, invite);
    builder.copy("Route", Name::Route, invite);
    builder
}

fn cseq_number(message: &Message) -> u32 {
    message.cseq().map_or(0, |cseq| cseq.number)
}

/// The phrase that goes with a status where the caller has none of its own (RFC 3261 §21).
pub(crate) fn reason_phrase(status: u16) -> &'static str {
    let known = REASONS.binary_search_by_key(&status, |(status, _)| *status);
    known.map_or_else(
        |_| match status / 100 {
            1 => "Progress",
            2 => "OK",
            3 => "Moved",
            4 => "Request Failed",
            5 => "Server Failed",
            _ => "Global Failure",
        },
        |at| REASONS[at].1,
    )
}

/// In rising order.
const REASONS: &[(u16, &str)] = &[
    (100, "Trying"),
    (180, "Ringing"),
    (181, "Call Is Being Forwarded"),
    (182, "Queued"),
    (183, "Session Progress"),
    (200, "OK"),
    (202, "Accepted"),
    (400, "Bad Request"),
    (401, "Unauthorized"),
    (403, "Forbidden"),
    (404, "Not Found"),
    (405, "Method Not Allowed"),
    (406, "Not Acceptable"),
    (408, "Request Timeout"),
    (410, "Gone"),
    (414, "Request-URI Too Long"),
    (415, "Unsupported Media Type"),
    (416, "Unsupported URI Scheme"),
    (420, "Bad Extension"),
    (422, "Session Interval Too Small"),
    (480, "Temporarily Unavailable"),
    (481, "Call/Transaction Does Not Exist"),
    (482, "Loop Detected"),
    (483, "Too Many Hops"),
    (484, "Address Incomplete"),
    (486, "Busy Here"),
    (487, "Request Terminated"),
    (488, "Not Acceptable Here"),
    (489, "Bad Event"),
    (491, "Request Pending"),
    (500, "Server Internal Error"),
    (501, "Not Implemented"),
    (503, "Service Unavailable"),
    (504, "Server Time-out"),
    (505, "Version Not Supported"),
    (513, "Message Too Large"),
    (600, "Busy Everywhere"),
    (603, "Decline"),
    (606, "Not Acceptable"),
];

/// An INVITE's headers with its session description.
const TYPICAL: usize = 1400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_phrase() {
        assert!(REASONS.is_sorted_by_key(|(status, _)| *status));
        assert_eq!(reason_phrase(486), "Busy Here");
        assert_eq!(reason_phrase(499), "Request Failed");
    }

    #[test]
    fn a_value_can_not_start_a_header_of_its_own() {
        let mut builder = Builder::request("INVITE", b"sip:a@h\r\nX: 1");
        builder.header("Subject", "x\r\nEvil: yes\0");
        let bytes = builder.finish();
        assert_eq!(
            &bytes[..],
            b"INVITE sip:a@h  X: 1 SIP/2.0\r\nSubject: x Evil: yes \r\nContent-Length: 0\r\n\r\n"
        );
    }
}
