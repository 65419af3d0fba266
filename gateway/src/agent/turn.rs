//! Time-limited TURN credentials: what every TURN server with a shared secret understands. The user's name is the time
//! when it expires and whose it is; the password is its HMAC-SHA1 with the secret.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::wire::IceServer;
use crate::clock::Moment;
use crate::config::Turn;

/// What the browser of `agent` is told of these servers.
pub fn servers(turn: &[Turn], agent: &str, now: Moment) -> Vec<IceServer> {
    turn.iter().map(|turn| server(turn, agent, now)).collect()
}

fn server(turn: &Turn, agent: &str, now: Moment) -> IceServer {
    let expiry = now.epoch_ms / 1_000 + turn.ttl.as_secs();
    // The server cuts at the first colon; an id has none of its own that would matter to it.
    let username = format!("{expiry}:{agent}");
    let key = hmac::Key::new(
        hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        turn.secret.expose().as_bytes(),
    );
    let credential = STANDARD.encode(hmac::sign(&key, username.as_bytes()));
    IceServer {
        urls: turn.urls.clone(),
        username: Some(username),
        credential: Some(credential),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::config::Secret;

    /// The expected password is OpenSSL's:
    /// `printf 1700043200:agent7 | openssl dgst -sha1 -hmac north -binary | base64`.
    #[test]
    fn the_password_is_the_names_hmac_and_the_name_says_until_when() {
        let turn = Turn {
            urls: vec!["turn:turn.example.com:3478".to_owned()],
            secret: Secret::new("north"),
            ttl: Duration::from_secs(43_200),
        };
        let now = Moment {
            instant: Instant::now(),
            epoch_ms: 1_700_000_000_999,
        };
        let told = servers(&[turn], "agent7", now);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].username.as_deref(), Some("1700043200:agent7"));
        assert_eq!(
            told[0].credential.as_deref(),
            Some("YBmHySwc+LT/2u+1sZd3XgiTYZE=")
        );
    }
}
