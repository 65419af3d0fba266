//! The tables, and how an older file becomes a present one.

use rusqlite::Connection;

/// The file can't become a present one.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    #[error("the file's version is {found}, and this program knows {known}")]
    Later { found: usize, known: usize },
}

/// Brings the file to the present version, one step after the other; `user_version` is the number of steps done.
///
/// # Errors
///
/// The file can't be written, isn't a database, or is a later version's.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), SchemaError> {
    // The log is written ahead, so that readers never wait; a commit is on the disk at the next checkpoint, and
    // survives the end of the process in any case.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    let done: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let done = usize::try_from(done).unwrap_or(usize::MAX);
    if done > STEPS.len() {
        return Err(SchemaError::Later {
            found: done,
            known: STEPS.len(),
        });
    }
    for (step, sql) in STEPS.iter().enumerate().skip(done) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(sql)?;
        let now_done = u32::try_from(step + 1).unwrap_or(u32::MAX);
        transaction.pragma_update(None, "user_version", now_done)?;
        transaction.commit()?;
    }
    Ok(())
}

/// A step is never changed once it was released.
const STEPS: &[&str] = &[
    "
    CREATE TABLE calls (
        id          TEXT PRIMARY KEY,
        agent       TEXT NOT NULL,
        direction   TEXT NOT NULL,
        state       TEXT NOT NULL,
        peer        TEXT NOT NULL,
        peer_name   TEXT,
        via         TEXT NOT NULL,
        ucid        TEXT,
        campaign    TEXT,
        did         TEXT,
        skill       TEXT,
        uui         TEXT,
        context     TEXT,
        started_at  INTEGER NOT NULL,
        answered_at INTEGER,
        ended_at    INTEGER,
        ended_by    TEXT,
        reason      TEXT,
        cause       TEXT,
        detail      TEXT,
        sip_code    INTEGER,
        sip_reason  TEXT,
        disposition TEXT,
        notes       TEXT,
        callback_at INTEGER,
        disposed_at INTEGER,
        platform    TEXT NOT NULL,
        story       TEXT NOT NULL,
        view        TEXT NOT NULL
    ) STRICT;
    CREATE INDEX calls_by_start ON calls (started_at, id);
    CREATE INDEX calls_by_agent ON calls (agent, started_at, id);
    CREATE INDEX calls_open ON calls (id) WHERE state <> 'closed';
    CREATE TABLE idempotency (
        caller      TEXT NOT NULL,
        key         TEXT NOT NULL,
        fingerprint INTEGER NOT NULL,
        call        TEXT NOT NULL,
        answer      BLOB,
        at          INTEGER NOT NULL,
        PRIMARY KEY (caller, key)
    ) STRICT;
    CREATE INDEX idempotency_by_age ON idempotency (at);
",
    "
    CREATE TABLE events (
        seq   INTEGER PRIMARY KEY AUTOINCREMENT,
        id    TEXT NOT NULL UNIQUE,
        kind  TEXT NOT NULL,
        agent TEXT,
        at    INTEGER NOT NULL,
        body  BLOB NOT NULL
    ) STRICT;
    CREATE INDEX events_by_age ON events (at);
    CREATE TABLE sinks (
        name        TEXT PRIMARY KEY,
        seq         INTEGER NOT NULL,
        disabled_at INTEGER
    ) STRICT;
    CREATE TABLE recordings (
        id           TEXT PRIMARY KEY,
        call         TEXT NOT NULL,
        agent        TEXT,
        started_at   INTEGER NOT NULL,
        published_at INTEGER NOT NULL,
        path         TEXT NOT NULL,
        audio        TEXT NOT NULL,
        bytes        INTEGER NOT NULL,
        sha256       TEXT NOT NULL,
        held         INTEGER NOT NULL DEFAULT 0,
        deleting     INTEGER NOT NULL DEFAULT 0,
        manifest     TEXT NOT NULL
    ) STRICT;
    CREATE INDEX recordings_by_start ON recordings (started_at, id);
    CREATE INDEX recordings_by_call ON recordings (call, started_at, id);
    CREATE INDEX recordings_by_agent ON recordings (agent, started_at, id);
    CREATE INDEX recordings_deleting ON recordings (id) WHERE deleting <> 0;
",
    // A list reads many rows, and a manifest is a thousand times as long as what a list shows of it.
    "
    CREATE TABLE manifests (
        recording TEXT PRIMARY KEY,
        manifest  TEXT NOT NULL
    ) STRICT;
    INSERT INTO manifests SELECT id, manifest FROM recordings;
    ALTER TABLE recordings ADD COLUMN summary TEXT NOT NULL DEFAULT '{}';
    UPDATE recordings SET summary = json_remove(manifest, '$.blocks') WHERE json_valid(manifest);
    ALTER TABLE recordings DROP COLUMN manifest;
",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_of_an_older_file_keeps_its_manifest_and_is_listed_without_its_blocks() {
        let mut connection = Connection::open_in_memory().expect("a database");
        for step in &STEPS[..2] {
            connection.execute_batch(step).expect("a step");
        }
        connection
            .pragma_update(None, "user_version", 2)
            .expect("noted");
        let manifest =
            "{\n  \"id\": \"r_1\",\n  \"skew_ppm\": [1.0, 0.5],\n  \"blocks\": [\"1:00\"]\n}";
        let sql =
            "INSERT INTO recordings VALUES ('r_1', 'c_1', NULL, 1, 2, 'p', 'a', 3, '00', 0, 0, ?1)";
        connection.execute(sql, [manifest]).expect("written");
        migrate(&mut connection).expect("the present version");
        let sql = "SELECT summary, manifest FROM recordings JOIN manifests ON recording = id";
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let (summary, kept): (String, String) = connection.query_row(sql, [], row).expect("one");
        assert_eq!(kept, manifest);
        assert_eq!(summary, r#"{"id":"r_1","skew_ppm":[1.0,0.5]}"#);
    }
}
