//! The thread that finishes recordings, tells what became of them, and knows how full the spool is.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::Outcome;
use super::finish::{Trust, finish};
use super::manifest::{FILE, Status};
use super::spool::{JOURNAL, Journal};
use crate::metrics::{Metrics, Recorded};

/// What the finisher is to do.
#[derive(Debug)]
pub enum Job {
    Finish {
        directory: PathBuf,
        id: String,
        call: String,
    },
    Fail {
        id: String,
        call: String,
        reason: String,
    },
}

/// Finishes, retries, tells.
#[derive(Debug)]
pub struct Finisher {
    pub jobs: Receiver<Job>,
    pub outcomes: mpsc::Sender<Outcome>,
    pub metrics: Metrics,
    pub root: PathBuf,
    /// Octets in the spool.
    pub size: Arc<AtomicU64>,
    /// Recordings that an earlier process left.
    pub found: Vec<PathBuf>,
}

/// One that the disk didn't take at once.
#[derive(Debug)]
struct Late {
    call: String,
    directory: PathBuf,
    since: Instant,
}

impl Finisher {
    /// Runs until nobody has a job for it any more.
    pub fn run(mut self) {
        self.recover();
        let mut late: HashMap<String, Late> = HashMap::new();
        let mut measured = Instant::now();
        self.measure();
        loop {
            match self.jobs.recv_timeout(BETWEEN) {
                Ok(Job::Finish {
                    directory,
                    id,
                    call,
                }) => {
                    let since = Instant::now();
                    let new = Late {
                        call,
                        directory,
                        since,
                    };
                    if !self.finish(&id, &new) {
                        late.insert(id, new);
                    }
                }
                Ok(Job::Fail { id, call, reason }) => self.fail(id, call, reason, None),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if measured.elapsed() >= BETWEEN {
                late.retain(|id, late| !self.finish(id, late));
                self.measure();
                measured = Instant::now();
            }
        }
    }

    /// Whether there is nothing more to do about it.
    fn finish(&self, id: &str, late: &Late) -> bool {
        match finish(&late.directory, Trust::Written) {
            Ok(manifest) => {
                self.tell_finished(id, &late.directory, manifest.status);
                true
            }
            Err(error) if late.since.elapsed() < PATIENCE => {
                tracing::warn!(recording = id, %error, "a recording can't be finished yet");
                false
            }
            Err(error) if passes(error.kind()) => {
                tracing::debug!(recording = id, %error, "a recording can't be finished yet");
                false
            }
            Err(error) => {
                let reason = format!("It could not be finished: {error}.");
                self.fail(id.to_owned(), late.call.clone(), reason, None);
                true
            }
        }
    }

    /// What a process that didn't come to its end left behind.
    fn recover(&mut self) {
        for directory in std::mem::take(&mut self.found) {
            let id = name(&directory);
            if directory.join(FILE).exists() {
                // It had only to be tidied up.
                let _ = std::fs::remove_file(directory.join(JOURNAL));
                continue;
            }
            match finish(&directory, Trust::Found) {
                Ok(manifest) => {
                    tracing::info!(
                        recording = id,
                        call = manifest.call,
                        duration_ms = manifest.duration_ms,
                        "a recording was recovered"
                    );
                    self.tell_finished(&id, &directory, manifest.status);
                }
                Err(error) => {
                    let call = Journal::read(&directory).map(|journal| journal.begin.call);
                    let reason = format!("It could not be recovered: {error}.");
                    let lasting =
                        matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidData);
                    let unreadable = lasting.then_some(directory);
                    self.fail(id, call.unwrap_or_default(), reason, unreadable);
                }
            }
        }
    }

    fn tell_finished(&self, id: &str, directory: &Path, status: Status) {
        self.metrics.recording_ended(match status {
            Status::Completed => Recorded::Completed,
            Status::Truncated => Recorded::Truncated,
        });
        self.tell(Outcome::Finished {
            recording: id.to_owned(),
            dir: directory.to_owned(),
        });
    }

    fn fail(&self, recording: String, call: String, reason: String, unreadable: Option<PathBuf>) {
        tracing::error!(recording, call, reason, "a recording failed");
        self.metrics.recording_ended(Recorded::Failed);
        self.tell(Outcome::Failed {
            recording,
            call,
            reason,
            unreadable,
        });
    }

    /// Waits for room: nothing else waits for this thread. Nobody who listens is no error.
    fn tell(&self, outcome: Outcome) {
        let _ = self.outcomes.blocking_send(outcome);
    }

    fn measure(&self) {
        let octets = size(&self.root);
        self.size.store(octets, Ordering::Relaxed);
        self.metrics.recording_spool(octets);
    }
}

/// Whether the disk is to blame, and may be emptied or mended: then nothing is lost.
fn passes(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::ReadOnlyFilesystem
    )
}

/// The recordings in the spool.
pub fn recordings(root: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let recordings = entries.filter(|entry| {
        let named = entry.file_name().to_string_lossy().starts_with("r_");
        // A link's target isn't ours to finish.
        named && entry.file_type().is_ok_and(|kind| kind.is_dir())
    });
    recordings.map(|entry| entry.path()).collect()
}

fn size(root: &Path) -> u64 {
    let files = |directory: PathBuf| std::fs::read_dir(directory).into_iter().flatten().flatten();
    let files = recordings(root).into_iter().flat_map(files);
    files
        .filter_map(|file| Some(file.metadata().ok()?.len()))
        .sum()
}

fn name(directory: &Path) -> String {
    let name = directory.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Between two looks at the spool, and two attempts.
const BETWEEN: Duration = Duration::from_secs(2);

/// How long a recording that can't be finished is tried again, unless the disk is full.
const PATIENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::super::manifest::About;
    use super::super::spool::{Begin, Coding, Line, Spool, line};
    use super::*;

    #[test]
    fn a_recording_waits_for_a_full_disk_however_long_it_is_full() {
        let root = std::env::temp_dir().join(format!("warmline-finish-{}", uuid::Uuid::new_v4()));
        let begin = Begin {
            id: "r_1".into(),
            call: "c_1".into(),
            started_at: 0,
            about: About::default(),
            file: "audio.wav".into(),
            coding: Coding::Pcm,
            encryption: None,
        };
        let mut spool = Spool::create(&root, &begin).expect("made");
        let end = line(&Line::End(Box::default()));
        spool.append(&[], &end).expect("written");
        let (outcomes, mut ended) = mpsc::channel(1);
        let (_jobs, jobs) = std::sync::mpsc::sync_channel(1);
        let finisher = Finisher {
            jobs,
            outcomes,
            metrics: Metrics::new(),
            root: root.clone(),
            size: Arc::default(),
            found: Vec::new(),
        };
        let late = Late {
            call: "c_1".into(),
            directory: root.join("r_1"),
            since: Instant::now().checked_sub(2 * PATIENCE).expect("a time"),
        };
        // The manifest's name until it is whole; what is written there finds no room.
        let part = late.directory.join("manifest.json.part");
        std::os::unix::fs::symlink("/dev/full", &part).expect("a link");
        assert!(!finisher.finish("r_1", &late));
        ended.try_recv().expect_err("nothing is told yet");
        std::fs::remove_file(&part).expect("removed");
        assert!(finisher.finish("r_1", &late));
        let outcome = ended.try_recv().expect("told");
        assert!(matches!(outcome, Outcome::Finished { .. }), "{outcome:?}");
        std::fs::remove_dir_all(&root).expect("removed");
    }
}
