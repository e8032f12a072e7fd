//! One account while it runs: its channel and its journal.

use std::{
    collections::{HashMap, HashSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock, atomic::AtomicBool},
    time::Duration,
};

use openclaw_plugin_sdk::{
    Channel, ChannelError, ChannelPlugin, ChatId, ChatKind, Conversation, Exchange, Inbox,
    SenderId, own_file, spell_span, toml,
};
use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use serde_json::Value;
use tokio::{
    sync::{broadcast, mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    FileMark,
    accounts::{
        owners_chat::OwnersChat,
        pages::Pages,
        status::{State, StatusCell},
    },
    config::Account,
    file_mark,
    gate::Past,
    journal::{EventKey, Journal},
    rules::{group::GroupPolicy, is_direct, pairing::RequestId},
    store::moved::Moved,
};

/// Deliveries, and HTTP requests, that may wait.
pub(crate) const QUEUE: usize = 64;
/// Clocks that differ by more than this are told of.
const CLOCKS_DIFFER: Duration = Duration::from_mins(1);
/// The files with credentials that were refused are looked at so often.
const LOOK: Duration = Duration::from_secs(1);

/// An account that the configuration switches on, or has switched on once.
pub(crate) struct AccountRuntime {
    /// As it was first opened: its plugin and its key never change, all else is in [`AccountRuntime::rules`].
    pub(crate) config: Account,
    /// Its policies, lists and settings, which may change while it runs.
    rules: RwLock<Arc<Account>>,
    login: RwLock<AccountSession>,
    /// A number that changes whenever the account is to be looked at anew.
    pub(crate) turns: watch::Sender<u64>,
    pub(crate) status: StatusCell,
    /// It was begun: its journal and its inbox are there.
    pub(crate) begun: CancellationToken,
    pub(crate) journal: Arc<Journal>,
    /// Events that are done, and that the journal could not take yet.
    pub(crate) unwritten: Mutex<HashSet<EventKey>>,
    /// Who waits where conversations are gone with the process.
    pub(crate) pages: Mutex<Pages>,
    /// Its groups that have another id than the configuration says.
    pub(crate) moved: Mutex<Moved>,
    /// What is told of another program that uses its login, while one does.
    contention: Mutex<Option<String>>,
    /// That the clocks differ stands in the log.
    pub(crate) clock_logged: AtomicBool,
    /// The owners were told that it has stopped, and not yet that it works again.
    pub(crate) told_stopped: AtomicBool,
    /// The requests whose challenge is on its way. Bounded by those who may wait.
    pub(crate) challenges: Mutex<HashSet<RequestId>>,
    /// Where each person last wrote in a direct chat; bounded.
    chats: Mutex<HashMap<SenderId, Conversation>>,
    /// The conversations that something comes from, for what waits until then.
    spoken: broadcast::Sender<ChatId>,
    /// Where the server puts HTTP requests for this account.
    pub(crate) exchanges: mpsc::Sender<Exchange>,
    pub(crate) taken_by_receive: Mutex<Option<mpsc::Receiver<Exchange>>>,
    /// The account's inbox, once it runs.
    pub(crate) inbox: OnceLock<Arc<Inbox>>,
}

/// Who the account is for the platform.
struct AccountSession {
    channel: Arc<dyn Channel>,
    /// What the channel was opened with.
    settings: toml::Table,
    /// Events are numbered anew for another login.
    mark: [u8; 16],
}

impl AccountSession {
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

/// What an account logs in with: its settings hold it, or name a file that does.
pub(crate) fn secrets(plugin: &ChannelPlugin, settings: &toml::Table) -> Vec<String> {
    let mut found = Vec::new();
    let mut of = |value: &Value| match value {
        // A service account's file also holds names and addresses, which are no secrets.
        Value::String(text) => match serde_json::from_str(text) {
            Ok(Value::Object(all)) => secret_values(&all, &mut found),
            _ => found.push(text.trim().to_owned()),
        },
        Value::Object(all) => secret_values(all, &mut found),
        _ => {}
    };
    for key in plugin.secret_keys {
        let value = settings.get(*key).and_then(|value| serde_json::to_value(value).ok());
        value.iter().for_each(&mut of);
    }
    for key in plugin.keys.iter().filter(|key| key.ends_with("_file")) {
        let file = settings.get(*key).and_then(toml::Value::as_str);
        let text = file.and_then(|file| own_file::read_to_string(Path::new(file)).ok());
        text.map(Value::String).iter().for_each(&mut of);
    }
    found
}

fn secret_values(all: &serde_json::Map<String, Value>, found: &mut Vec<String>) {
    let names = ["key", "password", "secret", "token"];
    for (key, value) in all {
        let is_secret = names.iter().any(|name| key.to_lowercase().ends_with(name));
        match value {
            Value::String(text) if is_secret => found.push(text.clone()),
            Value::Object(inner) => secret_values(inner, found),
            _ => {}
        }
    }
}

impl AccountRuntime {
    /// Puts an account together; nothing runs yet.
    pub(crate) fn new(
        config: Account,
        channel: Box<dyn Channel>,
        (journal, moved): (Journal, Moved),
    ) -> Self {
        let (exchanges, receiver) = mpsc::channel(QUEUE);
        let status = StatusCell::default();
        status.enter(State::Connecting, None);
        let (journal, chats) = (Arc::new(journal), Mutex::default());
        let mut rules = config.clone();
        moved.follow(&mut rules.groups);
        Self {
            rules: RwLock::new(Arc::new(rules)),
            moved: Mutex::new(moved),
            contention: Mutex::default(),
            clock_logged: AtomicBool::new(false),
            told_stopped: AtomicBool::new(false),
            login: RwLock::new(AccountSession::new(&config, channel)),
            config,
            turns: watch::channel(0).0,
            status,
            begun: CancellationToken::new(),
            journal,
            unwritten: Mutex::default(),
            pages: Mutex::default(),
            challenges: Mutex::default(),
            chats,
            spoken: broadcast::channel(16).0,
            exchanges,
            taken_by_receive: Mutex::new(Some(receiver)),
            inbox: OnceLock::new(),
        }
    }

    /// Writes into the journal, which waits for the disk: off the runtime.
    pub(crate) async fn written<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Journal) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let journal = Arc::clone(&self.journal);
        let written = tokio::task::spawn_blocking(move || write(&journal));
        written.await.map_err(io::Error::other)?
    }

    /// Writes into the journal what is not worth a stop: what may come of it where the disk fails stands in the log.
    pub(crate) async fn note(
        &self,
        otherwise: &'static str,
        write: impl FnOnce(&Journal) -> io::Result<()> + Send + 'static,
    ) {
        if let Err(error) = self.written(write).await {
            let (channel, account) = (self.config.plugin.id, self.config.key.account.as_str());
            warn!(channel, account, %error, "{otherwise}");
        }
    }

    /// What is switched off keeps no file open.
    pub(crate) async fn keep_journal_open(&self, open: bool) {
        if open {
            return self.journal.wake();
        }
        let rested = |journal: &Journal| {
            journal.rest();
            Ok(())
        };
        self.note("the journal of an account that is off stays open", rested).await;
    }

    fn login(&self) -> RwLockReadGuard<'_, AccountSession> {
        self.login.read()
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

    /// Another channel takes the place of the one that runs; the places where people wrote to that one are forgotten.
    pub(crate) fn restart(&self, account: Account, channel: Box<dyn Channel>) {
        let login = AccountSession::new(&account, channel);
        *self.login.write() = login;
        self.chats.lock().clear();
        self.follow(account);
    }

    /// What stands before a code in a link that sends it to this account, where the platform has such links.
    pub(crate) fn deep_link(&self) -> Option<String> {
        self.inbox.get()?.deep_link()
    }

    /// What its platform says, to be shown or logged: nothing of it where it repeats a code or a secret.
    pub(crate) fn words(&self, words: String) -> String {
        match self.inbox.get() {
            Some(inbox) => inbox.without_secrets(words),
            None => words,
        }
    }

    /// The same of an error.
    pub(crate) fn without_secrets(&self, error: ChannelError) -> ChannelError {
        error.in_words(|words| self.words(words))
    }

    /// What does not work although its platform answers.
    pub(crate) fn limitation(&self) -> Option<String> {
        let inbox = self.inbox.get()?;
        let rules = self.rules();
        let wants_all =
            rules.groups.policy != GroupPolicy::Disabled && !rules.groups.require_mention;
        let unheard = if wants_all { inbox.mentions_only() } else { None };
        let contention = self.contention.lock().clone();
        let all = [contention, inbox.limitation(), unheard, self.clock_difference()];
        let all: Vec<String> = all.into_iter().flatten().collect();
        (!all.is_empty()).then(|| all.join("; "))
    }

    /// What is old of what arrives, where the gateway began then.
    pub(crate) fn past(&self, began: Instant) -> Past {
        let Some(inbox) = self.inbox.get() else { return Past::Order { caught_up: false } };
        match inbox.at(began) {
            Some(started) => Past::Clock { started, now: inbox.now() },
            None => Past::Order { caught_up: inbox.is_caught_up() },
        }
    }

    /// By how much this machine's clock and the platform's differ, where that is too much.
    pub(crate) fn clock_difference(&self) -> Option<String> {
        let ahead = self.inbox.get()?.ahead_by()?;
        let span = Duration::from_millis(ahead.unsigned_abs());
        let (label, span) = (self.config.plugin.label, Some(span).filter(|s| *s > CLOCKS_DIFFER)?);
        let (span, way) = (spell_span(span), if ahead > 0 { "ahead of" } else { "behind" });
        Some(format!("this machine's clock is {span} {way} the clock of {label}: set it right"))
    }

    /// The files that its credentials stand in, as they are now.
    pub(crate) fn secret_files(&self) -> Vec<(PathBuf, FileMark)> {
        let rules = self.rules();
        let keys = rules.plugin.keys.iter().filter(|key| key.ends_with("_file"));
        let files = keys.filter_map(|key| rules.settings.get(*key)?.as_str().map(PathBuf::from));
        files.map(|file| (file.clone(), file_mark(&file))).collect()
    }

    /// What it logs in with.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let rules = self.rules();
        secrets(rules.plugin, &rules.settings)
    }

    /// Ends when one of these files is another than it was.
    pub(crate) async fn other_secret(&self, files: Vec<(PathBuf, FileMark)>) {
        if files.is_empty() {
            return std::future::pending().await;
        }
        while self.secret_files() == files {
            tokio::time::sleep(LOOK).await;
        }
    }

    pub(crate) fn contended_by(&self, by: Option<String>) {
        *self.contention.lock() = by;
    }

    /// Its channel ends, and begins anew.
    pub(crate) fn again(&self) {
        self.turns.send_modify(|turn| *turn += 1);
    }

    /// Its policies and lists as they are now. A judgement takes them once.
    pub(crate) fn rules(&self) -> Arc<Account> {
        Arc::clone(&self.rules.read())
    }

    /// Other policies, lists and settings hold from here on. Where the settings are others, or the account is
    /// switched on or off, its channel ends, and begins anew.
    pub(crate) fn follow(&self, mut rules: Account) {
        self.moved.lock().follow(&mut rules.groups);
        let mut known = self.rules.write();
        let is_other = known.enabled != rules.enabled || known.settings != rules.settings;
        *known = Arc::new(rules);
        drop(known);
        if is_other {
            self.again();
        }
    }

    /// Something has come from this conversation.
    pub(crate) fn spoke(&self, chat: &ChatId) {
        if self.spoken.receiver_count() > 0 {
            // What waited may have gone.
            self.spoken.send(chat.clone()).ok();
        }
    }

    /// The conversations that something comes from, from now on.
    pub(crate) fn spoken(&self) -> broadcast::Receiver<ChatId> {
        self.spoken.subscribe()
    }

    /// Remembers where a person can be written to: a direct chat, for nobody else reads along there.
    pub(crate) fn remember(&self, sender: &SenderId, conversation: &Conversation) {
        if !is_direct(conversation.kind) {
            return;
        }
        let mut chats = self.chats.lock();
        if chats.len() < 10_000 || chats.contains_key(sender) {
            chats.insert(sender.clone(), conversation.clone());
        }
    }

    /// Where an owner last wrote in this chat of theirs, since the start.
    pub(crate) fn last_place(&self, chat: &OwnersChat) -> Option<Conversation> {
        let owner = SenderId::new(&chat.owner).ok()?;
        let chats = self.chats.lock();
        chats.get(&owner).filter(|place| place.id == chat.conversation().id).cloned()
    }

    /// Where a person is written to: where they last wrote, else the chat that bears their id.
    pub(crate) fn chat_of(&self, sender: &SenderId) -> Conversation {
        let known = self.chats.lock().get(sender).cloned();
        known.unwrap_or_else(|| Conversation::new(ChatId::new(sender.as_str()), ChatKind::Direct))
    }
}
