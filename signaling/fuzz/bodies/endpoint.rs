//! A sequence of datagrams, of messages on a line's connection, and of answers to what we sent ourselves.
//!
//! The input is cut at each 0xFF; a piece's first byte says what it is, the rest is its content.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::Bytes;
use signaling::message::Message;
use signaling::{
    Body, DialogId, Endpoint, EndpointConfig, Event, Flow, InviteRequest, LineConfig, LineId,
    Party, Path, Profile, SocketId, StreamId, Transport,
};

pub fn run(data: &[u8]) {
    let mut stage = Stage::new();
    for piece in data.split(|byte| *byte == 0xff).take(32) {
        stage.play(piece);
    }
    // Whatever was said, an hour later nobody's request is remembered.
    for _ in 0..400 {
        stage.pass(Duration::from_secs(9));
    }
    assert_eq!(stage.endpoint.counts().server_transactions, 0);
}

struct Stage {
    endpoint: Endpoint,
    now: Instant,
    asked: Vec<Bytes>,
    ended: BTreeSet<DialogId>,
}

impl Stage {
    fn new() -> Stage {
        let mut endpoint = Endpoint::new(EndpointConfig::default(), [3; 32]);
        endpoint.open_socket(SocketId(0), ([198, 51, 100, 1], 5060).into());
        let config = LineConfig {
            domain: "pbx.test".into(),
            user: "1001".into(),
            password: "secret1001".into(),
            auth_user: None,
            display: None,
            profile: Profile::jssip(),
            expires: LineConfig::EXPIRES,
            instance: "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6".into(),
        };
        endpoint.add_line(LineId(0), config);
        let now = Instant::now();
        endpoint.handle_line_connected(now, LineId(0), StreamId(1), Transport::Wss);
        let mut stage = Stage {
            endpoint,
            now,
            asked: Vec::new(),
            ended: BTreeSet::new(),
        };
        stage.drain();
        stage
    }

    fn play(&mut self, piece: &[u8]) {
        let Some((kind, content)) = piece.split_first() else {
            return;
        };
        match kind % 5 {
            0 => self.receive(TRUNK, content.to_vec()),
            1 => self.receive(LINE, content.to_vec()),
            2 => self.respond(content),
            3 => drop(self.endpoint.invite(self.now, call_out())),
            _ => self.pass(Duration::from_millis(u64::from(content.len() as u16) * 97)),
        }
        self.drain();
    }

    fn receive(&mut self, flow: Flow, text: Vec<u8>) {
        self.endpoint
            .handle_message(self.now, flow, Bytes::from(text));
    }

    /// Three digits of a status, then a header or two for the response to what we asked last.
    fn respond(&mut self, content: &[u8]) {
        let Some(request) = self.asked.last() else {
            return;
        };
        let (status, header) = content.split_at(content.len().min(3));
        let request = String::from_utf8_lossy(request);
        let (start, headers) = request.split_once("\r\n").expect("a start line");
        let flow = if start.contains("198.51.100.9") {
            TRUNK
        } else {
            LINE
        };
        let text = [
            b"SIP/2.0 ",
            status,
            b" x\r\n",
            header,
            b"\r\n",
            headers.as_bytes(),
        ]
        .concat();
        self.receive(flow, text);
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.endpoint.handle_timeout(self.now);
        self.drain();
    }

    /// An owner that takes every call and offer; all that is sent must be readable.
    fn drain(&mut self) {
        let now = self.now;
        while let Some(event) = self.endpoint.poll_event() {
            match event {
                Event::Invite { dialog, .. } => {
                    let _ = self.endpoint.ring(now, dialog, 180, None);
                    let _ = self.endpoint.accept(now, dialog, Body::sdp("v=0"));
                }
                Event::Offer { dialog, .. } => {
                    let _ = self
                        .endpoint
                        .answer_offer(now, dialog, Some(Body::sdp("v=0")));
                }
                Event::Confirmed { dialog, .. } => {
                    let _ = self.endpoint.reinvite(now, dialog, Body::sdp("v=0"));
                }
                Event::Accepted { dialog, .. } => self.endpoint.hang_up(now, dialog, None),
                Event::Ended { dialog, .. } => assert!(self.ended.insert(dialog), "ended twice"),
                _ => {}
            }
        }
        while let Some(transmit) = self.endpoint.poll_transmit() {
            let bytes = transmit.bytes;
            let refusal = bytes.starts_with(b"SIP/2.0 4") || bytes.starts_with(b"SIP/2.0 505");
            if refusal || &bytes[..] == b"\r\n" {
                continue;
            }
            if !bytes.starts_with(b"SIP/2.0") {
                self.asked.push(bytes.clone());
            }
            Message::parse(bytes, 1 << 20).expect("we write what we read");
        }
    }
}

fn call_out() -> InviteRequest {
    let party = |uri: &str| Party {
        display: None,
        uri: uri.into(),
    };
    InviteRequest {
        path: Path::Datagram {
            socket: SocketId(0),
            peer: ([198, 51, 100, 9], 5060).into(),
        },
        request_uri: "sip:+919000000012@198.51.100.9".into(),
        from: party("sip:1001@example.com"),
        to: party("sip:+919000000012@example.com"),
        headers: Vec::new(),
        body: Body::sdp("v=0"),
        credentials: None,
    }
}

const TRUNK: Flow = Flow::Datagram {
    socket: SocketId(0),
    peer: std::net::SocketAddr::V4(std::net::SocketAddrV4::new(
        std::net::Ipv4Addr::new(198, 51, 100, 9),
        5060,
    )),
};
const LINE: Flow = Flow::Stream(StreamId(1));
