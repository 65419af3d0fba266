//! Accepts connections: so many at a time, and none that takes its time to say what it wants.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt;

/// Serves until `shutdown`, then waits for the requests under way.
pub(super) async fn serve(
    listener: TcpListener,
    routes: Router,
    shutdown: impl Future<Output = ()>,
) {
    let open = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS_AT_MOST));
    let mut protocol = Builder::new(TokioExecutor::new()).http1_only();
    protocol
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN);
    let mut shutdown = pin!(shutdown);
    loop {
        let next = async {
            // The permit is taken first: beyond the limit, connections wait in the system's queue.
            let place = places.clone().acquire_owned().await;
            (place, accept(&listener).await)
        };
        let (place, stream) = tokio::select! {
            (place, stream) = next => (place, stream),
            () = &mut shutdown => break,
        };
        let routes = routes
            .clone()
            .map_request(|request: Request<Incoming>| request.map(Body::new));
        let service = TowerToHyperService::new(routes);
        let connection = protocol.serve_connection_with_upgrades(TokioIo::new(stream), service);
        let connection = open.watch(connection.into_owned());
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "an HTTP connection broke");
            }
            drop(place);
        });
    }
    drop(listener);
    open.shutdown().await;
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // A frame for an agent mustn't wait for the acknowledgement of the one before.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection stays with Nagle's algorithm");
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

/// Connections that speak HTTP at a time; agents' sockets don't count once they are open.
const CONNECTIONS_AT_MOST: usize = 4_096;

/// From the first byte, or from the last answer, to the end of a request's headers.
const HEADERS_WITHIN: Duration = Duration::from_secs(15);

const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn started() -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let routes = Router::new().route("/", axum::routing::get(async || "here"));
        tokio::spawn(serve(listener, routes, std::future::pending()));
        address
    }

    #[tokio::test(start_paused = true)]
    async fn headers_that_never_end_lose_their_connection() {
        let mut stream = TcpStream::connect(started().await)
            .await
            .expect("connected");
        let began = tokio::time::Instant::now();
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost")
            .await
            .expect("sent");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.expect("closed");
        assert!(!String::from_utf8_lossy(&rest).contains("here"));
        assert!(
            began.elapsed() <= HEADERS_WITHIN + PAUSE,
            "{:?}",
            began.elapsed()
        );
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
