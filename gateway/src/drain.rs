//! `warmline drain`: asks a running gateway to take no new calls, and waits for the last one's end.

use std::time::Duration;

use anyhow::Context;
use tokio::time::{sleep, timeout};

use crate::config::Config;
use crate::http::operations::Draining;

/// Drains the gateway that runs with this configuration. What stops it afterwards is its operator's: it goes on refusing.
///
/// # Errors
///
/// It can't be reached, or calls were still open when the time was over.
pub async fn run(config: Config, within: Option<Duration>) -> anyhow::Result<()> {
    let within = within.unwrap_or(config.limits.drain_timeout);
    let url = format!("http://{}/drain", config.http.operations);
    match timeout(within, emptied(&url)).await {
        Ok(emptied) => emptied,
        Err(_) => {
            let left = ask(&url).await?;
            anyhow::ensure!(left == 0, "{left} calls are still open after {within:?}");
            Ok(())
        }
    }
}

async fn emptied(url: &str) -> anyhow::Result<()> {
    let mut left = ask(url).await?;
    println!("No new calls are taken; {left} are open.");
    while left > 0 {
        sleep(BETWEEN_QUESTIONS).await;
        left = ask(url).await?;
    }
    println!("Every call has ended.");
    Ok(())
}

/// How many calls are open; asking is what makes it drain.
async fn ask(url: &str) -> anyhow::Result<usize> {
    let reply = reqwest::Client::new().post(url).timeout(PATIENCE).send();
    let reply = reply
        .await
        .with_context(|| format!("{url} can't be reached"))?;
    let reply = reply.error_for_status().context("the gateway refuses")?;
    let bytes = reply.bytes().await.context("the reply broke off")?;
    let draining: Draining = serde_json::from_slice(&bytes).context("not a gateway's reply")?;
    Ok(draining.calls)
}

/// Calls last minutes.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(500);

const PATIENCE: Duration = Duration::from_secs(5);
