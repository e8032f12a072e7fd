//! One message of a card: drawn, marked in the book as on its way, sent.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use openclaw_plugin_sdk::{ChannelError, OutboundMessage, SentRef, UnixMs};
use tracing::warn;

use super::{
    asks::Ask,
    book::{Book, Choice, Entry, Face, Fact, Sending, Token},
    face::{self, Canvas},
    plan::Step,
};
use crate::{
    gateway::{account::Running, outbound, setup_book::OwnersChat},
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
}

/// What a message displays of a request that waits.
pub(super) struct Shown {
    pub(super) revision: String,
    pub(super) facts: Vec<Fact>,
    pub(super) before: Vec<Fact>,
}

/// A message on its way, and then what became of it.
pub(super) struct Job {
    pub(super) n: u64,
    pub(super) to: OwnersChat,
    pub(super) kind: Kind,
    /// What the card looks like then.
    pub(super) look: String,
    /// The face before, and the one it shows then.
    pub(super) over: Face,
    pub(super) face: Face,
    pub(super) shown: Option<Shown>,
    pub(super) counts: bool,
    account: Arc<Running>,
    message: OutboundMessage,
    pub(super) result: Result<SentRef, ChannelError>,
}

/// Draws what a card is to show, and marks it as on its way. `None` where there is nothing to show.
pub(super) fn prepare(
    book: &mut Book,
    account: &Arc<Running>,
    n: u64,
    step: Step,
    asks: &[Ask],
    now: UnixMs,
) -> Option<Job> {
    let card = book.card(n)?.clone();
    let (kind, counts) = match step {
        Step::Edit => (Kind::Edit, false),
        Step::Post { counts } => (Kind::Post, counts),
        Step::Retire => (Kind::Retire, false),
        Step::Forget | Step::Leave | Step::Rest | Step::Wait(_) => return None,
    };
    let mut job = Job {
        n,
        to: card.to.clone(),
        kind,
        look: String::new(),
        over: card.face,
        face: card.face,
        shown: None,
        counts,
        account: Arc::clone(account),
        message: OutboundMessage::new(card.to.conversation(), face::retired(&card)),
        result: Err(ChannelError::Disconnected("not sent".to_owned())),
    };
    match (kind, &card.outcome) {
        (Kind::Retire, _) => {
            job.message.replaces = card.stale.as_deref().map(|id| card.reference(id));
            return Some(job);
        }
        (_, Some(outcome)) => {
            outcome.look().clone_into(&mut job.look);
            job.message.body = face::over(&card, outcome);
        }
        (_, None) => {
            let ask = asks.iter().find(|ask| ask.about == card.about)?;
            draw(book, account, &card, ask, &mut job, now)?;
        }
    }
    if kind == Kind::Edit {
        job.message.replaces = card.sent.as_deref().map(|id| card.reference(id));
    }
    Some(job)
}

fn draw(
    book: &mut Book,
    account: &Running,
    card: &Entry,
    ask: &Ask,
    job: &mut Job,
    now: UnixMs,
) -> Option<()> {
    if matches!(card.face, Face::Later(until) if until <= now.0) {
        job.face = Face::Ask;
    }
    let look = super::plan::look(&ask.revision, job.face);
    let before = if card.sent.is_some() && card.revision != ask.revision {
        card.facts.clone()
    } else {
        card.before.clone()
    };
    // What may have arrived already is sent again as it was.
    let again = card.sending.as_ref().filter(|sending| sending.look == look);
    if again.is_none() {
        let tokens = match account.config.plugin.abilities.buttons {
            Some(_) => tokens(face::choices(job.face))?,
            None => Vec::new(),
        };
        let sending = Sending { key: random()?, look: look.clone() };
        book.change(card.n, |card| {
            card.arm(tokens);
            card.sending = Some(sending);
        });
    }
    let abilities = account.config.plugin.abilities;
    let canvas =
        Canvas { abilities, face: job.face, before: &before, tokens: &book.card(card.n)?.tokens };
    job.message.body = face::asking(ask, canvas);
    job.look = look;
    job.shown = Some(Shown { revision: ask.revision.clone(), facts: ask.facts.clone(), before });
    Some(())
}

/// Sends it, and says what became of that.
pub(super) async fn send(mut job: Job) -> Job {
    let sent = outbound::once(&job.account, &job.message);
    job.result = match tokio::time::timeout(SENT_WITHIN, sent).await {
        Ok(result) => result,
        Err(_) => Err(ChannelError::Disconnected("the platform does not answer".to_owned())),
    };
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
