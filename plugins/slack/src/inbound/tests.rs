//! Recorded payloads in, events out.

#![allow(clippy::needless_pass_by_value, reason = "payloads are made where they are read")]

use serde_json::json;

use super::*;

const ANN: &str = "U024BE7LH";
const HOME: &str = "T0HOME0000";

fn me() -> Me {
    Me { user_id: "U0BOT00000".to_owned(), team_id: HOME.to_owned() }
}

fn arrives(event: Value, shared: bool) -> Option<InboundMessage> {
    let callback = json!({ "event": event, "event_id": "Ev1", "is_ext_shared_channel": shared });
    let callback = serde_json::from_value(callback).unwrap();
    message(&callback, &me(), &["help".to_owned()])
}

/// A direct message with these keys more, or in place of its own.
fn direct(more: Value) -> Value {
    let mut event = json!({
        "type": "message", "channel_type": "im", "channel": "D024BE7LR", "user": ANN,
        "ts": "1712345678.000200", "text": "hello", "team": HOME,
    });
    for (key, value) in more.as_object().unwrap() {
        event[key] = value.clone();
    }
    event
}

#[test]
fn a_direct_message_is_read() {
    let message = arrives(direct(json!({ "text": "a &lt; b" })), false).unwrap();
    assert_eq!(message.sender.id.as_str(), ANN);
    assert_eq!(message.conversation.kind, ChatKind::Direct);
    assert_eq!((message.text.as_str(), message.id.as_str()), ("a < b", "1712345678.000200"));
    assert_eq!(message.sent_at, UnixMs(1_712_345_678_000));
}

#[test]
fn case_080_the_same_id_in_another_workspace_is_another_person() {
    let foreign = "team:T0OTHER000:user:U024BE7LH";
    for (more, expected) in [
        (json!({ "team": "T0OTHER000" }), foreign),
        (json!({ "user_team": "T0OTHER000" }), foreign),
        (json!({ "source_team": "T0OTHER000" }), foreign),
        (json!({ "user_team": HOME, "team": "T0OTHER000" }), ANN),
        (json!({ "team": null }), ANN),
        (
            json!({ "user_profile": { "display_name": "owner", "email": "owner@home.example" } }),
            ANN,
        ),
    ] {
        let message = arrives(direct(more.clone()), false).unwrap();
        assert_eq!(message.sender.id.as_str(), expected, "{more}");
    }
    assert!(arrives(direct(json!({ "team": null })), true).is_none(), "shared, and nothing said");
}

#[test]
fn case_088_only_what_is_surely_direct_is_direct() {
    let kind = |kind: Value, channel: &str| {
        let event = direct(json!({ "channel_type": kind, "channel": channel }));
        arrives(event, false).unwrap().conversation.kind
    };
    assert_eq!(kind(json!("im"), "D1"), ChatKind::Direct);
    for (name, channel) in [("mpim", "G1"), ("mpim", "C1"), ("channel", "C1"), ("group", "G1")] {
        assert_eq!(kind(json!(name), channel), ChatKind::Group, "{name}");
    }
    for (name, channel) in [
        (json!("im"), "C1"),
        (json!("im"), "G1"),
        (json!("hologram"), "D1"),
        (json!(null), "D1"),
        (json!(""), "D1"),
    ] {
        assert_eq!(kind(name.clone(), channel), ChatKind::Unknown, "{name} {channel}");
    }
}

#[test]
fn case_092_what_is_no_new_message_of_a_person_is_none() {
    for more in [
        json!({ "subtype": "message_changed" }),
        json!({ "subtype": "message_deleted" }),
        json!({ "subtype": "channel_join" }),
        json!({ "subtype": "bot_message" }),
        json!({ "subtype": "me_message" }),
        json!({ "subtype": "reminder_add" }),
        json!({ "hidden": true }),
        json!({ "bot_id": "B0BOT00000" }),
        json!({ "user": "U0BOT00000" }),
        json!({ "user": "USLACKBOT" }),
        json!({ "user": null }),
        json!({ "user": "" }),
        json!({ "user": "ann" }),
        json!({ "text": "" }),
        json!({ "type": "reaction_added" }),
        json!({ "type": "pin_added" }),
        json!({ "ts": "soon" }),
        json!({ "channel": null }),
    ] {
        assert!(arrives(direct(more.clone()), false).is_none(), "{more}");
    }
    assert!(arrives(json!("text"), false).is_none());
    for subtype in ["file_share", "thread_broadcast"] {
        assert!(arrives(direct(json!({ "subtype": subtype })), false).is_some(), "{subtype}");
    }
}

