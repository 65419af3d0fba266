//! INVITE server transaction: RFC 3261 §17.2.1 as amended by RFC 6026 §7.1.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::timer::{Backoff, PATIENCE, T2, T4, Timer};
use super::{Reliability, ServerOutput};

/// One INVITE received, until its retransmissions and the ACK of its rejection are absorbed.
#[derive(Debug)]
pub(crate) struct InviteServer {
    reliability: Reliability,
    state: State,
}

#[derive(Debug)]
enum State {
    /// No final response yet; the last provisional one answers retransmissions.
    Proceeding {
        last: Option<Bytes>,
    },
    /// A 2xx went out. Resending it is the dialog's business (RFC 3261 §13.3.1.4); the INVITE's repetitions end here.
    Accepted {
        timer_l: Instant,
    },
    /// A rejection went out and waits for its ACK.
    Completed {
        response: Bytes,
        /// `None` on reliable transports.
        timer_g: Option<Backoff>,
        timer_h: Instant,
    },
    /// The ACK arrived; its repetitions are absorbed until timer I.
    Confirmed {
        timer_i: Instant,
    },
    Terminated,
}

impl InviteServer {
    pub fn new(reliability: Reliability) -> Self {
        Self {
            reliability,
            state: State::Proceeding { last: None },
        }
    }

    /// Sends a 1xx. Nothing happens after a final response.
    pub fn provide(&mut self, response: Bytes, out: &mut Vec<ServerOutput>) {
        if let State::Proceeding { last } = &mut self.state {
            out.push(ServerOutput::Transmit(response.clone()));
            *last = Some(response);
        }
    }

    /// Sends a 2xx, once.
    pub fn accept(&mut self, response: Bytes, now: Instant, out: &mut Vec<ServerOutput>) {
        if let State::Proceeding { .. } = self.state {
            out.push(ServerOutput::Transmit(response));
            self.state = State::Accepted {
                timer_l: now + PATIENCE,
            };
        }
    }

    /// Sends a 3xx to 6xx and repeats it until the ACK.
    pub fn reject(&mut self, response: Bytes, now: Instant, out: &mut Vec<ServerOutput>) {
        if let State::Proceeding { .. } = self.state {
            out.push(ServerOutput::Transmit(response.clone()));
            let timer_g = match self.reliability {
                Reliability::Reliable => None,
                Reliability::Unreliable => Some(Backoff::starting(now, T2)),
            };
            self.state = State::Completed {
                response,
                timer_g,
                timer_h: now + PATIENCE,
            };
        }
    }

    /// The INVITE came again.
    pub fn handle_retransmission(&mut self, out: &mut Vec<ServerOutput>) {
        match &self.state {
            State::Proceeding {
                last: Some(response),
            }
            | State::Completed { response, .. } => {
                out.push(ServerOutput::Retransmit(response.clone()));
            }
            // Nothing was said yet, the dialog repeats the 2xx, or the exchange is over.
            State::Proceeding { last: None }
            | State::Accepted { .. }
            | State::Confirmed { .. }
            | State::Terminated => {}
        }
    }

    /// The ACK of a rejection. That of a 2xx is the dialog's.
    pub fn handle_ack(&mut self, now: Instant) {
        if let State::Completed { .. } = self.state {
            let absorb = match self.reliability {
                Reliability::Reliable => Duration::ZERO,
                Reliability::Unreliable => T4,
            };
            self.state = State::Confirmed {
                timer_i: now + absorb,
            };
        }
    }

