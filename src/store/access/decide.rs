//! Decisions about permissions. What each changes in several files is written aside first; its one line in the
//! access log names those files and commits them together.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use openclaw_plugin_sdk::{Decision, UnixMs};

use super::{Blocked, doc};
use crate::{
    rules::{
        AccountKey, Contact,
        approver::Approver,
        authority::Authority,
        owner::Owners,
        pairing::PairingRequest,
        records::{Block, Grant, Records},
    },
    store::{
        Decide, Store, StoreError, allowlist,
        audit::{Line, action},
        change::Change,
        file::{self, Found},
        own,
        pairing::Requests,
    },
};

/// One change of the records and of what stands beside them.
pub(super) struct Transaction<'a> {
    pub(super) change: Change<'a>,
    pub(super) now: UnixMs,
    pub(super) records: Records,
    path: PathBuf,
    found: Option<Found>,
    /// Nothing is written where nothing has changed.
    touched: bool,
}

impl<'a> Transaction<'a> {
    pub(super) fn open(
        store: &'a Store,
        by: Option<&Authority>,
        now: UnixMs,
    ) -> Result<Self, StoreError> {
        Self::on(Change::open(store, by, now)?)
    }

    /// Behind a lock that is held already.
    pub(super) fn on(change: Change<'a>) -> Result<Self, StoreError> {
        let path = change.store.state.access_records();
        let found = own::read(&change.store.state, &path)?;
        let (records, now) = (doc::records(found.as_ref())?, change.now);
        Ok(Self { change, now, records, path, found, touched: false })
    }

    /// Writes what has become of the records, with the line that says so.
    pub(super) fn commit(mut self, line: Line) -> Result<(), StoreError> {
        if self.touched {
            self.records.prune(self.now);
            self.path.parent().map_or(Ok(()), file::ensure_dir)?;
            let text = doc::render(&self.records, &self.path)?;
            self.change.stage(&self.path, self.found.as_ref(), &text)?;
        }
        if line.action == action::REVOKE && !self.touched {
            // The line says all that there is to do.
            return self.change.commit(vec![line]);
        }
        self.change.commit_files(Vec::new(), line)
    }

    /// The records are not what they were.
    pub(super) fn touch(&mut self) {
        self.touched = true;
    }

    /// Takes out the open requests that `over` names, on every channel.
    pub(super) fn take_requests(
        &mut self,
        over: impl Fn(&PairingRequest) -> bool,
    ) -> Result<(), StoreError> {
        let store = self.change.store;
        for (channel, path) in store.state.pairing_files()? {
            let is_over = |found: Option<&Found>| {
                let requests = Requests::parse(found, &channel, store.parse)?;
                let known = requests.known();
                Ok::<_, StoreError>((known.iter().any(&over), requests, known))
            };
            if !is_over(file::read(&path)?.as_ref())?.0 {
                continue;
            }
            self.change.hold(&path)?;
            let found = file::read(&path)?;
            let (any, mut requests, mut known) = is_over(found.as_ref())?;
            if any {
                known.retain(|request| !over(request));
                requests.follow(&known, self.now);
                self.change.stage(&path, found.as_ref(), &requests.render(&path)?)?;
            }
        }
        Ok(())
    }

    /// Takes these senders out of the field's lists. Those that stood there.
    pub(super) fn take_entries(
        &mut self,
        contacts: &BTreeSet<Contact>,
    ) -> Result<BTreeSet<Contact>, StoreError> {
        let store = self.change.store;
        let paths = contacts.iter().flat_map(|contact| store.state.allowlists(&contact.key));
        let paths: BTreeSet<PathBuf> = paths.collect();
        let mut out = BTreeSet::new();
        for path in paths {
            self.change.hold(&path)?;
            let found = file::read(&path)?;
            let mut grants = allowlist::grants(found.as_ref())?;
            let mut changed = false;
            for contact in contacts {
                let is_his = store.state.allowlists(&contact.key).contains(&path);
                let channel = &contact.key.channel;
                if is_his && grants.remove(&contact.sender, channel, store.parse) {
                    changed = true;
                    out.insert(contact.clone());
                }
            }
            if changed {
                self.change.stage(&path, found.as_ref(), &grants.render(&path)?)?;
            }
        }
        Ok(out)
    }

    /// Takes every grant of these ids away. Those that had one.
    pub(super) fn take_grants(
        &mut self,
        contacts: &BTreeSet<Contact>,
    ) -> Result<BTreeSet<Contact>, StoreError> {
        let mut out = self.take_entries(contacts)?;
        let links = self.records.links.len();
        for contact in contacts {
            if self.records.take_away(contact) {
                self.touch();
                out.insert(contact.clone());
            }
        }
        if self.records.links.len() < links {
            self.touch();
        }
        Ok(out)
    }

