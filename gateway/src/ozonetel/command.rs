//! Commands to the platform: templates whose keys the configuration can change, since the live service is newer than
//! what is known of it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Act, Change, Disposal, TokenAgent};
use crate::config::Template;

/// What the gateway asks of the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command<'c> {
    Login(Session),
    /// Announces a new socket of an agent who is signed in.
    Reconnect(NewSocket),
    /// Become ready.
    Release,
    Pause {
        reason: &'c str,
    },
    ManualDial {
        number: &'c str,
    },
    /// The same dial for the public API: it goes by HTTP, and has no serial.
    ApiDial {
        number: &'c str,
    },
    /// The form of the login page.
    LoginForm,
    /// Asks what became of a dial.
    DialStatus {
        ucid: &'c str,
    },
    Campaigns,
    /// What calls of the agent's campaign may be closed with.
    Dispositions,
    Dispose(&'c Disposal),
    Change(&'c Change),
    /// Sign out.
    Logout,
    /// Routable by nobody: the refusal names the socket's id.
    Probe,
}

/// Whether the platform may still hold an older session of the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Session {
    Fresh,
    Resumed,
}

/// Why a socket is announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NewSocket {
    Reconnected,
    /// The socket is the same; its id became known late.
    IdFound,
}

/// What fills the placeholders beside the command's own values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sender<'s> {
    pub customer: &'s str,
    pub agent: &'s TokenAgent,
    /// Empty while unknown.
    pub us_id: &'s str,
    pub browser_session_id: &'s str,
}

/// A value would fall apart where the platform separates values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {placeholder} holds \"{character}\", which the provider separates values by")]
pub(super) struct Forbidden {
    pub placeholder: String,
    pub character: char,
}

/// Every command's `type`, as `[ozonetel.commands.*]` names it.
pub(crate) const KINDS: &[&str] = &[
    "tbAgentLogin",
    "tbReconnect",
    "tbAgentRelease",
    "tbAgentPause",
    "tbManualDial",
    "tbCheckManualDialStatus",
    API_DIAL,
    LOGIN_FORM,
    "tbGetCampaigns",
    "tbGetDispositions",
    "tbSetDisposition",
    "tbHold",
    "tbUnHold",
    "tbSetTransfer",
    "tbAgentLogout",
    PROBE,
];

/// What a template may hold in braces. `{agent_unique_id|text}` makes a number a text.
pub(crate) const PLACEHOLDERS: &[&str] = &[
    "customer",
    "agent_id",
    "agent_unique_id",
    "browser_session_id",
    "us_id",
    "campaign",
    "campaign_name",
    "login_password",
    "extension",
    "mode",
    "number",
    "to",
    "reason",
    "ucid",
    "did",
    "uui",
    "disposition",
    "callback_time",
    "reconnect",
    "event",
    "utid",
];

/// Values are joined by these and can't be escaped.
pub(crate) const SEPARATORS: [char; 2] = [',', '~'];

/// The name of the first placeholder in `text` that isn't one.
pub(crate) fn check_placeholders(text: &str) -> Result<(), &str> {
    pieces(text).try_for_each(|piece| match piece {
        Piece::Placeholder { name, .. } if !PLACEHOLDERS.contains(&name) => Err(name),
        Piece::Placeholder { .. } | Piece::Literal(_) => Ok(()),
    })
}

