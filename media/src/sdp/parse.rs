//! Reading a description.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use super::crypto::Crypto;
use super::{
    Audio, Description, Direction, Dtls, Encoding, ExtendedReports, Fingerprint, Format, Ice,
    IceImplementation, Media, Protocol, Rtcp, SdpError, Setup,
};
use crate::codec::AudioCodec;
use crate::rtp::clock::ClockRate;
use crate::rtp::{PayloadType, Ssrc};

impl FromStr for Description {
    type Err = SdpError;

    /// Reads a description.
    ///
    /// Unknown attributes, `b=`, `i=`, `t=` of any value and empty lines are passed over.
    fn from_str(text: &str) -> Result<Self, SdpError> {
        if text.len() > MAX_LENGTH {
            return Err(malformed("it is longer than 64 KiB"));
        }
        let mut lines = text.lines().map(str::trim_end).filter(|l| !l.is_empty());
        if !lines.next().is_some_and(|first| first.starts_with("v=")) {
            return Err(malformed("it doesn't begin with v="));
        }
        let mut session = Attributes::default();
        let mut origin = String::new();
        let mut sections: Vec<Section<'_>> = Vec::new();
        for line in lines {
            let Some((kind, value)) = line.split_once('=') else {
                return Err(malformed(&format!("\"{}\" has no =", excerpt(line))));
            };
            let attributes = match sections.last_mut() {
                Some(section) => &mut section.attributes,
                None => &mut session,
            };
            match kind {
                "o" => value.clone_into(&mut origin),
                "m" => sections.push(Section::new(value)?),
                "c" => attributes.connection = Some(connection(value)?),
                "a" => attributes.add(value),
                // s=, t=, b=, i= and whatever else say nothing that a leg needs.
                _ => {}
            }
        }
        Self::assemble(origin, &session, sections)
    }
}

impl Description {
    fn assemble(
        origin: String,
        session: &Attributes<'_>,
        sections: Vec<Section<'_>>,
    ) -> Result<Self, SdpError> {
        let carried = sections
            .iter()
            .position(|section| section.kind == "audio" && section.port != 0);
        let media = sections
            .into_iter()
            .enumerate()
            .map(|(n, section)| {
                if Some(n) == carried {
                    section.audio(session).map(Media::Audio)
                } else {
                    Ok(Media::Refused {
                        kind: section.kind.to_owned(),
                        protocol: section.protocol.to_owned(),
                        formats: section.formats.to_owned(),
                    })
                }
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { origin, media })
    }
}

/// An m-line with the attributes below it.
struct Section<'a> {
    kind: &'a str,
    port: u16,
    protocol: &'a str,
    formats: &'a str,
    attributes: Attributes<'a>,
}

/// The attributes that matter, of the session or of one m-line.
#[derive(Default)]
struct Attributes<'a> {
    connection: Option<IpAddr>,
    rtpmaps: Vec<(u8, &'a str)>,
    direction: Option<Direction>,
    ptime: Option<u16>,
    rtcp: Option<&'a str>,
    rtcp_mux: Option<()>,
    voip_metrics: Option<()>,
    mid: Option<&'a str>,
    ssrc: Option<Ssrc>,
    fingerprints: Vec<Fingerprint>,
    setup: Option<&'a str>,
    ufrag: Option<&'a str>,
    password: Option<&'a str>,
    candidates: Vec<&'a str>,
    ice_lite: Option<()>,
    crypto: Vec<Crypto>,
}

impl<'a> Attributes<'a> {
    fn add(&mut self, attribute: &'a str) {
        let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
        let value = value.trim();
        match name {
            "rtpmap" => {
                if let Some((payload_type, encoding)) = value.split_once(' ')
                    && let Ok(payload_type) = payload_type.parse()
                {
                    self.rtpmaps.push((payload_type, encoding.trim()));
                }
            }
            "ptime" => self.ptime = value.parse().ok(),
            "rtcp" => self.rtcp = Some(value),
            "rtcp-mux" => self.rtcp_mux = Some(()),
            "rtcp-xr"
                if value
                    .split_ascii_whitespace()
                    .any(|word| word == VOIP_METRICS) =>
            {
                self.voip_metrics = Some(());
            }
            "mid" => self.mid = Some(value),
            // Only the first source: the rest are its attributes, or retransmissions.
            "ssrc" if self.ssrc.is_none() => {
                let number = value.split(' ').next().and_then(|n| n.parse().ok());
                self.ssrc = number.map(Ssrc);
            }
            "fingerprint" => self.fingerprints.extend(fingerprint(value)),
            "setup" => self.setup = Some(value),
            "ice-ufrag" => self.ufrag = Some(value),
            "ice-pwd" => self.password = Some(value),
            "ice-lite" => self.ice_lite = Some(()),
            "candidate" => self.add_candidate(attribute),
            "crypto" if self.crypto.len() < MAX_CRYPTO => {
                self.crypto.extend(Crypto::parse(value));
            }
            _ => {
                if let Some(direction) = Direction::from_name(name) {
                    self.direction = Some(direction);
                }
            }
        }
    }

