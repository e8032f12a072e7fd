//! The keeper: brings what stands in owners' chats in line with what the store says, one message a chat at a time.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use openclaw_plugin_sdk::{ChannelError, SentRef, UnixMs};
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::{
    asks::{self, Ask},
    book::{About, Book, Entry},
    outcome::{self, Outcome},
    plan::{self, Sight, Step},
    post::{self, Job, Kind},
    save, whom,
};
use crate::{
    access::{
        AccountKey,
        notify::{CardRate, backoff},
    },
    gateway::{FINISH_WITHIN, Gateway, blocking, setup_book::OwnersChat, setup_message},
    store::StoreError,
    world,
};

/// Somebody looks at least so often.
const IDLE: Duration = Duration::from_secs(30);
/// Where the store cannot be read.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// A chat that failed so often is passed over where there is another.
const FAILING: u32 = 3;
/// A platform that takes no such message is asked again later than one that is not there.
const REFUSED: u32 = 5;

/// Keeps the cards until the gateway stops.
pub(crate) async fn keep(gateway: Arc<Gateway>) {
    let mut jobs = JoinSet::new();
    loop {
        let wait = match turn(&gateway, &mut jobs).await {
            Ok(wait) => wait,
            Err(error) => {
                debug!(%error, "what owners are to be told is not known now");
                TRY_AGAIN
            }
        };
        tokio::select! {
            () = gateway.cards.wake.notified() => {}
            Some(done) = jobs.join_next() => settle(&gateway, done.ok()).await,
            () = tokio::time::sleep(wait) => {}
            () = gateway.stop.cancelled() => break,
        }
    }
    let rest = async {
        while let Some(done) = jobs.join_next().await {
            settle(&gateway, done.ok()).await;
        }
    };
    let _cut = tokio::time::timeout(FINISH_WITHIN, rest).await;
    save(&gateway).await;
}

/// One look at everything; says how long there is nothing to do.
async fn turn(gateway: &Arc<Gateway>, jobs: &mut JoinSet<Job>) -> Result<Duration, StoreError> {
    let asks = asks::gather(gateway).await?;
    reconcile(gateway, &asks).await?;
    let now = world::now();
    let (started, due) = start(gateway, &asks, now);
    save(gateway).await;
    for job in started {
        jobs.spawn(post::send(job));
    }
    let left = due.map(|due| Duration::from_millis(due.0.saturating_sub(now.0).max(10)));
    Ok(left.map_or(IDLE, |left| left.min(IDLE)))
}

/// Cards for those who are new, outcomes for those who wait no more.
async fn reconcile(gateway: &Arc<Gateway>, asks: &[Ask]) -> Result<(), StoreError> {
    let now = world::now();
    welcome(gateway, asks, now);
    {
        let mut book = gateway.cards.book();
        let waiting: BTreeMap<&About, &Ask> = asks.iter().map(|ask| (&ask.about, ask)).collect();
        let stale = book.cards().iter().filter_map(|card| {
            let ask = waiting.get(&card.about)?;
            (card.wants != ask.revision || card.ends != ask.ends).then_some((card.n, *ask))
        });
        for (n, ask) in stale.collect::<Vec<_>>() {
            book.change(n, |card| (card.wants, card.ends) = (ask.revision.clone(), ask.ends));
        }
    }
    let gone = gone(gateway, asks);
    if gone.is_empty() {
        return Ok(());
    }
    let (here, asked) = (Arc::clone(gateway), gone);
    let find = move || outcome::find(&here.state, &*here.store, &asked, world::now());
    let found = blocking(find).await?;
    let mut book = gateway.cards.book();
    for (n, about) in open(&book) {
        if let Some(outcome) = found.get(&about) {
            conclude(&mut book, n, outcome);
        }
    }
    book.shorten();
    Ok(())
}

