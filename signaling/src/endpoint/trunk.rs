//! Registering with a trunk's peer: as a gateway, by our advertised address, over UDP, TCP or TLS (RFC 3261 §10.2).

use std::fmt;
use std::time::{Duration, Instant};

use super::line::phrase;
use super::outbound::Departure;
use super::path::Direction;
use super::transactions::{Purpose, TransactionId};
use super::{Endpoint, Event, LineDown, Owner, Path, Random, Why};
use crate::digest::Credentials;
use crate::message::{Builder, Message, Name, NameAddr, lossy};
use crate::registration::{Registration, Rejection, Step};

/// A trunk that wants to be registered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrunkId(pub u32);

/// An account at a trunk's registrar.
#[derive(Clone, PartialEq, Eq)]
pub struct TrunkConfig {
    /// The way to the registrar.
    pub path: Path,
    /// Its domain, as in `sip:domain`.
    pub domain: String,
    /// The account, which is also its name in the digest.
    pub user: String,
    /// Its secret.
    pub password: String,
    /// What to ask for.
    pub expires: Duration,
}

/// The password stays out of every log.
impl fmt::Debug for TrunkConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrunkConfig")
            .field("path", &self.path)
            .field("domain", &self.domain)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// A trunk and its registration.
pub(super) struct Trunk {
    config: TrunkConfig,
    registration: Registration,
    call_id: String,
    cseq: u32,
    /// The REGISTER whose answer counts.
    in_flight: Option<TransactionId>,
}

impl Trunk {
    pub fn next_cseq(&mut self) -> u32 {
        self.cseq += 1;
        self.cseq
    }

    pub fn is_up(&self) -> bool {
        self.registration.is_up()
    }

    fn credentials(&self) -> Credentials {
        Credentials {
            user: self.config.user.clone(),
            password: self.config.password.clone(),
            realm: None,
        }
    }

    /// What a 2xx grants to `contact` (RFC 3261 §10.2.4), which other gateways of this account may stand beside.
    fn granted(&self, response: &Message, contact: &str) -> Duration {
        let ours = response
            .elements(Name::Contact)
            .filter_map(NameAddr::parse)
            .find(|binding| lossy(binding.uri) == contact.trim_matches(['<', '>']));
        let seconds = ours
            .and_then(|binding| lossy(binding.parameters.value(b"expires")?).parse().ok())
            .or_else(|| response.number(Name::Expires));
        seconds.map_or(self.config.expires, |seconds: u32| {
            Duration::from_secs(seconds.into())
        })
    }
}

impl Endpoint {
    /// Registers, now and again before it expires; [`Event::TrunkUp`] and [`Event::TrunkDown`] tell. The same account's
    /// registration stays as it is; another's of that number is forgotten: its binding runs out.
    pub fn register_trunk(&mut self, now: Instant, trunk: TrunkId, config: TrunkConfig) {
        let known = self.trunks.get(&trunk);
        if known.is_some_and(|known| known.config == config) {
            return;
        }
        let call_id = self.random.token(self.trunk_profile.call_id_length);
        let state = Trunk {
            registration: Registration::new(config.expires),
            config,
            call_id,
            cseq: 0,
            in_flight: None,
        };
        self.trunks.insert(trunk, state);
        self.step_trunk(now, trunk, |registration, _, out| {
            registration.handle_connected(out)
        });
    }

    /// Registers again what was taken back, or given up for its password; what is registered stays as it is.
    pub fn register_trunk_again(&mut self, now: Instant, trunk: TrunkId) {
        let known = self.trunks.get_mut(&trunk);
        if known.is_some_and(|known| known.registration.resume()) {
            self.step_trunk(now, trunk, |registration, _, out| {
                registration.handle_connected(out)
            });
        }
    }

    /// Takes the binding back; [`Event::TrunkDown`] tells when.
    pub fn unregister_trunk(&mut self, now: Instant, trunk: TrunkId) {
        self.step_trunk(now, trunk, |registration, _, out| {
            registration.unregister(out)
        });
    }

    pub(super) fn trunk_timeout(&mut self, now: Instant, trunk: TrunkId) {
        self.step_trunk(now, trunk, |registration, _, out| {
            registration.handle_timeout(now, out)
        });
    }

