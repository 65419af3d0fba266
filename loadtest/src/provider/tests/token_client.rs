//! An agent's client on the token socket.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message as WsMessage;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::patiently;
use crate::provider::Provider;

/// An agent's client on the token socket.
pub(super) struct TokenClient {
    pub(super) stream: WebSocketStream<TcpStream>,
    pub(super) us_id: String,
    pub(super) last_utid: u64,
}

impl TokenClient {
    pub(super) async fn connect(provider: &Provider) -> Self {
        let tcp = TcpStream::connect(provider.token).await.unwrap();
        let (stream, _) = client_async(provider.token_url(), tcp).await.unwrap();
        Self {
            stream,
            us_id: String::new(),
            last_utid: 0,
        }
    }

    pub(super) async fn signed_in(provider: &Provider) -> Self {
        let mut client = Self::connect(provider).await;
        client.us_id = client.receive().await["usId"].as_str().unwrap().to_owned();
        client.log_in().await;
        client
    }

    pub(super) async fn log_in(&mut self) -> Value {
        let keys = json!({ "usId": self.us_id, "reconnect": "false", "params": "manual", "phoneNumber": "500607" });
        self.command("tbAgentLogin", self.last_utid + 1, keys).await;
        self.receive().await
    }

    pub(super) async fn dial(&mut self, utid: u64, number: &str) {
        let keys = json!({
            "browserSessionId": "0b9f2c64-0000-4000-8000-000000000000", "usId": self.us_id,
            "isSip": "true", "mode": "manual", "params": format!("300401,{number},500607,SIP:true"),
        });
        self.command("tbManualDial", utid, keys).await;
    }

    pub(super) async fn command(&mut self, kind: &str, utid: u64, mut keys: Value) {
        let common = json!({
            "type": kind, "ns": "ozonetel.cloudagent", "customer": "acme_clinic",
            "agentId": "agent7", "agentUniqId": 100207, "utid": utid,
        });
        keys.as_object_mut()
            .unwrap()
            .extend(common.as_object().unwrap().clone());
        self.send_raw(&keys.to_string()).await;
    }

    pub(super) async fn send_raw(&mut self, text: &str) {
        self.stream.send(WsMessage::text(text)).await.unwrap();
    }

    pub(super) async fn receive(&mut self) -> Value {
        let message = patiently(self.stream.next()).await.unwrap().unwrap();
        serde_json::from_str(&message.into_text().unwrap()).unwrap()
    }
}