impl Command<'_> {
    /// The message's `type`.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Login(_) => "tbAgentLogin",
            Self::Reconnect(_) => "tbReconnect",
            Self::Release => "tbAgentRelease",
            Self::Pause { .. } => "tbAgentPause",
            Self::ManualDial { .. } => "tbManualDial",
            Self::ApiDial { .. } => API_DIAL,
            Self::LoginForm => LOGIN_FORM,
            Self::DialStatus { .. } => "tbCheckManualDialStatus",
            Self::Campaigns => "tbGetCampaigns",
            Self::Dispositions => "tbGetDispositions",
            Self::Dispose(_) => "tbSetDisposition",
            Self::Change(change) => match change.act {
                Act::Hold => "tbHold",
                Act::Resume => "tbUnHold",
                Act::Transfer { .. } => "tbSetTransfer",
            },
            Self::Logout => "tbAgentLogout",
            Self::Probe => PROBE,
        }
    }

    /// The message, with `templates` laid over the built-in one.
    ///
    /// # Errors
    ///
    /// A value holds a separator where values are joined.
    pub(super) fn render(
        self,
        templates: &BTreeMap<String, Template>,
        sender: &Sender<'_>,
        utid: u64,
    ) -> Result<Map<String, Value>, Forbidden> {
        let fill = |text: &str| fill(text, |name| self.value(name, sender, utid));
        let mut message = Map::new();
        let common = match self {
            // Anything that a router could know would route it.
            Self::Probe => TYPE,
            // These are no messages of the socket's.
            Self::ApiDial { .. } | Self::LoginForm => &[],
            Self::Login(_)
            | Self::Reconnect(_)
            | Self::Release
            | Self::Pause { .. }
            | Self::ManualDial { .. }
            | Self::DialStatus { .. }
            | Self::Campaigns
            | Self::Dispositions
            | Self::Dispose(_)
            | Self::Change(_)
            | Self::Logout => COMMON,
        };
        for (key, text) in common.iter().chain(self.own_keys()) {
            message.insert((*key).to_owned(), fill(text)?);
        }
        for (key, value) in templates.get(self.kind()).into_iter().flat_map(|t| &t.0) {
            let value = match value {
                Value::String(text) => fill(text)?,
                other => other.clone(),
            };
            message.insert(key.clone(), value);
        }
        Ok(message)
    }

    /// Booleans travel as text.
    fn own_keys(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Login(_) => &[
                ("browserSessionId", "{browser_session_id}"),
                ("usId", "{us_id}"),
                ("reconnect", "{reconnect}"),
                ("params", "{mode}"),
                ("phoneNumber", "{extension}"),
            ],
            Self::Reconnect(_) => &[
                ("browserSessionId", "{browser_session_id}"),
                ("usId", "{us_id}"),
                ("phoneNumber", "{extension}"),
                ("mode", "{mode}"),
                ("event", "{event}"),
            ],
            Self::Release => &[("params", "{mode}"), ("mes", "")],
            Self::Pause { .. } => &[("params", "{reason},{mode}")],
            Self::ManualDial { .. } => &[
                ("browserSessionId", "{browser_session_id}"),
                ("usId", "{us_id}"),
                ("isSip", "true"),
                ("mode", "{mode}"),
                ("params", "{campaign},{number},{extension},SIP:true"),
            ],
            Self::ApiDial { .. } => &[
                ("userName", "{customer}"),
                ("agentID", "{agent_id}"),
                ("campaignName", "{campaign_name}"),
                ("customerNumber", "{number}"),
                ("UCID", "true"),
            ],
            Self::LoginForm => &[],
            Self::DialStatus { .. } => &[("ucid", "{ucid}")],
            Self::Campaigns => &[],
            Self::Dispositions => &[("params", "~{mode}~{campaign}")],
            // The platform's own number for the record comes first; it isn't known to tell it before.
            Self::Dispose(_) => &[(
                "params",
                ",{disposition},{callback_time},{ucid},{did},{number},{uui}",
            )],
            Self::Change(change) => match change.act {
                Act::Hold => &[
                    ("monitorUcid", "{ucid}"),
                    ("ucid", "{ucid}"),
                    ("did", "{did}"),
                    ("agentNumber", "{extension}"),
                    ("phoneNumberToHold", "{number}"),
                ],
                Act::Resume => &[
                    ("monitorUcid", "{ucid}"),
                    ("ucid", "{ucid}"),
                    ("did", "{did}"),
                    ("agentNumber", "{extension}"),
                    ("phoneNumberToUnHold", "{number}"),
                ],
                // What is transferred to is named by an id or a number; ours is a number.
                Act::Transfer { .. } => &[("params", "{did},{ucid},phone,,{to},blind")],
            },
            Self::Logout => &[("params", "{mode}"), ("phoneNumber", "{extension}")],
            Self::Probe => &[("action", PROBE), ("utid", "{utid}")],
        }
    }

    fn value(self, name: &str, sender: &Sender<'_>, utid: u64) -> Value {
        match name {
            "customer" => sender.customer.into(),
            "agent_id" => sender.agent.agent_id.as_str().into(),
            "agent_unique_id" => sender.agent.agent_unique_id.into(),
            "browser_session_id" => sender.browser_session_id.into(),
            "us_id" => sender.us_id.into(),
            "type" => self.kind().into(),
            "campaign_name" => sender.agent.campaign_name.as_str().into(),
            "login_password" => match self {
                Self::LoginForm => sender.agent.login_password.expose().into(),
                _ => Value::from(""),
            },
            "campaign" => sender.agent.campaign.as_str().into(),
            "extension" => sender.agent.extension.as_str().into(),
            "mode" => sender.agent.mode.as_str().into(),
            "utid" => utid.into(),
            "number" => match self {
                Self::ManualDial { number } | Self::ApiDial { number } => number.into(),
                Self::Dispose(disposal) => disposal.number.as_str().into(),
                Self::Change(change) => change.number.as_str().into(),
                _ => Value::from(""),
            },
            "ucid" | "did" | "uui" | "disposition" | "callback_time" => match self {
                Self::Dispose(disposal) => disposal.value(name).into(),
                Self::Change(change) => change.value(name).into(),
                Self::DialStatus { ucid } if name == "ucid" => ucid.into(),
                _ => Value::from(""),
            },
            "to" => match self {
                Self::Change(Change {
                    act: Act::Transfer { to },
                    ..
                }) => to.as_str().into(),
                _ => Value::from(""),
            },
            "reason" => match self {
                Self::Pause { reason } => reason.into(),
                _ => Value::from(""),
            },
            "reconnect" => match self {
                Self::Login(Session::Fresh) => "false".into(),
                _ => Value::from("true"),
            },
            "event" => match self {
                Self::Reconnect(NewSocket::IdFound) => "refresh".into(),
                _ => Value::from("reconnect"),
            },
            // The configuration refuses every other name.
            _ => Value::from(""),
        }
    }
}

