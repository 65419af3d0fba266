//! INVITEs that come in: the one that a dial caused, strays on a line, and calls over a trunk.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use media::SdpError;
use media::sdp::Security;
use media::sdp::negotiate::{examine_offer, protection};
use signaling::{DialogId, IncomingInvite, LineId, SocketId};

use super::lines::offer_of;
use super::placed::{Age, Desks, Entry, Route, WhenAsked};
use super::task::Task;
use crate::agent::wire::{Order, Peer};
use crate::agent::{Service, readiness};
use crate::call::CallId;
use crate::call::auto_answer;
use crate::call::expectation::{Evidence, Expectation, Fate};
use crate::call::ringing::Ringing;
use crate::call::state::{Answered, Call, DESK, Input, Made, Manner, OZONETEL, Spoken, Windows};
use crate::clock::Moment;
use crate::config::{self, AutoAnswer, AutoAnswerHeaders, Srtp};

/// Why an INVITE is refused before it becomes a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal {
    status: u16,
    phrase: &'static str,
    because: &'static str,
}

/// Why no call may ring at an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Obstacle {
    Busy,
    /// In a sentence.
    Away(String),
}

/// Whom a route's call may ask.
#[derive(Debug, Default)]
struct Askable {
    /// In the route's order; some may have no room yet.
    agents: Vec<usize>,
    free: BTreeSet<usize>,
    /// Who can't be asked, and why not.
    away: Vec<(usize, String)>,
    refusal: Option<Refusal>,
}

impl Task {
    pub(super) fn handle_line_invite(
        &mut self,
        now: Moment,
        line: LineId,
        dialog: DialogId,
        invite: &IncomingInvite,
    ) {
        let Some(agent) = self.agent_of(line) else {
            return self.refuse(now, dialog, UNKNOWN_LINE);
        };
        let headers: Vec<(String, String)> = invite.headers().collect();
        let pairs = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let evidence = Evidence::read(pairs, &invite.call_id(), &invite.from().user);
        if let Some((expected, matched)) = self.expectations[agent].take(&evidence, now.instant) {
            tracing::debug!(call = %expected.call, ?matched, "an INVITE is an expected one");
            return self.meet(now, agent, expected, dialog, invite);
        }
        // The registrar may not have let go of it.
        let sip = self.agents[agent].sip.as_ref();
        if sip.is_some_and(|sip| sip.service == Service::Out) {
            return self.refuse(now, dialog, LINE_OUT);
        }
        if self.open.len() >= self.config.limits.calls {
            return self.refuse(now, dialog, TOO_MANY);
        }
        match self.admit(agent) {
            Ok(()) => {}
            Err(Obstacle::Busy) => return self.refuse(now, dialog, BUSY),
            Err(Obstacle::Away(because)) => {
                self.missed(now, agent, &invite.from().user, &because);
                return self.refuse(now, dialog, AWAY);
            }
        }
        let pairs = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let config = &self.agents[agent].config;
        let answers_after = match (config.auto_answer, config.auto_answer_headers) {
            (AutoAnswer::All | AutoAnswer::Inbound, _) => Some(Duration::ZERO),
            (AutoAnswer::None | AutoAnswer::Outbound, AutoAnswerHeaders::Obey) => {
                auto_answer::wanted(pairs)
            }
            (AutoAnswer::None | AutoAnswer::Outbound, AutoAnswerHeaders::Ignore) => None,
        };
        let entry = Entry {
            agent,
            desks: Desks::One,
            when_asked: WhenAsked::Ring,
            route: Route::Line(line),
            dialog: Some(dialog),
            prompts: self.prompts.clone(),
        };
        let windows = self.windows(RING);
        self.ring(now, entry, Manner::PLAIN, windows, invite);
        let rings = self.dialogs.get(&dialog).copied();
        if let (Some(age), Some(delay)) = (rings, answers_after) {
            if let Some(placed) = self.calls.get_mut(&age) {
                placed.answers_at = Some(now.instant + delay);
            }
            self.answer_by_itself(now, age);
        }
    }

