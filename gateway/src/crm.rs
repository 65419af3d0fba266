//! Who a number is: the operator's own system is asked, once however many pages and calls want to know.
//!
//! Only the configured address is ever asked: the number goes into it percent-encoded, and no redirect is followed.

mod context;
mod lookups;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use reqwest::Client;
use reqwest::redirect::Policy;
use tokio::sync::Semaphore;

use crate::config;
use crate::config::{CRM_NUMBER, Secret};
use crate::transport::{TlsError, client_config};
pub use context::{Context, Field, Link, Unreadable};
use lookups::{Asked, Lookups};

/// The operator's system for customers, as the gateway knows it.
#[derive(Debug, Clone, Default)]
pub struct Crm {
    frames: Arc<[String]>,
    dispositions: Arc<[String]>,
    lookup: Option<Arc<Lookup>>,
}

/// What was found under a number.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    Known(Arc<Context>),
    Unknown,
}

/// Why nothing can be said about a number now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupFailed {
    #[error("The customer system didn't answer in time.")]
    TimedOut,
    #[error("The customer system can't be reached.")]
    Unreachable,
    #[error("The customer system answered {0}.")]
    Refused(StatusCode),
    #[error("The customer system's answer can't be read: {0}.")]
    Unreadable(Unreadable),
}

impl Crm {
    /// As the operator configured it.
    ///
    /// # Errors
    ///
    /// The trust anchors can't be read.
    pub fn configured(config: &config::Crm) -> Result<Self, TlsError> {
        let frames: Arc<[String]> = config.frames.iter().map(|o| o.0.clone()).collect();
        let lookup = match &config.lookup_url {
            Some(url) => Some(Arc::new(Lookup::new(
                url.0.clone(),
                config,
                frames.clone(),
            )?)),
            None => None,
        };
        Ok(Self {
            frames,
            dispositions: config.dispositions.as_slice().into(),
            lookup,
        })
    }

    /// Origins whose pages may stand in a frame of the desk.
    pub fn frames(&self) -> &[String] {
        &self.frames
    }

    /// What an agent may say came of a call; empty: the platform knows.
    pub fn dispositions(&self) -> &[String] {
        &self.dispositions
    }

    /// What is known about a number; `None` where nobody is asked.
    ///
    /// # Errors
    ///
    /// [`LookupFailed`] is remembered for a moment, so that a system in trouble isn't asked again at once.
    pub async fn look_up(&self, number: &str) -> Option<Result<Found, LookupFailed>> {
        let lookup = self.lookup.as_ref()?;
        let mut answered = match lookup.lookups().ask(number, Instant::now()) {
            Asked::Kept(answer) => return Some(answer),
            Asked::UnderWay(answered) => answered,
            Asked::New { tell, answered } => {
                let (lookup, number) = (lookup.clone(), number.to_owned());
                // On its own: whoever asked first may close the page, and the others still wait.
                tokio::spawn(async move {
                    let answer = lookup.fetch(&number).await;
                    lookup
                        .lookups()
                        .answered(&number, answer.clone(), Instant::now());
                    // Everybody who asked may be gone.
                    let _ = tell.send(Some(answer));
                });
                answered
            }
        };
        let answer = answered.wait_for(Option::is_some).await;
        Some(match answer.as_deref() {
            Ok(Some(answer)) => answer.clone(),
            Ok(None) | Err(_) => Err(LookupFailed::Unreachable),
        })
    }
}

/// How the system is asked.
#[derive(Debug)]
struct Lookup {
    client: Client,
    url: String,
    token: Option<Secret>,
    timeout: Duration,
    frames: Arc<[String]>,
    turns: Semaphore,
    /// Locked to look or to write, never across an await.
    lookups: Mutex<Lookups>,
}

impl Lookup {
    fn new(url: String, config: &config::Crm, frames: Arc<[String]>) -> Result<Self, TlsError> {
        let tls = client_config(config.tls_ca.as_deref())?;
        let client = Client::builder()
            .use_preconfigured_tls(tls.as_ref().clone())
            .redirect(Policy::none())
            .no_proxy()
            .user_agent(concat!("Warmline/", env!("CARGO_PKG_VERSION")))
            .build()
            .expect("a client out of a valid TLS configuration");
        Ok(Self {
            client,
            url,
            token: config.token.clone(),
            timeout: config.timeout,
            frames,
            turns: Semaphore::new(AT_ONCE),
            lookups: Mutex::new(Lookups::new(config.cache, config.cache_unknown)),
        })
    }

    fn lookups(&self) -> MutexGuard<'_, Lookups> {
        self.lookups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn fetch(&self, number: &str) -> Result<Found, LookupFailed> {
        let asked = tokio::time::timeout(self.timeout, self.ask(number)).await;
        let found = asked.unwrap_or(Err(LookupFailed::TimedOut));
        if let Err(failed) = &found {
            tracing::warn!(%failed, "a customer couldn't be looked up");
        }
        found
    }

    async fn ask(&self, number: &str) -> Result<Found, LookupFailed> {
        // Closed never: the semaphore lives as long as we do.
        let _turn = self.turns.acquire().await;
        let request = self.client.get(address(&self.url, number));
        let request = match &self.token {
            Some(token) => request.bearer_auth(token.expose()),
            None => request,
        };
        let request = request.header(http::header::ACCEPT, "application/json");
        let mut response = request.send().await.map_err(unreachable)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND | StatusCode::NO_CONTENT => return Ok(Found::Unknown),
            other => return Err(LookupFailed::Refused(other)),
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            body.extend_from_slice(&chunk);
            if body.len() > BODY_AT_MOST {
                return Err(LookupFailed::Unreadable(Unreadable::TooLong));
            }
        }
        let context = Context::parse(&body, &self.frames).map_err(LookupFailed::Unreadable)?;
        Ok(Found::Known(Arc::new(context)))
    }
}

fn unreachable(error: reqwest::Error) -> LookupFailed {
    // Without the address: a customer's number stands in it.
    tracing::debug!(error = %error.without_url(), "the customer system");
    LookupFailed::Unreachable
}

/// The configured address with the number in it.
fn address(url: &str, number: &str) -> String {
    let encoded = percent_encoded(number);
    if url.contains(CRM_NUMBER) {
        return url.replace(CRM_NUMBER, &encoded);
    }
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}number={encoded}")
}

/// RFC 3986 §2.3: everything but the unreserved characters, so that a number stays one value wherever it stands.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            // A dot is unreserved, but has a meaning between slashes; dots alone aren't asked for at all.
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

/// Questions to the system at the same time; further ones wait, at the cost of their own time.
const AT_ONCE: usize = 16;

/// A page of text is more than an agent reads in a call.
const BODY_AT_MOST: usize = 64 * 1024;

#[cfg(test)]
mod tests;
