//! The login page: a form goes there before the token socket is opened, and its cookies come back.

use std::time::Duration;

use http::HeaderMap;
use http::header::SET_COOKIE;
use serde_json::{Map, Value};

use super::reply::{self, Verdict};
use crate::config::Secret;

/// Sends the form; what the page sets is laid over the cookies that are configured.
///
/// # Errors
///
/// In words: the page can't be reached, or refuses.
pub(super) async fn log_in(
    client: &reqwest::Client,
    url: &str,
    form: Map<String, Value>,
    configured: Option<&Secret>,
) -> Result<Secret, String> {
    let fields: Vec<(String, String)> = form
        .into_iter()
        .map(|(key, value)| (key, reply::text(&value).unwrap_or_default()))
        .collect();
    let request = client.post(url).timeout(PATIENCE).form(&fields);
    let response = request
        .send()
        .await
        .map_err(|error| format!("the login page can't be reached: {}", error.without_url()))?;
    let status = response.status();
    let cookies = merge(configured, response.headers());
    // Pages answer a good form with a redirection to the next one.
    if !status.is_success() && !status.is_redirection() {
        return Err(format!(
            "the login page refused the sign-in: HTTP status {}",
            status.as_u16()
        ));
    }
    // Many say what is wrong with status 200.
    let says = response.bytes().await.unwrap_or_default();
    if let Ok(Value::Object(says)) = serde_json::from_slice(&says)
        && let Verdict::Failure(sentence) = reply::classify(&says)
    {
        return Err(format!("the login page refused the sign-in: {sentence}"));
    }
    Ok(cookies)
}

/// A `Cookie` header out of what is configured and what was set (RFC 6265 §4.2.1); the newer value of a name counts.
fn merge(configured: Option<&Secret>, headers: &HeaderMap) -> Secret {
    let mut cookies: Vec<(String, String)> = Vec::new();
    let kept = configured.map_or("", Secret::expose).split(';');
    let set = headers.get_all(SET_COOKIE).iter();
    let set = set.filter_map(|value| value.to_str().ok()?.split(';').next());
    for (name, value) in kept.chain(set).filter_map(|pair| pair.split_once('=')) {
        let name = name.trim();
        cookies.retain(|(known, _)| known != name);
        cookies.push((name.to_owned(), value.trim().to_owned()));
    }
    let pairs = cookies
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    Secret::new(pairs.collect::<Vec<_>>().join("; "))
}

/// How long the page may take; the socket waits for it.
const PATIENCE: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn what_the_page_sets_replaces_what_was_configured_by_name() {
        let mut headers = HeaderMap::new();
        for cookie in ["session=new; Path=/; HttpOnly", "lb=7", "broken"] {
            headers.append(SET_COOKIE, HeaderValue::from_static(cookie));
        }
        let configured = Secret::new("session=old; theme=dark");
        assert_eq!(
            merge(Some(&configured), &headers).expose(),
            "theme=dark; session=new; lb=7"
        );
        assert_eq!(merge(None, &HeaderMap::new()).expose(), "");
    }
}
