//! Slack apps, by Socket Mode or by signed requests. It translates, and nothing else: who may be answered
//! is decided elsewhere, no file is fetched unasked, and no quoted text gets in.

mod api;
mod app;
mod arrival;
mod blocks;
mod config;
mod inbound;
mod outbound;
mod socket_mode;
mod text;
mod webhook;
mod words;

use openclaw_plugin_sdk::{
    Abilities, ChannelPlugin, ChatId, Ingress, InvalidGroupId, InvalidSenderId, SenderId,
    TextLimit, TextUnit, kit::ids::without_prefix,
};

/// Slack.
pub static PLUGIN: ChannelPlugin = ChannelPlugin {
    id: "slack",
    label: "Slack",
    id_label: "slackUserId",
    id_line: "Your Slack user id",
    ingress: Ingress::Chosen { path: config::path },
    // An edit takes no more.
    text_limit: TextLimit { max: 4000, unit: TextUnit::Utf16 },
    abilities: Abilities { command_prefix: words::PREFIX, ..Abilities::CHATS },
    keys: &["api_url", "app_token", "bot_token", "mode", "signing_secret", "webhook_path"],
    secret_keys: &["app_token", "bot_token", "signing_secret"],
    env_keys: &[("app_token", "SLACK_APP_TOKEN"), ("bot_token", "SLACK_BOT_TOKEN")],
    login: None,
    manifest: Some(app::manifest),
    parse_sender,
    parse_group,
    open: |settings| {
        let config = config::Config::read(&settings)?;
        Ok(Box::new(app::Slack::new(config, settings.commands)))
    },
};

/// A person's id: alone for the app's own workspace, and with its workspace for any other. A channel's id
/// begins with another letter, and a name can be changed: neither is one.
fn parse_sender(text: &str) -> Result<SenderId, InvalidSenderId> {
    let text = without_prefix(without_prefix(text, &["slack:"]), &["user:"]);
    let text = text.strip_prefix("<@").and_then(|text| text.strip_suffix('>')).unwrap_or(text);
    let is_whole = match text.strip_prefix("team:").and_then(|text| text.split_once(":user:")) {
        Some((team, user)) => is_id(team, &['T', 'E']) && is_id(user, &['U', 'W']),
        None => is_id(text, &['U', 'W']),
    };
    if is_whole { SenderId::new(text) } else { Err(text::NO_SENDER) }
}

/// A channel's or a group conversation's id. Its name can be changed, and a person's begins with another letter.
fn parse_group(text: &str) -> Result<ChatId, InvalidGroupId> {
    let text = text.trim();
    if is_id(text, &['C', 'G']) { Ok(ChatId::new(text)) } else { Err(text::NO_GROUP) }
}

/// As Slack spells ids, and long enough that no name in capitals is one by chance.
fn is_id(text: &str, heads: &[char]) -> bool {
    let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    (9..=32).contains(&text.len()) && text.starts_with(heads) && text.bytes().all(fits)
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
        for text in ["general", "#general", "D024BE7LR", "U024BE7LH", "111", "c024be7lr", ""] {
            assert!(parse_group(text).is_err(), "{text:?}");
        }
        for text in ["C024BE7LR", " G024BE7LR1 "] {
            assert_eq!(parse_group(text).unwrap().as_str(), text.trim());
        }
    }

    #[test]
    fn a_prefix_is_stripped() {
        for text in
            ["U024BE7LH", " U024BE7LH ", "slack:U024BE7LH", "Slack: user:U024BE7LH", "<@U024BE7LH>"]
        {
            check(text, Some("U024BE7LH"));
        }
        check("W012A3CDE", Some("W012A3CDE"));
        check("slack:team:T0AAAAAAA:user:U024BE7LH", Some("team:T0AAAAAAA:user:U024BE7LH"));
    }

    #[test]
    fn case_084_a_name_is_no_sender_id() {
        for text in ["@ann", "ann", "u024be7lh", "Ursula", "URSULA", "ann@example.com", "user:ann"]
        {
            check(text, None);
        }
    }

    #[test]
    fn case_085_a_blank_or_partial_id_is_refused() {
        for text in [
            "",
            " ",
            "*",
            "slack:",
            "slack:*",
            "U",
            "U024",
            "024BE7LH0",
            "U024BE7LH x",
            "U024-BE7LH",
            "team:T0AAAAAAA",
            "team:T0AAAAAAA:user:",
            "team::user:U024BE7LH",
            "team:T0AAAAAAA:user:U1",
            "team:T0AAAAAAA:user:U024BE7LH:user:U024BE7LH",
            "slack:slack:U024BE7LH",
            "Ü024BE7LH",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn case_078_a_place_is_no_sender_id() {
        for text in ["C024BE7LR", "G024BE7LR", "D024BE7LR", "T024BE7LR", "B024BE7LR", "S024BE7LR"] {
            check(text, None);
        }
        check("team:C0AAAAAAA:user:U024BE7LH", None);
    }
}
