//! Who is heard at all, and how many calls a trunk may begin: limits that are asked before anything is parsed.
//!
//! [`Admission`] counts messages of each source in the manner of Kamailio's pike and bans who sends too many; what it
//! remembers is bounded, whatever addresses a flood pretends to come from. [`CallRate`] is for a known trunk: a call too
//! many gets 503 with Retry-After, the calls that are up go on.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// What a source may send, and how much is remembered of all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Messages in one interval; the next is the one that bans.
    pub messages: u32,
    /// Over what time they are counted.
    pub interval: Duration,
    /// How long a ban lasts.
    pub ban: Duration,
    /// Sources remembered; above, the one not heard for longest is forgotten.
    pub sources: usize,
}

impl Default for Limits {
    /// For sources that aren't known: a phone that registers and calls stays far below, a scanner's second does not.
    fn default() -> Self {
        Limits {
            messages: 30,
            interval: Duration::from_secs(2),
            ban: Duration::from_secs(120),
            sources: 16_384,
        }
    }
}

/// What to do with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Read it.
    Admit,
    /// This one was too many: drop it, as all that follow for the time of [`Limits::ban`]. Said once a ban, for the log.
    Ban,
    /// The source is banned: drop it and say nothing.
    Drop,
}

/// Counts messages of each source: an IPv4 address, or an IPv6 /64, since that is what one host can choose from.
#[derive(Debug)]
pub struct Admission {
    limits: Limits,
    sources: HashMap<Prefix, Source>,
    /// By the time of their last message: the first is forgotten first.
    order: BTreeMap<u64, Prefix>,
    heard: u64,
}

/// The part of an address that its holder can't change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Prefix {
    V4([u8; 4]),
    V6([u8; 8]),
}

#[derive(Debug)]
struct Source {
    /// Its key in the order.
    last: u64,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Counted {
        since: Instant,
        before: u32,
        now: u32,
    },
    Banned {
        until: Instant,
    },
}

impl Admission {
    /// Nobody is known yet.
    pub fn new(limits: Limits) -> Admission {
        Admission {
            limits,
            sources: HashMap::new(),
            order: BTreeMap::new(),
            heard: 0,
        }
    }

    /// Counts one message and says what to do with it. `now` must not go backwards.
    pub fn admit(&mut self, now: Instant, source: IpAddr) -> Verdict {
        let limits = self.limits;
        let source = self.source(now, Prefix::of(source));
        let (state, verdict) = source.state.count(now, &limits);
        source.state = state;
        verdict
    }

    /// Sources remembered now, for metrics.
    pub fn sources(&self) -> usize {
        self.sources.len()
    }

    /// The source as the one heard last; a new one may take the place of the one not heard for longest.
    fn source(&mut self, now: Instant, prefix: Prefix) -> &mut Source {
        self.heard += 1;
        if self.sources.len() >= self.limits.sources.max(1)
            && !self.sources.contains_key(&prefix)
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.sources.remove(&oldest);
        }
        let source = self.sources.entry(prefix).or_insert(Source {
            last: 0,
            state: State::fresh(now),
        });
        self.order.remove(&source.last);
        self.order.insert(self.heard, prefix);
        source.last = self.heard;
        source
    }
}

impl State {
    fn fresh(now: Instant) -> State {
        State::Counted {
            since: now,
            before: 0,
            now: 0,
        }
    }

    fn count(self, now: Instant, limits: &Limits) -> (State, Verdict) {
        let state = match self {
            State::Banned { until } if now < until => return (self, Verdict::Drop),
            State::Banned { .. } => State::fresh(now),
            State::Counted { .. } => self,
        };
        let State::Counted {
            since,
            before,
            now: count,
        } = state.at(now, limits.interval)
        else {
            return (state, Verdict::Admit);
        };
        let count = count.saturating_add(1);
        let counted = State::Counted {
            since,
            before,
            now: count,
        };
        if counted.recent(now, limits.interval) > limits.messages {
            let until = now + limits.ban;
            return (State::Banned { until }, Verdict::Ban);
        }
        (counted, Verdict::Admit)
    }

