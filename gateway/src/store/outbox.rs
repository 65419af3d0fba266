//! The outbox: every event once, in the order in which it was written, and how far each sink has come with them.
//!
//! An event is told to nobody before it is on the disk; from then on each sink reads at its own pace, and a sink that was
//! away goes on where it was. What is older than the configured time goes, read or not.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use tokio::sync::watch;

use super::pending::Job;
use super::{Store, StoreError};
use crate::events::Event;

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

/// Events in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    pub events: Vec<Queued>,
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

    /// The events behind a place.
    ///
    /// # Errors
    ///
    /// The file can't be read.
    pub async fn events_after(&self, seq: u64, limit: usize) -> Result<Page, StoreError> {
        self.read(move |connection| Ok(after(connection, seq, limit)?))
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

fn after(connection: &Connection, seq: u64, limit: usize) -> Result<Page, rusqlite::Error> {
    // One read transaction: what is swept between two statements would look like a gap that nobody told of.
    let transaction = connection.unchecked_transaction()?;
    let sql =
        "SELECT seq, id, kind, agent, at, body FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    let mut statement = transaction.prepare_cached(sql)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map([seq.cast_signed(), limit], |row| {
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
    })?;
    let events = rows.collect::<Result<_, _>>()?;
    let oldest: Option<i64> =
        transaction.query_row("SELECT MIN(seq) FROM events", [], |row| row.get(0))?;
    let oldest = match oldest {
        Some(oldest) => oldest.cast_unsigned(),
        None => last(&transaction)? + 1,
    };
    Ok(Page { events, oldest })
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
