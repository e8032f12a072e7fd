//! What the lines say of the state, and whether the state says so.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use openclaw_plugin_sdk::{SenderId, UnixMs};
use serde::{Deserialize, Serialize};

use super::{
    Line, action,
    verify::{Problem, Unexplained, below},
};
use crate::{
    rules::{AccountKey, Contact, device::identity::DeviceId, owner::Owner},
    store::{Store, StoreError, access, allowlist, file, io, owners},
    world,
};

const RECORDS: &str = "access/grants.json";
const OWNERS: &str = "credentials/owners.json";
const REMOVED: &str = "devices/removed.json";

/// An id on a channel, whatever the account.
type Id = (String, SenderId);

/// What holds, as a sealed log writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct State {
    entries: BTreeSet<String>,
    grants: BTreeSet<String>,
    devices: BTreeSet<String>,
    owners: BTreeSet<(String, String, u64)>,
    blocks: BTreeSet<(String, String, u64)>,
    removed: BTreeMap<String, u64>,
    ends: BTreeMap<String, (u64, u64)>,
    people: BTreeSet<BTreeSet<String>>,
    blocked: BTreeSet<(String, String)>,
}

/// Who should be there, by the lines alone.
#[derive(Debug, Default)]
pub(super) struct Replay {
    entries: BTreeMap<AccountKey, BTreeSet<SenderId>>,
    grants: BTreeSet<Contact>,
    devices: BTreeSet<String>,
    /// Each with the line that says so last.
    owners: BTreeMap<Owner, u64>,
    blocks: BTreeMap<Id, u64>,
    removed: BTreeMap<String, u64>,
    ends: BTreeMap<Contact, (u64, UnixMs)>,
    /// What was ever joined: a block holds for every id of a person.
    people: Vec<BTreeSet<Contact>>,
    /// Whom a block may concern, whether or not it was taken back.
    blocked: BTreeSet<Id>,
}

impl Replay {
    /// From what held at the end of a sealed log.
    pub(super) fn of(state: &State) -> Self {
        let id = |(channel, sender): (&String, &String)| {
            Some((channel.clone(), SenderId::new(sender).ok()?))
        };
        let contacts =
            |all: &BTreeSet<String>| all.iter().filter_map(|it| Contact::parse(it)).collect();
        let mut replay = Self {
            grants: contacts(&state.grants),
            devices: state.devices.clone(),
            removed: state.removed.clone(),
            people: state.people.iter().map(contacts).collect(),
            blocked: state.blocked.iter().filter_map(|(c, s)| id((c, s))).collect(),
            ..Self::default()
        };
        for contact in state.entries.iter().filter_map(|it| Contact::parse(it)) {
            replay.entries.entry(contact.key).or_default().insert(contact.sender);
        }
        for (channel, sender, seq) in &state.owners {
            let Some((channel, sender)) = id((channel, sender)) else { continue };
            replay.owners.insert(Owner { channel, sender }, *seq);
        }
        for (channel, sender, seq) in &state.blocks {
            replay.blocks.extend(id((channel, sender)).map(|id| (id, *seq)));
        }
        for (contact, (seq, until)) in &state.ends {
            let contact = Contact::parse(contact);
            replay.ends.extend(contact.map(|contact| (contact, (*seq, UnixMs(*until)))));
        }
        replay
    }

    /// What holds now.
    pub(super) fn state(&self) -> State {
        let texts = |all: &BTreeSet<Contact>| all.iter().map(ToString::to_string).collect();
        let id = |(channel, sender): &Id| (channel.clone(), sender.as_str().to_owned());
        let entries = self.entries.iter().flat_map(|(key, senders)| {
            let contact =
                move |sender: &SenderId| Contact { key: key.clone(), sender: sender.clone() };
            senders.iter().map(move |sender| contact(sender).to_string())
        });
        let owner = |(owner, seq): (&Owner, &u64)| {
            (owner.channel.clone(), owner.sender.as_str().to_owned(), *seq)
        };
        let block = |(of, seq): (&Id, &u64)| (of.0.clone(), of.1.as_str().to_owned(), *seq);
        let end = |(contact, (seq, until)): (&Contact, &(u64, UnixMs))| {
            (contact.to_string(), (*seq, until.0))
        };
        State {
            entries: entries.collect(),
            grants: texts(&self.grants),
            devices: self.devices.clone(),
            owners: self.owners.iter().map(owner).collect(),
            blocks: self.blocks.iter().map(block).collect(),
            removed: self.removed.clone(),
            ends: self.ends.iter().map(end).collect(),
            people: self.people.iter().map(texts).collect(),
            blocked: self.blocked.iter().map(id).collect(),
        }
    }

