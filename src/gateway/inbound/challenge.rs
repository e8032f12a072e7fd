//! A stranger has knocked: the request, the one challenge, and owners are told.

use std::sync::Arc;

use openclaw_plugin_sdk::InboundMessage;
use tracing::{debug, info};

use crate::{
    Gateway,
    accounts::account::AccountRuntime,
    approvals::held,
    delivery::{challenge, pages},
    rules::pairing::{AccessRequest, AskOutcome},
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
        AskOutcome::Approved => return Ok(Standing::Approved),
        AskOutcome::Opened { request, evicted } => {
            if let Some(evicted) = evicted {
                held::forget(gateway, &evicted.id).await?;
            }
            held::note(gateway, &request);
            pages::note(account, &request);
            info!(channel, account = %account.config.key.account, sender = %request.sender, "a sender asks for access");
            account.remember(&request.sender, &message.conversation);
            challenge::send(gateway, account, &request, message).await;
            gateway.cards.look();
        }
        AskOutcome::Waiting { request, touched } => {
            held::note(gateway, &request);
            challenge::send(gateway, account, &request, message).await;
            if touched {
                gateway.cards.look();
            }
        }
        AskOutcome::Denied | AskOutcome::Full => {
            debug!(channel, "no place, or denied within the hour");
        }
    }
    Ok(Standing::Stranger)
}
