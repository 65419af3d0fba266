//! A SIP media server: ICE-lite, OpenSSL by itself, a certificate of either kind, SRTP.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use aws_lc_rs::hmac;
use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::srtp::SrtpProfileId;
use openssl::ssl::{
    ErrorCode, Ssl, SslContextBuilder, SslMethod, SslOptions, SslStream, SslVerifyMode,
};
use openssl::x509::X509;

use super::phone::{Phone, candidate, tone};
use super::*;
use crate::rtp::{Header, PayloadType, Ssrc};
use crate::srtp::cipher::EXPANSION;
use crate::srtp::keys::{DtlsRole, KeyingMaterial, Profile};

#[test]
fn audio_passes_with_either_certificate_in_either_role_and_profile() {
    use Certificate::{Ec, Rsa};
    use DtlsRole::{Client, Server};
    let profiles = [
        ("SRTP_AES128_CM_SHA1_80", Profile::AesCm128HmacSha1_80),
        ("SRTP_AEAD_AES_256_GCM", Profile::AeadAes256Gcm),
    ];
    let mut first_port = 22_600;
    for (certificate, role) in [(Rsa, Client), (Rsa, Server), (Ec, Client), (Ec, Server)] {
        for profile in profiles {
            let engine = Rig::new(first_port..=first_port + 9);
            first_port += 10;
            let (customer, agent) = engine.two_legs();
            let mut callee = Phone::new();
            // Made for something else than what is offered.
            let _ = engine.engine.prepare(agent, PeerKind::WebRtc);
            callee.accept(&engine.answer(agent, &callee.offer(8)));
            let mut pbx = Pbx::new(certificate, profile.0);
            if role == Client {
                let _ = engine.engine.prepare(customer, PeerKind::WebRtc);
            }
            let answer = engine.answer(customer, &pbx.offer(role));
            let agreed = pbx.shake_hands(role, candidate(&answer).expect("a candidate"));
            assert_eq!(agreed, profile.1, "{certificate:?}, {role:?}");
            engine.expect(|event| *event == Event::Connected { leg: customer });
            engine.bridge(customer, agent);
            pbx.converse(&mut callee);
        }
    }
}

#[test]
fn a_certificate_that_was_not_described_is_refused() {
    let engine = Rig::new(22_700..=22_709);
    let (customer, _) = engine.two_legs();
    let mut pbx = Pbx::new(Certificate::Rsa, "SRTP_AES128_CM_SHA1_80");
    pbx.fingerprint = "AB".to_owned() + &":AB".repeat(31);
    engine.answer(customer, &pbx.offer(DtlsRole::Server));
    let deadline = Instant::now() + PATIENCE;
    let lost = |event: &Event| match event {
        Event::Lost { leg, cause } => *leg == customer && matches!(cause, LegLost::DtlsFailed(_)),
        _ => false,
    };
    while !engine.events.try_iter().any(|event| lost(&event)) {
        assert!(Instant::now() < deadline, "not refused");
        let _ = pbx.stream.accept();
    }
}

#[derive(Debug, Clone, Copy)]
enum Certificate {
    Rsa,
    Ec,
}

struct Pbx {
    stream: SslStream<Wire>,
    fingerprint: String,
    media: Option<(crate::srtp::Sender, crate::srtp::Receiver)>,
    sequence: u16,
}

/// The socket under OpenSSL; checks are answered and media is put aside on the way.
struct Wire {
    socket: UdpSocket,
    remote: Option<SocketAddr>,
    media: VecDeque<Vec<u8>>,
}

