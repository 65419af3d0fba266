//! What a call leaves behind: a bounded number of bytes for the 32 s in which its requests may come again, then nothing.

use std::time::{Duration, Instant};

use bytes::Bytes;
use signaling::{Body, Endpoint, EndpointConfig, Event, Flow, SocketId};

#[test]
fn a_call_that_is_over_costs_its_two_transactions_and_then_nothing() {
    let mut caller = Caller::new();
    // The tables' own room: they keep what they once had.
    caller.calls(CALLS);
    caller.wait(FORGOTTEN);
    let mut remembered = 0;
    let held = allocation_counter::measure(|| {
        caller.calls(CALLS);
        remembered = caller.endpoint.counts().server_transactions;
    });
    assert_eq!(remembered, 2 * CALLS);
    let each = held.bytes_current / remembered as i64;
    println!("{each} bytes a transaction that is remembered");
    assert!(each <= TRANSACTION, "{each} bytes");
    let freed = allocation_counter::measure(|| caller.wait(FORGOTTEN));
    assert_eq!(caller.endpoint.counts().server_transactions, 0);
    let left = held.bytes_current + freed.bytes_current;
    assert!(left <= 4_096, "{left} bytes are left of {CALLS} calls");
}

/// Calls, is answered, acknowledges and hangs up, all in no time.
struct Caller {
    endpoint: Endpoint,
    now: Instant,
    number: usize,
}

impl Caller {
    fn new() -> Caller {
        let mut endpoint = Endpoint::new(EndpointConfig::default(), [3; 32]);
        endpoint.open_socket(SocketId(0), ([198, 51, 100, 1], 5060).into());
        Caller {
            endpoint,
            now: Instant::now(),
            number: 0,
        }
    }

    fn calls(&mut self, count: usize) {
        for _ in 0..count {
            self.number += 1;
            self.send(INVITE.to_owned());
            let Some(Event::Invite { dialog, .. }) = self.endpoint.poll_event() else {
                panic!("no call");
            };
            let answered = self.endpoint.accept(self.now, dialog, Body::sdp("v=0"));
            assert_eq!(answered, Ok(()));
            let tag = self.tag();
            let in_dialog = |method: &str, cseq: u32| {
                INVITE
                    .replace("21904 INVITE", &format!("{cseq} {method}"))
                    .replace("INVITE sip", &format!("{method} sip"))
                    .replace("branch=z9hG4bK", &format!("branch=z9hG4bK{method}"))
                    .replace(
                        "user=phone>\r\nCall-ID",
                        &format!("user=phone>;tag={tag}\r\nCall-ID"),
                    )
            };
            self.send(in_dialog("ACK", 21904));
            self.send(in_dialog("BYE", 21905));
            while let Some(event) = self.endpoint.poll_event() {
                assert!(!matches!(event, Event::Malformed { .. }), "{event:?}");
            }
            self.tag();
        }
        assert_eq!(self.endpoint.counts().dialogs, 0);
    }

    fn send(&mut self, text: String) {
        let text = text
            .replace("402653196", &format!("{:09}", self.number))
            .replace("7a1b.9f31c2e4d5", &format!("{:015}", self.number))
            .replace("gK0c2a7d11", &format!("gK{:08}", self.number));
        let peer = ([198, 51, 100, 7], 5060).into();
        let flow = Flow::Datagram {
            socket: SocketId(0),
            peer,
        };
        self.endpoint
            .handle_message(self.now, flow, Bytes::from(text));
    }

    /// The To tag of what was sent last; all that was sent goes.
    fn tag(&mut self) -> String {
        let mut last = None;
        while let Some(transmit) = self.endpoint.poll_transmit() {
            last = Some(transmit.bytes);
        }
        let last = String::from_utf8(last.expect("an answer").to_vec()).expect("text");
        let to = last
            .lines()
            .find(|line| line.starts_with("To:"))
            .expect("a To");
        to.rsplit_once("tag=").expect("a tag").1.to_owned()
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some((at, _)) = self.endpoint.poll_timeout().filter(|(at, _)| *at <= end) {
            self.now = at;
            self.endpoint.handle_timeout(at);
        }
        self.now = end;
    }
}

const CALLS: usize = 1_000;
/// 64 × T1, and a moment.
const FORGOTTEN: Duration = Duration::from_secs(33);
/// Mostly the answer to the BYE and the keys by which repetitions are known.
const TRANSACTION: i64 = 1_000;
const INVITE: &str = include_str!("../benches/invite_900.sip");
