//! Requests of strangers. Those that arrive while another thread writes are gathered, and written in one transaction.

use std::{collections::VecDeque, sync::Arc};

use openclaw_plugin_sdk::UnixMs;
use parking_lot::Mutex;

use super::{
    Store, StoreError, access,
    audit::{Line, action},
    file, io,
    pairing::{self, Requests},
    transaction::Transaction,
};
use crate::{
    rules::{
        pairing::{AccessRequest, AskOutcome, LIFETIME_MS, PairingCode, PairingRequest, Places},
        records::Standing,
    },
    world,
};

/// So many requests at most are written together.
const TOGETHER: usize = 64;

/// The requests that wait for the disk.
#[derive(Default)]
pub(super) struct AskQueue {
    waiting: Mutex<VecDeque<Arc<Waiting>>>,
    /// Its holder writes for all.
    writing: Mutex<()>,
    #[cfg(test)]
    came: std::sync::atomic::AtomicUsize,
    #[cfg(test)]
    changes: std::sync::atomic::AtomicUsize,
}

struct Waiting {
    knock: AccessRequest,
    places: Places,
    answer: Mutex<Option<Result<AskOutcome, StoreError>>>,
}

impl AskQueue {
    /// The next ones on one channel.
    fn next(&self) -> Vec<Arc<Waiting>> {
        let mut waiting = self.waiting.lock();
        let Some(first) = waiting.pop_front() else { return Vec::new() };
        let mut taken = vec![first];
        let mut rest = VecDeque::new();
        while let Some(next) = waiting.pop_front() {
            let fits = next.knock.key.channel == taken[0].knock.key.channel;
            if fits && taken.len() < TOGETHER {
                taken.push(next);
            } else {
                rest.push_back(next);
            }
        }
        *waiting = rest;
        taken
    }

