//! SRTP and SRTCP (RFC 3711, RFC 7714) in place: a receiving and a sending half per leg.

pub mod cipher;
mod hmac;
pub mod keys;
pub mod replay;

use std::ptr;

use crate::rtp::{Header, Ssrc};
use cipher::{Cipher, RTCP_CLEAR};
use keys::KeyingMaterial;
use replay::ReplayWindows;

/// Why a protected packet isn't taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Seen before, or too old to tell.
    Replayed,
    /// The tag doesn't match.
    Forged,
}

impl From<cipher::Forged> for Refused {
    fn from(_: cipher::Forged) -> Self {
        Self::Forged
    }
}

/// Opens what the peer protects.
#[derive(Debug)]
#[repr(C)]
pub struct Receiver {
    rtp_windows: ReplayWindows,
    rtp: Cipher,
    rtcp: Box<Reports>,
}

/// What reports need, apart from what every packet does.
#[derive(Debug)]
struct Reports {
    cipher: Cipher,
    windows: ReplayWindows,
}

impl Receiver {
    /// The peer's half of `keys`, with nothing received yet.
    pub fn new(keys: &KeyingMaterial) -> Self {
        Self {
            rtp_windows: ReplayWindows::default(),
            rtp: Cipher::rtp(keys.profile(), keys.theirs()),
            rtcp: Box::new(Reports {
                cipher: Cipher::rtcp(keys.profile(), keys.theirs()),
                windows: ReplayWindows::default(),
            }),
        }
    }

    /// What a packet needs, for `fetch` to ask for.
    #[inline]
    pub fn foresee(&self, fetch: impl Fn(*const u8, usize)) {
        fetch(ptr::from_ref(&self.rtp_windows).cast(), 1);
        self.rtp.foresee(fetch);
    }

    /// Opens an SRTP packet in place; returns its length without the tag.
    ///
    /// # Errors
    ///
    /// [`Refused`]; nothing is remembered of such a packet.
    pub fn open_rtp(&mut self, packet: &mut [u8], header: &Header) -> Result<usize, Refused> {
        let window = self.rtp_windows.window(header.ssrc);
        let index = window
            .estimate(header.sequence)
            .filter(|&index| index < RTP_INDICES && window.is_fresh(index))
            .ok_or(Refused::Replayed)?;
        let length = self.rtp.open_rtp(packet, header.length, index)?;
        self.rtp_windows.mark(header.ssrc, index);
        Ok(length)
    }

    /// Opens an SRTCP packet in place; returns the length of the compound.
    ///
    /// # Errors
    ///
    /// [`Refused`]; nothing is remembered of such a packet.
    pub fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, Refused> {
        let (length, index) = self.rtcp.cipher.open_rtcp(packet)?;
        let sender = packet[4..RTCP_CLEAR].first_chunk().ok_or(Refused::Forged)?;
        let sender = Ssrc(u32::from_be_bytes(*sender));
        if !self.rtcp.windows.window(sender).is_fresh(index.into()) {
            return Err(Refused::Replayed);
        }
        self.rtcp.windows.mark(sender, index.into());
        Ok(length)
    }
}

/// Protects what we send.
#[derive(Debug)]
pub struct Sender {
    rtp: Cipher,
    rtcp: Box<Cipher>,
    /// Of the next report; 31 bits.
    rtcp_index: u32,
}

/// Every index of the key was used (RFC 3711 §9.2): another packet would give it away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted;

impl Sender {
    /// Our half of `keys`.
    pub fn new(keys: &KeyingMaterial) -> Self {
        Self {
            rtp: Cipher::rtp(keys.profile(), keys.ours()),
            rtcp: Box::new(Cipher::rtcp(keys.profile(), keys.ours())),
            rtcp_index: 0,
        }
    }

    /// What a packet needs, for `fetch` to ask for.
    #[inline]
    pub fn foresee(&self, fetch: impl Fn(*const u8, usize)) {
        self.rtp.foresee(fetch);
    }

    /// Seals the RTP packet of `length` octets, with a fixed header, at the start of `slot`;
    /// returns the length on the wire. `index` is new: the egress numbering sees to that.
    ///
    /// # Errors
    ///
    /// [`Exhausted`] after 2^48 packets.
    #[inline]
    pub fn seal_rtp(&self, slot: &mut [u8], length: usize, index: u64) -> Result<usize, Exhausted> {
        if index >= RTP_INDICES {
            return Err(Exhausted);
        }
        Ok(self.rtp.seal_rtp(slot, Header::FIXED, length, index))
    }

    /// Seals the RTCP compound of `length` octets at the start of `slot`.
    ///
    /// # Errors
    ///
    /// [`Exhausted`] after 2^31 reports.
    pub fn seal_rtcp(&mut self, slot: &mut [u8], length: usize) -> Result<usize, Exhausted> {
        let index = self.rtcp_index;
        if index >= RTCP_INDICES {
            return Err(Exhausted);
        }
        self.rtcp_index = index + 1;
        Ok(self.rtcp.seal_rtcp(slot, length, index))
    }
}

/// Packets that a key may protect (RFC 3711 §9.2).
const RTP_INDICES: u64 = 1 << 48;
/// Reports that a key may protect; the E flag has the word's first bit.
const RTCP_INDICES: u32 = 1 << 31;

#[cfg(test)]
mod tests;
