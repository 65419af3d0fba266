//! Ozonetel CloudAgent upstream: the token socket, its commands and its pushes.

/// What the token sockets report.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {}
