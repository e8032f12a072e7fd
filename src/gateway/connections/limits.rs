//! Connections that nobody vouches for yet: bounded in all and by address. Where it is full, the oldest silent one of
//! the busiest address goes, never the newcomer: those who fill it push out their own, and last of all a client whose
//! proof is being looked at.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::Arc,
};

use openclaw_plugin_sdk::ClientAddress;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::{
    config::gateway::Limits,
    rules::device::locality::{Network, is_trusted},
};

/// Everybody who waits.
#[derive(Debug)]
pub(crate) struct ConnectionLimiter {
    inside: Mutex<Inside>,
}

#[derive(Debug)]
struct Inside {
    limits: Limits,
    /// Proxies, whose clients are counted one by one.
    proxies: Vec<Network>,
    next: u64,
    /// By client, the oldest first.
    waiting: HashMap<Bucket, BTreeMap<u64, Waits>>,
    count: usize,
}

#[derive(Debug)]
struct Waits {
    shown_out: CancellationToken,
    has_spoken: bool,
}

/// Who is counted together. A proxy that has not said yet which client it speaks for is none of its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Bucket {
    /// Nothing for programs of this user on the unix socket.
    address: Option<ClientAddress>,
    is_proxy: bool,
}

/// A connection that may wait, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    limiter: Arc<ConnectionLimiter>,
    bucket: Bucket,
    number: u64,
    pub(crate) shown_out: CancellationToken,
}

impl ConnectionLimiter {
    pub(crate) fn new(limits: Limits, proxies: Vec<Network>) -> Arc<Self> {
        let (waiting, count) = (HashMap::new(), 0);
        Arc::new(Self { inside: Mutex::new(Inside { limits, proxies, next: 0, waiting, count }) })
    }

    /// The next connections are counted so. None is closed for it.
    pub(crate) fn follow(&self, limits: Limits, proxies: Vec<Network>) {
        let mut inside = self.inside.lock();
        (inside.limits, inside.proxies) = (limits, proxies);
    }

    /// A connection begins; another one may have to end.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr) -> Permit {
        let bucket = self.inside.lock().bucket(address);
        self.enter_bucket(bucket)
    }

    /// A program of this user begins, on the unix socket. No other connection can push it out.
    pub(crate) fn enter_own(self: &Arc<Self>) -> Permit {
        self.enter_bucket(Bucket { address: None, is_proxy: false })
    }

    fn enter_bucket(self: &Arc<Self>, bucket: Bucket) -> Permit {
        let mut inside = self.inside.lock();
        let shown_out = CancellationToken::new();
        let number = inside.enter(bucket, shown_out.clone());
        drop(inside);
        Permit { limiter: Arc::clone(self), bucket, number, shown_out }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.inside.lock().count
    }
}

impl Permit {
    /// Its first message is there: those who say nothing go before it.
    pub(crate) fn has_spoken(&self) {
        let mut inside = self.limiter.inside.lock();
        let here = inside.waiting.get_mut(&self.bucket);
        if let Some(waits) = here.and_then(|waiting| waiting.get_mut(&self.number)) {
            waits.has_spoken = true;
        }
    }

    /// The head of a request names the client behind a proxy: it counts as that client from now on.
    pub(crate) fn belongs_to(&mut self, address: IpAddr) {
        let mut inside = self.limiter.inside.lock();
        let bucket = inside.bucket(address);
        let is_own = self.bucket.address.is_none();
        if is_own || self.bucket == bucket || self.shown_out.is_cancelled() {
            return;
        }
        inside.leave(self.bucket, self.number);
        self.number = inside.enter(bucket, self.shown_out.clone());
        self.bucket = bucket;
    }
}

impl Inside {
    fn bucket(&self, address: IpAddr) -> Bucket {
        let is_proxy = is_trusted(address, &self.proxies);
        Bucket { address: Some(ClientAddress::of(address)), is_proxy }
    }

    fn enter(&mut self, bucket: Bucket, shown_out: CancellationToken) -> u64 {
        let here = self.waiting.get(&bucket).map_or(0, BTreeMap::len);
        if here >= self.limits.per_address && !bucket.is_proxy {
            self.show_out(bucket);
        } else if self.count >= self.limits.unauthenticated {
            let busiest = self.waiting.iter().max_by_key(|(_, waiting)| waiting.len());
            if let Some(busiest) = busiest.map(|(bucket, _)| *bucket) {
                self.show_out(busiest);
            }
        }
        let number = self.next;
        self.next += 1;
        self.count += 1;
        let waits = Waits { shown_out, has_spoken: false };
        self.waiting.entry(bucket).or_default().insert(number, waits);
        number
    }

