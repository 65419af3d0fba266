//! Keys pressed, told by INFO: `application/dtmf-relay` and `application/dtmf`, neither of which any RFC defines.

use std::time::Duration;

use crate::endpoint::Body;

/// One key of a telephone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digit {
    symbol: char,
    /// How long it was held.
    pub duration: Duration,
}

/// How a digit is written in an INFO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigitFormat {
    /// `application/dtmf-relay`: signal and duration, a line each.
    Relay,
    /// `application/dtmf`: the key alone.
    Plain,
}

impl Digit {
    /// `None` unless `symbol` is one of 0–9, `*`, `#`, A–D.
    pub fn new(symbol: char, duration: Duration) -> Option<Digit> {
        let symbol = symbol.to_ascii_uppercase();
        SYMBOLS
            .contains(symbol)
            .then_some(Digit { symbol, duration })
    }

    /// One of 0–9, `*`, `#`, A–D.
    pub fn symbol(&self) -> char {
        self.symbol
    }

    /// Reads an INFO's body; `Ok(None)` if it is about something else.
    pub(crate) fn read(body: &Body) -> Result<Option<Digit>, NotADigit> {
        let text = || std::str::from_utf8(&body.bytes).map_err(|_| NotADigit);
        match DigitFormat::of(body) {
            None => Ok(None),
            Some(DigitFormat::Relay) => Self::of_relay(text()?).ok_or(NotADigit).map(Some),
            // Some write here what belongs to the other type.
            Some(DigitFormat::Plain) => {
                let text = text()?;
                Self::of_signal(text.trim(), USUAL)
                    .or_else(|| Self::of_relay(text))
                    .ok_or(NotADigit)
                    .map(Some)
            }
        }
    }

    pub(crate) fn write(&self, format: DigitFormat) -> Body {
        let bytes = match format {
            // As browser softphones write it, without a last line end.
            DigitFormat::Relay => format!(
                "Signal={}\r\nDuration={}",
                self.symbol,
                self.duration.as_millis()
            ),
            DigitFormat::Plain => self.symbol.to_string(),
        };
        Body {
            content_type: format.content_type().to_owned(),
            bytes: bytes.into(),
        }
    }

    /// `Signal=5` and `Duration=160`, in any order and letter case, with spaces wherever somebody puts them.
    fn of_relay(text: &str) -> Option<Digit> {
        let value = |wanted: &str| {
            text.lines()
                .filter_map(|line| line.split_once('='))
                .find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value.trim())
        };
        let duration = match value("Duration") {
            None => USUAL,
            Some(text) => Duration::from_millis(text.parse().ok()?).clamp(SHORTEST, LONGEST),
        };
        Self::of_signal(value("Signal")?, duration)
    }

    /// The symbol itself, or the event's number (RFC 4733 §3.2), which old gateways write for what isn't a figure.
    fn of_signal(signal: &str, duration: Duration) -> Option<Digit> {
        let symbol = match signal {
            "10" => '*',
            "11" => '#',
            "12" => 'A',
            "13" => 'B',
            "14" => 'C',
            "15" => 'D',
            one => {
                let mut symbols = one.chars();
                symbols.next().filter(|_| symbols.next().is_none())?
            }
        };
        Digit::new(symbol, duration)
    }
}

/// An INFO of one of the two types that says nothing readable: 400.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotADigit;

impl DigitFormat {
    fn of(body: &Body) -> Option<DigitFormat> {
        let media = body.content_type.split(';').next()?.trim();
        [DigitFormat::Relay, DigitFormat::Plain]
            .into_iter()
            .find(|format| media.eq_ignore_ascii_case(format.content_type()))
    }

    fn content_type(self) -> &'static str {
        match self {
            DigitFormat::Relay => "application/dtmf-relay",
            DigitFormat::Plain => "application/dtmf",
        }
    }
}

const SYMBOLS: &str = "0123456789*#ABCD";
/// Where nothing is said.
const USUAL: Duration = Duration::from_millis(160);
/// Below, no receiver takes it for a digit.
const SHORTEST: Duration = Duration::from_millis(40);
/// Above, somebody sat on the keypad.
const LONGEST: Duration = Duration::from_secs(6);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_however_they_are_written() {
        for (kind, text, expected) in [
            (
                "application/dtmf-relay",
                "Signal=5\r\nDuration=160",
                Ok(Some(('5', 160))),
            ),
            (
                "application/dtmf-relay",
                "Signal= 5\r\nDuration= 250\r\n",
                Ok(Some(('5', 250))),
            ),
            (
                "application/dtmf-relay",
                "signal = * \nDURATION = 100\n",
                Ok(Some(('*', 100))),
            ),
            (
                "Application/DTMF-Relay; x=y",
                "Duration=1\r\nSignal=11\r\n",
                Ok(Some(('#', 40))),
            ),
            ("application/dtmf-relay", "Signal=d", Ok(Some(('D', 160)))),
            (
                "application/dtmf-relay",
                "Signal=5\r\nDuration=99999999",
                Ok(Some(('5', 6_000))),
            ),
            ("application/dtmf-relay", "Signal=16\r\n", Err(NotADigit)),
            (
                "application/dtmf-relay",
                "Signal=\r\nDuration=160",
                Err(NotADigit),
            ),
            (
                "application/dtmf-relay",
                "Signal=5\r\nDuration=-1",
                Err(NotADigit),
            ),
            ("application/dtmf-relay", "5", Err(NotADigit)),
            ("application/dtmf-relay", "", Err(NotADigit)),
            ("application/dtmf", "5", Ok(Some(('5', 160)))),
            ("application/dtmf", " # \r\n", Ok(Some(('#', 160)))),
            (
                "application/dtmf",
                "Signal=7\r\nDuration=200\r\n",
                Ok(Some(('7', 200))),
            ),
            ("application/dtmf", "55", Err(NotADigit)),
            ("application/media_control+xml", "<x/>", Ok(None)),
        ] {
            let body = Body {
                content_type: kind.to_owned(),
                bytes: text.into(),
            };
            let expected = expected.map(|digit: Option<(char, u64)>| {
                digit.map(|(symbol, milliseconds)| Digit {
                    symbol,
                    duration: Duration::from_millis(milliseconds),
                })
            });
            assert_eq!(Digit::read(&body), expected, "{kind} {text:?}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for symbol in SYMBOLS.chars() {
            let digit = Digit::new(symbol, Duration::from_millis(160)).expect("a key");
            for format in [DigitFormat::Relay, DigitFormat::Plain] {
                assert_eq!(Digit::read(&digit.write(format)), Ok(Some(digit)));
            }
        }
        assert_eq!(Digit::new('E', USUAL), None);
        assert_eq!(Digit::new('\r', USUAL), None);
    }
}
