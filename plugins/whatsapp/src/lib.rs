//! WhatsApp business numbers, by way of Meta's Cloud API, which calls the gateway. It translates, and nothing else: who
//! may be answered is decided elsewhere, no file is fetched, and no quoted text gets in.

mod account;
mod api;
mod config;
mod failure;
mod inbound;
mod outbound;
mod text;
mod webhook;

use std::time::Duration;

use openclaw_plugin_sdk::{
    Abilities, ChannelPlugin, ChatId, Ingress, InvalidGroupId, InvalidSenderId, SenderId,
    TextLimit, TextUnit,
    kit::ids::{is_phone, without_prefix},
};

/// What one text carries.
const LONGEST: usize = 4096;

/// After a person's last message, so long they can be written to.
const WINDOW: Duration = Duration::from_hours(24);

/// WhatsApp.
pub static PLUGIN: ChannelPlugin = ChannelPlugin {
    id: "whatsapp",
    label: "WhatsApp",
    id_label: "whatsappSenderId",
    id_line: "Your WhatsApp id",
    ingress: Ingress::Chosen { path: config::path },
    text_limit: TextLimit { max: LONGEST, unit: TextUnit::Utf16 },
    abilities: Abilities {
        accounts: true,
        buttons: Some(3),
        groups: true,
        images: true,
        replies: true,
        typing: Some(Duration::from_secs(25)),
        window: Some(WINDOW),
        ..Abilities::NONE
    },
    keys: &[
        "access_token",
        "api_root",
        "app_secret",
        "graph_version",
        "mode",
        "phone_number_id",
        "verify_token",
        "webhook_path",
    ],
    secret_keys: &["access_token", "app_secret", "verify_token"],
    env_keys: &[
        ("access_token", "WHATSAPP_ACCESS_TOKEN"),
        ("app_secret", "WHATSAPP_APP_SECRET"),
        ("verify_token", "WHATSAPP_VERIFY_TOKEN"),
    ],
    login: None,
    manifest: None,
    parse_sender,
    parse_group,
    open: |settings| Ok(Box::new(account::WhatsApp::open(&settings)?)),
};

/// A person's id in this business, or a number, which is what old lists hold. A number can pass to another person: the
/// gateway lets it open for the first id that bears it, and for no other.
fn parse_sender(text: &str) -> Result<SenderId, InvalidSenderId> {
    let text = without_channel(text);
    if is_phone(text) || is_user(text) || is_lid(text) {
        return SenderId::new(text);
    }
    let digits = match text.split_once('@') {
        // What stands behind the colon is one of the person's devices.
        Some((head, "s.whatsapp.net" | "c.us")) => head.split(':').next().unwrap_or_default(),
        _ => text,
    };
    let number = format!("+{digits}");
    if is_phone(&number) { SenderId::new(&number) } else { Err(text::NO_SENDER) }
}

/// A group's id. Its name can be changed.
fn parse_group(text: &str) -> Result<ChatId, InvalidGroupId> {
    let text = without_prefix(without_channel(text), &["group:"]);
    let fits = |c: u8| c.is_ascii_alphanumeric() || b"_-=/+".contains(&c);
    let is_group = (1..=256).contains(&text.len())
        && !text.starts_with('+')
        && text.bytes().any(|c| c.is_ascii_alphabetic())
        && text.bytes().all(fits);
    if is_group { Ok(ChatId::new(text)) } else { Err(text::NO_GROUP) }
}

fn without_channel(text: &str) -> &str {
    without_prefix(text, &["whatsapp:"])
}

/// As `US.13491208655302741918`, or with `ENT.` for several businesses together.
fn is_user(text: &str) -> bool {
    let Some((country, rest)) = text.split_once('.') else { return false };
    let id = rest.strip_prefix("ENT.").unwrap_or(rest);
    country.len() == 2
        && country.bytes().all(|byte| byte.is_ascii_uppercase())
        && (1..=128).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// As OpenClaw's lists may have it; the Cloud API has no such ids.
fn is_lid(text: &str) -> bool {
    let digits = text.strip_suffix("@lid").unwrap_or_default();
    (1..=32).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
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
    fn a_person_is_a_number_or_an_id_of_the_business() {
        for text in [
            "+15551234567",
            " 15551234567 ",
            "whatsapp:+15551234567",
            "WhatsApp: 15551234567",
            "15551234567@s.whatsapp.net",
            "15551234567:12@s.whatsapp.net",
            "15551234567@c.us",
        ] {
            check(text, Some("+15551234567"));
        }
        for text in ["US.13491208655302741918", "US.ENT.11815799212886844830", "BR.aB9"] {
            check(text, Some(text));
            check(&format!("whatsapp:{text}"), Some(text));
        }
        check("12345678901234@lid", Some("12345678901234@lid"));
    }

    #[test]
    fn case_084_a_name_is_no_sender_id() {
        for text in ["ann", "@ann", "ann@example.com", "whatsapp:ann", "us.1349", "USA.1349"] {
            check(text, None);
        }
    }

    #[test]
    fn case_085_a_blank_or_partial_or_padded_id_is_refused() {
        for text in [
            "",
            " ",
            "*",
            "whatsapp:",
            "whatsapp:*",
            "+",
            "+1",
            "123456",
            "+1234567890123456",
            "+05551234567",
            "+1555 1234567",
            "+1555-123-4567",
            "++15551234567",
            "+١٥٥٥١٢٣٤٥٦٧",
            "@s.whatsapp.net",
            "x:15551234567@s.whatsapp.net",
            "15551234567@s.whatsapp.net.example",
            "US.",
            "US.ENT.",
            "US.13 49",
            "US.13.49",
            "@lid",
            "whatsapp:whatsapp:+15551234567",
        ] {
            check(text, None);
        }
        check(&format!("US.{}", "1".repeat(129)), None);
    }

    #[test]
    fn case_078_a_group_is_no_sender_id() {
        for text in [
            "120363040469423382@g.us",
            "15551234567-1600000000@g.us",
            "status@broadcast",
            "120363040469423382@newsletter",
            "group:Y2FwaV9ncm91cA",
            "Y2FwaV9ncm91cA",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn what_no_group_can_have_as_its_id_is_refused() {
        for text in
            ["", "The family", "#family", "+15551234567", "US.1349", "120363040469423382@g.us", "1"]
        {
            assert!(parse_group(text).is_err(), "{text:?}");
        }
        for text in ["Y2FwaV9ncm91cA==", " whatsapp:group:Y2FwaV9ncm91cA== "] {
            assert_eq!(parse_group(text).unwrap().as_str(), "Y2FwaV9ncm91cA==");
        }
    }
}
