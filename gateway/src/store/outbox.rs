//! The outbox: every event once, in the order in which it was written, and how far each sink has come with them.
//!
//! An event is told to nobody before it is on the disk; from then on each sink reads at its own pace, and a sink that was
//! away goes on where it was. What is older than the configured time goes, read or not.

use bytes::Bytes;
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params, params_from_iter};
use tokio::sync::watch;

use super::pending::Job;
use super::{Store, StoreError};
use crate::events::{Event, Types};

/// How far the outbox is on the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Head {
    /// The newest event's place; 0 before the first.
    pub last: u64,
    /// The program ends: readers are to go.
    pub closing: bool,
}

/// An event and its place, which rises by one with each.
#[derive(Debug, Clone, PartialEq)]
pub struct Queued {
    pub seq: u64,
    pub event: Event,
}

/// Which events somebody reads; the empty one is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interest {
    /// Of these kinds all.
    pub everybodys: Vec<&'static str>,
    /// Of these those of `agent`.
    pub agents: Vec<&'static str>,
    pub agent: Option<String>,
}

impl Interest {
    pub fn all() -> Self {
        Self::of(&Types::default())
    }

    /// All events of these types, whosever they are.
    pub fn of(types: &Types) -> Self {
        Self {
            everybodys: types.kinds().collect(),
            ..Self::default()
        }
    }
}

/// Events in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    pub events: Vec<Queued>,
    /// Up to here all that was wanted is in `events`.
    pub reached: u64,
    /// The oldest event that is still there, or the place of the next one.
    pub oldest: u64,
}

impl Page {
    /// Whether events behind `seq` are gone.
    pub fn lacks_after(&self, seq: u64) -> bool {
        seq + 1 < self.oldest
    }
}

/// How far a sink has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    pub sink: String,
    /// It has all events up to this one.
    pub seq: u64,
    pub state: SinkState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkState {
    Enabled,
    /// It asked not to be told any more, epoch milliseconds.
    DisabledAt(u64),
}

impl Store {
    /// Sends an event on its way. Never waits for the disk.
    pub fn tell(&self, event: Event) {
        self.0.pending.push(Job::Event(event));
    }

    /// A sink that isn't known yet begins with the next event that is told.
    pub fn begin_sink(&self, name: &str) {
        self.0.pending.push(Job::Sink(name.to_owned()));
    }

    /// Remembers how far a sink has come.
    pub fn move_sink(&self, cursor: Cursor) {
        self.0.pending.push(Job::Cursor(cursor));
    }

    /// Tells of each step of the outbox.
    pub fn head(&self) -> watch::Receiver<Head> {
        self.0.pending.head.subscribe()
    }

    /// Lets everybody go who reads events as they come.
    pub fn end_streams(&self) {
        self.0.pending.head.send_modify(|head| head.closing = true);
    }

    /// The events behind a place, as far as one look goes.
    ///
    /// # Errors
    ///
    /// The file can't be read.
    pub async fn events_after(
        &self,
        seq: u64,
        interest: &Interest,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let interest = interest.clone();
        self.read(move |connection| Ok(after(connection, seq, &interest, limit)?))
            .await
    }

    /// An event's place; `None` where it is none of ours, or is gone.
    ///
    /// # Errors
    ///
    /// The file can't be read.
    pub async fn place_of_event(&self, id: &str) -> Result<Option<u64>, StoreError> {
        let id = id.to_owned();
        self.read(move |connection| Ok(place(connection, &id)?))
            .await
    }

    /// How far a sink has come; `None` while it isn't written yet.
    ///
    /// # Errors
    ///
    /// The file can't be read.
    pub async fn sink(&self, name: &str) -> Result<Option<Cursor>, StoreError> {
        let name = name.to_owned();
        self.read(move |connection| Ok(sink(connection, name)?))
            .await
    }
}

/// Its place.
pub(super) fn write(to: &Transaction<'_>, event: &Event) -> Result<u64, rusqlite::Error> {
    let sql = "INSERT INTO events (id, kind, agent, at, body) VALUES (?1, ?2, ?3, ?4, ?5)";
    to.prepare_cached(sql)?.execute(params![
        event.id,
        event.kind,
        event.agent,
        event.at.cast_signed(),
        event.body.as_ref(),
    ])?;
    Ok(to.last_insert_rowid().cast_unsigned())
}

pub(super) fn begin(to: &Transaction<'_>, name: &str) -> Result<(), rusqlite::Error> {
    let last = last(to)?.cast_signed();
    let sql = "INSERT OR IGNORE INTO sinks (name, seq) VALUES (?1, ?2)";
    to.execute(sql, params![name, last])?;
    Ok(())
}

pub(super) fn move_to(to: &Transaction<'_>, cursor: &Cursor) -> Result<(), rusqlite::Error> {
    let disabled_at = match cursor.state {
        SinkState::Enabled => None,
        SinkState::DisabledAt(at) => Some(at.cast_signed()),
    };
    let sql = "INSERT OR REPLACE INTO sinks (name, seq, disabled_at) VALUES (?1, ?2, ?3)";
    to.prepare_cached(sql)?
        .execute(params![cursor.sink, cursor.seq.cast_signed(), disabled_at])?;
    Ok(())
}

/// The newest event's place, even when it is gone.
pub(super) fn last(connection: &Connection) -> Result<u64, rusqlite::Error> {
    let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'events'";
    let last: Option<i64> = connection.query_row(sql, [], |row| row.get(0)).optional()?;
    Ok(last.unwrap_or(0).cast_unsigned())
}

