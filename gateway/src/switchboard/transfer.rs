//! Transfers by ourselves: the target is called over a trunk, and customer and target are joined without an agent.

use std::time::{Duration, Instant};

use media::Full;

use super::acts::OVERLOADED;
use super::draining::Admission;
use super::invites::RING;
use super::placed::{Age, Desks, Entry, Placed, Route, WhenAsked};
use super::task::Task;
use crate::agent::readiness;
use crate::agent::wire::{CallView, Peer, TransferMode};
use crate::call::CallId;
use crate::call::number::Number;
use crate::call::state::{Call, Input, Made, Manner, WrapUp};
use crate::call::transfer::{Effect, Standing, Transfer};
use crate::clock::Moment;
use crate::http::problem::Problem;

/// How a call is joined to another one of the same agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    None,
    /// Its customer is to be given to that call's.
    Customer {
        target: Age,
        transfer: Transfer,
    },
    /// Who gets that call's customer.
    Target {
        customer: Age,
    },
    /// No agent is in it any more: it is heard by that call's other end.
    Through {
        other: Age,
        since: Instant,
    },
}

/// Whom a customer is given to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    trunk: usize,
    user: String,
}

impl Task {
    /// Calls the target; the customer hears music until both are joined, or the agent is back.
    pub(super) fn transfer_over_trunk(
        &mut self,
        now: Moment,
        age: Age,
        to: &str,
        mode: TransferMode,
    ) -> Result<CallView, Problem> {
        let Some(placed) = self.calls.get(&age) else {
            return Err(Problem::not_found("There is no such call."));
        };
        let agent = placed.agent;
        if !placed.call.is_connected() {
            return Err(Problem::conflict("Only a talk can be transferred."));
        }
        if placed.link != Link::None || placed.offer.is_some() {
            return Err(Problem::conflict(
                "The call is being transferred already; end that first.",
            ));
        }
        let context = placed.call.context.clone();
        let target = self.target(placed, to)?;
        self.may_transfer(agent, age, target.trunk, mode)?;
        let made = Made {
            id: CallId::fresh(),
            agent: self.agents[agent].config.id.clone(),
            peer: Peer {
                number: target.user,
                name: None,
            },
            via: self.trunks[target.trunk].config.name.clone(),
            context,
        };
        self.feed(now, age, Input::Hold(true));
        let mut actions = Vec::new();
        let windows = self.windows(RING);
        let call = Call::dial_trunk(made, Manner::PLAIN, now, windows, &mut actions);
        let entry = Entry {
            agent,
            desks: Desks::One,
            when_asked: WhenAsked::Ring,
            route: Route::Trunk(target.trunk),
            dialog: None,
            prompts: self.prompts.clone(),
        };
        let target = self.place(now, entry, call, actions);
        self.begin_transfer(now, age, target, mode);
        self.view(age)
    }

    /// Ties a customer's call to the call with whom it may be given to.
    pub(super) fn begin_transfer(
        &mut self,
        now: Moment,
        age: Age,
        target: Age,
        mode: TransferMode,
    ) {
        let id = |age: Age| self.calls.get(&age).map(|placed| placed.call.id.clone());
        let (customer_id, target_id) = (id(age), id(target));
        if let Some(placed) = self.calls.get_mut(&target) {
            placed.link = Link::Target { customer: age };
            placed.call.linked = customer_id;
        }
        if let Some(placed) = self.calls.get_mut(&age) {
            placed.link = Link::Customer {
                target,
                transfer: Transfer::new(mode),
            };
            placed.call.linked = target_id;
            let told = match mode {
                TransferMode::Blind => "The agent gives the call to somebody else, who is called.",
                TransferMode::Consult => "The agent asks somebody else before giving the call on.",
            };
            placed.call.tell(now, told);
        }
        self.touched.extend([age, target]);
    }

