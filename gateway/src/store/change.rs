//! Changes that somebody waits for: each is one step of one transaction.

use rusqlite::Transaction;

use super::calls::{self, FileError};
use super::outbox;
use super::record::Disposition;
use super::recordings::{self, Hold, KeptRecording};
use crate::call::CallId;
use crate::events::Event;

/// What is to become of something that is on the disk.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A call gets its disposition.
    Dispose {
        call: CallId,
        disposition: Disposition,
        at: u64,
    },
    /// A recording is published, and the event says so; neither if it was already.
    Publish {
        recording: Box<KeptRecording>,
        manifest: String,
        event: Event,
    },
    Hold {
        recording: String,
        hold: Hold,
    },
    /// Nobody sees the recording any more, and its objects may be deleted; not under legal hold.
    Condemn {
        recording: String,
    },
    /// Its objects are gone.
    Bury {
        recording: String,
        event: Event,
    },
    /// An event that is to be on the disk before something else happens.
    Tell {
        event: Event,
    },
}

/// What a change did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Changed {
    pub found: bool,
    /// The place of the event that went out with it.
    pub event: Option<u64>,
}

pub(super) fn carry_out(to: &Transaction<'_>, change: &Change) -> Result<Changed, FileError> {
    let (found, event) = match change {
        Change::Dispose {
            call,
            disposition,
            at,
        } => (calls::dispose(to, call, disposition, *at)?, None),
        Change::Publish {
            recording,
            manifest,
            event,
        } => (recordings::insert(to, recording, manifest)?, Some(event)),
        Change::Hold { recording, hold } => (recordings::hold(to, recording, *hold)?, None),
        Change::Condemn { recording } => (recordings::condemn(to, recording)?, None),
        Change::Bury { recording, event } => (recordings::bury(to, recording)?, Some(event)),
        Change::Tell { event } => (true, Some(event)),
    };
    let event = event.filter(|_| found);
    let event = event.map(|event| outbox::write(to, event)).transpose()?;
    Ok(Changed { found, event })
}
