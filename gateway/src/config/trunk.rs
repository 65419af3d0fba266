//! `[[trunk]]`: carriers and PBXs by SIP.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::error::Fault;
use super::scalar::Scalar;
use super::secret::Secret;
use super::table::Table;

/// One way to the telephone network by SIP.
#[derive(Debug, Clone, PartialEq)]
pub struct Trunk {
    pub name: String,
    pub listen: Listen,
    /// Where outbound calls go; absent for a trunk that only receives.
    pub peer: Option<TrunkPeer>,
    /// Whose requests are taken beside the peer's own.
    pub allow: Vec<IpNet>,
    pub username: Option<String>,
    pub password: Option<Secret>,
    /// The number that outbound calls show.
    pub caller_id: Option<String>,
}

/// Where a trunk's requests come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listen {
    Udp(SocketAddr),
}

/// The other end of a trunk, over UDP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkPeer {
    /// A name or an address, as it stands in request URIs; an IPv6 address without its brackets.
    pub host: String,
    pub port: u16,
}

impl Trunk {
    pub(super) const KEYS: &[&str] = &[
        "name",
        "listen",
        "peer",
        "allow",
        "username",
        "password",
        "password_file",
        "caller_id",
    ];

    pub(super) fn read(table: Table<'_>) -> Result<Self, Fault> {
        let username = table.optional("username")?;
        let password = table.secret("password", "password_file")?;
        if username.is_some() != password.is_some() {
            return Err(table.fault("username", "and password only make sense together"));
        }
        Ok(Self {
            name: table.required("name")?,
            listen: table.required("listen")?,
            peer: table.optional("peer")?,
            allow: table.list("allow")?.unwrap_or_default(),
            username,
            password,
            caller_id: table.optional("caller_id")?,
        })
    }

    /// Whether a request from `source` may come in by this trunk: from a listed network, or from the peer's own address.
    pub fn admits(&self, source: IpAddr) -> bool {
        let source = source.to_canonical();
        let peer = self.peer.as_ref().and_then(|peer| peer.host.parse().ok());
        peer == Some(source) || self.allow.iter().any(|network| network.contains(&source))
    }
}

impl Listen {
    pub fn address(self) -> SocketAddr {
        match self {
            Self::Udp(address) => address,
        }
    }
}

impl Scalar for Listen {
    const SHAPE: &'static str =
        "a transport, address and port such as \"udp:0.0.0.0:5060\" (only udp is built)";

    fn from_text(text: &str) -> Option<Self> {
        let (transport, address) = text.split_once(':')?;
        let address = address.parse().ok()?;
        (transport == "udp").then_some(Self::Udp(address))
    }
}

impl Scalar for TrunkPeer {
    const SHAPE: &'static str =
        "a SIP URI such as \"sip:198.51.100.7:5060;transport=udp\" (only udp is built)";

    fn from_text(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("sip:")?;
        let (authority, parameters) = rest.split_once(';').unwrap_or((rest, "transport=udp"));
        if !parameters.eq_ignore_ascii_case("transport=udp") || authority.contains('@') {
            return None;
        }
        let authority: http::uri::Authority = authority.parse().ok()?;
        let host = authority.host().trim_matches(['[', ']']);
        // A port that isn't a number is an error, an absent one is 5060 (RFC 3261 §19.1.2).
        let port = match authority.as_str().strip_prefix(authority.host())? {
            "" => SIP_PORT,
            port => port.strip_prefix(':')?.parse().ok()?,
        };
        (!host.is_empty() && port != 0).then(|| Self {
            host: host.to_owned(),
            port,
        })
    }
}

const SIP_PORT: u16 = 5060;
