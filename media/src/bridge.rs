//! Two legs and what lies between them.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Instant;

use crate::engine::Mute;
use crate::leg::{Discard, Leg};

#[cfg(test)]
pub(crate) mod allocations;
#[cfg(test)]
mod tests;

/// Relays one received packet in its slot: opened, renumbered, turned into the other law and sealed
/// in place, without allocating. Returns what of the slot to send, and where.
///
/// Where the codecs can't meet it is [`Discard::Recoded`]: [`Leg::poll_recoded`] of the other leg has
/// it when its time has come.
///
/// # Errors
///
/// [`Discard`]
pub fn relay(
    from: &mut Leg,
    to: &mut Leg,
    slot: &mut [u8],
    length: usize,
    source: SocketAddr,
    now: Instant,
) -> Result<(Range<usize>, SocketAddr), Discard> {
    let opened = from.open(slot, length, source, now)?;
    match from.mute() {
        Mute::Off => to.seal(slot, &opened, now),
        Mute::On => to.hush(slot, &opened, now),
    }
}
