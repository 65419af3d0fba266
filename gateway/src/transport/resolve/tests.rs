use std::collections::HashMap;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;

const UDP: &str = "udp:0.0.0.0:5060";
const TCP: &str = "tcp:0.0.0.0:5060";
const TLS: &str = "tls:0.0.0.0:5061";

#[tokio::test]
async fn a_name_is_looked_up_as_the_rfc_says() {
    let zone = Zone::default()
        .naptr(
            "sip.example.com",
            20,
            Carrier::Udp,
            "_sip._udp.sip.example.com",
        )
        .naptr(
            "sip.example.com",
            10,
            Carrier::Tcp,
            "_sip._tcp.edge.example.com",
        )
        .srv("_sip._tcp.edge.example.com", 2, 5070, "b.example.com")
        .srv("_sip._tcp.edge.example.com", 1, 5080, "a.example.com")
        .srv("_sip._udp.sip.example.com", 1, 5090, "a.example.com")
        .srv("_sip._udp.plain.example.com", 1, 5061, "b.example.com")
        .a("a.example.com", "198.51.100.1")
        .a("b.example.com", "198.51.100.2")
        .a("b.example.com", "2001:db8::2")
        .a("bare.example.com", "198.51.100.3");
    for (peer, listen, expected) in [
        // The peer prefers TCP, and we have it.
        (
            "sip:sip.example.com",
            &[UDP, TCP][..],
            "tcp 198.51.100.1:5080, tcp 198.51.100.2:5070",
        ),
        ("sip:sip.example.com", &[UDP], "udp 198.51.100.1:5090"),
        // No NAPTR: SRV by our own order.
        (
            "sip:plain.example.com",
            &[TCP, UDP],
            "udp 198.51.100.2:5061",
        ),
        (
            "sip:sip.example.com;transport=udp",
            &[UDP, TCP],
            "udp 198.51.100.1:5090",
        ),
        // No SRV, or a port: addresses only.
        ("sip:bare.example.com", &[UDP], "udp 198.51.100.3:5060"),
        ("sip:sip.example.com:5060", &[UDP], ""),
        (
            "sip:bare.example.com:5099;transport=tcp",
            &[UDP, TCP],
            "tcp 198.51.100.3:5099",
        ),
        ("sip:198.51.100.9", &[UDP], "udp 198.51.100.9:5060"),
        (
            "sip:b.example.com:5060",
            &["udp:[::]:5060"],
            "udp [2001:db8::2]:5060",
        ),
        ("sip:nowhere.example.com", &[UDP], ""),
    ] {
        assert_eq!(zone.find(peer, listen).await, expected, "{peer} {listen:?}");
    }
}

#[tokio::test]
async fn the_first_record_to_grow_old_says_when_to_ask_again() {
    let zone = Zone::default()
        .srv("_sip._udp.sip.example.com", 1, 5060, "a.example.com")
        .a("a.example.com", "198.51.100.1");
    let listen = [listen(UDP)];
    let mut search = Search {
        names: &zone,
        listen: &listen,
        targets: Vec::new(),
        until: None,
    };
    search.peer(&peer("sip:sip.example.com")).await;
    assert_eq!(search.until, Some(zone.born + Duration::from_secs(60)));
}

#[test]
fn addresses_need_nobody_to_be_asked() {
    let listen = [listen(UDP), listen(TLS)];
    let all = [
        peer("sip:198.51.100.7"),
        peer("sip:198.51.100.8;transport=tls"),
    ];
    let found = literal(&all, &listen).expect("addresses");
    assert_eq!(told(&found), "udp 198.51.100.7:5060, tls 198.51.100.8:5061");
    assert_eq!(literal(&[peer("sip:sip.example.com")], &listen), None);
    assert_eq!(literal(&[], &listen), Some(Vec::new()));
}

#[test]
fn weights_share_the_first_place_and_priorities_keep_the_order() {
    let service = |priority, weight, port| Service {
        priority,
        weight,
        port,
        host: String::new(),
    };
    let mut random = StdRng::seed_from_u64(5);
    let mut first = HashMap::new();
    for _ in 0..1_000 {
        let all = vec![service(2, 9, 3), service(1, 30, 1), service(1, 10, 2)];
        let all = ordered(all, &mut random);
        assert_eq!(all[2].port, 3);
        *first.entry(all[0].port).or_insert(0) += 1;
    }
    assert!((700..800).contains(&first[&1]), "{first:?}");
}

/// Records by name.
struct Zone {
    born: Instant,
    pointers: HashMap<String, Vec<Pointer>>,
    services: HashMap<String, Vec<Service>>,
    addresses: HashMap<String, Vec<IpAddr>>,
}

impl Default for Zone {
    fn default() -> Self {
        Self {
            born: Instant::now(),
            pointers: HashMap::new(),
            services: HashMap::new(),
            addresses: HashMap::new(),
        }
    }
}

impl Zone {
    fn naptr(mut self, name: &str, order: u16, carrier: Carrier, services: &str) -> Self {
        let pointer = Pointer {
            order: (order, 0),
            carrier,
            services: services.to_owned(),
        };
        self.pointers
            .entry(name.to_owned())
            .or_default()
            .push(pointer);
        self
    }

    fn srv(mut self, name: &str, priority: u16, port: u16, host: &str) -> Self {
        let service = Service {
            priority,
            weight: 0,
            port,
            host: host.to_owned(),
        };
        self.services
            .entry(name.to_owned())
            .or_default()
            .push(service);
        self
    }

    fn a(mut self, name: &str, address: &str) -> Self {
        let address = address.parse().expect("an address");
        self.addresses
            .entry(name.to_owned())
            .or_default()
            .push(address);
        self
    }

    async fn find(&self, uri: &str, places: &[&str]) -> String {
        let trunk = trunk(uri, places);
        let mut search = Search {
            names: self,
            listen: &trunk.listen,
            targets: Vec::new(),
            until: None,
        };
        search.peer(&trunk.peers[0]).await;
        told(&search.targets)
    }

    fn found<T: Clone>(&self, records: Option<&Vec<T>>, seconds: u64) -> Found<T> {
        match records {
            Some(records) => Found {
                records: records.clone(),
                until: Some(self.born + Duration::from_secs(seconds)),
            },
            None => Found::nothing(),
        }
    }
}

impl Names for Zone {
    async fn pointers(&self, name: &str) -> Found<Pointer> {
        self.found(self.pointers.get(name), 900)
    }

    async fn services(&self, name: &str) -> Found<Service> {
        self.found(self.services.get(name), 300)
    }

    async fn addresses(&self, name: &str) -> Found<IpAddr> {
        self.found(self.addresses.get(name), 60)
    }
}

fn told(targets: &[Target]) -> String {
    let each = targets
        .iter()
        .map(|target| format!("{} {}", target.carrier.name(), target.address));
    each.collect::<Vec<_>>().join(", ")
}

/// As an operator writes it; the peer's transport and the places have to go together.
fn trunk(uri: &str, places: &[&str]) -> crate::config::Trunk {
    let text = format!("[[trunk]]\nname = \"t\"\nlisten = {places:?}\npeer = \"{uri}\"");
    let config = crate::config::Config::parse(&text, "test.toml").expect("valid");
    config.trunks.into_iter().next().expect("one")
}

fn peer(uri: &str) -> TrunkPeer {
    trunk(uri, &[UDP, TLS]).peers.remove(0)
}

fn listen(place: &str) -> Listen {
    trunk("sip:198.51.100.7", &[place]).listen.remove(0)
}
