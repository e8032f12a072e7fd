//! A stranger has knocked: his request, the one challenge, and owners are told.

use std::sync::{Arc, PoisonError};

use openclaw_plugin_sdk::{Conversation, InboundMessage, OutboundMessage};
use tracing::{debug, info, warn};

use super::{Gateway, account::Running, answer, blocking, held, outbound, pages};
use crate::{
    access::pairing::{Asked, Knock, PairingRequest, RequestId},
    config::{Reply, pairing::Blanks},
    store::StoreError,
    world,
};

/// What somebody is who has knocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Let in meanwhile.
    Approved,
    /// A stranger.
    Stranger,
}

/// Opens a request, or lets the open one stand in silence. A challenge that is not known to have arrived is sent
/// at the next knock.
pub(crate) async fn knocked(
    gateway: &Arc<Gateway>,
    account: &Arc<Running>,
    knock: Knock,
    message: &InboundMessage,
) -> Result<Standing, StoreError> {
    let (store, places) = (Arc::clone(&gateway.store), gateway.config().pairing.places);
    let knock = Knock { first: held::first(gateway, account, message)?, ..knock };
    let asked = blocking(move || store.ask(&knock, places, world::now())).await?;
    let (channel, conversation) = (account.config.plugin.id, message.conversation.clone());
    match asked {
        Asked::Approved => return Ok(Standing::Approved),
        Asked::Opened { request, evicted } => {
            if let Some(evicted) = evicted {
                held::forget(gateway, &evicted.id).await?;
            }
            held::note(gateway, &request);
            pages::note(account, &request);
            info!(channel, account = %account.config.key.account, sender = %request.sender, "somebody asks to be let in");
            account.remember(&request.sender, &conversation);
            send(gateway, account, &request, conversation).await;
            gateway.cards.look();
        }
        Asked::Waiting { request, touched } => {
            held::note(gateway, &request);
            send(gateway, account, &request, conversation).await;
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
    account: &Arc<Running>,
    request: &PairingRequest,
) {
    if account.journal.lock().unwrap_or_else(PoisonError::into_inner).has_told(&request.id) {
        put(gateway, account, request, account.chat_of(&request.sender)).await;
    }
}

/// Sends the challenge, if the sender has not got it and it is not on its way.
async fn send(
    gateway: &Arc<Gateway>,
    account: &Arc<Running>,
    request: &PairingRequest,
    conversation: Conversation,
) {
    if !account.journal.lock().unwrap_or_else(PoisonError::into_inner).has_told(&request.id) {
        put(gateway, account, request, conversation).await;
    }
}

async fn put(
    gateway: &Arc<Gateway>,
    account: &Arc<Running>,
    request: &PairingRequest,
    conversation: Conversation,
) {
    if gateway.config().pairing.reply == Reply::Silent
        || !account
            .challenges
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(request.id.clone())
    {
        return;
    }
    let plugin = account.config.plugin;
    let text = gateway.config().pairing.message.fill(Blanks {
        channel: plugin.id,
        id_label: plugin.id_line,
        id: request.sender.as_str(),
        code: &request.code.spell(),
    });
    let message = Box::new(OutboundMessage::new(conversation, text));
    let to = message.to.clone();
    answer::put(gateway, account, to, answer::Job::Challenge { of: request.id.clone(), message })
        .await;
}

/// Delivers a challenge in its turn, and remembers that it has arrived.
pub(crate) async fn deliver(account: &Running, of: &RequestId, message: OutboundMessage) {
    if outbound::deliver(account, message).await {
        let told = account.journal.lock().unwrap_or_else(PoisonError::into_inner).tell(of);
        if let Err(error) = told {
            warn!(channel = account.config.plugin.id, %error, "a challenge may be sent twice");
        }
    }
    ended(account, of);
}

/// It is not on its way any more.
pub(crate) fn ended(account: &Running, of: &RequestId) {
    account.challenges.lock().unwrap_or_else(PoisonError::into_inner).remove(of);
}
