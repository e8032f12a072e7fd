//! A page that the gateway serves at `/chat`. Each visitor is a sender of its own, known by a signed cookie.
//!
//! It decides nothing about who may talk: a visitor's id, address and link go to the gate with the message.

mod conversation;
mod files;
mod history;
mod limiter;
mod page;
mod request;
mod site;
mod socket;
mod text;
mod visitor;
mod wire;

use std::time::Duration;

use data_encoding::HEXLOWER;
use futures_util::{StreamExt, stream::FuturesUnordered};
use openclaw_plugin_sdk::{
    Abilities, Body, Bytes, Channel, ChannelError, ChannelPlugin, ChatKind, Conversation, EventId,
    FetchError, File, FileRef, InboundRef, Inbox, Ingress, OutboundMessage, SentRef, Settings,
    SettingsError, TextLimit, TextUnit, async_trait, kit::draft::no_message, no_groups, now,
};
use ring::rand::{SecureRandom, SystemRandom};
use serde::Deserialize;
use serde_json::{Value, json};

use conversation::Conversations;
use history::{Change, History};
use limiter::ConnectionLimiter;
use request::Begun;
use site::Sites;
use visitor::{Visitor, Visitors};
use wire::{Author, Shown, ToPage};

/// The page and its socket.
pub static PLUGIN: ChannelPlugin = ChannelPlugin {
    id: "webchat",
    label: "Web chat",
    id_label: "webchatVisitorId",
    id_line: "Your visitor id",
    ingress: Ingress::Serve { path: request::PATH },
    text_limit: TextLimit { max: TEXT_LIMIT, unit: TextUnit::Bytes },
    abilities: Abilities {
        buttons: Some(BUTTONS),
        deletes: true,
        edits: true,
        fetches: true,
        files: true,
        forgets: true,
        idempotent: true,
        images: true,
        key: true,
        replies: true,
        streams: Some(STREAMS),
        typing: Some(TYPING),
        undoes: true,
        ..Abilities::NONE
    },
    keys: &["allowed_hosts", "history", "title"],
    secret_keys: &[],
    env_keys: &[],
    login: None,
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
const HISTORY_LIMIT: usize = 1000;
/// So long the page shows that an answer is being written.
const TYPING: Duration = Duration::from_secs(6);
/// An answer grows on the page so often.
const STREAMS: Duration = Duration::from_millis(100);
/// An open page confirms within this what it was sent.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(10);

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    allowed_hosts: Vec<String>,
    history: Option<usize>,
    title: Option<String>,
}

/// All that outlives `receive`: a page that connects again finds its conversation.
struct WebChat {
    title: String,
    sites: Sites,
    visitors: Visitors,
    limiter: ConnectionLimiter,
    conversations: Conversations,
    history: History,
}

#[expect(clippy::needless_pass_by_value, reason = "every plugin is opened so")]
fn open(settings: Settings) -> Result<Box<dyn Channel>, SettingsError> {
    let table: Table = settings.parse()?;
    let title = table.title.unwrap_or_else(|| "OpenClaw".to_owned());
    if title.trim().is_empty() || title.chars().count() > TITLE_LIMIT {
        return Err(SettingsError::new("title", text::title(TITLE_LIMIT)));
    }
    let history = table.history.unwrap_or(history::MESSAGES);
    if history > HISTORY_LIMIT {
        return Err(SettingsError::new("history", text::history(HISTORY_LIMIT)));
    }
    Ok(Box::new(WebChat {
        title,
        sites: Sites::new(&table.allowed_hosts)?,
        visitors: Visitors::new(&settings.key),
        limiter: ConnectionLimiter::default(),
        conversations: Conversations::default(),
        history: History::new(history),
    }))
}

#[async_trait]
impl Channel for WebChat {
    async fn receive(&self, inbox: &Inbox) -> Result<(), ChannelError> {
        // Nobody keeps what a visitor writes while the page is away.
        inbox.caught_up();
        self.history.open(inbox);
        inbox.connected();
        let serve = async {
            let mut sockets = FuturesUnordered::new();
            loop {
                tokio::select! {
                    exchange = inbox.exchange() => {
                        if let Some(begun) = request::answer(self, exchange?) {
                            sockets.push(self.go_on(inbox, begun));
                        }
                    }
                    Some(()) = sockets.next(), if !sockets.is_empty() => {}
                }
            }
        };
        tokio::select! {
            ended = serve => ended,
            never = self.history.tidy(|visitor| self.conversations.drop_seen(visitor)) => match never {},
        }
    }

