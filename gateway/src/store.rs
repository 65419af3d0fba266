//! Call records: every call is kept in SQLite, whatever way it ended; with them the events and the published recordings.
//!
//! No call waits for the database. What is to be kept goes into a list in memory and one thread writes it, many records
//! a transaction; a call that changes again before it was written takes its place in the list. A disk that is full or a
//! file that is broken costs nothing but that list's memory: the thread tries again, and [`Standing`] tells.
//!
//! ```text
//! switchboard ──keep──► pending ──batch──► writer ──► warmline.db ◄── reader ◄── HTTP
//! ```

mod calls;
mod change;
mod keys;
mod outbox;
mod pending;
mod record;
mod recordings;
mod schema;
mod writer;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

pub use self::calls::{FileError, Wanted};
pub use self::change::Change;
pub use self::keys::StoredKey;
pub use self::outbox::{Cursor, Head, Interest, Page, Queued, SinkState};
pub use self::pending::Standing;
pub use self::record::{Disposition, Kept, Place, Record};
pub use self::recordings::{Hold, KeptRecording, RecordingPlace, WantedRecordings};
pub use crate::call::platform::Platform;

use self::pending::{Job, Pending};
use self::writer::Writer;
use crate::call::CallId;

/// The way to the records. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pending: Arc<Pending>,
    path: PathBuf,
    /// Calls that an earlier process left open.
    orphans: HashSet<CallId>,
    /// Opened by the first question, and again after a failure.
    reader: Mutex<Option<Connection>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    lifetime: Lifetime,
}

/// Whether the file outlives the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lifetime {
    Kept,
    Temporary,
}

/// How long what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    pub calls: Duration,
    pub events: Duration,
}

/// The records can't be read or written now.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the call records can't be read: {0}")]
    Unreadable(#[from] FileError),
    #[error("the call records can't be written: {0}")]
    Unwritable(String),
}

impl Store {
    /// Opens the file, ends the calls that an earlier process left open in it, and starts to write.
    /// A file that can't be opened is tried again and again; [`Store::standing`] tells of it.
    pub fn open(path: &Path, keep: Keep) -> Self {
        Self::start(path.to_owned(), keep, Lifetime::Kept)
    }

    /// A file that goes with the last handle.
    pub fn temporary() -> Self {
        let name = format!("warmline-{}.db", uuid::Uuid::new_v4());
        let path = std::env::temp_dir().join(name);
        let keep = Keep {
            calls: FOR_EVER,
            events: FOR_EVER,
        };
        Self::start(path, keep, Lifetime::Temporary)
    }

