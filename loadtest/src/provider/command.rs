//! Requests on the token socket: the keys each must carry, checked before anything is done with them.

use serde_json::{Map, Value};

/// A request whose keys are all there.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// As text, the way replies carry it.
    pub utid: String,
    pub kind: Kind,
    pub agent: String,
    body: Map<String, Value>,
}

/// The commands that the platform knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    AgentLogin,
    Reconnect,
    AgentRelease,
    AgentPause,
    SetAgentMode,
    ManualDial,
    CheckManualDialStatus,
    KickCall,
    Hold,
    UnHold,
    SetTransfer,
    GetCampaigns,
    GetDispositions,
    SetDisposition,
    AgentLogout,
    Ping,
}

/// Why a frame is no request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// Nothing by which the socket's own gateway could route it: no JSON object, no `type`, or a foreign one without `ns`.
    Unroutable,
    /// A `type` that the platform doesn't know.
    UnknownType { utid: String },
    /// The client broke the contract; the text says how.
    Breach { utid: String, what: String },
}

impl Request {
    /// Reads a frame; `last` is the highest utid that this socket has used.
    ///
    /// # Errors
    ///
    /// The [`Rejection`] that tells which reply is due.
    pub fn parse(frame: &str, last: Option<u64>) -> Result<(Self, u64), Rejection> {
        let Ok(Value::Object(body)) = serde_json::from_str(frame) else {
            return Err(Rejection::Unroutable);
        };
        let Some(name) = body.get("type").and_then(Value::as_str) else {
            return Err(Rejection::Unroutable);
        };
        let kind = Kind::named(name);
        if kind.is_none() && !body.contains_key("ns") {
            return Err(Rejection::Unroutable);
        }
        let utid = match body.get("utid") {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        };
        let breach = |what: String| Rejection::Breach {
            utid: utid.clone(),
            what,
        };
        check_common(&body).map_err(&breach)?;
        let serial = utid
            .parse::<u64>()
            .map_err(|_| breach("`utid` isn't a number".to_owned()))?;
        if last.is_some_and(|last| serial <= last) {
            return Err(breach(format!("`utid` {serial} doesn't count up")));
        }
        let Some(kind) = kind else {
            return Err(Rejection::UnknownType { utid });
        };
        kind.check(&body).map_err(&breach)?;
        let agent = text(&body, "agentId").to_owned();
        let request = Self {
            utid,
            kind,
            agent,
            body,
        };
        Ok((request, serial))
    }

    /// A key's text; empty where it is absent or something else.
    pub fn text(&self, key: &str) -> &str {
        text(&self.body, key)
    }
}

impl Kind {
    fn named(name: &str) -> Option<Self> {
        TABLE
            .iter()
            .find(|(n, ..)| *n == name)
            .map(|(_, kind, _)| *kind)
    }

    fn check(self, body: &Map<String, Value>) -> Result<(), String> {
        let keys = TABLE
            .iter()
            .find(|(_, kind, _)| *kind == self)
            .map_or(&[][..], |(.., keys)| keys);
        for key in keys {
            match body.get(*key) {
                Some(Value::String(_)) => {}
                Some(_) => return Err(format!("`{key}` isn't text")),
                None => return Err(format!("`{key}` is missing")),
            }
        }
        for key in BOOLEANS {
            if keys.contains(&key) && !matches!(text(body, key), "true" | "false") {
                return Err(format!("`{key}` is neither \"true\" nor \"false\""));
            }
        }
        Ok(())
    }
}

fn check_common(body: &Map<String, Value>) -> Result<(), String> {
    if text(body, "ns") != NAMESPACE {
        return Err(format!("`ns` isn't \"{NAMESPACE}\""));
    }
    for key in ["customer", "agentId"] {
        if text(body, key).is_empty() {
            return Err(format!("`{key}` is missing or no text"));
        }
    }
    if !body.get("agentUniqId").is_some_and(Value::is_u64) {
        return Err("`agentUniqId` is missing or no number".to_owned());
    }
    match body.iter().find(|(_, value)| value.is_boolean()) {
        Some((key, _)) => Err(format!(
            "`{key}` is a bare boolean; booleans travel as text"
        )),
        None => Ok(()),
    }
}

fn text<'a>(body: &'a Map<String, Value>, key: &str) -> &'a str {
    body.get(key).and_then(Value::as_str).unwrap_or_default()
}

const NAMESPACE: &str = "ozonetel.cloudagent";
const BOOLEANS: [&str; 2] = ["isSip", "reconnect"];

