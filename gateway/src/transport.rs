//! Sockets of signalling.

/// What the sockets report.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {}
