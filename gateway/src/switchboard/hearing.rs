//! What is heard of both sides, as the media engine reports it every few seconds: who sends nothing, or only silence,
//! is told of. No customer's call ends for it.

use std::time::Duration;

use media::{LegId, Level, Passed};

use super::placed::{Age, Heard};
use super::task::{Owner, Task};
use crate::agent::microphone::Microphone;
use crate::agent::wire::{self, NoticeKind};
use crate::clock::Moment;

impl Task {
    pub(super) fn handle_audio(
        &mut self,
        now: Moment,
        leg: LegId,
        received: Passed,
        alive: Duration,
    ) {
        match self.legs.get(&leg).copied() {
            Some(Owner::Agent(agent)) if self.agents[agent].media.leg() == Some(leg) => {
                self.handle_agent_audio(now, agent, received);
            }
            Some(Owner::Customer(age)) => {
                self.handle_customer_audio(now, age, received);
                self.listen_through(now, age, alive);
            }
            // A leg that is coming, or one that is about to go.
            Some(Owner::Agent(_)) | None => {}
        }
    }

    /// A browser sends all the time, so nothing means that the way from it is cut. The page may take seconds to see that,
    /// and can look for another way at once, as long as its socket works.
    pub(super) fn tell_unheard(&mut self, now: Moment, agent: usize) {
        let notice = wire::Event::Notice {
            kind: NoticeKind::Unheard,
            in_ms: None,
            detail: None,
        };
        self.tell_agent(now, agent, notice);
    }

    /// A level is the first news of a microphone that is back; the agent doesn't wait for the next report.
    pub(super) fn handle_level(&mut self, now: Moment, leg: LegId, level: Level) {
        let Some(Owner::Agent(agent)) = self.legs.get(&leg).copied() else {
            return;
        };
        let media = &mut self.agents[agent].media;
        if media.leg() != Some(leg) {
            return;
        }
        let microphone = media.proof.handle_level(level, media.microphone());
        self.set_microphone(now, agent, microphone);
    }

    /// A browser sends packets all the time, muted or not; one that doesn't leaves the customer alone.
    fn handle_agent_audio(&mut self, now: Moment, agent: usize, received: Passed) {
        if let Some(silent) = received.since_last.filter(|silent| *silent >= SUSPICIOUS) {
            self.doubt(now, agent, silent);
        }
        // A leg that is down is told of as that.
        let media = &mut self.agents[agent].media;
        if let Some(warm) = media.current.filter(|_| media.warm().is_some()) {
            let microphone = media.proof.handle_audio(now.instant, warm.up, received);
            self.set_microphone(now, agent, microphone);
        }
    }

    fn set_microphone(&mut self, now: Moment, agent: usize, microphone: Microphone) {
        let Some(warm) = &mut self.agents[agent].media.current else {
            return;
        };
        if warm.microphone == microphone {
            return;
        }
        warm.microphone = microphone;
        let told = microphone
            .trouble()
            .unwrap_or("The agent's microphone is heard.");
        tracing::info!(agent = self.agents[agent].config.id, "{told}");
        let talks: Vec<Age> = self
            .live_calls(agent)
            .filter(|(_, placed)| placed.is_agents())
            .map(|(age, _)| age)
            .collect();
        for age in talks {
            if let Some(placed) = self.calls.get_mut(&age) {
                placed.call.tell(now, told);
                self.touched.insert(age);
            }
        }
        self.mind_guest(now, agent);
        self.show_agent(now, agent);
    }

    /// Who is on hold, or hasn't been joined for long, owes nobody audio.
    fn handle_customer_audio(&mut self, now: Moment, age: Age, received: Passed) {
        let Some(placed) = self.calls.get_mut(&age) else {
            return;
        };
        let Some(joined) = placed.bridged.filter(|_| placed.call.is_talking()) else {
            return;
        };
        let talked = now.instant.saturating_duration_since(joined);
        let silent = received
            .since_last
            .map_or(talked, |since| since.min(talked));
        let heard = match silent >= LONG {
            true => Heard::Nothing,
            false if received.packets > 0 => Heard::Audio,
            false => return,
        };
        if std::mem::replace(&mut placed.customer, heard) == heard {
            return;
        }
        let told = match heard {
            Heard::Audio => "The customer is heard again.".to_owned(),
            Heard::Nothing => unheard(silent),
        };
        self.tell_of_customer(now, age, told);
    }

    /// Nothing has come from the customer, and what could be done about it was done.
    pub(super) fn tell_of_nothing(&mut self, now: Moment, age: Age, silent: Duration) {
        let Some(placed) = self.calls.get_mut(&age) else {
            return;
        };
        if std::mem::replace(&mut placed.customer, Heard::Nothing) != Heard::Nothing {
            self.tell_of_customer(now, age, unheard(silent));
        }
    }

    fn tell_of_customer(&mut self, now: Moment, age: Age, told: String) {
        let Some(placed) = self.calls.get_mut(&age) else {
            return;
        };
        placed.call.tell(now, told.clone());
        self.touched.insert(age);
        let agent = placed.agent;
        let notice = wire::Event::Notice {
            kind: NoticeKind::NoAudio,
            in_ms: None,
            detail: Some(told),
        };
        self.tell_agent(now, agent, notice);
    }
}

fn unheard(silent: Duration) -> String {
    format!(
        "The customer can't be heard: nothing has come from their side for {} s.",
        silent.as_secs()
    )
}

/// Longer than any gap between an agent's packets that is no loss.
const SUSPICIOUS: Duration = Duration::from_millis(500);

/// How long a customer may send nothing before anybody is told.
const LONG: Duration = Duration::from_secs(10);
