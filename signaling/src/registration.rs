//! A registration's life, pure decisions: when to send REGISTER, when a line is up, when to stop (RFC 3261 §10.2, RFC 5626).

use std::time::{Duration, Instant};

use crate::endpoint::LineDown;
use crate::endpoint::Random;
use crate::message::{Message, Name};

/// One binding at one registrar. The owner sends what [`Step::Register`] asks and reports what came of it.
#[derive(Debug)]
pub(crate) struct Registration {
    state: State,
    /// What we ask for; raised by a 423.
    expires: Duration,
    /// Refusals of our credentials in a row.
    strikes: u32,
    /// Other failures in a row, for the backoff.
    failures: u32,
    /// The last refusal, to be told again while nothing is tried.
    refused: Option<LineDown>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No connection; the next one registers.
    Offline,
    /// Taken back by command. Only a command registers again.
    Released,
    /// The first REGISTER of a connection is out.
    Registering,
    Registered {
        refresh_at: Instant,
    },
    /// Up, and the next REGISTER is out.
    Refreshing,
    /// Down, connected, and patient.
    Waiting {
        retry_at: Instant,
    },
    Unregistering,
    /// Our credentials were refused twice. Only a command registers again.
    Stopped,
}

/// What is to be done or told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send REGISTER with this expiry; zero unregisters.
    Register { expires: Duration },
    /// The line became usable.
    Up { expires: Duration },
    /// The line isn't usable any more, or still isn't.
    Down(LineDown),
}

/// What a final response other than 2xx says, after challenges were dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejection {
    pub status: u16,
    pub reason: String,
    pub retry_after: Option<Duration>,
    pub min_expires: Option<Duration>,
}

impl Rejection {
    pub fn of(status: u16, reason: String, response: &Message) -> Rejection {
        let seconds = |name| {
            let seconds = response.number(name)?;
            Some(Duration::from_secs(seconds.into()))
        };
        Rejection {
            status,
            reason,
            retry_after: seconds(Name::RetryAfter),
            min_expires: seconds(Name::MinExpires),
        }
    }
}

impl Registration {
    pub fn new(expires: Duration) -> Registration {
        Registration {
            state: State::Offline,
            expires,
            strikes: 0,
            failures: 0,
            refused: None,
        }
    }

    pub fn handle_connected(&mut self, out: &mut Vec<Step>) {
        match self.state {
            State::Released => return,
            State::Stopped => return out.extend(self.refused.clone().map(Step::Down)),
            // The binding was the other connection's.
            State::Unregistering => return self.released(out),
            State::Offline
            | State::Registering
            | State::Registered { .. }
            | State::Refreshing
            | State::Waiting { .. } => {}
        }
        self.state = State::Registering;
        out.push(Step::Register {
            expires: self.expires,
        });
    }

    pub fn handle_flow_lost(&mut self, out: &mut Vec<Step>) {
        match self.state {
            State::Registering | State::Refreshing | State::Registered { .. } => {
                out.push(Step::Down(LineDown::FlowLost))
            }
            State::Unregistering => return self.released(out),
            State::Stopped | State::Released => return,
            // Down and told so.
            State::Waiting { .. } | State::Offline => {}
        }
        self.state = State::Offline;
    }

    /// The connection that we registered on is gone, and the next REGISTER opens another.
    pub fn handle_flow_broken(&mut self, now: Instant, random: &mut Random, out: &mut Vec<Step>) {
        match self.state {
            State::Registered { .. } => {
                out.push(Step::Down(LineDown::FlowLost));
                self.state = State::Waiting {
                    retry_at: now + self.backoff(random),
                };
            }
            // A REGISTER that was out on it ended as unanswered, which was told.
            State::Registering
            | State::Refreshing
            | State::Unregistering
            | State::Waiting { .. }
            | State::Offline
            | State::Released
            | State::Stopped => {}
        }
    }

    /// By command: what was taken back or given up is wanted again, from the next [`Self::handle_connected`] on. Refused
    /// credentials get one more try. `false`: it is registered, or about to be.
    pub fn resume(&mut self) -> bool {
        match self.state {
            State::Registering | State::Refreshing | State::Registered { .. } => false,
            State::Offline
            | State::Released
            | State::Stopped
            | State::Waiting { .. }
            | State::Unregistering => {
                self.strikes = self.strikes.min(STRIKES - 1);
                self.failures = 0;
                self.state = State::Offline;
                true
            }
        }
    }

