//! The platform's webhook: a closed record, in whatever spelling.

use serde_json::{Map, Value};

use super::reply::text;
use crate::call::platform::Platform;

/// What one webhook request tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The call's names at the platform; any of them may be the one that we know.
    pub ucids: Vec<String>,
    pub platform: Platform,
}

impl Report {
    /// Reads a body's object; keys in any case, with or without underscores. `None`: it names no call.
    pub fn parse(body: &Map<String, Value>) -> Option<Self> {
        let plain = |key: &str| -> String {
            let letters = key.chars().filter(char::is_ascii_alphanumeric);
            letters.map(|c| c.to_ascii_lowercase()).collect()
        };
        let fields: Vec<(String, String)> = body
            .iter()
            .filter_map(|(key, value)| Some((plain(key), text(value)?)))
            .collect();
        let field = |names: &[&str]| {
            let named = |name: &&str| fields.iter().find(|(key, _)| key == name);
            names.iter().find_map(named).map(|(_, value)| value.clone())
        };
        let time = |names: &[&str]| field(names)?.parse().ok();
        let ucids: Vec<String> = ["ucid", "monitorucid", "agentmonitorucid", "callid"]
            .iter()
            .filter_map(|name| field(&[name]))
            .collect();
        let platform = Platform {
            campaign: field(&["campaignname", "campaign", "campaignid"]),
            did: field(&["did"]),
            skill: field(&["skillname", "skill"]),
            uui: field(&["uui"]),
            wrap_up_s: time(&["wrapuptime"]),
            status: field(&["dialstatus", "callstatus", "status"]),
            recording: field(&["audiofile", "recordingurl"]),
            started_at: time(&["starttime"]),
            answered_at: time(&["agentanswertime", "answertime"]),
            ended_at: time(&["endtime"]),
        };
        (!ucids.is_empty()).then_some(Self { ucids, platform })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_is_read_in_any_spelling_and_what_is_odd_is_left_out() {
        let body = json!({
            "monitorUCID": 12345678901234u64, "Call_Status": "Answered", "EndTime": "1700000001000",
            "StartTime": "yesterday", "AudioFile": "https://example.com/a.mp3", "Nested": { "ucid": "x" }, "DID": null
        });
        let report = Report::parse(body.as_object().expect("an object")).expect("it names a call");
        assert_eq!(report.ucids, ["12345678901234"]);
        let expected = Platform {
            status: Some("Answered".to_owned()),
            recording: Some("https://example.com/a.mp3".to_owned()),
            ended_at: Some(1_700_000_001_000),
            ..Platform::default()
        };
        assert_eq!(report.platform, expected);
    }

    #[test]
    fn a_record_of_no_call_is_none() {
        let body = json!({ "status": "Answered" });
        assert_eq!(Report::parse(body.as_object().expect("an object")), None);
    }
}
