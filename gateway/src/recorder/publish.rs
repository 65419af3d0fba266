//! Publishes finished recordings: audio, manifest, then the row and the event in one transaction, then the spool's copy
//! goes. Each step can be repeated, so a process that dies between two of them goes on with the first at its next start.
//!
//! ```text
//! spool/r_…/ ──put──► date=…/c_…/audio.wav ──put──► …/manifest.json ──commit──► row + event ──► spool/r_…/ is removed
//! ```
//!
//! While the object store is away, one recording after the other is tried, with pauses that grow; once one went, the rest
//! follow, a few at a time. What can't be published whatever comes is moved to `unpublished/`, and told.

mod backlog;
mod upload;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use self::backlog::Backlog;
use self::upload::{Outlook, Upload};
use super::Outcome;
use super::deletion::Deletion;
use super::objects::Objects;
use crate::clock::Moment;
use crate::events::{About, Event, Kind};
use crate::metrics::Metrics;
use crate::store::{Change, Store};

/// What publishing needs.
#[derive(Debug)]
pub struct Publisher {
    /// `recording.dir`, which holds `spool`.
    pub directory: PathBuf,
    pub objects: Objects,
    pub store: Store,
    pub metrics: Metrics,
    /// How long recordings are kept; `None`: until somebody deletes them.
    pub keep: Option<Duration>,
}

impl Publisher {
    /// Runs until `outcomes` is closed and what is finished is published, or can't be now.
    pub fn start(self, outcomes: mpsc::Receiver<Outcome>) -> JoinHandle<()> {
        let deletion = Deletion {
            objects: self.objects.clone(),
            store: self.store.clone(),
            keep: self.keep,
        };
        let upload = Arc::new(Upload {
            objects: self.objects,
            store: self.store.clone(),
        });
        let mut sweeping = JoinSet::new();
        sweeping.spawn(sweep(deletion));
        let desk = Desk {
            directory: self.directory,
            store: self.store,
            metrics: self.metrics,
            upload,
            backlog: Backlog::default(),
            running: JoinSet::new(),
            scan_at: Instant::now(),
            _sweeping: sweeping,
        };
        tokio::spawn(desk.run(outcomes))
    }
}

/// The task.
struct Desk {
    directory: PathBuf,
    store: Store,
    metrics: Metrics,
    upload: Arc<Upload>,
    backlog: Backlog,
    running: JoinSet<(PathBuf, Outlook)>,
    /// When the spool is looked through again.
    scan_at: Instant,
    /// Ends with the desk; a deletion that it leaves half done is one of those that the next sweep does again.
    _sweeping: JoinSet<()>,
}

impl Desk {
    async fn run(mut self, mut outcomes: mpsc::Receiver<Outcome>) {
        let mut open = true;
        while open || !self.running.is_empty() || self.backlog.is_ready() {
            self.keep_house(Instant::now()).await;
            self.start_what_can_run();
            let due = self.poll_timeout();
            tokio::select! {
                outcome = outcomes.recv(), if open => match outcome {
                    Some(outcome) => self.hear(outcome).await,
                    None => open = false,
                },
                Some(done) = self.running.join_next(), if !self.running.is_empty() => self.done(done).await,
                () = tokio::time::sleep_until(due) => {}
            }
        }
    }

    fn poll_timeout(&self) -> Instant {
        let next = self.backlog.poll_timeout();
        next.map_or(self.scan_at, |next| next.min(self.scan_at))
    }

    async fn keep_house(&mut self, now: Instant) {
        if now >= self.scan_at {
            self.scan_at = now + BETWEEN_SCANS;
            for directory in finished(&self.directory.join(SPOOL)).await {
                self.backlog.add(directory);
            }
        }
        self.metrics.unpublished(self.backlog.len());
    }

    fn start_what_can_run(&mut self) {
        while let Some(directory) = self.backlog.take(Instant::now()) {
            let upload = self.upload.clone();
            self.running.spawn(async move {
                let outlook = upload.publish(&directory, Moment::read()).await;
                (directory, outlook)
            });
        }
        self.metrics.unpublished(self.backlog.len());
    }

