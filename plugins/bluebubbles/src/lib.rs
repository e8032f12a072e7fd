//! iMessage, by way of a `BlueBubbles` server on a Mac: it calls the gateway, and is asked what it could not tell. It
//! translates, and nothing else: who may be answered is decided elsewhere, no file is fetched, and no quoted text gets in.

mod account;
mod api;
mod catch_up;
mod config;
mod failure;
mod inbound;
mod outbound;
mod text;
mod webhook;

use openclaw_plugin_sdk::{
    Abilities, ChannelPlugin, ChatId, Ingress, InvalidGroupId, InvalidSenderId, SenderId,
    TextLimit, TextUnit,
    kit::{
        handle::{chat, handle},
        ids::without_prefix,
    },
};

/// iMessage, by way of a server on a Mac.
pub static PLUGIN: ChannelPlugin = ChannelPlugin {
    id: "bluebubbles",
    label: "BlueBubbles",
    id_label: "bluebubblesSenderId",
    id_line: "Your iMessage handle",
    ingress: Ingress::Chosen { path: config::path },
    text_limit: TextLimit { max: 4000, unit: TextUnit::Utf16 },
    abilities: Abilities {
        accounts: true,
        groups: true,
        key: true,
        replies: true,
        ..Abilities::NONE
    },
    keys: &["callback_url", "password", "server_url", "service", "webhook_path"],
    secret_keys: &["password"],
    env_keys: &[],
    login: None,
    manifest: None,
    parse_sender,
    parse_group,
    open: |settings| Ok(Box::new(account::BlueBubbles::open(&settings)?)),
};

/// Apple vouches for the handle that a message came from: a number, or an address. It can pass to another person.
fn parse_sender(text: &str) -> Result<SenderId, InvalidSenderId> {
    let text = without_prefix(without_prefix(text, &["bluebubbles:"]), &["imessage:"]);
    handle(text).ok_or(text::NO_SENDER).and_then(|handle| SenderId::new(&handle))
}

/// The id of a group on the Mac, as `iMessage;+;chat831551415676550949`. Its name can be changed.
fn parse_group(text: &str) -> Result<ChatId, InvalidGroupId> {
    let text = without_prefix(without_prefix(text, &["bluebubbles:"]), &["chat_guid:"]);
    match chat(text) {
        Some((_, "+", _)) => Ok(ChatId::new(text)),
        _ => Err(text::NO_GROUP),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_one_however_it_is_written() {
        for text in
            ["+15551234567", "bluebubbles:imessage:+1 (555) 123-4567", "iMessage:tel:+15551234567"]
        {
            assert_eq!(parse_sender(text).unwrap().as_str(), "+15551234567", "{text}");
        }
        assert_eq!(
            parse_sender("BlueBubbles: Ann@Example.com").unwrap().as_str(),
            "ann@example.com"
        );
    }

    #[test]
    fn case_078_a_chat_is_no_sender_id() {
        for text in [
            "chat_id:7",
            "chat_guid:iMessage;-;+15551234567",
            "chat_identifier:+15551234567",
            "bluebubbles:chat_guid:iMessage;+;chat831551415676550949",
            "iMessage;-;+15551234567",
            "chat831551415676550949",
        ] {
            assert!(parse_sender(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_no_group_can_have_as_its_id_is_refused() {
        for text in [
            "",
            "Family",
            "+15551234567",
            "chat831551415676550949",
            "iMessage;-;+15551234567",
            "iMessage;+;",
            ";+;chat1",
            "iMessage;+;chat 1",
            "iMessage;+;chat1;x",
            "*",
        ] {
            assert!(parse_group(text).is_err(), "{text:?}");
        }
        for text in ["any;+;chat1", " bluebubbles:chat_guid:any;+;chat1 "] {
            assert_eq!(parse_group(text).unwrap().as_str(), "any;+;chat1");
        }
    }
}
