//! The provider as a client meets it: real sockets on loopback, a hand-made agent, real media.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use md5::{Digest, Md5};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{self, Message as WsMessage};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::customer::hearing::Second;
use super::customer::phone::{Ear, Phone};
use super::customer::voice::Voice;
use super::dialog::status;
use super::sip::{Message, Start, parameter};
use super::*;

#[tokio::test]
async fn ids_arrive_in_each_style() {
    for ids in [IdStyle::TopLevel, IdStyle::Nested, IdStyle::OnProbe] {
        let provider = start(|config| config.ids = ids).await;
        let mut token = TokenClient::connect(&provider).await;
        let us_id = match ids {
            IdStyle::TopLevel => token.receive().await["usId"].clone(),
            IdStyle::Nested => {
                let nested = token.receive().await["message"]
                    .as_str()
                    .map(serde_json::from_str::<Value>);
                nested.unwrap().unwrap()["usId"].clone()
            }
            IdStyle::OnProbe => {
                token
                    .send_raw(r#"{"type":"somebodysProbe","utid":1}"#)
                    .await;
                token.receive().await["connectionId"].clone()
            }
        };
        token.us_id = us_id.as_str().expect("an id").to_owned();
        assert_eq!(token.log_in().await["isSip"], "true", "{ids:?}");
    }
}

#[tokio::test]
async fn the_push_of_a_new_call_precedes_every_second_reply() {
    let provider = start(|_| ()).await;
    let mut token = TokenClient::signed_in(&provider).await;
    for (utid, order) in [(2, ["response", "newCall"]), (3, ["newCall", "response"])] {
        token.dial(utid, "9000000040").await;
        let messages = [token.receive().await, token.receive().await];
        assert_eq!([&messages[0]["type"], &messages[1]["type"]], order);
        let reply = messages.iter().find(|m| m["type"] == "response").unwrap();
        let push = messages.iter().find(|m| m["type"] == "newCall").unwrap();
        assert_eq!(
            (&reply["status"], &reply["utid"]),
            (&json!("Queued"), &json!(utid.to_string()))
        );
        assert_eq!(
            (&push["ucid"], &push["callerId"]),
            (&reply["message"], &json!("9000000040"))
        );
    }
}

#[tokio::test]
async fn dials_are_refused_in_the_platforms_words() {
    let provider = start(|_| ()).await;
    let mut token = TokenClient::connect(&provider).await;
    token.us_id = token.receive().await["usId"].as_str().unwrap().to_owned();
    let relogin = "There is an issue in Dialing, Please Re-Login and try.";
    token.dial(1, "9000000010").await;
    assert_eq!(token.receive().await["message"], relogin, "not signed in");
    token.last_utid = 1;
    token.log_in().await;
    for (utid, number, words) in [
        (3, "9000000041", relogin),
        (4, "9000000042", "9000000042 is a black listed number"),
    ] {
        token.dial(utid, number).await;
        assert_eq!(token.receive().await["message"], words);
    }
}

#[tokio::test]
async fn a_dial_without_a_line_is_dropped() {
    let provider = start(|config| config.new_call = NewCallOrder::AfterReply).await;
    let mut token = TokenClient::signed_in(&provider).await;
    token.dial(2, "9000000010").await;
    let ucid = token.receive().await["message"].clone();
    assert_eq!(token.receive().await["type"], "newCall");
    let drop = token.receive().await;
    assert_eq!(
        (&drop["type"], &drop["dialStatus"]),
        (&json!("dropCall"), &json!("agent_not_reached"))
    );
    assert_eq!(drop["ucid"], ucid);
    assert_eq!(token.receive().await["type"], "callDetails");
}

#[tokio::test]
async fn broken_and_unknown_frames_are_answered_and_recorded_verbatim() {
    let provider = start(|_| ()).await;
    let mut token = TokenClient::signed_in(&provider).await;
    let unknown = r#"{"type":"tbMakeTea",  "ns":"ozonetel.cloudagent","customer":"acme_clinic","agentId":"agent7","agentUniqId":100207,"utid":9}"#;
    token.send_raw(unknown).await;
    assert_eq!(token.receive().await["code"], -1);
    let broken = unknown.replace("tbMakeTea", "tbAgentPause");
    token.send_raw(&broken).await;
    assert_eq!(token.receive().await["status"], "Error");
    let state = control(&provider, "GET", "/state", None).await.1;
    let frames = state["frames"].as_array().unwrap();
    for sent in [unknown, &broken] {
        assert!(
            frames
                .iter()
                .any(|f| f["direction"] == "in" && f["text"] == sent),
            "{sent}"
        );
    }
    assert!(
        state["breaches"][0]["what"]
            .as_str()
            .unwrap()
            .contains("`params`"),
        "{}",
        state["breaches"]
    );
}

#[tokio::test]
async fn another_sign_in_closes_the_first_tab() {
    let provider = start(|_| ()).await;
    let mut first = TokenClient::signed_in(&provider).await;
    let _second = TokenClient::signed_in(&provider).await;
    assert_eq!(first.receive().await["type"], "closeTab");
}

#[tokio::test]
async fn a_line_registers_by_digest_and_is_challenged_before() {
    let provider = start(|_| ()).await;
    let mut line = LineClient::connect_tls(&provider).await;
    let challenged = line.exchange(&line.register(1, 60, None)).await;
    assert_eq!(status(&challenged), Some((401, "Unauthorized")));
    let wrong = line.authorization(&challenged, "500608", 1);
    assert_eq!(
        status(&line.exchange(&line.register(2, 60, Some(wrong))).await)
            .unwrap()
            .0,
        403
    );
    let right = line.authorization(&challenged, "500607", 1);
    let registered = line
        .exchange(&line.register(3, 60, Some(right.clone())))
        .await;
    assert_eq!(status(&registered), Some((200, "OK")));
    let contact = registered.header("Contact").unwrap();
    assert_eq!(parameter(contact, "expires"), Some("60"));
    assert!(
        contact.starts_with("<sip:n7@k3.invalid;transport=ws>;+sip.ice;reg-id=1;+sip.instance="),
        "{contact}"
    );
    let replayed = line.exchange(&line.register(4, 60, Some(right))).await;
    assert_eq!(
        status(&replayed).unwrap().0,
        403,
        "the nonce count was used"
    );

    let state = control(&provider, "GET", "/state", None).await.1;
    assert_eq!(state["registrations"][0]["extension"], "500607");
    let again = line.authorization(&challenged, "500607", 2);
    line.exchange(&line.register(5, 0, Some(again))).await;
    let state = control(&provider, "GET", "/state", None).await.1;
    assert_eq!(state["registrations"], json!([]));
}

#[tokio::test]
async fn a_line_keeps_alive_and_needs_the_sip_subprotocol() {
    let provider = start(|_| ()).await;
    let mut line = LineClient::connect_plain(&provider).await;
    line.stream.send(WsMessage::text("\r\n\r\n")).await.unwrap();
    assert_eq!(
        line.stream
            .next()
            .await
            .unwrap()
            .unwrap()
            .into_text()
            .unwrap(),
        "\r\n"
    );
    let options = line.request("OPTIONS", 7);
    assert_eq!(status(&line.exchange(&options).await), Some((200, "OK")));

    let url = provider.ws_url().unwrap();
    let tcp = TcpStream::connect(provider.ws.unwrap()).await.unwrap();
    let refused = client_async(url, tcp)
        .await
        .expect_err("no subprotocol was offered");
    assert!(matches!(refused, tungstenite::Error::Http(response) if response.status() == 400));
}

#[tokio::test]
async fn a_dialled_customer_and_the_agent_hear_each_others_tones() {
    let provider = start(|config| config.new_call = NewCallOrder::AfterReply).await;
    let mut token = TokenClient::signed_in(&provider).await;
    let mut line = LineClient::registered(&provider).await;
    token.dial(2, "9000000012").await;
    let ucid = token.receive().await["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(token.receive().await["type"], "newCall");

    let call = line.answer().await;
    call.phone.say(Voice::Tone { hz: 1_000.0 });
    let busy = token.receive().await;
    assert_eq!(
        (&busy["type"], &busy["ucid"]),
        (&json!("busyAgent"), &json!(ucid))
    );
    let heard = heard_tone(|| async { call.ear.heard().by_second }).await;
    assert!((heard.hz - 520.0).abs() < 1.0, "the agent hears {heard:?}");
    let by_customer = heard_tone(|| async {
        let state = control(&provider, "GET", "/state", None).await.1;
        serde_json::from_value::<Vec<Second>>(state["calls"][0]["heard"]["by_second"].clone())
            .unwrap()
    });
    let by_customer = by_customer.await;
    assert!(
        (by_customer.hz - 1_000.0).abs() < 1.0,
        "the customer hears {by_customer:?}"
    );

    let bye = call.request("BYE", 1);
    assert_eq!(status(&line.exchange(&bye).await), Some((200, "OK")));
    let release = token.receive().await;
    assert_eq!(
        (&release["type"], &release["agentMonitorUcid"]),
        (&json!("agentRelease"), &json!(ucid))
    );
    let details = token.receive().await;
    assert_eq!(details["type"], "callDetails");
    assert!(!details["agentAnswerTime"].as_str().unwrap().is_empty());
    let state = control(&provider, "GET", "/state", None).await.1;
    assert_eq!(
        (&state["calls"][0]["state"], &state["calls"][0]["why"]),
        (&json!("ended"), &json!("agent_hung_up"))
    );
    assert_eq!(state["breaches"], json!([]));
}

#[tokio::test]
async fn a_customer_told_to_hang_up_sends_bye() {
    let provider = start(|config| config.new_call = NewCallOrder::AfterReply).await;
    let mut token = TokenClient::signed_in(&provider).await;
    let mut line = LineClient::registered(&provider).await;
    token.dial(2, "9000000010").await;
    let ucid = token.receive().await["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(token.receive().await["type"], "newCall");
    let call = line.answer().await;
    assert_eq!(token.receive().await["type"], "busyAgent");
    let hung_up = control(&provider, "POST", &format!("/calls/{ucid}/hangup"), None).await;
    assert_eq!(hung_up.0, 204);
    line.take_bye(&call).await;
    assert_eq!(token.receive().await["type"], "agentRelease");
}

#[tokio::test]
async fn a_busy_customer_is_rung_only_after_the_agent_and_dropped_with_a_reason() {
    let provider = start(|config| config.new_call = NewCallOrder::AfterReply).await;
    let mut token = TokenClient::signed_in(&provider).await;
    let mut line = LineClient::registered(&provider).await;
    token.dial(2, "9000000030").await;
    token.receive().await;
    token.receive().await;
    let call = line.answer().await;
    line.take_bye(&call).await;
    let drop = token.receive().await;
    assert_eq!(
        (&drop["type"], &drop["dialStatus"]),
        (&json!("dropCall"), &json!("busy"))
    );
}

#[tokio::test]
async fn a_re_offer_is_answered_and_the_call_goes_on() {
    let provider = start(|_| ()).await;
    let mut line = LineClient::registered(&provider).await;
    let asking = stray(
        &provider,
        json!({ "extension": "500607", "from": "+919000000011" }),
    );
    let call = line.answer().await;
    assert_eq!(asking.await.unwrap().1["status"], 200);
    let hold = call
        .phone
        .offer()
        .await
        .unwrap()
        .replace("a=sendrecv", "a=sendonly");
    let re_invite = call.request("INVITE", 1).with_sdp(hold);
    let answer = line.exchange(&re_invite).await;
    assert_eq!(status(&answer), Some((200, "OK")));
    assert!(answer.body.contains("a=recvonly"), "{}", answer.body);
    line.send(&call.request("ACK", 1)).await;
    line.exchange(&call.request("BYE", 2)).await;
}

#[tokio::test]
async fn a_stray_invite_tells_how_it_was_answered() {
    let provider = start(|_| ()).await;
    let mut line = LineClient::registered(&provider).await;
    let headers = json!({ "Call-Info": "<sip:h>;answer-after=0" });
    let body = json!({ "extension": "500607", "from": "+919000000099", "headers": headers });
    let asking = stray(&provider, body);
    let invite = line.receive().await;
    assert_eq!(invite.header("Call-Info"), Some("<sip:h>;answer-after=0"));
    assert!(invite.header("From").unwrap().contains("+919000000099"));
    line.send(&Message::response(&invite, 486, "Busy Here").with_to_tag("gw"))
        .await;
    assert_eq!(line.receive().await.method(), Some("ACK"));
    let (_, outcome) = asking.await.unwrap();
    assert_eq!(
        (&outcome["status"], &outcome["reason"]),
        (&json!(486), &json!("Busy Here"))
    );
}

#[tokio::test]
async fn a_stray_invite_that_only_rings_is_cancelled() {
    let provider = start(|_| ()).await;
    let mut line = LineClient::registered(&provider).await;
    let body = json!({ "extension": "500607", "from": "+919000000099", "answer_within_s": 0.3 });
    let asking = stray(&provider, body);
    let invite = line.receive().await;
    line.send(&Message::response(&invite, 180, "Ringing").with_to_tag("gw"))
        .await;
    let cancel = line.receive().await;
    assert_eq!(cancel.method(), Some("CANCEL"));
    assert_eq!(cancel.header("Via"), invite.header("Via"));
    line.send(&Message::response(&cancel, 200, "OK").with_to_tag("gw"))
        .await;
    line.send(&Message::response(&invite, 487, "Request Terminated").with_to_tag("gw"))
        .await;
    assert_eq!(line.receive().await.method(), Some("ACK"));
    assert_eq!(asking.await.unwrap().1["status"], 487);
}

#[tokio::test]
async fn connections_are_dropped_on_request() {
    let provider = start(|_| ()).await;
    let mut token = TokenClient::signed_in(&provider).await;
    let mut line = LineClient::registered(&provider).await;
    for (path, body) in [
        ("/drop-token", json!({ "agentId": "agent7" })),
        ("/drop-sip", json!({})),
    ] {
        assert_eq!(
            control(&provider, "POST", path, Some(body)).await.1["dropped"],
            1,
            "{path}"
        );
    }
    assert!(matches!(
        token.stream.next().await,
        Some(Ok(WsMessage::Close(_))) | None
    ));
    assert!(matches!(
        line.stream.next().await,
        Some(Ok(WsMessage::Close(_))) | None
    ));
}

async fn start(change: impl FnOnce(&mut ProviderConfig)) -> Provider {
    let mut config = ProviderConfig {
        ws: Some((Ipv4Addr::LOCALHOST, 0).into()),
        ..ProviderConfig::default()
    };
    change(&mut config);
    Provider::start(config).await.expect("loopback has room")
}

/// Asks the control interface; returns status and JSON body (null where there is none).
async fn control(
    provider: &Provider,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> (u16, Value) {
    ask(provider.control.expect("configured"), method, path, body).await
}

async fn ask(address: SocketAddr, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let body = body.map(|b| b.to_string()).unwrap_or_default();
    let kind = if body.is_empty() {
        ""
    } else {
        "Content-Type: application/json\r\n"
    };
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_default())
}

/// Begins a stray call; the answer comes when the INVITE is answered.
fn stray(provider: &Provider, body: Value) -> tokio::task::JoinHandle<(u16, Value)> {
    let address = provider.control.expect("configured");
    tokio::spawn(async move { ask(address, "POST", "/stray", Some(body)).await })
}

/// The first second that is nearly all one tone.
async fn heard_tone<F: Future<Output = Vec<Second>>>(seconds: impl Fn() -> F) -> Second {
    let listening = async {
        let mut glances = tokio::time::interval(Duration::from_millis(50));
        loop {
            glances.tick().await;
            if let Some(second) = seconds().await.into_iter().find(|s| s.share > 0.95) {
                return second;
            }
        }
    };
    patiently(listening).await
}

async fn patiently<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .expect("it happens in time")
}

/// An agent's client on the token socket.
struct TokenClient {
    stream: WebSocketStream<TcpStream>,
    us_id: String,
    last_utid: u64,
}

impl TokenClient {
    async fn connect(provider: &Provider) -> Self {
        let tcp = TcpStream::connect(provider.token).await.unwrap();
        let (stream, _) = client_async(provider.token_url(), tcp).await.unwrap();
        Self {
            stream,
            us_id: String::new(),
            last_utid: 0,
        }
    }

    async fn signed_in(provider: &Provider) -> Self {
        let mut client = Self::connect(provider).await;
        client.us_id = client.receive().await["usId"].as_str().unwrap().to_owned();
        client.log_in().await;
        client
    }

    async fn log_in(&mut self) -> Value {
        let keys = json!({ "usId": self.us_id, "reconnect": "false", "params": "manual", "phoneNumber": "500607" });
        self.command("tbAgentLogin", self.last_utid + 1, keys).await;
        self.receive().await
    }

    async fn dial(&mut self, utid: u64, number: &str) {
        let keys = json!({
            "browserSessionId": "0b9f2c64-0000-4000-8000-000000000000", "usId": self.us_id,
            "isSip": "true", "mode": "manual", "params": format!("300401,{number},500607,SIP:true"),
        });
        self.command("tbManualDial", utid, keys).await;
    }

    async fn command(&mut self, kind: &str, utid: u64, mut keys: Value) {
        let common = json!({
            "type": kind, "ns": "ozonetel.cloudagent", "customer": "acme_clinic",
            "agentId": "agent7", "agentUniqId": 100207, "utid": utid,
        });
        keys.as_object_mut()
            .unwrap()
            .extend(common.as_object().unwrap().clone());
        self.send_raw(&keys.to_string()).await;
    }

    async fn send_raw(&mut self, text: &str) {
        self.stream.send(WsMessage::text(text)).await.unwrap();
    }

    async fn receive(&mut self) -> Value {
        let message = patiently(self.stream.next()).await.unwrap().unwrap();
        serde_json::from_str(&message.into_text().unwrap()).unwrap()
    }
}

/// A softphone's line for extension 500607.
struct LineClient<S> {
    stream: WebSocketStream<S>,
}

/// A call that the softphone answered.
struct AnsweredCall {
    invite: Message,
    phone: Phone,
    ear: Ear,
}

impl LineClient<tokio_rustls::client::TlsStream<TcpStream>> {
    async fn connect_tls(provider: &Provider) -> Self {
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
    async fn connect_plain(provider: &Provider) -> Self {
        let tcp = TcpStream::connect(provider.ws.unwrap()).await.unwrap();
        Self::upgrade(&provider.ws_url().unwrap(), tcp).await
    }

    async fn registered(provider: &Provider) -> Self {
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
    async fn upgrade(url: &str, stream: S) -> Self {
        let mut request = url.into_client_request().unwrap();
        request
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", HeaderValue::from_static("sip"));
        let (stream, _) = client_async(request, stream).await.unwrap();
        Self { stream }
    }

    fn request(&self, method: &str, sequence: u32) -> Message {
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

    fn register(&self, sequence: u32, expires: u32, authorization: Option<String>) -> Message {
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
    fn authorization(&self, challenged: &Message, password: &str, count: u32) -> String {
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

    async fn send(&mut self, message: &Message) {
        self.stream
            .send(WsMessage::text(message.to_string()))
            .await
            .unwrap();
    }

    async fn receive(&mut self) -> Message {
        let text = patiently(self.stream.next()).await.unwrap().unwrap();
        Message::parse(&text.into_text().unwrap()).unwrap()
    }

    async fn exchange(&mut self, request: &Message) -> Message {
        self.send(request).await;
        let response = self.receive().await;
        assert_eq!(response.cseq(), request.cseq());
        response
    }

    /// Takes an INVITE, answers it, and waits for the ACK.
    async fn answer(&mut self) -> AnsweredCall {
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

    async fn take_bye(&mut self, call: &AnsweredCall) {
        let bye = self.receive().await;
        assert_eq!(bye.method(), Some("BYE"));
        assert_eq!(bye.header("Call-ID"), call.invite.header("Call-ID"));
        self.send(&Message::response(&bye, 200, "OK")).await;
    }
}

impl AnsweredCall {
    /// A request inside the dialog, from the side that was called.
    fn request(&self, method: &str, sequence: u32) -> Message {
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
