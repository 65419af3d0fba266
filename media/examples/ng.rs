//! The engine alone as a relay that speaks a little of rtpengine's ng protocol: for `ops/bench media`, where both do the same.
//!
//! ```text
//! cargo run --release -p media --example ng -- 127.0.0.1:2223 40000-49999 [WORKERS]
//! ```
//!
//! It says `ready` when it listens. `offer`, `answer` and `delete` are understood, `transport-protocol` among their parameters.

use std::collections::{BTreeMap, HashMap};
use std::net::{SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::mpsc::{Receiver, sync_channel};

use media::{AudioCodec, Engine, EngineConfig, Event, LegId, PeerKind, Pinning, RequestId};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, ports, rest @ ..] = arguments.as_slice() else {
        return Err("ng ADDRESS:PORT FIRST-LAST [WORKERS]".into());
    };
    let workers = rest.first().map_or(Ok(1), |workers| workers.parse())?;
    let socket = UdpSocket::bind(listen)?;
    let mut relay = Relay::start(socket.local_addr()?, range(ports)?, workers)?;
    println!("ready");
    let mut datagram = vec![0; 1 << 16];
    loop {
        let (length, from) = socket.recv_from(&mut datagram)?;
        let answer = relay.answer(&datagram[..length]);
        socket.send_to(&answer, from)?;
    }
}

/// The engine with its calls by their id.
struct Relay {
    engine: Engine,
    descriptions: Receiver<(RequestId, Result<String, String>)>,
    requests: u64,
    calls: HashMap<String, Call>,
}

/// Two legs; until the answer, what the caller offered.
struct Call {
    caller: LegId,
    callee: LegId,
    offer: String,
}

impl Relay {
    fn start(at: SocketAddr, ports: RangeInclusive<u16>, workers: usize) -> Result<Self, Failure> {
        let config = EngineConfig {
            public_ip: at.ip(),
            bind_ip: at.ip(),
            webrtc_port: 0,
            ice_tcp: media::IceTcp::Off,
            rtp_ports: ports,
            workers,
            pinning: Pinning::Off,
            codecs: vec![AudioCodec::Pcma],
            seed: [9; 32],
        };
        let (sender, descriptions) = sync_channel(64);
        let sink = move |event| {
            if let Event::Description {
                request, result, ..
            } = event
            {
                // Only the one that is waited for.
                let _ = sender.try_send((request, result.map_err(|error| error.to_string())));
            }
        };
        Ok(Self {
            engine: Engine::start(config, Box::new(sink))?,
            descriptions,
            requests: 0,
            calls: HashMap::new(),
        })
    }

    fn answer(&mut self, datagram: &[u8]) -> Vec<u8> {
        let space = datagram.iter().position(|&octet| octet == b' ');
        let (cookie, body) = datagram.split_at(space.map_or(0, |at| at + 1));
        let reply = match self.obey(body) {
            Ok(Some(sdp)) => format!("d6:result2:ok3:sdp{}:{sdp}e", sdp.len()),
            Ok(None) => "d6:result2:oke".into(),
            Err(error) => {
                let error = error.to_string();
                format!("d12:error-reason{}:{error}6:result5:errore", error.len())
            }
        };
        [cookie, reply.as_bytes()].concat()
    }

    fn obey(&mut self, body: &[u8]) -> Result<Option<String>, Failure> {
        let command = texts(body).ok_or("not a dictionary")?;
        let of = |key: &str| command.get(key).cloned().ok_or(format!("no {key}"));
        let id = of("call-id")?;
        match of("command")?.as_str() {
            "offer" => self
                .offer(id, of("sdp")?, &of("transport-protocol")?)
                .map(Some),
            "answer" => self.accept(&id, &of("sdp")?).map(Some),
            "delete" => {
                if let Some(call) = self.calls.remove(&id) {
                    self.engine.close(call.caller)?;
                    self.engine.close(call.callee)?;
                }
                Ok(None)
            }
            other => Err(format!("{other} isn't understood").into()),
        }
    }

    fn offer(&mut self, id: String, offer: String, protocol: &str) -> Result<String, Failure> {
        let kind = match protocol {
            "RTP/AVP" => PeerKind::Plain,
            "RTP/SAVP" => PeerKind::Sdes,
            "UDP/TLS/RTP/SAVPF" => PeerKind::WebRtc,
            other => return Err(format!("{other} isn't understood").into()),
        };
        let worker = self.engine.assign();
        let (caller, callee) = (self.engine.new_leg(worker), self.engine.new_leg(worker));
        let offered = self.describe(|engine, request| engine.offer(callee, request, kind))?;
        let call = Call {
            caller,
            callee,
            offer,
        };
        self.calls.insert(id, call);
        Ok(offered)
    }

    fn accept(&mut self, id: &str, answer: &str) -> Result<String, Failure> {
        let call = self.calls.get(id).ok_or("no such call")?;
        let (caller, callee, offer) = (call.caller, call.callee, call.offer.clone());
        self.describe(|engine, request| engine.accept_answer(callee, request, answer.into()))?;
        let answered = self.describe(|engine, request| engine.answer(caller, request, offer))?;
        self.engine.bridge(caller, callee)?;
        Ok(answered)
    }

    fn describe(
        &mut self,
        ask: impl FnOnce(&Engine, RequestId) -> Result<(), media::Full>,
    ) -> Result<String, Failure> {
        self.requests += 1;
        let request = RequestId(self.requests);
        ask(&self.engine, request)?;
        loop {
            let (answered, description) = self.descriptions.recv()?;
            if answered == request {
                return description.map_err(Failure::from);
            }
        }
    }
}

/// The texts of a bencoded dictionary; its lists are skipped.
fn texts(body: &[u8]) -> Option<BTreeMap<String, String>> {
    let mut rest = body.strip_prefix(b"d")?;
    let mut texts = BTreeMap::new();
    while !rest.starts_with(b"e") {
        let key = text(&mut rest)?;
        if let Some(list) = rest.strip_prefix(b"l") {
            rest = list;
            while !rest.starts_with(b"e") {
                text(&mut rest)?;
            }
            rest = &rest[1..];
        } else {
            texts.insert(key, text(&mut rest)?);
        }
    }
    Some(texts)
}

fn text(rest: &mut &[u8]) -> Option<String> {
    let colon = rest.iter().position(|&octet| octet == b':')?;
    let length: usize = std::str::from_utf8(&rest[..colon]).ok()?.parse().ok()?;
    let text = rest.get(colon + 1..)?.get(..length)?;
    *rest = &rest[colon + 1 + length..];
    Some(String::from_utf8_lossy(text).into_owned())
}

fn range(ports: &str) -> Result<RangeInclusive<u16>, Failure> {
    let (first, last) = ports.split_once('-').ok_or("FIRST-LAST is wanted")?;
    Ok(first.parse()?..=last.parse()?)
}
