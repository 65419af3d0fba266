//! DTLS providers for the ICE stack that capture the SRTP keys and withhold them from it.
//!
//! Were the stack to have them too, two senders would use one key, each with packet indices of
//! its own; for GCM that gives the key away.

#[allow(unsafe_code, reason = "OpenSSL's DTLS timers have no safe interface")]
mod openssl;

use std::cell::RefCell;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use str0m::config::{DtlsCert, DtlsVersion};
use str0m::crypto::dtls::{
    DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, ProtocolVersion, SrtpProfile,
};
use str0m::crypto::{CryptoError, CryptoProvider};

use crate::srtp::keys::{DtlsRole, KeyingMaterial, Profile};

/// Where a handshake's keys land; polled by who owns the instance.
#[derive(Debug, Clone, Default)]
pub struct KeySlot(Arc<Mutex<Option<KeyingMaterial>>>);

impl KeySlot {
    /// The keys, once.
    pub fn take(&self) -> Option<KeyingMaterial> {
        self.0.lock().ok()?.take()
    }

    fn put(&self, keys: Option<KeyingMaterial>) {
        if let Ok(mut slot) = self.0.lock() {
            *slot = keys;
        }
    }
}

/// Which DTLS a peer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// dimpl: small and quick; knows no RSA, which no browser uses.
    Browser,
    /// OpenSSL: FreeSWITCH and others have RSA certificates only, and a fingerprint doesn't
    /// tell which kind it is of.
    Provider,
}

/// What a peer connection is built with.
#[derive(Debug)]
pub struct Identity {
    pub crypto: Arc<CryptoProvider>,
    pub certificate: DtlsCert,
}

/// Runs `build`, which makes exactly one DTLS instance of `backend`; the instance's keys will
/// land in the slot.
pub fn with_key_slot<T>(backend: Backend, build: impl FnOnce(&Identity) -> T) -> (T, KeySlot) {
    let identity = match backend {
        Backend::Browser => &*BROWSER,
        Backend::Provider => &*PROVIDER,
    };
    let identity = identity.as_ref().expect("prepared when the engine started");
    let slot = KeySlot::default();
    NEXT_SLOT.set(Some(slot.clone()));
    let built = build(identity);
    NEXT_SLOT.set(None);
    (built, slot)
}

/// Makes both certificates, so that no call waits for them.
///
/// # Errors
///
/// Why there can be no DTLS at all.
pub fn prepare() -> Result<(), String> {
    for identity in [&BROWSER, &PROVIDER] {
        identity.as_ref().map_err(Clone::clone)?;
    }
    Ok(())
}

thread_local! {
    // The stack makes the instance inside its own constructor and offers no way to hand it a
    // value; the provider has to be 'static, so it can't carry one either.
    static NEXT_SLOT: RefCell<Option<KeySlot>> = const { RefCell::new(None) };
}

/// One certificate a process and backend: making one costs more than a handshake.
static BROWSER: LazyLock<Result<Identity, String>> = LazyLock::new(|| Identity::new(&BROWSER_DTLS));
static PROVIDER: LazyLock<Result<Identity, String>> =
    LazyLock::new(|| Identity::new(&PROVIDER_DTLS));
static BROWSER_DTLS: LazyLock<Withholding<Dimpl>> = LazyLock::new(|| Withholding(Dimpl::new()));
static PROVIDER_DTLS: LazyLock<Withholding<openssl::OpenSsl>> =
    LazyLock::new(|| Withholding(openssl::OpenSsl::new()));

impl Identity {
    fn new<P: Backing>(provider: &'static LazyLock<Withholding<P>>) -> Result<Self, String> {
        let provider: &'static Withholding<P> = provider;
        let certificate = provider
            .generate_certificate()
            .ok_or("no self-signed certificate could be made")?;
        Ok(Self {
            crypto: Arc::new(CryptoProvider {
                dtls_provider: provider,
                ..str0m::crypto::from_feature_flags()
            }),
            certificate,
        })
    }
}

/// What makes the instances whose keys are withheld.
trait Backing: std::fmt::Debug + Send + Sync + 'static {
    fn certificate(&self) -> Option<DtlsCert>;
    fn instance(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError>;
}

#[derive(Debug)]
struct Withholding<P>(P);

impl<P: Backing> DtlsProvider for Withholding<P> {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        self.0.certificate()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        _: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let slot = NEXT_SLOT
            .take()
            .ok_or_else(|| CryptoError::Other("no key slot was prepared".into()))?;
        Ok(Box::new(Withheld {
            instance: self.0.instance(certificate, now, mtu)?,
            slot,
        }))
    }
}

/// An instance whose keys go into the slot instead of the stack.
#[derive(Debug)]
struct Withheld {
    instance: Box<dyn DtlsInstance>,
    slot: KeySlot,
}

impl DtlsInstance for Withheld {
    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        let role = if self.instance.is_active() {
            DtlsRole::Client
        } else {
            DtlsRole::Server
        };
        match self.instance.poll_output(buf) {
            DtlsOutput::KeyingMaterial(keys, profile) => {
                let keys = profile_of(profile)
                    .and_then(|profile| KeyingMaterial::new(keys.as_ref().to_vec(), profile, role));
                self.slot.put(keys);
                // In the keys' place; the stack takes a second one for the same.
                DtlsOutput::Connected
            }
            other => other,
        }
    }

    fn set_active(&mut self, active: bool) {
        self.instance.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.instance.handle_packet(packet)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.instance.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.instance.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.instance.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.instance.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.instance.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.instance.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.instance.close()
    }
}

fn profile_of(profile: SrtpProfile) -> Option<Profile> {
    if profile == SrtpProfile::AEAD_AES_256_GCM {
        Some(Profile::AeadAes256Gcm)
    } else if profile == SrtpProfile::AEAD_AES_128_GCM {
        Some(Profile::AeadAes128Gcm)
    } else if profile == SrtpProfile::AES128_CM_SHA1_80 {
        Some(Profile::AesCm128HmacSha1_80)
    } else {
        None
    }
}

/// dimpl with one configuration for all: building it tests the whole crypto provider, 1.3–2 ms.
struct Dimpl {
    config: Arc<dimpl::Config>,
}

impl Dimpl {
    fn new() -> Self {
        let config = dimpl::Config::builder()
            // ICE has shown that the peer is where it says.
            .use_server_cookie(false)
            .flight_start_rto(FLIGHT_RTO)
            .build()
            .expect("a fixed configuration is valid");
        Self {
            config: Arc::new(config),
        }
    }
}

/// A lost flight costs this instead of dimpl's second; browsers are 20–100 ms away.
const FLIGHT_RTO: Duration = Duration::from_millis(150);

impl std::fmt::Debug for Dimpl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Dimpl")
    }
}

impl Backing for Dimpl {
    fn certificate(&self) -> Option<DtlsCert> {
        dimpl::certificate::generate_self_signed_certificate().ok()
    }

    fn instance(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        _: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        // 1.2, since browsers then choose GCM-256; with 1.3 they choose AES-CM.
        let dtls = dimpl::Dtls::new_12(self.config.clone(), certificate.clone(), now);
        Ok(Box::new(DimplInstance(dtls)))
    }
}

struct DimplInstance(dimpl::Dtls);

impl std::fmt::Debug for DimplInstance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DimplInstance")
    }
}

impl DtlsInstance for DimplInstance {
    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.0.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        self.0.poll_output(buf)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.0.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.0.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.0.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.0.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.0.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.0.close()
    }
}
