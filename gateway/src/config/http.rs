//! `[http]` and `[auth]`: who may reach the gateway, and where.

use std::net::{Ipv4Addr, SocketAddr};

use super::certificate::Certificate;
use super::error::Fault;
use super::secret::Secret;
use super::table::Table;

/// The two HTTP listeners.
#[derive(Debug, Clone, PartialEq)]
pub struct Http {
    /// The public one: desk, SDK, `/v1`.
    pub listen: SocketAddr,
    /// The operations one: metrics, health, drain.
    pub operations: SocketAddr,
    /// Origins of pages that may open the agent's socket, beside the gateway's own.
    pub allowed_origins: Vec<String>,
    /// Dials a second that one caller may ask for.
    pub dial_rate: u32,
    /// Of the public listener; without it, it speaks plain HTTP.
    pub certificate: Option<Certificate>,
}

/// How bearer tokens are checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Auth {
    pub hs256_secret: Option<Secret>,
    /// The only `iss` that is accepted.
    pub issuer: Option<String>,
    /// The `aud` that a token must hold.
    pub audience: Option<String>,
}

impl Http {
    pub(super) const KEYS: &[&str] = &[
        "listen",
        "operations",
        "allowed_origins",
        "dial_rate",
        "tls_cert",
        "tls_key",
    ];

    pub(super) fn read(table: Table<'_>) -> Result<Self, Fault> {
        let default = Self::default();
        Ok(Self {
            listen: table.or("listen", default.listen)?,
            operations: table.or("operations", default.operations)?,
            allowed_origins: table.list("allowed_origins")?.unwrap_or_default(),
            dial_rate: table.or("dial_rate", default.dial_rate)?,
            certificate: Certificate::read(&table)?,
        })
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: LISTEN,
            operations: OPERATIONS,
            allowed_origins: Vec::new(),
            dial_rate: DIAL_RATE,
            certificate: None,
        }
    }
}

impl Auth {
    pub(super) const KEYS: &[&str] = &["hs256_secret", "hs256_secret_file", "issuer", "audience"];

    pub(super) fn read(table: Table<'_>) -> Result<Self, Fault> {
        let hs256_secret = table.secret("hs256_secret", "hs256_secret_file")?;
        let short = |secret: &Secret| secret.expose().len() < HS256_SECRET_LEAST;
        if hs256_secret.as_ref().is_some_and(short) {
            return Err(table.fault(
                "hs256_secret",
                format!("must have at least {HS256_SECRET_LEAST} bytes"),
            ));
        }
        Ok(Self {
            hs256_secret,
            issuer: table.optional("issuer")?,
            audience: table.optional("audience")?,
        })
    }
}

/// Loopback: nothing is reachable from outside before somebody decides so.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
const OPERATIONS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);

/// More than any hand can click, little enough to stop a loop.
const DIAL_RATE: u32 = 5;

/// A key must be as long as the hash (RFC 7518 §3.2).
const HS256_SECRET_LEAST: usize = 32;
