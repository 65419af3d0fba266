#![doc = include_str!("../DESIGN.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod admission;
pub mod digest;
pub mod message;
pub mod profile;

mod dialog;
mod endpoint;
mod error;
mod framing;
mod registration;
mod transaction;

pub use dialog::dtmf::{Digit, DigitFormat};
pub use dialog::refer::{Referral, ReplacedPhase, Replaces};
pub use digest::Credentials;
pub use endpoint::{
    Address, Body, Counts, Description, DialogId, Ended, Endpoint, EndpointConfig, Event, Flow,
    IncomingInvite, InviteRequest, LineConfig, LineDown, LineId, Party, Path, PeerConfig, PeerId,
    Reachability, Ringing, SocketId, Source, StreamId, Transmit, Transport, TrunkConfig, TrunkId,
    Why,
};
pub use error::{Malformed, Misuse};
pub use framing::{Framed, StreamFraming, Unframeable};
pub use profile::Profile;
pub use transaction::timer::Timer;
