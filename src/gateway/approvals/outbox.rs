//! What owners are to be told, and what stands in their chats: `outbox/cards.json`. No code stands in it, and none of
//! it decides anything by itself.

use std::path::PathBuf;

use openclaw_plugin_sdk::{SentRef, UnixMs, own_file};
use serde::{Deserialize, Serialize};

use super::{
    next_action::Counts,
    outcome::{How, Outcome},
};
use crate::{
    accounts::owners_chat::OwnersChat,
    rules::{AccountKey, notify::Spent},
    store::{StoreError, private},
};

/// So many cards that are over are remembered, so that a press on one says what was decided.
const REMEMBERED: usize = 512;
/// So many used tokens and earlier messages of a card are remembered.
const USED: usize = 16;

/// What a card is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub(crate) enum About {
    /// A device that asks.
    Device { request: String, device: String },
    /// Access that has expired.
    Lapse { who: String, until: u64 },
    /// A sentence of ours. Nothing can be pressed, and it is over once it is told.
    Notice { id: String, text: String },
    /// The assistant does not answer. Nothing can be pressed, and it is over when it answers again.
    #[serde(rename = "assistant.unreachable")]
    Outage { text: String },
    /// A person who asks.
    Sender { channel: String, account: String, sender: String, request: String },
}

impl Default for About {
    fn default() -> Self {
        Self::Notice { id: String::new(), text: String::new() }
    }
}

impl About {
    /// The opaque name of the request, as the access log has it.
    pub(crate) fn request(&self) -> &str {
        match self {
            Self::Device { request, .. } | Self::Sender { request, .. } => request,
            Self::Lapse { who, .. } => who,
            Self::Notice { id, .. } => id,
            Self::Outage { .. } => "assistant.unreachable",
        }
    }

    /// True for what is told and not asked: it comes at any time, and nothing waits for a decision.
    pub(crate) fn is_told(&self) -> bool {
        matches!(self, Self::Notice { .. } | Self::Outage { .. })
    }
}

/// What a button does, and what a reply means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Choice {
    /// Approve; of a person it is asked for how long.
    Approve,
    /// Back to what can be decided.
    Back,
    /// Ignore the sender from now on.
    Block,
    /// Approve permanently, and have the first message answered.
    Deliver,
    /// Reject.
    Deny,
    /// Give access again; it is asked for how long.
    Extend,
    /// Approve permanently.
    ForGood,
    /// Approve for so many hours.
    Hours(u32),
    /// Ask again in a while.
    Later,
    /// Take back the block that was just chosen.
    Undo,
}

/// So long a block can be undone on its card.
const UNDO_MS: u64 = 10_000;
/// What a card looks like that offers it.
pub(crate) const UNDOABLE: &str = "over/undo";

/// When a card is tried again that the platform takes only after the person has written.
pub(crate) const UNTIL_THEY_WRITE: u64 = u64::MAX;

/// A button's data: random, and good once.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) choice: Choice,
}

/// Which choices a card offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum CardState {
    /// What is to be decided.
    #[default]
    Ask,
    /// The owner wants to be asked again at this time.
    Later(u64),
    /// Approve for how long?
    Terms,
}

/// A line that says who asks: label and neutralised value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fact {
    pub(crate) label: String,
    pub(crate) value: String,
    /// To be copied whole.
    #[serde(default)]
    pub(crate) whole: bool,
    /// The moment that the value spells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) time: Option<u64>,
}

impl Fact {
    pub(super) fn new(label: &str, value: impl Into<String>) -> Self {
        Self { label: label.to_owned(), value: value.into(), whole: false, time: None }
    }

    /// A moment, as it is spelled.
    pub(super) fn moment(label: &str, at: UnixMs, value: impl Into<String>) -> Self {
        Self { time: Some(at.0), ..Self::new(label, value) }
    }

    /// One that is to be copied whole, and is never cut.
    pub(super) fn whole(label: &str, value: impl Into<String>) -> Self {
        Self { whole: true, ..Self::new(label, value) }
    }
}

/// A message on its way. Found at a start, it may have arrived: it is sent once more, with the same key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sending {
    pub(crate) key: String,
    pub(crate) look: String,
}

