//! iMessage, by way of the program imsg on a Mac, which the gateway starts. It translates, and nothing else: who may be
//! answered is decided elsewhere, no file is fetched, and no quoted text gets in.

mod account;
mod catch_up;
mod config;
mod failure;
mod inbound;
mod outbound;
mod program;
mod text;

use openclaw_plugin_sdk::{
    Abilities, ChannelPlugin, ChatId, Ingress, InvalidGroupId, InvalidSenderId, SenderId,
    TextLimit, TextUnit,
    kit::{
        handle::{chat, handle},
        ids::without_prefix,
    },
};

const LONGEST: usize = 4000;

/// iMessage, by way of a program on a Mac.
pub static PLUGIN: ChannelPlugin = ChannelPlugin {
    id: "imessage",
    label: "iMessage",
    id_label: "imessageSenderId",
    id_line: "Your iMessage handle",
    ingress: Ingress::Connect,
    text_limit: TextLimit { max: LONGEST, unit: TextUnit::Utf16 },
    abilities: Abilities {
        accounts: true,
        files: true,
        groups: true,
        images: true,
        replies: true,
        ..Abilities::NONE
    },
    keys: &["cli_path", "db_path", "service"],
    secret_keys: &[],
    env_keys: &[],
    login: None,
    manifest: None,
    parse_sender,
    parse_group,
    open: |settings| Ok(Box::new(account::IMessage::open(&settings)?)),
};

/// Apple vouches for the handle that a message came from: a number, or an address. It can pass to another person.
fn parse_sender(text: &str) -> Result<SenderId, InvalidSenderId> {
    let handle = handle(without_prefix(text, &["imessage:"]));
    handle.ok_or(text::NO_SENDER).and_then(|handle| SenderId::new(&handle))
}

/// The id of a group on the Mac, as `iMessage;+;chat831`. Its name can be changed.
fn parse_group(text: &str) -> Result<ChatId, InvalidGroupId> {
    let text = without_prefix(without_prefix(text, &["imessage:"]), &["chat_guid:"]);
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
        for text in [
            "+15551234567",
            "imessage:+1 (555) 123-4567",
            "iMessage:tel:+15551234567",
            "sms:+15551234567",
        ] {
            assert_eq!(parse_sender(text).unwrap().as_str(), "+15551234567", "{text}");
        }
        assert_eq!(parse_sender("Ann@Example.com").unwrap().as_str(), "ann@example.com");
    }

    #[test]
    fn case_078_case_085_a_chat_and_a_part_of_a_handle_are_no_sender_ids() {
        for text in [
            "",
            "*",
            "imessage:",
            "12345",
            "5551234567",
            "Ann",
            "chat_id:7",
            "chat_guid:iMessage;-;+15551234567",
            "chat_identifier:+15551234567",
            "iMessage;-;+15551234567",
            "chat831",
            "urn:biz:5f8e2b3a",
        ] {
            assert!(parse_sender(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_no_group_can_have_as_its_id_is_refused() {
        for text in
            ["", "Family", "+15551234567", "chat831", "iMessage;-;+15551234567", "iMessage;+;", "*"]
        {
            assert!(parse_group(text).is_err(), "{text:?}");
        }
        for text in ["any;+;chat1", " imessage:chat_guid:any;+;chat1 "] {
            assert_eq!(parse_group(text).unwrap().as_str(), "any;+;chat1");
        }
    }
}