    /// The next line.
    pub(super) fn read(&mut self, line: &Line) {
        self.device(line);
        if line.action == action::AUDIT_ACCEPT {
            // From here on the files say what holds.
            self.owners.values_mut().for_each(|seq| *seq = 0);
            (self.blocks, self.removed, self.ends) = Default::default();
        }
        let sender = line.subject.as_deref().and_then(|subject| SenderId::new(subject).ok());
        let (Some(channel), Some(sender)) = (line.channel.clone(), sender) else { return };
        match line.action.as_str() {
            action::ACCEPT | action::APPROVE | action::EXTEND => self.grant(line),
            action::BLOCK => self.block(line.seq, &(channel, sender)),
            action::UNBLOCK => {
                for id in self.ids(&(channel, sender)) {
                    self.blocks.remove(&id);
                }
            }
            action::REVOKE => self.revoke(line),
            action::CLAIM | action::OWNER_ADD => {
                self.owners.insert(Owner { channel, sender }, line.seq);
            }
            action::OWNER_REMOVE => {
                self.owners.remove(&Owner { channel, sender });
            }
            _ => {}
        }
    }

    fn device(&mut self, line: &Line) {
        let Some(device) = &line.subject else { return };
        match line.action.as_str() {
            action::DEVICE_ADMIT | action::DEVICE_APPROVE => {
                self.devices.insert(device.clone());
                self.removed.remove(device);
            }
            action::DEVICE_REMOVE => {
                self.devices.remove(device);
                self.removed.insert(device.clone(), line.seq);
            }
            _ => {}
        }
    }

    fn grant(&mut self, line: &Line) {
        let Some(contact) = line.contact() else { return };
        if let Some(with) = line.with.as_deref().and_then(Contact::parse) {
            self.grants.insert(with.clone());
            self.join([contact.clone(), with].into());
        }
        let until = line.until.as_deref().and_then(world::from_iso);
        self.ends.remove(&contact);
        if let Some(until) = until {
            self.ends.insert(contact.clone(), (line.seq, until));
        }
        // Leave that ends, or that is joined to other leave, stands in no list of the field.
        if line.action == action::APPROVE && line.until.is_none() && line.with.is_none() {
            let entries = self.entries.entry(contact.key.clone()).or_default();
            entries.insert(contact.sender.clone());
        }
        self.grants.insert(contact);
    }

    fn join(&mut self, mut person: BTreeSet<Contact>) {
        let known = |one: &BTreeSet<Contact>, person: &BTreeSet<Contact>| !one.is_disjoint(person);
        while let Some(at) = self.people.iter().position(|one| known(one, &person)) {
            person.extend(self.people.swap_remove(at));
        }
        self.people.push(person);
    }

    /// Every id that was ever joined to this one.
    fn ids(&self, id: &Id) -> BTreeSet<Id> {
        let of = |contact: &Contact| (contact.key.channel.clone(), contact.sender.clone());
        let joined = self.people.iter().filter(|one| one.iter().any(|contact| of(contact) == *id));
        joined.flatten().map(of).chain([id.clone()]).collect()
    }

    fn block(&mut self, seq: u64, id: &Id) {
        let ids = self.ids(id);
        let is_hit = |contact: &Contact| {
            ids.contains(&(contact.key.channel.clone(), contact.sender.clone()))
        };
        self.grants.retain(|contact| !is_hit(contact));
        self.ends.retain(|contact, _| !is_hit(contact));
        for (key, entries) in &mut self.entries {
            entries.retain(|sender| !ids.contains(&(key.channel.clone(), sender.clone())));
        }
        self.blocks.insert(id.clone(), seq);
        self.blocked.extend(ids);
    }

    fn revoke(&mut self, line: &Line) {
        let Some(contact) = line.contact() else { return };
        let joined = self.people.iter().find(|person| person.contains(&contact));
        for one in joined.cloned().unwrap_or_default().into_iter().chain([contact]) {
            if let Some(entries) = self.entries.get_mut(&one.key) {
                entries.remove(&one.sender);
            }
            self.grants.remove(&one);
            self.ends.remove(&one);
        }
    }

    /// What lines say and the state does not, and what the state says and no line.
    pub(super) fn compare(&self, store: &Store, now: UnixMs) -> (Vec<Problem>, Vec<Unexplained>) {
        let mut with = With { store, now, undone: Vec::new(), missing: BTreeSet::new() };
        let checks: [(&str, Check); 4] = [
            (RECORDS, Self::records),
            (OWNERS, Self::owners),
            (REMOVED, Self::devices),
            ("credentials", Self::lists),
        ];
        for (name, check) in checks {
            if let Err(error) = check(self, &mut with) {
                let (path, why) = match error {
                    StoreError::Damaged { path, why, .. } => (below(store, &path), why),
                    error => (PathBuf::from(name), error.to_string()),
                };
                with.undone.push(Problem::File(path, why));
            }
        }
        (with.undone, with.missing.into_iter().collect())
    }

