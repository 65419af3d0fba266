//! Agents who signed in on the token socket.

use std::collections::BTreeMap;

use serde::Serialize;

use super::socket::Socket;

/// Every agent seen since the start, by agent id.
#[derive(Debug, Default)]
pub struct Seats {
    by_agent: BTreeMap<String, Seat>,
}

/// One agent's place.
#[derive(Debug, Clone, Serialize)]
pub struct Seat {
    #[serde(rename = "agentId")]
    pub agent: String,
    pub extension: String,
    pub us_id: String,
    pub status: Status,
    #[serde(serialize_with = "is_open", rename = "connected")]
    socket: Socket,
}

/// What the platform would show beside the agent's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// Signed in, not yet released for calls.
    Login,
    Ready,
    Pause,
    Busy,
    /// After-call work.
    Acw,
    Offline,
}

impl Seats {
    /// Seats an agent on `socket`; returns the socket that the agent sat on before, if it is another one and open.
    pub fn sit(
        &mut self,
        agent: &str,
        extension: &str,
        us_id: &str,
        status: Status,
        socket: &Socket,
    ) -> Option<Socket> {
        let seat = Seat {
            agent: agent.to_owned(),
            extension: extension.to_owned(),
            us_id: us_id.to_owned(),
            status,
            socket: socket.clone(),
        };
        let before = self.by_agent.insert(agent.to_owned(), seat)?.socket;
        (before.serial() != socket.serial() && before.is_open()).then_some(before)
    }

    pub fn seat(&self, agent: &str) -> Option<&Seat> {
        self.by_agent.get(agent)
    }

    pub fn set_status(&mut self, agent: &str, status: Status) {
        if let Some(seat) = self.by_agent.get_mut(agent) {
            seat.status = status;
        }
    }

    /// The agent's open socket.
    pub fn socket(&self, agent: &str) -> Option<&Socket> {
        self.by_agent
            .get(agent)
            .map(|seat| &seat.socket)
            .filter(|socket| socket.is_open())
    }

    pub fn all(&self) -> Vec<Seat> {
        self.by_agent.values().cloned().collect()
    }
}

fn is_open<S: serde::Serializer>(socket: &Socket, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(socket.is_open())
}
