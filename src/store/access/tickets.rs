//! Notes, ends of grants, links and invitations.

use std::{collections::BTreeSet, sync::Arc};

use openclaw_plugin_sdk::{SenderId, UnixMs};

use super::{
    Accepted, Blocked, Ends, Holder,
    decide::{self, Transaction, line_about},
};
use crate::{
    rules::{
        AccountKey, Contact,
        approver::Approver,
        owner::Owners,
        records::{Grant, Index, Invitation, OpenLink, Standing},
        ticket::{LINK_MS, LONGEST_INVITATION_MS, Ticket},
    },
    store::{
        Store, StoreError,
        access::grants_report,
        audit::{Line, action, hex},
        io,
    },
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
        let index = self.records()?;
        let standing = index.standing(key, sender, now);
        if standing == Standing::Granted
            && let Some(Grant { since, until: Some(until), .. }) = index.grant(key, sender)
        {
            // A clock that is set back lengthens nothing while this process runs.
            let name = format!("{}/{}:{sender}:{}", key.channel, key.account, until.0);
            if self.ages.is_over(name.as_bytes(), until.0.saturating_sub(since.0)) {
                return Ok(Standing::Unknown);
            }
        }
        Ok(standing)
    }

    /// Everything that is kept. One `stat` while nothing changed.
    pub fn records(&self) -> Result<Arc<Index>, StoreError> {
        let path = || vec![self.state.access_records()];
        self.records.get(&self.state, &(), path, |found| super::index(found.first()))
    }

    /// Everybody whom the store lets in on a channel, or on all, by the lists and by the records; ended grants too.
    pub fn holders(&self, channel: Option<&str>, now: UnixMs) -> Result<Vec<Holder>, StoreError> {
        grants_report::holders(self, channel, now)
    }

    /// Takes every stored grant of this id away, and of every id that is joined to it, and forgets that they are
    /// joined. The ids that lost something; none where nobody had anything.
    pub fn revoke(
        &self,
        by: &Approver,
        who: &Contact,
        now: UnixMs,
    ) -> Result<Vec<Contact>, StoreError> {
        decide::revoke(self, by, who, now)
    }

    /// Blocks a person under every id that is joined to this one; grants and open requests go in the same decision.
    /// `owners` are those that the configuration names: an owner cannot be blocked.
    pub fn block(
        &self,
        by: &Approver,
        who: &Contact,
        owners: &Owners,
        now: UnixMs,
    ) -> Result<Blocked, StoreError> {
        decide::block(self, by, (who, owners), now)
    }

    /// Takes the block of a person away, under every id that is joined to this one. None where there was none.
    pub fn unblock(
        &self,
        by: &Approver,
        who: &Contact,
        now: UnixMs,
    ) -> Result<Vec<Contact>, StoreError> {
        decide::unblock(self, by, who, now)
    }

    /// Names somebody, or takes the name away. False where that changes nothing.
    pub fn annotate(
        &self,
        by: &Approver,
        who: &Contact,
        note: Option<&str>,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let mut tx = Transaction::open(self, Some(by.authority()), now)?;
        if !tx.records.annotate(&who.key.channel, &who.sender, note) {
            return Ok(false);
        }
        tx.touch();
        let line = line_about(by, action::NOTE, who, tx.now);
        tx.commit(line).map(|()| true)
    }

    /// Gives a grant that ends, or has ended, another end. False where there is no such grant, where it ends at
    /// another time than was shown, or where the person is blocked.
    pub fn extend(
        &self,
        by: &Approver,
        who: &Contact,
        Ends { was, until }: Ends,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let mut tx = Transaction::open(self, Some(by.authority()), now)?;
        let now = tx.now;
        let is_blocked = tx.records.is_blocked(&who.key.channel, &who.sender);
        let as_shown = |grant: &&Grant| was.is_none() || grant.until == was;
        let grant = tx.records.grant(who).filter(as_shown).filter(|_| !is_blocked);
        let Some(mut grant) = grant.cloned() else { return Ok(false) };
        if !grant.lasts(now) {
            (grant.since, grant.by) = (now, by.actor().to_owned());
        }
        grant.until = until;
        tx.records.let_in(grant);
        tx.touch();
        let line = line_about(by, action::EXTEND, who, now);
        let line = match until {
            Some(until) => line.until(until),
            None => line,
        };
        tx.commit(line).map(|()| true)
    }

    /// Opens a link for somebody who is let in, in place of the one that may be open.
    pub fn open_link(&self, who: &Contact, code: &Ticket, now: UnixMs) -> Result<(), StoreError> {
        let mut tx = Transaction::open(self, None, now)?;
        let now = tx.now;
        tx.records.links.retain(|link| link.contact != *who);
        let (digest, contact) = (code.digest(), who.clone());
        tx.records.links.push(OpenLink { digest, contact, since: now });
        tx.touch();
        self.ages.note(&code.digest().0, LINK_MS);
        let line = Line::new("chat", &who.to_string(), action::LINK_OPEN, now);
        tx.commit(line.of(&who.key).about(who.sender.as_str()))
    }

    /// Whom the bearer of a link says to be; `None` where the link is not open.
    pub fn linked(&self, code: &Ticket, now: UnixMs) -> Result<Option<Contact>, StoreError> {
        let (index, digest) = (self.records()?, code.digest());
        let mut open = index.records().links.iter().filter(|link| link.is_open(now));
        let open = open.find(|link| link.digest.matches(&digest));
        let lives = |link: &&OpenLink| !self.ages.is_over(&link.digest.0, LINK_MS);
        Ok(open.filter(lives).map(|link| link.contact.clone()))
    }

    /// Opens an invitation with a note, until then; its opaque name. The store cuts its time to a day.
    pub fn invite(
        &self,
        by: &Approver,
        code: &Ticket,
        (note, until): (Option<&str>, UnixMs),
        now: UnixMs,
    ) -> Result<String, StoreError> {
        let mut tx = Transaction::open(self, Some(by.authority()), now)?;
        let now = tx.now;
        let random: [u8; 4] = world::random()
            .map_err(|error| io("draw a name for", &self.state.access_records(), error))?;
        let id = hex(&random);
        let until = until.min(UnixMs(now.0.saturating_add(LONGEST_INVITATION_MS)));
        tx.records.invitations.push(Invitation {
            id: id.clone(),
            digest: code.digest(),
            note: note.map(str::to_owned),
            since: now,
            until,
            by: by.actor().to_owned(),
        });
        tx.touch();
        self.ages.note(&code.digest().0, until.0.saturating_sub(now.0));
        let line = Line::by(by, action::INVITE, now).named(&id).until(until);
        tx.commit(line).map(|()| id)
    }

    /// Takes an invitation back that nobody has used. False where there is none of that name.
    pub fn uninvite(&self, by: &Approver, id: &str, now: UnixMs) -> Result<bool, StoreError> {
        let mut tx = Transaction::open(self, Some(by.authority()), now)?;
        let now = tx.now;
        let before = tx.records.invitations.len();
        tx.records.invitations.retain(|one| one.id != id || !one.is_open(now));
        if tx.records.invitations.len() == before {
            return Ok(false);
        }
        tx.touch();
        tx.commit(Line::by(by, action::UNINVITE, now).named(id)).map(|()| true)
    }

    /// Spends an invitation, and lets its bearer in for good. What it was; `None` where it is not open, or he is
    /// blocked or let in already.
    pub fn accept(
        &self,
        code: &Ticket,
        who: &Contact,
        now: UnixMs,
    ) -> Result<Option<Accepted>, StoreError> {
        // A guess needs no lock to be wrong.
        if open_invitation(self, self.records()?.records().invitations.iter(), code, now).is_none()
        {
            return Ok(None);
        }
        let mut tx = Transaction::open(self, None, now)?;
        let now = tx.now;
        let open = open_invitation(self, tx.records.invitations.iter(), code, now).cloned();
        let Some(open) = open else { return Ok(None) };
        let Contact { key, sender } = who;
        // Whoever was let in meanwhile keeps it for somebody else.
        if self.standing(key, sender, now)? != Standing::Unknown
            || self.approved(key)?.names(sender)
        {
            return Ok(None);
        }
        tx.take_requests(|request| request.key == *key && request.sender == *sender)?;
        tx.records.invitations.retain(|one| one.id != open.id);
        tx.take_grants(&BTreeSet::from([who.clone()]))?;
        let (contact, by) = (who.clone(), open.by.clone());
        tx.records.let_in(Grant { contact, since: now, until: None, by });
        tx.touch();
        let line = Line::new("chat", &who.to_string(), action::ACCEPT, now).of(key);
        tx.commit(line.about(sender.as_str()).named(&open.id))?;
        Ok(Some(Accepted { id: open.id, note: open.note, by: open.by }))
    }
}

fn open_invitation<'a>(
    store: &Store,
    mut all: impl Iterator<Item = &'a Invitation>,
    code: &Ticket,
    now: UnixMs,
) -> Option<&'a Invitation> {
    let digest = code.digest();
    let open = all.find(|one| one.digest.matches(&digest) && one.is_open(now))?;
    let life = open.until.0.saturating_sub(open.since.0);
    (!store.ages.is_over(&open.digest.0, life)).then_some(open)
}
