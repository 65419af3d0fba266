//! The token socket: hands out ids, checks and answers commands, and starts a call for each dial.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use uuid::Uuid;

use super::call::{self, Order};
use super::command::{self, Kind, Rejection};
use super::customer::Behaviour;
use super::fault::{Fault, REFUSED};
use super::platform::{Direction, Frame, Milestone, Platform, epoch_ms};
use super::push;
use super::record::{Ending, Input, Origin, State};
use super::seat::Status;
use super::socket::Socket;

/// How a new socket learns its ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdStyle {
    /// At once, as keys of a message.
    #[default]
    TopLevel,
    /// At once, as JSON text under `message`.
    Nested,
    /// Not at all; the answer to an unroutable frame holds a `connectionId`.
    OnProbe,
}

/// Whether the `newCall` push precedes the reply to the dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NewCallOrder {
    /// After the first dial's reply, before the second's, and so on.
    #[default]
    Alternating,
    BeforeReply,
    AfterReply,
}

/// One open token socket.
struct Session {
    platform: Arc<Platform>,
    socket: Socket,
    us_id: String,
    last_utid: Option<u64>,
    /// Once signed in.
    agent: Option<String>,
}

/// `tbManualDial`'s `params`.
#[derive(Debug, PartialEq, Eq)]
struct DialParams<'a> {
    campaign: &'a str,
    number: &'a str,
    extension: &'a str,
}