/// Wire name, command, and the keys it carries beyond the common ones, all of them text.
const TABLE: &[(&str, Kind, &[&str])] = &[
    (
        "tbAgentLogin",
        Kind::AgentLogin,
        &["usId", "reconnect", "params", "phoneNumber"],
    ),
    (
        "tbReconnect",
        Kind::Reconnect,
        &["usId", "phoneNumber", "mode", "event"],
    ),
    ("tbAgentRelease", Kind::AgentRelease, &["params", "mes"]),
    ("tbAgentPause", Kind::AgentPause, &["params"]),
    (
        "tbSetAgentMode",
        Kind::SetAgentMode,
        &["params", "reconnect"],
    ),
    (
        "tbManualDial",
        Kind::ManualDial,
        &["browserSessionId", "usId", "isSip", "mode", "params"],
    ),
    (
        "tbCheckManualDialStatus",
        Kind::CheckManualDialStatus,
        &["ucid"],
    ),
    (
        "tbKickCall",
        Kind::KickCall,
        &["monitorUcid", "ucid", "did", "phoneNumberToKick"],
    ),
    (
        "tbHold",
        Kind::Hold,
        &[
            "monitorUcid",
            "ucid",
            "did",
            "agentNumber",
            "phoneNumberToHold",
        ],
    ),
    (
        "tbUnHold",
        Kind::UnHold,
        &[
            "monitorUcid",
            "ucid",
            "did",
            "agentNumber",
            "phoneNumberToUnHold",
        ],
    ),
    ("tbSetTransfer", Kind::SetTransfer, &["params"]),
    ("tbGetCampaigns", Kind::GetCampaigns, &[]),
    ("tbGetDispositions", Kind::GetDispositions, &["params"]),
    ("tbSetDisposition", Kind::SetDisposition, &["params"]),
    (
        "tbAgentLogout",
        Kind::AgentLogout,
        &["params", "phoneNumber"],
    ),
    ("ping", Kind::Ping, &[]),
];

#[cfg(test)]
mod tests {
    use super::*;

    const DIAL: &str = r#"{"type":"tbManualDial","ns":"ozonetel.cloudagent","customer":"acme_clinic",
        "agentId":"agent7","agentUniqId":100207,"browserSessionId":"0b9f2c64","usId":"Qm9hcmRfMDAwMDE=",
        "isSip":"true","mode":"manual","params":"300401,9000000001,500607,SIP:true","utid":57}"#;

    #[test]
    fn a_dial_with_every_key_is_read() {
        let (request, serial) = Request::parse(DIAL, Some(56)).unwrap();
        assert_eq!(
            (request.kind, serial, request.utid.as_str()),
            (Kind::ManualDial, 57, "57")
        );
        assert_eq!(request.text("params"), "300401,9000000001,500607,SIP:true");
    }

    #[test]
    fn each_missing_or_mistyped_key_is_a_breach_that_names_it() {
        for (from, to, named) in [
            (r#""ns":"ozonetel.cloudagent","#, "", "`ns`"),
            (r#""customer":"acme_clinic","#, "", "`customer`"),
            ("100207", r#""100207""#, "`agentUniqId`"),
            (r#""usId":"Qm9hcmRfMDAwMDE=","#, "", "`usId`"),
            (r#""isSip":"true""#, r#""isSip":true"#, "`isSip`"),
            (r#""isSip":"true""#, r#""isSip":"yes""#, "`isSip`"),
            (r#""mode":"manual","#, "", "`mode`"),
            (r#","utid":57"#, "", "`utid`"),
            (r#""utid":57"#, r#""utid":56"#, "`utid`"),
        ] {
            let altered = DIAL.replace(from, to);
            assert_ne!(altered, DIAL);
            match Request::parse(&altered, Some(56)) {
                Err(Rejection::Breach { what, .. }) => assert!(what.contains(named), "{what}"),
                other => panic!("{altered}: {other:?}"),
            }
        }
    }

    #[test]
    fn unknown_types_and_unroutable_frames_are_told_apart() {
        let unknown = DIAL.replace("tbManualDial", "tbMakeTea");
        assert_eq!(
            Request::parse(&unknown, None),
            Err(Rejection::UnknownType {
                utid: "57".to_owned()
            })
        );
        for frame in ["hello", "[]", "{}", r#"{"type":"probe","utid":1}"#] {
            assert_eq!(
                Request::parse(frame, None),
                Err(Rejection::Unroutable),
                "{frame}"
            );
        }
    }
}
