//! What the engine asks of a worker.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::TryRecvError;
use std::time::Instant;

use super::{COMMANDS_PER_WAKE, Entry, Flow, PlainSocket, WEBRTC_KEY, Worker};
use crate::codec::CodecPolicy;
use crate::engine::deadlines::Armed;
use crate::engine::socket::SocketKey;
use crate::engine::{Event, Failure, LegId, Mute, PeerKind, RequestId};
use crate::leg::description::{Local, Restart};
use crate::leg::path::{Path, Plain, Setup, SourceLock, WebRtc};
use crate::leg::{Drawn, Leg, LegKind};
use crate::peer::{Credentials, Peer, PeerOutput};
use crate::prompt::{Prompt, Repeat};
use crate::rtcp::Farewell;
use crate::sdp::crypto::MasterKey;
use crate::sdp::{Description, Direction, SdpError, Security};
use crate::tap::Tap;
use crate::tones::Tones;

/// One command of the ring.
#[derive(Debug)]
pub enum Command {
    AgentOffer {
        leg: LegId,
        request: RequestId,
        sdp: String,
    },
    Prepare {
        leg: LegId,
        kind: PeerKind,
    },
    Answer {
        leg: LegId,
        request: RequestId,
        offer: String,
    },
    Offer {
        leg: LegId,
        request: RequestId,
        kind: PeerKind,
    },
    ReOffer {
        leg: LegId,
        request: RequestId,
        direction: Direction,
    },
    RestartIce {
        leg: LegId,
        request: RequestId,
    },
    AcceptAnswer {
        leg: LegId,
        request: RequestId,
        answer: String,
    },
    Relearn {
        leg: LegId,
    },
    Prefer {
        leg: LegId,
        policy: CodecPolicy,
    },
    Bridge {
        customer: LegId,
        agent: LegId,
    },
    Unbridge {
        leg: LegId,
    },
    Mute {
        leg: LegId,
        mute: Mute,
    },
    Digits {
        leg: LegId,
        tones: Tones,
    },
    Play {
        leg: LegId,
        prompt: Prompt,
        repeat: Repeat,
    },
    StopPlaying {
        leg: LegId,
    },
    Tap {
        leg: LegId,
        tap: Box<Tap>,
    },
    Untap {
        leg: LegId,
        recording: u64,
    },
    Close {
        leg: LegId,
    },
    Stop,
    /// A bug in a leg's description.
    #[cfg(test)]
    Panic {
        leg: LegId,
        request: RequestId,
    },
    /// A bug in the next step that is taken for the leg: a packet's, a report's, a timer's or a command's.
    #[cfg(test)]
    PanicNext {
        leg: LegId,
    },
}

impl Command {
    /// Whom it is for; with two legs, the one that it is sent to.
    fn leg(&self) -> Option<LegId> {
        match *self {
            Self::AgentOffer { leg, .. }
            | Self::Prepare { leg, .. }
            | Self::Answer { leg, .. }
            | Self::Offer { leg, .. }
            | Self::ReOffer { leg, .. }
            | Self::RestartIce { leg, .. }
            | Self::AcceptAnswer { leg, .. }
            | Self::Relearn { leg }
            | Self::Prefer { leg, .. }
            | Self::Bridge { customer: leg, .. }
            | Self::Unbridge { leg }
            | Self::Mute { leg, .. }
            | Self::Digits { leg, .. }
            | Self::Play { leg, .. }
            | Self::StopPlaying { leg }
            | Self::Tap { leg, .. }
            | Self::Untap { leg, .. }
            | Self::Close { leg } => Some(leg),
            Self::Stop => None,
            #[cfg(test)]
            Self::Panic { leg, .. } | Self::PanicNext { leg } => Some(leg),
        }
    }
}

impl Worker {
    /// Takes commands off the ring; wakes itself again when more are left.
    pub(super) fn obey(&mut self, now: Instant) -> Flow {
        let flow = self.execute_waiting(now);
        // In a burst of calls nobody's description waits for the others' ICE.
        for leg in std::mem::take(&mut self.described) {
            self.advance_peer(leg, now);
        }
        flow
    }

    fn execute_waiting(&mut self, now: Instant) -> Flow {
        for _ in 0..COMMANDS_PER_WAKE {
            match self.commands.try_recv() {
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => return Flow::Stop,
                Ok(command) => {
                    if let Some(leg) = command.leg() {
                        self.guard(leg, now, |worker| worker.execute(command, now));
                    }
                }
                Err(TryRecvError::Empty) => return Flow::Go,
            }
        }
        self.wake.wake();
        Flow::Go
    }

