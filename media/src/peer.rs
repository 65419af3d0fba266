//! The ICE and DTLS of one leg: with the DTLS providers, the only file that names str0m.
//!
//! Drive contract: *feed one input, then [`Peer::drain`], only then feed again*, and feed
//! [`Peer::handle_timeout`] no later than [`Peer::deadline`]. No media passes through here.

use std::net::SocketAddr;
use std::time::Instant;

use str0m::change::SdpOffer;
use str0m::config::Fingerprint as StackFingerprint;
use str0m::format::{Codec, FormatParams};
use str0m::media::Frequency;
use str0m::net::{Protocol, Receive, TcpType};
use str0m::rtp::ExtensionMap;
use str0m::{Candidate, Event, IceConnectionState, IceCreds, Input, Output, Rtc, RtcConfig};

use crate::codec::AudioCodec;
use crate::dtls::{self, Backend, KeySlot};
use crate::engine::IceTcp;
use crate::sdp::browser::fit_answer;
use crate::sdp::{Dtls, Fingerprint, Ice, IceImplementation, SdpError};
use crate::srtp::keys::{DtlsRole, KeyingMaterial};
use crate::stun::{Nomination, Stun};

/// ICE and DTLS towards one peer.
pub struct Peer {
    /// Ten kilobytes that no packet needs: apart, so that what packets do need lies together.
    rtc: Box<Rtc>,
    keys: KeySlot,
    local: SocketAddr,
    deadline: Instant,
    /// Where a nominating check of the peer came from that wasn't answered yet.
    asked: Option<(Via, SocketAddr)>,
    /// Where our own nominating check went.
    nominating: Option<(Via, SocketAddr)>,
    /// From where it was answered, to be told with the next outputs.
    reached: Option<(Via, SocketAddr)>,
}

/// What carries a packet: an address and port of the one is another than of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    Udp,
    /// A connection that the peer opened (RFC 6544).
    Tcp,
}

impl From<Via> for Protocol {
    fn from(via: Via) -> Self {
        match via {
            Via::Udp => Self::Udp,
            Via::Tcp => Self::Tcp,
        }
    }
}

/// Our ICE user fragment and password.
#[derive(Clone)]
pub struct Credentials {
    pub ufrag: String,
    pub password: String,
}

/// Who decides on the candidate pair (RFC 8445 §6.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IceRole {
    Controlling,
    Controlled,
}

/// What a peer wants done.
#[derive(Debug)]
pub enum PeerOutput {
    Transmit {
        via: Via,
        to: SocketAddr,
        datagram: Vec<u8>,
    },
    /// The agent answers this address: whatever comes from there is for this leg.
    Confirmed(Via, SocketAddr),
    /// The agent tries this address.
    Trying(Via, SocketAddr),
    /// Media goes here, until something authentic comes from elsewhere.
    Nominated(Via, SocketAddr),
    Keys(KeyingMaterial),
    IceConnected,
    IceDisconnected,
    /// The peer said close_notify.
    Closed,
    Failed(String),
}

impl Peer {
    /// The agent's side: ICE-lite, DTLS server, the browser's SDP by [`Peer::accept_offer`].
    /// With `tcp` the port takes connections, too.
    pub fn agent(
        local: SocketAddr,
        tcp: IceTcp,
        credentials: Credentials,
        codecs: &[AudioCodec],
        now: Instant,
    ) -> Self {
        let (rtc, keys) = dtls::with_key_slot(Backend::Browser, |identity| {
            let mut config = RtcConfig::new()
                .clear_codecs()
                .set_rtp_mode(true)
                .set_ice_lite(true)
                // Headers of 12 octets, and no transport-wide feedback 20 times a second.
                .set_extension_map(ExtensionMap::empty())
                .set_local_ice_credentials(credentials.into())
                .set_crypto_provider(identity.crypto.clone())
                .set_dtls_cert(identity.certificate.clone());
            for codec in codecs {
                // The order of enabling is the answer's order.
                config = match codec {
                    AudioCodec::Pcma => config.enable_pcma(true, false),
                    AudioCodec::Pcmu => config.enable_pcmu(true, false),
                    AudioCodec::G722 => config.enable_g722(true, false),
                    AudioCodec::Opus => config.enable_opus(true, false),
                };
            }
            // Opus has digits at a clock rate of its own (RFC 7587 §4.1).
            let opus = codecs.contains(&AudioCodec::Opus);
            let clocks = [
                (126, Frequency::EIGHT_KHZ, true),
                (110, Frequency::FORTY_EIGHT_KHZ, opus),
            ];
            for (number, clock, _) in clocks.into_iter().filter(|(_, _, needed)| *needed) {
                config.codec_config().add_config(
                    number.into(),
                    None,
                    Codec::Tele,
                    clock,
                    None,
                    FormatParams {
                        telephone_event_max: Some(16),
                        ..Default::default()
                    },
                );
            }
            config.build(now)
        });
        let mut peer = Self::new(rtc, keys, local, now);
        match tcp {
            IceTcp::Passive => peer.listen_too(),
            IceTcp::Off => {}
        }
        peer
    }

