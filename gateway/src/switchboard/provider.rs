//! What the agents' token sockets report: how they stand, what became of dials, what the platform pushes.

use super::placed::{Age, Placed, Route};
use super::task::Task;
use crate::agent::ConnectionState;
use crate::agent::{AVAILABLE, wire};
use crate::call::platform::Platform;
use crate::call::state::{Answered, DialReply, Input, Push, WrapUp};
use crate::clock::Moment;
use crate::ozonetel::{self, DialOutcome, Event, What};

impl Task {
    pub(super) fn handle_provider(&mut self, now: Moment, event: Event) {
        let Some(agent) = self.agent_index(&event.agent) else {
            return;
        };
        match event.what {
            What::Up { us_id: Some(_) } | What::SignedIn => {
                self.set_token(now, agent, ConnectionState::Up)
            }
            What::Up { us_id: None } => {
                let words = "the platform has not named the socket yet".to_owned();
                self.set_token(now, agent, ConnectionState::Down(words));
            }
            What::Down { cause } | What::Stopped { cause } => {
                self.set_token(now, agent, ConnectionState::Down(cause));
            }
            What::Dial { call, outcome } => {
                let reply = match outcome {
                    DialOutcome::Queued { ucid } => {
                        if let Some(ucid) = &ucid {
                            self.expectations[agent].name(&call, ucid);
                        }
                        DialReply::Queued { ucid }
                    }
                    DialOutcome::Refused(words) => DialReply::Refused(words),
                    DialOutcome::NotSent(words) => DialReply::NotSent(words),
                    DialOutcome::Unknown => DialReply::Unknown,
                    DialOutcome::NoReply => DialReply::NoReply,
                };
                if let Some(age) = self.ages.get(&call).copied() {
                    self.feed(now, age, Input::Dial(reply));
                }
            }
            What::Checked { call, words } => {
                if let Some(age) = self.ages.get(&call).copied() {
                    self.feed(now, age, Input::Checked(words));
                }
            }
            What::Disposed { call, outcome } => self.disposed(now, agent, &call, outcome),
            What::Changed { call, act, outcome } => self.changed(now, &call, &act, outcome),
            What::StandingRefused(words) => {
                let told = format!("The platform did not take the change of your status: {words}");
                self.notify(now, agent, told);
            }
            What::Push(push) => self.handle_push(now, agent, push),
        }
    }

    fn handle_push(&mut self, now: Moment, agent: usize, push: ozonetel::Push) {
        use ozonetel::Push as Told;
        let (ucid, told) = match push {
            Told::NewCall {
                call_type,
                caller_id,
                ucid,
                monitor_ucid,
                did,
                campaign_id,
                campaign_name,
                skill,
                uui,
                wrap_up,
            } => {
                let ucid = ucid.or(monitor_ucid);
                let report = Platform {
                    campaign: campaign_name.or(campaign_id),
                    did: did.clone(),
                    skill,
                    uui,
                    wrap_up_s: wrap_up.map(|wrap_up| wrap_up.as_secs()),
                    ..Platform::default()
                };
                return self.announce(
                    now,
                    agent,
                    call_type.as_deref(),
                    caller_id.as_deref(),
                    ucid,
                    did,
                    report,
                );
            }
            Told::BusyAgent { ucid, .. } => (ucid, Push::BusyAgent),
            Told::AgentRelease {
                monitor_ucid,
                wrap_up: within,
            } => {
                // The end may have come by SIP before; then the wrap-up has begun.
                let age = self.released(agent, monitor_ucid.as_deref());
                let report = Platform {
                    wrap_up_s: within.map(|within| within.as_secs()),
                    ..Platform::default()
                };
                self.learn(age, report);
                let wrap_up = WrapUp::Granted;
                (monitor_ucid, Push::Release { wrap_up })
            }
            Told::AgentReleaseWithoutWrapUp { monitor_ucid } => {
                let wrap_up = WrapUp::Skipped;
                (monitor_ucid, Push::Release { wrap_up })
            }
            Told::DropCall {
                call_status,
                dial_status,
                monitor_ucid,
                ucid,
            } => (
                ucid.or(monitor_ucid),
                Push::Drop {
                    call_status,
                    dial_status,
                },
            ),
            Told::PerformCall { event } => return self.perform(now, agent, event.as_deref()),
            Told::Alert { msg } => {
                let notice = wire::Event::Notice {
                    kind: wire::NoticeKind::Platform,
                    in_ms: None,
                    detail: msg,
                };
                return self.tell_agent(now, agent, notice);
            }
            Told::CallDetails {
                ucid,
                started_at,
                ended_at,
                answered_at,
            } => {
                let report = Platform {
                    started_at,
                    ended_at,
                    answered_at,
                    ..Platform::default()
                };
                return self.learn(self.closed(agent, ucid.as_deref()), report);
            }
            Told::Paused { reason, who } => {
                let words = reason.unwrap_or_else(|| "Paused".to_owned());
                return self.stand_as_told(now, agent, PAUSED, Some(words), who);
            }
            Told::ReleasedBySupervisor { who } => {
                return self.stand_as_told(now, agent, AVAILABLE, None, who);
            }
            Told::Unknown { kind } => {
                tracing::info!(
                    agent = self.agents[agent].config.id,
                    kind,
                    "a message of the platform that this version doesn't know"
                );
                return self.metrics.unknown_message();
            }
        };
        match self.meant(agent, ucid.as_deref()) {
            Some(age) => self.feed(now, age, Input::Push(told)),
            None => tracing::debug!(
                agent = self.agents[agent].config.id,
                "a push for no call of ours"
            ),
        }
    }

