//! `[[route]]`: which agents ring for a called number, and what the caller hears meanwhile.

use std::time::Duration;

use super::error::Fault;
use super::prompts::Saying;
use super::scalar::Scalar;
use super::table::Table;
use crate::call::ringing::Strategy;

/// Calls that come in by a trunk and ring at agents. The first route that matches is taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    pub trunk: String,
    pub called: Pattern,
    /// One or more, in the order in which they are rung.
    pub agents: Vec<String>,
    pub strategy: Strategy,
    /// How long each rings where they do so in turn.
    pub turn: Duration,
    pub ring_timeout: Duration,
    /// Said at once after answering; [`Saying::Nothing`]: answered with the agent only.
    pub greeting: Saying,
    /// Said when nobody answers.
    pub fallback: Saying,
    /// Whether its calls are recorded where that is on demand.
    pub record: bool,
}

/// A called number: exact, or with a `*` at one end, or `*` for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    Exact(String),
    StartsWith(String),
    EndsWith(String),
}

impl Route {
    pub(super) const KEYS: &[&str] = &[
        "trunk",
        "called",
        "agent",
        "agents",
        "strategy",
        "turn",
        "ring_timeout",
        "greeting",
        "fallback",
        "record",
    ];

    pub(super) fn read(table: Table<'_>) -> Result<Self, Fault> {
        Ok(Self {
            trunk: table.required("trunk")?,
            called: table.required("called")?,
            agents: agents(&table)?,
            strategy: table.or("strategy", Strategy::All)?,
            turn: table.or("turn", TURN)?,
            ring_timeout: table.or("ring_timeout", RING_TIMEOUT)?,
            greeting: Saying::read(&table, "greeting", Saying::Nothing)?,
            fallback: Saying::read(&table, "fallback", Saying::Usual)?,
            record: table.or("record", false)?,
        })
    }
}

/// `agent` or `agents`: one of the two.
fn agents(table: &Table<'_>) -> Result<Vec<String>, Fault> {
    let agents = match table.list::<String>("agents")? {
        None => vec![table.required("agent")?],
        Some(_) if table.entry("agent").is_some() => {
            return Err(table.fault("agent", "and agents are both given; only one can be meant"));
        }
        Some(agents) => agents,
    };
    let twice = |(place, id): (usize, &String)| agents[..place].contains(id);
    if agents.is_empty() || agents.iter().enumerate().any(twice) {
        return Err(table.fault("agents", "must name at least one agent, and none twice"));
    }
    Ok(agents)
}

impl Scalar for Strategy {
    const SHAPE: &'static str = "one of \"all\", \"in-turn\"";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "all" => Some(Self::All),
            "in-turn" => Some(Self::InTurn),
            _ => None,
        }
    }
}

impl Pattern {
    pub fn matches(&self, called: &str) -> bool {
        match self {
            Self::Exact(number) => called == number,
            Self::StartsWith(prefix) => called.starts_with(prefix.as_str()),
            Self::EndsWith(suffix) => called.ends_with(suffix.as_str()),
        }
    }
}

impl Scalar for Pattern {
    const SHAPE: &'static str =
        "a number, or one with a \"*\" at its start or end such as \"+9190*\", or \"*\"";

    fn from_text(text: &str) -> Option<Self> {
        let pattern = match (text.strip_prefix('*'), text.strip_suffix('*')) {
            (_, Some(prefix)) => Self::StartsWith(prefix.to_owned()),
            (Some(suffix), None) => Self::EndsWith(suffix.to_owned()),
            (None, None) => Self::Exact(text.to_owned()),
        };
        match &pattern {
            Self::Exact(part) => (!part.is_empty()).then_some(()),
            // A second star would be taken for a character of the number.
            Self::StartsWith(part) | Self::EndsWith(part) => (!part.contains('*')).then_some(()),
        }?;
        Some(pattern)
    }
}

/// As long as most carriers let a phone ring.
const RING_TIMEOUT: Duration = Duration::from_secs(45);

/// Three or four rings.
const TURN: Duration = Duration::from_secs(15);
