//! What a transaction can change of the records, of open requests, and of the lists of the field.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use openclaw_plugin_sdk::AccountId;

use super::records_file;
use crate::{
    StoreError, allowlist,
    audit::Line,
    cached_table::HeadSeen,
    file,
    pairing::Requests,
    paths::StateDir,
    rules::{
        AccountKey, Contact,
        pairing::PairingRequest,
        records::{Block, Index, Records},
    },
    transaction::Transaction,
};

impl Transaction<'_> {
    /// The records as they are now.
    pub(crate) fn records(&self) -> Result<Records, StoreError> {
        Ok(self.store.records()?.records().clone())
    }

    /// Writes the records, if they have changed.
    pub(crate) fn put_records(&mut self, mut records: Records) -> Result<(), StoreError> {
        let path = self.store.state.access_records();
        let (index, before) = self.store.records_file(&HeadSeen::default())?;
        if records_file::render(&records, &path)? == records_file::render(index.records(), &path)? {
            return Ok(());
        }
        records.prune(self.now);
        path.parent().map_or(Ok(()), file::ensure_dir)?;
        self.write(&path, before, &records_file::render(&records, &path)?)?;
        let file = path.clone();
        self.when_written(path, move |store, identity| {
            store.records.put((), file, identity, Arc::new(Index::of(records)));
        });
        Ok(())
    }

    /// Writes the records, if they have changed, and commits a line.
    pub(super) fn commit_records(mut self, records: Records, line: Line) -> Result<(), StoreError> {
        self.put_records(records)?;
        self.commit(vec![line])
    }

    /// Takes out these open requests, on every channel.
    pub(crate) fn take_requests(
        &mut self,
        is_taken: impl Fn(&PairingRequest) -> bool,
    ) -> Result<(), StoreError> {
        for (channel, path) in named(&self.store.state, "-pairing.json")? {
            let requests = Requests::parse(&file::read(&path)?, &channel, self.store.parse)?;
            if requests.known().iter().any(&is_taken) {
                self.keep_requests(&channel, &path, |request| !is_taken(request))?;
            }
        }
        Ok(())
    }

    /// Takes the other requests out of a channel's file.
    pub(crate) fn keep_requests(
        &mut self,
        channel: &str,
        path: &Path,
        keeps: impl Fn(&PairingRequest) -> bool,
    ) -> Result<(), StoreError> {
        self.lock(path)?;
        let found = file::read(path)?;
        let mut requests = Requests::parse(&found, channel, self.store.parse)?;
        let mut known = requests.known();
        let before = known.len();
        known.retain(keeps);
        if known.len() == before {
            return Ok(());
        }
        requests.follow(&known, self.now);
        self.put(&found, &requests.doc)
    }

    /// Takes these senders out of the field's lists. Returns those that were in one.
    pub(crate) fn take_entries(
        &mut self,
        contacts: &BTreeSet<Contact>,
    ) -> Result<BTreeSet<Contact>, StoreError> {
        let store = self.store;
        let paths = contacts.iter().flat_map(|contact| store.state.allowlists(&contact.key));
        let paths: BTreeSet<PathBuf> = paths.collect();
        let mut out = BTreeSet::new();
        for path in paths {
            self.lock(&path)?;
            let found = file::read(&path)?;
            let mut grants = allowlist::grants(&found)?;
            let mut changed = false;
            for contact in contacts {
                let is_theirs = store.state.allowlists(&contact.key).contains(&path);
                let channel = &contact.key.channel;
                if is_theirs && grants.remove(&contact.sender, channel, store.parse) {
                    changed = true;
                    out.insert(contact.clone());
                }
            }
            if changed {
                self.put(&found, &grants)?;
            }
        }
        Ok(out)
    }

    /// Takes every grant of these ids away. Returns those that had one.
    pub(super) fn take_grants(
        &mut self,
        records: &mut Records,
        contacts: &BTreeSet<Contact>,
    ) -> Result<BTreeSet<Contact>, StoreError> {
        let mut out = self.take_entries(contacts)?;
        for contact in contacts {
            if records.take_away(contact) {
                out.insert(contact.clone());
            }
        }
        Ok(out)
    }

    /// Every id of the person, with every account of each channel that has a list.
    pub(super) fn all_ids(
        &self,
        records: &Records,
        who: &Contact,
    ) -> Result<BTreeSet<Contact>, StoreError> {
        let mut people: BTreeSet<Contact> =
            records.on_channel(&who.key.channel, &who.sender).into_iter().collect();
        people.insert(who.clone());
        let keys = self.store.state.allowlist_keys()?;
        let mut more = Vec::new();
        for one in &people {
            let of_channel = keys.iter().filter(|key| key.channel == one.key.channel);
            let at = |key: &AccountKey| Contact { key: key.clone(), sender: one.sender.clone() };
            more.extend(of_channel.map(at));
            let recorded = records.grants.iter().map(|grant| &grant.contact);
            let is_same = |contact: &&Contact| {
                one.sender == contact.sender && one.key.channel == contact.key.channel
            };
            more.extend(recorded.filter(is_same).cloned());
        }
        people.extend(more);
        Ok(people)
    }

    /// Blocks a person under each id. Returns the newly blocked ids, none if all of them are blocked already.
    pub(super) fn block(
        &mut self,
        records: &mut Records,
        by: &str,
        who: &Contact,
    ) -> Result<BTreeSet<Contact>, StoreError> {
        let people = self.all_ids(records, who)?;
        self.take_requests(|request| {
            let asks = |contact: &Contact| {
                contact.key.channel == request.key.channel && contact.sender == request.sender
            };
            people.iter().any(asks) || request.claims.as_deref().is_some_and(|c| people.contains(c))
        })?;
        self.take_grants(records, &people)?;
        let since = self.now;
        let mut blocked = people;
        blocked.retain(|contact| {
            let (channel, sender) = (contact.key.channel.clone(), contact.sender.clone());
            records.block(Block { channel, sender, since, by: by.to_owned() })
        });
        Ok(blocked)
    }
}

impl StateDir {
    /// The accounts that have a list.
    pub fn allowlist_keys(&self) -> Result<BTreeSet<AccountKey>, StoreError> {
        let mut keys = BTreeSet::new();
        for (head, _) in named(self, "-allowFrom.json")? {
            let (channel, account) = match head.split_once('-') {
                None => (head.as_str(), Some(AccountId::default_account())),
                Some((channel, account)) => (channel, AccountId::parse(account)),
            };
            let account = account.filter(|_| !channel.is_empty());
            keys.extend(account.map(|account| AccountKey { channel: channel.to_owned(), account }));
        }
        Ok(keys)
    }

    /// The channels that have a file of requests.
    pub fn channels_with_requests(&self) -> Result<Vec<String>, StoreError> {
        Ok(named(self, "-pairing.json")?.into_iter().map(|(channel, _)| channel).collect())
    }
}

/// The files among the credentials whose names end so, with what is before the end.
pub(crate) fn named(state: &StateDir, end: &str) -> Result<Vec<(String, PathBuf)>, StoreError> {
    let mut found = Vec::new();
    for (name, path) in file::entries(&state.credentials())? {
        found.extend(name.strip_suffix(end).map(|head| (head.to_owned(), path)));
    }
    found.sort();
    Ok(found)
}
