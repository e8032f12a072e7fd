//! stub
pub mod access;
pub mod config;
pub mod registry;
pub mod store;
pub mod world;
