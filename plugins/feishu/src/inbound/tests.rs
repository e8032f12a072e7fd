//! Events as Feishu writes them, and what becomes of them.
#![allow(clippy::needless_pass_by_value, reason = "payloads are made where they are read")]

use openclaw_plugin_sdk::SentRef;
use serde_json::json;

use super::*;

const ANN: &str = "ou_84aad35d084aa403a838cf73ee18467a";
const US: &str = "ou_00000000000000000000000000b07b07";
const GROUP: &str = "oc_5ce6d572455d361153b7cb51da133945";
const NOW: UnixMs = UnixMs(1_790_000_000_000);

fn me() -> Me {
    Me { app_id: "cli_a1b2".to_owned(), open_id: US.to_owned() }
}

fn payload(kind: &str, event: Value) -> Value {
    let header = json!({
        "event_id": "f7984f25108f8137722bb63cee927e66", "event_type": kind, "app_id": "cli_a1b2",
        "create_time": "1790000000000", "tenant_key": "2ed263bf32cf1651", "token": "legacy",
    });
    json!({ "schema": "2.0", "header": header, "event": event })
}

/// What Ann sends, with these parts in the place of, or beside, what a plain message has.
fn event(message: Value, more: Value) -> Value {
    let mut event = json!({
        "sender": {
            "sender_id": { "open_id": ANN, "union_id": "on_x", "user_id": "e33ggbyz" },
            "sender_type": "user", "tenant_key": "2ed263bf32cf1651",
        },
        "message": {
            "message_id": "om_5ce6d572455d3611", "create_time": "1790000000123",
            "chat_id": "oc_direct0direct0", "chat_type": "p2p", "message_type": "text",
            "content": "{\"text\":\"hello\"}",
        },
    });
    merge(&mut event["message"], message);
    merge(&mut event, more);
    event
}

fn merge(into: &mut Value, from: Value) {
    if let Value::Object(from) = from {
        for (key, value) in from {
            into[key] = value;
        }
    }
}

fn read(payload: &Value) -> Option<InboundEvent> {
    translate(payload, &me(), |id| id == "om_ours", NOW)
}

fn heard(message: Value, more: Value) -> Option<InboundMessage> {
    match read(&payload("im.message.receive_v1", event(message, more)))? {
        InboundEvent::Message(message) => Some(message),
        other => panic!("a message, not {other:?}"),
    }
}

fn plain(message: Value) -> InboundMessage {
    heard(message, Value::Null).unwrap()
}

fn content(kind: &str, content: Value) -> Value {
    json!({ "message_type": kind, "content": content.to_string() })
}

#[test]
fn a_message_names_its_sender_by_open_id_and_its_direct_chat_by_them() {
    let message = plain(Value::Null);
    assert_eq!((message.sender.id.as_str(), message.sender.name.as_deref()), (ANN, None));
    assert!(message.sender.also.is_empty() && message.sender.meta.is_empty());
    assert_eq!(message.id.as_str(), "om_5ce6d572455d3611");
    assert_eq!(message.sent_at, UnixMs(1_790_000_000_123));
    assert_eq!(message.conversation, Conversation::new(ChatId::new(ANN), ChatKind::Direct));
    assert_eq!((message.text.as_str(), message.mentions_us), ("hello", false));
}

#[test]
fn a_person_of_another_organisation_is_told_as_such() {
    let foreign = json!({ "sender": {
        "sender_id": { "open_id": ANN }, "sender_type": "user", "tenant_key": "another",
    } });
    let sender = heard(Value::Null, foreign).unwrap().sender;
    assert_eq!(sender.meta.get("tenantKey").map(String::as_str), Some("another"));
}

#[test]
fn case_083_a_sender_without_a_stable_id_is_none() {
    for ids in [
        json!({}),
        json!({ "union_id": "on_84aad35d084aa403", "user_id": "ann" }),
        json!({ "open_id": "" }),
        json!({ "open_id": "ann" }),
        json!({ "open_id": "on_84aad35d084aa403a838cf73ee18467a" }),
        Value::Null,
    ] {
        let sender = json!({ "sender": { "sender_id": ids, "sender_type": "user" } });
        assert!(heard(Value::Null, sender.clone()).is_none(), "{sender}");
    }
}

#[test]
fn case_092_what_is_no_message_of_a_person_is_none() {
    let sender =
        |kind: &str| json!({ "sender": { "sender_id": { "open_id": ANN }, "sender_type": kind } });
    for kind in ["app", "anonymous", "hologram", ""] {
        assert!(heard(Value::Null, sender(kind)).is_none(), "{kind}");
    }
    for kind in [
        "interactive",
        "share_chat",
        "share_user",
        "system",
        "location",
        "todo",
        "vote",
        "hologram",
    ] {
        assert!(heard(content(kind, json!({ "text": "x" })), Value::Null).is_none(), "{kind}");
    }
    for message in [
        content("text", json!({ "text": " \n" })),
        content("text", json!({})),
        content("post", json!({ "content": [] })),
        json!({ "content": "x" }),
        json!({ "content": null }),
        json!({ "message_id": "7" }),
        json!({ "message_id": "om_../x" }),
        json!({ "create_time": "yesterday" }),
    ] {
        assert!(heard(message.clone(), Value::Null).is_none(), "{message}");
    }
    for kind in [
        "im.message.reaction.created_v1",
        "im.message.message_read_v1",
        "im.message.recalled_v1",
        "im.chat.member.user.added_v1",
        "im.chat.access_event.bot_p2p_chat_entered_v1",
        "application.bot.menu_v6",
        "im.message.receive_v2",
        "",
    ] {
        assert!(read(&payload(kind, event(Value::Null, Value::Null))).is_none(), "{kind}");
    }
}

