//! INVITE client transaction: RFC 3261 §17.1.1 as amended by RFC 6026 §7.2.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::timer::{Backoff, PATIENCE, Timer};
use super::{Class, ClientOutput, Reliability};

/// One INVITE in flight, from the first send to the last absorbed retransmission.
#[derive(Debug)]
pub(crate) struct InviteClient {
    reliability: Reliability,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nothing heard yet.
    Calling {
        request: Bytes,
        /// `None` on reliable transports.
        timer_a: Option<Backoff>,
        timer_b: Instant,
    },
    /// A provisional response arrived; the caller's patience is the only bound.
    Proceeding,
    /// A 2xx arrived; its retransmissions are still ours to route until timer M.
    Accepted {
        timer_m: Instant,
    },
    /// A rejection arrived; its retransmissions are re-ACKed until timer D.
    Completed {
        ack: Bytes,
        timer_d: Instant,
    },
    Terminated,
}

impl InviteClient {
    /// Sends `request` at once and arms the timers.
    pub fn new(
        request: Bytes,
        reliability: Reliability,
        now: Instant,
        out: &mut Vec<ClientOutput>,
    ) -> Self {
        out.push(ClientOutput::Transmit(request.clone()));
        let timer_a = match reliability {
            Reliability::Reliable => None,
            // Timer A doubles without a limit; timer B ends it.
            Reliability::Unreliable => Some(Backoff::starting(now, PATIENCE)),
        };
        Self {
            reliability,
            state: State::Calling {
                request,
                timer_a,
                timer_b: now + PATIENCE,
            },
        }
    }

    /// Takes a response that matched this transaction (RFC 3261 §17.1.3).
    ///
    /// `ack` is the ACK to send should this be the rejection that ends the transaction.
    pub fn handle_response(
        &mut self,
        class: Class,
        ack: impl FnOnce() -> Bytes,
        now: Instant,
        out: &mut Vec<ClientOutput>,
    ) {
        use Class::*;
        use State::*;

        self.state = match (std::mem::replace(&mut self.state, Terminated), class) {
            (Calling { .. } | Proceeding, Provisional) => {
                out.push(ClientOutput::Response(class));
                Proceeding
            }
            (Calling { .. } | Proceeding, Success) => {
                out.push(ClientOutput::Response(class));
                Accepted {
                    timer_m: now + PATIENCE,
                }
            }
            (Calling { .. } | Proceeding, Rejection) => {
                let ack = ack();
                out.extend([
                    ClientOutput::Transmit(ack.clone()),
                    ClientOutput::Response(class),
                ]);
                Completed {
                    ack,
                    timer_d: now + self.timer_d(),
                }
            }
            // The dialog, not the transaction, re-ACKs a 2xx (RFC 3261 §13.2.2.4).
            (accepted @ Accepted { .. }, Success) => {
                out.push(ClientOutput::Response(class));
                accepted
            }
            (Completed { ack, timer_d }, Rejection) => {
                out.push(ClientOutput::Retransmit(ack.clone()));
                Completed { ack, timer_d }
            }
            // Late or out of order: an answer was already taken.
            (accepted @ Accepted { .. }, Provisional | Rejection) => accepted,
            (completed @ Completed { .. }, Provisional | Success) => completed,
            (Terminated, _) => Terminated,
        };
    }

