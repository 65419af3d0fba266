//! One call from the platform's side: the agent's extension first, the customer only once that has answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::customer::phone::Phone;
use super::customer::voice::Voice;
use super::customer::{Behaviour, NOT_REACHED_AFTER};
use super::dialog::{Dialog, Parties, status};
use super::fault::Fault;
use super::platform::{Platform, epoch_ms};
use super::push;
use super::record::{Asked, Ending, Input, Origin, Record, State};
use super::seat::Status;
use super::sip::Message;

/// What is to be called, and why.
#[derive(Debug)]
pub struct Order {
    pub ucid: String,
    pub origin: Origin,
    pub agent: Option<String>,
    pub number: String,
    pub extension: String,
    pub behaviour: Behaviour,
    /// Headers for the INVITE beyond the usual ones.
    pub headers: Vec<(String, String)>,
    /// How long the extension may ring.
    pub answer_within: Duration,
    /// Wants to know how the INVITE was answered.
    pub outcome: Option<oneshot::Sender<Outcome>>,
}

/// The final response to an INVITE, or what stands for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    pub ucid: String,
    pub status: u16,
    pub reason: String,
}

/// A call in progress.
struct Call {
    platform: Arc<Platform>,
    order: Order,
    phone: Arc<Phone>,
    inputs: mpsc::Receiver<Input>,
    dialog: Option<Dialog>,
    /// Who has to send the BYE, if anybody.
    farewell: Farewell,
    started: u64,
    agent_answered: Option<u64>,
    talked: bool,
}

/// Whether the dialog is still to be ended by us.
#[derive(Debug, PartialEq, Eq)]
enum Farewell {
    /// There is no dialog, or the peer has ended it.
    None,
    /// A BYE is due.
    Due,
}

/// The end of one wait.
enum Step {
    /// The time that was waited for.
    Elapsed,
    /// The call is over.
    Over(Ending),
}

/// Opens the call's record at once, so that a second dial finds it, and runs it as a task of the platform.
pub fn start(platform: &Arc<Platform>, order: Order) {
    let ear = super::customer::phone::Ear::default();
    let record = Record {
        ucid: order.ucid.clone(),
        origin: order.origin,
        agent: order.agent.clone(),
        number: order.number.clone(),
        extension: order.extension.clone(),
        call_id: None,
        state: State::CallingAgent,
        sip_status: None,
        asked: Asked::default(),
    };
    let inputs = platform.calls.lock().open(record, ear.clone());
    if let Some(agent) = &order.agent {
        platform.seats.lock().set_status(agent, Status::Busy);
    }
    platform.set_call_state(&order.ucid, State::CallingAgent);
    let running = platform.clone();
    platform.spawn(async move {
        match Phone::new(running.config.media, ear).await {
            Ok(phone) => {
                let call = Call {
                    platform: running,
                    order,
                    phone: Arc::new(phone),
                    inputs,
                    dialog: None,
                    farewell: Farewell::None,
                    started: epoch_ms(),
                    agent_answered: None,
                    talked: false,
                };
                call.run().await;
            }
            Err(error) => {
                let error = format!("no customer's phone: {error:#}");
                running.set_call_state(&order.ucid, State::Ended(Ending::Internal { error }));
            }
        }
    });
}

impl Call {
    async fn run(mut self) {
        let ending = match self.live().await {
            Ok(never) => match never {},
            Err(ending) => ending,
        };
        if self.farewell == Farewell::Due {
            self.say_goodbye().await;
        }
        self.push_end(&ending);
        self.platform
            .set_call_state(&self.order.ucid, State::Ended(ending));
    }

    /// The call's life; it only ever ends by an [`Ending`].
    async fn live(&mut self) -> Result<std::convert::Infallible, Ending> {
        match self.order.behaviour {
            Behaviour::Fault {
                fault: Fault::NoInvite,
            } => return Err(Ending::NoInvite),
            Behaviour::Fault {
                fault: Fault::LateInvite,
            } => tokio::time::sleep(INVITE_LATE).await,
            Behaviour::Fault { .. }
            | Behaviour::Answer { .. }
            | Behaviour::Busy
            | Behaviour::NoAnswer
            | Behaviour::Invalid => {}
        }
        let answer = self.call_agent().await?;
        self.connect_media(&answer).await?;
        let (voice, for_ms) = match self.order.origin {
            Origin::Dial => self.ring_customer().await?,
            // The customer of a stray call has been there all along.
            Origin::Stray => match self.order.behaviour.after_fault() {
                Behaviour::Answer { voice, for_ms, .. } => (voice, for_ms),
                _ => (Voice::Greeting, None),
            },
        };
        self.talk(voice, for_ms).await
    }

