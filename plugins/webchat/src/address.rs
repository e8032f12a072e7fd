//! How many sockets an address has. One address fills its own places, never those of others.

use std::collections::HashMap;

use openclaw_plugin_sdk::ClientAddress;
use parking_lot::Mutex;

/// Places of one address.
pub(crate) const PER_ADDRESS: usize = 64;
/// Beyond the places, as many are told so; further ones are not even that.
const TOLD: usize = 8;
/// Places of all addresses together.
const ALL: usize = 1024;

/// The open sockets, counted by address.
#[derive(Default)]
pub(crate) struct Addresses(Mutex<HashMap<ClientAddress, usize>>);

/// A socket's place, given back when it is dropped.
pub(crate) struct Place<'a> {
    addresses: &'a Addresses,
    /// Where it comes from.
    pub(crate) address: ClientAddress,
    /// The address has all its places: this one is told so, and closed.
    pub(crate) crowded: bool,
}

/// How the gate knows it; `None` on this machine, where all have the same.
pub(crate) fn name(address: ClientAddress) -> Option<String> {
    (!address.is_loopback()).then(|| address.to_string())
}

impl Addresses {
    /// `None` when even telling would cost too much.
    pub(crate) fn enter(&self, address: ClientAddress) -> Option<Place<'_>> {
        let mut counts = self.0.lock();
        let all: usize = counts.values().sum();
        let taken = counts.get(&address).copied().unwrap_or_default();
        if all >= ALL || taken >= PER_ADDRESS + TOLD {
            return None;
        }
        counts.insert(address, taken + 1);
        Some(Place { addresses: self, address, crowded: taken >= PER_ADDRESS })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut counts = self.addresses.0.lock();
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
    fn case_103_an_address_fills_only_its_own_places() {
        let addresses = Addresses::default();
        let mut places: Vec<_> =
            (0..PER_ADDRESS).filter_map(|_| addresses.enter(peer("10.0.0.1"))).collect();
        assert!(places.len() == PER_ADDRESS && places.iter().all(|place| !place.crowded));
        places.extend((0..TOLD).filter_map(|_| addresses.enter(peer("10.0.0.1"))));
        assert!(
            places.len() == PER_ADDRESS + TOLD
                && places.iter().skip(PER_ADDRESS).all(|place| place.crowded)
        );
        assert!(addresses.enter(peer("10.0.0.1")).is_none());
        assert!(
            addresses.enter(peer("::ffff:10.0.0.1")).is_none(),
            "the same address, written longer"
        );
        assert!(!addresses.enter(peer("10.0.0.2")).unwrap().crowded);
        drop(places);
        assert!(!addresses.enter(peer("10.0.0.1")).unwrap().crowded);
        assert!(addresses.0.lock().is_empty(), "nothing is kept of who has gone");
    }

    #[test]
    fn case_103_all_addresses_together_have_an_end() {
        let addresses = Addresses::default();
        let peers = (0..=ALL).map(|n| peer(&format!("10.0.{}.{}", n / 250, n % 250)));
        let places: Vec<_> = peers.filter_map(|peer| addresses.enter(peer)).collect();
        assert_eq!(places.len(), ALL);
    }

    #[test]
    fn case_129_a_network_of_ipv6_fills_only_its_own_places() {
        let addresses = Addresses::default();
        let flood = (0..500).map(|number| peer(&format!("2001:db8:1:2::{number}")));
        let places: Vec<_> = flood.filter_map(|peer| addresses.enter(peer)).collect();
        assert_eq!(places.len(), PER_ADDRESS + TOLD);
        assert!(!addresses.enter(peer("2001:db8:1:3::1")).unwrap().crowded);
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
