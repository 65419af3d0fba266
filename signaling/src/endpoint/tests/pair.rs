//! Two endpoints and the network between them: seeded loss, duplication and reordering, in virtual time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::endpoint::{
    Body, DialogId, Ended, Endpoint, EndpointConfig, Event, Flow, InviteRequest, Party, Path,
    Random, SocketId,
};

/// Who calls and who is called; an index into the pair.
pub const CALLER: usize = 0;
pub const CALLEE: usize = 1;

/// What the network does to datagrams.
#[derive(Clone, Copy)]
pub struct Link {
    /// In a hundred.
    pub loss: u64,
    /// In a hundred.
    pub duplication: u64,
    pub least_delay: Duration,
    pub most_delay: Duration,
}

impl Link {
    pub const PERFECT: Link = Link {
        loss: 0,
        duplication: 0,
        least_delay: Duration::from_millis(10),
        most_delay: Duration::from_millis(10),
    };

    /// A fifth is lost, a tenth comes twice, and 80 ms of jitter turn the order around.
    pub const BAD: Link = Link {
        loss: 20,
        duplication: 10,
        least_delay: Duration::from_millis(10),
        most_delay: Duration::from_millis(90),
    };
}

pub struct Pair {
    pub now: Instant,
    start: Instant,
    pub endpoints: [Endpoint; 2],
    pub link: Link,
    /// Drops what it says `true` to, before the link does.
    pub censor: fn(&str) -> bool,
    random: Random,
    in_flight: BTreeMap<(Instant, u64), (usize, Bytes)>,
    serial: u64,
    /// Who sent which start line when, lost or not.
    pub wire: Vec<(u128, usize, String)>,
    pub events: [Vec<Event>; 2],
    /// What the callee does with calls.
    pub answering: Answering,
}

/// How the callee's owner reacts, at once.
#[derive(Clone, Copy, PartialEq)]
pub enum Answering {
    /// It leaves them alone.
    Nothing,
    /// 180, then 200.
    Accept,
}

impl Pair {
    pub fn new(seed: u8, link: Link) -> Pair {
        let start = Instant::now();
        let endpoint = |number: u8| {
            let mut endpoint = Endpoint::new(EndpointConfig::default(), [seed ^ (number << 7); 32]);
            endpoint.open_socket(SocketId(0), address(number.into()));
            endpoint
        };
        Pair {
            now: start,
            start,
            endpoints: [endpoint(0), endpoint(1)],
            link,
            censor: |_| false,
            random: Random::new([seed; 32]),
            in_flight: BTreeMap::new(),
            serial: 0,
            wire: Vec::new(),
            events: [Vec::new(), Vec::new()],
            answering: Answering::Accept,
        }
    }

    /// A call that both ends hold for confirmed.
    pub fn standing(seed: u8, link: Link) -> (Pair, [DialogId; 2]) {
        let mut pair = Pair::new(seed, link);
        let ours = pair.call();
        pair.drive_until(Pair::is_confirmed);
        let theirs = pair.incoming().expect("a call");
        (pair, [ours, theirs])
    }

    pub fn is_confirmed(&self) -> bool {
        self.count(CALLER, |event| matches!(event, Event::Accepted { .. })) == 1
            && self.count(CALLEE, |event| matches!(event, Event::Confirmed { .. })) == 1
    }

    /// What became of a side's offers.
    pub fn answered(&self, side: usize) -> Vec<Result<String, u16>> {
        let text = |body: &Option<Body>| {
            let body = body.as_ref().expect("an answer");
            String::from_utf8_lossy(&body.bytes).into_owned()
        };
        self.events[side]
            .iter()
            .filter_map(|event| match event {
                Event::OfferAnswered { result, .. } => {
                    Some(result.as_ref().map(text).map_err(|status| *status))
                }
                _ => None,
            })
            .collect()
    }

    pub fn call(&mut self) -> DialogId {
        let request = InviteRequest {
            path: Path::Datagram {
                socket: SocketId(0),
                peer: address(CALLEE),
            },
            request_uri: "sip:1001@198.51.100.2".into(),
            from: Party {
                display: Some("Asha \"A\"".into()),
                uri: "sip:+919000000011@example.com".into(),
            },
            to: Party {
                display: None,
                uri: "sip:1001@example.com".into(),
            },
            headers: vec![("X-Call".into(), "7".into())],
            body: Body::sdp("v=0 offer"),
            credentials: None,
        };
        let dialog = self.endpoints[CALLER]
            .invite(self.now, request)
            .expect("a call");
        self.collect();
        dialog
    }

