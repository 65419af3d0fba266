//! `[ozonetel]`: the agents' telephony provider, its token socket and its registrar.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderValue, Uri};
use toml::de::DeValue;

use super::error::Fault;
use super::scalar::Scalar;
use super::secret::Secret;
use super::table::{Table, unknown};
use crate::ozonetel::command;

/// How the provider is reached in the agents' names.
#[derive(Debug, Clone, PartialEq)]
pub struct Ozonetel {
    /// The account; empty without a token socket.
    pub customer: String,
    /// `ws://` or `wss://`; absent: plain SIP lines without a token socket.
    pub websocket: Option<String>,
    /// `Origin` of the token socket and of the lines.
    pub origin: Option<String>,
    /// `Sec-WebSocket-Protocol` of the token socket.
    pub subprotocol: Option<String>,
    /// `Cookie` of the token socket and of commands by HTTP.
    pub cookies: Option<Secret>,
    /// Asked for cookies before the token socket is opened; its form is the template `login`.
    pub login_url: Option<String>,
    /// What the platform's webhook has to name; absent: no webhook is taken.
    pub events_secret: Option<Secret>,
    /// The socket's id where it is known beforehand; otherwise it is found.
    pub usid: Option<String>,
    /// The browser session's id; otherwise it is found, or made.
    pub browser_session_id: Option<String>,
    /// Whether to send a frame that nobody routes when the id doesn't come by itself: the refusal holds it.
    pub probe: bool,
    /// By what dials go to the platform.
    pub dial: DialVia,
    /// Where and how the public API is asked; absent where no dial goes there.
    pub api: Option<PublicApi>,
    pub commands: Commands,
    /// Changes to single commands, by the command's `type`.
    pub templates: BTreeMap<String, Template>,
    /// Where commands go that don't go by the socket.
    pub command_url: Option<String>,
    /// The country code that the platform's dial leaves out; empty: numbers go as they were dialled.
    pub country: String,
    /// `wss://host:444/path`, or `ws://`.
    pub registrar: String,
    /// The domain of the agents' addresses; the registrar's host by default.
    pub domain: String,
    /// Warmline's own when absent.
    pub user_agent: Option<String>,
    pub profile: Profile,
    /// PEM file with trust anchors beside the system's.
    pub tls_ca: Option<PathBuf>,
    pub hold: HoldBy,
    pub transfer: TransferBy,
    /// How long a command may wait for its reply.
    pub reply_timeout: Duration,
    /// How long after a dial its INVITE is expected.
    pub invite_window: Duration,
    /// Time between pings on the token socket.
    pub keep_alive: Duration,
    /// The token socket's age at which it is renewed, outside a call.
    pub renew_after: Duration,
}

/// By what dials go to the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialVia {
    Socket,
    Api,
    /// The public API where the socket surely didn't bring it.
    SocketThenApi,
}

/// The platform's public API.
#[derive(Debug, Clone, PartialEq)]
pub struct PublicApi {
    pub url: String,
    /// The header `apiKey`.
    pub key: Secret,
}

/// How commands travel; pushes always come by the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commands {
    Socket,
    HttpJson,
    HttpForm,
}

/// Who puts the customer of a call on hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldBy {
    Gateway,
    /// The platform by its own command; our music stays underneath.
    Platform,
}

/// Who gives a customer to somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferBy {
    Off,
    Platform,
}

/// Whether agents share a connection to the registrar; a setting with one value yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Connections {
    PerAgent,
    Shared,
}

/// Whose softphone the lines look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    Jssip,
    Sipjs,
}

/// Keys of one command that replace the built-in ones or come in addition; texts may hold `{placeholders}`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Template(pub BTreeMap<String, serde_json::Value>);

impl Ozonetel {
    pub(super) const KEYS: &[&str] = &[
        "customer",
        "websocket",
        "origin",
        "subprotocol",
        "cookies",
        "cookies_file",
        "events_secret",
        "events_secret_file",
        "usid",
        "browser_session_id",
        "probe",
        "dial",
        "api_url",
        "api_key",
        "api_key_file",
        "login_url",
        "commands",
        "command_url",
        "country",
        "registrar",
        "domain",
        "user_agent",
        "profile",
        "tls_ca",
        "connections",
        "hold",
        "transfer",
        "reply_timeout",
        "invite_window",
        "keep_alive",
        "renew_after",
    ];

