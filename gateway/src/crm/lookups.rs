//! Which numbers were asked about, which are being asked about, and what came of it. Pure: time is an argument.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::{Found, LookupFailed};

/// One entry a number: an answer for as long as it holds, or the question that is under way.
#[derive(Debug)]
pub(super) struct Lookups {
    cache: Duration,
    cache_unknown: Duration,
    entries: HashMap<String, Entry>,
}

#[derive(Debug)]
enum Entry {
    UnderWay(watch::Receiver<Option<Result<Found, LookupFailed>>>),
    Kept {
        answer: Result<Found, LookupFailed>,
        until: Instant,
    },
}

/// What becomes of a question.
#[derive(Debug)]
#[must_use]
pub(super) enum Asked {
    Kept(Result<Found, LookupFailed>),
    /// Somebody asked already: their answer is ours.
    UnderWay(watch::Receiver<Option<Result<Found, LookupFailed>>>),
    /// To be asked now, and told to everybody who joins.
    New {
        tell: watch::Sender<Option<Result<Found, LookupFailed>>>,
        answered: watch::Receiver<Option<Result<Found, LookupFailed>>>,
    },
}

impl Lookups {
    pub(super) fn new(cache: Duration, cache_unknown: Duration) -> Self {
        Self {
            cache,
            cache_unknown,
            entries: HashMap::new(),
        }
    }

    pub(super) fn ask(&mut self, number: &str, now: Instant) -> Asked {
        match self.entries.get(number) {
            Some(Entry::Kept { answer, until }) if now < *until => {
                return Asked::Kept(answer.clone());
            }
            // Whoever asked broke off without an answer if nobody can tell one any more.
            Some(Entry::UnderWay(answered)) if answered.has_changed().is_ok() => {
                return Asked::UnderWay(answered.clone());
            }
            Some(_) | None => {}
        }
        self.make_room(now);
        let (tell, answered) = watch::channel(None);
        self.entries
            .insert(number.to_owned(), Entry::UnderWay(answered.clone()));
        Asked::New { tell, answered }
    }

    pub(super) fn answered(
        &mut self,
        number: &str,
        answer: Result<Found, LookupFailed>,
        now: Instant,
    ) {
        let until = now
            + match &answer {
                Ok(Found::Known(_)) => self.cache,
                Ok(Found::Unknown) => self.cache_unknown,
                Err(_) => FAILURE_HOLDS,
            };
        self.entries
            .insert(number.to_owned(), Entry::Kept { answer, until });
    }

    /// Questions under way stay: they are as many as there are pages that wait.
    fn make_room(&mut self, now: Instant) {
        if self.entries.len() < ENTRIES_AT_MOST {
            return;
        }
        let holds = |entry: &Entry, then: Instant| match entry {
            Entry::UnderWay(answered) => answered.has_changed().is_ok(),
            Entry::Kept { until, .. } => then < *until,
        };
        self.entries.retain(|_, entry| holds(entry, now));
        if self.entries.len() >= ENTRIES_AT_MOST {
            self.entries
                .retain(|_, entry| matches!(entry, Entry::UnderWay(_)));
        }
    }
}

/// Long enough that a page's components don't knock again each, short enough for a person's second try.
const FAILURE_HOLDS: Duration = Duration::from_secs(3);

/// A few megabytes at most.
const ENTRIES_AT_MOST: usize = 2_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::Context;
    use std::sync::Arc;

    const CACHE: Duration = Duration::from_secs(300);
    const UNKNOWN: Duration = Duration::from_secs(30);

    fn lookups() -> Lookups {
        Lookups::new(CACHE, UNKNOWN)
    }

    fn known() -> Result<Found, LookupFailed> {
        Ok(Found::Known(Arc::new(Context::default())))
    }

    #[test]
    fn the_second_who_asks_waits_for_the_first_ones_answer() {
        let (mut lookups, now) = (lookups(), Instant::now());
        let Asked::New { tell, .. } = lookups.ask("+919000000001", now) else {
            panic!("nobody asked before");
        };
        let Asked::UnderWay(answered) = lookups.ask("+919000000001", now) else {
            panic!("one question is enough");
        };
        assert!(matches!(
            lookups.ask("+919000000002", now),
            Asked::New { .. }
        ));
        lookups.answered("+919000000001", known(), now);
        tell.send(Some(known())).expect("somebody waits");
        assert_eq!(*answered.borrow(), Some(known()));
        assert!(
            matches!(lookups.ask("+919000000001", now), Asked::Kept(answer) if answer == known())
        );
    }

    #[test]
    fn each_kind_of_answer_holds_for_its_own_time() {
        let failed = Err(LookupFailed::TimedOut);
        for (answer, holds) in [
            (known(), CACHE),
            (Ok(Found::Unknown), UNKNOWN),
            (failed, FAILURE_HOLDS),
        ] {
            let (mut lookups, now) = (lookups(), Instant::now());
            lookups.answered("1", answer.clone(), now);
            let almost = now + holds - Duration::from_millis(1);
            assert!(matches!(lookups.ask("1", almost), Asked::Kept(kept) if kept == answer));
            assert!(matches!(lookups.ask("1", now + holds), Asked::New { .. }));
        }
    }

    #[test]
    fn a_question_that_was_broken_off_is_asked_again() {
        let (mut lookups, now) = (lookups(), Instant::now());
        drop(lookups.ask("1", now));
        assert!(matches!(lookups.ask("1", now), Asked::New { .. }));
    }

    #[test]
    fn strangers_numbers_dont_fill_the_memory() {
        let (mut lookups, now) = (lookups(), Instant::now());
        let waiting = lookups.ask("waited for", now);
        for n in 0..2 * ENTRIES_AT_MOST {
            let number = n.to_string();
            drop(lookups.ask(&number, now));
            lookups.answered(&number, Ok(Found::Unknown), now);
        }
        assert!(lookups.entries.len() <= ENTRIES_AT_MOST);
        assert!(matches!(lookups.ask("waited for", now), Asked::UnderWay(_)));
        drop(waiting);
    }
}
