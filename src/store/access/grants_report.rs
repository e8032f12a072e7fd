//! Who is let in by the store, since when, and by whom: the lists and the records, explained by the access log's index.

use std::collections::BTreeSet;

use openclaw_plugin_sdk::UnixMs;

use super::Holder;
use crate::{
    rules::{AccountKey, Contact},
    store::{Store, StoreError, audit::Index},
    world,
};

/// Everybody, ordered by channel, account and id.
pub(super) fn holders(
    store: &Store,
    channel: Option<&str>,
    now: UnixMs,
) -> Result<Vec<Holder>, StoreError> {
    let meant = |key: &AccountKey| channel.is_none_or(|channel| key.channel == channel);
    let mut index = store.index.lock();
    let index = index.get_or_insert_with(|| Index::open(&store.state));
    index.follow(&store.state)?;
    let told = |contact: &Contact| {
        let line = index.admission(contact);
        let since = line.and_then(|line| world::from_iso(&line.at));
        (since, line.map(|line| line.by.clone()), line.map(|line| line.how.clone()))
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
            until: grant.ends(now),
            by: Some(grant.by.clone()),
            how,
        });
    }
    all.sort_by(|a, b| a.contact.cmp(&b.contact));
    Ok(all)
}
