//! Replies to commands: one tolerant reading of `status`, `message` and `resp`, which come in any combination and case.

use serde_json::{Map, Value};

/// What a reply says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Success,
    /// With the platform's sentence.
    Failure(String),
    /// Neither; a push or time will tell.
    Unknown,
}

/// Reads a reply. Where its parts contradict each other, failure is believed.
pub(super) fn classify(reply: &Map<String, Value>) -> Verdict {
    let field = |key: &str| {
        let (_, value) = reply.iter().find(|(k, _)| k.eq_ignore_ascii_case(key))?;
        text(value)
    };
    let (status, message, resp) = (field("status"), field("message"), field("resp"));
    if field("code").as_deref() == Some("-1") {
        return Verdict::Failure(
            message.unwrap_or_else(|| "The provider doesn't know this command.".to_owned()),
        );
    }
    let words = [status.as_deref(), resp.as_deref()];
    let says = |list: &[&str]| {
        words.into_iter().flatten().any(|word| {
            let word = word.to_ascii_lowercase();
            list.iter().any(|start| word.starts_with(start))
        })
    };
    if says(FAILURES) {
        // The sentence for people is in `message`; a bare "error" is the last resort.
        let sentence = message.or(resp).or(status).unwrap_or_default();
        return Verdict::Failure(sentence);
    }
    if says(SUCCESSES) {
        return Verdict::Success;
    }
    match message.or(resp) {
        Some(message) if is_ucid(&message) => Verdict::Success,
        Some(message) if sounds_like_failure(&message) => Verdict::Failure(message),
        Some(_) | None => Verdict::Unknown,
    }
}

/// The call's id in the reply to a dial.
pub(super) fn ucid(reply: &Map<String, Value>) -> Option<String> {
    ["ucid", "message", "resp"]
        .iter()
        .filter_map(|name| {
            let named = |(key, _): &(&String, &Value)| key.eq_ignore_ascii_case(name);
            reply.iter().find(named).and_then(|(_, value)| text(value))
        })
        .find(|value| is_ucid(value))
}

/// What a reply says of a dial that it was asked about; `None`: it goes on, or nothing is known of it.
pub(super) fn dial_status(reply: &Map<String, Value>) -> Option<String> {
    let field = |name: &str| reply.get(name).and_then(text);
    match classify(reply) {
        Verdict::Success => None,
        Verdict::Failure(sentence) => Some(sentence),
        Verdict::Unknown => field("message").or_else(|| field("status")),
    }
}

/// A scalar as text, whichever way it was quoted; empty and null are absent.
pub(super) fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => match number.as_f64() {
            // 57 and 57.0 are one number to the platform's languages.
            Some(float) if number.is_f64() && float.fract() == 0.0 => format!("{float:.0}"),
            Some(_) | None => number.to_string(),
        },
        Value::Bool(on) => on.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// 14 to 17 digits.
fn is_ucid(text: &str) -> bool {
    (14..=17).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn sounds_like_failure(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    FAILURE_PHRASES
        .iter()
        .any(|phrase| message.contains(phrase))
}

const SUCCESSES: &[&str] = &["success", "queued", "ok", "true"];
const FAILURES: &[&str] = &["error", "fail", "false", "invalid", "denied", "reject"];

/// Out of the sentences that the platform is known to send.
const FAILURE_PHRASES: &[&str] = &[
    "issue in",
    "try again",
    "try.",
    "another call",
    "black listed",
    "blacklisted",
    "not allowed",
    "not logged",
    "error",
    "failed",
    "invalid",
    "forbidden",
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn replies_are_read_whatever_they_look_like() {
        let failure = |sentence: &str| Verdict::Failure(sentence.to_owned());
        for (reply, verdict) in [
            (
                json!({ "status": "Queued", "message": "12345678901234" }),
                Verdict::Success,
            ),
            (json!({ "STATUS": "QUEUED" }), Verdict::Success),
            (json!({ "resp": "Success: ready" }), Verdict::Success),
            (json!({ "status": true }), Verdict::Success),
            (json!({ "message": 12345678901234567u64 }), Verdict::Success),
            (
                json!({ "status": "Error", "message": "Please try again." }),
                failure("Please try again."),
            ),
            (
                json!({ "resp": "Error: no campaign" }),
                failure("Error: no campaign"),
            ),
            (
                json!({ "status": "success", "resp": "error" }),
                failure("error"),
            ),
            (
                json!({ "message": "Another call is initiated" }),
                failure("Another call is initiated"),
            ),
            (
                json!({ "message": "There is an issue in Dialing, Please Re-Login and try." }),
                failure("There is an issue in Dialing, Please Re-Login and try."),
            ),
            (
                json!({ "status": null, "message": "9000000001 is a black listed number" }),
                failure("9000000001 is a black listed number"),
            ),
            (
                json!({ "code": -1 }),
                failure("The provider doesn't know this command."),
            ),
            (
                json!({ "code": "-1", "message": "unknown type" }),
                failure("unknown type"),
            ),
            (
                json!({ "type": "response", "utid": "57" }),
                Verdict::Unknown,
            ),
            (
                json!({ "status": "moon", "message": null }),
                Verdict::Unknown,
            ),
        ] {
            assert_eq!(
                classify(reply.as_object().expect("an object")),
                verdict,
                "{reply}"
            );
        }
    }

    #[test]
    fn a_ucid_is_found_as_text_or_number_and_nothing_else_passes_for_one() {
        for (reply, id) in [
            (
                json!({ "message": "12345678901234" }),
                Some("12345678901234"),
            ),
            (
                json!({ "ucid": 12345678901234567u64, "message": "x" }),
                Some("12345678901234567"),
            ),
            (json!({ "message": "9000000001" }), None),
            (json!({ "ucid": null }), None),
        ] {
            assert_eq!(
                ucid(reply.as_object().expect("an object")).as_deref(),
                id,
                "{reply}"
            );
        }
    }
}
