//! Telegram bots, by long polling. It translates, and nothing else: who may be answered is decided
//! elsewhere, no file is fetched unasked, and no quoted text gets in.

mod api;
mod config;
mod inbound;
mod outbound;
mod poll;
mod text;

use std::time::Duration;

use openclaw_plugin_sdk::{
    Abilities, ChannelPlugin, ChatId, Ingress, InvalidGroupId, InvalidSenderId, SenderId,
    TextLimit, TextUnit, kit::ids,
};

/// Telegram.
pub static PLUGIN: ChannelPlugin = ChannelPlugin {
    id: "telegram",
    label: "Telegram",
    id_label: "telegramUserId",
    id_line: "Your Telegram user id",
    ingress: Ingress::Connect,
    text_limit: TextLimit { max: 4096, unit: TextUnit::Utf16 },
    abilities: Abilities {
        buttons: Some(100),
        typing: Some(Duration::from_secs(5)),
        ..Abilities::CHATS
    },
    keys: &["api_root", "bot_token", "token_file"],
    secret_keys: &["bot_token"],
    env_keys: &[("bot_token", "TELEGRAM_BOT_TOKEN")],
    login: None,
    manifest: None,
    parse_sender,
    parse_group,
    open: |settings| Ok(Box::new(poll::Telegram::open(&settings)?)),
};

/// A person's number. A group's is negative, and a user name can be handed on: neither is one.
fn parse_sender(text: &str) -> Result<SenderId, InvalidSenderId> {
    let number = ids::without_prefix(text, &["telegram:", "tg:"]);
    if is_number(number) { SenderId::new(number) } else { Err(text::NO_SENDER) }
}

/// A group's number. Those of people are positive, and its name or link can be handed on: neither is one.
fn parse_group(text: &str) -> Result<ChatId, InvalidGroupId> {
    let text = text.trim();
    let is_group = text.strip_prefix('-').is_some_and(is_number);
    if is_group { Ok(ChatId::new(text)) } else { Err(text::NO_GROUP) }
}

fn is_number(text: &str) -> bool {
    ids::number(text).is_some_and(|number| i64::try_from(number).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let read = parse_sender(text).ok();
        assert_eq!(read.as_ref().map(SenderId::as_str), expected, "{text:?}");
    }

    #[test]
    fn what_no_group_can_have_as_its_id_is_refused() {
        for text in
            ["mygroup", "@mygroup", "111", "-0", "-", "--1", "-1x", "", "-99999999999999999999"]
        {
            assert!(parse_group(text).is_err(), "{text:?}");
        }
        for text in ["-1001234567890", " -42 "] {
            assert_eq!(parse_group(text).unwrap().as_str(), text.trim());
        }
    }

    #[test]
    fn a_prefix_is_stripped() {
        for text in [
            "123456789",
            " 123456789 ",
            "telegram:123456789",
            "TG:123456789",
            "Telegram: 123456789",
        ] {
            check(text, Some("123456789"));
        }
    }

    #[test]
    fn case_084_a_user_name_is_no_sender_id() {
        for text in ["@ann", "ann", "tg:@ann", "t.me/ann", "123ann"] {
            check(text, None);
        }
    }

    #[test]
    fn case_085_a_blank_or_partial_or_padded_id_is_refused() {
        for text in [
            "",
            " ",
            "tg:",
            "telegram: ",
            "*",
            "tg:*",
            "0",
            "+1",
            "007",
            "12 3",
            "1.0",
            "1e3",
            "٣",
            "tg:tg:1",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn case_078_a_group_id_is_no_sender_id() {
        for text in ["-1001234567890", "tg:-5", "-0", "99999999999999999999"] {
            check(text, None);
        }
    }
}
