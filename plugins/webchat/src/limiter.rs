//! How many sockets an address may have. One address uses up its own permits, never those of others.

use std::collections::HashMap;

use openclaw_plugin_sdk::ClientAddress;
use parking_lot::Mutex;

/// Permits of one address.
pub(crate) const PER_ADDRESS: usize = 64;
/// Beyond the permits, as many sockets open to say so; further ones do not open.
const REFUSED_POLITELY: usize = 8;
/// Permits of all addresses together.
const ALL: usize = 1024;

/// The open sockets, counted by address.
#[derive(Default)]
pub(crate) struct ConnectionLimiter(Mutex<HashMap<ClientAddress, usize>>);

/// A socket's permit, given back when it is dropped.
pub(crate) struct Permit<'a> {
    limiter: &'a ConnectionLimiter,
    /// Where it comes from.
    pub(crate) address: ClientAddress,
    /// The address has used up its permits: this socket says so, and closes.
    pub(crate) refused: bool,
}

/// How the gate knows it; `None` on this machine, where all have the same.
pub(crate) fn name(address: ClientAddress) -> Option<String> {
    (!address.is_loopback()).then(|| address.to_string())
}

impl ConnectionLimiter {
    /// `None` when even saying no would cost too much.
    pub(crate) fn permit(&self, address: ClientAddress) -> Option<Permit<'_>> {
        let mut counts = self.0.lock();
        let all: usize = counts.values().sum();
        let taken = counts.get(&address).copied().unwrap_or_default();
        if all >= ALL || taken >= PER_ADDRESS + REFUSED_POLITELY {
            return None;
        }
        counts.insert(address, taken + 1);
        Some(Permit { limiter: self, address, refused: taken >= PER_ADDRESS })
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut counts = self.limiter.0.lock();
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> ClientAddress {
        ClientAddress::of(text.parse().unwrap())
    }

    #[test]
    fn case_103_an_address_fills_only_its_own_permits() {
        let limiter = ConnectionLimiter::default();
        let mut permits: Vec<_> =
            (0..PER_ADDRESS).filter_map(|_| limiter.permit(peer("10.0.0.1"))).collect();
        assert!(permits.len() == PER_ADDRESS && permits.iter().all(|permit| !permit.refused));
        permits.extend((0..REFUSED_POLITELY).filter_map(|_| limiter.permit(peer("10.0.0.1"))));
        assert!(
            permits.len() == PER_ADDRESS + REFUSED_POLITELY
                && permits.iter().skip(PER_ADDRESS).all(|permit| permit.refused)
        );
        assert!(limiter.permit(peer("10.0.0.1")).is_none());
        assert!(
            limiter.permit(peer("::ffff:10.0.0.1")).is_none(),
            "the same address, written longer"
        );
        assert!(!limiter.permit(peer("10.0.0.2")).unwrap().refused);
        drop(permits);
        assert!(!limiter.permit(peer("10.0.0.1")).unwrap().refused);
        assert!(limiter.0.lock().is_empty(), "nothing is kept of who has gone");
    }

    #[test]
    fn case_103_all_addresses_together_have_an_end() {
        let limiter = ConnectionLimiter::default();
        let peers = (0..=ALL).map(|n| peer(&format!("10.0.{}.{}", n / 250, n % 250)));
        let permits: Vec<_> = peers.filter_map(|peer| limiter.permit(peer)).collect();
        assert_eq!(permits.len(), ALL);
    }

    #[test]
    fn case_129_a_network_of_ipv6_fills_only_its_own_permits() {
        let limiter = ConnectionLimiter::default();
        let flood = (0..500).map(|number| peer(&format!("2001:db8:1:2::{number}")));
        let permits: Vec<_> = flood.filter_map(|peer| limiter.permit(peer)).collect();
        assert_eq!(permits.len(), PER_ADDRESS + REFUSED_POLITELY);
        assert!(!limiter.permit(peer("2001:db8:1:3::1")).unwrap().refused);
    }

    #[test]
    fn an_address_has_a_name_beyond_this_machine() {
        for own in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(name(peer(own)), None, "{own}");
        }
        assert_eq!(name(peer("192.168.1.5")), Some("192.168.1.5".to_owned()));
        let network = name(peer("2001:db8:1:2:3:4:5:6"));
        assert_eq!(network, Some("2001:db8:1:2::/64".to_owned()));
    }
}
