//! A leg's offers and answers.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::path::{Path, Plain, Setup as PathSetup, SourceLock, WebRtc};
use super::sdes::Role;
use super::{Leg, LegKind, Life};
use crate::codec::{AudioCodec, ComfortNoise};
use crate::peer::{Credentials, IceRole, Peer, host_candidate};
use crate::rtp::Ssrc;
use crate::sdp::negotiate::{
    Agreed, agree_to_answer, agree_to_offer, answer_media, offered_formats, role_for_answer,
    role_for_offer, setup,
};
use crate::sdp::{
    Audio, Description, Direction, Dtls, Ice, IceImplementation, Media, Protocol, Rtcp, SdpError,
    Security, Setup, is_unusable,
};
use crate::srtp::keys::DtlsRole;

/// What was described so far.
#[derive(Debug)]
pub struct Session {
    /// The origin's number, and how many descriptions of ours there were (RFC 8866 §5.2).
    id: u64,
    version: u64,
    exchange: Exchange,
    /// How we want the audio to flow; the peer may want less.
    direction: Direction,
    comfort: ComfortNoise,
    /// What the peer was told last.
    described: Option<Description>,
    established: Option<Established>,
}

/// Whose offer was the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exchange {
    Theirs,
    /// With the direction that it asks for. It may be answered more than once: a 200 needn't
    /// repeat a 183's answer, and each branch of a forked INVITE has one of its own.
    Ours(Direction),
}

/// What a re-offer must not change by itself.
#[derive(Debug)]
struct Established {
    role: DtlsRole,
    remote_ufrag: String,
    remote: Dtls,
}

/// What a leg describes of itself.
#[derive(Debug, Clone)]
pub struct Local {
    /// The public address of the leg's socket.
    pub address: SocketAddr,
    /// ICE's; plain legs have none.
    pub credentials: Option<Credentials>,
}

/// What an accepted description asks of the leg's owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restart {
    /// Nothing.
    None,
    /// The ICE agent was replaced: its user fragment is new.
    Ice,
}

impl Session {
    pub fn new(id: u64) -> Self {
        Self {
            // Positive as a signed number, for the peers that read it as one.
            id: id >> 1,
            version: 0,
            exchange: Exchange::Theirs,
            direction: Direction::SendRecv,
            comfort: ComfortNoise::default(),
            described: None,
            established: None,
        }
    }

    /// Makes a description of our m-lines. Its version counts changes: one that says the same as
    /// the last is the same (RFC 3264 §8).
    fn describe(&mut self, media: Vec<Media>, local: &Local) -> Description {
        if let Some(described) = &self.described
            && described.media == media
        {
            return described.clone();
        }
        self.version += 1;
        let family = if local.address.is_ipv4() { 4 } else { 6 };
        let description = Description {
            origin: format!(
                "- {} {} IN IP{family} {}",
                self.id,
                self.version,
                local.address.ip()
            ),
            media,
        };
        self.described = Some(description.clone());
        description
    }
}

impl Leg {
    /// Whether anything of it was told to its peer.
    pub fn is_described(&self) -> bool {
        self.session.described.is_some()
    }

    /// What later offers of ours say of comfort noise.
    pub fn set_comfort(&mut self, comfort: ComfortNoise) {
        self.session.comfort = comfort;
    }

    /// Answers a browser's offer.
    ///
    /// # Errors
    ///
    /// [`SdpError`]; what was agreed before stays.
    pub fn answer_browser(
        &mut self,
        offer: &str,
        codecs: &[AudioCodec],
        now: Instant,
    ) -> Result<String, SdpError> {
        check_browser_offer(offer, codecs)?;
        let Path::WebRtc(path) = &mut self.path else {
            return Err(SdpError::Misuse("a plain leg has no browser".into()));
        };
        let text = path.peer.accept_offer(offer)?;
        let answer: Description = text.parse()?;
        let ours = answer.audio().map_err(|_| SdpError::NoCodec)?;
        let mut agreed = agree_to_answer(ours, codecs)?;
        // This description is our own, so the direction is ours as it stands.
        agreed.direction = ours.direction;
        if path.setup == PathSetup::NotBegun {
            path.setup = PathSetup::Until(now + SETUP);
        }
        // The browser plays nothing but the answer's first SSRC, for the leg's whole life.
        if self.session.described.is_none()
            && let Some(ssrc) = ours.ssrc
        {
            self.egress.ssrc = ssrc;
        }
        self.learn(ours);
        self.speak(agreed);
        self.session.described = Some(answer);
        Ok(text)
    }

