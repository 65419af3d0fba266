//! TLS towards lines, trunks and token sockets: the system's trust anchors, and one more where configured. And the
//! certificates that we show.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, ServerConfig,
    SignatureScheme,
};

/// Why there is no TLS configuration.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{} holds no certificate that can be trusted: {cause}", path.display())]
    TrustAnchor { path: PathBuf, cause: String },
    #[error("{} can't be used as a certificate: {cause}", path.display())]
    Certificate { path: PathBuf, cause: String },
    #[error("{0}")]
    Unsupported(#[from] Error),
}

/// Made once and shared: the anchors of a system are a quarter of a megabyte.
///
/// # Errors
///
/// `extra`, a PEM file, can't be read or holds no certificate.
pub fn client_config(extra: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        tracing::warn!(%error, "some of the system's trust anchors can't be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(native.certs);
    let mut listed = Vec::new();
    if let Some(path) = extra {
        let unusable = |cause: String| TlsError::TrustAnchor {
            path: path.to_owned(),
            cause,
        };
        let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .map_err(|error| unusable(error.to_string()))?;
        if certificates.is_empty() {
            return Err(unusable("there is none in it".to_owned()));
        }
        for certificate in &certificates {
            roots
                .add(certificate.clone())
                .map_err(|error| unusable(error.to_string()))?;
        }
        listed = certificates;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?;
    let chains = WebPkiServerVerifier::builder_with_provider(Arc::new(roots.clone()), provider);
    let config = match chains.build() {
        Ok(chains) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier { chains, listed })),
        // Only for want of anchors: a machine without any can still use ws://.
        Err(error) => {
            tracing::warn!(%error, "no wss:// peer can be trusted");
            builder.with_root_certificates(roots)
        }
    };
    Ok(Arc::new(config.with_no_client_auth()))
}

/// What we show to those who open connections to us.
///
/// # Errors
///
/// A file can't be read, holds nothing, or the two don't belong together.
pub fn server_config(chain: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let unusable = |path: &Path, cause: String| TlsError::Certificate {
        path: path.to_owned(),
        cause,
    };
    let certificates: Vec<_> = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect)
        .map_err(|error| unusable(chain, error.to_string()))?;
    let private =
        PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, error.to_string()))?;
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, private)
        .map_err(|error| unusable(chain, error.to_string()))?;
    Ok(Arc::new(config))
}

/// Chains as everywhere, and besides a server whose very certificate is listed as an anchor.
///
/// `openssl req -x509`, by which many a PBX gets its certificate, marks it as an authority's; a chain of that alone is
/// refused by the rules of RFC 5280 although the operator has named it.
#[derive(Debug)]
struct Verifier {
    chains: Arc<WebPkiServerVerifier>,
    listed: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chained = self.chains.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match chained {
            // An expired or unknown one has an error of its own; this one is about what it may be used for.
            Err(Error::InvalidCertificate(CertificateError::Other(_)))
                if self.listed.contains(end_entity) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            Ok(_) | Err(_) => chained,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chains.supported_verify_schemes()
    }
}
