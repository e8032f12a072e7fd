#![doc = include_str!("ARCHITECTURE.md")]

pub mod cli;
pub mod client;
pub mod config;
pub mod control;
pub mod decision_history;
pub mod gateway;
pub mod local_client;
pub mod network;
pub mod protocol;
pub mod registry;
pub mod rules;
pub mod store;
pub mod world;
