//! The loop that keeps an account connected.

use std::{
    panic::AssertUnwindSafe,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::FutureExt;
use openclaw_plugin_sdk::{ChannelError, Delivery, Inbox, Reader, Readers, SenderId, Takes};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tracing::{debug, error, info, warn};

use crate::{
    FileMark, Gateway,
    accounts::{
        account::{AccountRuntime, QUEUE},
        notes::Keeper,
        patience::{Came, Next, Patience},
        status::State,
    },
    approvals, blocking,
    delivery::{self, files},
    gate::secrets,
    inbound,
    store::notes::Notes,
    text,
};

/// A connection that has lasted so long was not ended at once.
const LASTED: Duration = Duration::from_secs(30);

/// A connection that has lasted so long is nobody else's.
const CALM: Duration = Duration::from_mins(2);

/// What the channel may ask about people, files and codes.
fn readers(gateway: &Arc<Gateway>, account: &Arc<AccountRuntime>) -> Readers {
    let (here, it) = (Arc::downgrade(gateway), Arc::downgrade(account));
    let reader = move |person: &SenderId| match (here.upgrade(), it.upgrade()) {
        (Some(gateway), Some(account)) => delivery::reader(&gateway, &account, person),
        _ => Reader::Nobody,
    };
    let (here, it) = (Arc::downgrade(gateway), Arc::downgrade(account));
    let files = move || match (here.upgrade(), it.upgrade()) {
        (Some(gateway), Some(account)) => files::taken(&gateway, &account) != Takes::Nothing,
        _ => false,
    };
    let here = Arc::downgrade(gateway);
    // Where nobody can say, it is not kept.
    let codes = move |text: &str| match here.upgrade() {
        Some(gateway) => !matches!(secrets::code_in(&gateway, text), Ok(None)),
        None => true,
    };
    let readers = Readers::new(reader, gateway.access_changes.subscribe());
    readers.with_files(files).with_codes(codes)
}

/// Keeps an account connected until the gateway stops: by the channel it has, while it is switched on and its
/// credentials are not known to be wrong.
pub(crate) async fn supervise(gateway: Arc<Gateway>, account: Arc<AccountRuntime>) {
    let Some(exchanges) = account.taken_by_receive.lock().take() else {
        return;
    };
    let (deliveries, queue) = mpsc::channel::<Delivery>(QUEUE);
    let (connected, seen) = watch::channel(false);
    let id = account.config.key.account.clone();
    let inbox = account
        .inbox
        .get_or_init(|| Arc::new(Inbox::new(id, deliveries, exchanges, connected.clone())));
    inbox.ask_for_readers(readers(&gateway, &account));
    inbox.keep_conversations_in(gateway.state.conversations(&account.config.key));
    inbox.state_is_in(gateway.state.path().to_owned());
    inbox.run_programs_in(gateway.state.run());
    let (state, key) = (gateway.state.clone(), account.config.key.clone());
    match blocking(move || Notes::of(&state, &key)).await {
        Ok(notes) => inbox.keep_notes(Box::new(Keeper::new(&account, notes))),
        Err(error) => warn!(%error, "what a channel notes is not kept"),
    }
    gateway.tracker.spawn(inbound::tidy(Arc::clone(&gateway), Arc::clone(&account)));
    gateway.tracker.spawn(inbound::listen(Arc::clone(&gateway), Arc::clone(&account), queue));
    gateway.tracker.spawn(show_connected(Arc::clone(&gateway), Arc::clone(&account), seen));
    let mut turns = account.turns.subscribe();
    while !gateway.stop.is_cancelled() {
        turns.borrow_and_update();
        let state = if account.rules().enabled { State::Connecting } else { State::Disabled };
        account.status.enter(state.clone(), None);
        account.keep_journal_open(state == State::Connecting).await;
        inbox.begin();
        account.begun.cancel();
        if account.config.plugin.abilities.forgets {
            gateway.cards.show_again(&account.config.key);
        }
        let run = async {
            if state == State::Connecting {
                // Only other credentials help, or another configuration.
                let files = stay(&gateway, &account, &connected).await;
                return account.other_secret(files).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = run => {}
            turn = turns.changed() => if turn.is_err() { return },
            () = gateway.stop.cancelled() => {}
        }
    }
    account.status.enter(State::Stopped, None);
}

/// Connects again and again, until the account stops for good: then it says as what files its credentials were read.
async fn stay(
    gateway: &Arc<Gateway>,
    account: &AccountRuntime,
    connected: &watch::Sender<bool>,
) -> Vec<(PathBuf, FileMark)> {
    let Some(inbox) = account.inbox.get() else { return Vec::new() };
    let plugin = account.config.plugin;
    let has_credentials = !plugin.secret_keys.is_empty() || plugin.abilities.console;
    let (channel, mut patience) = (account.channel(), Patience::new(has_credentials));
    account.contended_by(None);
    loop {
        connected.send_replace(false);
        let (files, heard) = (account.secret_files(), account.status.get().last_inbound);
        inbox.holds_secrets(&account.secrets());
        let began = Instant::now();
        let hearing = hear(account, &mut patience, connected, channel.receive(inbox));
        let Ok(ended) = AssertUnwindSafe(hearing).catch_unwind().await else {
            connected.send_replace(false);
            panicked(gateway, account);
            return files;
        };
        let ended = ended.map_err(|error| account.without_secrets(error));
        let came = if !*connected.borrow() {
            Came::Nowhere
        } else if began.elapsed() >= LASTED || account.status.get().last_inbound != heard {
            Came::Far
        } else {
            Came::Soon
        };
        let next = patience.next(&ended, came);
        let Some(wait) = after(gateway, account, ended, next) else { return files };
        tokio::time::sleep(wait).await;
        // What it connects to may answer now.
        account.status.update(|status| {
            if status.state == State::Unauthorized {
                status.state = State::Connecting;
            }
        });
    }
}

/// Only another configuration or a restart helps. A build that aborts on a panic never comes here.
fn panicked(gateway: &Arc<Gateway>, account: &AccountRuntime) {
    let (channel, id) = (account.config.plugin.id, account.config.key.account.as_str());
    let why = text::account::PANICKED;
    error!(channel, account = id, "account stopped: {why}");
    account.status.enter(State::Stopped, Some(why.to_owned()));
    account.told_stopped.store(true, Ordering::Release);
    approvals::tell(gateway, &text::account::stopped(channel, id, why), None);
}

/// Receives until the connection ends.
async fn hear(
    account: &AccountRuntime,
    patience: &mut Patience,
    connected: &watch::Sender<bool>,
    receive: impl Future<Output = Result<(), ChannelError>>,
) -> Result<(), ChannelError> {
    let mut receive = std::pin::pin!(receive);
    loop {
        tokio::select! {
            ended = &mut receive => return ended,
            () = tokio::time::sleep(CALM), if patience.is_contended() => {
                if *connected.borrow() {
                    patience.calm();
                    account.contended_by(None);
                }
            }
        }
    }
}

/// What follows the end of a connection: a wait, or `None` where the account stops for good.
fn after(
    gateway: &Arc<Gateway>,
    account: &AccountRuntime,
    ended: Result<(), ChannelError>,
    next: Next,
) -> Option<Duration> {
    let (channel, id) = (account.config.plugin.id, account.config.key.account.as_str());
    let enter = |state, why: &str| account.status.enter(state, Some(why.to_owned()));
    match (ended, next) {
        (Ok(()), _) => {
            account.status.enter(State::Connecting, None);
            debug!(channel, account = id, "connection ended");
        }
        // The gate has set the state: it knows what it could not read or write.
        (Err(ChannelError::Held), _) => {}
        (Err(ChannelError::RateLimited(wait)), _) => {
            let seconds = wait.as_secs();
            info!(channel, account = id, seconds, "platform asks to wait");
            enter(State::Waiting, &format!("the platform asks to wait {seconds} s"));
        }
        (Err(ChannelError::Unauthorized(why)), Next::Stop | Next::Patient(_)) => {
            enter(State::Unauthorized, &why);
            let is_news = !account.told_stopped.swap(true, Ordering::AcqRel);
            if is_news || next == Next::Stop {
                warn!(channel, account = id, why, "account stopped: unauthorized");
                let why = format!("unauthorized, {why}");
                approvals::tell(gateway, &text::account::stopped(channel, id, &why), None);
            }
        }
        (Err(ChannelError::Unauthorized(why)), _) => {
            warn!(
                channel,
                account = id,
                why,
                "refused, although it worked before: tried once more"
            );
            enter(State::Connecting, &why);
        }
        (Err(ChannelError::Contended(why)), Next::Contended { first, wait }) => {
            if first {
                warn!(channel, account = id, why, "account reconnects, with growing waits");
                approvals::tell(gateway, &format!("{channel} ({id}): {why}"), None);
            }
            debug!(channel, account = id, seconds = wait.as_secs(), "still contended");
            enter(State::Connecting, &why);
            account.contended_by(Some(why));
        }
        (
            Err(
                ChannelError::Contended(why)
                | ChannelError::Disconnected(why)
                | ChannelError::Later(why)
                | ChannelError::Undeliverable(why),
            ),
            _,
        ) => {
            warn!(channel, account = id, why, "account reconnects");
            enter(State::Connecting, &why);
        }
    }
    match next {
        Next::Again(wait)
        | Next::Contended { wait, .. }
        | Next::Doubt(wait)
        | Next::Patient(wait) => Some(wait),
        Next::Stop => None,
    }
}

async fn show_connected(
    gateway: Arc<Gateway>,
    account: Arc<AccountRuntime>,
    mut seen: watch::Receiver<bool>,
) {
    while tokio::select! {
        changed = seen.changed() => changed.is_ok(),
        () = gateway.stop.cancelled() => false,
    } {
        if *seen.borrow_and_update() {
            if let Some(difference) = account.clock_difference()
                && !account.clock_logged.swap(true, Ordering::AcqRel)
            {
                warn!(channel = account.config.plugin.id, account = %account.config.key.account, "{difference}");
            }
            if account.told_stopped.swap(false, Ordering::AcqRel) {
                let key = &account.config.key;
                info!(channel = key.channel, account = %key.account, "account works again");
                let text = text::account::works_again(&key.channel, key.account.as_str());
                approvals::tell(&gateway, &text, None);
            }
            let limitation = account.limitation();
            account.status.update(|status| {
                // What happened since is newer than the connection.
                if matches!(status.state, State::Connecting | State::Waiting | State::Connected) {
                    (status.state, status.last_error) = (State::Connected, limitation);
                }
            });
        }
    }
}
