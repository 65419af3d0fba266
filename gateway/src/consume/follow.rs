//! Follows a gateway's events and writes each down before it reads the next.

use std::time::Duration;

use anyhow::bail;
use http::StatusCode;
use reqwest::{Client, Response, Url};
use tokio::sync::Notify;

use super::ledger::Ledger;
use crate::clock::Moment;

pub(super) struct Follower<'a> {
    pub client: Client,
    pub from: Url,
    pub token: String,
    pub ledger: &'a Ledger,
    pub news: &'a Notify,
}

/// Server-sent events out of what a connection brings: the parts of the standard that the gateway uses.
#[derive(Debug, Default)]
struct Lines {
    rest: Vec<u8>,
    id: Option<String>,
    kind: Option<String>,
    data: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Said {
    id: Option<String>,
    kind: Option<String>,
    data: String,
}

impl Follower<'_> {
    /// Until the gateway refuses us for good.
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.open().await {
                Ok(response) if response.status().is_success() => {
                    tracing::info!(from = %self.from, "following");
                    pause = FIRST_PAUSE;
                    self.read(response).await?;
                }
                Ok(response) => match response.status() {
                    StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                        bail!("the gateway refuses the token: {}", response.status())
                    }
                    status => tracing::warn!(%status, "the gateway can't be followed now"),
                },
                Err(error) => tracing::warn!(%error, "the gateway can't be reached"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn open(&self) -> anyhow::Result<Response> {
        let url = self.from.join("/v1/events?types=recording.published")?;
        // At the first start: everything that is still kept.
        let last = self.ledger.cursor()?.unwrap_or_else(|| "0".to_owned());
        let request = self.client.get(url).bearer_auth(&self.token);
        Ok(request.header("last-event-id", last).send().await?)
    }

    async fn read(&self, mut response: Response) -> anyhow::Result<()> {
        let mut lines = Lines::default();
        loop {
            let chunk = match response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return Ok(()),
                Err(error) => {
                    tracing::warn!(%error, "the connection broke");
                    return Ok(());
                }
            };
            for said in lines.feed(&chunk) {
                self.take(said)?;
            }
            if lines.rest.len() + lines.data.len() > EVENT_LIMIT {
                tracing::error!("the gateway sends an event without end");
                return Ok(());
            }
        }
    }

    fn take(&self, said: Said) -> anyhow::Result<()> {
        match (said.kind.as_deref(), said.id) {
            (Some("gap"), _) => tracing::error!(
                "the gateway has forgotten events that were never read: recordings were missed; /v1/recordings lists them"
            ),
            (None, Some(id)) => {
                self.ledger.take(&id, &said.data, Moment::read().epoch_ms)?;
                self.news.notify_one();
            }
            (Some(_), _) | (None, None) => {}
        }
        Ok(())
    }
}

impl Lines {
    fn feed(&mut self, chunk: &[u8]) -> Vec<Said> {
        self.rest.extend_from_slice(chunk);
        let mut said = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line[..end]);
            said.extend(self.line(line.trim_end_matches('\r')));
        }
        said
    }

    fn line(&mut self, line: &str) -> Option<Said> {
        if line.is_empty() {
            let said = Said {
                id: self.id.take(),
                kind: self.kind.take(),
                data: std::mem::take(&mut self.data),
            };
            // What has no data, a comment's end for one, is no event.
            return (!said.data.is_empty()).then_some(said);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.id = Some(value.to_owned()),
            "event" => self.kind = Some(value.to_owned()),
            "data" => {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            // A comment, "retry", or a later version's.
            _ => {}
        }
        None
    }
}

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// An hour's manifest has some 100 kB, and an event has less of it.
const EVENT_LIMIT: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_however_they_are_cut() {
        let text =
            ": heartbeat\n\nid: e_1\ndata: {\"a\":1}\n\nevent: gap\r\ndata: x\r\ndata: y\r\n\r\n";
        let whole = Lines::default().feed(text.as_bytes());
        let mut lines = Lines::default();
        let cut: Vec<Said> = text.bytes().flat_map(|byte| lines.feed(&[byte])).collect();
        assert_eq!(whole, cut);
        let said = |id: Option<&str>, kind: Option<&str>, data: &str| Said {
            id: id.map(str::to_owned),
            kind: kind.map(str::to_owned),
            data: data.to_owned(),
        };
        assert_eq!(
            whole,
            [
                said(Some("e_1"), None, "{\"a\":1}"),
                said(None, Some("gap"), "x\ny")
            ]
        );
    }
}