    /// INVITE until its final response; returns the 2xx.
    async fn call_agent(&mut self) -> Result<Message, Ending> {
        let offer = self.phone.offer().await.map_err(internal)?;
        let offer = match self.order.behaviour {
            Behaviour::Fault { fault } => fault.in_offer(offer),
            _ => offer,
        };
        let invite = {
            let lines = self.platform.lines.lock();
            let Some(line) = lines.newest(&self.order.extension, Instant::now()) else {
                drop(lines);
                self.tell_outcome(480, "No line is registered");
                return Err(Ending::LineDown);
            };
            let transport = line.transport.via();
            let parties = Parties {
                caller: &self.order.number,
                extension: &self.order.extension,
                domain: &self.platform.config.domain,
                target: &line.contact,
                sent_by: &format!("{transport} {}", self.platform.sip),
                contact: &format!(
                    "<sip:platform@{};transport={}>",
                    self.platform.sip,
                    transport.to_lowercase()
                ),
            };
            if let Some(name) = &self.platform.config.ucid_header {
                self.order
                    .headers
                    .push((name.clone(), self.order.ucid.clone()));
            }
            let token = Uuid::new_v4().simple().to_string();
            let (dialog, invite) = Dialog::invite(&parties, &token, offer, &self.order.headers);
            self.dialog = Some(dialog);
            invite
        };
        self.platform
            .calls
            .lock()
            .bind(&self.order.ucid, self.dialog().call_id());
        self.send(&invite)?;

        let deadline = Instant::now() + self.order.answer_within;
        let mut cancellable = Cancellable::NotYet;
        loop {
            let input = tokio::time::timeout_at(deadline.into(), self.inputs.recv()).await;
            let response = match input {
                Ok(Some(Input::Sip(message))) if status(&message).is_some() => message,
                Ok(Some(Input::Sip(request))) => {
                    self.send(&Message::response(
                        &request,
                        481,
                        "Call/Transaction Does Not Exist",
                    ))?;
                    continue;
                }
                Ok(Some(Input::CustomerHangsUp)) => {
                    return self.cancel(cancellable, Ending::CustomerHungUp).await;
                }
                Ok(Some(Input::Kicked)) => return self.cancel(cancellable, Ending::Kicked).await,
                // Only a talk is transferred.
                Ok(Some(Input::Transferred)) => continue,
                Ok(None) | Err(_) => return self.cancel(cancellable, Ending::AgentNoAnswer).await,
            };
            match status(&response) {
                Some((100..200, _)) => {
                    cancellable = Cancellable::Yes;
                    if matches!(status(&response), Some((180 | 183, _))) {
                        self.platform
                            .set_call_state(&self.order.ucid, State::AgentRinging);
                    }
                }
                Some((200..300, _)) => {
                    self.take_success(&response)?;
                    return Ok(response);
                }
                Some((code, reason)) => {
                    let reason = reason.to_owned();
                    self.take_rejection(&response, code, &reason)?;
                    return Err(Ending::AgentRejected);
                }
                None => unreachable!("requests were answered above"),
            }
        }
    }

    /// Gives up on the INVITE; a 2xx that crosses the CANCEL is acknowledged and ended at once (RFC 3261 §9.1).
    async fn cancel(
        &mut self,
        cancellable: Cancellable,
        ending: Ending,
    ) -> Result<Message, Ending> {
        if cancellable == Cancellable::Yes {
            let cancel = self.dialog().cancel();
            self.send(&cancel)?;
            let deadline = Instant::now() + TRANSACTION;
            while let Ok(Some(input)) =
                tokio::time::timeout_at(deadline.into(), self.inputs.recv()).await
            {
                let Input::Sip(message) = input else { continue };
                if !self.dialog().is_invites(&message) {
                    continue;
                }
                match status(&message) {
                    Some((200..300, _)) => self.take_success(&message)?,
                    Some((code @ 300.., reason)) => {
                        let reason = reason.to_owned();
                        self.take_rejection(&message, code, &reason)?;
                    }
                    Some((..200, _)) | None => continue,
                }
                return Err(ending);
            }
        }
        self.tell_outcome(408, "No final response");
        Err(ending)
    }

    fn take_success(&mut self, response: &Message) -> Result<(), Ending> {
        let ack = self.dialog_mut().establish(response);
        self.farewell = Farewell::Due;
        self.agent_answered = Some(epoch_ms());
        let (code, reason) = status(response).unwrap_or((200, ""));
        self.tell_outcome(code, reason);
        self.send(&ack)
    }

