//! Where published recordings lie: a directory, or a bucket. Nothing there is ever written over.

mod bucket;
mod directory;

use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, ObjectStore, PutMode, PutOptions, PutPayload};
use sha2::{Digest, Sha256};

use self::bucket::Bucket;
use self::directory::Directory;
use super::manifest::hex;

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    /// What is put there is on the disk before it is said to be.
    Directory(Directory),
    Bucket(Bucket),
}

/// A file that is to become an object.
#[derive(Debug, Clone, Copy)]
pub struct Local<'a> {
    pub file: &'a FilePath,
    pub bytes: u64,
    /// In hexadecimal digits.
    pub sha256: &'a str,
    /// A name that no other file has: the recording's id.
    pub id: &'a str,
}

/// The configured place can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("{0}: {1}")]
    Directory(PathBuf, std::io::Error),
    #[error("{0}: {1}")]
    Bucket(String, Error),
    #[error("{0}: this program was built without buckets (feature s3)")]
    NotBuilt(String),
}

/// What came of putting an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is there, now or since an attempt before.
    Done,
    /// Something else is there.
    Taken,
}

impl Objects {
    /// A directory's path, or `s3://bucket/prefix`; a bucket's keys, region and endpoint are the environment's
    /// (`AWS_ACCESS_KEY_ID` and its like).
    ///
    /// # Errors
    ///
    /// The directory can't be made, or the bucket's settings don't make sense. Nothing is asked of a bucket yet.
    pub fn open(place: &str) -> Result<Self, Unusable> {
        match place.strip_prefix("s3://") {
            Some(rest) => bucket::open(place, rest),
            None => Self::directory(FilePath::new(place)),
        }
    }

    /// # Errors
    ///
    /// It can't be made.
    pub fn directory(root: &FilePath) -> Result<Self, Unusable> {
        let unusable = |error| Unusable::Directory(root.to_owned(), error);
        let (directory, store) = Directory::open(root).map_err(unusable)?;
        Ok(Self {
            store: Arc::new(store),
            place: Place::Directory(directory),
        })
    }

    #[cfg(test)]
    pub fn of(
        store: Arc<dyn ObjectStore>,
        parts: Arc<dyn object_store::multipart::MultipartStore>,
    ) -> Self {
        Self {
            store,
            place: Place::Bucket(Bucket::new(parts, Path::default())),
        }
    }

    /// Puts an object where none is. One that is there already, with the same bytes, is an earlier attempt's.
    ///
    /// # Errors
    ///
    /// The store's, for another time.
    pub async fn put(&self, path: &Path, object: Bytes) -> Result<Put, Error> {
        let sha256 = hex(&Sha256::digest(&object));
        let options = PutOptions {
            mode: PutMode::Create,
            ..PutOptions::default()
        };
        let (octets, payload) = (object.len(), PutPayload::from(object));
        let to = self.at(path);
        let created = bucket::prompt(octets, self.store.put_opts(&to, payload, options)).await;
        self.settle(path, &sha256, created.map(drop)).await
    }

    /// Puts a file, of which only a part is in memory at any moment.
    ///
    /// # Errors
    ///
    /// The store's, or the file's; for another time.
    pub async fn put_file(&self, path: &Path, local: Local<'_>) -> Result<Put, Error> {
        let created = match &self.place {
            Place::Directory(directory) => directory.put(path, local).await,
            Place::Bucket(_) if local.bytes <= bucket::PART => {
                let object = bucket::part(local.file, 0, local.bytes).await?;
                return self.put(path, object).await;
            }
            Place::Bucket(bucket) => bucket.put(&*self.store, path, local).await,
        };
        self.settle(path, local.sha256, created).await
    }

    /// What is there already, with the same bytes, is an earlier attempt's.
    async fn settle(
        &self,
        path: &Path,
        sha256: &str,
        created: Result<(), Error>,
    ) -> Result<Put, Error> {
        match created {
            Ok(()) => {}
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
                if hex(&self.digest(path).await?) != sha256 {
                    return Ok(Put::Taken);
                }
            }
            Err(error) => return Err(error),
        }
        if let Place::Directory(directory) = &self.place {
            directory.sync(path).await?;
        }
        Ok(Put::Done)
    }

    /// A small object; `None` where there is none.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn read(&self, path: &Path) -> Result<Option<Bytes>, Error> {
        match bucket::prompt(0, self.store.get(&self.at(path))).await {
            Ok(found) => {
                let octets = usize::try_from(found.meta.size).unwrap_or(usize::MAX);
                Ok(Some(bucket::prompt(octets, found.bytes()).await?))
            }
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// An object's bytes, piece by piece.
    ///
    /// # Errors
    ///
    /// The store's; there is no such object.
    pub async fn stream(
        &self,
        path: &Path,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, Error>>, Error> {
        let options = GetOptions {
            // No store takes an empty range.
            range: (!range.is_empty()).then_some(GetRange::Bounded(range)),
            ..GetOptions::default()
        };
        let at = self.at(path);
        let got = bucket::prompt(0, self.store.get_opts(&at, options)).await?;
        Ok(got.into_stream())
    }

    /// What isn't there is deleted.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn delete(&self, path: &Path) -> Result<(), Error> {
        bucket::gone(bucket::prompt(0, self.store.delete(&self.at(path))).await)
    }

    /// Deletes what an upload of a recording may have left beside its place.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn delete_upload(&self, id: &str) -> Result<(), Error> {
        match &self.place {
            Place::Directory(_) => Ok(()),
            Place::Bucket(_) => self.delete(&bucket::aside(id)).await,
        }
    }

    async fn digest(&self, path: &Path) -> Result<[u8; 32], Error> {
        let mut hash = Sha256::new();
        let at = self.at(path);
        let got = bucket::prompt(0, self.store.get(&at)).await?;
        let mut stream = got.into_stream();
        while let Some(piece) = stream.next().await {
            hash.update(piece?);
        }
        Ok(hash.finalize().into())
    }

    /// A path as the store knows it.
    fn at(&self, path: &Path) -> Path {
        match &self.place {
            Place::Directory(_) => path.clone(),
            Place::Bucket(bucket) => bucket.at(path),
        }
    }
}

/// A file's or a directory's error, as a store tells it.
fn failed(error: std::io::Error) -> Error {
    Error::Generic {
        store: "file",
        source: Box::new(error),
    }
}

/// Waits for a disk beside the program's tasks.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    let worked = tokio::task::spawn_blocking(work).await;
    worked
        .map_err(std::io::Error::other)
        .flatten()
        .map_err(failed)
}

#[cfg(test)]
mod tests;
