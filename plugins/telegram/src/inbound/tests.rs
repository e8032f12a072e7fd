//! Recorded payloads, and what becomes of them.

use expect_test::expect;
use serde_json::{Map, json};

use super::*;

fn translated(update: &Value) -> Option<InboundEvent> {
    let me = Me {
        id: 7_000_001,
        username: Some("gate_test_bot".to_owned()),
        can_read_all_group_messages: Value::Null,
    };
    translate(update, &me, UnixMs(1_795_000_000_123))
}

/// A private message of Ann's with this content.
fn private(content: Value) -> Value {
    let chat = json!({ "id": 4711, "type": "private", "first_name": "Ann" });
    written(chat, json!({ "id": 4711, "is_bot": false, "first_name": "Ann" }), content)
}

fn written(chat: Value, from: Value, content: Value) -> Value {
    let known =
        [("message_id", 5.into()), ("date", 1_795_000_000.into()), ("chat", chat), ("from", from)];
    let mut message: Map<String, Value> =
        known.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let Value::Object(content) = content else { panic!("content is an object") };
    message.extend(content);
    json!({ "update_id": 1, "message": Value::Object(message) })
}

#[track_caller]
fn message_of(update: &Value) -> InboundMessage {
    match translated(update) {
        Some(InboundEvent::Message(message)) => message,
        other => panic!("{update} is a message, not {other:?}"),
    }
}

