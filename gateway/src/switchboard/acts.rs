//! Carries out what a call asks for, with SIP, media, the platform and the agent's leg.

use media::{Engine, Full, LegId, Mute, PeerKind, RequestId};
use signaling::{Body, Credentials, InviteRequest, Party, Path};

use super::placed::{Age, Route, WhenAsked};
use super::task::{Owner, Purpose, Task};
use super::trunks::Way;
use crate::agent::readiness;
use crate::call::expectation::{Expectation, Fate};
use crate::call::number::Number;
use crate::call::state::{Action, Answered, DialBy, DialReply, DialogEnd, Input};
use crate::clock::Moment;
use crate::config::Srtp;

impl Task {
    pub(super) fn carry_out(&mut self, now: Moment, age: Age, actions: Vec<Action>) {
        self.touched.insert(age);
        for action in actions {
            if let Some(input) = self.act(now, age, action) {
                self.pending.push_back((age, input));
            }
        }
    }

    /// Does one thing; what comes of it at once is the call's next input.
    fn act(&mut self, now: Moment, age: Age, action: Action) -> Option<Input> {
        let placed = self.calls.get_mut(&age)?;
        let (agent, dialog, leg) = (placed.agent, placed.dialog, placed.leg);
        match action {
            Action::Dial { number, until, by } => {
                let expected = Expectation {
                    call: placed.call.id.clone(),
                    number,
                    ucid: None,
                    did: None,
                    until,
                    fate: Fate::Answer,
                };
                return self.dial(age, agent, expected, by);
            }
            Action::AskOutcome => {
                let ucid = placed.call.ucid.clone()?;
                let call = placed.call.id.clone();
                if let Some(token) = &self.agents[agent].token {
                    token.socket.check(call, ucid);
                }
            }
            Action::CloseExpectation => self.expectations[agent].close(&placed.call.id),
            Action::RefuseExpected => self.expectations[agent].refuse(&placed.call.id),
            Action::Describe { offer } => return self.describe(age, offer),
            Action::Apply { answer } => {
                let leg = leg?;
                let asked = self.ask(Purpose::Apply(age), |engine, request| {
                    engine.accept_answer(leg, request, answer)
                });
                return asked
                    .err()
                    .map(|Full| Input::Applied(Err(OVERLOADED.to_owned())));
            }
            Action::Ring => {
                // A dialog that is over says so by itself, here and below.
                let _ = self.endpoint.ring(now.instant, dialog?, 180, None);
            }
            Action::Accept { description } => {
                if let Some(invited) = placed.invited.take() {
                    self.metrics.invite_answered(now.instant - invited);
                }
                let _ = self
                    .endpoint
                    .accept(now.instant, dialog?, Body::sdp(description));
            }
            Action::Refuse { status, phrase } => {
                let _ = self.endpoint.reject(now.instant, dialog?, status, phrase);
            }
            Action::Invite { offer } => return self.invite(now, age, offer),
            Action::HangUp => self.endpoint.hang_up(now.instant, dialog?, None),
            Action::AskAgent => {
                let answers = placed.when_asked == WhenAsked::Answer;
                if answers && self.may_answer_for(now, agent, Some(age)) {
                    let how = Answered::ByPolicy;
                    return Some(Input::Answer { how });
                }
            }
            Action::Dismiss { ended } => self.dismiss(now, age, &ended),
            Action::Bridge => self.bridge(now, age),
            Action::Part => self.part(age),
            Action::Play(announcement) => return self.play(now, age, announcement),
            Action::Hold { on } => return self.hold(now, age, on),
            Action::Mute(_) => self.join(agent),
            Action::CloseMedia => {
                // What nobody came to break was dead air to the end.
                self.audible(now, age);
                self.close_media(age);
            }
            Action::ReleaseAgent => {
                // The platform knows nothing of a trunk's calls.
                if let Route::Line(_) = placed.route {
                    self.release(agent);
                }
            }
        }
        None
    }

