//! The media engine: worker threads that own the sockets and relay packets.
//!
//! An [`Engine`] is driven by commands, each put into one worker's bounded ring, and answers with
//! [`Event`]s. Nothing here waits: a command returns at once, and the sink is called from the
//! worker threads, which it must not hold up.

mod affinity;
mod counters;
mod deadlines;
mod demux;
mod early;
mod handshakes;
mod pace;
mod ports;
mod random;
mod relay_times;
mod slab;
#[allow(unsafe_code, reason = "the batched system calls")]
mod socket;
mod tcp;
mod timers;
mod worker;

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

pub use affinity::Pinning;
use counters::Counters;
pub use counters::{Traffic, WorkerCounters};
#[cfg(any(test, fuzzing))]
pub(crate) use demux::Protocol;
pub use relay_times::Delays;
use socket::Wake;
pub(crate) use socket::{SocketKey, prefetch};
pub use timers::Timers;
use worker::{Command, Worker};

use crate::codec::{AudioCodec, CodecPolicy};
use crate::dtls;
use crate::leg::meter::{Level, Passed};
use crate::prompt::{Prompt, Repeat};
use crate::quality::Mos;
use crate::sdp::{Direction, SdpError};
use crate::tap::Tap;
use crate::tones::Tones;

/// One worker thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkerId(u16);

impl WorkerId {
    /// From 0.
    pub fn number(self) -> u16 {
        self.0
    }
}

/// One side of a call. It belongs to one worker for its whole life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegId {
    worker: WorkerId,
    number: u64,
}

impl LegId {
    /// The worker that carries the leg.
    pub fn worker(self) -> WorkerId {
        self.worker
    }
}

impl std::fmt::Display for LegId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.worker.0, self.number)
    }
}

/// Chosen by the caller and echoed in the [`Event::Description`] that answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(pub u64);

/// What kind of offer to make to a SIP peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerKind {
    /// `UDP/TLS/RTP/SAVPF` with ICE.
    WebRtc,
    /// `RTP/AVP`.
    Plain,
    /// `RTP/SAVP` with the keys in the description (RFC 4568): for trunks whose signalling is
    /// protected itself.
    Sdes,
}

/// Whether what a leg sends is withheld from the other leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Mute {
    On,
    Off,
}

/// Whether browsers may bring their media by TCP where UDP doesn't get through (RFC 6544).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IceTcp {
    /// Each worker listens on its WebRTC port's number, and candidates say so.
    Passive,
    /// UDP alone.
    Off,
}

/// How to run the engine. Read once.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The address that descriptions and candidates name.
    pub public_ip: IpAddr,
    /// The address that sockets are bound to.
    pub bind_ip: IpAddr,
    /// All WebRTC legs of worker n are on this port + n; 0 lets the OS choose each.
    pub webrtc_port: u16,
    /// Whether TCP on the same numbers is taken, too.
    pub ice_tcp: IceTcp,
    /// Ports of plain legs, two for each.
    pub rtp_ports: RangeInclusive<u16>,
    /// 0 means one a core.
    pub workers: usize,
    /// Whether each has a processor of its own.
    pub pinning: Pinning,
    /// Enabled codecs, the preferred one first.
    pub codecs: Vec<AudioCodec>,
    /// The root of ICE passwords, SSRCs and sequence numbers: from the system's generator
    /// in production, fixed in tests.
    pub seed: [u8; 32],
}

