//! Discord bots, by the gateway socket. It translates, and nothing else: who may be answered is decided
//! elsewhere, no file is fetched unasked, and no quoted text gets in.

mod api;
mod channels;
mod commands;
mod config;
mod gateway;
mod inbound;
mod interaction;
mod outbound;
mod text;

use std::time::Duration;

use openclaw_plugin_sdk::{
    Abilities, ChannelPlugin, ChatId, Ingress, InvalidGroupId, InvalidSenderId, SenderId,
    TextLimit, TextUnit, kit::ids,
};

/// Discord.
pub static PLUGIN: ChannelPlugin = ChannelPlugin {
    id: "discord",
    label: "Discord",
    id_label: "discordUserId",
    id_line: "Your Discord user id",
    ingress: Ingress::Connect,
    text_limit: TextLimit { max: 2000, unit: TextUnit::Chars },
    // Not idempotent: Discord knows a nonce again for a few minutes only.
    abilities: Abilities { typing: Some(Duration::from_secs(10)), ..Abilities::CHATS },
    keys: &["api_root", "guilds", "token"],
    secret_keys: &["token"],
    env_keys: &[("token", "DISCORD_BOT_TOKEN")],
    login: None,
    manifest: None,
    parse_sender,
    parse_group,
    open: |settings| Ok(Box::new(gateway::Discord::open(&settings)?)),
};

/// A person's number. User names can be handed on, and roles, channels and servers are no persons.
fn parse_sender(text: &str) -> Result<SenderId, InvalidSenderId> {
    let text = ids::without_prefix(text, &["discord:", "user:"]);
    let mention = text.strip_prefix("<@").and_then(|text| text.strip_suffix('>'));
    let number = mention.map_or(text, |id| id.trim_start_matches('!'));
    if is_snowflake(number) { SenderId::new(number) } else { Err(text::NO_SENDER) }
}

/// A channel's number.
fn parse_group(text: &str) -> Result<ChatId, InvalidGroupId> {
    let text = text.trim();
    let mention = text.strip_prefix("<#").and_then(|text| text.strip_suffix('>'));
    let number = mention.unwrap_or(text);
    if is_snowflake(number) { Ok(ChatId::new(number)) } else { Err(text::NO_GROUP) }
}

/// True for a number as Discord gives them.
fn is_snowflake(text: &str) -> bool {
    ids::number(text).is_some()
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
    fn what_no_channel_can_have_as_its_id_is_refused() {
        for text in ["general", "#general", "-42", "0", "", "99999999999999999999"] {
            assert!(parse_group(text).is_err(), "{text:?}");
        }
        for text in ["80351110224678912", "<#80351110224678912>"] {
            assert_eq!(parse_group(text).unwrap().as_str(), "80351110224678912");
        }
    }

    #[test]
    fn a_prefix_is_stripped() {
        for text in ["80351110224678912", " discord:80351110224678912", "USER: 80351110224678912"] {
            check(text, Some("80351110224678912"));
        }
        check("<@80351110224678912>", Some("80351110224678912"));
        check("<@!80351110224678912>", Some("80351110224678912"));
    }

    #[test]
    fn case_084_a_user_name_is_no_sender_id() {
        for text in ["@ann", "ann", "ann#1234", "discord:ann", "123ann", "pk:80351110224678912"] {
            check(text, None);
        }
    }

    #[test]
    fn case_085_a_blank_or_partial_or_padded_id_is_refused() {
        for text in ["", " ", "discord:", "*", "user:*", "0", "+1", "007", "12 3", "1.0", "٣", "-1"]
        {
            check(text, None);
        }
        for text in ["discord:discord:1", "<@>", "<@1", "99999999999999999999"] {
            check(text, None);
        }
    }

    #[test]
    fn case_078_a_channel_a_role_and_a_server_are_no_senders() {
        for text in
            ["<#41771983423143937>", "<@&41771983423143937>", "channel:1", "guild:1", "role:1"]
        {
            check(text, None);
        }
    }
}
