//! Connections that nobody vouches for yet: bounded in all and by address. Where it is full, the oldest one of the
//! busiest address goes, never the newcomer: whoever fills it pushes out his own.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

/// How many may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places {
    /// In all.
    pub(crate) all: usize,
    /// Of one address.
    pub(crate) address: usize,
}

/// Everybody who waits.
#[derive(Debug)]
pub(crate) struct Lobby {
    places: Places,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    next: u64,
    /// By address, the oldest first.
    waiting: HashMap<IpAddr, BTreeMap<u64, CancellationToken>>,
    count: usize,
}

/// A place in the lobby, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    lobby: Arc<Lobby>,
    address: IpAddr,
    number: u64,
    pub(crate) shown_out: CancellationToken,
}

impl Lobby {
    pub(crate) fn new(places: Places) -> Arc<Self> {
        Arc::new(Self { places, inside: Mutex::default() })
    }

    /// Somebody comes in; somebody else may have to go.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr) -> Place {
        let mut inside = self.inside();
        let here = inside.waiting.get(&address).map_or(0, BTreeMap::len);
        if here >= self.places.address {
            inside.show_out(address);
        } else if inside.count >= self.places.all {
            let busiest = inside.waiting.iter().max_by_key(|(_, waiting)| waiting.len());
            if let Some(busiest) = busiest.map(|(address, _)| *address) {
                inside.show_out(busiest);
            }
        }
        let number = inside.next;
        inside.next += 1;
        inside.count += 1;
        let shown_out = CancellationToken::new();
        inside.waiting.entry(address).or_default().insert(number, shown_out.clone());
        drop(inside);
        Place { lobby: Arc::clone(self), address, number, shown_out }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn show_out(&mut self, address: IpAddr) {
        let oldest = self.waiting.get(&address).and_then(|waiting| waiting.first_key_value());
        if let Some((number, shown_out)) = oldest {
            shown_out.cancel();
            let number = *number;
            self.leave(address, number);
        }
    }

    fn leave(&mut self, address: IpAddr, number: u64) {
        let Some(waiting) = self.waiting.get_mut(&address) else { return };
        if waiting.remove(&number).is_some() {
            self.count -= 1;
        }
        if waiting.is_empty() {
            self.waiting.remove(&address);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.lobby.inside().leave(self.address, self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([203, 0, 113, last])
    }

    #[test]
    fn case_103_whoever_fills_the_lobby_pushes_out_his_own() {
        let lobby = Lobby::new(Places { all: 4, address: 3 });
        let other = lobby.enter(ip(2));
        let flood: Vec<Place> = (0..10).map(|_| lobby.enter(ip(1))).collect();
        let left = flood.iter().filter(|place| !place.shown_out.is_cancelled()).count();
        assert_eq!((left, other.shown_out.is_cancelled()), (3, false));
        assert!(!flood[9].shown_out.is_cancelled(), "the newcomer stays");
        let third = lobby.enter(ip(3));
        assert!(flood[7].shown_out.is_cancelled(), "the oldest of the busiest address goes");
        assert!(!third.shown_out.is_cancelled() && !other.shown_out.is_cancelled());
        drop((flood, other, third));
        let inside = lobby.inside();
        assert_eq!((inside.count, inside.waiting.len()), (0, 0));
    }
}
