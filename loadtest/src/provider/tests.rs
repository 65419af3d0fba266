//! The provider as a client meets it: real sockets on loopback, a hand-made agent, real media.

mod line_client;
mod token_client;

use std::net::Ipv4Addr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::{self, Message as WsMessage};

use super::customer::hearing::Second;
use super::customer::voice::Voice;
use super::dialog::status;
use super::sip::{Message, parameter};
use super::*;
use line_client::LineClient;
use token_client::TokenClient;

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
async fn a_talk_is_held_transferred_and_disposed_at_the_platform_and_nothing_else_is() {
    let provider = start(|config| config.new_call = NewCallOrder::AfterReply).await;
    let mut token = TokenClient::signed_in(&provider).await;
    let mut line = LineClient::registered(&provider).await;
    token.dial(2, "9000000012").await;
    let ucid = token.receive().await["message"]
        .as_str()
        .unwrap()
        .to_owned();
    token.receive().await;
    let _call = line.answer().await;
    assert_eq!(token.receive().await["type"], "busyAgent");
    let asked = || async {
        let state = control(&provider, "GET", "/state", None).await.1;
        state["calls"][0].clone()
    };
    let hold = |key: &str, number: &str| {
        let mut keys =
            json!({ "monitorUcid": ucid, "ucid": ucid, "did": "", "agentNumber": "500607" });
        keys[key] = number.into();
        keys
    };
    for (utid, kind, key, number, status, held) in [
        (
            3,
            "tbHold",
            "phoneNumberToHold",
            "9000000013",
            "Failed",
            false,
        ),
        (
            4,
            "tbHold",
            "phoneNumberToHold",
            "9000000012",
            "SUCCESS",
            true,
        ),
        (
            5,
            "tbHold",
            "phoneNumberToHold",
            "9000000012",
            "Failed",
            true,
        ),
        (
            6,
            "tbUnHold",
            "phoneNumberToUnHold",
            "9000000012",
            "SUCCESS",
            false,
        ),
    ] {
        token.command(kind, utid, hold(key, number)).await;
        assert_eq!(token.receive().await["status"], status, "{kind} {number}");
        assert_eq!(asked().await["held"], held);
    }
    let to = |number: &str| json!({ "params": format!(",{ucid},,,{number},blind") });
    token.command("tbSetTransfer", 7, to("9000000042")).await;
    let refused = token.receive().await["resp"].clone();
    assert_eq!(refused, "Error: 9000000042 is a black listed number");
    token.command("tbSetTransfer", 8, to("9000000011")).await;
    assert_eq!(token.receive().await["resp"], "Success");
    assert_eq!(asked().await["transferred_to"], "9000000011");

    let keys = json!({ "params": format!(",Interested,,{ucid},,9000000012,") });
    token.command("tbSetDisposition", 9, keys).await;
    let reply = loop {
        let message = token.receive().await;
        if message["utid"] == "9" {
            break message;
        }
    };
    assert_eq!(reply["status"], "success");
    assert_eq!(asked().await["disposition"], "Interested");
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
    for kept in ["a=recvonly", "a=setup:passive"] {
        assert!(answer.body.contains(kept), "{}", answer.body);
    }
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
