//! The desk and the SDK, out of the binary.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    HeaderName, HeaderValue, IF_NONE_MATCH,
};
use http::{HeaderMap, StatusCode};
use rust_embed::Embed;

use super::Public;
use super::problem::Problem;

pub(super) fn routes() -> Router<Arc<Public>> {
    Router::new()
        .route("/", get(|| async { Redirect::temporary("/desk") }))
        .route("/desk", get(desk))
        .route("/desk/", get(|| async { Redirect::temporary("/desk") }))
        .route("/desk/{*path}", get(desk_file))
        .route("/sdk/{*path}", get(sdk_file))
}

/// What the build of `gateway/web` left; a gateway built without it has no desk, and all the rest.
#[derive(Embed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Dist;

async fn desk(State(public): State<Arc<Public>>, headers: HeaderMap) -> Result<Response, Problem> {
    let mut page = file("desk/index.html", &headers)?;
    if let Some(policy) = page.headers_mut().get_mut(CONTENT_SECURITY_POLICY) {
        let frames = public.contexts.crm.frames();
        *policy = HeaderValue::from_str(&content_security_policy(frames))
            .expect("origins are plain ASCII");
    }
    Ok(page)
}

/// `frames`: whose pages may stand in the desk.
fn content_security_policy(frames: &[String]) -> String {
    match frames {
        [] => CONTENT_POLICY.to_owned(),
        _ => format!("{CONTENT_POLICY}; frame-src {}", frames.join(" ")),
    }
}

async fn desk_file(Path(path): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    file(&format!("desk/{path}"), &headers)
}

/// Desks on other origins import the SDK as a module, which browsers fetch by CORS.
async fn sdk_file(Path(path): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    let file = file(&format!("sdk/{path}"), &headers)?;
    Ok(([(ACCESS_CONTROL_ALLOW_ORIGIN, "*")], file).into_response())
}

fn file(path: &str, asked: &HeaderMap) -> Result<Response, Problem> {
    let file = Dist::get(path)
        .ok_or_else(|| Problem::not_found("There is no such file in this gateway."))?;
    let tag = entity_tag(&file.metadata.sha256_hash());
    Ok(respond(path, file.data, &tag, asked))
}

fn respond(path: &str, data: Cow<'static, [u8]>, tag: &str, asked: &HeaderMap) -> Response {
    // The names carry no hash of their content, so a browser asks each time and is mostly answered 304.
    let caching = [(CACHE_CONTROL, "no-cache"), (ETAG, tag)];
    if is_current(asked, tag) {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    let body = match data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    };
    let mut response = (caching, [(CONTENT_TYPE, content_type(path))], body).into_response();
    if path.ends_with(".html") {
        for (name, value) in &PAGE_HEADERS {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

/// Strong: half of the content's SHA-256 in hexadecimal.
fn entity_tag(hash: &[u8; 32]) -> String {
    let hex: String = hash[..16].iter().map(|b| format!("{b:02x}")).collect();
    format!("\"{hex}\"")
}

fn is_current(asked: &HeaderMap, tag: &str) -> bool {
    asked
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|theirs| theirs.trim().trim_start_matches("W/"))
        .any(|theirs| theirs == tag || theirs == "*")
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("ts" | "txt") => "text/plain; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("wav") => "audio/wav",
        _ => "application/octet-stream",
    }
}

/// No inline script, nothing from elsewhere, no frame around the desk. `'self'` covers the WebSocket (CSP level 3).
const CONTENT_POLICY: &str = "default-src 'self'; media-src 'self' blob:; img-src 'self' data:; object-src 'none'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'self'";

static PAGE_HEADERS: [(HeaderName, HeaderValue); 3] = [
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(CONTENT_POLICY),
    ),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("microphone=(self), camera=(), geolocation=()"),
    ),
    (
        HeaderName::from_static("referrer-policy"),
        HeaderValue::from_static("no-referrer"),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_comes_with_its_policy_once_and_then_as_unchanged() {
        let tag = entity_tag(&[0xab; 32]);
        let page = || Cow::Borrowed(&b"<!doctype html>"[..]);
        let mut asked = HeaderMap::new();
        let first = respond("desk/index.html", page(), &tag, &asked);
        assert_eq!(first.status(), StatusCode::OK);
        let policy = &first.headers()[CONTENT_SECURITY_POLICY];
        assert!(
            policy
                .to_str()
                .is_ok_and(|p| p.starts_with("default-src 'self'"))
        );
        asked.insert(IF_NONE_MATCH, first.headers()[ETAG].clone());
        let second = respond("desk/index.html", page(), &tag, &asked);
        assert_eq!(second.status(), StatusCode::NOT_MODIFIED);
    }

    #[test]
    fn only_configured_pages_may_stand_in_a_frame() {
        assert!(!content_security_policy(&[]).contains("frame-src"));
        let frames = ["https://crm.example.com".to_owned()];
        let policy = content_security_policy(&frames);
        assert!(policy.ends_with("; frame-src https://crm.example.com"));
    }

    #[test]
    fn a_tag_that_the_browser_has_is_current() {
        let asked = |value| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, http::HeaderValue::from_static(value));
            headers
        };
        assert!(is_current(&asked("\"a\", W/\"b\""), "\"b\""));
        assert!(is_current(&asked("*"), "\"b\""));
        assert!(!is_current(&asked("\"a\""), "\"b\""));
        assert!(!is_current(&HeaderMap::new(), "\"b\""));
    }

    #[test]
    fn scripts_are_scripts_and_declarations_are_text() {
        assert_eq!(
            content_type("sdk/agent.js"),
            "text/javascript; charset=utf-8"
        );
        assert_eq!(content_type("sdk/agent.d.ts"), "text/plain; charset=utf-8");
        assert_eq!(content_type("LICENSE"), "application/octet-stream");
    }
}
