//! What a command finds on this machine: the state folder, its store, the configuration.

use std::{
    cell::OnceCell,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use openclaw_plugin_sdk::{AccountId, ChannelPlugin, InvalidSenderId, SenderId, UnixMs, lasting};

use crate::{
    Failure,
    checks::Found,
    config::{
        self, Config, Plugins, Source,
        edit::{Change, edit},
        problem::ConfigError,
        schema::{Key, schema},
    },
    control::owners,
    gateway::Origin,
    import_room::settings::Plan,
    local_client::{Client, LocalError},
    registry,
    rules::approver::Approver,
    store::{Store, imports, ownership, paths::StateDir},
    text, world,
};

const PLUGINS: Plugins<'static> =
    Plugins { channels: registry::CHANNELS, responders: registry::RESPONDERS };

/// This machine, as one command sees it. Opens nothing before it is asked.
#[derive(Debug)]
pub(super) struct Host {
    config: Option<PathBuf>,
    env: fn(&str) -> Option<String>,
    state: OnceCell<StateDir>,
    unfinished: Arc<AtomicBool>,
}

impl Host {
    /// The machine this process runs on, with the file that `--config` names.
    pub(super) fn of_process(config: Option<PathBuf>) -> Self {
        Self { config, env, state: OnceCell::new(), unfinished: Arc::default() }
    }

    /// The state folder, checked once. It need not exist.
    pub(super) fn state(&self) -> Result<StateDir, Failure> {
        if let Some(state) = self.state.get() {
            return Ok(state.clone());
        }
        let state = StateDir::find(self.env).map_err(|error| text::no_state(error.into()))?;
        ownership::check(&state)?;
        Ok(self.state.get_or_init(|| state).clone())
    }

    /// Makes a command that root has typed act as the owner of the state folder.
    pub(super) fn act_as_owner(&self) -> Result<(), Failure> {
        // A command that needs the folder says what is wrong with it.
        let Ok(state) = StateDir::find(self.env) else { return Ok(()) };
        Ok(ownership::act_as_owner(&state)?)
    }

    /// The store in the state folder.
    pub(super) fn store(&self) -> Result<Store, Failure> {
        let store = Store::new(self.state()?, parse_sender);
        Ok(store.telling(Arc::clone(&self.unfinished)))
    }

    /// True where a decision of this command counts, and is not in all its files yet.
    pub(super) fn has_left_something(&self) -> bool {
        self.unfinished.load(Ordering::Relaxed)
    }

    /// The configuration file that is read, whether it is there or not.
    pub(super) fn config_file(&self) -> Result<PathBuf, Failure> {
        Ok(config::path(&self.source(&self.state()?)))
    }

    /// The configuration, checked.
    pub(super) fn config(&self) -> Result<Config, Failure> {
        Ok(self.loaded()??)
    }

    /// The same, or what is wrong with it.
    pub(super) fn loaded(&self) -> Result<Result<Config, ConfigError>, Failure> {
        Ok(config::load(&self.source(&self.state()?), PLUGINS))
    }

    /// The configuration or what is wrong with it, whatever is wrong with the state folder.
    pub(super) fn loaded_anyway(&self) -> Result<Result<Config, ConfigError>, Failure> {
        let state = StateDir::find(self.env).map_err(|error| text::no_state(error.into()))?;
        Ok(config::load(&self.source(&state), PLUGINS))
    }

    /// What checks look at, whatever is wrong with it.
    pub(super) fn found(&self, assistant: Option<Result<(), String>>) -> Result<Found, Failure> {
        let state = StateDir::find(self.env).map_err(|error| text::no_state(error.into()))?;
        Ok(found(self.config.as_deref(), self.env, state, assistant))
    }

    /// Sets or removes keys of the configuration file, all or none. What is warned of since then.
    pub(super) fn edit(&self, changes: &[Change<'_>]) -> Result<Vec<String>, Failure> {
        let state = self.state()?;
        edit(&self.source(&state), PLUGINS, changes).map_err(text::not_edited)
    }

    /// Checks a configuration that was taken over, as if it were in place.
    pub(super) fn check_import(&self, plan: &Plan) -> Result<Config, Failure> {
        let state = self.state()?;
        let from = Source { flag: None, env: &self.env, state: &state };
        plan.check(&from, PLUGINS).map_err(text::import_would_not_load)
    }

    /// Every key that the configuration may have.
    pub(super) fn keys() -> Key {
        Key::root(PLUGINS)
    }

    /// The same as a JSON Schema.
    pub(super) fn schema() -> serde_json::Value {
        schema(PLUGINS)
    }

    /// What `config check` and the start warn of, a sentence each.
    pub(super) fn warnings(&self, config: &Config) -> Result<Vec<String>, Failure> {
        let vain = owners::told_in_vain(&self.store()?, config);
        let vain = vain.map(|vain| vain.iter().map(text::told_in_vain).collect());
        // A store that cannot be read is what the start itself tells, account by account.
        let vain = vain.unwrap_or_else(|error| vec![error.to_string()]);
        let store = self.store()?;
        let strays = config.accounts.iter().filter_map(|account| {
            let strays = store.strays(&account.key).ok().filter(|strays| !strays.is_empty())?;
            Some(text::strays(&account.key, &strays))
        });
        let windows = owners::told_in_windows(config);
        let windows = (!windows.is_empty()).then(|| text::told_in_windows(&windows));
        let database = imports::unread(&self.state()?)?.map(|path| text::unread_database(&path));
        let unconfirmed = store.unconfirmed()?.map(|restored| text::unconfirmed(&restored));
        let more = database.into_iter().chain(unconfirmed).chain(vain).chain(windows).chain(strays);
        Ok(config.warnings.iter().cloned().chain(more).collect())
    }

    /// Where the configuration comes from, for a reload; `port` goes before what it says.
    pub(super) fn origin(&self, port: Option<u16>) -> Result<Origin, Failure> {
        let (file, flag, env, state) =
            (self.config_file()?, self.config.clone(), self.env, self.state()?);
        let (named, of_checks) = (flag.clone(), state.clone());
        let find = move || found(named.as_deref(), env, of_checks.clone(), None);
        let read = move || {
            ownership::check(&state).map_err(|error| error.to_string())?;
            let from = Source { flag: flag.as_deref(), env: &env, state: &state };
            let mut config = config::load(&from, PLUGINS).map_err(|error| error.to_string())?;
            config.port = port.unwrap_or(config.port);
            Ok(config)
        };
        Ok(Origin::new(file, Box::new(read), Arc::new(find)))
    }

    /// The configuration file of this state folder.
    pub(super) fn config_file_for(&self, state: &StateDir) -> PathBuf {
        config::path(&self.source(state))
    }

    /// The configuration as a gateway on this state folder would read it, with this environment.
    pub(super) fn config_for(
        &self,
        state: &StateDir,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Config, ConfigError> {
        config::load(&Source { flag: self.config.as_deref(), env, state }, PLUGINS)
    }

    /// Another configuration file, checked.
    pub(super) fn config_at(&self, file: &Path) -> Result<Config, Failure> {
        let state = self.state()?;
        Ok(config::load(&Source { flag: Some(file), env: &self.env, state: &state }, PLUGINS)?)
    }

    fn source<'a>(&'a self, state: &'a StateDir) -> Source<'a> {
        Source { flag: self.config.as_deref(), env: &self.env, state }
    }

    /// The running gateway.
    pub(super) fn gateway(&self) -> Result<Result<Client, LocalError>, Failure> {
        Ok(Client::of_folder(&self.state()?))
    }

    /// Where the gateway listens: the running one's word, else the configuration's.
    pub(super) fn port(&self) -> Result<u16, Failure> {
        match self.gateway()?.and_then(|mut gateway| gateway.health()) {
            Ok(health) => Ok(health.port),
            Err(_) => Ok(self.config()?.port),
        }
    }

    /// The user who typed the command, who may read and write the state folder.
    pub(super) fn approver() -> Approver {
        Approver::on_host(world::user())
    }

    /// A variable of the environment.
    pub(super) fn env(name: &str) -> Option<String> {
        env(name)
    }

    /// The time.
    pub(super) fn now() -> UnixMs {
        world::now()
    }
}

fn found(
    flag: Option<&Path>,
    env: fn(&str) -> Option<String>,
    state: StateDir,
    assistant: Option<Result<(), String>>,
) -> Found {
    let source = Source { flag, env: &env, state: &state };
    let (config, file) = (config::load(&source, PLUGINS), config::path(&source));
    let store = Store::new(state.clone(), parse_sender);
    Found { state, store, config, file, env, assistant }
}

/// A variable of the environment. What is not Unicode is told by what then cannot be found.
fn env(name: &str) -> Option<String> {
    Some(std::env::var_os(name)?.to_string_lossy().into_owned())
}

/// Reads an entry of a channel's list. A channel that this gateway is not built with has no rules of its own.
pub(super) fn parse_sender(channel: &str, entry: &str) -> Result<SenderId, InvalidSenderId> {
    match registry::channel(channel) {
        Some(plugin) => (plugin.parse_sender)(entry),
        None => SenderId::new(entry),
    }
}

/// The channel that was typed, if strangers exist on it.
pub(super) fn pairing_channel(typed: &str) -> Result<&'static ChannelPlugin, Failure> {
    let id = typed.trim().to_ascii_lowercase();
    let found = registry::pairing_channels().find(|plugin| plugin.id == id);
    found.ok_or_else(|| text::no_pairing(typed))
}

/// Reads a span of time, such as `90m`, `24h` or `30d`.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    lasting(text).ok_or_else(|| text::NO_SPAN.to_owned())
}

/// Reads `--account`.
pub(super) fn account(text: &str) -> Result<AccountId, String> {
    if text.trim().is_empty() {
        return Err(text::BLANK.to_owned());
    }
    AccountId::parse(text).ok_or_else(|| text::NO_ACCOUNT.to_owned())
}

/// Reads a sender id as a person types it.
pub(super) fn sender(channel: &ChannelPlugin, typed: &str) -> Result<SenderId, Failure> {
    (channel.parse_sender)(typed).map_err(|error| text::no_sender(typed, channel.label, &error))
}