    fn start(path: PathBuf, keep: Keep, lifetime: Lifetime) -> Self {
        let pending = Arc::new(Pending::default());
        let mut writer = Writer::new(path.clone(), keep, pending.clone());
        // What was left open is ended before anybody can ask for it.
        let orphans = writer.open();
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run());
        let thread = thread
            .map_err(|error| tracing::error!(%error, "the store's thread can't be started"))
            .ok();
        Self(Arc::new(Shared {
            pending,
            path,
            orphans,
            reader: Mutex::new(None),
            thread: Mutex::new(thread),
            lifetime,
        }))
    }

    /// Keeps what a call is now, instead of what it was. Never waits for the disk.
    pub fn keep(&self, record: Record) {
        self.0.pending.keep(record);
    }

    /// Remembers what an `Idempotency-Key` stands for.
    pub fn keep_key(&self, key: StoredKey) {
        self.0.pending.push(Job::Key(key));
    }

    /// Whether an earlier process left this call open, so that it was ended when this one started.
    pub fn ended_at_start(&self, call: &CallId) -> bool {
        self.0.orphans.contains(call)
    }

    /// A call that is over, by its id; `None` where there is none.
    ///
    /// # Errors
    ///
    /// The records can't be read.
    pub async fn find(&self, call: &CallId) -> Result<Option<Kept>, StoreError> {
        if let Some(record) = self.0.pending.find(call) {
            let kept = Kept::of(&record).map_err(FileError::from)?;
            return Ok(Some(kept));
        }
        let call = call.clone();
        self.read(move |connection| calls::find(connection, &call))
            .await
    }

    /// Calls that are over, newest first.
    ///
    /// # Errors
    ///
    /// The records can't be read.
    pub async fn list(&self, wanted: Wanted) -> Result<Vec<Kept>, StoreError> {
        let fresh = self.0.pending.all(|record| wanted.includes(record));
        let limit = wanted.limit;
        let stored = self.read(move |connection| calls::list(connection, &wanted));
        // Asked in this order, a call that is written meanwhile is found twice, and never missed.
        let stored = stored.await?;
        let calls: Result<Vec<Kept>, _> = fresh.iter().map(|record| Kept::of(record)).collect();
        let mut calls = calls.map_err(FileError::from)?;
        let known: HashSet<CallId> = calls.iter().map(|kept| kept.place.call.clone()).collect();
        let older = stored
            .into_iter()
            .filter(|kept| !known.contains(&kept.place.call));
        calls.extend(older);
        calls.sort_unstable_by(|a, b| b.place.cmp(&a.place));
        calls.truncate(limit);
        Ok(calls)
    }

    /// The idempotency keys that are still valid, oldest first.
    ///
    /// # Errors
    ///
    /// The records can't be read.
    pub async fn keys(&self, since_ms: u64) -> Result<Vec<StoredKey>, StoreError> {
        self.read(move |connection| keys::since(connection, since_ms))
            .await
    }

    /// Gives a call that is over its disposition; whether there is such a call.
    ///
    /// # Errors
    ///
    /// It can't be written now.
    pub async fn dispose(
        &self,
        call: CallId,
        disposition: Disposition,
        at: u64,
    ) -> Result<bool, StoreError> {
        self.change(Change::Dispose {
            call,
            disposition,
            at,
        })
        .await
    }

    /// Changes what is on the disk, and waits until it is; whether there was something to change.
    ///
    /// # Errors
    ///
    /// It can't be written now. If it took too long, it may be written all the same.
    pub async fn change(&self, change: Change) -> Result<bool, StoreError> {
        let (done, answer) = oneshot::channel();
        self.0.pending.push(Job::Change { change, done });
        let answer = tokio::time::timeout(PATIENCE, answer).await;
        match answer {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(_)) | Err(_) => {
                let trouble = self.standing().trouble;
                let trouble = trouble.unwrap_or_else(|| "it takes too long".to_owned());
                Err(StoreError::Unwritable(trouble))
            }
        }
    }

    /// How the writing goes.
    pub fn standing(&self) -> Standing {
        self.0.pending.standing()
    }

    /// Writes what is pending, if that can be done, and ends the thread. For the end of the program.
    pub async fn close(&self) {
        self.0.pending.close();
        let thread = lock(&self.0.thread).take();
        let Some(thread) = thread else {
            return;
        };
        let joined = tokio::task::spawn_blocking(move || thread.join().is_ok());
        match tokio::time::timeout(PATIENCE, joined).await {
            Ok(Ok(true)) => {}
            Ok(_) | Err(_) => tracing::error!("the store did not end as it should"),
        }
    }

    async fn read<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Connection) -> Result<T, FileError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = self.0.clone();
        let reading = move || {
            let mut reader = lock(&shared.reader);
            let connection = match reader.take() {
                Some(connection) => connection,
                None => reading(&shared.path)?,
            };
            let result = ask(&connection);
            // One that failed may be a file's that is gone.
            if result.is_ok() {
                *reader = Some(connection);
            }
            result
        };
        match tokio::task::spawn_blocking(reading).await {
            Ok(result) => Ok(result?),
            Err(broken) => Err(StoreError::Unwritable(broken.to_string())),
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.pending.close();
        if self.lifetime == Lifetime::Kept {
            return;
        }
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            // It has nothing to wait for: the list is closed.
            let _ = thread.join();
        }
        for suffix in ["", "-wal", "-shm"] {
            let mut path = self.path.clone().into_os_string();
            path.push(suffix);
            // A file left behind in the system's temporary directory is only untidy.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn reading(path: &Path) -> Result<Connection, FileError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}

/// A holder that panicked left nothing half done: each section is one assignment or one look.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Another program that looks into the file, such as a backup, holds it for moments.
const BUSY: Duration = Duration::from_secs(1);

/// How long somebody waits for the disk who has to.
const PATIENCE: Duration = Duration::from_secs(3);

/// A hundred years.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

#[cfg(test)]
mod tests;
