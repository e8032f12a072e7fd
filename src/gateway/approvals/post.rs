//! One message of a card: drawn, marked in the outbox as on its way, sent.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::tz::TimeZone;
use openclaw_plugin_sdk::{
    Body, ChannelError, Conversation, OutboundMessage, SentRef, Text, ThreadId, UnixMs,
};
use tracing::warn;

use crate::{
    Gateway,
    accounts::{
        account::AccountRuntime,
        outbound,
        owners_chat::{OwnersChat, is_owners},
    },
    approvals::{
        next_action::{Counts, Step},
        outbox::{
            About, CardCopy, CardState, Choice, Digest, Fact, Outbox, Sending, Token, UNDOABLE,
        },
        pending::{Ask, Asking},
        view::{self, Layout},
    },
    delivery::shown::{Display, Person},
    world,
};

/// A platform that takes longer is not there.
const SENT_WITHIN: Duration = Duration::from_mins(1);

/// What a message does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It takes the place of the card's.
    Edit,
    /// It is a new one.
    Post,
    /// It takes the place of an older one.
    Retire,
    /// It says how many others wait.
    Digest(Counts),
    /// It tells what came in quiet hours.
    Morning,
}

/// What a message displays of a request that waits.
pub(super) struct Shown {
    pub(super) revision: String,
    pub(super) facts: Vec<Fact>,
    pub(super) before: Vec<Fact>,
}

/// Where it is drawn, and for which owner.
#[derive(Clone, Copy)]
pub(super) struct Here<'a> {
    pub(super) account: &'a Arc<AccountRuntime>,
    pub(super) zone: &'a TimeZone,
}

/// A message on its way, and then what became of it.
pub(super) struct Task {
    /// The card; none has the number 0.
    pub(super) n: u64,
    pub(super) to: OwnersChat,
    pub(super) kind: Kind,
    /// What the card looks like then.
    pub(super) look: String,
    /// The face before, and the one it shows then.
    pub(super) over: CardState,
    pub(super) face: CardState,
    pub(super) shown: Option<Shown>,
    /// The device that the chat has before it then.
    display: Option<Display>,
    /// And the person.
    person: Option<Person>,
    pub(super) counts: bool,
    account: Arc<AccountRuntime>,
    message: OutboundMessage,
    pub(super) result: Result<SentRef, ChannelError>,
}

impl Task {
    fn new(outbox: &mut Outbox, to: &OwnersChat, kind: Kind, here: Here<'_>) -> Self {
        Self {
            n: 0,
            to: to.clone(),
            kind,
            look: String::new(),
            over: CardState::Ask,
            face: CardState::Ask,
            shown: None,
            display: None,
            person: None,
            counts: false,
            account: Arc::clone(here.account),
            message: OutboundMessage::new(place(outbox, to, here), Text::default()),
            result: Err(ChannelError::Disconnected("not sent".to_owned())),
        }
    }
}

/// Where an owner reads: the topic of their chat in which they last wrote, also before a restart.
fn place(outbox: &mut Outbox, to: &OwnersChat, here: Here<'_>) -> Conversation {
    let known = outbox.chat(to).thread.map(ThreadId::new);
    let Some(place) = here.account.last_place(to) else {
        return to.conversation().in_thread(known);
    };
    if place.thread != known {
        let thread = place.thread.as_ref().map(|thread| thread.as_str().to_owned());
        outbox.change_chat(to, |chat| chat.thread = thread);
    }
    place
}

/// Draws what a card is to show, and marks it as on its way. `None` where there is nothing to show.
pub(super) fn prepare(
    outbox: &mut Outbox,
    here: Here<'_>,
    n: u64,
    step: Step,
    asks: &[Ask],
    now: UnixMs,
) -> Option<Task> {
    let card = outbox.card(n)?.clone();
    let (kind, counts) = match step {
        Step::Edit => (Kind::Edit, false),
        Step::Post { counts } => (Kind::Post, counts),
        Step::Retire => (Kind::Retire, false),
        Step::Forget | Step::Held(_) | Step::Leave | Step::Rest | Step::Wait(_) => return None,
    };
    let mut job = Task {
        n,
        counts,
        face: card.face,
        over: card.face,
        ..Task::new(outbox, &card.to, kind, here)
    };
    job.message.body = view::retired(&card);
    match (kind, &card.outcome) {
        (Kind::Retire, _) => {
            job.message.replaces = card.stale.as_deref().map(|id| card.to.reference(id));
            return Some(job);
        }
        (_, Some(outcome)) => {
            let undoes = here.account.config.plugin.abilities.undoes;
            let undoable = undoes && card.undoable_until().is_some_and(|until| until > now);
            let look = if undoable { UNDOABLE } else { outcome.look() };
            look.clone_into(&mut job.look);
            if mark(outbox, &card, look)? {
                let tokens = if undoable { tokens(&[Choice::Undo])? } else { Vec::new() };
                outbox.change(n, |card| card.arm(tokens));
            }
            // An open card shows a code.
            job.message.is_kept = true;
            job.message.body = view::over(&card, outcome, here.zone, &outbox.card(n)?.tokens);
        }
        (_, None) => {
            if let About::Notice { text, .. } = &card.about {
                job.message.body = view::ticked(text).into();
                mark(outbox, &card, "notice")?;
                (job.message.key, job.message.is_kept) = (key(outbox, n), true);
                return Some(job);
            }
            if let About::Outage { text } = &card.about {
                job.message.body = Text::plain(text.clone()).into();
                job.look.clone_from(text);
                mark(outbox, &card, text)?;
            } else {
                let ask = asks.iter().find(|ask| ask.about == card.about)?;
                draw(outbox, here, &card, ask, &mut job, now)?;
            }
        }
    }
    if kind == Kind::Post {
        job.message.key = key(outbox, n);
    } else {
        job.message.replaces = card.sent.as_deref().map(|id| card.to.reference(id));
    }
    Some(job)
}

