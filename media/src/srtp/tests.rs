use std::collections::HashSet;

use proptest::prelude::*;
use webrtc_srtp::context::Context;
use webrtc_srtp::protection_profile::ProtectionProfile;

use super::cipher::EXPANSION;
use super::keys::{DtlsRole, Profile};
use super::*;
use crate::rtp::PayloadType;

#[test]
fn a_packet_is_opened_once_and_across_a_rollover() {
    let (sender, mut receiver) = pair(Profile::AeadAes256Gcm);
    for index in 0xfff0..0x1_0010 {
        let mut packet = sealed(&sender, index);
        let mut again = packet.clone();
        assert_eq!(open(&mut receiver, &mut packet), Ok(16), "{index:#x}");
        assert_eq!(open(&mut receiver, &mut again), Err(Refused::Replayed));
    }
}

#[test]
fn a_forged_packet_does_not_move_the_window() {
    let (sender, mut receiver) = pair(Profile::AeadAes256Gcm);
    open(&mut receiver, &mut sealed(&sender, 5)).expect("authentic");
    let mut forged = sealed(&sender, 6);
    forged[2..4].copy_from_slice(&9_000u16.to_be_bytes());
    assert_eq!(open(&mut receiver, &mut forged), Err(Refused::Forged));
    assert_eq!(open(&mut receiver, &mut sealed(&sender, 4)), Ok(16));
}

#[test]
fn an_srtcp_packet_is_opened_once() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let report = |sender: &mut Sender| {
            let mut slot = REPORT.to_vec();
            slot.resize(REPORT.len() + EXPANSION, 0);
            let length = sender.seal_rtcp(&mut slot, REPORT.len()).expect("a key");
            slot.truncate(length);
            slot
        };
        let reports: Vec<_> = (0..70).map(|_| report(&mut sender)).collect();
        // Out of order, and one of them too late to tell whether it is new.
        for n in (6..70).rev() {
            assert_eq!(receiver.open_rtcp(&mut reports[n].clone()), Ok(28), "{n}");
        }
        for n in [69, 30, 6, 5] {
            let again = receiver.open_rtcp(&mut reports[n].clone());
            assert_eq!(again, Err(Refused::Replayed), "{n}");
        }
    }
}

#[test]
fn the_rollover_counter_survives_reordering_around_each_wrap_and_a_source_between() {
    let (sender, mut receiver) = pair(Profile::AesCm128HmacSha1_80);
    let other = |index| sealed_by(&sender, Ssrc(8), index);
    for wrap in 1..=3u64 {
        let edge = wrap << 16;
        // Half a number space ahead, so that the counter is guessed from the last packet alone.
        for index in [edge - 0x7000, edge - 40] {
            assert_eq!(open(&mut receiver, &mut sealed(&sender, index)), Ok(16));
        }
        for index in [edge + 2, edge - 1, edge, edge - 2, edge + 1] {
            assert_eq!(
                open(&mut receiver, &mut sealed(&sender, index)),
                Ok(16),
                "{index:#x}"
            );
        }
        assert_eq!(open(&mut receiver, &mut other(wrap)), Ok(16), "from zero");
        assert_eq!(
            open(&mut receiver, &mut other(wrap)),
            Err(Refused::Replayed)
        );
        let late = open(&mut receiver, &mut sealed(&sender, edge - 1));
        assert_eq!(late, Err(Refused::Replayed));
        assert_eq!(
            open(&mut receiver, &mut sealed(&sender, edge + 0x6000)),
            Ok(16)
        );
    }
}

#[test]
fn a_key_ends_with_its_last_index() {
    for profile in PROFILES {
        let (mut sender, _) = pair(profile);
        let mut slot = vec![0x80; 16 + EXPANSION];
        assert!(sender.seal_rtp(&mut slot, 16, (1 << 48) - 1).is_ok());
        assert_eq!(sender.seal_rtp(&mut slot, 16, 1 << 48), Err(Exhausted));
        sender.rtcp_index = (1 << 31) - 1;
        let mut slot = vec![0x80; REPORT.len() + EXPANSION];
        assert!(sender.seal_rtcp(&mut slot, REPORT.len()).is_ok());
        let after = sender.seal_rtcp(&mut slot, REPORT.len());
        assert_eq!(after, Err(Exhausted), "not from the beginning again");
    }
}

