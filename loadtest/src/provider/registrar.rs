//! The registrar: SIP over WebSocket (RFC 7118), plain and TLS; digest, bindings, and the way into a call's dialog.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use uuid::Uuid;

use super::binding::{Binding, LineTransport};
use super::digest::{Challenge, Verdict};
use super::platform::{Milestone, Platform, log_sip};
use super::sip::{Message, parameter, uri, user, without_parameter};
use super::socket::Socket;

/// One connection, which may carry any number of registered extensions.
struct Line {
    platform: Arc<Platform>,
    socket: Socket,
    transport: LineTransport,
    /// By extension: several may share a connection and register at the same time.
    challenges: HashMap<String, Challenge>,
}

/// Accepts lines; with `tls` they are WSS.
pub async fn serve(platform: Arc<Platform>, listener: TcpListener, tls: Option<TlsAcceptor>) {
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "accepting a line failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // SIP messages are small and waited for.
        let _ = stream.set_nodelay(true);
        let (of_line, tls) = (platform.clone(), tls.clone());
        platform.spawn(async move {
            match tls {
                None => converse(of_line, stream, peer, LineTransport::Ws).await,
                Some(tls) => match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
                    Ok(Ok(stream)) => converse(of_line, stream, peer, LineTransport::Wss).await,
                    Ok(Err(error)) => tracing::warn!(%peer, %error, "no TLS handshake"),
                    Err(_) => tracing::warn!(%peer, "no TLS handshake in time"),
                },
            }
        });
    }
}

async fn converse<S>(platform: Arc<Platform>, stream: S, peer: SocketAddr, transport: LineTransport)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let stream = match tokio_tungstenite::accept_hdr_async(stream, select_sip).await {
        Ok(stream) => stream,
        Err(error) => return tracing::warn!(%peer, %error, "no WebSocket handshake"),
    };
    let (socket, outbox) = Socket::new();
    let mut line = Line {
        platform,
        socket,
        transport,
        challenges: HashMap::new(),
    };
    outbox.drive(stream, |text| line.handle_text(text)).await;
    line.close();
}

/// The subprotocol is mandatory (RFC 7118 §4.1).
#[allow(clippy::result_large_err)] // the callback's signature is tungstenite's
fn select_sip(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let sip = offered
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|protocol| protocol.trim().eq_ignore_ascii_case("sip"));
    if !sip {
        let mut refusal = ErrorResponse::new(Some("the subprotocol sip is required".to_owned()));
        *refusal.status_mut() = StatusCode::BAD_REQUEST;
        return Err(refusal);
    }
    response
        .headers_mut()
        .insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("sip"));
    Ok(response)
}

impl Line {
    fn handle_text(&mut self, text: &str) {
        match text {
            // A keep-alive and its answer (RFC 5626 §3.5.1).
            "\r\n\r\n" => self.write("\r\n".to_owned()),
            "\r\n" => {}
            text => match Message::parse(text) {
                Ok(message) => self.handle_message(message),
                Err(malformed) => {
                    let first = text.lines().next().unwrap_or_default();
                    self.platform
                        .report_breach(format!("SIP: {} in {first:?}", malformed.0));
                }
            },
        }
    }

    fn handle_message(&mut self, message: Message) {
        log_sip("received", &message);
        match message.method() {
            Some("REGISTER") => {
                let response = self.register(&message);
                self.send(&response);
            }
            Some("OPTIONS") => self.send(&ok(&message).with("Allow", ALLOW)),
            _ => {
                let undelivered = self.platform.calls.lock().deliver(message);
                if let Err(message) = undelivered {
                    self.handle_stray(&message);
                }
            }
        }
    }

    /// A message of no call in progress.
    fn handle_stray(&self, message: &Message) {
        let in_dialog = message
            .header("To")
            .is_some_and(|to| parameter(to, "tag").is_some());
        let (status, reason) = match (message.method(), in_dialog) {
            // A late response or ACK: nothing can be answered (RFC 3261 §17.1.1.3, §18.1.2).
            (None | Some("ACK"), _) => return,
            (Some("CANCEL"), _) | (Some(_), true) => (481, "Call/Transaction Does Not Exist"),
            (Some("INVITE"), false) => (403, "Dial by the token socket"),
            (Some(_), false) => (405, "Method Not Allowed"),
        };
        let response = Message::response(message, status, reason)
            .with_to_tag(&tag())
            .with("Allow", ALLOW);
        self.send(&response);
    }