    /// Answers a SIP peer's offer, the first one or a later one.
    ///
    /// # Errors
    ///
    /// [`SdpError`]; what was agreed before stays.
    pub fn answer(
        &mut self,
        offer: &Description,
        local: &Local,
        codecs: &[AudioCodec],
        now: Instant,
    ) -> Result<(Description, Restart), SdpError> {
        let audio = offer.audio()?;
        let mut agreed = agree_to_offer(audio, codecs)?;
        agreed.direction = agreed.direction.within(self.session.direction);
        let (role, restart) = self.connect(audio, local, Exchange::Theirs, now)?;
        self.session.exchange = Exchange::Theirs;
        self.learn(audio);
        self.agree(agreed, now);
        let ours = Audio {
            formats: agreed.formats(),
            direction: agreed.direction,
            protocol: audio.protocol,
            mid: audio.mid.clone(),
            ..self.describe(local, role.map(setup), audio.rtcp)
        };
        let media = answer_media(&offer.media, ours);
        Ok((self.session.describe(media, local), restart))
    }

    /// Our own offer. The first has everything that is enabled, both ways; a later one describes
    /// the leg as it is, as a re-INVITE without an offer asks for.
    pub fn offer(&mut self, local: &Local, codecs: &[AudioCodec]) -> Description {
        self.offer_direction(self.session.direction, local, codecs)
    }

    /// Our own offer of another direction: hold and its end (RFC 3264 §8.4). It counts once it is
    /// answered.
    ///
    /// # Errors
    ///
    /// [`SdpError::Misuse`] for a browser, which is the only one to offer on its leg, and before
    /// anything was described.
    pub fn re_offer(
        &mut self,
        direction: Direction,
        local: &Local,
        codecs: &[AudioCodec],
    ) -> Result<Description, SdpError> {
        if self.kind == LegKind::Agent || self.session.described.is_none() {
            return Err(SdpError::Misuse("the leg has nothing to re-offer".into()));
        }
        Ok(self.offer_direction(direction, local, codecs))
    }

    fn offer_direction(
        &mut self,
        direction: Direction,
        local: &Local,
        codecs: &[AudioCodec],
    ) -> Description {
        self.session.exchange = Exchange::Ours(direction);
        let (role, rtcp) = match &self.path {
            Path::Plain(Plain { remote_rtcp, .. }) => {
                (None, remote_rtcp.unwrap_or(Rtcp::Separate(local.address)))
            }
            Path::WebRtc(_) => (Some(Setup::ActPass), Rtcp::Mux),
        };
        let mut ours = Audio {
            formats: match &self.egress.agreed {
                None => offered_formats(codecs, self.session.comfort),
                // A number keeps its meaning for the session (RFC 3264 §8.3.2).
                Some(agreed) => agreed.formats_and(codecs),
            },
            direction,
            ..self.describe(local, role, rtcp)
        };
        let media = match &self.session.described {
            None => vec![Media::Audio(ours.clone())],
            Some(described) => {
                if let Ok(before) = described.audio() {
                    ours.protocol = before.protocol;
                    ours.mid.clone_from(&before.mid);
                }
                // As many m-lines as before (RFC 3264 §8).
                answer_media(&described.media, ours.clone())
            }
        };
        // A peer may answer with what we can then decode before its answer arrives.
        self.learn(&ours);
        self.session.describe(media, local)
    }

    /// Takes an answer to our offer: the first one, or another of the same offer.
    ///
    /// # Errors
    ///
    /// [`SdpError`], [`SdpError::Misuse`] when the last offer wasn't ours.
    pub fn accept_answer(
        &mut self,
        answer: &Description,
        local: &Local,
        codecs: &[AudioCodec],
        now: Instant,
    ) -> Result<Restart, SdpError> {
        let exchange = self.session.exchange;
        let Exchange::Ours(direction) = exchange else {
            return Err(SdpError::Misuse("the last offer wasn't ours".into()));
        };
        let audio = answer.audio()?;
        let mut agreed = agree_to_answer(audio, codecs)?;
        agreed.direction = agreed.direction.within(direction);
        let (_, restart) = self.connect(audio, local, exchange, now)?;
        self.session.direction = direction;
        self.agree(agreed, now);
        Ok(restart)
    }