    /// It was taken back by command.
    pub fn is_released(&self) -> bool {
        self.state == State::Released
    }

    pub fn unregister(&mut self, out: &mut Vec<Step>) {
        match self.state {
            State::Registering | State::Refreshing | State::Registered { .. } => {
                self.state = State::Unregistering;
                out.push(Step::Register {
                    expires: Duration::ZERO,
                });
            }
            State::Waiting { .. } | State::Offline | State::Stopped => self.released(out),
            State::Unregistering | State::Released => {}
        }
    }

    fn released(&mut self, out: &mut Vec<Step>) {
        self.state = State::Released;
        out.push(Step::Down(LineDown::Unregistered));
    }

    /// A 2xx; `granted` is what the registrar says of our binding.
    pub fn handle_success(
        &mut self,
        now: Instant,
        granted: Duration,
        random: &mut Random,
        out: &mut Vec<Step>,
    ) {
        match self.state {
            State::Registering | State::Refreshing => {
                if self.state == State::Registering {
                    out.push(Step::Up { expires: granted });
                }
                (self.strikes, self.failures) = (0, 0);
                self.state = State::Registered {
                    refresh_at: now + refresh_after(granted, random),
                };
            }
            State::Unregistering => self.released(out),
            // The answer to a REGISTER that was overtaken.
            State::Registered { .. }
            | State::Waiting { .. }
            | State::Offline
            | State::Released
            | State::Stopped => {}
        }
    }

    pub fn handle_rejection(
        &mut self,
        now: Instant,
        rejection: Rejection,
        random: &mut Random,
        out: &mut Vec<Step>,
    ) {
        match self.state {
            State::Registering | State::Refreshing => {}
            // Gone is gone: a registrar that refuses forgets us when the binding expires.
            State::Unregistering => return self.released(out),
            State::Registered { .. }
            | State::Waiting { .. }
            | State::Offline
            | State::Released
            | State::Stopped => return,
        }
        let Rejection {
            status,
            reason,
            retry_after,
            min_expires,
        } = rejection;
        let wait = match status {
            // RFC 3261 §10.2.8: at once, with the registrar's minimum.
            423 if min_expires
                .is_some_and(|least| least > self.expires && least <= LONGEST_EXPIRES) =>
            {
                self.expires = min_expires.unwrap_or(self.expires);
                return out.push(Step::Register {
                    expires: self.expires,
                });
            }
            401 | 403 | 407 => {
                self.strikes += 1;
                PENALTY
            }
            404 => PENALTY,
            _ => retry_after.unwrap_or_else(|| self.backoff(random)),
        };
        let cause = match status {
            401 | 407 => LineDown::WrongPassword,
            _ => LineDown::Rejected { status, reason },
        };
        self.refused = Some(cause.clone());
        out.push(Step::Down(cause));
        self.state = if self.strikes >= STRIKES {
            State::Stopped
        } else {
            State::Waiting {
                retry_at: now + wait.min(LONGEST_WAIT),
            }
        };
    }

    /// No final response came.
    pub fn handle_silence(&mut self, now: Instant, random: &mut Random, out: &mut Vec<Step>) {
        match self.state {
            State::Registering | State::Refreshing => {
                out.push(Step::Down(LineDown::TimedOut));
                self.state = State::Waiting {
                    retry_at: now + self.backoff(random),
                };
            }
            State::Unregistering => self.released(out),
            State::Registered { .. }
            | State::Waiting { .. }
            | State::Offline
            | State::Released
            | State::Stopped => {}
        }
    }

    pub fn handle_timeout(&mut self, now: Instant, out: &mut Vec<Step>) {
        let next = match self.state {
            State::Registered { refresh_at } if now >= refresh_at => State::Refreshing,
            State::Waiting { retry_at } if now >= retry_at => State::Registering,
            State::Registered { .. }
            | State::Waiting { .. }
            | State::Offline
            | State::Registering
            | State::Refreshing
            | State::Unregistering
            | State::Released
            | State::Stopped => return,
        };
        self.state = next;
        out.push(Step::Register {
            expires: self.expires,
        });
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Registered { refresh_at: at } | State::Waiting { retry_at: at } => Some(at),
            State::Offline
            | State::Registering
            | State::Refreshing
            | State::Unregistering
            | State::Released
            | State::Stopped => None,
        }
    }

    pub fn is_up(&self) -> bool {
        matches!(self.state, State::Registered { .. } | State::Refreshing)
    }

    /// Grows with each failure, and is random so that a thousand lines don't come back in one second.
    fn backoff(&mut self, random: &mut Random) -> Duration {
        self.failures += 1;
        let most = Duration::from_secs(1 << self.failures.min(6));
        random
            .between(Duration::from_secs(1), most)
            .clamp(SHORTEST_BACKOFF, LONGEST_BACKOFF)
    }
}

