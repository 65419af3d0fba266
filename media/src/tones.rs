//! What is dialled on a call that stands already: digits and pauses.

use std::str::FromStr;

/// Digits and pauses to send, e.g. `"12#,,3"`: 0–9, `*`, `#`, A–D in either case, and `,` for a
/// pause of 2 s. Never empty, never longer than [`Tones::LONGEST`].
///
/// `Debug` doesn't show them: they may be a card's number or a PIN.
#[derive(Clone, PartialEq, Eq)]
pub struct Tones(Vec<Tone>);

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// The event code of RFC 4733 §3.2, 0 to 15.
    Digit(u8),
    Pause,
}

/// Why a text isn't [`Tones`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TonesError {
    /// Nothing to send.
    #[error("there are no digits")]
    Empty,
    /// More than [`Tones::LONGEST`].
    #[error("more than {} digits and pauses", Tones::LONGEST)]
    TooLong,
    /// Neither a digit nor a pause.
    #[error("{0:?} is neither of 0-9, *, #, A-D nor a comma")]
    Unknown(char),
}

impl Tones {
    /// What may wait on a leg: longer than any card's number with its PIN.
    pub const LONGEST: usize = 64;

    /// Each as it was written: 0–9, `*`, `#`, A–D, and `,` for a pause.
    pub fn symbols(&self) -> impl Iterator<Item = char> {
        self.0.iter().map(|tone| tone.symbol())
    }

    pub(crate) fn as_slice(&self) -> &[Tone] {
        &self.0
    }
}

impl FromStr for Tones {
    type Err = TonesError;

    fn from_str(text: &str) -> Result<Self, TonesError> {
        let tones = text
            .chars()
            .take(Self::LONGEST + 1)
            .map(|c| Tone::from_char(c).ok_or(TonesError::Unknown(c)))
            .collect::<Result<Vec<_>, _>>()?;
        match tones.len() {
            0 => Err(TonesError::Empty),
            1..=Self::LONGEST => Ok(Self(tones)),
            _ => Err(TonesError::TooLong),
        }
    }
}

impl std::fmt::Debug for Tones {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tones({})", self.0.len())
    }
}

impl Tone {
    fn from_char(c: char) -> Option<Self> {
        let code = match c {
            ',' => return Some(Self::Pause),
            '*' => 10,
            '#' => 11,
            'A'..='D' => c as u8 - b'A' + 12,
            'a'..='d' => c as u8 - b'a' + 12,
            _ => c.to_digit(10)? as u8,
        };
        Some(Self::Digit(code))
    }

    fn symbol(self) -> char {
        match self {
            Self::Pause => ',',
            // Made by `from_char` alone, so the code is a place in the table.
            Self::Digit(code) => SYMBOLS.get(usize::from(code)).map_or(',', |c| *c as char),
        }
    }
}

/// By their event code (RFC 4733 §3.2).
const SYMBOLS: &[u8; 16] = b"0123456789*#ABCD";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_has_its_event_code() {
        let tones: Tones = "0123456789*#ABCD".parse().expect("digits");
        let codes: Vec<Tone> = (0..16).map(Tone::Digit).collect();
        assert_eq!(tones.as_slice(), codes);
        let lower: Tones = "ad,".parse().expect("digits");
        assert_eq!(
            lower.as_slice(),
            [Tone::Digit(12), Tone::Digit(15), Tone::Pause]
        );
    }

    #[test]
    fn what_was_read_is_told_as_it_was_written() {
        let tones: Tones = "0123456789*#ABCD,d".parse().expect("digits");
        assert_eq!(tones.symbols().collect::<String>(), "0123456789*#ABCD,D");
    }

    #[test]
    fn what_cannot_be_dialled_is_refused_with_its_reason() {
        let refusal = |text: &str| text.parse::<Tones>().expect_err("refused");
        assert_eq!(refusal(""), TonesError::Empty);
        assert_eq!(refusal("12E"), TonesError::Unknown('E'));
        assert_eq!(refusal("1 2"), TonesError::Unknown(' '));
        assert_eq!(refusal("٣"), TonesError::Unknown('٣'));
        assert_eq!(refusal(&"1".repeat(65)), TonesError::TooLong);
        assert!("1".repeat(64).parse::<Tones>().is_ok());
    }

    #[test]
    fn digits_are_not_shown_in_logs() {
        let tones: Tones = "4711".parse().expect("digits");
        assert_eq!(format!("{tones:?}"), "Tones(4)");
    }
}