    /// Adds the passive candidate. Its priority is below UDP's, so it is the way of those who have
    /// no other.
    fn listen_too(&mut self) {
        let candidate = Candidate::builder()
            .tcp()
            .host(self.local)
            .tcptype(TcpType::Passive)
            .build();
        if let Ok(candidate) = candidate {
            self.rtc.add_local_candidate(candidate);
        }
    }

    /// A SIP peer's side: full ICE, OpenSSL, SDP of our own.
    pub fn provider(local: SocketAddr, credentials: Credentials, now: Instant) -> Self {
        let (rtc, keys) = dtls::with_key_slot(Backend::Provider, |identity| {
            RtcConfig::new()
                .clear_codecs()
                .set_rtp_mode(true)
                .set_local_ice_credentials(credentials.into())
                .set_crypto_provider(identity.crypto.clone())
                .set_dtls_cert(identity.certificate.clone())
                .build(now)
        });
        Self::new(rtc, keys, local, now)
    }

    fn new(mut rtc: Rtc, keys: KeySlot, local: SocketAddr, now: Instant) -> Self {
        if let Ok(candidate) = Candidate::host(local, "udp") {
            rtc.add_local_candidate(candidate);
        }
        Self {
            rtc: Box::new(rtc),
            keys,
            local,
            deadline: now,
            asked: None,
            nominating: None,
            reached: None,
        }
    }

    /// Answers a browser's offer, the first one or a later one.
    ///
    /// # Errors
    ///
    /// [`SdpError`]; an earlier negotiation stays in force.
    pub fn accept_offer(&mut self, offer: &str) -> Result<String, SdpError> {
        let parsed = SdpOffer::from_sdp_string(offer)
            .map_err(|error| SdpError::Malformed(error.to_string()))?;
        let answer = self
            .rtc
            .sdp_api()
            .accept_offer(parsed)
            .map_err(|error| SdpError::Unsupported(error.to_string()))?;
        Ok(fit_answer(offer, &answer.to_sdp_string()))
    }

    /// The user fragment in force; an ICE restart by the browser changes it.
    pub fn local_ufrag(&mut self) -> String {
        self.rtc.direct_api().local_ice_credentials().ufrag
    }

    /// Our certificate's hash.
    pub fn fingerprint(&mut self) -> Fingerprint {
        let direct = self.rtc.direct_api();
        let fingerprint = direct.local_dtls_fingerprint();
        Fingerprint {
            hash: fingerprint.hash_func.clone(),
            digest: fingerprint.bytes.clone(),
        }
    }

    /// Begins the checks towards a SIP peer.
    pub fn start_ice(&mut self, remote: &Ice, role: IceRole) {
        // A lite peer never controls (RFC 8445 §6.1.1).
        let controlling =
            role == IceRole::Controlling || remote.implementation == IceImplementation::Lite;
        let mut direct = self.rtc.direct_api();
        direct.set_ice_controlling(controlling);
        direct.set_remote_ice_credentials(IceCreds {
            ufrag: remote.ufrag.clone(),
            pass: remote.password.clone(),
        });
        for candidate in &remote.candidates {
            // Names, TCP and relays that the stack can't use are left to peer-reflexive discovery.
            if let Ok(candidate) = Candidate::from_sdp_string(candidate) {
                self.rtc.add_remote_candidate(candidate);
            }
        }
    }

    /// Begins the handshake, as soon as its role is known: a ClientHello that came early is kept.
    ///
    /// # Errors
    ///
    /// [`SdpError::Misuse`] when the stack refuses.
    pub fn start_dtls(&mut self, remote: &Dtls, role: DtlsRole) -> Result<(), SdpError> {
        let mut direct = self.rtc.direct_api();
        direct.set_remote_fingerprint(StackFingerprint {
            hash_func: remote.fingerprint.hash.clone(),
            bytes: remote.fingerprint.digest.clone(),
        });
        direct
            .start_dtls(role == DtlsRole::Client)
            .map_err(|error| SdpError::Misuse(error.to_string()))
    }

