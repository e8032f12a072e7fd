//! Envelopes as signal-cli writes them, and what becomes of them.

use serde_json::json;

use super::*;

const ANN: &str = "0f1e2d3c-4b5a-4968-8776-655443322110";
const US: &str = "11111111-2222-4333-8444-555555555555";
const NUMBER: &str = "+15550000001";
const GROUP: &str = "WW3jZ+M/oC5LZJ3mvtZy0zgF2dZ5lFJ3vQxSxkVPSXo=";

fn me() -> Me {
    Me { number: NUMBER.to_owned(), aci: Some(US.to_owned()) }
}

/// What Ann sends, with this in the place of, or beside, what a plain message has.
fn envelope(data: &Value, more: &Value) -> Value {
    let mut all = json!({
        "source": "+15557654321", "sourceNumber": "+15557654321", "sourceUuid": ANN,
        "sourceName": "Ann", "sourceDevice": 2, "timestamp": 1_790_000_000_123_u64,
        "serverReceivedTimestamp": 1_790_000_000_500_u64,
        "dataMessage": { "timestamp": 1_790_000_000_123_u64, "message": "hello", "expiresInSeconds": 0, "viewOnce": false },
    });
    merge(&mut all["dataMessage"], data);
    merge(&mut all, more);
    all
}

fn merge(into: &mut Value, from: &Value) {
    for (key, value) in from.as_object().into_iter().flatten() {
        into[key] = value.clone();
    }
}

fn message(data: &Value, more: &Value) -> Option<InboundMessage> {
    match translate(&envelope(data, more), &me())? {
        InboundEvent::Message(message) => Some(message),
        other => panic!("a message, not {other:?}"),
    }
}

fn plain(data: &Value) -> InboundMessage {
    message(data, &json!({})).unwrap()
}

#[test]
fn case_085_an_id_in_a_form_that_is_not_signals_is_nobodys() {
    for id in [format!("signal:uuid:{ANN}"), format!(" {ANN}"), "+15557654321".to_owned()] {
        let odd = message(&json!({}), &json!({ "sourceUuid": id, "sourceNumber": ANN }));
        assert!(odd.is_none(), "{id}");
    }
}

#[test]
fn a_message_names_its_sender_by_aci_and_the_number_beside_it() {
    let message = plain(&json!({}));
    assert_eq!(message.sender.id.as_str(), ANN);
    assert_eq!(message.sender.also, [SenderId::new("+15557654321").unwrap()]);
    assert_eq!(message.sender.name.as_deref(), Some("Ann"));
    assert_eq!(message.id.as_str(), format!("{ANN}:1790000000123"));
    assert_eq!(message.sent_at, UnixMs(1_790_000_000_500), "by Signal's clock");
    assert_eq!(message.conversation, Conversation::new(ChatId::new(ANN), ChatKind::Direct));
    let upper = message_of(&json!({ "sourceUuid": ANN.to_uppercase(), "sourceNumber": null }));
    assert_eq!((upper.sender.id.as_str(), upper.sender.also.len()), (ANN, 0));
    let old = message_of(&json!({ "sourceUuid": null, "serverReceivedTimestamp": 0 }));
    assert_eq!((old.sender.id.as_str(), old.sender.also.len()), ("+15557654321", 0));
    assert_eq!(
        old.sent_at,
        UnixMs(1_790_000_000_123),
        "by the sender's, where Signal does not say"
    );
}

fn message_of(more: &Value) -> InboundMessage {
    message(&json!({}), more).unwrap()
}

#[test]
fn case_083_a_sender_without_a_stable_id_is_none() {
    for more in [
        json!({ "sourceUuid": null, "sourceNumber": null }),
        json!({ "sourceUuid": "PNI:0f1e2d3c-4b5a-4968-8776-655443322110", "sourceNumber": null }),
        json!({ "sourceUuid": "ann", "sourceNumber": "ann" }),
        json!({ "sourceUuid": null, "sourceNumber": null, "source": ANN }),
    ] {
        assert!(message(&json!({}), &more).is_none(), "{more}");
    }
}

#[test]
fn case_092_what_is_no_message_is_none() {
    for data in [
        json!({ "message": null }),
        json!({ "message": " \n" }),
        json!({ "remoteDelete": { "timestamp": 1 } }),
        json!({ "pollCreate": { "question": "?" } }),
        json!({ "pollVote": { "optionIndexes": [1] } }),
        json!({ "pollTerminate": { "targetSentTimestamp": 1 } }),
        json!({ "pinMessage": { "targetSentTimestamp": 1 } }),
        json!({ "unpinMessage": { "targetSentTimestamp": 1 } }),
        json!({ "adminDelete": { "targetSentTimestamp": 1 } }),
        json!({ "payment": { "note": "x" } }),
        json!({ "storyContext": { "sentTimestamp": 1 } }),
        json!({ "contacts": [{ "name": { "display": "Bob" } }] }),
        json!({ "isExpirationUpdate": true }),
        json!({ "groupInfo": { "groupId": GROUP, "type": "UPDATE" } }),
        json!({ "message": null, "hologram": { "text": "psst" } }),
        json!({ "reaction": { "emoji": "👍", "targetAuthorUuid": ANN, "targetSentTimestamp": 1, "isRemove": false } }),
        json!({ "reaction": { "emoji": "👍", "targetAuthorUuid": ANN, "targetAuthorNumber": NUMBER, "targetSentTimestamp": 1, "isRemove": false } }),
        json!({ "reaction": { "emoji": "👍", "targetAuthorUuid": US, "targetSentTimestamp": 1, "isRemove": true } }),
        json!({ "reaction": { "emoji": "👍", "targetAuthorUuid": US, "targetSentTimestamp": 1 } }),
    ] {
        assert!(translate(&envelope(&data, &json!({})), &me()).is_none(), "{data}");
    }
    for kind in NO_MESSAGE {
        let more = json!({ kind: { "dataMessage": { "message": "x" } } });
        assert!(message(&json!({}), &more).is_none(), "{kind} beside a message");
    }
    for more in [json!({ "dataMessage": null }), json!({ "dataMessage": "x" })] {
        assert!(message(&Value::Null, &more).is_none(), "{more}");
    }
    assert!(translate(&Value::Null, &me()).is_none());
}

