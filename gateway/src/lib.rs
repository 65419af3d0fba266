#![doc = include_str!("../DESIGN.md")]
#![forbid(unsafe_code)]

pub mod agent;
pub mod app;
pub mod call;
pub mod clock;
pub mod config;
pub mod consume;
pub mod crm;
pub mod dev;
pub mod drain;
pub mod events;
pub mod explain;
pub mod http;
pub mod metrics;
pub mod ozonetel;
pub mod prompts;
pub mod recorder;
pub mod store;
pub mod switchboard;
pub mod transport;
