//! Route sets: the proxies that asked to stay in the path (RFC 3261 §12.1, §16.12), byte by byte as they wrote themselves.

use bytes::Bytes;

use crate::message::{Message, Name, NameAddr, Uri};

/// Route values in the order our requests carry them.
#[derive(Debug, Clone, Default)]
pub(crate) struct RouteSet(Vec<Bytes>);

impl RouteSet {
    /// The called side takes Record-Route in order (RFC 3261 §12.1.1).
    pub fn of_request(request: &Message) -> RouteSet {
        RouteSet(
            request
                .elements(Name::RecordRoute)
                .map(Bytes::copy_from_slice)
                .collect(),
        )
    }

    /// The calling side reverses it (RFC 3261 §12.1.2).
    pub fn of_response(response: &Message) -> RouteSet {
        let mut set = Self::of_request(response);
        set.0.reverse();
        set
    }

    /// The proxy that our requests reach first.
    pub fn first(&self) -> Option<NameAddr<'_>> {
        self.0.first().and_then(|route| NameAddr::parse(route))
    }

    /// Request URI and Route values of a request to `target` (RFC 3261 §12.2.1.1).
    pub fn towards(&self, target: &Bytes) -> (Bytes, Vec<Bytes>) {
        let Some((first, others)) = self.0.split_first() else {
            return (target.clone(), Vec::new());
        };
        let Some(uri) = NameAddr::parse(first).map(|route| route.uri) else {
            return (target.clone(), self.0.clone());
        };
        if Uri::parse(uri).is_none_or(|uri| uri.is_loose()) {
            return (target.clone(), self.0.clone());
        }
        // A strict router of RFC 2543 wants itself in the request URI, and the target at the end of the list.
        let last = Bytes::from([&b"<"[..], target, b">"].concat());
        (
            first.slice_ref(uri),
            others.iter().cloned().chain([last]).collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loose_router_leaves_the_target_in_the_request_uri() {
        let set = RouteSet(vec![
            Bytes::from_static(b"<sip:p1;lr=on>;x=1"),
            Bytes::from_static(b"<sip:p2>"),
        ]);
        let (uri, routes) = set.towards(&target());
        assert_eq!((uri, routes), (target(), set.0.clone()));
    }

    #[test]
    fn strict_router_takes_the_request_uri() {
        let set = RouteSet(vec![
            Bytes::from_static(b"<sip:p1>"),
            Bytes::from_static(b"<sip:p2;lr>"),
        ]);
        let (uri, routes) = set.towards(&target());
        assert_eq!(&uri[..], b"sip:p1");
        assert_eq!(routes, [&b"<sip:p2;lr>"[..], b"<sip:carol@198.51.100.9>"]);
    }

    #[test]
    fn without_proxies_there_is_no_route() {
        assert_eq!(RouteSet::default().towards(&target()), (target(), vec![]));
    }

    fn target() -> Bytes {
        Bytes::from_static(b"sip:carol@198.51.100.9")
    }
}
