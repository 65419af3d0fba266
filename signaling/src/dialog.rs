//! A dialog: the peer-to-peer relation that requests after the first travel in (RFC 3261 §12).

pub(crate) mod dtmf;
pub(crate) mod offer_answer;
pub(crate) mod refer;
pub(crate) mod reliable;
pub(crate) mod route_set;
pub(crate) mod session_timer;

use std::net::SocketAddr;

use bytes::Bytes;

use crate::message::{Builder, Message, Method, NameAddr, Uri, without_brackets};
use route_set::RouteSet;

/// The state both user agents keep (RFC 3261 §12, first paragraph). Its values are copies, so no receive buffer is held on to.
#[derive(Debug, Clone)]
pub(crate) struct Dialog {
    call_id: Bytes,
    local: Bytes,
    local_tag: Bytes,
    remote: Bytes,
    remote_tag: Bytes,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    route_set: RouteSet,
    remote_target: Bytes,
    side: Side,
}

/// Who made the dialog, and so its Call-ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Caller,
    Callee,
}

impl Dialog {
    /// The dialog of an INVITE that we received (RFC 3261 §12.1.1).
    pub fn of_request(invite: &Message, local_tag: &str) -> Option<Dialog> {
        Some(Dialog {
            call_id: Bytes::copy_from_slice(invite.call_id()),
            local: address(invite.to()?),
            local_tag: Bytes::copy_from_slice(local_tag.as_bytes()),
            remote: address(invite.from()?),
            remote_tag: Bytes::copy_from_slice(invite.tag_in_from()?),
            // Where our own numbering starts is our choice; 1 is what softphones do.
            local_cseq: 0,
            remote_cseq: Some(invite.cseq()?.number),
            route_set: RouteSet::of_request(invite),
            remote_target: target(invite)?,
            side: Side::Callee,
        })
    }

    /// The dialog that a response to our INVITE makes (RFC 3261 §12.1.2); `None` if it has no To tag.
    pub fn of_response(invite: &Message, response: &Message) -> Option<Dialog> {
        Some(Dialog {
            call_id: Bytes::copy_from_slice(invite.call_id()),
            local: address(invite.from()?),
            local_tag: Bytes::copy_from_slice(invite.tag_in_from()?),
            remote: address(invite.to()?),
            remote_tag: Bytes::copy_from_slice(response.tag_in_to()?),
            local_cseq: invite.cseq()?.number,
            remote_cseq: None,
            route_set: RouteSet::of_response(response),
            // A 2xx without Contact breaks the rules; what we called then stays the target.
            remote_target: target(response)
                .unwrap_or_else(|| Bytes::copy_from_slice(invite.request_uri())),
            side: Side::Caller,
        })
    }

    /// A request inside the dialog, headers up to CSeq (RFC 3261 §12.2.1.1). `cseq` comes from [`Dialog::next_cseq`],
    /// or is the INVITE's for an ACK.
    pub fn request(&self, method: &str, cseq: u32, via: &str, max_forwards: u8) -> Builder {
        let (request_uri, routes) = self.route_set.towards(&self.remote_target);
        let mut builder = Builder::request(method, &request_uri);
        builder.header("Via", via);
        builder.header("Max-Forwards", max_forwards.to_string());
        for route in routes {
            builder.header("Route", route);
        }
        builder.header("To", tagged(&self.remote, &self.remote_tag));
        builder.header("From", tagged(&self.local, &self.local_tag));
        builder.header("Call-ID", &self.call_id);
        builder.header("CSeq", format!("{cseq} {method}"));
        builder
    }

    /// The number of our next request.
    pub fn next_cseq(&mut self) -> u32 {
        self.local_cseq += 1;
        self.local_cseq
    }

    /// Takes the peer's number if it is higher than the last one (RFC 3261 §12.2.2).
    #[must_use]
    pub fn admits(&mut self, request: &Message) -> bool {
        let Some(cseq) = request.cseq() else {
            return false;
        };
        if self.remote_cseq.is_some_and(|last| cseq.number <= last) {
            return false;
        }
        self.remote_cseq = Some(cseq.number);
        true
    }

    /// A target refresh: re-INVITE, UPDATE and their 2xx move the remote target (RFC 3261 §12.2.1.2, §12.2.2).
    pub fn refresh_target(&mut self, message: &Message) {
        if let Some(target) = target(message) {
            self.remote_target = target;
        }
    }

    /// Which of several dialogs of one INVITE this is.
    pub fn has_remote_tag(&self, tag: Option<&[u8]>) -> bool {
        tag.is_some_and(|tag| tag == self.remote_tag)
    }

    /// Where the route set or the remote target points, if it says so by address: names aren't looked up here.
    pub fn next_hop(&self) -> Option<SocketAddr> {
        let route = self.route_set.first();
        let uri = Uri::parse(route.map_or(&self.remote_target[..], |route| route.uri))?;
        let host = std::str::from_utf8(without_brackets(uri.host)).ok()?;
        Some(SocketAddr::new(
            host.parse().ok()?,
            uri.port.unwrap_or(DEFAULT_PORT),
        ))
    }