#[test]
fn case_092_what_we_or_our_other_devices_wrote_is_none() {
    for more in [
        json!({ "sourceUuid": US }),
        json!({ "sourceUuid": US.to_uppercase(), "sourceNumber": null }),
        json!({ "sourceUuid": null, "sourceNumber": NUMBER }),
    ] {
        assert!(message(&json!({}), &more).is_none(), "{more}");
    }
    let unknown = Me { aci: None, ..me() };
    let by_number = envelope(&json!({}), &json!({ "sourceUuid": US, "sourceNumber": NUMBER }));
    assert!(translate(&by_number, &unknown).is_none());
    assert!(translate(&envelope(&json!({}), &json!({ "sourceNumber": null })), &unknown).is_some());
}

#[test]
fn case_088_a_group_of_a_new_kind_is_no_group_and_no_direct_chat() {
    for (group, kind) in [
        (json!({ "groupId": GROUP, "type": "DELIVER" }), ChatKind::Group),
        (json!({ "groupId": GROUP }), ChatKind::Group),
        (json!({ "groupId": GROUP, "type": "HOLOGRAM" }), ChatKind::Unknown),
        (json!({ "groupId": "Family", "type": "DELIVER" }), ChatKind::Unknown),
        (json!({ "type": "DELIVER" }), ChatKind::Unknown),
        (json!({}), ChatKind::Unknown),
    ] {
        let message = plain(&json!({ "groupInfo": group }));
        assert_eq!(message.conversation.kind, kind, "{group}");
    }
}

#[test]
fn a_mention_in_front_is_cut_and_one_of_others_is_not_ours() {
    let mention = |start: u64, uuid: &str| json!({ "name": "x", "number": null, "uuid": uuid, "start": start, "length": 1 });
    let read = |text: &str, mention: Value| {
        let message = plain(&json!({ "message": text, "mentions": [mention] }));
        (message.text, message.mentions_us)
    };
    assert_eq!(read("\u{fffc} /help", mention(0, US)), ("/help".to_owned(), true));
    assert_eq!(read("hey \u{fffc}", mention(4, US)), ("hey \u{fffc}".to_owned(), true));
    assert_eq!(read("\u{fffc} /help", mention(0, ANN)), ("\u{fffc} /help".to_owned(), false));
    let by_number = json!({ "number": NUMBER, "uuid": null, "start": 0, "length": 1 });
    assert_eq!(read("\u{fffc}hello", by_number), ("hello".to_owned(), true));
    assert!(
        message(&json!({ "message": "\u{fffc} ", "mentions": [mention(0, US)] }), &json!({}))
            .is_none()
    );
    assert_eq!(
        plain(&json!({ "message": "\u{fffc} x" })).text,
        "\u{fffc} x",
        "nobody is mentioned"
    );
}

#[test]
fn case_095_a_quoted_text_stays_out() {
    let quote = |author: &str| json!({ "quote": { "id": 7, "authorUuid": author, "authorNumber": null, "text": "WORDS" } });
    let ours = plain(&quote(US));
    assert_eq!(ours.reply_to, Some(SentRef { chat: ChatId::new(ANN), id: EventId::new("7") }));
    assert!(ours.mentions_us && !format!("{ours:?}").contains("WORDS"));
    let theirs = plain(&quote(ANN));
    assert_eq!((theirs.reply_to.clone(), theirs.mentions_us), (None, false));
    assert!(!format!("{theirs:?}").contains("WORDS"));
}

#[test]
fn case_094_an_attachment_is_named_and_nothing_more() {
    for (kind, expected) in [
        (Some("image/png"), Attachment::Picture),
        (Some("audio/aac"), Attachment::Voice),
        (Some("application/pdf"), Attachment::File),
        (None, Attachment::File),
    ] {
        let file = json!([{ "contentType": kind, "filename": "../x", "id": "abc.png", "size": 9 }]);
        let message = plain(&json!({ "message": null, "attachments": file }));
        assert_eq!((message.attachment, message.text.as_str()), (Some(expected), ""));
        assert!(message.files.is_empty());
    }
    let sticker = plain(&json!({ "message": null, "sticker": { "packId": "a", "stickerId": 1 } }));
    assert_eq!(sticker.attachment, Some(Attachment::Sticker));
    let once = plain(&json!({ "viewOnce": true, "previews": [{ "url": "https://a.example/" }] }));
    assert_eq!((once.text.as_str(), once.attachment), ("hello", None));
}

#[test]
fn a_reaction_names_our_message() {
    let author = json!({ "number": NUMBER });
    for (aci, number) in [(json!(US), Value::Null), (Value::Null, author["number"].clone())] {
        let data = json!({ "message": null, "reaction": {
            "emoji": "👍", "targetAuthorUuid": aci, "targetAuthorNumber": number,
            "targetSentTimestamp": 1_790_000_000_001_u64, "isRemove": false,
        } });
        let Some(InboundEvent::Reaction(reaction)) = translate(&envelope(&data, &json!({})), &me())
        else {
            panic!("a reaction")
        };
        let on = SentRef { chat: ChatId::new(ANN), id: EventId::new("1790000000001") };
        assert_eq!((reaction.on, reaction.emoji.as_str()), (on, "👍"));
    }
}