    /// The call whose release this is, whether it is up or in its wrap-up.
    fn released(&self, agent: usize, ucid: Option<&str>) -> Option<Age> {
        let of_line = |(_, placed): &(Age, &Placed)| matches!(placed.route, Route::Line(_));
        let newest = self.open_calls(agent).find(of_line);
        let named = newest.filter(|(_, placed)| match (ucid, placed.call.ucid.as_deref()) {
            (Some(theirs), Some(ours)) => theirs == ours,
            (Some(_) | None, _) => true,
        });
        named.map(|(age, _)| age)
    }

    /// The living call that a push speaks of. A UCID that is another call's makes it stale.
    fn meant(&self, agent: usize, ucid: Option<&str>) -> Option<Age> {
        let age = self.platform_call(agent)?;
        let ours = self.calls.get(&age)?.call.ucid.as_deref();
        match (ucid, ours) {
            (Some(theirs), Some(ours)) => (theirs == ours).then_some(age),
            (Some(theirs), None) => {
                let earlier = self
                    .calls
                    .values()
                    .rev()
                    .filter(|placed| placed.agent == agent);
                let known = earlier
                    .take(EARLIER_CALLS)
                    .any(|placed| placed.call.ucid.as_deref() == Some(theirs));
                (!known && !self.expectations[agent].are_ambiguous()).then_some(age)
            }
            (None, _) => Some(age),
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "each is a field of the push that means something else"
    )]
    /// `newCall`: a dial's own, or an incoming call whose INVITE is about to come.
    fn announce(
        &mut self,
        now: Moment,
        agent: usize,
        call_type: Option<&str>,
        number: Option<&str>,
        ucid: Option<String>,
        did: Option<String>,
        report: Platform,
    ) {
        let incoming = call_type.is_some_and(|kind| kind.to_ascii_lowercase().contains("incoming"));
        if incoming {
            self.agents[agent].announced = ucid;
            let ringing = self.platform_call(agent);
            return self.learn(ringing, report);
        }
        let expected = self.expectations[agent].announce(ucid.as_deref(), number, did);
        // The INVITE may have been faster; then the call is the one that is up.
        let age = match expected {
            Some(call) => self.ages.get(&call).copied(),
            None => self.meant(agent, ucid.as_deref()),
        };
        if let Some(age) = age {
            self.learn(Some(age), report);
            self.feed(now, age, Input::Push(Push::NewCall { ucid }));
        }
    }

    /// The platform asks the phone to act on what rings.
    fn perform(&mut self, now: Moment, agent: usize, event: Option<&str>) {
        let ringing = self
            .live_calls(agent)
            .find(|(_, placed)| matches!(placed.route, Route::Line(_)))
            .map(|(age, _)| age);
        let input = match event {
            Some("answer") => Input::Answer {
                how: Answered::ByPolicy,
            },
            Some("decline") => Input::Reject,
            Some(_) | None => return,
        };
        let Some(age) = ringing else {
            return;
        };
        let answers = matches!(input, Input::Answer { .. });
        if answers && self.talks_elsewhere(agent, age) {
            tracing::info!(
                agent = self.agents[agent].config.id,
                "the platform wants the call answered, but the agent talks on another one; it rings"
            );
            return;
        }
        self.feed(now, age, input);
    }

    /// The agent's call that goes through the platform; there is one at a time.
    fn platform_call(&self, agent: usize) -> Option<Age> {
        self.live_calls(agent)
            .find(|(_, placed)| matches!(placed.route, Route::Line(_)))
            .map(|(age, _)| age)
    }

    pub(super) fn set_token(&mut self, now: Moment, agent: usize, state: ConnectionState) {
        let id = self.agents[agent].config.id.clone();
        let Some(token) = &mut self.agents[agent].token else {
            return;
        };
        if !token.connection.set(now, state) {
            return;
        }
        match token.connection.detail() {
            None => tracing::info!(agent = id, "the token socket is up"),
            Some(words) => tracing::warn!(agent = id, words, "the token socket is not up"),
        }
        self.show_agent(now, agent);
    }
}

/// What the platform shows of an agent who isn't signed in at a desk.
pub(crate) const NOT_AT_THE_DESK: &str = "Not at the desk";

/// The desk's status for a supervisor's pause.
const PAUSED: &str = "break";

/// How many of an agent's calls a late push may still speak of.
const EARLIER_CALLS: usize = 16;
