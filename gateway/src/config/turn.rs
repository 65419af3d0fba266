//! `turn = [...]` within `[media]`: relays that a browser may need to reach us.

use std::time::Duration;

use super::error::Fault;
use super::secret::Secret;
use super::table::Table;

/// TURN servers (RFC 8656) that share a secret with us, from which time-limited credentials are made.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// `turn:` and `turns:` URIs (RFC 7065), at least one.
    pub urls: Vec<String>,
    /// coturn's `static-auth-secret`.
    pub secret: Secret,
    /// How long a credential is good for. A relay that is in use needs it again at each refresh.
    pub ttl: Duration,
}

impl Turn {
    pub(super) const KEYS: &[&str] = &["urls", "secret", "secret_file", "ttl"];

    pub(super) fn read(table: Table<'_>) -> Result<Self, Fault> {
        let urls: Vec<String> = table.one_or_more("urls")?;
        if let Some(url) = urls.iter().find(|url| !is_turn(url)) {
            let message = format!("\"{url}\" is no URI such as \"turn:turn.example.com:3478\"");
            return Err(table.fault("urls", message));
        }
        let secret = table.secret("secret", "secret_file")?;
        let ttl = table.or("ttl", TTL)?;
        if ttl < SHORTEST {
            return Err(table.fault("ttl", "must be at least a minute"));
        }
        Ok(Self {
            urls,
            secret: secret.ok_or_else(|| table.fault("secret_file", "is missing"))?,
            ttl,
        })
    }
}

fn is_turn(url: &str) -> bool {
    let rest = url
        .strip_prefix("turn:")
        .or_else(|| url.strip_prefix("turns:"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['@', '/', ' ']))
}

/// Longer than a shift, so that no relay ends in the midst of a call.
const TTL: Duration = Duration::from_secs(12 * 3_600);
const SHORTEST: Duration = Duration::from_secs(60);
