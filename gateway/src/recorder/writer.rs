//! A writer thread: it encodes and writes the recordings that are its own.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use super::finisher::Job;
use super::manifest::{About, Gap};
use super::seal::Sealer;
use super::spool::Begin;
use super::tape::{Progress, Tape};
use super::timeline::Piece;
use crate::metrics::Metrics;

/// What a writer is to do, in order for each recording.
#[derive(Debug)]
pub enum Work {
    Begin {
        recording: u64,
        begin: Box<Begin>,
    },
    Piece {
        recording: u64,
        /// Samples before it that this queue had no room for.
        owed: u64,
        piece: Piece,
    },
    End {
        recording: u64,
        owed: u64,
        gaps: Vec<Gap>,
        about: Box<About>,
    },
}

/// A thread's recordings.
#[derive(Debug)]
pub struct Writer {
    queue: Receiver<Work>,
    finisher: SyncSender<Job>,
    /// Tells the committer.
    written: SyncSender<()>,
    root: PathBuf,
    sealer: Option<Sealer>,
    metrics: Metrics,
    tapes: HashMap<u64, Tape>,
    /// When those in trouble were last tried.
    tried: Instant,
}

impl Writer {
    pub fn new(
        queue: Receiver<Work>,
        finisher: SyncSender<Job>,
        written: SyncSender<()>,
        root: PathBuf,
        sealer: Option<Sealer>,
        metrics: Metrics,
    ) -> Self {
        Self {
            queue,
            finisher,
            written,
            root,
            sealer,
            metrics,
            tapes: HashMap::new(),
            tried: Instant::now(),
        }
    }

    /// Runs until nobody has work for it any more.
    pub fn run(mut self) {
        loop {
            match self.queue.recv_timeout(AGAIN) {
                Ok(work) => self.handle(work),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.tried.elapsed() >= AGAIN {
                self.retry();
                self.tried = Instant::now();
            }
        }
        // What can't be written now is found at the next start.
        self.retry();
    }

    fn handle(&mut self, work: Work) {
        let recording = match work {
            Work::Begin { recording, begin } => {
                match Tape::new(*begin.clone()) {
                    Ok(tape) => {
                        self.tapes.insert(recording, tape);
                    }
                    Err(error) => self.fail(&begin, error.to_string()),
                }
                recording
            }
            Work::Piece {
                recording,
                owed,
                piece,
            } => {
                let Some(tape) = self.tapes.get_mut(&recording) else {
                    return;
                };
                let given_up = tape.handle_piece(owed, piece);
                self.metrics.recording_dropped(frames(given_up));
                // A disk in trouble is asked again once a second, not by each recording twice.
                if tape.trouble().is_some() {
                    return;
                }
                recording
            }
            Work::End {
                recording,
                owed,
                gaps,
                about,
            } => {
                if let Some(tape) = self.tapes.get_mut(&recording) {
                    tape.handle_end(owed, gaps, about);
                }
                recording
            }
        };
        self.advance(recording, Instant::now());
    }

    fn advance(&mut self, recording: u64, now: Instant) {
        let Some(tape) = self.tapes.get_mut(&recording) else {
            return;
        };
        let told = tape.trouble().is_some();
        match tape.advance(now, &self.root, self.sealer.as_ref()) {
            Ok(Progress::Running) => {
                // One word that waits says enough.
                let _ = self.written.try_send(());
            }
            Ok(Progress::Over) => self.hand_over(recording),
            Err(error) => {
                let begin = tape.begin();
                if !told {
                    tracing::error!(recording = begin.id, call = begin.call, %error, "a recording can't be written; it is tried again");
                }
                self.give_up(recording, now);
            }
        }
    }

    fn hand_over(&mut self, recording: u64) {
        let Some(tape) = self.tapes.remove(&recording) else {
            return;
        };
        if let Some(spool) = tape.spool() {
            let job = Job::Finish {
                directory: spool.directory().to_owned(),
                id: tape.begin().id.clone(),
                call: tape.begin().call.clone(),
            };
            if self.finisher.try_send(job).is_err() {
                tracing::warn!(
                    recording = tape.begin().id,
                    "too many recordings end at once; this one is finished at the next start"
                );
            }
        }
    }

    /// A recording that ended and doesn't get onto the disk is told of; what is there stays.
    fn give_up(&mut self, recording: u64, now: Instant) {
        let Some(tape) = self.tapes.get(&recording) else {
            return;
        };
        let Some((since, why)) = tape.trouble() else {
            return;
        };
        if tape.has_ended() && now.duration_since(since) >= PATIENCE {
            self.fail(tape.begin(), format!("It could not be written: {why}."));
            self.tapes.remove(&recording);
        }
    }

    fn fail(&self, begin: &Begin, reason: String) {
        let job = Job::Fail {
            id: begin.id.clone(),
            call: begin.call.clone(),
            reason,
        };
        // Its log line is all that is left then.
        if let Err(lost) = self.finisher.try_send(job) {
            tracing::error!(?lost, "a recording failed");
        }
    }

    fn retry(&mut self) {
        let now = Instant::now();
        let failing = self
            .tapes
            .iter()
            .filter(|(_, tape)| tape.trouble().is_some());
        let failing: Vec<u64> = failing.map(|(recording, _)| *recording).collect();
        for recording in failing {
            self.advance(recording, now);
        }
    }
}

/// 20 ms each, on both channels.
pub fn frames(samples: u64) -> u64 {
    2 * samples / (u64::from(super::timeline::RATE) / 50)
}

/// How often a disk in trouble is asked.
const AGAIN: Duration = Duration::from_secs(1);

/// How long an ended recording waits for its disk.
const PATIENCE: Duration = Duration::from_secs(30);
