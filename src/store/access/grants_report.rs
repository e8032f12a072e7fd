//! Who has access by the store, since when, and who approved them: the lists and the records, explained by the access log's index.

use std::collections::BTreeSet;

use openclaw_plugin_sdk::UnixMs;

use super::Holder;
use crate::{
    Store, StoreError,
    audit::Index,
    rules::{AccountKey, Contact},
    world,
};

impl Store {
    /// Every person with access by the store on a channel, or on all, by the lists and by the records; ended grants
    /// too. Ordered by channel, account and id.
    pub fn grants_report(
        &self,
        channel: Option<&str>,
        now: UnixMs,
    ) -> Result<Vec<Holder>, StoreError> {
        let meant = |key: &AccountKey| channel.is_none_or(|channel| key.channel == channel);
        let mut index = self.index.lock();
        let index = index.get_or_insert_with(|| Index::open(&self.state));
        index.follow(&self.state)?;
        let told = |contact: &Contact| {
            let line = index.admission(contact);
            let since = line.and_then(|line| world::from_iso(&line.at));
            (since, line.map(|line| line.by.clone()), line.map(|line| line.how.clone()))
        };
        let mut all = Vec::new();
        for key in self.state.allowlist_keys()?.into_iter().filter(meant) {
            let senders: BTreeSet<_> = self.approved(&key)?.senders().cloned().collect();
            for sender in senders {
                let contact = Contact { key: key.clone(), sender };
                let (since, by, how) = told(&contact);
                all.push(Holder { contact, since, until: None, by, how });
            }
        }
        let records = self.records()?;
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
}