    /// Answers what rings on an agent's line if its time has come and the agent isn't in another talk.
    pub(super) fn answer_by_itself(&mut self, now: Moment, age: Age) {
        let Some(placed) = self.calls.get_mut(&age) else {
            return;
        };
        let agent = placed.agent;
        let due = placed.answers_at.take_if(|at| *at <= now.instant);
        if due.is_some() && self.may_answer_for(now, agent, Some(age)) {
            let how = Answered::ByPolicy;
            self.feed(now, age, Input::Answer { how });
        }
    }

    pub(super) fn handle_trunk_invite(
        &mut self,
        now: Moment,
        socket: SocketId,
        peer: SocketAddr,
        dialog: DialogId,
        invite: &IncomingInvite,
    ) {
        let found = self
            .trunks
            .iter()
            .position(|trunk| trunk.takes(socket, peer));
        let Some(trunk) = found else {
            return self.refuse(now, dialog, NO_ROUTE);
        };
        let name = self.trunks[trunk].config.name.as_str();
        let called = invite.called_user();
        let matches = |route: &&config::Route| route.trunk == name && route.called.matches(&called);
        let config = self.config.clone();
        let Some((place, route)) = config
            .routes
            .iter()
            .enumerate()
            .find(|(_, route)| matches(route))
        else {
            return self.refuse(now, dialog, NO_ROUTE);
        };
        let asked = self.askable(route);
        // Somebody's call it is, even if nobody can be asked.
        let first = self.agent_index(&route.agents[0]);
        let Some(agent) = asked.agents.first().copied().or(first) else {
            return self.refuse(now, dialog, NO_ROUTE);
        };
        // Without a word of ours, a caller is better off with the network's own busy tone.
        let waits = !asked.free.is_empty() || spoken(&route.greeting) == Spoken::Aloud;
        let refusal = asked.refusal.or((!waits).then_some(BUSY));
        let entry = Entry {
            agent,
            desks: match refusal {
                None => Desks::Ringing(Ringing::new(
                    route.strategy,
                    route.turn,
                    &asked.agents,
                    &asked.free,
                    now.instant,
                )),
                Some(_) => Desks::None,
            },
            when_asked: WhenAsked::Ring,
            route: Route::Trunk(trunk),
            dialog: Some(dialog),
            prompts: self.route_prompts[place].clone(),
        };
        let manner = Manner {
            order: Order::AgentFirst,
            greeting: spoken(&route.greeting),
            fallback: spoken(&route.fallback),
        };
        let windows = self.windows(route.ring_timeout);
        match refusal {
            None => {
                self.ring(now, entry, manner, windows, invite);
                let rings = self.dialogs.get(&dialog);
                if let Some(placed) = rings.and_then(|age| self.calls.get_mut(age)) {
                    placed.recorded.asked = route.record;
                }
            }
            Some(refusal) => {
                for (agent, because) in &asked.away {
                    self.missed(now, *agent, &invite.from().user, because);
                }
                self.turn_away(now, entry, manner, windows, invite, refusal);
            }
        }
    }

    fn askable(&self, route: &config::Route) -> Askable {
        let mut askable = Askable::default();
        let mut away = None;
        let mut causes = Vec::new();
        for agent in route.agents.iter().filter_map(|id| self.agent_index(id)) {
            match self.admit(agent) {
                Ok(()) => {
                    askable.agents.push(agent);
                    askable.free.insert(agent);
                }
                Err(Obstacle::Busy) => askable.agents.push(agent),
                Err(Obstacle::Away(because)) => {
                    away = Some(AWAY);
                    causes.push((agent, because));
                }
            }
        }
        askable.refusal = match self.open.len() >= self.config.limits.calls {
            true => Some(TOO_MANY),
            false => away.filter(|_| askable.agents.is_empty()),
        };
        askable.away = causes;
        askable
    }

