#![doc = include_str!("ARCHITECTURE.md")]

pub mod access;
pub mod cli;
pub mod config;
pub mod device;
pub mod explain;
pub mod gateway;
pub mod local;
pub mod offer;
pub mod permits;
pub mod protocol;
pub mod reach;
pub mod registry;
pub mod remote;
pub mod store;
pub mod verdicts;
pub mod world;
