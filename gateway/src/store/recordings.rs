//! The table of published recordings: what is where, and what must stay.

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params, params_from_iter};

use super::{Store, StoreError};

/// A recording as it was published.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptRecording {
    pub place: RecordingPlace,
    pub call: String,
    pub agent: Option<String>,
    /// Epoch milliseconds.
    pub published_at: u64,
    /// The directory of its objects in the object store.
    pub path: String,
    /// The name of the audio in it.
    pub audio: String,
    pub bytes: u64,
    /// Of the audio as it is stored, in hexadecimal digits.
    pub sha256: String,
    pub hold: Hold,
    /// The manifest without its blocks, JSON: what lists and events show. The whole is [`Store::manifest`].
    pub summary: String,
}

/// A recording's place in the order of all: newest first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordingPlace {
    /// Epoch milliseconds.
    pub started_at: u64,
    pub id: String,
}

/// Whether somebody ordered that a recording stays, however old it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    Free,
    Legal,
}

/// Which of the recordings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WantedRecordings {
    pub call: Option<String>,
    pub agent: Option<String>,
    /// Only those behind this place.
    pub before: Option<RecordingPlace>,
    pub limit: usize,
}

impl Store {
    /// A published recording, by its id.
    ///
    /// # Errors
    ///
    /// The file can't be read.
    pub async fn recording(&self, id: &str) -> Result<Option<KeptRecording>, StoreError> {
        let id = id.to_owned();
        self.read(move |connection| {
            let sql = format!("{SELECT} WHERE deleting = 0 AND id = ?1");
            let mut statement = connection.prepare_cached(&sql)?;
            Ok(statement.query_row([id], kept).optional()?)
        })
        .await
    }

    /// The manifest's own bytes: of an hour's call some 150 kB.
    ///
    /// # Errors
    ///
    /// The file can't be read.
    pub async fn manifest(&self, recording: &str) -> Result<Option<String>, StoreError> {
        let id = recording.to_owned();
        self.read(move |connection| {
            let sql = "SELECT manifest FROM manifests WHERE recording = ?1";
            let mut statement = connection.prepare_cached(sql)?;
            Ok(statement.query_row([id], |row| row.get(0)).optional()?)
        })
        .await
    }

    /// Newest first.
    ///
    /// # Errors
    ///
    /// The file can't be read.
    pub async fn recordings(
        &self,
        wanted: WantedRecordings,
    ) -> Result<Vec<KeptRecording>, StoreError> {
        self.read(move |connection| Ok(list(connection, &wanted)?))
            .await
    }

    /// The oldest that began before `at` and may be deleted.
    ///
    /// # Errors
    ///
    /// The file can't be read.
    pub async fn recordings_before(
        &self,
        at: u64,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(move |connection| {
            let sql = "SELECT id FROM recordings WHERE deleting = 0 AND held = 0 AND started_at < ?1 ORDER BY started_at, id LIMIT ?2";
            let mut statement = connection.prepare_cached(sql)?;
            let ids = statement.query_map([at.cast_signed(), limit], |row| row.get(0))?;
            Ok(ids.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Those whose objects are to be deleted.
    ///
    /// # Errors
    ///
    /// The file can't be read.
    pub async fn condemned(&self, limit: usize) -> Result<Vec<KeptRecording>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(move |connection| {
            let sql = format!("{SELECT} WHERE deleting <> 0 ORDER BY id LIMIT ?1");
            let mut statement = connection.prepare_cached(&sql)?;
            let found = statement.query_map([limit], kept)?;
            Ok(found.collect::<Result<_, _>>()?)
        })
        .await
    }
}

/// Whether it wasn't there yet.
pub(super) fn insert(
    to: &Transaction<'_>,
    recording: &KeptRecording,
    manifest: &str,
) -> Result<bool, rusqlite::Error> {
    let sql = "INSERT OR IGNORE INTO recordings (id, call, agent, started_at, published_at, path, audio, bytes, sha256, held, summary)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    let inserted = to.prepare_cached(sql)?.execute(params![
        recording.place.id,
        recording.call,
        recording.agent,
        recording.place.started_at.cast_signed(),
        recording.published_at.cast_signed(),
        recording.path,
        recording.audio,
        recording.bytes.cast_signed(),
        recording.sha256,
        recording.hold == Hold::Legal,
        recording.summary,
    ])?;
    if inserted > 0 {
        let sql = "INSERT OR REPLACE INTO manifests (recording, manifest) VALUES (?1, ?2)";
        to.prepare_cached(sql)?
            .execute(params![recording.place.id, manifest])?;
    }
    Ok(inserted > 0)
}

pub(super) fn hold(to: &Transaction<'_>, id: &str, hold: Hold) -> Result<bool, rusqlite::Error> {
    let sql = "UPDATE recordings SET held = ?2 WHERE id = ?1 AND deleting = 0";
    Ok(to.execute(sql, params![id, hold == Hold::Legal])? > 0)
}

pub(super) fn condemn(to: &Transaction<'_>, id: &str) -> Result<bool, rusqlite::Error> {
    let sql = "UPDATE recordings SET deleting = 1 WHERE id = ?1 AND held = 0 AND deleting = 0";
    Ok(to.execute(sql, [id])? > 0)
}

pub(super) fn bury(to: &Transaction<'_>, id: &str) -> Result<bool, rusqlite::Error> {
    let sql = "DELETE FROM recordings WHERE id = ?1 AND deleting <> 0";
    let buried = to.execute(sql, [id])? > 0;
    if buried {
        to.execute("DELETE FROM manifests WHERE recording = ?1", [id])?;
    }
    Ok(buried)
}

fn list(
    connection: &Connection,
    wanted: &WantedRecordings,
) -> Result<Vec<KeptRecording>, rusqlite::Error> {
    let mut sql = format!("{SELECT} WHERE deleting = 0");
    let mut values: Vec<Sql> = Vec::new();
    let mut and = |condition: &str, value: &[Sql]| {
        sql += condition;
        values.extend_from_slice(value);
    };
    if let Some(call) = &wanted.call {
        and(" AND call = ?", &[Sql::Text(call.clone())]);
    }
    if let Some(agent) = &wanted.agent {
        and(" AND agent = ?", &[Sql::Text(agent.clone())]);
    }
    if let Some(place) = &wanted.before {
        let started_at = Sql::Integer(place.started_at.cast_signed());
        let id = Sql::Text(place.id.clone());
        and(" AND (started_at, id) < (?, ?)", &[started_at, id]);
    }
    let limit = i64::try_from(wanted.limit).unwrap_or(i64::MAX);
    and(
        " ORDER BY started_at DESC, id DESC LIMIT ?",
        &[Sql::Integer(limit)],
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), kept)?;
    rows.collect()
}

fn kept(row: &Row<'_>) -> Result<KeptRecording, rusqlite::Error> {
    let held: bool = row.get(9)?;
    Ok(KeptRecording {
        place: RecordingPlace {
            started_at: row.get::<_, i64>(3)?.cast_unsigned(),
            id: row.get(0)?,
        },
        call: row.get(1)?,
        agent: row.get(2)?,
        published_at: row.get::<_, i64>(4)?.cast_unsigned(),
        path: row.get(5)?,
        audio: row.get(6)?,
        bytes: row.get::<_, i64>(7)?.cast_unsigned(),
        sha256: row.get(8)?,
        hold: match held {
            true => Hold::Legal,
            false => Hold::Free,
        },
        summary: row.get(10)?,
    })
}

const SELECT: &str = "SELECT id, call, agent, started_at, published_at, path, audio, bytes, sha256, held, summary FROM recordings";
