//! Non-INVITE server transaction: RFC 3261 §17.2.2.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::timer::{PATIENCE, Timer};
use super::{Reliability, ServerOutput};

/// One request received, until its retransmissions can't come any more.
#[derive(Debug)]
pub(crate) struct Server {
    reliability: Reliability,
    state: State,
}

#[derive(Debug)]
enum State {
    /// No answer yet. We send no provisional responses to these requests (RFC 4320 §4.1).
    Trying,
    /// Answered; the answer is repeated to each retransmission until timer J.
    Completed {
        response: Bytes,
        timer_j: Instant,
    },
    Terminated,
}

impl Server {
    pub fn new(reliability: Reliability) -> Self {
        Self {
            reliability,
            state: State::Trying,
        }
    }

    /// Sends the final response, once.
    pub fn answer(&mut self, response: Bytes, now: Instant, out: &mut Vec<ServerOutput>) {
        if let State::Trying = self.state {
            out.push(ServerOutput::Transmit(response.clone()));
            let linger = match self.reliability {
                Reliability::Reliable => Duration::ZERO,
                Reliability::Unreliable => PATIENCE,
            };
            self.state = State::Completed {
                response,
                timer_j: now + linger,
            };
        }
    }

    /// The request came again.
    pub fn handle_retransmission(&mut self, out: &mut Vec<ServerOutput>) {
        match &self.state {
            State::Completed { response, .. } => {
                out.push(ServerOutput::Retransmit(response.clone()))
            }
            // The answer is still ours to give, or was given long ago.
            State::Trying | State::Terminated => {}
        }
    }

    /// Advances timer J if it is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        if matches!(self.state, State::Completed { timer_j, .. } if now >= timer_j) {
            self.state = State::Terminated;
        }
    }

    /// The next deadline; `None` while our side has to answer, and once terminated.
    pub fn poll_timeout(&self) -> Option<(Instant, Timer)> {
        match &self.state {
            State::Completed { timer_j, .. } => Some((*timer_j, Timer::J)),
            State::Trying | State::Terminated => None,
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
    fn retransmissions_get_the_same_answer_until_timer_j() {
        let start = Instant::now();
        let mut tx = Server::new(Reliability::Unreliable);
        let mut out = Vec::new();
        tx.handle_retransmission(&mut out);
        tx.answer(Bytes::from_static(b"200"), start, &mut out);
        tx.answer(Bytes::from_static(b"500"), start, &mut out);
        tx.handle_retransmission(&mut out);
        let answer = Bytes::from_static(b"200");
        assert_eq!(
            out,
            [
                ServerOutput::Transmit(answer.clone()),
                ServerOutput::Retransmit(answer)
            ]
        );
        assert_eq!(tx.poll_timeout(), Some((start + PATIENCE, Timer::J)));
        tx.handle_timeout(start + PATIENCE);
        assert!(tx.is_terminated());
    }

    /// RFC 3261 figure 8: every state, every input.
    #[test]
    fn every_input_in_every_state_does_what_the_figure_says() {
        use Input::*;
        use ServerOutput::*;
        let answer = || Bytes::from_static(b"200");
        let table: Vec<(&str, Input, Vec<ServerOutput>, &str)> = vec![
            ("Trying", Request, vec![], "Trying"),
            ("Trying", Answer, vec![Transmit(answer())], "Completed"),
            ("Trying", Time(3_600_000), vec![], "Trying"),
            (
                "Completed",
                Request,
                vec![Retransmit(answer())],
                "Completed",
            ),
            ("Completed", Answer, vec![], "Completed"),
            ("Completed", Time(31_999), vec![], "Completed"),
            ("Completed", Time(32_000), vec![], "Terminated"),
            ("Terminated", Request, vec![], "Terminated"),
            ("Terminated", Answer, vec![], "Terminated"),
            ("Terminated", Time(3_600_000), vec![], "Terminated"),
        ];
        for (state, input, outputs, next) in table {
            let start = Instant::now();
            let mut tx = Server::new(Reliability::Unreliable);
            if state != "Trying" {
                tx.answer(answer(), start, &mut Vec::new());
            }
            if state == "Terminated" {
                tx.handle_timeout(start + PATIENCE);
            }
            assert_eq!(name(&tx), state);
            let mut out = Vec::new();
            match input {
                Request => tx.handle_retransmission(&mut out),
                Answer => tx.answer(answer(), start, &mut out),
                Time(milliseconds) => {
                    tx.handle_timeout(start + Duration::from_millis(milliseconds))
                }
            }
            assert_eq!((out, name(&tx)), (outputs, next), "{state} {input:?}");
        }
    }

    #[derive(Debug, Clone, Copy)]
    enum Input {
        /// Once more.
        Request,
        Answer,
        /// Milliseconds since the answer.
        Time(u64),
    }

    fn name(tx: &Server) -> &'static str {
        match tx.state {
            State::Trying => "Trying",
            State::Completed { .. } => "Completed",
            State::Terminated => "Terminated",
        }
    }

    #[test]
    fn reliable_transport_forgets_at_once() {
        let start = Instant::now();
        let mut tx = Server::new(Reliability::Reliable);
        tx.answer(Bytes::from_static(b"200"), start, &mut Vec::new());
        assert_eq!(tx.poll_timeout(), Some((start, Timer::J)));
    }
}
