//! What the platform remembers of calls, and where a call in progress takes its input.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use tokio::sync::mpsc;

use super::customer::hearing::Heard;
use super::customer::phone::Ear;
use super::sip::Message;

/// All calls, by ucid; a ucid sorts by its time.
#[derive(Debug, Default)]
pub struct Calls {
    entries: BTreeMap<String, Entry>,
    by_call_id: HashMap<String, String>,
}

#[derive(Debug)]
struct Entry {
    record: Record,
    ear: Ear,
    /// `None` once the call has ended.
    inputs: Option<mpsc::Sender<Input>>,
}

/// What can happen to a call from outside.
#[derive(Debug)]
pub enum Input {
    /// A SIP message with the call's Call-ID.
    Sip(Message),
    /// The customer hangs up.
    CustomerHangsUp,
    /// The agent's client asked the platform to drop the call (`tbKickCall`).
    Kicked,
    /// The agent's client gave the customer to somebody else (`tbSetTransfer`).
    Transferred,
}

/// One call as the control interface shows it.
#[derive(Debug, Clone, Serialize)]
pub struct Record {
    pub ucid: String,
    pub origin: Origin,
    /// The agent who dialled; a stray call has none.
    pub agent: Option<String>,
    /// The customer's number.
    pub number: String,
    pub extension: String,
    pub call_id: Option<String>,
    #[serde(flatten)]
    pub state: State,
    /// The final response to the INVITE.
    pub sip_status: Option<u16>,
    #[serde(flatten)]
    pub asked: Asked,
}

/// What the agent's client had the platform do with a call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// `tbHold`, until `tbUnHold`.
    pub held: bool,
    pub transferred_to: Option<String>,
    pub disposition: Option<String>,
}

/// A record and what its customer has heard so far.
#[derive(Debug, Serialize)]
pub struct Snapshot {
    #[serde(flatten)]
    pub record: Record,
    pub heard: Heard,
}

/// Why the platform called the extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// `tbManualDial` asked for it.
    Dial,
    /// Nobody did.
    Stray,
}

/// How far a call has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// The INVITE is sent, or about to be.
    CallingAgent,
    /// The agent's side said 180 or 183.
    AgentRinging,
    /// Answered; ICE and DTLS are at work.
    ConnectingMedia,
    RingingCustomer,
    Talking,
    Ended(Ending),
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Ending {
    AgentHungUp,
    CustomerHungUp,
    /// `tbKickCall`.
    Kicked,
    /// `tbSetTransfer`: the agent's leg is not needed any more.
    Transferred,
    CustomerBusy,
    CustomerNoAnswer,
    CustomerInvalid,
    /// A final response other than 2xx.
    AgentRejected,
    /// No final response in time; CANCEL went out where one may.
    AgentNoAnswer,
    /// No line is registered, or its connection is gone.
    LineDown,
    /// The answer was no answer to the offer, or ICE or DTLS failed.
    NoMedia,
    /// Media flowed and then ended without a BYE.
    MediaLost,
    /// The fault of that name.
    NoInvite,
    /// The platform's own failure; the text says which.
    Internal {
        error: String,
    },
}

impl Calls {
    /// Opens a call's record and its input.
    pub fn open(&mut self, record: Record, ear: Ear) -> mpsc::Receiver<Input> {
        let (inputs, receiver) = mpsc::channel(INPUTS);
        let entry = Entry {
            record,
            ear,
            inputs: Some(inputs),
        };
        self.entries.insert(entry.record.ucid.clone(), entry);
        while self.entries.len() > REMEMBERED {
            self.entries.pop_first();
        }
        receiver
    }

    /// Names the dialog that `ucid` lives in.
    pub fn bind(&mut self, ucid: &str, call_id: &str) {
        self.by_call_id.insert(call_id.to_owned(), ucid.to_owned());
        if let Some(entry) = self.entries.get_mut(ucid) {
            entry.record.call_id = Some(call_id.to_owned());
        }
    }

    /// Moves a call on; the end closes its input.
    pub fn set_state(&mut self, ucid: &str, state: State) {
        let Some(entry) = self.entries.get_mut(ucid) else {
            return;
        };
        if matches!(state, State::Ended(_)) {
            entry.inputs = None;
            if let Some(call_id) = &entry.record.call_id {
                self.by_call_id.remove(call_id);
            }
        }
        entry.record.state = state;
    }

