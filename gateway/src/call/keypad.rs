//! Digits that go to a far end without telephone-event: by SIP INFO, one after the other.
//!
//! Pure. Whoever owns the dialog sends what [`Keypad::poll`] gives, and tells how each was answered: requests that overtake
//! each other would be digits in another order, so the next one waits.
//!
//! ```text
//!          press              answered               260 ms after it was sent
//! Idle ───────────▶ Asked ─────────────▶ Resting ──────────────────────────────▶ Idle
//!                     │                     ▲                a pause: 2 s ────────┘
//!                     └─ refused: what waits is dropped, and the agent told
//! ```

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What is being dialled towards a far end by INFO.
#[derive(Debug, Default)]
pub struct Keypad {
    state: State,
    waiting: VecDeque<char>,
    writing: Writing,
    /// Taken of those that were pressed since nothing waited.
    taken: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    Asked {
        symbol: char,
        at: Instant,
    },
    Resting {
        until: Instant,
    },
}

/// How a digit is written into an INFO.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// `application/dtmf-relay`, which most understand.
    #[default]
    Relay,
    /// `application/dtmf`, for those who refused the other.
    Plain,
}

/// One digit to be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Press {
    /// 0–9, `*`, `#`, A–D.
    pub symbol: char,
    pub writing: Writing,
}

/// The digits that weren't taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Untaken {
    /// The final response; 408 for none, 503 for no way to the far end.
    pub status: u16,
    /// Of how many.
    pub taken: usize,
    pub pressed: usize,
}

/// With these, more would wait than a far end will hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

impl Keypad {
    /// Lets digits and pauses (`,`) wait for their turn: all of them, or none.
    ///
    /// # Errors
    ///
    /// [`TooMany`]
    pub fn press(&mut self, symbols: impl Iterator<Item = char>) -> Result<(), TooMany> {
        let before = self.waiting.len();
        if self.state == State::Idle && before == 0 {
            self.taken = 0;
        }
        self.waiting.extend(symbols);
        if self.waiting.len() > MOST {
            self.waiting.truncate(before);
            return Err(TooMany);
        }
        Ok(())
    }

    /// The digit that is due at `now`; it counts as sent.
    pub fn poll(&mut self, now: Instant) -> Option<Press> {
        loop {
            match self.state {
                State::Asked { .. } => return None,
                State::Resting { until } if now < until => return None,
                State::Resting { .. } => self.state = State::Idle,
                State::Idle => match self.waiting.pop_front()? {
                    PAUSE_SYMBOL => self.state = State::Resting { until: now + PAUSE },
                    symbol => {
                        self.state = State::Asked { symbol, at: now };
                        let writing = self.writing;
                        return Some(Press { symbol, writing });
                    }
                },
            }
        }
    }

    /// Takes the final response to the digit that was sent last.
    ///
    /// # Errors
    ///
    /// [`Untaken`], for the agent to hear of: it was refused, and the rest is dropped.
    pub fn handle_answer(&mut self, status: u16) -> Result<(), Untaken> {
        let State::Asked { symbol, at } = self.state else {
            // Of a digit that was given up.
            return Ok(());
        };
        match (status, self.writing) {
            (200..300, _) => {
                self.taken += 1;
                self.state = State::Resting { until: at + PACE };
                Ok(())
            }
            (415, Writing::Relay) => {
                self.writing = Writing::Plain;
                self.waiting.push_front(symbol);
                self.state = State::Idle;
                Ok(())
            }
            (_, _) => {
                let left = self.waiting.iter().filter(|one| **one != PAUSE_SYMBOL);
                let pressed = self.taken + 1 + left.count();
                let taken = self.taken;
                // Whoever refuses both once may take the first the next time.
                *self = Self::default();
                Err(Untaken {
                    status,
                    taken,
                    pressed,
                })
            }
        }
    }

    /// When to poll next; `None` while nothing waits, or an answer does.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Resting { until } => Some(until),
            State::Idle | State::Asked { .. } => None,
        }
    }

    /// Forgets what waits: nobody is there any more.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Untaken {
    /// For the agent to read. Which digits they were stays out of it: people key in card numbers.
    pub fn sentence(&self) -> String {
        let why = match self.status {
            408 => "did not answer the INFO that told of them".to_owned(),
            503 => "could not be reached".to_owned(),
            status => format!("refused them by INFO (status {status})"),
        };
        format!(
            "{} of {} digits reached the other side: it {why}.",
            self.taken, self.pressed
        )
    }
}

