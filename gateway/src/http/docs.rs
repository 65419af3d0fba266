//! `/docs`: the API, described for people; one page without a script, written from `/openapi.json` at the start.

use std::fmt::Write;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use serde_json::{Map, Value};

use super::Public;
use super::openapi::DOCUMENT;

pub(super) fn routes() -> Router<Arc<Public>> {
    let document: Value = serde_json::from_str(DOCUMENT).expect("a test has read it");
    let page = Bytes::from(page(&document));
    let with = |kind| {
        [
            (CONTENT_TYPE, kind),
            (CACHE_CONTROL, "no-cache"),
            (CONTENT_SECURITY_POLICY, POLICY),
        ]
    };
    Router::new()
        .route(
            "/docs",
            get(async move || (with("text/html; charset=utf-8"), page)),
        )
        .route(
            "/docs/style.css",
            get(async move || (with("text/css; charset=utf-8"), STYLE)),
        )
}

/// Whole, as text: everything out of the document is escaped on its way in.
fn page(document: &Value) -> String {
    let mut html = String::new();
    let info = &document["info"];
    let title = text(&info["title"]);
    let operations: Vec<Operation<'_>> = operations(document).collect();
    let schemas = &document["components"]["schemas"];
    let _ = write!(
        html,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}: API</title>\
         <link rel=\"stylesheet\" href=\"/docs/style.css\"><header><h1>{title} {}</h1><p>{}<p>{}\
         <p><a href=\"/openapi.json\">openapi.json</a> is the same for programs.</header><nav><ul>",
        text(&info["version"]),
        text(&info["summary"]),
        text(&info["description"]),
    );
    for operation in &operations {
        let (id, method, path) = (operation.id(), operation.method, escaped(operation.path));
        let _ = write!(
            html,
            "<li><a href=\"#{id}\"><b>{method}</b> {path}</a> {}",
            text(&operation.what["summary"])
        );
    }
    html.push_str("</ul></nav><main>");
    for operation in &operations {
        operation.write(&mut html);
    }
    html.push_str("<h1>Objects</h1>");
    for (name, schema) in entries(schemas) {
        let name = escaped(name);
        let _ = write!(html, "<section id=\"{name}\"><h2>{name}</h2>");
        shape(&mut html, schema);
        html.push_str("</section>");
    }
    html.push_str("</main></html>");
    html
}

/// A method of a path.
struct Operation<'d> {
    path: &'d str,
    method: &'d str,
    what: &'d Value,
    /// Those of the path come before its own.
    parameters: Vec<&'d Value>,
}

fn operations(document: &Value) -> impl Iterator<Item = Operation<'_>> {
    entries(&document["paths"]).flat_map(|(path, methods)| {
        entries(methods)
            .filter(|(method, _)| *method != PARAMETERS)
            .map(move |(method, what)| Operation {
                path,
                method,
                what,
                parameters: [&methods[PARAMETERS], &what[PARAMETERS]]
                    .into_iter()
                    .filter_map(Value::as_array)
                    .flatten()
                    .collect(),
            })
    })
}

impl Operation<'_> {
    fn id(&self) -> String {
        text(&self.what["operationId"])
    }

    fn write(&self, html: &mut String) {
        let _ = write!(
            html,
            "<section id=\"{}\"><h2><b>{}</b> {}</h2><p>{}<p>{}",
            self.id(),
            self.method,
            escaped(self.path),
            text(&self.what["summary"]),
            text(&self.what["description"]),
        );
        let scopes = scopes(&self.what["security"]);
        if !scopes.is_empty() {
            let _ = write!(html, "<p>Token with the scope {scopes}.");
        }
        if !self.parameters.is_empty() {
            html.push_str("<h3>Parameters</h3><dl>");
            for parameter in &self.parameters {
                let needed = needed(parameter["required"] == true);
                let _ = write!(
                    html,
                    "<dt><code>{}</code> <i>{}{needed}</i><dd>{} ",
                    text(&parameter["name"]),
                    text(&parameter["in"]),
                    text(&parameter["description"])
                );
                shape(html, &parameter["schema"]);
            }
            html.push_str("</dl>");
        }
        for (kind, body) in entries(&self.what["requestBody"]["content"]) {
            let _ = write!(html, "<h3>Body, {}</h3>", escaped(kind));
            shape(html, &body["schema"]);
        }
        self.write_answers(html);
        html.push_str("</section>");
    }

    fn write_answers(&self, html: &mut String) {
        // All that are shared are refusals.
        let (refusals, answers): (Vec<_>, Vec<_>) = entries(&self.what["responses"])
            .partition(|(_status, answer)| answer["$ref"].is_string());
        html.push_str("<h3>Answers</h3><dl>");
        for (status, answer) in answers {
            let (status, what) = (escaped(status), text(&answer["description"]));
            let _ = write!(html, "<dt>{status}<dd>{what} ");
            for (_, content) in entries(&answer["content"]) {
                shape(html, &content["schema"]);
            }
        }
        if !refusals.is_empty() {
            let statuses: Vec<_> = refusals.iter().map(|(status, _)| escaped(status)).collect();
            let statuses = statuses.join(", ");
            let _ = write!(html, "<dt>{statuses}<dd><a href=\"#Problem\">Problem</a>");
        }
        html.push_str("</dl>");
    }
}

