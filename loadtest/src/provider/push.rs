//! The pushes' wire forms; nulls included, since the real ones have them.

use std::time::Duration;

use serde_json::{Value, json};

use super::record::Ending;

/// A call is assigned; the agent's leg is about to ring. `campaign` is its id and, if it is known, its name.
pub fn new_call(
    ucid: &str,
    number: &str,
    did: &str,
    campaign: (&str, Option<&str>),
    wrap_up: Duration,
) -> Value {
    json!({
        "type": "newCall",
        "callType": "Manual Dialing",
        "callerId": number,
        "ucid": ucid,
        "monitorUcid": ucid,
        "did": did,
        "campaignId": campaign.0,
        "campaignName": campaign.1,
        "skillName": null,
        "uui": null,
        "wrapUpTime": wrap_up.as_secs().to_string(),
    })
}

/// Customer and agent are talking.
pub fn busy_agent(ucid: &str, number: &str) -> Value {
    json!({ "type": "busyAgent", "callerId": number, "ucid": ucid, "audioFile": null })
}

/// The talk is over, wrap-up begins.
pub fn agent_release(ucid: &str, wrap_up: Duration) -> Value {
    let wrap_up = wrap_up.as_secs().to_string();
    json!({ "type": "agentRelease", "agentStatus": "ACW", "agentMonitorUcid": ucid, "wrapUpTime": wrap_up })
}

/// The call ended before anybody talked.
pub fn drop_call(ucid: &str, ending: &Ending) -> Value {
    json!({
        "type": "dropCall",
        "callStatus": "NotAnswered",
        "dialStatus": dial_status(ending),
        "agentMonitorUcid": ucid,
        "ucid": ucid,
    })
}

/// The record is closed. Times are epoch milliseconds, as text.
pub fn call_details(ucid: &str, started: u64, ended: u64, agent_answered: Option<u64>) -> Value {
    json!({
        "type": "callDetails",
        "ucid": ucid,
        "startTime": started.to_string(),
        "endTime": ended.to_string(),
        "agentAnswerTime": agent_answered.map(|at| at.to_string()).unwrap_or_default(),
    })
}

/// Another session of this agent took over.
pub fn close_tab(agent: &str) -> Value {
    json!({ "type": "closeTab", "agentId": agent })
}

/// Also what the platform answers when it is asked of a dial.
pub fn dial_status(ending: &Ending) -> &'static str {
    match ending {
        Ending::CustomerBusy => "busy",
        Ending::CustomerNoAnswer => "no_answer",
        Ending::CustomerInvalid => "invalid_number",
        Ending::AgentRejected | Ending::AgentNoAnswer | Ending::LineDown => "agent_not_reached",
        Ending::NoMedia | Ending::MediaLost => "agent_media_failed",
        Ending::AgentHungUp => "agent_hangup",
        Ending::CustomerHungUp => "customer_hangup",
        Ending::Kicked => "dropped",
        Ending::Transferred => "transferred",
        Ending::NoInvite | Ending::Internal { .. } => "failed",
    }
}