/// One card in one chat.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct CardCopy {
    /// Its number in the outbox, never given again.
    pub(crate) n: u64,
    pub(crate) about: About,
    pub(crate) to: OwnersChat,
    /// When it was first known.
    pub(crate) came: u64,
    /// When its time is over; always later where that is not known.
    pub(crate) ends: u64,
    /// It came in quiet hours, and they are not over yet.
    pub(crate) held: bool,
    pub(crate) face: CardState,
    /// What stands in the chat, in a word; nothing before it was sent.
    pub(crate) look: Option<String>,
    /// The message that shows it.
    pub(crate) sent: Option<String>,
    /// An older message of the same card, which still has buttons.
    pub(crate) stale: Option<String>,
    /// Every earlier message of the card: a reply to one decides nothing.
    pub(crate) past: Vec<String>,
    pub(crate) sending: Option<Sending>,
    /// The revision that is to be displayed: what the store says.
    pub(crate) wants: String,
    /// The revision that is displayed.
    pub(crate) revision: String,
    /// Who asks, as it is displayed.
    pub(crate) facts: Vec<Fact>,
    /// What was displayed before something changed.
    pub(crate) before: Vec<Fact>,
    pub(crate) tokens: Vec<Token>,
    pub(crate) used: Vec<String>,
    /// What became of it.
    pub(crate) outcome: Option<Outcome>,
    /// Failures since something last arrived.
    pub(crate) failures: u32,
    /// Not before this.
    pub(crate) next: u64,
}

impl CardCopy {
    /// A card that is to be sent.
    pub(crate) fn new(n: u64, about: About, to: OwnersChat, now: UnixMs) -> Self {
        Self { n, about, to, came: now.0, ends: u64::MAX, ..Self::default() }
    }

    /// The old tokens are good for nothing from here on; these are.
    pub(crate) fn arm(&mut self, tokens: Vec<Token>) {
        let old = std::mem::replace(&mut self.tokens, tokens);
        self.used.extend(old.into_iter().map(|token| token.text));
        let surplus = self.used.len().saturating_sub(USED);
        self.used.drain(..surplus);
    }

    /// The message that shows it is not the card's any more. The id of that message.
    pub(crate) fn leave(&mut self) -> Option<String> {
        let old = self.sent.take();
        self.past.extend(old.clone());
        let surplus = self.past.len().saturating_sub(USED);
        self.past.drain(..surplus);
        old
    }

    /// True where this message shows the card in its present state, and nothing else is on its way to take its place.
    pub(crate) fn stands_on(&self, message: &str, edits: bool) -> bool {
        let shows = match &self.look {
            Some(look) if edits => {
                *look == crate::approvals::next_action::look(&self.revision, self.face)
            }
            Some(look) => look.starts_with(&format!("{}/", self.revision)),
            None => false,
        };
        self.sent.as_deref() == Some(message) && self.sending.is_none() && shows
    }

    /// Until when the block that the owner of this chat has chosen on it can be undone.
    pub(crate) fn undoable_until(&self) -> Option<UnixMs> {
        let outcome = self.outcome.as_ref()?;
        let blocks = outcome.how == How::Blocked && outcome.is_by(&self.to);
        (blocks && matches!(self.about, About::Sender { .. }))
            .then(|| UnixMs(outcome.at.saturating_add(UNDO_MS)))
    }

    /// What stands in the chat is not what should.
    pub(crate) fn is_owed(&self) -> bool {
        let unsent = self.look.is_none() || self.sending.is_some() || self.outcome.is_some();
        let undoable = self.look.as_deref() == Some(UNDOABLE) && self.sending.is_none();
        !self.is_over() && !undoable && (unsent || self.revision != self.wants)
    }

    /// When it came, or when it was decided.
    pub(crate) fn owed_since(&self) -> UnixMs {
        UnixMs(self.outcome.as_ref().map_or(self.came, |outcome| outcome.at))
    }

    /// Nothing is left to be done for it.
    pub(crate) fn is_over(&self) -> bool {
        self.outcome.as_ref().is_some_and(|outcome| self.look.as_deref() == Some(outcome.look()))
    }
}

/// What is known of one owner's chat.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Chat {
    pub(crate) to: OwnersChat,
    /// What it has got of its cards a minute.
    pub(crate) spent: u64,
    /// The message that says how many others wait.
    pub(crate) digest: Option<Digest>,
    /// What came in quiet hours and expired in them, a line each.
    pub(crate) missed: Vec<String>,
    /// Of the message that tells of quiet hours, while it is on its way.
    pub(crate) morning: Option<String>,
    /// No digest before this.
    pub(crate) next: u64,
    pub(crate) failures: u32,
    /// The topic in which the owner last wrote.
    pub(crate) thread: Option<String>,
}

/// A message that is edited in place.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Digest {
    pub(crate) key: String,
    pub(crate) sent: Option<String>,
    /// How many it says that there are.
    #[serde(default)]
    pub(crate) others: usize,
    /// How many it says were turned away.
    #[serde(default)]
    pub(crate) turned_away: usize,
}

impl Digest {
    pub(crate) fn counts(&self) -> Counts {
        Counts { waiting: self.others, turned_away: self.turned_away }
    }
}

impl Chat {
    fn new(to: &OwnersChat) -> Self {
        Self { to: to.clone(), ..Self::default() }
    }

    pub(crate) fn spent(&self) -> Spent {
        Spent(self.spent)
    }
}

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct OutboxState {
    last: u64,
    cards: Vec<CardCopy>,
    chats: Vec<Chat>,
}

