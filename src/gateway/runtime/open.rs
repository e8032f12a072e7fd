//! What the configuration names is opened: accounts with their channels, and the assistant.

use std::{io, time::Duration};

use openclaw_plugin_sdk::{
    AccountId, Channel, ChannelError, ChannelPlugin, Inbox, LinkedAccount, Linking, Responder,
    ResponderError, Settings, Step, toml,
};
use tokio::sync::{mpsc, watch};

use crate::{
    RunError,
    accounts::account::{AccountRuntime, secrets},
    config::{Account, Config},
    journal::Journal,
    registry,
    store::{Store, moved::Moved, paths::StateDir},
    world,
};

/// A platform has so long to answer when an account is tried.
const TRY_FOR: Duration = Duration::from_secs(15);

/// An account that has never run since the start. Blocks on disk.
pub(crate) fn account(
    (state, store): (&StateDir, &Store),
    account: &Account,
) -> Result<AccountRuntime, RunError> {
    let channel = channel(store, account)?;
    let path = state.inbox(&account.key);
    let failed = |source| RunError::Journal { path: path.clone(), source };
    let journal = Journal::open(path.clone()).map_err(failed)?;
    if journal.first_start() {
        // People who wait already have their code from the program that kept this folder before.
        for request in store.waiting(account.plugin.id, world::now())? {
            if request.key == account.key {
                journal.tell(&request.id).map_err(failed)?;
            }
        }
    }
    let moved = Moved::of(state, &account.key)?;
    Ok(AccountRuntime::new(account.clone(), channel, (journal, moved)))
}

/// An account's channel. Blocks on disk.
pub(crate) fn channel(store: &Store, account: &Account) -> Result<Box<dyn Channel>, RunError> {
    let (plugin, id) = (account.plugin, &account.key.account);
    let purpose = format!("{}-{id}", plugin.id);
    let key = if plugin.abilities.key { store.key(&purpose)? } else { [0; 32] };
    let commands = registry::listed_commands();
    let settings = Settings { account: id.clone(), table: account.settings.clone(), key, commands };
    (plugin.open)(settings).map_err(|error| RunError::Plugin {
        plugin: format!("{} ({id})", plugin.id),
        problem: error.to_string(),
    })
}

/// The assistant.
pub(crate) fn responder(config: &Config) -> Result<Box<dyn Responder>, RunError> {
    let id = config.assistant.responder.as_str();
    let error = |problem: String| RunError::Plugin { plugin: format!("assistant.{id}"), problem };
    let plugin = registry::RESPONDERS.iter().find(|plugin| plugin.id == id);
    let plugin = plugin.ok_or_else(|| error("there is no such responder".to_owned()))?;
    let table = config.assistant.tables.get(id).cloned().unwrap_or_default();
    let account = AccountId::default_account();
    let settings = Settings { account, table, key: [0; 32], commands: Vec::new() };
    (plugin.open)(settings).map_err(|problem| error(problem.to_string()))
}

/// Links an account, without a running gateway: `show` shows what is to be scanned, and then it is waited for.
pub fn link_account<E: From<io::Error>>(
    begun: Step<Linking>,
    show: impl FnOnce(&str) -> Result<(), E>,
    failed: impl Fn(ChannelError) -> E,
) -> Result<LinkedAccount, E> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let Linking { link, linked } = runtime.block_on(begun).map_err(&failed)?;
    show(link.expose())?;
    runtime.block_on(linked).map_err(failed)
}

/// Connects an account, without a running gateway: what does not work all the same, or why it cannot connect, in words
/// that hold none of its secrets. Nothing that arrives is taken or acknowledged. `None` where the platform has not
/// answered in time.
pub fn try_account(
    channel: &dyn Channel,
    account: AccountId,
    (plugin, settings): (&ChannelPlugin, &toml::Table),
) -> Result<Option<Connected>, ChannelError> {
    let failed = |error: io::Error| ChannelError::Disconnected(error.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let (deliveries, _untaken) = mpsc::channel(1);
    let (_unserved, exchanges) = mpsc::channel(1);
    let (connected, mut is_connected) = watch::channel(false);
    let inbox = Inbox::new(account, deliveries, exchanges, connected).for_trial();
    inbox.holds_secrets(&secrets(plugin, settings));
    let tried = runtime.map_err(failed)?.block_on(async {
        tokio::select! {
            ended = channel.receive(&inbox) => ended.map(|()| false),
            _ = is_connected.wait_for(|is| *is) => Ok(true),
            () = tokio::time::sleep(TRY_FOR) => Ok(false),
        }
    });
    let tried = tried.map_err(|error| error.in_words(|words| inbox.without_secrets(words)))?;
    Ok(tried.then(|| Connected { limitation: inbox.limitation() }))
}

/// An account whose platform answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// What does not work all the same, and how to mend it.
    pub limitation: Option<String>,
}

/// What came of trying whether the assistant answers.
#[derive(Debug)]
pub struct Tried {
    /// Where it was asked; empty where it asks nobody.
    pub asks: String,
    /// What came back, in a sentence.
    pub result: Result<String, ResponderError>,
}

/// Asks the configured assistant in bounded time, without a running gateway.
pub fn try_assistant(config: &Config) -> Result<Tried, RunError> {
    let responder = responder(config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let failed = |source| RunError::Io { doing: "start the runtime".to_owned(), source };
    let runtime = runtime.map_err(failed)?;
    Ok(Tried { asks: responder.asks(), result: runtime.block_on(responder.probe()) })
}
