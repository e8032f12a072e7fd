//! The configuration of the running gateway, read again when its file has changed or at SIGHUP. What is broken changes
//! nothing; what a restart is needed for is said.

use std::{path::PathBuf, sync::Arc, time::Duration};

use openclaw_plugin_sdk::{Channel, Responder, neutral};
use parking_lot::RwLock;
use tokio::signal::unix::Signal;
use tracing::{info, warn};

use crate::{
    FileMark, Find, Gateway, RunError,
    accounts::{account::AccountRuntime, status::State},
    approvals,
    config::{Account, Config},
    control::pairing,
    file_mark,
    network::secret::SharedSecret,
    protocol::refusal::{CLOSE_INVALIDATED, invalidated},
    rules::{authority::Grounds, device::handshake::Method},
    runtime::{open, restored, supervise},
    store::{Store, paths::StateDir},
    world,
};

/// The file is looked at so often.
const LOOK: Duration = Duration::from_secs(1);
/// Of an error, owners are told so much.
const TOLD: usize = 600;

/// Reads the configuration as the start did. Blocks on disk.
pub type Load = Box<dyn Fn() -> Result<Config, String> + Send + Sync>;

/// Where the configuration comes from.
pub struct Origin {
    file: PathBuf,
    /// As it was before it was first read.
    seen: FileMark,
    load: Load,
    find: Find,
}

impl Origin {
    /// The file, whether it is there or not, how it is read, and what checks look at. To be made before it is read for the first time: what
    /// is changed from then on is noticed.
    pub fn new(file: PathBuf, load: Load, find: Find) -> Self {
        Self { seen: file_mark(&file), file, load, find }
    }

    pub(crate) fn find(&self) -> Find {
        Arc::clone(&self.find)
    }
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Origin").field("file", &self.file).finish_non_exhaustive()
    }
}

/// What holds now, and the keys whose change holds only from a restart on.
pub(crate) struct Live(RwLock<(Arc<Config>, Arc<SharedSecret>)>, RwLock<Vec<&'static str>>);

impl Live {
    pub(crate) fn new(config: Config, secret: SharedSecret) -> Self {
        Self(RwLock::new((Arc::new(config), Arc::new(secret))), RwLock::default())
    }
}

impl Gateway {
    /// The keys whose change holds only from a restart on.
    pub(crate) fn needs_restart(&self) -> Vec<String> {
        self.live.1.read().iter().map(|key| (*key).to_owned()).collect()
    }

    /// The configuration as it is now. A decision takes it once.
    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.live.0.read().0)
    }

    /// The shared secret as it is now.
    pub(crate) fn secret(&self) -> Arc<SharedSecret> {
        Arc::clone(&self.live.0.read().1)
    }
}

/// Looks after the configuration until the gateway stops.
pub(crate) async fn keep(gateway: Arc<Gateway>, (origin, mut hangup): (Arc<Origin>, Signal)) {
    let files = |gateway: &Gateway| {
        let secrets = gateway.config().secret_files.clone().into_iter().map(|file| file.path);
        let marks = secrets.map(|path| file_mark(&path));
        [file_mark(&origin.file)].into_iter().chain(marks).collect::<Vec<_>>()
    };
    let mut read = files(&gateway);
    read[0] = origin.seen;
    let mut last = read.clone();
    let (mut looks, mut is_broken) = (tokio::time::interval(LOOK), false);
    loop {
        let asked = tokio::select! {
            () = gateway.stop.cancelled() => return,
            _ = hangup.recv() => true,
            _ = looks.tick() => false,
        };
        let asked = asked || restored::is_confirmed_now(&gateway).await;
        let now = files(&gateway);
        // A program that is still writing one is waited for.
        let settled = now == std::mem::replace(&mut last, now.clone());
        if asked || (settled && now != read) {
            let was_broken = std::mem::replace(&mut is_broken, !again(&gateway, &origin).await);
            // Another configuration names other files.
            read = files(&gateway);
            read[0] = now[0];
            last.clone_from(&read);
            if was_broken && !is_broken {
                approvals::tell(&gateway, "The configuration is repaired, and holds now.", None);
            }
        }
    }
}

/// What a configuration needs to hold: opened before anything changes.
struct Ready {
    config: Config,
    secret: SharedSecret,
    /// The channels of accounts whose settings are others, and of those that are new.
    opened: Vec<Opened>,
    /// Where another one answers, or the same with other words.
    responder: Option<Box<dyn Responder>>,
}

enum Opened {
    New(Arc<AccountRuntime>),
    Other(Arc<AccountRuntime>, Box<Account>, Box<dyn Channel>),
}

/// False where the file has an error.
async fn again(gateway: &Arc<Gateway>, origin: &Arc<Origin>) -> bool {
    let (origin, here) = (Arc::clone(origin), Arc::clone(gateway));
    let prepared = tokio::task::spawn_blocking(move || {
        let mut config = (origin.load)()?;
        restored::hold_back(&here.store, &mut config);
        config.follows(&here.config()).map_err(|error| error.to_string())?;
        let ready = prepare(&here, config).map_err(|error| error.to_string())?;
        note(&ready.config, &here.state, &here.store);
        // What is decided from here on rests on the new one.
        here.store.rely_on(grounds(&ready.config, &ready.secret));
        Ok(ready)
    });
    match prepared.await.unwrap_or_else(|error| Err(error.to_string())) {
        Ok(ready) => {
            take(gateway, ready);
            true
        }
        Err(error) => {
            warn!(error, "the configuration has an error: the previous one stays in effect");
            let error = neutral(&error, TOLD);
            let text = format!(
                "The configuration has an error; the previous one stays in effect: {error}"
            );
            approvals::tell(gateway, &text, None);
            false
        }
    }
}

