//! One page's socket, from the upgrade to the close.

use std::{collections::VecDeque, convert::Infallible, io::ErrorKind, time::Duration};

use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use openclaw_plugin_sdk::{
    Attachment, ButtonPress, ChatId, ChatKind, Conversation, EventId, File, FileRef, InboundEvent,
    InboundMessage, Inbox, Link, Sender, SentRef, Stream, UnixMs, now,
};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Bytes, Error, Message,
        error::{CapacityError, ProtocolError},
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use crate::{
    TEXT_LIMIT, WebChat,
    conversation::{Frames, Known, OpenPage},
    history::{Change, History},
    limiter,
    request::OpenedSocket,
    text,
    wire::{self, Author, FromPage, Shown, ToPage},
};

/// A text of the longest length fits even if each of its bytes is written as `\u0001`.
const FRAME_LIMIT: usize = 128 * 1024;
const DATA_LIMIT: usize = 64;
/// 64 characters of four bytes each.
const NAME_LIMIT: usize = 256;
const PING_EVERY: Duration = Duration::from_secs(30);
/// Two pings and a half: no page that lives says nothing for so long.
const SILENCE: Duration = Duration::from_secs(75);
/// How long a page may take to accept what it is told.
const PATIENCE: Duration = Duration::from_secs(10);
const CLOSES_WITHIN: Duration = Duration::from_secs(2);
const RATE: usize = 30;
const RATE_TIME: Duration = Duration::from_secs(10);
/// Refusals cost too.
const FLOOD: usize = 10 * RATE;

type Socket = WebSocketStream<Box<dyn Stream>>;

