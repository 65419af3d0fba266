//! Carries out what the call's doctor orders when nothing comes from a customer.

use std::time::Duration;

use media::LegId;
use signaling::Body;

use super::placed::{Age, Route};
use super::task::{Owner, Purpose, Task};
use crate::call::doctor::{Connection, Step};
use crate::clock::Moment;

impl Task {
    /// Audio that a leg owes has stopped.
    pub(super) fn handle_stop(&mut self, now: Moment, leg: LegId, silent: Duration) {
        match self.legs.get(&leg).copied() {
            Some(Owner::Agent(agent)) if self.agents[agent].media.leg() == Some(leg) => {
                self.doubt(now, agent, silent);
                self.tell_unheard(now, agent);
            }
            Some(Owner::Customer(age)) => {
                let Some(placed) = self.calls.get_mut(&age) else {
                    return;
                };
                if !placed.call.is_talking() {
                    return;
                }
                let connection = match placed.route {
                    Route::Line(_) | Route::Desk => Connection::WebRtc,
                    Route::Trunk(_) => Connection::Plain,
                };
                placed.doctor.handle_stop(now.instant, silent, connection);
                self.treat(now, age);
                self.touched.insert(age);
            }
            Some(Owner::Agent(_)) | None => {}
        }
    }

    /// It comes again.
    pub(super) fn handle_return(&mut self, now: Moment, leg: LegId) {
        match self.legs.get(&leg).copied() {
            Some(Owner::Agent(agent)) => self.agent_heard(now, agent, leg),
            Some(Owner::Customer(age)) => {
                if let Some(placed) = self.calls.get_mut(&age) {
                    placed.doctor.handle_return();
                    self.touched.insert(age);
                }
            }
            None => {}
        }
    }

    /// Every step that is due.
    pub(super) fn treat(&mut self, now: Moment, age: Age) {
        while let Some(placed) = self.calls.get_mut(&age)
            && let Some(step) = placed.doctor.handle_timeout(now.instant)
        {
            let (leg, dialog, route) = (placed.leg, placed.dialog, placed.route);
            tracing::info!(
                call = placed.call.id.as_str(),
                step = step.label(),
                "nothing comes from the customer"
            );
            self.metrics.doctored(step);
            let Some(leg) = leg else {
                continue;
            };
            // With a full ring there is worse to think of, and the next step will come.
            let _ = match (step, dialog) {
                (Step::Relatch, _) => self.engine.relearn(leg),
                (Step::RestartIce, Some(_)) => self.ask(Purpose::Mend(age), |engine, request| {
                    engine.restart_ice(leg, request)
                }),
                (Step::Reinvite, Some(_)) => {
                    let kind = self.kind_of(route);
                    self.ask(Purpose::Mend(age), |engine, request| {
                        engine.offer(leg, request, kind)
                    })
                }
                (Step::RestartIce | Step::Reinvite, None) => Ok(()),
                (Step::TellAgent, _) => {
                    self.tell_of_nothing(now, age, Step::TellAgent.after());
                    Ok(())
                }
            };
        }
    }

    /// The media engine's offer for a step. An offer of the peer's that is on its way mends as well.
    pub(super) fn mend(&mut self, now: Moment, age: Age, result: Result<String, String>) {
        let Some(dialog) = self.calls.get(&age).and_then(|placed| placed.dialog) else {
            return;
        };
        match result {
            Ok(offer) => {
                let sent = self
                    .endpoint
                    .reinvite(now.instant, dialog, Body::sdp(offer));
                if let Err(misuse) = sent {
                    tracing::debug!(%dialog, %misuse, "the audio was not offered anew");
                }
            }
            Err(words) => tracing::warn!(%dialog, words, "the audio can't be offered anew"),
        }
    }
}