/// All of it, the oldest first.
#[derive(Default)]
pub(crate) struct Outbox {
    path: PathBuf,
    pages: OutboxState,
    changed: bool,
}

impl Outbox {
    /// Reads what is there; what cannot be read is told anew.
    pub(crate) fn read(path: PathBuf) -> Self {
        let bytes = own_file::read(&path).unwrap_or_default();
        Self { path, pages: serde_json::from_slice(&bytes).unwrap_or_default(), changed: false }
    }

    /// Writes durably what has changed since the last time; blocks on disk.
    pub(crate) fn writing(&mut self) -> Option<impl FnOnce() -> Result<(), StoreError> + use<>> {
        std::mem::take(&mut self.changed).then(|| {
            let (path, pages) = (self.path.clone(), self.pages.clone());
            move || {
                private::replace_json(&path, &pages)?;
                path.parent().map_or(Ok(()), private::sync)
            }
        })
    }

    /// Could not be written: it is to be tried again.
    pub(crate) fn unwritten(&mut self) {
        self.changed = true;
    }

    /// The chats of which anything is known.
    pub(crate) fn chats(&self) -> &[Chat] {
        &self.pages.chats
    }

    pub(crate) fn cards(&self) -> &[CardCopy] {
        &self.pages.cards
    }

    pub(crate) fn card(&self, n: u64) -> Option<&CardCopy> {
        self.pages.cards.iter().find(|card| card.n == n)
    }

    /// Changes a card.
    pub(crate) fn change(&mut self, n: u64, change: impl FnOnce(&mut CardCopy)) {
        if let Some(card) = self.pages.cards.iter_mut().find(|card| card.n == n) {
            change(card);
            self.changed = true;
        }
    }

    /// What became of a card's request.
    pub(crate) fn conclude(&mut self, n: u64, outcome: &Outcome) {
        self.change(n, |card| {
            card.outcome = Some(outcome.clone());
            card.arm(Vec::new());
            (card.failures, card.next) = (0, 0);
        });
    }

    /// A new card for a chat.
    pub(crate) fn add(&mut self, about: About, to: OwnersChat, held: bool, now: UnixMs) {
        self.pages.last += 1;
        let card = CardCopy::new(self.pages.last, about, to, now);
        self.pages.cards.push(CardCopy { held, ..card });
        self.changed = true;
    }

    /// The cards that nothing has become of yet.
    pub(crate) fn open(&self) -> Vec<(u64, About)> {
        let open = self.pages.cards.iter().filter(|card| card.outcome.is_none());
        open.map(|card| (card.n, card.about.clone())).collect()
    }

    /// Forgets cards.
    pub(crate) fn forget(&mut self, which: impl Fn(&CardCopy) -> bool) {
        let before = self.pages.cards.len();
        self.pages.cards.retain(|card| !which(card));
        self.changed |= self.pages.cards.len() < before;
    }

    /// Forgets a chat.
    pub(crate) fn forget_chat(&mut self, to: &OwnersChat) {
        let before = self.pages.chats.len();
        self.pages.chats.retain(|chat| chat.to != *to);
        self.changed |= self.pages.chats.len() < before;
    }

    /// Forgets the oldest of those that are over.
    pub(crate) fn shorten(&mut self) {
        let over = self.pages.cards.iter().filter(|card| card.is_over()).count();
        let mut surplus = over.saturating_sub(REMEMBERED);
        self.pages.cards.retain(|card| {
            let goes = surplus > 0 && card.is_over();
            surplus -= usize::from(goes);
            self.changed |= goes;
            !goes
        });
    }

    /// The card that this message shows, or showed.
    pub(crate) fn shown_by(&self, key: &AccountKey, sent: &SentRef) -> Option<&CardCopy> {
        let id = sent.id.as_str();
        self.pages.cards.iter().rev().find(|card| {
            card.to.is_on(key)
                && card.to.conversation().id == sent.chat
                && card.sent.iter().chain(&card.stale).chain(&card.past).any(|shown| shown == id)
        })
    }

    /// What is known of a chat.
    pub(crate) fn chat(&self, to: &OwnersChat) -> Chat {
        let known = self.pages.chats.iter().find(|chat| chat.to == *to).cloned();
        known.unwrap_or_else(|| Chat::new(to))
    }

    /// Changes what is known of a chat.
    pub(crate) fn change_chat(&mut self, to: &OwnersChat, change: impl FnOnce(&mut Chat)) {
        let at = self.pages.chats.iter().position(|chat| chat.to == *to);
        let at = at.unwrap_or_else(|| {
            self.pages.chats.push(Chat::new(to));
            self.pages.chats.len() - 1
        });
        change(&mut self.pages.chats[at]);
        self.changed = true;
    }
}
