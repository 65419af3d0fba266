//! An INVITE that a dial will cause: one-time, with a window.
//!
//! The dial leaves by the token socket and comes back as an INVITE on the agent's line. What is
//! expected is answered without asking; everything else is a stray.

use std::time::Instant;

use super::CallId;

/// Waits for the one INVITE that a dial causes. Spent by the INVITE, by its window's end, or with its call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    pub call: CallId,
    pub number: String,
    /// Known once the platform has queued the dial or announced the call.
    pub ucid: Option<String>,
    /// The number that the platform said it shows as the caller.
    pub did: Option<String>,
    /// When the window closes.
    pub until: Instant,
    pub fate: Fate,
}

/// What to do with the INVITE when it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Answer,
    /// The agent ended the call while the dial was on its way: the INVITE is refused, it doesn't ring.
    Refuse,
}

/// What an INVITE on a line tells about the dial that caused it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Digits of 14 to 17 places found in `X-*`, `User-to-User` or the Call-ID. Any of them may
    /// be the UCID, none has to be.
    pub candidates: Vec<String>,
    /// Those from a header that says it carries the UCID.
    pub ucids: Vec<String>,
    /// The caller's number as it stands in From.
    pub number: String,
}

impl Evidence {
    /// Reads the headers that may carry a UCID, and the caller's number.
    pub fn read<'a>(
        headers: impl Iterator<Item = (&'a str, &'a str)>,
        call_id: &str,
        number: &str,
    ) -> Self {
        let mut candidates = digit_runs(call_id);
        let mut ucids = Vec::new();
        for (name, value) in headers {
            let name = name.to_ascii_lowercase();
            if name.starts_with("x-") || name == "user-to-user" {
                candidates.extend(digit_runs(value));
            }
            if name.contains("ucid") {
                ucids.extend(digit_runs(value));
            }
        }
        Self {
            candidates,
            ucids,
            number: number.to_owned(),
        }
    }
}

/// How an INVITE on the line stands to the expectation that is open there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    ByUcid,
    ByNumber,
    /// Nothing in it speaks for or against; the window is open.
    ByWindow,
}

impl Expectation {
    /// Holds an INVITE that came on this expectation's line against it, in the contract's order:
    /// the UCID, the caller's number, the open window.
    ///
    /// A UCID that is there and differs is a stray, however well the rest fits.
    pub fn matches(&self, evidence: &Evidence, now: Instant) -> Option<Match> {
        if now >= self.until {
            return None;
        }
        if let Some(ucid) = &self.ucid {
            if evidence.candidates.contains(ucid) || evidence.ucids.contains(ucid) {
                return Some(Match::ByUcid);
            }
            if !evidence.ucids.is_empty() {
                return None;
            }
        }
        let shown = self.did.iter().chain([&self.number]);
        if shown
            .into_iter()
            .any(|number| same_number(number, &evidence.number))
        {
            return Some(Match::ByNumber);
        }
        // Platforms show a trunk's number or a name as the caller of the agent's leg, so a number
        // that differs is no proof of a stray; a number that is somebody else's full one is.
        if looks_like_a_customer(&evidence.number) {
            return None;
        }
        Some(Match::ByWindow)
    }
}

/// Runs of digits as long as a UCID.
fn digit_runs(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_ascii_digit())
        .filter(|run| (14..=17).contains(&run.len()))
        .map(str::to_owned)
        .collect()
}

/// The same subscriber, however the country code is written: the last ten digits agree.
fn same_number(a: &str, b: &str) -> bool {
    let tail = |text: &str| {
        let digits: Vec<char> = text.chars().filter(char::is_ascii_digit).collect();
        digits[digits.len().saturating_sub(NATIONAL_DIGITS)..].to_vec()
    };
    let (a, b) = (tail(a), tail(b));
    !a.is_empty() && a == b
}

fn looks_like_a_customer(number: &str) -> bool {
    number.chars().filter(char::is_ascii_digit).count() >= NATIONAL_DIGITS
}

/// An Indian national number without its trunk prefix.
const NATIONAL_DIGITS: usize = 10;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn expectation(start: Instant) -> Expectation {
        Expectation {
            call: CallId::fresh(),
            number: "+919000000001".into(),
            ucid: Some("16789012345678901".into()),
            did: Some("+919000000090".into()),
            until: start + Duration::from_secs(45),
            fate: Fate::Answer,
        }
    }

    fn evidence(ucids: &[&str], number: &str) -> Evidence {
        Evidence {
            candidates: Vec::new(),
            ucids: ucids.iter().map(|ucid| (*ucid).to_owned()).collect(),
            number: number.into(),
        }
    }

    #[test]
    fn the_contracts_order_decides() {
        let start = Instant::now();
        let expected = expectation(start);
        for (told, evidence, result) in [
            (
                "ucid agrees",
                evidence(&["16789012345678901"], "500"),
                Some(Match::ByUcid),
            ),
            (
                "another dial's ucid",
                evidence(&["16789012345678902"], "+919000000001"),
                None,
            ),
            (
                "number agrees",
                evidence(&[], "9000000001"),
                Some(Match::ByNumber),
            ),
            (
                "number with a trunk prefix",
                evidence(&[], "09000000001"),
                Some(Match::ByNumber),
            ),
            (
                "the platform's own number",
                evidence(&[], "919000000090"),
                Some(Match::ByNumber),
            ),
            (
                "a short caller",
                evidence(&[], "5005"),
                Some(Match::ByWindow),
            ),
            (
                "no caller at all",
                evidence(&[], "anonymous"),
                Some(Match::ByWindow),
            ),
            ("another customer", evidence(&[], "+919000000002"), None),
        ] {
            assert_eq!(expected.matches(&evidence, start), result, "{told}");
        }
    }

    #[test]
    fn a_closed_window_matches_nothing() {
        let start = Instant::now();
        let expected = expectation(start);
        let evidence = evidence(&["16789012345678901"], "+919000000001");
        assert_eq!(expected.matches(&evidence, expected.until), None);
    }

    #[test]
    fn an_unknown_ucid_does_not_exclude_before_the_platform_told_ours() {
        let start = Instant::now();
        let mut expected = expectation(start);
        expected.ucid = None;
        let found = expected.matches(&evidence(&["16789012345678902"], "9000000001"), start);
        assert_eq!(found, Some(Match::ByNumber));
    }

    #[test]
    fn ucids_are_read_from_the_headers_that_carry_them() {
        let headers = [
            ("X-UCID", "16789012345678901"),
            ("User-to-User", "1678901234567890;encoding=hex"),
            ("Subject", "11111111111111"),
        ];
        let evidence = Evidence::read(headers.into_iter(), "22222222222222@host", "9");
        assert_eq!(
            evidence.candidates,
            ["22222222222222", "16789012345678901", "1678901234567890"]
        );
        assert_eq!(evidence.ucids, ["16789012345678901"]);
    }

    #[test]
    fn long_digits_in_a_call_id_speak_for_a_dial_but_never_against_it() {
        let start = Instant::now();
        let expected = expectation(start);
        let other = Evidence::read(std::iter::empty(), "1700000000000000@host", "9000000001");
        assert_eq!(expected.matches(&other, start), Some(Match::ByNumber));
        let same = Evidence::read(std::iter::empty(), "16789012345678901@host", "500");
        assert_eq!(expected.matches(&same, start), Some(Match::ByUcid));
    }
}