/// What a worker reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The answer to a description command: our SDP, or empty after `accept_answer`.
    Description {
        /// The leg that was asked.
        leg: LegId,
        /// As given by the caller.
        request: RequestId,
        /// Our own SDP, or what was wrong.
        result: Result<String, SdpError>,
    },
    /// Packets can flow: ICE and DTLS are done, or a plain peer's first packet came.
    #[allow(missing_docs)]
    Connected { leg: LegId },
    /// The first RTP packet since the leg was made or (re)bridged.
    #[allow(missing_docs)]
    Heard { leg: LegId },
    /// The leg doesn't work any more, perhaps not for good. It stays until closed.
    #[allow(missing_docs)]
    Lost { leg: LegId, cause: LegLost },
    /// A bridged leg that isn't on hold sends no audio any more, or never began to; its path may
    /// well be up. Not told of a pause that comfort noise announced.
    #[allow(missing_docs)]
    Stopped { leg: LegId, silent: Duration },
    /// The first packet after [`Event::Stopped`].
    #[allow(missing_docs)]
    Resumed { leg: LegId },
    /// It works again after [`Event::Lost`].
    #[allow(missing_docs)]
    Recovered { leg: LegId },
    /// The answer to `close`; also after [`LegLost::Panicked`].
    #[allow(missing_docs)]
    Closed { leg: LegId },
    /// Every 5 s for a bridged leg: how well we hear it.
    Quality {
        /// Who is heard.
        leg: LegId,
        /// Since the source began.
        packets_received: u64,
        /// Since the source began.
        packets_lost: u64,
        /// Interarrival jitter (RFC 3550 §6.4.1).
        jitter: Duration,
        /// From the peer's reports; `None` until one came.
        rtt: Option<Duration>,
        /// What the last 5 s of it sounded like to us; `None` when nothing came.
        mos_received: Option<Mos>,
        /// What we sent sounded like to the peer, by its last report; `None` when there is none of
        /// the last 15 s.
        mos_sent: Option<Mos>,
    },
    /// Every 5 s for a described leg, bridged or not: whether audio flows, and whether it is more
    /// than silence.
    Audio {
        /// Whose.
        leg: LegId,
        /// From the peer.
        received: Passed,
        /// To the peer: relayed and played.
        sent: Passed,
        /// Since anything authentic came, comfort noise, digits, reports and answers to checks included.
        alive: Duration,
    },
    /// How loud a browser's microphone is: once a second at most, when it changed by 3 dB.
    Level {
        /// Whose.
        leg: LegId,
        /// The loudest of the last second.
        level: Level,
    },
    /// A digit was pressed (RFC 4733); it is relayed too.
    Digit {
        /// Who pressed it.
        leg: LegId,
        /// 0–9, *, #, A–D.
        digit: char,
        /// How long.
        duration: Duration,
    },
    /// The peer takes no telephone-event (RFC 4733): none of these digits was sent, and another way may be tried.
    #[allow(missing_docs)]
    Undialled { leg: LegId, tones: Tones },
    /// A prompt that is played once came to its end: neither stopped nor replaced.
    #[allow(missing_docs)]
    Played { leg: LegId },
    /// A command that has no description to answer with couldn't be done, or not to its end.
    #[allow(missing_docs)]
    Failed { leg: LegId, failure: Failure },
}

/// Why a leg is [`Event::Lost`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LegLost {
    /// The peer stopped answering connectivity checks.
    #[error("the peer stopped answering ICE")]
    IceDisconnected,
    /// The handshake ended in an error.
    #[error("the DTLS handshake failed: {0}")]
    DtlsFailed(String),
    /// No keys 10 s after our answer.
    #[error("ICE and DTLS weren't done in time")]
    SetupTimedOut,
    /// Neither RTP nor STUN came.
    #[error("nothing was received for {} s", r#for.as_secs())]
    Silent {
        /// Since the last packet.
        r#for: Duration,
    },
    /// The peer closed DTLS.
    #[error("the peer closed the connection")]
    PeerClosed,
    /// A bug of ours; the leg is gone.
    #[error("the leg ended by an internal error")]
    Panicked,
}

