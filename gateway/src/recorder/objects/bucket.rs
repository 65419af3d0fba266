//! A bucket of recordings. What is too large for one request goes up in parts, to a name of its own, and is copied to
//! its place within the bucket once it is whole: of the ways to end an upload in parts, only a copy can be told to write
//! over nothing.
//!
//! ```text
//! file ──parts──► uploading/r_… ──copy, if nothing is there──► date=…/c_…/audio.wav     uploading/r_… is deleted
//! ```
//!
//! A process that dies between parts leaves them where nobody sees them and somebody pays for them. So the upload's id
//! is written beside the file first, if the disk takes it, and the next attempt takes those parts back.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{Error, MultipartId, ObjectStore};

use super::{Local, Objects, Unusable, blocking};

/// The part of a bucket that is ours.
#[derive(Clone)]
pub(super) struct Bucket {
    parts: Arc<dyn MultipartStore>,
    prefix: Path,
}

impl Bucket {
    pub(super) fn new(parts: Arc<dyn MultipartStore>, prefix: Path) -> Self {
        Self { parts, prefix }
    }

    pub(super) fn at(&self, path: &Path) -> Path {
        self.prefix.parts().chain(path.parts()).collect()
    }

    /// Puts a large file where nothing is.
    pub(super) async fn put(
        &self,
        store: &dyn ObjectStore,
        path: &Path,
        local: Local<'_>,
    ) -> Result<(), Error> {
        let to = self.at(path);
        let aside = self.at(&aside(local.id));
        // A store that doesn't know the copy's condition is kept from writing over what it has, too.
        match prompt(0, store.head(&to)).await {
            Ok(_) => {
                // Perhaps an attempt before copied it there, and came no further.
                gone(prompt(0, store.delete(&aside)).await)?;
                let source = "it is there".into();
                let path = to.to_string();
                return Err(Error::AlreadyExists { path, source });
            }
            Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        self.upload(&aside, local).await?;
        let copied = store.copy_if_not_exists(&aside, &to).await;
        let deleted = gone(prompt(0, store.delete(&aside)).await);
        deleted.and(copied)
    }

    async fn upload(&self, aside: &Path, local: Local<'_>) -> Result<(), Error> {
        let note = local.file.with_file_name(NOTE);
        match tokio::fs::read_to_string(&note).await {
            // A full disk keeps the file and not its text.
            Ok(earlier) if earlier.is_empty() => {}
            Ok(earlier) => self.take_back(aside, &earlier).await,
            Err(_) => {}
        }
        let id = prompt(0, self.parts.create_multipart(aside)).await?;
        // A full disk is emptied by uploads: none is given up for it.
        if let Err(error) = tokio::fs::write(&note, &id).await {
            tracing::debug!(%error, "an upload's id can't be noted");
        }
        let uploaded = match self.put_parts(aside, &id, local).await {
            Ok(parts) => self.parts.complete_multipart(aside, &id, parts).await,
            Err(error) => Err(error),
        };
        if uploaded.is_err() {
            self.take_back(aside, &id).await;
        }
        uploaded.map(drop)
    }

    async fn put_parts(
        &self,
        aside: &Path,
        id: &MultipartId,
        local: Local<'_>,
    ) -> Result<Vec<PartId>, Error> {
        let mut parts = Vec::new();
        let mut from = 0;
        while from < local.bytes {
            let length = PART.min(local.bytes - from);
            let octets = part(local.file, from, length).await?;
            let put = self.parts.put_part(aside, id, parts.len(), octets.into());
            parts.push(put.await?);
            from += length;
        }
        Ok(parts)
    }

    /// One that was completed, or that the bucket has forgotten, is none any more.
    async fn take_back(&self, aside: &Path, id: &str) {
        let id = id.to_owned();
        if let Err(error) = gone(prompt(0, self.parts.abort_multipart(aside, &id)).await) {
            tracing::debug!(%error, "the parts of an upload stay in the bucket");
        }
    }
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Bucket").field(&self.prefix).finish()
    }
}

/// Where a recording's audio is until it is whole.
pub(super) fn aside(id: &str) -> Path {
    Path::from(UPLOADING).child(id)
}

/// A request of so many octets, which an answer follows soon unless they are many; a store that is silent is tried
/// again before the minutes are over that a large part may take.
pub(super) async fn prompt<T>(
    octets: usize,
    request: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    if octets > FEW {
        return request.await;
    }
    let answer = tokio::time::timeout(ANSWER_WITHIN, request).await;
    answer.unwrap_or_else(|late| {
        let source = Box::new(late);
        Err(Error::Generic {
            store: "bucket",
            source,
        })
    })
}

/// What isn't there is gone.
pub(super) fn gone(deleted: Result<(), Error>) -> Result<(), Error> {
    match deleted {
        Err(Error::NotFound { .. }) => Ok(()),
        deleted => deleted,
    }
}

/// Some of a file's bytes.
pub(super) async fn part(file: &FilePath, from: u64, length: u64) -> Result<Bytes, Error> {
    let file = file.to_owned();
    blocking(move || {
        let mut octets = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        File::open(file)?.read_exact_at(&mut octets, from)?;
        Ok(Bytes::from(octets))
    })
    .await
}

#[cfg(feature = "s3")]
pub(super) fn open(place: &str, rest: &str) -> Result<Objects, Unusable> {
    use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, S3CopyIfNotExists};
    use object_store::{ClientConfigKey, RetryConfig};

    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    // We try again ourselves, and tell of it.
    let retry = RetryConfig {
        max_retries: 1,
        retry_timeout: Duration::from_secs(10),
        ..RetryConfig::default()
    };
    let mut builder = AmazonS3Builder::from_env();
    // Some stores have a header of their own for it, which the environment names.
    if builder
        .get_config_value(&AmazonS3ConfigKey::CopyIfNotExists)
        .is_none()
    {
        builder = builder.with_copy_if_not_exists(S3CopyIfNotExists::Multipart);
    }
    let store = builder
        .with_bucket_name(bucket)
        .with_config(
            AmazonS3ConfigKey::Client(ClientConfigKey::Timeout),
            REQUEST_WITHIN,
        )
        .with_retry(retry)
        .build()
        .map_err(|error| Unusable::Bucket(place.to_owned(), error))?;
    let store = Arc::new(store);
    Ok(Objects {
        store: store.clone(),
        place: super::Place::Bucket(Bucket::new(store, Path::from(prefix))),
    })
}

#[cfg(not(feature = "s3"))]
pub(super) fn open(place: &str, _: &str) -> Result<Objects, Unusable> {
    Err(Unusable::NotBuilt(place.to_owned()))
}

/// A part over a slow line; a copy of some gigabytes within the bucket.
#[cfg(feature = "s3")]
const REQUEST_WITHIN: &str = "600 seconds";

/// With one attempt more, which takes ten seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Octets that even a slow line carries in that time: 300 kbit/s.
const FEW: usize = 1 << 20;

/// Octets that are in memory at a time: an upload has at most 10,000 parts, none but the last below 5 MiB.
pub(super) const PART: u64 = 16 << 20;

/// Where large objects are until they are whole; a bucket may be told to forget what stays here for days.
const UPLOADING: &str = "uploading";

/// Beside the file: the id of its upload.
const NOTE: &str = "upload";