    /// Opens the expectation before the command leaves: the INVITE may be faster than the reply.
    fn dial(&mut self, age: Age, agent: usize, expected: Expectation, by: DialBy) -> Option<Input> {
        let token = self.agents[agent].token.as_ref();
        let country = self
            .config
            .ozonetel
            .as_ref()
            .map_or("", |o| o.country.as_str());
        let sent = match (token, Number::parse(&expected.number)) {
            (Some(token), Ok(number)) => {
                token.socket.set_in_call(true);
                let national = if country.is_empty() {
                    number.as_str()
                } else {
                    number.national(country)
                };
                token
                    .socket
                    .dial(expected.call.clone(), national, by)
                    .map_err(|refused| refused.to_string())
            }
            (None, _) => Err("The agent has no token socket.".to_owned()),
            (Some(_), Err(bad)) => Err(bad.to_string()),
        };
        match sent {
            Ok(()) => {
                self.expectations[agent].open(expected);
                self.prepare(age);
                None
            }
            Err(words) => Some(Input::Dial(DialReply::NotSent(words))),
        }
    }

    /// The leg that the INVITE will need, while nobody waits for it yet.
    fn prepare(&mut self, age: Age) {
        let Some((leg, route)) = self.customer_leg(age) else {
            return;
        };
        // One that wasn't made in advance is made when it is described.
        let _ = self.engine.prepare(leg, self.kind_of(route));
    }

    /// The call's own leg, or a new number for one.
    fn customer_leg(&mut self, age: Age) -> Option<(LegId, Route)> {
        let placed = self.calls.get(&age)?;
        let (agent, route) = (placed.agent, placed.route);
        if let Some(leg) = placed.leg {
            return Some((leg, route));
        }
        let worker = *self.agents[agent]
            .worker
            .get_or_insert_with(|| self.engine.assign());
        let leg = self.engine.new_leg(worker);
        self.legs.insert(leg, Owner::Customer(age));
        if let Some(placed) = self.calls.get_mut(&age) {
            placed.leg = Some(leg);
        }
        // A full ring refuses the next command, too.
        let _ = self.engine.prefer(leg, self.customer_codecs(route));
        Some((leg, route))
    }

    fn describe(&mut self, age: Age, offer: Option<String>) -> Option<Input> {
        let (leg, route) = self.customer_leg(age)?;
        let kind = self.kind_of(route);
        let asked = self.ask(Purpose::Describe(age), |engine, request| match offer {
            Some(offer) => engine.answer(leg, request, offer),
            None => engine.offer(leg, request, kind),
        });
        asked
            .err()
            .map(|Full| Input::Described(Err(OVERLOADED.to_owned())))
    }

    /// Asks the media engine for a description; what it is for is remembered only if it was asked.
    pub(super) fn ask(
        &mut self,
        purpose: Purpose,
        ask: impl FnOnce(&Engine, RequestId) -> Result<(), Full>,
    ) -> Result<(), Full> {
        let request = self.next_request();
        ask(&self.engine, request)?;
        self.requests.insert(request, purpose);
        Ok(())
    }

    /// Joins the agent's present leg to the call that is talked on, muted or not as the call says.
    /// Called whenever either side of that changes; doing it twice changes nothing.
    pub(super) fn join(&mut self, agent: usize) {
        let Some(leg) = self.agents[agent].media.leg() else {
            // The leg that comes is joined when it is there.
            return;
        };
        let talking = self
            .live_calls(agent)
            .filter(|(_, placed)| placed.bridged.is_some())
            .max_by_key(|(_, placed)| placed.bridged);
        let (age, customer, muted) = match talking {
            Some((age, placed)) => (Some(age), placed.leg, placed.call.muted),
            None => (None, None, self.is_mute_guest(agent)),
        };
        // The recording follows the legs.
        self.touched.extend(age);
        let bridged = customer.map_or(Ok(()), |customer| self.engine.bridge(customer, leg));
        if let (Some(customer), Ok(())) = (customer, bridged) {
            self.unreleased.handle_bridged(customer);
            self.unreleased.handle_bridged(leg);
        }
        let mute = if muted { Mute::On } else { Mute::Off };
        let result = bridged.and(self.engine.mute(leg, mute));
        if let (Err(Full), Some(age)) = (result, age) {
            self.pending
                .push_back((age, Input::MediaLost(format!("{OVERLOADED}."))));
        }
    }

