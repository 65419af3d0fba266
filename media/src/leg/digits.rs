//! Digits as RFC 4733 events: many packets a press, one notice.

use std::time::{Duration, Instant};

use super::Notice;
use crate::rtp::clock::ClockRate;
use crate::rtp::{Header, Ssrc};

/// The event that is being received.
#[derive(Debug, Default)]
pub struct Digits {
    current: Option<Event>,
}

#[derive(Debug, Clone, Copy)]
struct Event {
    ssrc: Ssrc,
    /// All packets of an event have the timestamp of its beginning (RFC 4733 §2.3.5); of a long
    /// one, each segment has its own.
    timestamp: u32,
    code: u8,
    clock: ClockRate,
    /// Of the segment, in timestamp units.
    duration: u16,
    /// Of the segments before.
    before: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Told at the latest then.
    Pressed {
        until: Instant,
    },
    Told,
}

impl Digits {
    /// Takes one event's payload. Tells a digit when it ends or, should all its end packets be
    /// lost, when the next one begins; [`Digits::handle_audio`] and [`Digits::handle_timeout`]
    /// see to those that nothing follows.
    pub fn handle_event(
        &mut self,
        header: &Header,
        payload: &[u8],
        clock: ClockRate,
        now: Instant,
    ) -> Option<Notice> {
        let &[code, flags, high, low, ..] = payload else {
            return None;
        };
        let duration = u16::from_be_bytes([high, low]);
        let ended = flags & END != 0;
        let pressed = State::Pressed { until: now + LOST };
        let unfinished = match &mut self.current {
            Some(event) if event.is_of(header, code) => {
                event.duration = event.duration.max(duration);
                event.extend(pressed);
                None
            }
            Some(event) if event.goes_on(header, code) => {
                event.before = event.before.saturating_add(u32::from(event.duration));
                (event.timestamp, event.duration) = (header.timestamp, duration);
                event.extend(pressed);
                None
            }
            // A straggler of a press before this one.
            Some(event) if event.follows(header) => return None,
            current => current.replace(Event {
                ssrc: header.ssrc,
                timestamp: header.timestamp,
                code,
                clock,
                duration,
                before: 0,
                state: pressed,
            }),
        };
        unfinished
            .and_then(|mut event| event.tell())
            .or_else(|| self.current.as_mut().filter(|_| ended)?.tell())
    }

    /// Audio that is later than the event says that it is over.
    pub fn handle_audio(&mut self, header: &Header, clock: ClockRate) -> Option<Notice> {
        let event = self.current.as_mut()?;
        let since = header.timestamp.wrapping_sub(event.timestamp) as i32;
        let margin = clock.units(MARGIN) as i32;
        let over = (event.ssrc, event.clock) == (header.ssrc, clock)
            && since > i32::from(event.duration) + margin;
        over.then(|| event.tell())?
    }

    /// An event that isn't updated any more is over.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Notice> {
        self.due().filter(|&until| now >= until)?;
        self.current.as_mut()?.tell()
    }

    /// When [`Digits::handle_timeout`] is due.
    pub fn due(&self) -> Option<Instant> {
        match self.current?.state {
            State::Pressed { until } => Some(until),
            State::Told => None,
        }
    }
}

impl Event {
    fn is_of(&self, header: &Header, code: u8) -> bool {
        (self.ssrc, self.timestamp, self.code) == (header.ssrc, header.timestamp, code)
    }

    /// The next segment of a press that is longer than its duration can say (RFC 4733 §2.5.1.3).
    fn goes_on(&self, header: &Header, code: u8) -> bool {
        let next = self.timestamp.wrapping_add(u32::from(self.duration));
        let lasts = matches!(self.state, State::Pressed { .. }) && self.duration == u16::MAX;
        lasts && (self.ssrc, next, self.code) == (header.ssrc, header.timestamp, code)
    }

    /// Whether the packet is of an earlier time, and not of a source that began anew.
    fn follows(&self, header: &Header) -> bool {
        let since = self.timestamp.wrapping_sub(header.timestamp);
        self.ssrc == header.ssrc && (1..=self.clock.units(STRAGGLER)).contains(&since)
    }

    fn extend(&mut self, pressed: State) {
        if self.state != State::Told {
            self.state = pressed;
        }
    }

    fn tell(&mut self) -> Option<Notice> {
        if self.state == State::Told {
            return None;
        }
        self.state = State::Told;
        // RFC 4733 §3.2: 0–9, *, #, A–D.
        let digit = *b"0123456789*#ABCD".get(usize::from(self.code))?;
        let duration = u64::from(self.before) + u64::from(self.duration);
        Some(Notice::Digit {
            digit: char::from(digit),
            duration: self.clock.duration(duration),
        })
    }
}

