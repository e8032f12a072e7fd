//! The reconciler: brings what stands in owners' chats in line with what the store says, one message a chat at a time.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use openclaw_plugin_sdk::{ChannelError, SentRef, UnixMs, kit::backoff::Backoff};
use tokio::task::JoinSet;
use tracing::{debug, warn};

use crate::{
    FINISH_WITHIN, Gateway,
    accounts::owners_chat::{OwnersChat, is_owners},
    approvals::{
        held,
        next_action::{self, Beside, ChatState, Counts, Step},
        outage,
        outbox::{About, CardCopy, Outbox, UNTIL_THEY_WRITE},
        outcome::{self, How, Outcome},
        pending::{self, Ask},
        post::{self, Here, Kind, Task},
        recipients, save, view,
    },
    rules::{AccountKey, notify::CardRate},
    setup_codes,
    store::StoreError,
    world,
};

/// Everything is looked at least this often.
const IDLE: Duration = Duration::from_secs(30);
/// Where the store cannot be read.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// A chat that failed so often is passed over where there is another.
const FAILING: u32 = 3;
/// A digest is edited at most so often.
const COUNTED_EVERY_MS: u64 = 3_000;
/// So many are listed that came and expired in quiet hours.
const MISSED: usize = 200;
/// A platform that takes no such message is asked again later than one that is not there.
const REFUSED: u32 = 5;

/// What failed is tried again after this.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_mins(10));

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
            () = gateway.assistant.changed.notified() => {}
            Some(done) = jobs.join_next() => record_outcome(&gateway, done.ok()).await,
            () = tokio::time::sleep(wait) => {}
            () = gateway.stop.cancelled() => break,
        }
    }
    // A request of the last moment is told as well, where there is time.
    let rest = async {
        if let Err(error) = turn(&gateway, &mut jobs).await {
            debug!(%error, "what owners are to be told is not known now");
        }
        while let Some(done) = jobs.join_next().await {
            record_outcome(&gateway, done.ok()).await;
        }
    };
    let _cut = tokio::time::timeout(FINISH_WITHIN, rest).await;
    save(&gateway).await;
}

/// One look at everything; says how long there is nothing to do.
async fn turn(gateway: &Arc<Gateway>, jobs: &mut JoinSet<Task>) -> Result<Duration, StoreError> {
    outage::follow(gateway);
    if let Err(error) = held::sweep(gateway).await {
        warn!(%error, "held messages are looked at again");
    }
    let asks = match pending::gather(gateway).await {
        Ok(asks) => asks,
        Err(error) => {
            // That the store cannot be read is told all the same.
            send_next(gateway, jobs, None).await;
            return Err(error);
        }
    };
    reconcile(gateway, &asks).await?;
    let unsent = |card: &CardCopy| {
        matches!(card.about, About::Device { .. }) && card.sent.is_none() && card.outcome.is_none()
    };
    let device = gateway.cards.outbox.lock().cards().iter().any(unsent);
    if device {
        // That a code is used comes before the device that used it.
        setup_codes::remove_spent(gateway).await;
    }
    let (due, now) = (send_next(gateway, jobs, Some(&asks)).await, world::now());
    let over = asks.iter().map(|ask| UnixMs(ask.ends)).min();
    let ending = pending::next_lapse(gateway, now)?;
    let due = [due, over, ending].into_iter().flatten().min();
    let left = due.map(|due| Duration::from_millis(due.0.saturating_sub(now.0).max(10)));
    Ok(left.map_or(IDLE, |left| left.min(IDLE)))
}

/// Starts what is to be sent next, once it is marked durably; when there is more.
async fn send_next(
    gateway: &Arc<Gateway>,
    jobs: &mut JoinSet<Task>,
    asks: Option<&[Ask]>,
) -> Option<UnixMs> {
    let (started, due) = start(gateway, asks, world::now());
    save(gateway).await;
    for job in started {
        jobs.spawn(post::send(Arc::clone(gateway), job));
    }
    due
}

