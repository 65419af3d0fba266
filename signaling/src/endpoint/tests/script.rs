//! One endpoint and a peer written by hand, message by message.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::endpoint::{
    Endpoint, EndpointConfig, Event, Flow, LineConfig, LineId, SocketId, StreamId, Transport,
};
use crate::message::{Kind, Message};
use crate::profile::Profile;

pub struct Script {
    pub endpoint: Endpoint,
    pub now: Instant,
    pub flow: Flow,
}

pub const LINE: LineId = LineId(4);
pub const TCP: SocketId = SocketId(1);
pub const TLS: SocketId = SocketId(2);

impl Script {
    /// A trunk's peer at 198.51.100.9.
    pub fn trunk() -> Script {
        let mut endpoint = Endpoint::new(EndpointConfig::default(), [42; 32]);
        endpoint.open_socket(SocketId(0), ([198, 51, 100, 1], 5060).into());
        Script {
            endpoint,
            now: Instant::now(),
            flow: datagram("198.51.100.9:5060"),
        }
    }

    /// The same peer by TCP, from the port of a connection that it opened.
    pub fn connection() -> Script {
        let mut script = Script::trunk();
        script
            .endpoint
            .open_listener(TCP, Transport::Tcp, ([198, 51, 100, 1], 5060).into());
        script
            .endpoint
            .open_listener(TLS, Transport::Tls, ([198, 51, 100, 1], 5061).into());
        script.flow = connection(TCP, "198.51.100.9:40000");
        script
    }

    /// A registrar at the other end of a WSS connection; the first REGISTER is on its way.
    pub fn line() -> Script {
        Script::line_as(Profile::jssip())
    }

    pub fn line_as(profile: Profile) -> Script {
        let mut script = Script {
            flow: Flow::Stream(StreamId(1)),
            ..Script::trunk()
        };
        let config = LineConfig {
            domain: "pbx.test".into(),
            user: "1001".into(),
            password: "secret1001".into(),
            auth_user: None,
            display: None,
            profile,
            expires: Duration::from_secs(120),
            instance: "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6".into(),
        };
        script.endpoint.add_line(LINE, config);
        script
            .endpoint
            .handle_line_connected(script.now, LINE, StreamId(1), Transport::Wss);
        script
    }

    /// The same, registered; `contact_parameters` go into the 200's Contact.
    pub fn registered(contact_parameters: &str) -> Script {
        let mut script = Script::line();
        let register = script.sent_one();
        let contact = register.text("Contact").expect("a contact");
        let headers = format!("Contact: {contact}{contact_parameters}\r\n");
        script.respond(&register, "200 OK", &headers, "");
        assert!(matches!(
            script.event(),
            Some(Event::LineUp { line: LINE, .. })
        ));
        script
    }

    pub fn receive(&mut self, text: &str) {
        self.receive_from(self.flow, text);
    }

    pub fn receive_from(&mut self, flow: Flow, text: &str) {
        self.endpoint
            .handle_message(self.now, flow, Bytes::copy_from_slice(text.as_bytes()));
    }

    /// Answers a request of the endpoint's; `headers` end their own lines.
    pub fn respond(&mut self, request: &Message, status: &str, headers: &str, body: &str) {
        let copied: String = ["Via", "From", "Call-ID", "CSeq"]
            .map(|name| format!("{name}: {}\r\n", request.text(name).unwrap_or_default()))
            .concat();
        let to = request.text("To").unwrap_or_default();
        let tag = if to.contains("tag=") || headers.contains("To: ") {
            ""
        } else {
            ";tag=theirs"
        };
        let to = if headers.contains("To: ") {
            String::new()
        } else {
            format!("To: {to}{tag}\r\n")
        };
        let content = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        let length = body.len();
        self.receive(&format!("SIP/2.0 {status}\r\n{copied}{to}{headers}{content}Content-Length: {length}\r\n\r\n{body}"));
    }

    /// All that was sent since the last call.
    pub fn sent(&mut self) -> Vec<Message> {
        std::iter::from_fn(|| self.endpoint.poll_transmit())
            .map(|transmit| Message::parse(transmit.bytes, 65_536).expect("we write what we read"))
            .collect()
    }

    /// The same with the flow that each takes.
    pub fn sent_on(&mut self) -> Vec<(Flow, Message)> {
        std::iter::from_fn(|| self.endpoint.poll_transmit())
            .map(|transmit| {
                let message =
                    Message::parse(transmit.bytes, 65_536).expect("we write what we read");
                (transmit.flow, message)
            })
            .collect()
    }

    pub fn sent_one_on(&mut self) -> (Flow, Message) {
        let mut sent = self.sent_on();
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent.remove(0)
    }

    pub fn sent_one(&mut self) -> Message {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent.remove(0)
    }

    /// The statuses of all that was sent, which must be responses.
    pub fn statuses(&mut self) -> Vec<u16> {
        self.sent().iter().map(status).collect()
    }

    pub fn event(&mut self) -> Option<Event> {
        self.endpoint.poll_event()
    }

    /// Lets time pass, timers included.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some((at, _)) = self.endpoint.poll_timeout().filter(|(at, _)| *at <= end) {
            self.now = self.now.max(at);
            self.endpoint.handle_timeout(self.now);
        }
        self.now = end;
    }
}

pub fn datagram(peer: &str) -> Flow {
    let peer: SocketAddr = peer.parse().expect("an address");
    Flow::Datagram {
        socket: SocketId(0),
        peer,
    }
}

pub fn connection(socket: SocketId, peer: &str) -> Flow {
    let peer: SocketAddr = peer.parse().expect("an address");
    Flow::Connection { socket, peer }
}

pub fn status(message: &Message) -> u16 {
    match message.kind() {
        Kind::Response { status, .. } => status,
        Kind::Request { .. } => panic!("{message:?} is a request"),
    }
}

/// A request from the trunk's peer. `headers` end their own lines.
pub fn request(
    method: &str,
    cseq: u32,
    to_tag: &str,
    branch: &str,
    headers: &str,
    body: &str,
) -> String {
    let to_tag = if to_tag.is_empty() {
        String::new()
    } else {
        format!(";tag={to_tag}")
    };
    let content = if body.is_empty() {
        ""
    } else {
        "Content-Type: application/sdp\r\n"
    };
    format!(
        "{method} sip:1001@198.51.100.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.9:5060;branch=z9hG4bK{branch}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:+919000000011@example.com>;tag=theirs\r\nTo: <sip:1001@example.com>{to_tag}\r\n\
         Call-ID: a84b4c76e66710\r\nCSeq: {cseq} {method}\r\nContact: <sip:+919000000011@198.51.100.9:5060>\r\n\
         {headers}{content}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
