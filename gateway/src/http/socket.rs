//! `GET /v1/agent`: the agents' WebSocket, `warmline.agent.v1`.
//!
//! The socket's part ends at frames: it checks who is there, keeps the connection alive, and carries requests to the
//! switchboard and frames back, in order. How it closes, by code:
//!
//! | code | when |
//! |---|---|
//! | 1001 | the gateway let go: it stops, or said `bye`, or the browser was too slow for its frames |
//! | 1003 | a binary frame |
//! | 1007 | a text frame that isn't JSON |
//! | 1009 | a frame over 64 KiB |
//! | 4400 | the first frame isn't a `hello` |
//! | 4401, 4403 | the token of the `hello` isn't valid, or has no scope `agent`; its `err` says why |
//! | 4408 | no `hello` within 5 s |
//!
//! Everything else that can't be done is an `err`: with the request's number, or `re` 0 if it had none.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use http::HeaderMap;
use http::header::{HOST, ORIGIN};
use http::uri::{Authority, Uri};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite;
use tracing::debug;

use super::auth::{Caller, Scope};
use super::listener::Place;
use super::problem::Problem;
use super::{Mode, Public};
use crate::agent::wire::{FRAME_LIMIT, Frame, Malformed, Operation, Request, SUBPROTOCOL};
use crate::switchboard::{ConnectionId, Desk};
use heartbeat::{Beat, Heartbeat};

mod heartbeat;

pub(super) fn routes() -> Router<Arc<Public>> {
    Router::new().route("/v1/agent", get(upgrade))
}

async fn upgrade(
    State(public): State<Arc<Public>>,
    headers: HeaderMap,
    place: Option<Extension<Place>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    if !origin_allowed(&headers, &public) {
        return Err(Problem::forbidden(
            "Pages of this origin may not connect: \"http.allowed_origins\" doesn't name it.",
        ));
    }
    let upgrade = upgrade
        .map_err(|e| Problem::of_status(e.status(), e.body_text()))?
        .protocols([SUBPROTOCOL])
        .max_message_size(READ_LIMIT)
        .max_frame_size(READ_LIMIT);
    if upgrade.selected_protocol().is_none() {
        return Err(Problem::bad_request(format!(
            "The WebSocket subprotocol must be {SUBPROTOCOL}."
        )));
    }
    Ok(upgrade.on_upgrade(move |socket| converse(socket, public, place)))
}

/// A page's script can open a WebSocket to anywhere, so the browser's word on where it came from is checked.
/// What sends no `Origin` is no browser, and has nobody's cookies or clicks to abuse.
fn origin_allowed(headers: &HeaderMap, public: &Public) -> bool {
    let Some(origin) = headers.get(ORIGIN) else {
        return true;
    };
    let Ok(origin) = origin.to_str() else {
        return false;
    };
    if public
        .allowed_origins
        .iter()
        .any(|allowed| allowed.eq_ignore_ascii_case(origin))
    {
        return true;
    }
    let Some(page) = origin
        .parse::<Uri>()
        .ok()
        .and_then(|u| u.into_parts().authority)
    else {
        return false;
    };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let same = host.is_some_and(|host| host.eq_ignore_ascii_case(page.as_str()));
    same || (public.mode == Mode::Dev && is_loopback(&page))
}

fn is_loopback(page: &Authority) -> bool {
    matches!(page.host(), "localhost" | "127.0.0.1" | "[::1]")
}

/// Why a conversation is over.
#[derive(Debug, PartialEq)]
enum End {
    /// Nobody is there to be told.
    Gone,
    Close {
        code: u16,
        reason: &'static str,
    },
}

/// A browser whose token was good.
struct Opened {
    connection: ConnectionId,
    caller: Caller,
    frames: mpsc::Receiver<Frame>,
}

/// Until the token was good a socket takes a place among the connections: anybody may open one.
async fn converse(mut socket: WebSocket, public: Arc<Public>, place: Option<Extension<Place>>) {
    let end = match greet(&mut socket, &public).await {
        Ok(opened) => {
            drop(place);
            let connection = opened.connection;
            let end = carry(&mut socket, &public, opened).await;
            // Without a switchboard there is nothing left to tell.
            let _ = public.switchboard.desk(Desk::Closed { connection }).await;
            end
        }
        Err(end) => end,
    };
    debug!(?end, "an agent's socket is over");
    if let End::Close { code, reason } = end {
        close(socket, code, reason).await;
    }
}