    fn take_rejection(
        &mut self,
        response: &Message,
        code: u16,
        reason: &str,
    ) -> Result<(), Ending> {
        let ack = self.dialog_mut().ack_rejection(response);
        self.tell_outcome(code, reason);
        self.send(&ack)
    }

    fn tell_outcome(&mut self, status: u16, reason: &str) {
        self.platform
            .calls
            .lock()
            .set_sip_status(&self.order.ucid, status);
        if let Some(outcome) = self.order.outcome.take() {
            // Whoever asked may have stopped waiting.
            let _ = outcome.send(Outcome {
                ucid: self.order.ucid.clone(),
                status,
                reason: reason.to_owned(),
            });
        }
    }

    async fn connect_media(&mut self, answer: &Message) -> Result<(), Ending> {
        self.platform
            .set_call_state(&self.order.ucid, State::ConnectingMedia);
        if let Err(error) = self.phone.handle_answer(&answer.body).await {
            self.platform
                .report_breach(format!("the answer to the INVITE can't be used: {error:#}"));
            return Err(Ending::NoMedia);
        }
        let phone = self.phone.clone();
        let patience = self.platform.config.patience.media;
        tokio::select! {
            connected = tokio::time::timeout(patience, phone.connected()) => match connected {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) | Err(_) => Err(Ending::NoMedia),
            },
            ending = self.wait_for_end() => Err(ending),
        }
    }

    /// Rings the customer; returns what they will say, and for how long.
    async fn ring_customer(&mut self) -> Result<(Voice, Option<u64>), Ending> {
        self.platform
            .set_call_state(&self.order.ucid, State::RingingCustomer);
        let rings = self.platform.config.patience.customer;
        let (ring_for, result) = match self.order.behaviour.after_fault() {
            Behaviour::Answer {
                after_ms,
                voice,
                for_ms,
            } => (Duration::from_millis(after_ms), Ok((voice, for_ms))),
            Behaviour::Busy => (NOT_REACHED_AFTER, Err(Ending::CustomerBusy)),
            Behaviour::Invalid => (NOT_REACHED_AFTER, Err(Ending::CustomerInvalid)),
            Behaviour::NoAnswer | Behaviour::Fault { .. } => (rings, Err(Ending::CustomerNoAnswer)),
        };
        match self.wait(Some(ring_for)).await {
            Step::Elapsed => result,
            Step::Over(ending) => Err(ending),
        }
    }

    async fn talk(
        &mut self,
        voice: Voice,
        for_ms: Option<u64>,
    ) -> Result<std::convert::Infallible, Ending> {
        self.talked = true;
        self.platform
            .set_call_state(&self.order.ucid, State::Talking);
        self.push(&push::busy_agent(&self.order.ucid, &self.order.number));
        self.phone.say(voice);
        Err(match self.wait(for_ms.map(Duration::from_millis)).await {
            Step::Elapsed => Ending::CustomerHungUp,
            Step::Over(ending) => ending,
        })
    }

    /// Serves the dialog for `duration`, or until the call is over.
    async fn wait(&mut self, duration: Option<Duration>) -> Step {
        let phone = self.phone.clone();
        let elapsed = async {
            match duration {
                Some(duration) => tokio::time::sleep(duration).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = elapsed => Step::Elapsed,
            () = phone.lost() => Step::Over(Ending::MediaLost),
            ending = self.wait_for_end() => Step::Over(ending),
        }
    }

    /// Answers what comes inside the dialog until something ends the call.
    async fn wait_for_end(&mut self) -> Ending {
        loop {
            match self.inputs.recv().await {
                Some(Input::CustomerHangsUp) => return Ending::CustomerHungUp,
                Some(Input::Kicked) => return Ending::Kicked,
                Some(Input::Transferred) => return Ending::Transferred,
                Some(Input::Sip(message)) => {
                    if let Some(ending) = self.handle_in_dialog(&message).await {
                        return ending;
                    }
                }
                // The record holds the sender until the end is set, by this task.
                None => {
                    return Ending::Internal {
                        error: "the call's record is gone".to_owned(),
                    };
                }
            }
        }
    }

    async fn handle_in_dialog(&mut self, message: &Message) -> Option<Ending> {
        let Some(method) = message.method() else {
            // A 2xx again: its ACK was lost (RFC 3261 §13.2.2.4).
            if self.dialog().is_invites(message) && matches!(status(message), Some((200..300, _))) {
                let ack = self.dialog_mut().establish(message);
                return self.send(&ack).err();
            }
            return None;
        };
        if method == "ACK" {
            return None;
        }
        if !self.dialog().owns(message) {
            return self
                .send(&Message::response(
                    message,
                    481,
                    "Call/Transaction Does Not Exist",
                ))
                .err();
        }
        let response = match method {
            "BYE" => {
                self.farewell = Farewell::None;
                // Even if the 200 can't be sent, the call is over.
                let _ = self.send(&self.dialog().respond(message, 200, "OK"));
                return Some(Ending::AgentHungUp);
            }
            "INVITE" | "UPDATE" if !message.body.is_empty() => {
                match self.phone.handle_offer(&message.body).await {
                    Ok(answer) => self.dialog().respond(message, 200, "OK").with_sdp(answer),
                    Err(error) => {
                        self.platform
                            .report_breach(format!("a re-offer can't be answered: {error:#}"));
                        self.dialog().respond(message, 488, "Not Acceptable Here")
                    }
                }
            }
            "INVITE" => match self.phone.standing_description().await {
                Some(offer) => self.dialog().respond(message, 200, "OK").with_sdp(offer),
                None => self.dialog().respond(message, 488, "Not Acceptable Here"),
            },
            "UPDATE" | "INFO" => self.dialog().respond(message, 200, "OK"),
            _ => self.dialog().respond(message, 405, "Method Not Allowed"),
        };
        self.send(&response).err()
    }

    /// BYE, and its response within a transaction's time; a BYE that crosses ours is answered too.
    async fn say_goodbye(&mut self) {
        let bye = self.dialog_mut().bye();
        if self.send(&bye).is_err() {
            return tracing::warn!(
                ucid = self.order.ucid,
                "the line is down, no BYE could be sent"
            );
        }
        let deadline = Instant::now() + TRANSACTION;
        while let Ok(Some(input)) =
            tokio::time::timeout_at(deadline.into(), self.inputs.recv()).await
        {
            let Input::Sip(message) = input else { continue };
            match message.method() {
                None if message.cseq() == bye.cseq() => return,
                Some("BYE") => {
                    // The crossing BYE's sender no longer waits for ours.
                    let _ = self.send(&self.dialog().respond(&message, 200, "OK"));
                }
                None | Some(_) => {}
            }
        }
        self.platform
            .report_breach(format!("BYE of {} was never answered", self.order.ucid));
    }

    /// The pushes that follow a call: a talk ends with its wrap-up, an attempt with `dropCall`.
    fn push_end(&self, ending: &Ending) {
        let ucid = &self.order.ucid;
        if *ending == Ending::NoInvite {
            return self.set_agent(Status::Ready);
        }
        if self.talked {
            self.set_agent(Status::Acw);
            self.push(&push::agent_release(ucid, self.platform.config.wrap_up));
        } else {
            self.set_agent(Status::Ready);
            let silent = Behaviour::Fault {
                fault: Fault::NoDropCall,
            };
            if self.order.behaviour == silent {
                return;
            }
            self.push(&push::drop_call(ucid, ending));
        }
        self.push(&push::call_details(
            ucid,
            self.started,
            epoch_ms(),
            self.agent_answered,
        ));
    }

    fn set_agent(&self, status: Status) {
        if let Some(agent) = &self.order.agent {
            self.platform.seats.lock().set_status(agent, status);
        }
    }

    /// To the agent who dialled; lost when that agent's socket is away, as on the real platform.
    fn push(&self, body: &serde_json::Value) {
        if let Some(agent) = &self.order.agent {
            self.platform.push(agent, body);
        }
    }

    fn send(&self, message: &Message) -> Result<(), Ending> {
        self.platform
            .send_on_line(&self.order.extension, message)
            .map_err(|_| Ending::LineDown)
    }

    fn dialog(&self) -> &Dialog {
        self.dialog
            .as_ref()
            .expect("the INVITE opened the dialog before anything else")
    }

    fn dialog_mut(&mut self) -> &mut Dialog {
        self.dialog
            .as_mut()
            .expect("the INVITE opened the dialog before anything else")
    }
}

/// CANCEL waits for a provisional response (RFC 3261 §9.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cancellable {
    NotYet,
    Yes,
}

fn internal(error: anyhow::Error) -> Ending {
    Ending::Internal {
        error: format!("{error:#}"),
    }
}

/// Long enough for anything else to come first.
const INVITE_LATE: Duration = Duration::from_secs(1);

/// How long a CANCEL or BYE may stay unanswered; far above any loopback or WAN, far below timer F.
const TRANSACTION: Duration = Duration::from_secs(5);
