//! Recordings: both sides of a call, in step, from the media engine's taps to a finished recording in the spool.

pub mod decode;
pub mod deletion;
pub mod manifest;
pub mod objects;
pub mod publish;
pub mod published;
pub mod timeline;

use std::path::PathBuf;

/// What became of a recording. Sent once for each, over a bounded channel; who publishes looks through the spool at its
/// start, too, because a process that ends tells nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// `dir` is `<recording.dir>/spool/<recording>`, on the disk, its manifest in place.
    Finished { recording: String, dir: PathBuf },
    /// Nothing, or not all of it, could be written. What there is stays in the spool and is finished at a later start.
    Failed {
        recording: String,
        call: String,
        reason: String,
    },
}