#[test]
fn case_095_what_another_person_wrote_stays_out() {
    let event = direct(json!({
        "attachments": [{ "text": "STRANGER", "is_share": true }], "blocks": [{ "text": "STRANGER" }],
        "root": { "text": "STRANGER" }, "thread_ts": "1712345000.000100",
    }));
    let message = arrives(event, false).unwrap();
    assert!(!format!("{message:?}").contains("STRANGER"));
    assert_eq!(message.reply_to.unwrap().id.as_str(), "1712345000.000100");
    let thread = message.conversation.thread.as_ref().map(ThreadId::as_str);
    assert_eq!(thread, Some("1712345000.000100"), "an answer stands in the thread");
}

#[test]
fn the_two_events_of_a_mention_are_one_message() {
    let text = "<@U0BOT00000> help";
    let group = json!({ "channel_type": "channel", "channel": "C1", "text": text });
    let message = arrives(direct(group), false).unwrap();
    let mention = direct(
        json!({ "type": "app_mention", "channel_type": null, "channel": "C1", "text": text }),
    );
    let mention = arrives(mention, false).unwrap();
    for message in [&message, &mention] {
        assert!(message.mentions_us);
        assert_eq!(message.conversation.kind, ChatKind::Group);
        assert_eq!(message.text, "help", "and no command outside of a direct chat");
    }
    assert_eq!((message.id, message.sender), (mention.id, mention.sender));
    let other = json!({ "channel_type": "channel", "channel": "C1", "text": "<@U0BOT000001> hi" });
    assert!(!arrives(direct(other), false).unwrap().mentions_us);
}

fn pressed(more: Value) -> Option<ButtonPress> {
    let mut payload = json!({
        "type": "block_actions", "user": { "id": ANN, "username": "owner", "team_id": HOME },
        "container": { "channel_id": "D1", "message_ts": "1.1" }, "channel": { "id": "D1" },
        "actions": [{ "value": "a:1", "action_ts": "2.1" }],
    });
    for (key, value) in more.as_object().unwrap() {
        payload[key] = value.clone();
    }
    press(&payload, &me(), UnixMs(7)).map(|(press, _)| press)
}

#[test]
fn case_014_a_press_is_of_the_person_that_slack_names() {
    let press = pressed(json!({})).unwrap();
    assert_eq!((press.sender.id.as_str(), press.data.as_str()), (ANN, "a:1"));
    assert_eq!((press.on.chat.as_str(), press.on.id.as_str()), (ANN, "1.1"));
    let foreign = pressed(json!({ "user": { "id": ANN, "team_id": "T0OTHER000" } })).unwrap();
    assert_eq!(foreign.sender.id.as_str(), "team:T0OTHER000:user:U024BE7LH");
    for more in [
        json!({ "user": { "id": ANN } }),
        json!({ "user": null }),
        json!({ "actions": [] }),
        json!({ "actions": [{ "action_ts": "2.1" }] }),
        json!({ "container": { "channel_id": "D1" } }),
        json!({ "type": "view_submission" }),
        json!({ "type": "shortcut" }),
    ] {
        assert!(pressed(more.clone()).is_none(), "{more}");
    }
}

#[test]
fn a_slash_command_is_a_direct_message_of_who_typed_it() {
    let mut typed = json!({
        "text": "pairing approve A&amp;B", "user_id": ANN, "team_id": HOME, "trigger_id": "t1",
        "user_name": "owner", "channel_id": "C1", "command": "/openclaw",
    });
    let message = slash(&typed, &me(), UnixMs(7)).unwrap();
    assert_eq!(message.text, "/openclaw pairing approve A&B");
    assert_eq!(message.sender.id.as_str(), ANN);
    typed["team_id"] = "T0OTHER000".into();
    let message = slash(&typed, &me(), UnixMs(7)).unwrap();
    assert_eq!(message.sender.id.as_str(), "team:T0OTHER000:user:U024BE7LH");
}
