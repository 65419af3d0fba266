//! A browser: a second ICE and DTLS stack with its own SRTP.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::Receive;
use str0m::rtp::RtpWrite;
use str0m::{Event, Input, Output, Rtc, RtcConfig};

use super::PATIENCE;
use super::link::Link;
use super::phone::{Phone, tone};

pub struct Browser {
    rtc: Rtc,
    link: Link,
    mid: Option<Mid>,
    connected: bool,
    heard: Vec<Vec<u8>>,
    sequence: u64,
}

impl Browser {
    pub fn new() -> Self {
        Self::at(Ipv4Addr::LOCALHOST.into())
    }

    pub fn at(ip: IpAddr) -> Self {
        Self::over(Link::udp(ip))
    }

    /// Whose network lets nothing through but a connection to `port`.
    pub fn over_tcp(port: SocketAddr) -> Self {
        Self::over(Link::tcp(port))
    }

    fn over(link: Link) -> Self {
        let mut rtc = RtcConfig::new()
            .clear_codecs()
            .set_rtp_mode(true)
            .enable_pcma(true, false)
            .build(Instant::now());
        rtc.add_local_candidate(link.candidate());
        Self {
            rtc,
            link,
            mid: None,
            connected: false,
            heard: Vec::new(),
            sequence: 1,
        }
    }

    pub fn negotiate(&mut self, answer: impl FnOnce(String) -> String) {
        let mut api = self.rtc.sdp_api();
        let mid = api.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
        let (offer, pending) = api.apply().expect("an offer");
        self.mid = Some(mid);
        self.accept(answer(offer.to_sdp_string()), pending);
    }

    pub fn restart_ice(&mut self, answer: impl FnOnce(String) -> String) {
        let mut api = self.rtc.sdp_api();
        api.ice_restart(true);
        let (offer, pending) = api.apply().expect("an offer");
        self.accept(answer(offer.to_sdp_string()), pending);
    }

    /// As Chrome does on an ICE restart: another source port.
    pub fn move_to_another_port(&mut self) {
        self.move_to(Link::udp(self.link.local().ip()));
    }

    /// To a network where a connection to `port` is all that works.
    pub fn move_to_tcp(&mut self, port: SocketAddr) {
        self.move_to(Link::tcp(port));
    }

    fn move_to(&mut self, link: Link) {
        let old = std::mem::replace(&mut self.link, link).candidate();
        self.rtc.direct_api().invalidate_candidate(&old);
        self.rtc.add_local_candidate(self.link.candidate());
    }

    fn accept(&mut self, answer: String, pending: SdpPendingOffer) {
        let answer = SdpAnswer::from_sdp_string(&answer).expect("legal");
        self.rtc
            .sdp_api()
            .accept_answer(pending, answer)
            .expect("accepted");
    }

    pub fn connect(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.connected {
            assert!(Instant::now() < deadline, "not connected");
            self.step();
        }
    }

    /// Both ways with a phone, bit by bit.
    pub fn converse(&mut self, phone: &mut Phone) {
        let (ours, theirs) = (tone(1_000), tone(440));
        let deadline = Instant::now() + PATIENCE;
        let mut phone_heard = false;
        self.heard.clear();
        while !(phone_heard && self.heard.contains(&theirs)) {
            assert!(Instant::now() < deadline, "not heard: phone {phone_heard}");
            self.speak(&ours);
            phone.speak(&theirs);
            self.step();
            phone_heard |= phone.hear().is_some_and(|heard| heard == ours);
        }
    }

    /// Listens until this comes.
    pub fn expect_frame(&mut self, wanted: &[u8]) {
        let deadline = Instant::now() + PATIENCE;
        while !self.heard.iter().any(|heard| heard == wanted) {
            assert!(Instant::now() < deadline, "not heard");
            self.step();
        }
    }

    /// Speaks on its own until `told`.
    pub fn speak_until(&mut self, payload: &[u8], told: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !told() {
            assert!(Instant::now() < deadline, "not told");
            self.speak(payload);
            self.step();
        }
    }

    fn speak(&mut self, payload: &[u8]) {
        let mid = self.mid.expect("negotiated");
        let payload_type = self
            .rtc
            .media(mid)
            .and_then(|media| media.remote_pts().first().copied())
            .expect("negotiated");
        let mut direct = self.rtc.direct_api();
        let stream = direct.stream_tx_by_mid(mid, None).expect("a stream");
        let timestamp = (self.sequence * 160) as u32;
        stream.write_rtp(RtpWrite::new(
            payload_type,
            self.sequence.into(),
            timestamp,
            Instant::now(),
            payload,
        ));
        self.sequence += 1;
    }

    /// Sends what is due and takes one datagram.
    fn step(&mut self) {
        let _ = self.rtc.handle_input(Input::Timeout(Instant::now()));
        self.drain();
        let Some((packet, from)) = self.link.receive() else {
            return;
        };
        let receive = Receive::new(self.link.protocol(), from, self.link.local(), &packet);
        let input = Input::Receive(Instant::now(), receive.expect("a datagram of ours"));
        self.rtc.handle_input(input).expect("taken");
        self.drain();
    }

    fn drain(&mut self) {
        let local = self.link.local();
        loop {
            match self.rtc.poll_output().expect("no error") {
                Output::Timeout(_) => return,
                Output::Transmit(transmit)
                    if transmit.source == local && transmit.proto == self.link.protocol() =>
                {
                    self.link.send(&transmit.contents, transmit.destination);
                }
                // From the port that is gone.
                Output::Transmit(_) => {}
                Output::Event(Event::Connected) => self.connected = true,
                Output::Event(Event::RtpPacket(packet)) => {
                    self.heard.push(packet.payload.to_vec());
                }
                Output::Event(_) => {}
            }
        }
    }
}