/// As JsSIP does: somewhere in the second half of the granted time, 32 s before its end at the latest.
fn refresh_after(granted: Duration, random: &mut Random) -> Duration {
    let after = if granted > Duration::from_secs(64) {
        random.between(granted / 2, granted - Duration::from_secs(32))
    } else {
        granted.saturating_sub(Duration::from_secs(5))
    };
    after.max(SHORTEST_REFRESH)
}

/// Refusals of credentials before we stop: registrars lock accounts and ban addresses.
const STRIKES: u32 = 2;
/// After a refusal that time alone doesn't cure.
const PENALTY: Duration = Duration::from_secs(60);
const SHORTEST_BACKOFF: Duration = Duration::from_secs(2);
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);
/// A registrar's Retry-After is honoured up to here.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// A registrar's Min-Expires is honoured up to here.
const LONGEST_EXPIRES: Duration = Duration::from_secs(86_400);
/// Whatever is granted, a registrar isn't asked more often.
const SHORTEST_REFRESH: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refreshes_in_the_second_half_of_the_granted_time() {
        for granted in [120, 600, 3_600].map(Duration::from_secs) {
            let mut f = Fixture::registered(granted);
            let at = f.registration.poll_timeout().expect("armed") - f.now;
            assert!(
                at >= granted / 2 && at <= granted - Duration::from_secs(32),
                "{at:?} of {granted:?}"
            );
            assert_eq!(f.timeout(), [Step::Register { expires: ASKED }]);
            assert_eq!(f.success(granted), [], "a refresh is no news");
        }
        let f = Fixture::registered(Duration::from_secs(60));
        assert_eq!(
            f.registration.poll_timeout(),
            Some(f.now + Duration::from_secs(55))
        );
        let f = Fixture::registered(Duration::from_secs(3));
        assert_eq!(
            f.registration.poll_timeout(),
            Some(f.now + SHORTEST_REFRESH)
        );
    }

    #[test]
    fn two_refused_passwords_stop_for_good() {
        let mut f = Fixture::connected();
        assert_eq!(f.reject(401), [Step::Down(LineDown::WrongPassword)]);
        assert_eq!(f.timeout(), [Step::Register { expires: ASKED }]);
        assert_eq!(f.reject(401), [Step::Down(LineDown::WrongPassword)]);
        assert_eq!(f.registration.poll_timeout(), None);
        let mut out = Vec::new();
        f.registration.handle_connected(&mut out);
        assert_eq!(out, [Step::Down(LineDown::WrongPassword)], "told again");
        assert_eq!(f.registration.poll_timeout(), None);
    }

    #[test]
    fn two_refusals_of_any_kind_that_names_us_stop_for_good() {
        let mut f = Fixture::connected();
        for waits in [Some(f.now + PENALTY), None] {
            assert!(matches!(
                f.reject(403)[..],
                [Step::Down(LineDown::Rejected { status: 403, .. })]
            ));
            assert_eq!(f.registration.poll_timeout(), waits);
            if waits.is_some() {
                assert_eq!(f.timeout(), [Step::Register { expires: ASKED }]);
            }
        }
        let mut out = Vec::new();
        f.registration.handle_connected(&mut out);
        assert!(
            matches!(
                out[..],
                [Step::Down(LineDown::Rejected { status: 403, .. })]
            ),
            "told as it was: {out:?}"
        );
    }

    #[test]
    fn too_brief_an_interval_is_raised_once() {
        let mut f = Fixture::connected();
        let brief = Rejection {
            min_expires: Some(Duration::from_secs(900)),
            ..rejection(423)
        };
        assert_eq!(
            f.reject_with(brief.clone()),
            [Step::Register {
                expires: Duration::from_secs(900)
            }]
        );
        assert!(matches!(
            f.reject_with(brief)[..],
            [Step::Down(LineDown::Rejected { status: 423, .. })]
        ));
    }

    #[test]
    fn retry_after_is_honoured() {
        let mut f = Fixture::connected();
        f.reject_with(Rejection {
            retry_after: Some(Duration::from_secs(77)),
            ..rejection(503)
        });
        assert_eq!(
            f.registration.poll_timeout(),
            Some(f.now + Duration::from_secs(77))
        );
    }

    #[test]
    fn lost_flow_is_told_once_and_the_next_connection_registers() {
        let mut f = Fixture::registered(ASKED);
        let mut out = Vec::new();
        f.registration.handle_flow_lost(&mut out);
        f.registration.handle_flow_lost(&mut out);
        assert_eq!(out, [Step::Down(LineDown::FlowLost)]);
        assert_eq!(f.registration.poll_timeout(), None);
        out.clear();
        f.registration.handle_connected(&mut out);
        assert_eq!(out, [Step::Register { expires: ASKED }]);
    }

    #[test]
    fn unregistering_asks_for_zero() {
        let mut f = Fixture::registered(ASKED);
        let mut out = Vec::new();
        f.registration.unregister(&mut out);
        assert_eq!(
            out,
            [Step::Register {
                expires: Duration::ZERO
            }]
        );
        assert_eq!(
            f.success(Duration::ZERO),
            [Step::Down(LineDown::Unregistered)]
        );
    }

    #[test]
    fn what_was_taken_back_stays_so_until_a_command() {
        let mut f = Fixture::registered(ASKED);
        let mut out = Vec::new();
        f.registration.unregister(&mut out);
        f.success(Duration::ZERO);
        out.clear();
        f.registration.handle_flow_lost(&mut out);
        f.registration.handle_connected(&mut out);
        f.registration.unregister(&mut out);
        assert_eq!(out, [], "a new connection is no command");
        assert!(f.registration.resume());
        f.registration.handle_connected(&mut out);
        assert_eq!(out, [Step::Register { expires: ASKED }]);
        assert_eq!(f.success(ASKED), [Step::Up { expires: ASKED }]);
        assert!(!f.registration.resume(), "it is registered");
    }

    #[test]
    fn a_command_tries_a_refused_password_once_more() {
        let mut f = Fixture::connected();
        f.reject(401);
        f.timeout();
        f.reject(401);
        let mut out = Vec::new();
        assert!(f.registration.resume());
        f.registration.handle_connected(&mut out);
        assert_eq!(out, [Step::Register { expires: ASKED }]);
        assert_eq!(f.reject(401), [Step::Down(LineDown::WrongPassword)]);
        assert_eq!(f.registration.poll_timeout(), None, "and no more");
    }

    #[test]
    fn a_line_without_a_connection_is_taken_back_as_well() {
        let mut f = Fixture::registered(ASKED);
        f.registration.handle_flow_lost(&mut Vec::new());
        let mut out = Vec::new();
        f.registration.unregister(&mut out);
        assert_eq!(out, [Step::Down(LineDown::Unregistered)]);
        f.registration.handle_connected(&mut out);
        assert_eq!(out.len(), 1, "it stays so: {out:?}");
    }

    struct Fixture {
        registration: Registration,
        random: Random,
        now: Instant,
    }

    impl Fixture {
        fn connected() -> Fixture {
            let mut registration = Registration::new(ASKED);
            registration.handle_connected(&mut Vec::new());
            Fixture {
                registration,
                random: Random::new([1; 32]),
                now: Instant::now(),
            }
        }

        fn registered(granted: Duration) -> Fixture {
            let mut f = Self::connected();
            assert_eq!(f.success(granted), [Step::Up { expires: granted }]);
            f
        }

        fn success(&mut self, granted: Duration) -> Vec<Step> {
            let mut out = Vec::new();
            self.registration
                .handle_success(self.now, granted, &mut self.random, &mut out);
            out
        }

        fn reject(&mut self, status: u16) -> Vec<Step> {
            self.reject_with(rejection(status))
        }

        fn reject_with(&mut self, rejection: Rejection) -> Vec<Step> {
            let mut out = Vec::new();
            self.registration
                .handle_rejection(self.now, rejection, &mut self.random, &mut out);
            out
        }

        fn timeout(&mut self) -> Vec<Step> {
            self.now = self.registration.poll_timeout().expect("armed");
            let mut out = Vec::new();
            self.registration.handle_timeout(self.now, &mut out);
            out
        }
    }

    fn rejection(status: u16) -> Rejection {
        Rejection {
            status,
            reason: String::new(),
            retry_after: None,
            min_expires: None,
        }
    }

    const ASKED: Duration = Duration::from_secs(600);
}
