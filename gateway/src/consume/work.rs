//! Fetches a recording, checks it, and runs the command on it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use reqwest::Client;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use tokio::sync::{Notify, watch};

use super::Options;
use super::group::Group;
use super::ledger::{Ledger, Piece};
use crate::clock::Moment;
use crate::recorder::manifest::{Manifest, hex};

pub(super) struct Worker<'a> {
    pub client: Client,
    pub options: &'a Options,
    pub ledger: &'a Ledger,
    pub news: &'a Notify,
    /// Whether the consumer is to end.
    pub stopped: watch::Receiver<bool>,
}

/// What came of a piece of work.
enum Attempt {
    Done,
    Failed(anyhow::Error),
    /// The consumer ends; it counts as not tried.
    Stopped,
}

/// What the worker reads of a CloudEvent.
#[derive(Deserialize)]
struct Event {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    recording: Named,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

/// A recording's files, which go with it.
struct Files {
    audio: PathBuf,
    manifest: PathBuf,
}

impl Worker<'_> {
    /// Until it is stopped; an error is the ledger's.
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        while !*self.stopped.borrow() {
            match self.ledger.next(Moment::read().epoch_ms)? {
                Some(piece) => self.work_on(piece).await?,
                None => {
                    // What failed may be due.
                    let _ = tokio::time::timeout(LOOK, self.news.notified()).await;
                }
            }
        }
        Ok(())
    }

    async fn stop(&self) {
        let mut stopped = self.stopped.clone();
        // Nobody who could say so is as good as a word.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    }

    async fn work_on(&self, piece: Piece) -> anyhow::Result<()> {
        let event = &piece.event;
        let error = match self.attempt(&piece).await {
            Attempt::Done => {
                tracing::info!(event, "done");
                return Ok(self.ledger.done(event)?);
            }
            Attempt::Stopped => return Ok(()),
            Attempt::Failed(error) => error,
        };
        let attempt = piece.failed + 1;
        if attempt >= self.options.attempts {
            tracing::error!(event, attempt, error = %format!("{error:#}"), "put aside");
            self.put_aside(&piece, &error)?;
            return Ok(self.ledger.dead(event)?);
        }
        let pause = pause(attempt);
        tracing::warn!(event, attempt, pause_s = pause.as_secs(), error = %format!("{error:#}"), "failed; it is tried again");
        let due = Moment::read() + pause;
        Ok(self.ledger.failed(event, due.epoch_ms)?)
    }

    async fn attempt(&self, piece: &Piece) -> Attempt {
        let recording = match recording_of(piece) {
            Ok(recording) => recording,
            Err(error) => return Attempt::Failed(error),
        };
        let fetched = tokio::select! {
            fetched = self.fetch(&recording) => Some(fetched),
            () = self.stop() => None,
        };
        let attempt = match fetched {
            Some(Ok(files)) => self.command(piece, &recording, &files).await,
            Some(Err(error)) => Attempt::Failed(error),
            None => Attempt::Stopped,
        };
        // The state directory isn't an archive: nothing of somebody's voice stays, whatever came of it.
        let _ = tokio::fs::remove_dir_all(self.place_of(&recording)).await;
        attempt
    }

    fn place_of(&self, recording: &str) -> PathBuf {
        self.options.state.join("work").join(recording)
    }

    async fn fetch(&self, recording: &str) -> anyhow::Result<Files> {
        let directory = self.place_of(recording);
        tokio::fs::create_dir_all(&directory).await?;
        let directory = directory.canonicalize()?;
        let path = format!("/v1/recordings/{recording}");
        let text = self.get(&path).await?.bytes().await?;
        let manifest: Manifest = serde_json::from_slice(&text).context("the manifest")?;
        ensure!(is_plain(&manifest.audio.file), "the manifest names no file");
        let files = Files {
            audio: directory.join(&manifest.audio.file),
            manifest: directory.join("manifest.json"),
        };
        tokio::fs::write(&files.manifest, &text).await?;
        let sha256 = self
            .download(&format!("{path}/audio"), &files.audio)
            .await?;
        ensure!(
            sha256 == manifest.audio.sha256,
            "the audio isn't what the manifest says"
        );
        Ok(files)
    }

    /// The SHA-256 of what came.
    async fn download(&self, path: &str, to: &Path) -> anyhow::Result<String> {
        let mut response = self.get(path).await?;
        let mut file = tokio::fs::File::create(to).await?;
        let mut hash = Sha256::new();
        while let Some(chunk) = response.chunk().await? {
            hash.update(&chunk);
            file.write_all(&chunk).await?;
        }
        file.flush().await?;
        Ok(hex(&hash.finalize()))
    }

    async fn get(&self, path: &str) -> anyhow::Result<reqwest::Response> {
        let url = self.options.from.join(path)?;
        let request = self.client.get(url).bearer_auth(&self.options.token);
        Ok(request.send().await?.error_for_status()?)
    }

    async fn command(&self, piece: &Piece, recording: &str, files: &Files) -> Attempt {
        let mut command = self.options.command.process(&files.audio, &files.manifest);
        command
            .env("WARMLINE_EVENT", &piece.event)
            .env("WARMLINE_RECORDING", recording)
            // It runs somebody else's code, which has no need of it.
            .env_remove("WARMLINE_TOKEN")
            .stdin(Stdio::null());
        let mut group = match Group::start(&mut command).context("the command can't be started") {
            Ok(group) => group,
            Err(error) => return Attempt::Failed(error),
        };
        let attempt = tokio::select! {
            status = group.wait() => match status {
                Ok(status) if status.success() => Attempt::Done,
                Ok(status) => Attempt::Failed(anyhow!("the command ended with {status}")),
                Err(error) => Attempt::Failed(error.into()),
            },
            () = tokio::time::sleep(self.options.patience) => {
                Attempt::Failed(anyhow!("the command took too long"))
            }
            () = self.stop() => Attempt::Stopped,
        };
        group.end().await;
        attempt
    }

    /// Somebody may look at it, and put it right.
    fn put_aside(&self, piece: &Piece, error: &anyhow::Error) -> anyhow::Result<()> {
        let directory = self.options.state.join("dead");
        std::fs::create_dir_all(&directory)?;
        let event: serde_json::Value =
            serde_json::from_str(&piece.body).unwrap_or_else(|_| piece.body.clone().into());
        let letter = json!({ "event": event, "error": format!("{error:#}") });
        // The id came from the gateway, and a gateway isn't to write anywhere it likes.
        let name: String = piece
            .event
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
            .collect();
        let file = directory.join(format!("{name}.json"));
        std::fs::write(&file, letter.to_string()).with_context(|| file.display().to_string())
    }
}

/// The recording that the event is about.
fn recording_of(piece: &Piece) -> anyhow::Result<String> {
    let event: Event = serde_json::from_str(&piece.body).context("the event")?;
    let recording = event.data.recording.id;
    ensure!(is_plain(&recording), "the event names no recording");
    Ok(recording)
}

/// One second, then twice as long each time, up to five minutes.
fn pause(attempt: u32) -> Duration {
    let doubled = attempt.saturating_sub(1).min(9);
    Duration::from_secs(2_u64.pow(doubled).min(300))
}

/// A name that is one name in a path.
fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !name.is_empty() && !name.starts_with('.') && name.chars().all(plain)
}

/// How often due work is looked for.
const LOOK: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow() {
        let pauses: Vec<u64> = (1..=10).map(|attempt| pause(attempt).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
    }

    #[test]
    fn a_name_leads_nowhere_else() {
        assert!(is_plain("r_0199-a.wav"));
        for name in ["", ".", "..", "../a", "a/b", "a b", "a\0"] {
            assert!(!is_plain(name), "{name:?}");
        }
    }
}
