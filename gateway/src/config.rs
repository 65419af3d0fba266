//! Configuration: TOML into a [`Config`] that is known to make sense, or an error that names file, line and key.
//!
//! Defaults, then the file, then the environment (`WARMLINE__SECTION__KEY`). Read once and handed down; nothing is global.

mod agent;
mod certificate;
mod crm;
mod error;
mod events;
mod http;
mod limits;
mod meaning;
mod media;
mod ozonetel;
mod ports;
mod prompts;
mod recording;
mod route;
mod scalar;
mod secret;
mod status;
mod store;
mod table;
mod trunk;
mod turn;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

pub use self::agent::{Agent, AutoAnswer, AutoAnswerHeaders, OnLost};
pub use self::certificate::Certificate;
pub use self::crm::{Crm, NUMBER as CRM_NUMBER, Origin, Url as CrmUrl};
pub use self::error::ConfigError;
pub use self::events::Events;
pub use self::http::{Auth, Http};
pub use self::limits::Limits;
pub use self::media::{Codec, Media, Pinning};
pub use self::ozonetel::{
    Commands, DialVia, HoldBy, Ozonetel, Profile, PublicApi, Template, TransferBy,
};
pub use self::prompts::{Prompts, Saying};
pub use self::recording::{Format, Mode, Recipient, Recording};
pub use self::route::{Pattern, Route};
pub use self::secret::Secret;
pub use self::status::{BUILT_IN as BUILT_IN_STATUSES, Status};
pub use self::store::Store;
pub use self::trunk::{Carrier, DigitsBy, Listen, Srtp, Trunk, TrunkPeer};
pub use self::turn::Turn;

use self::error::Faults;
use self::table::{Source, Table};

/// The whole configuration, read and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub http: Http,
    pub auth: Auth,
    pub media: Media,
    pub prompts: Prompts,
    /// The agents' telephony provider; absent when only trunks are used.
    pub ozonetel: Option<Ozonetel>,
    pub trunks: Vec<Trunk>,
    pub agents: Vec<Agent>,
    pub routes: Vec<Route>,
    /// Besides those that are always there.
    pub statuses: Vec<Status>,
    pub crm: Crm,
    pub limits: Limits,
    pub store: Store,
    pub recording: Recording,
    pub events: Events,
}

/// The commented default configuration, as `warmline config default` prints it.
pub const DEFAULT: &str = include_str!("config/default.toml");

impl Config {
    /// Reads a file and the process's environment. Relative paths in it start at the file's directory.
    ///
    /// # Errors
    ///
    /// The file can't be read, isn't TOML, or holds keys and values that can't be meant.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let origin = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::unreadable(&origin, &error))?;
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| name.starts_with(table::ENVIRONMENT_PREFIX))
            .map(|(name, value)| (name, value.to_string_lossy().into_owned()))
            .collect();
        let directory = path.parent().unwrap_or(Path::new(""));
        Self::read(&text, &origin, directory, &environment)
    }

    /// Reads a text without an environment; `origin` is its name in errors.
    ///
    /// # Errors
    ///
    /// The text isn't TOML, or holds keys and values that can't be meant.
    pub fn parse(text: &str, origin: &str) -> Result<Self, ConfigError> {
        Self::read(text, origin, Path::new(""), &BTreeMap::new())
    }

    fn read(
        text: &str,
        origin: &str,
        directory: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, ConfigError> {
        let source = Source {
            text,
            directory,
            environment,
        };
        let document = source
            .document()
            .map_err(|fault| ConfigError::of(origin, vec![fault]))?;

        let mut faults = Faults::default();
        let root = Table::root(&source, &document, SECTIONS, &mut faults);
        let http = faults.keep(root.section("http", Http::KEYS).and_then(Http::read));
        let auth = faults.keep(root.section("auth", Auth::KEYS).and_then(Auth::read));
        let media = faults.keep(root.section("media", Media::KEYS).and_then(Media::read));
        let prompts = faults.keep(
            root.section("prompts", Prompts::KEYS)
                .and_then(Prompts::read),
        );
        let crm = faults.keep(root.section("crm", Crm::KEYS).and_then(Crm::read));
        let limits = faults.keep(root.section("limits", Limits::KEYS).and_then(Limits::read));
        let store = faults.keep(root.section("store", Store::KEYS).and_then(Store::read));
        let recording = faults.keep(
            root.section("recording", Recording::KEYS)
                .and_then(Recording::read),
        );
        let events = faults.keep(root.section("events", Events::KEYS).and_then(Events::read));
        let ozonetel = faults.keep(
            root.optional_section("ozonetel", Ozonetel::KEYS)
                .and_then(|table| table.map(Ozonetel::read).transpose()),
        );
        let trunks = root.each("trunk", Trunk::KEYS, Trunk::read, &mut faults);
        let agents = root.each("agent", Agent::KEYS, Agent::read, &mut faults);
        let routes = root.each("route", Route::KEYS, Route::read, &mut faults);
        let statuses = root.each("status", Status::KEYS, Status::read, &mut faults);

        match (
            http, auth, media, prompts, crm, limits, store, recording, events, ozonetel,
        ) {
            (
                Some(http),
                Some(auth),
                Some(media),
                Some(prompts),
                Some(crm),
                Some(limits),
                Some(store),
                Some(recording),
                Some(events),
                Some(ozonetel),
            ) if faults.is_empty() => {
                meaning::check(
                    &http,
                    &media,
                    ozonetel.as_ref(),
                    &trunks,
                    &agents,
                    &routes,
                    &mut faults,
                );
                meaning::check_statuses(&statuses, &mut faults);
                if !faults.is_empty() {
                    return Err(ConfigError::of(origin, faults.into_vec()));
                }
                Ok(Self {
                    http,
                    auth,
                    media,
                    prompts,
                    ozonetel,
                    trunks: trunks.into_iter().map(|t| t.value).collect(),
                    agents: agents.into_iter().map(|a| a.value).collect(),
                    routes: routes.into_iter().map(|r| r.value).collect(),
                    statuses: statuses.into_iter().map(|s| s.value).collect(),
                    crm,
                    limits,
                    store,
                    recording,
                    events,
                })
            }
            _ => Err(ConfigError::of(origin, faults.into_vec())),
        }
    }
}

/// Every section that this version builds; the others are refused rather than ignored.
const SECTIONS: &[&str] = &[
    "http",
    "auth",
    "media",
    "prompts",
    "ozonetel",
    "trunk",
    "agent",
    "route",
    "status",
    "crm",
    "limits",
    "store",
    "recording",
    "events",
];