impl Disposal {
    fn value(&self, name: &str) -> String {
        match name {
            "ucid" => self.ucid.clone(),
            "did" => self.did.clone().unwrap_or_default(),
            "disposition" => self.code.clone(),
            "callback_time" => self
                .callback_at
                .map(|at| at.to_string())
                .unwrap_or_default(),
            // Whoever made the call wrote it: what would take it apart is left out.
            "uui" => {
                let uui = self.uui.clone().unwrap_or_default();
                uui.replace(SEPARATORS, " ")
            }
            _ => String::new(),
        }
    }
}

impl Change {
    fn value(&self, name: &str) -> &str {
        match name {
            "ucid" => &self.ucid,
            "did" => self.did.as_deref().unwrap_or_default(),
            _ => "",
        }
    }
}

enum Piece<'t> {
    Literal(&'t str),
    Placeholder { name: &'t str, form: Form },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    AsIs,
    Text,
}

/// Splits a template at its placeholders; a brace without its partner is literal.
fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let open = rest.find('{');
        let close = open.and_then(|open| Some(open + rest[open..].find('}')?));
        let (Some(open), Some(close)) = (open, close) else {
            return Some(Piece::Literal(std::mem::take(&mut rest)));
        };
        if open > 0 {
            let (literal, after) = rest.split_at(open);
            rest = after;
            return Some(Piece::Literal(literal));
        }
        let inner = &rest[1..close];
        rest = &rest[close + 1..];
        Some(match inner.strip_suffix("|text") {
            Some(name) => Piece::Placeholder {
                name,
                form: Form::Text,
            },
            None => Piece::Placeholder {
                name: inner,
                form: Form::AsIs,
            },
        })
    })
}