    /// Takes over the numbers of the early dialog that this one was (RFC 3261 §13.2.2.4).
    pub fn continue_from(&mut self, early: &Dialog) {
        self.local_cseq = self.local_cseq.max(early.local_cseq);
        self.remote_cseq = early.remote_cseq;
    }

    /// Requests of ours go on after this number, if theirs isn't higher.
    pub fn skip_to(&mut self, cseq: u32) {
        self.local_cseq = self.local_cseq.max(cseq);
    }

    pub fn local_cseq(&self) -> u32 {
        self.local_cseq
    }

    /// We made the Call-ID.
    pub fn is_caller(&self) -> bool {
        self.side == Side::Caller
    }

    pub fn call_id(&self) -> &[u8] {
        &self.call_id
    }

    pub fn local_tag(&self) -> &[u8] {
        &self.local_tag
    }
}

/// The Contact of a message that may set a target, if it is a SIP URI.
fn target(message: &Message) -> Option<Bytes> {
    debug_assert!(
        !matches!(message.method(), Method::Register),
        "a registrar's Contact is no target"
    );
    let contact = message.contact()?;
    Uri::parse(contact.uri)
        .filter(|uri| !uri.host.is_empty())
        .map(|_| Bytes::copy_from_slice(contact.uri))
}

/// Display name and URI without parameters, in brackets: what follows must not be read as the URI's.
fn address(party: NameAddr<'_>) -> Bytes {
    if party.address.ends_with(b">") {
        return Bytes::copy_from_slice(party.address);
    }
    Bytes::from([&b"<"[..], party.uri, b">"].concat())
}

fn tagged(address: &[u8], tag: &[u8]) -> Vec<u8> {
    [address, b";tag=", tag].concat()
}

/// Of SIP over UDP and TCP (RFC 3261 §19.1.2).
const DEFAULT_PORT: u16 = 5060;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_go_to_the_contact_by_the_recorded_routes() {
        let mut dialog = Dialog::of_request(&invite(1), "ours").expect("a dialog");
        let cseq = dialog.next_cseq();
        let bytes = dialog
            .request("BYE", cseq, "SIP/2.0/UDP h;branch=z9hG4bKx", 70)
            .finish();
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            text.starts_with("BYE sip:carol@198.51.100.9:5080;transport=udp SIP/2.0\r\n"),
            "{text}"
        );
        assert!(
            text.contains("Route: <sip:p2.example.com;lr>\r\nRoute: <sip:p1.example.com;lr>\r\n"),
            "{text}"
        );
        assert!(text.contains("To: \"Carol\" <sip:carol@example.com>;tag=theirs\r\nFrom: <sip:1001@example.com>;tag=ours\r\n"), "{text}");
        assert!(text.contains("CSeq: 1 BYE\r\n"), "{text}");
    }

    #[test]
    fn caller_reverses_the_recorded_routes() {
        let response = parse(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nRecord-Route: <sip:p2;lr>, <sip:p1;lr>\r\n\
             From: <sip:carol@example.com>;tag=theirs\r\nTo: <sip:1001@example.com>;tag=answer\r\nCall-ID: c\r\n\
             CSeq: 7 INVITE\r\nContact: <sip:1001@198.51.100.2>\r\n\r\n",
        );
        let dialog = Dialog::of_response(&invite(7), &response).expect("a dialog");
        let text = dialog.request("ACK", 7, "v", 70).finish();
        let text = String::from_utf8_lossy(&text);
        assert!(
            text.contains("Route: <sip:p1;lr>\r\nRoute: <sip:p2;lr>\r\n"),
            "{text}"
        );
        assert!(dialog.has_remote_tag(Some(b"answer")) && !dialog.has_remote_tag(None));
    }

    #[test]
    fn numbers_that_do_not_rise_are_refused() {
        let mut dialog = Dialog::of_request(&invite(5), "ours").expect("a dialog");
        assert!(!dialog.admits(&invite(5)));
        assert!(!dialog.admits(&invite(4)));
        assert!(dialog.admits(&invite(9)));
        assert!(!dialog.admits(&invite(9)));
    }

    fn invite(cseq: u32) -> Message {
        parse(&format!(
            "INVITE sip:1001@example.com SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
             Record-Route: <sip:p2.example.com;lr>\r\nRecord-Route: <sip:p1.example.com;lr>\r\n\
             From: \"Carol\" <sip:carol@example.com>;tag=theirs\r\nTo: sip:1001@example.com\r\nCall-ID: c\r\n\
             CSeq: {cseq} INVITE\r\nContact: <sip:carol@198.51.100.9:5080;transport=udp>\r\n\r\n"
        ))
    }

    fn parse(text: &str) -> Message {
        Message::parse(Bytes::copy_from_slice(text.as_bytes()), 4096).expect("a message")
    }
}
