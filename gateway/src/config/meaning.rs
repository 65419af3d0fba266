//! What only shows when sections are read together: names that name nothing or twice. Whose ports are whose is
//! `ports`' matter.

use std::collections::BTreeMap;

use super::agent::Agent;
use super::error::Faults;
use super::http::Http;
use super::media::Media;
use super::ozonetel::Ozonetel;
use super::ports;
use super::route::Route;
use super::status::Status;
use super::table::{Located, unknown};
use super::trunk::Trunk;
use crate::call::state::{DESK, OZONETEL};

pub(super) fn check(
    http: &Http,
    media: &Media,
    ozonetel: Option<&Ozonetel>,
    trunks: &[Located<Trunk>],
    agents: &[Located<Agent>],
    routes: &[Located<Route>],
    faults: &mut Faults,
) {
    once("name", trunks, |trunk| Some(&trunk.name), faults);
    once("id", agents, |agent| Some(&agent.id), faults);
    once(
        "extension",
        agents,
        |agent| agent.extension.as_ref(),
        faults,
    );

    let trunk_names: Vec<&str> = trunks.iter().map(|t| t.value.name.as_str()).collect();
    let agent_ids: Vec<&str> = agents.iter().map(|a| a.value.id.as_str()).collect();
    for one in routes {
        route(one, &trunk_names, &agent_ids, faults);
    }
    for (reserved, meaning) in [(OZONETEL, "the provider's line"), (DESK, "another agent")] {
        for trunk in trunks.iter().filter(|t| t.value.name == reserved) {
            let message = format!("\"{reserved}\" means {meaning} and can't name a trunk");
            faults.push(trunk.fault("name", message));
        }
    }
    let mut ways = trunk_names;
    ways.extend(ozonetel.map(|_| OZONETEL));
    for agent in agents {
        if let Some(via) = &agent.value.dial_via {
            named("dial_via", agent, via, &ways, faults);
        }
        line(agent, ozonetel, faults);
    }
    ports::check(http, media, trunks, faults);
}

/// Each status has a name of its own.
pub(super) fn check_statuses(statuses: &[Located<Status>], faults: &mut Faults) {
    once("name", statuses, |status| Some(&status.name), faults);
}

fn route(route: &Located<Route>, trunks: &[&str], agents: &[&str], faults: &mut Faults) {
    named("trunk", route, &route.value.trunk, trunks, faults);
    let key = match route.value.agents.len() {
        1 => "agent",
        _ => "agents",
    };
    for agent in &route.value.agents {
        named(key, route, agent, agents, faults);
    }
}

/// What an agent with a line needs for it.
fn line(agent: &Located<Agent>, ozonetel: Option<&Ozonetel>, faults: &mut Faults) {
    let with_line = agent.value.extension.is_some();
    let Some(ozonetel) = ozonetel else {
        if with_line {
            faults.push(agent.fault(
                "extension",
                "is registered with the provider, and there is no [ozonetel] section".to_owned(),
            ));
        }
        return;
    };
    if !with_line && agent.value.dial_via.as_deref() == Some(OZONETEL) {
        faults.push(agent.fault(
            "dial_via",
            "is \"ozonetel\", which needs an extension".to_owned(),
        ));
    }
    if with_line && ozonetel.websocket.is_some() {
        let needed = "is missing; a dial by the token socket names it".to_owned();
        if agent.value.campaign.is_empty() {
            faults.push(agent.fault("campaign", needed.clone()));
        }
        if agent.value.agent_unique_id == 0 {
            faults.push(agent.fault("agent_unique_id", needed));
        }
    }
}

fn once<T>(
    key: &str,
    all: &[Located<T>],
    name: impl Fn(&T) -> Option<&String>,
    faults: &mut Faults,
) {
    let mut seen: BTreeMap<&str, &Located<T>> = BTreeMap::new();
    for one in all {
        let Some(name) = name(&one.value) else {
            continue;
        };
        if let Some(first) = seen.insert(name, one) {
            let message = format!("\"{name}\" is already {}'s", first.name);
            faults.push(one.fault(key, message));
        }
    }
}

fn named<T>(key: &str, by: &Located<T>, name: &str, known: &[&str], faults: &mut Faults) {
    if known.contains(&name) {
        return;
    }
    let suggestion = unknown(String::new(), None, name, known).message;
    let suggestion = match suggestion.split_once("; ") {
        Some((_, suggestion)) if !known.is_empty() => format!("; {suggestion}"),
        _ => String::new(),
    };
    faults.push(by.fault(key, format!("\"{name}\" isn't configured{suggestion}")));
}
