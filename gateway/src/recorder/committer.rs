//! The thread that makes what was written outlive a power cut: one call for the whole file system, however many
//! recordings, and beside the writers, whom a slow disk would keep from writing meanwhile.

use std::fs::File;
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// Commits once a second while something was written; ends when nobody writes any more.
pub fn run(written: &Receiver<()>, root: &File) {
    while written.recv().is_ok() {
        if let Err(error) = rustix::fs::syncfs(root) {
            tracing::error!(%error, "the recordings' disk doesn't commit");
        }
        std::thread::sleep(COMMIT);
    }
}

/// How much a power cut takes.
const COMMIT: Duration = Duration::from_secs(1);