    /// The platform may give the agent the next call, if one can be taken.
    fn release(&mut self, agent: usize) {
        let ready = readiness::obstacle(&self.agents[agent]).is_none();
        if let Some(token) = &self.agents[agent].token {
            token.socket.set_in_call(false);
            match ready {
                true => token.socket.release(),
                // Wrap-up is over all the same: the platform is told how the agent stands.
                false => self.mirror(agent),
            }
        }
    }

    fn invite(&mut self, now: Moment, age: Age, offer: String) -> Option<Input> {
        let placed = self.calls.get(&age)?;
        let number = placed.call.peer.number.clone();
        let requests = match placed.route {
            Route::Line(line) => {
                let domain = self
                    .config
                    .ozonetel
                    .as_ref()
                    .map_or("", |o| o.domain.as_str());
                let extension = self.agents[placed.agent]
                    .config
                    .extension
                    .as_deref()
                    .unwrap_or_default();
                vec![InviteRequest {
                    path: Path::Line(line),
                    request_uri: format!("sip:{number}@{domain}"),
                    from: party(extension, domain),
                    to: party(&number, domain),
                    headers: Vec::new(),
                    body: Body::sdp(offer),
                    credentials: None,
                }]
            }
            Route::Trunk(trunk) => {
                let trunk = &self.trunks[trunk];
                let caller = trunk.config.caller_id.as_deref().unwrap_or(ANONYMOUS);
                let credentials = match (&trunk.config.username, &trunk.config.password) {
                    (Some(user), Some(password)) => Some(Credentials {
                        user: user.clone(),
                        password: password.expose().to_owned(),
                        realm: None,
                    }),
                    (Some(_) | None, _) => None,
                };
                let request = |Way { path, host }| InviteRequest {
                    path,
                    request_uri: format!("sip:{number}@{host}"),
                    from: party(caller, &host),
                    to: party(&number, &host),
                    headers: Vec::new(),
                    body: Body::sdp(offer.clone()),
                    credentials: credentials.clone(),
                };
                trunk.ways().into_iter().map(request).collect()
            }
            // Nobody is called there by SIP.
            Route::Desk => return None,
        };
        match self.endpoint.invite_first_of(now.instant, requests) {
            Ok(dialog) => {
                self.dialogs.insert(dialog, age);
                if let Some(placed) = self.calls.get_mut(&age) {
                    placed.dialog = Some(dialog);
                }
                None
            }
            Err(misuse) => Some(Input::DialogEnded(DialogEnd::Rejected {
                status: 500,
                reason: misuse.to_string(),
            })),
        }
    }

    fn close_media(&mut self, age: Age) {
        let Some(placed) = self.calls.get_mut(&age) else {
            return;
        };
        placed.bridged = None;
        placed.doctor.excuse();
        placed.played_from = None;
        placed.without_agent = None;
        placed.without_customer = None;
        let (agent, route, leg) = (placed.agent, placed.route, placed.leg.take());
        match (leg, route) {
            (Some(leg), Route::Desk) => self.release_guest_leg(leg),
            (Some(leg), Route::Line(_) | Route::Trunk(_)) => self.close_leg(leg),
            (None, _) => {}
        }
        // The agent's leg outlives the call; the next one starts unmuted.
        self.join(agent);
    }

    /// What kind of peer a call's route leads to.
    pub(super) fn kind_of(&self, route: Route) -> PeerKind {
        match route {
            Route::Line(_) | Route::Desk => PeerKind::WebRtc,
            Route::Trunk(trunk) => match self.trunks[trunk].config.srtp {
                Srtp::Off | Srtp::Answer => PeerKind::Plain,
                Srtp::Offer | Srtp::Require => PeerKind::Sdes,
            },
        }
    }

    /// Closes a leg; one that finds the engine's ring full is closed later.
    pub(super) fn close_leg(&mut self, leg: LegId) {
        self.unreleased.forget(leg);
        if self.engine.close(leg).is_err() {
            self.unclosed.push(leg);
        }
    }
}

fn party(user: &str, host: &str) -> Party {
    Party {
        display: None,
        uri: format!("sip:{user}@{host}"),
    }
}

/// Who calls when nobody is configured.
const ANONYMOUS: &str = "anonymous";

/// The media engine's ring was full.
pub(super) const OVERLOADED: &str = "the gateway has too much to do";