    pub(super) fn read(table: Table<'_>) -> Result<Self, Fault> {
        let registrar: String = table.required("registrar")?;
        let Some(host) = host_of(&registrar, &["ws", "wss"]) else {
            return Err(table.fault("registrar", WEBSOCKET_SHAPE));
        };
        let domain = table.or("domain", host)?;
        let (websocket, customer) = token_socket(&table)?;
        let (commands, templates) = commands(&table)?;
        let command_url = command_url(&table, commands)?;
        let (dial, api) = dialling(&table, websocket.as_deref())?;
        let login_url = login(&table, websocket.as_deref(), &templates)?;
        per_agent(&table)?;
        Ok(Self {
            customer,
            websocket,
            origin: header(&table, "origin")?,
            subprotocol: header(&table, "subprotocol")?,
            cookies: cookies(&table)?,
            login_url,
            events_secret: events_secret(&table)?,
            usid: table.optional("usid")?,
            browser_session_id: table.optional("browser_session_id")?,
            probe: table.or("probe", false)?,
            dial,
            api,
            commands,
            templates,
            command_url,
            country: table.or("country", COUNTRY.to_owned())?,
            registrar,
            domain,
            user_agent: header(&table, "user_agent")?,
            profile: table.or("profile", Profile::Jssip)?,
            tls_ca: table.path_of("tls_ca")?,
            hold: table.or("hold", HoldBy::Gateway)?,
            transfer: table.or("transfer", TransferBy::Off)?,
            reply_timeout: table.or("reply_timeout", REPLY_TIMEOUT)?,
            invite_window: table.or("invite_window", INVITE_WINDOW)?,
            keep_alive: period(&table, "keep_alive", KEEP_ALIVE)?,
            renew_after: period(&table, "renew_after", RENEW_AFTER)?,
        })
    }
}

/// The token socket and the account that it speaks for.
fn token_socket(table: &Table<'_>) -> Result<(Option<String>, String), Fault> {
    let websocket: Option<String> = table.optional("websocket")?;
    let customer: Option<String> = table.optional("customer")?;
    if let Some(url) = &websocket {
        if host_of(url, &["ws", "wss"]).is_none() {
            return Err(table.fault("websocket", WEBSOCKET_SHAPE));
        }
        if customer.is_none() {
            return Err(table.fault("customer", "is missing; every command names the account"));
        }
    }
    Ok((websocket, customer.unwrap_or_default()))
}

fn command_url(table: &Table<'_>, commands: Commands) -> Result<Option<String>, Fault> {
    let url: Option<String> = table.optional("command_url")?;
    match (commands, &url) {
        (Commands::Socket, None) => Ok(url),
        (Commands::Socket, Some(_)) => Err(table.fault(
            "command_url",
            "is only used with commands = \"http-json\" or \"http-form\"",
        )),
        (Commands::HttpJson | Commands::HttpForm, Some(text)) if is_http(text) => Ok(url),
        (Commands::HttpJson | Commands::HttpForm, _) => Err(table.fault(
            "command_url",
            "must be an http:// or https:// URL when commands go by HTTP",
        )),
    }
}

/// By what dials go out, and the public API where it is one of the ways.
fn dialling(
    table: &Table<'_>,
    websocket: Option<&str>,
) -> Result<(DialVia, Option<PublicApi>), Fault> {
    let dial = table.or("dial", DialVia::Socket)?;
    let url: Option<String> = table.optional("api_url")?;
    let key = table.secret("api_key", "api_key_file")?;
    let api = match (dial, url) {
        (DialVia::Socket, None) => None,
        (DialVia::Socket, Some(_)) => {
            return Err(table.fault(
                "api_url",
                "is only used with dial = \"api\" or \"socket-then-api\"",
            ));
        }
        (DialVia::Api | DialVia::SocketThenApi, _) if websocket.is_none() => {
            return Err(table.fault(
                "dial",
                "needs websocket: how a dial fares is only told there",
            ));
        }
        (DialVia::Api | DialVia::SocketThenApi, Some(url)) if is_http(&url) => {
            let key = key.unwrap_or_default();
            if HeaderValue::from_str(key.expose()).is_err() {
                return Err(table.fault("api_key", UNFIT_FOR_HEADER));
            }
            Some(PublicApi { url, key })
        }
        (DialVia::Api | DialVia::SocketThenApi, _) => {
            return Err(table.fault(
                "api_url",
                "must be an http:// or https:// URL when dials go by the public API",
            ));
        }
    };
    Ok((dial, api))
}

