//! What becomes of each thing that Meta can say.

use serde_json::json;

use super::*;

const NOW: UnixMs = UnixMs(1_790_000_000_000);
const ANN: &str = "US.13491208655302741918";
const PARENT: &str = "US.ENT.11815799212886844830";

fn me() -> Me {
    Me { number_id: "106540352242922".to_owned(), digits: "15550783881".to_owned() }
}

fn hello() -> Value {
    json!({
        "from": "5511912345678", "from_user_id": ANN, "id": "wamid.1", "timestamp": "1790000000",
        "type": "text", "text": { "body": "hello" },
    })
}

fn contact() -> Value {
    // The spelling of a number of Brazil may differ.
    json!({ "profile": { "name": "Ann", "username": "ann.lee" }, "wa_id": "551112345678", "user_id": ANN })
}

fn value(messages: &Value) -> Value {
    json!({
        "messaging_product": "whatsapp", "contacts": [contact()], "messages": messages,
        "metadata": { "display_phone_number": "15550783881", "phone_number_id": "106540352242922" },
    })
}

fn payload(values: &[Value]) -> Value {
    let change = |value: &Value| json!({ "field": "messages", "value": value });
    let changes: Vec<Value> = values.iter().map(change).collect();
    json!({ "object": "whatsapp_business_account", "entry": [{ "id": "1", "changes": changes }] })
}

fn all(payload: &Value) -> Vec<InboundEvent> {
    let me = me();
    values(payload, &me).flat_map(|value| events(value, &me, NOW, |_| None)).collect()
}

/// What the message with these keys instead comes to.
fn with(more: &Value) -> Option<InboundEvent> {
    let mut message = hello();
    for (key, value) in more.as_object().unwrap() {
        message[key] = value.clone();
        if value == "(missing)" {
            message.as_object_mut().unwrap().remove(key);
        }
    }
    let mut events = all(&payload(&[value(&json!([message]))]));
    assert!(events.len() < 2);
    events.pop()
}

#[track_caller]
fn message(more: &Value) -> InboundMessage {
    match with(more) {
        Some(InboundEvent::Message(message)) => message,
        other => panic!("a message, not {other:?}"),
    }
}

fn ids(sender: &Sender) -> Vec<&str> {
    std::iter::once(&sender.id).chain(&sender.also).map(SenderId::as_str).collect()
}

#[test]
fn a_person_is_known_by_their_id_and_has_their_numbers_and_parents_too() {
    let it = message(&json!({ "from_parent_user_id": PARENT }));
    assert_eq!(ids(&it.sender), [ANN, "+5511912345678", "+551112345678", PARENT]);
    assert_eq!(it.sender.name.as_deref(), Some("Ann"));
    assert_eq!(it.sender.meta["username"], "ann.lee");
    assert_eq!((it.conversation.id.as_str(), it.conversation.kind), (ANN, ChatKind::Direct));
    assert_eq!((it.text.as_str(), it.sent_at), ("hello", NOW));
}

#[test]
fn case_086_a_number_may_be_hidden_and_an_id_may_be_missing() {
    let hidden = message(&json!({ "from": "(missing)" }));
    assert_eq!(ids(&hidden.sender), [ANN, "+551112345678"]);
    let old = message(&json!({ "from_user_id": "(missing)" }));
    assert_eq!(ids(&old.sender), ["+5511912345678"], "nobody says whose the contact is");
    assert_eq!(old.sender.name, None);
    for more in [
        json!({ "from": "(missing)", "from_user_id": "(missing)" }),
        json!({ "from_user_id": "" }),
        json!({ "from_user_id": 7 }),
        json!({ "from_user_id": "ann" }),
        json!({ "from_user_id": "US.1 2" }),
        json!({ "from_user_id": "(missing)", "from": "ann" }),
        json!({ "from_user_id": "(missing)", "from": "" }),
        json!({ "from_user_id": "(missing)", "from": "0" }),
    ] {
        assert!(with(&more).is_none(), "{more}");
    }
}