/// Why a command is [`Event::Failed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Never described, or closed already.
    #[error("there is no such leg")]
    UnknownLeg,
    /// A bridge needs both legs in one worker.
    #[error("the legs belong to different workers")]
    DifferentWorkers,
    /// The peer doesn't take telephone-event (RFC 4733) any more: what was still to be sent is dropped.
    #[error("the peer takes no telephone-event")]
    NoTelephoneEvent,
    /// Digits need a peer that was described, has keys and an address, and isn't on hold. Those
    /// that were still to be sent are dropped.
    #[error("nothing can be sent to the peer now")]
    NotSending,
    /// With these, more than [`Tones::LONGEST`] would wait; the ones before go on.
    #[error("too many digits are waiting to be sent")]
    TooManyDigits,
}

/// The worker's ring is full: the command was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the media worker's command ring is full")]
pub struct Full;

/// Why the engine doesn't start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A socket, a thread or epoll.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it didn't work.
        source: std::io::Error,
    },
    /// The configuration can't work.
    #[error("{0}")]
    Config(String),
    /// No certificate could be made.
    #[error("preparing DTLS: {0}")]
    Dtls(String),
}

/// The running workers. Dropping it stops them.
#[derive(Debug)]
pub struct Engine {
    workers: Vec<Handle>,
    next_leg: AtomicU64,
}

