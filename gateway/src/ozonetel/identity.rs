//! Finding the ids that name this socket and this browser session to the platform.
//!
//! How they arrive isn't fixed: at the top level of an early message or inside an object, which may itself be JSON text.

use serde_json::{Map, Value};

use super::reply::text;

/// The socket's id, by any of the names that it goes by.
pub(super) fn us_id(message: &Map<String, Value>) -> Option<String> {
    find(message, &US_ID, DEEPEST)
}

pub(super) fn browser_session_id(message: &Map<String, Value>) -> Option<String> {
    find(message, &BROWSER_SESSION_ID, DEEPEST)
}

/// A message as an object, be it one or the JSON text of one.
pub(super) fn object(value: &Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(object) => Some(object.clone()),
        Value::String(text) if text.trim_start().starts_with('{') => {
            serde_json::from_str(text).ok()
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
            None
        }
    }
}

/// The outermost wins, and among the names of one level the first.
fn find(message: &Map<String, Value>, names: &[&str], depth: usize) -> Option<String> {
    let here = names.iter().find_map(|name| text(message.get(*name)?));
    if here.is_some() || depth == 0 {
        return here;
    }
    WRAPPERS
        .iter()
        .filter_map(|wrapper| object(message.get(*wrapper)?))
        .find_map(|inner| find(&inner, names, depth - 1))
}

const US_ID: [&str; 5] = ["usId", "usid", "clientId", "connectionId", "sourceId"];
const BROWSER_SESSION_ID: [&str; 1] = ["browserSessionId"];
const WRAPPERS: [&str; 4] = ["token", "body", "data", "message"];

/// A wrapper in a wrapper has been seen of such services; more is somebody's joke.
const DEEPEST: usize = 3;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_id_is_found_wherever_it_is_known_to_hide() {
        for (message, id) in [
            (
                json!({ "usId": "Qm9hcmRfMDAwMDE=" }),
                Some("Qm9hcmRfMDAwMDE="),
            ),
            (json!({ "connectionId": "b", "usid": "a" }), Some("a")),
            (
                json!({ "message": "Forbidden", "connectionId": "c" }),
                Some("c"),
            ),
            (json!({ "token": { "clientId": 42 } }), Some("42")),
            (json!({ "data": "{\"sourceId\":\"d\"}" }), Some("d")),
            (
                json!({ "body": { "message": "{\"data\":{\"usId\":\"e\"}}" } }),
                Some("e"),
            ),
            (json!({ "usId": null, "data": { "usId": "f" } }), Some("f")),
            (json!({ "elsewhere": { "usId": "g" } }), None),
            (json!({ "data": "{broken", "message": ["usId"] }), None),
        ] {
            assert_eq!(
                us_id(message.as_object().expect("an object")).as_deref(),
                id,
                "{message}"
            );
        }
    }

    #[test]
    fn the_browser_session_is_found_beside_it() {
        let message = json!({ "data": "{\"usId\":\"a\",\"browserSessionId\":\"b\"}" });
        let message = message.as_object().expect("an object");
        assert_eq!(browser_session_id(message).as_deref(), Some("b"));
    }
}
