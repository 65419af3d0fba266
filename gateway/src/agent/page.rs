//! What an agent's page says of itself: the browser knows of its permissions, devices and loudspeakers what no packet
//! tells. A page that goes silent after it has once spoken is frozen, asleep, or stuck in a loop.

use std::time::{Duration, Instant};

use serde::Deserialize;

/// What a page measures of its side; what it leaves out isn't known.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(default)]
pub struct PageReport {
    pub permission: Option<Permission>,
    pub microphone: Option<Device>,
    pub loudspeaker: Option<Loudspeaker>,
    /// The audio connection as the browser sees it.
    pub path: Option<AudioPath>,
    /// The microphone's level, dB of full scale.
    pub level_db: Option<f32>,
    /// To the gateway and back.
    pub rtt_ms: Option<f32>,
    pub jitter_ms: Option<f32>,
    pub loss_pct: Option<f32>,
    pub packets_received: Option<u64>,
    pub packets_sent: Option<u64>,
}

/// Whether the browser lets the page hear the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    Granted,
    /// The agent hasn't decided.
    Prompt,
    Denied,
}

/// The microphone that the agent speaks into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Device {
    On,
    /// None is plugged in.
    Absent,
    /// It was unplugged, or its permission was taken back.
    Lost,
    /// Another program has it, or the browser can't open it.
    Busy,
    /// The page isn't served over https.
    Insecure,
}

/// Whether what the page plays comes out: the state of its AudioContext.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Loudspeaker {
    Running,
    /// The browser waits for a click.
    Suspended,
}

/// The state of the page's PeerConnection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum AudioPath {
    Up,
    /// No answer from the gateway's side for seconds.
    Broken,
}

/// What is known of the page behind one connection.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Page {
    /// It has never told anything: pages of another make needn't.
    #[default]
    Untold,
    /// `until`: when its silence means something.
    Awake {
        report: PageReport,
        until: Instant,
    },
    Asleep {
        report: PageReport,
    },
}

/// What keeps a page from taking calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageTrouble {
    Asleep,
    Denied,
    Undecided,
    Absent,
    Lost,
    Busy,
    Insecure,
    /// It can still ring: the click that answers lets the sound out.
    Locked,
    PathBroken,
}

impl Page {
    /// Takes a report.
    pub fn handle_report(&mut self, now: Instant, report: PageReport) {
        let until = now + SILENCE;
        *self = Self::Awake { report, until };
    }

    /// Any other sign of life. What was told last holds.
    pub fn handle_sign(&mut self, now: Instant) {
        let until = now + SILENCE;
        match std::mem::take(self) {
            Self::Untold => {}
            Self::Awake { report, .. } | Self::Asleep { report } => {
                *self = Self::Awake { report, until };
            }
        }
    }

    /// When a page that says nothing counts as asleep.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Awake { until, .. } => Some(*until),
            Self::Untold | Self::Asleep { .. } => None,
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if let Self::Awake { report, until } = self
            && now >= *until
        {
            let report = std::mem::take(report);
            *self = Self::Asleep { report };
        }
    }

    /// The report that holds; none from a page that sleeps.
    pub fn report(&self) -> Option<&PageReport> {
        match self {
            Self::Awake { report, .. } => Some(report),
            Self::Untold | Self::Asleep { .. } => None,
        }
    }

    pub fn trouble(&self) -> Option<PageTrouble> {
        match self {
            Self::Untold => None,
            Self::Asleep { .. } => Some(PageTrouble::Asleep),
            Self::Awake { report, .. } => report.trouble(),
        }
    }
}

impl PageReport {
    fn trouble(&self) -> Option<PageTrouble> {
        match self.permission {
            Some(Permission::Denied) => return Some(PageTrouble::Denied),
            Some(Permission::Prompt) => return Some(PageTrouble::Undecided),
            Some(Permission::Granted) | None => {}
        }
        match self.microphone {
            Some(Device::Absent) => return Some(PageTrouble::Absent),
            Some(Device::Lost) => return Some(PageTrouble::Lost),
            Some(Device::Busy) => return Some(PageTrouble::Busy),
            Some(Device::Insecure) => return Some(PageTrouble::Insecure),
            Some(Device::On) | None => {}
        }
        if self.path == Some(AudioPath::Broken) {
            return Some(PageTrouble::PathBroken);
        }
        (self.loudspeaker == Some(Loudspeaker::Suspended)).then_some(PageTrouble::Locked)
    }
}

