//! Lists that the platform offers: campaigns and dispositions, `id~name` each, or only names.

use serde::Serialize;
use serde_json::{Map, Value};

use super::reply::text;

/// One of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Choice {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub name: String,
}

impl Choice {
    /// The list in a reply, under whatever name: the first value that is a list, or a text that separates by commas.
    pub(super) fn list(reply: &Map<String, Value>) -> Option<Vec<Self>> {
        let lists = LISTS.iter().filter_map(|name| reply.get(*name));
        lists
            .chain(reply.values())
            .find_map(|value| match value {
                Value::Array(items) => {
                    Some(items.iter().filter_map(Self::of).take(AT_MOST).collect())
                }
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::String(_)
                | Value::Object(_) => None,
            })
            .or_else(|| {
                let text = LISTS.iter().find_map(|name| text(reply.get(*name)?))?;
                Some(
                    text.split(',')
                        .filter_map(Self::of_text)
                        .take(AT_MOST)
                        .collect(),
                )
            })
    }

    fn of(item: &Value) -> Option<Self> {
        match item {
            Value::Object(fields) => {
                let field = |names: &[&str]| names.iter().find_map(|name| text(fields.get(*name)?));
                Some(Self {
                    id: field(&["id", "campaignId", "dispositionId"]),
                    name: field(&["name", "campaignName", "disposition", "dispositionName"])?,
                })
            }
            other => Self::of_text(&text(other)?),
        }
    }

    fn of_text(item: &str) -> Option<Self> {
        let (id, name) = match item.split_once('~') {
            Some((id, name)) => (Some(id.trim().to_owned()), name.trim()),
            None => (None, item.trim()),
        };
        let name = name.to_owned();
        (!name.is_empty()).then_some(Self { id, name })
    }
}

/// Where lists have been seen, or are likely.
const LISTS: [&str; 4] = ["campList", "dispositionList", "dispositions", "dispList"];

/// Nobody chooses from more.
const AT_MOST: usize = 500;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_are_read_in_the_forms_that_they_may_have() {
        let choice = |id: Option<&str>, name: &str| Choice {
            id: id.map(str::to_owned),
            name: name.to_owned(),
        };
        for (reply, list) in [
            (
                json!({ "campList": ["300401~Demo", "~"] }),
                Some(vec![choice(Some("300401"), "Demo")]),
            ),
            (
                json!({ "status": "success", "other": ["Yes", 7] }),
                Some(vec![choice(None, "Yes"), choice(None, "7")]),
            ),
            (
                json!({ "dispositions": "Yes, No" }),
                Some(vec![choice(None, "Yes"), choice(None, "No")]),
            ),
            (
                json!({ "dispositions": [{ "id": 4, "name": "Yes" }] }),
                Some(vec![choice(Some("4"), "Yes")]),
            ),
            (json!({ "campList": [] }), Some(vec![])),
            (json!({ "status": "success" }), None),
        ] {
            assert_eq!(
                Choice::list(reply.as_object().expect("an object")),
                list,
                "{reply}"
            );
        }
    }
}
