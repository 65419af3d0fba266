//! Where a trunk's peers are: NAPTR, SRV and addresses (RFC 3263), for names of the configuration only.
//!
//! Nothing here is asked because of what a message says. What was found is kept as long as its records allow, and longer
//! where they can't be had again.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::ResolverConfig;
use hickory_resolver::name_server::TokioConnectionProvider;
use rand::Rng;
use tokio::time::sleep_until;

use super::{Event, Registry};
use crate::config::{Carrier, Listen, TrunkPeer};

/// One address of a peer, and how to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// As configured: what request URIs and certificates say.
    pub host: String,
    pub carrier: Carrier,
    pub address: SocketAddr,
}

/// Records, and until when they hold.
#[derive(Debug, Clone)]
struct Found<T> {
    records: Vec<T>,
    until: Option<Instant>,
}

/// RFC 2782.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Service {
    priority: u16,
    weight: u16,
    port: u16,
    host: String,
}

/// A NAPTR record of SIP (RFC 3263 §4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pointer {
    order: (u16, u16),
    carrier: Carrier,
    /// The name of the SRV records.
    services: String,
}

/// What can be asked of the Domain Name System.
trait Names: Sync {
    fn pointers(&self, name: &str) -> impl Future<Output = Found<Pointer>> + Send;
    fn services(&self, name: &str) -> impl Future<Output = Found<Service>> + Send;
    fn addresses(&self, name: &str) -> impl Future<Output = Found<IpAddr>> + Send;
}

/// The targets of peers that are all configured by address: nobody needs to be asked.
pub(crate) fn literal(peers: &[TrunkPeer], listen: &[Listen]) -> Option<Vec<Target>> {
    let target = |peer: &TrunkPeer| {
        let address: IpAddr = peer.host.parse().ok()?;
        let carrier = peer.carrier.or(listen.first().map(|l| l.carrier))?;
        let port = peer.port.unwrap_or(carrier.default_port());
        Some(Target {
            host: peer.host.clone(),
            carrier,
            address: SocketAddr::new(address, port),
        })
    };
    peers.iter().map(target).collect()
}

/// Looks up, tells, and looks up again when what was found grows old.
pub(super) async fn keep(
    trunk: usize,
    peers: Vec<TrunkPeer>,
    listen: Vec<Listen>,
    registry: Arc<Registry>,
) {
    let resolver = resolver();
    loop {
        let mut search = Search {
            names: &resolver,
            listen: &listen,
            targets: Vec::new(),
            until: None,
        };
        for peer in &peers {
            search.peer(peer).await;
        }
        let Search { targets, until, .. } = search;
        let now = Instant::now();
        let (targets, again) = match targets.is_empty() {
            true => {
                let hosts: Vec<&str> = peers.iter().map(|peer| peer.host.as_str()).collect();
                let words = format!("no usable address was found for {}", hosts.join(", "));
                (Err(words), now + AFTER_FAILURE)
            }
            false => {
                let until = until.unwrap_or(now + LONGEST);
                (Ok(targets), until.clamp(now + SHORTEST, now + LONGEST))
            }
        };
        if !registry.report(Event::Resolved { trunk, targets }).await {
            return;
        }
        // A spread, so that a thousand gateways don't ask in one second.
        let spread = SPREAD.mul_f64(rand::rng().random::<f64>());
        sleep_until((again + spread).into()).await;
    }
}

fn resolver() -> TokioResolver {
    let builder = TokioResolver::builder_tokio().unwrap_or_else(|error| {
        tracing::warn!(%error, "the system's name servers aren't known; only its hosts file is");
        TokioResolver::builder_with_config(
            ResolverConfig::new(),
            TokioConnectionProvider::default(),
        )
    });
    builder.build()
}

/// One walk through the records.
struct Search<'a, N> {
    names: &'a N,
    listen: &'a [Listen],
    targets: Vec<Target>,
    /// When the first of the records used grows old.
    until: Option<Instant>,
}