    /// Every id of the person, with every account of each channel that has a list.
    fn everywhere(&self, who: &Contact) -> Result<BTreeSet<Contact>, StoreError> {
        let state = &self.change.store.state;
        let mut people: BTreeSet<Contact> =
            self.records.on_channel(&who.key.channel, &who.sender).into_iter().collect();
        people.insert(who.clone());
        let keys = state.allowlist_keys()?;
        let more: Vec<Contact> = people
            .iter()
            .flat_map(|contact| {
                let same = keys.iter().filter(|key| key.channel == contact.key.channel);
                let at =
                    |key: &AccountKey| Contact { key: key.clone(), sender: contact.sender.clone() };
                same.map(at).collect::<Vec<_>>()
            })
            .collect();
        let recorded = self.records.grants.iter().map(|grant| &grant.contact);
        let same_sender = |contact: &&Contact| {
            people
                .iter()
                .any(|one| one.sender == contact.sender && one.key.channel == contact.key.channel)
        };
        let recorded: Vec<Contact> = recorded.filter(same_sender).cloned().collect();
        people.extend(more);
        people.extend(recorded);
        Ok(people)
    }

    /// Blocks a person under each of his ids. `None` where all of them are blocked already.
    fn block(&mut self, by: &str, who: &Contact) -> Result<Option<BTreeSet<Contact>>, StoreError> {
        let people = self.everywhere(who)?;
        self.take_requests(|request| {
            let asks = |contact: &Contact| {
                contact.key.channel == request.key.channel && contact.sender == request.sender
            };
            people.iter().any(asks) || request.claims.as_deref().is_some_and(|c| people.contains(c))
        })?;
        self.take_grants(&people)?;
        let since = self.now;
        let mut done = BTreeSet::new();
        for contact in &people {
            let (channel, sender) = (contact.key.channel.clone(), contact.sender.clone());
            if self.records.block(Block { channel, sender, since, by: by.to_owned() }) {
                self.touch();
                done.insert(contact.clone());
            }
        }
        Ok((!done.is_empty()).then_some(done))
    }
}

/// A line about one id.
pub(super) fn line_about(by: &Approver, action: &str, who: &Contact, now: UnixMs) -> Line {
    Line::by(by, action, now).of(&who.key).about(who.sender.as_str())
}

/// What became of a decision about a request that is more than an entry in a list.
pub(in crate::store) enum Settled {
    /// Whom he says to be is let in no more.
    Changed,
    /// It is done.
    Done,
}

