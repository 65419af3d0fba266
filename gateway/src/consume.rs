//! `warmline consume`: the reference consumer of recordings. It follows a gateway's events, fetches each recording that is
//! published, and runs a command on it.
//!
//! An event is written down before the next one is read, under its own id, so that one that comes twice is one piece of
//! work; the work itself is done by a second task, which tries what failed again and puts aside what fails too often. A
//! process that is killed goes on with both where they were. A command that was killed in the middle runs again: what it
//! writes has to be written under a name of the event's or the recording's (`WARMLINE_EVENT`, `WARMLINE_RECORDING`).

mod command;
mod follow;
mod group;
mod ledger;
mod work;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use reqwest::{Client, Url};
use tokio::sync::{Notify, watch};

pub use self::command::CommandLine;
use self::follow::Follower;
use self::ledger::Ledger;
use self::work::Worker;

/// What a consumer does, and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// The gateway's public listener: `http://127.0.0.1:8080`.
    pub from: Url,
    /// With the scope `recordings:read`.
    pub token: String,
    pub command: CommandLine,
    /// Where the consumer remembers how far it is, and keeps what it works on.
    pub state: PathBuf,
    /// How often a recording is tried before it is put aside.
    pub attempts: u32,
    /// For how long the command may run.
    pub patience: Duration,
}

/// Runs until `stop`, or until the gateway refuses the token.
///
/// # Errors
///
/// The state can't be kept, or the gateway refuses us for good.
pub async fn run(options: Options, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let state = options.state.clone();
    std::fs::create_dir_all(&state).with_context(|| state.display().to_string())?;
    let ledger = Ledger::open(&state.join("consumer.db"))?;
    let client = Client::builder()
        .connect_timeout(Duration::from_secs(10))
        // The gateway says something every 15 s.
        .read_timeout(Duration::from_secs(60))
        .build()?;
    let news = Notify::new();
    let follower = Follower {
        client: client.clone(),
        from: options.from.clone(),
        token: options.token.clone(),
        ledger: &ledger,
        news: &news,
    };
    let (stopping, stopped) = watch::channel(false);
    let worker = Worker {
        client,
        options: &options,
        ledger: &ledger,
        news: &news,
        stopped,
    };
    let work = async {
        tokio::select! {
            refused = follower.run() => refused,
            broken = worker.run() => broken,
        }
    };
    tokio::pin!(work);
    tokio::select! {
        ended = &mut work => ended,
        () = stop => {
            // The worker ends what runs, and then itself.
            stopping.send_replace(true);
            work.await
        }
    }
}
