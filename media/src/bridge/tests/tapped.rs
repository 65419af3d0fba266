//! What a recorder gets of a relayed packet, and what that costs it.

use super::*;
use crate::tap::TapRing;

#[test]
fn a_tapped_relay_copies_what_came_and_allocates_nothing() {
    let (ring, reader) = TapRing::new();
    let mut from = Side::new(Some(Profile::AeadAes256Gcm), "8 101", 1);
    let mut to = Side::new(None, "8 101", 2);
    from.leg.tap = Some(Box::new(ring.tap(3, 1)));
    let mut slot = vec![0; 2_048];
    for n in 0..10 {
        from.relay_to(&mut to, n, &mut slot).expect("warm");
    }
    from.leg.notices.clear();
    let length = from.packet(10, &mut slot);
    let (source, now) = (from.source(), from.now);
    let allocations = allocations::during(|| {
        relay(&mut from.leg, &mut to.leg, &mut slot, length, source, now).expect("relayed");
    });
    assert_eq!(allocations, 0);
    let copies: Vec<_> = reader.try_iter().collect();
    assert_eq!(copies.len(), 11);
    let last = copies.last().expect("eleven");
    assert_eq!((last.recording, last.channel), (3, 1));
    assert_eq!((last.at, last.codec), (now, AudioCodec::Pcma));
    assert_eq!(last.payload(), speech());
}

#[test]
fn what_is_muted_is_not_copied() {
    let (ring, reader) = TapRing::new();
    let mut from = Side::new(None, "8 101", 1);
    let mut to = Side::new(None, "8 101", 2);
    from.leg.tap = Some(Box::new(ring.tap(3, 1)));
    from.leg.set_mute(Mute::On);
    from.relayed(&mut to, 1).expect_err("muted");
    assert!(reader.try_recv().is_err());
    from.leg.set_mute(Mute::Off);
    from.relayed(&mut to, 2).expect("relayed");
    assert!(reader.try_recv().is_ok());
}
