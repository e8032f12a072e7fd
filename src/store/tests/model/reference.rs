//! The model: what should be so, in plain maps, written from what the decisions mean and not from how they are kept.

use std::collections::{BTreeMap, BTreeSet};

/// An id: its channel, its account, its sender.
pub(super) type Id = (&'static str, &'static str, u8);

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;
const TEN_MINUTES: u64 = 600_000;
/// So many wait an account; the oldest makes room.
pub(super) const PLACES: usize = 2;

/// Who the owner is that nobody can block.
pub(super) const OWNER: (&str, u8) = ("telegram", 9);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Admit,
    Ignore,
    Ask,
}

/// Someone who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waits {
    pub(super) since: u64,
    pub(super) says_to_be: Option<Id>,
}

/// Everything that should be so.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) now: u64,
    pub(super) waits: BTreeMap<Id, Waits>,
    denied: BTreeMap<Id, u64>,
    /// Let in for good, as other programs know it too.
    listed: BTreeSet<Id>,
    /// Let in as only we know it; with an end, or for good.
    granted: BTreeMap<Id, Option<u64>>,
    blocked: BTreeSet<(&'static str, u8)>,
    people: Vec<BTreeSet<Id>>,
    links: BTreeMap<u8, (Id, u64)>,
    invitations: BTreeMap<u8, u64>,
    /// One word a decision, as the access log should have them.
    pub(super) log: Vec<&'static str>,
}

impl Model {
    pub(super) fn at(now: u64) -> Self {
        Self { now, ..Self::default() }
    }

    fn lasts(&self, id: Id) -> bool {
        self.granted.get(&id).is_some_and(|until| until.is_none_or(|until| self.now < until))
    }

    pub(super) fn verdict(&self, id: Id) -> Verdict {
        if self.blocked.contains(&(id.0, id.2)) {
            Verdict::Ignore
        } else if self.listed.contains(&id) || self.lasts(id) {
            Verdict::Admit
        } else {
            Verdict::Ask
        }
    }

    /// Time goes on.
    pub(super) fn wait(&mut self, ms: u64) {
        self.now += ms;
        let now = self.now;
        self.waits.retain(|_, one| now - one.since < HOUR);
        self.denied.retain(|_, until| now < *until);
        self.links.retain(|_, (_, since)| now - *since < TEN_MINUTES);
        self.invitations.retain(|_, until| now < *until);
    }

    fn person(&self, id: Id) -> BTreeSet<Id> {
        let of = self.people.iter().find(|person| person.contains(&id));
        of.cloned().unwrap_or_else(|| [id].into())
    }

    /// Every id of the people that an id may mean on its channel, whatever the account.
    fn everyone(&self, id: Id) -> BTreeSet<Id> {
        let here = |other: &Id| other.0 == id.0 && other.2 == id.2;
        let of = self.people.iter().filter(|person| person.iter().any(here));
        of.flatten().copied().chain([id]).collect()
    }

    /// The id that a link stands for.
    pub(super) fn says(&self, link: u8) -> Option<Id> {
        self.links.get(&link).map(|(id, _)| *id)
    }

    /// A stranger knocks, perhaps with a link. Whether that opens a request.
    pub(super) fn ask(&mut self, id: Id, link: Option<u8>) -> bool {
        if self.verdict(id) != Verdict::Ask || self.denied.contains_key(&id) {
            return false;
        }
        let says_to_be = link.and_then(|link| self.says(link));
        self.links.retain(|_, (whose, _)| Some(*whose) != says_to_be);
        let before = self.waits.get(&id);
        let says_more = says_to_be.is_some() && before.is_some_and(|b| b.says_to_be != says_to_be);
        if before.is_some() && !says_more {
            if says_to_be.is_some() {
                self.log.push("link-spent");
            }
            return false;
        }
        self.log.push("request");
        let same = |other: &Id| (other.0, other.1) == (id.0, id.1);
        let here = self.waits.iter().filter(|(other, _)| same(other));
        if before.is_none() && here.clone().count() >= PLACES {
            let oldest = here.min_by_key(|(_, one)| one.since).map(|(other, _)| *other).unwrap();
            self.waits.remove(&oldest);
            self.log.push("evict");
        }
        self.waits.insert(id, Waits { since: self.now, says_to_be });
        true
    }

