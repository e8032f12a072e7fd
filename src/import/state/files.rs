//! The files of OpenClaw 2026.1 and 2026.2, in the shapes that are kept here too.

use std::{collections::BTreeSet, path::Path};

use openclaw_plugin_sdk::{InvalidSenderId, SenderId, own_file};
use openclaw_rules::{
    AccountKey, Contact,
    device::record::{ApprovedVia, Device},
};
use openclaw_store::{ParseSender, Store, StoreError, imports::Entry, paths::StateDir};
use openclaw_world as world;
use ring::digest::{Context, SHA256};
use serde_json::Value;

use super::{Found, Refused};

/// Reads the files of a folder, and changes nothing in it. These accounts have the people of the lists that name no
/// account too.
pub(super) fn read(
    folder: &Path,
    parse: ParseSender,
    sharing: &[AccountKey],
) -> Result<Found, StoreError> {
    let state = StateDir::at(folder);
    let store = Store::new(state.clone(), parse);
    let (mut entries, mut refused) = (Vec::new(), Vec::new());
    for key in state.allowlist_keys()? {
        let approved = store.approved(&key)?;
        let mut senders: Vec<&SenderId> = approved.senders().collect();
        senders.sort_unstable();
        for sender in senders {
            entries.push(Entry::Sender(Contact { key: key.clone(), sender: sender.clone() }));
        }
        let strays = store.strays(&key)?.into_iter();
        refused.extend(strays.map(|entry| {
            let place = format!("{}/{}:{entry}", key.channel, key.account);
            (place, Refused::NoStableId)
        }));
    }
    let now = world::now();
    for channel in state.channels_with_requests()? {
        entries.extend(store.waiting(&channel, now)?.into_iter().map(Entry::Request));
    }
    let devices = store.devices()?.into_iter();
    entries.extend(devices.map(|device| Entry::Device(Device::clone(&device))));
    entries.extend(store.nodes(now)?.1.into_iter().map(Entry::Node));
    share((&mut entries, &mut refused), &state, parse, sharing);
    let (folder, digest) = (folder.to_owned(), digest(&entries));
    Ok(Found { folder, database: None, entries, refused, digest })
}

/// The ids of a list, `<channel>-allowFrom.json` or `<channel>-<account>-allowFrom.json`; none where it cannot be read.
pub(crate) fn listed(
    file: &Path,
    parse: impl Fn(&str) -> Result<SenderId, InvalidSenderId>,
) -> Vec<SenderId> {
    let bytes = own_file::read(file).unwrap_or_default();
    let list: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let entries = list.get("allowFrom").and_then(Value::as_array).into_iter().flatten();
    let text = |entry: &Value| entry.as_str().map_or_else(|| entry.to_string(), str::to_owned);
    entries.filter_map(|entry| parse(&text(entry)).ok()).collect()
}

/// What names no account becomes that of each of these accounts; a request, which counts once, that of the only one.
fn share(
    (entries, refused): (&mut Vec<Entry>, &mut Vec<(String, Refused)>),
    state: &StateDir,
    parse: ParseSender,
    sharing: &[AccountKey],
) {
    let mut known: BTreeSet<Contact> = entries.iter().filter_map(contact).cloned().collect();
    for key in sharing.iter().filter(|key| !key.account.is_default()) {
        let list = state.channel_allowlist(&key.channel);
        for sender in listed(&list, |entry| parse(&key.channel, entry)) {
            let who = Contact { key: key.clone(), sender };
            if known.insert(who.clone()) {
                entries.push(Entry::Shared(who));
            }
        }
    }
    entries.retain_mut(|entry| {
        let Entry::Request(request) = entry else { return true };
        if !request.key.account.is_default() || sharing.contains(&request.key) {
            return true;
        }
        let mut accounts = sharing.iter().filter(|key| key.channel == request.key.channel);
        match (accounts.next(), accounts.next()) {
            (None, _) => true,
            (Some(only), None) => {
                request.key = only.clone();
                true
            }
            (Some(_), Some(_)) => {
                let who = Contact { key: request.key.clone(), sender: request.sender.clone() };
                refused.push((who.to_string(), Refused::NoAccount));
                false
            }
        }
    });
}

fn contact(entry: &Entry) -> Option<&Contact> {
    match entry {
        Entry::Sender(who) | Entry::Shared(who) => Some(who),
        Entry::Request(_) | Entry::Device(_) | Entry::Node(_) => None,
    }
}

fn digest(entries: &[Entry]) -> String {
    let mut names: Vec<String> = entries.iter().map(super::name).collect();
    names.sort();
    let mut digest = Context::new(&SHA256);
    for name in names {
        digest.update(name.as_bytes());
        digest.update(b"\n");
    }
    data_encoding::HEXLOWER.encode(digest.finish().as_ref())
}

/// True where a browser's page was let in because it showed the shared secret on its own machine: every private window
/// leaves such a device.
pub(super) fn is_passing_browser(device: &Device) -> bool {
    device.described.client_id.as_deref() == Some("openclaw-control-ui")
        && device.via == ApprovedVia::Silent
}