fn conclude(book: &mut Book, n: u64, outcome: &Outcome) {
    book.change(n, |card| {
        card.outcome = Some(outcome.clone());
        card.arm(Vec::new());
        (card.failures, card.next) = (0, 0);
    });
}

fn open(book: &Book) -> Vec<(u64, About)> {
    let open = book.cards().iter().filter(|card| card.outcome.is_none());
    open.map(|card| (card.n, card.about.clone())).collect()
}

/// The open cards whose request waits no more, each request once, with when its time was over.
fn gone(gateway: &Gateway, asks: &[Ask]) -> Vec<(About, UnixMs)> {
    let waiting: BTreeSet<&About> = asks.iter().map(|ask| &ask.about).collect();
    let book = gateway.cards.book();
    let open = book.cards().iter().filter(|card| card.outcome.is_none());
    let gone = open.filter(|card| !waiting.contains(&card.about));
    let gone: BTreeMap<About, UnixMs> =
        gone.map(|card| (card.about.clone(), UnixMs(card.ends))).collect();
    gone.into_iter().collect()
}

/// A card for everybody who waits, in every group of chats: in the first chat that takes it.
fn welcome(gateway: &Gateway, asks: &[Ask], now: UnixMs) {
    let mut groups: BTreeMap<&AccountKey, Vec<Vec<OwnersChat>>> = BTreeMap::new();
    let mut new = Vec::new();
    let mut book = gateway.cards.book();
    let failing = |card: &Entry| card.sent.is_none() && card.failures >= FAILING;
    let known: BTreeMap<(&About, &OwnersChat), bool> =
        book.cards().iter().map(|card| ((&card.about, &card.to), failing(card))).collect();
    for ask in asks {
        let key = ask.account();
        let groups = groups.entry(key).or_insert_with(|| whom::groups(gateway, Some(key)));
        for group in groups.iter() {
            let taken = |to: &&OwnersChat| known.get(&(&ask.about, *to)) != Some(&true);
            let first = group.iter().find(taken);
            let to = first.filter(|to| !known.contains_key(&(&ask.about, *to)));
            new.extend(to.map(|to| (ask.about.clone(), to.clone())));
        }
    }
    for (about, to) in new {
        book.add(about, to, false, now);
    }
}

/// The next message of every chat that none is on its way to, and when to look again.
fn start(gateway: &Arc<Gateway>, asks: &[Ask], now: UnixMs) -> (Vec<Job>, Option<UnixMs>) {
    let mut book = gateway.cards.book();
    let mut busy = gateway.cards.busy();
    let mut chats: Vec<OwnersChat> = Vec::new();
    for card in book.cards().iter().filter(|card| !card.is_over()) {
        if !chats.contains(&card.to) {
            chats.push(card.to.clone());
        }
    }
    let (mut jobs, mut due) = (Vec::new(), None::<UnixMs>);
    for to in chats.into_iter().filter(|to| !busy.contains(to)).collect::<Vec<_>>() {
        let (job, later) = of_chat(gateway, &mut book, &to, asks, now);
        if let Some(job) = job {
            busy.push(to);
            jobs.push(job);
        }
        due = [due, later].into_iter().flatten().min();
    }
    (jobs, due)
}