/// The request that comes before the token socket; what it carries is the operator's.
fn login(
    table: &Table<'_>,
    websocket: Option<&str>,
    templates: &BTreeMap<String, Template>,
) -> Result<Option<String>, Fault> {
    let url: Option<String> = table.optional("login_url")?;
    let Some(text) = &url else {
        return Ok(None);
    };
    if !is_http(text) || websocket.is_none() {
        return Err(table.fault(
            "login_url",
            "must be an http:// or https:// URL, and needs websocket",
        ));
    }
    if !templates.contains_key(command::LOGIN_FORM) {
        return Err(table.fault(
            "login_url",
            "needs a table [ozonetel.commands.login]: the fields of its form",
        ));
    }
    Ok(url)
}

fn header(table: &Table<'_>, key: &'static str) -> Result<Option<String>, Fault> {
    let value: Option<String> = table.optional(key)?;
    let bad = |value: &String| HeaderValue::from_str(value).is_err();
    if value.as_ref().is_some_and(bad) {
        return Err(table.fault(key, UNFIT_FOR_HEADER));
    }
    Ok(value)
}

fn cookies(table: &Table<'_>) -> Result<Option<Secret>, Fault> {
    let cookies = table.secret("cookies", "cookies_file")?;
    let bad = |cookies: &Secret| HeaderValue::from_str(cookies.expose()).is_err();
    if cookies.as_ref().is_some_and(bad) {
        return Err(table.fault("cookies", UNFIT_FOR_HEADER));
    }
    Ok(cookies)
}

fn events_secret(table: &Table<'_>) -> Result<Option<Secret>, Fault> {
    let secret = table.secret("events_secret", "events_secret_file")?;
    if secret
        .as_ref()
        .is_some_and(|secret| secret.expose().len() < SECRET_AT_LEAST)
    {
        return Err(table.fault("events_secret", "must have at least 16 characters"));
    }
    Ok(secret)
}

fn per_agent(table: &Table<'_>) -> Result<(), Fault> {
    match table.or("connections", Connections::PerAgent)? {
        Connections::PerAgent => Ok(()),
        Connections::Shared => Err(table.fault(
            "connections",
            "can't be \"shared\" in this version: each agent's line has a connection of its own",
        )),
    }
}

fn period(table: &Table<'_>, key: &'static str, default: Duration) -> Result<Duration, Fault> {
    let period = table.or(key, default)?;
    if period < LEAST_PERIOD {
        return Err(table.fault(key, "must be at least one second"));
    }
    Ok(period)
}

/// `commands = "http-json"`, or `[ozonetel.commands]` with `by = "http-json"` and a table for each command to change.
fn commands(table: &Table<'_>) -> Result<(Commands, BTreeMap<String, Template>), Fault> {
    let mut templates = BTreeMap::new();
    let Some(value) = table.entry("commands") else {
        return Ok((table.or("commands", Commands::Socket)?, templates));
    };
    if !matches!(value.get_ref(), DeValue::Table(_)) {
        return Ok((table.or("commands", Commands::Socket)?, templates));
    }
    let overrides = table.nested("commands", value, &["by"])?;
    for (kind, value) in overrides.free_entries() {
        if kind == "by" {
            continue;
        }
        if !command::KINDS.contains(&kind) {
            let known: Vec<&str> = [&["by"], command::KINDS].concat();
            let line = overrides.fault(kind, "").line;
            return Err(unknown(
                format!("ozonetel.commands.{kind}"),
                line,
                kind,
                &known,
            ));
        }
        let changes = overrides.nested(kind, value, &[])?;
        templates.insert(kind.to_owned(), Template::read(&changes)?);
    }
    Ok((overrides.or("by", Commands::Socket)?, templates))
}

