//! Events of both formats, and what becomes of them.

use openclaw_plugin_sdk::{
    AccountId,
    testing::{issuer::private_key, settings},
};
use serde_json::json;
use tokio::sync::{mpsc, watch};

use super::*;

fn app() -> GoogleChat {
    let account = json!({
        "type": "service_account", "private_key": private_key(), "client_email": "gate@bot.example",
        "token_uri": "https://oauth2.googleapis.com/token",
    });
    let table = format!(
        "audience_type = 'project-number'\naudience = '1'\nservice_account = '''{account}'''"
    );
    GoogleChat::open(&settings(&table)).ok().unwrap()
}

fn inbox() -> Inbox {
    let (deliveries, exchanges) = (mpsc::channel(1).0, mpsc::channel(1).1);
    Inbox::new(AccountId::default_account(), deliveries, exchanges, watch::channel(false).0)
}

fn dm() -> Value {
    json!({ "name": "spaces/dm1", "type": "DM", "spaceType": "DIRECT_MESSAGE", "singleUserBotDm": true })
}

fn ann() -> Value {
    json!({ "name": "users/123", "type": "HUMAN", "displayName": "Ann", "email": "ann@example.com" })
}

fn event(more: &[(&str, Value)]) -> Value {
    let message = json!({
        "name": "spaces/dm1/messages/m1", "sender": ann(), "text": "hello", "argumentText": "hello",
        "createTime": "2026-12-01T10:20:30.123456Z", "thread": { "name": "spaces/dm1/threads/t1" },
    });
    let mut event = json!({
        "type": "MESSAGE", "eventTime": "2026-12-01T10:20:31Z", "space": dm(), "user": ann(), "message": message,
    });
    for (path, value) in more {
        *event.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = value.clone();
    }
    event
}

fn message(event: &Value) -> Option<InboundMessage> {
    match app().arrival(event, &inbox())?.item {
        InboundEvent::Message(message) => Some(message),
        other => panic!("{other:?}"),
    }
}

fn kind(space: Value) -> Option<ChatKind> {
    message(&event(&[("/space", space)])).map(|message| message.conversation.kind)
}

#[test]
fn a_message_is_named_with_its_thread() {
    let read = message(&event(&[])).unwrap();
    assert_eq!(read.id.as_str(), "spaces/dm1/messages/m1/threads/t1");
    assert_eq!(thread_of(read.id.as_str()).as_deref(), Some("spaces/dm1/threads/t1"));
    assert_eq!(thread_of("spaces/dm1/messages/m1"), None);
    assert_eq!(read.sent_at, UnixMs(1_796_120_430_123));
    assert_eq!((read.sender.id.as_str(), read.sender.name.as_deref()), ("users/123", Some("Ann")));
    assert_eq!(read.sender.meta["email"], "ann@example.com");
    assert_eq!(read.conversation.id.as_str(), "users/123", "a direct chat bears the person's id");
}

#[test]
fn case_088_only_a_space_of_one_person_and_the_app_is_a_direct_chat() {
    let space = |more: Value| {
        let mut space = json!({ "name": "spaces/x" });
        merge(&mut space, &more);
        kind(space)
    };
    for (more, expected) in [
        (json!({ "spaceType": "DIRECT_MESSAGE", "singleUserBotDm": true }), ChatKind::Direct),
        (
            json!({ "spaceType": "DIRECT_MESSAGE", "type": "DM", "singleUserBotDm": true }),
            ChatKind::Direct,
        ),
        (json!({ "type": "DM", "singleUserBotDm": true }), ChatKind::Direct),
        (json!({ "type": "DM" }), ChatKind::Direct),
        // Two people, and the app beside them.
        (json!({ "spaceType": "DIRECT_MESSAGE" }), ChatKind::Unknown),
        (json!({ "spaceType": "DIRECT_MESSAGE", "type": "DM" }), ChatKind::Unknown),
        (json!({ "spaceType": "DIRECT_MESSAGE", "singleUserBotDm": false }), ChatKind::Unknown),
        (json!({ "spaceType": "DIRECT_MESSAGE", "singleUserBotDm": "true" }), ChatKind::Unknown),
        (json!({ "type": "DM", "singleUserBotDm": false }), ChatKind::Unknown),
        (
            json!({ "spaceType": "HOLOGRAM", "type": "DM", "singleUserBotDm": true }),
            ChatKind::Unknown,
        ),
        (json!({ "spaceType": 7, "type": "DM", "singleUserBotDm": true }), ChatKind::Unknown),
        (json!({ "type": "HOLOGRAM", "singleUserBotDm": true }), ChatKind::Unknown),
        (json!({ "singleUserBotDm": true }), ChatKind::Unknown),
        (json!({}), ChatKind::Unknown),
        (json!({ "spaceType": "SPACE", "singleUserBotDm": true }), ChatKind::Group),
        (json!({ "spaceType": "GROUP_CHAT" }), ChatKind::Group),
        (json!({ "spaceType": "SPACE", "type": "DM" }), ChatKind::Group),
        (json!({ "type": "ROOM" }), ChatKind::Group),
    ] {
        assert_eq!(space(more.clone()), Some(expected), "{more}");
    }
    for name in ["", "spaces/", "spaces/a/b", "users/1", "spaces/../x"] {
        assert_eq!(kind(json!({ "name": name, "type": "ROOM" })), None, "{name}");
    }
}

