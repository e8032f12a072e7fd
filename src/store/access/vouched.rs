//! Ids that a platform vouches for: they are one person, and are joined without a question where one was approved.

use std::collections::BTreeSet;

use openclaw_plugin_sdk::{SenderId, UnixMs};

use crate::{
    Store, StoreError,
    audit::{Line, PLATFORM, action},
    rules::{
        Contact,
        records::{Grant, Records, Standing},
    },
    transaction::Transaction,
};

/// So many further ids of one event are looked at.
const MOST: usize = 4;

impl Store {
    /// Joins an id without access to the first of these others that was approved, and gives it the same access: the
    /// platform says that they are one person. From then on the approved one alone opens nothing: another person may
    /// have it by then. To an id that has access itself the others are joined. An id that was joined to another of its
    /// channel before stays with that one. The id that it was joined to; `None` where nothing was changed.
    pub fn join_vouched(
        &self,
        who: &Contact,
        also: &[SenderId],
        now: UnixMs,
    ) -> Result<Option<Contact>, StoreError> {
        // Most events change nothing, and need no lock.
        if self.vouched(who, also, now)?.is_none() {
            return self.pin(who, also, now);
        }
        let mut tx = Transaction::open(self, None, now)?;
        let now = tx.now;
        let Some(alias) = self.vouched(who, also, now)? else { return Ok(None) };
        let mut records = tx.records()?;
        let recorded = records.grant(&alias).filter(|grant| grant.lasts(now)).cloned();
        let by = recorded.as_ref().map_or_else(|| alias.to_string(), |grant| grant.by.clone());
        let until = recorded.and_then(|grant| grant.until);
        let person: BTreeSet<Contact> = records.person(&alias).into_iter().collect();
        let others = tx.take_entries(&person)?.into_iter().filter(|contact| *contact != alias);
        for contact in others {
            records.let_in(Grant { contact, since: now, until: None, by: by.clone() });
        }
        tx.take_requests(|request| request.key == who.key && request.sender == who.sender)?;
        records.take_away(&alias);
        records.join(&alias, who);
        records.let_in(Grant { contact: who.clone(), since: now, until, by });
        let mut line = Line::new(PLATFORM, &alias.to_string(), action::APPROVE, now);
        line = line.of(&who.key).about(who.sender.as_str()).with(&alias.to_string());
        if let Some(until) = until {
            line = line.until(until);
        }
        tx.commit_records(records, line)?;
        Ok(Some(alias))
    }

    /// Joins these ids to one that has access. What they opened themselves is over, for that one opens it.
    fn pin(
        &self,
        who: &Contact,
        also: &[SenderId],
        now: UnixMs,
    ) -> Result<Option<Contact>, StoreError> {
        if self.unpinned(who, also, now)?.is_empty() {
            return Ok(None);
        }
        let mut tx = Transaction::open(self, None, now)?;
        let now = tx.now;
        let found = self.unpinned(who, also, now)?;
        let mut records = tx.records()?;
        tx.take_entries(&found.iter().cloned().collect())?;
        let mut lines = Vec::new();
        for alias in &found {
            records.take_away(alias);
            records.join(who, alias);
            let line = Line::new(PLATFORM, &who.to_string(), action::JOIN, now);
            let line = line.of(&who.key).about(who.sender.as_str());
            lines.push(line.with(&alias.to_string()));
        }
        tx.put_records(records)?;
        tx.commit(lines)?;
        Ok(found.into_iter().next())
    }

    /// Those of these ids that belong to nobody, where an id has access.
    fn unpinned(
        &self,
        who: &Contact,
        also: &[SenderId],
        now: UnixMs,
    ) -> Result<Vec<Contact>, StoreError> {
        let standing = |sender| self.standing(&who.key, sender, now);
        let has_access = match standing(&who.sender)? {
            Standing::Granted => true,
            Standing::Unknown => self.approved(&who.key)?.names(&who.sender),
            Standing::Blocked => false,
        };
        let (index, mut found) = (self.records()?, Vec::new());
        for sender in also.iter().take(if has_access { MOST } else { 0 }) {
            let alias = Contact { key: who.key.clone(), sender: sender.clone() };
            if alias != *who
                && standing(sender)? != Standing::Blocked
                && !is_pinned(index.records(), &alias)
            {
                found.push(alias);
            }
        }
        Ok(found)
    }

    /// The id that an id without access is to be joined to.
    fn vouched(
        &self,
        who: &Contact,
        also: &[SenderId],
        now: UnixMs,
    ) -> Result<Option<Contact>, StoreError> {
        let (index, approved) = (self.records()?, self.approved(&who.key)?);
        let records = index.records();
        if self.standing(&who.key, &who.sender, now)? != Standing::Unknown
            || approved.names(&who.sender)
        {
            return Ok(None);
        }
        for sender in also.iter().take(MOST) {
            let alias = Contact { key: who.key.clone(), sender: sender.clone() };
            let standing = self.standing(&alias.key, sender, now)?;
            let has_access = standing == Standing::Granted || approved.names(sender);
            if standing != Standing::Blocked && has_access && !is_pinned(records, &alias) {
                return Ok(Some(alias));
            }
        }
        Ok(None)
    }
}

/// True for an id that belongs to another of its channel already.
fn is_pinned(records: &Records, alias: &Contact) -> bool {
    let others = records.person(alias);
    others.iter().any(|other| other != alias && other.key.channel == alias.key.channel)
}