    fn agree(&mut self, agreed: Agreed, now: Instant) {
        if self.liveness.state != Life::Lost {
            // Waiting begins anew: a hold may have been as long as it liked.
            self.liveness.last = now;
            if self.bridged.is_some() {
                self.watch(now);
            }
        }
        self.speak(agreed);
    }

    /// Sends and measures in what was agreed from here on.
    fn speak(&mut self, agreed: Agreed) {
        self.egress.numbering.set_clock(agreed.codec.clock());
        self.ingress.meter.listen(agreed.codec);
        self.egress.meter.listen(agreed.codec);
        self.egress.agreed = Some(agreed);
    }

    /// What the peer may send.
    fn learn(&mut self, audio: &Audio) {
        for format in &audio.formats {
            self.ingress.encodings[usize::from(format.payload_type.value())] =
                Some(format.encoding);
        }
    }

    /// Takes over the peer's transport; returns our DTLS role where there is one.
    fn connect(
        &mut self,
        audio: &Audio,
        local: &Local,
        exchange: Exchange,
        now: Instant,
    ) -> Result<(Option<DtlsRole>, Restart), SdpError> {
        self.check_protection(audio, exchange)?;
        self.reports.extend(audio.extended_reports);
        match (&mut self.path, audio.protocol.security()) {
            (Path::Plain(path), Security::None) => {
                path.point_at(audio);
                Ok((None, Restart::None))
            }
            (Path::WebRtc(path), Security::Dtls) => {
                let dtls = audio.dtls.as_ref().ok_or(SdpError::NoFingerprint)?;
                let ice = audio.ice.as_ref().ok_or(SdpError::NoIce)?;
                self.session
                    .establish(path, dtls, ice, local, exchange, now)
            }
            (Path::Plain(path), Security::Sdes) => {
                path.point_at(audio);
                Ok((None, Restart::None))
            }
            (Path::Plain(_), Security::Dtls) => Err(SdpError::Unsupported(
                "a change from RTP without DTLS to DTLS within a call".into(),
            )),
            (Path::WebRtc(_), Security::None | Security::Sdes) => Err(SdpError::Unsupported(
                "a change from DTLS to RTP without it within a call".into(),
            )),
        }
    }

    /// Takes over SDES's key, and refuses to do without protection that was agreed.
    fn check_protection(&mut self, audio: &Audio, exchange: Exchange) -> Result<(), SdpError> {
        let role = match exchange {
            Exchange::Theirs => Role::Answerer,
            Exchange::Ours(_) => Role::Offerer,
        };
        match (&self.path, audio.protocol.security()) {
            (Path::Plain(_), Security::Sdes) => self.take_crypto(audio, role),
            (Path::Plain(_), Security::None) if !self.is_clear() => Err(SdpError::Unsupported(
                "a change from RTP/SAVP to RTP/AVP within a call".into(),
            )),
            (Path::Plain(_) | Path::WebRtc(_), _) => Ok(()),
        }
    }

    /// Our m-line, to be completed with formats and direction.
    fn describe(&mut self, local: &Local, setup: Option<Setup>, rtcp: Rtcp) -> Audio {
        let mut audio = Audio {
            address: local.address,
            protocol: Protocol::Avp,
            formats: Vec::new(),
            direction: Direction::SendRecv,
            ptime: Some(20),
            rtcp: Rtcp::Mux,
            extended_reports: self.reports.extended(),
            mid: None,
            ssrc: Some(Ssrc(self.egress.ssrc.0)),
            dtls: None,
            ice: None,
            crypto: Vec::new(),
        };
        if let Path::Plain(_) = self.path
            && !self.is_clear()
        {
            audio.protocol = Protocol::Savp;
            audio.crypto = self.sdes.lines();
        }
        match &mut self.path {
            // Two ports, unless the peer proposed one.
            Path::Plain(_) => {
                let next = SocketAddr::new(local.address.ip(), local.address.port() + 1);
                audio.rtcp = match rtcp {
                    Rtcp::Mux => Rtcp::Mux,
                    Rtcp::Separate(_) => Rtcp::Separate(next),
                };
            }
            Path::WebRtc(path) => {
                audio.protocol = Protocol::DtlsSavpf;
                audio.mid = match self.session.exchange {
                    Exchange::Theirs => None,
                    Exchange::Ours(_) => Some("0".into()),
                };
                audio.dtls = setup.map(|setup| Dtls {
                    fingerprint: path.peer.fingerprint(),
                    setup,
                });
                audio.ice = local.credentials.as_ref().map(|credentials| Ice {
                    ufrag: credentials.ufrag.clone(),
                    password: credentials.password.clone(),
                    candidates: vec![host_candidate(local.address)],
                    implementation: IceImplementation::Full,
                });
            }
        }
        audio
    }
}