    /// Nobody can be asked: a route that greets its callers doesn't hang up on them without a word.
    fn turn_away(
        &mut self,
        now: Moment,
        entry: Entry,
        manner: Manner,
        windows: Windows,
        invite: &IncomingInvite,
        refusal: Refusal,
    ) {
        let Some(dialog) = entry.dialog else {
            return;
        };
        let speaks = (manner.greeting, manner.fallback) == (Spoken::Aloud, Spoken::Aloud);
        if !speaks || self.open.len() >= self.config.limits.calls {
            return self.refuse(now, dialog, refusal);
        }
        let Some((made, offer)) = self.read_invite(now, &entry, invite) else {
            return;
        };
        let mut actions = Vec::new();
        let call = Call::turned_away(made, refusal.because, offer, now, windows, &mut actions);
        self.place(now, entry, call, actions);
    }

    /// Whether another call may ring at this agent.
    pub(super) fn admit(&self, agent: usize) -> Result<(), Obstacle> {
        readiness::can_ring(&self.agents[agent]).map_err(Obstacle::Away)?;
        let asked = self.guests.contains_key(&agent);
        if asked || self.open_calls(agent).count() >= self.calls_at_a_time(agent) {
            return Err(Obstacle::Busy);
        }
        Ok(())
    }

    /// The INVITE that a dial caused is here.
    fn meet(
        &mut self,
        now: Moment,
        agent: usize,
        expected: Expectation,
        dialog: DialogId,
        invite: &IncomingInvite,
    ) {
        let age = self.ages.get(&expected.call).copied();
        let (Fate::Answer, Some(age)) = (expected.fate, age) else {
            return self.refuse(now, dialog, TAKEN_BACK);
        };
        if let Err(because) = readiness::can_talk(&self.agents[agent]) {
            self.refuse(now, dialog, AWAY);
            return self.feed(now, age, Input::NotReady { because });
        }
        self.dialogs.insert(dialog, age);
        if let Some(placed) = self.calls.get_mut(&age) {
            placed.dialog = Some(dialog);
            placed.invited = Some(self.arrived);
            placed.recorded.sip_call_id = Some(invite.call_id());
        }
        let offer = offer_of(invite);
        self.feed(now, age, Input::Expected { offer });
    }

    fn ring(
        &mut self,
        now: Moment,
        entry: Entry,
        manner: Manner,
        windows: Windows,
        invite: &IncomingInvite,
    ) {
        let Some((made, offer)) = self.read_invite(now, &entry, invite) else {
            return;
        };
        let mut actions = Vec::new();
        let mut call = Call::ringing(made, manner, offer, now, windows, &mut actions);
        if let Route::Line(_) = entry.route {
            call.ucid = self.agents[entry.agent].announced.take();
            if let Some(token) = &self.agents[entry.agent].token {
                token.socket.set_in_call(true);
            }
        }
        let age = self.place(now, entry, call, actions);
        if let Some(placed) = self.calls.get_mut(&age) {
            placed.recorded.sip_call_id = Some(invite.call_id());
            placed.recorded.called = Some(invite.called_user()).filter(|user| !user.is_empty());
        }
    }

    /// Who calls, and with what offer; one that can't be answered is refused.
    fn read_invite(
        &mut self,
        now: Moment,
        entry: &Entry,
        invite: &IncomingInvite,
    ) -> Option<(Made, Option<String>)> {
        let dialog = entry.dialog?;
        let offer = offer_of(invite);
        let examined = offer.as_ref().map(|offer| {
            examine_offer(offer, &self.customer_codecs(entry.route).accepted)?;
            self.check_protection(entry.route, offer)
        });
        if let Some(Err(error)) = examined {
            tracing::info!(%dialog, %error, "an INVITE's audio can't be answered");
            self.refuse(now, dialog, NOT_ACCEPTABLE);
            return None;
        }
        let from = invite.from();
        let made = Made {
            id: CallId::fresh(),
            agent: self.agents[entry.agent].config.id.clone(),
            peer: Peer {
                number: shown(if from.user.is_empty() {
                    &from.host
                } else {
                    &from.user
                }),
                name: from.display.as_deref().map(shown),
            },
            via: match entry.route {
                Route::Line(_) => OZONETEL.to_owned(),
                Route::Desk => DESK.to_owned(),
                Route::Trunk(trunk) => self.trunks[trunk].config.name.clone(),
            },
            context: None,
        };
        Some((made, offer))
    }