    fn register(&mut self, request: &Message) -> Message {
        let refuse =
            |status, reason| Message::response(request, status, reason).with_to_tag(&tag());
        let Some(extension) = request.header("To").and_then(|to| user(uri(to))) else {
            return refuse(400, "To has no user");
        };
        let Some(password) = self.platform.config.extensions.password(extension) else {
            return refuse(404, "Not Found");
        };
        let issued = self.challenges.get_mut(extension);
        match (request.header("Authorization"), issued) {
            (Some(authorization), Some(challenge)) => {
                match challenge.verify(authorization, "REGISTER", extension, &password) {
                    Verdict::Valid => {}
                    Verdict::Stale => return self.challenge(request, extension, true),
                    Verdict::Refused(why) => {
                        self.platform
                            .report_breach(format!("REGISTER of {extension}: {why}"));
                        return refuse(403, "Forbidden");
                    }
                }
            }
            // A nonce of an earlier connection isn't good here, though the password may be.
            (Some(_), None) => return self.challenge(request, extension, true),
            (None, _) => return self.challenge(request, extension, false),
        }
        self.bind(request, extension)
    }

    fn challenge(&mut self, request: &Message, extension: &str, stale: bool) -> Message {
        let challenge = Challenge::new(
            &self.platform.config.domain,
            Uuid::new_v4().simple().to_string(),
        );
        let header = challenge.header(stale);
        self.challenges.insert(extension.to_owned(), challenge);
        Message::response(request, 401, "Unauthorized")
            .with_to_tag(&tag())
            .with("WWW-Authenticate", header)
    }

    fn bind(&self, request: &Message, extension: &str) -> Message {
        let response = ok(request);
        // Without a Contact it is a question (RFC 3261 §10.2.3), which no softphone asks.
        let Some(contact) = request.header("Contact") else {
            return response;
        };
        let asked = parameter(contact, "expires").or(request.header("Expires"));
        let seconds = match asked.map(str::parse::<u64>) {
            None => EXPIRES,
            Some(Ok(seconds)) => seconds.min(EXPIRES),
            Some(Err(_)) => {
                return Message::response(request, 400, "Expires isn't a number")
                    .with_to_tag(&tag());
            }
        };
        let instance = parameter(contact, "+sip.instance").map(str::to_owned);
        let target = uri(contact);
        if seconds == 0 {
            self.platform
                .lines
                .lock()
                .remove(extension, target, instance.as_deref());
            self.platform.announce(Milestone::Unregistered {
                extension: extension.to_owned(),
            });
            return response;
        }
        let outbound = parameter(contact, "reg-id").is_some()
            && request
                .headers("Supported")
                .any(|s| s.split(',').any(|tag| tag.trim() == "outbound"));
        self.platform.lines.lock().register(
            extension,
            Binding {
                contact: target.to_owned(),
                instance,
                socket: self.socket.clone(),
                transport: self.transport,
                expires: Instant::now() + Duration::from_secs(seconds),
            },
        );
        self.platform.announce(Milestone::Registered {
            extension: extension.to_owned(),
            contact: target.to_owned(),
        });
        let echoed = format!(
            "{};expires={seconds}",
            without_parameter(contact, "expires")
        );
        let response = response.with("Contact", echoed);
        match outbound {
            // RFC 5626 §6: says that the flow will be used.
            true => response.with("Require", "outbound"),
            false => response,
        }
    }

    fn send(&self, message: &Message) {
        log_sip("sent", message);
        self.write(message.to_string());
    }

    fn write(&self, text: String) {
        // A line that is gone ends its own loop.
        let _ = self.socket.send(text);
    }

    fn close(&self) {
        let lost = self
            .platform
            .lines
            .lock()
            .handle_closed(self.socket.serial());
        for extension in lost {
            self.platform
                .announce(Milestone::Unregistered { extension });
        }
    }
}

fn ok(request: &Message) -> Message {
    Message::response(request, 200, "OK").with_to_tag(&tag())
}

fn tag() -> String {
    Uuid::new_v4().simple().to_string()
}

const ALLOW: &str = "INVITE,ACK,CANCEL,BYE,UPDATE,INFO,OPTIONS,REGISTER";
/// Granted at most, in seconds.
const EXPIRES: u64 = 600;
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Out of file descriptors is the usual reason, and no reason to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
