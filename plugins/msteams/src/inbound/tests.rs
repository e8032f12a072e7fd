//! Activities as Teams sends them, and what becomes of each.

use openclaw_plugin_sdk::testing::settings;
use serde_json::json;

use super::*;

const APP: &str = "6a7e0000-1111-4222-8333-444444444444";
const TENANT: &str = "7e4a0000-1111-4222-8333-444444444444";
const ANN: &str = "0f1e2d3c-4b5a-4968-8776-655443322110";

fn config() -> Config {
    let table = format!(
        "app_id = '{APP}'\ntenant_id = '{TENANT}'\napp_password = 'a-secret-of-32-characters'"
    );
    Config::read(&settings(&table)).unwrap()
}

/// An activity of Ann in the direct chat, with other parts.
fn activity(more: &Value) -> Value {
    let mut activity = json!({
        "type": "message", "id": "1700000000001", "timestamp": "2026-12-01T23:00:00.123Z",
        "channelId": "msteams", "serviceUrl": "https://smba.trafficmanager.net/emea/",
        "from": { "id": "29:1annxxxxxxxxxxxxxxxxxxxxx", "name": "Ann", "aadObjectId": ANN.to_uppercase() },
        "recipient": { "id": format!("28:{APP}") },
        "conversation": { "id": "a:1ann", "conversationType": "personal", "tenantId": TENANT },
        "channelData": { "tenant": { "id": TENANT } }, "text": "hello",
    });
    for (key, value) in more.as_object().unwrap() {
        activity[key] = value.clone();
    }
    activity
}

fn item(more: &Value) -> Option<Item> {
    translate(&activity(more), &config(), UnixMs(1))
}

#[track_caller]
fn message(more: &Value) -> InboundMessage {
    match item(more).map(|item| item.event) {
        Some(InboundEvent::Message(message)) => message,
        other => panic!("a message, not {other:?}"),
    }
}

#[test]
fn a_message_says_who_wrote_when_and_where_the_answer_goes() {
    let Item { event, chat, reference } = item(&json!({})).unwrap();
    let InboundEvent::Message(message) = event else { panic!("a message") };
    assert_eq!(message.sender.id.as_str(), ANN);
    assert_eq!(message.sent_at, UnixMs(1_796_166_000_123));
    assert_eq!((chat.as_str(), message.conversation.kind), (ANN, ChatKind::Direct));
    assert_eq!(reference.conversation, "a:1ann");
    assert_eq!(reference.service, "https://smba.trafficmanager.net/emea/");
}

#[test]
fn case_092_what_is_no_message_of_a_person_is_nothing() {
    for more in [
        json!({ "type": "messageUpdate" }),
        json!({ "type": "messageReaction" }),
        json!({ "type": "conversationUpdate" }),
        json!({ "type": "installationUpdate" }),
        json!({ "type": "hologram" }),
        json!({ "type": null }),
        json!({ "type": "invoke", "name": "task/fetch", "replyToId": "1", "value": { "d": "a" } }),
        json!({ "channelId": "webchat" }),
        json!({ "channelId": null }),
        json!({ "from": { "id": format!("28:{APP}") } }),
        json!({ "from": { "id": "28:another-bot", "aadObjectId": ANN } }),
        json!({ "from": { "id": "29:1annxxxxxxxxxxxxxxxxxxxxx", "role": "bot", "aadObjectId": ANN } }),
        json!({ "from": { "aadObjectId": ANN } }),
        json!({ "from": { "id": ANN } }),
        json!({ "from": { "id": "x", "aadObjectId": format!(" {ANN}") } }),
        json!({ "from": { "id": "x", "aadObjectId": format!("msteams:user:{ANN}") } }),
        json!({ "text": " " }),
        json!({ "text": null }),
        json!({ "timestamp": "soon" }),
        json!({ "id": null }),
        json!({ "serviceUrl": null }),
        json!({ "attachments": [{ "contentType": "text/html", "content": "<p></p>" }], "text": "" }),
    ] {
        assert!(item(&more).is_none(), "{more}");
    }
}

