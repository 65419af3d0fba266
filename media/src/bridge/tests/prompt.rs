//! Prompts in virtual time, as the leg's peer hears them.

use super::*;
use crate::codec::g711::decode_alaw;
use crate::engine::Failure;
use crate::prompt::{Prompt, Repeat};

#[test]
fn a_prompt_is_heard_frame_by_frame_and_its_end_is_told() {
    for profile in [
        None,
        Some(Profile::AeadAes256Gcm),
        Some(Profile::AesCm128HmacSha1_80),
    ] {
        let mut to = Side::new(profile, "8 101", 2);
        to.leg.play(tone(500), Repeat::Once, to.now);
        let heard = to.listen(Duration::from_millis(1_100));
        assert_eq!(heard.len(), 50, "one second");
        assert_continuous(&heard);
        assert!(heard[0].header.marker && heard[1..].iter().all(|frame| !frame.header.marker));
        for (n, pair) in heard.windows(2).enumerate() {
            let lateness = pair[1].at - heard[0].at - 20 * MS * (n as u32 + 1);
            assert!(
                lateness <= 3 * MS,
                "frame {n} is {lateness:?} late: no drift"
            );
            assert_eq!(since(&pair[0], &pair[1]), 160);
        }
        let samples = heard.iter().flat_map(|frame| frame.payload.clone());
        let samples: Vec<i16> = samples.map(decode_alaw).collect();
        let sign_changes = samples
            .windows(2)
            .filter(|pair| (pair[0] < 0) != (pair[1] < 0));
        assert!((998..=1_000).contains(&sign_changes.count()), "500 Hz");
        assert_eq!(told(&mut to, Notice::Played), 1);
        assert_eq!(to.listen(Duration::from_millis(100)).len(), 0);
    }
}

#[test]
fn relay_and_prompt_share_one_line() {
    let mut from = Side::new(None, "8", 1);
    let mut to = Side::new(Some(Profile::AeadAes256Gcm), "8", 2);
    let mut heard = vec![from.spoken(&mut to, 1).expect("relayed")];
    to.now += 20 * MS;
    to.leg.play(tone(500), Repeat::Forever, to.now);
    heard.extend(to.listen(3 * SECOND));
    from.now = to.now;
    assert_eq!(from.relayed(&mut to, 2), Err(Discard::DuringPrompt));
    to.leg.stop_playing();
    heard.push(from.spoken(&mut to, 3).expect("the very next packet"));
    from.now += 20 * MS;
    heard.push(from.spoken(&mut to, 4).expect("relayed"));
    assert_continuous(&heard);
    let count = heard.len();
    assert_eq!(count, 3 + 150);
    let markers: Vec<usize> = (0..count).filter(|&n| heard[n].header.marker).collect();
    assert_eq!(markers, [0, 1, count - 2]);
    assert_eq!(since(&heard[0], &heard[count - 1]), 160 * (150 + 2));
    assert_eq!(heard[count - 1].payload, speech());
    assert_eq!(told(&mut to, Notice::Played), 0, "stopped isn't played");
}

#[test]
fn playing_allocates_nothing() {
    for profile in [
        None,
        Some(Profile::AeadAes128Gcm),
        Some(Profile::AesCm128HmacSha1_80),
    ] {
        let mut to = Side::new(profile, "8", 2);
        to.leg.play(tone(500), Repeat::Forever, to.now);
        let mut slot = vec![0; 2_048];
        for n in 0..1_000 {
            let now = to.now + n * 20 * MS;
            let allocations = allocations::during(|| {
                assert!(to.leg.poll_prompt(&mut slot, now).is_some());
                assert!(to.leg.poll_prompt(&mut slot, now).is_none());
            });
            assert_eq!(allocations, 0, "frame {n}");
        }
    }
}

#[test]
fn a_prompt_waits_for_the_end_of_a_hold_and_then_begins() {
    let mut to = Side::new(None, "8", 2);
    to.describe("8", "sendonly");
    to.leg.play(tone(500), Repeat::Once, to.now);
    assert_eq!(to.listen(5 * SECOND).len(), 0);
    to.describe("8", "sendrecv");
    assert_eq!(to.listen(2 * SECOND).len(), 50, "from its beginning");
    assert_eq!(told(&mut to, Notice::Played), 1);
}

#[test]
fn a_prompt_waits_for_keys() {
    let profile = Profile::AeadAes256Gcm;
    let mut to = Side::without_keys("8", 2);
    to.leg.play(tone(500), Repeat::Once, to.now);
    assert_eq!(to.listen(SECOND).len(), 0);
    to.leg.set_keys(&keys(profile, 2, DtlsRole::Server), to.now);
    to.receiver = Some(Receiver::new(&keys(profile, 2, DtlsRole::Client)));
    assert_eq!(to.listen(SECOND).len(), 0, "nor is there an address");
    to.leg.path.latch(to.source(), to.now);
    assert_eq!(to.listen(2 * SECOND).len(), 50);
}

