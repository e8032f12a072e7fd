//! One account while it runs: its channel, its journal, and the loop that keeps it connected.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};

use openclaw_plugin_sdk::{
    Channel, ChannelError, ChatId, ChatKind, Conversation, Delivery, Exchange, Inbox, SenderId,
    toml,
};
use tokio::sync::{mpsc, watch};
use tracing::{debug, info, warn};

use super::{
    Gateway, inbound,
    journal::{EventKey, Journal},
    pages::Pages,
    status::{State, StatusCell},
};
use crate::{
    access::{is_direct, pairing::RequestId},
    config::Account,
};

/// Deliveries that may wait for the gate.
const QUEUE: usize = 64;
/// The longest wait before the next try to connect.
const LONGEST_BACKOFF: Duration = Duration::from_mins(1);

/// An account that the configuration switches on, or has switched on once.
pub(crate) struct Running {
    /// As it was first opened: its plugin and its key never change, all else is in [`Running::rules`].
    pub(crate) config: Account,
    /// Its policies, lists and settings, which may change while it runs.
    rules: RwLock<Arc<Account>>,
    login: RwLock<Login>,
    /// A number that changes whenever the account is to be looked at anew.
    turns: watch::Sender<u64>,
    pub(crate) status: StatusCell,
    pub(crate) journal: Mutex<Journal>,
    /// Events that are done, and that the journal could not take yet.
    pub(crate) unwritten: Mutex<HashSet<EventKey>>,
    /// Who waits where conversations are gone with the process.
    pub(super) pages: Mutex<Pages>,
    /// The requests whose challenge is on its way. Bounded by those who may wait.
    pub(crate) challenges: Mutex<HashSet<RequestId>>,
    /// Where each person last wrote in a direct chat; bounded.
    chats: Mutex<HashMap<SenderId, Conversation>>,
    /// Where the server puts HTTP requests for this account.
    pub(crate) exchanges: mpsc::Sender<Exchange>,
    taken_by_receive: Mutex<Option<mpsc::Receiver<Exchange>>>,
    /// The account's inbox, once it runs.
    inbox: OnceLock<Arc<Inbox>>,
}

/// Whom the platform takes the account for.
struct Login {
    channel: Arc<dyn Channel>,
    /// What the channel was opened with.
    settings: toml::Table,
    /// Events are numbered anew for another login.
    mark: [u8; 16],
}

impl Login {
    fn new(account: &Account, channel: Box<dyn Channel>) -> Self {
        let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
        for key in account.plugin.secret_keys {
            let value = account.settings.get(*key).map(ToString::to_string).unwrap_or_default();
            digest.update(value.as_bytes());
            digest.update(&[0]);
        }
        let mut mark = [0; 16];
        mark.copy_from_slice(&digest.finish().as_ref()[..16]);
        Self { channel: Arc::from(channel), settings: account.settings.clone(), mark }
    }
}

impl Running {
    /// Puts an account together; nothing runs yet.
    pub(crate) fn new(config: Account, channel: Box<dyn Channel>, journal: Journal) -> Self {
        let (exchanges, receiver) = mpsc::channel(QUEUE);
        let status = StatusCell::default();
        status.enter(State::Connecting, None);
        let (journal, chats) = (Mutex::new(journal), Mutex::default());
        Self {
            rules: RwLock::new(Arc::new(config.clone())),
            login: RwLock::new(Login::new(&config, channel)),
            config,
            turns: watch::channel(0).0,
            status,
            journal,
            unwritten: Mutex::default(),
            pages: Mutex::default(),
            challenges: Mutex::default(),
            chats,
            exchanges,
            taken_by_receive: Mutex::new(Some(receiver)),
            inbox: OnceLock::new(),
        }
    }

    fn login(&self) -> RwLockReadGuard<'_, Login> {
        self.login.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The channel as it is now. What is on its way out takes it when it goes.
    pub(crate) fn channel(&self) -> Arc<dyn Channel> {
        Arc::clone(&self.login().channel)
    }

    /// True where its channel was opened with these settings.
    pub(crate) fn is_opened_with(&self, settings: &toml::Table) -> bool {
        self.login().settings == *settings
    }

    /// Tells apart what different logins have numbered alike.
    pub(crate) fn mark(&self) -> [u8; 16] {
        self.login().mark
    }

    /// Another channel takes the place of the one that runs; where somebody wrote to that one is forgotten.
    pub(crate) fn restart(&self, account: Account, channel: Box<dyn Channel>) {
        let login = Login::new(&account, channel);
        *self.login.write().unwrap_or_else(PoisonError::into_inner) = login;
        self.chats.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.follow(account);
    }

    /// What stands before a code in a link that sends it to this account, where the platform has such links.
    pub(crate) fn deep_link(&self) -> Option<String> {
        self.inbox.get()?.deep_link()
    }

    /// What does not work although its platform answers.
    pub(crate) fn limitation(&self) -> Option<String> {
        self.inbox.get()?.limitation()
    }

