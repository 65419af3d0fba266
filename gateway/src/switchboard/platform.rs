//! What the platform is asked to do with a call of its own: hold and transfer; and what comes of it.

use super::desk::not_built;
use super::placed::{Age, Placed, Route};
use super::task::Task;
use crate::agent::wire::{CallView, TransferMode};
use crate::call::CallId;
use crate::call::number::Number;
use crate::call::state::Input;
use crate::clock::Moment;
use crate::config::{HoldBy, TransferBy};
use crate::http::problem::Problem;
use crate::ozonetel::{Act, Change, ChangeOutcome};

impl Task {
    /// Tells the platform of a hold, or of its end; our own is in effect already. What comes back at once is a refusal.
    pub(super) fn hold_at_platform(&mut self, age: Age, on: bool) -> Option<Input> {
        let placed = self.calls.get(&age)?;
        let by_platform = self
            .config
            .ozonetel
            .as_ref()
            .is_some_and(|ozonetel| ozonetel.hold == HoldBy::Platform);
        let act = match (on, placed.on_hold_by) {
            (true, _) if by_platform => Act::Hold,
            (false, HoldBy::Platform) => Act::Resume,
            (true, _) | (false, HoldBy::Gateway) => return None,
        };
        // A call that the platform has no name for is on hold with us alone.
        let change = self.change(placed, act.clone())?;
        let sent = self.send_change(age, change);
        let placed = self.calls.get_mut(&age)?;
        placed.on_hold_by = match (on, sent) {
            (true, true) | (false, false) => HoldBy::Platform,
            (true, false) | (false, true) => HoldBy::Gateway,
        };
        (!sent).then_some(Input::HoldRefused { on })
    }

    /// Gives the customer to somebody else: by the platform, whose own call it is, or over a trunk.
    pub(super) fn transfer(
        &mut self,
        now: Moment,
        age: Age,
        to: &str,
        mode: TransferMode,
    ) -> Result<CallView, Problem> {
        let Some(placed) = self.calls.get(&age) else {
            return Err(Problem::not_found("There is no such call."));
        };
        if let Some(id) = to.strip_prefix("agent:") {
            return self.offer_to(now, age, id, mode);
        }
        let by = self.config.ozonetel.as_ref().map(|o| o.transfer);
        match (placed.route, by, mode) {
            (Route::Desk, ..) => Err(Problem::conflict(
                "A talk with another agent can't be given on.",
            )),
            (Route::Trunk(_), ..) => self.transfer_over_trunk(now, age, to, mode),
            (Route::Line(_), Some(TransferBy::Platform), TransferMode::Blind) => {
                self.transfer_by_platform(now, age, to)
            }
            (Route::Line(_), Some(TransferBy::Platform), TransferMode::Consult) => {
                Err(not_built("A transfer by the platform that asks first"))
            }
            (Route::Line(_), Some(TransferBy::Off) | None, _) => Err(not_built(
                "Transfer of a call that came through the platform, where ozonetel.transfer is off,",
            )),
        }
    }

    /// Whether the platform does it is told when it answers.
    fn transfer_by_platform(
        &mut self,
        now: Moment,
        age: Age,
        to: &str,
    ) -> Result<CallView, Problem> {
        let (Some(placed), Some(ozonetel)) = (self.calls.get(&age), &self.config.ozonetel) else {
            return Err(not_built("Transfer"));
        };
        if !placed.call.is_connected() {
            return Err(Problem::conflict("Only a talk can be transferred."));
        }
        if placed.asked.is_some() {
            return Err(Problem::conflict(
                "The platform has not answered the last request yet; try again in a second.",
            ));
        }
        let number = Number::parse(to).map_err(|error| {
            Problem::unprocessable(format!("The number can't be transferred to: {error}"))
        })?;
        let to = number.national(&ozonetel.country).to_owned();
        let change = self.change(placed, Act::Transfer { to }).ok_or_else(|| {
            Problem::conflict("The platform has not named this call, so it can't transfer it.")
        })?;
        if !self.send_change(age, change) {
            return Err(Problem::unavailable(
                "Too much is waiting on the provider's token socket; try again in a second.",
            ));
        }
        self.feed(now, age, Input::TransferAsked);
        self.view(age)
    }

    /// The platform's answer, or that there was none.
    pub(super) fn changed(
        &mut self,
        now: Moment,
        call: &CallId,
        act: &Act,
        outcome: ChangeOutcome,
    ) {
        let Some(age) = self.ages.get(call).copied() else {
            return;
        };
        let Some(placed) = self.calls.get_mut(&age) else {
            return;
        };
        placed.asked.take_if(|asked| asked == act);
        let agent = placed.agent;
        if !placed.call.is_up() {
            return;
        }
        let input = match (act, &outcome) {
            (Act::Hold, ChangeOutcome::Refused(_)) => {
                placed.on_hold_by = HoldBy::Gateway;
                // Where the agent talks on another call meanwhile, the customer stays with our music.
                (!self.talks_elsewhere(agent, age)).then_some(Input::HoldRefused { on: true })
            }
            (Act::Resume, ChangeOutcome::Refused(_)) => {
                placed.on_hold_by = HoldBy::Platform;
                Some(Input::HoldRefused { on: false })
            }
            (Act::Hold | Act::Resume, ChangeOutcome::Done | ChangeOutcome::Unknown) => None,
            (Act::Transfer { .. }, ChangeOutcome::Done) => Some(Input::Transferred),
            (Act::Transfer { .. }, ChangeOutcome::Refused(_)) => Some(Input::TransferNotTaken),
            // If it took it, the end of the call says so.
            (Act::Transfer { .. }, ChangeOutcome::Unknown) => None,
        };
        if let Some(input) = input {
            self.feed(now, age, input);
        }
        if let Some(told) = sentence(act, &outcome) {
            if let Some(placed) = self.calls.get_mut(&age) {
                placed.call.tell(now, told.clone());
                self.touched.insert(age);
            }
            self.notify(now, agent, told);
        }
    }

    /// A change to a call that the platform knows by name.
    fn change(&self, placed: &Placed, act: Act) -> Option<Change> {
        let (Route::Line(_), Some(ucid)) = (placed.route, &placed.call.ucid) else {
            return None;
        };
        let ozonetel = self.config.ozonetel.as_ref();
        let country = ozonetel.map_or("", |ozonetel| ozonetel.country.as_str());
        let peer = &placed.call.peer.number;
        Some(Change {
            call: placed.call.id.clone(),
            ucid: ucid.clone(),
            did: placed.platform.did.clone(),
            number: Number::parse(peer).map_or_else(
                |_| String::new(),
                |number| number.national(country).to_owned(),
            ),
            act,
        })
    }

    fn send_change(&mut self, age: Age, change: Change) -> bool {
        let Some(placed) = self.calls.get_mut(&age) else {
            return false;
        };
        let act = change.act.clone();
        let token = self.agents[placed.agent].token.as_ref();
        let sent = token.is_some_and(|token| token.socket.change(change));
        if sent {
            placed.asked = Some(act);
        }
        sent
    }
}

/// What the agent is told; of what went well the call itself tells.
fn sentence(act: &Act, outcome: &ChangeOutcome) -> Option<String> {
    let what = match act {
        Act::Hold => "put the customer on hold",
        Act::Resume => "take the customer off hold",
        Act::Transfer { .. } => "transfer the call",
    };
    match outcome {
        ChangeOutcome::Done => None,
        ChangeOutcome::Refused(words) => Some(format!("The platform did not {what}: {words}")),
        ChangeOutcome::Unknown => {
            Some(format!("The platform did not say whether it would {what}."))
        }
    }
}