    /// Advances every timer that is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Vec<ClientOutput>) {
        match &mut self.state {
            State::Calling { timer_b, .. } if now >= *timer_b => {
                out.push(ClientOutput::TimedOut);
                self.state = State::Terminated;
            }
            State::Calling {
                request,
                timer_a: Some(timer_a),
                ..
            } if now >= timer_a.at => {
                out.push(ClientOutput::Retransmit(request.clone()));
                timer_a.next(now);
            }
            State::Accepted { timer_m: due } | State::Completed { timer_d: due, .. }
                if now >= *due =>
            {
                self.state = State::Terminated;
            }
            // Not due yet, or nothing armed: an early call is always allowed.
            State::Calling { .. }
            | State::Proceeding
            | State::Accepted { .. }
            | State::Completed { .. }
            | State::Terminated => {}
        }
    }

    /// The next deadline; `None` while only the peer can act.
    pub fn poll_timeout(&self) -> Option<(Instant, Timer)> {
        match &self.state {
            State::Calling {
                timer_a: Some(timer_a),
                timer_b,
                ..
            } if timer_a.at < *timer_b => Some((timer_a.at, Timer::A)),
            State::Calling { timer_b, .. } => Some((*timer_b, Timer::B)),
            State::Accepted { timer_m } => Some((*timer_m, Timer::M)),
            State::Completed { timer_d, .. } => Some((*timer_d, Timer::D)),
            State::Proceeding | State::Terminated => None,
        }
    }

    /// Whether a CANCEL may be sent: it must follow a provisional response (RFC 3261 §9.1).
    pub fn is_proceeding(&self) -> bool {
        matches!(self.state, State::Proceeding)
    }

    /// Nothing more will come of it.
    pub fn is_terminated(&self) -> bool {
        matches!(self.state, State::Terminated)
    }

    /// Timer D absorbs retransmissions, which a reliable transport has none of.
    fn timer_d(&self) -> Duration {
        match self.reliability {
            Reliability::Reliable => Duration::ZERO,
            Reliability::Unreliable => PATIENCE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unanswered_invite_doubles_timer_a_until_timer_b() {
        let mut t = Fixture::new(Reliability::Unreliable);
        let log = t.run_to_rest();
        let resend = |ms| (ms, ClientOutput::Retransmit(request()));
        assert_eq!(
            log,
            [
                resend(500),
                resend(1_500),
                resend(3_500),
                resend(7_500),
                resend(15_500),
                resend(31_500),
                (32_000, ClientOutput::TimedOut),
            ]
        );
    }

    #[test]
    fn reliable_transport_never_resends() {
        let mut t = Fixture::new(Reliability::Reliable);
        assert_eq!(t.run_to_rest(), [(32_000, ClientOutput::TimedOut)]);
    }

    #[test]
    fn provisional_response_stops_resending_and_the_clock() {
        let mut t = Fixture::new(Reliability::Unreliable);
        assert_eq!(
            t.respond(Class::Provisional),
            [ClientOutput::Response(Class::Provisional)]
        );
        assert_eq!(t.tx.poll_timeout(), None);
        assert!(t.tx.is_proceeding());
    }

    #[test]
    fn every_2xx_is_handed_on_until_timer_m() {
        let mut t = Fixture::new(Reliability::Reliable);
        for _ in 0..2 {
            assert_eq!(
                t.respond(Class::Success),
                [ClientOutput::Response(Class::Success)]
            );
        }
        assert_eq!(t.respond(Class::Rejection), []);
        assert_eq!(t.tx.poll_timeout(), Some((t.start + PATIENCE, Timer::M)));
        assert_eq!(t.run_to_rest(), []);
        assert!(t.tx.is_terminated());
    }

    #[test]
    fn repeated_rejection_is_acked_again_but_reported_once() {
        let mut t = Fixture::new(Reliability::Unreliable);
        let first = t.respond(Class::Rejection);
        let again = t.respond(Class::Rejection);
        assert_eq!(
            first,
            [
                ClientOutput::Transmit(ack()),
                ClientOutput::Response(Class::Rejection)
            ]
        );
        assert_eq!(again, [ClientOutput::Retransmit(ack())]);
    }

    #[test]
    fn rejection_lingers_for_timer_d_only_where_it_can_be_repeated() {
        for (reliability, linger) in [
            (Reliability::Unreliable, PATIENCE),
            (Reliability::Reliable, Duration::ZERO),
        ] {
            let mut t = Fixture::new(reliability);
            t.respond(Class::Rejection);
            assert_eq!(
                t.tx.poll_timeout(),
                Some((t.start + linger, Timer::D)),
                "{reliability:?}"
            );
        }
    }

    /// RFC 3261 figure 5 with RFC 6026: every state, every input.
    #[test]
    fn every_input_in_every_state_does_what_the_figure_says() {
        use Class::*;
        use ClientOutput::*;
        let ack_out = || Transmit(ack());
        let table: Vec<(&str, Input, Vec<ClientOutput>, &str)> = vec![
            (
                "Calling",
                Input::Response(Provisional),
                vec![Response(Provisional)],
                "Proceeding",
            ),
            (
                "Calling",
                Input::Response(Success),
                vec![Response(Success)],
                "Accepted",
            ),
            (
                "Calling",
                Input::Response(Rejection),
                vec![ack_out(), Response(Rejection)],
                "Completed",
            ),
            ("Calling", Input::Time(499), vec![], "Calling"),
            (
                "Calling",
                Input::Time(500),
                vec![Retransmit(request())],
                "Calling",
            ),
            ("Calling", Input::Time(32_000), vec![TimedOut], "Terminated"),
            (
                "Proceeding",
                Input::Response(Provisional),
                vec![Response(Provisional)],
                "Proceeding",
            ),
            (
                "Proceeding",
                Input::Response(Success),
                vec![Response(Success)],
                "Accepted",
            ),
            (
                "Proceeding",
                Input::Response(Rejection),
                vec![ack_out(), Response(Rejection)],
                "Completed",
            ),
            ("Proceeding", Input::Time(3_600_000), vec![], "Proceeding"),
            ("Accepted", Input::Response(Provisional), vec![], "Accepted"),
            (
                "Accepted",
                Input::Response(Success),
                vec![Response(Success)],
                "Accepted",
            ),
            ("Accepted", Input::Response(Rejection), vec![], "Accepted"),
            ("Accepted", Input::Time(31_999), vec![], "Accepted"),
            ("Accepted", Input::Time(32_000), vec![], "Terminated"),
            (
                "Completed",
                Input::Response(Provisional),
                vec![],
                "Completed",
            ),
            ("Completed", Input::Response(Success), vec![], "Completed"),
            (
                "Completed",
                Input::Response(Rejection),
                vec![Retransmit(ack())],
                "Completed",
            ),
            ("Completed", Input::Time(31_999), vec![], "Completed"),
            ("Completed", Input::Time(32_000), vec![], "Terminated"),
            (
                "Terminated",
                Input::Response(Provisional),
                vec![],
                "Terminated",
            ),
            ("Terminated", Input::Response(Success), vec![], "Terminated"),
            (
                "Terminated",
                Input::Response(Rejection),
                vec![],
                "Terminated",
            ),
            ("Terminated", Input::Time(3_600_000), vec![], "Terminated"),
        ];
        for (state, input, outputs, next) in table {
            let mut t = Fixture::new(Reliability::Unreliable);
            match state {
                "Proceeding" => drop(t.respond(Provisional)),
                "Accepted" => drop(t.respond(Success)),
                "Completed" => drop(t.respond(Rejection)),
                "Terminated" => drop(t.run_to_rest()),
                _ => {}
            }
            assert_eq!(t.state(), state);
            let out = match input {
                Input::Response(class) => t.respond(class),
                Input::Time(milliseconds) => t.wait(milliseconds),
            };
            assert_eq!((out, t.state()), (outputs, next), "{state} {input:?}");
        }
    }

    #[derive(Debug, Clone, Copy)]
    enum Input {
        Response(Class),
        /// Milliseconds since the transaction began.
        Time(u64),
    }

    /// A transaction and the virtual time it lives in.
    struct Fixture {
        tx: InviteClient,
        start: Instant,
    }

    impl Fixture {
        fn new(reliability: Reliability) -> Self {
            let start = Instant::now();
            let tx = InviteClient::new(request(), reliability, start, &mut Vec::new());
            Self { tx, start }
        }

        fn respond(&mut self, class: Class) -> Vec<ClientOutput> {
            let mut out = Vec::new();
            self.tx.handle_response(class, ack, self.start, &mut out);
            out
        }

        fn wait(&mut self, milliseconds: u64) -> Vec<ClientOutput> {
            let mut out = Vec::new();
            let now = self.start + Duration::from_millis(milliseconds);
            self.tx.handle_timeout(now, &mut out);
            out
        }

        fn state(&self) -> &'static str {
            match self.tx.state {
                State::Calling { .. } => "Calling",
                State::Proceeding => "Proceeding",
                State::Accepted { .. } => "Accepted",
                State::Completed { .. } => "Completed",
                State::Terminated => "Terminated",
            }
        }

        /// Jumps from deadline to deadline; returns (milliseconds since start, output).
        fn run_to_rest(&mut self) -> Vec<(u128, ClientOutput)> {
            let mut log = Vec::new();
            while let Some((at, _)) = self.tx.poll_timeout() {
                let mut out = Vec::new();
                self.tx.handle_timeout(at, &mut out);
                log.extend(out.into_iter().map(|o| ((at - self.start).as_millis(), o)));
            }
            log
        }
    }

    fn request() -> Bytes {
        Bytes::from_static(b"INVITE sip:agent@example.com SIP/2.0\r\n")
    }

    fn ack() -> Bytes {
        Bytes::from_static(b"ACK sip:agent@example.com SIP/2.0\r\n")
    }
}
