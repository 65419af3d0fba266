//! The offer/answer gate of a dialog: at most one offer in flight (RFC 3264 §4, RFC 3261 §14, RFC 6337 §2.2).

/// Whose offer is outstanding. `T` is what we need to answer the peer's.
#[derive(Debug, Default)]
pub(crate) enum Gate<T> {
    /// Both sides may offer.
    #[default]
    Settled,
    /// Our re-INVITE or UPDATE waits for its final response.
    Ours,
    /// The peer's offer waits for our answer.
    Theirs(T),
}

/// Why the peer's offer can't be taken now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Collision {
    /// Both offered at once: 491, and both try again at different times (RFC 3261 §14.1).
    Glare,
    /// The peer offers again before we answered: 500 with Retry-After (RFC 3261 §14.2).
    Overlap,
}

impl<T> Gate<T> {
    /// Lets the peer's offer in.
    ///
    /// # Errors
    ///
    /// The [`Collision`] if another offer is outstanding; that one stays.
    pub fn receive(&mut self, offer: T) -> Result<(), Collision> {
        match self {
            Gate::Settled => {
                *self = Gate::Theirs(offer);
                Ok(())
            }
            Gate::Ours => Err(Collision::Glare),
            Gate::Theirs(_) => Err(Collision::Overlap),
        }
    }

    /// The peer's offer, to be answered now; the gate is open again.
    pub fn answer(&mut self) -> Option<T> {
        match std::mem::take(self) {
            Gate::Theirs(offer) => Some(offer),
            other @ (Gate::Settled | Gate::Ours) => {
                *self = other;
                None
            }
        }
    }

    /// The peer's offer, if one waits.
    pub fn theirs(&self) -> Option<&T> {
        match self {
            Gate::Theirs(offer) => Some(offer),
            Gate::Settled | Gate::Ours => None,
        }
    }

    /// Closes the gate for an offer of ours; `false` if another is outstanding.
    #[must_use]
    pub fn offer(&mut self) -> bool {
        let open = self.is_settled();
        if open {
            *self = Gate::Ours;
        }
        open
    }

    /// Our offer was answered, or refused.
    pub fn settle_ours(&mut self) {
        if let Gate::Ours = self {
            *self = Gate::Settled;
        }
    }

    pub fn is_ours(&self) -> bool {
        matches!(self, Gate::Ours)
    }

    pub fn is_settled(&self) -> bool {
        matches!(self, Gate::Settled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_offer_at_a_time() {
        let mut gate = Gate::default();
        assert!(gate.offer());
        assert!(!gate.offer());
        assert_eq!(gate.receive(1), Err(Collision::Glare));
        gate.settle_ours();
        assert_eq!(gate.receive(2), Ok(()));
        assert_eq!(gate.receive(3), Err(Collision::Overlap));
        assert!(!gate.offer());
        assert_eq!(gate.answer(), Some(2));
        assert!(gate.is_settled());
    }

    #[test]
    fn the_end_of_our_offer_does_not_lose_theirs() {
        let mut gate = Gate::Theirs(1);
        gate.settle_ours();
        assert_eq!(gate.answer(), Some(1));
        assert_eq!(gate.answer(), None);
    }
}