    /// Component 2 would be RTCP's own port, which nobody serves here.
    fn add_candidate(&mut self, attribute: &'a str) {
        let component = attribute.split_ascii_whitespace().nth(1);
        if component == Some("1") && self.candidates.len() < MAX_CANDIDATES {
            self.candidates.push(attribute.trim());
        }
    }
}

impl<'a> Section<'a> {
    fn new(value: &'a str) -> Result<Self, SdpError> {
        let mut words = value.splitn(4, ' ');
        let (Some(kind), Some(port), Some(protocol), formats) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(malformed(&format!("m={} is too short", excerpt(value))));
        };
        // A count of ports may follow (RFC 8866 §5.14); only the first is used.
        let port = port.split('/').next().unwrap_or(port);
        let port = port
            .parse()
            .map_err(|_| malformed(&format!("\"{}\" isn't a port", excerpt(port))))?;
        Ok(Self {
            kind,
            port,
            protocol,
            formats: formats.unwrap_or("").trim(),
            attributes: Attributes::default(),
        })
    }

    fn audio(self, session: &Attributes<'_>) -> Result<Audio, SdpError> {
        let protocol = Protocol::from_name(self.protocol)
            .ok_or_else(|| SdpError::Unsupported(format!("\"{}\"", excerpt(self.protocol))))?;
        let own = &self.attributes;
        let ice = own.ice(session)?;
        let ip = match own.connection.or(session.connection) {
            Some(ip) => ip,
            None if ice.is_some() => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            None => return Err(malformed("there is no c= line")),
        };
        Ok(Audio {
            address: SocketAddr::new(ip, self.port),
            protocol,
            formats: self.understood_formats(),
            direction: own
                .direction
                .or(session.direction)
                .unwrap_or(Direction::SendRecv),
            ptime: own.ptime.or(session.ptime),
            rtcp: own.rtcp(ip, self.port),
            extended_reports: match own.voip_metrics.or(session.voip_metrics) {
                Some(()) => ExtendedReports::VoipMetrics,
                None => ExtendedReports::NotAsked,
            },
            mid: own.mid.map(str::to_owned),
            ssrc: own.ssrc,
            dtls: own.dtls(session),
            ice,
            crypto: own.crypto.clone(),
        })
    }

    fn understood_formats(&self) -> Vec<Format> {
        self.formats
            .split_ascii_whitespace()
            .filter_map(|number| {
                let payload_type = PayloadType::new(number.parse().ok()?)?;
                let encoding = self.encoding(payload_type)?;
                Some(Format {
                    payload_type,
                    encoding,
                })
            })
            .collect()
    }

    /// By `a=rtpmap`, or by the static assignment where there is none (RFC 3551 table 4).
    fn encoding(&self, payload_type: PayloadType) -> Option<Encoding> {
        let mapped = self
            .attributes
            .rtpmaps
            .iter()
            .find(|(number, _)| *number == payload_type.value());
        let Some((_, encoding)) = mapped else {
            return match payload_type.value() {
                0 => Some(Encoding::Audio(AudioCodec::Pcmu)),
                8 => Some(Encoding::Audio(AudioCodec::Pcma)),
                9 => Some(Encoding::Audio(AudioCodec::G722)),
                13 => Some(Encoding::ComfortNoise),
                _ => None,
            };
        };
        let mut parts = encoding.split('/');
        let (name, rate, channels) = (parts.next()?, parts.next()?, parts.next().unwrap_or("1"));
        let clock = ClockRate::from_hertz(rate)?;
        if name.eq_ignore_ascii_case(TELEPHONE_EVENT) {
            return Some(Encoding::TelephoneEvent(clock));
        }
        if name.eq_ignore_ascii_case(COMFORT_NOISE) {
            return (clock == ClockRate::Khz8).then_some(Encoding::ComfortNoise);
        }
        AudioCodec::from_name(name)
            .filter(|codec| codec.clock() == clock && codec.channels() == channels)
            .map(Encoding::Audio)
    }
}

