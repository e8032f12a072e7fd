//! Activities in the form in which Teams sends them.

use serde_json::{Value, json};

use super::{APP, TENANT};

/// The object id of a person by name.
pub(crate) fn person(name: &str) -> String {
    let hex = name.bytes().take(6).fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    format!("0f1e2d3c-4b5a-4968-8776-{hex:0<12}")
}

/// The id by which Teams knows them for this bot alone.
pub(crate) fn own_id(name: &str) -> String {
    format!("29:1{:x<24}", name.replace(' ', "_"))
}

/// The conversation of the bot with a person.
pub(crate) fn chat(name: &str) -> String {
    format!("a:1{:x<24}", name.replace(' ', "_"))
}

fn from(name: &str) -> Value {
    let shown = name.strip_prefix("other ").unwrap_or(name);
    json!({ "id": own_id(name), "name": shown, "aadObjectId": person(name) })
}

pub(crate) fn direct(name: &str) -> Value {
    let conversation =
        json!({ "id": chat(name), "conversationType": "personal", "tenantId": TENANT });
    json!({ "type": "message", "from": from(name), "conversation": conversation })
}

pub(crate) fn in_group(name: &str, id: &str, kind: &str) -> Value {
    let conversation =
        json!({ "id": id, "conversationType": kind, "tenantId": TENANT, "isGroup": true });
    json!({ "type": "message", "from": from(name), "conversation": conversation })
}

/// What every activity has.
pub(crate) fn common(id: &str, time: &str, service: &str) -> Value {
    json!({
        "id": id, "timestamp": time, "channelId": "msteams", "serviceUrl": service, "locale": "en-US",
        "recipient": { "id": us(), "name": "Gate" },
        "channelData": { "tenant": { "id": TENANT } },
    })
}

pub(crate) fn us() -> String {
    format!("28:{APP}")
}

/// A text, with the HTML that comes with every formatted message.
pub(crate) fn text(text: &str) -> Value {
    let html = format!("<p>{}</p>", escaped(text).replace('\n', "<br>"));
    json!({
        "text": escaped(text), "textFormat": "plain",
        "attachments": [{ "contentType": "text/html", "content": html }],
    })
}

/// A text that begins with a mention of the bot.
pub(crate) fn mention(text: &str) -> Value {
    let mark = "<at>Gate</at>";
    let mentioned = json!({ "id": us(), "name": "Gate" });
    json!({
        "text": format!("{mark}&nbsp;{}", escaped(text)), "textFormat": "plain",
        "entities": [
            { "type": "clientInfo", "locale": "en-US" },
            { "type": "mention", "mentioned": mentioned, "text": mark },
        ],
    })
}

/// A text that answers this message of that author, which the platform shows with it.
pub(crate) fn quoting(text: &str, on: &str, author: &str, quoted: &str) -> Value {
    let (own, quoted) = (escaped(text), escaped(quoted));
    let html = format!(
        "<blockquote itemscope=\"\" itemtype=\"http://schema.skype.com/Reply\" itemid=\"{on}\">\
         <strong itemprop=\"mri\" itemid=\"{author}\">Eve</strong><span itemprop=\"time\" itemid=\"{on}\"></span>\
         <p itemprop=\"preview\">{quoted}</p></blockquote><p>{own}</p>"
    );
    json!({
        "text": format!("{quoted}\r\n\r\n{own}"), "textFormat": "plain",
        "attachments": [{ "contentType": "text/html", "content": html }],
    })
}

/// A press on a button of this message.
pub(crate) fn press(on: &str, data: &str) -> Value {
    json!({ "value": { "d": data }, "replyToId": on })
}

/// The same as an invocation, which waits for its answer.
pub(crate) fn invocation(on: &str, data: &str) -> Value {
    let action = json!({ "type": "Action.Execute", "verb": "", "data": { "d": data } });
    json!({
        "type": "invoke", "name": "adaptiveCard/action", "replyToId": on,
        "value": { "action": action, "trigger": "manual" },
    })
}

pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Puts the keys of one object into another.
pub(crate) fn merge(into: &mut Value, more: Value) {
    let Value::Object(more) = more else { return };
    for (key, value) in more {
        into[key] = value;
    }
}
