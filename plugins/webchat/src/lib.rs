//! A page that the gateway serves at `/chat`. Each visitor is a sender of its own, known by a signed cookie.
//!
//! It decides nothing about who may talk: a visitor's id, address and link go to the gate with the message.

mod address;
mod conversation;
mod door;
mod page;
mod site;
mod socket;
mod visitor;
mod wire;

use std::time::Duration;

use futures_util::{StreamExt, stream::FuturesUnordered};
use openclaw_plugin_sdk::{
    Abilities, Body, Channel, ChannelError, ChannelPlugin, ChatKind, Conversation, EventId,
    InboundRef, Inbox, Ingress, OutboundMessage, SentRef, Settings, SettingsError, TextLimit,
    TextUnit, UnixMs, async_trait, no_groups,
};
use serde::Deserialize;

use address::Addresses;
use conversation::Conversations;
use site::Sites;
use visitor::{Visitor, Visitors};
use wire::{Author, Shown, ShownBody};

/// The page and its socket.
pub static PLUGIN: ChannelPlugin = ChannelPlugin {
    id: "webchat",
    label: "Web chat",
    id_label: "webchatVisitorId",
    id_line: "Your visitor id",
    ingress: Ingress::Serve { path: door::PATH },
    text_limit: TextLimit { max: TEXT_LIMIT, unit: TextUnit::Bytes },
    abilities: Abilities {
        accounts: false,
        buttons: Some(BUTTONS),
        command_prefix: "/",
        console: false,
        deletes: true,
        edits: true,
        forgets: true,
        groups: false,
        idempotent: true,
        images: true,
        key: true,
        replies: true,
    },
    keys: &["allowed_hosts", "title"],
    secret_keys: &[],
    env_keys: &[],
    manifest: None,
    parse_sender: visitor::parse_sender,
    parse_group: no_groups,
    open,
};

/// The longest text in either direction, in bytes.
const TEXT_LIMIT: usize = 16 * 1024;
const BUTTONS: u8 = 8;
const PICTURE_LIMIT: usize = 256 * 1024;
const TITLE_LIMIT: usize = 60;
/// A page that is there says that it has heard something within this.
const HEARD_WITHIN: Duration = Duration::from_secs(10);

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    allowed_hosts: Vec<String>,
    title: Option<String>,
}

/// All that outlives `receive`: a page that connects again finds its conversation.
struct WebChat {
    title: String,
    sites: Sites,
    visitors: Visitors,
    addresses: Addresses,
    conversations: Conversations,
}

#[expect(clippy::needless_pass_by_value, reason = "every plugin is opened so")]
fn open(settings: Settings) -> Result<Box<dyn Channel>, SettingsError> {
    let table: Table = settings.parse()?;
    let title = table.title.unwrap_or_else(|| "OpenClaw".to_owned());
    if title.trim().is_empty() || title.chars().count() > TITLE_LIMIT {
        let problem = format!("the title has 1 to {TITLE_LIMIT} characters");
        return Err(SettingsError::new("title", problem));
    }
    Ok(Box::new(WebChat {
        title,
        sites: Sites::new(&table.allowed_hosts)?,
        visitors: Visitors::new(&settings.key),
        addresses: Addresses::default(),
        conversations: Conversations::default(),
    }))
}

#[async_trait]
impl Channel for WebChat {
    async fn receive(&self, inbox: &Inbox) -> Result<(), ChannelError> {
        // Nobody keeps what a visitor writes while the page is away.
        inbox.caught_up();
        inbox.connected();
        let mut sockets = FuturesUnordered::new();
        loop {
            tokio::select! {
                exchange = inbox.exchange() => {
                    if let Some(opened) = door::answer(self, exchange?) {
                        sockets.push(socket::serve(self, inbox, opened));
                    }
                }
                Some(()) = sockets.next(), if !sockets.is_empty() => {}
            }
        }
    }

    async fn send(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        let chat = &message.to.id;
        let visitor = Visitor::parse(chat.as_str()).filter(|_| message.to.kind == ChatKind::Direct);
        let visitor = visitor.ok_or_else(|| undeliverable("there is no such visitor"))?;
        check(&message.body)?;
        let id = match &message.replaces {
            Some(old) if old.chat == *chat && wire::is_ours(old.id.as_str()) => old.id.clone(),
            Some(_) => return Err(undeliverable("there is no such message to replace")),
            None => EventId::new(match &message.key {
                Some(key) => wire::message_of(chat.as_str(), key),
                None => wire::message_id().ok_or_else(|| undeliverable(NO_DICE))?,
            }),
        };
        let Some(body) = ShownBody::of(&message.body) else {
            if message.replaces.is_none() {
                return Err(undeliverable("there is no message to take away"));
            }
            self.conversations.remove(&visitor, id.as_str()).map_err(full)?;
            return Ok(SentRef { chat: chat.clone(), id });
        };
        let answers = match &message.answers {
            Some(InboundRef::Message(id) | InboundRef::Press(id)) => Some(id),
            Some(InboundRef::Further(_)) | None => None,
        };
        let shown = Shown {
            id: id.as_str().to_owned(),
            at: now().0,
            from: Author::Gateway,
            answers: answers.map(|id| id.as_str().to_owned()),
            body,
        };
        let posted = match message.replaces {
            Some(_) => self.conversations.edit(&visitor, shown),
            None => self.conversations.post(&visitor, shown),
        };
        posted.map_err(full)?;
        Ok(SentRef { chat: chat.clone(), id })
    }

    async fn ready(&self, to: &Conversation) {
        // To nobody a message goes at once, and is refused.
        if let Some(visitor) = Visitor::parse(to.id.as_str()) {
            self.conversations.here(&visitor).await;
        }
    }

    async fn arrived(&self, to: &Conversation) -> bool {
        let Some(visitor) = Visitor::parse(to.id.as_str()) else { return true };
        let heard = self.conversations.heard(&visitor);
        tokio::time::timeout(HEARD_WITHIN, heard).await.unwrap_or(false)
    }
}

const NO_DICE: &str = "the system's random generator failed";

fn full(conversation::Full: conversation::Full) -> ChannelError {
    undeliverable("too much waits for this visitor, who is not here")
}

fn check(body: &Body) -> Result<(), ChannelError> {
    let text = match body {
        Body::Card(card) => {
            if card.buttons.iter().flatten().count() > usize::from(BUTTONS) {
                return Err(undeliverable("a card has at most 8 buttons"));
            }
            card.to_text()
        }
        Body::Gone => return Ok(()),
        Body::Image(image) if image.png.len() > PICTURE_LIMIT => {
            return Err(undeliverable("a picture has at most 256 KiB"));
        }
        Body::Image(image) => image.caption.clone(),
        Body::Text(text) => text.clone(),
    };
    if text.to_plain().len() > TEXT_LIMIT {
        return Err(undeliverable("a text has at most 16 KiB"));
    }
    Ok(())
}

fn undeliverable(why: &str) -> ChannelError {
    ChannelError::Undeliverable(why.to_owned())
}

/// The page has no platform behind it with a clock of its own.
#[expect(clippy::disallowed_methods, reason = "the gateway's clock is the platform's here")]
fn now() -> UnixMs {
    let since =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    UnixMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Lower hex, from the operating system's randomness.
fn random_hex() -> Option<String> {
    let mut bytes = [0; 16];
    let dice = ring::rand::SystemRandom::new();
    ring::rand::SecureRandom::fill(&dice, &mut bytes).ok()?;
    Some(hex(&bytes))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let pair = |byte: &u8| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    bytes.iter().flat_map(pair).map(char::from).collect()
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
}