impl Attributes<'_> {
    fn rtcp(&self, ip: IpAddr, rtp_port: u16) -> Rtcp {
        if self.rtcp_mux.is_some() {
            return Rtcp::Mux;
        }
        let next = SocketAddr::new(ip, rtp_port.saturating_add(1));
        let Some(value) = self.rtcp else {
            return Rtcp::Separate(next);
        };
        let (port, address) = value.split_once(' ').unwrap_or((value, ""));
        let Ok(port) = port.parse() else {
            return Rtcp::Separate(next);
        };
        Rtcp::Separate(SocketAddr::new(connection(address).unwrap_or(ip), port))
    }

    fn dtls(&self, session: &Self) -> Option<Dtls> {
        let all = if self.fingerprints.is_empty() {
            &session.fingerprints
        } else {
            &self.fingerprints
        };
        let fingerprint = all
            .iter()
            .find(|fingerprint| fingerprint.hash == "sha-256")
            .or(all.first())?;
        // Without a=setup an offerer is taken to be ready for both (RFC 5763 §5).
        let setup = self.setup.or(session.setup).and_then(Setup::from_name);
        Some(Dtls {
            fingerprint: fingerprint.clone(),
            setup: setup.unwrap_or(Setup::ActPass),
        })
    }

    fn ice(&self, session: &Self) -> Result<Option<Ice>, SdpError> {
        let (ufrag, password) = match (
            self.ufrag.or(session.ufrag),
            self.password.or(session.password),
        ) {
            (Some(ufrag), Some(password)) => (ufrag, password),
            (None, None) => return Ok(None),
            (Some(_), None) | (None, Some(_)) => {
                return Err(malformed("one of a=ice-ufrag and a=ice-pwd is missing"));
            }
        };
        // RFC 8839 §5.4: at least 4 and 22 characters; 256 at most.
        if !(4..=256).contains(&ufrag.len()) || !(22..=256).contains(&password.len()) {
            return Err(malformed("a=ice-ufrag or a=ice-pwd has a wrong length"));
        }
        let lite = self.ice_lite.or(session.ice_lite).is_some();
        Ok(Some(Ice {
            ufrag: ufrag.to_owned(),
            password: password.to_owned(),
            candidates: self.candidates.iter().map(|&c| c.to_owned()).collect(),
            implementation: if lite {
                IceImplementation::Lite
            } else {
                IceImplementation::Full
            },
        }))
    }
}

/// `IN IP4 198.51.100.1`, with a multicast suffix cut off.
fn connection(value: &str) -> Result<IpAddr, SdpError> {
    let address = value.split_ascii_whitespace().nth(2).unwrap_or("");
    let address = address.split('/').next().unwrap_or(address);
    address.parse().map_err(|_| {
        SdpError::Unsupported(format!(
            "\"{}\" where an IP address should be",
            excerpt(address)
        ))
    })
}

fn fingerprint(value: &str) -> Option<Fingerprint> {
    let (hash, digest) = value.split_once(' ')?;
    let digest: Option<Vec<u8>> = digest
        .trim()
        .split(':')
        .map(|octet| u8::from_str_radix(octet, 16).ok())
        .collect();
    Some(Fingerprint {
        hash: hash.to_ascii_lowercase(),
        digest: digest?,
    })
}

fn malformed(why: &str) -> SdpError {
    SdpError::Malformed(why.to_owned())
}

/// What an error text may quote of a peer's words.
fn excerpt(words: &str) -> String {
    words.chars().take(40).filter(|c| !c.is_control()).collect()
}

/// Chrome's largest offers have a tenth of this.
const MAX_LENGTH: usize = 64 * 1024;
/// ICE limits checks to 100 pairs (RFC 8445 §6.1.2.5); a host with VPNs has a dozen candidates.
const MAX_CANDIDATES: usize = 32;

/// Phones offer two to four.
const MAX_CRYPTO: usize = 16;

pub(super) const VOIP_METRICS: &str = "voip-metrics";
pub(super) const COMFORT_NOISE: &str = "CN";
pub(super) const TELEPHONE_EVENT: &str = "telephone-event";
