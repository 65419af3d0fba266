//! The far side of the wire: a simulated provider and load.
