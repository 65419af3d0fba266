//! The table of calls: written whole, read by id or newest first.

use std::collections::HashSet;

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params, params_from_iter};
use serde_json::Value;

use super::record::{Disposition, Kept, Place, Record};
use super::schema::SchemaError;
use crate::agent::wire::CallState;
use crate::call::platform::Platform;
use crate::call::termination::Termination;
use crate::call::{CallId, Told};

/// Which of the calls that are over.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    pub agent: Option<String>,
    /// Begun at this time or later, epoch milliseconds.
    pub from: Option<u64>,
    /// Begun before this time.
    pub to: Option<u64>,
    /// Only calls behind this place.
    pub before: Option<Place>,
    pub limit: usize,
}

impl Wanted {
    /// Whether a record that isn't on the disk yet is one of them.
    pub(super) fn includes(&self, record: &Record) -> bool {
        let view = &record.view;
        view.state == CallState::Closed
            && self.agent.as_ref().is_none_or(|agent| view.agent == *agent)
            && self.from.is_none_or(|from| view.started_at >= from)
            && self.to.is_none_or(|to| view.started_at < to)
            && self
                .before
                .as_ref()
                .is_none_or(|before| Place::of(view) < *before)
    }
}

/// What went wrong with the file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Schema(#[from] SchemaError),
}

pub(super) fn write(to: &Transaction<'_>, record: &Record) -> Result<(), FileError> {
    let view = &record.view;
    let ended = view.ended.as_ref();
    let sip = ended.and_then(|ended| ended.sip.as_ref());
    let disposition = record.disposition.as_ref();
    let platform = &record.platform;
    to.prepare_cached(UPSERT)?.execute(params![
        view.id.as_str(),
        view.agent,
        word(&view.direction)?,
        word(&view.state)?,
        view.peer.number,
        view.peer.name,
        view.via,
        view.ucid,
        platform.campaign,
        platform.did,
        platform.skill,
        platform.uui,
        view.context.as_ref().map(Value::to_string),
        view.started_at.cast_signed(),
        view.answered_at.map(u64::cast_signed),
        view.ended_at.map(u64::cast_signed),
        ended.map(|ended| word(&ended.by)).transpose()?,
        ended.map(|ended| ended.reason),
        record.cause.map(|cause| cause.label()),
        ended.map(|ended| &ended.detail),
        sip.map(|sip| sip.code),
        sip.map(|sip| &sip.reason),
        disposition.map(|disposition| &disposition.code),
        disposition.and_then(|disposition| disposition.notes.as_ref()),
        disposition.and_then(|disposition| disposition.callback_at.map(u64::cast_signed)),
        serde_json::to_string(platform)?,
        serde_json::to_string(&record.story)?,
        serde_json::to_string(view)?,
    ])?;
    Ok(())
}

/// Whether there was such a call.
pub(super) fn dispose(
    to: &Transaction<'_>,
    call: &CallId,
    disposition: &Disposition,
    at: u64,
) -> Result<bool, FileError> {
    let Some(mut kept) = find(to, call)? else {
        return Ok(false);
    };
    kept.story.push(Told {
        at,
        what: disposition.told(),
    });
    let changed = to.execute(
        "UPDATE calls SET disposition = ?2, notes = ?3, callback_at = ?4, disposed_at = ?5, story = ?6 WHERE id = ?1",
        params![
            call.as_str(),
            disposition.code,
            disposition.notes,
            disposition.callback_at.map(u64::cast_signed),
            at.cast_signed(),
            serde_json::to_string(&kept.story)?,
        ],
    )?;
    Ok(changed > 0)
}

/// Ends the calls that a process left open which is gone; those that were up.
pub(super) fn end_orphans(to: &Transaction<'_>, now: u64) -> Result<HashSet<CallId>, FileError> {
    let mut statement = to.prepare(&format!("{SELECT} WHERE state <> 'closed'"))?;
    let rows = statement.query_map([], kept)?;
    let orphans: Result<Vec<_>, _> = rows.collect();
    let ended = Termination::restarted();
    let mut were_up = HashSet::new();
    for orphan in orphans? {
        let mut orphan = orphan?;
        let call = orphan.place.call.as_str().to_owned();
        orphan.view["state"] = serde_json::to_value(CallState::Closed)?;
        if let Some(view) = orphan.view.as_object_mut() {
            view.remove("progress");
        }
        if orphan.view.get("ended").is_none() {
            orphan.story.push(Told {
                at: now,
                what: ended.detail.clone(),
            });
            orphan.view["ended_at"] = now.into();
            orphan.view["ended"] = serde_json::to_value(ended.view())?;
            to.execute(
                "UPDATE calls SET ended_at = ?2, ended_by = ?3, reason = ?4, cause = ?5, detail = ?6 WHERE id = ?1",
                params![
                    call,
                    now.cast_signed(),
                    word(&ended.by)?,
                    ended.reason.label(),
                    ended.cause.label(),
                    ended.detail
                ],
            )?;
            were_up.insert(orphan.place.call.clone());
        }
        to.execute(
            "UPDATE calls SET state = 'closed', story = ?2, view = ?3 WHERE id = ?1",
            params![
                call,
                serde_json::to_string(&orphan.story)?,
                orphan.view.to_string()
            ],
        )?;
    }
    Ok(were_up)
}

