//! At whose desks a call rings, all at once or one after the other.
//!
//! Pure, and it knows nothing of the call: the owner says who left and how time goes, and carries
//! out the [`Change`]s. The call's own patience ends the ringing; here only turns are timed.

use std::time::{Duration, Instant};

/// In which order the agents of a group are rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    All,
    /// One after the other, each for a turn, and from the beginning again.
    InTurn,
}

/// The agents whom a call asks for. An agent is its place in the list of all agents.
#[derive(Debug)]
pub struct Ringing {
    strategy: Strategy,
    turn: Duration,
    /// In the order of the group.
    bells: Vec<Bell>,
    turn_ends: Option<Instant>,
}

#[derive(Debug)]
struct Bell {
    agent: usize,
    state: BellState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BellState {
    /// Its turn is to come.
    Silent,
    Rings,
    /// The agent declined, or went.
    Gone,
}

/// What happens at a desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Rings(usize),
    /// The turn went on to another agent.
    Passed(usize),
}

/// Whether anybody is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    Somebody,
    Nobody,
}

impl Ringing {
    /// Rings at the first, or at all; who that is can be asked at once.
    pub fn new(strategy: Strategy, turn: Duration, agents: &[usize], now: Instant) -> Self {
        let first = match strategy {
            Strategy::All => agents.len(),
            Strategy::InTurn => 1,
        };
        let bell = |(place, agent): (usize, &usize)| Bell {
            agent: *agent,
            state: match place < first {
                true => BellState::Rings,
                false => BellState::Silent,
            },
        };
        let mut ringing = Self {
            strategy,
            turn,
            bells: agents.iter().enumerate().map(bell).collect(),
            turn_ends: None,
        };
        ringing.time_turn(now);
        ringing
    }

    /// Where it rings now.
    pub fn desks(&self) -> impl Iterator<Item = usize> {
        let rings = |bell: &&Bell| bell.state == BellState::Rings;
        self.bells.iter().filter(rings).map(|bell| bell.agent)
    }

    pub fn rings_at(&self, agent: usize) -> bool {
        self.desks().any(|desk| desk == agent)
    }

    /// An agent declined, or is gone.
    pub fn leave(&mut self, agent: usize, now: Instant, out: &mut Vec<Change>) -> Left {
        for bell in &mut self.bells {
            if bell.agent == agent {
                bell.state = BellState::Gone;
            }
        }
        if self.desks().next().is_none() {
            self.ring_next(0, out);
            self.time_turn(now);
        }
        match self.desks().next() {
            Some(_) => Left::Somebody,
            None => Left::Nobody,
        }
    }

    /// Passes the turn on when its time is over.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Vec<Change>) {
        if self.turn_ends.is_none_or(|at| now < at) {
            return;
        }
        let rings = |bell: &Bell| bell.state == BellState::Rings;
        let Some(place) = self.bells.iter().position(rings) else {
            self.turn_ends = None;
            return;
        };
        self.bells[place].state = BellState::Silent;
        out.push(Change::Passed(self.bells[place].agent));
        self.ring_next(place + 1, out);
        self.time_turn(now);
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.turn_ends
    }

    /// Rings the first silent bell from a place on, around the group.
    fn ring_next(&mut self, from: usize, out: &mut Vec<Change>) {
        let places = (from..self.bells.len()).chain(0..from.min(self.bells.len()));
        for place in places {
            let bell = &mut self.bells[place];
            if bell.state == BellState::Silent {
                bell.state = BellState::Rings;
                out.push(Change::Rings(bell.agent));
                return;
            }
        }
    }

    /// A turn ends only where another agent is there to take it.
    fn time_turn(&mut self, now: Instant) {
        let others = self
            .bells
            .iter()
            .any(|bell| bell.state == BellState::Silent);
        self.turn_ends = match self.strategy {
            Strategy::InTurn if others => Some(now + self.turn),
            Strategy::InTurn | Strategy::All => None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURN: Duration = Duration::from_secs(15);

    fn desks(ringing: &Ringing) -> Vec<usize> {
        ringing.desks().collect()
    }

    #[test]
    fn all_ring_until_the_last_has_left() {
        let now = Instant::now();
        let mut ringing = Ringing::new(Strategy::All, TURN, &[3, 5], now);
        assert_eq!(desks(&ringing), [3, 5]);
        assert_eq!(ringing.poll_timeout(), None);
        let mut out = Vec::new();
        assert_eq!(ringing.leave(3, now, &mut out), Left::Somebody);
        assert!(!ringing.rings_at(3) && ringing.rings_at(5));
        assert_eq!(ringing.leave(5, now, &mut out), Left::Nobody);
        assert_eq!(out, []);
    }

    #[test]
    fn in_turn_each_rings_for_its_turn_and_then_the_first_again() {
        let now = Instant::now();
        let mut ringing = Ringing::new(Strategy::InTurn, TURN, &[3, 5], now);
        let mut out = Vec::new();
        ringing.handle_timeout(now, &mut out);
        assert_eq!(out, [], "an early call changes nothing");
        for expected in [
            [Change::Passed(3), Change::Rings(5)],
            [Change::Passed(5), Change::Rings(3)],
        ] {
            let at = ringing.poll_timeout().expect("a turn ends");
            out.clear();
            ringing.handle_timeout(at, &mut out);
            assert_eq!(out, expected);
            assert_eq!(desks(&ringing).len(), 1);
        }
    }

    #[test]
    fn who_declines_passes_the_turn_on_at_once_and_is_not_asked_again() {
        let now = Instant::now();
        let mut ringing = Ringing::new(Strategy::InTurn, TURN, &[3, 5], now);
        let mut out = Vec::new();
        assert_eq!(ringing.leave(3, now, &mut out), Left::Somebody);
        assert_eq!(out, [Change::Rings(5)]);
        assert_eq!(
            ringing.poll_timeout(),
            None,
            "nobody else is there to take it"
        );
        assert_eq!(ringing.leave(5, now, &mut out), Left::Nobody);
    }
}
