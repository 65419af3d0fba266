//! A webhook: events by POST, signed as Standard Webhooks 1.0 says, from where the receiver stopped.
//!
//! One event after the other: a receiver that is down holds up its own events and nobody else's.

mod delivery;
mod signature;

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use self::delivery::{Delivery, Verdict};
pub use self::signature::{NotAKey, SigningKey};
use super::destination::Reach;
use super::types::Types;
use crate::clock::Moment;
use crate::metrics::Metrics;
use crate::store::{Cursor, Head, Interest, Queued, SinkState, Store};

/// A receiver of events.
#[derive(Debug, Clone, PartialEq)]
pub struct Webhook {
    /// Its name in metrics and in the outbox; under another name it is another receiver.
    pub name: String,
    pub url: reqwest::Url,
    pub key: SigningKey,
    pub types: Types,
    pub reach: Reach,
}

/// Tells each of them what it hasn't heard, until the handles are aborted. Those that are new begin with what is told
/// from now on.
pub fn start(
    webhooks: &[Webhook],
    store: &Store,
    metrics: &Metrics,
    keep: Duration,
) -> Vec<JoinHandle<()>> {
    let each = webhooks.iter().map(|webhook| {
        store.begin_sink(&webhook.name);
        let sink = Sink {
            delivery: Delivery::new(webhook.clone()),
            name: webhook.name.clone(),
            interest: Interest::of(&webhook.types),
            store: store.clone(),
            head: store.head(),
            metrics: metrics.clone(),
            keep,
        };
        tokio::spawn(sink.run())
    });
    each.collect()
}

struct Sink {
    delivery: Delivery,
    name: String,
    interest: Interest,
    store: Store,
    head: watch::Receiver<Head>,
    metrics: Metrics,
    /// How long an event is tried.
    keep: Duration,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// Delivered, or never to be.
    Done,
    /// The receiver wants no more of any.
    Disabled,
}

impl Sink {
    async fn run(mut self) {
        let mut cursor = self.known().await;
        loop {
            if let SinkState::DisabledAt(_) = cursor.state {
                tracing::warn!(
                    sink = self.name,
                    "this webhook's receiver has answered 410 Gone: nothing is sent there; another name would enable it"
                );
                self.metrics.outbox(&self.name, 0, Duration::ZERO);
                return;
            }
            let head = *self.head.borrow_and_update();
            let page = self
                .store
                .events_after(cursor.seq, &self.interest, BATCH)
                .await;
            let page = match page {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(sink = self.name, %error, "events can't be read");
                    tokio::time::sleep(AFTER_AN_ERROR).await;
                    continue;
                }
            };
            if page.lacks_after(cursor.seq) {
                self.metrics.webhook("expired");
                tracing::error!(
                    sink = self.name,
                    "events were forgotten before this webhook's receiver took them"
                );
                cursor.seq = page.oldest - 1;
            }
            for queued in page.events {
                if self.tell(&queued).await == Told::Disabled {
                    cursor.state = SinkState::DisabledAt(Moment::read().epoch_ms);
                }
                cursor.seq = queued.seq;
                self.store.move_sink(cursor.clone());
                if cursor.state != SinkState::Enabled {
                    break;
                }
            }
            if cursor.state == SinkState::Enabled && page.reached > cursor.seq {
                cursor.seq = page.reached;
                self.store.move_sink(cursor.clone());
            }
            if cursor.state == SinkState::Enabled && cursor.seq >= head.last {
                self.metrics.outbox(&self.name, 0, Duration::ZERO);
                if self.head.changed().await.is_err() {
                    return;
                }
            }
        }
    }

    /// Where it stopped, once that can be read.
    async fn known(&self) -> Cursor {
        loop {
            match self.store.sink(&self.name).await {
                Ok(Some(cursor)) => return cursor,
                Ok(None) => {}
                Err(error) => tracing::debug!(sink = self.name, %error, "not known yet"),
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }

    /// Tries until there is an answer that counts.
    async fn tell(&mut self, queued: &Queued) -> Told {
        let event = &queued.event;
        for attempt in 1.. {
            self.measure(queued);
            let attempted = self.delivery.attempt(event, Moment::read()).await;
            let age = Moment::read().epoch_ms.saturating_sub(event.at);
            let too_old = u128::from(age) > self.keep.as_millis();
            match attempted.verdict(attempt) {
                Verdict::Delivered => {
                    self.metrics.webhook("delivered");
                    return Told::Done;
                }
                Verdict::Gone => {
                    self.metrics.webhook("disabled");
                    return Told::Disabled;
                }
                Verdict::Again(_) if too_old => {}
                Verdict::Again(pause) => {
                    self.metrics.webhook("failed");
                    tracing::warn!(sink = self.name, event = event.id, attempt, cause = %attempted, pause_s = pause.as_secs(), "a webhook failed; it is tried again");
                    self.wait(queued, pause).await;
                    continue;
                }
                Verdict::Never => {}
            }
            self.metrics.webhook("given-up");
            tracing::error!(sink = self.name, event = event.id, cause = %attempted, "a webhook is given up for this event");
            return Told::Done;
        }
        Told::Done
    }

    /// A pause in which the numbers stay true.
    async fn wait(&self, queued: &Queued, pause: Duration) {
        let until = Instant::now() + pause;
        while Instant::now() < until {
            sleep_until(until.min(Instant::now() + BETWEEN_MEASURES)).await;
            self.measure(queued);
        }
    }

    fn measure(&self, next: &Queued) {
        let last = self.head.borrow().last;
        let pending = (last + 1).saturating_sub(next.seq);
        let age = Moment::read().epoch_ms.saturating_sub(next.event.at);
        self.metrics
            .outbox(&self.name, pending, Duration::from_millis(age));
    }
}

/// Events read at a time.
const BATCH: usize = 100;

const AFTER_AN_ERROR: Duration = Duration::from_secs(1);

/// The store writes every 50 ms.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

const BETWEEN_MEASURES: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
