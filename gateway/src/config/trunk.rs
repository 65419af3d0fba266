//! `[[trunk]]`: carriers and PBXs by SIP.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::certificate::Certificate;
use super::error::Fault;
use super::media::{self, Codec};
use super::scalar::Scalar;
use super::secret::Secret;
use super::table::Table;

/// One way to the telephone network by SIP.
#[derive(Debug, Clone, PartialEq)]
pub struct Trunk {
    pub name: String,
    /// Where its requests come in and ours go out from; at least one.
    pub listen: Vec<Listen>,
    /// Where outbound calls go, in the order of trying; empty for a trunk that only receives.
    pub peers: Vec<TrunkPeer>,
    /// Whose requests are taken beside the peers' own.
    pub allow: Vec<IpNet>,
    pub username: Option<String>,
    pub password: Option<Secret>,
    /// Whether the first peer is a registrar that wants to know where we are.
    pub register: bool,
    /// The number that outbound calls show.
    pub caller_id: Option<String>,
    /// Between two OPTIONS to each peer; `None`: peers aren't asked.
    pub options_interval: Option<Duration>,
    /// What we show to those who open TLS connections to us.
    pub certificate: Option<Certificate>,
    /// Trust anchors beside the system's, for connections that we open.
    pub tls_ca: Option<PathBuf>,
    /// Whether audio is protected by keys in the descriptions.
    pub srtp: Srtp,
    /// By what digits go out.
    pub digits: DigitsBy,
    /// Whether our offers ask for comfort noise.
    pub comfort_noise: bool,
    /// Calls at a time, both ways.
    pub calls: Option<usize>,
    /// New calls a second that the trunk may bring.
    pub calls_per_second: Option<u32>,
    /// In the order that they are offered; `media.codecs` when absent.
    pub codecs: Option<Vec<Codec>>,
}

/// What of SRTP with keys in the descriptions (SDES, RFC 4568) a trunk speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Srtp {
    /// RTP alone; an offer of SRTP is refused.
    Off,
    /// Taken where it is offered; our own offers are plain.
    Answer,
    /// Offered by us, too; a plain offer is taken.
    Offer,
    /// Nothing else is offered or taken.
    Require,
}

/// How digits are told to the far end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigitsBy {
    /// As telephone-events among the audio (RFC 4733); by INFO where the far end takes none.
    Rtp,
    /// By INFO always, for peers that agree to telephone-events and lose them.
    Info,
}

/// How SIP travels on a trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Carrier {
    Udp,
    Tcp,
    Tls,
}

/// Where a trunk's requests come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listen {
    pub carrier: Carrier,
    pub address: SocketAddr,
}

/// The other end of a trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkPeer {
    /// A name or an address, as it stands in request URIs; an IPv6 address without its brackets.
    pub host: String,
    /// Without it a name is looked up by NAPTR and SRV, and an address has the usual port.
    pub port: Option<u16>,
    /// Without it the peer's records say, or else the trunk's first `listen`.
    pub carrier: Option<Carrier>,
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
        "register",
        "caller_id",
        "options_interval",
        "tls_cert",
        "tls_key",
        "tls_ca",
        "srtp",
        "digits",
        "comfort_noise",
        "calls",
        "calls_per_second",
        "codecs",
    ];

    pub(super) fn read(table: Table<'_>) -> Result<Self, Fault> {
        let username = table.optional("username")?;
        let password = table.secret("password", "password_file")?;
        if username.is_some() != password.is_some() {
            return Err(table.fault("username", "and password only make sense together"));
        }
        let interval = table.or("options_interval", OPTIONS_INTERVAL)?;
        let trunk = Self {
            name: table.required("name")?,
            listen: table.one_or_more("listen")?,
            peers: match table.entry("peer") {
                Some(_) => table.one_or_more("peer")?,
                None => Vec::new(),
            },
            allow: table.list("allow")?.unwrap_or_default(),
            username,
            password,
            register: table.or("register", false)?,
            caller_id: table.optional("caller_id")?,
            options_interval: (!interval.is_zero()).then_some(interval),
            certificate: Certificate::read(&table)?,
            tls_ca: table.path_of("tls_ca")?,
            srtp: table.or("srtp", Srtp::Answer)?,
            digits: table.or("digits", DigitsBy::Rtp)?,
            comfort_noise: table.or("comfort_noise", false)?,
            calls: table.optional("calls")?,
            calls_per_second: table.optional("calls_per_second")?,
            codecs: media::codecs(&table)?,
        };
        trunk.check(&table)?;
        Ok(trunk)
    }

    /// Whether a request from `source` may come in by this trunk: from a listed network, or from a peer's own address.
    pub fn admits(&self, source: IpAddr) -> bool {
        let source = source.to_canonical();
        let is_peer = |peer: &TrunkPeer| peer.host.parse() == Ok(source);
        self.peers.iter().any(is_peer) || self.allow.iter().any(|network| network.contains(&source))
    }

    /// The place of ours from which a peer is reached, and which its family of addresses fits.
    pub fn listen_for(&self, carrier: Carrier, peer: IpAddr) -> Option<Listen> {
        let fits = |listen: &&Listen| {
            listen.carrier == carrier && listen.address.is_ipv4() == peer.is_ipv4()
        };
        self.listen.iter().find(fits).copied()
    }

    fn check(&self, table: &Table<'_>) -> Result<(), Fault> {
        let has = |carrier| self.listen.iter().any(|listen| listen.carrier == carrier);
        let unheard = |peer: &&TrunkPeer| peer.carrier.is_some_and(|carrier| !has(carrier));
        if let Some(peer) = self.peers.iter().find(unheard) {
            let message = format!(
                "{} is reached by a transport that listen doesn't have",
                peer.host
            );
            return Err(table.fault("peer", message));
        }
        if self.register && self.username.is_none() {
            return Err(table.fault("register", "needs username and password"));
        }
        if self.register && self.peers.is_empty() {
            return Err(table.fault("register", "needs a peer to register with"));
        }
        let tls = has(Carrier::Tls);
        if !tls && (self.certificate.is_some() || self.tls_ca.is_some()) {
            return Err(table.fault("listen", "has no \"tls:\" place for the certificate"));
        }
        if tls && self.certificate.is_none() && self.peers.is_empty() {
            return Err(table.fault(
                "tls_cert",
                "is missing: nobody could open a TLS connection, and there is no peer to open one to",
            ));
        }
        if self.calls == Some(0) || self.calls_per_second == Some(0) {
            return Err(table.fault("calls", "and calls_per_second must be 1 or more"));
        }
        Ok(())
    }
}

