//! What page and gateway say to each other over the socket: one JSON object a frame, `type` first.

use base64::{Engine, prelude::BASE64_STANDARD};
use openclaw_plugin_sdk::{Body, Button, Card, Span, Text};
use serde::{Deserialize, Serialize};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::{hex, is_hex, random_hex};

/// What a page says. Nothing in it says who it is.
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
    Say { id: String, text: String, reply_to: Option<String> },
}

/// What the gateway says.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub(crate) enum ToPage<'a> {
    /// A message takes the place of the one with its id.
    Edit(&'a Shown),
    /// The message with this id is taken away.
    Gone { id: &'a str },
    /// A message is new.
    Message(&'a Shown),
    /// First: who the visitor is, the conversation so far, and what of it was taken away.
    Ready {
        you: &'a str,
        title: &'a str,
        now: u64,
        history: Vec<&'a Shown>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        gone: Vec<&'a str>,
    },
    /// What the page said with this id, or unreadably, was not taken.
    Refused { id: Option<&'a str>, why: &'a str },
    /// What the page said with this id is durable: it need not be said again.
    Taken { id: &'a str, at: u64 },
}

impl ToPage<'_> {
    /// As a frame's text.
    pub(crate) fn frame(&self) -> Utf8Bytes {
        // These values have no map with odd keys: what could fail does not exist.
        serde_json::to_string(self).unwrap_or_default().into()
    }
}

/// One message of a conversation, as the page shows it.
#[derive(Serialize)]
pub(crate) struct Shown {
    pub(crate) id: String,
    pub(crate) at: u64,
    pub(crate) from: Author,
    /// The message or press that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) answers: Option<String>,
    pub(crate) body: ShownBody,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Author {
    Gateway,
    You,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub(crate) enum ShownBody {
    Card { title: String, fields: Vec<Field>, footer: Spans, buttons: Vec<Vec<Press>> },
    Image { png: String, caption: Spans },
    Text { spans: Spans },
}

#[derive(Serialize)]
pub(crate) struct Field {
    label: String,
    value: Spans,
}

#[derive(Serialize)]
pub(crate) struct Press {
    label: String,
    data: String,
}

type Spans = Vec<ShownSpan>;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ShownSpan {
    Code(String),
    Plain(String),
}

impl ShownBody {
    /// What a message of ours shows; nothing where it takes another away.
    pub(crate) fn of(body: &Body) -> Option<Self> {
        Some(match body {
            Body::Card(card) => Self::from(card),
            Body::Gone => return None,
            Body::Image(image) => Self::Image {
                png: BASE64_STANDARD.encode(&image.png),
                caption: spans(&image.caption),
            },
            Body::Text(text) => Self::Text { spans: spans(text) },
        })
    }
}

impl From<&Card> for ShownBody {
    fn from(card: &Card) -> Self {
        let press =
            |button: &Button| Press { label: button.label.clone(), data: button.data.clone() };
        let field =
            |(label, value): &(String, Text)| Field { label: label.clone(), value: spans(value) };
        Self::Card {
            title: card.title.clone(),
            fields: card.fields.iter().map(field).collect(),
            footer: card.footer.as_ref().map(spans).unwrap_or_default(),
            buttons: card.buttons.iter().map(|row| row.iter().map(press).collect()).collect(),
        }
    }
}

impl ShownBody {
    /// What a visitor wrote.
    pub(crate) fn said(text: &str) -> Self {
        Self::Text { spans: vec![ShownSpan::Plain(text.to_owned())] }
    }

    /// Roughly what it costs to keep.
    pub(crate) fn cost(&self) -> usize {
        let of = |spans: &Spans| spans.iter().map(ShownSpan::cost).sum::<usize>();
        let text = match self {
            Self::Card { title, fields, footer, buttons } => {
                let fields: usize =
                    fields.iter().map(|field| field.label.len() + of(&field.value)).sum();
                let presses =
                    buttons.iter().flatten().map(|press| press.label.len() + press.data.len());
                title.len() + fields + of(footer) + presses.sum::<usize>()
            }
            Self::Image { png, caption } => png.len() + of(caption),
            Self::Text { spans } => of(spans),
        };
        text + 256
    }
}

impl ShownSpan {
    fn cost(&self) -> usize {
        match self {
            Self::Code(text) | Self::Plain(text) => text.len() + 32,
        }
    }
}

fn spans(text: &Text) -> Spans {
    let show = |span: &Span| match span {
        Span::Code(text) => ShownSpan::Code(text.clone()),
        Span::Opaque(_) => ShownSpan::Plain("…".to_owned()),
        Span::Plain(text) => ShownSpan::Plain(text.clone()),
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
    format!("m{}", hex(&digest.as_ref()[..16]))
}

/// True for the form of [`message_id`].
pub(crate) fn is_ours(id: &str) -> bool {
    id.strip_prefix('m').is_some_and(|digits| is_hex(digits, 32))
}

/// True for the form in which pages name what they say: 128 random bits, so that no two pages meet.
pub(crate) fn is_theirs(id: &str) -> bool {
    is_hex(id, 32)
}