impl Template {
    fn read(table: &Table<'_>) -> Result<Self, Fault> {
        let mut keys = BTreeMap::new();
        for (key, value) in table.free_entries() {
            let shape = || table.fault(key, "must be a text, a whole number, true or false");
            let value = match value.get_ref() {
                DeValue::String(text) => {
                    if let Err(name) = command::check_placeholders(text) {
                        return Err(table.fault(
                            key,
                            format!(
                                "{{{name}}} isn't a placeholder; known are {}",
                                command::PLACEHOLDERS.join(", ")
                            ),
                        ));
                    }
                    serde_json::Value::from(text.as_ref())
                }
                DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                    .map_err(|_| shape())?
                    .into(),
                DeValue::Boolean(on) => (*on).into(),
                DeValue::Float(_)
                | DeValue::Datetime(_)
                | DeValue::Array(_)
                | DeValue::Table(_) => return Err(shape()),
            };
            keys.insert(key.to_owned(), value);
        }
        Ok(Self(keys))
    }
}

impl Scalar for Commands {
    const SHAPE: &'static str = "one of \"socket\", \"http-json\", \"http-form\"";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "socket" => Some(Self::Socket),
            "http-json" => Some(Self::HttpJson),
            "http-form" => Some(Self::HttpForm),
            _ => None,
        }
    }
}

impl Scalar for DialVia {
    const SHAPE: &'static str = "one of \"socket\", \"api\", \"socket-then-api\"";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "socket" => Some(Self::Socket),
            "api" => Some(Self::Api),
            "socket-then-api" => Some(Self::SocketThenApi),
            _ => None,
        }
    }
}

impl Scalar for HoldBy {
    const SHAPE: &'static str = "one of \"gateway\", \"platform\"";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "gateway" => Some(Self::Gateway),
            "platform" => Some(Self::Platform),
            _ => None,
        }
    }
}

impl Scalar for TransferBy {
    const SHAPE: &'static str = "one of \"off\", \"platform\"";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "off" => Some(Self::Off),
            "platform" => Some(Self::Platform),
            _ => None,
        }
    }
}

impl Scalar for Connections {
    const SHAPE: &'static str = "\"per-agent\"";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "per-agent" => Some(Self::PerAgent),
            "shared" => Some(Self::Shared),
            _ => None,
        }
    }
}

impl Scalar for Profile {
    const SHAPE: &'static str = "one of \"jssip\", \"sipjs\"";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "jssip" => Some(Self::Jssip),
            "sipjs" => Some(Self::Sipjs),
            _ => None,
        }
    }
}

fn is_http(url: &str) -> bool {
    host_of(url, &["http", "https"]).is_some()
}

/// The host of a URL that has one of these schemes.
fn host_of(url: &str, schemes: &[&str]) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let host = uri.host().filter(|host| !host.is_empty())?;
    schemes
        .contains(&uri.scheme_str()?)
        .then(|| host.to_owned())
}

const UNFIT_FOR_HEADER: &str = "holds characters that a header can't carry";

const WEBSOCKET_SHAPE: &str = "must be a URL such as \"wss://phone.example.com:444/\"";

/// The provider dials while we wait; its own page waits that long.
const REPLY_TIMEOUT: Duration = Duration::from_secs(60);

/// The INVITE follows the reply within seconds; later it belongs to something else.
const INVITE_WINDOW: Duration = Duration::from_secs(45);

/// The platform is an Indian one and dials ten digits.
const COUNTRY: &str = "91";

/// Idle sockets are cut after ten minutes, home routers forget them sooner.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Sockets are cut after two hours; ten minutes before that a call may still end.
const RENEW_AFTER: Duration = Duration::from_secs(110 * 60);

/// A shorter secret can be guessed by trying.
const SECRET_AT_LEAST: usize = 16;

/// Below it a period is a typing error that would flood the provider.
const LEAST_PERIOD: Duration = Duration::from_secs(1);
