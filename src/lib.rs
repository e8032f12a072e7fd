#![doc = include_str!("ARCHITECTURE.md")]

pub mod cli;
pub mod client;
pub mod config;
pub mod control;
pub mod decision_history;
pub mod gateway;
pub mod local_client;
pub mod network;
pub use openclaw_protocol as protocol;
pub use openclaw_registry as registry;
pub use openclaw_rules as rules;
pub mod store;
pub use openclaw_world as world;
