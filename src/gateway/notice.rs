//! What owners are told beside requests: that somebody has claimed the seat, and that an account is in trouble.

use std::sync::Arc;

use openclaw_plugin_sdk::{InboundMessage, OutboundMessage, Text, neutral};

use super::{Gateway, account::Running, answer, cards::seats, gate::NAME_LIMIT, outbound};
use crate::access::owner::Owner;

/// Tells every owner that can be reached one sentence, beside whatever goes on.
pub(crate) fn tell_owners(gateway: &Arc<Gateway>, text: &str) {
    let (here, text) = (Arc::clone(gateway), text.to_owned());
    gateway.beside(async move {
        for (account, owner) in seats(&here, None) {
            outbound::say(&account, &account.chat_of(&owner.sender), text.clone()).await;
        }
    });
}

/// Tells the new owner, and every owner there was.
pub(crate) async fn claimed(
    gateway: &Arc<Gateway>,
    account: &Arc<Running>,
    owner: &Owner,
    message: &InboundMessage,
) {
    let prefix = account.config.plugin.abilities.command_prefix;
    let text = format!("You are an owner of this gateway now. {prefix}help shows what you can do.");
    answer::send(
        gateway,
        account,
        vec![OutboundMessage::new(message.conversation.clone(), Text::plain(text))],
    )
    .await;
    let (here, newcomer) = (Arc::clone(gateway), owner.clone());
    let name =
        message.sender.name.as_deref().map(|name| format!(" ({})", neutral(name, NAME_LIMIT)));
    let text = format!(
        "{}:{}{} has claimed the owner's seat. If that was not you: openclaw owner remove {0}:{1}",
        newcomer.channel,
        newcomer.sender,
        name.unwrap_or_default()
    );
    gateway.beside(async move {
        for (account, owner) in
            seats(&here, None).into_iter().filter(|(_, owner)| *owner != newcomer)
        {
            outbound::say(&account, &account.chat_of(&owner.sender), text.clone()).await;
        }
    });
}
