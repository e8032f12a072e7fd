//! The chats in which owners are told: one for every owner.

use std::sync::Arc;

use tracing::debug;

use crate::{
    Gateway,
    accounts::{account::AccountRuntime, owners_chat::OwnersChat, status::State},
    rules::{AccountKey, owner::Owner},
};

/// Every owner with the account they are told on: the account concerned where it is of their channel, else the first.
pub(crate) fn seats(
    gateway: &Gateway,
    concerned: Option<&AccountKey>,
) -> Vec<(Arc<AccountRuntime>, Owner)> {
    let ways = owners(gateway).into_iter().map(|owner| (ways(gateway, &owner, concerned), owner));
    ways.filter_map(|(ways, owner)| Some((ways.into_iter().next()?, owner))).collect()
}

/// The chats that are told of a request: of each group the first that takes it. A person who is named to be told
/// but is no owner, or cannot be reached, counts as not named.
pub(super) fn groups(gateway: &Gateway, concerned: Option<&AccountKey>) -> Vec<Vec<OwnersChat>> {
    let chats = |owner: &Owner| -> Vec<OwnersChat> {
        let ways = ways(gateway, owner, concerned).into_iter();
        let chat = |account: Arc<AccountRuntime>| {
            let chat = account.chat_of(&owner.sender);
            OwnersChat::new(&account.config.key, &chat.id, &owner.sender)
        };
        ways.map(chat).collect()
    };
    let owners = owners(gateway);
    let config = gateway.config();
    let named = config.telling.notify.iter().filter(|owner| owners.contains(owner));
    let named: Vec<OwnersChat> = named.flat_map(chats).collect();
    if !named.is_empty() {
        return vec![named];
    }
    owners.iter().map(chats).filter(|chats| !chats.is_empty()).collect()
}

fn owners(gateway: &Gateway) -> Vec<Owner> {
    let claimed = gateway.store.owners().unwrap_or_else(|error| {
        debug!(%error, "only the configured owners are told");
        Arc::default()
    });
    let mut owners = gateway.config().owners.0.clone();
    owners.extend(claimed.0.iter().cloned());
    let all = gateway.accounts.on();
    let console = all.iter().filter(|account| account.config.plugin.abilities.console);
    owners.extend(console.filter_map(|account| console_owner(account)));
    owners.into_iter().collect()
}

/// The accounts that reach an owner, the best first.
fn ways(
    gateway: &Gateway,
    owner: &Owner,
    concerned: Option<&AccountKey>,
) -> Vec<Arc<AccountRuntime>> {
    let reaches = |account: &Arc<AccountRuntime>| {
        account.config.plugin.id == owner.channel
            && account.status.get().state != State::Unauthorized
    };
    let mut ways: Vec<_> = gateway.accounts.on().into_iter().filter(reaches).collect();
    ways.sort_by_key(|account| concerned != Some(&account.config.key));
    ways
}

fn console_owner(account: &AccountRuntime) -> Option<Owner> {
    let sender =
        (account.config.plugin.parse_sender)(&format!("local:{}", crate::world::user())).ok()?;
    Some(Owner { channel: account.config.plugin.id.to_owned(), sender })
}