    /// Moves time to the next thing that happens, and lets it happen; `false` if nothing will.
    pub fn step(&mut self) -> bool {
        self.collect();
        let delivery = self.in_flight.first_key_value().map(|((at, _), _)| *at);
        let deadlines = self
            .endpoints
            .iter()
            .filter_map(|endpoint| Some(endpoint.poll_timeout()?.0));
        let Some(next) = deadlines.chain(delivery).min() else {
            return false;
        };
        self.now = self.now.max(next);
        for endpoint in &mut self.endpoints {
            endpoint.handle_timeout(self.now);
        }
        self.collect();
        while let Some(entry) = self
            .in_flight
            .first_entry()
            .filter(|entry| entry.key().0 <= self.now)
        {
            let (to, bytes) = entry.remove();
            let flow = Flow::Datagram {
                socket: SocketId(0),
                peer: address(1 - to),
            };
            self.endpoints[to].handle_message(self.now, flow, bytes);
            self.collect();
        }
        true
    }

    /// Runs until nothing is left to happen. A livelock is a failure, not a hang.
    pub fn drive(&mut self) {
        self.drive_until(|_| false);
    }

    pub fn drive_until(&mut self, mut done: impl FnMut(&Pair) -> bool) {
        for _ in 0..MOST_STEPS {
            if done(self) || !self.step() {
                return;
            }
        }
        panic!("still busy after {MOST_STEPS} steps: {:?}", self.wire);
    }

    pub fn drive_for(&mut self, time: Duration) {
        let end = self.now + time;
        let pending = |pair: &Pair| {
            let delivery = pair.in_flight.first_key_value().map(|((at, _), _)| *at);
            pair.endpoints
                .iter()
                .filter_map(|endpoint| Some(endpoint.poll_timeout()?.0))
                .chain(delivery)
                .min()
        };
        self.collect();
        self.drive_until(|pair| pending(pair).is_none_or(|next| next > end));
        self.now = end;
    }

    /// Takes what the endpoints want sent and known, and answers calls as told.
    pub fn collect(&mut self) {
        for side in [CALLER, CALLEE] {
            while let Some(event) = self.endpoints[side].poll_event() {
                if let (Event::Invite { dialog, .. }, Answering::Accept) = (&event, self.answering)
                {
                    let (dialog, endpoint) = (*dialog, &mut self.endpoints[side]);
                    endpoint
                        .ring(self.now, dialog, 180, None)
                        .expect("it rings");
                    endpoint
                        .accept(self.now, dialog, Body::sdp("v=0 answer"))
                        .expect("it is answered");
                }
                self.events[side].push(event);
            }
            while let Some(transmit) = self.endpoints[side].poll_transmit() {
                self.carry(side, transmit.bytes);
            }
        }
    }

    fn carry(&mut self, from: usize, bytes: Bytes) {
        let line = String::from_utf8_lossy(&bytes)
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned();
        self.wire
            .push(((self.now - self.start).as_millis(), from, line.clone()));
        if (self.censor)(&line) || self.random.below(100) < self.link.loss {
            return;
        }
        let copies = if self.random.below(100) < self.link.duplication {
            2
        } else {
            1
        };
        for _ in 0..copies {
            let delay = self
                .random
                .between(self.link.least_delay, self.link.most_delay);
            self.serial += 1;
            self.in_flight
                .insert((self.now + delay, self.serial), (1 - from, bytes.clone()));
        }
    }

    /// The call that came in, if one did.
    pub fn incoming(&self) -> Option<DialogId> {
        self.events[CALLEE].iter().find_map(|event| match event {
            Event::Invite { dialog, .. } => Some(*dialog),
            _ => None,
        })
    }

    pub fn endings(&self, side: usize) -> Vec<&Ended> {
        self.events[side]
            .iter()
            .filter_map(|event| match event {
                Event::Ended { cause, .. } => Some(cause),
                _ => None,
            })
            .collect()
    }

    pub fn count(&self, side: usize, is_it: impl Fn(&Event) -> bool) -> usize {
        self.events[side]
            .iter()
            .filter(|event| is_it(event))
            .count()
    }

    /// How often a side sent a message whose start line begins so.
    pub fn sent(&self, side: usize, start: &str) -> usize {
        self.wire
            .iter()
            .filter(|(_, from, line)| *from == side && line.starts_with(start))
            .count()
    }

    pub fn assert_nothing_is_left(&self) {
        for endpoint in &self.endpoints {
            let counts = endpoint.counts();
            assert_eq!(
                (
                    counts.client_transactions,
                    counts.server_transactions,
                    counts.dialogs
                ),
                (0, 0, 0)
            );
            assert!(
                endpoint.usages.is_empty()
                    && endpoint.calls.is_empty()
                    && endpoint.parted.is_empty()
                    && endpoint.merges.is_empty()
            );
            assert_eq!(endpoint.poll_timeout(), None);
        }
    }
}

fn address(side: usize) -> std::net::SocketAddr {
    ([198, 51, 100, side as u8 + 1], 5060).into()
}

const MOST_STEPS: usize = 2_000;
