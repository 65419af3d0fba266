//! Every port has one owner: what only shows when all sections that listen are read together.

use std::net::SocketAddr;
use std::ops::RangeInclusive;

use media::IceTcp;

use super::error::{Fault, Faults};
use super::http::Http;
use super::media::Media;
use super::table::Located;
use super::trunk::{Carrier, Listen, Trunk};

/// A trunk, and one place where it listens.
type Place<'c> = (&'c Located<Trunk>, Listen);

pub(super) fn check(http: &Http, media: &Media, trunks: &[Located<Trunk>], faults: &mut Faults) {
    let webrtc = webrtc_ports(media);
    http_itself(http, faults);
    http_and_media(http, media, webrtc.as_ref(), faults);
    media_itself(media, webrtc.as_ref(), faults);

    let mut earlier: Vec<Place<'_>> = Vec::new();
    for trunk in trunks {
        for listen in &trunk.value.listen {
            let place = (trunk, *listen);
            // The system never chooses a port that is taken.
            if listen.address.port() != 0 {
                trunk_and_http(place, http, faults);
                trunk_and_media(place, media, webrtc.as_ref(), faults);
                trunk_and_trunks(place, &earlier, faults);
            }
            earlier.push(place);
        }
    }
}

fn http_itself(http: &Http, faults: &mut Faults) {
    if collide(http.listen, http.operations) {
        let message = format!("{} is also http.listen", http.operations);
        faults.push(fault("http.operations", message));
    }
}

fn http_and_media(
    http: &Http,
    media: &Media,
    webrtc: Option<&RangeInclusive<u16>>,
    faults: &mut Faults,
) {
    for (key, listen) in [
        ("http.listen", http.listen),
        ("http.operations", http.operations),
    ] {
        let taken = webrtc.is_some_and(|ports| ports.contains(&listen.port()));
        if taken && media.ice_tcp == IceTcp::Passive {
            let message = format!("port {} is media.webrtc_port's, by TCP too", listen.port());
            faults.push(fault(key, message));
        }
    }
}

fn media_itself(media: &Media, webrtc: Option<&RangeInclusive<u16>>, faults: &mut Faults) {
    let rtp = &media.rtp_ports;
    let Some(webrtc) = webrtc else {
        return;
    };
    if webrtc.start() <= rtp.end() && rtp.start() <= webrtc.end() {
        let message = format!(
            "the workers' ports {}-{} overlap media.rtp_ports {}-{}",
            webrtc.start(),
            webrtc.end(),
            rtp.start(),
            rtp.end()
        );
        faults.push(fault("media.webrtc_port", message));
    }
}

fn trunk_and_http((trunk, listen): Place<'_>, http: &Http, faults: &mut Faults) {
    let address = listen.address;
    let mut https = [http.listen, http.operations].into_iter();
    if !listen.is_datagram() && https.any(|other| collide(other, address)) {
        faults.push(trunk.fault("listen", format!("{address} is also HTTP's")));
    }
}

fn trunk_and_media(
    (trunk, listen): Place<'_>,
    media: &Media,
    webrtc: Option<&RangeInclusive<u16>>,
    faults: &mut Faults,
) {
    let port = listen.address.port();
    let is_webrtc = webrtc.is_some_and(|ports| ports.contains(&port));
    let is_medias = match listen.is_datagram() {
        true => is_webrtc || media.rtp_ports.contains(&port),
        false => is_webrtc && media.ice_tcp == IceTcp::Passive,
    };
    if is_medias {
        let message = format!("port {port} belongs to the media's ports");
        faults.push(trunk.fault("listen", message));
    }
}

/// Trunks may share a socket; they are told apart by who sends.
fn trunk_and_trunks((trunk, listen): Place<'_>, earlier: &[Place<'_>], faults: &mut Faults) {
    let address = listen.address;
    let collision = earlier.iter().find(|(_, other)| {
        *other != listen
            && other.is_datagram() == listen.is_datagram()
            && collide(other.address, address)
    });
    if let Some((other, _)) = collision {
        let message = format!("{address} collides with {}.listen", other.name);
        faults.push(trunk.fault("listen", message));
    }
    let other_certificate = earlier.iter().find(|(other, place)| {
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

fn fault(key: &str, message: String) -> Fault {
    Fault {
        line: None,
        key: key.to_owned(),
        message,
    }
}