/// Why a socket ends.
enum End {
    Close(CloseCode, &'static str),
    Gone,
}

/// What a page needs to be told instead of being believed.
type Refusal = &'static str;

/// Serves one page until it goes, or must.
pub(crate) async fn serve(chat: &WebChat, inbox: &Inbox, opened: OpenedSocket<'_>) {
    let Ok(Ok(stream)) = timeout(PATIENCE, opened.upgrade).await else { return };
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(4096)
        .max_message_size(Some(FRAME_LIMIT))
        .max_frame_size(Some(FRAME_LIMIT));
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
    if opened.permit.refused {
        let why = text::TOO_MANY_PAGES;
        return close(&mut socket, CloseCode::Again, why).await;
    }
    // Its form is one that a visitor's id has.
    let Ok(id) = opened.visitor.sender() else { return };
    if !inbox.may_read(&id) {
        chat.conversations.drop_waiting(&opened.visitor);
    }
    let address = limiter::name(opened.permit.address);
    let sender = Sender::new(id, None, &[("address", address.as_deref())]);
    let kept = chat.history.read(&opened.visitor).await;
    let files = chat.history.takes_files(&opened.visitor);
    let (open, mut frames) = chat.conversations.join(&opened.visitor, (&chat.title, files), kept);
    let (history, chat, link) = (&chat.history, opened.visitor.chat(), opened.link);
    let page = Page { inbox, history, open, sender, chat, link };
    let (mut sink, mut stream) = socket.split();
    let end = tokio::select! {
        end = page.listen(&mut stream) => end,
        end = tell(&mut frames, &mut sink) => end,
        never = page.offer(files) => match never {},
    };
    drop(page);
    if let (End::Close(code, why), Ok(mut socket)) = (end, sink.reunite(stream)) {
        close(&mut socket, code, why).await;
    }
}

/// Tells the page what waits for it, and pings it.
async fn tell(frames: &mut Frames, sink: &mut SplitSink<Socket, Message>) -> End {
    let mut pings = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = 0_u64;
    loop {
        let message = tokio::select! {
            frame = frames.recv() => match frame {
                Some(frame) => {
                    told += 1;
                    Message::Text(frame)
                }
                None => return End::Close(CloseCode::Policy, text::TOO_SLOW),
            },
            _ = pings.tick() => Message::Ping(Bytes::new()),
        };
        // Its answer says how much the page has.
        let asks = matches!(message, Message::Text(_)) && frames.is_empty();
        let ping = asks.then(|| Message::Ping(Bytes::copy_from_slice(&told.to_be_bytes())));
        for message in [Some(message), ping].into_iter().flatten() {
            if !matches!(timeout(PATIENCE, sink.send(message)).await, Ok(Ok(()))) {
                return End::Gone;
            }
        }
    }
}

/// Says why, and gives the page a moment to receive it.
async fn close(socket: &mut Socket, code: CloseCode, why: &'static str) {
    let closing = async {
        let frame = CloseFrame { code, reason: why.into() };
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    // A browser that does not answer a close is gone.
    timeout(CLOSES_WITHIN, closing).await.ok();
}

struct Page<'a> {
    inbox: &'a Inbox,
    history: &'a History,
    open: OpenPage<'a>,
    sender: Sender,
    chat: ChatId,
    link: Link,
}

impl Page<'_> {
    /// Takes what the page says, one after another, until it goes.
    async fn listen(&self, stream: &mut SplitStream<Socket>) -> End {
        let mut rate = RateLimit::default();
        loop {
            let Ok(next) = timeout(SILENCE, stream.next()).await else { return End::Gone };
            let text = match next {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Binary(_))) => {
                    return End::Close(CloseCode::Unsupported, "only text messages are supported");
                }
                Some(Ok(Message::Pong(told))) => {
                    if let Ok(told) = told.as_ref().try_into() {
                        self.open.confirm(u64::from_be_bytes(told));
                    }
                    continue;
                }
                Some(Ok(_)) => continue,
                Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => {
                    return End::Close(CloseCode::Size, "that was too long");
                }
                Some(Err(Error::Utf8(_))) => {
                    return End::Close(CloseCode::Invalid, "not valid UTF-8 text");
                }
                Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => {
                    return End::Gone;
                }
                Some(Err(Error::Protocol(_))) => {
                    return End::Close(CloseCode::Protocol, "not a valid frame");
                }
                Some(Err(Error::Io(error))) if error.kind() == ErrorKind::TimedOut => {
                    return End::Close(CloseCode::Policy, "that took too long");
                }
                Some(Err(_)) | None => return End::Gone,
            };
            let said = serde_json::from_str(&text).ok();
            let said = said.filter(|said: &FromPage| wire::is_theirs(said.id()));
            let id = said.as_ref().map(|said| said.id().to_owned());
            let outcome = match (rate.take(Instant::now()), said) {
                (Rate::Flood, _) => {
                    return End::Close(CloseCode::Policy, text::TOO_FAST);
                }
                (Rate::Fast, _) => Err(text::WAIT),
                (Rate::Fine, None) => Err(text::NOT_UNDERSTOOD),
                (Rate::Fine, Some(said)) => self.receive(said).await,
            };
            match (&id, outcome) {
                (Some(id), Ok(at)) => self.open.tell(&ToPage::Taken { id, at: at.0 }),
                (id, Err(why)) => self.open.tell(&ToPage::Refused { id: id.as_deref(), why }),
                (None, Ok(_)) => {}
            }
        }
    }

    /// Tells the page when its visitor may send files, and when not any more.
    async fn offer(&self, mut offered: bool) -> Infallible {
        loop {
            offered = self.history.takes_files_now(&self.open.visitor, offered).await;
            self.open.tell(&ToPage::Files { offered });
        }
    }

    async fn receive(&self, said: FromPage) -> Result<UnixMs, Refusal> {
        let at = now();
        let conversation = Conversation::new(self.chat.clone(), ChatKind::Direct);
        let sender = self.sender.clone();
        match said {
            FromPage::Press { id, on, data } => {
                if !wire::is_ours(&on) || !(1..=DATA_LIMIT).contains(&data.len()) {
                    return Err(text::NO_BUTTON);
                }
                let (id, on) = (EventId::new(id), self.sent(on));
                let (pressed_at, link) = (at, self.link);
                let press = ButtonPress { id, conversation, sender, pressed_at, on, data, link };
                self.deliver(InboundEvent::Press(press)).await?;
            }
            FromPage::Say { id, text, reply_to, name, files } => {
                check(&text, reply_to.as_deref(), !files.is_empty())?;
                let files = self.history.named(&self.open.visitor, files).await;
                let files = files.ok_or(text::FILE_GONE)?;
                let name = name.filter(|name| name.len() <= NAME_LIMIT && !name.trim().is_empty());
                let sender = Sender { name, ..sender };
                if self.open.announce(&id) == Known::Before {
                    return Ok(at);
                }
                let shown = Shown {
                    id: id.clone(),
                    at: at.0,
                    from: Author::You,
                    answers: reply_to.clone(),
                    body: wire::written(&text, &files),
                };
                let message = InboundMessage {
                    reply_to: reply_to.map(|id| self.sent(id)),
                    link: self.link,
                    attachment: kind(&files),
                    files: files.iter().map(|(id, file)| self.reference(id, file)).collect(),
                    ..InboundMessage::new(EventId::new(&id), conversation, sender, at, text)
                };
                // Asked before: what a stranger becomes an owner by is still a stranger's word, and a code not yet used up.
                let kept = self.history.keeps_text(&self.open.visitor, &message.text);
                let delivered = self.deliver(InboundEvent::Message(message)).await;
                delivered.inspect_err(|_| self.open.rejected(&id))?;
                self.open.accepted(&shown, kept);
                if kept {
                    self.history.keep(&self.open.visitor, Change::Shown(shown)).await;
                }
            }
        }
        Ok(at)
    }

    async fn deliver(&self, event: InboundEvent) -> Result<(), Refusal> {
        let delivered = self.inbox.deliver(event).await;
        delivered.map_err(|_| text::NOT_NOW)
    }

    /// Found again by the channel, whether a page is open then or not.
    fn reference(&self, id: &str, file: &File) -> FileRef {
        FileRef {
            id: format!("{}/{id}", self.open.visitor.digits()),
            name: Some(file.name.clone()),
            size: Some(file.bytes.len() as u64),
        }
    }

    fn sent(&self, id: String) -> SentRef {
        SentRef { chat: self.chat.clone(), id: EventId::new(id) }
    }
}

