//! Registered lines: which contact of which extension is reached over which connection (RFC 5626's flows).

use std::collections::HashMap;
use std::time::Instant;

use serde::Serialize;

use super::socket::Socket;

/// All bindings; an extension may have several, the newest is rung.
#[derive(Debug, Default)]
pub struct Bindings {
    by_extension: HashMap<String, Vec<Binding>>,
}

/// One registered contact and the connection it came in on.
#[derive(Debug, Clone)]
pub struct Binding {
    /// The contact's URI, as it was registered.
    pub contact: String,
    /// `+sip.instance`: the same instance replaces its earlier binding (RFC 5626 §6).
    pub instance: Option<String>,
    pub socket: Socket,
    pub transport: LineTransport,
    pub expires: Instant,
}

/// How the line reaches us; the name stands in Via.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LineTransport {
    Ws,
    Wss,
}

/// What the control interface shows.
#[derive(Debug, Serialize)]
pub struct Registration {
    pub extension: String,
    pub contact: String,
    pub transport: LineTransport,
    pub expires_in: u64,
}

impl Bindings {
    /// Adds or refreshes a binding.
    pub fn register(&mut self, extension: &str, binding: Binding) {
        let bindings = self.by_extension.entry(extension.to_owned()).or_default();
        bindings.retain(|b| !b.is_same(&binding.contact, binding.instance.as_deref()));
        bindings.push(binding);
    }

    /// Removes one contact, or all of them for `*` (RFC 3261 §10.2.2).
    pub fn remove(&mut self, extension: &str, contact: &str, instance: Option<&str>) {
        if let Some(bindings) = self.by_extension.get_mut(extension) {
            bindings.retain(|b| contact != "*" && !b.is_same(contact, instance));
        }
    }

    /// Forgets what was bound to a closed connection; returns the extensions that lost a binding.
    pub fn handle_closed(&mut self, serial: u64) -> Vec<String> {
        let mut lost = Vec::new();
        for (extension, bindings) in &mut self.by_extension {
            let before = bindings.len();
            bindings.retain(|b| b.socket.serial() != serial);
            if bindings.len() < before {
                lost.push(extension.clone());
            }
        }
        lost
    }

    /// The binding to ring, if any is alive.
    pub fn newest(&self, extension: &str, now: Instant) -> Option<&Binding> {
        let bindings = self.by_extension.get(extension)?;
        bindings
            .iter()
            .rev()
            .find(|b| b.expires > now && b.socket.is_open())
    }

    /// Every connection of `extension`, or of all.
    pub fn sockets<'a>(&'a self, extension: Option<&'a str>) -> impl Iterator<Item = &'a Socket> {
        self.by_extension
            .iter()
            .filter(move |(e, _)| extension.is_none_or(|wanted| wanted == e.as_str()))
            .flat_map(|(_, bindings)| bindings.iter().map(|b| &b.socket))
    }

    /// The living ones.
    pub fn registrations(&self, now: Instant) -> Vec<Registration> {
        let mut all: Vec<Registration> = self
            .by_extension
            .iter()
            .flat_map(|(extension, bindings)| bindings.iter().map(move |b| (extension, b)))
            .filter(|(_, b)| b.expires > now)
            .map(|(extension, b)| Registration {
                extension: extension.clone(),
                contact: b.contact.clone(),
                transport: b.transport,
                expires_in: (b.expires - now).as_secs(),
            })
            .collect();
        all.sort_by(|a, b| a.extension.cmp(&b.extension));
        all
    }
}

impl Binding {
    fn is_same(&self, contact: &str, instance: Option<&str>) -> bool {
        self.contact == contact || (instance.is_some() && self.instance.as_deref() == instance)
    }
}

impl LineTransport {
    /// Via's transport (RFC 7118 §5.1).
    pub fn via(self) -> &'static str {
        match self {
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_new_flow_of_the_same_instance_replaces_the_old_one() {
        let mut lines = Bindings::default();
        let now = Instant::now();
        let (old, _old_outbox) = Socket::new();
        let (new, _new_outbox) = Socket::new();
        lines.register("500607", binding("sip:a@k1.invalid", &old, now));
        lines.register("500607", binding("sip:b@k2.invalid", &new, now));
        assert_eq!(lines.registrations(now).len(), 1);
        assert_eq!(
            lines.newest("500607", now).unwrap().contact,
            "sip:b@k2.invalid"
        );
        assert!(
            lines.handle_closed(old.serial()).is_empty(),
            "its binding was replaced"
        );
        assert_eq!(lines.handle_closed(new.serial()), ["500607"]);
    }

    #[test]
    fn an_expired_binding_is_not_rung() {
        let mut lines = Bindings::default();
        let now = Instant::now();
        let (socket, _outbox) = Socket::new();
        lines.register("500607", binding("sip:a@k1.invalid", &socket, now));
        assert!(
            lines
                .newest("500607", now + Duration::from_secs(59))
                .is_some()
        );
        assert!(
            lines
                .newest("500607", now + Duration::from_secs(60))
                .is_none()
        );
    }

    #[test]
    fn a_star_removes_every_contact() {
        let mut lines = Bindings::default();
        let now = Instant::now();
        let (socket, _outbox) = Socket::new();
        lines.register("500607", binding("sip:a@k1.invalid", &socket, now));
        lines.remove("500607", "*", None);
        assert!(lines.registrations(now).is_empty());
    }

    fn binding(contact: &str, socket: &Socket, now: Instant) -> Binding {
        Binding {
            contact: contact.to_owned(),
            instance: Some("<urn:uuid:1>".to_owned()),
            socket: socket.clone(),
            transport: LineTransport::Wss,
            expires: now + Duration::from_secs(60),
        }
    }
}