    /// Advances every timer that is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Vec<ServerOutput>) {
        match &mut self.state {
            State::Accepted { timer_l: due } | State::Confirmed { timer_i: due } if now >= *due => {
                self.state = State::Terminated;
            }
            // The caller was told no; that it never said so much as ACK changes nothing for us.
            State::Completed { timer_h, .. } if now >= *timer_h => self.state = State::Terminated,
            State::Completed {
                response,
                timer_g: Some(timer_g),
                ..
            } if now >= timer_g.at => {
                out.push(ServerOutput::Retransmit(response.clone()));
                timer_g.next(now);
            }
            // Not due yet, or nothing armed: an early call is always allowed.
            State::Proceeding { .. }
            | State::Accepted { .. }
            | State::Completed { .. }
            | State::Confirmed { .. }
            | State::Terminated => {}
        }
    }

    /// The next deadline; `None` while our side has to answer, and once terminated.
    pub fn poll_timeout(&self) -> Option<(Instant, Timer)> {
        match &self.state {
            State::Completed {
                timer_g: Some(timer_g),
                timer_h,
                ..
            } if timer_g.at < *timer_h => Some((timer_g.at, Timer::G)),
            State::Completed { timer_h, .. } => Some((*timer_h, Timer::H)),
            State::Accepted { timer_l } => Some((*timer_l, Timer::L)),
            State::Confirmed { timer_i } => Some((*timer_i, Timer::I)),
            State::Proceeding { .. } | State::Terminated => None,
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
    fn retransmitted_invite_gets_the_last_provisional_again() {
        let mut tx = InviteServer::new(Reliability::Unreliable);
        let mut out = Vec::new();
        tx.handle_retransmission(&mut out);
        assert_eq!(out, []);
        tx.provide(bytes("100"), &mut out);
        tx.provide(bytes("180"), &mut out);
        out.clear();
        tx.handle_retransmission(&mut out);
        assert_eq!(out, [ServerOutput::Retransmit(bytes("180"))]);
    }

    #[test]
    fn rejection_is_resent_by_timer_g_until_timer_h() {
        let (mut tx, start) = rejected(Reliability::Unreliable);
        let sent: Vec<_> = run_to_rest(&mut tx, start);
        assert_eq!(
            sent,
            [
                500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500
            ]
        );
    }

    #[test]
    fn reliable_transport_never_resends_a_rejection() {
        let (mut tx, start) = rejected(Reliability::Reliable);
        assert_eq!(tx.poll_timeout(), Some((start + PATIENCE, Timer::H)));
        assert_eq!(run_to_rest(&mut tx, start), []);
        assert!(tx.is_terminated());
    }

    #[test]
    fn ack_ends_resending_and_is_absorbed_for_timer_i() {
        for (reliability, linger) in [
            (Reliability::Unreliable, T4),
            (Reliability::Reliable, Duration::ZERO),
        ] {
            let (mut tx, start) = rejected(reliability);
            tx.handle_ack(start);
            tx.handle_ack(start);
            assert_eq!(
                tx.poll_timeout(),
                Some((start + linger, Timer::I)),
                "{reliability:?}"
            );
        }
    }

    #[test]
    fn accepted_invite_absorbs_its_retransmissions_until_timer_l() {
        let mut tx = InviteServer::new(Reliability::Unreliable);
        let start = Instant::now();
        let mut out = Vec::new();
        tx.accept(bytes("200"), start, &mut out);
        tx.handle_retransmission(&mut out);
        tx.reject(bytes("486"), start, &mut out);
        assert_eq!(out, [ServerOutput::Transmit(bytes("200"))]);
        assert_eq!(tx.poll_timeout(), Some((start + PATIENCE, Timer::L)));
    }

    /// RFC 3261 figure 7 with RFC 6026: every state, every input.
    #[test]
    fn every_input_in_every_state_does_what_the_figure_says() {
        use Input::*;
        use ServerOutput::*;
        let table: Vec<(&str, Input, Vec<ServerOutput>, &str)> = vec![
            (
                "Proceeding",
                Invite,
                vec![Retransmit(bytes("180"))],
                "Proceeding",
            ),
            (
                "Proceeding",
                Provide,
                vec![Transmit(bytes("183"))],
                "Proceeding",
            ),
            (
                "Proceeding",
                Accept,
                vec![Transmit(bytes("200"))],
                "Accepted",
            ),
            (
                "Proceeding",
                Reject,
                vec![Transmit(bytes("486"))],
                "Completed",
            ),
            ("Proceeding", Ack, vec![], "Proceeding"),
            ("Proceeding", Time(3_600_000), vec![], "Proceeding"),
            ("Accepted", Invite, vec![], "Accepted"),
            ("Accepted", Provide, vec![], "Accepted"),
            ("Accepted", Accept, vec![], "Accepted"),
            ("Accepted", Reject, vec![], "Accepted"),
            ("Accepted", Ack, vec![], "Accepted"),
            ("Accepted", Time(31_999), vec![], "Accepted"),
            ("Accepted", Time(32_000), vec![], "Terminated"),
            (
                "Completed",
                Invite,
                vec![Retransmit(bytes("486"))],
                "Completed",
            ),
            ("Completed", Provide, vec![], "Completed"),
            ("Completed", Accept, vec![], "Completed"),
            ("Completed", Reject, vec![], "Completed"),
            ("Completed", Ack, vec![], "Confirmed"),
            (
                "Completed",
                Time(500),
                vec![Retransmit(bytes("486"))],
                "Completed",
            ),
            ("Completed", Time(32_000), vec![], "Terminated"),
            ("Confirmed", Invite, vec![], "Confirmed"),
            ("Confirmed", Provide, vec![], "Confirmed"),
            ("Confirmed", Accept, vec![], "Confirmed"),
            ("Confirmed", Reject, vec![], "Confirmed"),
            ("Confirmed", Ack, vec![], "Confirmed"),
            ("Confirmed", Time(4_999), vec![], "Confirmed"),
            ("Confirmed", Time(5_000), vec![], "Terminated"),
            ("Terminated", Invite, vec![], "Terminated"),
            ("Terminated", Provide, vec![], "Terminated"),
            ("Terminated", Accept, vec![], "Terminated"),
            ("Terminated", Reject, vec![], "Terminated"),
            ("Terminated", Ack, vec![], "Terminated"),
            ("Terminated", Time(3_600_000), vec![], "Terminated"),
        ];
        for (state, input, outputs, next) in table {
            let start = Instant::now();
            let mut tx = InviteServer::new(Reliability::Unreliable);
            let mut before = Vec::new();
            tx.provide(bytes("180"), &mut before);
            match state {
                "Accepted" => tx.accept(bytes("200"), start, &mut before),
                "Completed" => tx.reject(bytes("486"), start, &mut before),
                "Confirmed" => {
                    tx.reject(bytes("486"), start, &mut before);
                    tx.handle_ack(start);
                }
                "Terminated" => {
                    tx.accept(bytes("200"), start, &mut before);
                    tx.handle_timeout(start + PATIENCE, &mut before);
                }
                _ => {}
            }
            assert_eq!(name(&tx), state);
            let mut out = Vec::new();
            match input {
                Invite => tx.handle_retransmission(&mut out),
                Provide => tx.provide(bytes("183"), &mut out),
                Accept => tx.accept(bytes("200"), start, &mut out),
                Reject => tx.reject(bytes("486"), start, &mut out),
                Ack => tx.handle_ack(start),
                Time(milliseconds) => {
                    tx.handle_timeout(start + Duration::from_millis(milliseconds), &mut out)
                }
            }
            assert_eq!((out, name(&tx)), (outputs, next), "{state} {input:?}");
        }
    }

    #[derive(Debug, Clone, Copy)]
    enum Input {
        /// Once more.
        Invite,
        Provide,
        Accept,
        Reject,
        Ack,
        /// Milliseconds since the last response.
        Time(u64),
    }

    fn name(tx: &InviteServer) -> &'static str {
        match tx.state {
            State::Proceeding { .. } => "Proceeding",
            State::Accepted { .. } => "Accepted",
            State::Completed { .. } => "Completed",
            State::Confirmed { .. } => "Confirmed",
            State::Terminated => "Terminated",
        }
    }

    fn rejected(reliability: Reliability) -> (InviteServer, Instant) {
        let mut tx = InviteServer::new(reliability);
        let start = Instant::now();
        tx.reject(bytes("486"), start, &mut Vec::new());
        (tx, start)
    }

    fn run_to_rest(tx: &mut InviteServer, start: Instant) -> Vec<u128> {
        let mut log = Vec::new();
        while let Some((at, _)) = tx.poll_timeout() {
            let mut out = Vec::new();
            tx.handle_timeout(at, &mut out);
            log.extend(out.into_iter().map(|_| (at - start).as_millis()));
        }
        log
    }

    fn bytes(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }
}
