//! The configuration table of one account or responder, typed strictly.

use std::fmt;

use serde::de::DeserializeOwned;

use crate::{AccountId, SettingsError};

/// What a plugin is opened with. Environment names are expanded already.
#[derive(Clone)]
pub struct Settings {
    /// The account this is for.
    pub account: AccountId,
    /// The plugin's own keys; those the gateway reads (`dm_policy`, `allow_from`, ...) are taken out.
    pub table: toml::Table,
    /// Random, kept in the state folder, for this plugin and account alone. Zero where the plugin's facts ask for none.
    pub key: [u8; 32],
    /// The commands that people may type, name and summary, for platforms that list them; the gateway fills it.
    pub commands: Vec<(String, String)>,
}

impl Settings {
    /// Reads the table as `T`, which should deny unknown fields. The error names the key.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, SettingsError> {
        self.table.clone().try_into().map_err(|error: toml::de::Error| {
            let text = error.to_string();
            // `toml` names the key on a line of its own: "in `key`".
            let key = text
                .lines()
                .find_map(|line| line.strip_prefix("in `")?.strip_suffix('`'))
                .unwrap_or_default();
            let lacks = error.message().strip_prefix("missing field `");
            match lacks.and_then(|rest| rest.strip_suffix('`')) {
                Some(field) if key.is_empty() => SettingsError::new(field, "is missing"),
                Some(field) => SettingsError::new(format!("{key}.{field}"), "is missing"),
                None => SettingsError::new(key, error.message()),
            }
        })
    }
}

/// Names only: a value may be a secret.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.table.keys().collect();
        f.debug_struct("Settings")
            .field("account", &self.account)
            .field("keys", &keys)
            .finish_non_exhaustive()
    }
}
