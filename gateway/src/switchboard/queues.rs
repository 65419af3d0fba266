//! The queues into the task, and in which order it takes from them.
//!
//! What signalling brings goes first: somebody's phone waits for it. But a peer decides how much that is, so after a run of
//! it the others have their turn.

use tokio::sync::mpsc;

use super::Input;

/// Everything that waits but the media engine's events, which come before all of it.
#[derive(Debug)]
pub struct Queues {
    /// From lines and datagram sockets.
    pub signalling: mpsc::Receiver<Input>,
    /// From trunks' connections: short, and in turns with everything else, so that a flood waits for itself.
    pub arrivals: mpsc::Receiver<Input>,
    /// From desks, HTTP and token sockets.
    pub inputs: mpsc::Receiver<Input>,
    /// Taken from `signalling` ahead of the others since their last turn.
    pub ahead: u32,
}

impl Queues {
    /// The next input; waits for one. `None`: nobody is there who could send any. May be dropped between any two.
    pub async fn next(&mut self) -> Option<Input> {
        if self.ahead < RUN
            && let Ok(input) = self.signalling.try_recv()
        {
            self.ahead += 1;
            return Some(input);
        }
        self.ahead = 0;
        tokio::select! {
            biased;
            Some(input) = either(&mut self.inputs, &mut self.arrivals) => Some(input),
            Some(input) = self.signalling.recv() => Some(input),
            else => None,
        }
    }
}

/// Takes turns by chance: neither keeps the other waiting, however much it brings.
async fn either(
    one: &mut mpsc::Receiver<Input>,
    other: &mut mpsc::Receiver<Input>,
) -> Option<Input> {
    tokio::select! {
        Some(input) = one.recv() => Some(input),
        Some(input) = other.recv() => Some(input),
        else => None,
    }
}

/// A burst of calls goes through at once; what waits meanwhile does so for some milliseconds.
const RUN: u32 = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switchboard::{ConnectionId, Desk, Input};
    use crate::transport::Event;

    #[tokio::test]
    async fn signalling_goes_first_but_not_for_ever() {
        let (signalling, signals) = mpsc::channel(1_000);
        let (inputs, others) = mpsc::channel(1_000);
        let (_arrivals, arrivals) = mpsc::channel(1);
        let mut queues = Queues {
            signalling: signals,
            arrivals,
            inputs: others,
            ahead: 0,
        };
        for connection in 0..10 {
            let connection = ConnectionId(connection);
            let closed = Desk::Closed { connection };
            inputs.try_send(Input::Desk(closed)).expect("room");
        }
        for line in 0..500 {
            let line = signaling::LineId(line);
            let cause = String::new();
            let event = Event::LineConnectFailed { line, cause };
            signalling.try_send(Input::arrived(event)).expect("room");
        }
        for _ in 0..10 {
            for _ in 0..RUN {
                let next = queues.next().await;
                assert!(matches!(next, Some(Input::Transport { .. })));
            }
            assert!(matches!(queues.next().await, Some(Input::Desk(_))));
        }
    }
}
