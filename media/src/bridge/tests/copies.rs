//! What the packet path must not do: allocate, or move a payload.

use super::*;
use Profile::*;

/// All ways of protecting.
const PROFILES: [Option<Profile>; 5] = [
    None,
    Some(AeadAes256Gcm),
    Some(AeadAes128Gcm),
    Some(AesCm128HmacSha1_80),
    Some(AesCm128HmacSha1_32),
];

#[test]
fn a_warm_relay_allocates_nothing_and_moves_no_payload_between_any_two_profiles() {
    for from in PROFILES {
        for to in PROFILES {
            relay_steadily(from, to);
        }
    }
}

/// Speech with a digit in its middle, as it comes from a peer: µ-law here and A-law there.
fn relay_steadily(from_profile: Option<Profile>, to_profile: Option<Profile>) {
    let mut from = Side::new(from_profile, "0 101", 1);
    let mut to = Side::new(to_profile, "8 101", 2);
    let mut slot = vec![0; 2_048];
    for n in 0..10 {
        from.relay_to(&mut to, n, &mut slot).expect("warm");
    }
    from.leg.notices.clear();
    for n in 10..300 {
        match n {
            100 => (from.payload_type, from.payload) = (101, vec![5, 10, 3, 32]),
            110 => (from.payload_type, from.payload) = (0, speech()),
            _ => {}
        }
        let length = from.packet(n, &mut slot);
        let source = from.source();
        let now = from.now;
        let (from, to) = (&mut from.leg, &mut to.leg);
        let mut sent = None;
        let allocations = allocations::during(|| {
            sent = Some(relay(from, to, &mut slot, length, source, now).expect("relayed"));
        });
        from.notices.clear();
        let (range, _) = sent.expect("just relayed");
        let pair = (from_profile, to_profile);
        assert_eq!(allocations, 0, "packet {n}, {pair:?}");
        assert_eq!(range.start, 0, "packet {n}, {pair:?}: the payload moved");
    }
}

#[test]
fn a_payload_behind_an_extension_stays_where_it_is() {
    let mut from = Side::new(None, "8", 1);
    let mut to = Side::new(None, "8", 2);
    let mut slot = vec![0; 2_048];
    let length = from.packet(1, &mut slot);
    // One word of extension, and the header's bit for it.
    slot.copy_within(Header::FIXED..length, Header::FIXED + 8);
    slot[0] |= 0x10;
    slot[Header::FIXED..Header::FIXED + 8].copy_from_slice(&[0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0]);
    let (source, now) = (from.source(), from.now);
    let (range, _) = relay(
        &mut from.leg,
        &mut to.leg,
        &mut slot,
        length + 8,
        source,
        now,
    )
    .expect("relayed");
    assert_eq!(range, 8..8 + length);
    assert_eq!(slot[range.start + Header::FIXED..range.end], speech());
}

#[test]
fn our_own_digits_allocate_nothing() {
    for profile in PROFILES {
        let mut to = Side::new(profile, "8 101", 2);
        let tones = "12".parse().expect("tones");
        to.leg.press(&tones).expect("the peer takes events");
        let mut packet = vec![0; 64];
        for n in 0..25 {
            let now = to.now + n * Duration::from_millis(20);
            let allocations =
                allocations::during(|| while to.leg.poll_event(&mut packet, now).is_some() {});
            assert_eq!(allocations, 0, "after {n} frames, {profile:?}");
        }
    }
}
