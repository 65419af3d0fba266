//! Transactions: the four machines of RFC 3261 §17 (RFC 6026), and the keys that messages find them by.

pub(crate) mod client;
pub(crate) mod invite_client;
pub(crate) mod invite_server;
pub(crate) mod server;
pub(crate) mod timer;

use std::sync::Arc;

use crate::endpoint::Flow;
use crate::message::{Message, Method};

/// Whether the transport delivers by itself (TCP, TLS, WS) or needs resending (UDP).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reliability {
    Reliable,
    Unreliable,
}

/// The part of a status code the transaction layer acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// 1xx
    Provisional,
    /// 2xx
    Success,
    /// 3xx to 6xx
    Rejection,
}

impl Class {
    pub fn of(status: u16) -> Class {
        match status {
            ..200 => Class::Provisional,
            200..300 => Class::Success,
            _ => Class::Rejection,
        }
    }
}

/// What a client transaction asks of its owner.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ClientOutput {
    /// Send these bytes to the next hop.
    Transmit(bytes::Bytes),
    /// The same for bytes that went out before.
    Retransmit(bytes::Bytes),
    /// Hand the response to the dialog; repeated ones of an ended exchange are not handed on.
    Response(Class),
    /// Timer B or F fired: to be taken as a 408 (RFC 3261 §8.1.3.1).
    TimedOut,
}

/// What a server transaction asks of its owner.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ServerOutput {
    /// Send these bytes to where the request came from.
    Transmit(bytes::Bytes),
    /// The same for bytes that went out before.
    Retransmit(bytes::Bytes),
}

/// What a response must match: the branch we made, and whether it is the CANCEL that shares it (RFC 3261 §17.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ClientKey {
    branch: Box<[u8]>,
    cancel: bool,
}

impl ClientKey {
    pub fn of(message: &Message) -> Option<ClientKey> {
        Some(Self::new(message.via()?.branch()?, message.method()))
    }

    pub fn new(branch: &[u8], method: Method) -> ClientKey {
        ClientKey {
            branch: branch.into(),
            cancel: method == Method::Cancel,
        }
    }
}

/// What a request must match to be a retransmission, or the ACK or CANCEL of an INVITE (RFC 3261 §17.2.3).
///
/// The source is part of it, so that a CANCEL or ACK from elsewhere finds nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ServerKey {
    /// Shared, since a table holds each key twice.
    text: Arc<[u8]>,
    class: KeyClass,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum KeyClass {
    /// INVITE and its ACK.
    Invite,
    Cancel,
    Other,
}

impl ServerKey {
    /// The key of the transaction that `request` belongs to.
    pub fn of(request: &Message, flow: Flow) -> Option<ServerKey> {
        let class = match request.method() {
            Method::Invite | Method::Ack => KeyClass::Invite,
            Method::Cancel => KeyClass::Cancel,
            Method::Bye
            | Method::Register
            | Method::Options
            | Method::Info
            | Method::Update
            | Method::Prack
            | Method::Refer
            | Method::Notify
            | Method::Other => KeyClass::Other,
        };
        Self::with_class(request, flow, class)
    }

    /// The key of the INVITE that a CANCEL means (RFC 3261 §9.2).
    pub fn of_cancelled(cancel: &Message, flow: Flow) -> Option<ServerKey> {
        Self::with_class(cancel, flow, KeyClass::Invite)
    }

    fn with_class(request: &Message, flow: Flow, class: KeyClass) -> Option<ServerKey> {
        let via = request.via()?;
        let mut text = Vec::with_capacity(128);
        match flow {
            Flow::Datagram { peer, .. } => text.extend_from_slice(peer.ip().to_string().as_bytes()),
            // Any connection of that peer's to the same place of ours: TLS isn't overheard by TCP.
            Flow::Connection { socket, peer } => {
                text.extend_from_slice(&socket.0.to_be_bytes());
                text.extend_from_slice(peer.ip().to_string().as_bytes());
            }
            Flow::Stream(stream) => text.extend_from_slice(&stream.0.to_be_bytes()),
        }
        let mut part = |bytes: &[u8]| {
            text.push(0);
            text.extend_from_slice(bytes);
        };
        match via.branch() {
            Some(branch) if branch.starts_with(MAGIC_COOKIE) && branch != MAGIC_COOKIE => {
                part(branch);
                part(&via.host.to_ascii_lowercase());
                part(&via.port.unwrap_or(5060).to_be_bytes());
            }
            // A peer from before RFC 3261, or the cookie alone, which tells no two requests apart. The To tag is left out: the ACK has ours, the INVITE had none.
            Some(_) | None => {
                part(request.request_uri());
                part(via.head);
                part(via.parameters.0);
                part(request.tag_in_from().unwrap_or_default());
                part(request.call_id());
                part(&request.cseq()?.number.to_be_bytes());
            }
        }
        if class == KeyClass::Other {
            // A peer without the cookie may use one Via for several methods.
            part(request.cseq()?.method);
        }
        Some(ServerKey {
            text: text.into(),
            class,
        })
    }
}

/// Begins every branch made by an RFC 3261 element (§8.1.1.7).
pub(crate) const MAGIC_COOKIE: &[u8] = b"z9hG4bK";
