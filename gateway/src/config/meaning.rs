//! What only shows when sections are read together: names that name nothing, and ports claimed twice.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;

use media::IceTcp;

use super::agent::Agent;
use super::error::Faults;
use super::http::Http;
use super::media::Media;
use super::ozonetel::Ozonetel;
use super::route::Route;
use super::status::Status;
use super::table::{Located, unknown};
use super::trunk::{Carrier, Listen, Trunk};

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
    for route in routes {
        named("trunk", route, &route.value.trunk, &trunk_names, faults);
        let key = match route.value.agents.len() {
            1 => "agent",
            _ => "agents",
        };
        for agent in &route.value.agents {
            named(key, route, agent, &agent_ids, faults);
        }
    }
    for trunk in trunks {
        if trunk.value.name == OZONETEL {
            faults.push(trunk.fault(
                "name",
                format!("\"{OZONETEL}\" means the provider's line and can't name a trunk"),
            ));
        }
    }
    let mut ways = trunk_names;
    if ozonetel.is_some() {
        ways.push(OZONETEL);
    }
    for agent in agents {
        if let Some(via) = &agent.value.dial_via {
            named("dial_via", agent, via, &ways, faults);
        }
        line(agent, ozonetel, faults);
    }
    ports(http, media, trunks, faults);
}

/// Each status has a name of its own.
pub(super) fn check_statuses(statuses: &[Located<Status>], faults: &mut Faults) {
    once("name", statuses, |status| Some(&status.name), faults);
}

/// The agents' way through the provider, in `dial_via` and in the API.
const OZONETEL: &str = "ozonetel";

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

/// Every port has one owner.
fn ports(http: &Http, media: &Media, trunks: &[Located<Trunk>], faults: &mut Faults) {
    if collide(http.listen, http.operations) {
        faults.push(super::error::Fault {
            line: None,
            key: "http.operations".to_owned(),
            message: format!("{} is also http.listen", http.operations),
        });
    }
    let webrtc = webrtc_ports(media);
    let overlap = |a: &RangeInclusive<u16>, b: &RangeInclusive<u16>| {
        a.start() <= b.end() && b.start() <= a.end()
    };
    for (key, listen) in [
        ("http.listen", http.listen),
        ("http.operations", http.operations),
    ] {
        let taken = webrtc.as_ref().is_some_and(|p| p.contains(&listen.port()));
        if taken && media.ice_tcp == IceTcp::Passive {
            faults.push(super::error::Fault {
                line: None,
                key: key.to_owned(),
                message: format!("port {} is media.webrtc_port's, by TCP too", listen.port()),
            });
        }
    }
    if let Some(webrtc) = &webrtc
        && overlap(webrtc, &media.rtp_ports)
    {
        faults.push(super::error::Fault {
            line: None,
            key: "media.webrtc_port".to_owned(),
            message: format!(
                "the workers' ports {}-{} overlap media.rtp_ports {}-{}",
                webrtc.start(),
                webrtc.end(),
                media.rtp_ports.start(),
                media.rtp_ports.end()
            ),
        });
    }
    let places = || {
        let each = |trunk| move |listen: &Listen| (trunk, *listen);
        trunks
            .iter()
            .flat_map(move |trunk: &Located<Trunk>| trunk.value.listen.iter().map(each(trunk)))
    };
    for (index, (trunk, listen)) in places().enumerate() {
        let address = listen.address;
        // The system never chooses a port that is taken.
        if address.port() == 0 {
            continue;
        }
        if !listen.is_datagram()
            && [http.listen, http.operations]
                .iter()
                .any(|other| collide(*other, address))
        {
            faults.push(trunk.fault("listen", format!("{address} is also HTTP's")));
        }
        let is_webrtc = webrtc
            .as_ref()
            .is_some_and(|ports| ports.contains(&address.port()));
        let is_medias = match listen.is_datagram() {
            true => is_webrtc || media.rtp_ports.contains(&address.port()),
            false => is_webrtc && media.ice_tcp == IceTcp::Passive,
        };
        if is_medias {
            let message = format!("port {} belongs to the media's ports", address.port());
            faults.push(trunk.fault("listen", message));
        }
        // Trunks may share a socket; they are told apart by who sends.
        let earlier = places().take(index).find(|(_, other)| {
            *other != listen
                && other.is_datagram() == listen.is_datagram()
                && collide(other.address, address)
        });
        if let Some((other, _)) = earlier {
            let message = format!("{address} collides with {}.listen", other.name);
            faults.push(trunk.fault("listen", message));
        }
        let other_certificate = places().take(index).find(|(other, place)| {
            *place == listen
                && listen.carrier == Carrier::Tls
                && (&other.value.certificate, &other.value.tls_ca)
                    != (&trunk.value.certificate, &trunk.value.tls_ca)
        });
        if let Some((other, _)) = other_certificate {
            let message = format!(
                "{address} is shared with {}, which has another certificate or anchor",
                other.name
            );
            faults.push(trunk.fault("tls_cert", message));
        }
    }
}

fn webrtc_ports(media: &Media) -> Option<RangeInclusive<u16>> {
    let first = (media.webrtc_port != 0).then_some(media.webrtc_port)?;
    let more = u16::try_from(media.workers.saturating_sub(1)).unwrap_or(u16::MAX);
    Some(first..=first.saturating_add(more))
}

/// Whether the system would refuse the second of two sockets.
fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() != 0
        && a.port() == b.port()
        && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
}
