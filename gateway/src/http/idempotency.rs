//! `Idempotency-Key`: a request repeated under its key is answered as the first one was, and dials once.
//!
//! A key is bound to the *call's id* before anything is dialled, and the switchboard answers a dial of a known id with
//! the call it already made. So a repeat that overtakes the first answer, or follows a connection lost before it,
//! needs no waiting and no second call.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::call::CallId;
use crate::clock::Moment;
use crate::store::StoredKey;

/// The keys of the last 24 hours.
#[derive(Debug, Default)]
pub(super) struct Idempotency {
    entries: HashMap<Name, Entry>,
    /// Oldest first; every entry once.
    order: VecDeque<(Instant, Name)>,
    /// Of all stored answers.
    bytes: usize,
}

/// A key belongs to the caller who made it up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Name {
    pub caller: String,
    pub key: String,
}

/// What became of a request under a key.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Known {
    /// Not answered yet, or never: dial under this id.
    Dial(CallId),
    /// Answered: say it again.
    Answered { call: CallId, body: Bytes },
    /// The key was used for another request.
    Mismatch,
}

#[derive(Debug)]
struct Entry {
    fingerprint: u64,
    call: CallId,
    answer: Option<Bytes>,
}

impl Idempotency {
    /// As they were before the program was restarted; `stored` is oldest first.
    pub(super) fn restored(stored: Vec<StoredKey>, now: Moment) -> Self {
        let mut keys = Self::default();
        for key in stored {
            let age = Duration::from_millis(now.epoch_ms.saturating_sub(key.at));
            let Some(at) = now.instant.checked_sub(age) else {
                // The machine hasn't been up for as long: nothing can tell how old it is.
                continue;
            };
            let name = Name {
                caller: key.caller,
                key: key.key,
            };
            keys.bind(name.clone(), key.fingerprint, key.call, at);
            if let Some(answer) = key.answer {
                keys.answered(&name, answer);
            }
        }
        keys
    }

    /// Finds what `name` stands for; a new name is bound to `fresh`.
    pub(super) fn bind(
        &mut self,
        name: Name,
        fingerprint: u64,
        fresh: CallId,
        now: Instant,
    ) -> Known {
        self.forget_before(now);
        if let Some(entry) = self.entries.get(&name) {
            return entry.known(fingerprint);
        }
        while self.entries.len() >= KEYS {
            self.forget_oldest();
        }
        self.order.push_back((now, name.clone()));
        let entry = Entry {
            fingerprint,
            call: fresh.clone(),
            answer: None,
        };
        self.entries.insert(name, entry);
        Known::Dial(fresh)
    }

    /// Keeps the answer to say again. An answer whose key was forgotten meanwhile is not kept.
    pub(super) fn answered(&mut self, name: &Name, body: Bytes) {
        let Some(entry) = self.entries.get_mut(name) else {
            return;
        };
        self.bytes += body.len();
        let before = entry.answer.replace(body);
        self.bytes -= before.map_or(0, |b| b.len());
        while self.bytes > BYTES {
            self.forget_oldest();
        }
    }

    fn forget_before(&mut self, now: Instant) {
        while let Some((at, _)) = self.order.front()
            && now.saturating_duration_since(*at) >= KEPT
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let (_, name) = self.order.pop_front().expect("as many names as entries");
        let entry = self
            .entries
            .remove(&name)
            .expect("every name has its entry");
        self.bytes -= entry.answer.map_or(0, |b| b.len());
    }
}

impl Entry {
    fn known(&self, fingerprint: u64) -> Known {
        if self.fingerprint != fingerprint {
            return Known::Mismatch;
        }
        match &self.answer {
            Some(body) => Known::Answered {
                call: self.call.clone(),
                body: body.clone(),
            },
            None => Known::Dial(self.call.clone()),
        }
    }
}

/// As the contract promises.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// The oldest goes first when there are more.
const KEYS: usize = 10_000;

/// A call's context may be 64 KiB, so the number of keys alone bounds nothing.
const BYTES: usize = 32 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn name(key: &str) -> Name {
        Name {
            caller: "crm".to_owned(),
            key: key.to_owned(),
        }
    }

    #[test]
    fn a_repeat_dials_under_the_first_id_until_there_is_an_answer() {
        let (mut keys, now, first) = (Idempotency::default(), Instant::now(), CallId::fresh());
        let dial = Known::Dial(first.clone());
        assert_eq!(keys.bind(name("a"), 1, first.clone(), now), dial);
        assert_eq!(keys.bind(name("a"), 1, CallId::fresh(), now), dial);
        keys.answered(&name("a"), Bytes::from_static(b"{}"));
        let answered = Known::Answered {
            call: first,
            body: Bytes::from_static(b"{}"),
        };
        assert_eq!(keys.bind(name("a"), 1, CallId::fresh(), now), answered);
    }

    #[test]
    fn another_body_and_another_caller_are_told_apart() {
        let (mut keys, now) = (Idempotency::default(), Instant::now());
        keys.bind(name("a"), 1, CallId::fresh(), now);
        let other = keys.bind(name("a"), 2, CallId::fresh(), now);
        assert_eq!(other, Known::Mismatch);
        let theirs = Name {
            caller: "erp".to_owned(),
            key: "a".to_owned(),
        };
        let fresh = CallId::fresh();
        assert_eq!(keys.bind(theirs, 2, fresh.clone(), now), Known::Dial(fresh));
    }

    #[test]
    fn a_key_ends_after_a_day() {
        let (mut keys, now) = (Idempotency::default(), Instant::now());
        keys.bind(name("a"), 1, CallId::fresh(), now);
        let fresh = CallId::fresh();
        let known = keys.bind(name("a"), 2, fresh.clone(), now + KEPT);
        assert_eq!(known, Known::Dial(fresh));
    }

    #[test]
    fn keys_and_bytes_are_bounded() {
        let (mut keys, now) = (Idempotency::default(), Instant::now());
        for n in 0..=KEYS {
            keys.bind(name(&n.to_string()), 1, CallId::fresh(), now);
        }
        assert_eq!(keys.entries.len(), KEYS);
        let large = Bytes::from(vec![b' '; BYTES / 2 + 1]);
        keys.answered(&name("1"), large.clone());
        keys.answered(&name("2"), large.clone());
        assert_eq!(keys.bytes, large.len());
        keys.answered(&name("2"), Bytes::new());
        assert_eq!(keys.bytes, 0);
        assert!(!keys.entries.contains_key(&name("1")));
    }
}
