#![doc = include_str!("../DESIGN.md")]
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(feature = "provider")]
pub mod agents;
#[cfg(feature = "provider")]
pub mod provider;
#[cfg(feature = "provider")]
pub mod relay;
