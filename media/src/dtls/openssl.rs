//! DTLS 1.2 by OpenSSL, for peers with RSA certificates.
//!
//! Sans-IO as far as OpenSSL lets it: datagrams pass through a stream of our own, which keeps
//! their boundaries (a memory BIO would join them), but its retransmission timer reads the wall
//! clock.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use foreign_types::ForeignTypeRef;
use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::srtp::SrtpProfileId;
use openssl::ssl::{
    ErrorCode, Ssl, SslContext, SslContextBuilder, SslMethod, SslOptions, SslSessionCacheMode,
    SslStream, SslVerifyMode, SslVersion,
};
use openssl::x509::{X509, X509NameBuilder};
use str0m::config::DtlsCert;
use str0m::crypto::CryptoError;
use str0m::crypto::dtls::{
    DtlsImplError, DtlsInstance, DtlsOutput, KeyingMaterial, ProtocolVersion, SrtpProfile,
};
use str0m_proto::crypto::dtls::{DtlsCryptoError, DtlsCryptoOperation};

use super::Backing;

/// Makes instances of one certificate.
#[derive(Debug)]
pub struct OpenSsl {
    made: Result<(DtlsCert, Context), String>,
}

/// One a certificate: 1.4 ms, against 9 µs for an instance of it.
struct Context(SslContext);

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Context")
    }
}

impl OpenSsl {
    pub fn new() -> Self {
        // P-256, as browsers have: whoever speaks WebRTC takes it.
        Self::with_key(|| {
            let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
            PKey::from_ec_key(EcKey::generate(&group)?)
        })
    }

    fn with_key(key: impl FnOnce() -> Result<PKey<Private>, ErrorStack>) -> Self {
        let made = key().and_then(|key| {
            let certificate = certificate(&key)?;
            let context = context(&certificate)?;
            Ok((certificate, Context(context)))
        });
        Self {
            made: made.map_err(|error| error.to_string()),
        }
    }
}

impl Backing for OpenSsl {
    fn certificate(&self) -> Option<DtlsCert> {
        let (certificate, _) = self.made.as_ref().ok()?;
        Some(certificate.clone())
    }

    fn instance(
        &self,
        _: &DtlsCert,
        now: Instant,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let (_, context) = self
            .made
            .as_ref()
            .map_err(|error| CryptoError::Other(error.clone()))?;
        let instance = Instance::new(&context.0, now, mtu.unwrap_or(MTU))
            .map_err(|error| CryptoError::Other(error.to_string()))?;
        Ok(Box::new(instance))
    }
}

/// One handshake.
struct Instance {
    stream: SslStream<Datagrams>,
    role: Role,
    state: State,
    events: VecDeque<Happened>,
    now: Instant,
    /// Of OpenSSL's retransmission; told to the stack once, so that polling is stable.
    deadline: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Active,
    Passive,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Handshaking,
    Connected,
    Closed,
    Failed,
}

/// What the stack is told, in this order: it checks the certificate before it gets keys.
enum Happened {
    PeerCertificate(Vec<u8>),
    Keys(Vec<u8>, SrtpProfile),
    Connected,
    CloseNotify,
}

/// The stream under OpenSSL: one read is one datagram, one write is one datagram.
#[derive(Debug, Default)]
struct Datagrams {
    incoming: Option<Vec<u8>>,
    outgoing: VecDeque<Vec<u8>>,
}

impl Read for Datagrams {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let datagram = self.incoming.take().ok_or(io::ErrorKind::WouldBlock)?;
        let length = datagram.len().min(out.len());
        out[..length].copy_from_slice(&datagram[..length]);
        Ok(length)
    }
}

