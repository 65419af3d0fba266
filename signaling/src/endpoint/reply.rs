//! Responses: what every one copies from its request (RFC 3261 §8.2.6, §18.2.1, RFC 3581), and what we say we can do.

use super::Flow;
use crate::message::{Builder, Message, Name, Via, elements, reason_phrase, without_brackets};

/// A response up to the headers that are its own. `tag` is used where the request's To has none.
pub(super) fn reply(
    request: &Message,
    flow: Flow,
    status: u16,
    reason: Option<&str>,
    tag: Option<&[u8]>,
) -> Builder {
    let mut response = Builder::response(status, reason.unwrap_or_else(|| reason_phrase(status)));
    for (position, value) in request.lines(Name::Via).enumerate() {
        match position {
            0 => response.header("Via", with_source(value, flow)),
            _ => response.header("Via", value),
        };
    }
    copy_first(&mut response, "From", request.header(Name::From));
    match (request.to(), request.tag_in_to(), tag) {
        (Some(_), None, Some(tag)) => {
            let to = request.header(Name::To).unwrap_or_default();
            response.header("To", [to, b";tag=", tag].concat());
        }
        _ => copy_first(&mut response, "To", request.header(Name::To)),
    }
    copy_first(&mut response, "Call-ID", request.header(Name::CallId));
    copy_first(&mut response, "CSeq", request.header(Name::CSeq));
    response
}

/// The first of each: a request that is refused for having two must not make us write two. What is missing stays away.
fn copy_first(response: &mut Builder, name: &str, value: Option<&[u8]>) {
    if let Some(value) = value {
        response.header(name, value);
    }
}

/// The topmost Via with the address that the request really came from; a peer's own claim about it is replaced.
fn with_source(line: &[u8], flow: Flow) -> Vec<u8> {
    let mut hops = elements(line);
    let (Some(first), Flow::Datagram { peer, .. } | Flow::Connection { peer, .. }) =
        (hops.next(), flow)
    else {
        return line.to_vec();
    };
    let Some(via) = Via::parse(first) else {
        return line.to_vec();
    };
    let mut value = via.head.to_vec();
    let address = peer.ip().to_string();
    let mut claimed = without_brackets(via.host) != address.as_bytes();
    for (name, parameter) in via.parameters.iter() {
        if name.eq_ignore_ascii_case(b"received") {
            continue;
        }
        value.push(b';');
        value.extend_from_slice(name);
        if name.eq_ignore_ascii_case(b"rport") {
            value.extend_from_slice(format!("={}", peer.port()).as_bytes());
            // RFC 3581 §4: with rport, received is given even if it says nothing new.
            claimed = true;
        } else if let Some(parameter) = parameter {
            value.push(b'=');
            value.extend_from_slice(parameter);
        }
    }
    if claimed {
        value.extend_from_slice(format!(";received={address}").as_bytes());
    }
    for hop in hops {
        value.extend_from_slice(b", ");
        value.extend_from_slice(hop);
    }
    value
}

/// What an endpoint can do (RFC 3261 §20.5).
pub(super) const ALLOW: &str = "INVITE,ACK,CANCEL,BYE,UPDATE,OPTIONS,INFO,PRACK,REFER,NOTIFY";
/// What it can read.
pub(super) const ACCEPT: &str = "application/sdp, application/dtmf-relay, application/dtmf";
/// The extensions it takes part in when asked.
pub(super) fn supported(flow: Flow) -> &'static str {
    match flow {
        // Browser softphones, beside which a line's registrar sees us, ring unreliably.
        Flow::Stream(_) => "timer,path,gruu,outbound",
        Flow::Datagram { .. } | Flow::Connection { .. } => {
            "timer,100rel,replaces,path,gruu,outbound"
        }
    }
}

/// The option tags that a Require may name.
pub(super) const UNDERSTOOD: &[&str] = &["timer", "100rel", "replaces", "path", "gruu", "outbound"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::{SocketId, StreamId};

    #[test]
    fn via_tells_where_the_request_came_from() {
        let flow = Flow::Datagram {
            socket: SocketId(0),
            peer: "198.51.100.7:5071".parse().expect("an address"),
        };
        for (given, expected) in [
            (
                "SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1",
                "SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1",
            ),
            (
                "SIP/2.0/UDP 10.0.0.1:5060;branch=b",
                "SIP/2.0/UDP 10.0.0.1:5060;branch=b;received=198.51.100.7",
            ),
            (
                "SIP/2.0/UDP h;rport;branch=b",
                "SIP/2.0/UDP h;rport=5071;branch=b;received=198.51.100.7",
            ),
            (
                "SIP/2.0/UDP h;received=203.0.113.9",
                "SIP/2.0/UDP h;received=198.51.100.7",
            ),
            (
                "SIP/2.0/UDP 198.51.100.7, SIP/2.0/UDP b;x",
                "SIP/2.0/UDP 198.51.100.7, SIP/2.0/UDP b;x",
            ),
        ] {
            assert_eq!(
                String::from_utf8_lossy(&with_source(given.as_bytes(), flow)),
                expected
            );
        }
        let stream = Flow::Stream(StreamId(1));
        assert_eq!(
            with_source(b"SIP/2.0/WS x.invalid;branch=b", stream),
            b"SIP/2.0/WS x.invalid;branch=b"
        );
    }
}
