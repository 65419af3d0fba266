//! What the provider's platform says of a call beside its UCID, and what counts where its sources differ.
//!
//! Three sources tell of one call: SIP on the agent's line, the token socket's pushes, and the platform's webhook.
//!
//! | what | who decides |
//! |---|---|
//! | whether the call is up | SIP; a push ends what SIP has left open, the webhook ends nothing |
//! | which call is meant | the UCID; a report that names another call's is that call's, or nobody's |
//! | campaign, number, skill, `uui`, wrap-up time | whoever tells first: later reports only fill gaps |
//! | the platform's times, its status, its recording | whoever tells last: its record is closed after the call |
//! | when the agent answered, and why the call ended | the gateway's own record; the platform's stands beside it |

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One report of the platform, or all of them taken together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Platform {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub did: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skill: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uui: Option<String>,
    /// The time that the platform leaves the agent after the talk, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrap_up_s: Option<u64>,
    /// How the platform says that it ended, in its words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Where the platform's own recording is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording: Option<String>,
    /// The platform's own times, epoch milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<u64>,
}

impl Platform {
    /// Takes one more report, by the rules above. Whether anything changed.
    pub fn learn(&mut self, report: Self) -> bool {
        let before = self.clone();
        first(&mut self.campaign, report.campaign);
        first(&mut self.did, report.did);
        first(&mut self.skill, report.skill);
        first(&mut self.uui, report.uui);
        first(&mut self.wrap_up_s, report.wrap_up_s);
        last(&mut self.status, report.status);
        last(&mut self.recording, report.recording);
        last(&mut self.started_at, report.started_at);
        last(&mut self.answered_at, report.answered_at);
        last(&mut self.ended_at, report.ended_at);
        *self != before
    }

    /// The time after the talk, if the platform told it.
    pub fn wrap_up(&self) -> Option<Duration> {
        self.wrap_up_s.map(Duration::from_secs)
    }
}

fn first<T>(kept: &mut Option<T>, told: Option<T>) {
    if kept.is_none() {
        *kept = told;
    }
}

fn last<T>(kept: &mut Option<T>, told: Option<T>) {
    if told.is_some() {
        *kept = told;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_the_call_stays_and_what_closes_it_is_replaced() {
        let text = |text: &str| Some(text.to_owned());
        let mut kept = Platform::default();
        for (told, report, expected) in [
            (
                "newCall",
                Platform {
                    did: text("919000000000"),
                    wrap_up_s: Some(30),
                    ..Platform::default()
                },
                Platform {
                    did: text("919000000000"),
                    wrap_up_s: Some(30),
                    ..Platform::default()
                },
            ),
            (
                "callDetails fills the times",
                Platform {
                    started_at: Some(1),
                    ended_at: Some(9),
                    ..Platform::default()
                },
                Platform {
                    did: text("919000000000"),
                    wrap_up_s: Some(30),
                    started_at: Some(1),
                    ended_at: Some(9),
                    ..Platform::default()
                },
            ),
            (
                "the webhook's number is ignored, its times stand, its gaps take nothing away",
                Platform {
                    did: text("5005"),
                    skill: text("sales"),
                    ended_at: Some(12),
                    ..Platform::default()
                },
                Platform {
                    did: text("919000000000"),
                    skill: text("sales"),
                    wrap_up_s: Some(30),
                    started_at: Some(1),
                    ended_at: Some(12),
                    ..Platform::default()
                },
            ),
        ] {
            assert!(kept.learn(report.clone()), "{told}");
            assert_eq!(kept, expected, "{told}");
            assert!(!kept.learn(report), "{told}, told twice");
        }
    }
}
