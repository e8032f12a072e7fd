//! Bots on Microsoft Teams. It translates, and nothing else: who may be answered is decided elsewhere, no file is
//! fetched, and no quoted text gets in.

mod account;
mod api;
mod cards;
mod config;
mod failure;
mod inbound;
mod manifest;
mod outbound;
mod references;
mod requests;
mod text;

use std::time::Duration;

use openclaw_plugin_sdk::{
    Abilities, ChannelPlugin, ChatId, Ingress, InvalidGroupId, InvalidSenderId, SenderId,
    TextLimit, TextUnit, kit::ids::without_prefix,
};

/// No number of Microsoft's: all of an activity may have 100 KB.
const LONGEST: usize = 4000;

/// Microsoft Teams.
pub static PLUGIN: ChannelPlugin = ChannelPlugin {
    id: "msteams",
    label: "Microsoft Teams",
    id_label: "msteamsUserId",
    id_line: "Your Microsoft Teams user id",
    ingress: Ingress::Chosen { path: config::path },
    text_limit: TextLimit { max: LONGEST, unit: TextUnit::Utf16 },
    abilities: Abilities {
        accounts: true,
        // Clients show no more of a card.
        buttons: Some(6),
        deletes: true,
        edits: true,
        groups: true,
        images: true,
        replies: true,
        // A conversation takes 1800 calls an hour.
        streams: Some(Duration::from_millis(2500)),
        typing: Some(Duration::from_secs(8)),
        ..Abilities::NONE
    },
    keys: &[
        "app_id",
        "app_password",
        "cloud",
        "login_root",
        "open_id_metadata_url",
        "service_url",
        "tenant_id",
        "webhook_path",
    ],
    secret_keys: &["app_password"],
    env_keys: &[
        ("app_id", "MSTEAMS_APP_ID"),
        ("app_password", "MSTEAMS_APP_PASSWORD"),
        ("tenant_id", "MSTEAMS_TENANT_ID"),
    ],
    login: None,
    manifest: Some(manifest::manifest),
    parse_sender,
    parse_group,
    open: |settings| Ok(Box::new(account::Teams::open(&settings)?)),
};

/// A person's object id in the directory, or the id by which Teams alone knows a person who has none there. A name and
/// an address can be handed on.
fn parse_sender(text: &str) -> Result<SenderId, InvalidSenderId> {
    let text = without_prefix(without_prefix(text, &["msteams:"]), &["user:", "aad:"]);
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    if text.strip_prefix("29:").is_some_and(|id| id.len() >= 16 && id.chars().all(fits)) {
        return SenderId::new(text);
    }
    let text = text.to_ascii_lowercase();
    if is_guid(&text) { SenderId::new(&text) } else { Err(text::NO_SENDER) }
}

/// The id of a group chat or of a channel, without that of a message in it. Its name can be changed.
fn parse_group(text: &str) -> Result<ChatId, InvalidGroupId> {
    let text = without_prefix(without_prefix(text, &["msteams:"]), &["conversation:"]);
    let text = text.split(';').next().unwrap_or_default();
    let (head, place) = text.split_once('@').unwrap_or_default();
    let fits = |c: char| c.is_ascii_alphanumeric() || ":_-.".contains(c);
    let is_group = head.starts_with("19:")
        && head.len() > 8
        && (place.starts_with("thread.") || place == "unq.gbl.spaces");
    if is_group && text.len() <= 200 && head.chars().chain(place.chars()).all(fits) {
        return Ok(ChatId::new(text));
    }
    Err(text::NO_GROUP)
}

/// Hexadecimal digits in small letters with dashes between them, and not only zeros. The playground's are no whole GUIDs.
fn is_guid(text: &str) -> bool {
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let parts: Vec<&str> = text.split('-').collect();
    (32..=40).contains(&text.len())
        && parts.len() == 5
        && parts.iter().all(|part| !part.is_empty() && part.bytes().all(hex))
        && text.bytes().any(|byte| !matches!(byte, b'0' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: &str = "0f1e2d3c-4b5a-4968-8776-655443322110";
    const TEAMS: &str = "29:1XJKJMvc5GBtc2JwZq0oj8tHZmzrQgFmB39ATiQWA85gQtHieVkKilBZ9XHoq9j7Z";

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let read = parse_sender(text).ok();
        assert_eq!(read.as_ref().map(SenderId::as_str), expected, "{text:?}");
    }

    #[test]
    fn a_person_is_an_object_id_or_the_id_of_teams() {
        for text in [
            ANN,
            " MSTeams: 0F1E2D3C-4B5A-4968-8776-655443322110 ",
            "msteams:user:0f1e2d3c-4b5a-4968-8776-655443322110",
            "aad:0f1e2d3c-4b5a-4968-8776-655443322110",
        ] {
            check(text, Some(ANN));
        }
        check(
            "0f1e2d3c-4b5a-4968-8776-6554433221100",
            Some("0f1e2d3c-4b5a-4968-8776-6554433221100"),
        );
        check(&format!("msteams:{TEAMS}"), Some(TEAMS));
    }

    #[test]
    fn case_084_a_name_or_an_address_is_no_sender_id() {
        for text in
            ["ann", "@ann", "Ann Example", "ann@example.com", "user:ann@example.com", "8:orgid:x"]
        {
            check(text, None);
        }
    }

    #[test]
    fn case_085_a_blank_or_partial_or_padded_id_is_refused() {
        for text in [
            "",
            " ",
            "*",
            "msteams:",
            "user:*",
            "29:",
            "29:short",
            "29:1XJKJMvc5GBtc2JwZq0oj8tH Zmzr",
            "28:0f1e2d3c-4b5a-4968-8776-655443322110",
            "0f1e2d3c",
            "0f1e2d3c4b5a49688776655443322110",
            "0f1e2d3c-4b5a-4968-8776-65544332211g",
            "00000000-0000-0000-0000-000000000000",
            "user:user:0f1e2d3c-4b5a-4968-8776-655443322110",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn case_078_a_group_is_no_sender_id() {
        for text in [
            "19:8f2a11c04d@thread.v2",
            "19:0f1e2d3c_6a7e0000@unq.gbl.spaces",
            "conversation:19:8f2a11c04d@thread.tacv2",
        ] {
            check(text, None);
            assert!(text.ends_with(parse_group(text).unwrap().as_str()));
        }
    }

    #[test]
    fn what_no_group_can_have_as_its_id_is_refused() {
        for text in [
            "",
            "*",
            "Family",
            "#general",
            ANN,
            TEAMS,
            "a:1x",
            "19:@thread.v2",
            "19:8f2a11c04d@evil.example",
        ] {
            assert!(parse_group(text).is_err(), "{text:?}");
        }
        let thread = parse_group("19:8f2a11c04d@thread.tacv2;messageid=1700000000000");
        assert_eq!(thread.unwrap().as_str(), "19:8f2a11c04d@thread.tacv2");
    }
}