    fn execute(&mut self, command: Command, now: Instant) {
        match command {
            Command::AgentOffer { leg, request, sdp } => {
                self.describe(leg, request, now, |worker| {
                    worker.agent_offer(leg, &sdp, now)
                });
            }
            Command::Prepare { leg, kind } => self.prepare(leg, kind, now),
            Command::Answer {
                leg,
                request,
                offer,
            } => {
                self.describe(leg, request, now, |worker| worker.answer(leg, &offer, now));
            }
            Command::Offer { leg, request, kind } => {
                self.describe(leg, request, now, |worker| worker.offer(leg, kind, now));
            }
            Command::ReOffer {
                leg,
                request,
                direction,
            } => {
                self.describe(leg, request, now, |worker| worker.re_offer(leg, direction));
            }
            Command::AcceptAnswer {
                leg,
                request,
                answer,
            } => {
                self.describe(leg, request, now, |worker| {
                    worker.accept_answer(leg, &answer, now)
                });
            }
            Command::RestartIce { leg, request } => {
                self.describe(leg, request, now, |worker| worker.restart_ice(leg));
            }
            Command::Relearn { leg } => self.with(leg, |leg| leg.path.relearn()),
            Command::Prefer { leg, policy } => {
                self.policies.insert(leg, Arc::new(policy));
            }
            Command::Bridge { customer, agent } => self.bridge(customer, agent, now),
            Command::Unbridge { leg } => self.unbridge(leg),
            Command::Mute { leg, mute } => match self.legs.get_mut(&leg) {
                Some(entry) => entry.leg.set_mute(mute),
                None => self.fail(leg, Failure::UnknownLeg),
            },
            Command::Digits { leg, tones } => self.press(leg, tones, now),
            Command::Play {
                leg,
                prompt,
                repeat,
            } => self.play(leg, prompt, repeat, now),
            Command::StopPlaying { leg } => {
                if let Some(entry) = self.legs.get_mut(&leg) {
                    entry.leg.stop_playing();
                }
            }
            Command::Tap { leg, tap } => {
                if let Some(entry) = self.legs.get_mut(&leg) {
                    entry.leg.tap = Some(tap);
                }
            }
            Command::Untap { leg, recording } => {
                if let Some(entry) = self.legs.get_mut(&leg) {
                    let own = |tap: &mut Box<Tap>| tap.recording() == recording;
                    entry.leg.tap.take_if(own);
                }
            }
            Command::Close { leg } => self.close(leg, now),
            Command::Stop => {}
            #[cfg(test)]
            Command::Panic { leg, request } => {
                self.describe(leg, request, now, |_| panic!("as the test wants it"));
            }
            #[cfg(test)]
            Command::PanicNext { leg } => self.faulty = Some(leg),
        }
    }

    /// Does a description command; a panic in it ends this leg alone.
    fn describe(
        &mut self,
        leg: LegId,
        request: RequestId,
        now: Instant,
        step: impl FnOnce(&mut Self) -> Result<String, SdpError>,
    ) {
        let step = catch_unwind(AssertUnwindSafe(|| step(self)));
        let panicked = step.is_err();
        self.handshakes.give_way(now);
        // The description goes first: its consequences are told after it.
        self.emit(Event::Description {
            leg,
            request,
            result: step.unwrap_or(Err(SdpError::Internal)),
        });
        if panicked {
            self.bury(leg, now);
        } else {
            self.described.push(leg);
        }
    }

    fn agent_offer(&mut self, leg: LegId, sdp: &str, now: Instant) -> Result<String, SdpError> {
        let policy = self.policy(leg);
        if let Some(entry) = self.legs.get_mut(&leg) {
            let answer = entry.leg.answer_browser(sdp, &policy.accepted, now)?;
            // The stack chose new credentials if the browser restarted ICE.
            if let Path::WebRtc(path) = &mut entry.leg.path {
                let ufrag = path.peer.local_ufrag();
                self.routes.add_ufrag(ufrag, leg);
            }
            return Ok(answer);
        }
        let credentials = self.draw_credentials();
        let peer = Peer::agent(
            self.webrtc_address,
            self.config.ice_tcp,
            credentials.clone(),
            &policy.accepted,
            now,
        );
        let mut entry = self.webrtc_entry(LegKind::Agent, peer, credentials, now);
        let answer = entry.leg.answer_browser(sdp, &policy.accepted, now)?;
        self.insert(leg, entry);
        Ok(answer)
    }