    async fn send(&self, message: &OutboundMessage) -> Result<SentRef, ChannelError> {
        let chat = &message.to.id;
        let visitor = Visitor::parse(chat.as_str()).filter(|_| message.to.kind == ChatKind::Direct);
        let visitor = visitor.ok_or_else(|| undeliverable(text::NO_VISITOR))?;
        check(&message.body)?;
        if message.body == Body::Typing {
            self.conversations.tell(&visitor, &ToPage::Typing { seconds: TYPING.as_secs() });
            return Ok(no_message(&message.to));
        }
        if let (Some(InboundRef::Press(_)), Body::Text(text)) = (&message.answers, &message.body) {
            self.conversations.tell(&visitor, &ToPage::Toast { text: &text.to_plain() });
            return Ok(no_message(&message.to));
        }
        let id = match &message.replaces {
            Some(old) if old.chat == *chat && wire::is_ours(old.id.as_str()) => old.id.clone(),
            Some(_) => return Err(undeliverable(text::NO_MESSAGE)),
            None => EventId::new(match &message.key {
                Some(key) => wire::message_of(chat.as_str(), key),
                None => wire::message_id().ok_or_else(|| undeliverable(text::NO_RANDOMNESS))?,
            }),
        };
        let body = match &message.body {
            Body::File(file) => Some(self.file(&visitor, file).await?),
            body => wire::body(body),
        };
        let Some(body) = body else {
            if message.replaces.is_none() {
                return Err(undeliverable(text::NOTHING_TO_TAKE_AWAY));
            }
            self.conversations.remove(&visitor, id.as_str()).map_err(no_room)?;
            self.history.keep(&visitor, Change::Gone(id.as_str().to_owned())).await;
            return Ok(SentRef { chat: chat.clone(), id });
        };
        let answers = match &message.answers {
            Some(InboundRef::Message(id)) => Some(id),
            Some(InboundRef::Further(_) | InboundRef::Press(_)) | None => None,
        };
        let shown = Shown {
            id: id.as_str().to_owned(),
            at: now().0,
            from: Author::Gateway,
            answers: answers.map(|id| id.as_str().to_owned()),
            body,
        };
        let stands = if message.replaces.is_some() {
            self.conversations.edit(&visitor, shown).map_err(no_room)?
        } else {
            self.conversations.post(&visitor, shown.clone()).map_err(no_room)?;
            shown
        };
        if message.is_kept {
            self.history.keep(&visitor, Change::Shown(stands)).await;
        }
        Ok(SentRef { chat: chat.clone(), id })
    }

    async fn fetch(&self, file: &FileRef, limit: usize) -> Result<Bytes, FetchError> {
        let parts = file.id.split_once('/');
        let visitor = parts.and_then(|(digits, _)| Visitor::parse(&format!("web:{digits}")));
        let bytes = match (visitor, parts) {
            (Some(visitor), Some((_, id))) => self.history.file(&visitor, id).await,
            _ => None,
        };
        let bytes = bytes.ok_or_else(|| FetchError::Unavailable(text::FILE_GONE.to_owned()))?;
        if bytes.len() > limit { Err(FetchError::TooLarge) } else { Ok(bytes) }
    }

    async fn ready(&self, to: &Conversation) {
        // To nobody a message goes at once, and is refused.
        if let Some(visitor) = Visitor::parse(to.id.as_str()) {
            self.conversations.page_open(&visitor).await;
        }
    }

    async fn arrived(&self, to: &Conversation) -> bool {
        let Some(visitor) = Visitor::parse(to.id.as_str()) else { return true };
        let confirmed = self.conversations.confirmed(&visitor);
        tokio::time::timeout(CONFIRMED_WITHIN, confirmed).await.unwrap_or(false)
    }
}

impl WebChat {
    /// Keeps a file of an answer, for this visitor's page alone, and gives what shows it.
    async fn file(&self, visitor: &Visitor, file: &File) -> Result<Value, ChannelError> {
        let id = self.history.put(visitor, file.bytes.clone()).await;
        let id = id.ok_or_else(|| undeliverable(text::NO_FILE_KEPT))?;
        Ok(json!({ "kind": "text", "spans": [], "files": [files::drawn(&id, file)] }))
    }

    async fn go_on(&self, inbox: &Inbox, begun: Begun<'_>) {
        match begun {
            Begun::Socket(opened) => socket::serve(self, inbox, opened).await,
            Begun::Transfer(transfer) => files::serve(&self.history, *transfer).await,
        }
    }
}

fn no_room(conversation::NoRoom: conversation::NoRoom) -> ChannelError {
    undeliverable(text::NO_ROOM)
}

fn check(body: &Body) -> Result<(), ChannelError> {
    let text = match body {
        Body::Card(card) => {
            if card.buttons.iter().flatten().count() > usize::from(BUTTONS) {
                return Err(undeliverable(text::TOO_MANY_BUTTONS));
            }
            card.to_text()
        }
        Body::File(_) | Body::Gone | Body::Typing => return Ok(()),
        Body::Image(image) if image.png.len() > PICTURE_LIMIT => {
            return Err(undeliverable(text::PICTURE_TOO_LARGE));
        }
        Body::Image(image) => image.caption.clone(),
        Body::Text(text) => text.clone(),
    };
    if text.to_plain().len() > TEXT_LIMIT {
        return Err(undeliverable(text::TEXT_TOO_LONG));
    }
    Ok(())
}

fn undeliverable(why: &str) -> ChannelError {
    ChannelError::Undeliverable(why.to_owned())
}

/// Lower hex, from the operating system's randomness.
fn random_hex() -> Option<String> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(HEXLOWER.encode(&bytes))
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && HEXLOWER.decode(text.as_bytes()).is_ok()
}
