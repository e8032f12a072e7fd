//! An account's own keys: the program, the database that it reads, and whose messages are heard.

use std::path::PathBuf;

use openclaw_plugin_sdk::{
    Settings, SettingsError,
    kit::config::{absolute, program},
};
use serde::Deserialize;

use crate::text;

/// What is started where nothing else is named.
const PROGRAM: &str = "imsg";

/// A checked configuration.
pub(crate) struct Config {
    pub(crate) program: PathBuf,
    /// The database of Messages, where it is not that of the user.
    pub(crate) database: Option<PathBuf>,
    /// Senders that Apple does not vouch for are heard too.
    pub(crate) takes_all: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    cli_path: Option<PathBuf>,
    db_path: Option<PathBuf>,
    service: Option<String>,
}

impl Config {
    pub(crate) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let keys: Keys = settings.parse()?;
        let takes_all = match keys.service.as_deref() {
            None | Some("imessage") => false,
            Some("auto") => true,
            Some(_) => return Err(SettingsError::new("service", text::NO_SERVICE)),
        };
        Ok(Self {
            program: program("cli_path", keys.cli_path.unwrap_or_else(|| PROGRAM.into()))?,
            database: keys.db_path.map(|path| absolute("db_path", path)).transpose()?,
            takes_all,
        })
    }
}

#[cfg(test)]
mod tests {
    use openclaw_plugin_sdk::testing::settings;

    use super::*;

    fn read(table: &str) -> Result<Config, SettingsError> {
        Config::read(&settings(table))
    }

    #[test]
    fn nothing_has_to_be_said_and_senders_that_nobody_vouches_for_are_not_heard() {
        let config = read("").unwrap();
        assert_eq!((config.program, config.database), ("imsg".into(), None));
        assert!(!config.takes_all && !read("service = 'imessage'").unwrap().takes_all);
        assert!(read("service = 'auto'").unwrap().takes_all);
        let config = read("cli_path = '/opt/homebrew/bin/imsg'\ndb_path = '/srv/chat.db'").unwrap();
        assert_eq!(config.database, Some("/srv/chat.db".into()));
    }

    #[test]
    fn what_can_be_no_program_no_database_and_no_service_is_refused() {
        for (table, key) in [
            ("cli_path = ''", "cli_path"),
            ("cli_path = 'bin/imsg'", "cli_path"),
            ("db_path = 'chat.db'", "db_path"),
            ("service = 'sms'", "service"),
            ("service = ''", "service"),
            ("remote_host = 'mac'", ""),
        ] {
            let error = read(table).err().unwrap_or_else(|| panic!("{table} is refused"));
            assert!(key.is_empty() || error.key == key, "{table}: {error}");
        }
    }
}
