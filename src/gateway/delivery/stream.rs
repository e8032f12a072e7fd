//! An answer while it is written: one message that grows by edits, as fast as its platform takes them. The last edit is
//! none of these: what is whole is delivered as any other message, in the place of the one that has grown.

use std::{future::pending, pin::Pin, sync::Arc, time::Duration};

use openclaw_plugin_sdk::{
    Body, ChannelError, ChatKind, InboundMessage, OutboundMessage, SentRef, Text,
};
use parking_lot::Mutex;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tracing::debug;

use crate::{
    Gateway,
    accounts::{account::AccountRuntime, outbound},
    delivery::{May, may},
    journal::{
        EventKey, Journal,
        mail::{Mail, Part, Stands},
    },
};

/// What is whole so long after its first words is sent once.
const FIRST_AFTER: Duration = Duration::from_secs(1);

/// When the message has last grown.
pub(super) type Moved = Mutex<Option<Instant>>;

type Underway<'a, T> = Option<Pin<Box<dyn Future<Output = T> + Send + 'a>>>;

/// An answer that is being written.
pub(super) struct Stream<'a> {
    gateway: &'a Arc<Gateway>,
    account: &'a Arc<AccountRuntime>,
    key: &'a EventKey,
    /// The answer, without its words.
    mail: Mail,
    moved: &'a Moved,
    /// How long each edit waits for the next; `None` where the message does not grow, or no more.
    every: Option<Duration>,
    /// When it grows next.
    next: Option<Instant>,
    not_before: Option<Instant>,
    /// There are words that it does not show.
    behind: bool,
    /// One message holds no more.
    full: bool,
    sending: Underway<'a, Result<SentRef, ChannelError>>,
    arriving: Underway<'a, bool>,
}

impl<'a> Stream<'a> {
    /// The answer to a message, of which this was shown before.
    pub(super) fn new(
        gateway: &'a Arc<Gateway>,
        account: &'a Arc<AccountRuntime>,
        (key, message): (&'a EventKey, &InboundMessage),
        (shown, moved): (Option<Stands>, &'a Moved),
    ) -> Self {
        let every = account.config.plugin.abilities.streams;
        // Platforms allow less where many read.
        let slower = if message.conversation.kind == ChatKind::Group { 2 } else { 1 };
        let every = every.filter(|_| gateway.config().assistant.stream).map(|every| every * slower);
        let mail = Mail::answer(message, Vec::new()).in_place_of(shown);
        Self {
            gateway,
            account,
            key,
            mail,
            moved,
            every,
            next: None,
            not_before: None,
            behind: false,
            full: false,
            sending: None,
            arriving: None,
        }
    }

    /// It does not grow, or no more.
    pub(super) fn stop(&mut self) {
        self.every = None;
    }

    /// Gathers the answer, and shows it as it grows.
    pub(super) async fn listen(&mut self, mut heard: mpsc::Receiver<String>) -> String {
        let mut whole = String::new();
        loop {
            let rests = self.sending.is_none() && self.arriving.is_none();
            let due = self.next.filter(|_| rests && self.behind && self.every.is_some());
            tokio::select! {
                piece = heard.recv() => {
                    let Some(piece) = piece else { break };
                    whole.push_str(&piece);
                    self.behind = !whole.trim().is_empty();
                    if let (true, None, Some(every)) = (self.behind, self.next, self.every) {
                        self.next = Some(Instant::now() + every.min(FIRST_AFTER));
                    }
                }
                sent = end_of(&mut self.sending) => self.sent(sent),
                _ = end_of(&mut self.arriving) => {}
                () = at(due) => self.grow(&whole).await,
            }
        }
        self.settle().await;
        whole
    }

    /// Waits for the edit that is under way: no other may overtake it, and what it says is to be known.
    pub(super) async fn settle(&mut self) {
        if self.sending.is_some() {
            let sent = end_of(&mut self.sending).await;
            self.sent(sent);
        }
    }

    /// What is to be delivered, and not before when.
    pub(super) fn whole(mut self, parts: Vec<Part>) -> (Mail, Option<Instant>) {
        self.mail.parts = parts;
        (self.mail, self.not_before)
    }

    /// Begins to show what there is, where its reader is still let in and is there.
    async fn grow(&mut self, whole: &str) {
        self.next = self.every.map(|every| Instant::now() + every);
        let (channel, to) = (self.account.channel(), self.mail.to.conversation());
        let is_there = tokio::select! {
            biased;
            () = channel.ready(&to) => true,
            () = std::future::ready(()) => false,
        };
        if !is_there || !matches!(may(self.gateway, self.account, &self.mail).await, May::Yes) {
            return;
        }
        let is_markdown = self.gateway.responder().markdown();
        let text = if is_markdown { Text::markdown(whole) } else { Text::plain(whole) };
        let pieces = OutboundMessage {
            answers: self.mail.answers(),
            replaces: self.mail.replaces.as_ref().map(Stands::sent),
            ..OutboundMessage::new(to, Body::Text(text))
        };
        let mut pieces =
            outbound::pieces(pieces, self.account.config.plugin.text_limit).into_iter();
        let Some(mut piece) = pieces.next() else { return };
        // Not the key of what is delivered, which is another message where this one is not known to be there.
        piece.key = Some(format!("{}/begun", self.mail.key));
        (self.behind, self.full) = (false, pieces.next().is_some());
        let (account, key) = (self.account, self.key);
        self.sending = Some(Box::pin(async move {
            let sent = outbound::once(account, &piece).await?;
            if piece.replaces.as_ref() != Some(&sent) {
                let (key, stands) = (key.clone(), Stands::at(&sent));
                let begins = move |journal: &Journal| journal.begins(&key, stands);
                account.note("half an answer may stay after a restart", begins).await;
            }
            Ok(sent)
        }));
    }

    /// How an edit ended.
    fn sent(&mut self, sent: Result<SentRef, ChannelError>) {
        let now = Instant::now();
        let error = match sent {
            Ok(sent) => {
                self.mail.replaces = Some(Stands::at(&sent));
                *self.moved.lock() = Some(now);
                self.next = self.every.map(|every| now + every);
                if self.full {
                    self.stop();
                }
                let (channel, to) = (self.account.channel(), self.mail.to.conversation());
                self.arriving = Some(Box::pin(async move { channel.arrived(&to).await }));
                return;
            }
            Err(error) => error,
        };
        debug!(channel = self.account.config.plugin.id, %error, "an answer does not grow");
        let asked = match error {
            ChannelError::RateLimited(asked) => asked,
            ChannelError::Disconnected(_) if self.mail.replaces.is_some() => Duration::ZERO,
            // Nothing is begun twice that may be there.
            _ => return self.stop(),
        };
        self.not_before = Some(now + asked);
        self.every = self.every.map(|every| every * 2);
        self.next = self.every.map(|every| now + every.max(asked));
        self.behind = true;
    }
}

/// Waits for what is under way, which then is not any more; for ever where there is nothing.
async fn end_of<T>(underway: &mut Underway<'_, T>) -> T {
    let Some(running) = underway else { return pending().await };
    let end = running.await;
    *underway = None;
    end
}

async fn at(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}
