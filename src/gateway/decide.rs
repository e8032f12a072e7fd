//! A decision made in a chat: the store's, then told to whoever asked.

use std::sync::Arc;

use openclaw_plugin_sdk::{Decision, OutboundMessage, Text, neutral};
use tracing::info;

use super::{Gateway, answer, blocking, gate::NAME_LIMIT};
use crate::{
    access::{
        AccountKey,
        approver::Approver,
        pairing::{PairingRequest, RequestId},
    },
    store::{Decide, Outcome, StoreError},
    world,
};

/// What somebody is told who was let in.
pub(crate) const WELCOME: &str = "✅ OpenClaw access approved. Send a message to start chatting.";

/// Decides one request by its opaque name, and welcomes whom it lets in. `None` where it no longer waits.
pub(crate) async fn decide(
    gateway: &Arc<Gateway>,
    approver: &Approver,
    channel: &str,
    request: &RequestId,
    decision: Decision,
) -> Result<Option<PairingRequest>, StoreError> {
    let decided = settle(gateway, approver, channel, request, decision).await?;
    if let Some(request) = &decided
        && decision == Decision::Approve
        && gateway.config.pairing.notify_on_approval
    {
        welcome(gateway, &request.key, request).await;
    }
    Ok(decided)
}

/// Decides one request, and tells nobody.
pub(crate) async fn settle(
    gateway: &Arc<Gateway>,
    approver: &Approver,
    channel: &str,
    request: &RequestId,
    decision: Decision,
) -> Result<Option<PairingRequest>, StoreError> {
    let store = Arc::clone(&gateway.store);
    let (by, channel, request) = (approver.clone(), channel.to_owned(), request.clone());
    let outcome = blocking(move || {
        store.decide(&by, &Decide { channel: &channel, request: &request, decision }, world::now())
    })
    .await?;
    gateway.cards.look();
    let Outcome::Done(decided) = outcome else { return Ok(None) };
    info!(
        channel = decided.key.channel,
        account = %decided.key.account,
        sender = %decided.sender,
        actor = approver.actor(),
        approved = decision == Decision::Approve,
        "request decided"
    );
    Ok(Some(decided))
}

async fn welcome(gateway: &Arc<Gateway>, key: &AccountKey, request: &PairingRequest) {
    if let Some(account) = gateway.account(key) {
        let to = account.chat_of(&request.sender);
        answer::send(gateway, &account, vec![OutboundMessage::new(to, Text::plain(WELCOME))]).await;
    }
}

/// What was done, to whom. Never the code.
pub(crate) fn sentence(decision: Decision, request: &PairingRequest) -> String {
    let shown = |name: &String| neutral(name, NAME_LIMIT);
    let later = request.later_name.as_ref();
    let name = match (request.name().as_ref(), later) {
        (Some(name), Some(later)) => format!(" ({}; later: {})", shown(name), shown(later)),
        (Some(name), None) => format!(" ({})", shown(name)),
        (None, Some(later)) => format!(" (later: {})", shown(later)),
        (None, None) => String::new(),
    };
    let (mark, done) = match decision {
        Decision::Approve => ("✅", "Approved"),
        Decision::Deny => ("⛔", "Denied"),
    };
    format!("{mark} {done} {} sender {}{name}", request.key.channel, request.sender)
}
