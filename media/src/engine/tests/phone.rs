//! A SIP phone's media: one UDP socket, G.711, no protection.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::PATIENCE;
use crate::codec::AudioCodec;
use crate::codec::g711::{encode_alaw, transcode};
use crate::rtp::{Header, PayloadType, Ssrc};
use crate::sdp::Description;

pub struct Phone {
    socket: UdpSocket,
    remote: Option<SocketAddr>,
    payload_type: u8,
    sequence: u16,
}

/// 20 ms of a tone in A-law; 1,000 Hz and 440 Hz differ in every frame.
pub fn tone(frequency: u32) -> Vec<u8> {
    (0..160)
        .map(|n| {
            let phase = f64::from(n) * f64::from(frequency) / 8_000.0;
            encode_alaw((8_000.0 * (phase * std::f64::consts::TAU).sin()) as i16)
        })
        .collect()
}

/// The address of an answer's first candidate.
pub fn candidate(answer: &str) -> Option<SocketAddr> {
    let line = answer.lines().find(|l| l.starts_with("a=candidate:"))?;
    let words: Vec<&str> = line.split(' ').collect();
    Some(SocketAddr::new(
        words.get(4)?.parse().ok()?,
        words.get(5)?.parse().ok()?,
    ))
}

impl Phone {
    pub fn new() -> Self {
        Self::at(Ipv4Addr::LOCALHOST.into())
    }

    pub fn at(ip: IpAddr) -> Self {
        let socket = UdpSocket::bind((ip, 0)).expect("a loopback socket");
        socket
            .set_read_timeout(Some(Duration::from_millis(5)))
            .expect("a timeout");
        Self {
            socket,
            remote: None,
            payload_type: 8,
            sequence: 0xfff0,
        }
    }

    pub fn offer(&self, payload_type: u8) -> String {
        let local = self.socket.local_addr().expect("bound");
        let (ip, port) = (local.ip(), local.port());
        let family = if ip.is_ipv4() { 4 } else { 6 };
        format!(
            "v=0\r\no=- 1 1 IN IP{family} {ip}\r\ns=-\r\nc=IN IP{family} {ip}\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP {payload_type} 101\r\n\
             a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
        )
    }

    /// Takes the engine's description, be it offer or answer.
    pub fn accept(&mut self, sdp: &str) {
        let description: Description = sdp.parse().expect("legal");
        let audio = description.audio().expect("audio");
        self.remote = Some(audio.address);
        self.payload_type = audio.formats[0].payload_type.value();
    }

    pub fn remote(&self) -> Option<SocketAddr> {
        self.remote
    }

    pub fn send_raw(&self, datagram: &[u8], to: SocketAddr) {
        self.socket.send_to(datagram, to).expect("sent");
    }

    /// Sends one frame of `payload`, coded as the phone's codec.
    pub fn speak(&mut self, payload: &[u8]) {
        let header = Header {
            marker: false,
            payload_type: PayloadType::new(self.payload_type).expect("seven bits"),
            sequence: self.sequence,
            timestamp: u32::from(self.sequence) * 160,
            ssrc: Ssrc(u32::from(self.socket.local_addr().expect("bound").port())),
            length: Header::FIXED,
        };
        self.sequence = self.sequence.wrapping_add(1);
        let mut packet = [0; 172];
        header.write(packet.first_chunk_mut().expect("172 octets"));
        packet[12..].copy_from_slice(payload);
        self.send_raw(&packet, self.remote.expect("described"));
    }

    /// The next datagram, if one comes soon.
    pub fn receive(&mut self) -> Option<Vec<u8>> {
        let mut datagram = vec![0; 2_048];
        let length = self.socket.recv(&mut datagram).ok()?;
        datagram.truncate(length);
        Some(datagram)
    }

    /// The next frame, if one comes soon.
    pub fn hear(&mut self) -> Option<Vec<u8>> {
        let packet = self.receive()?;
        let header = Header::parse(&packet).ok()?;
        (header.payload_type.value() == self.payload_type).then(|| packet[header.length..].to_vec())
    }

    pub fn speak_until_heard(
        &mut self,
        payload: &[u8],
        listener: &mut Self,
        wanted: impl Fn(Vec<u8>) -> bool,
    ) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "not heard");
            self.speak(payload);
            if listener.hear().is_some_and(&wanted) {
                return;
            }
        }
    }

    /// Both ways with a phone of the other law.
    pub fn converse_transcoded(&mut self, other: &mut Self) {
        let alaw = tone(1_000);
        let mut ulaw = alaw.clone();
        transcode(&mut ulaw, AudioCodec::Pcma, AudioCodec::Pcmu);
        let mut back = ulaw.clone();
        transcode(&mut back, AudioCodec::Pcmu, AudioCodec::Pcma);
        self.speak_until_heard(&alaw, other, |heard| heard == ulaw);
        other.speak_until_heard(&ulaw, self, |heard| heard == back);
    }
}
