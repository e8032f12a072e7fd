//! What must hold after a crash: every decision that was acknowledged, and one of two ends of every other.

use std::collections::{BTreeMap, BTreeSet};

use super::{allowed, assert_once, said, waiting};
use crate::process::Home;

/// What is known of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Denied.
    Denied,
    /// Has access.
    Granted,
    /// Had access, and lost it.
    Revoked,
    /// Has written; whether that was taken is not known.
    Unheard,
    /// This was begun, and nobody has said that it was done; before, it was that.
    Unsure(Deed, Box<Fate>),
    /// Waits with this code.
    Waiting(String),
}

/// What can be decided about a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Approve,
    Deny,
    Revoke,
}

impl Deed {
    /// Where it leads.
    pub(super) fn done(self) -> Fate {
        match self {
            Self::Approve => Fate::Granted,
            Self::Deny => Fate::Denied,
            Self::Revoke => Fate::Revoked,
        }
    }
}

/// Everybody who ever knocked.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    fates: BTreeMap<i64, Fate>,
    /// Decisions that were acknowledged.
    pub(super) acknowledged: usize,
    /// Decisions of which nobody said so, and that were found done.
    pub(super) found_done: usize,
    /// And those that were found undone.
    pub(super) found_undone: usize,
}

impl Ledger {
    /// Notes what is known of a person now.
    pub(super) fn set(&mut self, id: i64, fate: Fate) {
        self.fates.insert(id, fate);
    }

    /// What is known of a person.
    pub(super) fn fate(&self, id: i64) -> &Fate {
        &self.fates[&id]
    }

    /// Begins a decision.
    pub(super) fn begin(&mut self, id: i64, deed: Deed) {
        let before = self.fates.remove(&id).unwrap();
        self.set(id, Fate::Unsure(deed, Box::new(before)));
    }

    /// A decision was acknowledged.
    pub(super) fn end(&mut self, id: i64, deed: Deed) {
        self.acknowledged += 1;
        self.set(id, deed.done());
    }

    /// A person that this can be decided about.
    pub(super) fn pick(&self, deed: Deed, random: u64) -> Option<(i64, Fate)> {
        let fits = |fate: &Fate| match deed {
            Deed::Approve | Deed::Deny => matches!(fate, Fate::Waiting(_)),
            Deed::Revoke => *fate == Fate::Granted,
        };
        let all: Vec<_> = self.fates.iter().filter(|(_, fate)| fits(fate)).collect();
        let at = usize::try_from(random).unwrap().checked_rem(all.len())?;
        Some((*all[at].0, all[at].1.clone()))
    }

    /// Compares everybody with the files, and learns how what was cut off has ended.
    pub(super) fn settle(&mut self, home: &Home, when: &str) {
        let list = allowed(home, "telegram");
        assert_once(&format!("{when}: the list"), &list);
        let requests = waiting(home, "telegram");
        let ids: Vec<String> = requests.iter().map(|(id, _)| id.clone()).collect();
        assert_once(&format!("{when}: the requests"), &ids);
        let number = |id: &String| id.parse::<i64>().unwrap();
        let inside: BTreeSet<i64> = list.iter().map(number).collect();
        let codes: BTreeMap<i64, String> =
            requests.iter().map(|(id, code)| (number(id), code.clone())).collect();
        let both: Vec<_> = codes.keys().filter(|id| inside.contains(id)).collect();
        assert!(both.is_empty(), "{when}: pending and granted: {both:?}");
        for id in inside.iter().chain(codes.keys()) {
            assert!(self.fates.contains_key(id), "{when}: nobody has heard of {id}");
        }
        for (id, fate) in &mut self.fates {
            let (is_in, code) = (inside.contains(id), codes.get(id));
            let holds = match &*fate {
                Fate::Granted => is_in && code.is_none(),
                Fate::Denied | Fate::Revoked => !is_in && code.is_none(),
                Fate::Waiting(told) => !is_in && code == Some(told),
                Fate::Unsure(Deed::Approve, _) => is_in != code.is_some(),
                Fate::Unheard | Fate::Unsure(Deed::Deny, _) => !is_in,
                Fate::Unsure(Deed::Revoke, _) => code.is_none(),
            };
            assert!(holds, "{when}: {id} is {fate:?}, but in the list: {is_in}, waits: {code:?}");
            match (&*fate, code) {
                (Fate::Unheard, Some(code)) => *fate = Fate::Waiting(code.clone()),
                (Fate::Unsure(deed, before), _) => {
                    let undone = is_in == (**before == Fate::Granted)
                        && code.is_some() == matches!(**before, Fate::Waiting(_));
                    if undone {
                        self.found_undone += 1;
                        *fate = (**before).clone();
                    } else {
                        self.found_done += 1;
                        *fate = deed.done();
                    }
                }
                _ => {}
            }
        }
    }

    /// Every decision that holds has one line in the access log, and no other has any.
    pub(super) fn compare_log(&self, home: &Home) {
        let count = |fits: fn(&Fate) -> bool| self.fates.values().filter(|fate| fits(fate)).count();
        let granted = count(|fate| matches!(fate, Fate::Granted | Fate::Revoked));
        let denied = count(|fate| *fate == Fate::Denied);
        let revoked = count(|fate| *fate == Fate::Revoked);
        for (action, expected) in [("approve", granted), ("deny", denied), ("revoke", revoked)] {
            let subjects: Vec<_> =
                said(home, action).into_iter().map(|(_, subject)| subject).collect();
            assert_once(&format!("case_117: {action}"), &subjects);
            assert_eq!(subjects.len(), expected, "case_117: a line for each {action}");
        }
        assert_eq!(granted + denied + revoked, self.acknowledged + self.found_done);
    }
}