/// Accepts token sockets for as long as the provider runs.
pub async fn serve(platform: Arc<Platform>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => platform.spawn(converse(platform.clone(), stream, peer)),
            Err(error) => {
                tracing::warn!(%error, "accepting a token socket failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn converse(platform: Arc<Platform>, stream: TcpStream, peer: SocketAddr) {
    // Replies are small and waited for.
    let _ = stream.set_nodelay(true);
    if !platform.token_door.load(Ordering::Relaxed) {
        return;
    }
    #[expect(clippy::result_large_err, reason = "tungstenite's signature")]
    let admit = |request: &Request, response: Response| match platform.admits(request) {
        true => Ok(response),
        false => {
            let mut refusal = ErrorResponse::new(None);
            *refusal.status_mut() = StatusCode::FORBIDDEN;
            Err(refusal)
        }
    };
    let stream = match tokio_tungstenite::accept_hdr_async(stream, admit).await {
        Ok(stream) => stream,
        Err(error) => return tracing::warn!(%peer, %error, "no WebSocket handshake"),
    };
    let (socket, outbox) = Socket::new();
    let mut session = Session {
        platform,
        us_id: us_id(&socket),
        socket,
        last_utid: None,
        agent: None,
    };
    session.open();
    outbox
        .drive(stream, |frame| session.handle_frame(frame))
        .await;
    session.close();
}

impl Session {
    fn open(&self) {
        self.platform.announce(Milestone::TokenOpened {
            socket: self.socket.serial(),
        });
        let ids = json!({ "usId": self.us_id, "browserSessionId": Uuid::new_v4().to_string() });
        match self.platform.config.ids {
            IdStyle::TopLevel => self.send(&ids),
            IdStyle::Nested => {
                self.send(&json!({ "event": "connected", "message": ids.to_string() }))
            }
            IdStyle::OnProbe => {}
        }
    }

    fn close(&self) {
        if let Some(agent) = &self.agent {
            let mut seats = self.platform.seats.lock();
            if seats
                .seat(agent)
                .is_some_and(|seat| seat.us_id == self.us_id)
            {
                seats.set_status(agent, Status::Offline);
            }
        }
        self.platform.announce(Milestone::TokenClosed {
            socket: self.socket.serial(),
        });
    }

    fn handle_frame(&mut self, frame: &str) {
        self.platform.journal.lock().keep_frame(Frame {
            at_ms: epoch_ms(),
            direction: Direction::In,
            socket: self.socket.serial(),
            text: frame.to_owned(),
        });
        match command::Request::parse(frame, self.last_utid) {
            Ok((request, utid)) => {
                self.last_utid = Some(utid);
                self.handle_request(&request);
            }
            Err(Rejection::Unroutable) => self.send(&json!({
                "message": "Forbidden",
                "connectionId": self.us_id,
                "requestId": Uuid::new_v4().to_string(),
            })),
            Err(Rejection::UnknownType { utid }) => {
                self.send(&json!({ "type": "response", "utid": utid, "code": -1 }));
            }
            Err(Rejection::Breach { utid, what }) => {
                self.send(&json!({ "type": "response", "utid": utid, "status": "Error", "message": what }));
                self.platform.report_breach(what);
            }
        }
    }

    /// Answers each command in one of the forms that real replies come in; they don't agree on a form either.
    fn handle_request(&mut self, request: &command::Request) {
        let status = |status: Status| {
            self.platform
                .seats
                .lock()
                .set_status(&request.agent, status);
        };
        match request.kind {
            Kind::AgentLogin | Kind::Reconnect => return self.sit(request),
            Kind::ManualDial => return self.dial(request),
            Kind::AgentRelease => status(Status::Ready),
            Kind::AgentPause => status(Status::Pause),
            Kind::AgentLogout => status(Status::Offline),
            Kind::SetAgentMode
            | Kind::CheckManualDialStatus
            | Kind::KickCall
            | Kind::Hold
            | Kind::UnHold
            | Kind::SetTransfer
            | Kind::GetCampaigns
            | Kind::GetDispositions
            | Kind::SetDisposition
            | Kind::Ping => {}
        }
        let reply = match request.kind {
            Kind::AgentRelease => json!({ "resp": "Success" }),
            Kind::AgentPause => json!({ "status": "success", "message": "Agent Paused" }),
            Kind::SetAgentMode => json!({ "resp": "SUCCESS: mode changed", "status": null }),
            Kind::AgentLogout => json!({ "status": "SUCCESS", "message": "Logged out" }),
            Kind::GetCampaigns => json!({ "campList": self.platform.config.campaigns }),
            Kind::CheckManualDialStatus => self.dial_status(request.text("ucid")),
            Kind::GetDispositions => json!({ "resp": "Success", "dispositions": DISPOSITIONS }),
            Kind::SetDisposition => self.dispose(request),
            Kind::Hold => self.hold(request, "phoneNumberToHold", true),
            Kind::UnHold => self.hold(request, "phoneNumberToUnHold", false),
            Kind::SetTransfer => self.transfer(request),
            Kind::KickCall => self.kick(request),
            Kind::Ping => json!({ "status": "Success", "message": "pong" }),
            Kind::AgentLogin | Kind::Reconnect | Kind::ManualDial => {
                unreachable!("they returned above")
            }
        };
        self.reply(&request.utid, reply);
    }

    /// `tbAgentLogin` and `tbReconnect`: from now on this socket is the agent's.
    fn sit(&mut self, request: &command::Request) {
        let extension = request.text("phoneNumber");
        if let Err(refusal) = self.may_sit(request, extension) {
            return self.reply(
                &request.utid,
                json!({ "status": "Error", "message": refusal }),
            );
        }
        let in_call = self
            .platform
            .calls
            .lock()
            .of_agent(&request.agent)
            .is_some();
        let status = if in_call { Status::Busy } else { Status::Login };
        let taken_from = self.platform.seats.lock().sit(
            &request.agent,
            extension,
            &self.us_id,
            status,
            &self.socket,
        );
        if let Some(elsewhere) = taken_from.filter(|_| request.kind == Kind::AgentLogin) {
            self.platform
                .write_token(&elsewhere, &push::close_tab(&request.agent));
        }
        self.agent = Some(request.agent.clone());
        self.platform.announce(Milestone::AgentLoggedIn {
            agent: request.agent.clone(),
            extension: extension.to_owned(),
        });
        let reply = match request.kind {
            Kind::AgentLogin => {
                json!({ "status": "SUCCESS", "message": "Logged in", "isSip": "true", "skills": null })
            }
            _ => json!({ "resp": "Success", "isSip": "true" }),
        };
        self.reply(&request.utid, reply);
    }

    fn may_sit(&self, request: &command::Request, extension: &str) -> Result<(), &'static str> {
        if request.text("usId") != self.us_id {
            return Err("Invalid session, please re-login");
        }
        match self.platform.config.extensions.password(extension) {
            Some(_) => Ok(()),
            None => Err("Invalid phone number"),
        }
    }

    fn dial(&mut self, request: &command::Request) {
        let accepted = self.check_dial(request).and_then(|params| {
            let behaviour = self.platform.directory.lock().behaviour(params.number);
            match behaviour {
                Behaviour::Fault { fault } => match fault.refusal(params.number) {
                    Some(words) => Err(words),
                    None => Ok((params, behaviour)),
                },
                Behaviour::Answer { .. }
                | Behaviour::Busy
                | Behaviour::NoAnswer
                | Behaviour::Invalid => Ok((params, behaviour)),
            }
        });
        let (params, behaviour) = match accepted {
            Ok(accepted) => accepted,
            Err(words) => {
                return self.reply(
                    &request.utid,
                    json!({ "status": "Failed", "message": words }),
                );
            }
        };
        let nth = self.platform.next_dial();
        let order = Order {
            ucid: ucid(nth),
            origin: Origin::Dial,
            agent: Some(request.agent.clone()),
            number: params.number.to_owned(),
            extension: params.extension.to_owned(),
            behaviour,
            headers: Vec::new(),
            answer_within: self.platform.config.patience.agent,
            outcome: None,
        };
        self.platform.announce(Milestone::Dialled {
            ucid: order.ucid.clone(),
            agent: request.agent.clone(),
            number: order.number.clone(),
        });
        let fault = match behaviour {
            Behaviour::Fault { fault } => Some(fault),
            Behaviour::Answer { .. }
            | Behaviour::Busy
            | Behaviour::NoAnswer
            | Behaviour::Invalid => None,
        };
        let queued = json!({ "status": "Queued", "message": order.ucid });
        let new_call = self.new_call(&order, params.campaign);
        let push_first = match self.platform.config.new_call {
            NewCallOrder::BeforeReply => true,
            NewCallOrder::AfterReply => false,
            NewCallOrder::Alternating => nth.is_multiple_of(2),
        };
        match (fault, push_first) {
            (Some(Fault::LateReply), _) => {
                self.send(&new_call);
                self.reply_late(&request.utid, queued);
            }
            (Some(Fault::ReplyNever), _) => {}
            (_, true) => {
                self.send(&new_call);
                self.reply(&request.utid, queued);
            }
            (_, false) => {
                self.reply(&request.utid, queued);
                self.send(&new_call);
            }
        }
        call::start(&self.platform, order);
    }

    /// The ids and the line have to fit, or the platform doesn't know where to send the INVITE.
    fn check_dial<'a>(&self, request: &'a command::Request) -> Result<DialParams<'a>, String> {
        let params = DialParams::parse(request.text("params"));
        let seats = self.platform.seats.lock();
        let seat = seats.seat(&request.agent);
        let (Some(params), Some(seat)) = (params, seat) else {
            return Err(REFUSED.to_owned());
        };
        if request.text("usId") != self.us_id
            || seat.us_id != self.us_id
            || seat.extension != params.extension
            || request.text("isSip") != "true"
        {
            return Err(REFUSED.to_owned());
        }
        if self
            .platform
            .calls
            .lock()
            .of_agent(&request.agent)
            .is_some()
        {
            return Err("Another call is initiated".to_owned());
        }
        let known = self.platform.config.campaigns.iter();
        if !known
            .filter_map(|c| c.split_once('~'))
            .any(|(id, _)| id == params.campaign)
        {
            return Err("Please try again.".to_owned());
        }
        Ok(params)
    }

    fn new_call(&self, order: &Order, campaign: &str) -> Value {
        let campaigns = self.platform.config.campaigns.iter();
        let name = campaigns
            .filter_map(|c| c.split_once('~'))
            .find(|(id, _)| *id == campaign)
            .map(|(_, name)| name);
        push::new_call(
            &order.ucid,
            &order.number,
            &self.platform.config.did,
            (campaign, name),
            self.platform.config.wrap_up,
        )
    }

    fn dial_status(&self, ucid: &str) -> Value {
        match self
            .platform
            .calls
            .lock()
            .record(ucid)
            .map(|record| &record.state)
        {
            None => json!({ "status": "Failed", "message": "Please try again." }),
            Some(State::Ended(Ending::NoInvite)) => json!({ "status": "Queued", "message": ucid }),
            Some(State::Ended(ending)) => {
                json!({ "status": "Completed", "message": push::dial_status(ending) })
            }
            Some(_) => json!({ "status": "Queued", "message": ucid }),
        }
    }

    fn kick(&self, request: &command::Request) -> Value {
        match self
            .platform
            .calls
            .lock()
            .tell(request.text("ucid"), Input::Kicked)
        {
            true => json!({ "status": "Success", "message": "" }),
            false => json!({ "status": "Failed", "message": "No such call" }),
        }
    }

    /// The customer of a talk, by the number that was dialled; twice is an error.
    fn hold(&self, request: &command::Request, key: &str, on: bool) -> Value {
        let mut calls = self.platform.calls.lock();
        let ucid = request.text("ucid");
        let fits = calls.record(ucid).is_some_and(|record| {
            record.state == State::Talking && record.number == request.text(key)
        });
        match calls.asked(ucid) {
            Some(asked) if fits && asked.held != on => {
                asked.held = on;
                json!({ "status": "SUCCESS", "message": null })
            }
            Some(_) | None => {
                json!({ "status": "Failed", "message": "The customer could not be reached" })
            }
        }
    }

    /// A number that the platform refuses to dial isn't transferred to either.
    fn transfer(&self, request: &command::Request) -> Value {
        let params: Vec<&str> = request.text("params").split(',').collect();
        let failed = |words: &str| json!({ "resp": format!("Error: {words}") });
        let [_did, ucid, _type, _id, number, _kind] = params[..] else {
            return failed("Invalid parameters");
        };
        let behaviour = self.platform.directory.lock().behaviour(number);
        if let Behaviour::Fault { fault } = behaviour
            && let Some(words) = fault.refusal(number)
        {
            return failed(&words);
        }
        let mut calls = self.platform.calls.lock();
        let talks = calls
            .record(ucid)
            .is_some_and(|record| record.state == State::Talking);
        if number.is_empty() || !talks || !calls.tell(ucid, Input::Transferred) {
            return failed("No such call");
        }
        if let Some(asked) = calls.asked(ucid) {
            asked.transferred_to = Some(number.to_owned());
        }
        json!({ "resp": "Success" })
    }

    /// Also of a call that is long over.
    fn dispose(&self, request: &command::Request) -> Value {
        let params: Vec<&str> = request.text("params").split(',').collect();
        let mut calls = self.platform.calls.lock();
        let asked = match params[..] {
            [_data, code, _callback, ucid, _did, _caller, _uui] => {
                calls.asked(ucid).map(|asked| (asked, code))
            }
            _ => None,
        };
        match asked {
            Some((asked, code)) => {
                asked.disposition = Some(code.to_owned());
                json!({ "status": "success", "message": "Disposition Saved" })
            }
            None => json!({ "status": "Failed", "message": "No such call" }),
        }
    }

    fn reply_late(&self, utid: &str, body: Value) {
        let (platform, socket) = (self.platform.clone(), self.socket.clone());
        let body = response(utid, body);
        self.platform.spawn(async move {
            tokio::time::sleep(LATE).await;
            platform.write_token(&socket, &body);
        });
    }

    fn reply(&self, utid: &str, body: Value) {
        self.send(&response(utid, body));
    }

    fn send(&self, body: &Value) {
        // A socket that is gone ends its own loop.
        let _ = self.platform.write_token(&self.socket, body);
    }
}

