//! The simulated customers: what each does is told by the last two digits of the number.

mod description;
pub mod g711;
pub mod hearing;
pub mod phone;
pub mod voice;

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::fault::Fault;
use voice::Voice;

/// What a customer does once the platform rings them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "does", rename_all = "snake_case")]
pub enum Behaviour {
    /// Answers after `after_ms` and speaks; hangs up `for_ms` later where given.
    Answer {
        #[serde(default)]
        after_ms: u64,
        voice: Voice,
        #[serde(default)]
        for_ms: Option<u64>,
    },
    /// Is on another call.
    Busy,
    /// Never picks up.
    NoAnswer,
    /// Doesn't exist.
    Invalid,
    /// The platform fails before anybody is rung.
    Fault { fault: Fault },
}

/// The numbers whose behaviour a test has changed; all others follow their digits.
#[derive(Debug, Default)]
pub struct Directory {
    overrides: HashMap<String, Behaviour>,
}

impl Behaviour {
    /// The table in DESIGN.md.
    pub fn of(number: &str) -> Self {
        let digits: Vec<u8> = number
            .bytes()
            .rev()
            .filter(u8::is_ascii_digit)
            .take(2)
            .map(|b| b - b'0')
            .collect();
        let [units, tens] = digits[..] else {
            return Self::Invalid;
        };
        let fault = |fault| Self::Fault { fault };
        match (tens, units) {
            (1, _) => Self::answer(
                units,
                Voice::Tone {
                    hz: 440.0 + 40.0 * f32::from(units),
                },
            ),
            (2, 0) => Self::answer(units, Voice::Echo),
            (3, 0) => Self::Busy,
            (3, 1) => Self::NoAnswer,
            (3, 2) => Self::Invalid,
            (4, 0) => fault(Fault::NoInvite),
            (4, 1) => fault(Fault::DialRefused),
            (4, 2) => fault(Fault::Blacklisted),
            (4, 3) => fault(Fault::LateReply),
            (4, 4) => fault(Fault::LateInvite),
            (5, 0) => Self::Answer {
                after_ms: 500,
                voice: Voice::Greeting,
                for_ms: Some(3_000),
            },
            _ => Self::answer(units, Voice::Greeting),
        }
    }

    /// Half a second to nearly one, so that numbers differ and runs don't.
    fn answer(units: u8, voice: Voice) -> Self {
        Self::Answer {
            after_ms: 500 + 50 * u64::from(units),
            voice,
            for_ms: None,
        }
    }

    /// What a dial finds that nobody refuses any more.
    pub fn unless_refused(self) -> Self {
        match self {
            Self::Fault { fault } if fault.refusal("").is_some() => self.after_fault(),
            other => other,
        }
    }

    /// The behaviour of the customer once the platform's fault has had its part.
    pub fn after_fault(self) -> Self {
        match self {
            Self::Fault {
                fault: Fault::NoDropCall,
            } => Self::Busy,
            Self::Fault { .. } => Self::answer(0, Voice::Greeting),
            other => other,
        }
    }
}

impl Directory {
    pub fn behaviour(&self, number: &str) -> Behaviour {
        self.overrides
            .get(plain(number))
            .copied()
            .unwrap_or_else(|| Behaviour::of(number))
    }

    pub fn set(&mut self, number: &str, behaviour: Behaviour) {
        self.overrides.insert(plain(number).to_owned(), behaviour);
    }
}

/// A dial names a number with or without its plus and country; a customer is known by the last ten digits.
fn plain(number: &str) -> &str {
    let start = number.char_indices().rev().nth(9).map_or(0, |(at, _)| at);
    &number[start..]
}

/// How long a customer's phone rings before a busy or unknown number is reported.
pub const NOT_REACHED_AFTER: Duration = Duration::from_millis(700);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_two_digits_tell_what_the_customer_does() {
        let tone = |hz, after_ms| Behaviour::Answer {
            after_ms,
            voice: Voice::Tone { hz },
            for_ms: None,
        };
        assert_eq!(Behaviour::of("+919000000010"), tone(440.0, 500));
        assert_eq!(Behaviour::of("9000000019"), tone(800.0, 950));
        assert_eq!(Behaviour::of("+91 90000 00030"), Behaviour::Busy);
        assert_eq!(Behaviour::of("7"), Behaviour::Invalid);
        assert!(matches!(
            Behaviour::of("+919000000050"),
            Behaviour::Answer {
                for_ms: Some(3_000),
                ..
            }
        ));
    }

    #[test]
    fn an_override_holds_for_the_number_with_and_without_its_country() {
        let mut directory = Directory::default();
        directory.set("+919000000001", Behaviour::Busy);
        assert_eq!(directory.behaviour("9000000001"), Behaviour::Busy);
        assert_eq!(directory.behaviour("9000000002"), Behaviour::of("02"));
    }

    #[test]
    fn a_behaviour_reads_as_the_control_interface_writes_it() {
        let read: Behaviour =
            serde_json::from_str(r#"{"does":"answer","after_ms":10,"voice":{"tone":{"hz":600}}}"#)
                .unwrap();
        assert_eq!(
            read,
            Behaviour::Answer {
                after_ms: 10,
                voice: Voice::Tone { hz: 600.0 },
                for_ms: None
            }
        );
    }
}
