//! Google Chat apps, which Google calls over HTTP. It translates, and nothing else: who may be answered is decided
//! elsewhere, no file is fetched, and no quoted text gets in.

mod account;
mod api;
mod app;
mod config;
mod failure;
mod inbound;
mod outbound;
mod proof;
mod text;

use std::time::Duration;

use openclaw_plugin_sdk::{
    Abilities, ChannelPlugin, ChatId, Ingress, InvalidGroupId, InvalidSenderId, SenderId,
    TextLimit, TextUnit, kit::ids::without_prefix,
};

/// Google Chat.
pub static PLUGIN: ChannelPlugin = ChannelPlugin {
    id: "googlechat",
    label: "Google Chat",
    id_label: "googlechatUserId",
    id_line: "Your Google Chat user id",
    ingress: Ingress::Chosen { path: config::path },
    text_limit: TextLimit { max: 4000, unit: TextUnit::Chars },
    abilities: Abilities {
        accounts: true,
        buttons: Some(25),
        deletes: true,
        edits: true,
        groups: true,
        idempotent: true,
        replies: true,
        // A space takes one write a second, and others may write there too.
        streams: Some(Duration::from_secs(2)),
        ..Abilities::NONE
    },
    keys: &[
        "api_root",
        "audience",
        "audience_type",
        "keys_root",
        "project_number",
        "service_account",
        "service_account_file",
        "webhook_path",
    ],
    secret_keys: &["service_account"],
    env_keys: &[
        ("service_account", "GOOGLE_CHAT_SERVICE_ACCOUNT"),
        ("service_account_file", "GOOGLE_CHAT_SERVICE_ACCOUNT_FILE"),
    ],
    login: None,
    manifest: None,
    parse_sender,
    parse_group,
    open: |settings| Ok(Box::new(app::GoogleChat::open(&settings)?)),
};

/// A person's id never changes. An address can be handed on, and a name can be chosen: neither is one.
fn parse_sender(text: &str) -> Result<SenderId, InvalidSenderId> {
    let text = without_channel(text);
    let digits = without_prefix(without_prefix(text, &["user:"]), &["users/"]);
    let is_number = (1..=32).contains(&digits.len()) && digits.bytes().all(|c| c.is_ascii_digit());
    match text {
        _ if is_number => SenderId::new(&format!("users/{digits}")),
        _ if text.contains('@') => Err(text::NO_ADDRESS),
        _ => Err(text::NO_SENDER),
    }
}

/// A space's id. Its name can be changed.
fn parse_group(text: &str) -> Result<ChatId, InvalidGroupId> {
    let text = without_prefix(without_channel(text), &["space:"]);
    if is_space(text) { Ok(ChatId::new(text)) } else { Err(text::NO_GROUP) }
}

fn without_channel(text: &str) -> &str {
    without_prefix(text, &["googlechat:", "google-chat:", "gchat:"])
}

/// As `spaces/AAAAB3NzaC1`.
fn is_space(text: &str) -> bool {
    let fits = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    let id = text.strip_prefix("spaces/").unwrap_or_default();
    (1..=128).contains(&id.len()) && id.bytes().all(fits)
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
    fn a_person_is_a_number_however_it_is_written() {
        for text in [
            "users/123456789012345678901",
            " 123456789012345678901 ",
            "googlechat:users/123456789012345678901",
            "google-chat:123456789012345678901",
            "GChat: user:123456789012345678901",
            "user:users/123456789012345678901",
            "Users/123456789012345678901",
        ] {
            check(text, Some("users/123456789012345678901"));
        }
    }

    #[test]
    fn case_084_an_address_or_a_name_is_no_sender_id() {
        for text in ["ann@example.com", "users/ann@example.com", "googlechat:ann@example.com"] {
            assert_eq!(parse_sender(text), Err(text::NO_ADDRESS), "{text}");
        }
        for text in ["ann", "users/ann", "users/app", "users/all", "Ann Lee"] {
            check(text, None);
        }
    }

    #[test]
    fn case_085_a_blank_or_partial_or_padded_id_is_refused() {
        for text in [
            "",
            " ",
            "*",
            "users/",
            "users/*",
            "user:",
            "googlechat:",
            "googlechat:googlechat:1",
            "users/1 2",
            "users/+1",
            "users/-1",
            "users/1.0",
            "users/١٢٣",
            "users/users/1",
            "users/1/2",
            "123456789012345678901234567890123",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn case_078_a_space_is_no_sender_id() {
        for text in ["spaces/AAAA", "spaces/123", "space:123", "googlechat:spaces/123"] {
            check(text, None);
        }
    }

    #[test]
    fn what_no_space_can_have_as_its_id_is_refused() {
        for text in ["", "spaces/", "Family", "users/1", "spaces/a/b", "spaces/a b", "AAAA", "*"] {
            assert!(parse_group(text).is_err(), "{text:?}");
        }
        for text in ["spaces/AAAA-b_9", " googlechat:spaces/AAAA-b_9 ", "space:spaces/AAAA-b_9"] {
            assert_eq!(parse_group(text).unwrap().as_str(), "spaces/AAAA-b_9");
        }
    }
}