fn draw(
    outbox: &mut Outbox,
    here: Here<'_>,
    card: &CardCopy,
    ask: &Ask,
    job: &mut Task,
    now: UnixMs,
) -> Option<()> {
    if matches!(card.face, CardState::Later(until) if until <= now.0) {
        job.face = CardState::Ask;
    }
    let look = crate::approvals::next_action::look(&ask.revision, job.face);
    let before = if card.sent.is_some() && card.revision != ask.revision {
        card.facts.clone()
    } else {
        card.before.clone()
    };
    // What may have arrived already is sent again as it was.
    let armed = here.account.config.plugin.abilities.buttons.is_none() || !card.tokens.is_empty();
    if mark(outbox, card, &look)? || !armed {
        let tokens = match here.account.config.plugin.abilities.buttons {
            // What has no button is said by its word.
            Some(most) => {
                let choices = view::choices(&card.about, job.face, &ask.facts);
                tokens(&choices[..choices.len().min(most.into())])?
            }
            None => Vec::new(),
        };
        outbox.change(card.n, |card| card.arm(tokens));
    }
    let plugin = here.account.config.plugin;
    let canvas = Layout {
        abilities: plugin.abilities,
        limit: plugin.text_limit,
        zone: here.zone,
        face: job.face,
        before: &before,
        tokens: &outbox.card(card.n)?.tokens,
    };
    job.message.body = view::asking(ask, canvas);
    job.look = look;
    match &ask.what {
        Asking::Device(_, display) => job.display = Some(display.clone()),
        Asking::Lapsed => {}
        Asking::Sender(request) => {
            job.person = Some((request.id.clone(), ask.revision.clone()));
        }
    }
    job.shown = Some(Shown { revision: ask.revision.clone(), facts: ask.facts.clone(), before });
    Some(())
}

/// Marks a card as on its way. False where it was so before, and is to be sent again as it was.
fn mark(outbox: &mut Outbox, card: &CardCopy, look: &str) -> Option<bool> {
    if card.sending.as_ref().is_some_and(|sending| sending.look == look) {
        return Some(false);
    }
    let sending = Sending { key: random()?, look: look.to_owned() };
    outbox.change(card.n, |card| card.sending = Some(sending));
    Some(true)
}

fn key(outbox: &Outbox, n: u64) -> Option<String> {
    outbox.card(n)?.sending.as_ref().map(|sending| sending.key.clone())
}

/// The message that says how many others wait, new or in the place of the one before.
pub(super) fn digest(
    outbox: &mut Outbox,
    to: &OwnersChat,
    here: Here<'_>,
    counts: Counts,
) -> Option<Task> {
    let digest = match outbox.chat(to).digest {
        Some(digest) => digest,
        None => Digest { key: random()?, ..Digest::default() },
    };
    let prefix = here.account.config.plugin.abilities.command_prefix;
    let mut job = Task::new(outbox, to, Kind::Digest(counts), here);
    (job.message.body, job.message.is_kept) = (view::digest(counts, prefix), true);
    job.message.key = digest.sent.is_none().then(|| digest.key.clone());
    job.message.replaces = digest.sent.as_deref().map(|id| to.reference(id));
    outbox.change_chat(to, |chat| chat.digest = Some(digest));
    Some(job)
}

/// The message that tells what came in quiet hours.
pub(super) fn morning(outbox: &mut Outbox, to: &OwnersChat, here: Here<'_>) -> Option<Task> {
    let chat = outbox.chat(to);
    let key = chat.morning.map_or_else(random, Some)?;
    let held = outbox.cards().iter().filter(|card| card.to == *to && card.held);
    let waiting: Vec<String> = held.map(|card| view::line(&card.facts)).collect();
    let prefix = here.account.config.plugin.abilities.command_prefix;
    let mut job = Task::new(outbox, to, Kind::Morning, here);
    (job.message.body, job.message.is_kept) = (view::morning(&waiting, &chat.missed, prefix), true);
    job.message.key = Some(key.clone());
    outbox.change_chat(to, |chat| chat.morning = Some(key));
    Some(job)
}

/// Sends it, and says what became of that.
pub(super) async fn send(gateway: Arc<Gateway>, mut job: Task) -> Task {
    // An owner may be faster than the platform's answer to our sending.
    let _underway = gateway.notices_underway.read().await;
    let may = || job.message.replaces.is_some() || is_owners(&gateway, &job.account, &job.to);
    let sent = async {
        match &job.message.body {
            // In as many pieces as it needs.
            Body::Text(_) => outbound::send(&job.account, job.message.clone(), may).await,
            _ if !may() => Err(ChannelError::Undeliverable("no owner any more".to_owned())),
            _ => outbound::once(&job.account, &job.message).await,
        }
    };
    job.result = match tokio::time::timeout(SENT_WITHIN, sent).await {
        Ok(result) => result,
        Err(_) => Err(ChannelError::Disconnected("the platform does not answer".to_owned())),
    };
    if job.result.is_ok() {
        let place = (job.account.config.key.clone(), job.to.conversation().id);
        gateway.shown.lock().add(&place, job.display.take(), job.person.take());
    }
    job
}

fn tokens(choices: &[Choice]) -> Option<Vec<Token>> {
    choices.iter().map(|choice| Some(Token { text: random()?, choice: *choice })).collect()
}

/// 128 bits in 22 characters.
fn random() -> Option<String> {
    match world::random::<16>() {
        Ok(bytes) => Some(URL_SAFE_NO_PAD.encode(bytes)),
        Err(error) => {
            warn!(%error, "no randomness: owners are told later");
            None
        }
    }
}
