//! What owners are told of devices: in the chat that made the code a device came with, else where an owner listens.

use std::sync::{Arc, PoisonError};

use openclaw_plugin_sdk::{Body, Card, OutboundMessage, Text, WaitingDevice};
use tracing::warn;

use super::{
    Gateway,
    account::Running,
    blocking, outbound,
    setup_book::OwnersChat,
    setup_message::{self, is_owners},
    shown::{Display, displayed},
};
use crate::{
    device::{
        request::{DeviceRequest, DeviceRequestId},
        setup_code::SetupId,
    },
    world,
};

/// A device waits, with the code that it came with.
pub(crate) fn request_opened(
    gateway: &Arc<Gateway>,
    request: &DeviceRequest,
    code: Option<&SetupId>,
) {
    let chats = {
        let mut book = gateway.setup.book();
        match code.and_then(|code| book.chat_of(code)) {
            Some(chat) => vec![chat],
            None => book.listeners(),
        }
    };
    if chats.is_empty() {
        return;
    }
    let (here, request) = (Arc::clone(gateway), request.clone());
    gateway.beside(async move {
        setup_message::save(&here).await;
        // That the code is used comes before by whom.
        setup_message::settle(&here).await;
        let store = Arc::clone(&here.store);
        let all = blocking(move || store.device_requests(world::now())).await.unwrap_or_default();
        let (device, display) = displayed(&request, &all, world::now());
        for chat in chats {
            tell(&here, &chat, &device, &display).await;
        }
    });
}

/// A code belongs to a device now.
pub(crate) fn code_bound(gateway: &Arc<Gateway>, _code: &SetupId) {
    gateway.setup.look();
}

/// A request is over.
pub(crate) fn request_resolved(gateway: &Arc<Gateway>, request: &DeviceRequestId) {
    gateway.shown.lock().unwrap_or_else(PoisonError::into_inner).forget(request);
}

async fn tell(
    gateway: &Arc<Gateway>,
    chat: &OwnersChat,
    device: &WaitingDevice,
    display: &Display,
) {
    let Some(account) = setup_message::account(gateway, chat) else { return };
    if !is_owners(gateway, &account, chat) {
        return;
    }
    let to = chat.conversation();
    let place = (account.config.key.clone(), to.id.clone());
    // Until it stands there.
    let _underway = gateway.notices_underway.read().await;
    match outbound::send(&account, OutboundMessage::new(to, notice(&account, device))).await {
        Ok(_) => {
            let mut shown = gateway.shown.lock().unwrap_or_else(PoisonError::into_inner);
            shown.add(&place, [display.clone()]);
        }
        Err(error) => {
            warn!(channel = chat.channel(), %error, "an owner was not told of a device");
        }
    }
}

/// A card where it fits into one message; the rest of a text goes into a second one.
fn notice(account: &Running, device: &WaitingDevice) -> Body {
    let plugin = account.config.plugin;
    let prefix = plugin.abilities.command_prefix;
    let title = match device.profile {
        Some(_) => "A device came with your setup code, and waits for you.",
        None => "A device asks to be let in.",
    };
    let compare = match device.words {
        Some(_) => "A device that shows three words must show these. ",
        None => "",
    };
    let footer = Text::plain(format!("{compare}To let it in: "))
        .code(format!("{prefix}pair approve"))
        .and("\nTo turn it away: ")
        .code(format!("{prefix}pair reject {}", device.request));
    let fields = device.lines().into_iter().map(|(label, value)| (label.to_owned(), value));
    let card = Card {
        title: title.to_owned(),
        fields: fields.collect(),
        footer: Some(footer),
        buttons: Vec::new(),
    };
    let text = card.to_text();
    let fits = plugin.text_limit.measure(&text.to_plain()) <= plugin.text_limit.max;
    if fits { card.into() } else { text.into() }
}