impl Platform {
    /// Where there is a login page, a socket needs a cookie of it.
    fn admits(&self, request: &Request) -> bool {
        let cookies = request.headers().get_all("cookie").iter();
        let mut cookies = cookies.filter_map(|value| value.to_str().ok());
        self.config.login_password.is_none()
            || cookies.any(|cookie| self.logins.lock().admits(cookie))
    }
}

impl<'a> DialParams<'a> {
    fn parse(params: &'a str) -> Option<Self> {
        let parts: Vec<&str> = params.split(',').collect();
        let [campaign, number, extension, "SIP:true"] = parts[..] else {
            return None;
        };
        let filled = [campaign, number, extension]
            .iter()
            .all(|part| !part.is_empty());
        filled.then_some(Self {
            campaign,
            number,
            extension,
        })
    }
}

fn response(utid: &str, mut body: Value) -> Value {
    body["type"] = "response".into();
    body["utid"] = utid.into();
    body
}

/// The form of a cloud WebSocket gateway's connection id: base64 with its padding.
fn us_id(socket: &Socket) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut id: String = Uuid::new_v4()
        .as_bytes()
        .iter()
        .take(14)
        .map(|byte| char::from(ALPHABET[usize::from(byte % 64)]))
        .collect();
    id.push(char::from(ALPHABET[(socket.serial() % 64) as usize]));
    id + "="
}

/// Sixteen digits: ten of the time in seconds, six that count.
pub fn ucid(nth: u64) -> String {
    format!("{:010}{:06}", epoch_ms() / 1_000, nth % 1_000_000)
}

const DISPOSITIONS: [&str; 3] = ["Interested", "Call back", "Wrong number"];
/// Long enough for the INVITE to come first, by far.
const LATE: Duration = Duration::from_millis(300);
/// Out of file descriptors is the usual reason, and no reason to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dial_params_are_four_and_the_last_is_literal() {
        assert_eq!(
            DialParams::parse("300401,9000000001,500607,SIP:true"),
            Some(DialParams {
                campaign: "300401",
                number: "9000000001",
                extension: "500607"
            })
        );
        for wrong in [
            "",
            "300401,9000000001,500607",
            "300401,9000000001,500607,SIP:false",
            "300401,,500607,SIP:true",
        ] {
            assert_eq!(DialParams::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_ucid_is_sixteen_digits() {
        let ucid = ucid(7);
        assert!(
            ucid.len() == 16 && ucid.bytes().all(|b| b.is_ascii_digit()),
            "{ucid}"
        );
    }
}