    /// A leg that can't be made now may be when it is described.
    fn prepare(&mut self, leg: LegId, kind: PeerKind, now: Instant) {
        if !self.legs.contains_key(&leg) {
            let _ = self.make(leg, kind, now);
        }
    }

    /// Forgets what was made for an offer of another kind than came.
    fn unprepare(&mut self, leg: LegId, kind: PeerKind, now: Instant) {
        let fits = self.legs.get(&leg).is_none_or(|entry| {
            let made = match (&entry.leg.path, entry.leg.is_clear()) {
                (Path::WebRtc(_), _) => PeerKind::WebRtc,
                (Path::Plain(_), true) => PeerKind::Plain,
                (Path::Plain(_), false) => PeerKind::Sdes,
            };
            entry.leg.is_described() || made == kind
        });
        if !fits {
            let policy = self.policies.remove(&leg);
            self.discard(leg, now);
            self.policies.extend(policy.map(|policy| (leg, policy)));
        }
    }

    fn answer(&mut self, leg: LegId, offer: &str, now: Instant) -> Result<String, SdpError> {
        let offer: Description = offer.parse()?;
        let kind = match offer.audio()?.protocol.security() {
            Security::None => PeerKind::Plain,
            Security::Sdes => PeerKind::Sdes,
            Security::Dtls => PeerKind::WebRtc,
        };
        self.unprepare(leg, kind, now);
        let known = self.legs.contains_key(&leg);
        if !known {
            self.make(leg, kind, now)?;
        }
        // Only an offer asks for credentials of ours that are new, too (RFC 8839 §4.4.1.1.1).
        let fresh = self.draw_credentials();
        let result = self.negotiate(leg, |leg, mut local, policy| {
            if leg.restarts_ice(&offer) {
                local.credentials = Some(fresh);
            }
            let (answer, restart) = leg.answer(&offer, &local, &policy.accepted, now)?;
            Ok((answer.to_string(), restart, local))
        });
        if result.is_err() && !known {
            self.discard(leg, now);
        }
        result
    }

    fn offer(&mut self, leg: LegId, kind: PeerKind, now: Instant) -> Result<String, SdpError> {
        if !self.legs.contains_key(&leg) {
            self.make(leg, kind, now)?;
        }
        self.negotiate(leg, |leg, local, policy| {
            leg.set_comfort(policy.comfort);
            let offer = leg.offer(&local, &policy.offered);
            Ok((offer.to_string(), Restart::None, local))
        })
    }

    fn re_offer(&mut self, leg: LegId, direction: Direction) -> Result<String, SdpError> {
        self.negotiate(leg, |leg, local, policy| {
            let offer = leg.re_offer(direction, &local, &policy.offered)?;
            Ok((offer.to_string(), Restart::None, local))
        })
    }

    /// An offer with new credentials; the agent that has the old ones works on.
    fn restart_ice(&mut self, leg: LegId) -> Result<String, SdpError> {
        let fresh = self.draw_credentials();
        let entry = self.legs.get_mut(&leg).ok_or_else(unknown_leg)?;
        if entry.credentials.is_none() || entry.leg.kind == LegKind::Agent {
            return Err(SdpError::Misuse("the leg has no ICE to restart".into()));
        }
        entry.restarting = Some(fresh.clone());
        self.negotiate(leg, |leg, mut local, policy| {
            local.credentials = Some(fresh);
            leg.set_comfort(policy.comfort);
            let offer = leg.offer(&local, &policy.offered);
            Ok((offer.to_string(), Restart::None, local))
        })
    }

    fn accept_answer(
        &mut self,
        leg: LegId,
        answer: &str,
        now: Instant,
    ) -> Result<String, SdpError> {
        let answer: Description = answer.parse()?;
        // An answer with the old user fragment restarts nothing; then ours stay, too.
        let entry = self.legs.get_mut(&leg).ok_or_else(unknown_leg)?;
        let fresh = entry.restarting.take();
        self.negotiate(leg, |leg, mut local, policy| {
            local.credentials = fresh.or(local.credentials);
            let restart = leg.accept_answer(&answer, &local, &policy.accepted, now)?;
            Ok((String::new(), restart, local))
        })
    }

