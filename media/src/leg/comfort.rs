//! Comfort noise (RFC 3389) of our own: what a peer that asked for it gets while the other side is
//! muted. It then fills the silence itself, and knows that the path is alive.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::{Discard, Leg, Opened};
use crate::rtp::Header;
use crate::rtp::numbering::Numbered;
use crate::sdp::Encoding;

impl Leg {
    /// A packet of the other leg was withheld: says now and then how the silence sounds, in its slot.
    ///
    /// # Errors
    ///
    /// [`Discard::Muted`]: nothing is to be sent.
    pub fn hush(
        &mut self,
        slot: &mut [u8],
        opened: &Opened,
        now: Instant,
    ) -> Result<(Range<usize>, SocketAddr), Discard> {
        self.skip();
        let Encoding::Audio(_) = opened.encoding else {
            return Err(Discard::Muted);
        };
        let (agreed, to) = self.audible().ok_or(Discard::Muted)?;
        let payload_type = agreed.comfort.ok_or(Discard::Muted)?;
        let too_soon = self.egress.hushed.is_some_and(|at| now < at + INTERVAL);
        if too_soon || self.player.withholds() || self.keypad.withholds(None) {
            return Err(Discard::Muted);
        }
        self.egress.hushed = Some(now);
        let placed = Numbered {
            // It ends a talkspurt and begins none (RFC 3551 §4.1).
            marker: false,
            ..self.egress.numbering.begin(now)
        };
        let start = opened.payload.start - Header::FIXED;
        slot[opened.payload.start] = LEVEL;
        let sealed = self.finish(&mut slot[start..], Header::FIXED + 1, payload_type, placed)?;
        Ok((start..start + sealed, to))
    }
}

/// −70 dBov, without a spectrum (RFC 3389 §3): a quiet room.
const LEVEL: u8 = 70;
/// Often enough that a lost one isn't missed.
const INTERVAL: Duration = Duration::from_millis(200);
