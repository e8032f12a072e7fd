//! Messages in the form of the server, and what they become.

use serde_json::json;

use super::*;

fn known(takes_all: bool) -> Known<'static> {
    Known { me: None, takes_all, link: Link::Private }
}

/// A message of Ann's, with these keys in their places.
fn message(more: Value) -> Value {
    let mut data = json!({
        "originalROWID": 7, "guid": "5C2E0C3A-0001", "text": "hello", "handleId": 3, "otherHandle": 0,
        "handle": { "originalROWID": 3, "address": "+15551234567", "service": "iMessage" },
        "attachments": [], "subject": null, "error": 0, "dateCreated": 1_790_000_000_000_u64,
        "dateRead": null, "dateDelivered": null, "isDelivered": true, "isFromMe": false,
        "isArchived": false, "itemType": 0, "groupTitle": null, "groupActionType": 0,
        "balloonBundleId": null, "associatedMessageGuid": null, "associatedMessageType": null,
        "threadOriginatorGuid": null, "dateEdited": null, "dateRetracted": null,
        "chats": [chat("iMessage;-;+15551234567", 45)],
    });
    let Value::Object(more) = more else { return data };
    for (key, value) in more {
        data[key] = value;
    }
    data
}

fn chat(guid: &str, style: u64) -> Value {
    json!({ "originalROWID": 1, "guid": guid, "style": style, "chatIdentifier": "x", "displayName": "Ann" })
}

fn read(more: Value) -> Option<InboundMessage> {
    heard(&message(more), &known(false)).map(|heard| heard.message)
}

#[test]
fn a_direct_message_is_known_by_the_handle_and_the_chat_it_came_in() {
    let heard = heard(&message(json!({})), &known(false)).unwrap();
    assert_eq!(heard.direct.as_deref(), Some("iMessage;-;+15551234567"));
    let it = heard.message;
    assert_eq!((it.text.as_str(), it.id.as_str()), ("hello", "5C2E0C3A-0001"));
    assert_eq!(it.conversation, Conversation::new(ChatId::new("+15551234567"), ChatKind::Direct));
    assert_eq!(
        (it.sender.name, it.sent_at, it.link),
        (None, UnixMs(1_790_000_000_000), Link::Private)
    );
    let address = json!({ "address": "Ann@Example.com", "service": "iMessage" });
    assert_eq!(read(json!({ "handle": address })).unwrap().sender.id.as_str(), "ann@example.com");
}

#[test]
fn case_092_what_is_no_new_message_of_a_person_is_none() {
    for more in [
        json!({ "associatedMessageType": "love" }),
        json!({ "associatedMessageType": "-question" }),
        json!({ "associatedMessageType": "sticker" }),
        json!({ "associatedMessageType": "2006" }),
        json!({ "associatedMessageType": 2000 }),
        json!({ "associatedMessageGuid": "p:0/5C2E0C3A-0000" }),
        json!({ "itemType": 1 }),
        json!({ "groupActionType": 1 }),
        json!({ "groupTitle": "Family" }),
        json!({ "isServiceMessage": true }),
        json!({ "isSystemMessage": true }),
        json!({ "dateEdited": 1_790_000_000_001_u64 }),
        json!({ "dateRetracted": 1_790_000_000_001_u64 }),
        json!({ "error": 22 }),
        json!({ "isFromMe": true }),
        json!({ "handle": null }),
        json!({ "handle": { "address": "12345", "service": "iMessage" } }),
        json!({ "handle": { "address": "urn:biz:5f8e2b3a", "service": "iMessage" } }),
        json!({ "text": "", "balloonBundleId": "com.apple.messages.URLBalloonProvider" }),
        json!({ "text": null }),
        json!({ "text": " \u{fffc} " }),
        json!({ "guid": null }),
        json!({ "dateCreated": null }),
    ] {
        assert!(read(more.clone()).is_none(), "{more}");
    }
    for data in [Value::Null, json!([]), json!("x"), json!({})] {
        assert!(heard(&data, &known(true)).is_none(), "{data}");
    }
}

#[test]
fn what_the_account_writes_to_itself_is_none() {
    let me = parse_sender("+15551234567").unwrap();
    assert!(heard(&message(json!({})), &Known { me: Some(&me), ..known(false) }).is_none());
}

