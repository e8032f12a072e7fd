//! From the rows of Messages to our messages. What is not a person's new message becomes nothing: tapbacks, polls, changes
//! of a group, and what has neither text nor file.

use openclaw_plugin_sdk::{
    Attachment, ChatId, ChatKind, Conversation, EventId, InboundMessage, Sender, UnixMs,
    kit::handle,
};
use serde_json::Value;

use crate::parse_sender;

/// The message in a row of another person's, if there is one. Its link is to be judged yet.
pub(crate) fn heard(row: &Value) -> Option<InboundMessage> {
    if row["is_from_me"] != false || row["is_reaction"] == true || !row["poll"].is_null() {
        return None;
    }
    let sender = parse_sender(row["sender"].as_str()?).ok()?;
    let written = row["text"].as_str().unwrap_or_default().replace('\u{fffc}', "");
    let attachment = attachment(row);
    if written.trim().is_empty() && attachment.is_none() {
        return None;
    }
    let chat = row["chat_guid"].as_str().unwrap_or_default();
    let kind = kind(chat, &row["is_group"]);
    let id = if kind == ChatKind::Direct { sender.as_str() } else { chat };
    let conversation = Conversation::new(ChatId::new(id), kind);
    // `reply_to_guid` may name the message before in what answers none.
    let answered = row["thread_originator_guid"].as_str().filter(|guid| !guid.is_empty());
    Some(InboundMessage {
        attachment,
        reply_to: answered.map(|guid| conversation.sent(guid)),
        ..InboundMessage::new(
            EventId::new(row["guid"].as_str().filter(|guid| !guid.is_empty())?),
            conversation,
            Sender::new(sender, None, &[]),
            time(&row["created_at"])?,
            written.trim(),
        )
    })
}

/// What the account has written to a person, and when.
pub(crate) fn ours(row: &Value) -> Option<((String, String), UnixMs)> {
    let chat = row["chat_guid"].as_str()?;
    let (_, "-", person) = handle::chat(chat)? else { return None };
    let text = row["text"].as_str()?.replace('\u{fffc}', "").trim().to_owned();
    Some(((handle::handle(person)?, text), time(&row["created_at"])?))
}

/// As `2026-12-01T10:20:30.123Z`.
pub(crate) fn time(text: &Value) -> Option<UnixMs> {
    let at: jiff::Timestamp = text.as_str()?.parse().ok()?;
    u64::try_from(at.as_millisecond()).ok().map(UnixMs)
}

/// Both the chat's id and what is said of it have to say it. A group can bear the mark of a direct chat on newer systems:
/// that one is with a handle.
fn kind(chat: &str, is_group: &Value) -> ChatKind {
    match (handle::chat(chat), is_group.as_bool()) {
        (Some((_, "-", person)), Some(false)) if handle::handle(person).is_some() => {
            ChatKind::Direct
        }
        (Some((_, "+", _)), Some(true)) => ChatKind::Group,
        _ => ChatKind::Unknown,
    }
}

