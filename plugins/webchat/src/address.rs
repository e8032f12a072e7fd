//! How many sockets an address has. One address fills its own places, never those of others.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Mutex, PoisonError},
};

/// Places of one address.
pub(crate) const PER_ADDRESS: usize = 64;
/// Beyond the places, as many are told so; further ones are not even that.
const TOLD: usize = 8;
/// Places of all addresses together.
const ALL: usize = 1024;

/// The open sockets, counted by address.
#[derive(Default)]
pub(crate) struct Addresses(Mutex<HashMap<Address, usize>>);

/// A socket's place, given back when it is dropped.
pub(crate) struct Place<'a> {
    addresses: &'a Addresses,
    /// Where it comes from.
    pub(crate) address: Address,
    /// The address has all its places: this one is told so, and closed.
    pub(crate) crowded: bool,
}

/// An IPv4 address, or the network that an IPv6 address stands for.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Address(IpAddr);

impl Address {
    pub(crate) fn of(peer: SocketAddr) -> Self {
        match peer.ip().to_canonical() {
            // Whoever has one address of such a network has them all.
            IpAddr::V6(ip) if !ip.is_loopback() => {
                let [a, b, c, d, ..] = ip.segments();
                Self(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
            }
            ip => Self(ip),
        }
    }

    /// How the gate knows it; `None` on this machine, where all have the same.
    pub(crate) fn name(self) -> Option<String> {
        match self.0 {
            ip if ip.is_loopback() => None,
            IpAddr::V4(ip) => Some(ip.to_string()),
            IpAddr::V6(ip) => Some(format!("{ip}/64")),
        }
    }
}

impl Addresses {
    /// `None` when even telling would cost too much.
    pub(crate) fn enter(&self, peer: SocketAddr) -> Option<Place<'_>> {
        let address = Address::of(peer);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
        let mut counts = self.addresses.0.lock().unwrap_or_else(PoisonError::into_inner);
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

    fn peer(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn case_103_an_address_fills_only_its_own_places() {
        let addresses = Addresses::default();
        let mut places: Vec<_> =
            (0..PER_ADDRESS).filter_map(|_| addresses.enter(peer("10.0.0.1:5"))).collect();
        assert!(places.len() == PER_ADDRESS && places.iter().all(|place| !place.crowded));
        places.extend((0..TOLD).filter_map(|_| addresses.enter(peer("10.0.0.1:6"))));
        assert!(
            places.len() == PER_ADDRESS + TOLD
                && places.iter().skip(PER_ADDRESS).all(|place| place.crowded)
        );
        assert!(addresses.enter(peer("10.0.0.1:7")).is_none());
        assert!(
            addresses.enter(peer("[::ffff:10.0.0.1]:7")).is_none(),
            "the same address, written longer"
        );
        assert!(!addresses.enter(peer("10.0.0.2:7")).unwrap().crowded);
        drop(places);
        assert!(!addresses.enter(peer("10.0.0.1:7")).unwrap().crowded);
        assert!(addresses.0.lock().unwrap().is_empty(), "nothing is kept of who has gone");
    }

    #[test]
    fn case_103_all_addresses_together_have_an_end() {
        let addresses = Addresses::default();
        let peers = (0..=ALL).map(|n| peer(&format!("10.0.{}.{}:1", n / 250, n % 250)));
        let places: Vec<_> = peers.filter_map(|peer| addresses.enter(peer)).collect();
        assert_eq!(places.len(), ALL);
    }

    #[test]
    fn an_address_has_a_name_beyond_this_machine() {
        let name = |text| Address::of(peer(text)).name();
        assert_eq!(name("127.0.0.1:1"), None);
        assert_eq!(name("[::1]:1"), None);
        assert_eq!(name("[::ffff:127.0.0.1]:1"), None);
        assert_eq!(name("192.168.1.5:1"), Some("192.168.1.5".to_owned()));
        assert_eq!(name("[2001:db8:1:2:3:4:5:6]:1"), Some("2001:db8:1:2::/64".to_owned()));
    }
}
