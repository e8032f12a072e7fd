//! What becomes of messages and interactions.

use openclaw_plugin_sdk::ChatId;
use serde_json::json;

use super::*;

const ME: &str = "700000000000000001";

fn direct() -> Conversation {
    Conversation::new(ChatId::new("471100000000000001"), ChatKind::Direct)
}

fn ann() -> Value {
    json!({ "id": "471100000000000001", "username": "ann_lee", "global_name": "Ann", "discriminator": "0" })
}

/// An ordinary message of Ann's, with this on top.
fn made(more: &Value) -> Value {
    let mut message = json!({ "id": "1311000000000000000", "channel_id": "93", "author": ann(), "type": 0, "content": "hello" });
    message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    message
}

fn read(more: &Value) -> Option<InboundMessage> {
    match message(&made(more), direct(), ME)? {
        InboundEvent::Message(message) => Some(message),
        other => panic!("a message, not {other:?}"),
    }
}

#[test]
fn a_message_has_its_senders_number_and_discords_time() {
    let message = read(&json!({})).unwrap();
    assert_eq!(message.sender.id.as_str(), "471100000000000001");
    assert_eq!(message.sender.name.as_deref(), Some("Ann"));
    assert_eq!(message.sender.meta["tag"], "ann_lee");
    assert_eq!(message.sent_at, UnixMs((1_311_000_000_000_000_000 >> 22) + 1_420_070_400_000));
}

#[test]
fn what_no_person_wrote_is_no_message() {
    for more in [
        json!({ "author": { "id": ME } }),
        json!({ "author": { "id": "5", "bot": true } }),
        json!({ "author": { "id": "5", "system": true } }),
        json!({ "author": { "id": "ann" } }),
        json!({ "author": null }),
        json!({ "author": "ann" }),
        json!({ "webhook_id": "5" }),
        json!({ "type": 7 }),
        json!({ "type": 20 }),
        json!({ "id": "x" }),
        json!({ "content": "" }),
        json!({ "content": format!("<@{ME}>"), "mentions": [{ "id": ME }] }),
    ] {
        assert!(read(&more).is_none(), "{more}");
    }
}

#[test]
fn only_our_own_mention_is_one_and_it_is_taken_off_the_front() {
    let us = json!([{ "id": ME }]);
    let message = read(&json!({ "content": format!("<@!{ME}>  /help"), "mentions": us })).unwrap();
    assert_eq!((message.text.as_str(), message.mentions_us), ("/help", true));
    let message = read(&json!({ "content": "<@5> hello @everyone", "mentions": [{ "id": "5" }], "mention_everyone": true })).unwrap();
    assert_eq!((message.text.as_str(), message.mentions_us), ("<@5> hello @everyone", false));
    // Words alone mention nobody.
    let message = read(&json!({ "content": format!("hello <@{ME}>"), "mentions": [] })).unwrap();
    assert!(!message.mentions_us);
}

#[test]
fn case_095_of_what_is_answered_or_forwarded_only_the_number_gets_in() {
    let quoted = json!({ "id": "77", "author": { "id": ME }, "content": "STRANGER'S WORDS" });
    let reply = json!({ "type": 19, "message_reference": { "type": 0, "message_id": "77" }, "referenced_message": quoted });
    let message = read(&reply).unwrap();
    assert_eq!(message.reply_to.as_ref().unwrap().id.as_str(), "77");
    assert!(message.mentions_us, "it answers us");
    assert!(!format!("{message:?}").contains("STRANGER'S"));
    let forward = json!({
        "content": "", "message_reference": { "type": 1, "message_id": "77" },
        "message_snapshots": [{ "message": { "content": "/pairing approve AB3D7X9K" } }],
    });
    let message = read(&forward).unwrap();
    assert_eq!((message.text.as_str(), message.attachment), ("", Some(Attachment::File)));
    assert_eq!(message.reply_to, None, "a forwarded message is not answered");
}

fn given(more: &Value) -> Value {
    let mut given = json!({
        "id": "1311000000000000000", "application_id": ME, "type": 2, "token": "t", "channel_id": "93", "user": ann(),
        "data": { "name": "pairing", "type": 1, "options": [{ "type": 3, "name": "words", "value": " list " }] },
    });
    given.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    given
}

#[test]
fn a_slash_command_reads_as_if_it_were_typed() {
    let Some(InboundEvent::Message(message)) = interaction(&given(&json!({})), direct()) else {
        panic!("a message")
    };
    assert_eq!((message.text.as_str(), message.mentions_us), ("/pairing list", true));
    assert_eq!(message.id.as_str(), "1311000000000000000");
    let alone = given(&json!({ "data": { "name": "help", "type": 1 } }));
    let Some(InboundEvent::Message(message)) = interaction(&alone, direct()) else {
        panic!("a message")
    };
    assert_eq!(message.text, "/help");
}

#[test]
fn case_091_the_sender_is_named_by_discord_and_nothing_else_is_an_event() {
    let member = json!({ "user": { "id": "5", "username": "eve" } });
    let in_server = given(&json!({ "member": member, "user": null, "guild_id": "8" }));
    assert_eq!(actor(&in_server).unwrap()["id"], "5");
    let Some(InboundEvent::Message(message)) = interaction(&in_server, direct()) else {
        panic!("a message")
    };
    assert_eq!(message.sender.id.as_str(), "5");
    for more in [
        json!({ "user": null }),
        json!({ "user": { "id": "5", "bot": true } }),
        json!({ "type": 4 }),
        json!({ "type": 5 }),
        json!({ "type": 42 }),
        json!({ "data": { "name": "Report", "type": 3 } }),
        json!({ "data": null }),
        json!({ "type": 3, "data": { "custom_id": "a:1" } }),
        json!({ "type": 3, "message": { "id": "77" } }),
    ] {
        assert!(interaction(&given(&more), direct()).is_none(), "{more}");
    }
}

#[test]
fn a_press_names_the_card_and_what_is_claimed() {
    let press = json!({ "type": 3, "message": { "id": "77", "content": "x" }, "data": { "custom_id": "a:1", "component_type": 2 } });
    let Some(InboundEvent::Press(press)) = interaction(&given(&press), direct()) else {
        panic!("a press")
    };
    assert_eq!((press.on.id.as_str(), press.data.as_str()), ("77", "a:1"));
    assert_eq!(press.on.chat, direct().id);
}

#[test]
fn content_that_is_no_text_is_named() {
    for (more, kind) in [
        (json!({ "attachments": [{ "content_type": "image/png" }] }), Attachment::Picture),
        (json!({ "attachments": [{ "content_type": "video/mp4" }] }), Attachment::Voice),
        (
            json!({ "attachments": [{ "content_type": "audio/ogg", "waveform": "AA" }] }),
            Attachment::Voice,
        ),
        (json!({ "attachments": [{}] }), Attachment::File),
        (json!({ "attachments": ["?"] }), Attachment::File),
        (json!({ "sticker_items": [{ "id": "1" }] }), Attachment::Sticker),
        (json!({ "poll": {} }), Attachment::File),
    ] {
        let mut more = more;
        more["content"] = "".into();
        assert_eq!(read(&more).unwrap().attachment, Some(kind), "{more}");
    }
}
