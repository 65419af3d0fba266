//! Non-INVITE client transaction: RFC 3261 §17.1.2.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::timer::{Backoff, PATIENCE, T2, T4, Timer};
use super::{Class, ClientOutput, Reliability};

/// One request other than INVITE and ACK, until its answer can't be repeated any more.
#[derive(Debug)]
pub(crate) struct Client {
    reliability: Reliability,
    state: State,
}

#[derive(Debug)]
enum State {
    /// No final response yet. The RFC's Trying and Proceeding differ in the pace of timer E alone.
    Waiting {
        request: Bytes,
        /// `None` on reliable transports.
        timer_e: Option<Backoff>,
        timer_f: Instant,
    },
    /// Answered; repeated answers are absorbed until timer K.
    Completed {
        timer_k: Instant,
    },
    Terminated,
}

impl Client {
    /// Sends `request` at once and arms the timers.
    pub fn new(
        request: Bytes,
        reliability: Reliability,
        now: Instant,
        out: &mut Vec<ClientOutput>,
    ) -> Self {
        out.push(ClientOutput::Transmit(request.clone()));
        let timer_e = match reliability {
            Reliability::Reliable => None,
            Reliability::Unreliable => Some(Backoff::starting(now, T2)),
        };
        Self {
            reliability,
            state: State::Waiting {
                request,
                timer_e,
                timer_f: now + PATIENCE,
            },
        }
    }

    /// Takes a response that matched this transaction.
    pub fn handle_response(&mut self, class: Class, now: Instant, out: &mut Vec<ClientOutput>) {
        match (&mut self.state, class) {
            (State::Waiting { timer_e, .. }, Class::Provisional) => {
                out.push(ClientOutput::Response(class));
                if let Some(timer_e) = timer_e {
                    timer_e.slow_down();
                }
            }
            (State::Waiting { .. }, Class::Success | Class::Rejection) => {
                out.push(ClientOutput::Response(class));
                let absorb = match self.reliability {
                    Reliability::Reliable => Duration::ZERO,
                    Reliability::Unreliable => T4,
                };
                self.state = State::Completed {
                    timer_k: now + absorb,
                };
            }
            // Repetitions of what was handed on.
            (State::Completed { .. } | State::Terminated, _) => {}
        }
    }