/// What decisions rest on.
pub(crate) fn grounds(config: &Config, secret: &SharedSecret) -> Grounds {
    Grounds { owners: config.owners.clone(), secret: Some(secret.mark()) }
}

/// Opens everything that a configuration names and that is not open yet. Blocks on disk.
fn prepare(gateway: &Gateway, config: Config) -> Result<Ready, RunError> {
    let secret = SharedSecret::load(&config.gateway.auth, &gateway.state)?;
    let (store, mut opened) = (&*gateway.store, Vec::new());
    for account in config.accounts.iter().filter(|account| account.enabled) {
        match gateway.accounts.known(&account.key) {
            Some(known) if known.is_opened_with(&account.settings) => {}
            Some(known) => {
                let channel = open::channel(store, account)?;
                opened.push(Opened::Other(known, Box::new(account.clone()), channel));
            }
            // The console is no account of the file, and not everywhere.
            None if account.plugin.abilities.console => {}
            None => {
                let new = open::account((&gateway.state, store), account)?;
                opened.push(Opened::New(Arc::new(new)));
            }
        }
    }
    let (old, new) = (&gateway.config().assistant, &config.assistant);
    let is_other = old.responder != new.responder || old.tables != new.tables;
    let responder = if is_other { Some(open::responder(&config)?) } else { None };
    Ok(Ready { config, secret, opened, responder })
}

/// What a configuration that holds does to files. It holds all the same where that fails.
pub(crate) fn note(config: &Config, state: &StateDir, store: &Store) {
    if let Err(error) = pairing::close_admitted(store, config, world::now()) {
        warn!(%error, "requests of people with access stay open until they expire");
    }
    if let Err(error) = config.remember(state) {
        warn!(%error, "a configuration that is cut off before the next start will not be noticed");
    }
}

/// From here on the new one holds.
fn take(gateway: &Arc<Gateway>, ready: Ready) {
    let Ready { mut config, secret, opened, responder } = ready;
    let before = gateway.config();
    let restart = needs_restart(&before, &config);
    // What holds only from a restart on stays as it runs.
    (config.port, config.mdns) = (before.port, before.mdns);
    (config.gateway.bind, config.gateway.tls) = (before.gateway.bind, before.gateway.tls.clone());
    for account in gateway.accounts.ever() {
        if let Some(rules) = rules_of(&account, &config) {
            account.follow(rules);
        }
    }
    let (limits, proxies) = (config.gateway.limits, config.gateway.trusted_proxies.clone());
    gateway.connections.limiter.follow(limits, proxies);
    if let Some(responder) = responder {
        *gateway.responder.write() = Arc::from(responder);
        gateway.assistant.replaced();
    }
    let is_new = !secret.mark().is(&gateway.secret().mark());
    *gateway.live.0.write() = (Arc::new(config), Arc::new(secret));
    gateway.live.1.write().clone_from(&restart);
    for opened in opened {
        begin(gateway, opened);
    }
    for account in gateway.accounts.on() {
        // What was refused may be allowed by now.
        if matches!(account.status.get().state, State::Stopped | State::Unauthorized) {
            account.again();
        }
    }
    if is_new {
        for session in gateway.rpc.sessions.all() {
            if matches!(session.method, Method::Open | Method::Password | Method::Token) {
                session.close(CLOSE_INVALIDATED, &invalidated("the shared secret has changed"));
            }
        }
    }
    info!(restart = restart.join(", "), "configuration reloaded");
    if !restart.is_empty() {
        let text = format!(
            "The configuration was changed. This takes effect after a restart: {}",
            restart.join(", ")
        );
        approvals::tell(gateway, &text, None);
    }
    gateway.cards.look();
    gateway.access_changes.send_replace(());
}

fn begin(gateway: &Arc<Gateway>, opened: Opened) {
    match opened {
        Opened::New(account) => {
            let key = &account.config.key;
            info!(channel = key.channel, account = %key.account, "account begins");
            gateway.accounts.add(Arc::clone(&account));
            gateway.tracker.spawn(supervise::supervise(Arc::clone(gateway), account));
        }
        Opened::Other(account, rules, channel) => {
            let key = &account.config.key;
            info!(channel = key.channel, account = %key.account, "account begins anew");
            account.restart(*rules, channel);
        }
    }
}

/// What holds for an account that keeps its channel: one that the file does not name any more answers nobody.
/// `None` for one that begins anew.
fn rules_of(account: &AccountRuntime, config: &Config) -> Option<Account> {
    match config.account(&account.config.key) {
        Some(now) if now.enabled && !account.is_opened_with(&now.settings) => None,
        Some(now) => Some(now.clone()),
        None => Some(Account { enabled: false, ..Account::clone(&account.rules()) }),
    }
}

/// What has changed that holds only after a restart.
fn needs_restart(before: &Config, after: &Config) -> Vec<&'static str> {
    let (old, new) = (&before.gateway, &after.gateway);
    let parts = [
        ("gateway.port", before.port != after.port),
        ("gateway.bind", old.bind != new.bind),
        ("gateway.tls", old.tls != new.tls),
        ("discovery.mdns", before.mdns != after.mdns),
    ];
    parts.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name).collect()
}