/// Waits for `hello` and its token.
async fn greet(socket: &mut WebSocket, public: &Public) -> Result<Opened, End> {
    let late = End::Close {
        code: 4408,
        reason: "no hello within 5 s",
    };
    let text = timeout(HELLO_LIMIT, first_text(socket))
        .await
        .map_err(|_| late)??;
    let not_hello = End::Close {
        code: 4400,
        reason: "the first frame must be a hello",
    };
    let request = match Request::parse(&text) {
        Ok(request) => request,
        Err(Malformed::NotJson) => return Err(NOT_JSON),
        Err(Malformed::Refused { re, because }) => {
            send_problem(socket, re, Problem::bad_request(because)).await?;
            return Err(not_hello);
        }
    };
    let id = request.id;
    let Operation::Hello {
        token,
        sdk,
        session,
        seq,
        device,
    } = request.operation
    else {
        let problem = Problem::bad_request("The first frame must be a \"hello\".");
        send_problem(socket, id, problem).await?;
        return Err(not_hello);
    };
    let caller = match admit(public, &token) {
        Ok(caller) => caller,
        Err(problem) => {
            let end = match problem.status {
                401 => End::Close {
                    code: 4401,
                    reason: "the token isn't valid",
                },
                _ => End::Close {
                    code: 4403,
                    reason: "the token isn't an agent's",
                },
            };
            send_problem(socket, id, problem).await?;
            return Err(end);
        }
    };
    debug!(sdk, "an agent said hello");
    send(socket, &done(id)).await?;
    let (frames, receiver) = mpsc::channel(FRAMES_AHEAD);
    let connection = public.fresh_connection();
    let opened = Desk::Opened {
        connection,
        agent: caller.subject.clone(),
        token_expires: caller.expires,
        session,
        seq,
        device,
        frames,
    };
    public
        .switchboard
        .desk(opened)
        .await
        .map_err(|_| STOPPING)?;
    Ok(Opened {
        connection,
        caller,
        frames: receiver,
    })
}

fn admit(public: &Public, token: &str) -> Result<Caller, Problem> {
    let caller = public.auth.verify(token, SystemTime::now())?;
    if caller.has(Scope::Agent) {
        return Ok(caller);
    }
    Err(Problem::insufficient_scope(
        "This needs a token with the scope agent.",
    ))
}

async fn first_text(socket: &mut WebSocket) -> Result<String, End> {
    loop {
        if let Some(text) = text_of(socket.recv().await)? {
            return Ok(text);
        }
    }
}

/// Carries requests in and frames out, until either side lets go.
async fn carry(socket: &mut WebSocket, public: &Public, mut opened: Opened) -> End {
    let mut heartbeat = Heartbeat::new(Instant::now());
    loop {
        let step = tokio::select! {
            frame = opened.frames.recv() => match frame {
                Some(frame) => send(socket, &frame).await,
                None => Err(LET_GO),
            },
            message = socket.recv() => {
                heartbeat.heard();
                match text_of(message) {
                    Ok(Some(text)) => take(socket, public, &opened, &text).await,
                    Ok(None) => Ok(()),
                    Err(end) => Err(end),
                }
            }
            () = sleep_until(heartbeat.deadline()) => {
                match heartbeat.handle_timeout(Instant::now()) {
                    Beat::Ping => write(socket, Message::Ping(bytes::Bytes::new())).await,
                    Beat::Lost => Err(End::Gone),
                    Beat::Early => Ok(()),
                }
            }
        };
        if let Err(end) = step {
            return end;
        }
    }
}

async fn take(
    socket: &mut WebSocket,
    public: &Public,
    opened: &Opened,
    text: &str,
) -> Result<(), End> {
    let Request { id, operation } = match Request::parse(text) {
        Ok(request) => request,
        Err(Malformed::NotJson) => return Err(NOT_JSON),
        Err(Malformed::Refused { re, because }) => {
            return send_problem(socket, re, Problem::bad_request(because)).await;
        }
    };
    let desk = match operation {
        Operation::Hello { .. } => {
            let problem = Problem::bad_request("This connection has said \"hello\" before.");
            return send_problem(socket, id, problem).await;
        }
        Operation::Auth { token } => match renew(public, opened, &token) {
            Ok(renewed) => {
                send(socket, &done(id)).await?;
                renewed
            }
            Err(problem) => return send_problem(socket, id, problem).await,
        },
        operation => {
            if let Err(problem) = admit_dial(public, opened, &operation) {
                return send_problem(socket, id, problem).await;
            }
            Desk::Request {
                connection: opened.connection,
                id,
                operation,
            }
        }
    };
    public.switchboard.desk(desk).await.map_err(|_| STOPPING)
}

