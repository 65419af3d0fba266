//! Where a webhook may go: to public addresses only, unless the operator says otherwise.
//!
//! A name is looked up once for a connection and the connection goes to the address that was checked, so that a name
//! which changes its mind in between (DNS rebinding) leads nowhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Whether addresses of this machine and its network may be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    Public,
    Anywhere,
}

/// Why there is nowhere to go.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    #[error("{0} can't be looked up: {1}")]
    Unknown(String, std::io::Error),
    #[error("{0} leads to {1}, which isn't public; allow_private = true would allow it")]
    Private(String, IpAddr),
    #[error("{0} has no address")]
    Nowhere(String),
}

/// The addresses of a host, each of which may be reached.
///
/// # Errors
///
/// There is none, or one of them may not: whoever can't be trusted with one isn't with the others.
pub async fn addresses(
    host: &str,
    port: u16,
    reach: Reach,
) -> Result<Vec<SocketAddr>, Unreachable> {
    // An IPv6 address stands in brackets in a URL.
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let found: Vec<SocketAddr> = match bare.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => tokio::net::lookup_host((bare, port))
            .await
            .map_err(|error| Unreachable::Unknown(host.to_owned(), error))?
            .collect(),
    };
    if found.is_empty() {
        return Err(Unreachable::Nowhere(host.to_owned()));
    }
    let private = found.iter().find(|address| !is_public(address.ip()));
    match (reach, private) {
        (Reach::Public, Some(private)) => Err(Unreachable::Private(host.to_owned(), private.ip())),
        (Reach::Public, None) | (Reach::Anywhere, _) => Ok(found),
    }
}

/// Whether an address is one of the Internet's: none of the IANA special-purpose registries (RFC 6890).
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = match (a, b) {
        (0 | 10 | 127, _) => true,
        // Between carriers and their customers (RFC 6598).
        (100, 64..=127) => true,
        (169, 254) | (192, 168) => true,
        (172, 16..=31) => true,
        (192, 0) => c == 0 || c == 2,
        // 6to4 relays, gone since RFC 7526.
        (192, 88) => c == 99,
        (198, 18 | 19) => true,
        (198, 51) => c == 100,
        (203, 0) => c == 113,
        // Multicast, and what was never given out.
        (224..=255, _) => true,
        _ => false,
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let embedded = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        // An IPv4 address in other clothes.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            is_public_v4(embedded(high, low))
        }
        [0x2002, high, low, ..] => is_public_v4(embedded(high, low)),
        // Protocol assignments (Teredo among them), documentation.
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        // Only this eighth is given out as unicast.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_machines_and_their_networks_are_not_public() {
        for text in [
            "127.0.0.1",
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(!is_public(text.parse().expect(text)), "{text}");
        }
        for text in [
            "1.1.1.1",
            "100.63.255.255",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "192.167.1.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2002:101:101::",
            "64:ff9b::101:101",
        ] {
            assert!(is_public(text.parse().expect(text)), "{text}");
        }
    }

    #[tokio::test]
    async fn a_private_address_needs_the_operators_word() {
        let refused = addresses("127.0.0.1", 443, Reach::Public).await;
        assert!(matches!(refused, Err(Unreachable::Private(_, _))));
        let refused = addresses("[::1]", 443, Reach::Public).await;
        assert!(matches!(refused, Err(Unreachable::Private(_, _))));
        let allowed = addresses("127.0.0.1", 443, Reach::Anywhere).await;
        assert_eq!(
            allowed.expect("allowed"),
            [SocketAddr::from(([127, 0, 0, 1], 443))]
        );
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_no_way_in() {
        let refused = addresses("localhost", 443, Reach::Public).await;
        assert!(matches!(refused, Err(Unreachable::Private(_, _))));
    }
}