    fn show_out(&mut self, bucket: Bucket) {
        let Some(waiting) = self.waiting.get(&bucket) else { return };
        let silent = waiting.iter().find(|(_, waits)| !waits.has_spoken);
        if let Some((number, waits)) = silent.or_else(|| waiting.first_key_value()) {
            waits.shown_out.cancel();
            let number = *number;
            self.leave(bucket, number);
        }
    }

    fn leave(&mut self, bucket: Bucket, number: u64) {
        let Some(waiting) = self.waiting.get_mut(&bucket) else { return };
        if waiting.remove(&number).is_some() {
            self.count -= 1;
        }
        if waiting.is_empty() {
            self.waiting.remove(&bucket);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.limiter.inside.lock().leave(self.bucket, self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([203, 0, 113, last])
    }

    #[test]
    fn case_103_a_crowd_pushes_out_its_own() {
        let limiter =
            ConnectionLimiter::new(Limits { unauthenticated: 4, per_address: 3 }, Vec::new());
        let other = limiter.enter(ip(2));
        let flood: Vec<Permit> = (0..10).map(|_| limiter.enter(ip(1))).collect();
        let left = flood.iter().filter(|permit| !permit.shown_out.is_cancelled()).count();
        assert_eq!((left, other.shown_out.is_cancelled()), (3, false));
        assert!(!flood[9].shown_out.is_cancelled(), "the newcomer stays");
        let third = limiter.enter(ip(3));
        assert!(flood[7].shown_out.is_cancelled(), "the oldest of the busiest address goes");
        assert!(!third.shown_out.is_cancelled() && !other.shown_out.is_cancelled());
        drop((flood, other, third));
        let inside = limiter.inside.lock();
        assert_eq!((inside.count, inside.waiting.len()), (0, 0));
    }

    #[test]
    fn case_103_the_silent_push_out_nobody_whose_proof_is_looked_at_and_the_loud_are_bounded() {
        let limiter =
            ConnectionLimiter::new(Limits { unauthenticated: 40, per_address: 3 }, Vec::new());
        let known = limiter.enter(ip(1));
        known.has_spoken();
        let silent: Vec<Permit> = (0..10).map(|_| limiter.enter(ip(1))).collect();
        let left = silent.iter().filter(|permit| !permit.shown_out.is_cancelled()).count();
        assert_eq!((left, known.shown_out.is_cancelled()), (2, false));
        let enter = |_| {
            let permit = limiter.enter(ip(1));
            permit.has_spoken();
            permit
        };
        let loud: Vec<Permit> = (0..10).map(enter).collect();
        let left = loud.iter().filter(|permit| !permit.shown_out.is_cancelled()).count();
        assert_eq!((left, known.shown_out.is_cancelled()), (3, true));
        assert_eq!(limiter.inside.lock().count, 3);
    }

    #[test]
    fn case_129_a_network_of_ipv6_has_the_places_of_one() {
        let limiter =
            ConnectionLimiter::new(Limits { unauthenticated: 40, per_address: 3 }, Vec::new());
        let of = |number: u16| IpAddr::from([0x2001, 0xdb8, 1, 2, 0, 0, 0, number]);
        let flood: Vec<Permit> = (0..10).map(|number| limiter.enter(of(number))).collect();
        let left = flood.iter().filter(|permit| !permit.shown_out.is_cancelled()).count();
        assert_eq!(left, 3);
    }

    #[test]
    fn case_103_behind_a_proxy_each_client_is_a_crowd_of_its_own() {
        let proxy = Network::parse("203.0.113.9").unwrap();
        let limiter =
            ConnectionLimiter::new(Limits { unauthenticated: 12, per_address: 3 }, vec![proxy]);
        let through = |last| {
            let mut permit = limiter.enter(ip(9));
            permit.belongs_to(ip(last));
            permit
        };
        let other = through(2);
        let flood: Vec<Permit> = (0..10).map(|_| through(1)).collect();
        let left = flood.iter().filter(|permit| !permit.shown_out.is_cancelled()).count();
        assert_eq!((left, other.shown_out.is_cancelled()), (3, false));
        assert!(!flood[9].shown_out.is_cancelled(), "the newcomer stays");
        // Of those who have not said anything yet there are as many as there is room for.
        let mut silent: Vec<Permit> = (0..20).map(|_| limiter.enter(ip(9))).collect();
        let left = silent.iter().filter(|permit| !permit.shown_out.is_cancelled()).count();
        assert_eq!((left, limiter.inside.lock().count), (8, 12));
        assert!(!other.shown_out.is_cancelled() && !flood[9].shown_out.is_cancelled());
        silent[0].belongs_to(ip(3));
        assert_eq!(limiter.inside.lock().count, 12, "a closed connection holds no place");
    }
}