impl Listen {
    /// Two sockets of one kind can't share a port; UDP and TCP can.
    pub fn is_datagram(self) -> bool {
        self.carrier == Carrier::Udp
    }
}

impl Carrier {
    fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "udp" => Some(Self::Udp),
            "tcp" => Some(Self::Tcp),
            "tls" => Some(Self::Tls),
            _ => None,
        }
    }

    /// As `transport=` in a URI and `listen` here write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    /// RFC 3261 §19.1.2.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
        }
    }
}

impl Scalar for Srtp {
    const SHAPE: &'static str = "one of \"off\", \"answer\", \"offer\", \"require\"";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "off" => Some(Self::Off),
            "answer" => Some(Self::Answer),
            "offer" => Some(Self::Offer),
            "require" => Some(Self::Require),
            _ => None,
        }
    }
}

impl Scalar for DigitsBy {
    const SHAPE: &'static str = "one of \"rtp\", \"info\"";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "rtp" => Some(Self::Rtp),
            "info" => Some(Self::Info),
            _ => None,
        }
    }
}

impl Scalar for Listen {
    const SHAPE: &'static str =
        "a transport (udp, tcp or tls), address and port such as \"udp:0.0.0.0:5060\"";

    fn from_text(text: &str) -> Option<Self> {
        let (carrier, address) = text.split_once(':')?;
        Some(Self {
            carrier: Carrier::from_name(carrier)?,
            address: address.parse().ok()?,
        })
    }
}

impl Scalar for TrunkPeer {
    const SHAPE: &'static str =
        "a SIP URI such as \"sip:198.51.100.7:5060;transport=udp\" (or tcp, or tls)";

    fn from_text(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("sip:")?;
        let (authority, parameter) = match rest.split_once(';') {
            Some((authority, parameter)) => (authority, Some(parameter)),
            None => (rest, None),
        };
        let carrier = match parameter {
            Some(parameter) => {
                let (name, value) = parameter.split_once('=')?;
                let carrier = Carrier::from_name(value)?;
                Some(carrier).filter(|_| name.eq_ignore_ascii_case("transport"))
            }
            None => None,
        };
        if authority.contains('@') || (parameter.is_some() && carrier.is_none()) {
            return None;
        }
        let authority: http::uri::Authority = authority.parse().ok()?;
        let host = authority.host().trim_matches(['[', ']']);
        let port = match authority.as_str().strip_prefix(authority.host())? {
            "" => None,
            port => Some(port.strip_prefix(':')?.parse().ok()?),
        };
        (!host.is_empty() && port != Some(0)).then(|| Self {
            host: host.to_owned(),
            port,
            carrier,
        })
    }
}

/// A carrier that dies is noticed within a minute, before most agents dial again.
const OPTIONS_INTERVAL: Duration = Duration::from_secs(30);