#[test]
fn a_hold_within_a_prompt_takes_its_time_away_and_the_end_is_told() {
    let mut to = Side::new(None, "8", 2);
    to.leg.play(tone(500), Repeat::Once, to.now);
    let mut heard = to.listen(400 * MS);
    to.describe("8", "sendonly");
    assert_eq!(to.listen(200 * MS).len(), 0);
    to.describe("8", "sendrecv");
    heard.extend(to.listen(SECOND));
    assert_eq!(heard.len(), 40);
    assert_continuous(&heard);
    assert_eq!(told(&mut to, Notice::Played), 1);
}

#[test]
fn digits_of_ours_are_sent_within_a_prompt() {
    let mut to = Side::new(None, "8 101", 2);
    to.leg.play(tone(500), Repeat::Forever, to.now);
    let mut heard = to.listen(400 * MS);
    assert_eq!(
        to.leg.press(&"5".parse().expect("a digit")),
        Ok::<(), Failure>(())
    );
    heard.extend(to.listen(600 * MS));
    assert_continuous(&heard);
    let events = heard
        .iter()
        .filter(|frame| frame.header.payload_type.value() == 101);
    assert_eq!(events.count(), 8);
    let markers = heard.iter().filter(|frame| frame.header.marker).count();
    assert_eq!(markers, 3, "prompt, digit, prompt");
    let first = heard.first().expect("frames");
    let last = heard.last().expect("frames");
    assert!(
        since(first, last).abs_diff(8 * 980) <= 160,
        "by the time that passed"
    );
}

#[test]
fn another_prompt_replaces_what_plays() {
    let mut to = Side::new(None, "8", 2);
    to.leg.play(tone(500), Repeat::Once, to.now);
    let mut heard = to.listen(500 * MS);
    to.leg.play(Prompt::silence(SECOND), Repeat::Once, to.now);
    heard.extend(to.listen(2 * SECOND));
    assert_continuous(&heard);
    assert_eq!(heard.len(), 25 + 50);
    assert!(heard[25..].iter().all(|frame| frame.payload == [0xd5; 160]));
    assert_eq!(told(&mut to, Notice::Played), 1, "of the second one alone");
}

#[test]
fn a_worker_that_slept_sends_no_burst_and_loses_nothing_of_the_prompt() {
    let mut to = Side::new(None, "8", 2);
    to.leg.play(tone(500), Repeat::Once, to.now);
    let mut heard = to.listen(200 * MS);
    to.now += 5 * SECOND;
    let after = to.listen(20 * MS);
    assert!(after.len() <= 2, "{} at once", after.len());
    heard.extend(after);
    heard.extend(to.listen(2 * SECOND));
    assert_eq!(heard.len(), 50);
    assert_continuous(&heard);
}

/// What the peer got.
struct Heard {
    at: Instant,
    header: Header,
    payload: Vec<u8>,
}

impl Side {
    /// Lets time pass on a worker that wakes up 0 to 3 ms late, and hears what comes.
    fn listen(&mut self, duration: Duration) -> Vec<Heard> {
        let until = self.now + duration;
        let mut late = (1..4).cycle();
        let mut heard = Vec::new();
        loop {
            let mut slot = vec![0; 2_048];
            while let Some((length, to)) = self
                .leg
                .poll_event(&mut slot, self.now)
                .or_else(|| self.leg.poll_prompt(&mut slot, self.now))
            {
                assert_eq!(to, self.source());
                heard.push(self.heard(&slot[..length]));
            }
            let Some(due) = self.leg.frame_due().filter(|&due| due < until) else {
                self.now = until;
                return heard;
            };
            self.now = (due + MS * late.next().expect("endless")).max(self.now);
        }
    }

    fn spoken(&mut self, to: &mut Self, n: u16) -> Result<Heard, Discard> {
        to.now = self.now;
        let mut slot = vec![0; 2_048];
        let packet = self.relay_to(to, n, &mut slot)?;
        Ok(to.heard(&packet))
    }

    fn heard(&mut self, packet: &[u8]) -> Heard {
        let mut packet = packet.to_vec();
        let header = Header::parse(&packet).expect("a packet of ours");
        let length = match &mut self.receiver {
            Some(receiver) => receiver.open_rtp(&mut packet, &header).expect("authentic"),
            None => packet.len(),
        };
        Heard {
            at: self.now,
            header,
            payload: packet[header.length..length].to_vec(),
        }
    }
}

fn assert_continuous(heard: &[Heard]) {
    for pair in heard.windows(2) {
        let [one, next] = [pair[0].header, pair[1].header];
        assert_eq!(next.sequence, one.sequence.wrapping_add(1));
        assert_eq!(next.ssrc, one.ssrc);
        assert!(
            next.timestamp.wrapping_sub(one.timestamp) < 80_000,
            "never back"
        );
    }
}

fn since(one: &Heard, other: &Heard) -> u32 {
    other.header.timestamp.wrapping_sub(one.header.timestamp)
}

fn told(side: &mut Side, notice: Notice) -> usize {
    let told = side.leg.notices.drain(..);
    told.filter(|told| *told == notice).count()
}

/// One second of it.
fn tone(frequency: u16) -> Prompt {
    Prompt::tone(frequency.into(), SECOND, Duration::ZERO)
}

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
