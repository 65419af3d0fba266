//! Any bytes as a URI, wherever a caller may write one: they are read, echoed, and at the end called back.

use std::time::{Duration, Instant};

use bytes::Bytes;
use signaling::message::Message;
use signaling::{Body, Endpoint, EndpointConfig, Event, Flow, SocketId};

pub fn run(data: &[u8]) {
    let mut endpoint = Endpoint::new(EndpointConfig::default(), [1; 32]);
    endpoint.open_socket(SocketId(0), ([198, 51, 100, 1], 5060).into());
    let flow = Flow::Datagram {
        socket: SocketId(0),
        peer: ([198, 51, 100, 9], 5060).into(),
    };
    let mut now = Instant::now();
    for (place, template) in PLACES.iter().enumerate() {
        let (before, after) = template.split_once('@').expect("a place for the URI");
        let branch = format!(";branch=z9hG4bK{place}\r\nCall-ID: {place}\r\n");
        let invite = [
            before.as_bytes(),
            data,
            after.as_bytes(),
            branch.as_bytes(),
            REST.as_bytes(),
        ]
        .concat();
        endpoint.handle_message(now, flow, Bytes::from(invite));
        while let Some(event) = endpoint.poll_event() {
            if let Event::Invite { dialog, invite, .. } = event {
                let _ = (invite.called_user(), invite.from(), invite.to());
                let answered = endpoint.accept(now, dialog, Body::sdp("v=0"));
                assert_eq!(answered, Ok(()));
                endpoint.hang_up(now, dialog, None);
            }
        }
        // The BYE waits for an ACK that doesn't come.
        for _ in 0..40 {
            now += Duration::from_secs(1);
            endpoint.handle_timeout(now);
        }
        while let Some(transmit) = endpoint.poll_transmit() {
            if !transmit.bytes.starts_with(b"SIP/2.0 4")
                && !transmit.bytes.starts_with(b"SIP/2.0 505")
            {
                Message::parse(transmit.bytes, 1 << 20).expect("we write what we read");
            }
        }
    }
}

/// An INVITE up to its Via's parameters, with a mark where the URI goes.
const PLACES: &[&str] = &[
    "INVITE @ SIP/2.0\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\nContact: <sip:c>\r\nVia: SIP/2.0/UDP h",
    "INVITE sip:b SIP/2.0\r\nFrom: <@>;tag=1\r\nTo: <sip:b>\r\nContact: <sip:c>\r\nVia: SIP/2.0/UDP h",
    "INVITE sip:b SIP/2.0\r\nFrom: <sip:a>;tag=1\r\nTo: @\r\nContact: <sip:c>\r\nVia: SIP/2.0/UDP h",
    "INVITE sip:b SIP/2.0\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\nContact: <@>\r\nVia: SIP/2.0/UDP h",
    "INVITE sip:b SIP/2.0\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\nContact: <sip:c>\r\nRecord-Route: <sip:p;lr>,<@>\r\nVia: SIP/2.0/UDP h",
    "INVITE sip:b SIP/2.0\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\nContact: <sip:c>\r\nVia: SIP/2.0/UDP @",
];
const REST: &str = "CSeq: 1 INVITE\r\nMax-Forwards: 70\r\n\r\n";