/// Cards for those who are new, outcomes for those who wait no more.
async fn reconcile(gateway: &Arc<Gateway>, asks: &[Ask]) -> Result<(), StoreError> {
    let now = world::now();
    let most = gateway.config().pairing.places.max_pending;
    gateway.cards.forget_turned_away(|key| {
        asks.iter().filter(|ask| ask.account() == Some(key)).count() >= most
    });
    welcome(gateway, asks, now);
    {
        let mut outbox = gateway.cards.outbox.lock();
        let waiting: BTreeMap<&About, &Ask> = asks.iter().map(|ask| (&ask.about, ask)).collect();
        let stale = outbox.cards().iter().filter_map(|card| {
            let ask = waiting.get(&card.about)?;
            (card.wants != ask.revision || card.ends != ask.ends).then_some((card.n, *ask))
        });
        for (n, ask) in stale.collect::<Vec<_>>() {
            outbox.change(n, |card| {
                (card.wants, card.ends) = (ask.revision.clone(), ask.ends);
                if card.sent.is_none() {
                    card.facts.clone_from(&ask.facts);
                }
            });
        }
    }
    let gone = gone(gateway, asks);
    outcome::conclude(gateway, gone).await
}

/// The open cards whose request waits no more, each request once, with when its time was over.
fn gone(gateway: &Gateway, asks: &[Ask]) -> Vec<(About, UnixMs)> {
    let waiting: BTreeSet<&About> = asks.iter().map(|ask| &ask.about).collect();
    let outbox = gateway.cards.outbox.lock();
    let gone = outbox.cards().iter().filter(|card| {
        card.outcome.is_none() && !card.about.is_told() && !waiting.contains(&card.about)
    });
    let gone: BTreeMap<About, UnixMs> =
        gone.map(|card| (card.about.clone(), UnixMs(card.ends))).collect();
    gone.into_iter().collect()
}

/// A card for each request, in every group of chats: in the first chat that takes it.
fn welcome(gateway: &Gateway, asks: &[Ask], now: UnixMs) {
    let mut groups: BTreeMap<Option<&AccountKey>, Vec<Vec<OwnersChat>>> = BTreeMap::new();
    let mut new = Vec::new();
    let mut outbox = gateway.cards.outbox.lock();
    let failing = |card: &CardCopy| card.sent.is_none() && card.failures >= FAILING;
    let known: BTreeMap<(&About, &OwnersChat), bool> =
        outbox.cards().iter().map(|card| ((&card.about, &card.to), failing(card))).collect();
    for ask in asks {
        let key = ask.account();
        let groups = groups.entry(key).or_insert_with(|| recipients::groups(gateway, key));
        for group in groups.iter() {
            let taken = |to: &&OwnersChat| known.get(&(&ask.about, *to)) != Some(&true);
            let first = group.iter().find(taken);
            let to = first.filter(|to| !known.contains_key(&(&ask.about, *to)));
            new.extend(to.map(|to| (ask.about.clone(), to.clone())));
        }
    }
    for (about, to) in new {
        outbox.add(about, to, false, now);
    }
}

