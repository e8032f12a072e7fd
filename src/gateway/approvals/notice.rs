//! What owners are told beside requests: that a person has claimed the seat, and that an account is in trouble.

use std::sync::Arc;

use openclaw_plugin_sdk::{InboundMessage, neutral};

use crate::{
    Gateway,
    accounts::account::AccountRuntime,
    approvals,
    control::text,
    delivery::{
        answer,
        mail::{Address, Mail},
    },
    inbound::gate::NAME_LIMIT,
    rules::{Contact, owner::Owner},
    store::access::Accepted,
};

/// Welcomes a person who came with an invitation, and tells every owner.
pub(crate) async fn accepted(
    gateway: &Arc<Gateway>,
    account: &Arc<AccountRuntime>,
    (who, accepted): (&Contact, &Accepted),
    message: &InboundMessage,
) {
    answer::send(gateway, account, Mail::text(Address::of(message), text::WELCOME)).await;
    gateway.cards.look();
    let name = named(message);
    let note = accepted.note.as_ref().map(|note| format!(" “{note}”")).unwrap_or_default();
    let text = format!(
        "{who}{name} accepted the invitation{note} by {}, and has access now. \
         To revoke it: openclaw access revoke {who}",
        accepted.by
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
        "{}:{}{name} has claimed the owner's seat. If that was not you: openclaw owner remove {0}:{1}",
        owner.channel, owner.sender
    );
    approvals::tell(gateway, &text, Some(owner));
}

/// What a person calls themselves, in brackets.
fn named(message: &InboundMessage) -> String {
    let name = message.sender.name.as_deref();
    name.map(|name| format!(" ({})", neutral(name, NAME_LIMIT))).unwrap_or_default()
}
