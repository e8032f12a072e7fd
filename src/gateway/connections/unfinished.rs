//! What of unfinished messages the gateway holds for its clients: bounded for each, and in all. What everybody may
//! hold anyhow is not counted. What people with access bring is counted for each of them, so that one who is slow
//! stops nobody else behind the same address.

use std::{collections::HashMap, sync::Arc};

use openclaw_plugin_sdk::ClientAddress;
use parking_lot::Mutex;

use crate::rules::device::identity::DeviceId;

/// A socket holds so much of a message without being counted.
const FREE: usize = 64 * 1024;
/// One holder's share: more than the longest message.
const OF_ONE: usize = 32 << 20;
/// Of a person with access: more than the files of a message.
const OF_PERSON: usize = 16 << 20;
/// What a person brings counts so much at least: that bounds how much of it there is at once.
const LEAST_OF_PERSON: usize = 1 << 20;
/// Of all people with access behind one address.
const OF_PEOPLE: usize = 64 << 20;
/// Of all holders together.
const OF_ALL: usize = 128 << 20;

/// The sender of what is held.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    /// One that is no device.
    Client(ClientAddress),
    /// All sockets of a device.
    Device(DeviceId),
    /// All that people with access bring from here.
    People(ClientAddress),
    /// One of them, by the id that the channel gives them.
    Person(String),
}

impl Holder {
    const fn most(&self) -> usize {
        match self {
            Self::Client(_) | Self::Device(_) => OF_ONE,
            Self::People(_) => OF_PEOPLE,
            Self::Person(_) => OF_PERSON,
        }
    }
}

/// All that is held.
#[derive(Debug, Default)]
pub(crate) struct Unfinished(Mutex<Totals>);

#[derive(Debug, Default)]
struct Totals {
    all: usize,
    of: HashMap<Holder, usize>,
}

/// What one socket holds, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    all: Arc<Unfinished>,
    holders: Vec<Holder>,
    bytes: usize,
    /// It counts so much whatever it holds.
    least: usize,
}

/// There is no room for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Unfinished {
    /// A socket that holds nothing yet.
    pub(crate) fn share(self: &Arc<Self>, holder: Holder) -> Share {
        Share { all: Arc::clone(self), holders: vec![holder], bytes: 0, least: 0 }
    }

    /// What a person with access begins to bring.
    pub(crate) fn of_person(
        self: &Arc<Self>,
        address: ClientAddress,
        person: String,
    ) -> Result<Share, Full> {
        let holders = vec![Holder::People(address), Holder::Person(person)];
        let mut share = Share { all: Arc::clone(self), holders, bytes: 0, least: LEAST_OF_PERSON };
        share.holds(0).map(|()| share)
    }
}

impl Share {
    /// The socket holds so much now.
    pub(crate) fn holds(&mut self, bytes: usize) -> Result<(), Full> {
        self.count(bytes.saturating_sub(FREE).max(self.least))
    }

    fn count(&mut self, bytes: usize) -> Result<(), Full> {
        if bytes == self.bytes {
            return Ok(());
        }
        let mut held = self.all.0.lock();
        let others = held.all - self.bytes;
        let own = |of: &HashMap<Holder, usize>, one: &Holder| {
            of.get(one).map_or(0, |of| of - self.bytes) + bytes
        };
        let is_full = |one: &Holder| own(&held.of, one) > one.most();
        if bytes > self.bytes && (others + bytes > OF_ALL || self.holders.iter().any(is_full)) {
            return Err(Full);
        }
        held.all = others + bytes;
        for one in &self.holders {
            match own(&held.of, one) {
                0 => held.of.remove(one),
                bytes => held.of.insert(one.clone(), bytes),
            };
        }
        drop(held);
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        // Less always fits.
        let _fits = self.count(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(last: u8) -> Holder {
        Holder::Client(ClientAddress::of([203, 0, 113, last].into()))
    }

    #[test]
    fn case_137_what_is_unfinished_is_bounded_for_each_and_in_all() {
        const MOST: usize = 25 << 20;
        let all = Arc::new(Unfinished::default());
        let mut first = all.share(client(1));
        assert_eq!(first.holds(MOST), Ok(()));
        let mut second = all.share(client(1));
        assert_eq!(second.holds(MOST), Err(Full));
        assert_eq!(second.holds(OF_ONE - MOST), Ok(()));
        let mut others: Vec<Share> = (2..20).map(|last| all.share(client(last))).collect();
        let held = others.iter_mut().filter_map(|share| share.holds(MOST).ok()).count();
        assert!((3..5).contains(&held), "{held}");
        // What everybody may hold is held all the same.
        assert_eq!(all.share(client(99)).holds(FREE), Ok(()));
        assert_eq!(first.holds(0), Ok(()));
        assert_eq!(all.share(client(99)).holds(MOST), Ok(()));
        drop((first, second, others));
        let held = all.0.lock();
        assert!(held.all == 0 && held.of.is_empty(), "{held:?}");
    }

    #[test]
    fn case_137_one_person_fills_their_own_share_and_few_cannot_fill_that_of_an_address() {
        const FILE: usize = 10 << 20;
        let all = Arc::new(Unfinished::default());
        let address = ClientAddress::of([203, 0, 113, 1].into());
        let brings = |who: &str| all.of_person(address, who.to_owned());
        let mut ann = brings("ann").unwrap();
        assert_eq!(ann.holds(FILE), Ok(()));
        assert_eq!(brings("ann").unwrap().holds(FILE), Err(Full));
        let small: Vec<Share> = std::iter::from_fn(|| brings("ann").ok()).take(99).collect();
        assert_eq!(small.len(), 6, "however little of them is there");
        let mut bob = brings("bob").unwrap();
        assert_eq!(
            (bob.holds(FILE), all.share(Holder::Client(address)).holds(FILE)),
            (Ok(()), Ok(()))
        );
        drop((ann, small, bob));
        assert_eq!(brings("ann").unwrap().holds(FILE), Ok(()));
        assert!(all.0.lock().of.is_empty(), "nothing is kept of who has gone");
    }
}
