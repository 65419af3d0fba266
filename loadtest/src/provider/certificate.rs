//! The registrar's certificate, new on every start, and the authority that signed it: new, too, unless its key is given.

use std::net::IpAddr;

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// A key for an authority that outlives one provider, in PEM.
///
/// # Errors
///
/// When the machine has no randomness.
pub fn authority_key() -> Result<String> {
    Ok(KeyPair::generate()?.serialize_pem())
}

/// What a TLS server and its clients need.
#[derive(Debug)]
pub struct Identity {
    /// The trust anchor, in PEM.
    pub ca_pem: String,
    pub server: ServerConfig,
}

impl Identity {
    /// An authority, and a certificate for `domain`, `localhost` and `address`.
    ///
    /// # Errors
    ///
    /// When `domain` is no DNS name, or the machine has no randomness.
    pub fn new(domain: &str, address: IpAddr, authority_key: Option<&str>) -> Result<Self> {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        authority
            .distinguished_name
            .push(DnType::CommonName, "Simulated provider");
        let authority_key = match authority_key {
            Some(pem) => KeyPair::from_pem(pem).context("the authority's key")?,
            None => KeyPair::generate()?,
        };
        let ca_pem = authority.self_signed(&authority_key)?.pem();

        let names = [
            domain.to_owned(),
            "localhost".to_owned(),
            address.to_string(),
        ];
        let mut server = CertificateParams::new(names)?;
        server.distinguished_name.push(DnType::CommonName, domain);
        let server_key = KeyPair::generate()?;
        let certificate = server.signed_by(&server_key, &Issuer::new(authority, authority_key))?;

        // Named, not the process's default: more than one provider is compiled in.
        let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der())),
            )
            .context("the certificate and its key don't fit")?;
        Ok(Self { ca_pem, server })
    }
}