    /// Its policies and lists as they are now. Whoever judges by them takes them once.
    pub(crate) fn rules(&self) -> Arc<Account> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Other policies, lists and settings hold from here on. Where the settings are others, or the account is
    /// switched on or off, its channel ends, and begins anew.
    pub(crate) fn follow(&self, rules: Account) {
        let mut known = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        let is_other = known.enabled != rules.enabled || known.settings != rules.settings;
        *known = Arc::new(rules);
        drop(known);
        if is_other {
            self.turns.send_modify(|turn| *turn += 1);
        }
    }

    /// Remembers where somebody can be written to: a direct chat, for nobody else reads along there.
    pub(crate) fn remember(&self, sender: &SenderId, conversation: &Conversation) {
        if !is_direct(conversation.kind) {
            return;
        }
        let mut chats = self.chats.lock().unwrap_or_else(PoisonError::into_inner);
        if chats.len() < 10_000 || chats.contains_key(sender) {
            chats.insert(sender.clone(), conversation.clone());
        }
    }

    /// Where a person is written to: where he last wrote, else the chat that bears his id.
    pub(crate) fn chat_of(&self, sender: &SenderId) -> Conversation {
        let known = self.chats.lock().unwrap_or_else(PoisonError::into_inner).get(sender).cloned();
        known.unwrap_or_else(|| Conversation::new(ChatId::new(sender.as_str()), ChatKind::Direct))
    }
}

/// Keeps an account connected until the gateway stops: by the channel it has, while it is switched on and its
/// credentials are not known to be wrong.
pub(crate) async fn supervise(gateway: Arc<Gateway>, account: Arc<Running>) {
    let Some(exchanges) =
        account.taken_by_receive.lock().unwrap_or_else(PoisonError::into_inner).take()
    else {
        return;
    };
    let (deliveries, queue) = mpsc::channel::<Delivery>(QUEUE);
    let (connected, seen) = watch::channel(false);
    let id = account.config.key.account.clone();
    let inbox = account
        .inbox
        .get_or_init(|| Arc::new(Inbox::new(id, deliveries, exchanges, connected.clone())));
    gateway.tracker.spawn(inbound::listen(Arc::clone(&gateway), Arc::clone(&account), queue));
    gateway.tracker.spawn(show_connected(Arc::clone(&gateway), Arc::clone(&account), seen));
    let mut turns = account.turns.subscribe();
    while !gateway.stop.is_cancelled() {
        turns.borrow_and_update();
        let state = if account.rules().enabled { State::Connecting } else { State::Disabled };
        account.status.enter(state.clone(), None);
        inbox.begin();
        let run = async {
            if state == State::Connecting {
                stay(&gateway, &account, &connected).await;
            }
            // Only another configuration helps.
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

/// Connects again and again, until the account stops for good.
async fn stay(gateway: &Arc<Gateway>, account: &Running, connected: &watch::Sender<bool>) {
    let Some(inbox) = account.inbox.get() else { return };
    let (channel, mut backoff) = (account.channel(), Duration::from_millis(500));
    loop {
        connected.send_replace(false);
        let ended = channel.receive(inbox).await;
        if *connected.borrow() {
            backoff = Duration::from_millis(500);
        }
        let Some(wait) = after(gateway, account, ended, backoff) else { return };
        backoff = (backoff * 2).min(LONGEST_BACKOFF);
        tokio::time::sleep(wait).await;
    }
}

/// What follows the end of a connection: a wait, or `None` where the account stops for good.
fn after(
    gateway: &Arc<Gateway>,
    account: &Running,
    ended: Result<(), ChannelError>,
    backoff: Duration,
) -> Option<Duration> {
    let (channel, id) = (account.config.plugin.id, account.config.key.account.as_str());
    match ended {
        Ok(()) => {
            account.status.enter(State::Connecting, None);
            debug!(channel, account = id, "connection ended");
            Some(backoff)
        }
        Err(ChannelError::Unauthorized(why)) => {
            warn!(channel, account = id, why, "account stopped: unauthorized");
            account.status.enter(State::Unauthorized, Some(why.clone()));
            super::notice::tell_owners(
                gateway,
                &format!("{channel} ({id}) has stopped: unauthorized, {why}"),
            );
            None
        }
        // The gate has set the state: it knows what it could not read or write.
        Err(ChannelError::Held) => Some(Duration::from_secs(1)),
        Err(ChannelError::RateLimited(wait)) => {
            info!(channel, account = id, seconds = wait.as_secs(), "platform asks to wait");
            account.status.enter(
                State::Waiting,
                Some(format!("the platform asks to wait {} s", wait.as_secs())),
            );
            Some(wait)
        }
        Err(ChannelError::Disconnected(why) | ChannelError::Undeliverable(why)) => {
            warn!(channel, account = id, why, "account reconnects");
            account.status.enter(State::Connecting, Some(why));
            Some(backoff)
        }
    }
}

async fn show_connected(
    gateway: Arc<Gateway>,
    account: Arc<Running>,
    mut seen: watch::Receiver<bool>,
) {
    loop {
        let changed = tokio::select! {
            changed = seen.changed() => changed.is_ok(),
            () = gateway.stop.cancelled() => false,
        };
        if !changed {
            return;
        }
        if *seen.borrow_and_update() {
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
