//! The jitter buffer in virtual time.
//!
//! The table in PLAYOUT.md is made from what happens here. To write it anew:
//! `PLAYOUT_TABLE=write cargo test --workspace --lib playout`.

use std::fmt::Write;

use super::network::Network;
use super::*;
use crate::rtp::PayloadType;

#[test]
fn what_comes_in_time_is_played_in_order_after_a_frame() {
    let heard = Listener::new(Redundancy::None).hear(Network::PERFECT, 100);
    assert_eq!(heard.order, (0..100).collect::<Vec<_>>());
    assert_eq!(heard.mean_delay(), 20 * MS);
    let at_the_end = u64::from(SPAN) * 3;
    assert_eq!(
        heard.tally.concealed, at_the_end,
        "and then the source is missed"
    );
}

#[test]
fn what_is_out_of_order_or_repeated_is_played_once_in_its_order() {
    let network = Network {
        jitter: 45 * MS,
        repeated: 20,
        ..Network::PERFECT
    };
    let heard = Listener::new(Redundancy::None).hear(network, 3_000);
    assert!(
        heard.order.is_sorted_by(|a, b| a < b),
        "none twice, none back"
    );
    assert!(heard.order.len() > 2_900, "{}", heard.order.len());
}

#[test]
fn a_lost_packet_is_made_up_for_once_whoever_notices() {
    for redundancy in [Redundancy::None, Redundancy::InBand] {
        let mut listener = Listener::new(redundancy);
        for n in (0..50).filter(|n| n % 10 != 7) {
            listener.arrives(n, 20 * MS * n);
        }
        listener.until(20 * MS * 49);
        let lost = u64::from(SPAN) * 5;
        let tally = listener.heard().tally;
        assert_eq!(tally.concealed + tally.recovered, lost, "{redundancy:?}");
        let by_another = if redundancy == Redundancy::InBand {
            lost
        } else {
            0
        };
        assert_eq!(tally.recovered, by_another);
    }
}

#[test]
fn what_is_late_is_played_all_the_same_and_the_delay_grows_for_it() {
    let mut listener = Listener::new(Redundancy::None);
    for n in 0..30 {
        let late = if n >= 20 { 35 * MS } else { Duration::ZERO };
        listener.arrives(n, 20 * MS * n + late);
    }
    listener.until(700 * MS);
    let heard = listener.heard();
    assert_eq!(heard.order, (0..30).collect::<Vec<_>>());
    assert!(
        (40..=60).contains(&heard.delays[25].as_millis()),
        "{:?}",
        heard.delays[25]
    );
}

#[test]
fn a_delay_that_is_not_needed_any_more_goes_away_little_by_little() {
    let mut listener = Listener::new(Redundancy::None);
    let bad = Network {
        jitter: 60 * MS,
        ..Network::PERFECT
    };
    for arrival in bad.carry(500) {
        listener.arrives(arrival.number, arrival.at);
    }
    for n in 500..2_000 {
        listener.arrives(n, 20 * MS * n);
    }
    listener.until(40_000 * MS);
    let heard = listener.heard();
    assert!(heard.delays[450] > 50 * MS, "{:?}", heard.delays[450]);
    let last = heard.delays.last().expect("played");
    assert!(*last < 40 * MS, "{last:?}");
    assert!(heard.order.len() > 1_980);
}

#[test]
fn a_pause_of_the_source_is_no_loss_and_what_follows_it_is_not_held_up() {
    let mut listener = Listener::new(Redundancy::None);
    for n in (0..20).chain(520..540) {
        listener.arrives(n, 20 * MS * n);
    }
    listener.until(11_000 * MS);
    let heard = listener.heard();
    assert_eq!(heard.order.len(), 40);
    assert_eq!(heard.mean_delay(), 20 * MS);
    assert_eq!(heard.tally.concealed, 2 * 3 * u64::from(SPAN));
}

