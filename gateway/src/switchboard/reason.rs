//! What whoever declines or ends a call says of it.

use super::placed::Age;
use super::task::Task;
use crate::clock::Moment;

impl Task {
    /// It stands in the call's story.
    pub(super) fn tell_why(&mut self, now: Moment, age: Age, reason: Option<&str>) {
        if let Some((reason, placed)) = shown(reason).zip(self.calls.get_mut(&age)) {
            let told = format!("It is ended with the words: {reason}");
            placed.call.tell(now, told);
            self.touched.insert(age);
        }
    }
}

/// What somebody did, and with which words; no full stop.
pub(super) fn with_words(did: &str, reason: Option<&str>) -> String {
    match shown(reason) {
        Some(reason) => format!("{did} with the words \"{reason}\""),
        None => did.to_owned(),
    }
}

/// Of a reason what people can read.
fn shown(reason: Option<&str>) -> Option<String> {
    let printable = reason?.chars().filter(|c| !c.is_control());
    let reason: String = printable.take(CHARACTERS).collect();
    (!reason.is_empty()).then_some(reason)
}

/// A page or a back end may make a reason as long as it likes.
const CHARACTERS: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_with_what_was_done() {
        let told = with_words("declined it", Some("at lunch"));
        assert_eq!(told, "declined it with the words \"at lunch\"");
        for nothing in [None, Some(""), Some("\r\n")] {
            assert_eq!(with_words("declined it", nothing), "declined it");
        }
    }

    #[test]
    fn a_reason_is_one_line_of_a_bounded_length() {
        assert_eq!(shown(Some("a\r\nb\u{7}c")).as_deref(), Some("abc"));
        let long = shown(Some(&"ß".repeat(999)));
        assert_eq!(long.map(|reason| reason.chars().count()), Some(CHARACTERS));
    }
}
