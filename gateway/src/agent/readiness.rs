//! Why a call can't reach an agent now, in one sentence; nothing here is guessed.

use super::{AVAILABLE, Agent, Connection};

/// The first obstacle on a call's way to the agent's ear; `None`: ready.
pub fn obstacle(agent: &Agent) -> Option<String> {
    if agent.session.is_none() {
        return Some("The agent is not signed in at a desk.".to_owned());
    }
    if agent.media.warm().is_none() {
        return Some("The audio connection to the agent's browser is not up.".to_owned());
    }
    if agent.status.name != AVAILABLE {
        return Some(format!("The agent's status is {}.", agent.status.name));
    }
    if let Some(trouble) = agent.media.microphone().trouble() {
        return Some(trouble.to_owned());
    }
    if let Some(words) = down(agent.sip.as_ref()) {
        return Some(format!("The agent's SIP line is down: {words}."));
    }
    let token = agent.token.as_ref().map(|token| &token.connection);
    down(token).map(|words| format!("The provider's token socket is down: {words}."))
}

/// Whether the agent can be heard and spoken to, whatever the lines do.
pub fn can_talk(agent: &Agent) -> Result<(), String> {
    match obstacle(agent) {
        Some(because) if agent.session.is_none() || agent.media.warm().is_none() => Err(because),
        Some(_) | None => Ok(()),
    }
}

fn down(connection: Option<&Connection>) -> Option<String> {
    connection?.detail()
}