    /// How many have been in the queue.
    #[cfg(test)]
    pub(super) fn came(&self) -> usize {
        self.came.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// How many transactions were made for all.
    #[cfg(test)]
    pub(super) fn changes(&self) -> usize {
        self.changes.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// Opens a request, or lets the open one stand, on disk.
pub(super) fn ask(
    store: &Store,
    knock: &AccessRequest,
    places: Places,
    now: UnixMs,
) -> Result<AskOutcome, StoreError> {
    if knock.claims.is_some() {
        // A link is spent in the same transaction, and each in its own.
        return together(store, &[(knock, places)], now).map(|mut asked| asked.swap_remove(0));
    }
    let (knock, answer) = (knock.clone(), Mutex::default());
    let own = Arc::new(Waiting { knock, places, answer });
    store.asks.waiting.lock().push_back(Arc::clone(&own));
    #[cfg(test)]
    store.asks.came.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let _writing = store.asks.writing.lock();
    loop {
        if let Some(answer) = own.answer.lock().take() {
            return answer;
        }
        write(store, now);
    }
}

/// Writes the next ones in the queue.
fn write(store: &Store, now: UnixMs) {
    let those = store.asks.next();
    let asked = |those: &[Arc<Waiting>]| {
        let knocks: Vec<_> = those.iter().map(|one| (&one.knock, one.places)).collect();
        together(store, &knocks, now)
    };
    match asked(&those) {
        Ok(answers) => {
            for (one, answer) in those.iter().zip(answers) {
                *one.answer.lock() = Some(Ok(answer));
            }
        }
        Err(error) if those.len() == 1 => *those[0].answer.lock() = Some(Err(error)),
        // Each gets the error of its own request.
        Err(_) => {
            for one in &those {
                let alone = asked(std::slice::from_ref(one)).map(|mut asked| asked.swap_remove(0));
                *one.answer.lock() = Some(alone);
            }
        }
    }
}

/// One transaction for several requests on one channel.
fn together(
    store: &Store,
    knocks: &[(&AccessRequest, Places)],
    now: UnixMs,
) -> Result<Vec<AskOutcome>, StoreError> {
    let Some((first, _)) = knocks.first() else { return Ok(Vec::new()) };
    #[cfg(test)]
    store.asks.changes.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let channel = &first.key.channel;
    let mut tx = Transaction::open(store, None, now)?;
    let now = tx.now;
    let path = store.state.pairing(channel);
    tx.lock(&path)?;
    let found = file::read(&path)?;
    let denied = file::read(&store.state.denied(channel))?;
    let mut requests = Requests::parse(&found, channel, store.parse)?;
    let mut all = pairing::waiting(&requests, &pairing::denials(&denied)?);
    store.ages.prune(&mut all);
    let before = all.requests.clone();
    let (mut answers, mut lines, mut touched) = (Vec::new(), Vec::new(), false);
    for (knock, places) in knocks {
        if let Some(known) = known(store, knock, now)? {
            answers.push(known);
            continue;
        }
        let spent = access::spend_link(&mut tx, knock.claims.as_deref())?;
        let without = AccessRequest { claims: None, ..AccessRequest::clone(knock) };
        let knock = if spent { knock } else { &without };
        let draw = || world::random().map(PairingCode::from_random);
        let asked = all.ask(knock, (now, &world::iso(now)), *places, draw);
        let asked = asked.map_err(|error| io("draw a code for", &path, error))?;
        let opened = log_lines(&asked, spent, now);
        let is_touched = matches!(asked, AskOutcome::Waiting { touched: true, .. });
        touched |= spent || is_touched || !opened.is_empty();
        // A request that has no line is there all the same, and so is the decision about it, with its own.
        if spent || store.strangers.may_write(opened.len()) {
            lines.extend(opened);
        }
        answers.push(asked);
    }
    if touched {
        // The message is there before a reader can see the request that refers to it.
        hold_messages(store, knocks.iter().zip(&answers), &before, &all.requests)?;
        requests.follow(&all.requests, now);
        tx.put(&found, &requests.doc)?;
        tx.commit(lines)?;
    }
    for asked in &answers {
        if let AskOutcome::Opened { request, .. } = asked {
            // Its hour begins, by the monotonic clock.
            store.ages.note(request.id.as_str().as_bytes(), LIFETIME_MS);
        }
    }
    Ok(answers)
}

/// Holds the first messages of the requests that are still open, each once.
fn hold_messages<'a>(
    store: &Store,
    told: impl Iterator<Item = (&'a (&'a AccessRequest, Places), &'a AskOutcome)>,
    before: &[PairingRequest],
    waiting: &[PairingRequest],
) -> Result<(), StoreError> {
    let mut kept = Vec::new();
    for ((knock, _), asked) in told {
        let (AskOutcome::Opened { request, .. } | AskOutcome::Waiting { request, .. }) = asked
        else {
            continue;
        };
        let waits = waiting.iter().any(|waits| waits.id == request.id);
        if waits && request.held.is_some() && !kept.contains(&&request.id) {
            kept.push(&request.id);
            pairing::hold_message(&store.state, knock, asked, before)?;
        }
    }
    Ok(())
}

/// The lines of what was opened, and of what made room for it.
fn log_lines(asked: &AskOutcome, spent: bool, now: UnixMs) -> Vec<Line> {
    let (request, evicted) = match asked {
        AskOutcome::Opened { request, evicted } => (request, evicted),
        // Every change of the file with the link has a line.
        AskOutcome::Waiting { request, .. } if spent => {
            return vec![knocked(action::LINK_SPENT, request, now)];
        }
        _ => return Vec::new(),
    };
    let opened = knocked(action::REQUEST, request, now);
    let evicted = evicted.as_ref().map(|old| {
        let line = knocked(action::EVICT, old, now);
        Line { actor: opened.actor.clone(), ..line }
    });
    [Some(opened), evicted].into_iter().flatten().collect()
}

/// The answer for a sender who needs no request, or gets none.
fn known(
    store: &Store,
    knock: &AccessRequest,
    now: UnixMs,
) -> Result<Option<AskOutcome>, StoreError> {
    Ok(match store.standing(&knock.key, &knock.sender, now)? {
        Standing::Blocked => Some(AskOutcome::Denied),
        Standing::Granted => Some(AskOutcome::Approved),
        Standing::Unknown => {
            store.approved(&knock.key)?.names(&knock.sender).then_some(AskOutcome::Approved)
        }
    })
}

/// A line about a request, by its sender.
fn knocked(action: &str, request: &PairingRequest, now: UnixMs) -> Line {
    let actor = format!("{}:{}", request.key.channel, request.sender);
    let line = Line::new("channel", &actor, action, now).of(&request.key);
    line.about(request.sender.as_str()).named(request.id.as_str())
}