impl Pbx {
    fn new(certificate: Certificate, profile: &str) -> Self {
        let key = match certificate {
            Certificate::Rsa => PKey::from_rsa(Rsa::generate(2_048).expect("a key")),
            Certificate::Ec => {
                let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("a curve");
                PKey::from_ec_key(EcKey::generate(&group).expect("a key"))
            }
        };
        let key = key.expect("a key");
        let certificate = self_signed(&key);
        let digest = certificate.digest(MessageDigest::sha256()).expect("hashed");
        let octets: Vec<String> = digest.iter().map(|octet| format!("{octet:02X}")).collect();
        let mut context = SslContextBuilder::new(SslMethod::dtls()).expect("a context");
        context.set_tlsext_use_srtp(profile).expect("a profile");
        context.set_verify_callback(SslVerifyMode::PEER, |_, _| true);
        context.set_private_key(&key).expect("its key");
        context.set_certificate(&certificate).expect("it");
        context.set_options(SslOptions::NO_QUERY_MTU);
        let mut ssl = Ssl::new(&context.build()).expect("a connection");
        ssl.set_mtu(1_200).expect("an MTU");
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback socket");
        let patience = Some(Duration::from_millis(5));
        socket.set_read_timeout(patience).expect("a timeout");
        let wire = Wire {
            socket,
            remote: None,
            media: VecDeque::new(),
        };
        Self {
            stream: SslStream::new(ssl, wire).expect("a stream"),
            fingerprint: octets.join(":"),
            media: None,
            sequence: 1,
        }
    }

    fn offer(&self, role: DtlsRole) -> String {
        let setup = match role {
            DtlsRole::Client => "active",
            DtlsRole::Server => "passive",
        };
        let socket = &self.stream.get_ref().socket;
        let port = socket.local_addr().expect("bound").port();
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             a=ice-lite\r\nm=audio {port} UDP/TLS/RTP/SAVP 8\r\na=rtcp-mux\r\n\
             a=ice-ufrag:pbxx\r\na=ice-pwd:{PASSWORD}\r\n\
             a=candidate:1 1 UDP 2130706431 127.0.0.1 {port} typ host\r\n\
             a=fingerprint:sha-256 {}\r\na=setup:{setup}\r\n",
            self.fingerprint
        )
    }

    fn shake_hands(&mut self, role: DtlsRole, engine: SocketAddr) -> Profile {
        let deadline = Instant::now() + PATIENCE;
        // A lite agent waits for the peer's checks, whatever its DTLS role.
        while self.stream.get_ref().remote.is_none() {
            assert!(Instant::now() < deadline, "no checks");
            let _ = self.stream.get_mut().read(&mut [0; 2_048]);
        }
        assert_eq!(self.stream.get_ref().remote, Some(engine));
        loop {
            let step = match role {
                DtlsRole::Client => self.stream.connect(),
                DtlsRole::Server => self.stream.accept(),
            };
            match step {
                Ok(()) => break,
                Err(error) if error.code() == ErrorCode::WANT_READ => {}
                Err(error) => panic!("{error}"),
            }
            assert!(Instant::now() < deadline, "no handshake");
        }
        let ssl = self.stream.ssl();
        assert!(ssl.peer_certificate().is_some(), "ours was asked for");
        let profile = match ssl.selected_srtp_profile().expect("a profile").id() {
            SrtpProfileId::SRTP_AEAD_AES_256_GCM => Profile::AeadAes256Gcm,
            _ => Profile::AesCm128HmacSha1_80,
        };
        let mut exported = vec![0; 2 * (profile.key_length() + profile.salt_length())];
        ssl.export_keying_material(&mut exported, "EXTRACTOR-dtls_srtp", None)
            .expect("keys");
        let keys = KeyingMaterial::new(exported, profile, role).expect("the length fits");
        self.media = Some((
            crate::srtp::Sender::new(&keys),
            crate::srtp::Receiver::new(&keys),
        ));
        profile
    }

    fn converse(&mut self, phone: &mut Phone) {
        let (ours, theirs) = (tone(1_000), tone(440));
        let deadline = Instant::now() + PATIENCE;
        let (mut heard, mut phone_heard) = (false, false);
        while !(heard && phone_heard) {
            assert!(
                Instant::now() < deadline,
                "heard: {heard}, phone {phone_heard}"
            );
            self.speak(&ours);
            phone.speak(&theirs);
            heard |= self.hear().is_some_and(|frame| frame == theirs);
            phone_heard |= phone.hear().is_some_and(|frame| frame == ours);
        }
    }

    fn speak(&mut self, payload: &[u8]) {
        let header = Header {
            marker: false,
            payload_type: PayloadType::new(8).expect("seven bits"),
            sequence: self.sequence,
            timestamp: u32::from(self.sequence) * 160,
            ssrc: Ssrc(0xbeef),
            length: Header::FIXED,
        };
        let mut packet = [0; 172 + EXPANSION];
        header.write(packet.first_chunk_mut().expect("172 octets"));
        packet[12..172].copy_from_slice(payload);
        let (sender, _) = self.media.as_ref().expect("keys");
        let length = sender
            .seal_rtp(&mut packet, 172, self.sequence.into())
            .expect("a key");
        self.sequence += 1;
        let wire = self.stream.get_mut();
        wire.write_all(&packet[..length]).expect("sent");
    }

    fn hear(&mut self) -> Option<Vec<u8>> {
        let wire = self.stream.get_mut();
        let _ = wire.read(&mut [0; 2_048]);
        let mut packet = wire.media.pop_front()?;
        let header = Header::parse(&packet).ok()?;
        let (_, receiver) = self.media.as_mut().expect("keys");
        let length = receiver.open_rtp(&mut packet, &header).ok()?;
        Some(packet[header.length..length].to_vec())
    }
}