impl Write for Datagrams {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        if self.outgoing.len() < MAX_FLIGHT {
            self.outgoing.push_back(datagram.to_vec());
        }
        Ok(datagram.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Instance {
    fn new(context: &SslContext, now: Instant, mtu: usize) -> Result<Self, ErrorStack> {
        let mut ssl = Ssl::new(context)?;
        ssl.set_mtu(mtu as u32)?;
        // SAFETY: the pointer is of the live `ssl`; the callback touches nothing.
        unsafe { DTLS_set_timer_cb(ssl.as_ptr(), Some(next_timeout)) };
        Ok(Self {
            stream: SslStream::new(ssl, Datagrams::default())?,
            role: Role::Passive,
            state: State::Handshaking,
            events: VecDeque::new(),
            now,
            deadline: None,
        })
    }

    fn advance(&mut self) -> Result<(), DtlsImplError> {
        match self.state {
            State::Failed => return Err(refused()),
            State::Closed => return Ok(()),
            State::Connected => {}
            State::Handshaking => match self.stream.do_handshake() {
                Ok(()) => {
                    self.state = State::Connected;
                    self.finish().ok_or_else(|| self.fail())?;
                }
                Err(error)
                    if matches!(error.code(), ErrorCode::WANT_READ | ErrorCode::WANT_WRITE) =>
                {
                    return Ok(());
                }
                Err(_) => return Err(self.fail()),
            },
        }
        self.drain();
        Ok(())
    }

    /// Reads application data away: a repeated Finished is answered inside, and the peer's
    /// close_notify shows here.
    fn drain(&mut self) {
        let mut sink = [0; 2_048];
        loop {
            match self.stream.ssl_read(&mut sink) {
                Ok(_) => {}
                Err(error) if error.code() == ErrorCode::ZERO_RETURN => {
                    self.state = State::Closed;
                    let _ = self.stream.shutdown();
                    self.events.push_back(Happened::CloseNotify);
                    return;
                }
                Err(_) => return,
            }
        }
    }

    /// `None` when the peer has no certificate or agreed to no SRTP profile.
    fn finish(&mut self) -> Option<()> {
        let ssl = self.stream.ssl();
        let certificate = ssl.peer_certificate()?.to_der().ok()?;
        let profile = match ssl.selected_srtp_profile()?.id() {
            SrtpProfileId::SRTP_AES128_CM_SHA1_80 => SrtpProfile::AES128_CM_SHA1_80,
            SrtpProfileId::SRTP_AEAD_AES_128_GCM => SrtpProfile::AEAD_AES_128_GCM,
            SrtpProfileId::SRTP_AEAD_AES_256_GCM => SrtpProfile::AEAD_AES_256_GCM,
            _ => return None,
        };
        let mut keys = vec![0; profile.keying_material_len()];
        ssl.export_keying_material(&mut keys, "EXTRACTOR-dtls_srtp", None)
            .ok()?;
        self.events.extend([
            Happened::PeerCertificate(certificate),
            Happened::Keys(keys, profile),
            Happened::Connected,
        ]);
        Some(())
    }

    fn fail(&mut self) -> DtlsImplError {
        self.state = State::Failed;
        refused()
    }

    /// What is left of OpenSSL's own timer.
    fn timer(&self) -> Option<Duration> {
        let mut left = libc::timeval {
            tv_sec: 0,
            tv_usec: 0,
        };
        // SAFETY: the pointer is of the live `ssl`; DTLSv1_get_timeout, as this control is
        // called, writes one timeval, which outlives the call.
        let armed = unsafe {
            openssl_sys::SSL_ctrl(
                self.stream.ssl().as_ptr(),
                DTLS_CTRL_GET_TIMEOUT,
                0,
                std::ptr::from_mut(&mut left).cast(),
            )
        };
        (armed == 1 && self.state == State::Handshaking)
            .then(|| Duration::new(left.tv_sec as u64, left.tv_usec as u32 * 1_000))
    }
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance")
            .field("role", &self.role)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl DtlsInstance for Instance {
    fn set_active(&mut self, active: bool) {
        let ssl = self.stream.ssl().as_ptr();
        // SAFETY: the pointer is of the live `ssl`; the state is set before the handshake begins.
        unsafe {
            if active {
                self.role = Role::Active;
                openssl_sys::SSL_set_connect_state(ssl);
            } else {
                self.role = Role::Passive;
                openssl_sys::SSL_set_accept_state(ssl);
            }
        }
    }

    /// An empty packet makes the client begin.
    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        if !packet.is_empty() {
            self.stream.get_mut().incoming = Some(packet.to_vec());
        }
        let result = self.advance();
        self.stream.get_mut().incoming = None;
        result
    }

    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        if let Some(datagram) = self.stream.get_mut().outgoing.pop_front() {
            return DtlsOutput::Packet(copy(buf, &datagram));
        }
        match self.events.pop_front() {
            Some(Happened::PeerCertificate(der)) => DtlsOutput::PeerCert(copy(buf, &der)),
            Some(Happened::Keys(keys, profile)) => {
                DtlsOutput::KeyingMaterial(KeyingMaterial::new(&keys), profile)
            }
            Some(Happened::Connected) => DtlsOutput::Connected,
            Some(Happened::CloseNotify) => DtlsOutput::CloseNotify,
            None => {
                let clock = self.now.max(Instant::now());
                self.deadline = self
                    .timer()
                    .map(|left| clock + left.max(Duration::from_millis(1)));
                DtlsOutput::Timeout(self.deadline.unwrap_or(self.now + FAR))
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.now = now;
        if self.deadline.is_none() || self.timer() != Some(Duration::ZERO) {
            return Ok(());
        }
        // SAFETY: the pointer is of the live `ssl`; DTLSv1_handle_timeout takes no argument.
        let result = unsafe {
            openssl_sys::SSL_ctrl(
                self.stream.ssl().as_ptr(),
                DTLS_CTRL_HANDLE_TIMEOUT,
                0,
                std::ptr::null_mut(),
            )
        };
        if result < 0 {
            return Err(self.fail());
        }
        Ok(())
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        match self.state {
            State::Connected => self.stream.ssl_write(data).map_err(|_| refused()),
            State::Handshaking => Ok(0),
            State::Closed | State::Failed => Err(refused()),
        }
    }

    fn is_active(&self) -> bool {
        self.role == Role::Active
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        match self.state {
            State::Connected | State::Closed => Some(ProtocolVersion::DTLS1_2),
            State::Handshaking | State::Failed => None,
        }
    }

    fn is_closing(&self) -> bool {
        self.state == State::Closed
    }

    fn is_closed(&self) -> bool {
        self.state == State::Closed && self.stream.get_ref().outgoing.is_empty()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        if self.state == State::Connected {
            let _ = self.stream.shutdown();
        }
        self.state = State::Closed;
        Ok(())
    }
}

/// What fits of it: the stack's buffer is larger than any flight or certificate of ours.
fn copy<'a>(buf: &'a mut [u8], octets: &[u8]) -> &'a [u8] {
    let length = octets.len().min(buf.len());
    buf[..length].copy_from_slice(&octets[..length]);
    &buf[..length]
}

/// The one error that the stack's enum has for somebody else's backend.
fn refused() -> DtlsImplError {
    DtlsImplError::CryptoError(DtlsCryptoError::OperationFailed(
        DtlsCryptoOperation::Decrypt,
    ))
}

fn context(certificate: &DtlsCert) -> Result<SslContext, ErrorStack> {
    let mut context = SslContextBuilder::new(SslMethod::dtls())?;
    context.set_min_proto_version(Some(SslVersion::DTLS1_2))?;
    context.set_cipher_list("ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES256:ECDHE+AES128:!aNULL")?;
    context.set_tlsext_use_srtp(
        "SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80",
    )?;
    // Self-signed by design: the fingerprint in the SDP is the check, and the stack makes it.
    let verify = SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT;
    context.set_verify_callback(verify, |_, _| true);
    context.set_private_key(&*PKey::private_key_from_der(&certificate.private_key)?)?;
    context.set_certificate(&*X509::from_der(&certificate.certificate)?)?;
    context.set_options(
        SslOptions::NO_QUERY_MTU | SslOptions::NO_TICKET | SslOptions::NO_RENEGOTIATION,
    );
    context.set_session_cache_mode(SslSessionCacheMode::OFF);
    Ok(context.build())
}

fn certificate(key: &PKey<Private>) -> Result<DtlsCert, ErrorStack> {
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_text("CN", "WebRTC")?;
    let name = name.build();
    let mut serial = BigNum::new()?;
    serial.rand(63, MsbOption::MAYBE_ZERO, false)?;
    let mut certificate = X509::builder()?;
    certificate.set_version(2)?;
    certificate.set_serial_number(&*serial.to_asn1_integer()?)?;
    certificate.set_subject_name(&name)?;
    certificate.set_issuer_name(&name)?;
    certificate.set_pubkey(key)?;
    certificate.set_not_before(&*Asn1Time::from_unix(0)?)?;
    // Lives as long as the process; nobody checks, but an expired one would look odd.
    certificate.set_not_after(&*Asn1Time::days_from_now(3_650)?)?;
    certificate.sign(key, MessageDigest::sha256())?;
    Ok(DtlsCert {
        certificate: certificate.build().to_der()?,
        private_key: key.private_key_to_der()?,
    })
}

unsafe extern "C" {
    fn DTLS_set_timer_cb(
        ssl: *mut openssl_sys::SSL,
        callback: Option<extern "C" fn(*mut openssl_sys::SSL, libc::c_uint) -> libc::c_uint>,
    );
}

/// The retransmission timer in microseconds: 250 ms instead of OpenSSL's second, doubled to 4 s.
extern "C" fn next_timeout(_: *mut openssl_sys::SSL, previous: libc::c_uint) -> libc::c_uint {
    match previous {
        0 => 250_000,
        _ => (previous * 2).min(4_000_000),
    }
}

const DTLS_CTRL_GET_TIMEOUT: libc::c_int = 73;
const DTLS_CTRL_HANDLE_TIMEOUT: libc::c_int = 74;
/// Below every path's limit, VPNs included.
const MTU: usize = 1_200;
/// Datagrams of one flight and its repetition; more are not worth keeping.
const MAX_FLIGHT: usize = 32;
/// "No timer is armed."
const FAR: Duration = Duration::from_secs(365 * 24 * 3_600);

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::rsa::Rsa;