    pub(super) fn trunk_answered(
        &mut self,
        now: Instant,
        id: TransactionId,
        trunk: TrunkId,
        status: u16,
        response: &Message,
    ) {
        if !self.is_trunks(trunk, id) {
            return;
        }
        let again = self.answer_challenge(now, id, status, response);
        if let Some(state) = self.trunks.get_mut(&trunk) {
            state.in_flight = again;
        }
        if again.is_some() {
            return;
        }
        if (200..300).contains(&status) {
            let granted = self.trunks.get(&trunk).map(|state| {
                let contact = self.contact(state.config.path, Direction::Calling);
                state.granted(response, &contact)
            });
            let granted = granted.unwrap_or_default();
            return self.step_trunk(now, trunk, |registration, random, out| {
                registration.handle_success(now, granted, random, out)
            });
        }
        let rejection = Rejection::of(status, phrase(status, response), response);
        self.step_trunk(now, trunk, |registration, random, out| {
            registration.handle_rejection(now, rejection, random, out);
        });
    }

    /// No answer, or no connection to ask on.
    pub(super) fn trunk_unanswered(&mut self, now: Instant, id: TransactionId, trunk: TrunkId) {
        if self.is_trunks(trunk, id) {
            self.step_trunk(now, trunk, |registration, random, out| {
                registration.handle_silence(now, random, out)
            });
        }
    }

    /// A registrar that calls by the connection that registered can't call any more: it gets a new one in a moment.
    pub(super) fn registrations_lost(&mut self, now: Instant, path: Path) {
        let lost: Vec<TrunkId> = self
            .trunks
            .iter()
            .filter(|(_, trunk)| trunk.config.path == path)
            .map(|(id, _)| *id)
            .collect();
        for trunk in lost {
            self.step_trunk(now, trunk, |registration, random, out| {
                registration.handle_flow_broken(now, random, out)
            });
        }
    }

    fn is_trunks(&self, trunk: TrunkId, id: TransactionId) -> bool {
        self.trunks
            .get(&trunk)
            .is_some_and(|trunk| trunk.in_flight == Some(id))
    }

    /// Moves a registration on and does what it asks.
    fn step_trunk(
        &mut self,
        now: Instant,
        trunk: TrunkId,
        move_on: impl FnOnce(&mut Registration, &mut Random, &mut Vec<Step>),
    ) {
        let Some(state) = self.trunks.get_mut(&trunk) else {
            return;
        };
        let mut steps = Vec::new();
        move_on(&mut state.registration, &mut self.random, &mut steps);
        for step in steps {
            match step {
                Step::Register { expires } => self.register_at(now, trunk, expires),
                Step::Up { expires } => self.tell(Event::TrunkUp { trunk, expires }),
                Step::Down(cause) => self.tell(Event::TrunkDown { trunk, cause }),
            }
        }
        let state = self.trunks.get(&trunk);
        let at = state.and_then(|trunk| trunk.registration.poll_timeout());
        self.deadlines
            .set(Owner::Trunk(trunk), at.map(|at| (at, Why::Registration)));
    }

    fn register_at(&mut self, now: Instant, trunk: TrunkId, expires: Duration) {
        let Some(state) = self.trunks.get_mut(&trunk) else {
            return;
        };
        let (path, cseq) = (state.config.path, state.next_cseq());
        let (call_id, credentials) = (state.call_id.clone(), state.credentials());
        let TrunkConfig { domain, user, .. } = state.config.clone();
        let contact = self.contact(path, Direction::Calling);
        let tag = self.new_tag(path);
        let Some(stamp) = self.stamp(path) else {
            return;
        };
        let party = format!("<sip:{user}@{domain}>");
        let mut request = Builder::request("REGISTER", format!("sip:{domain}").as_bytes());
        request
            .header("Via", &stamp.via)
            .header("Max-Forwards", stamp.max_forwards.to_string())
            .header("To", &party)
            .header("From", format!("{party};tag={tag}"))
            .header("Call-ID", call_id)
            .header("CSeq", format!("{cseq} REGISTER"))
            .header("Contact", contact)
            .header("Expires", expires.as_secs().to_string())
            .header("User-Agent", &stamp.user_agent);
        let departure = Departure {
            path,
            flow: stamp.flow,
            purpose: Purpose::RegisterTrunk(trunk),
            credentials: Some(credentials),
            answered: 0,
        };
        match self.begin_client(now, request.finish(), departure) {
            Ok(id) => {
                if let Some(state) = self.trunks.get_mut(&trunk) {
                    state.in_flight = Some(id);
                }
            }
            // The configuration makes no SIP URI; repeating it doesn't help.
            Err(cause) => {
                let cause = LineDown::Rejected {
                    status: cause.status(),
                    reason: cause.to_string(),
                };
                self.tell(Event::TrunkDown { trunk, cause });
            }
        }
    }
}
