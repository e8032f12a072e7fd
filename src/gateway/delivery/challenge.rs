//! The challenge of a person who waits: sent once, and again where the platform has forgotten it.

use std::sync::Arc;

use openclaw_plugin_sdk::{InboundMessage, Link};

use crate::{
    Gateway,
    accounts::account::AccountRuntime,
    config::Reply,
    delivery::answer,
    journal::mail::{Address, Mail},
    rules::pairing::{PairingRequest, RequestId},
};

/// Sends the challenge once more, where the platform has forgotten it.
pub(crate) async fn again(
    gateway: &Arc<Gateway>,
    account: &Arc<AccountRuntime>,
    request: &PairingRequest,
) {
    if account.journal.has_told(&request.id) {
        let to = account.chat_of(&request.sender);
        put(gateway, account, request, Address::new(&to, &request.sender, Link::Private)).await;
    }
}

/// Sends the challenge, if its sender has not got it and it is not on its way.
pub(crate) async fn send(
    gateway: &Arc<Gateway>,
    account: &Arc<AccountRuntime>,
    request: &PairingRequest,
    message: &InboundMessage,
) {
    if !account.journal.has_told(&request.id) {
        put(gateway, account, request, Address::of(message)).await;
    }
}

async fn put(
    gateway: &Arc<Gateway>,
    account: &Arc<AccountRuntime>,
    request: &PairingRequest,
    to: Address,
) {
    if gateway.config().pairing.reply != Reply::Silent && on_its_way(account, &request.id) {
        answer::send(gateway, account, Mail::challenge(to, &request.id)).await;
    }
}

/// It is on its way now. False where it was so before.
pub(crate) fn on_its_way(account: &AccountRuntime, of: &RequestId) -> bool {
    account.challenges.lock().insert(of.clone())
}

/// It is not on its way any more.
pub(crate) fn ended(account: &AccountRuntime, of: &RequestId) {
    account.challenges.lock().remove(of);
}
