//! The public and the operations listener.

pub mod problem;
