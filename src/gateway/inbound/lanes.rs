//! Which event waits for which other of one account: whatever one conversation or one sender has written goes in
//! order, and whatever an owner has decided goes before all that came after it.

use std::collections::VecDeque;

use openclaw_plugin_sdk::{ChatId, Delivery, SenderId};

/// So many are under way or wait at once.
const MOST: usize = 64;

/// Where an event belongs.
pub(crate) enum Lane {
    /// To nobody: all before it end first, and all after it wait.
    Alone,
    /// To a conversation and a sender. Where that is an owner, it may decide about all that came after it.
    Of { chat: ChatId, sender: SenderId, owner: bool },
}

impl Lane {
    pub(crate) fn of(chat: &ChatId, sender: &SenderId, owner: bool) -> Self {
        Self::Of { chat: chat.clone(), sender: sender.clone(), owner }
    }

    /// True where this one waits for another that came before it.
    fn waits_for(&self, before: &Self) -> bool {
        match (self, before) {
            (Self::Of { chat, sender, .. }, Self::Of { chat: place, sender: other, owner }) => {
                *owner || chat == place || sender == other
            }
            _ => true,
        }
    }
}

/// What has begun and what waits, in the order in which it came.
pub(crate) struct Lanes<T = Delivery> {
    all: VecDeque<Slot<T>>,
    came: u64,
}

struct Slot<T> {
    number: u64,
    lane: Lane,
    /// `None` once it has begun.
    waiting: Option<T>,
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self { all: VecDeque::new(), came: 0 }
    }
}

impl<T> Lanes<T> {
    /// True where another may join.
    pub(crate) fn have_room(&self) -> bool {
        self.all.len() < MOST
    }

    pub(crate) fn join(&mut self, lane: Lane, event: T) {
        self.came += 1;
        self.all.push_back(Slot { number: self.came, lane, waiting: Some(event) });
    }

    /// The next one that need not wait, which begins, and the number to say its end by.
    pub(crate) fn next(&mut self) -> Option<(u64, T)> {
        let may_begin = |at: usize| {
            let lane = &self.all[at].lane;
            !self.all.iter().take(at).any(|before| lane.waits_for(&before.lane))
        };
        let at =
            (0..self.all.len()).find(|at| self.all[*at].waiting.is_some() && may_begin(*at))?;
        let place = &mut self.all[at];
        Some((place.number, place.waiting.take()?))
    }

    /// One that had begun is at its end.
    pub(crate) fn ended(&mut self, number: u64) {
        self.all.retain(|place| place.number != number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(chat: &str, sender: &str) -> Lane {
        Lane::of(&ChatId::new(chat), &SenderId::new(sender).unwrap(), sender == "owner")
    }

    fn begun(lanes: &mut Lanes<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| lanes.next()).map(|(_, event)| event).collect()
    }

    #[test]
    fn only_who_writes_in_the_same_place_or_comes_after_an_owner_waits() {
        let mut lanes = Lanes::default();
        lanes.join(of("1", "1"), "1 first");
        lanes.join(of("1", "1"), "1 again");
        lanes.join(of("2", "2"), "2");
        lanes.join(of("group", "1"), "1 in the group");
        lanes.join(of("group", "3"), "3 in the group");
        assert_eq!(begun(&mut lanes), ["1 first", "2"]);
        lanes.ended(1);
        assert_eq!(begun(&mut lanes), ["1 again"]);
        lanes.join(of("owner", "owner"), "block 4");
        lanes.join(of("4", "4"), "4");
        assert_eq!(begun(&mut lanes), ["block 4"]);
        lanes.ended(2);
        assert_eq!(begun(&mut lanes), ["1 in the group"]);
        lanes.ended(4);
        lanes.ended(6);
        assert_eq!(begun(&mut lanes), ["3 in the group", "4"]);
        lanes.join(Lane::Alone, "a group has moved");
        lanes.join(of("5", "5"), "5");
        for number in [3, 5, 7] {
            assert!(begun(&mut lanes).is_empty());
            lanes.ended(number);
        }
        assert_eq!(begun(&mut lanes), ["a group has moved"]);
        lanes.ended(8);
        assert_eq!(begun(&mut lanes), ["5"]);
    }

    #[test]
    fn no_more_than_a_fixed_number_is_under_way() {
        let mut lanes = Lanes::default();
        for n in 0..MOST {
            assert!(lanes.have_room());
            lanes.join(of(&n.to_string(), &n.to_string()), "x");
        }
        assert_eq!(begun(&mut lanes).len(), MOST);
        assert!(!lanes.have_room());
        lanes.ended(1);
        assert!(lanes.have_room());
    }
}
