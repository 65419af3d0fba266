//! What follows from what an agent's page says, or ceases to say.

use super::placed::Age;
use super::task::Task;
use crate::agent::microphone::Microphone;
use crate::agent::page::PageReport;
use crate::agent::readiness;
use crate::agent::session::Session;
use crate::agent::wire::{ByeCode, CallView, Event, NoticeKind};
use crate::clock::Moment;

/// What a page that says hello has kept of the connection before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known<'a> {
    Nothing,
    /// The session's id: it was reloaded.
    Session(&'a str),
    /// The calls, too: its socket broke, and it waits to hear what became of them.
    Calls(&'a str),
}

impl<'a> Known<'a> {
    pub fn session(self) -> Option<&'a str> {
        match self {
            Self::Nothing => None,
            Self::Session(id) | Self::Calls(id) => Some(id),
        }
    }
}

impl Task {
    pub(super) fn handle_page(&mut self, now: Moment, agent: usize, report: PageReport) {
        let session = self.agents[agent].session.as_mut();
        if session.is_some_and(|session| session.handle_report(now, report)) {
            self.page_changed(now, agent);
        }
        self.stir(agent);
    }

    /// The page asked for something: it isn't asleep.
    pub(super) fn handle_sign(&mut self, now: Moment, agent: usize) {
        let session = self.agents[agent].session.as_mut();
        if session.is_some_and(|session| session.handle_sign(now)) {
            self.page_changed(now, agent);
        }
        self.stir(agent);
    }

    fn page_changed(&mut self, now: Moment, agent: usize) {
        let shown = &self.agents[agent];
        let trouble = shown.session.as_ref().and_then(Session::page_trouble);
        let words = trouble.map_or("The agent's page is well.", |trouble| trouble.words());
        tracing::info!(agent = shown.config.id, "{words}");
        let talks: Vec<Age> = self
            .live_calls(agent)
            .filter(|(_, placed)| placed.is_agents())
            .map(|(age, _)| age)
            .collect();
        for age in talks {
            if let Some(placed) = self.calls.get_mut(&age) {
                placed.call.tell(now, words);
                self.touched.insert(age);
            }
        }
        self.show_agent(now, agent);
    }

    /// The token has ended: living calls go on, and with the last of them the connection goes.
    pub(super) fn expire(&mut self, now: Moment, agent: usize) {
        let grace = self.config.limits.grace;
        let talks = self.open_calls(agent).next().is_some() || self.guests.contains_key(&agent);
        let shown = &mut self.agents[agent];
        if let Some(session) = shown.session.as_mut().filter(|_| !talks) {
            tracing::info!(agent = shown.config.id, "the agent's token has expired");
            session.say_bye(ByeCode::Expired, false);
            session.detach(now, grace);
        }
        self.show_agent(now, agent);
    }

    /// The grace is over. Whose socket alone is gone isn't lost as long as the customer, or who asks them, hears them.
    pub(super) fn give_up(&mut self, now: Moment, agent: usize) {
        let grace = self.config.limits.grace;
        let media = &self.agents[agent].media;
        let audible = media.warm().is_some() && media.microphone() == Microphone::Works;
        let talks = self.live_calls(agent).any(|(_, placed)| placed.is_agents())
            || self.is_talking_guest(agent);
        match self.agents[agent]
            .session
            .as_mut()
            .filter(|_| audible && talks)
        {
            Some(session) => session.detach(now, grace),
            None => self.lose_agent(now, agent),
        }
    }

    /// What a page is to draw: what is open, and, if it had seen calls, those that may have closed meanwhile.
    pub(super) fn calls_to_show(
        &self,
        now: Moment,
        agent: usize,
        known: Known<'_>,
    ) -> Vec<CallView> {
        let open = self.open_calls(agent).map(|(_, placed)| placed.call.view());
        let mut views: Vec<CallView> = open
            .chain(self.offered_view(agent))
            .chain(self.guest_view(agent))
            .collect();
        if let Known::Calls(_) = known {
            let since = now.epoch_ms.saturating_sub(CLOSED_SINCE_MS);
            let closed = self.calls.values().rev().take(CLOSED_AMONG);
            let closed = closed
                .filter(|placed| placed.agent == agent && placed.call.is_closed())
                .map(|placed| placed.call.view())
                .filter(|view| view.ended_at.is_some_and(|at| at >= since));
            views.extend(closed);
        }
        views
    }

    /// Whether a call is answered without the agent's click; if not, its story says why.
    pub(super) fn may_answer_for(&mut self, now: Moment, agent: usize, age: Option<Age>) -> bool {
        let Some(age) = age else {
            return false;
        };
        if self.talks_elsewhere(agent, age) {
            return false;
        }
        let Some(because) = readiness::at_desk(&self.agents[agent]) else {
            return true;
        };
        if let Some(placed) = self.calls.get_mut(&age) {
            let told = format!("It rings, and isn't answered by itself: {because}");
            placed.call.tell(now, told);
            self.touched.insert(age);
        }
        false
    }

    /// A call was refused because it could not ring here; the agent reads so, then or later.
    pub(super) fn missed(&mut self, now: Moment, agent: usize, caller: &str, because: &str) {
        let shown = &self.agents[agent];
        tracing::info!(agent = shown.config.id, "a call could not ring: {because}");
        let caller: String = caller
            .chars()
            .filter(char::is_ascii_graphic)
            .take(CALLER)
            .collect();
        let notice = Event::Notice {
            kind: NoticeKind::Missed,
            in_ms: None,
            detail: Some(format!(
                "A call from {caller} could not ring here: {because}"
            )),
        };
        self.tell_agent(now, agent, notice);
    }

    pub(super) fn calls_at_a_time(&self, agent: usize) -> usize {
        let own = self.agents[agent].config.calls;
        own.unwrap_or(self.config.limits.calls_per_agent)
    }

    pub(super) fn wrap_up_of(&self, agent: usize) -> std::time::Duration {
        let own = self.agents[agent].config.wrap_up;
        own.unwrap_or(self.config.limits.wrap_up)
    }
}

/// A page that comes back later than this asks the API what became of its calls.
const CLOSED_SINCE_MS: u64 = 10 * 60 * 1000;

/// The newest calls of all agents among which an agent's closed ones are looked for.
const CLOSED_AMONG: usize = 1_000;

/// Characters of a caller's number.
const CALLER: usize = 32;