pub(super) fn forget_before(to: &Transaction<'_>, at: u64) -> Result<(), rusqlite::Error> {
    to.execute("DELETE FROM events WHERE at < ?1", [at.cast_signed()])?;
    let kept_from = last(to)?.saturating_sub(EVENTS_AT_MOST);
    to.execute(
        "DELETE FROM events WHERE seq <= ?1",
        [kept_from.cast_signed()],
    )?;
    Ok(())
}

fn after(
    connection: &Connection,
    seq: u64,
    interest: &Interest,
    limit: usize,
) -> Result<Page, rusqlite::Error> {
    // One read transaction: what is swept between two statements would look like a gap that nobody told of.
    let transaction = connection.unchecked_transaction()?;
    let last = last(&transaction)?;
    let oldest: Option<i64> =
        transaction.query_row("SELECT MIN(seq) FROM events", [], |row| row.get(0))?;
    let oldest = oldest.map_or(last + 1, i64::cast_unsigned);
    let from = seq.max(oldest.saturating_sub(1));
    let to = last.min(from.saturating_add(LOOKED_AT)).max(from);
    let mut values = vec![
        Sql::Integer(from.cast_signed()),
        Sql::Integer(to.cast_signed()),
    ];
    let everybodys = one_of(&interest.everybodys, &mut values);
    let agents = one_of(&interest.agents, &mut values);
    values.push(interest.agent.clone().map_or(Sql::Null, Sql::Text));
    values.push(Sql::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
    let sql = format!(
        "SELECT seq, id, kind, agent, at, body FROM events WHERE seq > ? AND seq <= ?
            AND (kind IN ({everybodys}) OR kind IN ({agents}) AND agent = ?) ORDER BY seq LIMIT ?"
    );
    let mut statement = transaction.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), queued)?;
    let events = rows.collect::<Result<Vec<_>, _>>()?;
    let reached = match events.last() {
        Some(queued) if events.len() >= limit => queued.seq,
        Some(_) | None => to,
    };
    Ok(Page {
        events,
        reached,
        oldest,
    })
}

/// Places for the words, which join the values.
fn one_of(words: &[&'static str], values: &mut Vec<Sql>) -> String {
    values.extend(words.iter().map(|word| Sql::Text((*word).to_owned())));
    vec!["?"; words.len()].join(", ")
}

fn queued(row: &Row<'_>) -> Result<Queued, rusqlite::Error> {
    let body: Vec<u8> = row.get(5)?;
    Ok(Queued {
        seq: row.get::<_, i64>(0)?.cast_unsigned(),
        event: Event {
            id: row.get(1)?,
            kind: row.get(2)?,
            agent: row.get(3)?,
            at: row.get::<_, i64>(4)?.cast_unsigned(),
            body: Bytes::from(body),
        },
    })
}

fn place(connection: &Connection, id: &str) -> Result<Option<u64>, rusqlite::Error> {
    let sql = "SELECT seq FROM events WHERE id = ?1";
    let seq: Option<i64> = connection
        .query_row(sql, [id], |row| row.get(0))
        .optional()?;
    Ok(seq.map(i64::cast_unsigned))
}

fn sink(connection: &Connection, name: String) -> Result<Option<Cursor>, rusqlite::Error> {
    let sql = "SELECT seq, disabled_at FROM sinks WHERE name = ?1";
    let found: Option<(i64, Option<i64>)> = connection
        .query_row(sql, [&name], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(found.map(|(seq, disabled_at)| Cursor {
        sink: name,
        seq: seq.cast_unsigned(),
        state: match disabled_at {
            None => SinkState::Enabled,
            Some(at) => SinkState::DisabledAt(at.cast_unsigned()),
        },
    }))
}

/// About a gigabyte, whatever the configured time says.
const EVENTS_AT_MOST: u64 = 1_000_000;

/// Events that one look passes: whoever wants few of many lets others at the file in between.
const LOOKED_AT: u64 = 10_000;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::events::{About, Kind};

    async fn told(store: &Store, kind: Kind, agent: &str, count: u64) {
        let before = store.head().borrow().last;
        for _ in 0..count {
            let about = About {
                subject: "c_1".to_owned(),
                agent: Some(agent.to_owned()),
            };
            store.tell(Event::new(kind, about, 1_000, json!({})));
        }
        let mut head = store.head();
        let written = head.wait_for(|head| head.last == before + count).await;
        written.expect("open");
    }

    fn places(page: &Page) -> Vec<u64> {
        page.events.iter().map(|queued| queued.seq).collect()
    }

    #[tokio::test]
    async fn only_what_is_wanted_is_read_however_much_lies_between() {
        let store = Store::temporary();
        told(&store, Kind::CallCreated, "agent7", 300).await;
        told(&store, Kind::RecordingPublished, "agent8", 1).await;
        told(&store, Kind::RecordingPublished, "agent7", 2).await;
        told(&store, Kind::CallCreated, "agent7", 5).await;
        let interest = Interest {
            everybodys: Vec::new(),
            agents: vec!["recording.published"],
            agent: Some("agent7".to_owned()),
        };
        let page = store.events_after(0, &interest, 10).await.expect("read");
        assert_eq!((places(&page), page.reached), (vec![302, 303], 308));
        let page = store.events_after(0, &interest, 1).await.expect("read");
        assert_eq!((places(&page), page.reached), (vec![302], 302));
        let page = store.events_after(302, &interest, 1).await.expect("read");
        assert_eq!((places(&page), page.reached), (vec![303], 303));
        let recordings = Types::parse(["recording.*"]).expect("a type");
        let interest = Interest::of(&recordings);
        let page = store.events_after(0, &interest, 9).await.expect("read");
        assert_eq!(places(&page), [301, 302, 303]);
        let none = Interest::default();
        let page = store.events_after(0, &none, 9).await.expect("read");
        assert_eq!((places(&page), page.reached), (vec![], 308));
    }
}
