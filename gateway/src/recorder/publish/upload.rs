//! One recording on its way out of the spool.

use std::path::{Path as FilePath, PathBuf};

use bytes::Bytes;
use object_store::path::Path;
use sha2::{Digest, Sha256};

use super::super::manifest::{self, Manifest, hex};
use super::super::objects::{Local, Objects, Put};
use super::super::published;
use super::{GONE, name_of};
use crate::call::CallId;
use crate::clock::Moment;
use crate::events::Kind;
use crate::store::{Change, Hold, KeptRecording, RecordingPlace, Store};

/// What an upload works with.
#[derive(Debug)]
pub(super) struct Upload {
    pub objects: Objects,
    pub store: Store,
}

/// What came of an attempt.
#[derive(Debug)]
pub(super) enum Outlook {
    Published,
    /// It isn't in the spool any more: it was told of twice, and is published.
    Gone,
    /// Not now, and why.
    Again(String),
    /// It isn't what its manifest says, or its place is taken.
    Never {
        call: String,
        cause: String,
    },
}

/// A finished recording, read and found whole.
struct Finished {
    manifest: Manifest,
    text: Bytes,
    /// Epoch milliseconds.
    started_at: u64,
    /// `date=2026-11-20/c_…`
    path: String,
    audio: PathBuf,
}

impl Upload {
    pub(super) async fn publish(&self, directory: &FilePath, now: Moment) -> Outlook {
        match self.try_publish(directory, now).await {
            Ok(()) => Outlook::Published,
            Err(outlook) => outlook,
        }
    }

    async fn try_publish(&self, directory: &FilePath, now: Moment) -> Result<(), Outlook> {
        let (manifest, text) = read_manifest(directory).await?;
        let finished = Finished::read(directory, manifest, text).await?;
        let path = self.put(&finished).await?;
        let recording = finished.row(path, now);
        let event = published::event(Kind::RecordingPublished, &recording, now.epoch_ms);
        let publish = Change::Publish {
            recording: Box::new(recording),
            manifest: String::from_utf8_lossy(&finished.text).into_owned(),
            event,
        };
        // Whether it is new doesn't matter: then an attempt before came as far as this.
        self.store.change(publish).await.map_err(again)?;
        remove(directory).await.map_err(again)
    }

    /// Into the call's directory; into one of its own within it when the call has another recording.
    async fn put(&self, finished: &Finished) -> Result<String, Outlook> {
        let nested = format!("{}/{}", finished.path, finished.manifest.id);
        for path in [&finished.path, &nested] {
            let directory = Path::from(path.as_str());
            let manifest = directory.child(manifest::FILE);
            match self.objects.read(&manifest).await.map_err(again)? {
                // It was put behind the audio.
                Some(there) if there == finished.text => return Ok(path.clone()),
                Some(_) => continue,
                None => {}
            }
            let audio = directory.child(finished.manifest.audio.file.as_str());
            let put = self.objects.put_file(&audio, finished.local()).await;
            if put.map_err(again)? == Put::Taken {
                continue;
            }
            let text = finished.text.clone();
            if self.objects.put(&manifest, text).await.map_err(again)? == Put::Done {
                return Ok(path.clone());
            }
        }
        Err(Outlook::Never {
            call: finished.manifest.call.clone(),
            cause: format!("something else is published under {nested}"),
        })
    }
}

impl Finished {
    async fn read(directory: &FilePath, manifest: Manifest, text: Bytes) -> Result<Self, Outlook> {
        let never = |cause: &str| Outlook::Never {
            call: manifest.call.clone(),
            cause: cause.to_owned(),
        };
        if manifest.id != name_of(directory) || !is_plain(&manifest.id) {
            return Err(never("the manifest is another recording's"));
        }
        if manifest.call.parse::<CallId>().is_err() {
            return Err(never("the manifest names no call"));
        }
        if !is_plain(&manifest.audio.file) || manifest.audio.file == manifest::FILE {
            return Err(never("the manifest names no file of its own"));
        }
        let started_at = published::epoch_ms(&manifest.started_at)
            .ok_or_else(|| never("the manifest has no time"))?;
        let audio = directory.join(&manifest.audio.file);
        let file = audio.clone();
        let reading = tokio::task::spawn_blocking(move || measure(&file));
        let (bytes, sha256) = reading
            .await
            .map_err(std::io::Error::other)
            .flatten()
            .map_err(again)?;
        if sha256 != manifest.audio.sha256 || bytes != manifest.audio.bytes {
            return Err(never("the audio isn't what the manifest says"));
        }
        Ok(Self {
            path: format!("date={}/{}", published::date(started_at), manifest.call),
            manifest,
            text,
            started_at,
            audio,
        })
    }

    fn local(&self) -> Local<'_> {
        Local {
            file: &self.audio,
            bytes: self.manifest.audio.bytes,
            sha256: &self.manifest.audio.sha256,
            id: &self.manifest.id,
        }
    }

    fn row(&self, path: String, now: Moment) -> KeptRecording {
        let manifest = &self.manifest;
        let agent = &manifest.about.agent;
        KeptRecording {
            place: RecordingPlace {
                started_at: self.started_at,
                id: manifest.id.clone(),
            },
            call: manifest.call.clone(),
            agent: (!agent.is_empty()).then(|| agent.clone()),
            published_at: now.epoch_ms,
            path,
            audio: manifest.audio.file.clone(),
            bytes: manifest.audio.bytes,
            sha256: manifest.audio.sha256.clone(),
            hold: Hold::Free,
            summary: published::summary(&String::from_utf8_lossy(&self.text)),
        }
    }
}

/// First of its name: a recording that has lost its manifest, and not yet all else, would be taken for one that failed.
async fn remove(directory: &FilePath) -> std::io::Result<()> {
    let gone = directory.with_file_name(format!("{GONE}{}", name_of(directory)));
    tokio::fs::rename(directory, &gone).await?;
    if let Err(error) = tokio::fs::remove_dir_all(&gone).await {
        tracing::debug!(directory = %gone.display(), %error, "a published recording stays in the spool for now");
    }
    Ok(())
}

async fn read_manifest(directory: &FilePath) -> Result<(Manifest, Bytes), Outlook> {
    let text = match tokio::fs::read(directory.join(manifest::FILE)).await {
        Ok(text) => text,
        Err(error) => {
            let there = tokio::fs::try_exists(directory).await;
            return Err(match there {
                Ok(false) => Outlook::Gone,
                Ok(true) | Err(_) => again(error),
            });
        }
    };
    let read: Result<Manifest, _> = serde_json::from_slice(&text);
    match read {
        Ok(manifest) => Ok((manifest, Bytes::from(text))),
        Err(error) => Err(Outlook::Never {
            call: String::new(),
            cause: format!("the manifest can't be read: {error}"),
        }),
    }
}

/// A file's length and hash.
fn measure(file: &FilePath) -> std::io::Result<(u64, String)> {
    let mut hash = Sha256::new();
    let bytes = std::io::copy(&mut std::fs::File::open(file)?, &mut hash)?;
    Ok((bytes, hex(&hash.finalize())))
}

/// A name that is one name in a path, whatever store reads it.
fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !name.is_empty() && !name.starts_with('.') && name.chars().all(plain)
}

fn again(error: impl std::fmt::Display) -> Outlook {
    Outlook::Again(error.to_string())
}