#[test]
fn case_090_an_old_schema_and_an_event_of_another_app_say_nothing() {
    let whole = payload("im.message.receive_v1", event(Value::Null, Value::Null));
    assert!(read(&whole).is_some());
    for (key, value) in [("schema", json!("1.0")), ("schema", Value::Null)] {
        let mut other = whole.clone();
        other[key] = value;
        assert!(read(&other).is_none(), "{other}");
    }
    for app in [json!("cli_other"), json!(""), Value::Null] {
        let mut other = whole.clone();
        other["header"]["app_id"] = app;
        assert!(read(&other).is_none(), "{other}");
    }
    // A callback of the old kind, signed with the token alone.
    let old = json!({ "open_id": ANN, "open_message_id": "om_1", "token": "c-x", "action": { "value": { "d": "x" } } });
    assert!(read(&old).is_none() && read(&Value::Null).is_none());
}

#[test]
fn case_088_a_chat_of_a_new_kind_is_no_direct_chat() {
    let kind = |kind: &str, chat: &str| {
        let place = plain(json!({ "chat_type": kind, "chat_id": chat })).conversation;
        (place.kind, place.id.as_str().to_owned())
    };
    assert_eq!(kind("group", GROUP), (ChatKind::Group, GROUP.to_owned()));
    assert_eq!(kind("topic_group", GROUP), (ChatKind::Group, GROUP.to_owned()));
    for (of, chat) in
        [("hologram", GROUP), ("", GROUP), ("P2P", GROUP), ("group", "family"), ("group", "")]
    {
        assert_eq!(kind(of, chat).0, ChatKind::Unknown, "{of} {chat}");
    }
}

#[test]
fn a_topic_bears_the_id_of_its_first_message() {
    let thread = |more: Value| {
        let mut message = json!({ "chat_type": "topic_group", "chat_id": GROUP });
        merge(&mut message, more);
        plain(message).conversation.thread.map(|thread| thread.as_str().to_owned())
    };
    let first = thread(json!({ "thread_id": "omt_1" }));
    assert_eq!(first.as_deref(), Some("om_5ce6d572455d3611"));
    let later = json!({ "thread_id": "omt_1", "root_id": "om_root", "parent_id": "om_other" });
    assert_eq!(thread(later).as_deref(), Some("om_root"));
    assert_eq!(thread(json!({ "root_id": "om_root" })), None, "an answer alone is no topic");
}

#[test]
fn a_mention_of_us_in_front_is_cut_and_others_are_named() {
    let mention = |key: &str, id: &str, name: &str| json!({ "key": key, "id": { "open_id": id, "user_id": "" }, "name": name, "tenant_key": "x" });
    let read = |text: &str, mentions: Value| {
        let mut message = content("text", json!({ "text": text }));
        message["mentions"] = mentions;
        let message = plain(message);
        (message.text, message.mentions_us)
    };
    let us = || mention("@_user_1", US, "Gate");
    assert_eq!(read("@_user_1 /help", json!([us()])), ("/help".to_owned(), true));
    assert_eq!(read("hey @_user_1", json!([us()])), ("hey @Gate".to_owned(), true));
    assert_eq!(read("@_user_12 x", json!([us()])), ("@_user_12 x".to_owned(), true));
    let both =
        json!([mention("@_user_1", ANN, "<at user_id=\"all\">"), mention("@_user_2", US, "Gate")]);
    let said = ("@<at user_id=\"all\"> asks @Gate".to_owned(), true);
    assert_eq!(read("@_user_1 asks @_user_2", both), said);
    assert_eq!(read("@_all hello", json!([])), ("@_all hello".to_owned(), false));
    assert_eq!(
        read("@_user_1 x", json!([mention("@_user_1", ANN, "Ann")])),
        ("@Ann x".to_owned(), false)
    );
}

#[test]
fn case_137_a_name_that_holds_other_mentions_is_not_read_again() {
    let mention = |n: usize| json!({ "key": format!("@_user_{n}"), "id": { "open_id": ANN }, "name": format!("@_user_{} ", n + 1).repeat(7) });
    let mut message = content("text", json!({ "text": "@_user_1" }));
    message["mentions"] = (1..12).map(mention).collect();
    assert_eq!(plain(message).text, format!("@{}", "@_user_2 ".repeat(7)));
    let mut message = content("text", json!({ "text": "@_user_1" }));
    message["mentions"] = json!([{ "key": "@_user_1", "name": "x".repeat(10_000) }]);
    assert_eq!(plain(message).text.len(), 65);
}