fn of_chat(
    gateway: &Arc<Gateway>,
    book: &mut Book,
    to: &OwnersChat,
    asks: &[Ask],
    now: UnixMs,
) -> (Option<Job>, Option<UnixMs>) {
    let account = setup_message::account(gateway, to);
    let Some(account) = account.filter(|account| setup_message::is_owners(gateway, account, to))
    else {
        // Whoever is no owner any more is told nothing; an account that is off now may come back.
        let gone = gateway.config.account(&to.account()).is_none();
        let runs = setup_message::account(gateway, to).is_some();
        book.forget(|card| card.to == *to && (gone || runs || card.sent.is_none()));
        return (None, None);
    };
    let sight = Sight {
        now,
        quiet: false,
        rate: CardRate::default(),
        spent: book.chat(to).spent(),
        edits: account.config.plugin.abilities.edits,
    };
    let steps: Vec<(u64, Step)> = book
        .cards()
        .iter()
        .filter(|card| card.to == *to && !card.is_over())
        .map(|card| (card.n, plan::next(card, sight)))
        .collect();
    let mut due = None::<UnixMs>;
    let mut best: Option<(u64, Step)> = None;
    for (n, step) in steps {
        match step {
            Step::Wait(at) => due = Some(due.map_or(at, |due| due.min(at))),
            Step::Forget => book.forget(|card| card.n == n),
            Step::Leave => book.change(n, |card| {
                card.look = card.outcome.as_ref().map(|outcome| outcome.look().to_owned());
            }),
            Step::Edit | Step::Retire if !matches!(best, Some((_, Step::Edit | Step::Retire))) => {
                best = Some((n, step));
            }
            Step::Post { .. } if best.is_none() => best = Some((n, step)),
            Step::Edit | Step::Post { .. } | Step::Rest | Step::Retire => {}
        }
    }
    let job = best.and_then(|(n, step)| post::prepare(book, &account, n, step, asks, now));
    (job, due)
}

/// Notes what became of a message.
async fn settle(gateway: &Arc<Gateway>, job: Option<Job>) {
    let Some(job) = job else {
        // A plugin has panicked: which chat it was is not known.
        gateway.cards.busy().clear();
        return;
    };
    let now = world::now();
    {
        let mut book = gateway.cards.book();
        match &job.result {
            Ok(sent) => arrived(&mut book, &job, sent, now),
            Err(error) => {
                warn!(channel = job.to.channel(), %error, "an owner was not told yet");
                failed(&mut book, &job, error, now);
            }
        }
    }
    save(gateway).await;
    gateway.cards.busy().retain(|to| *to != job.to);
    gateway.cards.arrived.notify_waiters();
}

fn arrived(book: &mut Book, job: &Job, sent: &SentRef, now: UnixMs) {
    if job.counts {
        let rate = CardRate::default();
        book.change_chat(&job.to, |chat| chat.spent = rate.spend(chat.spent(), now).0);
    }
    book.change(job.n, |card| {
        (card.failures, card.next, card.sending) = (0, 0, None);
        match job.kind {
            Kind::Retire => card.stale = None,
            Kind::Edit => shows(card, job),
            Kind::Post => {
                let old = card.sent.replace(sent.id.as_str().to_owned());
                card.stale = old.filter(|_| card.outcome.is_none());
                shows(card, job);
            }
        }
    });
}

fn shows(card: &mut Entry, job: &Job) {
    card.look = Some(job.look.clone());
    if card.face == job.over {
        card.face = job.face;
    }
    if let Some(shown) = &job.shown {
        card.before.clone_from(&shown.before);
        card.facts.clone_from(&shown.facts);
        card.revision.clone_from(&shown.revision);
    }
}

fn failed(book: &mut Book, job: &Job, error: &ChannelError, now: UnixMs) {
    book.change(job.n, |card| match (error, job.kind) {
        (ChannelError::RateLimited(wait), _) => {
            let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            card.next = now.0.saturating_add(wait);
        }
        // What is not there any more need not be changed; what is asked for anew is asked for in a new message.
        (ChannelError::Undeliverable(_), Kind::Retire) => card.stale = None,
        (ChannelError::Undeliverable(_), Kind::Edit) => {
            let anew = card.outcome.is_none() && card.revision != card.wants;
            shows(card, job);
            card.sending = None;
            if anew {
                (card.sent, card.look) = (None, None);
            }
        }
        (ChannelError::Undeliverable(_), Kind::Post) => {
            card.failures += REFUSED;
            card.next = now.0 + backoff(card.failures);
            card.sending = None;
        }
        _ => {
            card.failures += 1;
            card.next = now.0 + backoff(card.failures);
        }
    });
}
