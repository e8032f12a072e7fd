//! What of unfinished messages the gateway holds for its clients: bounded for each, and in all. What everybody may
//! hold anyhow is not counted.

use std::{collections::HashMap, sync::Arc};

use openclaw_plugin_sdk::ClientAddress;
use parking_lot::Mutex;

use crate::rules::device::identity::DeviceId;

/// A socket holds so much of a message without being counted.
const FREE: usize = 64 * 1024;
/// One holder's share: more than the longest message.
const OF_ONE: usize = 32 << 20;
/// Of all holders together.
const OF_ALL: usize = 128 << 20;

/// The sender of what is held.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    /// One that is no device.
    Client(ClientAddress),
    /// All sockets of a device.
    Device(DeviceId),
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
    holder: Holder,
    bytes: usize,
}

/// There is no room for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Unfinished {
    /// A socket that holds nothing yet.
    pub(crate) fn share(self: &Arc<Self>, holder: Holder) -> Share {
        Share { all: Arc::clone(self), holder, bytes: 0 }
    }
}

impl Share {
    /// The socket holds so much now.
    pub(crate) fn holds(&mut self, bytes: usize) -> Result<(), Full> {
        let bytes = bytes.saturating_sub(FREE);
        if bytes == self.bytes {
            return Ok(());
        }
        let mut held = self.all.0.lock();
        let others = held.all - self.bytes;
        let own = held.of.get(&self.holder).map_or(0, |of| of - self.bytes);
        if bytes > self.bytes && (own + bytes > OF_ONE || others + bytes > OF_ALL) {
            return Err(Full);
        }
        held.all = others + bytes;
        if own + bytes == 0 {
            held.of.remove(&self.holder);
        } else {
            held.of.insert(self.holder.clone(), own + bytes);
        }
        drop(held);
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        // Less always fits.
        let _fits = self.holds(0);
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
}
