//! `[events]`: who is told what happens.

use std::time::Duration;

use super::error::{Fault, Faults};
use super::store::Days;
use super::table::Table;
use crate::events::{Reach, SigningKey, Types, Webhook};

/// The outbox and its receivers.
#[derive(Debug, Clone, PartialEq)]
pub struct Events {
    pub webhooks: Vec<Webhook>,
    /// Events older than this are forgotten, whoever lacks them.
    pub keep: Duration,
}

impl Events {
    pub(super) const KEYS: &[&str] = &["webhooks", "keep"];

    pub(super) fn read(table: Table<'_>) -> Result<Self, Fault> {
        let mut faults = Faults::default();
        let found = table.each("webhooks", WEBHOOK_KEYS, webhook, &mut faults);
        if let Some(first) = faults.into_vec().into_iter().next() {
            return Err(first);
        }
        let mut webhooks: Vec<Webhook> = Vec::new();
        for located in found {
            let name = &located.value.name;
            if webhooks.iter().any(|webhook| webhook.name == *name) {
                let taken = format!("{name:?} is another webhook's, too; each needs its own");
                return Err(located.fault("name", taken));
            }
            webhooks.push(located.value);
        }
        Ok(Self {
            webhooks,
            keep: table.or("keep", Days(KEEP))?.0,
        })
    }
}

impl Default for Events {
    fn default() -> Self {
        Self {
            webhooks: Vec::new(),
            keep: KEEP,
        }
    }
}

fn webhook(table: Table<'_>) -> Result<Webhook, Fault> {
    let url: String = table.required("url")?;
    let url: reqwest::Url = url.parse().map_err(|_| {
        table.fault(
            "url",
            "must be a URL such as \"https://example.com/events\"",
        )
    })?;
    let reach = match table.or("allow_private", false)? {
        true => Reach::Anywhere,
        false => Reach::Public,
    };
    match (url.scheme(), reach) {
        ("https", _) | ("http", Reach::Anywhere) => {}
        ("http", Reach::Public) => {
            let plain = "must be https; http is for allow_private = true";
            return Err(table.fault("url", plain));
        }
        _ => return Err(table.fault("url", "must be https")),
    }
    let host = url.host_str().unwrap_or_default();
    let name = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let secret = table
        .secret("secret", "secret_file")?
        .ok_or_else(|| table.fault("secret", "is missing; secret_file may name its file"))?;
    let key = SigningKey::parse(secret.expose())
        .map_err(|wrong| table.fault("secret", wrong.to_string()))?;
    let words: Vec<String> = table.list("types")?.unwrap_or_default();
    let types = Types::parse(words.iter().map(String::as_str))
        .map_err(|wrong| table.fault("types", wrong.to_string()))?;
    Ok(Webhook {
        name: table.or("name", name)?,
        url,
        key,
        types,
        reach,
    })
}

const WEBHOOK_KEYS: &[&str] = &[
    "name",
    "url",
    "secret",
    "secret_file",
    "types",
    "allow_private",
];

/// A receiver that breaks on a Friday evening is mended, and has everything, by the next.
const KEEP: Duration = Duration::from_secs(7 * 24 * 3_600);