fn kind(files: &[(String, File)]) -> Option<Attachment> {
    let pictures = files.iter().all(|(_, file)| file.kind.is_picture());
    let kind = if pictures { Attachment::Picture } else { Attachment::File };
    Some(kind).filter(|_| !files.is_empty())
}

fn check(text: &str, reply_to: Option<&str>, has_files: bool) -> Result<(), Refusal> {
    if reply_to.is_some_and(|id| !wire::is_ours(id)) {
        return Err(text::NOT_UNDERSTOOD);
    }
    if text.len() > TEXT_LIMIT {
        return Err(text::LONG);
    }
    if text.trim().is_empty() && !has_files {
        return Err(text::EMPTY);
    }
    Ok(())
}

impl FromPage {
    fn id(&self) -> &str {
        match self {
            Self::Press { id, .. } | Self::Say { id, .. } => id,
        }
    }
}

/// The moments of what a page said lately.
#[derive(Default)]
struct RateLimit(VecDeque<Instant>);

enum Rate {
    Fast,
    Fine,
    Flood,
}

impl RateLimit {
    fn take(&mut self, at: Instant) -> Rate {
        while self.0.front().is_some_and(|first| at - *first >= RATE_TIME) {
            self.0.pop_front();
        }
        self.0.push_back(at);
        match self.0.len() {
            lately if lately <= RATE => Rate::Fine,
            lately if lately <= FLOOD => Rate::Fast,
            _ => Rate::Flood,
        }
    }
}
