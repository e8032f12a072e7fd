//! The gateway protocol over WebSocket: handshake, sessions, events and methods.

pub(crate) mod admission;
pub(crate) mod events;
pub(crate) mod handshake;
pub(crate) mod hello;
pub(crate) mod hub;
pub(crate) mod methods;
pub(crate) mod session;
pub(crate) mod snapshot;
pub(crate) mod watch;
