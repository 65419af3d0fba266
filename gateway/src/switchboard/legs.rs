//! What the media engine reports: descriptions, legs that come up, legs that fail.

use media::{Event, LegId, LegLost, Mute};
use serde_json::json;

use super::task::{Age, Owner, Purpose, Task};
use crate::agent::Warm;
use crate::agent::wire::{Frame, MediaState};
use crate::call::state::Input;
use crate::clock::Moment;
use crate::http::problem::Problem;
use crate::metrics::Side;
use crate::switchboard::ConnectionId;

impl Task {
    pub(super) fn handle_media(&mut self, now: Moment, event: Event) {
        match event {
            Event::Description {
                request, result, ..
            } => self.handle_description(now, request, result.map_err(|error| error.to_string())),
            Event::Connected { leg } => match self.legs.get(&leg) {
                Some(Owner::Agent(agent)) => self.agent_connected(now, *agent, leg),
                Some(Owner::Customer(_)) => {
                    tracing::debug!(%leg, "the customer's media is connected")
                }
                None => {}
            },
            Event::Heard { leg } => self.handle_heard(now, leg),
            Event::Lost { leg, cause } => match self.legs.get(&leg).copied() {
                Some(Owner::Agent(agent)) => {
                    self.agent_media(now, agent, leg, MediaState::Down, &cause.to_string())
                }
                Some(Owner::Customer(age)) => self.customer_lost(now, age, &cause),
                None => {}
            },
            Event::Recovered { leg } => {
                if let Some(Owner::Agent(agent)) = self.legs.get(&leg).copied() {
                    self.agent_media(now, agent, leg, MediaState::Up, "it works again");
                }
            }
            Event::Closed { leg } => {
                self.legs.remove(&leg);
            }
            Event::Quality {
                leg,
                packets_received,
                packets_lost,
                jitter,
                rtt,
            } => {
                tracing::debug!(%leg, packets_received, packets_lost, ?jitter, ?rtt, "quality");
            }
            Event::Digit { leg, .. } => tracing::debug!(%leg, "a digit was pressed"),
            Event::Failed { leg, failure } => {
                tracing::warn!(%leg, %failure, "the media engine could not do it")
            }
        }
    }

    fn handle_description(
        &mut self,
        now: Moment,
        request: media::RequestId,
        result: Result<String, String>,
    ) {
        match self.requests.remove(&request) {
            Some(Purpose::Describe(age)) => self.feed(now, age, Input::Described(result)),
            Some(Purpose::Apply(age)) => self.feed(now, age, Input::Applied(result.map(drop))),
            Some(Purpose::Reoffer(age)) => self.reoffered(now, age, result),
            Some(Purpose::Desk { connection, re }) => self.answer_desk(now, connection, re, result),
            None => {}
        }
    }

    fn answer_desk(
        &mut self,
        now: Moment,
        connection: ConnectionId,
        re: u64,
        result: Result<String, String>,
    ) {
        let frame = match result {
            Ok(sdp) => Frame::Reply {
                re,
                ok: json!({ "sdp": sdp }),
            },
            Err(words) => {
                if let Some(agent) = self.connections.get(&connection) {
                    self.agents[*agent].media.coming = None;
                }
                let err = Problem::new(
                    "media-refused",
                    "The audio description can't be used",
                    422,
                    format!("The browser's audio offer can't be used: {words}."),
                );
                Frame::Error { re, err }
            }
        };
        self.reply(now, connection, frame);
    }

    /// The page's new leg is up: calls move to it, and the old one goes.
    fn agent_connected(&mut self, now: Moment, agent: usize, leg: LegId) {
        if self.agents[agent].media.coming != Some(leg) {
            return self.agent_media(now, agent, leg, MediaState::Up, "it is connected");
        }
        self.agents[agent].media.coming = None;
        let warm = Warm {
            leg,
            state: MediaState::Up,
        };
        let old = self.agents[agent].media.current.replace(warm);
        let moved: Vec<(Age, LegId, bool)> = self
            .live_calls(agent)
            .filter(|(_, placed)| placed.bridged.is_some())
            .filter_map(|(age, placed)| Some((age, placed.leg?, placed.call.muted)))
            .collect();
        for (age, customer, muted) in moved {
            let _ = self.engine.bridge(customer, leg);
            if muted {
                let _ = self.engine.mute(leg, Mute::On);
            }
            if let Some(placed) = self.calls.get_mut(&age) {
                placed
                    .call
                    .tell(now, "The call moved to the browser's new audio connection.");
                self.touched.insert(age);
            }
        }
        if let Some(old) = old {
            let _ = self.engine.close(old.leg);
        }
        tracing::info!(agent = self.agents[agent].config.id, %leg, "the browser's audio connection is up");
        self.show_agent(now, agent);
    }

    fn agent_media(
        &mut self,
        now: Moment,
        agent: usize,
        leg: LegId,
        state: MediaState,
        words: &str,
    ) {
        let media = &mut self.agents[agent].media;
        if media.coming == Some(leg) && state == MediaState::Down {
            media.coming = None;
            let _ = self.engine.close(leg);
            tracing::info!(
                agent = self.agents[agent].config.id,
                words,
                "the browser's new audio connection failed"
            );
            return self.show_agent(now, agent);
        }
        let Some(current) = media.current.as_mut().filter(|warm| warm.leg == leg) else {
            return;
        };
        if current.state == state {
            return;
        }
        current.state = state;
        tracing::info!(
            agent = self.agents[agent].config.id,
            ?state,
            words,
            "the browser's audio connection changed"
        );
        self.show_agent(now, agent);
    }

    fn customer_lost(&mut self, now: Moment, age: Age, cause: &LegLost) {
        match cause {
            // A held call and a muted phone are silent, too.
            LegLost::Silent { .. } => {
                if let Some(placed) = self.calls.get_mut(&age) {
                    placed
                        .call
                        .tell(now, format!("The customer's side is silent: {cause}."));
                    self.touched.insert(age);
                }
            }
            LegLost::IceDisconnected
            | LegLost::DtlsFailed(_)
            | LegLost::SetupTimedOut
            | LegLost::PeerClosed
            | LegLost::Panicked => {
                let words = format!("{cause}.");
                self.feed(now, age, Input::MediaLost(words));
            }
        }
    }

    /// The first packet of a side is the first audio towards the other.
    fn handle_heard(&mut self, now: Moment, leg: LegId) {
        let (age, towards) = match self.legs.get(&leg) {
            Some(Owner::Customer(age)) => (*age, Side::Agent),
            Some(Owner::Agent(agent)) => {
                let bridged = self
                    .live_calls(*agent)
                    .find(|(_, placed)| placed.bridged.is_some());
                let Some((age, _)) = bridged else {
                    return;
                };
                (age, Side::Customer)
            }
            None => return,
        };
        if let Some(bridged) = self.calls.get(&age).and_then(|placed| placed.bridged) {
            self.metrics.first_audio(towards, now.instant - bridged);
        }
    }
}