/// Approves a request for a while, joins the ids that it asks to be joined, or blocks whoever asks.
pub(in crate::store) fn settle(
    change: Change<'_>,
    by: &Approver,
    (decide, request): (&Decide<'_>, &PairingRequest),
) -> Result<Settled, StoreError> {
    let mut tx = Transaction::on(change)?;
    let now = tx.now;
    let contact = request.contact();
    if decide.decision == Decision::Block {
        tx.block(by.actor(), &contact)?;
        let line = line_about(by, action::BLOCK, &contact, now).deciding(&request.id);
        return tx.commit(line).map(|()| Settled::Done);
    }
    let mut line = line_about(by, action::APPROVE, &contact, now).deciding(&request.id);
    tx.take_requests(|open| open.id == request.id)?;
    let mut until = decide.until;
    if let Some(claimed) = request.claims.as_deref() {
        if tx.records.is_blocked(&claimed.key.channel, &claimed.sender) {
            return Ok(Settled::Changed);
        }
        let person: BTreeSet<Contact> = tx.records.person(claimed).into_iter().collect();
        let recorded = tx.records.grant(claimed).filter(|grant| grant.lasts(now)).cloned();
        let moved = tx.take_entries(&person)?;
        if recorded.is_none() && !moved.contains(claimed) {
            return Ok(Settled::Changed);
        }
        // The other id gets no more than the one that it is joined to.
        let most = recorded.and_then(|grant| grant.until);
        until = match (until, most) {
            (Some(until), Some(most)) => Some(until.min(most)),
            (until, most) => until.or(most),
        };
        for contact in moved {
            tx.records.let_in(Grant {
                contact,
                since: now,
                until: None,
                by: by.actor().to_owned(),
            });
        }
        tx.records.join(claimed, &contact);
        line = line.with(&claimed.to_string());
    }
    if let Some(until) = until {
        line = line.until(until);
    }
    let by = by.actor().to_owned();
    tx.records.let_in(Grant { contact, since: now, until, by });
    tx.touch();
    tx.commit(line)?;
    Ok(Settled::Done)
}

/// Spends the link by which somebody says who he is, in a change that commits by other lines. False where there is
/// none any more.
pub(in crate::store) fn spend_link(
    change: &mut Change<'_>,
    claims: Option<&Contact>,
) -> Result<bool, StoreError> {
    let Some(claims) = claims else { return Ok(false) };
    let path = change.store.state.access_records();
    let found = own::read(&change.store.state, &path)?;
    let mut records = doc::records(found.as_ref())?;
    let now = change.now;
    let before = records.links.len();
    records.links.retain(|link| link.contact != *claims || !link.is_open(now));
    if records.links.len() == before {
        return Ok(false);
    }
    let text = doc::render(&records, &path)?;
    change.stage(&path, found.as_ref(), &text).map(|()| true)
}

pub(super) fn revoke(
    store: &Store,
    by: &Approver,
    who: &Contact,
    now: UnixMs,
) -> Result<Vec<Contact>, StoreError> {
    let mut tx = Transaction::open(store, Some(by.authority()), now)?;
    let people: BTreeSet<Contact> = tx.records.person(who).into_iter().collect();
    // Whoever says that he is this person says it of nobody now.
    tx.take_requests(|open| open.claims.as_deref().is_some_and(|claims| people.contains(claims)))?;
    let lost = tx.take_grants(&people)?;
    if lost.is_empty() {
        return Ok(Vec::new());
    }
    if people.len() > 1 {
        tx.records.part(who);
        tx.touch();
    }
    let line = line_about(by, action::REVOKE, who, tx.now);
    tx.commit(line)?;
    Ok(lost.into_iter().collect())
}

pub(super) fn block(
    store: &Store,
    by: &Approver,
    (who, owners): (&Contact, &Owners),
    now: UnixMs,
) -> Result<Blocked, StoreError> {
    let mut tx = Transaction::open(store, Some(by.authority()), now)?;
    let added = store.owners()?;
    let is_owner = |contact: &Contact| {
        let Contact { key, sender } = contact;
        owners.names(&key.channel, sender) || added.names(&key.channel, sender)
    };
    if tx.everywhere(who)?.iter().any(is_owner) {
        return Ok(Blocked::Owner);
    }
    let Some(done) = tx.block(by.actor(), who)? else { return Ok(Blocked::Already) };
    let line = line_about(by, action::BLOCK, who, tx.now);
    tx.commit(line)?;
    Ok(Blocked::Done(done.into_iter().collect()))
}

pub(super) fn unblock(
    store: &Store,
    by: &Approver,
    who: &Contact,
    now: UnixMs,
) -> Result<Vec<Contact>, StoreError> {
    let mut tx = Transaction::open(store, Some(by.authority()), now)?;
    let mut people: BTreeSet<Contact> =
        tx.records.on_channel(&who.key.channel, &who.sender).into_iter().collect();
    people.insert(who.clone());
    let mut done = Vec::new();
    for contact in people {
        if tx.records.unblock(&contact.key.channel, &contact.sender) {
            done.push(contact);
        }
    }
    if !done.is_empty() {
        tx.touch();
        let line = line_about(by, action::UNBLOCK, who, tx.now);
        tx.commit(line)?;
    }
    Ok(done)
}

impl crate::store::paths::StateDir {
    /// The pairing files that are there, by channel.
    fn pairing_files(&self) -> Result<Vec<(String, PathBuf)>, StoreError> {
        named(&self.credentials(), "-pairing.json")
    }

    /// The accounts whose lists are there.
    pub(super) fn allowlist_keys(&self) -> Result<BTreeSet<AccountKey>, StoreError> {
        let mut keys = BTreeSet::new();
        for (head, _) in named(&self.credentials(), "-allowFrom.json")? {
            let (channel, account) = match head.split_once('-') {
                None => (head.as_str(), Some(openclaw_plugin_sdk::AccountId::default_account())),
                Some((channel, account)) => {
                    (channel, openclaw_plugin_sdk::AccountId::parse(account))
                }
            };
            keys.extend(account.map(|account| AccountKey { channel: channel.to_owned(), account }));
        }
        Ok(keys)
    }
}

/// The files of a folder whose names end so, with what stands before the end.
fn named(dir: &Path, end: &str) -> Result<Vec<(String, PathBuf)>, StoreError> {
    let failed = |error| crate::store::io("read", dir, error);
    let mut found = Vec::new();
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(head) = name.strip_suffix(end) {
            found.push((head.to_owned(), path));
        }
    }
    found.sort();
    Ok(found)
}