    pub fn set_sip_status(&mut self, ucid: &str, status: u16) {
        if let Some(entry) = self.entries.get_mut(ucid) {
            entry.record.sip_status = Some(status);
        }
    }

    /// Hands a SIP message to the call that it belongs to; gives it back where there is none.
    ///
    /// # Errors
    ///
    /// The message, when no call in progress has its Call-ID, or that call is choked.
    pub fn deliver(&self, message: Message) -> Result<(), Message> {
        let inputs = message
            .header("Call-ID")
            .and_then(|call_id| self.by_call_id.get(call_id))
            .and_then(|ucid| self.entries.get(ucid))
            .and_then(|entry| entry.inputs.as_ref());
        let Some(inputs) = inputs else {
            return Err(message);
        };
        inputs
            .try_send(Input::Sip(message))
            .map_err(|refused| match refused.into_inner() {
                Input::Sip(message) => message,
                Input::CustomerHangsUp | Input::Kicked | Input::Transferred => {
                    unreachable!("a SIP message went in")
                }
            })
    }

    /// Tells a call in progress something; false where there is none.
    pub fn tell(&self, ucid: &str, input: Input) -> bool {
        let inputs = self
            .entries
            .get(ucid)
            .and_then(|entry| entry.inputs.as_ref());
        inputs.is_some_and(|inputs| inputs.try_send(input).is_ok())
    }

    /// Ucids of the calls that haven't ended.
    pub fn in_progress(&self) -> Vec<String> {
        let open = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.inputs.is_some());
        open.map(|(ucid, _)| ucid.clone()).collect()
    }

    /// The call that an agent has in progress.
    pub fn of_agent(&self, agent: &str) -> Option<&Record> {
        self.entries
            .values()
            .rev()
            .find(|entry| entry.inputs.is_some() && entry.record.agent.as_deref() == Some(agent))
            .map(|entry| &entry.record)
    }

    /// What the agent's client had the platform do with a call.
    pub fn asked(&mut self, ucid: &str) -> Option<&mut Asked> {
        self.entries
            .get_mut(ucid)
            .map(|entry| &mut entry.record.asked)
    }

    pub fn record(&self, ucid: &str) -> Option<&Record> {
        self.entries.get(ucid).map(|entry| &entry.record)
    }

    pub fn snapshots(&self) -> Vec<Snapshot> {
        self.entries
            .values()
            .map(|entry| Snapshot {
                record: entry.record.clone(),
                heard: entry.ear.heard(),
            })
            .collect()
    }
}

/// SIP messages a call may have waiting; a dialog exchanges them one by one.
const INPUTS: usize = 64;
/// Calls remembered, for a provider that runs all day.
const REMEMBERED: usize = 2_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_reaches_its_call_until_the_call_ends() {
        let mut calls = Calls::default();
        let mut inputs = calls.open(record("1764000000000001"), Ear::default());
        calls.bind("1764000000000001", "c1@provider.example");
        let bye = || Message::request("BYE", "sip:p").with("Call-ID", "c1@provider.example");
        assert!(calls.deliver(bye()).is_ok());
        assert!(matches!(inputs.try_recv(), Ok(Input::Sip(_))));
        calls.set_state("1764000000000001", State::Ended(Ending::AgentHungUp));
        assert_eq!(calls.deliver(bye()), Err(bye()));
        assert!(calls.of_agent("agent7").is_none());
    }

    #[test]
    fn a_record_shows_its_state_and_why_it_ended_side_by_side() {
        let mut shown = record("1764000000000001");
        shown.state = State::Ended(Ending::CustomerBusy);
        let json = serde_json::to_value(&shown).unwrap();
        assert_eq!(
            (&json["state"], &json["why"]),
            (&"ended".into(), &"customer_busy".into())
        );
    }

    fn record(ucid: &str) -> Record {
        Record {
            ucid: ucid.to_owned(),
            origin: Origin::Dial,
            agent: Some("agent7".to_owned()),
            number: "9000000010".to_owned(),
            extension: "500607".to_owned(),
            call_id: None,
            state: State::CallingAgent,
            sip_status: None,
            asked: Asked::default(),
        }
    }
}
