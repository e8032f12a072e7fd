//! The configuration of the running gateway, read again when its file has changed or at SIGHUP. What is broken changes
//! nothing; what a restart is needed for is said.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use openclaw_plugin_sdk::neutral;
use tokio::signal::unix::Signal;
use tracing::{info, warn};

use super::{Gateway, account::Running, cards};
use crate::{
    config::{Account, Config},
    device::handshake::Method,
    protocol::refusal::{CLOSE_INVALIDATED, invalidated},
    reach::secret::SharedSecret,
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
    seen: Mark,
    load: Load,
}

impl Origin {
    /// The file, whether it is there or not, and how it is read. To be made before it is read for the first time: what
    /// is changed from then on is noticed.
    pub fn new(file: PathBuf, load: Load) -> Self {
        Self { seen: mark(&file), file, load }
    }
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Origin").field("file", &self.file).finish_non_exhaustive()
    }
}

/// What holds now.
pub(crate) struct Live(RwLock<(Arc<Config>, Arc<SharedSecret>)>);

impl Live {
    pub(crate) fn new(config: Config, secret: SharedSecret) -> Self {
        Self(RwLock::new((Arc::new(config), Arc::new(secret))))
    }
}

impl Gateway {
    /// The configuration as it is now. Whoever decides by it takes it once.
    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.live.0.read().unwrap_or_else(PoisonError::into_inner).0)
    }

    /// The shared secret as it is now.
    pub(crate) fn secret(&self) -> Arc<SharedSecret> {
        Arc::clone(&self.live.0.read().unwrap_or_else(PoisonError::into_inner).1)
    }
}

/// What a file is known again by.
type Mark = Option<(u64, u64, i64, i64)>;

fn mark(file: &Path) -> Mark {
    let meta = std::fs::metadata(file).ok()?;
    Some((meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()))
}

/// Looks after the configuration until the gateway stops.
pub(crate) async fn keep(gateway: Arc<Gateway>, (origin, mut hangup): (Arc<Origin>, Signal)) {
    let (mut read, mut last) = (origin.seen, origin.seen);
    let mut looks = tokio::time::interval(LOOK);
    loop {
        let asked = tokio::select! {
            () = gateway.stop.cancelled() => return,
            _ = hangup.recv() => true,
            _ = looks.tick() => false,
        };
        let now = mark(&origin.file);
        // Whoever is still writing it is waited for.
        let settled = now == std::mem::replace(&mut last, now);
        if asked || (settled && now != read) {
            read = now;
            again(&gateway, &origin).await;
        }
    }
}

async fn again(gateway: &Arc<Gateway>, origin: &Arc<Origin>) {
    let (origin, state) = (Arc::clone(origin), gateway.state.clone());
    let load = move || {
        let config = (origin.load)()?;
        let secret = SharedSecret::load(&config.gateway.auth, &state);
        Ok((config, secret.map_err(|error| error.to_string())?))
    };
    let loaded = tokio::task::spawn_blocking(load).await;
    match loaded.unwrap_or_else(|error| Err(error.to_string())) {
        Ok((config, secret)) => take(gateway, config, secret),
        Err(error) => {
            warn!(error, "the configuration is broken: the old one goes on");
            let error = neutral(&error, TOLD);
            let text = format!(
                "The configuration was changed and is broken, so the old one goes on: {error}"
            );
            cards::tell(gateway, &text, None);
        }
    }
}

/// From here on the new one holds.
fn take(gateway: &Arc<Gateway>, mut config: Config, secret: SharedSecret) {
    let before = gateway.config();
    let restart = needs_restart(gateway, &before, &config);
    config.port = before.port;
    for account in &gateway.accounts {
        account.follow(rules_of(account, &config));
    }
    let is_new = !secret.is_same(&gateway.secret());
    *gateway.live.0.write().unwrap_or_else(PoisonError::into_inner) =
        (Arc::new(config), Arc::new(secret));
    if is_new {
        for session in gateway.sessions.all() {
            if matches!(session.method, Method::Open | Method::Password | Method::Token) {
                session.close(CLOSE_INVALIDATED, &invalidated("the shared secret has changed"));
            }
        }
    }
    info!(restart = restart.join(", "), "configuration reloaded");
    if !restart.is_empty() {
        let text = format!(
            "The configuration was changed and holds now, but for what a restart is needed for: {}",
            restart.join(", ")
        );
        cards::tell(gateway, &text, None);
    }
    gateway.cards.look();
}

/// An account that the file does not name any more answers nobody.
fn rules_of(account: &Running, config: &Config) -> Account {
    let now = config.account(&account.config.key).cloned();
    now.unwrap_or_else(|| Account { enabled: false, ..account.config.clone() })
}

/// What has changed that holds only after a restart.
fn needs_restart(gateway: &Gateway, before: &Config, after: &Config) -> Vec<String> {
    let (old, new) = (&before.gateway, &after.gateway);
    let parts = [
        ("gateway.port", before.port != after.port),
        ("gateway.bind", old.bind != new.bind),
        ("gateway.tls", old.tls != new.tls),
        ("gateway.limits", old.limits != new.limits),
        ("gateway.trusted_proxies", old.trusted_proxies != new.trusted_proxies),
        ("discovery.mdns", before.mdns != after.mdns),
        (
            "assistant",
            before.assistant.responder != after.assistant.responder
                || before.assistant.tables != after.assistant.tables,
        ),
    ];
    let parts = parts.into_iter().filter(|(_, changed)| *changed);
    let mut restart: Vec<String> = parts.map(|(name, _)| name.to_owned()).collect();
    for account in after.accounts.iter().filter(|account| account.enabled) {
        let name = || format!("channels.{} ({})", account.key.channel, account.key.account);
        match gateway.account(&account.key) {
            Some(running) if running.config.settings == account.settings => {}
            // The console is no account of the file, and not everywhere.
            None if account.plugin.abilities.console => {}
            Some(_) | None => restart.push(name()),
        }
    }
    restart
}
