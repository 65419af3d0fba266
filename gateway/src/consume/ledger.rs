//! What the consumer remembers: the last event, and each piece of work, in SQLite.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};

#[derive(Debug)]
pub(super) struct Ledger(Mutex<Connection>);

/// A recording to be worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// The event's id.
    pub event: String,
    /// The CloudEvent.
    pub body: String,
    /// Attempts that failed.
    pub failed: u32,
}

impl Ledger {
    pub(super) fn open(path: &Path) -> Result<Self, rusqlite::Error> {
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // A cursor that a power cut takes back costs nothing but work that is done again.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute_batch(TABLES)?;
        Ok(Self(Mutex::new(connection)))
    }

    /// The event behind which to go on.
    pub(super) fn cursor(&self) -> Result<Option<String>, rusqlite::Error> {
        let sql = "SELECT event FROM cursor";
        self.with(|connection| connection.query_row(sql, [], |row| row.get(0)).optional())
    }

    /// Writes an event down, and that it was read. One that is known is no work again.
    pub(super) fn take(&self, event: &str, body: &str, now: u64) -> Result<(), rusqlite::Error> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            let sql = "INSERT OR IGNORE INTO work (event, body, due) VALUES (?1, ?2, ?3)";
            transaction.execute(sql, params![event, body, now.cast_signed()])?;
            let sql = "INSERT OR REPLACE INTO cursor (one, event) VALUES (1, ?1)";
            transaction.execute(sql, [event])?;
            transaction.commit()
        })
    }

    /// The piece that has waited longest, of those that are due.
    pub(super) fn next(&self, now: u64) -> Result<Option<Piece>, rusqlite::Error> {
        let sql = "SELECT event, body, failed FROM work WHERE state = 'waiting' AND due <= ?1 ORDER BY due, event LIMIT 1";
        self.with(|connection| {
            let piece = |row: &rusqlite::Row<'_>| {
                Ok(Piece {
                    event: row.get(0)?,
                    body: row.get(1)?,
                    failed: row.get(2)?,
                })
            };
            connection
                .query_row(sql, [now.cast_signed()], piece)
                .optional()
        })
    }

    pub(super) fn done(&self, event: &str) -> Result<(), rusqlite::Error> {
        self.settle(event, "done")
    }

    /// It is never tried again.
    pub(super) fn dead(&self, event: &str) -> Result<(), rusqlite::Error> {
        self.settle(event, "dead")
    }

    pub(super) fn failed(&self, event: &str, due: u64) -> Result<(), rusqlite::Error> {
        let sql = "UPDATE work SET failed = failed + 1, due = ?2 WHERE event = ?1";
        self.with(|connection| connection.execute(sql, params![event, due.cast_signed()]))?;
        Ok(())
    }

    /// The body isn't kept: it names people.
    fn settle(&self, event: &str, state: &str) -> Result<(), rusqlite::Error> {
        let sql = "UPDATE work SET state = ?2, body = '' WHERE event = ?1";
        self.with(|connection| connection.execute(sql, params![event, state]))?;
        Ok(())
    }

    /// Each statement is a moment's; nothing is awaited in between.
    fn with<T>(
        &self,
        ask: impl FnOnce(&mut Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, rusqlite::Error> {
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ask(&mut connection)
    }
}

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS cursor (one INTEGER PRIMARY KEY CHECK (one = 1), event TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS work (
        event  TEXT PRIMARY KEY,
        body   TEXT NOT NULL,
        state  TEXT NOT NULL DEFAULT 'waiting',
        failed INTEGER NOT NULL DEFAULT 0,
        due    INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS work_waiting ON work (due, event) WHERE state = 'waiting';
";

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger() -> Ledger {
        Ledger::open(Path::new(":memory:")).expect("a ledger")
    }

    #[test]
    fn an_event_that_comes_twice_is_one_piece_of_work() {
        let ledger = ledger();
        assert_eq!(ledger.cursor(), Ok(None));
        ledger.take("e_1", "one", 10).expect("taken");
        ledger.take("e_2", "two", 11).expect("taken");
        ledger.take("e_1", "one", 12).expect("taken");
        assert_eq!(ledger.cursor(), Ok(Some("e_1".to_owned())));
        let first = ledger.next(20).expect("read").expect("one");
        assert_eq!((first.event.as_str(), first.failed), ("e_1", 0));
        ledger.done("e_1").expect("done");
        ledger.take("e_1", "one", 13).expect("taken");
        let second = ledger.next(20).expect("read").expect("one");
        assert_eq!(second.body, "two");
        ledger.dead("e_2").expect("dead");
        assert_eq!(ledger.next(20), Ok(None));
    }

    #[test]
    fn what_failed_waits_its_turn() {
        let ledger = ledger();
        ledger.take("e_1", "one", 10).expect("taken");
        ledger.take("e_2", "two", 10).expect("taken");
        ledger.failed("e_1", 30).expect("written");
        assert_eq!(ledger.next(20).expect("read").expect("one").event, "e_2");
        ledger.done("e_2").expect("done");
        assert_eq!(ledger.next(20), Ok(None));
        let again = ledger.next(30).expect("read").expect("one");
        assert_eq!((again.event.as_str(), again.failed), ("e_1", 1));
    }
}
