//! The ways that messages take: what we call ourselves on each, and which way a line's next message goes.

use super::{DialogId, Endpoint, Flow, Path};
use crate::dialog::Dialog;
use crate::message::Method;
use crate::profile::{BranchStyle, Profile};
use crate::transaction::{ClientKey, MAGIC_COOKIE, Reliability};

/// What a request says about the way it takes; good for one request, since the branch is in it.
pub(super) struct Stamp {
    pub flow: Flow,
    pub via: String,
    pub max_forwards: u8,
    pub user_agent: String,
}

/// Whether a call goes out or comes in; browser softphones write their Contact differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Calling,
    Answering,
}

impl Endpoint {
    /// `None` if the line has no connection now, or the socket was never opened.
    pub(super) fn stamp(&mut self, path: Path) -> Option<Stamp> {
        let branch = self.new_branch(path);
        let profile = self.profile(path);
        let max_forwards = profile.max_forwards;
        let user_agent = profile
            .user_agent
            .clone()
            .unwrap_or_else(|| self.config.user_agent.clone());
        let (flow, via) = match path {
            Path::Line(line) => {
                let line = self.lines.get(&line)?;
                let (stream, transport) = line.stream?;
                // No rport: a browser's WebSocket has no address to ask for (RFC 7118 §5).
                (
                    Flow::Stream(stream),
                    format!(
                        "SIP/2.0/{} {};branch={branch}",
                        transport.via_name(),
                        line.host
                    ),
                )
            }
            Path::Datagram { socket, .. } | Path::Connection { socket, .. } => {
                let sent_by = self.sockets.sent_by(socket)?;
                (
                    self.flow_of(path)?,
                    format!("SIP/2.0/{sent_by};rport;branch={branch}"),
                )
            }
        };
        Some(Stamp {
            flow,
            via,
            max_forwards,
            user_agent,
        })
    }

    /// The flow of a path as it is now.
    pub(super) fn flow_of(&self, path: Path) -> Option<Flow> {
        match path {
            Path::Line(line) => self
                .lines
                .get(&line)?
                .stream
                .map(|(stream, _)| Flow::Stream(stream)),
            Path::Datagram { socket, peer } => self
                .sockets
                .is_open(socket)
                .then_some(Flow::Datagram { socket, peer }),
            Path::Connection { socket, peer } => self
                .sockets
                .is_open(socket)
                .then_some(Flow::Connection { socket, peer }),
        }
    }

    pub(super) fn flow_of_call(&self, dialog: DialogId) -> Option<Flow> {
        self.flow_of(self.usages.get(&dialog)?.path)
    }

    /// Our Contact on a path, brackets included.
    pub(super) fn contact(&self, path: Path, direction: Direction) -> String {
        match path {
            Path::Line(line) => self
                .lines
                .get(&line)
                .map(|line| line.contact(direction))
                .unwrap_or_default(),
            Path::Datagram { socket, .. } | Path::Connection { socket, .. } => {
                self.sockets.contact(socket)
            }
        }
    }

    pub(super) fn profile(&self, path: Path) -> &Profile {
        match path {
            Path::Line(line) => self
                .lines
                .get(&line)
                .map_or(&self.trunk_profile, |line| &line.config.profile),
            Path::Datagram { .. } | Path::Connection { .. } => &self.trunk_profile,
        }
    }

    pub(super) fn new_tag(&mut self, path: Path) -> String {
        let length = self.profile(path).tag_length;
        self.random.token(length)
    }

    /// Unique among live transactions even where the profile's branches are short.
    fn new_branch(&mut self, path: Path) -> String {
        let style = self.profile(path).branch;
        loop {
            let branch = match style {
                BranchStyle::SevenDigits => format!("z9hG4bK{}", self.random.below(10_000_000)),
                BranchStyle::Random => format!("z9hG4bK{}", self.random.token(20)),
            };
            debug_assert!(
                branch.as_bytes().starts_with(MAGIC_COOKIE),
                "RFC 3261 §8.1.1.7"
            );
            if self
                .clients
                .find(&ClientKey::new(branch.as_bytes(), Method::Invite))
                .is_none()
            {
                return branch;
            }
        }
    }
}

impl Flow {
    /// The same flow, or another port of the same peer if the dialog names it. Another address is never gone to: a Contact
    /// could name anybody's, and a proxy that didn't record itself still knows the way. A connection is used while it lives.
    pub(super) fn towards(self, dialog: &Dialog) -> Flow {
        match (self, dialog.next_hop()) {
            (Flow::Datagram { socket, peer }, Some(hop)) if hop.ip() == peer.ip() => {
                Flow::Datagram { socket, peer: hop }
            }
            (Flow::Datagram { .. } | Flow::Connection { .. } | Flow::Stream(_), _) => self,
        }
    }

    pub(super) fn reliability(self) -> Reliability {
        match self {
            Flow::Datagram { .. } => Reliability::Unreliable,
            Flow::Connection { .. } | Flow::Stream(_) => Reliability::Reliable,
        }
    }
}
