//! A stranger has knocked: his request, the one challenge, the notice to the owners.

use std::sync::Arc;

use openclaw_plugin_sdk::{Conversation, OutboundMessage};
use tracing::{debug, info};

use super::{Gateway, account::Running, answer, blocking, notice};
use crate::{
    access::pairing::{Asked, Knock},
    config::{Reply, pairing::Blanks},
    store::StoreError,
    world,
};

/// Opens a request, or lets the open one stand in silence.
pub(crate) async fn knocked(
    gateway: &Arc<Gateway>,
    account: &Arc<Running>,
    knock: Knock,
    conversation: Conversation,
) -> Result<(), StoreError> {
    let (store, places) = (Arc::clone(&gateway.store), gateway.config.pairing.places);
    let asked = blocking(move || store.ask(&knock, places, world::now())).await?;
    let channel = account.config.plugin.id;
    let request = match asked {
        Asked::Opened { request, .. } => request,
        Asked::Waiting { .. } => {
            debug!(channel, "waits already");
            return Ok(());
        }
        Asked::Denied | Asked::Full => {
            debug!(channel, "no place, or denied within the hour");
            return Ok(());
        }
    };
    info!(channel, account = %account.config.key.account, sender = %request.sender, "somebody asks to be let in");
    account.remember(&request.sender, &conversation);
    if gateway.config.pairing.reply == Reply::Code {
        let plugin = account.config.plugin;
        let text = gateway.config.pairing.message.fill(Blanks {
            channel: plugin.id,
            id_label: plugin.id_line,
            id: request.sender.as_str(),
            code: &request.code.spell(),
        });
        answer::send(gateway, account, vec![OutboundMessage::new(conversation, text)]).await;
    }
    notice::request_opened(gateway, account, &request);
    Ok(())
}
