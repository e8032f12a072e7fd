//! The loader, against stand-ins with the facts of real plugins.

mod accounts;
mod edit;
mod example;
mod finding;
mod foreign;
mod keys;
mod machine;
mod policy;
mod port;
mod secret_files;
mod secrets;
mod stand_in;
mod strict;

use std::{collections::BTreeMap, fs::Permissions, os::unix::fs::PermissionsExt, path::PathBuf};

use super::{Config, Plugins, Source, problem::ConfigError};
use crate::store::paths::StateDir;

/// A state folder of its own, and an environment of its own.
pub(super) struct Home {
    folder: tempfile::TempDir,
    env: BTreeMap<String, String>,
}

impl Home {
    pub(super) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), env: BTreeMap::new() }
    }

    /// With this `config.toml`.
    pub(super) fn with(text: &str) -> Self {
        let home = Self::new();
        home.write("config.toml", text);
        home
    }

    pub(super) fn set(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    #[expect(clippy::disallowed_methods, reason = "a test's own file needs no care")]
    pub(super) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    }

    pub(super) fn load_from(&self, flag: Option<&std::path::Path>) -> Result<Config, ConfigError> {
        let state = StateDir::at(self.folder.path());
        let env = |name: &str| self.env.get(name).cloned();
        super::load(&Source { flag, env: &env, state: &state }, stand_ins())
    }

    pub(super) fn load(&self) -> Result<Config, ConfigError> {
        self.load_from(None)
    }

    /// What is wrong, a line each, without the folder.
    pub(super) fn wrong(&self) -> String {
        let text = self.load().unwrap_err().to_string();
        text.replace(&format!("{}/", self.folder.path().display()), "")
    }
}

pub(super) fn stand_ins() -> Plugins<'static> {
    Plugins { channels: stand_in::CHANNELS, responders: stand_in::RESPONDERS }
}

/// What a configuration is refused with.
pub(super) fn wrong(text: &str) -> String {
    Home::with(text).wrong()
}

/// What a configuration means.
pub(super) fn load(text: &str) -> Config {
    Home::with(text).load().unwrap()
}