    /// An owner approves a waiting sender. False if the claim holds no more.
    pub(super) fn approve(&mut self, id: Id, lasting: Option<u64>) -> bool {
        let mut until = lasting.map(|ms| self.now + ms);
        if let Some(said) = self.waits[&id].says_to_be {
            if self.verdict(said) != Verdict::Admit {
                return false;
            }
            let most = if self.lasts(said) { self.granted[&said] } else { None };
            until = [until, most].into_iter().flatten().min();
            let mut all = self.person(said);
            for other in all.clone() {
                if self.listed.remove(&other) {
                    self.granted.insert(other, None);
                }
            }
            all.extend(self.person(id));
            self.people.retain(|person| person.is_disjoint(&all));
            self.people.push(all);
            self.granted.insert(id, until);
        } else if until.is_some() || self.granted.contains_key(&id) {
            self.granted.insert(id, until);
        } else {
            self.listed.insert(id);
        }
        self.waits.remove(&id);
        self.log.push("approve");
        true
    }

    pub(super) fn deny(&mut self, id: Id) -> bool {
        let request = self.waits.remove(&id).unwrap();
        self.denied.insert(id, request.since + HOUR);
        self.log.push("deny");
        true
    }

    /// Whether there was an id to block.
    pub(super) fn block(&mut self, id: Id) -> bool {
        let all = self.everyone(id);
        if all.iter().any(|one| (one.0, one.2) == OWNER) {
            return false;
        }
        let bare: BTreeSet<_> = all.iter().map(|one| (one.0, one.2)).collect();
        if bare.is_subset(&self.blocked) {
            return false;
        }
        let is_theirs = |one: &Id| bare.contains(&(one.0, one.2));
        self.waits.retain(|one, waits| {
            !is_theirs(one) && !waits.says_to_be.is_some_and(|s| is_theirs(&s))
        });
        self.listed.retain(|one| !is_theirs(one));
        self.granted.retain(|one, _| !is_theirs(one));
        self.links.retain(|_, (one, _)| !is_theirs(one));
        self.blocked.extend(bare);
        self.log.push("block");
        true
    }

    pub(super) fn unblock(&mut self, id: Id) -> bool {
        let before = self.blocked.len();
        for one in self.everyone(id) {
            self.blocked.remove(&(one.0, one.2));
        }
        let any = self.blocked.len() < before;
        self.log.extend(any.then_some("unblock"));
        any
    }

    pub(super) fn revoke(&mut self, id: Id) -> bool {
        let all = self.person(id);
        let before = self.listed.len() + self.granted.len();
        self.listed.retain(|one| !all.contains(one));
        self.granted.retain(|one, _| !all.contains(one));
        if self.listed.len() + self.granted.len() == before {
            return false;
        }
        self.waits.retain(|_, waits| !waits.says_to_be.is_some_and(|said| all.contains(&said)));
        self.links.retain(|_, (one, _)| !all.contains(one));
        self.people.retain(|person| !person.contains(&id));
        self.log.push("revoke");
        true
    }

    pub(super) fn extend(&mut self, id: Id, lasting: Option<u64>) -> bool {
        if self.blocked.contains(&(id.0, id.2)) || !self.granted.contains_key(&id) {
            return false;
        }
        self.granted.insert(id, lasting.map(|ms| self.now + ms));
        self.waits.remove(&id);
        self.log.push("extend");
        true
    }

    pub(super) fn open_link(&mut self, id: Id, link: u8) {
        self.links.retain(|_, (whose, _)| *whose != id);
        self.links.insert(link, (id, self.now));
        self.log.push("link-open");
    }

    pub(super) fn invite(&mut self, invitation: u8, lasting: u64) {
        self.invitations.insert(invitation, self.now + lasting.min(DAY));
        self.log.push("invite");
    }

    pub(super) fn uninvite(&mut self, invitation: u8) -> bool {
        let any = self.invitations.remove(&invitation).is_some();
        self.log.extend(any.then_some("uninvite"));
        any
    }

    pub(super) fn accept(&mut self, id: Id, invitation: u8) -> bool {
        let is_open = self.invitations.contains_key(&invitation);
        if !is_open || self.verdict(id) != Verdict::Ask {
            return false;
        }
        self.invitations.remove(&invitation);
        self.waits.remove(&id);
        self.granted.insert(id, None);
        self.log.push("accept");
        true
    }
}