#[test]
fn a_stall_is_caught_up_with() {
    let mut listener = Listener::new(Redundancy::None);
    for n in 0..400 {
        let sent = 20 * MS * n;
        let stalled = (1_000 * MS..1_600 * MS).contains(&sent);
        listener.arrives(n, if stalled { 1_600 * MS } else { sent });
    }
    listener.until(8_000 * MS);
    let heard = listener.heard();
    let last = heard.delays.last().expect("played");
    assert!(*last < 260 * MS, "{last:?}");
    assert!(heard.order.contains(&79), "the newest of what stalled");
}

#[test]
fn another_source_or_another_line_of_timestamps_begins_anew() {
    let mut playout = Playout::new(Redundancy::None, Instant::now());
    let mut now = playout.epoch;
    for (ssrc, timestamp) in [(1, 0u32), (1, 900_000), (2, 5), (2, 4_000_000_000)] {
        let packet = header(ssrc, timestamp);
        playout
            .insert(&packet, ClockRate::Khz8, SPAN, &[1], now)
            .expect("kept");
        let due = playout.begins().expect("it waits");
        assert!(due >= now && due <= now + 60 * MS, "{:?}", due - now);
        assert!(matches!(playout.step(due), Step::Play(..)));
        now = due + 20 * MS;
        playout.clear();
    }
}

#[test]
fn timestamps_wrap_at_either_clock() {
    for clock in [ClockRate::Khz8, ClockRate::Khz48] {
        let mut playout = Playout::new(Redundancy::None, Instant::now());
        let mut now = playout.epoch;
        let mut timestamp = u32::MAX - 5 * clock.frame();
        for n in 0..10u32 {
            let packet = header(1, timestamp);
            playout
                .insert(&packet, clock, SPAN, &[n as u8], now)
                .expect("kept");
            if n > 1 {
                let Step::Play(place, _) = playout.step(now) else {
                    panic!("packet {n} at {clock:?}");
                };
                assert_eq!(playout.payload(place), [n as u8 - 2]);
                playout.release(place);
            }
            timestamp = timestamp.wrapping_add(clock.frame());
            now += 20 * MS;
        }
    }
}

#[test]
fn a_flood_has_no_more_room_than_there_is() {
    let mut playout = Playout::new(Redundancy::None, Instant::now());
    let now = playout.epoch;
    for n in 0..1_000u32 {
        let kept = playout.insert(&header(1, 8 * n), ClockRate::Khz8, 8, &[0; 8], now);
        assert_eq!(kept, Ok(()));
    }
    let long = playout.insert(&header(1, 0), ClockRate::Khz8, SPAN, &[0; ROOM + 1], now);
    assert_eq!(long, Err(Refused::TooLong));
    assert_eq!(playout.waiting.iter().flatten().count(), PLACES);
}

