//! Headless agents: each speaks `warmline.agent.v1`, holds a warm media leg, and does nothing of its own accord.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use futures_util::{SinkExt, StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::provider::customer::phone::{Ear, Phone};
use crate::provider::customer::voice::Voice;

/// Who signs in, and where.
#[derive(Debug, Clone)]
pub struct AgentsConfig {
    /// The gateway's host and port; plain HTTP, as it is found on its own machine.
    pub gateway: String,
    /// One an agent.
    pub tokens: Vec<String>,
    /// Where the agents' media is.
    pub media: IpAddr,
    /// What each of them says.
    pub voice: Voice,
}

/// Agents who are signed in, each with a leg that is up.
#[derive(Debug)]
pub struct Agents(Vec<Agent>);

#[derive(Debug)]
struct Agent {
    socket: WebSocketStream<TcpStream>,
    /// Dropped, it would take the leg with it.
    _phone: Phone,
}

impl Agents {
    /// Signs everybody in, a few at a time, and waits until all legs are up.
    ///
    /// # Errors
    ///
    /// When one of them can't get there.
    pub async fn sign_in(config: &AgentsConfig) -> Result<Self> {
        let signing_in =
            stream::iter(config.tokens.iter().enumerate()).map(|(nth, token)| async move {
                timeout(PATIENCE, Agent::sign_in(config, token))
                    .await
                    .context("it took too long")
                    .flatten()
                    .with_context(|| format!("agent {nth} can't sign in"))
            });
        let agents = signing_in.buffered(AT_ONCE).try_collect().await?;
        Ok(Self(agents))
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Stays signed in; returns why the first of them no longer is.
    pub async fn stay(self) -> anyhow::Error {
        let mut staying: stream::FuturesUnordered<_> =
            self.0.into_iter().map(Agent::stay).collect();
        match staying.next().await {
            Some(why) => why,
            None => anyhow!("there are no agents"),
        }
    }
}

impl Agent {
    async fn sign_in(config: &AgentsConfig, token: &str) -> Result<Self> {
        let phone = Phone::new(config.media, Ear::default()).await?;
        let mut socket = connect(&config.gateway).await?;
        request(
            &mut socket,
            1,
            json!({ "op": "hello", "token": token, "sdk": SDK }),
        )
        .await?;
        let offer = phone.offer().await?;
        let accepted = request(&mut socket, 2, json!({ "op": "media", "sdp": offer })).await?;
        let answer = accepted["sdp"]
            .as_str()
            .context("the reply to the offer holds no answer")?;
        phone.handle_answer(answer).await?;
        phone.connected().await?;
        // A microphone that was never heard counts as muted.
        phone.say(config.voice);
        Ok(Self {
            socket,
            _phone: phone,
        })
    }

    /// Reads, so that pings are answered, until the gateway lets go.
    async fn stay(mut self) -> anyhow::Error {
        loop {
            match next_frame(&mut self.socket).await {
                Ok(frame) if frame["ev"] == "bye" => return anyhow!("the gateway said {frame}"),
                Ok(_) => {}
                Err(why) => return why,
            }
        }
    }
}

async fn connect(gateway: &str) -> Result<WebSocketStream<TcpStream>> {
    let stream = TcpStream::connect(gateway)
        .await
        .with_context(|| format!("connecting to {gateway}"))?;
    stream.set_nodelay(true)?;
    let mut upgrade = format!("ws://{gateway}/v1/agent").into_client_request()?;
    upgrade.headers_mut().insert(
        SEC_WEBSOCKET_PROTOCOL,
        HeaderValue::from_static(SUBPROTOCOL),
    );
    let (socket, _) = client_async(upgrade, stream).await?;
    Ok(socket)
}

/// Sends a request and waits for its reply; events that come in between are nobody's concern here.
async fn request(
    socket: &mut WebSocketStream<TcpStream>,
    id: u64,
    mut frame: Value,
) -> Result<Value> {
    frame["id"] = id.into();
    socket.send(Message::text(frame.to_string())).await?;
    loop {
        let mut reply = next_frame(socket).await?;
        if reply["re"] != id {
            continue;
        }
        return match reply.get("err") {
            Some(problem) => bail!("the gateway refused: {problem}"),
            None => Ok(reply["ok"].take()),
        };
    }
}

async fn next_frame(socket: &mut WebSocketStream<TcpStream>) -> Result<Value> {
    while let Some(message) = socket.next().await {
        match message? {
            Message::Text(text) => return Ok(serde_json::from_str(&text)?),
            Message::Close(frame) => bail!("the gateway closed the socket: {frame:?}"),
            Message::Binary(_) => bail!("a binary frame has no place on this socket"),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
    bail!("the connection to the gateway is gone")
}

const SUBPROTOCOL: &str = "warmline.agent.v1";
const SDK: &str = "loadtest";
/// Handshakes cost both sides; more at once would only wait for each other.
const AT_ONCE: usize = 8;
/// For everything from the connection to the leg.
const PATIENCE: Duration = Duration::from_secs(20);

/// What every agent says who isn't told otherwise.
pub const VOICE_HZ: f32 = 440.0;