/// The next message of every chat that none is on its way to, and when to look again.
fn start(gateway: &Arc<Gateway>, asks: Option<&[Ask]>, now: UnixMs) -> (Vec<Task>, Option<UnixMs>) {
    let mut outbox = gateway.cards.outbox.lock();
    let mut busy = gateway.cards.busy.lock();
    let open = outbox.cards().iter().filter(|card| !card.is_over()).map(|card| &card.to);
    let counted =
        outbox.chats().iter().filter(|chat| chat.digest.is_some() || !chat.missed.is_empty());
    let chats: BTreeSet<OwnersChat> = open.chain(counted.map(|chat| &chat.to)).cloned().collect();
    let (mut jobs, mut due) = (Vec::new(), None::<UnixMs>);
    for to in chats.into_iter().filter(|to| !busy.contains(to)).collect::<Vec<_>>() {
        let (job, later) = of_chat(gateway, &mut outbox, &to, asks, now);
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
    outbox: &mut Outbox,
    to: &OwnersChat,
    asks: Option<&[Ask]>,
    now: UnixMs,
) -> (Option<Task>, Option<UnixMs>) {
    let account = gateway.accounts.of_chat(to);
    let Some(account) = account.filter(|account| is_owners(gateway, account, to)) else {
        abandon(gateway, outbox, to);
        return (None, None);
    };
    let telling = &gateway.config().telling;
    let sight = ChatState {
        now,
        quiet: telling.is_quiet(now),
        rate: telling.cards,
        spent: outbox.chat(to).spent(),
        edits: account.config.plugin.abilities.edits,
        undoes: account.config.plugin.abilities.undoes,
    };
    if sight.quiet {
        hold(outbox, to);
    }
    let here = Here { account: &account, zone: &telling.zone };
    let (best, others, mut due) = choose(outbox, to, sight, asks.is_some());
    let asks = asks.unwrap_or_default();
    if let Some((n, step)) = best {
        return (post::prepare(outbox, here, n, step, asks, now), due);
    }
    let held = outbox.cards().iter().filter(|card| card.to == *to && card.held).count();
    let counts = Counts { waiting: others, turned_away: gateway.cards.turned_away() };
    let job = match next_action::beside(&outbox.chat(to), counts, held, sight) {
        Beside::Count(counts) => post::digest(outbox, to, here, counts),
        Beside::Forget => {
            outbox.change_chat(to, |chat| chat.digest = None);
            None
        }
        Beside::Morning => post::morning(outbox, to, here),
        Beside::Rest => None,
        Beside::Wait(at) => {
            due = Some(due.map_or(at, |due| due.min(at)));
            None
        }
    };
    (job, due)
}

/// A person who is no owner any more is told nothing; an account that is off now may come back.
fn abandon(gateway: &Arc<Gateway>, outbox: &mut Outbox, to: &OwnersChat) {
    let gone = gateway.config().account(&to.account()).is_none();
    let runs = gateway.accounts.of_chat(to).is_some();
    outbox.forget(|card| card.to == *to && (gone || runs || card.sent.is_none()));
    if gone || runs {
        outbox.forget_chat(to);
    }
}

/// What was not sent before quiet hours comes after them.
fn hold(outbox: &mut Outbox, to: &OwnersChat) {
    let unsent = outbox.cards().iter().filter(|card| {
        let asks = !card.about.is_told() && card.outcome.is_none();
        card.to == *to && card.sent.is_none() && asks && !card.held
    });
    for n in unsent.map(|card| card.n).collect::<Vec<_>>() {
        outbox.change(n, |card| card.held = true);
    }
}

/// The most urgent step of a chat's cards, how many cards wait for their share, and when to look again.
fn choose(
    outbox: &mut Outbox,
    to: &OwnersChat,
    sight: ChatState,
    known: bool,
) -> (Option<(u64, Step)>, usize, Option<UnixMs>) {
    let cards = outbox.cards().iter().filter(|card| card.to == *to && !card.is_over());
    let cards = cards.filter(|card| known || card.about.is_told());
    let steps: Vec<(u64, Step)> =
        cards.map(|card| (card.n, next_action::next(card, sight))).collect();
    let (mut others, mut due) = (0, None::<UnixMs>);
    let mut best: Option<(u64, Step)> = None;
    for (n, step) in steps {
        others += usize::from(matches!(step, Step::Held(_)));
        match step {
            Step::Held(at) | Step::Wait(at) => due = Some(due.map_or(at, |due| due.min(at))),
            Step::Forget => forget(outbox, n),
            Step::Leave => outbox.change(n, |card| {
                card.look = card.outcome.as_ref().map(|outcome| outcome.look().to_owned());
            }),
            Step::Edit | Step::Retire if !matches!(best, Some((_, Step::Edit | Step::Retire))) => {
                best = Some((n, step));
            }
            Step::Post { .. } if best.is_none() => best = Some((n, step)),
            Step::Edit | Step::Post { .. } | Step::Rest | Step::Retire => {}
        }
    }
    (best, others, due)
}

/// Nobody was told of it; what came and expired in quiet hours is listed at their end.
fn forget(outbox: &mut Outbox, n: u64) {
    if let Some(card) = outbox.card(n).cloned()
        && card.held
        && card.outcome.as_ref().is_some_and(|outcome| outcome.how == How::Expired)
    {
        outbox.change_chat(&card.to, |chat| {
            if chat.missed.len() < MISSED {
                chat.missed.push(view::line(&card.facts));
            }
        });
    }
    outbox.forget(|card| card.n == n);
}

/// Notes what became of a message.
async fn record_outcome(gateway: &Arc<Gateway>, job: Option<Task>) {
    let Some(job) = job else {
        // A plugin has panicked: which chat it was is not known.
        gateway.cards.busy.lock().clear();
        return;
    };
    let now = world::now();
    {
        let mut outbox = gateway.cards.outbox.lock();
        match &job.result {
            Ok(sent) => arrived(&mut outbox, &job, (sent, gateway.config().telling.cards), now),
            Err(error) => {
                warn!(channel = job.to.channel(), %error, "an owner was not told yet");
                failed(&mut outbox, &job, error, now);
            }
        }
    }
    save(gateway).await;
    gateway.cards.busy.lock().retain(|to| *to != job.to);
    gateway.cards.arrived.notify_waiters();
}

fn arrived(outbox: &mut Outbox, job: &Task, (sent, rate): (&SentRef, CardRate), now: UnixMs) {
    match job.kind {
        Kind::Digest(counts) => return counted(outbox, job, (sent, counts), now),
        Kind::Morning => return told(outbox, job),
        Kind::Edit | Kind::Post | Kind::Retire => {}
    }
    if job.counts {
        outbox.change_chat(&job.to, |chat| chat.spent = rate.spend(chat.spent(), now).0);
    }
    outbox.change(job.n, |card| {
        (card.failures, card.next, card.sending) = (0, 0, None);
        match job.kind {
            Kind::Digest(_) | Kind::Morning => {}
            Kind::Retire => card.stale = None,
            Kind::Edit => shows(card, job),
            Kind::Post if matches!(card.about, About::Notice { .. }) => {
                let outcome = Outcome::nobody(How::Told, now);
                card.sent = Some(sent.id.as_str().to_owned());
                card.look = Some(outcome.look().to_owned());
                card.outcome = Some(outcome);
            }
            Kind::Post => {
                let old = card.leave();
                card.sent = Some(sent.id.as_str().to_owned());
                card.stale = old.filter(|_| card.outcome.is_none());
                shows(card, job);
            }
        }
    });
}

fn counted(outbox: &mut Outbox, job: &Task, (sent, counts): (&SentRef, Counts), now: UnixMs) {
    outbox.change_chat(&job.to, |chat| {
        (chat.next, chat.failures) = (now.0 + COUNTED_EVERY_MS, 0);
        match &mut chat.digest {
            Some(digest) if counts != Counts::default() => {
                digest.sent = Some(sent.id.as_str().to_owned());
                (digest.others, digest.turned_away) = (counts.waiting, counts.turned_away);
            }
            digest => *digest = None,
        }
    });
}

fn told(outbox: &mut Outbox, job: &Task) {
    for (n, _) in outbox.open() {
        outbox.change(n, |card| card.held &= card.to != job.to);
    }
    outbox.change_chat(&job.to, |chat| {
        (chat.morning, chat.next, chat.failures) = (None, 0, 0);
        chat.missed.clear();
    });
}

fn shows(card: &mut CardCopy, job: &Task) {
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

/// The next try after so many failures.
fn later(now: UnixMs, failures: u32) -> u64 {
    now.0 + u64::try_from(BACKOFF.after(failures).as_millis()).unwrap_or(u64::MAX)
}

fn failed(outbox: &mut Outbox, job: &Task, error: &ChannelError, now: UnixMs) {
    if matches!(job.kind, Kind::Digest(_) | Kind::Morning) {
        outbox.change_chat(&job.to, |chat| {
            chat.failures += 1;
            chat.next = later(now, chat.failures);
            if matches!(error, ChannelError::Undeliverable(_)) && job.kind != Kind::Morning {
                chat.digest = None;
            }
        });
        return;
    }
    outbox.change(job.n, |card| match (error, job.kind) {
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
                card.leave();
                card.look = None;
            }
        }
        (error, kind) => {
            not_taken(card, error, now);
            if matches!((error, kind), (ChannelError::Undeliverable(_), Kind::Post)) {
                card.sending = None;
            }
        }
    });
}

fn not_taken(card: &mut CardCopy, error: &ChannelError, now: UnixMs) {
    let refused = matches!(error, ChannelError::Later(_) | ChannelError::Undeliverable(_));
    card.failures += if refused { REFUSED } else { 1 };
    card.next = match error {
        ChannelError::Later(_) => UNTIL_THEY_WRITE,
        _ => later(now, card.failures),
    };
}

/// The message that shows a card was taken by the platform, and not delivered.
pub(super) fn not_delivered(
    outbox: &mut Outbox,
    n: u64,
    (sent, error): (&SentRef, &ChannelError),
    now: UnixMs,
) {
    outbox.change(n, |card| {
        if card.sent.as_deref() == Some(sent.id.as_str()) {
            card.leave();
            card.look = None;
            not_taken(card, error, now);
        }
    });
}
