//! SRTP by SDES (RFC 4568) as the peer sees it.

use super::*;
use crate::sdp::crypto::{Crypto, MasterKey, Suite};
use crate::srtp::cipher::EXPANSION;
use crate::srtp::keys::DtlsRole;
use crate::srtp::{Receiver as Opener, Sender as Sealer};

#[test]
fn a_new_key_replaces_the_old_one_and_the_same_key_starts_nothing_anew() {
    let (mut leg, now) = (protected(), Instant::now());
    let mut first = Peer::meet(&mut leg, 'A', now);
    assert_eq!(first.speak(&mut leg, 1, now), Ok(()));
    Peer::meet(&mut leg, 'A', now);
    assert_eq!(
        first.replay(&mut leg, now),
        Err(Discard::Replayed),
        "the window stays"
    );
    assert_eq!(first.speak(&mut leg, 2, now), Ok(()));
    let report = first.hear_report(&mut leg, now);

    let mut second = Peer::meet(&mut leg, 'B', now);
    assert_eq!(first.speak(&mut leg, 3, now), Err(Discard::Forged));
    assert_eq!(second.speak(&mut leg, 3, now), Ok(()));
    // Our own key is the same, so its packet indices go on.
    assert_eq!(second.hear_report(&mut leg, now), report + 1);
}

#[test]
fn rtcp_that_precedes_the_audio_does_not_say_where_that_goes() {
    let (mut leg, now) = (protected(), Instant::now());
    let mut peer = Peer::meet(&mut leg, 'A', now);
    let mut report = [0; COMPOUND + EXPANSION];
    let length = crate::rtcp::write(&mut report, Ssrc(77), None, None, None, Farewell::Stays);
    let length = peer.sealer.seal_rtcp(&mut report, length).expect("a key");
    let elsewhere = "198.51.100.77:4001".parse().expect("an address");
    leg.handle_rtcp(&mut report[..length], elsewhere, Ntp(0), now)
        .expect("authentic");
    assert_eq!(leg.path.destination(), Some(super::peer()));
}

struct Peer {
    sealer: Sealer,
    opener: Opener,
    last: Vec<u8>,
}

impl Peer {
    /// Offers with a key of one letter.
    fn meet(leg: &mut Leg, letter: char, now: Instant) -> Self {
        let offer = descriptions::with_keys("1 AES_CM_128_HMAC_SHA1_80", letter);
        let (answer, _) = leg
            .answer(&offer, &local(), &CODECS, now)
            .expect("an answer");
        let key = |description: &Description| -> MasterKey {
            let crypto: &Crypto = &description.audio().expect("audio").crypto[0];
            crypto.master
        };
        let (ours, theirs) = (key(&offer).0, key(&answer).0);
        let exported = [&ours[..16], &theirs[..16], &ours[16..], &theirs[16..]].concat();
        let profile = Suite::AesCm128HmacSha1_80.profile();
        let keys = KeyingMaterial::new(exported, profile, DtlsRole::Client).expect("60 octets");
        Self {
            sealer: Sealer::new(&keys),
            opener: Opener::new(&keys),
            last: Vec::new(),
        }
    }

    fn speak(&mut self, leg: &mut Leg, sequence: u16, now: Instant) -> Result<(), Discard> {
        let header = Header {
            marker: false,
            payload_type: PayloadType::new(8).expect("seven bits"),
            sequence,
            timestamp: 160 * u32::from(sequence),
            ssrc: Ssrc(77),
            length: Header::FIXED,
        };
        let mut slot = [0; 256];
        header.write(slot.first_chunk_mut().expect("256 octets"));
        let length = self
            .sealer
            .seal_rtp(&mut slot, 172, sequence.into())
            .expect("a key");
        self.last = slot[..length].to_vec();
        self.replay(leg, now)
    }

    fn replay(&mut self, leg: &mut Leg, now: Instant) -> Result<(), Discard> {
        let mut packet = self.last.clone();
        let length = packet.len();
        leg.open(&mut packet, length, peer(), now).map(|_| ())
    }

    /// The SRTCP index of the leg's next report, which is authentic.
    fn hear_report(&mut self, leg: &mut Leg, now: Instant) -> u32 {
        let mut report = [0; COMPOUND + EXPANSION];
        let length = leg
            .write_report(&mut report, Ntp(0), now, Farewell::Stays)
            .expect("something was heard");
        let index = report[length - 14..length - 10].first_chunk().copied();
        self.opener
            .open_rtcp(&mut report[..length])
            .expect("authentic");
        u32::from_be_bytes(index.expect("four octets")) & 0x7fff_ffff
    }
}

fn protected() -> Leg {
    let (mut leg, _) = plain(Instant::now());
    leg.expect_sdes();
    leg
}