const END: u8 = 0x80;
/// Four updates at the slowest pace that is in use, 50 ms.
const LOST: Duration = Duration::from_millis(200);
/// By which audio may be later than an event that still goes on: updates tell its length up to 50 ms
/// late.
const MARGIN: Duration = Duration::from_millis(100);
/// Nothing is reordered by more.
const STRAGGLER: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::PayloadType;

    #[test]
    fn a_press_with_three_end_packets_is_told_once() {
        let mut keys = Keys::default();
        assert_eq!(keys.event(100, &[11, 10, 0, 160]), None);
        assert_eq!(keys.event(100, &[11, END | 10, 3, 32]), digit('#', 100));
        assert_eq!(keys.event(100, &[11, END | 10, 3, 32]), None);
        assert_eq!(keys.audio(2_000), None);
        assert_eq!(keys.digits.due(), None);
    }

    #[test]
    fn a_press_without_its_end_is_told_when_the_next_begins() {
        let mut keys = Keys::default();
        keys.event(100, &[1, 10, 1, 64]);
        assert_eq!(keys.event(5_000, &[1, 10, 0, 160]), digit('1', 40));
        assert_eq!(keys.event(5_000, &[1, END | 10, 0, 160]), digit('1', 20));
    }

    #[test]
    fn a_press_without_its_end_is_told_when_audio_goes_on() {
        let mut keys = Keys::default();
        keys.event(100, &[1, 10, 1, 64]);
        // The source's audio may be sent beside its events.
        assert_eq!(keys.audio(420), None);
        assert_eq!(keys.audio(1_700), digit('1', 40));
        assert_eq!(keys.audio(1_860), None);
    }

    #[test]
    fn a_press_that_nothing_follows_is_told_after_a_while() {
        let mut keys = Keys::default();
        let now = Instant::now();
        let begun = header(1, 100);
        keys.digits
            .handle_event(&begun, &[1, 10, 1, 64], CLOCK, now);
        assert_eq!(keys.digits.due(), Some(now + LOST));
        let later = now + Duration::from_millis(50);
        keys.digits
            .handle_event(&begun, &[1, 10, 2, 128], CLOCK, later);
        assert_eq!(keys.digits.handle_timeout(now + LOST), None);
        assert_eq!(keys.digits.handle_timeout(later + LOST), digit('1', 80));
        assert_eq!(keys.digits.handle_timeout(later + 2 * LOST), None);
        assert_eq!(
            keys.event(100, &[1, END | 10, 3, 32]),
            None,
            "late, but told"
        );
    }

    #[test]
    fn a_straggler_of_the_press_before_is_not_another_press() {
        let mut keys = Keys::default();
        keys.event(100, &[1, END | 10, 1, 64]);
        keys.event(1_700, &[2, 10, 0, 160]);
        assert_eq!(keys.event(100, &[1, END | 10, 1, 64]), None);
        assert_eq!(keys.event(1_700, &[2, END | 10, 1, 64]), digit('2', 40));
    }

    #[test]
    fn another_source_may_count_from_elsewhere() {
        let mut keys = Keys::default();
        keys.event(9_000, &[1, END | 10, 1, 64]);
        let other = keys.digits.handle_event(
            &header(2, 100),
            &[1, END | 10, 1, 64],
            CLOCK,
            Instant::now(),
        );
        assert_eq!(other, digit('1', 40));
    }

    #[test]
    fn a_press_of_ten_seconds_is_one() {
        let mut keys = Keys::default();
        assert_eq!(keys.event(100, &[1, 10, 0xff, 0xff]), None);
        assert_eq!(keys.event(100 + 0xffff, &[1, 10, 0, 160]), None);
        let ended = keys.event(100 + 0xffff, &[1, END | 10, 0x38, 0x81]);
        assert_eq!(ended, digit('1', 10_000));
    }

    #[test]
    fn what_is_no_digit_is_not_told() {
        let mut keys = Keys::default();
        assert_eq!(keys.event(100, &[16, END, 0, 160]), None);
        assert_eq!(keys.event(100, &[1, END]), None);
    }

    #[test]
    fn a_press_beside_opus_is_as_long_as_any_other() {
        let mut digits = Digits::default();
        let now = Instant::now();
        let ended = [7, END | 10, 0x12, 0xc0];
        let told = digits.handle_event(&header(1, 9_600), &ended, ClockRate::Khz48, now);
        assert_eq!(told, digit('7', 100));
        let next = digits.handle_event(&header(1, 19_200), &ended, ClockRate::Khz48, now);
        assert_eq!(next, digit('7', 100));
    }

    const CLOCK: ClockRate = ClockRate::Khz8;

    #[derive(Default)]
    struct Keys {
        digits: Digits,
    }

    impl Keys {
        fn event(&mut self, timestamp: u32, payload: &[u8]) -> Option<Notice> {
            let header = header(1, timestamp);
            self.digits
                .handle_event(&header, payload, CLOCK, Instant::now())
        }

        fn audio(&mut self, timestamp: u32) -> Option<Notice> {
            self.digits.handle_audio(&header(1, timestamp), CLOCK)
        }
    }

    fn header(ssrc: u32, timestamp: u32) -> Header {
        Header {
            marker: false,
            payload_type: PayloadType::new(101).expect("seven bits"),
            sequence: 0,
            timestamp,
            ssrc: Ssrc(ssrc),
            length: Header::FIXED,
        }
    }

    fn digit(digit: char, millis: u64) -> Option<Notice> {
        Some(Notice::Digit {
            digit,
            duration: Duration::from_millis(millis),
        })
    }
}
