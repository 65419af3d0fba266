//! Recordings that go: because they are old, or because somebody said so. Never those under legal hold.
//!
//! A recording is condemned first, which nobody can miss who looks at it later, then its objects go, then its row, with
//! the event that says so. What fails is done again later.

use std::time::Duration;

use object_store::path::Path;

use super::manifest;
use super::objects::Objects;
use super::published;
use crate::clock::Moment;
use crate::events::Kind;
use crate::store::{Change, KeptRecording, Store};

/// Deletes recordings.
#[derive(Debug, Clone)]
pub struct Deletion {
    pub objects: Objects,
    pub store: Store,
    /// How long recordings are kept; `None`: until somebody deletes them.
    pub keep: Option<Duration>,
}

/// It is still there, and why.
#[derive(Debug, thiserror::Error)]
pub enum Undeleted {
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    #[error("{0}")]
    Objects(#[from] object_store::Error),
}

impl Deletion {
    /// Deletes what is older than it may get, and what could not be deleted before.
    pub async fn sweep(&self, now: Moment) {
        if let Err(error) = self.condemn_the_old(now).await {
            tracing::warn!(%error, "old recordings can't be looked for");
        }
        if let Err(error) = self.bury_all(now).await {
            tracing::warn!(%error, "recordings can't be deleted now; it is tried again");
        }
    }

    /// Whether it may be deleted; nobody sees it any more if so.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn condemn(&self, recording: &str) -> Result<bool, Undeleted> {
        let condemn = Change::Condemn {
            recording: recording.to_owned(),
        };
        Ok(self.store.change(condemn).await?)
    }

    /// Deletes the objects of one that is condemned.
    ///
    /// # Errors
    ///
    /// The store's, or the object store's; it is done by a later sweep.
    pub async fn bury(&self, recording: &KeptRecording, now: Moment) -> Result<(), Undeleted> {
        let directory = Path::from(recording.path.as_str());
        // The manifest first: without it, the rest isn't a recording any more.
        self.objects
            .delete(&directory.child(manifest::FILE))
            .await?;
        self.objects
            .delete(&directory.child(recording.audio.as_str()))
            .await?;
        self.objects.delete_upload(&recording.place.id).await?;
        let bury = Change::Bury {
            recording: recording.place.id.clone(),
            event: published::event(Kind::RecordingDeleted, recording, now.epoch_ms),
        };
        self.store.change(bury).await?;
        tracing::info!(recording = recording.place.id, "a recording is deleted");
        Ok(())
    }

    async fn condemn_the_old(&self, now: Moment) -> Result<(), Undeleted> {
        let Some(keep) = self.keep else {
            return Ok(());
        };
        let keep = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
        let before = now.epoch_ms.saturating_sub(keep);
        loop {
            let old = self.store.recordings_before(before, AT_A_TIME).await?;
            for recording in &old {
                self.condemn(recording).await?;
            }
            if old.len() < AT_A_TIME {
                return Ok(());
            }
        }
    }

    async fn bury_all(&self, now: Moment) -> Result<(), Undeleted> {
        loop {
            let condemned = self.store.condemned(AT_A_TIME).await?;
            let mut kept = 0;
            for recording in &condemned {
                // One that can't be deleted is in nobody's way.
                if let Err(error) = self.bury(recording, now).await {
                    tracing::warn!(%error, "a recording is not deleted yet");
                    kept += 1;
                }
            }
            if condemned.len() < AT_A_TIME || kept == condemned.len() {
                return Ok(());
            }
        }
    }
}

/// Read at a time.
const AT_A_TIME: usize = 100;