pub(super) fn forget_before(to: &Transaction<'_>, at: u64) -> Result<usize, rusqlite::Error> {
    let sql = "DELETE FROM calls WHERE started_at < ?1 AND state = 'closed'";
    to.execute(sql, [at.cast_signed()])
}

pub(super) fn find(connection: &Connection, call: &CallId) -> Result<Option<Kept>, FileError> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?;
    let row = statement.query_row([call.as_str()], kept).optional()?;
    Ok(row.transpose()?)
}

/// Newest first. A call that isn't closed is in memory, and fresher there.
pub(super) fn list(connection: &Connection, wanted: &Wanted) -> Result<Vec<Kept>, FileError> {
    let mut sql = format!("{SELECT} WHERE state = 'closed'");
    let mut values: Vec<Sql> = Vec::new();
    let mut and = |condition: &str, value: &[Sql]| {
        sql += condition;
        values.extend_from_slice(value);
    };
    if let Some(agent) = &wanted.agent {
        and(" AND agent = ?", &[Sql::Text(agent.clone())]);
    }
    if let Some(from) = wanted.from {
        and(" AND started_at >= ?", &[Sql::Integer(from.cast_signed())]);
    }
    if let Some(to) = wanted.to {
        and(" AND started_at < ?", &[Sql::Integer(to.cast_signed())]);
    }
    if let Some(place) = &wanted.before {
        let started_at = Sql::Integer(place.started_at.cast_signed());
        let call = Sql::Text(place.call.as_str().to_owned());
        and(" AND (started_at, id) < (?, ?)", &[started_at, call]);
    }
    let limit = i64::try_from(wanted.limit).unwrap_or(i64::MAX);
    and(
        " ORDER BY started_at DESC, id DESC LIMIT ?",
        &[Sql::Integer(limit)],
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), kept)?;
    let mut calls = Vec::new();
    for row in rows {
        calls.push(row??);
    }
    Ok(calls)
}

/// The outer error is the database's, the inner one of what stands in it.
fn kept(row: &Row<'_>) -> Result<Result<Kept, serde_json::Error>, rusqlite::Error> {
    let (id, agent): (String, String) = (row.get(0)?, row.get(1)?);
    let started_at: i64 = row.get(2)?;
    let (view, story, platform): (String, String, String) = (row.get(3)?, row.get(4)?, row.get(5)?);
    let cause: Option<String> = row.get(6)?;
    let (code, notes): (Option<String>, Option<String>) = (row.get(7)?, row.get(8)?);
    let callback_at: Option<i64> = row.get(9)?;
    let read = || {
        Ok(Kept {
            place: Place {
                started_at: started_at.cast_unsigned(),
                call: id.parse().map_err(serde::de::Error::custom)?,
            },
            agent,
            view: serde_json::from_str(&view)?,
            story: serde_json::from_str(&story)?,
            platform: serde_json::from_str::<Platform>(&platform)?,
            cause,
            disposition: code.map(|code| Disposition {
                code,
                notes,
                callback_at: callback_at.map(i64::cast_unsigned),
            }),
        })
    };
    Ok(read())
}

/// An enum's word, as it stands on the wire.
fn word(value: &impl serde::Serialize) -> Result<String, serde_json::Error> {
    let value = serde_json::to_value(value)?;
    Ok(value.as_str().unwrap_or_default().to_owned())
}

const SELECT: &str = "SELECT id, agent, started_at, view, story, platform, cause, disposition, notes, callback_at FROM calls";

/// Everything but the time of a later disposition. Pages make their calls' ids: another call under a known one is another
/// agent's mischief, unless it is a dial that is tried again.
const UPSERT: &str = "
    INSERT INTO calls (id, agent, direction, state, peer, peer_name, via, ucid, campaign, did, skill, uui, context,
        started_at, answered_at, ended_at, ended_by, reason, cause, detail, sip_code, sip_reason,
        disposition, notes, callback_at, platform, story, view)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22,
        ?23, ?24, ?25, ?26, ?27, ?28)
    ON CONFLICT (id) DO UPDATE SET
        agent = excluded.agent, direction = excluded.direction, state = excluded.state, peer = excluded.peer,
        peer_name = excluded.peer_name, via = excluded.via, ucid = excluded.ucid, campaign = excluded.campaign,
        did = excluded.did, skill = excluded.skill, uui = excluded.uui, context = excluded.context,
        started_at = excluded.started_at, answered_at = excluded.answered_at, ended_at = excluded.ended_at,
        ended_by = excluded.ended_by, reason = excluded.reason, cause = excluded.cause, detail = excluded.detail,
        sip_code = excluded.sip_code, sip_reason = excluded.sip_reason, disposition = excluded.disposition,
        notes = excluded.notes, callback_at = excluded.callback_at, platform = excluded.platform,
        story = excluded.story, view = excluded.view
    WHERE calls.started_at = excluded.started_at OR (calls.agent = excluded.agent AND calls.answered_at IS NULL)";
