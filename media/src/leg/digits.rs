//! Digits as RFC 4733 events: many packets a press, one notice.

use std::time::Duration;

use super::Notice;

/// The event that is being received.
#[derive(Debug, Default)]
pub struct Digits {
    current: Option<Event>,
}

#[derive(Debug, Clone, Copy)]
struct Event {
    /// All packets of an event have the timestamp of its beginning (RFC 4733 §2.3.5).
    timestamp: u32,
    code: u8,
    /// In timestamp units.
    duration: u16,
    told: Told,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    NotYet,
    Yes,
}

impl Digits {
    /// Takes one event's payload. Tells a digit when it ends, or, should all three end packets
    /// be lost, when the next one begins.
    pub fn handle_event(&mut self, timestamp: u32, payload: &[u8]) -> Option<Notice> {
        let &[code, flags, high, low, ..] = payload else {
            return None;
        };
        let duration = u16::from_be_bytes([high, low]);
        let unfinished = match &mut self.current {
            Some(event) if event.timestamp == timestamp && event.code == code => {
                event.duration = event.duration.max(duration);
                None
            }
            current => current.replace(Event {
                timestamp,
                code,
                duration,
                told: Told::NotYet,
            }),
        };
        let ended = flags & END != 0;
        unfinished
            .and_then(|mut event| event.tell())
            .or_else(|| self.current.as_mut().filter(|_| ended)?.tell())
    }
}

impl Event {
    fn tell(&mut self) -> Option<Notice> {
        if self.told == Told::Yes {
            return None;
        }
        self.told = Told::Yes;
        // RFC 4733 §3.2: 0–9, *, #, A–D.
        let digit = *b"0123456789*#ABCD".get(usize::from(self.code))?;
        Some(Notice::Digit {
            digit: char::from(digit),
            duration: Duration::from_micros(u64::from(self.duration) * 125),
        })
    }
}

const END: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_press_with_three_end_packets_is_told_once() {
        let mut digits = Digits::default();
        assert_eq!(digits.handle_event(100, &[11, 10, 0, 160]), None);
        let ended = digits.handle_event(100, &[11, END | 10, 3, 32]);
        assert_eq!(ended, Some(digit('#', 100)));
        assert_eq!(digits.handle_event(100, &[11, END | 10, 3, 32]), None);
    }

    #[test]
    fn a_press_without_its_end_is_told_when_the_next_begins() {
        let mut digits = Digits::default();
        digits.handle_event(100, &[1, 10, 1, 64]);
        let begun = digits.handle_event(5_000, &[1, 10, 0, 160]);
        assert_eq!(begun, Some(digit('1', 40)));
    }

    #[test]
    fn what_is_no_digit_is_not_told() {
        let mut digits = Digits::default();
        assert_eq!(digits.handle_event(100, &[16, END, 0, 160]), None);
        assert_eq!(digits.handle_event(100, &[1, END]), None);
    }

    fn digit(digit: char, millis: u64) -> Notice {
        Notice::Digit {
            digit,
            duration: Duration::from_millis(millis),
        }
    }
}