fn attachment(row: &Value) -> Option<Attachment> {
    let first = row["attachments"].as_array().and_then(|all| all.first())?;
    if first["is_sticker"] == true {
        return Some(Attachment::Sticker);
    }
    Some(Attachment::of(first["mime_type"].as_str()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A row of Ann's, with these keys in their places.
    fn read(more: Value) -> Option<InboundMessage> {
        let mut row = json!({
            "id": 7, "cursor": 7, "chat_id": 1, "chat_guid": "iMessage;-;+15551234567",
            "chat_identifier": "+15551234567", "chat_name": "Ann", "guid": "5C2E-1",
            "is_group": false, "participants": ["+15551234567"], "sender": "+15551234567",
            "sender_name": "Ann", "is_from_me": false, "text": "hello",
            "created_at": "2026-12-01T10:20:30.123Z", "attachments": [], "reactions": [],
        });
        if let Value::Object(more) = more {
            for (key, value) in more {
                row[key] = value;
            }
        }
        heard(&row)
    }

    #[test]
    fn a_direct_message_is_known_by_the_handle_alone() {
        let it = read(json!({})).unwrap();
        assert_eq!((it.text.as_str(), it.id.as_str()), ("hello", "5C2E-1"));
        let expected = Conversation::new(ChatId::new("+15551234567"), ChatKind::Direct);
        assert_eq!((it.conversation, it.sender.name), (expected, None));
        assert_eq!(it.sent_at, UnixMs(1_796_120_430_123));
        let it = read(json!({ "sender": "Ann@Example.com" })).unwrap();
        assert_eq!(it.sender.id.as_str(), "ann@example.com");
    }

    #[test]
    fn case_092_what_is_no_new_message_of_a_person_is_none() {
        for more in [
            json!({ "is_from_me": true }),
            json!({ "is_from_me": null }),
            json!({ "is_from_me": 0 }),
            json!({ "is_reaction": true, "reaction_type": "love" }),
            json!({ "poll": { "kind": "created" } }),
            json!({ "poll": { "kind": "vote" }, "text": "" }),
            json!({ "sender": "" }),
            json!({ "sender": null }),
            json!({ "sender": "12345" }),
            json!({ "sender": "urn:biz:5f8e2b3a" }),
            json!({ "sender": ["+15551234567"] }),
            json!({ "text": "", "balloon_bundle_id": "com.apple.messages.URLBalloonProvider" }),
            json!({ "text": null }),
            json!({ "text": " \u{fffc} " }),
            json!({ "guid": null }),
            json!({ "guid": "" }),
            json!({ "created_at": null }),
            json!({ "created_at": "yesterday" }),
            json!({ "created_at": "1969-12-01T10:20:30Z" }),
        ] {
            assert!(read(more.clone()).is_none(), "{more}");
        }
        for row in [Value::Null, json!([]), json!("x"), json!({})] {
            assert!(heard(&row).is_none(), "{row}");
        }
    }

    #[test]
    fn case_088_a_chat_is_direct_or_a_group_only_where_all_says_so() {
        let kind = |chat: &str, is_group: Value| {
            let more = json!({ "chat_guid": chat, "is_group": is_group });
            read(more).unwrap().conversation.kind
        };
        assert_eq!(kind("any;-;+15551234567", json!(false)), ChatKind::Direct);
        assert_eq!(kind("iMessage;+;chat831", json!(true)), ChatKind::Group);
        for (chat, is_group) in [
            ("iMessage;-;+15551234567", json!(true)),
            ("iMessage;+;chat831", json!(false)),
            ("iMessage;-;+15551234567", Value::Null),
            ("iMessage;-;+15551234567", json!("false")),
            ("iMessage;~;+15551234567", json!(false)),
            ("any;-;chat831551415676550949", json!(false)),
            ("iMessage;-;5c2e0f1d", json!(false)),
            ("+15551234567", json!(false)),
            ("", json!(false)),
        ] {
            assert_eq!(kind(chat, is_group.clone()), ChatKind::Unknown, "{chat} {is_group}");
        }
    }

    #[test]
    fn a_reply_names_the_message_that_began_its_thread_and_no_other() {
        let it = read(json!({ "thread_originator_guid": "5C2E-9", "reply_to_guid": "5C2E-8" }));
        let it = it.unwrap();
        assert_eq!(it.reply_to, Some(it.conversation.sent("5C2E-9")));
        assert_eq!(read(json!({ "reply_to_guid": "5C2E-8" })).unwrap().reply_to, None);
    }

    #[test]
    fn case_094_a_file_is_named_by_its_kind() {
        for (file, expected) in [
            (json!({ "mime_type": "image/heic" }), Attachment::Picture),
            (json!({ "mime_type": "audio/amr" }), Attachment::Voice),
            (json!({ "mime_type": "application/pdf" }), Attachment::File),
            (json!({ "mime_type": "" }), Attachment::File),
            (json!({ "mime_type": "image/png", "is_sticker": true }), Attachment::Sticker),
        ] {
            let it = read(json!({ "text": "\u{fffc}look", "attachments": [file] })).unwrap();
            assert_eq!((it.attachment, it.text.as_str()), (Some(expected), "look"));
        }
    }
}
