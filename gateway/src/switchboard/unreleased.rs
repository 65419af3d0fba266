//! Agents' legs whose talk is over, and whose release found the engine's ring full: they outlive the talk, so that nothing
//! but the release ends what they still hear.

use std::collections::BTreeMap;

/// What each of them has yet to be released from.
#[derive(Debug)]
pub(super) struct Unreleased<L>(BTreeMap<L, Left>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// The far end of the talk, and then the prompt.
    Bridge,
    /// A prompt that may play on the leg.
    Prompt,
}

impl<L: Copy + Ord> Unreleased<L> {
    pub fn new() -> Self {
        Self(BTreeMap::new())
    }

    pub fn keep(&mut self, leg: L, left: Left) {
        self.0.insert(leg, left);
    }

    /// The leg hears somebody else: to part it now would cut into that.
    pub fn handle_bridged(&mut self, leg: L) {
        if let Some(left) = self.0.get_mut(&leg) {
            *left = Left::Prompt;
        }
    }

    /// The leg plays something new, which replaced what was left.
    pub fn handle_played(&mut self, leg: L) {
        if self.0.get(&leg) == Some(&Left::Prompt) {
            self.0.remove(&leg);
        }
    }

    pub fn forget(&mut self, leg: L) {
        self.0.remove(&leg);
    }

    /// All of them, to be tried again.
    pub fn take(&mut self) -> BTreeMap<L, Left> {
        std::mem::take(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(unreleased: &mut Unreleased<&'static str>) -> Vec<(&'static str, Left)> {
        unreleased.take().into_iter().collect()
    }

    #[test]
    fn a_leg_is_tried_again_once_each_time() {
        let mut unreleased = Unreleased::new();
        unreleased.keep("one", Left::Bridge);
        unreleased.keep("other", Left::Prompt);
        let all = [("one", Left::Bridge), ("other", Left::Prompt)];
        assert_eq!(left(&mut unreleased), all);
        assert_eq!(left(&mut unreleased), []);
    }

    #[test]
    fn a_leg_that_is_bridged_anew_is_not_parted_from_its_new_talk() {
        let mut unreleased = Unreleased::new();
        unreleased.keep("one", Left::Bridge);
        unreleased.handle_bridged("one");
        unreleased.handle_bridged("never left");
        assert_eq!(left(&mut unreleased), [("one", Left::Prompt)]);
    }

    #[test]
    fn new_music_is_not_stopped_for_the_old() {
        let mut unreleased = Unreleased::new();
        unreleased.keep("one", Left::Bridge);
        unreleased.handle_played("one");
        assert_eq!(left(&mut unreleased), [("one", Left::Bridge)]);
        unreleased.keep("one", Left::Prompt);
        unreleased.handle_played("one");
        assert_eq!(left(&mut unreleased), []);
    }

    #[test]
    fn a_closed_leg_is_forgotten() {
        let mut unreleased = Unreleased::new();
        unreleased.keep("one", Left::Bridge);
        unreleased.forget("one");
        assert_eq!(left(&mut unreleased), []);
    }
}
