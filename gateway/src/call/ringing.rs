//! At whose desks a call rings, all at once or one after the other.
//!
//! Pure, and it knows nothing of the call: the owner says who has room for a call, who left and how
//! time goes, and carries out the [`Change`]s. An agent without room is rung when that changes. The
//! call's own patience ends the ringing; here only turns are timed.

use std::collections::BTreeSet;
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
    /// Its turn is to come, or the agent has no room.
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
    /// Rings at the first who has room, or at all of those; who that is can be asked at once.
    pub fn new(
        strategy: Strategy,
        turn: Duration,
        agents: &[usize],
        free: &BTreeSet<usize>,
        now: Instant,
    ) -> Self {
        let silent = |agent: &usize| Bell {
            agent: *agent,
            state: BellState::Silent,
        };
        let mut ringing = Self {
            strategy,
            turn,
            bells: agents.iter().map(silent).collect(),
            turn_ends: None,
        };
        ringing.ring(0, free, now, &mut Vec::new());
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

    /// Everybody who may still answer, now or later.
    pub fn candidates(&self) -> impl Iterator<Item = usize> {
        let stays = |bell: &&Bell| bell.state != BellState::Gone;
        self.bells.iter().filter(stays).map(|bell| bell.agent)
    }

    /// An agent declined, or is gone.
    pub fn leave(
        &mut self,
        agent: usize,
        free: &BTreeSet<usize>,
        now: Instant,
        out: &mut Vec<Change>,
    ) -> Left {
        for bell in &mut self.bells {
            if bell.agent == agent {
                bell.state = BellState::Gone;
            }
        }
        self.ring(0, free, now, out);
        match self.candidates().next() {
            Some(_) => Left::Somebody,
            None => Left::Nobody,
        }
    }

    /// Somebody has room who had none.
    pub fn handle_room(&mut self, free: &BTreeSet<usize>, now: Instant, out: &mut Vec<Change>) {
        self.ring(0, free, now, out);
    }

    /// Passes the turn on when its time is over.
    pub fn handle_timeout(&mut self, free: &BTreeSet<usize>, now: Instant, out: &mut Vec<Change>) {
        if self.turn_ends.is_none_or(|at| now < at) {
            return;
        }
        self.turn_ends = None;
        let rings = |bell: &Bell| bell.state == BellState::Rings;
        let takes = |bell: &Bell| bell.state == BellState::Silent && free.contains(&bell.agent);
        match self.bells.iter().position(rings) {
            Some(place) if self.bells.iter().any(takes) => {
                self.bells[place].state = BellState::Silent;
                out.push(Change::Passed(self.bells[place].agent));
                self.ring(place + 1, free, now, out);
            }
            // Nobody can take it; the turn is another one.
            Some(_) => self.turn_ends = Some(now + self.turn),
            None => {}
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.turn_ends
    }

    /// Rings whoever the strategy wants, from a place on and around the group.
    fn ring(&mut self, from: usize, free: &BTreeSet<usize>, now: Instant, out: &mut Vec<Change>) {
        let count = self.bells.len();
        for place in (0..count).map(|n| (from + n) % count) {
            let one_rings = self.desks().next().is_some();
            if self.strategy == Strategy::InTurn && one_rings {
                break;
            }
            let bell = &mut self.bells[place];
            if bell.state == BellState::Silent && free.contains(&bell.agent) {
                bell.state = BellState::Rings;
                out.push(Change::Rings(bell.agent));
                if self.strategy == Strategy::InTurn {
                    self.turn_ends = Some(now + self.turn);
                }
            }
        }
        // A turn ends only where another agent may take it.
        if self.candidates().count() < 2 || self.desks().next().is_none() {
            self.turn_ends = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURN: Duration = Duration::from_secs(15);

    fn ringing(strategy: Strategy, free: &[usize]) -> (Ringing, Instant) {
        let now = Instant::now();
        (Ringing::new(strategy, TURN, &[3, 5], &set(free), now), now)
    }

    fn set(free: &[usize]) -> BTreeSet<usize> {
        free.iter().copied().collect()
    }

    fn desks(ringing: &Ringing) -> Vec<usize> {
        ringing.desks().collect()
    }

    #[test]
    fn all_ring_until_the_last_has_left() {
        let (mut ringing, now) = ringing(Strategy::All, &[3, 5]);
        assert_eq!(desks(&ringing), [3, 5]);
        assert_eq!(ringing.poll_timeout(), None);
        let mut out = Vec::new();
        let left = ringing.leave(3, &set(&[3, 5]), now, &mut out);
        assert_eq!(left, Left::Somebody);
        assert!(!ringing.rings_at(3) && ringing.rings_at(5));
        let left = ringing.leave(5, &set(&[3, 5]), now, &mut out);
        assert_eq!(left, Left::Nobody);
        assert_eq!(out, []);
    }

    #[test]
    fn who_has_no_room_is_rung_when_there_is() {
        let (mut ringing, now) = ringing(Strategy::All, &[]);
        assert_eq!(desks(&ringing), [0; 0]);
        let mut out = Vec::new();
        ringing.handle_room(&set(&[5]), now, &mut out);
        ringing.handle_room(&set(&[5]), now, &mut out);
        assert_eq!(out, [Change::Rings(5)]);
        let left = ringing.leave(5, &set(&[]), now, &mut out);
        assert_eq!(left, Left::Somebody, "the other may still get room");
    }

    #[test]
    fn in_turn_each_rings_for_its_turn_and_then_the_first_again() {
        let (mut ringing, now) = ringing(Strategy::InTurn, &[3, 5]);
        let free = set(&[3, 5]);
        let mut out = Vec::new();
        ringing.handle_timeout(&free, now, &mut out);
        assert_eq!(out, [], "an early call changes nothing");
        for expected in [
            [Change::Passed(3), Change::Rings(5)],
            [Change::Passed(5), Change::Rings(3)],
        ] {
            let at = ringing.poll_timeout().expect("a turn ends");
            out.clear();
            ringing.handle_timeout(&free, at, &mut out);
            assert_eq!(out, expected);
            assert_eq!(desks(&ringing).len(), 1);
        }
    }

    #[test]
    fn a_turn_that_nobody_can_take_is_another_one() {
        let (mut ringing, _) = ringing(Strategy::InTurn, &[3]);
        let at = ringing.poll_timeout().expect("the other may get room");
        let mut out = Vec::new();
        ringing.handle_timeout(&set(&[]), at, &mut out);
        assert_eq!(out, []);
        assert_eq!(desks(&ringing), [3]);
        assert_eq!(ringing.poll_timeout(), Some(at + TURN));
    }

    #[test]
    fn who_declines_passes_the_turn_on_at_once_and_is_not_asked_again() {
        let (mut ringing, now) = ringing(Strategy::InTurn, &[3, 5]);
        let free = set(&[3, 5]);
        let mut out = Vec::new();
        assert_eq!(ringing.leave(3, &free, now, &mut out), Left::Somebody);
        assert_eq!(out, [Change::Rings(5)]);
        assert_eq!(ringing.poll_timeout(), None, "nobody is left to take it");
        assert_eq!(ringing.leave(5, &free, now, &mut out), Left::Nobody);
    }
}