#[test]
fn the_table_of_loss_and_jitter_is_the_one_that_is_checked_in() {
    let mut table = String::from(
        "| lost | jitter | G.711, G.722: made up, ms a minute | too late | delay | Opus: made up | told by the next | too late | delay |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for jitter in [0, 10, 20, 40, 60, 100] {
        for loss in [0, 1, 3, 10, 20] {
            let network = Network {
                loss,
                jitter: jitter * MS,
                repeated: 1,
                seed: 0x5eed + u64::from(jitter),
            };
            let _ = write!(table, "| {loss} % | {jitter} ms |");
            for redundancy in [Redundancy::None, Redundancy::InBand] {
                let heard = Listener::new(redundancy).hear(network, 3_000);
                let ms = |units: u64| units / 8;
                let _ = write!(table, " {} |", ms(heard.tally.concealed));
                if redundancy == Redundancy::InBand {
                    let _ = write!(table, " {} |", ms(heard.tally.recovered));
                }
                let late = heard.tally.late;
                let _ = write!(table, " {late} | {} ms |", heard.mean_delay().as_millis());
            }
            table.push('\n');
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/PLAYOUT.md");
    let text = std::fs::read_to_string(path).expect("the file");
    let (before, rest) = text.split_once(BEGIN).expect("the table's beginning");
    let (stands, after) = rest.split_once(END).expect("the table's end");
    if std::env::var_os("PLAYOUT_TABLE").is_some_and(|wish| wish == "write") {
        let text = format!("{before}{BEGIN}\n\n{table}\n{END}{after}");
        std::fs::write(path, text).expect("the file is written");
    } else {
        assert_eq!(
            stands.trim(),
            table.trim(),
            "see the top for how to renew it"
        );
    }
}

/// Takes a step each time that audio is needed, and notes what it gets.
struct Listener {
    playout: Playout,
    redundancy: Redundancy,
    arrivals: Vec<(Duration, u32)>,
    order: Vec<u32>,
    delays: Vec<Duration>,
}

struct Heard {
    order: Vec<u32>,
    /// From a packet's sending to its playing.
    delays: Vec<Duration>,
    tally: Tally,
}

impl Listener {
    fn new(redundancy: Redundancy) -> Self {
        Self {
            playout: Playout::new(redundancy, Instant::now()),
            redundancy,
            arrivals: Vec::new(),
            order: Vec::new(),
            delays: Vec::new(),
        }
    }

    fn arrives(&mut self, number: u32, at: Duration) {
        self.arrivals.push((at, number));
    }

    fn hear(mut self, network: Network, count: u32) -> Heard {
        for arrival in network.carry(count) {
            self.arrives(arrival.number, arrival.at);
        }
        self.until(20 * MS * (count + 50));
        self.heard()
    }

    fn heard(self) -> Heard {
        Heard {
            order: self.order,
            delays: self.delays,
            tally: self.playout.tally(),
        }
    }

    /// Lets time pass, 1 ms a step.
    fn until(&mut self, end: Duration) {
        let epoch = self.playout.epoch;
        let clock = match self.redundancy {
            Redundancy::None => ClockRate::Khz8,
            Redundancy::InBand => ClockRate::Khz48,
        };
        self.arrivals.sort();
        let mut arrivals = std::mem::take(&mut self.arrivals).into_iter().peekable();
        let (mut due, mut line) = (None, 0);
        for ms in 0..=end.as_millis() as u32 {
            let now = epoch + ms * MS;
            while let Some((_, number)) = arrivals.next_if(|(at, _)| epoch + *at <= now) {
                let packet = header(1, number.wrapping_mul(clock.frame()));
                let payload = number.to_be_bytes();
                let _ = self.playout.insert(&packet, clock, SPAN, &payload, now);
            }
            due = due.or(self.playout.begins());
            while let Some(at) = due.filter(|&at| at <= now) {
                due = Some(at + 20 * MS);
                while line < SPAN {
                    match self.take_step(at, ms * MS) {
                        Some(units) => line += units,
                        None => {
                            (due, line) = (self.playout.begins().filter(|&at| at > now), SPAN);
                        }
                    }
                }
                line -= SPAN;
            }
        }
    }

    fn take_step(&mut self, at: Instant, now: Duration) -> Option<u32> {
        match self.playout.step(at) {
            Step::Play(place, pace) => {
                let number: [u8; 4] = self.playout.payload(place).try_into().expect("a number");
                let number = u32::from_be_bytes(number);
                self.playout.release(place);
                self.order.push(number);
                self.delays.push(now - 20 * MS * number);
                Some(match pace {
                    Pace::AsItIs => SPAN,
                    // A period of the voice.
                    Pace::Faster => SPAN - 60,
                    Pace::Slower => SPAN + 60,
                })
            }
            Step::Recover(_, units) | Step::Conceal(units) => Some(units),
            Step::Rest => None,
        }
    }
}

impl Heard {
    fn mean_delay(&self) -> Duration {
        self.delays.iter().sum::<Duration>() / self.delays.len() as u32
    }
}

fn header(ssrc: u32, timestamp: u32) -> Header {
    Header {
        marker: false,
        payload_type: PayloadType::new(8).expect("seven bits"),
        sequence: 0,
        timestamp,
        ssrc: Ssrc(ssrc),
        length: Header::FIXED,
    }
}

const SPAN: u32 = FRAME;
const MS: Duration = Duration::from_millis(1);
const BEGIN: &str = "<!-- the table begins -->";
const END: &str = "<!-- the table ends -->";