#[test]
fn case_088_a_chat_is_direct_or_a_group_only_where_all_says_so() {
    let kind = |chats: Value| read(json!({ "chats": chats })).unwrap().conversation.kind;
    let (direct, group) = (chat("any;-;+15551234567", 45), chat("iMessage;+;chat831", 43));
    assert_eq!(kind(json!([direct])), ChatKind::Direct);
    assert_eq!(kind(json!([group])), ChatKind::Group);
    for chats in [
        Value::Null,
        json!([]),
        json!([{}]),
        json!([chat("iMessage;-;+15551234567", 43)]),
        json!([chat("iMessage;+;chat831", 45)]),
        json!([chat("iMessage;-;+15551234567", 44)]),
        json!([chat("iMessage;~;+15551234567", 45)]),
        json!([chat("+15551234567", 45)]),
        json!([{ "guid": "iMessage;-;+15551234567" }]),
        json!([{ "style": 45 }]),
        json!([direct, group]),
    ] {
        assert_eq!(kind(chats.clone()), ChatKind::Unknown, "{chats}");
    }
}

#[test]
fn case_080_a_sender_that_apple_does_not_vouch_for_is_dropped_or_exposed() {
    let from = |service: Value, guid: &str| json!({ "handle": { "address": "+15551234567", "service": service }, "chats": [chat(guid, 45)] });
    for (service, guid) in [
        (json!("SMS"), "SMS;-;+15551234567"),
        (json!("RCS"), "RCS;-;+15551234567"),
        (json!("SMS"), "any;-;+15551234567"),
        (json!("iMessage"), "SMS;-;+15551234567"),
        (json!("iMessageLite"), "iMessageLite;-;+15551234567"),
        (json!("imessage"), "iMessage;-;+15551234567"),
        (Value::Null, "iMessage;-;+15551234567"),
    ] {
        let data = message(from(service.clone(), guid));
        assert!(heard(&data, &known(false)).is_none(), "{service} {guid}");
        let heard = heard(&data, &known(true)).unwrap();
        assert_eq!(heard.message.link, Link::Exposed, "{service} {guid}");
    }
    for guid in ["iMessage;-;+15551234567", "any;-;+15551234567"] {
        let data = message(from(json!("iMessage"), guid));
        assert_eq!(heard(&data, &known(true)).unwrap().message.link, Link::Private, "{guid}");
        let exposed = Known { link: Link::Exposed, ..known(true) };
        assert_eq!(heard(&data, &exposed).unwrap().message.link, Link::Exposed, "{guid}");
    }
}

#[test]
fn a_reply_names_the_message_that_began_its_thread() {
    let it = read(json!({ "threadOriginatorGuid": "5C2E-9", "replyToGuid": "5C2E-8" })).unwrap();
    assert_eq!(it.reply_to, Some(it.conversation.sent("5C2E-9")));
    assert_eq!(read(json!({ "replyToGuid": "5C2E-8" })).unwrap().reply_to, None);
}

#[test]
fn case_094_a_file_is_named_by_its_kind() {
    for (kind, expected) in [
        (json!({ "mimeType": "image/heic" }), Attachment::Picture),
        (json!({ "mimeType": "audio/amr" }), Attachment::Voice),
        (json!({ "mimeType": "application/pdf" }), Attachment::File),
        (json!({ "mimeType": null }), Attachment::File),
        (json!({ "mimeType": "image/png", "isSticker": true }), Attachment::Sticker),
    ] {
        let it = read(json!({ "text": "\u{fffc}look", "attachments": [kind] })).unwrap();
        assert_eq!((it.attachment, it.text.as_str()), (Some(expected), "look"));
    }
}

#[test]
fn a_message_that_failed_later_is_named_as_it_was_sent() {
    let of_us = |chat: Value, more: Value| {
        let mut data =
            message(json!({ "isFromMe": true, "error": 22, "handle": null, "chats": [chat] }));
        for (key, value) in more.as_object().cloned().unwrap_or_default() {
            data[key] = value;
        }
        match failed(&data) {
            Some(InboundEvent::Failed(it)) => {
                Some((it.sent.chat.to_string(), it.sent.id.to_string()))
            }
            _ => None,
        }
    };
    let sent = |chat: &str| Some((chat.to_owned(), "5C2E0C3A-0001".to_owned()));
    assert_eq!(of_us(chat("any;-;+1 (555) 1234567", 45), json!({})), None, "no id of a chat");
    assert_eq!(of_us(chat("any;-;+15551234567", 45), json!({})), sent("+15551234567"));
    assert_eq!(of_us(chat("any;+;chat8", 43), json!({})), sent("any;+;chat8"));
    assert_eq!(of_us(chat("any;+;chat8", 43), json!({ "isFromMe": false })), None);
    assert_eq!(of_us(chat("any;+;chat8", 45), json!({})), None);
    assert_eq!(of_us(chat("any;+;chat8", 43), json!({ "guid": null })), None);
    assert!(failed(&Value::Null).is_none());
}