    /// Takes a STUN or DTLS datagram.
    pub fn handle_datagram(&mut self, now: Instant, via: Via, from: SocketAddr, datagram: &[u8]) {
        match Stun::of(datagram) {
            Stun::Request(Nomination::UseCandidate) => self.asked = Some((via, from)),
            Stun::Success if self.nominating == Some((via, from)) => {
                self.reached = Some((via, from));
            }
            Stun::Request(Nomination::Check) | Stun::Success | Stun::Other => {}
        }
        if let Ok(receive) = Receive::new(via.into(), from, self.local, datagram) {
            // What the stack refuses of a single datagram it has also forgotten.
            let _ = self.rtc.handle_input(Input::Receive(now, receive));
        }
    }

    /// Advances the timers.
    pub fn handle_timeout(&mut self, now: Instant) {
        let _ = self.rtc.handle_input(Input::Timeout(now));
    }

    /// When to call [`Peer::handle_timeout`] at the latest.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Says close_notify. Drain once more, then drop.
    pub fn close(&mut self) {
        let _ = self.rtc.close();
    }

    /// Takes everything that is to be done out of the stack.
    pub fn drain(&mut self, out: &mut Vec<PeerOutput>) {
        let reached = self.reached.take();
        out.extend(reached.map(|(via, from)| PeerOutput::Nominated(via, from)));
        let mut ended = false;
        // A bound, should the stack ever go round in circles: a leg produces a handful.
        for _ in 0..MAX_OUTPUTS {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) => {
                    self.deadline = at;
                    break;
                }
                Ok(Output::Transmit(transmit)) => {
                    let via = match transmit.proto {
                        Protocol::Udp => Via::Udp,
                        Protocol::Tcp | Protocol::SslTcp | Protocol::Tls => Via::Tcp,
                    };
                    self.transmit(via, transmit.destination, transmit.contents.into(), out);
                }
                Ok(Output::Event(event)) => {
                    ended |= matches!(event, Event::Closed);
                    out.extend(Self::noteworthy(&event));
                }
                Err(error) => {
                    out.push(PeerOutput::Failed(error.to_string()));
                    self.rtc.disconnect();
                    break;
                }
            }
        }
        out.extend(self.keys.take().map(PeerOutput::Keys));
        if ended {
            // Without keys the stack never finishes closing; what it had to say was just taken.
            self.rtc.disconnect();
        }
    }

    fn transmit(&mut self, via: Via, to: SocketAddr, datagram: Vec<u8>, out: &mut Vec<PeerOutput>) {
        match (Stun::of(&datagram), datagram.first()) {
            (Stun::Success, _) => {
                out.push(PeerOutput::Confirmed(via, to));
                if self.asked == Some((via, to)) {
                    self.asked = None;
                    out.push(PeerOutput::Nominated(via, to));
                }
            }
            (Stun::Request(nomination), _) => {
                if nomination == Nomination::UseCandidate {
                    self.nominating = Some((via, to));
                }
                out.push(PeerOutput::Trying(via, to));
            }
            // DTLS goes over the nominated pair.
            (Stun::Other, Some(20..=63)) => out.push(PeerOutput::Nominated(via, to)),
            (Stun::Other, _) => {}
        }
        out.push(PeerOutput::Transmit { via, to, datagram });
    }

    fn noteworthy(event: &Event) -> Option<PeerOutput> {
        match event {
            Event::IceConnectionStateChange(
                IceConnectionState::Connected | IceConnectionState::Completed,
            ) => Some(PeerOutput::IceConnected),
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                Some(PeerOutput::IceDisconnected)
            }
            Event::Closed => Some(PeerOutput::Closed),
            // `Connected` says less than the keys do; media events need the keys.
            _ => None,
        }
    }
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peer")
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("ufrag", &self.ufrag)
            .finish_non_exhaustive()
    }
}

impl From<Credentials> for IceCreds {
    fn from(credentials: Credentials) -> Self {
        Self {
            ufrag: credentials.ufrag,
            pass: credentials.password,
        }
    }
}

/// The host candidate of `local`, as `a=` wants it.
pub fn host_candidate(local: SocketAddr) -> String {
    // Type preference 126, local preference 65535, component 1 (RFC 8445 §5.1.2.1).
    const PRIORITY: u32 = (126 << 24) + (65_535 << 8) + 255;
    format!(
        "candidate:1 1 udp {PRIORITY} {} {} typ host",
        local.ip(),
        local.port()
    )
}

/// A ClientHello of two datagrams, a nomination and their events are below 20.
const MAX_OUTPUTS: usize = 256;
