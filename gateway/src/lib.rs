//! The gateway: the program around two pure crates. It owns the sockets, the clock, the calls and the agents.
#![forbid(unsafe_code)]

pub mod agent;
pub mod app;
pub mod call;
pub mod clock;
pub mod config;
pub mod dev;
pub mod http;
pub mod metrics;
pub mod ozonetel;
pub mod switchboard;
pub mod transport;
