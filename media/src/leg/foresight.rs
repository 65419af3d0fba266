//! What of a leg a packet will need, told while the packets before it are being relayed.
//!
//! With a thousand calls none of it is in a near cache. Asked for early it comes while others are worked on; asked for when
//! it is needed, it is waited for, line after line.

use std::mem::offset_of;
use std::ptr;

use super::{Ingress, Leg, Security};

impl Leg {
    /// What a packet needs that this leg receives, but for the keys: where, and how many octets.
    #[inline]
    pub fn foresee(&self, fetch: impl Fn(*const u8, usize)) {
        let octets = offset_of!(Self, ingress) + offset_of!(Ingress, encodings);
        fetch(ptr::from_ref(self).cast(), octets);
        fetch(ptr::from_ref(&self.security).cast(), 1);
        for common in [8, 101] {
            fetch(ptr::from_ref(&self.ingress.encodings[common]).cast(), 1);
        }
    }

    /// The keys that it is opened with, and what of the path there is to know.
    #[inline]
    pub fn foresee_open(&self, fetch: impl Fn(*const u8, usize)) {
        fetch(ptr::from_ref(&self.path).cast(), PATH);
        if let Security::Keyed(receiver, _) = &self.security {
            receiver.foresee(fetch);
        }
    }

    /// What a packet needs that this leg is to send.
    #[inline]
    pub fn foresee_seal(&self, fetch: impl Fn(*const u8, usize)) {
        let sent = offset_of!(Self, recoding) - offset_of!(Self, egress) + 1;
        fetch(ptr::from_ref(&self.egress).cast(), sent);
        fetch(ptr::from_ref(&self.path).cast(), PATH);
        fetch(ptr::from_ref(self).cast(), 1);
        if let Security::Keyed(_, sender) = &self.security {
            sender.foresee(&fetch);
        }
    }
}

/// What a packet needs of a path stands in its first lines: where to, and by which socket.
const PATH: usize = 128;