#[test]
fn case_080_a_contact_of_another_person_says_nothing() {
    let mut value = value(&json!([hello()]));
    value["contacts"][0]["user_id"] = "US.999".into();
    let events = all(&payload(&[value]));
    let [InboundEvent::Message(it)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((ids(&it.sender), &it.sender.name), (vec![ANN, "+5511912345678"], &None));
}

#[test]
fn case_088_only_what_names_no_group_is_direct() {
    let place = |group: Value| message(&json!({ "group_id": group })).conversation;
    let group = place(json!("Y2FwaV9ncm91cA=="));
    assert_eq!((group.id.as_str(), group.kind), ("Y2FwaV9ncm91cA==", ChatKind::Group));
    for odd in [
        json!(null),
        json!(""),
        json!(7),
        json!({ "id": "x" }),
        json!([]),
        json!(false),
        json!("a b"),
        json!(ANN),
        json!("+15551234567"),
    ] {
        assert_eq!(place(odd.clone()).kind, ChatKind::Unknown, "{odd}");
    }
}

#[test]
fn a_group_is_told_when_we_are_meant() {
    let said = |text: &str, context: Value| {
        message(&json!({ "group_id": "Y2FwaQ", "text": { "body": text }, "context": context }))
    };
    assert!(!said("hello", Value::Null).mentions_us);
    let mention = said("@15550783881 /help", Value::Null);
    assert!(mention.mentions_us);
    assert_eq!(mention.text, "/help");
    let reply = said("yes", json!({ "from": "15550783881", "id": "wamid.9" }));
    assert!(reply.mentions_us);
    assert_eq!(reply.reply_to, Some(reply.conversation.sent("wamid.9")));
    assert!(!said("yes", json!({ "from": "15550009999", "id": "wamid.9" })).mentions_us);
}

#[test]
fn what_is_no_text_is_named() {
    for (kind, expected) in [
        ("image", Attachment::Picture),
        ("sticker", Attachment::Sticker),
        ("audio", Attachment::Voice),
        ("video", Attachment::Voice),
        ("document", Attachment::File),
    ] {
        let it = message(&json!({ "type": kind, kind: { "id": "1", "caption": "look" } }));
        assert_eq!((it.attachment, it.text.as_str()), (Some(expected), "look"), "{kind}");
        assert!(it.files.is_empty());
        assert!(with(&json!({ "type": kind })).is_none(), "{kind} without anything");
    }
}

#[test]
fn a_press_names_its_card_and_claims_its_data() {
    let context = json!({ "from": "15550783881", "id": "wamid.9" });
    for (kind, content) in [
        (
            "interactive",
            json!({ "type": "button_reply", "button_reply": { "id": "a", "title": "Yes" } }),
        ),
        (
            "interactive",
            json!({ "type": "list_reply", "list_reply": { "id": "a", "title": "Yes" } }),
        ),
        ("button", json!({ "payload": "a", "text": "Yes" })),
    ] {
        let event = with(&json!({ "type": kind, kind: content, "context": context }));
        let Some(InboundEvent::Press(press)) = event else { panic!("{event:?}") };
        assert_eq!((press.data.as_str(), press.on.id.as_str()), ("a", "wamid.9"));
        assert_eq!((press.sender.id.as_str(), press.on.chat.as_str()), (ANN, ANN));
        assert_eq!((press.id.as_str(), press.pressed_at), ("wamid.1", NOW));
        let nowhere = json!({ "type": kind, kind: content });
        assert!(with(&nowhere).is_none(), "a press on nothing");
    }
    let empty =
        json!({ "type": "interactive", "interactive": { "nfm_reply": {} }, "context": context });
    assert!(with(&empty).is_none());
}

#[test]
fn case_091_case_092_every_other_kind_is_none() {
    for kind in [
        "reaction",
        "order",
        "location",
        "contacts",
        "unsupported",
        "request_welcome",
        "edit",
        "revoke",
        "poll",
        "hologram",
    ] {
        let more = json!({ "type": kind, kind: { "body": "hello", "caption": "hello" } });
        assert!(with(&more).is_none(), "{kind}");
    }
    for more in [
        json!({ "errors": [{ "code": 131_051 }] }),
        json!({ "type": 7 }),
        json!({ "id": "" }),
        json!({ "id": 7 }),
        json!({ "timestamp": 1_790_000_000 }),
        json!({ "timestamp": "soon" }),
        json!({ "timestamp": "99999999999999999999" }),
        json!({ "text": { "body": "" } }),
        json!({ "text": { "body": 7 } }),
        json!({ "text": "hello" }),
    ] {
        assert!(with(&more).is_none(), "{more}");
    }
}

#[test]
fn case_105_a_message_of_more_than_eight_days_is_refused() {
    let at = |days: u64, more: u64| {
        let seconds = NOW.0 / 1000 - days * 86_400 - more;
        with(&json!({ "timestamp": seconds.to_string() })).is_some()
    };
    assert!(at(0, 0) && at(7, 0) && at(8, 0));
    assert!(!at(8, 1) && !at(300, 0));
    assert!(with(&json!({ "timestamp": "1790000300" })).is_some(), "a clock that is behind");
}

#[test]
fn case_077_what_is_about_another_number_or_field_is_none() {
    let whole = || payload(&[value(&json!([hello()]))]);
    assert_eq!(all(&whole()).len(), 1);
    let value = "/entry/0/changes/0/value";
    for (path, wrong) in [
        ("/object".to_owned(), json!("page")),
        ("/entry/0/changes/0/field".to_owned(), json!("standby")),
        ("/entry/0/changes/0/field".to_owned(), json!("smb_message_echoes")),
        ("/entry/0/changes/0/field".to_owned(), json!("user_id_update")),
        ("/entry/0/changes/0/field".to_owned(), json!(null)),
        (format!("{value}/messaging_product"), json!("instagram")),
        (format!("{value}/metadata/phone_number_id"), json!("106540352242923")),
        (format!("{value}/metadata/phone_number_id"), json!(106_540_352_242_922_u64)),
        (format!("{value}/metadata"), json!(null)),
        (format!("{value}/messages"), json!({})),
        ("/entry".to_owned(), json!("x")),
        ("/entry/0/changes".to_owned(), json!(7)),
    ] {
        let mut payload = whole();
        *payload.pointer_mut(&path).unwrap() = wrong.clone();
        assert!(all(&payload).is_empty(), "{path}: {wrong}");
    }
    for payload in [json!(null), json!([]), json!("x"), json!({})] {
        assert!(all(&payload).is_empty(), "{payload}");
    }
}

#[test]
fn case_020_entries_changes_and_messages_are_plural_and_a_bad_one_harms_no_other() {
    let numbered = |n: &str| {
        let mut message = hello();
        message["id"] = format!("wamid.{n}").into();
        message
    };
    let mut bad = numbered("bad");
    bad["from_user_id"] = json!({ "x": 1 });
    let entry = |n: &str| {
        let one = value(&json!([numbered(&format!("{n}1")), numbered(&format!("{n}2"))]));
        let two = value(&json!([bad, numbered(&format!("{n}3"))]));
        payload(&[one, two])["entry"][0].clone()
    };
    let both =
        json!({ "object": "whatsapp_business_account", "entry": [entry("a"), "x", entry("b")] });
    let events = all(&both);
    let ids: Vec<_> = events
        .iter()
        .map(|event| match event {
            InboundEvent::Message(it) => it.id.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ids, ["wamid.a1", "wamid.a2", "wamid.a3", "wamid.b1", "wamid.b2", "wamid.b3"]);
}

#[test]
fn a_person_with_another_number_has_another_id() {
    let system = |system: Value| with(&json!({ "type": "system", "system": system }));
    let whole = json!({
        "type": "user_changed_number", "wa_id": "5511987654321", "user_id": "BR.2",
        "previous_user_id": ANN, "body": "Ann changed from +55 to +55",
    });
    let Some(InboundEvent::Changed(it)) = system(whole.clone()) else { panic!("a change") };
    let was: Vec<_> = it.was.iter().map(SenderId::as_str).collect();
    assert_eq!((was, it.is.as_str()), (vec![ANN, "+5511912345678"], "BR.2"));
    let mut unnamed = whole;
    unnamed["user_id"] = Value::Null;
    let Some(InboundEvent::Changed(it)) = system(unnamed) else { panic!("a change") };
    assert_eq!(it.is.as_str(), "+5511987654321");
    let user =
        json!({ "type": "user_changed_user_id", "user_id": "BR.2", "previous_user_id": ANN });
    let Some(InboundEvent::Changed(it)) = system(user) else { panic!("a change") };
    assert_eq!((it.was.len(), it.is.as_str()), (1, "BR.2"));
    for other in [
        json!({ "type": "customer_identity_changed", "user_id": "BR.2", "previous_user_id": ANN }),
        json!({ "type": "user_changed_user_id", "user_id": "BR.2" }),
        json!({ "type": "user_changed_user_id", "previous_user_id": ANN }),
        json!({ "type": "user_changed_user_id", "user_id": ANN, "previous_user_id": ANN }),
        json!({ "type": "user_changed_number" }),
        json!({}),
    ] {
        assert!(system(other.clone()).is_none(), "{other}");
    }
}

#[test]
fn a_message_that_failed_later_is_named_by_where_it_went() {
    let status = |more: Value| {
        let mut status = json!({
            "id": "wamid.9", "status": "failed", "recipient_id": "5511912345678",
            "recipient_user_id": ANN,
            "errors": [{ "code": 131_047, "title": "Re-engagement message" }],
        });
        for (key, value) in more.as_object().unwrap() {
            status[key] = value.clone();
        }
        let mut value = value(&json!([]));
        value["statuses"] = json!([{ "id": "wamid.8", "status": "delivered" }, status]);
        value
    };
    let failed = |more: Value, known: Option<&str>| {
        let me = me();
        let mut events = events(&status(more), &me, NOW, |_| known.map(ChatId::new));
        match events.pop() {
            Some(InboundEvent::Failed(failed)) => Some(failed),
            _ => None,
        }
    };
    let it = failed(json!({}), None).unwrap();
    assert_eq!((it.sent.chat.as_str(), it.sent.id.as_str()), (ANN, "wamid.9"));
    assert!(matches!(it.error, openclaw_plugin_sdk::ChannelError::Later(_)), "{:?}", it.error);
    let chat = |more: Value, known| failed(more, known).unwrap().sent.chat.as_str().to_owned();
    assert_eq!(chat(json!({}), Some("+5511912345678")), "+5511912345678");
    assert_eq!(chat(json!({ "recipient_user_id": null }), None), "+5511912345678");
    let group = json!({ "recipient_type": "group", "recipient_id": "Y2FwaQ" });
    assert_eq!(chat(group, None), "Y2FwaQ");
    let gone = failed(json!({ "errors": [{ "code": 131_026, "title": "Undeliverable" }] }), None);
    assert!(matches!(gone.unwrap().error, openclaw_plugin_sdk::ChannelError::Undeliverable(_)));
    for other in [json!({ "status": "sent" }), json!({ "status": "read" }), json!({ "id": null })] {
        assert!(failed(other.clone(), None).is_none(), "{other}");
    }
}
