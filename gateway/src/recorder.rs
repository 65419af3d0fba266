//! Recordings: both sides of a call, in step, from the media engine's taps to a finished recording in the spool.
//!
//! ```text
//! media workers ──taps──► rings ──► collector ──pieces──► writers ──► spool/<id>/{audio.wav, journal}
//! switchboard ──begin, mark, end──►  (timelines)                        │ at the end, or after a crash
//!                                                          finisher ◄───┘──► manifest.json, then an Outcome
//! ```
//!
//! No queue on this way is waited for by whoever fills it: a full one costs audio of the recording, counted and told in
//! its gaps. Threads, not tasks: they wait for disks.

mod collector;
mod committer;
mod decode;
mod decrypt;
pub mod deletion;
mod finish;
mod finisher;
mod gaps;
pub mod manifest;
pub mod objects;
mod opus;
pub mod publish;
pub mod published;
mod seal;
mod spool;
mod tape;
pub mod timeline;
mod verify;
mod wav;
mod writer;

#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use media::{Tap, TapRing};
use tokio::sync::mpsc;

pub use self::decrypt::{Undecipherable, decrypt, identities};
pub use self::timeline::Mark;
pub use self::verify::{Checked, Doubt, verify};

use self::collector::{Collector, Order};
use self::finisher::{Finisher, Job};
use self::manifest::About;
use self::seal::Sealer;
use self::spool::{Begin, Coding};
use self::writer::{Work, Writer};
use crate::call::CallId;
use crate::clock::Moment;
use crate::config;
use crate::metrics::{Metrics, Recorded};

/// What became of a recording. Sent once for each, over a bounded channel; who publishes looks through the spool at its
/// start, too, because a process that ends tells nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// `dir` is `<recording.dir>/spool/<recording>`, on the disk, its manifest in place.
    Finished { recording: String, dir: PathBuf },
    /// Nothing, or not all of it, could be written. What there is stays in the spool and is finished at a later start.
    Failed {
        recording: String,
        call: String,
        reason: String,
        /// What no later start can read either; it is put aside once it is told.
        unreadable: Option<PathBuf>,
    },
}

/// The way in: begins, marks and ends recordings. Nothing here waits.
#[derive(Debug)]
pub struct Recorder {
    orders: SyncSender<Order>,
    /// In the order of the media workers.
    rings: Vec<TapRing>,
    next: u64,
    coding: Coding,
    sealer: Option<Sealer>,
    spool: Spooled,
    outcomes: mpsc::Sender<Outcome>,
    metrics: Metrics,
}

/// A recording in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// `r_` and a UUIDv7.
    pub id: String,
    number: u64,
}

/// How full the spool is.
#[derive(Debug, Clone)]
pub struct Spooled {
    size: Arc<AtomicU64>,
    limit: u64,
}

/// Why a recording doesn't begin, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

/// The recorder's threads. They end, all that came written and finished, once the [`Recorder`] is gone.
#[derive(Debug)]
pub struct Threads(Vec<JoinHandle<()>>);

