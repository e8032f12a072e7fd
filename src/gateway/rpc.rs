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

use self::{
    events::Asking,
    hub::Sessions,
    methods::{node::Nodes, voicewake},
    snapshot::Snapshots,
};

/// What the sessions of clients share.
#[derive(Debug, Default)]
pub(crate) struct Rpc {
    /// The clients that are connected over the gateway's socket.
    pub(crate) sessions: Sessions,
    pub(crate) asking: Asking,
    pub(crate) snapshots: Snapshots,
    pub(crate) nodes: Nodes,
    pub(crate) wake_words: voicewake::Encoded,
}
