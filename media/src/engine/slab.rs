//! The slots that packets live in from `recvmmsg` to `sendmmsg`.

use std::net::SocketAddr;
use std::ops::Range;

use crate::srtp::cipher::EXPANSION;

/// A fixed number of slots of [`Slab::SLOT`] octets.
#[derive(Debug)]
pub struct Slab {
    octets: Box<[u8]>,
}

/// A datagram as it came: the first `length` octets of a slot.
#[derive(Debug, Clone, Copy)]
pub struct Received {
    pub slot: usize,
    pub length: usize,
    pub from: SocketAddr,
}

/// A datagram to send: a part of a slot.
#[derive(Debug, Clone)]
pub struct Outgoing {
    pub socket: super::socket::SocketKey,
    pub slot: usize,
    pub range: Range<usize>,
    pub to: SocketAddr,
}

impl Slab {
    /// A datagram of an Ethernet's size and room behind it.
    pub const SLOT: usize = 2_048;
    /// What a datagram may have: the rest is room for what sealing appends.
    pub const CAPACITY: usize = Self::SLOT - EXPANSION;

    pub fn new(slots: usize) -> Self {
        Self {
            octets: vec![0; slots * Self::SLOT].into(),
        }
    }

    pub fn slots(&self) -> usize {
        self.octets.len() / Self::SLOT
    }

    pub fn slot(&mut self, n: usize) -> &mut [u8] {
        &mut self.octets[n * Self::SLOT..(n + 1) * Self::SLOT]
    }

    pub fn read(&self, slot: usize, range: Range<usize>) -> &[u8] {
        &self.octets[slot * Self::SLOT..(slot + 1) * Self::SLOT][range]
    }

    /// The slots from `first` on, each as one slice.
    pub fn tail(&mut self, first: usize) -> std::slice::ChunksExactMut<'_, u8> {
        self.octets[first * Self::SLOT..].chunks_exact_mut(Self::SLOT)
    }
}