    fn records(&self, with: &mut With<'_>) -> Result<(), StoreError> {
        let index = access::index(file::read(&with.store.state.access_records())?.as_ref())?;
        let records = index.records();
        for ((channel, sender), seq) in &self.blocks {
            let holds = records.is_blocked(channel, sender);
            with.says(holds, *seq, RECORDS, || format!("blocks {channel}:{sender}"));
        }
        for (contact, (seq, until)) in &self.ends {
            let kept = records.grant(contact).and_then(|grant| grant.until);
            let holds = *until <= with.now || kept == Some(*until);
            let says = || format!("lets {contact} in until {}", world::iso(*until));
            with.says(holds, *seq, RECORDS, says);
        }
        let blocks = records.blocks.iter().map(|it| (it.channel.clone(), it.sender.clone()));
        let unknown = blocks.filter(|id| !self.blocked.contains(id));
        with.missing.extend(unknown.map(|(channel, sender)| Unexplained::Block(channel, sender)));
        let unknown = records.grants.iter().filter(|grant| !self.grants.contains(&grant.contact));
        with.missing.extend(unknown.map(|grant| Unexplained::Grant(grant.contact.clone())));
        Ok(())
    }

    fn owners(&self, with: &mut With<'_>) -> Result<(), StoreError> {
        let seats = owners::owners(file::read(&with.store.state.owners())?.as_ref())?.1;
        for (owner, seq) in &self.owners {
            let holds = *seq == 0 || seats.owners.0.contains(owner);
            let says = || format!("makes {}:{} an owner", owner.channel, owner.sender);
            with.says(holds, *seq, OWNERS, says);
        }
        let unknown = seats.owners.0.iter().filter(|owner| !self.owners.contains_key(owner));
        with.missing.extend(unknown.cloned().map(Unexplained::Owner));
        Ok(())
    }

    fn devices(&self, with: &mut With<'_>) -> Result<(), StoreError> {
        let (paired, removed) = with.store.device_names_in_files()?;
        for (device, seq) in &self.removed {
            let holds = removed.iter().any(|id| id.as_str() == device);
            with.says(holds, *seq, REMOVED, || format!("removes the device {device}"));
        }
        let unknown = removed.iter().filter(|device| !self.removed.contains_key(device.as_str()));
        with.missing.extend(unknown.cloned().map(Unexplained::Removed));
        let is_known =
            |device: &DeviceId| removed.contains(device) || self.devices.contains(device.as_str());
        let unknown = paired.into_iter().filter(|device| !is_known(device));
        with.missing.extend(unknown.map(Unexplained::Device));
        Ok(())
    }

    fn lists(&self, with: &mut With<'_>) -> Result<(), StoreError> {
        let none = BTreeSet::new();
        let state = &with.store.state;
        for path in allowlists(&state.credentials())? {
            let key = self.entries.keys().find(|key| state.allowlists(key).contains(&path));
            let known = key.and_then(|key| self.entries.get(key)).unwrap_or(&none);
            // A file of an account without a line has no explained entry, whichever channel it is of.
            let channel = key.map_or("", |key| key.channel.as_str());
            let found = file::read(&path)?;
            let list = allowlist::approved(found.as_slice(), channel, with.store.parse)?;
            for sender in list.senders().filter(|sender| !known.contains(sender)) {
                let (file, sender) = (path.clone(), sender.clone());
                with.missing.insert(Unexplained::Entry { file, sender });
            }
        }
        Ok(())
    }
}

/// The state that lines are compared with, and what was found.
struct With<'a> {
    store: &'a Store,
    now: UnixMs,
    undone: Vec<Problem>,
    missing: BTreeSet<Unexplained>,
}

impl With<'_> {
    /// Notes a line where what it says does not hold in that file.
    fn says(&mut self, holds: bool, seq: u64, file: &'static str, says: impl FnOnce() -> String) {
        if !holds {
            self.undone.push(Problem::Undone { seq, says: says(), file });
        }
    }
}

type Check = fn(&Replay, &mut With<'_>) -> Result<(), StoreError>;

fn allowlists(dir: &Path) -> Result<BTreeSet<PathBuf>, StoreError> {
    let failed = |error| io("read", dir, error);
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.to_str().is_some_and(|path| path.ends_with("-allowFrom.json")) {
            found.insert(path);
        }
    }
    Ok(found)
}
