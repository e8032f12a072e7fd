//! What page and gateway say to each other over the socket: one JSON object a frame, `type` first.

use base64::{Engine, prelude::BASE64_STANDARD};
use data_encoding::HEXLOWER;
use openclaw_plugin_sdk::{Body, Button, Card, File, Span, Text};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::{files::drawn, is_hex, random_hex};

/// What a page says. Nothing in it says who it is: a name is only shown, as not verified.
#[derive(Deserialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub(crate) enum FromPage {
    /// A button of a card was pressed.
    Press { id: String, on: String, data: String },
    /// The visitor wrote.
    Say {
        id: String,
        text: String,
        reply_to: Option<String>,
        name: Option<String>,
        #[serde(default)]
        files: Vec<Named>,
    },
}

/// A file that a page has brought.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Named {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// What the gateway says.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub(crate) enum ToPage<'a> {
    /// A message takes the place of the one with its id.
    Edit(&'a Shown),
    /// From now on the page may offer to send files, or not.
    Files { offered: bool },
    /// The message with this id is taken away.
    Gone { id: &'a str },
    /// A message is new.
    Message(&'a Shown),
    /// First: who the visitor is, the conversation so far, and what of it was taken away.
    Ready {
        you: &'a str,
        title: &'a str,
        now: u64,
        /// The page may offer to send files now.
        files: bool,
        history: Vec<&'a Shown>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        gone: Vec<&'a str>,
    },
    /// What the page said with this id, or unreadably, was not taken.
    Refused { id: Option<&'a str>, why: &'a str },
    /// What the page said with this id is durable: it need not be said again.
    Taken { id: &'a str, at: u64 },
    /// What a press did: shown for a moment, and not kept.
    Toast { text: &'a str },
    /// An answer is being written: shown for a while, or until it is there.
    Typing { seconds: u64 },
}

impl ToPage<'_> {
    /// As a frame's text.
    pub(crate) fn frame(&self) -> Utf8Bytes {
        // These values have no map with odd keys: what could fail does not exist.
        serde_json::to_string(self).unwrap_or_default().into()
    }
}

/// One message of a conversation, as the page shows it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Shown {
    pub(crate) id: String,
    pub(crate) at: u64,
    pub(crate) from: Author,
    /// The message or press that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) answers: Option<String>,
    pub(crate) body: Value,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Author {
    Gateway,
    You,
}

/// What a message of ours shows; nothing where it is none.
pub(crate) fn body(body: &Body) -> Option<Value> {
    Some(match body {
        Body::Card(Card { title, fields, footer, buttons }) => {
            let field =
                |(label, value): &(String, Text)| json!({ "label": label, "value": spans(value) });
            let button = |it: &Button| json!({ "label": it.label, "data": it.data });
            let row = |row: &Vec<Button>| row.iter().map(button).collect();
            json!({
                "kind": "card",
                "title": title,
                "fields": fields.iter().map(field).collect::<Vec<_>>(),
                "footer": footer.as_ref().map(spans).unwrap_or_default(),
                "buttons": buttons.iter().map(row).collect::<Vec<Value>>(),
            })
        }
        Body::File(_) | Body::Gone | Body::Typing => return None,
        Body::Image(image) => {
            let png = BASE64_STANDARD.encode(&image.png);
            json!({ "kind": "image", "png": png, "caption": spans(&image.caption) })
        }
        Body::Text(text) => json!({ "kind": "text", "spans": spans(text) }),
    })
}

/// What a visitor wrote, with what they sent.
pub(crate) fn written(text: &str, files: &[(String, File)]) -> Value {
    let mut body = json!({ "kind": "text", "spans": [{ "plain": text }] });
    if !files.is_empty() {
        body["files"] = files.iter().map(|(id, file)| drawn(id, file)).collect();
    }
    body
}

fn spans(text: &Text) -> Vec<Value> {
    let show = |span: &Span| match span {
        Span::Code(text) => json!({ "code": text }),
        Span::Marked(text, marks) => json!({ "plain": text, "marks": marks }),
        Span::Opaque(_) | Span::Plain(_) => json!({ "plain": span.text() }),
    };
    text.spans().iter().map(show).collect()
}

/// A reference of ours: never one that a page can choose for what it says.
pub(crate) fn message_id() -> Option<String> {
    random_hex().map(|digits| format!("m{digits}"))
}

/// The reference of the message with this key in a conversation, whenever it is asked for.
pub(crate) fn message_of(chat: &str, key: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, format!("{chat}\0{key}").as_bytes());
    format!("m{}", HEXLOWER.encode(&digest.as_ref()[..16]))
}

/// True for the form of [`message_id`].
pub(crate) fn is_ours(id: &str) -> bool {
    id.strip_prefix('m').is_some_and(|digits| is_hex(digits, 32))
}

/// True for the form in which pages name what they say: 128 random bits, so that no two pages meet.
pub(crate) fn is_theirs(id: &str) -> bool {
    is_hex(id, 32)
}