/// As many as media sends by RTP.
const MOST: usize = 64;
const PAUSE_SYMBOL: char = ',';
/// A comma, as in modems' dial strings.
const PAUSE: Duration = Duration::from_secs(2);
/// How long a digit lasts, as its INFO says.
pub const DURATION: Duration = Duration::from_millis(160);
/// From one digit to the next, where the far end makes tones of them: [`DURATION`] and a gap.
const PACE: Duration = Duration::from_millis(260);

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(keypad: &mut Keypad, symbols: &str) {
        assert_eq!(keypad.press(symbols.chars()), Ok(()));
    }

    fn symbol(keypad: &mut Keypad, now: Instant) -> Option<char> {
        keypad.poll(now).map(|press| press.symbol)
    }

    #[test]
    fn the_next_digit_waits_for_the_answer_and_for_the_end_of_the_tone() {
        let (mut keypad, start) = (Keypad::default(), Instant::now());
        pressed(&mut keypad, "1#");
        assert_eq!(symbol(&mut keypad, start), Some('1'));
        assert_eq!(symbol(&mut keypad, start + PACE * 9), None);
        assert_eq!(keypad.poll_timeout(), None);
        assert_eq!(keypad.handle_answer(200), Ok(()));
        assert_eq!(keypad.poll_timeout(), Some(start + PACE));
        assert_eq!(symbol(&mut keypad, start + PACE / 2), None);
        assert_eq!(symbol(&mut keypad, start + PACE), Some('#'));
        assert_eq!(keypad.handle_answer(200), Ok(()));
        assert_eq!(symbol(&mut keypad, start + PACE * 3), None);
        assert_eq!(keypad.poll_timeout(), None);
    }

    #[test]
    fn a_comma_is_a_pause() {
        let (mut keypad, start) = (Keypad::default(), Instant::now());
        pressed(&mut keypad, ",7");
        assert_eq!(symbol(&mut keypad, start), None);
        assert_eq!(keypad.poll_timeout(), Some(start + PAUSE));
        assert_eq!(symbol(&mut keypad, start + PAUSE), Some('7'));
    }

    #[test]
    fn a_refusal_drops_the_rest_and_says_how_many_were_taken() {
        let (mut keypad, start) = (Keypad::default(), Instant::now());
        pressed(&mut keypad, "12,3");
        symbol(&mut keypad, start);
        assert_eq!(keypad.handle_answer(200), Ok(()));
        symbol(&mut keypad, start + PACE);
        let untaken = keypad.handle_answer(501).expect_err("refused");
        assert_eq!((untaken.taken, untaken.pressed), (1, 3));
        assert_eq!(
            untaken.sentence(),
            "1 of 3 digits reached the other side: it refused them by INFO (status 501)."
        );
        assert_eq!(symbol(&mut keypad, start + PAUSE * 9), None);
        pressed(&mut keypad, "9");
        assert_eq!(symbol(&mut keypad, start + PAUSE * 9), Some('9'));
        assert_eq!(keypad.handle_answer(408).map_err(|one| one.taken), Err(0));
    }

    #[test]
    fn who_does_not_know_the_one_type_is_told_by_the_other_from_then_on() {
        let (mut keypad, start) = (Keypad::default(), Instant::now());
        pressed(&mut keypad, "45");
        symbol(&mut keypad, start);
        assert_eq!(keypad.handle_answer(415), Ok(()));
        let again = Press {
            symbol: '4',
            writing: Writing::Plain,
        };
        assert_eq!(keypad.poll(start), Some(again));
        assert_eq!(keypad.handle_answer(200), Ok(()));
        let next = keypad.poll(start + PACE).map(|press| press.writing);
        assert_eq!(next, Some(Writing::Plain));
        assert_eq!(keypad.handle_answer(415).map_err(|one| one.taken), Err(1));
    }

    #[test]
    fn more_than_anybody_hears_are_refused_and_an_answer_too_late_means_nothing() {
        let (mut keypad, start) = (Keypad::default(), Instant::now());
        pressed(&mut keypad, &"1".repeat(64));
        assert_eq!(keypad.press("1".chars()), Err(TooMany));
        keypad.clear();
        assert_eq!(keypad.handle_answer(500), Ok(()));
        assert_eq!(symbol(&mut keypad, start), None);
    }
}