    #[test]
    fn a_peer_with_an_rsa_certificate_is_met_in_both_roles() {
        let rsa = OpenSsl::with_key(|| PKey::from_rsa(Rsa::generate(2_048)?));
        let ours = OpenSsl::new();
        for (client, server) in [(&ours, &rsa), (&rsa, &ours)] {
            let mut client = instance(client, true);
            let mut server = instance(server, false);
            client.handle_packet(&[]).expect("a ClientHello");
            let (mut sent, mut received) = (None, None);
            for _ in 0..8 {
                pass(&mut *client, &mut *server, &mut sent);
                pass(&mut *server, &mut *client, &mut received);
            }
            let sent = sent.expect("the client's keys");
            assert_eq!(Some(sent), received);
        }
    }

    #[test]
    fn garbage_neither_panics_nor_ends_a_handshake_that_has_not_begun() {
        let mut server = instance(&OpenSsl::new(), false);
        for length in 1..100 {
            let _ = server.handle_packet(&vec![22; length]);
        }
    }

    fn instance(of: &OpenSsl, active: bool) -> Box<dyn DtlsInstance> {
        let certificate = of.certificate().expect("made");
        let made = of.instance(&certificate, Instant::now(), None);
        let mut instance = made.expect("an instance");
        instance.set_active(active);
        instance
    }

    /// Carries one side's flight to the other, and notes its keys.
    fn pass(
        from: &mut dyn DtlsInstance,
        to: &mut dyn DtlsInstance,
        keys: &mut Option<(Vec<u8>, SrtpProfile)>,
    ) {
        let mut buf = vec![0; 4_096];
        let mut flight = Vec::new();
        loop {
            match from.poll_output(&mut buf) {
                DtlsOutput::Packet(packet) => flight.push(packet.to_vec()),
                DtlsOutput::KeyingMaterial(material, profile) => {
                    *keys = Some((material.as_ref().to_vec(), profile));
                }
                DtlsOutput::Timeout(_) => break,
                _ => {}
            }
        }
        for packet in flight {
            to.handle_packet(&packet).expect("taken");
        }
    }
}
