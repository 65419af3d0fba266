//! A transfer by ourselves: two calls of one agent, the customer's and the target's, and when they become one.
//!
//! Pure. Whoever owns the calls shows how both stand after every turn, and does what [`Transfer::observe`] asks for.
//! The customer hears music until then; nobody is left without an agent whom the target doesn't replace.
//!
//! ```text
//!           ┌─ blind ───── the target answers ──────────────► Join
//!  Asking ──┤                                        ┌──────► Join     (complete)
//!           └─ consult ─── the target answers ─► Consulting ─► Return   (the target hangs up)
//!      └── the target can't be reached, or the agent gives up on it ──► Return
//! ```

use crate::agent::wire::TransferMode;

/// One transfer on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The target is being called.
    Asking(TransferMode),
    /// Agent and target talk.
    Consulting,
    /// Joined, or called off.
    Over,
}

/// How a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Before its answer.
    Coming,
    /// Talked on, or on hold.
    Connected,
    /// Over, or about to be.
    Ended,
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Customer and target hear each other, and the agent is free.
    Join,
    /// The agent takes the customer back.
    Return,
    /// Nobody is left to be joined with the target.
    CallOff,
    /// The target's call is one of the agent's like any other.
    Release,
}

/// Why a transfer can't be completed now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotNow {
    #[error("The transfer is over.")]
    Over,
    #[error("The transfer completes by itself once the other side answers.")]
    ByItself,
}

impl Transfer {
    pub fn new(mode: TransferMode) -> Self {
        let stage = Stage::Asking(mode);
        Self { stage }
    }

    /// Takes how both calls stand; twice the same changes nothing.
    pub fn observe(&mut self, customer: Standing, target: Standing) -> Option<Effect> {
        let (next, effect) = match (self.stage, customer, target) {
            (Stage::Over, _, _) => return None,
            // Whoever was first: nobody is there to be joined, or to be taken back.
            (_, Standing::Ended, Standing::Ended) => (Stage::Over, None),
            (_, Standing::Coming | Standing::Connected, Standing::Ended) => {
                (Stage::Over, Some(Effect::Return))
            }
            // The customer went; an agent who talks to the target goes on doing so.
            (Stage::Asking(_), Standing::Ended, Standing::Coming | Standing::Connected) => {
                (Stage::Over, Some(Effect::CallOff))
            }
            (Stage::Consulting, Standing::Ended, Standing::Coming | Standing::Connected) => {
                (Stage::Over, Some(Effect::Release))
            }
            (Stage::Asking(TransferMode::Blind), Standing::Connected, Standing::Connected) => {
                (Stage::Over, Some(Effect::Join))
            }
            (Stage::Asking(TransferMode::Consult), _, Standing::Connected) => {
                (Stage::Consulting, None)
            }
            (Stage::Asking(TransferMode::Blind), Standing::Coming, Standing::Connected)
            | (Stage::Asking(_), Standing::Coming | Standing::Connected, Standing::Coming)
            | (Stage::Consulting, Standing::Coming | Standing::Connected, _) => return None,
        };
        self.stage = next;
        effect
    }

    /// The agent has said what there was to say. While the target still rings, its answer completes the transfer.
    ///
    /// # Errors
    ///
    /// [`NotNow`], for the agent to read.
    pub fn complete(&mut self) -> Result<Option<Effect>, NotNow> {
        match self.stage {
            Stage::Asking(TransferMode::Consult) => {
                self.stage = Stage::Asking(TransferMode::Blind);
                Ok(None)
            }
            Stage::Consulting => {
                self.stage = Stage::Over;
                Ok(Some(Effect::Join))
            }
            Stage::Asking(TransferMode::Blind) => Err(NotNow::ByItself),
            Stage::Over => Err(NotNow::Over),
        }
    }

    pub fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }
}

#[cfg(test)]
mod tests {
    use super::Standing::{Coming, Connected, Ended};
    use super::*;
    use TransferMode::{Blind, Consult};

    /// What a run of observations asks for, in order.
    fn run(mode: TransferMode, seen: &[(Standing, Standing)]) -> Vec<Effect> {
        let mut transfer = Transfer::new(mode);
        let effects = seen.iter().filter_map(|(a, b)| transfer.observe(*a, *b));
        effects.collect()
    }

    #[test]
    fn a_blind_transfer_joins_when_the_target_answers_and_only_once() {
        let seen = [
            (Connected, Coming),
            (Connected, Connected),
            (Connected, Connected),
        ];
        assert_eq!(run(Blind, &seen), [Effect::Join]);
    }

    #[test]
    fn a_consultation_joins_nobody_by_itself() {
        let mut transfer = Transfer::new(Consult);
        assert_eq!(transfer.observe(Connected, Coming), None);
        assert_eq!(transfer.observe(Connected, Connected), None);
        assert_eq!(transfer.complete(), Ok(Some(Effect::Join)));
        assert_eq!(transfer.complete(), Err(NotNow::Over));
        assert_eq!(transfer.observe(Connected, Connected), None);
    }

    #[test]
    fn completing_before_the_answer_makes_it_blind() {
        let mut transfer = Transfer::new(Consult);
        assert_eq!(transfer.complete(), Ok(None));
        assert_eq!(transfer.complete(), Err(NotNow::ByItself));
        assert_eq!(transfer.observe(Connected, Connected), Some(Effect::Join));
    }

    #[test]
    fn a_target_who_is_not_reached_or_hangs_up_gives_the_customer_back_to_the_agent() {
        for mode in [Blind, Consult] {
            assert_eq!(run(mode, &[(Connected, Ended)]), [Effect::Return]);
        }
        let talked = [(Connected, Connected), (Connected, Ended), (Ended, Ended)];
        assert_eq!(run(Consult, &talked), [Effect::Return]);
    }

    #[test]
    fn a_customer_who_hangs_up_takes_the_ringing_with_it_but_not_the_talk() {
        for mode in [Blind, Consult] {
            assert_eq!(run(mode, &[(Ended, Coming)]), [Effect::CallOff]);
            // The answer and the hang-up in one turn.
            assert_eq!(run(mode, &[(Ended, Connected)]), [Effect::CallOff]);
        }
        let talked = [(Connected, Connected), (Ended, Connected)];
        assert_eq!(run(Consult, &talked), [Effect::Release]);
    }

    #[test]
    fn both_ending_at_once_leaves_nothing_to_do() {
        for mode in [Blind, Consult] {
            assert_eq!(run(mode, &[(Ended, Ended), (Ended, Ended)]), []);
        }
    }
}
