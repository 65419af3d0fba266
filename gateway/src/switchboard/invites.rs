//! INVITEs that come in: the one that a dial caused, strays on a line, and calls over a trunk.

use std::net::SocketAddr;
use std::time::Duration;

use media::sdp::negotiate::examine_offer;
use signaling::{DialogId, IncomingInvite, LineId, SocketId};

use super::lines::offer_of;
use super::task::{Route, Task, line_of};
use crate::agent::readiness;
use crate::agent::wire::Peer;
use crate::call::CallId;
use crate::call::expectation::{Evidence, Expectation, Fate};
use crate::call::state::{Answered, Call, Input, Made, OZONETEL, Windows};
use crate::clock::Moment;
use crate::config::AutoAnswer;

/// Why an INVITE is refused before it becomes a call.
#[derive(Debug, Clone, Copy)]
struct Refusal {
    status: u16,
    phrase: &'static str,
    because: &'static str,
}

impl Task {
    pub(super) fn handle_line_invite(
        &mut self,
        now: Moment,
        line: LineId,
        dialog: DialogId,
        invite: &IncomingInvite,
    ) {
        let Some(agent) = (0..self.agents.len()).find(|index| line_of(*index) == line) else {
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
        if let Err(refusal) = self.admit(agent) {
            return self.refuse(now, dialog, refusal);
        }
        let auto = match self.agents[agent].config.auto_answer {
            AutoAnswer::All | AutoAnswer::Inbound => true,
            AutoAnswer::None | AutoAnswer::Outbound => false,
        };
        let ring = RING;
        self.ring(
            now,
            agent,
            Route::Line(line),
            OZONETEL.to_owned(),
            dialog,
            invite,
            ring,
        );
        if auto && let Some(age) = self.dialogs.get(&dialog).copied() {
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
            .position(|trunk| trunk.socket == socket && trunk.admits(peer));
        let Some(trunk) = found else {
            return self.refuse(now, dialog, NO_ROUTE);
        };
        let name = self.trunks[trunk].config.name.clone();
        let called = invite.called_user();
        let route = self
            .config
            .routes
            .iter()
            .find(|route| route.trunk == name && route.called.matches(&called));
        let Some(route) = route else {
            return self.refuse(now, dialog, NO_ROUTE);
        };
        let ring = route.ring_timeout;
        let Some(agent) = self.agent_index(&route.agent) else {
            return self.refuse(now, dialog, NO_ROUTE);
        };
        if let Err(refusal) = self.admit(agent) {
            return self.refuse(now, dialog, refusal);
        }
        self.ring(now, agent, Route::Trunk(trunk), name, dialog, invite, ring);
    }

    /// Whether another call may ring at this agent.
    fn admit(&self, agent: usize) -> Result<(), Refusal> {
        if self.open.len() >= self.config.limits.calls {
            return Err(TOO_MANY);
        }
        if self.open_calls(agent).count() >= self.config.limits.calls_per_agent {
            return Err(BUSY);
        }
        if readiness::can_talk(&self.agents[agent]).is_err()
            || self.agents[agent].status.name != crate::agent::AVAILABLE
        {
            return Err(AWAY);
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
            placed.invited = Some(now.instant);
        }
        let offer = offer_of(invite);
        self.feed(now, age, Input::Expected { offer });
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "each says another thing of the new call"
    )]
    fn ring(
        &mut self,
        now: Moment,
        agent: usize,
        route: Route,
        via: String,
        dialog: DialogId,
        invite: &IncomingInvite,
        ring: Duration,
    ) {
        let offer = offer_of(invite);
        if let Some(Err(error)) = offer
            .as_ref()
            .map(|offer| examine_offer(offer, &self.codecs))
        {
            tracing::info!(%dialog, %error, "an INVITE's audio can't be answered");
            return self.refuse(now, dialog, NOT_ACCEPTABLE);
        }
        let from = invite.from();
        let made = Made {
            id: CallId::fresh(),
            agent: self.agents[agent].config.id.clone(),
            peer: Peer {
                number: shown(if from.user.is_empty() {
                    &from.host
                } else {
                    &from.user
                }),
                name: from.display.as_deref().map(shown),
            },
            via,
            context: None,
        };
        let mut actions = Vec::new();
        let windows = self.windows(ring);
        let mut call = Call::ringing(made, offer, now, windows, &mut actions);
        if let Route::Line(_) = route {
            call.ucid = self.agents[agent].announced.take();
            if let Some(token) = &self.agents[agent].token {
                token.socket.set_in_call(true);
            }
        }
        self.place(now, agent, route, Some(dialog), call, actions);
    }

    fn refuse(&mut self, now: Moment, dialog: DialogId, refusal: Refusal) {
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
