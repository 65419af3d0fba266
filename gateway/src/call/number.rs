//! A number to dial: what people type becomes what the network takes.

/// Digits, perhaps with a leading `+`; `*` and `#` for service codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number(String);

/// Why a text isn't a number, for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotANumber {
    #[error("There is no number to dial.")]
    Empty,
    #[error("A number has digits and perhaps a leading \"+\"; {0:?} is neither.")]
    Character(char),
    #[error("The number is too long: {DIGITS_AT_MOST} digits are the most.")]
    TooLong,
}

impl Number {
    /// Takes what a person typed or pasted: spaces, dashes, dots and brackets only structure it.
    ///
    /// # Errors
    ///
    /// [`NotANumber`] says what can't be dialled.
    pub fn parse(text: &str) -> Result<Self, NotANumber> {
        let text = text.trim().strip_prefix("tel:").unwrap_or(text.trim());
        let mut number = String::new();
        for c in text.chars() {
            match c {
                '0'..='9' | '*' | '#' => number.push(c),
                '+' if number.is_empty() => number.push(c),
                ' ' | '-' | '.' | '(' | ')' | '\u{a0}' => {}
                other => return Err(NotANumber::Character(other)),
            }
        }
        match number.trim_start_matches('+').len() {
            0 => Err(NotANumber::Empty),
            digits if digits > DIGITS_AT_MOST => Err(NotANumber::TooLong),
            _ => Ok(Self(number)),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without its country code, if it is of `country`: `+919000000001` is 9000000001 in 91; as it is where that is empty.
    pub fn national(&self, country: &str) -> &str {
        self.0
            .strip_prefix('+')
            .and_then(|digits| digits.strip_prefix(country))
            .filter(|national| !country.is_empty() && !national.is_empty())
            .unwrap_or(&self.0)
    }
}

/// Fifteen of E.164, and room for a trunk's prefix.
const DIGITS_AT_MOST: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_becomes_what_the_network_takes() {
        for (typed, number) in [
            ("+919000000001", "+919000000001"),
            (" +91 90000-00001 ", "+919000000001"),
            ("(090) 0000.0001", "09000000001"),
            ("tel:+919000000001", "+919000000001"),
            ("*21#", "*21#"),
        ] {
            assert_eq!(
                Number::parse(typed).map(|n| n.0),
                Ok(number.to_owned()),
                "{typed}"
            );
        }
    }

    #[test]
    fn what_can_not_be_dialled_is_refused_with_its_reason() {
        for (typed, error) in [
            ("", NotANumber::Empty),
            ("+", NotANumber::Empty),
            ("9000,1", NotANumber::Character(',')),
            ("90~00", NotANumber::Character('~')),
            ("9+1", NotANumber::Character('+')),
            ("bob", NotANumber::Character('b')),
            ("1234567890123456789012345", NotANumber::TooLong),
        ] {
            assert_eq!(Number::parse(typed), Err(error), "{typed}");
        }
    }

    #[test]
    fn a_country_code_is_left_out_only_of_its_own_numbers() {
        for (typed, national) in [
            ("+919000000001", "9000000001"),
            ("9000000001", "9000000001"),
            ("+441632960001", "+441632960001"),
            ("+91", "+91"),
        ] {
            let number = Number::parse(typed).expect("a number");
            assert_eq!(number.national("91"), national);
        }
    }
}
