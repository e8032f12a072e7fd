//! Signal, by way of a signal-cli daemon. It translates, and nothing else: who may be answered is decided elsewhere,
//! no file is fetched, and no quoted text gets in.

mod account;
mod config;
mod daemon;
mod failure;
mod inbound;
mod login;
mod outbound;
mod rpc;
mod text;

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use openclaw_plugin_sdk::{
    Abilities, ChannelPlugin, ChatId, Ingress, InvalidGroupId, InvalidSenderId, SenderId,
    TextLimit, TextUnit,
    kit::ids::{is_phone, is_uuid, without_prefix},
};

/// No number of Signal's: what is longer is an attachment there.
const LONGEST: usize = 2000;

/// Signal.
pub static PLUGIN: ChannelPlugin = ChannelPlugin {
    id: "signal",
    label: "Signal",
    id_label: "signalNumber",
    id_line: "Your Signal id",
    ingress: Ingress::Connect,
    text_limit: TextLimit { max: LONGEST, unit: TextUnit::Utf16 },
    abilities: Abilities {
        accounts: true,
        deletes: true,
        files: true,
        further_ids: Some("+"),
        groups: true,
        images: true,
        reactions: true,
        replies: true,
        typing: Some(Duration::from_secs(10)),
        ..Abilities::NONE
    },
    keys: &["account", "cli_path", "config_path", "url"],
    secret_keys: &[],
    env_keys: &[],
    login: Some(|settings, folder| Box::pin(login::begin(settings, folder))),
    manifest: None,
    parse_sender,
    parse_group,
    open: |settings| Ok(Box::new(account::Signal::open(&settings)?)),
};

/// A person's ACI, which never changes, or a number, which is what old lists hold. A number can pass to another person:
/// the gateway lets it open for the first ACI that bears it, and for no other.
fn parse_sender(text: &str) -> Result<SenderId, InvalidSenderId> {
    let text = without_prefix(without_prefix(text, &["signal:"]), &["uuid:"]);
    let text = text.to_ascii_lowercase();
    if is_phone(&text) || is_uuid(&text) { SenderId::new(&text) } else { Err(text::NO_SENDER) }
}

/// A group's id, as signal-cli spells it. Its name can be changed.
fn parse_group(text: &str) -> Result<ChatId, InvalidGroupId> {
    let text = without_prefix(without_prefix(text, &["signal:"]), &["group:"]);
    let bytes = STANDARD.decode(text).unwrap_or_default();
    if matches!(bytes.len(), 16 | 32) { Ok(ChatId::new(text)) } else { Err(text::NO_GROUP) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACI: &str = "0f1e2d3c-4b5a-4968-8776-655443322110";

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let read = parse_sender(text).ok();
        assert_eq!(read.as_ref().map(SenderId::as_str), expected, "{text:?}");
    }

    #[test]
    fn a_person_is_an_aci_or_a_number() {
        for text in [
            ACI,
            " uuid:0F1E2D3C-4B5A-4968-8776-655443322110 ",
            "signal:uuid:0f1e2d3c-4b5a-4968-8776-655443322110",
        ] {
            check(text, Some(ACI));
        }
        for text in ["+15551234567", "signal:+15551234567", " Signal: +15551234567 "] {
            check(text, Some("+15551234567"));
        }
    }

    #[test]
    fn case_084_a_name_is_no_sender_id() {
        for text in [
            "ann",
            "@ann",
            "u:ann.01",
            "ann.01",
            "signal:ann",
            "PNI:0f1e2d3c-4b5a-4968-8776-655443322110",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn case_085_a_blank_or_partial_or_padded_id_is_refused() {
        for text in [
            "",
            " ",
            "*",
            "signal:",
            "uuid:",
            "uuid:*",
            "15551234567",
            "+",
            "+1",
            "+123456",
            "+1234567890123456",
            "+05551234567",
            "+1555 1234567",
            "+1555-123-4567",
            "++15551234567",
            "+١٥٥٥١٢٣٤٥٦٧",
            "0f1e2d3c-4b5a-4968-8776-65544332211",
            "0f1e2d3c4b5a49688776655443322110",
            "0f1e2d3c-4b5a-4968-8776-65544332211g",
            "00000000-0000-0000-0000-000000000000",
            "uuid:uuid:0f1e2d3c-4b5a-4968-8776-655443322110",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn case_078_a_group_is_no_sender_id() {
        for text in
            ["group:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAA=="]
        {
            check(text, None);
        }
    }

    #[test]
    fn what_no_group_can_have_as_its_id_is_refused() {
        for text in ["", "Family", "#family", "AAAA", ACI, "+15551234567", "AAAAAAAAAAAAAAAAAAAAAA"]
        {
            assert!(parse_group(text).is_err(), "{text:?}");
        }
        let group = "WW3jZ+M/oC5LZJ3mvtZy0zgF2dZ5lFJ3vQxSxkVPSXo=";
        for text in [group, &format!(" signal:group:{group} "), "AAAAAAAAAAAAAAAAAAAAAA=="] {
            assert!(text.contains(parse_group(text).unwrap().as_str()));
        }
    }
}
