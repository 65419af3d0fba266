//! UDP: one task a socket, one message a datagram (RFC 3261 §18.3).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use signaling::{Flow, SocketId};
use tokio::net::UdpSocket;
use tokio::sync::mpsc::error::TrySendError;
use tracing::warn;

use super::{Event, Registry};
use crate::switchboard::Input;

pub(super) async fn receive(socket: SocketId, bound: Arc<UdpSocket>, registry: Arc<Registry>) {
    let mut buffer = BytesMut::with_capacity(MESSAGE_AT_MOST + 1);
    loop {
        buffer.clear();
        let (length, peer) = match bound.recv_buf_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                warn!(%error, "a UDP socket can't be read");
                tokio::time::sleep(AFTER_ERROR).await;
                continue;
            }
        };
        if !registry.gate.admits(Instant::now(), socket, peer.ip()) {
            continue;
        }
        if length > MESSAGE_AT_MOST {
            registry.too_long.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let event = Event::Message {
            flow: Flow::Datagram { socket, peer },
            // A dialog may keep its INVITE for an hour: a copy of the right size instead of a slice of a large buffer.
            bytes: Bytes::copy_from_slice(&buffer),
        };
        match registry.events.try_send(Input::arrived(event)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                registry.queue_full.fetch_add(1, Ordering::Relaxed);
            }
            Err(TrySendError::Closed(_)) => return,
        }
    }
}

/// Longer than any SIP message of a phone call; a longer one arrives truncated and is dropped.
const MESSAGE_AT_MOST: usize = 16 * 1024;

/// The system's errors here pass, such as want of memory; a loop around them would not help.
const AFTER_ERROR: Duration = Duration::from_millis(100);
