//! Idempotency keys on the disk, so that a repeat after a restart isn't a second call.

use bytes::Bytes;
use rusqlite::{Connection, Transaction, params};

use super::calls::FileError;
use crate::call::CallId;

/// What an `Idempotency-Key` of a caller stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredKey {
    pub caller: String,
    pub key: String,
    /// Of the request that came under it.
    pub fingerprint: u64,
    pub call: CallId,
    /// What was answered, once it was.
    pub answer: Option<Bytes>,
    /// Epoch milliseconds.
    pub at: u64,
}

pub(super) fn write(to: &Transaction<'_>, key: &StoredKey) -> Result<(), rusqlite::Error> {
    let sql = "INSERT OR REPLACE INTO idempotency (caller, key, fingerprint, call, answer, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    to.prepare_cached(sql)?.execute(params![
        key.caller,
        key.key,
        key.fingerprint.cast_signed(),
        key.call.as_str(),
        key.answer.as_deref(),
        key.at.cast_signed(),
    ])?;
    Ok(())
}

/// Those that aren't older, oldest first.
pub(super) fn since(connection: &Connection, at: u64) -> Result<Vec<StoredKey>, FileError> {
    let sql = "SELECT caller, key, fingerprint, call, answer, at FROM idempotency WHERE at >= ?1 ORDER BY at";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([at.cast_signed()], |row| {
        let call: String = row.get(3)?;
        let answer: Option<Vec<u8>> = row.get(4)?;
        let key = |call| StoredKey {
            caller: row.get_unwrap(0),
            key: row.get_unwrap(1),
            fingerprint: row.get_unwrap::<_, i64>(2).cast_unsigned(),
            call,
            answer: answer.map(Bytes::from),
            at: row.get_unwrap::<_, i64>(5).cast_unsigned(),
        };
        // One that isn't an id of ours would be of no use.
        Ok(call.parse().ok().map(key))
    })?;
    let keys: Result<Vec<Option<StoredKey>>, rusqlite::Error> = rows.collect();
    Ok(keys?.into_iter().flatten().collect())
}

pub(super) fn forget_before(to: &Transaction<'_>, at: u64) -> Result<usize, rusqlite::Error> {
    to.execute("DELETE FROM idempotency WHERE at < ?1", [at.cast_signed()])
}