impl<N: Names> Search<'_, N> {
    /// RFC 3263 §4.1 and §4.2.
    async fn peer(&mut self, peer: &TrunkPeer) {
        let usual = peer.carrier.or(self.listen.first().map(|l| l.carrier));
        let Some(usual) = usual else {
            return;
        };
        if peer.host.parse::<IpAddr>().is_ok() || peer.port.is_some() {
            let port = peer.port.unwrap_or(usual.default_port());
            return self.host(&peer.host, &peer.host, port, usual).await;
        }
        let carriers = match peer.carrier {
            Some(carrier) => vec![(carrier, service_name(carrier, &peer.host))],
            None => self.carriers(&peer.host).await,
        };
        for (carrier, name) in carriers {
            let services = self.names.services(&name).await;
            if self.services(&peer.host, services, carrier).await {
                return;
            }
        }
        self.host(&peer.host, &peer.host, usual.default_port(), usual)
            .await;
    }

    /// What the peer prefers of what we have; without its word, what we have in our order.
    async fn carriers(&mut self, host: &str) -> Vec<(Carrier, String)> {
        let mut found = self.names.pointers(host).await;
        found.records.sort_by_key(|pointer| pointer.order);
        let ours = |carrier| self.listen.iter().any(|listen| listen.carrier == carrier);
        let pointed: Vec<_> = found
            .records
            .into_iter()
            .filter(|pointer| ours(pointer.carrier))
            .map(|pointer| (pointer.carrier, pointer.services))
            .collect();
        if !pointed.is_empty() {
            self.holds_until(found.until);
            return pointed;
        }
        let mut carriers: Vec<Carrier> = Vec::new();
        for listen in self.listen {
            if !carriers.contains(&listen.carrier) {
                carriers.push(listen.carrier);
            }
        }
        carriers
            .into_iter()
            .map(|carrier| (carrier, service_name(carrier, host)))
            .collect()
    }

    /// Whether there are any. A single "." says that there is no such service (RFC 2782).
    async fn services(&mut self, host: &str, found: Found<Service>, carrier: Carrier) -> bool {
        let services = ordered(found.records, &mut rand::rng());
        if services.is_empty() {
            return false;
        }
        self.holds_until(found.until);
        for service in services {
            if !service.host.is_empty() {
                self.host(host, &service.host, service.port, carrier).await;
            }
        }
        true
    }

    async fn host(&mut self, host: &str, name: &str, port: u16, carrier: Carrier) {
        let found = match name.parse::<IpAddr>() {
            Ok(address) => Found {
                records: vec![address],
                until: None,
            },
            Err(_) => self.names.addresses(name).await,
        };
        self.holds_until(found.until);
        for address in found.records {
            let usable = self.listen.iter().any(|listen| {
                listen.carrier == carrier && listen.address.is_ipv4() == address.is_ipv4()
            });
            let target = Target {
                host: host.to_owned(),
                carrier,
                address: SocketAddr::new(address, port),
            };
            if usable && self.targets.len() < TARGETS_AT_MOST && !self.targets.contains(&target) {
                self.targets.push(target);
            }
        }
    }

    fn holds_until(&mut self, until: Option<Instant>) {
        self.until = [self.until, until].into_iter().flatten().min();
    }
}

impl Names for TokioResolver {
    async fn pointers(&self, name: &str) -> Found<Pointer> {
        let Ok(found) = self
            .lookup(
                absolute(name),
                hickory_resolver::proto::rr::RecordType::NAPTR,
            )
            .await
        else {
            return Found::nothing();
        };
        let records = found.record_iter().filter_map(|record| {
            let naptr = record.data().as_naptr()?;
            let carrier = match naptr.services().to_ascii_uppercase().as_slice() {
                b"SIP+D2U" => Carrier::Udp,
                b"SIP+D2T" => Carrier::Tcp,
                b"SIPS+D2T" => Carrier::Tls,
                _ => return None,
            };
            Some(Pointer {
                order: (naptr.order(), naptr.preference()),
                carrier,
                services: naptr.replacement().to_ascii(),
            })
        });
        Found {
            records: records.collect(),
            until: Some(found.valid_until()),
        }
    }

    async fn services(&self, name: &str) -> Found<Service> {
        let Ok(found) = self.srv_lookup(absolute(name)).await else {
            return Found::nothing();
        };
        let until = found.as_lookup().valid_until();
        let records = found.iter().map(|srv| Service {
            priority: srv.priority(),
            weight: srv.weight(),
            port: srv.port(),
            host: srv.target().to_ascii().trim_end_matches('.').to_owned(),
        });
        Found {
            records: records.collect(),
            until: Some(until),
        }
    }

    async fn addresses(&self, name: &str) -> Found<IpAddr> {
        match self.lookup_ip(name).await {
            Ok(found) => Found {
                until: Some(found.valid_until()),
                records: found.iter().collect(),
            },
            Err(error) => {
                tracing::debug!(name, %error, "a trunk's peer has no address");
                Found::nothing()
            }
        }
    }
}

impl<T> Found<T> {
    fn nothing() -> Self {
        Self {
            records: Vec::new(),
            until: None,
        }
    }
}

/// By priority, and within one by chance in proportion to the weights (RFC 2782).
fn ordered(mut services: Vec<Service>, random: &mut impl Rng) -> Vec<Service> {
    services.sort_by_key(|service| service.priority);
    let mut ordered = Vec::with_capacity(services.len());
    while let Some(first) = services.first() {
        let priority = first.priority;
        let peers = services
            .iter()
            .take_while(|service| service.priority == priority);
        // Those of weight 0 have a small chance, too.
        let weights: Vec<u64> = peers
            .map(|service| u64::from(service.weight) * 100 + 1)
            .collect();
        let mut drawn = random.random_range(0..weights.iter().sum());
        let mut place = 0;
        for (index, weight) in weights.iter().enumerate() {
            place = index;
            if drawn < *weight {
                break;
            }
            drawn -= weight;
        }
        ordered.push(services.remove(place));
    }
    ordered
}

fn service_name(carrier: Carrier, host: &str) -> String {
    let service = match carrier {
        Carrier::Udp => "_sip._udp",
        Carrier::Tcp => "_sip._tcp",
        Carrier::Tls => "_sips._tcp",
    };
    format!("{service}.{host}")
}

/// Not to be completed by the system's search domains.
fn absolute(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.'))
}

/// Alternatives beyond it only keep a caller waiting.
const TARGETS_AT_MOST: usize = 8;

/// However short the records' time is, we don't ask more often, and however long, a moved peer is found within the hour.
const SHORTEST: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(3600);

const AFTER_FAILURE: Duration = Duration::from_secs(15);
const SPREAD: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
