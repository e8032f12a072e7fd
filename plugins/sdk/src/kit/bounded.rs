//! One map for what is remembered within bounds: of how many things, and for how long.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, HashMap},
    hash::Hash,
    time::Duration,
};

use tokio::time::Instant;

/// A map that makes room for a new entry by dropping the one that was inserted longest ago. An entry that is inserted
/// again is the newest; where reading counts as use, remove and insert it again.
#[derive(Debug)]
pub struct Bounded<K, V> {
    most: usize,
    lifetime: Option<Duration>,
    clock: u64,
    entries: HashMap<K, Entry<V>>,
    /// The keys, oldest first.
    order: BTreeMap<u64, K>,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    inserted: Instant,
    number: u64,
}

/// Keeps as much as one account of a channel needs to remember.
impl<K: Clone + Eq + Hash, V> Default for Bounded<K, V> {
    fn default() -> Self {
        Self::new(10_000)
    }
}

impl<K: Clone + Eq + Hash, V> Bounded<K, V> {
    /// Keeps at most so many entries.
    pub fn new(most: usize) -> Self {
        let (entries, order) = (HashMap::new(), BTreeMap::new());
        Self { most, lifetime: None, clock: 0, entries, order }
    }

    /// Keeps at most so many entries, each for so long after it was inserted.
    pub fn expiring(most: usize, lifetime: Duration) -> Self {
        Self { lifetime: Some(lifetime), ..Self::new(most) }
    }

    /// Inserts an entry, or replaces the one with its key, as the newest.
    pub fn insert(&mut self, key: K, value: V) {
        self.drop_expired();
        self.remove(&key);
        while self.entries.len() >= self.most.max(1) {
            self.drop_oldest();
        }
        self.clock += 1;
        self.order.insert(self.clock, key.clone());
        self.entries.insert(key, Entry { value, inserted: Instant::now(), number: self.clock });
    }

    /// The entry with this key, unless it has expired.
    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let entry = self.entries.get(key)?;
        (!is_expired(entry.inserted, self.lifetime)).then_some(&entry.value)
    }

    /// As [`Bounded::get`], to change it. Its age stays.
    pub fn get_mut<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let entry = self.entries.get_mut(key)?;
        (!is_expired(entry.inserted, self.lifetime)).then_some(&mut entry.value)
    }

    /// True where [`Bounded::get`] finds an entry.
    pub fn contains<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    /// Takes the entry with this key out.
    pub fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let entry = self.entries.remove(key)?;
        self.order.remove(&entry.number);
        (!is_expired(entry.inserted, self.lifetime)).then_some(entry.value)
    }

    /// All entries that have not expired, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.order.values().filter_map(|key| Some((key, self.get(key)?)))
    }

    /// How many entries there are, without those that have expired.
    pub fn len(&mut self) -> usize {
        self.drop_expired();
        self.entries.len()
    }

    /// True where there is no entry.
    pub fn is_empty(&mut self) -> bool {
        self.len() == 0
    }

    /// True where a new entry would take the place of another: for what must not forget, but refuse.
    pub fn is_full(&mut self) -> bool {
        self.len() >= self.most
    }

    fn drop_expired(&mut self) {
        while let Some((_, key)) = self.order.first_key_value()
            && self.get(key).is_none()
        {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((_, key)) = self.order.pop_first() {
            self.entries.remove(&key);
        }
    }
}

fn is_expired(inserted: Instant, lifetime: Option<Duration>) -> bool {
    lifetime.is_some_and(|lifetime| inserted.elapsed() >= lifetime)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(map: &Bounded<&'static str, u8>) -> Vec<&'static str> {
        map.iter().map(|(key, _)| *key).collect()
    }

    #[test]
    fn the_entry_inserted_longest_ago_makes_room() {
        let mut map = Bounded::new(2);
        map.insert("a", 1);
        map.insert("b", 2);
        assert!(map.is_full());
        // Inserted again, it is the newest.
        map.insert("a", 3);
        map.insert("c", 4);
        assert_eq!(keys(&map), ["a", "c"]);
        assert_eq!((map.get("a").copied(), map.get("b").copied(), map.len()), (Some(3), None, 2));
        assert_eq!(map.remove("a"), Some(3));
        map.insert("d", 5);
        assert_eq!(keys(&map), ["c", "d"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_expires_and_needs_no_room() {
        let mut map = Bounded::expiring(2, Duration::from_secs(10));
        map.insert("a", 1);
        tokio::time::advance(Duration::from_secs(6)).await;
        map.insert("b", 2);
        *map.get_mut("a").unwrap() = 7;
        assert_eq!(map.get("a"), Some(&7));
        tokio::time::advance(Duration::from_secs(4)).await;
        assert!(!map.contains("a") && map.get_mut("a").is_none() && map.contains("b"));
        assert!(!map.is_full());
        assert_eq!(map.remove("a"), None);
        assert_eq!(keys(&map), ["b"]);
        tokio::time::advance(Duration::from_secs(6)).await;
        assert!(map.is_empty());
    }
}
