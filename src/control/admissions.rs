//! Everyone with access to an account, and by what: an approval, the configuration or ownership.

use std::collections::BTreeSet;

use openclaw_plugin_sdk::{AccountId, SenderId, UnixMs};

use crate::{
    config::Config,
    rules::{AccountKey, Contact, approver::Approver, owner::Owners},
    store::{Store, StoreError, paths::StateDir},
};

/// A sender with access to an account.
#[derive(Clone, Debug)]
pub struct Admission {
    /// The account.
    pub account: AccountId,
    /// The id, or `*`.
    pub sender: String,
    /// What gives access.
    pub by: AdmittedBy,
}

/// What gives access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdmittedBy {
    /// An owner approved the sender, permanently or until then.
    Approval(Option<UnixMs>),
    /// This line of the configuration.
    Config(usize),
    /// The sender is an owner.
    Ownership,
}

/// Every account of a channel that is configured or has a list of approved senders, and the default one.
pub fn accounts(
    state: &StateDir,
    config: Option<&Config>,
    channel: &str,
) -> Result<BTreeSet<AccountKey>, StoreError> {
    let configured = config.into_iter().flat_map(|config| &config.accounts);
    let keys = configured.map(|account| account.key.clone()).chain(state.allowlist_keys()?);
    let here = keys.filter(|key| key.channel == channel);
    Ok(here.chain([AccountKey::default_of(channel)]).collect())
}

/// Everyone with access to an account. A block beats the configuration too, but not ownership.
pub fn all(
    store: &Store,
    config: &Config,
    key: &AccountKey,
    now: UnixMs,
) -> Result<Vec<Admission>, StoreError> {
    let one = |sender: String, by| Admission { account: key.account.clone(), sender, by };
    let listed = config.account(key).into_iter().flat_map(|account| &account.listed);
    let mut all: Vec<Admission> = listed
        .map(|entry| {
            let sender = entry.sender.as_ref().map_or_else(|| "*".to_owned(), ToString::to_string);
            one(sender, AdmittedBy::Config(entry.line))
        })
        .collect();
    let owns = |owners: &Owners| -> Vec<String> {
        let here = owners.0.iter().filter(|owner| owner.channel == key.channel);
        here.map(|owner| owner.sender.to_string()).collect()
    };
    let owners: BTreeSet<String> =
        owns(&config.owners).into_iter().chain(owns(&*store.owners()?)).collect();
    all.extend(owners.into_iter().map(|owner| one(owner, AdmittedBy::Ownership)));
    let approved = store.approved(key)?;
    let approved: BTreeSet<String> = approved.senders().map(ToString::to_string).collect();
    all.extend(approved.into_iter().map(|sender| one(sender, AdmittedBy::Approval(None))));
    let index = store.records()?;
    let records = index.records();
    let lasting = records.grants.iter().filter(|one| one.contact.key == *key && one.lasts(now));
    all.extend(
        lasting.map(|grant| {
            one(grant.contact.sender.to_string(), AdmittedBy::Approval(grant.ends(now)))
        }),
    );
    all.retain(|one| {
        let blocked = SenderId::new(&one.sender)
            .is_ok_and(|sender| records.is_blocked(&key.channel, &sender));
        !blocked || one.by == AdmittedBy::Ownership
    });
    Ok(all)
}

/// Takes a sender's grants on these accounts back. Those on which there was one.
pub fn revoke<'a>(
    store: &Store,
    by: &Approver,
    keys: &'a BTreeSet<AccountKey>,
    sender: &SenderId,
    now: UnixMs,
) -> Result<Vec<&'a AccountKey>, StoreError> {
    let mut revoked = Vec::new();
    for key in keys {
        let who = Contact { key: key.clone(), sender: sender.clone() };
        if !store.revoke(by, &who, now)?.is_empty() {
            revoked.push(key);
        }
    }
    Ok(revoked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::private;

    #[test]
    fn case_075_an_account_is_read_from_its_own_file_only() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::at(folder.path());
        for name in [
            "telegram-work-allowFrom.json",
            "telegram-allowFrom.json",
            "telegram-pairing.json",
            "telegrams-home-allowFrom.json",
            "telegram-old-allowFrom.json.orig",
            "webchat-page-allowFrom.json",
        ] {
            private::replace(&state.credentials().join(name), b"{}").unwrap();
        }
        let found = accounts(&state, None, "telegram").unwrap();
        let found: Vec<&str> = found.iter().map(|key| key.account.as_str()).collect();
        assert_eq!(found, ["default", "work"]);
    }
}
