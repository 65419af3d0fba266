//! `[[agent]]`: who answers.

use std::time::Duration;

use super::error::Fault;
use super::media::{self, Codec};
use super::scalar::Scalar;
use super::secret::Secret;
use super::table::Table;

/// One person with a browser.
#[derive(Debug, Clone, PartialEq)]
pub struct Agent {
    pub id: String,
    pub name: String,
    /// The user at the provider's registrar; absent for an agent without a line there.
    pub extension: Option<String>,
    /// The extension's password: the extension itself when none is given, as the provider sets it up.
    pub password: Secret,
    /// The provider's name for the agent.
    pub agent_id: String,
    /// The provider's number for the agent.
    pub agent_unique_id: u64,
    /// The provider's campaign that manual dials belong to.
    pub campaign: String,
    /// The campaign's name, which the public API wants; the campaign itself when none is given.
    pub campaign_name: String,
    /// The agent's password at the provider's login page.
    pub login_password: Secret,
    /// The provider's mode to sign in with.
    pub mode: String,
    pub auto_answer: AutoAnswer,
    pub auto_answer_headers: AutoAnswerHeaders,
    /// `ozonetel` or a trunk's name; the only way there is when absent.
    pub dial_via: Option<String>,
    pub on_lost: OnLost,
    /// Time for notes after a talk, if not everybody's.
    pub wrap_up: Option<Duration>,
    /// Calls at a time, if not everybody's.
    pub calls: Option<usize>,
    /// The browser's, in order of preference; `media.codecs` when absent.
    pub codecs: Option<Vec<Codec>>,
}

/// Which of the provider's INVITEs are answered without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoAnswer {
    None,
    All,
    Inbound,
    /// Only what a dial of the agent's own caused.
    Outbound,
}

/// What becomes of an INVITE on the agent's line whose headers ask for an answer without ringing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoAnswerHeaders {
    /// It rings, unless `auto_answer` says otherwise: whoever may write them could listen in.
    Ignore,
    Obey,
}

/// What happens to a call whose agent doesn't come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLost {
    HoldPromptThenHangup,
    Hangup,
}

impl Agent {
    pub(super) const KEYS: &[&str] = &[
        "id",
        "name",
        "extension",
        "password",
        "password_file",
        "agent_id",
        "agent_unique_id",
        "campaign",
        "campaign_name",
        "login_password",
        "login_password_file",
        "mode",
        "auto_answer",
        "auto_answer_headers",
        "dial_via",
        "on_lost",
        "wrap_up",
        "calls",
        "codecs",
    ];

    pub(super) fn read(table: Table<'_>) -> Result<Self, Fault> {
        let id: String = table.required("id")?;
        let extension: Option<String> = table.optional("extension")?;
        let password = table.secret("password", "password_file")?;
        let campaign: String = table.optional("campaign")?.unwrap_or_default();
        let mode = table.or("mode", MODE.to_owned())?;
        for (key, value) in [
            ("extension", extension.as_deref().unwrap_or("")),
            ("campaign", &campaign),
            ("mode", &mode),
        ] {
            if value.contains(SEPARATORS) {
                return Err(table.fault(
                    key,
                    "must not hold \",\" or \"~\": the provider separates values by them",
                ));
            }
        }
        let calls = table.optional("calls")?;
        if calls == Some(0) {
            return Err(table.fault("calls", "must be at least 1"));
        }
        Ok(Self {
            calls,
            wrap_up: table.optional("wrap_up")?,
            name: table.or("name", id.clone())?,
            password: password
                .or_else(|| extension.as_deref().map(Secret::new))
                .unwrap_or_default(),
            extension,
            agent_id: table.or("agent_id", id.clone())?,
            agent_unique_id: table.or("agent_unique_id", 0)?,
            campaign_name: table.or("campaign_name", campaign.clone())?,
            login_password: table
                .secret("login_password", "login_password_file")?
                .unwrap_or_default(),
            campaign,
            mode,
            auto_answer: table.or("auto_answer", AutoAnswer::Outbound)?,
            auto_answer_headers: table.or("auto_answer_headers", AutoAnswerHeaders::Ignore)?,
            dial_via: table.optional("dial_via")?,
            on_lost: table.or("on_lost", OnLost::HoldPromptThenHangup)?,
            codecs: media::codecs(&table)?,
            id,
        })
    }
}

impl Scalar for AutoAnswer {
    const SHAPE: &'static str = "one of \"none\", \"all\", \"inbound\", \"outbound\"";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "none" => Some(Self::None),
            "all" => Some(Self::All),
            "inbound" => Some(Self::Inbound),
            "outbound" => Some(Self::Outbound),
            _ => None,
        }
    }
}

impl Scalar for AutoAnswerHeaders {
    const SHAPE: &'static str = "one of \"ignore\", \"obey\"";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "ignore" => Some(Self::Ignore),
            "obey" => Some(Self::Obey),
            _ => None,
        }
    }
}

impl Scalar for OnLost {
    const SHAPE: &'static str = "one of \"hold-prompt-then-hangup\", \"hangup\"";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "hold-prompt-then-hangup" => Some(Self::HoldPromptThenHangup),
            "hangup" => Some(Self::Hangup),
            _ => None,
        }
    }
}

/// Dialled by the agent's hand, as the gateway's calls are.
const MODE: &str = "manual";

/// The provider's commands join values by these and can't escape them.
const SEPARATORS: [char; 2] = [',', '~'];
