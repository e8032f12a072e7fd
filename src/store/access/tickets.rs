//! Notes, ends of grants, links and invitations.

use std::{collections::BTreeSet, sync::Arc};

use data_encoding::HEXLOWER;
use openclaw_plugin_sdk::{SenderId, UnixMs};

use super::{Accepted, Ends, decide::line_about, records_file};
use crate::{
    Store, StoreError,
    audit::{Line, action},
    cached_table::{Current, HeadSeen},
    io,
    rules::{
        AccountKey, Contact,
        approver::Approver,
        records::{Grant, Index, Invitation, OpenLink, Standing},
        ticket::{LINK_MS, LONGEST_INVITATION_MS, Ticket},
    },
    transaction::Transaction,
    world,
};

impl Store {
    /// What the records say of a sender now. One `stat` while nothing changed.
    pub fn standing(
        &self,
        key: &AccountKey,
        sender: &SenderId,
        now: UnixMs,
    ) -> Result<Standing, StoreError> {
        Ok(self.standing_in(&*self.records()?, key, sender, now))
    }

    /// As [`Self::standing`], by records that were read before.
    pub fn standing_in(
        &self,
        index: &Index,
        key: &AccountKey,
        sender: &SenderId,
        now: UnixMs,
    ) -> Standing {
        let standing = index.standing(key, sender, now);
        if standing == Standing::Granted
            && let Some(Grant { since, until: Some(until), .. }) = index.grant(key, sender)
        {
            // A clock that is set back lengthens no grant while this process runs.
            let name = format!("{}/{}:{sender}:{}", key.channel, key.account, until.0);
            if self.ages.is_over(name.as_bytes(), until.0.saturating_sub(since.0)) {
                return Standing::Unknown;
            }
        }
        standing
    }

    /// Everything that is kept of permissions beside the lists of the field. One `stat` while nothing changed.
    pub fn records(&self) -> Result<Arc<Index>, StoreError> {
        Ok(self.records_file(&HeadSeen::default())?.0)
    }

    pub(crate) fn records_file(&self, seen: &HeadSeen) -> Result<Current<Index>, StoreError> {
        let path = || vec![self.state.access_records()];
        self.records.get(&self.state, seen, &(), path, |found| records_file::index(&found[0]))
    }

    /// Writes a note about a person, or takes it away. False if that changes nothing.
    pub fn annotate(
        &self,
        by: &Approver,
        who: &Contact,
        note: Option<&str>,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let tx = Transaction::open(self, Some(by.authority()), now)?;
        let mut records = tx.records()?;
        if !records.annotate(&who.key.channel, &who.sender, note) {
            return Ok(false);
        }
        let line = line_about(by, action::NOTE, who, tx.now);
        tx.commit_records(records, line).map(|()| true)
    }

    /// Gives a grant that ends, or has ended, another end, and closes a request of the person. False if there is no such
    /// grant, if it ends at another time than was shown, or if the person is blocked.
    pub fn extend(
        &self,
        by: &Approver,
        who: &Contact,
        Ends { was, until }: Ends,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let mut tx = Transaction::open(self, Some(by.authority()), now)?;
        let (now, mut records) = (tx.now, tx.records()?);
        let is_blocked = records.is_blocked(&who.key.channel, &who.sender);
        let as_shown = |grant: &&Grant| was.is_none() || grant.until == was;
        let grant = records.grant(who).filter(as_shown).filter(|_| !is_blocked);
        let Some(mut grant) = grant.cloned() else { return Ok(false) };
        if !grant.lasts(now) {
            (grant.since, grant.by) = (now, by.actor().to_owned());
        }
        grant.until = until;
        records.let_in(grant);
        let mut line = line_about(by, action::EXTEND, who, now).until(until);
        let waiting = self.waiting(&who.key.channel, now)?;
        if let Some(open) = waiting.into_iter().find(|open| open.contact() == *who) {
            tx.take_requests(|one| one.id == open.id)?;
            line = line.named(open.id.as_str());
        }
        tx.commit_records(records, line).map(|()| true)
    }

    /// Opens a link for a person who has access, in place of an open one.
    pub fn open_link(&self, who: &Contact, code: &Ticket, now: UnixMs) -> Result<(), StoreError> {
        let tx = Transaction::open(self, None, now)?;
        let (now, mut records, digest) = (tx.now, tx.records()?, code.digest());
        records.links.retain(|link| link.contact != *who);
        records.links.push(OpenLink { digest, contact: who.clone(), since: now });
        self.ages.note(&digest.0, LINK_MS);
        let line = Line::new("chat", &who.to_string(), action::LINK_OPEN, now);
        tx.commit_records(records, line.of(&who.key).about(who.sender.as_str()))
    }