#[test]
fn a_text_is_read_as_it_was_written() {
    for (text, read) in [
        ("1 &lt; 2 &amp;&amp; 3 &gt; 2", "1 < 2 && 3 > 2"),
        ("&amp;lt;b&amp;gt;", "&lt;b&gt;"),
        ("&quot;a&quot; &#39;b&#39;&nbsp;c", "\"a\" 'b' c"),
        ("<at>Eve</at> hello", "<at>Eve</at> hello"),
    ] {
        assert_eq!(message(&json!({ "text": text })).text, read, "{text}");
    }
}

#[test]
fn only_our_own_mention_is_taken_off_and_by_its_id() {
    let mention = |id: &str| json!([{ "type": "mention", "text": "<at>Gate</at>", "mentioned": { "id": id } }]);
    let us = format!("28:{APP}");
    let read = |text: &str, id: &str| {
        let message = message(&json!({ "text": text, "entities": mention(id) }));
        (message.text, message.mentions_us)
    };
    assert_eq!(read("<at>Gate</at>&nbsp;hello", &us), ("hello".to_owned(), true));
    assert_eq!(read("hello <at>Gate</at>", &us), ("hello ".to_owned(), true));
    assert_eq!(read("<at>Gate</at> hello", "28:other"), ("<at>Gate</at> hello".to_owned(), false));
    assert!(message(&json!({ "entities": [{ "type": "mention" }, 7, null] })).text == "hello");
}

#[test]
fn case_094_a_file_is_named_by_its_kind() {
    let file = |ending: &str| {
        let content = json!({ "downloadUrl": "https://x", "fileType": ending });
        json!({ "contentType": "application/vnd.microsoft.teams.file.download.info", "content": content })
    };
    let html = json!({ "contentType": "text/html", "content": "<p>x</p>" });
    for (file, kind) in [
        (file("PNG"), Some(Attachment::Picture)),
        (file("mp4"), Some(Attachment::Voice)),
        (file("pdf"), Some(Attachment::File)),
        (file(""), Some(Attachment::File)),
        (json!({ "contentType": "image/*" }), Some(Attachment::Picture)),
        (json!({ "contentType": "audio/ogg" }), Some(Attachment::Voice)),
        (json!({ "contentType": "application/vnd.microsoft.card.adaptive" }), None),
        (json!({}), None),
    ] {
        let message = message(&json!({ "attachments": [html, file] }));
        assert_eq!(message.attachment, kind, "{file}");
        assert!(message.files.is_empty(), "nothing is fetched");
    }
}

#[test]
fn case_014_a_press_names_the_card_and_the_data_and_never_becomes_a_message() {
    let press = |more: Value| match item(&more).map(|item| item.event) {
        Some(InboundEvent::Press(press)) => press,
        other => panic!("a press, not {other:?}"),
    };
    let value = json!({ "d": "a:1" });
    let by_submit = press(json!({ "text": null, "value": value, "replyToId": "17" }));
    let action = json!({ "action": { "type": "Action.Execute", "data": value } });
    let by_execute = press(json!({
        "type": "invoke", "name": "adaptiveCard/action", "text": null, "value": action, "replyToId": "17",
    }));
    for press in [by_submit, by_execute] {
        assert_eq!((press.data.as_str(), press.on.id.as_str()), ("a:1", "17"));
        assert_eq!((press.sender.id.as_str(), press.on.chat.as_str()), (ANN, ANN));
    }
    for more in [
        json!({ "text": null, "value": { "d": 7 }, "replyToId": "17" }),
        json!({ "text": null, "value": value }),
        json!({ "type": "invoke", "name": "adaptiveCard/action", "value": value, "replyToId": "17" }),
    ] {
        assert!(item(&more).is_none(), "{more}");
    }
}
