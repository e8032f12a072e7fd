//! Who is let in by the store, since when, and by whom: the lists and the records, explained by the access log.

use std::collections::{BTreeSet, HashMap};

use openclaw_plugin_sdk::UnixMs;

use super::{AccessStore, Holder};
use crate::{
    access::{AccountKey, Contact},
    store::{
        Store, StoreError,
        audit::{self, Line, action},
        files::FileStore,
    },
    world,
};

/// Everybody, ordered by channel, account and id.
pub(super) fn holders(store: &FileStore, channel: Option<&str>) -> Result<Vec<Holder>, StoreError> {
    let meant = |key: &AccountKey| channel.is_none_or(|channel| key.channel == channel);
    let lines = explained(store)?;
    let told = |contact: &Contact| {
        let line = lines.get(contact);
        let since = line.and_then(|line| world::from_iso(&line.at));
        (since, line.map(|line| line.actor.clone()), line.map(|line| line.action.clone()))
    };
    let mut all = Vec::new();
    for key in store.state.allowlist_keys()?.into_iter().filter(meant) {
        let senders: BTreeSet<_> = store.approved(&key)?.senders().cloned().collect();
        for sender in senders {
            let contact = Contact { key: key.clone(), sender };
            let (since, by, how) = told(&contact);
            all.push(Holder { contact, since, until: None, by, how });
        }
    }
    let records = store.records()?;
    for grant in records.records().grants.iter().filter(|grant| meant(&grant.contact.key)) {
        let (since, _, how): (Option<UnixMs>, _, _) = told(&grant.contact);
        all.push(Holder {
            contact: grant.contact.clone(),
            since: Some(since.map_or(grant.since, |since| since.min(grant.since))),
            until: grant.until,
            by: Some(grant.by.clone()),
            how,
        });
    }
    all.sort_by(|a, b| a.contact.cmp(&b.contact));
    Ok(all)
}

/// The last line that let each id in.
fn explained(store: &FileStore) -> Result<HashMap<Contact, Line>, StoreError> {
    let mut lines = HashMap::new();
    for line in audit::show(&store.state, usize::MAX)? {
        if matches!(line.action.as_str(), action::ACCEPT | action::APPROVE)
            && let Some(contact) = line.contact()
        {
            lines.insert(contact, line);
        }
    }
    Ok(lines)
}