impl Read for Wire {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut datagram = [0; 2_048];
            let (length, from) = self.socket.recv_from(&mut datagram)?;
            let datagram = &datagram[..length];
            match datagram.first() {
                Some(0..=3) => {
                    self.remote = Some(from);
                    self.socket.send_to(&success(datagram, from), from)?;
                }
                Some(20..=63) => {
                    out[..length].copy_from_slice(datagram);
                    return Ok(length);
                }
                _ => {
                    self.media.push_back(datagram.to_vec());
                    return Err(io::ErrorKind::WouldBlock.into());
                }
            }
        }
    }
}

impl Write for Wire {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        let to = self.remote.ok_or(io::ErrorKind::NotConnected)?;
        self.socket.send_to(datagram, to)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A Binding success response (RFC 8489 §6.3.3), as a lite agent gives it.
fn success(request: &[u8], from: SocketAddr) -> Vec<u8> {
    let SocketAddr::V4(from) = from else {
        panic!("the test is on IPv4");
    };
    let mut message = vec![1, 1, 0, 0];
    message.extend(&request[4..20]);
    message.extend([0, 0x20, 0, 8, 0, 1]);
    message.extend((from.port() ^ 0x2112).to_be_bytes());
    message.extend((u32::from(*from.ip()) ^ 0x2112_a442).to_be_bytes());
    // Each check covers what precedes it, under a length that includes it (§14.5, §14.7).
    message[3] = 12 + 24;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, PASSWORD.as_bytes());
    let tag = hmac::sign(&key, &message);
    message.extend([0, 8, 0, 20]);
    message.extend(tag.as_ref());
    message[3] += 8;
    let fingerprint = crc32(&message) ^ 0x5354_554e;
    message.extend([0x80, 0x28, 0, 4]);
    message.extend(fingerprint.to_be_bytes());
    message
}

fn crc32(octets: &[u8]) -> u32 {
    !octets.iter().fold(!0, |crc, octet| {
        (0..8).fold(crc ^ u32::from(*octet), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & 0u32.wrapping_sub(crc & 1))
        })
    })
}

fn self_signed(key: &PKey<Private>) -> X509 {
    let mut certificate = X509::builder().expect("a builder");
    certificate.set_pubkey(key).expect("a key");
    let begin = Asn1Time::from_unix(0).expect("a time");
    let end = Asn1Time::days_from_now(30).expect("a time");
    certificate.set_not_before(&begin).expect("a time");
    certificate.set_not_after(&end).expect("a time");
    certificate
        .sign(key, MessageDigest::sha256())
        .expect("signed");
    certificate.build()
}

const PASSWORD: &str = "abcdefghijklmnopqrstuvwx";
