//! The thread between the taps and the writers: it never touches a disk.
//!
//! It empties the rings, lets each recording's timeline place what came, and hands pieces on. A writer whose queue is
//! full costs pieces, which are counted and become gaps; nobody waits for it.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::time::{Duration, Instant};

use media::{TapRing, Tapped};

use super::manifest::{About, Gap};
use super::spool::Begin;
use super::timeline::{Mark, Packet, Piece, Timeline};
use super::writer::{Work, frames};
use crate::metrics::Metrics;

/// What the switchboard tells of a recording.
#[derive(Debug)]
pub enum Order {
    Begin {
        recording: u64,
        at: Instant,
        begin: Box<Begin>,
    },
    Mark {
        recording: u64,
        at: Instant,
        channel: u8,
        mark: Mark,
        holds: bool,
    },
    End {
        recording: u64,
        at: Instant,
        about: Box<About>,
    },
}

/// The recordings in progress.
#[derive(Debug)]
pub struct Collector {
    orders: Receiver<Order>,
    rings: Vec<(TapRing, Receiver<Tapped>)>,
    writers: Vec<SyncSender<Work>>,
    metrics: Metrics,
    sessions: HashMap<u64, Session>,
    /// Packets that the rings had no room for, as far as they were counted.
    dropped: u64,
}

/// A recording, and what its writer hasn't got of it.
#[derive(Debug)]
struct Session {
    timeline: Timeline,
    begin: Option<Box<Begin>>,
    owed: u64,
    gaps: Vec<Gap>,
    about: Box<About>,
}

impl Collector {
    pub fn new(
        orders: Receiver<Order>,
        rings: Vec<(TapRing, Receiver<Tapped>)>,
        writers: Vec<SyncSender<Work>>,
        metrics: Metrics,
    ) -> Self {
        Self {
            orders,
            rings,
            writers,
            metrics,
            sessions: HashMap::new(),
            dropped: 0,
        }
    }

    /// Runs until nobody gives orders any more, and all that came is handed on.
    pub fn run(mut self) {
        loop {
            match self.orders.recv_timeout(BETWEEN) {
                Ok(order) => self.obey(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.catch_up();
            self.collect();
            self.hand_on(Instant::now());
        }
        self.collect();
        let now = Instant::now();
        for session in self.sessions.values_mut() {
            session.timeline.handle_end(now);
        }
        let give_up = now + GOOD_BYE;
        while !self.sessions.is_empty() && Instant::now() < give_up {
            // Nothing comes any more, so nothing can be late.
            self.hand_on(now + Duration::from_secs(1));
            std::thread::sleep(BETWEEN);
        }
    }

    fn catch_up(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            self.obey(order);
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Begin {
                recording,
                at,
                begin,
            } => {
                let session = Session {
                    timeline: Timeline::new(at),
                    about: Box::new(begin.about.clone()),
                    begin: Some(begin),
                    owed: 0,
                    gaps: Vec::new(),
                };
                self.sessions.insert(recording, session);
            }
            Order::Mark {
                recording,
                at,
                channel,
                mark,
                holds,
            } => {
                if let Some(session) = self.sessions.get_mut(&recording) {
                    session.timeline.handle_mark(at, channel, mark, holds);
                }
            }
            Order::End {
                recording,
                at,
                about,
            } => {
                if let Some(session) = self.sessions.get_mut(&recording) {
                    session.timeline.handle_end(at);
                    session.about = about;
                }
            }
        }
    }

    /// Empties the rings; a bound keeps pieces going out under any flood.
    fn collect(&mut self) {
        let mut dropped = 0;
        for n in 0..self.rings.len() {
            for _ in 0..AT_ONCE {
                let Ok(tapped) = self.rings[n].1.try_recv() else {
                    break;
                };
                if !self.sessions.contains_key(&tapped.recording) {
                    // Its beginning may have been told while we were here.
                    self.catch_up();
                }
                if let Some(session) = self.sessions.get_mut(&tapped.recording) {
                    session
                        .timeline
                        .handle_packet(tapped.channel, packet(&tapped));
                }
            }
            dropped += self.rings[n].0.dropped();
        }
        self.metrics.recording_dropped(dropped - self.dropped);
        self.dropped = dropped;
    }

    fn hand_on(&mut self, now: Instant) {
        let (writers, metrics) = (&self.writers, &self.metrics);
        self.sessions.retain(|recording, session| {
            let writer = &writers[*recording as usize % writers.len()];
            session.hand_on(now, *recording, writer, metrics) == Left::Some
        });
    }
}

/// Whether a recording still has something to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Some,
    Nothing,
}

impl Session {
    fn hand_on(
        &mut self,
        now: Instant,
        recording: u64,
        writer: &SyncSender<Work>,
        metrics: &Metrics,
    ) -> Left {
        if let Some(begin) = self.begin.take()
            && let Err(TrySendError::Full(Work::Begin { begin, .. })) =
                writer.try_send(Work::Begin { recording, begin })
        {
            self.begin = Some(begin);
        }
        while let Some(piece) = self.timeline.poll_piece(now) {
            let lost = self.send(recording, piece, writer);
            metrics.recording_dropped(frames(lost));
        }
        if !self.timeline.is_over() || self.begin.is_some() {
            return Left::Some;
        }
        let end = Work::End {
            recording,
            owed: self.owed,
            gaps: std::mem::take(&mut self.gaps),
            about: self.about.clone(),
        };
        match writer.try_send(end) {
            Err(TrySendError::Full(Work::End { gaps, .. })) => {
                self.gaps = gaps;
                Left::Some
            }
            Ok(()) | Err(_) => Left::Nothing,
        }
    }

    /// Returns how many samples the writer's queue had no room for.
    fn send(&mut self, recording: u64, mut piece: Piece, writer: &SyncSender<Work>) -> u64 {
        let samples = piece.samples[0].len() as u64;
        if self.begin.is_some() {
            self.gaps.append(&mut piece.gaps);
            self.owed += samples;
            return samples;
        }
        self.gaps.append(&mut piece.gaps);
        std::mem::swap(&mut self.gaps, &mut piece.gaps);
        let work = Work::Piece {
            recording,
            owed: self.owed,
            piece,
        };
        match writer.try_send(work) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {
                self.owed = 0;
                0
            }
            Err(TrySendError::Full(work)) => {
                if let Work::Piece { piece, .. } = work {
                    self.gaps = piece.gaps;
                }
                self.owed += samples;
                samples
            }
        }
    }
}

fn packet(tapped: &Tapped) -> Packet {
    Packet {
        at: tapped.at,
        ssrc: tapped.ssrc.0,
        sequence: tapped.sequence,
        timestamp: tapped.timestamp,
        codec: tapped.codec,
        missed: tapped.missed,
        payload: tapped.payload().into(),
    }
}

/// Half of what a packet of the shortest usual frame covers.
const BETWEEN: Duration = Duration::from_millis(10);

/// Packets of one ring before the next one's turn.
const AT_ONCE: usize = 8_192;

/// How long the writers have for what is left at the end; whoever stops the program may wait less.
const GOOD_BYE: Duration = Duration::from_secs(60);