    /// The same counts, moved on to the interval that `now` is in.
    fn at(self, now: Instant, interval: Duration) -> State {
        match self {
            State::Counted {
                since, now: count, ..
            } if now >= since + interval => State::Counted {
                // What was counted just before still weighs; what is older does not.
                before: if now < since + interval * 2 { count } else { 0 },
                since: if now < since + interval * 2 {
                    since + interval
                } else {
                    now
                },
                now: 0,
            },
            State::Counted { .. } | State::Banned { .. } => self,
        }
    }

    /// Messages of the interval that ends now, the earlier count by the share of it that still lies inside: a burst over
    /// a boundary isn't halved by it.
    fn recent(self, now: Instant, interval: Duration) -> u32 {
        match self {
            State::Counted {
                since,
                before,
                now: count,
            } => {
                let left = interval.saturating_sub(now - since).as_nanos();
                let share = u128::from(before) * left / interval.as_nanos().max(1);
                count.saturating_add(u32::try_from(share).unwrap_or(u32::MAX))
            }
            State::Banned { .. } => u32::MAX,
        }
    }
}

impl Prefix {
    fn of(source: IpAddr) -> Prefix {
        match source.to_canonical() {
            IpAddr::V4(address) => Prefix::V4(address.octets()),
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Prefix::V6([a, b, c, d, e, f, g, h])
            }
        }
    }
}

/// How many calls a second a trunk may begin: a token bucket, kept as the time at which it is full again.
#[derive(Debug, Clone, Copy)]
pub struct CallRate {
    /// Between two calls, when evenly spaced.
    spacing: Duration,
    /// How far ahead of even spacing calls may come.
    slack: Duration,
    full: Option<Instant>,
}

/// A call too many: the answer is 503 to this new INVITE, and nothing else suffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooFast {
    /// Retry-After, in whole seconds, at least one (RFC 3261 §20.33).
    pub retry_after: u32,
}

impl CallRate {
    /// `calls` a second, of which a second's worth may come at once. Zero is taken as one.
    pub fn per_second(calls: u32) -> CallRate {
        let calls = calls.max(1);
        let spacing = Duration::from_secs(1) / calls;
        CallRate {
            spacing,
            slack: spacing * (calls - 1),
            full: None,
        }
    }

    /// Takes a token for one new INVITE.
    ///
    /// # Errors
    ///
    /// [`TooFast`] if there is none; then nothing was taken.
    pub fn admit(&mut self, now: Instant) -> Result<(), TooFast> {
        let full = self.full.map_or(now, |full| full.max(now));
        let ahead = full - now;
        if ahead > self.slack {
            let wait = (ahead - self.slack).as_secs_f64().ceil();
            return Err(TooFast {
                retry_after: (wait as u32).max(1),
            });
        }
        self.full = Some(full + self.spacing);
        Ok(())
    }
}

/// The label of a scanner that names itself in User-Agent; for metrics only, since any other name can be written there.
pub fn scanner(user_agent: &str) -> Option<&'static str> {
    let user_agent = user_agent.to_ascii_lowercase();
    SCANNERS
        .iter()
        .find(|(mark, _)| user_agent.contains(mark))
        .map(|(_, label)| *label)
}

/// Lower-case marks of tools that look for open registrars and gateways, and their labels.
const SCANNERS: &[(&str, &str)] = &[
    ("friendly-scanner", "sipvicious"),
    ("friendly-request", "sipvicious"),
    ("sipvicious", "sipvicious"),
    ("sundayddr", "sundayddr"),
    ("sipcli", "sipcli"),
    ("sip-scan", "sip-scan"),
    ("sipscan", "sip-scan"),
    ("sipsak", "sipsak"),
    ("vaxsipuseragent", "vaxsip"),
    ("vaxasip", "vaxsip"),
    ("pplsip", "pplsip"),
    ("iwar", "iwar"),
    ("sivus", "sivus"),
    ("smap", "smap"),
    ("gulp", "gulp"),
];

#[cfg(test)]
mod tests;
