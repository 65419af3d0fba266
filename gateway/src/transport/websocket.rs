//! WebSockets as a client, plain or over TLS, opened within a bounded time.
//!
//! The only file of the gateway's client side that names tungstenite.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use http::header::{self, HeaderName, HeaderValue};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::config::Secret;

/// Whom to reach, and as whom.
#[derive(Debug, Clone)]
pub(crate) struct Upgrade {
    /// `ws://` or `wss://`.
    pub url: String,
    pub origin: Option<String>,
    /// Must be selected by the server.
    pub subprotocol: Option<String>,
    pub user_agent: Option<String>,
    pub cookies: Option<Secret>,
    pub tls: Arc<ClientConfig>,
}

/// What comes in.
pub(crate) struct Reader(SplitStream<WebSocketStream<Box<dyn Io>>>);

/// What goes out.
pub(crate) struct Writer(SplitSink<WebSocketStream<Box<dyn Io>>, Message>);

/// What a peer did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Received {
    /// A whole message, text or binary.
    Message(Bytes),
    /// A ping, already answered, or a pong.
    Alive,
    /// The end, and why.
    Closed(String),
}

/// A byte stream, plain or encrypted.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Why a WebSocket isn't open, in words.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("the address can't be used: {0}")]
    Address(String),
    #[error("no connection: {0}")]
    Connect(std::io::Error),
    #[error("no trust: {0}")]
    Tls(std::io::Error),
    #[error("the WebSocket was refused: {0}")]
    Refused(Box<tokio_tungstenite::tungstenite::Error>),
    #[error("no {0} within {patience} s", patience = HANDSHAKE_PATIENCE.as_secs())]
    Late(&'static str),
}

/// # Errors
///
/// A step of the way failed, or took too long.
pub(crate) async fn open(upgrade: &Upgrade) -> Result<(Reader, Writer), OpenError> {
    let request = request(upgrade)?;
    let uri = request.uri();
    let host = uri
        .host()
        .ok_or_else(|| OpenError::Address("it has no host".to_owned()))?;
    let host = host.trim_matches(['[', ']']).to_owned();
    let encrypted = uri.scheme_str() == Some("wss");
    let port = uri.port_u16().unwrap_or(if encrypted { 443 } else { 80 });

    let connected = timeout(
        HANDSHAKE_PATIENCE,
        TcpStream::connect((host.as_str(), port)),
    );
    let tcp = connected
        .await
        .map_err(|_| OpenError::Late("connection"))?
        .map_err(OpenError::Connect)?;
    // A SIP message is one write; it shouldn't wait for an acknowledgement of the last.
    tcp.set_nodelay(true).map_err(OpenError::Connect)?;

    let io: Box<dyn Io> = if encrypted {
        let name =
            ServerName::try_from(host).map_err(|error| OpenError::Address(error.to_string()))?;
        let connector = TlsConnector::from(upgrade.tls.clone());
        let encrypted = timeout(HANDSHAKE_PATIENCE, connector.connect(name, tcp))
            .await
            .map_err(|_| OpenError::Late("TLS handshake"))?
            .map_err(OpenError::Tls)?;
        Box::new(encrypted)
    } else {
        Box::new(tcp)
    };
    let upgraded = client_async_with_config(request, io, Some(buffers()));
    let (socket, _response) = timeout(HANDSHAKE_PATIENCE, upgraded)
        .await
        .map_err(|_| OpenError::Late("WebSocket upgrade"))?
        .map_err(|error| OpenError::Refused(Box::new(error)))?;
    let (sink, source) = socket.split();
    Ok((Reader(source), Writer(sink)))
}

impl Reader {
    /// Waits for what comes next; may be dropped while it waits.
    pub(crate) async fn read(&mut self) -> Received {
        match self.0.next().await {
            Some(Ok(Message::Text(text))) => Received::Message(Bytes::from(text)),
            Some(Ok(Message::Binary(bytes))) => Received::Message(bytes),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Received::Alive,
            Some(Ok(Message::Close(Some(frame)))) => {
                Received::Closed(format!("the peer closed it: {frame}"))
            }
            Some(Ok(Message::Close(None))) | None => {
                Received::Closed("the peer closed it".to_owned())
            }
            Some(Err(error)) => Received::Closed(error.to_string()),
        }
    }
}

impl Writer {
    /// Waits for room in the system's buffer.
    ///
    /// # Errors
    ///
    /// The socket is broken, and how.
    pub(crate) async fn send(&mut self, bytes: Bytes) -> Result<(), String> {
        // Text where it is text: some servers only read text frames, though SIP may come in either (RFC 7118 §4.2).
        let message = match Utf8Bytes::try_from(bytes.clone()) {
            Ok(text) => Message::Text(text),
            Err(_) => Message::Binary(bytes),
        };
        self.0
            .send(message)
            .await
            .map_err(|error| error.to_string())
    }

    /// # Errors
    ///
    /// The socket is broken, and how.
    pub(crate) async fn ping(&mut self) -> Result<(), String> {
        let ping = Message::Ping(Bytes::new());
        self.0.send(ping).await.map_err(|error| error.to_string())
    }

    /// Says good-bye; politeness only, for a peer that is gone isn't waited for.
    pub(crate) async fn close(&mut self) {
        let _ = timeout(CLOSE_PATIENCE, self.0.close()).await;
    }
}

fn request(upgrade: &Upgrade) -> Result<Request, OpenError> {
    let mut request = upgrade
        .url
        .as_str()
        .into_client_request()
        .map_err(|error| OpenError::Address(error.to_string()))?;
    let mut set = |name: HeaderName, value: Option<&str>| {
        let Some(value) = value else {
            return Ok(());
        };
        let value = HeaderValue::from_str(value)
            .map_err(|_| OpenError::Address(format!("{name} can't be sent")))?;
        request.headers_mut().insert(name, value);
        Ok(())
    };
    set(header::ORIGIN, upgrade.origin.as_deref())?;
    set(header::USER_AGENT, upgrade.user_agent.as_deref())?;
    set(header::COOKIE, upgrade.cookies.as_ref().map(Secret::expose))?;
    // The handshake fails unless the server selects it.
    set(
        header::SEC_WEBSOCKET_PROTOCOL,
        upgrade.subprotocol.as_deref(),
    )?;
    Ok(request)
}

/// Small: there are as many sockets as agents, and most of them are idle.
fn buffers() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(Some(MESSAGE_AT_MOST))
        .max_frame_size(Some(MESSAGE_AT_MOST))
}

/// Each step of the way: connection, TLS, upgrade.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(5);

const CLOSE_PATIENCE: Duration = Duration::from_millis(500);

/// An INVITE with SDP is about this long.
const READ_BUFFER: usize = 4 * 1024;

const MESSAGE_AT_MOST: usize = 64 * 1024;
