//! One attempt to deliver an event, and what follows from its outcome.

use std::fmt;
use std::time::{Duration, Instant};

use http::StatusCode;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::Client;

use super::Webhook;
use crate::clock::Moment;
use crate::events::destination::{self, Unreachable};
use crate::events::{CONTENT_TYPE as EVENT, Event};

/// The way to a receiver.
pub(super) struct Delivery {
    webhook: Webhook,
    way: Option<Way>,
}

/// A client bound to addresses that were looked up and found good.
struct Way {
    client: Client,
    found: Instant,
}

/// What came of an attempt.
#[derive(Debug)]
pub(super) enum Attempted {
    Answered {
        status: StatusCode,
        retry_after: Option<Duration>,
    },
    Unanswered(reqwest::Error),
    Nowhere(Unreachable),
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Delivered,
    /// After this pause.
    Again(Duration),
    /// The receiver refuses this event, and has had the time to be mended.
    Never,
    /// The receiver wants no more of any.
    Gone,
}

impl Delivery {
    pub(super) fn new(webhook: Webhook) -> Self {
        Self { webhook, way: None }
    }

    pub(super) async fn attempt(&mut self, event: &Event, now: Moment) -> Attempted {
        let attempted = self.post(event, now).await;
        let attempted = attempted.unwrap_or_else(|failed| failed);
        if !matches!(attempted, Attempted::Answered { .. }) {
            // The name may lead elsewhere by now.
            self.way = None;
        }
        attempted
    }

    async fn post(&mut self, event: &Event, now: Moment) -> Result<Attempted, Attempted> {
        let client = self.client(now.instant).await?;
        let timestamp = now.epoch_ms / 1000;
        let signature = self.webhook.key.sign(&event.id, timestamp, &event.body);
        let mut response = client
            .post(self.webhook.url.clone())
            .header(CONTENT_TYPE, EVENT)
            .header("webhook-id", &event.id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(event.body.clone())
            .send()
            .await
            .map_err(Attempted::Unanswered)?;
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let mut read = 0;
        // A short answer is read to its end, so that the connection can be used again.
        while let Ok(Some(chunk)) = response.chunk().await {
            read += chunk.len();
            if read > ANSWER_LIMIT {
                break;
            }
        }
        Ok(Attempted::Answered {
            status: response.status(),
            retry_after,
        })
    }

    async fn client(&mut self, now: Instant) -> Result<Client, Attempted> {
        if let Some(way) = &self.way
            && now.duration_since(way.found) < LOOKED_UP_AGAIN
        {
            return Ok(way.client.clone());
        }
        let url = &self.webhook.url;
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or(443);
        let addresses = destination::addresses(host, port, self.webhook.reach)
            .await
            .map_err(Attempted::Nowhere)?;
        // A redirect would lead where nobody has looked, and so would a proxy's own look-up.
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .resolve_to_addrs(host, &addresses)
            .connect_timeout(CONNECTED_WITHIN)
            .timeout(ANSWERED_WITHIN)
            .user_agent(concat!("Warmline/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(Attempted::Unanswered)?;
        self.way = Some(Way {
            client: client.clone(),
            found: now,
        });
        Ok(client)
    }
}

impl Attempted {
    /// `attempt` counts from 1.
    pub(super) fn verdict(&self, attempt: u32) -> Verdict {
        let again = Verdict::Again(pause(attempt));
        match self {
            Self::Answered { status, .. } if status.is_success() => Verdict::Delivered,
            Self::Answered {
                status: StatusCode::GONE,
                ..
            } => Verdict::Gone,
            Self::Answered {
                status: StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE,
                retry_after: Some(asked),
            } => Verdict::Again(pause(attempt).max(*asked).min(LONGEST_PAUSE)),
            Self::Answered {
                status: StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS,
                ..
            } => again,
            Self::Answered { status, .. }
                if status.is_client_error() && attempt >= REFUSALS_AT_MOST =>
            {
                Verdict::Never
            }
            Self::Answered { .. } | Self::Unanswered(_) | Self::Nowhere(_) => again,
        }
    }
}

impl fmt::Display for Attempted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered { status, .. } => write!(f, "the receiver answered {status}"),
            // The URL may hold a secret.
            Self::Unanswered(error) if error.is_timeout() => f.write_str("no answer in time"),
            Self::Unanswered(error) if error.is_connect() => f.write_str("no connection"),
            Self::Unanswered(_) => f.write_str("the connection broke"),
            Self::Nowhere(unreachable) => unreachable.fmt(f),
        }
    }
}

/// One second, then twice as long each time, up to five minutes.
fn pause(attempt: u32) -> Duration {
    let doubled = attempt.saturating_sub(1).min(9);
    (FIRST_PAUSE * 2_u32.pow(doubled)).min(LONGEST_PAUSE)
}

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Some half an hour: time for an operator to mend a receiver that refuses what it doesn't understand.
const REFUSALS_AT_MOST: u32 = 14;

const CONNECTED_WITHIN: Duration = Duration::from_secs(5);

/// As Standard Webhooks advises (15 to 30 s).
const ANSWERED_WITHIN: Duration = Duration::from_secs(15);

/// A receiver's name is looked up as often, at most.
const LOOKED_UP_AGAIN: Duration = Duration::from_secs(60);

const ANSWER_LIMIT: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, retry_after: Option<u64>) -> Attempted {
        Attempted::Answered {
            status: StatusCode::from_u16(status).expect("a status"),
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    #[test]
    fn pauses_grow_to_five_minutes() {
        let pauses: Vec<u64> = (1..=12).map(|attempt| pause(attempt).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
    }

    #[test]
    fn an_answer_decides_what_follows() {
        let again = |seconds| Verdict::Again(Duration::from_secs(seconds));
        assert_eq!(answered(200, None).verdict(1), Verdict::Delivered);
        assert_eq!(answered(204, None).verdict(9), Verdict::Delivered);
        assert_eq!(answered(410, None).verdict(1), Verdict::Gone);
        assert_eq!(answered(500, None).verdict(3), again(4));
        assert_eq!(answered(503, None).verdict(1000), again(300));
        assert_eq!(answered(503, Some(60)).verdict(1), again(60));
        assert_eq!(answered(429, Some(86_400)).verdict(1), again(300));
        // Redirects aren't followed.
        assert_eq!(answered(302, None).verdict(1000), again(300));
        assert_eq!(answered(400, None).verdict(13), again(300));
        assert_eq!(answered(400, None).verdict(14), Verdict::Never);
        assert_eq!(answered(429, None).verdict(1000), again(300));
    }
}
