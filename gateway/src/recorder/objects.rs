//! Where published recordings lie: a directory, or a bucket. Nothing there is ever written over.

use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, ObjectStore, PutMode, PutOptions, PutPayload};
use sha2::{Digest, Sha256};

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    /// Of a directory: what is put there is on the disk before it is said to be.
    root: Option<PathBuf>,
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
            Some(rest) => bucket(place, rest),
            None => Self::directory(FilePath::new(place)),
        }
    }

    /// # Errors
    ///
    /// It can't be made.
    pub fn directory(root: &FilePath) -> Result<Self, Unusable> {
        let unusable = |error| Unusable::Directory(root.to_owned(), error);
        std::fs::create_dir_all(root).map_err(unusable)?;
        let root = root.canonicalize().map_err(unusable)?;
        let store = LocalFileSystem::new_with_prefix(&root)
            .map_err(|error| unusable(std::io::Error::other(error)))?;
        Ok(Self {
            store: Arc::new(store),
            root: Some(root),
        })
    }

    #[cfg(test)]
    pub fn of(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, root: None }
    }

    /// Puts an object where none is. One that is there already, with the same bytes, is an earlier attempt's.
    ///
    /// # Errors
    ///
    /// The store's, for another time.
    pub async fn put(&self, path: &Path, pieces: Vec<Bytes>) -> Result<Put, Error> {
        let digest = digest(&pieces);
        let payload: PutPayload = pieces.into_iter().collect();
        let options = PutOptions {
            mode: PutMode::Create,
            ..PutOptions::default()
        };
        match self.store.put_opts(path, payload, options).await {
            Ok(_) => {}
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
                if self.digest(path).await? != digest {
                    return Ok(Put::Taken);
                }
            }
            Err(error) => return Err(error),
        }
        self.sync(path).await?;
        Ok(Put::Done)
    }

    /// A small object; `None` where there is none.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn read(&self, path: &Path) -> Result<Option<Bytes>, Error> {
        match self.store.get(path).await {
            Ok(found) => Ok(Some(found.bytes().await?)),
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
        Ok(self.store.get_opts(path, options).await?.into_stream())
    }

    /// What isn't there is deleted.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn delete(&self, path: &Path) -> Result<(), Error> {
        match self.store.delete(path).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn digest(&self, path: &Path) -> Result<[u8; 32], Error> {
        let mut hash = Sha256::new();
        let mut stream = self.store.get(path).await?.into_stream();
        while let Some(piece) = stream.next().await {
            hash.update(piece?);
        }
        Ok(hash.finalize().into())
    }

    /// Through a power cut: the file, and each directory that may be new.
    async fn sync(&self, path: &Path) -> Result<(), Error> {
        let Some(root) = self.root.clone() else {
            return Ok(());
        };
        let mut file = root.clone();
        file.extend(path.parts().map(|part| part.as_ref().to_owned()));
        let synced = tokio::task::spawn_blocking(move || {
            let mut here = file.as_path();
            loop {
                std::fs::File::open(here)?.sync_all()?;
                match here.parent() {
                    Some(parent) if here != root => here = parent,
                    Some(_) | None => return Ok::<(), std::io::Error>(()),
                }
            }
        });
        let result = synced.await.map_err(std::io::Error::other).flatten();
        result.map_err(|error| Error::Generic {
            store: "directory",
            source: Box::new(error),
        })
    }
}

#[cfg(feature = "s3")]
fn bucket(place: &str, rest: &str) -> Result<Objects, Unusable> {
    use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
    use object_store::{ClientConfigKey, RetryConfig};

    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    // We try again ourselves, and tell of it.
    let retry = RetryConfig {
        max_retries: 1,
        retry_timeout: Duration::from_secs(10),
        ..RetryConfig::default()
    };
    let store = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_config(
            AmazonS3ConfigKey::Client(ClientConfigKey::Timeout),
            REQUEST_WITHIN,
        )
        .with_retry(retry)
        .build()
        .map_err(|error| Unusable::Bucket(place.to_owned(), error))?;
    let store: Arc<dyn ObjectStore> = match prefix.trim_matches('/') {
        "" => Arc::new(store),
        prefix => Arc::new(object_store::prefix::PrefixStore::new(store, prefix)),
    };
    Ok(Objects { store, root: None })
}

#[cfg(not(feature = "s3"))]
fn bucket(place: &str, _: &str) -> Result<Objects, Unusable> {
    Err(Unusable::NotBuilt(place.to_owned()))
}

fn digest(pieces: &[Bytes]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for piece in pieces {
        hash.update(piece);
    }
    hash.finalize().into()
}

/// An hour's recording over a slow line.
#[cfg(feature = "s3")]
const REQUEST_WITHIN: &str = "600 seconds";

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &'static str) -> Vec<Bytes> {
        vec![Bytes::from_static(text.as_bytes())]
    }

    async fn puts_once(objects: Objects) {
        let path = Path::from("date=2026-11-20/c_1/audio.wav");
        assert_eq!(objects.read(&path).await.expect("read"), None);
        let put = |text| objects.put(&path, bytes(text));
        assert_eq!(put("one").await.expect("put"), Put::Done);
        assert_eq!(put("one").await.expect("put"), Put::Done);
        assert_eq!(put("two").await.expect("put"), Put::Taken);
        let there = objects.read(&path).await.expect("read");
        assert_eq!(there, Some(Bytes::from_static(b"one")));
        let mut part = objects.stream(&path, 1..3).await.expect("there");
        let piece = part.next().await.expect("a piece").expect("read");
        assert_eq!(piece, "ne");
        objects.delete(&path).await.expect("deleted");
        objects.delete(&path).await.expect("deleted");
        assert_eq!(objects.read(&path).await.expect("read"), None);
    }

    #[tokio::test]
    async fn nothing_is_written_over_in_memory() {
        puts_once(Objects::of(Arc::new(object_store::memory::InMemory::new()))).await;
    }

    #[tokio::test]
    async fn nothing_is_written_over_in_a_directory() {
        let root = std::env::temp_dir().join(format!("warmline-objects-{}", uuid::Uuid::new_v4()));
        puts_once(Objects::directory(&root).expect("a directory")).await;
        std::fs::remove_dir_all(root).expect("it goes");
    }
}
