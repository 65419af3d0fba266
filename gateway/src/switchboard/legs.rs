//! What the media engine reports: descriptions, legs that come up, legs that fail.

use std::time::Duration;

use media::{Event, Failure, LegId, LegLost};
use serde_json::json;

use super::placed::{Age, Doom, Route};
use super::quality::Heard;
use super::task::{Owner, Purpose, Task};
use super::transfer::Link;
use crate::agent::microphone::Microphone;
use crate::agent::wire::{Frame, MediaState};
use crate::agent::{ConnectionId, Warm};
use crate::call::state::{Input, Spoken};
use crate::clock::Moment;
use crate::config::OnLost;
use crate::http::problem::Problem;
use crate::metrics::Side;

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
            Event::Stopped { leg, silent } => self.handle_stop(now, leg, silent),
            Event::Resumed { leg } => self.handle_return(now, leg),
            Event::Played { leg } => {
                if let Some(Owner::Customer(age)) = self.legs.get(&leg).copied() {
                    self.handle_played(now, age);
                }
            }
            Event::Lost { leg, cause } => match self.legs.get(&leg).copied() {
                Some(Owner::Agent(agent)) => {
                    self.agent_media(now, agent, leg, MediaState::Down, &cause.to_string())
                }
                Some(Owner::Customer(age)) => self.customer_lost(now, age, &cause),
                None => {}
            },
            Event::Recovered { leg } => match self.legs.get(&leg).copied() {
                Some(Owner::Agent(agent)) => {
                    self.agent_media(now, agent, leg, MediaState::Up, "it works again")
                }
                Some(Owner::Customer(age)) => self.customer_recovered(now, age),
                None => {}
            },
            Event::Closed { leg } => {
                self.heard.remove(&leg);
                if let Some(Owner::Agent(agent)) = self.legs.remove(&leg) {
                    self.agents[agent].media.forget(leg);
                }
            }
            Event::Quality {
                leg,
                packets_received,
                packets_lost,
                jitter,
                rtt,
                mos_received,
                mos_sent,
            } => {
                tracing::debug!(%leg, packets_received, packets_lost, ?jitter, ?rtt, ?mos_received, ?mos_sent, "quality");
                let heard = Heard {
                    packets: (packets_received, packets_lost),
                    jitter,
                    rtt,
                    mos: (mos_received, mos_sent),
                };
                self.handle_quality(now, leg, heard);
            }
            Event::Audio {
                leg,
                received,
                sent,
                alive,
            } => {
                tracing::debug!(%leg, ?received, ?sent, ?alive, "audio");
                self.handle_audio(now, leg, received, alive);
            }
            Event::Level { leg, level } => {
                tracing::trace!(%leg, %level, "the microphone's level");
                self.handle_level(now, leg, level);
            }
            Event::Digit { leg, .. } => tracing::debug!(%leg, "a digit was pressed"),
            Event::Undialled { leg, tones } => self.handle_undialled(now, leg, &tones),
            Event::Failed { leg, failure } => self.handle_failure(now, leg, failure),
        }
    }

    fn handle_failure(&mut self, now: Moment, leg: LegId, failure: Failure) {
        tracing::warn!(%leg, %failure, "the media engine could not do it");
        let Some(Owner::Customer(age)) = self.legs.get(&leg).copied() else {
            return;
        };
        match failure {
            // The call has no audio and will have none.
            Failure::UnknownLeg | Failure::DifferentWorkers => {
                self.feed(now, age, Input::MediaLost(format!("{failure}.")));
            }
            Failure::NoTelephoneEvent | Failure::NotSending | Failure::TooManyDigits => {
                let told = format!("The digits were not sent: {failure}.");
                self.tell_of_digits(now, age, told);
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
            Some(Purpose::Refreshed(age)) => self.answer_to_refresh(now, age, result),
            Some(Purpose::Refresh(age)) => self.refreshed(now, age, result),
            Some(Purpose::Mend(age)) => self.mend(now, age, result),
            Some(Purpose::Desk {
                connection,
                re,
                leg,
            }) => self.answer_desk(now, connection, re, leg, result),
            None => {}
        }
    }

    fn answer_desk(
        &mut self,
        now: Moment,
        connection: ConnectionId,
        re: u64,
        leg: LegId,
        result: Result<String, String>,
    ) {
        let frame = match result {
            Ok(sdp) => Frame::Reply {
                re,
                ok: json!({ "sdp": sdp }),
            },
            Err(words) => {
                // A leg that was never described is no leg; one that works is kept as it was.
                if let Some(Owner::Agent(agent)) = self.legs.get(&leg).copied()
                    && self.agents[agent].media.leg() != Some(leg)
                {
                    self.agents[agent].media.forget(leg);
                    self.close_leg(leg);
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
            up: now.instant,
            microphone: Microphone::default(),
        };
        let old = self.agents[agent].media.current.replace(warm);
        self.move_guest(now, agent, leg);
        self.mind_guest(now, agent);
        self.join(agent);
        self.reprieve(
            now,
            agent,
            "The call moved to the browser's new audio connection.",
        );
        if let Some(old) = old {
            self.close_leg(old.leg);
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
            self.close_leg(leg);
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
        match state {
            MediaState::Up => {
                self.join(agent);
                self.reprieve(now, agent, "The browser's audio connection works again.");
                self.mind_guest(now, agent);
            }
            MediaState::Down => self.doom(now, agent),
        }
        self.show_agent(now, agent);
    }

    /// Nobody may be left alone: without the agent's audio the call lasts for the grace.
    pub(super) fn doom(&mut self, now: Moment, agent: usize) {
        let end = Input::AgentLost {
            words: "The agent's audio connection was gone for too long.",
            told: self.told_when_lost(agent),
        };
        let at = now.instant + self.config.limits.grace;
        let of_agent = self.live_calls(agent);
        let alone: Vec<Age> = of_agent
            .filter(|(_, placed)| placed.is_agents())
            .map(|(age, _)| age)
            .collect();
        for age in alone {
            if let Some(placed) = self.calls.get_mut(&age) {
                let end = end.clone();
                placed.without_agent.get_or_insert(Doom { at, end });
            }
            // Also where it was known before: the customer may have answered since.
            self.feed(now, age, Input::AgentAway);
        }
        self.mind_guest(now, agent);
    }

    /// Whether a customer whose agent doesn't come back is told so.
    pub(super) fn told_when_lost(&self, agent: usize) -> Spoken {
        match self.agents[agent].config.on_lost {
            OnLost::HoldPromptThenHangup => Spoken::Aloud,
            OnLost::Hangup => Spoken::Not,
        }
    }

    /// The agent can be heard again.
    pub(super) fn reprieve(&mut self, now: Moment, agent: usize, told: &str) {
        let live: Vec<Age> = self.live_calls(agent).map(|(age, _)| age).collect();
        for age in live {
            let Some(placed) = self.calls.get_mut(&age) else {
                continue;
            };
            if placed.without_agent.take().is_none() && placed.is_agents() {
                placed.call.tell(now, told);
            }
            self.feed(now, age, Input::AgentBack);
        }
    }

    fn customer_lost(&mut self, now: Moment, age: Age, cause: &LegLost) {
        let through = matches!(
            self.calls.get(&age).map(|placed| placed.link),
            Some(Link::Through { .. })
        );
        if through && !matches!(cause, LegLost::Silent { .. }) {
            // Nobody of ours is in it who could say more.
            let why = format!("The audio path is interrupted: {cause}.");
            return self.end_through(now, age, &why);
        }
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
            // An answer that waits for the line's next connection hasn't been heard: nobody is there yet to talk ICE with.
            LegLost::IceDisconnected | LegLost::SetupTimedOut if self.is_cut_off(age) => {
                self.doom_customer(now, age, UNHEARD_ANSWER, cause);
            }
            // The peer's time began when the answer could leave, not when it was written.
            LegLost::SetupTimedOut if self.heard_late(now, age) => {
                self.doom_customer(now, age, SET_UP, cause);
            }
            // Networks move; the peer has a moment to find its way back.
            LegLost::IceDisconnected => self.doom_customer(now, age, ICE_RECOVERY, cause),
            // Who hangs up closes the audio, too, and that word comes straight while the BYE goes through proxies.
            LegLost::PeerClosed => self.doom_customer(now, age, BYE_ON_ITS_WAY, cause),
            LegLost::DtlsFailed(_) | LegLost::SetupTimedOut | LegLost::Panicked => {
                let words = format!("{cause}.");
                self.feed(now, age, Input::MediaLost(words));
            }
        }
    }

    /// Whether the call's signalling has no connection, and its customer no audio yet.
    fn is_cut_off(&self, age: Age) -> bool {
        self.calls.get(&age).is_some_and(|placed| {
            let line = self.agents[placed.agent].sip.as_ref();
            matches!(placed.route, Route::Line(_))
                && placed.unheard.contains(&Side::Agent)
                && line.is_some_and(|line| !line.is_up())
        })
    }

    /// Whether the line came back only lately, so that the answer has just left.
    fn heard_late(&self, now: Moment, age: Age) -> bool {
        self.calls.get(&age).is_some_and(|placed| {
            let line = self.agents[placed.agent].sip.as_ref();
            let lately =
                |since: u64| u128::from(now.epoch_ms.saturating_sub(since)) < SET_UP.as_millis();
            matches!(placed.route, Route::Line(_))
                && placed.unheard.contains(&Side::Agent)
                && line.is_some_and(|line| line.is_up() && lately(line.since))
        })
    }

    /// The call ends for want of the customer's audio, unless something happens before.
    fn doom_customer(&mut self, now: Moment, age: Age, within: Duration, cause: &LegLost) {
        if let Some(placed) = self.calls.get_mut(&age) {
            placed.call.tell(
                now,
                format!("The customer's audio path is interrupted: {cause}."),
            );
            placed.without_customer.get_or_insert(Doom {
                at: now.instant + within,
                end: Input::MediaLost(format!("{cause}.")),
            });
            self.touched.insert(age);
        }
    }

    fn customer_recovered(&mut self, now: Moment, age: Age) {
        if let Some(placed) = self.calls.get_mut(&age) {
            placed.without_customer = None;
            placed
                .call
                .tell(now, "The customer's audio path works again.");
            self.touched.insert(age);
        }
    }

    /// The first packet of a side is the first audio towards the other.
    fn handle_heard(&mut self, now: Moment, leg: LegId) {
        if let Some(Owner::Agent(agent)) = self.legs.get(&leg).copied() {
            self.agent_heard(now, agent, leg);
        }
        let (age, towards) = match self.legs.get(&leg) {
            Some(Owner::Customer(age)) => (*age, Side::Agent),
            Some(Owner::Agent(agent)) => {
                let bridged = self
                    .live_calls(*agent)
                    .find(|(_, placed)| placed.bridged.is_some());
                let Some((age, _)) = bridged else {
                    return;
                };
                self.audible(now, age);
                (age, Side::Customer)
            }
            None => return,
        };
        let Some(placed) = self.calls.get_mut(&age) else {
            return;
        };
        let Some(bridged) = placed.bridged else {
            return;
        };
        let waited = now.instant.saturating_duration_since(bridged);
        // A hold and a reload join the legs again; only the first time is the answer's.
        if placed.unheard.contains(&towards) {
            placed.unheard.retain(|side| *side != towards);
            // A talk between two agents has no customer, and is nobody's answer.
            if placed.has_customer() {
                self.metrics.first_audio(towards, waited);
            }
        }
        if towards == Side::Agent && placed.call.is_connected() {
            self.metrics.dead_air(towards, waited);
        }
    }
}

/// How long a provider's ICE may take to find another path.
const ICE_RECOVERY: Duration = Duration::from_secs(10);

/// The 40 s that a line has to come back, and what ICE and DTLS may take then. The dialog ends sooner if it stays away.
const UNHEARD_ANSWER: Duration = Duration::from_secs(50);

/// What ICE and DTLS have from the sending of an answer on.
const SET_UP: Duration = Duration::from_secs(10);

/// How long the BYE may take that explains why the peer closed its audio; a registrar resends for longer, but nobody should sit in silence.
const BYE_ON_ITS_WAY: Duration = Duration::from_secs(2);
