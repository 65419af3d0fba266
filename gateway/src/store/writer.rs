//! The thread that writes: the only one that changes the file.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::calls::{self, FileError};
use super::outbox::Head;
use super::pending::{Batch, Job, Pending};
use super::{BUSY, Keep, change, keys, outbox, schema};
use crate::call::CallId;
use crate::clock::Moment;

/// Takes what is pending and commits it.
#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    keep: Keep,
    pending: Arc<Pending>,
    file: File,
    /// When old records are looked for again, epoch milliseconds.
    sweep_at: u64,
    orphans: HashSet<CallId>,
}

#[derive(Debug)]
enum File {
    /// Never opened yet: it may hold calls that a process before us left open.
    Unseen,
    Open(Connection),
    /// Failed; what is in it that isn't closed is ours.
    Broken,
}

/// An answer that is told once the transaction is on the disk.
#[derive(Debug)]
struct Answer {
    done: oneshot::Sender<bool>,
    found: bool,
}

impl Writer {
    pub(super) fn new(path: PathBuf, keep: Keep, pending: Arc<Pending>) -> Self {
        Self {
            path,
            keep,
            pending,
            file: File::Unseen,
            sweep_at: 0,
            orphans: HashSet::new(),
        }
    }

    /// The first look into the file. A failure is told and tried again by [`Writer::run`].
    /// The calls that it ended, because an earlier process left them open.
    pub(super) fn open(&mut self) -> HashSet<CallId> {
        if let Err(error) = self.opened() {
            self.fail(Batch::default(), &error);
        }
        std::mem::take(&mut self.orphans)
    }

    /// Until the list is closed and empty.
    pub(super) fn run(mut self) {
        while let Some(mut batch) = self.pending.take(self.patience()) {
            match self.commit(&mut batch) {
                Ok(answers) => {
                    self.pending.written();
                    for Answer { done, found } in answers {
                        // Whoever asked may have stopped waiting.
                        let _ = done.send(found);
                    }
                    self.pending.rest(BETWEEN_BATCHES);
                }
                Err(error) => {
                    self.fail(batch, &error);
                    if self.pending.is_closed() {
                        let lost = self.pending.standing().pending;
                        tracing::error!(lost, "the program ends with call records unwritten");
                        return;
                    }
                    self.pending.rest(RETRY);
                }
            }
        }
    }

    /// How long there may be nothing to write before the file is looked at all the same.
    fn patience(&self) -> Duration {
        match self.file {
            File::Open(_) => IDLE,
            File::Unseen | File::Broken => RETRY,
        }
    }

    /// One transaction. The file is opened where it isn't.
    fn commit(&mut self, batch: &mut Batch) -> Result<Vec<Answer>, FileError> {
        let now = Moment::read().epoch_ms;
        let (keep, sweep_at) = (self.keep, self.sweep_at);
        let connection = self.opened()?;
        let waited_for = |job: &Job| matches!(job, Job::Change { .. });
        // Somebody deletes a file because this stands here: it must outlive a power cut, too.
        let synchronous = match batch.jobs.iter().any(waited_for) {
            true => "FULL",
            false => "NORMAL",
        };
        connection.pragma_update(None, "synchronous", synchronous)?;
        let transaction = connection.transaction()?;
        for record in &batch.records {
            calls::write(&transaction, record)?;
        }
        let mut found = Vec::new();
        let mut last = None;
        for job in &batch.jobs {
            match job {
                Job::Key(key) => keys::write(&transaction, key)?,
                Job::Event(event) => last = Some(outbox::write(&transaction, event)?),
                Job::Sink(name) => outbox::begin(&transaction, name)?,
                Job::Cursor(cursor) => outbox::move_to(&transaction, cursor)?,
                Job::Change { change, .. } => {
                    let changed = change::carry_out(&transaction, change)?;
                    last = changed.event.or(last);
                    found.push(changed.found);
                }
            }
        }
        if now >= sweep_at {
            calls::forget_before(&transaction, now.saturating_sub(millis(keep.calls)))?;
            outbox::forget_before(&transaction, now.saturating_sub(millis(keep.events)))?;
            keys::forget_before(&transaction, now.saturating_sub(millis(KEYS_KEPT)))?;
        }
        transaction.commit()?;
        if now >= sweep_at {
            self.sweep_at = now + millis(SWEEP);
        }
        if let Some(last) = last {
            self.pending.head.send_modify(|head| head.last = last);
        }
        let waiting = batch.jobs.drain(..).filter_map(|job| match job {
            Job::Change { done, .. } => Some(done),
            Job::Key(_) | Job::Event(_) | Job::Sink(_) | Job::Cursor(_) => None,
        });
        let answers = waiting
            .zip(found)
            .map(|(done, found)| Answer { done, found });
        Ok(answers.collect())
    }

    fn opened(&mut self) -> Result<&mut Connection, FileError> {
        if !matches!(self.file, File::Open(_)) {
            let mut connection = Connection::open(&self.path)?;
            connection.busy_timeout(BUSY)?;
            schema::migrate(&mut connection)?;
            if matches!(self.file, File::Unseen) {
                let transaction = connection.transaction()?;
                let ended = calls::end_orphans(&transaction, Moment::read().epoch_ms)?;
                transaction.commit()?;
                if !ended.is_empty() {
                    tracing::warn!(
                        calls = ended.len(),
                        "calls were up when the gateway ended; their records are closed"
                    );
                }
                self.orphans = ended;
                let last = outbox::last(&connection)?;
                self.pending
                    .head
                    .send_modify(|head: &mut Head| head.last = last);
            }
            self.file = File::Open(connection);
        }
        match &mut self.file {
            File::Open(connection) => Ok(connection),
            File::Unseen | File::Broken => unreachable!("it was opened above"),
        }
    }

    fn fail(&mut self, batch: Batch, error: &FileError) {
        let path = self.path.display();
        if self.pending.standing().trouble.is_none() {
            tracing::error!(%path, %error, "call records can't be written; it is tried again");
        }
        if let File::Open(_) = self.file {
            self.file = File::Broken;
        }
        self.pending.failed(batch, error.to_string());
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Calls that end together are written together, and a killed process loses no more than this.
const BETWEEN_BATCHES: Duration = Duration::from_millis(50);

/// How soon a disk that was full may have room again.
const RETRY: Duration = Duration::from_secs(1);

/// How long nothing may happen before old records are looked for all the same.
const IDLE: Duration = Duration::from_secs(600);

/// How often old records are looked for.
const SWEEP: Duration = Duration::from_secs(3_600);

/// As the contract promises.
const KEYS_KEPT: Duration = Duration::from_secs(24 * 3_600);