    /// Lets a leg describe itself or take a description of its peer; keeps the credentials that
    /// were told if that restarted ICE.
    fn negotiate(
        &mut self,
        leg: LegId,
        step: impl FnOnce(&mut Leg, Local, &CodecPolicy) -> Result<(String, Restart, Local), SdpError>,
    ) -> Result<String, SdpError> {
        let policy = self.policy(leg);
        let entry = self.legs.get_mut(&leg).ok_or_else(unknown_leg)?;
        let local = local(entry, self.webrtc_address);
        let (text, restart, local) = step(&mut entry.leg, local, &policy)?;
        match restart {
            Restart::None => {}
            Restart::Ice => {
                if let Some(credentials) = &local.credentials {
                    self.routes.add_ufrag(credentials.ufrag.clone(), leg);
                }
                entry.credentials = local.credentials;
            }
        }
        Ok(text)
    }

    /// The leg's own, or everybody's.
    fn policy(&self, leg: LegId) -> Arc<CodecPolicy> {
        self.policies.get(&leg).unwrap_or(&self.policy).clone()
    }

    fn bridge(&mut self, customer: LegId, agent: LegId, now: Instant) {
        if customer.worker != agent.worker || customer == agent {
            self.fail(agent, Failure::DifferentWorkers);
            return;
        }
        for leg in [customer, agent] {
            if !self.legs.contains_key(&leg) {
                self.fail(leg, Failure::UnknownLeg);
                return;
            }
        }
        for leg in [customer, agent] {
            self.part(leg);
        }
        if let [Some(one), Some(other)] = self.legs.get_disjoint_mut([&customer, &agent]) {
            one.leg.set_bridge(Some(agent));
            other.leg.set_bridge(Some(customer));
        }
        for leg in [customer, agent] {
            self.with(leg, |leg| leg.watch(now));
            self.arm(leg);
        }
        self.count();
    }

    fn unbridge(&mut self, leg: LegId) {
        if !self.legs.contains_key(&leg) {
            self.fail(leg, Failure::UnknownLeg);
            return;
        }
        self.part(leg);
        self.count();
    }

    /// Ends the bridge that a leg may be in, on both sides.
    fn part(&mut self, leg: LegId) {
        let other = self.legs.get(&leg).and_then(|entry| entry.leg.bridged);
        let Some(other) = other else {
            return;
        };
        for leg in [leg, other] {
            if let Some(entry) = self.legs.get_mut(&leg) {
                entry.leg.set_bridge(None);
            }
        }
    }

    fn press(&mut self, leg: LegId, tones: Tones, now: Instant) {
        let pressed = match self.legs.get_mut(&leg) {
            Some(entry) => entry.leg.press(&tones),
            None => Err(Failure::UnknownLeg),
        };
        match pressed {
            Ok(()) => {
                self.send_events(leg, now);
                self.arm(leg);
            }
            Err(Failure::NoTelephoneEvent) => self.emit(Event::Undialled { leg, tones }),
            Err(failure) => self.fail(leg, failure),
        }
    }

    /// The first frame goes out with this wake-up.
    fn play(&mut self, leg: LegId, prompt: Prompt, repeat: Repeat, now: Instant) {
        let Some(entry) = self.legs.get_mut(&leg) else {
            self.fail(leg, Failure::UnknownLeg);
            return;
        };
        entry.leg.play(prompt, repeat, now);
        self.send_prompt(leg, now);
        self.arm(leg);
    }

    fn close(&mut self, leg: LegId, now: Instant) {
        if !self.legs.contains_key(&leg) {
            self.policies.remove(&leg);
            self.emit(Event::Closed { leg });
            return;
        }
        self.flush();
        self.send_report(leg, Farewell::Leaves, now);
        self.say_goodbye(leg);
        self.forget(leg, now);
    }

    /// DTLS's close_notify. What else the agent has to tell is of no interest any more.
    fn say_goodbye(&mut self, leg: LegId) {
        let Some(entry) = self.legs.get_mut(&leg) else {
            return;
        };
        let Path::WebRtc(path) = &mut entry.leg.path else {
            return;
        };
        let mut outputs = Vec::new();
        let _ = catch_unwind(AssertUnwindSafe(|| {
            path.peer.close();
            path.peer.drain(&mut outputs);
        }));
        for output in outputs {
            if let PeerOutput::Transmit { via, to, datagram } = output {
                self.transmit(via, to, &datagram);
            }
        }
    }

    fn fail(&self, leg: LegId, failure: Failure) {
        self.emit(Event::Failed { leg, failure });
    }

