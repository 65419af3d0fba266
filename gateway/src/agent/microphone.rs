//! What the gateway hears of an agent's microphone. The page only knows that it has one: a headset's own mute switch,
//! a wrong device and a browser that sends nothing all look like a working one to it.

use std::time::{Duration, Instant};

use media::{Level, Passed};

/// What is known of the microphone behind one leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Microphone {
    /// Nothing speaks against it.
    #[default]
    Works,
    /// No packets: a browser with a microphone sends fifty a second, muted or not.
    SendsNothing,
    /// Packets, and nothing but silence in them since the agent came.
    Silent,
}

impl Microphone {
    /// What is wrong with it, and what the agent can do.
    pub fn trouble(self) -> Option<&'static str> {
        match self {
            Self::Works => None,
            Self::SendsNothing => Some(
                "The agent's microphone sends nothing: the browser or the network holds its audio back.",
            ),
            Self::Silent => Some(
                "Nothing but silence comes from the agent's microphone: it may be muted. A word into it shows that it isn't.",
            ),
        }
    }
}

/// Whether anything louder than silence has come from the agent. It is owed once: an agent who says nothing
/// between two calls is no fault, and a headset that suppresses noise then sends what a muted one sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Proof {
    #[default]
    Owed,
    Given,
}

impl Proof {
    /// Takes what passed through a leg that has been up since `up`.
    pub fn handle_audio(&mut self, now: Instant, up: Instant, received: Passed) -> Microphone {
        if received.loudest.is_some_and(|level| level > Level::SILENT) {
            *self = Self::Given;
        }
        let age = now.saturating_duration_since(up);
        if received.since_last.unwrap_or(age) >= NO_PACKETS {
            return Microphone::SendsNothing;
        }
        match self {
            Self::Owed if age >= NO_SOUND => Microphone::Silent,
            Self::Owed | Self::Given => Microphone::Works,
        }
    }

    /// Takes a level that was told between two reports, of a microphone that was `before`.
    pub fn handle_level(&mut self, level: Level, before: Microphone) -> Microphone {
        if level > Level::SILENT {
            *self = Self::Given;
        }
        match (before, *self) {
            (Microphone::Silent, Self::Owed) => Microphone::Silent,
            // Only a packet has a level.
            (Microphone::SendsNothing | Microphone::Works, _)
            | (Microphone::Silent, Self::Given) => Microphone::Works,
        }
    }
}

/// Longer than any loss on a path that still works, an ICE restart's too. Reports come every 5 s, so that it is
/// known within nine.
const NO_PACKETS: Duration = Duration::from_secs(4);

/// How long a room may be still before the agent is asked for a word.
const NO_SOUND: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE: Option<Level> = Some(Level::SILENT);
    const SOUND: Option<Level> = Some(Level::FULL);

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn passed(since_last: Option<Duration>, loudest: Option<Level>) -> Passed {
        Passed {
            packets: 250,
            since_last,
            loudest,
        }
    }

    #[test]
    fn a_microphone_is_as_it_is_heard() {
        let up = Instant::now();
        let fresh = Some(Duration::from_millis(20));
        for (told, proof, at, received, expected) in [
            (
                "young, silent",
                Proof::Owed,
                9,
                passed(fresh, SILENCE),
                Microphone::Works,
            ),
            (
                "silent for long",
                Proof::Owed,
                10,
                passed(fresh, SILENCE),
                Microphone::Silent,
            ),
            (
                "silent after a word",
                Proof::Given,
                99,
                passed(fresh, SILENCE),
                Microphone::Works,
            ),
            (
                "the first word",
                Proof::Owed,
                99,
                passed(fresh, SOUND),
                Microphone::Works,
            ),
            (
                "young, no packet",
                Proof::Owed,
                3,
                passed(None, None),
                Microphone::Works,
            ),
            (
                "never a packet",
                Proof::Owed,
                5,
                passed(None, None),
                Microphone::SendsNothing,
            ),
            (
                "no packet any more",
                Proof::Given,
                99,
                passed(Some(s(5)), SOUND),
                Microphone::SendsNothing,
            ),
            (
                "a gap",
                Proof::Given,
                99,
                passed(Some(s(3)), None),
                Microphone::Works,
            ),
        ] {
            let mut proof = proof;
            let microphone = proof.handle_audio(up + s(at), up, received);
            assert_eq!(microphone, expected, "{told}");
        }
    }

    #[test]
    fn one_sound_is_proof_for_good() {
        let mut proof = Proof::Owed;
        for (level, before, expected) in [
            (Level::SILENT, Microphone::Silent, Microphone::Silent),
            (Level::SILENT, Microphone::SendsNothing, Microphone::Works),
            (Level::FULL, Microphone::Silent, Microphone::Works),
        ] {
            assert_eq!(
                proof.handle_level(level, before),
                expected,
                "{level} after {before:?}"
            );
        }
        let up = Instant::now();
        let silent = passed(Some(Duration::ZERO), SILENCE);
        assert_eq!(
            proof.handle_audio(up + s(60), up, silent),
            Microphone::Works
        );
    }

    #[test]
    fn only_a_working_microphone_is_no_trouble() {
        assert_eq!(Microphone::Works.trouble(), None);
        for microphone in [Microphone::SendsNothing, Microphone::Silent] {
            assert!(
                microphone
                    .trouble()
                    .is_some_and(|words| words.ends_with('.'))
            );
        }
    }
}
