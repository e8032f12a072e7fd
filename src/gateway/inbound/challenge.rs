//! A stranger has knocked: the request, the one challenge, and owners are told.

use std::sync::Arc;

use openclaw_plugin_sdk::InboundMessage;
use tracing::debug;

use crate::{
    Gateway,
    accounts::account::AccountRuntime,
    approvals::held,
    delivery::{answer, challenge, pages},
    journal::mail::{Address, Mail},
    rules::pairing::{AccessRequest, AskOutcome},
    store::StoreError,
    world,
};

const NO_PLACE: &str =
    "Nobody can be asked now: too many people wait for the owner. Please try again later.";

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
            let (name, sender) = (&account.config.key.account, &request.sender);
            info_unless_at_console!(channel, account = %name, %sender, "a sender asks for access");
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
        AskOutcome::Denied => debug!(channel, "denied within the hour"),
        AskOutcome::Full => {
            debug!(channel, "the queue is full");
            let is_new = gateway.cards.turn_away(&account.config.key, &message.sender.id);
            // The page has said that a first message gets a code. Elsewhere a stranger meets silence.
            if is_new && account.config.plugin.abilities.forgets {
                let told = Mail::to_everyone(Address::of(message), NO_PLACE);
                answer::send(gateway, account, told).await;
            }
        }
    }
    Ok(Standing::Stranger)
}