/// A template that is one placeholder takes the value's type; a longer one is text.
fn fill(text: &str, value: impl Fn(&str) -> Value) -> Result<Value, Forbidden> {
    let pieces: Vec<Piece<'_>> = pieces(text).collect();
    if let [
        Piece::Placeholder {
            name,
            form: Form::AsIs,
        },
    ] = pieces[..]
    {
        return Ok(value(name));
    }
    let mut filled = String::with_capacity(text.len());
    let alone = pieces.len() == 1;
    for piece in pieces {
        match piece {
            Piece::Literal(literal) => filled.push_str(literal),
            Piece::Placeholder { name, .. } => {
                let value = match value(name) {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                if let Some(character) = value.chars().find(|c| !alone && SEPARATORS.contains(c)) {
                    return Err(Forbidden {
                        placeholder: name.to_owned(),
                        character,
                    });
                }
                filled.push_str(&value);
            }
        }
    }
    Ok(filled.into())
}

const PROBE: &str = "warmlineProbe";

/// The public API's dial, by the name of its resource.
const API_DIAL: &str = "AgentManualDial";

/// What the operator calls the form of the login page.
pub(crate) const LOGIN_FORM: &str = "login";

const TYPE: &[(&str, &str)] = &[("type", "{type}")];

const COMMON: &[(&str, &str)] = &[
    ("type", "{type}"),
    ("ns", "ozonetel.cloudagent"),
    ("customer", "{customer}"),
    ("agentId", "{agent_id}"),
    ("agentUniqId", "{agent_unique_id}"),
    ("utid", "{utid}"),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_manual_dial_has_exactly_the_keys_and_types_of_the_wire() {
        assert_eq!(
            render(DIAL, &BTreeMap::new()),
            Ok(json!({
                "type": "tbManualDial", "ns": "ozonetel.cloudagent", "customer": "acme_clinic",
                "agentId": "agent7", "agentUniqId": 100207,
                "browserSessionId": "0b9f2c64-0000-4000-8000-000000000000", "usId": "Qm9hcmRfMDAwMDE=",
                "isSip": "true", "mode": "manual",
                "params": "300401,9000000001,500607,SIP:true", "utid": 57
            }))
        );
    }

    #[test]
    fn signing_in_and_announcing_name_the_extension_and_the_mode() {
        let none = BTreeMap::new();
        let login = render(Command::Login(Session::Fresh), &none).expect("valid");
        assert_eq!(
            [&login["reconnect"], &login["params"], &login["phoneNumber"]],
            ["false", "manual", "500607"]
        );
        let again = render(Command::Reconnect(NewSocket::Reconnected), &none).expect("valid");
        assert_eq!(
            [&again["event"], &again["mode"], &again["usId"]],
            ["reconnect", "manual", "Qm9hcmRfMDAwMDE="]
        );
    }

    #[test]
    fn a_probe_holds_nothing_that_a_router_knows() {
        let probe = render(Command::Probe, &BTreeMap::new()).expect("valid");
        assert_eq!(
            probe,
            json!({ "type": "warmlineProbe", "action": "warmlineProbe", "utid": 57 })
        );
    }

    #[test]
    fn the_configuration_replaces_and_adds_keys() {
        let changes = Template(BTreeMap::from([
            ("params".to_owned(), json!("{number};{campaign}")),
            ("agentUniqId".to_owned(), json!("{agent_unique_id|text}")),
            ("isSip".to_owned(), json!(true)),
            ("version".to_owned(), json!(3)),
            ("note".to_owned(), json!("{ as it is")),
        ]));
        let templates = BTreeMap::from([("tbManualDial".to_owned(), changes)]);
        let dial = render(DIAL, &templates).expect("valid");
        assert_eq!(dial["params"], "9000000001;300401");
        assert_eq!(dial["agentUniqId"], "100207");
        assert_eq!(dial["isSip"], true);
        assert_eq!(dial["version"], 3);
        assert_eq!(dial["note"], "{ as it is");
        assert_eq!(dial["mode"], "manual");
    }

    #[test]
    fn a_separator_in_a_joined_value_is_refused() {
        for (number, character) in [("9000000001,1", ','), ("9000~1", '~')] {
            let dial = Command::ManualDial { number };
            let refused = Forbidden {
                placeholder: "number".to_owned(),
                character,
            };
            assert_eq!(render(dial, &BTreeMap::new()), Err(refused));
        }
    }

    #[test]
    fn a_disposition_names_its_call_and_only_the_agents_words_can_be_refused() {
        let mut disposal = Disposal {
            call: crate::call::CallId::fresh(),
            ucid: "12345678901234".to_owned(),
            did: Some("919000000000".to_owned()),
            number: "9000000001".to_owned(),
            uui: Some("ticket=5,vip".to_owned()),
            code: "Interested".to_owned(),
            callback_at: None,
        };
        let sent = render(Command::Dispose(&disposal), &BTreeMap::new()).expect("valid");
        assert_eq!(sent["type"], "tbSetDisposition");
        assert_eq!(
            sent["params"],
            ",Interested,,12345678901234,919000000000,9000000001,ticket=5 vip"
        );
        disposal.code = "Yes, please".to_owned();
        let refused = Forbidden {
            placeholder: "disposition".to_owned(),
            character: ',',
        };
        assert_eq!(
            render(Command::Dispose(&disposal), &BTreeMap::new()),
            Err(refused)
        );
    }

    #[test]
    fn hold_and_transfer_name_the_call_and_whom_it_is_about() {
        let mut change = Change {
            call: crate::call::CallId::fresh(),
            ucid: "12345678901234".to_owned(),
            did: Some("919000000000".to_owned()),
            number: "9000000001".to_owned(),
            act: Act::Hold,
        };
        let none = BTreeMap::new();
        for (act, kind, key) in [
            (Act::Hold, "tbHold", "phoneNumberToHold"),
            (Act::Resume, "tbUnHold", "phoneNumberToUnHold"),
        ] {
            change.act = act;
            assert_eq!(
                render(Command::Change(&change), &none),
                Ok(json!({
                    "type": kind, "ns": "ozonetel.cloudagent", "customer": "acme_clinic",
                    "agentId": "agent7", "agentUniqId": 100207, "utid": 57,
                    "monitorUcid": "12345678901234", "ucid": "12345678901234", "did": "919000000000",
                    "agentNumber": "500607", key: "9000000001"
                }))
            );
        }
        change.act = Act::Transfer {
            to: "9000000002".to_owned(),
        };
        let sent = render(Command::Change(&change), &none).expect("valid");
        assert_eq!(sent["type"], "tbSetTransfer");
        assert_eq!(
            sent["params"],
            "919000000000,12345678901234,phone,,9000000002,blind"
        );
    }

    #[test]
    fn signing_out_and_asking_for_lists_have_their_keys() {
        let none = BTreeMap::new();
        let logout = render(Command::Logout, &none).expect("valid");
        assert_eq!(
            [&logout["params"], &logout["phoneNumber"]],
            ["manual", "500607"]
        );
        let dispositions = render(Command::Dispositions, &none).expect("valid");
        assert_eq!(dispositions["params"], "~manual~300401");
        assert_eq!(
            render(Command::Campaigns, &none).expect("valid")["type"],
            "tbGetCampaigns"
        );
    }

    #[test]
    fn placeholders_are_checked_by_name() {
        assert_eq!(check_placeholders("{number},{utid|text},}{"), Ok(()));
        assert_eq!(check_placeholders("{number},{phone}"), Err("phone"));
    }

    const DIAL: Command<'_> = Command::ManualDial {
        number: "9000000001",
    };

    #[test]
    fn the_public_apis_dial_and_the_login_form_are_no_messages_of_the_socket() {
        assert_eq!(
            render(
                Command::ApiDial {
                    number: "9000000001"
                },
                &BTreeMap::new()
            ),
            Ok(json!({
                "userName": "acme_clinic", "agentID": "agent7", "campaignName": "Demo campaign",
                "customerNumber": "9000000001", "UCID": "true"
            }))
        );
        let form = Template(BTreeMap::from([
            ("user".to_owned(), json!("{agent_id}")),
            ("password".to_owned(), json!("{login_password}")),
        ]));
        let templates = BTreeMap::from([("login".to_owned(), form.clone())]);
        assert_eq!(
            render(Command::LoginForm, &templates),
            Ok(json!({ "user": "agent7", "password": "let me in, please" }))
        );
        // The password goes nowhere else, whatever the configuration says.
        let templates = BTreeMap::from([("tbManualDial".to_owned(), form)]);
        assert_eq!(render(DIAL, &templates).expect("valid")["password"], "");
    }

    fn render(
        command: Command<'_>,
        templates: &BTreeMap<String, Template>,
    ) -> Result<Value, Forbidden> {
        let agent = TokenAgent {
            agent: "agent7".to_owned(),
            agent_id: "agent7".to_owned(),
            agent_unique_id: 100_207,
            campaign: "300401".to_owned(),
            campaign_name: "Demo campaign".to_owned(),
            login_password: crate::config::Secret::new("let me in, please"),
            extension: "500607".to_owned(),
            mode: "manual".to_owned(),
        };
        let sender = Sender {
            customer: "acme_clinic",
            agent: &agent,
            us_id: "Qm9hcmRfMDAwMDE=",
            browser_session_id: "0b9f2c64-0000-4000-8000-000000000000",
        };
        command.render(templates, &sender, 57).map(Value::Object)
    }
}
