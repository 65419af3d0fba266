//! One accepted WebSocket: a handle that writes without waiting, and the loop behind it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, mpsc};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// A handle on a connection; writing to one that is gone is an error, never a wait.
#[derive(Debug, Clone)]
pub struct Socket {
    serial: u64,
    outbox: mpsc::Sender<String>,
    closing: Arc<Notify>,
}

/// The reading half of [`Socket`]'s outbox, to be driven.
#[derive(Debug)]
pub struct Outbox {
    texts: mpsc::Receiver<String>,
    closing: Arc<Notify>,
}

/// The connection has closed, or its peer reads too slowly and it is closing now.
#[derive(Debug, PartialEq, Eq)]
pub struct Gone;

impl Socket {
    pub fn new() -> (Self, Outbox) {
        static SERIAL: AtomicU64 = AtomicU64::new(1);
        let (outbox, texts) = mpsc::channel(QUEUE);
        let closing = Arc::new(Notify::new());
        let socket = Self {
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            outbox,
            closing: closing.clone(),
        };
        (socket, Outbox { texts, closing })
    }

    /// Names the connection within this process.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    pub fn is_open(&self) -> bool {
        !self.outbox.is_closed()
    }

    /// Queues a text message; an overflow closes this connection and nothing else.
    ///
    /// # Errors
    ///
    /// [`Gone`] when nobody will read it.
    pub fn send(&self, text: String) -> Result<(), Gone> {
        self.outbox.try_send(text).map_err(|_| {
            self.close();
            Gone
        })
    }

    /// Closes the connection; what is queued may be lost.
    pub fn close(&self) {
        self.closing.notify_one();
    }
}

impl Outbox {
    /// Moves messages both ways until either side closes; pings are answered by the WebSocket layer.
    pub async fn drive<S>(mut self, stream: WebSocketStream<S>, mut handle: impl FnMut(&str))
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (mut sink, mut source) = stream.split();
        loop {
            tokio::select! {
                () = self.closing.notified() => break,
                text = self.texts.recv() => {
                    let Some(text) = text else { break };
                    if sink.send(Message::text(text)).await.is_err() {
                        return;
                    }
                }
                message = source.next() => match message {
                    Some(Ok(Message::Text(text))) => handle(&text),
                    // A SIP message may come in either kind of frame (RFC 7118 §4.2).
                    Some(Ok(Message::Binary(bytes))) => handle(&String::from_utf8_lossy(&bytes)),
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                    Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                },
            }
        }
        // The peer may be gone already; then there is nobody to tell.
        let _ = sink.close().await;
    }
}

/// Messages waiting for a slow reader.
const QUEUE: usize = 256;
