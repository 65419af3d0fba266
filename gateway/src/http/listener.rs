//! Accepts connections: so many at a time, and none that takes its time to say what it wants.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::Accept;
use tower::ServiceExt;

use super::certificate::Shown;

/// A connection's right to be here; free again once nobody holds it. Every request brings it as an extension, so that what
/// outlives HTTP can go on holding it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    _permit: Arc<OwnedSemaphorePermit>,
}

/// Room for one listener's connections.
pub(super) fn places() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(CONNECTIONS_AT_MOST))
}

/// Serves until `shutdown`, then waits for the requests under way.
pub(super) async fn serve(
    listener: TcpListener,
    mut certificate: Option<Shown>,
    routes: Router,
    places: Arc<Semaphore>,
    shutdown: impl Future<Output = ()>,
) {
    let (stop, stopping) = watch::channel(());
    // HTTP/1 and nothing else: what guesses the version waits for a silent connection's first bytes without a limit.
    let mut protocol = http1::Builder::new();
    protocol
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN);
    let mut shutdown = pin!(shutdown);
    loop {
        let next = async {
            // The permit is taken first: beyond the limit, connections wait in the system's queue.
            let permit = places.clone().acquire_owned().await;
            let place = Place {
                _permit: Arc::new(permit.expect("nobody closes it")),
            };
            (place, accept(&listener).await)
        };
        let (place, stream) = tokio::select! {
            (place, stream) = next => (place, stream),
            () = &mut shutdown => break,
        };
        let conversation = Conversation {
            protocol: protocol.clone(),
            routes: routes.clone(),
            place,
            stopping: stopping.clone(),
        };
        match &mut certificate {
            None => tokio::spawn(conversation.over(stream)),
            Some(shown) => {
                let handshake = shown.acceptor(Instant::now()).accept(stream);
                tokio::spawn(conversation.after(handshake))
            }
        };
    }
    drop((listener, stopping));
    // All are told, and all are over once nobody listens any more.
    if stop.send(()).is_ok() {
        stop.closed().await;
    }
}

/// One connection's.
struct Conversation {
    protocol: http1::Builder,
    routes: Router,
    place: Place,
    stopping: watch::Receiver<()>,
}

impl Conversation {
    /// Over TLS, if its handshake succeeds.
    async fn after(mut self, handshake: Accept<TcpStream>) {
        let secured = tokio::select! {
            secured = tokio::time::timeout(SECURED_WITHIN, handshake) => secured,
            _ = self.stopping.changed() => return,
        };
        match secured {
            Ok(Ok(stream)) => self.over(stream).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS connection didn't come about"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
    }

    async fn over(mut self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let place = self.place;
        let routes = self
            .routes
            .map_request(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(place.clone());
                request.map(Body::new)
            });
        let service = TowerToHyperService::new(routes);
        let connection = self
            .protocol
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection.with_upgrades());
        let served = tokio::select! {
            served = connection.as_mut() => served,
            _ = self.stopping.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            tracing::debug!(%error, "an HTTP connection broke");
        }
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if let Err(error) = prepare(&stream) {
                    tracing::debug!(%error, "a connection stays as the system made it");
                }
                return stream;
            }
            Err(error) => {
                // Out of descriptors, mostly: some will be free in a moment.
                tracing::warn!(%error, "a connection couldn't be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn prepare(stream: &TcpStream) -> std::io::Result<()> {
    // A frame for an agent mustn't wait for the acknowledgement of the one before.
    stream.set_nodelay(true)?;
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(UNREAD_FOR))
}

/// Connections that speak HTTP at a time; agents' sockets don't count once their token was good.
const CONNECTIONS_AT_MOST: usize = 4_096;

/// A TLS handshake takes three turns, on a bad network perhaps twice.
const SECURED_WITHIN: Duration = Duration::from_secs(10);

/// From the beginning, over TLS from the handshake's end, or from the last answer, to the end of a request's headers.
const HEADERS_WITHIN: Duration = Duration::from_secs(15);

/// Who reads nothing of an answer for this long loses the connection, as does who acknowledges nothing.
const UNREAD_FOR: Duration = Duration::from_secs(60);

const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn started() -> std::net::SocketAddr {
        started_until(std::future::pending()).await.0
    }

    async fn started_until(
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> (std::net::SocketAddr, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let routes = Router::new().route("/", axum::routing::get(async || "here"));
        let serving = tokio::spawn(serve(listener, None, routes, places(), shutdown));
        (address, serving)
    }

    /// What comes back for `sent`, until the connection is closed; it is, in time.
    async fn comes_back(sent: &[u8]) -> String {
        let mut stream = TcpStream::connect(started().await)
            .await
            .expect("connected");
        let began = tokio::time::Instant::now();
        stream.write_all(sent).await.expect("sent");
        let mut rest = Vec::new();
        let read = stream.read_to_end(&mut rest);
        let read = tokio::time::timeout(2 * HEADERS_WITHIN, read).await;
        read.expect("closed in time").expect("closed in order");
        let took = began.elapsed();
        assert!(took <= HEADERS_WITHIN + PAUSE, "{took:?}");
        String::from_utf8_lossy(&rest).into_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn headers_that_never_end_lose_their_connection() {
        let rest = comes_back(b"GET / HTTP/1.1\r\nHost").await;
        assert!(!rest.contains("here"), "{rest}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_loses_the_connection() {
        assert_eq!(comes_back(b"").await, "");
    }

    // By the real clock: a paused one jumps to the limit whenever the bytes are slower than it.
    #[tokio::test]
    async fn who_begins_with_http_2_is_left_at_once() {
        let began = tokio::time::Instant::now();
        let rest = comes_back(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
        let took = began.elapsed();
        assert_eq!(rest, "");
        assert!(took < Duration::from_secs(1), "{took:?}");
    }

    #[tokio::test]
    async fn a_stop_closes_what_waits_and_lets_a_request_end() {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (address, serving) = started_until(async { drop(stopped.await) }).await;
        let (mut idle, mut busy) = (
            TcpStream::connect(address).await.expect("connected"),
            TcpStream::connect(address).await.expect("connected"),
        );
        let asked = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        idle.write_all(asked).await.expect("sent");
        busy.write_all(&asked[..20]).await.expect("sent");
        let mut answer = [0; 12];
        idle.read_exact(&mut answer).await.expect("answered");
        stop.send(()).expect("it serves");
        let mut rest = Vec::new();
        let closed = idle.read_to_end(&mut rest);
        let closed = tokio::time::timeout(HEADERS_WITHIN / 3, closed).await;
        closed.expect("closed at once").expect("closed in order");
        busy.write_all(&asked[20..]).await.expect("sent");
        rest.clear();
        busy.read_to_end(&mut rest)
            .await
            .expect("answered and closed");
        let rest = String::from_utf8_lossy(&rest);
        assert!(rest.ends_with("here"), "{rest}");
        serving.await.expect("everything is over");
    }

    #[tokio::test]
    async fn who_reads_nothing_is_not_waited_for_for_ever() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let (stream, _peer) = tokio::join!(accept(&listener), TcpStream::connect(address));
        let limit = socket2::SockRef::from(&stream).tcp_user_timeout();
        assert_eq!(limit.expect("a socket"), Some(UNREAD_FOR));
    }

    #[tokio::test]
    async fn a_request_is_answered() {
        let mut stream = TcpStream::connect(started().await)
            .await
            .expect("connected");
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .await
            .expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("answered");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.ends_with("here"), "{answer}");
    }
}