    /// A number goes out by the call's own trunk, a SIP URI by the trunk that it names.
    fn target(&self, placed: &Placed, to: &str) -> Result<Target, Problem> {
        let bad = |detail: String| Problem::unprocessable(detail);
        if let Some(rest) = to.strip_prefix("sip:").or(to.strip_prefix("sips:")) {
            let (user, host) = rest
                .split_once('@')
                .filter(|(user, _)| is_plain_user(user))
                .ok_or_else(|| bad(format!("{to:?} is no SIP URI such as sip:team@host.")))?;
            let host = host.split([';', '?']).next().unwrap_or(host);
            let leads = |trunk: &super::TrunkWay| {
                let peers = trunk.config.peers.iter();
                let named = |name: &str, port: Option<u16>| match port {
                    Some(port) => host == format!("{name}:{port}") || host == name,
                    None => host == name,
                };
                let mut named = peers.map(|peer| named(&peer.host, peer.port));
                named.any(|one| one)
            };
            let trunk = self.trunks.iter().position(leads);
            let trunk = trunk.ok_or_else(|| bad(format!("No trunk leads to {host}.")))?;
            let user = user.to_owned();
            return Ok(Target { trunk, user });
        }
        let number = Number::parse(to)
            .map_err(|error| bad(format!("The number can't be transferred to: {error}")))?;
        let Route::Trunk(trunk) = placed.route else {
            return Err(Problem::not_available(
                "A call of the platform is transferred by the platform, where ozonetel.transfer says so.",
            ));
        };
        let user = number.as_str().to_owned();
        Ok(Target { trunk, user })
    }

    fn may_transfer(
        &self,
        agent: usize,
        age: Age,
        trunk: usize,
        mode: TransferMode,
    ) -> Result<(), Problem> {
        // A drain lets calls go on, and this is how one does.
        if self.admission == Admission::Stopping
            || self.open.len() + self.through().count() >= self.config.limits.calls
        {
            return Err(Problem::unavailable(
                "The gateway takes no more calls, so the other side can't be called.",
            ));
        }
        self.may_ask(agent, age, mode)?;
        let obstacle = self.trunks[trunk].obstacle();
        match obstacle.or_else(|| self.trunk_full(trunk)) {
            Some(words) => Err(Problem::new("line-down", "There is no way out", 503, words)),
            None => Ok(()),
        }
    }

    /// Whether the agent can turn to somebody else.
    pub(super) fn may_ask(
        &self,
        agent: usize,
        age: Age,
        mode: TransferMode,
    ) -> Result<(), Problem> {
        // Another call's talk would be cut into, or mistaken for the target's.
        if self.live_calls(agent).any(|(other, _)| other != age) {
            return Err(Problem::conflict(
                "The agent has another call; end it before this one is transferred.",
            ));
        }
        if mode == TransferMode::Consult {
            readiness::can_talk(&self.agents[agent]).map_err(|because| {
                Problem::new("agent-not-ready", "The agent is not ready", 409, because)
            })?;
        }
        Ok(())
    }

    /// The agent has asked; customer and target go on alone. Either of the two calls may be named.
    pub(super) fn complete(&mut self, now: Moment, age: Age) -> Result<CallView, Problem> {
        let customer = match self.calls.get(&age).map(|placed| placed.link) {
            Some(Link::Target { customer }) => customer,
            Some(Link::Customer { .. } | Link::Through { .. } | Link::None) | None => age,
        };
        if let Some(Link::Customer { target, .. }) =
            self.calls.get(&customer).map(|placed| placed.link)
        {
            self.may_hand_over(target)?;
        }
        let Some(placed) = self.calls.get_mut(&customer) else {
            return Err(Problem::not_found("There is no such call."));
        };
        let Link::Customer { transfer, .. } = &mut placed.link else {
            return Err(Problem::conflict("The call is not being transferred."));
        };
        let effect = transfer
            .complete()
            .map_err(|not_now| Problem::conflict(not_now.to_string()))?;
        if let Some(effect) = effect {
            self.carry_transfer(now, customer, effect);
        }
        self.view(age)
    }

    /// Shows each transfer how its calls stand; whether anything came of it.
    pub(super) fn watch_transfers(&mut self, now: Moment) -> bool {
        let of = |age: &Age| match self.calls.get(age)?.link {
            Link::Customer { .. } => Some(*age),
            Link::Target { customer } => Some(customer),
            Link::None | Link::Through { .. } => None,
        };
        let customers: Vec<Age> = self.touched.iter().filter_map(of).collect();
        let mut done = false;
        for age in customers {
            let Some(Link::Customer { target, transfer }) =
                self.calls.get(&age).map(|placed| placed.link)
            else {
                continue;
            };
            let mut transfer = transfer;
            let effect = transfer.observe(self.standing(age), self.standing(target));
            self.link(age, Link::Customer { target, transfer });
            match effect {
                Some(effect) => {
                    self.carry_transfer(now, age, effect);
                    done = true;
                }
                None if transfer.is_over() => self.unlink(age, target),
                None => {}
            }
        }
        done
    }

    fn link(&mut self, age: Age, link: Link) {
        if let Some(placed) = self.calls.get_mut(&age) {
            placed.link = link;
        }
    }