    /// Advances every timer that is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Vec<ClientOutput>) {
        match &mut self.state {
            State::Waiting { timer_f, .. } if now >= *timer_f => {
                out.push(ClientOutput::TimedOut);
                self.state = State::Terminated;
            }
            State::Waiting {
                request,
                timer_e: Some(timer_e),
                ..
            } if now >= timer_e.at => {
                out.push(ClientOutput::Retransmit(request.clone()));
                timer_e.next(now);
            }
            State::Completed { timer_k } if now >= *timer_k => self.state = State::Terminated,
            // Not due yet: an early call is always allowed.
            State::Waiting { .. } | State::Completed { .. } | State::Terminated => {}
        }
    }

    /// The next deadline; `None` once terminated.
    pub fn poll_timeout(&self) -> Option<(Instant, Timer)> {
        match &self.state {
            State::Waiting {
                timer_e: Some(timer_e),
                timer_f,
                ..
            } if timer_e.at < *timer_f => Some((timer_e.at, Timer::E)),
            State::Waiting { timer_f, .. } => Some((*timer_f, Timer::F)),
            State::Completed { timer_k } => Some((*timer_k, Timer::K)),
            State::Terminated => None,
        }
    }

    /// Nothing more will come of it.
    pub fn is_terminated(&self) -> bool {
        matches!(self.state, State::Terminated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unanswered_request_is_resent_up_to_every_four_seconds_until_timer_f() {
        let (mut tx, start) = new(Reliability::Unreliable);
        let log = run_to_rest(&mut tx, start);
        let sent: Vec<_> = log
            .iter()
            .filter(|(_, o)| matches!(o, ClientOutput::Retransmit(_)))
            .map(|(ms, _)| *ms)
            .collect();
        assert_eq!(
            sent,
            [
                500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500
            ]
        );
        assert_eq!(log.last(), Some(&(32_000, ClientOutput::TimedOut)));
    }

    #[test]
    fn provisional_response_slows_resending_to_t2() {
        let (mut tx, start) = new(Reliability::Unreliable);
        tx.handle_response(Class::Provisional, start, &mut Vec::new());
        let log = run_to_rest(&mut tx, start);
        assert_eq!(
            log[..2].iter().map(|(ms, _)| *ms).collect::<Vec<_>>(),
            [500, 4_500]
        );
    }

    #[test]
    fn repeated_answers_are_absorbed_for_timer_k() {
        for (reliability, linger) in [
            (Reliability::Unreliable, T4),
            (Reliability::Reliable, Duration::ZERO),
        ] {
            let (mut tx, start) = new(reliability);
            let mut out = Vec::new();
            tx.handle_response(Class::Success, start, &mut out);
            tx.handle_response(Class::Success, start, &mut out);
            assert_eq!(out, [ClientOutput::Response(Class::Success)]);
            assert_eq!(
                tx.poll_timeout(),
                Some((start + linger, Timer::K)),
                "{reliability:?}"
            );
            tx.handle_timeout(start + linger, &mut out);
            assert!(tx.is_terminated());
        }
    }

    #[test]
    fn reliable_transport_never_resends() {
        let (mut tx, start) = new(Reliability::Reliable);
        assert_eq!(
            run_to_rest(&mut tx, start),
            [(32_000, ClientOutput::TimedOut)]
        );
    }

    /// RFC 3261 figure 6: every state, every input.
    #[test]
    fn every_input_in_every_state_does_what_the_figure_says() {
        use Class::*;
        use ClientOutput::*;
        let again = || Retransmit(Bytes::from_static(b"BYE"));
        let table: Vec<(&str, Input, Vec<ClientOutput>, &str)> = vec![
            (
                "Waiting",
                Input::Response(Provisional),
                vec![Response(Provisional)],
                "Waiting",
            ),
            (
                "Waiting",
                Input::Response(Success),
                vec![Response(Success)],
                "Completed",
            ),
            (
                "Waiting",
                Input::Response(Rejection),
                vec![Response(Rejection)],
                "Completed",
            ),
            ("Waiting", Input::Time(499), vec![], "Waiting"),
            ("Waiting", Input::Time(500), vec![again()], "Waiting"),
            ("Waiting", Input::Time(32_000), vec![TimedOut], "Terminated"),
            (
                "Completed",
                Input::Response(Provisional),
                vec![],
                "Completed",
            ),
            ("Completed", Input::Response(Success), vec![], "Completed"),
            ("Completed", Input::Response(Rejection), vec![], "Completed"),
            ("Completed", Input::Time(4_999), vec![], "Completed"),
            ("Completed", Input::Time(5_000), vec![], "Terminated"),
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
            let (mut tx, start) = new(Reliability::Unreliable);
            match state {
                "Completed" => tx.handle_response(Success, start, &mut Vec::new()),
                "Terminated" => drop(run_to_rest(&mut tx, start)),
                _ => {}
            }
            assert_eq!(name(&tx), state);
            let mut out = Vec::new();
            match input {
                Input::Response(class) => tx.handle_response(class, start, &mut out),
                Input::Time(milliseconds) => {
                    tx.handle_timeout(start + Duration::from_millis(milliseconds), &mut out)
                }
            }
            assert_eq!((out, name(&tx)), (outputs, next), "{state} {input:?}");
        }
    }

    #[derive(Debug, Clone, Copy)]
    enum Input {
        Response(Class),
        /// Milliseconds since the transaction began.
        Time(u64),
    }

    fn name(tx: &Client) -> &'static str {
        match tx.state {
            State::Waiting { .. } => "Waiting",
            State::Completed { .. } => "Completed",
            State::Terminated => "Terminated",
        }
    }

    fn new(reliability: Reliability) -> (Client, Instant) {
        let start = Instant::now();
        (
            Client::new(
                Bytes::from_static(b"BYE"),
                reliability,
                start,
                &mut Vec::new(),
            ),
            start,
        )
    }

    fn run_to_rest(tx: &mut Client, start: Instant) -> Vec<(u128, ClientOutput)> {
        let mut log = Vec::new();
        while let Some((at, _)) = tx.poll_timeout() {
            let mut out = Vec::new();
            tx.handle_timeout(at, &mut out);
            log.extend(out.into_iter().map(|o| ((at - start).as_millis(), o)));
        }
        log
    }
}