/// A page caught in a loop must not dial the town.
fn admit_dial(public: &Public, opened: &Opened, operation: &Operation) -> Result<(), Problem> {
    if !matches!(operation, Operation::Dial(_)) {
        return Ok(());
    }
    let now = Instant::now().into_std();
    Ok(public.admit_dial(&opened.caller.subject, now)?)
}

/// A refused renewal leaves the old token as it was.
fn renew(public: &Public, opened: &Opened, token: &str) -> Result<Desk, Problem> {
    let caller = admit(public, token)?;
    if caller.subject != opened.caller.subject {
        return Err(Problem::forbidden("The token is another agent's."));
    }
    Ok(Desk::Renewed {
        connection: opened.connection,
        token_expires: caller.expires,
    })
}

/// The text of a message, if it has one and the conversation goes on.
fn text_of(message: Option<Result<Message, axum::Error>>) -> Result<Option<String>, End> {
    match message {
        Some(Ok(Message::Text(text))) if text.len() > FRAME_LIMIT => Err(TOO_LARGE),
        Some(Ok(Message::Text(text))) => Ok(Some(text.as_str().to_owned())),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(None),
        Some(Ok(Message::Binary(_))) => Err(End::Close {
            code: 1003,
            reason: "frames are text",
        }),
        Some(Ok(Message::Close(_))) | None => Err(End::Gone),
        Some(Err(error)) => Err(broken(error)),
    }
}

fn broken(error: axum::Error) -> End {
    debug!(%error, "an agent's socket broke");
    match error.into_inner().downcast_ref() {
        Some(tungstenite::Error::Capacity(_)) => TOO_LARGE,
        Some(tungstenite::Error::Utf8(_)) => NOT_JSON,
        Some(_) | None => End::Gone,
    }
}

fn done(re: u64) -> Frame {
    Frame::Reply { re, ok: json!({}) }
}

async fn send_problem(socket: &mut WebSocket, re: u64, err: Problem) -> Result<(), End> {
    send(socket, &Frame::Error { re, err }).await
}

async fn send(socket: &mut WebSocket, frame: &Frame) -> Result<(), End> {
    let text = serde_json::to_string(frame).expect("a frame has no keys that aren't text");
    write(socket, Message::Text(text.into())).await
}

/// A browser that takes nothing for this long has gone, whatever TCP still hopes.
async fn write(socket: &mut WebSocket, message: Message) -> Result<(), End> {
    match timeout(WRITE_LIMIT, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(End::Gone),
    }
}

/// Waits a moment for the browser's part: closing with its data unread would reset the connection, and our code with it.
async fn close(mut socket: WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    if write(&mut socket, Message::Close(Some(frame)))
        .await
        .is_err()
    {
        return;
    }
    let echo = async { while let Some(Ok(_)) = socket.recv().await {} };
    // Whether the echo came or not, the socket is dropped next.
    let _ = timeout(CLOSE_LIMIT, echo).await;
}

const LET_GO: End = End::Close {
    code: 1001,
    reason: "the gateway let go",
};
const STOPPING: End = End::Close {
    code: 1001,
    reason: "the gateway is stopping",
};
const NOT_JSON: End = End::Close {
    code: 1007,
    reason: "frames are JSON",
};
const TOO_LARGE: End = End::Close {
    code: 1009,
    reason: "a frame has at most 64 KiB",
};

const HELLO_LIMIT: Duration = Duration::from_secs(5);
const WRITE_LIMIT: Duration = Duration::from_secs(10);
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// Frames that may wait for a slow browser; the switchboard lets go of it when they are more.
const FRAMES_AHEAD: usize = 256;

/// Somewhat more than we take is read, so that the close that says so isn't lost to a reset.
const READ_LIMIT: usize = 4 * FRAME_LIMIT;

#[cfg(test)]
mod tests;
