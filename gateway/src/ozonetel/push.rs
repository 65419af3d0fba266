//! What the platform tells without being asked.

use std::time::Duration;

use serde_json::{Map, Value};

use super::reply::text;

/// A push, with the fields that are used. They come in any order, and any of them may be missing: a `newCall` may
/// come before the reply to its dial, and a release may belong to a call of long ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Push {
    /// A call is assigned; the agent's leg is about to ring.
    NewCall {
        /// "Manual Dialing", "IncomingCall", …
        call_type: Option<String>,
        caller_id: Option<String>,
        ucid: Option<String>,
        monitor_ucid: Option<String>,
        did: Option<String>,
        campaign_id: Option<String>,
        campaign_name: Option<String>,
        skill: Option<String>,
        uui: Option<String>,
        wrap_up: Option<Duration>,
    },
    /// Customer and agent are talking.
    BusyAgent {
        caller_id: Option<String>,
        ucid: Option<String>,
    },
    /// The call is over, wrap-up begins.
    AgentRelease {
        monitor_ucid: Option<String>,
        wrap_up: Option<Duration>,
    },
    /// The call is over, without wrap-up.
    AgentReleaseWithoutWrapUp { monitor_ucid: Option<String> },
    /// Ended before anybody talked.
    DropCall {
        call_status: Option<String>,
        dial_status: Option<String>,
        monitor_ucid: Option<String>,
        ucid: Option<String>,
    },
    /// The platform's record is closed. Times are epoch milliseconds.
    CallDetails {
        /// Not every platform names the call here.
        ucid: Option<String>,
        started_at: Option<u64>,
        ended_at: Option<u64>,
        answered_at: Option<u64>,
    },
    /// Asks the phone to act: "answer" or "decline".
    PerformCall { event: Option<String> },
    /// A supervisor paused the agent; the matching command is already on its way.
    Paused {
        reason: Option<String>,
        who: Option<String>,
    },
    /// A supervisor made the agent ready; the matching command is already on its way.
    ReleasedBySupervisor { who: Option<String> },
    /// A notice for the agent.
    Alert { msg: Option<String> },
    /// One that this version doesn't know; to be counted.
    Unknown { kind: Option<String> },
}

impl Push {
    pub(super) fn parse(message: &Map<String, Value>) -> Self {
        let field = |key: &str| message.get(key).and_then(text);
        // Whole seconds, like every duration on the platform's own pages.
        let wrap_up = || {
            let seconds = field("wrapUpTime")?.parse().ok()?;
            Some(Duration::from_secs(seconds)).filter(|wrap_up| *wrap_up <= LONGEST_WRAP_UP)
        };
        let kind = field("type");
        match kind.as_deref().unwrap_or("") {
            "newCall" => Self::NewCall {
                call_type: field("callType"),
                caller_id: field("callerId"),
                ucid: field("ucid"),
                monitor_ucid: field("monitorUcid"),
                did: field("did"),
                campaign_id: field("campaignId"),
                campaign_name: field("campaignName"),
                skill: field("skillName"),
                uui: field("uui"),
                wrap_up: wrap_up(),
            },
            "busyAgent" => Self::BusyAgent {
                caller_id: field("callerId"),
                ucid: field("ucid"),
            },
            "agentRelease" => Self::AgentRelease {
                monitor_ucid: field("agentMonitorUcid"),
                wrap_up: wrap_up(),
            },
            "agentReleaseWOACW" => Self::AgentReleaseWithoutWrapUp {
                monitor_ucid: field("agentMonitorUcid"),
            },
            "dropCall" => Self::DropCall {
                call_status: field("callStatus"),
                dial_status: field("dialStatus"),
                monitor_ucid: field("agentMonitorUcid"),
                ucid: field("ucid"),
            },
            "callDetails" => {
                let time = |key: &str| field(key)?.parse().ok();
                Self::CallDetails {
                    ucid: field("ucid").or_else(|| field("agentMonitorUcid")),
                    started_at: time("startTime"),
                    ended_at: time("endTime"),
                    answered_at: time("agentAnswerTime"),
                }
            }
            "performCallEvent" => Self::PerformCall {
                event: field("event"),
            },
            "pauseFromApi" => Self::Paused {
                reason: field("reason"),
                who: field("who"),
            },
            "agentReleaseByAdmin" => Self::ReleasedBySupervisor { who: field("who") },
            "agentAlert" => Self::Alert { msg: field("msg") },
            _ => Self::Unknown { kind },
        }
    }
}

/// A longer one is not a wrap-up.
const LONGEST_WRAP_UP: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_are_text_whether_quoted_or_not_and_nulls_are_absent() {
        let push = parse(json!({
            "type": "newCall", "callType": "Manual Dialing", "callerId": "9000000001",
            "ucid": 12345678901234567u64, "monitorUcid": "12345678901234567", "did": null,
            "campaignName": "", "wrapUpTime": "30"
        }));
        let Push::NewCall {
            ucid,
            monitor_ucid,
            did,
            campaign_name,
            wrap_up,
            ..
        } = push
        else {
            panic!("{push:?}");
        };
        assert_eq!(ucid.as_deref(), Some("12345678901234567"));
        assert_eq!(ucid, monitor_ucid);
        assert_eq!((did, campaign_name), (None, None));
        assert_eq!(wrap_up, Some(Duration::from_secs(30)));
    }

    #[test]
    fn times_that_are_empty_are_absent() {
        let push = parse(json!({
            "type": "callDetails", "startTime": "1700000000000", "endTime": 1700000001000u64, "agentAnswerTime": ""
        }));
        let details = Push::CallDetails {
            ucid: None,
            started_at: Some(1_700_000_000_000),
            ended_at: Some(1_700_000_001_000),
            answered_at: None,
        };
        assert_eq!(push, details);
    }

    #[test]
    fn an_unknown_push_keeps_its_name() {
        let push = parse(json!({ "type": "moonPhase", "phase": null }));
        assert_eq!(
            push,
            Push::Unknown {
                kind: Some("moonPhase".to_owned())
            }
        );
        assert_eq!(parse(json!({ "x": 1 })), Push::Unknown { kind: None });
    }

    fn parse(message: Value) -> Push {
        Push::parse(message.as_object().expect("an object"))
    }
}