#[test]
fn a_private_message_with_everything_a_person_may_show() {
    let update = json!({
        "update_id": 123_456_789,
        "message": {
            "message_id": 17, "date": 1_795_000_000, "text": "hello",
            "from": {
                "id": 4711, "is_bot": false, "first_name": "Ann", "last_name": "Lee", "username": "ann_lee",
                "language_code": "en", "is_premium": true,
            },
            "chat": { "id": 4711, "first_name": "Ann", "last_name": "Lee", "username": "ann_lee", "type": "private" },
        },
    });
    let expected = expect![[r#"
        Some(
            Message(
                InboundMessage {
                    id: EventId(
                        "17",
                    ),
                    conversation: Conversation {
                        id: ChatId(
                            "4711",
                        ),
                        kind: Direct,
                        thread: None,
                    },
                    sender: Sender {
                        id: SenderId(
                            "4711",
                        ),
                        also: [],
                        name: Some(
                            "Ann Lee",
                        ),
                        meta: {
                            "firstName": "Ann",
                            "lastName": "Lee",
                            "username": "ann_lee",
                        },
                    },
                    sent_at: UnixMs(
                        1795000000000,
                    ),
                    text: "hello",
                    attachment: None,
                    files: [],
                    mentions_us: false,
                    reply_to: None,
                    link: Private,
                },
            ),
        )
    "#]];
    expected.assert_debug_eq(&translated(&update));
}

#[test]
fn case_080_a_name_or_user_name_of_another_person_makes_nobody_that_person() {
    let chat = json!({ "id": 4712, "type": "private" });
    let from = json!({ "id": 4712, "is_bot": false, "first_name": "4711", "username": "4711" });
    let message = message_of(&written(chat, from, json!({ "text": "it is me" })));
    assert_eq!(message.sender.id.as_str(), "4712");
}

#[test]
fn case_083_the_sender_is_the_number_also_where_there_is_a_user_name() {
    let from = json!({ "id": 4711, "is_bot": false, "first_name": "Ann", "username": "ann_lee" });
    let message = message_of(&written(
        json!({ "id": 4711, "type": "private" }),
        from,
        json!({ "text": "hello" }),
    ));
    assert_eq!(message.sender.id.as_str(), "4711");
}

#[test]
fn case_088_only_a_private_chat_with_its_person_is_direct() {
    let kinds = [
        (json!({ "id": 4711, "type": "private" }), ChatKind::Direct),
        (json!({ "id": 9, "type": "private" }), ChatKind::Unknown),
        (json!({ "id": -5, "type": "group" }), ChatKind::Group),
        (json!({ "id": -1005, "type": "supergroup" }), ChatKind::Group),
        (json!({ "id": -1005, "type": "channel" }), ChatKind::Unknown),
        (json!({ "id": 4711, "type": "PRIVATE" }), ChatKind::Unknown),
        (json!({ "id": 4711, "type": "hologram" }), ChatKind::Unknown),
    ];
    for (chat, kind) in kinds {
        let from = json!({ "id": 4711, "is_bot": false, "first_name": "Ann" });
        let message = message_of(&written(chat.clone(), from, json!({ "text": "psst" })));
        assert_eq!(message.conversation.kind, kind, "{chat}");
    }
}

#[test]
fn case_091_no_kind_of_update_but_a_message_and_a_press_gets_in() {
    let from = json!({ "id": 4711, "is_bot": false, "first_name": "Ann" });
    let chat = json!({ "id": 4711, "type": "private" });
    let message = json!({ "message_id": 1, "date": 1, "chat": chat, "from": from, "text": "/start", "data": "x" });
    for kind in [
        "business_connection",
        "business_message",
        "channel_post",
        "chat_boost",
        "chat_join_request",
        "chat_member",
        "chosen_inline_result",
        "deleted_business_messages",
        "edited_business_message",
        "edited_channel_post",
        "edited_message",
        "guest_message",
        "inline_query",
        "message_reaction",
        "message_reaction_count",
        "my_chat_member",
        "poll",
        "poll_answer",
        "pre_checkout_query",
        "purchased_paid_media",
        "removed_chat_boost",
        "shipping_query",
        "something_new",
    ] {
        let mut update = json!({ "update_id": 1 });
        update[kind] = message.clone();
        assert!(translated(&update).is_none(), "{kind}");
    }
}

#[test]
fn case_092_service_messages_are_no_messages() {
    let user = json!({ "id": 4711, "is_bot": false, "first_name": "Ann" });
    for content in [
        json!({ "new_chat_members": [user], "new_chat_member": user }),
        json!({ "left_chat_member": user }),
        json!({ "pinned_message": { "message_id": 3, "date": 1, "chat": { "id": 4711, "type": "private" }, "text": "x" } }),
        json!({ "group_chat_created": true }),
        json!({ "new_chat_photo": [{ "file_id": "x" }] }),
        json!({ "migrate_to_chat_id": -1005 }),
        json!({ "message_auto_delete_timer_changed": { "message_auto_delete_time": 60 } }),
        json!({ "write_access_allowed": {} }),
        json!({ "users_shared": { "request_id": 1, "users": [] } }),
        json!({ "video_chat_started": {} }),
        json!({ "something_new": { "text": "/start" } }),
        json!({ "text": "" }),
        json!({}),
    ] {
        assert!(translated(&private(content.clone())).is_none(), "{content}");
    }
}

#[test]
fn nobody_is_authorised_by_a_message_that_no_person_signs() {
    let group = || json!({ "id": -1005, "type": "supergroup" });
    let channel = json!({ "id": -1006, "type": "channel" });
    let anonymous = json!({ "id": 1_087_968_824, "is_bot": true, "first_name": "Group" });
    let ann = || json!({ "id": 4711, "is_bot": false, "first_name": "Ann" });
    for (from, content) in [
        (anonymous, json!({ "text": "x" })),
        (ann(), json!({ "text": "x", "sender_chat": channel })),
        (
            ann(),
            json!({ "text": "x", "via_bot": { "id": 5, "is_bot": true, "first_name": "Inline" } }),
        ),
        (json!(null), json!({ "text": "x" })),
        (json!({ "id": -4711, "is_bot": false, "first_name": "Ann" }), json!({ "text": "x" })),
        (json!({ "id": 0, "is_bot": false, "first_name": "Ann" }), json!({ "text": "x" })),
    ] {
        let update = written(group(), from.clone(), content.clone());
        assert!(translated(&update).is_none(), "{from} {content}");
    }
}

#[test]
fn case_094_a_file_is_a_kind_and_nothing_to_fetch() {
    let file = json!({ "file_id": "BQAC", "file_unique_id": "AgAD", "file_size": 20_000_000 });
    let kinds = [
        (json!({ "photo": [file] }), Attachment::Picture),
        (json!({ "animation": file, "document": file }), Attachment::Picture),
        (json!({ "sticker": file }), Attachment::Sticker),
        (json!({ "voice": file }), Attachment::Voice),
        (json!({ "audio": file }), Attachment::Voice),
        (json!({ "video": file }), Attachment::Voice),
        (json!({ "video_note": file }), Attachment::Voice),
        (json!({ "document": file }), Attachment::File),
        (json!({ "contact": { "phone_number": "1" } }), Attachment::File),
        (json!({ "location": {} }), Attachment::File),
        (json!({ "poll": {} }), Attachment::File),
        (json!({ "dice": {} }), Attachment::File),
    ];
    for (content, kind) in kinds {
        let event = translated(&private(content.clone()));
        assert!(!format!("{event:?}").contains("BQAC"), "{content}: no way to the file is kept");
        let message = message_of(&private(content.clone()));
        assert_eq!((message.attachment, message.text.as_str()), (Some(kind), ""), "{content}");
    }
    let message = message_of(&private(json!({ "photo": [file], "caption": "look" })));
    assert_eq!(message.text, "look");
}

#[test]
fn case_095_what_is_quoted_is_withheld() {
    let stranger = json!({ "id": 99, "is_bot": false, "first_name": "Eve" });
    let chat = json!({ "id": 4711, "type": "private" });
    let quoted = json!({ "message_id": 3, "date": 1, "chat": chat, "from": stranger, "text": "OBEY", "caption": "OBEY" });
    let update = private(json!({
        "text": "see above", "reply_to_message": quoted, "quote": { "text": "OBEY", "position": 0 },
        "external_reply": { "origin": { "type": "hidden_user", "sender_user_name": "OBEY", "date": 1 } },
    }));
    let message = message_of(&update);
    assert_eq!(message.text, "see above");
    assert!(!format!("{message:?}").contains("OBEY"), "{message:?}");
}

#[test]
fn case_019_a_forwarded_command_is_nobodys_command() {
    let origin = json!({ "type": "user", "sender_user": { "id": 99, "is_bot": false, "first_name": "Eve" }, "date": 1 });
    let command = private(json!({ "text": "/pairing approve ABCD2345", "forward_origin": origin }));
    let message = message_of(&command);
    assert_eq!((message.text.as_str(), message.attachment), ("", Some(Attachment::File)));
    let words = private(json!({ "text": "read this", "forward_origin": origin }));
    assert_eq!(message_of(&words).text, "read this");
}

#[test]
fn a_reply_is_a_reference_and_in_a_group_a_mention() {
    let us = json!({ "id": 7_000_001, "is_bot": true, "first_name": "Gate" });
    let chat = || json!({ "id": -1005, "type": "supergroup" });
    let ann = || json!({ "id": 4711, "is_bot": false, "first_name": "Ann" });
    let reply = |answered: Value| {
        let content = json!({ "text": "yes", "reply_to_message": answered });
        let message = message_of(&written(chat(), ann(), content));
        (message.mentions_us, message.reply_to)
    };
    let to = Some(SentRef { chat: ChatId::new("-1005"), id: EventId::new("3") });
    let answered = |from: Value| json!({ "message_id": 3, "date": 1, "chat": chat(), "from": from, "text": "?" });
    assert_eq!(reply(answered(us.clone())), (true, to.clone()));
    assert_eq!(reply(answered(ann())), (false, to.clone()));
    // Deleted for us, but still a number.
    assert_eq!(reply(json!({ "message_id": 3, "date": 0, "chat": chat() })), (false, to));
    let mut topic = answered(us);
    topic["forum_topic_created"] = json!({ "name": "Topic", "icon_color": 1 });
    assert_eq!(reply(topic), (false, None));
}

#[track_caller]
fn mentioned(text: &str, mark: Value, expected: bool) {
    let chat = json!({ "id": -1005, "type": "supergroup" });
    let from = json!({ "id": 4711, "is_bot": false, "first_name": "Ann" });
    let content = json!({ "text": text, "entities": Value::Array(vec![mark]) });
    let message = message_of(&written(chat, from, content.clone()));
    assert_eq!(message.mentions_us, expected, "{content}");
}

#[test]
fn a_mention_is_what_telegram_marks_as_one() {
    let at = |offset: usize, length: usize| json!({ "type": "mention", "offset": offset, "length": length });
    mentioned("@gate_test_bot hello", at(0, 14), true);
    // Two UTF-16 units before the mark, four bytes, one character.
    mentioned("😀@Gate_Test_Bot", at(2, 14), true);
    mentioned("@gate_test_bot2 hello", at(0, 15), false);
    mentioned("@gate_test_bot", at(1, 14), false);
    mentioned("@gate_test_bot", at(usize::MAX, 2), false);
    mentioned("mail@gate_test_bot", json!({ "type": "email", "offset": 0, "length": 18 }), false);
    mentioned(
        "Gate",
        json!({ "type": "text_mention", "offset": 0, "length": 4, "user": { "id": 7_000_001 } }),
        true,
    );
    mentioned(
        "Gate",
        json!({ "type": "text_mention", "offset": 0, "length": 4, "user": { "id": 4711 } }),
        false,
    );
    mentioned(
        "/help@gate_test_bot",
        json!({ "type": "bot_command", "offset": 0, "length": 19 }),
        true,
    );
    mentioned(
        "/help@other_bot",
        json!({ "type": "bot_command", "offset": 0, "length": 15 }),
        false,
    );
    mentioned("/help", json!({ "type": "bot_command", "offset": 0, "length": 5 }), false);
    mentioned("@gate_test_bot", json!({ "type": "mention", "offset": "0" }), false);
}

#[test]
fn a_command_addressed_to_us_is_the_command() {
    let command = |text: &str, length: usize| {
        let mark = json!({ "type": "bot_command", "offset": 0, "length": length });
        message_of(&private(json!({ "text": text, "entities": [mark] }))).text
    };
    assert_eq!(command("/pairing@gate_test_bot list", 22), "/pairing list");
    assert_eq!(command("/pairing@other_bot list", 18), "/pairing@other_bot list");
    assert_eq!(command("/pairing list", 8), "/pairing list");
}

#[test]
fn a_caption_can_mention_too() {
    let mark = json!({ "type": "mention", "offset": 0, "length": 14 });
    let content =
        json!({ "photo": [{}], "caption": "@gate_test_bot look", "caption_entities": [mark] });
    let message = message_of(&private(content));
    assert!(message.mentions_us);
}

#[test]
fn what_cannot_be_read_does_not_take_the_message_with_it() {
    let content = json!({
        "text": "hello", "entities": [{ "type": 7 }, "bold"], "reply_to_message": { "no": "number" },
    });
    let message = message_of(&private(content));
    assert_eq!((message.text.as_str(), message.reply_to), ("hello", None));
}

#[test]
fn a_press_names_the_card_and_the_person_who_pressed() {
    let chat = json!({ "id": 4711, "type": "private" });
    let card = json!({ "message_id": 9, "date": 0, "chat": chat });
    let from = json!({ "id": 4711, "is_bot": false, "first_name": "Ann" });
    let update = json!({ "update_id": 2, "callback_query": {
        "id": "4382bfdwdsb323b2d9", "from": from, "message": card, "chat_instance": "1", "data": "a:1",
    } });
    let Some(InboundEvent::Press(press)) = translated(&update) else { panic!("a press") };
    assert_eq!(press.id.as_str(), "4382bfdwdsb323b2d9");
    assert_eq!(press.on, SentRef { chat: ChatId::new("4711"), id: EventId::new("9") });
    assert_eq!((press.sender.id.as_str(), press.data.as_str()), ("4711", "a:1"));
    assert_eq!(
        (press.conversation.kind, press.pressed_at),
        (ChatKind::Direct, UnixMs(1_795_000_000_123))
    );
}

#[test]
fn case_014_a_press_in_the_chat_of_another_person_is_not_direct() {
    let card = json!({ "message_id": 9, "date": 0, "chat": { "id": 4711, "type": "private" } });
    let from = json!({ "id": 99, "is_bot": false, "first_name": "Eve" });
    let press = json!({ "id": "1", "from": from, "message": card, "data": "a:1" });
    let Some(InboundEvent::Press(press)) = translated(&json!({ "callback_query": press })) else {
        panic!("a press")
    };
    assert_eq!((press.sender.id.as_str(), press.conversation.kind), ("99", ChatKind::Unknown));
    for part in ["message", "data"] {
        let mut press = json!({ "id": "1", "from": { "id": 99 }, "message": card, "data": "a:1" });
        press.as_object_mut().unwrap().remove(part);
        assert!(translated(&json!({ "callback_query": press })).is_none(), "without {part}");
    }
}

#[test]
fn a_topic_is_part_of_the_conversation_and_a_chain_of_replies_is_none() {
    let in_group = json!({ "id": -1005, "type": "supergroup", "is_forum": true });
    let mut update = private(json!({ "text": "hello", "message_thread_id": 7 }));
    let thread = |update: &Value| message_of(update).conversation.thread;
    assert_eq!(thread(&update), None, "not said to be a topic");
    update["message"]["is_topic_message"] = true.into();
    assert_eq!(thread(&update), Some(ThreadId::new("7")), "a private topic");
    update["message"]["chat"] = in_group.clone();
    let message = message_of(&update);
    assert_eq!(
        (message.conversation.id.as_str(), message.conversation.thread),
        ("-1005", Some(ThreadId::new("7")))
    );
    let card = json!({
        "message_id": 9, "date": 0, "chat": in_group, "message_thread_id": 8, "is_topic_message": true,
    });
    let press = json!({ "id": "1", "from": { "id": 4711 }, "message": card, "data": "a:1" });
    let Some(InboundEvent::Press(press)) = translated(&json!({ "callback_query": press })) else {
        panic!("a press")
    };
    assert_eq!(press.conversation.thread, Some(ThreadId::new("8")));
}

#[test]
fn a_group_that_moves_is_told_from_either_side() {
    let chat = |id: i64, kind: &str| json!({ "id": id, "type": kind });
    let of = |chat: Value, key: &str, other: i64| {
        let message = json!({ "message_id": 1, "date": 0, "chat": chat, key: other });
        translated(&json!({ "update_id": 1, "message": message }))
    };
    for event in [
        of(chat(-5, "group"), "migrate_to_chat_id", -1005),
        of(chat(-1005, "supergroup"), "migrate_from_chat_id", -5),
    ] {
        let Some(InboundEvent::Moved(moved)) = event else { panic!("moved, not {event:?}") };
        assert_eq!((moved.from.as_str(), moved.to.as_str()), ("-5", "-1005"));
    }
    assert!(of(chat(4711, "private"), "migrate_to_chat_id", -1005).is_none());
}

#[test]
fn the_parts_of_an_album_are_one_message_and_keep_their_place_among_others() {
    let part = |number: i64, group: &str, text: &str| {
        let photo = json!([{ "file_id": number.to_string(), "file_unique_id": "x" }]);
        let mut update = private(json!({ "photo": photo, "caption": text }));
        update["message"]["message_id"] = number.into();
        if !group.is_empty() {
            update["message"]["media_group_id"] = group.into();
        }
        update
    };
    let mut other = part(4, "a", "another person's");
    other["message"]["from"]["id"] = 4712.into();
    other["message"]["chat"]["id"] = 4712.into();
    let parts = [part(1, "a", ""), part(2, "", "alone"), part(3, "a", "look"), other];
    let last = part(5, "a", "here");
    let updates: Vec<Value> = parts.into_iter().chain([last]).collect();
    let albums: Vec<_> = updates.iter().map(album).collect();
    let events = in_albums(updates.iter().map(translated).collect(), &albums);
    let shown = events.iter().map(|event| match event {
        Some(InboundEvent::Message(message)) => {
            let files: Vec<&str> = message.files.iter().map(|file| &*file.id).collect();
            format!("{} {:?} {}", message.id.as_str(), message.text, files.join(","))
        }
        _ => String::new(),
    });
    let expected = ["", "2 \"alone\" 2", "", "4 \"another person's\" 4", "5 \"look\\nhere\" 1,3,5"];
    assert_eq!(shown.collect::<Vec<_>>(), expected);
}
