//! What the operator's system says of a customer, cut to what a desk can show and may be led to.

use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who calls or is called, in a few lines.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Context {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A few sentences; line breaks are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    pub fields: Vec<Field>,
    pub links: Vec<Link>,
    /// A page to show in a frame; of one of the configured origins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Field {
    pub label: String,
    pub value: String,
}

/// `http`, `https` or `mailto`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Link {
    pub label: String,
    pub url: String,
}

/// What is wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("it is longer than 64 KiB")]
    TooLong,
    #[error("it isn't a JSON object with name, summary, fields, links and frame")]
    NotAContext,
}

/// As it comes; unknown keys are somebody else's.
#[derive(Deserialize)]
struct Answer {
    name: Option<String>,
    summary: Option<String>,
    #[serde(default)]
    fields: Vec<Labelled>,
    #[serde(default)]
    links: Vec<Labelled>,
    frame: Option<String>,
}

#[derive(Deserialize)]
struct Labelled {
    label: String,
    #[serde(alias = "url")]
    value: Value,
}

impl Context {
    /// `frames` are the origins whose pages may be shown.
    ///
    /// # Errors
    ///
    /// [`Unreadable::NotAContext`]. A link or frame that may not be followed is left out instead.
    pub fn parse(body: &[u8], frames: &[String]) -> Result<Self, Unreadable> {
        let answer: Answer = serde_json::from_slice(body).map_err(|_| Unreadable::NotAContext)?;
        let fields = answer.fields.into_iter().filter_map(field);
        let links = answer.links.into_iter().filter_map(link);
        Ok(Self {
            name: answer.name.and_then(|name| plain(&name, NAME_AT_MOST)),
            summary: answer
                .summary
                .and_then(|summary| lines(&summary, SUMMARY_AT_MOST)),
            fields: fields.take(FIELDS_AT_MOST).collect(),
            links: links.take(LINKS_AT_MOST).collect(),
            frame: answer.frame.and_then(|address| frame(&address, frames)),
        })
    }
}

fn field(Labelled { label, value }: Labelled) -> Option<Field> {
    let value = match value {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    Some(Field {
        label: plain(&label, LABEL_AT_MOST)?,
        value: plain(&value, VALUE_AT_MOST)?,
    })
}

fn link(Labelled { label, value }: Labelled) -> Option<Link> {
    let url = Url::parse(value.as_str()?).ok()?;
    // "javascript:" and its kind would run in the desk.
    matches!(url.scheme(), "http" | "https" | "mailto").then_some(())?;
    Some(Link {
        label: plain(&label, LABEL_AT_MOST)?,
        url: url.into(),
    })
}

fn frame(address: &str, frames: &[String]) -> Option<String> {
    let url = Url::parse(address).ok()?;
    let origin = url.origin().ascii_serialization();
    if !frames.contains(&origin) {
        tracing::warn!(
            origin,
            "a customer's page isn't shown: crm.frames doesn't list its origin"
        );
        return None;
    }
    Some(url.into())
}

/// One line without control and direction characters.
fn plain(text: &str, at_most: usize) -> Option<String> {
    let shown: String = text.chars().filter(is_plain).take(at_most).collect();
    let shown = shown.trim();
    (!shown.is_empty()).then(|| shown.to_owned())
}

fn lines(text: &str, at_most: usize) -> Option<String> {
    let kept = |c: &char| *c == '\n' || is_plain(c);
    let shown: String = text.chars().filter(kept).take(at_most).collect();
    let shown = shown.trim();
    (!shown.is_empty()).then(|| shown.to_owned())
}

/// Direction marks can make a name read as another one.
fn is_plain(c: &char) -> bool {
    let direction =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !c.is_control() && !direction
}

const NAME_AT_MOST: usize = 64;
const LABEL_AT_MOST: usize = 60;
const VALUE_AT_MOST: usize = 500;
const SUMMARY_AT_MOST: usize = 2_000;
const FIELDS_AT_MOST: usize = 40;
const LINKS_AT_MOST: usize = 12;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(answer: &Value) -> Result<Context, Unreadable> {
        let frames = ["https://crm.example.com".to_owned()];
        Context::parse(answer.to_string().as_bytes(), &frames)
    }

    #[test]
    fn all_of_it_is_taken_in_order() {
        let context = parse(&json!({
            "id": 7,
            "name": "Meera Krishnan",
            "summary": "Moved in May.\nAsks about the bill.",
            "fields": [{ "label": "Plan", "value": "Gold" }, { "label": "Lines", "value": 3 }, { "label": "VIP", "value": true }],
            "links": [{ "label": "Ticket", "url": "https://crm.example.com/t/1" }],
            "frame": "https://crm.example.com/c/1",
        }))
        .expect("it is a context");
        assert_eq!(context.name.as_deref(), Some("Meera Krishnan"));
        assert_eq!(
            context.summary.as_deref(),
            Some("Moved in May.\nAsks about the bill.")
        );
        let fields: Vec<_> = context
            .fields
            .iter()
            .map(|f| (f.label.as_str(), f.value.as_str()))
            .collect();
        assert_eq!(fields, [("Plan", "Gold"), ("Lines", "3"), ("VIP", "yes")]);
        assert_eq!(context.links[0].url, "https://crm.example.com/t/1");
        assert_eq!(
            context.frame.as_deref(),
            Some("https://crm.example.com/c/1")
        );
    }

    #[test]
    fn addresses_that_run_or_lead_astray_are_left_out() {
        let links = [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "/relative",
        ];
        let links: Vec<_> = links
            .iter()
            .map(|url| json!({ "label": "x", "url": url }))
            .collect();
        for frame in [
            "https://crm.example.com.evil.example/",
            "http://crm.example.com/",
            "javascript:1",
            "nothing",
        ] {
            let context =
                parse(&json!({ "links": links, "frame": frame })).expect("it is a context");
            assert_eq!(context, Context::default(), "{frame}");
        }
    }

    #[test]
    fn an_answer_is_cut_to_what_a_desk_shows() {
        let field = json!({ "label": "l".repeat(1_000), "value": "v".repeat(1_000) });
        let context = parse(&json!({
            "name": format!("Meera\u{202e}\u{0007}{}", "x".repeat(1_000)),
            "fields": vec![field; 1_000],
        }))
        .expect("it is a context");
        assert!(
            context
                .name
                .as_deref()
                .is_some_and(|n| n.starts_with("Meerax") && n.chars().count() == NAME_AT_MOST)
        );
        assert_eq!(context.fields.len(), FIELDS_AT_MOST);
        assert_eq!(context.fields[0].label.len(), LABEL_AT_MOST);
        assert_eq!(context.fields[0].value.len(), VALUE_AT_MOST);
    }

    #[test]
    fn what_is_no_context_is_refused() {
        for body in [
            "",
            "[]",
            "\"Meera\"",
            "{\"name\":7}",
            "{\"fields\":{}}",
            "<html>",
        ] {
            assert_eq!(
                Context::parse(body.as_bytes(), &[]),
                Err(Unreadable::NotAContext),
                "{body}"
            );
        }
    }
}
