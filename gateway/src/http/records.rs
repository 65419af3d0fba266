//! Calls wherever they are: those in memory first, because they are fresher, then those in the store.

use std::collections::HashSet;

use serde_json::json;

use super::problem::Problem;
use crate::agent::wire::CallState;
use crate::call::CallId;
use crate::clock::Moment;
use crate::events::{About, Event, Kind};
use crate::store::{Disposition, Kept, Store, StoreError, Wanted};
use crate::switchboard::{Action, CallFilter, Switchboard};

/// Both places where calls are.
#[derive(Debug)]
pub(super) struct Records {
    pub switchboard: Switchboard,
    pub store: Store,
}

impl Records {
    /// A call that is or was; `None` where there is none of that id.
    pub(super) async fn find(&self, call: &CallId) -> Result<Option<Kept>, Problem> {
        match self.switchboard.call(call.clone()).await? {
            Some(record) => Kept::of(&record).map(Some).map_err(unreadable),
            None => self.store.find(call).await.map_err(unavailable),
        }
    }

    /// Newest first. Calls that aren't closed are in memory only, so the store is asked for closed ones alone.
    pub(super) async fn list(&self, filter: CallFilter) -> Result<Vec<Kept>, Problem> {
        let wanted = Wanted {
            agent: filter.agent.clone(),
            from: filter.from,
            to: filter.to,
            before: filter.before.clone(),
            limit: filter.limit,
        };
        let state = filter.state;
        let records = self.switchboard.calls(filter).await?;
        let calls: Result<Vec<Kept>, _> = records.iter().map(Kept::of).collect();
        let mut calls = calls.map_err(unreadable)?;
        if !state.is_none_or(|state| state == CallState::Closed) {
            return Ok(calls);
        }
        let limit = wanted.limit;
        let fresh: HashSet<CallId> = calls.iter().map(|kept| kept.place.call.clone()).collect();
        let stored = self.store.list(wanted).await.map_err(unavailable)?;
        let older = stored
            .into_iter()
            .filter(|kept| !fresh.contains(&kept.place.call));
        calls.extend(older);
        calls.sort_unstable_by(|a, b| b.place.cmp(&a.place));
        calls.truncate(limit);
        Ok(calls)
    }

    /// Gives a call its disposition, wherever the call is.
    pub(super) async fn dispose(
        &self,
        call: CallId,
        disposition: Disposition,
    ) -> Result<Kept, Problem> {
        let action = Action::Dispose(disposition.clone());
        match self.switchboard.act(call.clone(), None, action).await {
            Err(problem) if problem.kind == "not-found" => {
                let now = Moment::read().epoch_ms;
                let disposed = self.store.dispose(call.clone(), disposition, now).await;
                if disposed.map_err(unavailable)?
                    && let Some(kept) = self.find(&call).await?
                {
                    self.store.tell(disposed_late(&kept, now));
                }
            }
            Ok(_) => {}
            Err(problem) => return Err(problem),
        }
        let kept = self.find(&call).await?;
        kept.ok_or_else(|| Problem::not_found("There is no such call."))
    }
}

/// The switchboard tells of the calls that it still has.
fn disposed_late(kept: &Kept, now: u64) -> Event {
    let about = About {
        subject: kept.place.call.as_str().to_owned(),
        agent: Some(kept.agent.clone()),
    };
    let data = json!({ "call": kept.view, "disposition": kept.disposition });
    Event::new(Kind::CallDisposed, about, now, data)
}

fn unavailable(error: StoreError) -> Problem {
    Problem::unavailable(format!("The call records can't be reached: {error}."))
}

fn unreadable(error: serde_json::Error) -> Problem {
    unavailable(StoreError::Unreadable(error.into()))
}
