//! `/v1/events`: what happens, as it happens, from where the reader stopped.
//!
//! Server-sent events; each one's `id` is the event's, which comes back in `Last-Event-ID`. A reader whose last event was
//! forgotten is told by an event `gap` and begins with the oldest that is there.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::{StreamExt as _, stream};
use http::HeaderMap;
use http::header::{CACHE_CONTROL, HeaderName};
use serde::Deserialize;
use tokio::sync::watch;

use super::Public;
use super::auth::{Caller, Scope};
use super::problem::Problem;
use super::readers::Seat;
use super::request::Asked;
use crate::clock::Moment;
use crate::events::{Event, Types};
use crate::store::{Head, Interest, Store};

pub(super) fn routes() -> Router<Arc<Public>> {
    Router::new().route("/v1/events", get(follow))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asking {
    /// Which events, separated by commas: `call.*,recording.published`.
    types: Option<String>,
}

async fn follow(
    State(public): State<Arc<Public>>,
    caller: Caller,
    headers: HeaderMap,
    Asked(asking): Asked<Asking>,
) -> Result<Response, Problem> {
    let audience = Audience::of(&caller)?;
    let types = match &asking.types {
        None => Types::default(),
        Some(words) => Types::parse(words.split(','))
            .map_err(|wrong| Problem::bad_request(format!("The query: {wrong}.")))?,
    };
    let place = public.readers.admit(&caller.subject)?;
    let store = public.records.store.clone();
    let head = store.head();
    let last = headers
        .get(&LAST_EVENT_ID)
        .and_then(|value| value.to_str().ok());
    let (seq, gap) = begin(&store, &head, last).await?;
    let reader = Reader {
        store,
        head,
        seq,
        waiting: VecDeque::from_iter(gap),
        interest: audience.interest(&types),
        _place: place,
    };
    let left = Duration::from_secs(caller.expires)
        .saturating_sub(Duration::from_millis(Moment::read().epoch_ms));
    let events = stream::unfold(reader, |mut reader| async move {
        let event = reader.next().await?;
        Some((Ok::<_, Infallible>(event), reader))
    });
    // A token that has expired reads no further; a fresh one goes on behind `Last-Event-ID`.
    let events = events.take_until(Box::pin(tokio::time::sleep(left)));
    let alive = KeepAlive::new().interval(HEARTBEAT).text("heartbeat");
    let headers = [(CACHE_CONTROL, "no-store")];
    Ok((headers, Sse::new(events).keep_alive(alive)).into_response())
}

/// Behind the event that the reader had last; without one, behind the newest.
async fn begin(
    store: &Store,
    head: &watch::Receiver<Head>,
    last: Option<&str>,
) -> Result<(u64, Option<sse::Event>), Problem> {
    let newest = head.borrow().last;
    let Some(last) = last.filter(|last| !last.is_empty()) else {
        return Ok((newest, None));
    };
    let unavailable = |error| Problem::unavailable(format!("The events can't be read: {error}."));
    if last == FROM_THE_OLDEST {
        return Ok((0, None));
    }
    match store.place_of_event(last).await.map_err(unavailable)? {
        Some(seq) => Ok((seq, None)),
        None => Ok((0, Some(gap()))),
    }
}

/// Whose events a token reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Audience {
    calls: Sight,
    recordings: Sight,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Sight {
    All,
    Own(String),
    None,
}

impl Audience {
    fn of(caller: &Caller) -> Result<Self, Problem> {
        let sight = |scope| {
            if caller.has(scope) || caller.has(Scope::Admin) {
                Sight::All
            } else if caller.has(Scope::Agent) {
                Sight::Own(caller.subject.clone())
            } else {
                Sight::None
            }
        };
        let audience = Self {
            calls: sight(Scope::CallsRead),
            recordings: sight(Scope::RecordingsRead),
        };
        match (&audience.calls, &audience.recordings) {
            (Sight::None, Sight::None) => Err(Problem::insufficient_scope(
                "This needs a token with the scope calls:read or recordings:read.",
            )),
            _ => Ok(audience),
        }
    }

    /// What of these types it may read.
    fn interest(&self, types: &Types) -> Interest {
        let mut interest = Interest::default();
        for kind in types.kinds() {
            let sight = match kind.starts_with("recording.") {
                true => &self.recordings,
                false => &self.calls,
            };
            match sight {
                Sight::All => interest.everybodys.push(kind),
                Sight::Own(own) => {
                    interest.agents.push(kind);
                    interest.agent = Some(own.clone());
                }
                Sight::None => {}
            }
        }
        interest
    }
}

struct Reader {
    store: Store,
    head: watch::Receiver<Head>,
    /// All up to this one was looked at.
    seq: u64,
    waiting: VecDeque<sse::Event>,
    interest: Interest,
    _place: Seat,
}

impl Reader {
    /// The next event for this reader; `None` when the gateway stops, or can't read: the reader comes again.
    async fn next(&mut self) -> Option<sse::Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            let head = *self.head.borrow_and_update();
            if head.last > self.seq {
                self.read().await?;
            } else if head.closing || self.head.changed().await.is_err() {
                return None;
            }
        }
    }

    async fn read(&mut self) -> Option<()> {
        let page = self
            .store
            .events_after(self.seq, &self.interest, BATCH)
            .await;
        let page = page
            .map_err(|error| tracing::warn!(%error, "events can't be read"))
            .ok()?;
        if self.seq > 0 && page.lacks_after(self.seq) {
            self.waiting.push_back(gap());
        }
        self.seq = page.reached;
        let events = page.events.iter();
        self.waiting
            .extend(events.map(|queued| written(&queued.event)));
        Some(())
    }
}

fn written(event: &Event) -> sse::Event {
    // JSON has no line breaks outside its strings, and in them they are escaped.
    let body = String::from_utf8_lossy(&event.body);
    sse::Event::default().id(&event.id).data(body)
}

fn gap() -> sse::Event {
    sse::Event::default()
        .event("gap")
        .data(r#"{"detail":"Events behind the last one that you had are no longer kept."}"#)
}

static LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// In `Last-Event-ID`, instead of an event's.
const FROM_THE_OLDEST: &str = "0";

/// Proxies close what is silent for a minute.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Events read at a time.
const BATCH: usize = 200;

#[cfg(test)]
mod tests;
