//! What owners are told beside requests: that a person has claimed ownership, and that an account is in trouble.

use std::sync::Arc;

use openclaw_plugin_sdk::{InboundMessage, PersonChanged, Text, neutral};

use super::view::ticked;
use crate::{
    Gateway,
    accounts::account::AccountRuntime,
    approvals,
    control::{owners, text::decider},
    delivery::answer,
    gate::{Halt, NAME_LIMIT},
    journal::mail::{Address, Mail},
    rules::{AccountKey, Contact, owner::Owner, records::Standing},
    store::{Note, StoreError, access::Accepted},
};

/// What is said to a person who has shown the claim code where it should not stand.
pub(crate) const SPENT: &str = "That was the ownership claim code. It is spent now, because others may have \
    read it here, and it made nobody an owner. On the gateway's machine, `openclaw owner claim` prints a new one.";

/// The same, with the command as code.
pub(crate) fn spent() -> Text {
    ticked(SPENT)
}

/// Spends the open claim if its code stands anywhere in a text, and tells the owners. Blocks on disk.
pub(crate) fn spend_claim(
    gateway: &Arc<Gateway>,
    text: &str,
    (surface, actor, key): (&str, &str, Option<&AccountKey>),
) -> Result<bool, StoreError> {
    let note = Note { action: "claim-spent", surface, actor, key, subject: "claim" };
    if !gateway.store.spend_claim(text, &note, crate::world::now())? {
        return Ok(false);
    }
    let text = format!(
        "The ownership claim code was shown in a message of {}, so it is spent; it made nobody an \
         owner. A new one: `openclaw owner claim`",
        neutral(actor, 200)
    );
    approvals::tell(gateway, &text, None);
    Ok(true)
}

/// Tells every owner of a person who came with an invitation.
pub(crate) fn accepted(
    gateway: &Arc<Gateway>,
    (who, accepted): (&Contact, &Accepted),
    message: &InboundMessage,
) {
    gateway.cards.look();
    let name = named(message);
    let note = accepted.note.as_ref().map(|note| format!(" “{}”", note.replace('`', "'")));
    let note = note.unwrap_or_default();
    let text = format!(
        "{who}{name} accepted the invitation{note} by {}, and has access now. \
         To revoke it: `/access revoke {who}` in a chat, or `openclaw access revoke {who}`",
        decider(&accepted.by, "")
    );
    approvals::tell(gateway, &text, None);
}

/// Tells the new owner, and every owner there was.
pub(crate) async fn claimed(
    gateway: &Arc<Gateway>,
    account: &Arc<AccountRuntime>,
    owner: &Owner,
    message: &InboundMessage,
) {
    let prefix = account.config.plugin.abilities.command_prefix;
    let text = format!("You are an owner of this gateway now. {prefix}help shows what you can do.");
    answer::send(gateway, account, Mail::text(Address::of(message), text)).await;
    let name = named(message);
    let text = format!(
        "{}:{}{name} has claimed ownership. If that was not you: `openclaw owner remove {0}:{1}`",
        owner.channel, owner.sender
    );
    approvals::tell(gateway, &text, Some(owner));
}

/// Tells every owner that a known person has another id now. The new one is a stranger's, whatever
/// the old one may do.
pub(crate) async fn changed(
    gateway: &Arc<Gateway>,
    account: &AccountRuntime,
    PersonChanged { was, is }: PersonChanged,
) -> Result<(), Halt> {
    let (key, config, now) = (account.config.key.clone(), gateway.config(), crate::world::now());
    let known = gateway.read(move |store| {
        for id in was {
            let what = if owners::names(store, &config, &key.channel, &id)? {
                "is an owner"
            } else {
                match store.standing(&key, &id, now)? {
                    Standing::Blocked => "is blocked",
                    Standing::Granted => "has access",
                    Standing::Unknown if store.approved(&key)?.names(&id) => "has access",
                    Standing::Unknown => continue,
                }
            };
            return Ok(Some((Contact { key, sender: id }, what)));
        }
        Ok(None)
    });
    let Some((who, what)) = known.await? else { return Ok(()) };
    let new = Contact { sender: is, ..who.clone() };
    let text = format!(
        "{who}, who {what}, has another number now, and is {new}. Nothing goes over to the new id: \
         it is treated as a stranger's until you decide."
    );
    approvals::tell(gateway, &text, None);
    // The platform says it once: it is on the disk before it is acknowledged.
    approvals::save(gateway).await;
    Ok(())
}

/// What a person calls themselves, in brackets.
fn named(message: &InboundMessage) -> String {
    let name = message.sender.name.as_deref();
    // What stands between backticks is code to be copied: a name is none.
    let shown = |name| neutral(name, NAME_LIMIT).replace('`', "'");
    name.map(|name| format!(" ({})", shown(name))).unwrap_or_default()
}