#[test]
fn what_we_seal_a_stack_that_nobody_here_wrote_opens_and_the_other_way_round() {
    for (profile, theirs) in PROFILES.into_iter().zip(THEIRS) {
        let (mut sender, mut receiver) = pair(profile);
        let (mut opens, mut seals) = (context(profile, theirs), context(profile, theirs));
        // Over a wrap of the sequence number, with a gap before it.
        for index in (0xff00..0xff20).chain(0xfff0..0x1_0010) {
            let packet = sealed(&sender, index);
            let clear = opens.decrypt_rtp(&packet).expect("ours is understood");
            assert_eq!(clear[..], plain(Ssrc(7), index), "{profile:?} {index:#x}");
            let packet = seals.encrypt_rtp(&plain(Ssrc(9), index)).expect("sealed");
            let mut slot = packet.to_vec();
            assert_eq!(
                open(&mut receiver, &mut slot),
                Ok(16),
                "{profile:?} {index:#x}"
            );
            assert_eq!(slot[12..16], plain(Ssrc(9), index)[12..]);
        }
        for _ in 0..3 {
            let mut slot = REPORT.to_vec();
            slot.resize(REPORT.len() + EXPANSION, 0);
            let length = sender.seal_rtcp(&mut slot, REPORT.len()).expect("a key");
            let clear = opens
                .decrypt_rtcp(&slot[..length])
                .expect("ours is understood");
            assert_eq!(clear[..], REPORT, "{profile:?}");
            let mut slot = seals.encrypt_rtcp(&REPORT).expect("sealed").to_vec();
            let length = receiver.open_rtcp(&mut slot).expect("theirs is understood");
            assert_eq!(slot[..length], REPORT, "{profile:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a network does within the window, each packet passes once.
    #[test]
    fn every_packet_passes_once_however_they_are_mixed(
        start in 0u64..0x3_0000,
        order in Just((0..120u64).collect::<Vec<_>>()).prop_shuffle(),
        repeats in prop::collection::vec(0u64..120, 0..60),
    ) {
        let (sender, mut receiver) = pair(Profile::AeadAes128Gcm);
        // So that the receiver knows the rollover counter, which nothing on the wire tells.
        for index in (0..=start).step_by(0x4000).chain([start]) {
            let _ = open(&mut receiver, &mut sealed(&sender, index));
        }
        let (mut passed, mut highest) = (HashSet::from([start]), start);
        for n in order.into_iter().chain(repeats) {
            let index = start + n;
            let new = !passed.contains(&index) && highest.saturating_sub(index) < 64;
            let opened = open(&mut receiver, &mut sealed(&sender, index));
            prop_assert_eq!(opened.is_ok(), new, "{:#x} after {:#x}", index, highest);
            if new {
                passed.insert(index);
                highest = highest.max(index);
            }
        }
    }
}

const PROFILES: [Profile; 4] = [
    Profile::AeadAes256Gcm,
    Profile::AeadAes128Gcm,
    Profile::AesCm128HmacSha1_80,
    Profile::AesCm128HmacSha1_32,
];

const THEIRS: [ProtectionProfile; 4] = [
    ProtectionProfile::AeadAes256Gcm,
    ProtectionProfile::AeadAes128Gcm,
    ProtectionProfile::Aes128CmHmacSha1_80,
    ProtectionProfile::Aes128CmHmacSha1_32,
];

/// A sender report of one source.
const REPORT: [u8; 28] = [
    0x80, 200, 0, 6, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 9, 0, 0, 0, 10, 0, 0, 6, 64,
];

/// The DTLS client's half to send with and the server's view of it.
fn pair(profile: Profile) -> (Sender, Receiver) {
    let material =
        |role| KeyingMaterial::new(exported(profile), profile, role).expect("the right length");
    (
        Sender::new(&material(DtlsRole::Client)),
        Receiver::new(&material(DtlsRole::Server)),
    )
}

/// The same key in the other stack.
fn context(profile: Profile, theirs: ProtectionProfile) -> Context {
    let exported = exported(profile);
    let (keys, salts) = exported.split_at(2 * profile.key_length());
    let (key, salt) = (
        &keys[..profile.key_length()],
        &salts[..profile.salt_length()],
    );
    Context::new(key, salt, theirs, None, None).expect("a context")
}

fn exported(profile: Profile) -> Vec<u8> {
    (0..2 * (profile.key_length() + profile.salt_length()) as u8).collect()
}

fn plain(ssrc: Ssrc, index: u64) -> [u8; 16] {
    let header = Header {
        marker: false,
        payload_type: PayloadType::new(8).expect("seven bits"),
        sequence: index as u16,
        timestamp: 160 * index as u32,
        ssrc,
        length: Header::FIXED,
    };
    let mut packet = [index as u8; 16];
    header.write(packet.first_chunk_mut().expect("16 octets"));
    packet
}

fn sealed(sender: &Sender, index: u64) -> Vec<u8> {
    sealed_by(sender, Ssrc(7), index)
}

fn sealed_by(sender: &Sender, ssrc: Ssrc, index: u64) -> Vec<u8> {
    let mut slot = plain(ssrc, index).to_vec();
    slot.resize(16 + EXPANSION, 0);
    let length = sender.seal_rtp(&mut slot, 16, index).expect("a key");
    slot.truncate(length);
    slot
}

fn open(receiver: &mut Receiver, packet: &mut [u8]) -> Result<usize, Refused> {
    let header = Header::parse(packet).expect("sealed by us");
    receiver.open_rtp(packet, &header)
}
