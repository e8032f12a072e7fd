//! What the checks look at, read once: a configuration or what is wrong with it, the stores, the running gateway, the
//! unit of a service. Nothing of it is changed.

use std::path::{Path, PathBuf};

use openclaw_plugin_sdk::{UnixMs, own_file};

use crate::{
    config::{Config, place, problem::ConfigError},
    finding::Place,
    gateway::{self, Standing},
    store::{Store, audit::inspect::Inspection, paths::StateDir},
    unit::{self, Unit},
    world,
};

/// What a caller has found.
#[expect(missing_debug_implementations, reason = "the environment holds secrets")]
pub struct Found {
    /// The state folder.
    pub state: StateDir,
    /// The store in it.
    pub store: Store,
    /// The configuration, or what is wrong with it.
    pub config: Result<Config, ConfigError>,
    /// The file it is read from, whether it is there or not.
    pub file: PathBuf,
    /// The environment.
    pub env: fn(&str) -> Option<String>,
    /// The caller has asked the assistant: nothing, or why it does not answer.
    pub assistant: Option<Result<(), String>>,
}

/// Everything that checks look at.
#[expect(missing_debug_implementations, reason = "the environment holds secrets")]
pub struct Context {
    pub(crate) state: StateDir,
    pub(crate) store: Store,
    pub(crate) config: Option<Config>,
    pub(crate) problem: Option<ConfigError>,
    pub(crate) file: PathBuf,
    /// The configuration as it is written, where it can be read.
    pub(crate) written: Option<String>,
    pub(crate) env: fn(&str) -> Option<String>,
    pub(crate) home: Option<PathBuf>,
    pub(crate) now: UnixMs,
    pub(crate) gateway: Standing,
    pub(crate) unit: Option<Unit>,
    pub(crate) log: Option<Result<Inspection, String>>,
    pub(crate) assistant: Option<Result<(), String>>,
    /// `/`, but in tests.
    pub(crate) machine: PathBuf,
}

impl Context {
    /// Reads everything, and asks the gateway of this state folder through its socket.
    pub fn read(found: Found) -> Self {
        let standing = gateway::standing(&found.state);
        Self::with_gateway(found, standing)
    }

    /// The same for the gateway itself, which knows how it is.
    pub fn with_gateway(found: Found, gateway: Standing) -> Self {
        let Found { state, store, config, file, env, assistant } = found;
        let home = env("HOME").filter(|home| !home.trim().is_empty()).map(PathBuf::from);
        let machine = PathBuf::from("/");
        let now = world::now();
        let log = state.access_log().parent().is_some_and(Path::exists);
        let log = log.then(|| store.inspect(now).map_err(|error| error.to_string()));
        let (config, problem) = match config {
            Ok(config) => (Some(config), None),
            Err(problem) => (None, Some(problem)),
        };
        let written = own_file::read_to_string(&file).ok();
        let unit = unit::find(&machine, home.as_deref());
        Self {
            state,
            store,
            config,
            problem,
            file,
            written,
            env,
            home,
            now,
            gateway,
            unit,
            log,
            assistant,
            machine,
        }
    }

    /// True where the gateway of this state folder runs and answers.
    pub fn has_gateway(&self) -> bool {
        self.gateway.seen().is_some()
    }

    /// Whether the gateway of this state folder runs.
    pub fn standing(&self) -> &Standing {
        &self.gateway
    }

    /// Where a key of the configuration stands.
    pub(crate) fn key(&self, key: &str) -> Option<Place> {
        let line = self.written.as_deref().and_then(|text| place::line(text, key));
        let file = self.file.clone();
        self.written.as_ref().map(|_| Place { file, line, key: Some(key.to_owned()) })
    }

    /// A path as a subject: below the state folder where it is there.
    pub(crate) fn short(&self, path: &Path) -> String {
        match path.strip_prefix(self.state.path()) {
            Ok(below) if below.as_os_str().is_empty() => ".".to_owned(),
            Ok(below) => below.display().to_string(),
            Err(_) => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
        }
    }

    /// So long ago.
    pub(crate) fn age(&self, at: UnixMs) -> u64 {
        self.now.0.saturating_sub(at.0)
    }
}