    async fn hear(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Finished { dir, .. } => self.backlog.add(dir),
            Outcome::Failed {
                recording,
                call,
                reason,
                unreadable,
            } => {
                tracing::error!(recording, call, reason, "there is no recording of a call");
                let event = failed(&recording, &call, &reason);
                match unreadable {
                    None => self.store.tell(event),
                    Some(directory) => match self.store.change(Change::Tell { event }).await {
                        Ok(_) => self.put_aside(&directory, UNREADABLE).await,
                        Err(error) => {
                            tracing::warn!(recording, %error, "it stays in the spool, and is told at the next start");
                        }
                    },
                }
            }
        }
    }

    async fn done(&mut self, done: Result<(PathBuf, Outlook), tokio::task::JoinError>) {
        let (directory, outlook) = match done {
            Ok(done) => done,
            Err(broken) => {
                // Its directory is tried again after the next look through the spool.
                tracing::error!(%broken, "publishing broke");
                self.backlog.lost();
                return;
            }
        };
        let shown = directory.display();
        match outlook {
            Outlook::Published => {
                tracing::info!(directory = %shown, "a recording is published");
                self.backlog.published(&directory);
            }
            Outlook::Gone => self.backlog.published(&directory),
            Outlook::Again(cause) => self.wait(&directory, &cause),
            Outlook::Never { call, cause } => {
                let event = failed(&name_of(&directory), &call, &cause);
                // Whoever moves it first and dies has told nobody.
                if let Err(error) = self.store.change(Change::Tell { event }).await {
                    self.wait(&directory, &error.to_string());
                    return;
                }
                tracing::error!(directory = %shown, cause, "a recording can't be published; it is put aside");
                self.metrics.publish_failed();
                self.backlog.published(&directory);
                self.put_aside(&directory, UNPUBLISHED).await;
            }
        }
    }

    fn wait(&mut self, directory: &Path, cause: &str) {
        self.metrics.publish_failed();
        let pause = self.backlog.failed(directory, Instant::now());
        tracing::warn!(directory = %directory.display(), cause, pause_s = pause.as_secs(), "a recording can't be published now");
    }

    async fn put_aside(&self, directory: &Path, into: &str) {
        let aside = self.directory.join(into);
        let moved = async {
            tokio::fs::create_dir_all(&aside).await?;
            tokio::fs::rename(directory, aside.join(name_of(directory))).await
        };
        if let Err(error) = moved.await {
            tracing::error!(directory = %directory.display(), %error, "it can't be put aside");
        }
    }
}

fn failed(recording: &str, call: &str, reason: &str) -> Event {
    // A recording that can't even be read doesn't tell its call.
    let subject = if call.is_empty() { recording } else { call };
    let about = About {
        subject: subject.to_owned(),
        agent: None,
    };
    let data = json!({ "recording": { "id": recording, "call": call, "reason": reason } });
    let now = Moment::read().epoch_ms;
    Event::new(Kind::RecordingFailed, about, now, data)
}

/// A task of its own: a store that deletes slowly, or ten thousand recordings that grow old in one night, keep nothing
/// from being published.
async fn sweep(deletion: Deletion) {
    loop {
        deletion.sweep(Moment::read()).await;
        tokio::time::sleep(BETWEEN_SWEEPS).await;
    }
}

/// The recordings in the spool that are whole: those with a manifest. What is left of published ones goes.
async fn finished(spool: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    // Nothing was ever recorded.
    let Ok(mut entries) = tokio::fs::read_dir(spool).await else {
        return found;
    };
    while let Ok(Some(entry)) = entries.next_entry().await {
        let directory = entry.path();
        if name_of(&directory).starts_with(GONE) {
            // Its removal was cut off, or goes on.
            if let Err(error) = tokio::fs::remove_dir_all(&directory).await {
                tracing::debug!(directory = %directory.display(), %error, "a published recording stays in the spool for now");
            }
            continue;
        }
        let manifest = directory.join(super::manifest::FILE);
        if tokio::fs::try_exists(&manifest).await.unwrap_or(false) {
            found.push(directory);
        }
    }
    // Their ids rise with time.
    found.sort_unstable();
    found
}

fn name_of(directory: &Path) -> String {
    let name = directory.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Under `recording.dir`: where finished recordings wait.
pub const SPOOL: &str = "spool";

/// In the spool, before the name of a recording that is published: whatever is left of it is none.
const GONE: &str = ".gone-";

/// Under `recording.dir`: what can't be published, for somebody to look at.
const UNPUBLISHED: &str = "unpublished";

/// Under `recording.dir`: what a power cut left of recordings that had hardly begun.
const UNREADABLE: &str = "unreadable";

/// What a full queue of outcomes lost is found by then.
const BETWEEN_SCANS: Duration = Duration::from_secs(60);

/// Deletions that failed are tried again by then.
const BETWEEN_SWEEPS: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests;
