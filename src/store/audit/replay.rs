//! What the lines say of the state, and whether the state says so.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use openclaw_plugin_sdk::{SenderId, UnixMs};
use serde::{Deserialize, Serialize};

use super::{
    Line, PLATFORM, action,
    verify::{Problem, Unexplained, below},
};
use crate::{
    Store, StoreError, access, allowlist, file, owners,
    reset::Scope,
    rules::{AccountKey, Contact, device::identity::DeviceId, owner::Owner},
    world,
};

const RECORDS: &str = "access/grants.json";
const OWNERS: &str = "credentials/owners.json";
const REMOVED: &str = "devices/removed.json";

/// An id on a channel, whatever the account.
type Id = (String, String);

/// What should be there, by the lines alone. A sealed log ends with it, as JSON: contacts are texts in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct State {
    entries: BTreeSet<String>,
    grants: BTreeSet<String>,
    devices: BTreeSet<String>,
    /// Channel, sender, and the line that says so last.
    owners: BTreeSet<(String, String, u64)>,
    blocks: BTreeSet<(String, String, u64)>,
    removed: BTreeMap<String, u64>,
    ends: BTreeMap<String, (u64, u64)>,
    /// All that was ever joined: a block holds for every id of a person.
    people: BTreeSet<BTreeSet<String>>,
    /// The ids that a block may concern, also one that was taken back.
    blocked: BTreeSet<Id>,
}

/// Sets or removes the line of an id.
fn set(all: &mut BTreeSet<(String, String, u64)>, (channel, sender): &Id, seq: Option<u64>) {
    let at = |seq| (channel.clone(), sender.clone(), seq);
    let old: Vec<_> = all.range(at(0)..=at(u64::MAX)).cloned().collect();
    for one in old {
        all.remove(&one);
    }
    all.extend(seq.map(at));
}

fn id(contact: &Contact) -> Id {
    (contact.key.channel.clone(), contact.sender.to_string())
}

