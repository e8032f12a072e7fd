//! Feishu and Lark apps, by a long connection or by signed requests. It translates, and nothing else: who may be
//! answered is decided elsewhere, no file and no profile is fetched unasked, and no quoted text gets in.

mod account;
mod api;
mod config;
mod content;
mod failure;
mod frame;
mod inbound;
mod outbound;
mod socket_mode;
mod text;
mod webhook;

use std::time::Duration;

use openclaw_plugin_sdk::{
    Abilities, ChannelPlugin, ChatId, Ingress, InvalidGroupId, InvalidSenderId, SenderId,
    TextLimit, TextUnit, kit::ids::without_prefix,
};

/// Feishu, and Lark, which is the same platform for the rest of the world.
pub static PLUGIN: ChannelPlugin = ChannelPlugin {
    id: "feishu",
    label: "Feishu",
    id_label: "feishuUserId",
    id_line: "Your Feishu user id",
    ingress: Ingress::Chosen { path: config::path },
    text_limit: TextLimit { max: 4000, unit: TextUnit::Utf16 },
    // A message takes few edits: what is edited too often is sent anew.
    abilities: Abilities {
        idempotent: true,
        streams: Some(Duration::from_secs(3)),
        ..Abilities::CHATS
    },
    keys: &[
        "app_id",
        "app_secret",
        "connection_mode",
        "domain",
        "encrypt_key",
        "verification_token",
        "webhook_path",
    ],
    secret_keys: &["app_secret", "encrypt_key", "verification_token"],
    env_keys: &[],
    login: None,
    manifest: None,
    parse_sender,
    parse_group,
    open: |settings| Ok(Box::new(account::Feishu::new(config::Config::read(&settings)?))),
};

/// A person's `open_id`, which this app alone knows them by. What names them to all apps of a developer, a chat's id
/// and a name are none.
fn parse_sender(text: &str) -> Result<SenderId, InvalidSenderId> {
    let text = without_prefix(text, &["feishu:", "lark:"]);
    let text = without_prefix(text, &["user:", "open_id:"]);
    if is_id(text, "ou_") { SenderId::new(text) } else { Err(text::NO_SENDER) }
}

/// A group's `chat_id`. Its name can be changed.
fn parse_group(text: &str) -> Result<ChatId, InvalidGroupId> {
    let text = without_prefix(text, &["feishu:", "lark:"]);
    let text = without_prefix(text, &["chat:", "chat_id:"]);
    if is_id(text, "oc_") { Ok(ChatId::new(text)) } else { Err(text::NO_GROUP) }
}

/// As Feishu spells ids.
fn is_id(text: &str, head: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.strip_prefix(head)
        .is_some_and(|rest| (8..=64).contains(&rest.len()) && rest.bytes().all(fits))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: &str = "ou_84aad35d084aa403a838cf73ee18467a";

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let read = parse_sender(text).ok();
        assert_eq!(read.as_ref().map(SenderId::as_str), expected, "{text:?}");
    }

    #[test]
    fn a_prefix_is_stripped() {
        for prefix in
            ["", " ", "feishu:", "Lark: ", "user:", "open_id:", "feishu:user:", "lark:open_id:"]
        {
            check(&format!("{prefix}{ANN}"), Some(ANN));
        }
    }

    #[test]
    fn case_084_a_name_is_no_sender_id() {
        for text in
            ["ann", "@ann", "ou_Ann", "ann@example.com", "feishu:ann", "Ann Lee", "ou_ann_lee_x"]
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
            "feishu:",
            "feishu:*",
            "ou_",
            "ou_84aad35",
            "84aad35d084aa403a838cf73ee18467a",
            "ou_84AAD35D084AA403A838CF73EE18467A",
            "ou_84aad35d 084aa403",
            "feishu:feishu:ou_84aad35d084aa403a838cf73ee18467a",
            "ou_ä4aad35d084aa403",
        ] {
            check(text, None);
        }
        check(&format!("ou_{}", "a".repeat(65)), None);
    }

    #[test]
    fn case_078_a_place_or_an_id_for_other_apps_is_no_sender_id() {
        for head in ["oc_", "on_", "cli_", "om_", "chat_id:oc_"] {
            check(&ANN.replace("ou_", head), None);
        }
    }

    #[test]
    fn what_no_group_can_have_as_its_id_is_refused() {
        for text in ["general", "#general", ANN, "oc_", "oc_short", "OC_84aad35d084aa403", ""] {
            assert!(parse_group(text).is_err(), "{text:?}");
        }
        let group = ANN.replace("ou_", "oc_");
        for prefix in ["", "feishu:", "lark:chat:", "chat_id:"] {
            assert_eq!(parse_group(&format!(" {prefix}{group} ")).unwrap().as_str(), group);
        }
    }
}
