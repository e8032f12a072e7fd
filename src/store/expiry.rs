//! How long this process has known what runs out, by a clock that nobody can set: a code lives no longer than
//! its time by that clock either, whatever becomes of the wall clock. The rules need not know of it.

use std::{collections::HashMap, time::Duration};

use parking_lot::Mutex;

use crate::{
    rules::pairing::{PairingRequest, PairingRequests},
    world,
};

/// Beyond so many, what has been over for as long again is forgotten.
const MANY: usize = 4_096;

/// The monotonic clock; tests have one of their own, which must never go back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(pub(super) fn() -> Duration);

impl Default for Clock {
    fn default() -> Self {
        Self(world::monotonic)
    }
}

/// When each code was first seen here.
#[derive(Debug, Default)]
pub(super) struct Ages {
    pub(super) clock: Clock,
    first_seen: Mutex<HashMap<Vec<u8>, Duration>>,
}

impl Ages {
    /// Remembers that this is here now, if it was not before.
    pub(super) fn note(&self, what: &[u8], life_ms: u64) {
        let _known = self.is_over(what, life_ms);
    }

    /// True for what has been here for all its life.
    pub(super) fn is_over(&self, what: &[u8], life_ms: u64) -> bool {
        let (now, life) = ((self.clock.0)(), Duration::from_millis(life_ms));
        let mut all = self.first_seen.lock();
        if let Some(first) = all.get(what) {
            return now.saturating_sub(*first) >= life;
        }
        if all.len() >= MANY {
            all.retain(|_, first| now.saturating_sub(*first) < life * 2);
        }
        all.insert(what.to_vec(), now);
        false
    }

    /// True for a request whose hour is over by this clock.
    pub(super) fn is_request_over(&self, request: &PairingRequest) -> bool {
        self.is_over(request.id.as_str().as_bytes(), crate::rules::pairing::LIFETIME_MS)
    }

    /// Takes out the requests whose hour is over by this clock.
    pub(super) fn prune(&self, all: &mut PairingRequests) {
        all.requests.retain(|request| !self.is_request_over(request));
    }
}
