//! What is known of a connection and bounded before its client says anything: its peer, how many there are, and what of a
//! message has come so far.

pub(crate) mod intake;
pub(crate) mod limits;
pub(crate) mod peer;
pub(crate) mod unfinished;
pub(crate) mod unnamed;

use std::sync::Arc;

use parking_lot::Mutex;

use self::{limits::ConnectionLimiter, unfinished::Unfinished, unnamed::Unnamed};
use crate::{config::gateway::GatewayConfig, rules::device::attempts::Attempts};

/// What is counted of connections and of those who open them.
#[derive(Debug)]
pub(crate) struct Connections {
    /// Those that nobody vouches for yet.
    pub(crate) limiter: Arc<ConnectionLimiter>,
    pub(crate) unnamed: Unnamed,
    /// What is held of messages that are still coming.
    pub(crate) unfinished: Arc<Unfinished>,
    /// Wrong secrets, by address.
    pub(crate) attempts: Mutex<Attempts>,
}

impl Connections {
    /// None yet.
    pub(crate) fn new(config: &GatewayConfig) -> Self {
        Self {
            limiter: ConnectionLimiter::new(config.limits, config.trusted_proxies.clone()),
            unnamed: Unnamed::default(),
            unfinished: Arc::default(),
            attempts: Mutex::default(),
        }
    }
}
