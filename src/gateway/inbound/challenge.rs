//! A stranger has knocked: the request, the one challenge, and owners are told.

use std::sync::Arc;

use openclaw_plugin_sdk::{InboundMessage, Link};
use tracing::{debug, info};

use super::held;
use crate::{
    Gateway,
    accounts::account::AccountRuntime,
    config::Reply,
    delivery::{
        answer,
        mail::{Address, Mail},
        pages,
    },
    rules::pairing::{AccessRequest, Asked, PairingRequest, RequestId},
    store::StoreError,
    world,
};

/// What a person is who has knocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Approved meanwhile.
    Approved,
    /// A stranger.
    Stranger,
}

/// Opens a request, or lets the open one stand in silence. A challenge that is not known to have arrived is sent
/// at the next knock.
pub(crate) async fn knocked(
    gateway: &Arc<Gateway>,
    account: &Arc<AccountRuntime>,
    knock: AccessRequest,
    message: &Arc<InboundMessage>,
) -> Result<Standing, StoreError> {
    let places = gateway.config().pairing.places;
    let knock = AccessRequest { first: held::first(gateway, account, message)?, ..knock };
    let asked = gateway.read(move |store| store.ask(&knock, places, world::now())).await?;
    let channel = account.config.plugin.id;
    match asked {
        Asked::Approved => return Ok(Standing::Approved),
        Asked::Opened { request, evicted } => {
            if let Some(evicted) = evicted {
                held::forget(gateway, &evicted.id).await?;
            }
            held::note(gateway, &request);
            pages::note(account, &request);
            info!(channel, account = %account.config.key.account, sender = %request.sender, "a sender asks for access");
            account.remember(&request.sender, &message.conversation);
            send(gateway, account, &request, message).await;
            gateway.cards.look();
        }
        Asked::Waiting { request, touched } => {
            held::note(gateway, &request);
            send(gateway, account, &request, message).await;
            if touched {
                gateway.cards.look();
            }
        }
        Asked::Denied | Asked::Full => debug!(channel, "no place, or denied within the hour"),
    }
    Ok(Standing::Stranger)
}

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
async fn send(
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
