//! A softphone on its line: registers, is called, answers.

use std::net::Ipv4Addr;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use md5::{Digest, Md5};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::Message as WsMessage;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::patiently;
use crate::provider::Provider;
use crate::provider::customer::phone::{Ear, Phone};
use crate::provider::dialog::status;
use crate::provider::sip::{Message, Start};

/// A softphone's line for extension 500607.
pub(super) struct LineClient<S> {
    pub(super) stream: WebSocketStream<S>,
}

/// A call that the softphone answered.
pub(super) struct AnsweredCall {
    pub(super) invite: Message,
    pub(super) phone: Phone,
    pub(super) ear: Ear,
}

impl LineClient<tokio_rustls::client::TlsStream<TcpStream>> {
    pub(super) async fn connect_tls(provider: &Provider) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(provider.ca_pem().as_bytes()).unwrap())
            .unwrap();
        let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let client = rustls::ClientConfig::builder_with_provider(crypto)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let tcp = TcpStream::connect(provider.platform.sip).await.unwrap();
        let name = ServerName::from(provider.platform.sip.ip());
        let tls = TlsConnector::from(Arc::new(client))
            .connect(name, tcp)
            .await
            .unwrap();
        Self::upgrade(&provider.registrar_url(), tls).await
    }
}

impl LineClient<TcpStream> {
    pub(super) async fn connect_plain(provider: &Provider) -> Self {
        let tcp = TcpStream::connect(provider.ws.unwrap()).await.unwrap();
        Self::upgrade(&provider.ws_url().unwrap(), tcp).await
    }

    pub(super) async fn registered(provider: &Provider) -> Self {
        let mut line = Self::connect_plain(provider).await;
        let challenged = line.exchange(&line.register(1, 60, None)).await;
        let authorization = line.authorization(&challenged, "500607", 1);
        let registered = line
            .exchange(&line.register(2, 60, Some(authorization)))
            .await;
        assert_eq!(status(&registered), Some((200, "OK")));
        line
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> LineClient<S> {
    pub(super) async fn upgrade(url: &str, stream: S) -> Self {
        let mut request = url.into_client_request().unwrap();
        request
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", HeaderValue::from_static("sip"));
        let (stream, _) = client_async(request, stream).await.unwrap();
        Self { stream }
    }

    pub(super) fn request(&self, method: &str, sequence: u32) -> Message {
        Message::request(method, "sip:provider.example")
            .with(
                "Via",
                format!("SIP/2.0/WSS k3.invalid;branch=z9hG4bK{sequence}"),
            )
            .with("Max-Forwards", "69")
            .with("To", "<sip:500607@provider.example>")
            .with("From", "<sip:500607@provider.example>;tag=gur2no0kbp")
            .with("Call-ID", "roedirtkvce2q4c3pjpesl")
            .with("CSeq", format!("{sequence} {method}"))
    }

    pub(super) fn register(
        &self,
        sequence: u32,
        expires: u32,
        authorization: Option<String>,
    ) -> Message {
        let contact = format!(
            "<sip:n7@k3.invalid;transport=ws>;+sip.ice;reg-id=1;+sip.instance=\"<urn:uuid:1>\";expires={expires}"
        );
        let request = self.request("REGISTER", sequence).with("Contact", contact);
        match authorization {
            Some(authorization) => request.with("Authorization", authorization),
            None => request,
        }
    }

    /// RFC 7616 worked out apart from the server's own code.
    pub(super) fn authorization(&self, challenged: &Message, password: &str, count: u32) -> String {
        let hex = |text: String| -> String {
            Md5::digest(text)
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect()
        };
        let challenge = challenged.header("WWW-Authenticate").unwrap();
        let nonce = challenge
            .split("nonce=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        let a1 = hex(format!("500607:provider.example:{password}"));
        let a2 = hex("REGISTER:sip:provider.example".to_owned());
        let response = hex(format!("{a1}:{nonce}:{count:08x}:c0:auth:{a2}"));
        format!(
            "Digest algorithm=MD5, username=\"500607\", realm=\"provider.example\", nonce=\"{nonce}\", \
             uri=\"sip:provider.example\", response=\"{response}\", qop=auth, cnonce=\"c0\", nc={count:08x}"
        )
    }

    pub(super) async fn send(&mut self, message: &Message) {
        self.stream
            .send(WsMessage::text(message.to_string()))
            .await
            .unwrap();
    }

    pub(super) async fn receive(&mut self) -> Message {
        let text = patiently(self.stream.next()).await.unwrap().unwrap();
        Message::parse(&text.into_text().unwrap()).unwrap()
    }

    pub(super) async fn exchange(&mut self, request: &Message) -> Message {
        self.send(request).await;
        let response = self.receive().await;
        assert_eq!(response.cseq(), request.cseq());
        response
    }

    /// Takes an INVITE, answers it, and waits for the ACK.
    pub(super) async fn answer(&mut self) -> AnsweredCall {
        let invite = self.receive().await;
        assert_eq!(
            invite.start,
            Start::Request {
                method: "INVITE".to_owned(),
                uri: "sip:n7@k3.invalid;transport=ws".to_owned()
            }
        );
        let ear = Ear::default();
        let phone = Phone::new(Ipv4Addr::LOCALHOST.into(), ear.clone())
            .await
            .unwrap();
        let sdp = phone.handle_offer(&invite.body).await.unwrap();
        let ok = Message::response(&invite, 200, "OK")
            .with_to_tag("gw")
            .with("Contact", "<sip:n7@k3.invalid;transport=ws>")
            .with_sdp(sdp);
        self.send(&ok).await;
        assert_eq!(self.receive().await.method(), Some("ACK"));
        AnsweredCall { invite, phone, ear }
    }

    pub(super) async fn take_bye(&mut self, call: &AnsweredCall) {
        let bye = self.receive().await;
        assert_eq!(bye.method(), Some("BYE"));
        assert_eq!(bye.header("Call-ID"), call.invite.header("Call-ID"));
        self.send(&Message::response(&bye, 200, "OK")).await;
    }
}

impl AnsweredCall {
    /// A request inside the dialog, from the side that was called.
    pub(super) fn request(&self, method: &str, sequence: u32) -> Message {
        let header = |name| self.invite.header(name).unwrap().to_owned();
        Message::request(method, "sip:platform@127.0.0.1")
            .with(
                "Via",
                format!("SIP/2.0/WS k3.invalid;branch=z9hG4bKin{sequence}{method}"),
            )
            .with("Max-Forwards", "69")
            .with("From", header("To") + ";tag=gw")
            .with("To", header("From"))
            .with("Call-ID", header("Call-ID"))
            .with("CSeq", format!("{sequence} {method}"))
    }
}
