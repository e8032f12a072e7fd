//! A decision about a person's request, made in the running gateway.

use std::sync::Arc;

use openclaw_plugin_sdk::{Link, SenderId};
use tracing::info;

use crate::{
    control::{
        pairing::{self, Choice},
        text,
    },
    gateway::{
        Gateway,
        accounts::account::AccountRuntime,
        delivery::mail::{Address, Mail},
        inbound::held,
    },
    rules::{approver::Approver, pairing::RequestId},
    store::{Outcome, StoreError},
    world,
};

/// Decides one request by its opaque name.
pub(crate) async fn decide(
    gateway: &Arc<Gateway>,
    approver: &Approver,
    channel: &str,
    request: &RequestId,
    choice: Choice,
) -> Result<Outcome, StoreError> {
    let owner = choice.delivers().then(|| approver.actor());
    let _alone = held::promise(gateway, request, owner).await?;
    let (by, channel, request) = (approver.clone(), channel.to_owned(), request.clone());
    let decision = choice.decision;
    let decide = move |store: &crate::store::Store| {
        pairing::decide(store, &by, (&channel, &request), &choice, world::now())
    };
    let outcome = gateway.change(decide).await?;
    if let Outcome::Done(decided) = &outcome {
        info!(
            channel = decided.key.channel,
            account = %decided.key.account,
            sender = %decided.sender,
            actor = approver.actor(),
            ?decision,
            "request decided"
        );
    }
    gateway.cards.look();
    Ok(outcome)
}

/// What an approved person is told in their direct chat.
pub(crate) fn greeting(account: &AccountRuntime, sender: &SenderId) -> Mail {
    Mail::text(Address::new(&account.chat_of(sender), sender, Link::Private), text::WELCOME)
}
