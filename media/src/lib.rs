#![doc = include_str!("../DESIGN.md")]
#![deny(unsafe_code)]
#![warn(missing_docs)]

#[doc(hidden)]
pub mod bench;
mod bridge;
pub mod codec;
mod dtls;
mod engine;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod leg;
mod peer;
mod playout;
pub mod prompt;
pub mod quality;
mod rtcp;
pub mod rtp;
pub mod sdp;
mod srtp;
mod stun;
mod tap;
mod tones;
mod transcode;

pub use codec::{AudioCodec, CodecPolicy, ComfortNoise};
pub use engine::{
    Delays, Engine, EngineConfig, EngineError, Event, Failure, Full, IceTcp, LegId, LegLost, Mute,
    PeerKind, Pinning, RequestId, Traffic, WorkerCounters, WorkerId,
};
pub use leg::meter::{Level, Passed};
pub use prompt::{Prompt, PromptError, Repeat};
pub use quality::Mos;
pub use sdp::{Direction, SdpError};
pub use tap::{Tap, TapRing, Tapped};
pub use tones::{Tones, TonesError};