impl Recorder {
    /// Makes the spool, starts the threads, and finishes what an earlier process left.
    ///
    /// # Errors
    ///
    /// The spool can't be made, or no thread.
    pub fn start(
        config: &config::Recording,
        workers: usize,
        metrics: Metrics,
        outcomes: mpsc::Sender<Outcome>,
    ) -> io::Result<(Self, Threads)> {
        let root = config.dir.join(SPOOL);
        std::fs::create_dir_all(&root)?;
        let sealer = Sealer::new(&config.recipients);
        let spool = Spooled {
            size: Arc::default(),
            limit: config.spool_limit,
        };
        let mut threads = Vec::new();
        let mut spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            let thread = std::thread::Builder::new().name(name.to_owned());
            threads.push(thread.spawn(run)?);
            Ok::<_, io::Error>(())
        };
        let (finisher, jobs) = sync_channel::<Job>(JOBS);
        let finishing = Finisher {
            jobs,
            outcomes: outcomes.clone(),
            metrics: metrics.clone(),
            // Before anything new is in it.
            found: finisher::recordings(&root),
            root: root.clone(),
            size: spool.size.clone(),
        };
        spawn("rec-finish", Box::new(move || finishing.run()))?;
        let (written, commit) = sync_channel(1);
        let directory = std::fs::File::open(&root)?;
        spawn(
            "rec-commit",
            Box::new(move || committer::run(&commit, &directory)),
        )?;
        let mut writers = Vec::new();
        for n in 0..self::writers() {
            let (work, queue) = sync_channel::<Work>(PIECES);
            let writer = Writer::new(
                queue,
                finisher.clone(),
                written.clone(),
                root.clone(),
                sealer.clone(),
                metrics.clone(),
            );
            spawn(&format!("rec-write-{n}"), Box::new(move || writer.run()))?;
            writers.push(work);
        }
        let (orders, ordered) = sync_channel(ORDERS);
        let rings: Vec<(TapRing, Receiver<_>)> = (0..workers).map(|_| TapRing::new()).collect();
        let senders = rings.iter().map(|(ring, _)| ring.clone()).collect();
        let collector = Collector::new(ordered, rings, writers, metrics.clone());
        spawn("rec-collect", Box::new(move || collector.run()))?;
        let recorder = Self {
            orders,
            rings: senders,
            next: 0,
            coding: Coding::of(config.format),
            sealer,
            spool,
            outcomes,
            metrics,
        };
        Ok((recorder, Threads(threads)))
    }

    /// Begins a recording; its first sample is of now.
    ///
    /// # Errors
    ///
    /// The spool is over its limit, or there is too much to do. It counts as failed and is told as such.
    pub fn begin(
        &mut self,
        now: Moment,
        call: &CallId,
        about: About,
    ) -> Result<Recording, Refused> {
        let id = format!("r_{}", uuid::Uuid::now_v7());
        let refused = |why: &str| Refused(why.to_owned());
        let begun = match self.spool.is_full() {
            true => Err(refused("the spool is over its limit")),
            false => {
                self.next += 1;
                let encryption = self.sealer.as_ref().map(Sealer::told);
                let begin = Begin {
                    id: id.clone(),
                    call: call.as_str().to_owned(),
                    started_at: now.epoch_ms,
                    about,
                    file: self.coding.file(encryption.as_ref()).to_owned(),
                    coding: self.coding,
                    encryption,
                };
                self.order(Order::Begin {
                    recording: self.next,
                    at: now.instant,
                    begin: Box::new(begin),
                })
                .map_err(|Lost| refused("the recorder has too much to do"))
            }
        };
        if let Err(Refused(reason)) = &begun {
            self.metrics.recording_ended(Recorded::Failed);
            let failed = Outcome::Failed {
                recording: id.clone(),
                call: call.as_str().to_owned(),
                reason: reason.clone(),
                unreadable: None,
            };
            if self.outcomes.try_send(failed).is_err() {
                tracing::error!(call = call.as_str(), reason, "a recording failed");
            }
        }
        let number = self.next;
        begun.map(|()| Recording { id, number })
    }

    /// What copies the audio of a leg of this media worker: channel 0 is the customer's, 1 the agent's.
    pub fn tap(&self, recording: &Recording, worker: u16, channel: u8) -> Option<Tap> {
        let ring = self.rings.get(usize::from(worker))?;
        Some(ring.tap(recording.number, channel))
    }

    /// From now on the mark holds for a channel, or doesn't any more.
    pub fn mark(&self, now: Instant, recording: &Recording, channel: u8, mark: Mark, holds: bool) {
        let marked = self.order(Order::Mark {
            recording: recording.number,
            at: now,
            channel,
            mark,
            holds,
        });
        if let Err(Lost) = marked {
            tracing::error!(
                recording = recording.id,
                ?mark,
                "a gap of a recording has no reason"
            );
        }
    }

    /// Ends it; its outcome follows.
    pub fn end(&self, now: Instant, recording: &Recording, about: About) {
        let ended = self.order(Order::End {
            recording: recording.number,
            at: now,
            about: Box::new(about),
        });
        if let Err(Lost) = ended {
            tracing::error!(
                recording = recording.id,
                "a recording goes on, because its end got lost"
            );
        }
    }

    pub fn spooled(&self) -> Spooled {
        self.spool.clone()
    }

    fn order(&self, order: Order) -> Result<(), Lost> {
        self.orders.try_send(order).map_err(|_| Lost)
    }
}

/// The collector's queue was full.
struct Lost;

impl Recording {
    /// As taps know it.
    pub fn number(&self) -> u64 {
        self.number
    }
}

impl Spooled {
    /// Octets in the spool, as of a moment ago.
    pub fn size(&self) -> u64 {
        self.size.load(Ordering::Relaxed)
    }

    pub fn is_full(&self) -> bool {
        self.size() >= self.limit
    }
}

impl Threads {
    /// Waits for them; the [`Recorder`] must be gone.
    pub fn join(self) {
        for thread in self.0 {
            if thread.join().is_err() {
                tracing::error!("a thread of the recorder broke");
            }
        }
    }
}

/// Encoding and encrypting take most of it, so it is by processors.
fn writers() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    (processors / 2).clamp(1, 4)
}

/// The directory of recordings in progress, and of finished ones that aren't published.
pub const SPOOL: &str = "spool";

/// Begins, marks and ends that may wait: thousands of calls that end at once.
const ORDERS: usize = 16_384;

/// Pieces that may wait for a writer: 16 MiB; 200 recordings wait 2.5 s for the disk.
const PIECES: usize = 1_024;

/// Recordings that may end at once.
const JOBS: usize = 4_096;
