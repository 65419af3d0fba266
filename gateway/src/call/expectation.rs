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

/// How an INVITE on the line stands to an expectation that is open there; the stronger is the lesser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Match {
    ByUcid,
    ByNumber,
    /// Nothing in it speaks against it; the window is open.
    ByWindow,
}

/// What is expected on one agent's line. More than one only while dials that were taken back are
/// still on their way.
#[derive(Debug, Default)]
pub struct Expectations {
    /// Oldest first.
    open: Vec<Expectation>,
}

impl Expectations {
    pub fn open(&mut self, expected: Expectation) {
        self.open.push(expected);
    }

    /// Nothing is expected for this call any more.
    pub fn close(&mut self, call: &CallId) {
        self.open.retain(|expected| expected.call != *call);
    }

    /// The call's INVITE is to be refused when it comes.
    pub fn refuse(&mut self, call: &CallId) {
        for expected in self
            .open
            .iter_mut()
            .filter(|expected| expected.call == *call)
        {
            expected.fate = Fate::Refuse;
        }
    }

    pub fn expire(&mut self, now: Instant) {
        self.open.retain(|expected| now < expected.until);
    }

    /// How many INVITEs are awaited, whatever is to be done with them.
    pub fn count(&self) -> usize {
        self.open.len()
    }

    /// Whether it can't be told whose a push without a known UCID is.
    pub fn are_ambiguous(&self) -> bool {
        self.open.len() > 1
    }

    /// The platform's reply names the call's UCID.
    pub fn name(&mut self, call: &CallId, ucid: &str) {
        for expected in self
            .open
            .iter_mut()
            .filter(|expected| expected.call == *call)
        {
            expected.ucid.get_or_insert_with(|| ucid.to_owned());
        }
    }

    /// The platform announces a dial's call: that of the number it names, or else the oldest one
    /// that has no UCID yet. Returns whose it is.
    pub fn announce(
        &mut self,
        ucid: Option<&str>,
        number: Option<&str>,
        did: Option<String>,
    ) -> Option<CallId> {
        let named = |expected: &Expectation| ucid.is_some() && expected.ucid.as_deref() == ucid;
        let dialled = |expected: &Expectation| {
            number.is_none_or(|number| same_number(number, &expected.number))
        };
        let place = self.open.iter().position(named).or_else(|| {
            let unnamed = |expected: &Expectation| expected.ucid.is_none() || ucid.is_none();
            self.open
                .iter()
                .position(|expected| unnamed(expected) && dialled(expected))
        })?;
        let expected = &mut self.open[place];
        if let Some(ucid) = ucid {
            expected.ucid.get_or_insert_with(|| ucid.to_owned());
        }
        expected.did = did.or(expected.did.take());
        Some(expected.call.clone())
    }

    /// Spends the expectation that an INVITE meets best; among equals the oldest.
    pub fn take(&mut self, evidence: &Evidence, now: Instant) -> Option<(Expectation, Match)> {
        let matches = |(place, expected): (usize, &Expectation)| {
            Some((expected.matches(evidence, now)?, place))
        };
        let (matched, place) = self.open.iter().enumerate().filter_map(matches).min()?;
        Some((self.open.remove(place), matched))
    }
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
        // Platforms may show a number of their own as the caller of the agent's leg, so one that
        // differs is a stray's only once the platform has said what it shows.
        if self.did.is_some() && looks_like_a_customer(&evidence.number) {
            return None;
        }
        // A dial that was taken back and is known by its UCID claims no call that doesn't name it.
        if self.fate == Fate::Refuse && self.ucid.is_some() {
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
    fn a_number_that_the_platform_never_announced_counts_while_nothing_is_announced() {
        let start = Instant::now();
        let mut expected = expectation(start);
        expected.did = None;
        let found = expected.matches(&evidence(&[], "+919000000002"), start);
        assert_eq!(found, Some(Match::ByWindow));
    }

    #[test]
    fn a_dial_taken_back_and_the_next_one_each_meet_their_own_invite() {
        let start = Instant::now();
        let mut expectations = Expectations::default();
        let first = Expectation {
            number: "+919000000001".into(),
            ucid: None,
            did: None,
            ..expectation(start)
        };
        let second = Expectation {
            call: CallId::fresh(),
            number: "+919000000002".into(),
            ..first.clone()
        };
        expectations.open(first.clone());
        expectations.refuse(&first.call);
        expectations.open(second.clone());
        // The late reply to the first dial names the first, whatever is expected since.
        expectations.name(&first.call, "16789012345678901");
        let late = evidence(&["16789012345678901"], "500");
        let (met, _) = expectations.take(&late, start).expect("the first");
        assert_eq!((met.call, met.fate), (first.call, Fate::Refuse));
        let (met, how) = expectations
            .take(&evidence(&[], "500"), start)
            .expect("the second");
        assert_eq!((met.call, how), (second.call, Match::ByWindow));
        assert!(
            expectations.take(&evidence(&[], "500"), start).is_none(),
            "each is spent once"
        );
    }

    #[test]
    fn an_announcement_names_the_dial_of_its_number() {
        let start = Instant::now();
        let mut expectations = Expectations::default();
        let first = Expectation {
            ucid: None,
            did: None,
            ..expectation(start)
        };
        let second = Expectation {
            call: CallId::fresh(),
            number: "+919000000002".into(),
            ..first.clone()
        };
        expectations.open(first.clone());
        expectations.open(second.clone());
        let ucid = Some("16789012345678902");
        let named = expectations.announce(ucid, Some("9000000002"), None);
        assert_eq!(named, Some(second.call));
        assert_eq!(
            expectations.announce(Some("16789012345678903"), Some("9000000003"), None),
            None
        );
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