/// What a value looks like, in a line; an object's keys below it.
fn shape(html: &mut String, schema: &Value) {
    if let Some(name) = schema["$ref"].as_str().and_then(|at| at.rsplit('/').next()) {
        let name = escaped(name);
        let _ = write!(html, "<a href=\"#{name}\">{name}</a> ");
        return;
    }
    let words: Vec<String> = [words(schema), bounds(schema)]
        .into_iter()
        .filter(|words| !words.is_empty())
        .collect();
    if !words.is_empty() {
        let _ = write!(html, "<code>{}</code> ", words.join("; "));
    }
    if let Some(items) = schema.get("items") {
        html.push_str("of ");
        shape(html, items);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        shape(html, part);
    }
    let properties: Vec<_> = entries(&schema["properties"]).collect();
    if properties.is_empty() {
        return;
    }
    let required = schema["required"].as_array();
    html.push_str("<dl>");
    for (key, value) in properties {
        let is_required = required.is_some_and(|keys| keys.iter().any(|one| one == key));
        let _ = write!(
            html,
            "<dt><code>{}</code> <i>{}</i><dd>{} ",
            escaped(key),
            needed(is_required).trim_start_matches(", "),
            text(&value["description"])
        );
        shape(html, value);
    }
    html.push_str("</dl>");
}

/// The type, or the words that there are.
fn words(schema: &Value) -> String {
    let listed = |value: &Value| {
        let all = value.as_array().map(Vec::as_slice);
        let all = all.unwrap_or(std::slice::from_ref(value));
        let all: Vec<String> = all.iter().filter(|one| !one.is_null()).map(text).collect();
        all.join(" | ")
    };
    ["const", "enum", "type"]
        .into_iter()
        .filter_map(|key| schema.get(key))
        .map(listed)
        .next()
        .unwrap_or_default()
}

fn bounds(schema: &Value) -> String {
    let bounds: Vec<String> = BOUNDS
        .into_iter()
        .filter_map(|(key, word)| Some(format!("{word} {}", text(schema.get(key)?))))
        .collect();
    bounds.join(", ")
}

fn scopes(security: &Value) -> String {
    let ways = security.as_array().into_iter().flatten();
    let all = ways.filter_map(|way| way["bearer"].as_array()).flatten();
    let all: Vec<String> = all
        .map(|scope| format!("<code>{}</code>", text(scope)))
        .collect();
    all.join(" or ")
}

fn needed(required: bool) -> &'static str {
    if required { "" } else { ", optional" }
}

fn entries(object: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let object = object.as_object().into_iter().flat_map(Map::iter);
    object.map(|(key, value)| (key.as_str(), value))
}

/// Nothing for what isn't there.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => escaped(text),
        other => escaped(&other.to_string()),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

const PARAMETERS: &str = "parameters";

/// What limits a value, as it is told.
const BOUNDS: [(&str, &str); 7] = [
    ("format", "format"),
    ("minimum", "from"),
    ("maximum", "to"),
    ("minLength", "at least long"),
    ("maxLength", "at most long"),
    ("pattern", "like"),
    ("default", "default"),
];

const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'";

const STYLE: &str = include_str!("docs.css");

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Value {
        serde_json::from_str(DOCUMENT).expect("JSON")
    }

    #[test]
    fn every_operation_and_every_object_has_its_place() {
        let document = document();
        let page = page(&document);
        let mut places = 0;
        for operation in operations(&document) {
            assert!(!operation.id().is_empty(), "{}", operation.path);
            let place = format!("<section id=\"{}\">", operation.id());
            assert_eq!(page.matches(&place).count(), 1, "{place}");
            places += 1;
        }
        for (name, _) in entries(&document["components"]["schemas"]) {
            assert!(page.contains(&format!("<section id=\"{name}\">")), "{name}");
            places += 1;
        }
        assert_eq!(page.matches("<section ").count(), places);
    }

    #[test]
    fn every_link_within_the_page_leads_somewhere() {
        let page = page(&document());
        let links = page.split("href=\"#").skip(1);
        for link in links.filter_map(|rest| rest.split('"').next()) {
            assert!(page.contains(&format!("<section id=\"{link}\"")), "{link}");
        }
    }

    #[test]
    fn what_the_document_says_stays_text() {
        let document = json!({
            "info": { "title": "<script>alert(1)</script>", "summary": "a & \"b\"" },
            "components": { "schemas": { "A\"><b>": { "type": "string", "pattern": "<i>" } } },
        });
        let page = page(&document);
        assert!(page.contains("&lt;script&gt;"), "{page}");
        assert!(page.contains("a &amp; &quot;b&quot;"), "{page}");
        for tag in ["<script", "<i>", "\"><b>"] {
            assert!(!page.contains(tag), "{tag} in {page}");
        }
    }

    #[test]
    fn a_key_is_told_with_its_type_its_bounds_and_whether_it_is_needed() {
        let mut html = String::new();
        let schema = json!({
            "type": "object",
            "required": ["to"],
            "properties": {
                "to": { "type": "string", "description": "A number." },
                "wait": { "type": ["integer", "null"], "minimum": 1, "default": 45 },
            },
        });
        shape(&mut html, &schema);
        assert!(
            html.contains("<dt><code>to</code> <i></i><dd>A number. <code>string</code>"),
            "{html}"
        );
        let wait = "<dt><code>wait</code> <i>optional</i><dd> <code>integer | null; from 1, default 45</code>";
        assert!(html.contains(wait), "{html}");
    }
}
