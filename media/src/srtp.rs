//! SRTP and SRTCP (RFC 3711, RFC 7714) in place: a receiving and a sending half per leg.

pub mod cipher;
mod hmac;
pub mod keys;
pub mod replay;

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
pub struct Receiver {
    rtp: Cipher,
    rtcp: Cipher,
    rtp_windows: ReplayWindows,
    rtcp_windows: ReplayWindows,
}

impl Receiver {
    /// The peer's half of `keys`, with nothing received yet.
    pub fn new(keys: &KeyingMaterial) -> Self {
        Self {
            rtp: Cipher::rtp(keys.profile(), keys.theirs()),
            rtcp: Cipher::rtcp(keys.profile(), keys.theirs()),
            rtp_windows: ReplayWindows::default(),
            rtcp_windows: ReplayWindows::default(),
        }
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
            .filter(|&index| window.is_fresh(index))
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
        let (length, index) = self.rtcp.open_rtcp(packet)?;
        let sender = packet[4..RTCP_CLEAR].first_chunk().ok_or(Refused::Forged)?;
        let sender = Ssrc(u32::from_be_bytes(*sender));
        if !self.rtcp_windows.window(sender).is_fresh(index.into()) {
            return Err(Refused::Replayed);
        }
        self.rtcp_windows.mark(sender, index.into());
        Ok(length)
    }
}

/// Protects what we send.
#[derive(Debug)]
pub struct Sender {
    rtp: Cipher,
    rtcp: Cipher,
    /// 31 bits; the key outlives 2^31 reports by centuries.
    rtcp_index: u32,
}

impl Sender {
    /// Our half of `keys`.
    pub fn new(keys: &KeyingMaterial) -> Self {
        Self {
            rtp: Cipher::rtp(keys.profile(), keys.ours()),
            rtcp: Cipher::rtcp(keys.profile(), keys.ours()),
            rtcp_index: 0,
        }
    }

    /// Seals the RTP packet of `length` octets, with a fixed header, at the start of `slot`;
    /// returns the length on the wire. `index` is new: the egress numbering sees to that.
    pub fn seal_rtp(&self, slot: &mut [u8], length: usize, index: u64) -> usize {
        self.rtp.seal_rtp(slot, Header::FIXED, length, index)
    }

    /// Seals the RTCP compound of `length` octets at the start of `slot`.
    pub fn seal_rtcp(&mut self, slot: &mut [u8], length: usize) -> usize {
        let index = self.rtcp_index;
        self.rtcp_index = (index + 1) & 0x7fff_ffff;
        self.rtcp.seal_rtcp(slot, length, index)
    }
}

#[cfg(test)]
mod tests {
    use super::cipher::EXPANSION;
    use super::keys::{DtlsRole, Profile};
    use super::*;
    use crate::rtp::PayloadType;

    #[test]
    fn a_packet_is_opened_once_and_across_a_rollover() {
        let (sender, mut receiver) = pair();
        for index in 0xfff0..0x1_0010 {
            let mut packet = sealed(&sender, index);
            let mut again = packet.clone();
            assert_eq!(open(&mut receiver, &mut packet), Ok(16), "{index:#x}");
            assert_eq!(open(&mut receiver, &mut again), Err(Refused::Replayed));
        }
    }

    #[test]
    fn a_forged_packet_does_not_move_the_window() {
        let (sender, mut receiver) = pair();
        open(&mut receiver, &mut sealed(&sender, 5)).expect("authentic");
        let mut forged = sealed(&sender, 6);
        forged[2..4].copy_from_slice(&9_000u16.to_be_bytes());
        assert_eq!(open(&mut receiver, &mut forged), Err(Refused::Forged));
        assert_eq!(open(&mut receiver, &mut sealed(&sender, 4)), Ok(16));
    }

    #[test]
    fn an_srtcp_packet_is_opened_once() {
        let (mut sender, mut receiver) = pair();
        let mut slot = vec![0; 28 + EXPANSION];
        slot[..8].copy_from_slice(&[0x80, 200, 0, 6, 0, 0, 0, 1]);
        let length = sender.seal_rtcp(&mut slot, 28);
        let mut again = slot[..length].to_vec();
        assert_eq!(receiver.open_rtcp(&mut slot[..length]), Ok(28));
        assert_eq!(receiver.open_rtcp(&mut again), Err(Refused::Replayed));
    }

    fn pair() -> (Sender, Receiver) {
        let material = |role| {
            KeyingMaterial::new((0..88).collect(), Profile::AeadAes256Gcm, role).expect("88 octets")
        };
        (
            Sender::new(&material(DtlsRole::Client)),
            Receiver::new(&material(DtlsRole::Server)),
        )
    }

    fn sealed(sender: &Sender, index: u64) -> Vec<u8> {
        let header = Header {
            marker: false,
            payload_type: PayloadType::new(8).expect("seven bits"),
            sequence: index as u16,
            timestamp: 0,
            ssrc: Ssrc(7),
            length: Header::FIXED,
        };
        let mut slot = vec![0; 16 + EXPANSION];
        header.write(slot.first_chunk_mut().expect("16 octets"));
        let length = sender.seal_rtp(&mut slot, 16, index);
        slot.truncate(length);
        slot
    }

    fn open(receiver: &mut Receiver, packet: &mut [u8]) -> Result<usize, Refused> {
        let header = Header::parse(packet).expect("sealed by us");
        receiver.open_rtp(packet, &header)
    }
}
