//! Proxies that say which client they speak for, and that the configuration does not name: they are not believed, and the
//! owner learns which ones they are.

use std::net::IpAddr;

use parking_lot::Mutex;
use tracing::warn;

use crate::local_client::UnnamedProxies;

/// So many of them are told apart.
const MOST: usize = 8;

/// What was seen since the start.
#[derive(Debug, Default)]
pub(crate) struct Unnamed(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    requests: u64,
    addresses: Vec<IpAddr>,
}

impl Unnamed {
    /// One more request with forwarding headers from there.
    pub(crate) fn count(&self, peer: IpAddr) {
        let mut seen = self.0.lock();
        seen.requests += 1;
        let peer = peer.to_canonical();
        if seen.addresses.contains(&peer) || seen.addresses.len() >= MOST {
            return;
        }
        seen.addresses.push(peer);
        drop(seen);
        warn!(
            address = %peer,
            "forwarding headers come from an address that is not in `gateway.trusted_proxies`, and are not believed; \
             if it is your proxy, add it there"
        );
    }

    /// For `openclaw status`; nothing where there were none.
    pub(crate) fn told(&self) -> Option<UnnamedProxies> {
        let seen = self.0.lock();
        let addresses = seen.addresses.iter().map(ToString::to_string).collect();
        (seen.requests > 0).then_some(UnnamedProxies { requests: seen.requests, addresses })
    }
}