    /// Whether a trunk takes audio that is protected, or not protected, like this.
    fn check_protection(&self, route: Route, offer: &str) -> Result<(), SdpError> {
        let Route::Trunk(trunk) = route else {
            return Ok(());
        };
        let refused = match (self.trunks[trunk].config.srtp, protection(offer)?) {
            (Srtp::Off, Security::Sdes) => "RTP/SAVP on a trunk with srtp = \"off\"",
            (Srtp::Require, Security::None) => "RTP/AVP on a trunk with srtp = \"require\"",
            (Srtp::Off | Srtp::Answer | Srtp::Offer | Srtp::Require, _) => return Ok(()),
        };
        Err(SdpError::Unsupported(refused.to_owned()))
    }

    pub(super) fn refuse(&mut self, now: Moment, dialog: DialogId, refusal: Refusal) {
        tracing::info!(%dialog, status = refusal.status, "an INVITE was refused: {}", refusal.because);
        let _ = self
            .endpoint
            .reject(now.instant, dialog, refusal.status, refusal.phrase);
    }

    pub(super) fn windows(&self, ring: Duration) -> Windows {
        Windows {
            invite: self
                .config
                .ozonetel
                .as_ref()
                .map_or(RING, |ozonetel| ozonetel.invite_window),
            ring,
            wrap_up: self.config.limits.wrap_up,
        }
    }
}

fn spoken(saying: &config::Saying) -> Spoken {
    match saying {
        config::Saying::Nothing => Spoken::Not,
        config::Saying::Usual | config::Saying::File(_) => Spoken::Aloud,
    }
}

/// What a caller says of itself, as it may stand on a page: nothing that moves or hides other text,
/// and no more than a line.
fn shown(text: &str) -> String {
    let directs = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .filter(|c| !c.is_control() && !directs(*c))
        .take(SHOWN_AT_MOST)
        .collect()
}

/// Characters of a caller's name or number.
const SHOWN_AT_MOST: usize = 64;

/// How long a call on an agent's own line may ring at the desk; the platform has its own patience.
pub(super) const RING: Duration = Duration::from_secs(45);

const UNKNOWN_LINE: Refusal = Refusal {
    status: 404,
    phrase: "Not Found",
    because: "no agent has this line",
};
const NO_ROUTE: Refusal = Refusal {
    status: 404,
    phrase: "Not Found",
    because: "no route leads from the called number to an agent",
};
const BUSY: Refusal = Refusal {
    status: 486,
    phrase: "Busy Here",
    because: "the agent has a call",
};
const AWAY: Refusal = Refusal {
    status: 480,
    phrase: "Temporarily Unavailable",
    because: "the agent isn't ready",
};
const NOT_ACCEPTABLE: Refusal = Refusal {
    status: 488,
    phrase: "Not Acceptable Here",
    because: "its audio can't be answered",
};
const LINE_OUT: Refusal = Refusal {
    status: 480,
    phrase: "Temporarily Unavailable",
    because: "the line was taken out of service",
};
pub(super) const TRUNK_OUT: Refusal = Refusal {
    status: 503,
    phrase: "Service Unavailable",
    because: "the trunk was taken out of service",
};
pub(super) const STOPPING: Refusal = Refusal {
    status: 503,
    phrase: "Service Unavailable",
    because: "the gateway stops",
};
const TOO_MANY: Refusal = Refusal {
    status: 503,
    phrase: "Service Unavailable",
    because: "the limit of calls is reached",
};
const TAKEN_BACK: Refusal = Refusal {
    status: 486,
    phrase: "Busy Here",
    because: "the agent has ended the dial that caused it",
};

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn a_callers_name_can_not_move_or_hide_the_text_around_it() {
        assert_eq!(shown("\r\nX-Evil: 1"), "X-Evil: 1");
        assert_eq!(shown("\u{202e}gnp.Asha"), "gnp.Asha");
        assert_eq!(shown("Zoë Müller"), "Zoë Müller");
        assert_eq!(shown(&"x".repeat(8_000)).len(), 64);
    }
}