impl State {
    /// The next line.
    pub(super) fn read(&mut self, line: &Line) {
        self.device(line);
        if line.action == action::AUDIT_ACCEPT {
            // From here on the files say what holds.
            let owners = std::mem::take(&mut self.owners).into_iter();
            self.owners = owners.map(|(channel, sender, _)| (channel, sender, 0)).collect();
            (self.blocks, self.removed, self.ends) = Default::default();
        }
        if line.resets(Scope::Access) {
            // A block that stays is one that was known; the others are over.
            (self.entries, self.grants, self.ends) = Default::default();
            (self.owners, self.blocks) = Default::default();
        }
        if line.resets(Scope::Devices) {
            self.devices.clear();
        }
        let sender = line.subject.as_deref().and_then(|subject| SenderId::new(subject).ok());
        let (Some(channel), Some(sender)) = (line.channel.clone(), sender) else { return };
        let id = (channel, sender.to_string());
        match line.action.as_str() {
            action::ACCEPT | action::APPROVE | action::EXTEND => self.grant(line),
            action::BLOCK => self.block(line.seq, &id),
            action::UNBLOCK => {
                for id in self.ids(&id) {
                    set(&mut self.blocks, &id, None);
                }
            }
            action::JOIN => self.pin(line),
            action::REVOKE => self.revoke(line),
            action::CLAIM | action::OWNER_ADD => set(&mut self.owners, &id, Some(line.seq)),
            action::OWNER_REMOVE => set(&mut self.owners, &id, None),
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
        let Some(contact) = line.contact().map(|contact| contact.to_string()) else { return };
        if let Some(with) = line.with.as_deref().and_then(Contact::parse) {
            let with = with.to_string();
            // An id that the platform vouched for opens nothing by itself any more.
            if line.surface == PLATFORM {
                self.ends.remove(&with);
            }
            self.grants.insert(with.clone());
            self.join([contact.clone(), with].into());
        }
        let until = line.until.as_deref().and_then(world::from_iso);
        self.ends.remove(&contact);
        if let Some(until) = until {
            self.ends.insert(contact.clone(), (line.seq, until.0));
        }
        // A grant that ends, or of a person with several ids, is in no list of the field.
        if line.action == action::APPROVE && line.until.is_none() && line.with.is_none() {
            self.entries.insert(contact.clone());
        }
        self.grants.insert(contact);
    }

    /// What the joined id opened itself is over.
    fn pin(&mut self, line: &Line) {
        let Some(contact) = line.contact().map(|contact| contact.to_string()) else { return };
        let Some(with) = line.with.clone() else { return };
        self.entries.remove(&with);
        self.grants.remove(&with);
        self.ends.remove(&with);
        self.join([contact, with].into());
    }

    fn join(&mut self, mut person: BTreeSet<String>) {
        let joined: Vec<_> =
            self.people.iter().filter(|one| !one.is_disjoint(&person)).cloned().collect();
        for one in joined {
            self.people.remove(&one);
            person.extend(one);
        }
        self.people.insert(person);
    }

    /// Every id that was ever joined to this one.
    fn ids(&self, of: &Id) -> BTreeSet<Id> {
        let mut ids = BTreeSet::from([of.clone()]);
        for person in &self.people {
            let joined: Vec<Id> =
                person.iter().filter_map(|one| Contact::parse(one)).map(|one| id(&one)).collect();
            if joined.contains(of) {
                ids.extend(joined);
            }
        }
        ids
    }

    fn block(&mut self, seq: u64, of: &Id) {
        let ids = self.ids(of);
        let stays = |one: &String| Contact::parse(one).is_none_or(|one| !ids.contains(&id(&one)));
        self.grants.retain(stays);
        self.entries.retain(stays);
        self.ends.retain(|one, _| stays(one));
        set(&mut self.blocks, of, Some(seq));
        self.blocked.extend(ids);
    }

    fn revoke(&mut self, line: &Line) {
        let Some(contact) = line.contact().map(|contact| contact.to_string()) else { return };
        let joined = self.people.iter().find(|person| person.contains(&contact)).cloned();
        for one in joined.unwrap_or_default().iter().chain([&contact]) {
            self.entries.remove(one);
            self.grants.remove(one);
            self.ends.remove(one);
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
        let index = access::index(&file::read(&with.store.state.access_records())?)?;
        let records = index.records();
        let is_blocked = |channel: &str, sender: &str| {
            SenderId::new(sender).is_ok_and(|sender| records.is_blocked(channel, &sender))
        };
        for (channel, sender, seq) in &self.blocks {
            let holds = is_blocked(channel, sender);
            with.says(holds, *seq, RECORDS, || format!("blocks {channel}:{sender}"));
        }
        for (contact, (seq, until)) in &self.ends {
            let until = &UnixMs(*until);
            let grant = Contact::parse(contact).and_then(|contact| records.grant(&contact));
            let kept = grant.and_then(|grant| grant.until);
            let holds = *until <= with.now || kept == Some(*until);
            let says = || format!("lets {contact} in until {}", world::iso(*until));
            with.says(holds, *seq, RECORDS, says);
        }
        let blocks = records.blocks.iter().map(|it| (it.channel.clone(), it.sender.clone()));
        let is_known = |channel: &String, sender: &SenderId| {
            self.blocked.contains(&(channel.clone(), sender.to_string()))
        };
        let unknown = blocks.filter(|(channel, sender)| !is_known(channel, sender));
        with.missing.extend(unknown.map(|(channel, sender)| Unexplained::Block(channel, sender)));
        let unknown =
            records.grants.iter().filter(|grant| !self.grants.contains(&grant.contact.to_string()));
        with.missing.extend(unknown.map(|grant| Unexplained::Grant(grant.contact.clone())));
        Ok(())
    }

    fn owners(&self, with: &mut With<'_>) -> Result<(), StoreError> {
        let state = owners::owners(&file::read(&with.store.state.owners())?)?.1;
        let owners = state.owners.0.iter();
        let known: Vec<Id> = owners.map(|it| (it.channel.clone(), it.sender.to_string())).collect();
        for (channel, sender, seq) in &self.owners {
            let holds = *seq == 0 || known.contains(&(channel.clone(), sender.clone()));
            with.says(holds, *seq, OWNERS, || format!("makes {channel}:{sender} an owner"));
        }
        let is_said = |owner: &Owner| {
            let mut said = self.owners.iter();
            said.any(|(channel, id, _)| *channel == owner.channel && id == owner.sender.as_str())
        };
        let unknown = state.owners.0.iter().filter(|owner| !is_said(owner));
        with.missing.extend(unknown.cloned().map(Unexplained::Owner));
        Ok(())
    }

    fn devices(&self, with: &mut With<'_>) -> Result<(), StoreError> {
        let (paired, removed) = with.store.device_ids_in_files()?;
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
        let state = &with.store.state;
        let contacts = self.entries.iter().filter_map(|entry| Contact::parse(entry));
        let keys: BTreeSet<AccountKey> = contacts.map(|contact| contact.key).collect();
        for (_, path) in access::named(state, "-allowFrom.json")? {
            let key = keys.iter().find(|key| state.allowlists(key).contains(&path));
            // A file of an account without a line has no explained entry, whichever channel it is of.
            let channel = key.map_or("", |key| key.channel.as_str());
            let is_known = |sender: &SenderId| {
                let contact =
                    |key: &AccountKey| Contact { key: key.clone(), sender: sender.clone() };
                key.is_some_and(|key| self.entries.contains(&contact(key).to_string()))
            };
            let list = allowlist::approved(&[file::read(&path)?], channel, with.store.parse)?;
            for sender in list.senders().filter(|sender| !is_known(sender)) {
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

type Check = fn(&State, &mut With<'_>) -> Result<(), StoreError>;