#[derive(Debug)]
struct Handle {
    commands: SyncSender<Command>,
    wake: Arc<Wake>,
    counters: Arc<Counters>,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    /// Binds the WebRTC sockets and starts the workers.
    ///
    /// `sink` takes the events; it is called from the worker threads and must not block.
    ///
    /// # Errors
    ///
    /// [`EngineError`] naming the socket or the setting.
    pub fn start(
        config: EngineConfig,
        sink: Box<dyn Fn(Event) + Send + Sync>,
    ) -> Result<Self, EngineError> {
        if config.codecs.is_empty() {
            return Err(EngineError::Config("no audio codec is enabled".into()));
        }
        dtls::prepare().map_err(EngineError::Dtls)?;
        socket::raise_descriptor_limit();
        let sink: Arc<dyn Fn(Event) + Send + Sync> = sink.into();
        let count = match config.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            count => count,
        };
        let config = Arc::new(EngineConfig {
            workers: count,
            ..config
        });
        let processors = config.pinning.processors(count);
        let workers = (0..count)
            .map(|n| Handle::start(n as u16, processors.get(n).copied(), &config, &sink))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            workers,
            next_leg: AtomicU64::new(1),
        })
    }

    /// The worker with the fewest legs.
    pub fn assign(&self) -> WorkerId {
        let least = self
            .workers
            .iter()
            .enumerate()
            .min_by_key(|(_, worker)| worker.counters.legs());
        WorkerId(least.map_or(0, |(n, _)| n as u16))
    }

    /// A number for a leg in `worker`. The leg itself is made by its first description.
    pub fn new_leg(&self, worker: WorkerId) -> LegId {
        LegId {
            worker,
            number: self.next_leg.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// What a leg is to speak, in place of [`EngineConfig::codecs`]: before its first description.
    /// It lasts until the leg is closed.
    ///
    /// # Errors
    ///
    /// [`Full`]
    pub fn prefer(&self, leg: LegId, policy: CodecPolicy) -> Result<(), Full> {
        self.send(leg, Command::Prefer { leg, policy })
    }

    /// Takes a browser's offer: the first makes the leg (ICE-lite, DTLS server), later ones
    /// renegotiate it or restart ICE.
    ///
    /// # Errors
    ///
    /// [`Full`], as with every command below.
    pub fn agent_offer(&self, leg: LegId, request: RequestId, sdp: String) -> Result<(), Full> {
        self.send(leg, Command::AgentOffer { leg, request, sdp })
    }

    /// Makes a leg for a description that is to come: what takes time is done by then. Nothing is reported; a leg that is
    /// asked to answer an offer of another kind, or couldn't be made, is made anew. To be closed like any other.
    ///
    /// # Errors
    ///
    /// [`Full`]
    pub fn prepare(&self, leg: LegId, kind: PeerKind) -> Result<(), Full> {
        self.send(leg, Command::Prepare { leg, kind })
    }

    /// Takes a SIP peer's offer: with DTLS a leg with full ICE is made, else a plain one on a
    /// port of its own. A later one on the same leg is a re-offer: same port, same keys, the
    /// direction mirrored.
    ///
    /// The peer has 10 s from here for ICE and DTLS: ask for the answer when it is to be sent.
    ///
    /// # Errors
    ///
    /// [`Full`]
    pub fn answer(&self, leg: LegId, request: RequestId, offer: String) -> Result<(), Full> {
        self.send(
            leg,
            Command::Answer {
                leg,
                request,
                offer,
            },
        )
    }

    /// Makes our own offer to a SIP peer. On a leg that is described already it describes the leg
    /// as it is (same port, same keys): what a re-INVITE without an offer asks for.
    ///
    /// # Errors
    ///
    /// [`Full`]
    pub fn offer(&self, leg: LegId, request: RequestId, kind: PeerKind) -> Result<(), Full> {
        self.send(leg, Command::Offer { leg, request, kind })
    }

    /// Makes an offer of another direction, as seen from us, to a SIP peer that was described:
    /// `SendOnly` puts it on hold with our music, `Inactive` without any, `SendRecv` ends that.
    /// Nothing changes until the answer is accepted.
    ///
    /// # Errors
    ///
    /// [`Full`]
    pub fn reoffer(
        &self,
        leg: LegId,
        request: RequestId,
        direction: Direction,
    ) -> Result<(), Full> {
        self.send(
            leg,
            Command::ReOffer {
                leg,
                request,
                direction,
            },
        )
    }

    /// Takes an answer to our last offer; another one of the same offer replaces it: a 200 after a
    /// 183, or another branch of a forked INVITE.
    ///
    /// # Errors
    ///
    /// [`Full`]
    pub fn accept_answer(
        &self,
        leg: LegId,
        request: RequestId,
        answer: String,
    ) -> Result<(), Full> {
        self.send(
            leg,
            Command::AcceptAnswer {
                leg,
                request,
                answer,
            },
        )
    }

    /// Makes an offer that restarts ICE (RFC 8839 §4.4.1.1.1) to a SIP peer that was described.
    /// Media goes on by the old path until the answer is accepted.
    ///
    /// # Errors
    ///
    /// [`Full`]
    pub fn restart_ice(&self, leg: LegId, request: RequestId) -> Result<(), Full> {
        self.send(leg, Command::RestartIce { leg, request })
    }

    /// Lets a plain peer that may have moved be heard from wherever it is now; the first that
    /// speaks is learnt as at the beginning. Legs with ICE follow their peer by themselves.
    ///
    /// # Errors
    ///
    /// [`Full`]
    pub fn relearn(&self, leg: LegId) -> Result<(), Full> {
        self.send(leg, Command::Relearn { leg })
    }

    /// Relays between two legs, both ways. A leg that is bridged already leaves its old bridge.
    ///
    /// # Errors
    ///
    /// [`Full`]
    pub fn bridge(&self, customer: LegId, agent: LegId) -> Result<(), Full> {
        self.send(customer, Command::Bridge { customer, agent })
    }

    /// Ends the bridge that the leg is in.
    ///
    /// # Errors
    ///
    /// [`Full`]
    pub fn unbridge(&self, leg: LegId) -> Result<(), Full> {
        self.send(leg, Command::Unbridge { leg })
    }

    /// Withholds what this leg sends to us, or lets it through again.
    ///
    /// # Errors
    ///
    /// [`Full`]
    pub fn mute(&self, leg: LegId, mute: Mute) -> Result<(), Full> {
        self.send(leg, Command::Mute { leg, mute })
    }

    /// Sends digits to this leg's peer as telephone-events (RFC 4733), after those that are still
    /// being sent: 100 ms each, 100 ms between. What is relayed to the leg is withheld meanwhile,
    /// and goes on during pauses. Closing the leg drops what wasn't sent.
    ///
    /// Only trouble is told, by [`Event::Failed`] or [`Event::Undialled`].
    ///
    /// # Errors
    ///
    /// [`Full`]
    pub fn digits(&self, leg: LegId, tones: Tones) -> Result<(), Full> {
        self.send(leg, Command::Digits { leg, tones })
    }

    /// Plays a prompt to the leg's peer in place of what is relayed to it; another one that plays
    /// is replaced. A leg that can't send yet (no keys, no address, on hold) begins when it can.
    ///
    /// # Errors
    ///
    /// [`Full`]
    pub fn play(&self, leg: LegId, prompt: Prompt, repeat: Repeat) -> Result<(), Full> {
        self.send(
            leg,
            Command::Play {
                leg,
                prompt,
                repeat,
            },
        )
    }

    /// Back to what is relayed, with its next packet. Does nothing where nothing plays.
    ///
    /// # Errors
    ///
    /// [`Full`]
    pub fn stop_playing(&self, leg: LegId) -> Result<(), Full> {
        self.send(leg, Command::StopPlaying { leg })
    }

    /// Copies the audio that the leg receives to the tap's ring, which is to be its worker's. One tap at a time: a new
    /// one replaces the old.
    ///
    /// # Errors
    ///
    /// [`Full`]
    pub fn tap(&self, leg: LegId, tap: Tap) -> Result<(), Full> {
        let tap = Box::new(tap);
        self.send(leg, Command::Tap { leg, tap })
    }

    /// Ends the copying for this recording; a tap of another one stays.
    ///
    /// # Errors
    ///
    /// [`Full`]
    pub fn untap(&self, leg: LegId, recording: u64) -> Result<(), Full> {
        self.send(leg, Command::Untap { leg, recording })
    }

    /// Says BYE by RTCP and ends the leg. Closing twice is no error.
    ///
    /// # Errors
    ///
    /// [`Full`]
    pub fn close(&self, leg: LegId) -> Result<(), Full> {
        self.send(leg, Command::Close { leg })
    }

    /// Every worker's counters since the start.
    pub fn counters(&self) -> Vec<WorkerCounters> {
        self.workers
            .iter()
            .enumerate()
            .map(|(n, worker)| worker.counters.snapshot(WorkerId(n as u16)))
            .collect()
    }

    fn send(&self, leg: LegId, command: Command) -> Result<(), Full> {
        let worker = self.workers.get(usize::from(leg.worker.0)).ok_or(Full)?;
        worker.commands.try_send(command).map_err(|_| Full)?;
        worker.wake.wake();
        Ok(())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        for worker in &self.workers {
            // Blocks only while the ring is full, which the worker empties.
            let _ = worker.commands.send(Command::Stop);
            worker.wake.wake();
        }
        for worker in &mut self.workers {
            if let Some(thread) = worker.thread.take() {
                let _ = thread.join();
            }
        }
    }
}

impl Handle {
    fn start(
        number: u16,
        processor: Option<usize>,
        config: &Arc<EngineConfig>,
        sink: &Arc<dyn Fn(Event) + Send + Sync>,
    ) -> Result<Self, EngineError> {
        let (commands, ring) = sync_channel(COMMAND_RING);
        let counters = Arc::new(Counters::default());
        let worker = Worker::new(
            WorkerId(number),
            config.clone(),
            ring,
            counters.clone(),
            sink.clone(),
        )?;
        let wake = worker.wake();
        let thread = std::thread::Builder::new()
            .name(format!("media-{number}"))
            .spawn(move || {
                if let Some(processor) = processor {
                    affinity::pin(processor);
                }
                worker.run();
            })
            .map_err(|source| EngineError::Io {
                what: "starting a media worker".into(),
                source,
            })?;
        Ok(Self {
            commands,
            wake,
            counters,
            thread: Some(thread),
        })
    }
}

/// A burst of calls set up in one instant fits; more than that is load to be refused.
const COMMAND_RING: usize = 4_096;