#[test]
fn case_095_an_answer_names_what_it_answers_and_says_nothing_of_it() {
    let more = json!({ "parent_id": "om_ours", "root_id": "om_root", "quoted": "WORDS" });
    let ours = plain(more);
    assert_eq!(
        ours.reply_to,
        Some(SentRef { chat: ChatId::new(ANN), id: EventId::new("om_ours") })
    );
    assert!(ours.mentions_us && !format!("{ours:?}").contains("WORDS"));
    let theirs = plain(json!({ "parent_id": "om_theirs" }));
    assert!(!theirs.mentions_us && theirs.conversation.thread.is_none());
    assert_eq!(plain(json!({ "parent_id": "../x" })).reply_to, None);
}

#[test]
fn case_094_what_is_no_text_is_named_and_can_be_fetched_by_its_message() {
    let id = "om_5ce6d572455d3611";
    for (kind, said, attachment, file) in [
        ("image", json!({ "image_key": "img_1" }), Attachment::Picture, Some("image/img_1")),
        (
            "file",
            json!({ "file_key": "file_1", "file_name": "../x" }),
            Attachment::File,
            Some("file/file_1"),
        ),
        ("audio", json!({ "file_key": "file_1" }), Attachment::Voice, Some("file/file_1")),
        (
            "media",
            json!({ "file_key": "file_1", "image_key": "img_1" }),
            Attachment::Voice,
            Some("file/file_1"),
        ),
        ("sticker", json!({ "file_key": "file_1" }), Attachment::Sticker, None),
    ] {
        let message = plain(content(kind, said));
        assert_eq!((message.attachment, message.text.as_str()), (Some(attachment), ""), "{kind}");
        let files: Vec<String> = message.files.iter().map(|file| file.id.clone()).collect();
        assert_eq!(files, Vec::from_iter(file.map(|file| format!("{id}/{file}"))), "{kind}");
        for file in files {
            let at = resource(&file).unwrap();
            assert!(at.starts_with(&format!("open-apis/im/v1/messages/{id}/resources/")), "{at}");
        }
    }
    for wrong in [
        "",
        "om_1/image",
        "om_1/doc/x",
        "om_1/image/../x",
        "om_1/image/a?b",
        "x/image/a",
        "om_1/image/a/b",
    ] {
        assert!(resource(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_text_with_marks_is_read_run_by_run() {
    let lines = json!([
        [{ "tag": "text", "text": "see " }, { "tag": "a", "text": "this", "href": "https://a.example" }],
        [{ "tag": "at", "user_id": "@_user_1", "user_name": "WORDS" }, { "tag": "text", "text": " and" }],
        [{ "tag": "img", "image_key": "img_1" }, { "tag": "hologram", "text": "WORDS" }],
        [{ "tag": "text", "text": "that" }],
    ]);
    let message = plain(content("post", json!({ "title": "Plan", "content": lines })));
    assert_eq!(message.text, "Plan\nsee this\n and\n\nthat");
    assert_eq!((message.attachment, message.files.len()), (Some(Attachment::Picture), 1));
}

fn pressed(more: Value) -> Option<ButtonPress> {
    let mut event = json!({
        "operator": { "open_id": ANN, "union_id": "on_x", "tenant_key": "2ed263bf32cf1651" },
        "token": "c-x", "action": { "tag": "button", "value": { "d": "a:1", "p": ANN } },
        "context": { "open_message_id": "om_card", "open_chat_id": GROUP },
    });
    merge(&mut event, more);
    match read(&payload("card.action.trigger", event))? {
        InboundEvent::Press(press) => Some(press),
        other => panic!("a press, not {other:?}"),
    }
}

#[test]
fn case_014_a_press_names_who_pressed_and_stands_where_we_sent_the_card() {
    let press = pressed(Value::Null).unwrap();
    assert_eq!((press.sender.id.as_str(), press.data.as_str()), (ANN, "a:1"));
    assert_eq!(press.conversation, Conversation::new(ChatId::new(ANN), ChatKind::Direct));
    assert_eq!(press.on, SentRef { chat: ChatId::new(ANN), id: EventId::new("om_card") });
    assert_eq!((press.id.as_str(), press.pressed_at), ("f7984f25108f8137722bb63cee927e66", NOW));
    // The card of another person's chat stays that, also where another person presses.
    let other = pressed(json!({ "operator": { "open_id": US } })).unwrap();
    assert_eq!((other.sender.id.as_str(), other.on.chat.as_str()), (US, ANN));
    let group = pressed(json!({ "action": { "value": { "d": "a:1" } } })).unwrap();
    assert_eq!(group.conversation, Conversation::new(ChatId::new(GROUP), ChatKind::Group));
    for more in [
        json!({ "operator": {} }),
        json!({ "action": { "value": {} } }),
        json!({ "action": { "value": "x" } }),
        json!({ "context": { "open_message_id": "7", "open_chat_id": GROUP } }),
        json!({ "context": {}, "action": { "value": { "d": "a:1" } } }),
    ] {
        assert!(pressed(more.clone()).is_none(), "{more}");
    }
}
