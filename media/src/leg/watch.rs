//! Whether audio that a bridged leg owes has stopped, though its path may be up: the first sign of
//! one-way audio.

use std::time::{Duration, Instant};

/// Watches what comes; costs a packet nothing but a comparison.
#[derive(Debug, Default)]
pub struct Watch {
    state: State,
    /// The last packet that was no audio: a digit's, or comfort noise.
    other: Option<(Instant, Other)>,
}

/// What besides audio a peer sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Other {
    /// A key that is held sends nothing else.
    Digit,
    /// "Nothing will come until somebody speaks" (RFC 3389).
    Noise,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// Nobody listens.
    #[default]
    Off,
    On {
        since: Instant,
    },
    /// It stopped, and was told.
    Told,
}

impl Watch {
    /// From now on audio is owed: the leg was bridged, or a hold is over.
    pub fn begin(&mut self, now: Instant) {
        self.state = State::On { since: now };
    }

    pub fn end(&mut self) {
        self.state = State::Off;
    }

    /// A packet that was no audio.
    pub fn note(&mut self, other: Other, now: Instant) {
        self.other = Some((now, other));
    }

    /// A packet came; whether it is the first after the stop that was told.
    #[inline]
    pub fn resumes(&mut self, now: Instant) -> bool {
        let resumes = self.state == State::Told;
        if resumes {
            self.begin(now);
        }
        resumes
    }

    /// When it will have stopped, if nothing comes; `audio` is the last packet of audio.
    pub fn deadline(&self, audio: Option<Instant>) -> Option<Instant> {
        let State::On { since } = self.state else {
            return None;
        };
        let heard = audio.map_or(since, |audio| audio.max(since)) + QUIET;
        let excused = match self.other {
            None => heard,
            Some((at, Other::Digit)) => at + QUIET,
            // What came after it ended the pause.
            Some((at, Other::Noise)) if audio.is_some_and(|audio| audio > at) => heard,
            Some((at, Other::Noise)) => at + PAUSE,
        };
        Some(heard.max(excused))
    }

    /// For how long nothing has come, told once.
    pub fn handle_timeout(&mut self, audio: Option<Instant>, now: Instant) -> Option<Duration> {
        if now < self.deadline(audio)? {
            return None;
        }
        let State::On { since } = std::mem::replace(&mut self.state, State::Told) else {
            return None;
        };
        let last = audio.map_or(since, |audio| audio.max(since));
        Some(now.saturating_duration_since(last))
    }
}

/// Longer than a burst of loss that a network recovers from, and short enough that somebody who hears
/// nothing has not yet asked twice.
const QUIET: Duration = Duration::from_millis(1_200);

/// How long one packet of comfort noise may stand for a silent room: it is sent again only when the
/// noise changes.
const PAUSE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row: what comes at which millisecond, and when the stop is told.
    #[test]
    fn a_stop_is_told_once_and_a_pause_is_none() {
        use Other::{Digit, Noise};
        let audio = |at| (at, None);
        let other = |at, other| (at, Some(other));
        for (what, packets, told) in [
            ("nothing ever", vec![], Some(1_200)),
            (
                "a second of speech",
                vec![audio(20), audio(1_000)],
                Some(2_200),
            ),
            (
                "a key held down",
                vec![audio(20), other(900, Digit), other(1_900, Digit)],
                Some(3_100),
            ),
            (
                "a silent room",
                vec![audio(20), other(40, Noise)],
                Some(60_040),
            ),
            (
                "speech after it",
                vec![other(40, Noise), audio(5_000)],
                Some(6_200),
            ),
        ] {
            let begin = Instant::now();
            let at = |millis| begin + Duration::from_millis(millis);
            let mut watch = Watch::default();
            watch.begin(begin);
            let (mut last, mut stopped) = (None, None);
            for millis in (0..70_000).step_by(20) {
                for (when, other) in packets.iter().filter(|(when, _)| *when == millis) {
                    match other {
                        None => last = Some(at(*when)),
                        Some(other) => watch.note(*other, at(*when)),
                    }
                }
                if watch.handle_timeout(last, at(millis)).is_some() {
                    assert_eq!(stopped, None, "{what}: once");
                    stopped = Some(millis);
                }
            }
            assert_eq!(stopped, told, "{what}");
        }
    }

    #[test]
    fn nobody_who_is_not_listened_to_stops() {
        let (mut watch, now) = (Watch::default(), Instant::now());
        assert_eq!(watch.deadline(Some(now)), None);
        watch.begin(now);
        watch.end();
        assert_eq!(watch.handle_timeout(None, now + PAUSE), None);
    }

    #[test]
    fn the_first_packet_after_a_stop_is_told_and_the_next_stop_too() {
        let (mut watch, now) = (Watch::default(), Instant::now());
        watch.begin(now);
        assert!(!watch.resumes(now));
        assert_eq!(watch.handle_timeout(None, now + QUIET), Some(QUIET));
        assert_eq!(watch.handle_timeout(None, now + PAUSE), None);
        let later = now + PAUSE;
        assert!(watch.resumes(later));
        assert!(!watch.resumes(later));
        assert_eq!(watch.deadline(Some(later)), Some(later + QUIET));
    }
}