    fn unlink(&mut self, customer: Age, target: Age) {
        self.link(customer, Link::None);
        self.link(target, Link::None);
    }

    fn standing(&self, age: Age) -> Standing {
        match self.calls.get(&age).map(|placed| &placed.call) {
            Some(call) if call.is_connected() => Standing::Connected,
            Some(call) if call.is_up() && !call.says_farewell() => Standing::Coming,
            Some(_) | None => Standing::Ended,
        }
    }

    fn carry_transfer(&mut self, now: Moment, customer: Age, effect: Effect) {
        let Some(Link::Customer { target, .. }) =
            self.calls.get(&customer).map(|placed| placed.link)
        else {
            return;
        };
        self.unlink(customer, target);
        match effect {
            Effect::Join if self.guest_at(target).is_some() => {
                self.hand_over(now, customer, target);
            }
            Effect::Join => self.join_through(now, customer, target),
            Effect::Return => self.give_back(now, customer, target),
            Effect::CallOff => self.feed(now, target, Input::HangUp),
            Effect::Release => {
                if let Some(placed) = self.calls.get_mut(&target) {
                    placed.call.tell(
                        now,
                        "The customer of the transfer hung up; this talk goes on.",
                    );
                    self.touched.insert(target);
                }
            }
        }
    }

    /// The target wasn't reached, or has hung up: the agent talks to the customer again.
    fn give_back(&mut self, now: Moment, customer: Age, target: Age) {
        let why = self.calls.get(&target).and_then(|placed| {
            let ended = placed.call.termination()?;
            Some(ended.detail.clone())
        });
        let why = why.unwrap_or_default();
        let Some(placed) = self.calls.get_mut(&customer) else {
            return;
        };
        let told = format!("The transfer did not come about: {why}");
        placed.call.tell(now, told.clone());
        let (agent, held) = (placed.agent, !placed.call.is_talking());
        if held && !self.talks_elsewhere(agent, customer) {
            self.feed(now, customer, Input::Hold(false));
        }
        self.touched.insert(customer);
        self.notify(now, agent, told);
    }

    /// Customer and target hear each other from here on, and the agent is out of it.
    fn join_through(&mut self, now: Moment, customer: Age, target: Age) {
        let leg = |age: Age| self.calls.get(&age).and_then(|placed| placed.leg);
        let (Some(one), Some(other)) = (leg(customer), leg(target)) else {
            return self.give_back(now, customer, target);
        };
        let name = self
            .calls
            .get(&target)
            .map(|placed| placed.call.peer.number.clone());
        let told = format!("The call goes on with {}.", name.unwrap_or_default());
        for (age, through) in [(customer, target), (target, customer)] {
            let Some(placed) = self.calls.get_mut(&age) else {
                continue;
            };
            placed.link = Link::Through {
                other: through,
                since: now.instant,
            };
            placed.quiet = Duration::ZERO;
            placed.bridged = None;
            placed.played_from = None;
            placed.silent_since = None;
            placed.without_agent = None;
            placed.call.tell(now, told.clone());
        }
        let joined = self.engine.bridge(one, other);
        let heard = joined.and_then(|()| self.engine.stop_playing(one));
        let heard = heard.and_then(|()| self.engine.stop_playing(other));
        self.feed(now, customer, Input::HandedOver(WrapUp::Granted));
        self.feed(now, target, Input::HandedOver(WrapUp::Skipped));
        if let Some(agent) = self.calls.get(&customer).map(|placed| placed.agent) {
            self.join(agent);
        }
        if let Err(Full) = heard {
            tracing::warn!("a transfer was not joined: {OVERLOADED}");
            self.end_through(now, customer, "The audio could not be joined.");
        }
    }
}

/// A user part that needs no escaping (RFC 3261 §25.1) and holds nothing that could be mistaken for more.
fn is_plain_user(user: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "+-_.*".contains(c);
    (1..=USER_AT_MOST).contains(&user.len()) && user.chars().all(plain)
}

const USER_AT_MOST: usize = 64;

#[cfg(test)]
mod tests {
    use super::is_plain_user;

    #[test]
    fn a_user_part_can_not_say_more_than_who() {
        for user in ["support", "+919000000002", "a.b-c_d*1"] {
            assert!(is_plain_user(user), "{user}");
        }
        for user in [
            "",
            "a b",
            "a:b",
            "a;x=y",
            "a\r\nb",
            "a%20b",
            "é",
            &"x".repeat(65),
        ] {
            assert!(!is_plain_user(user), "{user}");
        }
    }
}
