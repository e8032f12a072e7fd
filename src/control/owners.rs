//! Owners: those of the configuration, and those that were added or claimed ownership.

use std::collections::BTreeSet;

use openclaw_plugin_sdk::SenderId;

use crate::{
    config::Config,
    rules::owner::Owner,
    store::{How, Store, StoreError},
};

/// Every owner, with where they come from: `configured`, `added` or `claimed`.
pub fn all(store: &Store, config: &Config) -> Result<Vec<(Owner, &'static str)>, StoreError> {
    let configured = config.owners.0.iter().map(|owner| (owner.clone(), "configured"));
    let known = store.known_owners()?.into_iter().map(|known| match known.how {
        How::Added => (known.owner, "added"),
        How::Claimed => (known.owner, "claimed"),
    });
    Ok(configured.chain(known).collect())
}

/// Those of `owner.notify` who are no owners: no card goes to them.
pub fn told_in_vain(store: &Store, config: &Config) -> Result<Vec<Owner>, StoreError> {
    let mut vain = Vec::new();
    for told in &config.telling.notify {
        if !names(store, config, &told.channel, &told.sender)? {
            vain.push(told.clone());
        }
    }
    Ok(vain)
}

/// The channels that `owner.notify` names, where every one of them takes messages only for a while after the person's last
/// one; empty otherwise.
pub fn told_in_windows(config: &Config) -> Vec<&'static str> {
    let window = |told: &Owner| {
        let account = config.accounts.iter().find(|account| account.plugin.id == told.channel)?;
        account.plugin.abilities.window.map(|_| account.plugin.label)
    };
    let labels: Option<BTreeSet<&str>> = config.telling.notify.iter().map(window).collect();
    labels.unwrap_or_default().into_iter().collect()
}

/// True for an owner, wherever they come from.
pub fn names(
    store: &Store,
    config: &Config,
    channel: &str,
    sender: &SenderId,
) -> Result<bool, StoreError> {
    Ok(config.owners.names(channel, sender) || store.owners()?.names(channel, sender))
}