impl PageTrouble {
    /// What is wrong, and what the agent can do.
    pub fn words(self) -> &'static str {
        match self {
            Self::Asleep => {
                "The agent's page doesn't answer: its tab is frozen, asleep or stuck. Open the tab."
            }
            Self::Denied => {
                "The agent's browser refuses the microphone. Allow it in the address bar."
            }
            Self::Undecided => "The agent's browser still asks whether the microphone may be used.",
            Self::Absent => "No microphone was found at the agent's computer. Plug a headset in.",
            Self::Lost => "The agent's microphone was unplugged, or its permission was taken back.",
            Self::Busy => {
                "The agent's microphone can't be opened; another program may be using it."
            }
            Self::Insecure => {
                "The agent's page isn't served over https, so that the browser gives it no microphone."
            }
            Self::Locked => "The agent's browser holds the sound back until the page is clicked.",
            Self::PathBroken => {
                "The agent's browser gets no answer on its audio connection: the network may be cut."
            }
        }
    }
}

/// The page reports every 3 s. Two reports may be late: a background tab's timers are held back for a second.
pub const SILENCE: Duration = Duration::from_secs(8);

#[cfg(test)]
mod tests {
    use super::*;

    fn told(json: &str) -> PageReport {
        serde_json::from_str(json).expect("a report")
    }

    #[test]
    fn the_first_trouble_on_the_way_to_the_agents_ear_is_told() {
        use PageTrouble as T;
        for (json, expected) in [
            ("{}", None),
            (
                r#"{"permission":"granted","microphone":"on","loudspeaker":"running","path":"up","later":1}"#,
                None,
            ),
            (
                r#"{"permission":"denied","microphone":"lost"}"#,
                Some(T::Denied),
            ),
            (r#"{"permission":"prompt"}"#, Some(T::Undecided)),
            (r#"{"microphone":"absent"}"#, Some(T::Absent)),
            (r#"{"microphone":"lost","path":"broken"}"#, Some(T::Lost)),
            (r#"{"microphone":"busy"}"#, Some(T::Busy)),
            (r#"{"microphone":"insecure"}"#, Some(T::Insecure)),
            (
                r#"{"path":"broken","loudspeaker":"suspended"}"#,
                Some(T::PathBroken),
            ),
            (r#"{"loudspeaker":"suspended"}"#, Some(T::Locked)),
        ] {
            let mut page = Page::Untold;
            page.handle_report(Instant::now(), told(json));
            assert_eq!(page.trouble(), expected, "{json}");
        }
    }

    #[test]
    fn silence_after_a_word_is_sleep_and_any_sign_wakes() {
        let start = Instant::now();
        let mut page = Page::Untold;
        page.handle_sign(start);
        page.handle_timeout(start + 100 * SILENCE);
        assert_eq!(page.trouble(), None, "who never spoke isn't missed");

        page.handle_report(start, told(r#"{"microphone":"lost"}"#));
        let due = page.poll_timeout().expect("silence is noticed");
        page.handle_sign(start + SILENCE / 2);
        page.handle_timeout(due);
        assert_eq!(
            page.trouble(),
            Some(PageTrouble::Lost),
            "it spoke meanwhile"
        );
        let due = page.poll_timeout().expect("silence is noticed");
        assert_eq!(due, start + SILENCE / 2 + SILENCE);
        page.handle_timeout(due);
        assert_eq!(page.trouble(), Some(PageTrouble::Asleep));
        assert_eq!((page.report(), page.poll_timeout()), (None, None));
        page.handle_sign(due);
        assert_eq!(
            page.trouble(),
            Some(PageTrouble::Lost),
            "what it said holds"
        );
    }

    #[test]
    fn every_trouble_is_a_sentence() {
        use PageTrouble as T;
        for trouble in [
            T::Asleep,
            T::Denied,
            T::Undecided,
            T::Absent,
            T::Lost,
            T::Busy,
            T::Insecure,
            T::Locked,
            T::PathBroken,
        ] {
            assert!(trouble.words().ends_with('.'), "{trouble:?}");
        }
    }
}