#[test]
fn case_080_who_wrote_is_a_number_and_a_person() {
    let with =
        |sender: Value| message(&event(&[("/message/sender", sender.clone()), ("/user", sender)]));
    assert!(with(ann()).is_some());
    for (key, value) in [
        ("type", json!("BOT")),
        ("type", Value::Null),
        ("name", json!("users/app")),
        ("name", json!("users/ann@example.com")),
        ("name", json!("ann@example.com")),
        ("name", json!("123")),
        ("name", json!("")),
        ("name", Value::Null),
    ] {
        let mut sender = ann();
        sender[key] = value.clone();
        assert!(with(sender).is_none(), "{key}: {value}");
    }
    let other = json!({ "name": "users/124", "type": "HUMAN" });
    assert!(message(&event(&[("/user", other)])).is_none(), "two people cannot write one message");
}

#[test]
fn case_105_no_sender_suppresses_the_message_of_another() {
    let keys = |event: &Value| app().arrival(event, &inbox()).unwrap().keys;
    let other = json!({ "name": "users/124", "type": "HUMAN" });
    let theirs = event(&[("/user", other.clone()), ("/message/sender", other)]);
    assert_eq!(keys(&event(&[])), ["users/123/users/123/spaces/dm1/messages/m1/threads/t1"]);
    assert_eq!(keys(&theirs), ["users/124/users/124/spaces/dm1/messages/m1/threads/t1"]);
}

#[test]
fn case_092_what_is_no_new_message_is_none() {
    for kind in [
        "ADDED_TO_SPACE",
        "REMOVED_FROM_SPACE",
        "WIDGET_UPDATED",
        "APP_HOME",
        "SUBMIT_FORM",
        "MESSAGE_UPDATED",
        "UNSPECIFIED",
        "",
    ] {
        assert!(message(&event(&[("/type", kind.into())])).is_none(), "{kind}");
    }
    assert!(
        message(&event(&[("/message/text", "".into()), ("/message/argumentText", " ".into())]))
            .is_none()
    );
    for payload in ["addedToSpacePayload", "removedFromSpacePayload", "widgetUpdatedPayload"] {
        let mut addon = json!({ "chat": { "user": ann(), "type": "MESSAGE" } });
        addon["chat"][payload] = json!({ "space": dm(), "message": event(&[])["message"] });
        assert!(message(&addon).is_none(), "{payload}");
    }
    for odd in [json!(null), json!([]), json!({}), json!({ "chat": {} }), json!({ "type": 7 })] {
        assert!(message(&odd).is_none(), "{odd}");
    }
}

#[test]
fn a_message_that_comes_with_the_entry_into_a_group_counts() {
    let group = json!({ "name": "spaces/g", "spaceType": "SPACE" });
    let entry = event(&[("/type", "ADDED_TO_SPACE".into()), ("/space", group)]);
    assert_eq!(message(&entry).unwrap().conversation.id.as_str(), "spaces/g");
}

