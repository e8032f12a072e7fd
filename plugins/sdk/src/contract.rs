//! The contract suite: the same clauses for every channel, against a fake platform that speaks the real wire.
//!
//! A plugin's test starts its fake and calls [`check`]; what does not apply to a channel is read from
//! its facts, and then the opposite is checked. It needs a runtime of several threads.

mod arriving;
mod bench;
mod buttons;
mod facts;
mod failing;
mod leaving;
mod log;
mod restarting;

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::{Attachment, Button, ChannelPlugin, ChatId, EventId, Exchange, SentRef};

pub use bench::{Bench, LIMIT};

/// A platform of our own making, on a loopback port, a pipe or a process, that speaks the real wire.
/// Dropping it ends it.
#[async_trait]
pub trait FakePlatform: Send + Sync {
    /// A complete, valid table of the plugin's own keys that points here.
    fn settings(&self) -> toml::Table;

    /// Takes the way on which HTTP requests reach the channel, where its ingress is `Serve`.
    async fn serve(&self, exchanges: mpsc::Sender<Exchange>) {
        drop(exchanges);
    }

    /// Announces an event as the platform would, and returns without waiting for what the channel makes of it.
    async fn happen(&self, event: Event) -> Happened;

    /// What we sent, oldest first, as the platform shows it: an edited message once, in its newest form.
    async fn seen(&self) -> Vec<Seen>;

    /// How often people were shown that we write an answer.
    fn typed(&self) -> usize {
        0
    }

    /// How many files were fetched.
    fn fetched(&self) -> usize;

    /// True where the platform keeps, and announces later, what happens while nobody listens
    /// or what was announced and not acknowledged.
    fn keeps(&self) -> bool;
}

/// Whether an event exists on a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Happened {
    /// It does, and is on its way.
    Announced,
    /// There is no such thing. Where the plugin's facts say that there is, the suite fails.
    Impossible,
}

/// Who does something on the fake platform. Each has a stable id of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Person {
    /// A person.
    Ann,
    /// Another person with Ann's display name, and with Ann's handle where handles can be handed on.
    Namesake,
}

/// What can happen on a platform. In conversations of two the other one is the account.
#[derive(Clone, Debug)]
pub enum Event {
    /// Ann sends something that is no text, with a caption where the platform has captions.
    Attachment(Attachment, String),
    /// Another bot writes to the account directly.
    Bot(String),
    /// The connection breaks: what we wait for, or ask next, ends without an answer. Once.
    Break,
    /// A person writes to the account directly.
    Direct(Person, String),
    /// The platform announces what the account itself wrote.
    Echo(String),
    /// Ann edits an own message; this is its new text.
    Edit(String),
    /// Another program than the platform announces a direct message. The fake itself demands a `401`.
    Forgery(String),
    /// Ann writes in a group.
    Group(Mention, String),
    /// Ann joins a group that the account is in.
    Join,
    /// A person presses a button of our message and claims this data.
    Press(Person, SentRef, String),
    /// Ann answers a stranger's message, which the platform quotes, by the platform's reply function.
    Quote {
        /// What Ann writes.
        text: String,
        /// What the stranger wrote.
        quoted: String,
    },
    /// Ann reacts to a message.
    Reaction,
    /// Ann reacts to our message with this emoji.
    ReactionTo(SentRef, String),
    /// Ann answers our message by the platform's reply function, directly.
    Reply(SentRef, String),
    /// The credentials stop working, for open connections too.
    Revoke,
    /// The platform answers the next message we send with the wish to wait so long. Once.
    SlowDown(Duration),
    /// The platform says that it has not delivered our message, which it had taken.
    Undelivered(SentRef),
    /// A person writes in a conversation of a kind that does not exist yet.
    UnknownChat(String),
    /// An event of a kind that does not exist yet.
    UnknownEvent,
    /// The time is over in which Ann may be written to: until they write again, the platform takes nothing for them.
    WindowCloses,
}

/// Whether a group message is meant for the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mention {
    /// It mentions another person, or nobody.
    Others,
    /// It mentions the account in the platform's way, and begins with that; the text follows.
    Us,
}

/// A message of ours, as the platform shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The conversation it stands in, as the channel's [`SentRef`] spells it.
    pub chat: Option<ChatId>,
    /// The platform's id of it, as the channel's [`SentRef`] spells it.
    pub id: Option<EventId>,
    /// What a person reads: marks taken away, a caption included, a card's parts in order.
    pub text: String,
    /// The picture's bytes.
    pub image: Option<Vec<u8>>,
    /// The rows of buttons that can be pressed now.
    pub buttons: Vec<Vec<Button>>,
    /// The message that it is shown as the answer to.
    pub answers: Option<EventId>,
    /// It is no message in the conversation, but the short answer to a press.
    pub toast: bool,
}

/// Runs every clause, each against a platform started anew.
pub async fn check<P: FakePlatform>(plugin: &'static ChannelPlugin, start: impl AsyncFn() -> P) {
    let log = log::capture();
    facts::check(plugin, &start).await;
    arriving::check(plugin, &start).await;
    leaving::check(plugin, &start).await;
    buttons::check(plugin, &start).await;
    failing::check(plugin, &start).await;
    restarting::check(plugin, &start).await;
    facts::no_secret_is_logged(plugin, &start().await, &log);
}