impl Session {
    /// Starts ICE and DTLS, or finds that they are the same as before.
    fn establish(
        &mut self,
        path: &mut WebRtc,
        dtls: &Dtls,
        ice: &Ice,
        local: &Local,
        exchange: Exchange,
        now: Instant,
    ) -> Result<(Option<DtlsRole>, Restart), SdpError> {
        let ice_role = match exchange {
            Exchange::Theirs => IceRole::Controlled,
            Exchange::Ours(_) => IceRole::Controlling,
        };
        let dtls_role = || match exchange {
            Exchange::Theirs => Ok(role_for_offer(dtls.setup)),
            Exchange::Ours(_) => role_for_answer(dtls.setup),
        };
        let Some(established) = &mut self.established else {
            let role = dtls_role()?;
            path.peer.start_ice(ice, ice_role);
            path.peer.start_dtls(dtls, role)?;
            path.setup = PathSetup::Until(now + SETUP);
            self.established = Some(Established {
                role,
                remote_ufrag: ice.ufrag.clone(),
                remote: dtls.clone(),
            });
            return Ok((Some(role), Restart::None));
        };
        if established.remote_ufrag == ice.ufrag {
            // A re-offer says actpass again; the role stays (RFC 8842 §5.5).
            return Ok((Some(established.role), Restart::None));
        }
        // The stack's direct interface has no ICE restart, so a new agent takes over. The keys
        // aren't its business: only a new certificate means a new handshake (RFC 8842 §5.5),
        // which is what another branch's answer brings, with a role of its own.
        let credentials = local
            .credentials
            .clone()
            .ok_or_else(|| SdpError::Misuse("an ICE leg has credentials".into()))?;
        let mut peer = Peer::provider(local.address, credentials, now);
        peer.start_ice(ice, ice_role);
        if established.remote.fingerprint != dtls.fingerprint {
            let role = dtls_role()?;
            peer.start_dtls(dtls, role)?;
            established.role = role;
        }
        established.remote_ufrag.clone_from(&ice.ufrag);
        established.remote = dtls.clone();
        path.peer = peer;
        Ok((Some(established.role), Restart::Ice))
    }

    /// Whether this description of the peer restarts ICE.
    pub fn restarts_ice(&self, description: &Description) -> bool {
        let offered = description
            .audio()
            .ok()
            .and_then(|audio| audio.ice.as_ref());
        match (&self.established, offered) {
            (Some(established), Some(ice)) => established.remote_ufrag != ice.ufrag,
            (Some(_) | None, _) => false,
        }
    }
}

impl Leg {
    /// Whether this description of the peer restarts ICE, which needs new credentials.
    pub fn restarts_ice(&self, description: &Description) -> bool {
        self.session.restarts_ice(description)
    }
}

impl Plain {
    /// A new address means a new source to learn.
    fn point_at(&mut self, audio: &Audio) {
        let usable = (!is_unusable(audio.address)).then_some(audio.address);
        if usable.is_some() && usable != self.remote {
            self.source = SourceLock::Open;
        }
        self.remote = usable.or(self.remote);
        self.remote_rtcp = Some(audio.rtcp);
    }
}

/// What the browser's offer must have, found before the stack changes its state.
fn check_browser_offer(offer: &str, codecs: &[AudioCodec]) -> Result<(), SdpError> {
    let offer: Description = offer.parse()?;
    let audio = offer.audio()?;
    agree_to_offer(audio, codecs)?;
    audio.dtls.as_ref().ok_or(SdpError::NoFingerprint)?;
    audio.ice.as_ref().ok_or(SdpError::NoIce)?;
    Ok(())
}

/// ICE and DTLS take 60–125 ms; the peer's answer may be on its way for a while.
const SETUP: Duration = Duration::from_secs(10);