    /// The person that a link stands for; `None` if the link is not open.
    pub fn linked(&self, code: &Ticket, now: UnixMs) -> Result<Option<Contact>, StoreError> {
        let (index, digest) = (self.records()?, code.digest());
        let mut open = index.records().links.iter().filter(|link| link.is_open(now));
        let open = open.find(|link| link.digest.matches(&digest));
        let lives = |link: &&OpenLink| !self.ages.is_over(&link.digest.0, LINK_MS);
        Ok(open.filter(lives).map(|link| link.contact.clone()))
    }

    /// Opens an invitation with a note, until then; returns its opaque name. The store cuts its time to a day.
    pub fn invite(
        &self,
        by: &Approver,
        code: &Ticket,
        (note, until): (Option<&str>, UnixMs),
        now: UnixMs,
    ) -> Result<String, StoreError> {
        let tx = Transaction::open(self, Some(by.authority()), now)?;
        let (now, mut records) = (tx.now, tx.records()?);
        let random: [u8; 4] = world::random()
            .map_err(|error| io("draw a name for", &self.state.access_records(), error))?;
        let id = HEXLOWER.encode(&random);
        let until = until.min(UnixMs(now.0.saturating_add(LONGEST_INVITATION_MS)));
        records.invitations.push(Invitation {
            id: id.clone(),
            digest: code.digest(),
            note: note.map(str::to_owned),
            since: now,
            until,
            by: by.actor().to_owned(),
        });
        self.ages.note(&code.digest().0, until.0.saturating_sub(now.0));
        let line = Line::by(by, action::INVITE, now).named(&id).until(until);
        tx.commit_records(records, line).map(|()| id)
    }

    /// Takes back an unused invitation. False if there is none of that name.
    pub fn uninvite(&self, by: &Approver, id: &str, now: UnixMs) -> Result<bool, StoreError> {
        let tx = Transaction::open(self, Some(by.authority()), now)?;
        let (now, mut records) = (tx.now, tx.records()?);
        let before = records.invitations.len();
        records.invitations.retain(|one| one.id != id || !one.is_open(now));
        if records.invitations.len() == before {
            return Ok(false);
        }
        tx.commit_records(records, Line::by(by, action::UNINVITE, now).named(id)).map(|()| true)
    }

    /// Spends an invitation, and gives its bearer permanent access. `None` if it is not open, or if the bearer is
    /// blocked or has access already.
    pub fn accept(
        &self,
        code: &Ticket,
        who: &Contact,
        now: UnixMs,
    ) -> Result<Option<Accepted>, StoreError> {
        // A wrong guess needs no lock.
        if self.open_invitation(code, now)?.is_none() {
            return Ok(None);
        }
        let mut tx = Transaction::open(self, None, now)?;
        let now = tx.now;
        let Some(open) = self.open_invitation(code, now)? else { return Ok(None) };
        let Contact { key, sender } = who;
        // A bearer who has access meanwhile leaves it for another person.
        if self.standing(key, sender, now)? != Standing::Unknown
            || self.approved(key)?.names(sender)
        {
            return Ok(None);
        }
        let mut records = tx.records()?;
        tx.take_requests(|request| request.key == *key && request.sender == *sender)?;
        records.invitations.retain(|one| one.id != open.id);
        tx.take_grants(&mut records, &BTreeSet::from([who.clone()]))?;
        let (contact, by) = (who.clone(), open.by.clone());
        records.let_in(Grant { contact, since: now, until: None, by });
        // What the owner has called the person since counts more.
        if open.note.is_some() && records.note(&key.channel, sender).is_none() {
            records.annotate(&key.channel, sender, open.note.as_deref());
        }
        let line = Line::new("chat", &who.to_string(), action::ACCEPT, now).of(key);
        tx.commit_records(records, line.about(sender.as_str()).named(&open.id))?;
        Ok(Some(Accepted { id: open.id, note: open.note, by: open.by }))
    }

    fn open_invitation(
        &self,
        code: &Ticket,
        now: UnixMs,
    ) -> Result<Option<Invitation>, StoreError> {
        let (index, digest) = (self.records()?, code.digest());
        let mut all = index.records().invitations.iter();
        let open = all.find(|one| one.digest.matches(&digest) && one.is_open(now));
        let life = |one: &Invitation| one.until.0.saturating_sub(one.since.0);
        let lives = |one: &&Invitation| !self.ages.is_over(&one.digest.0, life(one));
        Ok(open.filter(lives).cloned())
    }
}
