//! Why a call can't reach an agent now, in one sentence; nothing here is guessed.

use super::microphone::Microphone;
use super::page::PageTrouble;
use super::{AVAILABLE, Agent, Connection};

/// The first obstacle on a call's way to the agent's ear; `None`: ready.
pub fn obstacle(agent: &Agent) -> Option<String> {
    at_desk(agent).or_else(|| {
        if let Some(words) = down(agent.sip.as_ref()) {
            return Some(format!("The agent's SIP line is down: {words}."));
        }
        let token = agent.token.as_ref().map(|token| &token.connection);
        down(token).map(|words| format!("The provider's token socket is down: {words}."))
    })
}

/// The same for a call that is here already, whatever the lines do: only without it a call is answered without a click.
pub fn at_desk(agent: &Agent) -> Option<String> {
    let Some(session) = &agent.session else {
        return Some(NOBODY.to_owned());
    };
    // The page knows more than its packets tell, and sooner.
    if let Some(trouble) = session.page_trouble() {
        return Some(trouble.words().to_owned());
    }
    if agent.media.warm().is_none() {
        return Some(NO_AUDIO.to_owned());
    }
    if session.connection().is_none() {
        return Some(
            "The agent's page has lost its connection to the gateway; it is waited for.".to_owned(),
        );
    }
    if session.is_expired() {
        return Some(EXPIRED.to_owned());
    }
    if agent.status.name != AVAILABLE {
        return Some(format!("The agent's status is {}.", agent.status.name));
    }
    agent.media.microphone().trouble().map(str::to_owned)
}

/// Whether a call may ring at the agent. One whose microphone is only silent may sit in a still room, a page whose sound
/// is locked is unlocked by the click that answers, and a page that reloads is back before anybody minds.
///
/// # Errors
///
/// Why not, in a sentence.
pub fn can_ring(agent: &Agent) -> Result<(), String> {
    let session = agent.session.as_ref().ok_or(NOBODY)?;
    match session.page_trouble() {
        None | Some(PageTrouble::Locked) => {}
        Some(trouble) => return Err(trouble.words().to_owned()),
    }
    can_talk(agent)?;
    if session.is_expired() {
        return Err(EXPIRED.to_owned());
    }
    if agent.status.name != AVAILABLE {
        return Err(format!("The agent's status is {}.", agent.status.name));
    }
    match agent.media.microphone() {
        Microphone::Works | Microphone::Silent => Ok(()),
        deaf @ Microphone::SendsNothing => Err(deaf.trouble().unwrap_or_default().to_owned()),
    }
}

/// Whether the agent can be heard and spoken to, whatever the lines do.
///
/// # Errors
///
/// Why not, in a sentence.
pub fn can_talk(agent: &Agent) -> Result<(), String> {
    if agent.session.is_none() {
        return Err(NOBODY.to_owned());
    }
    match agent.media.warm() {
        Some(_) => Ok(()),
        None => Err(NO_AUDIO.to_owned()),
    }
}

fn down(connection: Option<&Connection>) -> Option<String> {
    connection?.detail()
}

const NOBODY: &str = "The agent is not signed in at a desk.";

const EXPIRED: &str = "The sign-in of the agent's page has expired; it takes no new calls.";

const NO_AUDIO: &str = "The audio connection to the agent's browser is not up.";