#[test]
fn a_command_is_read_whole_and_a_mention_is_taken_off() {
    let mut slash = event(&[
        ("/message/text", "/pairing list".into()),
        ("/message/argumentText", " list".into()),
    ]);
    slash["message"]["slashCommand"] = json!({ "commandId": "7" });
    assert_eq!(message(&slash).unwrap().text, "/pairing list");
    let group = json!({ "name": "spaces/g", "spaceType": "SPACE" });
    let mut called = event(&[
        ("/message/text", "@Gate hi".into()),
        ("/message/argumentText", " hi".into()),
        ("/space", group),
    ]);
    let annotation = |name: &str, kind: &str| json!([{ "type": "USER_MENTION", "userMention": { "user": { "name": name, "type": kind } } }]);
    called["message"]["annotations"] = annotation("users/7", "BOT");
    let read = message(&called).unwrap();
    assert_eq!((read.text.as_str(), read.mentions_us), ("hi", true));
    let us = app();
    *us.us.lock() = Some("users/8".to_owned());
    let arrived = us.arrival(&called, &inbox()).unwrap().item;
    assert!(matches!(arrived, InboundEvent::Message(it) if !it.mentions_us), "another app");
    called["message"]["annotations"] = annotation("users/7", "HUMAN");
    assert!(!message(&called).unwrap().mentions_us);
}

#[test]
fn a_thread_of_a_group_is_a_place_of_its_own() {
    let group = json!({ "name": "spaces/g", "spaceType": "SPACE" });
    let mut threaded = event(&[("/space", group)]);
    assert_eq!(message(&threaded).unwrap().conversation.thread, None);
    threaded["message"]["threadReply"] = true.into();
    let thread = message(&threaded).unwrap().conversation.thread;
    assert_eq!(thread.as_ref().map(ThreadId::as_str), Some("spaces/dm1/threads/t1"));
    let mut direct = event(&[]);
    direct["message"]["threadReply"] = true.into();
    assert_eq!(
        message(&direct).unwrap().conversation.thread,
        None,
        "a person has one chat with us"
    );
}

#[test]
fn case_095_a_quoted_message_is_named_and_not_read() {
    let mut quoting = event(&[]);
    quoting["message"]["quotedMessageMetadata"] =
        json!({ "name": "spaces/dm1/messages/m0", "text": "SECRET" });
    let read = message(&quoting).unwrap();
    assert_eq!(read.reply_to.as_ref().unwrap().id.as_str(), "spaces/dm1/messages/m0");
    assert!(!format!("{read:?}").contains("SECRET"));
}

#[test]
fn a_press_says_who_where_and_what_in_both_formats() {
    let parameters = json!({ "d": "a:1" });
    let mut classic = event(&[("/type", "CARD_CLICKED".into())]);
    classic["common"] = json!({ "parameters": parameters });
    classic["message"]["sender"] = json!({ "name": "users/7", "type": "BOT" });
    let addon = json!({
        "commonEventObject": { "parameters": parameters },
        "chat": {
            "user": ann(), "eventTime": "2026-12-01T10:20:31Z",
            "buttonClickedPayload": { "message": classic["message"], "space": dm() },
        },
    });
    for event in [classic.clone(), addon] {
        let InboundEvent::Press(press) = app().arrival(&event, &inbox()).unwrap().item else {
            panic!("a press")
        };
        assert_eq!((press.data.as_str(), press.on.id.as_str()), ("a:1", "spaces/dm1/messages/m1"));
        assert_eq!(press.on.chat.as_str(), "users/123");
        assert_eq!(
            (press.sender.id.as_str(), press.conversation.kind),
            ("users/123", ChatKind::Direct)
        );
        assert_eq!(press.pressed_at, UnixMs(1_796_120_431_000));
        assert_eq!(press.id.as_str(), "spaces/dm1/messages/m1/2026-12-01T10:20:31Z");
    }
    classic["common"]["parameters"] = json!({ "d": 7 });
    assert!(app().arrival(&classic, &inbox()).is_none());
}

fn merge(into: &mut Value, more: &Value) {
    for (key, value) in more.as_object().unwrap() {
        into[key] = value.clone();
    }
}
