//! The files of OpenClaw 2026.1 and 2026.2, in the shapes that are kept here too.

use std::path::Path;

use openclaw_rules::{
    Contact,
    device::record::{ApprovedVia, Device},
};
use openclaw_store::{ParseSender, Store, StoreError, imports::Entry, paths::StateDir};
use openclaw_world as world;
use ring::digest::{Context, SHA256};

use super::{Found, Refused};

/// Reads the files of a folder, and changes nothing in it.
pub(super) fn read(folder: &Path, parse: ParseSender) -> Result<Found, StoreError> {
    let state = StateDir::at(folder);
    let store = Store::new(state.clone(), parse);
    let (mut entries, mut refused) = (Vec::new(), Vec::new());
    for key in state.allowlist_keys()? {
        for sender in store.approved(&key)?.senders() {
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
    let (folder, digest) = (folder.to_owned(), digest(&entries));
    Ok(Found { folder, database: None, entries, refused, digest })
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