    /// A leg towards a SIP peer, not described yet.
    fn make(&mut self, leg: LegId, kind: PeerKind, now: Instant) -> Result<(), SdpError> {
        let entry = match kind {
            PeerKind::WebRtc => {
                let credentials = self.draw_credentials();
                let peer = Peer::provider(self.webrtc_address, credentials.clone(), now);
                self.webrtc_entry(LegKind::Provider, peer, credentials, now)
            }
            PeerKind::Plain => self.plain_entry(leg, now)?,
            PeerKind::Sdes => {
                let mut entry = self.plain_entry(leg, now)?;
                entry.leg.expect_sdes();
                entry
            }
        };
        self.insert(leg, entry);
        Ok(())
    }

    /// Undoes [`Worker::make`] without an event: the leg never was one.
    fn discard(&mut self, leg: LegId, now: Instant) {
        self.legs.remove(&leg);
        self.policies.remove(&leg);
        self.routes.remove(leg);
        self.plain.retain(|_, (owner, _)| *owner != leg);
        if let Some(lease) = self.leases.remove(&leg) {
            self.ports.quarantine(lease, None, now);
        }
        self.count();
    }

    fn webrtc_entry(
        &mut self,
        kind: LegKind,
        peer: Peer,
        credentials: Credentials,
        now: Instant,
    ) -> Box<Entry> {
        let path = Path::WebRtc(WebRtc {
            kind,
            peer,
            socket: WEBRTC_KEY,
            destination: None,
            setup: Setup::NotBegun,
        });
        Box::new(Entry {
            leg: Leg::new(path, self.draw(), now),
            armed: Armed::default(),
            credentials: Some(credentials),
            restarting: None,
        })
    }

    fn plain_entry(&mut self, leg: LegId, now: Instant) -> Result<Box<Entry>, SdpError> {
        let exhausted = |error: std::io::Error| SdpError::Exhausted(error.to_string());
        let lease = self.ports.lease(now).map_err(exhausted)?;
        let (rtp, rtcp) = (self.next_key(), self.next_key());
        let watched = self
            .poll
            .add_socket(&lease.rtp, rtp)
            .and_then(|()| self.poll.add_socket(&lease.rtcp, rtcp));
        if let Err(error) = watched {
            self.ports.quarantine(lease, None, now);
            return Err(exhausted(error));
        }
        let path = Path::Plain(Plain {
            rtp,
            rtcp,
            port: lease.port(),
            source: SourceLock::Open,
            former: lease.former(),
            remote: None,
            remote_rtcp: None,
        });
        self.plain.insert(rtp, (leg, PlainSocket::Rtp));
        self.plain.insert(rtcp, (leg, PlainSocket::Rtcp));
        self.leases.insert(leg, lease);
        Ok(Box::new(Entry {
            leg: Leg::new(path, self.draw(), now),
            armed: Armed::default(),
            credentials: None,
            restarting: None,
        }))
    }

    fn insert(&mut self, leg: LegId, entry: Box<Entry>) {
        if let Some(credentials) = &entry.credentials {
            self.routes.add_ufrag(credentials.ufrag.clone(), leg);
        }
        self.legs.insert(leg, entry);
        self.count();
    }

    /// Never one that is in use: 2^32 keys outlive 2^31 calls of one worker.
    pub(super) fn next_key(&mut self) -> SocketKey {
        let key = SocketKey(self.next_key);
        self.next_key = self.next_key.wrapping_add(1).max(super::FIRST_KEY);
        key
    }

    fn draw(&mut self) -> Drawn {
        let (one, other) = (self.random.number(), self.random.number());
        Drawn {
            ssrc: one as u32,
            timestamp: (one >> 32) as u32,
            sequence: other as u16,
            report_phase: (other >> 16) as u8,
            session: self.random.number(),
            masters: [(); 2].map(|()| MasterKey(self.random.octets())),
        }
    }

    /// 40 and 130 bits, where 24 and 128 are asked (RFC 8445 §5.3); the worker's number leads.
    fn draw_credentials(&mut self) -> Credentials {
        Credentials {
            ufrag: format!("{}{}", self.id.number(), self.random.word(8)),
            password: self.random.word(26),
        }
    }
}

/// What a leg's descriptions say of where it is.
fn local(entry: &Entry, webrtc: SocketAddr) -> Local {
    let port = match &entry.leg.path {
        Path::WebRtc(_) => webrtc.port(),
        Path::Plain(path) => path.port,
    };
    Local {
        address: SocketAddr::new(webrtc.ip(), port),
        credentials: entry.credentials.clone(),
    }
}

fn unknown_leg() -> SdpError {
    SdpError::Misuse("there is no such leg".into())
}
