//! Conversations that are gone with the process, such as those of the page: a person who waits there is shown the code
//! again after a start, and is told of an approval on any surface.

use std::{collections::HashMap, sync::Arc};

use openclaw_plugin_sdk::{Link, SenderId};
use tracing::warn;

use crate::{
    Gateway,
    accounts::account::AccountRuntime,
    blocking,
    control::{
        decided::{Decided, Outcome},
        text,
    },
    delivery::{answer, challenge},
    journal::mail::{Address, Mail},
    rules::{pairing::PairingRequest, records::Standing},
    store::StoreError,
    world,
};

/// What an approved person is told in their direct chat.
pub(crate) fn greeting(account: &AccountRuntime, sender: &SenderId) -> Mail {
    Mail::text(Address::new(&account.chat_of(sender), sender, Link::Private), text::WELCOME)
}

/// A person waits.
pub(crate) fn note(account: &AccountRuntime, request: &PairingRequest) {
    if account.config.plugin.abilities.forgets {
        account.pages.lock().waiting.insert(request.id.clone(), request.sender.clone());
    }
}

fn waiting(gateway: &Gateway, account: &AccountRuntime) -> Result<Vec<PairingRequest>, StoreError> {
    let key = &account.config.key;
    let waiting = gateway.store.waiting(&key.channel, world::now())?;
    Ok(waiting.into_iter().filter(|request| request.key == *key).collect())
}

/// Shows the code again to everybody who waits where an earlier run has shown it.
pub(crate) async fn show_again(gateway: &Arc<Gateway>, account: &Arc<AccountRuntime>) {
    if !account.config.plugin.abilities.forgets {
        return;
    }
    let (here, of) = (Arc::clone(gateway), Arc::clone(account));
    match blocking(move || waiting(&here, &of)).await {
        Ok(waiting) => {
            for request in waiting {
                note(account, &request);
                challenge::again(gateway, account, &request).await;
            }
        }
        Err(error) => warn!(%error, "people who wait are not shown the code again"),
    }
}

/// Welcomes a person that an owner approved. From a chat always; from elsewhere only where the conversation has nothing
/// else that says so. A caller of the gateway protocol says itself whether the person is to be told.
pub(crate) async fn welcome(gateway: &Arc<Gateway>, decided: &Decided) {
    let (Some(contact), Some(request)) = (decided.contact(), decided.request()) else { return };
    let Some(account) = gateway.account(&contact.key) else { return };
    let is_told = match &*decided.surface {
        "chat" => true,
        "socket" => false,
        _ => account.config.plugin.abilities.forgets,
    };
    if is_told
        && matches!(decided.outcome, Outcome::Approved | Outcome::Extended)
        && gateway.config().pairing.notify_on_approval
        && account.pages.lock().welcomes(request)
    {
        answer::send(gateway, &account, greeting(&account, &contact.sender)).await;
    }
}

/// Welcomes the people that got access from a program of the field since the last look.
pub(crate) async fn look(gateway: &Arc<Gateway>) {
    for account in gateway.accounts.on() {
        if !account.config.plugin.abilities.forgets {
            continue;
        }
        let (here, of) = (Arc::clone(gateway), Arc::clone(&account));
        match blocking(move || let_in(&here, &of)).await {
            Ok(senders) if gateway.config().pairing.notify_on_approval => {
                for sender in senders {
                    answer::send(gateway, &account, greeting(&account, &sender)).await;
                }
            }
            Ok(_) => {}
            Err(error) => warn!(%error, "a person with new access is not told yet"),
        }
    }
}

/// The people who no longer wait because they have access, and who were not welcomed.
fn let_in(gateway: &Gateway, account: &AccountRuntime) -> Result<Vec<SenderId>, StoreError> {
    let key = &account.config.key;
    let now = waiting(gateway, account)?;
    let now: HashMap<_, _> = now.into_iter().map(|waits| (waits.id, waits.sender)).collect();
    let before = std::mem::replace(&mut account.pages.lock().waiting, now.clone());
    let mut senders = Vec::new();
    for (request, sender) in before.into_iter().filter(|(request, _)| !now.contains_key(request)) {
        let granted = gateway.store.standing(key, &sender, world::now())? == Standing::Granted;
        let is_in = granted || gateway.store.approved(key)?.names(&sender);
        if is_in && account.pages.lock().welcomes(&request) {
            senders.push(sender);
        }
    }
    Ok(senders)
}
